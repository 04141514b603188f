/* SPDX-License-Identifier: Apache-2.0
 *
 * limit/denied.c - a fixed table of denials, four to a set.
 *
 * A key's fingerprint chooses its set; when all four places are taken by
 * denials that still hold, the one that ends soonest goes. Forgetting is
 * always safe: Redis is asked again. 4096 denials of 72 bytes: 288 KiB a
 * worker, allocated once.
 */
#include "limit/denied.h"

#include <stdlib.h>

#include "base/fingerprint.h"

#define SETS 1024 /* a power of two */
#define WAYS 4

struct denial {
    struct fingerprint key;
    struct limit_rate rate;
    int64_t cost_utok;
    int64_t remaining_utok;
    mono_us until;    /* 0: empty */
    mono_us there_at; /* when the cost will be there, INT64_MAX: never */
};

struct limit_denied {
    struct fingerprint_key secret;
    mono_us last; /* no denial holds after this: nothing to look for */
    struct denial sets[SETS][WAYS];
};

enum status limit_denied_new(struct limit_denied **out)
{
    struct limit_denied *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return STATUS_NO_MEMORY;
    if (fingerprint_key_init(&d->secret) != STATUS_OK) {
        free(d);
        return STATUS_UNAVAILABLE;
    }
    *out = d;
    return STATUS_OK;
}

void limit_denied_free(struct limit_denied *d)
{
    free(d);
}

void limit_denied_clear(struct limit_denied *d)
{
    memset(d->sets, 0, sizeof(d->sets));
    d->last = 0;
}

/* The key's place, or the one that it may have. */
static struct denial *place_of(struct limit_denied *d,
                               const struct fingerprint *key)
{
    struct denial *set = d->sets[key->a % SETS];
    struct denial *soonest = &set[0];

    for (int i = 0; i < WAYS; i++) {
        if (fingerprint_equal(set[i].key, *key))
            return &set[i];
        if (set[i].until < soonest->until)
            soonest = &set[i];
    }
    return soonest;
}

static bool same_rate(const struct limit_rate *a, const struct limit_rate *b)
{
    return a->capacity_utok == b->capacity_utok &&
           a->refill_tokens == b->refill_tokens && a->period_us == b->period_us;
}

void limit_denied_add(struct limit_denied *d, const struct limit_charge *c,
                      int64_t remaining_utok, int64_t wait_us, mono_us now)
{
    struct fingerprint name = fingerprint_of(&d->secret, c->key);
    struct denial *place = place_of(d, &name);
    int64_t certain =
        wait_us < LIMIT_DENIED_MAX_US ? wait_us : LIMIT_DENIED_MAX_US;

    *place = (struct denial){
        .key = name,
        .rate = c->rate,
        .cost_utok = c->cost_utok,
        .remaining_utok = remaining_utok,
        .until = now + certain,
        .there_at = wait_us == LIMIT_WAIT_NEVER ? INT64_MAX : now + wait_us,
    };
    if (place->until > d->last)
        d->last = place->until;
}

void limit_denied_forget(struct limit_denied *d, struct text key)
{
    struct fingerprint name = fingerprint_of(&d->secret, key);
    struct denial *place = place_of(d, &name);

    if (fingerprint_equal(place->key, name))
        *place = (struct denial){.until = 0};
}

bool limit_denied_find(const struct limit_denied *d,
                       const struct limit_charge *c, mono_us now,
                       int64_t *wait_us, int64_t *remaining_utok)
{
    const struct denial *set;
    struct fingerprint name;

    if (d->last <= now)
        return false;
    name = fingerprint_of(&d->secret, c->key);
    set = d->sets[name.a % SETS];
    for (int i = 0; i < WAYS; i++) {
        if (!fingerprint_equal(set[i].key, name))
            continue;
        if (set[i].until <= now || c->cost_utok < set[i].cost_utok ||
            !same_rate(&c->rate, &set[i].rate))
            return false;
        *wait_us = set[i].there_at == INT64_MAX ? LIMIT_WAIT_NEVER
                                                : set[i].there_at - now;
        *remaining_utok = set[i].remaining_utok;
        return true;
    }
    return false;
}
