/* SPDX-License-Identifier: Apache-2.0
 *
 * The file behind the writer: rotation, fragments, locks, several writers, and
 * what is no file.
 */
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

/* Rotation. */

START_TEST(rename_and_reopen)
{
    char old[320];

    snprintf(old, sizeof(old), "%s.1", path);
    append("a");
    turn();
    ck_assert_int_eq(rename(path, old), 0);
    append("b"); /* nobody told us: it goes after */
    turn();
    ck_assert_int_eq(audit_file_reopen(file), STATUS_OK);
    append("c");
    turn();
    ck_assert_str_eq(read_file(old), LINE("a") LINE("b"));
    ck_assert_str_eq(read_file(path), LINE("c"));
    ck_assert_str_eq(told, "a+b+c+");
}
END_TEST

START_TEST(reopen_that_fails_keeps_the_old)
{
    char old[320];

    snprintf(old, sizeof(old), "%s.1", path);
    ck_assert_int_eq(rename(path, old), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(audit_file_reopen(file), STATUS_IO);
    append("a");
    turn();
    ck_assert_str_eq(read_file(old), LINE("a"));
    ck_assert_str_eq(told, "a+");
    ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

START_TEST(truncated_by_another)
{
    append("a");
    turn();
    ck_assert_int_eq(truncate(path, 0), 0);
    append("b");
    turn();
    ck_assert_str_eq(read_file(path), LINE("b"));
}
END_TEST

/* Fragments. */

static void put_fragment(const char *text)
{
    int fd = open(path, O_WRONLY | O_APPEND);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

START_TEST(fragment_of_a_former_run_stays_alone)
{
    put_fragment("{\"line\":\"hal");
    append("a");
    append("b");
    turn();
    append("c");
    turn();
    ck_assert_str_eq(read_file(path),
                     "{\"line\":\"hal\n" LINE("a") LINE("b") LINE("c"));
}
END_TEST

/* Another process died in the middle of its line while we run. */
START_TEST(fragment_of_a_neighbour_stays_alone)
{
    append("a");
    turn();
    put_fragment("{\"li");
    append("b");
    turn();
    put_fragment(LINE("x"));
    append("c");
    turn();
    ck_assert_str_eq(read_file(path),
                     LINE("a") "{\"li\n" LINE("b") LINE("x") LINE("c"));
}
END_TEST

/* The lock. */

/* A process that was stopped while it held the lock holds up the lines, not
 * the loop. */
START_TEST(lock_held_by_another)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(path, O_RDWR);

    ck_assert_int_eq(fcntl(fd, F_OFD_SETLK, &l), 0);
    append("a");
    turn();
    run_for_ms(20);
    ck_assert_str_eq(told, "");
    ck_assert(audit_file_is_healthy(file));
    close(fd);
    run_for_ms(20);
    ck_assert_str_eq(told, "a+");

    fd = open(path, O_RDWR);
    ck_assert_int_eq(fcntl(fd, F_OFD_SETLK, &l), 0);
    append("b");
    turn();
    skipped_us += 2 * RIG_PATIENCE_US;
    run_for_ms(50);
    ck_assert_str_eq(told, "a+b-");
    ck_assert(!audit_file_is_healthy(file));
    close(fd);
    run_for_ms(20);
    ck_assert(audit_file_is_healthy(file));
    ck_assert_str_eq(read_file(path), LINE("a") LINE("b"));
}
END_TEST

/* Several writers. */

#define THREADS 3
#define PROCESSES 3
#define LINES 400

struct crowd {
    struct audit_file *file;
    int who, next;
    struct event_base *base;
    struct audit_writer *writer;
};

/* In a process of its own, where Check's assertions do not reach. */
static void must(bool condition)
{
    if (!condition)
        _exit(1);
}

static void crowd_line(void *arg, enum status status)
{
    struct crowd *c = arg;
    char line[512], fill[400];

    must(status == STATUS_OK);
    if (c->next == LINES)
        return;
    memset(fill, 'x', sizeof(fill));
    snprintf(line, sizeof(line), "%d %d %.*s\n", c->who, c->next,
             1 + (c->next * 7) % ((int)sizeof(fill) - 1), fill);
    c->next++;
    must(audit_writer_append(c->writer, text_of(line), crowd_line, c) ==
         STATUS_OK);
}

static void *crowd_thread(void *arg)
{
    struct crowd *c = arg;

    c->base = event_base_new();
    must(audit_writer_new(c->base, clock_system(), c->file, &c->writer) ==
         STATUS_OK);
    crowd_line(c, STATUS_OK);
    while (c->next < LINES)
        event_base_loop(c->base, EVLOOP_ONCE);
    audit_writer_free(c->writer);
    event_base_free(c->base);
    return NULL;
}

static void crowd_process(int who)
{
    struct audit_file_options o = {path, false, US_PER_S};
    struct crowd c[THREADS];
    pthread_t threads[THREADS];
    struct audit_file *f;

    must(audit_file_open(&o, &f) == STATUS_OK);
    for (int i = 0; i < THREADS; i++) {
        c[i] = (struct crowd){.file = f, .who = who * THREADS + i};
        must(pthread_create(&threads[i], NULL, crowd_thread, &c[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    audit_file_close(f);
}

/* Every line whole, once, and each writer's in order. */
static void check_crowd(const char *text)
{
    int next[PROCESSES * THREADS] = {0};

    while (*text != '\0') {
        const char *end = strchr(text, '\n');
        int who, n, at;

        ck_assert_ptr_nonnull(end);
        ck_assert_int_eq(sscanf(text, "%d %d %n", &who, &n, &at), 2);
        ck_assert_int_lt(who, PROCESSES * THREADS);
        ck_assert_int_eq(n, next[who]);
        next[who]++;
        ck_assert_int_eq(end - text - at, 1 + (n * 7) % 399);
        ck_assert_int_eq((int)strspn(text + at, "x"), (int)(end - text - at));
        text = end + 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(next); i++)
        ck_assert_int_eq(next[i], LINES);
}

START_TEST(threads_and_processes_keep_lines_whole)
{
    pid_t pids[PROCESSES];

    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            crowd_process(i);
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;

        ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
        ck_assert_int_eq(status, 0);
    }
    check_crowd(read_file(path));
}
END_TEST

static void write_until_killed(void)
{
    struct crowd c = {.file = file, .who = 0};

    c.base = event_base_new();
    if (audit_writer_new(c.base, clock_system(), file, &c.writer) != STATUS_OK)
        _exit(1);
    for (;;) {
        c.next = 0;
        crowd_line(&c, STATUS_OK);
        while (c.next < LINES)
            event_base_loop(c.base, EVLOOP_ONCE);
        event_base_loop(c.base, EVLOOP_ONCE);
    }
}

/* kill -9 at any moment: at most one fragment a kill, and what follows begins
 * on a line of its own. */
START_TEST(killed_in_the_middle)
{
    const char *text;
    int fragments = 0;

    for (int round = 0; round < 5; round++) {
        pid_t pid = fork();

        if (pid == 0)
            write_until_killed();
        usleep((useconds_t)(5000 + round * 1300));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        append("whole");
        turn();
    }
    for (text = read_file(path); *text != '\0'; text = strchr(text, '\n') + 1) {
        int who, n, at;

        ck_assert_ptr_nonnull(strchr(text, '\n'));
        if (strncmp(text, LINE("whole"), strlen(LINE("whole"))) == 0)
            continue;
        if (sscanf(text, "%d %d %n", &who, &n, &at) != 2 ||
            strchr(text, '\n') - text - at != 1 + (n * 7) % 399)
            fragments++;
    }
    ck_assert_int_le(fragments, 5);
    ck_assert_str_eq(told, "whole+whole+whole+whole+whole+");
}
END_TEST

/* Pipes. */

static int pipe_out;

static void open_on_pipe(int *reader)
{
    int ends[2];

    audit_writer_free(writer);
    audit_file_close(file);
    ck_assert_int_eq(pipe(ends), 0);
    pipe_out = dup(STDOUT_FILENO);
    fflush(stdout);
    ck_assert_int_ge(dup2(ends[1], STDOUT_FILENO), 0);
    close(ends[1]);
    *reader = ends[0];
    signal(SIGPIPE, SIG_IGN);
    open_with("-", false, 100 * US_PER_MS);
    ck_assert_int_eq(audit_file_reopen(file), STATUS_OK);
    dup2(pipe_out, STDOUT_FILENO);
    close(pipe_out);
}

START_TEST(standard_output)
{
    int reader;
    ssize_t n;

    open_on_pipe(&reader);
    append("a");
    append("b");
    turn();
    n = read(reader, content, sizeof(content));
    ck_assert_int_eq(n, (ssize_t)(2 * strlen(LINE("a"))));
    ck_assert_str_eq(told, "a+b+");
    close(reader);
    append("c"); /* nobody reads any more */
    run_for_ms(150);
    ck_assert_str_eq(told, "a+b+c-");
    ck_assert(!audit_file_is_healthy(file));
}
END_TEST

/* A reader that does not read fills the pipe: lines wait, the loop does not,
 * and a line that was begun is completed later. */
START_TEST(full_pipe)
{
    static char line[20000];
    int reader;
    size_t got = 0;

    open_on_pipe(&reader);
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(audit_writer_append(writer,
                                             text_make(line, sizeof(line)),
                                             note, (void *)(uintptr_t) "x"),
                         STATUS_OK);
    turn();
    ck_assert_str_eq(told, "x+x+x+"); /* 64 KiB */
    for (int i = 0; got < 6 * sizeof(line) && i < 1000; i++) {
        ssize_t n = read(reader, content + got, 8192);

        ck_assert_int_gt(n, 0);
        got += (size_t)n;
        run_for_ms(2);
    }
    ck_assert_uint_eq(got, 6 * sizeof(line));
    for (size_t i = 0; i < 6; i++)
        ck_assert_mem_eq(content + i * sizeof(line), line, sizeof(line));
    ck_assert_str_eq(told, "x+x+x+x+x+x+");
    close(reader);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        rename_and_reopen,
        reopen_that_fails_keeps_the_old,
        truncated_by_another,
        fragment_of_a_former_run_stays_alone,
        fragment_of_a_neighbour_stays_alone,
        lock_held_by_another,
        threads_and_processes_keep_lines_whole,
        killed_in_the_middle,
        standard_output,
        full_pipe,
    };
    Suite *suite = suite_create("file");
    TCase *t = tcase_create("file");
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
