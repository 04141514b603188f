/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/headers.c - what a client's head may say: what of it the
 * upstream sees, and what it refuses the request for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "integration/expect.h"

#define FROM "+14155550100"

static struct rig rig;

static void start(const char *config)
{
    rig_start(&rig, &(struct rig_options){
                        .redis = RIG_NO_REDIS,
                        .config = config,
                    });
}

static void create(const char *headers, struct wire_answer *a)
{
    char *body = rig_create_body(FROM, "hello");

    wire_call(rig.port, "POST", "/v3/chats", headers, body, a);
    free(body);
}

/* Only the first of several was once looked at. */
START_TEST(a_second_content_encoding_is_seen)
{
    struct wire_answer a;

    start(NULL);
    create("Content-Encoding: identity\r\nContent-Encoding: gzip\r\n", &a);
    expect_refusal(&a, 415, 1002, "http.content_encoding", "");
    wire_answer_release(&a);
    ck_assert_int_eq(rig_delivered(&rig), 0);
    rig_stop(&rig);
}
END_TEST

/* To join them took memory that grew with the square of their number: the
 * connection was cut without an answer. */
START_TEST(many_via_are_one_list)
{
    char headers[8192], list[8192];
    struct json_document *log;
    struct wire_answer a;
    const char *via;
    size_t h = 0, l = 0;
    int count;

    for (int i = 0; i < 90; i++) {
        h += (size_t)snprintf(headers + h, sizeof headers - h,
                              "Via: 1.1 %02d-%064d\r\n", i, 0);
        l += (size_t)snprintf(list + l, sizeof list - l, "1.1 %02d-%064d, ", i,
                              0);
    }
    snprintf(list + l, sizeof list - l, "1.1 chatgate");
    start(NULL);
    create(headers, &a);
    ck_assert_int_eq(a.status, 201);
    wire_answer_release(&a);
    log = rig_stub_log(&rig);
    via = expect_sent_header(log, 0, "via", &count);
    ck_assert_int_eq(count, 1);
    ck_assert_str_eq(via, list);
    json_free(log);
    rig_stop(&rig);
}
END_TEST

static const struct {
    const char *config;
    int count;
} trust[] = {
    {NULL, 0},
    {"\"trusted_proxies\": [\"127.0.0.0/8\"]", 1},
};

/* What says where a request comes from is believed from few. */
START_TEST(all_of_x_forwarded_needs_trust)
{
    struct json_document *log;
    struct wire_answer a;
    int count;

    start(trust[_i].config);
    create("X-Forwarded-Port: 8443\r\nX-Forwarded: kept\r\n", &a);
    ck_assert_int_eq(a.status, 201);
    wire_answer_release(&a);
    log = rig_stub_log(&rig);
    expect_sent_header(log, 0, "x-forwarded-port", &count);
    ck_assert_int_eq(count, trust[_i].count);
    expect_sent_header(log, 0, "x-forwarded", &count);
    ck_assert_int_eq(count, 1);
    json_free(log);
    rig_stop(&rig);
}
END_TEST

#define TRACE "0af7651916cd43dd8448eb211c80319c"

/* Ids and addresses likewise: who is not trusted gets new ones, and is
 * recorded by its own address. */
START_TEST(ids_and_addresses_need_trust)
{
    bool is_trusted = trust[_i].count > 0;
    const struct json_value *line;
    struct json_document *log;
    struct rig_audit lines;
    struct wire_answer a;
    const char *sent;

    start(trust[_i].config);
    create("X-Request-Id: mine-1\r\n"
           "traceparent: 00-" TRACE "-b7ad6b7169203331-01\r\n"
           "X-Forwarded-For: 192.0.2.7, 127.0.0.9\r\n",
           &a);
    ck_assert_int_eq(a.status, 201);
    ck_assert_int_eq(strcmp(wire_answer_header(&a, "x-request-id"), "mine-1") ==
                         0,
                     is_trusted);
    line = expect_line(&rig, &lines, &a);
    expect_member(line, "client", is_trusted ? "192.0.2.7" : "127.0.0.1");
    ck_assert_int_eq(strcmp(wire_text(line, "/gateway_trace_id"), TRACE) == 0,
                     is_trusted);
    rig_audit_release(&lines);
    wire_answer_release(&a);
    log = rig_stub_log(&rig);
    sent = expect_sent_header(log, 0, "x-forwarded-for", NULL);
    ck_assert_str_eq(sent, is_trusted ? "192.0.2.7, 127.0.0.9, 127.0.0.1"
                                      : "127.0.0.1");
    sent = expect_sent_header(log, 0, "traceparent", NULL);
    ck_assert_int_eq(strstr(sent, TRACE) != NULL, is_trusted);
    json_free(log);
    rig_stop(&rig);
}
END_TEST

