/* SPDX-License-Identifier: Apache-2.0
 *
 * Buckets in memory: exact, all or nothing, bounded in number.
 */
#include "limit/memory_store.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"

/* Check notes every ck_assert in a file, which is slow in long loops. */
#define REQUIRE(cond)                                                          \
    do {                                                                       \
        if (!(cond))                                                           \
            ck_abort_msg("%s", #cond);                                         \
    } while (0)

static mono_us imaginary_now;

static mono_us imaginary_mono(void *arg)
{
    (void)arg;
    return imaginary_now;
}

static const struct clock imaginary = {imaginary_mono, NULL, NULL};

static struct limit_shared *fresh(size_t max_buckets)
{
    struct limit_shared *s;

    imaginary_now = INT64_C(1000) * US_PER_S;
    s = limit_shared_new(max_buckets, &imaginary);
    ck_assert_ptr_nonnull(s);
    return s;
}

static struct limit_charge charge(const char *key, int64_t tokens,
                                  int64_t refill)
{
    return (struct limit_charge){
        .key = text_of(key),
        .tag = text_of("+14155550100"),
        .rate = {tokens * LIMIT_UTOK, refill, US_PER_S},
        .cost_utok = LIMIT_UTOK,
    };
}

static bool take(struct limit_shared *s, const struct limit_charge *c)
{
    struct limit_verdict v;

    return limit_shared_decide(s, LIMIT_TAKE, c, 1, &v) == STATUS_OK;
}

START_TEST(all_enforced_charges_or_none)
{
    struct limit_shared *s = fresh(100);
    struct limit_charge c[2] = {charge("p:a:x", 5, 0), charge("p:b:x", 2, 0)};
    struct limit_verdict v[2];

    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(limit_shared_decide(s, LIMIT_TAKE, c, 2, v),
                         STATUS_OK);
    ck_assert_int_eq(v[0].remaining_utok, 3 * LIMIT_UTOK);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(limit_shared_decide(s, LIMIT_TAKE, c, 2, v),
                         STATUS_LIMITED);
        ck_assert(v[0].allowed && v[0].wait_us == 0);
        ck_assert_int_eq(v[0].remaining_utok, 3 * LIMIT_UTOK);
        ck_assert(!v[1].allowed && v[1].wait_us == LIMIT_WAIT_NEVER);
        ck_assert_int_eq(v[1].remaining_utok, 0);
    }
    limit_shared_free(s);
}
END_TEST

START_TEST(a_shadow_charge_never_refuses)
{
    struct limit_shared *s = fresh(100);
    struct limit_charge c[2] = {charge("p:a:x", 3, 0), charge("p:b:x", 1, 0)};
    struct limit_verdict v[2];

    c[1].is_shadow = true;
    ck_assert_int_eq(limit_shared_decide(s, LIMIT_TAKE, c, 2, v), STATUS_OK);
    ck_assert(v[1].allowed && v[1].remaining_utok == 0);
    ck_assert_int_eq(limit_shared_decide(s, LIMIT_TAKE, c, 2, v), STATUS_OK);
    ck_assert(!v[1].allowed);
    ck_assert_int_eq(limit_shared_decide(s, LIMIT_TAKE, c, 2, v), STATUS_OK);
    ck_assert_int_eq(limit_shared_decide(s, LIMIT_TAKE, c, 2, v),
                     STATUS_LIMITED);
    limit_shared_free(s);
}
END_TEST

START_TEST(a_shadow_charge_is_not_taken_from_a_refused_request)
{
    struct limit_shared *s = fresh(100);
    struct limit_charge c[2] = {charge("p:a:x", 1, 0), charge("p:b:x", 9, 0)};
    struct limit_verdict v[2];

    c[1].is_shadow = true;
    ck_assert_int_eq(limit_shared_decide(s, LIMIT_TAKE, c, 2, v), STATUS_OK);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(limit_shared_decide(s, LIMIT_TAKE, c, 2, v),
                         STATUS_LIMITED);
        ck_assert_int_eq(v[1].remaining_utok, 8 * LIMIT_UTOK);
    }
    limit_shared_free(s);
}
END_TEST

