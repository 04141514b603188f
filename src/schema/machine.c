/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/machine.c - the events of a JSON text, in the order they come.
 *
 * A key or an item's beginning finds the child in the top frame's layout, or
 * has its duties collected (collect.c); the value's first event does them.
 * The body is the only item of a frame below all others, so that nothing here
 * asks whether there is one. Nothing here knows what a schema keyword means for
 * a single value; that is check.c, and combining verdicts is unit.c.
 */
#include "schema/machine.h"

#include <string.h>

/* ---- a child of the top frame ---- */

static void violate_max(struct schema_run *run, struct inst *inst,
                        const char *rule, const char *noun, uint64_t max)
{
    if (max == 0)
        violate(run, inst, run->depth - 1, rule,
                "must be empty, without any %s", noun);
    else
        violate(run, inst, run->depth - 1, rule, "has more than %llu %s%s",
                (unsigned long long)max, noun, max == 1 ? "" : "s");
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
            violate_max(run, inst, "maxProperties", "member", n->object->max);
        if (!f->is_object && n->array && f->count == n->array->max + 1)
            violate_max(run, inst, "maxItems", "item", n->array->max);
    }
}

static const struct child *member_see(struct frame *f,
                                      const struct layout_member *m)
{
    const struct child *c = m ? &m->child : &f->layout->other;
    uint32_t i;

    for (i = 0; i < c->sight_count; i++)
        inst_see(&f->insts[c->sights[i].inst], c->sights[i].bit);
    return c;
}

static void tap_open(struct schema_run *run, const struct tap_node *tap)
{
    run->tap = tap;
    if (tap)
        run->taps_open |= tap_bits(tap);
}

static void tap_key(struct schema_run *run, const struct frame *f,
                    struct text key)
{
    tap_open(run, (const struct tap_node *)name_table_find_text(
                      &f->tap->children, key));
}

/* Part of the path until the next key comes. A short name is its print. */
void machine_path(struct schema_run *run, struct frame *f, struct text key,
                  struct name_print print)
{
    char *to = run->path + f->key_at;

    f->key_len = 0;
    if (f->key_at > POINTER_MAX)
        return; /* no pointer reaches so far */
    if (key.len <= NAME_PRINT_EXACT) {
        uint64_t words[2] = {htole64(print.lo), htole64(print.hi)};

        memcpy(to, words, sizeof(words));
        f->key_len = (uint32_t)key.len;
        return;
    }
    f->key_len = key.len < POINTER_MAX ? (uint32_t)key.len : POINTER_MAX;
    memmove(to, key.data, f->key_len);
}

bool machine_key(struct schema_run *run, struct frame *f, struct text key,
                 const struct layout_member *m)
{
    f->known_name = NULL;
    if (f->stage)
        wake_leave(run, f);
    if (f->tap)
        tap_key(run, f, key);
    if (f->layout->knows_members)
        run->child = member_see(f, m);
    else
        collect_member(run, f, key, name_print(key.data, key.len));
    f->known_name = run->child->known_name;
    if (f->layout->has_max)
        check_max(run, f);
    if (f->is_captured)
        capture_key(run, key);
    return run->status == STATUS_OK;
}

void machine_item(struct schema_run *run, struct frame *f)
{
    const struct layout *l = f->layout;
    uint64_t last = l->item_count - 1;

    if (f->stage)
        wake_leave(run, f);
    if (l->knows_items)
        run->child = &l->items[f->count <= last ? f->count - 1 : last];
    else
        collect_item(run, f);
    if (l->has_max)
        check_max(run, f);
}

/* ---- a value ends ---- */

static void tap_end(struct schema_run *run, const struct tap_node *tap)
{
    run->taps_open &= ~tap_bits(tap);
    run->tap = NULL;
}

/* A string, or NULL, for the groups of the top frame that wait for it. */
static void selects_do(struct schema_run *run, struct scalar *s)
{
    const struct child *c = run->child;
    uint32_t i;

    for (i = 0; i < c->select_count; i++)
        unit_select(run, &run->top->insts[c->selects[i].inst],
                    c->selects[i].group, s);
}

