/* SPDX-License-Identifier: Apache-2.0
 *
 * config/redis_url.c - the five ways to say where Redis is.
 *
 * Not uri_parse(): a list of hosts is no RFC 3986 authority. What a message
 * says never quotes the URL, which may hold a password.
 */
#include "config/redis_url.h"

#include <stdio.h>

#include "base/check.h"
#include "base/uri.h"

#define MAX_DATABASE 65535

struct scheme {
    const char *prefix;
    enum config_redis_kind kind;
    bool is_tls;
    uint16_t default_port;
};

static const struct scheme schemes[] = {
    {"redis://", CONFIG_REDIS_SERVER, false, 6379},
    {"rediss://", CONFIG_REDIS_SERVER, true, 6379},
    {"unix://", CONFIG_REDIS_UNIX, false, 0},
    {"redis+cluster://", CONFIG_REDIS_CLUSTER, false, 6379},
    {"redis+sentinel://", CONFIG_REDIS_SENTINEL, false, 26379},
};

static enum status fail(const char **why, const char *reason)
{
    *why = reason;
    return STATUS_INVALID;
}

/* Percent-decoded into the arena; *out stays NULL when `t` is empty. */
static enum status decode(struct text t, struct arena *arena, struct text *out,
                          const char **why)
{
    char *copy;
    size_t len;

    if (t.len == 0)
        return STATUS_OK;
    copy = arena_alloc(arena, t.len + 1);
    if (!copy)
        return STATUS_NO_MEMORY;
    if (uri_decode(t, false, copy, &len) != STATUS_OK)
        return fail(why, "user or password has a malformed percent-escape");
    copy[len] = '\0';
    if (memchr(copy, '\0', len))
        return fail(why, "user or password holds a NUL");
    *out = text_make(copy, len);
    return STATUS_OK;
}

/* "user:password" */
static enum status parse_user(struct text t, struct arena *arena,
                              struct config_redis *r, const char **why)
{
    struct text user, password = text_cut(t, ':', &user), decoded = {0};
    enum status s;

    if (text_is_absent(password) || password.len == 0)
        return fail(why, "a user needs a password; write user:password@ or "
                         ":password@");
    s = decode(user, arena, &decoded, why);
    if (s != STATUS_OK)
        return s;
    r->user = decoded.data;
    return decode(password, arena, &r->password.hidden, why);
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

/* "host", "host:port", "[IPv6]:port" */
static enum status parse_host(struct text t, uint16_t default_port,
                              struct arena *arena,
                              struct config_redis_host *out, const char **why)
{
    struct text host, port;
    uint64_t n = default_port;

    if (t.len > 0 && t.data[0] == '[') {
        port = text_cut(text_make(t.data + 1, t.len - 1), ']', &host);
        if (text_is_absent(port) || !uri_is_ipv6(host))
            return fail(why, "what stands in brackets is no IPv6 address");
        if (port.len > 0 && port.data[0] != ':')
            return fail(why, "a host is followed by something other than a "
                             "port");
        port = port.len > 0 ? text_make(port.data + 1, port.len - 1)
                            : text_of(NULL);
    } else {
        port = text_cut(t, ':', &host);
        if (host.len == 0)
            return fail(why, "a host is missing");
        for (size_t i = 0; i < host.len; i++)
            if (!is_host_char(host.data[i]))
                return fail(why, "a host is neither a name nor an address "
                                 "(IPv6 stands in brackets)");
    }
    if (!text_is_absent(port) &&
        (text_to_u64(port, 65535, &n) != STATUS_OK || n == 0))
        return fail(why, "a port must be a number from 1 to 65535");
    out->host = arena_strdup(arena, host);
    out->port = (uint16_t)n;
    return out->host ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status parse_hosts(struct text t, const struct scheme *scheme,
                               struct arena *arena, struct config_redis *r,
                               const char **why)
{
    struct config_redis_host *hosts;
    size_t count = 1, done = 0;
    struct text rest = t, one;

    for (size_t i = 0; i < t.len; i++)
        count += t.data[i] == ',';
    if (count > 1 && scheme->kind == CONFIG_REDIS_SERVER)
        return fail(why, "several hosts need redis+cluster:// or "
                         "redis+sentinel://");
    if (count > CONFIG_REDIS_HOSTS_MAX)
        return fail(why, "at most 64 hosts");
    hosts = arena_array(arena, count, sizeof(*hosts));
    if (!hosts)
        return STATUS_NO_MEMORY;
    while (!text_is_absent(rest)) {
        enum status s;

        rest = text_cut(rest, ',', &one);
        s = parse_host(one, scheme->default_port, arena, &hosts[done++], why);
        if (s != STATUS_OK)
            return s;
    }
    r->hosts = hosts;
    r->host_count = count;
    return STATUS_OK;
}

static enum status parse_database(struct text t, struct config_redis *r,
                                  const char **why)
{
    uint64_t n;

    if (text_to_u64(t, MAX_DATABASE, &n) != STATUS_OK)
        return fail(why, r->kind == CONFIG_REDIS_SENTINEL
                             ? "the database must be a number, as in "
                               "redis+sentinel://host:26379/name/0"
                             : "the database must be a number, as in "
                               "redis://host:6379/0");
    r->database = (int)n;
    return STATUS_OK;
}

/* "name", "name/0" */
static enum status parse_master(struct text t, struct arena *arena,
                                struct config_redis *r, const char **why)
{
    struct text name, database = text_cut(t, '/', &name);

