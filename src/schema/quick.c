/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/quick.c - yajl's events, and the way of a body that is right.
 *
 * In a frame with a stage (stage.h) each event asks whether all is well, and
 * if so it is done with; if not, or without a stage, the machine does it
 * (machine.c), for which the frame wakes (wake.c). Everything that a right
 * body takes is in this file, and inlined into yajl's callbacks: what is
 * left of most events is shorter than the calls would be.
 *
 * A scalar that fails a branch of which only the verdict is asked, or whose
 * findings count only if the branch turns out to matter, is nothing wrong
 * yet: the inst is noted in `failed`, and what it would have found in a note,
 * from which waking makes it. Only the top frame takes notes, so they are a
 * stack.
 *
 * Nothing is written, but for `failed` and notes, before it is known that all
 * is well.
 */
#include "base/check.h"
#include "schema/machine.h"

#define INLINE static inline __attribute__((always_inline))

/* ---- scalars ---- */

static bool op_passes(struct schema_run *run, const struct op *op,
                      struct scalar *s)
{
    const struct node *n = op->node;
    struct inst asker;

    switch (op->kind) {
    case OP_LENGTH:
        return check_length_passes(n->string, s);
    case OP_PATTERN:
        return pattern_match(n->string->pattern, &run->budget, s->text) ==
               PATTERN_MATCH;
    case OP_FORMAT:
        return n->string->format->matches(s->text);
    case OP_NODE:
        asker = inst_asker();
        check_scalar(run, n, &asker, s, run->depth);
        return !asker.failed;
    case OP_CLOSURE:
        return unit_accepts(run, n->closure, s);
    default: /* step_values() has found out */
        return true;
    }
}

/* Askers that may fail. */
static bool op_note(struct schema_run *run, struct frame *f,
                    const struct op *op, struct scalar *s)
{
    uint64_t held = op->held;

    f->failed |= op->askers;
    for (; held != 0; held &= held - 1) {
        if (run->note_count == NOTES_MAX)
            return false;
        run->notes[run->note_count++] = (struct note){
            .op = op,
            .step = f->step,
            .name = f->name,
            .count = f->count,
            .points = scalar_points(s),
            .inst = (uint32_t)__builtin_ctzll(held),
            .taps = run->taps_open,
        };
    }
    return true;
}

/* `failed` are the ops that are known to fail. */
static bool ops_try(struct schema_run *run, struct frame *f,
                    const struct op *ops, uint32_t count, uint64_t failed,
                    struct scalar *s)
{
    uint32_t i;

    for (i = 0; i < count; i++) {
        const struct op *op = &ops[i];

        if (!(failed >> i & 1)) {
            if (op->kind <= OP_NOT)
                continue;
            if (!op->must_pass && !(op->askers & ~f->failed))
                continue; /* they are out already */
            if (op_passes(run, op, s))
                continue;
        }
        if (op->must_pass || f->is_awake || !op_note(run, f, op, s))
            return false;
    }
    return true;
}

/* When it fails, nothing happened: the machine starts over. */
static ASIDE bool ops_pass(struct schema_run *run, struct frame *f,
                           const struct op *ops, uint32_t count, uint64_t known,
                           struct scalar *s)
{
    uint64_t steps = run->budget.steps, failed = f->failed;
    uint32_t notes = run->note_count;

    if (ops_try(run, f, ops, count, known, s))
        return true;
    run->budget.steps = steps;
    run->note_count = notes;
    f->failed = failed;
    return false;
}

INLINE bool string_passes(struct schema_run *run, struct frame *f,
                          const struct step *step, struct scalar *s)
{
    uint64_t failed = 0;

    if (step->has_values) {
        const struct step_value *v =
            (const struct step_value *)scalar_find(&step->values, s);

        failed = v ? v->failed : step->others_failed;
        if (failed & step->must_pass)
            return false;
    }
    return (!failed && !step->has_more_ops) ||
           ops_pass(run, f, step->ops[STEP_STRING], step->op_count[STEP_STRING],
                    failed, s);
}

INLINE bool number_passes(struct schema_run *run, struct frame *f,
                          const struct step *step, struct scalar *s)
{
    if (step->op_count[STEP_NUMBER] == 0)
        return true;
    scalar_type_number(s);
    return ops_pass(run, f, step->ops[STEP_NUMBER], step->op_count[STEP_NUMBER],
                    0, s);
}

