/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/compile_object.c - keywords about objects.
 *
 * All names that a schema mentions, in "properties", "required" or elsewhere,
 * share one table; those whose presence matters later have a bit. JSON Schema
 * 2020-12, core 10.3.2 and 11, validation 6.5.
 */
#include "base/check.h"
#include "schema/compile.h"

struct node_object *compile_object_of(struct compiler *c, struct build *b)
{
    if (b->object)
        return b->object;
    b->object = compile_alloc(c, sizeof(*b->object));
    if (b->object)
        b->object->max = UINT64_MAX;
    return b->object;
}

struct member *compile_member(struct compiler *c, struct build *b,
                              struct text name)
{
    struct node_object *o = compile_object_of(c, b);
    struct member *m;

    if (!o)
        return NULL;
    m = (struct member *)name_table_find_text(&o->members, name);
    if (m)
        return m;
    m = compile_alloc(c, sizeof(*m));
    if (!m)
        return NULL;
    m->bit = MEMBER_NO_BIT;
    if (name_table_add(&o->members, &c->set->arena, &m->name, name))
        return m;
    c->status = STATUS_NO_MEMORY;
    return NULL;
}

bool compile_member_bit(struct compiler *c, struct build *b, struct member *m)
{
    struct node_object *o = b->object;

    if (!m)
        return false;
    if (m->bit != MEMBER_NO_BIT)
        return true;
    if (!compile_grow(c, &b->by_bit, &b->by_bit_size, o->bits + 1,
                      sizeof(struct member *)))
        return false;
    m->bit = o->bits++;
    b->by_bit[m->bit] = m;
    return true;
}

/* The keyword's value if it is an object; says so if it is not. */
static const struct json_value *map_at(struct compiler *c, struct build *b,
                                       const char *name)
{
    const struct json_value *v = json_get(b->at, name);

    if (v && v->type != JSON_OBJECT) {
        compile_problem(c, b, v, "\"%s\" must be an object, not %s", name,
                        json_type_phrase(v->type));
        return NULL;
    }
    return v;
}

/* A list of names, as "required" is one; NULL when `v` is none. */
static const struct json_value *names_at(struct compiler *c, struct build *b,
                                         const struct json_value *v,
                                         const char *keyword)
{
    size_t i;

    if (!v)
        return NULL;
    for (i = 0; v->type == JSON_ARRAY && i < v->count; i++)
        if (v->items[i]->type != JSON_STRING)
            break;
    if (v->type == JSON_ARRAY && i == v->count)
        return v;
    compile_problem(c, b, v, "\"%s\" must list member names as strings",
                    keyword);
    return NULL;
}

static void compile_properties(struct compiler *c, struct build *b)
{
    const struct json_value *v = map_at(c, b, "properties");
    size_t i;

    for (i = 0; v && i < v->count; i++) {
        struct member *m = compile_member(c, b, v->members[i].name);

        if (!m)
            return;
        m->is_property = true;
        m->child = compile_edge(c, b, v->members[i].value);
    }
}

static void compile_patterns(struct compiler *c, struct build *b)
{
    const struct json_value *v = map_at(c, b, "patternProperties");
    struct node_object *o;
    size_t i;

    if (!v)
        return;
    o = compile_object_of(c, b);
    if (!o)
        return;
    o->patterns = compile_alloc(c, v->count * sizeof(*o->patterns));
    if (!o->patterns)
        return;
    for (i = 0; i < v->count; i++) {
        struct member_pattern *p = &o->patterns[o->pattern_count];

        p->pattern =
            compile_pattern(c, b, v->members[i].value, v->members[i].name);
        p->child = compile_edge(c, b, v->members[i].value);
        if (p->pattern)
            o->pattern_count++;
    }
}

static void compile_dependent_names(struct compiler *c, struct build *b)
{
    const struct json_value *v = map_at(c, b, "dependentRequired"), *names;
    struct node_object *o;
    size_t i, k;

    if (!v)
        return;
    o = compile_object_of(c, b);
    if (!o)
        return;
    o->dependents = compile_alloc(c, v->count * sizeof(*o->dependents));
    for (i = 0; i < v->count && c->status == STATUS_OK; i++) {
        struct dependent *d = &o->dependents[o->dependent_count];
        struct member *m = compile_member(c, b, v->members[i].name);

        names = names_at(c, b, v->members[i].value, "dependentRequired");
        if (!names || !compile_member_bit(c, b, m))
            continue;
        d->bit = m->bit;
        d->needs = compile_alloc(c, names->count * sizeof(*d->needs));
        for (k = 0; d->needs && k < names->count; k++) {
            m = compile_member(c, b, names->items[k]->text);
            if (!compile_member_bit(c, b, m))
                return;
            d->needs[d->count++] = m->bit;
        }
        o->dependent_count++;
    }
}

static void compile_required_bits(struct compiler *c, struct build *b)
{
    const struct json_value *v =
        names_at(c, b, json_get(b->at, "required"), "required");
    size_t i;

    for (i = 0; v && i < v->count; i++)
        if (!compile_member_bit(c, b, compile_member(c, b, v->items[i]->text)))
            return;
}

/* A keyword whose value is one schema for members or items. */
static void compile_child(struct compiler *c, struct build *b, const char *name,
                          bool *has, const struct node **child)
{
    const struct json_value *v = json_get(b->at, name);

    if (!v)
        return;
    *has = true;
    *child = compile_edge(c, b, v);
}

void compile_objects(struct compiler *c, struct build *b)
{
    struct node_object o = {.max = UINT64_MAX};
    bool has_names = false, has_any;

    compile_properties(c, b);
    compile_required_bits(c, b);
    compile_patterns(c, b);
    compile_dependent_names(c, b);
    compile_child(c, b, "additionalProperties", &o.has_additional,
                  &o.additional);
    compile_child(c, b, "propertyNames", &has_names, &o.names);
    compile_child(c, b, "unevaluatedProperties", &o.has_unevaluated,
                  &o.unevaluated);
    has_any = compile_count(c, b, "minProperties", &o.min);
    has_any |= compile_count(c, b, "maxProperties", &o.max);
    if (!has_any && !o.has_additional && !o.names && !o.has_unevaluated)
        return;
    if (!compile_object_of(c, b))
        return;
    b->object->has_additional = o.has_additional;
    b->object->additional = o.additional;
    b->object->names = o.names;
    b->object->has_unevaluated = o.has_unevaluated;
    b->object->unevaluated = o.unevaluated;
    b->object->min = o.min;
    b->object->max = o.max;
}

void compile_object_finish(struct compiler *c, struct build *b)
{
    const struct json_value *v = json_get(b->at, "required");
    struct node_object *o = b->object;
    size_t i;

    if (!o)
        return;
    o->by_bit = b->by_bit;
    o->has_more = o->pattern_count > 0 || o->names || o->has_additional;
    o->ends_simply = o->bits <= 64 && o->dependent_count == 0;
    if (!v || v->count == 0)
        return;
    o->required = compile_alloc(c, (o->bits + 63) / 64 * sizeof(uint64_t));
    for (i = 0; o->required && i < v->count; i++) {
        const struct member *m = compile_member(c, b, v->items[i]->text);

        if (m)
            o->required[m->bit / 64] |= (uint64_t)1 << (m->bit % 64);
    }
}
