/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/format_number.c - the formats of numbers.
 *
 * OpenAPI's registry of formats: int32 and int64 are integers in two's
 * complement, double is IEEE 754 binary64. As everywhere here 1.0 is an
 * integer. A double must be finite; digits that it would round away are no
 * fault of the number's.
 */
#include "schema/format_rules.h"
#include "schema/number.h"

static bool is_integer_up_to(struct text t, int64_t least, int64_t most)
{
    struct number n;
    int64_t value;

    number_parse(t, &n);
    if (!number_is_integer(&n))
        return false;
    return number_to_i64(&n, &value) && value >= least && value <= most;
}

bool format_is_int32(struct text t)
{
    return is_integer_up_to(t, INT32_MIN, INT32_MAX);
}

bool format_is_int64(struct text t)
{
    return is_integer_up_to(t, INT64_MIN, INT64_MAX);
}

/* The first number that rounds to infinity: the largest finite one and half
 * a unit in its last place. */
static const char overflow[] =
    "1797693134862315807937289714053034150799341327100378269361737789804449"
    "6829276475094664901797758720709633028641669288791094655554785194040263"
    "0657488671505820681908902000708383676273854845817711531764475730270069"
    "8555713669596228429148198608349364752927190741684443655107043427115596"
    "99508093042880177904174497792";

bool format_is_double(struct text t)
{
    struct number n, limit;

    number_parse(t, &n);
    number_parse(text_of(overflow), &limit);
    n.is_negative = false;
    return number_compare(&n, &limit) < 0;
}
