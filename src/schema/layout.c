/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/layout.c - layouts, made with a plan.
 *
 * Breadth first: a layout is entered under its set of nodes when something
 * leads to it, and filled when its turn comes; recursion in a schema leads
 * back to one that is there. Everything is done with one inst after the other
 * and one duty after the other, in the order in which machine.c collects them
 * for those children that cannot be known in advance.
 */
#include "schema/layout.h"

#include "base/check.h"
#include "schema/compile.h"
#include "schema/machine.h"

/* Children of all layouts of a set: what a schema that combines very many
 * others may make of it in memory. */
#define CHILDREN_MAX 200000
/* Places of an array with a child each. */
#define ITEMS_MAX 64

struct layout_entry {
    struct layout layout; /* first */
    struct layout_entry *next;
    const struct node **nodes;
    size_t count;
    uint64_t hash;
};

struct layouts {
    struct layout_entry *first, *last, *unfilled;
    struct layout_entry **slots; /* open addressing, at most half full */
    size_t mask, count;
    size_t children;
    bool has_no_memory;
};

static void *layout_alloc(struct schema_set *set, size_t bytes)
{
    void *p = arena_alloc(&set->arena, bytes);

    if (!p)
        set->layouts->has_no_memory = true;
    return p;
}

/* A copy of a list that was built elsewhere. */
static const void *list_copy(struct schema_set *set, const void *list,
                             uint32_t count, size_t bytes_each)
{
    void *copy;

    if (count == 0)
        return NULL;
    copy = layout_alloc(set, count * bytes_each);
    return copy ? memcpy(copy, list, count * bytes_each) : NULL;
}

/* ---- the insts ---- */

static void units_add_flags(struct layout *l, const struct closure *c)
{
    l->has_values |= c->has_values;
    l->has_hooks |= c->has_hooks;
    l->has_unique |= c->has_unique;
    l->has_unevaluated |= c->has_unevaluated;
    l->has_wide |= c->has_wide;
}

static const struct inst *insts_join(struct schema_set *set,
                                     const struct layout *l, int k)
{
    struct inst *insts = layout_alloc(set, l->inst_count * sizeof(*insts));
    uint32_t i;

    for (i = 0; insts && i < l->unit_count; i++)
        memcpy(insts + l->units[i].at, l->units[i].closure->settled[k],
               l->units[i].closure->count * sizeof(*insts));
    return insts;
}

static bool ends_with_work(const struct node *n, bool is_object)
{
    const struct node_object *o = n->object;
    const struct node_array *a = n->array;

    if (n->enumerated || n->constant || n->has_hooks)
        return true;
    return is_object ? o && (o->required || o->dependent_count > 0 || o->min)
                     : a && (a->min || a->has_contains);
}

/* The insts for which a question is answered by yes. */
static bool list_make(struct schema_set *set, const struct layout *l, int k,
                      bool (*asks)(const struct node *, bool),
                      struct layout_list *out)
{
    uint32_t *list = layout_alloc(set, l->inst_count * sizeof(*list)), i;

    out->at = list;
    for (i = 0; list && i < l->inst_count; i++)
        if (asks(l->settled[k][i].node, k == settled_for(true)))
            list[out->count++] = i;
    return list != NULL;
}

static bool is_misfit(const struct node *n, bool is_object)
{
    return n->kind != NODE_FALSE &&
           !(n->types & NODE_TYPE(is_object ? JSON_OBJECT : JSON_ARRAY));
}

static bool is_hooked(const struct node *n, bool is_object)
{
    (void)is_object;
    return n->has_hooks;
}

static bool lists_make(struct schema_set *set, struct layout *l)
{
    struct layout_list hooks = {0};
    uint32_t *groups, i;
    int k;

    for (k = 0; k < 2; k++)
        if (!list_make(set, l, k, ends_with_work, &l->ends[k]) ||
            !list_make(set, l, k, is_misfit, &l->misfits[k]))
            return false;
    if (!list_make(set, l, 0, is_hooked, &hooks))
        return false;
    groups = layout_alloc(set, l->unit_count * sizeof(*groups));
    for (i = 0; groups && i < l->unit_count; i++)
        if (l->units[i].closure->count > 1 ||
            l->units[i].closure->has_unevaluated)
            groups[l->group_count++] = l->units[i].at;
    l->groups = groups;
    l->hooks = hooks.at;
    l->hook_count = hooks.count;
    return groups != NULL;
}

