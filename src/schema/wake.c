/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/wake.c - from the quick way to the machine.
 *
 * A frame with a stage (stage.h) is asleep: its insts have their place on the
 * stack, and nothing is written there.
 *
 *   wake    it and those below get the insts that they would have by now.
 *           The stage stays: the machine does one child, and if no asker has
 *           failed over it, the next one is quick again.
 *   leave   the same for good.
 *
 * Invariants: below a frame with a stage there are only such, and below one
 * that is awake only such, for children of frames without a stage have none.
 */
#include <string.h>

#include "schema/machine.h"

void wake_base(struct schema_run *run, struct frame *f)
{
    size_t i;

    f->is_awake = true;
    for (i = 0; i < run->plan->root_count; i++) {
        f->insts[i] = inst_blank();
        f->insts[i].uses = run->plan->root_uses[i];
        f->insts[i].is_live = true;
    }
}

/* Who asks is awake: their uses become those of the insts that have any. */
static void uses_spread(struct frame *f)
{
    const struct layout *l = f->layout;
    uint32_t i, k;

    for (i = 0; i < f->link_count; i++)
        f->insts[f->links[i].root].uses = 0;
    for (i = 0; i < f->link_count; i++) {
        const struct inst *asker = &f->askers[f->links[i].asker];

        if (!inst_is_at_work(asker))
            continue;
        f->insts[f->links[i].root].uses |= asker->uses;
        f->has_waiting |= asker->mode;
    }
    for (i = 0; i < l->unit_count; i++) {
        struct inst *root = &f->insts[l->units[i].at];

        for (k = 1; k < l->units[i].closure->count; k++)
            if (root[k].uses)
                root[k].uses = root->uses;
    }
}

static void note_tell(struct schema_run *run, struct frame *f, uint32_t depth,
                      const struct note *n)
{
    struct note now = {
        .step = f->step,
        .name = f->name,
        .count = f->count,
        .taps = run->taps_open,
    };

    f->step = n->step;
    f->name = n->name;
    f->count = n->count;
    run->taps_open = n->taps;
    check_tell(run, n->op, &f->insts[n->inst], n->points, depth);
    f->step = now.step;
    f->name = now.name;
    f->count = now.count;
    run->taps_open = now.taps;
}

static void notes_tell(struct schema_run *run, struct frame *f, uint32_t depth)
{
    uint32_t i, end = run->note_count;
    uint64_t failed;

    if (run->top != f)
        end = f[1].notes_at;
    for (failed = f->failed; failed != 0; failed &= failed - 1) {
        struct inst *inst = &f->insts[__builtin_ctzll(failed)];

        inst->failed = true;
        if (!inst->uses && !(inst->mode & MODE_HELD))
            inst->is_dead = true;
    }
    for (i = f->notes_at; i < end; i++)
        note_tell(run, f, depth, &run->notes[i]);
}

static void wake_one(struct schema_run *run, struct frame *f, uint32_t depth)
{
    const struct stage *s = f->stage;
    uint32_t i;

    f->is_awake = true;
    if (s->is_base) {
        wake_base(run, f);
        return;
    }
    memcpy(f->insts, s->insts, s->layout->inst_count * sizeof(*f->insts));
    f->askers = f[-1].insts;
    uses_spread(f);
    for (i = 0; i < s->hook_count; i++)
        f->insts[s->hooks[i].inst].extra = f->slots[i];
    if (f->failed)
        notes_tell(run, f, depth);
}

void wake_frame(struct schema_run *run, struct frame *f)
{
    uint32_t depth = (uint32_t)(f - run->frames), i = depth;

    while (i > 0 && !run->frames[i].is_awake)
        i--;
    for (i += run->frames[i].is_awake; i <= depth; i++)
        wake_one(run, &run->frames[i], i);
    if (f->step) {
        run->child = f->step->child;
        f->known_name = run->child->known_name;
    }
}

/* The members that came, inst by inst. */
static void sights_see(struct frame *f)
{
    uint64_t seen;
    uint32_t i;

    for (seen = f->seen; seen != 0; seen &= seen - 1) {
        const struct child *c = f->stage->steps[__builtin_ctzll(seen)].child;

        for (i = 0; i < c->sight_count; i++)
            inst_see(&f->insts[c->sights[i].inst], c->sights[i].bit);
    }
}

void wake_leave(struct schema_run *run, struct frame *f)
{
    wake_frame(run, f);
    sights_see(f);
    f->stage = NULL;
}

void wake_settle(struct schema_run *run, struct frame *f,
                 const struct child *child)
{
    uint32_t i;

    for (i = 0; i < child->duty_count && f->stage; i++)
        if (f->insts[child->duties[i].asker].failed)
            wake_leave(run, f);
}
