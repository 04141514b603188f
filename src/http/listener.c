/* SPDX-License-Identifier: Apache-2.0
 *
 * http/listener.c - accepting, limits, settings: the server as a whole.
 *
 * Accepting pauses for a moment when accept(2) fails for lack of descriptors,
 * or when there is no memory for a connection: the listening socket stays
 * readable, and the loop would spin. It pauses before that, too, when as many
 * connections are open as descriptors may be spent on clients: the others
 * are for what their requests need, and a connection that waits in the
 * kernel's queue is better off than one that gets nothing but a 503.
 */
#include "http/listener.h"

#include <event2/event.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "http/gate.h"
#include "http/tls.h"

#define SERVER_MAGIC 0x48535256u /* "HSRV" */

/* Until accepting is tried again. */
#define PAUSE_US (100 * US_PER_MS)

/* Connections beyond the maximum that are told so; more are just closed. */
#define MAX_TURNED_AWAY HTTP_TURNED_AWAY_MAX

/* A pause is told once in this time, however often it comes. */
#define TELL_US (60 * US_PER_S)

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

static void tell_of_pause(struct http_server *s, const char *cause)
{
    if (s->pause_told_at != 0 && s->now - s->pause_told_at < TELL_US)
        return;
    s->pause_told_at = s->now;
    log_event(LOG_WARNING, "listener.paused",
              "connections=%zu cause=\"%s\" effect=\"new ones wait\"",
              __atomic_load_n(&s->count->open, __ATOMIC_RELAXED), cause);
}

static bool has_no_descriptors(const struct http_server *s)
{
    return s->settings.max_descriptors > 0 &&
           __atomic_load_n(&s->count->open, __ATOMIC_RELAXED) >=
               s->settings.max_descriptors;
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    struct http_server *s;
    (void)fd, (void)what;
    MAGIC_CAST(s, arg, SERVER_MAGIC);
    bool is_ready = !has_no_descriptors(s);
    for (size_t i = 0; i < s->listener_count && is_ready; i++)
        is_ready = evconnlistener_enable(s->listeners[i]) == 0;
    s->is_paused = false;
    if (!is_ready)
        pause_accepting(s);
}

static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    int error = EVUTIL_SOCKET_ERROR();
    struct http_server *s;
    (void)listener;
    MAGIC_CAST(s, arg, SERVER_MAGIC);
    s->now = clock_mono(s->clock);
    s->counters.accept_errors++;
    tell_of_pause(s, strerror(error));
    pause_accepting(s);
}

/* More than there may be: told so, or shut out. */
static void refuse(struct http_server *s, struct gate *g, size_t open)
{
    s->counters.refused_connections++;
    if (open <= s->settings.max_connections + MAX_TURNED_AWAY)
        gate_turn_away(g);
    else
        gate_free(g);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                      struct sockaddr *peer, int peer_len, void *arg)
{
    struct http_server *s;
    (void)listener, (void)peer_len;
    MAGIC_CAST(s, arg, SERVER_MAGIC);
    s->now = clock_mono(s->clock);
    s->counters.accepted++;
    size_t open = __atomic_add_fetch(&s->count->open, 1, __ATOMIC_RELAXED);
    struct gate *g = gate_new(s, fd, peer);
    if (g == NULL) {
        __atomic_sub_fetch(&s->count->open, 1, __ATOMIC_RELAXED);
        s->counters.accept_errors++;
        pause_accepting(s);
        return;
    }
    if (open > s->settings.max_connections)
        refuse(s, g, open);
    if (has_no_descriptors(s)) {
        tell_of_pause(s, "the remaining descriptors are for requests under "
                         "way");
        pause_accepting(s);
    }
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
    s->count = settings->count != NULL ? settings->count : &s->own_count;
    http_server_configure(s, settings);
    s->handler = handler;
    s->arg = arg;
    LIST_INIT(&s->gates);
    event_assign(&s->resume, base, -1, 0, on_resume, s);
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
        s->base, on_accept, s,
        LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED, 0,
        fd);
    if (listener == NULL) {
        close(fd);
        return STATUS_NO_MEMORY;
    }
    evconnlistener_set_error_cb(listener, on_accept_error);
    s->listeners[s->listener_count++] = listener;
    if (!s->is_paused && evconnlistener_enable(listener) != 0)
        pause_accepting(s);
    return STATUS_OK;
}

void http_server_configure(struct http_server *s,
                           const struct http_settings *settings)
{
    struct http_tls *old = s->settings.tls;
    s->settings = *settings;
    http_tls_ref(s->settings.tls);
    http_tls_unref(old);
}

static void close_listeners(struct http_server *s)
{
    while (s->listener_count > 0)
        evconnlistener_free(s->listeners[--s->listener_count]);
    event_del(&s->resume);
}

void http_server_drain(struct http_server *s)
{
    s->is_draining = true;
    close_listeners(s);
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
    close_listeners(s);
    while ((g = LIST_FIRST(&s->gates)) != NULL)
        gate_free(g);
    http_tls_unref(s->settings.tls);
    MAGIC_CLEAR(s);
    free(s);
}
