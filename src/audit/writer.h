/* SPDX-License-Identifier: Apache-2.0
 *
 * audit/writer.h - lines into the file, before the answers they tell of end.
 *
 * The promise: an answer whose last byte a client has received has its line
 * in the file, also when the process is killed in that instant. So the
 * gateway hands over a line, keeps the end of the answer back, and lets it
 * go when `done` says the line is written.
 *
 *   audit_writer_append(w, line, done, arg)      any number a loop turn
 *   ... end of the loop turn: one write(2) for all of them, under the lock ...
 *   done(arg, STATUS_OK)                          each, in order
 *
 * The difficult case: the disk is full. What a short write left is cut back
 * under the lock. Lines wait and are tried again; after `patience_us` their
 * done() gets STATUS_IO, so that the answer need not wait for ever, but the
 * lines themselves stay and are written when the file takes them again: the
 * record of what was done upstream is not lost with the answer.
 * audit_file_is_healthy() is false from the first failure until a write
 * succeeds; nothing new needs to come for that.
 *
 * What cannot be promised: a file system that stalls (a dead NFS server)
 * blocks write(2), and the loop with it; no call tells beforehand.
 *
 * One struct audit_file a process, shared by all workers; one audit_writer a
 * worker. Other processes may append to the same file: an advisory lock on
 * it (fcntl, open file description) orders all writers. A fragment without a
 * newline, which a killed process left, gets its newline before the next line.
 *
 * The file may be renamed at any time; lines follow it until
 * audit_file_reopen(). On standard output, pipes and devices there is no lock
 * and nothing is cut back: a line that was begun is completed.
 */
#ifndef AUDIT_WRITER_H
#define AUDIT_WRITER_H

#include <event2/event.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"

struct audit_file;

struct audit_file_options {
    const char *path; /* "-" is standard output */
    bool fsync_data;  /* fdatasync before done */
    int64_t patience_us;
};

/* Opens for append, creates with mode 0640. STATUS_IO with errno. SIGPIPE is
 * the caller's to ignore. */
enum status audit_file_open(const struct audit_file_options *options,
                            struct audit_file **out) MUST_CHECK;
/* After all writers; NULL is fine. */
void audit_file_close(struct audit_file *f);
/* The path again (after a log rotation). On STATUS_IO, with errno, the old one
 * stays. From any thread. */
enum status audit_file_reopen(struct audit_file *f) MUST_CHECK;

struct audit_writer;

enum status audit_writer_new(struct event_base *base, const struct clock *clock,
                             struct audit_file *file,
                             struct audit_writer **out) MUST_CHECK;
/* Lines that wait are written now if they can be; done() is called for all.
 * Not inside a done(); NULL is fine. */
void audit_writer_free(struct audit_writer *w);

/* STATUS_OK: written (and synced); STATUS_IO: it was not, in `patience_us`. */
typedef void (*audit_done_fn)(void *arg, enum status status);

/* Takes a copy of `line` (which ends in a newline). `done` exactly once,
 * never before this returns; may be NULL. STATUS_NO_MEMORY,
 * STATUS_TOO_LARGE (AUDIT_WAITING_MAX waits already): `done` is not called. */
#define AUDIT_WAITING_MAX ((size_t)8 * 1024 * 1024)
enum status audit_writer_append(struct audit_writer *w, struct text line,
                                audit_done_fn done, void *arg) MUST_CHECK;
/* The answer went away: its line is still written, done() is not called. */
void audit_writer_forget(struct audit_writer *w, void *arg);

/* The last write of any worker worked. From any thread. */
bool audit_file_is_healthy(const struct audit_file *f);

struct audit_counters {
    uint64_t lines, bytes; /* written */
    uint64_t writes;       /* for how many of them at once: lines / writes */
    uint64_t failures;     /* tries that failed */
};
void audit_writer_counters(const struct audit_writer *w,
                           struct audit_counters *out);

#endif
