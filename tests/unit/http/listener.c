/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests over loopback of the server as a whole: limits, reload, drain.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "http/rig.h"

START_TEST(connections_beyond_the_maximum_are_turned_away)
{
    rig.settings.max_connections = 2;
    rig_start(&rig);
    int a = client_open(&rig), b = client_open(&rig);
    rig_run(&rig, 2);
    int c = client_open(&rig);
    client_send_str(&rig, c, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    struct answer refused = client_read(&rig, c, NULL, 0);
    ASSERT_HAS(refused, "HTTP/1.1 503 ");
    ASSERT_HAS(refused, "http.busy");
    ck_assert(refused.is_closed && !refused.is_reset);
    ASSERT_LOG("begin GET /echo|done|");
    rig_forget(&rig);
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

/* Two servers of one process have one maximum. */
START_TEST(the_count_may_be_shared)
{
    static struct http_count count = {.open = 5};
    rig.settings.count = &count;
    rig.settings.max_connections = 6;
    rig_start(&rig);
    int a = client_open(&rig), b = client_open(&rig);
    client_send_str(&rig, b, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    struct answer refused = client_read(&rig, b, NULL, 0);
    ASSERT_HAS(refused, "HTTP/1.1 503 ");
    free(refused.data);
    client_close(b);
    client_close(a);
    rig_run(&rig, 5);
    ck_assert_uint_eq(count.open, 5);
}
END_TEST

/* Who is turned away has little time to send its request. */
START_TEST(connections_beyond_the_maximum_do_not_stay)
{
    rig.settings.max_connections = 1;
    rig.settings.header_timeout_us = 50 * US_PER_MS;
    rig_start(&rig);
    int a = client_open(&rig);
    client_send_str(&rig, a, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    struct answer served = client_read(&rig, a, "X-Test", 1);
    int silent[100];
    for (size_t i = 0; i < ARRAY_LEN(silent); i++)
        silent[i] = client_open(&rig);
    rig_run(&rig, 20);
    ck_assert_uint_le(http_server_connections(rig.server),
                      1 + HTTP_TURNED_AWAY_MAX);
    rig_run(&rig, 200);
    ck_assert_uint_eq(http_server_connections(rig.server), 1);
    for (size_t i = 0; i < ARRAY_LEN(silent); i++)
        client_close(silent[i]);
    free(served.data);
    client_close(a);
}
END_TEST

START_TEST(descriptors_are_left_for_requests_under_way)
{
    rig.settings.max_descriptors = 2;
    log_set_level(LOG_ERROR);
    rig_start(&rig);
    int clients[4];
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        clients[i] = client_open(&rig);
        client_send_str(&rig, clients[i],
                        "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    /* Two are served, however long the others wait; then they are. */
    rig_run(&rig, 250);
    ck_assert_uint_eq(http_server_connections(rig.server), 2);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        struct answer served = client_read(&rig, clients[i], "X-Test", 1);
        ASSERT_HAS(served, "HTTP/1.1 200 ");
        free(served.data);
        client_close(clients[i]);
    }
    struct http_counters c;
    http_server_counters(rig.server, &c);
    ck_assert_uint_eq(c.accept_errors, 0);
    ck_assert_uint_eq(c.refused_connections, 0);
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

int main(void)
{
    Suite *s = suite_create("listener");
    TCase *t = rig_tcase(s);
    tcase_add_test(t, connections_beyond_the_maximum_are_turned_away);
    tcase_add_test(t, the_count_may_be_shared);
    tcase_add_test(t, connections_beyond_the_maximum_do_not_stay);
    tcase_add_test(t, descriptors_are_left_for_requests_under_way);
    tcase_add_test(t, running_out_of_descriptors_only_pauses);
    tcase_add_test(t,
                   a_draining_server_closes_connections_at_their_next_request);
    tcase_add_test(t, new_settings_count_for_new_requests);
    tcase_add_test(t, a_unix_socket_serves_too);
    return rig_main(s);
}
