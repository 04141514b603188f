/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of policy/loader.h.
 */
#include "policy/loader.h"

#include "unit.h"

static struct policy_snapshot snap;
static struct policy_load load;

static const struct policy_key keys[] = {
    {"operationId", NULL},
    {"requestBody", NULL},
    {"summary", NULL},
    {"servers", "take it out"},
};

/* The problems of an object with these keys, as "line:column message\n"... */
static void expect(const char *json, size_t count, const char *says)
{
    struct problems problems, syntax;
    struct policy_loader l = {
        .load = &load, .problems = &problems, .snap = &snap};
    struct json_document *doc = NULL;

    problems_init(&problems);
    problems_init(&syntax);
    arena_init(&snap.arena, 1 << 20);
    ck_assert_int_eq(json_parse(text_of(json), "t.json", 0, &syntax, &doc),
                     STATUS_OK);
    policy_check_keys(&l, doc, doc->root, "an operation", keys, 4, false);
    ck_assert_uint_eq(problems.errors, count);
    if (count > 0)
        ck_assert_msg(strstr(problems.list[0].message, says) != NULL, "%s",
                      problems.list[0].message);
    json_free(doc);
    arena_release(&snap.arena);
    problems_release(&problems);
    problems_release(&syntax);
}

START_TEST(known_keys_pass)
{
    expect("{}", 0, NULL);
    expect("{\"operationId\": 1, \"summary\": {\"x\": 1}}", 0, NULL);
}
END_TEST

START_TEST(unknown_keys_get_the_nearest_name)
{
    expect("{\"requestbody\": 1}", 1, "did you mean \"requestBody\"?");
    expect("{\"requestBdoy\": 1}", 1, "did you mean \"requestBody\"?");
    expect("{\"operation_id\": 1}", 1, "did you mean \"operationId\"?");
    expect("{\"sumary\": 1, \"summry\": 2}", 2, "did you mean \"summary\"?");
    expect("{\"requestBody \": 1}", 1, "/requestBody : ");
    expect("{\"\": 1}", 1, "no such key");
    expect("{\"x-amazon\": 1}", 1, "no such key");
    /* A refused name is no suggestion. */
    expect("{\"server\": 1}", 1, "could not enforce it");
    expect("{\"servers\": 1}", 1, "/servers: take it out");
}
END_TEST

START_TEST(far_names_are_not_suggested)
{
    char hint[POLICY_HINT_SIZE];
    static const char *const names[] = {"createChat", "listChats"};
    static const char *const far[] = {
        "", "x", "zzzzzzzzzz", "paths",
        "createChatcreateChatcreateChatcreateChatcreateChat"};

    for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
        ck_assert_str_eq(policy_hint(text_of(far[i]), names, 2, hint), "");
    ck_assert_str_eq(policy_hint(text_of("createchat"), names, 2, hint),
                     "; did you mean \"createChat\"?");
    ck_assert_str_eq(policy_hint(text_of("listChat"), names, 2, hint),
                     "; did you mean \"listChats\"?");
}
END_TEST

START_TEST(what_is_no_object_has_no_keys)
{
    expect("[]", 1, "an operation must be an object, not an array");
    expect("null", 1, "an operation must be an object, not null");
    expect("\"x\"", 1, "must be an object, not a string");
}
END_TEST

START_TEST(names_are_plain)
{
    char longest[POLICY_NAME_MAX + 2];

    ck_assert(policy_is_name(text_of("sender-limits")));
    ck_assert(policy_is_name(text_of("a")));
    ck_assert(policy_is_name(text_of("0_9-z")));
    ck_assert(!policy_is_name(text_of("")));
    ck_assert(!policy_is_name(text_of(NULL)));
    ck_assert(!policy_is_name(text_of("Burst")));
    ck_assert(!policy_is_name(text_of("a b")));
    ck_assert(!policy_is_name(text_of("a:b")));
    ck_assert(!policy_is_name(text_of("a.b")));
    ck_assert(!policy_is_name(text_of("{a}")));
    ck_assert(!policy_is_name(text_of("\xc3\xa9")));
    ck_assert(!policy_is_name(text_make("a\0b", 3)));
    memset(longest, 'a', sizeof(longest));
    ck_assert(policy_is_name(text_make(longest, POLICY_NAME_MAX)));
    ck_assert(!policy_is_name(text_make(longest, POLICY_NAME_MAX + 1)));
}
END_TEST

START_TEST(numbers_are_e164)
{
    static const char *const bad[] = {
        "",     "+",       "+1",         "14155550100",       "+04155550100",
        "+1 4", "+1a",     "++14155",    "+1234567890123456", "*",
        "+14-", "+14155 ", " +14155550", "+\xd9\xa1\xd9\xa2",
    };

    ck_assert(policy_is_e164(text_of("+12")));
    ck_assert(policy_is_e164(text_of("+14155550100")));
    ck_assert(policy_is_e164(text_of("+123456789012345")));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!policy_is_e164(text_of(bad[i])), "%s", bad[i]);
}
END_TEST

UNIT_MAIN("loader", known_keys_pass, unknown_keys_get_the_nearest_name,
          far_names_are_not_suggested, what_is_no_object_has_no_keys,
          names_are_plain, numbers_are_e164)
