/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/link.c - compiled schemas become ready to run.
 *
 * Over everything that a new root leads to, in this order: find schemas that
 * need themselves for the same value, and what types can pass each; find
 * selectors; fix objects; lay out closures. Closures come last because the
 * machine reads nothing but them.
 */
#include "schema/compile.h"
#include "schema/machine.h"

enum color { COLOR_WHITE, COLOR_GREY, COLOR_BLACK };

struct list {
    struct build **items;
    uint32_t count, size;
};

static bool list_add(struct compiler *c, struct list *l, struct build *b)
{
    if (!compile_grow(c, &l->items, &l->size, l->count + 1,
                      sizeof(struct build *)))
        return false;
    l->items[l->count++] = b;
    return true;
}

static void reachable(struct compiler *c, struct build *root, struct list *l)
{
    uint32_t search = ++c->set->search, i, k;

    root->visited = search;
    if (!list_add(c, l, root))
        return;
    for (i = 0; i < l->count; i++) {
        const struct build *b = l->items[i];

        for (k = 0; k < b->edge_count; k++) {
            if (b->edges[k]->visited == search)
                continue;
            b->edges[k]->visited = search;
            if (!list_add(c, l, b->edges[k]))
                return;
        }
    }
}

/* ---- types, and loops ---- */

static unsigned types_of_values(const struct node_values *v)
{
    unsigned types = 0;

    if (v->has_null)
        types |= NODE_TYPE(JSON_NULL);
    if (v->has_true || v->has_false)
        types |= NODE_TYPE(JSON_BOOL);
    if (v->strings.count > 0)
        types |= NODE_TYPE(JSON_STRING);
    if (v->number_count > 0)
        types |= NODE_TYPE(JSON_NUMBER) | NODE_INTEGER;
    if (v->composite_count > 0)
        types |= NODE_TYPE(JSON_ARRAY) | NODE_TYPE(JSON_OBJECT);
    return types;
}

/* What of `types` the places leave; their own are known. */
static unsigned types_by_places(const struct build *b, unsigned types)
{
    static const enum place_kind groups[] = {PLACE_ANY, PLACE_ONE};
    uint32_t i, k;

    for (i = b->place_begin[PLACE_ALL]; i < b->place_begin[PLACE_ALL + 1]; i++)
        types &= b->places[i].node->conj_types;
    for (k = 0; k < 2; k++) {
        unsigned some = 0;

        for (i = b->place_begin[groups[k]]; i < b->place_begin[groups[k] + 1];
             i++)
            some |= b->places[i].node->conj_types;
        if (b->place_begin[groups[k]] < b->place_begin[groups[k] + 1])
            types &= some;
    }
    return types;
}

/* Depth first over places: recursion as deep as schemas nest for one value,
 * which is bounded here. */
static void visit_types(struct compiler *c, struct build *b, unsigned depth)
{
    unsigned types = b->node.types;
    uint32_t i;

    if (b->color == COLOR_BLACK)
        return;
    if (b->color == COLOR_GREY || depth > COMPILE_DEPTH_MAX) {
        if (b->at && !b->is_broken)
            compile_problem(c, b, b->at,
                            b->color == COLOR_GREY
                                ? "this schema needs itself for the same "
                                  "value, without end"
                                : "schemas for the same value nest too deep");
        b->is_broken = true;
        return;
    }
    b->color = COLOR_GREY;
    for (i = 0; i < b->place_count; i++)
        visit_types(c, build_of(b->places[i].node), depth + 1);
    b->color = COLOR_BLACK;
    if (types & NODE_TYPE(JSON_NUMBER))
        types |= NODE_INTEGER;
    if (b->node.constant)
        types &= types_of_values(b->node.constant);
    if (b->node.enumerated)
        types &= types_of_values(b->node.enumerated);
    b->node.conj_types = (uint8_t)types_by_places(b, types);
}

/* ---- places that need not be ---- */

/* Only values of scalars, and nothing else? */
static const struct node_values *only_values(const struct build *b)
{
    const struct node *n = &b->node;
    const struct node_values *v = n->constant ? n->constant : n->enumerated;

    if (!v || (n->constant && n->enumerated) || n->excluded ||
        n->kind != NODE_PLAIN || n->types != NODE_ANY_TYPE || n->string ||
        n->number || b->object || b->array || n->parts || n->decorations ||
        b->place_count > 0 || v->composite_count > 0)
        return NULL;
    return v;
}

/* "not" with a few scalars is a list to look into, not a schema to try. */
static void fold_not(struct build *b)
{
    uint32_t at = b->place_begin[PLACE_NOT];
    const struct node_values *v;
    int kind;

    if (at == b->place_begin[PLACE_NOT + 1])
        return;
    v = only_values(build_of(b->places[at].node));
    if (!v)
        return;
    b->node.excluded = v;
    memmove(&b->places[at], &b->places[at + 1],
            (b->place_count - at - 1) * sizeof(b->places[0]));
    b->place_count--;
    for (kind = PLACE_NOT + 1; kind <= PLACE_KINDS; kind++)
        b->place_begin[kind]--;
}

