/* SPDX-License-Identifier: Apache-2.0
 *
 * Sentinels and masters that answer by tables: who is believed, and when. A
 * real failover is in integration/sentinel.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/redis.h"
#include "redis_script.h"
#include "redis_server.h"
#include "unit.h"

#define WAIT_S 20.0
#define TIMEOUT_US (50 * US_PER_MS)
#define LONG_US (20 * US_PER_S) /* no test takes that long */

#define WHO "SENTINEL get-master-addr-by-name cache"
#define VALUE "$5\r\nvalue\r\n"
#define MASTER "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
#define REPLICA                                                                \
    "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:7\r\n"

enum { S1, S2, M1, M2, SERVERS }; /* two sentinels, two masters */

static struct event_base *base;
static struct redis *redis;
static struct redis_script servers[SERVERS];
static char first[64], second[64]; /* the addresses of M1, M2 */

static struct {
    int done;
    enum status status;
    bool sent;
    char text[128];
} last;

static void on_done(void *arg, const struct redis_result *result)
{
    (void)arg;
    last.done++;
    last.status = result->status;
    last.sent = result->sent;
    last.text[0] = '\0';
    if (result->reply != NULL)
        snprintf(last.text, sizeof(last.text), "%.*s",
                 TEXT_ARG(redis_reply_text(result->reply)));
}

static void write_address(char *out, size_t size, int port)
{
    char digits[12];

    snprintf(digits, sizeof(digits), "%d", port);
    snprintf(out, size, "*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n",
             strlen(digits), digits);
}

static void listen_all(void)
{
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < SERVERS; i++)
        redis_script_listen(&servers[i]);
    write_address(first, sizeof(first), servers[M1].port);
    write_address(second, sizeof(second), servers[M2].port);
}

static void open_as(const char *user, const char *password)
{
    struct redis_host seeds[2];
    struct redis_options o;

    base = event_base_new();
    for (int i = 0; i < 2; i++)
        seeds[i] = (struct redis_host){"127.0.0.1", servers[i].port};
    redis_options_default(&o);
    o.layout = REDIS_SENTINEL;
    o.seeds = seeds;
    o.seed_count = 2;
    o.master = "cache";
    o.user = user;
    o.password = password;
    o.look_interval_us = 20 * US_PER_MS;
    o.probe_interval_us = 20 * US_PER_MS;
    memset(&last, 0, sizeof(last));
    ck_assert_int_eq(redis_new(base, clock_system(), &o, &redis), STATUS_OK);
}

static void close_all(void)
{
    redis_free(redis);
    event_base_free(base);
    for (int i = 0; i < SERVERS; i++)
        redis_script_end(&servers[i]);
}

static void ask_within(int64_t timeout_us)
{
    const struct text argv[] = {TEXT("GET"), TEXT("key")};
    int before = last.done;

    ck_assert_int_eq(redis_command(redis, redis_place_of(redis, argv[1]),
                                   timeout_us, 2, argv, on_done, NULL),
                     STATUS_OK);
    ck_assert_int_eq(last.done, before);
    ck_assert(run_until(base, &last.done, before + 1, WAIT_S));
}

static void expect_value(void)
{
    ask_within(LONG_US);
    ck_assert_int_eq(last.status, STATUS_OK);
    ck_assert_str_eq(last.text, "value");
}

static void wait_until_up(bool is_up)
{
    for (int i = 0; i < 1000 && redis_is_up(redis, 0) != is_up; i++)
        run_for(base, 0.01);
    ck_assert_int_eq(redis_is_up(redis, 0), is_up);
}

static struct redis_counters counters(void)
{
    struct redis_counters c;

    redis_counters_get(redis, &c);
    return c;
}

static const struct redis_rule good_master[] = {
    {"ROLE", 0, MASTER}, {"GET", 0, VALUE}, {NULL, 0, NULL}};

START_TEST(the_master_that_they_name)
{
    const struct redis_rule sentinel[] = {{WHO, 0, second}, {NULL, 0, NULL}};

    listen_all();
    redis_script_serve(&servers[S1], sentinel);
    redis_script_serve(&servers[M2], good_master);
    open_as(NULL, NULL);
    for (int i = 0; i < 5; i++)
        expect_value(); /* the first one waits for the name */
    ck_assert_int_eq(servers[M2].used[1], 5);
    ck_assert_int_eq(servers[M2].used[0], 1);
    close_all();
}
END_TEST

