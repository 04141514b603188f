/* SPDX-License-Identifier: Apache-2.0
 *
 * base/status.c - the names of the statuses.
 */
#include "base/status.h"

static const char *const names[] = {
    [STATUS_OK] = "ok",           [STATUS_NO_MEMORY] = "no_memory",
    [STATUS_INVALID] = "invalid", [STATUS_NOT_FOUND] = "not_found",
    [STATUS_LIMITED] = "limited", [STATUS_TOO_LARGE] = "too_large",
    [STATUS_TIMEOUT] = "timeout", [STATUS_UNAVAILABLE] = "unavailable",
    [STATUS_DENIED] = "denied",   [STATUS_IO] = "io",
};

_Static_assert(sizeof(names) / sizeof(names[0]) == STATUS_IO + 1,
               "every status has a name");

const char *status_name(enum status s)
{
    if ((unsigned)s > STATUS_IO)
        return "unknown";
    return names[s];
}
