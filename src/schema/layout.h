/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/layout.h - what the machine would find out for every body, known
 * before the first one comes.
 *
 * Which insts an array or object needs depends only on the nodes that it must
 * satisfy, and which nodes its children must satisfy depends only on those
 * and on the child's name or place. So a plan holds a *layout* for every set
 * of nodes that can come together, with the insts ready to be copied and, for
 * each name that some schema mentions, for all others, and for each place in
 * an array, a *child*: what its value must satisfy, and the layout for it.
 * One look-up a key then serves all schemas at once.
 *
 *     layout {contract's message, policy's message}
 *       members "parts": duties    contract's parts, policy's parts
 *                        layout    {contract's parts, policy's parts}
 *               "effect" ...
 *               others   nothing
 *
 * Some keywords cannot be known in advance (patterns of names, "contains",
 * whatever is "unevaluated"): then the machine collects duties as the child
 * comes (machine.c) and lays out from them (frame.c), by the same rules. It
 * does so too past a limit on layouts, since sets of nodes can be many.
 */
#ifndef SCHEMA_LAYOUT_H
#define SCHEMA_LAYOUT_H

#include "schema/node.h"

struct inst;        /* machine.h */
struct stage_entry; /* stage.c */

enum role {
    ROLE_VALUE,       /* the asking inst fails with it */
    ROLE_CONTAINS,    /* it counts when it passes */
    ROLE_UNEVALUATED, /* it may count when it fails */
};

/* A node that a value must satisfy, and who asks: an inst of the frame that
 * the value is in, by its place there. */
struct duty {
    const struct node *node;
    const char *keyword; /* that asked; the rule when node is NODE_FALSE */
    uint32_t asker;
    uint8_t role;
};

/* A duty as one of the insts that were laid out for it. */
struct link {
    uint32_t root; /* LINK_FAILED: a false schema, it failed already */
    uint32_t asker;
    uint8_t role;
};
#define LINK_FAILED UINT32_MAX

/* A member that an inst is waiting to see. */
struct sight {
    uint32_t inst, bit;
};

/* A group whose selector a member is. */
struct select {
    uint32_t inst;
    enum group group;
};

struct child {
    const struct duty *duties;
    const struct link *links;
    const struct sight *sights;
    const struct select *selects;
    const struct layout *layout; /* NULL: to be made from the duties */
    const struct text *known_name;
    uint32_t duty_count, link_count, sight_count, select_count;
    bool has_false; /* some duty cannot be done */
};

/* A closure as laid out. */
struct unit {
    const struct closure *closure;
    uint32_t at; /* place of its root inst */
};

/* Places of insts. */
struct layout_list {
    const uint32_t *at;
    uint32_t count;
};

struct layout {
    const struct inst *settled[2]; /* to be copied, for arrays, for objects */
    const struct unit *units;
    uint32_t inst_count, unit_count;
    /* For arrays, for objects: insts that have something to do when the value
     * ends, and those that it cannot pass for its type. */
    struct layout_list ends[2], misfits[2];
    const uint32_t *hooks;  /* insts that are more than that */
    const uint32_t *groups; /* roots of units with more insts to settle */
    uint32_t hook_count, group_count;
    bool has_values, has_hooks, has_unique, has_unevaluated;
    bool has_wide; /* some inst sees more members than a word has bits */
    bool has_max;  /* some inst counts members or items */
    /* Children are known in advance. */
    bool knows_members, knows_items;
    struct name_table members; /* of struct layout_member */
    struct child other;        /* any other member */
    const struct child *items; /* the last one is for all that follow */
    uint32_t item_count;
    const struct stage_entry *stages; /* stage.h, while plans are made */
};

struct layout_member {
    struct name name; /* first: what the table finds */
    struct child child;
    uint32_t index; /* from 0 in its layout */
};

/* Layouts of one set, unless it says otherwise. */
#define LAYOUTS_MAX 20000

struct schema_set;
/* The layout for a value that must satisfy `nodes`; NULL when out of memory
 * or past the limit, which is no error. */
const struct layout *layout_for(struct schema_set *set,
                                const struct node *const *nodes, size_t count);
/* Make all that the layouts up to now lead to; false when out of memory. */
bool layouts_fill(struct schema_set *set);

#endif
