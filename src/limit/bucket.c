/* SPDX-License-Identifier: Apache-2.0
 *
 * limit/bucket.c - the arithmetic of a token bucket, in integers.
 *
 * A refill of N tokens a period of P seconds is N / P millionths of a token
 * a microsecond, so after `e` microseconds
 *
 *     (e * N + carry) / P    millionths have come, and
 *     (e * N + carry) % P    is carried to the next time.
 *
 * Nothing is ever rounded away: filling up in a thousand steps or in one
 * gives the same level and the same carry. e * N would pass 2^53 (1/d and a
 * week: 6e11, fine; 1000000/s and a month: 2.6e18, not), so e is split into
 * whole periods q, which bring q * N and no remainder, and a rest below P:
 *
 *     q * N    is clamped to what is missing, at most 10^12 (capacity)
 *     rest * N is at most 86400 * 10^8 = 8.64e12
 *
 * all well below 2^53 = 9.007e15. bucket.lua says the same in Lua, line by
 * line; a test compares them over random histories.
 *
 * While the clock runs backwards, filled_at stays: time that was already paid
 * for is not paid twice. A full bucket carries nothing.
 */
#include "limit/bucket.h"

static int64_t period_s(const struct limit_rate *r)
{
    return r->period_us / US_PER_S;
}

bool limit_rate_is_valid(const struct limit_rate *r)
{
    return r->capacity_utok >= 1 &&
           r->capacity_utok <= LIMIT_CAPACITY_MAX * LIMIT_UTOK &&
           r->refill_tokens >= 0 && r->refill_tokens <= LIMIT_REFILL_MAX &&
           r->period_us >= US_PER_S && r->period_us <= LIMIT_PERIOD_MAX_US &&
           r->period_us % US_PER_S == 0;
}

/* The smallest e with (e * refill + carry) / period >= missing. Dividing
 * `missing` first keeps the products small; where the carry is more than
 * the rest needs, one refill is borrowed back from the quotient. */
static int64_t time_for(const struct limit_rate *r, int64_t missing,
                        int64_t carry)
{
    int64_t period = period_s(r);
    int64_t quotient, rest;

    if (missing <= 0)
        return 0;
    if (r->refill_tokens == 0)
        return LIMIT_WAIT_NEVER;
    quotient = missing / r->refill_tokens;
    rest = missing % r->refill_tokens;
    if (quotient + 1 >= (LIMIT_WAIT_LIMIT_US + period - 1) / period)
        return LIMIT_WAIT_NEVER;
    if (rest * period < carry) {
        quotient--;
        rest += r->refill_tokens;
    }
    return quotient * period +
           (rest * period - carry + r->refill_tokens - 1) / r->refill_tokens;
}

int64_t limit_rate_fill_us(const struct limit_rate *r)
{
    return time_for(r, r->capacity_utok, 0);
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

void limit_rate_scale(const struct limit_rate *r, double share,
                      struct limit_rate *out)
{
    int64_t thousandths = share >= 1.0     ? 1000
                          : share <= 0.001 ? 1
                                           : (int64_t)(share * 1000.0 + 0.5);
    int64_t least =
        r->capacity_utok < LIMIT_UTOK ? r->capacity_utok : LIMIT_UTOK;
    int64_t refill = r->refill_tokens * thousandths;
    int64_t period = period_s(r) * 1000;
    int64_t common = gcd(period, refill);

    out->capacity_utok = r->capacity_utok * thousandths / 1000;
    if (out->capacity_utok < least)
        out->capacity_utok = least;
    /* 1/s times 0.25 is 1/4s: a longer period, not a fraction of a token.
     * At most 1e11 tokens in 8.64e7 s: rest * refill is below 2^63. */
    out->refill_tokens = refill / common;
    out->period_us = period / common * US_PER_S;
}

void limit_bucket_init(struct limit_bucket *b, const struct limit_rate *r,
                       mono_us now)
{
    *b = (struct limit_bucket){r->capacity_utok, 0, now};
}

void limit_bucket_resize(struct limit_bucket *b, int64_t largest_utok,
                         const struct limit_rate *r)
{
    if (r->capacity_utok > largest_utok)
        b->level_utok += r->capacity_utok - largest_utok;
}

void limit_bucket_refill(struct limit_bucket *b, const struct limit_rate *r,
                         mono_us now)
{
    int64_t period = period_s(r);
    int64_t elapsed = now - b->filled_at;
    int64_t missing = r->capacity_utok - b->level_utok;

    if (b->carry >= period)
        b->carry = 0; /* left by another period; worth less than 1 _utok */
    if (missing > 0 && elapsed > 0 && r->refill_tokens > 0) {
        int64_t periods = elapsed / period;

        if (periods > missing / r->refill_tokens) {
            b->level_utok = r->capacity_utok;
        } else {
            int64_t part = elapsed % period * r->refill_tokens + b->carry;

            b->level_utok += periods * r->refill_tokens + part / period;
            b->carry = part % period;
        }
    }
    if (b->level_utok >= r->capacity_utok) {
        b->level_utok = r->capacity_utok;
        b->carry = 0;
    }
    if (elapsed > 0)
        b->filled_at = now;
}

int64_t limit_bucket_wait_us(const struct limit_bucket *b,
                             const struct limit_rate *r, int64_t utok,
                             mono_us now)
{
    int64_t wait;

    if (b->level_utok >= utok)
        return 0;
    if (utok > r->capacity_utok)
        return LIMIT_WAIT_NEVER;
    wait = time_for(r, utok - b->level_utok, b->carry);
    /* The clock went back: nothing comes before it has caught up. */
    if (wait != LIMIT_WAIT_NEVER && b->filled_at > now)
        wait += b->filled_at - now;
    return wait >= LIMIT_WAIT_LIMIT_US ? LIMIT_WAIT_NEVER : wait;
}

enum status limit_bucket_take(struct limit_bucket *b,
                              const struct limit_rate *r, int64_t cost_utok,
                              mono_us now, int64_t *wait_us)
{
    limit_bucket_refill(b, r, now);
    if (b->level_utok < cost_utok) {
        *wait_us = limit_bucket_wait_us(b, r, cost_utok, now);
        return STATUS_LIMITED;
    }
    b->level_utok -= cost_utok;
    return STATUS_OK;
}

void limit_bucket_give(struct limit_bucket *b, const struct limit_rate *r,
                       int64_t utok, mono_us now)
{
    limit_bucket_refill(b, r, now);
    b->level_utok += utok;
    if (b->level_utok >= r->capacity_utok) {
        b->level_utok = r->capacity_utok;
        b->carry = 0;
    }
}
