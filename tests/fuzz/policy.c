/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz the loading of contracts and policies: whatever the bytes, loading
 * ends, says why when it refuses, and what it accepts can be asked.
 *
 * The input is a contract, then a byte 0xff (which no UTF-8 has), then an
 * organisation policy; without that byte it is a contract alone.
 */
#include <stdlib.h>

#include "base/check.h"
#include "policy/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void ask(const struct policy_snapshot *snap)
{
    struct schema_limits limits;
    struct arena arena;

    schema_limits_default(&limits);
    for (size_t i = 0; i < policy_operation_count(snap); i++) {
        const struct policy_operation *op = policy_operation_at(snap, i);
        const struct policy_facts facts = {.client = TEXT("127.0.0.1")};
        struct policy_route route = {.match = POLICY_OPERATION,
                                     .operation = op};
        struct policy_charge charges[16];
        struct schema_run *run = schema_run_new(op->plan, &limits);
        size_t count;

        CHECK(op->id && op->method && op->plan && run);
        if (schema_run_feed(run, "{}", 2) == STATUS_OK)
            CHECK(schema_run_finish(run) != STATUS_INVALID);
        schema_run_free(run);
        arena_init(&arena, (size_t)1 << 20);
        CHECK(policy_charges(snap, &route, &facts, &arena, charges, 16,
                             &count) == STATUS_OK);
        CHECK(count <= 16);
        arena_release(&arena);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint8_t *mark = len > 0 ? memchr(data, 0xff, len) : NULL;
    size_t first = mark ? (size_t)(mark - data) : len;
    char names[2][16] = {"api.json", "x.policy.json"};
    struct policy_source list[2] = {
        {names[0], names[0], {(const char *)data, first}},
    };
    struct policy_sources sources = {list, 1};
    const struct policy_load load = {.dir = "fuzz"};
    struct policy_snapshot *snap = NULL;
    struct problems problems;
    enum status s;

    if (len == 0)
        return 0;
    if (mark) {
        list[1] = (struct policy_source){
            names[1], names[1], {(const char *)mark + 1, len - first - 1}};
        sources.count = 2;
    }
    problems_init(&problems);
    s = policy_snapshot_compile(&load, &sources, &problems, &snap);
    CHECK((s == STATUS_OK) == (problems.errors == 0));
    if (s == STATUS_OK)
        ask(snap);
    policy_snapshot_unref(snap);
    problems_release(&problems);
    return 0;
}
