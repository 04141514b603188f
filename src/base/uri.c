/* SPDX-License-Identifier: Apache-2.0
 *
 * base/uri.c - RFC 3986 appendix A, read off left to right.
 *
 * Each part goes as far as its characters do, and what stands there then
 * decides what comes next: no part may hold the delimiter that ends it, so
 * nothing is tried twice but an authority that might begin with userinfo.
 * Whatever is in no class of characters (spaces, controls, backslashes,
 * quotes, anything outside ASCII) ends a part where none may end.
 */
#include "base/uri.h"

/* Sets of characters; a part allows a sum of them. */
enum {
    ALPHA = 1,
    DIGIT = 2,
    HEX_LETTER = 4, /* a to f, which are ALPHA as well */
    MARK = 8,       /* - . _ ~ : the rest of unreserved */
    SUB_DELIM = 16,
    COLON = 32,
    AT = 64,
    SLASH = 128,
    QUESTION = 256,
    SCHEME = 512, /* + - . : what a scheme may have besides */
};

#define UNRESERVED (ALPHA | DIGIT | MARK)
#define PCHAR (UNRESERVED | SUB_DELIM | COLON | AT)

static const uint16_t class_of[256] = {
    ['A' ... 'F'] = ALPHA | HEX_LETTER,
    ['G' ... 'Z'] = ALPHA,
    ['a' ... 'f'] = ALPHA | HEX_LETTER,
    ['g' ... 'z'] = ALPHA,
    ['0' ... '9'] = DIGIT,
    ['-'] = MARK | SCHEME,
    ['.'] = MARK | SCHEME,
    ['_'] = MARK,
    ['~'] = MARK,
    ['!'] = SUB_DELIM,
    ['$'] = SUB_DELIM,
    ['&'] = SUB_DELIM,
    ['\''] = SUB_DELIM,
    ['('] = SUB_DELIM,
    [')'] = SUB_DELIM,
    ['*'] = SUB_DELIM,
    ['+'] = SUB_DELIM | SCHEME,
    [','] = SUB_DELIM,
    [';'] = SUB_DELIM,
    ['='] = SUB_DELIM,
    [':'] = COLON,
    ['@'] = AT,
    ['/'] = SLASH,
    ['?'] = QUESTION,
};

static bool is_in(char c, unsigned classes)
{
    return (class_of[(uint8_t)c] & classes) != 0;
}

static bool is_hex(char c)
{
    return is_in(c, DIGIT | HEX_LETTER);
}

/* Behind the characters of these classes from `at` on. */
static size_t span(struct text t, size_t at, unsigned classes)
{
    while (at < t.len && is_in(t.data[at], classes))
        at++;
    return at;
}

/* The same with percent-encoded bytes among them. */
static size_t span_encoded(struct text t, size_t at, unsigned classes)
{
    for (;;) {
        at = span(t, at, classes);
        if (t.len - at < 3 || t.data[at] != '%' || !is_hex(t.data[at + 1]) ||
            !is_hex(t.data[at + 2]))
            return at;
        at += 3;
    }
}

static bool is_at(struct text t, size_t at, char c)
{
    return at < t.len && t.data[at] == c;
}

static struct text part(struct text t, size_t begin, size_t end)
{
    return text_make(t.data + begin, end - begin);
}

/* ---- hosts ---- */

bool uri_is_ipv4(struct text t)
{
    size_t i = 0;

    for (int octets = 1; octets <= 4; octets++) {
        unsigned value = 0;
        size_t begin = i;

        while (i < t.len && is_in(t.data[i], DIGIT) && i - begin < 3)
            value = value * 10 + (unsigned)(t.data[i++] - '0');
        if (i == begin || value > 255 ||
            (t.data[begin] == '0' && i - begin > 1))
            return false;
        if (octets < 4 && (i == t.len || t.data[i++] != '.'))
            return false;
    }
    return i == t.len;
}

/* Eight groups of 16 bits, the last two perhaps as an IPv4 address, and at
 * most one "::" in place of at least one group. */
bool uri_is_ipv6(struct text t)
{
    unsigned groups = 0;
    bool has_gap = false;
    size_t i = 0;

    if (t.len >= 2 && t.data[0] == ':' && t.data[1] == ':') {
        has_gap = true;
        i = 2;
        if (i == t.len)
            return true;
    }
    for (;;) {
        size_t begin = i;

        while (i < t.len && is_hex(t.data[i]) && i - begin < 4)
            i++;
        if (i < t.len && t.data[i] == '.') {
            if (!uri_is_ipv4(part(t, begin, t.len)))
                return false;
            groups += 2;
            break;
        }
        if (i == begin)
            return false;
        groups++;
        if (i == t.len)
            break;
        if (t.data[i++] != ':' || i == t.len || groups >= 8)
            return false;
        if (t.data[i] == ':') {
            if (has_gap)
                return false;
            has_gap = true;
            if (++i == t.len)
                break;
        }
    }
    return has_gap ? groups < 8 : groups == 8;
}

