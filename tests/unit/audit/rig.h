/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of writer and file share: one file in a directory of its own,
 * one writer on a loop, and a note of what was told.
 */
#ifndef TESTS_AUDIT_RIG_H
#define TESTS_AUDIT_RIG_H

#include "audit/writer.h"

extern char path[300];
extern struct event_base *base;
extern struct audit_file *file;
extern struct audit_writer *writer;
/* "a+b-": the lines that done() was called for, with + for STATUS_OK. */
extern char told[4096];
/* What read_file() read last; large enough for a test to use as it likes. */
extern char content[64 << 20];

/* What the writer's clock is ahead of the machine's: hours pass at once, and
 * a busy machine makes no test late. */
extern int64_t skipped_us;
#define RIG_PATIENCE_US (3600 * US_PER_S)

void setup(void);
void teardown(void);
void open_with(const char *name, bool fsync_data, int64_t patience_us);
void turn(void);
void run_for_ms(int ms);
const char *read_file(const char *name);
void note(void *arg, enum status status);
void append(const char *name);

/* What append() writes. */
#define LINE(name) "{\"line\":\"" name "\"}\n"

#endif
