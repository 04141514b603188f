/* SPDX-License-Identifier: Apache-2.0
 *
 * limit/limiter.c - who decides, and what happens when Redis does not.
 *
 *   limit_decide -> denied, and known? -----------------------\
 *                -> asking (a tour) -> all decided ------------> ready -> done
 *                                   -> some are not \         /
 *                -> (all away, or no Redis) ---------> fall back
 *
 * A call sits on one list of its limiter: `asking` while Redis has it,
 * `ready` once it is decided. `ready` is emptied by one event of the limiter's,
 * made active when something is put there, so that a decision taken at once
 * is told from the loop like any other, for no timer and no allocation.
 *
 * Redis cannot be told to forget a question. A call that is cancelled, or
 * whose limiter has gone, loses its `done` and stays until the answer comes;
 * the answer finds a limiter only if there still is one (the store pointer of
 * the tour says so).
 *
 * Giving back is one mechanism, whoever asks for it: limit_refund(), or a
 * decision that was granted in one place and refused in another.
 */
#include "limit/limit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/check.h"
#include "base/log.h"
#include "limit/denied.h"
#include "limit/memory_store.h"
#include "limit/redis_store.h"
#include "limit/tour.h"

#define CALL_MAGIC 0x4c43414cU    /* "LCAL" */
#define LIMITER_MAGIC 0x4c494d49U /* "LIMI" */
#define REFUND_MAGIC 0x4c524546U  /* "LREF" */

#define COMPLAINT_INTERVAL_US (10 * US_PER_S)

/* Charges and the bytes of their keys, copied into one block. */
struct charges {
    size_t count;
    struct limit_charge *list;
};

struct limit_call {
    uint32_t magic;
    struct limiter *limiter;      /* NULL: it has gone */
    TAILQ_ENTRY(limit_call) link; /* asking or ready */
    limit_done_fn done;           /* NULL: cancelled */
    void *arg;
    mono_us started_at;
    struct limit_tour tour;
    struct limit_decision decision;
    struct charges charges;
    _Alignas(struct limit_charge) char block[];
};
TAILQ_HEAD(call_list, limit_call);

struct refund {
    uint32_t magic;
    TAILQ_ENTRY(refund) link;
    struct limiter *limiter; /* NULL: it has gone */
    bool is_part;            /* of a decision that was refused elsewhere */
    struct limit_tour tour;
    struct charges charges;
    _Alignas(struct limit_charge) char block[];
};
TAILQ_HEAD(refund_list, refund);

struct limiter {
    uint32_t magic;
    const struct clock *clock;
    struct limit_shared *shared;
    struct redis *redis; /* NULL: none configured */
    struct limit_redis_store store;
    struct limit_denied *denied; /* NULL without Redis */
    struct limit_settings settings;
    struct event *ready_event;
    struct call_list asking, ready;
    struct refund_list refunds;
    struct limit_counters counters;
    mono_us complained_at;
};

const char *limit_source_name(enum limit_source s)
{
    switch (s) {
    case LIMIT_REDIS:
    case LIMIT_CACHE:
        return "redis";
    case LIMIT_LOCAL:
        return "local";
    case LIMIT_OPEN:
        return "open";
    }
    return "unknown";
}

/* ---- charges ---------------------------------------------------------- */

static bool are_valid(const struct limit_charge *charges, size_t count)
{
    if (count == 0 || count > LIMIT_CHARGES_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct limit_charge *c = &charges[i];

        if (!limit_rate_is_valid(&c->rate) || c->cost_utok < 1 ||
            c->cost_utok > c->rate.capacity_utok)
            return false;
        for (size_t j = 0; j < i; j++)
            if (text_equal(c->key, charges[j].key))
                return false;
    }
    return true;
}

static size_t block_bytes(const struct limit_charge *charges, size_t count)
{
    size_t bytes = count * sizeof(*charges);

    for (size_t i = 0; i < count; i++)
        bytes += charges[i].key.len + charges[i].tag.len;
    return bytes;
}

