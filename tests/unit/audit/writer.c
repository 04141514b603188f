/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* F_OFD_SETLK */
#include "audit/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "rig.h"
#include "unit.h"

START_TEST(lines_of_a_turn_are_one_write)
{
    struct audit_counters n;

    append("a");
    append("b");
    append("c");
    ck_assert_str_eq(read_file(path), "");
    turn();
    ck_assert_str_eq(read_file(path), LINE("a") LINE("b") LINE("c"));
    ck_assert_str_eq(told, "a+b+c+");
    audit_writer_counters(writer, &n);
    ck_assert_uint_eq(n.lines, 3);
    ck_assert_uint_eq(n.bytes, 3 * strlen(LINE("a")));
    ck_assert_uint_eq(n.writes, 1);
    ck_assert_uint_eq(n.failures, 0);
    append("d");
    turn();
    ck_assert_str_eq(told, "a+b+c+d+");
    ck_assert(audit_file_is_healthy(file));
}
END_TEST

static void append_two(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    append(arg);
    append(arg);
}

/* Whatever the loop had to do in a turn, its lines go together. */
START_TEST(lines_of_several_events_are_one_write)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    struct event *e[ARRAY_LEN(names)];
    struct audit_counters n;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        e[i] = event_new(base, -1, 0, append_two, (void *)(uintptr_t)names[i]);
        event_active(e[i], EV_TIMEOUT, 0);
    }
    turn();
    ck_assert_str_eq(told, "a+a+b+b+c+c+d+d+");
    audit_writer_counters(writer, &n);
    ck_assert_uint_eq(n.writes, 1);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        event_free(e[i]);
}
END_TEST

static void append_again(void *arg, enum status status)
{
    note(arg, status);
    append("again");
}

START_TEST(done_may_append)
{
    ck_assert_int_eq(audit_writer_append(writer, TEXT_LIT(LINE("a")),
                                         append_again, (void *)(uintptr_t) "a"),
                     STATUS_OK);
    append("b");
    turn();
    turn();
    ck_assert_str_eq(told, "a+b+again+");
    ck_assert_str_eq(read_file(path), LINE("a") LINE("b") LINE("again"));
}
END_TEST

static const char next_name[] = "next";

static void forget_next(void *arg, enum status status)
{
    note(arg, status);
    audit_writer_forget(writer, (void *)(uintptr_t)next_name);
}

START_TEST(forgotten_lines_are_written_and_not_told)
{
    static const char *const a = "a", *const b = "b", *const c = "c";

    append(a);
    append(b);
    audit_writer_forget(writer, (void *)(uintptr_t)a);
    audit_writer_forget(writer, (void *)(uintptr_t)c); /* unknown */
    turn();
    ck_assert_str_eq(told, "b+");
    ck_assert_str_eq(read_file(path), LINE("a") LINE("b"));
    ck_assert_int_eq(
        audit_writer_append(writer, TEXT_LIT(LINE("x")), NULL, NULL),
        STATUS_OK);
    turn();
    ck_assert_str_eq(told, "b+");
}
END_TEST

START_TEST(done_may_forget_what_follows)
{
    ck_assert_int_eq(audit_writer_append(writer, TEXT_LIT(LINE("a")),
                                         forget_next, (void *)(uintptr_t) "a"),
                     STATUS_OK);
    append(next_name);
    turn();
    ck_assert_str_eq(told, "a+");
    ck_assert_str_eq(read_file(path), LINE("a") LINE("next"));
}
END_TEST

START_TEST(free_writes_what_waits)
{
    append("a");
    append("b");
    audit_writer_free(writer);
    writer = NULL;
    ck_assert_str_eq(told, "a+b+");
    ck_assert_str_eq(read_file(path), LINE("a") LINE("b"));
}
END_TEST

START_TEST(file_is_private_to_the_group)
{
    struct stat st;

    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777 & ~0640, 0);
}
END_TEST

START_TEST(what_cannot_be_opened)
{
    static const char *const bad[] = {"/nonexistent/audit.jsonl", "/", ""};
    struct audit_file *f = NULL;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct audit_file_options o = {bad[i], false, 0};

        errno = 0;
        ck_assert_int_eq(audit_file_open(&o, &f), STATUS_IO);
        ck_assert_int_ne(errno, 0);
        ck_assert_ptr_null(f);
    }
    audit_file_close(NULL);
    audit_writer_free(NULL);
}
END_TEST

/* Failure. */

