/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/pick.h"

#include <stdio.h>

#include "base/check.h"
#include "unit.h"

static const struct scan_limits limits = {
    .max_depth = 64, .max_token_bytes = 100, .max_number_bytes = 50};

/* What was told: "0{ 1\"a\" 0}" and so on. */
static char told[4096];
static size_t enough_after; /* stop after so many; 0: never */

static bool note(void *arg, size_t target, enum pick_kind kind,
                 struct text text)
{
    static const char *const names[] = {"null", "false", "true", "#",
                                        "'",    "{",     "[",    "."};
    size_t len = strlen(told);

    (void)arg;
    snprintf(told + len, sizeof(told) - len, "%zu%s%.*s ", target, names[kind],
             TEXT_ARG(text));
    return enough_after == 0 || --enough_after > 0;
}

static struct pick_target targets[PICK_TARGETS_MAX];
static size_t target_count;

static void want(const char *pointer)
{
    ck_assert_int_eq(
        pick_target_parse(text_of(pointer), &targets[target_count++]),
        STATUS_OK);
}

static enum status pick_cut(const char *json, size_t len, size_t first,
                            size_t each)
{
    struct pick *p = pick_new(targets, target_count, &limits, note, NULL);
    enum status s = STATUS_OK;
    size_t at = 0;

    told[0] = '\0';
    while (at < len && s == STATUS_OK) {
        size_t n = at == 0 && first > 0 ? first : each;

        if (n > len - at)
            n = len - at;
        s = pick_feed(p, json + at, n);
        at += n;
    }
    if (s == STATUS_OK)
        s = pick_finish(p);
    else /* it stays ended, and says the same again */
        ck_assert_int_eq(pick_finish(p), s);
    pick_free(p);
    return s;
}

/* The same, whole, in single bytes, and cut in two at every byte. */
static void expect(const char *json, enum status status, const char *expected)
{
    size_t len = strlen(json);

    for (size_t cut = 0; cut <= len; cut++) {
        enum status s = pick_cut(json, len, cut,
                                 cut == 0    ? 1
                                 : len > cut ? len - cut
                                             : 1);

        ck_assert_msg(s == status, "%s: %s", json, status_name(s));
        ck_assert_msg(strcmp(told, expected) == 0, "%s at %zu: %s", json, cut,
                      told);
    }
}

START_TEST(members_and_items)
{
    want("/trace_id");
    want("/chats/*");
    want("/chats/*/id");
    want("/n/1");
    expect("{\"trace_id\":\"t\",\"chats\":[{\"x\":{\"id\":1},\"id\":\"a\"},"
           "{\"id\":\"b\"},7],\"n\":[10,11,12],\"id\":0}",
           STATUS_OK, "0't 1{ 2'a 1. 1{ 2'b 1. 1#7 3#11 ");
    expect("{\"chats\":{\"0\":{\"id\":1}},\"n\":{\"1\":2}}", STATUS_OK, "3#2 ");
    expect("[{\"trace_id\":1}]", STATUS_OK, "");
    expect("{\"a\":{\"trace_id\":1}}", STATUS_OK, "");
    expect("{}", STATUS_OK, "");
    expect("5", STATUS_OK, "");
}
END_TEST

START_TEST(the_whole_text)
{
    want("");
    want("/a");
    expect("{\"a\":null}", STATUS_OK, "0{ 1null 0. ");
    expect("[1]", STATUS_OK, "0[ 0. ");
    expect(" \"x\\u0041\\n\" ", STATUS_OK, "0'xA\n ");
    expect("true", STATUS_OK, "0true ");
    expect("-1.5e3", STATUS_OK, "0#-1.5e3 ");
}
END_TEST

START_TEST(one_place_and_several_targets)
{
    want("/a/b");
    want("/a/b");
    want("/a");
    want("/a/b/c");
    expect("{\"a\":{\"b\":{\"c\":false}}}", STATUS_OK,
           "2{ 0{ 1{ 3false 0. 1. 2. ");
}
END_TEST

START_TEST(names_are_compared_decoded)
{
    want("/a~1b");
    want("/m~0n");
    want("/~01");
    want("/");
    want("/*");
    expect("{\"a/b\":1,\"m~n\":2,\"~1\":3,\"\":4,\"*\":5,\"\\u006d~n\":6,"
           "\"a~1b\":7,\"m\":8,\"m~nn\":9}",
           STATUS_OK, "0#1 1#2 2#3 3#4 4#5 1#6 ");
}
END_TEST

