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
          no_memory_leaves_by_the_way_out)
