/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/frame.c - an array or object begins and ends.
 *
 * What lies on the stack between a frame's mark and the next one is its own:
 * units, insts, links. Whatever it owns elsewhere is named in struct frame
 * and goes in frame_end(), or with frames_release() when the run ends early.
 */
#include <string.h>

#include "base/check.h"
#include "schema/machine.h"

/* Does a value that is no scalar concern this duty? Says so where a false
 * schema forbids it. */
static bool duty_applies(struct schema_run *run, const struct duty *d)
{
    if (!d->parent->is_live || d->parent->is_dead)
        return false;
    switch (d->node->kind) {
    case NODE_FALSE:
        if (d->role != ROLE_VALUE)
            return true;
        violate(run, d->parent, run->depth, d->keyword, "is not allowed here");
        return false;
    case NODE_PART_KIND:
    case NODE_PART_URL:
    case NODE_DECORATED_TEXT:
    case NODE_DECORATION_BOUND:
        return false; /* they look at scalars */
    default:
        return true;
    }
}

/* A node is laid out once, but for probes, which belong to one asker. */
static struct unit *unit_for(struct schema_run *run, struct frame *f,
                             const struct node *node)
{
    const struct closure *c = node->closure;
    struct unit *u;
    uint32_t i;

    for (i = 0; i < f->unit_count && node->kind == NODE_PLAIN; i++)
        if (f->units[i].closure == c)
            return &f->units[i];
    u = &f->units[f->unit_count++];
    unit_init(run, u, c, f->insts + f->inst_count);
    f->inst_count += c->count;
    f->has_unevaluated |= c->has_unevaluated;
    f->has_values |= c->has_values;
    f->has_hooks |= c->has_hooks;
    f->has_unique |= c->has_unique;
    return u;
}

/* Duties become units; one that somebody waits for is linked. */
static bool units_lay_out(struct schema_run *run, struct frame *f)
{
    uint32_t i, n = 0;
    size_t insts = 0;

    for (i = 0; i < run->duty_count; i++) {
        if (!duty_applies(run, &run->duties[i]))
            continue;
        if (run->duties[i].node->closure)
            insts += run->duties[i].node->closure->count;
        run->duties[n++] = run->duties[i];
    }
    if (n == 0)
        return true;
    f->units = stack_alloc(run, n * sizeof(*f->units));
    f->links = stack_alloc(run, n * sizeof(*f->links));
    f->insts = stack_alloc(run, insts * sizeof(*f->insts));
    if (!f->units || !f->links || !f->insts)
        return false;
    for (i = 0; i < n; i++) {
        const struct duty *d = &run->duties[i];
        struct inst *root = NULL;

        if (d->node->kind != NODE_FALSE) {
            root = unit_for(run, f, d->node)->insts;
            root->uses |= d->role == ROLE_VALUE ? d->parent->uses : 0;
            root->mode |=
                d->role == ROLE_VALUE ? d->parent->mode : MODE_VERDICT;
            if (d->node->kind != NODE_PLAIN)
                root->extra = d->parent->extra;
        }
        if (d->role != ROLE_VALUE || d->parent->mode)
            f->links[f->link_count++] = (struct link){root, d->parent, d->role};
    }
    return run->status == STATUS_OK;
}

/* Probes and whoever needs more than an inst. */
static bool hooks_begin(struct schema_run *run, struct frame *f)
{
    uint32_t i;

    for (i = 0; i < f->inst_count; i++) {
        struct inst *inst = &f->insts[i];

        if (!inst->node->has_hooks)
            continue;
        if (inst->node->kind == NODE_PART)
            part_begin(inst);
        else if (inst->node->kind == NODE_DECORATION)
            decoration_begin(inst);
        else if (inst->node->kind == NODE_PLAIN && !extra_begin(run, f, inst))
            return false;
    }
    return true;
}

