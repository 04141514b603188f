/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/sender.c - requests about a chat are charged to the number that
 * the chat sends from, learned from the upstream's answers.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "integration/expect.h"

#define FROM "+14155550100"
#define OTHER "+14155550101"
#define FOUR                                                                   \
    "{\"name\":\"test\",\"limits\":[{\"name\":\"burst\",\"per\":[\"sender\"]," \
    "\"capacity\":4,\"refill\":\"0/s\"}]}"
#define MESSAGE                                                                \
    "{\"message\":{\"parts\":[{\"type\":\"text\",\"value\":\"hello\"}]}}"

static struct rig rig;
static char path[128];

static const char *path_of(const char *chat, const char *rest)
{
    snprintf(path, sizeof path, "/v3/chats/%s%s", chat, rest);
    return path;
}

/* A chat made through the gateway (or behind its back, at `port`). */
static void make_chat(int port, const char *from, char out[64])
{
    char *body = rig_create_body(from, "hello");
    struct wire_answer a;

    wire_call(port, "POST", "/v3/chats", NULL, body, &a);
    ck_assert_int_eq(a.status, 201);
    snprintf(out, 64, "%s", wire_text(wire_answer_json(&a), "/chat/id"));
    wire_answer_release(&a);
    free(body);
}

/* Send to the chat; the audit line must say this. */
static void send_and_expect(const char *chat, int status, const char *from,
                            const char *source)
{
    const struct json_value *line;
    struct rig_audit lines;
    struct wire_answer a;

    wire_call(rig.port, "POST", path_of(chat, "/messages"), NULL, MESSAGE, &a);
    ck_assert_int_eq(a.status, status);
    line = expect_line(&rig, &lines, &a);
    expect_member(line, "from", from);
    expect_member(line, "from_source", source);
    rig_audit_release(&lines);
    wire_answer_release(&a);
}

static const enum rig_redis stores[] = {RIG_REDIS, RIG_NO_REDIS};

static void start(int store)
{
    rig_start(&rig,
              &(struct rig_options){.redis = stores[store], .policy = FOUR});
}

START_TEST(a_chat_made_through_the_gateway_is_known)
{
    char chat[64];

    start(_i);
    make_chat(rig.port, FROM, chat);
    for (int i = 0; i < 3; i++)
        send_and_expect(chat, 202, FROM, "chat");
    send_and_expect(chat, 429, FROM, "chat");
    ck_assert_int_eq(rig_delivered(&rig), 4);
    ck_assert_int_eq(expect_create_status(&rig, OTHER), 201);
    rig_stop(&rig);
}
END_TEST

/* All fourteen, each of them for one token of the same bucket. */
START_TEST(every_operation_is_charged_to_the_number)
{
    static const struct {
        const char *method, *rest, *body;
    } calls[] = {
        {"GET", "", NULL},
        {"PUT", "", "{\"display_name\":\"x\"}"},
        {"POST", "/read", ""},
        {"POST", "/messages", MESSAGE},
        {"GET", "/messages", NULL},
        {"POST", "/typing", ""},
        {"DELETE", "/typing", NULL},
        {"POST", "/participants", "{\"handle\":\"+14155550155\"}"},
        {"DELETE", "/participants", "{\"handle\":\"+14155550155\"}"},
        {"POST", "/share_contact_card", ""},
        {"POST", "/voicememo",
         "{\"voice_memo_url\":\"https://example.com/memo.m4a\"}"},
        {"POST", "/leave", ""},
    };
    const int all = 2 + (int)ARRAY_LEN(calls);
    const struct json_value *line;
    struct rig_audit lines;
    struct wire_answer a;
    char chat[64];

    rig_start(&rig, &(struct rig_options){
                        .redis = stores[_i],
                        .policy = "{\"name\":\"test\",\"limits\":[{\"name\":"
                                  "\"burst\",\"per\":[\"sender\"],"
                                  "\"capacity\":14,\"refill\":\"0/s\"}]}"});
    ck_assert_int_eq(all, 14);
    make_chat(rig.port, FROM, chat);
    for (int i = 1; i < all; i++) {
        if (i == all - 1)
            wire_call(rig.port, "GET", "/v3/chats?from=%2B14155550100", NULL,
                      NULL, &a);
        else
            wire_call(rig.port, calls[i - 1].method,
                      path_of(chat, calls[i - 1].rest), NULL, calls[i - 1].body,
                      &a);
        ck_assert_msg(a.status / 100 == 2, "%d: %d %s", i, a.status,
                      a.body.data);
        line = expect_line(&rig, &lines, &a);
        expect_member(line, "from", FROM);
        expect_member(line, "from_source", i == all - 1 ? "query" : "chat");
        ck_assert_int_eq(wire_int(line, "/limits/0/remaining"), all - 1 - i);
        rig_audit_release(&lines);
        wire_answer_release(&a);
    }
    wire_call(rig.port, "DELETE", path_of(chat, "/typing"), NULL, NULL, &a);
    expect_refusal(&a, 429, 4001, "limit.test.burst", NULL);
    wire_answer_release(&a);
    rig_stop(&rig);
}
END_TEST

