/* SPDX-License-Identifier: Apache-2.0
 *
 * Which number a chat sends from: the cache of this process, and Redis.
 */
#include "sender/sender.h"

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/redis.h"
#include "redis_server.h"
#include "unit.h"

#define WAIT_S 10.0
#define LONG_US (10 * US_PER_S)
#define CHAT "550e8400-e29b-41d4-a716-446655440000"
#define NUMBER "+14155550100"

static struct event_base *base;
static struct sender_shared *shared;
static struct redis *redis;
static struct sender *sender;
static struct redis_server server;

static mono_us imaginary_now;

static mono_us imaginary_mono(void *arg)
{
    (void)arg;
    return imaginary_now;
}

static const struct clock imaginary = {imaginary_mono, NULL, NULL};

static void open_sender(size_t max_chats, bool with_redis)
{
    signal(SIGPIPE, SIG_IGN);
    imaginary_now = 1000 * US_PER_S;
    base = event_base_new();
    shared = sender_shared_new(max_chats, &imaginary);
    ck_assert_ptr_nonnull(shared);
    redis = NULL;
    if (with_redis) {
        struct redis_options o;

        redis_options_default(&o);
        o.path = server.path;
        o.probe_interval_us = 20 * US_PER_MS;
        ck_assert_int_eq(redis_new(base, clock_system(), &o, &redis),
                         STATUS_OK);
    }
    ck_assert_int_eq(
        sender_new(base, &imaginary, shared, redis, LONG_US, &sender),
        STATUS_OK);
}

static void close_sender(void)
{
    sender_free(sender);
    redis_free(redis);
    sender_shared_free(shared);
    event_base_free(base);
}

static void learn(const char *chat, const char *number)
{
    sender_learn(sender, text_of(chat), text_of(number));
}

static const char *cached(const char *chat)
{
    static char out[SENDER_NUMBER_SIZE];

    return sender_cached(sender, text_of(chat), out) ? out : "";
}

static struct {
    int done;
    enum status status;
    char number[SENDER_NUMBER_SIZE];
} found;

static void on_found(void *arg, enum status status, const char *number)
{
    (void)arg;
    found.done++;
    found.status = status;
    ck_assert((status == STATUS_OK) == (number != NULL));
    snprintf(found.number, sizeof(found.number), "%s", number ? number : "");
}

static enum status find(const char *chat)
{
    struct sender_search *search = NULL;
    int before = found.done;

    ck_assert_int_eq(
        sender_find(sender, text_of(chat), on_found, NULL, &search), STATUS_OK);
    ck_assert_int_eq(found.done, before);
    ck_assert(run_until(base, &found.done, before + 1, WAIT_S));
    return found.status;
}

