/* SPDX-License-Identifier: Apache-2.0
 *
 * The limiter and a Redis that refuses, stalls, restarts, forgets, is
 * read-only, full, loading, or talks nonsense: what on_failure says happens,
 * nothing is charged twice, and the way back needs nobody.
 */
#include <arpa/inet.h>
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/redis.h"
#include "limit/limit.h"
#include "redis_server.h"
#include "unit.h"

#define WAIT_S 20.0
#define TIMEOUT_US (50 * US_PER_MS)
#define LONG_US (10 * US_PER_S)

static struct event_base *base;
static struct limit_shared *shared;
static struct redis *redis;
static struct limiter *limiter;
static struct redis_server server;
static struct limit_decision last;
static int decided;

static void on_done(void *arg, const struct limit_decision *d)
{
    (void)arg;
    decided++;
    last = *d;
}

static void open_on(enum limit_on_failure on_failure, int64_t timeout_us)
{
    struct limit_settings s = {timeout_us, on_failure, 1.0};
    struct redis_options o;

    signal(SIGPIPE, SIG_IGN);
    decided = 0;
    base = event_base_new();
    shared = limit_shared_new(1000, clock_system());
    redis_options_default(&o);
    o.path = server.path;
    o.probe_interval_us = 20 * US_PER_MS;
    ck_assert_int_eq(redis_new(base, clock_system(), &o, &redis), STATUS_OK);
    ck_assert_int_eq(
        limiter_new(base, clock_system(), shared, redis, &s, &limiter),
        STATUS_OK);
}

static void start_on(enum limit_on_failure on_failure, int64_t timeout_us)
{
    redis_server_start(&server, false, NULL);
    open_on(on_failure, timeout_us);
}

static void close_all(void)
{
    limiter_free(limiter);
    redis_free(redis);
    limit_shared_free(shared);
    event_base_free(base);
    redis_server_remove(&server);
}

static struct limit_charge charge(const char *key, int64_t tokens)
{
    return (struct limit_charge){
        .key = text_of(key),
        .tag = TEXT_LIT("+14155550100"),
        .rate = {tokens * LIMIT_UTOK, 0, US_PER_S},
        .cost_utok = LIMIT_UTOK,
    };
}

static enum status decide(const struct limit_charge *c)
{
    struct limit_call *call;
    int before = decided;

    ck_assert_int_eq(limit_decide(limiter, c, 1, on_done, NULL, &call),
                     STATUS_OK);
    ck_assert(run_until(base, &decided, before + 1, WAIT_S));
    return last.status;
}

static struct limit_counters counters(void)
{
    struct limit_counters c;

    limiter_counters(limiter, &c);
    return c;
}

static void wait_for_return(void)
{
    for (int i = 0; i < 1000 && !redis_is_up(redis, 0); i++)
        run_for(base, 0.01);
    ck_assert(redis_is_up(redis, 0));
}

static void ask(const char *line, const char *expected)
{
    char out[256];

    redis_server_ask(&server, line, out, sizeof(out));
    ck_assert_msg(strncmp(out, expected, strlen(expected)) == 0, "%s: %s", line,
                  out);
}

/* How often Redis has run the script, or been asked to. */
static int evalsha_calls(void)
{
    char out[4096];
    const char *at;

    redis_server_ask(&server, "INFO commandstats", out, sizeof(out));
    at = strstr(out, "cmdstat_evalsha:calls=");
    return at == NULL ? 0 : atoi(at + strlen("cmdstat_evalsha:calls="));
}

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- the server goes away ---- */

START_TEST(stalled_then_local)
{
    struct limit_charge c = charge("p:l:+14155550100", 1000);

    start_on(LIMIT_FAIL_LOCAL, TIMEOUT_US);
    ck_assert_int_eq(decide(&c), STATUS_OK);
    ck_assert_int_eq(last.source, LIMIT_REDIS);
    redis_server_stall(&server);
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(decide(&c), STATUS_OK);
        ck_assert_int_eq(last.source, LIMIT_LOCAL);
        /* Only what was sent before the circuit opened can be in doubt. */
        ck_assert_int_eq(last.charge_unknown, i < 3);
    }
    ck_assert_uint_eq(counters().unknown, 3);
    ck_assert_uint_eq(counters().by_local, 200);
    redis_server_continue(&server);
    wait_for_return();
    ck_assert_int_eq(decide(&c), STATUS_OK);
    ck_assert_int_eq(last.source, LIMIT_REDIS);
    close_all();
}
END_TEST

