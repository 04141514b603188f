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

/* The inst for a place; a unit's insts lie one behind the other. */
static struct inst *child_at(struct inst *inst, uint32_t place)
{
    return inst - inst->at + inst->closure->entries[inst->at].children[place];
}

/* ---- from the root down ---- */

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
                         const struct inst *child, int16_t branch,
                         unsigned bits)
{
    const struct selector *selector = inst->node->combo->selector[g];

    if (!(child->node->conj_types & bits))
        return false;
    return !selector || !selector->is_exclusive ||
           inst->selected[g] == NOT_SEEN || inst->selected[g] == branch;
}

static void settle_group(struct schema_run *run, struct inst *inst,
                         enum group g, unsigned bits)
{
    const struct combo *c = inst->node->combo;
    uint32_t begin = c->begin[group_place[g]];
    uint32_t end = c->begin[group_place[g] + 1];
    uint32_t i, candidates = 0;
    int16_t last = NO_BRANCH;

    for (i = begin; i < end && inst->decided[g] == NO_BRANCH; i++) {
        int16_t branch = (int16_t)(i - begin);

        if (!is_candidate(inst, g, child_at(inst, i), branch, bits))
            continue;
        candidates++;
        last = branch;
    }
    if (candidates == 1)
        inst->decided[g] = last;
    if (inst->decided[g] != NO_BRANCH) {
        settle_all(run, inst,
                   child_at(inst, begin + (uint32_t)inst->decided[g]));
        return;
    }
    for (i = begin; i < end; i++) {
        struct inst *child = child_at(inst, i);

        if (!is_candidate(inst, g, child, (int16_t)(i - begin), bits))
            continue;
        if (c->selector[g]) {
            settle_held(inst, child);
        } else {
            child->is_live = true;
            child->mode |= MODE_VERDICT;
        }
    }
}

static void settle_inst(struct schema_run *run, struct inst *inst,
                        unsigned bits)
{
    const struct combo *c = inst->node->combo;
    uint32_t i;

    for (i = c->begin[PLACE_ALL]; i < c->begin[PLACE_ALL + 1]; i++)
        settle_all(run, inst, child_at(inst, i));
    settle_group(run, inst, GROUP_ANY, bits);
    settle_group(run, inst, GROUP_ONE, bits);
    for (i = c->begin[PLACE_NOT]; i < c->begin[PLACE_IF + 1]; i++) {
        struct inst *child = child_at(inst, i);

        child->is_live = true;
        child->mode |= MODE_VERDICT;
    }
    for (i = c->begin[PLACE_THEN]; i < c->count; i++)
        settle_held(inst, child_at(inst, i));
}

void unit_settle(struct schema_run *run, struct inst *root, unsigned bits)
{
    uint32_t i, count = root->closure->count;

    for (i = 1; i < count; i++) {
        root[i].is_live = false;
        root[i].mode = 0;
    }
    for (i = 0; i < count; i++)
        if (root[i].node->combo && inst_is_at_work(&root[i]))
            settle_inst(run, &root[i], bits);
    for (i = 1; run && run->holds > 0 && i < count; i++)
        if (!(root[i].mode & MODE_HELD))
            hold_drop(run, &root[i]);
}

/* The keyword that holds a false schema. */
static const char *false_rule(const struct inst *root, uint32_t at)
{
    const struct closure *closure = root->closure;
    uint32_t i, k;
    int kind;

    for (i = 0; i < at; i++) {
        const struct combo *c = root[i].node->combo;

        for (kind = 0; c && kind < PLACE_KINDS; kind++)
            for (k = c->begin[kind]; k < c->begin[kind + 1]; k++)
                if (closure->entries[i].children[k] == at)
                    return place_rules[kind];
    }
    return "not"; /* what a false schema is short for */
}

static void unit_check_false(struct schema_run *run, struct inst *root,
                             uint32_t depth)
{
    uint32_t i;

    for (i = 0; root->closure->has_false && i < root->closure->count; i++)
        if (root[i].node->kind == NODE_FALSE && root[i].is_live)
            violate_text(run, &root[i], depth, false_rule(root, i),
                         "is not allowed here");
}

