/* SPDX-License-Identifier: Apache-2.0
 *
 * upstream/client.c - libcurl's multi interface on one event loop.
 *
 * libcurl runs in three places only: on_ready() (a socket), on_timer() (its
 * own time-outs) and on_kick() (new calls, calls to resume, and whatever
 * libcurl wants to do at once). It forbids being called from inside its
 * callbacks, and its callbacks are where the caller of this room hears of
 * things: so a call that is started, taken from or cancelled is only put in a
 * queue, and on_kick() does the work. on_kick() is one event, activated by
 * hand: all calls started in a loop turn cost one run of libcurl and no
 * system call.
 *
 * Timers. libcurl asks for its timer to be moved several times a transfer, and
 * nearly always to a later time (the connect time-out of a call that is long
 * connected). The event is therefore only ever moved to an earlier time: when
 * it comes too early, libcurl finds nothing due and asks again. The time-outs
 * of calls work alike: each call knows when it is due, one event, `sweep`,
 * comes no later than the earliest of them, and most calls are gone by then.
 */
#define _GNU_SOURCE /* asprintf */
#include "upstream/client.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"

static void on_kick(evutil_socket_t fd, short what, void *arg);
static void on_timer(evutil_socket_t fd, short what, void *arg);
static void on_sweep(evutil_socket_t fd, short what, void *arg);

/* Queues. */

void upstream_unqueue(struct upstream_call *call)
{
    if (call->queue)
        TAILQ_REMOVE(call->queue, call, queue_link);
    call->queue = NULL;
}

void upstream_queue(struct upstream_call *call, struct upstream_list *queue)
{
    upstream_unqueue(call);
    TAILQ_INSERT_TAIL(queue, call, queue_link);
    call->queue = queue;
}

static struct upstream_call *take_first(struct upstream_list *queue)
{
    struct upstream_call *call = TAILQ_FIRST(queue);

    if (call)
        upstream_unqueue(call);
    return call;
}

void upstream_kick(struct upstream *u)
{
    event_active(u->kick, EV_TIMEOUT, 0);
}

/* Running libcurl. */

static void curl_begin(struct upstream *u)
{
    CHECK(!u->is_in_curl);
    u->is_in_curl = true;
}

static void curl_end(struct upstream *u)
{
    u->is_in_curl = false;
}

void upstream_remove(struct upstream *u, struct upstream_call *call)
{
    curl_begin(u);
    (void)curl_multi_remove_handle(u->multi, call->easy);
    curl_end(u);
}

/* NULL for handles that are libcurl's own. */
static struct upstream_call *call_of(CURL *easy)
{
    struct upstream_call *call;
    char *own = NULL;

    if (!easy || curl_easy_getinfo(easy, CURLINFO_PRIVATE, &own) != CURLE_OK ||
        !own)
        return NULL;
    MAGIC_CAST(call, (void *)own, UPSTREAM_CALL_MAGIC);
    return call;
}

static bool is_paused(CURL *easy)
{
    const struct upstream_call *call = call_of(easy);

    return call && call->is_paused;
}

static bool multi_new(struct upstream *u);

/* Out of memory in the middle of a run, libcurl 7.88 leaves the record of a
 * socket behind that divides by zero when the next socket of that number
 * comes, and nothing removes it but the end of the whole handle. So that ends,
 * and the calls that it has; they would not have got far. */
static void replace_multi(struct upstream *u)
{
    struct upstream_call *call;

    u->is_short = false;
    for (call = TAILQ_FIRST(&u->live); call; call = TAILQ_NEXT(call, link))
        if (call->state == CALL_RUNNING)
            upstream_queue(call, &u->expired);
    while ((call = take_first(&u->expired)) != NULL) {
        upstream_remove(u, call);
        upstream_call_ended(call, CURLE_OUT_OF_MEMORY);
    }
    curl_begin(u);
    (void)curl_multi_cleanup(u->multi);
    curl_end(u);
    upstream_sockets_clear(&u->sockets);
    (void)multi_new(u); /* or with the next call */
}

