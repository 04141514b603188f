/* SPDX-License-Identifier: Apache-2.0
 *
 * Denials that are remembered: until when, for whom, and no more of them
 * than fit.
 */
#include "limit/denied.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "unit.h"

#define KEY TEXT_LIT("p:l:+14155550100")

static struct limit_denied *denied;
static int64_t wait_us, remaining;

static struct limit_rate rate = {100, 1, US_PER_S};

static struct limit_charge charge(struct text key, int64_t cost)
{
    return (struct limit_charge){.key = key, .rate = rate, .cost_utok = cost};
}

static bool find(struct text key, int64_t cost, mono_us now)
{
    struct limit_charge c = charge(key, cost);

    wait_us = remaining = -1;
    return limit_denied_find(denied, &c, now, &wait_us, &remaining);
}

static void add(struct text key, int64_t cost, int64_t left, int64_t wait,
                mono_us now)
{
    struct limit_charge c = charge(key, cost);

    limit_denied_add(denied, &c, left, wait, now);
}

static void open_denied(void)
{
    ck_assert_int_eq(limit_denied_new(&denied), STATUS_OK);
}

START_TEST(until_its_time_and_for_that_cost_or_more)
{
    open_denied();
    ck_assert(!find(KEY, 10, 0));
    add(KEY, 10, 7, 1000, 5000);
    ck_assert(find(KEY, 10, 5000));
    ck_assert_int_eq(wait_us, 1000);
    ck_assert_int_eq(remaining, 7);
    ck_assert(find(KEY, 11, 5999));
    ck_assert_int_eq(wait_us, 1);
    ck_assert(!find(KEY, 9, 5000));
    ck_assert(!find(KEY, 10, 6000));
    ck_assert(!find(TEXT_LIT("p:m:+14155550100"), 10, 5000));
    ck_assert(!find(TEXT_LIT("p:l:+1415555010"), 10, 5000));
    limit_denied_free(denied);
}
END_TEST

START_TEST(a_later_denial_replaces_it)
{
    open_denied();
    add(KEY, 10, 7, 1000, 0);
    add(KEY, 5, 2, 400, 100);
    ck_assert(find(KEY, 5, 499));
    ck_assert(find(KEY, 10, 499));
    ck_assert(!find(KEY, 10, 500));
    limit_denied_free(denied);
}
END_TEST

START_TEST(forever_is_believed_for_a_minute)
{
    open_denied();
    add(KEY, 10, 0, LIMIT_WAIT_NEVER, 0);
    ck_assert(find(KEY, 10, LIMIT_DENIED_MAX_US - 1));
    ck_assert(wait_us == LIMIT_WAIT_NEVER);
    ck_assert(!find(KEY, 10, LIMIT_DENIED_MAX_US));
    add(KEY, 10, 0, 3600 * US_PER_S, 0);
    ck_assert(find(KEY, 10, US_PER_S));
    ck_assert_int_eq(wait_us, 3599 * US_PER_S);
    ck_assert(!find(KEY, 10, LIMIT_DENIED_MAX_US));
    limit_denied_free(denied);
}
END_TEST

/* A request of before a reload was refused by the limit as it was: those of
 * after it meet a bucket of another size. */
START_TEST(of_a_bucket_of_the_same_size_and_refill)
{
    const struct limit_rate others[] = {
        {101, 1, US_PER_S}, {100, 2, US_PER_S}, {100, 1, 60 * US_PER_S}};

    open_denied();
    add(KEY, 10, 0, 1000, 0);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct limit_rate mine = rate;

        rate = others[i];
        ck_assert(!find(KEY, 10, 1));
        rate = mine;
        ck_assert(find(KEY, 10, 1));
    }
    limit_denied_free(denied);
}
END_TEST

START_TEST(forgotten_and_cleared)
{
    open_denied();
    add(KEY, 10, 0, 1000, 0);
    limit_denied_forget(denied, TEXT_LIT("another"));
    ck_assert(find(KEY, 10, 1));
    limit_denied_forget(denied, KEY);
    ck_assert(!find(KEY, 10, 1));
    add(KEY, 10, 0, 1000, 0);
    limit_denied_clear(denied);
    ck_assert(!find(KEY, 10, 1));
    limit_denied_free(denied);
}
END_TEST

/* Far more keys than places: the latest is always there, and what is there is
 * right. */
START_TEST(as_many_as_fit)
{
    char key[32];
    int kept = 0;

    open_denied();
    for (int i = 0; i < 100000; i++) {
        struct text t;

        snprintf(key, sizeof(key), "p:l:%d", i);
        t = text_of(key);
        add(t, 1 + i % 5, i, 1000000, i);
        if (!find(t, 1 + i % 5, i) || remaining != i)
            ck_abort_msg("key %d", i);
    }
    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof(key), "p:l:%d", i);
        if (find(text_of(key), 5, 100000)) {
            kept++;
            if (remaining != i)
                ck_abort_msg("key %d", i);
        }
    }
    ck_assert_int_gt(kept, 3000);
    ck_assert_int_le(kept, 4096);
    limit_denied_free(denied);
}
END_TEST

UNIT_MAIN("limit/denied", until_its_time_and_for_that_cost_or_more,
          a_later_denial_replaces_it, forever_is_believed_for_a_minute,
          of_a_bucket_of_the_same_size_and_refill, forgotten_and_cleared,
          as_many_as_fit)
