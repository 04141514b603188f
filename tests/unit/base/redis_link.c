/* SPDX-License-Identifier: Apache-2.0
 *
 * The Redis connection against a real server: one that works, refuses,
 * stalls, restarts, and scripted ones that talk nonsense. Times are asserted
 * only as "far from the deadline that a hang would have run into".
 */
#include "base/redis_link.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "redis_server.h"
#include "unit.h"

#define TIMEOUT_US (50 * US_PER_MS)
#define LONG_US (20 * US_PER_S) /* no test takes that long */
#define WAIT_S 10.0

static struct event_base *base;
static struct redis_link *redis;
static struct redis_server server;

/* What the last command, and all of them, came to. */
static struct {
    int done, ok, timeouts, unavailable, unavailable_sent, errors;
    enum redis_kind kind;
    int64_t integer;
    size_t count;
    char text[256];
} seen;

static void on_done(void *arg, const struct redis_result *result)
{
    int *flag = arg;

    seen.done++;
    if (flag != NULL)
        ++*flag;
    ck_assert((result->status == STATUS_OK) == (result->reply != NULL));
    switch (result->status) {
    case STATUS_OK:
        ck_assert(result->sent);
        seen.ok++;
        seen.kind = redis_reply_kind(result->reply);
        seen.errors += seen.kind == REDIS_ERROR;
        seen.integer = redis_reply_integer(result->reply);
        seen.count = redis_reply_count(result->reply);
        snprintf(seen.text, sizeof(seen.text), "%.*s",
                 TEXT_ARG(redis_reply_text(result->reply)));
        break;
    case STATUS_TIMEOUT:
        seen.timeouts++;
        break;
    case STATUS_UNAVAILABLE:
        seen.unavailable++;
        seen.unavailable_sent += result->sent;
        break;
    default:
        ck_abort_msg("status %s", status_name(result->status));
    }
}

static void command(int64_t timeout_us, const char *a, const char *b,
                    const char *c)
{
    struct text argv[3] = {text_of(a), text_of(b), text_of(c)};
    size_t argc = c != NULL ? 3 : b != NULL ? 2 : 1;
    int before = seen.done;

    ck_assert_int_eq(
        redis_link_command(redis, false, timeout_us, argc, argv, on_done, NULL),
        STATUS_OK);
    ck_assert_int_eq(seen.done, before); /* never before it returns */
}

static void ask(const char *a, const char *b, const char *c)
{
    int before = seen.done;

    command(LONG_US, a, b, c);
    ck_assert(run_until(base, &seen.done, before + 1, WAIT_S));
}

static struct redis_options to_server(void)
{
    struct redis_options o;

    redis_options_default(&o);
    o.path = server.path;
    o.probe_interval_us = 20 * US_PER_MS;
    return o;
}

static void open_with(const struct redis_options *o)
{
    signal(SIGPIPE, SIG_IGN);
    memset(&seen, 0, sizeof(seen));
    base = event_base_new();
    ck_assert_ptr_nonnull(base);
    ck_assert_int_eq(
        redis_link_new(base, clock_system(), o, NULL, NULL, &redis), STATUS_OK);
}

static void open_default(void)
{
    struct redis_options o = to_server();

    open_with(&o);
}

static void start_and_open(void)
{
    redis_server_start(&server, false, NULL);
    open_default();
}

static void close_all(void)
{
    redis_link_free(redis);
    event_base_free(base);
    redis_server_remove(&server);
}

static struct redis_counters counters(void)
{
    struct redis_counters c = {0};

    redis_link_count(redis, &c);
    return c;
}

