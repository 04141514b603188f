/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of `chatgate validate`.
 */
#include "base/check.h"
#include "cli/cli.h"
#include "command.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define POLICIES TOP_SRCDIR "/policies"
#define GOOD                                                                   \
    "{\"from\":\"+14155550100\",\"to\":[\"ada@example.com\"],"                 \
    "\"message\":{\"parts\":[{\"type\":\"text\",\"value\":\"hi\"}]}}"
#define BAD                                                                    \
    "{\"from\":\"+14155550100\",\"to\":[],\"message\":{\"parts\":[{\"type\":"  \
    "\"text\",\"value\":\"hi\"}]}}"
#define LINK                                                                   \
    "{\"from\":\"+14155550100\",\"to\":[\"ada@example.com\"],"                 \
    "\"message\":{\"parts\":[{\"type\":\"link\",\"value\":"                    \
    "\"https://example.com/\"}]}}"

static struct command got;

static void validate(const char *const *argv, const char *input)
{
    command_run(cli_validate, argv, input, strlen(input), &got);
}

#define VALIDATE(input, ...)                                                   \
    validate((const char *const[]){"validate", __VA_ARGS__, NULL}, input)

START_TEST(a_body_is_told_its_verdict)
{
    command_open();
    VALIDATE(GOOD, "--operation", "createChat", "--policies", POLICIES);
    ck_assert_str_eq(got.out, "valid\n");
    ck_assert_str_eq(got.err, "");
    ck_assert_int_eq(got.status, 0);
    VALIDATE(BAD, "--operation", "createChat", "--policies", POLICIES, "-");
    ck_assert_ptr_nonnull(strstr(got.out, "/to: "));
    ck_assert_ptr_nonnull(strstr(got.out, " [minItems, chats-v3]\n"));
    ck_assert_int_eq(got.status, 1);
    command_close();
}
END_TEST

START_TEST(json_has_one_object)
{
    command_open();
    VALIDATE(GOOD, "--operation", "createChat", "--policies", POLICIES,
             "--format", "json");
    ck_assert_str_eq(got.out, "{\"valid\":true,\"violations\":[]}\n");
    ck_assert_int_eq(got.status, 0);
    VALIDATE(BAD, "--operation", "createChat", "--policies", POLICIES,
             "--format=json");
    ck_assert_ptr_nonnull(
        strstr(got.out, "{\"valid\":false,\"violations\":[{\"pointer\":\"/to\","
                        "\"rule\":\"minItems\",\"message\":\""));
    ck_assert_ptr_nonnull(
        strstr(got.out, "\"policy\":\"chats-v3\",\"mode\":\"enforce\"}]}\n"));
    ck_assert_int_eq(got.status, 1);
    command_close();
}
END_TEST

START_TEST(a_shadow_is_listed_and_lets_through)
{
    command_open();
    VALIDATE(LINK, "--operation", "createChat", "--policies", POLICIES,
             "--format", "json");
    ck_assert_ptr_nonnull(strstr(got.out, "{\"valid\":true,"));
    ck_assert_ptr_nonnull(strstr(got.out, "\"policy\":\"first-message-no-link\""
                                          ",\"mode\":\"shadow\"}"));
    ck_assert_int_eq(got.status, 0);
    VALIDATE(LINK, "--operation", "createChat", "--policies", POLICIES);
    ck_assert_ptr_nonnull(
        strstr(got.out, ", first-message-no-link, shadow]\nvalid\n"));
    ck_assert_int_eq(got.status, 0);
    command_close();
}
END_TEST

