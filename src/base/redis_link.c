/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis_link.c - commands with deadlines over hiredis and libevent.
 *
 * Commands and their deadlines are base/redis_queue.c's; here is the
 * connection that they go through, when to make it, and when to believe that
 * it is dead.
 *
 * hiredis' own asynchronous layer is not used: it knows no deadlines, frees
 * its context under its caller's feet, reports a failed connect as a write,
 * and resolves names while the loop waits. What is used are its parser and
 * its buffers, over a socket that base/dial.c has connected.
 *
 * Commands of one loop turn leave in one write: redis_link_command() only makes
 * `turn` active, and libevent runs that after everything that was active
 * already. The socket is watched for writing only while it is full.
 *
 *   IDLE --(first command, or `attempt` fires)--> DIALING --> GREETING
 *    ^                                               |            |
 *    |<-----------------(lost, or too late)----------+------------+
 *    |                                                            v
 *    +<--------------------------(lost)------------------------ READY
 *
 * The circuit is a flag beside that: while it is open commands are refused
 * at the door. The delay before an attempt grows from 0 over the probe's
 * interval to four times that, until a command succeeds.
 */
#include "base/redis_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/dial.h"
#include "base/log.h"
#include "base/redis_layout.h"
#include "base/redis_queue.h"
#include "base/redis_reply.h"

#define LINK_MAGIC 0x524c494eU /* "RLIN" */

enum state { IDLE, DIALING, GREETING, READY };

struct redis_link {
    uint32_t magic;
    struct event_base *base;
    const struct clock *clock;
    struct redis_options options; /* owned */
    redis_trouble_fn trouble;     /* or NULL */
    void *trouble_arg;
    char name[160]; /* for the log */

    enum state state;
    bool is_open;    /* the circuit: nothing passes */
    bool is_clogged; /* max_pending, and the oldest one timed out already */
    bool is_closing;
    uint32_t failures; /* in a row */
    uint32_t attempts; /* since a command succeeded */
    char why[160];     /* of the last failure */

    struct dial *dial;      /* DIALING */
    redisContext *context;  /* GREETING, READY */
    struct event *readable; /* likewise */
    struct event *writable; /* likewise; pending while the socket is full */
    struct redis_pool pool; /* of the reply being read */
    int greetings;          /* replies still due while GREETING */
    bool is_full;           /* hiredis has bytes that the socket has not */

    struct event *turn;    /* write what waits, tell what has finished */
    struct event *timer;   /* the earliest deadline */
    struct event *attempt; /* IDLE: when to dial; else how long it may take */
    mono_us timer_at;      /* 0: not set */
    struct redis_queue queue;
    bool was_greeted;
    struct redis_counters counters;
};

static void set_timer(struct event *e, int64_t us)
{
    struct timeval tv;

    if (us < 0)
        us = 0;
    tv.tv_sec = (time_t)(us / US_PER_S);
    tv.tv_usec = (suseconds_t)(us % US_PER_S);
    (void)evtimer_add(e, &tv); /* of an event that has been added before */
}

static void wake(struct redis_link *r)
{
    event_active(r->turn, EV_TIMEOUT, 0);
}

/* No reply will come. They are told later in this turn. */
static void fail_all(struct redis_link *r)
{
    redis_queue_fail_all(&r->queue);
    if (redis_queue_has_finished(&r->queue))
        wake(r);
}

/* The timer is not moved for every command: it fires at or before the
 * earliest deadline and is then set for the next. */
static void watch_deadline(struct redis_link *r)
{
    mono_us earliest;

    if (!redis_queue_earliest(&r->queue, &earliest) ||
        (r->timer_at != 0 && r->timer_at <= earliest))
        return;
    r->timer_at = earliest;
    set_timer(r->timer, earliest - clock_mono(r->clock));
}

/* ---- the connection --------------------------------------------------- */

static void schedule_attempt(struct redis_link *r)
{
    int64_t delay = r->options.probe_interval_us;

    if (r->attempts == 0)
        delay = 0;
    else if (r->attempts <= 3)
        delay <<= r->attempts - 1;
    else
        delay <<= 2;
    r->attempts++;
    set_timer(r->attempt, delay);
}

static void disconnect(struct redis_link *r)
{
    dial_cancel(r->dial);
    r->dial = NULL;
    if (r->readable != NULL)
        event_free(r->readable);
    if (r->writable != NULL)
        event_free(r->writable);
    r->readable = r->writable = NULL;
    if (r->context != NULL)
        redisFree(r->context); /* closes the socket */
    r->context = NULL;
    redis_pool_reset(&r->pool);
    r->is_full = false;
    r->state = IDLE;
}

static void tell_trouble(struct redis_link *r)
{
    if (r->trouble != NULL)
        r->trouble(r->trouble_arg);
}

