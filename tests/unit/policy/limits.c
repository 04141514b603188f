/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of the limits of a policy, as they are loaded.
 */
#include "fixture.h"

#include "api.h"
#include "base/check.h"
#include "unit.h"

/* A policy with one limit, which has these keys beside its name. */
#define LIMIT(keys)                                                            \
    "{\"name\": \"p\", \"limits\": [{\"name\": \"l\", " keys "}]}"
#define FULL(keys) LIMIT("\"capacity\": 10, \"refill\": \"1/s\", " keys)

static void check_problem(const char *policy, const char *says)
{
    fixture_expect_problem(API, policy, says);
}

START_TEST(rates_that_are_fine_say_nothing)
{
    static const char *const fine[] = {
        LIMIT("\"capacity\": 1, \"refill\": \"0/s\""),
        LIMIT("\"capacity\": 1000000, \"refill\": \"100000000/d\""),
        LIMIT("\"capacity\": 5, \"refill\": \"30/m\", \"per\": []"),
        LIMIT("\"capacity\": 5, \"refill\": \"500/h\", \"per\": [\"sender\", "
              "\"client\", \"chat\", \"operation\"]"),
        FULL("\"cost\": {\"create\": 10, \"say\": 0}"),
        FULL("\"per\": [\"sender\"], \"overrides\": {\"+14155550100\": {}, "
             "\"+14155550101\": {\"capacity\": 20}, \"+14155550102\": "
             "{\"refill\": \"5/s\"}}"),
    };

    fixture_open();
    for (size_t i = 0; i < ARRAY_LEN(fine); i++)
        fixture_expect_fine(API, fine[i]);
    fixture_options.has_consumers = true;
    fixture_expect_fine(API, FULL("\"per\": [\"consumer\"], \"overrides\": "
                                  "{\"billing\": {\"capacity\": 1}}"));
    fixture_close();
}
END_TEST

START_TEST(rates_out_of_bounds_are_refused)
{
    static const char *const capacities[] = {
        "0", "-1", "1000001", "99999999999999999999", "1e3", "30.0"};
    static const char *const refills[] = {
        "",      "1",     "1/",    "/s",    "1/x",  "1/ms",
        "1/S",   "1 /s",  " 1/s",  "+1/s",  "-1/s", "1.5/s",
        "1e3/s", "0x1/s", "1/s/s", "1/sec", "s/1",  "\xd9\xa1/s"};
    char policy[512];

    fixture_open();
    for (size_t i = 0; i < ARRAY_LEN(capacities); i++) {
        snprintf(policy, sizeof(policy),
                 LIMIT("\"capacity\": %s, \"refill\": \"1/s\""), capacities[i]);
        check_problem(policy, "org.policy.json:1:52: /limits/0/capacity: a "
                              "capacity is a whole number of tokens from 1 to "
                              "1000000");
    }
    for (size_t i = 0; i < ARRAY_LEN(refills); i++) {
        snprintf(policy, sizeof(policy),
                 LIMIT("\"capacity\": 1, \"refill\": \"%s\""), refills[i]);
        check_problem(policy, "org.policy.json:1:65: /limits/0/refill: a "
                              "refill is a number of tokens a period");
    }
    check_problem(LIMIT("\"capacity\": 1, \"refill\": \"100000001/d\""),
                  "/limits/0/refill: a refill is at most 100000000 tokens");
    check_problem(LIMIT("\"capacity\": 1, \"refill\": "
                        "\"99999999999999999999999/d\""),
                  "/limits/0/refill: a refill is");
    fixture_close();
}
END_TEST

START_TEST(names_of_limits_are_plain_and_differ)
{
    fixture_open();
    check_problem("{\"name\": \"p\", \"limits\": [{\"name\": \"L\", "
                  "\"capacity\": 1, \"refill\": \"1/s\"}]}",
                  "/limits/0/name: a limit's name is 1 to 64 of a-z");
    check_problem("{\"name\": \"p\", \"limits\": [{\"name\": \"\", "
                  "\"capacity\": 1, \"refill\": \"1/s\"}]}",
                  "/limits/0/name: a limit's name is");
    check_problem("{\"name\": \"p\", \"limits\": [{\"name\": \"a:b\", "
                  "\"capacity\": 1, \"refill\": \"1/s\"}]}",
                  "/limits/0/name: a limit's name is");
    check_problem("{\"name\": \"p\", \"limits\": [{\"name\": \"l\", "
                  "\"capacity\": 1, \"refill\": \"1/s\"}, {\"name\": \"l\", "
                  "\"capacity\": 2, \"refill\": \"1/s\"}]}",
                  "org.policy.json:1:82: /limits/1/name: the policy has two "
                  "limits named \"l\"");
    fixture_close();
}
END_TEST

