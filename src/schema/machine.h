/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/machine.h - the state of one validation, private to this room.
 *
 * For every array or object that is open there is a `struct frame` with the
 * insts (node.h tells of nodes and closures) that are active in it:
 *
 *     { "parts": [ { "type": "text", "value": "h...
 *
 *     frame 0  object   insts: body
 *     frame 1  array    insts: parts
 *     frame 2  object   insts: part, text, media, url, attachment
 *
 * What a child value has to satisfy are *duties*: a node, and the inst that
 * asks for it. When a member's key or an item's first event arrives they are
 * looked up in the frame's layout (layout.h), or collected from its insts. A
 * scalar does them on the spot; an array or object becomes a frame, each
 * distinct node of its duties a unit (a closure laid out as insts).
 *
 * All of that is for bodies with something wrong in them. Until then a frame
 * has a stage (stage.h), which knows what its insts would be without any of
 * them being written: yajl's events come in at quick.c, and reach machine.c
 * when that cannot say that all is well.
 *
 * What an inst finds wrong goes one or more of three ways:
 *   uses    it holds for the plan's use i for certain (bit i): recorded;
 *   HELD    an anyOf, oneOf, if or the like decides later whether it counts:
 *           kept in the inst's hold, handed to its parent or dropped;
 *   VERDICT only that it failed matters (not, if, contains): nothing is kept.
 * An inst whose parent decides at once (a discriminator was read, the type
 * leaves one branch) takes over its parent's uses, and from then on what it
 * finds is certain.
 *
 * Memory. Frames, units and insts lie on a stack of chunks. What outlives a
 * frame or is rare is allocated singly and counted in `memory`.
 */
#ifndef SCHEMA_MACHINE_H
#define SCHEMA_MACHINE_H

#include <setjmp.h>
#include <yajl/yajl_parse.h>

#include "schema/extra.h"
#include "schema/run.h"
#include "schema/scan.h"
#include "schema/stage.h"

#define RUN_MAGIC 0x5c4e3a01u

/* Kept out of line, so that what every event takes stays short. */
#define ASIDE __attribute__((noinline))

/* ---- what was found ---- */

#define POINTER_MAX 256 /* bytes of a pointer in a violation */
#define MESSAGE_MAX 300

/* A violation that is kept; shared by holds and the run's list. */
struct held {
    uint32_t refs;
    uint32_t taps; /* whose values it is at or below */
    size_t size;   /* of this allocation */
    const char *rule, *pointer, *record_pointer, *message;
};

struct hold {
    uint32_t count;
    uint32_t taps; /* of all, those not kept included */
    struct held *kept[SCHEMA_VIOLATIONS_MAX];
};

/* ---- insts, units, frames ---- */

#define MODE_HELD 1u
#define MODE_VERDICT 2u

struct inst {
    const struct node *node;       /* NULL: stands for whoever asks */
    const struct closure *closure; /* of its unit */
    uint64_t uses;
    union {
        uint64_t seen;     /* objects: members that came, by their bit */
        uint64_t contains; /* arrays: items that did match */
    };
    uint64_t *seen_more; /* bits from 64 on; NULL unless there are some */
    struct hold *hold;   /* owned */
    struct extra *extra; /* the frame's, or that of the inst which asked */
    uint32_t at;         /* in the closure; the unit's root is at 0 */
    uint8_t mode;
    bool failed;
    bool is_live;             /* reached from the unit's root */
    bool is_dead;             /* failed, and nothing more needs to be known */
    int16_t decided[GROUPS];  /* the only branch left, or NO_BRANCH */
    int16_t selected[GROUPS]; /* the branch a selector named, NO_BRANCH when
                               * it named none, NOT_SEEN until it came */
};
#define NO_BRANCH (-1)
#define NOT_SEEN (-2)
#define BRANCHES_MAX INT16_MAX

static inline bool inst_is_at_work(const struct inst *inst)
{
    return inst->is_live && !inst->is_dead;
}

static inline bool inst_has_seen(const struct inst *inst, uint32_t bit)
{
    return (bit < 64 ? inst->seen : inst->seen_more[bit / 64 - 1]) >>
               (bit % 64) &
           1;
}

static inline void inst_see(struct inst *inst, uint32_t bit)
{
    *(bit < 64 ? &inst->seen : &inst->seen_more[bit / 64 - 1]) |= (uint64_t)1
                                                                  << (bit % 64);
}

/* As every inst begins, but for its node and place. */
static inline struct inst inst_blank(void)
{
    return (struct inst){.decided = {NO_BRANCH, NO_BRANCH},
                         .selected = {NOT_SEEN, NOT_SEEN}};
}

/* Stands for one that only wants to know whether a value passes. */
static inline struct inst inst_asker(void)
{
    return (struct inst){.mode = MODE_VERDICT, .is_live = true};
}

struct stack_mark {
    struct chunk *chunk;
    size_t used;
};

#define FRAME_SEEN_BITS 64

struct frame {
    const struct layout *layout;
    /* While nothing is wrong in it (quick.c), else NULL. */
    const struct stage *stage;
    const struct step *step; /* of the current child */
    uint64_t failed;         /* insts to be told when they wake */
    struct inst *insts;
    bool is_awake; /* `insts` and what goes with them are written */
    bool is_object;
    bool is_captured;
    bool has_waiting; /* some asker of `links` wants to be told */
    uint32_t link_count;
    struct inst *askers; /* insts of the frame above */
    const struct link *links;
    struct stack_mark mark;
    uint64_t count; /* members or items that began */
    /* The current member. */
    uint32_t key_at, key_len; /* in the run's path; may be cut */
    const struct text *name;  /* if the layout knows it: then not in the path */
    const struct text *known_name; /* as a schema's property, or NULL */
    /* Members seen: those that the layout knows by their index, as bits, of
     * others prints from this place on in the run's list, or a set. */
    uint64_t seen;
    uint32_t prints_at;
    uint32_t notes_at; /* in the run's notes */
    struct print_set *set;
    const struct tap_node *tap;
    struct extra **slots;  /* of the stage's hooks */
    struct extra *extras;  /* owned, a list */
    uint64_t *marks;       /* insts that evaluated the current child */
    size_t capture_at;     /* where the value's encoding begins */
    struct unique *unique; /* owned */
};

/* ---- one scalar ---- */

struct scalar {
    uint8_t type; /* enum json_type */
    uint8_t bits; /* NODE_TYPE(type), and NODE_INTEGER */
    bool boolean;
    bool has_number; /* `number` is filled in */
    bool has_print;  /* `print` and `hash` are */
    bool is_small;   /* a number of a few digits and nothing else: `small` */
    uint32_t small;
    struct text text;
    struct name_print print;
    uint64_t hash;
    struct number number;
    int64_t points; /* code points, once counted; -1 */
};

/* ---- the run ---- */

struct chunk {
    _Alignas(16) struct chunk *next; /* larger, or NULL */
    size_t size;                     /* of the bytes behind this */
};

/* An inst that has failed while its frame was asleep, and would have kept
 * what it found. */
struct note {
    const struct op *op;
    const struct step *step; /* the frame's at that time */
    const struct text *name;
    uint64_t count;
    int64_t points; /* of the string, for the message */
    uint32_t inst;
    uint32_t taps; /* that were open */
};
#define NOTES_MAX 8

/* How an object or array ended whose units turned out to pass. */
struct ending {
    const struct stage *stage;
    uint64_t seen, failed; /* the frame's */
};
#define ENDINGS_KEPT 16

#define PATH_SIZE (2 * POINTER_MAX + 16)
#define YAJL_HEAP 4096
#define FIRST_HEAP 2048
#define FIRST_FRAMES 12
#define FIRST_DUTIES 16
#define FIRST_SELECTS 4
#define FIRST_PRINTS 64
#define FIRST_CHUNK 6144

struct schema_run {
    uint32_t magic;
    enum status status; /* anything but STATUS_OK is final */
    const struct schema_plan *plan;
    struct schema_limits limits;
    size_t memory;      /* bytes allocated, this struct included */
    uint32_t heap_used; /* of first_heap */

    struct scan scan;
    yajl_handle yajl;
    uint64_t parsed;                /* bytes that yajl has taken */
    uint32_t yajl_used;             /* of yajl_heap */
    struct yajl_block *yajl_blocks; /* what did not fit there */
    bool is_finished;

    /* The open values: frames[0] has the body as its only item, and
     * frames[depth], the top, is the innermost array or object. */
    uint32_t depth, frames_size;
    struct frame *frames, *top;
    struct chunk *chunk; /* where the stack's top is */
    size_t chunk_used;

    /* The child value that comes next: one of the layout's, or `collected`
     * with its lists below. */
    const struct child *child;
    const struct tap_node *tap;
    struct duty *duties;
    struct select *selects;
    uint32_t duties_size, selects_size;

    struct name_print *prints;
    uint32_t print_count, prints_size;

    uint32_t note_count; /* of `notes`, from the base up */

    /* Findings. */
    struct schema_violation *violations;
    struct held **kept; /* one for each violation */
    size_t violation_count, violations_size;
    uint64_t violations_total;
    uint64_t broken;
    uint32_t holds; /* alive; 0 on the usual way */
    struct hold *spare_hold;

    /* Taps. */
    uint32_t taps_open, taps_failed, taps_seen;

    struct buffer capture; /* see capture.c */
    uint32_t captured;     /* open frames that are captured */
    bool is_capture_lost;  /* it grew past its cap */

    struct pattern_budget budget;
    struct inst *root_askers; /* who asks for the plan's roots */

    /* Not zeroed from here on. Where to go when yajl cannot have memory: */
    jmp_buf yajl_failed;
    struct child collected;
    /* As far as the plan has uses and taps: */
    uint8_t kept_by_use[SCHEMA_USES_MAX];
    struct text tap_texts[SCHEMA_TAPS_MAX];
    uint64_t tap_counts[SCHEMA_TAPS_MAX];
    /* Where the lists above begin: */
    struct frame first_frames[FIRST_FRAMES];
    struct duty first_duties[FIRST_DUTIES];
    struct select first_selects[FIRST_SELECTS];
    struct name_print first_prints[FIRST_PRINTS];
    struct note notes[NOTES_MAX];
    /* Kept for the next run of this memory while plans are of one set. */
    uint64_t endings_of; /* the set's serial; 0: none yet */
    struct ending endings[ENDINGS_KEPT];
    char path[PATH_SIZE]; /* the keys of the frames, one behind the other */
    _Alignas(16) char yajl_heap[YAJL_HEAP];
    _Alignas(16) char first_heap[FIRST_HEAP]; /* see run_alloc() */
    struct chunk first;
    _Alignas(16) char first_bytes[FIRST_CHUNK];
};

/* ---- memory.c ---- */

/* Counted allocations, out of the run itself while there is room; NULL sets
 * the run's status. Zeroed. */
void *run_alloc(struct schema_run *run, size_t bytes);
/* Doubles *list until it holds `need` elements; `list` points to a pointer,
 * to one of the run's first lists or to what an earlier call put there. */
bool run_grow(struct schema_run *run, void *list, uint32_t *size, uint32_t need,
              size_t bytes_each);
static inline bool run_reserve(struct schema_run *run, void *list,
                               uint32_t *size, uint32_t need, size_t bytes_each)
{
    return need <= *size || run_grow(run, list, size, need, bytes_each);
}
void run_free(struct schema_run *run, void *p, size_t bytes);
void run_free_list(struct schema_run *run, void *list, uint32_t size,
                   size_t bytes_each);
/* From the stack, not zeroed; freed by going back to a mark. */
void *stack_alloc_slow(struct schema_run *run, size_t bytes);
void stack_init(struct schema_run *run);
void stack_release(struct schema_run *run);
/* What yajl allocates. It does not check what it gets, so a failure goes to
 * run->yajl_failed, which must be set while yajl runs; after that only
 * memory_yajl_release() may touch what yajl has. */
extern const yajl_alloc_funcs memory_yajl_funcs;
void memory_yajl_release(struct schema_run *run);

static inline void *stack_alloc(struct schema_run *run, size_t bytes)
{
    void *p = (char *)(run->chunk + 1) + run->chunk_used;

    bytes = (bytes + 15) & ~(size_t)15;
    if (bytes > run->chunk->size - run->chunk_used)
        return stack_alloc_slow(run, bytes);
    run->chunk_used += bytes;
    return p;
}

/* No more memory is needed for it. */
static inline bool stack_fits(const struct schema_run *run, size_t bytes)
{
    return bytes + 15 <= run->chunk->size - run->chunk_used;
}

static inline struct stack_mark stack_mark(const struct schema_run *run)
{
    return (struct stack_mark){run->chunk, run->chunk_used};
}

static inline void stack_reset(struct schema_run *run, struct stack_mark m)
{
    run->chunk = m.chunk;
    run->chunk_used = m.used;
}

/* ---- violation.c ---- */

/* `to` fails, for a reason at the value `depth` frames down (frames[1] to
 * frames[depth] name it), or at what `suffix` adds to its pointer. */
void violate(struct schema_run *run, struct inst *to, uint32_t depth,
             const char *rule, const char *fmt, ...) PRINTF_LIKE(5, 6);
/* The same with a message that lives as long as the plan. */
void violate_text(struct schema_run *run, struct inst *to, uint32_t depth,
                  const char *rule, const char *message);
void violate_below(struct schema_run *run, struct inst *to, uint32_t depth,
                   const char *suffix, const char *rule, const char *fmt, ...)
    PRINTF_LIKE(6, 7);
/* The text is no JSON or passes a limit: final, and all that is told. */
void refuse(struct schema_run *run, uint32_t depth, const char *rule,
            const char *fmt, ...) PRINTF_LIKE(4, 5);

/* Will anybody read the message of what `to` is found to fail? Those that take
 * work to make ask first. */
bool violation_is_told(const struct schema_run *run, const struct inst *to);

/* One that may count later: violate_kept() then. NULL when out of memory. */
struct held *violation_keep(struct schema_run *run, uint32_t depth,
                            const char *rule, const char *message);
void violate_kept(struct schema_run *run, struct inst *to, struct held *h);
void violation_unref(struct schema_run *run, struct held *h);

/* What `from` holds becomes `to`'s, who fails. */
void hold_move(struct schema_run *run, struct inst *from, struct inst *to);
/* `of` has become certain for `uses`: what it holds counts for them. */
void hold_flush(struct schema_run *run, struct inst *of, uint64_t uses);
void hold_drop(struct schema_run *run, struct inst *of);
void violations_release(struct schema_run *run);

/* ---- check.c ---- */

/* Everything but places; what is wrong goes to `to`. */
void check_scalar(struct schema_run *run, const struct node *node,
                  struct inst *to, struct scalar *s, uint32_t depth);
/* What it says of a string of `points` characters that fails an op which
 * asks which string it is. */
void check_tell(struct schema_run *run, const struct op *op, struct inst *to,
                int64_t points, uint32_t depth);
bool check_length_passes(const struct node_string *c, struct scalar *s);
/* `type` is none of the node's. */
struct choice {
    unsigned types;  /* that some alternative allows */
    unsigned bits;   /* of the value: its type, and integer */
    uint32_t passed; /* alternatives */
};
/* None of them passed, or more than one where only one may. */
void violate_choice(struct schema_run *run, struct inst *to, const char *rule,
                    const struct choice *c, uint32_t depth);
void violate_type(struct schema_run *run, const struct node *node,
                  struct inst *to, enum json_type type, uint32_t depth);
void check_object_end(struct schema_run *run, struct inst *inst,
                      const struct frame *f, uint32_t depth);
void check_array_end(struct schema_run *run, struct inst *inst,
                     const struct frame *f, uint32_t depth);
/* "enum" and "const" of a whole array or object; `canonical` is absent when
 * it was too large to keep. */
void check_composite(struct schema_run *run, struct inst *inst,
                     enum json_type type, struct text canonical,
                     uint32_t depth);
/* A number may be an integer too; until this was asked, it is not. */
void scalar_type_number(struct scalar *s);
static inline void scalar_init(struct scalar *s, enum json_type type,
                               struct text t)
{
    s->type = (uint8_t)type;
    s->bits = (uint8_t)NODE_TYPE(type);
    s->boolean = false;
    s->has_number = false;
    s->has_print = false;
    s->is_small = false;
    s->text = t;
    s->points = -1;
}
/* Most numbers are digits, and few. */
#define SMALL_DIGITS 9
static inline void scalar_read_small(struct scalar *s)
{
    uint32_t n = 0;
    size_t i;

    for (i = 0; i < s->text.len && i < SMALL_DIGITS; i++) {
        uint32_t digit = (uint32_t)(uint8_t)s->text.data[i] - '0';

        if (digit > 9)
            return;
        n = n * 10 + digit;
    }
    s->is_small = i == s->text.len;
    s->small = n;
    if (s->is_small)
        s->bits |= NODE_INTEGER;
}
/* A string among names, whose print is made but once. */
static inline struct name *scalar_find(const struct name_table *t,
                                       struct scalar *s)
{
    if (!s->has_print) {
        s->print = name_print(s->text.data, s->text.len);
        s->hash = name_hash(s->print);
        s->has_print = true;
    }
    return name_table_find_hashed(t, s->print, s->hash, s->text.data,
                                  s->text.len);
}
/* Of a string. */
int64_t scalar_points(struct scalar *s);
/* Fills in s->number. */
const struct number *scalar_number(struct scalar *s);
/* Does `t` match? False also when the run has ended over it. */
bool pattern_holds(struct schema_run *run, const struct pattern *p,
                   struct text t, uint32_t depth);

/* ---- unit.c ---- */

/* Which of a closure's or a layout's settled insts. */
static inline int settled_for(bool is_object)
{
    return is_object ? 1 : 0;
}

/* Work out closure->insts and ->settled. False when out of memory. */
bool closure_lay_out(struct arena *arena, struct closure *closure);
/* A value of this type begins with a root whose insts were copied settled,
 * and which has been told who asks. */
void unit_begin_settled(struct schema_run *run, struct inst *root,
                        bool is_object, uint32_t depth);
/* Says which insts behind `root` are live, and for whom. `run` may be NULL
 * while nothing can be held. */
void unit_settle(struct schema_run *run, struct inst *root, unsigned bits);
/* A value of these type bits begins; `root` has been told who asks. */
void unit_begin(struct schema_run *run, struct inst *root, unsigned bits,
                uint32_t depth);
/* A selector's member came with this value; NULL: no string. */
void unit_select(struct schema_run *run, struct inst *inst, enum group g,
                 struct scalar *s);
/* The value, of these type bits, has ended: combine the verdicts, last to
 * first. */
void unit_resolve(struct schema_run *run, struct frame *f, struct inst *root,
                  unsigned bits, uint32_t depth);
/* Tell the one who asked for a value `depth` frames down; `root` is NULL
 * where a false schema was asked for. */
void unit_deliver(struct schema_run *run, struct inst *root, struct inst *asker,
                  enum role role, uint32_t depth);
/* Do a duty with a scalar, whatever the node. */
void unit_scalar(struct schema_run *run, const struct duty *d,
                 struct inst *asker, struct scalar *s);
/* Only the verdict of a closure, without laying anything out; false for one
 * of more than UNIT_ACCEPTS_MAX nodes. */
bool unit_accepts(struct schema_run *run, const struct closure *c,
                  struct scalar *s);
#define UNIT_ACCEPTS_MAX 64
bool node_passes_scalar(struct schema_run *run, const struct node *node,
                        struct scalar *s);

/* ---- frame.c ---- */

extern const struct frame frame_blank;
void frame_begin(struct schema_run *run, bool is_object);
/* The top frame's insts find what they find at its end. */
void frame_end(struct schema_run *run, struct frame *f);
/* Give back what all frames own, what one owns. */
void frames_release(struct schema_run *run);
void frame_release(struct schema_run *run, struct frame *f);
/* It owns nothing. */
static inline bool frame_is_light(const struct schema_run *run,
                                  const struct frame *f)
{
    return !f->extras && !f->set && !f->unique && run->holds == 0;
}

/* The top frame goes. */
static inline void frame_drop(struct schema_run *run, struct frame *f)
{
    run->print_count = f->prints_at;
    run->note_count = f->notes_at;
    stack_reset(run, f->mark);
    run->top = f - 1;
    run->depth--;
}

static inline void frame_pop(struct schema_run *run, struct frame *f)
{
    if (!frame_is_light(run, f))
        frame_release(run, f);
    frame_drop(run, f);
}

/* ---- quick.c: the events ---- */

extern const yajl_callbacks quick_callbacks;
/* What values without JSON come as; false once the run has ended. */
bool quick_scalar(struct schema_run *run, struct scalar *s);
bool quick_begin_array(struct schema_run *run);
bool quick_end_array(struct schema_run *run);

/* ---- verdict.c ---- */

/* All units that the frame's stage lists. */
bool verdict_units(struct schema_run *run, const struct frame *f);

/* ---- wake.c: frames with a stage ---- */

/* Make `f` and those below ready for the machine, as if they had never been
 * asleep; the stage stays, and the run's child is that of `f->step`. */
void wake_frame(struct schema_run *run, struct frame *f);
/* The same for good: something is wrong, or not foreseen. */
void wake_leave(struct schema_run *run, struct frame *f);
/* The machine has done what it had to with the child: leave if some asker
 * has failed over it. */
void wake_settle(struct schema_run *run, struct frame *f,
                 const struct child *child);
/* The base's insts, the plan's askers. */
void wake_base(struct schema_run *run, struct frame *f);

/* ---- names.c ---- */

/* Enter the top frame's key, which its layout does not know; refuses
 * duplicates. */
bool frame_add_key(struct schema_run *run, struct frame *f,
                   struct name_print print);
/* There are too many; this one was there before. */
void frame_refuse_key(struct schema_run *run);
void frame_refuse_twice(struct schema_run *run);
void frame_drop_keys(struct schema_run *run, struct frame *f);

/* ---- machine.c: what an event takes that is not quick ---- */

/* Before all others. */
void machine_start(struct schema_run *run);
/* The top frame's next child: its item, counted; its member, entered, `m` if
 * the layout knows it. */
void machine_item(struct schema_run *run, struct frame *f);
bool machine_key(struct schema_run *run, struct frame *f, struct text key,
                 const struct layout_member *m);
/* The child's value; of a frame with a stage that of f->step. */
bool machine_scalar(struct schema_run *run, struct frame *f, struct scalar *s);
bool machine_begin(struct schema_run *run, struct frame *f, bool is_object);
bool machine_end(struct schema_run *run, struct frame *f);
/* What the run's or the frame's tap wants of the value, which ends. */
void machine_scalar_tap(struct schema_run *run, const struct scalar *s);
void machine_end_tap(struct schema_run *run, const struct frame *f);
/* A key that no layout knows, as part of the path. */
void machine_path(struct schema_run *run, struct frame *f, struct text key,
                  struct name_print print);

static inline uint32_t tap_bits(const struct tap_node *t)
{
    return (t->text_tap >= 0 ? 1u << t->text_tap : 0) |
           (t->count_tap >= 0 ? 1u << t->count_tap : 0);
}

/* ---- collect.c: run->child for what f->layout does not know ---- */

void collect_member(struct schema_run *run, struct frame *f, struct text key,
                    struct name_print print);
void collect_item(struct schema_run *run, struct frame *f);
void duty_add(struct schema_run *run, const struct node *node, uint32_t asker,
              const char *keyword, enum role role);

/* ---- capture.c ---- */

void capture_key(struct schema_run *run, struct text key);
void capture_scalar(struct schema_run *run, struct scalar *s);
void capture_begin(struct schema_run *run, struct frame *f);
/* The frame's value has ended: its canonical form, absent when lost. It
 * stays until capture_end(). */
struct text capture_close(struct schema_run *run, struct frame *f);
void capture_end(struct schema_run *run, struct frame *f);
/* An item of a "uniqueItems" array has ended. */
void unique_item(struct schema_run *run, struct frame *f, size_t begin);
void unique_release(struct schema_run *run, struct frame *f);

/* ---- parts.c, decorations.c, unevaluated.c ---- */

/* What an inst needs beside itself, when its value begins; `owner` is the
 * frame. */
bool extra_begin(struct schema_run *run, struct frame *f, struct inst *inst);
/* One for "x-parts" or for "x-decorations"; NULL when out of memory. */
struct extra *extra_new(struct schema_run *run, struct frame *f, bool is_parts);
void extras_release(struct schema_run *run, struct frame *f);

void parts_end(struct schema_run *run, struct inst *inst, const struct frame *f,
               uint32_t depth);
void part_end(struct schema_run *run, struct inst *inst, uint32_t depth);
void part_scalar(const struct node *node, struct extra *x, struct scalar *s);

void decorations_release(struct schema_run *run, struct extra *x);
void decorations_end(struct schema_run *run, struct inst *inst, uint32_t depth);
/* Would it have nothing to say? */
bool decorations_pass(struct extra *x);
void decoration_end(struct schema_run *run, struct inst *inst,
                    const struct frame *f, uint32_t depth);
/* A range that is well-formed by itself; false when out of memory. */
bool decoration_keep(struct schema_run *run, struct decorations_state *s,
                     bool is_exclusive);
void decoration_scalar(const struct node *node, struct extra *x,
                       const struct scalar *s);

bool unevaluated_begin(struct schema_run *run, struct extra *x,
                       const struct frame *f, struct inst *inst);
void unevaluated_release(struct schema_run *run, struct extra *x);
/* `inst` evaluated the current child. */
void unevaluated_mark(struct frame *f, const struct inst *inst);
/* All insts have seen the current child, and it is marked. */
void unevaluated_child(struct schema_run *run, struct frame *f);
/* How the child did with the keyword's schema. */
void unevaluated_result(struct schema_run *run, struct frame *f,
                        struct inst *inst, bool failed, uint32_t depth);
void unevaluated_end(struct schema_run *run, const struct frame *f,
                     struct inst *inst);

#endif
