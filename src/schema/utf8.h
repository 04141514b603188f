/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/utf8.h - RFC 3629, byte by byte and many at a time.
 *
 * No overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef SCHEMA_UTF8_H
#define SCHEMA_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A sequence of two bytes or more under way. */
struct utf8 {
    uint32_t code_point; /* of the bytes so far */
    uint8_t left;        /* bytes due; 0: the character is whole */
    uint8_t low, high;   /* the next byte's range */
};

/* `lead`, 0x80 or above, as the first byte; false when it cannot be one. */
bool utf8_begin(struct utf8 *u, uint8_t lead);
/* The next byte, while some are due; false when it does not belong. */
bool utf8_continue(struct utf8 *u, uint8_t byte);

/* Behind the whole well-formed characters outside ASCII that `at` begins
 * with; they may be none. The last 3 bytes are not looked into. */
const uint8_t *utf8_skip(const uint8_t *at, const uint8_t *end);

/* Of a text that is valid: its characters, and the code units that they have
 * in UTF-16. */
size_t utf8_characters(const char *text, size_t len);
size_t utf8_utf16_units(const char *text, size_t len);

#endif
