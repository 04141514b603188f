/* SPDX-License-Identifier: Apache-2.0
 *
 * stub/request.c - parsing a head, strictly: a proxy's forwarding is judged
 * by what arrives here, so nothing odd is tolerated (RFC 9112).
 */
#define _GNU_SOURCE /* strcasestr */
#include "stub/request.h"

#include <ctype.h>
#include <strings.h>

void stub_request_init(struct stub_request *req)
{
    memset(req, 0, sizeof *req);
    buffer_init(&req->head, STUB_HEAD_MAX);
    buffer_init(&req->body, STUB_BODY_MAX);
}

void stub_request_release(struct stub_request *req)
{
    buffer_release(&req->head);
    buffer_release(&req->body);
}

const char *stub_request_header(const struct stub_request *req,
                                const char *name)
{
    for (size_t i = 0; i < req->header_count; i++)
        if (strcasecmp(req->headers[i].name, name) == 0)
            return req->headers[i].value;
    return NULL;
}

static bool is_token(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr("!#$%&'*+-.^_`|~", *s))
            return false;
    return true;
}

/* Cut the next line off `*rest`, in place; NULL unless it ends in CR LF and
 * holds no other control bytes. */
static char *next_line(char **rest)
{
    char *line = *rest, *end = strstr(line, "\r\n");

    if (!end)
        return NULL;
    *end = '\0';
    *rest = end + 2;
    for (const char *p = line; *p; p++)
        if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
            return NULL;
    return line;
}

static bool parse_request_line(struct stub_request *req, char *line)
{
    char *target = strchr(line, ' ');
    char *version = target ? strchr(target + 1, ' ') : NULL;

    if (!version)
        return false;
    *target++ = '\0';
    *version++ = '\0';
    if (!is_token(line) || *target != '/')
        return false;
    if (strcmp(version, "HTTP/1.0") == 0)
        req->wants_close = true;
    else if (strcmp(version, "HTTP/1.1") != 0)
        return false;
    req->method = line;
    req->target = target;
    req->query = text_cut(text_of(target), '?', &req->path);
    return true;
}

static bool parse_header(struct stub_request *req, char *line)
{
    char *colon = strchr(line, ':');
    char *value, *end;

    if (!colon || req->header_count == STUB_HEADERS_MAX)
        return false;
    *colon = '\0';
    if (!is_token(line))
        return false;
    value = colon + 1 + strspn(colon + 1, " \t");
    end = value + strlen(value);
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = '\0';
    req->headers[req->header_count].name = line;
    req->headers[req->header_count++].value = value;
    return true;
}

/* What the headers say about the body and the connection. */
static bool parse_framing(struct stub_request *req)
{
    const char *value;
    size_t lengths = 0, codings = 0;
    uint64_t length;

    for (size_t i = 0; i < req->header_count; i++) {
        lengths += strcasecmp(req->headers[i].name, "content-length") == 0;
        codings += strcasecmp(req->headers[i].name, "transfer-encoding") == 0;
    }
    if (lengths + codings > 1)
        return false;
    if (codings) {
        value = stub_request_header(req, "transfer-encoding");
        if (strcasecmp(value, "chunked") != 0)
            return false;
        req->is_chunked = true;
    }
    if (lengths) {
        value = stub_request_header(req, "content-length");
        if (text_to_u64(text_of(value), INT64_MAX, &length) != STATUS_OK)
            return false;
        req->length = (int64_t)length;
    }
    value = stub_request_header(req, "connection");
    if (value && strcasestr(value, "close"))
        req->wants_close = true;
    value = stub_request_header(req, "expect");
    req->wants_continue = value && strcasecmp(value, "100-continue") == 0;
    return true;
}

enum status stub_request_parse(struct stub_request *req, const char *head,
                               size_t len)
{
    char *rest, *line;
    enum status status;

    if (memchr(head, '\0', len))
        return STATUS_INVALID;
    status = buffer_append(&req->head, head, len);
    if (status != STATUS_OK)
        return status;
    rest = req->head.data;
    line = next_line(&rest);
    if (!line || !parse_request_line(req, line))
        return STATUS_INVALID;
    while ((line = next_line(&rest)) && *line)
        if (!parse_header(req, line))
            return STATUS_INVALID;
    if (!line || !parse_framing(req) || !stub_request_header(req, "host"))
        return STATUS_INVALID;
    return STATUS_OK;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode(struct text in, char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < in.len; i++) {
        char c = in.data[i];

        if (n + 1 >= size)
            return false;
        if (c == '%' && i + 2 < in.len && hex_digit(in.data[i + 1]) >= 0 &&
            hex_digit(in.data[i + 2]) >= 0) {
            c = (char)(hex_digit(in.data[i + 1]) * 16 +
                       hex_digit(in.data[i + 2]));
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

bool stub_request_query(const struct stub_request *req, const char *name,
                        char *out, size_t size)
{
    struct text rest = req->query, pair, key, value;

    while (!text_is_absent(rest)) {
        rest = text_cut(rest, '&', &pair);
        value = text_cut(pair, '=', &key);
        if (text_is(key, name))
            return decode(value, out, size);
    }
    return false;
}
