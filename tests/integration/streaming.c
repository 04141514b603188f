/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/streaming.c - bodies are judged as they arrive: whatever way
 * they are cut, the verdict is the same, and what is known to be bad is not
 * kept.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "integration/expect.h"

#define FROM "+14155550100"
#define MAX_TOKEN (128 * 1024)

static struct rig rig;

static void setup(void)
{
    rig_start(&rig, &(struct rig_options){.redis = RIG_NO_REDIS});
}

static void teardown(void)
{
    rig_stop(&rig);
}

static void must(enum status status)
{
    ck_assert_int_eq(status, STATUS_OK);
}

/* A body of `bytes` at least: `first`, then media parts that are in order. */
static void large_body(struct buffer *b, const char *first, size_t bytes)
{
    buffer_init(b, 64 << 20);
    must(buffer_printf(b,
                       "{\"from\":\"" FROM "\",\"to\":[\"+14155550199\"],"
                       "\"message\":{\"parts\":[%s",
                       first));
    while (b->len < bytes)
        must(buffer_append_str(b, ",{\"type\":\"media\",\"attachment_id\":"
                                  "\"018f3b6c-0000-7000-8000-000000000001\","
                                  "\"note\":\"some more to make it long\"}"));
    must(buffer_append_str(b, "]}}"));
}

/* What the gateway holds of bodies right now, all in all. */
static double held(void)
{
    return rig_metric(&rig, "chatgate_buffered_bytes") +
           rig_metric(&rig, "chatgate_gate_held_bytes");
}

/* Send slowly, looking at the gateway between pieces; the most it held. */
static double drip_and_watch(struct wire *w, const struct buffer *body)
{
    const size_t piece = 64 * 1024;
    double most = 0, now;

    for (size_t at = 0; at < body->len; at += piece) {
        size_t n = body->len - at < piece ? body->len - at : piece;

        if (!wire_try_send(w, body->data + at, n))
            break; /* answered and closed: nothing more is wanted */
        now = held();
        most = now > most ? now : most;
        if (wire_has_input(w, 0))
            break;
    }
    return most;
}

START_TEST(a_long_body_whose_first_part_is_invalid_is_not_kept)
{
    struct buffer body, head;
    struct wire_answer a;
    struct wire w;
    double most;

    large_body(&body, "{\"type\":\"text\",\"value\":\"\"}", 4 << 20);
    wire_head(&head, "POST", "/v3/chats", NULL, (long)body.len);
    wire_open(&w, rig.port);
    wire_send(&w, head.data, head.len);
    most = drip_and_watch(&w, &body);
    wire_read(&w, &a);
    expect_refusal(&a, 400, 1002, "minLength", "/message/parts/0/value");
    ck_assert_msg(most <= MAX_TOKEN, "%.0f bytes were held", most);
    ck_assert(rig_metric(&rig, "chatgate_exchange_buffered_peak_bytes") <=
              MAX_TOKEN);
    ck_assert_int_eq(rig_delivered(&rig), 0);
    wire_answer_release(&a);
    wire_close(&w);
    ck_assert(rig_metric_becomes(&rig, "chatgate_buffered_bytes", 0));
    buffer_release(&body);
    buffer_release(&head);
}
END_TEST

/* The violation is known early, and the sender sends all the same: everything
 * comes before the answer is looked for. */
START_TEST(a_client_that_does_not_listen_gets_its_answer)
{
    struct buffer body, head;
    struct wire_answer a;
    struct wire w;

    large_body(&body, "{\"type\":\"text\",\"value\":\"\"}", 300 * 1024);
    wire_head(&head, "POST", "/v3/chats", NULL, (long)body.len);
    must(buffer_append_text(&head, buffer_text(&body)));
    wire_open(&w, rig.port);
    ck_assert(wire_drip(&w, head.data, head.len, 16 * 1024, 1000));
    wire_read(&w, &a);
    expect_refusal(&a, 400, 1002, "minLength", "/message/parts/0/value");
    wire_answer_release(&a);
    wire_close(&w);
    buffer_release(&body);
    buffer_release(&head);
}
END_TEST

