/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/compile.c - a set of schemas, and the queue of what is to compile.
 *
 * Every schema object that something leads to becomes a build, found again by
 * its address, so recursion in a document is a pointer here and nothing is
 * compiled twice. The queue keeps this file free of recursion: filling a
 * build only enters its children.
 *
 * The memo is about one document at a time: compiling from another drops it,
 * because the first may have been freed and its addresses used again.
 */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "schema/compile.h"
#include "schema/stage.h"

#define ARENA_MAX ((size_t)512 * 1024 * 1024)

struct schema {
    const struct node *node; /* NULL: anything */
};

/* ---- memory ---- */

void *compile_alloc(struct compiler *c, size_t bytes)
{
    void *p = arena_alloc(&c->set->arena, bytes);

    if (!p)
        c->status = STATUS_NO_MEMORY;
    return p;
}

char *compile_strdup(struct compiler *c, struct text t)
{
    char *p = arena_strdup(&c->set->arena, t);

    if (!p)
        c->status = STATUS_NO_MEMORY;
    return p;
}

bool compile_grow(struct compiler *c, void *list, uint32_t *size, uint32_t need,
                  size_t bytes_each)
{
    uint32_t grown = *size ? *size * 2 : 4;
    void *old, *p;

    if (need <= *size)
        return true;
    CHECK(need <= grown);
    p = compile_alloc(c, grown * bytes_each);
    if (!p)
        return false;
    memcpy(&old, list, sizeof(old));
    if (*size > 0)
        memcpy(p, old, *size * bytes_each);
    memcpy(list, &p, sizeof(p));
    *size = grown;
    return true;
}