/* What libcurl left behind: finished calls, and those cancelled meanwhile. */
static void settle(struct upstream *u)
{
    struct upstream_call *call;
    CURLMsg *message;
    int left;

    while ((call = take_first(&u->cancelled)) != NULL) {
        upstream_remove(u, call);
        upstream_call_recycle(call);
    }
    while (u->multi &&
           (message = curl_multi_info_read(u->multi, &left)) != NULL) {
        CURLcode code = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        call = call_of(message->easy_handle);
        CHECK(call != NULL);
        upstream_remove(u, call);
        upstream_call_ended(call, code);
    }
    if (u->is_short)
        replace_multi(u);
}

static void run(struct upstream *u, curl_socket_t fd, int bits)
{
    int running;

    u->is_due = false;
    if (!u->multi)
        return;
    curl_begin(u);
    if (curl_multi_socket_action(u->multi, fd, bits, &running) ==
        CURLM_OUT_OF_MEMORY)
        u->is_short = true;
    curl_end(u);
}

static void on_ready(void *arg, curl_socket_t fd, int bits)
{
    struct upstream *u;

    MAGIC_CAST(u, arg, UPSTREAM_MAGIC);
    run(u, fd, bits);
    settle(u);
}

static void start_queued(struct upstream *u)
{
    struct upstream_call *call;

    while ((call = take_first(&u->starting)) != NULL) {
        CURLMcode code = CURLM_OUT_OF_MEMORY;

        if (u->multi || multi_new(u)) {
            curl_begin(u);
            code = curl_multi_add_handle(u->multi, call->easy);
            curl_end(u);
        }
        call->state = CALL_RUNNING;
        if (code != CURLM_OK)
            upstream_call_ended(call, CURLE_OUT_OF_MEMORY);
    }
}

static void resume_queued(struct upstream *u)
{
    struct upstream_call *call;

    while ((call = take_first(&u->resuming)) != NULL) {
        CURLcode code;

        call->is_paused = false;
        call->due = clock_mono(u->clock) + u->settings.idle_timeout_us;
        upstream_watch(u, call->due);
        curl_begin(u);
        code = curl_easy_pause(call->easy, CURLPAUSE_CONT);
        curl_end(u);
        if (code != CURLE_OK && call->state == CALL_RUNNING) {
            upstream_remove(u, call);
            upstream_call_ended(call, code);
        }
    }
}

static void on_kick(evutil_socket_t fd, short what, void *arg)
{
    struct upstream *u;

    (void)fd;
    (void)what;
    MAGIC_CAST(u, arg, UPSTREAM_MAGIC);
    start_queued(u);
    resume_queued(u);
    if (u->is_due)
        run(u, CURL_SOCKET_TIMEOUT, 0);
    settle(u);
}

/* Timers. */

static void arm(struct event *event, mono_us now, mono_us due)
{
    int64_t left = due > now ? due - now : 0;
    struct timeval tv = {
        .tv_sec = (time_t)(left / US_PER_S),
        .tv_usec = (suseconds_t)(left % US_PER_S),
    };

    /* Fails only where the loop has no memory for one more timer; libcurl
     * and the sweep then go on with the next thing that happens. */
    (void)evtimer_add(event, &tv);
}

static int want_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct upstream *u;
    mono_us now, due;

    (void)multi;
    MAGIC_CAST(u, arg, UPSTREAM_MAGIC);
    if (timeout_ms < 0)
        return 0;
    if (timeout_ms == 0) {
        u->is_due = true;
        upstream_kick(u);
        return 0;
    }
    now = clock_mono(u->clock);
    due = now + timeout_ms * US_PER_MS;
    if (due < u->timer_due) {
        u->timer_due = due;
        arm(u->timer, now, due);
    }
    return 0;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct upstream *u;

    (void)fd;
    (void)what;
    MAGIC_CAST(u, arg, UPSTREAM_MAGIC);
    u->timer_due = NEVER;
    run(u, CURL_SOCKET_TIMEOUT, 0);
    settle(u);
}

