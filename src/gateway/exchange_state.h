/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/exchange_state.h - the state of one exchange.
 *
 * For exchange.c, which knows the order of the steps, and for the small parts
 * that each make one thing out of the state and know no order: respond.c (the
 * answer that chatgate gives itself), forward.c (the request as it goes
 * upstream), identify.c (who asks), ratelimit.c
 * (the limiter's headers), transcript.c (the record).
 *
 * An exchange owns its memory: the arena, the kept body, the held-back piece
 * of the answer. It lives until the HTTP request is done, no neighbour has a
 * call of it under way, and its record is written.
 */
#ifndef GATEWAY_EXCHANGE_STATE_H
#define GATEWAY_EXCHANGE_STATE_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "audit/record.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/check.h"
#include "gateway/runtime.h"
#include "gateway/worker.h"
#include "http/server.h"
#include "limit/limit.h"
#include "policy/policy.h"
#include "schema/run.h"
#include "sender/lookup.h"
#include "sender/sender.h"
#include "upstream/answer.h"
#include "upstream/upstream.h"

#define EXCHANGE_MAGIC 0x65786368u
#define TAIL_MAX (1024 * 1024)
#define EXCHANGE_ARENA_MAX (256 * 1024)
#define REQUEST_ID_MAX 128

struct exchange;
typedef void (*lookup_told_fn)(struct exchange *x);

struct exchange {
    uint32_t magic;
    struct worker *worker;
    struct runtime *runtime;  /* one reference */
    struct http_request *req; /* NULL after done() */
    struct arena arena;

    /* who and when */
    mono_us started_at;
    wall_us time;
    char request_id[REQUEST_ID_MAX + 1];
    char trace[ID_TRACE_SIZE]; /* gateway_trace_id */
    bool peer_is_trusted;
    struct text client; /* address: the peer's, or what a trusted proxy says */
    const struct config_consumer *consumer; /* NULL: none configured */

    /* what is asked */
    struct policy_route route;
    struct policy_parameters parameters;
    struct text sender; /* the from-number */
    enum audit_from_source from_source;
    bool is_sender_known;      /* though perhaps not kept, for want of memory */
    int64_t recipients, parts; /* -1: unknown */
    struct text effect, idempotency_key;

    /* the body */
    struct schema_run *run; /* NULL: nothing to validate */
    size_t run_bytes;       /* counted in the worker's validation_bytes */
    uint64_t final_uses;    /* enforced uses that count whoever sends */
    bool is_type_due;       /* chunked and of no type: must turn out empty */
    bool is_body_kept;      /* still of use for forwarding */
    struct buffer body;
    int64_t bytes_in;
    struct policy_finding *findings; /* that count, enforced first */
    size_t finding_count;
    size_t enforced_count;

    /* limits */
    struct policy_charge *charges;
    struct limit_charge *asked;
    size_t charge_count;
    struct limit_decision decision;
    bool is_decided;
    struct limit_call *limit_call;

    /* the sender of a chat that nobody here has seen */
    struct sender_search *search;
    mono_us search_started_at;
    int64_t redis_waited_us; /* by the search; INT64_MAX: in vain */
    struct sender_lookup *lookup;
    struct upstream_call *lookup_call; /* ours, if we are the first */
    struct answer_scan *lookup_scan;
    struct sender_answer told;
    lookup_told_fn on_told;
    bool is_its_own_lookup; /* forwarded before it is charged */

    /* upstream */
    struct upstream_call *call;
    struct answer_scan *scan;
    struct upstream_header *call_headers;
    mono_us call_started_at;
    int64_t upstream_us;
    int upstream_status;
    struct text trace_id;
    enum audit_delivery delivery;

    /* the answer */
    int status;
    enum http_refusal refusal;  /* HTTP_REFUSAL_NONE: the upstream's answer */
    const char *refusal_detail; /* in place of the refusal's own sentence */
    struct http_header *reply_headers;
    size_t reply_header_count;
    int64_t reply_length;
    bool is_reply_begun;
    struct buffer tail;     /* the end of the answer, until the record stands */
    int64_t answer_bytes;   /* of the body, taken from the upstream */
    int64_t bytes_out;      /* of the body, given to the client */
    int64_t written, taken; /* for back-pressure: given to http, left it */

    /* the record */
    enum audit_decision outcome;
    const char *error; /* a named reason, or NULL */

    bool is_body_over;       /* nothing more of it is wanted or will come */
    bool is_gone;            /* the client */
    bool is_broken;          /* the answer is to be cut off */
    bool is_recording;       /* the line is with the writer */
    bool is_over;            /* recorded; only done() is missing */
    struct event unrecorded; /* an end without a line, from the loop */
};

/* content.c: may this body be read at all? */
enum http_refusal content_check(struct exchange *x);

/* intake.c: the body as it comes in, kept for forwarding and counted.
 * STATUS_TOO_LARGE: past what all exchanges together may keep. */
enum status intake_keep(struct exchange *x, const char *data,
                        size_t len) MUST_CHECK;
void intake_drop_body(struct exchange *x);
void intake_account_run(struct exchange *x); /* after it was fed */
void intake_drop_run(struct exchange *x);

/* judge.c: violations that count. Uses that depend on the sender count only
 * once the sender is known (or known not to be found out). */
struct policy_facts judge_facts(const struct exchange *x);
/* Enforced uses whose violation refuses the request whoever sends it. */
uint64_t judge_final_uses(const struct exchange *x);
bool judge_parameters_are_bad(const struct policy_parameters *p);
void judge_collect(struct exchange *x, bool is_sender_known);
bool judge_is_bad(struct exchange *x, bool is_sender_known);
/* What the record tells of the body. */
void judge_take_taps(struct exchange *x);

/* lookup.c: the sender as far as it can be told without asking anybody; false:
 * somebody must be asked. */
bool lookup_now(struct exchange *x);
/* It is this number: x->sender, absent when there was no memory. */
void lookup_take(struct exchange *x, struct text number,
                 enum audit_from_source source);
/* Ask the upstream whose chat this is; the answer is in x->told. */
enum lookup_turn {
    LOOKUP_KNOWN,     /* x->told says it (or that it cannot be told) */
    LOOKUP_UNDER_WAY, /* on_told() will be called */
    LOOKUP_ITSELF,    /* this request is the lookup: forward it */
    LOOKUP_BUSY,      /* too many lookups */
};
enum lookup_turn lookup_start(struct exchange *x, lookup_told_fn on_told);
/* What the lookup's answer says before its body. */
void lookup_note_status(struct exchange *x, const struct upstream_head *head);
/* The chat that an answer shows is the one that was asked about. */
void lookup_note_chat(struct exchange *x, struct text chat, struct text number);
/* Tell those who wait what x->told says. */
void lookup_settle(struct exchange *x);
void lookup_cancel(struct exchange *x);

/* relay.c: the upstream's answer to the client. */
void relay_piece(struct exchange *x, const char *data, size_t len);
void relay_account(struct exchange *x);
/* The end, or a cut when the exchange is broken. */
void relay_end(struct exchange *x);

/* respond.c: fill status, reply_headers, reply_length and tail for the refusal
 * that is set. false: out of memory. */
bool respond_make(struct exchange *x);
enum http_refusal respond_to_match(enum policy_match match);
enum http_refusal respond_to_outcome(enum upstream_outcome outcome);
/* Headers that every answer carries, and those of the limiter, appended to
 * reply_headers, which has room for RESPOND_HEADERS_MAX more. */
#define RESPOND_HEADERS_MAX 12
void respond_add_common_headers(struct exchange *x);

/* ratelimit.c: texts of the RateLimit fields in the arena; absent when no
 * enforced limit was decided. */
struct ratelimit_fields {
    struct text policy, limit;
    int64_t retry_after_us; /* of a refusal; 0 when allowed */
};
void ratelimit_format(struct exchange *x, struct ratelimit_fields *out);
/* Which enforced charge is closest to refusing (of several that refuse, the
 * one with the longest wait); SIZE_MAX: none was decided. */
size_t ratelimit_closest(const struct exchange *x);
/* The wait of a charge that refuses, as it is told: a day for never. */
int64_t ratelimit_wait_us(const struct limit_verdict *v);

/* forward.c: the request for upstream, in the arena. */
enum status forward_make(struct exchange *x,
                         struct upstream_request *out) MUST_CHECK;
/* The upstream's head for the client: status, headers, length; and the scan of
 * the answer, where there is something to find in it. */
enum status forward_take_head(struct exchange *x,
                              const struct upstream_head *head,
                              answer_chat_fn on_chat) MUST_CHECK;
/* Is this header a connection's own matter (RFC 9110 section 7.6.1)? */
bool forward_is_hop_by_hop(struct text name);

/* identify.c: ids, the client's address, the consumer. */
enum status identify_request(struct exchange *x) MUST_CHECK;
/* HTTP_REFUSAL_NONE, or why this caller may not go on. */
enum http_refusal identify_consumer(struct exchange *x);
/* With a consumer: may it use the sender that was found? */
enum http_refusal identify_sender_right(const struct exchange *x);

/* transcript.c: what it came to, counted; the audit line, appended to `to`. */
void transcript_count(struct exchange *x);
enum audit_decision transcript_outcome(enum http_refusal refusal);
enum status transcript_write(struct exchange *x, struct buffer *to) MUST_CHECK;

#endif
