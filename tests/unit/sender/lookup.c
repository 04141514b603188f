/* SPDX-License-Identifier: Apache-2.0
 *
 * One lookup at a time for a chat and credential, over two workers.
 */
#include "sender/lookup.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "redis_server.h"
#include "unit.h"

#define WAIT_S 10.0
#define CHAT "550e8400-e29b-41d4-a716-446655440000"

static mono_us imaginary_now;

static mono_us imaginary_mono(void *arg)
{
    (void)arg;
    return imaginary_now;
}

static const struct clock imaginary = {imaginary_mono, NULL, NULL};

#define WORKERS 2
static struct event_base *bases[WORKERS];
static struct sender_lookups *workers[WORKERS];
static struct sender_lookup_shared *shared;
static struct sender_lookup_limits limits;

static const struct sender_answer knows = {.http_status = 200,
                                           .number = "+14155550100"};
static const struct sender_answer not_found = {.http_status = 404};
static const struct sender_answer no_answer = {.http_status = 0};

static void open_lookups(void)
{
    imaginary_now = 1000 * US_PER_S;
    shared = sender_lookup_shared_new(&limits, &imaginary);
    ck_assert_ptr_nonnull(shared);
    for (int i = 0; i < WORKERS; i++) {
        bases[i] = event_base_new();
        ck_assert_int_eq(sender_lookups_new(bases[i], shared, &workers[i]),
                         STATUS_OK);
    }
}

static void close_lookups(void)
{
    for (int i = 0; i < WORKERS; i++) {
        sender_lookups_free(workers[i]);
        event_base_free(bases[i]);
    }
    sender_lookup_shared_free(shared);
}

static struct {
    int done;
    struct sender_answer answer;
} told;

static void on_told(void *arg, const struct sender_answer *answer)
{
    int *flag = arg;

    told.done++;
    told.answer = *answer;
    if (flag != NULL)
        ++*flag;
}

static enum sender_lookup_turn
join_as(int worker, const char *chat, const char *credential, const char *payer,
        struct sender_lookup **out, struct sender_answer *answer)
{
    int before = told.done;
    enum sender_lookup_turn turn =
        sender_lookup_join(workers[worker], text_of(chat), text_of(credential),
                           text_of(payer), on_told, NULL, out, answer);

    ck_assert_int_eq(told.done, before); /* never before it returns */
    return turn;
}

static enum sender_lookup_turn join(int worker, const char *chat,
                                    const char *credential,
                                    struct sender_lookup **out)
{
    struct sender_answer answer;

    return join_as(worker, chat, credential, "billing", out, &answer);
}

static void setup(void)
{
    sender_lookup_limits_default(&limits);
    memset(&told, 0, sizeof(told));
}

START_TEST(one_asks_and_the_others_wait)
{
    struct sender_lookup *first, *waiter;

    setup();
    open_lookups();
    ck_assert_int_eq(join(0, CHAT, "Bearer a", &first), SENDER_LOOKUP_FIRST);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(join(i % WORKERS, CHAT, "Bearer a", &waiter),
                         SENDER_LOOKUP_WAIT);
    ck_assert_uint_eq(sender_lookup_shared_count(shared), 1);
    sender_lookup_finish(first, &knows);
    ck_assert_int_eq(told.done, 0); /* from loop events only */
    ck_assert(run_until(bases[0], &told.done, 50, WAIT_S));
    ck_assert_int_eq(told.done, 50); /* each in the loop that it asked from */
    ck_assert(run_until(bases[1], &told.done, 100, WAIT_S));
    ck_assert_int_eq(told.answer.http_status, 200);
    ck_assert_str_eq(told.answer.number, "+14155550100");
    ck_assert_uint_eq(sender_lookup_shared_count(shared), 0);
    close_lookups();
}
END_TEST

START_TEST(another_chat_or_credential_is_another_lookup)
{
    struct sender_lookup *a, *b, *c, *d;

    setup();
    open_lookups();
    ck_assert_int_eq(join(0, "ab", "c", &a), SENDER_LOOKUP_FIRST);
    ck_assert_int_eq(join(0, "a", "bc", &b), SENDER_LOOKUP_FIRST);
    ck_assert_int_eq(join(0, "ab", "d", &c), SENDER_LOOKUP_FIRST);
    ck_assert_int_eq(join(0, "ab", NULL, &d), SENDER_LOOKUP_FIRST);
    sender_lookup_finish(a, &knows);
    sender_lookup_finish(b, &knows);
    sender_lookup_finish(c, &not_found);
    sender_lookup_finish(d, &not_found);
    close_lookups();
}
END_TEST

