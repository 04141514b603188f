/* SPDX-License-Identifier: Apache-2.0
 *
 * base/json_scan.h - a place in a JSON text, and the checks before yajl.
 *
 * Used by json_load.c alone.
 */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stdbool.h>

#include "base/problems.h"
#include "base/text.h"

struct json_cursor {
    struct text bytes;
    size_t at;         /* the next byte; at most bytes.len */
    size_t line_start; /* where the line of `at` begins */
    int line;          /* from 1 */
};

void json_cursor_init(struct json_cursor *c, struct text bytes);
/* Columns count bytes, from 1. */
int json_cursor_column(const struct json_cursor *c);
/* Step over `len` bytes, minding line ends. */
void json_cursor_advance(struct json_cursor *c, size_t len);
/* Step over white space and comments; false at a comment that does not end
 * (the cursor is at its beginning then). */
bool json_cursor_skip_space(struct json_cursor *c);

/* What yajl does not check, or not to the letter: byte order mark, UTF-8,
 * control characters, escapes, surrogate pairs, comments and strings that do
 * not end. STATUS_INVALID with the first of them in `problems`. */
enum status json_scan(struct text bytes, const char *file, bool comments,
                      struct problems *problems) MUST_CHECK;

#endif
