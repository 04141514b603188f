/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/stage.c - stages, made with a plan.
 *
 * Breadth first, as layouts are: a stage is entered under its layout, its
 * type, its tap and who asks for each of its units, and filled when its turn
 * comes. Insts are settled by unit_settle(), the very function that does it
 * while the machine runs, on insts whose uses are 1 where those who ask will
 * have theirs.
 *
 * Whatever makes a stage too much for the quick way (see stage_is_quick())
 * leaves it out: the machine takes over from there.
 */
#include "schema/stage.h"

#include "base/check.h"
#include "schema/compile.h"
#include "schema/machine.h"

/* Of one layout: what very many ways to one set of nodes may come to. */
#define SAME_LAYOUT_MAX 64
/* Of all stages, about a hundred bytes each. */
#define STEPS_MAX 200000

/* How a unit's root is asked for. */
struct ask {
    bool is_live, is_certain;
    uint8_t mode;
    uint32_t slot; /* a probe's: of the asker's extra */
};

struct stage_entry {
    struct stage stage; /* first */
    struct stage_entry *next;
    const struct stage_entry *same_layout;
    const struct ask *asks;
};

struct stages {
    struct stage_entry *first, *last, *unfilled;
    size_t count, steps;
    uint32_t endings;
    bool has_no_memory;
};

void *stage_alloc(struct schema_set *set, size_t bytes)
{
    void *p = arena_alloc(&set->arena, bytes);

    if (!p)
        set->stages->has_no_memory = true;
    return p;
}

static uint64_t bit(uint32_t i)
{
    return (uint64_t)1 << i;
}

/* ---- members ---- */

static const struct layout_member *member_at(const struct layout *l,
                                             uint32_t slot)
{
    return (const struct layout_member *)l->members.slots[slot].name;
}

/* The bits of an inst's `seen`, as members of the layout. */
static uint64_t members_of(const struct layout *l, uint32_t inst,
                           const uint64_t *bits)
{
    uint64_t found = 0;
    uint32_t i, k;

    for (i = 0; l->members.mask && i <= l->members.mask; i++) {
        const struct layout_member *m = member_at(l, i);

        for (k = 0; m && k < m->child.sight_count; k++)
            if (m->child.sights[k].inst == inst &&
                (*bits >> m->child.sights[k].bit & 1))
                found |= bit(m->index);
    }
    return found;
}

/* ---- the end ---- */

/* Does all that the inst asks for come to "and"? Then it joins the stage. */
static bool is_conjunction(const struct stage *s, const struct inst *inst,
                           unsigned depth)
{
    const struct combo *c = inst->node->combo;
    const struct inst *root = inst - inst->at;
    const uint32_t *children = inst->closure->entries[inst->at].children;
    uint32_t i;
    enum group g;

    if (!c)
        return true;
    if (depth == 0 || c->begin[PLACE_NOT] != c->count)
        return false;
    for (g = 0; g < GROUPS; g++) {
        enum place_kind kind = g == GROUP_ANY ? PLACE_ANY : PLACE_ONE;

        if (c->begin[kind] == c->begin[kind + 1])
            continue;
        if (inst->decided[g] == NO_BRANCH)
            return false;
        i = c->begin[kind] + (uint32_t)inst->decided[g];
        if (!is_conjunction(s, root + children[i], depth - 1))
            return false;
    }
    for (i = c->begin[PLACE_ALL]; i < c->begin[PLACE_ALL + 1]; i++)
        if (!is_conjunction(s, root + children[i], depth - 1))
            return false;
    return true;
}

static void join(struct stage *s, const struct inst *inst)
{
    const struct stage_end *end = &s->ends[inst - s->insts];
    const struct combo *c = inst->node->combo;
    const struct inst *root = inst - inst->at;
    const uint32_t *children = inst->closure->entries[inst->at].children;
    uint32_t i;
    enum group g;

    s->required |= end->required;
    if (end->min > s->min)
        s->min = end->min;
    if (!c)
        return;
    for (g = 0; g < GROUPS; g++)
        if (inst->decided[g] != NO_BRANCH)
            join(s,
                 root +
                     children[c->begin[g == GROUP_ANY ? PLACE_ANY : PLACE_ONE] +
                              (uint32_t)inst->decided[g]]);
    for (i = c->begin[PLACE_ALL]; i < c->begin[PLACE_ALL + 1]; i++)
        join(s, root + children[i]);
}

