/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/metrics.h"
#include "unit.h"

START_TEST(counts_add_up_and_peaks_keep_the_greater)
{
    struct metrics a = {.requests = 3, .buffered_peak_bytes = 100};
    struct metrics b = {.requests = 4, .buffered_peak_bytes = 70};
    a.refusals[HTTP_REFUSAL_NO_ROUTE] = 1;
    b.refusals[HTTP_REFUSAL_NO_ROUTE] = 2;
    metrics_add(&a, &b);
    ck_assert_int_eq(a.requests, 7);
    ck_assert_int_eq(a.buffered_peak_bytes, 100);
    ck_assert_int_eq(a.refusals[HTTP_REFUSAL_NO_ROUTE], 3);
}
END_TEST

START_TEST(the_text_has_each_row_with_help_and_type)
{
    struct metrics m = {.requests = 5, .buffered_peak_bytes = 9};
    struct buffer text;
    buffer_init(&text, 1 << 20);
    m.refusals[HTTP_REFUSAL_LIMITED] = 2;
    ck_assert_int_eq(metrics_write(&m, &text), STATUS_OK);
    ck_assert_ptr_nonnull(strstr(text.data, "\nchatgate_requests_total 5\n"));
    ck_assert_ptr_nonnull(
        strstr(text.data, "# TYPE chatgate_requests_total counter\n"));
    ck_assert_ptr_nonnull(
        strstr(text.data, "# TYPE chatgate_exchange_buffered_peak_bytes gauge\n"
                          "chatgate_exchange_buffered_peak_bytes 9\n"));
    ck_assert_ptr_nonnull(
        strstr(text.data,
               "chatgate_refusals_total{reason=\"limit\",status=\"429\"} 2\n"));
    buffer_release(&text);
}
END_TEST

START_TEST(a_text_that_does_not_fit_is_an_error)
{
    struct metrics m = {0};
    struct buffer text;
    buffer_init(&text, 1000);
    ck_assert_int_eq(metrics_write(&m, &text), STATUS_TOO_LARGE);
    buffer_release(&text);
}
END_TEST

UNIT_MAIN("metrics", counts_add_up_and_peaks_keep_the_greater,
          the_text_has_each_row_with_help_and_type,
          a_text_that_does_not_fit_is_an_error)
