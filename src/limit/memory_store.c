/* SPDX-License-Identifier: Apache-2.0
 *
 * limit/memory_store.c - token buckets in memory, bounded in number.
 *
 *     heads[] --> slots[] chained by `next`      which bucket is this key's?
 *     heap[]  --> slots[] by `full_at`           which one can be forgotten?
 *
 * A full bucket holds no information: a sender that is not in the table has
 * a full one. So a new bucket takes the place of one that has filled up
 * again, if there is one, and the table grows only with the number of senders
 * that are short of tokens. When max_buckets of them are, the one that
 * would be full soonest makes room: the fewest tokens are given away for
 * nothing. (A bucket that never refills counts as full 30 days after it was
 * last used, as its key in Redis.)
 *
 * The heap is lazy. A charge moves a bucket's full_at to later and leaves the
 * heap alone; whoever needs the top corrects it first. Each correction is
 * paid for by an earlier charge; at most CORRECTIONS_MAX are made at a time,
 * so that nobody holds the lock for long.
 *
 * A slot names its key by a keyed 128-bit fingerprint: 56 bytes a bucket
 * however long the key, 16 more for the heap and 8 for its share of heads[]
 * (a uthash handle alone takes 56, and the key comes on top). All three
 * arrays have their final size from the start. calloc() of that size is
 * pages that exist once they are touched, so nothing is paid for early, and
 * no charge ever fails for want of memory or waits for a table to grow.
 *
 * One lock: a decision over several buckets is atomic by itself and cannot
 * deadlock, and the 0.3 us that it holds it are 1 % of a request.
 */
#include "limit/memory_store.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fingerprint.h"

#define BUCKETS_MAX (UINT32_C(1) << 30)
#define CORRECTIONS_MAX 256
#define UNUSED_US (INT64_C(30) * 86400 * US_PER_S)

struct slot {
    struct fingerprint key;
    int64_t level_utok;
    int64_t largest_utok; /* capacity that it has had */
    mono_us filled_at;
    mono_us full_at;
    uint32_t carry; /* below the longest period in seconds, 8.64e7 */
    uint32_t next;  /* in its chain */
};
_Static_assert(sizeof(struct slot) == 56, "the bytes a bucket takes");

struct due {
    mono_us full_at; /* at most what the slot says, unless it was refunded */
    uint32_t slot;
};

struct limit_shared {
    const struct clock *clock;
    struct fingerprint_key secret;
    pthread_mutex_t lock; /* guards all below */
    uint32_t max_buckets;
    uint32_t count;     /* of slots and of the heap */
    uint32_t head_mask; /* heads: a power of two */
    uint32_t *heads;
    struct slot *slots;
    struct due *heap;
};

struct limit_shared *limit_shared_new(size_t max_buckets,
                                      const struct clock *clock)
{
    struct limit_shared *s = calloc(1, sizeof(*s));
    size_t heads = 1;

    if (s == NULL)
        return NULL;
    /* One decision's buckets must fit beside each other. */
    if (max_buckets < LIMIT_CHARGES_MAX)
        max_buckets = LIMIT_CHARGES_MAX;
    if (max_buckets > BUCKETS_MAX)
        max_buckets = BUCKETS_MAX;
    while (heads < max_buckets)
        heads *= 2;
    s->clock = clock;
    s->max_buckets = (uint32_t)max_buckets;
    s->head_mask = (uint32_t)(heads - 1);
    s->heads = calloc(heads, sizeof(*s->heads));
    s->slots = calloc(max_buckets, sizeof(*s->slots));
    s->heap = calloc(max_buckets, sizeof(*s->heap));
    if (s->heads == NULL || s->slots == NULL || s->heap == NULL ||
        fingerprint_key_init(&s->secret) != STATUS_OK ||
        pthread_mutex_init(&s->lock, NULL) != 0) {
        free(s->heads);
        free(s->slots);
        free(s->heap);
        free(s);
        return NULL;
    }
    return s;
}

