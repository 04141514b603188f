/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/create.c - a valid request passes unchanged and is recorded; an
 * invalid one is refused in the API's own envelope and goes nowhere.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/check.h"
#include "integration/expect.h"

#define FROM "+14155550100"

static struct rig rig;

static void setup(void)
{
    rig_start(&rig, &(struct rig_options){
                        .limits_config = "\"max_body\": \"64KiB\"",
                    });
}

static void teardown(void)
{
    rig_stop(&rig);
}

/* White space, escapes and an unknown member that nobody may tidy up. */
static const char odd_body[] =
    " {\r\n\t\"from\" : \"" FROM "\",\n"
    "\"to\":[ \"+14155550199\" , \"some.one@example.com\" ],"
    "\"x-unknown\": {\"kept\": [1.0e1, true, null]},"
    "\"message\":{\"parts\":[{\"type\":\"text\",\"value\":"
    "\"caf\\u00e9 \xf0\x9f\x91\x8b \\ud83d\\ude00 \\/\"}],"
    "\"effect\":{\"type\":\"screen\",\"name\":\"confetti\"},"
    "\"idempotency_key\":\"key-1\"} }\n";

START_TEST(a_valid_create_is_forwarded_byte_for_byte)
{
    struct json_document *log;
    struct wire_answer a;
    int count;

    wire_call(rig.port, "POST", "/v3/chats?x=%20y", NULL, odd_body, &a);
    ck_assert_int_eq(a.status, 201);
    log = rig_stub_log(&rig);
    ck_assert_int_eq(wire_int(log->root, "/delivered"), 1);
    ck_assert_int_eq(wire_int(log->root, "/malformed"), 0);
    ck_assert_str_eq(wire_text(log->root, "/entries/0/method"), "POST");
    ck_assert_str_eq(wire_text(log->root, "/entries/0/target"),
                     "/v3/chats?x=%20y");
    ck_assert_str_eq(wire_text(log->root, "/entries/0/body"), odd_body);
    ck_assert_str_eq(expect_sent_header(log, 0, "authorization", &count),
                     "Bearer token");
    ck_assert_int_eq(count, 1);
    ck_assert_str_eq(expect_sent_header(log, 0, "content-type", &count),
                     "application/json");
    ck_assert_int_eq(count, 1);
    json_free(log);
    wire_answer_release(&a);
}
END_TEST

START_TEST(the_answer_passes_and_its_trace_is_recorded)
{
    const struct json_value *json, *line;
    struct rig_audit lines;
    struct wire_answer a;

    wire_call(rig.port, "POST", "/v3/chats", NULL, odd_body, &a);
    ck_assert_int_eq(a.status, 201);
    ck_assert_int_eq(wire_answer_header_count(&a, "x-request-id"), 1);
    ck_assert_ptr_nonnull(strstr(wire_answer_header(&a, "via"), "chatgate"));
    json = wire_answer_json(&a);
    ck_assert_str_eq(wire_text(json, "/trace_id"),
                     wire_answer_header(&a, "x-trace-id"));
    line = expect_line(&rig, &lines, &a);
    expect_member(line, "trace_id", wire_text(json, "/trace_id"));
    expect_member(line, "method", "POST");
    expect_member(line, "path", "/v3/chats");
    expect_member(line, "operation", "createChat");
    expect_member(line, "from", FROM);
    expect_member(line, "from_source", "body");
    expect_member(line, "effect", "confetti");
    expect_member(line, "idempotency_key", "key-1");
    expect_member(line, "decision", "forwarded");
    expect_member(line, "delivery", "once");
    expect_member(line, "error", "");
    ck_assert_int_eq(wire_int(line, "/status"), 201);
    ck_assert_int_eq(wire_int(line, "/upstream_status"), 201);
    ck_assert_int_eq(wire_int(line, "/recipients"), 2);
    ck_assert_int_eq(wire_int(line, "/parts"), 1);
    ck_assert_int_eq(wire_int(line, "/bytes_in"), (int)strlen(odd_body));
    ck_assert_int_eq(wire_int(line, "/bytes_out"), (int)a.body.len);
    rig_audit_release(&lines);
    wire_answer_release(&a);
}
END_TEST

