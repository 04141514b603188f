/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis_map.h - which master serves which slot, as a node tells it.
 *
 * The reply to CLUSTER SLOTS, read and judged as a whole. It is an array of
 *
 *   first slot, last slot, master, replica, replica, ...
 *
 * and a node is an array of address, port, id and (Redis 7) more about where
 * it is. The address is the one that clients are meant to use, whatever its
 * kind: what cluster-announce-ip or -hostname say is in it already. It is
 * empty or nil where it is "the one you have just asked", and "?" where the
 * node does not know a name that it is told to give (its "ip" follows then,
 * if anything does); a master that cannot be reached serves nothing, its
 * slots are nobody's. Replicas are not used: a limit is decided where
 * writes are.
 */
#ifndef BASE_REDIS_MAP_H
#define BASE_REDIS_MAP_H

#include "base/redis.h"
#include "base/redis_slot.h"

/* Redis' own advice is not to have more. */
#define REDIS_NODES_MAX 1000
#define REDIS_HOST_SIZE 256 /* a name's most, and a NUL */
#define REDIS_NOBODY UINT16_MAX

struct redis_node_address {
    char host[REDIS_HOST_SIZE];
    int port;
};

struct redis_map {
    uint16_t owner[REDIS_SLOTS]; /* index into masters, or REDIS_NOBODY */
    size_t slots_served;
    size_t master_count;
    struct redis_node_address masters[REDIS_NODES_MAX];
};

/* `asked` is whom the reply is from. STATUS_INVALID: it is no such reply, or
 * no slot is served in it; STATUS_TOO_LARGE: more than REDIS_NODES_MAX
 * masters. *out is of no use then. */
enum status redis_map_read(const struct redis_reply *reply, const char *asked,
                           struct redis_map *out) MUST_CHECK;

#endif
