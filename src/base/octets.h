/* SPDX-License-Identifier: Apache-2.0
 *
 * base/octets.h - which byte may stand where (RFC 9110 section 5.6, RFC 9112).
 *
 * One table, looked up by bit; never the locale's idea of a character.
 */
#ifndef BASE_OCTETS_H
#define BASE_OCTETS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum octet_class {
    OCTET_TOKEN = 1,   /* tchar: names, methods */
    OCTET_VALUE = 2,   /* field value: visible, SP, HTAB, 0x80 and up */
    OCTET_TARGET = 4,  /* visible ASCII but '#' */
    OCTET_HOST = 8,    /* letters, digits, - . _ ~ */
    OCTET_HEX = 16,    /* either case */
    OCTET_CONTROL = 32 /* 0x00-0x1f and 0x7f, HTAB too */
};

extern const uint8_t octet_table[256];

static inline bool octet_is(char c, enum octet_class class)
{
    return (octet_table[(unsigned char)c] & (unsigned)class) != 0;
}

/* Every byte is of the class; true for nothing. */
bool octets_are(struct text t, enum octet_class class);
/* One byte or more, all tchar. */
bool octets_are_token(struct text t);
/* All OCTET_VALUE, looked at eight at a time: some twenty values pass here
 * for each request. True for nothing. */
bool octets_are_value(struct text t);

#endif