/* Another failure in a row, for the reason in r->why. */
static void count_failure(struct redis_link *r)
{
    char why[sizeof(r->why) * 2];

    r->failures++;
    if (r->is_open || r->failures < r->options.circuit_failures)
        return;
    r->is_open = true;
    r->counters.circuit_opened++;
    log_event(LOG_WARNING, "redis.away", "server=%s reason=%s", r->name,
              log_quote(text_of(r->why), why, sizeof(why)));
}

/* The connection, or the attempt to have one, has come to an end. */
static void lost(struct redis_link *r, const char *why)
{
    bool was_used = r->state == READY;

    /* `why` may point into what is about to be freed. */
    snprintf(r->why, sizeof(r->why), "%s", why);
    r->counters.failures++;
    disconnect(r);
    /* An idle connection may be closed by a server's own time-out. */
    if (!was_used || redis_queue_has_sent(&r->queue))
        count_failure(r);
    fail_all(r);
    schedule_attempt(r);
    tell_trouble(r);
}

/* Too many time-outs: the connection stalls, though it looks alive. */
static void trip(struct redis_link *r)
{
    if (r->state == READY) {
        disconnect(r);
        fail_all(r);
        schedule_attempt(r);
    } else {
        fail_all(r); /* the attempt under way is the probe */
    }
}

/* hiredis before 1.0 lets go of the buffer that it has written, does not look
 * whether it got another, and counts its bytes. This one keeps it. */
#if HIREDIS_MAJOR < 1
static int write_buffer(redisContext *context, int *done)
{
    size_t len = sdslen(context->obuf);
    ssize_t n = write(context->fd, context->obuf, len);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        context->err = REDIS_ERR_IO;
        snprintf(context->errstr, sizeof(context->errstr), "%s",
                 strerror(errno));
        return REDIS_ERR;
    }
    if (n > 0 && (size_t)n == len)
        sdsclear(context->obuf);
    else if (n > 0)
        sdsrange(context->obuf, (int)n, -1);
    *done = sdslen(context->obuf) == 0;
    return REDIS_OK;
}
#else
#define write_buffer redisBufferWrite
#endif

static void write_out(struct redis_link *r)
{
    int done = 0;

    r->counters.writes++;
    if (write_buffer(r->context, &done) != REDIS_OK) {
        lost(r, r->context->errstr);
        return;
    }
    if (done == (r->is_full ? 1 : 0)) { /* that has changed */
        if (done)
            (void)event_del(r->writable);
        else
            (void)event_add(r->writable, NULL);
        r->is_full = !done;
    }
}

/* What was asked for since the last turn, in one write. A full socket takes
 * no more: what then waits can still be withdrawn. */
static void send_waiting(struct redis_link *r)
{
    struct redis_request *c;
    bool any = false;

    if (r->state != READY || r->is_full)
        return;
    while ((c = redis_queue_waiting(&r->queue)) != NULL) {
        if (redisAppendFormattedCommand(r->context, c->bytes, c->len) !=
            REDIS_OK) {
            lost(r, r->context->errstr);
            return;
        }
        redis_queue_mark_sent(&r->queue, c);
        any = true;
    }
    if (any)
        write_out(r);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct redis_link *r;

    (void)fd;
    (void)what;
    MAGIC_CAST(r, arg, LINK_MAGIC);
    if (r->is_clogged && r->state == READY)
        lost(r, "too many commands without an answer");
    r->is_clogged = false;
    send_waiting(r);
    redis_queue_tell(&r->queue);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct redis_link *r;

    (void)fd;
    (void)what;
    MAGIC_CAST(r, arg, LINK_MAGIC);
    write_out(r);
    send_waiting(r);
}

/* True: greeted. A server that loads its data, has no master or does not let
 * us in says so now. */
static bool take_greeting(struct redis_link *r, const struct redis_reply *reply)
{
    struct text t = redis_reply_text(reply);

    /* A user without the right to PING has been answered too. */
    if (redis_reply_kind(reply) == REDIS_ERROR &&
        !(r->greetings == 1 && text_starts_with(t, TEXT_LIT("NOPERM")))) {
        char why[sizeof(r->why)];

        snprintf(why, sizeof(why), "%.*s", (int)(t.len < 140 ? t.len : 140),
                 t.data);
        lost(r, why);
        return false;
    }
    if (--r->greetings > 0)
        return true;
    r->state = READY;
    (void)evtimer_del(r->attempt);
    if (r->was_greeted)
        r->counters.reconnects++;
    r->was_greeted = true;
    if (r->is_open) {
        r->is_open = false;
        /* On parole: a failure before the first success opens it again. */
        r->failures = r->options.circuit_failures - 1;
        log_event(LOG_INFO, "redis.back", "server=%s", r->name);
    }
    wake(r);
    return true;
}