START_TEST(numbers)
{
    static const char *const good[] = {"+12", "+14155550100",
                                       "+123456789012345"};
    static const char *const bad[] = {"",
                                      "+",
                                      "+1",
                                      "+02",
                                      "12",
                                      "14155550100",
                                      "+1234567890123456",
                                      "+1 415",
                                      "+1415555010a",
                                      " +14155550100",
                                      "+14155550100 ",
                                      "++1415",
                                      "jane@example.com",
                                      "+1415555010\n"};

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        ck_assert_msg(sender_is_number(text_of(good[i])), "%s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(!sender_is_number(text_of(bad[i])), "%s", bad[i]);
    ck_assert(!sender_is_number(text_make("+1\0", 3)));
    ck_assert(!sender_is_number(text_make(NULL, 0)));
}
END_TEST

START_TEST(learned_and_cached_in_any_case)
{
    open_sender(10, false);
    ck_assert_str_eq(cached(CHAT), "");
    learn("550E8400-E29B-41D4-A716-446655440000", NUMBER);
    ck_assert_str_eq(cached(CHAT), NUMBER);
    ck_assert_str_eq(cached("550e8400-E29B-41D4-A716-446655440000"), NUMBER);
    learn(CHAT, "+14155550101"); /* a later answer knows better */
    ck_assert_str_eq(cached(CHAT), "+14155550101");
    learn(CHAT, "+12");
    ck_assert_str_eq(cached(CHAT), "+12");
    ck_assert_uint_eq(sender_shared_count(shared), 1);
    close_sender();
}
END_TEST

START_TEST(what_is_no_number_or_no_chat_is_not_learned)
{
    char *long_id = calloc(1, SENDER_CHAT_MAX + 2);

    memset(long_id, 'a', SENDER_CHAT_MAX + 1);
    open_sender(10, false);
    learn(CHAT, "jane@example.com");
    learn(CHAT, "");
    learn("", NUMBER);
    learn(long_id, NUMBER);
    ck_assert_uint_eq(sender_shared_count(shared), 0);
    ck_assert_str_eq(cached(long_id), "");
    ck_assert_str_eq(cached(""), "");
    long_id[SENDER_CHAT_MAX] = '\0';
    learn(long_id, NUMBER);
    ck_assert_str_eq(cached(long_id), NUMBER);
    free(long_id);
    close_sender();
}
END_TEST

START_TEST(the_chat_used_longest_ago_makes_room)
{
    char chat[24];

    open_sender(100, false);
    learn("kept", NUMBER);
    for (int i = 0; i < 5000; i++) {
        snprintf(chat, sizeof(chat), "chat-%d", i);
        learn(chat, "+14155550101");
        if (strcmp(cached("kept"), NUMBER) != 0)
            ck_abort_msg("forgotten after %d", i);
        if (sender_shared_count(shared) > 100)
            ck_abort_msg("%zu chats", sender_shared_count(shared));
    }
    ck_assert_str_eq(cached("chat-4999"), "+14155550101");
    ck_assert_str_eq(cached("chat-4901"), "+14155550101");
    ck_assert_str_eq(cached("chat-4900"), "");
    close_sender();
}
END_TEST

START_TEST(room_for_one)
{
    open_sender(0, false);
    learn("a", "+11");
    learn("b", "+22");
    ck_assert_str_eq(cached("a"), "");
    ck_assert_str_eq(cached("b"), "+22");
    learn("b", "+33");
    ck_assert_str_eq(cached("b"), "+33");
    ck_assert_uint_eq(sender_shared_count(shared), 1);
    close_sender();
}
END_TEST

static void *learn_many(void *arg)
{
    struct sender *s = arg;
    char chat[16], number[SENDER_NUMBER_SIZE];

    for (int i = 0; i < 20000; i++) {
        snprintf(chat, sizeof(chat), "chat-%d", i % 300);
        snprintf(number, sizeof(number), "+1%d", i % 300 + 100);
        sender_learn(s, text_of(chat), text_of(number));
        if (sender_cached(s, text_of(chat), number))
            CHECK(atoi(number + 2) == i % 300 + 100);
    }
    return NULL;
}

START_TEST(threads_share_one_cache)
{
    pthread_t threads[4];

    open_sender(100, false);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, learn_many, sender),
                         0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(sender_shared_count(shared), 100);
    close_sender();
}
END_TEST

START_TEST(without_redis_nothing_is_found)
{
    struct sender_search *search;

    open_sender(10, false);
    ck_assert_int_eq(
        sender_find(sender, text_of(CHAT), on_found, NULL, &search),
        STATUS_NOT_FOUND);
    close_sender();
}
END_TEST

/* What one process has learned, the next one finds. */
START_TEST(redis_keeps_it_for_a_day)
{
    char out[64];
    long ttl;

    redis_server_start(&server, false, NULL);
    open_sender(10, true);
    ck_assert_int_eq(find(CHAT), STATUS_NOT_FOUND);
    learn("550E8400-E29B-41D4-A716-446655440000", NUMBER);
    ck_assert_int_eq(find(CHAT), STATUS_OK); /* pipelined behind it */
    close_sender();

    redis_server_ask(&server, "GET chatgate:chat:{" CHAT "}:from", out,
                     sizeof(out));
    ck_assert_str_eq(out, "$12\r\n" NUMBER "\r\n");
    ttl = redis_server_ask_number(&server, "TTL chatgate:chat:{" CHAT "}:from");
    ck_assert(ttl > 86000 && ttl <= 86400);

    open_sender(10, true);
    ck_assert_str_eq(cached(CHAT), "");
    ck_assert_int_eq(find("550E8400-e29b-41d4-a716-446655440000"), STATUS_OK);
    ck_assert_str_eq(found.number, NUMBER);
    ck_assert_str_eq(cached(CHAT), NUMBER); /* and keeps it */
    close_sender();
    redis_server_remove(&server);
}
END_TEST

START_TEST(what_redis_holds_is_not_believed_blindly)
{
    static const char *const values[] = {
        "SET chatgate:chat:{" CHAT "}:from jane@example.com",
        "SET chatgate:chat:{" CHAT "}:from +12345678901234567890",
        "SET chatgate:chat:{" CHAT "}:from +",
    };
    char out[64];

    redis_server_start(&server, false, NULL);
    open_sender(10, true);
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        redis_server_ask(&server, values[i], out, sizeof(out));
        ck_assert_int_eq(find(CHAT), STATUS_NOT_FOUND);
        ck_assert_str_eq(cached(CHAT), "");
    }
    redis_server_ask(&server, "DEL chatgate:chat:{" CHAT "}:from", out,
                     sizeof(out));
    redis_server_ask(&server, "RPUSH chatgate:chat:{" CHAT "}:from " NUMBER,
                     out, sizeof(out));
    ck_assert_int_eq(find(CHAT), STATUS_NOT_FOUND); /* an error's answer */
    close_sender();
    redis_server_remove(&server);
}
END_TEST