START_TEST(asks_and_is_answered)
{
    start_and_open();
    ask("SET", "key", "value");
    ck_assert_int_eq(seen.kind, REDIS_STATUS);
    ck_assert_str_eq(seen.text, "OK");
    ask("GET", "key", NULL);
    ck_assert_int_eq(seen.kind, REDIS_STRING);
    ck_assert_str_eq(seen.text, "value");
    ask("GET", "nothing", NULL);
    ck_assert_int_eq(seen.kind, REDIS_NIL);
    ask("INCRBY", "n", "-42");
    ck_assert_int_eq(seen.kind, REDIS_INTEGER);
    ck_assert_int_eq(seen.integer, -42);
    ask("MGET", "key", "nothing");
    ck_assert_int_eq(seen.kind, REDIS_ARRAY);
    ck_assert_uint_eq(seen.count, 2);
    ask("GET", NULL, NULL);
    ck_assert_int_eq(seen.kind, REDIS_ERROR);
    ask("SET", "key", "");
    ask("GET", "key", NULL);
    ck_assert_int_eq(seen.kind, REDIS_STRING);
    ck_assert_str_eq(seen.text, "");
    ck_assert_uint_eq(counters().failures, 0);
    close_all();
}
END_TEST

static void on_nested(void *arg, const struct redis_result *result)
{
    int *flag = arg;
    const struct redis_reply *inner;

    ck_assert_int_eq(result->status, STATUS_OK);
    ck_assert_uint_eq(redis_reply_count(result->reply), 3);
    ck_assert_int_eq(redis_reply_integer(redis_reply_at(result->reply, 0)), 1);
    inner = redis_reply_at(result->reply, 1);
    ck_assert_uint_eq(redis_reply_count(inner), 2);
    ck_assert(text_is(redis_reply_text(redis_reply_at(inner, 1)), "b"));
    ck_assert_ptr_null(redis_reply_at(inner, 2));
    ck_assert_ptr_null(redis_reply_at(redis_reply_at(result->reply, 2), 0));
    ++*flag;
}

START_TEST(replies_nest)
{
    const struct text argv[3] = {TEXT("EVAL"),
                                 TEXT("return {1, {'a', 'b'}, {}}"), TEXT("0")};
    int flag = 0;

    start_and_open();
    ck_assert_int_eq(
        redis_link_command(redis, false, LONG_US, 3, argv, on_nested, &flag),
        STATUS_OK);
    ck_assert(run_until(base, &flag, 1, WAIT_S));
    close_all();
}
END_TEST

START_TEST(one_turn_is_one_write)
{
    uint64_t before;

    start_and_open();
    ask("PING", NULL, NULL);
    before = counters().writes;
    for (int i = 0; i < 1000; i++)
        command(LONG_US, "INCR", "n", NULL);
    ck_assert(run_until(base, &seen.done, 1001, WAIT_S));
    ck_assert_int_eq(seen.integer, 1000);
    ck_assert_uint_eq(counters().writes, before + 1);
    close_all();
}
END_TEST

/* More than the socket holds: the rest goes as there is room. */
START_TEST(a_full_socket_is_waited_for)
{
    char *large = malloc(1 << 18);
    struct redis_options o;

    memset(large, 'x', (1 << 18) - 1);
    large[(1 << 18) - 1] = '\0';
    redis_server_start(&server, false, NULL);
    o = to_server();
    o.connect_timeout_us = LONG_US; /* a busy machine is no failure */
    open_with(&o);
    for (int i = 0; i < 16; i++)
        command(LONG_US, "APPEND", "key", large);
    for (int i = 0; i < 16; i++)
        command(LONG_US, "INCR", "n", NULL);
    ck_assert(run_until(base, &seen.done, 32, 4 * WAIT_S));
    ck_assert_int_eq(seen.ok, 32);
    ck_assert_int_eq(seen.integer, 16);
    free(large);
    close_all();
}
END_TEST

START_TEST(over_tcp_by_address_and_by_name)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost"};

    redis_server_start(&server, true, NULL);
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct redis_options o = to_server();

        o.path = NULL;
        o.host.name = hosts[i];
        o.host.port = server.port;
        open_with(&o);
        ask("PING", NULL, NULL);
        ck_assert_str_eq(seen.text, "PONG");
        redis_link_free(redis);
        event_base_free(base);
    }
    redis_server_remove(&server);
}
END_TEST

