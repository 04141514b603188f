/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/ratelimit.c - the decision as RateLimit fields.
 *
 * draft-ietf-httpapi-ratelimit-headers-11, written as structured fields (RFC
 * 9651): RateLimit-Policy lists every enforced limit that applied, RateLimit
 * the one closest to refusing. No partition key is sent: it would show whose
 * number was charged.
 */
#include "gateway/exchange_state.h"

/* What a wait is called when no waiting helps: come back tomorrow. */
#define NEVER_S 86400

static int64_t ceil_div(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

/* Seconds in which `tokens` come back; products stay below 2^63: capacities
 * end at a million tokens and periods at a day. */
static int64_t refill_seconds(const struct limit_rate *r, int64_t tokens)
{
    if (r->refill_tokens == 0)
        return NEVER_S;
    return ceil_div(ceil_div(tokens * r->period_us, r->refill_tokens),
                    US_PER_S);
}

int64_t ratelimit_wait_us(const struct limit_verdict *v)
{
    return v->wait_us == LIMIT_WAIT_NEVER ? NEVER_S * US_PER_S : v->wait_us;
}

static int64_t reset_seconds(const struct limit_rate *r,
                             const struct limit_verdict *v)
{
    int64_t seconds = v->allowed
                          ? refill_seconds(r, v->remaining_utok / LIMIT_UTOK)
                          : ceil_div(ratelimit_wait_us(v), US_PER_S);
    return seconds < 1 ? 1 : seconds;
}

/* Is `a` closer to refusing than `b`? A refusal is closer than none, a longer
 * wait than a shorter one, fewer requests left than more. */
static bool is_closer(const struct exchange *x, size_t a, size_t b)
{
    const struct limit_verdict *va = &x->decision.verdicts[a];
    const struct limit_verdict *vb = &x->decision.verdicts[b];
    if (va->allowed != vb->allowed)
        return !va->allowed;
    if (!va->allowed)
        return ratelimit_wait_us(va) > ratelimit_wait_us(vb);
    return va->remaining_utok / x->asked[a].cost_utok <
           vb->remaining_utok / x->asked[b].cost_utok;
}

/* Written by hand: through printf() the two fields took a tenth of what
 * chatgate itself does for a request. */
static void put_number(struct buffer *b, const char *name, int64_t n,
                       enum status *s)
{
    if (*s == STATUS_OK)
        *s = buffer_append_str(b, name);
    if (*s == STATUS_OK)
        *s = buffer_append_u64(b, (uint64_t)n);
}

static void put_name(struct buffer *b, const char *name, enum status *s)
{
    if (*s == STATUS_OK)
        *s = buffer_append_str(b, "\"");
    if (*s == STATUS_OK)
        *s = buffer_append_str(b, name);
    if (*s == STATUS_OK)
        *s = buffer_append_str(b, "\"");
}

static void put_policy(struct buffer *b, const struct exchange *x, size_t i,
                       enum status *s)
{
    const struct limit_rate *r = &x->asked[i].rate;
    int64_t capacity = r->capacity_utok / LIMIT_UTOK;
    if (b->len > 0 && *s == STATUS_OK)
        *s = buffer_append_str(b, ", ");
    put_name(b, x->charges[i].limit, s);
    put_number(b, ";q=", capacity, s);
    if (r->refill_tokens > 0)
        put_number(b, ";w=", refill_seconds(r, capacity), s);
}

static struct text taken(struct exchange *x, struct buffer *b, enum status s)
{
    struct text out = {NULL, 0};
    if (s == STATUS_OK)
        out = arena_text(&x->arena, buffer_text(b));
    buffer_clear(b);
    return out;
}

size_t ratelimit_closest(const struct exchange *x)
{
    size_t closest = SIZE_MAX;
    for (size_t i = 0; x->is_decided && i < x->decision.count; i++)
        if (!x->charges[i].is_shadow &&
            (closest == SIZE_MAX || is_closer(x, i, closest)))
            closest = i;
    return closest;
}

void ratelimit_format(struct exchange *x, struct ratelimit_fields *out)
{
    struct buffer *b = &x->worker->scratch;
    enum status s = STATUS_OK;
    size_t closest = ratelimit_closest(x);
    *out = (struct ratelimit_fields){{NULL, 0}, {NULL, 0}, 0};
    if (closest == SIZE_MAX)
        return;
    buffer_clear(b);
    for (size_t i = 0; i < x->decision.count; i++)
        if (!x->charges[i].is_shadow)
            put_policy(b, x, i, &s);
    out->policy = taken(x, b, s);
    const struct limit_verdict *v = &x->decision.verdicts[closest];
    put_name(b, x->charges[closest].limit, &s);
    put_number(b, ";r=", v->remaining_utok / LIMIT_UTOK, &s);
    put_number(b, ";t=", reset_seconds(&x->asked[closest].rate, v), &s);
    out->limit = taken(x, b, s);
    if (!v->allowed)
        out->retry_after_us = ratelimit_wait_us(v);
}
