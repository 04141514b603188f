/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of http/chunked.c: bodies by name, each fed whole, cut in two at every
 * byte, and byte by byte.
 */
#include "http/chunked.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define MAX_BODY 1000

#define MORE CHUNKED_MORE
#define DONE CHUNKED_DONE
#define BAD CHUNKED_BAD
#define LARGE CHUNKED_TOO_LARGE

struct chunk_case {
    const char *name;
    const char *bytes;
    size_t len;
    enum chunked_result verdict;
    const char *body; /* as far as it came */
};

#define CASE(name, bytes, verdict, body)                                       \
    {                                                                          \
        (name), (bytes), sizeof(bytes) - 1, (verdict), (body)                  \
    }
/* What stands for a size line, before five bytes of data and the end. */
#define SIZE(name, line, verdict)                                              \
    CASE(name, line "\r\nhello\r\n0\r\n\r\n", verdict,                         \
         (verdict) == DONE ? "hello" : "")
/* Trailer lines. */
#define TRAILER(name, lines, verdict)                                          \
    CASE(name, "1\r\na\r\n0\r\n" lines "\r\n\r\n", verdict, "a")

static const struct chunk_case cases[] = {
    /* ---- good ---- */
    CASE("nothing", "0\r\n\r\n", DONE, ""),
    CASE("zeros", "0000\r\n\r\n", DONE, ""),
    SIZE("one chunk", "5", DONE),
    CASE("two chunks", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", DONE, "abcde"),
    CASE("hex digits", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", DONE,
         "01234567890123456789"),
    CASE("sixteen digits", "0000000000000005\r\nhello\r\n0\r\n\r\n", DONE,
         "hello"),
    CASE("data that looks like framing", "7\r\n0\r\n\r\n5\r\r\n0\r\n\r\n", DONE,
         "0\r\n\r\n5\r"),
    SIZE("extension", "5;a", DONE),
    SIZE("extension with a value", "5;a=b", DONE),
    SIZE("extension with a quoted value", "5;a=\"b c\"", DONE),
    SIZE("extension with an escape", "5;a=\"\\\"\\\\\"", DONE),
    SIZE("extension with an empty quoted value", "5;a=\"\"", DONE),
    SIZE("two extensions", "5;a=b;c=d", DONE),
    SIZE("spaces around an extension's parts", "5 \t; a \t= \tb ;c", DONE),
    SIZE("CR LF in letters inside a quoted value", "5;a=\";=,\"", DONE),
    CASE("extension on the last chunk", "0;a=b\r\n\r\n", DONE, ""),
    TRAILER("trailer", "X-A: b", DONE),
    TRAILER("trailers", "X-A: b\r\nX-B:", DONE),
    TRAILER("trailer with obs-text", "X-A: \xff", DONE),
    TRAILER("trailer of a long name", "X-Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: b",
            DONE),
    CASE("of the maximum", "3e8\r\n", MORE, ""),

    /* ---- unfinished ---- */
    CASE("no end", "5\r\nhello\r\n", MORE, "hello"),
    CASE("no last CRLF", "5\r\nhello\r\n0\r\n", MORE, "hello"),
    CASE("data short", "5\r\nhel", MORE, "hel"),

    /* ---- sizes ---- */
    SIZE("size 0x5", "0x5", BAD),
    SIZE("size x5", "x5", BAD),
    SIZE("size +5", "+5", BAD),
    SIZE("size -5", "-5", BAD),
    SIZE("size with a space before", " 5", BAD),
    SIZE("size with a tab before", "\t5", BAD),
    SIZE("size with a space behind", "5 ", BAD),
    SIZE("size with a tab behind", "5\t", BAD),
    SIZE("size with a form feed behind", "5\f", BAD),
    SIZE("size with a NUL behind", "5\0", BAD),
    SIZE("size with an underscore", "0_5", BAD),
    SIZE("size with a comma", "5,", BAD),
    SIZE("size a fraction", "5.0", BAD),
    SIZE("size no hex digit", "5g", BAD),
    SIZE("size quoted", "\"5\"", BAD),
    SIZE("size with obs-text", "5\xa0", BAD),
    SIZE("no size", "", BAD),
    SIZE("no size, an extension", ";a=b", BAD),
    CASE("empty lines for a last chunk", "\r\n\r\n", BAD, ""),
    CASE("empty lines behind a chunk", "1\r\na\r\n\r\n\r\n", BAD, "a"),
    CASE("an extension for a last chunk", ";a\r\n\r\n", BAD, ""),
    SIZE("two sizes", "5 5", BAD),
    SIZE("seventeen digits", "00000000000000005", BAD),
    SIZE("size that wraps to 5", "10000000000000005", BAD),
    SIZE("size too large by one", "3e9", LARGE),
    SIZE("size of all ones", "ffffffffffffffff", LARGE),
    SIZE("size of the sign bit", "8000000000000000", LARGE),
    CASE("sizes that sum up to too much", "5\r\nhello\r\n3e4\r\n", LARGE,
         "hello"),
    CASE("sizes whose sum wraps", "1\r\na\r\nffffffffffffffff\r\n", LARGE, "a"),

    /* ---- ends of lines ---- */
    CASE("bare LF behind a size", "5\nhello\r\n0\r\n\r\n", BAD, ""),
    CASE("bare CR behind a size", "5\rhello\r\n0\r\n\r\n", BAD, ""),
    CASE("CR CR LF behind a size", "5\r\r\nhello\r\n0\r\n\r\n", BAD, ""),
    CASE("LF CR behind a size", "5\n\rhello\r\n0\r\n\r\n", BAD, ""),
    CASE("no CRLF behind data", "5\r\nhello0\r\n\r\n", BAD, "hello"),
    CASE("bare LF behind data", "5\r\nhello\n0\r\n\r\n", BAD, "hello"),
    CASE("bare CR behind data", "5\r\nhello\r0\r\n\r\n", BAD, "hello"),
    CASE("data longer than its size", "5\r\nhello!\r\n0\r\n\r\n", BAD, "hello"),
    CASE("data shorter than its size", "6\r\nhello\r\n0\r\n\r\n", BAD,
         "hello\r"),
    CASE("two CRLF behind data", "5\r\nhello\r\n\r\n0\r\n\r\n", BAD, "hello"),
    CASE("bare LF at the end", "0\r\n\n", BAD, ""),
    CASE("bare LF behind the last size", "0\n\r\n", BAD, ""),
    CASE("bare CR at the end", "0\r\n\rX", BAD, ""),

    /* ---- extensions ---- */
    SIZE("extension without a name", "5;", BAD),
    SIZE("extension without a name, with a value", "5;=b", BAD),
    SIZE("extension without a value", "5;a=", BAD),
    SIZE("extensions without one between", "5;;a", BAD),
    SIZE("extension with a space behind", "5;a ", BAD),
    SIZE("extension of two words", "5;a b", BAD),
    SIZE("extension value of two words", "5;a=b c", BAD),
    SIZE("extension with a separator", "5;a/b", BAD),
    SIZE("extension unquoted", "5;a=\"b", BAD),
    SIZE("extension with junk behind a quote", "5;a=\"b\"c", BAD),
    SIZE("extension with a NUL", "5;a\0", BAD),
    SIZE("extension with a bare LF", "5;a\nb", BAD),
    SIZE("extension with a bare CR", "5;a\rb", BAD),
    SIZE("quoted value with a bare LF", "5;a=\"\n\"", BAD),
    SIZE("quoted value with CR LF", "5;a=\"\r\n\"", BAD),
    SIZE("quoted value with an escaped CR", "5;a=\"\\\r\"", BAD),
    SIZE("quoted value with an escape byte", "5;a=\"\x1b\"", BAD),

    /* ---- trailers ---- */
    TRAILER("trailer that frames by length", "Content-Length: 5", BAD),
    TRAILER("trailer that frames by chunk", "transfer-encoding: chunked", BAD),
    TRAILER("trailer that routes", "Host: evil", BAD),
    TRAILER("trailer that authenticates", "Authorization: Bearer x", BAD),
    TRAILER("trailer with an underscore", "Content_Length: 5", BAD),
    TRAILER("trailer without a colon", "X-A", BAD),
    TRAILER("trailer without a name", ": b", BAD),
    TRAILER("trailer with a space before the colon", "X-A : b", BAD),
    TRAILER("trailer folded", "X-A: b\r\n c", BAD),
    TRAILER("trailer with a bare LF", "X-A: b\nX-B: c", BAD),
    TRAILER("trailer with a bare CR", "X-A: b\rX-B: c", BAD),
    TRAILER("trailer with a NUL", "X-A: \0", BAD),
    TRAILER("a request for a trailer", "GET / HTTP/1.1", BAD),
};

struct outcome {
    enum chunked_result result;
    char body[64];
    size_t body_len, used;
};

static void feed(struct chunked *c, const char *data, size_t len,
                 struct outcome *o)
{
    /* A copy of just that size, for the sanitizer to watch. */
    char *copy = malloc(len + (len == 0));
    memcpy(copy, data, len);
    const char *at = copy;
    while (len > 0 && o->result == CHUNKED_MORE) {
        size_t used = 0;
        struct text piece;
        o->result = chunked_feed(c, at, len, &used, &piece);
        ck_assert_uint_gt(used, 0);
        ck_assert_uint_le(used, len);
        ck_assert_uint_le(o->body_len + piece.len, sizeof(o->body) - 1);
        if (piece.len > 0)
            memcpy(o->body + o->body_len, piece.data, piece.len);
        o->body_len += piece.len;
        o->used += used;
        at += used;
        len -= used;
    }
    free(copy);
}

static void assert_outcome(const struct chunk_case *c, const struct outcome *o,
                           const char *how, size_t at)
{
    ck_assert_msg(o->result == c->verdict, "%s, %s %zu: %d, not %d", c->name,
                  how, at, (int)o->result, (int)c->verdict);
    ck_assert_msg(o->body_len == strlen(c->body) &&
                      memcmp(o->body, c->body, o->body_len) == 0,
                  "%s, %s %zu: body %.*s", c->name, how, at, (int)o->body_len,
                  o->body);
    if (o->result == CHUNKED_DONE || o->result == CHUNKED_MORE)
        ck_assert_uint_eq(o->used, c->len);
}

START_TEST(every_body_is_read_as_the_table_says)
{
    const struct chunk_case *c = &cases[_i];
    struct chunked machine;
    struct outcome whole = {.result = CHUNKED_MORE};
    chunked_init(&machine, MAX_BODY);
    feed(&machine, c->bytes, c->len, &whole);
    assert_outcome(c, &whole, "whole", 0);
    for (size_t at = 0; at <= c->len; at++) {
        struct outcome o = {.result = CHUNKED_MORE};
        chunked_init(&machine, MAX_BODY);
        feed(&machine, c->bytes, at, &o);
        feed(&machine, c->bytes + at, c->len - at, &o);
        assert_outcome(c, &o, "cut at", at);
    }
    struct outcome o = {.result = CHUNKED_MORE};
    chunked_init(&machine, MAX_BODY);
    for (size_t at = 0; at < c->len; at++)
        feed(&machine, c->bytes + at, 1, &o);
    assert_outcome(c, &o, "byte by byte", 0);
}
END_TEST

START_TEST(what_follows_a_body_is_left_alone)
{
    static const char bytes[] = "1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n";
    struct chunked machine;
    struct outcome o = {.result = CHUNKED_MORE};
    chunked_init(&machine, MAX_BODY);
    feed(&machine, bytes, sizeof(bytes) - 1, &o);
    ck_assert_int_eq(o.result, CHUNKED_DONE);
    ck_assert_uint_eq(o.used, 11);
    size_t used = 7;
    struct text piece;
    ck_assert_int_eq(chunked_feed(&machine, "x", 1, &used, &piece),
                     CHUNKED_DONE);
    ck_assert_uint_eq(used, 0);
}
END_TEST

START_TEST(a_large_chunk_comes_in_large_pieces)
{
    static char data[300000];
    struct chunked machine;
    size_t used, sum = 0;
    struct text piece;
    chunked_init(&machine, sizeof(data));
    ck_assert_int_eq(chunked_feed(&machine, "493e0\r\n", 7, &used, &piece),
                     CHUNKED_MORE);
    while (sum < sizeof(data)) {
        ck_assert_int_eq(
            chunked_feed(&machine, data + sum, 7000, &used, &piece),
            CHUNKED_MORE);
        ck_assert_uint_eq(used, sizeof(data) - sum < 7000 ? sizeof(data) - sum
                                                          : 7000);
        ck_assert(piece.data == data + sum && piece.len == used);
        sum += used;
    }
}
END_TEST

/* Extensions and trailers without end would be read for ever otherwise. */
START_TEST(extensions_and_trailers_are_bounded)
{
    struct chunked machine;
    size_t used, sum = 0;
    struct text piece;
    enum chunked_result r = CHUNKED_MORE;
    chunked_init(&machine, MAX_BODY);
    while (r == CHUNKED_MORE && sum < 100000) {
        /* One byte of body for many of extension. */
        r = chunked_feed(&machine, "1;aaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 29, &used,
                         &piece);
        sum += used;
        if (r == CHUNKED_MORE)
            r = chunked_feed(&machine, "x", 1, &used, &piece);
        if (r == CHUNKED_MORE)
            r = chunked_feed(&machine, "\r\n", 2, &used, &piece);
    }
    ck_assert_int_eq(r, CHUNKED_BAD);
    ck_assert_uint_le(sum, CHUNKED_MAX_EXTENSIONS * 2);

    chunked_init(&machine, MAX_BODY);
    r = chunked_feed(&machine, "0\r\n", 3, &used, &piece);
    for (sum = 0; r == CHUNKED_MORE && sum < 100000; sum += used)
        r = chunked_feed(&machine, "X-A: b\r\n", 8, &used, &piece);
    ck_assert_int_eq(r, CHUNKED_BAD);
    ck_assert_uint_le(sum, CHUNKED_MAX_TRAILERS + 8);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("chunked");
    TCase *t = tcase_create("chunked");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, every_body_is_read_as_the_table_says, 0,
                        ARRAY_LEN(cases));
    tcase_add_test(t, what_follows_a_body_is_left_alone);
    tcase_add_test(t, a_large_chunk_comes_in_large_pieces);
    tcase_add_test(t, extensions_and_trailers_are_bounded);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
