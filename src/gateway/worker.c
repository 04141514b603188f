/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/worker.c - one loop and its neighbours, made and unmade in order.
 *
 * EPOLL_USE_CHANGELIST: a socket is often taken out of the loop and put back
 * in the same turn (libcurl does it around each transfer); the changelist makes
 * one epoll_ctl of such pairs, or none.
 */
#include "gateway/worker.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "gateway/exchange.h"

#define WORKER_MAGIC 0x776f726bu
#define SCRATCH_MAX (64 * 1024)
#define GREETING_TIMEOUT_US (5 * US_PER_S) /* a machine may be busy */
#define IDLE_POLL_US (20 * US_PER_MS)      /* while draining */

static void check_idle(evutil_socket_t fd, short what, void *arg);

static void http_settings_of(const struct runtime *r,
                             struct worker_shared *shared,
                             struct http_settings *out)
{
    const struct config *c = r->config;
    *out = (struct http_settings){
        .max_body_bytes = c->limits.max_body_bytes,
        .max_head_bytes = (size_t)c->limits.max_head_bytes,
        .count = &shared->connections,
        .max_connections = shared->fixed->limits.max_connections,
        .max_descriptors = shared->descriptors.clients,
        .header_timeout_us = c->limits.header_timeout_us,
        .body_timeout_us = c->limits.body_timeout_us,
        .keepalive_timeout_us = c->limits.keepalive_timeout_us,
        .send_timeout_us = c->limits.send_timeout_us,
        .tls = r->tls,
    };
}

static void upstream_settings_of(const struct config *c,
                                 const struct worker_shared *shared,
                                 struct upstream_settings *out)
{
    *out = (struct upstream_settings){
        .url = c->upstream.url,
        .ca_file = c->upstream.ca_file,
        .connect_timeout_us = c->upstream.connect_timeout_us,
        .answer_timeout_us = c->upstream.answer_timeout_us,
        .idle_timeout_us = c->upstream.idle_timeout_us,
        .keep_idle_us = shared->fixed->upstream.keep_idle_us,
        .connections = shared->descriptors.upstream,
    };
}

static void limit_settings_of(const struct config *c,
                              struct limit_settings *out)
{
    static const enum limit_on_failure on_failure[] = {
        [CONFIG_FAIL_LOCAL] = LIMIT_FAIL_LOCAL,
        [CONFIG_FAIL_ALLOW] = LIMIT_FAIL_ALLOW,
        [CONFIG_FAIL_DENY] = LIMIT_FAIL_DENY,
    };
    *out = (struct limit_settings){
        .timeout_us = c->redis.timeout_us,
        .on_failure = on_failure[c->redis.on_failure],
        .local_share = c->redis.local_share,
    };
}

static enum status make_redis(struct worker *w)
{
    static const enum redis_layout layouts[] = {
        [CONFIG_REDIS_SERVER] = REDIS_SERVER,
        [CONFIG_REDIS_UNIX] = REDIS_SERVER,
        [CONFIG_REDIS_CLUSTER] = REDIS_CLUSTER,
        [CONFIG_REDIS_SENTINEL] = REDIS_SENTINEL,
    };
    const struct config_redis *url = w->runtime->config->redis.url;
    struct redis_host hosts[CONFIG_REDIS_HOSTS_MAX];
    struct redis_options o;
    if (url == NULL)
        return STATUS_OK;
    for (size_t i = 0; i < url->host_count; i++)
        hosts[i] = (struct redis_host){url->hosts[i].host, url->hosts[i].port};
    redis_options_default(&o);
    o.layout = layouts[url->kind];
    o.path = url->path;
    if (url->host_count > 0)
        o.host = hosts[0];
    o.seeds = hosts;
    o.seed_count = url->host_count;
    o.master = url->sentinel_name;
    o.user = url->user;
    o.password = secret_reveal(url->password).data;
    o.database = url->database;
    o.tls = url->is_tls;
    return redis_new(w->base, w->shared->clock, &o, &w->redis);
}

