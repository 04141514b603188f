/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of a whole http_server over loopback: framing, pipelining, refusals,
 * deadlines, and who is told what.
 */
#include "http/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "http/rig.h"

static struct rig rig;

static void setup(void)
{
    rig_open(&rig);
}

static void teardown(void)
{
    if (rig.base != NULL)
        rig_close(&rig);
}

/* One connection: send, read all that comes until it is quiet or closed. */
static struct answer talk(const char *request, const char *until, int times)
{
    int fd = client_open(&rig);
    client_send_str(&rig, fd, request);
    struct answer a = client_read(&rig, fd, until, times);
    client_close(fd);
    rig_run(&rig, 2);
    return a;
}

#define ASSERT_LOG(text) ck_assert_str_eq(rig.log, (text))
#define ASSERT_HAS(a, part)                                                    \
    ck_assert_msg(strstr((a).data, (part)) != NULL, "no %s in: %s", (part),    \
                  (a).data)
#define ASSERT_LACKS(a, part)                                                  \
    ck_assert_msg(strstr((a).data, (part)) == NULL, "%s in: %s", (part),       \
                  (a).data)

START_TEST(a_get_is_answered)
{
    rig_start(&rig);
    struct answer a = talk("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", "yes", 1);
    ASSERT_HAS(a, "HTTP/1.1 200 OK\r\nDate: ");
    ASSERT_HAS(a, "Content-Length: 0\r\n");
    ASSERT_LACKS(a, "Connection");
    ASSERT_LACKS(a, "Content-Type");
    ASSERT_LACKS(a, "Server");
    ASSERT_LOG("begin GET /echo|end none|done|");
    free(a.data);
}
END_TEST

START_TEST(a_body_by_length_is_echoed)
{
    rig_start(&rig);
    struct answer a = talk("POST /echo HTTP/1.1\r\nHost: h\r\n"
                           "Content-Length: 5\r\n\r\nhello",
                           "hello", 1);
    ASSERT_HAS(a, "Content-Length: 5\r\n");
    ASSERT_HAS(a, "\r\n\r\nhello");
    free(a.data);
}
END_TEST

START_TEST(a_body_by_chunk_is_echoed)
{
    rig_start(&rig);
    struct answer a = talk("POST /stream HTTP/1.1\r\nHost: h\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n"
                           "5;name=value\r\nhello\r\n1\r\n!\r\n0\r\n"
                           "X-Trailer: yes\r\n\r\n",
                           "0\r\n\r\n", 1);
    ASSERT_HAS(a, "Transfer-Encoding: chunked\r\n");
    ASSERT_LACKS(a, "Content-Length");
    ASSERT_HAS(a, "\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n");
    free(a.data);
}
END_TEST

START_TEST(three_pipelined_requests_the_middle_one_refused_by_the_exchange)
{
    rig_start(&rig);
    struct answer a = talk("POST /echo HTTP/1.1\r\nHost: h\r\n"
                           "Content-Length: 3\r\n\r\none"
                           "POST /early HTTP/1.1\r\nHost: h\r\n"
                           "Content-Length: 3\r\n\r\ntwo"
                           "POST /echo HTTP/1.1\r\nHost: h\r\n"
                           "Content-Length: 5\r\n\r\nthree",
                           "three", 1);
    const char *one = strstr(a.data, "one"), *two = strstr(a.data, "early"),
               *three = strstr(a.data, "three");
    ck_assert(one != NULL && two > one && three > two);
    ck_assert_uint_eq(count_of(a.data, "HTTP/1.1 "), 3);
    ASSERT_LOG("begin POST /echo|end none|done|"
               "begin POST /early|done|"
               "begin POST /echo|end none|done|");
    free(a.data);
}
END_TEST

START_TEST(nothing_behind_a_malformed_head_is_read_as_a_request)
{
    rig_start(&rig);
    struct answer a = talk("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n"
                           "GET /echo HTTP/1.1\r\nHost : h\r\n\r\n"
                           "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n",
                           NULL, 0);
    ck_assert(a.is_closed);
    ASSERT_HAS(a, "HTTP/1.1 200 OK\r\n");
    ASSERT_HAS(a, "HTTP/1.1 400 Bad Request\r\n");
    ASSERT_HAS(a, "Connection: close\r\n");
    ASSERT_HAS(a, "http.header");
    ck_assert_uint_eq(count_of(a.data, "HTTP/1.1 "), 2);
    ASSERT_LOG("begin GET /echo|end none|done|begin GET /echo|done|");
    free(a.data);
}
END_TEST

/* ---- bodies, however they are cut ---- */

START_TEST(a_body_may_be_cut_anywhere)
{
    static const char by_length[] = "POST /echo HTTP/1.1\r\nHost: h\r\n"
                                    "Content-Length: 5\r\n\r\nhello";
    static const char by_chunk[] =
        "POST /echo HTTP/1.1\r\nHost: h\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
        "2;x=\"y\"\r\nhe\r\n3\r\nllo\r\n0\r\nT: u\r\n\r\n";
    rig_start(&rig);
    for (int k = 0; k < 2; k++) {
        const char *request = k == 0 ? by_length : by_chunk;
        size_t len = strlen(request);
        int fd = client_open(&rig);
        for (size_t at = 0; at <= len; at++) {
            rig_forget(&rig);
            client_send(&rig, fd, request, at);
            rig_run(&rig, 1);
            client_send(&rig, fd, request + at, len - at);
            struct answer a = client_read(&rig, fd, "hello", 1);
            ck_assert_msg(!a.is_closed && strstr(a.data, "hello") != NULL,
                          "cut at %zu: %s", at, a.data);
            free(a.data);
            ASSERT_LOG("begin POST /echo|end none|done|");
        }
        client_close(fd);
    }
}
END_TEST

START_TEST(requests_may_come_byte_by_byte)
{
    static const char requests[] =
        "\r\nPOST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\none"
        "POST /stream HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\ntwo\r\n0\r\n\r\n"
        "GET /nothing HTTP/1.1\r\nHost:h\r\n\r\n";
    rig_start(&rig);
    int fd = client_open(&rig);
    for (size_t i = 0; i < sizeof(requests) - 1; i++)
        client_send(&rig, fd, requests + i, 1);
    struct answer a = client_read(&rig, fd, "HTTP/1.1 200", 3);
    ASSERT_HAS(a, "\r\n\r\none");
    ASSERT_HAS(a, "1\r\nt\r\n1\r\nw\r\n1\r\no\r\n0\r\n\r\n");
    ck_assert_uint_eq(count_of(a.data, "HTTP/1.1 200"), 3);
    free(a.data);
    client_close(fd);
}
END_TEST

