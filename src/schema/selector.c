/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/selector.c - which member tells the branches of a group apart.
 *
 *     "oneOf": [{"properties": {"type": {"const": "text"}, ...}},
 *               {"properties": {"type": {"const": "link"}, ...}}]
 *
 * Where every branch for objects demands its own strings of one member, that
 * member's value names the only branch that can pass: the group has an
 * exclusive selector, and once the value came the others need not run. A
 * "discriminator" proposes the member, and without one each member of the
 * first branch is tried. Where the branches do not demand it themselves, a
 * discriminator still says whose findings to tell (by mapping, or by the
 * schemas' names), but changes no verdict, as OpenAPI 3.1 has it.
 */
#define _GNU_SOURCE /* memrchr() */
#include "base/buffer.h"
#include "schema/compile.h"

#define JOINED_MAX 200

static const enum place_kind group_place[GROUPS] = {
    [GROUP_ANY] = PLACE_ANY,
    [GROUP_ONE] = PLACE_ONE,
};
static const char *const group_names[GROUPS] = {
    [GROUP_ANY] = "anyOf",
    [GROUP_ONE] = "oneOf",
};

/* ---- what a branch demands of a member ---- */

static bool has_only_strings(const struct node_values *v)
{
    return !v->has_null && !v->has_true && !v->has_false &&
           v->number_count == 0 && v->composite_count == 0 &&
           v->strings.count > 0;
}

/* The strings that pass `b`, or more than those; NULL: not known. */
static const struct node_values *strings_of(const struct build *b,
                                            unsigned depth)
{
    const struct node_values *found = NULL;
    uint32_t i;

    if (b->node.constant && has_only_strings(b->node.constant))
        return b->node.constant;
    if (b->node.enumerated && has_only_strings(b->node.enumerated))
        return b->node.enumerated;
    for (i = b->place_begin[PLACE_ALL];
         i < b->place_begin[PLACE_ALL + 1] && !found && depth > 0; i++)
        found = strings_of(build_of(b->places[i].node), depth - 1);
    return found;
}

/* The strings that `branch` lets a member have. */
static const struct node_values *
member_strings(const struct build *branch, struct text name, unsigned depth)
{
    const struct node_values *found = NULL;
    const struct member *m = NULL;
    uint32_t i;

    if (branch->object)
        m = (const struct member *)name_table_find_text(
            &branch->object->members, name);
    if (m && m->is_property && m->child)
        found = strings_of(build_of(m->child), COMPILE_DEPTH_MAX);
    for (i = branch->place_begin[PLACE_ALL];
         i < branch->place_begin[PLACE_ALL + 1] && !found && depth > 0; i++)
        found =
            member_strings(build_of(branch->places[i].node), name, depth - 1);
    return found;
}

/* ---- exclusive selectors ---- */

static bool value_add(struct compiler *c, struct selector *s, struct text value,
                      uint32_t branch)
{
    struct selector_value *v = compile_alloc(c, sizeof(*v));

    if (!v)
        return false;
    v->branch = branch;
    if (name_table_add(&s->values, &c->set->arena, &v->name, value))
        return true;
    c->status = STATUS_NO_MEMORY;
    return false;
}

/* False when a value is taken by another branch. */
static bool values_add(struct compiler *c, struct selector *s,
                       const struct name_table *values, uint32_t branch)
{
    uint32_t i;

    for (i = 0; i <= values->mask; i++) {
        const struct name *n = values->slots[i].name;

        if (!n)
            continue;
        if (name_table_find_text(&s->values, n->text) ||
            !value_add(c, s, n->text, branch))
            return false;
    }
    return true;
}

/* Does the member `name` tell all branches for objects apart? */
static bool try_member(struct compiler *c, const struct build *b, enum group g,
                       struct text name, struct selector *s)
{
    uint32_t begin = b->place_begin[group_place[g]];
    uint32_t end = b->place_begin[group_place[g] + 1];
    uint32_t i, branches = 0;

    *s = (struct selector){.is_exclusive = true};
    for (i = begin; i < end; i++) {
        const struct build *branch = build_of(b->places[i].node);
        const struct node_values *values;

        if (!(branch->node.conj_types & NODE_TYPE(JSON_OBJECT)))
            continue;
        values = member_strings(branch, name, COMPILE_DEPTH_MAX);
        if (!values || !values_add(c, s, &values->strings, i - begin))
            return false;
        branches++;
    }
    return branches > 1;
}

/* Try each member of `branch`, which passes objects. */
static bool try_members_of(struct compiler *c, const struct build *b,
                           enum group g, const struct build *branch,
                           unsigned depth, struct text *name,
                           struct selector *s)
{
    const struct name_table *t =
        branch->object ? &branch->object->members : NULL;
    uint32_t i;

    for (i = 0; t && t->mask && i <= t->mask; i++) {
        const struct member *m = (const struct member *)t->slots[i].name;

        if (!m || !m->is_property || !m->child ||
            !try_member(c, b, g, m->name.text, s))
            continue;
        *name = m->name.text;
        return true;
    }
    for (i = branch->place_begin[PLACE_ALL];
         depth > 0 && i < branch->place_begin[PLACE_ALL + 1]; i++)
        if (try_members_of(c, b, g, build_of(branch->places[i].node), depth - 1,
                           name, s))
            return true;
    return false;
}

static bool find_member(struct compiler *c, const struct build *b, enum group g,
                        struct text *name, struct selector *s)
{
    uint32_t i;

    for (i = b->place_begin[group_place[g]];
         i < b->place_begin[group_place[g] + 1]; i++) {
        const struct build *branch = build_of(b->places[i].node);

        if (branch->node.conj_types & NODE_TYPE(JSON_OBJECT))
            return try_members_of(c, b, g, branch, COMPILE_DEPTH_MAX, name, s);
    }
    return false;
}

/* ---- discriminators ---- */

/* Does a mapping's value, or a name by itself, mean this branch? */
static bool means_branch(struct text value, const struct json_value *branch)
{
    const struct json_value *ref = json_get(branch, "$ref");
    const char *slash;

    if (!ref || ref->type != JSON_STRING)
        return false;
    if (text_equal(value, ref->text))
        return true;
    slash = memrchr(ref->text.data, '/', ref->text.len);
    return slash &&
           text_equal(
               value,
               text_make(slash + 1,
                         (size_t)(ref->text.data + ref->text.len - slash) - 1));
}

static void map_add(struct compiler *c, struct build *b,
                    const struct json_value *branches,
                    const struct json_member *m, struct selector *s)
{
    size_t i;

    for (i = 0; i < branches->count; i++) {
        if (!means_branch(m->value->text, branches->items[i]))
            continue;
        if (!name_table_find_text(&s->values, m->name))
            value_add(c, s, m->name, (uint32_t)i);
        return;
    }
    compile_problem(c, b, m->value,
                    "\"%s\" is none of the schemas that the discriminator "
                    "tells apart",
                    m->value->text.data);
}

/* Values by mapping, then by the names of the schemas. */
static void map_branches(struct compiler *c, struct build *b, enum group g,
                         struct selector *s)
{
    const struct json_value *branches = json_get(b->at, group_names[g]);
    const struct json_value *mapping = json_get(b->discriminator, "mapping");
    size_t i;

    *s = (struct selector){.is_exclusive = false};
    for (i = 0; mapping && i < mapping->count; i++)
        map_add(c, b, branches, &mapping->members[i], s);
    for (i = 0; i < branches->count; i++) {
        const struct json_value *ref = json_get(branches->items[i], "$ref");
        struct text name;
        const char *slash;

        if (!ref || ref->type != JSON_STRING)
            continue;
        slash = memrchr(ref->text.data, '/', ref->text.len);
        if (!slash)
            continue;
        name = text_make(slash + 1,
                         (size_t)(ref->text.data + ref->text.len - slash) - 1);
        if (!name_table_find_text(&s->values, name))
            value_add(c, s, name, (uint32_t)i);
    }
}

/* ---- lists for messages ---- */

/* One more of `count` in a list: `"text", "media" or "link"`. */
static enum status list_append(struct buffer *to, struct text name,
                               uint32_t shown, uint32_t count,
                               const char *conjunction)
{
    const char *before = shown == 0 ? "" : ", ";

    if (shown > 0 && shown + 1 == count)
        before = conjunction;
    return buffer_printf(to, "%s\"%.*s\"", before, TEXT_ARG(name));
}

/* The text goes to the arena. NULL when out of memory. */
static char *list_end(struct compiler *c, struct buffer *text, uint32_t shown,
                      uint32_t count, enum status status)
{
    char *copy = NULL;

    if (status == STATUS_OK && shown < count)
        status = buffer_printf(text, " or one of %u more",
                               (unsigned)(count - shown));
    if (status == STATUS_OK)
        copy = compile_strdup(c, buffer_text(text));
    else
        c->status = STATUS_NO_MEMORY;
    buffer_release(text);
    return copy;
}

/* Values in the order of the branches. */
static char *values_joined(struct compiler *c, const struct selector *s,
                           uint32_t branches)
{
    struct buffer text;
    uint32_t i, k, shown = 0;
    enum status status = STATUS_OK;

    buffer_init(&text, 64 * 1024);
    for (k = 0; k < branches; k++) {
        for (i = 0; i <= s->values.mask && status == STATUS_OK; i++) {
            const struct selector_value *v =
                (const struct selector_value *)s->values.slots[i].name;

            if (!v || v->branch != k || text.len > JOINED_MAX)
                continue;
            status = list_append(&text, v->name.text, shown, s->values.count,
                                 " or ");
            shown++;
        }
    }
    return list_end(c, &text, shown, s->values.count, status);
}

/* ---- branches that want one member each ---- */

/* The member that `branch` asks for, if it asks for nothing else. */
static const struct json_value *wanted_by(const struct compiler *c,
                                          const struct json_value *branch)
{
    const struct json_value *required = json_get(branch, "required");
    size_t i;

    if (!required || required->type != JSON_ARRAY || required->count != 1 ||
        required->items[0]->type != JSON_STRING)
        return NULL;
    for (i = 0; i < branch->count; i++) {
        const struct keyword *k =
            keyword_find(branch->members[i].name, c->source->dialect);

        if (branch->members[i].value != required &&
            (!k || k->use != KEYWORD_ANNOTATES))
            return NULL;
    }
    return required->items[0];
}

void wanted_find(struct compiler *c, struct build *b, enum group g)
{
    const struct json_value *branches = json_get(b->at, group_names[g]);
    const struct json_value *name;
    enum status status = STATUS_OK;
    struct buffer text;
    uint32_t i;

    if (!branches || branches->type != JSON_ARRAY || branches->count < 2)
        return;
    buffer_init(&text, 64 * 1024);
    for (i = 0; i < branches->count && status == STATUS_OK; i++) {
        name = wanted_by(c, branches->items[i]);
        if (!name || text.len > JOINED_MAX) {
            buffer_release(&text);
            return;
        }
        status = list_append(&text, name->text, i, (uint32_t)branches->count,
                             " and ");
    }
    ((struct combo *)(uintptr_t)b->node.combo)->wanted[g] =
        list_end(c, &text, i, (uint32_t)branches->count, status);
}

/* ---- both ---- */

void selector_find(struct compiler *c, struct build *b, enum group g)
{
    uint32_t begin = b->place_begin[group_place[g]];
    uint32_t end = b->place_begin[group_place[g] + 1];
    struct selector *s;
    struct member *m;
    struct text name = {0};
    bool is_found;

    if (end - begin < 2)
        return;
    s = compile_alloc(c, sizeof(*s));
    if (!s)
        return;
    if (b->discriminator) {
        name = json_get(b->discriminator, "propertyName")->text;
        map_branches(c, b, g, s); /* its problems are problems in any case */
        if (!try_member(c, b, g, name, s))
            map_branches(c, b, g, s);
        is_found = s->values.count > 0;
    } else {
        is_found = find_member(c, b, g, &name, s);
    }
    if (!is_found || c->status != STATUS_OK)
        return;
    s->expected = values_joined(c, s, end - begin);
    m = compile_member(c, b, name);
    if (!m || !s->expected)
        return;
    m->is_selector[g] = true;
    s->member = m->name.text;
    ((struct combo *)(uintptr_t)b->node.combo)->selector[g] = s;
}
