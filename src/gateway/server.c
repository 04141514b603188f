/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/server.c - threads, signals, reload, drain.
 *
 *   main thread   its own loop: signals, the admin address, timers
 *   workers       one thread each, blocked signals, their own loops
 *
 * They talk through mailboxes only. A scrape goes round: the main thread
 * posts a question to each worker, each posts its copy of the counts back,
 * the last one completes the answer. A drain likewise: each worker says when
 * nothing is left.
 */
#include "gateway/server.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "gateway/listeners.h"
#include "gateway/server_state.h"

#define CHATS_PER_BUCKETS 1 /* chats remembered for each bucket kept */

enum exit_status { EXIT_DONE = 0, EXIT_CONFIGURATION = 2, EXIT_LOST = 3 };

static void admin_settings_of(const struct config *c,
                              struct admin_settings *out)
{
    out->has_password = c->admin.has_password;
    memcpy(out->password_sha256, c->admin.password_sha256,
           sizeof(out->password_sha256));
}

/* ---- reload ---- */

struct reload {
    struct worker *worker;
    struct runtime *runtime; /* one reference */
};

static void reload_worker(void *arg)
{
    struct reload *r = arg;
    worker_reload(r->worker, r->runtime);
    runtime_unref(r->runtime);
    free(r);
}

static void warn_of_restart(void *arg, const char *key)
{
    (void)arg;
    log_event(LOG_WARNING, "reload.needs_restart",
              "key=%s reason=\"a reload does not change it; the old value "
              "stays until a restart\"",
              key);
}

static void note_reload_problem(struct server *s, struct problems *problems,
                                enum status status)
{
    const struct problem *first = NULL;
    for (size_t i = 0; i < problems->count && first == NULL; i++)
        if (!problems->list[i].is_warning)
            first = &problems->list[i];
    if (first != NULL)
        snprintf(s->reload_problem, sizeof(s->reload_problem), "%s:%d:%d: %s",
                 first->file, first->line, first->column, first->message);
    else
        snprintf(s->reload_problem, sizeof(s->reload_problem), "%s",
                 status_name(status));
}

static void post_reload(struct server *s, struct worker *w)
{
    struct reload *r = calloc(1, sizeof(*r));
    if (r != NULL) {
        *r = (struct reload){w, runtime_ref(s->runtime)};
        if (mailbox_post(w->mailbox, reload_worker, r) == STATUS_OK)
            return;
        runtime_unref(r->runtime);
        free(r);
    }
    log_event(LOG_ERROR, "reload.failed", "worker=%d reason=out-of-memory",
              w->index);
}

static void reload(struct server *s)
{
    struct problems problems;
    struct runtime *fresh = NULL;
    problems_init(&problems);
    enum status status = runtime_load(s->source, &problems, &fresh);
    problems_print(&problems, stderr);
    if (status != STATUS_OK) {
        note_reload_problem(s, &problems, status);
        log_event(LOG_ERROR, "reload.refused",
                  "reason=%s effect=\"nothing has changed\"",
                  status_name(status));
    } else {
        struct admin_settings admin;
        s->reload_problem[0] = '\0';
        config_changed(s->first->config, fresh->config, warn_of_restart, NULL);
        runtime_unref(s->runtime);
        s->runtime = fresh;
        log_set_level(fresh->config->log_level);
        admin_settings_of(fresh->config, &admin);
        admin_configure(s->admin, &admin);
        for (int i = 0; i < s->worker_count; i++)
            post_reload(s, s->workers[i]);
        log_event(LOG_INFO, "reload.done", "policies=%s",
                  policy_snapshot_version(fresh->policy));
    }
    problems_release(&problems);
}

/* ---- drain ---- */

static void stop_worker(void *arg)
{
    struct worker *w = arg;
    event_base_loopbreak(w->base);
}

static void stop_all(struct server *s)
{
    for (int i = 0; i < s->worker_count; i++)
        if (mailbox_post(s->workers[i]->mailbox, stop_worker, s->workers[i]) !=
            STATUS_OK)
            abort(); /* nothing else can end the thread */
    event_base_loopbreak(s->base);
}

/* On the main thread: one worker has nothing left. */
static void worker_was_idle(void *arg)
{
    struct server *s;
    MAGIC_CAST(s, arg, SERVER_MAGIC);
    if (--s->running == 0)
        stop_all(s);
}

/* On the worker's thread. */
static void worker_is_idle(void *arg)
{
    struct server *s;
    MAGIC_CAST(s, arg, SERVER_MAGIC);
    if (mailbox_post(s->mailbox, worker_was_idle, s) != STATUS_OK)
        log_event(LOG_ERROR, "drain.slow", "reason=out-of-memory");
}

struct drain {
    struct server *server;
    struct worker *worker;
};

static void drain_worker(void *arg)
{
    struct drain *d = arg;
    worker_drain(d->worker, worker_is_idle, d->server);
    free(d);
}

static void set_timer(struct event *timer, int64_t us)
{
    struct timeval tv = {us / US_PER_S, us % US_PER_S};
    event_add(timer, &tv);
}

