/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/model.h - what a snapshot is made of, for this room only.
 *
 *   snapshot -+- contracts   operations -+- parameters, each with a plan
 *             |                          +- uses, the plan of the body
 *             |                          +- dues: limits that may apply
 *             +- organisation policies: scope, body schema, limits
 *             +- routes: a tree of path segments, operations at its nodes
 *
 * Everything lies in the snapshot's arena, but for schemas and plans, which
 * lie in its schema set. Nothing points into the documents it was read from:
 * they are freed when loading ends.
 */
#ifndef POLICY_MODEL_H
#define POLICY_MODEL_H

#include <stdatomic.h>

#include "base/json.h"
#include "policy/policy.h"

/* Whatever a directory of policies may reasonably come to. */
#define POLICY_ARENA_BYTES ((size_t)256 << 20)
/* Of a policy's or a limit's name. */
#define POLICY_NAME_MAX 64

enum policy_place { POLICY_IN_PATH, POLICY_IN_QUERY };

/* One parameter of an operation. Those of the path come first, in the order
 * of the template. */
struct policy_parameter {
    const char *name;
    enum policy_place in;
    bool is_required;
    bool is_array;   /* of the query; else one value exactly */
    bool is_explode; /* ?a=1&a=2, not ?a=1,2 */
    const char *pointer;
    const struct schema_plan *plan; /* one use */
};

/* A sorted list of names, or any name. */
struct policy_names {
    bool is_any;
    const char **names;
    size_t count;
};

struct policy_scope {
    struct policy_names operations, consumers, senders;
};

struct policy_rate {
    int64_t capacity; /* tokens */
    int64_t refill;   /* tokens a period */
    int64_t period_us;
};

struct policy_override {
    const char *key; /* a sender or a consumer */
    struct policy_rate rate;
};

struct policy_cost {
    const char *operation;
    int64_t tokens;
};

#define POLICY_PER_SENDER 1u
#define POLICY_PER_CONSUMER 2u
#define POLICY_PER_CLIENT 4u
#define POLICY_PER_CHAT 8u
#define POLICY_PER_OPERATION 16u

struct policy_limit {
    const char *name;
    unsigned per; /* POLICY_PER_ bits */
    struct policy_rate rate;
    struct policy_override *overrides; /* sorted by key */
    size_t override_count;
    struct policy_cost *costs;
    size_t cost_count;
};

struct policy_organisation {
    const char *name, *file;
    bool is_shadow;
    struct policy_scope scope;
    const struct schema *body; /* or NULL */
    struct policy_limit *limits;
    size_t limit_count;
};

/* A limit that a request to one operation may meet. */
struct policy_due {
    const struct policy_organisation *policy;
    const struct policy_limit *limit;
    int64_t cost;
};

struct policy_dues {
    struct policy_due *list; /* enforced ones first */
    size_t count;
};

/* An operation while and after it is put together. */
struct policy_entry {
    struct policy_operation operation; /* what everybody sees */
    struct policy_entry *next;         /* of the same template */
    struct policy_dues dues;
    const struct schema *body; /* the contract's */
    const char *sender_at, *recipients_at, *parts_at, *effect_at,
        *idempotency_at; /* JSON Pointers of the taps, or NULL */
    /* Where it was written, for problems found later; gone with the
     * document when loading ends. */
    const struct json_document *doc;
    const struct json_value *value;
};

static inline const struct policy_entry *
policy_entry_of(const struct policy_operation *op)
{
    return (
        const struct policy_entry *)(const void *)((const char *)op -
                                                   offsetof(struct policy_entry,
                                                            operation));
}

/* A segment of the templates. */
struct policy_node {
    struct text literal; /* absent: a parameter */
    struct policy_node *next, *children, *parameter;
    const char *template, *file;  /* which ends here; NULL: none does */
    struct policy_entry *entries; /* one a method */
    const char *allow;            /* "GET, POST" */
};

struct policy_routes {
    struct policy_node root;
    struct policy_prefix *unmatched;
    size_t unmatched_count;
};

struct policy_snapshot {
    atomic_uint references;
    struct arena arena;
    struct schema_set *schemas;
    char version[17];
    struct policy_contract **contracts;
    size_t contract_count;
    struct policy_entry **entries; /* in the order of files and paths */
    size_t entry_count;
    struct policy_organisation **policies;
    size_t policy_count;
    struct policy_dues unmatched_dues;
    struct policy_routes routes;
};

#endif
