/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/plan.c - what one operation asks of its body, ready for runs.
 *
 * Uses of the same node become one root, so that a policy which repeats the
 * contract's schema costs nothing. Taps become a tree of member names that is
 * walked along with the body.
 */
#include "base/check.h"
#include "schema/compile.h"
#include "schema/stage.h"

/* The body's duties, and who asks: an asker for each distinct node. */
struct roots {
    const struct node *nodes[SCHEMA_USES_MAX];
    uint64_t uses[SCHEMA_USES_MAX];
    size_t count;
};

static void roots_add(struct roots *r, const struct node *node, uint64_t bit)
{
    size_t i;

    for (i = 0; i < r->count && r->nodes[i] != node; i++)
        continue;
    if (i == r->count) {
        r->nodes[r->count++] = node;
        r->uses[i] = 0;
    }
    r->uses[i] |= bit;
}

static bool root_make(struct schema_set *set, struct schema_plan *plan,
                      const struct roots *r)
{
    struct layout *base = arena_alloc(&set->arena, sizeof(*base));
    struct child *child = arena_alloc(&set->arena, sizeof(*child));
    struct duty *duties = arena_array(&set->arena, r->count, sizeof(*duties));
    struct link *links = arena_array(&set->arena, r->count, sizeof(*links));
    const struct node *laid_out[SCHEMA_USES_MAX];
    uint32_t i, at = 0;

    plan->root_uses =
        arena_array(&set->arena, r->count, sizeof(*plan->root_uses));
    if (!base || !child || !duties || !links || !plan->root_uses)
        return false;
    for (i = 0; i < r->count; i++) {
        plan->root_uses[i] = r->uses[i];
        duties[i] = (struct duty){r->nodes[i], "not", i, ROLE_VALUE};
        if (r->nodes[i]->kind == NODE_FALSE) {
            child->has_false = true;
            continue;
        }
        laid_out[child->link_count] = r->nodes[i];
        links[child->link_count++] = (struct link){at, i, ROLE_VALUE};
        at += r->nodes[i]->closure->count;
    }
    child->duties = duties;
    child->duty_count = (uint32_t)r->count;
    child->links = links;
    child->layout = layout_for(set, laid_out, child->link_count);
    base->items = child;
    base->item_count = 1;
    base->knows_items = true;
    plan->base = base;
    plan->root_count = r->count;
    return child->layout && layouts_fill(set);
}

/* Types that the items of an array may have, as far as its own keywords and
 * those of "allOf" and "$ref" tell. */
static unsigned item_types(const struct node *n)
{
    unsigned types = NODE_ANY_TYPE;
    uint32_t i;

    if (!n)
        return types;
    if (n->array && n->array->items) {
        types = n->array->items->conj_types;
        if (types & NODE_INTEGER)
            types |= NODE_TYPE(JSON_NUMBER);
    }
    if (!n->combo)
        return types;
    for (i = n->combo->begin[PLACE_ALL]; i < n->combo->begin[PLACE_ALL + 1];
         i++)
        types &= item_types(n->combo->places[i].node);
    return types;
}

/* ---- taps ---- */

static struct tap_node *tap_new(struct arena *arena)
{
    struct tap_node *t = arena_alloc(arena, sizeof(*t));

    if (t)
        t->text_tap = t->count_tap = -1;
    return t;
}

/* RFC 6901 section 4; in place. */
static size_t unescape(char *p, size_t len)
{
    size_t i, n = 0;

    for (i = 0; i < len; i++) {
        if (p[i] == '~' && i + 1 < len && (p[i + 1] == '0' || p[i + 1] == '1'))
            p[n++] = p[++i] == '0' ? '~' : '/';
        else
            p[n++] = p[i];
    }
    return n;
}

static struct tap_node *tap_child(struct arena *arena, struct tap_node *parent,
                                  struct text segment)
{
    char *name = arena_strdup(arena, segment);
    struct tap_node *t;
    struct text decoded;

    if (!name)
        return NULL;
    decoded = text_make(name, unescape(name, segment.len));
    t = (struct tap_node *)name_table_find_text(&parent->children, decoded);
    if (t)
        return t;
    t = tap_new(arena);
    if (!t || !name_table_add(&parent->children, arena, &t->name, decoded))
        return NULL;
    return t;
}

static bool tap_add(struct arena *arena, struct tap_node *root,
                    const struct schema_tap *tap, int index)
{
    struct text rest = text_of(tap->pointer), segment;

    CHECK(rest.len == 0 || rest.data[0] == '/');
    while (rest.len > 0 && root) {
        rest = text_cut(text_make(rest.data + 1, rest.len - 1), '/', &segment);
        if (!text_is_absent(rest))
            rest = text_make(rest.data - 1, rest.len + 1);
        root = tap_child(arena, root, segment);
    }
    if (!root)
        return false;
    if (tap->kind == SCHEMA_TAP_TEXT)
        root->text_tap = index;
    else
        root->count_tap = index;
    return true;
}

/* ---- the plan ---- */

const struct schema_plan *schema_plan_new(struct schema_set *set,
                                          const struct schema_use *uses,
                                          size_t use_count,
                                          const struct schema_tap *taps,
                                          size_t tap_count)
{
    struct arena *arena = &set->arena;
    struct schema_plan *plan = arena_alloc(arena, sizeof(*plan));
    struct tap_node *root = NULL;
    struct roots roots = {.count = 0};
    size_t i;

    CHECK(use_count <= SCHEMA_USES_MAX && tap_count <= SCHEMA_TAPS_MAX);
    if (!plan)
        return NULL;
    plan->set_serial = set->serial;
    plan->use_count = use_count;
    plan->types = plan->item_types = NODE_ANY_TYPE;
    for (i = 0; i < use_count; i++) {
        const struct node *node = schema_node(uses[i].schema);

        plan->types &= schema_types(uses[i].schema);
        plan->item_types &= item_types(node);
        if (node)
            roots_add(&roots, node, (uint64_t)1 << i);
    }
    if (!root_make(set, plan, &roots))
        return NULL;
    if (tap_count > 0) {
        root = tap_new(arena);
        if (!root)
            return NULL;
    }
    for (i = 0; i < tap_count; i++)
        if (!tap_add(arena, root, &taps[i], (int)i))
            return NULL;
    plan->tap_count = tap_count;
    plan->taps = root;
    plan->stage = stage_for_base(set, plan->base, plan->root_count, root);
    if (set->stages && !stages_fill(set))
        return NULL;
    return plan;
}
