/* SPDX-License-Identifier: Apache-2.0
 *
 * http/gate.c - one connection, from accept to close.
 *
 *        client
 *          |  socket: read and written here, by nobody else (wire.c)
 *    +-----v------+    begin body body_end drained gone done   +----------+
 *    |    gate    | -----------------------------------------> | exchange |
 *    | + request  | <----------------------------------------- |          |
 *    +------------+    http_request_*  http_reply_*            +----------+
 *
 * Who owns what:
 *  - The server owns its gates; a gate owns its socket, events, held input,
 *    the request's head, and output.
 *  - The exchange belongs to the gateway; the gate points at it from begin()
 *    until done(). The exchange points at the request, which is part of the
 *    gate, so a gate outlives its socket until done().
 *
 * No evhttp, and no bufferevent. evhttp 2.1.12 hands a request over only when
 * its body is complete, lets through most of what head.c refuses, answers by
 * itself in HTML, and ends the process when an allocation fails while it sets
 * up a connection or a request (it frees what it has not made yet) or when
 * bytes arrive while it writes. A first version kept it behind the gate, told
 * of each request by a fixed head of our own: it cost four of ten
 * instructions of a small request, and the crashes remained. What was left for
 * it to do, accepting and closing, is this file.
 *
 * One rule keeps this safe: what the exchange calls (http_*) only changes
 * flags and buffers, and wakes the gate. Everything that calls back, closes or
 * frees happens in settle(), at the end of the gate's own event callbacks, and
 * nothing of the gate is touched after it.
 *
 * A client that shuts its sending side after a complete request still gets
 * its answer: an end of input is not a client that went away, only an error
 * or an answer that nobody takes is. While an answer is awaited the socket
 * stays registered for reading, to see a reset and at most one piece of what
 * the client sends ahead; behind an end of input or a piece that waits a reset
 * is seen when the answer is sent. (EV_CLOSED alone would be a trap: libevent
 * reports EPOLLERR as readable and writable only, and spins.)
 *
 * Timers: one event a gate for two deadlines. It is set anew only for an
 * earlier deadline; that one moved to a later time is noticed when it fires.
 * So a request that arrives whole costs no timer at all.
 */
#include "http/gate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void settle(struct gate *g);

/* ---- events ---- */

static struct gate *gate_cast(void *arg)
{
    struct gate *g;
    MAGIC_CAST(g, arg, GATE_MAGIC);
    g->server->now = clock_mono(g->server->clock);
    return g;
}

static void receive(struct gate *g)
{
    struct http_server *s = g->server;
    ssize_t n = wire_read(&g->wire, s->scratch, sizeof(s->scratch));
    if (n > 0)
        intake_arrived(g, s->scratch, (size_t)n);
    else if (n == 0)
        intake_eof(g);
    else if (errno != EAGAIN && errno != EWOULDBLOCK)
        g->is_lost = true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct gate *g = gate_cast(arg);
    (void)fd, (void)what;
    receive(g);
    settle(g);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct gate *g = gate_cast(arg);
    (void)fd, (void)what;
    if (g->wire.read_needs_output)
        receive(g);
    settle(g);
}

static void on_work(evutil_socket_t fd, short what, void *arg)
{
    struct gate *g = gate_cast(arg);
    (void)fd, (void)what;
    intake_resume(g);
    settle(g);
}

/* The client is given more time if it has taken anything since: the kernel
 * calls a socket writable only when a good part of its buffer is free, which
 * a slow reader may take longer for than the time-out. */
static void send_timeout(struct gate *g)
{
    struct http_server *s = g->server;
    size_t left = wire_unacknowledged(&g->wire);
    if (left < g->unacknowledged) {
        g->unacknowledged = left;
        g->out_deadline = s->now + s->settings.send_timeout_us;
        return;
    }
    s->counters.timeouts++;
    g->is_lost = true;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct gate *g = gate_cast(arg);
    (void)fd, (void)what;
    g->timer_at = NEVER;
    if (g->server->now >= g->out_deadline)
        send_timeout(g);
    if (g->server->now >= g->in_deadline && !g->is_lost)
        intake_timeout(g);
    settle(g);
}

void gate_wake(struct gate *g)
{
    event_active(&g->work, EV_TIMEOUT, 1);
}

static void watch(struct event *ev, bool *is_watched, bool wanted)
{
    if (*is_watched == wanted)
        return;
    /* Out of memory, it is tried again when the gate settles next; the
     * deadlines run meanwhile. */
    if (wanted)
        *is_watched = event_add(ev, NULL) == 0;
    else
        *is_watched = event_del(ev) != 0;
}