INLINE bool type_passes(unsigned types, struct scalar *s)
{
    unsigned type = NODE_TYPE(s->type);

    if (s->type == JSON_NUMBER &&
        (types & (NODE_TYPE(JSON_NUMBER) | NODE_INTEGER)) == NODE_INTEGER) {
        scalar_type_number(s);
        type = s->bits;
    }
    return (types & type) != 0;
}

/* Where the value of a selector's member leads. */
static ASIDE const struct step *
step_chosen(const struct frame *f, const struct stage **stage, struct scalar *s)
{
    const struct step *step = f->step;

    while (step && step->fork) {
        const struct name *found =
            s->type == JSON_STRING && !f->failed && !f->is_awake
                ? scalar_find(&step->fork->selector->values, s)
                : NULL;
        const struct stage *to =
            found
                ? step->fork->to[((const struct selector_value *)found)->branch]
                : NULL;

        step = to ? to->steps + (step - (*stage)->steps) : NULL;
        *stage = to;
    }
    return step;
}

static void looks_do(const struct frame *f, const struct step *step,
                     struct scalar *s)
{
    uint32_t i;

    for (i = 0; i < step->look_count; i++) {
        const struct look *l = &step->looks[i];

        if (l->node->kind <= NODE_PART_URL)
            part_scalar(l->node, f->slots[l->slot], s);
        else
            decoration_scalar(l->node, f->slots[l->slot], s);
    }
}

INLINE bool scalar_is_well(struct schema_run *run, struct frame *f,
                           struct scalar *s)
{
    const struct step *step = f->step;
    const struct stage *stage = f->stage;

    if (step->fork) {
        step = step_chosen(f, &stage, s);
        if (!step)
            return false;
    }
    if (!type_passes(step->types, s) ||
        (s->type == JSON_STRING && !string_passes(run, f, step, s)) ||
        (s->type == JSON_NUMBER && !number_passes(run, f, step, s)))
        return false;
    f->stage = stage;
    f->step = step;
    if (step->look_count > 0)
        looks_do(f, step, s);
    return true;
}

/* An item's step; without one it is the machine's. */
INLINE void item_next(struct schema_run *run, struct frame *f)
{
    const struct stage *s = f->stage;

    f->count++;
    if (s && f->count <= s->max)
        f->step =
            &s->steps[f->count <= s->last_step ? f->count - 1 : s->last_step];
    else
        machine_item(run, f);
}

INLINE bool event_scalar(struct schema_run *run, struct scalar *s)
{
    struct frame *f = run->top;

    if (!f->is_object)
        item_next(run, f);
    if (!f->stage || !scalar_is_well(run, f, s))
        return machine_scalar(run, f, s);
    if (run->tap)
        machine_scalar_tap(run, s);
    return run->status == STATUS_OK;
}

/* ---- keys ---- */

/* What pointers go by until the value comes: this member, not the last. */
static void key_is_current(struct frame *f, const struct layout_member *m)
{
    const struct stage *s = f->stage;

    if (s)
        f->step = &s->steps[m ? m->index : s->last_step];
    else
        f->known_name = m ? &m->name.text : NULL;
}

/* A name that no bit stands for: where pointers find it, and not a second
 * time. */
static ASIDE bool key_enter(struct schema_run *run, struct frame *f,
                            struct text key, const struct layout_member *m)
{
    struct name_print print = name_print(key.data, key.len);
    const struct step *last = f->step;

    f->name = NULL;
    machine_path(run, f, key, print);
    key_is_current(f, m);
    if (!frame_add_key(run, f, print))
        return false;
    f->step = last; /* waking needs it */
    return true;
}

static ASIDE bool key_any(struct schema_run *run, const char *p, size_t len)
{
    struct text key = text_make(p, len);
    struct frame *f = run->top;
    const struct layout_member *m =
        (const struct layout_member *)name_table_find_text(&f->layout->members,
                                                           key);
    const struct stage *s = f->stage;
    uint64_t bit;

    if (f->count++ >= run->limits.max_members) {
        frame_refuse_key(run);
        return false;
    }
    if (m && m->index < FRAME_SEEN_BITS) {
        bit = (uint64_t)1 << m->index;
        f->name = &m->name.text;
        f->key_len = 0;
        if (f->seen & bit) {
            key_is_current(f, m);
            frame_refuse_twice(run);
            return false;
        }
        f->seen |= bit;
    } else if (!key_enter(run, f, key, m)) {
        return false;
    }
    if (!s || f->count > s->max)
        return machine_key(run, f, key, m);
    f->step = &s->steps[m ? m->index : s->last_step];
    run->tap = f->step->tap;
    if (s->has_foreign_taps && !m)
        run->tap = (const struct tap_node *)name_table_find_text(
            &f->tap->children, key);
    if (run->tap)
        run->taps_open |= tap_bits(run->tap);
    return true;
}

