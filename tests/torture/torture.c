/* SPDX-License-Identifier: Apache-2.0
 *
 * torture/torture.c - one library call of a request fails: nobody but that
 * request may notice.
 *
 * make check fails some ten calls of every scenario, spread evenly. With
 * TORTURE=all every one of them fails: each call once in each of the ways that
 * its kind knows, and each allocation together with all that follow it. That
 * takes long: minutes a scenario with sanitizers. CK_RUN_CASE=NAME runs one
 * scenario.
 *
 * The same program serves both builds. With sanitizers every use of freed
 * memory, in the libraries too, ends the gateway, and the leak sanitizer looks
 * after each failure for memory that nothing points to. Without them the
 * interposer's count of live allocations must come back to its level, which
 * also sees what something still points to.
 */
#include <stdlib.h>
#include <string.h>

#include "torture/sweep.h"

/* Of every scenario, in a short run. */
#define SPREAD 10

static struct sweep sweep;

static bool is_thorough(void)
{
    const char *wish = getenv("TORTURE");

    return wish && strcmp(wish, "all") == 0;
}

static const uint64_t all_kinds = ~UINT64_C(0);
static const uint64_t memory = TORTURE_KIND_BIT(TORTURE_ALLOCATE);

static void thoroughly(struct sweep *s)
{
    struct bench_order order = {.kinds = all_kinds, .span = 1};

    sweep_run(s, &order, s->calls, 1);
    order.kinds = all_kinds & ~memory;
    for (order.variant = 1; order.variant < TORTURE_VARIANTS; order.variant++)
        sweep_run(s, &order, s->calls - s->memory_calls, 1);
    order = (struct bench_order){.kinds = memory, .span = 0};
    sweep_run(s, &order, s->memory_calls, 1);
}

/* Every tenth part of the calls, in turn with another errno. */
static void briefly(struct sweep *s)
{
    for (uint64_t i = 0; i < SPREAD; i++) {
        const struct bench_order order = {
            .kinds = all_kinds,
            .target = 1 + i * s->calls / SPREAD,
            .span = i % 4 == 3 ? 3 : 1,
            .variant = (uint32_t)(i % TORTURE_VARIANTS),
        };

        (void)sweep_once(s, &order);
    }
}

START_TEST(each_call_fails_once)
{
    sweep_start(&sweep, &scenarios[_i]);
    if (is_thorough())
        thoroughly(&sweep);
    else
        briefly(&sweep);
    sweep_finish(&sweep);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("torture");

    for (size_t i = 0; i < scenario_count; i++) {
        TCase *t = rig_tcase(s, scenarios[i].name);

        if (is_thorough())
            tcase_set_timeout(t, 0);
        tcase_add_loop_test(t, each_call_fails_once, (int)i, (int)i + 1);
    }
    return s;
}

int main(void)
{
    return rig_main(suite());
}
