/* SPDX-License-Identifier: Apache-2.0
 *
 * unit.h - the main() that every unit test has.
 *
 *   START_TEST(an_empty_text_is_invalid) { ... } END_TEST
 *   UNIT_MAIN("text", an_empty_text_is_invalid, ...)
 *
 * Each test runs in a process of its own (Check's default), so a leak that
 * the sanitizer sees fails the test that made it.
 */
#ifndef UNIT_H
#define UNIT_H

#include <check.h>
#include <stdlib.h>

static inline int unit_run(const char *name, const TTest *const *tests,
                           size_t count)
{
    Suite *suite = suite_create(name);
    TCase *all = tcase_create(name);
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, all);
    tcase_set_timeout(all, 60);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(all, tests[i]);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define UNIT_MAIN(name, ...)                                                   \
    int main(void)                                                             \
    {                                                                          \
        const TTest *const tests[] = {__VA_ARGS__};                            \
        return unit_run(name, tests, sizeof(tests) / sizeof(tests[0]));        \
    }

#endif