static bool insts_lay_out(struct schema_set *set, struct layout_entry *e)
{
    struct layout *l = &e->layout;
    struct unit *units = layout_alloc(set, e->count * sizeof(*units));
    size_t i;

    if (!units)
        return false;
    for (i = 0; i < e->count; i++) {
        units[i] = (struct unit){e->nodes[i]->closure, l->inst_count};
        l->inst_count += e->nodes[i]->closure->count;
        units_add_flags(l, e->nodes[i]->closure);
    }
    l->units = units;
    l->unit_count = (uint32_t)e->count;
    l->settled[0] = insts_join(set, l, 0);
    l->settled[1] = insts_join(set, l, 1);
    return l->settled[0] && l->settled[1] && lists_make(set, l);
}

/* ---- by set of nodes ---- */

static uint64_t nodes_hash(const struct node *const *nodes, size_t count)
{
    uint64_t h = count;
    size_t i;

    for (i = 0; i < count; i++)
        h = name_fold(h ^ (uintptr_t)nodes[i], 0x9e3779b97f4a7c15u);
    return h;
}

static struct layout_entry **slot_for(struct layouts *ls, uint64_t hash,
                                      const struct node *const *nodes,
                                      size_t count)
{
    size_t i = hash & ls->mask;

    for (; ls->slots[i]; i = (i + 1) & ls->mask)
        if (ls->slots[i]->hash == hash && ls->slots[i]->count == count &&
            (count == 0 || memcmp(ls->slots[i]->nodes, nodes,
                                  count * sizeof(struct node *)) == 0))
            break;
    return &ls->slots[i];
}

static bool slots_grow(struct schema_set *set)
{
    struct layouts *ls = set->layouts;
    size_t size = ls->slots ? (ls->mask + 1) * 2 : 64;
    struct layout_entry *e;

    if (ls->slots && (ls->count + 1) * 2 <= ls->mask + 1)
        return true;
    ls->slots = layout_alloc(set, size * sizeof(struct layout_entry *));
    if (!ls->slots)
        return false;
    ls->mask = size - 1;
    for (e = ls->first; e; e = e->next)
        *slot_for(ls, e->hash, e->nodes, e->count) = e;
    return true;
}

static struct layout_entry *entry_new(struct schema_set *set,
                                      const struct node *const *nodes,
                                      size_t count, uint64_t hash)
{
    struct layouts *ls = set->layouts;
    struct layout_entry *e = layout_alloc(set, sizeof(*e));

    if (!e)
        return NULL;
    e->hash = hash;
    e->count = count;
    e->nodes = layout_alloc(set, count * sizeof(struct node *));
    if (!e->nodes)
        return NULL;
    if (count > 0)
        memcpy(e->nodes, nodes, count * sizeof(struct node *));
    if (!insts_lay_out(set, e))
        return NULL;
    if (ls->last)
        ls->last->next = e;
    else
        ls->first = e;
    ls->last = e;
    if (!ls->unfilled)
        ls->unfilled = e;
    ls->count++;
    return e;
}

const struct layout *layout_for(struct schema_set *set,
                                const struct node *const *nodes, size_t count)
{
    uint64_t hash = nodes_hash(nodes, count);
    struct layout_entry **slot;

    if (!set->layouts) {
        set->layouts = arena_alloc(&set->arena, sizeof(*set->layouts));
        if (!set->layouts)
            return NULL;
    }
    if (!slots_grow(set))
        return NULL;
    slot = slot_for(set->layouts, hash, nodes, count);
    if (!*slot && set->layouts->count < set->layouts_max)
        *slot = entry_new(set, nodes, count, hash);
    return *slot ? &(*slot)->layout : NULL;
}

/* ---- children ---- */

/* One under construction; its lists grow in the arena. */
struct draft {
    struct compiler c; /* for compile_grow() */
    struct child child;
    struct duty *duties;
    struct link *links;
    struct sight *sights;
    struct select *selects;
    const struct node **nodes;
    uint32_t *ats; /* where each node's unit begins */
    uint32_t duties_size, links_size, sights_size, selects_size;
    uint32_t node_count, nodes_size, ats_size, insts;
};

