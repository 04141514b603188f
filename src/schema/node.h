/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/node.h - a compiled schema, as the machine reads it.
 *
 * A schema of a document becomes a node: what it says about scalars, about
 * members and items (the child nodes that their values must satisfy), and
 * which other nodes must hold or not hold for the same value, its *places*
 * ("allOf", "anyOf", "oneOf", "not", "if", "$ref" beside other keywords ...).
 * A schema that is nothing but a "$ref" has no node of its own: edges lead
 * to the target.
 *
 * Places form no cycles (a schema that would need itself for the same value
 * is refused), so each node has a *closure*: itself and all nodes it reaches
 * over places, each once, parents before children. When a value begins, the
 * machine lays out one `struct inst` for each node of the closure, feeds the
 * value's events to all of them, and when it ends resolves them from the
 * last to the first. A node that is wanted twice for one value is laid out
 * once, so the work for a value is bounded by the schema, whatever the body
 * and however deep the recursion.
 *
 *     node "part"                    closure of "part"
 *       places: one [text media]       0 part    children 1 2
 *     node "text"                      1 text
 *     node "media"                     2 media   children 3 4
 *       places: one [url attachment]   3 url
 *                                      4 attachment
 *
 * Nodes are written by the compiler only, live in their set's arena, and are
 * read by all threads.
 */
#ifndef SCHEMA_NODE_H
#define SCHEMA_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "schema/format.h"
#include "schema/name.h"
#include "schema/number.h"
#include "schema/pattern.h"
#include "schema/schema.h"

/* Types are bits, 1u << enum json_type, and one more. */
#define NODE_TYPE(t) (1u << (t))
#define NODE_INTEGER (1u << 6)
#define NODE_ANY_TYPE 0x3fu

enum node_kind {
    NODE_PLAIN,
    NODE_FALSE, /* nothing passes; the rule is the keyword that led here */
    NODE_ALIAS, /* only a "$ref": gone once the compiler has linked */
    /* What x-parts and x-decorations need to see of a value. They check
     * nothing; see parts.c and decorations.c. */
    NODE_PART,             /* an item of x-parts */
    NODE_PART_KIND,        /* its "kind" member */
    NODE_PART_URL,         /* its "url" member */
    NODE_DECORATED_TEXT,   /* the "text" member of x-decorations */
    NODE_DECORATIONS,      /* its "list" member */
    NODE_DECORATION,       /* an item of that */
    NODE_DECORATION_RANGE, /* its "range" member */
    NODE_DECORATION_BOUND, /* an item of that */
};

struct node;
struct inst;

/* ---- values: "enum", "const" ---- */

struct node_values {
    bool has_null, has_true, has_false;
    struct name_table strings;
    struct number *numbers;
    size_t number_count;
    struct text *composites; /* canonical, see canon.h */
    size_t composite_count;
    const char *must_be; /* a message: "must be \"a\" or \"b\"" */
};

/* ---- scalars ---- */

struct node_string {
    uint64_t min, max; /* code points; UINT64_MAX: no maximum */
    const struct pattern *pattern;
    const struct schema_format *format;
};

enum node_limit {
    LIMIT_MINIMUM,
    LIMIT_MAXIMUM,
    LIMIT_EXCLUSIVE_MINIMUM,
    LIMIT_EXCLUSIVE_MAXIMUM,
    LIMIT_COUNT,
};

struct node_bound {
    bool is_set;
    struct number number;
    const char *text; /* as written; number points into it */
};

struct node_number {
    struct node_bound bounds[LIMIT_COUNT];
    bool has_multiple;
    struct number_divisor multiple;
    const char *multiple_text;
    const struct schema_format *format;
};

/* ---- objects ---- */

#define MEMBER_NO_BIT UINT32_MAX

/* A member name that a schema mentions, for whatever reason. */
struct member {
    struct name name; /* first: what the table finds */
    const struct node *child;
    const struct node *probe; /* for an extension; seen besides */
    uint32_t bit;             /* in `seen`, or MEMBER_NO_BIT */
    bool is_property;         /* named by "properties" */
    bool is_selector[2];      /* of the any, the one group */
};

struct member_pattern {
    const struct pattern *pattern;
    const struct node *child; /* NULL: anything, but it counts as known */
};

/* Bits that must be set once `bit` is: "dependentRequired". */
struct dependent {
    uint32_t bit;
    uint32_t *needs;
    size_t count;
};

struct node_object {
    struct name_table members;
    struct member *const *by_bit;
    uint32_t bits;      /* of `seen` */
    uint64_t *required; /* (bits + 63) / 64 words; NULL: none */
    bool ends_simply;   /* at most one word of it, no dependents */
    struct dependent *dependents;
    size_t dependent_count;
    struct member_pattern *patterns;
    size_t pattern_count;
    bool has_more; /* patterns, names or additional below */
    bool has_additional;
    const struct node *additional; /* NULL: anything */
    const struct node *names;      /* "propertyNames" */
    bool has_unevaluated;
    const struct node *unevaluated; /* NULL: anything */
    uint64_t min, max;              /* members */
};

