/* SPDX-License-Identifier: Apache-2.0
 *
 * The client: settings, connections, many calls at once, and every way of
 * calling in from a callback.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "probe.h"

#define OK_2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static void answer_all(struct server_conn *c, void *arg)
{
    while (server_read(c))
        server_say(c, arg);
}

static struct server *serve_ok(void)
{
    struct server *s = server_start(answer_all, (void *)(uintptr_t)OK_2);

    client_open(s);
    return s;
}

static void close_all(struct server *s)
{
    client_close();
    server_stop(s);
}

static void expect_ok(struct probe *p)
{
    probe_wait(p);
    ck_assert_int_eq(p->result.outcome, UPSTREAM_ANSWERED);
    ck_assert_str_eq(p->body, "ok");
    probe_release(p);
}

/* Settings. */

START_TEST(bad_settings_are_refused)
{
    static const char *const urls[] = {
        "",
        "127.0.0.1:80",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "http://",
        "http://user@127.0.0.1/",
        "http://user:secret@127.0.0.1/",
        "http://127.0.0.1/?a=b",
        "http://127.0.0.1/#a",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1 /",
    };
    struct upstream *u = NULL;

    base = event_base_new();
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        settings.url = urls[i];
        ck_assert_msg(upstream_new(base, clock_system(), &settings, &u) ==
                          STATUS_INVALID,
                      "%s", urls[i]);
        ck_assert_ptr_null(u);
    }
    settings.url = "https://127.0.0.1";
    settings.ca_file = "/nonexistent/ca.pem";
    ck_assert_int_eq(upstream_new(base, clock_system(), &settings, &u),
                     STATUS_IO);
    ck_assert_ptr_null(u);
    upstream_free(NULL);
    event_base_free(base);
}
END_TEST

START_TEST(configure_moves_later_calls)
{
    struct server *first = serve_ok(), *second;
    struct upstream_settings next = settings;
    struct probe p = {0};
    char url[64];

    second = server_start(answer_all, (void *)(uintptr_t)OK_2);
    probe_start(&p, "GET", "/", NULL);
    expect_ok(&p);
    next.url = "nonsense://";
    ck_assert_int_eq(upstream_configure(client, &next), STATUS_INVALID);
    probe_start(&p, "GET", "/", NULL); /* as before */
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", server_port(second));
    next.url = url;
    ck_assert_int_eq(upstream_configure(client, &next), STATUS_OK);
    expect_ok(&p); /* started before, so it goes where it was to go */
    ck_assert_int_eq(server_requests(first), 2);
    for (int i = 0; i < 2; i++) {
        probe_start(&p, "GET", "/", NULL);
        expect_ok(&p);
    }
    ck_assert_int_eq(server_requests(first), 2);
    ck_assert_int_eq(server_requests(second), 2);
    close_all(first);
    server_stop(second);
}
END_TEST

static void close_after_each(struct server_conn *c, void *arg)
{
    (void)arg;
    if (server_read(c))
        server_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                      "Connection: close\r\n\r\nok");
}

/* Connections. */

START_TEST(connections_are_reused)
{
    struct server *s = serve_ok();
    struct upstream_counters n;
    struct probe p = {0};

    for (int i = 0; i < 50; i++) {
        probe_start(&p, i % 2 ? "POST" : "GET", "/", i % 2 ? "{}" : NULL);
        expect_ok(&p);
    }
    ck_assert_int_eq(server_connections(s), 1);
    ck_assert_int_eq(server_requests(s), 50);
    upstream_counters_get(client, &n);
    ck_assert_uint_eq(n.calls, 50);
    ck_assert_uint_eq(n.connects, 1);
    ck_assert_uint_eq(n.retries, 0);
    ck_assert_uint_eq(n.failures, 0);
    close_all(s);
}
END_TEST

START_TEST(connection_close_is_obeyed)
{
    struct server *s = server_start(close_after_each, NULL);
    struct probe p = {0};

    client_open(s);
    for (int i = 0; i < 5; i++) {
        probe_start(&p, "POST", "/", "{}");
        expect_ok(&p);
    }
    ck_assert_int_eq(server_connections(s), 5);
    close_all(s);
}
END_TEST

static void answer_then_close(struct server_conn *c, void *arg)
{
    (void)arg;
    if (server_read(c))
        server_say(c, OK_2);
}

/* The server closed an idle connection, and the loop had time to hear of it:
 * the next request goes to a new one at once, and nothing is lost. */
