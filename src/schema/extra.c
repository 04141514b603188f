/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/extra.c - what few insts need beside themselves.
 *
 * Made when their array or object begins, on the stack like the insts; what
 * they own elsewhere goes with their frame. Probes (insts of NODE_PART and the
 * like) share the extra of the inst that asked for them.
 */
#include "schema/machine.h"

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
    x = stack_alloc(run, sizeof(*x));
    if (!x)
        return false;
    *x = (struct extra){.next = f->extras};
    f->extras = x;
    inst->extra = x;
    return (!parts || parts_begin(run, x)) &&
           (!decorations || decorations_begin(run, x)) &&
           (!unevaluated || unevaluated_begin(run, x, f, inst));
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
