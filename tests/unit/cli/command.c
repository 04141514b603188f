/* SPDX-License-Identifier: Apache-2.0
 *
 * command.c - see command.h.
 */
#include "command.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 16

static char dir[512];

void command_open(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(dir, sizeof(dir), "%s/cli-test-XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    unsetenv("CHATGATE_POLICIES");
}

const char *command_path(const char *name)
{
    static char path[1024];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

const char *command_write(const char *name, const char *text)
{
    FILE *f = fopen(command_path(name), "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
    return command_path(name);
}

void command_close(void)
{
    DIR *d = opendir(dir);
    const struct dirent *e;

    ck_assert_ptr_nonnull(d);
    while ((e = readdir(d)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            ck_assert_int_eq(unlink(command_path(e->d_name)), 0);
    closedir(d);
    ck_assert_int_eq(rmdir(dir), 0);
}

static int open_file(const char *name, int flags)
{
    int fd = open(command_path(name), flags | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    return fd;
}

static void read_file(const char *name, char *out, size_t size)
{
    int fd = open_file(name, O_RDONLY);
    ssize_t n = read(fd, out, size - 1);

    ck_assert_int_ge(n, 0);
    out[n] = '\0';
    close(fd);
}

static _Noreturn void be_the_command(int (*command)(int, char **),
                                     const char *const *argv)
{
    char *copy[ARGUMENTS_MAX];
    int argc = 0;

    dup2(open_file(".in", O_RDONLY), STDIN_FILENO);
    dup2(open_file(".out", O_WRONLY | O_CREAT | O_TRUNC), STDOUT_FILENO);
    dup2(open_file(".err", O_WRONLY | O_CREAT | O_TRUNC), STDERR_FILENO);
    for (; argv[argc]; argc++)
        copy[argc] = strdup(argv[argc]);
    copy[argc] = NULL;
    argc = command(argc, copy); /* now the exit status */
    for (int i = 0; copy[i]; i++)
        free(copy[i]);
    exit(argc);
}

void command_run(int (*command)(int, char **), const char *const *argv,
                 const char *input, size_t input_len, struct command *out)
{
    int fd = open_file(".in", O_WRONLY | O_CREAT | O_TRUNC), status;
    pid_t pid;

    ck_assert_int_eq(write(fd, input, input_len), (ssize_t)input_len);
    close(fd);
    fflush(NULL);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        be_the_command(command, argv);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    out->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    read_file(".out", out->out, sizeof(out->out));
    read_file(".err", out->err, sizeof(out->err));
    unlink(command_path(".in"));
    unlink(command_path(".out"));
    unlink(command_path(".err"));
}