/* ---- every cut ---- */

#define BODY(parts)                                                            \
    "{\"from\":\"" FROM "\",\"to\":[\"+14155550199\"],"                        \
    "\"message\":{\"parts\":[" parts "]}}"

static const struct {
    const char *body;
    int status;
    const char *rule, *pointer;
} cut[] = {
    {BODY("{\"type\":\"text\",\"value\":\"caf\xc3\xa9 \\ud83d\\ude00\"},"
          "{\"type\":\"media\",\"url\":\"https://cdn.linqapp.com/a\"}"),
     201, NULL, NULL},
    {BODY("{\"type\":\"text\",\"value\":\"one\"},"
          "{\"type\":\"text\",\"value\":\"two\"}"),
     400, "parts.adjacent", "/message/parts/1"},
    {BODY("{\"value\":\"\xf0\x9f\x91\x8b\",\"type\":\"text\","
          "\"text_decorations\":[{\"range\":[0,3],\"style\":\"bold\"}]}"),
     400, "decorations.range", NULL},
    {BODY("{\"type\":\"text\",\"value\":\"\xed\xa0\x80\"}"), 400, "json.utf8",
     NULL},
    {"{\"from\":\"" FROM "\",\"to\":[],\"message\":12}", 400, NULL, NULL},
};

/* Two segments, cut at every offset. The pause gives the first one time to be
 * read by itself; where it is not, the case is the easier one. */
START_TEST(a_body_cut_at_any_byte_has_one_verdict)
{
    struct buffer head;
    struct wire w;
    size_t len = strlen(cut[_i].body);

    wire_head(&head, "POST", "/v3/chats", NULL, (long)len);
    must(buffer_append_str(&head, cut[_i].body));
    wire_open(&w, rig.port);
    for (size_t at = head.len - len; at < head.len; at++) {
        struct wire_answer a;

        ck_assert(wire_drip(&w, head.data, at, at, 0));
        process_nap();
        /* The verdict may be there before the rest. */
        if (!wire_try_send(&w, head.data + at, head.len - at) ||
            !wire_try_read(&w, &a))
            ck_abort_msg("cut at %zu: no answer", at);
        if (cut[_i].status == 400)
            expect_refusal(&a, 400, 1002, cut[_i].rule, cut[_i].pointer);
        ck_assert_msg(a.status == cut[_i].status, "cut at %zu: %d", at,
                      a.status);
        wire_answer_release(&a);
    }
    wire_close(&w);
    buffer_release(&head);
}
END_TEST

/* Chunks reach the validator one by one however they are sent, so this is the
 * sharper test. */
START_TEST(a_body_chunked_at_any_byte_has_one_verdict)
{
    size_t len = strlen(cut[_i].body);
    struct buffer text;
    struct wire w;

    wire_open(&w, rig.port);
    for (size_t at = 1; at < len; at++) {
        struct wire_answer a;

        wire_head(&text, "POST", "/v3/chats",
                  "Content-Type: application/json\r\n"
                  "Transfer-Encoding: chunked\r\n",
                  -1);
        must(buffer_printf(&text, "%zx\r\n%.*s\r\n%zX\r\n%s\r\n0\r\n\r\n", at,
                           (int)at, cut[_i].body, len - at, cut[_i].body + at));
        wire_send(&w, text.data, text.len);
        wire_read(&w, &a);
        if (cut[_i].status == 400)
            expect_refusal(&a, 400, 1002, cut[_i].rule, cut[_i].pointer);
        ck_assert_msg(a.status == cut[_i].status, "cut at %zu: %d", at,
                      a.status);
        wire_answer_release(&a);
        buffer_release(&text);
    }
    wire_close(&w);
}
END_TEST

