/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of policy_snapshot_load() and what a snapshot says of itself.
 */
#include "fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api.h"
#include "base/check.h"
#include "unit.h"

#define EMPTY FIXTURE_CONTRACT("")

START_TEST(a_directory_must_be_there)
{
    struct policy_snapshot *snap = NULL;
    struct problems problems;
    const struct policy_load nowhere = {.dir = "/nonexistent/policies"};
    const struct policy_load file = {.dir = TOP_SRCDIR "/configure.ac"};

    problems_init(&problems);
    ck_assert_int_eq(policy_snapshot_load(&nowhere, &problems, &snap),
                     STATUS_NOT_FOUND);
    ck_assert_int_eq(policy_snapshot_load(&file, &problems, &snap),
                     STATUS_NOT_FOUND);
    ck_assert_ptr_null(snap);
    ck_assert_uint_eq(problems.errors, 2);
    ck_assert_str_eq(problems.list[0].file, "/nonexistent/policies");
    ck_assert_str_eq(problems.list[0].message,
                     "cannot read the directory of policies: No such file or "
                     "directory");
    problems_release(&problems);
}
END_TEST

START_TEST(a_directory_needs_a_contract)
{
    struct policy_snapshot *snap = NULL;

    fixture_open();
    ck_assert_int_eq(fixture_load(&snap), STATUS_NOT_FOUND);
    fixture_write("a.policy.json", "{\"name\": \"a\"}");
    fixture_write("b.schema.json", "{\"openapi\": \"3.1.0\", \"paths\": {}}");
    fixture_write("README.md", "no JSON");
    ck_assert_int_eq(fixture_load(&snap), STATUS_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(fixture_said(), "has no contract"));
    ck_assert_ptr_null(snap);
    fixture_close();
}
END_TEST

START_TEST(only_what_is_meant_is_read)
{
    struct policy_snapshot *snap = NULL;
    char path[1024];

    fixture_open();
    fixture_write("api.json", EMPTY);
    fixture_write(".hidden.json", "{");
    fixture_write("x.schema.json", "{");
    fixture_write("notes.txt", "{");
    fixture_write("api.json~", "{");
    fixture_write("json", "{");
    snprintf(path, sizeof(path), "%s/dir.json", fixture_dir());
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    ck_assert_str_eq(fixture_said(), "");
    ck_assert_uint_eq(policy_summary_count(snap), 1);
    policy_snapshot_unref(snap);
    fixture_close();
}
END_TEST

START_TEST(yaml_is_not_passed_over_in_silence)
{
    struct policy_snapshot *snap = NULL;

    fixture_open();
    fixture_write("api.json", EMPTY);
    fixture_write("other.yaml", "openapi: 3.1.0");
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    ck_assert_ptr_nonnull(strstr(fixture_said(), "warning: other.yaml is not "
                                                 "read"));
    policy_snapshot_unref(snap);
    fixture_close();
}
END_TEST

/* The README of policies/ shows a policy: it must be one. */
START_TEST(the_example_for_people_is_a_policy)
{
    struct policy_snapshot *snap = NULL;
    char *readme = malloc(64 << 10), *begin, *end;
    FILE *f = fopen(TOP_SRCDIR "/policies/README.md", "r");
    size_t len;

    ck_assert(readme && f);
    len = fread(readme, 1, (64 << 10) - 1, f);
    fclose(f);
    readme[len] = '\0';
    begin = strstr(readme, "```json\n");
    ck_assert_ptr_nonnull(begin);
    begin += strlen("```json\n");
    end = strstr(begin, "```");
    ck_assert_ptr_nonnull(end);
    fixture_open();
    fixture_options.has_consumers = true;
    fixture_copy("chats-v3.json");
    fixture_write_bytes("evening.policy.json",
                        text_make(begin, (size_t)(end - begin)));
    ck_assert_msg(fixture_load(&snap) == STATUS_OK, "%s", fixture_said());
    ck_assert_str_eq(fixture_said(), "");
    policy_snapshot_unref(snap);
    fixture_close();
    free(readme);
}
END_TEST

START_TEST(links_are_followed)
{
    struct policy_snapshot *snap = NULL;
    char path[1024];

    fixture_open();
    fixture_write(".data", EMPTY);
    snprintf(path, sizeof(path), "%s/api.json", fixture_dir());
    ck_assert_int_eq(symlink(".data", path), 0);
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    policy_snapshot_unref(snap);
    snprintf(path, sizeof(path), "%s/gone.json", fixture_dir());
    ck_assert_int_eq(symlink("nowhere", path), 0);
    snap = NULL;
    ck_assert_int_eq(fixture_load(&snap), STATUS_IO);
    ck_assert_str_eq(fixture_said(), "gone.json: cannot be read: No such file "
                                     "or directory\n");
    fixture_close();
}
END_TEST

