/* SPDX-License-Identifier: Apache-2.0
 *
 * The arithmetic of a bucket, with an imaginary clock.
 */
#include "limit/bucket.h"

#include <check.h>
#include <stdlib.h>

#include "unit.h"

/* Check notes every ck_assert in a file, which is slow in long loops. */
#define REQUIRE(cond)                                                          \
    do {                                                                       \
        if (!(cond))                                                           \
            ck_abort_msg("%s", #cond);                                         \
    } while (0)

#define DAY_S INT64_C(86400)

static const mono_us start = INT64_C(1700000000000000);

static struct limit_rate rate(int64_t tokens, int64_t refill, int64_t period_s)
{
    return (struct limit_rate){tokens * LIMIT_UTOK, refill,
                               period_s * US_PER_S};
}

static bool take(struct limit_bucket *b, const struct limit_rate *r,
                 int64_t utok, mono_us now)
{
    int64_t wait = -1;
    enum status s = limit_bucket_take(b, r, utok, now, &wait);

    REQUIRE(s == STATUS_OK ? wait == -1 : s == STATUS_LIMITED && wait > 0);
    return s == STATUS_OK;
}

/* xorshift: every run the same. */
static uint64_t seed = 88172645463325252U;
static int64_t below(int64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (int64_t)(seed % (uint64_t)n);
}

static int64_t random_period(void)
{
    static const int64_t periods[] = {1, 60, 3600, DAY_S};

    return periods[below(4)];
}

START_TEST(starts_full_and_allows_the_burst)
{
    struct limit_rate r = rate(3, 1, 1);
    struct limit_bucket b;
    int64_t wait = 0;

    limit_bucket_init(&b, &r, start);
    for (int i = 0; i < 3; i++)
        ck_assert(take(&b, &r, LIMIT_UTOK, start));
    ck_assert_int_eq(limit_bucket_take(&b, &r, LIMIT_UTOK, start, &wait),
                     STATUS_LIMITED);
    ck_assert_int_eq(wait, US_PER_S);
    ck_assert_int_eq(b.level_utok, 0);
}
END_TEST

/* Integer seconds and a rounded rate made 1/d either never or always refill. */
START_TEST(one_a_day_loses_nothing)
{
    struct limit_rate r = rate(1, 1, DAY_S);
    struct limit_bucket b;
    int64_t allowed = 0, wait = 0;

    limit_bucket_init(&b, &r, start);
    ck_assert(take(&b, &r, LIMIT_UTOK, start));
    /* Polled every 7 seconds and 1 microsecond for ten days. */
    for (mono_us t = start; t <= start + 10 * DAY_S * US_PER_S; t += 7000001)
        allowed += take(&b, &r, LIMIT_UTOK, t);
    ck_assert_int_eq(allowed,
                     9); /* each a little late, ten days are not over */

    limit_bucket_init(&b, &r, start);
    ck_assert(take(&b, &r, LIMIT_UTOK, start));
    ck_assert_int_eq(limit_bucket_take(&b, &r, LIMIT_UTOK, start, &wait),
                     STATUS_LIMITED);
    ck_assert_int_eq(wait, DAY_S * US_PER_S);
    ck_assert(!take(&b, &r, LIMIT_UTOK, start + DAY_S * US_PER_S - 1));
    ck_assert(take(&b, &r, LIMIT_UTOK, start + DAY_S * US_PER_S));
}
END_TEST

START_TEST(a_thousand_steps_fill_as_one)
{
    for (int round = 0; round < 500; round++) {
        struct limit_rate r =
            rate(1 + below(LIMIT_CAPACITY_MAX), 1 + below(1 + below(10000)),
                 random_period());
        struct limit_bucket one = {below(r.capacity_utok), 0, start};
        struct limit_bucket many = one;
        int64_t scale = 1 + below(50000000);
        mono_us t = start;

        for (int i = 0; i < 1000; i++) {
            t += below(scale);
            limit_bucket_refill(&many, &r, t);
        }
        limit_bucket_refill(&one, &r, t);
        ck_assert_int_eq(one.level_utok, many.level_utok);
        ck_assert_int_eq(one.carry, many.carry);
    }
}
END_TEST

/* Never above capacity + refill * t; under saturation everything but what
 * the last wait is short of. */
START_TEST(allows_exactly_capacity_and_refill)
{
    for (int round = 0; round < 200; round++) {
        int64_t period = random_period();
        struct limit_rate r = rate(1 + below(50), 1 + below(200), period);
        struct limit_bucket b;
        int64_t cost = r.capacity_utok / 100 + below(r.capacity_utok * 9 / 10);
        int64_t step = 1 + below(period * US_PER_S / 20);
        int64_t spent = 0;
        mono_us t = start;

        limit_bucket_init(&b, &r, start);
        while (take(&b, &r, cost, t))
            spent += cost;
        for (int i = 0; i < 2000; i++) {
            int64_t most;

            t += below(step);
            while (take(&b, &r, cost, t))
                spent += cost;
            most = r.capacity_utok +
                   (int64_t)((__int128)(t - start) * r.refill_tokens / period);
            REQUIRE(spent <= most);
            /* What is not spent is in the bucket, to the last millionth,
             * unless it overflowed, which a saturated one does not. */
            if ((int64_t)((__int128)step * r.refill_tokens / period) + cost <
                r.capacity_utok)
                REQUIRE(spent + b.level_utok == most);
        }
    }
}
END_TEST

START_TEST(wait_is_exact_to_the_microsecond)
{
    for (int round = 0; round < 20000; round++) {
        struct limit_rate r =
            rate(1 + below(1 + below(LIMIT_CAPACITY_MAX)),
                 1 + below(1 + below(LIMIT_REFILL_MAX)), random_period());
        int64_t cost = 1 + below(r.capacity_utok);
        struct limit_bucket b = {below(cost), below(r.period_us / US_PER_S),
                                 start};
        struct limit_bucket early = b, late = b;
        int64_t wait = 0;

        ck_assert_int_eq(limit_bucket_take(&b, &r, cost, start, &wait),
                         STATUS_LIMITED);
        if (wait == LIMIT_WAIT_NEVER) { /* 285 years or more */
            REQUIRE(
                !take(&late, &r, cost,
                      start + LIMIT_WAIT_LIMIT_US - 2 * LIMIT_PERIOD_MAX_US));
            continue;
        }
        REQUIRE(wait > 0);
        REQUIRE(!take(&early, &r, cost, start + wait - 1));
        REQUIRE(take(&late, &r, cost, start + wait));
    }
}
END_TEST

START_TEST(waits_that_no_double_holds_are_never)
{
    struct limit_rate r = rate(LIMIT_CAPACITY_MAX, 1, DAY_S); /* 2738 years */
    struct limit_bucket b = {0, 0, start};
    int64_t wait = 0;

    ck_assert_int_eq(limit_bucket_take(&b, &r, r.capacity_utok, start, &wait),
                     STATUS_LIMITED);
    ck_assert(wait == LIMIT_WAIT_NEVER);
    ck_assert(limit_rate_fill_us(&r) == LIMIT_WAIT_NEVER);
    ck_assert_int_eq(limit_bucket_take(&b, &r, LIMIT_UTOK, start, &wait),
                     STATUS_LIMITED);
    ck_assert_int_eq(wait, DAY_S * US_PER_S);
}
END_TEST

START_TEST(elapsed_is_clamped_at_0)
{
    struct limit_rate r = rate(10, 10, 1);
    struct limit_bucket b = {5 * LIMIT_UTOK, 0, start};
    int64_t wait = 0;

    limit_bucket_refill(&b, &r, start - 3600 * US_PER_S);
    ck_assert_int_eq(b.level_utok, 5 * LIMIT_UTOK);
    ck_assert_int_eq(b.filled_at, start);
    ck_assert(take(&b, &r, 5 * LIMIT_UTOK, start - US_PER_S));
    /* The wait counts the time until the clock has caught up. */
    ck_assert_int_eq(
        limit_bucket_take(&b, &r, LIMIT_UTOK, start - US_PER_S, &wait),
        STATUS_LIMITED);
    ck_assert_int_eq(wait, US_PER_S + 100000);
    ck_assert(!take(&b, &r, LIMIT_UTOK, start - US_PER_S + wait - 1));
    ck_assert(take(&b, &r, LIMIT_UTOK, start - US_PER_S + wait));
}
END_TEST

/* Time that was paid for once is not paid for again. */
START_TEST(a_swinging_clock_gives_nothing_away)
{
    struct limit_rate r = rate(10, 1, 1);
    struct limit_bucket b = {0, 0, start};
    int64_t got = 0;

    for (int i = 0; i < 1000; i++) {
        got += take(&b, &r, LIMIT_UTOK, start + US_PER_S);
        got += take(&b, &r, LIMIT_UTOK, start);
    }
    ck_assert_int_eq(got, 1);
}
END_TEST

START_TEST(remaining_is_clamped_at_0)
{
    struct limit_rate r = rate(2, 1, 1);
    struct limit_bucket b;

    limit_bucket_init(&b, &r, start);
    for (int i = 0; i < 100; i++) {
        take(&b, &r, LIMIT_UTOK * 3 / 2, start + i);
        ck_assert_int_ge(b.level_utok, 0);
    }
}
END_TEST

START_TEST(no_overflow_at_the_bounds)
{
    struct limit_rate r = rate(LIMIT_CAPACITY_MAX, LIMIT_REFILL_MAX, DAY_S);
    struct limit_bucket b = {0, DAY_S - 1, 0};

    ck_assert(limit_rate_is_valid(&r));
    limit_bucket_refill(&b, &r, INT64_MAX);
    ck_assert_int_eq(b.level_utok, r.capacity_utok);
    b = (struct limit_bucket){0, DAY_S - 1, 0};
    limit_bucket_refill(&b, &r, DAY_S - 1);
    ck_assert_int_lt(b.level_utok, LIMIT_REFILL_MAX);

    r = rate(LIMIT_CAPACITY_MAX, 1, DAY_S);
    b = (struct limit_bucket){0, 0, 0};
    limit_bucket_refill(&b, &r, LIMIT_WAIT_LIMIT_US);
    ck_assert_int_eq(b.level_utok, LIMIT_WAIT_LIMIT_US / DAY_S);
}
END_TEST

START_TEST(a_changed_capacity_applies_to_live_buckets)
{
    struct limit_rate large = rate(100, 1, 1), small = rate(10, 1, 1);
    struct limit_bucket b;

    limit_bucket_init(&b, &large, start);
    limit_bucket_refill(&b, &small, start);
    ck_assert_int_eq(b.level_utok, small.capacity_utok);
    /* Grown again, it has what it had, not a new burst. */
    limit_bucket_refill(&b, &large, start);
    ck_assert_int_eq(b.level_utok, small.capacity_utok);
    limit_bucket_refill(&b, &large, start + 90 * US_PER_S);
    ck_assert_int_eq(b.level_utok, large.capacity_utok);
}
END_TEST

START_TEST(a_changed_period_drops_a_carry_that_does_not_fit)
{
    struct limit_rate day = rate(100, 1, DAY_S), second = rate(100, 1, 1);
    struct limit_bucket b = {0, 0, start};

    limit_bucket_refill(&b, &day, start + DAY_S - 1);
    ck_assert_int_eq(b.carry, DAY_S - 1);
    limit_bucket_refill(&b, &second, start + DAY_S);
    ck_assert_int_eq(b.carry, 0);
    ck_assert_int_eq(b.level_utok, 1);
}
END_TEST

START_TEST(without_refill_never)
{
    struct limit_rate r = rate(1, 0, 1);
    struct limit_bucket b;
    int64_t wait = 0;

    limit_bucket_init(&b, &r, start);
    ck_assert(take(&b, &r, LIMIT_UTOK, start));
    ck_assert_int_eq(limit_bucket_take(&b, &r, LIMIT_UTOK,
                                       start + 3650 * DAY_S * US_PER_S, &wait),
                     STATUS_LIMITED);
    ck_assert(wait == LIMIT_WAIT_NEVER);
    ck_assert(limit_rate_fill_us(&r) == LIMIT_WAIT_NEVER);
}
END_TEST

START_TEST(give_stops_at_the_capacity)
{
    struct limit_rate r = rate(5, 1, DAY_S);
    struct limit_bucket b;

    limit_bucket_init(&b, &r, start);
    ck_assert(take(&b, &r, 2 * LIMIT_UTOK, start));
    limit_bucket_give(&b, &r, LIMIT_UTOK, start);
    ck_assert_int_eq(b.level_utok, 4 * LIMIT_UTOK);
    limit_bucket_give(&b, &r, 4 * LIMIT_UTOK, start);
    ck_assert_int_eq(b.level_utok, 5 * LIMIT_UTOK);
}
END_TEST

START_TEST(fill_time_in_microseconds)
{
    struct limit_rate r = rate(30, 1, 1);

    ck_assert_int_eq(limit_rate_fill_us(&r), 30 * US_PER_S);
    r = rate(5000, 5000, DAY_S);
    ck_assert_int_eq(limit_rate_fill_us(&r), DAY_S * US_PER_S);
    r = rate(1, 3, 1); /* rounded up */
    ck_assert_int_eq(limit_rate_fill_us(&r), 333334);
}
END_TEST

START_TEST(bad_rates_are_told_from_good_ones)
{
    static const struct {
        struct limit_rate r;
        bool ok;
    } rows[] = {
        {{LIMIT_UTOK, 1, US_PER_S}, true},
        {{LIMIT_UTOK, 0, US_PER_S}, true},
        {{1, 1, DAY_S * US_PER_S}, true},
        {{0, 1, US_PER_S}, false},
        {{-1, 1, US_PER_S}, false},
        {{LIMIT_CAPACITY_MAX * LIMIT_UTOK, 1, US_PER_S}, true},
        {{LIMIT_CAPACITY_MAX * LIMIT_UTOK + 1, 1, US_PER_S}, false},
        {{LIMIT_UTOK, -1, US_PER_S}, false},
        {{LIMIT_UTOK, LIMIT_REFILL_MAX + 1, US_PER_S}, false},
        {{LIMIT_UTOK, 1, 0}, false},
        {{LIMIT_UTOK, 1, US_PER_S / 2}, false},
        {{LIMIT_UTOK, 1, US_PER_S * 3 / 2}, false},
        {{LIMIT_UTOK, 1, DAY_S * US_PER_S + US_PER_S}, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_msg(limit_rate_is_valid(&rows[i].r) == rows[i].ok, "row %zu",
                      i);
}
END_TEST

START_TEST(a_share_is_exact)
{
    struct limit_rate r = rate(10, 1, 1), part;
    struct limit_bucket b = {0, 0, start};

    limit_rate_scale(&r, 0.25, &part);
    ck_assert_int_eq(part.capacity_utok, 2500000);
    ck_assert_int_eq(limit_rate_fill_us(&part), 10 * US_PER_S);
    limit_bucket_refill(&b, &part, start + 4 * US_PER_S);
    ck_assert_int_eq(b.level_utok, LIMIT_UTOK);

    limit_rate_scale(&r, 1.0, &part);
    ck_assert_int_eq(part.capacity_utok, r.capacity_utok);
    ck_assert_int_eq(limit_rate_fill_us(&part), limit_rate_fill_us(&r));
    /* Out of range means the nearest sensible value; one token stays. */
    limit_rate_scale(&r, 17.0, &part);
    ck_assert_int_eq(part.capacity_utok, r.capacity_utok);
    limit_rate_scale(&r, -1.0, &part);
    ck_assert_int_eq(part.capacity_utok, LIMIT_UTOK);
    ck_assert_int_eq(limit_bucket_wait_us(&(struct limit_bucket){0, 0, start},
                                          &part, LIMIT_UTOK, start),
                     1000 * US_PER_S);
    r = rate(10, 0, 1);
    limit_rate_scale(&r, 0.5, &part);
    ck_assert(limit_rate_fill_us(&part) == LIMIT_WAIT_NEVER);
}
END_TEST

START_TEST(scaled_rates_do_not_overflow)
{
    for (int round = 0; round < 20000; round++) {
        struct limit_rate r =
            rate(1 + below(LIMIT_CAPACITY_MAX), LIMIT_REFILL_MAX - below(1000),
                 random_period());
        struct limit_rate part;
        struct limit_bucket b, early;
        int64_t wait = 0;

        limit_rate_scale(&r, 0.001 * (double)(1 + below(1000)), &part);
        b = (struct limit_bucket){0, below(part.period_us / US_PER_S), start};
        early = b;
        ck_assert_int_eq(
            limit_bucket_take(&b, &part, part.capacity_utok, start, &wait),
            STATUS_LIMITED);
        ck_assert(!take(&early, &part, part.capacity_utok, start + wait - 1));
        ck_assert(take(&b, &part, part.capacity_utok, start + wait));
    }
}
END_TEST

UNIT_MAIN("limit/bucket", starts_full_and_allows_the_burst,
          one_a_day_loses_nothing, a_thousand_steps_fill_as_one,
          allows_exactly_capacity_and_refill, wait_is_exact_to_the_microsecond,
          waits_that_no_double_holds_are_never, elapsed_is_clamped_at_0,
          a_swinging_clock_gives_nothing_away, remaining_is_clamped_at_0,
          no_overflow_at_the_bounds, a_changed_capacity_applies_to_live_buckets,
          a_changed_period_drops_a_carry_that_does_not_fit,
          without_refill_never, give_stops_at_the_capacity,
          fill_time_in_microseconds, bad_rates_are_told_from_good_ones,
          a_share_is_exact, scaled_rates_do_not_overflow)
