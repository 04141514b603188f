/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/forward.c - a message is sent at most once, whatever the
 * upstream does, and the client is told what is known.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "integration/expect.h"

#define FROM "+14155550100"

static struct rig rig;
static char chat[64];

static void setup(void)
{
    struct wire_answer a;

    rig_start(&rig, &(struct rig_options){
                        .redis = RIG_NO_REDIS,
                        .upstream_config = "\"answer_timeout\": \"600ms\", "
                                           "\"idle_timeout\": \"600ms\"",
                        .config = "\"workers\": 1",
                    });
    /* A chat, and a connection to the upstream that is warm. */
    expect_create(&rig, FROM, NULL, &a);
    ck_assert_int_eq(a.status, 201);
    snprintf(chat, sizeof chat, "%s",
             wire_text(wire_answer_json(&a), "/chat/id"));
    wire_answer_release(&a);
}

static void teardown(void)
{
    rig_stop(&rig);
}

static const char *path_of(const char *rest)
{
    static char path[128];

    snprintf(path, sizeof path, "/v3/chats/%s%s", chat, rest);
    return path;
}

#define MESSAGE                                                                \
    "{\"message\":{\"parts\":[{\"type\":\"text\",\"value\":\"hello\"}]}}"
#define KEYED                                                                  \
    "{\"message\":{\"parts\":[{\"type\":\"text\",\"value\":\"hello\"}],"       \
    "\"idempotency_key\":\"%s\"}}"

static void send_faulty(const char *fault, const char *body,
                        struct wire_answer *a)
{
    char header[128];

    snprintf(header, sizeof header, "X-Stub-Fault: %s\r\n", fault);
    wire_call(rig.port, "POST", path_of("/messages"), header, body, a);
}

/* What a client and the record say of a request that failed upstream. */
static void expect_failure(struct wire_answer *a, int status,
                           const char *delivery, const char *error)
{
    const struct json_value *line;
    struct rig_audit lines;

    expect_refusal(a, status, 4004, NULL, NULL);
    if (strcmp(delivery, "unknown") == 0) {
        ck_assert_ptr_nonnull(wire_answer_header(a, "x-should-retry"));
        ck_assert_str_eq(wire_answer_header(a, "x-should-retry"), "false");
    } else {
        ck_assert_ptr_null(wire_answer_header(a, "x-should-retry"));
    }
    line = expect_line(&rig, &lines, a);
    expect_member(line, "decision", "unavailable");
    expect_member(line, "delivery", delivery);
    expect_member(line, "error", error);
    expect_member(line, "from", FROM);
    ck_assert_int_eq(json_get(line, "upstream_status")->type, JSON_NULL);
    rig_audit_release(&lines);
    wire_answer_release(a);
}

/* ---- at most once ---- */

static const struct {
    const char *fault;
    int status;
    const char *error;
} lost[] = {
    {"drop_after_read", 502, "upstream.send"},
    {"reset", 502, "upstream.send"},
    {"silent", 504, "upstream.timeout"},
    {"delay=5s", 504, "upstream.timeout"},
    {"garbage", 502, "upstream.malformed"},
};

/* libcurl would send again by itself on a connection that was used before. */
START_TEST(a_lost_send_is_delivered_once)
{
    int64_t before = rig_delivered(&rig);
    struct wire_answer a;

    send_faulty(lost[_i].fault, MESSAGE, &a);
    expect_failure(&a, lost[_i].status, "unknown", lost[_i].error);
    ck_assert_int_eq(rig_delivered(&rig), before + 1);
    send_faulty("delay=1ms", MESSAGE, &a);
    ck_assert_int_eq(a.status, 202);
    ck_assert_int_eq(rig_delivered(&rig), before + 2);
    wire_answer_release(&a);
}
END_TEST

START_TEST(so_is_every_other_call_that_changes_something)
{
    static const struct {
        const char *method, *rest, *body;
    } calls[] = {
        {"PUT", "", "{\"display_name\":\"x\"}"},
        {"POST", "/typing", ""},
        {"DELETE", "/typing", NULL},
        {"DELETE", "/participants", "{\"handle\":\"+14155550199\"}"},
    };
    struct wire_answer a;

    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        int64_t before = rig_delivered(&rig);

        wire_call(rig.port, calls[i].method, path_of(calls[i].rest),
                  "X-Stub-Fault: drop_after_read\r\n", calls[i].body, &a);
        expect_failure(&a, 502, "unknown", "upstream.send");
        ck_assert_int_eq(rig_delivered(&rig), before + 1);
    }
}
END_TEST

