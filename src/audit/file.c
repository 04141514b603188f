/* SPDX-License-Identifier: Apache-2.0
 *
 * audit/file.c - appending under two locks.
 *
 * All workers share one descriptor. The mutex orders them, since an
 * open-file-description lock does not tell threads with one descriptor apart;
 * that lock (F_OFD_SETLK) orders processes. It is only tried, for a moment: a
 * process that was stopped while it held it must not stop this one.
 *
 * Under the locks: look at the end of the file (was the last line completed?),
 * one write(2), and if that was short, ftruncate(2) back to where it began.
 * `clean_end` remembers where our own last write ended, so that the look costs
 * one lseek(2) as long as nobody else writes.
 */
#define _GNU_SOURCE /* F_OFD_SETLK */
#include "audit/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

#define FILE_MAGIC 0x61756466u /* "audf" */
/* A write under the lock takes some microseconds: it is soon free, or not. */
#define LOCK_TRIES 100
#define UNKNOWN_END (-1)

struct audit_file {
    uint32_t magic;
    pthread_mutex_t mutex; /* what follows, but for `is_healthy` */
    char *path;            /* owned; NULL: standard output */
    int fd;                /* owned */
    bool is_regular;
    off_t clean_end; /* a line ended here, or UNKNOWN_END */
    bool fsync_data;
    int64_t patience_us;
    atomic_bool is_healthy;
};

/* Non-blocking matters for pipes only. Reading is for the last byte. */
static int open_path(const char *path)
{
    return open(path,
                O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                0640);
}

/* Into `f`, when all went well; errno is kept otherwise. */
static enum status adopt(struct audit_file *f, int fd)
{
    struct stat st;

    if (fd < 0)
        return STATUS_IO;
    if (fstat(fd, &st) != 0) {
        int saved = errno;

        (void)close(fd);
        errno = saved;
        return STATUS_IO;
    }
    if (f->fd >= 0)
        (void)close(f->fd);
    f->fd = fd;
    f->is_regular = f->path && S_ISREG(st.st_mode);
    f->clean_end = UNKNOWN_END;
    return STATUS_OK;
}

enum status audit_file_open(const struct audit_file_options *options,
                            struct audit_file **out)
{
    struct audit_file *f = calloc(1, sizeof(*f));
    bool is_stdout = strcmp(options->path, "-") == 0;

    if (!f)
        return STATUS_NO_MEMORY;
    MAGIC_SET(f, FILE_MAGIC);
    f->fd = -1;
    f->fsync_data = options->fsync_data;
    f->patience_us = options->patience_us;
    atomic_init(&f->is_healthy, true);
    CHECK(pthread_mutex_init(&f->mutex, NULL) == 0);
    if (!is_stdout) {
        f->path = strdup(options->path);
        if (!f->path) {
            audit_file_close(f);
            return STATUS_NO_MEMORY;
        }
    }
    if (adopt(f, is_stdout ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                           : open_path(f->path)) != STATUS_OK) {
        int saved = errno;

        audit_file_close(f);
        errno = saved;
        return STATUS_IO;
    }
    *out = f;
    return STATUS_OK;
}

void audit_file_close(struct audit_file *f)
{
    if (!f)
        return;
    CHECK(f->magic == FILE_MAGIC);
    if (f->fd >= 0)
        (void)close(f->fd);
    free(f->path);
    (void)pthread_mutex_destroy(&f->mutex);
    MAGIC_CLEAR(f);
    free(f);
}

enum status audit_file_reopen(struct audit_file *f)
{
    enum status s;
    int fd;

    CHECK(f->magic == FILE_MAGIC);
    if (!f->path)
        return STATUS_OK;
    fd = open_path(f->path); /* outside the lock: it may take its time */
    (void)pthread_mutex_lock(&f->mutex);
    s = adopt(f, fd);
    (void)pthread_mutex_unlock(&f->mutex);
    return s;
}

bool audit_file_is_healthy(const struct audit_file *f)
{
    return atomic_load_explicit(&f->is_healthy, memory_order_relaxed);
}

void audit_file_set_healthy(struct audit_file *f, bool is_healthy)
{
    /* Written only when it changes: all workers' caches hold it. */
    if (audit_file_is_healthy(f) != is_healthy)
        atomic_store_explicit(&f->is_healthy, is_healthy, memory_order_relaxed);
}

