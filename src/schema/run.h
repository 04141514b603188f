/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/run.h - one body, validated while it streams in.
 *
 * A run takes a body piece by piece, of any size, through the scan
 * (schema/scan.h) and yajl to the machine: a stack of frames, one a nesting
 * level, each with the set of schema nodes that are active there; keywords
 * that combine schemas are resolved as values end, without a tree. Memory is
 * bounded by nesting depth, schema size and the limits, not by the body.
 *
 *   run = schema_run_new(plan, &limits);
 *   for each piece:
 *       status = schema_run_feed(run, data, len);
 *       if (status != STATUS_OK) it is no JSON; the rest need not be read
 *       if (schema_run_broken(run)) use bits: stop buffering, go on reading
 *   status = schema_run_finish(run);
 *   ... violations, taps ...
 *   schema_run_free(run);
 *
 * The verdict is the same however the body is cut.
 */
#ifndef SCHEMA_RUN_H
#define SCHEMA_RUN_H

#include "schema/schema.h"

struct schema_limits {
    uint32_t max_depth;        /* 64 */
    uint32_t max_token_bytes;  /* 128 KiB */
    uint32_t max_number_bytes; /* 1 KiB */
    uint32_t max_members;      /* of one object: 1024 */
    uint32_t pattern_steps;    /* PCRE2 match budget of the whole body */
};

/* The documented defaults. */
void schema_limits_default(struct schema_limits *l);

#define SCHEMA_USE_JSON (-1)     /* the text itself: no JSON, or past a limit */
#define SCHEMA_VIOLATIONS_MAX 16 /* kept for each use; further ones counted */

struct schema_violation {
    int use;                    /* index in the plan, or SCHEMA_USE_JSON */
    const char *pointer;        /* RFC 6901, as the client wrote it, at most 256
                                 * bytes, cut at a character */
    const char *record_pointer; /* the same with every member name that no
                                 * schema names replaced by "*" */
    const char *rule;    /* "required", "parts.adjacent", "json.utf8", ... */
    const char *message; /* for a person; never the offending text itself */
};

struct schema_run;

/* NULL when out of memory. Plan and limits must outlive the run. A plan with
 * no uses still demands JSON. */
struct schema_run *schema_run_new(const struct schema_plan *plan,
                                  const struct schema_limits *limits);
void schema_run_free(struct schema_run *run);

/* STATUS_OK: go on, whatever the violations. STATUS_INVALID: the text is not
 * JSON or passes a limit; one violation with SCHEMA_USE_JSON says so.
 * STATUS_NO_MEMORY: no verdict. Both are final. */
enum status schema_run_feed(struct schema_run *run, const char *data,
                            size_t len) MUST_CHECK;
/* The body ended. An empty one is STATUS_INVALID, rule "json.empty". */
enum status schema_run_finish(struct schema_run *run) MUST_CHECK;

/* Bit i is set once use i is known to be broken for good. */
uint64_t schema_run_broken(const struct schema_run *run);

/* In the order found; they live as long as the run. */
size_t schema_run_violations(const struct schema_run *run,
                             const struct schema_violation **out);
/* How many there were in all, those not kept included. */
uint64_t schema_run_violation_count(const struct schema_run *run);

/* After schema_run_finish(): false when the value was absent, of another
 * type, too long, or did not pass. *out_text (TAP_TEXT) lives as long as the
 * run. */
bool schema_run_tap_text(const struct schema_run *run, size_t tap,
                         struct text *out);
bool schema_run_tap_count(const struct schema_run *run, size_t tap,
                          uint64_t *out);

/* Bytes of memory the run holds now, held-back token included: what tests
 * and metrics look at. */
size_t schema_run_memory(const struct schema_run *run);

/* ---- values that do not come as JSON: path and query parameters ---- */

/* Validate the decoded values of one parameter. A schema that allows an
 * array takes any number of values (a single one as a string where it allows
 * strings too), else exactly one is given. Text becomes a
 * number, boolean or null when the schema's type allows no string and the
 * text is a JSON literal of it; otherwise it is a string (and fails by
 * "type"). Violations are found in `run` as usual, pointers relative to the
 * value. Once a run. */
enum status schema_run_values(struct schema_run *run, const struct text *values,
                              size_t count) MUST_CHECK;

#endif
