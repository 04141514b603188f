/* SPDX-License-Identifier: Apache-2.0
 *
 * base/buffer.c - growth by doubling, a NUL kept behind the content.
 *
 * Invariant: either data is NULL and size is 0, or len < size, and
 * data[len] is NUL.
 */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

#define FIRST_SIZE 64

void buffer_init(struct buffer *b, size_t max_bytes)
{
    CHECK(max_bytes < SIZE_MAX / 2); /* so that doubling cannot wrap */
    *b = (struct buffer){.max = max_bytes};
}

void buffer_release(struct buffer *b)
{
    free(b->data);
    *b = (struct buffer){.max = b->max};
}

void buffer_clear(struct buffer *b)
{
    buffer_truncate(b, 0);
}

enum status buffer_reserve(struct buffer *b, size_t len)
{
    size_t need, size;
    char *data;

    if (len > b->max - b->len)
        return STATUS_TOO_LARGE;
    need = b->len + len + 1;
    if (need <= b->size)
        return STATUS_OK;
    size = b->size > 0 ? b->size : FIRST_SIZE;
    while (size < need)
        size *= 2;
    if (size > b->max + 1)
        size = b->max + 1;
    data = realloc(b->data, size);
    if (!data)
        return STATUS_NO_MEMORY;
    data[b->len] = '\0';
    b->data = data;
    b->size = size;
    return STATUS_OK;
}

enum status buffer_append(struct buffer *b, const void *data, size_t len)
{
    enum status s = buffer_reserve(b, len);

    if (s != STATUS_OK)
        return s;
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return STATUS_OK;
}

enum status buffer_append_text(struct buffer *b, struct text t)
{
    return buffer_append(b, t.data, t.len);
}

enum status buffer_append_str(struct buffer *b, const char *cstr)
{
    return buffer_append(b, cstr, strlen(cstr));
}

enum status buffer_append_char(struct buffer *b, char c)
{
    return buffer_append(b, &c, 1);
}

enum status buffer_append_u64(struct buffer *b, uint64_t n)
{
    char room[TEXT_DIGITS_MAX];

    return buffer_append_text(b, text_from_u64(n, room));
}

enum status buffer_printf(struct buffer *b, const char *fmt, ...)
{
    va_list ap;
    enum status s;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    CHECK(n >= 0); /* fails for wide characters only, which nobody uses */
    s = buffer_reserve(b, (size_t)n);
    if (s != STATUS_OK)
        return s;
    va_start(ap, fmt);
    n = vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
    return STATUS_OK;
}

void buffer_truncate(struct buffer *b, size_t len)
{
    CHECK(len <= b->len);
    b->len = len;
    if (b->data)
        b->data[len] = '\0';
}

void buffer_consume(struct buffer *b, size_t len)
{
    CHECK(len <= b->len);
    if (len == 0)
        return;
    memmove(b->data, b->data + len, b->len - len + 1); /* and the NUL */
    b->len -= len;
}