void upstream_watch(struct upstream *u, mono_us due)
{
    if (due >= u->sweep_due)
        return;
    u->sweep_due = due;
    arm(u->sweep, clock_mono(u->clock), due);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct upstream *u;
    struct upstream_call *call;
    mono_us now, next = NEVER;

    (void)fd;
    (void)what;
    MAGIC_CAST(u, arg, UPSTREAM_MAGIC);
    u->sweep_due = NEVER;
    now = clock_mono(u->clock);
    for (call = TAILQ_FIRST(&u->live); call; call = TAILQ_NEXT(call, link)) {
        if (call->due <= now)
            upstream_queue(call, &u->expired);
        else if (call->due < next)
            next = call->due;
    }
    if (next != NEVER)
        upstream_watch(u, next);
    while ((call = take_first(&u->expired)) != NULL)
        upstream_call_expired(call);
    settle(u);
}

/* Settings. */

static void settings_release(struct upstream *u)
{
    free((char *)(uintptr_t)u->settings.url);
    free((char *)(uintptr_t)u->settings.ca_file);
    curl_url_cleanup(u->root);
    free(u->host);
    free(u->prefix);
}

static bool has_part(CURLU *url, CURLUPart part)
{
    char *value = NULL;
    bool has = curl_url_get(url, part, &value, 0) == CURLUE_OK;

    curl_free(value);
    return has;
}

static char *part_dup(CURLU *url, CURLUPart part)
{
    char *value = NULL, *copy = NULL;

    if (curl_url_get(url, part, &value, 0) == CURLUE_OK)
        copy = strdup(value);
    curl_free(value);
    return copy;
}

/* For the Host header: RFC 9110 section 7.2. */
static char *host_of(CURLU *url)
{
    char *host = NULL, *port = NULL, *out = NULL;

    if (curl_url_get(url, CURLUPART_HOST, &host, CURLU_PUNYCODE) != CURLUE_OK)
        return NULL;
    if (curl_url_get(url, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT) !=
        CURLUE_OK)
        out = strdup(host);
    else if (asprintf(&out, "%s:%s", host, port) < 0)
        out = NULL;
    curl_free(host);
    curl_free(port);
    return out;
}

static bool is_base_url(CURLU *url, bool *is_https)
{
    char *scheme = part_dup(url, CURLUPART_SCHEME);
    bool is_http;

    *is_https = scheme && strcmp(scheme, "https") == 0;
    is_http = *is_https || (scheme && strcmp(scheme, "http") == 0);
    free(scheme);
    return is_http && !has_part(url, CURLUPART_USER) &&
           !has_part(url, CURLUPART_PASSWORD) &&
           !has_part(url, CURLUPART_QUERY) &&
           !has_part(url, CURLUPART_FRAGMENT);
}

/* A base URL taken apart into u->root, u->host and u->prefix. */
static enum status split(const char *text, struct upstream *u)
{
    CURLU *url = curl_url();
    enum status s = STATUS_INVALID;
    size_t len;

    if (!url)
        return STATUS_NO_MEMORY;
    if (curl_url_set(url, CURLUPART_URL, text, CURLU_PATH_AS_IS) != CURLUE_OK ||
        !is_base_url(url, &u->is_https))
        goto out;
    s = STATUS_NO_MEMORY;
    u->host = host_of(url);
    u->prefix = part_dup(url, CURLUPART_PATH);
    if (!u->host || !u->prefix)
        goto out;
    len = strlen(u->prefix);
    while (len > 0 && u->prefix[len - 1] == '/')
        u->prefix[--len] = '\0';
    if (curl_url_set(url, CURLUPART_PATH, "/", 0) == CURLUE_OK) {
        u->root = url;
        return STATUS_OK;
    }
out:
    curl_url_cleanup(url);
    return s;
}

static void set_connections(struct upstream *u)
{
    long connections = (long)u->settings.connections;

    if (!u->multi)
        return;
    (void)curl_multi_setopt(u->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                            connections);
    (void)curl_multi_setopt(u->multi, CURLMOPT_MAXCONNECTS, connections);
}

