/* SPDX-License-Identifier: Apache-2.0
 *
 * config/redis_url.h - where Redis is, taken apart.
 *
 *   redis://[user:password@]host[:port][/database]     port 6379, database 0
 *   rediss://...                                       the same over TLS
 *   unix:///path/to/socket
 *   redis+cluster://[user:password@]host:port,host:port
 *   redis+sentinel://[user:password@]host:port,host:port/name[/database]
 *                                                      port 26379
 *
 * User and password are percent-decoded; the user may be empty
 * (redis://:password@host). On a cluster they are for every node. With
 * sentinel they are those of the server; there is no place for others, and
 * sentinels that want a password are shown the same.
 */
#ifndef CONFIG_REDIS_URL_H
#define CONFIG_REDIS_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/text.h"
#include "config/secret.h"

#define CONFIG_REDIS_HOSTS_MAX 64

enum config_redis_kind {
    CONFIG_REDIS_SERVER, /* redis, rediss: hosts[0] */
    CONFIG_REDIS_UNIX,   /* path */
    CONFIG_REDIS_CLUSTER,
    CONFIG_REDIS_SENTINEL, /* hosts are the sentinels */
};

struct config_redis_host {
    const char *host; /* a name or an address, IPv6 without brackets */
    uint16_t port;
};

struct config_redis {
    enum config_redis_kind kind;
    bool is_tls;
    const struct config_redis_host *hosts;
    size_t host_count;
    const char *user; /* NULL: none */
    struct secret password;
    int database;
    const char *path;          /* CONFIG_REDIS_UNIX, else NULL */
    const char *sentinel_name; /* CONFIG_REDIS_SENTINEL, else NULL */
    const char *shown; /* for messages: the URL with *** for the password */
};

/* STATUS_INVALID with *why a phrase for people that does not quote the URL;
 * STATUS_NO_MEMORY. Everything lives in the arena. */
enum status config_redis_parse(struct text url, struct arena *arena,
                               struct config_redis *out,
                               const char **why) MUST_CHECK;

#endif
