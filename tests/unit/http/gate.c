/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests over loopback of a connection's life: clients that leave, deadlines.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/rig.h"

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

int main(void)
{
    Suite *s = suite_create("gate");
    TCase *t = rig_tcase(s);
    tcase_add_test(t, a_client_that_resets_is_gone);
    tcase_add_test(t, a_client_that_resets_within_its_body_is_gone);
    tcase_add_test(t, a_client_that_shuts_its_side_gets_its_answer);
    tcase_add_test(t, what_breaks_off_behind_a_request_is_refused_in_its_turn);
    tcase_add_test(t, an_empty_line_behind_the_last_request_is_no_request);
    tcase_add_test(t, a_head_that_breaks_off_is_refused);
    tcase_add_test(t, a_body_that_breaks_off_is_refused);
    tcase_add_test(t, a_client_that_says_nothing_leaves_no_trace);
    tcase_add_test(t, the_server_may_be_freed_with_requests_under_way);
    tcase_add_test(t, an_exchange_that_cannot_be_made_closes_the_connection);
    tcase_add_test(t, a_head_cannot_be_stretched_by_dripping);
    tcase_add_test(t, a_body_cannot_be_stretched_by_dripping);
    tcase_add_test(t, idle_connections_close_in_silence);
    tcase_add_test(t, a_late_first_byte_gets_the_whole_time_for_a_head);
    tcase_add_test(t, waiting_for_the_exchange_has_no_deadline);
    tcase_add_test(t, a_client_that_never_reads_is_cut);
    tcase_add_test(t, a_client_that_reads_slowly_is_not_cut);
    return rig_main(s);
}
