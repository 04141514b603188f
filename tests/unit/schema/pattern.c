/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns mean what ECMA-262 says, or are refused; none outlives its budget.
 */
#include "schema/pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "tests/unit/unit.h"

#define PLENTY 1000000

static bool matches(const char *pattern, struct text t)
{
    struct pattern_budget budget;
    struct pattern *p = NULL;
    char error[200];
    enum pattern_result result;

    pattern_budget_init(&budget, PLENTY);
    if (pattern_new(text_of(pattern), &p, error, sizeof(error)) != STATUS_OK)
        ck_abort_msg("%s: %s", pattern, error);
    ck_assert(text_is(pattern_source(p), pattern));
    result = pattern_match(p, &budget, t);
    pattern_budget_release(&budget);
    pattern_free(p);
    ck_assert_msg(result == PATTERN_MATCH || result == PATTERN_NO_MATCH,
                  "%s: %d", pattern, (int)result);
    return result == PATTERN_MATCH;
}

static const struct {
    const char *pattern, *text;
    bool matches;
} rows[] = {
    {"", "", true},
    {"", "anything", true},
    {"b", "abc", true},
    {"b", "ac", false},
    {"^a", "abc", true},
    {"^a", "b\na", false}, /* no multiline */
    {"a$", "ba", true},
    {"a$", "a\n", false}, /* PCRE2 by itself would match */
    {"a$", "a\nb", false},
    {"^[a-z]{2,3}$", "abc", true},
    {"^[a-z]{2,3}$", "abcd", false},
    {"^[a-z]{2,}$", "abcd", true},
    {"^a{3}$", "aaa", true},
    {"^a{3}$", "aa", false},
    {"^a?b*?c+?$", "bbc", true},
    /* "." */
    {"^.$", "a", true},
    {"^.$", "\n", false},
    {"^.$", "\r", false},
    {"^.$", "\xe2\x80\xa8", false}, /* U+2028 */
    {"^.$", "\xc2\x85", true},      /* U+0085 is no line end in ECMA-262 */
    {"^.$", "\xf0\x9f\x98\x80", true},
    {"^..$", "\xf0\x9f\x98\x80", false}, /* code points, not units */
    /* \d \w \s \b are what ECMA-262 says */
    {"^\\d$", "7", true},
    {"^\\d$", "\xd9\xa7", false}, /* an Arabic digit */
    {"^\\D$", "\xd9\xa7", true},
    {"^\\w$", "_", true},
    {"^\\w$", "\xc3\xa9", false}, /* e acute */
    {"^\\W$", "\xc3\xa9", true},
    {"^\\s$", " ", true},
    {"^\\s$", "\xc2\xa0", true},
    {"^\\s$", "\xef\xbb\xbf", true}, /* U+FEFF */
    {"^\\s$", "\v", true},
    {"^\\s$", "\xc2\x85", false}, /* PCRE2 with UCP would match */
    {"^\\s$", "\xe1\xa0\x8e", false},
    {"^\\S$", "\xc2\x85", true},
    {"^\\S$", "\xe2\x80\x89", false},
    {"^[\\s]$", "\xe3\x80\x80", true},
    {"^[\\S]$", "x", true},
    {"^[^\\s]$", "x", true},
    {"^[\\d-]$", "-", true},
    {"^[\\w.]+$", "a.b_1", true},
    {"\\bb\\b", "a b c", true},
    {"\\bb\\b",
     "\xc3\xa9"
     "b",
     true},
    {"^a\\Bb$", "ab", true},
    {"^[\\b]$", "\b", true},
    /* escapes */
    {"^\\t\\n\\v\\f\\r$", "\t\n\v\f\r", true},
    {"^\\cJ\\cj$", "\n\n", true},
    {"^\\x41\\u0042\\u{43}$", "ABC", true},
    {"^\\u{1F600}$", "\xf0\x9f\x98\x80", true},
    {"^\\ud83d\\ude00$", "\xf0\x9f\x98\x80", true},
    {"^\\^\\$\\\\\\.\\*\\+\\?\\(\\)\\[\\]\\{\\}\\|\\/$", "^$\\.*+?()[]{}|/",
     true},
    {"^\\-\\@\\ $", "-@ ", true},
    {"^a/b$", "a/b", true},
    {"^#x y$", "#x y", true},
    /* braces and brackets that are none */
    {"^{a}$", "{a}", true},
    {"^a{,3}$", "a{,3}", true},
    {"^]$", "]", true},
    {"^}$", "}", true},
    /* classes */
    {"[]", "a", false},
    {"^[^]$", "\n", true},
    {"^[a-]$", "-", true},
    {"^[-a]$", "-", true},
    {"^[^a-c]$", "d", true},
    {"^[^a-c]$", "b", false},
    {"^[[]$", "[", true},
    {"^[[:alpha:]]$", "a]", true}, /* no POSIX classes: "[:alph" and "]" */
    {"^[\\u{1F600}-\\u{1F610}]$", "\xf0\x9f\x98\x85", true},
    {"^[^\\u0000]*$", "no NUL", true},
    /* groups */
    {"^(a|b)(?:c|d)$", "bd", true},
    {"^(?<year>\\d{4})$", "2026", true},
    {"^(?=ab)a", "ab", true},
    {"^(?!ab)a", "ab", false},
    {"(?<=\\$)5", "$5", true},
    {"(?<!\\$)5", "$5", false},
    {"^(|a)$", "", true},
    {"a|", "", true},
    /* properties */
    {"^\\p{Letter}+$", "\xc3\xa9x", true},
    {"^\\p{L}$", "1", false},
    {"^\\P{L}$", "1", true},
    {"^\\p{Lu}$", "A", true},
    {"^\\p{Lu}$", "a", false},
    {"^\\p{General_Category=Decimal_Number}$", "\xd9\xa7", true},
    {"^\\p{gc=Nd}$", "7", true},
    {"^\\p{Script=Greek}+$", "\xce\xb1\xce\xb2", true},
    {"^\\p{Script=Greek}+$", "a", false},
    {"^\\p{sc=Cyrillic}$", "\xd0\xb6", true},
    {"^\\p{Alphabetic}$", "x", true},
    {"^\\p{White_Space}$", " ", true},
    {"^[\\p{L}\\d]+$",
     "\xc3\xa9"
     "1",
     true},
    {"^\\p{LC}$", "a", true},
    {"^\\p{Cased_Letter}$", "\xd7\x90", false}, /* Hebrew has no cases */
};