START_TEST(a_request_byte_by_byte)
{
    struct buffer text;
    struct wire_answer a;
    struct wire w;

    wire_head(&text, "POST", "/v3/chats", NULL, (long)strlen(cut[_i].body));
    must(buffer_append_str(&text, cut[_i].body));
    wire_open(&w, rig.port);
    ck_assert(wire_drip(&w, text.data, text.len, 1, 100));
    wire_read(&w, &a);
    ck_assert_int_eq(a.status, cut[_i].status);
    if (a.status == 400)
        expect_refusal(&a, 400, 1002, cut[_i].rule, cut[_i].pointer);
    wire_answer_release(&a);
    wire_close(&w);
    buffer_release(&text);
}
END_TEST

/* ---- pipelining ---- */

static char chat[64];

static void make_chat(void)
{
    struct wire_answer a;

    expect_create(&rig, FROM, NULL, &a);
    ck_assert_int_eq(a.status, 201);
    snprintf(chat, sizeof chat, "%s",
             wire_text(wire_answer_json(&a), "/chat/id"));
    wire_answer_release(&a);
}

#define MESSAGE(value)                                                         \
    "{\"message\":{\"parts\":[{\"type\":\"text\",\"value\":\"" value "\"}]}}"
#define BAD_MESSAGE                                                            \
    "{\"message\":{\"parts\":[{\"type\":\"text\",\"value\":\"a\"},"            \
    "{\"type\":\"text\",\"value\":\"b\"}]}}"

static void append_message(struct buffer *b, const char *body)
{
    char target[128];
    struct buffer one;

    snprintf(target, sizeof target, "/v3/chats/%s/messages", chat);
    wire_head(&one, "POST", target, NULL, (long)strlen(body));
    must(buffer_append_text(b, buffer_text(&one)));
    must(buffer_append_str(b, body));
    buffer_release(&one);
}

/* Three at once: whole, then in pieces of one byte, of two, ... */
START_TEST(three_pipelined_the_middle_one_invalid)
{
    static const int wanted[] = {202, 400, 202};
    struct json_document *log;
    struct wire_answer a;
    struct buffer all;
    struct wire w;
    int64_t before;

    make_chat();
    before = rig_delivered(&rig);
    buffer_init(&all, 64 * 1024);
    append_message(&all, MESSAGE("first"));
    append_message(&all, BAD_MESSAGE);
    append_message(&all, MESSAGE("third"));
    wire_open(&w, rig.port);
    ck_assert(wire_drip(&w, all.data, all.len, _i ? (size_t)_i : all.len,
                        _i ? 50 : 0));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        wire_read(&w, &a);
        ck_assert_int_eq(a.status, wanted[i]);
        wire_answer_release(&a);
    }
    wire_close(&w);
    log = rig_stub_log(&rig);
    ck_assert_int_eq(wire_int(log->root, "/delivered"), before + 2);
    ck_assert_str_eq(wire_text(log->root, "/entries/1/body"), MESSAGE("first"));
    ck_assert_str_eq(wire_text(log->root, "/entries/2/body"), MESSAGE("third"));
    json_free(log);
    buffer_release(&all);
}
END_TEST

START_TEST(many_requests_on_one_connection)
{
    struct wire_answer a;
    struct wire w;

    make_chat();
    wire_open(&w, rig.port);
    for (int i = 0; i < 50; i++) {
        char target[128];

        snprintf(target, sizeof target, "/v3/chats/%s%s", chat,
                 i % 2 ? "/messages" : "/typing");
        wire_request(&w, "POST", target, NULL,
                     i % 2 ? (i % 3 ? MESSAGE("x") : BAD_MESSAGE) : "");
        wire_read(&w, &a);
        ck_assert_int_eq(a.status, i % 2 ? (i % 3 ? 202 : 400) : 204);
        wire_answer_release(&a);
    }
    wire_close(&w);
}
END_TEST