START_TEST(a_send_with_a_key_may_be_tried_once_more)
{
    int64_t before = rig_delivered(&rig);
    char body[512];
    struct wire_answer a;

    snprintf(body, sizeof body, KEYED, "key-1");
    rig_stub_fault(&rig, "drop_after_read", 1);
    wire_call(rig.port, "POST", path_of("/messages"), NULL, body, &a);
    ck_assert_int_eq(a.status, 202);
    ck_assert_int_eq(rig_delivered(&rig), before + 2);
    wire_answer_release(&a);
    rig_stub_fault(&rig, "drop_after_read", 5);
    wire_call(rig.port, "POST", path_of("/messages"), NULL, body, &a);
    expect_failure(&a, 502, "unknown", "upstream.send");
    ck_assert_int_le(rig_delivered(&rig), before + 4);
}
END_TEST

START_TEST(an_empty_key_is_no_key)
{
    int64_t before = rig_delivered(&rig);
    char body[512];
    struct wire_answer a;

    snprintf(body, sizeof body, KEYED, "");
    send_faulty("drop_after_read", body, &a);
    expect_failure(&a, 502, "unknown", "upstream.send");
    ck_assert_int_eq(rig_delivered(&rig), before + 1);
}
END_TEST

START_TEST(a_read_may_be_tried_once_more)
{
    int64_t before = rig_delivered(&rig);
    struct wire_answer a;

    rig_stub_fault(&rig, "drop_after_read", 1);
    wire_call(rig.port, "GET", path_of(""), NULL, NULL, &a);
    ck_assert_int_eq(a.status, 200);
    ck_assert_int_eq(rig_delivered(&rig), before + 2);
    wire_answer_release(&a);
}
END_TEST

/* The upstream closes kept connections when it pleases; between requests that
 * is no failure. */
START_TEST(a_connection_closed_while_idle_is_no_failure)
{
    struct wire_answer a;

    for (int i = 0; i < 3; i++) {
        send_faulty("close", MESSAGE, &a);
        ck_assert_int_eq(a.status, 202);
        ck_assert_ptr_null(wire_answer_header(&a, "x-should-retry"));
        wire_answer_release(&a);
    }
    process_stop(&rig.stub, SIGTERM);
    rig_stub_start(&rig);
    wire_call(rig.port, "POST", "/v3/chats", NULL,
              "{\"from\":\"" FROM "\",\"to\":[\"+14155550199\"],\"message\":"
              "{\"parts\":[{\"type\":\"text\",\"value\":\"x\"}]}}",
              &a);
    ck_assert_int_eq(a.status, 201);
    ck_assert_int_eq(rig_delivered(&rig), 1);
    wire_answer_release(&a);
}
END_TEST

START_TEST(an_upstream_that_is_away_is_503)
{
    struct wire_answer a;

    process_stop(&rig.stub, SIGTERM);
    expect_create(&rig, FROM, NULL, &a);
    expect_failure(&a, 503, "none", "upstream.connect");
    rig_stub_start(&rig);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
}
END_TEST

/* ---- answers ---- */

/* An answer that breaks off after its head: cut, so that the client notices. */
static void expect_cut(const char *fault, const char *error)
{
    const struct json_value *line;
    struct rig_audit lines;
    struct wire_answer a;
    struct wire w;
    char header[128];

    snprintf(header, sizeof header, "X-Stub-Fault: %s\r\n", fault);
    wire_open(&w, rig.port);
    wire_request(&w, "POST", path_of("/messages"), header, MESSAGE);
    ck_assert(!wire_try_read(&w, &a));
    ck_assert_int_eq(a.status, 202);
    ck_assert(!a.is_complete);
    line = expect_line(&rig, &lines, &a);
    expect_member(line, "decision", "error");
    expect_member(line, "delivery", "once");
    expect_member(line, "error", error);
    ck_assert_int_eq(wire_int(line, "/upstream_status"), 202);
    rig_audit_release(&lines);
    wire_answer_release(&a);
    wire_close(&w);
}

START_TEST(half_an_answer_is_cut)
{
    expect_cut("half", "upstream.broken");
    expect_cut("half;chunked", "upstream.broken");
}
END_TEST

START_TEST(half_a_head_is_no_answer)
{
    struct wire_answer a;

    send_faulty("half=20", MESSAGE, &a);
    ck_assert_int_eq(a.status, 502);
    ck_assert_str_eq(wire_answer_header(&a, "x-should-retry"), "false");
    wire_answer_release(&a);
}
END_TEST

/* GET of the chat with a fault: a whole answer. */
static void get_faulty(const char *fault, struct wire_answer *a)
{
    char header[128];

    snprintf(header, sizeof header, "X-Stub-Fault: %s\r\n", fault);
    wire_call(rig.port, "GET", path_of(""), header, NULL, a);
    ck_assert_int_eq(a->status, 200);
}

/* The recorded trace_id of an answer. */
static void expect_trace(const struct wire_answer *a, const char *trace)
{
    struct rig_audit lines;
    const struct json_value *line = expect_line(&rig, &lines, a);

    expect_member(line, "trace_id", trace);
    expect_member(line, "decision", "forwarded");
    ck_assert_int_eq(wire_int(line, "/bytes_out"), (int64_t)a->body.len);
    rig_audit_release(&lines);
}

