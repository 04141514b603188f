/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/drain.c - a stop finishes what was begun; a reload changes what
 * comes after it and nothing else.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "integration/expect.h"

#define FROM "+14155550100"
#define OTHER "+14155550101"

static struct rig rig;

/* A policy of one limit with this capacity. */
static void write_policy(const char *capacity)
{
    char path[700], text[512];

    snprintf(path, sizeof path, "%s/test.policy.json", rig.policies_dir);
    snprintf(text, sizeof text,
             "{\"name\":\"test\",\"limits\":[{\"name\":\"burst\",\"per\":"
             "[\"sender\"],\"capacity\":%s,\"refill\":\"0/s\"}]}",
             capacity);
    rig_write_file(path, text);
}

/* Begin a create that takes a while; returns when the upstream has it. */
static void begin_slow(struct wire *w, const char *fault)
{
    int64_t before = rig_delivered(&rig);
    int64_t until = process_now_ms() + process_stretch(PROCESS_DEADLINE_MS);
    char *body = rig_create_body(FROM, "slow"), header[64];

    snprintf(header, sizeof header, "X-Stub-Fault: %s\r\n", fault);
    wire_open(w, rig.port);
    wire_request(w, "POST", "/v3/chats", header, body);
    while (rig_delivered(&rig) == before && process_now_ms() < until)
        process_nap();
    ck_assert_int_eq(rig_delivered(&rig), before + 1);
    free(body);
}

START_TEST(a_stop_finishes_what_was_begun)
{
    struct rig_audit lines;
    struct wire_answer a;
    struct wire w;

    rig_start(&rig, &(struct rig_options){.redis = RIG_NO_REDIS});
    begin_slow(&w, "delay=1500ms");
    kill(rig.gateway.pid, SIGTERM);
    wire_read(&w, &a);
    ck_assert_int_eq(a.status, 201);
    ck_assert_str_eq(wire_answer_header(&a, "connection"), "close");
    ck_assert(wire_wait_close(&w));
    ck_assert_int_eq(process_wait(&rig.gateway), 0);
    expect_member(expect_line(&rig, &lines, &a), "decision", "forwarded");
    rig_audit_release(&lines);
    wire_answer_release(&a);
    wire_close(&w);
    rig_stop(&rig);
}
END_TEST

START_TEST(an_idle_connection_is_answered_once_more)
{
    struct wire_answer a;
    struct wire idle, busy;
    char *body = rig_create_body(FROM, "x");

    rig_start(&rig, &(struct rig_options){.redis = RIG_NO_REDIS});
    wire_open(&idle, rig.port);
    wire_request(&idle, "GET", "/v3/chats", NULL, NULL);
    wire_read(&idle, &a);
    ck_assert_int_eq(a.status, 200);
    wire_answer_release(&a);
    begin_slow(&busy, "delay=500ms"); /* keeps the gateway alive meanwhile */
    kill(rig.gateway.pid, SIGTERM);
    ck_assert(process_wait_for(&rig.gateway, "drain.begun", NULL, 0));
    wire_request(&idle, "POST", "/v3/chats", NULL, body);
    wire_read(&idle, &a);
    ck_assert_int_eq(a.status, 201);
    ck_assert_str_eq(wire_answer_header(&a, "connection"), "close");
    wire_answer_release(&a);
    ck_assert(wire_wait_close(&idle));
    wire_read(&busy, &a);
    ck_assert_int_eq(a.status, 201);
    wire_answer_release(&a);
    wire_close(&idle);
    wire_close(&busy);
    ck_assert_int_eq(process_wait(&rig.gateway), 0);
    free(body);
    rig_stop(&rig);
}
END_TEST

/* With so many workers that the last one is freed well after its loop has
 * ended: a timer of its own, due by then, once looked at the listener that was
 * gone. */
START_TEST(draining_ends_at_its_time_out)
{
    struct rig_audit lines;
    int64_t begin;
    struct wire w;

    rig_start(&rig, &(struct rig_options){
                        .redis = RIG_NO_REDIS,
                        .config = "\"drain_timeout\": \"300ms\", "
                                  "\"workers\": 24",
                        .expects_warnings = true,
                    });
    begin_slow(&w, "silent");
    begin = process_now_ms();
    ck_assert_int_eq(process_stop(&rig.gateway, SIGTERM), 0);
    ck_assert_int_ge(process_now_ms() - begin, 250);
    ck_assert_int_lt(process_now_ms() - begin, process_stretch(5000));
    /* What was cut off may have arrived; its line once said "none", and not
     * what had been asked. */
    rig_audit(&rig, &lines);
    ck_assert_uint_eq(lines.count, 1);
    expect_member(lines.docs[0]->root, "decision", "error");
    expect_member(lines.docs[0]->root, "delivery", "unknown");
    expect_member(lines.docs[0]->root, "method", "POST");
    expect_member(lines.docs[0]->root, "path", "/v3/chats");
    rig_audit_release(&lines);
    wire_close(&w);
    rig_stop(&rig);
}
END_TEST

