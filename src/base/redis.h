/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis.h - one asynchronous connection to one Redis server.
 *
 * The only place that knows hiredis. A connection belongs to one event loop;
 * it connects by itself when first used, pipelines what is sent in one loop
 * turn into one write, and gives every command a deadline of its own, which
 * hiredis 0.14 does not have. A command that passes its deadline completes
 * with STATUS_TIMEOUT; its late reply is dropped when it comes.
 *
 * A server fails in two ways: it refuses, or it stalls with the connection
 * open. After `circuit_failures` failures in a row (time-outs, lost
 * connections, attempts to connect that failed) the circuit opens: every
 * command completes at once with STATUS_UNAVAILABLE, those under way too,
 * while new connections probe in the background. One that is greeted with a
 * PONG closes the circuit; the next failure opens it again unless a command
 * has succeeded in between.
 *
 * A connection is used for commands only once AUTH, SELECT and PING have been
 * answered well: what is asked never runs in the wrong database.
 *
 * Every command completes exactly once, never before redis_command() has
 * returned. The process must ignore SIGPIPE.
 */
#ifndef BASE_REDIS_H
#define BASE_REDIS_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"

struct redis;
struct redis_reply; /* valid during the callback only */

struct redis_options {
    const char *host; /* a name or an address without brackets; or NULL with */
    const char *path; /* the path of a unix socket */
    int port;         /* 6379 */
    const char *user, *password; /* NULL: none; AUTH is sent on connect */
    int database;                /* SELECT on connect when not 0 */
    bool tls; /* STATUS_UNAVAILABLE from redis_new() where hiredis lacks it */
    int64_t connect_timeout_us; /* 1 s: until it is connected and greeted */
    uint32_t circuit_failures;  /* 3 */
    int64_t probe_interval_us;  /* 250 ms; up to four times that, later */
    uint32_t max_pending;       /* 4096 commands in flight; beyond:
                                 * UNAVAILABLE */
};

void redis_options_default(struct redis_options *o);

/* Options are copied. STATUS_NO_MEMORY; STATUS_INVALID without a host or a
 * path, or with a path that is too long; STATUS_UNAVAILABLE for TLS. */
enum status redis_new(struct event_base *base, const struct clock *clock,
                      const struct redis_options *options,
                      struct redis **out) MUST_CHECK;
/* Commands under way complete with STATUS_UNAVAILABLE before it returns. Not
 * to be called from a `done`. NULL is fine. */
void redis_free(struct redis *r);

/* STATUS_OK with a reply (which may be an error reply of the server's);
 * STATUS_TIMEOUT (the server may or may not have done it); STATUS_UNAVAILABLE
 * (`reply` NULL; `sent` below says whether it may have been done). */
struct redis_result {
    enum status status;
    const struct redis_reply *reply; /* NULL unless STATUS_OK */
    bool sent; /* bytes of the command may have reached the server */
};
typedef void (*redis_done_fn)(void *arg, const struct redis_result *result);

/* The arguments are copied. STATUS_OK: `done` will be called; else it will
 * not: STATUS_NO_MEMORY, or STATUS_UNAVAILABLE from within redis_free(). */
enum status redis_command(struct redis *r, int64_t timeout_us, size_t argc,
                          const struct text *argv, redis_done_fn done,
                          void *arg) MUST_CHECK;

/* What the circuit says now: commands would be tried. */
bool redis_is_up(const struct redis *r);

enum redis_kind {
    REDIS_NIL,
    REDIS_STATUS, /* "OK" */
    REDIS_ERROR,  /* "NOSCRIPT No matching script..." */
    REDIS_INTEGER,
    REDIS_STRING,
    REDIS_ARRAY,
};
enum redis_kind redis_reply_kind(const struct redis_reply *r);
int64_t redis_reply_integer(const struct redis_reply *r);  /* else 0 */
struct text redis_reply_text(const struct redis_reply *r); /* else absent */
size_t redis_reply_count(const struct redis_reply *r);     /* else 0 */
/* NULL past the end or on anything but an array. */
const struct redis_reply *redis_reply_at(const struct redis_reply *r, size_t i);

struct redis_counters {
    uint64_t commands;       /* asked for */
    uint64_t timeouts;       /* of commands */
    uint64_t failures;       /* connections lost, attempts that failed */
    uint64_t circuit_opened; /* times */
    uint64_t reconnects;     /* connections greeted, but for the first */
    uint64_t writes;         /* handed to the kernel */
};
void redis_counters_get(const struct redis *r, struct redis_counters *out);

#endif
