/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis.h - Redis, however its servers are arranged.
 *
 * One server, a cluster whose masters share the keys, or a master that
 * sentinels watch: who asks says where its keys live, as a place, and never
 * sees the difference. The only part that knows hiredis (base/redis_*.c).
 *
 *   at = redis_place_of(r, key);      0 but on a cluster: the key's hash slot
 *   redis_command(r, at, timeout_us, argc, argv, done, arg)
 *
 * Keys of one place may go into one command; keys of two may not. A client
 * belongs to one event loop; it connects by itself and pipelines what is
 * sent in one loop turn into one write. Every command has a deadline of its
 * own; one that passes it completes with STATUS_TIMEOUT.
 *
 * A server fails in two ways: it refuses, or it stalls with the connection
 * open. After `circuit_failures` failures in a row its circuit opens: every
 * command to it completes at once with STATUS_UNAVAILABLE, those under way
 * too, while new connections probe in the background (base/redis_link.h).
 * Each master of a cluster has a circuit of its own: a dead one takes away
 * its places and no others (redis_is_up()).
 *
 * On a cluster MOVED and ASK are followed, within the command's deadline and
 * a few times at most; any other error is the command's reply. With sentinels
 * a command goes to the master that they named last, or is refused at once
 * while there is none. Nothing is ever sent again that may have been done.
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

enum redis_layout {
    REDIS_SERVER,
    REDIS_CLUSTER,  /* its masters are asked of any node (CLUSTER SLOTS) */
    REDIS_SENTINEL, /* its master is asked of the sentinels */
};

struct redis_host {
    const char *name; /* or an address, without brackets */
    int port;
};

struct redis_options {
    enum redis_layout layout;
    struct redis_host host; /* REDIS_SERVER; or name NULL, with */
    const char *path;       /* the path of a unix socket */
    /* REDIS_CLUSTER: nodes to begin with; REDIS_SENTINEL: the sentinels. */
    const struct redis_host *seeds;
    size_t seed_count;
    const char *master;          /* REDIS_SENTINEL: what sentinels call it */
    const char *user, *password; /* NULL: none; AUTH is sent on connect, to a
                                  * sentinel only if it asks for it */
    int database;                /* SELECT on connect when not 0 */
    bool tls; /* STATUS_UNAVAILABLE from redis_new() where hiredis lacks it */
    int64_t connect_timeout_us; /* 1 s: until it is connected and greeted */
    uint32_t circuit_failures;  /* 3 */
    int64_t probe_interval_us;  /* 250 ms; up to four times that, later */
    uint32_t max_pending;       /* 4096 commands in flight to one server;
                                 * beyond: UNAVAILABLE */
    int64_t look_interval_us;   /* 500 ms: between two looks for a cluster's
                                 * masters, or the sentinels' one, while
                                 * one is missing; none come sooner */
    size_t max_reply_bytes;     /* 1 MiB: of one reply */
};

void redis_options_default(struct redis_options *o);

/* Options are copied. STATUS_NO_MEMORY; STATUS_INVALID without a server to
 * begin with, with a path that is too long, with a database on a cluster or
 * without the name of the master; STATUS_UNAVAILABLE for TLS. */
enum status redis_new(struct event_base *base, const struct clock *clock,
                      const struct redis_options *options,
                      struct redis **out) MUST_CHECK;
/* Commands under way complete with STATUS_UNAVAILABLE before it returns. Not
 * to be called from a `done`. NULL is fine. */
void redis_free(struct redis *r);

/* Where a key lives. Two keys of one place stay together. */
typedef uint16_t redis_place;
redis_place redis_place_of(const struct redis *r, struct text key);

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
enum status redis_command(struct redis *r, redis_place at, int64_t timeout_us,
                          size_t argc, const struct text *argv,
                          redis_done_fn done, void *arg) MUST_CHECK;

/* What the circuit says now: commands to this place would be tried. */
bool redis_is_up(const struct redis *r, redis_place at);
/* To every place. */
bool redis_is_whole(const struct redis *r);

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
    uint64_t commands;       /* asked for; a redirected one counts again */
    uint64_t timeouts;       /* of commands */
    uint64_t failures;       /* connections lost, attempts that failed */
    uint64_t circuit_opened; /* times */
    uint64_t reconnects;     /* connections greeted, but for the first */
    uint64_t writes;         /* handed to the kernel */
    uint64_t redirects;      /* MOVED and ASK, followed */
    uint64_t looks;          /* for a cluster's masters, for sentinels' one */
    uint64_t switches;       /* another map, another master was found */
};
void redis_counters_get(const struct redis *r, struct redis_counters *out);

#endif