/* How deep a conjunction is looked into, over all its paths: what combines
 * more is worked out when it ends. */
#define JOIN_DEPTH 6

static bool make_end(struct schema_set *set, struct stage *s)
{
    const struct layout *l = s->layout;
    struct stage_end *ends = stage_alloc(set, l->inst_count * sizeof(*ends));
    uint32_t *units = stage_alloc(set, l->unit_count * sizeof(*units)), i;

    if (!ends || !units)
        return false;
    s->ends = ends;
    s->units = units;
    for (i = 0; i < l->inst_count; i++) {
        const struct node *n = s->insts[i].node;

        if (!s->insts[i].is_live)
            continue;
        if (s->is_object && n->object && n->object->required)
            ends[i].required = members_of(l, i, n->object->required);
        if (s->is_object && n->object)
            ends[i].min = n->object->min;
        if (!s->is_object && n->array)
            ends[i].min = n->array->min;
        if (s->is_object && n->object && n->object->dependent_count > 0)
            s->ends_awake = true;
        if (n->combo && n->combo->begin[PLACE_DEPENDENT] != n->combo->count)
            s->ends_awake = true;
    }
    for (i = 0; i < l->unit_count; i++) {
        const struct inst *root = &s->insts[l->units[i].at];

        if (!root->is_live)
            continue;
        if (root->uses && is_conjunction(s, root, JOIN_DEPTH))
            join(s, root);
        else
            units[s->unit_count++] = l->units[i].at;
    }
    for (i = 0; i < s->hook_count; i++)
        s->ends_with_work |= s->hooks[i].kind != HOOK_LIST;
    s->ends_with_work |= s->ends_awake || s->unit_count > 0;
    if (s->unit_count > 0)
        s->ending = set->stages->endings++;
    for (i = 0; s->unit_count > 0 && i < l->inst_count; i++)
        s->units_count |= s->insts[i].is_live && ends[i].min > 0;
    return true;
}

/* ---- insts ---- */

/* Nothing that only the machine can do, and nothing wrong from the start. */
static bool stage_is_quick(const struct stage *s)
{
    const struct layout *l = s->layout;
    unsigned type = NODE_TYPE(s->is_object ? JSON_OBJECT : JSON_ARRAY);
    uint32_t i;

    if (l->inst_count > STAGE_INSTS_MAX ||
        l->members.count > STAGE_MEMBERS_MAX || l->has_values ||
        l->has_unique || l->has_unevaluated || l->has_wide ||
        !(s->is_object ? l->knows_members : l->knows_items))
        return false;
    for (i = 0; i < l->inst_count; i++) {
        const struct node *n = s->insts[i].node;

        if (!s->insts[i].is_live)
            continue;
        if (n->kind == NODE_FALSE || !(n->types & type) || n->enumerated ||
            n->constant)
            return false;
    }
    return true;
}

static void insts_settle(const struct stage *s, struct inst *insts,
                         const struct ask *asks)
{
    const struct layout *l = s->layout;
    uint32_t i, k;

    for (i = 0; i < l->unit_count; i++) {
        const struct closure *c = l->units[i].closure;
        struct inst *root = insts + l->units[i].at;

        for (k = 0; k < c->count; k++)
            root[k] = c->insts[k];
        root->is_live = asks[i].is_live;
        root->uses = asks[i].is_certain;
        root->mode = asks[i].mode;
        if (root->is_live && c->count > 1)
            unit_settle(NULL, root,
                        NODE_TYPE(s->is_object ? JSON_OBJECT : JSON_ARRAY));
    }
}

static void hook_masks(const struct stage *s, struct hook *h)
{
    const struct node_decorations *d = h->node->decorations;
    uint64_t bits;

    if (h->node->kind != NODE_DECORATION || !s->is_object)
        return;
    bits = d->exactly_one;
    h->exactly_one = members_of(s->layout, h->inst, &bits);
    bits = d->exclusive;
    h->exclusive = members_of(s->layout, h->inst, &bits);
}

