/* SPDX-License-Identifier: Apache-2.0
 *
 * hostile.c - bodies made to be slow or large, against the contract that ships.
 *
 * Each is run whole, in pieces of 4 KiB and byte by byte. However it is cut
 * the verdict is the same, the memory that the run holds stays under a bound
 * that does not depend on the body, and the time is that of the whole times a
 * constant: a call costs more than a byte, but no byte is looked at twice. A
 * body eight times as long takes eight times as long, give or take.
 *
 * Times are of this thread's CPU, the least of a few tries, and only their
 * ratios are looked at. What a validator that begins a token or a comparison
 * anew would need is told beside the ratio.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buffer.h"
#include "base/check.h"
#include "policy/policy.h"
#include "schema/run.h"

#define BODY_MAX ((size_t)16 << 20)
#define KIB ((size_t)1024)
#define MIB (KIB * KIB)

static struct policy_snapshot *snap;
static struct schema_limits limits, roomy;

/* ---- bodies ---- */

static void put(struct buffer *b, const char *s)
{
    CHECK(buffer_append_str(b, s) == STATUS_OK);
}

static void fill(struct buffer *b, char c, size_t count)
{
    CHECK(buffer_reserve(b, count) == STATUS_OK);
    memset(b->data + b->len, c, count);
    b->len += count;
}

/* A chat up to its message's parts, and what closes it. */
static void put_head(struct buffer *b)
{
    put(b, "{\"from\":\"+14155550100\",\"to\":[\"+14155550101\"],"
           "\"message\":{\"parts\":[");
}

static void put_tail(struct buffer *b)
{
    put(b, "]}}");
}

/* A valid chat with one more member, whose value follows. */
static void put_member(struct buffer *b)
{
    put_head(b);
    put(b, "{\"type\":\"text\",\"value\":\"hi\"}]},\"more\":");
}

static void make_nest(struct buffer *b, size_t n)
{
    put_member(b);
    fill(b, '[', n);
    fill(b, ']', n);
    put(b, "}");
}

static void make_digits(struct buffer *b, size_t n)
{
    put_member(b);
    fill(b, '7', n);
    put(b, "}");
}

static void make_string(struct buffer *b, size_t n)
{
    put_member(b);
    put(b, "\"");
    fill(b, 'a', n);
    put(b, "\"}");
}

static void make_keys(struct buffer *b, size_t n)
{
    put_member(b);
    put(b, "{");
    for (size_t i = 0; i < n; i++)
        CHECK(buffer_printf(b, "%s\"%zx\":0", i > 0 ? "," : "", i) ==
              STATUS_OK);
    put(b, "}}");
}

/* One-letter keys of as many objects as it takes. */
static void make_small_objects(struct buffer *b, size_t n)
{
    put_member(b);
    put(b, "[{}");
    for (size_t i = 0; i < n; i++)
        put(b, ",{\"a\":{\"b\":0}}");
    put(b, "]}");
}

static void make_small_arrays(struct buffer *b, size_t n)
{
    put_member(b);
    put(b, "[[]");
    for (size_t i = 0; i < n; i++)
        put(b, ",[[[[]]]]");
    put(b, "]}");
}

/* 50 texts of n characters between 50 files. */
static void make_texts(struct buffer *b, size_t n)
{
    put_head(b);
    for (int i = 0; i < 50; i++) {
        put(b, i > 0 ? ",{\"type\":\"text\",\"value\":\""
                     : "{\"type\":\"text\",\"value\":\"");
        fill(b, 'a', n);
        put(b, "\"},{\"type\":\"media\",\"attachment_id\":\"123e4567-e89b-12d3-"
               "a456-426614174000\"}");
    }
    put_tail(b);
}

/* 100 parts of n decorations each; those of texts are looked at, those of
 * files are somebody's unknown member. `reach`: how many characters one
 * animation covers of those that begin one after the other. */
