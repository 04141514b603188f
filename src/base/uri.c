/* SPDX-License-Identifier: Apache-2.0
 *
 * base/uri.c - RFC 3986 appendix A, read off left to right.
 *
 * Every delimiter decides at once: none of the rules needs a second try, as
 * the first of ":/?#" tells whether there is a scheme, and no part may hold
 * the delimiter that ends it. So one pass without backtracking is exact, and
 * whatever is in no class of characters (spaces, controls, backslashes,
 * quotes, anything outside ASCII) fails by itself.
 */
#include "base/uri.h"

/* Sets of characters; a part allows a sum of them. */
enum {
    ALPHA = 1,
    DIGIT = 2,
    HEX_LETTER = 4, /* a to f, which are ALPHA as well */
    MARK = 8,       /* - . _ ~ : the rest of unreserved */
    SUB_DELIM = 16,
    COLON = 32,
    AT = 64,
    SLASH_QUESTION = 128,
};

#define UNRESERVED (ALPHA | DIGIT | MARK)
#define PCHAR (UNRESERVED | SUB_DELIM | COLON | AT)

static const uint8_t class_of[256] = {
    ['A' ... 'F'] = ALPHA | HEX_LETTER,
    ['G' ... 'Z'] = ALPHA,
    ['a' ... 'f'] = ALPHA | HEX_LETTER,
    ['g' ... 'z'] = ALPHA,
    ['0' ... '9'] = DIGIT,
    ['-'] = MARK,
    ['.'] = MARK,
    ['_'] = MARK,
    ['~'] = MARK,
    ['!'] = SUB_DELIM,
    ['$'] = SUB_DELIM,
    ['&'] = SUB_DELIM,
    ['\''] = SUB_DELIM,
    ['('] = SUB_DELIM,
    [')'] = SUB_DELIM,
    ['*'] = SUB_DELIM,
    ['+'] = SUB_DELIM,
    [','] = SUB_DELIM,
    [';'] = SUB_DELIM,
    ['='] = SUB_DELIM,
    [':'] = COLON,
    ['@'] = AT,
    ['/'] = SLASH_QUESTION,
    ['?'] = SLASH_QUESTION,
};

static bool is_in(char c, unsigned classes)
{
    return (class_of[(uint8_t)c] & classes) != 0;
}

static bool is_hex(char c)
{
    return is_in(c, DIGIT | HEX_LETTER);
}

/* Nothing but these classes. */
static bool all_in(struct text t, unsigned classes)
{
    for (size_t i = 0; i < t.len; i++)
        if (!is_in(t.data[i], classes))
            return false;
    return true;
}

/* Nothing but these classes and percent-encoded bytes. */
static bool all_in_or_encoded(struct text t, unsigned classes)
{
    for (size_t i = 0; i < t.len; i++) {
        if (is_in(t.data[i], classes))
            continue;
        if (t.data[i] != '%' || t.len - i < 3 || !is_hex(t.data[i + 1]) ||
            !is_hex(t.data[i + 2]))
            return false;
        i += 2;
    }
    return true;
}

/* Take what stands before the first of `stops`, leaving the rest in *t. */
static struct text take_until(struct text *t, const char *stops)
{
    struct text head = *t;
    size_t i = 0;

    while (i < t->len && (t->data[i] == '\0' || !strchr(stops, t->data[i])))
        i++;
    head.len = i;
    t->data += i;
    t->len -= i;
    return head;
}

static struct text drop(struct text t, size_t n)
{
    return text_make(t.data + n, t.len - n);
}

/* scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ) */
static bool is_scheme(struct text t)
{
    if (t.len == 0 || !is_in(t.data[0], ALPHA))
        return false;
    for (size_t i = 1; i < t.len; i++)
        if (!is_in(t.data[i], ALPHA | DIGIT) && t.data[i] != '+' &&
            t.data[i] != '-' && t.data[i] != '.')
            return false;
    return true;
}

/* ---- hosts ---- */

bool uri_is_ipv4(struct text t)
{
    size_t i = 0;

    for (int octets = 1; octets <= 4; octets++) {
        unsigned value = 0;
        size_t begin = i;

        while (i < t.len && is_in(t.data[i], DIGIT) && i - begin < 3)
            value = value * 10 + (unsigned)(t.data[i++] - '0');
        if (i == begin || value > 255 ||
            (t.data[begin] == '0' && i - begin > 1))
            return false;
        if (octets < 4 && (i == t.len || t.data[i++] != '.'))
            return false;
    }
    return i == t.len;
}

/* Eight groups of 16 bits, the last two perhaps as an IPv4 address, and at
 * most one "::" in place of at least one group. */
