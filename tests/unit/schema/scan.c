/* SPDX-License-Identifier: Apache-2.0
 *
 * The scan, on texts that are right, texts that are wrong, and both cut in
 * every place: what it says and what it passes on must not depend on cuts.
 */
#include "schema/scan.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"

/* For inner loops: Check's own assertions note every success in a file. */
#define EXPECT(cond)                                                           \
    do {                                                                       \
        if (!(cond))                                                           \
            ck_abort_msg("%s", #cond);                                         \
    } while (0)

static const struct scan_limits small = {
    .max_depth = 4, .max_token_bytes = 32, .max_number_bytes = 12};
static const struct scan_limits large = {
    .max_depth = 64, .max_token_bytes = 16 << 20, .max_number_bytes = 16 << 20};

/* ---- one scan, and what came of it ---- */

#define RUNS_MAX 1024

struct outcome {
    enum status status;
    const char *rule;
    uint64_t offset;
    struct buffer out;
    size_t runs, run_end[RUNS_MAX];
    size_t held_most;
    const char *within, *within_end; /* runs must lie here, when not NULL */
    size_t refuse_at; /* the sink fails with the run that reaches this */
};

static enum status record(void *arg, const char *data, size_t len)
{
    struct outcome *o = arg;

    EXPECT(len > 0);
    if (o->within) {
        EXPECT(data >= o->within);
        EXPECT(data + len <= o->within_end);
    }
    EXPECT(buffer_append(&o->out, data, len) == STATUS_OK);
    if (o->runs < RUNS_MAX)
        o->run_end[o->runs] = o->out.len;
    o->runs++;
    if (o->refuse_at && o->out.len >= o->refuse_at)
        return STATUS_DENIED;
    return STATUS_OK;
}

static void outcome_release(struct outcome *o)
{
    buffer_release(&o->out);
}

/* A piece on the heap, so that the sanitizer sees a byte read beside it. */
static enum status feed_copy(struct scan *s, const char *data, size_t len)
{
    char *copy = malloc(len ? len : 1);
    enum status status;

    EXPECT(copy != NULL);
    memcpy(copy, data, len);
    status = scan_feed(s, copy, len);
    free(copy);
    return status;
}

static void scan_end(struct scan *s, enum status status, struct outcome *o)
{
    if (status == STATUS_OK)
        status = scan_finish(s);
    else
        EXPECT(scan_finish(s) == status); /* it stays stopped */
    o->status = status;
    o->rule = scan_rule(s);
    o->offset = scan_offset(s);
    EXPECT((o->rule == NULL) == (scan_message(s) == NULL));
    if (status == STATUS_INVALID)
        EXPECT(o->rule != NULL);
    EXPECT(scan_held(s) == 0);
    scan_release(s);
}

/* Cut in pieces of `first` bytes, then of `step` bytes each. */
static void scan_cut(struct outcome *o, const struct scan_limits *limits,
                     struct text t, size_t first, size_t step)
{
    struct scan s;
    enum status status = STATUS_OK;
    size_t at = 0, n = first;

    buffer_init(&o->out, t.len);
    scan_init(&s, limits, record, o);
    do {
        if (n > t.len - at)
            n = t.len - at;
        status = feed_copy(&s, t.data + at, n);
        at += n;
        n = step;
        if (scan_held(&s) > o->held_most)
            o->held_most = scan_held(&s);
    } while (status == STATUS_OK && at < t.len);
    scan_end(&s, status, o);
}

static void expect_same(const struct outcome *a, const struct outcome *b)
{
    EXPECT(a->status == b->status);
    EXPECT(a->rule == b->rule); /* static texts */
    EXPECT(a->offset == b->offset);
    EXPECT(a->out.len == b->out.len);
    if (a->out.len > 0)
        EXPECT(memcmp(a->out.data, b->out.data, a->out.len) == 0);
}

/* No run may end inside a token: walk the tokens of what was passed on. */
static void expect_whole_tokens(const struct outcome *o)
{
    const char *d = o->out.data;
    size_t i = 0, run = 0, end;

    while (i < o->out.len) {
        end = i + 1;
        if (d[i] == '"') {
            while (d[end] != '"')
                end += d[end] == '\\' ? 2 : 1;
            end++;
        } else if (!strchr(" \t\r\n,:[]{}", d[i])) {
            while (end < o->out.len && !strchr(" \t\r\n,:[]{}", d[end]))
                end++;
        }
        while (run < o->runs && o->run_end[run] <= i)
            run++;
        if (run < o->runs)
            EXPECT(o->run_end[run] >= end);
        i = end;
    }
}

/* A string and its quote, a number, or a literal. */
static size_t held_max(const struct scan_limits *limits)
{
    size_t most = (size_t)limits->max_token_bytes + 1;

    if (most < limits->max_number_bytes)
        most = limits->max_number_bytes;
    return most < strlen("false") ? strlen("false") : most;
}

/* The same in one piece, in every two pieces, in pieces of 1, 3 and 17. */
static void scan_all_cuts(struct outcome *whole,
                          const struct scan_limits *limits, struct text t)
{
    static const size_t steps[] = {1, 3, 17};

    *whole = (struct outcome){0};
    scan_cut(whole, limits, t, t.len, 1);
    expect_whole_tokens(whole);
    for (size_t cut = 0; cut <= t.len; cut++) {
        struct outcome o = {0};

        scan_cut(&o, limits, t, cut, t.len);
        expect_same(&o, whole);
        expect_whole_tokens(&o);
        outcome_release(&o);
    }
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct outcome o = {0};

        scan_cut(&o, limits, t, steps[i], steps[i]);
        expect_same(&o, whole);
        expect_whole_tokens(&o);
        EXPECT(o.held_most <= held_max(limits));
        outcome_release(&o);
    }
}

