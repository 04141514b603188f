/* SPDX-License-Identifier: Apache-2.0
 *
 * torture/scenario.h - the requests during which things fail.
 */
#ifndef TORTURE_SCENARIO_H
#define TORTURE_SCENARIO_H

#include "torture/bench.h"

#define SCENARIO_STATUSES_MAX 4

struct scenario {
    const char *name;
    struct rig_options rig; /* redis, policy, contract */
    /* Of the answer when nothing fails; 0: it is cut off. */
    int status;
    /* What it may turn into besides a refusal of chatgate's own (500, 502,
     * 503, 504) and a closed connection; 0 ends the list. */
    int also[SCENARIO_STATUSES_MAX];
    int follow_up;  /* status of an ordinary create behind it */
    size_t piece;   /* the request is sent in pieces; 0: at once */
    int deliveries; /* to the upstream, when nothing fails */
    int repeats;    /* so many of them may be tried once more: reads, and
                     * what has an idempotency key */
    /* Allocations that may stay for a while: answers that are remembered, one
     * a run, for some seconds. */
    int remembered;
    bool is_stub_away;
    /* Each may be NULL. Once a run: before calls are counted; while they are,
     * before the request. */
    void (*before)(struct bench *b, const char *number);
    void (*during)(struct bench *b);
    /* The request; `number` is one that nothing was sent from. */
    void (*make)(struct bench *b, const char *number, struct buffer *request);
};

extern const struct scenario scenarios[];
extern const size_t scenario_count;

/* An ordinary create, with more header lines (or NULL). */
void scenario_make_create(const char *number, const char *headers,
                          struct buffer *request);

#endif
