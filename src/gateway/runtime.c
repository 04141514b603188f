/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/runtime.c - load all of it, or change nothing.
 */
#include "gateway/runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

static void check_redis(const struct config *c, struct problems *problems)
{
    const struct config_redis *redis = c->redis.url;
    const char *at = config_origin(c, "redis.url");
    if (redis == NULL)
        return;
    if (redis->is_tls)
        problems_error(problems, at, 0, 0,
                       "redis.url: this version speaks no TLS to Redis; use "
                       "redis:// on a network that is safe, or a tunnel");
}

static enum status load_tls(const struct config *c, struct problems *problems,
                            struct http_tls **out)
{
    char why[HTTP_TLS_WHY_SIZE];
    if (c->tls.certificate == NULL)
        return STATUS_OK;
    enum status s = http_tls_load(c->tls.certificate, c->tls.key,
                                  c->tls.client_ca, out, why, sizeof(why));
    if (s == STATUS_INVALID)
        problems_error(problems, config_origin(c, "tls.certificate"), 0, 0,
                       "%s", why);
    return s;
}

enum status runtime_check_config(const struct config *c,
                                 struct problems *problems,
                                 struct http_tls **tls)
{
    size_t before = problems->errors;
    check_redis(c, problems);
    if (c->audit.stream != NULL)
        problems_error(problems, config_origin(c, "audit.stream"), 0, 0,
                       "audit.stream: this version does not write to a Redis "
                       "Stream; ship audit.file instead");
    if (c->upstream.ca_file != NULL && access(c->upstream.ca_file, R_OK) != 0)
        problems_error(problems, config_origin(c, "upstream.ca_file"), 0, 0,
                       "upstream.ca_file: %s: %s", c->upstream.ca_file,
                       strerror(errno));
    enum status s = load_tls(c, problems, tls);
    return s == STATUS_OK && problems->errors > before ? STATUS_INVALID : s;
}

static enum status load_policy(struct runtime *r, struct problems *problems)
{
    const struct config *c = r->config;
    struct policy_prefix *prefixes = NULL;
    if (c->unmatched_count > 0) {
        prefixes = calloc(c->unmatched_count, sizeof(*prefixes));
        if (prefixes == NULL)
            return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < c->unmatched_count; i++)
        prefixes[i] = (struct policy_prefix){
            .method = c->unmatched[i].method,
            .prefix = c->unmatched[i].prefix,
        };
    struct policy_load load = {
        .dir = c->policies,
        .unmatched = prefixes,
        .unmatched_count = c->unmatched_count,
        .has_consumers = c->consumers != NULL,
        .consumers = r->consumers,
    };
    enum status s = policy_snapshot_load(&load, problems, &r->policy);
    free(prefixes);
    return s;
}

static enum status load_consumers(struct runtime *r, struct problems *problems)
{
    if (r->config->consumers == NULL)
        return STATUS_OK;
    return config_consumers_load(r->config->consumers, problems, &r->consumers);
}

static void set_schema_limits(struct runtime *r)
{
    schema_limits_default(&r->schema_limits);
    r->schema_limits.max_token_bytes =
        (uint32_t)r->config->limits.max_token_bytes;
    r->schema_limits.max_members = r->config->limits.max_members;
}

enum status runtime_load(const struct config_source *source,
                         struct problems *problems, struct runtime **out)
{
    struct runtime *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return STATUS_NO_MEMORY;
    r->references = 1;
    enum status s = config_load(source, problems, &r->config);
    if (s == STATUS_OK) {
        set_schema_limits(r);
        /* All three, so that one run tells all that is wrong. */
        enum status consumers = load_consumers(r, problems);
        enum status parts[] = {
            runtime_check_config(r->config, problems, &r->tls), consumers,
            load_policy(r, problems)};
        for (size_t i = 0; i < ARRAY_LEN(parts) && s == STATUS_OK; i++)
            s = parts[i];
    }
    if (s != STATUS_OK) {
        runtime_unref(r);
        return s;
    }
    if (secret_is_set(r->config->upstream.authorization))
        r->upstream_authorization =
            secret_reveal(r->config->upstream.authorization).data;
    *out = r;
    return STATUS_OK;
}

struct runtime *runtime_ref(struct runtime *r)
{
    __atomic_add_fetch(&r->references, 1, __ATOMIC_RELAXED);
    return r;
}

void runtime_unref(struct runtime *r)
{
    if (r == NULL ||
        __atomic_sub_fetch(&r->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    http_tls_unref(r->tls);
    config_consumers_free(r->consumers);
    policy_snapshot_unref(r->policy);
    config_free(r->config);
    free(r);
}
