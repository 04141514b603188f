/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/routing.c - what is matched is what is forwarded: one spelling
 * of each path, and nothing unvalidated but what the operator has named.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "integration/expect.h"

#define FROM "+14155550100"
#define UNMATCHED                                                              \
    "\"unmatched\": [{\"method\": \"*\", \"prefix\": \"/v3/attachments\"},"    \
    " {\"method\": \"PUT\", \"prefix\": \"/v3/put-only/\"}]"
#define TWO_A_CLIENT                                                           \
    "{\"name\":\"test\",\"limits\":[{\"name\":\"burst\",\"per\":[\"client\"]," \
    "\"capacity\":2,\"refill\":\"0/s\"}]}"

static struct rig rig;

static void start(const char *policy)
{
    rig_start(&rig, &(struct rig_options){.redis = RIG_NO_REDIS,
                                          .policy = policy,
                                          .config = UNMATCHED});
}

/* ---- spellings ---- */

static const struct {
    const char *target;
    int status;
    const char *rule;
} refused[] = {
    {"/v3/./chats", 400, "http.path"},
    {"/v3/../v3/chats", 400, "http.path"},
    {"/v3//chats", 400, "http.path"},
    {"//v3/chats", 400, "http.path"},
    {"/v3/chats/", 400, "http.path"},
    {"/v3/%2e/chats", 400, "http.path"},
    {"/v3/%2E%2E/v3/chats", 400, "http.path"},
    {"/v3%2fchats", 400, "http.path"},
    {"/v3/chats%2F", 400, "http.path"},
    {"/v3/%63hats", 400, "http.path"},
    {"/v3/chats%00", 400, "http.path"},
    {"/v3/chats%", 400, "http.path"},
    {"/v3/chats%4", 400, "http.path"},
    {"/v3/chats%zz", 400, "http.path"},
    {"/v3/chats;x=y", 404, "http.no_route"},
    {"/V3/chats", 404, "http.no_route"},
    {"/v3/Chats", 404, "http.no_route"},
    {"/", 404, "http.no_route"},
    {"/v3", 404, "http.no_route"},
    {"/v3/chats/x/y/z", 404, "http.no_route"},
    /* Around the prefix that passes. */
    {"/v3/attachments/../chats", 400, "http.path"},
    {"/v3/attachments/%2e%2e/chats", 400, "http.path"},
    {"/v3/attachments/..%2fchats", 400, "http.path"},
    {"/v3/attachments//x", 400, "http.path"},
    {"/v3/attachments-of-others", 404, "http.no_route"},
    {"/v3/Attachments", 404, "http.no_route"},
    {"/v3/put-only", 404, "http.no_route"},
    {"/v3/put-only/x", 404, "http.no_route"},
    /* A parameter that two readers would read differently. */
    {"/v3/chats?from=%2B14155550100&from=%2B14155550101", 400, NULL},
    {"/v3/chats?from=%2B14155550100&fro%6d=%2B14155550101", 400, NULL},
    {"/v3/chats?from=+14155550100", 400, NULL},
    {"/v3/chats?from=%2", 400, "http.query"},
    {"/v3/chats?from=%00", 400, NULL},
    {"/v3/chats?limit=ten", 400, NULL},
    {"/v3/chats?limit=0", 400, NULL},
};

START_TEST(only_one_spelling_passes)
{
    start(NULL);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct rig_audit lines;
        struct wire_answer a;

        wire_call(rig.port, "GET", refused[i].target, NULL, NULL, &a);
        ck_assert_msg(a.status == refused[i].status, "%s: %d",
                      refused[i].target, a.status);
        expect_refusal(&a, refused[i].status,
                       refused[i].status == 404 ? 2001 : 1002, refused[i].rule,
                       NULL);
        expect_member(expect_line(&rig, &lines, &a), "delivery", "none");
        rig_audit_release(&lines);
        wire_answer_release(&a);
    }
    ck_assert_int_eq(rig_delivered(&rig), 0);
    rig_stop(&rig);
}
END_TEST