START_TEST(a_policy_counts_for_its_senders)
{
    char here[1024];
    const char *contract =
        "{\"openapi\": \"3.1.0\", \"paths\": {\"/a\": {\"post\": "
        "{\"operationId\": \"a\", \"requestBody\": {\"content\": "
        "{\"application/json\": {\"schema\": {\"properties\": {\"from\": "
        "{\"type\": \"string\"}}}}}}, \"x-chatgate\": {\"sender\": {\"in\": "
        "\"body\", \"at\": \"/from\"}}}}}}";

    command_open();
    snprintf(here, sizeof(here), "%s", command_path("."));
    command_write("api.json", contract);
    command_write("p.policy.json",
                  "{\"name\": \"p\", \"applies\": {\"senders\": "
                  "[\"+14155550100\"], \"consumers\": [\"x\"]}, \"body\": "
                  "{\"required\": [\"note\"]}}");
    VALIDATE("{\"from\": \"+14155550100\"}", "--operation", "a", "--policies",
             here);
    ck_assert_str_ne(got.out, "valid\n");
    ck_assert_int_eq(got.status, 1);
    VALIDATE("{\"from\": \"+14155550101\"}", "--operation", "a", "--policies",
             here);
    ck_assert_str_eq(got.out, "valid\n");
    ck_assert_int_eq(got.status, 0);
    VALIDATE("{}", "--operation", "a", "--policies", here);
    ck_assert_int_eq(got.status, 1); /* who knows who sends it */
    VALIDATE("", "--operation", "a", "--policies", here);
    ck_assert_int_eq(got.status, 0); /* the body is not required */
    command_close();
}
END_TEST

