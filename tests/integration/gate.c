/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/gate.c - the edge of the whole program: nothing malformed is
 * forwarded or read on behind, everything is answered in the envelope and
 * recorded, and no client can hold what it does not use.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "http/attacks.h"
#include "integration/expect.h"

#define FROM "+14155550100"

static struct rig rig;

static void setup(void)
{
    rig_start(&rig, &(struct rig_options){
                        .redis = RIG_NO_REDIS,
                        .limits_config = "\"header_timeout\": \"400ms\","
                                         "\"body_timeout\": \"400ms\","
                                         "\"keepalive_timeout\": \"600ms\""});
}

static void teardown(void)
{
    rig_stop(&rig);
}

/* ---- the table ---- */

static void setup_once(void)
{
    rig_start(&rig, &(struct rig_options){.redis = RIG_NO_REDIS});
}

/* A good request behind each: it must not be read where the first is
 * refused. */
#define BEHIND                                                                 \
    "GET /v3/chats?from=%2B14155550100 HTTP/1.1\r\nHost: h\r\n"                \
    "Authorization: Bearer x\r\n\r\n"

static void expect_attack_refused(const struct attack *a, struct wire *w)
{
    bool is_head = strncmp(a->bytes, "HEAD", 4) == 0;
    struct wire_answer answer, next;
    struct rig_audit lines;
    const struct json_value *line;

    w->head_next = is_head;
    wire_read(w, &answer);
    ck_assert_msg(answer.status == 400, "%s: status %d", a->name,
                  answer.status);
    if (!is_head)
        expect_refusal(&answer, 400, 1002, a->rule, NULL);
    ck_assert_msg(!wire_try_read(w, &next), "%s: a second answer", a->name);
    wire_answer_release(&next);
    line = expect_line(&rig, &lines, &answer);
    expect_member(line, "error", a->rule);
    expect_member(line, "decision", "rejected");
    expect_member(line, "delivery", "none");
    rig_audit_release(&lines);
    wire_answer_release(&answer);
}

static void expect_attack_passed(const struct attack *a, struct wire *w)
{
    struct wire_answer answer;

    wire_read(w, &answer);
    ck_assert_msg(answer.status == 201, "%s: status %d: %s", a->name,
                  answer.status, answer.body.data);
    wire_answer_release(&answer);
    wire_read(w, &answer);
    ck_assert_msg(answer.status == 200, "%s: behind it: %d", a->name,
                  answer.status);
    wire_answer_release(&answer);
}

START_TEST(each_attack_is_refused_and_each_neighbour_passes)
{
    int64_t delivered = rig_delivered(&rig);

    for (size_t i = 0; i < ATTACK_COUNT; i++) {
        const struct attack *a = &attacks[i];
        struct wire w;

        wire_open(&w, rig.port);
        wire_send(&w, a->bytes, a->len);
        /* The first may be refused and the connection closed by now. */
        (void)wire_try_send(&w, BEHIND, sizeof BEHIND - 1);
        if (a->rule) {
            expect_attack_refused(a, &w);
        } else {
            expect_attack_passed(a, &w);
            delivered += 2;
        }
        wire_close(&w);
        ck_assert_msg(rig_delivered(&rig) == delivered, "%s: delivered",
                      a->name);
    }
}
END_TEST

/* ---- between good ones ---- */

START_TEST(an_invalid_head_between_two_good_requests)
{
    struct wire_answer a;
    struct buffer head;
    struct wire w;
    char *body = rig_create_body(FROM, "first");

    wire_head(&head, "POST", "/v3/chats", NULL, (long)strlen(body));
    ck_assert_int_eq(buffer_append_str(&head, body), STATUS_OK);
    ck_assert_int_eq(buffer_append_str(&head, "GET /v3/chats HTTP/1.1\r\n"
                                              "Host: h\r\nBad : x\r\n\r\n"),
                     STATUS_OK);
    ck_assert_int_eq(buffer_append_str(&head, BEHIND), STATUS_OK);
    wire_open(&w, rig.port);
    wire_send(&w, head.data, head.len);
    wire_read(&w, &a);
    ck_assert_int_eq(a.status, 201);
    wire_answer_release(&a);
    wire_read(&w, &a);
    expect_refusal(&a, 400, 1002, "http.header", NULL);
    ck_assert_str_eq(wire_answer_header(&a, "connection"), "close");
    wire_answer_release(&a);
    ck_assert(wire_wait_close(&w));
    ck_assert_int_eq(rig_delivered(&rig), 1);
    wire_close(&w);
    buffer_release(&head);
    free(body);
}
END_TEST

/* ---- deadlines ---- */

/* Drip for longer than the deadline; what is the answer? */
static void drip(const char *first, const char *more, struct wire_answer *a)
{
    int64_t until = process_now_ms() + process_stretch(PROCESS_DEADLINE_MS);
    struct wire w;

    wire_open(&w, rig.port);
    wire_send_str(&w, first);
    for (size_t i = 0; process_now_ms() < until && !wire_has_input(&w, 50); i++)
        if (!wire_try_send(&w, more + i % strlen(more), 1))
            break;
    wire_read(&w, a);
    ck_assert(wire_wait_close(&w));
    wire_close(&w);
}

