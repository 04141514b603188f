/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests over loopback of requests as they come: heads, bodies, pipelining,
 * refusals, and what is thrown away.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/rig.h"

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

/* A piece of a chunk must not wait for the rest of it. */
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

int main(void)
{
    Suite *s = suite_create("intake");
    TCase *t = rig_tcase(s);
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
    tcase_add_test(t, a_paused_body_stops_and_goes_on);
    tcase_add_test(t, the_time_of_a_pause_is_not_the_clients);
    return rig_main(s);
}
