/* SPDX-License-Identifier: Apache-2.0
 *
 * cases.c - bodies and what the contract that ships says about them.
 *
 * tests/cases/NAME.ndjson holds one case a line:
 *
 *   {"operation": "createChat", "name": "from is null",
 *    "violations": ["/from type"], "body": {...}}
 *
 * "violations" is all of them, each as pointer, space, rule; order does not
 * matter. Instead of "body" there may be "raw" (the text itself, for what is
 * no JSON) or "hex" (its bytes). Every case is run whole and cut in several
 * ways, and must always be told the same.
 */
#include <check.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/crypto.h"
#include "base/json.h"
#include "policy/policy.h"
#include "schema/run.h"

#define CASES_MIN 250
#define BODY_MAX ((size_t)1 << 20)

static struct policy_snapshot *snap;
static struct schema_limits limits;
static size_t wrong; /* cases that were told something else */

/* ---- the body, as text ---- */

static void put(struct buffer *b, const char *data, size_t len)
{
    ck_assert_int_eq(buffer_append(b, data, len), STATUS_OK);
}

static void put_str(struct buffer *b, const char *s)
{
    put(b, s, strlen(s));
}

static void put_string(struct buffer *b, struct text t)
{
    char escape[8];

    put_str(b, "\"");
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.data[i];

        if (c >= 0x20 && c != '"' && c != '\\') {
            put(b, t.data + i, 1);
            continue;
        }
        snprintf(escape, sizeof(escape), "\\u%04x", c);
        put_str(b, escape);
    }
    put_str(b, "\"");
}

static void put_value(struct buffer *b, const struct json_value *v)
{
    size_t i;

    switch (v->type) {
    case JSON_NULL:
        put_str(b, "null");
        break;
    case JSON_BOOL:
        put_str(b, v->boolean ? "true" : "false");
        break;
    case JSON_NUMBER:
        put(b, v->text.data, v->text.len);
        break;
    case JSON_STRING:
        put_string(b, v->text);
        break;
    case JSON_ARRAY:
        for (i = 0; i < v->count; i++) {
            put_str(b, i > 0 ? "," : "[");
            put_value(b, v->items[i]);
        }
        put_str(b, i > 0 ? "]" : "[]");
        break;
    case JSON_OBJECT:
        for (i = 0; i < v->count; i++) {
            put_str(b, i > 0 ? "," : "{");
            put_string(b, v->members[i].name);
            put_str(b, ":");
            put_value(b, v->members[i].value);
        }
        put_str(b, i > 0 ? "}" : "{}");
        break;
    }
}

static void put_body(struct buffer *b, const struct json_value *one)
{
    const struct json_value *raw = json_get(one, "raw");
    const struct json_value *hex = json_get(one, "hex");

    if (raw) {
        put(b, raw->text.data, raw->text.len);
    } else if (hex) {
        ck_assert_int_eq(buffer_reserve(b, hex->text.len / 2 + 1), STATUS_OK);
        ck_assert_int_eq(crypto_unhex(hex->text, b->data, hex->text.len / 2),
                         STATUS_OK);
        b->len = hex->text.len / 2;
    } else {
        ck_assert_ptr_nonnull(json_get(one, "body"));
        put_value(b, json_get(one, "body"));
    }
}

/* ---- the verdict ---- */

/* How long the next piece is; `cut` 0 is the whole. */
static size_t piece(unsigned cut, size_t at, size_t left, uint32_t *random)
{
    size_t len;

    (void)at;
    if (cut == 0)
        return left;
    if (cut < 100) {
        len = cut;
    } else {
        *random = *random * 1664525u + 1013904223u;
        len = 1 + (*random >> 16) % 100;
    }
    return len < left ? len : left;
}

static int compare_lines(const void *left, const void *right)
{
    const char *const *a = left, *const *b = right;

    return strcmp(*a, *b);
}

/* The lines in order, so that two lists can be compared. */
static void sort_lines(struct buffer *b)
{
    char *lines[64], *copy = text_dup(buffer_text(b)), *at = copy;
    size_t count = 0;

    if (b->len == 0) {
        free(copy);
        return;
    }
    while (*at) {
        ck_assert_uint_lt(count, ARRAY_LEN(lines));
        lines[count++] = at;
        at = strchr(at, '\n');
        *at++ = '\0';
    }
    qsort(lines, count, sizeof(lines[0]), compare_lines);
    buffer_clear(b);
    for (size_t i = 0; i < count; i++) {
        put_str(b, lines[i]);
        put_str(b, "\n");
    }
    free(copy);
}

