/* SPDX-License-Identifier: Apache-2.0
 *
 * http/refusal.c - the table of refusals as data.
 */
#include "http/refusal.h"

#include "base/check.h"

static const struct http_refusal_row rows[] = {
    [HTTP_REFUSAL_NONE] = {"none", 200, ""},
#define X(symbol, name, status, text)                                          \
    [HTTP_REFUSAL_##symbol] = {(name), (status), (text)},
    HTTP_REFUSALS(X)
#undef X
};

_Static_assert(ARRAY_LEN(rows) == HTTP_REFUSAL_COUNT,
               "one row for each refusal");

const struct http_refusal_row *http_refusal_row(enum http_refusal r)
{
    CHECK((unsigned)r < HTTP_REFUSAL_COUNT);
    return &rows[r];
}
