/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/stub.c - the stub upstream does what other tests rely on.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "integration/rig.h"

static struct rig rig;
static char chat[64]; /* a chat that setup() has made */

static void setup(void)
{
    struct wire_answer a;
    char *body = rig_create_body("+14155550100", "hello");

    rig_prepare(&rig, &(struct rig_options){.redis = RIG_NO_REDIS});
    wire_call(rig.stub_port, "POST", "/v3/chats", NULL, body, &a);
    ck_assert_int_eq(a.status, 201);
    snprintf(chat, sizeof chat, "%s",
             wire_text(wire_answer_json(&a), "/chat/id"));
    wire_answer_release(&a);
    free(body);
}

static void teardown(void)
{
    rig_stop(&rig);
}

static const char *path_of(const char *rest)
{
    static char path[256];

    snprintf(path, sizeof path, "/v3/chats/%s%s", chat, rest);
    return path;
}

#define MESSAGE                                                                \
    "{\"message\":{\"parts\":[{\"type\":\"text\",\"value\":\"x\"}]}}"

static const struct {
    const char *method, *rest, *body;
    int status;
} operations[] = {
    {"GET", "", NULL, 200},
    {"PUT", "", "{\"display_name\":\"Team\"}", 200},
    {"POST", "/messages", MESSAGE, 202},
    {"GET", "/messages", NULL, 200},
    {"POST", "/participants", "{\"handle\":\"+14155550101\"}", 202},
    {"DELETE", "/participants", "{\"handle\":\"+14155550101\"}", 202},
    {"POST", "/typing", "", 204},
    {"DELETE", "/typing", NULL, 204},
    {"POST", "/read", "", 204},
    {"POST", "/share_contact_card", "", 204},
    {"POST", "/voicememo", "{\"voice_memo_url\":\"https://x.test/a.m4a\"}",
     202},
    {"POST", "/leave", "", 202},
};

START_TEST(every_operation_answers_with_a_trace_of_its_own)
{
    struct wire_answer a;
    char seen[ARRAY_LEN(operations)][33];

    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        const char *trace;

        wire_call(rig.stub_port, operations[i].method,
                  path_of(operations[i].rest), NULL, operations[i].body, &a);
        ck_assert_msg(a.status == operations[i].status, "%s %s: %d",
                      operations[i].method, operations[i].rest, a.status);
        trace = wire_answer_header(&a, "x-trace-id");
        ck_assert_uint_eq(strlen(trace), 32);
        ck_assert_uint_eq(strspn(trace, "0123456789abcdef"), 32);
        if (a.status != 204)
            ck_assert_str_eq(wire_text(wire_answer_json(&a), "/trace_id"),
                             trace);
        else
            ck_assert_uint_eq(a.body.len, 0);
        strcpy(seen[i], trace);
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(seen[i], seen[j]);
        wire_answer_release(&a);
    }
}
END_TEST

START_TEST(a_chat_is_remembered_with_its_own_number)
{
    const struct json_value *json;
    struct wire_answer a;

    wire_call(rig.stub_port, "GET", path_of(""), NULL, NULL, &a);
    json = wire_answer_json(&a);
    ck_assert_str_eq(wire_text(json, "/id"), chat);
    ck_assert_str_eq(wire_text(json, "/handles/0/handle"), "+14155550100");
    ck_assert(json_at(json, text_of("/handles/0/is_me"))->boolean);
    ck_assert_str_eq(wire_text(json, "/handles/1/handle"), "+14155550199");
    ck_assert(!json_at(json, text_of("/handles/1/is_me"))->boolean);
    wire_answer_release(&a);
    wire_call(rig.stub_port, "GET", path_of("/messages"), NULL, NULL, &a);
    json = wire_answer_json(&a);
    ck_assert_uint_eq(json_at(json, text_of("/messages"))->count, 1);
    ck_assert_str_eq(wire_text(json, "/messages/0/parts/0/value"), "hello");
    ck_assert_str_eq(wire_text(json, "/messages/0/chat_id"), chat);
    wire_answer_release(&a);
}
END_TEST

