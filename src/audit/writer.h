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
 * The difficult case: the disk is full. A short write is cut back to the old
 * length under the lock. Lines wait and are tried again for `patience_us`,
 * then their done() gets STATUS_IO, and audit_writer_is_healthy() is false
 * until a write succeeds.
 *
 * One struct audit_file a process, shared by all workers; one audit_writer a
 * worker. Other processes may append to the same file: an advisory lock on
 * it (fcntl, open file description) orders all writers.
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

/* Opens for append, creates with mode 0640. STATUS_IO with errno. */
enum status audit_file_open(const struct audit_file_options *options,
                            struct audit_file **out) MUST_CHECK;
void audit_file_close(struct audit_file *f);
/* The path again (after a log rotation). On STATUS_IO the old one stays. */
enum status audit_file_reopen(struct audit_file *f) MUST_CHECK;

struct audit_writer;

enum status audit_writer_new(struct event_base *base,
                             const struct clock *clock, struct audit_file *file,
                             struct audit_writer **out) MUST_CHECK;
/* Lines that wait are written now if they can be; done() is called for all. */
void audit_writer_free(struct audit_writer *w);

/* STATUS_OK: written (and synced); STATUS_IO: it could not be. */
typedef void (*audit_done_fn)(void *arg, enum status status);

/* Takes a copy of `line` (which ends in a newline). `done` exactly once,
 * never before this returns; may be NULL. STATUS_NO_MEMORY,
 * STATUS_TOO_LARGE (too much waits already): `done` is not called. */
enum status audit_writer_append(struct audit_writer *w, struct text line,
                                audit_done_fn done, void *arg) MUST_CHECK;
/* The answer went away: its line is still written, done() is not called. */
void audit_writer_forget(struct audit_writer *w, void *arg);

/* The last write worked, as far as any worker knows. */
bool audit_file_is_healthy(const struct audit_file *f);

struct audit_counters {
    uint64_t lines, bytes, writes, failures;
};
void audit_writer_counters(const struct audit_writer *w,
                           struct audit_counters *out);

#endif
