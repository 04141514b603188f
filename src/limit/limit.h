/* SPDX-License-Identifier: Apache-2.0
 *
 * limit/limit.h - may this request spend these tokens?
 *
 * A request meets a list of charges, one for each limit that applies. They
 * are decided together: every enforced charge is taken or none is. A shadow
 * charge never refuses: it is taken when the enforced ones were and it fits
 * by itself, and its verdict is recorded. The buckets live in a store: Redis
 * (limit/redis_store.h) or this process (limit/memory_store.h); the limiter
 * chooses, and decides by itself while Redis is away.
 *
 *   The ordinary request: limit_decide() -> (one EVALSHA) -> done(decision).
 *   The difficult one: Redis is stopped. The command passes its deadline,
 *   done() is called with source LIMIT_LOCAL (or OPEN, or a refusal with
 *   STATUS_UNAVAILABLE), as on_failure says; later ones do not even wait.
 *   The other one: on a cluster the buckets live in two places, which are
 *   asked one after the other (limit/tour.h). The second refuses: what the
 *   first has taken is given back, once, and the decision is a refusal. Or the
 *   second is away: then on_failure decides about its charges alone. "local"
 *   takes them here, or refuses and gives the first ones back; "allow" lets
 *   the request through with the first ones charged; "deny" refuses and gives
 *   them back. A shadow charge that is left over never refuses.
 *
 * A decision does not wait for what it gives back; if that is not confirmed
 * it is counted as unknown.
 *
 * A limiter belongs to one event loop; the in-process buckets behind it are
 * shared by all (limit_shared).
 */
#ifndef LIMIT_LIMIT_H
#define LIMIT_LIMIT_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"
#include "limit/bucket.h"

#define LIMIT_CHARGES_MAX 16

struct limit_charge {
    struct text key; /* names policy, limit and what is counted:
                      * "sender-limits:burst:+14155550100" */
    struct text tag; /* the hash tag: the from-number for sender keys, so that
                      * all keys of a decision share a slot */
    struct limit_rate rate;
    int64_t cost_utok; /* 1 to capacity_utok */
    bool is_shadow;
    uint8_t breadth; /* how many share it: 0 few, 254 all; the broadest are
                      * decided last where one cannot decide them together */
};

struct limit_verdict {
    bool allowed;           /* by this bucket alone */
    bool is_evaluated;      /* false: a known denial of another bucket (source
                             * LIMIT_CACHE) ended the decision before this one was
                             * looked at, or its place in Redis is away; it
                             * then shows as allowed and full */
    int64_t remaining_utok; /* after the charge, never below 0; what is there
                             * now, if nothing was taken */
    int64_t wait_us;        /* until `cost` would be there; 0 when allowed;
                             * LIMIT_WAIT_NEVER when it never will */
    bool is_local;          /* a bucket of this process */
};

enum limit_source {
    LIMIT_REDIS,
    LIMIT_LOCAL, /* this process: no Redis configured, or on_failure local */
    LIMIT_OPEN,  /* let through undecided: on_failure allow */
    LIMIT_CACHE, /* a bucket that denied is known not to have refilled yet */
};
/* "redis" "local" "open". LIMIT_CACHE is "redis": its decision, remembered. */
const char *limit_source_name(enum limit_source s);

struct limit_decision {
    /* STATUS_OK: all enforced charges taken. STATUS_LIMITED: at least one
     * refused, nothing taken. STATUS_UNAVAILABLE: on_failure deny. */
    enum status status;
    enum limit_source source; /* of the enforced charges: LIMIT_LOCAL or _OPEN
                               * if so for only one */
    size_t count; /* as asked; 0 with STATUS_UNAVAILABLE, and with LIMIT_OPEN
                   * where nothing was decided */
    struct limit_verdict verdicts[LIMIT_CHARGES_MAX];
    /* The charge of an earlier try may have been taken (a time-out). */
    bool charge_unknown;
};

enum limit_on_failure { LIMIT_FAIL_LOCAL, LIMIT_FAIL_ALLOW, LIMIT_FAIL_DENY };

struct limit_settings {
    int64_t timeout_us;
    enum limit_on_failure on_failure;
    /* Of capacity and refill, while Redis is away: 0.001 to 1. At least one
     * token of capacity is left, and a cost above what is left of the
     * capacity takes a full bucket, so that nothing becomes impossible. */
    double local_share;
};

struct limit_shared; /* the in-process buckets, all workers' */
/* NULL when out of memory. Later charges never run out of it: room for
 * max_buckets (at least LIMIT_CHARGES_MAX) is reserved, and touched as it is
 * needed. */
struct limit_shared *limit_shared_new(size_t max_buckets,
                                      const struct clock *clock);
void limit_shared_free(struct limit_shared *s);
size_t limit_shared_count(struct limit_shared *s);

struct redis;
struct limiter;

/* `redis` NULL: all is decided in `shared`. Borrows everything. */
enum status limiter_new(struct event_base *base, const struct clock *clock,
                        struct limit_shared *shared, struct redis *redis,
                        const struct limit_settings *settings,
                        struct limiter **out) MUST_CHECK;
/* Decisions under way are cancelled: their done() is not called. Not to be
 * called from a done(). */
void limiter_free(struct limiter *l);
/* After a reload: new settings, and the cache of denied keys is dropped. */
void limiter_configure(struct limiter *l, const struct limit_settings *s);

typedef void (*limit_done_fn)(void *arg, const struct limit_decision *d);
struct limit_call; /* a decision under way */

/* `done` is called exactly once, never before this returns, unless the call
 * is cancelled; the decision lives during the call, *out until then. Charges
 * (and their texts) are copied. `count` 1 to LIMIT_CHARGES_MAX.
 * STATUS_NO_MEMORY; STATUS_INVALID for a rate or cost out of bounds, or two
 * charges of one key. */
enum status limit_decide(struct limiter *l, const struct limit_charge *charges,
                         size_t count, limit_done_fn done, void *arg,
                         struct limit_call **out) MUST_CHECK;
/* The same for a request that has waited for Redis before, `waited_us` (0 or
 * more): this decision has what is left of the time-out. With nothing left,
 * what on_failure says happens at once, as if Redis were away. */
enum status limit_decide_after(struct limiter *l, int64_t waited_us,
                               const struct limit_charge *charges, size_t count,
                               limit_done_fn done, void *arg,
                               struct limit_call **out) MUST_CHECK;
/* The answer is no longer wanted; what was sent is charged all the same. */
void limit_call_cancel(struct limit_call *call);

/* Give back what a decision took (the upstream could not be reached), to
 * where it was taken from. `charges` are those of the decision. Sent and
 * forgotten; a failure is counted, not retried. */
void limit_refund(struct limiter *l, const struct limit_charge *charges,
                  const struct limit_decision *decision);

/* Look, charge nothing: verdicts say what a request would meet, remaining_utok
 * what is there. Not counted, and never answered from the cache of denied
 * keys. */
enum status limit_peek(struct limiter *l, const struct limit_charge *charges,
                       size_t count, limit_done_fn done, void *arg,
                       struct limit_call **out) MUST_CHECK;

struct limit_counters {
    uint64_t by_redis, by_local, by_open, by_cache, denied, unavailable,
        script_loads, unknown, refunds, refunds_failed;
};
void limiter_counters(const struct limiter *l, struct limit_counters *out);

#endif
