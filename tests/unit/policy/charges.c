/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of policy_charges(): which limits a request meets, by which keys.
 */
#include "fixture.h"

#include "api.h"
#include "base/check.h"
#include "unit.h"

#define CHAT "550e8400-e29b-41d4-a716-446655440000"

static struct policy_snapshot *snap;
static struct arena arena;
static struct policy_charge charges[16];
static size_t count;

static void open_with(const char *policy)
{
    fixture_open();
    fixture_options.has_consumers = true;
    fixture_write("api.json", API);
    fixture_write("p.policy.json", policy);
    ck_assert_msg(fixture_load(&snap) == STATUS_OK, "%s", fixture_said());
    arena_init(&arena, 1 << 20);
}

static void close_all(void)
{
    arena_release(&arena);
    policy_snapshot_unref(snap);
    fixture_close();
}

static void charge(const char *operation, struct policy_facts facts)
{
    struct policy_route route = {.match = POLICY_UNMATCHED};

    if (operation) {
        route.match = POLICY_OPERATION;
        route.operation = policy_operation_find(snap, text_of(operation));
        ck_assert_ptr_nonnull(route.operation);
    }
    ck_assert_int_eq(policy_charges(snap, &route, &facts, &arena, charges,
                                    ARRAY_LEN(charges), &count),
                     STATUS_OK);
}

static struct policy_facts facts(const char *sender, const char *consumer,
                                 const char *client, const char *chat)
{
    return (struct policy_facts){
        .sender = text_of(sender),
        .consumer = text_of(consumer),
        .client = text_of(client),
        .chat = text_of(chat),
    };
}

static void expect_key(size_t i, const char *key, const char *tag)
{
    ck_assert_uint_lt(i, count);
    ck_assert_msg(text_is(charges[i].key, key), "%.*s",
                  TEXT_ARG(charges[i].key));
    ck_assert_msg(text_is(charges[i].tag, tag), "%.*s",
                  TEXT_ARG(charges[i].tag));
}

START_TEST(what_ships_charges_the_sender)
{
    struct policy_route route = {.match = POLICY_OPERATION};
    struct policy_facts f = facts("+14155550123", NULL, "10.0.0.1", NULL);

    fixture_open();
    fixture_options.dir = TOP_SRCDIR "/policies";
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    arena_init(&arena, 1 << 20);
    route.operation = policy_operation_find(snap, text_of("createChat"));
    ck_assert_int_eq(
        policy_charges(snap, &route, &f, &arena, charges, 16, &count),
        STATUS_OK);
    ck_assert_uint_eq(count, 2);
    expect_key(0, "sender-limits:burst:+14155550123", "+14155550123");
    expect_key(1, "sender-limits:day:+14155550123", "+14155550123");
    ck_assert_int_eq(charges[0].capacity, 30);
    ck_assert_int_eq(charges[0].refill, 1);
    ck_assert_int_eq(charges[0].period_us, 1000000);
    ck_assert_int_eq(charges[0].cost, 2);
    ck_assert_int_eq(charges[1].cost, 1);
    ck_assert_int_eq(charges[1].capacity, 5000);
    ck_assert_int_eq(charges[1].period_us, INT64_C(86400) * 1000000);
    ck_assert_str_eq(charges[0].policy, "sender-limits");
    ck_assert_str_eq(charges[0].limit, "burst");
    ck_assert(!charges[0].is_shadow);
    f.sender = text_of("+14155550100");
    ck_assert_int_eq(
        policy_charges(snap, &route, &f, &arena, charges, 16, &count),
        STATUS_OK);
    ck_assert_int_eq(charges[0].capacity, 300);
    ck_assert_int_eq(charges[0].refill, 10);
    ck_assert_int_eq(charges[1].capacity, 5000);
    route.operation = policy_operation_find(snap, text_of("getChat"));
    ck_assert_int_eq(
        policy_charges(snap, &route, &f, &arena, charges, 16, &count),
        STATUS_OK);
    ck_assert_uint_eq(count, 0);
    arena_release(&arena);
    policy_snapshot_unref(snap);
    fixture_close();
}
END_TEST

#define ONE(per)                                                               \
    "{\"name\": \"p\", \"limits\": [{\"name\": \"l\", \"capacity\": 9, "       \
    "\"refill\": \"1/s\", \"per\": [" per "]}]}"

