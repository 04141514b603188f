/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/startup.c - bad input gets a clear error at start and nothing
 * else; a neighbour that is away is no reason not to start.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "integration/expect.h"

#define FROM "+14155550100"

static struct rig rig;

static void prepare(const struct rig_options *options)
{
    rig_prepare(&rig, options);
}

/* The gateway must refuse to start, with this status and these words, in few
 * lines, and without having opened anything. */
static void expect_refused(int status, const char *const *words, size_t count)
{
    char *said;
    int code, lines = 0;

    rig_gateway_spawn(&rig);
    code = process_wait(&rig.gateway);
    said = process_output(&rig.gateway);
    ck_assert_msg(code == status, "status %d instead of %d: %s", code, status,
                  said);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(strstr(said, words[i]) != NULL, "not a word of %s: %s",
                      words[i], said);
    for (const char *p = said; (p = strchr(p, '\n')); p++)
        lines++;
    ck_assert_msg(lines > 0 && lines <= 4, "%d lines: %s", lines, said);
    ck_assert_ptr_null(strstr(said, "gateway.ready"));
    free(said);
    rig_stop(&rig);
}

#define EXPECT_REFUSED(status, ...)                                            \
    do {                                                                       \
        const char *const words_[] = {__VA_ARGS__};                            \
        expect_refused(status, words_, ARRAY_LEN(words_));                     \
    } while (0)

START_TEST(a_missing_policy_directory)
{
    prepare(&(struct rig_options){.redis = RIG_NO_REDIS});
    strcat(rig.policies_dir, "-gone"); /* fits: see struct rig */
    rig_write_config(&rig, NULL);
    EXPECT_REFUSED(2, rig.policies_dir);
}
END_TEST

/* A copy of the contract with one piece of text replaced. */
static void break_contract(const char *from, const char *to)
{
    char path[1200], *text = NULL, *at;
    size_t size = 0;
    FILE *f;

    snprintf(path, sizeof path, "%s/chats-v3.json", rig.policies_dir);
    f = fopen(path, "r");
    ck_assert(f && getdelim(&text, &size, '\0', f) > 0);
    fclose(f);
    at = strstr(text, from);
    ck_assert_msg(at != NULL, "no %s in the contract", from);
    f = fopen(path, "w");
    ck_assert(f && fprintf(f, "%.*s%s%s", (int)(at - text), text, to,
                           at + strlen(from)) > 0);
    ck_assert_int_eq(fclose(f), 0);
    free(text);
}

START_TEST(a_misspelt_keyword_in_the_contract)
{
    prepare(&(struct rig_options){.redis = RIG_NO_REDIS});
    break_contract("\"maxLength\"", "\"maxLenght\"");
    EXPECT_REFUSED(2, "chats-v3.json:", "maxLenght");
}
END_TEST

START_TEST(a_contract_that_is_no_json)
{
    prepare(&(struct rig_options){.redis = RIG_NO_REDIS});
    break_contract("\"paths\"", "paths");
    EXPECT_REFUSED(2, "chats-v3.json:");
}
END_TEST

START_TEST(a_policy_that_makes_no_sense)
{
    prepare(&(struct rig_options){
        .redis = RIG_NO_REDIS,
        .policy = "{\"name\":\"test\",\n \"limits\":[{\"name\":\"x\","
                  "\"per\":[\"sender\"],\"capacity\":1,\"refill\":\"often\"}]}",
    });
    EXPECT_REFUSED(2, "test.policy.json:2:", "refill");
}
END_TEST

START_TEST(an_unknown_key_is_named_with_its_place)
{
    char text[1024];

    prepare(&(struct rig_options){.redis = RIG_NO_REDIS});
    snprintf(text, sizeof text,
             "{\n  \"upstream\": {\"url\": \"http://127.0.0.1:1\"},\n"
             "  \"polices\": \"x\"\n}\n");
    rig_write_config(&rig, text);
    EXPECT_REFUSED(2, "chatgate.json:3:3:", "polices");
}
END_TEST

START_TEST(an_upstream_is_required)
{
    prepare(&(struct rig_options){.redis = RIG_NO_REDIS});
    rig_write_config(&rig, "{}\n");
    EXPECT_REFUSED(2, "upstream.url");
}
END_TEST

