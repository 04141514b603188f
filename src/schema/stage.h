/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/stage.h - what is asked of a body in which nothing is wrong yet.
 *
 * While no inst of an array or object has failed, where its insts stand
 * follows from little: its layout, who asks for it (for certain, or only to
 * have a verdict), and which branches its selectors have named. Such a state
 * is a *stage*. A plan knows its stages and what leads from one to another,
 * so that in a body which is right
 *
 *   - no inst is written: a frame has its stage and a word of bits, the
 *     members that came;
 *   - each child is a *step*: the checks that a scalar must pass, without
 *     those of branches that are out, and the stage an array or object
 *     begins in;
 *   - a selector's value leads to another stage, in which the branches that
 *     it did not name ask for nothing.
 *
 *     stage {Part}  "type": text --> stage {Part, TextPart}  "value" ...
 *                           media -> stage {Part, MediaPart} "url" ...
 *
 * What a stage does not foresee (a violation, a selector of no known value,
 * keywords that need more than this) is the machine's: wake.c writes the
 * insts down as they would be by now (the frame wakes), and machine.c goes on
 * with them as if it had always been at work. So there is one place that
 * says what is wrong and why, and this one only has to know what is right.
 */
#ifndef SCHEMA_STAGE_H
#define SCHEMA_STAGE_H

#include "schema/layout.h"

struct extra;
struct scalar;

/* Sets of insts and of members are words of bits. */
#define STAGE_INSTS_MAX 64
#define STAGE_MEMBERS_MAX 64
/* Stages of one set; what would need more goes the machine's way. */
#define STAGES_MAX 20000

/* ---- a scalar ---- */

enum op_kind {
    OP_ENUM, /* is one of `values`, for "enum" */
    OP_CONST,
    OP_NOT,
    OP_LENGTH,
    OP_PATTERN,
    OP_FORMAT,
    OP_NODE,    /* whatever `node` says, which is simple */
    OP_CLOSURE, /* whatever `node` and its places say */
};

struct op {
    enum op_kind kind;
    /* Some asker would have to say what is wrong; else the askers that fail
     * are noted, and those in `held` with the op that they failed. */
    bool must_pass;
    uint64_t askers, held;
    const struct node *node;
};

/* A probe's look at a scalar that has passed. */
struct look {
    const struct node *node;
    uint32_t slot; /* of the asker's extra */
};

/* ---- a child ---- */

/* The value of a selector's member leads to another stage. */
struct fork {
    const struct selector *selector;
    uint32_t inst;
    enum group group;
    const struct stage *const *to; /* by branch; entries may be NULL */
};

/* A string that some op mentions, and the ops that it fails, as bits. */
struct step_value {
    struct name name; /* first: what the table finds */
    uint64_t failed;
};

/* Sets of ops are words of bits. */
#define STEP_OPS_MAX 64

enum step_type { STEP_STRING, STEP_NUMBER, STEP_TYPES };

struct step {
    const struct child *child; /* the same for the machine */
    const struct tap_node *tap;
    uint32_t tap_bits;
    const struct fork *fork;          /* what to do first, or NULL */
    const struct stage *begins[2];    /* of an array, an object, or NULL */
    const struct op *ops[STEP_TYPES]; /* those that must pass first */
    const struct look *looks;
    struct name_table values; /* of struct step_value */
    uint64_t others_failed;   /* by all other strings */
    uint64_t must_pass;       /* of strings' ops, as bits */
    bool has_values;          /* some op asks which string it is, */
    bool has_more_ops;        /* and some something else */
    uint8_t op_count[STEP_TYPES];
    uint8_t look_count;
    uint8_t types; /* NODE_TYPE of scalars that may pass; a number that is an
                    * integer is only NODE_INTEGER here */
};

/* ---- an array or object ---- */

enum hook_kind {
    HOOK_PARTS,       /* has x-parts */
    HOOK_DECORATIONS, /* has x-decorations */
    /* Looks at it for one in a frame below: */
    HOOK_PART,
    HOOK_DECORATION,
    HOOK_RANGE,
    HOOK_LIST, /* has nothing to do, but its items have */
};

struct hook {
    enum hook_kind kind;
    bool is_live; /* its inst is */
    uint32_t inst;
    uint32_t from; /* a probe's: the slot in the frame below */
    const struct node *node;
    /* A NODE_DECORATION's, by member of the layout. */
    uint64_t exactly_one, exclusive;
};

/* What an inst asks for at the end, places left aside. */
struct stage_end {
    uint64_t required; /* members by index */
    uint64_t min;      /* members or items */
};

struct stage {
    const struct layout *layout;
    /* As they are now but for `seen`; where uses are asked for, uses is 1
     * and stands for the root's. */
    const struct inst *insts;
    size_t insts_bytes;
    const struct tap_node *tap;
    bool is_object;
    bool is_base;            /* the body is its item, and the tap the body's */
    bool has_foreign_taps;   /* of members that no schema names */
    uint64_t max;            /* children; one more wakes */
    struct name_guess guess; /* of struct layout_member */
    /* Steps by the member's index, or the item's; the last one is for all
     * others. */
    const struct step *steps;
    uint32_t last_step;
    /* The end: what all must have, and units that need to be worked out. */
    uint64_t required; /* members by index */
    uint64_t min;
    const struct stage_end *ends; /* by inst */
    const uint32_t *units;        /* roots to be worked out */
    uint32_t unit_count;
    uint32_t ending;     /* a number for those that have some; verdict.c */
    bool ends_awake;     /* it takes the machine */
    bool ends_with_work; /* that, units, or hooks */
    bool units_count;    /* units ask how many children there were */
    /* What is more than an inst; each has a slot, in this order. */
    const struct hook *hooks;
    uint32_t hook_count;
};

struct schema_set;
/* The stage that a plan's base is in; NULL when out of memory, or when there
 * is no quick way. */
const struct stage *stage_for_base(struct schema_set *set,
                                   const struct layout *base, size_t roots,
                                   const struct tap_node *tap);
/* Make all that the stages up to now lead to; false when out of memory. */
bool stages_fill(struct schema_set *set);

/* ---- between stage.c and step.c ---- */

/* From the set's arena; a failure is remembered. */
void *stage_alloc(struct schema_set *set, size_t bytes);
/* That of an inst which is a hook. */
uint32_t stage_slot(const struct stage *s, uint32_t inst);
/* What scalars have to pass; step->child is there. */
bool step_scalars(struct schema_set *set, const struct stage *s,
                  struct step *step);

#endif
