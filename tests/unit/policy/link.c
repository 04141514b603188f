/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of policy/link.h: operations and policies brought together.
 */
#include "fixture.h"

#include <stdio.h>

#include "api.h"
#include "base/check.h"
#include "unit.h"

static void write_policies(int count, const char *rest)
{
    char name[64], policy[512];

    fixture_write("api.json", API);
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "p%03d.policy.json", i);
        snprintf(policy, sizeof(policy), "{\"name\": \"p%03d\", %s}", i, rest);
        fixture_write(name, policy);
    }
}

START_TEST(a_body_may_be_asked_for_64_schemas)
{
    struct policy_snapshot *snap = NULL;
    const struct policy_operation *op;

    fixture_open();
    write_policies(63, "\"body\": {}, \"applies\": {\"operations\": "
                       "[\"create\"]}");
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    op = policy_operation_find(snap, text_of("create"));
    ck_assert_uint_eq(op->use_count, 64);
    ck_assert_str_eq(op->uses[63].policy, "p062");
    policy_snapshot_unref(snap);

    snap = NULL;
    fixture_write("q.policy.json", "{\"name\": \"q\", \"body\": {}}");
    ck_assert_int_eq(fixture_load(&snap), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(fixture_said(),
                                 "api.json:5:12: /paths/~1c/post: 65 schemas "
                                 "would be asked of one body; at most 64 can "
                                 "be\n"));
    fixture_close();
}
END_TEST

START_TEST(unmatched_requests_meet_16_limits_at_most)
{
    struct policy_snapshot *snap = NULL;

    fixture_open();
    write_policies(17, "\"limits\": [{\"name\": \"l\", \"capacity\": 1, "
                       "\"refill\": \"1/s\", \"per\": [\"client\"]}]");
    ck_assert_int_eq(fixture_load(&snap), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(fixture_said(),
                                 "a request that matches no operation could "
                                 "meet 17 limits; at most 16 can be decided"));
    fixture_close();
}
END_TEST

/* The contract's own schema comes first, and finds what it found alone. */
START_TEST(all_is_asked_in_one_pass)
{
    struct policy_snapshot *snap = NULL;
    const struct policy_operation *op;
    const struct schema_violation *list;
    struct schema_limits limits;
    struct schema_run *run;
    struct text sender;

    fixture_open();
    fixture_write("api.json", API);
    fixture_write("a.policy.json", "{\"name\": \"a\", \"body\": {\"required\": "
                                   "[\"note\"]}}");
    fixture_write("b.policy.json",
                  "{\"name\": \"b\", \"body\": {\"properties\": {\"from\": "
                  "{\"const\": \"+14155550100\"}}}}");
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    op = policy_operation_find(snap, text_of("create"));
    schema_limits_default(&limits);
    run = schema_run_new(op->plan, &limits);
    ck_assert_int_eq(schema_run_feed(run, "{\"from\":\"+14155550100\"}", 23),
                     STATUS_OK);
    ck_assert_int_eq(schema_run_finish(run), STATUS_OK);
    ck_assert_uint_eq(schema_run_violations(run, &list), 1);
    ck_assert_int_eq(list[0].use, 1);
    ck_assert_str_eq(op->uses[list[0].use].policy, "a");
    ck_assert(schema_run_tap_text(run, (size_t)op->sender_tap, &sender));
    ck_assert(text_is(sender, "+14155550100"));
    schema_run_free(run);
    policy_snapshot_unref(snap);
    fixture_close();
}
END_TEST

START_TEST(no_body_is_nothing_or_an_empty_object)
{
    struct policy_snapshot *snap = NULL;
    const struct policy_operation *op;
    struct schema_limits limits;
    static const struct {
        const char *body;
        size_t violations;
    } rows[] = {{"{}", 0}, {" { } ", 0}, {"{\"a\":1}", 1}, {"[]", 1}, {"0", 1}};

    fixture_open();
    fixture_write("api.json", API);
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    op = policy_operation_find(snap, text_of("ping"));
    ck_assert_int_eq(op->body, POLICY_BODY_NONE);
    schema_limits_default(&limits);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct schema_run *run = schema_run_new(op->plan, &limits);
        const struct schema_violation *list;

        ck_assert_int_eq(
            schema_run_feed(run, rows[i].body, strlen(rows[i].body)),
            STATUS_OK);
        ck_assert_int_eq(schema_run_finish(run), STATUS_OK);
        ck_assert_uint_eq(schema_run_violations(run, &list),
                          rows[i].violations);
        schema_run_free(run);
    }
    policy_snapshot_unref(snap);
    fixture_close();
}
END_TEST

UNIT_MAIN("link", a_body_may_be_asked_for_64_schemas,
          unmatched_requests_meet_16_limits_at_most, all_is_asked_in_one_pass,
          no_body_is_nothing_or_an_empty_object)
