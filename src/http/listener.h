/* SPDX-License-Identifier: Apache-2.0
 *
 * http/listener.h - the server as the other files of this room see it.
 */
#ifndef HTTP_LISTENER_H
#define HTTP_LISTENER_H

#include <event2/event_struct.h>
#include <sys/queue.h>

#include "http/server.h"
#include "http/wire.h"

struct evconnlistener;
struct gate;

LIST_HEAD(gate_list, gate);

#define SERVER_MAX_LISTENERS 16

struct http_server {
    uint32_t magic;
    struct event_base *base;
    const struct clock *clock;
    struct http_settings settings;
    const struct http_handler *handler;
    void *arg; /* for handler->begin */
    struct evconnlistener *listeners[SERVER_MAX_LISTENERS];
    size_t listener_count;
    struct http_count *count, own_count;
    struct event resume; /* accepting is paused until then */
    mono_us pause_told_at;
    bool is_draining, is_paused;
    struct gate_list gates;
    mono_us now; /* when the running callback began */
    struct http_counters counters;
    wall_us date_at; /* the second that `date` shows */
    char date[32];   /* RFC 9110 section 5.6.7 */
    /* What one read may bring; also what a paused or waiting connection holds
     * at most, beside an unfinished head. */
    char scratch[WIRE_READ_BYTES];
};

/* "Sun, 06 Nov 1994 08:49:37 GMT", made once a second. */
const char *server_date(struct http_server *s);

#endif
