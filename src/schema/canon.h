/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/canon.h - JSON values in a form in which equal ones are equal bytes.
 *
 * For "const" and "enum" with arrays or objects, and for "uniqueItems": the
 * values of a schema are encoded when it is compiled, those of a body while
 * they stream by, and comparing is memcmp(). A value is a tag, the length of
 * its content, and the content: a string's bytes, a number's canonical
 * digits, an array's items, an object's members in the order of their keys.
 */
#ifndef SCHEMA_CANON_H
#define SCHEMA_CANON_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/json.h"

struct number;

#define CANON_NULL 'n'
#define CANON_TRUE 't'
#define CANON_FALSE 'f'
#define CANON_NUMBER '0'
#define CANON_STRING '"' /* also a member's key, in front of its value */
#define CANON_ARRAY '['
#define CANON_OBJECT '{'

/* Append a whole value; `content` is empty but for strings. What fails with
 * STATUS_TOO_LARGE or STATUS_NO_MEMORY may have appended a part. */
enum status canon_scalar(struct buffer *to, char tag,
                         struct text content) MUST_CHECK;
enum status canon_number(struct buffer *to, const struct number *n) MUST_CHECK;
/* A container's content is what is appended between these two; *begin is for
 * the second, which sorts an object's members. */
enum status canon_open(struct buffer *to, char tag, size_t *begin) MUST_CHECK;
enum status canon_close(struct buffer *to, size_t begin) MUST_CHECK;

enum status canon_value(struct buffer *to,
                        const struct json_value *v) MUST_CHECK;

#endif
