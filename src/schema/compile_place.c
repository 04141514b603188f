/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/compile_place.c - keywords that put other schemas on the same value.
 *
 * JSON Schema 2020-12, core 8.2.3.1 and 10.2; OpenAPI 3.1 "discriminator",
 * which changes no verdict: it only says whose findings are told.
 */
#include "base/check.h"
#include "schema/compile.h"
#include "schema/machine.h"

static void place_add(struct compiler *c, struct build *b,
                      const struct json_value *v, uint32_t bit)
{
    const struct node *node = compile_place(c, b, v);

    if (!node || !compile_grow(c, &b->places, &b->places_size,
                               b->place_count + 1, sizeof(*b->places)))
        return;
    b->places[b->place_count++] = (struct place){node, bit};
}

static void place_list(struct compiler *c, struct build *b, const char *name)
{
    const struct json_value *v = json_get(b->at, name);
    size_t i;

    if (!v)
        return;
    if (v->type != JSON_ARRAY || v->count == 0) {
        compile_problem(c, b, v, "\"%s\" must be an array of schemas", name);
        return;
    }
    if (v->count > BRANCHES_MAX) {
        compile_problem(c, b, v, "\"%s\" has more than %d schemas", name,
                        BRANCHES_MAX);
        return;
    }
    for (i = 0; i < v->count; i++)
        place_add(c, b, v->items[i], MEMBER_NO_BIT);
}

static void place_one(struct compiler *c, struct build *b, const char *name)
{
    const struct json_value *v = json_get(b->at, name);

    if (v)
        place_add(c, b, v, MEMBER_NO_BIT);
}

static void place_ref(struct compiler *c, struct build *b)
{
    const struct json_value *v = json_get(b->at, "$ref"), *target;

    if (!v)
        return;
    target = refs_find(c, c->set->refs, b, v);
    if (target)
        place_add(c, b, target, MEMBER_NO_BIT);
}

static void place_dependents(struct compiler *c, struct build *b)
{
    const struct json_value *v = json_get(b->at, "dependentSchemas");
    size_t i;

    if (v && v->type != JSON_OBJECT) {
        compile_problem(c, b, v, "\"dependentSchemas\" must be an object");
        return;
    }
    for (i = 0; v && i < v->count; i++) {
        struct member *m = compile_member(c, b, v->members[i].name);

        if (!compile_member_bit(c, b, m))
            return;
        place_add(c, b, v->members[i].value, m->bit);
    }
}

static void check_discriminator(struct compiler *c, struct build *b)
{
    const struct json_value *v = json_get(b->at, "discriminator");
    const struct json_value *name = json_get(v, "propertyName"), *mapping;
    size_t i;

    if (!v || c->source->dialect != SCHEMA_OPENAPI)
        return;
    if (!name || name->type != JSON_STRING) {
        compile_problem(c, b, v, "a discriminator needs a \"propertyName\"");
        return;
    }
    mapping = json_get(v, "mapping");
    if (mapping && mapping->type != JSON_OBJECT) {
        compile_problem(c, b, mapping, "\"mapping\" must be an object");
        return;
    }
    for (i = 0; mapping && i < mapping->count; i++)
        if (mapping->members[i].value->type != JSON_STRING)
            compile_problem(c, b, mapping->members[i].value,
                            "\"mapping\" leads to names and references of "
                            "schemas, which are strings");
    b->discriminator = v;
}

void compile_places(struct compiler *c, struct build *b)
{
    int kind;

    check_discriminator(c, b);
    for (kind = 0; kind < PLACE_KINDS; kind++) {
        b->place_begin[kind] = b->place_count;
        switch ((enum place_kind)kind) {
        case PLACE_ALL:
            place_ref(c, b);
            place_list(c, b, "allOf");
            break;
        case PLACE_ANY:
            place_list(c, b, "anyOf");
            break;
        case PLACE_ONE:
            place_list(c, b, "oneOf");
            break;
        case PLACE_NOT:
            place_one(c, b, "not");
            break;
        case PLACE_IF:
            place_one(c, b, "if");
            break;
        case PLACE_THEN:
            if (json_get(b->at, "if"))
                place_one(c, b, "then");
            break;
        case PLACE_ELSE:
            if (json_get(b->at, "if"))
                place_one(c, b, "else");
            break;
        case PLACE_DEPENDENT:
            place_dependents(c, b);
            break;
        case PLACE_KINDS:
            break;
        }
    }
    b->place_begin[PLACE_KINDS] = b->place_count;
}
