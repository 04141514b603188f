/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/verdict.c - do the units of a frame pass that are no mere "and"?
 *
 * For a frame with a stage, from what it knows: the stage's insts, the
 * members that came, the insts that failed. unit_resolve() says the same
 * about insts that are written, and why not.
 */
#include "schema/machine.h"

/* Verdicts of a stage's insts, none asked for twice. */
struct verdicts {
    const struct frame *f;
    const struct inst *insts;
    uint64_t known, passed; /* bits */
};

static bool inst_passes(struct verdicts *v, uint32_t at);

static uint32_t places_count(const struct combo *c, enum place_kind kind)
{
    return c->begin[kind + 1] - c->begin[kind];
}

static uint32_t passes_count(struct verdicts *v, const struct inst *inst,
                             enum place_kind kind)
{
    const struct combo *c = inst->node->combo;
    const uint32_t *children = inst->closure->entries[inst->at].children;
    uint32_t root = (uint32_t)(inst - v->insts) - inst->at, i, n = 0;

    for (i = c->begin[kind]; i < c->begin[kind + 1]; i++)
        n += inst_passes(v, root + children[i]);
    return n;
}

static bool group_passes(struct verdicts *v, const struct inst *inst,
                         enum group g)
{
    enum place_kind kind = g == GROUP_ANY ? PLACE_ANY : PLACE_ONE;
    const struct combo *c = inst->node->combo;
    uint32_t root = (uint32_t)(inst - v->insts) - inst->at, n;

    if (places_count(c, kind) == 0)
        return true;
    if (inst->decided[g] != NO_BRANCH)
        return inst_passes(
            v,
            root + inst->closure->entries[inst->at]
                       .children[c->begin[kind] + (uint32_t)inst->decided[g]]);
    n = passes_count(v, inst, kind);
    return g == GROUP_ANY ? n > 0 : n == 1;
}

static bool combo_passes(struct verdicts *v, const struct inst *inst)
{
    const struct combo *c = inst->node->combo;
    enum place_kind next;

    if (passes_count(v, inst, PLACE_ALL) != places_count(c, PLACE_ALL) ||
        !group_passes(v, inst, GROUP_ANY) || !group_passes(v, inst, GROUP_ONE))
        return false;
    if (places_count(c, PLACE_NOT) && passes_count(v, inst, PLACE_NOT))
        return false;
    if (!places_count(c, PLACE_IF))
        return true;
    next = passes_count(v, inst, PLACE_IF) ? PLACE_THEN : PLACE_ELSE;
    return passes_count(v, inst, next) == places_count(c, next);
}

/* What check_object_end(), check_array_end() say, and whether places hold. */
static bool inst_passes(struct verdicts *v, uint32_t at)
{
    const struct inst *inst = &v->insts[at];
    const struct stage_end *end = &v->f->stage->ends[at];
    uint64_t bit = (uint64_t)1 << at;
    bool passed;

    if (!inst->is_live)
        return false;
    if (v->known & bit)
        return (v->passed & bit) != 0;
    passed = !(v->f->failed & bit) && !(end->required & ~v->f->seen) &&
             v->f->count >= end->min &&
             (!inst->node->combo || combo_passes(v, inst));
    v->known |= bit;
    v->passed |= passed ? bit : 0;
    return passed;
}

static bool units_work_out(const struct frame *f)
{
    const struct stage *s = f->stage;
    struct verdicts v = {.f = f, .insts = s->insts};
    uint32_t i;

    for (i = 0; i < s->unit_count; i++)
        if (!inst_passes(&v, s->units[i]))
            return false;
    return true;
}

/* Most bodies end their objects in few ways: those that passed are known. */
bool verdict_units(struct schema_run *run, const struct frame *f)
{
    const struct stage *s = f->stage;
    struct ending *e = &run->endings[s->ending % ENDINGS_KEPT];

    if (e->stage == s && e->seen == f->seen && e->failed == f->failed)
        return true;
    if (!units_work_out(f))
        return false;
    if (!s->units_count)
        *e = (struct ending){s, f->seen, f->failed};
    return true;
}
