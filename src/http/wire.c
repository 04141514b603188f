/* SPDX-License-Identifier: Apache-2.0
 *
 * http/wire.c - the socket of one connection: bytes in, bytes out.
 *
 * Written to directly: most answers leave in one sendmsg(2) with no turn
 * through epoll, where a bufferevent would register for writing, wait, write
 * and unregister.
 */
#include "http/wire.h"

#include <errno.h>
#include <event2/buffer.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Unsent bytes that the kernel takes on for a client that is slow to read:
 * without a limit it is the send buffer, megabytes each. */
#define UNSENT_BYTES (128 * 1024)

/* Pieces of `out` handed to one sendmsg(2). */
#define MAX_PIECES 16

void wire_open(struct wire *w, int fd)
{
    const int on = 1, unsent = UNSENT_BYTES;
    w->fd = fd;
    /* On a unix socket both fail, and neither is needed. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent,
                     sizeof(unsent));
}

void wire_shut(struct wire *w)
{
    (void)shutdown(w->fd, SHUT_WR);
}

void wire_close(struct wire *w)
{
    if (w->fd < 0)
        return;
    close(w->fd);
    w->fd = -1;
}

void wire_reset(struct wire *w)
{
    /* Dissolving the association resets in any state, with no regard to what
     * was sent before. Unix sockets cannot: there the client sees an end. */
    const struct sockaddr none = {.sa_family = AF_UNSPEC};
    if (w->fd >= 0)
        (void)connect(w->fd, &none, sizeof(none));
}

ssize_t wire_read(struct wire *w, char *data, size_t size)
{
    ssize_t n;
    do
        n = recv(w->fd, data, size, 0);
    while (n < 0 && errno == EINTR);
    return n;
}

enum status wire_write(struct wire *w, struct evbuffer *out, size_t *moved)
{
    *moved = 0;
    while (evbuffer_get_length(out) > 0) {
        struct evbuffer_iovec pieces[MAX_PIECES];
        int count = evbuffer_peek(out, -1, NULL, pieces, MAX_PIECES);
        struct msghdr message = {
            .msg_iov = pieces,
            .msg_iovlen = count < MAX_PIECES ? (size_t)count : MAX_PIECES,
        };
        ssize_t n = sendmsg(w->fd, &message, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? STATUS_LIMITED
                                                           : STATUS_IO;
        evbuffer_drain(out, (size_t)n);
        *moved += (size_t)n;
    }
    return STATUS_OK;
}

size_t wire_unacknowledged(const struct wire *w)
{
    int bytes = 0;
    if (ioctl(w->fd, SIOCOUTQ, &bytes) != 0 || bytes < 0)
        return 0;
    return (size_t)bytes;
}