START_TEST(a_chunked_body_is_sent_with_a_length)
{
    struct json_document *log;
    struct wire_answer a;
    struct wire w;
    struct buffer head;
    char chunk[32], length[32];

    wire_head(&head, "POST", "/v3/chats",
              "Content-Type: application/json; charset=utf-8\r\n"
              "Transfer-Encoding: chunked\r\n",
              -1);
    wire_open(&w, rig.port);
    wire_send(&w, head.data, head.len);
    for (size_t at = 0; at < strlen(odd_body); at += 50) {
        int n = (int)(strlen(odd_body) - at < 50 ? strlen(odd_body) - at : 50);

        snprintf(chunk, sizeof chunk, "%x;ext=\"1\"\r\n", (unsigned)n);
        wire_send_str(&w, chunk);
        wire_send(&w, odd_body + at, (size_t)n);
        wire_send_str(&w, "\r\n");
    }
    wire_send_str(&w, "0\r\nX-Trailer: 1\r\n\r\n");
    wire_read(&w, &a);
    ck_assert_int_eq(a.status, 201);
    log = rig_stub_log(&rig);
    snprintf(length, sizeof length, "%zu", strlen(odd_body));
    ck_assert_str_eq(wire_text(log->root, "/entries/0/body"), odd_body);
    ck_assert_str_eq(expect_sent_header(log, 0, "content-length", NULL),
                     length);
    ck_assert_ptr_null(expect_sent_header(log, 0, "transfer-encoding", NULL));
    ck_assert_ptr_null(expect_sent_header(log, 0, "x-trailer", NULL));
    json_free(log);
    wire_answer_release(&a);
    wire_close(&w);
    buffer_release(&head);
}
END_TEST

START_TEST(what_belongs_to_a_connection_is_not_forwarded)
{
    static const char headers[] = "Connection: keep-alive, X-Hop\r\n"
                                  "X-Hop: 1\r\n"
                                  "Keep-Alive: timeout=5\r\n"
                                  "TE: trailers\r\n"
                                  "Proxy-Authorization: secret\r\n"
                                  "Accept-Encoding: gzip\r\n"
                                  "X-Forwarded-For: 203.0.113.9\r\n"
                                  "X-Request-Id: mine\r\n"
                                  "X-Custom: kept\r\n";
    static const char *const dropped[] = {
        "x-hop", "keep-alive", "te", "proxy-authorization", "expect",
    };
    struct json_document *log;
    struct wire_answer a;

    expect_create(&rig, FROM, headers, &a);
    ck_assert_int_eq(a.status, 201);
    log = rig_stub_log(&rig);
    for (size_t i = 0; i < ARRAY_LEN(dropped); i++)
        ck_assert_msg(!expect_sent_header(log, 0, dropped[i], NULL), "%s",
                      dropped[i]);
    ck_assert_str_eq(expect_sent_header(log, 0, "accept-encoding", NULL),
                     "identity");
    ck_assert_str_eq(expect_sent_header(log, 0, "x-custom", NULL), "kept");
    ck_assert_str_eq(expect_sent_header(log, 0, "x-forwarded-for", NULL),
                     "127.0.0.1");
    ck_assert_str_eq(expect_sent_header(log, 0, "x-request-id", NULL),
                     wire_answer_header(&a, "x-request-id"));
    ck_assert_str_ne(expect_sent_header(log, 0, "x-request-id", NULL), "mine");
    ck_assert_ptr_nonnull(
        strstr(expect_sent_header(log, 0, "via", NULL), "chatgate"));
    ck_assert_uint_eq(strlen(expect_sent_header(log, 0, "traceparent", NULL)),
                      55);
    json_free(log);
    wire_answer_release(&a);
}
END_TEST

/* ---- refusals ---- */

#define BODY(parts)                                                            \
    "{\"from\":\"" FROM "\",\"to\":[\"+14155550199\"],"                        \
    "\"message\":{\"parts\":" parts "}}"
#define TEXT_PART "{\"type\":\"text\",\"value\":\"x\"}"
#define CHAT "/v3/chats/018f3b6c-0000-7000-8000-000000000001"