START_TEST(costs_must_fit_the_bucket)
{
    fixture_open();
    check_problem(FULL("\"cost\": {\"create\": 11}"),
                  "/limits/0/cost/create: costs 11 tokens, and the capacity is "
                  "10: such a request would never be let through");
    check_problem(FULL("\"cost\": {\"create\": 8}, \"per\": [\"sender\"], "
                       "\"overrides\": {\"+14155550100\": {\"capacity\": 7}}"),
                  "/limits/0/cost/create: costs 8 tokens, and the capacity of "
                  "+14155550100 is 7");
    check_problem(FULL("\"cost\": {\"create\": -1}"),
                  "/limits/0/cost/create: a cost is a whole number");
    check_problem(FULL("\"cost\": {\"create\": 1.5}"),
                  "/limits/0/cost/create: ");
    check_problem(FULL("\"cost\": {\"creat\": 1}"),
                  "/limits/0/cost/creat: no contract has an operation "
                  "\"creat\"; did you mean \"create\"?");
    fixture_expect_warning(
        API,
        "{\"name\": \"p\", \"applies\": {\"operations\": [\"say\"]}, "
        "\"limits\": [{\"name\": \"l\", \"capacity\": 5, \"refill\": \"1/s\", "
        "\"cost\": {\"create\": 2}}]}",
        "/limits/0/cost/create: the policy does not apply to this operation");
    fixture_close();
}
END_TEST

START_TEST(overrides_are_keyed_by_what_is_counted)
{
    fixture_open();
    check_problem(FULL("\"overrides\": {\"x\": {}}"),
                  "/limits/0/overrides: overrides are keyed by sender or "
                  "consumer, and \"per\" has neither");
    check_problem(FULL("\"per\": [\"client\", \"chat\"], \"overrides\": "
                       "{\"x\": {}}"),
                  "\"per\" has neither");
    check_problem(FULL("\"per\": [\"sender\"], \"overrides\": {\"billing\": "
                       "{}}"),
                  "/limits/0/overrides/billing: the limit counts by sender");
    check_problem(FULL("\"per\": [\"consumer\", \"sender\"], \"overrides\": "
                       "{\"billing\": {}}"),
                  "/limits/0/overrides/billing: the limit counts by sender");
    check_problem(FULL("\"per\": [\"consumer\"], \"overrides\": {\"\": {}}"),
                  "/limits/0/overrides/: an override needs a name");
    check_problem(FULL("\"per\": [\"sender\"], \"overrides\": "
                       "{\"+14155550100\": {\"capacity\": 0}}"),
                  "/limits/0/overrides/+14155550100/capacity: a capacity is");
    check_problem(FULL("\"per\": [\"sender\"], \"overrides\": "
                       "{\"+14155550100\": {\"refill\": \"x\"}}"),
                  "/limits/0/overrides/+14155550100/refill: a refill is");
    check_problem(FULL("\"per\": [\"sender\", \"chat\", \"sender\"]"),
                  "/limits/0/per/2: counts \"sender\" twice");
    fixture_close();
}
END_TEST

START_TEST(limits_that_never_apply_are_warned_of)
{
    fixture_open();
    fixture_expect_warning(API, FULL("\"per\": [\"consumer\"]"),
                           "/limits/0: counts by consumer, and the "
                           "configuration has none");
    fixture_expect_warning(API,
                           "{\"name\": \"p\", \"applies\": {\"operations\": "
                           "[\"ping\"]}, \"limits\": [{\"name\": \"l\", "
                           "\"capacity\": 5, \"refill\": \"1/s\", \"per\": "
                           "[\"sender\"]}]}",
                           "/limits/0: counts by sender, and no operation");
    fixture_expect_warning(API,
                           "{\"name\": \"p\", \"applies\": {\"operations\": "
                           "[\"create\"]}, \"limits\": [{\"name\": \"l\", "
                           "\"capacity\": 5, \"refill\": \"1/s\", \"per\": "
                           "[\"chat\"]}]}",
                           "/limits/0: counts by chat, and no operation");
    fixture_close();
}
END_TEST

UNIT_MAIN("limits", rates_that_are_fine_say_nothing,
          rates_out_of_bounds_are_refused, names_of_limits_are_plain_and_differ,
          costs_must_fit_the_bucket, overrides_are_keyed_by_what_is_counted,
          limits_that_never_apply_are_warned_of)
