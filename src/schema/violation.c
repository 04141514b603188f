/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/violation.c - what was found, where, and for whom.
 *
 * A violation is formatted only if somebody will keep it: each use keeps
 * sixteen, each hold keeps sixteen, the rest is counted. One allocation
 * carries its three texts and is shared by reference between holds and the
 * run's list, so that handing findings up through nested alternatives costs
 * pointers.
 *
 * RFC 6901 for pointers.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "schema/machine.h"

/* ---- pointers ---- */

struct path_writer {
    char *out;
    size_t len;
};

static void path_char(struct path_writer *w, char c)
{
    if (w->len < POINTER_MAX + 1)
        w->out[w->len++] = c;
}

/* Most names need no escape and fit. */
static void path_escaped(struct path_writer *w, const char *p, size_t len)
{
    size_t i;

    if (len <= POINTER_MAX - w->len && w->len < POINTER_MAX &&
        !memchr(p, '~', len) && !memchr(p, '/', len)) {
        memcpy(w->out + w->len, p, len);
        w->len += len;
        return;
    }
    for (i = 0; i < len && w->len <= POINTER_MAX; i++) {
        if (p[i] == '~' || p[i] == '/') {
            path_char(w, '~');
            path_char(w, p[i] == '~' ? '0' : '1');
        } else {
            path_char(w, p[i]);
        }
    }
}

static void path_number(struct path_writer *w, uint64_t n)
{
    char digits[24];
    size_t i = sizeof(digits);

    do
        digits[--i] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    path_escaped(w, digits + i, sizeof(digits) - i);
}

/* Cut at POINTER_MAX, not inside a character nor an escape. */
static size_t path_finish(struct path_writer *w)
{
    size_t len = w->len;

    if (len > POINTER_MAX) {
        len = POINTER_MAX;
        while (len > 0 && ((uint8_t)w->out[len] & 0xC0) == 0x80)
            len--;
        if (len > 0 && w->out[len - 1] == '~')
            len--;
    }
    w->out[len] = '\0';
    return len;
}

/* As a property of some schema, or NULL. */
static const struct text *known_name(const struct frame *f)
{
    return f->stage && f->step ? f->step->child->known_name : f->known_name;
}

/* Schemas have named all of it: then both pointers are the same. */
static bool path_is_known(const struct schema_run *run, uint32_t depth)
{
    uint32_t i;

    for (i = 1; i <= depth; i++)
        if (run->frames[i].is_object && !known_name(&run->frames[i]))
            return false;
    return true;
}

/* Returns the length; `out` has POINTER_MAX + 2 bytes. */
static size_t path_write(const struct schema_run *run, uint32_t depth,
                         const char *suffix, bool for_record, char *out)
{
    struct path_writer w = {.out = out};
    uint32_t i;

    for (i = 1; i <= depth; i++) {
        const struct frame *f = &run->frames[i];

        path_char(&w, '/');
        if (!f->is_object) {
            path_number(&w, f->count - 1);
        } else if (!for_record && !f->name) {
            path_escaped(&w, run->path + f->key_at, f->key_len);
        } else if (!for_record) {
            path_escaped(&w, f->name->data, f->name->len);
        } else if (known_name(f)) {
            path_escaped(&w, known_name(f)->data, known_name(f)->len);
        } else {
            path_char(&w, '*');
        }
    }
    for (; *suffix; suffix++)
        path_char(&w, *suffix);
    return path_finish(&w);
}

/* ---- one violation ---- */

/* `message` lives as long as the plan unless it is to be copied. */
static struct held *held_new(struct schema_run *run, uint32_t depth,
                             const char *suffix, const char *rule,
                             const char *message, bool copies_message)
{
    char pointer[POINTER_MAX + 2], record[POINTER_MAX + 2];
    size_t pointer_size = path_write(run, depth, suffix, false, pointer) + 1;
    bool is_known = path_is_known(run, depth);
    size_t record_size =
        is_known ? 0 : path_write(run, depth, suffix, true, record) + 1;
    size_t message_size = copies_message ? strlen(message) + 1 : 0;
    size_t size =
        sizeof(struct held) + pointer_size + record_size + message_size;
    struct held *h = run_alloc(run, size);
    char *text;

    if (!h)
        return NULL;
    text = (char *)(h + 1);
    h->refs = 1;
    h->size = size;
    h->taps = run->taps_open;
    h->rule = rule;
    h->pointer = memcpy(text, pointer, pointer_size);
    h->record_pointer = is_known
                            ? h->pointer
                            : memcpy(text + pointer_size, record, record_size);
    h->message = message;
    if (copies_message)
        h->message =
            memcpy(text + pointer_size + record_size, message, message_size);
    return h;
}

