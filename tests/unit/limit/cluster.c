/* SPDX-License-Identifier: Apache-2.0
 *
 * The limiter on a real cluster of three masters: decisions over two slots,
 * slots that move, masters that stall. The cluster is started once; each test
 * finds it empty and leaves it whole.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/redis.h"
#include "base/redis_slot.h"
#include "limit/limit.h"
#include "redis_cluster.h"
#include "unit.h"

#define WAIT_S 20.0
#define TIMEOUT_US (50 * US_PER_MS)
#define LONG_US (10 * US_PER_S)
#define NEVER_REFILLS 0

static struct redis_cluster cluster;

static struct event_base *base;
static struct limit_shared *shared;
static struct redis *redis;
static struct limiter *limiter;
static struct limit_decision last;
static int decided, granted;

/* ---- what a test decides about ---- */

/* Numbers and names by the master that their slot is on. */
static char senders[3][32], orgs[3][32];

static int master_of(const char *tag)
{
    return redis_cluster_owner(&cluster, redis_slot_of(text_of(tag)));
}

/* One on each master. */
static void choose(char out[3][32], const char *prefix)
{
    int found = 0;

    memset(out, 0, 3 * 32);
    for (int i = 0; found < 3; i++) {
        char name[32];
        int master;

        snprintf(name, sizeof(name), "%s%08d", prefix, i);
        master = master_of(name);
        if (out[master][0] != '\0')
            continue;
        memcpy(out[master], name, sizeof(name));
        found++;
    }
}

static char key_texts[16][96];
static int key_count;

/* One bucket named `limit`, counted by `tag`. */
static struct limit_charge charge(const char *limit, const char *tag,
                                  int64_t tokens, uint8_t breadth)
{
    char *key = key_texts[key_count++ % 16];

    snprintf(key, sizeof(key_texts[0]), "p:%s:%s", limit, tag);
    return (struct limit_charge){
        .key = text_of(key),
        .tag = text_of(tag),
        .rate = {tokens * LIMIT_UTOK, NEVER_REFILLS, US_PER_S},
        .cost_utok = LIMIT_UTOK,
        .breadth = breadth,
    };
}

/* ---- the limiter ---- */

static void on_done(void *arg, const struct limit_decision *d)
{
    (void)arg;
    decided++;
    granted += d->status == STATUS_OK;
    last = *d;
}

static struct redis *connect_cluster(void)
{
    struct redis_host seeds[3];
    struct redis_options o;
    struct redis *r;

    for (int i = 0; i < 3; i++)
        seeds[i] = (struct redis_host){"127.0.0.1", cluster.nodes[i].port};
    redis_options_default(&o);
    o.layout = REDIS_CLUSTER;
    o.seeds = seeds;
    o.seed_count = 3;
    o.connect_timeout_us = LONG_US; /* a busy machine is no failure */
    o.probe_interval_us = 20 * US_PER_MS;
    o.look_interval_us = 50 * US_PER_MS;
    ck_assert_int_eq(redis_new(base, clock_system(), &o, &r), STATUS_OK);
    return r;
}

static void open_on(enum limit_on_failure on_failure)
{
    struct limit_settings s = {LONG_US, on_failure, 1.0};

    signal(SIGPIPE, SIG_IGN);
    decided = granted = 0;
    for (int i = 0; i < 3; i++) {
        redis_server_continue(&cluster.nodes[i]); /* after a test that failed */
        redis_cluster_tell(&cluster, i, "FLUSHALL");
        redis_cluster_tell(&cluster, i, "SCRIPT FLUSH");
    }
    choose(senders, "+1");
    choose(orgs, "org-");
    base = event_base_new();
    shared = limit_shared_new(1000, clock_system());
    redis = connect_cluster();
    ck_assert_int_eq(
        limiter_new(base, clock_system(), shared, redis, &s, &limiter),
        STATUS_OK);
}

static void close_all(void)
{
    limiter_free(limiter);
    redis_free(redis);
    limit_shared_free(shared);
    event_base_free(base);
}

static void set_timeout(int64_t timeout_us, enum limit_on_failure on_failure)
{
    const struct limit_settings s = {timeout_us, on_failure, 1.0};

    limiter_configure(limiter, &s);
}

static enum status decide(const struct limit_charge *c, size_t count)
{
    struct limit_call *call;
    int before = decided;

