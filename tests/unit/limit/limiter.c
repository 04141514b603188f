/* SPDX-License-Identifier: Apache-2.0
 *
 * The limiter without Redis, and what it does with Redis' answers; the
 * failures of a real server are in redis_failures.c.
 */
#include "limit/limit.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/redis.h"
#include "redis_server.h"
#include "unit.h"

#define WAIT_S 10.0

static struct event_base *base;
static struct limit_shared *shared;
static struct redis *redis;
static struct limiter *limiter;
static struct redis_server server;

static struct {
    int done;
    int ok;
    struct limit_decision last;
} seen;

static void on_done(void *arg, const struct limit_decision *d)
{
    int *flag = arg;

    seen.done++;
    seen.ok += d->status == STATUS_OK;
    seen.last = *d;
    if (flag != NULL)
        ++*flag;
}

static struct limit_settings settings(void)
{
    return (struct limit_settings){
        .timeout_us = 5 * US_PER_S, /* long: a busy machine is no failure */
        .on_failure = LIMIT_FAIL_LOCAL,
        .local_share = 1.0,
    };
}

static void open_limiter(bool with_redis)
{
    struct limit_settings s = settings();

    signal(SIGPIPE, SIG_IGN);
    memset(&seen, 0, sizeof(seen));
    base = event_base_new();
    shared = limit_shared_new(1000, clock_system());
    redis = NULL;
    if (with_redis) {
        struct redis_options o;

        redis_server_start(&server, false, NULL);
        redis_options_default(&o);
        o.path = server.path;
        ck_assert_int_eq(redis_new(base, clock_system(), &o, &redis),
                         STATUS_OK);
    }
    ck_assert_int_eq(
        limiter_new(base, clock_system(), shared, redis, &s, &limiter),
        STATUS_OK);
}

static void close_limiter(void)
{
    limiter_free(limiter);
    if (redis != NULL) {
        redis_free(redis);
        redis_server_remove(&server);
    }
    limit_shared_free(shared);
    event_base_free(base);
}

static struct limit_charge charge(const char *key, int64_t tokens,
                                  int64_t refill, int64_t period_s)
{
    return (struct limit_charge){
        .key = text_of(key),
        .tag = text_of("+14155550100"),
        .rate = {tokens * LIMIT_UTOK, refill, period_s * US_PER_S},
        .cost_utok = LIMIT_UTOK,
    };
}

static enum status decide(const struct limit_charge *c, size_t count)
{
    struct limit_call *call = NULL;
    int before = seen.done;

    ck_assert_int_eq(limit_decide(limiter, c, count, on_done, NULL, &call),
                     STATUS_OK);
    ck_assert_ptr_nonnull(call);
    ck_assert_int_eq(seen.done, before); /* never before it returns */
    ck_assert(run_until(base, &seen.done, before + 1, WAIT_S));
    return seen.last.status;
}

static enum status peek(const struct limit_charge *c, size_t count)
{
    struct limit_call *call = NULL;
    int before = seen.done;

    ck_assert_int_eq(limit_peek(limiter, c, count, on_done, NULL, &call),
                     STATUS_OK);
    ck_assert(run_until(base, &seen.done, before + 1, WAIT_S));
    return seen.last.status;
}

static struct limit_counters counters(void)
{
    struct limit_counters c;

    limiter_counters(limiter, &c);
    return c;
}

START_TEST(decides_in_this_process_without_redis)
{
    struct limit_charge c = charge("p:l:x", 2, 0, 1);

    open_limiter(false);
    ck_assert_int_eq(decide(&c, 1), STATUS_OK);
    ck_assert_int_eq(seen.last.source, LIMIT_LOCAL);
    ck_assert_uint_eq(seen.last.count, 1);
    ck_assert_int_eq(decide(&c, 1), STATUS_OK);
    ck_assert_int_eq(decide(&c, 1), STATUS_LIMITED);
    ck_assert(seen.last.verdicts[0].wait_us == LIMIT_WAIT_NEVER);
    ck_assert_uint_eq(counters().by_local, 3);
    ck_assert_uint_eq(counters().denied, 1);
    close_limiter();
}
END_TEST

