/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/format_rules.h - what stands behind the rows of schema/format.c.
 *
 * Strings are decoded; numbers are as JSON writes them.
 */
#ifndef SCHEMA_FORMAT_RULES_H
#define SCHEMA_FORMAT_RULES_H

#include <stdbool.h>

#include "base/text.h"

/* format_time.c: RFC 3339 section 5.6 */
bool format_is_date(struct text t);
bool format_is_time(struct text t);
bool format_is_date_time(struct text t);

/* format_host.c: RFC 1123 section 2.1, with RFC 5891 section 5.4 for labels
 * that begin with "xn--" */
bool format_is_hostname(struct text t);
/* Letters, digits and inner hyphens, at least `min_labels` labels of at most
 * 63 octets with a dot between them, at most 253 octets in all. */
bool format_is_domain(struct text t, size_t min_labels);

/* format_mail.c: RFC 5321 section 4.1.2, Mailbox; and the address of a chat's
 * participant, which is narrower */
bool format_is_email(struct text t);
bool format_is_handle(struct text t);

/* format_number.c */
bool format_is_int32(struct text t);
bool format_is_int64(struct text t);
bool format_is_float(struct text t);
bool format_is_double(struct text t);

static inline bool format_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool format_is_alnum(char c)
{
    return format_is_digit(c) || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
}

#endif