START_TEST(stalled_then_allow)
{
    struct limit_charge c = charge("p:l:+14155550100", 1);

    start_on(LIMIT_FAIL_ALLOW, TIMEOUT_US);
    redis_server_stall(&server);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(decide(&c), STATUS_OK);
        ck_assert_int_eq(last.source, LIMIT_OPEN);
        ck_assert_uint_eq(last.count, 0);
    }
    ck_assert_str_eq(limit_source_name(last.source), "open");
    ck_assert_uint_eq(counters().by_open, 20);
    limit_refund(limiter, &c, &last); /* nothing was taken */
    ck_assert_uint_eq(counters().refunds, 0);
    redis_server_continue(&server);
    close_all();
}
END_TEST

START_TEST(stalled_then_deny)
{
    struct limit_charge c = charge("p:l:+14155550100", 1);

    start_on(LIMIT_FAIL_DENY, TIMEOUT_US);
    redis_server_stall(&server);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(decide(&c), STATUS_UNAVAILABLE);
        ck_assert_uint_eq(last.count, 0);
    }
    ck_assert_uint_eq(counters().unavailable, 20);
    ck_assert_uint_eq(counters().denied, 0);
    redis_server_continue(&server);
    wait_for_return();
    ck_assert_int_eq(decide(&c), STATUS_OK);
    close_all();
}
END_TEST

/* Hundreds at once: all decided, and the stall is paid for once, not by each
 * of them. */
START_TEST(nothing_queues_behind_a_dead_server)
{
    struct limit_charge c = charge("p:l:+14155550100", 10000);
    struct limit_call *call;
    double start;

    start_on(LIMIT_FAIL_LOCAL, 500 * US_PER_MS);
    ck_assert_int_eq(decide(&c), STATUS_OK);
    redis_server_stall(&server);
    start = now_s();
    for (int i = 0; i < 500; i++)
        ck_assert_int_eq(limit_decide(limiter, &c, 1, on_done, NULL, &call),
                         STATUS_OK);
    ck_assert(run_until(base, &decided, 501, WAIT_S));
    for (int i = 0; i < 500; i++)
        ck_assert_int_eq(decide(&c), STATUS_OK);
    /* 1000 decisions of 500 ms each would be 500 s. */
    ck_assert(now_s() - start < 10.0);
    redis_server_continue(&server);
    close_all();
}
END_TEST

/* A request has one time-out for all that it asks of Redis: what it waited
 * before is taken off, and nothing is sent when nothing is left. */
START_TEST(what_was_waited_before_counts)
{
    struct limit_charge c = charge("p:l:+14155550100", 1000);
    struct limit_call *call;
    double start;

    start_on(LIMIT_FAIL_LOCAL, LONG_US);
    ck_assert_int_eq(decide(&c), STATUS_OK);
    redis_server_stall(&server);
    start = now_s();
    ck_assert_int_eq(
        limit_decide_after(limiter, LONG_US, &c, 1, on_done, NULL, &call),
        STATUS_OK);
    ck_assert(run_until(base, &decided, 2, WAIT_S));
    ck_assert(!last.charge_unknown);
    ck_assert_int_eq(limit_decide_after(limiter, LONG_US - 100 * US_PER_MS, &c,
                                        1, on_done, NULL, &call),
                     STATUS_OK);
    ck_assert(run_until(base, &decided, 3, WAIT_S));
    ck_assert(last.charge_unknown);
    ck_assert(now_s() - start < (double)LONG_US / US_PER_S / 2);
    ck_assert_int_eq(last.source, LIMIT_LOCAL);
    redis_server_continue(&server);
    close_all();
}
END_TEST

