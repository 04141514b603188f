/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/cluster.c - the gateway on a real Redis Cluster: exact while
 * slots move and masters stop, never waiting for one that is away.
 *
 * Three masters are started once and emptied for each test; what kills a
 * master has a cluster of its own, with a replica.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/redis_slot.h"
#include "integration/expect.h"
#include "integration/spenders.h"
#include "redis_cluster.h"

#define TIMEOUT_MS 1000

static struct redis_cluster cluster;
static struct rig rig;
static char numbers[3][16]; /* one on each master */

static int master_of(const char *tag)
{
    return redis_cluster_owner(&cluster, redis_slot_of(text_of(tag)));
}

static void choose_numbers(void)
{
    int found = 0;

    memset(numbers, 0, sizeof numbers);
    for (int i = 0; found < 3; i++) {
        char number[16];
        int master;

        snprintf(number, sizeof number, "+1415555%04d", i);
        master = master_of(number);
        if (numbers[master][0])
            continue;
        memcpy(numbers[master], number, sizeof number);
        found++;
    }
}

/* Limits of a policy called "test"; `_redis` are members of "redis". */
static void start(const char *limits, const char *redis, bool expects_warnings)
{
    static char policy[2048];

    for (int i = 0; i < cluster.masters; i++) {
        redis_server_continue(&cluster.nodes[i]); /* after a test that failed */
        redis_cluster_tell(&cluster, i, "FLUSHALL");
    }
    choose_numbers();
    snprintf(policy, sizeof policy, "{\"name\":\"test\",\"limits\":[%s]}",
             limits);
    rig_start(&rig, &(struct rig_options){
                        .redis = RIG_REDIS_AWAY, /* they are the test's */
                        .redis_url = cluster.url,
                        .redis_config = redis,
                        .policy = policy,
                        .config = "\"workers\": 2",
                        .expects_warnings = expects_warnings,
                    });
}

/* What would decide about this number now, as the gateway explains it. */
static bool is_from(const char *number, const char *source)
{
    struct wire_answer a;
    char target[128];
    bool result;

    snprintf(target, sizeof target, "/explain?operation=createChat&from=%%2B%s",
             number + 1);
    wire_call(rig.admin_port, "GET", target, "Host: 127.0.0.1\r\n", NULL, &a);
    ck_assert_int_eq(a.status, 200);
    result =
        text_is(json_get(wire_answer_json(&a), "limit_source")->text, source);
    wire_answer_release(&a);
    return result;
}

static void wait_for_source(const char *number, const char *source)
{
    int64_t until = process_now_ms() + process_stretch(PROCESS_DEADLINE_MS);

    while (!is_from(number, source)) {
        ck_assert_msg(process_now_ms() < until, "%s: never by %s", number,
                      source);
        process_nap();
    }
}

/* Until the first client has been refused. */
static void wait_until_spent(const struct spenders *load)
{
    while (__atomic_load_n(&load->shared->counts[0].limited, __ATOMIC_RELAXED) <
           5)
        spenders_wait(load, 1);
}

/* Lines about `number`; those decided by `source` (NULL: any) that took at
 * least so long. */
static int count_lines(const char *number, const char *source, int64_t least_us)
{
    struct rig_audit lines;
    int count = 0;

    rig_audit(&rig, &lines);
    for (size_t i = 0; i < lines.count; i++) {
        const struct json_value *line = lines.docs[i]->root;

        count += text_is(json_get(line, "from")->text, number) &&
                 (!source ||
                  text_is(json_get(line, "limit_source")->text, source)) &&
                 wire_int(line, "/duration_us") >= least_us;
    }
    rig_audit_release(&lines);
    return count;
}

/* ---- nothing goes wrong ---- */

/* A limit for all is on another slot than a sender's; it refuses, and the
 * sender's tokens are there again. */