/* ---- combos ---- */

static void link_combo(struct compiler *c, struct build *b)
{
    struct combo *combo;

    if (b->place_count == 0)
        return;
    combo = compile_alloc(c, sizeof(*combo));
    if (!combo)
        return;
    combo->places = b->places;
    combo->count = b->place_count;
    memcpy(combo->begin, b->place_begin, sizeof(combo->begin));
    b->node.combo = combo;
}

static void link_object(struct compiler *c, struct build *b)
{
    struct node *n = &b->node;

    compile_object_finish(c, b);
    n->object = b->object;
    n->array = b->array;
    n->has_hooks = n->kind == NODE_PART || n->kind == NODE_DECORATION ||
                   n->kind == NODE_DECORATION_RANGE ||
                   (n->kind == NODE_PLAIN && (n->parts || n->decorations)) ||
                   (n->object && n->object->has_unevaluated) ||
                   (n->array && n->array->has_unevaluated);
    n->has_checks =
        n->enumerated || n->constant || n->excluded || n->string || n->number;
    n->is_simple = n->kind == NODE_PLAIN && !n->combo;
}

/* ---- closures ---- */

/* Children after their parents, once the list is reversed. */
static void closure_visit(struct compiler *c, struct build *b, struct list *l)
{
    uint32_t i;

    b->visited = c->set->search;
    for (i = b->place_count; i-- > 0;) {
        struct build *child = build_of(b->places[i].node);

        if (child->visited != c->set->search)
            closure_visit(c, child, l);
    }
    list_add(c, l, b);
}

static bool has_composites(const struct node *n)
{
    return (n->enumerated && n->enumerated->composite_count > 0) ||
           (n->constant && n->constant->composite_count > 0);
}

static bool entry_fill(struct compiler *c, struct closure_entry *e,
                       const struct build *b)
{
    uint32_t *children = NULL, i;

    if (b->place_count > 0) {
        children = compile_alloc(c, b->place_count * sizeof(*children));
        if (!children)
            return false;
    }
    for (i = 0; i < b->place_count; i++)
        children[i] = build_of(b->places[i].node)->index;
    *e = (struct closure_entry){&b->node, children};
    return true;
}

static void link_closure(struct compiler *c, struct build *b)
{
    struct list l = {0};
    struct closure *closure;
    uint32_t i;

    c->set->search++;
    closure_visit(c, b, &l);
    c->set->closure_entries += l.count;
    if (c->set->closure_entries > CLOSURES_MAX) {
        compile_problem(c, b, b->at,
                        "the schemas combine too many others for the same "
                        "values");
        return;
    }
    closure = compile_alloc(c, sizeof(*closure) +
                                   l.count * sizeof(closure->entries[0]));
    if (!closure || c->status != STATUS_OK)
        return;
    closure->count = l.count;
    for (i = 0; i < l.count; i++)
        l.items[l.count - 1 - i]->index = i;
    for (i = 0; i < l.count; i++) {
        const struct build *e = l.items[l.count - 1 - i];

        if (!entry_fill(c, &closure->entries[i], e))
            return;
        closure->has_false |= e->node.kind == NODE_FALSE;
        closure->has_wide |= e->object && e->object->bits > 64;
        closure->has_values |= has_composites(&e->node);
        closure->has_hooks |= e->node.has_hooks;
        closure->has_unique |= e->array && e->array->is_unique;
        closure->has_unevaluated |= (e->object && e->object->has_unevaluated) ||
                                    (e->array && e->array->has_unevaluated);
    }
    if (closure_lay_out(&c->set->arena, closure))
        b->node.closure = closure;
    else
        c->status = STATUS_NO_MEMORY;
}

void link_all(struct compiler *c, struct build *root)
{
    struct list l = {0};
    uint32_t i, broken = 0;

    reachable(c, root, &l);
    for (i = 0; i < l.count; i++)
        fold_not(l.items[i]);
    for (i = 0; i < l.count && c->status == STATUS_OK; i++) {
        visit_types(c, l.items[i], 0);
        broken += l.items[i]->is_broken;
    }
    if (broken > 0)
        return;
    for (i = 0; i < l.count && c->status == STATUS_OK; i++) {
        if (l.items[i]->is_linked)
            continue;
        link_combo(c, l.items[i]);
        selector_find(c, l.items[i], GROUP_ANY);
        selector_find(c, l.items[i], GROUP_ONE);
        wanted_find(c, l.items[i], GROUP_ANY);
        wanted_find(c, l.items[i], GROUP_ONE);
    }
    for (i = 0; i < l.count && c->status == STATUS_OK; i++) {
        if (l.items[i]->is_linked)
            continue;
        link_object(c, l.items[i]);
        l.items[i]->is_linked = true;
    }
    for (i = 0; i < l.count && c->status == STATUS_OK; i++)
        if (l.items[i]->is_entered && !l.items[i]->node.closure)
            link_closure(c, l.items[i]);
}
