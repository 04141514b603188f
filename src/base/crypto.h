/* SPDX-License-Identifier: Apache-2.0
 *
 * base/crypto.h - digests, random bytes, comparison in constant time.
 *
 * The only place besides http that knows OpenSSL. No state of its own;
 * every function may be called from any thread.
 */
#ifndef BASE_CRYPTO_H
#define BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"

#define CRYPTO_SHA256_SIZE 32
#define CRYPTO_SHA1_SIZE 20

/* Cryptographically strong; STATUS_UNAVAILABLE when the source fails. */
enum status crypto_random(void *out, size_t len) MUST_CHECK;
enum status crypto_sha256(struct text data,
                          uint8_t out[CRYPTO_SHA256_SIZE]) MUST_CHECK;
/* The name that Redis gives a script; good for nothing else today. */
enum status crypto_sha1(struct text data,
                        uint8_t out[CRYPTO_SHA1_SIZE]) MUST_CHECK;
enum status crypto_hmac_sha256(struct text key, struct text data,
                               uint8_t out[CRYPTO_SHA256_SIZE]) MUST_CHECK;
/* Time depends on `len` only. */
bool crypto_equal(const void *a, const void *b, size_t len);

/* Lower-case digits and a NUL: 2 * len + 1 bytes. */
void crypto_hex(const void *data, size_t len, char *out);
/* Either case, exactly 2 * len digits, else STATUS_INVALID. */
enum status crypto_unhex(struct text hex, void *out, size_t len) MUST_CHECK;
/* RFC 4648 section 4, padded: 4 * ceil(len / 3) digits and a NUL. */
void crypto_base64_encode(const void *data, size_t len, char *out);
/* RFC 4648 section 4, padded, strict; STATUS_TOO_LARGE past `size`. */
enum status crypto_base64_decode(struct text in, void *out, size_t size,
                                 size_t *len) MUST_CHECK;

#endif
