/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/exact.c - gateways that share a Redis, and workers that share a
 * process, let through what a bucket holds: never a token more, and hardly
 * one less.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "integration/expect.h"

#define FROM "+14155550100"
#define GATEWAYS 4

static struct rig rigs[GATEWAYS];

/* Gateways side by side on the first one's Redis (count 1: or without). A
 * decision that Redis did not make would not be exact, so there is no other. */
static void start(enum rig_redis store, int count, const char *limit)
{
    static char url[64], policy[512], redis_config[96];

    snprintf(policy, sizeof policy, "{\"name\":\"test\",\"limits\":[%s]}",
             limit);
    snprintf(redis_config, sizeof redis_config,
             "\"timeout\": \"%dms\", \"on_failure\": \"deny\"",
             (int)process_stretch(30000));
    for (int i = 0; i < count; i++) {
        struct rig_options o = {
            .redis = i == 0 ? store : RIG_REDIS_AWAY,
            .policy = policy,
            .redis_url = i == 0 ? NULL : url,
            .redis_config = redis_config,
            .config = "\"workers\": 4",
        };

        rig_start(&rigs[i], &o);
        if (i == 0)
            snprintf(url, sizeof url, "redis://127.0.0.1:%d",
                     rigs[0].redis_port);
    }
}

static void stop(int count)
{
    for (int i = count - 1; i >= 0; i--)
        rig_stop(&rigs[i]);
}

/* ---- one burst ---- */

#define CONNECTIONS 50 /* a gateway */

/* `count` requests to each gateway, all sent before an answer is read. */
static int burst(int gateways, int count)
{
    static struct wire wires[GATEWAYS][CONNECTIONS];
    char *body = rig_create_body(FROM, "hello");
    struct wire_answer a;
    int passed = 0;

    for (int g = 0; g < gateways; g++)
        for (int c = 0; c < CONNECTIONS; c++)
            wire_open(&wires[g][c], rigs[g].port);
    for (int i = 0; i < count / CONNECTIONS; i++)
        for (int c = 0; c < CONNECTIONS; c++)
            for (int g = 0; g < gateways; g++)
                wire_request(&wires[g][c], "POST", "/v3/chats", NULL, body);
    free(body);
    for (int g = 0; g < gateways; g++)
        for (int c = 0; c < CONNECTIONS; c++) {
            for (int i = 0; i < count / CONNECTIONS; i++) {
                wire_read(&wires[g][c], &a);
                ck_assert(a.status == 201 || a.status == 429);
                passed += a.status == 201;
                wire_answer_release(&a);
            }
            wire_close(&wires[g][c]);
        }
    return passed;
}

START_TEST(of_4000_requests_at_once_exactly_1000_pass_four_gateways)
{
    int64_t delivered = 0;

    start(RIG_REDIS, 4,
          "{\"name\":\"burst\",\"per\":[\"sender\"],\"capacity\":1000,"
          "\"refill\":\"0/s\"}");
    ck_assert_int_eq(burst(4, 1000), 1000);
    for (int g = 0; g < 4; g++) {
        delivered += rig_delivered(&rigs[g]);
        ck_assert(rig_metric(&rigs[g], "chatgate_limit_local_total") == 0);
    }
    ck_assert_int_eq(delivered, 1000);
    stop(4);
}
END_TEST

START_TEST(of_2000_requests_at_once_exactly_500_pass_four_workers)
{
    start(RIG_NO_REDIS, 1,
          "{\"name\":\"burst\",\"per\":[\"sender\"],\"capacity\":500,"
          "\"refill\":\"0/s\"}");
    ck_assert_int_eq(burst(1, 2000), 500);
    ck_assert_int_eq(rig_delivered(&rigs[0]), 500);
    stop(1);
}
END_TEST

/* ---- ten seconds ---- */

#define CAPACITY 100
#define REFILL 300
#define SPENDERS 8 /* a gateway */
#define SECONDS 10

static struct spender {
    pthread_t thread;
    int port;
    unsigned seed;
    const char *chat;
    int64_t spent;
    int64_t first_answer_ms;
} spenders[GATEWAYS * SPENDERS];

static atomic_bool is_over;

/* Operations and what they cost. */
static const struct {
    const char *method, *rest, *body;
    int cost;
} operations[] = {
    {"POST", "/typing", "", 1},
    {"POST", "/messages",
     "{\"message\":{\"parts\":[{\"type\":\"text\",\"value\":\"hello\"}]}}", 2},
    {"GET", "/messages", NULL, 3},
    {"PUT", "", "{\"display_name\":\"x\"}", 5},
};

