/* SPDX-License-Identifier: Apache-2.0
 *
 * audit/record.h - what is kept of a request: one JSON object a line.
 *
 * The gateway fills a struct audit_record of borrowed texts and encodes it
 * when the answer is about to end; nothing here outlives the call. Message
 * text and credentials have no field. Every field is always written, null
 * where unknown; a line is at most AUDIT_LINE_MAX bytes, its newline included:
 * violations, then limits, are cut first, and "truncated" is the last
 * violation's rule then. A text is cut at 256 bytes (`path` at 1 KiB).
 */
#ifndef AUDIT_RECORD_H
#define AUDIT_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json_write.h"
#include "base/status.h"
#include "base/text.h"

#define AUDIT_LINE_MAX ((size_t)16 * 1024)

enum audit_decision {
    AUDIT_FORWARDED,   /* the upstream answered, and its answer was passed on */
    AUDIT_REJECTED,    /* the request breaks the contract, a policy, HTTP */
    AUDIT_LIMITED,     /* 429 */
    AUDIT_DENIED,      /* 401, 403 */
    AUDIT_UNAVAILABLE, /* a neighbour or this gateway could not serve it */
    AUDIT_ERROR,       /* the answer broke off, or chatgate failed */
};

enum audit_delivery {
    AUDIT_DELIVERY_NONE,    /* certainly never reached the upstream */
    AUDIT_DELIVERY_ONCE,    /* the upstream answered */
    AUDIT_DELIVERY_UNKNOWN, /* sent, and no answer came */
};

enum audit_from_source {
    AUDIT_FROM_NONE, /* null: the operation has no sender */
    AUDIT_FROM_BODY,
    AUDIT_FROM_QUERY,
    AUDIT_FROM_CHAT,
    AUDIT_FROM_LOOKUP,
    AUDIT_FROM_UNKNOWN,
};

enum audit_numbers {
    AUDIT_NUMBERS_FULL,
    AUDIT_NUMBERS_MASKED,
    AUDIT_NUMBERS_HASHED
};

struct audit_violation {
    struct text pointer, rule, policy;
    bool is_shadow; /* mode: "shadow", else "enforce" */
};

struct audit_limit {
    struct text policy, name;
    bool is_shadow, allowed;
    int64_t remaining; /* tokens, rounded down */
};

/* Texts are borrowed; absent ones become null. Counts below 0 are null. */
struct audit_record {
    wall_us time; /* when the request's head was complete */
    struct text request_id, trace_id, gateway_trace_id, consumer, client;
    struct text method, path, operation, chat_id, from;
    enum audit_from_source from_source;
    int64_t recipients, parts;
    struct text effect, idempotency_key;
    enum audit_decision decision;
    struct text error; /* "upstream.timeout", "http.content_length", ... */
    enum audit_delivery delivery;
    bool client_gone;
    int status, upstream_status; /* 0: null */
    const struct audit_violation *violations;
    size_t violation_count;
    const struct audit_limit *limits;
    size_t limit_count;
    struct text limit_source;    /* "redis" "local" "open", absent */
    int64_t bytes_in, bytes_out; /* body bytes */
    int64_t duration_us, upstream_us;
    struct text policy_version, run;
    int worker;
    uint64_t seq; /* from 1, by one, within run and worker */
};

/* What becomes of phone numbers: see audit/numbers.h. */
struct audit_privacy {
    enum audit_numbers numbers;
    struct text key; /* for AUDIT_NUMBERS_HASHED: HMAC-SHA-256 */
};

/* Append one line, its newline included, to `to`. Path segments that are not
 * known to be safe are the caller's business: `path` is written as given, cut
 * at 1 KiB, and numbers in it are masked or hashed as `privacy` says, like the
 * number in `from`. `idempotency_key` is written as it is. STATUS_TOO_LARGE and
 * STATUS_NO_MEMORY are `to`'s; it is then as before. */
enum status audit_record_write(struct json_writer *w,
                               const struct audit_record *r,
                               const struct audit_privacy *privacy,
                               struct buffer *to) MUST_CHECK;

const char *audit_decision_name(enum audit_decision d);
/* STATUS_NOT_FOUND: no such decision. */
enum status audit_decision_parse(struct text name,
                                 enum audit_decision *out) MUST_CHECK;

#endif
