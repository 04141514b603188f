/* SPDX-License-Identifier: Apache-2.0
 *
 * The script beside the C that it must equal: its arithmetic, with times
 * given, over random histories; its decisions, over random requests.
 */
#include "limit/script.h"

#include <check.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/redis.h"
#include "limit/limit.h"
#include "redis_server.h"
#include "unit.h"

#define WAIT_S 20.0
#define HISTORIES 100
#define STEPS 100
#define ARGS_A_STEP 6
#define RESULTS_A_STEP 5

static struct event_base *base;
static struct redis *redis;
static struct redis_server server;

static void open_redis(void)
{
    struct redis_options o;

    signal(SIGPIPE, SIG_IGN);
    base = event_base_new();
    redis_server_start(&server, false, NULL);
    redis_options_default(&o);
    o.path = server.path;
    ck_assert_int_eq(redis_new(base, clock_system(), &o, &redis), STATUS_OK);
}

static void close_redis(void)
{
    redis_free(redis);
    event_base_free(base);
    redis_server_remove(&server);
}

static uint64_t seed;

static int64_t below(int64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (int64_t)(seed % (uint64_t)n);
}

/* What the clock of a bucket does: rests, creeps, leaps, goes back. */
static mono_us later(mono_us t, const struct limit_rate *r)
{
    switch (below(6)) {
    case 0:
        return t;
    case 1:
        return t + below(1000);
    case 2:
        return t + below(1 + r->period_us);
    case 3:
        return t + below(INT64_C(1000000000000));
    case 4:
        return t - below(10 * US_PER_S);
    default:
        return t + below(US_PER_S);
    }
}

static struct limit_rate random_rate(void)
{
    static const int64_t periods[] = {1, 60, 3600, 86400};
    int64_t refills[] = {0, 1, 1 + below(100), 1 + below(LIMIT_REFILL_MAX),
                         LIMIT_REFILL_MAX};
    int64_t capacities[] = {1 + below(100), 1 + below(LIMIT_CAPACITY_MAX),
                            LIMIT_CAPACITY_MAX};

    return (struct limit_rate){capacities[below(3)] * LIMIT_UTOK,
                               refills[below(5)], periods[below(4)] * US_PER_S};
}

struct step {
    struct limit_rate rate;
    int64_t cost_utok;
    mono_us now;
    bool is_new;
};

static void make_history(struct step *steps)
{
    struct limit_rate rate = random_rate();
    mono_us now = INT64_C(1700000000000000) + below(INT64_C(1000000000000));

    for (int i = 0; i < STEPS; i++) {
        if (below(20) == 0)
            rate = random_rate();
        now = later(now, &rate);
        steps[i] = (struct step){
            rate,
            below(2) ? LIMIT_UTOK : 1 + below(rate.capacity_utok),
            now,
            i == 0,
        };
    }
}

/* level, carry, filled_at, wait (-1: never), allowed */
static void run_in_c(const struct step *steps, int64_t *results)
{
    struct limit_bucket b = {0, 0, 0};
    int64_t largest = 0;

    for (int i = 0; i < STEPS; i++, results += RESULTS_A_STEP) {
        const struct step *s = &steps[i];

        if (s->is_new) {
            limit_bucket_init(&b, &s->rate, s->now);
            largest = s->rate.capacity_utok;
        }
        limit_bucket_resize(&b, largest, &s->rate);
        if (largest < s->rate.capacity_utok)
            largest = s->rate.capacity_utok;
        results[3] = 0;
        results[4] = limit_bucket_take(&b, &s->rate, s->cost_utok, s->now,
                                       &results[3]) == STATUS_OK;
        if (results[3] == LIMIT_WAIT_NEVER)
            results[3] = -1;
        results[0] = b.level_utok;
        results[1] = b.carry;
        results[2] = b.filled_at;
    }
}