    ck_assert_int_eq(limit_decide(limiter, c, count, on_done, NULL, &call),
                     STATUS_OK);
    ck_assert(run_until(base, &decided, before + 1, WAIT_S));
    return last.status;
}

static enum status peek(const struct limit_charge *c, size_t count)
{
    struct limit_call *call;
    int before = decided;

    ck_assert_int_eq(limit_peek(limiter, c, count, on_done, NULL, &call),
                     STATUS_OK);
    ck_assert(run_until(base, &decided, before + 1, WAIT_S));
    return last.status;
}

/* Tokens of one bucket, as a look in Redis finds them. */
static int64_t left(const struct limit_charge *c)
{
    (void)peek(c, 1);
    ck_assert_int_eq(last.source, LIMIT_REDIS);
    return last.verdicts[0].remaining_utok / LIMIT_UTOK;
}

static struct limit_counters counters(void)
{
    struct limit_counters c;

    limiter_counters(limiter, &c);
    return c;
}

static int64_t shown(size_t i)
{
    return last.verdicts[i].remaining_utok / LIMIT_UTOK;
}

/* A stalled master is one that has been found out. */
static void stall(int master, const struct limit_charge *c)
{
    redis_server_stall(&cluster.nodes[master]);
    set_timeout(TIMEOUT_US, LIMIT_FAIL_LOCAL);
    for (int i = 0; i < 10 && redis_is_up(redis, redis_slot_of(c->tag)); i++)
        (void)decide(c, 1);
    ck_assert(!redis_is_up(redis, redis_slot_of(c->tag)));
}

static void resume(int master, const struct limit_charge *c)
{
    redis_server_continue(&cluster.nodes[master]);
    for (int i = 0; i < 2000 && !redis_is_up(redis, redis_slot_of(c->tag)); i++)
        run_for(base, 0.01);
    ck_assert(redis_is_up(redis, redis_slot_of(c->tag)));
}

/* ---- slots ---- */

START_TEST(slots_as_the_server_has_them)
{
    char key[64], line[128];

    open_on(LIMIT_FAIL_DENY);
    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof(key), "%.*s{%x}%s{b}", i % 7, "{}{}{}{", i * 7919,
                 i % 3 ? "" : "}");
        snprintf(line, sizeof(line), "CLUSTER KEYSLOT %s", key);
        ck_assert_msg(redis_server_ask_number(&cluster.nodes[0], line) ==
                          redis_place_of(redis, text_of(key)),
                      "%s", key);
    }
    close_all();
}
END_TEST

START_TEST(keys_of_one_sender_are_one_atomic_question)
{
    open_on(LIMIT_FAIL_DENY);
    for (int m = 0; m < 3; m++) {
        struct limit_charge c[2] = {charge("burst", senders[m], 3, 0),
                                    charge("day", senders[m], 2, 0)};
        struct redis_counters before, after;

        ck_assert_int_eq(decide(c, 2), STATUS_OK);
        redis_counters_get(redis, &before);
        ck_assert_int_eq(decide(c, 2), STATUS_OK);
        redis_counters_get(redis, &after);
        ck_assert_uint_eq(after.commands, before.commands + 1);
        ck_assert_int_eq(last.source, LIMIT_REDIS);
        ck_assert_int_eq(decide(c, 2), STATUS_LIMITED);
        ck_assert_int_eq(shown(0), 1);
        ck_assert_int_eq(shown(1), 0);
        ck_assert_uint_eq(counters().refunds, 0);
    }
    ck_assert_uint_eq(counters().script_loads, 3); /* one a master */
    close_all();
}
END_TEST

/* ---- decisions over two slots ---- */

