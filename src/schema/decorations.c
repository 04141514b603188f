/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/decorations.c - "x-decorations": ranges over a text beside them.
 *
 * The list may stand before the text, so a decoration is kept, as start, end
 * and whether it is exclusive, until its object ends; what needs no text is
 * told at once. Positions count UTF-16 code units, as the clients that render
 * them do. At most DECORATIONS_MAX are kept for one object, 12 bytes each;
 * more are a violation.
 *
 * Overlap: sorted by their start, each range is compared with the one that
 * reaches furthest among those before it (and furthest among the exclusive
 * ones), so n ranges cost O(n log n). Of two that overlap, the one that comes
 * later in the list is told.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "schema/machine.h"
#include "schema/utf8.h"

#define TOLD_MAX SCHEMA_VIOLATIONS_MAX

void decorations_release(struct schema_run *run, struct extra *x)
{
    struct decorations_state *s = x->decorations;

    if (s)
        run_free(run, s->ranges, s->size * sizeof(*s->ranges));
    x->decorations = NULL;
}

/* ---- one decoration ---- */

static bool bound_read(const struct scalar *s, uint64_t *value)
{
    struct number number;

    *value = s->small;
    if (s->is_small)
        return true;
    number_parse(s->text, &number);
    return number_to_u64(&number, value);
}

static void bound_add(struct decorations_state *s, const struct scalar *scalar)
{
    uint64_t value;

    if (scalar->type != JSON_NUMBER || s->bounds == 2 ||
        !bound_read(scalar, &value)) {
        s->range_is_wrong = true;
        return;
    }
    /* Past any text is past any text. */
    s->bound[s->bounds++] = value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

void decoration_scalar(const struct node *node, struct extra *x,
                       const struct scalar *s)
{
    struct decorations_state *state = x->decorations;

    switch (node->kind) {
    case NODE_DECORATED_TEXT:
        if (s->type == JSON_STRING) {
            state->has_text = true;
            state->text_units = utf8_utf16_units(s->text.data, s->text.len);
        }
        break;
    case NODE_DECORATION: /* an item that is no object */
        state->items++;
        break;
    case NODE_DECORATION_RANGE:
        state->has_range = state->range_is_wrong = true;
        break;
    case NODE_DECORATION_BOUND:
        bound_add(state, s);
        break;
    default:
        break;
    }
}

bool decoration_keep(struct schema_run *run, struct decorations_state *s,
                     bool is_exclusive)
{
    struct range r = {.start = s->bound[0], .end = s->bound[1]};

    r.place = (s->items - 1) & 0x7fffffff;
    r.is_exclusive = is_exclusive;
    if (!run_reserve(run, &s->ranges, &s->size, s->count + 1, sizeof(r)))
        return false;
    s->ranges[s->count++] = r;
    s->has_exclusive |= is_exclusive;
    return true;
}

/* An item of the list has ended. */
void decoration_end(struct schema_run *run, struct inst *inst,
                    const struct frame *f, uint32_t depth)
{
    const struct node_decorations *d = inst->node->decorations;
    struct decorations_state *s = inst->extra->decorations;
    uint32_t seen = (uint32_t)inst->seen;
    char suffix[POINTER_MAX];

    s->items++;
    if (!f->is_object)
        return; /* other rules will say so */
    if (__builtin_popcount(seen & d->exactly_one) != 1)
        violate(run, inst, depth, "decorations.kind",
                "must have exactly one of %s", d->expected);
    if (!s->has_range)
        return;
    if (s->range_is_wrong) {
        snprintf(suffix, sizeof(suffix), "/%s", d->range_pointer);
        violate_below(run, inst, depth, suffix, "decorations.range",
                      "must be two integers: a start of 0 or more, and an end "
                      "above it");
        return;
    }
    if (s->items > DECORATIONS_MAX) {
        if (s->items == DECORATIONS_MAX + 1)
            violate(run, inst, depth, "decorations.range",
                    "is one decoration too many: at most %d are compared",
                    DECORATIONS_MAX);
        return;
    }
    decoration_keep(run, s, (seen & d->exclusive) != 0);
}

/* ---- all of them ---- */

static int range_order(const void *a, const void *b)
{
    const struct range *x = a, *y = b;

    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static int place_order(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void check_lengths(struct schema_run *run, struct inst *inst,
                          uint32_t depth)
{
    const struct node_decorations *d = inst->node->decorations;
    const struct decorations_state *s = inst->extra->decorations;
    char suffix[POINTER_MAX];
    uint32_t i;

    for (i = 0; i < s->count; i++) {
        if (s->ranges[i].end <= s->text_units)
            continue;
        snprintf(suffix, sizeof(suffix), "/%s/%u/%s", d->list_pointer,
                 (unsigned)s->ranges[i].place, d->range_pointer);
        violate_below(run, inst, depth, suffix, "decorations.range",
                      "ends past the text, which has %" PRIu64
                      " UTF-16 code units",
                      s->text_units);
    }
}

/* The later of two that overlap, each once, in the list's order. */
static uint32_t overlaps_find(struct range *list, uint32_t count,
                              uint32_t *found)
{
    const struct range *furthest = NULL, *furthest_exclusive = NULL;
    uint32_t i, n = 0;

    for (i = 1; i < count && range_order(&list[i - 1], &list[i]) <= 0; i++)
        continue;
    if (i < count)
        qsort(list, count, sizeof(*list), range_order);
    for (i = 0; i < count && n < TOLD_MAX; i++) {
        const struct range *r = &list[i];
        const struct range *other =
            r->is_exclusive ? furthest : furthest_exclusive;

        if (other && other->end > r->start)
            found[n++] = other->place > r->place ? other->place : r->place;
        if (!furthest || r->end > furthest->end)
            furthest = r;
        if (r->is_exclusive &&
            (!furthest_exclusive || r->end > furthest_exclusive->end))
            furthest_exclusive = r;
    }
    if (n > 1)
        qsort(found, n, sizeof(*found), place_order);
    return n;
}

/* Sorts the ranges, but only where nobody is to be told of their lengths in
 * the list's order. */
bool decorations_pass(struct extra *x)
{
    struct decorations_state *s = x->decorations;
    uint32_t found[TOLD_MAX], i;

    for (i = 0; s->has_text && i < s->count; i++)
        if (s->ranges[i].end > s->text_units)
            return false;
    return s->count < 2 || !s->has_exclusive ||
           overlaps_find(s->ranges, s->count, found) == 0;
}

void decorations_end(struct schema_run *run, struct inst *inst, uint32_t depth)
{
    const struct node_decorations *d = inst->node->decorations;
    struct decorations_state *s = inst->extra->decorations;
    uint32_t found[TOLD_MAX], i, n;
    char suffix[POINTER_MAX];

    if (s->has_text)
        check_lengths(run, inst, depth);
    if (s->count < 2 || !s->has_exclusive)
        return;
    n = overlaps_find(s->ranges, s->count, found);
    for (i = 0; i < n; i++) {
        if (i > 0 && found[i] == found[i - 1])
            continue;
        snprintf(suffix, sizeof(suffix), "/%s/%u", d->list_pointer,
                 (unsigned)found[i]);
        violate_below(run, inst, depth, suffix, "decorations.overlap",
                      "overlaps another one, and what has %s overlaps "
                      "nothing",
                      d->exclusive_names);
    }
}
