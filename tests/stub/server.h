/* SPDX-License-Identifier: Apache-2.0
 *
 * stub/server.h - HTTP/1.1 on bufferevents, as strict as it is ill-behaved.
 *
 * No HTTP library stands here on purpose: half of the faults (a drop before
 * the body is read, bytes that are no answer, an answer cut in its head)
 * are below what such a library lets one do, and what a proxy sends should
 * be judged by a reader that forgives nothing.
 */
#ifndef STUB_SERVER_H
#define STUB_SERVER_H

#include <event2/event.h>
#include <sys/socket.h>

#include "stub/api.h"

struct stub_server;

/* Listens at once. STATUS_IO with errno. */
enum status stub_server_new(struct event_base *base, struct stub_api *api,
                            const struct sockaddr *address, int length,
                            struct stub_server **out) MUST_CHECK;
/* Connections are closed. */
void stub_server_free(struct stub_server *s);
int stub_server_fd(const struct stub_server *s);

#endif