static struct text copy_text(char **at, struct text t)
{
    struct text copy = text_make(*at, t.len);

    if (t.len > 0)
        memcpy(*at, t.data, t.len);
    *at += t.len;
    return copy;
}

static struct charges
copy_charges(char *block, const struct limit_charge *charges, size_t count)
{
    struct charges copy = {count, (struct limit_charge *)(void *)block};
    char *at = block + count * sizeof(*charges);

    memcpy(copy.list, charges, count * sizeof(*charges));
    for (size_t i = 0; i < count; i++) {
        copy.list[i].key = copy_text(&at, charges[i].key);
        copy.list[i].tag = copy_text(&at, charges[i].tag);
    }
    return copy;
}

/* What this process may spend of them by itself while Redis is away. */
static void scale_charges(const struct limiter *l,
                          const struct limit_charge *charges, size_t count,
                          struct limit_charge *out)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = charges[i];
        limit_rate_scale(&charges[i].rate, l->settings.local_share,
                         &out[i].rate);
        if (out[i].cost_utok > out[i].rate.capacity_utok)
            out[i].cost_utok = out[i].rate.capacity_utok;
    }
}

/* ---- calls ------------------------------------------------------------ */

static void call_free(struct limit_call *call)
{
    MAGIC_CLEAR(call);
    free(call);
}

static void tell_later(struct limit_call *call)
{
    struct limiter *l = call->limiter;

    TAILQ_INSERT_TAIL(&l->ready, call, link);
    event_active(l->ready_event, EV_TIMEOUT, 0);
}

static void count_decision(struct limiter *l, const struct limit_decision *d)
{
    if (d->status == STATUS_LIMITED)
        l->counters.denied++;
    if (d->charge_unknown)
        l->counters.unknown++;
    if (d->status == STATUS_UNAVAILABLE) {
        l->counters.unavailable++;
        return;
    }
    switch (d->source) {
    case LIMIT_REDIS:
        l->counters.by_redis++;
        break;
    case LIMIT_LOCAL:
        l->counters.by_local++;
        break;
    case LIMIT_OPEN:
        l->counters.by_open++;
        break;
    case LIMIT_CACHE:
        l->counters.by_cache++;
        break;
    }
}

static void tell(struct limiter *l, struct limit_call *call)
{
    if (call->done != NULL) {
        if (call->tour.action == LIMIT_ASK_TAKE)
            count_decision(l, &call->decision);
        call->done(call->arg, &call->decision);
    }
    call_free(call);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct call_list now = TAILQ_HEAD_INITIALIZER(now);
    struct limiter *l;
    struct limit_call *call;

    (void)fd;
    (void)what;
    MAGIC_CAST(l, arg, LIMITER_MAGIC);
    /* What a done() asks is told in the next turn: others come first. */
    TAILQ_CONCAT(&now, &l->ready, link);
    while ((call = TAILQ_FIRST(&now)) != NULL) {
        TAILQ_REMOVE(&now, call, link);
        CHECK(call->magic == CALL_MAGIC);
        tell(l, call);
    }
}

/* ---- giving back ------------------------------------------------------- */

static void on_refunded(struct limit_tour *tour)
{
    struct refund *r = CONTAINER_OF(tour, struct refund, tour);
    struct limiter *l = r->limiter;

    CHECK(r->magic == REFUND_MAGIC);
    if (l != NULL) {
        TAILQ_REMOVE(&l->refunds, r, link);
        l->counters.refunds_failed += tour->undecided != 0;
        l->counters.unknown += r->is_part && tour->undecided != 0;
    }
    MAGIC_CLEAR(r);
    free(r);
}