START_TEST(killed_and_restarted)
{
    struct limit_charge c = charge("p:l:+14155550100", 100);

    start_on(LIMIT_FAIL_LOCAL, LONG_US);
    ck_assert_int_eq(decide(&c), STATUS_OK);
    redis_server_kill(&server);
    run_for(base, 0.02); /* until that is noticed, a charge is in doubt */
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(decide(&c), STATUS_OK);
        ck_assert_int_eq(last.source, LIMIT_LOCAL);
        ck_assert(!last.charge_unknown);
    }
    redis_server_restart(&server);
    wait_for_return();
    /* A new server: it has neither the buckets nor the script. */
    ck_assert_int_eq(decide(&c), STATUS_OK);
    ck_assert_int_eq(last.source, LIMIT_REDIS);
    ck_assert_int_eq(last.verdicts[0].remaining_utok, 99 * LIMIT_UTOK);
    ck_assert_uint_eq(counters().script_loads, 2);
    close_all();
}
END_TEST

START_TEST(never_there)
{
    struct limit_charge c = charge("p:l:+14155550100", 2);

    redis_server_start(&server, false, NULL);
    redis_server_kill(&server);
    open_on(LIMIT_FAIL_LOCAL, LONG_US);
    ck_assert_int_eq(decide(&c), STATUS_OK);
    ck_assert_int_eq(decide(&c), STATUS_OK);
    ck_assert_int_eq(decide(&c), STATUS_LIMITED);
    ck_assert_int_eq(last.source, LIMIT_LOCAL);
    close_all();
}
END_TEST

START_TEST(a_share_of_each_limit_while_redis_is_away)
{
    struct limit_charge c = charge("p:l:+14155550100", 10);
    struct limit_charge dear = charge("p:m:+14155550100", 10);
    int allowed = 0;

    redis_server_start(&server, false, NULL);
    redis_server_kill(&server);
    open_on(LIMIT_FAIL_LOCAL, LONG_US);
    limiter_configure(limiter,
                      &(struct limit_settings){LONG_US, LIMIT_FAIL_LOCAL, 0.3});
    for (int i = 0; i < 10; i++)
        allowed += decide(&c) == STATUS_OK;
    ck_assert_int_eq(allowed, 3);
    /* Dearer than the whole share: takes all of it, instead of never. */
    dear.cost_utok = 8 * LIMIT_UTOK;
    ck_assert_int_eq(decide(&dear), STATUS_OK);
    ck_assert_int_eq(last.verdicts[0].remaining_utok, 0);
    limit_refund(limiter, &dear, &last);
    ck_assert_int_eq(decide(&dear), STATUS_OK);
    ck_assert_int_eq(decide(&dear), STATUS_LIMITED);
    close_all();
}
END_TEST

/* ---- the server forgets ---- */

START_TEST(flushed_with_requests_flowing)
{
    struct limit_charge c = charge("p:l:+14155550100", 100000);
    struct limit_call *call;

    start_on(LIMIT_FAIL_DENY, LONG_US);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(limit_decide(limiter, &c, 1, on_done, NULL, &call),
                         STATUS_OK);
        if (i % 250 == 100)
            ask("FLUSHALL", "+OK");
        if (i % 250 == 200)
            ask("SCRIPT FLUSH", "+OK");
        if (i % 10 == 0)
            event_base_loop(base, EVLOOP_NONBLOCK);
    }
    ck_assert(run_until(base, &decided, 1000, WAIT_S));
    ck_assert_uint_eq(counters().by_redis, 1000);
    ck_assert_uint_eq(counters().unavailable, 0);
    ck_assert_int_eq(last.status, STATUS_OK);
    ask("FLUSHALL", "+OK");
    ck_assert_int_eq(decide(&c), STATUS_OK);
    ck_assert_int_eq(last.verdicts[0].remaining_utok, 99999 * LIMIT_UTOK);
    close_all();
}
END_TEST

/* ---- the server answers, and says no ---- */

START_TEST(read_only)
{
    static const char *const options[] = {"--replicaof", "127.0.0.1 1", NULL};
    struct limit_charge c = charge("p:l:+14155550100", 2);

    redis_server_start(&server, false, options);
    open_on(LIMIT_FAIL_LOCAL, LONG_US);
    ck_assert_int_eq(decide(&c), STATUS_OK);
    ck_assert_int_eq(last.source, LIMIT_LOCAL);
    ck_assert(!last.charge_unknown); /* an error reply charges nothing */
    ck_assert_int_eq(decide(&c), STATUS_OK);
    ck_assert_int_eq(decide(&c), STATUS_LIMITED);
    ask("REPLICAOF NO ONE", "+OK");
    ck_assert_int_eq(decide(&c), STATUS_OK);
    ck_assert_int_eq(last.source, LIMIT_REDIS);
    close_all();
}
END_TEST

