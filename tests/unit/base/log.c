/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

/* Standard error goes into a pipe from here on; each test is a process of its
 * own, so nothing needs to be put back. */
static int capture(void)
{
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_ge(dup2(fds[1], STDERR_FILENO), 0);
    close(fds[1]);
    ck_assert_int_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    return fds[0];
}

static size_t captured(int fd, char *out, size_t size)
{
    ssize_t n = read(fd, out, size - 1);
    size_t len = n > 0 ? (size_t)n : 0;

    out[len] = '\0';
    return len;
}

START_TEST(a_line_has_time_level_event_and_pairs)
{
    char out[8192];
    int fd = capture();

    log_event(LOG_INFO, "listener.bound", "address=%s port=%d", "::1", 80);
    captured(fd, out, sizeof(out));
    ck_assert_uint_gt(strlen(out), 27);
    ck_assert_int_eq(out[4], '-');
    ck_assert_int_eq(out[26], 'Z');
    ck_assert_str_eq(out + 27, " info  listener.bound address=::1 port=80\n");
    log_event(LOG_ERROR, "gate.broken", "%s", "");
    captured(fd, out, sizeof(out));
    ck_assert_str_eq(out + 27, " error gate.broken\n");
}
END_TEST

START_TEST(lower_levels_are_not_printed)
{
    char out[8192];
    int fd = capture();

    ck_assert_int_eq(log_get_level(), LOG_INFO);
    log_event(LOG_DEBUG, "a.b", "x=1");
    ck_assert_uint_eq(captured(fd, out, sizeof(out)), 0);
    log_set_level(LOG_ERROR);
    log_event(LOG_WARNING, "a.b", "x=1");
    ck_assert_uint_eq(captured(fd, out, sizeof(out)), 0);
    log_set_level(LOG_DEBUG);
    log_event(LOG_DEBUG, "a.b", "x=1");
    ck_assert_uint_gt(captured(fd, out, sizeof(out)), 0);
}
END_TEST

START_TEST(nobody_can_forge_a_line)
{
    char out[8192];
    int fd = capture();

    log_event(LOG_INFO, "a.b", "x=%s", "1\n2026-01-31 error\r\x1b[2J\x7f");
    captured(fd, out, sizeof(out));
    ck_assert_str_eq(out + 27, " info  a.b x=1?2026-01-31 error??[2J?\n");
}
END_TEST

START_TEST(a_long_line_is_cut_and_ends)
{
    static char huge[20000];
    char out[8192];
    int fd = capture();
    size_t len;

    memset(huge, 'x', sizeof(huge) - 1);
    log_event(LOG_INFO, "a.b", "x=%s", huge);
    len = captured(fd, out, sizeof(out));
    ck_assert_uint_eq(len, 4096);
    ck_assert_int_eq(out[len - 1], '\n');
    ck_assert_int_eq(out[len - 2], 'x');
}
END_TEST

START_TEST(logging_leaves_errno_alone)
{
    (void)capture();
    close(STDERR_FILENO); /* so that the write fails */
    errno = EAGAIN;
    log_event(LOG_INFO, "a.b", "x=1");
    ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

START_TEST(levels_have_names)
{
    static const char *const bad[] = {"", "Info", "warn", "info ", "fatal"};
    enum log_level level = LOG_ERROR;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_int_eq(log_level_parse(text_of(bad[i]), &level),
                         STATUS_INVALID);
    ck_assert_int_eq(level, LOG_ERROR);
    ck_assert_int_eq(log_level_parse(TEXT_LIT("debug"), &level), STATUS_OK);
    ck_assert_int_eq(level, LOG_DEBUG);
    ck_assert_int_eq(log_level_parse(TEXT_LIT("warning"), &level), STATUS_OK);
    ck_assert_int_eq(level, LOG_WARNING);
}
END_TEST

START_TEST(quotes_hold_anything)
{
    char out[64];

    ck_assert_str_eq(log_quote(TEXT_LIT(""), out, sizeof(out)), "\"\"");
    ck_assert_str_eq(log_quote(text_of(NULL), out, sizeof(out)), "\"\"");
    ck_assert_str_eq(
        log_quote(TEXT_LIT("a b=\"c\\\" \n\0\x7f"), out, sizeof(out)),
        "\"a b=\\\"c\\\\\\\" \\x0a\\x00\\x7f\"");
}
END_TEST

START_TEST(quotes_are_cut_to_fit)
{
    char out[64];

    for (size_t size = 0; size <= 40; size++) {
        memset(out, 'Z', sizeof(out));
        log_quote(TEXT_LIT("0123456789\n\n\n\n\n"), out, size);
        if (size > 0)
            ck_assert_uint_lt(strlen(out), size);
        for (size_t i = size; i < sizeof(out); i++)
            ck_assert_int_eq(out[i], 'Z');
        if (size >= 6) {
            ck_assert_int_eq(out[0], '"');
            ck_assert_int_eq(out[strlen(out) - 1], '"');
        }
    }
    ck_assert_str_eq(log_quote(TEXT_LIT("0123456789"), out, 13),
                     "\"0123456789\"");
    ck_assert_str_eq(log_quote(TEXT_LIT("0123456789"), out, 12),
                     "\"012345...\"");
}
END_TEST

static void *many_lines(void *arg)
{
    for (int i = 0; i < 200; i++)
        log_event(LOG_INFO, "thread.line", "text=%s",
                  "the quick brown fox jumps over the lazy dog");
    return arg;
}

START_TEST(lines_of_threads_do_not_mix)
{
    static const char tail[] =
        " info  thread.line text=the quick brown fox jumps over the lazy dog";
    char path[] = "/tmp/chatgate-log-XXXXXX", line[8192];
    int fd = mkstemp(path), lines = 0;
    pthread_t threads[4];
    FILE *f;

    ck_assert_int_ge(fd, 0);
    unlink(path);
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_APPEND), 0);
    ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, many_lines, NULL),
                         0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    f = fdopen(fd, "r");
    ck_assert_ptr_nonnull(f);
    rewind(f);
    while (fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n")] = '\0';
        ck_assert_str_eq(line + 27, tail);
        lines++;
    }
    ck_assert_int_eq(lines, 800);
    fclose(f);
}
END_TEST

UNIT_MAIN("log", a_line_has_time_level_event_and_pairs,
          lower_levels_are_not_printed, nobody_can_forge_a_line,
          a_long_line_is_cut_and_ends, logging_leaves_errno_alone,
          levels_have_names, quotes_hold_anything, quotes_are_cut_to_fit,
          lines_of_threads_do_not_mix)
