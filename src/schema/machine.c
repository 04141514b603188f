/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/machine.c - the events of a JSON text, in the order they come.
 *
 * A key or an item's beginning finds the child in the top frame's layout, or
 * collects its duties from the frame's insts; the value's first event does
 * them. Nothing here knows what a schema keyword means for a single value;
 * that is check.c, and combining verdicts is unit.c.
 */
#include "schema/machine.h"

#include <string.h>

#include "base/check.h"

/* ---- a child that no layout knows ---- */

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

static void saw_member(struct inst *inst, uint32_t bit)
{
    *(bit < 64 ? &inst->seen : &inst->seen_more[bit / 64 - 1]) |= (uint64_t)1
                                                                  << (bit % 64);
}

/* A member that the node names: the name is the schema's from here on. */
static void known_member(struct schema_run *run, uint32_t at, struct inst *inst,
                         const struct member *m)
{
    enum group g;

    if (m->bit != MEMBER_NO_BIT)
        saw_member(inst, m->bit);
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

static void member_collect(struct schema_run *run, struct frame *f,
                           struct text key, struct name_print print)
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

static void item_collect(struct schema_run *run, struct frame *f)
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

/* ---- a child that the layout knows ---- */

static void member_look_up(struct schema_run *run, struct frame *f,
                           struct text key, struct name_print print)
{
    const struct layout_member *m =
        (const struct layout_member *)name_table_find(&f->layout->members,
                                                      print, key.data, key.len);
    const struct child *c = m ? &m->child : &f->layout->other;
    uint32_t i;

    run->child = c;
    for (i = 0; i < c->sight_count; i++)
        saw_member(&f->insts[c->sights[i].inst], c->sights[i].bit);
}

/* One more than some inst allows: known now, not at the end. */
static void check_max(struct schema_run *run, struct frame *f)
{
    uint32_t i;

    for (i = 0; i < f->layout->inst_count; i++) {
        struct inst *inst = &f->insts[i];
        const struct node *n = inst->node;

        if (!inst_is_at_work(inst))
            continue;
        if (f->is_object && n->object && f->count == n->object->max + 1)
            violate(run, inst, run->depth - 1, "maxProperties",
                    "has more than %llu members",
                    (unsigned long long)n->object->max);
        if (!f->is_object && n->array && f->count == n->array->max + 1)
            violate(run, inst, run->depth - 1, "maxItems",
                    "has more than %llu items",
                    (unsigned long long)n->array->max);
    }
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

static void item_begin(struct schema_run *run, struct frame *f)
{
    const struct layout *l = f->layout;

    f->count++;
    if (l->knows_items)
        run->child = &l->items[f->count < l->item_count ? f->count - 1
                                                        : l->item_count - 1];
    else
        item_collect(run, f);
    if (l->has_max)
        check_max(run, f);
}

/* Before a value, be it the root, an item, or a member whose key came. */
static bool value_begin(struct schema_run *run)
{
    struct frame *f;

    if (run->depth == 0) {
        CHECK(!run->has_value);
        run->has_value = true;
        run->child = run->plan->root;
        run->tap = run->plan->taps;
        if (run->tap)
            run->taps_open |= tap_bits(run->tap);
        return true;
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
    if (run->depth > 0 && run->frames[run->depth - 1].unique &&
        run->status == STATUS_OK)
        unique_item(run, &run->frames[run->depth - 1], begin);
    return run->status == STATUS_OK;
}

/* A string, or NULL, for the groups of the top frame that wait for it. */
static void selects_do(struct schema_run *run, const struct scalar *s)
{
    const struct frame *f = &run->frames[run->depth - 1];
    uint32_t i;

    for (i = 0; i < run->child->select_count; i++)
        unit_select(run, &f->insts[run->child->selects[i].inst],
                    run->child->selects[i].group, s);
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
    size_t begin = run->capture.len;
    const struct tap_node *tap;
    const struct child *c;
    struct inst *askers;
    uint32_t i;

    if (!value_begin(run))
        return false;
    tap = run->tap;
    c = run->child;
    askers =
        run->depth > 0 ? run->frames[run->depth - 1].insts : run->root_askers;
    if (c->select_count > 0)
        selects_do(run, s);
    for (i = 0; i < c->duty_count && run->status == STATUS_OK; i++)
        unit_scalar(run, &c->duties[i], &askers[c->duties[i].asker], s);
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

    f->count++;
    f->known_name = NULL;
    f->key_len = 0;
    if (f->key_at <= POINTER_MAX) {
        f->key_len = key.len < POINTER_MAX ? (uint32_t)key.len : POINTER_MAX;
        /* Not memcpy(): of a size known to be small, compilers make an
         * instruction of it that takes long to start. */
        memmove(run->path + f->key_at, key.data, f->key_len);
    }
    if (!frame_add_key(run, f, print))
        return false;
    if (f->tap)
        tap_key(run, f, key, print);
    if (f->layout->knows_members)
        member_look_up(run, f, key, print);
    else
        member_collect(run, f, key, print);
    f->known_name = run->child->known_name;
    if (f->layout->has_max)
        check_max(run, f);
    if (f->is_captured)
        capture_key(run, key);
    return run->status == STATUS_OK;
}

bool machine_begin(struct schema_run *run, bool is_object)
{
    if (!value_begin(run))
        return false;
    if (run->child->select_count > 0)
        selects_do(run, NULL);
    frame_begin(run, is_object);
    run->tap = NULL;
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
