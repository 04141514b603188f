/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis_map.c - the reply to CLUSTER SLOTS, read once and with distrust.
 */
#include "base/redis_map.h"

static const struct redis_reply *array_at(const struct redis_reply *r, size_t i)
{
    const struct redis_reply *at = redis_reply_at(r, i);

    return at != NULL && redis_reply_kind(at) == REDIS_ARRAY ? at : NULL;
}

/* A number of 0 to `max`. */
static bool read_number(const struct redis_reply *r, int64_t max, int64_t *out)
{
    if (r == NULL || redis_reply_kind(r) != REDIS_INTEGER ||
        redis_reply_integer(r) < 0 || redis_reply_integer(r) > max)
        return false;
    *out = redis_reply_integer(r);
    return true;
}

/* What the metadata has for "ip", or nothing: name, value, name, value... */
static struct text ip_of(const struct redis_reply *node)
{
    const struct redis_reply *more = array_at(node, 3);

    for (size_t i = 0; more != NULL && i + 1 < redis_reply_count(more); i += 2)
        if (text_is(redis_reply_text(redis_reply_at(more, i)), "ip"))
            return redis_reply_text(redis_reply_at(more, i + 1));
    return text_of(NULL);
}

/* The address to use for `node`. False: that is no node. An empty host: it
 * cannot be reached. */
static bool read_address(const struct redis_reply *node, const char *asked,
                         struct redis_node_address *out)
{
    const struct redis_reply *name = redis_reply_at(node, 0);
    struct text host;
    int64_t port;

    if (name == NULL || !read_number(redis_reply_at(node, 1), 65535, &port))
        return false;
    if (redis_reply_kind(name) != REDIS_NIL &&
        redis_reply_kind(name) != REDIS_STRING)
        return false;
    host = redis_reply_text(name);
    if (host.len == 0)
        host = text_of(asked);
    if (text_is(host, "?"))
        host = ip_of(node);
    if (host.len >= sizeof(out->host) ||
        (host.len > 0 && memchr(host.data, '\0', host.len) != NULL))
        return false;
    if (port == 0) /* announced as TLS only */
        host.len = 0;
    memset(out->host, 0, sizeof(out->host));
    if (host.len > 0)
        memcpy(out->host, host.data, host.len);
    out->port = (int)port;
    return true;
}

/* Its index, as a new one or as one that is there. A master's ranges often
 * follow one another, so that the last one is looked at first. */
static enum status find_master(struct redis_map *map,
                               const struct redis_node_address *a,
                               uint16_t *index)
{
    for (size_t i = map->master_count; i > 0; i--)
        if (map->masters[i - 1].port == a->port &&
            strcmp(map->masters[i - 1].host, a->host) == 0) {
            *index = (uint16_t)(i - 1);
            return STATUS_OK;
        }
    if (map->master_count == REDIS_NODES_MAX)
        return STATUS_TOO_LARGE;
    *index = (uint16_t)map->master_count;
    map->masters[map->master_count++] = *a;
    return STATUS_OK;
}

static enum status read_range(const struct redis_reply *range,
                              const char *asked, struct redis_map *map)
{
    const struct redis_reply *master;
    struct redis_node_address address;
    int64_t first, last;
    enum status s;
    uint16_t index;

    if (range == NULL ||
        !read_number(redis_reply_at(range, 0), REDIS_SLOTS - 1, &first) ||
        !read_number(redis_reply_at(range, 1), REDIS_SLOTS - 1, &last) ||
        first > last)
        return STATUS_INVALID;
    master = array_at(range, 2);
    if (master == NULL || !read_address(master, asked, &address))
        return STATUS_INVALID;
    if (address.host[0] == '\0')
        return STATUS_OK;
    s = find_master(map, &address, &index);
    for (int64_t slot = first; s == STATUS_OK && slot <= last; slot++) {
        map->slots_served += map->owner[slot] == REDIS_NOBODY;
        map->owner[slot] = index;
    }
    return s;
}

enum status redis_map_read(const struct redis_reply *reply, const char *asked,
                           struct redis_map *out)
{
    enum status s = STATUS_OK;

    out->master_count = 0;
    out->slots_served = 0;
    for (size_t i = 0; i < REDIS_SLOTS; i++)
        out->owner[i] = REDIS_NOBODY;
    if (redis_reply_kind(reply) != REDIS_ARRAY)
        return STATUS_INVALID;
    for (size_t i = 0; i < redis_reply_count(reply) && s == STATUS_OK; i++)
        s = read_range(array_at(reply, i), asked, out);
    if (s == STATUS_OK && out->slots_served == 0)
        return STATUS_INVALID;
    return s;
}
