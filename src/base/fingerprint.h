/* SPDX-License-Identifier: Apache-2.0
 *
 * base/fingerprint.h - a short name for bytes that a client chose.
 *
 * Tables whose keys come from outside (phone numbers, chat ids) are indexed
 * by a keyed hash, or a client could choose keys that collide and turn a
 * table into a list. 128 bits are enough to stand for the key itself: with a
 * random secret nobody can look for two keys with one fingerprint, and for
 * a million keys the chance that any two share one is below 2^-88. So a
 * table stores 16 bytes a key however long the key is.
 *
 * The hash is SipHash-2-4 with 128 bits of output.
 */
#ifndef BASE_FINGERPRINT_H
#define BASE_FINGERPRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"

struct fingerprint_key {
    uint64_t k0, k1;
};

struct fingerprint {
    uint64_t a, b;
};

/* A random key; STATUS_UNAVAILABLE when there is no randomness. */
enum status fingerprint_key_init(struct fingerprint_key *key) MUST_CHECK;

struct fingerprint fingerprint_of(const struct fingerprint_key *key,
                                  struct text t);

static inline bool fingerprint_equal(struct fingerprint x, struct fingerprint y)
{
    return x.a == y.a && x.b == y.b;
}

#endif