static long set_calls(void)
{
    char out[8192];
    const char *at;

    redis_server_ask(&server, "INFO commandstats", out, sizeof(out));
    at = strstr(out, "cmdstat_set:calls=");
    return at == NULL ? 0 : strtol(at + strlen("cmdstat_set:calls="), NULL, 10);
}

START_TEST(the_same_news_is_written_once_an_hour)
{
    redis_server_start(&server, false, NULL);
    open_sender(10, true);
    for (int i = 0; i < 100; i++)
        learn(CHAT, NUMBER);
    ck_assert_int_eq(find(CHAT), STATUS_OK);
    ck_assert_int_eq(set_calls(), 1);
    imaginary_now += 3601 * US_PER_S;
    learn(CHAT, NUMBER);
    learn(CHAT, NUMBER);
    ck_assert_int_eq(find(CHAT), STATUS_OK);
    ck_assert_int_eq(set_calls(), 2);
    learn(CHAT, "+14155550101"); /* news */
    ck_assert_int_eq(find(CHAT), STATUS_OK);
    ck_assert_str_eq(found.number, "+14155550101");
    ck_assert_int_eq(set_calls(), 3);
    close_sender();
    redis_server_remove(&server);
}
END_TEST

START_TEST(learned_while_redis_is_away_is_written_when_it_is_back)
{
    redis_server_start(&server, false, NULL);
    open_sender(10, true);
    redis_server_kill(&server);
    for (int i = 0; i < 1000 && redis_is_up(redis, 0); i++) {
        ck_assert_int_eq(find("nobody"), STATUS_UNAVAILABLE);
        run_for(base, 0.001);
    }
    learn(CHAT, NUMBER);
    ck_assert_str_eq(cached(CHAT), NUMBER);
    redis_server_restart(&server);
    for (int i = 0; i < 1000 && !redis_is_up(redis, 0); i++)
        run_for(base, 0.01);
    ck_assert_int_eq(find(CHAT), STATUS_NOT_FOUND);
    learn(CHAT, NUMBER);
    ck_assert_int_eq(find(CHAT), STATUS_OK);
    close_sender();
    redis_server_remove(&server);
}
END_TEST

/* A few wait, and say so; then it is known to be away, and nobody does. */
START_TEST(a_stalled_redis_is_unavailable_in_time)
{
    int waited = 0;

    redis_server_start(&server, false, NULL);
    open_sender(10, true);
    sender_free(sender);
    ck_assert_int_eq(
        sender_new(base, &imaginary, shared, redis, 50000, &sender), STATUS_OK);
    redis_server_stall(&server);
    for (; waited < 20 && find(CHAT) == STATUS_TIMEOUT; waited++)
        ;
    ck_assert_int_ge(waited, 1);
    ck_assert_int_le(waited, 3);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(find(CHAT), STATUS_UNAVAILABLE);
    redis_server_continue(&server);
    close_sender();
    redis_server_remove(&server);
}
END_TEST

START_TEST(cancelled_and_freed_with_searches_under_way)
{
    struct sender_search *search[3];

    redis_server_start(&server, false, NULL);
    open_sender(10, true);
    ck_assert_int_eq(find(CHAT), STATUS_NOT_FOUND);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(
            sender_find(sender, text_of(CHAT), on_found, NULL, &search[i]),
            STATUS_OK);
    sender_search_cancel(search[1]);
    ck_assert(run_until(base, &found.done, 3, WAIT_S));
    run_for(base, 0.02);
    ck_assert_int_eq(found.done, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(
            sender_find(sender, text_of(CHAT), on_found, NULL, &search[i]),
            STATUS_OK);
    sender_search_cancel(search[0]);
    close_sender();
    ck_assert_int_eq(found.done, 3);
    redis_server_remove(&server);
}
END_TEST

UNIT_MAIN("sender/sender", numbers, learned_and_cached_in_any_case,
          what_is_no_number_or_no_chat_is_not_learned,
          the_chat_used_longest_ago_makes_room, room_for_one,
          threads_share_one_cache, without_redis_nothing_is_found,
          redis_keeps_it_for_a_day, what_redis_holds_is_not_believed_blindly,
          the_same_news_is_written_once_an_hour,
          learned_while_redis_is_away_is_written_when_it_is_back,
          a_stalled_redis_is_unavailable_in_time,
          cancelled_and_freed_with_searches_under_way)
