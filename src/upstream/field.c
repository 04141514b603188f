/* SPDX-License-Identifier: Apache-2.0
 *
 * upstream/field.c - which headers are of one connection.
 *
 * Some twenty names pass here for each request; most are ruled out by their
 * length.
 */
#include "upstream/field.h"

#include "base/check.h"

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
        if (text_equal_nocase(name, names[i]))
            return true;
    return false;
}
