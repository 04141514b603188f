/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis.c - one door to whatever arrangement of servers there is.
 *
 * The other arrangements are base/redis_cluster.c and base/redis_sentinel.c;
 * one server is so little that it is here.
 */
#include "base/redis.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/redis_layout.h"
#include "base/redis_link.h"

struct server {
    struct redis head;
    struct redis_link *link;
};

static struct redis_link *link_of(const struct redis *r)
{
    const struct server *s = r->self;

    return s->link;
}

static redis_place server_place_of(const struct redis *r, struct text key)
{
    (void)r;
    (void)key;
    return 0;
}

static enum status server_command(struct redis *r, redis_place at,
                                  int64_t timeout_us, size_t argc,
                                  const struct text *argv, redis_done_fn done,
                                  void *arg)
{
    (void)at;
    return redis_link_command(link_of(r), false, timeout_us, argc, argv, done,
                              arg);
}

static bool server_is_up(const struct redis *r, redis_place at)
{
    (void)at;
    return redis_link_is_up(link_of(r));
}

static bool server_is_whole(const struct redis *r)
{
    return redis_link_is_up(link_of(r));
}

static void server_count(const struct redis *r, struct redis_counters *sum)
{
    redis_link_count(link_of(r), sum);
}

static void server_free(struct redis *r)
{
    struct server *s = r->self;

    redis_link_free(s->link);
    MAGIC_CLEAR(r);
    free(s);
}

static const struct redis_layout_ops server_ops = {
    .place_of = server_place_of,
    .command = server_command,
    .is_up = server_is_up,
    .is_whole = server_is_whole,
    .count = server_count,
    .free = server_free,
};

static enum status server_new(struct event_base *base,
                              const struct clock *clock,
                              const struct redis_options *options,
                              struct redis **out)
{
    struct server *s = calloc(1, sizeof(*s));
    enum status status;

    if (s == NULL)
        return STATUS_NO_MEMORY;
    MAGIC_SET(&s->head, REDIS_MAGIC);
    s->head.ops = &server_ops;
    s->head.self = s;
    status = redis_link_new(base, clock, options, NULL, NULL, &s->link);
    if (status != STATUS_OK) {
        free(s);
        return status;
    }
    *out = &s->head;
    return STATUS_OK;
}

/* ---- from outside ---- */

enum status redis_new(struct event_base *base, const struct clock *clock,
                      const struct redis_options *options, struct redis **out)
{
    if (options->tls)
        return STATUS_UNAVAILABLE;
    if (options->layout == REDIS_SERVER)
        return server_new(base, clock, options, out);
    if (options->seed_count == 0)
        return STATUS_INVALID;
    return options->layout == REDIS_CLUSTER
               ? redis_cluster_new(base, clock, options, out)
               : redis_sentinel_new(base, clock, options, out);
}

void redis_free(struct redis *r)
{
    if (r == NULL)
        return;
    CHECK(r->magic == REDIS_MAGIC);
    r->ops->free(r);
}

redis_place redis_place_of(const struct redis *r, struct text key)
{
    return r->ops->place_of(r, key);
}

enum status redis_command(struct redis *r, redis_place at, int64_t timeout_us,
                          size_t argc, const struct text *argv,
                          redis_done_fn done, void *arg)
{
    return r->ops->command(r, at, timeout_us, argc, argv, done, arg);
}

bool redis_is_up(const struct redis *r, redis_place at)
{
    return r->ops->is_up(r, at);
}

bool redis_is_whole(const struct redis *r)
{
    return r->ops->is_whole(r);
}

void redis_counters_get(const struct redis *r, struct redis_counters *out)
{
    *out = (struct redis_counters){0};
    r->ops->count(r, out);
}