static bool make_hooks(struct schema_set *set, struct stage *s,
                       const struct ask *asks)
{
    const struct layout *l = s->layout;
    struct hook *hooks = stage_alloc(set, l->inst_count * sizeof(*hooks));
    uint32_t i, unit = 0;

    if (!hooks)
        return false;
    for (i = 0; i < l->inst_count; i++) {
        const struct node *n = s->insts[i].node;
        struct hook *h = &hooks[s->hook_count];

        while (unit + 1 < l->unit_count && l->units[unit + 1].at <= i)
            unit++;
        if (!s->insts[i].is_live)
            continue;
        *h = (struct hook){.inst = i, .is_live = true, .node = n};
        if (n->kind != NODE_PLAIN) {
            h->kind = n->kind == NODE_PART               ? HOOK_PART
                      : n->kind == NODE_DECORATION       ? HOOK_DECORATION
                      : n->kind == NODE_DECORATION_RANGE ? HOOK_RANGE
                                                         : HOOK_LIST;
            h->from = asks[unit].slot;
            hook_masks(s, h);
        } else if (n->parts && !s->is_object) {
            h->kind = HOOK_PARTS;
        } else if (n->decorations && s->is_object) {
            h->kind = HOOK_DECORATIONS;
        } else {
            continue;
        }
        s->hook_count++;
    }
    s->hooks = hooks;
    return true;
}

/* Slots stay where they are, whoever is still live. */
static bool copy_hooks(struct schema_set *set, const struct stage *from,
                       struct stage *s)
{
    struct hook *hooks = stage_alloc(set, from->hook_count * sizeof(*hooks));
    uint32_t i;

    for (i = 0; hooks && i < from->hook_count; i++) {
        hooks[i] = from->hooks[i];
        hooks[i].is_live = s->insts[hooks[i].inst].is_live;
    }
    s->hooks = hooks;
    s->hook_count = from->hook_count;
    return hooks != NULL;
}

static struct stage_entry *entry_new(struct schema_set *set)
{
    struct stage_entry *e;

    if (set->stages->count >= set->stages_max || set->stages->steps > STEPS_MAX)
        return NULL;
    e = stage_alloc(set, sizeof(*e));
    if (e)
        set->stages->count++;
    return e;
}

/* In the queue of those to be filled. */
static void entry_queue(struct stages *ss, struct stage_entry *e)
{
    if (ss->last)
        ss->last->next = e;
    else
        ss->first = e;
    ss->last = e;
    if (!ss->unfilled)
        ss->unfilled = e;
}

static bool asks_equal(const struct ask *a, const struct ask *b, uint32_t n)
{
    uint32_t i;

    for (i = 0; i < n; i++)
        if (a[i].is_live != b[i].is_live ||
            a[i].is_certain != b[i].is_certain || a[i].mode != b[i].mode ||
            a[i].slot != b[i].slot)
            return false;
    return true;
}

/* A stage that was found not to be quick is kept, so as not to be made again,
 * with nobody to be asked. */
static const struct stage *entry_stage(const struct stage_entry *e)
{
    return e->stage.insts ? &e->stage : NULL;
}

static const struct stage *stage_for(struct schema_set *set,
                                     const struct layout *l, bool is_object,
                                     const struct tap_node *tap,
                                     const struct ask *asks)
{
    /* Layouts are handed out const, and are const once the plan is made. */
    struct layout *layout = (struct layout *)(uintptr_t)l;
    const struct stage_entry *same = layout->stages;
    struct inst *insts;
    struct stage_entry *e;
    uint32_t n = 0;

    for (; same; same = same->same_layout, n++)
        if (same->stage.is_object == is_object && same->stage.tap == tap &&
            asks_equal(same->asks, asks, l->unit_count))
            return entry_stage(same);
    if (n >= SAME_LAYOUT_MAX)
        return NULL;
    e = entry_new(set);
    insts = e ? stage_alloc(set, l->inst_count * sizeof(*insts)) : NULL;
    if (!insts)
        return NULL;
    e->asks = asks;
    e->same_layout = layout->stages;
    layout->stages = e;
    e->stage.layout = l;
    e->stage.is_object = is_object;
    e->stage.tap = tap;
    insts_settle(&e->stage, insts, asks);
    e->stage.insts = insts;
    e->stage.insts_bytes = l->inst_count * sizeof(*insts);
    if (!stage_is_quick(&e->stage) || !make_hooks(set, &e->stage, asks) ||
        !make_end(set, &e->stage)) {
        e->stage.insts = NULL;
        return NULL;
    }
    entry_queue(set->stages, e);
    return &e->stage;
}