START_TEST(patterns_mean_what_ecma_262_says)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (matches(rows[i].pattern, text_of(rows[i].text)) != rows[i].matches)
            ck_abort_msg("%s should%s match %s", rows[i].pattern,
                         rows[i].matches ? "" : " not", rows[i].text);
}
END_TEST

START_TEST(nul_is_a_character)
{
    ck_assert(matches("^a\\0b$", text_make("a\0b", 3)));
    ck_assert(!matches("^[^\\u0000]*$", text_make("a\0b", 3)));
}
END_TEST

START_TEST(what_has_no_such_meaning_is_refused)
{
    static const char *const bad[] = {
        "(",
        ")",
        "(a",
        "a)",
        "*",
        "+a",
        "?",
        "a**",
        "a++",
        "a?+",
        "a{2}{3}",
        "^*",
        "\\b+",
        "a|*",
        "(*)",
        "(*UTF)a",
        "[a",
        "[b-a]",
        "[\\d-x]",
        "[a-\\d]",
        "\\",
        "\\1",
        "(a)\\1",
        "\\k<a>",
        "\\A",
        "\\Z",
        "\\z",
        "\\G",
        "\\Q",
        "\\R",
        "\\h",
        "\\N",
        "\\X",
        "\\K",
        "\\C",
        "\\e",
        "\\a",
        "\\_",
        "\\01",
        "\\c1",
        "\\x4",
        "\\xg0",
        "\\u12",
        "\\u{}",
        "\\u{110000}",
        "\\u{12",
        "\\ud83d",
        "\\ude00",
        "\\ud83dx",
        "\\ud83d\\u0041",
        "(?i)a",
        "(?i:a)",
        "(?#c)",
        "(?>a)",
        "(?|a)",
        "(?P<n>a)",
        "(?<>a)",
        "(?<n",
        "(?R)",
        "(?1)",
        "\\p",
        "\\pL",
        "\\p{",
        "\\p{}",
        "\\p{letter}",
        "\\p{Greek}",
        "\\p{x=y}",
        "\\p{Script=}} x{",
        "\\p{Script=Nope}",
        "\\p{Script=L&}",
        "(?<=a*)b",
        "a{65536}",
        "a{2,1}",
        "(?=a",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct pattern *p = NULL;
        char error[200] = "";

        if (pattern_new(text_of(bad[i]), &p, error, sizeof(error)) !=
            STATUS_INVALID)
            ck_abort_msg("%s", bad[i]);
        ck_assert_ptr_null(p);
        ck_assert_msg(strlen(error) > 5, "%s", bad[i]);
    }
}
END_TEST

