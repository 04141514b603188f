/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/machine.c - the events of a JSON text, in the order they come.
 *
 * A key or an item's beginning collects duties from the insts of the top
 * frame (member_duties(), item_duties()); the value's first event does them.
 * Nothing here knows what a schema keyword means for a single value; that is
 * check.c, and combining verdicts is unit.c.
 */
#include "schema/machine.h"

#include <string.h>

#include "base/check.h"

static void select_add(struct schema_run *run, struct inst *inst,
                       enum group group)
{
    if (run_reserve(run, &run->selects, &run->selects_size,
                    run->select_count + 1, sizeof(*run->selects)))
        run->selects[run->select_count++] = (struct select){inst, group};
}

/* ---- what a child must satisfy ---- */

static void marks_clear(struct frame *f)
{
    uint32_t i;

    for (i = 0; i < f->unit_count; i++)
        if (f->units[i].marks)
            memset(f->units[i].marks, 0,
                   (f->units[i].closure->count + 63) / 64 * sizeof(uint64_t));
}

static void marks_use(struct schema_run *run, struct frame *f)
{
    uint32_t i;

    for (i = 0; i < f->unit_count; i++)
        if (f->units[i].marks)
            unevaluated_child(run, &f->units[i], f->is_object);
}

/* A member that the node names: the name is the schema's from here on. */
static void known_member(struct schema_run *run, struct frame *f,
                         struct inst *inst, const struct member *m)
{
    if (m->bit != MEMBER_NO_BIT)
        inst->seen[m->bit / 64] |= (uint64_t)1 << (m->bit % 64);
    if (m->is_property) {
        f->known_name = &m->name.text;
        if (m->child)
            duty_add(run, m->child, inst, "properties", ROLE_VALUE);
    }
    if (m->probe)
        duty_add(run, m->probe, inst, "properties", ROLE_VALUE);
    if (m->is_selector[GROUP_ANY])
        select_add(run, inst, GROUP_ANY);
    if (m->is_selector[GROUP_ONE])
        select_add(run, inst, GROUP_ONE);
}

/* Patterns, names, the rest: what few objects have. */
static void member_more(struct schema_run *run, struct inst *inst,
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
            duty_add(run, o->patterns[i].child, inst, "patternProperties",
                     ROLE_VALUE);
    }
    if (o->names) {
        name = scalar_of(JSON_STRING, key);
        if (!node_passes_scalar(run, o->names, &name) &&
            run->status == STATUS_OK)
            violate(run, inst, run->depth, "propertyNames",
                    "has a name that is not allowed");
    }
    if (!*evaluated && o->has_additional) {
        *evaluated = true;
        if (o->additional)
            duty_add(run, o->additional, inst, "additionalProperties",
                     ROLE_VALUE);
    }
}

static void member_duties(struct schema_run *run, struct frame *f,
                          struct inst *inst, struct text key,
                          struct name_print print)
{
    const struct node_object *o = inst->node->object;
    const struct member *m = (const struct member *)name_table_find(
        &o->members, print, key.data, key.len);
    bool evaluated = m && m->is_property;

    if (m)
        known_member(run, f, inst, m);
    if (o->has_more)
        member_more(run, inst, key, &evaluated);
    if (evaluated && f->has_unevaluated)
        unevaluated_mark(inst);
    if (f->count == o->max + 1)
        violate(run, inst, run->depth - 1, "maxProperties",
                "has more than %llu members", (unsigned long long)o->max);
}

static void contains_duty(struct schema_run *run, struct inst *inst)
{
    const struct node_array *a = inst->node->array;
    bool is_marking = inst->unit->marks != NULL;

    if (inst->contains >= a->min_contains && a->max_contains == UINT64_MAX &&
        !is_marking)
        return; /* enough, and nobody counts further */
    if (a->contains) {
        duty_add(run, a->contains, inst, "contains", ROLE_CONTAINS);
        return;
    }
    inst->contains++;
    if (is_marking)
        unevaluated_mark(inst);
}

static void item_duties(struct schema_run *run, struct frame *f,
                        struct inst *inst)
{
    const struct node_array *a = inst->node->array;
    uint64_t at = f->count - 1;

    if (at < a->prefix_count) {
        if (a->prefix[at])
            duty_add(run, a->prefix[at], inst, "prefixItems", ROLE_VALUE);
    } else if (a->items) {
        duty_add(run, a->items, inst, "items", ROLE_VALUE);
    }
    if (a->has_contains)
        contains_duty(run, inst);
    if (a->probe)
        duty_add(run, a->probe, inst, "items", ROLE_VALUE);
    if (f->has_unevaluated && (at < a->prefix_count || a->has_items))
        unevaluated_mark(inst);
    if (at == a->max)
        violate(run, inst, run->depth - 1, "maxItems",
                "has more than %llu items", (unsigned long long)a->max);
}

/* ---- a value begins, a value ends ---- */

static uint32_t tap_bits(const struct tap_node *t)
{
    uint32_t bits = 0;

    if (t->text_tap >= 0)
        bits |= 1u << t->text_tap;
    if (t->count_tap >= 0)
        bits |= 1u << t->count_tap;
    return bits;
}