uint32_t stage_slot(const struct stage *s, uint32_t inst)
{
    uint32_t i;

    for (i = 0; i < s->hook_count; i++)
        if (s->hooks[i].inst == inst)
            return i;
    CHECK(!"a probe's asker has a slot");
    return 0;
}

/* ---- a child that is an array or object ---- */

static uint32_t unit_at(const struct layout *l, uint32_t root)
{
    uint32_t i = 0;

    while (l->units[i].at != root)
        i++;
    return i;
}

static bool allows_containers(const struct stage *s, const struct child *child)
{
    uint32_t i;

    for (i = 0; child->has_false && i < child->duty_count; i++)
        if (child->duties[i].node->kind == NODE_FALSE &&
            s->insts[child->duties[i].asker].is_live)
            return false;
    return child->layout != NULL;
}

static bool step_begins(struct schema_set *set, const struct stage *s,
                        struct step *step)
{
    const struct layout *l = step->child->layout;
    struct ask *asks;
    uint32_t i;
    int k;

    if (!allows_containers(s, step->child))
        return true;
    asks = stage_alloc(set, l->unit_count * sizeof(*asks));
    if (!asks)
        return false;
    for (i = 0; i < step->child->link_count; i++) {
        const struct link *link = &step->child->links[i];
        const struct inst *asker = &s->insts[link->asker];
        struct ask *ask;

        if (!asker->is_live)
            continue;
        ask = &asks[unit_at(l, link->root)];
        ask->is_live = true;
        ask->is_certain |= asker->uses != 0;
        ask->mode |= asker->mode;
        if (l->units[unit_at(l, link->root)].closure->entries[0].node->kind !=
            NODE_PLAIN)
            ask->slot = stage_slot(s, link->asker);
    }
    for (k = 0; k < 2; k++)
        step->begins[k] = stage_for(set, l, k == 1, step->tap, asks);
    return !set->stages->has_no_memory;
}

/* ---- selectors ---- */

static const struct stage *stage_chosen(struct schema_set *set,
                                        const struct stage *from, uint32_t at,
                                        enum group g, int16_t branch)
{
    const struct layout *l = from->layout;
    struct stage_entry *e = entry_new(set);
    struct inst *insts, *inst;

    insts = e ? stage_alloc(set, l->inst_count * sizeof(*insts)) : NULL;
    if (!insts)
        return NULL;
    memcpy(insts, from->insts, l->inst_count * sizeof(*insts));
    inst = &insts[at];
    inst->selected[g] = branch;
    if (inst->node->combo->selector[g]->is_exclusive)
        unit_settle(NULL, inst - inst->at, NODE_TYPE(JSON_OBJECT));
    e->stage.layout = l;
    e->stage.insts = insts;
    e->stage.insts_bytes = from->insts_bytes;
    e->stage.tap = from->tap;
    e->stage.is_object = true;
    if (!stage_is_quick(&e->stage) || !copy_hooks(set, from, &e->stage) ||
        !make_end(set, &e->stage))
        return NULL;
    entry_queue(set->stages, e);
    return &e->stage;
}

static uint32_t branches_of(const struct combo *c, enum group g)
{
    enum place_kind kind = g == GROUP_ANY ? PLACE_ANY : PLACE_ONE;

    return c->begin[kind + 1] - c->begin[kind];
}

static bool step_fork(struct schema_set *set, const struct stage *s,
                      struct step *step)
{
    const struct child *child = step->child;
    const struct stage **to;
    struct fork *fork;
    uint32_t i, branches;
    int16_t b;

    for (i = 0; i < child->select_count; i++) {
        const struct inst *inst = &s->insts[child->selects[i].inst];

        if (inst->is_live &&
            inst->decided[child->selects[i].group] == NO_BRANCH &&
            inst->selected[child->selects[i].group] == NOT_SEEN)
            break;
    }
    if (i == child->select_count)
        return true;
    fork = stage_alloc(set, sizeof(*fork));
    if (!fork)
        return false;
    fork->inst = child->selects[i].inst;
    fork->group = child->selects[i].group;
    fork->selector = s->insts[fork->inst].node->combo->selector[fork->group];
    branches = branches_of(s->insts[fork->inst].node->combo, fork->group);
    to = stage_alloc(set, branches * sizeof(*to));
    if (!to)
        return false;
    for (b = 0; (uint32_t)b < branches && b < BRANCHES_MAX; b++)
        to[b] = stage_chosen(set, s, fork->inst, fork->group, b);
    fork->to = to;
    step->fork = fork;
    return !set->stages->has_no_memory;
}