START_TEST(a_name_that_does_not_resolve)
{
    struct redis_options o;

    redis_options_default(&o);
    o.host.name = "redis.invalid";
    open_with(&o);
    command(LONG_US, "PING", NULL, NULL);
    ck_assert(run_until(base, &seen.done, 1, WAIT_S));
    ck_assert_int_eq(seen.unavailable, 1);
    ck_assert_int_eq(seen.unavailable_sent, 0);
    redis_link_free(redis);
    event_base_free(base);
}
END_TEST

START_TEST(freed_while_a_name_is_resolved)
{
    struct redis_options o;

    redis_options_default(&o);
    o.host.name = "redis.invalid";
    open_with(&o);
    command(LONG_US, "PING", NULL, NULL);
    redis_link_free(redis);
    ck_assert_int_eq(seen.unavailable, 1);
    event_base_free(base);
}
END_TEST

START_TEST(options_that_cannot_work)
{
    struct redis_options o;
    char path[200];

    base = event_base_new();
    redis_options_default(&o);
    ck_assert_int_eq(
        redis_link_new(base, clock_system(), &o, NULL, NULL, &redis),
        STATUS_INVALID);
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    o.path = path;
    ck_assert_int_eq(
        redis_link_new(base, clock_system(), &o, NULL, NULL, &redis),
        STATUS_INVALID);
    o.path = NULL;
    o.host.name = "127.0.0.1";
    o.tls = true;
    ck_assert_int_eq(
        redis_link_new(base, clock_system(), &o, NULL, NULL, &redis),
        STATUS_UNAVAILABLE);
    event_base_free(base);
}
END_TEST

START_TEST(password_and_database)
{
    static const char *const options[] = {"--requirepass", "s3cret", NULL};
    struct redis_options o;

    redis_server_start(&server, false, options);
    o = to_server();
    o.password = "s3cret";
    o.database = 7;
    open_with(&o);
    ask("SET", "key", "in seven");
    ck_assert_str_eq(seen.text, "OK");
    redis_link_free(redis);
    event_base_free(base);

    o.user = "default";
    open_with(&o);
    ask("GET", "key", NULL);
    ck_assert_str_eq(seen.text, "in seven");
    redis_link_free(redis);
    event_base_free(base);

    o.database = 0;
    open_with(&o);
    ask("GET", "key", NULL);
    ck_assert_int_eq(seen.kind, REDIS_NIL);
    close_all();
}
END_TEST

/* Commands sent behind an AUTH or SELECT that failed would run anyway, in
 * database 0. */
START_TEST(nothing_runs_where_the_greeting_failed)
{
    static const char *const options[] = {"--requirepass", "s3cret", NULL};
    struct redis_options o;

    redis_server_start(&server, false, options);
    for (int i = 0; i < 3; i++) {
        o = to_server();
        o.password = i == 0 ? "wrong" : i == 1 ? NULL : "s3cret";
        o.database = i == 2 ? 99 : 0;
        open_with(&o);
        ask("SET", "key", "value");
        ck_assert_int_eq(seen.unavailable, 1);
        ck_assert_int_eq(seen.unavailable_sent, 0);
        redis_link_free(redis);
        event_base_free(base);
    }
    o.database = 0;
    open_with(&o);
    ask("GET", "key", NULL);
    ck_assert_int_eq(seen.kind, REDIS_NIL);
    close_all();
}
END_TEST