START_TEST(a_fresh_answer_is_given_again)
{
    static const struct sender_answer *const answers[] = {&knows, &not_found};
    struct sender_lookup *lookup;
    struct sender_answer answer;

    setup();
    open_lookups();
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        char chat[32];

        snprintf(chat, sizeof(chat), "chat%zu", i);
        ck_assert_int_eq(join(0, chat, "a", &lookup), SENDER_LOOKUP_FIRST);
        sender_lookup_finish(lookup, answers[i]);
        imaginary_now += limits.fresh_us - 1;
        memset(&answer, 0, sizeof(answer));
        ck_assert_int_eq(join_as(1, chat, "a", "p", &lookup, &answer),
                         SENDER_LOOKUP_KNOWN);
        ck_assert_int_eq(answer.http_status, answers[i]->http_status);
        ck_assert_str_eq(answer.number, answers[i]->number);
        /* With another credential the answer may be another. */
        ck_assert_int_eq(join(0, chat, "b", &lookup), SENDER_LOOKUP_FIRST);
        sender_lookup_finish(lookup, &no_answer);
        imaginary_now += 1;
        ck_assert_int_eq(join(0, chat, "a", &lookup), SENDER_LOOKUP_FIRST);
        sender_lookup_finish(lookup, &no_answer);
    }
    close_lookups();
}
END_TEST

/* An upstream that asks to wait is not asked before, nor much later. */
START_TEST(a_request_to_wait_is_remembered_for_that_long)
{
    static const int64_t waits[] = {US_PER_S, 60 * US_PER_S};
    struct sender_lookup *lookup;
    struct sender_answer answer;

    setup();
    open_lookups();
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        const struct sender_answer wait = {.http_status = 429,
                                           .retry_after_us = waits[i]};
        int64_t kept = waits[i] < limits.fresh_us ? waits[i] : limits.fresh_us;

        ck_assert_int_eq(join(0, CHAT, "a", &lookup), SENDER_LOOKUP_FIRST);
        sender_lookup_finish(lookup, &wait);
        imaginary_now += kept - 1;
        ck_assert_int_eq(join_as(1, CHAT, "a", "p", &lookup, &answer),
                         SENDER_LOOKUP_KNOWN);
        ck_assert_int_eq(answer.http_status, 429);
        ck_assert_int_eq(answer.retry_after_us, waits[i]);
        imaginary_now += 1;
        ck_assert_int_eq(join(0, CHAT, "a", &lookup), SENDER_LOOKUP_FIRST);
        sender_lookup_finish(lookup, &no_answer);
    }
    close_lookups();
}
END_TEST

START_TEST(what_could_not_be_answered_is_asked_again)
{
    const struct sender_answer failures[] = {
        {.http_status = 0},
        {.http_status = 408},
        {.http_status = 500},
        {.http_status = 503},
    };
    struct sender_lookup *lookup;

    setup();
    open_lookups();
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        ck_assert_int_eq(join(0, CHAT, "a", &lookup), SENDER_LOOKUP_FIRST);
        sender_lookup_finish(lookup, &failures[i]);
    }
    ck_assert_int_eq(join(0, CHAT, "a", &lookup), SENDER_LOOKUP_FIRST);
    sender_lookup_finish(lookup, &knows);
    close_lookups();
}
END_TEST

START_TEST(a_waiter_may_leave)
{
    struct sender_lookup *first, *waiters[3];

    setup();
    open_lookups();
    ck_assert_int_eq(join(0, CHAT, "a", &first), SENDER_LOOKUP_FIRST);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(join(0, CHAT, "a", &waiters[i]), SENDER_LOOKUP_WAIT);
    sender_lookup_cancel(waiters[0]); /* while it waits */
    sender_lookup_finish(first, &not_found);
    sender_lookup_cancel(waiters[2]); /* answered, not yet told */
    run_for(bases[0], 0.02);
    ck_assert_int_eq(told.done, 1);
    ck_assert_int_eq(told.answer.http_status, 404);
    close_lookups();
}
END_TEST

static struct sender_lookup *victim;