/* ---- texts that are right ---- */

static const struct text right[] = {
    TEXT("{}"),
    TEXT("0"),
    TEXT("-0"),
    TEXT(" 1 "),
    TEXT("-12.5e+3"),
    TEXT("1E9"),
    TEXT("0.0e-00"),
    TEXT("[0,1.5,-2e2]"),
    TEXT("true"),
    TEXT("[true,false,null]"),
    TEXT("\t\r\n null\n"),
    TEXT("\"\""),
    TEXT("\"\x7f\""), /* DEL is no control character to JSON */
    TEXT("\"0123456789abcdef0123456789abcd\\n\""),
    TEXT("{\"a\":{\"b\":[{}]}}"),
    TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    TEXT("\"\\u0000\\uabCD\\uD7FF\\uE000\\uFFFF\""),
    TEXT("\"\\ud83d\\ude00\\uD800\\uDC00\""),
    TEXT("\"\\udbff\\udfff\""),
    TEXT("\"\xC2\x80\xDF\xBF\""),
    TEXT("\"\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\""),
    TEXT("\"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\""),
    TEXT("\"\xEF\xBB\xBF\""), /* inside a string it is a character */
    TEXT("\"\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E,\xF0\x9F\x98\x80!\""),
    TEXT("{\"key\" : [ \"a\\u00e9\" , -1.25 , null ] , \"\xC3\xA9\":\"\\\\\"}"),
    TEXT("[\"\\\\\",\"\\\"\",\"\\\\\\\"\"]"),
    /* Not this scan's to find: */
    TEXT("]]]][[[["),
    TEXT("[,,:,}"),
    TEXT("\"a\"\"b\"[\"c\"{"),
};

START_TEST(test_right)
{
    struct text t = right[_i];
    struct outcome o;

    scan_all_cuts(&o, &small, t);
    ck_assert_pstr_eq(o.rule, NULL);
    ck_assert_int_eq(o.status, STATUS_OK);
    ck_assert_uint_eq(o.offset, t.len);
    ck_assert_uint_eq(o.out.len, t.len);
    ck_assert_mem_eq(o.out.data, t.data, t.len);
    outcome_release(&o);
}
END_TEST

/* ---- texts that are wrong ---- */

struct wrong {
    struct text text;
    const char *rule;
    int64_t offset;     /* of the byte that offends; -1: the end */
    const char *passed; /* what the sink gets before that */
};