static void on_greeted(void *arg, const struct redis_result *result)
{
    struct worker *w;
    char quoted[256] = "\"no answer\"";
    MAGIC_CAST(w, arg, WORKER_MAGIC);
    if (result->status == STATUS_OK &&
        redis_reply_kind(result->reply) != REDIS_ERROR)
        return;
    if (result->status == STATUS_OK)
        log_quote(redis_reply_text(result->reply), quoted, sizeof(quoted));
    log_event(LOG_WARNING, "redis.unreachable",
              "server=%s reason=%s effect=\"limits are decided as "
              "redis.on_failure says until it answers\"",
              w->runtime->config->redis.url->shown, quoted);
}

/* A Redis that is away does not keep the gateway from starting, but whoever
 * started it should know at once and not with the first request. One worker
 * asks for all. */
static enum status greet_redis(struct worker *w)
{
    const struct text argv[] = {TEXT("PING")};
    if (w->redis == NULL || w->index != 0)
        return STATUS_OK;
    return redis_command(w->redis, redis_place_of(w->redis, argv[0]),
                         GREETING_TIMEOUT_US, ARRAY_LEN(argv), argv, on_greeted,
                         w);
}

static enum status make_base(struct worker *w)
{
    struct event_config *config = event_config_new();
    if (config == NULL)
        return STATUS_NO_MEMORY;
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    w->base = event_base_new_with_config(config);
    event_config_free(config);
    if (w->base == NULL)
        return STATUS_NO_MEMORY;
    w->idle_poll = event_new(w->base, -1, EV_PERSIST, check_idle, w);
    if (w->idle_poll == NULL)
        return STATUS_NO_MEMORY;
    return mailbox_new(w->base, &w->mailbox);
}

static enum status make_neighbours(struct worker *w)
{
    const struct config *c = w->runtime->config;
    const struct clock *clock = w->shared->clock;
    struct http_settings http;
    struct upstream_settings upstream;
    struct limit_settings limits;
    http_settings_of(w->runtime, w->shared, &http);
    upstream_settings_of(c, w->shared, &upstream);
    limit_settings_of(c, &limits);
    enum status s = make_redis(w);
    if (s == STATUS_OK)
        s = upstream_new(w->base, clock, &upstream, &w->upstream);
    if (s == STATUS_OK)
        s = limiter_new(w->base, clock, w->shared->buckets, w->redis, &limits,
                        &w->limiter);
    if (s == STATUS_OK)
        s = sender_new(w->base, clock, w->shared->chats, w->redis,
                       c->redis.timeout_us, &w->sender);
    if (s == STATUS_OK)
        s = sender_lookups_new(w->base, w->shared->lookups, &w->lookups);
    if (s == STATUS_OK)
        s = audit_writer_new(w->base, clock, w->shared->audit, &w->audit);
    if (s == STATUS_OK)
        s = http_server_new(w->base, clock, &http, exchange_handler(), w,
                            &w->http);
    return s;
}

enum status worker_new(int index, struct worker_shared *shared,
                       struct runtime *runtime, struct worker **out)
{
    struct worker *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return STATUS_NO_MEMORY;
    MAGIC_SET(w, WORKER_MAGIC);
    w->index = index;
    w->shared = shared;
    w->runtime = runtime_ref(runtime);
    buffer_init(&w->scratch, SCRATCH_MAX);
    id_source_init(&w->ids);
    enum status s = make_base(w);
    if (s == STATUS_OK) {
        w->json = json_writer_new();
        s = w->json ? make_neighbours(w) : STATUS_NO_MEMORY;
    }
    if (s == STATUS_OK)
        s = greet_redis(w);
    if (s != STATUS_OK) {
        log_event(LOG_ERROR, "worker.failed", "worker=%d reason=%s", index,
                  status_name(s));
        worker_free(w);
        return s;
    }
    *out = w;
    return STATUS_OK;
}

/* Clients first: their exchanges let go of the neighbours behind them. The loop
 * turns once more for that, and whatever else is due in it finds no listener:
 * letters of the main thread's too. */