static void on_told_cancel(void *arg, const struct sender_answer *answer)
{
    on_told(arg, answer);
    sender_lookup_cancel(victim);
}

START_TEST(a_callback_may_cancel_another_waiter)
{
    struct sender_lookup *first, *waiter;
    struct sender_answer answer;

    setup();
    open_lookups();
    ck_assert_int_eq(join(0, CHAT, "a", &first), SENDER_LOOKUP_FIRST);
    ck_assert_int_eq(sender_lookup_join(workers[0], text_of(CHAT), text_of("a"),
                                        text_of("p"), on_told_cancel, NULL,
                                        &waiter, &answer),
                     SENDER_LOOKUP_WAIT);
    ck_assert_int_eq(join(0, CHAT, "a", &victim), SENDER_LOOKUP_WAIT);
    sender_lookup_finish(first, &knows);
    run_for(bases[0], 0.02);
    ck_assert_int_eq(told.done, 1);
    close_lookups();
}
END_TEST

START_TEST(a_worker_that_ends_releases_the_others)
{
    struct sender_lookup *first, *waiter;

    setup();
    open_lookups();
    ck_assert_int_eq(join(0, CHAT, "a", &first), SENDER_LOOKUP_FIRST);
    ck_assert_int_eq(join(0, CHAT, "a", &waiter), SENDER_LOOKUP_WAIT);
    ck_assert_int_eq(join(1, CHAT, "a", &waiter), SENDER_LOOKUP_WAIT);
    sender_lookups_free(workers[0]);
    workers[0] = NULL;
    ck_assert(run_until(bases[1], &told.done, 1, WAIT_S));
    ck_assert_int_eq(told.done, 1); /* its own one is not told */
    ck_assert_int_eq(told.answer.http_status, 0);
    ck_assert_str_eq(told.answer.number, "");
    ck_assert_uint_eq(sender_lookup_shared_count(shared), 0);
    close_lookups();
}
END_TEST

START_TEST(waiters_are_bounded)
{
    struct sender_lookup *first, *waiters[3];

    setup();
    limits.max_waiters = 2;
    open_lookups();
    ck_assert_int_eq(join(0, CHAT, "a", &first), SENDER_LOOKUP_FIRST);
    ck_assert_int_eq(join(0, CHAT, "a", &waiters[0]), SENDER_LOOKUP_WAIT);
    ck_assert_int_eq(join(1, CHAT, "a", &waiters[1]), SENDER_LOOKUP_WAIT);
    ck_assert_int_eq(join(1, CHAT, "a", &waiters[2]), SENDER_LOOKUP_BUSY);
    sender_lookup_cancel(waiters[0]);
    ck_assert_int_eq(join(1, CHAT, "a", &waiters[2]), SENDER_LOOKUP_WAIT);
    sender_lookup_finish(first, &knows);
    close_lookups();
}
END_TEST

START_TEST(lookups_under_way_are_bounded)
{
    struct sender_lookup *lookups[3];

    setup();
    limits.max_lookups = 2;
    open_lookups();
    ck_assert_int_eq(join(0, "a", "", &lookups[0]), SENDER_LOOKUP_FIRST);
    ck_assert_int_eq(join(1, "b", "", &lookups[1]), SENDER_LOOKUP_FIRST);
    ck_assert_int_eq(join(0, "c", "", &lookups[2]), SENDER_LOOKUP_BUSY);
    sender_lookup_finish(lookups[0], &knows);
    ck_assert_int_eq(join(0, "c", "", &lookups[2]), SENDER_LOOKUP_FIRST);
    sender_lookup_finish(lookups[1], &knows);
    sender_lookup_finish(lookups[2], &knows);
    /* Answers that are kept are bounded too: the oldest has gone. */
    ck_assert_int_eq(join(0, "a", "", &lookups[0]), SENDER_LOOKUP_FIRST);
    sender_lookup_finish(lookups[0], &knows);
    close_lookups();
}
END_TEST

/* Chats that do not exist, each another: the upstream is asked as often as the
 * budget says, and another payer is not held up by it. */