static const struct wrong wrong[] = {
    {TEXT(""), "json.empty", -1, ""},
    {TEXT(" \r\n\t"), "json.empty", -1, " \r\n\t"},
    /* numbers */
    {TEXT("-"), "json.syntax", -1, ""},
    {TEXT("[-]"), "json.syntax", 2, "["},
    {TEXT("[+1]"), "json.syntax", 1, "["},
    {TEXT("[.5]"), "json.syntax", 1, "["},
    {TEXT("[1.]"), "json.syntax", 3, "["},
    {TEXT("1."), "json.syntax", -1, ""},
    {TEXT("[01]"), "json.syntax", 2, "["},
    {TEXT("[-01]"), "json.syntax", 3, "["},
    {TEXT("[00]"), "json.syntax", 2, "["},
    {TEXT("[1e]"), "json.syntax", 3, "["},
    {TEXT("[1e+]"), "json.syntax", 4, "["},
    {TEXT("1e-"), "json.syntax", -1, ""},
    {TEXT("[1.e1]"), "json.syntax", 3, "["},
    {TEXT("[1.5.5]"), "json.syntax", 4, "["},
    {TEXT("[1e5.5]"), "json.syntax", 4, "["},
    {TEXT("[1e1e1]"), "json.syntax", 4, "["},
    {TEXT("[--1]"), "json.syntax", 2, "["},
    {TEXT("[1-2]"), "json.syntax", 2, "["},
    {TEXT("[1+2]"), "json.syntax", 2, "["},
    {TEXT("[0x1F]"), "json.syntax", 2, "["},
    {TEXT("[1a]"), "json.syntax", 2, "["},
    {TEXT("[1_000]"), "json.syntax", 2, "["},
    {TEXT("[1\"\"]"), "json.syntax", 2, "["},
    {TEXT("[1[]]"), "json.syntax", 2, "["},
    {TEXT("[1true]"), "json.syntax", 2, "["},
    {TEXT("[NaN]"), "json.syntax", 1, "["},
    {TEXT("[Infinity]"), "json.syntax", 1, "["},
    {TEXT("[-Infinity]"), "json.syntax", 2, "["},
    {TEXT("[1\xC3\xA9]"), "json.syntax", 3, "["},
    {TEXT("[1\xC3\x28]"), "json.utf8", 3, "["},
    {TEXT("12\xFF"), "json.utf8", 2, ""},
    {TEXT("12\xC3"), "json.utf8", -1, ""},
    {TEXT("12\x00"), "json.syntax", 2, ""},
    /* literals */
    {TEXT("t"), "json.syntax", -1, ""},
    {TEXT("[tru]"), "json.syntax", 4, "["},
    {TEXT("[True]"), "json.syntax", 1, "["},
    {TEXT("[trUe]"), "json.syntax", 3, "["},
    {TEXT("truex"), "json.syntax", 4, ""},
    {TEXT("truetrue"), "json.syntax", 4, ""},
    {TEXT("true\"\""), "json.syntax", 4, ""},
    {TEXT("null{"), "json.syntax", 4, ""},
    {TEXT("[nul,"), "json.syntax", 4, "["},
    {TEXT("[fals\xC3\xA9]"), "json.syntax", 6, "["},
    {TEXT("[false\xE9]"), "json.utf8", 7, "["},
    {TEXT("[undefined]"), "json.syntax", 1, "["},
    /* bytes that begin no token */
    {TEXT("[1,2]#"), "json.syntax", 5, "[1,2]"},
    {TEXT("['a']"), "json.syntax", 1, "["},
    {TEXT("[1]/**/"), "json.syntax", 3, "[1]"},
    {TEXT("[1]//"), "json.syntax", 3, "[1]"},
    {TEXT("[\\u0031]"), "json.syntax", 1, "["},
    {TEXT("<null>"), "json.syntax", 0, ""},
    {TEXT("[1]\0"), "json.syntax", 3, "[1]"},
    {TEXT("\0"), "json.syntax", 0, ""},
    {TEXT("[\f1]"), "json.syntax", 1, "["},
    {TEXT("[\v1]"), "json.syntax", 1, "["},
    {TEXT("[\x7f]"), "json.syntax", 1, "["},
    {TEXT("[*]"), "json.syntax", 1, "["},
    /* outside ASCII between tokens */
    {TEXT("\xEF\xBB\xBF{}"), "json.utf8", 2, ""},
    {TEXT("[\xEF\xBB\xBF]"), "json.utf8", 3, "["},
    {TEXT("{}\xEF\xBB\xBF"), "json.utf8", 4, "{}"},
    {TEXT("[1]\xEF\xBB"), "json.utf8", -1, "[1]"},
    {TEXT("\xFF\xFE[\0]\0"), "json.utf8", 0, ""},
    {TEXT("\0[\0]"), "json.syntax", 0, ""},
    {TEXT("[\xC2\xA0]"), "json.syntax", 2, "["},
    {TEXT("[\xE2\x81\xA0]"), "json.syntax", 3, "["},
    {TEXT("[\xF0\x9F\x98\x80]"), "json.syntax", 4, "["},
    {TEXT("[\x80]"), "json.utf8", 1, "["},
    {TEXT("[\xED\xA0\x80]"), "json.utf8", 2, "["},
    /* strings: UTF-8 */
    {TEXT("[\"\x80\"]"), "json.utf8", 2, "["},
    {TEXT("[\"a\xBF\"]"), "json.utf8", 3, "["},
    {TEXT("\"\xC0\xAF\""), "json.utf8", 1, ""},
    {TEXT("\"\xC1\xBF\""), "json.utf8", 1, ""},
    {TEXT("\"\xC2\""), "json.utf8", 2, ""},
    {TEXT("\"\xC2\xC2\x80\""), "json.utf8", 2, ""},
    {TEXT("\"\xE0\x80\x80\""), "json.utf8", 2, ""},
    {TEXT("\"\xE0\x9F\xBF\""), "json.utf8", 2, ""},
    {TEXT("\"\xED\xA0\x80\""), "json.utf8", 2, ""},
    {TEXT("\"\xED\xBF\xBF\""), "json.utf8", 2, ""},
    {TEXT("\"\xE6\x97\""), "json.utf8", 3, ""},
    {TEXT("\"\xE6\x97\xA5\xE6\x97 \""), "json.utf8", 6, ""},
    {TEXT("\"\xF0\x80\x80\x80\""), "json.utf8", 2, ""},
    {TEXT("\"\xF0\x8F\xBF\xBF\""), "json.utf8", 2, ""},
    {TEXT("\"\xF4\x90\x80\x80\""), "json.utf8", 2, ""},
    {TEXT("\"\xF0\x9F\x98\""), "json.utf8", 4, ""},
    {TEXT("\"\xF5\x80\x80\x80\""), "json.utf8", 1, ""},
    {TEXT("\"\xF8\x88\x80\x80\x80\""), "json.utf8", 1, ""},
    {TEXT("\"\xFC\x83\xBF\xBF\xBF\xBF\""), "json.utf8", 1, ""},
    {TEXT("\"\xFE\""), "json.utf8", 1, ""},
    {TEXT("\"\xFF\""), "json.utf8", 1, ""},
    {TEXT("\"0123456789abcdef\xFF\""), "json.utf8", 17, ""},
    {TEXT("\"\xE6\x97"), "json.utf8", -1, ""},
    /* strings: escapes */
    {TEXT("[\"\\x41\"]"), "json.escape", 3, "["},
    {TEXT("\"\\a\""), "json.escape", 2, ""},
    {TEXT("\"\\'\""), "json.escape", 2, ""},
    {TEXT("\"\\U0041\""), "json.escape", 2, ""},
    {TEXT("\"\\\0\""), "json.escape", 2, ""},
    {TEXT("\"\\\n\""), "json.escape", 2, ""},
    {TEXT("\"\\\xC3\xA9\""), "json.escape", 2, ""},
    {TEXT("\"\\u\""), "json.escape", 3, ""},
    {TEXT("\"\\u00\""), "json.escape", 5, ""},
    {TEXT("\"\\u00A\""), "json.escape", 6, ""},
    {TEXT("\"\\u00G0\""), "json.escape", 5, ""},
    {TEXT("\"\\u00\xFF\""), "json.escape", 5, ""},
    {TEXT("\"\\u-123\""), "json.escape", 3, ""},
    {TEXT("\"\\u{41}\""), "json.escape", 3, ""},
    {TEXT("\"\\ud800\""), "json.escape", 7, ""},
    {TEXT("\"\\ud800a\""), "json.escape", 7, ""},
    {TEXT("\"\\ud800\\n\""), "json.escape", 8, ""},
    {TEXT("\"\\ud800\\\""), "json.escape", 8, ""},
    {TEXT("\"\\ud800\\u0041\""), "json.escape", 12, ""},
    {TEXT("\"\\ud800\\ud800\\udc00\""), "json.escape", 12, ""},
    {TEXT("\"\\ud800\\udc0g\""), "json.escape", 12, ""},
    {TEXT("\"\\ud800\xED\xB0\x80\""), "json.escape", 7, ""},
    {TEXT("\"\\udc00\""), "json.escape", 6, ""},
    {TEXT("\"\\uDFFF\\uD800\""), "json.escape", 6, ""},
    {TEXT("\"\\ud83d\\ude00\\ude00\""), "json.escape", 18, ""},
    {TEXT("{\"\\uDFAA\":0}"), "json.escape", 7, "{"},
    /* strings: the rest */
    {TEXT("\"a"), "json.syntax", -1, ""},
    {TEXT("\""), "json.syntax", -1, ""},
    {TEXT("[\"a\",\"b"), "json.syntax", -1, "[\"a\","},
    {TEXT("\"\\"), "json.syntax", -1, ""},
    {TEXT("\"\\\""), "json.syntax", -1, ""},
    {TEXT("\"\\u00"), "json.syntax", -1, ""},
    {TEXT("\"\\ud800"), "json.syntax", -1, ""},
    {TEXT("\"\\ud800\\"), "json.syntax", -1, ""},
    {TEXT("[\"\n\"]"), "json.syntax", 2, "["},
    {TEXT("[\"\t\"]"), "json.syntax", 2, "["},
    {TEXT("[\"\0\"]"), "json.syntax", 2, "["},
    {TEXT("\"0123456789abcdef0123\x1f\""), "json.syntax", 21, ""},
    /* depth 4, strings 32, numbers 12 */
    {TEXT("[[[[["), "json.depth", 4, "[[[["},
    {TEXT("[[{\"a\":[{"), "json.depth", 8, "[[{\"a\":["},
    {TEXT("[[[[]]]][[[[["), "json.depth", 12, "[[[[]]]][[[["},
    {TEXT("]]][[[[["), "json.depth", 7, "]]][[[["},
    {TEXT("[\"0123456789abcdef0123456789abcdef0\"]"), "json.token_too_long", 34,
     "["},
    {TEXT("{\"0123456789abcdef0123456789abcdef\\n\":1}"), "json.token_too_long",
     34, "{"},
    {TEXT("\"0123456789abcdef0123456789abcde\\n\""), "json.token_too_long", 33,
     ""},
    {TEXT("\"0123456789abcdef0123456789abcde\xC3\xA9\""), "json.token_too_long",
     33, ""},
    {TEXT("\"0123456789abcdef0123456789ab\\u0041\""), "json.token_too_long", 33,
     ""},
    {TEXT("\"0123456789abcdef0123456789abcdef\xFF\""), "json.token_too_long",
     33, ""},
    {TEXT("\"0123456789abcdef0123456789abcdef\n\""), "json.token_too_long", 33,
     ""},
    {TEXT("\"0123456789abcdef0123456789abcdef"), "json.syntax", -1, ""},
    {TEXT("[1234567890123]"), "json.token_too_long", 13, "["},
    {TEXT("[-12345678.1e5]"), "json.token_too_long", 13, "["},
    {TEXT("[123456789012x]"), "json.syntax", 13, "["},
    {TEXT("[1234567.890e]"), "json.syntax", 13, "["},
};

