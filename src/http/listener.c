/* SPDX-License-Identifier: Apache-2.0
 *
 * http/listener.c - accepting, limits, settings: the server as a whole.
 *
 * evhttp accepts, and asks us for the bufferevent of each connection
 * (evhttp_set_bevcb). It must never be told that there is none: it would make
 * one of its own, and read requests that no gate has seen. So the gate for
 * the next connection is always there before the connection is, and accepting
 * pauses while there is no memory for one. It pauses likewise when accept(2)
 * itself fails (no descriptors left): level-triggered, the loop would spin.
 *
 * When evhttp has set the connection up, an event that runs in the same turn
 * of the loop, before anything can be read, moves it from `fresh` to `gates`
 * (gate_adopt).
 */
#include "http/listener.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "http/gate.h"

#define SERVER_MAGIC 0x48535256u /* "HSRV" */

/* Until accepting is tried again. */
#define PAUSE_US (100 * US_PER_MS)

/* Connections beyond the maximum that are told so; more are just closed. */
#define MAX_TURNED_AWAY 64

/* libevent's error callback is given evhttp, not the server: all servers of
 * the process, to find it by. */
static pthread_mutex_t servers_lock = PTHREAD_MUTEX_INITIALIZER;
static struct http_server *servers;

static struct http_server *server_of_evhttp(const void *evhttp)
{
    pthread_mutex_lock(&servers_lock);
    struct http_server *s = servers;
    while (s != NULL && (const void *)s->evhttp != evhttp)
        s = s->next;
    pthread_mutex_unlock(&servers_lock);
    return s;
}

static void server_register(struct http_server *s)
{
    pthread_mutex_lock(&servers_lock);
    s->next = servers;
    servers = s;
    pthread_mutex_unlock(&servers_lock);
}

static void server_unregister(struct http_server *s)
{
    pthread_mutex_lock(&servers_lock);
    struct http_server **at = &servers;
    while (*at != NULL && *at != s)
        at = &(*at)->next;
    if (*at == s)
        *at = s->next;
    pthread_mutex_unlock(&servers_lock);
}

/* ---- date ---- */

const char *server_date(struct http_server *s)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed",
                                    "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr",
                                       "May", "Jun", "Jul", "Aug",
                                       "Sep", "Oct", "Nov", "Dec"};
    wall_us second = clock_wall(s->clock) / US_PER_S;
    if (second == s->date_at && s->date[0] != '\0')
        return s->date;
    time_t t = (time_t)second;
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL)
        return "Thu, 01 Jan 1970 00:00:00 GMT";
    s->date_at = second;
    /* Not strftime: the names would be the locale's. */
    snprintf(s->date, sizeof(s->date), "%s, %02d %s %04d %02d:%02d:%02d GMT",
             days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
             (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
    return s->date;
}

/* ---- accepting ---- */

static void pause_accepting(struct http_server *s)
{
    const struct timeval tv = {.tv_usec = PAUSE_US};
    for (size_t i = 0; i < s->listener_count; i++)
        evconnlistener_disable(s->listeners[i]);
    s->is_paused = true;
    if (event_add(&s->resume, &tv) != 0)
        event_active(&s->resume, EV_TIMEOUT, 1); /* no memory: at once */
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    struct http_server *s;
    (void)fd, (void)what;
    MAGIC_CAST(s, arg, SERVER_MAGIC);
    if (s->spare == NULL)
        s->spare = gate_new(s);
    bool is_ready = s->spare != NULL;
    for (size_t i = 0; i < s->listener_count && is_ready; i++)
        is_ready = evconnlistener_enable(s->listeners[i]) == 0;
    s->is_paused = false;
    if (!is_ready)
        pause_accepting(s);
}

static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    int error = EVUTIL_SOCKET_ERROR();
    struct http_server *s = server_of_evhttp(arg);
    (void)listener;
    CHECK(s != NULL);
    s->counters.accept_errors++;
    if (!s->is_paused)
        log_event(LOG_WARNING, "listener.paused", "ms=%d cause=\"%s\"",
                  (int)(PAUSE_US / US_PER_MS), strerror(error));
    pause_accepting(s);
}

static struct bufferevent *on_evhttp_wants_bufferevent(struct event_base *base,
                                                       void *arg)
{
    struct http_server *s;
    (void)base;
    MAGIC_CAST(s, arg, SERVER_MAGIC);
    struct gate *g = s->spare;
    CHECK(g != NULL);
    LIST_INSERT_HEAD(&s->fresh, g, link);
    s->counters.accepted++;
    s->counters.connections++;
    event_active(&s->adopt, EV_TIMEOUT, 1);
    s->spare = gate_new(s);
    if (s->spare == NULL)
        pause_accepting(s);
    return g->plug;
}