START_TEST(closed_idle_connection_is_noticed)
{
    struct server *s = server_start(answer_then_close, NULL);
    struct probe p = {0};

    client_open(s);
    for (int i = 0; i < 5; i++) {
        probe_start(&p, "POST", "/", "{}");
        expect_ok(&p);
        while (server_ended(s) <= i)
            run_for_ms(1);
        run_for_ms(10);
    }
    ck_assert_int_eq(server_requests(s), 5);
    close_all(s);
}
END_TEST

/* A closed idle connection stays readable for ever: it must not keep the loop
 * busy. */
START_TEST(closed_idle_connection_does_not_spin)
{
    struct server *s = server_start(answer_then_close, NULL);
    struct timespec before, after;
    struct probe p = {0};

    client_open(s);
    probe_start(&p, "GET", "/", NULL);
    expect_ok(&p);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    run_for_ms(300);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    ck_assert_int_lt((after.tv_sec - before.tv_sec) * 1000 +
                         (after.tv_nsec - before.tv_nsec) / 1000000,
                     150);
    close_all(s);
}
END_TEST

static void chatter(struct server_conn *c, void *arg)
{
    (void)arg;
    if (server_read(c)) {
        server_say(c, OK_2);
        usleep(10000);
        server_say(c, "HTTP/1.1 408 Request Timeout\r\n\r\n");
        server_mark(c);
    }
    server_await_close(c);
}

/* What a server says unasked on an idle connection is nobody's answer. */
START_TEST(unasked_answer_is_not_taken)
{
    struct server *s = server_start(chatter, NULL);
    struct probe p = {0};

    client_open(s);
    for (int i = 0; i < 3; i++) {
        probe_start(&p, "GET", "/", NULL);
        expect_ok(&p);
        while (server_marks(s) <= i)
            run_for_ms(1);
        run_for_ms(10);
    }
    ck_assert_int_eq(server_connections(s), 3);
    close_all(s);
}
END_TEST

START_TEST(idle_connections_age)
{
    struct server *s;
    struct probe p = {0};

    settings.keep_idle_us = US_PER_S;
    s = serve_ok();
    probe_start(&p, "GET", "/", NULL);
    expect_ok(&p);
    run_for_ms(2100);
    probe_start(&p, "GET", "/", NULL);
    expect_ok(&p);
    ck_assert_int_eq(server_connections(s), 2);
    close_all(s);
}
END_TEST

#define MANY 100

static void answer_with_target(struct server_conn *c, void *arg)
{
    (void)arg;
    while (server_read(c)) {
        char answer[256], target[64] = "";

        sscanf(c->head, "%*s %63s", target);
        usleep(2000);
        snprintf(answer, sizeof(answer),
                 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                 strlen(target), target);
        server_say(c, answer);
    }
}

START_TEST(many_at_once)
{
    struct server *s = server_start(answer_with_target, NULL);
    static struct probe p[MANY];

    settings.connections = _i == 0 ? 256 : 4;
    client_open(s);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++) {
            char target[64];

            snprintf(target, sizeof(target), "/%d/%d", round, i);
            probe_start(&p[i], "POST", target, "{}");
        }
        for (int i = 0; i < MANY; i++) {
            char target[64];

            snprintf(target, sizeof(target), "/%d/%d", round, i);
            probe_wait(&p[i]);
            ck_assert_int_eq(p[i].result.outcome, UPSTREAM_ANSWERED);
            ck_assert_str_eq(p[i].body, target);
            probe_release(&p[i]);
        }
    }
    ck_assert_int_eq(server_requests(s), 3 * MANY);
    ck_assert_int_le(server_connections(s), _i == 0 ? MANY : 4);
    close_all(s);
}
END_TEST

static void say_nothing(struct server_conn *c, void *arg)
{
    (void)arg;
    (void)server_read(c);
    server_await_close(c);
}

/* All connections are taken by calls that get no answer: who waits for one has
 * sent nothing, and is told so. (On a slow machine a connection that the first
 * time-outs set free may still come in time.) */
START_TEST(no_free_connection)
{
    struct server *s = server_start(say_nothing, NULL);
    struct probe p[4] = {0};
    int attempts = 0;

    settings.connections = 2;
    settings.answer_timeout_us = 200 * US_PER_MS;
    client_open(s);
    for (int i = 0; i < 4; i++)
        probe_start(&p[i], "POST", "/", "{}");
    for (int i = 0; i < 4; i++) {
        bool was_sent;

        probe_wait(&p[i]);
        was_sent = p[i].result.attempts == 1;
        ck_assert(i >= 2 || was_sent);
        ck_assert_int_eq(p[i].result.outcome,
                         was_sent ? UPSTREAM_TIMEOUT : UPSTREAM_CONNECT);
        ck_assert_int_eq(p[i].result.may_be_delivered, was_sent);
        attempts += p[i].result.attempts;
    }
    run_for_ms(20);
    ck_assert_int_eq(server_requests(s), attempts);
    close_all(s);
}
END_TEST

