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
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "http/tls.h"

/* Unsent bytes that the kernel takes on for a client that is slow to read:
 * without a limit it is the send buffer, megabytes each. */
#define UNSENT_BYTES (128 * 1024)

/* Pieces of `out` handed to one sendmsg(2). */
#define MAX_PIECES 16

enum status wire_open(struct wire *w, int fd, struct http_tls *tls)
{
    const int on = 1, unsent = UNSENT_BYTES;
    *w = (struct wire){.fd = fd};
    if (tls != NULL) {
        w->ssl = http_tls_session_new(tls, fd);
        if (w->ssl == NULL) {
            wire_close(w);
            return STATUS_NO_MEMORY;
        }
    }
    /* On a unix socket both fail, and neither is needed. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent,
                     sizeof(unsent));
    return STATUS_OK;
}

void wire_shut(struct wire *w)
{
    if (w->ssl != NULL && SSL_is_init_finished(w->ssl)) {
        ERR_clear_error();
        (void)SSL_shutdown(w->ssl);
    }
    (void)shutdown(w->fd, SHUT_WR);
}

void wire_close(struct wire *w)
{
    if (w->fd < 0)
        return;
    SSL_free(w->ssl);
    w->ssl = NULL;
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

/* ---- TLS ---- */

/* Why the last call did not go on: EAGAIN, and for what; 0: the peer has ended
 * its side; else lost. */
static int tls_errno(struct wire *w, int result, bool *needs_other, int other)
{
    int error = SSL_get_error(w->ssl, result);
    ERR_clear_error();
    *needs_other = error == other;
    switch (error) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        return EPROTO;
    }
}

static ssize_t tls_read(struct wire *w, char *data, size_t size)
{
    ERR_clear_error();
    int n = SSL_read(w->ssl, data, (int)size);
    w->read_needs_output = false;
    if (n > 0)
        return n;
    errno = tls_errno(w, n, &w->read_needs_output, SSL_ERROR_WANT_WRITE);
    return errno == 0 ? 0 : -1;
}

/* One record a call, however many pieces `out` is made of. */
static ssize_t tls_write(struct wire *w, struct evbuffer *out)
{
    size_t len = evbuffer_get_length(out);
    if (len > SSL3_RT_MAX_PLAIN_LENGTH)
        len = SSL3_RT_MAX_PLAIN_LENGTH;
    unsigned char *data = evbuffer_pullup(out, (ev_ssize_t)len);
    if (data == NULL) {
        errno = ENOMEM;
        return -1;
    }
    ERR_clear_error();
    int n = SSL_write(w->ssl, data, (int)len);
    w->write_needs_input = false;
    if (n > 0)
        return n;
    errno = tls_errno(w, n, &w->write_needs_input, SSL_ERROR_WANT_READ);
    return -1;
}

/* ---- either ---- */

ssize_t wire_read(struct wire *w, char *data, size_t size)
{
    ssize_t n;
    if (w->ssl != NULL)
        return tls_read(w, data, size);
    do
        n = recv(w->fd, data, size, 0);
    while (n < 0 && errno == EINTR);
    return n;
}

static ssize_t plain_write(struct wire *w, struct evbuffer *out)
{
    struct evbuffer_iovec pieces[MAX_PIECES];
    int count = evbuffer_peek(out, -1, NULL, pieces, MAX_PIECES);
    struct msghdr message = {
        .msg_iov = pieces,
        .msg_iovlen = count < MAX_PIECES ? (size_t)count : MAX_PIECES,
    };
    ssize_t n;
    do
        n = sendmsg(w->fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n;
}

enum status wire_write(struct wire *w, struct evbuffer *out, size_t *moved)
{
    *moved = 0;
    while (evbuffer_get_length(out) > 0) {
        ssize_t n = w->ssl != NULL ? tls_write(w, out) : plain_write(w, out);
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
