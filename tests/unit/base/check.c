/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "unit.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct thing {
    uint32_t magic;
    int value;
};

#define THING_MAGIC 0x7417461eu

/* What a child that runs `body` writes to standard error; *signal_number is
 * what ended it. */
static void output_of(void (*body)(void), char *out, size_t size,
                      int *signal_number)
{
    int fds[2], state;
    size_t len = 0;
    ssize_t n;
    pid_t pid;

    ck_assert_int_eq(pipe(fds), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        dup2(fds[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        body();
        _exit(0);
    }
    close(fds[1]);
    while ((n = read(fds[0], out + len, size - 1 - len)) > 0)
        len += (size_t)n;
    out[len] = '\0';
    close(fds[0]);
    ck_assert_int_eq(waitpid(pid, &state, 0), pid);
    *signal_number = WIFSIGNALED(state) ? WTERMSIG(state) : 0;
}

static void break_an_invariant(void)
{
    int tokens = -1;

    CHECK(tokens >= 0);
}

static void cast_a_stranger(void)
{
    struct thing other = {.magic = 1}, *t;

    MAGIC_CAST(t, &other, THING_MAGIC);
    t->value = 1;
}

static void cast_a_freed_one(void)
{
    struct thing other, *t;

    MAGIC_SET(&other, THING_MAGIC);
    MAGIC_CLEAR(&other);
    MAGIC_CAST(t, &other, THING_MAGIC);
    t->value = 1;
}

static void cast_null(void)
{
    void *nothing = NULL;
    struct thing *t;

    MAGIC_CAST(t, nothing, THING_MAGIC);
    t->value = 1;
}

START_TEST(a_broken_invariant_is_named_and_ends_the_program)
{
    char out[1024];
    int signal_number;

    output_of(break_an_invariant, out, sizeof(out), &signal_number);
    ck_assert_int_eq(signal_number, SIGABRT);
    ck_assert_ptr_nonnull(strstr(out, "broken invariant: tokens >= 0"));
    ck_assert_ptr_nonnull(strstr(out, "check.c:"));
}
END_TEST

START_TEST(a_wrong_magic_number_ends_the_program)
{
    void (*const bodies[])(void) = {cast_a_stranger, cast_a_freed_one,
                                    cast_null};
    char out[1024];
    int signal_number;

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        output_of(bodies[i], out, sizeof(out), &signal_number);
        ck_assert_int_eq(signal_number, SIGABRT);
    }
}
END_TEST

START_TEST(the_right_magic_number_passes)
{
    struct thing one = {.value = 7}, *t;
    void *arg = &one;

    MAGIC_SET(&one, THING_MAGIC);
    MAGIC_CAST(t, arg, THING_MAGIC);
    ck_assert_int_eq(t->value, 7);
    ck_assert_ptr_eq(CONTAINER_OF(&t->value, struct thing, value), &one);
}
END_TEST

UNIT_MAIN("check", a_broken_invariant_is_named_and_ends_the_program,
          a_wrong_magic_number_ends_the_program, the_right_magic_number_passes)
