/* SPDX-License-Identifier: Apache-2.0
 *
 * http/listen.h - sockets to accept on.
 *
 *   enum status s = http_listen(&address, HTTP_LISTEN_PROBE |
 *                               HTTP_LISTEN_REUSEPORT, &fd, why, sizeof(why));
 *
 * Each worker has a socket of its own on the same address (SO_REUSEPORT). That
 * option also lets two programs share a port without noticing, so the first
 * socket is opened with HTTP_LISTEN_PROBE.
 */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H

#include <stddef.h>

#include "base/status.h"
#include "config/address.h"

enum {
    /* Share the port with other sockets of this user that say so, too. Means
     * nothing to a unix socket: accept on one descriptor there, or on copies
     * of it. */
    HTTP_LISTEN_REUSEPORT = 1,
    /* Bind once without SO_REUSEPORT before: a port in use is an error. */
    HTTP_LISTEN_PROBE = 2
};

#define HTTP_LISTEN_WHY_SIZE 256

/* A listening, non-blocking, close-on-exec socket. A unix socket that nobody
 * accepts on any more is replaced. On failure (STATUS_UNAVAILABLE: in use;
 * STATUS_DENIED: not permitted; STATUS_IO) `why` is a sentence for people:
 * "address 127.0.0.1:8080 is in use". */
enum status http_listen(const struct config_address *address, unsigned flags,
                        int *fd, char *why, size_t why_size) MUST_CHECK;

/* "127.0.0.1:8080", "[::1]:8080", "unix:/path": where the socket really is (a
 * port 0 was chosen by the kernel). Terminated, cut to fit; the longest is
 * HTTP_LISTEN_NAME_SIZE with its NUL. "unknown" if it cannot be told. */
#define HTTP_LISTEN_NAME_SIZE 128
void http_listen_name(int fd, char *out, size_t size);

/* The port, 0 for a unix socket: to open further sockets on a port that the
 * kernel chose. */
unsigned http_listen_port(int fd);

#endif