    if (name.len == 0)
        return fail(why, "the name of the server is missing; write "
                         "redis+sentinel://host:26379/name");
    for (size_t i = 0; i < name.len; i++)
        if (!is_host_char(name.data[i]))
            return fail(why, "the server's name has letters, digits and "
                             "._- only, as Sentinel demands");
    r->sentinel_name = arena_strdup(arena, name);
    if (!r->sentinel_name)
        return STATUS_NO_MEMORY;
    return database.len > 0 ? parse_database(database, r, why) : STATUS_OK;
}

/* What stands behind the '/' after the hosts; absent when there is none. */
static enum status parse_tail(struct text t, struct arena *arena,
                              struct config_redis *r, const char **why)
{
    switch (r->kind) {
    case CONFIG_REDIS_SERVER:
        return t.len > 0 ? parse_database(t, r, why) : STATUS_OK;
    case CONFIG_REDIS_SENTINEL:
        return parse_master(t, arena, r, why);
    case CONFIG_REDIS_CLUSTER:
        if (t.len > 0)
            return fail(why, "a cluster has database 0 only; leave out what "
                             "stands behind the hosts");
        return STATUS_OK;
    case CONFIG_REDIS_UNIX:
        break;
    }
    CHECK(!"has no tail");
    return STATUS_INVALID;
}

static enum status parse_network(struct text t, const struct scheme *scheme,
                                 struct arena *arena, struct config_redis *r,
                                 const char **why)
{
    struct text authority, tail = text_cut(t, '/', &authority);
    const char *at = NULL;
    enum status s;

    for (size_t i = 0; i < authority.len; i++)
        if (authority.data[i] == '@')
            at = authority.data + i;
    if (at) {
        size_t user_len = (size_t)(at - authority.data);

        s = parse_user(text_make(authority.data, user_len), arena, r, why);
        if (s != STATUS_OK)
            return s;
        authority = text_make(at + 1, authority.len - user_len - 1);
    }
    s = parse_hosts(authority, scheme, arena, r, why);
    if (s != STATUS_OK)
        return s;
    s = parse_tail(tail, arena, r, why);
    if (s != STATUS_OK)
        return s;
    r->shown = arena_printf(
        arena, "%s%s%s%s%.*s%s%.*s", scheme->prefix, r->user ? r->user : "",
        at ? ":***" : "", at ? "@" : "", TEXT_ARG(authority),
        tail.len > 0 ? "/" : "", (int)tail.len, tail.len > 0 ? tail.data : "");
    return r->shown ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status parse_path(struct text t, const struct scheme *scheme,
                              struct arena *arena, struct config_redis *r,
                              const char **why)
{
    if (t.len < 2 || t.data[0] != '/')
        return fail(why, "a unix socket needs an absolute path, as in "
                         "unix:///run/redis.sock");
    if (t.len > 107)
        return fail(why, "the path of a unix socket has at most 107 bytes");
    r->path = arena_strdup(arena, t);
    r->shown = arena_printf(arena, "%s%.*s", scheme->prefix, TEXT_ARG(t));
    return r->path && r->shown ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status config_redis_parse(struct text url, struct arena *arena,
                               struct config_redis *out, const char **why)
{
    struct config_redis r = {0};
    enum status s;

    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.data[i] <= 0x20 ||
            (unsigned char)url.data[i] >= 0x7f)
            return fail(why, "a URL has no spaces, control characters or "
                             "bytes outside ASCII");
    if (url.len > 0 &&
        (memchr(url.data, '?', url.len) || memchr(url.data, '#', url.len)))
        return fail(why, "there are no options behind '?' or '#'; write %3F "
                         "or %23 in a password");
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        const struct scheme *scheme = &schemes[i];
        size_t len = strlen(scheme->prefix);

        if (!text_starts_with(url, text_of(scheme->prefix)))
            continue;
        r.kind = scheme->kind;
        r.is_tls = scheme->is_tls;
        url = text_make(url.data + len, url.len - len);
        s = scheme->kind == CONFIG_REDIS_UNIX
                ? parse_path(url, scheme, arena, &r, why)
                : parse_network(url, scheme, arena, &r, why);
        if (s == STATUS_OK)
            *out = r;
        return s;
    }
    return fail(why, "it must begin with redis://, rediss://, unix://, "
                     "redis+cluster:// or redis+sentinel://");
}