START_TEST(test_wrong)
{
    const struct wrong *w = &wrong[_i];
    struct outcome o;

    scan_all_cuts(&o, &small, w->text);
    ck_assert_int_eq(o.status, STATUS_INVALID);
    ck_assert_str_eq(o.rule, w->rule);
    ck_assert_uint_eq(o.offset,
                      w->offset < 0 ? w->text.len : (uint64_t)w->offset);
    ck_assert(text_is(buffer_text(&o.out), w->passed));
    outcome_release(&o);
}
END_TEST

/* ---- caps: exactly as much as allowed, and one more ---- */

static void expect_cap(const char *open, const char *fill, size_t fills,
                       const char *close, const char *rule)
{
    struct buffer b;
    struct outcome o;

    buffer_init(&b, 4096);
    ck_assert_int_eq(buffer_append_str(&b, open), STATUS_OK);
    for (size_t i = 0; i < fills; i++)
        ck_assert_int_eq(buffer_append_str(&b, fill), STATUS_OK);
    ck_assert_int_eq(buffer_append_str(&b, close), STATUS_OK);
    scan_all_cuts(&o, &small, buffer_text(&b));
    ck_assert_pstr_eq(o.rule, rule);
    outcome_release(&o);
    buffer_release(&b);
}

START_TEST(test_caps)
{
    expect_cap("\"", "a", 32, "\"", NULL);
    expect_cap("\"", "a", 33, "\"", "json.token_too_long");
    expect_cap("{\"", "a", 32, "\":0}", NULL);
    expect_cap("{\"", "a", 33, "\":0}", "json.token_too_long");
    expect_cap("[\"", "\xC3\xA9", 16, "\"]", NULL);
    expect_cap("[\"a", "\xC3\xA9", 16, "\"]", "json.token_too_long");
    expect_cap("[\"", "\\n", 16, "\"]", NULL);
    expect_cap("[\"a", "\\n", 16, "\"]", "json.token_too_long");
    expect_cap("[\"ab", "\\u0041", 5, "\"]", NULL);
    expect_cap("[\"abc", "\\u0041", 5, "\"]", "json.token_too_long");
    expect_cap("[", "1", 12, "]", NULL);
    expect_cap("[", "1", 13, "]", "json.token_too_long");
    expect_cap("", "1", 12, "", NULL);
    expect_cap("", "1", 13, "", "json.token_too_long");
    expect_cap("", "[", 4, "", NULL);
    expect_cap("", "{", 5, "", "json.depth");
    expect_cap("", "[{}]", 100, "", NULL);
}
END_TEST

