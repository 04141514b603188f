/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/format.h - the formats that are asserted, one row each.
 *
 * A format is in the table only if it is decided exactly as its own document
 * says; the others are refused when a schema is compiled. The functions keep
 * no state and may be called from any thread; their time is linear in the
 * value, which may be hostile.
 */
#ifndef SCHEMA_FORMAT_H
#define SCHEMA_FORMAT_H

#include <stdbool.h>

#include "base/text.h"

struct schema_format {
    const char *name; /* "date-time" */
    bool is_number;   /* applies to numbers ("int32"), else to strings */
    /* A string, decoded and valid UTF-8; or a number as JSON writes it. */
    bool (*matches)(struct text t);
    const char *expected; /* "an RFC 3339 date and time, as ..." */
};

/* NULL for a name that is not enforced (the compiler then refuses it). */
const struct schema_format *schema_format_find(struct text name);
/* Row by row until NULL, for documentation and messages. */
const struct schema_format *schema_format_at(size_t i);

#endif