static void put_decorated(struct buffer *b, size_t n, size_t reach)
{
    put_head(b);
    for (int i = 0; i < 100; i++) {
        put(b, i > 0 ? "," : "");
        put(b, i % 2 == 0 ? "{\"type\":\"text\",\"text_decorations\":["
                          : "{\"type\":\"media\",\"attachment_id\":\"123e4567-"
                            "e89b-12d3-a456-426614174000\","
                            "\"text_decorations\":[");
        for (size_t k = 0; k < n; k++)
            CHECK(buffer_printf(b,
                                "%s{\"range\":[%zu,%zu],\"animation\":"
                                "\"nod\"}",
                                k > 0 ? "," : "", n - k - 1,
                                n - k - 1 + reach) == STATUS_OK);
        put(b, "]");
        if (i % 2 == 0) {
            put(b, ",\"value\":\"");
            fill(b, 'a', n + reach - 1);
            put(b, "\"");
        }
        put(b, "}");
    }
    put_tail(b);
}

static void make_decorated(struct buffer *b, size_t n)
{
    put_decorated(b, n, 1);
}

static void make_overlapping(struct buffer *b, size_t n)
{
    put_decorated(b, n, n);
}

/* `n` for the sizes that a row names; what is told of the largest. Times are
 * compared where the body is read to its end. */
static const struct row {
    const char *name;
    void (*make)(struct buffer *b, size_t n);
    size_t n;
    const char *rule; /* of the first violation; NULL: none */
    bool is_roomy;    /* without the caps on tokens and members */
    size_t memory;    /* that the run may hold */
    double byte_factor;
} rows[] = {
    {"64 deep", make_nest, 63, NULL, false, 96 * KIB, 0},
    {"65 deep", make_nest, 64, "json.depth", false, 96 * KIB, 0},
    {"10,000 deep", make_nest, 10000, "json.depth", false, 96 * KIB, 0},
    {"8 MB of digits", make_digits, 8 * MIB, "json.token_too_long", false,
     64 * KIB, 0},
    {"a string of 8 MB", make_string, 8 * MIB, "json.token_too_long", false,
     320 * KIB, 0},
    {"a million keys", make_keys, 1000000, "json.too_many_members", false,
     192 * KIB, 0},
    {"100 parts of 1,000 decorations", make_decorated, 1000, NULL, false,
     128 * KIB, 200},
    {"100 parts of 1,000 animations that overlap", make_overlapping, 1000,
     "decorations.overlap", false, 192 * KIB, 200},
    {"256 KiB of messages", make_texts, 5000, NULL, false, 96 * KIB, 1000},
    {"2 MiB of small arrays", make_small_arrays, 225 * KIB, NULL, false,
     64 * KIB, 200},
    {"2 MiB of small objects", make_small_objects, 125 * KIB, NULL, false,
     64 * KIB, 200},
    {"a string of 256 KiB", make_string, 256 * KIB, NULL, true, 640 * KIB,
     20000},
    {"256 KiB of digits", make_digits, 256 * KIB, NULL, true, 640 * KIB, 2000},
    {"a hundred thousand keys", make_keys, 100000, NULL, true, 8 * MIB, 200},
};

/* ---- running ---- */

struct outcome {
    char rule[32]; /* of the first violation, or "" */
    size_t memory; /* the most that was held */
    double us;
};

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void run_once(const struct row *row, struct text body, size_t step,
                     struct outcome *out)
{
    const struct policy_operation *op =
        policy_operation_find(snap, TEXT_LIT("createChat"));
    const struct schema_violation *list;
    double begin = cpu_us();
    struct schema_run *run =
        schema_run_new(op->plan, row->is_roomy ? &roomy : &limits);
    enum status s = STATUS_OK;
    size_t count;

