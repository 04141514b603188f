/* SPDX-License-Identifier: Apache-2.0
 *
 * base/dial.h - a connected socket, without ever blocking the loop.
 *
 * Names are resolved by getaddrinfo(3) in a thread of their own (in the loop
 * it would stop every request of the worker while a name server is silent),
 * and the addresses are tried in its order until one connects. There is no
 * deadline in here: the caller has one and cancels.
 */
#ifndef BASE_DIAL_H
#define BASE_DIAL_H

#include <event2/event.h>

#include "base/status.h"

struct dial;

/* `fd`: connected, non-blocking, close-on-exec, without Nagle's delay, and
 * the callee's to close. Or -1 with `why` in a few words. The dial is gone
 * in either case. */
typedef void (*dial_done_fn)(void *arg, int fd, const char *why);

/* To `host` and `port`, or to the unix socket at `path` when that is not
 * NULL. `done` is called once, never before this returns, unless the dial
 * is cancelled. STATUS_NO_MEMORY; STATUS_TOO_LARGE for a path that no
 * socket address can hold. */
enum status dial_start(struct event_base *base, const char *host, int port,
                       const char *path, dial_done_fn done, void *arg,
                       struct dial **out) MUST_CHECK;
/* `done` will not be called. NULL is fine. */
void dial_cancel(struct dial *d);

#endif