static void run_case(const struct policy_operation *op, struct text body,
                     unsigned cut, struct buffer *found)
{
    struct schema_run *run = schema_run_new(op->plan, &limits);
    const struct schema_violation *list;
    enum status s = STATUS_OK;
    uint32_t random = 1;
    size_t count;

    ck_assert_ptr_nonnull(run);
    for (size_t at = 0; at < body.len && s == STATUS_OK;) {
        size_t len = piece(cut, at, body.len - at, &random);
        /* A copy of its own, so that the sanitizer sees a step too far. */
        char *copy = malloc(len);

        ck_assert_ptr_nonnull(copy);
        memcpy(copy, body.data + at, len);
        s = schema_run_feed(run, copy, len);
        free(copy);
        at += len;
    }
    if (s == STATUS_OK && !(body.len == 0 && op->body != POLICY_BODY_REQUIRED))
        ck_assert_int_ne(schema_run_finish(run), STATUS_NO_MEMORY);
    count = schema_run_violations(run, &list);
    for (size_t i = 0; i < count; i++) {
        /* What ships beside the contract is tested elsewhere. */
        if (list[i].use != SCHEMA_USE_JSON && op->uses[list[i].use].scope)
            continue;
        put_str(found, list[i].pointer);
        put_str(found, " ");
        put_str(found, list[i].rule);
        put_str(found, "\n");
        ck_assert_uint_gt(strlen(list[i].message), 0);
    }
    schema_run_free(run);
    sort_lines(found);
}

static void check_case(const char *file, unsigned line,
                       const struct json_value *one)
{
    static const unsigned cuts[] = {0, 1, 2, 3, 7, 64, 100};
    const struct json_value *id = json_get(one, "operation");
    const struct json_value *name = json_get(one, "name");
    const struct json_value *expected = json_get(one, "violations");
    const struct policy_operation *op;
    struct buffer body, wanted, found;

    ck_assert_msg(id && name && expected, "%s:%u: incomplete", file, line);
    op = policy_operation_find(snap, id->text);
    ck_assert_msg(op != NULL, "%s:%u: no such operation", file, line);
    buffer_init(&body, BODY_MAX);
    buffer_init(&wanted, BODY_MAX);
    buffer_init(&found, BODY_MAX);
    put_body(&body, one);
    for (size_t i = 0; i < expected->count; i++) {
        put(&wanted, expected->items[i]->text.data,
            expected->items[i]->text.len);
        put_str(&wanted, "\n");
    }
    sort_lines(&wanted);
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        buffer_clear(&found);
        run_case(op, buffer_text(&body), cuts[i], &found);
        if (text_equal(buffer_text(&found), buffer_text(&wanted)))
            continue;
        printf("%s:%u: %s: %s, cut %u\nwanted:\n%sfound:\n%s", file, line,
               id->text.data, name->text.data, cuts[i],
               wanted.len > 0 ? wanted.data : "valid\n",
               found.len > 0 ? found.data : "valid\n");
        wrong++;
        break;
    }
    buffer_release(&body);
    buffer_release(&wanted);
    buffer_release(&found);
}

/* ---- the files ---- */

static size_t check_file(const char *name)
{
    char path[1024], *line = NULL;
    size_t size = 0, count = 0;
    ssize_t len;
    FILE *f;

    snprintf(path, sizeof(path), "%s/tests/cases/%s", TOP_SRCDIR, name);
    f = fopen(path, "r");
    ck_assert_msg(f != NULL, "%s", path);
    while ((len = getline(&line, &size, f)) > 0) {
        struct json_document *doc = NULL;
        struct problems problems;

        problems_init(&problems);
        count++;
        ck_assert_msg(json_parse(text_make(line, (size_t)len), name, 0,
                                 &problems, &doc) == STATUS_OK,
                      "%s:%zu: %s", name, count, problems.list[0].message);
        check_case(name, (unsigned)count, doc->root);
        json_free(doc);
        problems_release(&problems);
    }
    free(line);
    fclose(f);
    return count;
}

START_TEST(every_case_gets_its_verdict)
{
    struct policy_load load = {.dir = TOP_SRCDIR "/policies"};
    DIR *dir = opendir(TOP_SRCDIR "/tests/cases");
    struct problems problems;
    const struct dirent *e;
    size_t count = 0;

    problems_init(&problems);
    ck_assert_int_eq(policy_snapshot_load(&load, &problems, &snap), STATUS_OK);
    problems_release(&problems);
    schema_limits_default(&limits);
    ck_assert_ptr_nonnull(dir);
    while ((e = readdir(dir)) != NULL)
        if (text_ends_with(text_of(e->d_name), TEXT_LIT(".ndjson")))
            count += check_file(e->d_name);
    closedir(dir);
    policy_snapshot_unref(snap);
    printf("cases: %zu bodies, each cut in 7 ways, %zu wrong\n", count, wrong);
    fflush(stdout); /* the assertion ends the process */
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_ge(count, CASES_MIN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cases");
    TCase *all = tcase_create("cases");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, all);
    tcase_set_timeout(all, 120);
    tcase_add_test(all, every_case_gets_its_verdict);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