bool uri_is_ipv6(struct text t)
{
    unsigned groups = 0;
    bool has_gap = false;
    size_t i = 0;

    if (t.len >= 2 && t.data[0] == ':' && t.data[1] == ':') {
        has_gap = true;
        i = 2;
        if (i == t.len)
            return true;
    }
    for (;;) {
        size_t begin = i;

        while (i < t.len && is_hex(t.data[i]) && i - begin < 4)
            i++;
        if (i < t.len && t.data[i] == '.') {
            if (!uri_is_ipv4(drop(t, begin)))
                return false;
            groups += 2;
            break;
        }
        if (i == begin)
            return false;
        groups++;
        if (i == t.len)
            break;
        if (t.data[i++] != ':' || i == t.len || groups >= 8)
            return false;
        if (t.data[i] == ':') {
            if (has_gap)
                return false;
            has_gap = true;
            if (++i == t.len)
                break;
        }
    }
    return has_gap ? groups < 8 : groups == 8;
}

/* IPvFuture = "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" ) */
static bool is_ip_future(struct text t)
{
    struct text version;

    if (t.len == 0 || (t.data[0] != 'v' && t.data[0] != 'V'))
        return false;
    t = drop(t, 1);
    version = take_until(&t, ".");
    return version.len > 0 && all_in(version, DIGIT | HEX_LETTER) &&
           t.len > 1 && all_in(drop(t, 1), UNRESERVED | SUB_DELIM | COLON);
}

/* ---- the parts ---- */

static bool parse_host(struct text *rest, struct uri *u)
{
    struct text inside;

    if (rest->len == 0 || rest->data[0] != '[') {
        u->host = take_until(rest, ":");
        return all_in_or_encoded(u->host, UNRESERVED | SUB_DELIM);
    }
    u->host = take_until(rest, "]");
    if (rest->len == 0)
        return false;
    *rest = drop(*rest, 1);
    u->host.len++;
    inside = text_make(u->host.data + 1, u->host.len - 2);
    return uri_is_ipv6(inside) || is_ip_future(inside);
}

/* authority = [ userinfo "@" ] host [ ":" port ] */
static bool parse_authority(struct text t, struct uri *u)
{
    struct text rest = t, userinfo = take_until(&rest, "@");

    if (rest.len > 0) {
        if (!all_in_or_encoded(userinfo, UNRESERVED | SUB_DELIM | COLON))
            return false;
        u->userinfo = userinfo;
        t = drop(rest, 1);
    }
    if (!parse_host(&t, u))
        return false;
    if (t.len == 0)
        return true;
    if (t.data[0] != ':')
        return false;
    u->port = drop(t, 1);
    return all_in(u->port, DIGIT);
}

/* What follows the scheme and its colon, or all of a relative reference. */
static bool parse_rest(struct text t, struct uri *u)
{
    if (t.len >= 2 && t.data[0] == '/' && t.data[1] == '/') {
        t = drop(t, 2);
        if (!parse_authority(take_until(&t, "/?#"), u))
            return false;
    }
    u->path = take_until(&t, "?#");
    if (!all_in_or_encoded(u->path, PCHAR | SLASH_QUESTION))
        return false;
    if (t.len > 0 && t.data[0] == '?') {
        t = drop(t, 1);
        u->query = take_until(&t, "#");
        if (!all_in_or_encoded(u->query, PCHAR | SLASH_QUESTION))
            return false;
    }
    if (t.len > 0) {
        u->fragment = drop(t, 1);
        return all_in_or_encoded(u->fragment, PCHAR | SLASH_QUESTION);
    }
    return true;
}

enum status uri_parse_reference(struct text t, struct uri *out)
{
    struct uri u = {.scheme = {NULL, 0}};
    struct text rest, head;

    if (text_is_absent(t))
        t = text_of(""); /* so that the path is not absent */
    rest = t;
    head = take_until(&rest, ":/?#");
    /* A colon in the first segment is a scheme's: section 4.2. */
    if (rest.len > 0 && rest.data[0] == ':') {
        if (!is_scheme(head))
            return STATUS_INVALID;
        u.scheme = head;
        t = drop(rest, 1);
    }
    if (!parse_rest(t, &u))
        return STATUS_INVALID;
    *out = u;
    return STATUS_OK;
}

enum status uri_parse(struct text t, struct uri *out)
{
    struct uri u;

    if (uri_parse_reference(t, &u) != STATUS_OK || text_is_absent(u.scheme))
        return STATUS_INVALID;
    *out = u;
    return STATUS_OK;
}

static unsigned hex_value(char c)
{
    return (unsigned)(is_in(c, DIGIT) ? c - '0' : (c | 0x20) - 'a' + 10);
}

enum status uri_decode(struct text t, bool plus_is_space, char *out,
                       size_t *len)
{
    size_t n = 0;

    for (size_t i = 0; i < t.len; i++) {
        char c = t.data[i];

        if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c == '%') {
            if (t.len - i < 3 || !is_hex(t.data[i + 1]) ||
                !is_hex(t.data[i + 2]))
                return STATUS_INVALID;
            c = (char)(hex_value(t.data[i + 1]) << 4 |
                       hex_value(t.data[i + 2]));
            i += 2;
        }
        out[n++] = c;
    }
    *len = n;
    return STATUS_OK;
}
