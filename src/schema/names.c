/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/names.c - no member twice, and not too many.
 *
 * A member that the layout knows is a bit in the frame's `seen`. Other keys
 * are kept as prints (name.h) on one list for all open objects: a child's lie
 * behind its parent's and go when it ends. A few are compared one by one; from
 * SET_FROM on the object gets a hash set of its own, at most half full. Where a
 * print falls depends on the process's key, so a million chosen keys cost what
 * a million others do, and the limit on members comes long before.
 */
#include "schema/machine.h"

#define SET_FROM 24
#define SET_SLOTS 128

struct print_set {
    uint32_t mask, count;
    /* {0, 0} is free: it is the print of "" too, which is kept as {1, 0}; no
     * other name's print has hi == 0. */
    struct name_print slots[];
};

static size_t set_bytes(uint32_t slots)
{
    return sizeof(struct print_set) + slots * sizeof(struct name_print);
}

static struct name_print print_stored(struct name_print n)
{
    if (n.hi == 0)
        n.lo = 1;
    return n;
}

/* False when it was there. */
static bool set_put(struct print_set *s, struct name_print n)
{
    uint32_t i = (uint32_t)name_hash(n) & s->mask;

    for (; s->slots[i].lo | s->slots[i].hi; i = (i + 1) & s->mask)
        if (name_print_equal(s->slots[i], n))
            return false;
    s->slots[i] = n;
    s->count++;
    return true;
}

static bool set_grow(struct schema_run *run, struct frame *f)
{
    struct print_set *old = f->set, *s;
    uint32_t slots = old ? (old->mask + 1) * 2 : SET_SLOTS, i;

    s = run_alloc(run, set_bytes(slots));
    if (!s)
        return false;
    s->mask = slots - 1;
    if (!old) {
        for (i = f->prints_at; i < run->print_count; i++)
            set_put(s, print_stored(run->prints[i]));
    } else {
        for (i = 0; i <= old->mask; i++)
            if (old->slots[i].lo | old->slots[i].hi)
                set_put(s, old->slots[i]);
        run_free(run, old, set_bytes(old->mask + 1));
    }
    f->set = s;
    return true;
}

static bool is_listed(const struct schema_run *run, const struct frame *f,
                      struct name_print print)
{
    uint32_t i;

    for (i = f->prints_at; i < run->print_count; i++)
        if (name_print_equal(run->prints[i], print))
            return true;
    return false;
}

void frame_refuse_key(struct schema_run *run)
{
    refuse(run, run->depth - 1, "json.too_many_members",
           "an object may have at most %u members",
           (unsigned)run->limits.max_members);
}

void frame_refuse_twice(struct schema_run *run)
{
    refuse(run, run->depth, "json.duplicate_key",
           "the object has this member twice");
}

bool frame_add_key(struct schema_run *run, struct frame *f,
                   struct name_print print)
{
    bool is_new;

    if (f->set) {
        if ((f->set->count + 1) * 2 > f->set->mask && !set_grow(run, f))
            return false;
        is_new = set_put(f->set, print_stored(print));
    } else {
        is_new = !is_listed(run, f, print);
        if (!run_reserve(run, &run->prints, &run->prints_size,
                         run->print_count + 1, sizeof(*run->prints)))
            return false;
        run->prints[run->print_count].lo = print.lo;
        run->prints[run->print_count++].hi = print.hi;
        if (run->print_count - f->prints_at == SET_FROM && !set_grow(run, f))
            return false;
    }
    if (!is_new)
        frame_refuse_twice(run);
    return is_new;
}

void frame_drop_keys(struct schema_run *run, struct frame *f)
{
    run->print_count = f->prints_at;
    if (f->set)
        run_free(run, f->set, set_bytes(f->set->mask + 1));
    f->set = NULL;
}
