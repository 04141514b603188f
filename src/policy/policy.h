/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/policy.h - what the organisation allows, compiled from a directory.
 *
 * Two kinds of file: contracts (OpenAPI 3.1 documents in JSON: operations,
 * parameters, bodies) and organisation policies (*.policy.json: a schema that
 * bodies must satisfy as well, and limits). The whole directory is read,
 * in name order, checked, and becomes one snapshot: immutable, reference
 * counted, read by all threads. Nothing about a particular API is known here;
 * what JSON Schema and OpenAPI cannot say stands in the contract's
 * "x-chatgate".
 *
 *   policy_snapshot_load(&load, &problems, &snap)
 *   policy_route(snap, method, target, &route)      the head has arrived
 *   policy_check_parameters(&route, limits, arena, &parameters)
 *   schema_run_new(route.operation->plan, limits)   the body streams in
 *   policy_use_counts(operation, use, &facts)       whose violations count
 *   policy_charges(snap, &route, &facts, ...)       which limits apply
 *
 * Everything handed out by pointer lives as long as the snapshot.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/problems.h"
#include "base/status.h"
#include "base/text.h"
#include "config/consumers.h"
#include "schema/run.h"
#include "schema/schema.h"

struct policy_snapshot;

struct policy_prefix {
    const char *method; /* "*" is any */
    const char *prefix; /* of a canonical path, on a segment boundary */
};

struct policy_load {
    const char *dir;
    const struct policy_prefix *unmatched; /* forwarded unvalidated */
    size_t unmatched_count;
    bool has_consumers; /* some limits and warnings depend on it */
    /* NULL: whether consumers of these names exist is not looked at. */
    const struct config_consumers *consumers;
};

/* Every problem of every file is listed, warnings (a policy that can never
 * apply) too. STATUS_OK; STATUS_INVALID; STATUS_NOT_FOUND (no such
 * directory, or no contract in it); STATUS_IO; STATUS_NO_MEMORY. The caller
 * holds one reference. */
enum status policy_snapshot_load(const struct policy_load *load,
                                 struct problems *problems,
                                 struct policy_snapshot **out) MUST_CHECK;
struct policy_snapshot *policy_snapshot_ref(struct policy_snapshot *s);
void policy_snapshot_unref(struct policy_snapshot *s); /* NULL is fine */

/* 16 lower-case hex digits of a SHA-256 over all files, names included. */
const char *policy_snapshot_version(const struct policy_snapshot *s);

/* ---- contracts and operations ---- */

struct policy_contract {
    const char *name; /* file name without .json: "chats-v3"; "policy" in
                       * violations of the contract itself */
    const char *file;
    /* Public error code for an HTTP status; 0 where the contract names none
     * (then the answer carries the status itself as its code). */
    int error_code[600];
    /* Where answers show things, for upstream/answer.h; NULL: nowhere. */
    const char *trace_body;   /* "/trace_id" */
    const char *trace_header; /* "x-trace-id" */
    const char *chat_id, *chat_handles, *chat_handle, *chat_mine;
    const struct policy_operation *lookup; /* getChat, or NULL */
};

enum policy_sender_in {
    POLICY_SENDER_NONE,
    POLICY_SENDER_BODY,
    POLICY_SENDER_QUERY,
    POLICY_SENDER_CHAT,
};

enum policy_body {
    POLICY_BODY_NONE, /* none is defined: nothing, or an empty object */
    POLICY_BODY_OPTIONAL,
    POLICY_BODY_REQUIRED,
};

/* One root of an operation's plan: use i of the plan is uses[i]. */
struct policy_use {
    const char *policy; /* the contract's or the policy's name */
    bool is_shadow;
    bool depends_on_sender; /* policy_use_counts() looks at the sender */
    const struct policy_scope *scope; /* NULL: always counts (the contract) */
};

#define POLICY_TAP_NONE (-1)

struct policy_operation {
    const char *id; /* "createChat" */
    const char *method;
    const char *template; /* "/v3/chats/{chatId}/messages" */
    const struct policy_contract *contract;
    enum policy_body body;
    const struct schema_plan *plan; /* also for POLICY_BODY_NONE: {} only */
    const struct policy_use *uses;
    size_t use_count;
    enum policy_sender_in sender_in;
    /* Taps of the plan, or POLICY_TAP_NONE. */
    int sender_tap, recipients_tap, parts_tap, effect_tap, idempotency_tap;
    const char *learn; /* where a 2xx answer shows a chat: "/chat",
                        * "/chats/\*", "" for the answer itself; or NULL */
    const struct policy_parameter *parameters; /* opaque */
    size_t parameter_count;
    int chat_parameter;   /* index of the path parameter with the chat's id,
                           * or -1 */
    int sender_parameter; /* of the query parameter with the sender, or -1 */
};

/* In name order; never empty. The first one's error codes serve answers to
 * requests that match no operation. */
size_t policy_contract_count(const struct policy_snapshot *s);
const struct policy_contract *
policy_contract_at(const struct policy_snapshot *s, size_t i);

