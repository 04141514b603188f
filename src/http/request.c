/* SPDX-License-Identifier: Apache-2.0
 *
 * http/request.c - what the exchange may ask about a request, and ask of it.
 *
 * Flags and spans only; what becomes due because of a flag is done by the
 * gate, from the loop.
 */
#include <event2/buffer.h>

#include "http/gate.h"

enum http_refusal http_request_refusal(const struct http_request *req)
{
    return req->refusal;
}

struct text http_request_method(const struct http_request *req)
{
    return req->head.method;
}

struct text http_request_target(const struct http_request *req)
{
    return req->head.target;
}

int http_request_minor(const struct http_request *req)
{
    return req->head.minor;
}

size_t http_request_headers(const struct http_request *req,
                            const struct http_header **out)
{
    *out = req->head.headers;
    return req->head.header_count;
}

struct text http_request_header(const struct http_request *req,
                                const char *name)
{
    const struct head *head = &req->head;
    struct text wanted = text_of(name);
    for (size_t i = 0; i < head->header_count; i++)
        if (text_equal_nocase(head->headers[i].name, wanted))
            return head->headers[i].value;
    return (struct text){NULL, 0};
}

size_t http_request_header_count(const struct http_request *req,
                                 const char *name)
{
    const struct head *head = &req->head;
    struct text wanted = text_of(name);
    size_t count = 0;
    for (size_t i = 0; i < head->header_count; i++)
        if (text_equal_nocase(head->headers[i].name, wanted))
            count++;
    return count;
}

bool http_request_has_body(const struct http_request *req)
{
    return req->head.length != 0;
}

int64_t http_request_length(const struct http_request *req)
{
    return req->head.length;
}

const struct sockaddr *http_request_peer(const struct http_request *req)
{
    return &gate_of(req)->peer.any;
}

const char *http_request_peer_text(const struct http_request *req)
{
    return gate_of(req)->peer_text;
}

mono_us http_request_started(const struct http_request *req)
{
    return req->started;
}

bool http_request_is_tls(const struct http_request *req)
{
    return gate_of(req)->wire.ssl != NULL;
}

void http_request_continue(struct http_request *req)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct gate *g = gate_of(req);
    if (!req->is_continue_due || req->reply != REPLY_NONE)
        return;
    req->is_continue_due = false;
    struct evbuffer *out = gate_out(g);
    /* Without memory the client waits a moment and sends the body anyway. */
    if (out != NULL)
        (void)evbuffer_add(out, line, sizeof(line) - 1);
    gate_wake(g);
}

void http_request_discard(struct http_request *req)
{
    struct gate *g = gate_of(req);
    if (req->is_discarded)
        return;
    req->is_discarded = true;
    req->is_paused = false;
    /* A client that was told to wait may send the body or not: nobody could
     * say what its next bytes are. */
    if (g->input == GATE_BODY &&
        (req->is_continue_due || req->body_left > GATE_KEEP_BYTES))
        intake_drain(g);
    gate_wake(g);
}

void http_request_pause(struct http_request *req, bool paused)
{
    struct gate *g = gate_of(req);
    if (req->is_paused == paused || req->is_discarded || g->input != GATE_BODY)
        return;
    /* The client is not to blame for the time in between. */
    mono_us now = clock_mono(g->server->clock);
    if (paused) {
        req->pause_left = g->in_deadline - now;
        g->in_deadline = NEVER;
    } else {
        g->in_deadline = now + req->pause_left;
    }
    req->is_paused = paused;
    gate_wake(g);
}

bool http_request_is_half_closed(const struct http_request *req)
{
    return gate_of(req)->is_eof;
}

void http_request_close_after(struct http_request *req)
{
    gate_of(req)->must_close = true;
}

void http_request_release(struct http_request *req)
{
    struct gate *g = gate_of(req);
    req->is_released = true;
    gate_wake(g);
}