/* The same for the most usual key, with no call on the way. */
INLINE bool event_key(struct schema_run *run, const char *p, size_t len)
{
    struct frame *f = run->top;
    const struct stage *s = f->stage;
    const struct layout_member *m =
        s ? (const struct layout_member *)name_guess_find(&s->guess, p, len)
          : NULL;
    const struct step *step;

    if (!m || (f->seen >> m->index & 1) || f->count >= s->max ||
        f->count >= run->limits.max_members)
        return key_any(run, p, len);
    step = &s->steps[m->index];
    f->count++;
    f->seen |= (uint64_t)1 << m->index;
    f->name = &m->name.text;
    f->key_len = 0;
    f->step = step;
    run->tap = step->tap;
    run->taps_open |= step->tap_bits;
    return true;
}

/* ---- an array or object begins ---- */

static ASIDE bool hooks_begin(struct schema_run *run, struct frame *f)
{
    const struct hook *h = f->stage->hooks;
    uint32_t i, count = f->stage->hook_count;
    struct extra **slots = stack_alloc(run, count * sizeof(struct extra *));

    f->slots = slots;
    for (i = 0; slots && i < count; i++) {
        if (h[i].kind <= HOOK_DECORATIONS) {
            slots[i] = extra_new(run, f, h[i].kind == HOOK_PARTS);
            if (!slots[i])
                return false;
            continue;
        }
        slots[i] = f[-1].slots[h[i].from];
        if (h[i].kind == HOOK_PART)
            part_begin(slots[i]);
        else if (h[i].kind == HOOK_DECORATION)
            decoration_begin(slots[i]);
    }
    return slots != NULL;
}

/* The place for a frame is there, and that for its insts. */
INLINE struct frame *frame_push(struct schema_run *run,
                                const struct child *child,
                                const struct stage *s, bool is_object)
{
    struct frame *f = run->top + 1;

    f->mark = stack_mark(run);
    f->insts = stack_alloc(run, s->insts_bytes);
    f->layout = s->layout;
    f->stage = s;
    f->step = NULL;
    f->failed = 0;
    f->is_awake = false;
    f->is_object = is_object;
    f->is_captured = false;
    f->has_waiting = false;
    f->links = child->links;
    f->link_count = child->link_count;
    f->count = 0;
    f->key_at = f[-1].key_at + f[-1].key_len;
    f->key_len = 0;
    f->name = NULL;
    f->seen = 0;
    f->prints_at = run->print_count;
    f->notes_at = run->note_count;
    f->set = NULL;
    f->tap = run->tap;
    f->extras = NULL;
    f->marks = NULL;
    f->unique = NULL;
    run->top = f;
    run->depth++;
    run->tap = NULL;
    return f;
}

/* Not quick, or there is no place yet. */
static ASIDE bool begin_any(struct schema_run *run, bool is_object)
{
    struct frame *below = run->top, *f;
    const struct stage *s =
        below->stage ? below->step->begins[is_object] : NULL;
    const struct child *child;
    struct stack_mark mark = stack_mark(run);

    if (!s || run->tap != below->step->tap)
        return machine_begin(run, below, is_object);
    child = below->step->child;
    if (!run_reserve(run, &run->frames, &run->frames_size, run->depth + 2,
                     sizeof(*run->frames)) ||
        !stack_alloc(run, s->insts_bytes))
        return false;
    stack_reset(run, mark);
    run->top = &run->frames[run->depth];
    f = frame_push(run, child, s, is_object);
    return s->hook_count == 0 || hooks_begin(run, f);
}

INLINE bool event_begin(struct schema_run *run, bool is_object)
{
    struct frame *f = run->top;
    const struct stage *s;

    if (!f->is_object)
        item_next(run, f);
    s = f->stage ? f->step->begins[is_object] : NULL;
    if (!s || run->tap != f->step->tap || run->depth + 2 > run->frames_size ||
        !stack_fits(run, s->insts_bytes))
        return begin_any(run, is_object);
    f = frame_push(run, f->step->child, s, is_object);
    return s->hook_count == 0 || hooks_begin(run, f);
}

/* ---- an array or object ends ---- */

static bool is_one_bit(uint64_t bits)
{
    return bits && !(bits & (bits - 1));
}

