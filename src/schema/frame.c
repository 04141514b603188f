/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/frame.c - an array or object begins and ends.
 *
 * What lies on the stack between a frame's mark and the next one is its own:
 * insts, and where no layout was known in advance, that too. Whatever it owns
 * elsewhere is named in struct frame and goes in frame_end(), or with
 * frames_release() when the run ends early.
 */
#include <string.h>

#include "base/check.h"
#include "schema/machine.h"

/* ---- a layout for duties that were collected ---- */

/* Probes for scalars see nothing of an array or object. */
static bool duty_lays_out(const struct duty *d)
{
    switch (d->node->kind) {
    case NODE_PART_KIND:
    case NODE_PART_URL:
    case NODE_DECORATED_TEXT:
    case NODE_DECORATION_BOUND:
        return false;
    case NODE_FALSE:
        return d->role != ROLE_VALUE;
    default:
        return true;
    }
}

/* A node is laid out once, but for probes, which belong to one asker. */
static uint32_t unit_at(struct layout *l, struct unit *units,
                        const struct node *node)
{
    const struct closure *c = node->closure;
    uint32_t i;

    for (i = 0; i < l->unit_count && node->kind == NODE_PLAIN; i++)
        if (units[i].closure == c)
            return units[i].at;
    units[l->unit_count++] = (struct unit){c, l->inst_count};
    l->inst_count += c->count;
    l->has_values |= c->has_values;
    l->has_hooks |= c->has_hooks;
    l->has_unique |= c->has_unique;
    l->has_unevaluated |= c->has_unevaluated;
    l->has_wide |= c->has_wide;
    return units[l->unit_count - 1].at;
}

/* All insts are on every list: each list's user asks them itself. */
static bool lists_collect(struct schema_run *run, struct layout *l)
{
    uint32_t *all = stack_alloc(run, l->inst_count * sizeof(*all));
    uint32_t *ats = stack_alloc(run, l->unit_count * sizeof(*ats));
    struct layout_list list = {all, l->inst_count};
    uint32_t i;

    if (!all || !ats)
        return false;
    for (i = 0; i < l->inst_count; i++)
        all[i] = i;
    l->ends[0] = l->ends[1] = list;
    l->misfits[0] = l->misfits[1] = list;
    for (i = 0; i < l->unit_count; i++)
        ats[i] = l->units[i].at;
    l->groups = ats;
    l->group_count = l->unit_count;
    l->hooks = all;
    l->hook_count = l->has_hooks ? l->inst_count : 0;
    l->has_max = true;
    return true;
}

static const struct layout *layout_collect(struct schema_run *run,
                                           struct frame *f,
                                           const struct child *child)
{
    struct layout *l = stack_alloc(run, sizeof(*l));
    struct unit *units = stack_alloc(run, child->duty_count * sizeof(*units));
    struct link *links = stack_alloc(run, child->duty_count * sizeof(*links));
    struct inst *insts;
    uint32_t i, n = 0;

    if (!l || !units || !links)
        return NULL;
    memset(l, 0, sizeof(*l));
    for (i = 0; i < child->duty_count; i++) {
        const struct duty *d = &child->duties[i];

        if (duty_lays_out(d))
            links[n++] = (struct link){d->node->kind == NODE_FALSE
                                           ? LINK_FAILED
                                           : unit_at(l, units, d->node),
                                       d->asker, d->role};
    }
    insts = stack_alloc(run, l->inst_count * sizeof(*insts));
    if (!insts)
        return NULL;
    for (i = 0; i < l->unit_count; i++)
        memcpy(insts + units[i].at,
               units[i].closure->settled[settled_for(f->is_object)],
               units[i].closure->count * sizeof(*insts));
    l->units = units;
    if (!lists_collect(run, l))
        return NULL;
    f->insts = insts;
    f->links = links;
    f->link_count = n;
    return l;
}

/* ---- the beginning ---- */

/* Members past the 64th: a bit for each. */
static bool wide_begin(struct schema_run *run, struct frame *f)
{
    uint32_t i;

    for (i = 0; i < f->layout->inst_count; i++) {
        const struct node_object *o = f->insts[i].node->object;
        size_t bytes;

        if (!o || o->bits <= 64)
            continue;
        bytes = (o->bits - 1) / 64 * sizeof(uint64_t);
        f->insts[i].seen_more = stack_alloc(run, bytes);
        if (!f->insts[i].seen_more)
            return false;
        memset(f->insts[i].seen_more, 0, bytes);
    }
    return true;
}

