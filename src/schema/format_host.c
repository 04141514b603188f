/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/format_host.c - host names.
 *
 * RFC 952 and RFC 1123 section 2.1: letters, digits and hyphens. A label
 * that claims to be the ASCII form of an international one ("xn--") must
 * really be one: it decodes, every character is allowed where it stands, and
 * it encodes to the same again (RFC 5891 section 4). libidn2 knows that; its
 * rules for registration are the strict ones. Its tables decide what
 * Unicode has assigned.
 */
#include <idn2.h>

#include "schema/format_rules.h"

#define LABEL_MAX 63   /* RFC 1035 section 2.3.4 */
#define DOMAIN_MAX 253 /* 255 on the wire, with a length first and a 0 last */

static bool is_label(struct text t)
{
    if (t.len == 0 || t.len > LABEL_MAX || t.data[0] == '-' ||
        t.data[t.len - 1] == '-')
        return false;
    for (size_t i = 0; i < t.len; i++)
        if (!format_is_alnum(t.data[i]) && t.data[i] != '-')
            return false;
    return true;
}

bool format_is_domain(struct text t, size_t min_labels)
{
    struct text label;
    size_t labels = 0;

    if (t.len > DOMAIN_MAX)
        return false;
    while (!text_is_absent(t)) {
        t = text_cut(t, '.', &label);
        if (!is_label(label))
            return false;
        labels++;
    }
    return labels >= min_labels && labels > 0;
}

static bool is_a_label(struct text label)
{
    uint8_t ascii[LABEL_MAX + 1], *registered = NULL;
    int rc;

    for (size_t i = 0; i < label.len; i++) {
        uint8_t c = (uint8_t)label.data[i];

        ascii[i] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
    }
    ascii[label.len] = '\0';
    rc = idn2_register_u8(NULL, ascii, &registered, 0);
    idn2_free(registered);
    return rc == IDN2_OK;
}

bool format_is_hostname(struct text t)
{
    struct text label;

    if (!format_is_domain(t, 1))
        return false;
    while (!text_is_absent(t)) {
        t = text_cut(t, '.', &label);
        if (label.len >= 4 &&
            text_equal_nocase(text_make(label.data, 4), TEXT_LIT("xn--")) &&
            !is_a_label(label))
            return false;
    }
    return true;
}
