/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/plain.h - how far a JSON string goes on plainly.
 *
 * Plain are the characters of a string that need no second look: ASCII from
 * the space on, but for the quote and the backslash. Most of any body is
 * that, so it is compared 16 bytes at a time, in vectors that both compilers
 * know on every machine.
 *
 * For one long stretch there is plain_end(). For many short strings one
 * after another there is the block: 64 bytes are compared at once, ahead of
 * the reader, and where each string ends is then read off a word of bits.
 * The processor can do the comparing before it knows where the string before
 * ended, which is what a search from each string's start would wait for.
 *
 *   struct plain_block b;
 *   plain_block_init(&b, begin, end);
 *   stop = plain_block_end(&b, at);      never again from before `stop`
 */
#ifndef SCHEMA_PLAIN_H
#define SCHEMA_PLAIN_H

#include <stddef.h>
#include <stdint.h>

#define PLAIN_BLOCK_BYTES 64

/* The first byte in [at, end) that is not plain, or `end`. */
const uint8_t *plain_end(const uint8_t *at, const uint8_t *end);

struct plain_block {
    const uint8_t *begin, *end; /* all of the bytes; borrowed */
    const uint8_t *at;          /* the 64 that were compared */
    uint64_t special;           /* bit i: at[i] is not plain */
};

void plain_block_init(struct plain_block *b, const uint8_t *begin,
                      const uint8_t *end);
/* As plain_block_end(), where the block shows nothing. */
const uint8_t *plain_block_seek(struct plain_block *b, const uint8_t *at);

/* The first byte in [at, end) that is not plain, or `end`. */
static inline const uint8_t *plain_block_end(struct plain_block *b,
                                             const uint8_t *at)
{
    if (at - b->at < PLAIN_BLOCK_BYTES && b->special >> (at - b->at))
        return at + __builtin_ctzll(b->special >> (at - b->at));
    return plain_block_seek(b, at);
}

#endif
