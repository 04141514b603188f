/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/step.c - what a scalar must pass, where nothing is wrong yet.
 *
 * The duties of a child whose askers are live, as ops: those that must pass
 * first, so that when one does not, nothing was noted; and all that is asked
 * about which string it is in one table.
 */
#include "schema/compile.h"
#include "schema/machine.h"

static uint64_t bit(uint32_t i)
{
    return (uint64_t)1 << i;
}

/* One step under construction. */
struct draft {
    struct compiler c; /* for compile_grow() */
    const struct stage *stage;
    struct step *step;
    struct op *ops[STEP_TYPES];
    struct look *looks;
    uint32_t ops_size[STEP_TYPES], op_count[STEP_TYPES];
    uint32_t looks_size, look_count;
};

static uint8_t types_of(const struct node *n)
{
    return (uint8_t)(n->types |
                     (n->types & NODE_TYPE(JSON_NUMBER) ? NODE_INTEGER : 0));
}

/* What an op says can be told later, when it is known to count. */
static bool can_tell_later(enum op_kind kind)
{
    return kind == OP_ENUM || kind == OP_CONST || kind == OP_NOT;
}

static void draft_op(struct draft *d, enum step_type type, enum op_kind kind,
                     const struct node *node, uint32_t asker)
{
    const struct inst *inst = &d->stage->insts[asker];
    struct op op = {.kind = kind, .askers = bit(asker), .node = node};
    uint32_t i;

    if (!inst->uses && (inst->mode & MODE_HELD) && can_tell_later(kind))
        op.held = op.askers;
    else
        op.must_pass = inst->uses || (inst->mode & MODE_HELD);
    for (i = 0; i < d->op_count[type]; i++) {
        struct op *same = &d->ops[type][i];

        if (same->kind != kind || same->node != node)
            continue;
        same->must_pass |= op.must_pass;
        same->askers |= op.askers;
        same->held |= op.held;
        return;
    }
    if (compile_grow(&d->c, &d->ops[type], &d->ops_size[type],
                     d->op_count[type] + 1, sizeof(op)))
        d->ops[type][d->op_count[type]++] = op;
}

static void draft_strings(struct draft *d, const struct node *n, uint32_t asker)
{
    const struct node_string *s = n->string;

    if (n->enumerated)
        draft_op(d, STEP_STRING, OP_ENUM, n, asker);
    if (n->constant)
        draft_op(d, STEP_STRING, OP_CONST, n, asker);
    if (n->excluded)
        draft_op(d, STEP_STRING, OP_NOT, n, asker);
    if (s && (s->min > 0 || s->max != UINT64_MAX))
        draft_op(d, STEP_STRING, OP_LENGTH, n, asker);
    if (s && s->pattern)
        draft_op(d, STEP_STRING, OP_PATTERN, n, asker);
    if (s && s->format)
        draft_op(d, STEP_STRING, OP_FORMAT, n, asker);
}

static void draft_simple(struct draft *d, const struct node *n, uint32_t asker)
{
    bool has_values = n->enumerated || n->constant || n->excluded;

    d->step->types &= types_of(n);
    draft_strings(d, n, asker);
    if (has_values || n->number)
        draft_op(d, STEP_NUMBER, OP_NODE, n, asker);
    if (has_values) /* few of them: not worth a list */
        d->step->types &=
            (uint8_t) ~(NODE_TYPE(JSON_NULL) | NODE_TYPE(JSON_BOOL));
}

static void draft_closure(struct draft *d, const struct node *n, uint32_t asker)
{
    d->step->types &=
        NODE_TYPE(JSON_STRING) | NODE_TYPE(JSON_NUMBER) | NODE_INTEGER;
    if (n->closure->count > UNIT_ACCEPTS_MAX)
        d->step->types = 0;
    draft_op(d, STEP_STRING, OP_CLOSURE, n, asker);
    draft_op(d, STEP_NUMBER, OP_CLOSURE, n, asker);
}

static void draft_look(struct draft *d, const struct node *n, uint32_t asker)
{
    struct look g = {n, stage_slot(d->stage, asker)};

    if (compile_grow(&d->c, &d->looks, &d->looks_size, d->look_count + 1,
                     sizeof(g)))
        d->looks[d->look_count++] = g;
}

