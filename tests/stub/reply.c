/* SPDX-License-Identifier: Apache-2.0
 *
 * stub/reply.c - heads, framing and the faults of an answer.
 */
#include "stub/reply.h"

#include <inttypes.h>
#include <string.h>

#include "stub/gzip.h"

/* One piece of a huge answer's array: a string of 1021 letters and a comma. */
#define PIECE 1024
#define PIECES_AT_ONCE 64
#define HUGE_BEGIN "{\"padding\":["
#define CHUNK 7

static const char *reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 202:
        return "Accepted";
    case 204:
        return "No Content";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    default:
        return "Status";
    }
}

static int64_t huge_length(const struct stub_reply *r)
{
    return (int64_t)strlen(HUGE_BEGIN) + r->padding_left * PIECE +
           (int64_t)strlen("\"\"]") + (int64_t)strlen(r->trace_member) + 1;
}

static bool add_head(struct stub_reply *r, const struct stub_answer *a,
                     const struct stub_fault *f, int64_t length)
{
    struct evbuffer *out = r->out;
    bool bare = a->status == 204 || a->status == 304;

    if (f->hints &&
        evbuffer_add_printf(out, "HTTP/1.1 103 Early Hints\r\n"
                                 "Link: </hint>; rel=preload\r\n\r\n") < 0)
        return false;
    if (evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\n", a->status,
                            reason(a->status)) < 0)
        return false;
    if (f->trace != STUB_TRACE_BODY && f->trace != STUB_TRACE_NONE &&
        evbuffer_add_printf(out, "x-trace-id: %s\r\n", a->trace_id) < 0)
        return false;
    if (!bare && evbuffer_add_printf(out, "Content-Type: "
                                          "application/json\r\n") < 0)
        return false;
    if (f->encoded && !bare &&
        evbuffer_add_printf(out, "Content-Encoding: gzip\r\n") < 0)
        return false;
    if (f->header[0] && evbuffer_add_printf(out, "%s\r\n", f->header) < 0)
        return false;
    if (r->close && evbuffer_add_printf(out, "Connection: close\r\n") < 0)
        return false;
    if (f->chunked && !bare)
        return evbuffer_add_printf(out, "Transfer-Encoding: "
                                        "chunked\r\n\r\n") > 0;
    if (bare)
        return evbuffer_add_printf(out, "\r\n") > 0;
    return evbuffer_add_printf(out, "Content-Length: %" PRId64 "\r\n\r\n",
                               length) > 0;
}

static bool add_body(struct stub_reply *r, struct text body, bool chunked)
{
    if (!chunked)
        return evbuffer_add(r->out, body.data, body.len) == 0;
    for (size_t i = 0; i < body.len; i += CHUNK) {
        size_t n = body.len - i < CHUNK ? body.len - i : CHUNK;

        if (evbuffer_add_printf(r->out, "%zx\r\n%.*s\r\n", n, (int)n,
                                body.data + i) < 0)
            return false;
    }
    return evbuffer_add_printf(r->out, "0\r\n\r\n") > 0;
}

/* Everything that is made at once: all but the middle of a huge answer. */
static bool make(struct stub_reply *r, const struct stub_answer *a,
                 const struct stub_fault *f, struct text body, bool is_head)
{
    bool bare = a->status == 204 || a->status == 304 || is_head;
    int64_t length = f->huge_bytes ? huge_length(r) : (int64_t)body.len;
    size_t head;

    if (f->act == STUB_GARBAGE) {
        r->close = true;
        return evbuffer_add_printf(r->out, "\x16\x03\x01 this is no answer"
                                           "\r\n\r\n\xff\xfe") > 0;
    }
    if (!add_head(r, a, f, length))
        return false;
    head = evbuffer_get_length(r->out);
    if (bare)
        r->padding_left = -1;
    else if (f->huge_bytes && evbuffer_add_printf(r->out, HUGE_BEGIN) < 0)
        return false;
    else if (!f->huge_bytes && !add_body(r, body, f->chunked))
        return false;
    if (f->half) {
        r->close = true;
        r->budget = f->half_bytes;
        if (r->budget < 0)
            r->budget = bare ? (int64_t)head / 2 : (int64_t)head + length / 2;
    }
    return true;
}

enum status stub_reply_begin(struct stub_reply *r, const struct stub_answer *a,
                             const struct stub_fault *fault, bool is_head,
                             bool close)
{
    struct buffer zipped;
    struct text body = buffer_text(&a->body);
    bool made = false;

    memset(r, 0, sizeof *r);
    r->close = close || fault->close;
    r->budget = INT64_MAX;
    r->padding_left = fault->huge_bytes ? fault->huge_bytes / PIECE : -1;
    if (fault->trace == STUB_TRACE_BOTH || fault->trace == STUB_TRACE_BODY)
        snprintf(r->trace_member, sizeof r->trace_member,
                 ",\"trace_id\":\"%s\"", a->trace_id);
    r->out = evbuffer_new();
    if (!r->out)
        return STATUS_NO_MEMORY;
    buffer_init(&zipped, STUB_ANSWER_MAX + 1024 * 1024);
    if (!fault->encoded || stub_gzip(body, &zipped) == STATUS_OK)
        made = make(r, a, fault, fault->encoded ? buffer_text(&zipped) : body,
                    is_head);
    buffer_release(&zipped);
    if (!made) {
        stub_reply_release(r);
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

void stub_reply_release(struct stub_reply *r)
{
    if (r->out)
        evbuffer_free(r->out);
    r->out = NULL;
}

/* Some more of a huge answer. */
static bool make_more(struct stub_reply *r)
{
    char piece[PIECE];

    memset(piece, 'x', sizeof piece);
    piece[0] = '"';
    piece[PIECE - 2] = '"';
    piece[PIECE - 1] = ',';
    for (int i = 0; i < PIECES_AT_ONCE && r->padding_left > 0; i++) {
        if (evbuffer_add(r->out, piece, sizeof piece) < 0)
            return false;
        r->padding_left--;
    }
    if (r->padding_left > 0)
        return true;
    r->padding_left = -1;
    return evbuffer_add_printf(r->out, "\"\"]%s}", r->trace_member) > 0;
}

enum status stub_reply_move(struct stub_reply *r, struct evbuffer *to,
                            size_t max)
{
    int moved;

    while (max > 0 && !stub_reply_is_done(r)) {
        if (evbuffer_get_length(r->out) == 0 && !make_more(r))
            return STATUS_NO_MEMORY;
        if ((int64_t)max > r->budget)
            max = (size_t)r->budget;
        moved = evbuffer_remove_buffer(r->out, to, max);
        if (moved < 0)
            return STATUS_NO_MEMORY;
        max -= (size_t)moved;
        r->budget -= moved;
    }
    return STATUS_OK;
}

bool stub_reply_is_done(const struct stub_reply *r)
{
    return r->budget == 0 ||
           (evbuffer_get_length(r->out) == 0 && r->padding_left < 0);
}
