/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/utf8.c - RFC 3629 section 4.
 *
 * Everything that is wrong with a sequence of proper length shows in the
 * range of its second byte.
 */
#include "schema/utf8.h"

#include <string.h>

bool utf8_begin(struct utf8 *u, uint8_t lead)
{
    if (lead < 0xC2 || lead > 0xF4)
        return false;
    u->low = 0x80;
    u->high = 0xBF;
    if (lead < 0xE0) {
        u->left = 1;
        u->code_point = lead & 0x1F;
    } else if (lead < 0xF0) {
        u->left = 2;
        u->code_point = lead & 0x0F;
        if (lead == 0xE0)
            u->low = 0xA0;
        else if (lead == 0xED)
            u->high = 0x9F;
    } else {
        u->left = 3;
        u->code_point = lead & 0x07;
        if (lead == 0xF0)
            u->low = 0x90;
        else if (lead == 0xF4)
            u->high = 0x8F;
    }
    return true;
}

bool utf8_continue(struct utf8 *u, uint8_t byte)
{
    if (byte < u->low || byte > u->high)
        return false;
    u->low = 0x80;
    u->high = 0xBF;
    u->left--;
    u->code_point = u->code_point << 6 | (byte & 0x3F);
    return true;
}

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* The length of the sequence at `p`, of which 4 bytes can be read; 0 when it
 * is not well-formed. */
static size_t sequence_length(const uint8_t *p)
{
    if (p[0] < 0xC2 || !is_continuation(p[1]))
        return 0;
    if (p[0] < 0xE0)
        return 2;
    if (!is_continuation(p[2]))
        return 0;
    if (p[0] < 0xF0) {
        if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F))
            return 0;
        return 3;
    }
    if (!is_continuation(p[3]) || (p[0] == 0xF0 && p[1] < 0x90) ||
        p[0] > 0xF4 || (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return 4;
}

const uint8_t *utf8_skip(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 4 && *at >= 0x80) {
        size_t n = sequence_length(at);

        if (n == 0)
            break;
        at += n;
    }
    return at;
}

/* ---- counting ---- */

typedef int8_t lanes __attribute__((vector_size(16)));
typedef uint8_t sums __attribute__((vector_size(16)));

static size_t sums_add(sums v)
{
    size_t sum = 0;

    for (size_t i = 0; i < sizeof(v); i++)
        sum += v[i];
    return sum;
}

/* The bytes that continue a character, and those that begin one of four. As
 * signed bytes: below -64, and from -16 to -1. */
static void count_bytes(const char *text, size_t len, size_t *continuing,
                        size_t *fours)
{
    size_t at = 0;

    *continuing = *fours = 0;
    while (len - at >= sizeof(lanes)) {
        sums a = {0}, b = {0}; /* hold for 255 blocks */

        for (int i = 0; i < 255 && len - at >= sizeof(lanes); i++) {
            lanes v;

            memcpy(&v, text + at, sizeof(v));
            a -= (sums)(v < -64); /* -1 where it is so */
            b -= (sums)((v >= -16) & (v < 0));
            at += sizeof(v);
        }
        *continuing += sums_add(a);
        *fours += sums_add(b);
    }
    for (; at < len; at++) {
        int8_t c = (int8_t)text[at];

        *continuing += c < -64;
        *fours += c >= -16 && c < 0;
    }
}

size_t utf8_characters(const char *text, size_t len)
{
    size_t continuing, fours;

    count_bytes(text, len, &continuing, &fours);
    return len - continuing;
}

size_t utf8_utf16_units(const char *text, size_t len)
{
    size_t continuing, fours;

    count_bytes(text, len, &continuing, &fours);
    return len - continuing + fours;
}
