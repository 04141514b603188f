/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/extra.h - what few insts need beside themselves.
 *
 * Made when their array or object begins (extra.c), on the stack like the
 * insts; probes (insts of NODE_PART and the like) share the extra of the inst
 * that asked for them. What a body that is right does with it is so little
 * that it stands here, to be inlined; what is wrong is in the files named.
 */
#ifndef SCHEMA_EXTRA_H
#define SCHEMA_EXTRA_H

#include "schema/node.h"

struct extra {
    struct extra *next;                    /* in the frame */
    struct parts_state *parts;             /* parts.c */
    struct decorations_state *decorations; /* decorations.c */
    struct unevaluated *unevaluated;       /* unevaluated.c */
};

/* ---- x-parts ---- */

struct parts_state {
    /* The item under way. */
    bool is_alone, has_public_url;
    const struct name *kind; /* in the list of kinds that may not repeat */
    /* Up to now. */
    const struct name *last_kind;
    uint64_t public_urls;
    bool has_alone;
    const char *alone_kind;
};

static inline void part_begin(struct extra *x)
{
    struct parts_state *s = x->parts;

    s->is_alone = s->has_public_url = false;
    s->kind = NULL;
}

/* Would part_end() have nothing to say? */
static inline bool part_passes(const struct node_parts *p,
                               const struct extra *x)
{
    const struct parts_state *s = x->parts;

    return !(s->kind && s->kind == s->last_kind) &&
           !(s->has_public_url && p->has_max_public_urls &&
             s->public_urls == p->max_public_urls);
}

/* What it does besides. */
static inline void part_pass(const struct extra *x)
{
    struct parts_state *s = x->parts;

    s->last_kind = s->kind;
    s->has_alone |= s->is_alone;
    s->public_urls += s->has_public_url;
}

/* Would parts_end() have nothing to say? */
static inline bool parts_pass(const struct extra *x, uint64_t count)
{
    return !(x->parts->has_alone && count > 1);
}

/* ---- x-decorations ---- */

#define DECORATIONS_MAX 10000

struct range {
    uint32_t start, end;
    uint32_t place : 31; /* in the list */
    uint32_t is_exclusive : 1;
};

struct decorations_state {
    bool has_text;
    bool has_exclusive; /* some range is */
    uint64_t text_units;
    struct range *ranges; /* those that are well-formed by themselves */
    uint32_t count, size;
    uint32_t items; /* of the list, well-formed or not */
    /* The item under way, and its range. */
    bool has_range, range_is_wrong;
    uint32_t bounds;
    uint32_t bound[2];
};

static inline void decoration_begin(struct extra *x)
{
    struct decorations_state *s = x->decorations;

    s->has_range = s->range_is_wrong = false;
    s->bounds = 0;
}

/* A NODE_DECORATION_RANGE has ended, and had that many items. */
static inline void decoration_range_end(struct extra *x, bool is_object,
                                        uint64_t count)
{
    struct decorations_state *s = x->decorations;

    s->has_range = true;
    if (is_object || count != 2 || s->bounds != 2 || s->bound[0] >= s->bound[1])
        s->range_is_wrong = true;
}

/* Would decoration_end() have nothing to say? `has_one` of the members that
 * exclude each other, exactly. */
static inline bool decoration_passes(const struct extra *x, bool is_object,
                                     bool has_one)
{
    const struct decorations_state *s = x->decorations;

    return !is_object ||
           (has_one && (!s->has_range ||
                        (!s->range_is_wrong && s->items < DECORATIONS_MAX)));
}

#endif
