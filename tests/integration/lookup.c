/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/lookup.c - a chat nobody has seen is asked about once, however
 * many wait, what the upstream says is everybody's answer, and nobody makes
 * it work by inventing chats.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "integration/expect.h"

#define FROM "+14155550100"
#define WIDE                                                                   \
    "{\"name\":\"test\",\"limits\":[{\"name\":\"burst\",\"per\":[\"sender\"]," \
    "\"capacity\":1000,\"refill\":\"0/s\"}]}"

static struct rig rig;
static const enum rig_redis stores[] = {RIG_REDIS, RIG_NO_REDIS};

static void start(int store)
{
    rig_start(&rig, &(struct rig_options){
                        .redis = stores[store],
                        .policy = WIDE,
                        .config = "\"workers\": 3, \"trusted_proxies\": "
                                  "[\"127.0.0.1/32\"]",
                    });
}

/* A chat made behind the gateway's back. */
static void make_chat(char out[64])
{
    char *body = rig_create_body(FROM, "hello");
    struct wire_answer a;

    wire_call(rig.stub_port, "POST", "/v3/chats", NULL, body, &a);
    ck_assert_int_eq(a.status, 201);
    snprintf(out, 64, "%s", wire_text(wire_answer_json(&a), "/chat/id"));
    wire_answer_release(&a);
    free(body);
}

/* What the stub does with requests for a chat, from now on. */
static void fault_lookups(const char *fault)
{
    char rule[256];
    struct wire_answer a;

    snprintf(rule, sizeof rule,
             "{\"fault\":\"%s\",\"times\":0,\"method\":\"GET\"}", fault);
    wire_call(rig.stub_port, "POST", "/_stub/fault", NULL, rule, &a);
    ck_assert_int_eq(a.status, 204);
    wire_answer_release(&a);
}

/* Requests with that method that reached the stub since it started. */
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

static void ask(struct wire *w, const char *chat, const char *headers)
{
    char target[128];

    snprintf(target, sizeof target, "/v3/chats/%s/typing", chat);
    wire_request(w, "POST", target, headers, "");
}

#define MANY 40

/* One request on each of MANY connections, all sent before any is answered;
 * every second one with the other credential. */
static void ask_together(const char *chat, const char *other, int status)
{
    struct wire wires[MANY];
    struct wire_answer a;

    for (int i = 0; i < MANY; i++) {
        wire_open(&wires[i], rig.port);
        ask(&wires[i], chat, i % 2 ? other : NULL);
    }
    for (int i = 0; i < MANY; i++) {
        wire_read(&wires[i], &a);
        ck_assert_msg(a.status == status, "%d: %d %s", i, a.status,
                      a.body.data);
        wire_answer_release(&a);
        wire_close(&wires[i]);
    }
}

START_TEST(one_lookup_however_many_wait)
{
    char chat[64];

    start(_i);
    make_chat(chat);
    fault_lookups("delay=700ms");
    ask_together(chat, NULL, 204);
    ck_assert_int_eq(sent("GET"), 1);
    ck_assert(rig_metric(&rig, "chatgate_sender_lookups_total") == 1);
    ck_assert_int_eq(sent("POST"), 1 + MANY);
    rig_stop(&rig);
}
END_TEST

/* What one credential may see is not told to another. */
START_TEST(one_for_each_credential)
{
    char chat[64];

    start(_i);
    make_chat(chat);
    fault_lookups("delay=700ms");
    ask_together(chat, "Authorization: Bearer another\r\n", 204);
    ck_assert_int_eq(sent("GET"), 2);
    rig_stop(&rig);
}
END_TEST

static const struct {
    const char *fault, *rule;
    int status, code;
} answers[] = {
    {"delay=700ms;status=401", "sender.unauthenticated", 401, 2004},
    {"delay=700ms;status=403", "sender.lookup_denied", 403, 2005},
    {"delay=700ms;status=404", "sender.no_chat", 404, 2001},
};

/* Nothing is forwarded, nothing charged; and for a moment it is known. */
START_TEST(what_the_upstream_refuses_is_refused_to_all_that_wait)
{
    const struct json_value *line;
    struct rig_audit lines;
    struct wire_answer a;
    struct wire w;
    char chat[64];

    start(0);
    make_chat(chat);
    fault_lookups(answers[_i].fault);
    ask_together(chat, NULL, answers[_i].status);
    wire_open(&w, rig.port);
    ask(&w, chat, NULL);
    wire_read(&w, &a);
    expect_refusal(&a, answers[_i].status, answers[_i].code, answers[_i].rule,
                   "");
    ck_assert_ptr_null(wire_answer_header(&a, "ratelimit"));
    line = expect_line(&rig, &lines, &a);
    expect_member(line, "from", "");
    expect_member(line, "from_source", "unknown");
    expect_member(line, "delivery", "none");
    expect_member(line, "limit_source", "");
    ck_assert_uint_eq(json_get(line, "limits")->count, 0);
    rig_audit_release(&lines);
    wire_answer_release(&a);
    wire_close(&w);
    ck_assert_int_eq(sent("GET"), 1);
    ck_assert_int_eq(sent("POST"), 1);
    rig_stop(&rig);
}
END_TEST

