/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls against scripted servers: what goes wrong, and what it is called.
 */
#define _GNU_SOURCE /* strcasestr, memmem */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "probe.h"

static void answer_all(struct server_conn *c, void *arg)
{
    while (server_read(c))
        server_say(c, arg);
}

#define OK_2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static struct server *serve_text(const char *text)
{
    struct server *s = server_start(answer_all, (void *)(uintptr_t)text);

    client_open(s);
    return s;
}

static void close_all(struct server *s)
{
    client_close();
    server_stop(s);
}

/* What goes wrong before an answer. */

static const char *const malformed[] = {
    "SSH-2.0-OpenSSH_9.2\r\n",
    "garbage that has no end of line, and is long enough to be looked at",
    "<html>200</html>\n\n",
    "HTTP/0.9 200 OK\r\n\r\n",
    "HTTP/2 200\r\n\r\n",
    "HTTP/3.5 200 OK\r\n\r\n",
    "HTTP/1.1 2000 OK\r\n\r\n",
    "HTTP/1.1 20 OK\r\n\r\n",
    "HTTP/1.1  200 OK\r\n\r\n",
    "HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
    "HTTP/1.1 200 OK\r\n: no name\r\n\r\n",
    "HTTP/1.1 200 OK\r\nName : space\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA: b\rc\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA: b\x01\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5abc\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 4\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
};

static void answer_once(struct server_conn *c, void *arg)
{
    if (server_read(c))
        server_say(c, arg);
}

START_TEST(malformed_answers)
{
    struct server *s =
        server_start(answer_once, (void *)(uintptr_t)malformed[_i]);
    struct probe p = {0};

    client_open(s);
    probe_start(&p, "POST", "/", "{}");
    probe_wait(&p);
    ck_assert_msg(p.result.outcome == UPSTREAM_MALFORMED, "%s: %s: %s",
                  malformed[_i], upstream_outcome_name(p.result.outcome),
                  p.detail);
    ck_assert(p.result.may_be_delivered);
    ck_assert_int_eq(p.status, 0);
    ck_assert_str_ne(p.detail, "");
    ck_assert_int_eq(p.result.attempts, 1);
    ck_assert_int_eq(server_requests(s), 1);
    probe_release(&p);
    close_all(s);
}
END_TEST

static void answer_endless_head(struct server_conn *c, void *arg)
{
    char line[1024];
    const char *shape = arg;

    if (!server_read(c))
        return;
    server_say(c, "HTTP/1.1 200 OK\r\n");
    memset(line, 'x', sizeof(line));
    for (int i = 0; i < 300; i++) {
        if (strcmp(shape, "long") == 0 && i > 0) {
            server_write(c, line, sizeof(line));
        } else if (strcmp(shape, "large") == 0) {
            memcpy(line, "a: ", 3);
            memcpy(line + sizeof(line) - 2, "\r\n", 2);
            server_write(c, line, sizeof(line));
        } else {
            server_say(c, strcmp(shape, "many") == 0 ? "a: b\r\n" : "a: ");
        }
    }
    server_await_close(c);
}

START_TEST(endless_heads)
{
    static const char *const shapes[] = {"many", "large", "long"};
    struct server *s =
        server_start(answer_endless_head, (void *)(uintptr_t)shapes[_i]);
    struct probe p = {0};

    client_open(s);
    probe_start(&p, "POST", "/", "{}");
    probe_wait(&p);
    ck_assert_int_eq(p.result.outcome, UPSTREAM_MALFORMED);
    ck_assert_int_eq(p.status, 0);
    probe_release(&p);
    close_all(s);
}
END_TEST

START_TEST(refused_is_tried_twice)
{
    struct server *s = serve_text(OK_2);
    struct upstream_counters n;
    struct probe p = {0};

    server_refuse(s);
    probe_start(&p, "POST", "/", "{}");
    probe_wait(&p);
    ck_assert_int_eq(p.result.outcome, UPSTREAM_CONNECT);
    ck_assert(!p.result.may_be_delivered);
    ck_assert_int_eq(p.result.attempts, 0);
    ck_assert_str_ne(p.detail, "");
    upstream_counters_get(client, &n);
    ck_assert_uint_eq(n.calls, 1);
    ck_assert_uint_eq(n.connects, 2);
    ck_assert_uint_eq(n.retries, 1);
    ck_assert_uint_eq(n.failures, 1);
    probe_release(&p);
    close_all(s);
}
END_TEST

/* A label of 64 octets: the resolver says no without asking anyone. */
START_TEST(name_that_cannot_exist)
{
    struct probe p = {0};

    client_open_url("http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid:1");
    probe_start(&p, "POST", "/", "{}");
    probe_wait(&p);
    ck_assert_int_eq(p.result.outcome, UPSTREAM_CONNECT);
    ck_assert(!p.result.may_be_delivered);
    probe_release(&p);
    client_close();
}
END_TEST