void compile_problem(struct compiler *c, struct build *b,
                     const struct json_value *at, const char *fmt, ...)
{
    char message[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    if (b)
        b->is_broken = true;
    json_problem(c->problems, c->source->doc, at, "%s", message);
}

/* ---- the memo ---- */

static struct memo_entry *memo_slot(const struct schema_set *set,
                                    const struct json_value *v)
{
    size_t i =
        name_fold((uintptr_t)v, name_key.k[0] | 1) & (set->memo_size - 1);

    while (set->memo[i].value && set->memo[i].value != v)
        i = (i + 1) & (set->memo_size - 1);
    return &set->memo[i];
}

static bool memo_grow(struct compiler *c)
{
    struct schema_set *set = c->set;
    struct memo_entry *old = set->memo;
    size_t old_size = set->memo_size, i;

    if (set->memo && (set->memo_count + 1) * 2 <= set->memo_size)
        return true;
    set->memo_size = old_size ? old_size * 2 : 64;
    set->memo = calloc(set->memo_size, sizeof(*set->memo));
    if (!set->memo) {
        set->memo = old;
        set->memo_size = old_size;
        c->status = STATUS_NO_MEMORY;
        return false;
    }
    for (i = 0; old && i < old_size; i++)
        if (old[i].value)
            *memo_slot(set, old[i].value) = old[i];
    free(old);
    return true;
}

static void memo_drop(struct schema_set *set)
{
    free(set->memo);
    set->memo = NULL;
    set->memo_count = set->memo_size = 0;
    set->refs = NULL; /* in the arena */
}

/* ---- builds ---- */

static struct build *build_new(struct compiler *c, const struct json_value *at,
                               enum node_kind kind)
{
    struct schema_set *set = c->set;
    struct build *b = compile_alloc(c, sizeof(*b));

    if (!b)
        return NULL;
    b->at = at;
    b->node.kind = kind;
    b->node.types = kind == NODE_FALSE ? 0 : NODE_ANY_TYPE;
    b->is_filled = at == NULL;
    if (set->last)
        set->last->next = b;
    else
        set->first = b;
    set->last = b;
    if (at && !set->unfilled)
        set->unfilled = b;
    return b;
}

static struct build *build_for(struct compiler *c, const struct json_value *v)
{
    struct memo_entry *slot;

    if (!memo_grow(c))
        return NULL;
    slot = memo_slot(c->set, v);
    if (slot->value)
        return slot->build;
    slot->build = build_new(c, v, NODE_PLAIN);
    if (!slot->build)
        return NULL;
    slot->value = v;
    c->set->memo_count++;
    return slot->build;
}

static bool edge_add(struct compiler *c, struct build *from, struct build *to)
{
    if (!compile_grow(c, &from->edges, &from->edges_size, from->edge_count + 1,
                      sizeof(struct build *)))
        return false;
    from->edges[from->edge_count++] = to;
    return true;
}

struct build *compile_probe(struct compiler *c, struct build *b,
                            enum node_kind kind)
{
    struct build *probe = build_new(c, NULL, kind);

    if (!probe || !edge_add(c, b, probe))
        return NULL;
    probe->is_entered = true;
    return probe;
}

/* What a schema object asks for, at a glance. */
enum glance { GLANCE_NOTHING, GLANCE_REF, GLANCE_MORE };

static enum glance glance_at(const struct compiler *c,
                             const struct json_value *v)
{
    enum glance result = GLANCE_NOTHING;
    size_t i;

    for (i = 0; i < v->count; i++) {
        const struct keyword *k =
            keyword_find(v->members[i].name, c->source->dialect);

        if (!k || k->use == KEYWORD_REFUSED ||
            (k->use == KEYWORD_DEFINES && k->shape == KEYWORD_PLAIN))
            return GLANCE_MORE; /* or nobody would look at it */
        if (k->use != KEYWORD_ASSERTS)
            continue;
        if (!text_is(v->members[i].name, "$ref"))
            return GLANCE_MORE;
        result = GLANCE_REF;
    }
    return result;
}

/* Follow "$ref" to a schema that says something itself. */
static const struct json_value *edge_target(struct compiler *c, struct build *b,
                                            const struct json_value *v)
{
    const struct json_value *from = v;
    unsigned steps = 0;

    while (v && v->type == JSON_OBJECT && glance_at(c, v) == GLANCE_REF) {
        if (++steps > COMPILE_DEPTH_MAX) {
            compile_problem(c, b, from,
                            "\"$ref\" leads to another \"$ref\", and so on "
                            "without end");
            return NULL;
        }
        v = refs_find(c, c->set->refs, b, json_get(v, "$ref"));
    }
    if (v && v->type != JSON_OBJECT && v->type != JSON_BOOL) {
        compile_problem(c, b, v, "a schema is an object, true or false, not %s",
                        json_type_phrase(v->type));
        return NULL;
    }
    return v;
}

/* The build for a schema; NULL when it asks for nothing. */
static struct build *edge_find(struct compiler *c, struct build *b,
                               const struct json_value *v)
{
    v = edge_target(c, b, v);
    if (!v || (v->type == JSON_BOOL && v->boolean) ||
        (v->type == JSON_OBJECT && glance_at(c, v) == GLANCE_NOTHING))
        return NULL;
    return v->type == JSON_BOOL ? c->set->nothing : build_for(c, v);
}

const struct node *compile_edge(struct compiler *c, struct build *b,
                                const struct json_value *v)
{
    struct build *to = edge_find(c, b, v);

    if (!to || !edge_add(c, b, to))
        return NULL;
    to->is_entered = true;
    return &to->node;
}

const struct node *compile_place(struct compiler *c, struct build *b,
                                 const struct json_value *v)
{
    struct build *to = edge_find(c, b, v);

    if (!to)
        to = c->set->anything;
    return edge_add(c, b, to) ? &to->node : NULL;
}

const struct pattern *compile_pattern(struct compiler *c, struct build *b,
                                      const struct json_value *at,
                                      struct text source)
{
    struct schema_set *set = c->set;
    struct pattern *p = NULL;
    char error[256];

    if (!compile_grow(c, &set->patterns, &set->patterns_size,
                      set->pattern_count + 1, sizeof(struct pattern *)))
        return NULL;
    switch (pattern_new(source, &p, error, sizeof(error))) {
    case STATUS_OK:
        set->patterns[set->pattern_count++] = p;
        return p;
    case STATUS_INVALID:
        compile_problem(c, b, at, "the pattern cannot be enforced: %s", error);
        return NULL;
    default:
        c->status = STATUS_NO_MEMORY;
        return NULL;
    }
}

/* ---- filling ---- */

static void check_dialect(struct compiler *c, struct build *b)
{
    const struct json_value *v = json_get(b->at, "$schema");

    if (!v)
        return;
    if (v->type == JSON_STRING &&
        (text_is(v->text, "https://json-schema.org/draft/2020-12/schema") ||
         text_is(v->text, "https://json-schema.org/draft/2020-12/schema#") ||
         (c->source->dialect == SCHEMA_OPENAPI &&
          text_is(v->text, "https://spec.openapis.org/oas/3.1/dialect/base"))))
        return;
    compile_problem(c, b, v,
                    "only \"https://json-schema.org/draft/2020-12/schema\" is "
                    "enforced");
}

static void build_fill(struct compiler *c, struct build *b)
{
    b->is_filled = true;
    keywords_check(c, b);
    check_dialect(c, b);
    compile_types(c, b);
    compile_values(c, b);
    compile_strings(c, b);
    compile_numbers(c, b);
    compile_objects(c, b);
    compile_arrays(c, b);
    compile_places(c, b);
    compile_extensions(c, b);
    b->node.object = b->object;
    b->node.array = b->array;
}

static void queue_run(struct compiler *c)
{
    struct schema_set *set = c->set;

    while (set->unfilled && c->status == STATUS_OK) {
        struct build *b = set->unfilled;

        if (!b->is_filled)
            build_fill(c, b);
        set->unfilled = b->next;
    }
}

/* Does anything that `root` leads to have a problem? */
static bool is_broken(struct compiler *c, struct build *root)
{
    struct build **list = NULL;
    uint32_t count = 0, size = 0, i, k;
    uint32_t search = ++c->set->search;

    if (!compile_grow(c, &list, &size, 1, sizeof(struct build *)))
        return false;
    list[count++] = root;
    root->visited = search;
    for (i = 0; i < count; i++) {
        if (list[i]->is_broken)
            return true;
        for (k = 0; k < list[i]->edge_count; k++) {
            struct build *to = list[i]->edges[k];

            if (to->visited == search)
                continue;
            if (!compile_grow(c, &list, &size, count + 1,
                              sizeof(struct build *)))
                return false;
            to->visited = search;
            list[count++] = to;
        }
    }
    return false;
}

/* ---- the way in ---- */

/* The memo belongs to another document, or the same address does now. */
static bool is_stale(const struct schema_set *set,
                     const struct schema_source *source)
{
    return set->doc != source->doc ||
           set->doc_bytes != source->doc->arena.used_bytes;
}

static bool compiler_begin(struct compiler *c, const struct json_value *at)
{
    struct schema_set *set = c->set;

    if (!set->nothing) {
        set->nothing = build_new(c, NULL, NODE_FALSE);
        set->anything = build_new(c, NULL, NODE_PLAIN);
        if (!set->nothing || !set->anything)
            return false;
    }
    if (is_stale(set, c->source)) {
        memo_drop(set);
        set->doc = c->source->doc;
        set->doc_bytes = c->source->doc->arena.used_bytes;
    }
    if (!set->refs || refs_root(set->refs) != c->source->root)
        set->refs = refs_new(c);
    if (!set->refs)
        return false;
    refs_walk(c, set->refs, at);
    return c->status == STATUS_OK;
}

static enum status compile_root(struct compiler *c, const struct json_value *at,
                                const struct node **out)
{
    /* Holds the one edge to the schema, so that nothing is a special case. */
    struct build *root = build_new(c, NULL, NODE_PLAIN);
    const struct node *node;

    if (!root)
        return STATUS_NO_MEMORY;
    node = compile_edge(c, root, at);
    queue_run(c);
    if (c->status == STATUS_OK &&
        (is_broken(c, root) || refs_are_broken(c->set->refs)))
        return STATUS_INVALID;
    if (c->status == STATUS_OK)
        link_all(c, root);
    if (c->status == STATUS_OK && is_broken(c, root))
        return STATUS_INVALID;
    *out = node;
    return c->status;
}

static struct schema *handle_for(struct compiler *c, const struct node *node)
{
    struct build *b = node ? build_of(node) : c->set->anything;

    if (!b->handle) {
        b->handle = compile_alloc(c, sizeof(*b->handle));
        if (b->handle)
            b->handle->node = node;
    }
    return b->handle;
}

enum status schema_compile(struct schema_set *set,
                           const struct schema_source *source,
                           const struct json_value *at,
                           struct problems *problems, const struct schema **out)
{
    struct compiler c = {.set = set, .source = source, .problems = problems};
    const struct node *node = NULL;
    const struct schema *schema;
    enum status status;

    if (!compiler_begin(&c, at))
        return STATUS_NO_MEMORY;
    status = compile_root(&c, at, &node);
    if (status != STATUS_OK)
        return status;
    schema = handle_for(&c, node);
    if (!schema)
        return STATUS_NO_MEMORY;
    *out = schema;
    return STATUS_OK;
}

const struct node *schema_node(const struct schema *s)
{
    return s->node;
}

unsigned schema_types(const struct schema *s)
{
    unsigned types = s->node ? s->node->conj_types : NODE_ANY_TYPE;

    if (types & NODE_INTEGER)
        types |= NODE_TYPE(JSON_NUMBER);
    return types & NODE_ANY_TYPE;
}

/* ---- life of a set ---- */

struct schema_set *schema_set_new(void)
{
    static atomic_uint_fast64_t serials;
    struct schema_set *set = calloc(1, sizeof(*set));

    if (!set)
        return NULL;
    name_key_init();
    set->layouts_max = LAYOUTS_MAX;
    set->stages_max = STAGES_MAX;
    set->serial = atomic_fetch_add(&serials, 1) + 1;
    arena_init(&set->arena, ARENA_MAX);
    return set;
}

void schema_set_free(struct schema_set *set)
{
    uint32_t i;

    if (!set)
        return;
    for (i = 0; i < set->pattern_count; i++)
        pattern_free(set->patterns[i]);
    memo_drop(set);
    arena_release(&set->arena);
    free(set);
}
