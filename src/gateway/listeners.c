/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/listeners.c - bind, listen, and say clearly why not.
 */
#include "gateway/listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"

#define BACKLOG 4096
#define FIRST_HANDED_FD 3
#define LISTENERS_MEMORY_MAX (1u << 20)

struct listener {
    const char *name;
    const char *path; /* of a unix socket that we made: removed on close */
    int *fds;         /* one a worker; -1 once taken */
};

struct listeners {
    struct arena arena;
    struct listener *list;
    size_t count;
    int workers;
};

static const char *name_of(const struct sockaddr_storage *address, char *out,
                           size_t size)
{
    char host[INET6_ADDRSTRLEN];
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        snprintf(out, size, "%s:%u", host, ntohs(in->sin_port));
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)address;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        snprintf(out, size, "[%s]:%u", host, ntohs(in6->sin6_port));
    } else if (address->ss_family == AF_UNIX) {
        const struct sockaddr_un *un = (const void *)address;
        snprintf(out, size, "unix:%s", un->sun_path);
    } else {
        snprintf(out, size, "?");
    }
    return out;
}

/* A socket file that nobody answers on was left by a process that is gone. */
static void remove_stale_socket(const struct config_address *a)
{
    struct stat st;
    if (a->path == NULL || lstat(a->path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)&a->socket, a->socket_len) != 0 &&
        errno == ECONNREFUSED)
        unlink(a->path);
    close(fd);
}

static void log_bind_error(const char *what, const char *name)
{
    int error = errno;
    log_event(LOG_ERROR, "listen.failed", "what=%s address=%s reason=\"%s%s\"",
              what, name, strerror(error),
              error == EADDRINUSE
                  ? "; stop what listens there, or choose another with "
                    "--listen or --admin"
                  : "");
}

static int bind_socket(const struct config_address *address,
                       const struct sockaddr_storage *to, bool is_shared,
                       const char *what)
{
    const int on = 1;
    int fd =
        socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        log_bind_error(what, address->text);
        return -1;
    }
    if (to->ss_family != AF_UNIX) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (is_shared)
            setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    }
    if (to->ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)to, address->socket_len) != 0 ||
        listen(fd, BACKLOG) != 0) {
        log_bind_error(what, address->text);
        close(fd);
        return -1;
    }
    return fd;
}

int listeners_bind(const struct config_address *address, const char *what)
{
    remove_stale_socket(address);
    int fd = bind_socket(address, &address->socket, false, what);
    if (fd >= 0) {
        struct sockaddr_storage bound = {0};
        socklen_t len = sizeof(bound);
        char name[160];
        getsockname(fd, (struct sockaddr *)&bound, &len);
        log_event(LOG_INFO, "admin.bound", "address=%s",
                  name_of(&bound, name, sizeof(name)));
    }
    return fd;
}

static enum status listener_add(struct listeners *l, struct listener **out)
{
    struct listener *listener = &l->list[l->count];
    listener->fds =
        arena_array(&l->arena, (size_t)l->workers, sizeof(*listener->fds));
    if (listener->fds == NULL)
        return STATUS_NO_MEMORY;
    for (int i = 0; i < l->workers; i++)
        listener->fds[i] = -1;
    l->count++;
    *out = listener;
    return STATUS_OK;
}

/* All workers accept from one socket. */
static enum status share_socket(struct listeners *l, struct listener *listener,
                                int fd)
{
    (void)l;
    listener->fds[0] = fd;
    for (int i = 1; i < l->workers; i++) {
        listener->fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (listener->fds[i] < 0)
            return STATUS_IO;
    }
    return STATUS_OK;
}

static enum status set_name(struct listeners *l, struct listener *listener,
                            const struct sockaddr_storage *bound)
{
    char name[160];
    listener->name =
        arena_strdup(&l->arena, text_of(name_of(bound, name, sizeof(name))));
    if (listener->name == NULL)
        return STATUS_NO_MEMORY;
    log_event(LOG_INFO, "listener.bound", "address=%s", listener->name);
    return STATUS_OK;
}