static void root_begin(struct schema_run *run)
{
    size_t i;

    CHECK(!run->has_value);
    run->has_value = true;
    run->tap = run->plan->taps;
    if (run->tap)
        run->taps_open |= tap_bits(run->tap);
    for (i = 0; i < run->plan->root_count; i++)
        if (run->plan->roots[i].node)
            duty_add(run, run->plan->roots[i].node, &run->root_insts[i], "not",
                     ROLE_VALUE);
}

static void item_begin(struct schema_run *run, struct frame *f)
{
    uint32_t i;

    f->count++;
    if (f->has_unevaluated)
        marks_clear(f);
    for (i = 0; i < f->inst_count; i++)
        if (f->insts[i].node->array && f->insts[i].is_live &&
            !f->insts[i].is_dead)
            item_duties(run, f, &f->insts[i]);
    if (f->has_unevaluated)
        marks_use(run, f);
}

/* Before a value, be it the root, an item, or a member whose key came. */
static bool value_begin(struct schema_run *run)
{
    struct frame *f;

    if (run->depth == 0) {
        root_begin(run);
        return run->status == STATUS_OK;
    }
    f = &run->frames[run->depth - 1];
    if (!f->is_object)
        item_begin(run, f);
    return run->status == STATUS_OK;
}

/* `begin` is where its encoding lies, if it was captured. */
static bool value_end(struct schema_run *run, const struct tap_node *tap,
                      size_t begin)
{
    if (tap)
        run->taps_open &= ~tap_bits(tap);
    run->tap = NULL;
    run->duty_count = 0;
    if (run->depth > 0 && run->frames[run->depth - 1].unique &&
        run->status == STATUS_OK)
        unique_item(run, &run->frames[run->depth - 1], begin);
    return run->status == STATUS_OK;
}

static void selects_do(struct schema_run *run, const struct scalar *s)
{
    uint32_t i;

    for (i = 0; i < run->select_count; i++)
        unit_select(run, &run->selects[i], s);
    run->select_count = 0;
}

static void tap_text(struct schema_run *run, int tap, struct text t)
{
    char *copy;

    if (memchr(t.data ? t.data : "", '\0', t.len)) {
        refuse(run, run->depth, "json.escape",
               "an identifier has an escaped NUL character in it");
        return;
    }
    if (t.len > SCHEMA_TAP_TEXT_MAX)
        return;
    copy = run_alloc(run, t.len + 1);
    if (!copy)
        return;
    if (t.len > 0)
        memcpy(copy, t.data, t.len);
    run->tap_texts[tap] = text_make(copy, t.len);
    run->taps_seen |= 1u << tap;
}

/* ---- events ---- */

bool machine_scalar(struct schema_run *run, struct scalar *s)
{
    const struct tap_node *tap;
    size_t begin = run->capture.len;
    uint32_t i;

    if (!value_begin(run))
        return false;
    tap = run->tap;
    if (run->select_count > 0)
        selects_do(run, s);
    for (i = 0; i < run->duty_count && run->status == STATUS_OK; i++)
        unit_scalar(run, &run->duties[i], s);
    if (run->captured > 0)
        capture_scalar(run, s);
    if (tap && tap->text_tap >= 0 && s->type == JSON_STRING)
        tap_text(run, tap->text_tap, s->text);
    return value_end(run, tap, begin);
}

static void tap_key(struct schema_run *run, const struct frame *f,
                    struct text key, struct name_print print)
{
    run->tap = (const struct tap_node *)name_table_find(
        &f->tap->children, print, key.data, key.len);
    if (run->tap)
        run->taps_open |= tap_bits(run->tap);
}

bool machine_key(struct schema_run *run, struct text key)
{
    struct frame *f = &run->frames[run->depth - 1];
    struct name_print print = name_print(key.data, key.len);
    uint32_t i;

    f->count++;
    f->known_name = NULL;
    f->key_len = 0;
    if (f->key_at <= POINTER_MAX) {
        f->key_len = key.len < POINTER_MAX ? (uint32_t)key.len : POINTER_MAX;
        memcpy(run->path + f->key_at, key.data, f->key_len);
    }
    if (!frame_add_key(run, f, print))
        return false;
    if (f->tap)
        tap_key(run, f, key, print);
    if (f->has_unevaluated)
        marks_clear(f);
    for (i = 0; i < f->inst_count; i++)
        if (f->insts[i].node->object && f->insts[i].is_live &&
            !f->insts[i].is_dead)
            member_duties(run, f, &f->insts[i], key, print);
    if (f->has_unevaluated)
        marks_use(run, f);
    if (f->is_captured)
        capture_key(run, key);
    return run->status == STATUS_OK;
}

bool machine_begin(struct schema_run *run, bool is_object)
{
    if (!value_begin(run))
        return false;
    if (run->select_count > 0)
        selects_do(run, NULL);
    frame_begin(run, is_object);
    run->tap = NULL;
    run->duty_count = 0;
    return run->status == STATUS_OK;
}

bool machine_end(struct schema_run *run)
{
    struct frame *f = &run->frames[run->depth - 1];
    const struct tap_node *tap = f->tap;
    size_t begin = f->capture_at;

    if (tap && tap->count_tap >= 0 && !f->is_object) {
        run->tap_counts[tap->count_tap] = f->count;
        run->taps_seen |= 1u << tap->count_tap;
    }
    frame_end(run);
    return value_end(run, tap, begin);
}