static bool insts_begin(struct schema_run *run, struct frame *f,
                        const struct child *child)
{
    const struct layout *l = child->layout;

    if (l) {
        f->insts = stack_alloc(run, l->inst_count * sizeof(*f->insts));
        if (!f->insts)
            return false;
        memcpy(f->insts, l->settled[settled_for(f->is_object)],
               l->inst_count * sizeof(*f->insts));
        f->links = child->links;
        f->link_count = child->link_count;
    } else {
        l = layout_collect(run, f, child);
        if (!l)
            return false;
    }
    f->layout = l;
    return !l->has_wide || wide_begin(run, f);
}

/* A value that is no scalar where none may be. */
static void false_begin(struct schema_run *run, const struct frame *f,
                        const struct child *child)
{
    uint32_t i;

    for (i = 0; i < child->duty_count; i++) {
        const struct duty *d = &child->duties[i];
        struct inst *asker = &f->askers[d->asker];

        if (d->node->kind == NODE_FALSE && d->role == ROLE_VALUE &&
            inst_is_at_work(asker))
            violate_text(run, asker, run->depth, d->keyword,
                         "is not allowed here");
    }
}

/* Roots learn who asks. */
static void links_begin(struct frame *f)
{
    uint32_t i;

    for (i = 0; i < f->link_count; i++) {
        const struct link *l = &f->links[i];
        const struct inst *asker = &f->askers[l->asker];
        struct inst *root = &f->insts[l->root];

        if (!inst_is_at_work(asker))
            continue;
        f->has_waiting |= l->role != ROLE_VALUE || asker->mode;
        if (l->root == LINK_FAILED)
            continue;
        root->is_live = true;
        if (l->role == ROLE_VALUE) {
            root->uses |= asker->uses;
            root->mode |= asker->mode;
        } else {
            root->mode |= MODE_VERDICT;
        }
        if (root->node->kind != NODE_PLAIN)
            root->extra = asker->extra;
    }
}

/* Probes and whoever needs more than an inst. */
static bool hooks_begin(struct schema_run *run, struct frame *f)
{
    uint32_t i;

    for (i = 0; i < f->layout->hook_count; i++) {
        struct inst *inst = &f->insts[f->layout->hooks[i]];

        if (!inst->is_live)
            continue;
        if (inst->node->kind == NODE_PART)
            part_begin(inst->extra);
        else if (inst->node->kind == NODE_DECORATION)
            decoration_begin(inst->extra);
        else if (inst->node->kind == NODE_PLAIN && !extra_begin(run, f, inst))
            return false;
    }
    return true;
}

static void units_begin(struct schema_run *run, struct frame *f, uint32_t depth)
{
    const struct layout *l = f->layout;
    uint32_t i;

    for (i = 0; i < l->group_count; i++)
        unit_begin_settled(run, &f->insts[l->groups[i]], f->is_object, depth);
}

/* Insts whose type the value has not. */
static void types_begin(struct schema_run *run, struct frame *f, uint32_t depth)
{
    const struct layout_list *misfits =
        &f->layout->misfits[settled_for(f->is_object)];
    enum json_type type = f->is_object ? JSON_OBJECT : JSON_ARRAY;
    uint32_t i;

    for (i = 0; i < misfits->count; i++) {
        struct inst *inst = &f->insts[misfits->at[i]];

        if (inst->is_live && !(inst->node->types & NODE_TYPE(type)) &&
            inst->node->kind != NODE_FALSE)
            violate_type(run, inst->node, inst, type, depth);
    }
}

/* Copied: that is done by vectors, while to clear a struct of this size
 * compilers choose an instruction that takes longer to start. */
const struct frame frame_blank;

