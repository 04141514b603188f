/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/exchange_state.h"
#include "unit.h"

#define NEVER                                                                  \
    {                                                                          \
        10 * LIMIT_UTOK, 0, US_PER_S                                           \
    }
#define ONE_A_SECOND                                                           \
    {                                                                          \
        30 * LIMIT_UTOK, 1, US_PER_S                                           \
    }
#define DAILY                                                                  \
    {                                                                          \
        5000 * LIMIT_UTOK, 5000, 86400 * US_PER_S                              \
    }

struct fixture {
    struct exchange x;
    struct worker worker;
    struct policy_charge charges[LIMIT_CHARGES_MAX];
    struct limit_charge asked[LIMIT_CHARGES_MAX];
};

static void setup(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    arena_init(&f->x.arena, EXCHANGE_ARENA_MAX);
    buffer_init(&f->worker.scratch, 4096);
    f->x.worker = &f->worker;
    f->x.charges = f->charges;
    f->x.asked = f->asked;
    f->x.is_decided = true;
}

static void teardown(struct fixture *f)
{
    arena_release(&f->x.arena);
    buffer_release(&f->worker.scratch);
}

static void add(struct fixture *f, const char *name, struct limit_rate rate,
                struct limit_verdict verdict)
{
    size_t i = f->x.decision.count++;
    f->charges[i] = (struct policy_charge){.policy = "p", .limit = name};
    f->asked[i] = (struct limit_charge){.rate = rate, .cost_utok = LIMIT_UTOK};
    f->x.decision.verdicts[i] = verdict;
}

static void expect(struct fixture *f, const char *policy, const char *limit,
                   int64_t retry_after_us)
{
    struct ratelimit_fields fields;
    ratelimit_format(&f->x, &fields);
    ck_assert_msg(text_equal(fields.policy, text_of(policy)), "got %.*s",
                  TEXT_ARG(fields.policy));
    ck_assert_msg(text_equal(fields.limit, text_of(limit)), "got %.*s",
                  TEXT_ARG(fields.limit));
    ck_assert_int_eq(fields.retry_after_us, retry_after_us);
    teardown(f);
}

START_TEST(nothing_decided_says_nothing)
{
    struct fixture f;
    struct ratelimit_fields fields;
    setup(&f);
    f.x.is_decided = false;
    ratelimit_format(&f.x, &fields);
    ck_assert(text_is_absent(fields.policy) && text_is_absent(fields.limit));
    teardown(&f);
}
END_TEST

START_TEST(undecided_while_redis_is_away_says_nothing)
{
    struct fixture f;
    struct ratelimit_fields fields;
    setup(&f);
    f.x.decision.source = LIMIT_OPEN;
    ratelimit_format(&f.x, &fields);
    ck_assert(text_is_absent(fields.policy) && text_is_absent(fields.limit));
    teardown(&f);
}
END_TEST

START_TEST(one_limit_with_tokens_left)
{
    struct fixture f;
    setup(&f);
    add(&f, "burst", (struct limit_rate)ONE_A_SECOND,
        (struct limit_verdict){true, true, 12 * LIMIT_UTOK + 999999, 0, false});
    expect(&f, "\"burst\";q=30;w=30", "\"burst\";r=12;t=12", 0);
}
END_TEST

START_TEST(an_empty_allowed_bucket_still_says_one_second)
{
    struct fixture f;
    setup(&f);
    add(&f, "burst", (struct limit_rate)ONE_A_SECOND,
        (struct limit_verdict){true, true, 0, 0, false});
    expect(&f, "\"burst\";q=30;w=30", "\"burst\";r=0;t=1", 0);
}
END_TEST

START_TEST(a_limit_that_never_refills_has_no_window)
{
    struct fixture f;
    setup(&f);
    add(&f, "gift", (struct limit_rate)NEVER,
        (struct limit_verdict){false, true, 0, LIMIT_WAIT_NEVER, false});
    expect(&f, "\"gift\";q=10", "\"gift\";r=0;t=86400", 86400 * US_PER_S);
}
END_TEST

/* Three tokens at one a day: whoever came back after one day would be
 * refused again. */
START_TEST(a_wait_of_days_is_told_as_it_is)
{
    struct fixture f;
    setup(&f);
    add(&f, "slow", (struct limit_rate){3 * LIMIT_UTOK, 1, 86400 * US_PER_S},
        (struct limit_verdict){false, true, 0, 3 * 86400 * US_PER_S - 1,
                               false});
    expect(&f, "\"slow\";q=3;w=259200", "\"slow\";r=0;t=259200",
           3 * 86400 * US_PER_S - 1);
}
END_TEST

START_TEST(the_one_closest_to_refusing_is_named)
{
    struct fixture f;
    setup(&f);
    add(&f, "burst", (struct limit_rate)ONE_A_SECOND,
        (struct limit_verdict){true, true, 20 * LIMIT_UTOK, 0, false});
    add(&f, "day", (struct limit_rate)DAILY,
        (struct limit_verdict){true, true, 3 * LIMIT_UTOK, 0, false});
    expect(&f, "\"burst\";q=30;w=30, \"day\";q=5000;w=86400",
           "\"day\";r=3;t=52", 0);
}
END_TEST

START_TEST(a_refusal_is_closer_than_any_remainder)
{
    struct fixture f;
    setup(&f);
    add(&f, "burst", (struct limit_rate)ONE_A_SECOND,
        (struct limit_verdict){true, true, 0, 0, false});
    add(&f, "day", (struct limit_rate)DAILY,
        (struct limit_verdict){false, true, 400000, 10368000, false});
    expect(&f, "\"burst\";q=30;w=30, \"day\";q=5000;w=86400",
           "\"day\";r=0;t=11", 10368000);
}
END_TEST

/* Whoever comes back when the first of two lets it through is refused by the
 * second. */
START_TEST(of_several_refusals_the_longest_wait_counts)
{
    struct fixture f;
    setup(&f);
    add(&f, "burst", (struct limit_rate)ONE_A_SECOND,
        (struct limit_verdict){false, true, 0, 700000, false});
    add(&f, "day", (struct limit_rate)DAILY,
        (struct limit_verdict){false, true, 400000, 10368000, false});
    ck_assert_uint_eq(ratelimit_closest(&f.x), 1);
    expect(&f, "\"burst\";q=30;w=30, \"day\";q=5000;w=86400",
           "\"day\";r=0;t=11", 10368000);
}
END_TEST

START_TEST(a_shadow_limit_is_never_shown)
{
    struct fixture f;
    setup(&f);
    add(&f, "burst", (struct limit_rate)ONE_A_SECOND,
        (struct limit_verdict){true, true, 20 * LIMIT_UTOK, 0, false});
    add(&f, "trial", (struct limit_rate)NEVER,
        (struct limit_verdict){false, true, 0, LIMIT_WAIT_NEVER, false});
    f.charges[1].is_shadow = true;
    expect(&f, "\"burst\";q=30;w=30", "\"burst\";r=20;t=20", 0);
}
END_TEST

UNIT_MAIN("ratelimit", nothing_decided_says_nothing,
          undecided_while_redis_is_away_says_nothing,
          one_limit_with_tokens_left,
          an_empty_allowed_bucket_still_says_one_second,
          a_limit_that_never_refills_has_no_window,
          a_wait_of_days_is_told_as_it_is, the_one_closest_to_refusing_is_named,
          a_refusal_is_closer_than_any_remainder,
          of_several_refusals_the_longest_wait_counts,
          a_shadow_limit_is_never_shown)