static void limit_file_size(rlim_t bytes)
{
    struct rlimit l;

    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &l), 0);
    l.rlim_cur = bytes;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &l), 0);
}

/* "Disk full" in the middle of a line: what was written of it goes again. */
START_TEST(short_write_is_cut_back)
{
    struct audit_counters n;

    append("a");
    turn();
    limit_file_size(strlen(LINE("a")) + 5);
    append("b");
    append("c");
    turn();
    ck_assert_str_eq(read_file(path), LINE("a"));
    ck_assert_str_eq(told, "a+");
    ck_assert(!audit_file_is_healthy(file));
    limit_file_size(RLIM_INFINITY);
    run_for_ms(60); /* in the time of patience: nobody is refused */
    ck_assert_str_eq(read_file(path), LINE("a") LINE("b") LINE("c"));
    ck_assert_str_eq(told, "a+b+c+");
    ck_assert(audit_file_is_healthy(file));
    audit_writer_counters(writer, &n);
    ck_assert_uint_eq(n.lines, 3);
    ck_assert_uint_ge(n.failures, 1);
}
END_TEST

/* Patience ends, the answer is refused; the line is written all the same once
 * the disk has room, and health returns without new lines. */
START_TEST(patience_ends)
{
    const int64_t hour_us = 3600 * US_PER_S;

    audit_writer_free(writer);
    audit_file_close(file);
    open_with(path, false, 2 * hour_us);
    append("a");
    turn();
    limit_file_size(strlen(LINE("a")));
    append("b");
    turn();
    skipped_us += hour_us;
    run_for_ms(50);
    ck_assert_str_eq(told, "a+");
    append("c");
    turn();
    skipped_us += hour_us + hour_us / 2;
    run_for_ms(50);
    ck_assert_str_eq(told, "a+b-");
    skipped_us += hour_us;
    run_for_ms(50);
    ck_assert_str_eq(told, "a+b-c-");
    ck_assert(!audit_file_is_healthy(file));
    limit_file_size(RLIM_INFINITY);
    run_for_ms(60);
    ck_assert(audit_file_is_healthy(file));
    ck_assert_str_eq(told, "a+b-c-");
    ck_assert_str_eq(read_file(path), LINE("a") LINE("b") LINE("c"));
}
END_TEST

START_TEST(full_device)
{
    audit_writer_free(writer);
    audit_file_close(file);
    open_with("/dev/full", false, 50 * US_PER_MS);
    append("a");
    turn();
    ck_assert(!audit_file_is_healthy(file));
    run_for_ms(100);
    ck_assert_str_eq(told, "a-");
    append("b");
    audit_writer_free(writer);
    writer = NULL;
    ck_assert_str_eq(told, "a-b-");
}
END_TEST

START_TEST(too_much_waits)
{
    static char line[1 << 20];
    enum status s = STATUS_OK;
    size_t n = 0;

    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    limit_file_size(0);
    while (s == STATUS_OK && n < 100) {
        s = audit_writer_append(writer, text_make(line, sizeof(line)), NULL,
                                NULL);
        n += s == STATUS_OK;
        turn();
    }
    ck_assert_int_eq(s, STATUS_TOO_LARGE);
    ck_assert_uint_eq(n, AUDIT_WAITING_MAX / sizeof(line));
    limit_file_size(RLIM_INFINITY);
    run_for_ms(60);
    ck_assert(audit_file_is_healthy(file));
    append("a");
    turn();
    ck_assert_str_eq(told, "a+");
}
END_TEST

START_TEST(synced_lines_are_told)
{
    audit_writer_free(writer);
    audit_file_close(file);
    open_with(path, true, 100 * US_PER_MS);
    append("a");
    turn();
    ck_assert_str_eq(told, "a+");
    ck_assert(audit_file_is_healthy(file));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        lines_of_a_turn_are_one_write,
        lines_of_several_events_are_one_write,
        done_may_append,
        forgotten_lines_are_written_and_not_told,
        done_may_forget_what_follows,
        free_writes_what_waits,
        file_is_private_to_the_group,
        what_cannot_be_opened,
        short_write_is_cut_back,
        patience_ends,
        full_device,
        too_much_waits,
        synced_lines_are_told,
    };
    Suite *suite = suite_create("writer");
    TCase *t = tcase_create("writer");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    for (size_t i = 0; i < ARRAY_LEN(tests); i++)
        tcase_add_test(t, tests[i]);
    suite_add_tcase(suite, t);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