void frame_begin(struct schema_run *run, bool is_object)
{
    const struct child *child = run->child;
    uint32_t depth = run->depth;
    const struct layout *l;
    struct frame *f;

    if (!run_reserve(run, &run->frames, &run->frames_size, depth + 2,
                     sizeof(*run->frames)))
        return;
    f = &run->frames[depth + 1];
    *f = frame_blank;
    f->is_object = is_object;
    f->is_awake = true;
    f->mark = stack_mark(run);
    f->tap = run->tap;
    f->prints_at = run->print_count;
    f->notes_at = run->note_count;
    f->key_at = f[-1].key_at + f[-1].key_len;
    f->askers = f[-1].insts;
    if (child->has_false) {
        false_begin(run, f, child);
        wake_settle(run, &f[-1], child);
    }
    if (!insts_begin(run, f, child)) {
        run->top = f - 1;
        return;
    }
    links_begin(f);
    l = f->layout;
    units_begin(run, f, depth);
    types_begin(run, f, depth);
    run->top = f;
    run->depth++;
    if (l->hook_count > 0 && !hooks_begin(run, f))
        return;
    if (run->captured > 0 || l->has_values || (l->has_unique && !is_object))
        capture_begin(run, f);
    if (l->has_unevaluated)
        f->marks =
            stack_alloc(run, (l->inst_count + 63) / 64 * sizeof(uint64_t));
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
        decoration_range_end(inst->extra, f->is_object, f->count);
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

/* Nothing is missing: most objects end so. */
static bool object_is_whole(const struct inst *inst, const struct frame *f)
{
    const struct node_object *o = inst->node->object;

    return o->ends_simply && f->count >= o->min &&
           (!o->required || !(o->required[0] & ~inst->seen));
}

static void insts_end(struct schema_run *run, struct frame *f,
                      struct text canonical, uint32_t depth)
{
    const struct layout_list *ends =
        &f->layout->ends[settled_for(f->is_object)];
    unsigned bits = NODE_TYPE(f->is_object ? JSON_OBJECT : JSON_ARRAY);
    uint32_t i;

    for (i = 0; i < ends->count; i++) {
        struct inst *inst = &f->insts[ends->at[i]];
        const struct node *node = inst->node;

        if (!inst_is_at_work(inst))
            continue;
        if (f->is_object && node->object && !object_is_whole(inst, f))
            check_object_end(run, inst, f, depth);
        else if (!f->is_object && node->array)
            check_array_end(run, inst, f, depth);
        if ((node->enumerated || node->constant) && (node->types & bits))
            check_composite(run, inst, f->is_object ? JSON_OBJECT : JSON_ARRAY,
                            canonical, depth);
        if (node->has_hooks)
            hooks_end(run, f, inst, depth);
    }
}

static void links_end(struct schema_run *run, struct frame *f, uint32_t depth)
{
    uint32_t i;

    for (i = 0; i < f->link_count; i++) {
        const struct link *l = &f->links[i];
        struct inst *asker = &f->askers[l->asker];

        if (inst_is_at_work(asker) && (l->role != ROLE_VALUE || asker->mode))
            unit_deliver(run,
                         l->root == LINK_FAILED ? NULL : &f->insts[l->root],
                         asker, l->role, depth);
    }
}

/* The frame below goes on quickly unless it was told of something. */
static void links_settle(struct schema_run *run, const struct frame *f)
{
    uint32_t i;

    for (i = 0; i < f->link_count && f[-1].stage; i++)
        if (f->askers[f->links[i].asker].failed)
            wake_leave(run, run->top);
}

void frame_release(struct schema_run *run, struct frame *f)
{
    uint32_t i;

    for (i = 0; run->holds > 0 && f->is_awake && i < f->layout->inst_count; i++)
        hold_drop(run, &f->insts[i]);
    if (f->extras)
        extras_release(run, f);
    if (f->unique)
        unique_release(run, f);
    if (f->is_object)
        frame_drop_keys(run, f);
}

void frame_end(struct schema_run *run, struct frame *f)
{
    const struct layout *l = f->layout;
    struct text canonical = {0};
    uint32_t i, depth = run->depth - 1;

    if (f->stage)
        wake_leave(run, f);
    if (f->is_captured)
        canonical = capture_close(run, f);
    insts_end(run, f, canonical, depth);
    for (i = 0; i < l->group_count; i++)
        unit_resolve(run, f, &f->insts[l->groups[i]],
                     NODE_TYPE(f->is_object ? JSON_OBJECT : JSON_ARRAY), depth);
    if (f->has_waiting)
        links_end(run, f, depth);
    if (f->is_captured)
        capture_end(run, f);
    frame_pop(run, f);
    if (f->has_waiting && run->top->stage)
        links_settle(run, f);
}

void frames_release(struct schema_run *run)
{
    for (; run->depth > 0; run->depth--)
        frame_release(run, &run->frames[run->depth]);
}
