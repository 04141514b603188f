/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of policy/organisation.h: the form of a policy, its name and body.
 */
#include "fixture.h"

#include "api.h"
#include "base/check.h"
#include "unit.h"

struct row {
    const char *policy;
    const char *says;
};

static void check_rows(const struct row *rows, size_t count)
{
    fixture_open();
    for (size_t i = 0; i < count; i++)
        fixture_expect_problem(API, rows[i].policy, rows[i].says);
    fixture_close();
}

START_TEST(policies_that_are_fine_say_nothing)
{
    static const char *const fine[] = {
        "{\"name\": \"p\", \"body\": {}}",
        "{\"name\": \"p\", \"body\": true, \"mode\": \"enforce\"}",
        "{\"name\": \"0_z-\", \"body\": {}, \"mode\": \"shadow\", "
        "\"description\": \"d\", \"$schema\": \"./policy.schema.json\"}",
        "{\"name\": \"p\", \"body\": {\"$ref\": \"#/$defs/x\", \"$defs\": "
        "{\"x\": {\"type\": \"object\"}}}}",
        "{\"name\": \"p\", \"applies\": {}, \"limits\": [{\"name\": \"l\", "
        "\"capacity\": 1, \"refill\": \"0/s\"}]}",
        "{\"name\": \"p\", \"body\": {\"properties\": {\"parts\": {\"type\": "
        "\"array\", \"x-parts\": {\"alone\": [\"link\"]}}}}}",
    };

    fixture_open();
    for (size_t i = 0; i < ARRAY_LEN(fine); i++)
        fixture_expect_fine(API, fine[i]);
    fixture_close();
}
END_TEST

START_TEST(unknown_keys_are_refused_with_a_hint)
{
    static const struct row rows[] = {
        {"{\"name\": \"p\", \"limit\": []}",
         "org.policy.json:1:15: /limit: a policy has no such key, and chatgate "
         "could not enforce it; did you mean \"limits\"?"},
        {"{\"name\": \"p\", \"x-note\": 1}", "/x-note: a policy has no such"},
        {"{\"name\": \"p\", \"Mode\": \"shadow\"}", "did you mean \"mode\"?"},
        {"{\"name\": \"p\", \"applies\": {\"operation\": []}}",
         "/applies/operation: \"applies\" has no such key, and chatgate could "
         "not enforce it; did you mean \"operations\"?"},
        {"{\"name\": \"p\", \"limits\": [{\"name\": \"l\", \"capacity\": 1, "
         "\"refil\": \"1/s\"}]}",
         "/limits/0/refil: a limit has no such key, and chatgate could not "
         "enforce it; did you mean \"refill\"?"},
        {"{\"name\": \"p\", \"limits\": [{\"name\": \"l\", \"capacity\": 1, "
         "\"refill\": \"1/s\", \"per\": [\"sender\"], \"overrides\": "
         "{\"+14155550100\": {\"capactiy\": 5}}}]}",
         "/limits/0/overrides/+14155550100/capactiy: an override has no such "
         "key, and chatgate could not enforce it; did you mean \"capacity\"?"},
    };

    check_rows(rows, ARRAY_LEN(rows));
}
END_TEST