static bool wants_input(const struct gate *g)
{
    if (g->is_eof || g->wire.fd < 0)
        return false;
    if (g->wire.write_needs_input)
        return true;
    switch (g->input) {
    case GATE_IDLE:
        return g->held_len == 0;
    case GATE_HEAD:
        return true;
    case GATE_BODY:
        return !g->req.is_paused && g->held_len == 0;
    case GATE_COMPLETE:
        return g->held_len == 0;
    case GATE_DRAIN:
        return g->drain_left > 0;
    }
    return false;
}

static size_t pending(const struct gate *g)
{
    return g->out == NULL ? 0 : evbuffer_get_length(g->out);
}

static bool wants_output(const struct gate *g)
{
    return g->wire.read_needs_output ||
           (pending(g) > 0 && !g->wire.write_needs_input);
}

static void start_timer(struct gate *g)
{
    mono_us next =
        g->in_deadline < g->out_deadline ? g->in_deadline : g->out_deadline;
    if (next >= g->timer_at)
        return;
    /* A millisecond more: libevent's clock may be a little ahead of ours. */
    int64_t wait_us = next - g->server->now + US_PER_MS;
    if (wait_us < US_PER_MS)
        wait_us = US_PER_MS;
    const struct timeval tv = {.tv_sec = (time_t)(wait_us / US_PER_S),
                               .tv_usec = (suseconds_t)(wait_us % US_PER_S)};
    g->timer_at = next;
    if (event_add(&g->timer, &tv) != 0) {
        /* Out of memory for the timer heap: a connection without deadlines
         * must not live. */
        g->is_lost = true;
        gate_wake(g);
    }
}

/* ---- life ---- */

static void take_peer(struct gate *g, const struct sockaddr *peer)
{
    switch (peer->sa_family) {
    case AF_INET:
        memcpy(&g->peer.in, peer, sizeof(g->peer.in));
        break;
    case AF_INET6:
        memcpy(&g->peer.in6, peer, sizeof(g->peer.in6));
        break;
    default:
        g->peer.any.sa_family = peer->sa_family;
        strcpy(g->peer_text, "unix");
        return;
    }
    if (peer->sa_family == AF_INET6 &&
        IN6_IS_ADDR_V4MAPPED(&g->peer.in6.sin6_addr)) {
        /* One client, one address, whichever socket it came through. */
        struct sockaddr_in plain = {.sin_family = AF_INET,
                                    .sin_port = g->peer.in6.sin6_port};
        memcpy(&plain.sin_addr, &g->peer.in6.sin6_addr.s6_addr[12], 4);
        g->peer.in = plain;
    }
    const void *bytes = g->peer.any.sa_family == AF_INET
                            ? (const void *)&g->peer.in.sin_addr
                            : (const void *)&g->peer.in6.sin6_addr;
    inet_ntop(g->peer.any.sa_family, bytes, g->peer_text, sizeof(g->peer_text));
}

struct gate *gate_new(struct http_server *s, int fd,
                      const struct sockaddr *peer)
{
    struct gate *g = calloc(1, sizeof(*g));
    if (g == NULL) {
        close(fd);
        return NULL;
    }
    if (wire_open(&g->wire, fd, s->settings.tls) != STATUS_OK) {
        free(g);
        return NULL;
    }
    MAGIC_SET(g, GATE_MAGIC);
    g->server = s;
    g->timer_at = g->in_deadline = g->out_deadline = NEVER;
    take_peer(g, peer);
    event_assign(&g->readable, s->base, fd, EV_READ | EV_PERSIST, on_readable,
                 g);
    event_assign(&g->writable, s->base, fd, EV_WRITE | EV_PERSIST, on_writable,
                 g);
    event_assign(&g->timer, s->base, -1, 0, on_timer, g);
    event_assign(&g->work, s->base, -1, 0, on_work, g);
    LIST_INSERT_HEAD(&s->gates, g, link);
    s->counters.connections++;
    g->in_deadline = s->now + s->settings.header_timeout_us;
    watch(&g->readable, &g->is_reading, true);
    start_timer(g);
    return g;
}

void gate_turn_away(struct gate *g)
{
    g->is_turned_away = true;
    if (g->in_deadline > g->server->now + GATE_LINGER_US)
        g->in_deadline = g->server->now + GATE_LINGER_US;
    start_timer(g);
}