void limit_shared_free(struct limit_shared *s)
{
    if (s == NULL)
        return;
    pthread_mutex_destroy(&s->lock);
    free(s->heads);
    free(s->slots);
    free(s->heap);
    free(s);
}

size_t limit_shared_count(struct limit_shared *s)
{
    size_t count;

    pthread_mutex_lock(&s->lock);
    count = s->count;
    pthread_mutex_unlock(&s->lock);
    return count;
}

/* heads[] holds slot + 1, so that zeroed memory is an empty table. */
static uint32_t *head_of(struct limit_shared *s, const struct fingerprint *key)
{
    return &s->heads[key->a & s->head_mask];
}

static struct slot *find(struct limit_shared *s, const struct fingerprint *key)
{
    for (uint32_t i = *head_of(s, key); i != 0; i = s->slots[i - 1].next)
        if (fingerprint_equal(s->slots[i - 1].key, *key))
            return &s->slots[i - 1];
    return NULL;
}

static void chain(struct limit_shared *s, uint32_t slot)
{
    uint32_t *head = head_of(s, &s->slots[slot].key);

    s->slots[slot].next = *head;
    *head = slot + 1;
}

static void unchain(struct limit_shared *s, uint32_t slot)
{
    uint32_t *link = head_of(s, &s->slots[slot].key);

    while (*link != slot + 1) {
        CHECK(*link != 0);
        link = &s->slots[*link - 1].next;
    }
    *link = s->slots[slot].next;
}

static void sift_up(struct limit_shared *s, uint32_t at)
{
    struct due moving = s->heap[at];

    while (at > 0) {
        uint32_t parent = (at - 1) / 2;

        if (s->heap[parent].full_at <= moving.full_at)
            break;
        s->heap[at] = s->heap[parent];
        at = parent;
    }
    s->heap[at] = moving;
}

static void sift_down(struct limit_shared *s, uint32_t at)
{
    struct due moving = s->heap[at];

    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child >= s->count)
            break;
        if (child + 1 < s->count &&
            s->heap[child + 1].full_at < s->heap[child].full_at)
            child++;
        if (s->heap[child].full_at >= moving.full_at)
            break;
        s->heap[at] = s->heap[child];
        at = child;
    }
    s->heap[at] = moving;
}

/* The slot that is full soonest. It is the top of the heap. */
static uint32_t soonest_full(struct limit_shared *s)
{
    for (int i = 0; i < CORRECTIONS_MAX; i++) {
        struct due *top = &s->heap[0];
        mono_us full_at = s->slots[top->slot].full_at;

        if (top->full_at == full_at)
            break;
        top->full_at = full_at;
        sift_down(s, 0);
    }
    return s->heap[0].slot;
}

/* A slot for a key that has none; its bucket is still to be filled in. */
static struct slot *insert(struct limit_shared *s,
                           const struct fingerprint *key, mono_us full_at,
                           mono_us now)
{
    uint32_t slot = s->count > 0 ? soonest_full(s) : 0;

    if (s->count > 0 &&
        (s->count == s->max_buckets || s->slots[slot].full_at <= now)) {
        unchain(s, slot);
        s->heap[0] = (struct due){full_at, slot};
        sift_down(s, 0);
    } else {
        slot = s->count++;
        s->heap[slot] = (struct due){full_at, slot};
        sift_up(s, slot);
    }
    s->slots[slot].key = *key;
    s->slots[slot].largest_utok = 0;
    chain(s, slot);
    return &s->slots[slot];
}

static mono_us full_at(const struct limit_bucket *b, const struct limit_rate *r,
                       mono_us now)
{
    int64_t wait;

    if (r->refill_tokens == 0 && b->level_utok < r->capacity_utok)
        return now + UNUSED_US;
    wait = limit_bucket_wait_us(b, r, r->capacity_utok, now);
    return wait == LIMIT_WAIT_NEVER ? INT64_MAX : now + wait;
}