static const char lua_history[] =
    "local level, carry, filled_at, largest\n"
    "local out = {}\n"
    "for i = 1, #ARGV, 6 do\n"
    "  local capacity = tonumber(ARGV[i])\n"
    "  local refill = tonumber(ARGV[i + 1])\n"
    "  local period = tonumber(ARGV[i + 2])\n"
    "  local cost = tonumber(ARGV[i + 3])\n"
    "  local now = tonumber(ARGV[i + 4])\n"
    "  if ARGV[i + 5] == '1' then\n"
    "    level, carry, filled_at, largest = capacity, 0, now, capacity\n"
    "  end\n"
    "  level, largest = resized(level, largest, capacity)\n"
    "  level, carry, filled_at =\n"
    "    refilled(level, carry, filled_at, capacity, refill, period, now)\n"
    "  local wait = wait_for(cost, level, carry, filled_at, capacity, refill,\n"
    "    period, now)\n"
    "  if wait == 0 then level = level - cost end\n"
    "  for _, n in ipairs({level, carry, filled_at, wait,\n"
    "      wait == 0 and 1 or 0}) do\n"
    "    out[#out + 1] = n\n"
    "  end\n"
    "end\n"
    "return out\n";

struct expected {
    const struct step *steps;
    const int64_t *results;
    int done;
};

static void on_history(void *arg, const struct redis_result *result)
{
    struct expected *e = arg;
    const struct redis_reply *r = result->reply;

    e->done = 1;
    ck_assert_int_eq(result->status, STATUS_OK);
    ck_assert_msg(redis_reply_kind(r) == REDIS_ARRAY, "%.*s",
                  TEXT_ARG(redis_reply_text(r)));
    ck_assert_uint_eq(redis_reply_count(r), STEPS * RESULTS_A_STEP);
    for (size_t i = 0; i < STEPS * RESULTS_A_STEP; i++) {
        int64_t got = redis_reply_integer(redis_reply_at(r, i));
        const struct step *s = &e->steps[i / RESULTS_A_STEP];

        if (got != e->results[i])
            ck_abort_msg("step %zu, result %zu: C %" PRId64 ", Lua %" PRId64
                         " (capacity %" PRId64 " refill %" PRId64
                         " period %" PRId64 " cost %" PRId64 " now %" PRId64
                         ")",
                         i / RESULTS_A_STEP, i % RESULTS_A_STEP, e->results[i],
                         got, s->rate.capacity_utok, s->rate.refill_tokens,
                         s->rate.period_us, s->cost_utok, s->now);
    }
}

START_TEST(the_arithmetic_equals_bucket_c)
{
    static struct step steps[STEPS];
    static int64_t results[STEPS * RESULTS_A_STEP];
    static char digits[STEPS * ARGS_A_STEP][24];
    static struct text argv[3 + STEPS * ARGS_A_STEP];
    char script[16384];

    seed = 0x9e3779b97f4a7c15U;
    snprintf(script, sizeof(script), "%s%s", limit_script_bucket, lua_history);
    open_redis();
    for (int h = 0; h < HISTORIES; h++) {
        struct expected e = {steps, results, 0};
        size_t n = 0;

        make_history(steps);
        run_in_c(steps, results);
        argv[n++] = TEXT_LIT("EVAL");
        argv[n++] = text_of(script);
        argv[n++] = TEXT_LIT("0");
        for (size_t i = 0; i < STEPS; i++) {
            const int64_t numbers[ARGS_A_STEP] = {
                steps[i].rate.capacity_utok,
                steps[i].rate.refill_tokens,
                steps[i].rate.period_us / US_PER_S,
                steps[i].cost_utok,
                steps[i].now,
                steps[i].is_new,
            };

            for (size_t j = 0; j < ARGS_A_STEP; j++) {
                char *at = digits[i * ARGS_A_STEP + j];

                snprintf(at, sizeof(digits[0]), "%" PRId64, numbers[j]);
                argv[n++] = text_of(at);
            }
        }
        ck_assert_int_eq(redis_command(redis, 0, (int64_t)WAIT_S * US_PER_S, n,
                                       argv, on_history, &e),
                         STATUS_OK);
        ck_assert(run_until(base, &e.done, 1, WAIT_S));
    }
    close_redis();
}
END_TEST

