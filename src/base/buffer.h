/* SPDX-License-Identifier: Apache-2.0
 *
 * base/buffer.h - bytes that grow up to a stated maximum.
 *
 * Every growable thing names its maximum when it is made. After a failed
 * append the content is what it was before. The bytes are always followed
 * by a NUL that does not count, so that `data` serves as a C string once
 * something was appended (an untouched buffer has data == NULL).
 *
 *   struct buffer b;
 *   buffer_init(&b, 16 * 1024);
 *   if (buffer_printf(&b, "%s=%d", name, n) != STATUS_OK) ...
 *   buffer_release(&b);
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include "base/text.h"

struct buffer {
    char *data;
    size_t len;
    size_t size; /* allocated */
    size_t max;  /* `len` never passes it */
};

void buffer_init(struct buffer *b, size_t max_bytes);
void buffer_release(struct buffer *b); /* empty again, same maximum */
/* Keep the memory, forget the content. */
void buffer_clear(struct buffer *b);

/* STATUS_TOO_LARGE past the maximum, STATUS_NO_MEMORY. */
enum status buffer_append(struct buffer *b, const void *data,
                          size_t len) MUST_CHECK;
enum status buffer_append_text(struct buffer *b, struct text t) MUST_CHECK;
enum status buffer_append_str(struct buffer *b, const char *cstr) MUST_CHECK;
enum status buffer_append_char(struct buffer *b, char c) MUST_CHECK;
enum status buffer_append_u64(struct buffer *b, uint64_t n) MUST_CHECK;
enum status buffer_printf(struct buffer *b, const char *fmt, ...)
    PRINTF_LIKE(2, 3) MUST_CHECK;

/* Room for `len` more bytes at data + len (the caller then adds to len). */
enum status buffer_reserve(struct buffer *b, size_t len) MUST_CHECK;

/* Drop everything behind `len` (at most the present length). */
void buffer_truncate(struct buffer *b, size_t len);
/* Drop the first `len` bytes (at most the present length). */
void buffer_consume(struct buffer *b, size_t len);

static inline struct text buffer_text(const struct buffer *b)
{
    return (struct text){b->data, b->len};
}

#endif
