/* SPDX-License-Identifier: Apache-2.0
 *
 * base/json_memory.c - a list of blocks, and a way out.
 */
#include "base/json_memory.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/check.h"

#define MEMORY_MAGIC 0x4a504e01u

/* In front of what yajl sees. */
struct json_block {
    _Alignas(max_align_t) struct json_block *next;
    struct json_block *previous; /* NULL: the first */
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

static void *memory_realloc(void *arg, void *ptr, size_t size)
{
    struct json_block *b = ptr ? (struct json_block *)ptr - 1 : NULL, *grown;
    struct json_memory *m;

    MAGIC_CAST(m, arg, MEMORY_MAGIC);
    if (b)
        unlink_block(m, b);
    grown =
        size <= SIZE_MAX - sizeof(*b) ? realloc(b, sizeof(*b) + size) : NULL;
    if (!grown) {
        if (b)
            link_block(m, b);
        longjmp(m->none_left, 1);
    }
    link_block(m, grown);
    return grown + 1;
}

static void *memory_malloc(void *arg, size_t size)
{
    return memory_realloc(arg, NULL, size);
}

static void memory_free(void *arg, void *ptr)
{
    struct json_block *b = ptr ? (struct json_block *)ptr - 1 : NULL;
    struct json_memory *m;

    MAGIC_CAST(m, arg, MEMORY_MAGIC);
    if (!b)
        return;
    unlink_block(m, b);
    free(b);
}

void json_memory_init(struct json_memory *m)
{
    MAGIC_SET(m, MEMORY_MAGIC);
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
    m->blocks = NULL;
}

yajl_alloc_funcs json_memory_functions(struct json_memory *m)
{
    return (yajl_alloc_funcs){memory_malloc, memory_realloc, memory_free, m};
}
