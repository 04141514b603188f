/* SPDX-License-Identifier: Apache-2.0
 *
 * http/server.h - requests in, answers out, on one event loop.
 *
 * A gate (gate.c) stands on each connection: it checks heads and framing
 * strictly (head.c, chunked.c), hands the body's bytes on as they come,
 * enforces every deadline and size, and writes the answers (reply.c). It is
 * built on libevent's loop and listeners alone; why not on its evhttp, gate.c
 * says.
 *
 * An ordinary request:
 *
 *   begin(server_arg, req)        the head has passed; returns an exchange
 *     body(x, data, len)          each piece as it arrives, any size
 *     body_end(x, NONE)           it was complete (called, too, when there is
 *                                 no body: right after begin)
 *   http_reply_begin / http_reply_write / http_reply_end      by the exchange
 *   done(x)                       the answer has left; req is gone now
 *
 * A difficult one: a malformed head. begin() is called all the same, with
 * http_request_refusal(req) set, so that the refusal leaves in the envelope
 * and is recorded; no body() comes, the connection closes after the answer.
 * A body that breaks off or is malformed midway ends with
 * body_end(x, refusal), and the connection closes after the answer. A client
 * that goes away: gone(x), at most once, nothing but done(x) after it; done(x)
 * comes when the exchange has called http_request_release() or ended or aborted
 * the reply. A client that only shuts its sending side after a complete
 * request is not gone: it gets its answer.
 *
 * After begin() has returned non-NULL, done() is called exactly once and is
 * the last call. Nothing is called back from inside http_request_*() and
 * http_reply_*(); they may be called from any callback, begin() included.
 * A request belongs to its server's loop thread.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"
#include "http/header.h"
#include "http/refusal.h"

struct http_server;
struct http_request;
struct http_tls; /* http/tls.h */

/* Connections beyond max_connections that may be open for a moment. */
#define HTTP_TURNED_AWAY_MAX 64

/* Connections open now, of all servers that share it (atomic). */
struct http_count {
    size_t open;
};

struct http_settings {
    int64_t max_body_bytes;
    size_t max_head_bytes;
    /* The two bounds hold for all servers with this count together; NULL: the
     * server counts alone. It is the one given first that stays. */
    struct http_count *count;
    /* Beyond: the first request is answered 503, and the connection closed;
     * of very many, some are closed at once. */
    size_t max_connections;
    /* Beyond: the kernel keeps them waiting. What is left of the process's
     * descriptors is for the requests under way. 0: no such bound. */
    size_t max_descriptors;
    int64_t header_timeout_us, body_timeout_us, keepalive_timeout_us,
        send_timeout_us;
    /* For connections from now on; NULL: plain. The server takes a reference
     * of its own. */
    struct http_tls *tls;
};

struct http_handler {
    /* NULL: out of memory; the connection is closed. */
    void *(*begin)(void *server_arg, struct http_request *req);
    void (*body)(void *exchange, const char *data, size_t len);
    void (*body_end)(void *exchange, enum http_refusal refusal);
    /* http_reply_pending() has fallen below HTTP_REPLY_LOW. */
    void (*drained)(void *exchange);
    void (*gone)(void *exchange);
    void (*done)(void *exchange);
};

enum status http_server_new(struct event_base *base, const struct clock *clock,
                            const struct http_settings *settings,
                            const struct http_handler *handler, void *arg,
                            struct http_server **out) MUST_CHECK;
/* Start to accept on a listening, non-blocking socket. It is the server's from
 * now on: closed with it, or at once on failure. Up to 16 of them. */
enum status http_server_accept(struct http_server *s, int fd) MUST_CHECK;
/* A reload. Connections that exist keep the deadlines they have begun. */
void http_server_configure(struct http_server *s,
                           const struct http_settings *settings);
/* Close the listening sockets; answers from now on say Connection: close and
 * idle connections are closed at their next request or time-out. */
