/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/audit.c - an answer that a client has received has its line,
 * every line has every field, and nothing secret is in it.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "integration/expect.h"

#define FROM "+14155550100"
#define SECRET "the quick brown fox"

static struct rig rig;

static const char *const fields[] = {
    "time",         "request_id",      "trace_id",   "gateway_trace_id",
    "consumer",     "client",          "method",     "path",
    "operation",    "chat_id",         "from",       "from_source",
    "recipients",   "parts",           "effect",     "idempotency_key",
    "decision",     "error",           "delivery",   "client_gone",
    "status",       "upstream_status", "violations", "limits",
    "limit_source", "bytes_in",        "bytes_out",  "duration_us",
    "upstream_us",  "policy_version",  "run",        "worker",
    "seq",
};

static void start(const char *audit_config)
{
    rig_start(&rig, &(struct rig_options){
                        .policy = "{\"name\":\"test\",\"limits\":[{\"name\":"
                                  "\"burst\",\"per\":[\"sender\"],"
                                  "\"capacity\":2,\"refill\":\"0/s\"}]}",
                        .audit_config = audit_config,
                    });
}

static int create(const char *text)
{
    char *body = rig_create_body(FROM, text);
    struct wire_answer a;
    int status;

    wire_call(rig.port, "POST", "/v3/chats", NULL, body, &a);
    status = a.status;
    wire_answer_release(&a);
    free(body);
    return status;
}

static void send_raw(const char *bytes)
{
    struct wire_answer a;
    struct wire w;

    wire_open(&w, rig.port);
    wire_send_str(&w, bytes);
    wire_read(&w, &a);
    ck_assert_int_eq(a.status, 400);
    wire_answer_release(&a);
    wire_close(&w);
}

