/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints of names, and tables of them.
 */
#include "schema/name.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "tests/unit/unit.h"

START_TEST(short_names_are_their_print)
{
    /* All lengths, and names that differ in one bit or by a NUL. */
    for (size_t len = 0; len <= 40; len++) {
        char a[64] = {0}, b[64];
        /* On the heap, so that the sanitizer sees a byte read beside it. */
        char *copy = malloc(len + (len == 0));

        name_key_init();
        ck_assert_ptr_nonnull(copy);
        for (size_t i = 0; i < len; i++)
            a[i] = (char)('a' + i);
        memcpy(copy, a, len);
        ck_assert(name_print_equal(name_print(copy, len), name_print(a, len)));
        ck_assert(
            !name_print_equal(name_print(a, len), name_print(a, len + 1)));
        for (size_t bit = 0; bit < len * 8; bit++) {
            memcpy(b, a, sizeof(a));
            b[bit / 8] ^= (char)(1 << (bit % 8));
            if (name_print_equal(name_print(a, len), name_print(b, len)))
                ck_abort_msg("%zu bytes, bit %zu", len, bit);
        }
        free(copy);
    }
}
END_TEST

START_TEST(an_exact_print_is_never_a_hash)
{
    static const char a[] = "0123456789abcdef";

    name_key_init();
    ck_assert_uint_eq(name_print(a, 15).hi >> 56, 15);
    ck_assert_uint_eq(name_print(a, 16).hi >> 56, 0xff);
}
END_TEST

START_TEST(tables_find_what_was_added)
{
    static struct name names[1000];
    struct name_table t = {0};
    struct arena arena;
    char text[64];

    name_key_init();
    arena_init(&arena, 16 * 1024 * 1024);
    ck_assert_ptr_null(name_table_find_text(&t, TEXT_LIT("")));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        int n = snprintf(text, sizeof(text), "%zu%s", i,
                         i % 2 ? "" : " a name longer than its print");

        ck_assert(
            name_table_add(&t, &arena, &names[i], text_make(text, (size_t)n)));
    }
    for (size_t i = 0; i < ARRAY_LEN(names) + 100; i++) {
        int n = snprintf(text, sizeof(text), "%zu%s", i,
                         i % 2 ? "" : " a name longer than its print");
        struct name *want = i < ARRAY_LEN(names) ? &names[i] : NULL;

        ck_assert_ptr_eq(name_table_find_text(&t, text_make(text, (size_t)n)),
                         want);
    }
    arena_release(&arena);
}
END_TEST

START_TEST(no_memory_is_told)
{
    struct name_table t = {0};
    struct name name;
    struct arena arena;

    arena_init(&arena, 8);
    ck_assert(!name_table_add(&t, &arena, &name, TEXT_LIT("a name")));
    arena_release(&arena);
}
END_TEST

/* A guess is right or none, and reads no byte beside the name. */
START_TEST(guesses_are_right_or_none)
{
    static const char *const texts[] = {
        "from", "to",    "message", "parts",   "t",
        "",     "aa",    "ab",      "ba",      "0123456789abcdef",
        "type", "value", "url",     "effects", "0123456789abcdefg",
    };
    static struct name names[ARRAY_LEN(texts)];
    struct name_guess g, empty;
    struct name_table t = {0};
    struct arena arena;
    size_t i, len, found = 0;

    name_key_init();
    arena_init(&arena, 1024 * 1024);
    ck_assert(name_guess_make(&empty, &arena, &t));
    ck_assert_ptr_null(name_guess_find(&empty, "from", 4));
    for (i = 0; i < ARRAY_LEN(texts); i++)
        ck_assert(name_table_add(&t, &arena, &names[i], text_of(texts[i])));
    ck_assert(name_guess_make(&g, &arena, &t));
    for (i = 0; i < ARRAY_LEN(texts); i++)
        for (len = 0; len <= strlen(texts[i]); len++) {
            char *copy = malloc(len + (len == 0));
            const struct name *n;

            ck_assert_ptr_nonnull(copy);
            memcpy(copy, texts[i], len);
            n = name_guess_find(&g, copy, len);
            ck_assert(!n || text_equal(n->text, text_make(copy, len)));
            if (n && len == strlen(texts[i]))
                found++;
            free(copy);
        }
    ck_assert_uint_eq(found, ARRAY_LEN(texts) - 2); /* "", and one too long */
    arena_release(&arena);
}
END_TEST

UNIT_MAIN("schema/name", short_names_are_their_print,
          an_exact_print_is_never_a_hash, tables_find_what_was_added,
          no_memory_is_told, guesses_are_right_or_none)
