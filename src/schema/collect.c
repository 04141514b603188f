/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/collect.c - the duties of a child that no layout knows.
 *
 * Patterns of names, "contains" and whatever is unevaluated depend on the
 * body: then a child's duties are collected from the insts of its frame, one
 * after the other, into the run's own `collected`. layout.c does the same for
 * children that are known.
 */
#include <string.h>

#include "schema/machine.h"

void duty_add(struct schema_run *run, const struct node *node, uint32_t asker,
              const char *keyword, enum role role)
{
    struct child *c = &run->collected;

    if (!run_reserve(run, &run->duties, &run->duties_size, c->duty_count + 1,
                     sizeof(*run->duties)))
        return;
    run->duties[c->duty_count++] =
        (struct duty){node, keyword, asker, (uint8_t)role};
    c->duties = run->duties;
    c->has_false |= node->kind == NODE_FALSE;
}

static void select_add(struct schema_run *run, uint32_t inst, enum group group)
{
    struct child *c = &run->collected;

    if (!run_reserve(run, &run->selects, &run->selects_size,
                     c->select_count + 1, sizeof(*run->selects)))
        return;
    run->selects[c->select_count++] = (struct select){inst, group};
    c->selects = run->selects;
}

static void collect_begin(struct schema_run *run, struct frame *f)
{
    memset(&run->collected, 0, sizeof(run->collected));
    run->child = &run->collected;
    if (f->marks)
        memset(f->marks, 0,
               (f->layout->inst_count + 63) / 64 * sizeof(uint64_t));
}

/* A member that the node names: the name is the schema's from here on. */
static void known_member(struct schema_run *run, uint32_t at, struct inst *inst,
                         const struct member *m)
{
    enum group g;

    if (m->bit != MEMBER_NO_BIT)
        inst_see(inst, m->bit);
    if (m->is_property) {
        run->collected.known_name = &m->name.text;
        if (m->child)
            duty_add(run, m->child, at, "properties", ROLE_VALUE);
    }
    if (m->probe)
        duty_add(run, m->probe, at, "properties", ROLE_VALUE);
    for (g = 0; g < GROUPS; g++)
        if (m->is_selector[g])
            select_add(run, at, g);
}

/* Patterns, names, the rest: what few objects have. */
static void member_more(struct schema_run *run, uint32_t at, struct inst *inst,
                        struct text key, bool *evaluated)
{
    const struct node_object *o = inst->node->object;
    struct scalar name;
    size_t i;

    for (i = 0; i < o->pattern_count; i++) {
        if (!pattern_holds(run, o->patterns[i].pattern, key, run->depth))
            continue;
        *evaluated = true;
        if (o->patterns[i].child)
            duty_add(run, o->patterns[i].child, at, "patternProperties",
                     ROLE_VALUE);
    }
    if (o->names) {
        scalar_init(&name, JSON_STRING, key);
        if (!node_passes_scalar(run, o->names, &name) &&
            run->status == STATUS_OK)
            violate_text(run, inst, run->depth, "propertyNames",
                         "has a name that is not allowed");
    }
    if (!*evaluated && o->has_additional) {
        *evaluated = true;
        if (o->additional)
            duty_add(run, o->additional, at, "additionalProperties",
                     ROLE_VALUE);
    }
}

void collect_member(struct schema_run *run, struct frame *f, struct text key,
                    struct name_print print)
{
    uint32_t i;

    collect_begin(run, f);
    for (i = 0; i < f->layout->inst_count; i++) {
        struct inst *inst = &f->insts[i];
        const struct node_object *o = inst->node->object;
        const struct member *m;
        bool evaluated;

        if (!o || !inst_is_at_work(inst))
            continue;
        m = (const struct member *)name_table_find(&o->members, print, key.data,
                                                   key.len);
        evaluated = m && m->is_property;
        if (m)
            known_member(run, i, inst, m);
        if (o->has_more)
            member_more(run, i, inst, key, &evaluated);
        if (evaluated && f->marks)
            unevaluated_mark(f, inst);
    }
    if (f->marks)
        unevaluated_child(run, f);
}

static void contains_collect(struct schema_run *run, struct frame *f,
                             uint32_t at, struct inst *inst)
{
    const struct node_array *a = inst->node->array;

    if (inst->contains >= a->min_contains && a->max_contains == UINT64_MAX &&
        !f->marks)
        return; /* enough, and nobody counts further */
    if (a->contains) {
        duty_add(run, a->contains, at, "contains", ROLE_CONTAINS);
        return;
    }
    inst->contains++;
    if (f->marks)
        unevaluated_mark(f, inst);
}

void collect_item(struct schema_run *run, struct frame *f)
{
    uint64_t place = f->count - 1;
    uint32_t i;

    collect_begin(run, f);
    for (i = 0; i < f->layout->inst_count; i++) {
        struct inst *inst = &f->insts[i];
        const struct node_array *a = inst->node->array;

        if (!a || !inst_is_at_work(inst))
            continue;
        if (place < a->prefix_count) {
            if (a->prefix[place])
                duty_add(run, a->prefix[place], i, "prefixItems", ROLE_VALUE);
        } else if (a->items) {
            duty_add(run, a->items, i, "items", ROLE_VALUE);
        }
        if (a->has_contains)
            contains_collect(run, f, i, inst);
        if (a->probe)
            duty_add(run, a->probe, i, "items", ROLE_VALUE);
        if (f->marks && (place < a->prefix_count || a->has_items))
            unevaluated_mark(f, inst);
    }
    if (f->marks)
        unevaluated_child(run, f);
}