START_TEST(a_peek_charges_nothing_and_makes_no_bucket)
{
    struct limit_shared *s = fresh(100);
    struct limit_charge c = charge("p:a:x", 1, 0);
    struct limit_verdict v;

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(limit_shared_decide(s, LIMIT_PEEK, &c, 1, &v),
                         STATUS_OK);
        ck_assert_int_eq(v.remaining_utok, LIMIT_UTOK);
    }
    ck_assert_uint_eq(limit_shared_count(s), 0);
    ck_assert(take(s, &c));
    ck_assert_int_eq(limit_shared_decide(s, LIMIT_PEEK, &c, 1, &v),
                     STATUS_LIMITED);
    limit_shared_free(s);
}
END_TEST

START_TEST(a_refund_gives_back_what_was_taken)
{
    struct limit_shared *s = fresh(100);
    struct limit_charge c[3] = {charge("p:a:x", 4, 0), charge("p:b:x", 1, 0),
                                charge("p:never-charged:x", 4, 0)};
    struct limit_verdict v[3];

    c[1].is_shadow = true;
    ck_assert_int_eq(limit_shared_decide(s, LIMIT_TAKE, c, 2, v), STATUS_OK);
    ck_assert_int_eq(limit_shared_decide(s, LIMIT_TAKE, c, 2, v), STATUS_OK);
    ck_assert(!v[1].allowed);
    limit_shared_refund(s, c, 2, v); /* the shadow one was not taken */
    ck_assert_int_eq(limit_shared_decide(s, LIMIT_PEEK, c, 2, v), STATUS_OK);
    ck_assert_int_eq(v[0].remaining_utok, 3 * LIMIT_UTOK);
    ck_assert_int_eq(v[1].remaining_utok, 0);

    for (int i = 0; i < 5; i++) {
        v[0].allowed = v[2].allowed = true;
        limit_shared_refund(s, c, 3, v);
    }
    ck_assert_int_eq(limit_shared_decide(s, LIMIT_PEEK, c, 3, v), STATUS_OK);
    ck_assert_int_eq(v[0].remaining_utok, 4 * LIMIT_UTOK);
    ck_assert_uint_eq(limit_shared_count(s), 2);
    limit_shared_free(s);
}
END_TEST

START_TEST(refill_and_wait_follow_the_clock)
{
    struct limit_shared *s = fresh(100);
    struct limit_charge c = charge("p:a:x", 1, 4);
    struct limit_verdict v;

    ck_assert(take(s, &c));
    ck_assert_int_eq(limit_shared_decide(s, LIMIT_TAKE, &c, 1, &v),
                     STATUS_LIMITED);
    ck_assert_int_eq(v.wait_us, 250000);
    imaginary_now += 249999;
    ck_assert(!take(s, &c));
    imaginary_now += 1;
    ck_assert(take(s, &c));
    limit_shared_free(s);
}
END_TEST

/* Gateways with an old and a new policy that charge one bucket in turn gave
 * the difference away at every change back. */
START_TEST(a_capacity_that_swings_gives_nothing_away)
{
    struct limit_shared *s = fresh(100);
    struct limit_charge small = charge("p:a:x", 5, 0);
    struct limit_charge large = charge("p:a:x", 20, 0);
    int allowed = 0;

    for (int i = 0; i < 100; i++) {
        allowed += take(s, &small);
        allowed += take(s, &large);
    }
    ck_assert_int_le(allowed, 20);
    limit_shared_free(s);
}
END_TEST

START_TEST(a_changed_capacity_applies_to_live_buckets)
{
    struct limit_shared *s = fresh(100);
    struct limit_charge c = charge("p:a:x", 10, 0);
    struct limit_verdict v;

    ck_assert(take(s, &c));
    c.rate.capacity_utok = 2 * LIMIT_UTOK; /* what is above is cut */
    ck_assert(take(s, &c));
    ck_assert(take(s, &c));
    ck_assert(!take(s, &c));
    c.rate.capacity_utok = 10 * LIMIT_UTOK; /* back to what it was */
    ck_assert(!take(s, &c));
    c.rate.capacity_utok = 13 * LIMIT_UTOK; /* the difference, and no more */
    for (int i = 0; i < 3; i++)
        ck_assert(take(s, &c));
    ck_assert_int_eq(limit_shared_decide(s, LIMIT_TAKE, &c, 1, &v),
                     STATUS_LIMITED);
    limit_shared_free(s);
}
END_TEST