/* The limit of everybody refuses: what the sender's had given comes back. */
START_TEST(a_refusal_elsewhere_gives_the_first_charge_back)
{
    open_on(LIMIT_FAIL_DENY);
    for (int m = 0; m < 3; m++) {
        struct limit_charge c[3] = {charge("all", orgs[(m + 1) % 3], 3, 4),
                                    charge("burst", senders[m], 10, 0),
                                    charge("day", senders[m], 20, 0)};

        for (int i = 1; i <= 3; i++) {
            ck_assert_int_eq(decide(c, 3), STATUS_OK);
            ck_assert_int_eq(last.source, LIMIT_REDIS);
            ck_assert_int_eq(shown(0), 3 - i);
            ck_assert_int_eq(shown(1), 10 - i);
        }
        for (int i = 0; i < 3; i++) {
            /* No memory of denials: each goes all the way. */
            set_timeout(LONG_US, LIMIT_FAIL_DENY);
            ck_assert_int_eq(decide(c, 3), STATUS_LIMITED);
            ck_assert(!last.verdicts[0].allowed);
            ck_assert_int_eq(shown(0), 0);
            ck_assert(last.verdicts[1].allowed && last.verdicts[2].allowed);
            ck_assert_int_eq(shown(1), 7); /* as if it had not been asked */
            ck_assert_int_eq(shown(2), 17);
            ck_assert_int_eq(left(&c[1]), 7);
            ck_assert_int_eq(left(&c[2]), 17);
        }
    }
    ck_assert_uint_eq(counters().refunds, 9);
    ck_assert_uint_eq(counters().refunds_failed, 0);
    ck_assert_uint_eq(counters().unknown, 0);
    close_all();
}
END_TEST

/* Who is refused for its own bucket has not touched the others', and is told
 * about them all the same. */
START_TEST(the_narrow_bucket_is_asked_first)
{
    struct limit_charge c[2];

    open_on(LIMIT_FAIL_DENY);
    c[0] = charge("all", orgs[1], 5, 4);
    c[1] = charge("burst", senders[0], 1, 0);
    ck_assert_int_eq(decide(c, 2), STATUS_OK);
    ck_assert_int_eq(decide(c, 2), STATUS_LIMITED);
    ck_assert(last.verdicts[0].allowed && last.verdicts[0].is_evaluated);
    ck_assert_int_eq(shown(0), 4);
    ck_assert(!last.verdicts[1].allowed);
    ck_assert_int_eq(left(&c[0]), 4);
    ck_assert_uint_eq(counters().refunds, 0);
    close_all();
}
END_TEST

/* Both are empty: the 429 knows both, so does the memory of denials. */
START_TEST(all_refusals_are_told)
{
    struct limit_charge c[2];

    open_on(LIMIT_FAIL_DENY);
    c[0] = charge("all", orgs[1], 1, 4);
    c[1] = charge("burst", senders[0], 1, 0);
    ck_assert_int_eq(decide(c, 2), STATUS_OK);
    ck_assert_int_eq(decide(c, 2), STATUS_LIMITED);
    ck_assert(!last.verdicts[0].allowed && !last.verdicts[1].allowed);
    ck_assert_int_eq(decide(&c[0], 1), STATUS_LIMITED);
    ck_assert_int_eq(last.source, LIMIT_CACHE);
    close_all();
}
END_TEST

START_TEST(shadow_limits_elsewhere_refuse_nothing)
{
    struct limit_charge c[3];

    open_on(LIMIT_FAIL_DENY);
    c[0] = charge("burst", senders[0], 3, 0);
    c[1] = charge("trial", senders[0], 10, 0);
    c[2] = charge("all", orgs[1], 1, 0);
    c[1].is_shadow = c[2].is_shadow = true;
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(decide(c, 3), STATUS_OK);
        ck_assert_int_eq(last.verdicts[2].allowed, i == 0);
        ck_assert_int_eq(shown(1), 9 - i);
    }
    ck_assert_int_eq(decide(c, 3), STATUS_LIMITED);
    ck_assert_int_eq(shown(1), 7); /* not taken: it was refused */
    ck_assert(!last.verdicts[2].allowed);
    ck_assert_uint_eq(counters().refunds, 0);
    close_all();
}
END_TEST

/* A shadow charge beside the enforced one that comes back comes back, too. */
START_TEST(a_shadow_charge_is_given_back_with_the_others)
{
    struct limit_charge c[3];

    open_on(LIMIT_FAIL_DENY);
    c[0] = charge("burst", senders[0], 9, 0);
    c[1] = charge("all", orgs[1], 1, 4);
    c[2] = charge("trial", senders[0], 9, 0);
    c[2].is_shadow = true;
    ck_assert_int_eq(decide(c, 3), STATUS_OK);
    ck_assert_int_eq(decide(c, 3), STATUS_LIMITED);
    ck_assert_int_eq(left(&c[0]), 8);
    ck_assert_int_eq(left(&c[2]), 8);
    close_all();
}
END_TEST