START_TEST(out_of_memory)
{
    struct limit_charge c = charge("p:l:+14155550100", 10);

    start_on(LIMIT_FAIL_DENY, LONG_US);
    ck_assert_int_eq(decide(&c), STATUS_OK);
    ask("CONFIG SET maxmemory 1", "+OK");
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(decide(&c), STATUS_UNAVAILABLE);
    ask("CONFIG SET maxmemory 0", "+OK");
    ck_assert_int_eq(decide(&c), STATUS_OK);
    ck_assert_int_eq(last.verdicts[0].remaining_utok, 8 * LIMIT_UTOK);
    close_all();
}
END_TEST

START_TEST(a_key_of_another_type)
{
    struct limit_charge c[2] = {charge("p:a:+14155550100", 10),
                                charge("p:b:+14155550100", 10)};
    struct limit_call *call;

    start_on(LIMIT_FAIL_DENY, LONG_US);
    ask("RPUSH chatgate:{+14155550100}:p:b: x", ":1");
    ck_assert_int_eq(limit_decide(limiter, c, 2, on_done, NULL, &call),
                     STATUS_OK);
    ck_assert(run_until(base, &decided, 1, WAIT_S));
    ck_assert_int_eq(last.status, STATUS_UNAVAILABLE);
    /* All or nothing: the other one was not charged. */
    ask("EXISTS chatgate:{+14155550100}:p:a:", ":0");
    close_all();
}
END_TEST

START_TEST(a_value_that_is_not_ours_counts_as_full)
{
    struct limit_charge c = charge("p:l:+14155550100", 10);

    start_on(LIMIT_FAIL_DENY, LONG_US);
    ask("SET chatgate:{+14155550100}:p:l: nonsense", "+OK");
    ck_assert_int_eq(decide(&c), STATUS_OK);
    ck_assert_int_eq(last.verdicts[0].remaining_utok, 9 * LIMIT_UTOK);
    close_all();
}
END_TEST

START_TEST(scripted_answers)
{
    static const struct {
        const char *reply;
        bool is_unknown;
    } rows[] = {
        {"-LOADING Redis is loading the dataset in memory\r\n", false},
        {"-MASTERDOWN Link with MASTER is down\r\n", false},
        {"-BUSY Redis is busy running a script\r\n", false},
        {"-OOM command not allowed when used memory > 'maxmemory'\r\n", false},
        {"-NOPERM this user has no permissions\r\n", false},
        {"-MOVED 3999 127.0.0.1:6381\r\n", false},
        {"+OK\r\n", true},
        {"$-1\r\n", true},
        {"*0\r\n", true},
        {"*4\r\n:1\r\n:1\r\n:1\r\n+0\r\n", true},
        {"*5\r\n:1\r\n:1\r\n:1\r\n:0\r\n:0\r\n", true},
        {"what?\r\n", true},
        {"<", true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *replies[] = {"+PONG\r\n", rows[i].reply, NULL};
        struct limit_charge c = charge("p:l:+14155550100", 1);

        scripted_server_start(&server, replies, 0);
        open_on(LIMIT_FAIL_DENY, LONG_US);
        ck_assert_msg(decide(&c) == STATUS_UNAVAILABLE, "row %zu", i);
        ck_assert_msg(last.charge_unknown == rows[i].is_unknown, "row %zu", i);
        ck_assert_uint_eq(counters().script_loads, 0);
        close_all();
    }
}
END_TEST

START_TEST(one_byte_a_second)
{
    static const char *const replies[] = {
        "+PONG\r\n", "*4\r\n:1\r\n:1\r\n:1000000\r\n:0\r\n", NULL};
    struct limit_charge c = charge("p:l:+14155550100", 1000);

    scripted_server_start(&server, replies, US_PER_S / 2);
    open_on(LIMIT_FAIL_LOCAL, TIMEOUT_US);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(decide(&c), STATUS_OK);
        ck_assert_int_eq(last.source, LIMIT_LOCAL);
    }
    ck_assert(!redis_is_up(redis, 0));
    close_all();
}
END_TEST

