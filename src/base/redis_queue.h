/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis_queue.h - commands on their way, each with its deadline.
 *
 * For base/redis_link.c alone: no socket, no clock, no events.
 *
 *   add -> waiting --(mark_sent)--> sent --(take_reply)--> its done()
 *             |                       |
 *             +------- expire --------+--> finished --(tell)--> its done()
 *             +------ fail_all -------+
 *
 * `waiting`: not handed to the connection yet, so it can still be withdrawn.
 * `sent`: in the order in which the server will answer. A command that
 * expires after it was sent is told and keeps its place there, for its late
 * reply to be dropped.
 */
#ifndef BASE_REDIS_QUEUE_H
#define BASE_REDIS_QUEUE_H

#include <sys/queue.h>

#include "base/redis.h"

struct redis_request {
    TAILQ_ENTRY(redis_request) order; /* waiting, sent */
    TAILQ_ENTRY(redis_request) due;   /* deadlines, finished */
    mono_us deadline;
    redis_done_fn done; /* NULL: told already */
    void *arg;
    enum status status; /* once finished */
    int replies;        /* still due: one, and one for ASKING */
    bool is_sent;       /* on `sent`, or was */
    bool is_ordered;    /* on `waiting` or on `sent` */
    bool is_finished;   /* on `finished`, or was */
    size_t len;
    char bytes[]; /* as the protocol has it */
};
TAILQ_HEAD(redis_requests, redis_request);

struct redis_queue {
    struct redis_requests waiting, sent;
    struct redis_requests deadlines; /* of both that are not told, earliest
                                      * first */
    struct redis_requests finished;
    uint32_t pending; /* on waiting and sent */
    int calling;      /* depth of calls to a done() */
};

void redis_queue_init(struct redis_queue *q);

/* STATUS_NO_MEMORY, or it waits. `asking`: with ASKING before it, whose reply
 * is nobody's business: when it fails, so does the command. */
enum status redis_queue_add(struct redis_queue *q, bool asking, size_t argc,
                            const struct text *argv, mono_us deadline,
                            redis_done_fn done, void *arg) MUST_CHECK;
/* STATUS_NO_MEMORY, or it has finished with STATUS_UNAVAILABLE. */
enum status redis_queue_refuse(struct redis_queue *q, redis_done_fn done,
                               void *arg) MUST_CHECK;

/* The first one that waits, or NULL. */
static inline struct redis_request *
redis_queue_waiting(const struct redis_queue *q)
{
    return TAILQ_FIRST(&q->waiting);
}
void redis_queue_mark_sent(struct redis_queue *q, struct redis_request *c);

static inline bool redis_queue_has_sent(const struct redis_queue *q)
{
    return !TAILQ_EMPTY(&q->sent);
}
/* The server owes the oldest one's reply, and its time is over. */
bool redis_queue_is_stuck(const struct redis_queue *q);

enum redis_queue_reply {
    REDIS_QUEUE_TOLD, /* its done() has been called with the reply */
    REDIS_QUEUE_LATE, /* dropped, or that to ASKING */
    REDIS_QUEUE_NONE, /* nothing was asked */
};
/* A reply to the oldest one. */
enum redis_queue_reply redis_queue_take_reply(struct redis_queue *q,
                                              const struct redis_reply *reply);

/* False: there is none. */
bool redis_queue_earliest(const struct redis_queue *q, mono_us *deadline);
/* Finish those whose time is over with STATUS_TIMEOUT; how many. */
uint32_t redis_queue_expire(struct redis_queue *q, mono_us now);
/* Finish all with STATUS_UNAVAILABLE; no reply will come. */
void redis_queue_fail_all(struct redis_queue *q);

static inline bool redis_queue_has_finished(const struct redis_queue *q)
{
    return !TAILQ_EMPTY(&q->finished);
}
/* Call the done() of all that have finished. */
void redis_queue_tell(struct redis_queue *q);

#endif
