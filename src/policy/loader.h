/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/loader.h - what the compilers of this room share while they load.
 *
 * A compiler does not stop at the first mistake: it reports, leaves the thing
 * out and goes on. Whether loading failed is asked once, at the end, so that
 * only two things need care in between: a NULL where something is missing,
 * and memory, whose end is remembered in `no_memory`.
 */
#ifndef POLICY_LOADER_H
#define POLICY_LOADER_H

#include "policy/model.h"

struct policy_loader {
    const struct policy_load *load;
    struct problems *problems;
    struct policy_snapshot *snap; /* under construction */
    bool no_memory;
    bool lacks_operations; /* of a contract that could not be read in full */
};

/* One file of the directory. */
struct policy_file {
    const char *name;  /* "chats-v3.json"; lives as long as the snapshot */
    const char *path;  /* with the directory in front, likewise */
    bool is_contract;  /* else an organisation policy */
    struct text bytes; /* until loading ends; absent: unreadable */
    struct json_document *doc; /* until loading ends; NULL: no JSON */
};

/* From the snapshot's arena, zeroed; NULL sets no_memory. */
void *policy_alloc(struct policy_loader *l, size_t bytes);
void *policy_array(struct policy_loader *l, size_t count, size_t bytes_each);
const char *policy_strdup(struct policy_loader *l, struct text t);
/* The name of a file without what follows its first dot. */
const char *policy_file_stem(struct policy_loader *l, const char *name);

/* ---- keys and types ---- */

struct policy_key {
    const char *name;
    const char *advice; /* NULL: allowed. Else known and refused: what to do
                         * instead */
};

/* Every member of `object` must be one of the keys; `object` must be one
 * (false if not). `what` names it in messages: "an operation". An object of
 * OpenAPI may have extensions of other tools besides. */
bool policy_check_keys(struct policy_loader *l, const struct json_document *doc,
                       const struct json_value *object, const char *what,
                       const struct policy_key *keys, size_t count,
                       bool is_openapi);
#define POLICY_CHECK_KEYS(l, doc, object, what, keys)                          \
    policy_check_keys(l, doc, object, what, keys, ARRAY_LEN(keys), false)
#define POLICY_CHECK_OPENAPI(l, doc, object, what, keys)                       \
    policy_check_keys(l, doc, object, what, keys, ARRAY_LEN(keys), true)

/* `doc` is the file's; the member if it is there and of that type; of
 * another type is a problem. */
const struct json_value *policy_member(struct policy_loader *l,
                                       const struct json_document *doc,
                                       const struct json_value *object,
                                       const char *name, enum json_type type);
/* The same for a string's text; absent when there is none. */
struct text policy_member_text(struct policy_loader *l,
                               const struct json_document *doc,
                               const struct json_value *object,
                               const char *name);
/* Likewise; `otherwise` when there is none. */
bool policy_member_bool(struct policy_loader *l,
                        const struct json_document *doc,
                        const struct json_value *object, const char *name,
                        bool otherwise);

/* "; did you mean \"x\"?" in `out` when one of the names is near to what was
 * written, else "". Returns `out`. */
#define POLICY_HINT_SIZE 160
const char *policy_hint(struct text written, const char *const *names,
                        size_t count, char out[POLICY_HINT_SIZE]);
/* The same over the operations that are loaded. */
const char *policy_hint_operation(const struct policy_loader *l,
                                  struct text written,
                                  char out[POLICY_HINT_SIZE]);

/* Warn, at a value, of a consumer that the configuration does not have. */
void policy_check_consumer(struct policy_loader *l,
                           const struct json_document *doc,
                           const struct json_value *at, struct text name);

/* [a-z0-9_-], 1 to POLICY_NAME_MAX bytes. */
bool policy_is_name(struct text t);
/* "+", then 2 to 15 digits, the first not 0. */
bool policy_is_e164(struct text t);

#endif
