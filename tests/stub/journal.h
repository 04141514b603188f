/* SPDX-License-Identifier: Apache-2.0
 *
 * stub/journal.h - what the stub was sent, for tests that count deliveries.
 *
 * A request is begun when its head was read and delivered when all of it was:
 * what happens to its answer is another matter. The counters never forget;
 * of the entries the newest JOURNAL_ENTRIES_MAX are kept, with bodies up to
 * JOURNAL_BODY_MAX bytes (longer ones by length and SHA-256 only).
 */
#ifndef STUB_JOURNAL_H
#define STUB_JOURNAL_H

#include <stdint.h>

#include "base/buffer.h"
#include "stub/request.h"

#define JOURNAL_ENTRIES_MAX 4096
#define JOURNAL_BODY_MAX (16 * 1024)

struct stub_journal;

struct stub_journal *stub_journal_new(void); /* NULL: out of memory */
/* Write a line for each delivery from now on, "METHOD X-REQUEST-ID", to that
 * file: it outlives a stub that is killed. */
void stub_journal_write_to(struct stub_journal *j, int fd);
void stub_journal_free(struct stub_journal *j);
void stub_journal_clear(struct stub_journal *j);

void stub_journal_connected(struct stub_journal *j);
void stub_journal_malformed(struct stub_journal *j);
void stub_journal_begun(struct stub_journal *j);
/* The entry's number (from 1), for stub_journal_answered(); 0 when there was
 * no memory to keep it (it counts all the same). */
uint64_t stub_journal_delivered(struct stub_journal *j,
                                const struct stub_request *req);
/* What the answer was going to say; ignored when the entry is gone. */
void stub_journal_answered(struct stub_journal *j, uint64_t number, int status,
                           const char *trace_id);

/* {"connections", "malformed", "begun", "delivered", "entries": [...]}, of
 * the entries those with a number above `after`. */
enum status stub_journal_write(const struct stub_journal *j, uint64_t after,
                               struct buffer *to) MUST_CHECK;

#endif
