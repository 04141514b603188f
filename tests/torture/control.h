/* SPDX-License-Identifier: Apache-2.0
 *
 * torture/control.h - the page that a test and a tortured program share.
 *
 * A test maps a file of one struct torture_control and starts the program with
 *
 *   LD_PRELOAD=tests/torture/interpose.so TORTURE_CONTROL=FILE
 *
 * Then, as often as it likes: fill in what is to fail, set `calls` and `fired`
 * to 0 and `is_armed` to 1, let the program work, set `is_armed` to 0, and
 * look at `calls` (how many there were) and `fired` (how many of them were
 * made to fail, the first one described in `call` and `frames`).
 *
 * Counted are the calls of all threads but the main one: there a gateway does
 * its work; what the main thread does (signals, the admin address) is not on
 * a request's way.
 */
#ifndef TORTURE_CONTROL_H
#define TORTURE_CONTROL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Instead of an errno: the call is done by half (a short write or read). */
#define TORTURE_SHORT (-1)

/* X(kind, class, errno of variant 0, 1, 2); the same one again where a call
 * knows fewer ways to fail. What is read and written differs by what the
 * descriptor is: a file does not reset connections. */
#define TORTURE_KINDS(X)                                                       \
    X(ALLOCATE, MEMORY, ENOMEM, ENOMEM, ENOMEM)                                \
    X(RECEIVE, SYSTEM, ECONNRESET, EAGAIN, TORTURE_SHORT)                      \
    X(SEND, SYSTEM, EPIPE, EAGAIN, TORTURE_SHORT)                              \
    X(FILE_READ, SYSTEM, EIO, EINTR, EIO)                                      \
    X(FILE_WRITE, SYSTEM, EIO, ENOSPC, TORTURE_SHORT)                          \
    X(OTHER_READ, SYSTEM, EAGAIN, EINTR, EAGAIN)                               \
    X(OTHER_WRITE, SYSTEM, EAGAIN, EINTR, EAGAIN)                              \
    X(SOCKET, SYSTEM, EMFILE, ENFILE, ENOBUFS)                                 \
    X(ACCEPT, SYSTEM, EMFILE, ECONNABORTED, EINTR)                             \
    X(CONNECT, SYSTEM, ECONNREFUSED, EADDRNOTAVAIL, ETIMEDOUT)                 \
    X(NAME_OF, SYSTEM, ENOTCONN, ENOBUFS, ENOTCONN)                            \
    X(GET_OPTION, SYSTEM, ENOBUFS, ENOBUFS, ENOBUFS)                           \
    X(SET_OPTION, SYSTEM, ENOMEM, EINVAL, ENOPROTOOPT)                         \
    X(SHUTDOWN, SYSTEM, ENOTCONN, ENOTCONN, ENOTCONN)                          \
    X(CLOSE, SYSTEM, EIO, EINTR, EIO)                                          \
    X(DESCRIPTOR, SYSTEM, EMFILE, ENFILE, ENOMEM)                              \
    X(OPEN, SYSTEM, EMFILE, EACCES, ENOENT)                                    \
    X(SEEK, SYSTEM, EINVAL, EIO, EINVAL)                                       \
    X(STATUS_OF, SYSTEM, EIO, ENOMEM, EIO)                                     \
    X(CUT, SYSTEM, EIO, EINTR, EIO)                                            \
    X(SYNC, SYSTEM, EIO, ENOSPC, EIO)                                          \
    X(LOCK, SYSTEM, ENOLCK, EAGAIN, EINTR)                                     \
    X(FLAGS, SYSTEM, EINVAL, EINVAL, EINVAL)                                   \
    X(IOCTL, SYSTEM, EINVAL, ENOTTY, EINVAL)                                   \
    X(EPOLL_CTL, SYSTEM, ENOMEM, ENOSPC, ENOMEM)                               \
    X(EPOLL_WAIT, SYSTEM, EINTR, EINTR, EINTR)                                 \
    X(POLL, SYSTEM, EINTR, ENOMEM, EAGAIN)                                     \
    X(RANDOM, SYSTEM, EINTR, ENOSYS, EAGAIN)                                   \
    X(RESOLVE, SYSTEM, ENOMEM, EAGAIN, ENOENT)                                 \
    X(THREAD, SYSTEM, EAGAIN, EAGAIN, EAGAIN)

enum torture_kind {
#define X(kind, class, e0, e1, e2) TORTURE_##kind,
    TORTURE_KINDS(X)
#undef X
        TORTURE_KIND_COUNT
};

#define TORTURE_VARIANTS 3
#define TORTURE_FRAMES 24

#define TORTURE_KIND_BIT(kind) (UINT64_C(1) << (kind))
enum { TORTURE_MEMORY, TORTURE_SYSTEM };

/* What the program is asked to do by a thread of the interposer's own. */
enum torture_command {
    TORTURE_NOTHING,
    TORTURE_FIND_LEAKS, /* result: 0 none, 1 some (reported on its standard
                         * error), -1 this build has no leak sanitizer */
};

struct torture_frame {
    char module[200];
    uint64_t offset; /* of the return address in it */
};

struct torture_control {
    /* what is to fail */
    uint64_t kinds;   /* TORTURE_KIND_BIT()s that are counted */
    uint64_t target;  /* the first to fail, from 1; 0: none */
    uint64_t span;    /* how many from there on; 0: all of them */
    uint32_t variant; /* 0 to TORTURE_VARIANTS - 1 */
    _Atomic uint32_t is_armed;

    /* what has happened */
    _Atomic uint64_t calls;
    _Atomic uint32_t fired;
    char call[24]; /* "malloc" */
    int error;
    uint32_t frame_count;
    struct torture_frame frames[TORTURE_FRAMES];

    /* what there is */
    _Atomic uint32_t is_loaded; /* 1: the interposer runs */
    _Atomic int64_t live;       /* allocations not freed, of all threads */
    _Atomic int64_t live_bytes;
    _Atomic uint32_t is_waiting; /* a counted thread is in epoll_wait */

    _Atomic uint32_t command; /* a futex; TORTURE_NOTHING: done */
    int result;
};

#endif
