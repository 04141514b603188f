/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"
#include "unit.h"

START_TEST(an_untouched_buffer_has_no_memory)
{
    struct buffer b;

    buffer_init(&b, 10);
    ck_assert_ptr_null(b.data);
    buffer_clear(&b);
    buffer_consume(&b, 0);
    buffer_truncate(&b, 0);
    ck_assert(text_is_absent(buffer_text(&b)));
    buffer_release(&b);
}
END_TEST

START_TEST(an_empty_append_makes_a_c_string)
{
    struct buffer b;

    buffer_init(&b, 0);
    ck_assert_int_eq(buffer_append(&b, NULL, 0), STATUS_OK);
    ck_assert_str_eq(b.data, "");
    ck_assert_int_eq(buffer_append_char(&b, 'x'), STATUS_TOO_LARGE);
    buffer_release(&b);
}
END_TEST

START_TEST(the_maximum_is_reached_but_not_passed)
{
    struct buffer b;

    buffer_init(&b, 10);
    ck_assert_int_eq(buffer_append_str(&b, "12345"), STATUS_OK);
    ck_assert_int_eq(buffer_append_str(&b, "678901"), STATUS_TOO_LARGE);
    ck_assert_str_eq(b.data, "12345");
    ck_assert_int_eq(buffer_printf(&b, "%06d", 1), STATUS_TOO_LARGE);
    ck_assert_str_eq(b.data, "12345");
    ck_assert_int_eq(buffer_reserve(&b, SIZE_MAX), STATUS_TOO_LARGE);
    ck_assert_int_eq(buffer_printf(&b, "%05d", 1), STATUS_OK);
    ck_assert_str_eq(b.data, "1234500001");
    ck_assert_int_eq(buffer_append_char(&b, 'x'), STATUS_TOO_LARGE);
    ck_assert_uint_le(b.size, 11);
    buffer_release(&b);
    ck_assert_uint_eq(b.max, 10);
}
END_TEST

START_TEST(growth_keeps_content_and_terminator)
{
    struct buffer b;

    buffer_init(&b, 1 << 20);
    for (int i = 0; i < 10000; i++) {
        ck_assert_int_eq(buffer_append_char(&b, (char)('a' + i % 26)),
                         STATUS_OK);
        ck_assert_int_eq(b.data[b.len], '\0');
    }
    ck_assert_uint_eq(b.len, 10000);
    for (int i = 0; i < 10000; i++)
        ck_assert_int_eq(b.data[i], 'a' + i % 26);
    buffer_release(&b);
}
END_TEST

START_TEST(bytes_are_bytes)
{
    struct buffer b;

    buffer_init(&b, 100);
    ck_assert_int_eq(buffer_append(&b, "a\0b", 3), STATUS_OK);
    ck_assert_int_eq(buffer_append_text(&b, TEXT_LIT("\0c")), STATUS_OK);
    ck_assert(text_equal(buffer_text(&b), TEXT_LIT("a\0b\0c")));
    buffer_release(&b);
}
END_TEST

START_TEST(consume_and_truncate_keep_the_rest)
{
    struct buffer b;

    buffer_init(&b, 100);
    ck_assert_int_eq(buffer_append_str(&b, "0123456789"), STATUS_OK);
    buffer_consume(&b, 3);
    ck_assert_str_eq(b.data, "3456789");
    buffer_truncate(&b, 4);
    ck_assert_str_eq(b.data, "3456");
    buffer_consume(&b, 4);
    ck_assert_str_eq(b.data, "");
    ck_assert_uint_eq(b.len, 0);
    buffer_release(&b);
}
END_TEST

START_TEST(a_reserve_gives_room_to_write)
{
    struct buffer b;

    buffer_init(&b, 100);
    ck_assert_int_eq(buffer_reserve(&b, 100), STATUS_OK);
    memset(b.data + b.len, 'x', 100);
    b.len += 100;
    buffer_truncate(&b, 100);
    ck_assert_uint_eq(strlen(b.data), 100);
    buffer_release(&b);
}
END_TEST

START_TEST(a_number_is_appended_or_nothing)
{
    struct buffer b;

    buffer_init(&b, 8);
    ck_assert_int_eq(buffer_append_u64(&b, 0), STATUS_OK);
    ck_assert_int_eq(buffer_append_u64(&b, 1234567), STATUS_OK);
    ck_assert_str_eq(b.data, "01234567");
    ck_assert_int_eq(buffer_append_u64(&b, 8), STATUS_TOO_LARGE);
    ck_assert_str_eq(b.data, "01234567");
    buffer_release(&b);
}
END_TEST

UNIT_MAIN("buffer", an_untouched_buffer_has_no_memory,
          an_empty_append_makes_a_c_string,
          the_maximum_is_reached_but_not_passed,
          growth_keeps_content_and_terminator, bytes_are_bytes,
          consume_and_truncate_keep_the_rest, a_reserve_gives_room_to_write,
          a_number_is_appended_or_nothing)