/* getChat is its own lookup: what the upstream says to it goes to the client
 * as it is, and costs nothing. */
START_TEST(for_get_chat_a_refusal_is_the_upstreams_own)
{
    char target[128], chat[64];
    const struct json_value *line;
    struct rig_audit lines;
    struct wire_answer a;

    start(0);
    make_chat(chat);
    fault_lookups("status=404");
    snprintf(target, sizeof target, "/v3/chats/%s", chat);
    wire_call(rig.port, "GET", target, NULL, NULL, &a);
    ck_assert_int_eq(a.status, 404);
    line = expect_line(&rig, &lines, &a);
    expect_member(line, "decision", "forwarded");
    expect_member(line, "trace_id",
                  wire_text(wire_answer_json(&a), "/trace_id"));
    expect_member(line, "limit_source", "");
    rig_audit_release(&lines);
    wire_answer_release(&a);
    ck_assert_int_eq(sent("GET"), 1);
    rig_stop(&rig);
}
END_TEST

/* The fields tell of the charge that its own answer made possible. */
START_TEST(for_get_chat_the_fields_are_in_the_answer)
{
    char target[128], chat[64];
    const struct json_value *line;
    struct rig_audit lines;
    struct wire_answer a;

    start(0);
    make_chat(chat);
    snprintf(target, sizeof target, "/v3/chats/%s", chat);
    wire_call(rig.port, "GET", target, NULL, NULL, &a);
    ck_assert_int_eq(a.status, 200);
    ck_assert_str_eq(wire_answer_header(&a, "ratelimit"),
                     "\"burst\";r=999;t=86400");
    line = expect_line(&rig, &lines, &a);
    expect_member(line, "from", FROM);
    expect_member(line, "from_source", "lookup");
    expect_member(line, "limit_source", "redis");
    rig_audit_release(&lines);
    wire_answer_release(&a);
    rig_stop(&rig);
}
END_TEST

/* Chats that are not there, as fast as they can be invented: a payer's budget
 * of lookups ends, another's does not. */
START_TEST(invented_chats_are_no_amplifier)
{
    const int count = 400;
    int told = 0, refused = 0, lookups;
    int64_t begin = process_now_ms();
    struct wire_answer a;
    struct wire w;
    char chat[64];

    start(_i);
    wire_open(&w, rig.port);
    for (int i = 0; i < count; i++) {
        snprintf(chat, sizeof chat, "018f3b6c-0000-7000-8000-%012x", i);
        ask(&w, chat, "X-Forwarded-For: 192.0.2.1\r\n");
        wire_read(&w, &a);
        if (a.status == 404)
            told++;
        else
            refused++;
        ck_assert(a.status == 404 || a.status == 503);
        wire_answer_release(&a);
    }
    lookups = sent("GET");
    ck_assert_int_eq(lookups, told);
    /* A hundred at once, and twenty a second. */
    ck_assert_int_ge(told, 100);
    ck_assert_int_le(told, 101 + (process_now_ms() - begin) / 50);
    ck_assert_int_eq(told + refused, count);
    ask(&w, "018f3b6c-0000-7000-8000-ffffffffffff",
        "X-Forwarded-For: 192.0.2.2\r\n");
    wire_read(&w, &a);
    ck_assert_int_eq(a.status, 404);
    wire_answer_release(&a);
    wire_close(&w);
    ck_assert_int_eq(sent("POST"), 0);
    rig_stop(&rig);
}
END_TEST

/* An upstream that does not answer is waited for as long as it may take to
 * answer, by all together; then the chat is charged. */
START_TEST(a_lookup_without_an_answer_ends)
{
    struct rig_audit lines;
    char chat[64];
    int n = 0;

    rig_start(&rig, &(struct rig_options){
                        .policy = WIDE,
                        .upstream_config = "\"answer_timeout\": \"2s\"",
                    });
    make_chat(chat);
    fault_lookups("silent");
    ask_together(chat, NULL, 204);
    ck_assert_int_ge(sent("GET"), 1);
    rig_audit(&rig, &lines);
    for (size_t i = 0; i < lines.count; i++) {
        expect_member(lines.docs[i]->root, "from_source", "unknown");
        expect_member(lines.docs[i]->root, "chat_id", chat);
        n++;
    }
    ck_assert_int_eq(n, MANY);
    rig_audit_release(&lines);
    rig_stop(&rig);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("lookup");
    TCase *t = rig_tcase(s, "lookup");
    const int n = (int)ARRAY_LEN(stores);

    tcase_add_loop_test(t, one_lookup_however_many_wait, 0, n);
    tcase_add_loop_test(t, one_for_each_credential, 0, n);
    tcase_add_loop_test(t,
                        what_the_upstream_refuses_is_refused_to_all_that_wait,
                        0, (int)ARRAY_LEN(answers));
    tcase_add_test(t, for_get_chat_a_refusal_is_the_upstreams_own);
    tcase_add_test(t, for_get_chat_the_fields_are_in_the_answer);
    tcase_add_loop_test(t, invented_chats_are_no_amplifier, 0, n);
    tcase_add_test(t, a_lookup_without_an_answer_ends);
    return s;
}

int main(void)
{
    return rig_main(suite());
}