void worker_free(struct worker *w)
{
    if (w == NULL)
        return;
    if (w->idle_poll != NULL)
        event_free(w->idle_poll);
    w->idle_poll = NULL;
    if (w->http != NULL)
        http_server_free(w->http);
    w->http = NULL;
    if (w->base != NULL)
        event_base_loop(w->base, EVLOOP_NONBLOCK);
    if (w->audit != NULL)
        audit_writer_free(w->audit);
    if (w->lookups != NULL)
        sender_lookups_free(w->lookups);
    if (w->sender != NULL)
        sender_free(w->sender);
    if (w->limiter != NULL)
        limiter_free(w->limiter);
    if (w->upstream != NULL)
        upstream_free(w->upstream);
    if (w->redis != NULL)
        redis_free(w->redis);
    mailbox_free(w->mailbox);
    if (w->base != NULL)
        event_base_free(w->base);
    json_writer_free(w->json);
    buffer_release(&w->scratch);
    runtime_unref(w->runtime);
    MAGIC_CLEAR(w);
    free(w);
}

void worker_reload(struct worker *w, struct runtime *runtime)
{
    struct http_settings http;
    struct upstream_settings upstream;
    struct limit_settings limits;
    struct runtime *old = w->runtime;
    if (w->http == NULL)
        return; /* it is ending */
    w->runtime = runtime_ref(runtime);
    http_settings_of(runtime, w->shared, &http);
    upstream_settings_of(runtime->config, w->shared, &upstream);
    limit_settings_of(runtime->config, &limits);
    http_server_configure(w->http, &http);
    limiter_configure(w->limiter, &limits);
    sender_configure(w->sender, runtime->config->redis.timeout_us);
    if (upstream_configure(w->upstream, &upstream) != STATUS_OK)
        log_event(LOG_ERROR, "reload.failed",
                  "worker=%d part=upstream reason=out-of-memory", w->index);
    runtime_unref(old);
}

/* An idle connection is left open until its next request or its time-out: to
 * close it now could lose a request that is already on its way. */
static void check_idle(evutil_socket_t fd, short what, void *arg)
{
    struct worker *w;
    (void)fd, (void)what;
    MAGIC_CAST(w, arg, WORKER_MAGIC);
    if (w->exchanges > 0 || http_server_connections(w->http) > 0)
        return;
    event_del(w->idle_poll);
    w->on_idle(w->on_idle_arg);
}

void worker_drain(struct worker *w, void (*on_idle)(void *arg), void *arg)
{
    const struct timeval interval = {0, IDLE_POLL_US};
    if (w->http == NULL)
        return; /* it is ending */
    w->on_idle = on_idle;
    w->on_idle_arg = arg;
    http_server_drain(w->http);
    event_add(w->idle_poll, &interval);
}

void worker_exchange_began(struct worker *w)
{
    w->exchanges++;
}

void worker_exchange_over(struct worker *w)
{
    CHECK(w->exchanges > 0);
    w->exchanges--;
}

static void collect_limits(struct worker *w, struct metrics *out)
{
    struct limit_counters l;
    limiter_counters(w->limiter, &l);
    out->limit_redis = l.by_redis;
    out->limit_local = l.by_local;
    out->limit_open = l.by_open;
    out->limit_cache = l.by_cache;
    out->limit_unknown = l.unknown;
    out->limit_refunds = l.refunds;
    out->limit_refunds_failed = l.refunds_failed;
    if (w->redis == NULL)
        return;
    struct redis_counters r;
    redis_counters_get(w->redis, &r);
    out->redis_up = redis_is_whole(w->redis);
    out->redis_commands = r.commands;
    out->redis_writes = r.writes;
    out->redis_timeouts = r.timeouts;
    out->redis_circuit_opened = r.circuit_opened;
    out->redis_redirects = r.redirects;
    out->redis_switches = r.switches;
}

void worker_collect(struct worker *w, struct metrics *out)
{
    struct http_counters h = {0};
    struct upstream_counters u;
    struct audit_counters a;
    if (w->http != NULL)
        http_server_counters(w->http, &h);
    upstream_counters_get(w->upstream, &u);
    audit_writer_counters(w->audit, &a);
    *out = w->metrics;
    out->connections = h.connections;
    out->connections_total = h.accepted;
    out->connections_refused = h.refused_connections;
    out->gate_held_bytes = h.held_bytes;
    out->exchanges = w->exchanges;
    out->upstream_calls = u.calls;
    out->upstream_connects = u.connects;
    out->upstream_retries = u.retries;
    out->upstream_failures = u.failures;
    out->audit_lines = a.lines;
    out->audit_writes = a.writes;
    out->audit_failures = a.failures;
    collect_limits(w, out);
}