static void stop_accepting(struct server *s)
{
    s->is_accepting_over = true;
    for (int i = 0; i < s->worker_count; i++) {
        struct drain *d = calloc(1, sizeof(*d));
        if (d != NULL) {
            *d = (struct drain){s, s->workers[i]};
            if (mailbox_post(s->workers[i]->mailbox, drain_worker, d) ==
                STATUS_OK)
                continue;
            free(d);
        }
        stop_all(s);
        return;
    }
    set_timer(s->drain_timer, s->runtime->config->drain_timeout_us);
}

static void on_drain_timer(evutil_socket_t fd, short what, void *arg)
{
    struct server *s;
    (void)fd, (void)what;
    MAGIC_CAST(s, arg, SERVER_MAGIC);
    if (!s->is_accepting_over) {
        stop_accepting(s);
        return;
    }
    log_event(LOG_WARNING, "drain.timeout",
              "workers=%d effect=\"what is left is cut off\"", s->running);
    stop_all(s);
}

static void drain(struct server *s)
{
    if (s->is_draining) {
        log_event(LOG_WARNING, "drain.cut", "reason=\"a second signal\"");
        stop_all(s);
        return;
    }
    s->is_draining = true;
    log_event(LOG_INFO, "drain.begun", "delay_ms=%lld timeout_ms=%lld",
              (long long)(s->runtime->config->drain_delay_us / US_PER_MS),
              (long long)(s->runtime->config->drain_timeout_us / US_PER_MS));
    if (s->runtime->config->drain_delay_us > 0)
        set_timer(s->drain_timer, s->runtime->config->drain_delay_us);
    else
        stop_accepting(s);
}

/* ---- signals ---- */

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    struct server *s;
    (void)what;
    MAGIC_CAST(s, arg, SERVER_MAGIC);
    switch ((int)number) {
    case SIGHUP:
        reload(s);
        break;
    case SIGUSR1:
        if (audit_file_reopen(s->shared.audit) == STATUS_OK)
            log_event(LOG_INFO, "audit.reopened", "file=%s",
                      s->first->config->audit.file);
        else
            log_event(LOG_ERROR, "audit.reopen_failed",
                      "file=%s reason=\"%s\" effect=\"the old file stays in "
                      "use\"",
                      s->first->config->audit.file, strerror(errno));
        break;
    default:
        drain(s);
    }
}

static enum status watch_signals(struct server *s)
{
    static const int numbers[] = {SIGHUP, SIGUSR1, SIGTERM, SIGINT};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error, no death */
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        s->signals[i] = evsignal_new(s->base, numbers[i], on_signal, s);
        if (s->signals[i] == NULL || event_add(s->signals[i], NULL) != 0)
            return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

/* ---- start, in order ---- */

static enum status make_shared(struct server *s)
{
    const struct config *c = s->first->config;
    struct worker_shared *shared = &s->shared;
    struct id_source ids;
    struct sender_lookup_limits lookups;
    struct audit_file_options audit = {
        .path = c->audit.file,
        .fsync_data = c->audit.fsync == CONFIG_FSYNC_DATA,
        .patience_us = c->audit.patience_us,
    };
    shared->clock = clock_system();
    shared->fixed = c;
    descriptors_prepare(c->workers, c->limits.max_connections,
                        c->upstream.connections, &shared->descriptors);
    shared->max_buffered_bytes = c->limits.max_buffered_bytes;
    shared->privacy.key = secret_reveal(c->audit.key);
    shared->privacy.numbers =
        c->audit.numbers == CONFIG_NUMBERS_MASKED   ? AUDIT_NUMBERS_MASKED
        : c->audit.numbers == CONFIG_NUMBERS_HASHED ? AUDIT_NUMBERS_HASHED
                                                    : AUDIT_NUMBERS_FULL;
    id_source_init(&ids);
    if (id_uuid7(&ids, clock_wall(shared->clock), shared->run) != STATUS_OK)
        return STATUS_UNAVAILABLE;
    if (audit_file_open(&audit, &shared->audit) != STATUS_OK) {
        log_event(LOG_ERROR, "audit.open_failed", "file=%s reason=\"%s\"",
                  c->audit.file, strerror(errno));
        return STATUS_IO;
    }
    shared->buckets = limit_shared_new(c->limits.max_buckets, shared->clock);
    shared->chats = sender_shared_new(
        (size_t)c->limits.max_buckets * CHATS_PER_BUCKETS, shared->clock);
    sender_lookup_limits_default(&lookups);
    shared->lookups = sender_lookup_shared_new(&lookups, shared->clock);
    return shared->buckets != NULL && shared->chats != NULL &&
                   shared->lookups != NULL
               ? STATUS_OK
               : STATUS_NO_MEMORY;
}

static enum status make_workers(struct server *s)
{
    int count = (int)s->runtime->config->workers;
    s->workers = calloc((size_t)count, sizeof(*s->workers));
    s->threads = calloc((size_t)count, sizeof(*s->threads));
    if (s->workers == NULL || s->threads == NULL)
        return STATUS_NO_MEMORY;
    for (int i = 0; i < count; i++) {
        enum status status =
            worker_new(i, &s->shared, s->runtime, &s->workers[i]);
        if (status != STATUS_OK)
            return status;
        s->worker_count++;
        for (size_t a = 0; a < listeners_count(s->listeners); a++) {
            status = http_server_accept(s->workers[i]->http,
                                        listeners_take(s->listeners, a, i));
            if (status != STATUS_OK)
                return status;
        }
    }
    return STATUS_OK;
}

static enum status make_admin(struct server *s)
{
    struct admin_settings settings;
    int fd = listeners_bind(&s->runtime->config->admin.listen, "admin");
    if (fd < 0)
        return STATUS_IO;
    admin_settings_of(s->runtime->config, &settings);
    return admin_new(s->base, fd, &settings, admin_desk(), s, &s->admin);
}

static void *run_worker(void *arg)
{
    struct worker *w = arg;
    event_base_dispatch(w->base);
    return NULL;
}

/* Threads with all signals blocked: the main thread gets them. */
static enum status start_threads(struct server *s)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 0; i < s->worker_count; i++) {
        int failed =
            pthread_create(&s->threads[i], NULL, run_worker, s->workers[i]);
        if (failed != 0) {
            pthread_sigmask(SIG_SETMASK, &before, NULL);
            log_event(LOG_ERROR, "worker.failed", "worker=%d reason=\"%s\"", i,
                      strerror(failed));
            return STATUS_UNAVAILABLE;
        }
        s->started++;
        s->running++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return STATUS_OK;
}

