/* SPDX-License-Identifier: Apache-2.0
 *
 * http/wire.h - the socket of one connection: bytes in, bytes out.
 *
 * Non-blocking and without events: the gate waits, the wire moves. It owns
 * the descriptor.
 */
#ifndef HTTP_WIRE_H
#define HTTP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/status.h"

struct evbuffer;
struct http_tls;
struct ssl_st;

struct wire {
    int fd;             /* -1: closed */
    struct ssl_st *ssl; /* NULL: plain */
    /* TLS has messages of its own: what a call is waiting for may be the other
     * direction. */
    bool read_needs_output, write_needs_input;
};

/* Take the descriptor over and set what every connection wants. `tls` NULL:
 * plain. STATUS_NO_MEMORY: it is closed. */
enum status wire_open(struct wire *w, int fd, struct http_tls *tls) MUST_CHECK;
/* Say that nothing more comes; reading goes on. */
void wire_shut(struct wire *w);
/* Fine on a closed one. */
void wire_close(struct wire *w);
/* Make the peer see an error, not an end: for an answer whose end is the
 * connection's end and that was not finished. Close it next. */
void wire_reset(struct wire *w);

/* At least this much must be asked for: a TLS record, so that none is left
 * half in memory where no event tells of it. */
#define WIRE_READ_BYTES (16 * 1024)

/* What came, at most `size`: > 0; 0: the peer will send no more; -1 with
 * errno EAGAIN (nothing now) or the reason why the connection is lost. */
ssize_t wire_read(struct wire *w, char *data, size_t size);
/* Move out of `out` what the kernel takes; *moved counts the bytes. STATUS_OK:
 * `out` is empty; STATUS_LIMITED: the rest must wait; STATUS_IO: the connection
 * is lost. */
enum status wire_write(struct wire *w, struct evbuffer *out,
                       size_t *moved) MUST_CHECK;
/* Bytes that the kernel holds and the peer has not acknowledged. */
size_t wire_unacknowledged(const struct wire *w);

#endif