static void name(char out[32], const char *prefix, unsigned n)
{
    snprintf(out, 32, "%s:%u", prefix, n);
}

/* Hundreds of thousands of senders, each once: the table never passes its
 * bound, and with a refill it does not even grow to it. */
START_TEST(many_senders_do_not_grow_it)
{
    struct limit_shared *s = fresh(1000);
    char key[32];

    for (unsigned i = 0; i < 200000; i++) {
        struct limit_charge c;

        name(key, "p:a", i);
        c = charge(key, 2, 0);
        REQUIRE(take(s, &c));
        REQUIRE(limit_shared_count(s) <= 1000);
    }
    ck_assert_uint_eq(limit_shared_count(s), 1000);
    limit_shared_free(s);

    s = fresh(100000);
    for (unsigned i = 0; i < 200000; i++) {
        struct limit_charge c;

        name(key, "p:a", i);
        c = charge(key, 2, 1);
        REQUIRE(take(s, &c));
        imaginary_now += US_PER_S / 500; /* 500 senders a second, full in one */
    }
    ck_assert_uint_le(limit_shared_count(s), 501);
    limit_shared_free(s);
}
END_TEST

START_TEST(full_buckets_make_room_first)
{
    struct limit_shared *s = fresh(100);
    struct limit_charge drained = charge("p:a:drained", 50, 1);
    char key[32];

    /* `drained` came first and is used all the time. */
    for (int i = 0; i < 50; i++)
        REQUIRE(take(s, &drained));
    for (unsigned i = 0; i < 10000; i++) {
        struct limit_charge c;

        name(key, "p:a", i);
        c = charge(key, 50, 1000000);
        REQUIRE(take(s, &c));
        imaginary_now += 1; /* a token a microsecond: full at once */
        REQUIRE(!take(s, &drained));
    }
    ck_assert_uint_le(limit_shared_count(s), 3);
    limit_shared_free(s);
}
END_TEST

START_TEST(the_one_that_fills_soonest_goes_when_none_is_full)
{
    struct limit_shared *s = fresh(100);
    struct limit_charge drained = charge("p:a:drained", 1, 0);
    struct limit_charge slow = charge("p:a:slow", 1, 0);
    char key[32];

    slow.rate = (struct limit_rate){LIMIT_UTOK, 1, 86400 * US_PER_S};
    ck_assert(take(s, &drained));
    ck_assert(take(s, &slow));
    for (unsigned i = 0; i < 20000; i++) {
        struct limit_charge c;

        name(key, "p:a", i);
        c = charge(key, 1, 1); /* full in a second, and no time passes */
        REQUIRE(take(s, &c));
    }
    ck_assert_uint_eq(limit_shared_count(s), 100);
    ck_assert(!take(s, &drained));
    ck_assert(!take(s, &slow));
    limit_shared_free(s);
}
END_TEST

/* A charge moves its bucket's time without touching the heap: the place where
 * it then stands is wrong, and must not cost a bucket that is short its life.
 */
START_TEST(a_stale_place_in_the_heap_is_corrected)
{
    struct limit_shared *s = fresh(64);
    char key[32];

    for (unsigned i = 0; i < 64; i++) { /* all due in a second */
        struct limit_charge c;

        name(key, "p:old", i);
        c = charge(key, 3, 1);
        REQUIRE(take(s, &c));
        imaginary_now += 1;
    }
    for (unsigned i = 0; i < 63; i++) { /* all but one drained */
        struct limit_charge c;

        name(key, "p:old", i);
        c = charge(key, 3, 1);
        REQUIRE(take(s, &c));
        REQUIRE(take(s, &c));
    }
    imaginary_now += US_PER_S; /* now only the last one is full */
    struct limit_charge newcomer = charge("p:new", 3, 1);
    ck_assert(take(s, &newcomer));
    for (unsigned i = 0; i < 63; i++) {
        struct limit_charge c;
        struct limit_verdict v;

        name(key, "p:old", i);
        c = charge(key, 3, 1);
        c.cost_utok = 2 * LIMIT_UTOK;
        ck_assert_int_eq(limit_shared_decide(s, LIMIT_PEEK, &c, 1, &v),
                         STATUS_LIMITED);
    }
    ck_assert_uint_eq(limit_shared_count(s), 64);
    limit_shared_free(s);
}
END_TEST