START_TEST(sentinels_are_asked_in_turn)
{
    static const char *const rows[] = {
        "*-1\r\n",
        "$-1\r\n",
        "+OK\r\n",
        "*1\r\n$1\r\na\r\n",
        "*2\r\n$0\r\n\r\n$4\r\n7000\r\n",
        "*2\r\n$1\r\na\r\n$1\r\n0\r\n",
        "*2\r\n$1\r\na\r\n$5\r\n70000\r\n",
        "*2\r\n$1\r\na\r\n:7000\r\n",
        "-ERR unknown command\r\n",
        "<",
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct redis_rule useless[] = {{WHO, 0, rows[i]},
                                             {NULL, 0, NULL}};
        const struct redis_rule good[] = {{WHO, 0, first}, {NULL, 0, NULL}};

        listen_all();
        redis_script_serve(&servers[S1], useless);
        redis_script_serve(&servers[S2], good);
        redis_script_serve(&servers[M1], good_master);
        open_as(NULL, NULL);
        expect_value();
        close_all();
    }
}
END_TEST

/* A sentinel that was cut off names a master of the past. */
START_TEST(one_that_is_no_master_is_not_used)
{
    const struct redis_rule stale[] = {{WHO, 0, first}, {NULL, 0, NULL}};
    const struct redis_rule good[] = {{WHO, 0, second}, {NULL, 0, NULL}};
    const struct redis_rule replica[] = {
        {"ROLE", 0, REPLICA}, {"GET", 0, VALUE}, {NULL, 0, NULL}};

    listen_all();
    redis_script_serve(&servers[S1], stale);
    redis_script_serve(&servers[S2], good);
    redis_script_serve(&servers[M1], replica);
    redis_script_serve(&servers[M2], good_master);
    open_as(NULL, NULL);
    ask_within(LONG_US); /* a look was in vain; it does not wait for more */
    ck_assert_int_eq(last.status, STATUS_UNAVAILABLE);
    ck_assert(!last.sent);
    wait_until_up(true);
    expect_value();
    ck_assert_int_eq(servers[M1].used[1], 0);
    ck_assert_int_eq(servers[M2].used[1], 1);
    close_all();
}
END_TEST

START_TEST(nobody_answers_and_nothing_waits)
{
    const struct redis_rule silent[] = {{WHO, 0, ""}, {NULL, 0, NULL}};

    listen_all();
    redis_script_serve(&servers[S1], silent);
    redis_script_serve(&servers[S2], silent);
    open_as(NULL, NULL);
    ask_within(TIMEOUT_US);
    ck_assert_int_eq(last.status, STATUS_TIMEOUT);
    ck_assert(!last.sent);
    ask_within(LONG_US);
    ck_assert_int_eq(last.status, STATUS_UNAVAILABLE);
    close_all();
}
END_TEST

START_TEST(a_master_that_dies_is_replaced)
{
    const struct redis_rule sentinel[] = {
        {WHO, 1, first}, {WHO, 0, second}, {NULL, 0, NULL}};
    const struct redis_rule dying[] = {{"ROLE", 0, MASTER},
                                       {"GET", 1, VALUE},
                                       {"GET", 0, "<"},
                                       {NULL, 0, NULL}};

    listen_all();
    redis_script_serve(&servers[S1], sentinel);
    redis_script_serve(&servers[M1], dying);
    redis_script_serve(&servers[M2], good_master);
    open_as(NULL, NULL);
    expect_value();
    ask_within(LONG_US);
    ck_assert_int_eq(last.status, STATUS_UNAVAILABLE);
    ck_assert(last.sent); /* it may have been done, and is not sent again */
    for (int i = 0; i < 1000 && counters().switches == 0; i++)
        run_for(base, 0.01);
    expect_value();
    ck_assert_int_eq(servers[M2].used[1], 1);
    close_all();
}
END_TEST

START_TEST(READONLY_has_the_sentinels_asked_again)
{
    const struct redis_rule sentinel[] = {
        {WHO, 1, first}, {WHO, 0, second}, {NULL, 0, NULL}};
    const struct redis_rule demoted[] = {
        {"ROLE", 0, MASTER},
        {"GET", 0,
         "-READONLY You can't write against a read only replica.\r\n"},
        {NULL, 0, NULL}};

    listen_all();
    redis_script_serve(&servers[S1], sentinel);
    redis_script_serve(&servers[M1], demoted);
    redis_script_serve(&servers[M2], good_master);
    open_as(NULL, NULL);
    ask_within(LONG_US);
    ck_assert(strncmp(last.text, "READONLY", 8) == 0);
    ck_assert(!redis_is_up(redis, 0)); /* until another one is found */
    wait_until_up(true);
    expect_value();
    close_all();
}
END_TEST

/* It answers and nobody says that it is gone, but it is no longer what the
 * sentinels name: what it is told is lost. */