    ck_assert_ptr_nonnull(run);
    *out = (struct outcome){.memory = 0};
    for (size_t at = 0; at < body.len && s == STATUS_OK; at += step) {
        size_t left = body.len - at, held;

        s = schema_run_feed(run, body.data + at, step < left ? step : left);
        held = schema_run_memory(run);
        out->memory = held > out->memory ? held : out->memory;
    }
    if (s == STATUS_OK)
        s = schema_run_finish(run);
    ck_assert_int_ne(s, STATUS_NO_MEMORY);
    count = schema_run_violations(run, &list);
    ck_assert_uint_le(count, op->use_count * SCHEMA_VIOLATIONS_MAX);
    if (count > 0)
        snprintf(out->rule, sizeof(out->rule), "%s", list[0].rule);
    schema_run_free(run);
    out->us = cpu_us() - begin;
}

/* The least time of a few tries, and the most memory. */
static struct outcome run_row(const struct row *row, struct text body,
                              size_t step)
{
    struct outcome best, one;

    run_once(row, body, step, &best);
    for (int i = 0; i < 2; i++) {
        run_once(row, body, step, &one);
        best.us = one.us < best.us ? one.us : best.us;
        best.memory = one.memory > best.memory ? one.memory : best.memory;
    }
    return best;
}

static void expect(const struct row *row, const char *how,
                   const struct outcome *o)
{
    ck_assert_msg(strcmp(o->rule, row->rule ? row->rule : "") == 0,
                  "%s, %s: %s", row->name, how, o->rule);
    ck_assert_msg(o->memory <= row->memory, "%s, %s: held %zu of %zu bytes",
                  row->name, how, o->memory, row->memory);
}

START_TEST(no_body_is_slow_or_held)
{
    const struct row *row = &rows[_i];
    struct outcome whole, pieces, bytes, eighth;
    struct buffer body, shorter;

    buffer_init(&body, BODY_MAX);
    buffer_init(&shorter, BODY_MAX);
    row->make(&body, row->n);
    row->make(&shorter, row->n / 8);
    whole = run_row(row, buffer_text(&body), body.len);
    pieces = run_row(row, buffer_text(&body), 4096);
    run_once(row, buffer_text(&body), 1, &bytes);
    eighth = run_row(row, buffer_text(&shorter), shorter.len);
    printf("%-42s %7zu KiB %8.2f ms, in 4 KiB %5.2f times, in bytes %6.1f, 8 "
           "times the bytes %5.1f; %4zu KiB held\n",
           row->name, body.len / KIB, whole.us / 1000, pieces.us / whole.us,
           bytes.us / whole.us, whole.us / eighth.us,
           (bytes.memory > pieces.memory ? bytes.memory : pieces.memory) / KIB);
    fflush(stdout);
    expect(row, "whole", &whole);
    expect(row, "in 4 KiB", &pieces);
    expect(row, "in bytes", &bytes);
    if (row->byte_factor > 0) {
        ck_assert_double_lt(pieces.us, whole.us * 100 + 500);
        /* A token lexed anew at each byte: 100,000 times. */
        ck_assert_double_lt(bytes.us, whole.us * row->byte_factor + 500);
        /* Squared: 64 times. */
        ck_assert_double_lt(whole.us, eighth.us * 32 + 500);
    }
    buffer_release(&body);
    buffer_release(&shorter);
}
END_TEST

static void set_up(void)
{
    struct policy_load load = {.dir = TOP_SRCDIR "/policies"};
    struct problems problems;

    problems_init(&problems);
    ck_assert_int_eq(policy_snapshot_load(&load, &problems, &snap), STATUS_OK);
    problems_release(&problems);
    schema_limits_default(&limits);
    roomy = limits;
    roomy.max_token_bytes = roomy.max_number_bytes = 1u << 20;
    roomy.max_members = 1000000;
}

static void tear_down(void)
{
    policy_snapshot_unref(snap);
}

int main(void)
{
    Suite *suite = suite_create("hostile");
    TCase *all = tcase_create("hostile");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, all);
    tcase_set_timeout(all, 120);
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_loop_test(all, no_body_is_slow_or_held, 0, ARRAY_LEN(rows));
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
