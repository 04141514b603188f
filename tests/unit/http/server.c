/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of a whole http_server over loopback: framing, pipelining, refusals,
 * deadlines, and who is told what.
 */
#include "http/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static Suite *suite(void)
{
    Suite *s = suite_create("server");
    TCase *t = tcase_create("server");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_get_is_answered);
    tcase_add_test(t, a_body_by_length_is_echoed);
    tcase_add_test(t, a_body_by_chunk_is_echoed);
    tcase_add_test(
        t, three_pipelined_requests_the_middle_one_refused_by_the_exchange);
    tcase_add_test(t, nothing_behind_a_malformed_head_is_read_as_a_request);
    tcase_add_test(t, a_client_that_resets_is_gone);
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
