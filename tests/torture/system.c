/* SPDX-License-Identifier: Apache-2.0
 *
 * torture/system.c - the calls of libc that may fail, one wrapper each.
 *
 * Only what lies on a request's way, by the undefined symbols of the gateway
 * and its libraries; both the plain names and those of _FORTIFY_SOURCE, which
 * the libraries of a distribution were built with. A close that fails has
 * closed, as on Linux.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "torture/interpose.h"

/* ---- reading and writing ---- */

enum direction { IN, OUT };

/* What a transfer on this descriptor may meet. */
static enum torture_kind kind_of(int fd, enum direction d)
{
    struct stat st;
    int saved = errno;
    bool is_known = syscall(SYS_fstat, fd, &st) == 0;

    errno = saved;
    if (is_known && S_ISSOCK(st.st_mode))
        return d == IN ? TORTURE_RECEIVE : TORTURE_SEND;
    if (is_known && S_ISREG(st.st_mode))
        return d == IN ? TORTURE_FILE_READ : TORTURE_FILE_WRITE;
    return d == IN ? TORTURE_OTHER_READ : TORTURE_OTHER_WRITE;
}

/* -1: return it. Else how many of `len` bytes to ask for. */
static ssize_t ask_transfer(const char *name, int fd, enum direction d,
                            size_t len)
{
    if (!atomic_load(&torture_page->is_armed))
        return (ssize_t)len;
    switch (torture_ask(name, kind_of(fd, d))) {
    case TORTURE_FAIL:
        return -1;
    case TORTURE_CUT_SHORT:
        return (ssize_t)((len + 1) / 2);
    case TORTURE_GO_ON:
        break;
    }
    return (ssize_t)len;
}

/* A wrapper of (int fd, void *data, size_t len, ...). */
#define TRANSFER(name, direction, parameters, ...)                             \
    WRAPPER ssize_t name parameters                                            \
    {                                                                          \
        ssize_t asked = ask_transfer(#name, fd, direction, len);               \
                                                                               \
        if (asked < 0)                                                         \
            return -1;                                                         \
        len = (size_t)asked;                                                   \
        return REAL(name)(__VA_ARGS__);                                        \
    }

#define FORTIFIED(name, ...) ssize_t name(__VA_ARGS__)

TRANSFER(read, IN, (int fd, void *data, size_t len), fd, data, len)
TRANSFER(pread, IN, (int fd, void *data, size_t len, off_t at), fd, data, len,
         at)
TRANSFER(pread64, IN, (int fd, void *data, size_t len, off64_t at), fd, data,
         len, at)
TRANSFER(recv, IN, (int fd, void *data, size_t len, int flags), fd, data, len,
         flags)
TRANSFER(recvfrom, IN,
         (int fd, void *data, size_t len, int flags, struct sockaddr *from,
          socklen_t *from_len),
         fd, data, len, flags, from, from_len)
TRANSFER(write, OUT, (int fd, const void *data, size_t len), fd, data, len)
TRANSFER(pwrite, OUT, (int fd, const void *data, size_t len, off_t at), fd,
         data, len, at)
TRANSFER(pwrite64, OUT, (int fd, const void *data, size_t len, off64_t at), fd,
         data, len, at)
TRANSFER(send, OUT, (int fd, const void *data, size_t len, int flags), fd, data,
         len, flags)
TRANSFER(sendto, OUT,
         (int fd, const void *data, size_t len, int flags,
          const struct sockaddr *to, socklen_t to_len),
         fd, data, len, flags, to, to_len)

FORTIFIED(__read_chk, int, void *, size_t, size_t);
FORTIFIED(__pread_chk, int, void *, size_t, off_t, size_t);
FORTIFIED(__pread64_chk, int, void *, size_t, off64_t, size_t);
FORTIFIED(__recv_chk, int, void *, size_t, size_t, int);
FORTIFIED(__recvfrom_chk, int, void *, size_t, size_t, int, struct sockaddr *,
          socklen_t *);

TRANSFER(__read_chk, IN, (int fd, void *data, size_t len, size_t room), fd,
         data, len, room)
TRANSFER(__pread_chk, IN,
         (int fd, void *data, size_t len, off_t at, size_t room), fd, data, len,
         at, room)
TRANSFER(__pread64_chk, IN,
         (int fd, void *data, size_t len, off64_t at, size_t room), fd, data,
         len, at, room)
TRANSFER(__recv_chk, IN,
         (int fd, void *data, size_t len, size_t room, int flags), fd, data,
         len, room, flags)
TRANSFER(__recvfrom_chk, IN,
         (int fd, void *data, size_t len, size_t room, int flags,
          struct sockaddr *from, socklen_t *from_len),
         fd, data, len, room, flags, from, from_len)

#define PIECES_MAX 128

/* The first half of what `from` lists: how many of its pieces, copied to
 * `to`. */
static int first_half(const struct iovec *from, int count, struct iovec *to)
{
    size_t total = 0, left;
    int n = 0;

    if (count > PIECES_MAX)
        count = PIECES_MAX;
    for (int i = 0; i < count; i++)
        total += from[i].iov_len;
    left = (total + 1) / 2;
    while (n < count && left > 0) {
        to[n] = from[n];
        if (to[n].iov_len > left)
            to[n].iov_len = left;
        left -= to[n++].iov_len;
    }
    return n;
}

static bool wants_half(ssize_t asked)
{
    return asked == 1;
}

/* Of two bytes the half is one. */
#define ASK_VECTOR(name, fd, direction) ask_transfer(name, fd, direction, 2)

WRAPPER ssize_t readv(int fd, const struct iovec *pieces, int count)
{
    ssize_t asked = ASK_VECTOR("readv", fd, IN);
    struct iovec half[PIECES_MAX];

    if (asked < 0)
        return -1;
    if (wants_half(asked)) {
        count = first_half(pieces, count, half);
        pieces = half;
    }
    return REAL(readv)(fd, pieces, count);
}

WRAPPER ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    ssize_t asked = ASK_VECTOR("writev", fd, OUT);
    struct iovec half[PIECES_MAX];

    if (asked < 0)
        return -1;
    if (wants_half(asked)) {
        count = first_half(pieces, count, half);
        pieces = half;
    }
    return REAL(writev)(fd, pieces, count);
}