START_TEST(a_refund_goes_to_every_slot)
{
    struct limit_charge c[2];
    struct limit_decision d;

    open_on(LIMIT_FAIL_DENY);
    c[0] = charge("burst", senders[0], 5, 0);
    c[1] = charge("all", orgs[2], 5, 4);
    ck_assert_int_eq(decide(c, 2), STATUS_OK);
    d = last;
    limit_refund(limiter, c, &d);
    for (int i = 0; i < 500 && (left(&c[0]) < 5 || left(&c[1]) < 5); i++)
        run_for(base, 0.01);
    ck_assert_int_eq(left(&c[0]), 5);
    ck_assert_int_eq(left(&c[1]), 5);
    ck_assert_uint_eq(counters().refunds, 1);
    ck_assert_uint_eq(counters().refunds_failed, 0);
    close_all();
}
END_TEST

START_TEST(a_look_sees_all_slots_and_takes_nothing)
{
    struct limit_charge c[3];

    open_on(LIMIT_FAIL_DENY);
    for (int m = 0; m < 3; m++)
        c[m] = charge("burst", senders[m], 2 + m, 0);
    ck_assert_int_eq(decide(c, 3), STATUS_OK);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(peek(c, 3), STATUS_OK);
        for (size_t m = 0; m < 3; m++)
            ck_assert_int_eq(shown(m), (int64_t)m + 1);
    }
    close_all();
}
END_TEST

/* ---- slots that move ---- */

/* Several limiters spend one sender's two buckets as fast as they can. */
struct load {
    struct limiter *limiters[4];
    struct redis *links[4];
    struct limit_charge charges[2];
    int under_way, started;
    bool stop;
};
static struct load load;

static void spend(struct limiter *l);

static void on_spent(void *arg, const struct limit_decision *d)
{
    load.under_way--;
    decided++;
    granted += d->status == STATUS_OK;
    ck_assert_msg(d->source == LIMIT_REDIS || d->source == LIMIT_CACHE,
                  "decided by %s", limit_source_name(d->source));
    if (!load.stop && d->status == STATUS_OK)
        spend(arg); /* until it is empty */
}

static void spend(struct limiter *l)
{
    struct limit_call *call;

    load.under_way++;
    ck_assert_int_eq(limit_decide(l, load.charges, 2, on_spent, l, &call),
                     STATUS_OK);
}

static void load_start(int64_t tokens)
{
    const struct limit_settings s = {LONG_US, LIMIT_FAIL_DENY, 1.0};

    memset(&load, 0, sizeof(load));
    load.charges[0] = charge("burst", senders[0], tokens, 0);
    load.charges[1] = charge("day", senders[0], tokens * 2, 0);
    for (int i = 0; i < 4; i++) {
        load.links[i] = connect_cluster();
        ck_assert_int_eq(limiter_new(base, clock_system(), shared,
                                     load.links[i], &s, &load.limiters[i]),
                         STATUS_OK);
        for (int n = 0; n < 2; n++)
            spend(load.limiters[i]);
    }
}

static void load_end(uint64_t *redirects)
{
    struct limit_counters c;
    struct redis_counters r;

    load.stop = true;
    while (load.under_way > 0)
        run_for(base, 0.005);
    *redirects = 0;
    for (int i = 0; i < 4; i++) {
        limiter_counters(load.limiters[i], &c);
        ck_assert_uint_eq(c.unknown, 0);
        ck_assert_uint_eq(c.by_local + c.by_open + c.unavailable, 0);
        redis_counters_get(load.links[i], &r);
        *redirects += r.redirects;
        limiter_free(load.limiters[i]);
        redis_free(load.links[i]);
    }
}

/* Two keys: while one is here and one is there, TRYAGAIN; while neither is
 * anywhere, a full bucket. The total is exact to the token. */
