/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/buckets.c - whose bucket it is: a limit by sender, consumer,
 * client, chat or operation, by several of them or by none, is shared by the
 * requests that have it in common and by no others.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/crypto.h"
#include "integration/expect.h"

#define ME "+14155550100"
#define OTHER "+14155550101"

static struct rig rig;
static const enum rig_redis stores[] = {RIG_REDIS, RIG_NO_REDIS};

static char consumers_env[760];
static const char *env[] = {
    consumers_env, "CHATGATE_UPSTREAM_AUTHORIZATION=Bearer upstream", NULL};

static void add_consumer(char *to, size_t size, const char *name)
{
    uint8_t digest[CRYPTO_SHA256_SIZE];
    char hex[2 * CRYPTO_SHA256_SIZE + 1];
    size_t len = strlen(to);

    ck_assert_int_eq(crypto_sha256(text_of(name), digest), STATUS_OK);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    snprintf(to + len, size - len,
             "%s{\"name\": \"%s\", \"keys\": [\"%s\"], \"senders\": [\"*\"]}",
             len ? ", " : "", name, hex);
}

/* Consumers "billing" and "support", whose keys are their names. */
static void start(int store, const char *limit)
{
    char path[700], list[512] = "", text[700], policy[512];

    snprintf(policy, sizeof policy, "{\"name\":\"test\",\"limits\":[%s]}",
             limit);
    rig_prepare(&rig, &(struct rig_options){
                          .redis = stores[store],
                          .policy = policy,
                          .config = "\"trusted_proxies\": [\"127.0.0.1/32\"], "
                                    "\"unmatched\": [{\"method\": \"*\", "
                                    "\"prefix\": \"/v3/attachments\"}]",
                          .env = env,
                      });
    add_consumer(list, sizeof list, "billing");
    add_consumer(list, sizeof list, "support");
    snprintf(path, sizeof path, "%s/consumers.json", rig.dir);
    snprintf(text, sizeof text, "{\"consumers\": [%s]}", list);
    rig_write_file(path, text);
    snprintf(consumers_env, sizeof consumers_env, "CHATGATE_CONSUMERS=%s",
             path);
    rig_gateway_start(&rig);
}

/* A request's sides. */
struct sides {
    const char *from, *consumer, *client;
    int chat; /* of ME's: which of two */
    bool is_typing;
};

static char chats[2][64];

static void make_chats(void)
{
    char *body = rig_create_body(ME, "hello");
    struct wire_answer a;

    for (int i = 0; i < 2; i++) {
        wire_call(rig.stub_port, "POST", "/v3/chats", NULL, body, &a);
        ck_assert_int_eq(a.status, 201);
        snprintf(chats[i], sizeof chats[i], "%s",
                 wire_text(wire_answer_json(&a), "/chat/id"));
        wire_answer_release(&a);
    }
    free(body);
}

static int send_it(const struct sides *s)
{
    char headers[256], target[128], *body = rig_create_body(s->from, "hello");
    struct wire_answer a;
    int status;

    snprintf(headers, sizeof headers,
             "Authorization: Bearer %s\r\nX-Forwarded-For: %s\r\n", s->consumer,
             s->client);
    if (s->chat == 0) {
        wire_call(rig.port, "POST", "/v3/chats", headers, body, &a);
    } else {
        snprintf(target, sizeof target, "/v3/chats/%s/%s", chats[s->chat - 1],
                 s->is_typing ? "typing" : "read");
        wire_call(rig.port, "POST", target, headers, "", &a);
    }
    status = a.status;
    ck_assert_msg(status / 100 == 2 || status == 429, "%d: %s", status,
                  a.body.data);
    wire_answer_release(&a);
    free(body);
    return status / 100 == 2 ? 1 : 0;
}

/* Limits of one token, and for each a first request that takes it, one that
 * meets the same bucket and one that meets another. */
static const struct {
    const char *per;
    struct sides first, same, other;
} kinds[] = {
    {"\"sender\"",
     {ME, "billing", "192.0.2.1", 0, false},
     {ME, "support", "192.0.2.2", 1, true},
     {OTHER, "billing", "192.0.2.1", 0, false}},
    {"\"consumer\"",
     {ME, "billing", "192.0.2.1", 0, false},
     {OTHER, "billing", "192.0.2.2", 1, true},
     {ME, "support", "192.0.2.1", 0, false}},
    {"\"client\"",
     {ME, "billing", "192.0.2.1", 0, false},
     {OTHER, "support", "192.0.2.1", 1, true},
     {ME, "billing", "192.0.2.2", 0, false}},
    {"\"chat\"",
     {ME, "billing", "192.0.2.1", 1, true},
     {ME, "support", "192.0.2.2", 1, false},
     {ME, "billing", "192.0.2.1", 2, true}},
    {"\"operation\"",
     {ME, "billing", "192.0.2.1", 1, true},
     {ME, "support", "192.0.2.2", 2, true},
     {ME, "billing", "192.0.2.1", 1, false}},
    {"\"sender\", \"operation\"",
     {ME, "billing", "192.0.2.1", 1, true},
     {ME, "support", "192.0.2.2", 2, true},
     {ME, "billing", "192.0.2.1", 1, false}},
    {"\"consumer\", \"client\"",
     {ME, "billing", "192.0.2.1", 0, false},
     {OTHER, "billing", "192.0.2.1", 1, true},
     {ME, "billing", "192.0.2.2", 0, false}},
};

