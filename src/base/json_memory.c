/* SPDX-License-Identifier: Apache-2.0
 *
 * base/json_memory.c - a small heap, a list of blocks, and a way out.
 */
#include "base/json_memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define MEMORY_MAGIC 0x4a504e01u

/* In front of what yajl sees. */
struct json_block {
    _Alignas(max_align_t) struct json_block *next;
    struct json_block *previous; /* NULL: the first */
    size_t size;                 /* behind this */
};

static void link_block(struct json_memory *m, struct json_block *b)
{
    b->previous = NULL;
    b->next = m->blocks;
    if (b->next)
        b->next->previous = b;
    m->blocks = b;
}

static void unlink_block(struct json_memory *m, struct json_block *b)
{
    if (b->previous)
        b->previous->next = b->next;
    else
        m->blocks = b->next;
    if (b->next)
        b->next->previous = b->previous;
}

static bool is_of_heap(const struct json_memory *m, const struct json_block *b)
{
    return (uintptr_t)b >= (uintptr_t)m->heap &&
           (uintptr_t)b < (uintptr_t)(m->heap + sizeof(m->heap));
}

static struct json_block *heap_take(struct json_memory *m, size_t size)
{
    size_t left = sizeof(m->heap) - m->heap_used, bytes;
    struct json_block *b =
        (struct json_block *)(void *)(m->heap + m->heap_used);

    if (size > left) /* and before it is rounded up, which could wrap */
        return NULL;
    bytes = sizeof(*b) + ((size + 15) & ~(size_t)15);
    if (bytes > left)
        return NULL;
    m->heap_used += (uint32_t)bytes;
    b->size = size;
    return b;
}

static void *memory_malloc(void *arg, size_t size)
{
    struct json_block *b;
    struct json_memory *m;

    MAGIC_CAST(m, arg, MEMORY_MAGIC);
    b = heap_take(m, size);
    if (b)
        return b + 1;
    b = size <= SIZE_MAX - sizeof(*b) ? malloc(sizeof(*b) + size) : NULL;
    if (!b)
        longjmp(m->none_left, 1);
    b->size = size;
    link_block(m, b);
    return b + 1;
}

static void memory_free(void *arg, void *ptr)
{
    struct json_block *b = ptr ? (struct json_block *)ptr - 1 : NULL;
    struct json_memory *m;

    MAGIC_CAST(m, arg, MEMORY_MAGIC);
    if (!b || is_of_heap(m, b))
        return;
    unlink_block(m, b);
    free(b);
}

/* yajl doubles what grows, so a copy each time costs little. */
static void *memory_realloc(void *arg, void *ptr, size_t size)
{
    void *grown = memory_malloc(arg, size);

    if (ptr) {
        const struct json_block *b = (const struct json_block *)ptr - 1;

        memcpy(grown, ptr, b->size < size ? b->size : size);
        memory_free(arg, ptr);
    }
    return grown;
}

void json_memory_init(struct json_memory *m)
{
    MAGIC_SET(m, MEMORY_MAGIC);
    m->heap_used = 0;
    m->blocks = NULL;
}

void json_memory_release(struct json_memory *m)
{
    struct json_block *b = m->blocks;

    while (b) {
        struct json_block *next = b->next;

        free(b);
        b = next;
    }
    m->heap_used = 0;
    m->blocks = NULL;
}

yajl_alloc_funcs json_memory_functions(struct json_memory *m)
{
    return (yajl_alloc_funcs){memory_malloc, memory_realloc, memory_free, m};
}