static void draft_duty(struct draft *d, const struct node *node, uint32_t asker,
                       const char *keyword)
{
    if (!compile_grow(&d->c, &d->duties, &d->duties_size,
                      d->child.duty_count + 1, sizeof(*d->duties)))
        return;
    d->duties[d->child.duty_count++] =
        (struct duty){node, keyword, asker, ROLE_VALUE};
    d->child.has_false |= node->kind == NODE_FALSE;
}

static void draft_sight(struct draft *d, uint32_t inst, uint32_t bit)
{
    if (compile_grow(&d->c, &d->sights, &d->sights_size,
                     d->child.sight_count + 1, sizeof(*d->sights)))
        d->sights[d->child.sight_count++] = (struct sight){inst, bit};
}

static void draft_select(struct draft *d, uint32_t inst, enum group g)
{
    if (compile_grow(&d->c, &d->selects, &d->selects_size,
                     d->child.select_count + 1, sizeof(*d->selects)))
        d->selects[d->child.select_count++] = (struct select){inst, g};
}

/* Probes look at scalars, or belong to one asker: frame.c says the same. */
static bool is_for_scalars(const struct node *n)
{
    return n->kind == NODE_PART_KIND || n->kind == NODE_PART_URL ||
           n->kind == NODE_DECORATED_TEXT || n->kind == NODE_DECORATION_BOUND;
}

static uint32_t draft_root(struct draft *d, const struct node *node)
{
    uint32_t i;

    for (i = 0; i < d->node_count && node->kind == NODE_PLAIN; i++)
        if (d->nodes[i] == node)
            return d->ats[i];
    if (!compile_grow(&d->c, &d->nodes, &d->nodes_size, d->node_count + 1,
                      sizeof(struct node *)) ||
        !compile_grow(&d->c, &d->ats, &d->ats_size, d->node_count + 1,
                      sizeof(*d->ats)))
        return 0;
    d->nodes[d->node_count] = node;
    d->ats[d->node_count++] = d->insts;
    d->insts += node->closure->count;
    return d->insts - node->closure->count;
}

static void draft_links(struct draft *d)
{
    uint32_t i;

    for (i = 0; i < d->child.duty_count; i++) {
        const struct duty *duty = &d->duties[i];

        if (duty->node->kind == NODE_FALSE || is_for_scalars(duty->node))
            continue;
        if (!compile_grow(&d->c, &d->links, &d->links_size,
                          d->child.link_count + 1, sizeof(*d->links)))
            return;
        d->links[d->child.link_count++] =
            (struct link){draft_root(d, duty->node), duty->asker, duty->role};
    }
}

/* False when out of memory. */
static bool draft_finish(struct schema_set *set, struct draft *d,
                         struct child *out)
{
    draft_links(d);
    set->layouts->children++;
    d->child.duties =
        list_copy(set, d->duties, d->child.duty_count, sizeof(*d->duties));
    d->child.links =
        list_copy(set, d->links, d->child.link_count, sizeof(*d->links));
    d->child.sights =
        list_copy(set, d->sights, d->child.sight_count, sizeof(*d->sights));
    d->child.selects =
        list_copy(set, d->selects, d->child.select_count, sizeof(*d->selects));
    d->child.layout = layout_for(set, d->nodes, d->node_count);
    *out = d->child;
    return d->c.status == STATUS_OK && !set->layouts->has_no_memory;
}

/* ---- members ---- */

/* What machine.c's known_member() and member_more() do, for one inst. */
static void draft_member(struct draft *d, const struct node *n, uint32_t inst,
                         const struct text *name)
{
    const struct node_object *o = n->object;
    const struct member *m = NULL;
    enum group g;

    if (name)
        m = (const struct member *)name_table_find_text(&o->members, *name);
    if (m && m->bit != MEMBER_NO_BIT)
        draft_sight(d, inst, m->bit);
    if (m && m->is_property) {
        d->child.known_name = &m->name.text;
        if (m->child)
            draft_duty(d, m->child, inst, "properties");
    }
    if (m && m->probe)
        draft_duty(d, m->probe, inst, "properties");
    for (g = 0; m && g < GROUPS; g++)
        if (m->is_selector[g])
            draft_select(d, inst, g);
    if (!(m && m->is_property) && o->additional)
        draft_duty(d, o->additional, inst, "additionalProperties");
}

