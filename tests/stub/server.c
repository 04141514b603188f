/* SPDX-License-Identifier: Apache-2.0
 *
 * stub/server.c - connections: read a request, let the API answer it, send
 * that answer with the faults that were asked for, read the next.
 *
 *   HEAD -> BODY or CHUNK_* -> BUSY -> HEAD ...
 *                               |
 *                               +-> LINGER (closing; discards what comes)
 *
 * A server owns its connections, a connection its request and its reply. What
 * is read while BUSY waits in the input (bounded by a watermark): one request
 * at a time. Bodies of all connections together are bounded too.
 */
#include "stub/server.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/check.h"
#include "stub/reply.h"

#define CONNECTION_MAGIC 0x57c0b001u
#define SERVER_MAGIC 0x57c0b002u

#define CONNECTIONS_MAX 16384
#define BODIES_MAX (512 * 1024 * 1024)
#define INPUT_MAX (128 * 1024)
#define OUTPUT_LOW (32 * 1024)
#define OUTPUT_PIECE (64 * 1024)
#define LINGER_S 2

enum state {
    HEAD,
    BODY,
    CHUNK_SIZE,
    CHUNK_DATA,
    CHUNK_END,
    TRAILER,
    BUSY,
    LINGER,
};

struct connection {
    uint32_t magic;
    LIST_ENTRY(connection) link;
    struct stub_server *server;
    struct bufferevent *bev;
    struct event *timer; /* a delay, the pace of a slow answer, lingering */
    uint64_t number;
    enum state state;
    int64_t left; /* of the body, or of the chunk */
    struct stub_request req;
    struct stub_fault fault;
    struct stub_reply reply; /* while BUSY */
    bool has_reply;
    bool replying; /* the delay is over */
};

struct stub_server {
    uint32_t magic;
    struct event_base *base;
    struct stub_api *api;
    struct evconnlistener *listener;
    LIST_HEAD(connection_list, connection) connections;
    size_t connection_count;
    uint64_t numbers;
    size_t body_bytes; /* of all requests being read */
};

/* What a step of reading came to. */
enum step {
    STEP_ON,   /* something was read; go on */
    STEP_WAIT, /* more bytes are needed, or an answer is due */
    STEP_GONE, /* the connection is no more */
};

static void request_release(struct connection *c)
{
    c->server->body_bytes -= c->req.body.len;
    stub_request_release(&c->req);
}

static void connection_free(struct connection *c)
{
    LIST_REMOVE(c, link);
    c->server->connection_count--;
    request_release(c);
    if (c->has_reply)
        stub_reply_release(&c->reply);
    event_free(c->timer);
    bufferevent_free(c->bev);
    MAGIC_CLEAR(c);
    free(c);
}

/* End with a reset instead of an orderly end. */
static void connection_reset(struct connection *c)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(bufferevent_getfd(c->bev), SOL_SOCKET, SO_LINGER, &now,
               sizeof now);
    connection_free(c);
}

static void set_timer(struct connection *c, int64_t us)
{
    const struct timeval tv = {us / US_PER_S, us % US_PER_S};

    evtimer_add(c->timer, &tv);
}

/* ---- answering ---- */

/* Say that no more will come, and wait a moment for the other side. */
static void linger(struct connection *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);

    c->state = LINGER;
    shutdown(bufferevent_getfd(c->bev), SHUT_WR);
    evbuffer_drain(in, evbuffer_get_length(in));
    set_timer(c, LINGER_S * US_PER_S);
}

static void answered(struct connection *c)
{
    bool close = c->reply.close;

    stub_reply_release(&c->reply);
    c->has_reply = c->replying = false;
    evtimer_del(c->timer);
    request_release(c);
    stub_request_init(&c->req);
    if (close) {
        linger(c);
        return;
    }
    c->state = HEAD;
    bufferevent_trigger(c->bev, EV_READ,
                        BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

/* Hand more of the reply to the socket; called again when it has left. */
static void pump(struct connection *c)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);
    size_t max = OUTPUT_PIECE;

    if (stub_reply_is_done(&c->reply)) {
        if (evbuffer_get_length(out) == 0)
            answered(c);
        return;
    }
    if (c->fault.slow_bytes) {
        if (evtimer_pending(c->timer, NULL))
            return;
        max = (size_t)c->fault.slow_bytes;
        set_timer(c, c->fault.slow_us);
    }
    if (stub_reply_move(&c->reply, out, max) != STATUS_OK)
        connection_reset(c);
}

static void reply_start(struct connection *c)
{
    c->replying = true;
    pump(c);
}

/* Do what the request says, and begin to answer. */
static enum step answer(struct connection *c, uint64_t entry)
{
    struct stub_api *api = c->server->api;
    struct stub_answer a;
    bool close = c->req.wants_close || c->fault.act == STUB_EARLY;
    enum status status;