START_TEST(lists_come_in_pages)
{
    const struct json_value *json;
    struct wire_answer a;
    char target[256], newest[64], oldest[64];

    for (int i = 0; i < 4; i++) {
        char *body =
            rig_create_body(i % 2 ? "+14155550111" : "+14155550100", "more");

        wire_call(rig.stub_port, "POST", "/v3/chats", NULL, body, &a);
        ck_assert_int_eq(a.status, 201);
        wire_answer_release(&a);
        free(body);
    }
    wire_call(rig.stub_port, "GET", "/v3/chats?limit=2&from=%2B14155550100",
              NULL, NULL, &a);
    json = wire_answer_json(&a);
    ck_assert_uint_eq(json_at(json, text_of("/chats"))->count, 2);
    snprintf(newest, sizeof newest, "%s", wire_text(json, "/chats/0/id"));
    snprintf(target, sizeof target,
             "/v3/chats?limit=2&from=%%2B14155550100&cursor=%s",
             wire_text(json, "/next_cursor"));
    wire_answer_release(&a);
    wire_call(rig.stub_port, "GET", target, NULL, NULL, &a);
    json = wire_answer_json(&a);
    ck_assert_uint_eq(json_at(json, text_of("/chats"))->count, 1);
    snprintf(oldest, sizeof oldest, "%s", wire_text(json, "/chats/0/id"));
    ck_assert_str_eq(oldest, chat);
    ck_assert_str_ne(newest, oldest);
    ck_assert_int_eq(json_get(json, "next_cursor")->type, JSON_NULL);
    wire_answer_release(&a);
}
END_TEST

static void expect_refusal(const char *method, const char *target,
                           const char *headers, const char *body, int status,
                           int code)
{
    struct wire_answer a;

    wire_call(rig.stub_port, method, target, headers, body, &a);
    ck_assert_msg(a.status == status, "%s %s: %d", method, target, a.status);
    ck_assert_int_eq(wire_int(wire_answer_json(&a), "/error/code"), code);
    ck_assert_int_eq(wire_int(wire_answer_json(&a), "/error/status"), status);
    ck_assert_str_eq(wire_text(wire_answer_json(&a), "/trace_id"),
                     wire_answer_header(&a, "x-trace-id"));
    wire_answer_release(&a);
}

START_TEST(errors_come_in_the_envelope)
{
    expect_refusal("GET", "/v3/chats/00000000-0000-0000-0000-000000000000",
                   NULL, NULL, 404, 2001);
    expect_refusal("GET", path_of("/nothing"), NULL, NULL, 404, 2001);
    expect_refusal("DELETE", path_of(""), NULL, NULL, 405, 1002);
    expect_refusal("GET", path_of(""), "Authorization: \r\n", NULL, 401, 2004);
    expect_refusal("POST", "/v3/chats", NULL, "{\"from\":", 400, 1002);
    expect_refusal("DELETE", path_of("/participants"), NULL,
                   "{\"handle\":\"+19\"}", 404, 2001);
    expect_refusal("GET", path_of(""), "X-Stub-Fault: status=503\r\n", NULL,
                   503, 4004);
}
END_TEST

/* The last entry of the journal. */
static int64_t last_int(struct json_document *log, const char *name)
{
    const struct json_value *entries = json_get(log->root, "entries");

    ck_assert_uint_gt(entries->count, 0);
    return wire_int(entries->items[entries->count - 1], name);
}

START_TEST(what_was_delivered_is_counted)
{
    struct json_document *log;
    struct wire_answer a;

    wire_call(rig.stub_port, "POST", path_of("/messages"),
              "X-Stub-Fault: status=500\r\nX-Mine: 1\r\n", MESSAGE, &a);
    ck_assert_int_eq(a.status, 500);
    log = rig_stub_log(&rig);
    ck_assert_int_eq(wire_int(log->root, "/delivered"), 2);
    ck_assert_int_eq(wire_int(log->root, "/malformed"), 0);
    ck_assert_int_eq(last_int(log, "/status"), 500);
    ck_assert_int_eq(last_int(log, "/body_bytes"), (int)strlen(MESSAGE));
    ck_assert_str_eq(wire_text(log->root, "/entries/1/body"), MESSAGE);
    ck_assert_str_eq(wire_text(log->root, "/entries/1/trace_id"),
                     wire_answer_header(&a, "x-trace-id"));
    json_free(log);
    wire_answer_release(&a);
    wire_call(rig.stub_port, "POST", "/_stub/reset", NULL, "", &a);
    ck_assert_int_eq(a.status, 204);
    wire_answer_release(&a);
    ck_assert_int_eq(rig_delivered(&rig), 0);
}
END_TEST

/* Ask with a fault that leaves no whole answer; true when it was a reset. */
static bool broken(const char *fault, struct wire_answer *a)
{
    char header[128];
    struct wire w;
    bool reset;

    snprintf(header, sizeof header, "X-Stub-Fault: %s\r\n", fault);
    wire_open(&w, rig.stub_port);
    wire_request(&w, "POST", path_of("/messages"), header, MESSAGE);
    ck_assert(!wire_try_read(&w, a));
    reset = w.was_reset;
    wire_close(&w);
    return reset;
}

