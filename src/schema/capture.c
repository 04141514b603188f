/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/capture.c - values that have to be compared whole.
 *
 * While an array or object is open that a "const" or "enum" compares, or
 * whose items must be unique, everything in it is appended to one buffer in
 * canonical form (canon.h); a child's encoding is part of its parent's. The
 * buffer has a cap for the whole run. What grows past it is lost until the
 * outermost captured value ends, and what would have been compared is refused
 * instead: a value so large can be told apart by nobody, in this memory.
 *
 * "uniqueItems" keeps a print and a place for each item, at most UNIQUE_MAX,
 * finds an item of equal print in a hash table, and compares its bytes.
 */
#include <string.h>

#include "base/check.h"
#include "schema/canon.h"
#include "schema/machine.h"

#define UNIQUE_MAX 1024
#define UNIQUE_FIRST 16
/* The buffer is given back when it grew past this. */
#define KEEP_BYTES 16384

struct unique_entry {
    struct name_print print;
    uint32_t at, len; /* in the capture */
};

struct unique {
    uint32_t count, size;
    bool is_settled; /* violated already, nothing more to find */
    struct unique_entry *entries;
    uint16_t *slots; /* twice `size`; entry's place and 1, 0 is free */
};

static void capture_status(struct schema_run *run, enum status status)
{
    if (status == STATUS_TOO_LARGE)
        run->is_capture_lost = true;
    else if (status != STATUS_OK)
        run->status = status;
}

void capture_key(struct schema_run *run, struct text key)
{
    if (!run->is_capture_lost)
        capture_status(run, canon_scalar(&run->capture, CANON_STRING, key));
}

void capture_scalar(struct schema_run *run, struct scalar *s)
{
    static const char tags[] = {
        [JSON_NULL] = CANON_NULL,
        [JSON_STRING] = CANON_STRING,
    };
    enum status status;

    if (run->is_capture_lost)
        return;
    if (s->type == JSON_NUMBER)
        status = canon_number(&run->capture, scalar_number(s));
    else if (s->type == JSON_BOOL)
        status = canon_scalar(
            &run->capture, s->boolean ? CANON_TRUE : CANON_FALSE, TEXT_LIT(""));
    else
        status = canon_scalar(&run->capture, tags[s->type],
                              s->type == JSON_STRING ? s->text : TEXT_LIT(""));
    capture_status(run, status);
}

void capture_begin(struct schema_run *run, struct frame *f)
{
    uint32_t i;

    f->is_captured = true;
    f->capture_at = run->capture.len;
    run->captured++;
    if (!run->is_capture_lost)
        capture_status(run,
                       canon_open(&run->capture,
                                  f->is_object ? CANON_OBJECT : CANON_ARRAY,
                                  &f->capture_at));
    for (i = 0; !f->is_object && !f->unique && i < f->layout->inst_count; i++)
        if (f->insts[i].node->array && f->insts[i].node->array->is_unique)
            f->unique = run_alloc(run, sizeof(*f->unique));
}

struct text capture_close(struct schema_run *run, struct frame *f)
{
    if (!run->is_capture_lost)
        capture_status(run, canon_close(&run->capture, f->capture_at));
    if (run->is_capture_lost || run->status != STATUS_OK)
        return (struct text){0};
    return text_make(run->capture.data + f->capture_at,
                     run->capture.len - f->capture_at);
}

void capture_end(struct schema_run *run, struct frame *f)
{
    CHECK(f->is_captured && run->captured > 0);
    if (--run->captured > 0)
        return;
    run->is_capture_lost = false;
    if (run->capture.size > KEEP_BYTES)
        buffer_release(&run->capture);
    else
        buffer_clear(&run->capture);
}

/* ---- uniqueItems ---- */

static void unique_violate(struct schema_run *run, struct frame *f,
                           const char *message, uint32_t a, uint32_t b)
{
    uint32_t i;

    f->unique->is_settled = true;
    for (i = 0; i < f->layout->inst_count; i++) {
        struct inst *inst = &f->insts[i];

        if (!inst->is_live || inst->is_dead || !inst->node->array ||
            !inst->node->array->is_unique)
            continue;
        if (message)
            violate(run, inst, run->depth - 1, "uniqueItems", "%s", message);
        else
            violate(run, inst, run->depth - 1, "uniqueItems",
                    "has equal items, at %u and %u", (unsigned)a, (unsigned)b);
    }
}

static size_t unique_bytes(uint32_t size)
{
    return size * (sizeof(struct unique_entry) + 2 * sizeof(uint16_t));
}

static void slot_put(struct unique *u, uint32_t entry)
{
    uint32_t mask = u->size * 2 - 1;
    uint32_t i = (uint32_t)name_hash(u->entries[entry].print) & mask;

    while (u->slots[i])
        i = (i + 1) & mask;
    u->slots[i] = (uint16_t)(entry + 1);
}

static bool unique_grow(struct schema_run *run, struct unique *u)
{
    uint32_t size = u->size ? u->size * 2 : UNIQUE_FIRST, i;
    struct unique_entry *entries = run_alloc(run, unique_bytes(size));

    if (!entries)
        return false;
    if (u->count > 0)
        memcpy(entries, u->entries, u->count * sizeof(*entries));
    run_free(run, u->entries, unique_bytes(u->size));
    u->entries = entries;
    u->size = size;
    u->slots = (uint16_t *)(entries + size);
    for (i = 0; i < u->count; i++)
        slot_put(u, i);
    return true;
}

/* The place and 1 of an entry equal to the item, or 0. */
static uint32_t unique_find(const struct schema_run *run,
                            const struct unique *u,
                            const struct unique_entry *item)
{
    uint32_t mask = u->size * 2 - 1;
    uint32_t i = (uint32_t)name_hash(item->print) & mask;
    const char *bytes = run->capture.data;

    for (; u->slots[i]; i = (i + 1) & mask) {
        const struct unique_entry *e = &u->entries[u->slots[i] - 1];

        if (name_print_equal(e->print, item->print) && e->len == item->len &&
            memcmp(bytes + e->at, bytes + item->at, e->len) == 0)
            return u->slots[i];
    }
    return 0;
}

void unique_item(struct schema_run *run, struct frame *f, size_t begin)
{
    struct unique *u = f->unique;
    struct unique_entry item;
    uint32_t equal;

    if (u->is_settled)
        return;
    if (run->is_capture_lost) {
        unique_violate(run, f, "is too large to be compared item by item", 0,
                       0);
        return;
    }
    if (u->count == UNIQUE_MAX) {
        unique_violate(
            run, f, "has more than 1024 items, too many to be compared", 0, 0);
        return;
    }
    if (u->count == u->size && !unique_grow(run, u))
        return;
    item.at = (uint32_t)begin;
    item.len = (uint32_t)(run->capture.len - begin);
    item.print = name_print(run->capture.data + begin, item.len);
    equal = unique_find(run, u, &item);
    if (equal) {
        unique_violate(run, f, NULL, equal - 1, u->count);
        return;
    }
    u->entries[u->count] = item;
    slot_put(u, u->count++);
}

void unique_release(struct schema_run *run, struct frame *f)
{
    run_free(run, f->unique->entries, unique_bytes(f->unique->size));
    run_free(run, f->unique, sizeof(*f->unique));
    f->unique = NULL;
}
