/* SPDX-License-Identifier: Apache-2.0
 *
 * audit/file.h - the file behind the writers: whole lines or nothing.
 *
 * Private to the room. Safe to call from any thread.
 */
#ifndef AUDIT_FILE_H
#define AUDIT_FILE_H

#include "audit/writer.h"

/* Append whole lines in one write. STATUS_OK with all taken; else *taken says
 * how much need not be given again (0 for a file; on a pipe the beginning may
 * have gone): STATUS_UNAVAILABLE when another process holds the lock or a pipe
 * is full, STATUS_IO with errno. */
enum status audit_file_append(struct audit_file *f, struct text lines,
                              size_t *taken) MUST_CHECK;
/* fdatasync(2), where the options ask for it. */
enum status audit_file_sync(struct audit_file *f) MUST_CHECK;
int64_t audit_file_patience_us(const struct audit_file *f);
void audit_file_set_healthy(struct audit_file *f, bool is_healthy);

#endif
