/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/pick.h - a few values out of a JSON text, while it streams by.
 *
 * Targets are places in the text: JSON Pointers (RFC 6901) in which "*" stands
 * for every item of an array. Whatever stands at one is told as it comes by,
 * containers by their begin and their end; the rest is passed over. No tree,
 * no copy: memory is bounded by the limits however long the text is, time is
 * linear however it is cut.
 *
 *   pick_target_parse(text_of("/chats/\*"), &targets[0]);
 *   targets[1] = targets[0]; pick_target_add(&targets[1], text_of("id"));
 *   p = pick_new(targets, 2, &limits, on_value, arg);
 *   for each piece: pick_feed(p, data, len);
 *   pick_finish(p);
 *   pick_free(p);
 *
 * {"chats":[{"id":"a"}]} then gives: 0 PICK_OBJECT, 1 PICK_STRING "a",
 * 0 PICK_END. A text that turns out to be no JSON, or past a limit, ends the
 * picking; what was told before remains told.
 */
#ifndef SCHEMA_PICK_H
#define SCHEMA_PICK_H

#include "base/text.h"
#include "schema/scan.h"

#define PICK_TARGETS_MAX 8
#define PICK_TOKENS_MAX 8
#define PICK_DEPTH_MAX 128

/* Borrowed texts. A token is kept as the pointer has it, "~0" and "~1" in it;
 * `is_plain` says that there are none. */
struct pick_target {
    struct pick_token {
        struct text text;
        bool is_plain;
        bool is_any; /* "*" */
    } tokens[PICK_TOKENS_MAX];
    size_t count; /* 0: the whole text */
};

/* STATUS_INVALID: no JSON Pointer. STATUS_TOO_LARGE: more than
 * PICK_TOKENS_MAX tokens. */
enum status pick_target_parse(struct text pointer,
                              struct pick_target *out) MUST_CHECK;
/* One step further: a member, its name as it is; every item of an array.
 * STATUS_TOO_LARGE as above. */
enum status pick_target_add(struct pick_target *t, struct text name) MUST_CHECK;
enum status pick_target_add_items(struct pick_target *t) MUST_CHECK;

enum pick_kind {
    PICK_NULL,
    PICK_FALSE,
    PICK_TRUE,
    PICK_NUMBER, /* `text` is it as written */
    PICK_STRING, /* `text` is it decoded */
    PICK_OBJECT, /* begins; PICK_END follows */
    PICK_ARRAY,  /* begins; PICK_END follows */
    PICK_END,
};

/* `text` is valid in the call only. False: enough, nothing more is told. */
typedef bool (*pick_fn)(void *arg, size_t target, enum pick_kind kind,
                        struct text text);

struct pick;

/* NULL when out of memory. Targets are copied, what their texts point to is
 * not; `limits` (max_depth at most PICK_DEPTH_MAX) as for the scan. */
struct pick *pick_new(const struct pick_target *targets, size_t count,
                      const struct scan_limits *limits, pick_fn fn, void *arg);
void pick_free(struct pick *p);

/* STATUS_OK, also after `fn` had enough; else it has ended: STATUS_INVALID,
 * STATUS_NO_MEMORY, and the same again for what is fed after that. */
enum status pick_feed(struct pick *p, const char *data, size_t len) MUST_CHECK;
enum status pick_finish(struct pick *p) MUST_CHECK;

#endif