START_TEST(keys_hold_what_is_counted_in_one_order)
{
    open_with(ONE("\"operation\", \"chat\", \"client\", \"consumer\", "
                  "\"sender\""));
    charge("say", facts("+14155550123", "billing", "10.0.0.1", CHAT));
    expect_key(0, "p:l:+14155550123:billing:10.0.0.1:" CHAT ":say",
               "+14155550123");
    charge("say", facts("+14155550123", NULL, "10.0.0.1", CHAT));
    ck_assert_uint_eq(count, 0);
    charge("say", facts("+14155550123", "billing", NULL, CHAT));
    ck_assert_uint_eq(count, 0);
    charge("say", facts("+14155550123", "billing", "10.0.0.1", NULL));
    ck_assert_uint_eq(count, 0);
    close_all();
}
END_TEST

START_TEST(an_unknown_sender_is_counted_as_its_chat)
{
    open_with(ONE("\"sender\""));
    charge("say", facts(NULL, NULL, "10.0.0.1", CHAT));
    expect_key(0, "p:l:chat=" CHAT, CHAT);
    charge("list", facts(NULL, NULL, "10.0.0.1", NULL));
    ck_assert_uint_eq(count, 0);
    charge("ping", facts(NULL, NULL, "10.0.0.1", NULL));
    ck_assert_uint_eq(count, 0);
    close_all();
}
END_TEST

/* A budget that does not count by sender is one, whoever sends. */
START_TEST(tags_do_not_split_a_budget)
{
    open_with(ONE("\"consumer\""));
    charge("create", facts("+14155550123", "billing", "10.0.0.1", NULL));
    expect_key(0, "p:l:billing", "billing");
    charge("create", facts("+14155550124", "billing", "10.0.0.2", NULL));
    expect_key(0, "p:l:billing", "billing");
    close_all();
    open_with(ONE(""));
    charge("create", facts("+14155550123", "billing", "10.0.0.1", NULL));
    expect_key(0, "p:l", "p%3Al");
    close_all();
    open_with(ONE("\"client\""));
    charge("create", facts("+14155550123", NULL, "2001:db8::1", NULL));
    expect_key(0, "p:l:2001%3Adb8%3A%3A1", "2001%3Adb8%3A%3A1");
    close_all();
    open_with(ONE("\"chat\", \"operation\""));
    charge("say", facts("+14155550123", NULL, NULL, CHAT));
    expect_key(0, "p:l:" CHAT ":say", CHAT);
    close_all();
}
END_TEST

/* Texts of a client's cannot be made to look like another's key. */
START_TEST(keys_do_not_collide)
{
    static const struct {
        const char *consumer, *client, *key;
    } rows[] = {
        {"a:b", "c", "p:l:a%3Ab:c"},
        {"a", "b:c", "p:l:a:b%3Ac"},
        {"a%3Ab", "c", "p:l:a%253Ab:c"},
        {"{a}", "b}{", "p:l:%7Ba%7D:b%7D%7B"},
        {"", "a", "p:l::a"},
        {"a b\n", "\xff", "p:l:a%20b%0A:%FF"},
        {"chat=x", "*", "p:l:chat%3Dx:%2A"},
    };

    open_with(ONE("\"consumer\", \"client\""));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        charge("create", facts(NULL, rows[i].consumer, rows[i].client, NULL));
        ck_assert_uint_eq(count, 1);
        ck_assert_msg(text_is(charges[0].key, rows[i].key), "%.*s",
                      TEXT_ARG(charges[0].key));
        ck_assert(!memchr(charges[0].tag.data, '}', charges[0].tag.len));
    }
    close_all();
}
END_TEST

START_TEST(a_nul_in_a_text_is_no_end)
{
    struct policy_facts f = {.client = TEXT("a\0b")};

    open_with(ONE("\"client\""));
    charge("ping", f);
    expect_key(0, "p:l:a%00b", "a%00b");
    close_all();
}
END_TEST

