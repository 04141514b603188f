/* SPDX-License-Identifier: Apache-2.0
 *
 * A real http_server on a loop of its own, with a scripted exchange behind it
 * and raw sockets before it. One thread: the loop is turned while a client
 * waits, so nothing depends on who is scheduled first.
 *
 * What the exchange does is said by the request's path:
 *   /echo      the body comes back, with Content-Length
 *   /stream    the body comes back, chunked, piece by piece
 *   /refuse    refused at the head: discard, 400
 *   /early     refused at the first piece of the body: discard, 400
 *   /continue  asks for the body (100), then as /echo
 *   /pause     pauses after the first piece until the test resumes
 *   /hold      answers nothing until the test does
 *   /big       1 MiB in pieces, with back-pressure
 *   /empty     204
 *   /short     promises 10 bytes and sends 4
 *   /abort     begins an answer of unknown length, then aborts
 *   /close     200, and close_after
 *   /null      begin() returns NULL
 * A refused head is answered with its status, and its name as the body.
 *
 * Everything that is called is written down: "begin GET /echo|body 5|end none|
 * done|".
 */
#ifndef RIG_H
#define RIG_H

#include <check.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "http/server.h"

struct rig_exchange;

struct rig {
    struct event_base *base;
    struct http_server *server;
    struct http_settings settings;
    int port;
    char log[16384];
    size_t log_len;
    bool log_bodies;             /* lengths of pieces, too */
    struct rig_exchange *latest; /* under way, or NULL */
    int open_exchanges;
};

/* The one of the test program: made by rig_tcase()'s fixture, not started. */
extern struct rig rig;

struct rig_exchange {
    struct rig *rig;
    struct http_request *req;
    char path[64];
    char *body;
    size_t body_len, pieces;
    size_t big_left;
    bool is_begun;
};

void rig_open(struct rig *r);  /* defaults in r->settings, then changed */
void rig_start(struct rig *r); /* with r->settings */
void rig_close(struct rig *r);
/* Turn the loop for so long. */
void rig_run(struct rig *r, int ms);
/* Empty the log. */
void rig_forget(struct rig *r);
/* Answer what /hold left open. */
void rig_answer(struct rig *r, const char *body);

int client_open(struct rig *r);
/* One whose kernel takes little before it reads. */
int client_open_small(struct rig *r, int receive_bytes);
void client_close(int fd);
void client_reset(int fd); /* RST */
void client_send(struct rig *r, int fd, const char *data, size_t len);
void client_send_str(struct rig *r, int fd, const char *text);

struct answer {
    char *data; /* everything that came, terminated */
    size_t len;
    bool is_closed, is_reset;
};
/* Read until the server closes, or `until` was seen `times` times, or a
 * second has passed. free() data. */
struct answer client_read(struct rig *r, int fd, const char *until, int times);
/* The same, closes the socket, gives only the text. */
char *client_all(struct rig *r, int fd);

/* One connection: send, read all that comes until it is quiet or closed. */
struct answer talk(const char *request, const char *until, int times);

size_t count_of(const char *text, const char *part);

#define ASSERT_LOG(text) ck_assert_str_eq(rig.log, (text))
#define ASSERT_HAS(a, part)                                                    \
    ck_assert_msg(strstr((a).data, (part)) != NULL, "no %s in: %s", (part),    \
                  (a).data)
#define ASSERT_LACKS(a, part)                                                  \
    ck_assert_msg(strstr((a).data, (part)) == NULL, "%s in: %s", (part),       \
                  (a).data)

/* A test case with the rig around each test. */
TCase *rig_tcase(Suite *s);
/* main() of a test program. */
int rig_main(Suite *s);

#endif