START_TEST(a_bound_too_small_for_one_decision_is_raised)
{
    struct limit_shared *s = fresh(0);
    struct limit_charge c[LIMIT_CHARGES_MAX];
    struct limit_verdict v[LIMIT_CHARGES_MAX];
    char keys[LIMIT_CHARGES_MAX][32];

    for (unsigned i = 0; i < LIMIT_CHARGES_MAX; i++) {
        name(keys[i], "p:a", i);
        c[i] = charge(keys[i], 1, 0);
    }
    ck_assert_int_eq(
        limit_shared_decide(s, LIMIT_TAKE, c, LIMIT_CHARGES_MAX, v), STATUS_OK);
    ck_assert_uint_eq(limit_shared_count(s), LIMIT_CHARGES_MAX);
    for (unsigned i = 0; i < LIMIT_CHARGES_MAX; i++)
        REQUIRE(!take(s, &c[i]));
    limit_shared_free(s);
}
END_TEST

/* Two buckets taken in opposite orders: one lock, so no deadlock. Enough of
 * them, begun together, that threads meet: a few thousand are over before the
 * next thread has started, and pass without any lock. */
#define HAMMERS 4
#define BLOWS 250000
#define HELD 500000 /* of HAMMERS * BLOWS */

struct hammer {
    struct limit_shared *shared;
    pthread_barrier_t *begin;
    bool reversed;
    int allowed;
};

static void *hammer(void *arg)
{
    struct hammer *h = arg;
    struct limit_charge a = charge("p:a:hot", HELD, 0);
    struct limit_charge b = charge("p:b:hot", 2 * HELD, 0);
    struct limit_charge c[2] = {h->reversed ? b : a, h->reversed ? a : b};
    struct limit_verdict v[2];

    pthread_barrier_wait(h->begin);
    for (int i = 0; i < BLOWS; i++)
        h->allowed +=
            limit_shared_decide(h->shared, LIMIT_TAKE, c, 2, v) == STATUS_OK;
    return NULL;
}

START_TEST(threads_share_exactly)
{
    struct limit_shared *s = fresh(100);
    struct hammer h[HAMMERS];
    pthread_t threads[HAMMERS];
    pthread_barrier_t begin;
    struct limit_charge b = charge("p:b:hot", 2 * HELD, 0);
    struct limit_verdict v;
    int allowed = 0;

    ck_assert_int_eq(pthread_barrier_init(&begin, NULL, HAMMERS), 0);
    for (int i = 0; i < HAMMERS; i++) {
        h[i] = (struct hammer){s, &begin, i % 2 == 1, 0};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, hammer, &h[i]), 0);
    }
    for (int i = 0; i < HAMMERS; i++) {
        pthread_join(threads[i], NULL);
        allowed += h[i].allowed;
    }
    pthread_barrier_destroy(&begin);
    ck_assert_int_eq(allowed, HELD);
    ck_assert_int_eq(limit_shared_decide(s, LIMIT_PEEK, &b, 1, &v), STATUS_OK);
    ck_assert_int_eq(v.remaining_utok, HELD * LIMIT_UTOK);
    limit_shared_free(s);
}
END_TEST

UNIT_MAIN("limit/memory_store", all_enforced_charges_or_none,
          a_shadow_charge_never_refuses,
          a_shadow_charge_is_not_taken_from_a_refused_request,
          a_peek_charges_nothing_and_makes_no_bucket,
          a_refund_gives_back_what_was_taken, refill_and_wait_follow_the_clock,
          a_changed_capacity_applies_to_live_buckets,
          a_capacity_that_swings_gives_nothing_away,
          many_senders_do_not_grow_it, full_buckets_make_room_first,
          the_one_that_fills_soonest_goes_when_none_is_full,
          a_stale_place_in_the_heap_is_corrected,
          a_bound_too_small_for_one_decision_is_raised, threads_share_exactly)
