/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/unevaluated.c - "unevaluatedProperties", "unevaluatedItems".
 *
 * Whether a member was evaluated by a branch of an anyOf counts only if that
 * branch passes, which is known when the object ends; but its value streams
 * by now. So every child is marked with the insts of the unit that evaluated
 * it (a bit for each), and the keyword's schema is applied to it at once:
 *
 *   marked by an inst that must pass anyway ("allOf", "$ref")   evaluated
 *   the keyword's schema passes                                 no matter
 *   marked by nobody below                                      a violation
 *   else                                                        a record
 *
 * A record is the marks and the violation it would be. When the object ends
 * and the verdicts are known, a record counts unless an inst that marked it
 * passed and contributes. At most RECORDS_MAX are kept for one inst; more are
 * a violation, since nobody could tell.
 *
 * JSON Schema 2020-12, core, sections 7.7.1 and 11.
 */
#include <string.h>

#include "schema/machine.h"

#define RECORDS_MAX 1024

struct record {
    struct held *violation;
    uint64_t *marks;
};

struct unevaluated {
    uint32_t words; /* of a set of insts */
    bool is_full;
    uint64_t *certain; /* insts that pass if this one does */
    uint64_t *below;   /* insts that may contribute */
    struct record *records;
    uint32_t count, size;
};

static bool has(const uint64_t *set, size_t i)
{
    return set[i / 64] >> (i % 64) & 1;
}

static void add(uint64_t *set, size_t i)
{
    set[i / 64] |= (uint64_t)1 << (i % 64);
}

static bool intersects(const uint64_t *a, const uint64_t *b, uint32_t words)
{
    uint32_t i;

    for (i = 0; i < words; i++)
        if (a[i] & b[i])
            return true;
    return false;
}

/* Sets are of places in the frame. */
static size_t place_of(const struct frame *f, const struct inst *inst)
{
    return (size_t)(inst - f->insts);
}

/* ---- which insts contribute ---- */

enum reach { REACH_CERTAIN, REACH_BELOW, REACH_PASSED };

static bool contributes(const struct inst *inst, enum place_kind kind,
                        uint32_t place, const struct inst *child,
                        bool if_passed)
{
    if (!child->is_live || child->failed)
        return false;
    switch (kind) {
    case PLACE_THEN:
        return if_passed;
    case PLACE_ELSE:
        return !if_passed;
    case PLACE_DEPENDENT:
        return inst_has_seen(inst, inst->node->combo->places[place].bit);
    default:
        return true;
    }
}

static void reach_from(const struct frame *f, const struct inst *inst,
                       enum reach reach, uint64_t *set)
{
    const struct inst *root = inst - inst->at;
    const struct combo *c = inst->node->combo;
    const uint32_t *children = inst->closure->entries[inst->at].children;
    bool if_passed = false;
    int kind;
    uint32_t k;

    if (reach == REACH_PASSED && c->begin[PLACE_IF] < c->begin[PLACE_IF + 1]) {
        const struct inst *i = &root[children[c->begin[PLACE_IF]]];

        if_passed = i->is_live && !i->failed;
    }
    for (kind = 0; kind < PLACE_KINDS; kind++) {
        if (kind == PLACE_NOT || (reach == REACH_CERTAIN && kind != PLACE_ALL))
            continue;
        for (k = c->begin[kind]; k < c->begin[kind + 1]; k++)
            if (reach != REACH_PASSED ||
                contributes(inst, (enum place_kind)kind, k, &root[children[k]],
                            if_passed))
                add(set, place_of(f, &root[children[k]]));
    }
}

/* The insts under `from`, itself not; a closure has parents first. */
static void reach_all(const struct frame *f, const struct inst *from,
                      enum reach reach, uint64_t *set)
{
    const struct inst *inst = from, *end;
    size_t own = place_of(f, from);

    add(set, own);
    for (end = from - from->at + from->closure->count; inst < end; inst++)
        if (has(set, place_of(f, inst)) && inst->node->combo)
            reach_from(f, inst, reach, set);
    set[own / 64] &= ~((uint64_t)1 << (own % 64));
}

/* ---- life ---- */

