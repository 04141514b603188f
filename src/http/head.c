/* SPDX-License-Identifier: Apache-2.0
 *
 * http/head.c - the head of a request, to the letter.
 *
 * RFC 9112 sections 2.2 (lines), 3 (request line), 5 (fields), 6 (framing),
 * 9.3 (persistence), RFC 9110 sections 5.5, 7.2 (Host), 10.1.1 (Expect).
 *
 * Stricter than the standard, on purpose:
 *  - Lines end in CRLF. A bare LF is refused (2.2 would permit it), so is a
 *    bare CR (2.2: invalid, or a space), folding (5.2) and every control
 *    byte but HTAB in a value.
 *  - Targets are in origin form. Absolute form is refused even for our own
 *    host: no client of a gateway needs it, and it carries a second host.
 *    Authority form goes with CONNECT, and `*` with OPTIONS: neither is
 *    served.
 *  - Content-Length and Transfer-Encoding: one of them, once, at most one
 *    space before the value and nothing behind it; "chunked" in exactly these
 *    letters. A neighbour that reads a field more or less leniently than
 *    this then has nothing to disagree about.
 *  - Content_Length and the like (an underscore for a hyphen) are refused:
 *    CGI's naming makes them the same name further on.
 *  - A Host is a name or an address and a port, without the sub-delims and
 *    escapes that RFC 3986 lets a reg-name have and no host has.
 *
 * The order of checks is chosen so that a verdict does not depend on where the
 * bytes were cut: control bytes of the request line, the request line, the
 * syntax of all fields, then their meaning.
 */
#include "http/head.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/octets.h"

/* ---- scan ---- */

void head_scan_init(struct head_scan *s)
{
    *s = (struct head_scan){0};
}

/* Is there a byte in [from, len) that no head may have? CR is looked at
 * together with what follows it. */
static bool has_bad_byte(const char *data, size_t from, size_t len)
{
    for (size_t i = from; i < len; i++) {
        if (!octet_is(data[i], OCTET_CONTROL) || data[i] == '\t')
            continue;
        if (data[i] != '\r' || (i + 1 < len && data[i + 1] != '\n'))
            return true;
    }
    return false;
}

enum head_scan_result head_scan_feed(struct head_scan *s, const char *data,
                                     size_t len)
{
    while (s->pos < len) {
        const char *lf = memchr(data + s->pos, '\n', len - s->pos);
        if (lf == NULL) {
            /* A CR that ended the last piece is followed by something now. */
            size_t from = s->pos > s->line ? s->pos - 1 : s->pos;
            if (has_bad_byte(data, from, len))
                return HEAD_SCAN_BAD;
            s->pos = len;
            break;
        }
        size_t end = (size_t)(lf - data);
        if (end == s->line || data[end - 1] != '\r')
            return HEAD_SCAN_BAD;
        bool is_empty = end - 1 == s->line;
        s->pos = end + 1;
        if (is_empty && s->lines > 0)
            return HEAD_SCAN_END;
        if (is_empty && s->skipped > 0)
            return HEAD_SCAN_BAD;
        if (is_empty)
            s->skipped = 2; /* RFC 9112 section 2.2: at least one */
        else
            s->lines++;
        s->line = s->pos;
    }
    return HEAD_SCAN_MORE;
}

/* ---- the request line: RFC 9112 section 3 ---- */

static bool has_control(struct text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (octet_is(t.data[i], OCTET_CONTROL))
            return true;
    return false;
}

static enum http_refusal check_version(struct text version, struct head *out)
{
    if (text_equal(version, TEXT_LIT("HTTP/1.1")))
        out->minor = 1;
    else if (text_equal(version, TEXT_LIT("HTTP/1.0")))
        out->minor = 0;
    else
        return text_starts_with(version, TEXT_LIT("HTTP/"))
                   ? HTTP_REFUSAL_VERSION
                   : HTTP_REFUSAL_REQUEST_LINE;
    return HTTP_REFUSAL_NONE;
}

