/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/denied.c - what Redis has refused it is not asked again until it
 * could say yes, what it is asked goes out together, and a reload changes the
 * limits of live buckets.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "integration/expect.h"

#define FROM "+14155550100"
#define OTHER "+14155550101"
#define POLICY(limits) "{\"name\":\"test\",\"limits\":[" limits "]}"
#define ONE                                                                    \
    POLICY("{\"name\":\"burst\",\"per\":[\"sender\"],\"capacity\":1,"          \
           "\"refill\":\"0/s\"}")

static struct rig rig;

/* One worker: what it remembers, it remembers for all. */
static void start(enum rig_redis store, const char *policy)
{
    rig_start(&rig, &(struct rig_options){.redis = store,
                                          .policy = policy,
                                          .config = "\"workers\": 1"});
}

static double decided_by_redis(void)
{
    return rig_metric(&rig, "chatgate_limit_redis_total");
}

static double commands(void)
{
    return rig_metric(&rig, "chatgate_redis_commands_total");
}

START_TEST(a_denied_key_costs_no_redis_call)
{
    double before;

    start(RIG_REDIS, ONE);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 429);
    before = commands();
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(expect_create_status(&rig, FROM), 429);
    ck_assert(commands() == before);
    ck_assert(rig_metric(&rig, "chatgate_limit_cache_total") == 20);
    ck_assert_int_eq(expect_create_status(&rig, OTHER), 201);
    rig_stop(&rig);
}
END_TEST

START_TEST(until_its_time_comes)
{
    struct wire_answer a;
    struct timespec t;
    double before;
    long ms = 0;

    start(RIG_REDIS, POLICY("{\"name\":\"pace\",\"per\":[\"sender\"],"
                            "\"capacity\":1,\"refill\":\"30/m\"}"));
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 429);
    before = decided_by_redis();
    for (int i = 0; i < 5; i++) { /* each told a shorter wait */
        long last = ms;

        expect_create(&rig, FROM, NULL, &a);
        ck_assert_int_eq(a.status, 429);
        ms = strtol(wire_answer_header(&a, "retry-after-ms"), NULL, 10);
        ck_assert_int_gt(ms, 0);
        ck_assert(i == 0 || ms <= last);
        ck_assert_int_le(ms, 2000);
        wire_answer_release(&a);
    }
    ck_assert(decided_by_redis() == before);
    t = (struct timespec){ms / 1000, ms % 1000 * 1000000 + 2000000};
    nanosleep(&t, NULL);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    ck_assert(decided_by_redis() == before + 1);
    rig_stop(&rig);
}
END_TEST

/* A denied cost says nothing of a smaller one. */
START_TEST(a_smaller_cost_is_asked_all_the_same)
{
    char target[128], *body = rig_create_body(FROM, "hello");
    struct wire_answer a;

    start(RIG_REDIS,
          POLICY("{\"name\":\"burst\",\"per\":[\"sender\"],\"capacity\":6,"
                 "\"refill\":\"0/s\",\"cost\":{\"createChat\":5}}"));
    wire_call(rig.port, "POST", "/v3/chats", NULL, body, &a);
    ck_assert_int_eq(a.status, 201);
    snprintf(target, sizeof target, "/v3/chats/%s/typing",
             wire_text(wire_answer_json(&a), "/chat/id"));
    wire_answer_release(&a);
    free(body);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(expect_create_status(&rig, FROM), 429);
    wire_call(rig.port, "POST", target, NULL, "", &a);
    ck_assert_int_eq(a.status, 204);
    wire_answer_release(&a);
    wire_call(rig.port, "POST", target, NULL, "", &a);
    ck_assert_int_eq(a.status, 429);
    wire_answer_release(&a);
    rig_stop(&rig);
}
END_TEST

/* ---- shadow limits ---- */

/* The limits of the record of one more createChat: "name" or "name!" (it
 * would have been refused), in their order. */
static void expect_limits(int status, const char *expected)
{
    const struct json_value *line, *limits;
    struct rig_audit lines;
    struct wire_answer a;
    char got[256] = "";

    expect_create(&rig, FROM, NULL, &a);
    ck_assert_int_eq(a.status, status);
    line = expect_line(&rig, &lines, &a);
    expect_member(line, "limit_source", "redis");
    limits = json_get(line, "limits");
    for (size_t i = 0; i < limits->count; i++) {
        const struct json_value *l = limits->items[i];
        size_t len = strlen(got);

        snprintf(got + len, sizeof got - len, "%s%s%s:%s:%d", i ? " " : "",
                 json_get(l, "name")->text.data,
                 json_get(l, "allowed")->boolean ? "" : "!",
                 json_get(l, "mode")->text.data,
                 (int)wire_int(l, "/remaining"));
    }
    ck_assert_str_eq(got, expected);
    rig_audit_release(&lines);
    wire_answer_release(&a);
}

static void add_policy(const char *file, const char *text)
{
    char path[700];

    snprintf(path, sizeof path, "%s/%s", rig.policies_dir, file);
    rig_write_file(path, text);
}

/* A lower limit tried beside the one that is enforced: decided with it, shown
 * in the record, in no answer, and not looked at when the enforced one is
 * known to refuse. */