START_TEST(a_stalled_server_opens_the_circuit)
{
    struct redis_options o;

    redis_server_start(&server, false, NULL);
    o = to_server();
    open_with(&o);
    ask("PING", NULL, NULL);
    redis_server_stall(&server);
    for (int i = 0; i < 3; i++) {
        ck_assert(redis_link_is_up(redis));
        command(TIMEOUT_US, "INCR", "n", NULL);
        ck_assert(run_until(base, &seen.done, 2 + i, WAIT_S));
        ck_assert_int_eq(seen.timeouts, 1 + i);
    }
    ck_assert(!redis_link_is_up(redis));
    /* Now nothing waits, whatever its own deadline is. */
    for (int i = 0; i < 100; i++)
        command(LONG_US, "INCR", "n", NULL);
    ck_assert(run_until(base, &seen.done, 104, WAIT_S));
    ck_assert_int_eq(seen.unavailable, 100);
    ck_assert_int_eq(seen.unavailable_sent, 0);
    ck_assert_uint_eq(counters().circuit_opened, 1);

    run_for(base, 0.2); /* probes come and go */
    ck_assert(!redis_link_is_up(redis));
    redis_server_continue(&server);
    for (int i = 0; i < 1000 && !redis_link_is_up(redis); i++)
        run_for(base, 0.01);
    ck_assert(redis_link_is_up(redis));
    ask("INCR", "n", NULL);
    ck_assert_int_eq(seen.kind, REDIS_INTEGER);
    /* The three before may have been done, late; the hundred were not. */
    ck_assert_int_le(seen.integer, 4);
    close_all();
}
END_TEST

START_TEST(commands_under_way_do_not_wait_for_their_own_deadline)
{
    start_and_open();
    ask("PING", NULL, NULL);
    redis_server_stall(&server);
    for (int i = 0; i < 10; i++)
        command(LONG_US, "INCR", "n", NULL);
    for (int i = 0; i < 3; i++)
        command(TIMEOUT_US, "INCR", "n", NULL);
    ck_assert(run_until(base, &seen.done, 14, WAIT_S));
    ck_assert_int_eq(seen.timeouts, 3);
    ck_assert_int_eq(seen.unavailable_sent, 10);
    redis_server_continue(&server);
    close_all();
}
END_TEST

START_TEST(a_late_reply_is_dropped_and_the_order_kept)
{
    start_and_open();
    ask("PING", NULL, NULL);
    redis_server_stall(&server);
    command(TIMEOUT_US, "ECHO", "late", NULL);
    ck_assert(run_until(base, &seen.done, 2, WAIT_S));
    ck_assert_int_eq(seen.timeouts, 1);
    command(LONG_US, "ECHO", "in time", NULL);
    redis_server_continue(&server);
    ck_assert(run_until(base, &seen.done, 3, WAIT_S));
    ck_assert_str_eq(seen.text, "in time");
    ck_assert_uint_eq(counters().failures, 0);
    close_all();
}
END_TEST

/* A deadline while there is no connection yet: it is withdrawn. */
START_TEST(a_command_that_waits_for_a_connection_is_withdrawn)
{
    struct redis_options o;

    redis_server_start(&server, false, NULL);
    redis_server_stall(&server);
    o = to_server();
    open_with(&o);
    command(TIMEOUT_US, "INCR", "n", NULL);
    ck_assert(run_until(base, &seen.done, 1, WAIT_S));
    ck_assert_int_eq(seen.timeouts, 1);
    redis_server_continue(&server);
    ask("INCR", "n", NULL);
    ck_assert_int_eq(seen.integer, 1);
    close_all();
}
END_TEST

