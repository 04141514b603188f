/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/limits.c - a sender spends what its buckets hold, is told so in
 * fields that a client can parse, and pays for nothing that was not sent.
 *
 * Every test runs twice: with buckets in Redis and in the process.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "integration/expect.h"
#include "integration/sf.h"

#define FROM "+14155550100"
#define OTHER "+14155550101"

static struct rig rig;

static const enum rig_redis stores[] = {RIG_REDIS, RIG_NO_REDIS};
static const char *const sources[] = {"redis", "local"};

/* A policy named "test" with these limits; its store is _i's. */
#define START(i, limits)                                                       \
    rig_start(&rig,                                                            \
              &(struct rig_options){                                           \
                  .redis = stores[i],                                          \
                  .policy = "{\"name\":\"test\",\"limits\":[" limits "]}",     \
              })

#define BURST3                                                                 \
    "{\"name\":\"burst\",\"per\":[\"sender\"],\"capacity\":3,"                 \
    "\"refill\":\"0/s\"}"

/* One field with so many items; fails the test when it is malformed. */
static void parse_field(const struct wire_answer *a, const char *name,
                        struct sf_item *items, int count)
{
    const char *field = wire_answer_header(a, name);

    ck_assert_msg(wire_answer_header_count(a, name) == 1, "%d times %s",
                  wire_answer_header_count(a, name), name);
    ck_assert_msg(sf_parse(field, items, 8) == count, "%s: %s", name, field);
}

/* RateLimit: the limit called `name` with r and t. */
static void expect_ratelimit(const struct wire_answer *a, const char *name,
                             int64_t r, int64_t t)
{
    struct sf_item items[8];
    int64_t value;

    parse_field(a, "ratelimit", items, 1);
    ck_assert_str_eq(items[0].name, name);
    ck_assert(sf_get(&items[0], "r", &value));
    ck_assert_int_eq(value, r);
    ck_assert(sf_get(&items[0], "t", &value));
    ck_assert_int_eq(value, t);
    ck_assert_uint_eq(items[0].parameter_count, 2); /* no partition key */
}

static void expect_limited(struct wire_answer *a, const char *rule)
{
    expect_refusal(a, 429, 4001, rule, NULL);
    ck_assert_int_eq(wire_answer_header_count(a, "retry-after"), 1);
    ck_assert_int_eq(wire_answer_header_count(a, "retry-after-ms"), 1);
}