START_TEST(a_slot_moves_under_load)
{
    const int tokens = 3000;
    char burst[128], day[128];
    uint64_t redirects;
    int from = 0, slot;

    open_on(LIMIT_FAIL_DENY);
    slot = redis_slot_of(text_of(senders[0]));
    snprintf(burst, sizeof(burst), "chatgate:{%s}:p:burst:", senders[0]);
    snprintf(day, sizeof(day), "chatgate:{%s}:p:day:", senders[0]);
    load_start(tokens);
    for (int round = 0; round < 4; round++) {
        int to = (from + 1) % 3, before = decided;

        ck_assert(run_until(base, &decided, before + 100, WAIT_S));
        redis_cluster_move_begin(&cluster, slot, from, to);
        ck_assert(run_until(base, &decided, before + 200, WAIT_S));
        redis_cluster_move_key(&cluster, round % 2 ? burst : day, from, to);
        ck_assert(run_until(base, &decided, before + 300, WAIT_S));
        redis_cluster_move_key(&cluster, round % 2 ? day : burst, from, to);
        ck_assert(run_until(base, &decided, before + 400, WAIT_S));
        redis_cluster_move_end(&cluster, slot, to);
        from = to;
    }
    ck_assert_int_lt(granted, tokens); /* it was under load all the time */
    for (int i = 0; i < 6000 && load.under_way > 0; i++)
        run_for(base, 0.005);
    load_end(&redirects);
    ck_assert_int_eq(granted, tokens);
    ck_assert_uint_gt(redirects, 0);
    /* Back where it was, for the tests to come. */
    while (from != 0) {
        int to = (from + 1) % 3;

        redis_cluster_move_begin(&cluster, slot, from, to);
        redis_cluster_move_key(&cluster, burst, from, to);
        redis_cluster_move_key(&cluster, day, from, to);
        redis_cluster_move_end(&cluster, slot, to);
        from = to;
    }
    close_all();
}
END_TEST

/* A sender nobody has seen, while its slot is on the way: both buckets are
 * full, so no key is anywhere, and neither side knows several at once. */
START_TEST(new_senders_of_a_slot_that_moves)
{
    struct limit_charge c[2];
    int slot;

    open_on(LIMIT_FAIL_DENY);
    slot = redis_slot_of(text_of(senders[0]));
    c[0] = charge("burst", senders[0], 3, 0);
    c[1] = charge("day", senders[0], 5, 0);
    redis_cluster_move_begin(&cluster, slot, 0, 1);
    for (int i = 1; i <= 3; i++) {
        ck_assert_int_eq(decide(c, 2), STATUS_OK);
        ck_assert_int_eq(last.source, LIMIT_REDIS);
        ck_assert_int_eq(shown(0), 3 - i);
        ck_assert_int_eq(shown(1), 5 - i);
    }
    ck_assert_int_eq(decide(c, 2), STATUS_LIMITED);
    ck_assert_int_eq(left(&c[1]), 2);
    redis_cluster_move_end(&cluster, slot, 1);
    ck_assert_int_eq(left(&c[0]), 0);
    ck_assert_int_eq(left(&c[1]), 2);
    redis_cluster_move_begin(&cluster, slot, 1, 0);
    for (int i = 0; i < 2; i++) {
        char key[128];

        snprintf(key, sizeof(key), "chatgate:{%s}:p:%s:", senders[0],
                 i ? "day" : "burst");
        redis_cluster_move_key(&cluster, key, 1, 0);
    }
    redis_cluster_move_end(&cluster, slot, 0);
    ck_assert_int_eq(left(&c[1]), 2);
    close_all();
}
END_TEST

/* ---- masters that are away ---- */

START_TEST(a_stalled_master_and_the_others)
{
    struct limit_charge gone, here;

    open_on(LIMIT_FAIL_LOCAL);
    gone = charge("burst", senders[1], 100, 0);
    here = charge("burst", senders[0], 100, 0);
    ck_assert_int_eq(decide(&gone, 1), STATUS_OK);
    ck_assert_int_eq(decide(&here, 1), STATUS_OK);
    stall(1, &gone);
    ck_assert_uint_ge(counters().unknown, 1);
    /* The others' are as exact as before; nobody waits for the one. */
    set_timeout(LONG_US, LIMIT_FAIL_LOCAL);
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(decide(&gone, 1), STATUS_OK);
        ck_assert_int_eq(last.source, LIMIT_LOCAL);
        ck_assert_int_eq(decide(&here, 1), STATUS_OK);
        ck_assert_int_eq(last.source, LIMIT_REDIS);
        ck_assert_int_eq(shown(0), 98 - i);
    }
    resume(1, &gone);
    ck_assert_int_eq(decide(&gone, 1), STATUS_OK);
    ck_assert_int_eq(last.source, LIMIT_REDIS);
    close_all();
}
END_TEST

