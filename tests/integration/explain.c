/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/explain.c - the admin address and `chatgate explain` say which
 * policies and buckets a request would meet and how full they are, and charge
 * nothing.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "integration/expect.h"

#define FROM "+14155550100"
#define OTHER "+14155550101"

static struct rig rig;

static const enum rig_redis stores[] = {RIG_REDIS, RIG_NO_REDIS};

#define POLICY                                                                 \
    "{\"name\":\"test\",\"limits\":["                                          \
    "{\"name\":\"burst\",\"per\":[\"sender\"],\"capacity\":3,"                 \
    "\"refill\":\"0/s\",\"cost\":{\"createChat\":2},\"overrides\":{\"" OTHER   \
    "\":{\"capacity\":30}}},"                                                  \
    "{\"name\":\"address\",\"per\":[\"client\"],\"capacity\":50,"              \
    "\"refill\":\"10/h\"}]}"

static void start(int store)
{
    rig_start(&rig,
              &(struct rig_options){.redis = stores[store], .policy = POLICY});
}

/* /explain with this query; its answer in `a`. */
static const struct json_value *explain(const char *query,
                                        struct wire_answer *a)
{
    char target[512];

    snprintf(target, sizeof target, "/explain?%s", query);
    wire_call(rig.admin_port, "GET", target, "Host: 127.0.0.1\r\n", NULL, a);
    ck_assert_msg(a->status == 200, "%s: %d %s", query, a->status,
                  a->body.data);
    return wire_answer_json(a);
}

static void expect_remaining(const char *query, int64_t remaining)
{
    struct wire_answer a;
    const struct json_value *json = explain(query, &a);

    ck_assert_str_eq(wire_text(json, "/limits/0/limit"), "burst");
    ck_assert_int_eq(wire_int(json, "/limits/0/remaining"), remaining);
    wire_answer_release(&a);
}

START_TEST(it_tells_and_charges_nothing)
{
    const struct json_value *json;
    struct wire_answer a;

    start(_i);
    for (int i = 0; i < 5; i++)
        expect_remaining("operation=createChat&from=%2B14155550100", 3);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    for (int i = 0; i < 5; i++)
        expect_remaining("operation=createChat&from=%2B14155550100", 1);
    json = explain("operation=createChat&from=%2B14155550100&client=127.0.0.1",
                   &a);
    ck_assert_str_eq(wire_text(json, "/operation"), "createChat");
    ck_assert_str_eq(wire_text(json, "/from"), FROM);
    ck_assert_str_eq(wire_text(json, "/limit_source"),
                     _i == 0 ? "redis" : "local");
    ck_assert_str_eq(wire_text(json, "/limits/0/policy"), "test");
    ck_assert_str_eq(wire_text(json, "/limits/0/mode"), "enforce");
    ck_assert_str_eq(wire_text(json, "/limits/0/bucket"), "test:burst:" FROM);
    ck_assert_int_eq(wire_int(json, "/limits/0/cost"), 2);
    ck_assert_int_eq(wire_int(json, "/limits/0/capacity"), 3);
    ck_assert(!json_at(json, text_of("/limits/0/allowed"))->boolean);
    ck_assert_str_eq(wire_text(json, "/limits/1/bucket"),
                     "test:address:127.0.0.1");
    ck_assert_int_eq(wire_int(json, "/limits/1/remaining"), 49);
    wire_answer_release(&a);
    /* It was right: two do not fit. And what is one more? */
    ck_assert_int_eq(expect_create_status(&rig, FROM), 429);
    expect_remaining("operation=startTyping&from=%2B14155550100", 1);
    expect_remaining("operation=createChat&from=%2B14155550101", 30);
    ck_assert_int_eq(rig_delivered(&rig), 1);
    rig_stop(&rig);
}
END_TEST

/* A chat's number is what a request about it would be charged to, and its id
 * is the same in any case. */