START_TEST(a_killed_server_fails_fast_and_returns)
{
    start_and_open();
    ask("PING", NULL, NULL);
    redis_server_stall(&server);
    command(LONG_US, "INCR", "n", NULL);
    run_for(base, 0.05);
    redis_server_kill(&server);
    ck_assert(run_until(base, &seen.done, 2, WAIT_S));
    ck_assert_int_eq(seen.unavailable_sent, 1);
    for (int i = 0; i < 20; i++) { /* nobody listens */
        command(LONG_US, "INCR", "n", NULL);
        ck_assert(run_until(base, &seen.done, 3 + i, WAIT_S));
    }
    ck_assert_int_eq(seen.unavailable, 21);
    ck_assert_int_eq(seen.unavailable_sent, 1);
    ck_assert(!redis_link_is_up(redis));

    redis_server_restart(&server);
    for (int i = 0; i < 1000 && !redis_link_is_up(redis); i++)
        run_for(base, 0.01);
    ask("INCR", "n", NULL);
    ck_assert_int_eq(seen.integer, 1);
    ck_assert_uint_ge(counters().reconnects, 1);
    close_all();
}
END_TEST

START_TEST(an_idle_connection_that_is_closed_is_no_failure)
{
    char out[64];

    start_and_open();
    for (int i = 0; i < 10; i++) {
        ask("INCR", "n", NULL);
        redis_server_ask(&server, "CLIENT KILL TYPE normal SKIPME yes", out,
                         sizeof(out));
        run_for(base, 0.03);
        ck_assert(redis_link_is_up(redis));
    }
    ask("INCR", "n", NULL);
    ck_assert_int_eq(seen.integer, 11);
    ck_assert_uint_eq(counters().circuit_opened, 0);
    close_all();
}
END_TEST

START_TEST(a_loading_server_is_not_up)
{
    static const char *const replies[] = {
        "-LOADING Redis is loading the dataset in memory\r\n", NULL};

    scripted_server_start(&server, replies, 0);
    open_default();
    ask("INCR", "n", NULL);
    ck_assert_int_eq(seen.unavailable, 1);
    ck_assert_int_eq(seen.unavailable_sent, 0);
    close_all();
}
END_TEST

START_TEST(error_replies_are_replies)
{
    static const char *const replies[] = {
        "+PONG\r\n",
        "-READONLY You can't write against a read only replica.\r\n", NULL};

    scripted_server_start(&server, replies, 0);
    open_default();
    for (int i = 0; i < 10; i++)
        ask("INCR", "n", NULL);
    ck_assert_int_eq(seen.errors, 10);
    ck_assert(redis_link_is_up(redis));
    ck_assert_uint_eq(counters().failures, 0);
    close_all();
}
END_TEST

/* Each of these ends the connection; the command fails long before its
 * deadline, and counts as possibly done. */
START_TEST(garbage_ends_the_connection)
{
    static const char *const nonsense[] = {
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "$-2\r\n",
        "$99999999999999999999\r\n",
        ":12a\r\n",
        ":\r\n",
        "*-5\r\n",
        "*1000000000\r\n",
        "*2147483647\r\n",
        "*99999\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        "*2\r\n$1\r\na\r\n!oops\r\n",
        "+OK\r\n+and another\r\n",
        "<",
    };

    for (size_t i = 0; i < ARRAY_LEN(nonsense); i++) {
        const char *replies[] = {"+PONG\r\n", nonsense[i], NULL};
        struct redis_options o;

        scripted_server_start(&server, replies, 0);
        o = to_server();
        o.circuit_failures = 100;
        open_with(&o);
        for (int n = 1; n <= 5; n++) {
            command(LONG_US, "INCR", "n", NULL);
            ck_assert_msg(run_until(base, &seen.done, n, WAIT_S), "row %zu", i);
        }
        ck_assert_msg(counters().failures >= 4, "row %zu", i);
        ck_assert_msg(seen.unavailable_sent == 5 ||
                          strcmp(nonsense[i], "+OK\r\n+and another\r\n") == 0,
                      "row %zu: %d", i, seen.unavailable_sent);
        close_all();
    }
}
END_TEST