static bool child_for_name(struct schema_set *set, const struct layout *l,
                           const struct text *name, struct child *out)
{
    struct draft d = {.c = {.set = set}};
    uint32_t i;

    for (i = 0; i < l->inst_count; i++)
        if (l->settled[0][i].node->object)
            draft_member(&d, l->settled[0][i].node, i, name);
    return draft_finish(set, &d, out);
}

static bool member_add(struct schema_set *set, struct layout *l,
                       const struct text *name)
{
    struct layout_member *m;

    if (name_table_find_text(&l->members, *name))
        return true;
    m = layout_alloc(set, sizeof(*m));
    if (m)
        m->index = l->members.count;
    return m && child_for_name(set, l, name, &m->child) &&
           name_table_add(&l->members, &set->arena, &m->name, *name);
}

static bool fill_members(struct schema_set *set, struct layout *l)
{
    uint32_t i, k;

    for (i = 0; i < l->inst_count; i++) {
        const struct node_object *o = l->settled[0][i].node->object;

        if (!o)
            continue;
        if (o->pattern_count > 0 || o->names || o->has_unevaluated)
            return true; /* only a body tells */
    }
    if (l->has_unevaluated || set->layouts->children > CHILDREN_MAX)
        return true;
    for (i = 0; i < l->inst_count; i++) {
        const struct node_object *o = l->settled[0][i].node->object;

        for (k = 0; o && o->members.mask && k <= o->members.mask; k++)
            if (o->members.slots[k].name &&
                !member_add(set, l, &o->members.slots[k].name->text))
                return false;
    }
    if (!child_for_name(set, l, NULL, &l->other))
        return false;
    l->knows_members = true;
    return true;
}

/* ---- items ---- */

static bool child_for_item(struct schema_set *set, const struct layout *l,
                           uint32_t at, struct child *out)
{
    struct draft d = {.c = {.set = set}};
    uint32_t i;

    for (i = 0; i < l->inst_count; i++) {
        const struct node_array *a = l->settled[0][i].node->array;

        if (!a)
            continue;
        if (at < a->prefix_count) {
            if (a->prefix[at])
                draft_duty(&d, a->prefix[at], i, "prefixItems");
        } else if (a->items) {
            draft_duty(&d, a->items, i, "items");
        }
        if (a->probe)
            draft_duty(&d, a->probe, i, "items");
    }
    return draft_finish(set, &d, out);
}

static bool fill_items(struct schema_set *set, struct layout *l)
{
    struct child *items;
    size_t most = 0;
    uint32_t i;

    for (i = 0; i < l->inst_count; i++) {
        const struct node_array *a = l->settled[0][i].node->array;

        if (!a)
            continue;
        if (a->has_contains || a->has_unevaluated)
            return true; /* only a body tells */
        if (a->prefix_count > most)
            most = a->prefix_count;
    }
    if (l->has_unevaluated || most >= ITEMS_MAX ||
        set->layouts->children > CHILDREN_MAX)
        return true;
    items = layout_alloc(set, (most + 1) * sizeof(*items));
    if (!items)
        return false;
    for (i = 0; i <= most; i++)
        if (!child_for_item(set, l, i, &items[i]))
            return false;
    l->items = items;
    l->item_count = (uint32_t)most + 1;
    l->knows_items = true;
    return true;
}

/* Some inst counts its members or items. That must be known also of what
 * only a body tells more of. */
static bool has_max(const struct layout *l)
{
    uint32_t i;

    for (i = 0; i < l->inst_count; i++) {
        const struct node *n = l->settled[0][i].node;

        if ((n->object && n->object->max != UINT64_MAX) ||
            (n->array && n->array->max != UINT64_MAX))
            return true;
    }
    return false;
}

bool layouts_fill(struct schema_set *set)
{
    struct layouts *ls = set->layouts;

    while (ls->unfilled && !ls->has_no_memory) {
        struct layout *l = &ls->unfilled->layout;

        l->has_max = has_max(l);
        if (!fill_members(set, l) || !fill_items(set, l))
            return false;
        ls->unfilled = ls->unfilled->next;
    }
    return !ls->has_no_memory;
}
