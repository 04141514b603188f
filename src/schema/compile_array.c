/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/compile_array.c - keywords about arrays.
 *
 * JSON Schema 2020-12, core 10.3.1 and 11, validation 6.4.
 */
#include "schema/compile.h"

struct node_array *compile_array_of(struct compiler *c, struct build *b)
{
    if (b->array)
        return b->array;
    b->array = compile_alloc(c, sizeof(*b->array));
    if (b->array) {
        b->array->max = b->array->max_contains = UINT64_MAX;
        b->array->min_contains = 1;
    }
    return b->array;
}

static void compile_prefix(struct compiler *c, struct build *b,
                           struct node_array *a)
{
    const struct json_value *v = json_get(b->at, "prefixItems");
    size_t i;

    if (!v)
        return;
    if (v->type != JSON_ARRAY || v->count == 0) {
        compile_problem(c, b, v, "\"prefixItems\" must be an array of schemas");
        return;
    }
    a->prefix = compile_alloc(c, v->count * sizeof(struct node *));
    if (!a->prefix)
        return;
    for (i = 0; i < v->count; i++)
        a->prefix[i] = compile_edge(c, b, v->items[i]);
    a->prefix_count = v->count;
}

static void compile_contains(struct compiler *c, struct build *b,
                             struct node_array *a)
{
    const struct json_value *v = json_get(b->at, "contains");
    uint64_t least = 1, most = UINT64_MAX;

    /* Checked even where they say nothing, for want of "contains". */
    compile_count(c, b, "minContains", &least);
    compile_count(c, b, "maxContains", &most);
    if (!v)
        return;
    a->has_contains = true;
    a->contains = compile_edge(c, b, v);
    a->min_contains = least;
    a->max_contains = most;
}

static void compile_unique(struct compiler *c, struct build *b,
                           struct node_array *a)
{
    const struct json_value *v = json_get(b->at, "uniqueItems");

    if (!v)
        return;
    if (v->type != JSON_BOOL)
        compile_problem(c, b, v, "\"uniqueItems\" must be true or false");
    else
        a->is_unique = v->boolean;
}

void compile_arrays(struct compiler *c, struct build *b)
{
    static const char *const names[] = {
        "items",       "prefixItems", "minItems",
        "maxItems",    "contains",    "minContains",
        "maxContains", "uniqueItems", "unevaluatedItems",
    };
    const struct json_value *v;
    struct node_array *a;
    size_t i, n = sizeof(names) / sizeof(names[0]);

    for (i = 0; i < n && !json_get(b->at, names[i]); i++)
        continue;
    if (i == n)
        return;
    a = compile_array_of(c, b);
    if (!a)
        return;
    compile_prefix(c, b, a);
    v = json_get(b->at, "items");
    if (v && v->type == JSON_ARRAY) {
        compile_problem(c, b, v,
                        "\"items\" must be one schema; a list of "
                        "them is \"prefixItems\"");
    } else if (v) {
        a->has_items = true;
        a->items = compile_edge(c, b, v);
    }
    compile_contains(c, b, a);
    compile_unique(c, b, a);
    compile_count(c, b, "minItems", &a->min);
    compile_count(c, b, "maxItems", &a->max);
    v = json_get(b->at, "unevaluatedItems");
    if (v) {
        a->has_unevaluated = true;
        a->unevaluated = compile_edge(c, b, v);
    }
}