START_TEST(a_refusal_on_another_slot_gives_the_charge_back)
{
    const struct json_value *line;
    struct rig_audit lines;
    struct wire_answer a;

    start("{\"name\":\"burst\",\"per\":[\"sender\"],\"capacity\":10,"
          "\"refill\":\"0/s\"},"
          "{\"name\":\"all\",\"capacity\":4,\"refill\":\"0/s\"}",
          NULL, false);
    /* At least two of the numbers are on another master than "all". */
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(expect_create_status(&rig, numbers[i % 2]), 201);
    for (int m = 0; m < 3; m++) {
        int64_t left = m < 2 ? 8 : 10;

        for (int i = 0; i < 3; i++) {
            expect_create(&rig, numbers[m], NULL, &a);
            expect_refusal(&a, 429, 4001, "limit.test.all", NULL);
            ck_assert_str_eq(wire_answer_header(&a, "ratelimit"),
                             "\"all\";r=0;t=86400");
            ck_assert_ptr_nonnull(
                strstr(wire_answer_header(&a, "ratelimit-policy"), "burst"));
            line = expect_line(&rig, &lines, &a);
            expect_member(line, "limit_source", "redis");
            if (i == 0 && m == 0) { /* later ones are remembered */
                ck_assert_str_eq(wire_text(line, "/limits/0/name"), "burst");
                ck_assert_int_eq(wire_int(line, "/limits/0/remaining"), left);
            }
            rig_audit_release(&lines);
            wire_answer_release(&a);
        }
        {
            char target[128];

            snprintf(target, sizeof target,
                     "/explain?operation=createChat&from=%%2B%s",
                     numbers[m] + 1);
            wire_call(rig.admin_port, "GET", target, "Host: 127.0.0.1\r\n",
                      NULL, &a);
            ck_assert_int_eq(a.status, 200);
            (void)wire_answer_json(&a);
            ck_assert_int_eq(wire_int(a.json->root, "/limits/0/remaining"),
                             left);
            ck_assert_int_eq(wire_int(a.json->root, "/limits/1/remaining"), 0);
            expect_member(a.json->root, "limit_source", "redis");
            wire_answer_release(&a);
        }
    }
    ck_assert(rig_metric(&rig, "chatgate_limit_refunds_total") >= 1);
    ck_assert(rig_metric(&rig, "chatgate_limit_unknown_total") == 0);
    ck_assert(rig_metric(&rig, "chatgate_limit_refunds_failed_total") == 0);
    rig_stop(&rig);
}
END_TEST

/* What one gateway learned about chats, another one finds on the cluster. */
START_TEST(senders_of_chats_are_kept_on_the_cluster)
{
    char target[256], *text;
    struct rig_audit lines;
    struct wire_answer a;

    start("{\"name\":\"burst\",\"per\":[\"sender\"],\"capacity\":100,"
          "\"refill\":\"0/s\"}",
          NULL, false);
    for (int i = 0; i < 6; i++) {
        expect_create(&rig, numbers[i % 3], NULL, &a);
        ck_assert_int_eq(a.status, 201);
        (void)wire_answer_json(&a);
        snprintf(target, sizeof target, "/v3/chats/%s/typing",
                 wire_text(a.json->root, "/chat/id"));
        wire_answer_release(&a);
        rig_gateway_stop(&rig);
        rig_gateway_start(&rig);
        wire_call(rig.port, "POST", target, NULL, NULL, &a);
        ck_assert_int_eq(a.status, 204);
        expect_member(expect_line(&rig, &lines, &a), "from", numbers[i % 3]);
        rig_audit_release(&lines);
        wire_answer_release(&a);
    }
    ck_assert(rig_metric(&rig, "chatgate_sender_lookups_total") == 0);
    text = process_output(&rig.gateway);
    ck_assert_ptr_nonnull(strstr(text, "redis.cluster masters=3 slots=16384"));
    free(text);
    rig_stop(&rig);
}
END_TEST

/* ---- a slot moves ---- */

#define TOKENS 400

static void move(int slot, const char *number, int from, int to,
                 const struct spenders *load)
{
    char key[128];

    spenders_wait(load, 20);
    redis_cluster_move_begin(&cluster, slot, from, to);
    spenders_wait(load, 20);
    for (int i = 0; i < 2; i++) {
        snprintf(key, sizeof key, "chatgate:{%s}:test:%s:", number,
                 i ? "day" : "burst");
        redis_cluster_move_key(&cluster, key, from, to);
        spenders_wait(load, 20); /* one here, one there */
    }
    redis_cluster_move_end(&cluster, slot, to);
}

START_TEST(a_slot_moves_under_load)
{
    const char *const froms[4] = {numbers[0], numbers[0], numbers[0],
                                  numbers[1]};
    struct spenders load;
    int slot;

    start("{\"name\":\"burst\",\"per\":[\"sender\"],\"capacity\":400,"
          "\"refill\":\"0/s\"},"
          "{\"name\":\"day\",\"per\":[\"sender\"],\"capacity\":1000,"
          "\"refill\":\"0/s\"}",
          NULL, false);
    slot = redis_slot_of(text_of(numbers[0]));
    spenders_start(&load, rig.port, froms, 4);
    move(slot, numbers[0], 0, 1, &load);
    move(slot, numbers[0], 1, 2, &load);
    move(slot, numbers[0], 2, 0, &load);
    ck_assert_int_eq(load.shared->counts[0].limited, 0); /* all under load */
    wait_until_spent(&load);
    spenders_stop(&load);
    ck_assert_int_eq(spenders_created(&load, froms, numbers[0]), TOKENS);
    ck_assert_int_eq(count_lines(numbers[0], "local", 0), 0);
    ck_assert(rig_metric(&rig, "chatgate_redis_redirects_total") > 0);
    ck_assert(rig_metric(&rig, "chatgate_limit_unknown_total") == 0);
    ck_assert(rig_metric(&rig, "chatgate_limit_local_total") == 0);
    rig_stop(&rig);
}
END_TEST