/* ---- arrays ---- */

struct node_array {
    const struct node **prefix; /* entries may be NULL: anything */
    size_t prefix_count;
    bool has_items;
    const struct node *items; /* NULL: anything */
    bool has_contains;
    const struct node *contains; /* NULL: anything */
    uint64_t min_contains, max_contains;
    uint64_t min, max;
    bool is_unique;
    bool has_unevaluated;
    const struct node *unevaluated; /* NULL: anything */
    const struct node *probe;       /* for each item: an extension's */
};

/* ---- places: other nodes for the same value ---- */

enum place_kind {
    PLACE_ALL, /* "allOf", "$ref" */
    PLACE_ANY,
    PLACE_ONE,
    PLACE_NOT,
    PLACE_IF,
    PLACE_THEN,
    PLACE_ELSE,
    PLACE_DEPENDENT, /* "dependentSchemas" */
    PLACE_KINDS,
};

struct place {
    const struct node *node;
    uint32_t bit; /* PLACE_DEPENDENT: the member that calls for it */
};

/* A member whose string tells which branch of a group is meant. */
struct selector_value {
    struct name name;
    uint32_t branch; /* from 0 in its group */
};
struct selector {
    struct text member;
    struct name_table values;
    bool is_exclusive;    /* no other branch can pass: each demands its own */
    const char *expected; /* for messages */
};

enum group { GROUP_ANY, GROUP_ONE, GROUPS };

struct combo {
    struct place *places; /* kinds in the order of enum place_kind */
    uint32_t count;
    uint32_t begin[PLACE_KINDS + 1]; /* kind k: begin[k] .. begin[k + 1] */
    const struct selector *selector[GROUPS]; /* or NULL */
    /* Where each branch asks for one member and for nothing else, for
     * messages: "\"url\" and \"attachment_id\""; or NULL. */
    const char *wanted[GROUPS];
};

struct closure_entry {
    const struct node *node;
    const uint32_t *children; /* index in the closure of each place's node */
};
struct closure {
    uint32_t count;
    bool has_false;       /* some node is NODE_FALSE */
    bool has_wide;        /* some node counts more than 64 members */
    bool has_unevaluated; /* some node looks at what others evaluated */
    bool has_values;      /* some node compares arrays or objects */
    bool has_hooks;       /* some node has */
    bool has_unique;      /* some node wants items to differ */
    /* Its insts (machine.h) to be copied: blank, and as an array, an object
     * begins with it for somebody for certain, once unit_settle() has seen
     * them; see unit.c. */
    const struct inst *insts, *settled[2];
    struct closure_entry entries[];
};

/* ---- extensions ---- */

struct node_parts {
    struct name_table alone, not_adjacent; /* of struct name */
    bool has_max_public_urls;
    uint64_t max_public_urls;
    struct text *presigned_hosts;
    size_t presigned_count;
};

#define DECORATION_KINDS_MAX 32

struct node_decorations {
    const char *list_pointer, *range_pointer; /* names, escaped */
    uint32_t exactly_one; /* bits of the item probe's `seen` */
    uint32_t exclusive;
    const char *expected;        /* "\"style\" and \"animation\"" */
    const char *exclusive_names; /* "\"animation\"" */
};

/* ---- the node ---- */

struct node {
    enum node_kind kind;
    uint8_t types;      /* "type" */
    uint8_t conj_types; /* the same with what "allOf" and "$ref" leave of it */
    bool is_simple;     /* a closure of one: scalars need nothing laid out */
    bool has_checks;    /* of scalars, besides their type */
    bool has_hooks;     /* arrays or objects need more than their inst */
    const struct node_values *enumerated, *constant;
    const struct node_values *excluded; /* "not" with scalars only */
    const struct node_string *string;
    const struct node_number *number;
    const struct node_object *object;
    const struct node_array *array;
    const struct combo *combo;
    const struct node_parts *parts;             /* also for NODE_PART* */
    const struct node_decorations *decorations; /* also for NODE_DECORAT* */
    const struct closure *closure;
};

/* ---- plans ---- */

struct tap_node {
    struct name name;           /* first: what the table finds */
    struct name_table children; /* of struct tap_node */
    int text_tap, count_tap;    /* index in the plan, or -1 */
};

struct schema_plan {
    const struct layout *base; /* of which the body is an item; layout.h */
    const struct stage *stage; /* of the base, or NULL; stage.h */
    uint64_t set_serial;       /* no two sets of the process have the same */
    uint64_t *root_uses;       /* who asks for each distinct node, as bits */
    size_t root_count;
    size_t use_count;
    const struct tap_node *taps; /* the body; NULL without taps */
    size_t tap_count;
    unsigned types;      /* that pass every root's "type", for parameters */
    unsigned item_types; /* the same of an array's items */
};

#endif