/* A reply without an end must not fill the memory: 1 MiB is the most. */
START_TEST(an_endless_reply_is_cut_off)
{
    char *endless = malloc(3 << 20);
    const char *replies[] = {"+PONG\r\n", endless, NULL};

    for (int row = 0; row < 3; row++) {
        static const char *const starts[] = {"$9000000\r\n", "+", "*60000\r\n"};
        size_t at = (size_t)sprintf(endless, "%s", starts[row]);

        while (at < (2 << 20)) {
            if (row == 2)
                at += (size_t)sprintf(endless + at, "$100\r\n%0100d\r\n", 1);
            else
                endless[at++] = 'x';
        }
        endless[at] = '\0';
        scripted_server_start(&server, replies, 0);
        open_default();
        command(LONG_US, "INCR", "n", NULL);
        ck_assert_msg(run_until(base, &seen.done, 1, WAIT_S), "row %d", row);
        ck_assert_int_eq(seen.unavailable_sent, 1);
        close_all();
    }
    free(endless);
}
END_TEST

START_TEST(one_byte_a_second_meets_the_deadline)
{
    static const char *const replies[] = {"+PONG\r\n", NULL};

    scripted_server_start(&server, replies, US_PER_S);
    open_default();
    for (int i = 0; i < 3; i++) {
        command(TIMEOUT_US, "INCR", "n", NULL);
        ck_assert(run_until(base, &seen.done, 1 + i, WAIT_S));
    }
    ck_assert_int_eq(seen.timeouts, 3);
    ck_assert(!redis_link_is_up(redis));
    command(LONG_US, "INCR", "n", NULL);
    ck_assert(run_until(base, &seen.done, 4, WAIT_S));
    ck_assert_int_eq(seen.unavailable, 1);
    close_all();
}
END_TEST

/* Answers the PING, then nothing: each return of the connection costs one
 * time-out, not three, and they become rarer. */
START_TEST(a_server_on_parole)
{
    static const char *const replies[] = {"+PONG\r\n", "", NULL};
    int timeouts;

    scripted_server_start(&server, replies, 0);
    open_default();
    for (int i = 0; i < 3; i++)
        command(TIMEOUT_US, "INCR", "n", NULL);
    ck_assert(run_until(base, &seen.done, 3, WAIT_S));
    ck_assert_int_eq(seen.timeouts, 3);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000 && !redis_link_is_up(redis); i++)
            run_for(base, 0.01);
        ck_assert(redis_link_is_up(redis));
        timeouts = seen.timeouts;
        command(TIMEOUT_US, "INCR", "n", NULL);
        ck_assert(run_until(base, &seen.timeouts, timeouts + 1, WAIT_S));
        ck_assert(!redis_link_is_up(redis));
    }
    close_all();
}
END_TEST

START_TEST(too_many_commands_under_way_are_refused)
{
    struct redis_options o;

    redis_server_start(&server, false, NULL);
    o = to_server();
    o.max_pending = 5;
    open_with(&o);
    ask("PING", NULL, NULL);
    for (int i = 0; i < 8; i++)
        command(LONG_US, "INCR", "n", NULL);
    ck_assert(run_until(base, &seen.done, 9, WAIT_S));
    ck_assert_int_eq(seen.unavailable, 3);
    ck_assert_int_eq(seen.unavailable_sent, 0);
    ask("INCR", "n", NULL);
    ck_assert_int_eq(seen.integer, 6);
    close_all();
}
END_TEST

START_TEST(a_clogged_connection_is_given_up)
{
    struct redis_options o;

    redis_server_start(&server, false, NULL);
    o = to_server();
    o.max_pending = 5;
    o.circuit_failures = 1000;
    open_with(&o);
    ask("PING", NULL, NULL);
    redis_server_stall(&server);
    for (int i = 0; i < 5; i++)
        command(TIMEOUT_US, "INCR", "n", NULL);
    ck_assert(run_until(base, &seen.timeouts, 5, WAIT_S));
    ck_assert_uint_eq(counters().failures, 0);
    command(TIMEOUT_US, "INCR", "n", NULL);
    ck_assert(run_until(base, &seen.done, 7, WAIT_S));
    ck_assert_uint_eq(counters().failures, 1);
    redis_server_continue(&server);
    ask("PING", NULL, NULL);
    ck_assert_str_eq(seen.text, "PONG");
    close_all();
}
END_TEST

