/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/extra.c - extras come with their inst's value, and go with its frame.
 */
#include "schema/machine.h"

struct extra *extra_new(struct schema_run *run, struct frame *f, bool is_parts)
{
    struct {
        struct extra extra;
        union {
            struct parts_state parts;
            struct decorations_state decorations;
        };
    } *all = stack_alloc(run, sizeof(*all));

    if (!all)
        return NULL;
    all->extra = (struct extra){.next = f->extras};
    if (is_parts) {
        all->parts = (struct parts_state){0};
        all->extra.parts = &all->parts;
    } else {
        all->decorations = (struct decorations_state){0};
        all->extra.decorations = &all->decorations;
    }
    f->extras = &all->extra;
    return f->extras;
}

bool extra_begin(struct schema_run *run, struct frame *f, struct inst *inst)
{
    const struct node *n = inst->node;
    bool parts = n->parts && !f->is_object;
    bool decorations = n->decorations && f->is_object;
    bool unevaluated = f->is_object ? n->object && n->object->has_unevaluated
                                    : n->array && n->array->has_unevaluated;
    struct extra *x;

    if ((!parts && !decorations && !unevaluated) || !inst->is_live)
        return true;
    /* Those of one type of value, so there is one at most. */
    if (parts || decorations) {
        x = extra_new(run, f, parts);
    } else {
        x = stack_alloc(run, sizeof(*x));
        if (x) {
            *x = (struct extra){.next = f->extras};
            f->extras = x;
        }
    }
    if (!x)
        return false;
    inst->extra = x;
    return !unevaluated || unevaluated_begin(run, x, f, inst);
}

void extras_release(struct schema_run *run, struct frame *f)
{
    while (f->extras) {
        struct extra *x = f->extras;

        f->extras = x->next;
        decorations_release(run, x);
        unevaluated_release(run, x);
    }
}