static enum status open_unix(struct listeners *l, struct listener *listener,
                             const struct config_address *a)
{
    remove_stale_socket(a);
    int fd = bind_socket(a, &a->socket, false, "listen");
    if (fd < 0)
        return STATUS_IO;
    listener->path = arena_strdup(&l->arena, text_of(a->path));
    enum status s = share_socket(l, listener, fd);
    return s == STATUS_OK ? set_name(l, listener, &a->socket) : s;
}

static enum status open_internet(struct listeners *l, struct listener *listener,
                                 const struct config_address *a)
{
    struct sockaddr_storage bound = {0};
    socklen_t len = sizeof(bound);
    int probe = bind_socket(a, &a->socket, false, "listen");
    if (probe < 0)
        return STATUS_IO;
    /* Port 0 has become a real one, which all workers then share. */
    int failed = getsockname(probe, (struct sockaddr *)&bound, &len);
    close(probe);
    if (failed != 0)
        return STATUS_IO;
    for (int i = 0; i < l->workers; i++) {
        listener->fds[i] = bind_socket(a, &bound, true, "listen");
        if (listener->fds[i] < 0)
            return STATUS_IO;
    }
    return set_name(l, listener, &bound);
}

/* sd_listen_fds(3): how many descriptors were handed over, from 3 on. */
static int handed_over(void)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    uint64_t value = 0, count = 0;
    if (pid == NULL || fds == NULL ||
        text_to_u64(text_of(pid), INT32_MAX, &value) != STATUS_OK ||
        value != (uint64_t)getpid() ||
        text_to_u64(text_of(fds), 64, &count) != STATUS_OK)
        return 0;
    return (int)count;
}

static enum status open_handed_over(struct listeners *l, int count)
{
    for (int i = 0; i < count; i++) {
        struct sockaddr_storage bound = {0};
        socklen_t len = sizeof(bound);
        struct listener *listener;
        int fd = FIRST_HANDED_FD + i;
        if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0 ||
            fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
            fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) {
            log_event(LOG_ERROR, "listen.failed",
                      "what=LISTEN_FDS descriptor=%d reason=\"%s\"", fd,
                      strerror(errno));
            return STATUS_IO;
        }
        enum status s = listener_add(l, &listener);
        if (s == STATUS_OK)
            s = share_socket(l, listener, fd);
        if (s == STATUS_OK)
            s = set_name(l, listener, &bound);
        if (s != STATUS_OK)
            return s;
    }
    return STATUS_OK;
}

static enum status open_configured(struct listeners *l,
                                   const struct config *config)
{
    for (size_t i = 0; i < config->listen_count; i++) {
        const struct config_address *a = &config->listen[i];
        struct listener *listener;
        enum status s = listener_add(l, &listener);
        if (s == STATUS_OK)
            s = a->path != NULL ? open_unix(l, listener, a)
                                : open_internet(l, listener, a);
        if (s != STATUS_OK)
            return s;
    }
    return STATUS_OK;
}

enum status listeners_open(const struct config *config, int workers,
                           struct listeners **out)
{
    int handed = handed_over();
    size_t count = handed > 0 ? (size_t)handed : config->listen_count;
    struct listeners *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return STATUS_NO_MEMORY;
    arena_init(&l->arena, LISTENERS_MEMORY_MAX);
    l->workers = workers;
    l->list = arena_array(&l->arena, count, sizeof(*l->list));
    enum status s = STATUS_NO_MEMORY;
    if (l->list != NULL)
        s = handed > 0 ? open_handed_over(l, handed)
                       : open_configured(l, config);
    if (s != STATUS_OK) {
        listeners_close(l);
        return s;
    }
    *out = l;
    return STATUS_OK;
}

void listeners_close(struct listeners *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->count; i++) {
        for (int w = 0; w < l->workers; w++)
            if (l->list[i].fds[w] >= 0)
                close(l->list[i].fds[w]);
        if (l->list[i].path != NULL)
            unlink(l->list[i].path);
    }
    arena_release(&l->arena);
    free(l);
}

size_t listeners_count(const struct listeners *l)
{
    return l->count;
}

int listeners_take(struct listeners *l, size_t i, int worker)
{
    int fd = l->list[i].fds[worker];
    l->list[i].fds[worker] = -1;
    return fd;
}

const char *listeners_name(const struct listeners *l, size_t i)
{
    return l->list[i].name;
}