/* The first request of a connection is answered; after the second was read the
 * connection dies without a byte, as when a server closes an idle connection
 * in the moment of the send. libcurl then sends again, whatever the method. */
static void die_when_warm(struct server_conn *c, void *arg)
{
    const char *how = arg;

    if (!server_read(c))
        return;
    server_say(c, OK_2);
    if (c->index > 0) {
        answer_all(c, (void *)(uintptr_t)OK_2);
        return;
    }
    if (server_read(c) && strcmp(how, "reset") == 0)
        server_reset(c);
}

static void warm_up(void)
{
    struct probe p = {0};

    probe_start(&p, "GET", "/", NULL);
    probe_wait(&p);
    ck_assert_int_eq(p.result.outcome, UPSTREAM_ANSWERED);
    probe_release(&p);
}

START_TEST(warm_connection_dies_under_a_post)
{
    static const char *const ways[] = {"reset", "close"};
    struct server *s = server_start(die_when_warm, (void *)(uintptr_t)ways[_i]);
    struct probe p = {0};

    client_open(s);
    warm_up();
    probe_start(&p, "POST", "/", "{}");
    probe_wait(&p);
    run_for_ms(50); /* nothing may be sent later either */
    ck_assert_int_eq(p.result.outcome, UPSTREAM_SEND);
    ck_assert(p.result.may_be_delivered);
    ck_assert_int_eq(p.result.attempts, 1);
    ck_assert_int_eq(server_requests(s), 2); /* the warm-up and one delivery */
    probe_release(&p);
    close_all(s);
}
END_TEST

START_TEST(warm_connection_dies_under_a_repeatable)
{
    static const char *const ways[] = {"reset", "close"};
    struct server *s =
        server_start(die_when_warm, (void *)(uintptr_t)ways[_i % 2]);
    struct upstream_request r = {
        .method = TEXT("GET"), .target = TEXT("/"), .is_idempotent = true};
    struct upstream_counters n;
    struct probe p = {0};

    if (_i >= 2) {
        r.method = TEXT_LIT("POST");
        r.body = TEXT_LIT("{\"idempotency_key\":1}");
        r.has_body = true;
    }
    client_open(s);
    warm_up();
    probe_request(&p, &r);
    probe_wait(&p);
    ck_assert_int_eq(p.result.outcome, UPSTREAM_ANSWERED);
    ck_assert_int_eq(p.result.attempts, 2);
    ck_assert_int_eq(server_requests(s), 3);
    upstream_counters_get(client, &n);
    ck_assert_uint_eq(n.retries, 1);
    probe_release(&p);
    close_all(s);
}
END_TEST

/* Every connection dies after its request: a keyed send goes out twice, a
 * plain one once, whatever the connection was. */
static void always_die(struct server_conn *c, void *arg)
{
    (void)arg;
    if (server_read(c))
        server_reset(c);
}

START_TEST(never_more_than_twice)
{
    struct server *s = server_start(always_die, NULL);
    struct upstream_request r = {
        .method = TEXT("POST"),
        .target = TEXT("/"),
        .body = TEXT("{}"),
        .has_body = true,
        .is_idempotent = _i == 1,
    };
    struct probe p = {0};

    client_open(s);
    probe_request(&p, &r);
    probe_wait(&p);
    run_for_ms(50);
    ck_assert_int_eq(p.result.outcome, UPSTREAM_SEND);
    ck_assert(p.result.may_be_delivered);
    ck_assert_int_eq(p.result.attempts, _i + 1);
    ck_assert_int_eq(server_requests(s), _i + 1);
    probe_release(&p);
    close_all(s);
}
END_TEST

static void break_off(struct server_conn *c, void *arg)
{
    if (server_read(c))
        server_say(c, arg);
}

START_TEST(head_breaks_off)
{
    static const char *const starts[] = {
        "",
        "H",
        "HTTP/1.1 200 OK",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    };
    struct server *s = server_start(break_off, (void *)(uintptr_t)starts[_i]);
    struct probe p = {0};

    client_open(s);
    probe_start(&p, "POST", "/", "{}");
    probe_wait(&p);
    ck_assert_int_eq(p.result.outcome, UPSTREAM_SEND);
    ck_assert(p.result.may_be_delivered);
    ck_assert_int_eq(p.status, 0);
    ck_assert_str_ne(p.detail, "");
    ck_assert_int_eq(server_requests(s), 1);
    probe_release(&p);
    close_all(s);
}
END_TEST

/* After the head. */

START_TEST(body_breaks_off)
{
    static const char *const starts[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nf\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhalf",
    };
    struct server *s = server_start(break_off, (void *)(uintptr_t)starts[_i]);
    struct upstream_request r = {
        .method = TEXT("GET"), .target = TEXT("/"), .is_idempotent = true};
    struct probe p = {0};

    client_open(s);
    probe_request(&p, &r);
    probe_wait(&p);
    ck_assert_int_eq(p.result.outcome, UPSTREAM_BROKEN);
    ck_assert(p.result.may_be_delivered);
    ck_assert_int_eq(p.status, 200);
    ck_assert_int_eq(p.result.attempts, 1); /* never again after a head */
    ck_assert_int_eq(server_requests(s), 1);
    probe_release(&p);
    close_all(s);
}
END_TEST