/* Cancelling. */

static void speak_and_wait(struct server_conn *c, void *arg)
{
    if (server_read(c))
        server_say(c, arg);
    server_await_close(c);
}

#define HALF "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"

/* Before it was given to libcurl, while it connects, sent, with an answer
 * begun, and paused. */
START_TEST(cancel_from_outside)
{
    static const char *const said[] = {HALF, HALF, "", HALF};
    struct server *s =
        server_start(speak_and_wait, (void *)(uintptr_t)said[_i]);
    struct probe p = {0};

    client_open(s);
    probe_start(&p, "POST", "/", "{}");
    if (_i == 1)
        event_base_loop(base, EVLOOP_NONBLOCK);
    else if (_i == 2)
        run_for_ms(50);
    while (_i == 3 && p.body_len == 0)
        run_for_ms(10);
    upstream_call_cancel(p.call);
    run_for_ms(50);
    ck_assert(!p.is_done);
    if (_i != 1) /* one round of the loop may be enough for an answer */
        ck_assert_int_eq(p.status, _i == 3 ? 200 : 0);
    probe_release(&p);
    close_all(s);
}
END_TEST

static void cancel_at(struct probe *p, char event)
{
    const char *at = p->arg;

    ck_assert_int_ne(event, 'd');
    if (event == *at) {
        upstream_call_cancel(p->call);
        upstream_call_cancel(p->call); /* once more does no harm */
    }
}

START_TEST(cancel_from_its_own_callback)
{
    static const char *const said[] = {
        HALF, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "1\r\na\r\n1\r\nb\r\n0\r\n\r\n"};
    static const char *const events[] = {"h", "b"};
    struct server *s =
        server_start(speak_and_wait, (void *)(uintptr_t)said[_i / 2]);
    struct probe p = {.then = cancel_at,
                      .arg = (void *)(uintptr_t)events[_i % 2]};

    client_open(s);
    probe_start(&p, "GET", "/", NULL);
    while (p.status == 0 || (_i % 2 == 1 && p.body_len == 0))
        run_for_ms(1);
    run_for_ms(20);
    ck_assert(!p.is_done);
    ck_assert_int_eq(p.status, 200);
    ck_assert_uint_le(p.body_len, 4);
    ck_assert_int_eq(_i % 2 == 0, p.body_len == 0);
    probe_release(&p);
    close_all(s);
}
END_TEST

struct pair {
    struct probe a, b;
    char at;
    bool is_cancelled;
};

/* b's answer may have come first, then there is nothing to cancel. */
static void cancel_other(struct probe *p, char event)
{
    struct pair *pair = p->arg;

    if (event != pair->at || pair->b.is_done || pair->is_cancelled)
        return;
    pair->is_cancelled = true;
    upstream_call_cancel(pair->b.call);
}

START_TEST(cancel_another_from_a_callback)
{
    struct server *s = serve_ok();

    for (int i = 0; i < 20; i++) {
        struct pair pair = {.at = "hbd"[_i]};

        pair.a.then = cancel_other;
        pair.a.arg = &pair;
        probe_start(&pair.a, "GET", "/a", NULL);
        probe_start(&pair.b, "GET", "/b", NULL);
        probe_wait(&pair.a);
        ck_assert_int_eq(pair.a.result.outcome, UPSTREAM_ANSWERED);
        run_for_ms(2);
        ck_assert_int_ne(pair.b.is_done, pair.is_cancelled);
        probe_release(&pair.a);
        probe_release(&pair.b);
    }
    close_all(s);
}
END_TEST

static void chain(struct probe *p, char event)
{
    int *left = p->arg;

    if (event != 'd' || --*left == 0)
        return;
    probe_release(p);
    p->then = chain;
    p->arg = left;
    probe_start(p, "POST", "/", "{}");
    upstream_call_taken(p->call, 0);
}

/* A call started in another's on_done uses the connection just left. */
START_TEST(start_in_on_done)
{
    struct server *s = serve_ok();
    int left = 20;
    struct probe p = {.then = chain, .arg = &left};

    probe_start(&p, "POST", "/", "{}");
    while (left > 0)
        probe_wait(&p);
    expect_ok(&p);
    ck_assert_int_eq(server_requests(s), 20);
    ck_assert_int_eq(server_connections(s), 1);
    close_all(s);
}
END_TEST

struct starter {
    struct probe second;
    char at;
    bool has_started;
};