enum status upstream_configure(struct upstream *u,
                               const struct upstream_settings *settings)
{
    struct upstream next = {.settings = *settings};
    enum status s;

    CHECK(u->magic == UPSTREAM_MAGIC);
    next.settings.url = strdup(settings->url);
    next.settings.ca_file =
        settings->ca_file ? strdup(settings->ca_file) : NULL;
    s = split(settings->url, &next);
    if (s == STATUS_OK &&
        (!next.settings.url || (settings->ca_file && !next.settings.ca_file)))
        s = STATUS_NO_MEMORY;
    if (s == STATUS_OK && settings->ca_file &&
        access(settings->ca_file, R_OK) != 0)
        s = STATUS_IO;
    if (s != STATUS_OK) {
        settings_release(&next);
        return s;
    }
    settings_release(u);
    u->settings = next.settings;
    u->root = next.root;
    u->is_https = next.is_https;
    u->host = next.host;
    u->prefix = next.prefix;
    u->generation++;
    set_connections(u);
    return STATUS_OK;
}

/* Life cycle. */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_once_result;

static void curl_init_once(void)
{
    curl_once_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool multi_set(CURLM *multi, struct upstream *u)
{
    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION,
                             upstream_sockets_want) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, &u->sockets) ==
               CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, want_timer) ==
               CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERDATA, u) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) ==
               CURLM_OK;
}

static bool multi_new(struct upstream *u)
{
    u->multi = curl_multi_init();
    if (!u->multi)
        return false;
    if (!multi_set(u->multi, u)) {
        (void)curl_multi_cleanup(u->multi);
        u->multi = NULL;
        return false;
    }
    set_connections(u);
    return true;
}

enum status upstream_new(struct event_base *base, const struct clock *clock,
                         const struct upstream_settings *settings,
                         struct upstream **out)
{
    struct upstream *u;
    enum status s = STATUS_NO_MEMORY;

    (void)pthread_once(&curl_once, curl_init_once);
    if (curl_once_result != CURLE_OK)
        return STATUS_NO_MEMORY;
    u = calloc(1, sizeof(*u));
    if (!u)
        return STATUS_NO_MEMORY;
    MAGIC_SET(u, UPSTREAM_MAGIC);
    u->base = base;
    u->clock = clock;
    u->timer_due = NEVER;
    u->sweep_due = NEVER;
    TAILQ_INIT(&u->live);
    TAILQ_INIT(&u->idle);
    TAILQ_INIT(&u->starting);
    TAILQ_INIT(&u->resuming);
    TAILQ_INIT(&u->cancelled);
    TAILQ_INIT(&u->expired);
    upstream_sockets_init(&u->sockets, base, on_ready, is_paused, u);
    u->kick = event_new(base, -1, 0, on_kick, u);
    u->timer = evtimer_new(base, on_timer, u);
    u->sweep = evtimer_new(base, on_sweep, u);
    if (u->kick && u->timer && u->sweep && multi_new(u))
        s = upstream_configure(u, settings);
    if (s != STATUS_OK) {
        upstream_free(u);
        return s;
    }
    *out = u;
    return STATUS_OK;
}

void upstream_free(struct upstream *u)
{
    struct upstream_call *call;

    if (!u)
        return;
    CHECK(u->magic == UPSTREAM_MAGIC);
    CHECK(TAILQ_EMPTY(&u->live) && !u->is_in_curl);
    while ((call = TAILQ_FIRST(&u->idle)) != NULL) {
        TAILQ_REMOVE(&u->idle, call, link);
        upstream_call_free(call);
    }
    if (u->multi)
        (void)curl_multi_cleanup(u->multi);
    upstream_sockets_release(&u->sockets);
    if (u->kick)
        event_free(u->kick);
    if (u->timer)
        event_free(u->timer);
    if (u->sweep)
        event_free(u->sweep);
    settings_release(u);
    MAGIC_CLEAR(u);
    free(u);
}

void upstream_counters_get(const struct upstream *u,
                           struct upstream_counters *out)
{
    *out = u->counters;
    out->connects = u->sockets.opened;
}