/* ---- what other limiters got wrong ---- */

START_TEST(only_an_error_that_begins_with_NOSCRIPT_reloads_the_script)
{
    static const char *const replies[] = {
        "+PONG\r\n", "-ERR Error running script: NOSCRIPT, or so\r\n", NULL};
    struct limit_charge c = charge("p:l:+14155550100", 1);

    scripted_server_start(&server, replies, 0);
    open_on(LIMIT_FAIL_DENY, LONG_US);
    ck_assert_int_eq(decide(&c), STATUS_UNAVAILABLE);
    ck_assert_uint_eq(counters().script_loads, 0);
    close_all();
}
END_TEST

START_TEST(a_server_that_always_says_NOSCRIPT_is_asked_twice)
{
    static const char *const replies[] = {
        "+PONG\r\n", "-NOSCRIPT No matching script.\r\n", NULL};
    struct limit_charge c = charge("p:l:+14155550100", 1);
    struct redis_counters r;

    scripted_server_start(&server, replies, 0);
    open_on(LIMIT_FAIL_DENY, LONG_US);
    ck_assert_int_eq(decide(&c), STATUS_UNAVAILABLE);
    ck_assert_uint_eq(counters().script_loads, 1);
    redis_counters_get(redis, &r);
    ck_assert_uint_eq(r.commands, 2);
    close_all();
}
END_TEST

START_TEST(a_charge_is_never_repeated_after_an_ambiguous_time_out)
{
    struct limit_charge c = charge("p:l:+14155550100", 100);
    int calls;

    start_on(LIMIT_FAIL_DENY, TIMEOUT_US);
    limiter_configure(limiter,
                      &(struct limit_settings){LONG_US, LIMIT_FAIL_DENY, 1.0});
    ck_assert_int_eq(decide(&c), STATUS_OK);
    calls = evalsha_calls();
    limiter_configure(
        limiter, &(struct limit_settings){TIMEOUT_US, LIMIT_FAIL_DENY, 1.0});
    redis_server_stall(&server);
    ck_assert_int_eq(decide(&c), STATUS_UNAVAILABLE);
    ck_assert(last.charge_unknown);
    ck_assert_uint_eq(counters().unknown, 1);
    limiter_configure(limiter,
                      &(struct limit_settings){LONG_US, LIMIT_FAIL_DENY, 1.0});
    redis_server_continue(&server);
    ck_assert_int_eq(decide(&c), STATUS_OK);
    /* The stalled one was done late, once. */
    ck_assert_int_eq(last.verdicts[0].remaining_utok, 97 * LIMIT_UTOK);
    ck_assert_int_eq(evalsha_calls(), calls + 2);
    close_all();
}
END_TEST

START_TEST(every_write_sets_an_expiry)
{
    static const struct {
        struct limit_rate rate;
        long least_ms, most_ms;
    } rows[] = {
        {{LIMIT_UTOK, 1, US_PER_S}, 900, 1010},
        {{10 * LIMIT_UTOK, 1, 60 * US_PER_S}, 59000, 60010},
        {{5000 * LIMIT_UTOK, 5000, 86400 * US_PER_S}, 16000, 17290},
        {{LIMIT_UTOK, 1, 86400 * US_PER_S}, 86000000, 86400010},
        {{LIMIT_UTOK, 0, US_PER_S}, 2591000000, 2592000000},
        {{2 * LIMIT_UTOK, 0, 86400 * US_PER_S}, 2591000000, 2592000000},
    };

    start_on(LIMIT_FAIL_DENY, LONG_US);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct limit_charge c = charge("p:l:+14155550100", 1);
        long ms;

        ask("FLUSHALL", "+OK");
        c.rate = rows[i].rate;
        ck_assert_int_eq(decide(&c), STATUS_OK);
        ms = redis_server_ask_number(&server,
                                     "PTTL chatgate:{+14155550100}:p:l:");
        ck_assert_msg(ms >= rows[i].least_ms && ms <= rows[i].most_ms,
                      "row %zu: %ld ms", i, ms);
    }
    close_all();
}
END_TEST