/* Time. */

static void say_and_wait(struct server_conn *c, void *arg)
{
    if (server_read(c))
        server_say(c, arg);
    server_await_close(c);
}

static void expect_timeout(const char *said, enum upstream_outcome outcome)
{
    struct server *s = server_start(say_and_wait, (void *)(uintptr_t)said);
    struct probe p = {0};
    int64_t began;

    settings.answer_timeout_us = 150 * US_PER_MS;
    settings.idle_timeout_us = 250 * US_PER_MS;
    client_open(s);
    began = now_ms();
    probe_start(&p, "GET", "/", NULL);
    probe_wait(&p);
    ck_assert_int_ge(now_ms() - began, outcome == UPSTREAM_BROKEN ? 250 : 150);
    ck_assert_int_lt(now_ms() - began, 2000);
    ck_assert_int_eq(p.result.outcome, outcome);
    ck_assert(p.result.may_be_delivered);
    ck_assert_int_ge(p.result.duration_us, 150 * US_PER_MS);
    ck_assert_int_eq(server_requests(s), 1);
    probe_release(&p);
    close_all(s);
}

START_TEST(silence_times_out)
{
    static const char *const starts[] = {
        "", "HTTP/1.1 200 OK\r\nA:", "HTTP/1.1 100 Continue\r\n\r\n"};

    expect_timeout(starts[_i], UPSTREAM_TIMEOUT);
}
END_TEST

START_TEST(stalled_body_times_out)
{
    static const char *const starts[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    };

    expect_timeout(starts[_i], UPSTREAM_BROKEN);
}
END_TEST

static void drip(struct server_conn *c, void *arg)
{
    (void)arg;
    if (!server_read(c))
        return;
    server_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n");
    for (int i = 0; i < 12; i++) {
        usleep(50000);
        server_say(c, ".");
    }
}

/* 0.6 s in all, 0.05 s without progress: neither time-out may fire. */
START_TEST(slow_but_steady_is_fine)
{
    struct server *s = server_start(drip, NULL);
    struct probe p = {0};

    settings.answer_timeout_us = 300 * US_PER_MS;
    settings.idle_timeout_us = 300 * US_PER_MS;
    client_open(s);
    probe_start(&p, "GET", "/", NULL);
    probe_wait(&p);
    ck_assert_int_eq(p.result.outcome, UPSTREAM_ANSWERED);
    ck_assert_uint_eq(p.body_len, 12);
    probe_release(&p);
    close_all(s);
}
END_TEST

/* A listener whose queue is full: the kernel drops what comes to connect. */
START_TEST(connecting_times_out)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof(a);
    int listener = socket(AF_INET, SOCK_STREAM, 0), fillers[8];
    struct probe p = {0};
    char url[64];
    int64_t began;

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
    ck_assert_int_eq(listen(listener, 0), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&a, &len), 0);
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&a, sizeof(a));
    }
    settings.connect_timeout_us = 200 * US_PER_MS;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", ntohs(a.sin_port));
    client_open_url(url);
    began = now_ms();
    probe_start(&p, "POST", "/", "{}");
    probe_wait(&p);
    ck_assert_int_eq(p.result.outcome, UPSTREAM_CONNECT);
    ck_assert(!p.result.may_be_delivered);
    ck_assert_int_eq(p.result.attempts, 0);
    ck_assert_int_ge(now_ms() - began, 199);
    ck_assert_int_lt(now_ms() - began, 1500);
    probe_release(&p);
    client_close();
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++)
        close(fillers[i]);
    close(listener);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("upstream/failure");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, client_defaults, NULL);
    tcase_add_loop_test(t, malformed_answers, 0, ARRAY_LEN(malformed));
    tcase_add_loop_test(t, endless_heads, 0, 3);
    tcase_add_test(t, refused_is_tried_twice);
    tcase_add_test(t, name_that_cannot_exist);
    tcase_add_loop_test(t, warm_connection_dies_under_a_post, 0, 2);
    tcase_add_loop_test(t, warm_connection_dies_under_a_repeatable, 0, 4);
    tcase_add_loop_test(t, never_more_than_twice, 0, 2);
    tcase_add_loop_test(t, head_breaks_off, 0, 7);
    tcase_add_loop_test(t, body_breaks_off, 0, 5);
    tcase_add_loop_test(t, silence_times_out, 0, 3);
    tcase_add_loop_test(t, stalled_body_times_out, 0, 3);
    tcase_add_test(t, slow_but_steady_is_fine);
    tcase_add_test(t, connecting_times_out);
    suite_add_tcase(suite, t);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