START_TEST(many_decisions_of_one_turn)
{
    struct limit_charge c = charge("p:l:x", 500, 0, 1);
    struct limit_call *call;

    open_limiter(false);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(limit_decide(limiter, &c, 1, on_done, NULL, &call),
                         STATUS_OK);
    ck_assert_int_eq(seen.done, 0);
    event_base_loop(base, EVLOOP_NONBLOCK);
    ck_assert_int_eq(seen.done, 1000);
    ck_assert_int_eq(seen.ok, 500);
    close_limiter();
}
END_TEST

START_TEST(charges_that_make_no_sense_are_refused)
{
    struct limit_charge c[LIMIT_CHARGES_MAX + 1];
    struct limit_call *call;
    char keys[LIMIT_CHARGES_MAX + 1][8];

    open_limiter(false);
    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        snprintf(keys[i], sizeof(keys[i]), "k%zu", i);
        c[i] = charge(keys[i], 1, 1, 1);
    }
    ck_assert_int_eq(limit_decide(limiter, c, 0, on_done, NULL, &call),
                     STATUS_INVALID);
    ck_assert_int_eq(
        limit_decide(limiter, c, ARRAY_LEN(c), on_done, NULL, &call),
        STATUS_INVALID);
    c[0].cost_utok = 0;
    ck_assert_int_eq(limit_decide(limiter, c, 1, on_done, NULL, &call),
                     STATUS_INVALID);
    c[0].cost_utok = c[0].rate.capacity_utok + 1;
    ck_assert_int_eq(limit_decide(limiter, c, 1, on_done, NULL, &call),
                     STATUS_INVALID);
    c[0] = charge("k0", 1, -1, 1);
    ck_assert_int_eq(limit_decide(limiter, c, 1, on_done, NULL, &call),
                     STATUS_INVALID);
    c[0] = c[1]; /* one bucket twice */
    ck_assert_int_eq(limit_decide(limiter, c, 2, on_done, NULL, &call),
                     STATUS_INVALID);
    close_limiter();
}
END_TEST

/* The caller's texts may go at once: they were copied. */
START_TEST(charges_are_copied)
{
    for (int with_redis = 0; with_redis < 2; with_redis++) {
        struct limit_call *call;
        char *key = strdup("p:l:+14155550100");
        char *tag = strdup("+14155550100");
        struct limit_charge *c = malloc(sizeof(*c));

        open_limiter(with_redis);
        *c = charge(key, 1, 0, 1);
        c->tag = text_of(tag);
        ck_assert_int_eq(limit_decide(limiter, c, 1, on_done, NULL, &call),
                         STATUS_OK);
        free(key);
        free(tag);
        free(c);
        ck_assert(run_until(base, &seen.done, 1, WAIT_S));
        ck_assert_int_eq(seen.ok, 1);
        close_limiter();
    }
}
END_TEST

START_TEST(a_cancelled_call_is_not_told)
{
    struct limit_charge c = charge("p:l:x", 10, 0, 1);
    struct limit_call *call;

    for (int with_redis = 0; with_redis < 2; with_redis++) {
        open_limiter(with_redis);
        ck_assert_int_eq(decide(&c, 1), STATUS_OK); /* connected */
        ck_assert_int_eq(limit_decide(limiter, &c, 1, on_done, NULL, &call),
                         STATUS_OK);
        limit_call_cancel(call);
        ck_assert_int_eq(decide(&c, 1), STATUS_OK);
        ck_assert_int_eq(seen.done, 2);
        /* What was asked is charged all the same. */
        ck_assert_int_eq(seen.last.verdicts[0].remaining_utok, 7 * LIMIT_UTOK);
        close_limiter();
    }
}
END_TEST