/* Asking is use: a bucket that never refills stays as long as it is asked. */
START_TEST(a_denied_bucket_that_never_refills_does_not_expire_while_asked)
{
    struct limit_charge c = charge("p:l:+14155550100", 1);

    start_on(LIMIT_FAIL_DENY, LONG_US);
    ck_assert_int_eq(decide(&c), STATUS_OK);
    ask("PEXPIRE chatgate:{+14155550100}:p:l: 100000", ":1");
    ck_assert_int_eq(decide(&c), STATUS_LIMITED);
    ck_assert_int_gt(
        redis_server_ask_number(&server, "PTTL chatgate:{+14155550100}:p:l:"),
        2591000000);
    close_all();
}
END_TEST

START_TEST(a_bucket_that_is_full_again_is_gone)
{
    struct limit_charge c = charge("p:l:+14155550100", 1);

    start_on(LIMIT_FAIL_DENY, LONG_US);
    c.rate.refill_tokens = 100; /* full in 10 ms */
    ck_assert_int_eq(decide(&c), STATUS_OK);
    run_for(base, 0.05);
    ask("EXISTS chatgate:{+14155550100}:p:l:", ":0");
    close_all();
}
END_TEST

/* A cluster node refuses undeclared keys, and declared ones of two slots. */
START_TEST(every_key_is_declared_in_KEYS)
{
    char port[8];

    /* Its bus takes a port, also of a server on a unix socket; the default one
     * may be that of a test beside this one. */
    snprintf(port, sizeof(port), "%d", redis_server_free_port());

    const char *const options[] = {"--cluster-enabled",
                                   "yes",
                                   "--cluster-port",
                                   port,
                                   "--cluster-config-file",
                                   "nodes.conf",
                                   NULL};
    struct limit_charge c[3] = {charge("p:a:+14155550100", 10),
                                charge("p:b:some-chat", 10),
                                charge("p:c:billing:+14155550100", 10)};
    struct limit_call *call;

    redis_server_start(&server, true, options);
    ask("CLUSTER ADDSLOTSRANGE 0 16383", "+OK");
    open_on(LIMIT_FAIL_DENY, LONG_US);
    last.status = STATUS_UNAVAILABLE;
    for (int i = 0; i < 500 && last.status != STATUS_OK; i++) {
        ck_assert_int_eq(limit_decide(limiter, c, 3, on_done, NULL, &call),
                         STATUS_OK);
        ck_assert(run_until(base, &decided, i + 1, WAIT_S));
        run_for(base, 0.01);
    }
    ck_assert_int_eq(last.status, STATUS_OK);
    ck_assert_int_eq(redis_server_ask_number(&server, "DBSIZE"), 3);
    ask("EXISTS chatgate:{+14155550100}:p:a:", ":1");
    ask("EXISTS chatgate:{+14155550100}:p:b:some-chat", ":1");
    ask("EXISTS chatgate:{+14155550100}:p:c:billing:", ":1");
    close_all();
}
END_TEST

START_TEST(two_limits_never_share_a_bucket)
{
    static const char *const keys[] = {
        "p:l:+14155550100",
        "p:m:+14155550100",
        "q:l:+14155550100",
        "p:l:+14155550101",
        "p:l:billing",
        "p:l:+14155550100:chat",
        "p:l:",
        "p:l:+14155550100:c:d",
    };

    start_on(LIMIT_FAIL_DENY, LONG_US);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct limit_charge c = charge(keys[i], 1);

        /* A limit has one `per`: with an empty one its tag is another. */
        if (i == 6)
            c.tag = TEXT_LIT("p");
        ck_assert_msg(decide(&c) == STATUS_OK, "%s", keys[i]);
    }
    ck_assert_int_eq(redis_server_ask_number(&server, "DBSIZE"),
                     (long)(sizeof(keys) / sizeof(keys[0])));
    close_all();
}
END_TEST

