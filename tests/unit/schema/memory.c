/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of memory: each allocation of compiling and of a run fails once.
 * A run then has no verdict, or did not need the memory; it never has another
 * verdict, and leaves nothing behind (which the sanitizer sees).
 *
 * Linked with --wrap, so that only what chatgate itself allocates can fail;
 * what yajl has is allocated for it, too.
 */
#include <pthread.h>

#include "tests/unit/schema/everything.h"
#include "tests/unit/schema/validate.h"
#include "tests/unit/unit.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t count, size_t size);

/* Allocations until one fails; 0: none will. */
static unsigned long countdown;

static bool is_this_one(void)
{
    return countdown > 0 && --countdown == 0;
}

void *__wrap_malloc(size_t size)
{
    return is_this_one() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return is_this_one() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return is_this_one() ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t count, size_t size)
{
    return is_this_one() ? NULL : __real_reallocarray(p, count, size);
}

/* ---- compiling ---- */

static bool compile_once(const struct json_document *doc, unsigned long n)
{
    struct schema_source source = {doc, doc->root, SCHEMA_JSON};
    static const struct schema_tap tap = {"/a/b", SCHEMA_TAP_TEXT};
    const struct schema_plan *plan = NULL;
    const struct schema *schema = NULL;
    enum status status = STATUS_NO_MEMORY;
    struct problems problems;
    struct schema_set *set;
    struct schema_use use;
    bool failed;

    problems_init(&problems);
    countdown = n;
    set = schema_set_new();
    if (set)
        status = schema_compile(set, &source, doc->root, &problems, &schema);
    if (status == STATUS_OK) {
        use.schema = schema;
        plan = schema_plan_new(set, &use, 1, &tap, 1);
    }
    failed = countdown == 0;
    countdown = 0;
    ck_assert(status == STATUS_OK || status == STATUS_NO_MEMORY);
    ck_assert(failed || plan != NULL);
    schema_set_free(set);
    problems_release(&problems);
    return failed;
}

START_TEST(compiling_survives_each_failure)
{
    struct problems problems;
    struct json_document *doc;
    unsigned long n = 1;

    problems_init(&problems);
    CHECK(json_parse(text_of(everything_schema), "everything", 0, &problems,
                     &doc) == STATUS_OK);
    while (compile_once(doc, n))
        n++;
    ck_assert_uint_gt(n, 10);
    json_free(doc);
    problems_release(&problems);
}
END_TEST

/* ---- runs ---- */

struct attempt {
    const struct schema_plan *plan;
    struct text body;
    size_t piece;
    const struct verdict *want;
    unsigned long n; /* the allocation that fails */
    bool failed;     /* there were so many */
};

/* In a thread of its own, which has no memory of earlier runs. */
static void *run_once(void *arg)
{
    struct attempt *a = arg;
    struct schema_limits limits;
    struct schema_run *run;
    enum status status = STATUS_NO_MEMORY;
    struct verdict got;
    size_t at = 0, len;

    schema_limits_default(&limits);
    countdown = a->n;
    run = schema_run_new(a->plan, &limits);
    if (run)
        status = STATUS_OK;
    for (; at < a->body.len && status == STATUS_OK; at += len) {
        len = a->body.len - at < a->piece ? a->body.len - at : a->piece;
        status = schema_run_feed(run, a->body.data + at, len);
    }
    if (status == STATUS_OK)
        status = schema_run_finish(run);
    a->failed = countdown == 0;
    countdown = 0;
    ck_assert(a->failed || status != STATUS_NO_MEMORY);
    ck_assert(run || a->n == 1);
    if (run && status != STATUS_NO_MEMORY) {
        got = verdict_of(run, status);
        ck_assert_str_eq(got.text.data, a->want->text.data);
        verdict_release(&got);
    }
    schema_run_free(run);
    return NULL;
}