bool unevaluated_begin(struct schema_run *run, struct extra *x,
                       const struct frame *f, struct inst *inst)
{
    struct unevaluated *s;
    uint32_t words = (f->layout->inst_count + 63) / 64;

    s = run_alloc(run, sizeof(*s) + 2 * words * sizeof(uint64_t));
    x->unevaluated = s;
    if (!s)
        return false;
    s->words = words;
    s->certain = (uint64_t *)(s + 1);
    s->below = s->certain + words;
    reach_all(f, inst, REACH_CERTAIN, s->certain);
    reach_all(f, inst, REACH_BELOW, s->below);
    return true;
}

void unevaluated_release(struct schema_run *run, struct extra *x)
{
    struct unevaluated *s = x->unevaluated;
    uint32_t i;

    if (!s)
        return;
    for (i = 0; i < s->count; i++) {
        violation_unref(run, s->records[i].violation);
        run_free(run, s->records[i].marks, s->words * sizeof(uint64_t));
    }
    run_free(run, s->records, s->size * sizeof(*s->records));
    run_free(run, s, sizeof(*s) + 2 * s->words * sizeof(uint64_t));
    x->unevaluated = NULL;
}

/* ---- children ---- */

void unevaluated_mark(struct frame *f, const struct inst *inst)
{
    add(f->marks, place_of(f, inst));
}

void unevaluated_child(struct schema_run *run, struct frame *f)
{
    uint32_t i;

    /* Last to first: an inst that evaluates whatever is left has done so for
     * those above it. */
    for (i = f->layout->inst_count; i-- > 0;) {
        struct inst *inst = &f->insts[i];
        const struct node_object *o = inst->node->object;
        const struct node_array *a = inst->node->array;
        const struct node *child;

        if (!inst_is_at_work(inst) || !inst->extra ||
            !inst->extra->unevaluated || has(f->marks, i))
            continue;
        child = f->is_object ? o->unevaluated : a->unevaluated;
        if (child && !intersects(f->marks, inst->extra->unevaluated->certain,
                                 inst->extra->unevaluated->words))
            duty_add(run, child, i,
                     f->is_object ? "unevaluatedProperties"
                                  : "unevaluatedItems",
                     ROLE_UNEVALUATED);
        else
            add(f->marks, i);
    }
}

void unevaluated_result(struct schema_run *run, struct frame *f,
                        struct inst *inst, bool failed, uint32_t depth)
{
    struct unevaluated *s = inst->extra->unevaluated;
    const uint64_t *marks = f->marks;
    const char *rule =
        f->is_object ? "unevaluatedProperties" : "unevaluatedItems";
    bool is_evaluated = has(marks, place_of(f, inst)) || /* by "contains" */
                        intersects(marks, s->certain, s->words);
    struct record *r;

    /* Whatever was left is evaluated by this keyword, for those above. */
    unevaluated_mark(f, inst);
    if (!failed || is_evaluated || s->is_full)
        return;
    if (!intersects(marks, s->below, s->words)) {
        violate_text(run, inst, depth, rule, "is not allowed here");
        return;
    }
    if (s->count == RECORDS_MAX) {
        s->is_full = true;
        violate(run, inst, depth, rule,
                "cannot be told to be allowed: it is one of more than %d",
                RECORDS_MAX);
        return;
    }
    if (!run_grow(run, &s->records, &s->size, s->count + 1, sizeof(*r)))
        return;
    r = &s->records[s->count];
    r->violation = violation_keep(run, depth, rule, "is not allowed here");
    if (!r->violation)
        return;
    r->marks = run_alloc(run, s->words * sizeof(uint64_t));
    if (!r->marks) {
        violation_unref(run, r->violation);
        return;
    }
    memcpy(r->marks, marks, s->words * sizeof(uint64_t));
    s->count++;
}

void unevaluated_end(struct schema_run *run, const struct frame *f,
                     struct inst *inst)
{
    struct unevaluated *s = inst->extra->unevaluated;
    struct stack_mark mark = stack_mark(run);
    uint64_t *passed;
    uint32_t i;

    /* If it failed already, what did not pass has said why. */
    if (s->count == 0 || inst->failed)
        return;
    passed = stack_alloc(run, s->words * sizeof(uint64_t));
    if (!passed)
        return;
    memset(passed, 0, s->words * sizeof(uint64_t));
    reach_all(f, inst, REACH_PASSED, passed);
    for (i = 0; i < s->count; i++)
        if (!intersects(s->records[i].marks, passed, s->words))
            violate_kept(run, inst, s->records[i].violation);
    stack_reset(run, mark);
}