/* A program need not read the sentence: the rule stands beside it. */
START_TEST(a_refused_head_names_its_rule)
{
    struct wire_answer a;

    start(NULL);
    wire_call(rig.port, "GET", "/v4/chats", NULL, NULL, &a);
    expect_refusal(&a, 404, 2001, "http.no_route", "");
    ck_assert_uint_eq(
        json_at(wire_answer_json(&a), text_of("/error/violations"))->count, 1);
    wire_answer_release(&a);
    wire_call(rig.port, "GET", "/v3/../chats", NULL, NULL, &a);
    expect_refusal(&a, 400, 1002, "http.path", "");
    wire_answer_release(&a);
    wire_call(rig.port, "PATCH", "/v3/chats", NULL, NULL, &a);
    expect_refusal(&a, 405, 1002, "http.method_not_allowed", "");
    wire_answer_release(&a);
    rig_stop(&rig);
}
END_TEST

/* They were once held to be a body without JSON. */
START_TEST(chunks_of_nothing_are_no_body)
{
    struct wire_answer a;
    char path[128];
    struct wire w;

    start(NULL);
    expect_create(&rig, FROM, NULL, &a);
    ck_assert_int_eq(a.status, 201);
    snprintf(path, sizeof path, "/v3/chats/%s/typing",
             wire_text(wire_answer_json(&a), "/chat/id"));
    wire_answer_release(&a);
    wire_open(&w, rig.port);
    wire_request(&w, "POST", path,
                 "Content-Type: application/json\r\n"
                 "Transfer-Encoding: chunked\r\n",
                 NULL);
    wire_send_str(&w, "0\r\n\r\n");
    wire_read(&w, &a);
    ck_assert_int_eq(a.status, 204);
    wire_answer_release(&a);
    /* Of no type, as long as it is nothing. */
    wire_request(&w, "POST", path, "Transfer-Encoding: chunked\r\n", NULL);
    wire_send_str(&w, "0\r\n\r\n");
    wire_read(&w, &a);
    ck_assert_int_eq(a.status, 204);
    wire_answer_release(&a);
    wire_request(&w, "POST", path, "Transfer-Encoding: chunked\r\n", NULL);
    wire_send_str(&w, "2\r\n{}\r\n0\r\n\r\n");
    wire_read(&w, &a);
    expect_refusal(&a, 415, 1002, "http.content_type", "");
    wire_answer_release(&a);
    wire_request(&w, "POST", "/v3/chats",
                 "Content-Type: application/json\r\n"
                 "Transfer-Encoding: chunked\r\n",
                 NULL);
    wire_send_str(&w, "0\r\n\r\n");
    wire_read(&w, &a);
    expect_refusal(&a, 400, 1002, "json.empty", "");
    wire_answer_release(&a);
    wire_close(&w);
    rig_stop(&rig);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("headers");
    TCase *t = rig_tcase(s, "headers");

    tcase_add_test(t, a_second_content_encoding_is_seen);
    tcase_add_test(t, many_via_are_one_list);
    tcase_add_loop_test(t, all_of_x_forwarded_needs_trust, 0,
                        (int)ARRAY_LEN(trust));
    tcase_add_loop_test(t, ids_and_addresses_need_trust, 0,
                        (int)ARRAY_LEN(trust));
    tcase_add_test(t, a_refused_head_names_its_rule);
    tcase_add_test(t, chunks_of_nothing_are_no_body);
    return s;
}

int main(void)
{
    return rig_main(suite());
}
