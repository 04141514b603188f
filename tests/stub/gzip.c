/* SPDX-License-Identifier: Apache-2.0
 *
 * stub/gzip.c - RFC 1952 around RFC 1951 section 3.2.4 (stored blocks).
 */
#include "stub/gzip.h"

#define BLOCK_MAX 65535

static uint32_t crc32_of(struct text in)
{
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < in.len; i++) {
        crc ^= (unsigned char)in.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
    }
    return ~crc;
}

static enum status append_le(struct buffer *out, uint32_t n, int bytes)
{
    enum status status = STATUS_OK;

    for (int i = 0; i < bytes && status == STATUS_OK; i++)
        status = buffer_append_char(out, (char)(n >> (8 * i)));
    return status;
}

static enum status append_block(struct buffer *out, struct text block,
                                bool last)
{
    enum status status = buffer_append_char(out, last ? 1 : 0);

    if (status == STATUS_OK)
        status = append_le(out, (uint32_t)block.len, 2);
    if (status == STATUS_OK)
        status = append_le(out, ~(uint32_t)block.len, 2);
    if (status == STATUS_OK)
        status = buffer_append_text(out, block);
    return status;
}

enum status stub_gzip(struct text in, struct buffer *out)
{
    static const unsigned char head[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
    enum status status = buffer_append(out, head, sizeof head);
    size_t at = 0;

    do {
        size_t n = in.len - at < BLOCK_MAX ? in.len - at : BLOCK_MAX;

        if (status == STATUS_OK)
            status =
                append_block(out, text_make(in.data + at, n), at + n == in.len);
        at += n;
    } while (at < in.len);
    if (status == STATUS_OK)
        status = append_le(out, crc32_of(in), 4);
    if (status == STATUS_OK)
        status = append_le(out, (uint32_t)in.len, 4);
    return status;
}
