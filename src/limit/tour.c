/* SPDX-License-Identifier: Apache-2.0
 *
 * limit/tour.c - from place to place, in a fixed order.
 *
 * `order` is sorted so that the charges of one place are neighbours; a stop
 * is the run of them from `at` to `until`. One question is under way at any
 * time: on_answered() notes what it came to and goes on.
 */
#include "limit/tour.h"

#include <string.h>

#include "base/check.h"

#define TOUR_MAGIC 0x4c544f55U /* "LTOU" */
#define RANK_SHADOW 255        /* above every breadth */

/* ---- the order ---- */

struct stop {
    uint8_t charge;
    uint8_t rank; /* of its place */
    redis_place place;
};

/* The place of several charges has the rank of the broadest enforced one. */
static void rank_places(const struct limit_charge *charges, struct stop *stops,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int rank = -1;

        for (size_t j = 0; j < count; j++) {
            const struct limit_charge *c = &charges[stops[j].charge];

            if (stops[j].place == stops[i].place && !c->is_shadow &&
                c->breadth > rank)
                rank = c->breadth;
        }
        stops[i].rank = rank < 0 ? RANK_SHADOW : (uint8_t)rank;
    }
}

static bool is_before(const struct stop *a, const struct stop *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->place < b->place;
}

/* A few, and mostly in order: by insertion, which keeps the order of equals
 * (enforced ones come first). */
static void sort(struct stop *stops, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct stop s = stops[i];
        size_t j = i;

        for (; j > 0 && is_before(&s, &stops[j - 1]); j--)
            stops[j] = stops[j - 1];
        stops[j] = s;
    }
}

static void make_order(struct limit_tour *t)
{
    struct stop stops[LIMIT_CHARGES_MAX];
    bool is_one_place = true;
    size_t count = 0;

    for (size_t i = 0; i < LIMIT_CHARGES_MAX; i++)
        if (limit_set_has(t->which, i)) {
            stops[count] = (struct stop){
                .charge = (uint8_t)i,
                .place = limit_redis_store_place(t->store, &t->charges[i]),
            };
            is_one_place = is_one_place && stops[count].place == stops[0].place;
            count++;
        }
    if (!is_one_place) {
        rank_places(t->charges, stops, count);
        sort(stops, count);
    }
    for (size_t i = 0; i < count; i++) {
        t->order[i] = stops[i].charge;
        t->places[i] = stops[i].place;
    }
    t->count = count;
}

/* ---- the stops ---- */

static size_t end_of_stop(const struct limit_tour *t)
{
    size_t end = t->at + 1;

    if (t->at < t->one_by_one)
        return end;
    while (end < t->count && t->places[end] == t->places[t->at])
        end++;
    return end;
}

/* The stop is left out. */
static void pass_by(struct limit_tour *t, const char *why)
{
    if (why[0] != '\0') {
        t->failed = t->places[t->at];
        memcpy(t->why, why, strlen(why) + 1);
    }
    for (; t->at < t->until; t->at++) {
        uint8_t i = t->order[t->at];

        t->undecided |= UINT32_C(1) << i;
        if (t->action != LIMIT_ASK_GIVE)
            t->verdicts[i] = (struct limit_verdict){
                .allowed = true,
                .remaining_utok = t->charges[i].rate.capacity_utok,
            };
    }
}

static void on_answered(struct limit_ask *ask);

/* A place that took all the time leaves none for the next, which must not be
 * charged, nor blamed, for a question that nobody waits for. */
static bool is_late(const struct limit_tour *t)
{
    return t->deadline <= clock_mono(t->store->clock);
}

/* True: a question is under way. */
static bool ask_next(struct limit_tour *t)
{
    for (; t->at < t->count; pass_by(t, t->ask.why)) {
        t->until = end_of_stop(t);
        t->ask.why[0] = '\0';
        if (!redis_is_up(t->store->redis, t->places[t->at]) || is_late(t))
            continue;
        t->ask.store = t->store;
        t->ask.action =
            t->status == STATUS_LIMITED ? LIMIT_ASK_PEEK : t->action;
        t->ask.charges = t->charges;
        t->ask.which = t->order + t->at;
        t->ask.count = t->until - t->at;
        t->ask.place = t->places[t->at];
        t->ask.deadline = t->deadline;
        t->ask.done = on_answered;
        t->ask.verdicts = t->verdicts;
        if (limit_ask_start(&t->ask) == STATUS_OK)
            return true;
    }
    return false;
}

static void take_answer(struct limit_tour *t)
{
    const struct limit_ask *ask = &t->ask;

    if (ask->status == STATUS_UNAVAILABLE) {
        if (ask->is_moving && ask->count > 1) {
            t->one_by_one = t->until;
            return;
        }
        t->is_unknown =
            t->is_unknown || (ask->is_unknown && ask->action != LIMIT_ASK_PEEK);
        pass_by(t, ask->why);
        return;
    }
    if (ask->status == STATUS_LIMITED)
        t->status = STATUS_LIMITED;
    for (; t->at < t->until; t->at++) {
        uint8_t i = t->order[t->at];

        if (ask->status == STATUS_OK && ask->action == LIMIT_ASK_TAKE &&
            t->verdicts[i].allowed)
            t->taken |= UINT32_C(1) << i;
    }
}

static void on_answered(struct limit_ask *ask)
{
    struct limit_tour *t = CONTAINER_OF(ask, struct limit_tour, ask);

    CHECK(t->magic == TOUR_MAGIC);
    if (t->store != NULL) {
        take_answer(t);
        if (ask_next(t))
            return;
    }
    MAGIC_CLEAR(t);
    t->done(t);
}

static bool is_hopeless(const struct limit_tour *t)
{
    for (size_t i = 0; t->is_strict && i < t->count; i++)
        if (!t->charges[t->order[i]].is_shadow &&
            !redis_is_up(t->store->redis, t->places[i]))
            return true;
    return false;
}

enum status limit_tour_start(struct limit_tour *t)
{
    MAGIC_SET(t, TOUR_MAGIC);
    t->status = STATUS_OK;
    t->taken = t->undecided = 0;
    t->is_unknown = false;
    t->failed = 0;
    t->why[0] = '\0';
    t->at = t->until = t->one_by_one = 0;
    make_order(t);
    if (is_hopeless(t)) {
        t->until = t->count;
        pass_by(t, "");
    }
    if (ask_next(t))
        return STATUS_OK;
    MAGIC_CLEAR(t);
    return STATUS_UNAVAILABLE;
}

void limit_tour_abandon(struct limit_tour *t)
{
    t->store = NULL;
    t->ask.store = NULL;
}
