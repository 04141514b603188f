/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/worker.h - one thread, one event loop, everything it needs.
 *
 * A worker owns its listener, its client to the upstream, its connection to
 * Redis and its writer; nothing of it is touched by another thread. What
 * workers share is in struct worker_shared: it is made before them, freed
 * after them, and has locks of its own.
 *
 *   server ── worker ─┬─ http_server     clients
 *                     ├─ upstream        libcurl
 *                     ├─ redis ─┬─ limiter
 *                     │         └─ sender
 *                     ├─ audit_writer
 *                     └─ exchanges       one a request (exchange.h)
 */
#ifndef GATEWAY_WORKER_H
#define GATEWAY_WORKER_H

#include <event2/event.h>
#include <stdbool.h>

#include "audit/record.h"
#include "audit/writer.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json_write.h"
#include "base/redis.h"
#include "gateway/descriptors.h"
#include "gateway/mailbox.h"
#include "gateway/metrics.h"
#include "gateway/runtime.h"
#include "http/server.h"
#include "limit/limit.h"
#include "sender/lookup.h"
#include "sender/sender.h"
#include "upstream/upstream.h"

struct worker_shared {
    const struct clock *clock;
    /* That of the start, for what a reload does not change. */
    const struct config *fixed;
    struct limit_shared *buckets;
    struct sender_shared *chats;
    struct sender_lookup_shared *lookups;
    struct audit_file *audit;
    char run[ID_UUID_SIZE];         /* this process, in every record */
    struct http_count connections;  /* of clients, at all workers */
    struct descriptors descriptors; /* how they are dealt out */
    int64_t max_buffered_bytes;     /* over all exchanges of all workers */
    int64_t buffered_bytes;         /* atomic */
    struct audit_privacy privacy;
};

struct worker {
    uint32_t magic;
    int index;
    struct event_base *base;
    struct mailbox *mailbox;
    struct worker_shared *shared;
    struct runtime *runtime; /* one reference: the newest */
    struct http_server *http;
    struct upstream *upstream;
    struct redis *redis; /* NULL: none configured */
    struct limiter *limiter;
    struct sender *sender;
    struct sender_lookups *lookups;
    struct audit_writer *audit;
    struct json_writer *json;
    struct buffer scratch; /* a record or an answer while it is written */
    struct id_source ids;
    uint64_t seq;               /* of the last record */
    size_t exchanges;           /* under way */
    struct event *idle_poll;    /* while draining */
    struct metrics metrics;     /* counted here; gauges are filled on collect */
    void (*on_idle)(void *arg); /* nothing is left */
    void *on_idle_arg;
};

/* On the calling thread; the loop runs later, on its own. Borrows `shared`,
 * takes a reference of `runtime`. Problems are logged. */
enum status worker_new(int index, struct worker_shared *shared,
                       struct runtime *runtime, struct worker **out) MUST_CHECK;
/* After its loop has ended. */
void worker_free(struct worker *w);

/* On the worker's thread (through its mailbox): */
void worker_reload(struct worker *w, struct runtime *runtime);
/* Stop accepting; on_idle is called when the last connection is gone. */
void worker_drain(struct worker *w, void (*on_idle)(void *arg), void *arg);
/* A copy of all counts, gauges filled in. */
void worker_collect(struct worker *w, struct metrics *out);

/* For exchanges: one began, one is over. */
void worker_exchange_began(struct worker *w);
void worker_exchange_over(struct worker *w);

#endif