START_TEST(a_changed_capacity_applies_to_live_buckets)
{
    struct limit_charge c = charge("p:l:+14155550100", 10);
    int allowed = 0;

    start_on(LIMIT_FAIL_DENY, LONG_US);
    ck_assert_int_eq(decide(&c), STATUS_OK);
    c.rate.capacity_utok = 3 * LIMIT_UTOK;
    ck_assert_int_eq(decide(&c), STATUS_OK);
    ck_assert_int_eq(last.verdicts[0].remaining_utok, 2 * LIMIT_UTOK);
    c.rate.capacity_utok = 15 * LIMIT_UTOK; /* five more than it ever had */
    ck_assert_int_eq(decide(&c), STATUS_OK);
    ck_assert_int_eq(last.verdicts[0].remaining_utok, 6 * LIMIT_UTOK);
    for (int i = 0; i < 50; i++) {
        c.rate.capacity_utok = (i % 2 ? 15 : 3) * LIMIT_UTOK;
        limiter_configure(
            limiter, &(struct limit_settings){LONG_US, LIMIT_FAIL_DENY, 1.0});
        allowed += decide(&c) == STATUS_OK;
    }
    ck_assert_int_le(allowed, 6);
    close_all();
}
END_TEST

START_TEST(a_failed_refund_is_counted_and_not_repeated)
{
    struct limit_charge c = charge("p:l:+14155550100", 10);
    struct limit_decision granted;

    start_on(LIMIT_FAIL_DENY, LONG_US);
    ck_assert_int_eq(decide(&c), STATUS_OK);
    granted = last;
    redis_server_kill(&server);
    limit_refund(limiter, &c, &granted);
    for (int i = 0; i < 1000 && counters().refunds_failed == 0; i++)
        run_for(base, 0.01);
    ck_assert_uint_eq(counters().refunds, 1);
    ck_assert_uint_eq(counters().refunds_failed, 1);
    close_all();
}
END_TEST

/* ---- several gateways ---- */

#define GATEWAYS 4

static void many_limiters(struct limiter *limiters[], struct redis *links[])
{
    const struct limit_settings s = {LONG_US, LIMIT_FAIL_DENY, 1.0};

    limiters[0] = limiter;
    links[0] = redis;
    for (int i = 1; i < GATEWAYS; i++) {
        struct redis_options o;

        redis_options_default(&o);
        o.path = server.path;
        ck_assert_int_eq(redis_new(base, clock_system(), &o, &links[i]),
                         STATUS_OK);
        ck_assert_int_eq(limiter_new(base, clock_system(), shared, links[i], &s,
                                     &limiters[i]),
                         STATUS_OK);
    }
}

static void free_limiters(struct limiter *limiters[], struct redis *links[])
{
    for (int i = 1; i < GATEWAYS; i++) {
        limiter_free(limiters[i]);
        redis_free(links[i]);
    }
}

static void on_count(void *arg, const struct limit_decision *d)
{
    int64_t *spent = arg;

    decided++;
    if (d->status == STATUS_OK)
        *spent += 1;
    else
        ck_assert_int_eq(d->status, STATUS_LIMITED);
}

START_TEST(exactly_1000_of_4000_pass)
{
    struct limit_charge c = charge("p:l:+14155550100", 1000);
    struct limiter *limiters[GATEWAYS];
    struct redis *links[GATEWAYS];
    struct limit_call *call;
    int64_t spent = 0;

    start_on(LIMIT_FAIL_DENY, LONG_US);
    many_limiters(limiters, links);
    for (int i = 0; i < 4000; i++)
        ck_assert_int_eq(limit_decide(limiters[i % GATEWAYS], &c, 1, on_count,
                                      &spent, &call),
                         STATUS_OK);
    ck_assert(run_until(base, &decided, 4000, WAIT_S));
    ck_assert_int_eq(spent, 1000);
    free_limiters(limiters, links);
    close_all();
}
END_TEST

struct spender {
    struct limiter *limiter;
    int64_t *spent_utok;
    int64_t cost_utok;
    uint64_t *seed;
    bool is_over;
};

static const struct limit_rate oracle_rate = {100 * LIMIT_UTOK, 1000, US_PER_S};
static bool oracle_stop;

static void spend(struct spender *s);

