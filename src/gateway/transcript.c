/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/transcript.c - an exchange as its audit record.
 *
 * Nothing is copied: the record borrows from the exchange and is encoded at
 * once. The path goes without its query, whose values a client chooses.
 */
#include "gateway/exchange_state.h"

static size_t take_violations(const struct exchange *x,
                              struct audit_violation *out)
{
    for (size_t i = 0; i < x->finding_count; i++)
        out[i] = (struct audit_violation){
            .pointer = text_of(x->findings[i].record_pointer),
            .rule = text_of(x->findings[i].rule),
            .policy = text_of(x->findings[i].policy),
            .is_shadow = x->findings[i].is_shadow,
        };
    return x->finding_count;
}

static size_t take_limits(const struct exchange *x, struct audit_limit *out)
{
    size_t count = 0;
    /* What a known refusal made superfluous to look at is not told. */
    for (size_t i = 0; x->is_decided && i < x->decision.count; i++) {
        if (!x->decision.verdicts[i].is_evaluated)
            continue;
        out[count++] = (struct audit_limit){
            .policy = text_of(x->charges[i].policy),
            .name = text_of(x->charges[i].limit),
            .is_shadow = x->charges[i].is_shadow,
            .allowed = x->decision.verdicts[i].allowed,
            .remaining = x->decision.verdicts[i].remaining_utok / LIMIT_UTOK,
        };
    }
    return count;
}

static void take_request(const struct exchange *x, struct audit_record *r)
{
    /* After done() the request is gone, and with it its texts. */
    if (x->req == NULL)
        return;
    r->method = http_request_method(x->req);
    r->path = x->route.path;
    if (text_is_absent(r->path)) {
        struct text path;
        text_cut(http_request_target(x->req), '?', &path);
        r->path = path;
    }
}

/* Gone for certain, or silent for good: a client that closed its side is
 * told apart from one that still reads only when the answer is sent, and the
 * record comes before that. */
static bool has_left(const struct exchange *x)
{
    return x->is_gone || x->req == NULL || http_request_is_half_closed(x->req);
}

enum status transcript_write(struct exchange *x, struct buffer *to)
{
    const struct worker *w = x->worker;
    const struct policy_operation *op = x->route.operation;
    struct audit_violation violations[SCHEMA_VIOLATIONS_MAX];
    struct audit_limit limits[LIMIT_CHARGES_MAX];
    struct audit_record r = {
        .time = x->time,
        .request_id = text_of(x->request_id),
        .trace_id = x->trace_id,
        .gateway_trace_id = text_of(x->trace),
        .consumer = text_of(x->consumer ? x->consumer->name : NULL),
        .client = x->client,
        .operation = text_of(op ? op->id : NULL),
        .chat_id = x->parameters.chat,
        .from = x->sender,
        .from_source = x->from_source,
        .recipients = x->recipients,
        .parts = x->parts,
        .effect = x->effect,
        .idempotency_key = x->idempotency_key,
        .decision = x->outcome,
        .error = text_of(x->error),
        .delivery = x->delivery,
        .client_gone = has_left(x),
        .status = x->is_gone && !x->is_reply_begun ? 0 : x->status,
        .upstream_status = x->upstream_status,
        .violations = violations,
        .violation_count = take_violations(x, violations),
        .limits = limits,
        .limit_count = take_limits(x, limits),
        .bytes_in = x->bytes_in,
        .bytes_out = x->bytes_out + (int64_t)x->tail.len,
        .duration_us = clock_mono(w->shared->clock) - x->started_at,
        .upstream_us = x->upstream_us,
        .policy_version = text_of(policy_snapshot_version(x->runtime->policy)),
        .run = text_of(w->shared->run),
        .worker = w->index,
        .seq = w->seq + 1,
    };
    if (x->is_decided)
        r.limit_source = text_of(limit_source_name(x->decision.source));
    take_request(x, &r);
    return audit_record_write(w->json, &r, &w->shared->privacy, to);
}

enum audit_decision transcript_outcome(enum http_refusal refusal)
{
    switch (http_refusal_row(refusal)->status) {
    case 429:
        return AUDIT_LIMITED;
    case 401:
    case 403:
        return AUDIT_DENIED;
    case 500:
        return AUDIT_ERROR;
    case 502:
    case 503:
    case 504:
        return AUDIT_UNAVAILABLE;
    default:
        return AUDIT_REJECTED;
    }
}

void transcript_count(struct exchange *x)
{
    struct metrics *m = &x->worker->metrics;
    uint64_t *const counters[] = {
        [AUDIT_FORWARDED] = &m->forwarded,     [AUDIT_REJECTED] = &m->rejected,
        [AUDIT_LIMITED] = &m->limited,         [AUDIT_DENIED] = &m->denied,
        [AUDIT_UNAVAILABLE] = &m->unavailable, [AUDIT_ERROR] = &m->errors,
    };
    (*counters[x->outcome])++;
    if (x->finding_count > x->enforced_count)
        m->shadow_violations++;
    m->duration_us +=
        (uint64_t)(clock_mono(x->worker->shared->clock) - x->started_at);
}
