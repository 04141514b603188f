/* SPDX-License-Identifier: Apache-2.0
 *
 * http/listen.c - sockets to accept on.
 *
 * SO_REUSEADDR is always set: a restart must not wait for connections of the
 * last run to leave TIME_WAIT. It does not hide a port that somebody listens
 * on. IPv6 sockets take IPv6 only, whatever the system's default, so that
 * [::]:8080 and 0.0.0.0:8080 can both be listened on.
 */
#include "http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The kernel cuts it to net.core.somaxconn. */
#define BACKLOG 4096

static enum status fail(const struct config_address *a, int error, char *why,
                        size_t why_size)
{
    switch (error) {
    case EADDRINUSE:
        snprintf(why, why_size, "address %s is in use", a->text);
        return STATUS_UNAVAILABLE;
    case EADDRNOTAVAIL:
        snprintf(why, why_size, "address %s is not one of this machine's",
                 a->text);
        return STATUS_IO;
    case EACCES:
    case EPERM:
        snprintf(why, why_size,
                 "address %s is not permitted to this user (ports below 1024 "
                 "need CAP_NET_BIND_SERVICE)",
                 a->text);
        return STATUS_DENIED;
    default:
        snprintf(why, why_size, "address %s cannot be listened on: %s", a->text,
                 strerror(error));
        return STATUS_IO;
    }
}

/* A socket bound to the address; -1 with errno. */
static int bound_socket(const struct config_address *a, bool is_shared)
{
    const int on = 1;
    int family = a->socket.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    bool is_good = family == AF_UNIX || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR,
                                                   &on, sizeof(on)) == 0;
    if (is_good && family == AF_INET6)
        is_good =
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0;
    if (is_good && is_shared && family != AF_UNIX)
        is_good =
            setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0;
    if (is_good)
        is_good =
            bind(fd, (const struct sockaddr *)&a->socket, a->socket_len) == 0;
    if (!is_good) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* A socket file that a dead process left stands in the way of bind(). One
 * that answers does not go, and neither does anything that is no socket. */
static void remove_stale(const struct config_address *a)
{
    struct stat st;
    if (lstat(a->path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)&a->socket, a->socket_len) != 0 &&
        errno == ECONNREFUSED)
        (void)unlink(a->path);
    close(fd);
}

static unsigned port_of(const struct sockaddr_storage *s)
{
    if (s->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)s)->sin_port);
    if (s->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)s)->sin6_port);
    return 0;
}

enum status http_listen(const struct config_address *address, unsigned flags,
                        int *fd, char *why, size_t why_size)
{
    int made;
    if (address->socket.ss_family == AF_UNIX) {
        remove_stale(address);
    } else if ((flags & HTTP_LISTEN_PROBE) != 0 &&
               port_of(&address->socket) != 0) {
        made = bound_socket(address, false);
        if (made < 0)
            return fail(address, errno, why, why_size);
        close(made);
    }
    made = bound_socket(address, (flags & HTTP_LISTEN_REUSEPORT) != 0);
    if (made < 0)
        return fail(address, errno, why, why_size);
    if (listen(made, BACKLOG) != 0) {
        int error = errno;
        close(made);
        return fail(address, error, why, why_size);
    }
    *fd = made;
    return STATUS_OK;
}

static bool name_of(int fd, struct sockaddr_storage *out)
{
    socklen_t len = sizeof(*out);
    memset(out, 0, sizeof(*out));
    return getsockname(fd, (struct sockaddr *)out, &len) == 0;
}

void http_listen_name(int fd, char *out, size_t size)
{
    struct sockaddr_storage s;
    char host[INET6_ADDRSTRLEN];
    snprintf(out, size, "unknown");
    if (!name_of(fd, &s))
        return;
    if (s.ss_family == AF_INET &&
        inet_ntop(AF_INET, &((const struct sockaddr_in *)&s)->sin_addr, host,
                  sizeof(host)) != NULL)
        snprintf(out, size, "%s:%u", host, port_of(&s));
    else if (s.ss_family == AF_INET6 &&
             inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)&s)->sin6_addr,
                       host, sizeof(host)) != NULL)
        snprintf(out, size, "[%s]:%u", host, port_of(&s));
    else if (s.ss_family == AF_UNIX)
        snprintf(out, size, "unix:%s",
                 ((const struct sockaddr_un *)&s)->sun_path);
}

unsigned http_listen_port(int fd)
{
    struct sockaddr_storage s;
    return name_of(fd, &s) ? port_of(&s) : 0;
}
