/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_script.c - one process, poll(2), a table.
 */
#include "redis_script.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "redis_server.h"

#define PEERS_MAX 64
#define INPUT_MAX 65536

struct peer {
    size_t len;
    char in[INPUT_MAX];
};

void redis_script_listen(struct redis_script *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);

    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&a, len) < 0 ||
        getsockname(s->listener, (struct sockaddr *)&a, &len) < 0 ||
        listen(s->listener, 64) < 0)
        ck_abort_msg("listen: %s", strerror(errno));
    s->port = ntohs(a.sin_port);
    s->used = mmap(NULL, sizeof(int) * (SCRIPT_RULES_MAX + 1),
                   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(s->used != MAP_FAILED);
}

/* The first command in `in` as words with spaces between; how many bytes it
 * has, 0 when it is not all there. */
static size_t read_command(const char *in, size_t len, char *words, size_t size)
{
    const char *at = in, *end = in + len;
    long count, bytes;
    char *next;

    words[0] = '\0';
    if (memchr(at, '\n', len) == NULL || *at != '*')
        return 0;
    count = strtol(at + 1, &next, 10);
    at = next + 2;
    for (long i = 0; i < count; i++) {
        size_t used = strlen(words);

        if (at >= end || memchr(at, '\n', (size_t)(end - at)) == NULL)
            return 0;
        bytes = strtol(at + 1, &next, 10);
        at = next + 2;
        if (end - at < bytes + 2)
            return 0;
        snprintf(words + used, size - used, "%s%.*s", i > 0 ? " " : "",
                 (int)bytes, at);
        at += bytes + 2;
    }
    return (size_t)(at - in);
}

/* False: the connection is to be closed. */
static bool answer(struct redis_script *s, const struct redis_rule *rules,
                   int fd, const char *words)
{
    const char *reply = "-ERR no rule for that\r\n";
    int i = 0;

    for (; rules[i].words != NULL; i++)
        if (strncmp(words, rules[i].words, strlen(rules[i].words)) == 0 &&
            (rules[i].times == 0 || s->used[i] < rules[i].times))
            break;
    if (rules[i].words != NULL) {
        reply = rules[i].reply;
        s->used[i]++;
    } else if (strcmp(words, "PING") == 0) {
        reply = "+PONG\r\n";
    } else {
        s->used[SCRIPT_RULES_MAX]++;
    }
    if (strcmp(reply, "<") == 0)
        return false;
    return send(fd, reply, strlen(reply), MSG_NOSIGNAL) >= 0;
}

static bool serve_peer(struct redis_script *s, const struct redis_rule *rules,
                       int fd, struct peer *p)
{
    ssize_t n = recv(fd, p->in + p->len, sizeof(p->in) - p->len, 0);
    char words[INPUT_MAX];
    size_t bytes;

    if (n <= 0)
        return false;
    p->len += (size_t)n;
    while ((bytes = read_command(p->in, p->len, words, sizeof(words))) > 0) {
        if (!answer(s, rules, fd, words))
            return false;
        p->len -= bytes;
        memmove(p->in, p->in + bytes, p->len);
    }
    return true;
}

static void serve(struct redis_script *s, const struct redis_rule *rules)
{
    static struct peer peers[PEERS_MAX];
    struct pollfd fds[PEERS_MAX];
    int count = 1;

    fds[0] = (struct pollfd){.fd = s->listener, .events = POLLIN};
    while (poll(fds, (nfds_t)count, -1) > 0) {
        for (int i = count - 1; i > 0; i--) {
            if (fds[i].revents == 0 ||
                serve_peer(s, rules, fds[i].fd, &peers[i]))
                continue;
            close(fds[i].fd);
            count--;
            fds[i] = fds[count];
            peers[i] = peers[count];
        }
        if (fds[0].revents != 0 && count < PEERS_MAX) {
            fds[count] = (struct pollfd){.fd = accept(s->listener, NULL, NULL),
                                         .events = POLLIN};
            peers[count].len = 0;
            count += fds[count].fd >= 0;
        }
    }
}

void redis_script_serve(struct redis_script *s, const struct redis_rule *rules)
{
    s->pid = redis_server_fork();
    if (s->pid == 0) {
        serve(s, rules);
        _exit(0);
    }
    close(s->listener);
    s->listener = -1;
}

void redis_script_end(struct redis_script *s)
{
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    s->pid = 0;
}
