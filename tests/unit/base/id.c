/* SPDX-License-Identifier: Apache-2.0 */
#include "base/id.h"

#include <stdlib.h>

#include "base/check.h"
#include "unit.h"

START_TEST(a_uuid_carries_time_version_and_variant)
{
    struct id_source s;
    char out[ID_UUID_SIZE];

    id_source_init(&s);
    /* RFC 9562 appendix A.6: 2022-02-22 19:22:22.000 UTC */
    ck_assert_int_eq(id_uuid7(&s, INT64_C(1645557742000) * 1000, out),
                     STATUS_OK);
    ck_assert_uint_eq(strlen(out), 36);
    ck_assert(id_is_uuid(text_of(out)));
    ck_assert_int_eq(strncmp(out, "017f22e2-79b0-7", 15), 0);
    ck_assert_ptr_nonnull(strchr("89ab", out[19]));
    /* a clock before 1970 must not spill into the other bits */
    ck_assert_int_eq(id_uuid7(&s, -5, out), STATUS_OK);
    ck_assert_int_eq(strncmp(out, "00000000-0000-7", 15), 0);
}
END_TEST

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

START_TEST(identifiers_differ_over_many_refills)
{
    static char seen[2000][ID_TRACE_SIZE];
    struct id_source s;

    id_source_init(&s);
    for (size_t i = 0; i < 2000; i++) {
        ck_assert_int_eq(id_trace(&s, seen[i]), STATUS_OK);
        ck_assert_uint_eq(strlen(seen[i]), 32);
        ck_assert_uint_eq(strspn(seen[i], "0123456789abcdef"), 32);
    }
    qsort(seen, 2000, sizeof(seen[0]), compare);
    for (size_t i = 1; i < 2000; i++)
        ck_assert_str_ne(seen[i - 1], seen[i]);
}
END_TEST

START_TEST(zero_is_never_given_out)
{
    struct id_source s;
    char out[ID_SPAN_SIZE];

    id_source_init(&s);
    s.left = sizeof(s.pool);
    memset(s.pool, 0, sizeof(s.pool)); /* a pool of bad luck */
    ck_assert_int_eq(id_span(&s, out), STATUS_OK);
    ck_assert_str_ne(out, "0000000000000000");
}
END_TEST

START_TEST(used_bytes_do_not_stay_in_the_pool)
{
    struct id_source s;
    char out[ID_SPAN_SIZE];
    size_t used;

    id_source_init(&s);
    ck_assert_int_eq(id_span(&s, out), STATUS_OK);
    used = sizeof(s.pool) - s.left;
    ck_assert_uint_ge(used, 8);
    for (size_t i = 0; i < used; i++)
        ck_assert_int_eq(s.pool[i], 0);
}
END_TEST

START_TEST(what_is_no_uuid_is_seen)
{
    static const char *const bad[] = {
        "",
        "550e8400-e29b-41d4-a716-44665544000",
        "550e8400-e29b-41d4-a716-4466554400000",
        "550e8400e29b41d4a716446655440000",
        "{50e8400-e29b-41d4-a716-44665544000}",
        "550e8400-e29b-41d4-a716-44665544000g",
        "550e8400-e29b-41d4-a716_446655440000",
        "550e8400-e29b-41d4a-716-446655440000",
        "550e8400--e29-41d4-a716-446655440000",
        " 50e8400-e29b-41d4-a716-446655440000",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(!id_is_uuid(text_of(bad[i])), "'%s'", bad[i]);
    ck_assert(id_is_uuid(TEXT_LIT("550e8400-e29b-41d4-a716-446655440000")));
    ck_assert(id_is_uuid(TEXT_LIT("550E8400-E29B-41D4-A716-446655440000")));
    ck_assert(id_is_uuid(TEXT_LIT("00000000-0000-0000-0000-000000000000")));
    ck_assert(!id_is_uuid(text_of(NULL)));
}
END_TEST

UNIT_MAIN("id", a_uuid_carries_time_version_and_variant,
          identifiers_differ_over_many_refills, zero_is_never_given_out,
          used_bytes_do_not_stay_in_the_pool, what_is_no_uuid_is_seen)