static struct limit_decision last;

static void on_decision(void *arg, const struct limit_decision *d)
{
    int *flag = arg;

    last = *d;
    ++*flag;
}

static void check_same(const struct limit_decision *a,
                       const struct limit_decision *b, int round)
{
    ck_assert_msg(a->status == b->status, "round %d: %s %s", round,
                  status_name(a->status), status_name(b->status));
    for (size_t i = 0; i < a->count; i++)
        ck_assert_msg(a->verdicts[i].allowed == b->verdicts[i].allowed &&
                          a->verdicts[i].remaining_utok ==
                              b->verdicts[i].remaining_utok &&
                          a->verdicts[i].wait_us == b->verdicts[i].wait_us,
                      "round %d, charge %zu", round, i);
}

static void decide(struct limiter *l, bool is_peek,
                   const struct limit_charge *charges, size_t count)
{
    struct limit_call *call;
    int done = 0;

    ck_assert_int_eq((is_peek ? limit_peek : limit_decide)(
                         l, charges, count, on_decision, &done, &call),
                     STATUS_OK);
    ck_assert(run_until(base, &done, 1, WAIT_S));
}

/* Buckets that never refill are decided alike whatever the time is. */
START_TEST(decisions_equal_the_memory_store)
{
    static const char *const keys[] = {"p:a:+1415", "p:b:+1415", "p:c:+1415",
                                       "p:d:"};
    const struct limit_settings settings = {5 * US_PER_S, LIMIT_FAIL_DENY, 1.0};
    struct limit_shared *shared;
    struct limiter *there, *here;
    int64_t capacity[] = {5, 20, 100, 50};

    seed = 0x2545f4914f6cdd1dU;
    open_redis();
    shared = limit_shared_new(100, clock_system());
    ck_assert_int_eq(
        limiter_new(base, clock_system(), shared, redis, &settings, &there),
        STATUS_OK);
    ck_assert_int_eq(
        limiter_new(base, clock_system(), shared, NULL, &settings, &here),
        STATUS_OK);
    for (int round = 0; round < 3000; round++) {
        struct limit_charge c[4];
        struct limit_decision in_redis;
        size_t count = 0;
        bool is_peek = below(4) == 0;

        if (below(100) == 0)
            capacity[below(4)] = 1 + below(100);
        for (size_t i = 0; i < 4; i++) {
            if (below(2) && !(i == 3 && count == 0))
                continue;
            c[count++] = (struct limit_charge){
                .key = text_of(keys[i]),
                .tag = TEXT_LIT("+1415"),
                .rate = {capacity[i] * LIMIT_UTOK, 0, US_PER_S},
                .cost_utok = 1 + below(capacity[i] * LIMIT_UTOK / 4),
                .is_shadow = i == 1,
            };
        }
        decide(there, is_peek, c, count);
        in_redis = last;
        decide(here, is_peek, c, count);
        check_same(&in_redis, &last, round);
        if (in_redis.status == STATUS_OK && !is_peek && below(3)) {
            limit_refund(there, c, &in_redis);
            limit_refund(here, c, &last);
        }
        /* Denials are not to be remembered here. */
        limiter_configure(there, &settings);
    }
    limiter_free(there);
    limiter_free(here);
    limit_shared_free(shared);
    close_redis();
}
END_TEST

START_TEST(lua_5_1_without_extras)
{
    static const char *const extras[] = {"struct.", "cjson", "cmsgpack", "bit.",
                                         "goto",    "//",    "redis.log"};

    for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++) {
        ck_assert_ptr_null(strstr(limit_script_bucket, extras[i]));
        ck_assert_ptr_null(strstr(limit_script_decide, extras[i]));
    }
}
END_TEST

UNIT_MAIN("limit/script", the_arithmetic_equals_bucket_c,
          decisions_equal_the_memory_store, lua_5_1_without_extras)