static void draft_duties(struct draft *d, const struct child *child)
{
    uint32_t i;

    for (i = 0; i < child->duty_count; i++) {
        const struct duty *duty = &child->duties[i];

        if (!d->stage->insts[duty->asker].is_live)
            continue;
        if (duty->node->kind == NODE_FALSE)
            d->step->types = 0;
        else if (duty->node->kind != NODE_PLAIN)
            draft_look(d, duty->node, duty->asker);
        else if (duty->node->is_simple)
            draft_simple(d, duty->node, duty->asker);
        else
            draft_closure(d, duty->node, duty->asker);
    }
}

/* Those that must pass come first: when one does not, nothing was noted. */
static struct op *ops_sorted(struct schema_set *set, const struct op *ops,
                             uint32_t count)
{
    struct op *sorted = stage_alloc(set, count * sizeof(*sorted));
    uint32_t i, n = 0;

    for (i = 0; sorted && i < count; i++)
        if (ops[i].must_pass)
            sorted[n++] = ops[i];
    for (i = 0; sorted && i < count; i++)
        if (!ops[i].must_pass)
            sorted[n++] = ops[i];
    return sorted;
}

static const struct node_values *values_of(const struct op *op)
{
    switch (op->kind) {
    case OP_ENUM:
        return op->node->enumerated;
    case OP_CONST:
        return op->node->constant;
    case OP_NOT:
        return op->node->excluded;
    default:
        return NULL;
    }
}

/* The ops that a string fails, by what it is; absent: any other string. */
static uint64_t ops_failed(const struct step *step, struct text t)
{
    uint64_t failed = 0;
    uint32_t i;

    for (i = 0; i < step->op_count[STEP_STRING]; i++) {
        const struct op *op = &step->ops[STEP_STRING][i];
        const struct node_values *v = values_of(op);
        bool is_there =
            v && !text_is_absent(t) && name_table_find_text(&v->strings, t);

        if (v && is_there == (op->kind == OP_NOT))
            failed |= bit(i);
    }
    return failed;
}

static bool step_value_add(struct schema_set *set, struct step *step,
                           struct text t)
{
    struct step_value *v;

    if (name_table_find_text(&step->values, t))
        return true;
    v = stage_alloc(set, sizeof(*v));
    if (!v)
        return false;
    v->failed = ops_failed(step, t);
    return name_table_add(&step->values, &set->arena, &v->name, t);
}

/* All that is asked about which string it is becomes one look-up. */
static bool step_values(struct schema_set *set, struct step *step)
{
    uint32_t i, k;

    for (i = 0; i < step->op_count[STEP_STRING]; i++) {
        const struct op *op = &step->ops[STEP_STRING][i];
        const struct node_values *v = values_of(op);

        if (!v) {
            step->has_more_ops = true;
            continue;
        }
        step->has_values = true;
        for (k = 0; v->strings.mask && k <= v->strings.mask; k++)
            if (v->strings.slots[k].name &&
                !step_value_add(set, step, v->strings.slots[k].name->text))
                return false;
    }
    step->others_failed = ops_failed(step, (struct text){0});
    for (i = 0; i < step->op_count[STEP_STRING]; i++)
        if (step->ops[STEP_STRING][i].must_pass)
            step->must_pass |= bit(i);
    return true;
}

static bool draft_finish(struct schema_set *set, struct draft *d)
{
    struct step *step = d->step;
    int k;

    for (k = 0; k < STEP_TYPES; k++) {
        if (d->op_count[k] > STEP_OPS_MAX) {
            d->op_count[k] = 0;
            step->types = 0;
        }
        step->ops[k] = ops_sorted(set, d->ops[k], d->op_count[k]);
        step->op_count[k] = (uint8_t)d->op_count[k];
        if (!step->ops[k])
            return false;
    }
    if (d->look_count > UINT8_MAX)
        step->types = 0;
    step->looks = d->looks;
    step->look_count = (uint8_t)d->look_count;
    return d->c.status == STATUS_OK && step_values(set, step);
}

bool step_scalars(struct schema_set *set, const struct stage *s,
                  struct step *step)
{
    struct draft d = {.c = {.set = set}, .stage = s, .step = step};

    step->types = NODE_TYPE(JSON_NULL) | NODE_TYPE(JSON_BOOL) |
                  NODE_TYPE(JSON_NUMBER) | NODE_TYPE(JSON_STRING) |
                  NODE_INTEGER;
    draft_duties(&d, step->child);
    return draft_finish(set, &d);
}