struct evbuffer *gate_out(struct gate *g)
{
    if (g->out == NULL)
        g->out = evbuffer_new();
    return g->out;
}

/* The socket goes; the exchange, if there is one, may still look at its
 * request. */
static void shut(struct gate *g)
{
    if (g->wire.fd < 0)
        return;
    watch(&g->readable, &g->is_reading, false);
    watch(&g->writable, &g->is_writing, false);
    wire_close(&g->wire);
    g->in_deadline = g->out_deadline = NEVER;
}

void gate_free(struct gate *g)
{
    struct http_server *s = g->server;
    if (g->exchange != NULL) {
        void *exchange = g->exchange;
        if (!g->req.is_gone && !g->req.is_aborted) {
            g->req.is_gone = true;
            s->handler->gone(exchange);
        }
        g->exchange = NULL;
        s->handler->done(exchange);
    }
    shut(g);
    event_del(&g->timer);
    event_del(&g->work);
    if (g->out != NULL)
        evbuffer_free(g->out);
    intake_release(g);
    LIST_REMOVE(g, link);
    s->counters.connections--;
    __atomic_sub_fetch(&s->count->open, 1, __ATOMIC_RELAXED);
    MAGIC_CLEAR(g);
    free(g);
}

/* ---- settle: what has become due ---- */

static void flush(struct gate *g)
{
    struct http_server *s = g->server;
    size_t before = pending(g), moved;
    if (before == 0 || g->is_lost || g->wire.fd < 0)
        return;
    switch (wire_write(&g->wire, g->out, &moved)) {
    case STATUS_OK:
        g->out_deadline = NEVER;
        break;
    case STATUS_LIMITED:
        if (moved > 0 || g->out_deadline == NEVER) {
            g->out_deadline = s->now + s->settings.send_timeout_us;
            g->unacknowledged = wire_unacknowledged(&g->wire);
        }
        break;
    default:
        g->is_lost = true;
        return;
    }
    if (g->exchange != NULL && g->req.reply == REPLY_BEGUN &&
        before >= HTTP_REPLY_LOW && pending(g) < HTTP_REPLY_LOW)
        s->handler->drained(g->exchange);
}

/* The connection ends with the answer. What the client still sends is read
 * for a moment. */
static void linger(struct gate *g)
{
    if (g->input != GATE_DRAIN)
        intake_drain(g);
    wire_shut(&g->wire);
    g->is_shut = true;
    g->in_deadline = g->server->now + GATE_LINGER_US;
    if (g->is_eof || g->drain_left <= 0)
        g->is_over = true;
}

/* The exchange has nothing more to say. */
static void finish(struct gate *g)
{
    struct http_request *req = &g->req;
    void *exchange = g->exchange;
    bool is_cut = req->is_aborted || req->reply_left > 0 || g->is_lost;
    g->exchange = NULL;
    g->server->handler->done(exchange);
    intake_release_head(g);
    req->is_discarded = true;
    req->is_paused = false;
    req->is_continue_due = false;
    if (is_cut) {
        if (req->is_reply_until_close)
            wire_reset(&g->wire);
        g->is_over = true;
    } else if (g->must_close) {
        linger(g);
    } else if (g->input == GATE_COMPLETE) {
        intake_next(g);
    }
}

static void settle_exchange(struct gate *g)
{
    struct http_request *req = &g->req;
    if (g->is_lost && !req->is_gone && !req->is_aborted) {
        req->is_gone = true;
        shut(g);
        g->server->handler->gone(g->exchange);
    }
    bool is_ended = req->reply == REPLY_ENDED;
    if (req->is_aborted || (req->is_gone ? is_ended || req->is_released
                                         : is_ended && pending(g) == 0))
        finish(g);
}

static void settle(struct gate *g)
{
    flush(g);
    if (g->exchange != NULL)
        settle_exchange(g);
    else if (g->is_lost)
        g->is_over = true;
    else if (g->input == GATE_DRAIN && !g->is_shut && pending(g) == 0)
        linger(g);
    else if (g->input == GATE_DRAIN && g->drain_left <= 0)
        g->is_over = true;
    if (g->is_over && g->exchange == NULL) {
        gate_free(g);
        return;
    }
    if (g->wire.fd < 0)
        return;
    watch(&g->readable, &g->is_reading, wants_input(g));
    watch(&g->writable, &g->is_writing, wants_output(g));
    if (intake_can_resume(g))
        gate_wake(g);
    start_timer(g);
}