void frame_begin(struct schema_run *run, bool is_object)
{
    enum json_type type = is_object ? JSON_OBJECT : JSON_ARRAY;
    uint32_t i, depth = run->depth;
    struct frame *f;

    if (!run_reserve(run, &run->frames, &run->frames_size, depth + 1,
                     sizeof(*run->frames)))
        return;
    f = &run->frames[depth];
    memset(f, 0, sizeof(*f));
    f->is_object = is_object;
    f->mark = stack_mark(run);
    f->tap = run->tap;
    f->prints_at = run->print_count;
    if (depth > 0)
        f->key_at = f[-1].key_at + f[-1].key_len;
    if (!units_lay_out(run, f))
        return;
    for (i = 0; i < f->unit_count; i++)
        unit_begin(run, &f->units[i], NODE_TYPE(type), depth);
    for (i = 0; i < f->inst_count; i++)
        if (!(f->insts[i].node->types & NODE_TYPE(type)) &&
            f->insts[i].is_live && f->insts[i].node->kind != NODE_FALSE)
            violate_type(run, f->insts[i].node, &f->insts[i], type, depth);
    run->depth++;
    if (f->has_hooks && !hooks_begin(run, f))
        return;
    if (run->captured > 0 || f->has_values || (f->has_unique && !is_object))
        capture_begin(run, f);
}

/* ---- the end ---- */

static void hooks_end(struct schema_run *run, struct frame *f,
                      struct inst *inst, uint32_t depth)
{
    switch (inst->node->kind) {
    case NODE_PART:
        part_end(run, inst, depth);
        break;
    case NODE_DECORATION:
        decoration_end(run, inst, f, depth);
        break;
    case NODE_DECORATION_RANGE:
        decoration_range_end(inst, f);
        break;
    case NODE_PLAIN:
        if (inst->extra && inst->extra->parts)
            parts_end(run, inst, f, depth);
        if (inst->extra && inst->extra->decorations)
            decorations_end(run, inst, depth);
        break;
    default:
        break;
    }
}

static void insts_end(struct schema_run *run, struct frame *f,
                      struct text canonical, uint32_t depth)
{
    unsigned bits = NODE_TYPE(f->is_object ? JSON_OBJECT : JSON_ARRAY);
    uint32_t i;

    for (i = 0; i < f->inst_count; i++) {
        struct inst *inst = &f->insts[i];
        const struct node *node = inst->node;

        if (!inst->is_live || inst->is_dead)
            continue;
        if (f->is_object && node->object)
            check_object_end(run, inst, f, depth);
        else if (!f->is_object && node->array)
            check_array_end(run, inst, f, depth);
        if ((node->enumerated || node->constant) && (node->types & bits))
            check_composite(run, inst, canonical, depth);
        if (node->has_hooks)
            hooks_end(run, f, inst, depth);
    }
}

static void frame_release(struct schema_run *run, struct frame *f)
{
    uint32_t i;

    for (i = 0; run->holds > 0 && i < f->inst_count; i++)
        hold_drop(run, &f->insts[i]);
    if (f->extras)
        extras_release(run, f);
    if (f->unique)
        unique_release(run, f);
    if (f->is_object)
        frame_drop_keys(run, f);
}

void frame_end(struct schema_run *run)
{
    struct frame *f = &run->frames[run->depth - 1];
    uint32_t i, depth = run->depth - 1;
    struct text canonical = {0};

    if (f->is_captured)
        canonical = capture_close(run, f);
    insts_end(run, f, canonical, depth);
    for (i = 0; i < f->unit_count; i++)
        if (f->units[i].closure->count > 1 || f->has_unevaluated)
            unit_resolve(run, &f->units[i], depth);
    for (i = 0; i < f->link_count; i++)
        unit_deliver(run, &f->links[i], depth);
    if (f->is_captured)
        capture_end(run, f);
    frame_release(run, f);
    stack_reset(run, f->mark);
    run->depth--;
}

void frames_release(struct schema_run *run)
{
    while (run->depth > 0)
        frame_release(run, &run->frames[--run->depth]);
}