/* IPvFuture = "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" ) */
static bool is_ip_future(struct text t)
{
    size_t dot;

    if (!is_at(t, 0, 'v') && !is_at(t, 0, 'V'))
        return false;
    dot = span(t, 1, DIGIT | HEX_LETTER);
    return dot > 1 && is_at(t, dot, '.') && t.len > dot + 1 &&
           span(t, dot + 1, UNRESERVED | SUB_DELIM | COLON) == t.len;
}

/* ---- the parts: each goes on from *at, and leaves it behind itself ---- */

static bool parse_host(struct text t, size_t *at, struct uri *u)
{
    size_t begin = *at, end;
    struct text inside;

    if (!is_at(t, begin, '[')) {
        *at = span_encoded(t, begin, UNRESERVED | SUB_DELIM);
        u->host = part(t, begin, *at);
        return true;
    }
    end = span(t, begin + 1, UNRESERVED | SUB_DELIM | COLON);
    if (!is_at(t, end, ']'))
        return false;
    *at = end + 1;
    u->host = part(t, begin, *at);
    inside = part(t, begin + 1, end);
    return uri_is_ipv6(inside) || is_ip_future(inside);
}

/* authority = [ userinfo "@" ] host [ ":" port ] */
static bool parse_authority(struct text t, size_t *at, struct uri *u)
{
    size_t begin = *at;
    size_t end = span_encoded(t, begin, UNRESERVED | SUB_DELIM | COLON);

    if (is_at(t, end, '@')) {
        u->userinfo = part(t, begin, end);
        *at = end + 1;
    }
    if (!parse_host(t, at, u))
        return false;
    if (is_at(t, *at, ':')) {
        begin = *at + 1;
        *at = span(t, begin, DIGIT);
        u->port = part(t, begin, *at);
    }
    return *at == t.len || t.data[*at] == '/' || t.data[*at] == '?' ||
           t.data[*at] == '#';
}

/* What follows the scheme and its colon, or all of a relative reference. */
static bool parse_rest(struct text t, size_t at, struct uri *u)
{
    size_t begin;

    if (is_at(t, at, '/') && is_at(t, at + 1, '/')) {
        at += 2;
        if (!parse_authority(t, &at, u))
            return false;
    }
    begin = at;
    at = span_encoded(t, begin, PCHAR | SLASH);
    u->path = part(t, begin, at);
    if (is_at(t, at, '?')) {
        begin = at + 1;
        at = span_encoded(t, begin, PCHAR | SLASH | QUESTION);
        u->query = part(t, begin, at);
    }
    if (is_at(t, at, '#')) {
        begin = at + 1;
        at = span_encoded(t, begin, PCHAR | SLASH | QUESTION);
        u->fragment = part(t, begin, at);
    }
    return at == t.len;
}

enum status uri_parse_reference(struct text t, struct uri *out)
{
    struct uri u = {.scheme = {NULL, 0}};
    size_t at;

    if (text_is_absent(t))
        t = text_of(""); /* so that the path is not absent */
    /* scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ) */
    at = span(t, 0, ALPHA | DIGIT | SCHEME);
    if (is_at(t, at, ':') && is_in(t.data[0], ALPHA)) {
        u.scheme = part(t, 0, at);
        at++;
    } else {
        /* No colon in the first segment: section 4.2. */
        if (is_at(t, span_encoded(t, 0, PCHAR & ~(unsigned)COLON), ':'))
            return STATUS_INVALID;
        at = 0;
    }
    if (!parse_rest(t, at, &u))
        return STATUS_INVALID;
    *out = u;
    return STATUS_OK;
}

enum status uri_parse(struct text t, struct uri *out)
{
    struct uri u;

    if (uri_parse_reference(t, &u) != STATUS_OK || text_is_absent(u.scheme))
        return STATUS_INVALID;
    *out = u;
    return STATUS_OK;
}

static unsigned hex_value(char c)
{
    return (unsigned)(is_in(c, DIGIT) ? c - '0' : (c | 0x20) - 'a' + 10);
}

enum status uri_decode(struct text t, bool plus_is_space, char *out,
                       size_t *len)
{
    size_t n = 0;

    for (size_t i = 0; i < t.len; i++) {
        char c = t.data[i];

        if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c == '%') {
            if (t.len - i < 3 || !is_hex(t.data[i + 1]) ||
                !is_hex(t.data[i + 2]))
                return STATUS_INVALID;
            c = (char)(hex_value(t.data[i + 1]) << 4 |
                       hex_value(t.data[i + 2]));
            i += 2;
        }
        out[n++] = c;
    }
    *len = n;
    return STATUS_OK;
}