static void fail_each(const struct schema_plan *plan, const char *body)
{
    static const size_t pieces[] = {SIZE_MAX, 1};
    struct verdict want = validate(plan, text_of(body));
    struct attempt a = {plan, text_of(body), 0, &want, 0, false};
    pthread_t thread;
    size_t i;

    ck_assert_int_ne(want.status, STATUS_NO_MEMORY);
    for (i = 0; i < ARRAY_LEN(pieces); i++) {
        a.piece = pieces[i];
        a.n = 0;
        do {
            a.n++;
            CHECK(pthread_create(&thread, NULL, run_once, &a) == 0);
            CHECK(pthread_join(thread, NULL) == 0);
        } while (a.failed);
        ck_assert_uint_gt(a.n, 1);
    }
    verdict_release(&want);
}

/* Deep, wide, long, wrong in many ways: whatever makes a run allocate. */
static const char *const bodies[] = {
    "{\"t\":{\"l\":{\"l\":{\"l\":{\"l\":{\"l\":{\"l\":{\"l\":{\"l\":{\"l\":{"
    "\"l\":{\"l\":{\"l\":{\"l\":{\"l\":{\"l\":[{},[[[7]]]]}}}}}}}}}}}}}}}},"
    "\"x\":1}",
    "{\"u\":[0,\"a long item that is kept\",[1,[2]],[1,[2]],1,2,3,4,5,6,7,8,9,"
    "10,11,12,13,14,15,16,17,18,{\"a\":1},{\"a\":1.0}]}",
    "{\"p\":[{\"type\":\"t\",\"u\":\"https://h/\"},{\"type\":\"t\"},{\"type\":"
    "\"l\",\"u\":7}],\"d\":{\"l\":[{\"r\":[0,2],\"a\":1},{\"r\":[1,3],\"s\":1}"
    ",{\"r\":[3,9]}],\"t\":\"a\\ud83d\\ude00\"}}",
    "{\"s\":\"ab\\n\",\"n\":\"x\",\"e\":[1,{\"a\":3}],\"xa\":null,\"zy\":\"-\","
    "\"c\":1,\"a\":2,\"a name that is too long\":[]}",
    "{\"k\":{\"v\":{\"v\":{\"v\":1.5,\"k\":\"a\"},\"k\":\"b\"},\"k\":\"c\","
    "\"w\":1}}",
    "{\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"9\":1,"
    "\"10\":1,\"11\":1,\"12\":1,\"13\":1,\"14\":1,\"15\":1,\"16\":1,\"17\":1,"
    "\"18\":1,\"19\":1,\"20\":1,\"21\":1,\"22\":1,\"23\":1,\"24\":1,\"25\":1,"
    "\"26\":1,\"27\":{\"28\":null}}",
    "[1,2,\"unfinished",
    "{\"a\":1,\"a\":1}",
    "nul",
};

START_TEST(runs_survive_each_failure)
{
    struct fixture f;
    size_t i;

    fixture_init(&f, everything_schema);
    ck_assert_ptr_nonnull(f.plan);
    for (i = 0; i < ARRAY_LEN(bodies); i++)
        fail_each(f.plan, bodies[i]);
    fixture_release(&f);
}
END_TEST

START_TEST(a_long_escaped_string_fails_too)
{
    struct buffer body;
    struct fixture f;
    int i;

    fixture_init(&f, "{\"maxLength\":1}");
    buffer_init(&body, 65536);
    CHECK(buffer_append_str(&body, "[\"") == STATUS_OK);
    for (i = 0; i < 5000; i++)
        CHECK(buffer_append_str(&body, "\\n") == STATUS_OK);
    CHECK(buffer_append_str(&body, "\",1 1]") == STATUS_OK);
    fail_each(f.plan, body.data);
    buffer_release(&body);
    fixture_release(&f);
}
END_TEST

UNIT_MAIN("schema/memory", compiling_survives_each_failure,
          runs_survive_each_failure, a_long_escaped_string_fails_too)
