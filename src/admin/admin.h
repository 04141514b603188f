/* SPDX-License-Identifier: Apache-2.0
 *
 * admin/admin.h - what operators and their tools ask of a running gateway.
 *
 *   GET /healthz   200 while the process runs its loop
 *   GET /readyz    200 when it should get traffic, else 503 and why
 *   GET /metrics   Prometheus text
 *   GET /policies  what is loaded, as JSON
 *   GET /explain?operation=createChat&from=%2B1415...&consumer=billing
 *                  which policies and buckets a request would meet, as JSON
 *
 * A small evhttp server on a loop of its own, apart from the workers: it
 * answers while they are busy, and knows nothing of them: what it shows comes
 * from struct admin_source, whose answers may come later (admin_reply_send).
 * Host is checked, so that no page in somebody's browser can reach it by a
 * name of its own; a password is asked for where one is configured.
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"

struct admin;
struct admin_reply; /* one answer that is due */

/* Absent: not given. Texts live until the call returns. */
struct admin_question {
    struct text operation, from, consumer, client, chat;
};

struct admin_source {
    /* false with *why a phrase. */
    bool (*is_ready)(void *arg, const char **why);
    /* Each must call admin_reply_send() exactly once, now or later. */
    void (*metrics)(void *arg, struct admin_reply *reply);
    void (*policies)(void *arg, struct admin_reply *reply);
    void (*explain)(void *arg, const struct admin_question *question,
                    struct admin_reply *reply);
};

struct admin_settings {
    bool has_password;
    uint8_t password_sha256[32]; /* of the password of basic authentication;
                                  * any user name */
};

/* Takes over `fd`, a listening non-blocking socket. */
enum status admin_new(struct event_base *base, int fd,
                      const struct admin_settings *settings,
                      const struct admin_source *source, void *arg,
                      struct admin **out) MUST_CHECK;
void admin_configure(struct admin *a, const struct admin_settings *settings);
/* Replies that are due may still be sent; they go nowhere. */
void admin_free(struct admin *a);

/* Consumes the reply. `type` is a media type. */
void admin_reply_send(struct admin_reply *reply, int status, const char *type,
                      struct text body);

#endif