static const struct {
    const char *method, *target, *headers, *body;
    int status, code;
    const char *rule, *pointer, *error; /* NULL: not looked at */
} refusals[] = {
    /* routes and heads */
    {"GET", "/v3/nothing", NULL, NULL, 404, 2001, NULL, NULL, "http.no_route"},
    {"PATCH", "/v3/chats", NULL, NULL, 405, 1002, NULL, NULL,
     "http.method_not_allowed"},
    {"GET", "/v3/chats/../chats", NULL, NULL, 400, 1002, NULL, NULL,
     "http.path"},
    {"GET", "/v3//chats", NULL, NULL, 400, 1002, NULL, NULL, "http.path"},
    {"GET", "/v3/chats?limit=%zz", NULL, NULL, 400, 1002, NULL, NULL,
     "http.query"},
    {"GET", "/v3/chats/not-a-uuid", NULL, NULL, 400, 1002, "path.format",
     "{chatId}", NULL},
    {"GET", "/v3/chats?limit=0", NULL, NULL, 400, 1002, "query.minimum",
     "?limit", NULL},
    {"GET", "/v3/chats?limit=5&limit=5", NULL, NULL, 400, 1002,
     "query.duplicate", "?limit", NULL},
    {"GET", "/v3/chats?from=+14155550100", NULL, NULL, 400, 1002, NULL, "?from",
     NULL},
    {"POST", "/v3/chats", NULL, NULL, 411, 1002, NULL, NULL,
     "http.length_required"},
    {"POST", "/v3/chats", "Content-Type: text/plain\r\n",
     BODY("[" TEXT_PART "]"), 415, 1002, NULL, NULL, "http.content_type"},
    {"POST", "/v3/chats", "Content-Encoding: gzip\r\n", BODY("[" TEXT_PART "]"),
     415, 1002, NULL, NULL, "http.content_encoding"},
    /* JSON */
    {"POST", "/v3/chats", NULL, "", 400, 1002, "json.empty", "", NULL},
    {"POST", "/v3/chats", NULL, "   ", 400, 1002, "json.empty", "", NULL},
    {"POST", "/v3/chats", NULL, "{\"from\":", 400, 1002, "json.syntax", NULL,
     NULL},
    {"POST", "/v3/chats", NULL, BODY("[" TEXT_PART "]") "{}", 400, 1002,
     "json.syntax", NULL, NULL},
    {"POST", "/v3/chats", NULL, "{\"from\":\"\xff\"}", 400, 1002, "json.utf8",
     NULL, NULL},
    {"POST", "/v3/chats", NULL, "{\"from\":\"\\ud800x\"}", 400, 1002,
     "json.escape", NULL, NULL},
    {"POST", "/v3/chats", NULL, "{\"to\":[],\"to\":[]}", 400, 1002,
     "json.duplicate_key", NULL, NULL},
    {"POST", "/v3/chats", NULL, "\xef\xbb\xbf{}", 400, 1002, NULL, NULL, NULL},
    /* the contract */
    {"POST", "/v3/chats", NULL, "[]", 400, 1002, "type", "", NULL},
    {"POST", "/v3/chats", NULL,
     "{\"to\":[\"+14155550199\"],\"message\":{\"parts\":[" TEXT_PART "]}}", 400,
     1002, "required", "", NULL},
    {"POST", "/v3/chats", NULL, BODY("[]"), 400, 1002, "minItems",
     "/message/parts", NULL},
    {"POST", "/v3/chats", NULL, BODY("[{\"type\":\"text\",\"value\":\"\"}]"),
     400, 1002, "minLength", "/message/parts/0/value", NULL},
    {"POST", "/v3/chats", NULL, BODY("[{\"type\":\"poem\",\"value\":\"x\"}]"),
     400, 1002, NULL, NULL, NULL},
    {"POST", "/v3/chats", NULL, BODY("[" TEXT_PART "," TEXT_PART "]"), 400,
     1002, "parts.adjacent", "/message/parts/1", "validation"},
    {"POST", "/v3/chats", NULL,
     BODY("[" TEXT_PART
          ",{\"type\":\"link\",\"value\":\"https://example.com/\"}]"),
     400, 1002, "parts.alone", NULL, NULL},
    {"POST", "/v3/chats", NULL,
     BODY("[{\"type\":\"media\",\"url\":\"http://example.com/a.jpg\"}]"), 400,
     1002, NULL, NULL, NULL},
    {"POST", CHAT "/messages", NULL,
     "{\"message\":{\"parts\":[" TEXT_PART "," TEXT_PART "]}}", 400, 1002,
     "parts.adjacent", "/message/parts/1", NULL},
    {"POST", CHAT "/typing", NULL, "{\"x\":1}", 400, 1002, NULL, NULL, NULL},
};

