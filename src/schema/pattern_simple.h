/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/pattern_simple.h - patterns that are a loop.
 *
 * Much of what people write as a pattern is one of two forms: a literal
 * text, perhaps anchored ("@", "^https:"), or one class of characters from
 * end to end ("^[a-z0-9_-]{1,64}$", "^[^\u0000]*$"). Those are decided here,
 * in the time of a loop over the text, without a budget; the rest is
 * PCRE2's. What is simple here means the same there.
 */
#ifndef SCHEMA_PATTERN_SIMPLE_H
#define SCHEMA_PATTERN_SIMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define PATTERN_LITERAL_MAX 64

struct pattern_simple {
    bool is_class;
    /* A literal, and where it must stand. */
    bool at_begin, at_end;
    uint8_t literal_len;
    char literal[PATTERN_LITERAL_MAX];
    /* A class, how many of it, and nothing else. */
    uint64_t ascii[2]; /* the characters in it, as bits */
    bool has_others;   /* all characters outside ASCII are in it */
    uint64_t min, max; /* characters; UINT64_MAX: any number */
};

/* False when `source` (in ECMA-262's syntax, flag "u", known to be valid) is
 * not of these forms. */
bool pattern_simple_parse(struct text source, struct pattern_simple *out);
/* `t` is valid UTF-8. */
bool pattern_simple_match(const struct pattern_simple *p, struct text t);

#endif