static void on_freed(void *arg, const struct redis_result *result)
{
    const struct text argv[1] = {TEXT("PING")};
    int *flag = arg;

    ck_assert_int_eq(result->status, STATUS_UNAVAILABLE);
    ck_assert_int_eq(
        redis_link_command(redis, false, LONG_US, 1, argv, on_freed, arg),
        STATUS_UNAVAILABLE);
    ++*flag;
}

START_TEST(freeing_completes_what_is_under_way)
{
    const struct text argv[1] = {TEXT("PING")};
    int flag = 0;

    start_and_open();
    ask("PING", NULL, NULL);
    redis_server_stall(&server);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(
            redis_link_command(redis, false, LONG_US, 1, argv, on_freed, &flag),
            STATUS_OK);
        if (i == 4)
            event_base_loop(base, EVLOOP_NONBLOCK);
    }
    redis_link_free(redis);
    redis = NULL;
    ck_assert_int_eq(flag, 10);
    close_all();
}
END_TEST

/* A callback that asks again: neither recursion nor a lost turn. */
static void on_again(void *arg, const struct redis_result *result)
{
    const struct text argv[2] = {TEXT("INCR"), TEXT("n")};
    int *flag = arg;

    ck_assert_int_eq(result->status, STATUS_OK);
    if (++*flag < 1000)
        ck_assert_int_eq(
            redis_link_command(redis, false, LONG_US, 2, argv, on_again, arg),
            STATUS_OK);
}

START_TEST(a_callback_may_ask_again)
{
    const struct text argv[2] = {TEXT("INCR"), TEXT("n")};
    int flag = 0;

    start_and_open();
    ck_assert_int_eq(
        redis_link_command(redis, false, LONG_US, 2, argv, on_again, &flag),
        STATUS_OK);
    ck_assert(run_until(base, &flag, 1000, WAIT_S));
    close_all();
}
END_TEST

START_TEST(deadlines_are_kept_in_any_order)
{
    start_and_open();
    ask("PING", NULL, NULL);
    redis_server_stall(&server);
    command(LONG_US, "INCR", "n", NULL);
    command(2 * TIMEOUT_US, "INCR", "n", NULL);
    command(TIMEOUT_US, "INCR", "n", NULL);
    ck_assert(run_until(base, &seen.done, 3, WAIT_S));
    ck_assert_int_eq(seen.timeouts, 2);
    redis_server_continue(&server);
    ck_assert(run_until(base, &seen.done, 4, WAIT_S));
    ck_assert_int_eq(seen.integer, 1);
    close_all();
}
END_TEST

UNIT_MAIN("base/redis", asks_and_is_answered, replies_nest,
          one_turn_is_one_write, a_full_socket_is_waited_for,
          over_tcp_by_address_and_by_name, a_name_that_does_not_resolve,
          freed_while_a_name_is_resolved, options_that_cannot_work,
          password_and_database, nothing_runs_where_the_greeting_failed,
          a_stalled_server_opens_the_circuit,
          commands_under_way_do_not_wait_for_their_own_deadline,
          a_late_reply_is_dropped_and_the_order_kept,
          a_command_that_waits_for_a_connection_is_withdrawn,
          a_killed_server_fails_fast_and_returns,
          an_idle_connection_that_is_closed_is_no_failure,
          a_loading_server_is_not_up, error_replies_are_replies,
          garbage_ends_the_connection, an_endless_reply_is_cut_off,
          one_byte_a_second_meets_the_deadline, a_server_on_parole,
          too_many_commands_under_way_are_refused,
          a_clogged_connection_is_given_up, freeing_completes_what_is_under_way,
          a_callback_may_ask_again, deadlines_are_kept_in_any_order)
