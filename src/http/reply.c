/* SPDX-License-Identifier: Apache-2.0
 *
 * http/reply.c - an answer: its head, its framing, its end.
 *
 * RFC 9112 sections 4 (status line), 6 (framing), 7.1 (chunks), 9
 * (persistence).
 *
 * Everything is put into the gate's output, in one reservation a call, so
 * that a call that runs out of memory has written nothing. What was written
 * in one turn of the loop leaves in one system call (gate.c).
 *
 * The status line says HTTP/1.1 also to a client of 1.0 (RFC 9110 section 2.5);
 * what such a client cannot read, chunks, it does not get.
 */
#include <event2/buffer.h>
#include <string.h>

#include "base/octets.h"
#include "http/gate.h"

static const struct reason {
    int status;
    const char *phrase;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

/* RFC 9112 section 4: the phrase may be empty, the space before it not. */
static const char *reason_of(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].phrase;
    return "";
}

/* ---- one reservation, filled from front to back ---- */

struct space {
    struct evbuffer *out;
    struct evbuffer_iovec room;
    size_t used;
};

static bool space_reserve(struct space *s, struct gate *g, size_t bytes)
{
    s->out = gate_out(g);
    s->used = 0;
    return s->out != NULL &&
           evbuffer_reserve_space(s->out, (ev_ssize_t)bytes, &s->room, 1) == 1;
}

static void put(struct space *s, const char *data, size_t len)
{
    CHECK(len <= s->room.iov_len - s->used);
    if (len > 0)
        memcpy((char *)s->room.iov_base + s->used, data, len);
    s->used += len;
}

static void put_str(struct space *s, const char *cstr)
{
    put(s, cstr, strlen(cstr));
}

/* In base 10 or 16. */
static void put_number(struct space *s, uint64_t number, unsigned base)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0);
    put(s, digits + at, sizeof(digits) - at);
}

static void space_commit(struct space *s)
{
    s->room.iov_len = s->used;
    CHECK(evbuffer_commit_space(s->out, &s->room, 1) == 0);
}

/* ---- head ---- */

/* What an upstream says must not become a line of its own here. */
static bool are_headers(const struct http_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!octets_are_token(headers[i].name) ||
            !octets_are_value(headers[i].value))
            return false;
    return true;
}

/* Status line, Date, framing and connection: with room to spare. */
#define OWN_LINES_BYTES 256

static size_t head_bytes(const struct http_header *headers, size_t count)
{
    size_t bytes = OWN_LINES_BYTES;
    for (size_t i = 0; i < count; i++) {
        bytes += headers[i].name.len + headers[i].value.len + 4;
    }
    return bytes;
}

/* How the client will know where the answer ends. */
static void decide_framing(struct gate *g, int status, int64_t length)
{
    struct http_request *req = &g->req;
    req->is_reply_bodiless =
        req->head.is_head || status == 204 || status == 304;
    req->is_reply_chunked = false;
    req->is_reply_until_close = false;
    req->reply_left = -1;
    if (req->is_reply_bodiless)
        return;
    req->reply_left = length;
    if (length >= 0)
        return;
    if (req->head.minor > 0) {
        req->is_reply_chunked = true;
    } else {
        req->is_reply_until_close = true;
        g->must_close = true;
    }
}

static void put_framing(struct space *s, const struct http_request *req,
                        int status, int64_t length)
{
    if (req->is_reply_chunked) {
        put_str(s, "Transfer-Encoding: chunked\r\n");
    } else if (length >= 0 && status != 204 && status != 304) {
        put_str(s, "Content-Length: ");
        put_number(s, (uint64_t)length, 10);
        put_str(s, "\r\n");
    }
}

enum status http_reply_begin(struct http_request *req, int status,
                             const struct http_header *headers, size_t count,
                             int64_t length)
{
    struct gate *g = gate_of(req);
    struct space s;
    CHECK(req->reply == REPLY_NONE);
    if (status < 200 || status > 999 || !are_headers(headers, count))
        return STATUS_INVALID;
    if (!space_reserve(&s, g, head_bytes(headers, count)))
        return STATUS_NO_MEMORY;
    req->reply = REPLY_BEGUN;
    /* The answer comes instead of the 100. */
    if (req->is_continue_due && g->input == GATE_BODY)
        http_request_discard(req);
    if (!req->head.is_persistent || g->server->is_draining)
        g->must_close = true;
    decide_framing(g, status, length);
    put_str(&s, "HTTP/1.1 ");
    put_number(&s, (uint64_t)status, 10);
    put_str(&s, " ");
    put_str(&s, reason_of(status));
    put_str(&s, "\r\nDate: ");
    put_str(&s, server_date(g->server));
    put_str(&s, "\r\n");
    for (size_t i = 0; i < count; i++) {
        put(&s, headers[i].name.data, headers[i].name.len);
        put(&s, ": ", 2);
        put(&s, headers[i].value.data, headers[i].value.len);
        put(&s, "\r\n", 2);
    }
    put_framing(&s, req, status, length);
    if (g->must_close)
        put_str(&s, "Connection: close\r\n");
    else if (req->head.minor == 0)
        put_str(&s, "Connection: keep-alive\r\n");
    put(&s, "\r\n", 2);
    space_commit(&s);
    gate_wake(g);
    return STATUS_OK;
}

/* ---- body and end ---- */

/* Sixteen digits and two line ends, at most. */
#define CHUNK_FRAME_BYTES 20

enum status http_reply_write(struct http_request *req, const char *data,
                             size_t len)
{
    struct gate *g = gate_of(req);
    struct space s;
    CHECK(req->reply == REPLY_BEGUN);
    if (len == 0 || req->is_reply_bodiless || req->is_gone || req->is_aborted)
        return STATUS_OK;
    if (req->reply_left >= 0 && (uint64_t)req->reply_left < len)
        return STATUS_TOO_LARGE;
    if (!space_reserve(&s, g, len + CHUNK_FRAME_BYTES))
        return STATUS_NO_MEMORY;
    if (req->is_reply_chunked) {
        put_number(&s, len, 16);
        put(&s, "\r\n", 2);
    }
    put(&s, data, len);
    if (req->is_reply_chunked)
        put(&s, "\r\n", 2);
    space_commit(&s);
    if (req->reply_left >= 0)
        req->reply_left -= (int64_t)len;
    gate_wake(g);
    return STATUS_OK;
}

void http_reply_end(struct http_request *req)
{
    struct gate *g = gate_of(req);
    CHECK(req->reply == REPLY_BEGUN);
    req->reply = REPLY_ENDED;
    if (req->is_reply_chunked && !req->is_gone &&
        evbuffer_add(gate_out(g), "0\r\n\r\n", 5) != 0)
        req->is_aborted = true;
    gate_wake(g);
}

void http_reply_abort(struct http_request *req)
{
    req->is_aborted = true;
    gate_wake(gate_of(req));
}

size_t http_reply_pending(const struct http_request *req)
{
    const struct gate *g = gate_of(req);
    return g->out == NULL ? 0 : evbuffer_get_length(g->out);
}
