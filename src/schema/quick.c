/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/quick.c - the way of a body in which nothing is wrong.
 *
 * A frame with a stage (stage.h) is *asleep*: its insts have their place on
 * the stack, and nothing is written there. What each event asks is whether
 * all is well; if so it is done with, and if not the machine is asked:
 *
 *   wake    the frames from the base up to this one get the insts that they
 *           would have by now. The stage stays: the machine does one child,
 *           and if no asker has failed over it, the next one is quick again.
 *   leave   the same for good.
 *
 * A scalar that fails a branch of which only the verdict is asked, or whose
 * findings count only if the branch turns out to matter, is nothing wrong
 * yet: the inst is noted in `failed`, and what it would have found in a note,
 * from which waking makes it. Only the top frame takes notes, so they are a
 * stack.
 *
 * Invariants: a sleeping frame has only sleeping or woken frames below, each
 * with a stage, for children of frames without one have none. Nothing is
 * written, but for `failed` and notes, before it is known that all is well.
 */
#include <string.h>

#include "base/check.h"
#include "schema/machine.h"

/* ---- waking ---- */

void quick_base_wake(struct schema_run *run, struct frame *f)
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

/* What check_scalar() says. */
static void op_tell(struct schema_run *run, const struct op *op,
                    struct inst *to, uint32_t depth)
{
    if (op->kind == OP_ENUM)
        violate_text(run, to, depth, "enum", op->node->enumerated->must_be);
    else if (op->kind == OP_CONST)
        violate_text(run, to, depth, "const", op->node->constant->must_be);
    else
        violate_text(run, to, depth, "not", CHECK_EXCLUDED);
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
    op_tell(run, n->op, &f->insts[n->inst], depth);
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

static void frame_wake(struct schema_run *run, struct frame *f, uint32_t depth)
{
    const struct stage *s = f->stage;
    uint32_t i;

    f->is_awake = true;
    if (s->is_base) {
        quick_base_wake(run, f);
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

void quick_wake(struct schema_run *run, struct frame *f)
{
    uint32_t depth = (uint32_t)(f - run->frames), i = depth;

    while (i > 0 && !run->frames[i].is_awake)
        i--;
    for (i += run->frames[i].is_awake; i <= depth; i++)
        frame_wake(run, &run->frames[i], i);
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

void quick_leave(struct schema_run *run, struct frame *f)
{
    quick_wake(run, f);
    sights_see(f);
    f->stage = NULL;
}

void quick_settle(struct schema_run *run, struct frame *f,
                  const struct child *child)
{
    uint32_t i;

    for (i = 0; i < child->duty_count && f->stage; i++)
        if (f->insts[child->duties[i].asker].failed)
            quick_leave(run, f);
}

/* ---- scalars ---- */

static bool op_passes(struct schema_run *run, const struct op *op,
                      struct scalar *s)
{
    const struct node *n = op->node;
    struct inst asker;

    switch (op->kind) {
    case OP_ENUM:
        return scalar_find(&n->enumerated->strings, s) != NULL;
    case OP_CONST:
        return scalar_find(&n->constant->strings, s) != NULL;
    case OP_NOT:
        return scalar_find(&n->excluded->strings, s) == NULL;
    case OP_LENGTH:
        return check_length_passes(n->string, s);
    case OP_PATTERN:
        return pattern_match(n->string->pattern, &run->budget, s->text) ==
               PATTERN_MATCH;
    case OP_FORMAT:
        return n->string->format->matches(s->text);
    case OP_NODE:
        asker = inst_asker();
        check_scalar(run, n, &asker, s, run->depth);
        return !asker.failed;
    case OP_CLOSURE:
        return unit_accepts(run, n->closure, s);
    }
    return false;
}

/* Askers that may fail. */
static bool op_note(struct schema_run *run, struct frame *f,
                    const struct op *op)
{
    uint64_t held = op->held;

    f->failed |= op->askers;
    for (; held != 0; held &= held - 1) {
        if (run->note_count == NOTES_MAX)
            return false;
        run->notes[run->note_count++] = (struct note){
            .op = op,
            .step = f->step,
            .name = f->name,
            .count = f->count,
            .inst = (uint32_t)__builtin_ctzll(held),
            .taps = run->taps_open,
        };
    }
    return true;
}

static bool type_passes(unsigned types, struct scalar *s)
{
    unsigned type = NODE_TYPE(s->type);

    if (s->type == JSON_NUMBER &&
        (types & (NODE_TYPE(JSON_NUMBER) | NODE_INTEGER)) == NODE_INTEGER) {
        scalar_type_number(s);
        type = s->bits;
    }
    return (types & type) != 0;
}

static bool ops_pass(struct schema_run *run, struct frame *f,
                     const struct step *step, struct scalar *s)
{
    int k = s->type == JSON_STRING ? STEP_STRING : STEP_NUMBER;
    const struct op *op = step->ops[k], *end = op + step->op_count[k];

    if (s->type < JSON_NUMBER || op == end)
        return true;
    if (s->type == JSON_NUMBER)
        scalar_type_number(s);
    for (; op < end; op++) {
        if (!op->must_pass && !op->held && !(op->askers & ~f->failed))
            continue; /* they are out already */
        if (op_passes(run, op, s))
            continue;
        if (op->must_pass || f->is_awake || !op_note(run, f, op))
            return false;
    }
    return true;
}

/* Where the value of a selector's member leads. */
static const struct step *step_chosen(struct frame *f, const struct step *step,
                                      const struct stage **stage,
                                      struct scalar *s)
{
    while (step && step->choice) {
        const struct name *found =
            s->type == JSON_STRING && !f->failed && !f->is_awake
                ? scalar_find(&step->choice->selector->values, s)
                : NULL;
        const struct stage *to =
            found ? step->choice
                        ->to[((const struct selector_value *)found)->branch]
                  : NULL;

        step = to ? to->steps + (step - (*stage)->steps) : NULL;
        *stage = to;
    }
    return step;
}

static void looks_do(struct frame *f, const struct step *step, struct scalar *s)
{
    uint32_t i;

    for (i = 0; i < step->look_count; i++) {
        const struct look *g = &step->looks[i];

        if (g->node->kind <= NODE_PART_URL)
            part_scalar(g->node, f->slots[g->slot], s);
        else
            decoration_scalar(g->node, f->slots[g->slot], s);
    }
}

bool quick_scalar(struct schema_run *run, struct frame *f, struct scalar *s)
{
    const struct step *step = f->step;
    const struct stage *stage = f->stage;
    uint64_t steps = run->budget.steps, failed = f->failed;
    uint32_t notes = run->note_count;

    if (step->choice) {
        step = step_chosen(f, step, &stage, s);
        if (!step)
            return false;
    }
    if (!type_passes(step->types, s) || !ops_pass(run, f, step, s)) {
        /* Nothing happened: the machine starts over. */
        run->budget.steps = steps;
        run->note_count = notes;
        f->failed = failed;
        return false;
    }
    f->stage = stage;
    f->step = step;
    if (step->look_count > 0)
        looks_do(f, step, s);
    return true;
}

/* ---- an array or object begins ---- */

static bool hooks_begin(struct schema_run *run, struct frame *f)
{
    const struct stage *s = f->stage;
    struct extra *x;
    uint32_t i;

    f->slots = stack_alloc(run, s->hook_count * sizeof(struct extra *));
    for (i = 0; f->slots && i < s->hook_count; i++) {
        const struct hook *h = &s->hooks[i];

        if (h->kind == HOOK_PROBE) {
            x = f[-1].slots[h->from];
            if (h->node->kind == NODE_PART)
                part_begin(x);
            else if (h->node->kind == NODE_DECORATION)
                decoration_begin(x);
        } else {
            x = stack_alloc(run, sizeof(*x));
            if (!x)
                return false;
            *x = (struct extra){.next = f->extras};
            f->extras = x;
            if (!(h->kind == HOOK_PARTS ? parts_begin(run, x)
                                        : decorations_begin(run, x)))
                return false;
        }
        f->slots[i] = x;
    }
    return f->slots != NULL;
}

bool quick_begin(struct schema_run *run, struct frame *below, bool is_object)
{
    const struct step *step = below->step;
    const struct stage *s = step->begins[settled_for(is_object)];
    struct frame *f;

    if (!s || run->tap != step->tap)
        return false;
    if (!run_reserve(run, &run->frames, &run->frames_size, run->depth + 2,
                     sizeof(*run->frames)))
        return true;
    f = &run->frames[run->depth + 1];
    f->mark = stack_mark(run);
    f->insts = stack_alloc(run, s->layout->inst_count * sizeof(*f->insts));
    if (!f->insts)
        return true;
    f->layout = s->layout;
    f->stage = s;
    f->step = NULL;
    f->failed = 0;
    f->is_awake = false;
    f->is_object = is_object;
    f->is_captured = false;
    f->has_waiting = false;
    f->links = step->child->links;
    f->link_count = step->child->link_count;
    f->count = 0;
    f->key_at = f[-1].key_at + f[-1].key_len;
    f->key_len = 0;
    f->name = NULL;
    f->known_name = NULL;
    f->seen = 0;
    f->prints_at = run->print_count;
    f->notes_at = run->note_count;
    f->set = NULL;
    f->tap = run->tap;
    f->extras = NULL;
    f->marks = NULL;
    f->unique = NULL;
    run->top = f;
    run->depth++;
    if (s->hook_count > 0)
        (void)hooks_begin(run, f);
    return true;
}

/* ---- an array or object ends ---- */

/* Verdicts of a stage's insts, none asked for twice. */
struct verdicts {
    const struct frame *f;
    const struct inst *insts;
    uint64_t known, passed; /* bits */
};

static bool inst_passes(struct verdicts *v, uint32_t at);

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

static uint32_t places_count(const struct combo *c, enum place_kind kind)
{
    return c->begin[kind + 1] - c->begin[kind];
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
    const struct frame *f = v->f;
    const struct node *n = inst->node;
    uint64_t bit = (uint64_t)1 << at;
    bool passed;

    if (!inst->is_live)
        return false;
    if (v->known & bit)
        return (v->passed & bit) != 0;
    passed = !(f->failed & bit) && !(f->stage->inst_required[at] & ~f->seen) &&
             f->count >= (f->is_object ? n->object ? n->object->min : 0
                          : n->array   ? n->array->min
                                       : 0) &&
             (!n->combo || combo_passes(v, inst));
    v->known |= bit;
    v->passed |= passed ? bit : 0;
    return passed;
}

static bool units_pass(const struct frame *f)
{
    const struct stage *s = f->stage;
    struct verdicts v = {.f = f, .insts = s->insts};
    uint32_t i;

    for (i = 0; i < s->unit_count; i++)
        if (!inst_passes(&v, s->units[i]))
            return false;
    return true;
}

static bool hook_passes(const struct frame *f, uint32_t slot)
{
    const struct hook *h = &f->stage->hooks[slot];
    struct extra *x = f->slots[slot];

    if (!f->stage->insts[h->inst].is_live)
        return true;
    switch (h->kind) {
    case HOOK_PARTS:
        return parts_pass(x, f->count);
    case HOOK_DECORATIONS:
        return decorations_pass(x);
    case HOOK_PROBE:
        if (h->node->kind == NODE_PART)
            return part_passes(h->node->parts, x);
        if (h->node->kind == NODE_DECORATION)
            return decoration_passes(
                x, f->is_object,
                __builtin_popcountll(f->seen & h->exactly_one));
        break;
    }
    return true;
}

static void hook_end(struct schema_run *run, const struct frame *f,
                     uint32_t slot)
{
    const struct hook *h = &f->stage->hooks[slot];
    struct extra *x = f->slots[slot];

    if (h->kind != HOOK_PROBE || !f->stage->insts[h->inst].is_live)
        return;
    if (h->node->kind == NODE_PART)
        part_pass(x);
    else if (h->node->kind == NODE_DECORATION)
        decoration_pass(run, x, f->is_object, (f->seen & h->exclusive) != 0);
    else if (h->node->kind == NODE_DECORATION_RANGE)
        decoration_range_end(x, f);
}

/* A unit that is not worked out has no inst that may fail. */
static bool all_is_well(const struct frame *f)
{
    const struct stage *s = f->stage;
    uint32_t i;

    if ((s->required & ~f->seen) || f->count < s->min || s->ends_awake ||
        (s->unit_count > 0 && !units_pass(f)))
        return false;
    for (i = 0; i < s->hook_count; i++)
        if (!hook_passes(f, i))
            return false;
    return true;
}

bool quick_end(struct schema_run *run, struct frame *f)
{
    uint32_t i;

    if (!all_is_well(f))
        return false;
    for (i = 0; i < f->stage->hook_count; i++)
        hook_end(run, f, i);
    run->note_count = f->notes_at;
    return true;
}
