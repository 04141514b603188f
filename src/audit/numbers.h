/* SPDX-License-Identifier: Apache-2.0
 *
 * audit/numbers.h - phone numbers that are not to be read in the record.
 *
 * Masked: "+14155550100" becomes "+14*******00"; the first three and the last
 * two characters stay, of fewer than eight only the first.
 *
 * Hashed: "hmac:" and the 64 hex digits of HMAC-SHA-256(key, "+14155550100"),
 * so that who has the key can look for a number, and lines about one number
 * can be told to belong together.
 */
#ifndef AUDIT_NUMBERS_H
#define AUDIT_NUMBERS_H

#include "audit/record.h"

/* The longest number is 15 digits (E.164); anything longer is cut first. */
#define AUDIT_NUMBER_MAX 64
/* What one number can become. */
#define AUDIT_NUMBER_HIDDEN_MAX 72

/* One number, or what stands where a number is expected. Returns the length
 * written; at most AUDIT_NUMBER_HIDDEN_MAX. A hash that cannot be computed
 * leaves "hmac:unavailable". */
size_t audit_number_hide(const struct audit_privacy *privacy,
                         struct text number, char *out);

/* A path and query with every number in it hidden, percent-encoded ones too,
 * cut at `size` bytes; returns the length. What counts as a number: a "+" and
 * two digits or more, and seven digits or more without one, unless they are
 * part of a UUID. A hidden number is written without percent signs, as it
 * would be by itself. */
size_t audit_path_hide(const struct audit_privacy *privacy, struct text path,
                       char *out, size_t size);

#endif