START_TEST(a_refusal_comes_in_the_envelope_and_goes_nowhere)
{
    const struct json_value *line;
    struct rig_audit lines;
    struct wire_answer a;

    wire_call(rig.port, refusals[_i].method, refusals[_i].target,
              refusals[_i].headers, refusals[_i].body, &a);
    expect_refusal(&a, refusals[_i].status, refusals[_i].code,
                   refusals[_i].rule, refusals[_i].pointer);
    line = expect_line(&rig, &lines, &a);
    expect_member(line, "decision", "rejected");
    expect_member(line, "delivery", "none");
    expect_member(line, "trace_id", "");
    expect_member(line, "gateway_trace_id",
                  wire_text(wire_answer_json(&a), "/trace_id"));
    if (refusals[_i].error)
        expect_member(line, "error", refusals[_i].error);
    ck_assert_int_eq(wire_int(line, "/status"), refusals[_i].status);
    ck_assert_int_eq(json_get(line, "upstream_status")->type, JSON_NULL);
    ck_assert_int_eq(rig_delivered(&rig), 0);
    rig_audit_release(&lines);
    wire_answer_release(&a);
}
END_TEST

START_TEST(a_405_says_what_is_allowed)
{
    struct wire_answer a;
    const char *allow;

    wire_call(rig.port, "PATCH", "/v3/chats", NULL, NULL, &a);
    expect_refusal(&a, 405, 1002, NULL, NULL);
    allow = wire_answer_header(&a, "allow");
    ck_assert_ptr_nonnull(allow);
    ck_assert_ptr_nonnull(strstr(allow, "GET"));
    ck_assert_ptr_nonnull(strstr(allow, "POST"));
    wire_answer_release(&a);
}
END_TEST

START_TEST(a_body_too_large_is_refused_before_it_is_sent)
{
    struct wire_answer a;
    struct buffer head;
    struct wire w;

    wire_head(&head, "POST", "/v3/chats", NULL, 64 * 1024 + 1);
    wire_open(&w, rig.port);
    wire_send(&w, head.data, head.len);
    wire_read(&w, &a);
    expect_refusal(&a, 413, 5001, NULL, NULL);
    wire_answer_release(&a);
    wire_close(&w);
    buffer_release(&head);
}
END_TEST

START_TEST(a_chunked_body_too_large_is_refused_on_the_way)
{
    char piece[8192];
    struct wire_answer a;
    struct buffer head;
    struct wire w;
    bool open = true;

    wire_head(&head, "POST", "/v3/chats",
              "Content-Type: application/json\r\n"
              "Transfer-Encoding: chunked\r\n",
              -1);
    wire_open(&w, rig.port);
    wire_send(&w, head.data, head.len);
    memset(piece, ' ', sizeof piece);
    for (int i = 0; i < 9 && open; i++)
        open = wire_try_send(&w, "2000\r\n", 6) &&
               wire_try_send(&w, piece, sizeof piece) &&
               wire_try_send(&w, "\r\n", 2);
    wire_read(&w, &a);
    expect_refusal(&a, 413, 5001, NULL, NULL);
    ck_assert_int_eq(rig_delivered(&rig), 0);
    wire_answer_release(&a);
    wire_close(&w);
    buffer_release(&head);
}
END_TEST

