/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_write.h"
#include "base/check.h"
#include "unit.h"

/* `t` as a JSON text; free() it. */
static char *written(struct text t)
{
    struct json_writer *w = json_writer_new();
    struct buffer b;
    char *out;

    buffer_init(&b, 10000);
    json_writer_begin(w, &b);
    json_text(w, t);
    ck_assert_int_eq(json_writer_end(w), STATUS_OK);
    json_writer_free(w);
    out = text_dup(buffer_text(&b));
    buffer_release(&b);
    return out;
}

START_TEST(ill_formed_utf8_is_replaced_byte_by_byte)
{
    static const struct {
        struct text in;
        const char *out;
    } cases[] = {
        {TEXT("\xff"), "\"\xef\xbf\xbd\""},
        {TEXT("a\xc3"), "\"a\xef\xbf\xbd\""},
        {TEXT("\xc0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {TEXT("\xed\xa0\x80z"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\""},
        {TEXT("\xe2\x82\"\xc3\xa9"),
         "\"\xef\xbf\xbd\xef\xbf\xbd\\\"\xc3\xa9\""},
        {TEXT("\xf4\x90\x80\x80"),
         "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *out = written(cases[i].in);

        ck_assert_str_eq(out, cases[i].out);
        free(out);
    }
}
END_TEST

START_TEST(what_must_be_escaped_is)
{
    char *out = written(TEXT_LIT("\"\\/\b\f\n\r\t\0\x1f\x7f\xf0\x9f\x98\x80"));

    ck_assert_str_eq(out, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001F\x7f"
                          "\xf0\x9f\x98\x80\"");
    free(out);
}
END_TEST

START_TEST(a_full_buffer_is_cut_back)
{
    struct json_writer *w = json_writer_new();
    struct buffer b;

    buffer_init(&b, 20);
    ck_assert_int_eq(buffer_append_str(&b, "before"), STATUS_OK);
    json_writer_begin(w, &b);
    json_open_array(w);
    json_str(w, "far too long for what is left");
    json_int(w, 1); /* would fit, and must not be written after a failure */
    json_close_array(w);
    ck_assert_int_eq(json_writer_end(w), STATUS_TOO_LARGE);
    ck_assert_str_eq(b.data, "before");
    /* the same where a replacement does not fit */
    json_writer_begin(w, &b);
    json_text(w, TEXT_LIT("\xff\xff\xff\xff\xff\xff\xff\xff"));
    ck_assert_int_eq(json_writer_end(w), STATUS_TOO_LARGE);
    ck_assert_str_eq(b.data, "before");
    /* and the writer is as good as new */
    json_writer_begin(w, &b);
    json_bool(w, true);
    ck_assert_int_eq(json_writer_end(w), STATUS_OK);
    ck_assert_str_eq(b.data, "beforetrue");
    buffer_release(&b);
    json_writer_free(w);
}
END_TEST

START_TEST(all_kinds_of_values)
{
    struct json_writer *w = json_writer_new();
    struct buffer b;

    buffer_init(&b, 1000);
    for (int i = 0; i < 3; i++) { /* one writer, text after text */
        buffer_clear(&b);
        json_writer_begin(w, &b);
        json_open_object(w);
        json_key(w, "a");
        json_open_array(w);
        json_int(w, 0);
        json_int(w, -1);
        json_int(w, INT64_MAX);
        json_int(w, INT64_MIN);
        json_bool(w, false);
        json_null(w);
        json_str(w, NULL);
        json_text(w, text_of(NULL));
        json_text(w, text_of(""));
        json_open_object(w);
        json_close_object(w);
        json_close_array(w);
        json_key(w, "b\n");
        json_str(w, "x");
        json_close_object(w);
        ck_assert_int_eq(json_writer_end(w), STATUS_OK);
        ck_assert_str_eq(b.data,
                         "{\"a\":[0,-1,9223372036854775807,"
                         "-9223372036854775808,false,null,null,null,\"\",{}],"
                         "\"b\\n\":\"x\"}");
    }
    buffer_release(&b);
    json_writer_free(w);
    json_writer_free(NULL);
}
END_TEST

UNIT_MAIN("json_write", ill_formed_utf8_is_replaced_byte_by_byte,
          what_must_be_escaped_is, a_full_buffer_is_cut_back,
          all_kinds_of_values)
