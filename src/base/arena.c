/* SPDX-License-Identifier: Apache-2.0
 *
 * base/arena.c - memory in blocks, handed out from front to back.
 *
 * Blocks double from 2 KiB to 64 KiB: an exchange that needs little costs
 * one small malloc, a policy snapshot of megabytes costs few. What is larger
 * than a block gets one of its own, behind the current one, so that the rest
 * of the current one is not wasted.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

#define FIRST_BLOCK 2048u
#define LARGEST_BLOCK 65536u
#define ALIGNMENT _Alignof(max_align_t)

struct arena_block {
    struct arena_block *next; /* older */
    size_t used, size;        /* of `bytes` */
    _Alignas(max_align_t) unsigned char bytes[];
};

void arena_init(struct arena *a, size_t max_bytes)
{
    *a = (struct arena){.max_bytes = max_bytes};
}

void arena_release(struct arena *a)
{
    struct arena_block *b = a->blocks;

    while (b) {
        struct arena_block *next = b->next;

        free(b);
        b = next;
    }
    arena_init(a, a->max_bytes);
}

static struct arena_block *block_new(size_t size)
{
    struct arena_block *b;

    if (size > SIZE_MAX - sizeof(*b))
        return NULL;
    b = malloc(sizeof(*b) + size);
    if (!b)
        return NULL;
    b->next = NULL;
    b->used = 0;
    b->size = size;
    return b;
}

/* A block with room for `bytes`. */
static struct arena_block *block_for(struct arena *a, size_t bytes)
{
    struct arena_block *top = a->blocks, *b;
    size_t size = FIRST_BLOCK;

    if (top && top->size - top->used >= bytes)
        return top;
    if (top && top->size >= FIRST_BLOCK)
        size = top->size < LARGEST_BLOCK ? top->size * 2 : LARGEST_BLOCK;
    if (bytes <= size) {
        b = block_new(size);
        if (!b)
            return NULL;
        b->next = top;
        a->blocks = b;
        return b;
    }
    b = block_new(bytes);
    if (!b)
        return NULL;
    if (top) {
        b->next = top->next;
        top->next = b;
    } else {
        a->blocks = b;
    }
    return b;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    struct arena_block *b;
    size_t rounded;
    void *p;

    if (bytes == 0)
        bytes = 1; /* NULL means failure, so nothing still is something */
    if (bytes > SIZE_MAX - ALIGNMENT)
        return NULL;
    rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (rounded > a->max_bytes - a->used_bytes)
        return NULL;
    b = block_for(a, rounded);
    if (!b)
        return NULL;
    p = b->bytes + b->used;
    b->used += rounded;
    a->used_bytes += rounded;
    return memset(p, 0, bytes);
}

void *arena_array(struct arena *a, size_t count, size_t bytes_each)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, bytes_each, &bytes))
        return NULL;
    return arena_alloc(a, bytes);
}

char *arena_strdup(struct arena *a, struct text t)
{
    char *copy = t.len < SIZE_MAX ? arena_alloc(a, t.len + 1) : NULL;

    if (copy && t.len > 0)
        memcpy(copy, t.data, t.len);
    return copy;
}

struct text arena_text(struct arena *a, struct text t)
{
    const char *copy = arena_strdup(a, t);

    return text_make(copy, copy ? t.len : 0);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    char *out;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    CHECK(n >= 0);
    out = arena_alloc(a, (size_t)n + 1);
    if (!out)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(out, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return out;
}