WRAPPER ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    if (ASK_VECTOR("recvmsg", fd, IN) < 0)
        return -1;
    return REAL(recvmsg)(fd, message, flags);
}

WRAPPER ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    ssize_t asked = ASK_VECTOR("sendmsg", fd, OUT);
    struct iovec half[PIECES_MAX];
    struct msghdr m = *message;

    if (asked < 0)
        return -1;
    if (wants_half(asked)) {
        m.msg_iovlen = (size_t)first_half(message->msg_iov,
                                          (int)message->msg_iovlen, half);
        m.msg_iov = half;
    }
    return REAL(sendmsg)(fd, &m, flags);
}

WRAPPER ssize_t sendfile(int to, int from, off_t *at, size_t len)
{
    ssize_t asked = ask_transfer("sendfile", to, OUT, len);

    return asked < 0 ? -1 : REAL(sendfile)(to, from, at, (size_t)asked);
}

/* ---- everything else: done, or failed ---- */

#define CALL(type, name, kind, parameters, ...)                                \
    WRAPPER type name parameters                                               \
    {                                                                          \
        if (torture_ask(#name, TORTURE_##kind) != TORTURE_GO_ON)               \
            return -1;                                                         \
        return REAL(name)(__VA_ARGS__);                                        \
    }

CALL(int, socket, SOCKET, (int family, int type, int protocol), family, type,
     protocol)
CALL(int, socketpair, SOCKET, (int family, int type, int protocol, int fds[2]),
     family, type, protocol, fds)
CALL(int, bind, NAME_OF, (int fd, const struct sockaddr *a, socklen_t len), fd,
     a, len)
CALL(int, accept, ACCEPT, (int fd, struct sockaddr *a, socklen_t *len), fd, a,
     len)
CALL(int, accept4, ACCEPT,
     (int fd, struct sockaddr *a, socklen_t *len, int flags), fd, a, len, flags)
CALL(int, connect, CONNECT, (int fd, const struct sockaddr *a, socklen_t len),
     fd, a, len)
CALL(int, getpeername, NAME_OF, (int fd, struct sockaddr *a, socklen_t *len),
     fd, a, len)
CALL(int, getsockname, NAME_OF, (int fd, struct sockaddr *a, socklen_t *len),
     fd, a, len)
CALL(int, getsockopt, GET_OPTION,
     (int fd, int level, int name, void *value, socklen_t *len), fd, level,
     name, value, len)
CALL(int, setsockopt, SET_OPTION,
     (int fd, int level, int name, const void *value, socklen_t len), fd, level,
     name, value, len)
CALL(int, shutdown, SHUTDOWN, (int fd, int how), fd, how)
CALL(int, eventfd, DESCRIPTOR, (unsigned value, int flags), value, flags)
CALL(int, pipe, DESCRIPTOR, (int fds[2]), fds)
CALL(int, pipe2, DESCRIPTOR, (int fds[2], int flags), fds, flags)
CALL(int, epoll_create1, DESCRIPTOR, (int flags), flags)
CALL(off_t, lseek, SEEK, (int fd, off_t at, int whence), fd, at, whence)
CALL(off64_t, lseek64, SEEK, (int fd, off64_t at, int whence), fd, at, whence)
CALL(int, fstat, STATUS_OF, (int fd, struct stat *st), fd, st)
CALL(int, fstat64, STATUS_OF, (int fd, struct stat64 *st), fd, st)
CALL(int, ftruncate, CUT, (int fd, off_t len), fd, len)
CALL(int, ftruncate64, CUT, (int fd, off64_t len), fd, len)
CALL(int, fdatasync, SYNC, (int fd), fd)
CALL(int, fsync, SYNC, (int fd), fd)
CALL(int, epoll_ctl, EPOLL_CTL,
     (int fd, int what, int of, struct epoll_event *event), fd, what, of, event)
CALL(int, poll, POLL, (struct pollfd * fds, nfds_t count, int ms), fds, count,
     ms)
int __poll_chk(struct pollfd *, nfds_t, int, size_t);
CALL(int, __poll_chk, POLL,
     (struct pollfd * fds, nfds_t count, int ms, size_t room), fds, count, ms,
     room)
CALL(ssize_t, getrandom, RANDOM, (void *data, size_t len, unsigned flags), data,
     len, flags)
CALL(int, getentropy, RANDOM, (void *data, size_t len), data, len)

WRAPPER int close(int fd)
{
    enum torture_verdict verdict = torture_ask("close", TORTURE_CLOSE);
    int failed_with = errno, result = REAL(close)(fd);

    if (verdict != TORTURE_FAIL)
        return result;
    errno = failed_with;
    return -1;
}

/* How a test knows that there is nothing left to do. */
WRAPPER int epoll_wait(int fd, struct epoll_event *events, int room, int ms)
{
    bool is_told = torture_is_counted_thread();
    int n;

    if (torture_ask("epoll_wait", TORTURE_EPOLL_WAIT) != TORTURE_GO_ON)
        return -1;
    if (is_told)
        atomic_store(&torture_page->is_waiting, 1);
    n = REAL(epoll_wait)(fd, events, room, ms);
    if (is_told)
        atomic_store(&torture_page->is_waiting, 0);
    return n;
}

/* The errno of the table stands for what getaddrinfo(3) has no errno for. */
WRAPPER int getaddrinfo(const char *host, const char *service,
                        const struct addrinfo *hints, struct addrinfo **out)
{
    if (torture_ask("getaddrinfo", TORTURE_RESOLVE) == TORTURE_GO_ON)
        return REAL(getaddrinfo)(host, service, hints, out);
    switch (errno) {
    case ENOMEM:
        return EAI_MEMORY;
    case EAGAIN:
        return EAI_AGAIN;
    default:
        return EAI_NONAME;
    }
}

/* ---- those with an argument more or less ---- */

static mode_t mode_argument(int flags, va_list ap)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

#define OPEN(name)                                                             \
    WRAPPER int name(const char *path, int flags, ...)                         \
    {                                                                          \
        mode_t mode;                                                           \
        va_list ap;                                                            \
                                                                               \
        va_start(ap, flags);                                                   \
        mode = mode_argument(flags, ap);                                       \
        va_end(ap);                                                            \
        if (torture_ask(#name, TORTURE_OPEN) != TORTURE_GO_ON)                 \
            return -1;                                                         \
        return REAL(name)(path, flags, mode);                                  \
    }

OPEN(open)
OPEN(open64)

static bool is_lock(int command)
{
    return command == F_SETLK || command == F_OFD_SETLK ||
           command == F_OFD_SETLKW || command == F_SETLKW;
}

#define FCNTL(name)                                                            \
    WRAPPER int name(int fd, int command, ...)                                 \
    {                                                                          \
        void *argument;                                                        \
        va_list ap;                                                            \
                                                                               \
        va_start(ap, command);                                                 \
        argument = va_arg(ap, void *);                                         \
        va_end(ap);                                                            \
        if (torture_ask(#name,                                                 \
                        is_lock(command) ? TORTURE_LOCK : TORTURE_FLAGS) !=    \
            TORTURE_GO_ON)                                                     \
            return -1;                                                         \
        return REAL(name)(fd, command, argument);                              \
    }

FCNTL(fcntl)
FCNTL(fcntl64)

WRAPPER int ioctl(int fd, unsigned long request, ...)
{
    void *argument;
    va_list ap;

    va_start(ap, request);
    argument = va_arg(ap, void *);
    va_end(ap);
    if (torture_ask("ioctl", TORTURE_IOCTL) != TORTURE_GO_ON)
        return -1;
    return REAL(ioctl)(fd, request, argument);
}
