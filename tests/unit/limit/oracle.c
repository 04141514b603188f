/* SPDX-License-Identifier: Apache-2.0
 *
 * One minute of a simulated clock, many gateways and connections, random
 * refills and costs: each decision is the one that exact arithmetic makes,
 * what is allowed never passes capacity + refill * t, and under saturation
 * hardly anything of that is left.
 *
 * The oracle counts in 1 / period of a millionth, in 128 bits: it needs no
 * carry, no clamp and no care. It watches limiters that share the buckets of
 * a process, and the script in Redis, whose TIME is replaced.
 */
#include <check.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/redis.h"
#include "limit/limit.h"
#include "limit/script.h"
#include "redis_server.h"
#include "unit.h"

#define MINUTE_US (60 * US_PER_S)
#define GATEWAYS 4
#define CONNECTIONS 8 /* a gateway */
#define RUNS 8
#define KEY "p:l:+14155550100"

/* Check notes every ck_assert in a file, which is slow in long loops. */
#define REQUIRE(cond)                                                          \
    do {                                                                       \
        if (!(cond))                                                           \
            ck_abort_msg("%s", #cond);                                         \
    } while (0)

__extension__ typedef __int128 exact;

static mono_us now;

static mono_us simulated(void *arg)
{
    (void)arg;
    return now;
}

/* No wall clock: whoever read it here would crash. */
static const struct clock simulated_clock = {simulated, NULL, NULL};

static uint64_t seed;

static int64_t below(int64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (int64_t)(seed % (uint64_t)n);
}

/* ---- the oracle ---- */

struct oracle {
    struct limit_rate rate;
    exact level; /* _utok times period in seconds */
    mono_us at, began_at;
    exact allowed; /* _utok */
    long decisions, refusals;
};

static exact period_s(const struct oracle *o)
{
    return o->rate.period_us / US_PER_S;
}

static void oracle_begin(struct oracle *o, const struct limit_rate *rate)
{
    *o = (struct oracle){.rate = *rate, .at = now, .began_at = now};
    o->level = rate->capacity_utok * period_s(o);
}

static bool oracle_take(struct oracle *o, int64_t cost_utok)
{
    exact full = o->rate.capacity_utok * period_s(o);

    o->level += (exact)(now - o->at) * o->rate.refill_tokens;
    if (o->level > full)
        o->level = full;
    o->at = now;
    o->decisions++;
    if (o->level < cost_utok * period_s(o)) {
        o->refusals++;
        return false;
    }
    o->level -= cost_utok * period_s(o);
    o->allowed += cost_utok;
    return true;
}

/* capacity + refill * t, in _utok. */
static exact oracle_most(const struct oracle *o)
{
    return o->rate.capacity_utok +
           (exact)(now - o->began_at) * o->rate.refill_tokens / period_s(o);
}

static void oracle_end(const struct oracle *o)
{
    ck_assert(o->allowed <= oracle_most(o));
    ck_assert_msg(o->allowed * 100 >= oracle_most(o) * 99,
                  "%.2f %% of what there was",
                  100.0 * (double)o->allowed / (double)oracle_most(o));
    ck_assert_int_gt(o->refusals, o->decisions / 20); /* it was saturated */
}

/* ---- what is asked ---- */

/* Between a burst a second and a trickle a day, always spent in a minute. */
static struct limit_rate random_rate(void)
{
    static const int64_t periods_s[] = {1, 60, 3600, 86400};
    int64_t period = periods_s[below(4)];
    int64_t capacity = (200 + below(800)) * LIMIT_UTOK;
    int64_t a_second = 50 + below(200); /* tokens */

    return (struct limit_rate){capacity, a_second * period - below(period),
                               period * US_PER_S};
}

/* Costs of up to two tokens, to the millionth. */
static int64_t random_cost(void)
{
    return below(4) ? LIMIT_UTOK : 1 + below(2 * LIMIT_UTOK);
}

/* Up to `most` passes between requests; now and then nothing does. */
static void let_time_pass(int64_t most, mono_us end)
{
    now += below(8) ? below(most) : 0;
    if (now > end)
        now = end;
}

/* ---- limiters that share a process ---- */

struct asked {
    struct oracle *oracle;
    int64_t cost_utok;
};

static int answers;

static void on_decided(void *arg, const struct limit_decision *d)
{
    const struct asked *a = arg;
    bool allowed = d->status == STATUS_OK;

    answers++;
    /* Decided when asked, one after the other, as the oracle is. */
    if (allowed != (a->cost_utok > 0))
        ck_abort_msg("decision %ld is wrong", a->oracle->decisions);
}

START_TEST(a_minute_of_limiters_that_share_a_process)
{
    const struct limit_settings settings = {US_PER_S, LIMIT_FAIL_DENY, 1.0};
    struct event_base *base = event_base_new();
    struct limiter *limiters[GATEWAYS];

    seed = 0x9e3779b97f4a7c15U + 1;
    for (int run = 0; run < RUNS; run++) {
        struct limit_shared *shared = limit_shared_new(100, &simulated_clock);
        struct limit_rate rate = random_rate();
        mono_us end;
        struct oracle o;

        now += 1 + below(1000 * US_PER_S);
        end = now + MINUTE_US;
        oracle_begin(&o, &rate);
        for (int g = 0; g < GATEWAYS; g++)
            ck_assert_int_eq(limiter_new(base, &simulated_clock, shared, NULL,
                                         &settings, &limiters[g]),
                             STATUS_OK);
        while (now < end) {
            struct asked asked[GATEWAYS * CONNECTIONS];
            int count = 1 + (int)below(GATEWAYS * CONNECTIONS);

            let_time_pass(20 * US_PER_MS, end);
            answers = 0;
            for (int i = 0; i < count; i++) {
                struct limit_charge c = {
                    .key = TEXT_LIT(KEY),
                    .tag = TEXT_LIT("+14155550100"),
                    .rate = rate,
                    .cost_utok = random_cost(),
                };
                struct limit_call *call;

                /* 0 stands for a refusal that is expected. */
                asked[i] = (struct asked){
                    &o, oracle_take(&o, c.cost_utok) ? c.cost_utok : 0};
                REQUIRE(limit_decide(limiters[below(GATEWAYS)], &c, 1,
                                     on_decided, &asked[i],
                                     &call) == STATUS_OK);
            }
            while (answers < count)
                event_base_loop(base, EVLOOP_ONCE);
        }
        oracle_end(&o);
        for (int g = 0; g < GATEWAYS; g++)
            limiter_free(limiters[g]);
        limit_shared_free(shared);
    }
    event_base_free(base);
}
END_TEST

/* ---- the script ---- */

static struct event_base *base;
static struct redis *redis;
static struct redis_server server;

/* The script with the last argument for its clock. */
static char *script_with_a_clock(void)
{
    static const char clock[] = "redis.call('TIME')";
    static const char ours[] = "{ARGV[#ARGV - 1], ARGV[#ARGV]}";
    const char *at = strstr(limit_script_decide, clock);
    size_t size = strlen(limit_script_bucket) + strlen(limit_script_decide) +
                  sizeof(ours);
    char *script = malloc(size);

    ck_assert(at != NULL && script != NULL);
    ck_assert_ptr_null(strstr(at + 1, clock)); /* it is asked once */
    snprintf(script, size, "%s%.*s%s%s", limit_script_bucket,
             (int)(at - limit_script_decide), limit_script_decide, ours,
             at + strlen(clock));
    return script;
}

struct question {
    int answered;
    bool allowed;
};

static void on_answer(void *arg, const struct redis_result *result)
{
    struct question *q = arg;
    const struct redis_reply *r = result->reply;

    REQUIRE(result->status == STATUS_OK);
    if (redis_reply_kind(r) != REDIS_ARRAY)
        ck_abort_msg("%.*s", TEXT_ARG(redis_reply_text(r)));
    q->allowed = redis_reply_integer(redis_reply_at(r, 0)) == 1;
    q->answered = 1;
}

static void ask(const char *script, const struct limit_rate *rate,
                int64_t cost_utok, struct question *q)
{
    char numbers[6][24];
    struct text argv[12];
    size_t n = 0;
    const int64_t values[] = {
        rate->capacity_utok, rate->refill_tokens, rate->period_us / US_PER_S,
        cost_utok,           now / US_PER_S,      now % US_PER_S};

    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        snprintf(numbers[i], sizeof(numbers[i]), "%" PRId64, values[i]);
    argv[n++] = TEXT_LIT("EVAL");
    argv[n++] = text_of(script);
    argv[n++] = TEXT_LIT("1");
    argv[n++] = TEXT_LIT("chatgate:{+14155550100}:p:l:");
    argv[n++] = TEXT_LIT("take");
    for (size_t i = 0; i < 4; i++)
        argv[n++] = text_of(numbers[i]);
    argv[n++] = TEXT_LIT("0");
    argv[n++] = text_of(numbers[4]);
    argv[n++] = text_of(numbers[5]);
    q->answered = 0;
    REQUIRE(redis_command(redis, 0, 20 * US_PER_S, n, argv, on_answer, q) ==
            STATUS_OK);
}

START_TEST(a_minute_of_the_script)
{
    char *script = script_with_a_clock();
    struct redis_options o;
    char out[64];

    seed = 0x2545f4914f6cdd1dU;
    signal(SIGPIPE, SIG_IGN);
    base = event_base_new();
    redis_server_start(&server, false, NULL);
    redis_options_default(&o);
    o.path = server.path;
    ck_assert_int_eq(redis_new(base, clock_system(), &o, &redis), STATUS_OK);
    now = INT64_C(1700000000000000);
    for (int run = 0; run < RUNS / 4; run++) {
        struct limit_rate rate = random_rate();
        mono_us end = now + MINUTE_US;
        struct oracle oracle;

        redis_server_ask(&server, "FLUSHALL", out, sizeof(out));
        oracle_begin(&oracle, &rate);
        while (now < end) {
            struct question questions[GATEWAYS * CONNECTIONS];
            bool expected[GATEWAYS * CONNECTIONS];
            int count = GATEWAYS * CONNECTIONS / 2 +
                        (int)below(GATEWAYS * CONNECTIONS / 2);

            let_time_pass(100 * US_PER_MS, end);
            for (int i = 0; i < count; i++) {
                int64_t cost = random_cost();

                expected[i] = oracle_take(&oracle, cost);
                ask(script, &rate, cost, &questions[i]);
            }
            REQUIRE(run_until(base, &questions[count - 1].answered, 1, 20));
            for (int i = 0; i < count; i++)
                if (questions[i].allowed != expected[i])
                    ck_abort_msg("run %d: a decision is wrong", run);
        }
        oracle_end(&oracle);
    }
    redis_free(redis);
    event_base_free(base);
    redis_server_remove(&server);
    free(script);
}
END_TEST

UNIT_MAIN("limit/oracle", a_minute_of_limiters_that_share_a_process,
          a_minute_of_the_script)
