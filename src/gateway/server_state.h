/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/server_state.h - the server's own state, for server.c and desk.c.
 */
#ifndef GATEWAY_SERVER_STATE_H
#define GATEWAY_SERVER_STATE_H

#include <pthread.h>

#include "admin/admin.h"
#include "gateway/listeners.h"
#include "gateway/worker.h"

#define SERVER_MAGIC 0x73727672u
#define SERVED_SIGNALS 4

struct server {
    uint32_t magic;
    const struct config_source *source;
    struct runtime *runtime; /* the newest */
    struct runtime *first;   /* what it was started with, kept to the end:
                              * what a reload does not change is there */
    struct worker_shared shared;
    struct listeners *listeners;
    struct event_base *base;
    struct mailbox *mailbox;
    struct admin *admin;
    struct event *signals[SERVED_SIGNALS];
    struct event *drain_timer; /* drain_delay, then drain_timeout */
    struct worker **workers;
    pthread_t *threads;
    int worker_count;
    int started; /* threads */
    int running; /* of them, not idle yet */
    bool is_draining, is_accepting_over;
    char reload_problem[512]; /* of the last reload; "" when it went well */
};

/* desk.c: what the admin address shows; its argument is the server. */
const struct admin_source *admin_desk(void);

#endif