static struct limit_call *other;

static void on_done_cancel_other(void *arg, const struct limit_decision *d)
{
    on_done(arg, d);
    limit_call_cancel(other);
}

START_TEST(a_callback_may_cancel_another_call)
{
    struct limit_charge c = charge("p:l:x", 10, 0, 1);
    struct limit_call *call;

    open_limiter(false);
    ck_assert_int_eq(
        limit_decide(limiter, &c, 1, on_done_cancel_other, NULL, &call),
        STATUS_OK);
    ck_assert_int_eq(limit_decide(limiter, &c, 1, on_done, NULL, &other),
                     STATUS_OK);
    event_base_loop(base, EVLOOP_NONBLOCK);
    ck_assert_int_eq(seen.done, 1);
    close_limiter();
}
END_TEST

START_TEST(freed_with_calls_under_way)
{
    struct limit_charge c = charge("p:l:x", 10, 0, 1);
    struct limit_call *call;

    for (int with_redis = 0; with_redis < 2; with_redis++) {
        open_limiter(with_redis);
        ck_assert_int_eq(decide(&c, 1), STATUS_OK);
        limit_refund(limiter, &c, &seen.last);
        for (int i = 0; i < 5; i++)
            ck_assert_int_eq(limit_decide(limiter, &c, 1, on_done, NULL, &call),
                             STATUS_OK);
        close_limiter(); /* the limiter before its Redis */
        ck_assert_int_eq(seen.done, 1);
    }
}
END_TEST

START_TEST(redis_freed_first)
{
    struct limit_charge c = charge("p:l:x", 10, 0, 1);
    struct limit_call *call;

    open_limiter(true);
    ck_assert_int_eq(decide(&c, 1), STATUS_OK);
    redis_server_stall(&server);
    ck_assert_int_eq(limit_decide(limiter, &c, 1, on_done, NULL, &call),
                     STATUS_OK);
    limit_refund(limiter, &c, &seen.last);
    redis_free(redis);
    redis = NULL;
    ck_assert_uint_eq(counters().refunds_failed, 1);
    redis_server_remove(&server);
    close_limiter();
    ck_assert_int_eq(seen.done, 1);
}
END_TEST

START_TEST(redis_decides)
{
    struct limit_charge c[2] = {charge("p:a:+14155550100", 3, 1, 3600),
                                charge("p:b:+14155550100", 2, 1, 86400)};

    open_limiter(true);
    ck_assert_int_eq(decide(c, 2), STATUS_OK);
    ck_assert_int_eq(seen.last.source, LIMIT_REDIS);
    ck_assert_uint_eq(seen.last.count, 2);
    ck_assert_int_eq(seen.last.verdicts[0].remaining_utok, 2 * LIMIT_UTOK);
    ck_assert_int_eq(seen.last.verdicts[1].remaining_utok, LIMIT_UTOK);
    ck_assert_int_eq(seen.last.verdicts[1].wait_us, 0);
    ck_assert_int_eq(decide(c, 2), STATUS_OK);
    ck_assert_int_eq(decide(c, 2), STATUS_LIMITED);
    ck_assert(seen.last.verdicts[0].allowed);
    ck_assert(seen.last.verdicts[0].remaining_utok >= LIMIT_UTOK);
    ck_assert(!seen.last.verdicts[1].allowed);
    ck_assert_int_gt(seen.last.verdicts[1].wait_us, 86000 * US_PER_S);
    ck_assert_int_le(seen.last.verdicts[1].wait_us, 86400 * US_PER_S);
    ck_assert_uint_eq(counters().by_redis, 3);
    ck_assert_uint_eq(counters().script_loads, 1);
    ck_assert_uint_eq(limit_shared_count(shared), 0);
    close_limiter();
}
END_TEST

