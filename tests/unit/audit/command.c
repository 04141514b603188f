/* SPDX-License-Identifier: Apache-2.0
 *
 * chatgate audit, its options, output and exit status.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/writer.h"
#include "base/check.h"
#include "cli/cli.h"
#include "unit.h"

static char directory[256], path[300];
static char out[65536], err[65536];

static const char lines[] =
    "{\"time\":\"2026-01-31T12:00:00.000001Z\",\"request_id\":\"r-0\","
    "\"trace_id\":\"t-0\",\"gateway_trace_id\":\"g-0\",\"consumer\":\"crm\","
    "\"operation\":\"createChat\",\"from\":\"+14155550100\","
    "\"decision\":\"forwarded\",\"error\":null,\"status\":201,\"seq\":1}\n"
    "{\"time\":\"2026-01-31T12:0\n"
    "{\"time\":\"2026-01-31T12:00:01.000001Z\",\"request_id\":\"r-1\","
    "\"trace_id\":null,\"gateway_trace_id\":\"g-1\",\"consumer\":"
    "\"a\\u001b[31m\\u009b\xc3\xa4\\n\","
    "\"operation\":null,\"from\":null,\"decision\":\"rejected\","
    "\"error\":\"http.content_length\",\"status\":400,\"seq\":2}\n";

static void setup(void)
{
    const char *tmp = getenv("TMPDIR");
    FILE *f;

    snprintf(directory, sizeof(directory), "%s/audit-XXXXXX",
             tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/audit.jsonl", directory);
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(lines, f);
    fclose(f);
}

static void teardown(void)
{
    unlink(path);
    ck_assert_int_eq(rmdir(directory), 0);
}

static void take(int fd, char *to, size_t size)
{
    size_t have = 0;
    ssize_t n;

    while ((n = read(fd, to + have, size - 1 - have)) > 0)
        have += (size_t)n;
    to[have] = '\0';
    close(fd);
}

/* Runs the command; its exit status, with `out` and `err` filled. */
static int run(int argc, const char *const *argv, const char *stdout_file)
{
    int outs[2], errs[2], status;
    pid_t pid;

    ck_assert_int_eq(pipe(outs), 0);
    ck_assert_int_eq(pipe(errs), 0);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        char *copy[16] = {(char *)(uintptr_t) "audit"};
        int input = open(path, O_RDONLY);

        for (int i = 0; i < argc; i++)
            copy[i + 1] = (char *)(uintptr_t)argv[i];
        dup2(input, STDIN_FILENO);
        dup2(stdout_file ? open(stdout_file, O_WRONLY) : outs[1],
             STDOUT_FILENO);
        dup2(errs[1], STDERR_FILENO);
        close(outs[0]);
        close(outs[1]);
        close(errs[0]);
        close(errs[1]);
        status = cli_audit(argc + 1, copy);
        fflush(stdout);
        _exit(status);
    }
    close(outs[1]);
    close(errs[1]);
    take(outs[0], out, sizeof(out));
    take(errs[0], err, sizeof(err));
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define RUN(...)                                                               \
    run((int)ARRAY_LEN(((const char *const[]){__VA_ARGS__})),                  \
        (const char *const[]){__VA_ARGS__}, NULL)

START_TEST(json_prints_lines_as_they_are)
{
    const char *second = strstr(strchr(lines, '\n') + 1, "\n") + 1;

    ck_assert_int_eq(RUN("--format", "json", "--decision", "rejected", path),
                     0);
    ck_assert_str_eq(out, second);
    ck_assert_int_eq(RUN("--format=json", "--trace-id", "t-0", path), 0);
    ck_assert_mem_eq(out, lines, strlen(out));
    ck_assert_int_eq(out[strlen(out) - 1], '\n');
    ck_assert_int_eq(RUN("--format=json", "--trace-id", "g-1", path), 0);
    ck_assert_str_eq(out, second);
    ck_assert_int_eq(RUN("--format=json", path, "--from", "+14155550100"), 0);
    ck_assert_int_eq(RUN("--format=json", "-"), 0);
    ck_assert_int_eq(RUN("--format=json", path, path), 0);
    ck_assert_uint_eq(
        strlen(out),
        2 * (strlen(lines) - strlen("{\"time\":\"2026-01-31T12:0\n")));
}
END_TEST