START_TEST(another_form_is_refused_at_its_place)
{
    static const struct row rows[] = {
        {"[]", "org.policy.json:1:1: "},
        {"null", "org.policy.json:1:1: "},
        {"{}", "org.policy.json:1:1: "},
        {"{\"name\": 5}", "org.policy.json:1:10: /name: "},
        {"{\"name\": null}", "/name: "},
        {"{\"name\": \"p\",\n \"mode\": \"dry-run\"}",
         "org.policy.json:2:10: /mode: "},
        {"{\"name\": \"p\", \"mode\": true}", "/mode: "},
        {"{\"name\": \"p\", \"description\": []}", "/description: "},
        {"{\"name\": \"p\", \"applies\": []}", "/applies: "},
        {"{\"name\": \"p\", \"applies\": {\"operations\": \"create\"}}",
         "/applies/operations: "},
        {"{\"name\": \"p\", \"applies\": {\"operations\": [1]}}",
         "/applies/operations/0: "},
        {"{\"name\": \"p\", \"applies\": {\"operations\": [\"\"]}}",
         "/applies/operations/0: "},
        {"{\"name\": \"p\", \"applies\": {\"consumers\": [null]}}",
         "/applies/consumers/0: "},
        {"{\"name\": \"p\", \"applies\": {\"senders\": [14155550100]}}",
         "/applies/senders/0: "},
        {"{\"name\": \"p\", \"body\": []}", "/body: "},
        {"{\"name\": \"p\", \"body\": \"x\"}", "/body: "},
        {"{\"name\": \"p\", \"limits\": {}}", "/limits: "},
        {"{\"name\": \"p\", \"limits\": [1]}", "/limits/0: "},
        {"{\"name\": \"p\", \"limits\": [{}]}", "/limits/0: "},
        {"{\"name\": \"p\", \"limits\": [{\"name\": \"l\", \"refill\": "
         "\"1/s\"}]}",
         "/limits/0: "},
        {"{\"name\": \"p\", \"limits\": [{\"name\": \"l\", \"capacity\": 1}]}",
         "/limits/0: "},
        {"{\"name\": \"p\", \"limits\": [{\"name\": \"l\", \"capacity\": "
         "\"1\", \"refill\": \"1/s\"}]}",
         "/limits/0/capacity: "},
        {"{\"name\": \"p\", \"limits\": [{\"name\": \"l\", \"capacity\": 1.5, "
         "\"refill\": \"1/s\"}]}",
         "/limits/0/capacity: "},
        {"{\"name\": \"p\", \"limits\": [{\"name\": \"l\", \"capacity\": 1, "
         "\"refill\": 1}]}",
         "/limits/0/refill: "},
        {"{\"name\": \"p\", \"limits\": [{\"name\": \"l\", \"capacity\": 1, "
         "\"refill\": \"1/s\", \"per\": \"sender\"}]}",
         "/limits/0/per: "},
        {"{\"name\": \"p\", \"limits\": [{\"name\": \"l\", \"capacity\": 1, "
         "\"refill\": \"1/s\", \"per\": [\"senders\"]}]}",
         "/limits/0/per/0: "},
        {"{\"name\": \"p\", \"limits\": [{\"name\": \"l\", \"capacity\": 1, "
         "\"refill\": \"1/s\", \"cost\": 2}]}",
         "/limits/0/cost: "},
        {"{\"name\": \"p\", \"limits\": [{\"name\": \"l\", \"capacity\": 1, "
         "\"refill\": \"1/s\", \"cost\": {\"create\": \"2\"}}]}",
         "/limits/0/cost/create: "},
        {"{\"name\": \"p\", \"limits\": [{\"name\": \"l\", \"capacity\": 1, "
         "\"refill\": \"1/s\", \"per\": [\"sender\"], \"overrides\": "
         "{\"+14155550100\": 5}}]}",
         "/limits/0/overrides/+14155550100: "},
        {"{\"name\": \"p\",}", "org.policy.json:1:"},
        {"{\"name\": \"p\", \"name\": \"q\"}", "org.policy.json:1:"},
        {"{\"name\": \"p\"} {}", "org.policy.json:1:"},
        {"// no comments here\n{\"name\": \"p\"}", "org.policy.json:1:"},
    };

    check_rows(rows, ARRAY_LEN(rows));
}
END_TEST

/* A wrong form hid everything else until it was mended. */
START_TEST(every_problem_is_told_at_once)
{
    static const char *const says[] = {
        "org.policy.json:1:10: /name: a policy's name is",
        "org.policy.json:1:23: /mode: must be \"enforce\" or \"shadow\"",
        "/applies/operations/0: no contract has an operation \"craete\"",
        "/applies/consumers: must be an array",
        "/body/properties/a/minLenght: unknown keyword",
        "/limits/0: lacks the member \"capacity\"",
        "/limits/0: lacks the member \"refill\"",
        "/limits/0/per: must be an array",
        "/limits/1: must be an object",
        "/limits/2/name: the policy has two limits named \"l\"",
        "/limits/2/capacity: a capacity is",
        "/limits/2/cost/pong: no contract has an operation \"pong\"",
        "/limits/2/overrides: must be an object",
    };

    fixture_open();
    for (size_t i = 0; i < ARRAY_LEN(says); i++)
        fixture_expect_problem(
            API,
            "{\"name\": \"P\", \"mode\": \"dry\", \"applies\": "
            "{\"operations\": [\"craete\"], \"consumers\": \"x\"}, "
            "\"body\": {\"properties\": {\"a\": {\"minLenght\": 1}}}, "
            "\"limits\": [{\"name\": \"l\", \"per\": \"sender\"}, 7, "
            "{\"name\": \"l\", \"capacity\": 0, \"refill\": \"1/s\", "
            "\"cost\": {\"pong\": 1}, \"overrides\": []}]}",
            says[i]);
    fixture_close();
}
END_TEST

START_TEST(more_than_is_told_is_said_to_be_more)
{
    fixture_open();
    fixture_expect_problem(
        API,
        "{\"name\": \"p\", \"limits\": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, "
        "12, 13, 14, 15, 16, 17]}",
        "org.policy.json:1:1: has more places where the form is wrong");
    ck_assert_ptr_nonnull(strstr(fixture_said(), "/limits/15: "));
    fixture_close();
}
END_TEST

/* A contract that is no JSON made every policy look wrong. */
START_TEST(a_contract_that_cannot_be_read_is_not_the_policys_fault)
{
    static const char policy[] =
        "{\"name\": \"p\", \"applies\": {\"operations\": [\"x\"]}, "
        "\"limits\": [{\"name\": \"l\", \"capacity\": 1, \"refill\": "
        "\"1/s\", \"cost\": {\"x\": 1}}]}";

    fixture_open();
    fixture_expect_problem("{\"openapi\": ", policy, "api.json:1:");
    ck_assert_ptr_null(strstr(fixture_said(), "org.policy.json"));
    fixture_expect_problem(FIXTURE_CONTRACT("\"/a/x{y}\": {}"), policy,
                           "api.json:2:");
    ck_assert_ptr_null(strstr(fixture_said(), "org.policy.json"));
    fixture_close();
}
END_TEST

