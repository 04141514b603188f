/* SPDX-License-Identifier: Apache-2.0
 *
 * base/problems.h - everything wrong with the files a person wrote.
 *
 * A loader does not stop at the first mistake: it adds each to this list and
 * goes on as far as that makes sense. `chatgate check` prints all of them as
 *
 *   file:line:column: message
 *   file:line:column: warning: message
 *
 * in the order file, line, column. The message says what was wrong and what
 * would be right; where the place is inside a JSON document, it begins with
 * the JSON Pointer, as in "/paths/~1v3~1chats/post: unknown keyword ...".
 */
#ifndef BASE_PROBLEMS_H
#define BASE_PROBLEMS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/status.h"
#include "base/text.h"

struct problem {
    char *file;    /* owned; "" when there is none (the environment, a flag) */
    int line;      /* from 1; 0 when there is none */
    int column;    /* from 1, in bytes; 0 when there is none */
    char *message; /* owned */
    bool is_warning;
};

struct problems {
    struct problem *list;
    size_t count;
    size_t size;
    size_t errors;  /* how many of them are no warnings */
    size_t dropped; /* beyond PROBLEMS_MAX, or out of memory */
};

#define PROBLEMS_MAX 1000

void problems_init(struct problems *p);
void problems_release(struct problems *p);

void problems_error(struct problems *p, const char *file, int line, int column,
                    const char *fmt, ...) PRINTF_LIKE(5, 6);
void problems_warning(struct problems *p, const char *file, int line,
                      int column, const char *fmt, ...) PRINTF_LIKE(5, 6);

/* Sort by file, line, column, then print one line each. */
void problems_print(struct problems *p, FILE *to);

#endif