    stub_answer_init(&a);
    stub_api_answer(api, &c->req, &c->fault, &a);
    if (entry)
        stub_journal_answered(api->journal, entry, a.status, a.trace_id);
    status = stub_reply_begin(&c->reply, &a, &c->fault,
                              strcmp(c->req.method, "HEAD") == 0, close);
    stub_answer_release(&a);
    if (status != STATUS_OK) {
        connection_reset(c);
        return STEP_GONE;
    }
    c->has_reply = true;
    c->state = BUSY;
    if (c->fault.delay_us)
        set_timer(c, c->fault.delay_us);
    else
        reply_start(c);
    return STEP_WAIT;
}

/* The whole request is there. */
static enum step complete(struct connection *c)
{
    uint64_t entry = 0;

    if (!stub_api_is_control(&c->req))
        entry = stub_journal_delivered(c->server->api->journal, &c->req);
    switch (c->fault.act) {
    case STUB_DROP_AFTER:
        connection_free(c);
        return STEP_GONE;
    case STUB_RESET:
        connection_reset(c);
        return STEP_GONE;
    case STUB_SILENT:
        c->state = BUSY;
        return STEP_WAIT;
    default:
        return answer(c, entry);
    }
}

/* ---- reading ---- */

/* Not HTTP as it should be: counted, and answered as a server would. Written
 * past the bufferevent, which would want to be asked again; an answer of one
 * line always fits. */
static enum step malformed(struct connection *c)
{
    static const char answer_text[] = "HTTP/1.1 400 Bad Request\r\n"
                                      "Content-Length: 0\r\n"
                                      "Connection: close\r\n\r\n";

    stub_journal_malformed(c->server->api->journal);
    if (send(bufferevent_getfd(c->bev), answer_text, sizeof answer_text - 1,
             MSG_NOSIGNAL) < 0) {
        connection_reset(c);
        return STEP_GONE;
    }
    linger(c);
    return STEP_WAIT;
}

/* The fault of this request: its header's, else the first rule's. */
static bool find_fault(struct connection *c)
{
    const char *header = stub_request_header(&c->req, "x-stub-fault");
    const char *problem;

    stub_fault_init(&c->fault);
    if (stub_api_is_control(&c->req))
        return true;
    if (header)
        return stub_fault_parse(text_of(header), &c->fault, &problem) ==
               STATUS_OK;
    stub_rules_take(&c->server->api->rules, c->req.method, c->req.path,
                    &c->fault);
    return true;
}

static enum step read_head(struct connection *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    size_t len = end.pos >= 0 ? (size_t)end.pos + 4 : 0;

    if (len == 0 && evbuffer_get_length(in) < STUB_HEAD_MAX)
        return STEP_WAIT;
    if (len == 0 || len > STUB_HEAD_MAX ||
        stub_request_parse(&c->req, (char *)evbuffer_pullup(in, (long)len),
                           len) != STATUS_OK)
        return malformed(c);
    evbuffer_drain(in, len);
    c->req.connection = c->number;
    if (!stub_api_is_control(&c->req))
        stub_journal_begun(c->server->api->journal);
    if (!find_fault(c))
        return malformed(c);
    if (c->fault.act == STUB_DROP_BEFORE) {
        connection_free(c);
        return STEP_GONE;
    }
    if (c->fault.act == STUB_EARLY)
        return answer(c, 0);
    if (c->req.wants_continue && (c->req.is_chunked || c->req.length > 0))
        bufferevent_write(c->bev, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    if (!c->req.is_chunked && c->req.length == 0)
        return complete(c);
    c->state = c->req.is_chunked ? CHUNK_SIZE : BODY;
    c->left = c->req.length;
    return STEP_ON;
}

/* Up to `left` bytes from the input to the body. */
static enum step read_bytes(struct connection *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    size_t n = evbuffer_get_length(in);

    if ((int64_t)n > c->left)
        n = (size_t)c->left;
    if (n == 0)
        return STEP_WAIT;
    if (c->server->body_bytes + n > BODIES_MAX ||
        buffer_reserve(&c->req.body, n) != STATUS_OK) {
        connection_reset(c);
        return STEP_GONE;
    }
    evbuffer_remove(in, c->req.body.data + c->req.body.len, n);
    c->req.body.len += n;
    c->req.body.data[c->req.body.len] = '\0';
    c->server->body_bytes += n;
    c->left -= (int64_t)n;
    if (c->left > 0)
        return STEP_WAIT;
    if (c->state == BODY)
        return complete(c);
    c->state = CHUNK_END;
    return STEP_ON;
}

/* A line of the chunked coding: a size (no extensions: a proxy that re-frames
 * has none to send), the end of a chunk, or the end of the trailer section. */
static enum step read_line(struct connection *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    size_t len;
    char *line = evbuffer_readln(in, &len, EVBUFFER_EOL_CRLF_STRICT);
    bool good, ended = false;

    if (!line)
        return evbuffer_get_length(in) > 1024 ? malformed(c) : STEP_WAIT;
    good = len == 0; /* trailers are not for a proxy to send either */
    if (c->state == CHUNK_SIZE) {
        good = len > 0 && len <= 8 &&
               strspn(line, "0123456789abcdefABCDEF") == len;
        c->left = good ? strtol(line, NULL, 16) : 0;
        c->state = c->left ? CHUNK_DATA : TRAILER;
    } else if (c->state == CHUNK_END) {
        c->state = CHUNK_SIZE;
    } else {
        ended = true;
    }
    free(line);
    if (!good)
        return malformed(c);
    return ended ? complete(c) : STEP_ON;
}

static enum step read_step(struct connection *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);

    switch (c->state) {
    case HEAD:
        return read_head(c);
    case BODY:
    case CHUNK_DATA:
        return read_bytes(c);
    case CHUNK_SIZE:
    case CHUNK_END:
    case TRAILER:
        return read_line(c);
    case BUSY:
        if (c->fault.act == STUB_EARLY) /* the rest of that body */
            evbuffer_drain(in, evbuffer_get_length(in));
        return STEP_WAIT;
    case LINGER:
        evbuffer_drain(in, evbuffer_get_length(in));
        return STEP_WAIT;
    }
    return STEP_WAIT;
}