START_TEST(table_has_columns)
{
    ck_assert_int_eq(RUN(path), 0);
    ck_assert_ptr_nonnull(strstr(out, "TIME  "));
    ck_assert_ptr_nonnull(strstr(
        out, "2026-01-31T12:00:00.000001Z  forwarded    201     createChat    "
             "       +14155550100      crm           t-0 "));
    ck_assert_ptr_nonnull(strstr(
        out, "2026-01-31T12:00:01.000001Z  rejected     400     -             "
             "       -                 a?[31m?\xc3\xa4?     g-1 "));
    ck_assert_ptr_nonnull(strstr(out, "  http.content_length\n"));
    ck_assert_ptr_null(strchr(out, '\x1b'));
}
END_TEST

START_TEST(skipped_lines_are_told)
{
    ck_assert_int_eq(RUN("--request-id", "r-1", path), 0);
    ck_assert_ptr_nonnull(strstr(err, path));
    ck_assert_ptr_nonnull(strstr(err, "1 line skipped"));
    ck_assert_ptr_nonnull(strstr(err, "the first is line 2"));
}
END_TEST

START_TEST(nothing_found)
{
    ck_assert_int_eq(RUN("--request-id", "r-9", path), 1);
    ck_assert_str_eq(out, "");
    ck_assert_int_eq(RUN("--until", "2026-01-01", path), 1);
    ck_assert_int_eq(RUN("--since", "2100-01-01T00:00:00Z", path), 1);
    ck_assert_int_eq(RUN("--format=json", "/dev/null"), 1);
}
END_TEST

START_TEST(wrong_usage)
{
    ck_assert_int_eq(run(0, NULL, NULL), 2);
    ck_assert_ptr_nonnull(strstr(err, "FILE"));
    ck_assert_int_eq(RUN("--decision", "refused", path), 2);
    ck_assert_ptr_nonnull(strstr(err, "refused"));
    ck_assert_int_eq(RUN("--format", "xml", path), 2);
    ck_assert_int_eq(RUN("--since", "yesterday", path), 2);
    ck_assert_ptr_nonnull(strstr(err, "yesterday"));
    ck_assert_int_eq(RUN("--until", "", path), 2);
    ck_assert_int_eq(RUN("--nonsense", path), 2);
    ck_assert_int_eq(RUN("-x", path), 2);
    ck_assert_int_eq(RUN(path, "--trace-id"), 2);
    ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(help_is_help)
{
    ck_assert_int_eq(RUN("--help"), 0);
    ck_assert_ptr_nonnull(strstr(out, "--trace-id"));
    ck_assert_str_eq(err, "");
}
END_TEST

START_TEST(what_cannot_be_read_or_written)
{
    static const char *const json[] = {"--format=json", path};

    ck_assert_int_eq(RUN("/nonexistent/x"), 3);
    ck_assert_ptr_nonnull(strstr(err, "/nonexistent/x"));
    ck_assert_int_eq(RUN("/"), 3);
    /* What can be read is shown all the same. */
    ck_assert_int_eq(RUN("--format=json", "/nonexistent/x", path), 3);
    ck_assert_str_ne(out, "");
    ck_assert_int_eq(run(2, json, "/dev/full"), 3);
    ck_assert_ptr_nonnull(strstr(err, "standard output"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        json_prints_lines_as_they_are,
        table_has_columns,
        skipped_lines_are_told,
        nothing_found,
        wrong_usage,
        help_is_help,
        what_cannot_be_read_or_written,
    };
    Suite *suite = suite_create("command");
    TCase *t = tcase_create("command");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    for (size_t i = 0; i < ARRAY_LEN(tests); i++)
        tcase_add_test(t, tests[i]);
    suite_add_tcase(suite, t);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
