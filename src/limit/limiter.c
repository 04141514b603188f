/* SPDX-License-Identifier: Apache-2.0
 *
 * limit/limiter.c - who decides, and what happens when Redis does not.
 *
 *   limit_decide -> denied, and known? -----------------------\
 *                -> Redis is up? -> asking -> reply -----------> ready -> done
 *                                          -> failure \       /
 *                -> (away, or none) -------------------> fall back
 *
 * A call sits on one list of its limiter: `asking` while Redis has it,
 * `ready` once it is decided. `ready` is emptied by one event of the limiter's,
 * made active when something is put there, so that a decision taken at once
 * is told from the loop like any other, for no timer and no allocation.
 *
 * Redis cannot be told to forget a question. A call that is cancelled, or
 * whose limiter has gone, loses its `done` and stays until the answer comes;
 * the answer finds a limiter only if there still is one (the store pointer of
 * the question says so).
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
    struct limit_ask ask;
    struct limit_decision decision;
    struct charges charges;
    _Alignas(struct limit_charge) char block[];
};
TAILQ_HEAD(call_list, limit_call);

struct refund {
    uint32_t magic;
    TAILQ_ENTRY(refund) link;
    struct limiter *limiter; /* NULL: it has gone */
    struct limit_ask ask;
    struct limit_verdict verdicts[LIMIT_CHARGES_MAX];
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
        if (call->ask.action == LIMIT_ASK_TAKE)
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

/* ---- deciding ---------------------------------------------------------- */

static void decide_here(struct limit_call *call)
{
    struct limiter *l = call->limiter;
    struct limit_decision *d = &call->decision;
    const struct limit_charge *charges = call->charges.list;
    struct limit_charge scaled[LIMIT_CHARGES_MAX];

    if (l->redis != NULL) {
        scale_charges(l, charges, call->charges.count, scaled);
        charges = scaled;
    }
    d->source = LIMIT_LOCAL;
    d->count = call->charges.count;
    d->status = limit_shared_decide(
        l->shared, call->ask.action == LIMIT_ASK_TAKE ? LIMIT_TAKE : LIMIT_PEEK,
        charges, call->charges.count, d->verdicts);
    tell_later(call);
}

/* Redis could not decide it. */
static void fall_back(struct limit_call *call)
{
    struct limit_decision *d = &call->decision;

    switch (call->limiter->settings.on_failure) {
    case LIMIT_FAIL_LOCAL:
        decide_here(call);
        return;
    case LIMIT_FAIL_ALLOW:
        d->source = LIMIT_OPEN;
        d->status = STATUS_OK;
        break;
    case LIMIT_FAIL_DENY:
        d->source = LIMIT_LOCAL;
        d->status = STATUS_UNAVAILABLE;
        break;
    }
    d->count = 0;
    tell_later(call);
}

/* A server that answers and cannot decide (read-only, out of memory) keeps
 * the circuit closed, so nobody else tells about it. */
static void complain(struct limiter *l, const struct limit_ask *ask)
{
    char why[2 * sizeof(ask->why)];
    mono_us now = clock_mono(l->clock);

    if (!redis_is_up(l->redis) ||
        (l->complained_at != 0 &&
         now - l->complained_at < COMPLAINT_INTERVAL_US))
        return;
    l->complained_at = now;
    log_event(LOG_WARNING, "limit.undecided", "reason=%s",
              log_quote(text_of(ask->why), why, sizeof(why)));
}

static void remember_denials(struct limit_call *call)
{
    const struct limit_decision *d = &call->decision;

    for (size_t i = 0; i < d->count; i++) {
        const struct limit_charge *c = &call->charges.list[i];

        /* From when it was asked: the answer's way back is not counted. */
        if (!c->is_shadow && !d->verdicts[i].allowed)
            limit_denied_add(call->limiter->denied, c,
                             d->verdicts[i].remaining_utok,
                             d->verdicts[i].wait_us, call->started_at);
    }
}

