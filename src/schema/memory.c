/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/memory.c - where a run's memory comes from.
 *
 * Two kinds. What belongs to an open array or object lies on a stack of
 * chunks: the first is part of the run, each further one is twice as large
 * and stays for the next deep value. What outlives its frame, or grows, is
 * allocated singly: from a small heap in the run, which gets back only what
 * was taken from it last, and once that is full from malloc(). An ordinary
 * body needs no more than the run. What is allocated is counted, and the
 * first failure ends the run.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "schema/machine.h"

_Static_assert(offsetof(struct schema_run, first_bytes) ==
                   offsetof(struct schema_run, first) + sizeof(struct chunk),
               "the first chunk's bytes lie behind it");

/* Part of the run itself. */
static bool is_inside(const struct schema_run *run, const void *p)
{
    return (uintptr_t)p >= (uintptr_t)run &&
           (uintptr_t)p < (uintptr_t)(run + 1);
}

static size_t heap_bytes(size_t bytes)
{
    return (bytes + 15) & ~(size_t)15;
}

void *run_alloc(struct schema_run *run, size_t bytes)
{
    void *p;

    if (bytes <= FIRST_HEAP / 4 &&
        heap_bytes(bytes) <= FIRST_HEAP - run->heap_used) {
        p = run->first_heap + run->heap_used;
        run->heap_used += (uint32_t)heap_bytes(bytes);
        return memset(p, 0, bytes);
    }
    p = calloc(1, bytes);
    if (!p) {
        run->status = STATUS_NO_MEMORY;
        return NULL;
    }
    run->memory += bytes;
    return p;
}

void run_free(struct schema_run *run, void *p, size_t bytes)
{
    if (!p)
        return;
    if (is_inside(run, p)) {
        if ((char *)p + heap_bytes(bytes) == run->first_heap + run->heap_used)
            run->heap_used -= (uint32_t)heap_bytes(bytes);
        return;
    }
    CHECK(run->memory >= bytes);
    run->memory -= bytes;
    free(p);
}

bool run_grow(struct schema_run *run, void *list, uint32_t *size, uint32_t need,
              size_t bytes_each)
{
    uint32_t grown = *size ? *size : 16;
    void *p, *old;

    if (need <= *size)
        return true;
    while (grown < need) {
        if (grown > UINT32_MAX / 2) {
            run->status = STATUS_NO_MEMORY;
            return false;
        }
        grown *= 2;
    }
    memcpy(&old, list, sizeof(old));
    if (!old) {
        p = run_alloc(run, grown * bytes_each);
        if (!p)
            return false;
    } else if (is_inside(run, old)) {
        p = reallocarray(NULL, grown, bytes_each);
        if (p) {
            memcpy(p, old, *size * bytes_each);
            run_free(run, old, *size * bytes_each);
            run->memory += grown * bytes_each;
        }
    } else {
        p = reallocarray(old, grown, bytes_each);
        if (p)
            run->memory += (grown - *size) * bytes_each;
    }
    if (!p) {
        run->status = STATUS_NO_MEMORY;
        return false;
    }
    memcpy(list, &p, sizeof(p));
    *size = grown;
    return true;
}

void run_free_list(struct schema_run *run, void *list, uint32_t size,
                   size_t bytes_each)
{
    if (!is_inside(run, list))
        run_free(run, list, size * bytes_each);
}

/* ---- the stack ---- */

void stack_init(struct schema_run *run)
{
    run->first = (struct chunk){.size = FIRST_CHUNK};
    run->chunk = &run->first;
    run->chunk_used = 0;
}

void *stack_alloc_slow(struct schema_run *run, size_t bytes)
{
    struct chunk *c = run->chunk;
    size_t size = c->size;

    /* A chunk left over from an earlier value may be too small for this
     * one: then it and those behind it go. */
    if (c->next && c->next->size < bytes) {
        struct chunk *old = c->next;

        c->next = NULL;
        while (old) {
            struct chunk *next = old->next;

            run_free(run, old, sizeof(*old) + old->size);
            old = next;
        }
    }
    if (!c->next) {
        do
            size *= 2;
        while (size < bytes);
        c->next = run_alloc(run, sizeof(*c) + size);
        if (!c->next)
            return NULL;
        c->next->size = size;
    }
    run->chunk = c->next;
    run->chunk_used = bytes;
    return run->chunk + 1;
}

void stack_release(struct schema_run *run)
{
    struct chunk *c = run->first.next;

    while (c) {
        struct chunk *next = c->next;

        run_free(run, c, sizeof(*c) + c->size);
        c = next;
    }
    stack_init(run);
}

/* ---- yajl ---- */

/* In front of what yajl gets; keeps it aligned. */
struct yajl_block {
    _Alignas(16) size_t bytes;
    struct yajl_block *next, *prev; /* in run->yajl_blocks */
};

static void *yajl_block_new(void *ctx, size_t size)
{
    struct schema_run *run;
    size_t bytes = (sizeof(struct yajl_block) + size + 15) & ~(size_t)15;
    struct yajl_block *b;

    MAGIC_CAST(run, ctx, RUN_MAGIC);
    if (bytes <= YAJL_HEAP - run->yajl_used) {
        b = (struct yajl_block *)(void *)(run->yajl_heap + run->yajl_used);
        run->yajl_used += (uint32_t)bytes;
        b->bytes = bytes;
        return b + 1;
    }
    b = malloc(bytes);
    if (!b)
        longjmp(run->yajl_failed, 1);
    run->memory += bytes;
    *b = (struct yajl_block){.bytes = bytes, .next = run->yajl_blocks};
    if (b->next)
        b->next->prev = b;
    run->yajl_blocks = b;
    return b + 1;
}

static void yajl_block_free(void *ctx, void *p)
{
    struct schema_run *run;
    struct yajl_block *b;

    MAGIC_CAST(run, ctx, RUN_MAGIC);
    if (!p || is_inside(run, p))
        return;
    b = (struct yajl_block *)p - 1;
    if (b->next)
        b->next->prev = b->prev;
    if (b->prev)
        b->prev->next = b->next;
    else
        run->yajl_blocks = b->next;
    run_free(run, b, b->bytes);
}

static void *yajl_block_resize(void *ctx, void *p, size_t size)
{
    void *grown = yajl_block_new(ctx, size);

    if (p) {
        const struct yajl_block *b = (const struct yajl_block *)p - 1;
        size_t had = b->bytes - sizeof(*b);

        memcpy(grown, p, had < size ? had : size);
        yajl_block_free(ctx, p);
    }
    return grown;
}

void memory_yajl_release(struct schema_run *run)
{
    struct yajl_block *b = run->yajl_blocks;

    while (b) {
        struct yajl_block *next = b->next;

        run_free(run, b, b->bytes);
        b = next;
    }
    run->yajl_blocks = NULL;
}

const yajl_alloc_funcs memory_yajl_funcs = {
    .malloc = yajl_block_new,
    .realloc = yajl_block_resize,
    .free = yajl_block_free,
};
