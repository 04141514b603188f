/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/unit.c - one closure at work on one value.
 *
 * unit_settle() runs from the root down and says which insts are live, for
 * whom their findings are certain, and who keeps them; it runs when the value
 * begins and again when a selector has named a branch. Between, a group
 * (anyOf, oneOf) has candidates: the branches that the value's type and its
 * selector leave. With one candidate the group means the same as that branch,
 * which is treated as if "allOf" held it. With several, their findings are
 * kept only if a selector may still name one of them; else nobody would ever
 * be told, and a verdict does.
 *
 * Certainty only grows: an inst that was given a use keeps it, since what
 * decided for it does not change its mind.
 */
#include <string.h>

#include "base/check.h"
#include "schema/machine.h"

static const char *const place_rules[PLACE_KINDS] = {
    [PLACE_ALL] = "allOf", [PLACE_ANY] = "anyOf",
    [PLACE_ONE] = "oneOf", [PLACE_NOT] = "not",
    [PLACE_IF] = "if",     [PLACE_THEN] = "then",
    [PLACE_ELSE] = "else", [PLACE_DEPENDENT] = "dependentSchemas",
};

static const enum place_kind group_place[GROUPS] = {
    [GROUP_ANY] = PLACE_ANY,
    [GROUP_ONE] = PLACE_ONE,
};

static void inst_init(struct schema_run *run, struct unit *u, uint32_t at)
{
    const struct node *node = u->closure->entries[at].node;
    struct inst *inst = &u->insts[at];

    *inst = (struct inst){
        .node = node,
        .unit = u,
        .decided = {NO_BRANCH, NO_BRANCH},
        .selected = {NOT_SEEN, NOT_SEEN},
    };
    inst->seen = &inst->seen_first;
    if (node->object && node->object->bits > 64) {
        size_t bytes = (node->object->bits + 63) / 64 * sizeof(uint64_t);

        inst->seen = stack_alloc(run, bytes);
        if (inst->seen)
            memset(inst->seen, 0, bytes);
        else
            inst->seen = &inst->seen_first;
    }
}

void unit_init(struct schema_run *run, struct unit *u,
               const struct closure *closure, struct inst *insts)
{
    u->closure = closure;
    u->insts = insts;
    u->marks = NULL;
    inst_init(run, u, 0);
    if (closure->has_unevaluated)
        u->marks =
            stack_alloc(run, (closure->count + 63) / 64 * sizeof(uint64_t));
}

/* ---- from the root down ---- */

static struct inst *child_at(const struct unit *u, const struct inst *inst,
                             uint32_t place)
{
    return &u->insts[u->closure->entries[inst - u->insts].children[place]];
}

/* `child` answers to `parent`, whose findings are its own. */
static void settle_all(struct schema_run *run, const struct inst *parent,
                       struct inst *child)
{
    uint64_t gained = parent->uses & ~child->uses;

    child->is_live = true;
    child->mode |= parent->mode;
    child->uses |= gained;
    if (gained && child->hold)
        hold_flush(run, child, gained);
}

/* `parent` will look at the verdict, and at the findings when it fails. */
static void settle_held(const struct inst *parent, struct inst *child)
{
    bool is_wanted = parent->uses || (parent->mode & MODE_HELD);

    child->is_live = true;
    child->mode |= is_wanted ? MODE_HELD : MODE_VERDICT;
}

static bool is_candidate(const struct inst *inst, enum group g,
                         const struct inst *child, int32_t branch,
                         unsigned bits)
{
    const struct selector *selector = inst->node->combo->selector[g];

    if (!(child->node->conj_types & bits))
        return false;
    return !selector || !selector->is_exclusive ||
           inst->selected[g] == NOT_SEEN || inst->selected[g] == branch;
}

static void settle_group(struct schema_run *run, struct unit *u,
                         struct inst *inst, enum group g, unsigned bits)
{
    const struct combo *c = inst->node->combo;
    uint32_t begin = c->begin[group_place[g]];
    uint32_t end = c->begin[group_place[g] + 1];
    uint32_t i, candidates = 0;
    int32_t last = NO_BRANCH;