int64_t audit_file_patience_us(const struct audit_file *f)
{
    return f->patience_us;
}

static ssize_t write_some(int fd, const char *data, size_t len)
{
    ssize_t n;

    do {
        n = write(fd, data, len);
    } while (n < 0 && errno == EINTR);
    return n;
}

/* Pipes, terminals, devices: as much as they take without blocking. Standard
 * output may be blocking; a pipe that poll(2) calls writable takes PIPE_BUF. */
static enum status append_stream(struct audit_file *f, struct text lines,
                                 size_t *taken)
{
    size_t at = 0;
    enum status s = STATUS_OK;

    while (at < lines.len && s == STATUS_OK) {
        struct pollfd p = {.fd = f->fd, .events = POLLOUT};
        size_t len = lines.len - at;
        ssize_t n = 0;

        if (len > PIPE_BUF)
            len = PIPE_BUF;
        if (poll(&p, 1, 0) == 0)
            s = STATUS_UNAVAILABLE;
        else if ((n = write_some(f->fd, lines.data + at, len)) < 0)
            s = errno == EAGAIN ? STATUS_UNAVAILABLE : STATUS_IO;
        else
            at += (size_t)n;
    }
    *taken = at;
    return s;
}

static bool lock_file(int fd)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    for (int i = 0; i < LOCK_TRIES; i++) {
        if (fcntl(fd, F_OFD_SETLK, &l) == 0)
            return true;
        if (errno != EAGAIN && errno != EACCES && errno != EINTR)
            return true; /* a file system without locks: the mutex must do */
        (void)sched_yield();
    }
    return false;
}

static void unlock_file(int fd)
{
    struct flock l = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

    (void)fcntl(fd, F_OFD_SETLK, &l);
}

/* The file, which ends at `end`, ends in the middle of a line. */
static bool has_fragment(struct audit_file *f, off_t end)
{
    char last = '\n';

    if (end <= 0 || end == f->clean_end)
        return false;
    return pread(f->fd, &last, 1, end - 1) == 1 && last != '\n';
}

/* Give back what a short write took; where that fails a fragment stays, which
 * the next write sees. */
static void cut_back(struct audit_file *f, size_t written)
{
    off_t end = lseek(f->fd, 0, SEEK_CUR); /* where the write ended */
    struct stat st;

    if (end >= (off_t)written && fstat(f->fd, &st) == 0 && st.st_size == end &&
        ftruncate(f->fd, end - (off_t)written) == 0)
        f->clean_end = end - (off_t)written;
}

static enum status append_regular(struct audit_file *f, struct text lines)
{
    off_t end = lseek(f->fd, 0, SEEK_END);
    ssize_t n;

    if (has_fragment(f, end)) {
        if (write_some(f->fd, "\n", 1) != 1)
            return STATUS_IO;
        end++;
    }
    n = write_some(f->fd, lines.data, lines.len);
    if (n == (ssize_t)lines.len) {
        /* Where it was appended if nobody wrote meanwhile, without the lock;
         * else the next look costs one byte more. */
        f->clean_end = end + n;
        return STATUS_OK;
    }
    f->clean_end = UNKNOWN_END;
    if (n < 0)
        return STATUS_IO;
    cut_back(f, (size_t)n);
    errno = ENOSPC; /* what makes a write to a file short */
    return STATUS_IO;
}

enum status audit_file_append(struct audit_file *f, struct text lines,
                              size_t *taken)
{
    enum status s = STATUS_UNAVAILABLE;

    CHECK(f->magic == FILE_MAGIC);
    *taken = 0;
    (void)pthread_mutex_lock(&f->mutex);
    if (!f->is_regular) {
        s = append_stream(f, lines, taken);
    } else if (lock_file(f->fd)) {
        s = append_regular(f, lines);
        unlock_file(f->fd);
        if (s == STATUS_OK)
            *taken = lines.len;
    }
    (void)pthread_mutex_unlock(&f->mutex);
    return s;
}

enum status audit_file_sync(struct audit_file *f)
{
    enum status s = STATUS_OK;

    if (!f->fsync_data)
        return STATUS_OK;
    (void)pthread_mutex_lock(&f->mutex);
    if (f->is_regular && fdatasync(f->fd) != 0)
        s = STATUS_IO;
    (void)pthread_mutex_unlock(&f->mutex);
    return s;
}
