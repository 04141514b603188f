/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of the scope of a policy, and of policy_use_counts().
 */
#include "fixture.h"

#include "api.h"
#include "base/check.h"
#include "policy/organisation.h"
#include "unit.h"

#include <stdio.h>

static const struct policy_facts nobody;

START_TEST(names_are_found_by_halves)
{
    const char *names[] = {"a", "ab", "abc", "b", "ba"};
    struct policy_names n = {false, names, 5};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        ck_assert(policy_names_have(&n, text_of(names[i])));
    ck_assert(!policy_names_have(&n, text_of("")));
    ck_assert(!policy_names_have(&n, text_of("abcd")));
    ck_assert(!policy_names_have(&n, text_of("aa")));
    ck_assert(!policy_names_have(&n, text_of("c")));
    ck_assert(!policy_names_have(&n, text_make("a\0", 2)));
    n.count = 0;
    ck_assert(!policy_names_have(&n, text_of("a")));
    n.is_any = true;
    ck_assert(policy_names_have(&n, text_of("a")));
}
END_TEST

START_TEST(scopes_that_name_nothing_real_are_refused)
{
    static const struct {
        const char *policy, *says;
    } rows[] = {
        {"{\"name\": \"p\", \"body\": {}, \"applies\": {\"operations\": "
         "[\"craete\"]}}",
         "org.policy.json:1:54: /applies/operations/0: no contract has an "
         "operation \"craete\"; did you mean \"create\"?"},
        {"{\"name\": \"p\", \"body\": {}, \"applies\": {\"operations\": "
         "[\"create\", \"*\", \"deleteEverything\"]}}",
         "/applies/operations/2: no contract has an operation"},
        {"{\"name\": \"p\", \"body\": {}, \"applies\": {\"operations\": "
         "[\"create\", \"create\"]}}",
         "/applies/operations: names \"create\" twice"},
        {"{\"name\": \"p\", \"body\": {}, \"applies\": {\"senders\": "
         "[\"14155550100\"]}}",
         "/applies/senders/0: a sender is a number like +14155550100"},
        {"{\"name\": \"p\", \"body\": {}, \"applies\": {\"senders\": "
         "[\"+1 415 555 0100\"]}}",
         "/applies/senders/0: a sender is a number"},
        {"{\"name\": \"p\", \"body\": {}, \"applies\": {\"consumers\": "
         "[\"a\\u0000\"]}}",
         "/applies/consumers/0: must be a name"},
    };

    fixture_open();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        fixture_expect_problem(API, rows[i].policy, rows[i].says);
    fixture_close();
}
END_TEST

START_TEST(consumers_and_senders_must_both_be_meant)
{
    const char *consumers[] = {"billing"}, *senders[] = {"+14155550100"};
    struct policy_scope s = {
        .operations = {.is_any = true},
        .consumers = {false, consumers, 1},
        .senders = {false, senders, 1},
    };
    struct policy_facts f = {0};

    ck_assert(!policy_scope_meets(&s, &f)); /* no consumer is no consumer */
    f.consumer = text_of("billing");
    ck_assert(policy_scope_meets(&s, &f)); /* an unknown sender is any */
    f.sender = text_of("+14155550100");
    ck_assert(policy_scope_meets(&s, &f));
    f.sender = text_of("+14155550101");
    ck_assert(!policy_scope_meets(&s, &f));
    f.sender = text_of("+14155550100");
    f.consumer = text_of("billin");
    ck_assert(!policy_scope_meets(&s, &f));
    f.consumer = text_of(NULL);
    s.consumers.is_any = true;
    ck_assert(policy_scope_meets(&s, &f));
}
END_TEST

START_TEST(consumers_that_do_not_exist_are_warned_of)
{
    struct config_consumers *consumers = NULL;
    struct problems problems;
    char path[1024];

    fixture_open();
    fixture_write("consumers",
                  "{\"consumers\": [{\"name\": \"billing\", \"keys\": [\""
                  "0123456789abcdef0123456789abcdef"
                  "0123456789abcdef0123456789abcdef\"], \"senders\": "
                  "[\"*\"]}]}");
    snprintf(path, sizeof(path), "%s/consumers", fixture_dir());
    problems_init(&problems);
    ck_assert_int_eq(config_consumers_load(path, &problems, &consumers),
                     STATUS_OK);
    problems_release(&problems);
    fixture_options.has_consumers = true;
    fixture_options.consumers = consumers;
    fixture_expect_fine(API, "{\"name\": \"p\", \"body\": {}, \"applies\": "
                             "{\"consumers\": [\"billing\", \"*\"]}}");
    fixture_expect_warning(
        API,
        "{\"name\": \"p\", \"body\": {}, \"applies\": {\"consumers\": "
        "[\"biling\"]}}",
        "/applies/consumers/0: the configuration has no consumer \"biling\", "
        "so "
        "this never applies; did you mean \"billing\"?");
    fixture_expect_warning(
        API,
        "{\"name\": \"p\", \"limits\": [{\"name\": \"l\", \"per\": "
        "[\"consumer\"], \"capacity\": 1, \"refill\": \"1/s\", \"overrides\": "
        "{\"Billing\": {}}}]}",
        "/limits/0/overrides/Billing: the configuration has no consumer "
        "\"Billing\"");
    config_consumers_free(consumers);
    fixture_close();
}
END_TEST

START_TEST(uses_are_attached_where_they_could_count)
{
    struct policy_snapshot *snap = NULL;
    const struct policy_operation *op;
    struct policy_facts f = {0};

    fixture_open();
    fixture_write("api.json", API);
    fixture_write("a.policy.json",
                  "{\"name\": \"a\", \"body\": {}, \"applies\": "
                  "{\"operations\": [\"create\"], \"senders\": "
                  "[\"+14155550100\"]}}");
    fixture_write("b.policy.json",
                  "{\"name\": \"b\", \"body\": {}, \"mode\": \"shadow\"}");
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    op = policy_operation_find(snap, text_of("create"));
    ck_assert_uint_eq(op->use_count, 3);
    ck_assert_str_eq(op->uses[0].policy, "api");
    ck_assert_str_eq(op->uses[1].policy, "a");
    ck_assert_str_eq(op->uses[2].policy, "b");
    ck_assert(!op->uses[0].is_shadow && !op->uses[0].depends_on_sender);
    ck_assert(!op->uses[1].is_shadow && op->uses[1].depends_on_sender);
    ck_assert(op->uses[2].is_shadow && !op->uses[2].depends_on_sender);
    ck_assert(policy_use_counts(&op->uses[0], &nobody));
    ck_assert(policy_use_counts(&op->uses[1], &nobody));
    f.sender = text_of("+14155550101");
    ck_assert(policy_use_counts(&op->uses[0], &f));
    ck_assert(!policy_use_counts(&op->uses[1], &f));
    ck_assert(policy_use_counts(&op->uses[2], &f));
    /* Nothing is asked of a body that the contract does not define. */
    op = policy_operation_find(snap, text_of("list"));
    ck_assert_uint_eq(op->use_count, 1);
    op = policy_operation_find(snap, text_of("say"));
    ck_assert_uint_eq(op->use_count, 2);
    policy_snapshot_unref(snap);
    fixture_close();
}
END_TEST

UNIT_MAIN("scope", names_are_found_by_halves,
          scopes_that_name_nothing_real_are_refused,
          consumers_that_do_not_exist_are_warned_of,
          consumers_and_senders_must_both_be_meant,
          uses_are_attached_where_they_could_count)