/* ---- events ---- */

static void on_read(struct bufferevent *bev, void *arg)
{
    struct connection *c;

    (void)bev;
    MAGIC_CAST(c, arg, CONNECTION_MAGIC);
    while (read_step(c) == STEP_ON)
        ;
}

static void on_write(struct bufferevent *bev, void *arg)
{
    struct connection *c;

    (void)bev;
    MAGIC_CAST(c, arg, CONNECTION_MAGIC);
    if (c->state == BUSY && c->replying)
        pump(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct connection *c;

    (void)bev;
    (void)what;
    MAGIC_CAST(c, arg, CONNECTION_MAGIC);
    connection_free(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct connection *c;

    (void)fd;
    (void)what;
    MAGIC_CAST(c, arg, CONNECTION_MAGIC);
    if (c->state == LINGER)
        connection_free(c);
    else if (c->state == BUSY && c->replying)
        pump(c);
    else if (c->state == BUSY)
        reply_start(c);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd,
                      struct sockaddr *address, int length, void *arg)
{
    struct stub_server *s;
    struct connection *c;

    (void)l;
    (void)address;
    (void)length;
    MAGIC_CAST(s, arg, SERVER_MAGIC);
    c = s->connection_count < CONNECTIONS_MAX ? calloc(1, sizeof *c) : NULL;
    if (!c) {
        evutil_closesocket(fd);
        return;
    }
    MAGIC_SET(c, CONNECTION_MAGIC);
    c->server = s;
    c->number = ++s->numbers;
    stub_request_init(&c->req);
    c->timer = evtimer_new(s->base, on_timer, c);
    c->bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!c->timer || !c->bev) {
        if (c->timer)
            event_free(c->timer);
        if (!c->bev)
            evutil_closesocket(fd);
        else
            bufferevent_free(c->bev);
        free(c);
        return;
    }
    LIST_INSERT_HEAD(&s->connections, c, link);
    s->connection_count++;
    stub_journal_connected(s->api->journal);
    bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
    bufferevent_setwatermark(c->bev, EV_READ, 0, INPUT_MAX);
    bufferevent_setwatermark(c->bev, EV_WRITE, OUTPUT_LOW, 0);
    bufferevent_set_max_single_read(c->bev, INPUT_MAX);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

enum status stub_server_new(struct event_base *base, struct stub_api *api,
                            const struct sockaddr *address, int length,
                            struct stub_server **out)
{
    struct stub_server *s = calloc(1, sizeof *s);

    if (!s)
        return STATUS_NO_MEMORY;
    MAGIC_SET(s, SERVER_MAGIC);
    s->base = base;
    s->api = api;
    LIST_INIT(&s->connections);
    s->listener = evconnlistener_new_bind(
        base, on_accept, s, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 1024,
        address, length);
    if (!s->listener) {
        free(s);
        return STATUS_IO;
    }
    *out = s;
    return STATUS_OK;
}

int stub_server_fd(const struct stub_server *s)
{
    return evconnlistener_get_fd(s->listener);
}

void stub_server_free(struct stub_server *s)
{
    struct connection *c;

    if (!s)
        return;
    while ((c = LIST_FIRST(&s->connections)))
        connection_free(c);
    evconnlistener_free(s->listener);
    free(s);
}