static void *spend(void *arg)
{
    struct spender *s = arg;
    struct wire_answer a;
    struct wire w;
    char target[128];

    wire_open(&w, s->port);
    while (!atomic_load(&is_over)) {
        size_t i = (size_t)rand_r(&s->seed) % ARRAY_LEN(operations);

        snprintf(target, sizeof target, "/v3/chats/%s%s", s->chat,
                 operations[i].rest);
        wire_request(&w, operations[i].method, target, NULL,
                     operations[i].body);
        wire_read(&w, &a);
        if (s->first_answer_ms == 0)
            s->first_answer_ms = process_now_ms();
        if (a.status / 100 == 2)
            s->spent += operations[i].cost;
        else if (a.status != 429)
            ck_abort_msg("status %d: %s", a.status, a.body.data);
        wire_answer_release(&a);
    }
    wire_close(&w);
    return NULL;
}

/* A chat that every gateway's stub has. */
static void make_chat(int count, char chats[][64])
{
    char *body = rig_create_body(FROM, "hello");
    struct wire_answer a;

    for (int g = 0; g < count; g++) {
        wire_call(rigs[g].stub_port, "POST", "/v3/chats", NULL, body, &a);
        ck_assert_int_eq(a.status, 201);
        snprintf(chats[g], 64, "%s",
                 wire_text(wire_answer_json(&a), "/chat/id"));
        wire_answer_release(&a);
        /* Looked up before time is taken. */
    }
    free(body);
}

static void expect_saturated(int count)
{
    char chats[GATEWAYS][64];
    int64_t begin, all_at_it = 0, over, end, spent = 0;

    make_chat(count, chats);
    begin = process_now_ms();
    atomic_store(&is_over, false);
    for (int i = 0; i < count * SPENDERS; i++) {
        struct spender *s = &spenders[i];

        *s = (struct spender){.port = rigs[i % count].port,
                              .seed = (unsigned)i + 1,
                              .chat = chats[i % count]};
        ck_assert_int_eq(pthread_create(&s->thread, NULL, spend, s), 0);
    }
    (void)poll(NULL, 0, SECONDS * 1000);
    over = process_now_ms();
    atomic_store(&is_over, true);
    for (int i = 0; i < count * SPENDERS; i++) {
        pthread_join(spenders[i].thread, NULL);
        spent += spenders[i].spent;
        if (spenders[i].first_answer_ms > all_at_it)
            all_at_it = spenders[i].first_answer_ms;
    }
    end = process_now_ms();
    printf("%d gateway(s): %d tokens in %d ms, %.2f %% of what there was\n",
           count, (int)spent, (int)(over - all_at_it),
           100.0 * (double)spent /
               (CAPACITY + REFILL * (double)(over - all_at_it) / 1000));
    /* Both ends are cut to a millisecond. */
    ck_assert(spent * 1000 <= CAPACITY * 1000 + REFILL * (end - begin + 1));
    ck_assert((double)spent >=
              0.99 * (CAPACITY + REFILL * (double)(over - all_at_it) / 1000));
}

START_TEST(saturated_for_ten_seconds_a_bucket_gives_its_rate_and_no_more)
{
    static const struct {
        enum rig_redis store;
        int gateways;
    } cases[] = {{RIG_REDIS, 3}, {RIG_NO_REDIS, 1}};

    start(cases[_i].store, cases[_i].gateways,
          "{\"name\":\"pace\",\"per\":[\"sender\"],\"capacity\":100,"
          "\"refill\":\"300/s\",\"cost\":{\"sendMessageToChat\":2,"
          "\"getMessages\":3,\"updateChat\":5}}");
    expect_saturated(cases[_i].gateways);
    stop(cases[_i].gateways);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("exact");
    TCase *t = rig_tcase(s, "exact");

    tcase_add_test(t, of_4000_requests_at_once_exactly_1000_pass_four_gateways);
    tcase_add_test(t, of_2000_requests_at_once_exactly_500_pass_four_workers);
    tcase_add_loop_test(
        t, saturated_for_ten_seconds_a_bucket_gives_its_rate_and_no_more, 0, 2);
    return s;
}

int main(void)
{
    return rig_main(suite());
}