START_TEST(invented_chats_are_no_amplifier)
{
    struct sender_lookup *lookup;
    struct sender_answer answer;
    int asked = 0, later = 0;
    char chat[32];

    setup();
    limits.budget_burst = 10;
    limits.budget_interval_us = US_PER_S;
    open_lookups();
    for (int i = 0; i < 1000; i++) {
        snprintf(chat, sizeof(chat), "chat-%d", i);
        if (join_as(i % WORKERS, chat, "a", "mallory", &lookup, &answer) !=
            SENDER_LOOKUP_FIRST)
            continue;
        asked++;
        sender_lookup_finish(lookup, &not_found);
    }
    ck_assert_int_eq(asked, 10);
    ck_assert_int_eq(join_as(0, "chat-x", "a", "billing", &lookup, &answer),
                     SENDER_LOOKUP_FIRST);
    /* Waiting for another's lookup and fresh answers cost nothing. */
    ck_assert_int_eq(join_as(0, "chat-x", "a", "mallory", &lookup, &answer),
                     SENDER_LOOKUP_WAIT);
    imaginary_now += 3 * US_PER_S;
    for (int i = 2000; i < 3000; i++) {
        snprintf(chat, sizeof(chat), "chat-%d", i);
        if (join_as(0, chat, "a", "mallory", &lookup, &answer) !=
            SENDER_LOOKUP_FIRST)
            continue;
        later++;
        sender_lookup_finish(lookup, &not_found);
    }
    ck_assert_int_eq(later, 3);
    close_lookups();
}
END_TEST

/* Payers beyond what the table of budgets holds: it does not grow. */
START_TEST(many_payers)
{
    struct sender_lookup *lookup;
    struct sender_answer answer;
    char payer[32];

    setup();
    open_lookups();
    for (int i = 0; i < 50000; i++) {
        snprintf(payer, sizeof(payer), "payer-%d", i);
        if (join_as(0, CHAT, "a", payer, &lookup, &answer) !=
            SENDER_LOOKUP_FIRST)
            ck_abort_msg("payer %d", i);
        sender_lookup_finish(lookup, &no_answer);
    }
    close_lookups();
}
END_TEST

/* Two loops in two threads, as in the program. */
struct thread {
    int worker;
    pthread_barrier_t *barrier;
    int firsts, told;
    pthread_t id;
};

static void *ask_together(void *arg)
{
    struct thread *t = arg;

    for (int i = 0; i < 200; i++) {
        struct sender_lookup *lookups[8];
        struct sender_lookup *mine = NULL;
        struct sender_answer answer;
        int waiting = 0, before = t->told;
        char chat[32];

        snprintf(chat, sizeof(chat), "chat-%d", i);
        pthread_barrier_wait(t->barrier);
        for (int j = 0; j < 8; j++) {
            enum sender_lookup_turn turn = sender_lookup_join(
                workers[t->worker], text_of(chat), text_of("a"), text_of("p"),
                on_told, &t->told, &lookups[j], &answer);

            CHECK(turn != SENDER_LOOKUP_BUSY);
            waiting += turn == SENDER_LOOKUP_WAIT;
            if (turn == SENDER_LOOKUP_FIRST) {
                mine = lookups[j];
                t->firsts++;
            }
        }
        if (mine != NULL)
            sender_lookup_finish(mine, &knows);
        CHECK(run_until(bases[t->worker], &t->told, before + waiting, WAIT_S));
    }
    return NULL;
}

START_TEST(threads_ask_once)
{
    pthread_barrier_t barrier;
    struct thread threads[WORKERS];

    setup();
    limits.budget_burst = 100000;
    open_lookups();
    pthread_barrier_init(&barrier, NULL, WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        threads[i] = (struct thread){.worker = i, .barrier = &barrier};
        ck_assert_int_eq(
            pthread_create(&threads[i].id, NULL, ask_together, &threads[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i].id, NULL);
    ck_assert_int_eq(threads[0].firsts + threads[1].firsts, 200);
    pthread_barrier_destroy(&barrier);
    close_lookups();
}
END_TEST

UNIT_MAIN("sender/lookup", one_asks_and_the_others_wait,
          another_chat_or_credential_is_another_lookup,
          a_fresh_answer_is_given_again,
          a_request_to_wait_is_remembered_for_that_long,
          what_could_not_be_answered_is_asked_again, a_waiter_may_leave,
          a_callback_may_cancel_another_waiter,
          a_worker_that_ends_releases_the_others, waiters_are_bounded,
          lookups_under_way_are_bounded, invented_chats_are_no_amplifier,
          many_payers, threads_ask_once)