START_TEST(indices_are_canonical)
{
    want("/0");
    want("/01");
    want("/-");
    want("/2");
    want("/4294967296");
    expect("[1,2,3]", STATUS_OK, "0#1 3#3 ");
}
END_TEST

START_TEST(a_member_twice_is_told_twice)
{
    want("/a");
    expect("{\"a\":1,\"a\":[],\"a\":2}", STATUS_OK, "0#1 0[ 0. 0#2 ");
}
END_TEST

START_TEST(no_json_ends_it)
{
    static const struct {
        const char *json, *told;
    } cases[] = {
        {"", ""},
        {" ", ""},
        {"<html>", ""},
        {"{\"a\":1,\"b\"}", "0#1 "},
        {"{\"a\":1", "0#1 "},
        {"{\"a\":1}}", "0#1 "},
        {"{\"a\":1} x", "0#1 "},
        {"{\"a\":1}{\"a\":2}", "0#1 "},
        {"{\"a\":[}", "0[ "},
        {"{\"b\":\"\xff\",\"a\":1}", ""},
        {"{\"a\":\"\\ud800\"}", ""},
        {"{'a':1}", ""},
        {"{\"a\":01}", ""},
        {"{\"a\" 1}", ""},
        {"{,\"a\":1}", ""},
    };

    want("/a");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect(cases[i].json, STATUS_INVALID, cases[i].told);
}
END_TEST

START_TEST(past_a_limit_ends_it)
{
    char json[400];

    want("/a");
    snprintf(json, sizeof(json), "{\"a\":1,\"b\":\"%0100d\",\"a\":2}", 0);
    expect(json, STATUS_OK, "0#1 0#2 ");
    snprintf(json, sizeof(json), "{\"a\":1,\"b\":\"%0101d\",\"a\":2}", 0);
    expect(json, STATUS_INVALID, "0#1 ");
    memset(json, '[', sizeof(json));
    memcpy(json, "{\"a\":1,\"b\":", 11);
    json[sizeof(json) - 1] = '\0';
    expect(json, STATUS_INVALID, "0#1 ");
}
END_TEST

START_TEST(deep_and_empty)
{
    char json[300] = "";

    want("/0/0/0/0/0/0/0/0");
    for (int i = 0; i < 64; i++)
        strcat(json, "[");
    for (int i = 0; i < 64; i++)
        strcat(json, "]");
    expect(json, STATUS_OK, "0[ 0. ");
}
END_TEST

START_TEST(enough_is_enough)
{
    const char *json = "{\"a\":1,\"a\":2,\"b\":]}";

    want("/a");
    want("/a");
    for (size_t cut = 0; cut < strlen(json); cut++) {
        enough_after = 1;
        ck_assert_int_eq(pick_cut(json, strlen(json), cut, 1000), STATUS_OK);
        ck_assert_str_eq(told, "0#1 ");
        enough_after = 3;
        ck_assert_int_eq(pick_cut(json, strlen(json), cut, 1000), STATUS_OK);
        ck_assert_str_eq(told, "0#1 1#1 0#2 ");
    }
}
END_TEST

START_TEST(no_targets)
{
    expect("{\"a\":[1,{}]}", STATUS_OK, "");
}
END_TEST

START_TEST(pointers)
{
    static const char *const bad[] = {"a", "a/b", "/~", "/~2", "/a~/b"};
    struct pick_target t;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_int_eq(pick_target_parse(text_of(bad[i]), &t),
                         STATUS_INVALID);
    ck_assert_int_eq(pick_target_parse(TEXT_LIT("/1/2/3/4/5/6/7/8/9"), &t),
                     STATUS_TOO_LARGE);
    ck_assert_int_eq(pick_target_parse(TEXT_LIT("/1/2/3/4/5/6/7"), &t),
                     STATUS_OK);
    ck_assert_int_eq(pick_target_add(&t, TEXT_LIT("x")), STATUS_OK);
    ck_assert_int_eq(pick_target_add(&t, TEXT_LIT("y")), STATUS_TOO_LARGE);
    ck_assert_int_eq(pick_target_add_items(&t), STATUS_TOO_LARGE);
    ck_assert_uint_eq(t.count, 8);
    pick_free(NULL);
}
END_TEST

UNIT_MAIN("pick", members_and_items, the_whole_text,
          one_place_and_several_targets, names_are_compared_decoded,
          indices_are_canonical, a_member_twice_is_told_twice, no_json_ends_it,
          past_a_limit_ends_it, deep_and_empty, enough_is_enough, no_targets,
          pointers)
