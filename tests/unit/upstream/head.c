/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader of heads by itself; what it refuses is tested on the wire, by
 * calls.
 */
#include "upstream/head.h"

#include <stdio.h>

#include "base/check.h"
#include "unit.h"

static struct upstream_head_reader reader;

/* Feed lines that end in "\n"; what the last one gave. */
static enum upstream_head_step feed(const char *lines)
{
    enum upstream_head_step step = UPSTREAM_HEAD_MORE;

    while (*lines != '\0' && step == UPSTREAM_HEAD_MORE) {
        const char *end = strchr(lines, '\n') + 1;
        size_t len = (size_t)(end - lines);
        char *line = malloc(len); /* so that the sanitizer sees its end */

        memcpy(line, lines, len);
        step = upstream_head_reader_line(&reader, line, len);
        free(line);
        lines = end;
    }
    return step;
}

static void setup(void)
{
    upstream_head_reader_init(&reader);
}

static void teardown(void)
{
    upstream_head_reader_release(&reader);
}

START_TEST(one_after_another)
{
    struct upstream_head h;

    setup();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(feed("HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
                              "HTTP/1.1 200 OK\nA:b\nContent-Length: 007\n"
                              "C: \t\r\n\r\n"),
                         UPSTREAM_HEAD_COMPLETE);
        upstream_head_reader_get(&reader, &h);
        ck_assert_int_eq(h.status, 200);
        ck_assert_int_eq(h.content_length, 7);
        ck_assert_uint_eq(h.header_count, 2);
        ck_assert(text_is(h.headers[0].name, "A"));
        ck_assert(text_is(h.headers[0].value, "b"));
        ck_assert(text_is(h.headers[1].name, "C"));
        ck_assert(text_is(h.headers[1].value, ""));
        upstream_head_reader_clear(&reader);
    }
    teardown();
}
END_TEST

START_TEST(connection_names_what_goes)
{
    struct upstream_head h;

    setup();
    ck_assert_int_eq(feed("HTTP/1.1 200 OK\r\nX-A: 1\r\nx-b: 2\r\nX-C: 3\r\n"
                          "Connection: x-a ,, X-B\r\nX-A: 4\r\n"
                          "connection:close\r\nClose: 5\r\nX-AB: 6\r\n\r\n"),
                     UPSTREAM_HEAD_COMPLETE);
    upstream_head_reader_get(&reader, &h);
    ck_assert_uint_eq(h.header_count, 2);
    ck_assert(text_is(h.headers[0].name, "X-C"));
    ck_assert(text_is(h.headers[1].name, "X-AB"));
    teardown();
}
END_TEST

START_TEST(as_many_as_allowed)
{
    struct upstream_head h;
    char line[64];

    setup();
    ck_assert_int_eq(feed("HTTP/1.1 200 OK\r\n"), UPSTREAM_HEAD_MORE);
    for (int i = 0; i < UPSTREAM_HEADERS_MAX; i++) {
        snprintf(line, sizeof(line), "N%d: V%d\r\n", i, i);
        ck_assert_int_eq(feed(line), UPSTREAM_HEAD_MORE);
    }
    ck_assert_int_eq(feed("\r\n"), UPSTREAM_HEAD_COMPLETE);
    upstream_head_reader_get(&reader, &h);
    ck_assert_uint_eq(h.header_count, UPSTREAM_HEADERS_MAX);
    for (int i = 0; i < UPSTREAM_HEADERS_MAX; i++) {
        snprintf(line, sizeof(line), "V%d", i);
        ck_assert(text_is(h.headers[i].value, line));
    }
    upstream_head_reader_clear(&reader);
    ck_assert_int_eq(feed("HTTP/1.1 200 OK\r\n"), UPSTREAM_HEAD_MORE);
    for (int i = 0; i < UPSTREAM_HEADERS_MAX; i++)
        ck_assert_int_eq(feed("A: b\r\n"), UPSTREAM_HEAD_MORE);
    ck_assert_int_eq(feed("A: b\r\n"), UPSTREAM_HEAD_BAD);
    ck_assert_ptr_nonnull(reader.problem);
    teardown();
}
END_TEST

START_TEST(as_large_as_allowed)
{
    static char line[UPSTREAM_HEAD_MAX + 16];
    struct upstream_head h;

    setup();
    memset(line, 'x', sizeof(line));
    memcpy(line, "abc:", 4);
    strcpy(line + UPSTREAM_HEAD_MAX + 1, "\r\n");
    ck_assert_int_eq(feed("HTTP/1.1 200 OK\r\n"), UPSTREAM_HEAD_MORE);
    ck_assert_int_eq(feed(line), UPSTREAM_HEAD_MORE);
    ck_assert_int_eq(feed("\r\n"), UPSTREAM_HEAD_COMPLETE);
    upstream_head_reader_get(&reader, &h);
    ck_assert_uint_eq(h.headers[0].value.len, UPSTREAM_HEAD_MAX - 3);
    upstream_head_reader_clear(&reader);
    ck_assert_int_eq(feed("HTTP/1.1 200 OK\r\n"), UPSTREAM_HEAD_MORE);
    ck_assert_int_eq(feed(line), UPSTREAM_HEAD_MORE);
    ck_assert_int_eq(feed("a:\r\n"), UPSTREAM_HEAD_BAD);
    teardown();
}
END_TEST

START_TEST(too_many_connection_headers)
{
    setup();
    ck_assert_int_eq(feed("HTTP/1.1 200 OK\r\n"), UPSTREAM_HEAD_MORE);
    for (int i = 0; i < UPSTREAM_CONNECTIONS_MAX; i++)
        ck_assert_int_eq(feed("Connection: x\r\n"), UPSTREAM_HEAD_MORE);
    ck_assert_int_eq(feed("Connection: x\r\n"), UPSTREAM_HEAD_BAD);
    teardown();
}
END_TEST

UNIT_MAIN("head", one_after_another, connection_names_what_goes,
          as_many_as_allowed, as_large_as_allowed, too_many_connection_headers)
