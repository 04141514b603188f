/* SPDX-License-Identifier: Apache-2.0
 *
 * limit/bucket.h - one budget, as a token bucket.
 *
 * Arithmetic only: no clock, no I/O, no allocation. The caller passes `now`,
 * so a test can live through a day in a microsecond. Levels are in millionths
 * of a token (_utok). Refill is kept as tokens a period and the remainder is
 * carried, so that 1/d loses nothing; elapsed time is clamped to the time to
 * fill before it is multiplied, and products stay below 2^53, because the
 * same arithmetic runs in Redis in Lua's doubles (limit/bucket.lua).
 *
 * Rates must satisfy limit_rate_is_valid(); costs are 1 to capacity_utok.
 */
#ifndef LIMIT_BUCKET_H
#define LIMIT_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/status.h"

#define LIMIT_UTOK INT64_C(1000000)         /* one token */
#define LIMIT_CAPACITY_MAX INT64_C(1000000) /* tokens */
#define LIMIT_REFILL_MAX INT64_C(100000000) /* tokens a period */
#define LIMIT_PERIOD_MAX_US (86400 * US_PER_S)
#define LIMIT_WAIT_NEVER INT64_MAX
/* Waits of 2^53 us (285 years) and more count as never: they would not be
 * exact in a double, and nobody can tell. */
#define LIMIT_WAIT_LIMIT_US (INT64_C(1) << 53)

struct limit_rate {
    int64_t capacity_utok; /* burst: 1 to LIMIT_CAPACITY_MAX tokens */
    int64_t refill_tokens; /* tokens a period, 0: never refills */
    int64_t period_us;     /* 1 s, 1 min, 1 h or 1 d */
};

struct limit_bucket {
    int64_t level_utok;
    int64_t carry;     /* remainder of the last refill division, in parts of
                        * a millionth: 1 / (period in seconds) each */
    mono_us filled_at; /* time up to which the level is right */
};

/* Capacity 1 to LIMIT_CAPACITY_MAX tokens, refill 0 to LIMIT_REFILL_MAX, a
 * period of whole seconds up to a day. */
bool limit_rate_is_valid(const struct limit_rate *r);

/* Microseconds from empty to full; LIMIT_WAIT_NEVER without refill. */
int64_t limit_rate_fill_us(const struct limit_rate *r);

/* What `share` of the rate is: capacity and refill times share, exact to a
 * thousandth, at least one token of capacity. `share` is clamped to 0.001 to
 * 1. The result is for buckets of this process only: its period may be
 * longer than a valid rate's, and its products need 63 bits. */
void limit_rate_scale(const struct limit_rate *r, double share,
                      struct limit_rate *out);

/* Start full. Embed it anywhere; it owns nothing and needs no release. */
void limit_bucket_init(struct limit_bucket *b, const struct limit_rate *r,
                       mono_us now);

/* The capacity may have changed since the level was written. Raised above the
 * largest it ever was, the difference is there at once, so that a larger
 * limit helps a bucket that refills slowly or never; lowered, the next refill
 * cuts what is above it.
 *
 * The largest and not the last one: while gateways with an old and a new
 * policy charge the same bucket in turn, or an operator tries two values,
 * each change back would give the difference once more. */
void limit_bucket_resize(struct limit_bucket *b, int64_t largest_utok,
                         const struct limit_rate *r);

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

/* Give back what was taken; the level stops at the capacity. */
void limit_bucket_give(struct limit_bucket *b, const struct limit_rate *r,
                       int64_t utok, mono_us now);

/* For a bucket refilled up to `now`: microseconds until the level is
 * `utok`, exactly: 0 when it is, LIMIT_WAIT_NEVER if it never will be. */
int64_t limit_bucket_wait_us(const struct limit_bucket *b,
                             const struct limit_rate *r, int64_t utok,
                             mono_us now);

#endif
