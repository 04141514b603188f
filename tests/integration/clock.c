/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/clock.c - the gateway's wall clock is stepped by a day, forth and
 * back: records tell the new time, and no bucket gives more or less.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "integration/expect.h"

#define FROM "+14155550100"
#define SHIM TOP_BUILDDIR "/tests/integration/clockstep.so"

static struct rig rig;
static char clock_file[600];

static const enum rig_redis stores[] = {RIG_REDIS, RIG_NO_REDIS};

static void step_to(long seconds)
{
    char text[32];

    snprintf(text, sizeof text, "%ld\n", seconds);
    rig_write_file(clock_file, text);
}

/* The steps of a run: seconds from the true time. */
static const long steps[] = {0, 86400, -86400, 30 * 86400, -10 * 365 * 86400,
                             0};

/* One more createChat, refused or not; its line's time is the stepped one. */
static void create(int status, long step)
{
    struct rig_audit lines;
    struct wire_answer a;
    struct tm tm = {0};
    const char *said;
    time_t told;

    expect_create(&rig, FROM, NULL, &a);
    ck_assert_msg(a.status == status, "%d at %ld s", a.status, step);
    if (status == 429) {
        long ms = strtol(wire_answer_header(&a, "retry-after-ms"), NULL, 10);

        ck_assert_int_gt(ms, 0);
        ck_assert_int_le(ms, 3600 * 1000);
    }
    said = wire_text(expect_line(&rig, &lines, &a), "/time");
    ck_assert_ptr_nonnull(strptime(said, "%Y-%m-%dT%H:%M:%S", &tm));
    told = timegm(&tm) - step;
    ck_assert_int_le(labs(told - time(NULL)), 600);
    rig_audit_release(&lines);
    wire_answer_release(&a);
}

START_TEST(a_step_of_the_clock_fills_and_empties_nothing)
{
    char preload[600], where[640],
        sanitizer[] =
            "ASAN_OPTIONS=exitcode=99:detect_leaks=1:verify_asan_link_order=0";
    const char *const env[] = {preload, where, sanitizer, NULL};

    rig_prepare(&rig, &(struct rig_options){
                          .redis = stores[_i],
                          .policy = "{\"name\":\"test\",\"limits\":[{\"name\":"
                                    "\"burst\",\"per\":[\"sender\"],"
                                    "\"capacity\":10,\"refill\":\"1/h\"}]}",
                          .env = env,
                      });
    snprintf(clock_file, sizeof clock_file, "%s/clock", rig.dir);
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", SHIM);
    snprintf(where, sizeof where, "CLOCKSTEP_FILE=%s", clock_file);
    step_to(0);
    rig_gateway_start(&rig);
    /* Five of ten tokens, one a step; five more, one a step. */
    for (size_t i = 0; i < 5; i++) {
        step_to(steps[i]);
        create(201, steps[i]);
    }
    for (size_t i = 0; i < 5; i++) {
        step_to(steps[i]);
        create(201, steps[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        step_to(steps[i]);
        create(429, steps[i]);
    }
    rig_stop(&rig);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("clock");
    TCase *t = rig_tcase(s, "clock");

    tcase_add_loop_test(t, a_step_of_the_clock_fills_and_empties_nothing, 0,
                        (int)ARRAY_LEN(stores));
    return s;
}

int main(void)
{
    return rig_main(suite());
}
