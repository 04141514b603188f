/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/compile.h - from JSON values to nodes, private to this room.
 *
 *   schema_compile     queues the schema, and whatever it leads to
 *   build_fill         one schema object: each keyword into its node
 *   link_all           loops, types, selectors, closures
 *
 * A schema that is only a "$ref" is followed at once, one that asks for
 * nothing (true, {}, annotations alone) is no node: an edge to it is NULL.
 * Whatever is wrong becomes a problem, once, and marks its build as broken;
 * compiling goes on, and a schema that leads to a broken one is refused.
 */
#ifndef SCHEMA_COMPILE_H
#define SCHEMA_COMPILE_H

#include "schema/node.h"

/* How deep schemas may nest for one value, and everything that recurses
 * over them. */
#define COMPILE_DEPTH_MAX 256
/* Insts of all closures together: what a set may make the machine lay out. */
#define CLOSURES_MAX 1000000

/* A node under construction, and what is only needed until it is done. */
struct build {
    struct node node;   /* first: what edges point to */
    struct build *next; /* in the set, oldest first */
    const struct json_value *at;
    struct schema *handle; /* what schema_compile() gave out for it */

    struct node_object *object;
    struct node_array *array;
    struct member **by_bit; /* the object's members that have one */
    uint32_t by_bit_size;
    struct place *places;
    uint32_t place_count, places_size;
    uint32_t place_begin[PLACE_KINDS + 1];
    struct build **edges; /* every build this one leads to */
    uint32_t edge_count, edges_size;
    const struct json_value *discriminator;

    bool is_filled, is_broken, is_linked;
    bool is_entered;  /* values begin with it: it needs a closure */
    uint8_t color;    /* link.c: of the search for loops */
    uint32_t visited; /* the search that saw it last */
    uint32_t index;   /* in the closure under construction */
};

struct memo_entry {
    const struct json_value *value;
    struct build *build;
};

/* Where the schemas of one document are, by URI and by anchor; refs.c. */
struct refs;

struct schema_set {
    uint64_t serial; /* from 1 */
    struct arena arena;
    struct build *first, *last, *unfilled;
    struct memo_entry *memo; /* open addressing by address */
    size_t memo_count, memo_size;
    struct build *anything, *nothing; /* true and false as places */
    struct pattern **patterns;
    uint32_t pattern_count, patterns_size;
    size_t closure_entries;
    struct layouts *layouts; /* layout.c */
    size_t layouts_max;      /* what comes after is laid out as it comes */
    struct stages *stages;   /* stage.c */
    size_t stages_max;
    uint32_t search;
    /* The document that the memo is about. */
    const struct json_document *doc;
    size_t doc_bytes;
    struct refs *refs;
};

struct compiler {
    struct schema_set *set;
    const struct schema_source *source;
    struct problems *problems;
    enum status status; /* STATUS_NO_MEMORY sticks */
};

/* ---- compile.c ---- */

void *compile_alloc(struct compiler *c, size_t bytes);
char *compile_strdup(struct compiler *c, struct text t);
/* Grow an arena list (doubling, the old one is left behind). */
bool compile_grow(struct compiler *c, void *list, uint32_t *size, uint32_t need,
                  size_t bytes_each);
