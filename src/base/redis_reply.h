/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis_reply.h - replies of a Redis server, bounded in memory.
 *
 * For base/redis_link.c alone. hiredis parses; the objects it parses into are
 * ours, from a pool that holds one reply at a time, is emptied in one step
 * and never passes its maximum: `*1000000000` is a protocol error and not an
 * allocation.
 */
#ifndef BASE_REDIS_REPLY_H
#define BASE_REDIS_REPLY_H

#include <hiredis/hiredis.h>

#include "base/redis.h"

struct redis_pool_chunk;

struct redis_pool {
    uint32_t magic;
    struct redis_pool_chunk *chunks; /* beyond `first` */
    size_t used;                     /* of the chunk in use */
    size_t size;                     /* likewise */
    char *data;                      /* likewise */
    size_t total;                    /* of all */
    size_t max;                      /* of one reply, parsed or not */
    _Alignas(16) char first[2048];   /* enough for what a decision replies */
};

void redis_pool_init(struct redis_pool *p, size_t max_bytes);
void redis_pool_release(struct redis_pool *p);
/* Forget the reply. */
void redis_pool_reset(struct redis_pool *p);

/* Have `reader` make struct redis_reply in `pool`, which must outlive it. */
void redis_pool_attach(struct redis_pool *p, redisReader *reader);

#endif