void unit_begin(struct schema_run *run, struct inst *root, unsigned bits,
                uint32_t depth)
{
    if (root->closure->count > 1)
        unit_settle(run, root, bits);
    unit_check_false(run, root, depth);
}

/* ---- insts that are settled when they are copied ---- */

/* Most values begin the same way: an array or object, asked for by somebody
 * for whom it holds for certain. What unit_settle() makes of that depends on
 * the closure alone, but for whose uses they are: all of the root's, or none.
 * So it is done once, when the schema is compiled, for a use that stands for
 * all. Whoever else asks has it done again. */

bool closure_lay_out(struct arena *arena, struct closure *closure)
{
    struct inst *insts = arena_array(arena, closure->count, sizeof(*insts));
    uint32_t i;
    int k;

    if (!insts)
        return false;
    for (i = 0; i < closure->count; i++) {
        insts[i] = inst_blank();
        insts[i].node = closure->entries[i].node;
        insts[i].closure = closure;
        insts[i].at = i;
    }
    closure->insts = closure->settled[0] = closure->settled[1] = insts;
    for (k = 0; k < 2 && closure->count > 1; k++) {
        insts = arena_array(arena, closure->count, sizeof(*insts));
        if (!insts)
            return false;
        memcpy(insts, closure->insts, closure->count * sizeof(*insts));
        insts->uses = 1;
        insts->is_live = true;
        unit_settle(NULL, insts, NODE_TYPE(k ? JSON_OBJECT : JSON_ARRAY));
        insts->uses = 0; /* the asker's, and so is being live */
        insts->is_live = false;
        closure->settled[k] = insts;
    }
    return true;
}

static void settle_again(struct schema_run *run, struct inst *root,
                         unsigned bits)
{
    uint32_t i;

    for (i = 0; i < root->closure->count; i++) {
        root[i].decided[GROUP_ANY] = root[i].decided[GROUP_ONE] = NO_BRANCH;
        if (i > 0)
            root[i].uses = 0;
    }
    unit_settle(run, root, bits);
}

void unit_begin_settled(struct schema_run *run, struct inst *root,
                        bool is_object, uint32_t depth)
{
    uint32_t i;

    if (!root->is_live) {
        /* Nobody asks: whoever would have is out of the game. */
        for (i = 1; i < root->closure->count; i++)
            root[i].is_live = false;
        return;
    }
    if (root->uses && !root->mode) {
        for (i = 1; i < root->closure->count; i++)
            if (root[i].uses)
                root[i].uses = root->uses;
    } else if (root->closure->count > 1) {
        settle_again(run, root,
                     NODE_TYPE(is_object ? JSON_OBJECT : JSON_ARRAY));
    }
    unit_check_false(run, root, depth);
}

void unit_select(struct schema_run *run, struct inst *inst, enum group g,
                 struct scalar *s)
{
    const struct selector *selector = inst->node->combo->selector[g];
    const struct name *found = NULL;

    if (!inst_is_at_work(inst) || inst->decided[g] != NO_BRANCH)
        return;
    if (s && s->type == JSON_STRING)
        found = scalar_find(&selector->values, s);
    inst->selected[g] =
        found ? (int16_t)((const struct selector_value *)found)->branch
              : NO_BRANCH;
    if (selector->is_exclusive)
        unit_settle(run, inst - inst->at, NODE_TYPE(JSON_OBJECT));
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
                          enum group g, uint32_t passed, unsigned bits,
                          uint32_t depth)
{
    const struct combo *c = inst->node->combo;
    const char *wanted = bits & NODE_TYPE(JSON_OBJECT) ? c->wanted[g] : NULL;
    const char *rule = place_rules[group_place[g]];
    struct choice choice = {.bits = bits, .passed = passed};
    uint32_t i;

    for (i = c->begin[group_place[g]]; i < c->begin[group_place[g] + 1]; i++)
        choice.types |= c->places[i].node->conj_types;
    if (wanted && passed == 0)
        violate(run, inst, depth, rule, "must have %s of %s, and has none",
                g == GROUP_ONE ? "exactly one" : "at least one", wanted);
    else if (wanted)
        violate(run, inst, depth, rule, "must have exactly one of %s, not %u",
                wanted, (unsigned)passed);
    else if (passed == 0 && c->selector[g] && inst->selected[g] < 0 &&
             (bits & NODE_TYPE(JSON_OBJECT)))
        violate(run, inst, depth, rule,
                "matches none of the alternatives: its member \"%s\" must be "
                "%s",
                c->selector[g]->member.data, c->selector[g]->expected);
    else
        violate_choice(run, inst, rule, &choice, depth);
}