START_TEST(requests_share_what_the_limit_counts_by)
{
    const int n = (int)ARRAY_LEN(kinds);
    char limit[256];

    snprintf(limit, sizeof limit,
             "{\"name\":\"one\",\"per\":[%s],\"capacity\":1,\"refill\":"
             "\"0/s\"}",
             kinds[_i % n].per);
    start(_i / n, limit);
    make_chats();
    ck_assert_int_eq(send_it(&kinds[_i % n].first), 1);
    ck_assert_msg(send_it(&kinds[_i % n].same) == 0, "%s: not the same",
                  kinds[_i % n].per);
    ck_assert_msg(send_it(&kinds[_i % n].other) == 1, "%s: not another",
                  kinds[_i % n].per);
    ck_assert_int_eq(send_it(&kinds[_i % n].first), 0);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_limit_by_nothing_is_one_for_all)
{
    const struct sides all[] = {{ME, "billing", "192.0.2.1", 0, false},
                                {OTHER, "support", "192.0.2.2", 0, false},
                                {ME, "support", "192.0.2.3", 1, true}};

    start(_i, "{\"name\":\"two\",\"per\":[],\"capacity\":2,\"refill\":"
              "\"0/s\"}");
    make_chats();
    ck_assert_int_eq(send_it(&all[0]), 1);
    ck_assert_int_eq(send_it(&all[1]), 1);
    ck_assert_int_eq(send_it(&all[2]), 0);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_consumer_may_have_a_bucket_of_its_own)
{
    const struct sides billing = {ME, "billing", "192.0.2.1", 0, false};
    const struct sides support = {ME, "support", "192.0.2.1", 0, false};

    start(_i, "{\"name\":\"one\",\"per\":[\"consumer\"],\"capacity\":1,"
              "\"refill\":\"0/s\",\"overrides\":{\"billing\":{\"capacity\":3}"
              "}}");
    ck_assert_int_eq(send_it(&support), 1);
    ck_assert_int_eq(send_it(&support), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(send_it(&billing), 1);
    ck_assert_int_eq(send_it(&billing), 0);
    rig_stop(&rig);
}
END_TEST

/* What is forwarded unvalidated names no sender and no chat; its consumer and
 * its client are known. */
START_TEST(unmatched_requests_are_limited_by_consumer_and_client)
{
    static const char *const limits[] = {
        "{\"name\":\"one\",\"per\":[\"consumer\"],\"capacity\":1,\"refill\":"
        "\"0/s\"}",
        "{\"name\":\"one\",\"per\":[\"client\"],\"capacity\":1,\"refill\":"
        "\"0/s\"}"};
    static const char *const headers[] = {
        "Authorization: Bearer billing\r\nX-Forwarded-For: 192.0.2.1\r\n",
        "Authorization: Bearer support\r\nX-Forwarded-For: 192.0.2.2\r\n"};
    struct wire_answer a;

    start(_i / 2, limits[_i % 2]);
    for (int i = 0; i < 4; i++) {
        wire_call(rig.port, "GET", "/v3/attachments/1", headers[i / 2], NULL,
                  &a);
        ck_assert_int_eq(a.status == 429, i % 2);
        if (a.status == 429)
            expect_refusal(&a, 429, 4001, "limit.test.one", "");
        wire_answer_release(&a);
    }
    rig_stop(&rig);
}
END_TEST

/* ---- names in Redis ---- */

/* KEYS *, one after the other. */
static void redis_keys(char *out, size_t size)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ssize_t n;

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    in.sin_port = htons((uint16_t)rig.redis_port);
    ck_assert(fd >= 0 && connect(fd, (struct sockaddr *)&in, sizeof in) == 0);
    ck_assert_int_gt(dprintf(fd, "KEYS *:*:*:*\r\n"), 0);
    n = recv(fd, out, size - 1, 0);
    ck_assert_int_gt(n, 0);
    out[n] = '\0';
    close(fd);
}

START_TEST(a_key_names_policy_limit_and_what_is_counted)
{
    static const char *const expected[] = {
        "chatgate:{" ME "}:test:a:",
        "chatgate:{" ME "}:test:b:",
        "chatgate:{billing}:test:c:",
        "chatgate:{192.0.2.1}:test:d:",
    };
    const struct sides s = {ME, "billing", "192.0.2.1", 0, false};
    char keys[2048];

    start(0, "{\"name\":\"a\",\"per\":[\"sender\"],\"capacity\":2,\"refill\":"
             "\"0/s\"},"
             "{\"name\":\"b\",\"per\":[\"sender\"],\"capacity\":2,\"refill\":"
             "\"0/s\"},"
             "{\"name\":\"c\",\"per\":[\"consumer\"],\"capacity\":2,\"refill\":"
             "\"0/s\"},"
             "{\"name\":\"d\",\"per\":[\"client\"],\"capacity\":2,\"refill\":"
             "\"0/s\"}");
    ck_assert_int_eq(send_it(&s), 1);
    redis_keys(keys, sizeof keys);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        ck_assert_msg(strstr(keys, expected[i]), "no %s in %s", expected[i],
                      keys);
    rig_stop(&rig);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("buckets");
    TCase *t = rig_tcase(s, "buckets");
    const int n = (int)ARRAY_LEN(stores);

    tcase_add_loop_test(t, requests_share_what_the_limit_counts_by, 0,
                        n * (int)ARRAY_LEN(kinds));
    tcase_add_loop_test(t, a_limit_by_nothing_is_one_for_all, 0, n);
    tcase_add_loop_test(t, a_consumer_may_have_a_bucket_of_its_own, 0, n);
    tcase_add_loop_test(
        t, unmatched_requests_are_limited_by_consumer_and_client, 0, 2 * n);
    tcase_add_test(t, a_key_names_policy_limit_and_what_is_counted);
    return s;
}

int main(void)
{
    return rig_main(suite());
}
