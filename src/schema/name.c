/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/name.c - the long names' hash, and tables of names.
 *
 * The hash takes 16 bytes a step into two lanes that see them in different
 * order, each mixed by one 64 by 64 multiplication with a secret. It need
 * not be cryptographic: a client that could make two of its own keys collide
 * would have its own request refused, and the secret keeps it from choosing
 * where keys fall in a table.
 */
#include "schema/name.h"

#include <pthread.h>
#include <time.h>

#include "base/check.h"
#include "base/crypto.h"

struct name_key name_key;

static void key_draw(void)
{
    struct timespec now;
    size_t i;

    if (crypto_random(&name_key, sizeof(name_key)) == STATUS_OK)
        return;
    /* Without random bytes nothing else works either, but a check of files
     * still may: addresses and the clock are enough for that. */
    clock_gettime(CLOCK_REALTIME, &now);
    for (i = 0; i < ARRAY_LEN(name_key.k); i++)
        name_key.k[i] = name_fold((uint64_t)now.tv_nsec + i,
                                  (uintptr_t)&now ^ 0x9e3779b97f4a7c15u);
}

void name_key_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, key_draw);
}

struct name_print name_print_long(const char *p, size_t len)
{
    uint64_t a = name_key.k[2] ^ len, b = name_key.k[3];
    size_t at = 0;

    CHECK(len >= 16);
    for (;;) {
        uint64_t w0 = name_load64(p + at), w1 = name_load64(p + at + 8);

        a = name_fold(a ^ w0, name_key.k[4] ^ w1);
        b = name_fold(b ^ w1, name_key.k[5] ^ w0);
        if (at + 16 == len)
            break;
        at += 16;
        if (at + 16 > len)
            at = len - 16; /* the last step overlaps the one before */
    }
    a = name_fold(a ^ name_key.k[5], b ^ name_key.k[4]);
    return (struct name_print){a, b | (uint64_t)0xff << 56};
}

bool name_same_long(const struct name *n, const char *p, size_t len)
{
    return n->text.len == len && memcmp(n->text.data, p, len) == 0;
}

static void slot_put(struct name_slot *slots, uint32_t mask, struct name *n)
{
    uint32_t i = (uint32_t)name_hash(n->print) & mask;

    while (slots[i].name)
        i = (i + 1) & mask;
    slots[i] = (struct name_slot){n->print, n};
}

/* At most half full, so that a miss ends soon. */
static bool table_grow(struct name_table *t, struct arena *arena)
{
    uint32_t size = t->mask ? (t->mask + 1) * 2 : 4, i;
    struct name_slot *slots = arena_array(arena, size, sizeof(*slots));

    if (!slots)
        return false;
    for (i = 0; t->mask && i <= t->mask; i++)
        if (t->slots[i].name)
            slot_put(slots, size - 1, t->slots[i].name);
    t->slots = slots;
    t->mask = size - 1;
    return true;
}

bool name_table_add(struct name_table *t, struct arena *arena, struct name *n,
                    struct text text)
{
    n->text = arena_text(arena, text);
    if (text_is_absent(n->text))
        return false;
    n->print = name_print(n->text.data, n->text.len);
    if (t->count >= UINT32_MAX / 4)
        return false;
    if ((!t->mask || (t->count + 1) * 2 > t->mask + 1) && !table_grow(t, arena))
        return false;
    slot_put(t->slots, t->mask, n);
    t->count++;
    return true;
}

/* ---- guesses ---- */

#define GUESS_SLOTS_MAX 128
#define GUESS_FACTORS 32

/* False when two names want one slot. */
static bool guess_fill(const struct name_guess *g, const struct name **slots,
                       const struct name_table *t)
{
    uint32_t i;

    memset(slots, 0, (g->mask + 1u) * sizeof(*slots));
    for (i = 0; i <= t->mask; i++) {
        const struct name *n = t->slots[i].name;
        size_t slot;

        if (!n || n->text.len - 1 >= NAME_SHORT)
            continue;
        slot =
            ((uint8_t)n->text.data[0] * g->first +
             (uint8_t)n->text.data[n->text.len - 1] * g->last + n->text.len) &
            g->mask;
        if (slots[slot])
            return false;
        slots[slot] = n;
    }
    return true;
}

static bool guess_search(struct name_guess *g, const struct name **slots,
                         const struct name_table *t)
{
    unsigned size, a, b;

    for (size = 4; size <= GUESS_SLOTS_MAX; size *= 2)
        for (a = 0; size >= t->count && a < GUESS_FACTORS; a++)
            for (b = 0; b < GUESS_FACTORS; b++) {
                g->mask = (uint8_t)(size - 1);
                g->first = (uint8_t)a;
                g->last = (uint8_t)b;
                if (guess_fill(g, slots, t))
                    return true;
            }
    return false;
}

bool name_guess_make(struct name_guess *g, struct arena *arena,
                     const struct name_table *t)
{
    static const struct name *const nothing[1];
    const struct name *slots[GUESS_SLOTS_MAX], **copy;

    *g = (struct name_guess){.slots = nothing};
    if (t->count == 0 || !guess_search(g, slots, t)) {
        g->mask = 0;
        return true;
    }
    copy = arena_array(arena, g->mask + 1u, sizeof(*copy));
    if (!copy)
        return false;
    memcpy(copy, slots, (g->mask + 1u) * sizeof(*copy));
    g->slots = copy;
    return true;
}
