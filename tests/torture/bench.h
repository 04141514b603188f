/* SPDX-License-Identifier: Apache-2.0
 *
 * torture/bench.h - a rig whose gateway runs under the interposer.
 *
 * One worker, so that calls come in an order that repeats; short time-outs, so
 * that what is waited for ends soon; small tables, so that they are full
 * after a warm-up and memory then returns to its level.
 */
#ifndef TORTURE_BENCH_H
#define TORTURE_BENCH_H

#include "integration/rig.h"
#include "torture/client.h"
#include "torture/control.h"

struct bench {
    struct rig rig;
    struct torture_control *page; /* shared with the gateway */
    long audit_at;                /* how far the audit file has been read */
    int64_t last_seq;             /* of its lines; -1: none yet */
    int numbers;                  /* from-numbers given out */
    int64_t level;                /* live allocations when at rest */
};

/* Redis, stub, gateway, warm-up. Fails the test when something does not
 * start. `redis` and `upstream_config` as in rig.h. */
void bench_start(struct bench *b, const struct rig_options *options);
/* After the gateway has died, or was killed. */
void bench_restart(struct bench *b);
/* The gateway ends with status 0 and nothing found by a sanitizer. */
void bench_stop(struct bench *b);

/* A number that no request has been sent from: "+1415..." */
void bench_new_number(struct bench *b, char out[16]);

/* Count, and fail the `target`th of those kinds (0: none). */
struct bench_order {
    uint64_t kinds;
    uint64_t target;
    uint64_t span; /* how many; 0: all from there on */
    uint32_t variant;
};
void bench_arm(struct bench *b, const struct bench_order *order);
/* Wait until nothing happens any more; false: it goes on and on. */
bool bench_settle(struct bench *b);
/* How many calls there were; settle first. */
uint64_t bench_disarm(struct bench *b);

/* Requests that reached the stub whole. */
int64_t bench_delivered(struct bench *b);
/* A number of the gateway's metrics; -1: it does not say. */
int64_t bench_metric(struct bench *b, const char *name);
/* 0: no leaks; 1: some, told in the gateway's log; -1: this build cannot
 * tell. */
int bench_find_leaks(struct bench *b);

/* New audit lines, since the last look: is there one of this request ("": do
 * not look)? A line that is no JSON object, or out of sequence, is described
 * in `problem` ("" otherwise). */
bool bench_audit_has(struct bench *b, const char *request_id, char *problem,
                     size_t size);

/* Where the failed call stood, a line a frame; with names where addr2line
 * finds them. To free(). */
char *bench_where(struct bench *b);

#endif
