/* SPDX-License-Identifier: Apache-2.0
 *
 * upstream/sockets.h - libcurl's sockets, watched by an event loop.
 *
 * libcurl says which of its sockets it wants to hear of, and takes that back
 * after every transfer although the connection stays open. Following it to
 * the letter costs two epoll_ctl(2) a request. So a connection stays
 * registered for reading until it is closed; when something arrives on one
 * that libcurl does not want to hear of, it is taken out of the loop then, and
 * put back when libcurl asks for it.
 *
 * Such a connection is either paused, or idle. An idle one that speaks or
 * ends is of no use any more, and worse: libcurl 7.88 uses it again when the
 * server said something unasked (a 408 before it closes), and takes that for
 * the answer to the next request. So it is shut down here; libcurl then finds
 * it dead before it sends anything.
 *
 * That needs to know when libcurl closes a socket, before the number is used
 * again: connections are made and closed here (CURLOPT_OPENSOCKETFUNCTION,
 * CURLOPT_CLOSESOCKETFUNCTION). Other descriptors of libcurl's (its resolver
 * threads have some) are followed to the letter.
 */
#ifndef UPSTREAM_SOCKETS_H
#define UPSTREAM_SOCKETS_H

#include <curl/curl.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

#define UPSTREAM_SOCKETS_BUCKETS 256

/* `bits`: CURL_CSELECT_IN, CURL_CSELECT_OUT. */
typedef void (*upstream_ready_fn)(void *arg, curl_socket_t fd, int bits);
/* The transfer goes on later: its connection is not idle. */
typedef bool (*upstream_is_paused_fn)(CURL *easy);

struct upstream_socket;

struct upstream_sockets {
    uint32_t magic;
    struct event_base *base;
    upstream_ready_fn ready;
    upstream_is_paused_fn is_paused;
    void *arg;
    struct upstream_socket *buckets[UPSTREAM_SOCKETS_BUCKETS];
    uint64_t opened;
};

void upstream_sockets_init(struct upstream_sockets *s, struct event_base *base,
                           upstream_ready_fn ready,
                           upstream_is_paused_fn is_paused, void *arg);
/* After curl_multi_cleanup(), for another one. */
void upstream_sockets_clear(struct upstream_sockets *s);
/* After the last one. */
void upstream_sockets_release(struct upstream_sockets *s);

/* For CURLMOPT_SOCKETFUNCTION, CURLOPT_OPENSOCKETFUNCTION and
 * CURLOPT_CLOSESOCKETFUNCTION; the argument is the struct upstream_sockets. */
int upstream_sockets_want(CURL *easy, curl_socket_t fd, int what, void *arg,
                          void *socket_arg);
curl_socket_t upstream_sockets_open(void *arg, curlsocktype purpose,
                                    struct curl_sockaddr *address);
int upstream_sockets_close(void *arg, curl_socket_t fd);

#endif