static void resolve_group(struct schema_run *run, struct inst *inst,
                          enum group g, unsigned bits, uint32_t depth)
{
    const struct combo *c = inst->node->combo;
    uint32_t begin = c->begin[group_place[g]];
    uint32_t end = c->begin[group_place[g] + 1];
    uint32_t i, passed = 0;

    if (begin == end)
        return;
    if (inst->decided[g] != NO_BRANCH) {
        struct inst *child = child_at(inst, begin + (uint32_t)inst->decided[g]);

        if (child->failed)
            hold_move(run, child, inst);
        return;
    }
    for (i = begin; i < end; i++)
        passed += passes(child_at(inst, i));
    if (passed == 1 || (passed > 1 && g == GROUP_ANY))
        return;
    if (passed == 0 && inst->selected[g] >= 0 &&
        child_at(inst, begin + (uint32_t)inst->selected[g])->hold) {
        promote(run, child_at(inst, begin + (uint32_t)inst->selected[g]), inst);
        return;
    }
    violate_group(run, inst, g, passed, bits, depth);
}

static void resolve_inst(struct schema_run *run, struct inst *inst,
                         unsigned bits, uint32_t depth)
{
    const struct combo *c = inst->node->combo;
    struct inst *child;
    uint32_t i, k;

    for (i = c->begin[PLACE_ALL]; i < c->begin[PLACE_ALL + 1]; i++) {
        child = child_at(inst, i);
        if (child->failed)
            hold_move(run, child, inst);
    }
    /* Of the wrong type, which has been said: the rest would tell nobody
     * more. */
    if (!(inst->node->types & bits))
        return;
    resolve_group(run, inst, GROUP_ANY, bits, depth);
    resolve_group(run, inst, GROUP_ONE, bits, depth);
    for (i = c->begin[PLACE_NOT]; i < c->begin[PLACE_NOT + 1]; i++)
        if (passes(child_at(inst, i)))
            violate_text(run, inst, depth, "not",
                         "matches the one thing that is not allowed");
    for (i = c->begin[PLACE_IF]; i < c->begin[PLACE_IF + 1]; i++) {
        enum place_kind next =
            passes(child_at(inst, i)) ? PLACE_THEN : PLACE_ELSE;

        for (k = c->begin[next]; k < c->begin[next + 1]; k++) {
            child = child_at(inst, k);
            if (child->failed)
                promote(run, child, inst);
        }
    }
    for (i = c->begin[PLACE_DEPENDENT]; i < c->count; i++) {
        child = child_at(inst, i);
        if (child->failed && inst_has_seen(inst, c->places[i].bit))
            promote(run, child, inst);
    }
}

void unit_resolve(struct schema_run *run, struct frame *f, struct inst *root,
                  unsigned bits, uint32_t depth)
{
    uint32_t i;

    for (i = root->closure->count; i-- > 0;) {
        struct inst *inst = &root[i];

        if (!inst_is_at_work(inst))
            continue;
        if (inst->node->combo)
            resolve_inst(run, inst, bits, depth);
        if (inst->extra && inst->extra->unevaluated)
            unevaluated_end(run, f, inst);
    }
}

void unit_deliver(struct schema_run *run, struct inst *root, struct inst *asker,
                  enum role role, uint32_t depth)
{
    bool failed = !root || root->failed;
    struct frame *f = &run->frames[depth];

    switch (role) {
    case ROLE_VALUE:
        if (failed)
            hold_move(run, root, asker);
        break;
    case ROLE_CONTAINS:
        if (failed)
            break;
        asker->contains++;
        if (f->marks)
            unevaluated_mark(f, asker);
        break;
    case ROLE_UNEVALUATED:
        unevaluated_result(run, f, asker, failed, depth);
        break;
    }
}