/* ---- filling ---- */

static bool step_fill(struct schema_set *set, const struct stage *s,
                      const struct child *child, const struct tap_node *tap,
                      struct step *step)
{
    step->child = child;
    step->tap = tap;
    step->tap_bits = tap ? tap_bits(tap) : 0;
    if (!step_fork(set, s, step))
        return false;
    if (step->fork)
        return true; /* the stage that comes next has the rest */
    return step_scalars(set, s, step) && step_begins(set, s, step);
}

static const struct tap_node *tap_of(const struct stage *s,
                                     const struct text *name)
{
    if (!s->tap)
        return NULL;
    return (const struct tap_node *)name_table_find_text(&s->tap->children,
                                                         *name);
}

static bool fill_members(struct schema_set *set, struct stage *s)
{
    const struct layout *l = s->layout;
    struct step *steps =
        stage_alloc(set, (l->members.count + 1) * sizeof(*steps));
    uint32_t i, taps = 0;

    if (!steps)
        return false;
    set->stages->steps += l->members.count + 1;
    if (!name_guess_make(&s->guess, &set->arena, &l->members))
        return false;
    for (i = 0; l->members.mask && i <= l->members.mask; i++) {
        const struct layout_member *m = member_at(l, i);

        if (!m)
            continue;
        taps += tap_of(s, &m->name.text) != NULL;
        if (!step_fill(set, s, &m->child, tap_of(s, &m->name.text),
                       &steps[m->index]))
            return false;
    }
    s->last_step = l->members.count;
    s->has_foreign_taps = s->tap && taps < s->tap->children.count;
    s->steps = steps;
    return step_fill(set, s, &l->other, NULL, &steps[s->last_step]);
}

static bool fill_items(struct schema_set *set, struct stage *s)
{
    const struct layout *l = s->layout;
    struct step *steps = stage_alloc(set, l->item_count * sizeof(*steps));
    uint32_t i;

    if (!steps)
        return false;
    set->stages->steps += l->item_count;
    for (i = 0; i < l->item_count; i++)
        if (!step_fill(set, s, &l->items[i], s->is_base ? s->tap : NULL,
                       &steps[i]))
            return false;
    s->last_step = l->item_count - 1;
    s->steps = steps;
    return true;
}

static void max_find(struct stage *s)
{
    uint32_t i;

    s->max = UINT64_MAX;
    for (i = 0; i < s->layout->inst_count; i++) {
        const struct node *n = s->insts[i].node;
        uint64_t max = UINT64_MAX;

        if (!s->insts[i].is_live)
            continue;
        if (s->is_object && n->object)
            max = n->object->max;
        if (!s->is_object && n->array)
            max = n->array->max;
        if (max < s->max)
            s->max = max;
    }
}

bool stages_fill(struct schema_set *set)
{
    struct stages *ss = set->stages;

    while (ss->unfilled && !ss->has_no_memory) {
        struct stage *s = &ss->unfilled->stage;

        max_find(s);
        if (s->is_object ? !fill_members(set, s) : !fill_items(set, s))
            return false;
        ss->unfilled = ss->unfilled->next;
    }
    return !ss->has_no_memory;
}

const struct stage *stage_for_base(struct schema_set *set,
                                   const struct layout *base, size_t roots,
                                   const struct tap_node *tap)
{
    struct stage_entry *e;
    struct inst *insts;
    size_t i;

    if (!set->stages) {
        set->stages = arena_alloc(&set->arena, sizeof(*set->stages));
        if (!set->stages)
            return NULL;
    }
    if (roots > STAGE_INSTS_MAX)
        return NULL;
    e = entry_new(set);
    insts = e ? stage_alloc(set, roots * sizeof(*insts)) : NULL;
    if (!insts)
        return NULL;
    for (i = 0; i < roots; i++) {
        insts[i] = inst_blank();
        insts[i].is_live = true;
        insts[i].uses = 1;
    }
    e->stage.layout = base;
    e->stage.insts = insts;
    e->stage.tap = tap;
    e->stage.is_base = true;
    entry_queue(set->stages, e);
    return &e->stage;
}