START_TEST(a_lower_limit_can_be_tried_on_live_traffic)
{
    rig_prepare(&rig,
                &(struct rig_options){
                    .policy = POLICY("{\"name\":\"burst\",\"per\":[\"sender\"],"
                                     "\"capacity\":3,\"refill\":\"0/s\"}"),
                    .config = "\"workers\": 1"});
    add_policy("trial.policy.json",
               "{\"name\":\"trial\",\"mode\":\"shadow\",\"limits\":[{\"name\":"
               "\"lower\",\"per\":[\"sender\"],\"capacity\":2,\"refill\":"
               "\"0/s\"}]}");
    rig_gateway_start(&rig);
    expect_limits(201, "burst:enforce:2 lower:shadow:1");
    expect_limits(201, "burst:enforce:1 lower:shadow:0");
    expect_limits(201, "burst:enforce:0 lower!:shadow:0");
    expect_limits(429, "burst!:enforce:0 lower!:shadow:0");
    expect_limits(429, "burst!:enforce:0"); /* known without asking */
    ck_assert(rig_metric(&rig, "chatgate_limit_cache_total") == 1);
    ck_assert(rig_metric(&rig, "chatgate_shadow_limited_total") == 2);
    rig_stop(&rig);
}
END_TEST

/* ---- reload ---- */

static void reload(const char *policy)
{
    add_policy("test.policy.json", policy);
    kill(rig.gateway.pid, SIGHUP);
}

#define OF(capacity)                                                           \
    POLICY("{\"name\":\"burst\",\"per\":[\"sender\"],\"capacity\":" #capacity  \
           ",\"refill\":\"0/s\"}")

static void expect_passes(int count)
{
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 429);
}

static void wait_for_policy(const char *version_before)
{
    int64_t until = process_now_ms() + process_stretch(PROCESS_DEADLINE_MS);
    bool is_new = false;

    while (!is_new) {
        struct wire_answer a;

        wire_call(rig.admin_port, "GET", "/policies", "Host: 127.0.0.1\r\n",
                  NULL, &a);
        is_new = strcmp(wire_text(wire_answer_json(&a), "/version"),
                        version_before) != 0;
        wire_answer_release(&a);
        ck_assert_msg(process_now_ms() < until, "the reload is not noticed");
        process_nap();
    }
}

static void policy_version(char out[64])
{
    struct wire_answer a;

    wire_call(rig.admin_port, "GET", "/policies", "Host: 127.0.0.1\r\n", NULL,
              &a);
    snprintf(out, 64, "%s", wire_text(wire_answer_json(&a), "/version"));
    wire_answer_release(&a);
}

/* What was spent stays spent, what was refused may pass: at once, though the
 * refusal was remembered. */
START_TEST(a_changed_capacity_applies_to_live_buckets)
{
    static const enum rig_redis stores[] = {RIG_REDIS, RIG_NO_REDIS};
    char version[64];

    start(stores[_i], OF(2));
    expect_passes(2);
    policy_version(version);
    reload(OF(5));
    wait_for_policy(version);
    expect_passes(3);
    policy_version(version);
    reload(OF(1));
    wait_for_policy(version);
    expect_passes(0);
    policy_version(version);
    reload(OF(6)); /* of the largest that it has had: 5 */
    wait_for_policy(version);
    expect_passes(1);
    rig_stop(&rig);
}
END_TEST

/* ---- writes ---- */

#define TOGETHER 60

/* Requests that are there at once are decided in a few writes. The gateway is
 * stopped while they arrive, so that one loop turn finds them all. */
START_TEST(commands_of_one_turn_go_out_in_one_write)
{
    char target[128], *body = rig_create_body(FROM, "hello");
    struct wire wires[TOGETHER];
    struct wire_answer a;
    double writes, asked;

    start(RIG_REDIS,
          POLICY("{\"name\":\"burst\",\"per\":[\"sender\"],\"capacity\":100000,"
                 "\"refill\":\"0/s\"}"));
    wire_call(rig.port, "POST", "/v3/chats", NULL, body, &a);
    ck_assert_int_eq(a.status, 201);
    snprintf(target, sizeof target, "/v3/chats/%s/typing",
             wire_text(wire_answer_json(&a), "/chat/id"));
    wire_answer_release(&a);
    free(body);
    for (int i = 0; i < TOGETHER; i++) {
        wire_open(&wires[i], rig.port);
        wire_request(&wires[i], "POST", target, NULL, "");
        wire_read(&wires[i], &a);
        ck_assert_int_eq(a.status, 204);
        wire_answer_release(&a);
    }
    writes = rig_metric(&rig, "chatgate_redis_writes_total");
    asked = commands();
    kill(rig.gateway.pid, SIGSTOP);
    for (int i = 0; i < TOGETHER; i++)
        wire_request(&wires[i], "POST", target, NULL, "");
    kill(rig.gateway.pid, SIGCONT);
    for (int i = 0; i < TOGETHER; i++) {
        wire_read(&wires[i], &a);
        ck_assert_int_eq(a.status, 204);
        wire_answer_release(&a);
        wire_close(&wires[i]);
    }
    ck_assert(commands() - asked == TOGETHER);
    writes = rig_metric(&rig, "chatgate_redis_writes_total") - writes;
    ck_assert_msg(writes <= TOGETHER / 10.0, "%d commands in %d writes",
                  TOGETHER, (int)writes);
    rig_stop(&rig);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("denied");
    TCase *t = rig_tcase(s, "denied");

    tcase_add_test(t, a_denied_key_costs_no_redis_call);
    tcase_add_test(t, until_its_time_comes);
    tcase_add_test(t, a_smaller_cost_is_asked_all_the_same);
    tcase_add_test(t, a_lower_limit_can_be_tried_on_live_traffic);
    tcase_add_loop_test(t, a_changed_capacity_applies_to_live_buckets, 0, 2);
    tcase_add_test(t, commands_of_one_turn_go_out_in_one_write);
    return s;
}

int main(void)
{
    return rig_main(suite());
}
