/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests that loading survives the end of memory: each allocation of a load
 * fails once, and the load says so, or did not need it, and leaves nothing
 * behind (which the sanitizer sees).
 *
 * Linked with --wrap, so that only what chatgate itself allocates can fail.
 */
#include "fixture.h"

#include <pthread.h>
#include <stdlib.h>

#include "api.h"
#include "base/check.h"
#include "unit.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);

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

/* One load whose n-th allocation fails; false when there were fewer. */
static bool fail_once(unsigned long n)
{
    struct policy_snapshot *snap = NULL;
    struct problems problems;
    enum status s;
    bool failed;

    problems_init(&problems);
    countdown = n;
    s = policy_snapshot_load(&fixture_options, &problems, &snap);
    failed = countdown == 0;
    countdown = 0; /* Check allocates too */
    ck_assert((s == STATUS_OK) == (snap != NULL));
    ck_assert_msg(s == STATUS_OK || s == STATUS_NO_MEMORY ||
                      problems.errors > 0,
                  "allocation %lu: %s", n, status_name(s));
    policy_snapshot_unref(snap);
    problems_release(&problems);
    return failed;
}

static void fail_each(void)
{
    unsigned long n = 1;

    while (fail_once(n))
        n++;
    ck_assert_uint_gt(n, 10);
}

START_TEST(a_load_survives_each_failure)
{
    fixture_open();
    fixture_write("api.json", API);
    fixture_write("p.policy.json",
                  "{\"name\": \"p\", \"applies\": {\"operations\": "
                  "[\"create\"], \"senders\": [\"+14155550100\"]}, \"body\": "
                  "{\"properties\": {\"x\": {\"pattern\": \"a+\"}}}, "
                  "\"limits\": [{\"name\": \"l\", \"per\": [\"sender\"], "
                  "\"capacity\": 9, \"refill\": \"1/s\", \"cost\": "
                  "{\"create\": 2}, \"overrides\": {\"+14155550100\": "
                  "{\"capacity\": 20}}}]}");
    fail_each();
    fixture_close();
}
END_TEST

START_TEST(a_load_that_is_refused_survives_too)
{
    fixture_open();
    fixture_write("api.json", FIXTURE_CONTRACT("\"/a\": {\"get\": {}}, "
                                               "\"/b/{x}\": {\"post\": "
                                               "{\"operationId\": \"b\"}}"));
    fixture_write("p.policy.json", "{\"name\": \"P\", \"limit\": 1}");
    fail_each();
    fixture_close();
}
END_TEST

struct attempt {
    const struct policy_snapshot *snap;
    unsigned long n; /* the allocation that fails */
    bool failed;     /* there were so many */
};

/* One request whose n-th allocation fails: no verdict is better than a wrong
 * one. In a thread of its own, which keeps nothing of earlier ones. */
static void *fail_request(void *arg)
{
    struct attempt *a = arg;
    static const struct policy_facts facts = {.sender = TEXT("+14155550100")};
    struct schema_limits limits;
    struct policy_parameters found;
    struct policy_charge charges[POLICY_CHARGES_MAX];
    struct policy_route route;
    struct arena arena;
    size_t count = 0;
    enum status s, t;

    schema_limits_default(&limits);
    arena_init(&arena, (size_t)1 << 20);
    policy_route(a->snap, text_of("GET"),
                 text_of("/c?from=+1&limit=200&limit[]"), &route);
    countdown = a->n;
    s = policy_check_parameters(&route, &limits, &arena, &found);
    t = policy_charges(a->snap, &route, &facts, &arena, charges,
                       POLICY_CHARGES_MAX, &count);
    a->failed = countdown == 0;
    countdown = 0;
    ck_assert(s == STATUS_NO_MEMORY ||
              (s == STATUS_OK && found.finding_count == 2));
    ck_assert(t == STATUS_NO_MEMORY || (t == STATUS_OK && count == 1));
    ck_assert(a->failed || (s == STATUS_OK && t == STATUS_OK));
    arena_release(&arena);
    return NULL;
}

START_TEST(a_request_survives_each_failure)
{
    struct policy_snapshot *snap = NULL;
    struct attempt a = {.n = 0};
    pthread_t thread;

    fixture_open();
    fixture_write("api.json", API);
    fixture_write("p.policy.json",
                  "{\"name\": \"p\", \"limits\": [{\"name\": \"l\", \"per\": "
                  "[\"sender\"], \"capacity\": 9, \"refill\": \"1/s\"}]}");
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    a.snap = snap;
    do {
        a.n++;
        CHECK(pthread_create(&thread, NULL, fail_request, &a) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    } while (a.failed);
    ck_assert_uint_gt(a.n, 2);
    policy_snapshot_unref(snap);
    fixture_close();
}
END_TEST

UNIT_MAIN("memory", a_load_survives_each_failure,
          a_load_that_is_refused_survives_too, a_request_survives_each_failure)
