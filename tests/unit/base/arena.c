/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "unit.h"

START_TEST(the_maximum_is_kept)
{
    struct arena a;

    arena_init(&a, 1000);
    ck_assert_ptr_null(arena_alloc(&a, 1001));
    ck_assert_ptr_nonnull(arena_alloc(&a, 900));
    ck_assert_ptr_null(arena_alloc(&a, 200));
    ck_assert_ptr_nonnull(arena_alloc(&a, 16));
    ck_assert_uint_le(a.used_bytes, 1000);
    arena_release(&a);
    ck_assert_uint_eq(a.used_bytes, 0);
    ck_assert_ptr_nonnull(arena_alloc(&a, 900)); /* usable again */
    arena_release(&a);
}
END_TEST

START_TEST(absurd_sizes_are_refused)
{
    struct arena a;

    arena_init(&a, SIZE_MAX);
    ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX));
    ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX - 20));
    ck_assert_ptr_null(arena_array(&a, SIZE_MAX / 2, 3));
    ck_assert_ptr_null(arena_array(&a, (size_t)1 << 33, (size_t)1 << 33));
    ck_assert_uint_eq(a.used_bytes, 0);
    arena_release(&a);
}
END_TEST

START_TEST(nothing_is_still_something)
{
    struct arena a;
    void *p, *q;

    arena_init(&a, 1000);
    p = arena_alloc(&a, 0);
    q = arena_array(&a, 0, 8);
    ck_assert_ptr_nonnull(p);
    ck_assert_ptr_nonnull(q);
    ck_assert_ptr_ne(p, q);
    arena_release(&a);
}
END_TEST

START_TEST(memory_is_zeroed_aligned_and_apart)
{
    struct arena a;
    unsigned char *all[500];
    size_t zeros;

    arena_init(&a, 100 << 20);
    /* sizes around the blocks', large ones between small ones */
    for (size_t i = 0; i < 500; i++) {
        size_t size = i % 7 == 0 ? 70000 + i : 1 + i * 13 % 3000;

        all[i] = arena_alloc(&a, size);
        ck_assert_ptr_nonnull(all[i]);
        ck_assert_uint_eq((uintptr_t)all[i] % _Alignof(max_align_t), 0);
        for (zeros = 0; zeros < size && all[i][zeros] == 0;)
            zeros++;
        ck_assert_uint_eq(zeros, size);
        memset(all[i], (int)(i % 255 + 1), size);
    }
    for (size_t i = 0; i < 500; i++)
        ck_assert_int_eq(all[i][0], (int)(i % 255 + 1));
    arena_release(&a);
}
END_TEST

START_TEST(texts_are_copied_and_terminated)
{
    struct arena a;
    struct text t;

    arena_init(&a, 1000);
    ck_assert_str_eq(arena_strdup(&a, text_make("abcdef", 3)), "abc");
    ck_assert_str_eq(arena_strdup(&a, text_of(NULL)), "");
    t = arena_text(&a, TEXT_LIT("x\0y"));
    ck_assert(text_equal(t, TEXT_LIT("x\0y")) && t.data[3] == '\0');
    ck_assert_str_eq(arena_printf(&a, "%s-%d", "n", 7), "n-7");
    arena_release(&a);
    arena_init(&a, 8);
    ck_assert(text_is_absent(arena_text(&a, TEXT_LIT("0123456789abcdef"))));
    ck_assert_ptr_null(arena_printf(&a, "%s", "0123456789abcdef"));
    arena_release(&a);
}
END_TEST

UNIT_MAIN("arena", the_maximum_is_kept, absurd_sizes_are_refused,
          nothing_is_still_something, memory_is_zeroed_aligned_and_apart,
          texts_are_copied_and_terminated)