/* ---- continue, and a client that leaves ---- */

START_TEST(a_client_that_waits_for_continue_gets_it)
{
    const char *body = cut[0].body;
    struct wire_answer a;
    struct buffer head;
    struct wire w;

    wire_head(&head, "POST", "/v3/chats", "Expect: 100-continue\r\n",
              (long)strlen(body));
    wire_open(&w, rig.port);
    wire_send(&w, head.data, head.len);
    ck_assert(wire_has_input(&w, (int)process_stretch(5000)));
    wire_send_str(&w, body);
    wire_read(&w, &a);
    ck_assert_int_eq(a.interim, 1);
    ck_assert_int_eq(a.status, 201);
    wire_answer_release(&a);
    wire_close(&w);
    buffer_release(&head);
}
END_TEST

START_TEST(a_client_that_waits_is_refused_instead)
{
    struct wire_answer a;
    struct buffer head;
    struct wire w;

    wire_head(&head, "POST", "/v3/nothing", "Expect: 100-continue\r\n", 1000);
    wire_open(&w, rig.port);
    wire_send(&w, head.data, head.len);
    wire_read(&w, &a);
    ck_assert_int_eq(a.interim, 0);
    expect_refusal(&a, 404, 2001, NULL, NULL);
    wire_answer_release(&a);
    wire_close(&w);
    buffer_release(&head);
}
END_TEST

START_TEST(a_client_that_leaves_midway_leaves_nothing_behind)
{
    struct rig_audit lines;
    struct buffer head;
    struct wire w;
    int64_t until = process_now_ms() + process_stretch(PROCESS_DEADLINE_MS);

    wire_head(&head, "POST", "/v3/chats", NULL, 1000);
    must(buffer_append_str(&head, "{\"from\":\"" FROM "\","));
    wire_open(&w, rig.port);
    wire_send(&w, head.data, head.len);
    ck_assert(rig_metric_becomes(&rig, "chatgate_requests_in_flight", 1));
    wire_close(&w);
    ck_assert(rig_metric_becomes(&rig, "chatgate_requests_in_flight", 0));
    ck_assert(rig_metric(&rig, "chatgate_buffered_bytes") == 0);
    for (;;) {
        rig_audit(&rig, &lines);
        if (lines.count > 0 || process_now_ms() > until)
            break;
        rig_audit_release(&lines);
        process_nap();
    }
    ck_assert_uint_eq(lines.count, 1);
    expect_member(lines.docs[0]->root, "error", "http.truncated");
    expect_member(lines.docs[0]->root, "delivery", "none");
    rig_audit_release(&lines);
    ck_assert_int_eq(rig_delivered(&rig), 0);
    buffer_release(&head);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("streaming");
    TCase *t = rig_tcase(s, "streaming");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_long_body_whose_first_part_is_invalid_is_not_kept);
    tcase_add_test(t, a_client_that_does_not_listen_gets_its_answer);
    tcase_add_loop_test(t, a_body_cut_at_any_byte_has_one_verdict, 0,
                        (int)ARRAY_LEN(cut));
    tcase_add_loop_test(t, a_body_chunked_at_any_byte_has_one_verdict, 0,
                        (int)ARRAY_LEN(cut));
    tcase_add_loop_test(t, a_request_byte_by_byte, 0, (int)ARRAY_LEN(cut));
    tcase_add_loop_test(t, three_pipelined_the_middle_one_invalid, 0, 8);
    tcase_add_test(t, many_requests_on_one_connection);
    tcase_add_test(t, a_client_that_waits_for_continue_gets_it);
    tcase_add_test(t, a_client_that_waits_is_refused_instead);
    tcase_add_test(t, a_client_that_leaves_midway_leaves_nothing_behind);
    return s;
}

int main(void)
{
    return rig_main(suite());
}
