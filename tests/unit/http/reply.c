/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests over loopback of answers: their framing, their end, back-pressure.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/rig.h"

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

int main(void)
{
    Suite *s = suite_create("reply");
    TCase *t = rig_tcase(s);
    tcase_add_test(t, HEAD_and_204_carry_no_body);
    tcase_add_test(t, a_client_of_1_0_is_answered_and_closed);
    tcase_add_test(t, an_answer_without_length_to_1_0_ends_with_the_connection);
    tcase_add_test(t, a_client_of_1_0_may_keep_its_connection);
    tcase_add_test(t, connection_close_is_obeyed_and_said);
    tcase_add_test(t, an_answer_shorter_than_promised_is_cut);
    tcase_add_test(t, an_aborted_answer_has_no_proper_end);
    tcase_add_test(t, a_large_answer_waits_for_a_slow_reader);
    tcase_add_test(t, headers_that_would_break_the_answer_are_not_sent);
    tcase_add_test(t, more_than_promised_is_not_sent);
    return rig_main(s);
}