START_TEST(a_bucket_is_spent_and_then_says_so)
{
    struct sf_item items[8];
    struct wire_answer a;
    int64_t value;

    START(_i, BURST3);
    for (int i = 0; i < 3; i++) {
        expect_create(&rig, FROM, NULL, &a);
        ck_assert_int_eq(a.status, 201);
        expect_ratelimit(&a, "burst", 2 - i, 86400);
        parse_field(&a, "ratelimit-policy", items, 1);
        ck_assert_str_eq(items[0].name, "burst");
        ck_assert(sf_get(&items[0], "q", &value));
        ck_assert_int_eq(value, 3);
        ck_assert(!sf_get(&items[0], "w", &value)); /* it never refills */
        ck_assert_ptr_null(wire_answer_header(&a, "retry-after"));
        wire_answer_release(&a);
    }
    expect_create(&rig, FROM, NULL, &a);
    expect_limited(&a, "limit.test.burst");
    expect_ratelimit(&a, "burst", 0, 86400);
    ck_assert_str_eq(wire_answer_header(&a, "retry-after"), "86400");
    ck_assert_str_eq(wire_answer_header(&a, "retry-after-ms"), "86400000");
    wire_answer_release(&a);
    ck_assert_int_eq(rig_delivered(&rig), 3);
    ck_assert_int_eq(expect_create_status(&rig, OTHER), 201);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_refusal_is_recorded_with_its_bucket)
{
    const struct json_value *line;
    struct rig_audit lines;
    struct wire_answer a;

    START(_i, BURST3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    expect_create(&rig, FROM, NULL, &a);
    expect_limited(&a, "limit.test.burst");
    line = expect_line(&rig, &lines, &a);
    expect_member(line, "decision", "limited");
    expect_member(line, "delivery", "none");
    expect_member(line, "from", FROM);
    expect_member(line, "limit_source", sources[_i]);
    ck_assert_str_eq(wire_text(line, "/limits/0/policy"), "test");
    ck_assert_str_eq(wire_text(line, "/limits/0/name"), "burst");
    ck_assert_str_eq(wire_text(line, "/limits/0/mode"), "enforce");
    ck_assert(!json_at(line, text_of("/limits/0/allowed"))->boolean);
    ck_assert_int_eq(wire_int(line, "/limits/0/remaining"), 0);
    rig_audit_release(&lines);
    wire_answer_release(&a);
    rig_stop(&rig);
}
END_TEST

START_TEST(waiting_as_told_is_enough)
{
    struct sf_item items[8];
    struct wire_answer a;
    struct timespec t;
    int64_t value;
    long ms;

    START(_i, "{\"name\":\"pace\",\"per\":[\"sender\"],\"capacity\":2,"
              "\"refill\":\"2/s\"}");
    for (int tries = 0;; tries++) {
        ck_assert_int_lt(tries, 50);
        expect_create(&rig, FROM, NULL, &a);
        if (a.status == 429)
            break;
        ck_assert_int_eq(a.status, 201);
        wire_answer_release(&a);
    }
    expect_limited(&a, "limit.test.pace");
    parse_field(&a, "ratelimit-policy", items, 1);
    ck_assert(sf_get(&items[0], "q", &value) && value == 2);
    ck_assert(sf_get(&items[0], "w", &value) && value == 1);
    expect_ratelimit(&a, "pace", 0, 1);
    ck_assert_str_eq(wire_answer_header(&a, "retry-after"), "1");
    ms = strtol(wire_answer_header(&a, "retry-after-ms"), NULL, 10);
    ck_assert_int_gt(ms, 0);
    ck_assert_int_le(ms, 500);
    wire_answer_release(&a);
    /* Redis and this machine agree about a millisecond, not about less. */
    t = (struct timespec){0, (ms + 2) * 1000000};
    nanosleep(&t, NULL);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    rig_stop(&rig);
}
END_TEST

START_TEST(what_is_invalid_costs_nothing)
{
    struct wire_answer a;

    START(_i, BURST3);
    for (int i = 0; i < 5; i++) {
        wire_call(rig.port, "POST", "/v3/chats", NULL,
                  "{\"from\":\"" FROM "\",\"to\":[]}", &a);
        expect_refusal(&a, 400, 1002, NULL, NULL);
        ck_assert_ptr_null(wire_answer_header(&a, "ratelimit"));
        wire_answer_release(&a);
    }
    expect_create(&rig, FROM, NULL, &a);
    ck_assert_int_eq(a.status, 201);
    expect_ratelimit(&a, "burst", 2, 86400);
    wire_answer_release(&a);
    rig_stop(&rig);
}
END_TEST

START_TEST(all_buckets_are_charged_or_none)
{
    struct sf_item items[8];
    struct wire_answer a;

    START(_i, "{\"name\":\"wide\",\"per\":[\"sender\"],\"capacity\":10,"
              "\"refill\":\"0/s\"},"
              "{\"name\":\"dear\",\"per\":[\"sender\"],\"capacity\":5,"
              "\"refill\":\"0/s\",\"cost\":{\"createChat\":5}}");
    expect_create(&rig, FROM, NULL, &a);
    ck_assert_int_eq(a.status, 201);
    parse_field(&a, "ratelimit-policy", items, 2);
    wire_answer_release(&a);
    for (int i = 0; i < 3; i++) { /* refused by "dear": "wide" stays */
        expect_create(&rig, FROM, NULL, &a);
        expect_limited(&a, "limit.test.dear");
        wire_answer_release(&a);
    }
    /* Another operation costs 1 in both; none is left in "dear". */
    wire_call(rig.port, "GET", "/v3/chats?from=%2B14155550100", NULL, NULL, &a);
    expect_limited(&a, "limit.test.dear");
    {
        struct rig_audit lines;
        const struct json_value *line = expect_line(&rig, &lines, &a);
        const struct json_value *limits = json_get(line, "limits");
        bool seen = false;

        for (size_t i = 0; i < limits->count; i++)
            if (text_is(json_get(limits->items[i], "name")->text, "wide")) {
                ck_assert_int_eq(wire_int(limits->items[i], "/remaining"), 9);
                seen = true;
            }
        ck_assert(seen);
        rig_audit_release(&lines);
    }
    wire_answer_release(&a);
    rig_stop(&rig);
}
END_TEST

START_TEST(the_limit_closest_to_refusing_is_shown)
{
    struct sf_item items[8];
    struct wire_answer a;

    START(_i, "{\"name\":\"wide\",\"per\":[\"sender\"],\"capacity\":100,"
              "\"refill\":\"0/s\"},"
              "{\"name\":\"narrow\",\"per\":[],\"capacity\":4,"
              "\"refill\":\"0/s\"}");
    expect_create(&rig, FROM, NULL, &a);
    ck_assert_int_eq(a.status, 201);
    expect_ratelimit(&a, "narrow", 3, 86400);
    parse_field(&a, "ratelimit-policy", items, 2);
    wire_answer_release(&a);
    for (int i = 0; i < 3; i++) /* one bucket for all senders */
        ck_assert_int_eq(expect_create_status(&rig, OTHER), 201);
    expect_create(&rig, FROM, NULL, &a);
    expect_limited(&a, "limit.test.narrow");
    wire_answer_release(&a);
    rig_stop(&rig);
}
END_TEST

/* Two limits refuse: the answer is about the one to wait for, and names the
 * other as well. */
START_TEST(of_two_limits_that_refuse_the_longer_wait_is_told)
{
    struct wire_answer a;
    const char *message;

    START(_i, "{\"name\":\"short\",\"per\":[\"sender\"],\"capacity\":1,"
              "\"refill\":\"1/m\"},"
              "{\"name\":\"long\",\"per\":[\"sender\"],\"capacity\":1,"
              "\"refill\":\"1/h\"}");
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    expect_create(&rig, FROM, NULL, &a);
    expect_limited(&a, "limit.test.long");
    message = wire_text(wire_answer_json(&a), "/error/message");
    ck_assert_msg(strstr(message, "test.long of 1 tokens"), "%s", message);
    ck_assert_str_eq(
        wire_text(wire_answer_json(&a), "/error/violations/1/rule"),
        "limit.test.short");
    ck_assert_int_gt(strtol(wire_answer_header(&a, "retry-after"), NULL, 10),
                     60);
    ck_assert_ptr_nonnull(strstr(wire_answer_header(&a, "ratelimit"), "long"));
    wire_answer_release(&a);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_failure_to_connect_gives_the_charge_back)
{
    struct wire_answer a;

    START(_i, BURST3);
    process_stop(&rig.stub, SIGTERM);
    for (int i = 0; i < 5; i++) {
        expect_create(&rig, FROM, NULL, &a);
        expect_refusal(&a, 503, 4004, NULL, NULL);
        wire_answer_release(&a);
    }
    rig_stub_start(&rig);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 429);
    rig_stop(&rig);
}
END_TEST