START_TEST(test_caps_of_nothing)
{
    static const struct scan_limits none = {0, 0, 0};
    struct outcome o;

    scan_all_cuts(&o, &none, TEXT_LIT("\"\""));
    ck_assert_int_eq(o.status, STATUS_OK);
    outcome_release(&o);
    scan_all_cuts(&o, &none, TEXT_LIT("\"a\""));
    ck_assert_str_eq(o.rule, "json.token_too_long");
    outcome_release(&o);
    scan_all_cuts(&o, &none, TEXT_LIT("1"));
    ck_assert_str_eq(o.rule, "json.token_too_long");
    outcome_release(&o);
    scan_all_cuts(&o, &none, TEXT_LIT("[]"));
    ck_assert_str_eq(o.rule, "json.depth");
    outcome_release(&o);
    scan_all_cuts(&o, &none, TEXT_LIT("false "));
    ck_assert_int_eq(o.status, STATUS_OK);
    outcome_release(&o);
}
END_TEST

/* Every length around the 16 and 64 bytes that are looked at together, with
 * something that is not plain at every place of it. */
START_TEST(test_lengths)
{
    static const char *const odd[] = {
        "", "\\n", "\xC3\xA9", "\\u00e9", "\xE6\x97\xA5", "\xF0\x9F\x98\x80"};
    char fill[150], text[256];

    for (size_t i = 0; i < sizeof(fill); i++)
        fill[i] = (char)('#' + i % 50);
    for (size_t len = 0; len < sizeof(fill); len++) {
        for (size_t i = 0; i <= len; i++) {
            const char *o = odd[(len + i) % ARRAY_LEN(odd)];
            struct outcome whole = {0}, cut = {0};
            int n = snprintf(text, sizeof(text), "[\"%.*s%s%.*s\",1]", (int)i,
                             fill, o, (int)(len - i), fill + i);
            struct text t = text_make(text, (size_t)n);

            scan_cut(&whole, &large, t, t.len, 1);
            EXPECT(whole.status == STATUS_OK);
            EXPECT(text_equal(buffer_text(&whole.out), t));
            EXPECT(whole.runs == 1);
            scan_cut(&cut, &large, t, (len * 7 + i) % t.len, t.len);
            expect_same(&whole, &cut);
            outcome_release(&whole);
            outcome_release(&cut);
        }
    }
}
END_TEST