/* Cut at MESSAGE_MAX, not inside a character. */
__attribute__((format(printf, 2, 0))) static void
message_write(char *message, const char *fmt, va_list ap)
{
    size_t cut = MESSAGE_MAX - sizeof("...");

    if (vsnprintf(message, MESSAGE_MAX, fmt, ap) < MESSAGE_MAX)
        return;
    while (((uint8_t)message[cut] & 0xC0) == 0x80)
        cut--;
    memcpy(message + cut, "...", sizeof("..."));
}

void violation_unref(struct schema_run *run, struct held *h)
{
    if (--h->refs == 0)
        run_free(run, h, h->size);
}

/* ---- the run's list ---- */

static bool is_recorded(const struct schema_run *run, int use,
                        const struct held *h)
{
    size_t i;

    for (i = 0; i < run->violation_count; i++) {
        const struct schema_violation *v = &run->violations[i];

        if (v->use == use && strcmp(v->rule, h->rule) == 0 &&
            strcmp(v->pointer, h->pointer) == 0 &&
            strcmp(v->message, h->message) == 0)
            return true;
    }
    return false;
}

static bool list_add(struct schema_run *run, int use, struct held *h)
{
    size_t size = run->violations_size ? run->violations_size * 2 : 8;
    struct schema_violation *list;
    struct held **kept;

    if (run->violation_count == run->violations_size) {
        list = reallocarray(run->violations, size, sizeof(*list));
        if (list)
            run->violations = list;
        kept = reallocarray(run->kept, size, sizeof(struct held *));
        if (kept)
            run->kept = kept;
        if (!list || !kept) {
            run->status = STATUS_NO_MEMORY;
            return false;
        }
        run->memory += (size - run->violations_size) *
                       (sizeof(*list) + sizeof(struct held *));
        run->violations_size = size;
    }
    h->refs++;
    run->kept[run->violation_count] = h;
    run->violations[run->violation_count++] = (struct schema_violation){
        use, h->pointer, h->record_pointer, h->rule, h->message};
    return true;
}

/* It holds for `uses`. Two schemas that say the same thing of the same value
 * are one violation. */
static void record(struct schema_run *run, uint64_t uses, struct held *h)
{
    if (uses == 0)
        return; /* held only: a branch that may yet be dropped */
    run->broken |= uses;
    run->taps_failed |= h->taps;
    for (; uses != 0; uses &= uses - 1) {
        int use = __builtin_ctzll(uses);

        if (is_recorded(run, use, h))
            continue;
        run->violations_total++;
        if (run->kept_by_use[use] == SCHEMA_VIOLATIONS_MAX)
            continue;
        if (!list_add(run, use, h))
            return;
        run->kept_by_use[use]++;
    }
}

/* Those of `uses` whose list is not full. */
static uint64_t uses_with_room(const struct schema_run *run, uint64_t uses)
{
    uint64_t room = 0;

    for (; uses != 0; uses &= uses - 1)
        if (run->kept_by_use[__builtin_ctzll(uses)] < SCHEMA_VIOLATIONS_MAX)
            room |= uses & -uses;
    return room;
}

bool violation_is_told(const struct schema_run *run, const struct inst *to)
{
    return uses_with_room(run, to->uses) ||
           ((to->mode & MODE_HELD) &&
            (!to->hold || to->hold->count < SCHEMA_VIOLATIONS_MAX));
}

void violations_release(struct schema_run *run)
{
    size_t i;

    for (i = 0; i < run->violation_count; i++)
        violation_unref(run, run->kept[i]);
    run_free(run, run->kept, run->violations_size * sizeof(struct held *));
    run_free(run, run->violations,
             run->violations_size * sizeof(*run->violations));
    run->kept = NULL;
    run->violations = NULL;
    run->violation_count = run->violations_size = 0;
    run_free(run, run->spare_hold, sizeof(*run->spare_hold));
    run->spare_hold = NULL;
}

/* ---- holds ---- */

/* Where only the verdict matters, it is there now. */
static void fail(struct inst *inst)
{
    inst->failed = true;
    if (!inst->uses && !(inst->mode & MODE_HELD))
        inst->is_dead = true;
}

static struct hold *hold_of(struct schema_run *run, struct inst *inst)
{
    if (inst->hold)
        return inst->hold;
    if (run->spare_hold) {
        inst->hold = run->spare_hold;
        run->spare_hold = NULL;
        *inst->hold = (struct hold){0};
    } else {
        inst->hold = run_alloc(run, sizeof(*inst->hold));
        if (!inst->hold)
            return NULL;
    }
    run->holds++;
    return inst->hold;
}

static void hold_add(struct hold *to, struct held *h)
{
    if (to->count == SCHEMA_VIOLATIONS_MAX)
        return;
    h->refs++;
    to->kept[to->count++] = h;
}

