/* SPDX-License-Identifier: Apache-2.0
 *
 * Simple patterns mean what PCRE2 makes of them: each is compared with
 * itself in a group, which is not simple any more.
 */
#include "schema/pattern_simple.h"

#include <stdio.h>

#include "base/check.h"
#include "schema/pattern.h"
#include "unit.h"

static const char *const simple[] = {
    "",
    "@",
    "^",
    "$",
    "^$",
    "abc",
    "^ab",
    "bc$",
    "^abc$",
    "a-b",
    "\\.",
    "^\\$a\\/",
    "\\u0041b",
    "\\x41\\t",
    "\xC3\xA9",
    "^https:",
    "^[a-z]$",
    "^[a-z]*$",
    "^[a-z]+$",
    "^[a-z]?$",
    "^[a-z]{2}$",
    "^[a-z]{2,}$",
    "^[a-z]{0,3}$",
    "^[a-zA-Z0-9_-]+$",
    "^[-a]+$",
    "^[a-]+$",
    "^[^\\u0000]*$",
    "^[^a-c]{1,4}$",
    "^[\\d.]+$",
    "^[\\w@]+$",
    "^\\d{2,3}$",
    "^\\w*$",
    "^[\\]\\\\\\^\\-]+$",
    "^[\\x41-\\x43]+$",
    "^[^]*$",
    "^[]*$",
    "^[]$",
    "^[$.*+?(){}|/]+$",
};

static const char *const not_simple[] = {
    "a|b",           "a*",
    "a.c",           "(a)",
    "[ab]",          "^[ab]",
    "[ab]$",         "^[a]b$",
    "^a+$",          "^.*$",
    "^[a]*?$",       "^[\\s]+$",
    "^[\\D]+$",      "\\d",
    "^\\D+$",        "^\\s*$",
    "^[\\p{L}]*$",   "\\bword\\b",
    "^[a][b]$",      "^[\\u00e9]$",
    "^[\xC3\xA9]+$", "^[a-\\u00ff]+$",
    "\\u00e9",       "^(?:a)$",
    "a$b",           "a^b",
    "^^a",           "a$$",
};

static struct pattern *compile(const char *source, bool is_grouped)
{
    struct pattern *p = NULL;
    char text[200], error[200];

    snprintf(text, sizeof(text), is_grouped ? "(?:%s)" : "%s", source);
    if (pattern_new(text_of(text), &p, error, sizeof(error)) != STATUS_OK)
        ck_abort_msg("%s: %s", text, error);
    return p;
}

/* Texts over what the patterns are about. */
static struct text random_text(unsigned *seed, char *out, size_t size)
{
    static const char *const pieces[] = {"a",
                                         "b",
                                         "c",
                                         "z",
                                         "A",
                                         "B",
                                         "0",
                                         "9",
                                         "_",
                                         "-",
                                         "@",
                                         ".",
                                         "$",
                                         "^",
                                         "/",
                                         "\\",
                                         "]",
                                         "\t",
                                         "\n",
                                         " ",
                                         "\x7f",
                                         "\xC3\xA9",
                                         "\xE2\x82\xAC",
                                         "\xF0\x9F\x98\x80",
                                         "https:",
                                         "abc",
                                         "$a/",
                                         "é"};
    size_t len = 0;

    *seed = *seed * 1664525u + 1013904223u;
    for (unsigned n = *seed >> 16 & 3; len + 8 < size; n--) {
        const char *piece;

        *seed = *seed * 1664525u + 1013904223u;
        if (n == 0 && (*seed >> 20 & 1))
            break;
        piece = pieces[(*seed >> 16) % ARRAY_LEN(pieces)];
        memcpy(out + len, piece, strlen(piece));
        len += strlen(piece);
        if ((*seed >> 13 & 63) == 0)
            out[len++] = '\0';
        if (n == 0)
            break;
    }
    return text_make(out, len);
}

START_TEST(means_the_same)
{
    for (size_t i = 0; i < ARRAY_LEN(simple); i++) {
        struct pattern *grouped = compile(simple[i], true);
        struct pattern_simple p;
        struct pattern_budget budget;
        unsigned seed = 7;
        char text[64];

        if (!pattern_simple_parse(text_of(simple[i]), &p))
            ck_abort_msg("%s is simple", simple[i]);
        pattern_budget_init(&budget, UINT64_MAX);
        for (int k = 0; k < 3000; k++) {
            struct text t = random_text(&seed, text, sizeof(text));
            bool want = pattern_match(grouped, &budget, t) == PATTERN_MATCH;

            if (pattern_simple_match(&p, t) != want)
                ck_abort_msg("%s: '%.*s' should%s match", simple[i],
                             TEXT_ARG(t), want ? "" : " not");
        }
        pattern_budget_release(&budget);
        pattern_free(grouped);
    }
}
END_TEST

START_TEST(is_asked_first)
{
    struct pattern *p = compile("^[a-z]+$", false);
    struct pattern_budget none;

    pattern_budget_init(&none, 0);
    ck_assert_int_eq(pattern_match(p, &none, TEXT_LIT("abc")), PATTERN_MATCH);
    ck_assert_int_eq(pattern_match(p, &none, TEXT_LIT("a1")), PATTERN_NO_MATCH);
    pattern_budget_release(&none);
    pattern_free(p);
}
END_TEST

START_TEST(others_are_left_to_pcre2)
{
    struct pattern_simple p;

    for (size_t i = 0; i < ARRAY_LEN(not_simple); i++)
        if (pattern_simple_parse(text_of(not_simple[i]), &p))
            ck_abort_msg("%s is not simple", not_simple[i]);
}
END_TEST

START_TEST(counts_characters)
{
    struct pattern_simple p;

    ck_assert(pattern_simple_parse(TEXT_LIT("^[^a]{2,3}$"), &p));
    ck_assert(!pattern_simple_match(&p, TEXT_LIT("\xC3\xA9")));
    ck_assert(pattern_simple_match(&p, TEXT_LIT("\xC3\xA9\xC3\xA9")));
    ck_assert(pattern_simple_match(&p, TEXT_LIT("\xF0\x9F\x98\x80xy")));
    ck_assert(!pattern_simple_match(&p, TEXT_LIT("\xC3\xA9xyz")));
    ck_assert(!pattern_simple_match(&p, text_of(NULL)));
    ck_assert(pattern_simple_parse(TEXT_LIT("^\\d*$"), &p));
    ck_assert(pattern_simple_match(&p, text_of(NULL)));
}
END_TEST

START_TEST(literals_have_a_length)
{
    char source[PATTERN_LITERAL_MAX + 2];
    struct pattern_simple p;

    memset(source, 'a', sizeof(source));
    ck_assert(pattern_simple_parse(text_make(source, PATTERN_LITERAL_MAX), &p));
    ck_assert(pattern_simple_match(&p, text_make(source, sizeof(source))));
    ck_assert(
        !pattern_simple_parse(text_make(source, PATTERN_LITERAL_MAX + 1), &p));
}
END_TEST

UNIT_MAIN("schema/pattern_simple", means_the_same, is_asked_first,
          others_are_left_to_pcre2, counts_characters, literals_have_a_length)