START_TEST(redis_shadow_and_never)
{
    struct limit_charge c[2] = {charge("p:a:x", 3, 0, 1),
                                charge("p:b:x", 1, 0, 1)};

    open_limiter(true);
    c[1].is_shadow = true;
    ck_assert_int_eq(decide(c, 2), STATUS_OK);
    ck_assert(seen.last.verdicts[1].allowed);
    ck_assert_int_eq(decide(c, 2), STATUS_OK);
    ck_assert(!seen.last.verdicts[1].allowed);
    ck_assert(seen.last.verdicts[1].wait_us == LIMIT_WAIT_NEVER);
    ck_assert_int_eq(decide(c, 2), STATUS_OK);
    ck_assert_int_eq(decide(c, 2), STATUS_LIMITED);
    ck_assert_int_eq(seen.last.verdicts[0].remaining_utok, 0);
    ck_assert(seen.last.verdicts[0].wait_us == LIMIT_WAIT_NEVER);
    close_limiter();
}
END_TEST

START_TEST(redis_peeks)
{
    struct limit_charge c = charge("p:a:x", 2, 0, 1);

    open_limiter(true);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(peek(&c, 1), STATUS_OK);
        ck_assert_int_eq(seen.last.verdicts[0].remaining_utok, 2 * LIMIT_UTOK);
    }
    ck_assert_int_eq(redis_server_ask_number(&server, "DBSIZE"), 0);
    ck_assert_int_eq(decide(&c, 1), STATUS_OK);
    ck_assert_int_eq(decide(&c, 1), STATUS_OK);
    ck_assert_int_eq(peek(&c, 1), STATUS_LIMITED);
    ck_assert_uint_eq(counters().by_redis, 2);
    close_limiter();
}
END_TEST

START_TEST(redis_refunds)
{
    struct limit_charge c[2] = {charge("p:a:x", 2, 0, 1),
                                charge("p:b:x", 1, 0, 1)};
    struct limit_decision first, second;

    open_limiter(true);
    c[1].is_shadow = true;
    ck_assert_int_eq(decide(c, 2), STATUS_OK);
    first = seen.last;
    ck_assert_int_eq(decide(c, 2), STATUS_OK);
    second = seen.last;
    ck_assert(!second.verdicts[1].allowed);
    ck_assert_int_eq(decide(c, 1), STATUS_LIMITED);
    limit_refund(limiter, c, &second); /* its shadow charge was not taken */
    ck_assert_int_eq(peek(c, 2), STATUS_OK);
    ck_assert_int_eq(seen.last.verdicts[0].remaining_utok, LIMIT_UTOK);
    ck_assert_int_eq(seen.last.verdicts[1].remaining_utok, 0);
    limit_refund(limiter, c, &first);
    ck_assert_int_eq(peek(c, 2), STATUS_OK);
    ck_assert_int_eq(seen.last.verdicts[0].remaining_utok, 2 * LIMIT_UTOK);
    ck_assert_int_eq(seen.last.verdicts[1].remaining_utok, LIMIT_UTOK);
    /* Full again means forgotten; more than full does not happen. */
    ck_assert_int_eq(redis_server_ask_number(&server, "DBSIZE"), 0);
    limit_refund(limiter, c, &first);
    ck_assert_int_eq(peek(c, 2), STATUS_OK);
    ck_assert_int_eq(seen.last.verdicts[0].remaining_utok, 2 * LIMIT_UTOK);
    ck_assert_uint_eq(counters().refunds, 3);
    ck_assert_uint_eq(counters().refunds_failed, 0);
    close_limiter();
}
END_TEST