START_TEST(connections_break_as_asked)
{
    struct wire_answer a;
    int64_t before = rig_delivered(&rig);

    broken("drop_before_read", &a); /* closed with its body unread: a reset */
    ck_assert_uint_eq(a.head.len, 0);
    wire_answer_release(&a);
    ck_assert_int_eq(rig_delivered(&rig), before);
    ck_assert(!broken("drop_after_read", &a));
    ck_assert_uint_eq(a.head.len, 0);
    wire_answer_release(&a);
    ck_assert(broken("reset", &a));
    ck_assert_uint_eq(a.head.len, 0);
    wire_answer_release(&a);
    ck_assert(!broken("half", &a));
    ck_assert_int_eq(a.status, 202);
    ck_assert_uint_gt(a.body.len, 0);
    wire_answer_release(&a);
    ck_assert(!broken("half=10", &a));
    ck_assert_uint_eq(a.head.len, 0);
    wire_answer_release(&a);
    ck_assert_int_eq(rig_delivered(&rig), before + 4);
}
END_TEST

START_TEST(a_silent_or_senseless_answer)
{
    struct wire w;

    wire_open(&w, rig.stub_port);
    wire_request(&w, "GET", path_of(""), "X-Stub-Fault: silent\r\n", NULL);
    ck_assert(!wire_has_input(&w, 200));
    wire_close(&w);
    wire_open(&w, rig.stub_port);
    wire_request(&w, "GET", path_of(""), "X-Stub-Fault: garbage\r\n", NULL);
    ck_assert(wire_has_input(&w, 5000));
    wire_close(&w);
}
END_TEST

/* A whole answer with a fault; how long it took. */
static int64_t timed(const char *fault, struct wire_answer *a)
{
    int64_t start = process_now_ms();
    char header[128];

    snprintf(header, sizeof header, "X-Stub-Fault: %s\r\n", fault);
    wire_call(rig.stub_port, "GET", path_of(""), header, NULL, a);
    ck_assert_int_eq(a->status, 200);
    return process_now_ms() - start;
}

START_TEST(answers_are_shaped_as_asked)
{
    struct wire_answer a;

    ck_assert_int_ge(timed("delay=150ms", &a), 150);
    wire_answer_release(&a);
    ck_assert_int_ge(timed("slow=100/20ms", &a), 100);
    wire_answer_json(&a);
    wire_answer_release(&a);
    timed("chunked; close; hints", &a);
    ck_assert(a.is_chunked);
    ck_assert_int_eq(a.interim, 1);
    ck_assert_str_eq(wire_answer_header(&a, "connection"), "close");
    ck_assert_str_eq(wire_text(wire_answer_json(&a), "/id"), chat);
    wire_answer_release(&a);
    timed("encoded", &a);
    ck_assert_str_eq(wire_answer_header(&a, "content-encoding"), "gzip");
    ck_assert_mem_eq(a.body.data, "\x1f\x8b", 2);
    wire_answer_release(&a);
    timed("trace=none; header=X-Odd: a, b", &a);
    ck_assert_ptr_null(wire_answer_header(&a, "x-trace-id"));
    ck_assert_ptr_null(json_get(wire_answer_json(&a), "trace_id"));
    ck_assert_str_eq(wire_answer_header(&a, "x-odd"), "a, b");
    wire_answer_release(&a);
    timed("huge=3MiB", &a);
    ck_assert_uint_ge(a.body.len, 3 << 20);
    ck_assert_str_eq(wire_text(wire_answer_json(&a), "/trace_id"),
                     wire_answer_header(&a, "x-trace-id"));
    wire_answer_release(&a);
}
END_TEST

START_TEST(an_early_answer_does_not_wait_for_the_body)
{
    struct wire_answer a;
    struct buffer head;
    struct wire w;

    wire_head(&head, "POST", path_of("/messages"), "X-Stub-Fault: early\r\n",
              1000000);
    wire_open(&w, rig.stub_port);
    wire_send(&w, head.data, head.len);
    wire_read(&w, &a);
    ck_assert_int_eq(a.status, 202);
    wire_answer_release(&a);
    wire_close(&w);
    buffer_release(&head);
}
END_TEST

START_TEST(rules_apply_as_often_as_they_say)
{
    struct wire_answer a;

    rig_stub_fault(&rig, "status=502", 2);
    for (int i = 0; i < 3; i++) {
        wire_call(rig.stub_port, "GET", path_of(""), NULL, NULL, &a);
        ck_assert_int_eq(a.status, i < 2 ? 502 : 200);
        wire_answer_release(&a);
    }
    wire_call(rig.stub_port, "POST", "/_stub/fault", NULL,
              "{\"fault\":\"status=503\",\"method\":\"PUT\",\"path\":\"/v3/\"}",
              &a);
    ck_assert_int_eq(a.status, 204);
    wire_answer_release(&a);
    wire_call(rig.stub_port, "GET", path_of(""), NULL, NULL, &a);
    ck_assert_int_eq(a.status, 200);
    wire_answer_release(&a);
    wire_call(rig.stub_port, "PUT", path_of(""), NULL, "{}", &a);
    ck_assert_int_eq(a.status, 503);
    wire_answer_release(&a);
}
END_TEST

