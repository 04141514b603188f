/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis_scout.h - ask one server after the other until one can tell.
 *
 * For base/redis_*.c alone: who serves what is asked of the nodes of a cluster
 * or of sentinels, over connections of its own, so that a long reply or a
 * stalled server is in no command's way. It asks in rounds:
 *
 *   a round:  candidate(0) -> a link, the question -> answer() -> yes: over
 *             candidate(1) -> ...                              -> no: next
 *             no more -> over(found: false)
 *
 * and over() says when the next one is due. redis_scout_hurry() brings it
 * forward, but there are never two rounds within look_interval_us, whatever
 * happens, and one server is given connect_timeout_us.
 */
#ifndef BASE_REDIS_SCOUT_H
#define BASE_REDIS_SCOUT_H

#include "base/redis.h"

struct redis_scout;

#define REDIS_SCOUT_IDLE INT64_C(-1) /* until it is woken */

struct redis_scout_orders {
    size_t argc;
    const struct text *argv; /* the question; lives as long as the scout */
    bool auth_if_asked; /* the password only to whom says NOAUTH without it */
    /* The i-th to ask in this round; false: there is none. Copied. */
    bool (*candidate)(void *arg, size_t i, struct redis_host *out);
    /* What it says, never an error. False: it did not help; *why may say in a
     * few words why not. */
    bool (*answer)(void *arg, const struct redis_host *from,
                   const struct redis_reply *reply, const char **why);
    /* The round is over: when is the next one? From a loop event of the
     * scout's own. */
    int64_t (*over)(void *arg, bool found);
};

/* Options and orders are copied; the first round begins in the next loop
 * turn, unless `is_waiting`. */
enum status redis_scout_new(struct event_base *base, const struct clock *clock,
                            const struct redis_options *options,
                            const struct redis_scout_orders *orders,
                            bool is_waiting, void *arg,
                            struct redis_scout **out) MUST_CHECK;
/* Not from within its callbacks. NULL is fine. */
void redis_scout_free(struct redis_scout *s);

/* A round within this time, or as soon after it as may be; another one, if
 * one is under way. */
void redis_scout_wake(struct redis_scout *s, int64_t delay_us);
static inline void redis_scout_hurry(struct redis_scout *s)
{
    redis_scout_wake(s, 0);
}

/* What was wrong with the last server that did not help: "a:6379: ...". */
const char *redis_scout_why(const struct redis_scout *s);
uint64_t redis_scout_rounds(const struct redis_scout *s);

#endif
