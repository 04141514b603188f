/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/plain.c - vectors of 16 bytes, made into words of bits.
 *
 * No byte outside the given ones is read: the last block of a stretch is
 * its last 64 bytes, and a stretch shorter than that has none.
 */
#include "schema/plain.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

typedef int8_t lanes __attribute__((vector_size(16)));

/* A lane is all ones where the byte is not plain, else 0. Bytes outside
 * ASCII are negative as signed ones, and so below the space too. */
static inline lanes lanes_special(const uint8_t *at)
{
    lanes v;

    memcpy(&v, at, sizeof(v));
    return (v == '"') | (v == '\\') | (v < ' ');
}

/* One bit a lane, the first lowest. */
static inline uint64_t lanes_bits(lanes v)
{
#ifdef __SSE2__
    return (uint64_t)_mm_movemask_epi8((__m128i)v);
#else
    /* Lane i keeps bit i of its eight; the product adds all of them up in
     * its highest byte. */
    const uint64_t diagonal = 0x8040201008040201, sum = 0x0101010101010101;
    uint64_t half[2];

    memcpy(half, &v, sizeof(half));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    half[0] = __builtin_bswap64(half[0]);
    half[1] = __builtin_bswap64(half[1]);
#endif
    return ((half[0] & diagonal) * sum >> 56) |
           ((half[1] & diagonal) * sum >> 56) << 8;
#endif
}

const uint8_t *plain_end(const uint8_t *at, const uint8_t *end)
{
    for (; end - at >= (ptrdiff_t)sizeof(lanes); at += sizeof(lanes)) {
        uint64_t bits = lanes_bits(lanes_special(at));

        if (bits)
            return at + __builtin_ctzll(bits);
    }
    while (at < end && *at >= ' ' && *at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return at;
}

static void block_look(struct plain_block *b, const uint8_t *at)
{
    uint64_t special = 0;

    for (size_t i = 0; i < PLAIN_BLOCK_BYTES; i += sizeof(lanes))
        special |= lanes_bits(lanes_special(at + i)) << i;
    b->at = at;
    b->special = special;
}

void plain_block_init(struct plain_block *b, const uint8_t *begin,
                      const uint8_t *end)
{
    *b = (struct plain_block){begin, end, begin, 0};
    if (end - begin >= PLAIN_BLOCK_BYTES)
        block_look(b, begin);
}

const uint8_t *plain_block_seek(struct plain_block *b, const uint8_t *at)
{
    if (b->end - b->begin < PLAIN_BLOCK_BYTES)
        return plain_end(at, b->end);
    while (at < b->end) {
        const uint8_t *behind = b->at + PLAIN_BLOCK_BYTES;

        if (at < behind) {
            if (b->special >> (at - b->at))
                return at + __builtin_ctzll(b->special >> (at - b->at));
            at = behind;
        } else if (b->end - at < PLAIN_BLOCK_BYTES) {
            block_look(b, b->end - PLAIN_BLOCK_BYTES);
        } else {
            /* The next one in line, unless the reader left it out. */
            block_look(b, at - behind < PLAIN_BLOCK_BYTES ? behind : at);
        }
    }
    return b->end;
}