/* evhttp would wait for all of a chunk; a body must not be kept waiting. */
START_TEST(a_large_chunk_arrives_in_pieces)
{
    static char piece[7000];
    size_t sent = 0;
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send_str(&rig, fd,
                    "POST /echo HTTP/1.1\r\nHost: h\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n493e0\r\n");
    memset(piece, 'x', sizeof(piece));
    while (sent < 300000) {
        size_t n =
            300000 - sent < sizeof(piece) ? 300000 - sent : sizeof(piece);
        client_send(&rig, fd, piece, n);
        rig_run(&rig, 1);
        sent += n;
        ck_assert_ptr_nonnull(rig.latest);
        ck_assert_uint_eq(rig.latest->body_len, sent);
    }
    client_send_str(&rig, fd,
                    "\r\n0\r\n\r\n"
                    "GET /close HTTP/1.1\r\nHost: h\r\n\r\n");
    struct answer a = client_read(&rig, fd, NULL, 0);
    ASSERT_HAS(a, "Content-Length: 300000\r\n");
    ck_assert_uint_gt(a.len, 300000);
    free(a.data);
    client_close(fd);
}
END_TEST

START_TEST(a_connection_serves_one_request_after_another)
{
    rig_start(&rig);
    int fd = client_open(&rig);
    for (int i = 0; i < 20; i++) {
        rig_forget(&rig);
        client_send_str(&rig, fd,
                        "POST /echo HTTP/1.1\r\nHost: h\r\n"
                        "Content-Length: 2\r\n\r\nhi");
        struct answer a = client_read(&rig, fd, "hi", 1);
        ASSERT_HAS(a, "200 OK");
        free(a.data);
        ASSERT_LOG("begin POST /echo|end none|done|");
    }
    struct http_counters c;
    http_server_counters(rig.server, &c);
    ck_assert_uint_eq(c.accepted, 1);
    ck_assert_uint_eq(c.requests, 20);
    ck_assert_uint_eq(c.held_bytes, 0);
    client_close(fd);
    rig_run(&rig, 2);
    ck_assert_uint_eq(http_server_connections(rig.server), 0);
}
END_TEST

START_TEST(a_thousand_pipelined_requests_are_answered_in_order)
{
    static char requests[100000];
    size_t len = 0;
    for (int i = 0; i < 1000; i++)
        len += (size_t)snprintf(requests + len, sizeof(requests) - len,
                                "POST /echo HTTP/1.1\r\nHost: h\r\n"
                                "Content-Length: 6\r\n\r\n<%04d>",
                                i);
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send(&rig, fd, requests, len);
    struct answer a = client_read(&rig, fd, "<0999>", 1);
    const char *at = a.data;
    for (int i = 0; i < 1000; i++) {
        char wanted[16];
        snprintf(wanted, sizeof(wanted), "<%04d>", i);
        at = strstr(at, wanted);
        ck_assert_msg(at != NULL, "%s is missing", wanted);
    }
    free(a.data);
    client_close(fd);
}
END_TEST

START_TEST(what_comes_ahead_of_an_answer_waits_and_is_bounded)
{
    static char more[200000];
    struct http_counters c;
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send_str(&rig, fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_run(&rig, 2);
    memset(more, '\n', sizeof(more));
    (void)!write(fd, more, sizeof(more));
    rig_run(&rig, 10);
    http_server_counters(rig.server, &c);
    ck_assert_uint_gt(c.held_bytes, 0);
    ck_assert_uint_le(c.held_bytes, 17 * 1024);
    ASSERT_LOG("begin GET /hold|end none|");
    rig_answer(&rig, "held");
    struct answer a = client_read(&rig, fd, "http.request_line", 1);
    ASSERT_HAS(a, "held");
    ASSERT_HAS(a, "HTTP/1.1 400");
    free(a.data);
    client_close(fd);
    rig_run(&rig, 5);
    http_server_counters(rig.server, &c);
    ck_assert_uint_eq(c.held_bytes, 0);
}
END_TEST

/* ---- refusals ---- */

START_TEST(malformed_heads_get_an_answer_and_the_connection_closes)
{
    static const struct {
        const char *head, *name, *status;
    } rows[] = {
        {"GET / HTTP/1.1\nHost: h\r\n\r\n", "http.request_line", "400"},
        {"\x16\x03\x01\x02\x00", "http.request_line", "400"},
        {"GET / HTTP/1.300\r\nHost: h\r\n\r\n", "http.version", "400"},
        {"TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", "http.method", "400"},
        {"GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", "http.target", "400"},
        {"GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n", "http.header", "400"},
        {"GET / HTTP/1.1\r\n\r\n", "http.host", "400"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\nx",
         "http.content_length", "400"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: x\r\n\r\n",
         "http.transfer_encoding", "400"},
        {"POST / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n", "http.expectation",
         "400"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\nx",
         "http.body_too_large", "413"},
    };
    rig_start(&rig);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rig_forget(&rig);
        struct answer a = talk(rows[i].head, NULL, 0);
        ck_assert_msg(a.is_closed && !a.is_reset, "%s", rows[i].name);
        ASSERT_HAS(a, rows[i].name);
        ck_assert_msg(strncmp(a.data + 9, rows[i].status, 3) == 0, "%s",
                      a.data);
        ASSERT_HAS(a, "Connection: close\r\n");
        ck_assert_ptr_null(strstr(rig.log, "end"));
        ck_assert_ptr_null(strstr(rig.log, "gone"));
        free(a.data);
    }
    struct http_counters c;
    http_server_counters(rig.server, &c);
    ck_assert_uint_eq(c.malformed, c.requests);
    ck_assert_uint_eq(c.held_bytes, 0);
}
END_TEST

START_TEST(a_refused_request_without_a_body_has_no_end)
{
    rig_start(&rig);
    struct answer a = talk("GET /refuse HTTP/1.1\r\nHost: h\r\n\r\n"
                           "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n",
                           "X-Test", 2);
    ASSERT_HAS(a, "HTTP/1.1 400 ");
    ASSERT_HAS(a, "HTTP/1.1 200 ");
    ASSERT_LOG("begin GET /refuse|done|begin GET /echo|end none|done|");
    free(a.data);
}
END_TEST

