/* SPDX-License-Identifier: Apache-2.0
 *
 * torture/sweep.h - a scenario again and again, another call failing each
 * time.
 *
 *   struct sweep s;
 *   sweep_start(&s, &scenarios[i]);     counts the calls of a run
 *   sweep_run(&s, &(struct bench_order){...}, step);
 *   sweep_finish(&s);                   prints a table; fails the test when
 *                                       something was found
 *
 * After each failure it is asked: does the process live and come to rest; did
 * the client get a whole answer that is possible here, in the envelope where
 * it is chatgate's own, or a closed connection; is there an audit line of a
 * whole answer, and no gap in the sequence; was it delivered at most once; is
 * an ordinary request then served; is nothing of the failed one left (counts
 * of the metrics, leaks, live allocations)?
 */
#ifndef TORTURE_SWEEP_H
#define TORTURE_SWEEP_H

#include "torture/bench.h"
#include "torture/scenario.h"

#define SWEEP_NAMES_MAX 48
#define SWEEP_ENDS_MAX 16

/* How often a failure of that call ended that way. */
struct sweep_tally {
    char call[24];
    char ends[SWEEP_ENDS_MAX][12]; /* "201" "closed" */
    int counts[SWEEP_ENDS_MAX];
};

struct sweep {
    struct bench bench;
    const struct scenario *scenario;
    uint64_t calls;        /* of a run without failures: the most seen */
    uint64_t memory_calls; /* of them, allocations */
    int runs, fired;       /* runs so far; with a failure in them */
    int findings;
    int restarts;
    struct sweep_tally tallies[SWEEP_NAMES_MAX];
    size_t tally_count;
};

void sweep_start(struct sweep *s, const struct scenario *scenario);
/* One run with this order. Returns whether something was made to fail. */
bool sweep_once(struct sweep *s, const struct bench_order *order);
/* `order` with each `step`th of the targets from 1 to `calls`. */
void sweep_run(struct sweep *s, const struct bench_order *order, uint64_t calls,
               uint64_t step);
void sweep_finish(struct sweep *s);

#endif
