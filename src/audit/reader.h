/* SPDX-License-Identifier: Apache-2.0
 *
 * audit/reader.h - finding records in a file of them.
 *
 * One pass, one line in memory at a time, whatever the size of the file. A
 * line that is no record (a fragment that a killed process left, something
 * longer than any record) is skipped and counted. Most lines are ruled out by
 * looking for the wanted values as bytes; only what may match is parsed.
 */
#ifndef AUDIT_READER_H
#define AUDIT_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/record.h"
#include "base/json.h"

/* All that is given must hold; absent texts and times mean any. Borrowed. */
struct audit_query {
    struct text trace_id; /* the upstream's or the gateway's */
    struct text request_id, consumer, decision;
    struct text from; /* as recorded; a number also finds its masked form */
    bool has_since, has_until;
    wall_us since, until; /* from the one on, up to before the other */
};

struct audit_read {
    uint64_t lines, found;
    uint64_t skipped;       /* no records */
    uint64_t first_skipped; /* line number of the first of them */
};

/* `line` without its newline; `record` is its object when it was wanted.
 * Both are valid in the call only. False: enough. */
typedef bool (*audit_found_fn)(void *arg, struct text line,
                               const struct json_value *record);

/* Reads `fd` to its end. STATUS_OK; STATUS_IO with errno; STATUS_NO_MEMORY.
 * *out is filled in any case. */
enum status audit_read(int fd, const struct audit_query *query,
                       bool wants_record, audit_found_fn found, void *arg,
                       struct audit_read *out) MUST_CHECK;

/* "2026-01-31T12:00:00Z" (RFC 3339, any offset and fraction), "2026-01-31"
 * (its begin, UTC), or "90s" "30m" "1h" "2d": so long before `now`.
 * STATUS_INVALID for anything else. */
enum status audit_time_parse(struct text t, wall_us now,
                             wall_us *out) MUST_CHECK;

#endif
