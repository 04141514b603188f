/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/expect.h - what many tests say about an answer.
 */
#ifndef INTEGRATION_EXPECT_H
#define INTEGRATION_EXPECT_H

#include "integration/rig.h"

/* POST /v3/chats from `from`; headers may be NULL. */
void expect_create(struct rig *r, const char *from, const char *headers,
                   struct wire_answer *a);
/* The same, only the status counts. */
int expect_create_status(struct rig *r, const char *from);

/* The answer is chatgate's own refusal: status, public code, the envelope, its
 * headers. `rule` and `pointer` of the first violation (NULL: any). */
void expect_refusal(struct wire_answer *a, int status, int code,
                    const char *rule, const char *pointer);

/* The audit line of this answer, by X-Request-Id. Fails the test when there is
 * none. Lives until `lines` is released. */
const struct json_value *expect_line(struct rig *r, struct rig_audit *lines,
                                     const struct wire_answer *a);
/* A member of a line is this text ("": it is null). */
void expect_member(const struct json_value *line, const char *name,
                   const char *value);

/* A request header that the stub was sent, of journal entry `entry` (from 0),
 * or NULL; `count` (may be NULL): how many of that name. */
const char *expect_sent_header(const struct json_document *log, size_t entry,
                               const char *name, int *count);

#endif