/* Back to Redis what a decision took there: `which` of `charges`. */
static void refund_redis(struct limiter *l, const struct limit_charge *charges,
                         size_t count, limit_set which, bool is_part)
{
    struct refund *r = malloc(sizeof(*r) + block_bytes(charges, count));
    enum status s = STATUS_NO_MEMORY;

    for (size_t i = 0; i < count; i++)
        if (limit_set_has(which, i))
            limit_denied_forget(l->denied, charges[i].key);
    if (r != NULL) {
        memset(r, 0, sizeof(*r));
        MAGIC_SET(r, REFUND_MAGIC);
        r->limiter = l;
        r->is_part = is_part;
        r->charges = copy_charges(r->block, charges, count);
        r->tour.store = &l->store;
        r->tour.action = LIMIT_ASK_GIVE;
        r->tour.charges = r->charges.list;
        r->tour.which = which;
        r->tour.deadline = clock_mono(l->clock) + l->settings.timeout_us;
        r->tour.done = on_refunded;
        s = limit_tour_start(&r->tour);
    }
    if (s == STATUS_OK) {
        TAILQ_INSERT_TAIL(&l->refunds, r, link);
        return;
    }
    l->counters.refunds_failed++;
    l->counters.unknown += is_part;
    free(r);
}

/* `which` of `charges`, one after the other in `out`: as this process may
 * spend them. How many. */
static size_t pick_local(const struct limiter *l,
                         const struct limit_charge *charges, limit_set which,
                         struct limit_charge *out)
{
    size_t count = 0;

    for (size_t i = 0; i < LIMIT_CHARGES_MAX; i++)
        if (limit_set_has(which, i))
            out[count++] = charges[i];
    if (l->redis != NULL)
        scale_charges(l, out, count, out);
    return count;
}

static void refund_local(struct limiter *l, const struct limit_charge *charges,
                         limit_set which)
{
    struct limit_charge picked[LIMIT_CHARGES_MAX];
    struct limit_verdict taken[LIMIT_CHARGES_MAX];
    size_t count = pick_local(l, charges, which, picked);

    for (size_t i = 0; i < count; i++)
        taken[i] = (struct limit_verdict){.allowed = true};
    limit_shared_refund(l->shared, picked, count, taken);
}

void limit_refund(struct limiter *l, const struct limit_charge *charges,
                  const struct limit_decision *decision)
{
    limit_set local = 0, redis = 0;

    if (decision->status != STATUS_OK)
        return;
    for (size_t i = 0; i < decision->count; i++) {
        const struct limit_verdict *v = &decision->verdicts[i];

        if (v->allowed && v->is_evaluated && v->is_local)
            local |= UINT32_C(1) << i;
        else if (v->allowed && v->is_evaluated)
            redis |= UINT32_C(1) << i;
    }
    if (decision->count > 0)
        l->counters.refunds++;
    if (local != 0)
        refund_local(l, charges, local);
    if (redis != 0)
        refund_redis(l, charges, decision->count, redis, false);
}

/* A decision that is not granted after all keeps nothing. */
static void give_back(struct limit_call *call)
{
    struct limiter *l = call->limiter;
    const struct charges *charges = &call->charges;
    limit_set taken = call->tour.taken;

    if (taken == 0)
        return;
    l->counters.refunds++;
    refund_redis(l, charges->list, charges->count, taken, true);
    for (size_t i = 0; i < charges->count; i++) {
        struct limit_verdict *v = &call->decision.verdicts[i];
        const struct limit_charge *c = &charges->list[i];

        if (!limit_set_has(taken, i))
            continue;
        v->remaining_utok += c->cost_utok;
        if (v->remaining_utok > c->rate.capacity_utok)
            v->remaining_utok = c->rate.capacity_utok;
    }
    call->tour.taken = 0;
}

/* ---- deciding ---------------------------------------------------------- */

static bool has_enforced(const struct charges *charges, limit_set which)
{
    for (size_t i = 0; i < charges->count; i++)
        if (limit_set_has(which, i) && !charges->list[i].is_shadow)
            return true;
    return false;
}