static void tap_text(struct schema_run *run, int tap, struct text t)
{
    const char *data = t.data ? t.data : "";
    char *copy;

    if (memchr(data, '\0', t.len)) {
        refuse(run, run->depth, "json.escape",
               "an identifier has an escaped NUL character in it");
        return;
    }
    if (t.len > SCHEMA_TAP_TEXT_MAX)
        return;
    copy = run_alloc(run, t.len + 1);
    if (!copy)
        return;
    memcpy(copy, data, t.len);
    run->tap_texts[tap] = text_make(copy, t.len);
    run->taps_seen |= 1u << tap;
}

static void duties_do(struct schema_run *run, const struct child *c,
                      struct inst *askers, struct scalar *s)
{
    uint32_t i;

    for (i = 0; i < c->duty_count; i++) {
        const struct duty *d = &c->duties[i];
        struct inst *asker = &askers[d->asker];

        if (!inst_is_at_work(asker))
            continue;
        if (!d->node->is_simple || d->role != ROLE_VALUE)
            unit_scalar(run, d, asker, s);
        else if (!(d->node->types & s->bits) || d->node->has_checks)
            check_scalar(run, d->node, asker, s, run->depth);
    }
}

/* A frame with a stage needs the machine for this child. */
static void child_wake(struct schema_run *run, struct frame *f)
{
    if (f->step->fork)
        wake_leave(run, f); /* the stage does not foresee its value */
    else
        wake_frame(run, f);
}

void machine_scalar_tap(struct schema_run *run, const struct scalar *s)
{
    const struct tap_node *tap = run->tap;

    if (tap->text_tap >= 0 && s->type == JSON_STRING)
        tap_text(run, tap->text_tap, s->text);
    tap_end(run, tap);
}

bool machine_scalar(struct schema_run *run, struct frame *f, struct scalar *s)
{
    size_t begin = run->capture.len;
    const struct child *child;

    if (run->status != STATUS_OK)
        return false;
    if (f->stage)
        child_wake(run, f);
    child = run->child;
    if (s->type == JSON_NUMBER)
        scalar_type_number(s);
    if (child->select_count > 0)
        selects_do(run, s);
    duties_do(run, child, f->insts, s);
    if (f->stage)
        wake_settle(run, f, child);
    if (run->captured > 0)
        capture_scalar(run, s);
    if (run->tap)
        machine_scalar_tap(run, s);
    if (f->unique && run->status == STATUS_OK)
        unique_item(run, f, begin);
    return run->status == STATUS_OK;
}

bool machine_begin(struct schema_run *run, struct frame *f, bool is_object)
{
    if (f->stage)
        child_wake(run, f);
    if (run->child->select_count > 0)
        selects_do(run, NULL);
    frame_begin(run, is_object);
    run->tap = NULL;
    return run->status == STATUS_OK;
}

void machine_end_tap(struct schema_run *run, const struct frame *f)
{
    const struct tap_node *tap = f->tap;

    if (tap->count_tap >= 0 && !f->is_object) {
        run->tap_counts[tap->count_tap] = f->count;
        run->taps_seen |= 1u << tap->count_tap;
    }
    tap_end(run, tap);
}

bool machine_end(struct schema_run *run, struct frame *f)
{
    size_t begin = f->capture_at;

    frame_end(run, f);
    if (f->tap)
        machine_end_tap(run, f);
    if (run->top->unique && run->status == STATUS_OK)
        unique_item(run, run->top, begin);
    return run->status == STATUS_OK;
}

void machine_start(struct schema_run *run)
{
    struct frame *base = run->frames;

    *base = frame_blank;
    base->layout = run->plan->base;
    base->stage = run->plan->stage;
    base->insts = run->root_askers;
    run->top = base;
    run->tap = run->plan->taps;
    if (run->tap)
        run->taps_open |= tap_bits(run->tap);
    if (!base->stage)
        wake_base(run, base);
}
