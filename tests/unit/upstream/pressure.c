/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls whose answer is taken slowly: what is held is bounded, and a pause is
 * nobody's time-out.
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

static void close_all(struct server *s)
{
    client_close();
    server_stop(s);
}

#define BIG (8 << 20)

static void answer_big(struct server_conn *c, void *arg)
{
    char *body = malloc(BIG), head[128];
    bool is_chunked = arg != NULL;

    for (size_t i = 0; i < BIG; i++)
        body[i] = (char)(i * 13 + i / 777);
    while (server_read(c)) {
        if (!is_chunked) {
            snprintf(head, sizeof(head),
                     "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BIG);
            server_say(c, head);
            server_write(c, body, BIG);
            continue;
        }
        server_say(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (size_t at = 0, n = 1; at < BIG; at += n, n = n * 3 % 50021 + 1) {
            if (n > BIG - at)
                n = BIG - at;
            snprintf(head, sizeof(head), "%zx\r\n", n);
            server_say(c, head);
            server_write(c, body + at, n);
            server_say(c, "\r\n");
        }
        server_say(c, "0\r\n\r\n");
    }
    free(body);
}

struct slow_taker {
    struct event *timer;
    size_t taken, most; /* `most` bytes were untaken at a time */
};

static void note_untaken(struct probe *p, char event)
{
    struct slow_taker *t = p->arg;

    if (event == 'b' && p->body_len - t->taken > t->most)
        t->most = p->body_len - t->taken;
}

static void take_some(evutil_socket_t fd, short what, void *arg)
{
    struct probe *p = arg;
    struct slow_taker *t = p->arg;
    size_t n = p->body_len - t->taken;

    (void)fd;
    (void)what;
    if (p->is_done)
        return;
    if (n > 50000)
        n = 50000;
    t->taken += n;
    upstream_call_taken(p->call, n);
}

START_TEST(slow_taker_bounds_what_is_held)
{
    struct server *s =
        server_start(answer_big, _i == 1 ? (void *)(uintptr_t)1 : NULL);
    struct slow_taker t = {0};
    struct probe p = {.does_not_take = true, .then = note_untaken, .arg = &t};
    struct timeval often = {0, 200};

    client_open(s);
    t.timer = event_new(base, -1, EV_PERSIST, take_some, &p);
    event_add(t.timer, &often);
    probe_start(&p, "GET", "/", NULL);
    probe_wait(&p);
    ck_assert_int_eq(p.result.outcome, UPSTREAM_ANSWERED);
    ck_assert_uint_eq(p.body_len, BIG);
    for (size_t i = 0; i < BIG; i++)
        if (p.body[i] != (char)(i * 13 + i / 777))
            ck_abort_msg("byte %zu differs", i);
    ck_assert_uint_lt(t.most, UPSTREAM_WINDOW + 16 * 1024);
    event_free(t.timer);
    probe_release(&p);
    close_all(s);
}
END_TEST

static void wait_for_pause(struct probe *p)
{
    int64_t give_up = now_ms() + 10000;

    while (p->body_len < UPSTREAM_WINDOW) {
        ck_assert_int_lt(now_ms(), give_up);
        ck_assert(!p->is_done);
        run_for_ms(10);
    }
    run_for_ms(20);
}

/* A client that stops reading is not the upstream's fault: no idle time-out
 * while paused; and afterwards the clock runs again. */
START_TEST(pause_does_not_count_as_idle)
{
    struct server *s = server_start(answer_big, NULL);
    struct probe p = {.does_not_take = true};

    settings.idle_timeout_us = 200 * US_PER_MS;
    client_open(s);
    probe_start(&p, "GET", "/", NULL);
    wait_for_pause(&p);
    run_for_ms(300);
    ck_assert(!p.is_done);
    ck_assert_uint_lt(p.body_len, UPSTREAM_WINDOW + 16 * 1024);
    p.does_not_take = false;
    upstream_call_taken(p.call, p.body_len);
    probe_wait(&p);
    ck_assert_int_eq(p.result.outcome, UPSTREAM_ANSWERED);
    ck_assert_uint_eq(p.body_len, BIG);
    probe_release(&p);
    close_all(s);
}
END_TEST

/* Half of the window is what resumes; less does not. */
START_TEST(half_the_window_resumes)
{
    struct server *s = server_start(answer_big, NULL);
    struct probe p = {.does_not_take = true};
    size_t held;

    client_open(s);
    probe_start(&p, "GET", "/", NULL);
    wait_for_pause(&p);
    held = p.body_len;
    upstream_call_taken(p.call, held - UPSTREAM_WINDOW / 2 - 1);
    run_for_ms(50);
    ck_assert_uint_eq(p.body_len, held);
    upstream_call_taken(p.call, 1);
    ck_assert_uint_eq(p.body_len, held); /* not out of taken() itself */
    while (p.body_len == held && !p.is_done)
        run_for_ms(10);
    ck_assert_uint_gt(p.body_len, held);
    upstream_call_cancel(p.call);
    probe_release(&p);
    close_all(s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("upstream/pressure");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, client_defaults, NULL);
    tcase_add_loop_test(t, slow_taker_bounds_what_is_held, 0, 2);
    tcase_add_test(t, pause_does_not_count_as_idle);
    tcase_add_test(t, half_the_window_resumes);
    suite_add_tcase(suite, t);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