START_TEST(a_denied_key_costs_no_redis_call)
{
    struct limit_charge c[2] = {charge("p:a:x", 5, 1, 3600),
                                charge("p:b:x", 50, 1, 3600)};
    struct limit_charge cheap;

    open_limiter(true);
    c[0].cost_utok = 3 * LIMIT_UTOK;
    ck_assert_int_eq(decide(c, 2), STATUS_OK);
    ck_assert_int_eq(decide(c, 2), STATUS_LIMITED);
    ck_assert_int_eq(seen.last.source, LIMIT_REDIS);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(decide(c, 2), STATUS_LIMITED);
        ck_assert_int_eq(seen.last.source, LIMIT_CACHE);
        ck_assert_uint_eq(seen.last.count, 2);
        ck_assert(!seen.last.verdicts[0].allowed &&
                  seen.last.verdicts[0].is_evaluated);
        ck_assert_int_gt(seen.last.verdicts[0].wait_us, 0);
        ck_assert_int_le(seen.last.verdicts[0].wait_us, 3600 * US_PER_S);
        ck_assert_int_eq(seen.last.verdicts[0].remaining_utok / LIMIT_UTOK, 2);
        ck_assert(seen.last.verdicts[1].allowed &&
                  !seen.last.verdicts[1].is_evaluated);
    }
    ck_assert_uint_eq(counters().by_cache, 100);
    ck_assert_uint_eq(counters().by_redis, 2);
    ck_assert_str_eq(limit_source_name(LIMIT_CACHE), "redis");

    /* A smaller cost may fit, and does. */
    cheap = c[0];
    cheap.cost_utok = LIMIT_UTOK;
    ck_assert_int_eq(decide(&cheap, 1), STATUS_OK);
    ck_assert_int_eq(seen.last.source, LIMIT_REDIS);
    /* What is given back makes the denial uncertain. */
    limit_refund(limiter, &cheap, &seen.last);
    ck_assert_int_eq(decide(c, 2), STATUS_LIMITED);
    ck_assert_int_eq(seen.last.source, LIMIT_REDIS);
    /* So does a reload. */
    ck_assert_int_eq(decide(c, 2), STATUS_LIMITED);
    ck_assert_int_eq(seen.last.source, LIMIT_CACHE);
    limiter_configure(
        limiter, &(struct limit_settings){5 * US_PER_S, LIMIT_FAIL_LOCAL, 1.0});
    ck_assert_int_eq(decide(c, 2), STATUS_LIMITED);
    ck_assert_int_eq(seen.last.source, LIMIT_REDIS);
    close_limiter();
}
END_TEST

START_TEST(a_denial_ends_when_its_time_comes)
{
    struct limit_charge c = charge("p:a:x", 1, 20, 1); /* 50 ms a token */
    int allowed = 0;

    open_limiter(true);
    ck_assert_int_eq(decide(&c, 1), STATUS_OK);
    for (int i = 0; i < 2000 && allowed < 3; i++) {
        allowed += decide(&c, 1) == STATUS_OK;
        run_for(base, 0.001);
    }
    ck_assert_int_eq(allowed, 3);
    ck_assert_uint_gt(counters().by_cache, 0);
    close_limiter();
}
END_TEST

/* An enforced limit of a shadow's key is another key: a shadow's denial never
 * enters the cache. */
START_TEST(a_shadow_denial_is_not_remembered)
{
    struct limit_charge c = charge("p:a:x", 1, 0, 1);

    open_limiter(true);
    c.is_shadow = true;
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(decide(&c, 1), STATUS_OK);
        ck_assert_int_eq(seen.last.source, LIMIT_REDIS);
    }
    close_limiter();
}
END_TEST

UNIT_MAIN("limit/limiter", decides_in_this_process_without_redis,
          many_decisions_of_one_turn, charges_that_make_no_sense_are_refused,
          charges_are_copied, a_cancelled_call_is_not_told,
          a_callback_may_cancel_another_call, freed_with_calls_under_way,
          redis_freed_first, redis_decides, redis_shadow_and_never, redis_peeks,
          redis_refunds, a_denied_key_costs_no_redis_call,
          a_denial_ends_when_its_time_comes, a_shadow_denial_is_not_remembered)
