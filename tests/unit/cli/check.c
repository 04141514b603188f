/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of `chatgate check`.
 */
#include "base/check.h"
#include "cli/cli.h"
#include "command.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define CONTRACT                                                               \
    "{\"openapi\": \"3.1.0\", \"paths\": {\"/a\": {\"get\": "                  \
    "{\"operationId\": \"a\"}}}}"

static struct command got;

static void check(const char *a, const char *b, const char *c, const char *d)
{
    const char *const argv[] = {"check", a, b, c, d, NULL};

    command_run(cli_check, argv, "", 0, &got);
}

/* The temporary directory serves as the directory of policies too. */
static const char *here(void)
{
    static char path[1024];

    snprintf(path, sizeof(path), "%s", command_path("."));
    return path;
}

START_TEST(what_is_fine_says_nothing)
{
    command_open();
    command_write("api.json", CONTRACT);
    check("--policies", here(), NULL, NULL);
    ck_assert_str_eq(got.out, "");
    ck_assert_str_eq(got.err, "0 errors, 0 warnings\n");
    ck_assert_int_eq(got.status, CLI_DONE);
    command_close();
}
END_TEST

START_TEST(every_problem_is_a_line)
{
    command_open();
    command_write("api.json",
                  "{\"openapi\": \"3.1.0\",\n  \"path\": {}, \"paths\": {}}");
    command_write("x.policy.json",
                  "{\"name\": \"X\",\n\"applies\": {\"operations\": [\"a\"]}}");
    check("--policies", here(), NULL, NULL);
    ck_assert_ptr_nonnull(
        strstr(got.out, "/api.json:2:3: /path: a contract has no such key"));
    ck_assert_ptr_nonnull(
        strstr(got.out, "/x.policy.json:1:10: /name: a policy's name is"));
    ck_assert_ptr_nonnull(strstr(
        got.out, "/x.policy.json:2:28: /applies/operations/0: no contract"));
    ck_assert_str_eq(got.err, "3 errors, 0 warnings\n");
    ck_assert_int_eq(got.status, CLI_NO);
    command_close();
}
END_TEST

START_TEST(what_ships_has_one_warning)
{
    command_open();
    check("--policies", TOP_SRCDIR "/policies", NULL, NULL);
    ck_assert_str_eq(got.out,
                     "warning: \"consumers\" is null: anyone who can reach "
                     "chatgate can spend the bucket of any sender\n");
    ck_assert_int_eq(got.status, CLI_DONE);
    command_close();
}
END_TEST

START_TEST(warnings_are_no_errors)
{
    command_open();
    command_write("api.json", CONTRACT);
    command_write("x.policy.json", "{\"name\": \"x\"}");
    check("--policies", here(), NULL, NULL);
    ck_assert_ptr_nonnull(strstr(got.out, "x.policy.json:1:1: warning: has "
                                          "neither"));
    ck_assert_str_eq(got.err, "0 errors, 1 warning\n");
    ck_assert_int_eq(got.status, CLI_DONE);
    command_close();
}
END_TEST

START_TEST(the_configuration_is_checked_too)
{
    char config[2048], path[1024];

    command_open();
    command_write("api.json", CONTRACT);
    snprintf(config, sizeof(config),
             "{\"upstream\": {\"url\": \"http://127.0.0.1:1\"},\n"
             "\"policies\": \"%s\", \"workres\": 2}",
             here());
    snprintf(path, sizeof(path), "%s", command_write("gate.conf", config));
    check("-c", path, NULL, NULL);
    ck_assert_ptr_nonnull(strstr(got.out, "gate.conf:2:"));
    ck_assert_int_eq(got.status, CLI_NO);
    snprintf(config, sizeof(config),
             "{\"upstream\": {\"url\": \"http://127.0.0.1:1\"},\n"
             "\"policies\": \"%s\"}",
             here());
    command_write("gate.conf", config);
    check("--config", path, NULL, NULL);
    ck_assert_str_eq(got.out, "");
    ck_assert_int_eq(got.status, CLI_DONE);
    /* A directory of one's own goes before the configured one. */
    check("--config", path, "--policies", "/nonexistent");
    ck_assert_ptr_nonnull(strstr(got.out, "/nonexistent: cannot read"));
    ck_assert_int_eq(got.status, CLI_NO);
    command_close();
}
END_TEST

/* A broken configuration does not hide broken policies. */
START_TEST(policies_are_checked_beside_a_broken_configuration)
{
    char path[1024];

    command_open();
    command_write("api.json", "{}");
    snprintf(path, sizeof(path), "%s", command_write("gate.conf", "{"));
    check("-c", path, "--policies", here());
    ck_assert_ptr_nonnull(strstr(got.out, "gate.conf:1:"));
    ck_assert_ptr_nonnull(strstr(got.out, "api.json:1:1: is no contract"));
    ck_assert_int_eq(got.status, CLI_NO);
    command_close();
}
END_TEST