/* To the byte, whatever could be written differently. */
START_TEST(what_passes_is_what_was_matched)
{
    static const char *const targets[] = {
        "/v3/chats?from=%2B14155550100",
        "/v3/chats?from=%2b14155550100&limit=5",
        "/v3/chats?unknown=%E2%82%AC&from=%2B14155550100",
        "/v3/attachments",
        "/v3/attachments/a%20b?x=1&x=2&&=",
        "/v3/attachments/~user/a:b@c!$&'()*+,;=",
    };
    struct json_document *log;
    struct wire_answer a;
    char pointer[64];

    start(NULL);
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        wire_call(rig.port, "GET", targets[i], NULL, NULL, &a);
        wire_answer_release(&a);
    }
    log = rig_stub_log(&rig);
    ck_assert_int_eq(wire_int(log->root, "/delivered"), ARRAY_LEN(targets));
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        snprintf(pointer, sizeof pointer, "/entries/%zu/target", i);
        ck_assert_str_eq(wire_text(log->root, pointer), targets[i]);
    }
    json_free(log);
    rig_stop(&rig);
}
END_TEST

/* ---- unmatched ---- */

START_TEST(what_the_operator_named_is_forwarded_unvalidated)
{
    static const struct {
        const char *method, *target, *body;
    } calls[] = {
        {"POST", "/v3/attachments", "{\"from\": not JSON at all"},
        {"PUT", "/v3/attachments/1/content", "\x01\x02\x03"},
        {"PATCH", "/v3/attachments/1", "{}"},
        {"PUT", "/v3/put-only/1", "x"},
        {"DELETE", "/v3/attachments/1", NULL},
    };
    const struct json_value *line;
    struct json_document *log;
    struct rig_audit lines;
    struct wire_answer a;

    start(NULL);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        wire_call(rig.port, calls[i].method, calls[i].target,
                  "Content-Type: application/octet-stream\r\n"
                  "Content-Encoding: x-own\r\n",
                  calls[i].body, &a);
        line = expect_line(&rig, &lines, &a);
        expect_member(line, "decision", "forwarded");
        expect_member(line, "delivery", "once");
        expect_member(line, "operation", "");
        expect_member(line, "path", calls[i].target);
        rig_audit_release(&lines);
        wire_answer_release(&a);
    }
    log = rig_stub_log(&rig);
    ck_assert_int_eq(wire_int(log->root, "/delivered"), ARRAY_LEN(calls));
    ck_assert_str_eq(wire_text(log->root, "/entries/0/body"), calls[0].body);
    ck_assert_str_eq(wire_text(log->root, "/entries/1/body"), calls[1].body);
    json_free(log);
    rig_stop(&rig);
}
END_TEST

START_TEST(and_limited_by_client)
{
    struct wire_answer a;

    start(TWO_A_CLIENT);
    for (int i = 0; i < 3; i++) {
        wire_call(rig.port, "GET", "/v3/attachments", NULL, NULL, &a);
        ck_assert(i < 2 ? a.status != 429 : a.status == 429);
        wire_answer_release(&a);
    }
    ck_assert_int_eq(rig_delivered(&rig), 2);
    rig_stop(&rig);
}
END_TEST

/* A contract's own path is the contract's, whatever the prefix. */
START_TEST(the_contract_goes_before_a_prefix)
{
    struct wire_answer a;
    char *body = rig_create_body("nobody", "x");

    rig_start(&rig, &(struct rig_options){
                        .redis = RIG_NO_REDIS,
                        .config = "\"unmatched\": [{\"method\": \"*\", "
                                  "\"prefix\": \"/\"}]"});
    wire_call(rig.port, "POST", "/v3/chats", NULL, body, &a);
    ck_assert_int_eq(a.status, 400);
    wire_answer_release(&a);
    ck_assert_int_eq(rig_delivered(&rig), 0);
    free(body);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("routing");
    TCase *t = rig_tcase(s, "routing");

    tcase_add_test(t, only_one_spelling_passes);
    tcase_add_test(t, what_passes_is_what_was_matched);
    tcase_add_test(t, what_the_operator_named_is_forwarded_unvalidated);
    tcase_add_test(t, and_limited_by_client);
    tcase_add_test(t, the_contract_goes_before_a_prefix);
    return rig_main(s);
}
