/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/explain.h - which policies and buckets would a request meet?
 *
 * Asked on a worker, because the buckets are reached from there; nothing is
 * charged. What a request would learn for nothing is learned here too: ids
 * are in lower case, and a chat's number is known if this process or Redis
 * knows it. The upstream is not asked: nobody's credential is at hand.
 */
#ifndef GATEWAY_EXPLAIN_H
#define GATEWAY_EXPLAIN_H

#include "base/buffer.h"
#include "gateway/worker.h"

/* Absent texts are facts that are not known. */
struct explain_question {
    struct text operation, from, consumer, client, chat;
};

/* Called once, on the worker's thread, maybe before explain_ask() returns:
 * STATUS_OK with one JSON object in `answer`; STATUS_NOT_FOUND: no such
 * operation; STATUS_INVALID: `from` is no number; STATUS_NO_MEMORY;
 * STATUS_UNAVAILABLE: the buckets' store is away and on_failure is deny. */
typedef void (*explain_done_fn)(void *arg, enum status status,
                                const struct buffer *answer);

/* On the worker's thread. The question's texts are copied. */
void explain_ask(struct worker *w, const struct explain_question *q,
                 explain_done_fn done, void *arg);

#endif