static enum http_refusal check_method(struct text method, struct head *out)
{
    if (!octets_are_token(method) || method.len > HEAD_MAX_METHOD)
        return HTTP_REFUSAL_METHOD;
    out->method = method;
    out->is_head = text_equal(method, TEXT_LIT("HEAD"));
    /* A tunnel has no place here, and TRACE tells the credentials back. */
    if (text_equal(method, TEXT_LIT("CONNECT")) ||
        text_equal(method, TEXT_LIT("TRACE")))
        return HTTP_REFUSAL_METHOD;
    return HTTP_REFUSAL_NONE;
}

enum http_refusal head_parse_request_line(struct text line, struct head *out)
{
    struct text method, target;
    *out = (struct head){.minor = 1};
    if (has_control(line))
        return HTTP_REFUSAL_REQUEST_LINE;
    struct text rest = text_cut(line, ' ', &method);
    struct text version = text_cut(rest, ' ', &target);
    if (text_is_absent(version) || method.len == 0 || target.len == 0 ||
        memchr(version.data, ' ', version.len) != NULL)
        return HTTP_REFUSAL_REQUEST_LINE;
    enum http_refusal refusal = check_version(version, out);
    if (refusal == HTTP_REFUSAL_NONE)
        refusal = check_method(method, out);
    if (refusal != HTTP_REFUSAL_NONE)
        return refusal;
    if (target.data[0] != '/' || !octets_are(target, OCTET_TARGET))
        return HTTP_REFUSAL_TARGET;
    out->target = target;
    return HTTP_REFUSAL_NONE;
}

/* ---- fields: RFC 9112 section 5 ---- */

/* What the fields that matter for framing and persistence have said. */
struct facts {
    unsigned hosts, lengths, encodings, expects;
    struct text host, length, encoding, expect;
    bool is_padded_length, is_padded_encoding;
    bool says_close, says_keep_alive;
    bool is_bad; /* a line broke its own grammar */
};

/* A framing field is written ": value" or ":value", no other way. */
static bool is_padded(struct text raw, struct text value)
{
    return raw.len - value.len > 1 ||
           (raw.len > value.len && raw.data[0] != ' ');
}

/* RFC 9110 section 7.6.1: a list of tokens. */
static bool take_connection(struct text value, struct facts *f)
{
    struct text rest = value;
    while (!text_is_absent(rest)) {
        struct text option;
        rest = text_cut(rest, ',', &option);
        option = text_trim(option);
        if (!octets_are(option, OCTET_TOKEN))
            return false;
        if (text_equal_nocase(option, TEXT_LIT("close")))
            f->says_close = true;
        else if (text_equal_nocase(option, TEXT_LIT("keep-alive")))
            f->says_keep_alive = true;
    }
    return true;
}

static bool is_name(struct text name, const char *wanted)
{
    return text_equal_nocase(name, text_of(wanted));
}

static void take_framing_field(struct text name, struct text raw,
                               struct text value, struct facts *f)
{
    if (is_name(name, "content-length")) {
        f->lengths++;
        f->length = value;
        f->is_padded_length |= is_padded(raw, value);
    } else if (is_name(name, "transfer-encoding")) {
        f->encodings++;
        f->encoding = value;
        f->is_padded_encoding |= is_padded(raw, value);
    } else if (is_name(name, "content_length") ||
               is_name(name, "transfer_encoding")) {
        f->is_bad = true;
    }
}

static void take_field(struct text name, struct text raw, struct text value,
                       struct facts *f)
{
    switch (name.len) {
    case 4:
        if (is_name(name, "host")) {
            f->hosts++;
            f->host = value;
        }
        break;
    case 6:
        if (is_name(name, "expect")) {
            f->expects++;
            f->expect = value;
        }
        break;
    case 10:
        if (is_name(name, "connection") && !take_connection(value, f))
            f->is_bad = true;
        break;
    case 14:
    case 17:
        take_framing_field(name, raw, value, f);
        break;
    default:
        break;
    }
}

/* "name: value" without its CRLF; false when it breaks the grammar. A line
 * that begins with white space (folding) has no token before its colon. */
static bool split_field(struct text line, struct text *name, struct text *raw)
{
    *raw = text_cut(line, ':', name);
    return !text_is_absent(*raw) && octets_are_token(*name) &&
           octets_are_value(*raw);
}

/* ---- meaning ---- */

/* RFC 3986 section 3.2.3: digits or nothing; and a port that can exist. */
static bool is_port(struct text port)
{
    uint64_t number;
    return port.len == 0 ||
           (port.len <= 5 && text_to_u64(port, 65535, &number) == STATUS_OK);
}