/* The oldest command's reply. False: the connection is gone. */
static bool take_reply(struct redis_link *r, const struct redis_reply *reply)
{
    switch (redis_queue_take_reply(&r->queue, reply)) {
    case REDIS_QUEUE_TOLD:
        r->failures = 0;
        r->attempts = 0;
        break;
    case REDIS_QUEUE_LATE:
        break;
    case REDIS_QUEUE_NONE:
        lost(r, "a reply to nothing that was asked");
        return false;
    }
    return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct redis_link *r;

    (void)fd;
    (void)what;
    MAGIC_CAST(r, arg, LINK_MAGIC);
    if (redisBufferRead(r->context) != REDIS_OK) {
        lost(r, r->context->errstr);
        return;
    }
    for (;;) {
        void *reply = NULL;
        bool go_on;

        if (redisGetReplyFromReader(r->context, &reply) != REDIS_OK) {
            lost(r, r->context->errstr);
            return;
        }
        if (reply == NULL)
            break;
        go_on = r->state == GREETING ? take_greeting(r, reply)
                                     : take_reply(r, reply);
        if (!go_on)
            return;
        redis_pool_reset(&r->pool);
    }
    if (r->context->reader->len > r->pool.max)
        lost(r, "a reply is too long");
}

/* AUTH, SELECT as configured, PING always. */
static bool greet(struct redis_link *r)
{
    const struct redis_options *o = &r->options;
    char database[16];
    const char *auth[3] = {"AUTH", o->user, o->password};
    const char *select[2] = {"SELECT", database};
    const char *ping[1] = {"PING"};
    int failed = 0;

    if (o->user == NULL)
        auth[1] = o->password;
    snprintf(database, sizeof(database), "%d", o->database);
    r->greetings = 0;
    if (o->password != NULL && ++r->greetings)
        failed |= redisAppendCommandArgv(r->context, o->user != NULL ? 3 : 2,
                                         auth, NULL);
    if (o->database != 0 && ++r->greetings)
        failed |= redisAppendCommandArgv(r->context, 2, select, NULL);
    r->greetings++;
    failed |= redisAppendCommandArgv(r->context, 1, ping, NULL);
    return failed == 0;
}

static void on_dialed(void *arg, int fd, const char *why)
{
    struct redis_link *r;

    MAGIC_CAST(r, arg, LINK_MAGIC);
    r->dial = NULL;
    if (fd < 0) {
        lost(r, why);
        return;
    }
    r->context = redisConnectFd(fd);
    if (r->context == NULL) {
        close(fd);
        lost(r, "out of memory");
        return;
    }
    r->context->flags &= ~REDIS_BLOCK;
    redis_pool_attach(&r->pool, r->context->reader);
    r->state = GREETING;
    r->readable = event_new(r->base, fd, EV_READ | EV_PERSIST, on_readable, r);
    r->writable = event_new(r->base, fd, EV_WRITE | EV_PERSIST, on_writable, r);
    if (r->readable == NULL || r->writable == NULL ||
        event_add(r->readable, NULL) < 0 || !greet(r)) {
        lost(r, "out of memory");
        return;
    }
    write_out(r);
}

static void attempt_start(struct redis_link *r)
{
    enum status s;

    r->state = DIALING;
    set_timer(r->attempt, r->options.connect_timeout_us);
    s = dial_start(r->base, r->options.host.name, r->options.host.port,
                   r->options.path, on_dialed, r, &r->dial);
    if (s != STATUS_OK)
        lost(r, status_name(s));
}

static void on_attempt(evutil_socket_t fd, short what, void *arg)
{
    struct redis_link *r;

    (void)fd;
    (void)what;
    MAGIC_CAST(r, arg, LINK_MAGIC);
    switch (r->state) {
    case IDLE:
        attempt_start(r);
        break;
    case DIALING:
        lost(r, "no connection in time");
        break;
    case GREETING:
        lost(r, "connected, but no answer in time");
        break;
    case READY:
        break;
    }
    redis_queue_tell(&r->queue);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct redis_link *r;
    uint32_t expired;

    (void)fd;
    (void)what;
    MAGIC_CAST(r, arg, LINK_MAGIC);
    r->timer_at = 0;
    expired = redis_queue_expire(&r->queue, clock_mono(r->clock));
    r->counters.timeouts += expired;
    for (uint32_t i = 0; i < expired; i++) {
        snprintf(r->why, sizeof(r->why), "no answer in time");
        count_failure(r);
    }
    if (r->is_open)
        trip(r);
    if (expired > 0)
        tell_trouble(r);
    watch_deadline(r);
    redis_queue_tell(&r->queue);
}

/* ---- from outside ----------------------------------------------------- */