START_TEST(the_second_slot_is_away_and_local_decides)
{
    struct limit_charge c[2];
    struct limit_decision d;

    open_on(LIMIT_FAIL_LOCAL);
    c[0] = charge("all", orgs[1], 2, 4);
    c[1] = charge("burst", senders[0], 10, 0);
    stall(1, &c[0]); /* which spends the two tokens here, too */
    limiter_free(limiter);
    limit_shared_free(shared);
    shared = limit_shared_new(1000, clock_system());
    ck_assert_int_eq(
        limiter_new(base, clock_system(), shared, redis,
                    &(struct limit_settings){LONG_US, LIMIT_FAIL_LOCAL, 1.0},
                    &limiter),
        STATUS_OK);
    for (int i = 1; i <= 2; i++) {
        ck_assert_int_eq(decide(c, 2), STATUS_OK);
        ck_assert_int_eq(last.source, LIMIT_LOCAL); /* not all of it is exact */
        ck_assert_uint_eq(last.count, 2);
        ck_assert(last.verdicts[0].is_local);
        ck_assert(!last.verdicts[1].is_local);
        ck_assert_int_eq(shown(0), 2 - i);
        ck_assert_int_eq(shown(1), 10 - i);
    }
    d = last;
    /* Refused here: what Redis gave goes back there. */
    ck_assert_int_eq(decide(c, 2), STATUS_LIMITED);
    ck_assert(!last.verdicts[0].allowed && last.verdicts[1].allowed);
    ck_assert_int_eq(shown(1), 8);
    ck_assert_int_eq(left(&c[1]), 8);
    /* A refund finds both. */
    limit_refund(limiter, c, &d);
    for (int i = 0; i < 500 && left(&c[1]) < 9; i++)
        run_for(base, 0.01);
    ck_assert_int_eq(left(&c[1]), 9);
    ck_assert_int_eq(decide(c, 2), STATUS_OK);
    ck_assert_int_eq(shown(0), 0);
    resume(1, &c[0]);
    close_all();
}
END_TEST

START_TEST(the_second_slot_is_away_and_allow_decides)
{
    struct limit_charge c[2];
    struct limit_decision d;

    open_on(LIMIT_FAIL_LOCAL);
    c[0] = charge("all", orgs[1], 1, 4);
    c[1] = charge("burst", senders[0], 2, 0);
    stall(1, &c[0]);
    set_timeout(LONG_US, LIMIT_FAIL_ALLOW);
    ck_assert_int_eq(decide(c, 2), STATUS_OK);
    ck_assert_int_eq(last.source, LIMIT_OPEN);
    ck_assert_uint_eq(last.count, 2);
    ck_assert(!last.verdicts[0].is_evaluated);
    ck_assert_int_eq(shown(1), 1); /* what could be decided was */
    d = last;
    ck_assert_int_eq(decide(c, 2), STATUS_OK);
    ck_assert_int_eq(decide(c, 2), STATUS_LIMITED);
    ck_assert_int_eq(last.source, LIMIT_REDIS);
    limit_refund(limiter, c, &d);
    for (int i = 0; i < 500 && left(&c[1]) < 1; i++)
        run_for(base, 0.01);
    ck_assert_int_eq(left(&c[1]), 1);
    ck_assert_uint_eq(counters().refunds_failed, 0);
    resume(1, &c[0]);
    close_all();
}
END_TEST

START_TEST(the_second_slot_is_away_and_deny_refuses)
{
    struct limit_charge c[3];

    open_on(LIMIT_FAIL_LOCAL);
    c[0] = charge("burst", senders[0], 5, 0);
    c[1] = charge("all", orgs[1], 100, 4);
    c[2] = charge("trial", orgs[1], 100, 4);
    c[2].is_shadow = true;
    ck_assert_int_eq(decide(c, 3), STATUS_OK);
    stall(1, &c[1]);
    set_timeout(LONG_US, LIMIT_FAIL_DENY);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(decide(c, 3), STATUS_UNAVAILABLE);
        ck_assert_uint_eq(last.count, 0);
    }
    ck_assert_int_eq(left(&c[0]), 4); /* nothing was even asked for */
    ck_assert_uint_eq(counters().refunds, 0);
    /* A shadow limit that cannot be decided refuses nobody. */
    c[1] = c[2];
    ck_assert_int_eq(decide(c, 2), STATUS_OK);
    ck_assert_int_eq(last.source, LIMIT_REDIS);
    ck_assert_int_eq(shown(0), 3);
    ck_assert(!last.verdicts[1].is_evaluated);
    resume(1, &c[1]);
    close_all();
}
END_TEST

