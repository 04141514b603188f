/* SPDX-License-Identifier: Apache-2.0
 *
 * stub/reply.h - an answer as bytes, faults included, made as they are sent.
 *
 *   stub_reply_begin(&r, &answer, &fault, is_head, close)
 *   while (!stub_reply_is_done(&r)) stub_reply_move(&r, output, some)
 *   stub_reply_release(&r)
 *
 * A huge answer is made up piece by piece, so that it never stands in memory.
 */
#ifndef STUB_REPLY_H
#define STUB_REPLY_H

#include <event2/buffer.h>

#include "stub/api.h"
#include "stub/fault.h"

struct stub_reply {
    struct evbuffer *out; /* made, not yet moved; owned */
    int64_t padding_left; /* pieces of a huge answer still to make */
    char trace_member[64];
    int64_t budget; /* bytes that may still be moved */
    bool close;     /* the connection ends with this answer */
};

/* Takes nothing over. STATUS_NO_MEMORY: nothing to release. */
enum status stub_reply_begin(struct stub_reply *r, const struct stub_answer *a,
                             const struct stub_fault *fault, bool is_head,
                             bool close) MUST_CHECK;
void stub_reply_release(struct stub_reply *r);

/* Move at most `max` bytes to `to`. */
enum status stub_reply_move(struct stub_reply *r, struct evbuffer *to,
                            size_t max) MUST_CHECK;
bool stub_reply_is_done(const struct stub_reply *r);

#endif