START_TEST(the_id_is_the_same_in_any_case)
{
    char chat[64], upper[64];

    start(_i);
    make_chat(rig.port, FROM, chat);
    for (size_t i = 0; i <= strlen(chat); i++)
        upper[i] =
            (char)(chat[i] >= 'a' && chat[i] <= 'f' ? chat[i] - 32 : chat[i]);
    send_and_expect(upper, 202, FROM, "chat");
    rig_stop(&rig);
}
END_TEST

START_TEST(a_list_shows_chats_too)
{
    struct wire_answer a;
    char chat[64];

    start(_i);
    make_chat(rig.stub_port, OTHER, chat); /* behind the gateway's back */
    wire_call(rig.port, "GET", "/v3/chats?from=%2B14155550101", NULL, NULL, &a);
    ck_assert_int_eq(a.status, 200);
    wire_answer_release(&a);
    send_and_expect(chat, 202, OTHER, "chat");
    rig_stop(&rig);
}
END_TEST

START_TEST(redis_keeps_what_was_learned)
{
    char chat[64];

    start(0);
    make_chat(rig.port, FROM, chat);
    rig_gateway_stop(&rig);
    rig_gateway_start(&rig);
    send_and_expect(chat, 202, FROM, "chat");
    rig_stop(&rig);
}
END_TEST

/* ---- chats that nobody has seen ---- */

#define NOBODYS "018f3b6c-0000-7000-8000-000000000001"

/* Requests with that method that reached the upstream since the start. */
static int sent(const char *method)
{
    struct json_document *log = rig_stub_log(&rig);
    const struct json_value *entries = json_get(log->root, "entries");
    int count = 0;

    for (size_t i = 0; i < entries->count; i++)
        count += text_is(json_get(entries->items[i], "method")->text, method);
    json_free(log);
    return count;
}

START_TEST(a_chat_nobody_has_seen_is_looked_up_once)
{
    char chat[64];

    start(_i);
    make_chat(rig.stub_port, FROM, chat);
    send_and_expect(chat, 202, FROM, "lookup");
    ck_assert_int_eq(sent("GET"), 1);
    for (int i = 0; i < 3; i++)
        send_and_expect(chat, 202, FROM, "chat");
    send_and_expect(chat, 429, FROM, "chat");
    ck_assert_int_eq(sent("GET"), 1);
    ck_assert_int_eq(sent("POST"), 1 + 4); /* one went past the gateway */
    rig_stop(&rig);
}
END_TEST

START_TEST(the_lookup_carries_the_callers_credential)
{
    struct json_document *log;
    struct wire_answer a;
    char chat[64];

    start(_i);
    make_chat(rig.stub_port, FROM, chat);
    wire_call(rig.port, "POST", path_of(chat, "/typing"),
              "Authorization: Bearer of-my-own\r\n", "", &a);
    ck_assert_int_eq(a.status, 204);
    wire_answer_release(&a);
    log = rig_stub_log(&rig);
    ck_assert_str_eq(wire_text(log->root, "/entries/1/method"), "GET");
    ck_assert_str_eq(expect_sent_header(log, 1, "authorization", NULL),
                     "Bearer of-my-own");
    json_free(log);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_chat_that_is_not_there_is_404)
{
    struct rig_audit lines;
    struct wire_answer a;

    start(_i);
    wire_call(rig.port, "POST", path_of(NOBODYS, "/messages"), NULL, MESSAGE,
              &a);
    ck_assert_int_eq(a.status, 404);
    ck_assert_int_eq(wire_int(wire_answer_json(&a), "/error/code"), 2001);
    ck_assert_int_eq(sent("POST"), 0);
    expect_member(expect_line(&rig, &lines, &a), "delivery", "none");
    rig_audit_release(&lines);
    wire_answer_release(&a);
    rig_stop(&rig);
}
END_TEST

START_TEST(for_get_chat_the_lookup_is_the_answer)
{
    struct rig_audit lines;
    struct wire_answer a;
    char chat[64];

    start(_i);
    make_chat(rig.stub_port, FROM, chat);
    wire_call(rig.port, "GET", path_of(chat, ""), NULL, NULL, &a);
    ck_assert_int_eq(a.status, 200);
    ck_assert_str_eq(wire_text(wire_answer_json(&a), "/id"), chat);
    ck_assert_int_eq(sent("GET"), 1);
    expect_member(expect_line(&rig, &lines, &a), "trace_id",
                  wire_text(wire_answer_json(&a), "/trace_id"));
    rig_audit_release(&lines);
    wire_answer_release(&a);
    rig_stop(&rig);
}
END_TEST