START_TEST(a_master_that_was_replaced_unseen_is_left)
{
    const struct redis_rule sentinel[] = {
        {WHO, 1, first}, {WHO, 0, second}, {NULL, 0, NULL}};

    listen_all();
    redis_script_serve(&servers[S1], sentinel);
    redis_script_serve(&servers[M1], good_master);
    redis_script_serve(&servers[M2], good_master);
    open_as(NULL, NULL);
    expect_value();
    ck_assert_int_eq(servers[M1].used[1], 1);
    for (int i = 0; i < 1000 && counters().switches == 0; i++)
        run_for(base, 0.01);
    expect_value();
    ck_assert_int_eq(servers[M2].used[1], 1);
    close_all();
}
END_TEST

/* As long as the master answers, sentinels may come and go. */
START_TEST(sentinels_that_vanish_change_nothing)
{
    const struct redis_rule sentinel[] = {{WHO, 1, first}, {NULL, 0, NULL}};
    uint64_t looks;

    listen_all();
    redis_script_serve(&servers[S1], sentinel);
    redis_script_serve(&servers[M1], good_master);
    open_as(NULL, NULL);
    expect_value();
    looks = counters().looks;
    for (int i = 0; i < 1000 && counters().looks < looks + 2; i++)
        run_for(base, 0.01);
    ck_assert_uint_ge(counters().looks, looks + 2);
    ck_assert(redis_is_whole(redis));
    expect_value();
    close_all();
}
END_TEST

START_TEST(a_password_is_shown_to_sentinels_that_ask_for_it)
{
    const struct redis_rule open[] = {
        {"AUTH", 0,
         "-ERR AUTH <password> called without any password "
         "configured for the default user\r\n"},
        {WHO, 0, first},
        {NULL, 0, NULL}};
    const struct redis_rule locked[] = {
        {"AUTH secret", 0, "+OK\r\n"},
        {"PING", 1, "-NOAUTH Authentication required.\r\n"},
        {WHO, 0, first},
        {NULL, 0, NULL}};
    const struct redis_rule *const rows[] = {open, locked};
    const struct redis_rule master[] = {{"AUTH secret", 0, "+OK\r\n"},
                                        {"ROLE", 0, MASTER},
                                        {"GET", 0, VALUE},
                                        {NULL, 0, NULL}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        listen_all();
        redis_script_serve(&servers[S1], rows[i]);
        redis_script_serve(&servers[M1], master);
        open_as(NULL, "secret");
        expect_value();
        ck_assert_int_eq(servers[S1].used[0], (int)i);
        ck_assert_int_ge(servers[M1].used[0], 1);
        close_all();
    }
}
END_TEST

START_TEST(options_that_cannot_work)
{
    const struct redis_host seed = {"127.0.0.1", 1};
    struct redis_options o;

    base = event_base_new();
    redis_options_default(&o);
    o.layout = REDIS_SENTINEL;
    o.master = "cache";
    ck_assert_int_eq(redis_new(base, clock_system(), &o, &redis),
                     STATUS_INVALID);
    o.master = NULL;
    o.seeds = &seed;
    o.seed_count = 1;
    ck_assert_int_eq(redis_new(base, clock_system(), &o, &redis),
                     STATUS_INVALID);
    event_base_free(base);
}
END_TEST

START_TEST(freeing_completes_what_is_held_and_what_is_under_way)
{
    const struct redis_rule sentinel[] = {{WHO, 0, first}, {NULL, 0, NULL}};
    const struct redis_rule silent[] = {
        {"ROLE", 0, MASTER}, {"GET", 0, ""}, {NULL, 0, NULL}};
    const struct text argv[] = {TEXT("GET"), TEXT("key")};

    for (int is_held = 0; is_held < 2; is_held++) {
        listen_all();
        redis_script_serve(&servers[S1], sentinel);
        redis_script_serve(&servers[M1], silent);
        open_as(NULL, NULL);
        ck_assert_int_eq(
            redis_command(redis, 0, LONG_US, 2, argv, on_done, NULL),
            STATUS_OK);
        if (!is_held)
            for (int i = 0; i < 1000 && servers[M1].used[1] == 0; i++)
                run_for(base, 0.01);
        close_all();
        ck_assert_int_eq(last.done, 1);
        ck_assert_int_eq(last.status, STATUS_UNAVAILABLE);
        ck_assert_int_eq(last.sent, !is_held);
    }
}
END_TEST

UNIT_MAIN("base/redis_sentinel", the_master_that_they_name,
          sentinels_are_asked_in_turn, one_that_is_no_master_is_not_used,
          nobody_answers_and_nothing_waits, a_master_that_dies_is_replaced,
          READONLY_has_the_sentinels_asked_again,
          a_master_that_was_replaced_unseen_is_left,
          sentinels_that_vanish_change_nothing,
          a_password_is_shown_to_sentinels_that_ask_for_it,
          options_that_cannot_work,
          freeing_completes_what_is_held_and_what_is_under_way)