START_TEST(a_head_too_large_is_refused)
{
    char *header = calloc(1, 32 * 1024);
    struct wire_answer a;
    struct wire w;

    ck_assert_ptr_nonnull(header);
    memset(header, 'x', 20 * 1024);
    memcpy(header, "X-Long: ", 8);
    memcpy(header + 20 * 1024, "\r\n", 3);
    wire_open(&w, rig.port);
    wire_request(&w, "GET", "/v3/chats", header, NULL);
    wire_read(&w, &a);
    expect_refusal(&a, 431, 1002, NULL, NULL);
    ck_assert(wire_wait_close(&w));
    wire_answer_release(&a);
    wire_close(&w);
    free(header);
}
END_TEST

START_TEST(malformed_bytes_are_answered_and_recorded_too)
{
    const struct json_value *line;
    struct rig_audit lines;
    struct wire_answer a;
    struct wire w;

    wire_open(&w, rig.port);
    wire_send_str(&w, "POST /v3/chats HTTP/1.1\r\nHost: a\r\n"
                      "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello");
    wire_read(&w, &a);
    expect_refusal(&a, 400, 1002, NULL, NULL);
    line = expect_line(&rig, &lines, &a);
    expect_member(line, "error", "http.content_length");
    expect_member(line, "decision", "rejected");
    ck_assert(wire_wait_close(&w));
    ck_assert_int_eq(rig_delivered(&rig), 0);
    rig_audit_release(&lines);
    wire_answer_release(&a);
    wire_close(&w);
}
END_TEST

START_TEST(at_most_sixteen_violations_are_reported)
{
    const struct json_value *violations;
    struct buffer body;
    struct wire_answer a;

    buffer_init(&body, 64 * 1024);
    ck_assert_int_eq(buffer_append_str(&body, "{\"from\":1,\"to\":["), 0);
    for (int i = 0; i < 40; i++)
        ck_assert_int_eq(buffer_printf(&body, "%s%d", i ? "," : "", i), 0);
    ck_assert_int_eq(buffer_append_str(&body, "],\"message\":{}}"), 0);
    wire_call(rig.port, "POST", "/v3/chats", NULL, body.data, &a);
    expect_refusal(&a, 400, 1002, NULL, NULL);
    violations = json_at(wire_answer_json(&a), text_of("/error/violations"));
    ck_assert_uint_eq(violations->count, 16);
    wire_answer_release(&a);
    buffer_release(&body);
}
END_TEST

START_TEST(the_upstreams_own_refusal_passes_as_it_is)
{
    const struct json_value *line;
    struct rig_audit lines;
    struct wire_answer a;

    expect_create(&rig, FROM, "X-Stub-Fault: status=418\r\n", &a);
    ck_assert_int_eq(a.status, 418);
    ck_assert_str_eq(wire_text(wire_answer_json(&a), "/error/message"),
                     "a fault that was asked for");
    line = expect_line(&rig, &lines, &a);
    expect_member(line, "decision", "forwarded");
    expect_member(line, "trace_id",
                  wire_text(wire_answer_json(&a), "/trace_id"));
    ck_assert_int_eq(wire_int(line, "/upstream_status"), 418);
    rig_audit_release(&lines);
    wire_answer_release(&a);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("create");
    TCase *t = rig_tcase(s, "create");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_valid_create_is_forwarded_byte_for_byte);
    tcase_add_test(t, the_answer_passes_and_its_trace_is_recorded);
    tcase_add_test(t, a_chunked_body_is_sent_with_a_length);
    tcase_add_test(t, what_belongs_to_a_connection_is_not_forwarded);
    tcase_add_loop_test(t, a_refusal_comes_in_the_envelope_and_goes_nowhere, 0,
                        (int)ARRAY_LEN(refusals));
    tcase_add_test(t, a_405_says_what_is_allowed);
    tcase_add_test(t, a_body_too_large_is_refused_before_it_is_sent);
    tcase_add_test(t, a_chunked_body_too_large_is_refused_on_the_way);
    tcase_add_test(t, a_head_too_large_is_refused);
    tcase_add_test(t, malformed_bytes_are_answered_and_recorded_too);
    tcase_add_test(t, at_most_sixteen_violations_are_reported);
    tcase_add_test(t, the_upstreams_own_refusal_passes_as_it_is);
    return s;
}

int main(void)
{
    return rig_main(suite());
}
