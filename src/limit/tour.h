/* SPDX-License-Identifier: Apache-2.0
 *
 * limit/tour.h - one decision over buckets that live in several places.
 *
 * On one server all keys are in one place, and a decision is one question. On
 * a cluster the keys that count by sender share a place; one that all senders
 * share is somewhere else. Then the places are asked one after the other:
 *
 *   TAKE  place 1: granted -> place 2: granted -> ...        STATUS_OK
 *         place 1: granted -> place 2: refused -> (PEEK) ... STATUS_LIMITED
 *
 * From the first refusal on nothing is taken any more, only looked at, so that
 * who is refused is told about all of its limits. What was taken before is in
 * `taken`; to give it back is the caller's (a tour with GIVE). A place that
 * cannot be asked is left out, and its charges are in `undecided`; what
 * becomes of them is the caller's, too.
 *
 * The order is fixed. What few requests share comes first (limit_charge's
 * `breadth`): who is refused for its own bucket should not have held tokens of
 * a bucket that everybody waits for, not even for a moment. Places where only
 * shadow limits live come last: what they say changes nothing, so nothing is
 * ever given back because of them.
 *
 * A place whose keys are being moved is asked about one key at a time
 * (limit/redis_store.h).
 */
#ifndef LIMIT_TOUR_H
#define LIMIT_TOUR_H

#include "limit/redis_store.h"

typedef uint32_t limit_set; /* of charges: bit i is charges[i] */
_Static_assert(LIMIT_CHARGES_MAX <= 32, "a set has a bit for each charge");

static inline limit_set limit_set_all(size_t count)
{
    return (limit_set)((UINT64_C(1) << count) - 1);
}

static inline bool limit_set_has(limit_set set, size_t i)
{
    return (set >> i & 1) != 0;
}

struct limit_tour;
typedef void (*limit_tour_done_fn)(struct limit_tour *tour);

/* Part of its owner's object, which lives, and keeps the charges, until
 * done(). */
struct limit_tour {
    uint32_t magic;
    struct limit_redis_store *store; /* NULL: abandoned */
    enum limit_ask_action action;
    const struct limit_charge *charges;
    limit_set which; /* of them */
    /* TAKE: when an enforced charge's place is known to be away, ask nobody;
     * what would be taken elsewhere could not be used. */
    bool is_strict;
    mono_us deadline; /* of the whole */
    limit_tour_done_fn done;
    struct limit_verdict *verdicts; /* TAKE, PEEK: the owner's, filled in */

    /* STATUS_OK; STATUS_LIMITED: some place refused. */
    enum status status;
    limit_set taken;     /* TAKE: charged in Redis */
    limit_set undecided; /* could not be asked about; their verdicts say
                          * allowed, full and not evaluated */
    bool is_unknown;     /* some of those may have been charged, or given */
    redis_place failed;  /* the last place that failed when it was asked, */
    char why[64];        /* and why; "": none did */

    /* The tour's own. */
    uint8_t order[LIMIT_CHARGES_MAX];
    redis_place places[LIMIT_CHARGES_MAX]; /* in that order */
    size_t count;                          /* of `order` */
    size_t at, until;                      /* of `order`: being asked about */
    size_t one_by_one;                     /* up to here, one at a time */
    struct limit_ask ask;
};

/* The members up to `done`, and `verdicts`, are set. STATUS_OK: done() is
 * called once, never before this returns. STATUS_UNAVAILABLE: it is not;
 * no place can be asked, and `undecided` has them all. */
enum status limit_tour_start(struct limit_tour *tour) MUST_CHECK;
/* Nothing is asked any more; done() is called when the answer under way has
 * come, and finds `store` NULL. */
void limit_tour_abandon(struct limit_tour *tour);

#endif
