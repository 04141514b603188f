/* SPDX-License-Identifier: Apache-2.0
 *
 * Ten million distinct senders and the default of max_buckets, one million:
 * memory stays what one million take. (A program of its own, and patient:
 * that many decisions under the sanitizers on a busy machine take a while.)
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "limit/memory_store.h"

#define MILLION 1000000
/* 56 bytes a slot, 16 in the heap, 4 a head, of which there are 2^20; and an
 * eighth more for the shadow that AddressSanitizer keeps. */
#define BYTES_A_BUCKET 90

static mono_us standing(void *arg)
{
    (void)arg;
    return 1000 * US_PER_S;
}

static const struct clock clock_that_stands = {standing, NULL, NULL};

/* Of this process, in bytes. */
static long resident(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long pages = 0;

    if (f == NULL || fscanf(f, "%*d %ld", &pages) != 1)
        ck_abort_msg("/proc/self/statm");
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

/* All of them are short of tokens, and the clock stands: no place comes free
 * by itself. */
START_TEST(ten_million_senders_take_no_more_than_a_million)
{
    struct limit_shared *s = limit_shared_new(MILLION, &clock_that_stands);
    long before = resident(), full = 0;
    char key[40];

    ck_assert_ptr_nonnull(s);
    for (int i = 0; i < 10 * MILLION; i++) {
        struct limit_verdict v;
        struct limit_charge c = {
            .rate = {30 * LIMIT_UTOK, i % 4, US_PER_S},
            .cost_utok = LIMIT_UTOK,
        };

        snprintf(key, sizeof(key), "sender-limits:burst:+1415%08d", i);
        c.key = text_of(key);
        if (limit_shared_decide(s, LIMIT_TAKE, &c, 1, &v) != STATUS_OK)
            ck_abort_msg("sender %d is refused", i);
        if (i == MILLION)
            full = resident();
    }
    ck_assert_uint_eq(limit_shared_count(s), MILLION);
    ck_assert_int_le(full - before, BYTES_A_BUCKET * (long)MILLION);
    ck_assert_int_le(resident() - full, MILLION);
    limit_shared_free(s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limit/many_senders");
    TCase *t = tcase_create("many_senders");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(t, 600);
    tcase_add_test(t, ten_million_senders_take_no_more_than_a_million);
    suite_add_tcase(suite, t);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