START_TEST(a_head_cannot_be_dripped_for_ever)
{
    const struct json_value *line;
    struct rig_audit lines;
    struct wire_answer a;

    drip("GET /v3/chats HTTP/1.1\r\nHost: h\r\nX: ", "x", &a);
    expect_refusal(&a, 408, 1002, "http.header_timeout", NULL);
    line = expect_line(&rig, &lines, &a);
    expect_member(line, "error", "http.header_timeout");
    expect_member(line, "path", "/v3/chats");
    rig_audit_release(&lines);
    wire_answer_release(&a);
}
END_TEST

START_TEST(a_body_cannot_be_dripped_for_ever)
{
    struct wire_answer a;

    drip("POST /v3/chats HTTP/1.1\r\nHost: h\r\n"
         "Authorization: Bearer x\r\nContent-Type: application/json\r\n"
         "Content-Length: 5000\r\n\r\n{\"from\":\"",
         " ", &a);
    expect_refusal(&a, 408, 1002, "http.body_timeout", NULL);
    wire_answer_release(&a);
    ck_assert_int_eq(rig_delivered(&rig), 0);
}
END_TEST

START_TEST(idle_connections_close_in_silence)
{
    struct wire silent, idle;
    struct wire_answer a;
    char *body = rig_create_body(FROM, "x");

    wire_open(&silent, rig.port);
    wire_open(&idle, rig.port);
    wire_request(&idle, "POST", "/v3/chats", NULL, body);
    wire_read(&idle, &a);
    ck_assert_int_eq(a.status, 201);
    ck_assert(wire_wait_close(&silent));
    ck_assert(wire_wait_close(&idle));
    ck_assert_uint_eq(silent.in.len + idle.in.len, 0);
    wire_answer_release(&a);
    wire_close(&silent);
    wire_close(&idle);
    free(body);
}
END_TEST

/* ---- bounds ---- */

#define MAX 6

/* Exactly so many, whichever worker they come to, are served; the others are
 * told, in the envelope and in the record; who leaves makes room. */
START_TEST(connections_beyond_the_maximum_are_told_so)
{
    struct wire in[MAX], w;
    struct rig_audit lines;
    struct wire_answer a;

    rig_start(&rig,
              &(struct rig_options){.redis = RIG_NO_REDIS,
                                    .limits_config = "\"max_connections\": 6"});
    for (size_t i = 0; i < MAX; i++) {
        wire_open(&in[i], rig.port);
        wire_request(&in[i], "GET", "/v3/chats", NULL, NULL);
        wire_read(&in[i], &a);
        ck_assert_int_eq(a.status, 200);
        wire_answer_release(&a);
    }
    for (int i = 0; i < 20; i++) {
        wire_open(&w, rig.port);
        wire_request(&w, "GET", "/v3/chats", NULL, NULL);
        wire_read(&w, &a);
        expect_refusal(&a, 503, 4004, "http.busy", "");
        ck_assert_str_eq(wire_answer_header(&a, "connection"), "close");
        ck_assert_ptr_nonnull(wire_answer_header(&a, "retry-after"));
        expect_member(expect_line(&rig, &lines, &a), "error", "http.busy");
        rig_audit_release(&lines);
        wire_answer_release(&a);
        ck_assert(wire_wait_close(&w));
        wire_close(&w);
    }
    ck_assert(rig_metric(&rig, "chatgate_connections_refused_total") == 20);
    for (size_t i = 0; i < MAX; i++) { /* they are as they were */
        wire_request(&in[i], "GET", "/v3/chats", NULL, NULL);
        wire_read(&in[i], &a);
        ck_assert_int_eq(a.status, 200);
        wire_answer_release(&a);
        wire_close(&in[i]);
    }
    ck_assert(rig_metric_becomes(&rig, "chatgate_connections", 0));
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    rig_stop(&rig);
}
END_TEST

START_TEST(an_early_refusal_reaches_a_client_that_sends_on)
{
    struct wire_answer a;
    struct buffer head;
    struct wire w;
    char *body = calloc(1, 4 << 20);

    memset(body, ' ', 4 << 20);
    wire_head(&head, "POST", "/v3/no-such-route", NULL, 4 << 20);
    wire_open(&w, rig.port);
    wire_send(&w, head.data, head.len);
    ck_assert(wire_try_send(&w, body, 4 << 20));
    wire_read(&w, &a);
    expect_refusal(&a, 404, 2001, NULL, NULL);
    ck_assert(wire_wait_close(&w));
    ck_assert(!w.was_reset);
    wire_answer_release(&a);
    wire_close(&w);
    buffer_release(&head);
    free(body);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gate");
    TCase *table = rig_tcase(s, "attacks"), *rest = rig_tcase(s, "gate"),
          *bound = rig_tcase(s, "bound");

    tcase_add_checked_fixture(table, setup_once, teardown);
    tcase_add_test(table, each_attack_is_refused_and_each_neighbour_passes);
    tcase_add_checked_fixture(rest, setup, teardown);
    tcase_add_test(rest, an_invalid_head_between_two_good_requests);
    tcase_add_test(rest, a_head_cannot_be_dripped_for_ever);
    tcase_add_test(rest, a_body_cannot_be_dripped_for_ever);
    tcase_add_test(rest, idle_connections_close_in_silence);
    tcase_add_test(bound, connections_beyond_the_maximum_are_told_so);
    tcase_add_test(rest, an_early_refusal_reaches_a_client_that_sends_on);
    return rig_main(s);
}