/* ---- what reaches the sink, and how ---- */

START_TEST(test_no_copy)
{
    static const char text[] =
        "{\"a\":[1,2,\"three\",null],\"b\":\"\\u0041\"}  ";
    struct outcome o = {.within = text, .within_end = text + sizeof(text) - 1};
    struct scan s;

    buffer_init(&o.out, sizeof(text));
    scan_init(&s, &small, record, &o);
    ck_assert_int_eq(scan_feed(&s, text, sizeof(text) - 1), STATUS_OK);
    ck_assert_uint_eq(o.runs, 1);
    ck_assert_uint_eq(o.out.len, sizeof(text) - 1);
    scan_end(&s, STATUS_OK, &o);
    ck_assert_int_eq(o.status, STATUS_OK);
    outcome_release(&o);
}
END_TEST

/* Of a piece that ends in a token only that token waits. */
START_TEST(test_held)
{
    struct outcome o = {0};
    struct scan s;

    buffer_init(&o.out, 100);
    scan_init(&s, &small, record, &o);
    ck_assert_int_eq(scan_feed(&s, "[1,\"ab", 6), STATUS_OK);
    ck_assert(text_is(buffer_text(&o.out), "[1,"));
    ck_assert_uint_eq(scan_held(&s), 3);
    ck_assert_int_eq(scan_feed(&s, "", 0), STATUS_OK);
    ck_assert_int_eq(scan_feed(&s, "c\",tr", 5), STATUS_OK);
    ck_assert(text_is(buffer_text(&o.out), "[1,\"abc\","));
    ck_assert_uint_eq(o.runs, 3);
    ck_assert_uint_eq(scan_held(&s), 2);
    /* A literal or a number is whole only with what follows it. */
    ck_assert_int_eq(scan_feed(&s, "ue", 2), STATUS_OK);
    ck_assert_uint_eq(scan_held(&s), 4);
    ck_assert_int_eq(scan_feed(&s, ",12", 3), STATUS_OK);
    ck_assert(text_is(buffer_text(&o.out), "[1,\"abc\",true,"));
    ck_assert_uint_eq(scan_held(&s), 2);
    ck_assert_int_eq(scan_feed(&s, "]", 1), STATUS_OK);
    ck_assert(text_is(buffer_text(&o.out), "[1,\"abc\",true,12]"));
    ck_assert_uint_eq(scan_held(&s), 0);
    scan_end(&s, STATUS_OK, &o);
    outcome_release(&o);
}
END_TEST

