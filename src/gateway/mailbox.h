/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/mailbox.h - run this on another thread's event loop.
 *
 * The only way in which threads of the gateway talk: a function and its
 * argument are posted, the loop that owns the mailbox calls them in order.
 */
#ifndef GATEWAY_MAILBOX_H
#define GATEWAY_MAILBOX_H

#include <event2/event.h>

#include "base/status.h"

struct mailbox;

typedef void (*mailbox_fn)(void *arg);

/* For the loop `base`, before it runs or on its thread. */
enum status mailbox_new(struct event_base *base,
                        struct mailbox **out) MUST_CHECK;
/* On the loop's thread, or after it ended. What was posted and not yet run is
 * dropped. */
void mailbox_free(struct mailbox *m);

/* From any thread. STATUS_NO_MEMORY: it will not run. */
enum status mailbox_post(struct mailbox *m, mailbox_fn fn,
                         void *arg) MUST_CHECK;

#endif