static unsigned count_of(const char *what)
{
    unsigned n = 0;

    for (const char *at = got.out; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

/* The gateway tells 16, enforced ones first; so does this, which told 16 for
 * each policy. */
START_TEST(sixteen_violations_are_told)
{
    static const char body[] =
        "{\"from\":\"+14155550100\",\"to\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,"
        "15,16,17],\"message\":{\"effect\":{\"name\":\"invisible\"},"
        "\"parts\":[{\"type\":\"link\",\"value\":\"https://a.example/\"}]}}";

    command_open();
    VALIDATE(body, "--operation", "createChat", "--policies", POLICIES,
             "--format", "json");
    ck_assert_uint_eq(count_of("\"rule\":"), 16);
    ck_assert_uint_eq(count_of("\"mode\":\"enforce\""), 16);
    VALIDATE(body, "--operation", "createChat", "--policies", POLICIES);
    ck_assert_uint_eq(count_of("\n"), 16);
    ck_assert_int_eq(got.status, 1);
    command_close();
}
END_TEST

START_TEST(lines_get_an_answer_each)
{
    command_open();
    VALIDATE(GOOD "\n" BAD "\n\nnull\n" GOOD, "--operation", "createChat",
             "--policies", POLICIES, "--ndjson", "--format", "json");
    ck_assert_str_eq(strtok(got.out, "\n"),
                     "{\"valid\":true,\"violations\":[]}");
    ck_assert_ptr_nonnull(strstr(strtok(NULL, "\n"), "\"minItems\""));
    ck_assert_ptr_nonnull(strstr(strtok(NULL, "\n"), "\"json.empty\""));
    ck_assert_ptr_nonnull(strstr(strtok(NULL, "\n"), "\"type\""));
    ck_assert_str_eq(strtok(NULL, "\n"), "{\"valid\":true,\"violations\":[]}");
    ck_assert_ptr_null(strtok(NULL, "\n"));
    ck_assert_int_eq(got.status, 1);
    VALIDATE("{}\r\n{}\n", "--operation", "leaveChat", "--policies", POLICIES,
             "--ndjson");
    ck_assert_str_eq(got.out, "1: valid\n2: valid\n");
    ck_assert_int_eq(got.status, 0);
    VALIDATE("", "--operation", "leaveChat", "--policies", POLICIES,
             "--ndjson");
    ck_assert_str_eq(got.out, "");
    ck_assert_int_eq(got.status, 0);
    command_close();
}
END_TEST

START_TEST(a_line_may_be_longer_than_a_piece)
{
    size_t len = 200000;
    char *line = malloc(len + 64);
    char schema[1024];
    const char *const argv[] = {"validate", "--schema", schema, "--ndjson",
                                NULL};

    command_open();
    ck_assert_ptr_nonnull(line);
    snprintf(schema, sizeof(schema), "%s",
             command_write("s.json", "{\"type\": \"array\"}"));
    line[0] = '[';
    memset(line + 1, ' ', len);
    strcpy(line + 1 + len, "]\n{}\n[]");
    command_run(cli_validate, argv, line, strlen(line), &got);
    ck_assert_str_eq(got.out, "1: valid\n2: must be an array, not an object "
                              "[type]\n3: valid\n");
    ck_assert_int_eq(got.status, 1);
    free(line);
    command_close();
}
END_TEST

START_TEST(a_schema_does_as_well)
{
    char schema[1024], body[1024];

    command_open();
    snprintf(schema, sizeof(schema), "%s",
             command_write("s.json", "{\"type\": \"integer\"}"));
    snprintf(body, sizeof(body), "%s", command_write("b.json", "1.0"));
    VALIDATE("", "--schema", schema, body);
    ck_assert_str_eq(got.out, "valid\n");
    ck_assert_int_eq(got.status, 0);
    VALIDATE("1.5", "--schema", schema, "--format", "json");
    ck_assert_ptr_nonnull(strstr(got.out, "\"rule\":\"type\",\"message\":\""));
    ck_assert_ptr_nonnull(
        strstr(got.out, "\"policy\":null,\"mode\":\"enforce\"}]}\n"));
    ck_assert_int_eq(got.status, 1);
    VALIDATE("", "--schema", schema, "--format", "json");
    ck_assert_ptr_nonnull(strstr(got.out, "\"json.empty\""));
    ck_assert_int_eq(got.status, 1);
    command_close();
}
END_TEST

START_TEST(what_cannot_be_told_is_told)
{
    char schema[1024];

    command_open();
    snprintf(schema, sizeof(schema), "%s",
             command_write("s.json", "{\"tipe\": \"integer\"}"));
    VALIDATE("1", "--schema", schema);
    ck_assert_ptr_nonnull(strstr(got.err, "s.json:1:2: /tipe: "));
    ck_assert_str_eq(got.out, "");
    ck_assert_int_eq(got.status, 2);
    command_write("s.json", "{");
    VALIDATE("1", "--schema", schema);
    ck_assert_int_eq(got.status, 2);
    VALIDATE("1", "--schema", "/nonexistent");
    ck_assert_ptr_nonnull(strstr(got.err, "/nonexistent"));
    ck_assert_int_eq(got.status, 2);
    command_write("s.json", "{}");
    VALIDATE("1", "--schema", schema, "/nonexistent");
    ck_assert_ptr_nonnull(strstr(got.err, "/nonexistent"));
    ck_assert_int_eq(got.status, 2);
    VALIDATE("1", "--schema", schema, "/");
    ck_assert_int_eq(got.status, 2);
    VALIDATE("1", "--operation", "createchat", "--policies", POLICIES);
    ck_assert_ptr_nonnull(strstr(got.err, "no operation \"createchat\""));
    ck_assert_ptr_nonnull(strstr(got.err, "createChat"));
    ck_assert_int_eq(got.status, 2);
    VALIDATE("1", "--operation", "createChat", "--policies", "/nonexistent");
    ck_assert_ptr_nonnull(strstr(got.err, "/nonexistent: cannot read"));
    ck_assert_int_eq(got.status, 2);
    command_close();
}
END_TEST

START_TEST(wrong_usage_is_told)
{
    static const char *const wrong[][6] = {
        {"validate", NULL},
        {"validate", "-", NULL},
        {"validate", "--operation", NULL},
        {"validate", "--operation", "a", "--schema", "b", NULL},
        {"validate", "--schema", "b", "--policies", "c", NULL},
        {"validate", "--schema", "b", "--format", "xml", NULL},
        {"validate", "--schema", "b", "c", "d", NULL},
        {"validate", "--shema", "b", NULL},
    };

    command_open();
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        validate(wrong[i], "1");
        ck_assert_msg(got.status == 2, "%zu: %d", i, got.status);
        ck_assert_str_eq(got.out, "");
        ck_assert_ptr_nonnull(strstr(got.err, "chatgate validate --help"));
    }
    VALIDATE("", "--help");
    ck_assert_ptr_nonnull(strstr(got.out, "Usage: chatgate validate"));
    ck_assert_int_eq(got.status, 0);
    command_close();
}
END_TEST

START_TEST(the_environment_names_policies)
{
    command_open();
    setenv("CHATGATE_POLICIES", POLICIES, 1);
    VALIDATE(GOOD, "--operation", "createChat");
    ck_assert_str_eq(got.out, "valid\n");
    ck_assert_int_eq(got.status, 0);
    command_close();
}
END_TEST

UNIT_MAIN("validate", a_body_is_told_its_verdict, json_has_one_object,
          a_shadow_is_listed_and_lets_through, a_policy_counts_for_its_senders,
          sixteen_violations_are_told, lines_get_an_answer_each,
          a_line_may_be_longer_than_a_piece, a_schema_does_as_well,
          what_cannot_be_told_is_told, wrong_usage_is_told,
          the_environment_names_policies)