/* The bracket behind a held number goes out with it, and must still count. */
START_TEST(test_depth_behind_held_number)
{
    struct outcome o;

    scan_all_cuts(&o, &small, TEXT_LIT("[[[[1]]]],[[[[true]]]],[[[[2]]]]"));
    ck_assert_int_eq(o.status, STATUS_OK);
    outcome_release(&o);
    scan_all_cuts(&o, &small, TEXT_LIT("[[[[1],[2,[3]]]]]"));
    ck_assert_str_eq(o.rule, "json.depth");
    ck_assert_uint_eq(o.offset, 10);
    outcome_release(&o);
}
END_TEST

/* What the sink says about earlier tokens comes before what the scan found
 * behind them, in one piece as in many. */
START_TEST(test_sink_refuses)
{
    struct text t = TEXT("[1,,2,\"\\ud800\"]");

    for (size_t cut = 1; cut <= t.len; cut++) {
        struct outcome o = {.refuse_at = 4};

        scan_cut(&o, &small, t, cut, cut);
        ck_assert_int_eq(o.status, STATUS_DENIED);
        ck_assert_ptr_null(o.rule);
        outcome_release(&o);
    }
}
END_TEST

START_TEST(test_sink_refuses_last)
{
    struct outcome o = {.refuse_at = 2};

    scan_cut(&o, &small, TEXT_LIT("12"), 2, 2); /* sent by scan_finish() */
    ck_assert_int_eq(o.status, STATUS_DENIED);
    ck_assert_uint_eq(o.runs, 1);
    outcome_release(&o);
}
END_TEST

