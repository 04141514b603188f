/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/wire.h - HTTP by hand, so that a test decides on every byte.
 *
 *   wire_open(&w, port);
 *   wire_request(&w, "POST", "/v3/chats", NULL, body);
 *   wire_read(&w, &a);          the next answer on this connection
 *   ck_assert_int_eq(a.status, 201);
 *   wire_answer_release(&a); wire_close(&w);
 *
 * Calls fail the test when the deadline passes; those that may rightly meet a
 * closed connection say so.
 */
#ifndef INTEGRATION_WIRE_H
#define INTEGRATION_WIRE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/json.h"

struct wire {
    int fd;
    struct buffer in; /* received, not yet taken */
    bool ended;       /* the other side has closed, or reset */
    bool was_reset;
    bool head_next; /* the next answer is one to HEAD: no body follows */
};

struct wire_answer {
    int status;
    int interim; /* 1xx answers that came before */
    struct buffer head;
    struct buffer body; /* decoded, if it was chunked */
    bool is_chunked, is_complete;
    struct json_document *json; /* made by wire_answer_json() */
};

void wire_open(struct wire *w, int port);
void wire_close(struct wire *w);
/* Close with a reset: the other side need not guess whether only half of the
 * connection has ended. */
void wire_abort(struct wire *w);

/* False: the other side has closed. */
bool wire_try_send(struct wire *w, const char *data, size_t len);
void wire_send(struct wire *w, const char *data, size_t len);
void wire_send_str(struct wire *w, const char *cstr);
/* In pieces of `piece` bytes, each of them a segment of its own, `pause_us`
 * apart. False as above. */
bool wire_drip(struct wire *w, const char *data, size_t len, size_t piece,
               int64_t pause_us);

/* The head of a request as an ordinary client would write it: Host,
 * Authorization, Content-Type where there is a body, then `headers` (whole
 * lines, CR LF each, or NULL), then Content-Length when `length` >= 0. To
 * release by the caller. */
void wire_head(struct buffer *to, const char *method, const char *target,
               const char *headers, long length);
/* Head and body (NULL: none) in one go. */
void wire_request(struct wire *w, const char *method, const char *target,
                  const char *headers, const char *body);

/* The next final answer. False: the connection ended before it was complete
 * (`a` holds what came; is_complete is false). */
bool wire_try_read(struct wire *w, struct wire_answer *a);
void wire_read(struct wire *w, struct wire_answer *a);
/* Is there anything to read now, or within `ms`? */
bool wire_has_input(struct wire *w, int ms);
/* Wait for the other side to close; false when it sends more or waits. */
bool wire_wait_close(struct wire *w);

void wire_answer_release(struct wire_answer *a);
/* The first of that name (any case), in storage of the answer; NULL. */
const char *wire_answer_header(const struct wire_answer *a, const char *name);
int wire_answer_header_count(const struct wire_answer *a, const char *name);
/* The body, parsed; fails the test when it is no JSON. */
const struct json_value *wire_answer_json(struct wire_answer *a);

/* One request on a connection of its own. */
void wire_call(int port, const char *method, const char *target,
               const char *headers, const char *body, struct wire_answer *a);

/* Members by JSON Pointer; fail the test when they are not there or of
 * another type. */
const char *wire_text(const struct json_value *root, const char *pointer);
int64_t wire_int(const struct json_value *root, const char *pointer);

#endif