static bool hook_passes(const struct frame *f, const struct hook *h,
                        struct extra *x)
{
    switch (h->kind) {
    case HOOK_PARTS:
        return parts_pass(x, f->count);
    case HOOK_DECORATIONS:
        return decorations_pass(x);
    case HOOK_PART:
        return part_passes(h->node->parts, x);
    case HOOK_DECORATION:
        return decoration_passes(x, f->is_object,
                                 is_one_bit(f->seen & h->exactly_one));
    default:
        return true;
    }
}

static void hook_end(struct schema_run *run, const struct frame *f,
                     const struct hook *h, struct extra *x)
{
    switch (h->kind) {
    case HOOK_PART:
        part_pass(x);
        break;
    case HOOK_DECORATION:
        x->decorations->items++;
        if (f->is_object && x->decorations->has_range)
            (void)decoration_keep(run, x->decorations,
                                  (f->seen & h->exclusive) != 0);
        break;
    case HOOK_RANGE:
        decoration_range_end(x, f->is_object, f->count);
        break;
    default:
        break;
    }
}

static bool hooks_pass(const struct frame *f, const struct hook *h,
                       uint32_t count)
{
    uint32_t i;

    for (i = 0; i < count; i++)
        if (h[i].is_live && !hook_passes(f, &h[i], f->slots[i]))
            return false;
    return true;
}

static void hooks_end(struct schema_run *run, const struct frame *f,
                      const struct hook *h, uint32_t count)
{
    uint32_t i;

    for (i = 0; i < count; i++)
        if (h[i].is_live)
            hook_end(run, f, &h[i], f->slots[i]);
}

/* A unit that is not worked out has no inst that may fail. */
static ASIDE bool end_any(struct schema_run *run, struct frame *f)
{
    const struct stage *s = f->stage;

    if (!s || (s->required & ~f->seen) || f->count < s->min || s->ends_awake ||
        (s->unit_count > 0 && !verdict_units(run, f)) ||
        !hooks_pass(f, s->hooks, s->hook_count))
        return machine_end(run, f);
    hooks_end(run, f, s->hooks, s->hook_count);
    if (f->tap)
        machine_end_tap(run, f);
    frame_pop(run, f);
    return run->status == STATUS_OK;
}

/* The same for the most usual end, with no call on the way. */
INLINE bool event_end(struct schema_run *run)
{
    struct frame *f = run->top;
    const struct stage *s = f->stage;

    if (!s || (s->required & ~f->seen) || f->count < s->min ||
        s->ends_with_work || f->tap || !frame_is_light(run, f))
        return end_any(run, f);
    frame_drop(run, f);
    return true;
}

/* ---- yajl's callbacks ---- */

INLINE struct schema_run *run_of(void *arg)
{
    struct schema_run *run;

    MAGIC_CAST(run, arg, RUN_MAGIC);
    return run;
}

static int on_null(void *arg)
{
    struct scalar s;

    scalar_init(&s, JSON_NULL, TEXT_LIT(""));
    return event_scalar(run_of(arg), &s);
}

static int on_boolean(void *arg, int value)
{
    struct scalar s;

    scalar_init(&s, JSON_BOOL, TEXT_LIT(""));
    s.boolean = value != 0;
    return event_scalar(run_of(arg), &s);
}

static int on_number(void *arg, const char *p, size_t len)
{
    struct scalar s;

    scalar_init(&s, JSON_NUMBER, text_make(p, len));
    scalar_read_small(&s);
    return event_scalar(run_of(arg), &s);
}

static int on_string(void *arg, const unsigned char *p, size_t len)
{
    struct scalar s;

    scalar_init(&s, JSON_STRING, text_make((const char *)p, len));
    return event_scalar(run_of(arg), &s);
}

static int on_key(void *arg, const unsigned char *p, size_t len)
{
    return event_key(run_of(arg), (const char *)p, len);
}

static int on_start_map(void *arg)
{
    return event_begin(run_of(arg), true);
}

static int on_start_array(void *arg)
{
    return event_begin(run_of(arg), false);
}

static int on_end(void *arg)
{
    return event_end(run_of(arg));
}

const yajl_callbacks quick_callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end,
};

/* ---- the same without yajl ---- */

bool quick_scalar(struct schema_run *run, struct scalar *s)
{
    return event_scalar(run, s);
}

bool quick_begin_array(struct schema_run *run)
{
    return event_begin(run, false);
}

bool quick_end_array(struct schema_run *run)
{
    return event_end(run);
}