static void on_asked(struct limit_ask *ask)
{
    struct limit_call *call = CONTAINER_OF(ask, struct limit_call, ask);
    struct limiter *l = call->limiter;

    CHECK(call->magic == CALL_MAGIC);
    if (l == NULL) {
        call_free(call);
        return;
    }
    TAILQ_REMOVE(&l->asking, call, link);
    if (ask->status == STATUS_UNAVAILABLE) {
        call->decision.charge_unknown =
            ask->is_unknown && ask->action == LIMIT_ASK_TAKE;
        complain(l, ask);
        if (call->done != NULL)
            fall_back(call);
        else
            call_free(call); /* cancelled: nothing has to be decided */
        return;
    }
    call->decision.source = LIMIT_REDIS;
    call->decision.status = ask->status;
    call->decision.count = call->charges.count;
    if (ask->action == LIMIT_ASK_TAKE && ask->status == STATUS_LIMITED)
        remember_denials(call);
    /* This is a turn of the loop already. */
    tell(l, call);
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
        if (c->is_shadow ||
            !limit_denied_find(l->denied, c, call->started_at, &v->wait_us,
                               &v->remaining_utok))
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

static void ask_redis(struct limit_call *call)
{
    struct limiter *l = call->limiter;

    call->ask.store = &l->store;
    call->ask.charges = call->charges.list;
    call->ask.count = call->charges.count;
    call->ask.deadline = call->started_at + l->settings.timeout_us;
    call->ask.done = on_asked;
    call->ask.verdicts = call->decision.verdicts;
    if (limit_ask_start(&call->ask) == STATUS_OK)
        TAILQ_INSERT_TAIL(&l->asking, call, link);
    else
        fall_back(call);
}

struct question {
    enum limit_ask_action action;
    bool may_ask_redis;
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
    call->ask.action = q.action;
    call->charges = copy_charges(call->block, charges, count);
    if (l->redis == NULL) {
        decide_here(call);
    } else {
        call->started_at = clock_mono(l->clock);
        if (q.action == LIMIT_ASK_TAKE && is_known_denied(call))
            tell_later(call);
        else if (q.may_ask_redis && redis_is_up(l->redis))
            ask_redis(call);
        else
            fall_back(call);
    }
    *out = call;
    return STATUS_OK;
}

enum status limit_decide(struct limiter *l, const struct limit_charge *charges,
                         size_t count, limit_done_fn done, void *arg,
                         struct limit_call **out)
{
    return start(l, (struct question){LIMIT_ASK_TAKE, true}, charges, count,
                 done, arg, out);
}

enum status limit_decide_without_redis(struct limiter *l,
                                       const struct limit_charge *charges,
                                       size_t count, limit_done_fn done,
                                       void *arg, struct limit_call **out)
{
    return start(l, (struct question){LIMIT_ASK_TAKE, false}, charges, count,
                 done, arg, out);
}

enum status limit_peek(struct limiter *l, const struct limit_charge *charges,
                       size_t count, limit_done_fn done, void *arg,
                       struct limit_call **out)
{
    return start(l, (struct question){LIMIT_ASK_PEEK, true}, charges, count,
                 done, arg, out);
}

void limit_call_cancel(struct limit_call *call)
{
    CHECK(call->magic == CALL_MAGIC);
    call->done = NULL;
}

/* ---- giving back ------------------------------------------------------- */

static void on_refunded(struct limit_ask *ask)
{
    struct refund *r = CONTAINER_OF(ask, struct refund, ask);

    CHECK(r->magic == REFUND_MAGIC);
    if (r->limiter != NULL) {
        TAILQ_REMOVE(&r->limiter->refunds, r, link);
        if (ask->status != STATUS_OK)
            r->limiter->counters.refunds_failed++;
    }
    MAGIC_CLEAR(r);
    free(r);
}

static enum status refund_redis(struct limiter *l,
                                const struct limit_charge *charges,
                                const struct limit_decision *d)
{
    struct refund *r = malloc(sizeof(*r) + block_bytes(charges, d->count));
    enum status s;

    if (r == NULL)
        return STATUS_NO_MEMORY;
    memset(r, 0, offsetof(struct refund, verdicts));
    MAGIC_SET(r, REFUND_MAGIC);
    r->limiter = l;
    memcpy(r->verdicts, d->verdicts, sizeof(r->verdicts));
    r->charges = copy_charges(r->block, charges, d->count);
    r->ask.action = LIMIT_ASK_GIVE;
    r->ask.store = &l->store;
    r->ask.charges = r->charges.list;
    r->ask.count = r->charges.count;
    r->ask.deadline = clock_mono(l->clock) + l->settings.timeout_us;
    r->ask.done = on_refunded;
    r->ask.verdicts = r->verdicts;
    s = limit_ask_start(&r->ask);
    if (s == STATUS_OK)
        TAILQ_INSERT_TAIL(&l->refunds, r, link);
    else
        free(r);
    return s;
}

void limit_refund(struct limiter *l, const struct limit_charge *charges,
                  const struct limit_decision *decision)
{
    struct limit_charge scaled[LIMIT_CHARGES_MAX];

    if (decision->status != STATUS_OK || decision->count == 0)
        return;
    l->counters.refunds++;
    if (decision->source == LIMIT_LOCAL) {
        if (l->redis != NULL) {
            scale_charges(l, charges, decision->count, scaled);
            charges = scaled;
        }
        limit_shared_refund(l->shared, charges, decision->count,
                            decision->verdicts);
    } else if (decision->source == LIMIT_REDIS) {
        for (size_t i = 0; i < decision->count; i++)
            limit_denied_forget(l->denied, charges[i].key);
        if (refund_redis(l, charges, decision) != STATUS_OK)
            l->counters.refunds_failed++;
    }
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
        call->ask.store = NULL;
    }
    TAILQ_FOREACH(refund, &l->refunds, link)
    {
        refund->limiter = NULL;
        refund->ask.store = NULL;
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
