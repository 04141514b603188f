/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/resource.h>

#include "base/check.h"
#include "base/log.h"
#include "gateway/descriptors.h"
#include "unit.h"

START_TEST(all_get_what_they_are_configured_for)
{
    struct descriptors d;

    descriptors_deal(65536, 4, 10000, 256, &d);
    ck_assert_uint_ge(d.clients, 10000);
    ck_assert_uint_eq(d.upstream, 256);
    ck_assert_uint_gt(d.wanted, 10000 + 4 * 256);
    ck_assert_uint_lt(d.wanted, 10000 + 4 * 256 + 500);
}
END_TEST

/* However few there are: no share is 0, and nobody gets more than is there. */
START_TEST(too_few_are_dealt_out_too)
{
    static const uint32_t workers[] = {1, 2, 8, 64};
    struct descriptors d;

    for (size_t w = 0; w < ARRAY_LEN(workers); w++)
        for (size_t limit = 0; limit < 12000; limit += 7) {
            descriptors_deal(limit, workers[w], 10000, 256, &d);
            ck_assert_uint_ge(d.clients, 1);
            ck_assert_uint_ge(d.upstream, 1);
            if (limit >= 8 * workers[w] && limit >= d.wanted)
                ck_assert_uint_eq(d.upstream, 256);
            else if (limit >= 8 * workers[w])
                ck_assert_uint_lt(d.clients + d.upstream * workers[w], limit);
        }
}
END_TEST

START_TEST(the_soft_limit_is_raised_as_far_as_needed)
{
    struct rlimit before, now;
    struct descriptors d;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    now = before;
    now.rlim_cur = 100;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
    descriptors_prepare(1, 300, 10, &d);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &now), 0);
    ck_assert_uint_eq(now.rlim_cur, d.wanted);
    ck_assert_uint_ge(d.clients, 300);
    /* Not lowered by whoever wants less. */
    descriptors_prepare(1, 10, 10, &d);
    ck_assert_uint_lt(d.wanted, now.rlim_cur);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_uint_eq(now.rlim_cur, before.rlim_cur);
    /* And no further than is allowed. */
    now.rlim_cur = 100;
    now.rlim_max = 200;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
    log_set_level(LOG_ERROR);
    descriptors_prepare(1, 300, 10, &d);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &now), 0);
    ck_assert_uint_eq(now.rlim_cur, 200);
    ck_assert_uint_lt(d.clients, 200);
}
END_TEST

UNIT_MAIN("descriptors", all_get_what_they_are_configured_for,
          too_few_are_dealt_out_too, the_soft_limit_is_raised_as_far_as_needed)