/* Do these say where the decision is from? */
static bool does_matter(const struct charges *charges, limit_set which)
{
    return has_enforced(charges, which) ||
           !has_enforced(charges, limit_set_all(charges->count));
}

/* The undecided ones, together, in this process. */
static void decide_here(struct limit_call *call, limit_set which)
{
    struct limiter *l = call->limiter;
    struct limit_decision *d = &call->decision;
    struct limit_charge picked[LIMIT_CHARGES_MAX];
    struct limit_verdict verdicts[LIMIT_CHARGES_MAX];
    size_t at = 0, count = pick_local(l, call->charges.list, which, picked);
    enum status s = limit_shared_decide(
        l->shared,
        call->tour.action == LIMIT_ASK_TAKE ? LIMIT_TAKE : LIMIT_PEEK, picked,
        count, verdicts);

    for (size_t i = 0; i < call->charges.count; i++)
        if (limit_set_has(which, i)) {
            d->verdicts[i] = verdicts[at++];
            d->verdicts[i].is_local = true;
        }
    if (s == STATUS_LIMITED)
        d->status = STATUS_LIMITED;
    if (does_matter(&call->charges, which))
        d->source = LIMIT_LOCAL;
}

/* Redis could not decide these. */
static void fall_back(struct limit_call *call, limit_set which)
{
    struct limit_decision *d = &call->decision;
    bool is_all = which == limit_set_all(call->charges.count);

    switch (call->limiter->settings.on_failure) {
    case LIMIT_FAIL_LOCAL:
        decide_here(call, which);
        return;
    case LIMIT_FAIL_ALLOW:
        if (does_matter(&call->charges, which))
            d->source = LIMIT_OPEN;
        break;
    case LIMIT_FAIL_DENY:
        if (has_enforced(&call->charges, which)) {
            d->source = LIMIT_LOCAL;
            d->status = STATUS_UNAVAILABLE;
            /* Who only looks may see what there is to see. */
            is_all = is_all || call->tour.action == LIMIT_ASK_TAKE;
        } else if (is_all) {
            d->source = LIMIT_OPEN; /* shadow limits refuse nobody */
        }
        break;
    }
    if (is_all)
        d->count = 0;
}

/* A server that answers and cannot decide (read-only, out of memory) keeps
 * the circuit closed, so nobody else tells about it. */
static void complain(struct limiter *l, const struct limit_tour *tour)
{
    char why[2 * sizeof(tour->why)];
    mono_us now = clock_mono(l->clock);

    if (tour->why[0] == '\0' || !redis_is_up(l->redis, tour->failed) ||
        (l->complained_at != 0 &&
         now - l->complained_at < COMPLAINT_INTERVAL_US))
        return;
    l->complained_at = now;
    log_event(LOG_WARNING, "limit.undecided", "reason=%s",
              log_quote(text_of(tour->why), why, sizeof(why)));
}

static void remember_denials(struct limit_call *call)
{
    const struct limit_decision *d = &call->decision;

    for (size_t i = 0; i < d->count; i++) {
        const struct limit_charge *c = &call->charges.list[i];
        const struct limit_verdict *v = &d->verdicts[i];

        /* From when it was asked: the answer's way back is not counted. */
        if (!c->is_shadow && !v->allowed && !v->is_local)
            limit_denied_add(call->limiter->denied, c, v->remaining_utok,
                             v->wait_us, call->started_at);
    }
}

/* The tour is over: what became of the decision? */
static void conclude(struct limit_call *call)
{
    struct limit_tour *t = &call->tour;
    struct limit_decision *d = &call->decision;

    d->source = LIMIT_REDIS;
    d->status = t->status;
    d->count = call->charges.count;
    d->charge_unknown = t->is_unknown;
    complain(call->limiter, t);
    /* What a refusal elsewhere has decided is not decided here as well. */
    if (t->undecided != 0 &&
        (t->status == STATUS_OK || t->action == LIMIT_ASK_PEEK))
        fall_back(call, t->undecided);
    if (t->action != LIMIT_ASK_TAKE || d->status == STATUS_OK)
        return;
    give_back(call);
    remember_denials(call);
}