/* Of the next `times` requests for a chat; 0: of all. */
static void fail_lookups(const char *fault, int times)
{
    struct wire_answer a;
    char rule[256];

    snprintf(rule, sizeof rule,
             "{\"fault\":\"%s\",\"times\":%d,\"method\":\"GET\"}", fault,
             times);
    wire_call(rig.stub_port, "POST", "/_stub/fault", NULL, rule, &a);
    ck_assert_int_eq(a.status, 204);
    wire_answer_release(&a);
}

/* Before it is charged it is held back, which has a bound; it was once cut
 * off there. */
START_TEST(for_get_chat_the_lookup_may_be_large)
{
    const struct json_value *line;
    struct rig_audit lines;
    struct wire_answer a;
    char chat[64];

    start(_i);
    make_chat(rig.stub_port, FROM, chat);
    wire_call(rig.port, "GET", path_of(chat, ""), "X-Stub-Fault: huge=3MiB\r\n",
              NULL, &a);
    ck_assert_int_eq(a.status, 200);
    ck_assert_uint_ge(a.body.len, 3 << 20);
    ck_assert_int_eq(sent("GET"), 2);
    line = expect_line(&rig, &lines, &a);
    /* No handles in what could be held: the chat was charged. */
    expect_member(line, "from", "");
    expect_member(line, "from_source", "unknown");
    expect_member(line, "decision", "forwarded");
    ck_assert_int_eq(wire_int(line, "/bytes_out"), (int64_t)a.body.len);
    rig_audit_release(&lines);
    wire_answer_release(&a);
    rig_stop(&rig);
}
END_TEST

/* Whoever asks for a pause gets it; the request is not sent behind its back,
 * and the client is told how long. */
START_TEST(an_upstream_that_limits_lookups_is_obeyed)
{
    struct rig_audit lines;
    struct wire_answer a;
    char chat[64];

    start(_i);
    make_chat(rig.stub_port, FROM, chat);
    fail_lookups("status=429;header=Retry-After: 7", 0);
    for (int i = 0; i < 3; i++) {
        wire_call(rig.port, "POST", path_of(chat, "/messages"), NULL, MESSAGE,
                  &a);
        expect_refusal(&a, 429, 4001, "sender.lookup_limited", "");
        ck_assert_str_eq(wire_answer_header(&a, "retry-after"), "7");
        ck_assert_str_eq(wire_answer_header(&a, "retry-after-ms"), "7000");
        expect_member(expect_line(&rig, &lines, &a), "decision", "limited");
        rig_audit_release(&lines);
        wire_answer_release(&a);
    }
    ck_assert_int_eq(sent("POST"), 1);
    ck_assert_int_eq(sent("GET"), 1);
    rig_stop(&rig);
}
END_TEST

/* A time-out says nothing about the next try. */
START_TEST(a_lookup_that_took_too_long_is_tried_again)
{
    char chat[64];

    start(_i);
    make_chat(rig.stub_port, FROM, chat);
    fail_lookups("status=408", 1);
    send_and_expect(chat, 202, "", "unknown");
    send_and_expect(chat, 202, FROM, "lookup");
    rig_stop(&rig);
}
END_TEST

/* The upstream cannot tell: then the chat itself is charged. */
START_TEST(a_chat_whose_sender_cannot_be_found_pays_for_itself)
{
    char chat[64];

    start(_i);
    make_chat(rig.stub_port, FROM, chat);
    fail_lookups("status=500", 0);
    for (int i = 0; i < 4; i++)
        send_and_expect(chat, 202, "", "unknown");
    send_and_expect(chat, 429, "", "unknown");
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    rig_stop(&rig);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("sender");
    TCase *t = rig_tcase(s, "sender");
    const int n = (int)ARRAY_LEN(stores);

    tcase_add_loop_test(t, a_chat_made_through_the_gateway_is_known, 0, n);
    tcase_add_loop_test(t, every_operation_is_charged_to_the_number, 0, n);
    tcase_add_loop_test(t, the_id_is_the_same_in_any_case, 0, n);
    tcase_add_loop_test(t, a_list_shows_chats_too, 0, n);
    tcase_add_test(t, redis_keeps_what_was_learned);
    tcase_add_loop_test(t, a_chat_nobody_has_seen_is_looked_up_once, 0, n);
    tcase_add_loop_test(t, the_lookup_carries_the_callers_credential, 0, n);
    tcase_add_loop_test(t, a_chat_that_is_not_there_is_404, 0, n);
    tcase_add_loop_test(t, for_get_chat_the_lookup_is_the_answer, 0, n);
    tcase_add_loop_test(t, for_get_chat_the_lookup_may_be_large, 0, n);
    tcase_add_loop_test(t, an_upstream_that_limits_lookups_is_obeyed, 0, n);
    tcase_add_loop_test(t, a_lookup_that_took_too_long_is_tried_again, 0, n);
    tcase_add_loop_test(t, a_chat_whose_sender_cannot_be_found_pays_for_itself,
                        0, n);
    return s;
}

int main(void)
{
    return rig_main(suite());
}