static void start_another(struct probe *p, char event)
{
    struct starter *st = p->arg;

    if (event != st->at || st->has_started)
        return;
    st->has_started = true;
    probe_start(&st->second, "GET", "/", NULL);
}

START_TEST(start_in_any_callback)
{
    struct server *s = serve_ok();
    struct starter st = {.at = "hbd"[_i]};
    struct probe p = {.then = start_another, .arg = &st};

    probe_start(&p, "GET", "/", NULL);
    expect_ok(&p);
    expect_ok(&st.second);
    close_all(s);
}
END_TEST

static void note_end(struct probe *p, char event)
{
    if (event == 'd')
        upstream_call_cancel(p->call); /* too late, and harmless */
}

START_TEST(cancel_in_on_done)
{
    struct server *s = serve_ok();
    struct probe p = {.then = note_end};

    probe_start(&p, "GET", "/", NULL);
    expect_ok(&p);
    probe_start(&p, "GET", "/", NULL);
    expect_ok(&p);
    close_all(s);
}
END_TEST

static void cancel_the_rest(struct probe *p, char event)
{
    struct probe *all = p->arg;

    if (event != 'd')
        return;
    for (int i = 0; i < 4; i++)
        if (&all[i] != p && !all[i].is_done)
            upstream_call_cancel(all[i].call);
}

/* Four time out in the same sweep; the first one's end cancels the others. */
START_TEST(cancel_while_time_outs_are_told)
{
    struct server *s = server_start(say_nothing, NULL);
    struct probe p[4] = {0};
    int done = 0;

    settings.answer_timeout_us = 50 * US_PER_MS;
    client_open(s);
    for (int i = 0; i < 4; i++) {
        p[i].then = cancel_the_rest;
        p[i].arg = p;
        probe_start(&p[i], "POST", "/", "{}");
    }
    run_for_ms(200);
    for (int i = 0; i < 4; i++)
        done += p[i].is_done;
    ck_assert_int_eq(done, 1);
    close_all(s);
}
END_TEST

/* Clients come and go with their connections; nothing may leak or stay
 * registered. */
START_TEST(free_with_idle_connections)
{
    struct server *s = server_start(answer_all, (void *)(uintptr_t)OK_2);
    struct upstream *others[3];
    int events;

    client_open(s);
    events = event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED);
    for (int i = 0; i < 3; i++) {
        struct upstream *kept = client;
        struct probe p = {0};

        ck_assert_int_eq(
            upstream_new(base, clock_system(), &settings, &others[i]),
            STATUS_OK);
        client = others[i];
        probe_start(&p, "GET", "/", NULL);
        expect_ok(&p);
        client = kept;
    }
    for (int i = 0; i < 3; i++)
        upstream_free(others[i]);
    ck_assert_int_eq(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED),
                     events);
    close_all(s);
}
END_TEST

START_TEST(outcomes_have_names)
{
    ck_assert_str_eq(upstream_outcome_name(UPSTREAM_ANSWERED), "");
    ck_assert_str_eq(upstream_outcome_name(UPSTREAM_CONNECT),
                     "upstream.connect");
    ck_assert_str_eq(upstream_outcome_name(UPSTREAM_TIMEOUT),
                     "upstream.timeout");
    ck_assert_str_eq(upstream_outcome_name(UPSTREAM_CANCELLED),
                     "upstream.cancelled");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("upstream/client");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, client_defaults, NULL);
    tcase_add_test(t, bad_settings_are_refused);
    tcase_add_test(t, configure_moves_later_calls);
    tcase_add_test(t, connections_are_reused);
    tcase_add_test(t, connection_close_is_obeyed);
    tcase_add_test(t, closed_idle_connection_is_noticed);
    tcase_add_test(t, closed_idle_connection_does_not_spin);
    tcase_add_test(t, unasked_answer_is_not_taken);
    tcase_add_test(t, idle_connections_age);
    tcase_add_loop_test(t, many_at_once, 0, 2);
    tcase_add_test(t, no_free_connection);
    tcase_add_loop_test(t, cancel_from_outside, 0, 4);
    tcase_add_loop_test(t, cancel_from_its_own_callback, 0, 6);
    tcase_add_loop_test(t, cancel_another_from_a_callback, 0, 3);
    tcase_add_test(t, start_in_on_done);
    tcase_add_loop_test(t, start_in_any_callback, 0, 3);
    tcase_add_test(t, cancel_in_on_done);
    tcase_add_test(t, cancel_while_time_outs_are_told);
    tcase_add_test(t, free_with_idle_connections);
    tcase_add_test(t, outcomes_have_names);
    suite_add_tcase(suite, t);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
