/* SPDX-License-Identifier: Apache-2.0
 *
 * Decisions a second through the limiter and one connection, for
 * tests/bench/limit.sh, which puts them beside redis-benchmark.
 *
 *   limit SOCKET SECONDS UNDER_WAY LIMITS   "decisions/s CPU-us-each writes"
 *   limit SOCKET fill SENDERS LIMIT         charge each sender once
 *   limit script                            what Redis runs
 *
 * LIMITS is 1 (30, 1/s) or 2 (and 5000, 5000/d); LIMIT is "burst" or "day".
 * Senders are drawn from 100,000.
 */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/redis.h"
#include "limit/limit.h"
#include "limit/script.h"

#define SENDERS 100000

static struct event_base *base;
static struct limiter *limiter;
static long decided, undecided, under_way, to_fill;
static size_t limits;
static const char *fill_limit;
static double until_s;
static uint64_t seed = 88172645463325252U;

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "limit: %s\n", what);
    exit(EXIT_FAILURE);
}

static double clock_s(clockid_t which)
{
    struct timespec t;

    clock_gettime(which, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void ask(void);

static void on_decided(void *arg, const struct limit_decision *d)
{
    (void)arg;
    under_way--;
    decided++;
    undecided += d->source != LIMIT_REDIS && d->source != LIMIT_CACHE;
    /* A clock a decision would be measured along. */
    if (fill_limit != NULL
            ? decided + under_way < to_fill
            : decided % 64 != 0 || clock_s(CLOCK_MONOTONIC) < until_s)
        ask();
    else if (under_way == 0)
        event_base_loopbreak(base);
}

static struct limit_charge charge(char *key, const char *number,
                                  const char *limit)
{
    bool is_day = strcmp(limit, "day") == 0;

    sprintf(key, "sender-limits:%s:%s", limit, number);
    return (struct limit_charge){
        .key = text_of(key),
        .tag = text_of(number),
        .rate = {(is_day ? 5000 : 30) * LIMIT_UTOK, is_day ? 5000 : 1,
                 (is_day ? 86400 : 1) * US_PER_S},
        .cost_utok = LIMIT_UTOK,
    };
}

static void ask(void)
{
    struct limit_charge c[2];
    struct limit_call *call;
    char number[32], keys[2][64];
    long sender = decided + under_way;

    if (fill_limit == NULL) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        sender = (long)(seed % SENDERS);
    }
    snprintf(number, sizeof(number), "+1415%07ld", sender);
    c[0] = charge(keys[0], number, fill_limit ? fill_limit : "burst");
    c[1] = charge(keys[1], number, "day");
    if (fill_limit != NULL)
        c[0].cost_utok = 20 * LIMIT_UTOK; /* so that none is full too soon */
    need(limit_decide(limiter, c, limits, on_decided, NULL, &call) == STATUS_OK,
         "cannot decide");
    under_way++;
}

int main(int argc, char **argv)
{
    static const struct limit_settings settings = {10 * US_PER_S,
                                                   LIMIT_FAIL_DENY, 1.0};
    struct redis_counters counters;
    struct limit_shared *shared;
    struct redis_options o;
    struct redis *redis;
    double wall, cpu;
    long at_once = 64;

    if (argc == 2 && strcmp(argv[1], "script") == 0) {
        printf("%s%s", limit_script_bucket, limit_script_decide);
        return EXIT_SUCCESS;
    }
    need(argc == 5, "see the head of limit.c for the arguments");
    signal(SIGPIPE, SIG_IGN);
    base = event_base_new();
    shared = limit_shared_new(1000, clock_system());
    redis_options_default(&o);
    o.path = argv[1];
    need(redis_new(base, clock_system(), &o, &redis) == STATUS_OK &&
             limiter_new(base, clock_system(), shared, redis, &settings,
                         &limiter) == STATUS_OK,
         "out of memory");
    limits = 1;
    if (strcmp(argv[2], "fill") == 0) {
        fill_limit = argv[4];
        to_fill = atol(argv[3]);
    } else {
        at_once = atol(argv[3]);
        limits = atoi(argv[4]) == 2 ? 2 : 1;
        until_s = clock_s(CLOCK_MONOTONIC) + atof(argv[2]);
    }
    wall = clock_s(CLOCK_MONOTONIC);
    cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    for (long i = 0; i < at_once; i++)
        ask();
    event_base_dispatch(base);
    wall = clock_s(CLOCK_MONOTONIC) - wall;
    cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    need(undecided == 0, "Redis did not decide");
    redis_counters_get(redis, &counters);
    if (fill_limit == NULL)
        printf("%.0f %.2f %.1f\n", (double)decided / wall,
               cpu * 1e6 / (double)decided,
               (double)decided / (double)counters.writes);
    limiter_free(limiter);
    redis_free(redis);
    limit_shared_free(shared);
    event_base_free(base);
    return EXIT_SUCCESS;
}
