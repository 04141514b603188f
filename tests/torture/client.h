/* SPDX-License-Identifier: Apache-2.0
 *
 * torture/client.h - one request on a raw socket, whatever comes of it.
 *
 * integration/wire.h fails the test when an answer does not come; here that is
 * a finding, and the test goes on.
 */
#ifndef TORTURE_CLIENT_H
#define TORTURE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

enum client_end {
    CLIENT_ANSWERED, /* a whole answer */
    CLIENT_CLOSED,   /* the connection ended before that */
    CLIENT_LATE,     /* neither, until the deadline */
    CLIENT_GARBLED,  /* bytes that are no HTTP answer */
};

struct client_answer {
    enum client_end end;
    int status;          /* 0: not even a status line */
    char request_id[64]; /* X-Request-Id; "": none */
    struct buffer bytes;
    size_t body; /* where it begins in `bytes` */
    int64_t took_ms;
};

/* Connect to 127.0.0.1:port; -1: it cannot be reached. */
int client_dial(int port);
/* In pieces of `piece` bytes, each a segment of its own; 0: at once. False:
 * the other side does not take it until `until` (process_now_ms()). */
bool client_send(int fd, struct text request, size_t piece, int64_t until);
/* The next answer, `piece` bytes at a time with a nap in between; 0: as it
 * comes. Bytes behind it are lost. */
void client_read(int fd, size_t piece, int64_t until,
                 struct client_answer *out);

/* All of it: connect, send, read one answer, close. */
void client_call(int port, struct text request, size_t piece,
                 int64_t deadline_ms, struct client_answer *out);
void client_answer_release(struct client_answer *a);
/* The body as a text, NUL-terminated behind its end; of chunks their frames
 * too. */
struct text client_answer_body(const struct client_answer *a);

#endif