/* RFC 4291 section 2.2, without a zone. */
static bool is_ipv6(struct text t)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (t.len == 0 || t.len >= sizeof(copy))
        return false;
    memcpy(copy, t.data, t.len);
    copy[t.len] = '\0';
    return inet_pton(AF_INET6, copy, &address) == 1;
}

/* RFC 9110 section 7.2, RFC 3986 section 3.2.2. */
static bool is_host(struct text host)
{
    struct text name, port;
    if (host.len > 0 && host.data[0] == '[') {
        port = text_cut(host, ']', &name);
        if (text_is_absent(port) ||
            !is_ipv6(text_make(name.data + 1, name.len - 1)))
            return false;
        return port.len == 0 ||
               (port.data[0] == ':' &&
                is_port(text_make(port.data + 1, port.len - 1)));
    }
    port = text_cut(host, ':', &name);
    return name.len > 0 && octets_are(name, OCTET_HOST) &&
           (text_is_absent(port) || is_port(port));
}

/* RFC 9112 section 6: how long is the body. */
static enum http_refusal decide_framing(const struct facts *f, struct head *out)
{
    if (f->encodings > 0) {
        if (f->encodings > 1 || f->lengths > 0 || out->minor == 0 ||
            f->is_padded_encoding ||
            !text_equal(f->encoding, TEXT_LIT("chunked")))
            return HTTP_REFUSAL_TRANSFER_ENCODING;
        out->length = -1;
    } else if (f->lengths > 0) {
        uint64_t length;
        if (f->lengths > 1 || f->is_padded_length || f->length.len > 19 ||
            text_to_u64(f->length, INT64_MAX, &length) != STATUS_OK)
            return HTTP_REFUSAL_CONTENT_LENGTH;
        out->length = (int64_t)length;
    }
    return HTTP_REFUSAL_NONE;
}

static enum http_refusal decide(const struct facts *f, struct head *out)
{
    if (f->is_bad)
        return HTTP_REFUSAL_HEADER;
    enum http_refusal refusal = decide_framing(f, out);
    if (refusal != HTTP_REFUSAL_NONE)
        return refusal;
    if (f->hosts > 1 || (f->hosts == 0 && out->minor > 0) ||
        (f->hosts == 1 && !is_host(f->host)))
        return HTTP_REFUSAL_HOST;
    if (f->expects > 0) {
        if (f->expects > 1 ||
            !text_equal_nocase(f->expect, TEXT_LIT("100-continue")))
            return HTTP_REFUSAL_EXPECTATION;
        /* RFC 9110 section 10.1.1: not from 1.0, not without a body. */
        out->expects_continue = out->minor > 0 && out->length != 0;
    }
    out->is_persistent =
        !f->says_close && (out->minor > 0 || f->says_keep_alive);
    if (out->is_head && out->length != 0)
        return HTTP_REFUSAL_UNEXPECTED_BODY;
    return HTTP_REFUSAL_NONE;
}

/* The next line without its CRLF; head_scan has seen to it that there is
 * one. */
static struct text next_line(struct text *rest)
{
    struct text line;
    *rest = text_cut(*rest, '\n', &line);
    if (line.len > 0)
        line.len--;
    return line;
}

enum http_refusal head_parse(struct text bytes, struct http_header *headers,
                             size_t max_headers, struct head *out)
{
    struct facts facts = {0};
    struct text rest = bytes, line = next_line(&rest);
    size_t count = 0;
    enum http_refusal refusal = head_parse_request_line(line, out);
    if (refusal != HTTP_REFUSAL_NONE)
        return refusal;
    while ((line = next_line(&rest)).len > 0) {
        struct text name, raw;
        if (!split_field(line, &name, &raw))
            return HTTP_REFUSAL_HEADER;
        struct text value = text_trim(raw);
        take_field(name, raw, value, &facts);
        if (count < max_headers && count < HEAD_MAX_HEADERS)
            headers[count] = (struct http_header){name, value};
        count++;
    }
    if (count > max_headers || count > HEAD_MAX_HEADERS)
        return HTTP_REFUSAL_HEAD_TOO_LARGE;
    out->headers = headers;
    out->header_count = count;
    return decide(&facts, out);
}