    for (i = begin; i < end && inst->decided[g] == NO_BRANCH; i++) {
        int32_t branch = (int32_t)(i - begin);

        if (!is_candidate(inst, g, child_at(u, inst, i), branch, bits))
            continue;
        candidates++;
        last = branch;
    }
    if (candidates == 1)
        inst->decided[g] = last;
    if (inst->decided[g] != NO_BRANCH) {
        settle_all(run, inst,
                   child_at(u, inst, begin + (uint32_t)inst->decided[g]));
        return;
    }
    for (i = begin; i < end; i++) {
        struct inst *child = child_at(u, inst, i);

        if (!is_candidate(inst, g, child, (int32_t)(i - begin), bits))
            continue;
        if (c->selector[g]) {
            settle_held(inst, child);
        } else {
            child->is_live = true;
            child->mode |= MODE_VERDICT;
        }
    }
}

static void settle_inst(struct schema_run *run, struct unit *u,
                        struct inst *inst, unsigned bits)
{
    const struct combo *c = inst->node->combo;
    uint32_t i;

    for (i = c->begin[PLACE_ALL]; i < c->begin[PLACE_ALL + 1]; i++)
        settle_all(run, inst, child_at(u, inst, i));
    settle_group(run, u, inst, GROUP_ANY, bits);
    settle_group(run, u, inst, GROUP_ONE, bits);
    for (i = c->begin[PLACE_NOT]; i < c->begin[PLACE_IF + 1]; i++) {
        struct inst *child = child_at(u, inst, i);

        child->is_live = true;
        child->mode |= MODE_VERDICT;
    }
    for (i = c->begin[PLACE_THEN]; i < c->count; i++)
        settle_held(inst, child_at(u, inst, i));
}

/* `run` may be NULL while nothing can be held. */
static void unit_settle(struct schema_run *run, struct unit *u, unsigned bits)
{
    uint32_t i;

    for (i = 1; i < u->closure->count; i++) {
        u->insts[i].is_live = false;
        u->insts[i].mode = 0;
    }
    for (i = 0; i < u->closure->count; i++) {
        struct inst *inst = &u->insts[i];

        if (inst->is_live && !inst->is_dead && inst->node->combo)
            settle_inst(run, u, inst, bits);
    }
    for (i = 1; run && run->holds > 0 && i < u->closure->count; i++)
        if (!(u->insts[i].mode & MODE_HELD))
            hold_drop(run, &u->insts[i]);
}

/* The keyword that holds a false schema. */
static const char *false_rule(const struct unit *u, uint32_t at)
{
    uint32_t i, k;
    int kind;

    for (i = 0; i < at; i++) {
        const struct combo *c = u->insts[i].node->combo;

        for (kind = 0; c && kind < PLACE_KINDS; kind++)
            for (k = c->begin[kind]; k < c->begin[kind + 1]; k++)
                if (u->closure->entries[i].children[k] == at)
                    return place_rules[kind];
    }
    return "not"; /* what a false schema is short for */
}

/* ---- closures that are ready ---- */

/* Most values begin the same way: an array or object, asked for by somebody
 * for whom it holds for certain. What unit_settle() makes of that depends on
 * the closure alone, but for whose uses they are: all of the root's, or none.
 * So it is done once, when the schema is compiled, and copied. */
#define READY_MAX 64

static bool can_be_ready(const struct closure *c)
{
    if (c->count < 2 || c->count > READY_MAX || c->has_unevaluated ||
        c->has_false)
        return false;
    for (uint32_t i = 0; i < c->count; i++)
        if (c->entries[i].node->object && c->entries[i].node->object->bits > 64)
            return false;
    return true;
}

bool closure_make_ready(struct arena *arena, struct closure *closure)
{
    static const unsigned types[] = {NODE_TYPE(JSON_ARRAY),
                                     NODE_TYPE(JSON_OBJECT)};

    for (size_t k = 0; k < 2 && can_be_ready(closure); k++) {
        struct inst *insts = arena_array(arena, closure->count, sizeof(*insts));
        struct unit u = {.closure = closure, .insts = insts};

        if (!insts)
            return false;
        for (uint32_t i = 0; i < closure->count; i++)
            inst_init(NULL, &u, i);
        insts[0].uses = 1;
        insts[0].is_live = true;
        unit_settle(NULL, &u, types[k]);
        closure->ready[k] = insts;
    }
    return true;
}

static void ready_copy(struct unit *u, const struct inst *ready)
{
    struct inst *root = u->insts;

    memcpy(root + 1, ready + 1, (u->closure->count - 1) * sizeof(*root));
    memcpy(root->decided, ready->decided, sizeof(root->decided));
    for (uint32_t i = 1; i < u->closure->count; i++) {
        root[i].unit = u;
        root[i].seen = &root[i].seen_first;
        root[i].uses = root[i].uses ? root->uses : 0;
    }
}