START_TEST(a_rule_that_is_not_understood_is_refused)
{
    static const char *const bad[] = {
        "{}",
        "{\"fault\":1}",
        "{\"fault\":\"nonsense\"}",
        "{\"fault\":\"delay\"}",
        "{\"fault\":\"delay=5\"}",
        "{\"fault\":\"status=99\"}",
        "{\"fault\":\"slow=0/5ms\"}",
        "{\"fault\":\"huge=1MiB;chunked\"}",
        "{\"fault\":\"close\",\"times\":-1}",
        "{\"fault\":\"close\",\"times\":\"2\"}",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct wire_answer a;

        wire_call(rig.stub_port, "POST", "/_stub/fault", NULL, bad[i], &a);
        ck_assert_msg(a.status == 400, "%s: %d", bad[i], a.status);
        wire_answer_release(&a);
    }
}
END_TEST

/* What a proxy must never send. */
static const char *const malformed[] = {
    "GET /v3/chats HTTP/1.1\r\n\r\n", /* no Host */
    "GET /v3/chats HTTP/1.2\r\nHost: a\r\n\r\n",
    "GET http://a/v3/chats HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET  /v3/chats HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /v3/chats HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
    "Content-Length: 1\r\n\r\nx",
    "POST /v3/chats HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /v3/chats HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx",
    "POST /v3/chats HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
    "POST /v3/chats HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
    "\r\n0x1\r\na\r\n0\r\n\r\n",
    "POST /v3/chats HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
    "\r\n1\r\nab\r\n0\r\n\r\n",
    "GET /v3/chats HTTP/1.1\r\nHost : a\r\n\r\n",
    "GET /v3/chats HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
};

START_TEST(malformed_bytes_are_counted_and_refused)
{
    struct json_document *log;
    struct wire_answer a;
    struct wire w;

    wire_open(&w, rig.stub_port);
    wire_send_str(&w, malformed[_i]);
    wire_read(&w, &a);
    ck_assert_int_eq(a.status, 400);
    ck_assert(wire_wait_close(&w));
    wire_close(&w);
    wire_answer_release(&a);
    log = rig_stub_log(&rig);
    ck_assert_int_eq(wire_int(log->root, "/malformed"), 1);
    ck_assert_int_eq(wire_int(log->root, "/delivered"), 1);
    json_free(log);
}
END_TEST

START_TEST(requests_in_a_row_and_in_pieces)
{
    static const char text[] =
        "POST /v3/chats HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
        "1\r\n{\r\n0A\r\n\"from\":\"+1\r\n2\r\n\"}\r\n0\r\n\r\n"
        "GET /v3/chats HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\n\r\n";
    struct wire_answer a;
    struct wire w;

    for (size_t piece = 1; piece < sizeof text; piece += 37) {
        wire_open(&w, rig.stub_port);
        ck_assert(wire_drip(&w, text, sizeof text - 1, piece, 0));
        wire_read(&w, &a);
        ck_assert_int_eq(a.status, 201);
        ck_assert_str_eq(
            wire_text(wire_answer_json(&a), "/chat/handles/0/handle"), "+1");
        wire_answer_release(&a);
        wire_read(&w, &a);
        ck_assert_int_eq(a.status, 200);
        wire_answer_release(&a);
        wire_close(&w);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("stub");
    TCase *t = rig_tcase(s, "stub");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, every_operation_answers_with_a_trace_of_its_own);
    tcase_add_test(t, a_chat_is_remembered_with_its_own_number);
    tcase_add_test(t, lists_come_in_pages);
    tcase_add_test(t, errors_come_in_the_envelope);
    tcase_add_test(t, what_was_delivered_is_counted);
    tcase_add_test(t, connections_break_as_asked);
    tcase_add_test(t, a_silent_or_senseless_answer);
    tcase_add_test(t, answers_are_shaped_as_asked);
    tcase_add_test(t, an_early_answer_does_not_wait_for_the_body);
    tcase_add_test(t, rules_apply_as_often_as_they_say);
    tcase_add_test(t, a_rule_that_is_not_understood_is_refused);
    tcase_add_loop_test(t, malformed_bytes_are_counted_and_refused, 0,
                        (int)ARRAY_LEN(malformed));
    tcase_add_test(t, requests_in_a_row_and_in_pieces);
    return s;
}

int main(void)
{
    return rig_main(suite());
}