START_TEST(test_stays_stopped)
{
    struct outcome o = {0};
    struct scan s;

    buffer_init(&o.out, 100);
    scan_init(&s, &small, record, &o);
    ck_assert_int_eq(scan_feed(&s, "[1,x", 4), STATUS_INVALID);
    ck_assert_int_eq(scan_feed(&s, "[1]", 3), STATUS_INVALID);
    ck_assert_int_eq(scan_feed(&s, "", 0), STATUS_INVALID);
    ck_assert_uint_eq(scan_offset(&s), 3);
    ck_assert_uint_eq(o.runs, 1);
    scan_end(&s, STATUS_INVALID, &o);
    outcome_release(&o);
}
END_TEST

/* ---- time ---- */

static enum status swallow(void *arg, const char *data, size_t len)
{
    (void)data;
    *(size_t *)arg += len;
    return STATUS_OK;
}

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* The least of a few tries. */
static double time_scan(const char *data, size_t len, size_t step)
{
    double best = 0;

    for (int i = 0; i < 3; i++) {
        struct scan s;
        size_t got = 0;
        double begin = cpu_us(), took;

        scan_init(&s, &large, swallow, &got);
        for (size_t at = 0; at < len; at += step)
            EXPECT(scan_feed(&s, data + at,
                             step < len - at ? step : len - at) == STATUS_OK);
        EXPECT(scan_finish(&s) == STATUS_OK);
        scan_release(&s);
        took = cpu_us() - begin;
        EXPECT(got == len);
        if (i == 0 || took < best)
            best = took;
    }
    return best;
}

/* In pieces against as a whole. A call for each byte costs some hundred times
 * what a byte does among others; a token looked at from its start at each
 * piece would cost 30,000 times as much, or 1,000 times in large pieces. */
static const struct bulk {
    const char *head, *tail;
    char fill;
    size_t len, step;
    double factor;
} bulks[] = {
    {"\"", "\"", 'a', 256 << 10, 1, 5000}, {"", "", '7', 256 << 10, 1, 5000},
    {"\"", "\"", 'a', 8 << 20, 4096, 100}, {"", "", '7', 8 << 20, 4096, 100},
    {"[", "1]", ' ', 1 << 20, 4096, 100},
};

START_TEST(test_linear)
{
    const struct bulk *b = &bulks[_i];
    char *data = malloc(b->len);
    double whole_us;

    ck_assert_ptr_nonnull(data);
    memset(data, b->fill, b->len);
    memcpy(data, b->head, strlen(b->head));
    memcpy(data + b->len - strlen(b->tail), b->tail, strlen(b->tail));
    whole_us = time_scan(data, b->len, b->len);
    ck_assert_double_lt(time_scan(data, b->len, b->step),
                        whole_us * b->factor + 100);
    free(data);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("schema/scan");
    TCase *t = tcase_create("scan");

    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, test_right, 0, ARRAY_LEN(right));
    tcase_add_loop_test(t, test_wrong, 0, ARRAY_LEN(wrong));
    tcase_add_test(t, test_caps);
    tcase_add_test(t, test_caps_of_nothing);
    tcase_add_test(t, test_lengths);
    tcase_add_test(t, test_no_copy);
    tcase_add_test(t, test_held);
    tcase_add_test(t, test_depth_behind_held_number);
    tcase_add_test(t, test_sink_refuses);
    tcase_add_test(t, test_sink_refuses_last);
    tcase_add_test(t, test_stays_stopped);
    tcase_add_loop_test(t, test_linear, 0, ARRAY_LEN(bulks));
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(suite());
    int failed;

    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
