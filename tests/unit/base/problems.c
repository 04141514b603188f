/* SPDX-License-Identifier: Apache-2.0 */
#include "base/problems.h"
#include "unit.h"

/* What is printed; free() it. */
static char *printed(struct problems *p)
{
    char *out = NULL;
    size_t size;
    FILE *f = open_memstream(&out, &size);

    problems_print(p, f);
    fclose(f);
    return out;
}

START_TEST(nothing_wrong_prints_nothing)
{
    struct problems p;
    char *out;

    problems_init(&p);
    out = printed(&p);
    ck_assert_str_eq(out, "");
    free(out);
    problems_release(&p);
}
END_TEST

START_TEST(problems_come_in_the_order_of_their_places)
{
    struct problems p;
    char *out;

    problems_init(&p);
    problems_error(&p, "b.json", 2, 10, "last");
    problems_error(&p, "b.json", 2, 9, "of two: %s", "second");
    problems_error(&p, "b.json", 2, 9, "of two: %s", "first");
    problems_warning(&p, "b.json", 1, 99, "may be meant");
    problems_error(&p, "a.json", 10, 1, "ten");
    problems_error(&p, "a.json", 9, 1, "nine");
    problems_error(&p, "a.json", 0, 0, "no place");
    problems_error(&p, NULL, 0, 0, "CHATGATE_X: no file");
    out = printed(&p);
    ck_assert_str_eq(out, "CHATGATE_X: no file\n"
                          "a.json: no place\n"
                          "a.json:9:1: nine\n"
                          "a.json:10:1: ten\n"
                          "b.json:1:99: warning: may be meant\n"
                          "b.json:2:9: of two: first\n"
                          "b.json:2:9: of two: second\n"
                          "b.json:2:10: last\n");
    free(out);
    ck_assert_uint_eq(p.errors, 7);
    ck_assert_uint_eq(p.count, 8);
    problems_release(&p);
    ck_assert_uint_eq(p.count + p.errors, 0);
}
END_TEST

START_TEST(too_many_are_counted)
{
    struct problems p;
    char *out;

    problems_init(&p);
    for (int i = 0; i < PROBLEMS_MAX + 5; i++)
        problems_error(&p, "f", i + 1, 1, "again");
    ck_assert_uint_eq(p.count, PROBLEMS_MAX);
    ck_assert_uint_eq(p.dropped, 5);
    ck_assert_uint_eq(p.errors, PROBLEMS_MAX + 5);
    out = printed(&p);
    ck_assert_ptr_nonnull(strstr(out, "\n5 more problems are not shown\n"));
    free(out);
    problems_release(&p);
}
END_TEST

UNIT_MAIN("problems", nothing_wrong_prints_nothing,
          problems_come_in_the_order_of_their_places, too_many_are_counted)