/* The outcome is unknown, so it may have been sent: it is paid for. */
START_TEST(an_unknown_outcome_is_paid_for)
{
    struct wire_answer a;

    START(_i, BURST3);
    for (int i = 0; i < 3; i++) {
        expect_create(&rig, FROM, "X-Stub-Fault: drop_after_read\r\n", &a);
        expect_refusal(&a, 502, 4004, NULL, NULL);
        wire_answer_release(&a);
    }
    ck_assert_int_eq(expect_create_status(&rig, FROM), 429);
    rig_stop(&rig);
}
END_TEST

START_TEST(the_upstreams_own_fields_are_dropped)
{
    struct wire_answer a;

    START(_i, BURST3);
    expect_create(&rig, FROM, "X-Stub-Fault: header=RateLimit: \"theirs\"\r\n",
                  &a);
    ck_assert_int_eq(a.status, 201);
    expect_ratelimit(&a, "burst", 2, 86400);
    wire_answer_release(&a);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_shadow_limit_refuses_nobody)
{
    const struct json_value *line;
    struct rig_audit lines;
    struct wire_answer a;

    rig_start(&rig, &(struct rig_options){
                        .redis = stores[_i],
                        .policy = "{\"name\":\"test\",\"mode\":\"shadow\","
                                  "\"limits\":[" BURST3 "]}",
                    });
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    expect_create(&rig, FROM, NULL, &a);
    ck_assert_int_eq(a.status, 201);
    ck_assert_ptr_null(wire_answer_header(&a, "ratelimit"));
    line = expect_line(&rig, &lines, &a);
    expect_member(line, "decision", "forwarded");
    ck_assert_str_eq(wire_text(line, "/limits/0/mode"), "shadow");
    ck_assert(!json_at(line, text_of("/limits/0/allowed"))->boolean);
    rig_audit_release(&lines);
    wire_answer_release(&a);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_number_may_have_a_bucket_of_its_own)
{
    START(_i, "{\"name\":\"burst\",\"per\":[\"sender\"],\"capacity\":1,"
              "\"refill\":\"0/s\",\"overrides\":{\"" OTHER
              "\":{\"capacity\":3,\"refill\":\"0/s\"}}}");
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 429);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(expect_create_status(&rig, OTHER), 201);
    ck_assert_int_eq(expect_create_status(&rig, OTHER), 429);
    rig_stop(&rig);
}
END_TEST

