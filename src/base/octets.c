/* SPDX-License-Identifier: Apache-2.0
 *
 * base/octets.c - the table behind octets.h.
 */
#include "base/octets.h"

enum {
    /* A punctuation mark that may stand in a token. */
    MARK = OCTET_TOKEN | OCTET_VALUE | OCTET_TARGET,
    /* One that may not: a separator. */
    SEPARATOR = OCTET_VALUE | OCTET_TARGET,
    LETTER = MARK | OCTET_HOST,
    DIGIT = LETTER | OCTET_HEX,
};

const uint8_t octet_table[256] = {
    [0x00 ... 0x08] = OCTET_CONTROL,
    ['\t'] = OCTET_CONTROL | OCTET_VALUE,
    [0x0a ... 0x1f] = OCTET_CONTROL,
    [' '] = OCTET_VALUE,
    ['!'] = MARK,
    ['"'] = SEPARATOR,
    ['#'] = MARK & ~OCTET_TARGET,
    ['$' ... '\''] = MARK,
    ['(' ... ')'] = SEPARATOR,
    ['*' ... '+'] = MARK,
    [','] = SEPARATOR,
    ['-' ... '.'] = MARK | OCTET_HOST,
    ['/'] = SEPARATOR,
    ['0' ... '9'] = DIGIT,
    [':' ... '@'] = SEPARATOR,
    ['A' ... 'F'] = DIGIT,
    ['G' ... 'Z'] = LETTER,
    ['[' ... ']'] = SEPARATOR,
    ['^'] = MARK,
    ['_'] = MARK | OCTET_HOST,
    ['`'] = MARK,
    ['a' ... 'f'] = DIGIT,
    ['g' ... 'z'] = LETTER,
    ['{'] = SEPARATOR,
    ['|'] = MARK,
    ['}'] = SEPARATOR,
    ['~'] = MARK | OCTET_HOST,
    [0x7f] = OCTET_CONTROL,
    [0x80 ... 0xff] = OCTET_VALUE,
};

bool octets_are(struct text t, enum octet_class class)
{
    for (size_t i = 0; i < t.len; i++)
        if (!octet_is(t.data[i], class))
            return false;
    return true;
}

bool octets_are_token(struct text t)
{
    return t.len > 0 && octets_are(t, OCTET_TOKEN);
}

/* One of eight bytes is below the space, or DEL, or beyond ASCII. A borrow
 * between bytes begins only where there is one. */
static bool is_suspicious(uint64_t bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t hit =
        bytes | (bytes - ones * ' ') | ((bytes ^ ones * 0x7f) - ones);

    return (hit & ones * 0x80) != 0;
}

bool octets_are_value(struct text t)
{
    uint64_t bytes;
    size_t i = 0;

    for (; i + sizeof(bytes) <= t.len; i += sizeof(bytes)) {
        memcpy(&bytes, t.data + i, sizeof(bytes));
        if (is_suspicious(bytes) &&
            !octets_are(text_make(t.data + i, sizeof(bytes)), OCTET_VALUE))
            return false;
    }
    return octets_are(text_make(t.data + i, t.len - i), OCTET_VALUE);
}