START_TEST(a_configuration_that_is_not_there)
{
    prepare(&(struct rig_options){.redis = RIG_NO_REDIS});
    ck_assert_int_eq(remove(rig.config_file), 0);
    EXPECT_REFUSED(2, "chatgate.json");
}
END_TEST

START_TEST(a_port_in_use_is_an_error)
{
    const char *args[] = {"--listen", NULL, NULL};
    char address[64];

    prepare(&(struct rig_options){.redis = RIG_NO_REDIS, .args = args});
    snprintf(address, sizeof address, "127.0.0.1:%d", rig.stub_port);
    args[1] = address;
    EXPECT_REFUSED(3, address, "in use");
}
END_TEST

START_TEST(an_admin_port_in_use_is_an_error)
{
    const char *args[] = {"--admin", NULL, NULL};
    char address[64];

    prepare(&(struct rig_options){.redis = RIG_NO_REDIS, .args = args});
    snprintf(address, sizeof address, "127.0.0.1:%d", rig.stub_port);
    args[1] = address;
    rig_gateway_spawn(&rig);
    ck_assert_int_eq(process_wait(&rig.gateway), 3);
    rig_stop(&rig);
}
END_TEST

START_TEST(an_audit_file_that_cannot_be_opened)
{
    prepare(&(struct rig_options){.redis = RIG_NO_REDIS});
    snprintf(rig.audit_file, sizeof rig.audit_file, "%s/no/such/dir.jsonl",
             rig.dir);
    rig_write_config(&rig, NULL);
    EXPECT_REFUSED(3, rig.audit_file);
}
END_TEST

START_TEST(an_unknown_option_or_command)
{
    static const char *const bad[][4] = {
        {"serve", "--frobnicate", NULL},
        {"serve", "--workers", "many", NULL},
        {"frobnicate", NULL},
        {NULL},
    };
    char *said;

    prepare(&(struct rig_options){.redis = RIG_NO_REDIS});
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert_msg(rig_run(&rig, bad[i], &said) == 2, "%zu: %s", i, said);
        ck_assert_uint_gt(strlen(said), 0);
        free(said);
    }
    rig_stop(&rig);
}
END_TEST

START_TEST(version_and_help)
{
    static const char *const version[] = {"--version", NULL};
    static const char *const help[] = {"--help", NULL};
    char *said;

    prepare(&(struct rig_options){.redis = RIG_NO_REDIS});
    ck_assert_int_eq(rig_run(&rig, version, &said), 0);
    ck_assert_int_eq(strncmp(said, "chatgate ", 9), 0);
    free(said);
    ck_assert_int_eq(rig_run(&rig, help, &said), 0);
    ck_assert_ptr_nonnull(strstr(said, "serve"));
    free(said);
    rig_stop(&rig);
}
END_TEST

#define LIMIT                                                                  \
    "{\"name\":\"test\",\"limits\":[{\"name\":\"burst\",\"per\":[\"sender\"]," \
    "\"capacity\":2,\"refill\":\"0/s\"}]}"

/* Redis is away at start: chatgate starts, says so, and decides by itself. */
static bool can_connect(int port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool can = connect(fd, (struct sockaddr *)&to, sizeof to) == 0;

    close(fd);
    return can;
}

/* Listening sockets took the places of standard output and error; the first
 * line of the log was written into one, and SIGPIPE was the end. */
START_TEST(standard_descriptors_that_are_closed)
{
    char listen[64], path[64], target[64], log[600];
    const char *const argv[] = {
        "sh",
        "-c",
        "exec \"$0\" \"$@\" <&- >&- 2>&-",
        TOP_BUILDDIR "/chatgate",
        "serve",
        "-c",
        rig.config_file,
        "--listen",
        listen,
        NULL,
    };

    prepare(&(struct rig_options){.redis = RIG_NO_REDIS});
    rig.port = process_free_port();
    snprintf(listen, sizeof listen, "127.0.0.1:%d", rig.port);
    snprintf(log, sizeof log, "%s/gateway.log", rig.dir);
    process_start(&rig.gateway, "chatgate", log, argv, NULL);
    while (!can_connect(rig.port)) {
        ck_assert(process_is_alive(&rig.gateway));
        process_nap();
    }
    for (int fd = 0; fd <= 2; fd++) {
        ssize_t n;

        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)rig.gateway.pid, fd);
        n = readlink(path, target, sizeof target - 1);
        ck_assert_int_gt(n, 0);
        target[n] = '\0';
        ck_assert_str_eq(target, "/dev/null");
    }
    rig_stop(&rig);
}
END_TEST