void http_server_drain(struct http_server *s);
/* Connections open now (0: drained). */
size_t http_server_connections(const struct http_server *s);
/* Exchanges under way get gone() and done() first. Not from inside a
 * callback. */
void http_server_free(struct http_server *s);

/* ---- a request; all texts live until done() ---- */

enum http_refusal http_request_refusal(const struct http_request *req);
/* Of a malformed head: as far as it was good, else absent. */
struct text http_request_method(const struct http_request *req);
struct text http_request_target(const struct http_request *req);
int http_request_minor(const struct http_request *req); /* HTTP/1.x */

size_t http_request_headers(const struct http_request *req,
                            const struct http_header **out);
/* The first of that name (any case); absent when there is none. */
struct text http_request_header(const struct http_request *req,
                                const char *name);
size_t http_request_header_count(const struct http_request *req,
                                 const char *name);

bool http_request_has_body(const struct http_request *req);
/* What Content-Length said; -1: chunked. 0 without a body. */
int64_t http_request_length(const struct http_request *req);
/* The peer; an IPv4 address that came through an IPv6 socket is AF_INET. For
 * unix sockets only the family is filled in, AF_UNIX. */
const struct sockaddr *http_request_peer(const struct http_request *req);
/* The address alone: "192.0.2.1", "2001:db8::1", "unix". */
const char *http_request_peer_text(const struct http_request *req);
mono_us http_request_started(const struct http_request *req);
bool http_request_is_tls(const struct http_request *req);
/* The client has shut its sending side. Whether it still reads cannot be told
 * before the answer is sent: most that do this have left, a few wait. */
bool http_request_is_half_closed(const struct http_request *req);

/* Send "100 Continue" if the client waits for it. Until the exchange calls
 * this, or a first byte of the body is there, nothing is sent. */
void http_request_continue(struct http_request *req);
/* No more of the body is wanted (the answer is an early refusal): no body()
 * or body_end() from now on. What comes is thrown away, for a bounded time and
 * number of bytes, then the connection closes; a body whose rest is
 * small is read to its end and the connection kept. */
void http_request_discard(struct http_request *req);
/* Allow or stop body() for a while (too much is buffered elsewhere). */
void http_request_pause(struct http_request *req, bool paused);

/* ---- the answer ---- */

#define HTTP_REPLY_LOW (16 * 1024)

/* Content-Length, Transfer-Encoding, Connection and Date are made here, and
 * not to be among `headers`. `length` -1: unknown (chunked, or until close on
 * 1.0). 204 and 304, and answers to HEAD, carry no body: what is written is
 * thrown away. STATUS_INVALID: a status below 200, a name that is no token, a
 * control byte in a value; STATUS_NO_MEMORY. Nothing is sent then, and another
 * answer may be begun. */
enum status http_reply_begin(struct http_request *req, int status,
                             const struct http_header *headers, size_t count,
                             int64_t length) MUST_CHECK;
/* Copies. STATUS_NO_MEMORY: nothing was taken. STATUS_TOO_LARGE, likewise:
 * more than `length` promised. After gone() it is thrown away. */
enum status http_reply_write(struct http_request *req, const char *data,
                             size_t len) MUST_CHECK;
/* The end. Fewer bytes than `length` promised: the connection is closed
 * without a proper end. */
void http_reply_end(struct http_request *req);
/* Cut the connection so that the client notices; done() follows, without
 * gone(). */
void http_reply_abort(struct http_request *req);
/* Bytes written and not yet taken by the kernel. */
size_t http_reply_pending(const struct http_request *req);
/* After gone(): the exchange is finished with the request; done() follows. */
void http_request_release(struct http_request *req);
/* Close after this answer (asked for by the exchange). */
void http_request_close_after(struct http_request *req);

struct http_counters {
    uint64_t accepted, refused_connections, requests, malformed, timeouts;
    uint64_t accept_errors; /* accept(2) failed, accepting paused */
    size_t connections;     /* now */
    size_t held_bytes;      /* input held by all gates now */
};
void http_server_counters(const struct http_server *s,
                          struct http_counters *out);

#endif