START_TEST(overrides_are_for_whom_they_name)
{
    open_with("{\"name\": \"p\", \"limits\": ["
              "{\"name\": \"s\", \"capacity\": 9, \"refill\": \"1/s\", "
              "\"per\": [\"sender\", \"consumer\"], \"overrides\": {"
              "\"+14155550100\": {\"capacity\": 1}, \"+14155550102\": "
              "{\"refill\": \"7/m\"}, \"+1415555010\": {\"capacity\": 2}}},"
              "{\"name\": \"c\", \"capacity\": 9, \"refill\": \"1/s\", "
              "\"per\": [\"consumer\", \"client\"], \"overrides\": "
              "{\"billing\": {\"capacity\": 3}}}]}");
    charge("create", facts("+14155550100", "billing", "c", NULL));
    ck_assert_int_eq(charges[0].capacity, 1);
    ck_assert_int_eq(charges[0].refill, 1);
    ck_assert_int_eq(charges[1].capacity, 3);
    charge("create", facts("+14155550101", "bill", "c", NULL));
    ck_assert_int_eq(charges[0].capacity, 9);
    ck_assert_int_eq(charges[1].capacity, 9);
    charge("create", facts("+14155550102", "billing", "c", NULL));
    ck_assert_int_eq(charges[0].capacity, 9);
    ck_assert_int_eq(charges[0].refill, 7);
    ck_assert_int_eq(charges[0].period_us, 60000000);
    charge("create", facts("+1415555010", "billing", "c", NULL));
    ck_assert_int_eq(charges[0].capacity, 2);
    charge("say", facts(NULL, "billing", "c", CHAT)); /* nobody's override */
    ck_assert_int_eq(charges[0].capacity, 9);
    close_all();
}
END_TEST

START_TEST(scopes_choose_and_enforced_come_first)
{
    open_with("{\"name\": \"p\", \"mode\": \"shadow\", \"limits\": "
              "[{\"name\": \"l\", \"capacity\": 9, \"refill\": \"1/s\"}]}");
    fixture_write("q.policy.json",
                  "{\"name\": \"q\", \"applies\": {\"operations\": "
                  "[\"create\"], \"consumers\": [\"billing\"], \"senders\": "
                  "[\"+14155550100\"]}, \"limits\": [{\"name\": \"l\", "
                  "\"capacity\": 9, \"refill\": \"1/s\", \"cost\": "
                  "{\"create\": 3}}]}");
    policy_snapshot_unref(snap);
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    charge("create", facts("+14155550100", "billing", "c", NULL));
    ck_assert_uint_eq(count, 2);
    expect_key(0, "q:l", "q%3Al");
    expect_key(1, "p:l", "p%3Al");
    ck_assert(!charges[0].is_shadow && charges[1].is_shadow);
    ck_assert_int_eq(charges[0].cost, 3);
    charge("create", facts("+14155550101", "billing", "c", NULL));
    ck_assert_uint_eq(count, 1);
    charge("create", facts("+14155550100", "other", "c", NULL));
    ck_assert_uint_eq(count, 1);
    charge("create", facts("+14155550100", NULL, "c", NULL));
    ck_assert_uint_eq(count, 1);
    charge("create", facts(NULL, "billing", "c", NULL));
    ck_assert_uint_eq(count, 2); /* an unknown sender may be the one */
    charge("say", facts("+14155550100", "billing", "c", CHAT));
    ck_assert_uint_eq(count, 1);
    close_all();
}
END_TEST

START_TEST(what_costs_nothing_is_not_charged)
{
    open_with("{\"name\": \"p\", \"limits\": [{\"name\": \"l\", \"capacity\": "
              "9, \"refill\": \"1/s\", \"cost\": {\"ping\": 0}}]}");
    charge("ping", facts(NULL, NULL, "c", NULL));
    ck_assert_uint_eq(count, 0);
    charge("list", facts(NULL, NULL, "c", NULL));
    ck_assert_uint_eq(count, 1);
    close_all();
}
END_TEST