/* ---- a master stops ---- */

/* It is away for a while; its senders are limited here, the others' as ever,
 * and it costs a few requests their time-out, not all of them. */
START_TEST(a_master_stalls_under_load)
{
    const char *const froms[4] = {numbers[0], numbers[0], numbers[1],
                                  numbers[1]};
    struct spenders load;
    int slow;

    start("{\"name\":\"burst\",\"per\":[\"sender\"],\"capacity\":200,"
          "\"refill\":\"0/s\"}",
          "\"timeout\": \"1000ms\"", true);
    spenders_start(&load, rig.port, froms, 4);
    spenders_wait(&load, 40);
    redis_server_stall(&cluster.nodes[1]);
    /* A worker finds out when one of its clients asks. */
    while (rig_metric(&rig, "chatgate_redis_up") == 2)
        spenders_wait(&load, 1);
    spenders_wait(&load, 150);
    redis_server_continue(&cluster.nodes[1]);
    ck_assert(rig_metric_becomes(&rig, "chatgate_redis_up", 2));
    wait_until_spent(&load);
    spenders_stop(&load);
    wait_for_source(numbers[1], "redis");
    ck_assert_int_eq(spenders_created(&load, froms, numbers[0]), 200);
    ck_assert_int_ge(count_lines(numbers[1], "local", 0), 30);
    /* Three failures open a circuit; a worker has two clients at most of that
     * number, and each return of the connection may cost one more. */
    slow = count_lines(numbers[1], NULL, TIMEOUT_MS * INT64_C(1000));
    ck_assert_msg(slow <= 16, "%d requests waited", slow);
    rig_stop(&rig);
}
END_TEST

/* ---- a master dies, and its replica takes over ---- */

START_TEST(a_failover_is_found)
{
    const char *const froms[4] = {numbers[0], numbers[0], numbers[1],
                                  numbers[1]};
    struct spenders load;

    start("{\"name\":\"burst\",\"per\":[\"sender\"],\"capacity\":300,"
          "\"refill\":\"0/s\"}",
          NULL, true);
    spenders_start(&load, rig.port, froms, 4);
    spenders_wait(&load, 40);
    redis_server_kill(&cluster.nodes[1]);
    spenders_wait(&load, 100); /* nobody waits for an election */
    redis_cluster_wait(&cluster, 4, "ROLE", "master");
    wait_for_source(numbers[1], "redis");
    wait_until_spent(&load);
    spenders_stop(&load);
    ck_assert_int_eq(spenders_created(&load, froms, numbers[0]), 300);
    ck_assert(rig_metric(&rig, "chatgate_redis_switches_total") >= 1);
    ck_assert(rig_metric_becomes(&rig, "chatgate_redis_up", 2));
    rig_stop(&rig);
}
END_TEST

/* ---- the frame ---- */

/* Nobody declares a master dead that a test stops for a moment. */
static void start_three(void)
{
    static const char *const options[] = {"--cluster-node-timeout", "60000",
                                          NULL};

    redis_cluster_start(&cluster, 3, 0, options);
}

static void start_with_replicas(void)
{
    static const char *const options[] = {"--cluster-require-full-coverage",
                                          "no",
                                          "--cluster-replica-validity-factor",
                                          "0",
                                          "--cluster-node-timeout",
                                          "1500",
                                          NULL};

    redis_cluster_start(&cluster, 3, 2, options);
}

static void remove_cluster(void)
{
    redis_cluster_remove(&cluster);
}

int main(void)
{
    Suite *s = suite_create("cluster");
    TCase *t = rig_tcase(s, "three masters");

    tcase_add_unchecked_fixture(t, start_three, remove_cluster);
    tcase_add_test(t, a_refusal_on_another_slot_gives_the_charge_back);
    tcase_add_test(t, senders_of_chats_are_kept_on_the_cluster);
    tcase_add_test(t, a_slot_moves_under_load);
    tcase_add_test(t, a_master_stalls_under_load);
    t = rig_tcase(s, "with replicas");
    tcase_add_unchecked_fixture(t, start_with_replicas, remove_cluster);
    tcase_add_test(t, a_failover_is_found);
    return rig_main(s);
}
