/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/name.h - member names a client chooses, compared in two words.
 *
 * A print stands for a name: of up to 15 bytes it is the name itself and its
 * length, so equal prints are equal names; of a longer one it is a 120-bit
 * hash with a key that the process draws at random. One print a member serves
 * everything that asks about its name: is it a duplicate, which property is
 * it, in however many schemas.
 *
 * Tables are open addressing over prints; where a slot falls depends on the
 * process's key as well, so no client can aim at one.
 */
#ifndef SCHEMA_NAME_H
#define SCHEMA_NAME_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/text.h"

#define NAME_PRINT_EXACT 15 /* names up to this length are their print */

struct name_print {
    uint64_t lo, hi;
};

struct name_key {
    uint64_t k[6];
};
extern struct name_key name_key;

/* Draw the process's key, once; every schema set does so when it is made. */
void name_key_init(void);

struct name_print name_print_long(const char *p, size_t len);

static inline uint64_t name_load64(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return le64toh(v);
}

static inline uint64_t name_load32(const char *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return le32toh(v);
}

/* The two halves of a product, folded: one multiplication mixes 128 bits. */
static inline uint64_t name_fold(uint64_t a, uint64_t b)
{
    unsigned __int128 m = (unsigned __int128)a * b;

    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline struct name_print name_print(const char *p, size_t len)
{
    struct name_print n;

    if (len > NAME_PRINT_EXACT)
        return name_print_long(p, len);
    n.hi = (uint64_t)len << 56;
    /* Loads that overlap put the same bytes into the same place twice. */
    if (len >= 8) {
        n.lo = name_load64(p);
        if (len > 8)
            n.hi |= name_load64(p + len - 8) >> (8 * (16 - len));
    } else if (len >= 4) {
        n.lo = name_load32(p) | name_load32(p + len - 4) << (8 * (len - 4));
    } else if (len > 0) {
        n.lo = (uint64_t)(uint8_t)p[0] |
               (uint64_t)(uint8_t)p[len / 2] << (8 * (len / 2)) |
               (uint64_t)(uint8_t)p[len - 1] << (8 * (len - 1));
    } else {
        n.lo = 0;
    }
    return n;
}

static inline bool name_print_equal(struct name_print a, struct name_print b)
{
    return ((a.lo ^ b.lo) | (a.hi ^ b.hi)) == 0;
}

static inline uint64_t name_hash(struct name_print n)
{
    return name_fold(n.lo ^ name_key.k[0], n.hi ^ name_key.k[1]);
}

/* Equal, both of that length, which is 1 to 16. */
#define NAME_SHORT 16
static inline bool name_same_short(const char *a, const char *b, size_t len)
{
    /* Loads that overlap compare the same bytes twice. */
    if (len >= 8)
        return ((name_load64(a) ^ name_load64(b)) |
                (name_load64(a + len - 8) ^ name_load64(b + len - 8))) == 0;
    if (len >= 4)
        return ((name_load32(a) ^ name_load32(b)) |
                (name_load32(a + len - 4) ^ name_load32(b + len - 4))) == 0;
    return a[0] == b[0] && a[len / 2] == b[len / 2] && a[len - 1] == b[len - 1];
}

/* ---- tables of names that a schema knows ---- */

/* Embedded at the start of what the table finds. */
struct name {
    struct name_print print;
    struct text text; /* owned by the arena that the table lives in */
};

struct name_slot {
    struct name_print print;
    struct name *name; /* NULL: free */
};

struct name_table {
    struct name_slot *slots;
    uint32_t mask; /* slots less one; 0 while there are none */
    uint32_t count;
};

/* Fill in `n` (with a copy of `text`) and enter it; it must not be in the
 * table yet. False when out of memory. */
bool name_table_add(struct name_table *t, struct arena *arena, struct name *n,
                    struct text text);

/* Never inlined: for names whose print is only a hash. */
bool name_same_long(const struct name *n, const char *p, size_t len);

/* `hash` is that of the print, for who looks into several tables. */
static inline struct name *name_table_find_hashed(const struct name_table *t,
                                                  struct name_print print,
                                                  uint64_t hash, const char *p,
                                                  size_t len)
{
    uint32_t i;

    if (t->count == 0)
        return NULL;
    for (i = (uint32_t)hash & t->mask; t->slots[i].name;
         i = (i + 1) & t->mask) {
        if (!name_print_equal(t->slots[i].print, print))
            continue;
        if (len <= NAME_PRINT_EXACT || name_same_long(t->slots[i].name, p, len))
            return t->slots[i].name;
    }
    return NULL;
}

static inline struct name *name_table_find(const struct name_table *t,
                                           struct name_print print,
                                           const char *p, size_t len)
{
    return name_table_find_hashed(t, print, name_hash(print), p, len);
}

static inline struct name *name_table_find_text(const struct name_table *t,
                                                struct text text)
{
    return name_table_find(t, name_print(text.data, text.len), text.data,
                           text.len);
}

/* ---- guesses ---- */

/* Short names of a table, each in a slot of its own by its length, its first
 * and its last byte: one look tells which name it can only be. Not all tables
 * have such an order; then there is nothing to be guessed. */
struct name_guess {
    const struct name *const *slots; /* NULL: no name */
    uint8_t mask, first, last;       /* factors of those bytes */
};

/* False when out of memory. */
bool name_guess_make(struct name_guess *g, struct arena *arena,
                     const struct name_table *t);

/* NULL: it may be in the table nevertheless. */
static inline const struct name *name_guess_find(const struct name_guess *g,
                                                 const char *p, size_t len)
{
    const struct name *n;

    if (len - 1 >= NAME_SHORT)
        return NULL;
    n = g->slots[((uint8_t)p[0] * g->first + (uint8_t)p[len - 1] * g->last +
                  len) &
                 g->mask];
    return n && n->text.len == len && name_same_short(n->text.data, p, len)
               ? n
               : NULL;
}

#endif