static void on_adopt(evutil_socket_t fd, short what, void *arg)
{
    struct http_server *s;
    struct gate *g;
    (void)fd, (void)what;
    MAGIC_CAST(s, arg, SERVER_MAGIC);
    s->now = clock_mono(s->clock);
    while ((g = LIST_FIRST(&s->fresh)) != NULL) {
        LIST_REMOVE(g, link);
        LIST_INSERT_HEAD(&s->gates, g, link);
        if (!gate_adopt(g))
            continue;
        size_t max = s->settings.max_connections;
        if (s->counters.connections <= max)
            continue;
        s->counters.refused_connections++;
        if (s->counters.connections <= max + MAX_TURNED_AWAY)
            gate_turn_away(g);
        else
            gate_free(g);
    }
}

/* evhttp hands over the request that a gate has just announced. One that no
 * gate knows of cannot be; if it is, it ends here. */
static void on_evhttp_request(struct evhttp_request *evreq, void *arg)
{
    struct http_server *s;
    MAGIC_CAST(s, arg, SERVER_MAGIC);
    if (s->handing != NULL)
        s->handing->evreq = evreq;
    else
        evhttp_connection_free(evhttp_request_get_connection(evreq));
}

/* ---- life ---- */

enum status http_server_new(struct event_base *base, const struct clock *clock,
                            const struct http_settings *settings,
                            const struct http_handler *handler, void *arg,
                            struct http_server **out)
{
    struct http_server *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return STATUS_NO_MEMORY;
    MAGIC_SET(s, SERVER_MAGIC);
    s->base = base;
    s->clock = clock;
    s->settings = *settings;
    s->handler = handler;
    s->arg = arg;
    LIST_INIT(&s->fresh);
    LIST_INIT(&s->gates);
    event_assign(&s->adopt, base, -1, 0, on_adopt, s);
    event_assign(&s->resume, base, -1, 0, on_resume, s);
    s->spare = gate_new(s);
    s->evhttp = evhttp_new(base);
    server_register(s);
    if (s->spare == NULL || s->evhttp == NULL) {
        http_server_free(s);
        return STATUS_NO_MEMORY;
    }
    evhttp_set_bevcb(s->evhttp, on_evhttp_wants_bufferevent, s);
    evhttp_set_gencb(s->evhttp, on_evhttp_request, s);
    *out = s;
    return STATUS_OK;
}

enum status http_server_accept(struct http_server *s, int fd)
{
    if (s->listener_count == SERVER_MAX_LISTENERS) {
        close(fd);
        return STATUS_TOO_LARGE;
    }
    struct evconnlistener *listener = evconnlistener_new(
        s->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0,
        fd);
    if (listener == NULL) {
        close(fd);
        return STATUS_NO_MEMORY;
    }
    evconnlistener_set_error_cb(listener, on_accept_error);
    struct evhttp_bound_socket *bound =
        evhttp_bind_listener(s->evhttp, listener);
    if (bound == NULL) {
        evconnlistener_free(listener);
        return STATUS_NO_MEMORY;
    }
    s->listeners[s->listener_count++] = listener;
    /* evhttp has enabled it already, and would not say if that failed. */
    if (evconnlistener_enable(listener) != 0)
        pause_accepting(s);
    else if (s->is_paused)
        evconnlistener_disable(listener);
    return STATUS_OK;
}

void http_server_configure(struct http_server *s,
                           const struct http_settings *settings)
{
    s->settings = *settings;
}

/* evhttp frees a listener by its handle, and finds none by the listener. */
static void close_listener(struct evhttp_bound_socket *bound, void *arg)
{
    struct evhttp_bound_socket **found = arg;
    *found = bound;
}

static void close_listeners(struct http_server *s)
{
    while (s->listener_count > 0) {
        struct evhttp_bound_socket *bound = NULL;
        evhttp_foreach_bound_socket(s->evhttp, close_listener, &bound);
        CHECK(bound != NULL);
        evhttp_del_accept_socket(s->evhttp, bound);
        s->listener_count--;
    }
}

void http_server_drain(struct http_server *s)
{
    s->is_draining = true;
    close_listeners(s);
    event_del(&s->resume);
}

size_t http_server_connections(const struct http_server *s)
{
    return s->counters.connections;
}

void http_server_counters(const struct http_server *s,
                          struct http_counters *out)
{
    *out = s->counters;
}

void http_server_free(struct http_server *s)
{
    struct gate *g;
    if (s == NULL)
        return;
    if (s->evhttp != NULL)
        close_listeners(s);
    on_adopt(-1, 0, s);
    while ((g = LIST_FIRST(&s->gates)) != NULL)
        gate_free(g);
    if (s->spare != NULL)
        gate_drop(s->spare);
    if (s->evhttp != NULL)
        evhttp_free(s->evhttp);
    server_unregister(s);
    event_del(&s->adopt);
    event_del(&s->resume);
    MAGIC_CLEAR(s);
    free(s);
}