START_TEST(a_known_chat_is_explained_as_its_number)
{
    char query[160], chat[64], *body = rig_create_body(FROM, "hello");
    const struct json_value *json;
    struct wire_answer a;

    start(_i);
    wire_call(rig.port, "POST", "/v3/chats", NULL, body, &a);
    ck_assert_int_eq(a.status, 201);
    snprintf(chat, sizeof chat, "%s",
             wire_text(wire_answer_json(&a), "/chat/id"));
    wire_answer_release(&a);
    free(body);
    snprintf(query, sizeof query, "operation=startTyping&chat=%s", chat);
    expect_remaining(query, 1);
    for (char *c = strrchr(query, '='); *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'f' ? *c - 32 : *c);
    json = explain(query, &a);
    ck_assert_str_eq(wire_text(json, "/chat"), chat);
    ck_assert_str_eq(wire_text(json, "/from"), FROM);
    wire_answer_release(&a);
    if (stores[_i] == RIG_REDIS) { /* a gateway that has not seen it */
        rig_gateway_stop(&rig);
        rig_gateway_start(&rig);
        expect_remaining(query, 1);
    }
    /* One that nobody has seen pays for itself. */
    json = explain("operation=startTyping&chat="
                   "018F3B6C-0000-7000-8000-000000000001",
                   &a);
    ck_assert_str_eq(wire_text(json, "/limits/0/bucket"),
                     "test:burst:chat=018f3b6c-0000-7000-8000-000000000001");
    wire_answer_release(&a);
    rig_stop(&rig);
}
END_TEST

START_TEST(questions_that_make_no_sense)
{
    static const struct {
        const char *query;
        int status;
    } questions[] = {
        {"from=%2B14155550100", 400},
        {"operation=nothing", 404},
        {"operation=createChat&from=+14155550100", 400},
        {"operation=createChat&from=14155550100", 400},
    };
    struct wire_answer a;
    char target[256];

    start(1);
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        snprintf(target, sizeof target, "/explain?%s", questions[i].query);
        wire_call(rig.admin_port, "GET", target, "Host: 127.0.0.1\r\n", NULL,
                  &a);
        ck_assert_msg(a.status == questions[i].status, "%s: %d", target,
                      a.status);
        wire_answer_release(&a);
    }
    rig_stop(&rig);
}
END_TEST

static int run(char **said, const char *const *more)
{
    char admin[64];
    const char *args[16] = {"explain", "-c", rig.config_file, "--admin", admin};

    snprintf(admin, sizeof admin, "127.0.0.1:%d", rig.admin_port);
    for (size_t n = 5; *more; more++)
        args[n++] = *more;
    return rig_run(&rig, args, said);
}

#define RUN(said, ...) run(said, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(the_command_says_the_same)
{
    char *said;

    start(_i);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(
            RUN(&said, "--operation", "createChat", "--from", FROM), 0);
        ck_assert_msg(strstr(said, "operation createChat of chats-v3") &&
                          strstr(said, "test:burst:" FROM),
                      "%s", said);
        free(said);
    }
    ck_assert_int_eq(RUN(&said, "--operation", "createChat", "--from", FROM,
                         "--client", "127.0.0.1", "--format", "json"),
                     0);
    ck_assert_msg(strstr(said, "\"remaining\":1,") &&
                      strstr(said, "\"bucket\":\"test:address:127.0.0.1\""),
                  "%s", said);
    free(said);
    ck_assert_int_eq(RUN(&said, "--operation", "nothing"), 1);
    free(said);
    ck_assert_int_eq(RUN(&said, "--operation", "createChat", "--from", "1415"),
                     2);
    free(said);
    rig_gateway_stop(&rig);
    ck_assert_int_eq(RUN(&said, "--operation", "createChat"), 3);
    free(said);
    rig_stop(&rig);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("explain");
    TCase *t = rig_tcase(s, "explain");
    const int n = (int)ARRAY_LEN(stores);

    tcase_add_loop_test(t, it_tells_and_charges_nothing, 0, n);
    tcase_add_loop_test(t, a_known_chat_is_explained_as_its_number, 0, n);
    tcase_add_test(t, questions_that_make_no_sense);
    tcase_add_loop_test(t, the_command_says_the_same, 0, n);
    return s;
}

int main(void)
{
    return rig_main(suite());
}
