/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/process.c - fork, exec, and the ways to be sure of an end.
 *
 * PR_SET_PDEATHSIG takes care of a test that crashes or is killed for being
 * late; a process group of its own keeps a terminal's signals away.
 */
#define _GNU_SOURCE
#include "integration/process.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHOWN_BYTES 6000

extern char **environ;

int64_t process_stretch(int64_t ms)
{
    const char *slow = getenv("TEST_SLOW");
    long factor = slow ? strtol(slow, NULL, 10) : 1;

    return factor > 1 ? ms * factor : ms;
}

int64_t process_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void process_nap(void)
{
    const struct timespec t = {0, 3 * 1000 * 1000};

    nanosleep(&t, NULL);
}

/* sd_listen_fds(3): the socket is descriptor 3, and it is said whose. */
static void hand_over(int fd)
{
    char pid[32];

    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    if (fd == 3)
        fcntl(fd, F_SETFD, 0);
    else
        dup2(fd, 3);
}

/* The child's side; never returns. */
static void child(pid_t parent, int log, int handed_fd, const char *const *argv,
                  const char *const *env)
{
    char **vars = environ, **out = environ;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    setpgid(0, 0);
    /* A configuration in the caller's environment would leak into tests. */
    for (; *vars; vars++)
        if (strncmp(*vars, "CHATGATE_", 9) != 0)
            *out++ = *vars;
    *out = NULL;
    for (; env && *env; env++)
        putenv(strdup(*env));
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    if (handed_fd > 0)
        hand_over(handed_fd);
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

void process_start(struct process *p, const char *name, const char *log,
                   const char *const *argv, const char *const *env)
{
    pid_t self = getpid();
    struct stat st;
    int fd;

    snprintf(p->log, sizeof p->log, "%s", log);
    p->name = name;
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ck_assert_msg(fd >= 0 && fstat(fd, &st) == 0, "%s: %s", log,
                  strerror(errno));
    p->log_begin = (long)st.st_size;
    fflush(NULL);
    p->pid = fork();
    ck_assert_msg(p->pid >= 0, "fork: %s", strerror(errno));
    if (p->pid == 0)
        child(self, fd, p->handed_fd, argv, env);
    close(fd);
}

/* 128 + signal or the exit status. */
static int exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool process_is_alive(struct process *p)
{
    siginfo_t info = {0};

    /* WNOWAIT: the status stays for process_wait(). */
    return p->pid > 0 &&
           waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
               0 &&
           info.si_pid == 0;
}

char *process_output(const struct process *p)
{
    FILE *f = fopen(p->log, "r");
    char *text = NULL;
    long end;

    ck_assert_msg(f != NULL, "%s: %s", p->log, strerror(errno));
    if (fseek(f, 0, SEEK_END) == 0 && (end = ftell(f)) >= p->log_begin &&
        fseek(f, p->log_begin, SEEK_SET) == 0) {
        text = calloc(1, (size_t)(end - p->log_begin) + 1);
        if (text && fread(text, 1, (size_t)(end - p->log_begin), f) == 0)
            text[0] = '\0';
    }
    fclose(f);
    ck_assert_ptr_nonnull(text);
    return text;
}

/* A whole line with `needle` in it, or NULL. */
static const char *find_line(const char *text, const char *needle)
{
    const char *at = strstr(text, needle);

    return at && strchr(at, '\n') ? at : NULL;
}

bool process_wait_for(struct process *p, const char *needle, char *rest,
                      size_t size)
{
    int64_t until = process_now_ms() + process_stretch(PROCESS_DEADLINE_MS);
    bool alive;

    do {
        char *text;
        const char *at;

        process_nap();
        alive = process_is_alive(p); /* before the look: it may say and end */
        text = process_output(p);
        at = find_line(text, needle);
        if (at && rest)
            snprintf(rest, size, "%.*s",
                     (int)strcspn(at + strlen(needle), "\n"),
                     at + strlen(needle));
        free(text);
        if (at)
            return true;
    } while (alive && process_now_ms() < until);
    return false;
}

int process_wait(struct process *p)
{
    int64_t until = process_now_ms() + process_stretch(PROCESS_DEADLINE_MS);
    int status;

    ck_assert_msg(p->pid > 0, "no process to wait for");
    while (process_is_alive(p)) {
        if (process_now_ms() >= until) {
            process_show(p);
            process_kill(p);
            return -1;
        }
        process_nap();
    }
    waitpid(p->pid, &status, 0);
    p->pid = 0;
    return exit_code(status);
}

int process_stop(struct process *p, int signal)
{
    ck_assert_msg(p->pid > 0, "%s does not run", p->name);
    kill(p->pid, signal);
    return process_wait(p);
}

void process_kill(struct process *p)
{
    if (p->pid <= 0)
        return;
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    p->pid = 0;
}

void process_show(const struct process *p)
{
    char *text;
    size_t len;

    if (!p->log[0])
        return;
    text = process_output(p);
    len = strlen(text);
    fprintf(stderr, "---- %s said:\n%s----\n", p->name,
            text + (len > SHOWN_BYTES ? len - SHOWN_BYTES : 0));
    free(text);
}

int process_free_port(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    socklen_t length = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert(fd >= 0 && bind(fd, (struct sockaddr *)&in, length) == 0 &&
              getsockname(fd, (struct sockaddr *)&in, &length) == 0);
    close(fd);
    return ntohs(in.sin_port);
}
