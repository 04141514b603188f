/* SPDX-License-Identifier: Apache-2.0
 *
 * base/id.c - identifiers out of a pool of random bytes.
 *
 * The pool is used from front to back and refilled from the kernel: with 512
 * bytes, one system call serves some fifteen requests. Bytes are cleared as
 * they are used; an identifier that was given out cannot be read from the
 * pool later.
 *
 * RFC 9562 (UUID), W3C Trace Context.
 */
#include "base/id.h"

#include "base/check.h"
#include "base/crypto.h"

static const char hex_digits[] = "0123456789abcdef";

void id_source_init(struct id_source *s)
{
    *s = (struct id_source){.left = 0};
}

static enum status draw(struct id_source *s, uint8_t *out, size_t len)
{
    uint8_t *from;

    CHECK(len <= sizeof(s->pool) && s->left <= sizeof(s->pool));
    if (s->left < len) {
        enum status status = crypto_random(s->pool, sizeof(s->pool));

        if (status != STATUS_OK)
            return status;
        s->left = sizeof(s->pool);
    }
    from = s->pool + (sizeof(s->pool) - s->left);
    memcpy(out, from, len);
    memset(from, 0, len);
    s->left -= len;
    return STATUS_OK;
}

enum status id_uuid7(struct id_source *s, wall_us now, char out[ID_UUID_SIZE])
{
    uint64_t ms = now > 0 ? (uint64_t)(now / US_PER_MS) : 0;
    uint8_t bytes[16];
    enum status status = draw(s, bytes + 6, 10);

    if (status != STATUS_OK)
        return status;
    for (int i = 5; i >= 0; i--) {
        bytes[i] = (uint8_t)ms;
        ms >>= 8;
    }
    bytes[6] = (uint8_t)(0x70 | (bytes[6] & 0x0f)); /* version 7 */
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f)); /* variant 10 */
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = hex_digits[bytes[i] >> 4];
        *out++ = hex_digits[bytes[i] & 15];
    }
    *out = '\0';
    return STATUS_OK;
}

/* `len` bytes that are not all zero, as digits: all zero means "invalid" in
 * Trace Context. */
static enum status random_hex(struct id_source *s, size_t len, char *out)
{
    uint8_t bytes[16], any = 0;

    CHECK(len <= sizeof(bytes));
    while (any == 0) {
        enum status status = draw(s, bytes, len);

        if (status != STATUS_OK)
            return status;
        for (size_t i = 0; i < len; i++)
            any |= bytes[i];
    }
    crypto_hex(bytes, len, out);
    return STATUS_OK;
}

enum status id_trace(struct id_source *s, char out[ID_TRACE_SIZE])
{
    return random_hex(s, 16, out);
}

enum status id_span(struct id_source *s, char out[ID_SPAN_SIZE])
{
    return random_hex(s, 8, out);
}

bool id_is_uuid(struct text t)
{
    if (t.len != ID_UUID_SIZE - 1)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        char c = t.data[i];
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (is_dash ? c != '-'
                    : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
                        (c >= 'A' && c <= 'F')))
            return false;
    }
    return true;
}