static void unit_lay_out(struct schema_run *run, struct unit *u, unsigned bits)
{
    const struct inst *root = u->insts, *ready = NULL;

    if (root->uses && !root->mode && bits == NODE_TYPE(JSON_OBJECT))
        ready = u->closure->ready[1];
    else if (root->uses && !root->mode && bits == NODE_TYPE(JSON_ARRAY))
        ready = u->closure->ready[0];
    if (ready) {
        ready_copy(u, ready);
        return;
    }
    for (uint32_t i = 1; i < u->closure->count; i++)
        inst_init(run, u, i);
    unit_settle(run, u, bits);
}

void unit_begin(struct schema_run *run, struct unit *u, unsigned bits,
                uint32_t depth)
{
    uint32_t i;

    u->insts[0].is_live = true;
    if (u->closure->count > 1)
        unit_lay_out(run, u, bits);
    for (i = 0; u->closure->has_false && i < u->closure->count; i++) {
        struct inst *inst = &u->insts[i];

        if (inst->node->kind == NODE_FALSE && inst->is_live)
            violate(run, inst, depth, false_rule(u, i), "is not allowed here");
    }
}

void unit_select(struct schema_run *run, const struct select *select,
                 const struct scalar *s)
{
    struct inst *inst = select->inst;
    enum group g = select->group;
    const struct selector *selector = inst->node->combo->selector[g];
    const struct name *found = NULL;

    if (!inst->is_live || inst->is_dead || inst->decided[g] != NO_BRANCH)
        return;
    if (s && s->type == JSON_STRING)
        found = name_table_find_text(&selector->values, s->text);
    inst->selected[g] =
        found ? (int32_t)((const struct selector_value *)found)->branch
              : NO_BRANCH;
    if (selector->is_exclusive)
        unit_settle(run, inst->unit, NODE_TYPE(JSON_OBJECT));
}

/* ---- from the leaves up ---- */

static bool passes(const struct inst *inst)
{
    return inst->is_live && !inst->failed;
}

/* What `child` kept turns out to count. */
static void promote(struct schema_run *run, struct inst *child,
                    struct inst *inst)
{
    if (child->hold && inst->uses)
        hold_flush(run, child, inst->uses);
    hold_move(run, child, inst);
}

static void violate_group(struct schema_run *run, struct inst *inst,
                          enum group g, uint32_t passed, uint32_t depth)
{
    const struct selector *selector = inst->node->combo->selector[g];
    const char *rule = place_rules[group_place[g]];

    if (passed > 1)
        violate(run, inst, depth, rule,
                "matches %u of the alternatives, of which exactly one is "
                "allowed",
                (unsigned)passed);
    else if (selector && inst->selected[g] < 0)
        violate(run, inst, depth, rule,
                "matches none of the alternatives: its member \"%s\" must be "
                "%s",
                selector->member.data, selector->expected);
    else
        violate(run, inst, depth, rule,
                "matches none of the alternatives that are allowed");
}

static void resolve_group(struct schema_run *run, struct unit *u,
                          struct inst *inst, enum group g, uint32_t depth)
{
    const struct combo *c = inst->node->combo;
    uint32_t begin = c->begin[group_place[g]];
    uint32_t end = c->begin[group_place[g] + 1];
    uint32_t i, passed = 0;

    if (begin == end)
        return;
    if (inst->decided[g] != NO_BRANCH) {
        struct inst *child =
            child_at(u, inst, begin + (uint32_t)inst->decided[g]);

        if (child->failed)
            hold_move(run, child, inst);
        return;
    }
    for (i = begin; i < end; i++)
        passed += passes(child_at(u, inst, i));
    if (passed == 1 || (passed > 1 && g == GROUP_ANY))
        return;
    if (passed == 0 && inst->selected[g] >= 0 &&
        child_at(u, inst, begin + (uint32_t)inst->selected[g])->hold) {
        promote(run, child_at(u, inst, begin + (uint32_t)inst->selected[g]),
                inst);
        return;
    }
    violate_group(run, inst, g, passed, depth);
}

static void resolve_inst(struct schema_run *run, struct unit *u,
                         struct inst *inst, uint32_t depth)
{
    const struct combo *c = inst->node->combo;
    struct inst *child;
    uint32_t i, k;