START_TEST(names_are_plain_and_differ)
{
    static const struct row rows[] = {
        {"{\"name\": \"\", \"body\": {}}",
         "org.policy.json:1:10: /name: a policy's name is 1 to 64 of a-z"},
        {"{\"name\": \"Sender\", \"body\": {}}", "/name: a policy's name is"},
        {"{\"name\": \"a b\", \"body\": {}}", "/name: a policy's name is"},
        {"{\"name\": \"a:b\", \"body\": {}}", "/name: a policy's name is"},
        {"{\"name\": \"a.b\", \"body\": {}}", "/name: a policy's name is"},
        {"{\"name\": \"\\u00e9\", \"body\": {}}", "/name: a policy's name is"},
        {"{\"name\": \"a\\u0000\", \"body\": {}}",
         "/name: must not hold a NUL"},
        {"{\"name\": \"api\", \"body\": {}}",
         "/name: the name \"api\" is taken by "},
    };
    struct policy_snapshot *snap;

    check_rows(rows, ARRAY_LEN(rows));
    fixture_open();
    fixture_write("api.json", API);
    fixture_write("a.policy.json", "{\"name\": \"p\", \"body\": {}}");
    fixture_write("b.policy.json", "{\"name\": \"p\", \"body\": {}}");
    ck_assert_int_eq(fixture_load(&snap), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(
        fixture_said(),
        "b.policy.json:1:10: /name: the name \"p\" is taken by a.policy.json"));
    fixture_close();
}
END_TEST

/* What the machine could not enforce must not be ignored. */
START_TEST(bodies_that_cannot_be_enforced_are_refused)
{
    static const struct row rows[] = {
        {"{\"name\": \"p\", \"body\": {\"propertes\": {}}}",
         "org.policy.json:1:24: /body/propertes: "},
        {"{\"name\": \"p\", \"body\": {\"type\": \"objekt\"}}", "/body/type: "},
        {"{\"name\": \"p\", \"body\": {\"$ref\": \"#/nowhere\"}}",
         "/body/$ref: "},
        {"{\"name\": \"p\", \"body\": {\"properties\": {\"a\": {\"pattern\": "
         "\"(\"}}}}",
         "/body/properties/a/pattern: "},
        {"{\"name\": \"p\", \"body\": {\"x-parts\": {\"alon\": []}}}",
         "/body/x-parts/alon: "},
        /* "#" is the body, not the file. */
        {"{\"name\": \"p\", \"body\": {\"$ref\": \"#/body\"}}", "/body/$ref: "},
    };

    check_rows(rows, ARRAY_LEN(rows));
}
END_TEST

START_TEST(policies_that_never_apply_are_warned_of)
{
    static const struct row rows[] = {
        {"{\"name\": \"p\"}",
         "org.policy.json:1:1: warning: has neither \"body\" nor \"limits\""},
        {"{\"name\": \"p\", \"body\": {}, \"applies\": {\"operations\": []}}",
         "/applies/operations: is empty, so that the policy never applies"},
        {"{\"name\": \"p\", \"body\": {}, \"applies\": {\"consumers\": []}}",
         "/applies/consumers: is empty"},
        {"{\"name\": \"p\", \"body\": {}, \"applies\": {\"senders\": []}}",
         "/applies/senders: is empty"},
        {"{\"name\": \"p\", \"body\": {}, \"applies\": {\"consumers\": "
         "[\"billing\"]}}",
         "/applies/consumers: names consumers, and the configuration has none"},
        {"{\"name\": \"p\", \"body\": {}, \"applies\": {\"operations\": "
         "[\"ping\", \"list\"]}}",
         "/body: no operation that the policy is for has a body"},
        {"{\"name\": \"p\", \"applies\": {\"operations\": [\"ping\"], "
         "\"senders\": [\"+14155550100\"]}, \"limits\": [{\"name\": \"l\", "
         "\"capacity\": 1, \"refill\": \"1/s\"}]}",
         "is for certain senders, and no operation it is for has a sender"},
    };

    fixture_open();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        fixture_expect_warning(API, rows[i].policy, rows[i].says);
    fixture_options.has_consumers = true;
    fixture_expect_fine(API, "{\"name\": \"p\", \"body\": {}, \"applies\": "
                             "{\"consumers\": [\"billing\"]}}");
    fixture_close();
}
END_TEST

UNIT_MAIN("organisation", policies_that_are_fine_say_nothing,
          unknown_keys_are_refused_with_a_hint,
          another_form_is_refused_at_its_place, every_problem_is_told_at_once,
          more_than_is_told_is_said_to_be_more,
          a_contract_that_cannot_be_read_is_not_the_policys_fault,
          names_are_plain_and_differ,
          bodies_that_cannot_be_enforced_are_refused,
          policies_that_never_apply_are_warned_of)
