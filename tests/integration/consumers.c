/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/consumers.c - internal services with keys of their own: who may
 * call, from which numbers, and that their keys stay here.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/crypto.h"
#include "integration/expect.h"

#define MINE "+14155550100"
#define OTHERS "+14155550101"
#define KEY "billing-key-1"
#define NEW_KEY "billing-key-2"
#define FREE_KEY "anybody-key"
#define CREDENTIAL "Bearer upstream-secret"
#define LIMIT                                                                  \
    "{\"name\":\"test\",\"limits\":[{\"name\":\"burst\",\"per\":[\"sender\"]," \
    "\"capacity\":3,\"refill\":\"0/s\"}]}"
#define MESSAGE                                                                \
    "{\"message\":{\"parts\":[{\"type\":\"text\",\"value\":\"hello\"}]}}"

static struct rig rig;

static const char *digest_of(const char *key)
{
    static char texts[4][2 * CRYPTO_SHA256_SIZE + 1];
    static unsigned next;
    uint8_t digest[CRYPTO_SHA256_SIZE];
    char *out = texts[next++ % 4];

    ck_assert_int_eq(crypto_sha256(text_of(key), digest), STATUS_OK);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return out;
}

/* "billing" with these keys and one number; "anybody" with any. */
static void write_consumers(const char *key, const char *other_key)
{
    char path[700], text[1024];

    snprintf(path, sizeof path, "%s/consumers.json", rig.dir);
    snprintf(text, sizeof text,
             "{\"consumers\": ["
             "{\"name\": \"billing\", \"keys\": [\"%s\", \"%s\"],"
             " \"senders\": [\"" MINE "\"]},"
             "{\"name\": \"anybody\", \"keys\": [\"%s\"],"
             " \"senders\": [\"*\"]}]}",
             digest_of(key), digest_of(other_key), digest_of(FREE_KEY));
    rig_write_file(path, text);
}

static char consumers_env[700];
static const char *env[] = {
    consumers_env, "CHATGATE_UPSTREAM_AUTHORIZATION=" CREDENTIAL, NULL};

static void setup(void)
{
    rig_prepare(&rig, &(struct rig_options){
                          .redis = RIG_NO_REDIS, .policy = LIMIT, .env = env});
    snprintf(consumers_env, sizeof consumers_env,
             "CHATGATE_CONSUMERS=%s/consumers.json", rig.dir);
    write_consumers(KEY, NEW_KEY);
    rig_gateway_start(&rig);
}

static void teardown(void)
{
    rig_stop(&rig);
}

static void call(const char *key, const char *method, const char *target,
                 const char *body, struct wire_answer *a)
{
    char headers[256];

    snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n", key);
    wire_call(rig.port, method, target, headers, body, a);
}

static void create(const char *key, const char *from, struct wire_answer *a)
{
    char *body = rig_create_body(from, "hello");

    call(key, "POST", "/v3/chats", body, a);
    free(body);
}

/* A chat of that number that the gateway has not seen. */
static const char *chat_behind_its_back(const char *from)
{
    static char path[128];
    char *body = rig_create_body(from, "hello");
    struct wire_answer a;

    wire_call(rig.stub_port, "POST", "/v3/chats", NULL, body, &a);
    ck_assert_int_eq(a.status, 201);
    snprintf(path, sizeof path, "/v3/chats/%s/messages",
             wire_text(wire_answer_json(&a), "/chat/id"));
    wire_answer_release(&a);
    free(body);
    return path;
}

static void expect_refused(struct wire_answer *a, int status, int code,
                           const char *rule, const char *consumer)
{
    const struct json_value *line;
    struct rig_audit lines;

    expect_refusal(a, status, code, rule, "");
    line = expect_line(&rig, &lines, a);
    expect_member(line, "decision", status == 503 ? "unavailable" : "denied");
    expect_member(line, "error", rule);
    expect_member(line, "consumer", consumer);
    expect_member(line, "delivery", "none");
    rig_audit_release(&lines);
    wire_answer_release(a);
}

START_TEST(a_key_is_needed)
{
    static const char *const headers[] = {
        "Authorization: Bearer wrong\r\n",
        "Authorization: Basic " KEY "\r\n",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: " KEY "\r\n",
        "Authorization: Bearer " KEY "x\r\n",
        "Authorization: Bearer " KEY "\r\nAuthorization: Bearer " KEY "\r\n",
        "authorization:\r\n",
    };
    char *body = rig_create_body(MINE, "hello");
    struct wire_answer a;

    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        wire_call(rig.port, "POST", "/v3/chats", headers[i], body, &a);
        ck_assert_msg(a.status == 401, "%s: %d", headers[i], a.status);
        ck_assert_ptr_nonnull(wire_answer_header(&a, "www-authenticate"));
        expect_refusal(&a, 401, 2004, NULL, NULL);
        wire_answer_release(&a);
    }
    ck_assert_int_eq(rig_delivered(&rig), 0);
    free(body);
}
END_TEST

START_TEST(a_digest_is_no_key)
{
    struct wire_answer a;

    create(digest_of(KEY), MINE, &a);
    ck_assert_int_eq(a.status, 401);
    wire_answer_release(&a);
}
END_TEST

