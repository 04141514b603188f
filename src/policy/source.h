/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/source.h - the files of a directory of policies.
 */
#ifndef POLICY_SOURCE_H
#define POLICY_SOURCE_H

#include "base/problems.h"
#include "base/text.h"

struct policy_source {
    char *name;        /* owned: "chats-v3.json" */
    char *path;        /* owned: with the directory in front, for messages */
    struct text bytes; /* owned; absent: could not be read */
};

struct policy_sources {
    struct policy_source *list; /* in the order of names */
    size_t count;
};

/* Everything that counts as a policy is in *out, which is set in any case and
 * wants releasing. STATUS_OK; STATUS_NOT_FOUND (no such directory); STATUS_IO
 * (something in it cannot be read); STATUS_INVALID (a file is too large, or
 * there are too many); STATUS_NO_MEMORY. Reasons are in `problems`. */
enum status policy_sources_read(const char *dir, struct problems *problems,
                                struct policy_sources *out) MUST_CHECK;
void policy_sources_release(struct policy_sources *s);

#endif
