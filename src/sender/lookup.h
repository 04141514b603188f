/* SPDX-License-Identifier: Apache-2.0
 *
 * sender/lookup.h - who asks the upstream about a chat, and who waits.
 *
 * A chat that neither this process nor Redis knows is looked up upstream,
 * with the credential that the request itself would be forwarded with. The
 * gateway makes the call; this part sees to it that there is one at a time
 * for each chat and credential however many requests wait for it, on
 * whichever worker, that a fresh answer is not asked for again, and that
 * nobody can make the upstream work by inventing chats.
 *
 *   sender_lookup_join() -> FIRST: make the call, then sender_lookup_finish()
 *                        -> WAIT : done(answer), from a loop event
 *                        -> KNOWN: the answer of a moment ago is in *answer
 *                        -> BUSY : too many; refuse the request
 *
 *   The difficult one: the first one's client goes away. Its exchange lives
 *   on until the call is answered, or gives up with an answer that says
 *   unknown: sender_lookup_finish() is called in any case, or its worker
 *   ends, which releases the waiters likewise.
 *
 * Credentials are kept as keyed fingerprints only.
 */
#ifndef SENDER_LOOKUP_H
#define SENDER_LOOKUP_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"
#include "sender/sender.h"

/* What the upstream said. */
struct sender_answer {
    /* 401, 403, 404, 429: the answer to every request that waited. Another:
     * the lookup worked, or the upstream cannot tell. 0: it could not be
     * asked or did not answer. */
    int http_status;
    int64_t retry_after_us;          /* of a 429: what the upstream asks for */
    char number[SENDER_NUMBER_SIZE]; /* "" where it cannot be told */
};

struct sender_lookup_limits {
    uint32_t max_lookups; /* 1024 under way at once */
    uint32_t max_waiters; /* 4096 requests waiting for one lookup */
    int64_t fresh_us;     /* 3 s: how long an answer is given again; a 429 no
                           * longer than its retry_after_us; one that was a
                           * passing trouble (0, 408, from 500 up) never */
    /* Lookups that one payer may start: this many at once, and one more each
     * interval. */
    uint32_t budget_burst;      /* 100 */
    int64_t budget_interval_us; /* 50 ms */
};
void sender_lookup_limits_default(struct sender_lookup_limits *l);

/* Lookups under way in all workers. */
struct sender_lookup_shared;
struct sender_lookup_shared *
sender_lookup_shared_new(const struct sender_lookup_limits *limits,
                         const struct clock *clock); /* NULL: no memory */
/* After every worker's sender_lookups_free(). */
void sender_lookup_shared_free(struct sender_lookup_shared *s);
/* Under way now. */
size_t sender_lookup_shared_count(struct sender_lookup_shared *s);

/* One a worker. */
struct sender_lookups;
enum status sender_lookups_new(struct event_base *base,
                               struct sender_lookup_shared *shared,
                               struct sender_lookups **out) MUST_CHECK;
/* Its waiters are cancelled; lookups it was the first of finish unknown. */
void sender_lookups_free(struct sender_lookups *l);

enum sender_lookup_turn {
    SENDER_LOOKUP_FIRST,
    SENDER_LOOKUP_WAIT,
    SENDER_LOOKUP_KNOWN,
    SENDER_LOOKUP_BUSY, /* out of memory too */
};

struct sender_lookup; /* one request's part in a lookup */
typedef void (*sender_lookup_done_fn)(void *arg,
                                      const struct sender_answer *answer);

/* `credential` is what the call would be made with (absent: none), `payer`
 * whoever the lookup is charged to: consumer and client. `done` is called
 * for WAIT only, once, never before this returns. *out is set for FIRST (to
 * be finished) and WAIT (to be cancelled, perhaps, until done), *answer for
 * KNOWN. Ask sender_cached() just before: another worker may have learned
 * the number since. */
enum sender_lookup_turn sender_lookup_join(
    struct sender_lookups *l, struct text chat, struct text credential,
    struct text payer, sender_lookup_done_fn done, void *arg,
    struct sender_lookup **out, struct sender_answer *answer) MUST_CHECK;

/* The first one's: release all that wait. `lookup` is gone afterwards. */
void sender_lookup_finish(struct sender_lookup *lookup,
                          const struct sender_answer *answer);

/* A waiter's: `done` will not be called. */
void sender_lookup_cancel(struct sender_lookup *lookup);

#endif
