/* SPDX-License-Identifier: Apache-2.0
 *
 * upstream/answer.h - what is picked out of an answer while it streams by.
 *
 * A scan over the bytes of a JSON answer, by the same scan and yajl as a
 * request's body, without keeping any of it: the trace id, and chats with
 * the one handle that is the sender's. An answer that is no JSON, or is nested
 * deeper than 64, or has a string longer than 128 KiB (no answer of a chat API
 * has; stepping over one would need a second tokenizer), passes through all
 * the same; the scan just stops and has found what it had found.
 */
#ifndef UPSTREAM_ANSWER_H
#define UPSTREAM_ANSWER_H

#include <stdbool.h>

#include "base/status.h"
#include "base/text.h"

/* What to look for; from the contract, all borrowed, immutable. Pointers that
 * pick_target_parse() refuses, or chats whose members would be more than 8
 * tokens deep, are never found: who loads the contract checks that. */
struct answer_spec {
    const char *trace_id; /* JSON Pointer, "/trace_id"; or NULL */
    const char *chat;     /* where a chat stands: "", "/chat", "/chats/\*";
                           * NULL: nowhere */
    const char *id, *handles, *handle, *mine; /* members of a chat */
};

struct answer_scan;

/* A chat with an id and exactly one handle that is mine and E.164, told when
 * its object ends, whatever the order of its members; texts valid in the
 * call. A chat that says one of these members twice is not told. */
typedef void (*answer_chat_fn)(void *arg, struct text chat_id,
                               struct text number);

/* NULL: out of memory. `on_chat` may be NULL. */
struct answer_scan *answer_scan_new(const struct answer_spec *spec,
                                    answer_chat_fn on_chat, void *arg);
void answer_scan_free(struct answer_scan *s);
void answer_scan_feed(struct answer_scan *s, const char *data, size_t len);
void answer_scan_finish(struct answer_scan *s);

/* Absent until found, the first one if there are more; at most 128 bytes,
 * printable ASCII without spaces, else it is not taken. Lives as long as the
 * scan. */
struct text answer_scan_trace_id(const struct answer_scan *s);

#endif