static void on_toured(struct limit_tour *tour)
{
    struct limit_call *call = CONTAINER_OF(tour, struct limit_call, tour);
    struct limiter *l = call->limiter;

    CHECK(call->magic == CALL_MAGIC);
    if (l == NULL) {
        call_free(call);
        return;
    }
    TAILQ_REMOVE(&l->asking, call, link);
    /* Cancelled, and undecided: nothing has to be decided. */
    if (call->done != NULL || tour->status == STATUS_LIMITED)
        conclude(call);
    /* This is a turn of the loop already, unless Redis is being freed. */
    if (tour->undecided == 0)
        tell(l, call);
    else
        tell_later(call);
}

/* True: an enforced charge is known to be refused. */
static bool is_known_denied(struct limit_call *call)
{
    struct limiter *l = call->limiter;
    struct limit_decision *d = &call->decision;
    bool is_denied = false;

    for (size_t i = 0; i < call->charges.count; i++) {
        const struct limit_charge *c = &call->charges.list[i];
        struct limit_verdict *v = &d->verdicts[i];

        *v = (struct limit_verdict){.allowed = true,
                                    .remaining_utok = c->rate.capacity_utok};
        if (c->is_shadow || !limit_denied_find(l->denied, c, call->started_at,
                                               &v->wait_us, &v->remaining_utok))
            continue;
        v->allowed = false;
        v->is_evaluated = true;
        is_denied = true;
    }
    if (is_denied) {
        d->status = STATUS_LIMITED;
        d->source = LIMIT_CACHE;
        d->count = call->charges.count;
    }
    return is_denied;
}

static void ask_redis(struct limit_call *call, int64_t waited_us)
{
    struct limiter *l = call->limiter;

    call->tour.store = &l->store;
    call->tour.charges = call->charges.list;
    call->tour.which = limit_set_all(call->charges.count);
    call->tour.is_strict = l->settings.on_failure == LIMIT_FAIL_DENY &&
                           call->tour.action == LIMIT_ASK_TAKE;
    call->tour.deadline = call->started_at + l->settings.timeout_us - waited_us;
    call->tour.done = on_toured;
    call->tour.verdicts = call->decision.verdicts;
    if (limit_tour_start(&call->tour) == STATUS_OK) {
        TAILQ_INSERT_TAIL(&l->asking, call, link);
        return;
    }
    conclude(call);
    tell_later(call);
}

/* As if every place were away. */
static void do_without_redis(struct limit_call *call)
{
    call->tour.status = STATUS_OK;
    call->tour.undecided = limit_set_all(call->charges.count);
    conclude(call);
    tell_later(call);
}

struct question {
    enum limit_ask_action action;
    int64_t waited_us; /* for Redis, before this */
};

static enum status start(struct limiter *l, struct question q,
                         const struct limit_charge *charges, size_t count,
                         limit_done_fn done, void *arg, struct limit_call **out)
{
    struct limit_call *call;

    if (!are_valid(charges, count))
        return STATUS_INVALID;
    call = malloc(sizeof(*call) + block_bytes(charges, count));
    if (call == NULL)
        return STATUS_NO_MEMORY;
    /* Not the verdicts, which are many and will be written. */
    memset(call, 0, offsetof(struct limit_call, decision));
    call->decision.count = 0;
    call->decision.charge_unknown = false;
    MAGIC_SET(call, CALL_MAGIC);
    call->limiter = l;
    call->done = done;
    call->arg = arg;
    call->tour.action = q.action;
    call->charges = copy_charges(call->block, charges, count);
    if (l->redis == NULL) {
        call->decision.status = STATUS_OK;
        call->decision.count = count;
        decide_here(call, limit_set_all(count));
        tell_later(call);
    } else {
        call->started_at = clock_mono(l->clock);
        if (q.action == LIMIT_ASK_TAKE && is_known_denied(call))
            tell_later(call);
        else if (q.waited_us >= l->settings.timeout_us)
            do_without_redis(call);
        else
            ask_redis(call, q.waited_us);
    }
    *out = call;
    return STATUS_OK;
}