START_TEST(every_problem_of_every_file_is_listed)
{
    struct policy_snapshot *snap = NULL;

    fixture_open();
    fixture_write("b.json", "{\"openapi\": \"3.0.0\",\n\"paths\": []}");
    fixture_write("a.json",
                  "{\"openapi\": \"3.1.0\", \"paths\": {}, \"x\": 1,\n"
                  "\"y\": 2}");
    fixture_write("c.json", "{\"openapi\": }");
    fixture_write("d.policy.json", "{\"name\": \"d\", \"moode\": 1}");
    ck_assert_int_eq(fixture_load(&snap), STATUS_INVALID);
    ck_assert_ptr_null(snap);
    ck_assert_ptr_nonnull(strstr(fixture_said(), "a.json:1:35: /x: "));
    ck_assert_ptr_nonnull(strstr(fixture_said(), "a.json:2:1: /y: "));
    ck_assert_ptr_nonnull(strstr(fixture_said(), "b.json:1:13: /openapi: "));
    ck_assert_ptr_nonnull(strstr(fixture_said(), "b.json:2:10: /paths: "));
    ck_assert_ptr_nonnull(strstr(fixture_said(), "c.json:1:"));
    ck_assert_ptr_nonnull(strstr(fixture_said(), "d.policy.json:1:15: /moode: "
                                                 "a policy has no such key"));
    ck_assert_ptr_nonnull(strstr(fixture_said(), "did you mean \"mode\"?"));
    fixture_close();
}
END_TEST

/* Same names and bytes, same version; anything else is another. */
START_TEST(a_version_is_that_of_names_and_bytes)
{
    struct policy_snapshot *snap = NULL;
    char first[17], renamed[17], more[17];

    fixture_open();
    fixture_write("api.json", EMPTY);
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    memcpy(first, policy_snapshot_version(snap), sizeof(first));
    policy_snapshot_unref(snap);
    ck_assert_uint_eq(strlen(first), 16);
    ck_assert_uint_eq(strspn(first, "0123456789abcdef"), 16);

    fixture_write("notes.md", "not part of it");
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    ck_assert_str_eq(policy_snapshot_version(snap), first);
    policy_snapshot_unref(snap);

    fixture_remove("api.json");
    fixture_write("apj.json", EMPTY);
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    memcpy(renamed, policy_snapshot_version(snap), sizeof(renamed));
    policy_snapshot_unref(snap);
    ck_assert_str_ne(renamed, first);

    fixture_write("apj.json", EMPTY "\n");
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    memcpy(more, policy_snapshot_version(snap), sizeof(more));
    policy_snapshot_unref(snap);
    ck_assert_str_ne(more, renamed);
    fixture_close();
}
END_TEST

START_TEST(two_contracts_live_together)
{
    struct policy_snapshot *snap = NULL;
    struct policy_route r;

    fixture_open();
    fixture_write("b.json", API);
    fixture_write("a.json", FIXTURE_CONTRACT(
                                "\"/z\": {\"get\": {\"operationId\": \"z\"}}"));
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    ck_assert_uint_eq(policy_contract_count(snap), 2);
    ck_assert_str_eq(policy_contract_at(snap, 0)->name, "a");
    ck_assert_str_eq(policy_contract_at(snap, 1)->name, "b");
    policy_route(snap, text_of("GET"), text_of("/z"), &r);
    ck_assert_int_eq(r.match, POLICY_OPERATION);
    ck_assert_str_eq(r.operation->contract->name, "a");
    policy_route(snap, text_of("POST"), text_of("/c"), &r);
    ck_assert_str_eq(r.operation->contract->name, "b");
    policy_snapshot_unref(snap);

    snap = NULL;
    fixture_write("c.json", FIXTURE_CONTRACT(
                                "\"/z/\": {\"get\": {\"operationId\": \"z\"}}, "
                                "\"/c/{other}\": {}"));
    ck_assert_int_eq(fixture_load(&snap), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(fixture_said(), "c.json:2:"));
    ck_assert_ptr_nonnull(
        strstr(fixture_said(), "\"z\" is already the operation GET /z of "));
    ck_assert_ptr_nonnull(
        strstr(fixture_said(), "has the same shape as /c/{id} of "));
    fixture_close();
}
END_TEST

