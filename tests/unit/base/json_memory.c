/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_memory.h"
#include "unit.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

START_TEST(what_is_not_given_back_is_freed_at_the_end)
{
    struct json_memory m;
    yajl_alloc_funcs f;
    char *a, *b, *c;

    json_memory_init(&m);
    f = json_memory_functions(&m);
    ck_assert_int_eq(setjmp(m.none_left), 0);
    a = f.malloc(f.ctx, 10);
    b = f.realloc(f.ctx, NULL, 20);
    c = f.malloc(f.ctx, 30);
    memset(a, 'a', 10);
    memset(b, 'b', 20);
    memset(c, 'c', 30);
    b = f.realloc(f.ctx, b, 20000); /* in the middle of the list */
    ck_assert_int_eq(b[19], 'b');
    f.free(f.ctx, a);
    f.free(f.ctx, NULL);
    ck_assert_int_eq(c[29], 'c');
    json_memory_release(&m); /* the leak check sees to the rest */
    ck_assert_ptr_null(m.blocks);
}
END_TEST

/* Small blocks lie in the heap until it is full, whatever is given back; none
 * lies over another. */
START_TEST(blocks_of_the_heap_and_others_are_apart)
{
    enum { COUNT = 200 };
    struct json_memory m;
    yajl_alloc_funcs f;
    unsigned char *blocks[COUNT];

    json_memory_init(&m);
    f = json_memory_functions(&m);
    ck_assert_int_eq(setjmp(m.none_left), 0);
    for (int i = 0; i < COUNT; i++) {
        blocks[i] = f.malloc(f.ctx, (size_t)i % 40);
        memset(blocks[i], i, (size_t)i % 40);
    }
    ck_assert_uint_le(m.heap_used, JSON_MEMORY_HEAP);
    ck_assert_ptr_nonnull(m.blocks);
    for (int i = 0; i < COUNT; i++)
        blocks[i] = f.realloc(f.ctx, blocks[i], (size_t)i % 40 + 60);
    for (int i = 0; i < COUNT; i++)
        for (int at = 0; at < i % 40; at++)
            ck_assert_uint_eq(blocks[i][at], i);
    for (int i = 0; i < COUNT; i++)
        f.free(f.ctx, blocks[i]);
    ck_assert_ptr_null(m.blocks);
    json_memory_release(&m);
}
END_TEST

/* The size that no machine has is refused on the way: the call does not
 * return, and what was there before stays. */
static bool runs_out(struct json_memory *m, yajl_alloc_funcs *f, void *ptr)
{
    if (setjmp(m->none_left) != 0)
        return true;
    if (ptr)
        f->realloc(f->ctx, ptr, SIZE_MAX);
    else
        f->malloc(f->ctx, SIZE_MAX);
    return false;
}

START_TEST(no_memory_leaves_by_the_way_out)
{
    struct json_memory m;
    yajl_alloc_funcs f;
    char *kept;

    json_memory_init(&m);
    f = json_memory_functions(&m);
    ck_assert_int_eq(setjmp(m.none_left), 0);
    kept = f.malloc(f.ctx, 10);
    memset(kept, 'k', 10);
    ck_assert(runs_out(&m, &f, NULL));
    ck_assert(runs_out(&m, &f, kept));
    ck_assert_int_eq(kept[9], 'k');
    json_memory_release(&m);
}
END_TEST

UNIT_MAIN("json_memory", what_is_not_given_back_is_freed_at_the_end,
          blocks_of_the_heap_and_others_are_apart,
          no_memory_leaves_by_the_way_out)