/* It stalls while it is asked: the time-out is found out after the first slot
 * has been charged. */
START_TEST(the_second_slot_stalls_and_the_first_is_given_back)
{
    struct limit_charge c[2];

    open_on(LIMIT_FAIL_DENY);
    c[0] = charge("burst", senders[0], 5, 0);
    c[1] = charge("all", orgs[1], 100, 4);
    ck_assert_int_eq(decide(c, 2), STATUS_OK);
    redis_server_stall(&cluster.nodes[1]);
    set_timeout(4 * TIMEOUT_US, LIMIT_FAIL_DENY);
    ck_assert_int_eq(decide(c, 2), STATUS_UNAVAILABLE);
    ck_assert(last.charge_unknown); /* of the second */
    for (int i = 0; i < 500 && left(&c[0]) < 4; i++)
        run_for(base, 0.01);
    ck_assert_int_eq(left(&c[0]), 4);
    ck_assert_uint_eq(counters().refunds, 1);
    redis_server_continue(&cluster.nodes[1]);
    resume(1, &c[1]);
    close_all();
}
END_TEST

/* Who waited in vain for one master leaves the others alone: their buckets,
 * and their good name. */
START_TEST(the_first_slot_stalls_and_the_second_is_left_alone)
{
    enum { AT_ONCE = 8 };
    struct limit_charge c[2];
    struct limit_call *calls[AT_ONCE];

    open_on(LIMIT_FAIL_DENY);
    c[0] = charge("burst", senders[1], 100, 0);
    c[1] = charge("all", orgs[0], 100, 4);
    ck_assert_int_eq(decide(c, 2), STATUS_OK);
    redis_server_stall(&cluster.nodes[1]);
    set_timeout(TIMEOUT_US, LIMIT_FAIL_DENY);
    for (int i = 0; i < AT_ONCE; i++)
        ck_assert_int_eq(limit_decide(limiter, c, 2, on_done, NULL, &calls[i]),
                         STATUS_OK);
    ck_assert(run_until(base, &decided, 1 + AT_ONCE, WAIT_S));
    ck_assert_int_eq(granted, 1);
    ck_assert(redis_is_up(redis, redis_slot_of(c[1].tag)));
    set_timeout(LONG_US, LIMIT_FAIL_DENY);
    ck_assert_int_eq(left(&c[1]), 99);
    ck_assert_uint_eq(counters().refunds, 0);
    resume(1, &c[0]);
    close_all();
}
END_TEST

/* ---- the frame ---- */

static void start_cluster(void)
{
    /* Nobody declares a master dead that a test stops for a moment. */
    static const char *const options[] = {"--cluster-node-timeout", "30000",
                                          NULL};

    redis_cluster_start(&cluster, 3, 0, options);
}

static void remove_cluster(void)
{
    redis_cluster_remove(&cluster);
}

int main(void)
{
    const TTest *const tests[] = {
        slots_as_the_server_has_them,
        keys_of_one_sender_are_one_atomic_question,
        a_refusal_elsewhere_gives_the_first_charge_back,
        the_narrow_bucket_is_asked_first,
        all_refusals_are_told,
        shadow_limits_elsewhere_refuse_nothing,
        a_shadow_charge_is_given_back_with_the_others,
        a_refund_goes_to_every_slot,
        a_look_sees_all_slots_and_takes_nothing,
        a_slot_moves_under_load,
        new_senders_of_a_slot_that_moves,
        a_stalled_master_and_the_others,
        the_second_slot_is_away_and_local_decides,
        the_second_slot_is_away_and_allow_decides,
        the_second_slot_is_away_and_deny_refuses,
        the_second_slot_stalls_and_the_first_is_given_back,
        the_first_slot_stalls_and_the_second_is_left_alone,
    };
    Suite *suite = suite_create("limit/cluster");
    TCase *all = tcase_create("limit/cluster");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, all);
    tcase_set_timeout(all, 60);
    tcase_add_unchecked_fixture(all, start_cluster, remove_cluster);
    for (size_t i = 0; i < ARRAY_LEN(tests); i++)
        tcase_add_test(all, tests[i]);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
