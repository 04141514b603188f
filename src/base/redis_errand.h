/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis_errand.h - a command that may need more than one server.
 *
 * For base/redis_*.c alone. A link forgets a command once it is told; where
 * the answer may be "ask over there", or where nobody knows yet whom to ask,
 * the command is kept here, with its arguments and its deadline:
 *
 *   new -> hold -> (somebody to ask is found) take ---\
 *      \-------------------------------> a link -> tell -> its done()
 *      \-> refuse, or its deadline while held ----------> its done()
 *
 * Holding is for the moment after the start, until a first look for servers
 * has come to an end. Behind servers that are known to be away nothing is
 * held.
 */
#ifndef BASE_REDIS_ERRAND_H
#define BASE_REDIS_ERRAND_H

#include <sys/queue.h>

#include "base/redis.h"

struct redis_errand {
    uint32_t magic;
    TAILQ_ENTRY(redis_errand) order; /* held, over */
    void *owner;                     /* who sends it to links */
    redis_place at;
    uint16_t node; /* of a cluster's: who was asked last */
    int redirects; /* followed so far */
    mono_us deadline;
    redis_done_fn done;
    void *arg;
    enum status status; /* once it is over */
    size_t argc;
    struct text argv[]; /* followed by what they point to */
};
TAILQ_HEAD(redis_errand_list, redis_errand);

struct redis_errands {
    uint32_t magic;
    const struct clock *clock;
    struct redis_errand_list held, over;
    struct event *turn;  /* tell what is over */
    struct event *timer; /* the earliest deadline of those held */
    int calling;         /* depth of calls to a done() */
    uint32_t held_count;
    uint64_t timeouts; /* of those held */
};

enum status redis_errands_init(struct redis_errands *e, struct event_base *base,
                               const struct clock *clock) MUST_CHECK;
/* What is held or over is told (UNAVAILABLE). After a failed init, too. */
void redis_errands_release(struct redis_errands *e);

/* NULL: out of memory. */
struct redis_errand *redis_errand_new(void *owner, redis_place at,
                                      mono_us deadline, size_t argc,
                                      const struct text *argv,
                                      redis_done_fn done, void *arg);
/* Free it without a word: redis_command() says itself that it failed. */
void redis_errand_drop(struct redis_errand *e);
struct redis_errand *redis_errand_cast(void *arg);

/* Until it is taken or its deadline comes (STATUS_TIMEOUT, not sent). */
void redis_errands_hold(struct redis_errands *list, struct redis_errand *e);
/* The first one held, no longer held; NULL: none. */
struct redis_errand *redis_errands_take(struct redis_errands *list);
/* STATUS_UNAVAILABLE, later in this turn. */
void redis_errands_refuse(struct redis_errands *list, struct redis_errand *e);
void redis_errands_refuse_held(struct redis_errands *list);
/* Now; never from within redis_command(). The errand is freed first. */
void redis_errands_tell(struct redis_errands *list, struct redis_errand *e,
                        const struct redis_result *result);

#endif