START_TEST(a_refused_HEAD_gets_no_body)
{
    rig_start(&rig);
    struct answer a = talk("HEAD /x HTTP/1.1\r\nHost: h\r\n"
                           "Content-Length: 1\r\n\r\nx",
                           NULL, 0);
    ASSERT_HAS(a, "HTTP/1.1 400 ");
    ASSERT_LACKS(a, "http.unexpected_body");
    ASSERT_LOG("begin HEAD /x|done|");
    free(a.data);
}
END_TEST

START_TEST(a_head_of_the_maximum_passes_and_no_more)
{
    char head[2048];
    rig.settings.max_head_bytes = 1000;
    rig_start(&rig);
    for (size_t size = 999; size <= 1001; size++) {
        int n = snprintf(head, sizeof(head),
                         "GET /echo HTTP/1.1\r\nHost: h\r\nX: ");
        memset(head + n, 'x', size - (size_t)n - 4);
        memcpy(head + size - 4, "\r\n\r\n", 5);
        ck_assert_uint_eq(strlen(head), size);
        struct answer a = talk(head, "X-Test", 1);
        ASSERT_HAS(a, size <= 1000 ? "HTTP/1.1 200 " : "HTTP/1.1 431 ");
        free(a.data);
    }
    /* Without an end it is refused as soon as it is too large. */
    memset(head, 'x', sizeof(head) - 1);
    head[sizeof(head) - 1] = '\0';
    struct answer a = talk(head, NULL, 0);
    ASSERT_HAS(a, "HTTP/1.1 431 ");
    ck_assert(a.is_closed);
    free(a.data);
}
END_TEST

START_TEST(a_malformed_chunk_ends_the_body_and_the_connection)
{
    rig_start(&rig);
    struct answer a = talk("POST /echo HTTP/1.1\r\nHost: h\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n"
                           "5\r\nhello\r\n0x1\r\na\r\n0\r\n\r\n"
                           "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n",
                           NULL, 0);
    ck_assert(a.is_closed);
    ASSERT_HAS(a, "HTTP/1.1 400 ");
    ASSERT_HAS(a, "http.chunk");
    ck_assert_uint_eq(count_of(a.data, "HTTP/1.1 "), 1);
    ASSERT_LOG("begin POST /echo|end http.chunk|done|");
    free(a.data);
}
END_TEST

START_TEST(chunks_beyond_the_maximum_end_the_body)
{
    rig.settings.max_body_bytes = 6;
    rig_start(&rig);
    struct answer a = talk("POST /echo HTTP/1.1\r\nHost: h\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n"
                           "5\r\nhello\r\n2\r\nab\r\n0\r\n\r\n",
                           NULL, 0);
    ASSERT_HAS(a, "HTTP/1.1 413 ");
    ASSERT_LOG("begin POST /echo|end http.body_too_large|done|");
    free(a.data);
}
END_TEST

/* Closing with unread bytes would reset the connection, and the answer could
 * be lost with it. */
START_TEST(an_early_refusal_reaches_a_client_that_sends_on)
{
    static char body[900000];
    rig_start(&rig);
    for (int k = 0; k < 2; k++) {
        int fd = client_open(&rig);
        client_send_str(&rig, fd,
                        k == 0 ? "POST /refuse HTTP/1.1\r\nHost: h\r\n"
                                 "Content-Length: 900000\r\n\r\n"
                               : "POST /x HTTP/1.1\r\nHost: h\r\n"
                                 "Content-Length: 9000000\r\n\r\n");
        client_send(&rig, fd, body, sizeof(body));
        struct answer a = client_read(&rig, fd, NULL, 0);
        ASSERT_HAS(a, k == 0 ? "HTTP/1.1 400 " : "HTTP/1.1 413 ");
        ASSERT_HAS(a, "Connection: close\r\n");
        ck_assert(a.is_closed && !a.is_reset);
        free(a.data);
        client_close(fd);
        rig_run(&rig, 2);
        ck_assert_uint_eq(http_server_connections(rig.server), 0);
    }
}
END_TEST

START_TEST(lingering_ends)
{
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send_str(&rig, fd, "BAD\r\n\r\n");
    struct answer a = client_read(&rig, fd, NULL, 0);
    ASSERT_HAS(a, "HTTP/1.1 400 ");
    free(a.data);
    for (int i = 0; i < 300 && http_server_connections(rig.server) > 0; i++) {
        (void)!write(fd, "x", 1);
        rig_run(&rig, 10);
    }
    ck_assert_uint_eq(http_server_connections(rig.server), 0);
    client_close(fd);
}
END_TEST

