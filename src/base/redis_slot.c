/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis_slot.c - CRC16, hash tags, MOVED and ASK.
 */
#include "base/redis_slot.h"

/* Of the four highest bits, for the polynomial x^16 + x^12 + x^5 + 1. */
static const uint16_t crc_of_nibble[16] = {
    0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
    0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef,
};

static uint16_t crc_add(uint16_t crc, unsigned nibble)
{
    return (uint16_t)(crc << 4) ^ crc_of_nibble[(crc >> 12 ^ nibble) & 15];
}

uint16_t redis_slot_crc16(struct text t)
{
    uint16_t crc = 0;

    for (size_t i = 0; i < t.len; i++) {
        unsigned c = (unsigned char)t.data[i];

        crc = crc_add(crc, c >> 4);
        crc = crc_add(crc, c & 15);
    }
    return crc;
}

static struct text hashed_part(struct text key)
{
    struct text before, tag, behind;

    behind = text_cut(key, '{', &before);
    if (text_is_absent(behind))
        return key;
    behind = text_cut(behind, '}', &tag);
    return text_is_absent(behind) || tag.len == 0 ? key : tag;
}

uint16_t redis_slot_of(struct text key)
{
    return redis_slot_crc16(hashed_part(key)) % REDIS_SLOTS;
}

/* "127.0.0.1:6381", "::1:6381", ":6381": the port stands behind the last
 * colon. */
static bool parse_address(struct text t, struct redis_redirect *out)
{
    size_t colon = t.len;
    uint64_t port;

    while (colon > 0 && t.data[colon - 1] != ':')
        colon--;
    if (colon == 0 ||
        text_to_u64(text_make(t.data + colon, t.len - colon), 65535, &port) !=
            STATUS_OK ||
        port == 0)
        return false;
    out->host = text_make(t.data, colon - 1);
    out->port = (int)port;
    return !text_is(out->host, "?");
}

bool redis_redirect_parse(struct text error, struct redis_redirect *out)
{
    struct redis_redirect r = {0};
    struct text word, slot, rest;
    uint64_t n;

    rest = text_cut(error, ' ', &word);
    r.is_ask = text_is(word, "ASK");
    if (!r.is_ask && !text_is(word, "MOVED"))
        return false;
    rest = text_cut(rest, ' ', &slot);
    if (text_to_u64(slot, REDIS_SLOTS - 1, &n) != STATUS_OK ||
        !parse_address(rest, &r))
        return false;
    r.slot = (uint16_t)n;
    *out = r;
    return true;
}
