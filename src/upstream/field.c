/* SPDX-License-Identifier: Apache-2.0
 *
 * upstream/field.c - names and values of headers, looked at quickly.
 *
 * Some twenty headers pass here for each request: values are looked at eight
 * bytes at a time, and most names are ruled out by their length.
 */
#include "upstream/field.h"

#include "base/check.h"

/* As a bit set over ASCII. */
static bool is_token_char(unsigned char c)
{
    static const uint32_t set[4] = {
        0, 0x03ff6cfa, /* ! # $ % & ' * + - . 0-9 */
        0xc7fffffe,    /* A-Z ^ _ */
        0x57ffffff,    /* ` a-z | ~ */
    };

    return c < 0x80 && (set[c >> 5] >> (c & 31) & 1);
}

bool upstream_field_is_token(struct text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (!is_token_char((unsigned char)t.data[i]))
            return false;
    return t.len > 0;
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

static bool is_value_slowly(const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)data[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

bool upstream_field_is_value(struct text t)
{
    uint64_t bytes;
    size_t i = 0;

    for (; i + sizeof(bytes) <= t.len; i += sizeof(bytes)) {
        memcpy(&bytes, t.data + i, sizeof(bytes));
        if (is_suspicious(bytes) && !is_value_slowly(t.data + i, sizeof(bytes)))
            return false;
    }
    return is_value_slowly(t.data + i, t.len - i);
}

bool upstream_field_is_hop_by_hop(struct text name)
{
    static const struct text names[] = {
        TEXT("connection"),
        TEXT("content-length"),
        TEXT("expect"),
        TEXT("host"),
        TEXT("keep-alive"),
        TEXT("proxy-authenticate"),
        TEXT("proxy-authentication-info"),
        TEXT("proxy-authorization"),
        TEXT("proxy-connection"),
        TEXT("te"),
        TEXT("trailer"),
        TEXT("transfer-encoding"),
        TEXT("upgrade"),
    };
    const uint32_t lengths = 1u << 2 | 1u << 4 | 1u << 6 | 1u << 7 | 1u << 10 |
                             1u << 14 | 1u << 16 | 1u << 17 | 1u << 18 |
                             1u << 19 | 1u << 25;

    if (name.len > 31 || !(lengths >> name.len & 1))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (name.len == names[i].len && text_equal_nocase(name, names[i]))
            return true;
    return false;
}