START_TEST(what_is_not_there_is_a_problem)
{
    command_open();
    check("--policies", "/nonexistent", NULL, NULL);
    ck_assert_str_eq(got.out, "/nonexistent: cannot read the directory of "
                              "policies: No such file or directory\n");
    ck_assert_int_eq(got.status, CLI_NO);
    check("-c", "/nonexistent.json", NULL, NULL);
    ck_assert_ptr_nonnull(strstr(got.out, "/nonexistent.json"));
    ck_assert_int_eq(got.status, CLI_NO);
    command_close();
}
END_TEST

START_TEST(consumers_are_loaded)
{
    char config[4096], path[1024], consumers[1024];

    command_open();
    command_write("api.json", CONTRACT);
    snprintf(consumers, sizeof(consumers), "%s",
             command_write("consumers", "{\"consumers\": [{\"name\": "
                                        "\"b\", \"keys\": [\"x\"]}]}"));
    snprintf(config, sizeof(config),
             "{\"upstream\": {\"url\": \"http://127.0.0.1:1\", "
             "\"authorization\": \"Bearer x\"}, \"policies\": \"%s\", "
             "\"consumers\": \"%s\"}",
             here(), consumers);
    snprintf(path, sizeof(path), "%s", command_write("gate.conf", config));
    check("-c", path, NULL, NULL);
    ck_assert_ptr_nonnull(strstr(got.out, "consumers:1:"));
    ck_assert_int_eq(got.status, CLI_NO);
    command_close();
}
END_TEST

/* `serve` refused them, and nobody had been told. */
START_TEST(what_serve_would_refuse_is_found)
{
    static const struct {
        const char *members, *problem;
    } cases[] = {
        {"\"redis\": {\"url\": \"rediss://h\"}",
         "gate.conf:1:19: redis.url: this version speaks no TLS to Redis"},
        {"\"redis\": {\"url\": \"redis://h\"}, \"audit\": {\"stream\": \"s\"}",
         "audit.stream: this version does not write"},
        {"\"tls\": {\"certificate\": \"/nowhere/c\", \"key\": \"/nowhere/k\"}",
         ": tls.certificate /nowhere/c"},
    };
    char config[4096], path[1024];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        command_open();
        command_write("api.json", CONTRACT);
        snprintf(config, sizeof(config),
                 "{%s, \"upstream\": {\"url\": \"http://127.0.0.1:1\"}, "
                 "\"policies\": \"%s\"}",
                 cases[i].members, here());
        snprintf(path, sizeof(path), "%s", command_write("gate.conf", config));
        check("-c", path, NULL, NULL);
        ck_assert_msg(strstr(got.out, cases[i].problem) != NULL, "%s", got.out);
        ck_assert_int_eq(got.status, CLI_NO);
        command_close();
    }
}
END_TEST

START_TEST(a_file_of_cas_must_be_there)
{
    char config[4096], path[1024];

    command_open();
    command_write("api.json", CONTRACT);
    snprintf(config, sizeof(config),
             "{\"upstream\": {\"url\": \"https://127.0.0.1:1\",\n"
             "\"ca_file\": \"/nowhere/ca.pem\"}, \"policies\": \"%s\"}",
             here());
    snprintf(path, sizeof(path), "%s", command_write("gate.conf", config));
    check("-c", path, NULL, NULL);
    ck_assert_msg(strstr(got.out, "gate.conf:2:12: upstream.ca_file: "
                                  "/nowhere/ca.pem: No such file") != NULL,
                  "%s", got.out);
    ck_assert_int_eq(got.status, CLI_NO);
    command_close();
}
END_TEST

START_TEST(wrong_usage_is_told)
{
    command_open();
    check("file.json", NULL, NULL, NULL);
    ck_assert_ptr_nonnull(strstr(got.err, "unexpected argument"));
    ck_assert_int_eq(got.status, CLI_USAGE);
    check("--polices", "x", NULL, NULL);
    ck_assert_int_eq(got.status, CLI_USAGE);
    check("-c", NULL, NULL, NULL);
    ck_assert_int_eq(got.status, CLI_USAGE);
    ck_assert_str_eq(got.out, "");
    check("--help", NULL, NULL, NULL);
    ck_assert_ptr_nonnull(strstr(got.out, "Usage: chatgate check"));
    ck_assert_int_eq(got.status, CLI_DONE);
    command_close();
}
END_TEST

UNIT_MAIN("check", what_is_fine_says_nothing, every_problem_is_a_line,
          what_ships_has_one_warning, warnings_are_no_errors,
          the_configuration_is_checked_too,
          policies_are_checked_beside_a_broken_configuration,
          what_is_not_there_is_a_problem, consumers_are_loaded,
          what_serve_would_refuse_is_found, a_file_of_cas_must_be_there,
          wrong_usage_is_told)