START_TEST(unmatched_requests_meet_general_limits_only)
{
    open_with("{\"name\": \"p\", \"limits\": ["
              "{\"name\": \"all\", \"capacity\": 9, \"refill\": \"1/s\"},"
              "{\"name\": \"cc\", \"capacity\": 9, \"refill\": \"1/s\", "
              "\"per\": [\"consumer\", \"client\"]},"
              "{\"name\": \"s\", \"capacity\": 9, \"refill\": \"1/s\", "
              "\"per\": [\"sender\"]},"
              "{\"name\": \"o\", \"capacity\": 9, \"refill\": \"1/s\", "
              "\"per\": [\"operation\"]}]}");
    fixture_write("q.policy.json",
                  "{\"name\": \"q\", \"applies\": {\"operations\": "
                  "[\"create\"]}, \"limits\": [{\"name\": \"l\", "
                  "\"capacity\": 9, \"refill\": \"1/s\"}]}");
    fixture_write("r.policy.json",
                  "{\"name\": \"r\", \"applies\": {\"senders\": "
                  "[\"+14155550100\"]}, \"limits\": [{\"name\": \"l\", "
                  "\"capacity\": 9, \"refill\": \"1/s\"}]}");
    policy_snapshot_unref(snap);
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    charge(NULL, facts(NULL, "billing", "c", NULL));
    ck_assert_uint_eq(count, 2);
    expect_key(0, "p:all", "p%3Aall");
    expect_key(1, "p:cc:billing:c", "billing");
    ck_assert_int_eq(charges[0].cost, 1);
    close_all();
}
END_TEST

START_TEST(more_limits_than_can_be_decided_are_refused)
{
    char policy[4096], one[128];
    struct policy_snapshot *none = NULL;

    fixture_open();
    fixture_write("api.json", API);
    for (int n = 16; n <= 17; n++) {
        snprintf(policy, sizeof(policy),
                 "{\"name\": \"p\", \"applies\": {\"operations\": [\"say\"]}, "
                 "\"limits\": [");
        for (int i = 0; i < n; i++) {
            snprintf(one, sizeof(one),
                     "%s{\"name\": \"l%d\", \"capacity\": 1, \"refill\": "
                     "\"1/s\"}",
                     i > 0 ? "," : "", i);
            strcat(policy, one);
        }
        strcat(policy, "]}");
        fixture_write("p.policy.json", policy);
        ck_assert_int_eq(fixture_load(&none),
                         n > 16 ? STATUS_INVALID : STATUS_OK);
        if (n > 16)
            ck_assert_ptr_nonnull(strstr(fixture_said(),
                                         "/paths/~1c~1{id}/post: one request "
                                         "could meet 17 limits; at most 16"));
        else
            policy_snapshot_unref(none);
    }
    fixture_close();
}
END_TEST

/* Twenty consumers with a limit each: one request meets one of them. */
START_TEST(limits_of_different_consumers_do_not_add_up)
{
    struct policy_snapshot *some = NULL;
    char name[64], policy[512];

    fixture_open();
    fixture_options.has_consumers = true;
    fixture_write("api.json", API);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "p%d.policy.json", i);
        snprintf(policy, sizeof(policy),
                 "{\"name\": \"p%d\", \"applies\": {\"consumers\": [\"c%d\"]}, "
                 "\"limits\": [{\"name\": \"l\", \"capacity\": 1, \"refill\": "
                 "\"1/s\"}]}",
                 i, i);
        fixture_write(name, policy);
    }
    ck_assert_int_eq(fixture_load(&some), STATUS_OK);
    policy_snapshot_unref(some);
    fixture_close();
}
END_TEST

START_TEST(the_end_of_memory_is_told)
{
    struct policy_route route = {.match = POLICY_UNMATCHED};
    struct policy_facts f = facts(NULL, NULL, "c", NULL);
    struct arena tiny;

    open_with(ONE("\"client\""));
    arena_init(&tiny, 0);
    ck_assert_int_eq(
        policy_charges(snap, &route, &f, &tiny, charges, 16, &count),
        STATUS_NO_MEMORY);
    arena_release(&tiny);
    close_all();
}
END_TEST

UNIT_MAIN("charges", what_ships_charges_the_sender,
          keys_hold_what_is_counted_in_one_order,
          an_unknown_sender_is_counted_as_its_chat, tags_do_not_split_a_budget,
          keys_do_not_collide, a_nul_in_a_text_is_no_end,
          overrides_are_for_whom_they_name,
          scopes_choose_and_enforced_come_first,
          what_costs_nothing_is_not_charged,
          unmatched_requests_meet_general_limits_only,
          more_limits_than_can_be_decided_are_refused,
          limits_of_different_consumers_do_not_add_up,
          the_end_of_memory_is_told)