static enum status start(struct server *s)
{
    enum status status = make_shared(s);
    if (status != STATUS_OK)
        return status;
    s->base = event_base_new();
    if (s->base == NULL)
        return STATUS_NO_MEMORY;
    s->drain_timer = evtimer_new(s->base, on_drain_timer, s);
    if (s->drain_timer == NULL)
        return STATUS_NO_MEMORY;
    status = mailbox_new(s->base, &s->mailbox);
    /* Before a port is open: who can connect may also say SIGTERM. */
    if (status == STATUS_OK)
        status = watch_signals(s);
    if (status == STATUS_OK)
        status =
            listeners_open(s->runtime->config, (int)s->runtime->config->workers,
                           &s->listeners);
    if (status == STATUS_OK)
        status = make_workers(s);
    if (status == STATUS_OK)
        status = make_admin(s);
    return status;
}

static void stop(struct server *s)
{
    for (int i = 0; i < s->worker_count; i++)
        worker_free(s->workers[i]);
    /* Answers to questions that were under way find their gathering here. */
    if (s->base != NULL)
        event_base_loop(s->base, EVLOOP_NONBLOCK);
    admin_free(s->admin);
    for (size_t i = 0; i < SERVED_SIGNALS; i++)
        if (s->signals[i] != NULL)
            event_free(s->signals[i]);
    if (s->drain_timer != NULL)
        event_free(s->drain_timer);
    mailbox_free(s->mailbox);
    if (s->base != NULL)
        event_base_free(s->base);
    listeners_close(s->listeners);
    limit_shared_free(s->shared.buckets);
    sender_shared_free(s->shared.chats);
    if (s->shared.lookups != NULL)
        sender_lookup_shared_free(s->shared.lookups);
    if (s->shared.audit != NULL)
        audit_file_close(s->shared.audit);
    free(s->workers);
    free(s->threads);
    runtime_unref(s->runtime);
    runtime_unref(s->first);
}

static enum exit_status run(struct server *s)
{
    if (start(s) != STATUS_OK)
        return EXIT_LOST;
    enum exit_status result = EXIT_LOST;
    if (start_threads(s) == STATUS_OK) {
        log_event(LOG_INFO, "gateway.ready",
                  "workers=%d policies=%s upstream=%s run=%s", s->worker_count,
                  policy_snapshot_version(s->runtime->policy),
                  s->runtime->config->upstream.url, s->shared.run);
        event_base_dispatch(s->base);
        result = EXIT_DONE;
    } else {
        stop_all(s);
    }
    for (int i = 0; i < s->started; i++)
        pthread_join(s->threads[i], NULL);
    log_event(LOG_INFO, "gateway.stopped", "run=%s", s->shared.run);
    return result;
}

int server_run(const struct config_source *source)
{
    struct server s = {.source = source};
    struct problems problems;
    MAGIC_SET(&s, SERVER_MAGIC);
    problems_init(&problems);
    enum status status = runtime_load(source, &problems, &s.runtime);
    problems_print(&problems, stderr);
    problems_release(&problems);
    if (status != STATUS_OK)
        return status == STATUS_NO_MEMORY ? EXIT_LOST : EXIT_CONFIGURATION;
    s.first = runtime_ref(s.runtime);
    log_set_level(s.runtime->config->log_level);
    enum exit_status result = run(&s);
    stop(&s);
    return result;
}
