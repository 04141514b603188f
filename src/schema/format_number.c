/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/format_number.c - formats of numbers, decided in decimal.
 *
 * The value counts, not how it is written: 1.0 and 1e2 are integers. A
 * number is in a float's range when rounding to the nearest gives a finite
 * one: its magnitude is below the largest finite float and half the step
 * behind it (IEEE 754 section 4.3.1). Smaller numbers than a float can tell
 * from 0 are in range.
 */
#include "schema/format_rules.h"
#include "schema/number.h"

static bool is_integer_between(struct text t, int64_t min, int64_t max)
{
    struct number n;
    int64_t value;

    number_parse(t, &n);
    return number_is_integer(&n) && number_to_i64(&n, &value) && value >= min &&
           value <= max;
}

/* Whether |t| < limit. */
static bool is_below(struct text t, struct text limit)
{
    struct number n, high;

    number_parse(t, &n);
    number_parse(limit, &high);
    n.is_negative = false;
    return number_compare(&n, &high) < 0;
}

bool format_is_int32(struct text t)
{
    return is_integer_between(t, INT32_MIN, INT32_MAX);
}

bool format_is_int64(struct text t)
{
    return is_integer_between(t, INT64_MIN, INT64_MAX);
}

bool format_is_float(struct text t)
{
    /* 2^128 - 2^103 */
    return is_below(t, TEXT_LIT("340282356779733661637539395458142568448"));
}

bool format_is_double(struct text t)
{
    /* 2^1024 - 2^970 */
    return is_below(
        t, TEXT_LIT("17976931348623158079372897140530341507993413271003782693"
                    "61737789804449682927647509466490179775872070963302864166"
                    "92887910946555547851940402630657488671505820681908902000"
                    "70838367627385484581771153176447573027006985557136695962"
                    "28429148198608349364752927190741684443655107043427115596"
                    "99508093042880177904174497792"));
}