enum status limit_decide(struct limiter *l, const struct limit_charge *charges,
                         size_t count, limit_done_fn done, void *arg,
                         struct limit_call **out)
{
    return start(l, (struct question){LIMIT_ASK_TAKE, 0}, charges, count, done,
                 arg, out);
}

enum status limit_decide_after(struct limiter *l, int64_t waited_us,
                               const struct limit_charge *charges, size_t count,
                               limit_done_fn done, void *arg,
                               struct limit_call **out)
{
    return start(l, (struct question){LIMIT_ASK_TAKE, waited_us}, charges,
                 count, done, arg, out);
}

enum status limit_peek(struct limiter *l, const struct limit_charge *charges,
                       size_t count, limit_done_fn done, void *arg,
                       struct limit_call **out)
{
    return start(l, (struct question){LIMIT_ASK_PEEK, 0}, charges, count, done,
                 arg, out);
}

void limit_call_cancel(struct limit_call *call)
{
    CHECK(call->magic == CALL_MAGIC);
    call->done = NULL;
}

/* ---- life cycle --------------------------------------------------------- */

enum status limiter_new(struct event_base *base, const struct clock *clock,
                        struct limit_shared *shared, struct redis *redis,
                        const struct limit_settings *settings,
                        struct limiter **out)
{
    struct limiter *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return STATUS_NO_MEMORY;
    MAGIC_SET(l, LIMITER_MAGIC);
    l->clock = clock;
    l->shared = shared;
    l->redis = redis;
    l->settings = *settings;
    TAILQ_INIT(&l->asking);
    TAILQ_INIT(&l->ready);
    TAILQ_INIT(&l->refunds);
    l->ready_event = event_new(base, -1, 0, on_ready, l);
    if (l->ready_event == NULL ||
        (redis != NULL &&
         (limit_redis_store_init(&l->store, redis, clock) != STATUS_OK ||
          limit_denied_new(&l->denied) != STATUS_OK))) {
        limiter_free(l);
        return STATUS_NO_MEMORY;
    }
    *out = l;
    return STATUS_OK;
}

void limiter_free(struct limiter *l)
{
    struct limit_call *call;
    struct refund *refund;

    if (l == NULL)
        return;
    CHECK(l->magic == LIMITER_MAGIC);
    while ((call = TAILQ_FIRST(&l->ready)) != NULL) {
        TAILQ_REMOVE(&l->ready, call, link);
        call_free(call);
    }
    TAILQ_FOREACH(call, &l->asking, link)
    {
        call->limiter = NULL;
        call->done = NULL;
        limit_tour_abandon(&call->tour);
    }
    TAILQ_FOREACH(refund, &l->refunds, link)
    {
        refund->limiter = NULL;
        limit_tour_abandon(&refund->tour);
    }
    if (l->ready_event != NULL)
        event_free(l->ready_event);
    limit_redis_store_release(&l->store);
    limit_denied_free(l->denied);
    MAGIC_CLEAR(l);
    free(l);
}

void limiter_configure(struct limiter *l, const struct limit_settings *s)
{
    l->settings = *s;
    if (l->denied != NULL)
        limit_denied_clear(l->denied);
}

void limiter_counters(const struct limiter *l, struct limit_counters *out)
{
    *out = l->counters;
    out->script_loads = l->store.script_loads;
}