START_TEST(the_trace_comes_from_the_body_or_the_header)
{
    struct wire_answer a;

    get_faulty("trace=body", &a);
    ck_assert_ptr_null(wire_answer_header(&a, "x-trace-id"));
    expect_trace(&a, wire_text(wire_answer_json(&a), "/trace_id"));
    wire_answer_release(&a);
    get_faulty("trace=header", &a);
    expect_trace(&a, wire_answer_header(&a, "x-trace-id"));
    wire_answer_release(&a);
    get_faulty("trace=none", &a);
    expect_trace(&a, "");
    wire_answer_release(&a);
    get_faulty("encoded", &a);
    ck_assert_str_eq(wire_answer_header(&a, "content-encoding"), "gzip");
    expect_trace(&a, wire_answer_header(&a, "x-trace-id"));
    wire_answer_release(&a);
}
END_TEST

START_TEST(answers_arrive_however_they_are_framed)
{
    static const char *const faults[] = {
        "chunked",
        "hints",
        "slow=200/5ms",
        "close",
        "chunked;hints;close",
        "header=Connection: X-Gone",
    };
    struct wire_answer a;

    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        get_faulty(faults[i], &a);
        ck_assert_str_eq(wire_text(wire_answer_json(&a), "/id"), chat);
        expect_trace(&a, wire_text(wire_answer_json(&a), "/trace_id"));
        wire_answer_release(&a);
    }
}
END_TEST

START_TEST(a_huge_answer_streams_through)
{
    struct wire_answer a;

    get_faulty("huge=24MiB", &a);
    ck_assert_uint_ge(a.body.len, 24 << 20);
    ck_assert_int_eq(memcmp(a.body.data + a.body.len - 2, "\"}", 2), 0);
    expect_trace(&a, wire_answer_header(&a, "x-trace-id"));
    wire_answer_release(&a);
}
END_TEST

/* Longer than idle_timeout in all, never so long without a byte. */
START_TEST(a_slow_answer_is_not_a_stalled_one)
{
    int64_t begin = process_now_ms();
    struct wire_answer a;

    get_faulty("slow=60/100ms", &a);
    ck_assert_int_ge(process_now_ms() - begin, 700);
    ck_assert_str_eq(wire_text(wire_answer_json(&a), "/id"), chat);
    wire_answer_release(&a);
}
END_TEST

START_TEST(a_stalled_answer_is_cut)
{
    /* The head and a little more, then nothing for longer than it may. */
    expect_cut("slow=400/5s", "upstream.broken");
}
END_TEST

START_TEST(a_client_that_leaves_does_not_stop_a_send)
{
    int64_t before = rig_delivered(&rig);
    int64_t until = process_now_ms() + process_stretch(PROCESS_DEADLINE_MS);
    const struct json_value *line = NULL;
    struct rig_audit lines;
    struct wire w;

    wire_open(&w, rig.port);
    wire_request(&w, "POST", path_of("/messages"),
                 "X-Stub-Fault: delay=300ms\r\n", MESSAGE);
    while (rig_delivered(&rig) == before && process_now_ms() < until)
        process_nap();
    wire_abort(&w);
    for (;;) {
        rig_audit(&rig, &lines);
        if (lines.count == 2 || process_now_ms() >= until)
            break;
        rig_audit_release(&lines);
        process_nap();
    }
    ck_assert_uint_eq(lines.count, 2);
    line = lines.docs[1]->root;
    expect_member(line, "delivery", "once");
    ck_assert(json_get(line, "client_gone")->boolean);
    ck_assert_int_eq(wire_int(line, "/upstream_status"), 202);
    ck_assert_uint_eq(strlen(wire_text(line, "/trace_id")), 32);
    rig_audit_release(&lines);
    ck_assert_int_eq(rig_delivered(&rig), before + 1);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("forward");
    TCase *t = rig_tcase(s, "forward");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, a_lost_send_is_delivered_once, 0,
                        (int)ARRAY_LEN(lost));
    tcase_add_test(t, so_is_every_other_call_that_changes_something);
    tcase_add_test(t, a_send_with_a_key_may_be_tried_once_more);
    tcase_add_test(t, an_empty_key_is_no_key);
    tcase_add_test(t, a_read_may_be_tried_once_more);
    tcase_add_test(t, a_connection_closed_while_idle_is_no_failure);
    tcase_add_test(t, an_upstream_that_is_away_is_503);
    tcase_add_test(t, half_an_answer_is_cut);
    tcase_add_test(t, half_a_head_is_no_answer);
    tcase_add_test(t, the_trace_comes_from_the_body_or_the_header);
    tcase_add_test(t, answers_arrive_however_they_are_framed);
    tcase_add_test(t, a_huge_answer_streams_through);
    tcase_add_test(t, a_slow_answer_is_not_a_stalled_one);
    tcase_add_test(t, a_stalled_answer_is_cut);
    tcase_add_test(t, a_client_that_leaves_does_not_stop_a_send);
    return s;
}

int main(void)
{
    return rig_main(suite());
}