size_t policy_operation_count(const struct policy_snapshot *s);
const struct policy_operation *
policy_operation_at(const struct policy_snapshot *s, size_t i);
/* NULL when there is none of that operationId. */
const struct policy_operation *
policy_operation_find(const struct policy_snapshot *s, struct text id);

/* ---- routing ---- */

enum policy_match {
    POLICY_OPERATION, /* route->operation */
    POLICY_UNMATCHED, /* under a configured prefix; operation is NULL */
    POLICY_NO_ROUTE,  /* 404 */
    POLICY_NO_METHOD, /* 405; route->allow */
    POLICY_BAD_PATH,  /* 400: not canonical, or a slash too many at the end;
                       * route->problem */
    POLICY_BAD_QUERY, /* 400: ambiguous or malformed; route->problem */
};

#define POLICY_PARAMETERS_MAX 32

struct policy_route {
    enum policy_match match;
    const struct policy_operation *operation;
    struct text path, query; /* spans of `target`; query absent without '?' */
    struct text segments[POLICY_PARAMETERS_MAX]; /* of path parameters, raw,
                                                  * by parameter index */
    const char *allow;                           /* "GET, POST" */
    const char *problem; /* a sentence that says what would be right */
};

/* Only canonical paths match: no dot or empty segments, no encoded slash or
 * needless escape, ASCII only (RFC 3986 section 6.2.2 says what is
 * equivalent; only one spelling passes). Pure. */
void policy_route(const struct policy_snapshot *s, struct text method,
                  struct text target, struct policy_route *out);

/* ---- parameters ---- */

struct policy_finding {
    const char *pointer;        /* "?limit", "{chatId}" */
    const char *record_pointer; /* without client-chosen names */
    const char *rule;           /* "query.maximum", "path.format" */
    const char *message;
    const char *policy;
    bool is_shadow;
};

struct policy_parameters {
    struct policy_finding *findings; /* at most SCHEMA_VIOLATIONS_MAX */
    size_t finding_count;
    struct text sender; /* from the query, decoded, valid; else absent */
    struct text chat;   /* lower case, valid; else absent */
};

/* Decode and validate path and query parameters; everything is allocated in
 * `arena`. STATUS_OK also when there are findings. */
enum status policy_check_parameters(const struct policy_route *route,
                                    const struct schema_limits *limits,
                                    struct arena *arena,
                                    struct policy_parameters *out) MUST_CHECK;

/* ---- who it is about ---- */

struct policy_facts {
    struct text sender;   /* "+1415..."; absent: unknown or none */
    struct text consumer; /* absent: no consumers are configured, ... */
    bool any_consumer;    /* ... or nobody knows which one it will be (in
                           * `chatgate validate`): each one's policies count */
    struct text client;   /* the client's address */
    struct text chat;     /* lower case; absent: none */
};

/* Does a policy's body rule apply to this consumer and sender? An unknown
 * sender matches. */
bool policy_use_counts(const struct policy_use *use,
                       const struct policy_facts *facts);

/* What the loader lets through is within these: the limiter's own bounds,
 * which are not this room's to include (the gateway, which sees both, asserts
 * that they agree). */
#define POLICY_CAPACITY_MAX INT64_C(1000000)
#define POLICY_REFILL_MAX INT64_C(100000000) /* tokens a period */
#define POLICY_CHARGES_MAX 16                /* that one request can meet */

/* One limit that applies, as data for the limiter. */
struct policy_charge {
    const char *policy; /* "sender-limits" */
    const char *limit;  /* "burst" */
    bool is_shadow;
    struct text key;  /* "sender-limits:burst:<what is counted>" */
    struct text tag;  /* what the keys of one decision hash by */
    uint8_t breadth;  /* how many share it: 0 a sender's requests, 1 a
                       * chat's, 2 a client's, 3 a consumer's, 4 all */
    int64_t capacity; /* tokens */
    int64_t refill;   /* tokens a period, 0: never */
    int64_t period_us;
    int64_t cost; /* tokens */
};

/* The limits that a request meets; texts in `arena`. A limit per sender of a
 * request whose sender is unknown is charged to the chat; one whose other
 * facts are absent does not apply. At most `max`; enforced limits come first.
 * `route->operation` NULL (unmatched): only limits by consumer and client of
 * policies that name no operation. */
enum status policy_charges(const struct policy_snapshot *s,
                           const struct policy_route *route,
                           const struct policy_facts *facts,
                           struct arena *arena, struct policy_charge *out,
                           size_t max, size_t *count) MUST_CHECK;

/* ---- for people: /policies, explain ---- */

struct policy_summary {
    const char *name, *file;
    bool is_shadow, is_contract, has_body;
    size_t limit_count, operation_count;
};
size_t policy_summary_count(const struct policy_snapshot *s);
void policy_summary_at(const struct policy_snapshot *s, size_t i,
                       struct policy_summary *out);

#endif
