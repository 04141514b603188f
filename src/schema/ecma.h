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

#include "base/buffer.h"
#include "base/text.h"

/* Append the translation of `pattern` (valid UTF-8) to `to`. STATUS_INVALID
 * with *error a sentence for a person and *at the offending byte's place. */
enum status ecma_translate(struct text pattern, struct buffer *to,
                           const char **error, size_t *at) MUST_CHECK;

#endif