START_TEST(an_evil_pattern_ends_with_the_budget)
{
    static const char text[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!c";
    struct pattern_budget budget;
    struct pattern *p;
    char error[200];

    ck_assert_int_eq(
        pattern_new(TEXT_LIT("^(a|a|b?)*c$"), &p, error, sizeof(error)),
        STATUS_OK);
    pattern_budget_init(&budget, PLENTY);
    ck_assert_int_eq(pattern_match(p, &budget, text_of(text)), PATTERN_LIMIT);
    ck_assert_uint_eq(budget.steps, 0);
    /* And stays spent, whatever comes. */
    ck_assert_int_eq(pattern_match(p, &budget, TEXT_LIT("c")), PATTERN_LIMIT);
    pattern_budget_release(&budget);
    pattern_free(p);
}
END_TEST

START_TEST(a_plain_pattern_costs_about_its_text)
{
    struct pattern_budget budget;
    struct pattern *p;
    char error[200];

    ck_assert_int_eq(
        pattern_new(TEXT_LIT("^([a-z]+,)*[a-z]+$"), &p, error, sizeof(error)),
        STATUS_OK);
    pattern_budget_init(&budget, PLENTY);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(pattern_match(p, &budget, TEXT_LIT("one,two,three")),
                         PATTERN_MATCH);
    ck_assert_uint_gt(budget.steps, PLENTY / 2);
    pattern_budget_release(&budget);
    pattern_free(p);
}
END_TEST

/* A pattern without ^ is looked for everywhere, and ".*" in front of it means
 * nothing: it was looked for from each place anew. */
START_TEST(a_search_begins_anywhere)
{
    static const struct {
        const char *pattern, *text;
        enum pattern_result result;
    } searches[] = {
        {"b", "a\nb", PATTERN_MATCH},
        {".*b", "a\nb", PATTERN_MATCH},
        {".*?b", "ab", PATTERN_MATCH},
        {".*.*b.*",
         "\xe2\x80\xa8"
         "b",
         PATTERN_MATCH},
        {".*b", "a", PATTERN_NO_MATCH},
        {".*", "", PATTERN_MATCH},
        {".*+", "", PATTERN_NO_MEMORY}, /* no pattern */
        {"a|.*b", "b", PATTERN_MATCH},
        {".*b|c", "c", PATTERN_MATCH},
        {".*b|^c", "ac", PATTERN_NO_MATCH},
        {"^a|b", "xb", PATTERN_MATCH},
        {"^a|b", "xa", PATTERN_NO_MATCH},
        {".*^a", "ba", PATTERN_NO_MATCH},
        {".*^a", "ab", PATTERN_MATCH},
        {"(?<=a)b", "ab", PATTERN_MATCH},
        {".*(?<=a)b", "cb", PATTERN_NO_MATCH},
        {"(?<!a)b$", "abb", PATTERN_MATCH},
        {"\\bfoo\\b", "a foo.", PATTERN_MATCH},
        {"\\bfoo\\b", "a food", PATTERN_NO_MATCH},
        {"(?=.*\\d)[a-z]", "1a2", PATTERN_MATCH},
        {"(?=.*\\d)[a-z]", "1a", PATTERN_NO_MATCH},
        {"(?!.*\\d)[a-z]", "1a", PATTERN_MATCH},
        {".+b", "b", PATTERN_NO_MATCH},
        {"(?:.*b)c", "abc", PATTERN_MATCH},
        {".{2}b", "ab", PATTERN_NO_MATCH},
    };

    for (size_t i = 0; i < ARRAY_LEN(searches); i++) {
        struct pattern_budget budget;
        struct pattern *p = NULL;
        char error[200];
        enum pattern_result got = PATTERN_NO_MEMORY;

        pattern_budget_init(&budget, PLENTY);
        if (pattern_new(text_of(searches[i].pattern), &p, error,
                        sizeof(error)) == STATUS_OK)
            got = pattern_match(p, &budget, text_of(searches[i].text));
        ck_assert_msg(got == searches[i].result, "%s: %s: %d",
                      searches[i].pattern, searches[i].text, got);
        pattern_budget_release(&budget);
        pattern_free(p);
    }
}
END_TEST

static double time_pattern(const char *source, struct text text)
{
    struct pattern_budget budget;
    struct timespec begin, end;
    struct pattern *p;
    char error[200];

    ck_assert_int_eq(pattern_new(text_of(source), &p, error, sizeof(error)),
                     STATUS_OK);
    pattern_budget_init(&budget, PLENTY);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    ck_assert_int_ne(pattern_match(p, &budget, text), PATTERN_MATCH);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    pattern_budget_release(&budget);
    pattern_free(p);
    return (double)(end.tv_sec - begin.tv_sec) +
           (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
}

/* PCRE2 counts its steps anew at each beginning, and does not count what a
 * repetition runs over: "(?=.*a)[0-9]" took a minute and a half of 120 KB. */
START_TEST(no_pattern_takes_more_than_the_budget)
{
    static const char *const slow[] = {
        "(?=.*a)[0-9]",   "(?=x*)[0-9]",       "(?!x*y)[0-9]", "x*[0-9]",
        ".*x.*[0-9]",     "(?=(x+))[a]",       "x+[^x]",       ".{20000}[0-9]",
        "(?:x{999})*\\d", "(?:(?=x*a)|.)*\\d", "(?:x|x)*\\d",
    };
    struct text text = text_make(malloc(120000), 120000);
    double budget_s;

    ck_assert_ptr_nonnull(text.data);
    memset((char *)(uintptr_t)text.data, 'x', text.len);
    budget_s = time_pattern("^(?:x+)+$(?!)", text);
    for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
        double took_s = time_pattern(slow[i], text);

        ck_assert_msg(took_s < budget_s * 20 + 0.01, "%s: %.3f s, %.3f s",
                      slow[i], took_s, budget_s);
    }
    free((void *)(uintptr_t)text.data);
}
END_TEST

UNIT_MAIN("schema/pattern", a_search_begins_anywhere,
          no_pattern_takes_more_than_the_budget,
          patterns_mean_what_ecma_262_says, nul_is_a_character,
          what_has_no_such_meaning_is_refused,
          an_evil_pattern_ends_with_the_budget,
          a_plain_pattern_costs_about_its_text)