START_TEST(the_small_rest_of_a_refused_body_is_skipped)
{
    rig_start(&rig);
    for (int k = 0; k < 2; k++) {
        int fd = client_open(&rig);
        rig_forget(&rig);
        client_send_str(&rig, fd,
                        k == 0 ? "POST /refuse HTTP/1.1\r\nHost: h\r\n"
                                 "Content-Length: 20\r\n\r\n0123456789"
                               : "POST /refuse HTTP/1.1\r\nHost: h\r\n"
                                 "Transfer-Encoding: chunked\r\n\r\na\r\n");
        struct answer a = client_read(&rig, fd, "refused", 1);
        ASSERT_HAS(a, "HTTP/1.1 400 ");
        ASSERT_LACKS(a, "Connection: close");
        free(a.data);
        ASSERT_LOG("begin POST /refuse|done|");
        client_send_str(&rig, fd,
                        k == 0 ? "0123456789" : "0123456789\r\n0\r\n\r\n");
        client_send_str(&rig, fd, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
        a = client_read(&rig, fd, "X-Test", 1);
        ASSERT_HAS(a, "HTTP/1.1 200 ");
        free(a.data);
        client_close(fd);
    }
}
END_TEST

START_TEST(a_refused_chunked_body_is_not_skipped_for_ever)
{
    static char body[200000];
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send_str(&rig, fd,
                    "POST /refuse HTTP/1.1\r\nHost: h\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n30d40\r\n");
    client_send(&rig, fd, body, sizeof(body));
    struct answer a = client_read(&rig, fd, NULL, 0);
    ASSERT_HAS(a, "HTTP/1.1 400 ");
    ck_assert(a.is_closed);
    free(a.data);
    client_close(fd);
}
END_TEST

/* ---- Expect: 100-continue ---- */

START_TEST(continue_is_said_when_the_exchange_wants_the_body)
{
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send_str(&rig, fd,
                    "POST /continue HTTP/1.1\r\nHost: h\r\n"
                    "Expect: 100-continue\r\n"
                    "Content-Length: 5\r\n\r\n");
    struct answer a = client_read(&rig, fd, "\r\n\r\n", 1);
    ck_assert_str_eq(a.data, "HTTP/1.1 100 Continue\r\n\r\n");
    free(a.data);
    client_send_str(&rig, fd, "hello");
    a = client_read(&rig, fd, "hello", 1);
    ASSERT_HAS(a, "HTTP/1.1 200 OK\r\n");
    free(a.data);
    client_close(fd);
}
END_TEST

START_TEST(no_continue_before_a_refusal_and_the_connection_closes)
{
    rig_start(&rig);
    struct answer a = talk("POST /refuse HTTP/1.1\r\nHost: h\r\n"
                           "Expect: 100-continue\r\n"
                           "Content-Length: 5\r\n\r\n",
                           NULL, 0);
    ASSERT_LACKS(a, "100 Continue");
    ASSERT_HAS(a, "HTTP/1.1 400 ");
    ASSERT_HAS(a, "Connection: close\r\n");
    ck_assert(a.is_closed);
    free(a.data);
}
END_TEST

START_TEST(no_continue_when_it_was_not_asked_for)
{
    rig_start(&rig);
    struct answer a = talk("POST /continue HTTP/1.1\r\nHost: h\r\n"
                           "Content-Length: 5\r\n\r\nhello",
                           "hello", 1);
    ASSERT_LACKS(a, "100 Continue");
    free(a.data);
    a = talk("POST /continue HTTP/1.0\r\nExpect: 100-continue\r\n"
             "Content-Length: 5\r\n\r\nhello",
             "hello", 1);
    ASSERT_LACKS(a, "100 Continue");
    free(a.data);
}
END_TEST

/* ---- answers ---- */

START_TEST(HEAD_and_204_carry_no_body)
{
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send_str(&rig, fd,
                    "HEAD /big HTTP/1.1\r\nHost: h\r\n\r\n"
                    "DELETE /empty HTTP/1.1\r\nHost: h\r\n\r\n"
                    "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    struct answer a = client_read(&rig, fd, "X-Test", 3);
    ASSERT_HAS(a, "Content-Length: 1048576\r\n");
    const char *second = strstr(a.data, "HTTP/1.1 204 No Content\r\n");
    ck_assert_ptr_nonnull(second);
    ck_assert_uint_lt((size_t)(second - a.data), 200);
    const char *third = strstr(second, "HTTP/1.1 200 OK");
    ck_assert_ptr_nonnull(third);
    ck_assert_uint_eq(count_of(second, "Content-Length"), 1);
    ck_assert_uint_eq(count_of(second, "Transfer-Encoding"), 0);
    free(a.data);
    client_close(fd);
}
END_TEST

START_TEST(a_client_of_1_0_is_answered_and_closed)
{
    rig_start(&rig);
    struct answer a = talk(
        "POST /stream HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", NULL, 0);
    ck_assert(a.is_closed);
    ASSERT_HAS(a, "HTTP/1.1 200 OK\r\n");
    ASSERT_HAS(a, "Connection: close\r\n");
    ASSERT_LACKS(a, "Transfer-Encoding");
    ASSERT_LACKS(a, "Content-Length");
    ASSERT_HAS(a, "\r\n\r\nhello");
    free(a.data);
}
END_TEST

START_TEST(an_answer_without_length_to_1_0_ends_with_the_connection)
{
    rig_start(&rig);
    struct answer a = talk("POST /stream HTTP/1.0\r\nConnection: keep-alive\r\n"
                           "Content-Length: 5\r\n\r\nhello",
                           NULL, 0);
    ck_assert(a.is_closed && !a.is_reset);
    ASSERT_HAS(a, "Connection: close\r\n");
    ASSERT_HAS(a, "\r\n\r\nhello");
    free(a.data);
}
END_TEST

START_TEST(a_client_of_1_0_may_keep_its_connection)
{
    rig_start(&rig);
    int fd = client_open(&rig);
    for (int i = 0; i < 2; i++) {
        client_send_str(&rig, fd,
                        "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        struct answer a = client_read(&rig, fd, "keep-alive", 1);
        ASSERT_HAS(a, "Connection: keep-alive\r\n");
        ASSERT_HAS(a, "Content-Length: 0\r\n");
        ck_assert(!a.is_closed);
        free(a.data);
    }
    client_close(fd);
}
END_TEST

START_TEST(connection_close_is_obeyed_and_said)
{
    rig_start(&rig);
    struct answer a = talk(
        "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", NULL, 0);
    ck_assert(a.is_closed && !a.is_reset);
    ASSERT_HAS(a, "Connection: close\r\n");
    free(a.data);
    a = talk("GET /close HTTP/1.1\r\nHost: h\r\n\r\n", NULL, 0);
    ck_assert(a.is_closed && !a.is_reset);
    ASSERT_HAS(a, "Connection: close\r\n");
    free(a.data);
}
END_TEST

START_TEST(an_answer_shorter_than_promised_is_cut)
{
    rig_start(&rig);
    struct answer a = talk("GET /short HTTP/1.1\r\nHost: h\r\n\r\n"
                           "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n",
                           NULL, 0);
    ASSERT_HAS(a, "\r\n\r\nfour");
    ck_assert_uint_eq(count_of(a.data, "HTTP/1.1 "), 1);
    ck_assert(a.is_closed || a.is_reset);
    ASSERT_LOG("begin GET /short|end none|done|");
    free(a.data);
}
END_TEST

START_TEST(an_aborted_answer_has_no_proper_end)
{
    rig_start(&rig);
    struct answer a = talk("GET /abort HTTP/1.1\r\nHost: h\r\n\r\n", NULL, 0);
    ck_assert_ptr_null(strstr(a.data, "\r\n0\r\n\r\n"));
    ck_assert(a.is_closed || a.is_reset);
    free(a.data);
    /* Where the end of the connection is the end of the answer, a clean end
     * would be a lie. */
    a = talk("GET /abort HTTP/1.0\r\n\r\n", NULL, 0);
    ck_assert(a.is_reset);
    free(a.data);
    ASSERT_LOG("begin GET /abort|end none|done|begin GET /abort|end none|"
               "done|");
}
END_TEST

START_TEST(an_exchange_that_cannot_be_made_closes_the_connection)
{
    rig_start(&rig);
    struct answer a = talk("GET /null HTTP/1.1\r\nHost: h\r\n\r\n", NULL, 0);
    ck_assert(a.is_closed || a.is_reset);
    ck_assert_uint_eq(a.len, 0);
    ASSERT_LOG("begin GET /null|");
    free(a.data);
}
END_TEST

START_TEST(a_large_answer_waits_for_a_slow_reader)
{
    size_t got = 0;
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send_str(&rig, fd, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int i = 0; i < 2000 && got < 1024 * 1024; i++) {
        char piece[5000];
        rig_run(&rig, 0);
        if (rig.latest != NULL)
            ck_assert_uint_le(http_reply_pending(rig.latest->req), 80 * 1024);
        ssize_t n = read(fd, piece, sizeof(piece));
        if (n > 0)
            got += (size_t)n;
    }
    ck_assert_uint_ge(got, 1024 * 1024);
    client_close(fd);
    ASSERT_LOG("begin GET /big|end none|done|");
}
END_TEST

START_TEST(headers_that_would_break_the_answer_are_not_sent)
{
    static const struct http_header bad[] = {
        {TEXT("X-A"), TEXT("a\r\nX-B: b")}, {TEXT("X-A"), TEXT("a\nb")},
        {TEXT("X-A"), TEXT("a\rb")},        {TEXT("X-A"), TEXT("a\0b")},
        {TEXT("X A"), TEXT("a")},           {TEXT(""), TEXT("a")},
        {TEXT("X-A:"), TEXT("a")},
    };
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send_str(&rig, fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_run(&rig, 2);
    ck_assert_ptr_nonnull(rig.latest);
    struct http_request *req = rig.latest->req;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_int_eq(http_reply_begin(req, 200, &bad[i], 1, 0),
                         STATUS_INVALID);
    ck_assert_int_eq(http_reply_begin(req, 101, NULL, 0, 0), STATUS_INVALID);
    rig_answer(&rig, "good");
    struct answer a = client_read(&rig, fd, "good", 1);
    ASSERT_HAS(a, "HTTP/1.1 200 ");
    ASSERT_LACKS(a, "X-A");
    free(a.data);
    client_close(fd);
}
END_TEST

START_TEST(more_than_promised_is_not_sent)
{
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send_str(&rig, fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_run(&rig, 2);
    struct http_request *req = rig.latest->req;
    ck_assert_int_eq(http_reply_begin(req, 200, NULL, 0, 4), STATUS_OK);
    ck_assert_int_eq(http_reply_write(req, "fiver", 5), STATUS_TOO_LARGE);
    ck_assert_int_eq(http_reply_write(req, "four", 4), STATUS_OK);
    ck_assert_int_eq(http_reply_write(req, "!", 1), STATUS_TOO_LARGE);
    http_reply_end(req);
    struct answer a = client_read(&rig, fd, "four", 1);
    ASSERT_HAS(a, "\r\n\r\nfour");
    ASSERT_LACKS(a, "fiver");
    ck_assert(!a.is_closed);
    free(a.data);
    client_close(fd);
}
END_TEST

START_TEST(a_unix_socket_serves_too)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    rig_start(&rig);
    snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/rig-%d",
             (int)getpid());
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(fd, 4), 0);
    ck_assert_int_eq(http_server_accept(rig.server, fd), STATUS_OK);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(
        connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
    unlink(address.sun_path);
    client_send_str(&rig, client, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_run(&rig, 2);
    ck_assert_ptr_nonnull(rig.latest);
    ck_assert_int_eq(http_request_peer(rig.latest->req)->sa_family, AF_UNIX);
    ck_assert_str_eq(http_request_peer_text(rig.latest->req), "unix");
    rig_answer(&rig, "held");
    struct answer a = client_read(&rig, client, "held", 1);
    ASSERT_HAS(a, "held");
    free(a.data);
    client_close(client);
}
END_TEST

/* ---- pausing ---- */

START_TEST(a_paused_body_stops_and_goes_on)
{
    static char body[500000];
    struct http_counters c;
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send_str(&rig, fd,
                    "POST /pause HTTP/1.1\r\nHost: h\r\n"
                    "Content-Length: 500000\r\n\r\n");
    rig_run(&rig, 2);
    ssize_t sent = write(fd, body, sizeof(body));
    ck_assert_int_gt(sent, 0);
    rig_run(&rig, 20);
    ck_assert_ptr_nonnull(rig.latest);
    ck_assert_uint_eq(rig.latest->pieces, 1);
    ck_assert_uint_le(rig.latest->body_len, 16 * 1024);
    http_server_counters(rig.server, &c);
    ck_assert_uint_le(c.held_bytes, 17 * 1024);
    http_request_pause(rig.latest->req, false);
    client_send(&rig, fd, body + sent, sizeof(body) - (size_t)sent);
    struct answer a = client_read(&rig, fd, "X-Test", 1);
    ASSERT_HAS(a, "Content-Length: 500000\r\n");
    free(a.data);
    client_close(fd);
}
END_TEST

START_TEST(the_time_of_a_pause_is_not_the_clients)
{
    rig.settings.body_timeout_us = 60 * US_PER_MS;
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send_str(&rig, fd,
                    "POST /pause HTTP/1.1\r\nHost: h\r\n"
                    "Content-Length: 2\r\n\r\na");
    rig_run(&rig, 100);
    ASSERT_LOG("begin POST /pause|");
    http_request_pause(rig.latest->req, false);
    rig_run(&rig, 10);
    client_send_str(&rig, fd, "b");
    struct answer a = client_read(&rig, fd, "ab", 1);
    ASSERT_HAS(a, "HTTP/1.1 200 ");
    free(a.data);
    client_close(fd);
}
END_TEST

/* ---- clients that leave ---- */

START_TEST(a_client_that_resets_is_gone)
{
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send_str(&rig, fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_run(&rig, 5);
    client_reset(fd);
    rig_run(&rig, 5);
    ASSERT_LOG("begin GET /hold|end none|gone|done|");
    ck_assert_uint_eq(http_server_connections(rig.server), 0);
}
END_TEST

START_TEST(a_client_that_resets_within_its_body_is_gone)
{
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send_str(&rig, fd,
                    "POST /echo HTTP/1.1\r\nHost: h\r\n"
                    "Content-Length: 5\r\n\r\nhe");
    rig_run(&rig, 5);
    client_reset(fd);
    rig_run(&rig, 5);
    ASSERT_LOG("begin POST /echo|gone|done|");
}
END_TEST

START_TEST(a_client_that_shuts_its_side_gets_its_answer)
{
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send_str(&rig, fd,
                    "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n"
                    "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    shutdown(fd, SHUT_WR);
    rig_run(&rig, 10);
    ASSERT_LOG("begin GET /hold|end none|");
    rig_answer(&rig, "held");
    struct answer a = client_read(&rig, fd, NULL, 0);
    ASSERT_HAS(a, "held");
    ck_assert_uint_eq(count_of(a.data, "HTTP/1.1 200"), 2);
    ck_assert(a.is_closed && !a.is_reset);
    free(a.data);
    client_close(fd);
    ASSERT_LOG("begin GET /hold|end none|done|begin GET /echo|end none|done|");
}
END_TEST

/* The end of input is seen while the first request is under way, and must
 * not be forgotten when the second one is read. */
START_TEST(what_breaks_off_behind_a_request_is_refused_in_its_turn)
{
    static const char *const rests[] = {"GET /echo HT",
                                        "POST /echo HTTP/1.1\r\nHost: h\r\n"
                                        "Content-Length: 5\r\n\r\nhe"};
    rig_start(&rig);
    for (int i = 0; i < 2; i++) {
        int fd = client_open(&rig);
        client_send_str(&rig, fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
        client_send_str(&rig, fd, rests[i]);
        shutdown(fd, SHUT_WR);
        rig_run(&rig, 5);
        rig_answer(&rig, "held");
        struct answer a = client_read(&rig, fd, NULL, 0);
        ASSERT_HAS(a, "held");
        ASSERT_HAS(a, "http.truncated");
        ck_assert(a.is_closed);
        free(a.data);
        client_close(fd);
    }
}
END_TEST

START_TEST(an_empty_line_behind_the_last_request_is_no_request)
{
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send_str(&rig, fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n\r\n");
    shutdown(fd, SHUT_WR);
    rig_run(&rig, 5);
    rig_answer(&rig, "held");
    struct answer a = client_read(&rig, fd, NULL, 0);
    ck_assert_uint_eq(count_of(a.data, "HTTP/1.1 "), 1);
    ck_assert(a.is_closed);
    free(a.data);
    client_close(fd);
    ASSERT_LOG("begin GET /hold|end none|done|");
}
END_TEST

START_TEST(a_head_that_breaks_off_is_refused)
{
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send_str(&rig, fd, "GET /echo HTTP/1.1\r\nHo");
    shutdown(fd, SHUT_WR);
    struct answer a = client_read(&rig, fd, NULL, 0);
    ASSERT_HAS(a, "HTTP/1.1 400 ");
    ASSERT_HAS(a, "http.truncated");
    ASSERT_LOG("begin GET /echo|done|");
    free(a.data);
    client_close(fd);
}
END_TEST

START_TEST(a_body_that_breaks_off_is_refused)
{
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send_str(&rig, fd,
                    "POST /echo HTTP/1.1\r\nHost: h\r\n"
                    "Content-Length: 5\r\n\r\nhe");
    shutdown(fd, SHUT_WR);
    struct answer a = client_read(&rig, fd, NULL, 0);
    ASSERT_HAS(a, "HTTP/1.1 400 ");
    ASSERT_LOG("begin POST /echo|end http.truncated|done|");
    free(a.data);
    client_close(fd);
}
END_TEST

START_TEST(a_client_that_says_nothing_leaves_no_trace)
{
    rig_start(&rig);
    int fd = client_open(&rig);
    rig_run(&rig, 2);
    ck_assert_uint_eq(http_server_connections(rig.server), 1);
    client_close(fd);
    rig_run(&rig, 2);
    ck_assert_uint_eq(http_server_connections(rig.server), 0);
    fd = client_open(&rig);
    client_send_str(&rig, fd, "\r\n");
    shutdown(fd, SHUT_WR);
    struct answer a = client_read(&rig, fd, NULL, 0);
    ck_assert(a.is_closed);
    ck_assert_uint_eq(a.len, 0);
    free(a.data);
    client_close(fd);
    ASSERT_LOG("");
}
END_TEST

START_TEST(the_server_may_be_freed_with_requests_under_way)
{
    int fds[4];
    rig_start(&rig);
    for (int i = 0; i < 4; i++)
        fds[i] = client_open(&rig);
    client_send_str(&rig, fds[0], "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    client_send_str(&rig, fds[1],
                    "POST /echo HTTP/1.1\r\nHost: h\r\n"
                    "Content-Length: 5\r\n\r\nhe");
    client_send_str(&rig, fds[2], "GET /ec");
    rig_run(&rig, 2);
    int late = client_open(&rig);
    http_server_free(rig.server);
    rig.server = NULL;
    ck_assert_uint_eq(count_of(rig.log, "gone|done|"), 2);
    rig_run(&rig, 2);
    for (int i = 0; i < 4; i++)
        client_close(fds[i]);
    client_close(late);
}
END_TEST

/* ---- deadlines ---- */

START_TEST(a_head_cannot_be_stretched_by_dripping)
{
    static const char head[] = "GET /echo HTTP/1.1\r\nHost: h\r\nX-A: xxxxxxx";
    rig.settings.header_timeout_us = 60 * US_PER_MS;
    rig_start(&rig);
    int fd = client_open(&rig);
    for (size_t i = 0; i < sizeof(head) - 1 && rig.log_len == 0; i++) {
        client_send(&rig, fd, head + i, 1);
        rig_run(&rig, 10);
    }
    struct answer a = client_read(&rig, fd, NULL, 0);
    ASSERT_HAS(a, "HTTP/1.1 408 Request Timeout\r\n");
    ASSERT_HAS(a, "http.header_timeout");
    ASSERT_HAS(a, "Connection: close\r\n");
    ck_assert(a.is_closed);
    free(a.data);
    client_close(fd);
    struct http_counters c;
    http_server_counters(rig.server, &c);
    ck_assert_uint_eq(c.timeouts, 1);
}
END_TEST

START_TEST(a_body_cannot_be_stretched_by_dripping)
{
    rig.settings.body_timeout_us = 60 * US_PER_MS;
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send_str(&rig, fd,
                    "POST /echo HTTP/1.1\r\nHost: h\r\n"
                    "Content-Length: 100\r\n\r\n");
    for (int i = 0; i < 50 && strstr(rig.log, "end") == NULL; i++) {
        client_send(&rig, fd, "x", 1);
        rig_run(&rig, 10);
    }
    struct answer a = client_read(&rig, fd, NULL, 0);
    ASSERT_HAS(a, "HTTP/1.1 408 ");
    ck_assert(a.is_closed);
    free(a.data);
    client_close(fd);
    ASSERT_LOG("begin POST /echo|end http.body_timeout|done|");
}
END_TEST

START_TEST(idle_connections_close_in_silence)
{
    rig.settings.header_timeout_us = 40 * US_PER_MS;
    rig.settings.keepalive_timeout_us = 60 * US_PER_MS;
    rig_start(&rig);
    int silent = client_open(&rig), idle = client_open(&rig);
    client_send_str(&rig, idle, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    struct answer a = client_read(&rig, idle, "X-Test", 1);
    free(a.data);
    a = client_read(&rig, silent, NULL, 0);
    ck_assert(a.is_closed);
    ck_assert_uint_eq(a.len, 0);
    free(a.data);
    a = client_read(&rig, idle, NULL, 0);
    ck_assert(a.is_closed);
    ck_assert_uint_eq(a.len, 0);
    free(a.data);
    client_close(silent);
    client_close(idle);
    ASSERT_LOG("begin GET /echo|end none|done|");
}
END_TEST

/* The idle time-out once counted on into the head that ended the idleness. */
START_TEST(a_late_first_byte_gets_the_whole_time_for_a_head)
{
    rig.settings.keepalive_timeout_us = 1000 * US_PER_MS;
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send_str(&rig, fd, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    struct answer a = client_read(&rig, fd, "X-Test", 1);
    free(a.data);
    rig_run(&rig, 600);
    client_send_str(&rig, fd, "GET /echo HTTP/1.1\r\n");
    rig_run(&rig, 800);
    client_send_str(&rig, fd, "Host: h\r\n\r\n");
    a = client_read(&rig, fd, "X-Test", 1);
    ASSERT_HAS(a, "HTTP/1.1 200 ");
    free(a.data);
    client_close(fd);
}
END_TEST

START_TEST(waiting_for_the_exchange_has_no_deadline)
{
    rig.settings.header_timeout_us = 20 * US_PER_MS;
    rig.settings.body_timeout_us = 20 * US_PER_MS;
    rig.settings.keepalive_timeout_us = 20 * US_PER_MS;
    rig.settings.send_timeout_us = 20 * US_PER_MS;
    rig_start(&rig);
    int fd = client_open(&rig);
    client_send_str(&rig, fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_run(&rig, 100);
    rig_answer(&rig, "late");
    struct answer a = client_read(&rig, fd, "late", 1);
    ASSERT_HAS(a, "late");
    free(a.data);
    client_close(fd);
}
END_TEST

START_TEST(a_client_that_never_reads_is_cut)
{
    rig.settings.send_timeout_us = 80 * US_PER_MS;
    rig_start(&rig);
    int fd = client_open_small(&rig, 4096);
    client_send_str(&rig, fd, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_run(&rig, 40);
    ASSERT_LOG("begin GET /big|end none|");
    rig_run(&rig, 300);
    ASSERT_LOG("begin GET /big|end none|gone|done|");
    ck_assert_uint_eq(http_server_connections(rig.server), 0);
    client_close(fd);
}
END_TEST

/* The kernel calls a socket writable again only after a good part of its buffer
 * has left: a reader may be slower than that and still be reading. */
START_TEST(a_client_that_reads_slowly_is_not_cut)
{
    size_t got = 0;
    rig.settings.send_timeout_us = 600 * US_PER_MS;
    rig_start(&rig);
    int fd = client_open_small(&rig, 4096);
    client_send_str(&rig, fd, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int i = 0; i < 120; i++) {
        char piece[600];
        ssize_t n = read(fd, piece, sizeof(piece));
        got += n > 0 ? (size_t)n : 0;
        rig_run(&rig, 10);
    }
    ck_assert_uint_gt(got, 20000);
    ASSERT_LOG("begin GET /big|end none|");
    client_close(fd);
}
END_TEST

/* ---- limits, reload, drain ---- */

START_TEST(connections_beyond_the_maximum_are_turned_away)
{
    rig.settings.max_connections = 2;
    rig_start(&rig);
    int a = client_open(&rig), b = client_open(&rig);
    rig_run(&rig, 2);
    int c = client_open(&rig);
    struct answer refused = client_read(&rig, c, NULL, 0);
    ASSERT_HAS(refused, "HTTP/1.1 503 ");
    ck_assert(refused.is_closed && !refused.is_reset);
    free(refused.data);
    client_close(c);
    client_close(a);
    rig_run(&rig, 2);
    struct answer served =
        talk("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", "X-Test", 1);
    ASSERT_HAS(served, "HTTP/1.1 200 ");
    free(served.data);
    client_close(b);
    struct http_counters counters;
    http_server_counters(rig.server, &counters);
    ck_assert_uint_eq(counters.refused_connections, 1);
    ASSERT_LOG("begin GET /echo|end none|done|");
}
END_TEST

START_TEST(running_out_of_descriptors_only_pauses)
{
    struct rlimit limit;
    rig_start(&rig);
    int a = client_open(&rig), b = client_open(&rig);
    getrlimit(RLIMIT_NOFILE, &limit);
    struct rlimit none = limit;
    none.rlim_cur = (rlim_t)b + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    log_set_level(LOG_ERROR);
    rig_run(&rig, 30);
    struct http_counters c;
    http_server_counters(rig.server, &c);
    ck_assert_uint_gt(c.accept_errors, 0);
    ck_assert_uint_le(c.accept_errors, 2);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    rig_run(&rig, 150);
    client_send_str(&rig, a, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    client_send_str(&rig, b, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    struct answer first = client_read(&rig, a, "X-Test", 1),
                  second = client_read(&rig, b, "X-Test", 1);
    ASSERT_HAS(first, "HTTP/1.1 200 ");
    ASSERT_HAS(second, "HTTP/1.1 200 ");
    free(first.data);
    free(second.data);
    client_close(a);
    client_close(b);
}
END_TEST

START_TEST(a_draining_server_closes_connections_at_their_next_request)
{
    rig_start(&rig);
    int idle = client_open(&rig), busy = client_open(&rig);
    client_send_str(&rig, busy, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_run(&rig, 5);
    http_server_drain(rig.server);
    ck_assert_uint_eq(http_server_connections(rig.server), 2);
    client_send_str(&rig, idle, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    struct answer a = client_read(&rig, idle, NULL, 0);
    ASSERT_HAS(a, "HTTP/1.1 200 ");
    ASSERT_HAS(a, "Connection: close\r\n");
    ck_assert(a.is_closed);
    free(a.data);
    client_close(idle);
    for (int i = 0; i < 10 && rig.latest == NULL; i++)
        rig_run(&rig, 1);
    /* The exchange of /hold is the only one left. */
    ck_assert_int_eq(rig.open_exchanges, 1);
    client_reset(busy);
    rig_run(&rig, 5);
    ck_assert_uint_eq(http_server_connections(rig.server), 0);
}
END_TEST

START_TEST(new_settings_count_for_new_requests)
{
    rig_start(&rig);
    int fd = client_open(&rig);
    struct http_settings settings = rig.settings;
    settings.max_body_bytes = 3;
    http_server_configure(rig.server, &settings);
    client_send_str(&rig, fd,
                    "POST /echo HTTP/1.1\r\nHost: h\r\n"
                    "Content-Length: 4\r\n\r\nfour");
    struct answer a = client_read(&rig, fd, NULL, 0);
    ASSERT_HAS(a, "HTTP/1.1 413 ");
    free(a.data);
    client_close(fd);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("server");
    TCase *t = tcase_create("server");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 20);
    tcase_add_test(t, a_get_is_answered);
    tcase_add_test(t, a_body_by_length_is_echoed);
    tcase_add_test(t, a_body_by_chunk_is_echoed);
    tcase_add_test(
        t, three_pipelined_requests_the_middle_one_refused_by_the_exchange);
    tcase_add_test(t, nothing_behind_a_malformed_head_is_read_as_a_request);
    tcase_add_test(t, a_body_may_be_cut_anywhere);
    tcase_add_test(t, requests_may_come_byte_by_byte);
    tcase_add_test(t, a_large_chunk_arrives_in_pieces);
    tcase_add_test(t, a_connection_serves_one_request_after_another);
    tcase_add_test(t, a_thousand_pipelined_requests_are_answered_in_order);
    tcase_add_test(t, what_comes_ahead_of_an_answer_waits_and_is_bounded);
    tcase_add_test(t, malformed_heads_get_an_answer_and_the_connection_closes);
    tcase_add_test(t, a_refused_request_without_a_body_has_no_end);
    tcase_add_test(t, a_refused_HEAD_gets_no_body);
    tcase_add_test(t, a_client_that_reads_slowly_is_not_cut);
    tcase_add_test(t, a_head_of_the_maximum_passes_and_no_more);
    tcase_add_test(t, a_malformed_chunk_ends_the_body_and_the_connection);
    tcase_add_test(t, chunks_beyond_the_maximum_end_the_body);
    tcase_add_test(t, an_early_refusal_reaches_a_client_that_sends_on);
    tcase_add_test(t, lingering_ends);
    tcase_add_test(t, the_small_rest_of_a_refused_body_is_skipped);
    tcase_add_test(t, a_refused_chunked_body_is_not_skipped_for_ever);
    tcase_add_test(t, continue_is_said_when_the_exchange_wants_the_body);
    tcase_add_test(t, no_continue_before_a_refusal_and_the_connection_closes);
    tcase_add_test(t, no_continue_when_it_was_not_asked_for);
    tcase_add_test(t, HEAD_and_204_carry_no_body);
    tcase_add_test(t, a_client_of_1_0_is_answered_and_closed);
    tcase_add_test(t, an_answer_without_length_to_1_0_ends_with_the_connection);
    tcase_add_test(t, a_client_of_1_0_may_keep_its_connection);
    tcase_add_test(t, connection_close_is_obeyed_and_said);
    tcase_add_test(t, an_answer_shorter_than_promised_is_cut);
    tcase_add_test(t, an_aborted_answer_has_no_proper_end);
    tcase_add_test(t, an_exchange_that_cannot_be_made_closes_the_connection);
    tcase_add_test(t, a_large_answer_waits_for_a_slow_reader);
    tcase_add_test(t, a_paused_body_stops_and_goes_on);
    tcase_add_test(t, the_time_of_a_pause_is_not_the_clients);
    tcase_add_test(t, a_client_that_resets_is_gone);
    tcase_add_test(t, a_client_that_resets_within_its_body_is_gone);
    tcase_add_test(t, a_client_that_shuts_its_side_gets_its_answer);
    tcase_add_test(t, what_breaks_off_behind_a_request_is_refused_in_its_turn);
    tcase_add_test(t, an_empty_line_behind_the_last_request_is_no_request);
    tcase_add_test(t, a_head_that_breaks_off_is_refused);
    tcase_add_test(t, a_late_first_byte_gets_the_whole_time_for_a_head);
    tcase_add_test(t, headers_that_would_break_the_answer_are_not_sent);
    tcase_add_test(t, more_than_promised_is_not_sent);
    tcase_add_test(t, a_unix_socket_serves_too);
    tcase_add_test(t, a_body_that_breaks_off_is_refused);
    tcase_add_test(t, a_client_that_says_nothing_leaves_no_trace);
    tcase_add_test(t, the_server_may_be_freed_with_requests_under_way);
    tcase_add_test(t, a_head_cannot_be_stretched_by_dripping);
    tcase_add_test(t, a_body_cannot_be_stretched_by_dripping);
    tcase_add_test(t, idle_connections_close_in_silence);
    tcase_add_test(t, waiting_for_the_exchange_has_no_deadline);
    tcase_add_test(t, a_client_that_never_reads_is_cut);
    tcase_add_test(t, connections_beyond_the_maximum_are_turned_away);
    tcase_add_test(t, running_out_of_descriptors_only_pauses);
    tcase_add_test(t,
                   a_draining_server_closes_connections_at_their_next_request);
    tcase_add_test(t, new_settings_count_for_new_requests);
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