START_TEST(summaries_are_for_people)
{
    struct policy_snapshot *snap = NULL;
    struct policy_summary s;

    fixture_open();
    fixture_write("api.json", API);
    fixture_write("p.policy.json",
                  "{\"name\": \"p\", \"mode\": \"shadow\", \"applies\": "
                  "{\"operations\": [\"create\", \"say\"]}, \"body\": {}, "
                  "\"limits\": [{\"name\": \"l\", \"capacity\": 1, "
                  "\"refill\": \"1/s\"}]}");
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    ck_assert_str_eq(fixture_said(), "");
    ck_assert_uint_eq(policy_summary_count(snap), 2);
    policy_summary_at(snap, 0, &s);
    ck_assert_str_eq(s.name, "api");
    ck_assert(s.is_contract && !s.is_shadow && !s.has_body);
    ck_assert_uint_eq(s.operation_count, 5);
    ck_assert_ptr_nonnull(strstr(s.file, "/api.json"));
    policy_summary_at(snap, 1, &s);
    ck_assert_str_eq(s.name, "p");
    ck_assert(!s.is_contract && s.is_shadow && s.has_body);
    ck_assert_uint_eq(s.operation_count, 2);
    ck_assert_uint_eq(s.limit_count, 1);
    policy_snapshot_unref(snap);
    fixture_close();
}
END_TEST

START_TEST(prefixes_of_the_configuration_are_checked)
{
    struct policy_snapshot *snap = NULL;
    struct policy_prefix prefixes[] = {{"*", "/ok"}, {"GET", "/a/../b"}};
    struct policy_route r;

    fixture_open();
    fixture_write("api.json", EMPTY);
    fixture_options.unmatched = prefixes;
    fixture_options.unmatched_count = 2;
    ck_assert_int_eq(fixture_load(&snap), STATUS_INVALID);
    ck_assert_str_eq(fixture_said(),
                     "unmatched prefix \"/a/../b\": the path has a dot "
                     "segment: write the path that is meant\n");
    fixture_options.unmatched_count = 1;
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    policy_route(snap, text_of("PUT"), text_of("/ok/x"), &r);
    ck_assert_int_eq(r.match, POLICY_UNMATCHED);
    policy_snapshot_unref(snap);
    fixture_close();
}
END_TEST

START_TEST(a_file_that_is_too_large_is_refused)
{
    struct policy_snapshot *snap = NULL;
    size_t len = (16u << 20) + 1;
    char *bytes = malloc(len);

    ck_assert_ptr_nonnull(bytes);
    memset(bytes, ' ', len);
    fixture_open();
    fixture_write("api.json", EMPTY);
    fixture_write_bytes("big.json", text_make(bytes, len));
    free(bytes);
    ck_assert_int_eq(fixture_load(&snap), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(fixture_said(), "big.json: "));
    ck_assert_ptr_nonnull(strstr(fixture_said(), "16 MiB"));
    fixture_close();
}
END_TEST

static void *hold_and_drop(void *arg)
{
    struct policy_snapshot *snap = arg;

    for (int i = 0; i < 10000; i++)
        policy_snapshot_unref(policy_snapshot_ref(snap));
    policy_snapshot_unref(snap);
    return NULL;
}

START_TEST(the_last_reference_frees)
{
    struct policy_snapshot *snap = NULL;
    pthread_t threads[4];

    policy_snapshot_unref(NULL);
    fixture_open();
    fixture_write("api.json", API);
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, hold_and_drop,
                                        policy_snapshot_ref(snap)),
                         0);
    policy_snapshot_unref(snap);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    fixture_close();
}
END_TEST

START_TEST(what_ships_loads_without_a_word)
{
    struct policy_snapshot *snap = NULL;
    static const char *const ids[] = {
        "createChat",          "listChats",         "getChat",
        "updateChat",          "markChatAsRead",    "leaveChat",
        "shareContactCard",    "addParticipant",    "removeParticipant",
        "sendVoiceMemoToChat", "sendMessageToChat", "startTyping",
        "stopTyping",          "getMessages",
    };

    fixture_open();
    fixture_options.dir = TOP_SRCDIR "/policies";
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    ck_assert_str_eq(fixture_said(), "");
    ck_assert_uint_eq(policy_operation_count(snap), ARRAY_LEN(ids));
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        const struct policy_operation *op =
            policy_operation_find(snap, text_of(ids[i]));

        ck_assert_msg(op != NULL, "%s", ids[i]);
        ck_assert_msg(op->sender_in != POLICY_SENDER_NONE, "%s", ids[i]);
    }
    ck_assert_str_eq(policy_contract_at(snap, 0)->lookup->id, "getChat");
    ck_assert_int_eq(policy_contract_at(snap, 0)->error_code[429], 4001);
    policy_snapshot_unref(snap);
    fixture_close();
}
END_TEST

UNIT_MAIN("snapshot", a_directory_must_be_there, a_directory_needs_a_contract,
          only_what_is_meant_is_read, yaml_is_not_passed_over_in_silence,
          the_example_for_people_is_a_policy, links_are_followed,
          every_problem_of_every_file_is_listed,
          a_version_is_that_of_names_and_bytes, two_contracts_live_together,
          summaries_are_for_people, prefixes_of_the_configuration_are_checked,
          a_file_that_is_too_large_is_refused, the_last_reference_frees,
          what_ships_loads_without_a_word)