static void on_spent(void *arg, const struct limit_decision *d)
{
    struct spender *s = arg;

    decided++;
    if (d->status == STATUS_OK)
        *s->spent_utok += s->cost_utok;
    s->is_over = oracle_stop;
    if (!oracle_stop)
        spend(s);
}

static void spend(struct spender *s)
{
    struct limit_charge c = charge("p:l:+14155550100", 1);
    struct limit_call *call;

    *s->seed = *s->seed * 6364136223846793005U + 1442695040888963407U;
    s->cost_utok = 1 + (int64_t)((*s->seed >> 33) % (2 * LIMIT_UTOK));
    c.rate = oracle_rate;
    c.cost_utok = s->cost_utok;
    ck_assert_int_eq(limit_decide(s->limiter, &c, 1, on_spent, s, &call),
                     STATUS_OK);
}

/* Saturated by spenders of random costs for a second and a half: never above
 * capacity + refill * t, and at least 99 % of it. */
START_TEST(saturated_it_allows_its_rate_and_no_more)
{
    struct limiter *limiters[GATEWAYS];
    struct redis *links[GATEWAYS];
    struct spender spenders[GATEWAYS * 4];
    uint64_t seed = 42;
    int64_t spent = 0;
    double from, until, inner;
    struct limit_charge rest = charge("p:l:+14155550100", 1);

    start_on(LIMIT_FAIL_DENY, LONG_US);
    many_limiters(limiters, links);
    for (int i = 0; i < GATEWAYS; i++) { /* connected, and the script there */
        struct limit_charge warm = charge("p:warm:+14155550100", 10);

        limiter = limiters[i];
        ck_assert_int_eq(decide(&warm), STATUS_OK);
    }
    limiter = limiters[0];
    from = now_s();
    oracle_stop = false;
    for (int i = 0; i < GATEWAYS * 4; i++) {
        spenders[i] =
            (struct spender){limiters[i % GATEWAYS], &spent, 0, &seed, false};
        spend(&spenders[i]);
    }
    inner = now_s();
    run_for(base, 1.5);
    oracle_stop = true;
    for (int i = 0; i < GATEWAYS * 4; i++)
        while (!spenders[i].is_over)
            run_for(base, 0.001);
    /* What is left, token by token, until it says no. */
    rest.rate = oracle_rate;
    rest.cost_utok = 5 * LIMIT_UTOK;
    limiter_configure(limiter,
                      &(struct limit_settings){LONG_US, LIMIT_FAIL_DENY, 1.0});
    inner = now_s() - inner; /* before the last question */
    while (decide(&rest) == STATUS_OK) {
        spent += rest.cost_utok;
        if (now_s() - from > 10)
            break;
    }
    until = now_s();
    ck_assert(spent <= oracle_rate.capacity_utok +
                           (int64_t)((until - from) * 1000 * LIMIT_UTOK));
    ck_assert(spent >= 0.99 * ((double)oracle_rate.capacity_utok +
                               inner * 1000 * LIMIT_UTOK));
    free_limiters(limiters, links);
    close_all();
}
END_TEST

UNIT_MAIN("limit/redis_failures", stalled_then_local, stalled_then_allow,
          stalled_then_deny, nothing_queues_behind_a_dead_server,
          what_was_waited_before_counts, killed_and_restarted, never_there,
          a_share_of_each_limit_while_redis_is_away,
          flushed_with_requests_flowing, read_only, out_of_memory,
          a_key_of_another_type, a_value_that_is_not_ours_counts_as_full,
          scripted_answers, one_byte_a_second,
          only_an_error_that_begins_with_NOSCRIPT_reloads_the_script,
          a_server_that_always_says_NOSCRIPT_is_asked_twice,
          a_charge_is_never_repeated_after_an_ambiguous_time_out,
          every_write_sets_an_expiry,
          a_denied_bucket_that_never_refills_does_not_expire_while_asked,
          a_bucket_that_is_full_again_is_gone, every_key_is_declared_in_KEYS,
          two_limits_never_share_a_bucket,
          a_changed_capacity_applies_to_live_buckets,
          a_failed_refund_is_counted_and_not_repeated,
          exactly_1000_of_4000_pass, saturated_it_allows_its_rate_and_no_more)
