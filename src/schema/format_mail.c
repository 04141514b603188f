/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/format_mail.c - mailboxes.
 *
 * RFC 5321 section 4.1.2: Mailbox = Local-part "@" ( Domain /
 * address-literal ). Of address literals only IPv4 and IPv6 are known, the
 * only tag that was ever registered; both are section 4.1.3's, which allows
 * leading zeros in IPv4 and wants "::" to stand for two groups or more.
 */
#include "base/uri.h"
#include "schema/format_rules.h"

#define HANDLE_MAX 254      /* RFC 5321 section 4.5.3.1.3, brackets off */
#define HANDLE_LOCAL_MAX 64 /* section 4.5.3.1.1 */

/* RFC 5322 section 3.2.3 */
static bool is_atext(char c)
{
    return format_is_alnum(c) ||
           (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Dot-string: atoms with single dots between them. */
static bool is_dot_string(struct text t)
{
    bool is_dot_allowed = false;

    for (size_t i = 0; i < t.len; i++) {
        if (t.data[i] == '.' ? !is_dot_allowed : !is_atext(t.data[i]))
            return false;
        is_dot_allowed = t.data[i] != '.';
    }
    return is_dot_allowed;
}

/* The length of the Quoted-string that `t` begins with, or 0. */
static size_t quoted_length(struct text t)
{
    if (t.len == 0 || t.data[0] != '"')
        return 0;
    for (size_t i = 1; i < t.len; i++) {
        if (t.data[i] == '"')
            return i + 1;
        if (t.data[i] == '\\' && ++i == t.len)
            return 0;
        if (t.data[i] < ' ' || t.data[i] > '~')
            return 0;
    }
    return 0;
}

/* IPv4-address-literal */
static bool is_ipv4_literal(struct text t)
{
    int numbers = 0;

    while (!text_is_absent(t)) {
        struct text number;
        uint64_t value;

        t = text_cut(t, '.', &number);
        if (number.len < 1 || number.len > 3 ||
            text_to_u64(number, 255, &value) != STATUS_OK)
            return false;
        numbers++;
    }
    return numbers == 4;
}

/* IPv6-addr: as everywhere, but for the two differences above. */
static bool is_ipv6_literal(struct text t)
{
    static const char as_groups[] = "0:0";
    char copy[64];
    size_t tail = t.len, groups = 0;
    bool has_gap = false;

    while (tail > 0 && t.data[tail - 1] != ':')
        tail--;
    if (tail + sizeof(as_groups) > sizeof(copy))
        return false;
    if (memchr(t.data + tail, '.', t.len - tail)) {
        if (!is_ipv4_literal(text_make(t.data + tail, t.len - tail)))
            return false;
        memcpy(copy, t.data, tail);
        memcpy(copy + tail, as_groups, strlen(as_groups));
        t = text_make(copy, tail + strlen(as_groups));
    }
    if (!uri_is_ipv6(t))
        return false;
    for (size_t i = 0; i < t.len; i++) {
        if (t.data[i] != ':')
            groups += i == 0 || t.data[i - 1] == ':';
        else if (i > 0 && t.data[i - 1] == ':')
            has_gap = true;
    }
    return !has_gap || groups <= 6;
}

/* What stands behind the '@'. */
static bool is_mail_domain(struct text t)
{
    struct text tag = TEXT("IPv6:");

    if (t.len < 2 || t.data[0] != '[' || t.data[t.len - 1] != ']')
        return format_is_domain(t, 1);
    t = text_make(t.data + 1, t.len - 2);
    if (t.len >= tag.len && text_equal_nocase(text_make(t.data, tag.len), tag))
        return is_ipv6_literal(text_make(t.data + tag.len, t.len - tag.len));
    return is_ipv4_literal(t);
}

bool format_is_email(struct text t)
{
    size_t quoted = quoted_length(t);
    struct text local, domain;

    if (quoted > 0) {
        if (quoted == t.len || t.data[quoted] != '@')
            return false;
        domain = text_make(t.data + quoted + 1, t.len - quoted - 1);
        return is_mail_domain(domain);
    }
    domain = text_cut(t, '@', &local);
    return is_dot_string(local) && is_mail_domain(domain);
}

bool format_is_handle(struct text t)
{
    struct text local, domain = text_cut(t, '@', &local);

    return t.len <= HANDLE_MAX && local.len <= HANDLE_LOCAL_MAX &&
           is_dot_string(local) && format_is_domain(domain, 2);
}
