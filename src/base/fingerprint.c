/* SPDX-License-Identifier: Apache-2.0
 *
 * base/fingerprint.c - SipHash-2-4-128 (Aumasson and Bernstein, 2012).
 *
 * Two rounds a word, four and four to finish; little-endian words, the last
 * one carries the length. OpenSSL has it too, behind an object that is
 * allocated a call: ten times the price of the hash itself.
 */
#include "base/fingerprint.h"

#include <endian.h>

#include "base/crypto.h"

struct state {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static inline void rounds(struct state *s, int count)
{
    for (int i = 0; i < count; i++) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotate_left(s->v1, 13) ^ s->v0;
        s->v3 = rotate_left(s->v3, 16) ^ s->v2;
        s->v0 = rotate_left(s->v0, 32);
        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = rotate_left(s->v1, 17) ^ s->v2;
        s->v3 = rotate_left(s->v3, 21) ^ s->v0;
        s->v2 = rotate_left(s->v2, 32);
    }
}

static inline void absorb(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    rounds(s, 2);
    s->v0 ^= word;
}

enum status fingerprint_key_init(struct fingerprint_key *key)
{
    return crypto_random(key, sizeof(*key));
}

struct fingerprint fingerprint_of(const struct fingerprint_key *key,
                                  struct text t)
{
    /* "somepseudorandomlygeneratedbytes", and 0xee for the long output. */
    struct state s = {
        key->k0 ^ 0x736f6d6570736575,
        key->k1 ^ 0x646f72616e646f6d ^ 0xee,
        key->k0 ^ 0x6c7967656e657261,
        key->k1 ^ 0x7465646279746573,
    };
    size_t whole = t.len - t.len % 8;
    uint64_t last = (uint64_t)t.len << 56;
    struct fingerprint f;

    for (size_t i = 0; i < whole; i += 8) {
        uint64_t word;

        memcpy(&word, t.data + i, 8);
        absorb(&s, le64toh(word));
    }
    for (size_t i = whole; i < t.len; i++)
        last |= (uint64_t)(unsigned char)t.data[i] << (8 * (i - whole));
    absorb(&s, last);

    s.v2 ^= 0xee;
    rounds(&s, 4);
    f.a = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
    s.v1 ^= 0xdd;
    rounds(&s, 4);
    f.b = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
    return f;
}
