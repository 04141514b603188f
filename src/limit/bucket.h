/* SPDX-License-Identifier: Apache-2.0
 *
 * limit/bucket.h - one budget, as a token bucket.
 *
 * Arithmetic only: no clock, no I/O, no allocation. The caller passes `now`,
 * so a test can live through a day in a microsecond. Levels are in millionths
 * of a token (_utok). Refill is kept as tokens a period and the remainder is
 * carried, so that 1/d loses nothing; elapsed time is clamped to the time to
 * fill before it is multiplied, and products stay below 2^53, because the
 * same arithmetic runs in Redis in Lua's doubles.
 */
#ifndef LIMIT_BUCKET_H
#define LIMIT_BUCKET_H

#include <stdint.h>

#include "base/clock.h"
#include "base/status.h"

#define LIMIT_UTOK INT64_C(1000000)        /* one token */
#define LIMIT_CAPACITY_MAX INT64_C(1000000) /* tokens */
#define LIMIT_WAIT_NEVER INT64_MAX

struct limit_rate {
    int64_t capacity_utok; /* burst: 1 to LIMIT_CAPACITY_MAX tokens */
    int64_t refill_tokens; /* tokens a period, 0: never refills */
    int64_t period_us;     /* 1 s, 1 min, 1 h or 1 d */
};

struct limit_bucket {
    int64_t level_utok;
    int64_t carry;     /* remainder of the last refill division */
    mono_us filled_at; /* time up to which the level is right */
};

/* Start full. Embed it anywhere; it owns nothing and needs no release. */
void limit_bucket_init(struct limit_bucket *b, const struct limit_rate *r,
                       mono_us now);

/* Bring the level up to `now` (a `now` before filled_at changes nothing; a
 * smaller capacity takes effect at once). */
void limit_bucket_refill(struct limit_bucket *b, const struct limit_rate *r,
                         mono_us now);

/* Take `cost_utok` or nothing. STATUS_OK, or STATUS_LIMITED with *wait_us (> 0)
 * set to when a retry would succeed (LIMIT_WAIT_NEVER if none would); *wait_us
 * is untouched on STATUS_OK. */
enum status limit_bucket_take(struct limit_bucket *b,
                              const struct limit_rate *r, int64_t cost_utok,
                              mono_us now, int64_t *wait_us) MUST_CHECK;

/* Microseconds from empty to full; LIMIT_WAIT_NEVER without refill. */
int64_t limit_rate_fill_us(const struct limit_rate *r);

#endif