/* Buckets in Redis are everybody's: a gateway that starts later, or another
 * one beside it, finds them as they are. */
START_TEST(a_restarted_gateway_finds_its_buckets_in_redis)
{
    START(0, BURST3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    rig_gateway_stop(&rig);
    rig_gateway_start(&rig);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 429);
    rig_stop(&rig);
}
END_TEST

START_TEST(the_parser_of_fields_is_strict)
{
    static const char *const bad[] = {
        "a;r=1",         "\"a\";r",   "\"a\";r=",    "\"a\",",
        "\"a\" \"b\"",   "\"a\";R=1", "\"a\";r=1.5", "\"a",
        "\"a\";r=\"1\"", "\"\x01\"",  ",\"a\"",      "\"a\\x\"",
    };
    struct sf_item items[8];
    int64_t value;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(sf_parse(bad[i], items, 8) == -1, "%s passed", bad[i]);
    ck_assert_int_eq(sf_parse("\"a\\\"\";q=30;w=-5 ,  \"b\"", items, 8), 2);
    ck_assert_str_eq(items[0].name, "a\"");
    ck_assert(sf_get(&items[0], "w", &value) && value == -5);
    ck_assert(!sf_get(&items[1], "q", &value));
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("limits");
    TCase *t = rig_tcase(s, "limits");
    const int n = (int)ARRAY_LEN(stores);

    tcase_add_test(t, the_parser_of_fields_is_strict);
    tcase_add_loop_test(t, a_bucket_is_spent_and_then_says_so, 0, n);
    tcase_add_loop_test(t, a_refusal_is_recorded_with_its_bucket, 0, n);
    tcase_add_loop_test(t, waiting_as_told_is_enough, 0, n);
    tcase_add_loop_test(t, what_is_invalid_costs_nothing, 0, n);
    tcase_add_loop_test(t, all_buckets_are_charged_or_none, 0, n);
    tcase_add_loop_test(t, the_limit_closest_to_refusing_is_shown, 0, n);
    tcase_add_loop_test(t, of_two_limits_that_refuse_the_longer_wait_is_told, 0,
                        n);
    tcase_add_loop_test(t, a_failure_to_connect_gives_the_charge_back, 0, n);
    tcase_add_loop_test(t, an_unknown_outcome_is_paid_for, 0, n);
    tcase_add_loop_test(t, the_upstreams_own_fields_are_dropped, 0, n);
    tcase_add_loop_test(t, a_shadow_limit_refuses_nobody, 0, n);
    tcase_add_loop_test(t, a_number_may_have_a_bucket_of_its_own, 0, n);
    tcase_add_test(t, a_restarted_gateway_finds_its_buckets_in_redis);
    return s;
}

int main(void)
{
    return rig_main(suite());
}
