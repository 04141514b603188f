/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/ecma.h - regular expressions of ECMA-262, written anew for PCRE2.
 *
 * JSON Schema's "pattern" has the meaning of ECMA-262 with the flag "u".
 * PCRE2 reads most of that syntax, and means something else by some of it:
 * "." and "\s" know other characters, "$" matches before a last line feed,
 * "a++" is possessive, "\A" and "(?i)" exist. So every construct is parsed
 * here and written out in a form that PCRE2 cannot take for another one.
 * What has no such form is refused.
 */
#ifndef SCHEMA_ECMA_H
#define SCHEMA_ECMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"

/* What of a pattern costs time that PCRE2 does not count as steps. */
struct ecma_shape {
    bool has_choice;  /* a "|" outside of all groups */
    uint64_t repeats; /* the least numbers of all repetitions, added up */
};

/* The number that callouts at the beginning of each lookahead have. */
#define ECMA_CALLOUT 1

/* Append the translation of `pattern` (valid UTF-8) to `to`. STATUS_INVALID
 * with *error a sentence for a person and *at the offending byte's place. */
enum status ecma_translate(struct text pattern, struct buffer *to,
                           struct ecma_shape *shape, const char **error,
                           size_t *at) MUST_CHECK;

#endif