/* ---- scalars ---- */

/* Verdicts of a closure's nodes on one scalar, none asked for twice. */
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
    if (node->has_checks || !(node->types & a->scalar->bits))
        check_scalar(a->run, node, a->asker, a->scalar, a->run->depth);
    passed = !a->asker->failed && (!node->combo || accepts_combo(a, at));
    a->known |= bit;
    a->passed |= passed ? bit : 0;
    return passed;
}

bool unit_accepts(struct schema_run *run, const struct closure *c,
                  struct scalar *s)
{
    struct inst asker = inst_asker();
    struct accepts a = {run, c, s, &asker, 0, 0};

    return c->count <= UNIT_ACCEPTS_MAX && accepts(&a, 0);
}

/* Why it did not pass. */
static void scalar_lay_out(struct schema_run *run, const struct duty *d,
                           struct inst *asker, struct scalar *s)
{
    const struct closure *c = d->node->closure;
    struct stack_mark mark = stack_mark(run);
    struct inst *root = stack_alloc(run, c->count * sizeof(*root));
    uint32_t i;

    if (!root)
        return;
    memcpy(root, c->insts, c->count * sizeof(*root));
    root->is_live = true;
    root->uses = d->role == ROLE_VALUE ? asker->uses : 0;
    root->mode = d->role == ROLE_VALUE ? asker->mode : MODE_VERDICT;
    unit_begin(run, root, s->bits, run->depth);
    for (i = 0; i < c->count && run->status == STATUS_OK; i++)
        if (root[i].is_live && root[i].node->kind != NODE_FALSE)
            check_scalar(run, root[i].node, &root[i], s, run->depth);
    unit_resolve(run, NULL, root, s->bits, run->depth);
    unit_deliver(run, root, asker, d->role, run->depth);
    for (i = 0; run->holds > 0 && i < c->count; i++)
        hold_drop(run, &root[i]);
    stack_reset(run, mark);
}

/* Most scalars pass, and then there is nothing to tell: what an alternative
 * would have said about them need not be written down first. */
static void scalar_closure(struct schema_run *run, const struct duty *d,
                           struct inst *asker, struct scalar *s)
{
    struct inst passed = inst_blank();

    if (!unit_accepts(run, d->node->closure, s)) {
        if (run->status == STATUS_OK)
            scalar_lay_out(run, d, asker, s);
    } else if (d->role != ROLE_VALUE) {
        unit_deliver(run, &passed, asker, d->role, run->depth);
    }
}

/* For those who only want to know whether it passes. */
static void scalar_verdict(struct schema_run *run, const struct duty *d,
                           struct inst *asker, struct scalar *s)
{
    struct inst verdict = inst_asker();

    check_scalar(run, d->node, &verdict, s, run->depth);
    unit_deliver(run, &verdict, asker, d->role, run->depth);
}

void unit_scalar(struct schema_run *run, const struct duty *d,
                 struct inst *asker, struct scalar *s)
{
    if (d->node->is_simple) {
        if (d->role == ROLE_VALUE)
            check_scalar(run, d->node, asker, s, run->depth);
        else
            scalar_verdict(run, d, asker, s);
        return;
    }
    switch (d->node->kind) {
    case NODE_FALSE:
        if (d->role == ROLE_VALUE)
            violate_text(run, asker, run->depth, d->keyword,
                         "is not allowed here");
        else
            unit_deliver(run, NULL, asker, d->role, run->depth);
        break;
    case NODE_PLAIN:
    case NODE_ALIAS:
        scalar_closure(run, d, asker, s);
        break;
    case NODE_PART:
    case NODE_PART_KIND:
    case NODE_PART_URL:
        part_scalar(d->node, asker->extra, s);
        break;
    default:
        decoration_scalar(d->node, asker->extra, s);
        break;
    }
}

bool node_passes_scalar(struct schema_run *run, const struct node *node,
                        struct scalar *s)
{
    struct duty d = {.node = node, .keyword = "not", .role = ROLE_VALUE};
    struct inst asker = inst_asker();

    unit_scalar(run, &d, &asker, s);
    return !asker.failed;
}