START_TEST(readiness_fails_before_accepting_ends)
{
    struct wire_answer a;

    rig_start(&rig, &(struct rig_options){
                        .redis = RIG_NO_REDIS,
                        .config = "\"drain_delay\": \"600ms\"",
                    });
    wire_call(rig.admin_port, "GET", "/readyz", "Host: 127.0.0.1\r\n", NULL,
              &a);
    ck_assert_int_eq(a.status, 200);
    wire_answer_release(&a);
    kill(rig.gateway.pid, SIGTERM);
    ck_assert(process_wait_for(&rig.gateway, "drain.begun", NULL, 0));
    wire_call(rig.admin_port, "GET", "/readyz", "Host: 127.0.0.1\r\n", NULL,
              &a);
    ck_assert_int_eq(a.status, 503);
    wire_answer_release(&a);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    ck_assert_int_eq(process_wait(&rig.gateway), 0);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_reload_takes_the_new_policies)
{
    char first[64];
    struct rig_audit lines;

    rig_prepare(&rig, &(struct rig_options){0});
    write_policy("1");
    rig_gateway_start(&rig);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 429);
    write_policy("2");
    kill(rig.gateway.pid, SIGHUP);
    ck_assert(process_wait_for(&rig.gateway, "reload.done", NULL, 0));
    /* What was spent stays spent; the difference is there at once. */
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 429);
    ck_assert_int_eq(expect_create_status(&rig, OTHER), 201);
    ck_assert_int_eq(expect_create_status(&rig, OTHER), 201);
    ck_assert_int_eq(expect_create_status(&rig, OTHER), 429);
    rig_audit(&rig, &lines);
    ck_assert_uint_eq(lines.count, 7);
    snprintf(first, sizeof first, "%s",
             wire_text(lines.docs[0]->root, "/policy_version"));
    ck_assert_str_ne(wire_text(lines.docs[2]->root, "/policy_version"), first);
    rig_audit_release(&lines);
    rig_stop(&rig);
}
END_TEST

/* The key was once read in a configuration that the reload had freed. */
START_TEST(a_reload_keeps_the_key_of_hashed_numbers)
{
    struct rig_audit lines;

    rig_start(&rig, &(struct rig_options){
                        .redis = RIG_NO_REDIS,
                        .audit_config = "\"numbers\": \"hashed\", \"key\": "
                                        "\"0123456789abcdef0123456789abcdef\"",
                    });
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    kill(rig.gateway.pid, SIGHUP);
    ck_assert(process_wait_for(&rig.gateway, "reload.done", NULL, 0));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    rig_audit(&rig, &lines);
    ck_assert_uint_eq(lines.count, 4);
    for (size_t i = 1; i < lines.count; i++)
        expect_member(lines.docs[i]->root, "from",
                      wire_text(lines.docs[0]->root, "/from"));
    rig_audit_release(&lines);
    rig_stop(&rig);
}
END_TEST

/* The search for a chat's sender kept the time-out of the start. */
START_TEST(a_reload_shortens_all_waits_for_redis)
{
    struct wire_answer a;
    int64_t begin;

    rig_start(&rig, &(struct rig_options){
                        .config = "\"workers\": 1",
                        .redis_config = "\"timeout\": \"30s\"",
                        .expects_warnings = true,
                    });
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    rig.options.redis_config = "\"timeout\": \"20ms\"";
    rig_write_config(&rig, NULL);
    kill(rig.gateway.pid, SIGHUP);
    ck_assert(process_wait_for(&rig.gateway, "reload.done", NULL, 0));
    kill(rig.redis.pid, SIGSTOP);
    begin = process_now_ms();
    wire_call(rig.port, "GET", "/v3/chats/01a20bc2-b08e-70a9-9e4b-b6ca524db312",
              NULL, NULL, &a);
    ck_assert_int_eq(a.status, 404);
    ck_assert_int_lt(process_now_ms() - begin, process_stretch(3000));
    wire_answer_release(&a);
    kill(rig.redis.pid, SIGCONT);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_bad_reload_changes_nothing_and_says_why)
{
    char *said;

    rig_prepare(&rig, &(struct rig_options){.expects_warnings = true});
    write_policy("2");
    rig_gateway_start(&rig);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    write_policy("\"many\"");
    kill(rig.gateway.pid, SIGHUP);
    ck_assert(process_wait_for(&rig.gateway, "reload.refused", NULL, 0));
    said = process_output(&rig.gateway);
    ck_assert_ptr_nonnull(strstr(said, "test.policy.json"));
    free(said);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 429);
    write_policy("3"); /* mended: the next reload is taken */
    kill(rig.gateway.pid, SIGHUP);
    ck_assert(process_wait_for(&rig.gateway, "reload.done", NULL, 0));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(expect_create_status(&rig, OTHER), 201);
    ck_assert_int_eq(expect_create_status(&rig, OTHER), 429);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_request_under_way_keeps_its_policies)
{
    struct wire_answer a;
    struct wire w;

    rig_prepare(&rig, &(struct rig_options){0});
    write_policy("1");
    rig_gateway_start(&rig);
    begin_slow(&w, "delay=400ms");
    for (int i = 0; i < 5; i++) {
        write_policy(i % 2 ? "7" : "8");
        kill(rig.gateway.pid, SIGHUP);
        process_nap();
    }
    ck_assert(process_wait_for(&rig.gateway, "reload.done", NULL, 0));
    wire_read(&w, &a);
    ck_assert_int_eq(a.status, 201);
    wire_answer_release(&a);
    wire_close(&w);
    rig_stop(&rig);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("drain");
    TCase *t = rig_tcase(s, "drain");

    tcase_add_test(t, a_stop_finishes_what_was_begun);
    tcase_add_test(t, an_idle_connection_is_answered_once_more);
    tcase_add_test(t, draining_ends_at_its_time_out);
    tcase_add_test(t, readiness_fails_before_accepting_ends);
    tcase_add_test(t, a_reload_takes_the_new_policies);
    tcase_add_test(t, a_reload_keeps_the_key_of_hashed_numbers);
    tcase_add_test(t, a_reload_shortens_all_waits_for_redis);
    tcase_add_test(t, a_bad_reload_changes_nothing_and_says_why);
    tcase_add_test(t, a_request_under_way_keeps_its_policies);
    return s;
}

int main(void)
{
    return rig_main(suite());
}
