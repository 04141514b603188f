/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of policy/path.h.
 */
#include "policy/path.h"

#include "unit.h"

struct bad {
    struct text text;
    const char *says; /* a piece of the sentence */
};

static void check_bad(const char *(*problem)(struct text),
                      const struct bad *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *said = problem(cases[i].text);

        ck_assert_msg(said != NULL, "let through: %.*s",
                      TEXT_ARG(cases[i].text));
        ck_assert_msg(strstr(said, cases[i].says) != NULL, "%.*s: %s",
                      TEXT_ARG(cases[i].text), said);
    }
}

START_TEST(canonical_paths_pass)
{
    static const char *const fine[] = {
        "/",
        "/v3/chats",
        "/v3/chats/",
        "/v3/chats/550e8400-e29b-41d4-a716-446655440000",
        "/a-b._~c!$&'()*+,;=:@",
        "/%20",
        "/caf%C3%A9",
        "/%2C", /* a sub-delimiter and its escape are two different texts */
        "/%3A%5B%5D",
        "/...",
        "/.well-known",
        "/a..b",
        "/..a",
    };

    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        const char *said = policy_path_problem(text_of(fine[i]));

        ck_assert_msg(said == NULL, "%s: %s", fine[i], said);
    }
}
END_TEST

START_TEST(other_spellings_of_a_path_are_refused)
{
    static const struct bad bad[] = {
        {TEXT(""), "begin with a slash"},
        {TEXT("v3"), "begin with a slash"},
        {TEXT("*"), "begin with a slash"},
        {TEXT("http://h/"), "begin with a slash"},
        {TEXT("//"), "empty segment"},
        {TEXT("//v3/chats"), "empty segment"},
        {TEXT("/v3//chats"), "empty segment"},
        {TEXT("/v3/chats//"), "empty segment"},
        {TEXT("/."), "dot segment"},
        {TEXT("/.."), "dot segment"},
        {TEXT("/v3/./chats"), "dot segment"},
        {TEXT("/v3/../v3/chats"), "dot segment"},
        {TEXT("/v3/chats/.."), "dot segment"},
        {TEXT("/v3/..;/chats"), "dot segment"},
        {TEXT("/v3/.;x=1/chats"), "dot segment"},
        {TEXT("/v3/%2e%2e/chats"), "needs none"},
        {TEXT("/v3/%2E/chats"), "needs none"},
        {TEXT("/v3%2Fchats"), "escaped slash"},
        {TEXT("/v3%2fchats"), "escaped slash"},
        {TEXT("/v3/%63hats"), "needs none"},
        {TEXT("/v3/%7Echats"), "needs none"},
        {TEXT("/caf%c3%A9"), "upper-case"},
        {TEXT("/caf%C3%a9"), "upper-case"},
        {TEXT("/%3a"), "upper-case"},
        {TEXT("/%"), "two hex digits"},
        {TEXT("/%4"), "two hex digits"},
        {TEXT("/%4/"), "two hex digits"},
        {TEXT("/%zz"), "two hex digits"},
        {TEXT("/%%30"), "two hex digits"},
        {TEXT("/%00"), "control byte"},
        {TEXT("/%0D%0A"), "control byte"},
        {TEXT("/%1f"), "control byte"},
        {TEXT("/%7F"), "control byte"},
        {TEXT("/a\0b"), "control byte"},
        {TEXT("/a\tb"), "control byte"},
        {TEXT("/a\x7f"), "control byte"},
        {TEXT("/caf\xc3\xa9"), "outside ASCII"},
        {TEXT("/\xff"), "outside ASCII"},
        {TEXT("/a b"), "percent-encoded"},
        {TEXT("/a\"b"), "percent-encoded"},
        {TEXT("/a<b>"), "percent-encoded"},
        {TEXT("/a\\b"), "percent-encoded"},
        {TEXT("/..\\"), "percent-encoded"},
        {TEXT("/a^b"), "percent-encoded"},
        {TEXT("/a`b"), "percent-encoded"},
        {TEXT("/{id}"), "percent-encoded"},
        {TEXT("/a|b"), "percent-encoded"},
        {TEXT("/a#b"), "percent-encoded"},
        {TEXT("/a[1]"), "percent-encoded"},
        {TEXT("/a?b"), "percent-encoded"},
    };

    check_bad(policy_path_problem, bad, sizeof(bad) / sizeof(bad[0]));
}
END_TEST

START_TEST(queries_keep_their_own_ways)
{
    static const char *const fine[] = {
        "",      "a=1",     "a=1&b=2",   "=",       "&&",
        "a=%2b", "a=+",     "a=b/c?d",   "a[]=1;b", "a=%E2%82%AC",
        "a=%41", "a=|{}^`", "a=\"x\"<>", "a=../..",
    };

    ck_assert_ptr_null(policy_query_problem(text_of(NULL)));
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
        ck_assert_msg(policy_query_problem(text_of(fine[i])) == NULL, "%s",
                      fine[i]);
}
END_TEST

START_TEST(malformed_queries_are_refused)
{
    static const struct bad bad[] = {
        {TEXT("a=%"), "two hex digits"},
        {TEXT("a=%2"), "two hex digits"},
        {TEXT("a=%2g"), "two hex digits"},
        {TEXT("%=a"), "two hex digits"},
        {TEXT("a=100%"), "two hex digits"},
        {TEXT("a=%00"), "NUL"},
        {TEXT("a%00=1"), "NUL"},
        {TEXT("a=\0"), "control byte"},
        {TEXT("a b"), "space"},
        {TEXT("a=\t"), "control byte"},
        {TEXT("a=\x7f"), "control byte"},
        {TEXT("a=\xe2\x82\xac"), "outside ASCII"},
        {TEXT("a=1#b"), "%23"},
    };

    check_bad(policy_query_problem, bad, sizeof(bad) / sizeof(bad[0]));
}
END_TEST

START_TEST(segments_come_one_by_one)
{
    struct text rest = TEXT("/v3/chats//"), segment;
    static const char *const expected[] = {"v3", "chats", "", ""};

    for (size_t i = 0; i < 4; i++) {
        ck_assert(policy_path_next(&rest, &segment));
        ck_assert_msg(text_is(segment, expected[i]), "%zu: %.*s", i,
                      TEXT_ARG(segment));
    }
    ck_assert(!policy_path_next(&rest, &segment));
}
END_TEST

UNIT_MAIN("path", canonical_paths_pass, other_spellings_of_a_path_are_refused,
          queries_keep_their_own_ways, malformed_queries_are_refused,
          segments_come_one_by_one)
