/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* strcasestr, memmem */
#include "server.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 512

struct server {
    int listener, port;
    SSL_CTX *context; /* NULL: no TLS */
    server_script script;
    void *arg;
    pthread_t acceptor;
    pthread_t threads[CONNECTIONS_MAX];
    atomic_int fds[CONNECTIONS_MAX];
    atomic_int connections, requests, ended, marks;
    atomic_bool is_refusing;
};

static void *serve(void *arg)
{
    struct server_conn *c = arg;

    if (c->server->context) {
        c->tls = SSL_new(c->server->context);
        SSL_set_fd(c->tls, c->fd);
    }
    if (!c->tls || SSL_accept(c->tls) == 1)
        c->server->script(c, c->server->arg);
    SSL_free(c->tls);
    atomic_store(&c->server->fds[c->index], -1);
    close(c->fd); /* a reset, if server_reset() asked for one */
    atomic_fetch_add(&c->server->ended, 1);
    free(c->body);
    free(c);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct server *s = arg;

    for (;;) {
        int one = 1, fd = accept(s->listener, NULL, NULL);
        struct server_conn *c;
        int i;

        if (fd < 0)
            return NULL;
        i = atomic_load(&s->connections);
        ck_assert_int_lt(i, CONNECTIONS_MAX);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        c = calloc(1, sizeof(*c));
        c->server = s;
        c->fd = fd;
        c->index = i;
        atomic_store(&s->fds[i], fd);
        atomic_store(&s->connections, i + 1);
        ck_assert_int_eq(pthread_create(&s->threads[i], NULL, serve, c), 0);
    }
}

struct server *server_start(server_script script, void *arg)
{
    return server_start_tls(script, arg, NULL);
}

struct server *server_start_tls(server_script script, void *arg,
                                SSL_CTX *context)
{
    struct server *s = calloc(1, sizeof(*s));
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof(a);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(s->listener, (struct sockaddr *)&a, sizeof(a)), 0);
    ck_assert_int_eq(listen(s->listener, 256), 0);
    ck_assert_int_eq(getsockname(s->listener, (struct sockaddr *)&a, &len), 0);
    s->port = ntohs(a.sin_port);
    s->context = context;
    s->script = script;
    s->arg = arg;
    ck_assert_int_eq(pthread_create(&s->acceptor, NULL, accept_all, s), 0);
    return s;
}

void server_refuse(struct server *s)
{
    if (atomic_exchange(&s->is_refusing, true))
        return;
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->acceptor, NULL);
    close(s->listener);
}

void server_stop(struct server *s)
{
    server_refuse(s);
    for (int i = 0; i < atomic_load(&s->connections); i++) {
        int fd = atomic_load(&s->fds[i]);

        if (fd >= 0)
            shutdown(fd, SHUT_RDWR);
        pthread_join(s->threads[i], NULL);
    }
    free(s);
}

int server_port(const struct server *s)
{
    return s->port;
}

int server_connections(const struct server *s)
{
    return atomic_load(&s->connections);
}

int server_requests(const struct server *s)
{
    return atomic_load(&s->requests);
}

int server_ended(const struct server *s)
{
    return atomic_load(&s->ended);
}

int server_marks(const struct server *s)
{
    return atomic_load(&s->marks);
}

void server_mark(struct server_conn *c)
{
    atomic_fetch_add(&c->server->marks, 1);
}

static bool fill(struct server_conn *c)
{
    ssize_t n;

    ck_assert_uint_lt(c->rest_len, sizeof(c->rest));
    if (c->tls) {
        n = SSL_read(c->tls, c->rest + c->rest_len,
                     (int)(sizeof(c->rest) - c->rest_len));
        if (n > 0)
            c->rest_len += (size_t)n;
        return n > 0;
    }
    do {
        n = recv(c->fd, c->rest + c->rest_len, sizeof(c->rest) - c->rest_len,
                 0);
    } while (n < 0 && errno == EINTR);
    if (n <= 0)
        return false;
    c->rest_len += (size_t)n;
    return true;
}

static size_t body_length(const char *head)
{
    const char *p = strcasestr(head, "\r\nContent-Length:");

    return p ? strtoul(p + 17, NULL, 10) : 0;
}

int server_read(struct server_conn *c)
{
    char *end;
    size_t head_len, have = 0;

    while (!(end = memmem(c->rest, c->rest_len, "\r\n\r\n", 4)))
        if (!fill(c))
            return 0;
    head_len = (size_t)(end - c->rest) + 4;
    ck_assert_uint_lt(head_len, sizeof(c->head));
    memcpy(c->head, c->rest, head_len);
    c->head[head_len] = '\0';
    c->rest_len -= head_len;
    memmove(c->rest, c->rest + head_len, c->rest_len);
    free(c->body);
    c->body_len = body_length(c->head);
    c->body = calloc(1, c->body_len + 1);
    while (have < c->body_len) {
        size_t n = c->body_len - have;

        if (c->rest_len == 0 && !fill(c))
            return 0;
        if (n > c->rest_len)
            n = c->rest_len;
        memcpy(c->body + have, c->rest, n);
        c->rest_len -= n;
        memmove(c->rest, c->rest + n, c->rest_len);
        have += n;
    }
    c->requests++;
    atomic_fetch_add(&c->server->requests, 1);
    return 1;
}

void server_write(struct server_conn *c, const void *data, size_t len)
{
    const char *p = data;

    while (len > 0) {
        ssize_t n = c->tls
                        ? SSL_write(c->tls, p, len > 16384 ? 16384 : (int)len)
                        : send(c->fd, p, len, MSG_NOSIGNAL);

        if (n <= 0)
            return; /* the client has gone, which a test may want */
        p += n;
        len -= (size_t)n;
    }
}

void server_say(struct server_conn *c, const char *text)
{
    server_write(c, text, strlen(text));
}

void server_reset(struct server_conn *c)
{
    struct linger l = {.l_onoff = 1, .l_linger = 0};

    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}

void server_await_close(struct server_conn *c)
{
    while (fill(c))
        c->rest_len = 0;
}