void hold_drop(struct schema_run *run, struct inst *of)
{
    struct hold *hold = of->hold;
    uint32_t i;

    if (!hold)
        return;
    for (i = 0; i < hold->count; i++)
        violation_unref(run, hold->kept[i]);
    of->hold = NULL;
    run->holds--;
    if (run->spare_hold)
        run_free(run, hold, sizeof(*hold));
    else
        run->spare_hold = hold;
}

void hold_flush(struct schema_run *run, struct inst *of, uint64_t uses)
{
    uint32_t i;

    if (!of->hold || uses == 0)
        return;
    run->taps_failed |= of->hold->taps;
    for (i = 0; i < of->hold->count; i++)
        record(run, uses, of->hold->kept[i]);
}

void hold_move(struct schema_run *run, struct inst *from, struct inst *to)
{
    struct hold *hold;
    uint32_t i;

    fail(to);
    if (!(to->mode & MODE_HELD) || !from || !from->hold)
        return;
    hold = hold_of(run, to);
    if (!hold)
        return;
    hold->taps |= from->hold->taps;
    for (i = 0; i < from->hold->count; i++)
        hold_add(hold, from->hold->kept[i]);
}

/* ---- the ways in ---- */

/* Where the violation goes: to `uses`, and into *hold unless NULL. False:
 * nowhere, and nobody needs it written. */
static bool violate_begin(struct schema_run *run, struct inst *to,
                          uint64_t *uses, struct hold **hold)
{
    fail(to);
    *uses = 0;
    *hold = NULL;
    if (to->uses) {
        *uses = uses_with_room(run, to->uses);
        run->broken |= to->uses;
        run->taps_failed |= run->taps_open;
        run->violations_total +=
            (uint64_t)__builtin_popcountll(to->uses & ~*uses);
    }
    if (to->mode & MODE_HELD) {
        *hold = hold_of(run, to);
        if (!*hold)
            return false;
        (*hold)->taps |= run->taps_open;
        if ((*hold)->count == SCHEMA_VIOLATIONS_MAX)
            *hold = NULL;
    }
    return *uses || *hold;
}

static void violate_end(struct schema_run *run, uint64_t uses,
                        struct hold *hold, struct held *h)
{
    if (!h)
        return;
    if (hold)
        hold_add(hold, h);
    record(run, uses, h);
    violation_unref(run, h);
}

void violate_text(struct schema_run *run, struct inst *to, uint32_t depth,
                  const char *rule, const char *message)
{
    struct hold *hold;
    uint64_t uses;

    if (violate_begin(run, to, &uses, &hold))
        violate_end(run, uses, hold,
                    held_new(run, depth, "", rule, message, false));
}

void violate(struct schema_run *run, struct inst *to, uint32_t depth,
             const char *rule, const char *fmt, ...)
{
    char message[MESSAGE_MAX];
    struct hold *hold;
    uint64_t uses;
    va_list ap;

    if (!violate_begin(run, to, &uses, &hold))
        return;
    va_start(ap, fmt);
    message_write(message, fmt, ap);
    va_end(ap);
    violate_end(run, uses, hold, held_new(run, depth, "", rule, message, true));
}

void violate_below(struct schema_run *run, struct inst *to, uint32_t depth,
                   const char *suffix, const char *rule, const char *fmt, ...)
{
    char message[MESSAGE_MAX];
    struct hold *hold;
    uint64_t uses;
    va_list ap;

    if (!violate_begin(run, to, &uses, &hold))
        return;
    va_start(ap, fmt);
    message_write(message, fmt, ap);
    va_end(ap);
    violate_end(run, uses, hold,
                held_new(run, depth, suffix, rule, message, true));
}

struct held *violation_keep(struct schema_run *run, uint32_t depth,
                            const char *rule, const char *message)
{
    return held_new(run, depth, "", rule, message, false);
}

void violate_kept(struct schema_run *run, struct inst *to, struct held *h)
{
    struct hold *hold;

    fail(to);
    record(run, to->uses, h);
    if (!(to->mode & MODE_HELD))
        return;
    hold = hold_of(run, to);
    if (!hold)
        return;
    hold->taps |= h->taps;
    hold_add(hold, h);
}

void refuse(struct schema_run *run, uint32_t depth, const char *rule,
            const char *fmt, ...)
{
    char message[MESSAGE_MAX];
    struct held *h;
    va_list ap;

    if (run->status != STATUS_OK)
        return;
    /* What was found until now depends on nothing but the bytes before; yet
     * an unfinished value proves little, so only the end is told. */
    violations_release(run);
    run->violations_total = 0;
    va_start(ap, fmt);
    message_write(message, fmt, ap);
    va_end(ap);
    h = held_new(run, depth, "", rule, message, true);
    if (h && list_add(run, SCHEMA_USE_JSON, h)) {
        run->violations_total = 1;
        run->status = STATUS_INVALID;
    }
    if (h)
        violation_unref(run, h);
}
