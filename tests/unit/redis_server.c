/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_server.c - processes that tests talk Redis to.
 */
#include "redis_server.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

#include "base/check.h"

#define ARGS_MAX 64

static void nap(long us)
{
    struct timespec t = {us / 1000000, us % 1000000 * 1000};

    nanosleep(&t, NULL);
}

static void make_dir(struct redis_server *s)
{
    const char *tmp = getenv("TMPDIR");

    memset(s, 0, sizeof(*s));
    if (tmp == NULL || strlen(tmp) > 40)
        tmp = "/tmp";
    snprintf(s->dir, sizeof(s->dir), "%s/redis-XXXXXX", tmp);
    if (mkdtemp(s->dir) == NULL)
        ck_abort_msg("mkdtemp %s: %s", s->dir, strerror(errno));
    snprintf(s->path, sizeof(s->path), "%s/socket", s->dir);
}

int redis_server_free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) < 0)
        ck_abort_msg("no free port: %s", strerror(errno));
    close(fd);
    return ntohs(a.sin_port);
}

static int connect_unix(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* False: it has ended. */
static bool wait_for_socket(struct redis_server *s)
{
    for (int i = 0; i < 1000; i++) {
        int fd = connect_unix(s->path);

        if (fd >= 0) {
            close(fd);
            return true;
        }
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid)
            break;
        nap(10000);
    }
    redis_server_kill(s);
    return false;
}

pid_t redis_server_fork(void)
{
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid < 0)
        ck_abort_msg("fork: %s", strerror(errno));
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
    }
    return pid;
}

static bool launch(struct redis_server *s)
{
    char port[12];
    const char *args[ARGS_MAX] = {
        "redis-server", "--save",       "",      "--appendonly", "no",
        "--bind",       "127.0.0.1",    "--dir", s->dir,         "--port",
        port,           "--unixsocket", s->path, "--daemonize",  "no",
        "--logfile",    "/dev/null",
    };
    size_t n = 17;

    snprintf(port, sizeof(port), "%d", s->port);
    for (size_t i = 0; s->options != NULL && s->options[i] != NULL; i++) {
        ck_assert_uint_lt(n, ARGS_MAX - 1);
        args[n++] = s->options[i];
    }
    s->pid = redis_server_fork();
    if (s->pid == 0) {
        int null = open("/dev/null", O_RDWR);

        (void)dup2(null, 1);
        (void)dup2(null, 2);
        execvp(args[0], (char *const *)(uintptr_t)args);
        _exit(127);
    }
    return wait_for_socket(s);
}

static void launch_surely(struct redis_server *s)
{
    if (!launch(s))
        ck_abort_msg("redis-server did not start "
                     "(apt-get install redis-server)");
}

void redis_server_start(struct redis_server *s, bool with_port,
                        const char *const *options)
{
    make_dir(s);
    s->port = with_port ? redis_server_free_port() : 0;
    s->options = options;
    launch_surely(s);
}

bool redis_server_try(struct redis_server *s, bool with_port,
                      const char *const *options)
{
    make_dir(s);
    s->port = with_port ? redis_server_free_port() : 0;
    s->options = options;
    if (launch(s))
        return true;
    redis_server_remove(s);
    return false;
}

void redis_server_kill(struct redis_server *s)
{
    if (s->pid <= 0)
        return;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

void redis_server_restart(struct redis_server *s)
{
    redis_server_kill(s);
    unlink(s->path);
    launch_surely(s);
}

void redis_server_stall(struct redis_server *s)
{
    int status;

    kill(s->pid, SIGSTOP);
    waitpid(s->pid, &status, WUNTRACED); /* it has stopped */
}

void redis_server_continue(struct redis_server *s)
{
    kill(s->pid, SIGCONT);
}

/* Of a cluster's node, or of a replica: what it wrote for itself. */
static void empty_dir(const char *path)
{
    char file[512];
    const struct dirent *e;
    DIR *dir = opendir(path);

    while (dir != NULL && (e = readdir(dir)) != NULL) {
        snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
        unlink(file); /* of "." and "..", it fails */
    }
    if (dir != NULL)
        closedir(dir);
}

void redis_server_remove(struct redis_server *s)
{
    redis_server_kill(s);
    empty_dir(s->dir);
    if (rmdir(s->dir) < 0)
        ck_abort_msg("rmdir %s: %s", s->dir, strerror(errno));
}

bool redis_server_try_ask(const struct redis_server *s, const char *line,
                          char *out, size_t size)
{
    struct timeval tv = {5, 0};
    int fd = connect_unix(s->path);
    ssize_t n = -1;

    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    /* An inline command: redis-server takes those too. */
    if (dprintf(fd, "%s\r\n", line) > 0)
        n = recv(fd, out, size - 1, 0);
    out[n > 0 ? n : 0] = '\0';
    close(fd);
    return n > 0;
}

void redis_server_ask(const struct redis_server *s, const char *line, char *out,
                      size_t size)
{
    if (!redis_server_try_ask(s, line, out, size))
        ck_abort_msg("%s: no answer", line);
}

long redis_server_ask_number(const struct redis_server *s, const char *line)
{
    char out[64];

    redis_server_ask(s, line, out, sizeof(out));
    ck_assert_msg(out[0] == ':', "%s: %s", line, out);
    return strtol(out + 1, NULL, 10);
}

static void serve(int fd, const char *const *replies, int64_t us_a_byte)
{
    char in[4096];

    while (recv(fd, in, sizeof(in), 0) > 0) {
        const char *reply = replies[0];

        if (replies[1] != NULL)
            replies++;
        if (strcmp(reply, "<") == 0)
            return;
        if (us_a_byte == 0) {
            if (send(fd, reply, strlen(reply), MSG_NOSIGNAL) < 0)
                return;
            continue;
        }
        for (; *reply != '\0'; reply++) {
            if (send(fd, reply, 1, MSG_NOSIGNAL) < 0)
                return;
            nap(us_a_byte);
        }
    }
}

void scripted_server_start(struct redis_server *s, const char *const *replies,
                           int64_t us_a_byte)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int listener;

    make_dir(s);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", s->path);
    if (listener < 0 || bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 ||
        listen(listener, 64) < 0)
        ck_abort_msg("listen: %s", strerror(errno));
    s->pid = redis_server_fork();
    if (s->pid == 0) {
        signal(SIGCHLD, SIG_IGN);
        for (;;) {
            int fd = accept(listener, NULL, NULL);

            if (fd >= 0 && redis_server_fork() == 0) {
                serve(fd, replies, us_a_byte);
                _exit(0);
            }
            close(fd);
        }
    }
    close(listener);
}

static void stop_loop(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    event_base_loopbreak(arg);
}

bool run_until(struct event_base *base, const int *flag, int count,
               double seconds)
{
    struct timespec start, now;
    struct event *tick = event_new(base, -1, EV_PERSIST, stop_loop, base);
    struct timeval tv = {0, 5000};
    double spent = 0;

    event_add(tick, &tv);
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (*flag < count && spent < seconds) {
        event_base_loop(base, EVLOOP_ONCE);
        clock_gettime(CLOCK_MONOTONIC, &now);
        spent = (double)(now.tv_sec - start.tv_sec) +
                (double)(now.tv_nsec - start.tv_nsec) / 1e9;
    }
    event_free(tick);
    return *flag >= count;
}

void run_for(struct event_base *base, double seconds)
{
    int never = 0;

    (void)run_until(base, &never, 1, seconds);
}