    for (i = c->begin[PLACE_ALL]; i < c->begin[PLACE_ALL + 1]; i++) {
        child = child_at(u, inst, i);
        if (child->failed)
            hold_move(run, child, inst);
    }
    resolve_group(run, u, inst, GROUP_ANY, depth);
    resolve_group(run, u, inst, GROUP_ONE, depth);
    for (i = c->begin[PLACE_NOT]; i < c->begin[PLACE_NOT + 1]; i++)
        if (passes(child_at(u, inst, i)))
            violate(run, inst, depth, "not",
                    "matches the one thing that is not allowed");
    for (i = c->begin[PLACE_IF]; i < c->begin[PLACE_IF + 1]; i++) {
        enum place_kind next =
            passes(child_at(u, inst, i)) ? PLACE_THEN : PLACE_ELSE;

        for (k = c->begin[next]; k < c->begin[next + 1]; k++) {
            child = child_at(u, inst, k);
            if (child->failed)
                promote(run, child, inst);
        }
    }
    for (i = c->begin[PLACE_DEPENDENT]; i < c->count; i++) {
        uint32_t bit = c->places[i].bit;

        child = child_at(u, inst, i);
        if (child->failed && inst->seen[bit / 64] >> (bit % 64) & 1)
            promote(run, child, inst);
    }
}

void unit_resolve(struct schema_run *run, struct unit *u, uint32_t depth)
{
    uint32_t i;

    for (i = u->closure->count; i-- > 0;) {
        struct inst *inst = &u->insts[i];

        if (!inst->is_live || inst->is_dead)
            continue;
        if (inst->node->combo)
            resolve_inst(run, u, inst, depth);
        if (inst->extra && inst->extra->unevaluated)
            unevaluated_end(run, inst);
    }
}

void unit_deliver(struct schema_run *run, const struct link *l, uint32_t depth)
{
    bool failed = !l->root || l->root->failed;

    switch ((enum role)l->role) {
    case ROLE_VALUE:
        if (failed)
            hold_move(run, l->root, l->parent);
        break;
    case ROLE_CONTAINS:
        if (failed)
            break;
        l->parent->contains++;
        if (l->parent->unit->marks)
            unevaluated_mark(l->parent);
        break;
    case ROLE_UNEVALUATED:
        unevaluated_result(run, l->parent, failed, &run->frames[depth - 1],
                           depth);
        break;
    }
}

/* ---- scalars ---- */

/* Verdicts of a closure's nodes on one scalar, none asked for twice. */
#define ACCEPTS_MAX 64

struct accepts {
    struct schema_run *run;
    const struct closure *closure;
    struct scalar *scalar;
    struct inst *asker;     /* a verdict's: takes no notes */
    uint64_t known, passed; /* bits */
};

static bool accepts(struct accepts *a, uint32_t at);

static uint32_t accepts_count(struct accepts *a, uint32_t at,
                              enum place_kind kind, uint32_t enough)
{
    const struct closure_entry *e = &a->closure->entries[at];
    const struct combo *c = e->node->combo;
    uint32_t i, n = 0;

    for (i = c->begin[kind]; i < c->begin[kind + 1] && n < enough; i++)
        n += accepts(a, e->children[i]);
    return n;
}

static uint32_t places_count(const struct combo *c, enum place_kind kind)
{
    return c->begin[kind + 1] - c->begin[kind];
}

/* Nothing in "dependentSchemas" concerns a scalar. */
static bool accepts_combo(struct accepts *a, uint32_t at)
{
    const struct combo *c = a->closure->entries[at].node->combo;
    enum place_kind next;

    for (uint32_t i = c->begin[PLACE_ALL]; i < c->begin[PLACE_ALL + 1]; i++)
        if (!accepts(a, a->closure->entries[at].children[i]))
            return false;
    if (places_count(c, PLACE_ANY) && !accepts_count(a, at, PLACE_ANY, 1))
        return false;
    if (places_count(c, PLACE_ONE) && accepts_count(a, at, PLACE_ONE, 2) != 1)
        return false;
    if (accepts_count(a, at, PLACE_NOT, 1))
        return false;
    if (!places_count(c, PLACE_IF))
        return true;
    next = accepts_count(a, at, PLACE_IF, 1) ? PLACE_THEN : PLACE_ELSE;
    return accepts_count(a, at, next, UINT32_MAX) == places_count(c, next);
}

