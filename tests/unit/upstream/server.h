/* SPDX-License-Identifier: Apache-2.0
 *
 * A server on a loopback port, each connection served by a thread that runs
 * the test's script: plain blocking calls in the order of the story.
 */
#ifndef TESTS_UPSTREAM_SERVER_H
#define TESTS_UPSTREAM_SERVER_H

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stddef.h>

struct server;

struct server_conn {
    struct server *server;
    int fd;
    SSL *tls;             /* NULL: none */
    int index;            /* which connection, from 0 */
    int requests;         /* read on this connection */
    char head[16 * 1024]; /* of the request read last */
    char *body;           /* of the request read last */
    size_t body_len;
    char rest[64 * 1024]; /* read and not yet used */
    size_t rest_len;
};

typedef void (*server_script)(struct server_conn *c, void *arg);

struct server *server_start(server_script script, void *arg);
/* Over TLS; `context` is the caller's. A failed handshake ends a connection
 * before its script. */
struct server *server_start_tls(server_script script, void *arg,
                                SSL_CTX *context);
void server_stop(struct server *s);
int server_port(const struct server *s);
int server_connections(const struct server *s); /* accepted */
int server_requests(const struct server *s);    /* read whole */
/* How many connections the server has ended, and how often a script came to a
 * server_mark(): for tests to wait on. */
int server_ended(const struct server *s);
int server_marks(const struct server *s);
void server_mark(struct server_conn *c);
/* No connection is accepted any more, the port refuses. */
void server_refuse(struct server *s);

/* Head and body of the next request; 0 at the end of the connection. */
int server_read(struct server_conn *c);
void server_write(struct server_conn *c, const void *data, size_t len);
void server_say(struct server_conn *c, const char *text);
/* The connection ends with a reset instead of a proper end. */
void server_reset(struct server_conn *c);
/* Wait until the other side closes. */
void server_await_close(struct server_conn *c);

#endif