/* A problem at `at`, which breaks `b`. */
void compile_problem(struct compiler *c, struct build *b,
                     const struct json_value *at, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* The node that a value for the schema at `v` must pass; NULL when anything
 * does (or something is wrong, and has been said). */
const struct node *compile_edge(struct compiler *c, struct build *b,
                                const struct json_value *v);
/* The same as a place, never NULL but for failures. */
const struct node *compile_place(struct compiler *c, struct build *b,
                                 const struct json_value *v);
/* What a schema that schema_compile() gave out stands for; NULL: anything. */
const struct node *schema_node(const struct schema *s);
/* A node that no schema stands for, asked for by `b`. */
struct build *compile_probe(struct compiler *c, struct build *b,
                            enum node_kind kind);
const struct pattern *compile_pattern(struct compiler *c, struct build *b,
                                      const struct json_value *at,
                                      struct text source);

/* ---- keywords.c ---- */

enum keyword_shape {
    KEYWORD_PLAIN,  /* no schemas in it */
    KEYWORD_SCHEMA, /* a schema */
    KEYWORD_LIST,   /* an array of schemas */
    KEYWORD_MAP,    /* an object of schemas */
};
enum keyword_use {
    KEYWORD_ASSERTS, /* or structures what asserts */
    KEYWORD_DEFINES, /* asks for nothing by itself: "$defs", "$id" */
    KEYWORD_ANNOTATES,
    KEYWORD_REFUSED,
};
struct keyword {
    const char *name;
    enum keyword_use use;
    enum keyword_shape shape;
    bool only_openapi;
    const char *advice; /* KEYWORD_REFUSED */
};
const struct keyword *keyword_find(struct text name,
                                   enum schema_dialect dialect);
/* Says what is wrong with each member that is no enforced keyword. */
void keywords_check(struct compiler *c, struct build *b);
/* Insertions, deletions, replacements and swaps of neighbours between the
 * two, upper and lower case the same; UINT_MAX where one is longer than any
 * keyword. */
unsigned keyword_distance(struct text a, struct text b);

/* ---- compile_scalar.c, compile_object.c, compile_array.c,
 *      compile_place.c, compile_extension.c: keywords into nodes ---- */

void compile_types(struct compiler *c, struct build *b);
void compile_values(struct compiler *c, struct build *b);
void compile_strings(struct compiler *c, struct build *b);
void compile_numbers(struct compiler *c, struct build *b);
void compile_objects(struct compiler *c, struct build *b);
void compile_arrays(struct compiler *c, struct build *b);
void compile_places(struct compiler *c, struct build *b);
void compile_extensions(struct compiler *c, struct build *b);
/* Gives bits and words to the object, once nothing else asks for a bit. */
void compile_object_finish(struct compiler *c, struct build *b);

/* A keyword's number that is not negative and whole; false: absent or
 * wrong. */
bool compile_count(struct compiler *c, struct build *b, const char *name,
                   uint64_t *out);
/* The entry for a member name, made when needed. NULL out of memory. */
struct member *compile_member(struct compiler *c, struct build *b,
                              struct text name);
bool compile_member_bit(struct compiler *c, struct build *b, struct member *m);
struct node_object *compile_object_of(struct compiler *c, struct build *b);
struct node_array *compile_array_of(struct compiler *c, struct build *b);
const struct node_values *compile_value_set(struct compiler *c, struct build *b,
                                            const struct json_value *const *v,
                                            size_t count);
/* `must be "a", "b" or one of 3 more` */
char *compile_must_be(struct compiler *c, const struct json_value *const *v,
                      size_t count);

/* ---- refs.c ---- */

struct refs *refs_new(struct compiler *c);
/* Learn of identifiers in the schema at `v`. */
void refs_walk(struct compiler *c, struct refs *r, const struct json_value *v);
/* What it was made for. */
const struct json_value *refs_root(const struct refs *r);
/* Some identifier was none; said already. */
bool refs_are_broken(const struct refs *r);
/* What "$ref": `ref` at `at` means; NULL with a problem of `b`. */
const struct json_value *refs_find(struct compiler *c, struct refs *r,
                                   struct build *b,
                                   const struct json_value *ref);

/* ---- link.c, selector.c ---- */

/* Everything under `root` is filled and unbroken: make it ready to run. */
void link_all(struct compiler *c, struct build *root);
void selector_find(struct compiler *c, struct build *b, enum group g);
/* Do the branches ask for one member each? For the message. */
void wanted_find(struct compiler *c, struct build *b, enum group g);

static inline struct build *build_of(const struct node *node)
{
    /* Nodes are handed out const, and are const once linked. */
    return (struct build *)(uintptr_t)node;
}

#endif
