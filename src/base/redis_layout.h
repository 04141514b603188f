/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis_layout.h - what every arrangement of servers does for redis.h.
 *
 * For base/redis_*.c alone. An arrangement (one server, a cluster, a master
 * with sentinels) is an object that begins with a struct redis and brings a
 * table of what it can do; base/redis.c passes calls on and knows no more
 * about it than its name.
 */
#ifndef BASE_REDIS_LAYOUT_H
#define BASE_REDIS_LAYOUT_H

#include "base/redis.h"

#define REDIS_MAGIC 0x52454449U /* "REDI" */

struct redis_layout_ops {
    redis_place (*place_of)(const struct redis *r, struct text key);
    enum status (*command)(struct redis *r, redis_place at, int64_t timeout_us,
                           size_t argc, const struct text *argv,
                           redis_done_fn done, void *arg);
    bool (*is_up)(const struct redis *r, redis_place at);
    bool (*is_whole)(const struct redis *r);
    /* Added to what stands in *sum. */
    void (*count)(const struct redis *r, struct redis_counters *sum);
    void (*free)(struct redis *r);
};

struct redis {
    uint32_t magic;
    const struct redis_layout_ops *ops;
    void *self; /* the object that it is the head of */
};

/* base/redis_cluster.c, base/redis_sentinel.c; as redis_new(). */
enum status redis_cluster_new(struct event_base *base,
                              const struct clock *clock,
                              const struct redis_options *options,
                              struct redis **out) MUST_CHECK;
enum status redis_sentinel_new(struct event_base *base,
                               const struct clock *clock,
                               const struct redis_options *options,
                               struct redis **out) MUST_CHECK;

/* With strings of its own. STATUS_NO_MEMORY leaves nothing behind. */
enum status redis_options_copy(const struct redis_options *from,
                               struct redis_options *to) MUST_CHECK;
void redis_options_release(struct redis_options *o);

#endif