static bool accepts(struct accepts *a, uint32_t at)
{
    const struct node *node = a->closure->entries[at].node;
    uint64_t bit = (uint64_t)1 << at;
    bool passed;

    if (a->known & bit)
        return (a->passed & bit) != 0;
    if (node->kind == NODE_FALSE || a->run->status != STATUS_OK)
        return false;
    a->asker->failed = a->asker->is_dead = false;
    check_scalar(a->run, node, a->asker, a->scalar, a->run->depth);
    passed = !a->asker->failed && (!node->combo || accepts_combo(a, at));
    a->known |= bit;
    a->passed |= passed ? bit : 0;
    return passed;
}

/* Only the verdict, without laying anything out. */
static bool closure_accepts(struct schema_run *run, const struct closure *c,
                            struct scalar *s)
{
    struct inst asker = {.mode = MODE_VERDICT, .is_live = true};
    struct accepts a = {run, c, s, &asker, 0, 0};

    return c->count <= ACCEPTS_MAX && accepts(&a, 0);
}

/* Most scalars pass, and then there is nothing to tell: what an alternative
 * would have said about them need not be written down first. */
static void scalar_closure(struct schema_run *run, const struct duty *d,
                           struct scalar *s)
{
    const struct closure *c = d->node->closure;
    struct stack_mark mark = stack_mark(run);
    struct inst *insts, passed = {0};
    struct unit u;
    uint32_t i;

    if (closure_accepts(run, c, s)) {
        if (d->role != ROLE_VALUE)
            unit_deliver(run, &(struct link){&passed, d->parent, d->role},
                         run->depth);
        return;
    }
    if (run->status != STATUS_OK)
        return;
    insts = stack_alloc(run, c->count * sizeof(*insts));
    if (!insts)
        return;
    unit_init(run, &u, c, insts);
    if (d->role == ROLE_VALUE) {
        insts->uses = d->parent->uses;
        insts->mode = d->parent->mode;
    } else {
        insts->mode = MODE_VERDICT;
    }
    unit_begin(run, &u, s->bits, run->depth);
    for (i = 0; i < c->count && run->status == STATUS_OK; i++)
        if (insts[i].is_live && insts[i].node->kind != NODE_FALSE)
            check_scalar(run, insts[i].node, &insts[i], s, run->depth);
    unit_resolve(run, &u, run->depth);
    unit_deliver(run, &(struct link){insts, d->parent, d->role}, run->depth);
    for (i = 0; run->holds > 0 && i < c->count; i++)
        hold_drop(run, &insts[i]);
    stack_reset(run, mark);
}

void unit_scalar(struct schema_run *run, const struct duty *d, struct scalar *s)
{
    struct inst asker;

    if (!d->parent->is_live || d->parent->is_dead)
        return;
    if (d->node->is_simple && d->role == ROLE_VALUE) {
        check_scalar(run, d->node, d->parent, s, run->depth);
        return;
    }
    switch (d->node->kind) {
    case NODE_FALSE:
        if (d->role == ROLE_VALUE)
            violate(run, d->parent, run->depth, d->keyword,
                    "is not allowed here");
        else
            unit_deliver(run, &(struct link){NULL, d->parent, d->role},
                         run->depth);
        return;
    case NODE_PLAIN:
    case NODE_ALIAS:
        break;
    case NODE_PART:
    case NODE_PART_KIND:
    case NODE_PART_URL:
        part_scalar(run, d->node, d->parent, s);
        return;
    default:
        decoration_scalar(run, d->node, d->parent, s);
        return;
    }
    if (!d->node->is_simple) {
        scalar_closure(run, d, s);
        return;
    }
    memset(&asker, 0, sizeof(asker));
    asker.mode = MODE_VERDICT;
    asker.is_live = true;
    check_scalar(run, d->node, &asker, s, run->depth);
    unit_deliver(run, &(struct link){&asker, d->parent, d->role}, run->depth);
}

bool node_passes_scalar(struct schema_run *run, const struct node *node,
                        struct scalar *s)
{
    struct inst asker;
    struct duty d = {node, &asker, "not", ROLE_VALUE};

    memset(&asker, 0, sizeof(asker));
    asker.mode = MODE_VERDICT;
    asker.is_live = true;
    unit_scalar(run, &d, s);
    return !asker.failed;
}