/* The key's bucket as of now; the slot stays as it is. NULL: it has none,
 * and `b` is a full one. */
static struct slot *load(struct limit_shared *s, const struct fingerprint *key,
                         const struct limit_rate *r, mono_us now,
                         struct limit_bucket *b)
{
    struct slot *slot = find(s, key);

    if (slot == NULL) {
        limit_bucket_init(b, r, now);
        return NULL;
    }
    *b = (struct limit_bucket){slot->level_utok, slot->carry, slot->filled_at};
    limit_bucket_resize(b, slot->largest_utok, r);
    limit_bucket_refill(b, r, now);
    return slot;
}

static void store(struct limit_shared *s, const struct fingerprint *key,
                  const struct limit_rate *r, mono_us now,
                  const struct limit_bucket *b)
{
    mono_us full = full_at(b, r, now);
    /* Looked up again: an insertion before this one may have moved in. */
    struct slot *slot = find(s, key);

    if (slot == NULL)
        slot = insert(s, key, full, now);
    if (slot->largest_utok < r->capacity_utok)
        slot->largest_utok = r->capacity_utok;
    slot->level_utok = b->level_utok;
    slot->carry = (uint32_t)b->carry;
    slot->filled_at = b->filled_at;
    slot->full_at = full;
}

enum status limit_shared_decide(struct limit_shared *s, enum limit_action act,
                                const struct limit_charge *charges,
                                size_t count, struct limit_verdict *verdicts)
{
    struct fingerprint keys[LIMIT_CHARGES_MAX];
    struct limit_bucket buckets[LIMIT_CHARGES_MAX];
    enum status status = STATUS_OK;
    mono_us now;

    CHECK(count <= LIMIT_CHARGES_MAX);
    for (size_t i = 0; i < count; i++)
        keys[i] = fingerprint_of(&s->secret, charges[i].key);

    pthread_mutex_lock(&s->lock);
    now = clock_mono(s->clock); /* under the lock: never backwards */
    for (size_t i = 0; i < count; i++) {
        const struct limit_charge *c = &charges[i];
        struct slot *slot = load(s, &keys[i], &c->rate, now, &buckets[i]);
        int64_t wait =
            limit_bucket_wait_us(&buckets[i], &c->rate, c->cost_utok, now);

        verdicts[i] = (struct limit_verdict){
            .allowed = wait == 0,
            .is_evaluated = true,
            .remaining_utok = buckets[i].level_utok,
            .wait_us = wait,
        };
        if (wait != 0 && !c->is_shadow)
            status = STATUS_LIMITED;
        /* Being asked for is use. */
        if (wait != 0 && slot != NULL && c->rate.refill_tokens == 0 &&
            act == LIMIT_TAKE)
            slot->full_at = now + UNUSED_US;
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (act != LIMIT_TAKE || !verdicts[i].allowed)
            continue;
        buckets[i].level_utok -= charges[i].cost_utok;
        verdicts[i].remaining_utok = buckets[i].level_utok;
        store(s, &keys[i], &charges[i].rate, now, &buckets[i]);
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

void limit_shared_refund(struct limit_shared *s,
                         const struct limit_charge *charges, size_t count,
                         const struct limit_verdict *verdicts)
{
    pthread_mutex_lock(&s->lock);
    mono_us now = clock_mono(s->clock);

    for (size_t i = 0; i < count; i++) {
        const struct limit_charge *c = &charges[i];
        struct fingerprint key;
        struct limit_bucket b;

        if (!verdicts[i].allowed)
            continue;
        key = fingerprint_of(&s->secret, c->key);
        if (load(s, &key, &c->rate, now, &b) == NULL)
            continue;
        limit_bucket_give(&b, &c->rate, c->cost_utok, now);
        store(s, &key, &c->rate, now, &b);
    }
    pthread_mutex_unlock(&s->lock);
}
