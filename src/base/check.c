/* SPDX-License-Identifier: Apache-2.0
 *
 * base/check.c - the end of a program that found itself wrong.
 *
 * Nothing here allocates or takes a lock: the heap may be what is broken.
 */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void check_failed(const char *cond, const char *file, int line)
{
    char message[512];
    int n =
        snprintf(message, sizeof(message),
                 "chatgate: %s:%d: broken invariant: %s\n", file, line, cond);

    if (n > 0) {
        size_t len =
            (size_t)n < sizeof(message) ? (size_t)n : sizeof(message) - 1;
        /* There is nobody left to tell about a failure to write. */
        if (write(STDERR_FILENO, message, len) < 0)
            abort();
    }
    abort();
}