/* One request of each kind, each with a line. */
static void all_kinds(void)
{
    struct wire_answer a;

    ck_assert_int_eq(create(SECRET), 201);
    expect_create(&rig, FROM, "X-Stub-Fault: drop_after_read\r\n", &a);
    ck_assert_int_eq(a.status, 502);
    wire_answer_release(&a);
    ck_assert_int_eq(create(SECRET), 429);
    wire_call(rig.port, "POST", "/v3/chats", NULL,
              "{\"from\":\"" FROM "\",\"to\":7,\"" SECRET "\":{}}", &a);
    ck_assert_int_eq(a.status, 400);
    wire_answer_release(&a);
    wire_call(rig.port, "GET", "/v3/nothing?x=secret", NULL, NULL, &a);
    ck_assert_int_eq(a.status, 404);
    wire_answer_release(&a);
    send_raw("GET /v3/chats HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    send_raw("\x01\x02\x03 nonsense\r\n\r\n");
}

START_TEST(every_line_has_every_field)
{
    struct rig_audit lines;

    start(NULL);
    all_kinds();
    rig_audit(&rig, &lines);
    ck_assert_uint_eq(lines.count, 7);
    for (size_t i = 0; i < lines.count; i++) {
        const struct json_value *line = lines.docs[i]->root;

        for (size_t f = 0; f < ARRAY_LEN(fields); f++)
            ck_assert_msg(json_get(line, fields[f]) != NULL,
                          "line %zu has no %s", i + 1, fields[f]);
        ck_assert_uint_eq(line->count, ARRAY_LEN(fields));
        ck_assert_uint_eq(strlen(wire_text(line, "/time")), 27);
        ck_assert_uint_eq(strlen(wire_text(line, "/run")), 36);
        ck_assert_str_eq(wire_text(line, "/client"), "127.0.0.1");
        ck_assert_int_ge(wire_int(line, "/duration_us"), 0);
    }
    rig_audit_release(&lines);
    rig_stop(&rig);
}
END_TEST

/* A gap in seq would be a line that was lost. */
START_TEST(lines_are_numbered_without_a_gap)
{
    int64_t next[64];
    struct rig_audit lines;

    start(NULL);
    all_kinds();
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(create("again"), 429);
    rig_audit(&rig, &lines);
    for (int i = 0; i < 64; i++)
        next[i] = 1;
    for (size_t i = 0; i < lines.count; i++) {
        int64_t worker = wire_int(lines.docs[i]->root, "/worker");

        ck_assert_int_lt(worker, 64);
        ck_assert_int_eq(wire_int(lines.docs[i]->root, "/seq"), next[worker]++);
    }
    rig_audit_release(&lines);
    rig_stop(&rig);
}
END_TEST

START_TEST(neither_texts_nor_credentials_are_written)
{
    static const char *const secrets[] = {SECRET, "Bearer", "token", "secret"};
    char *text = NULL;
    size_t size = 0;
    FILE *f;

    start(NULL);
    all_kinds();
    f = fopen(rig.audit_file, "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_gt(getdelim(&text, &size, '\0', f), 0);
    fclose(f);
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
        ck_assert_msg(!strstr(text, secrets[i]), "%s is in the audit file",
                      secrets[i]);
    free(text);
    rig_stop(&rig);
}
END_TEST

START_TEST(numbers_may_be_masked_or_hashed)
{
    static const char *const configs[] = {
        "\"numbers\": \"masked\"",
        "\"numbers\": \"hashed\", \"key\": \"0123456789abcdef0123456789\"",
    };
    struct rig_audit lines;
    const char *from;

    start(configs[_i]);
    ck_assert_int_eq(create("one"), 201);
    ck_assert_int_eq(create("two"), 201);
    rig_audit(&rig, &lines);
    from = wire_text(lines.docs[0]->root, "/from");
    ck_assert_ptr_null(strstr(from, "4155550100"));
    ck_assert_uint_gt(strlen(from), 0);
    ck_assert_str_eq(wire_text(lines.docs[1]->root, "/from"), from);
    rig_audit_release(&lines);
    rig_stop(&rig);
}
END_TEST

/* The promise itself: the process is killed the moment the answer is there,
 * and its line is in the file. Many rounds, because a race would hide. */
START_TEST(a_received_answer_has_its_line_after_a_kill)
{
    struct rig_audit lines;

    rig_start(&rig, &(struct rig_options){.redis = RIG_NO_REDIS});
    for (int round = 0; round < 8; round++) {
        char ids[16][64];
        struct wire_answer a;
        struct wire w;
        int count = 1 + round * 2;

        wire_open(&w, rig.port);
        for (int i = 0; i < count; i++) {
            char *body = rig_create_body(i % 3 == 2 ? "bad" : FROM, "x");

            wire_request(&w, "POST", "/v3/chats", NULL, body);
            wire_read(&w, &a);
            if (i == count - 1)
                process_kill(&rig.gateway);
            ck_assert_int_eq(a.status, i % 3 == 2 ? 400 : 201);
            snprintf(ids[i], sizeof ids[i], "%s",
                     wire_answer_header(&a, "x-request-id"));
            wire_answer_release(&a);
            free(body);
        }
        wire_close(&w);
        rig_audit(&rig, &lines);
        for (int i = 0; i < count; i++)
            ck_assert_msg(rig_audit_find(&lines, "/request_id", ids[i]),
                          "round %d, answer %d of %d: no line", round, i + 1,
                          count);
        rig_audit_release(&lines);
        rig_gateway_start(&rig);
    }
    rig_stop(&rig);
}
END_TEST

START_TEST(a_rotated_file_is_reopened)
{
    struct rig_audit lines;
    char old[700];

    start(NULL);
    ck_assert_int_eq(create("one"), 201);
    snprintf(old, sizeof old, "%s.1", rig.audit_file);
    ck_assert_int_eq(rename(rig.audit_file, old), 0);
    ck_assert_int_eq(create("two"), 201); /* still into the old one */
    ck_assert_int_ne(access(rig.audit_file, F_OK), 0);
    kill(rig.gateway.pid, SIGUSR1);
    ck_assert(process_wait_for(&rig.gateway, "audit.reopened", NULL, 0));
    ck_assert_int_eq(create("three"), 429);
    rig_audit(&rig, &lines);
    ck_assert_uint_eq(lines.count, 1);
    expect_member(lines.docs[0]->root, "decision", "limited");
    rig_audit_release(&lines);
    rig_stop(&rig);
}
END_TEST

START_TEST(two_gateways_may_share_a_file)
{
    struct rig_audit lines;
    static struct rig second;

    start(NULL);
    rig_prepare(&second, &(struct rig_options){.redis = RIG_NO_REDIS});
    snprintf(second.audit_file, sizeof second.audit_file, "%s", rig.audit_file);
    rig_write_config(&second, NULL);
    rig_gateway_start(&second);
    ck_assert_int_eq(create("one"), 201);
    ck_assert_int_eq(expect_create_status(&second, FROM), 201);
    ck_assert_int_eq(create("two"), 201);
    rig_audit(&rig, &lines);
    ck_assert_uint_eq(lines.count, 3);
    ck_assert_str_ne(wire_text(lines.docs[0]->root, "/run"),
                     wire_text(lines.docs[1]->root, "/run"));
    ck_assert_str_eq(wire_text(lines.docs[0]->root, "/run"),
                     wire_text(lines.docs[2]->root, "/run"));
    rig_audit_release(&lines);
    rig_stop(&second);
    rig_stop(&rig);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("audit");
    TCase *t = rig_tcase(s, "audit");

    tcase_add_test(t, every_line_has_every_field);
    tcase_add_test(t, lines_are_numbered_without_a_gap);
    tcase_add_test(t, neither_texts_nor_credentials_are_written);
    tcase_add_loop_test(t, numbers_may_be_masked_or_hashed, 0, 2);
    tcase_add_test(t, a_received_answer_has_its_line_after_a_kill);
    tcase_add_test(t, a_rotated_file_is_reopened);
    tcase_add_test(t, two_gateways_may_share_a_file);
    return s;
}

int main(void)
{
    return rig_main(suite());
}
