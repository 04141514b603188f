/* SPDX-License-Identifier: Apache-2.0
 *
 * Equal values have one form, and no others have it.
 */
#include "schema/canon.h"

#include <string.h>

#include "base/check.h"
#include "tests/unit/unit.h"

static struct buffer canonical(const char *json)
{
    struct problems problems;
    struct json_document *doc;
    struct buffer b;

    problems_init(&problems);
    ck_assert_int_eq(json_parse(text_of(json), "test", 0, &problems, &doc),
                     STATUS_OK);
    buffer_init(&b, 65536);
    ck_assert_int_eq(canon_value(&b, doc->root), STATUS_OK);
    json_free(doc);
    problems_release(&problems);
    return b;
}

/* The values of a row are equal, those of two rows are not. */
static const char *const rows[][3] = {
    {"null"},
    {"true"},
    {"false"},
    {"0", "-0.0", "0e5"},
    {"1", "1.0", "10e-1"},
    {"\"\""},
    {"\"1\""},
    {"\"a\"", "\"\\u0061\""},
    {"\"\\u0000\""},
    {"\"null\""},
    {"[]"},
    {"{}"},
    {"[[]]"},
    {"[{}]"},
    {"[1]", "[1.0]"},
    {"[1,2]"},
    {"[2,1]"},
    {"[[1],2]"},
    {"[[1,2]]"},
    {"[\"a\",\"b\"]"},
    {"[\"ab\"]"},
    {"{\"a\":1,\"b\":2}", "{\"b\":2.0,\"a\":1}"},
    {"{\"a\":2,\"b\":1}"},
    {"{\"a\":1}"},
    {"{\"a\":[1,\"b\",2]}"},
    {"{\"\":1}"},
    {"{\"a\":1,\"aa\":2,\"ab\":3}", "{\"ab\":3,\"aa\":2,\"a\":1}"},
    {"{\"x\":{\"b\":[{\"d\":1,\"c\":2}],\"a\":{}}}",
     "{\"x\":{\"a\":{},\"b\":[{\"c\":2,\"d\":1}]}}"},
};

START_TEST(equal_values_and_only_they_are_equal_bytes)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buffer first = canonical(rows[i][0]);

        for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
            for (size_t v = 0; v < 3 && rows[k][v]; v++) {
                struct buffer other = canonical(rows[k][v]);

                if (text_equal(buffer_text(&first), buffer_text(&other)) !=
                    (i == k))
                    ck_abort_msg("%s %s", rows[i][0], rows[k][v]);
                buffer_release(&other);
            }
        }
        buffer_release(&first);
    }
}
END_TEST

START_TEST(what_does_not_fit_is_told)
{
    struct buffer b;
    size_t begin;

    buffer_init(&b, 16);
    ck_assert_int_eq(canon_open(&b, CANON_ARRAY, &begin), STATUS_OK);
    ck_assert_int_eq(canon_scalar(&b, CANON_STRING, TEXT_LIT("0123456789")),
                     STATUS_TOO_LARGE);
    buffer_release(&b);
}
END_TEST

UNIT_MAIN("schema/canon", equal_values_and_only_they_are_equal_bytes,
          what_does_not_fit_is_told)