enum status redis_link_command(struct redis_link *r, bool asking,
                               int64_t timeout_us, size_t argc,
                               const struct text *argv, redis_done_fn done,
                               void *arg)
{
    /* Without time it would be sent before its deadline is looked at. */
    bool is_refused = r->is_open || timeout_us <= 0 ||
                      r->queue.pending >= r->options.max_pending;
    enum status s;

    CHECK(argc > 0 && done != NULL);
    if (r->is_closing)
        return STATUS_UNAVAILABLE;
    s = is_refused
            ? redis_queue_refuse(&r->queue, done, arg)
            : redis_queue_add(&r->queue, asking, argc, argv,
                              clock_mono(r->clock) + timeout_us, done, arg);
    if (s != STATUS_OK)
        return s;
    r->counters.commands++;
    if (is_refused)
        r->is_clogged = redis_queue_is_stuck(&r->queue);
    else
        watch_deadline(r);
    if (is_refused || r->state == READY)
        wake(r);
    /* Without a circuit to respect there is no reason to wait; with one, the
     * timer has been set, unless memory was short just then. */
    if (r->state == IDLE && !r->is_open)
        attempt_start(r);
    else if (r->state == IDLE && !evtimer_pending(r->attempt, NULL))
        schedule_attempt(r);
    return STATUS_OK;
}

bool redis_link_is_up(const struct redis_link *r)
{
    return !r->is_open;
}

bool redis_link_is_idle(const struct redis_link *r)
{
    return r->queue.pending == 0 && !redis_queue_has_finished(&r->queue);
}

const char *redis_link_why(const struct redis_link *r)
{
    return r->why;
}

void redis_link_count(const struct redis_link *r, struct redis_counters *sum)
{
    sum->commands += r->counters.commands;
    sum->timeouts += r->counters.timeouts;
    sum->failures += r->counters.failures;
    sum->circuit_opened += r->counters.circuit_opened;
    sum->reconnects += r->counters.reconnects;
    sum->writes += r->counters.writes;
}

static enum status copy_options(struct redis_link *r,
                                const struct redis_options *o)
{
    struct redis_options own = *o;

    own.seeds = NULL; /* of no use here */
    own.seed_count = 0;
    own.master = NULL;
    if (redis_options_copy(&own, &r->options) != STATUS_OK)
        return STATUS_NO_MEMORY;
    if (o->circuit_failures == 0)
        r->options.circuit_failures = 1;
    if (o->path != NULL)
        snprintf(r->name, sizeof(r->name), "unix:%s", o->path);
    else
        snprintf(r->name, sizeof(r->name),
                 strchr(o->host.name, ':') != NULL ? "[%s]:%d" : "%s:%d",
                 o->host.name, o->host.port);
    return STATUS_OK;
}

enum status redis_link_new(struct event_base *base, const struct clock *clock,
                           const struct redis_options *options,
                           redis_trouble_fn trouble, void *arg,
                           struct redis_link **out)
{
    struct sockaddr_un unix_address;
    struct redis_link *r;

    if (options->host.name == NULL && options->path == NULL)
        return STATUS_INVALID;
    if (options->path != NULL &&
        strlen(options->path) >= sizeof(unix_address.sun_path))
        return STATUS_INVALID;
    if (options->tls)
        return STATUS_UNAVAILABLE;
    r = calloc(1, sizeof(*r));
    if (r == NULL)
        return STATUS_NO_MEMORY;
    MAGIC_SET(r, LINK_MAGIC);
    r->base = base;
    r->clock = clock;
    r->trouble = trouble;
    r->trouble_arg = arg;
    redis_queue_init(&r->queue);
    redis_pool_init(&r->pool, options->max_reply_bytes);
    r->turn = event_new(base, -1, 0, on_turn, r);
    r->timer = evtimer_new(base, on_deadline, r);
    r->attempt = evtimer_new(base, on_attempt, r);
    if (copy_options(r, options) != STATUS_OK || r->turn == NULL ||
        r->timer == NULL || r->attempt == NULL) {
        redis_link_free(r);
        return STATUS_NO_MEMORY;
    }
    *out = r;
    return STATUS_OK;
}

void redis_link_free(struct redis_link *r)
{
    if (r == NULL)
        return;
    CHECK(r->magic == LINK_MAGIC && r->queue.calling == 0);
    r->is_closing = true;
    disconnect(r);
    if (r->turn != NULL) {
        fail_all(r);
        redis_queue_tell(&r->queue);
        event_free(r->turn);
    }
    if (r->timer != NULL)
        event_free(r->timer);
    if (r->attempt != NULL)
        event_free(r->attempt);
    redis_pool_release(&r->pool);
    redis_options_release(&r->options);
    MAGIC_CLEAR(r);
    free(r);
}