START_TEST(the_credential_goes_upstream_and_the_key_does_not)
{
    struct json_document *log;
    struct rig_audit lines;
    struct wire_answer a;
    int count;

    create(KEY, MINE, &a);
    ck_assert_int_eq(a.status, 201);
    expect_member(expect_line(&rig, &lines, &a), "consumer", "billing");
    rig_audit_release(&lines);
    wire_answer_release(&a);
    /* Neither in a lookup. */
    call(FREE_KEY, "POST", chat_behind_its_back(MINE), MESSAGE, &a);
    ck_assert_int_eq(a.status, 202);
    wire_answer_release(&a);
    log = rig_stub_log(&rig);
    for (size_t i = 0; i < json_get(log->root, "entries")->count; i++) {
        const char *sent = expect_sent_header(log, i, "authorization", &count);

        ck_assert_int_eq(count, 1);
        if (i != 1) /* which was not the gateway's */
            ck_assert_str_eq(sent, CREDENTIAL);
    }
    json_free(log);
}
END_TEST

START_TEST(both_keys_work_while_one_takes_over)
{
    static const char *const keys[] = {KEY, NEW_KEY};
    struct wire_answer a;

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        create(keys[i], MINE, &a);
        ck_assert_int_eq(a.status, 201);
        wire_answer_release(&a);
    }
    /* A reload takes the old one away. */
    write_consumers("another", NEW_KEY);
    ck_assert_int_eq(kill(rig.gateway.pid, SIGHUP), 0);
    ck_assert(process_wait_for(&rig.gateway, "reload.done", NULL, 0));
    create(NEW_KEY, MINE, &a);
    ck_assert_int_eq(a.status, 201);
    wire_answer_release(&a);
    create(KEY, MINE, &a);
    ck_assert_int_eq(a.status, 401);
    wire_answer_release(&a);
}
END_TEST

/* It is charged nothing, and neither is the number's owner. */
START_TEST(another_number_is_forbidden_before_it_is_charged)
{
    struct wire_answer a;

    for (int i = 0; i < 5; i++) {
        create(KEY, OTHERS, &a);
        expect_refused(&a, 403, 2005, "sender.forbidden", "billing");
    }
    ck_assert_int_eq(rig_delivered(&rig), 0);
    for (int i = 0; i < 3; i++) {
        create(FREE_KEY, OTHERS, &a);
        ck_assert_int_eq(a.status, 201);
        wire_answer_release(&a);
    }
    create(FREE_KEY, OTHERS, &a);
    ck_assert_int_eq(a.status, 429);
    wire_answer_release(&a);
}
END_TEST

START_TEST(so_it_is_through_a_chat)
{
    const char *path = chat_behind_its_back(OTHERS);
    struct wire_answer a;

    call(KEY, "POST", path, MESSAGE, &a); /* looked up */
    expect_refused(&a, 403, 2005, "sender.forbidden", "billing");
    call(KEY, "POST", path, MESSAGE, &a); /* known */
    expect_refused(&a, 403, 2005, "sender.forbidden", "billing");
    call(FREE_KEY, "POST", path, MESSAGE, &a);
    ck_assert_int_eq(a.status, 202);
    wire_answer_release(&a);
    call(KEY, "POST", chat_behind_its_back(MINE), MESSAGE, &a);
    ck_assert_int_eq(a.status, 202);
    wire_answer_release(&a);
}
END_TEST

/* getChat is its own lookup: the answer is there, and must not leave. */
START_TEST(so_it_is_for_the_chat_itself)
{
    char path[128];
    struct wire_answer a;

    snprintf(path, sizeof path, "%s", chat_behind_its_back(OTHERS));
    *strstr(path, "/messages") = '\0';
    call(KEY, "GET", path, NULL, &a);
    expect_refusal(&a, 403, 2005, "sender.forbidden", "");
    ck_assert_ptr_null(strstr(a.body.data, OTHERS));
    wire_answer_release(&a);
}
END_TEST

START_TEST(a_list_must_name_the_number)
{
    struct wire_answer a;

    call(KEY, "GET", "/v3/chats", NULL, &a);
    ck_assert_int_eq(a.status, 403);
    wire_answer_release(&a);
    call(KEY, "GET", "/v3/chats?from=%2B14155550101", NULL, &a);
    expect_refused(&a, 403, 2005, "sender.forbidden", "billing");
    call(KEY, "GET", "/v3/chats?from=%2B14155550100", NULL, &a);
    ck_assert_int_eq(a.status, 200);
    wire_answer_release(&a);
    call(FREE_KEY, "GET", "/v3/chats", NULL, &a);
    ck_assert_int_eq(a.status, 200);
    wire_answer_release(&a);
}
END_TEST

/* The upstream cannot tell: who may use few numbers gets no benefit of it. */
START_TEST(an_unknown_sender_is_503_for_who_is_restricted)
{
    const char *path = chat_behind_its_back(MINE);
    struct wire_answer a;

    wire_call(rig.stub_port, "POST", "/_stub/fault", NULL,
              "{\"fault\":\"status=500\",\"times\":0,\"method\":\"GET\"}", &a);
    wire_answer_release(&a);
    call(KEY, "POST", path, MESSAGE, &a);
    expect_refused(&a, 503, 4004, "sender.unknown", "billing");
    call(FREE_KEY, "POST", path, MESSAGE, &a);
    ck_assert_int_eq(a.status, 202);
    wire_answer_release(&a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("consumers");
    TCase *t = rig_tcase(s, "consumers");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_key_is_needed);
    tcase_add_test(t, a_digest_is_no_key);
    tcase_add_test(t, the_credential_goes_upstream_and_the_key_does_not);
    tcase_add_test(t, both_keys_work_while_one_takes_over);
    tcase_add_test(t, another_number_is_forbidden_before_it_is_charged);
    tcase_add_test(t, so_it_is_through_a_chat);
    tcase_add_test(t, so_it_is_for_the_chat_itself);
    tcase_add_test(t, a_list_must_name_the_number);
    tcase_add_test(t, an_unknown_sender_is_503_for_who_is_restricted);
    return rig_main(s);
}