START_TEST(an_unreachable_redis_is_said_and_survived)
{
    const struct json_value *line;
    struct rig_audit lines;
    struct wire_answer a;
    char *said;

    rig_start(&rig, &(struct rig_options){
                        .redis = RIG_REDIS_AWAY,
                        .policy = LIMIT,
                        .expects_warnings = true,
                    });
    /* At once, not with the first request. */
    ck_assert(process_wait_for(&rig.gateway, "redis.unreachable", NULL, 0));
    expect_create(&rig, FROM, NULL, &a);
    ck_assert_int_eq(a.status, 201);
    line = expect_line(&rig, &lines, &a);
    expect_member(line, "limit_source", "local");
    rig_audit_release(&lines);
    wire_answer_release(&a);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    ck_assert_int_eq(expect_create_status(&rig, FROM), 429);
    ck_assert(process_wait_for(&rig.gateway, "redis", NULL, 0));
    said = process_output(&rig.gateway);
    ck_assert_ptr_nonnull(strstr(said, " warning "));
    free(said);
    wire_call(rig.admin_port, "GET", "/readyz", "Host: 127.0.0.1\r\n", NULL,
              &a);
    ck_assert_int_eq(a.status, 200); /* degraded is not away */
    wire_answer_release(&a);
    rig_stop(&rig);
}
END_TEST

/* It comes, and is used from then on. */
START_TEST(a_redis_that_comes_later_is_used)
{
    int64_t until = process_now_ms() + process_stretch(PROCESS_DEADLINE_MS);
    bool used = false;

    rig_start(&rig, &(struct rig_options){
                        .redis = RIG_REDIS_AWAY,
                        .policy = "{\"name\":\"test\",\"limits\":[{\"name\":"
                                  "\"wide\",\"per\":[\"sender\"],"
                                  "\"capacity\":100000,\"refill\":\"0/s\"}]}",
                        .expects_warnings = true,
                    });
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    rig_redis_start(&rig);
    while (!used && process_now_ms() < until) {
        struct rig_audit lines;
        struct wire_answer a;
        const struct json_value *line;

        process_nap();
        expect_create(&rig, FROM, NULL, &a);
        ck_assert_int_eq(a.status, 201);
        line = expect_line(&rig, &lines, &a);
        used = text_is(json_get(line, "limit_source")->text, "redis");
        rig_audit_release(&lines);
        wire_answer_release(&a);
    }
    ck_assert_msg(used, "Redis came and was not used");
    rig_stop(&rig);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("startup");
    TCase *t = rig_tcase(s, "startup");

    tcase_add_test(t, a_missing_policy_directory);
    tcase_add_test(t, a_misspelt_keyword_in_the_contract);
    tcase_add_test(t, a_contract_that_is_no_json);
    tcase_add_test(t, a_policy_that_makes_no_sense);
    tcase_add_test(t, an_unknown_key_is_named_with_its_place);
    tcase_add_test(t, an_upstream_is_required);
    tcase_add_test(t, a_configuration_that_is_not_there);
    tcase_add_test(t, a_port_in_use_is_an_error);
    tcase_add_test(t, an_admin_port_in_use_is_an_error);
    tcase_add_test(t, an_audit_file_that_cannot_be_opened);
    tcase_add_test(t, an_unknown_option_or_command);
    tcase_add_test(t, version_and_help);
    tcase_add_test(t, standard_descriptors_that_are_closed);
    tcase_add_test(t, an_unreachable_redis_is_said_and_survived);
    tcase_add_test(t, a_redis_that_comes_later_is_used);
    return s;
}

int main(void)
{
    return rig_main(suite());
}
