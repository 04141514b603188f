/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/path.c - the canonical spelling of a request target.
 *
 * RFC 3986 lets one resource be written in many ways and section 6.2.2 says
 * which are equivalent. Proxies have been walked around by every one of them,
 * so chatgate normalises nothing: it takes the normal form and refuses the
 * others, with the sentence that says what the normal form is. Beyond RFC 3986
 * it refuses what some servers make of a path all the same: an escaped slash
 * or control byte, and dot segments with parameters ("/..;x/"), which Java
 * servers resolve.
 *
 * RFC 3986 sections 2.1 to 2.4, 3.3, 3.4, 6.2.2.
 */
#include "policy/path.h"

/* What a byte is in a path: UNRESERVED needs no escape ever, PLAIN (pchar but
 * for escapes) may stand as it is. */
#define UNRESERVED 3
#define PLAIN 1

static const unsigned char kinds[256] = {
    ['a' ... 'z'] = UNRESERVED,
    ['A' ... 'Z'] = UNRESERVED,
    ['0' ... '9'] = UNRESERVED,
    ['-'] = UNRESERVED,
    ['.'] = UNRESERVED,
    ['_'] = UNRESERVED,
    ['~'] = UNRESERVED,
    ['!'] = PLAIN,
    ['$'] = PLAIN,
    ['&'] = PLAIN,
    ['\''] = PLAIN,
    ['('] = PLAIN,
    [')'] = PLAIN,
    ['*'] = PLAIN,
    ['+'] = PLAIN,
    [','] = PLAIN,
    [';'] = PLAIN,
    ['='] = PLAIN,
    [':'] = PLAIN,
    ['@'] = PLAIN,
};

/* 0 to 15; 16 for anything else. */
static unsigned hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return 16;
}

/* The byte that an escape at `t` stands for, or -1. */
static int escaped_byte(struct text t)
{
    unsigned high, low;

    if (t.len < 3)
        return -1;
    high = hex_value((unsigned char)t.data[1]);
    low = hex_value((unsigned char)t.data[2]);
    return high < 16 && low < 16 ? (int)(high * 16 + low) : -1;
}

static bool is_lower_hex(char c)
{
    return c >= 'a' && c <= 'f';
}

static const char *escape_problem(struct text t)
{
    int byte = escaped_byte(t);

    if (byte < 0)
        return "a % in the path must be followed by two hex digits";
    if (byte == '/')
        return "the path has an escaped slash (%2F), which servers read "
               "differently";
    if (byte < 0x20 || byte == 0x7f)
        return "the path has an escaped control byte";
    if (kinds[byte] == UNRESERVED)
        return "the path escapes a character that needs none: letters, "
               "digits and - . _ ~ are written as they are";
    if (is_lower_hex(t.data[1]) || is_lower_hex(t.data[2]))
        return "escapes in the path are written with upper-case hex digits, "
               "as in %3A";
    return NULL;
}

/* Of one that is not PLAIN. */
static const char *byte_problem(unsigned char c)
{
    if (c >= 0x80)
        return "the path has a byte outside ASCII: percent-encode it";
    if (c < 0x20 || c == 0x7f)
        return "the path has a control byte";
    return "the path has a character that must be percent-encoded";
}

static bool is_dot_segment(struct text segment)
{
    struct text name;

    text_cut(segment, ';', &name);
    return text_is(name, ".") || text_is(name, "..");
}

bool policy_path_next(struct text *rest, struct text *segment)
{
    const char *slash;

    if (rest->len == 0)
        return false;
    *segment = text_make(rest->data + 1, rest->len - 1);
    slash = segment->len > 0 ? memchr(segment->data, '/', segment->len) : NULL;
    if (slash)
        segment->len = (size_t)(slash - segment->data);
    *rest =
        text_make(segment->data + segment->len, rest->len - 1 - segment->len);
    return true;
}

static const char *segment_problem(struct text segment)
{
    const char *problem;

    for (size_t i = 0; i < segment.len; i++) {
        unsigned char c = (unsigned char)segment.data[i];

        if (kinds[c] != 0)
            continue;
        if (c != '%')
            return byte_problem(c);
        problem = escape_problem(text_make(segment.data + i, segment.len - i));
        if (problem)
            return problem;
        i += 2;
    }
    if (segment.len > 0 && segment.data[0] == '.' && is_dot_segment(segment))
        return "the path has a dot segment: write the path that is meant";
    return NULL;
}

const char *policy_path_problem(struct text path)
{
    struct text rest = path, segment;
    const char *problem;

    if (path.len == 0 || path.data[0] != '/')
        return "the path must begin with a slash";
    while (policy_path_next(&rest, &segment)) {
        problem = segment_problem(segment);
        if (problem)
            return problem;
        if (segment.len == 0 && rest.len > 0)
            return "the path has an empty segment: write one slash, not two";
    }
    return NULL;
}

const char *policy_query_problem(struct text query)
{
    for (size_t i = 0; i < query.len; i++) {
        unsigned char c = (unsigned char)query.data[i];
        int byte;

        if (c != '%') {
            if (c <= 0x20 || c == 0x7f)
                return "the query has a space or a control byte: "
                       "percent-encode it";
            if (c >= 0x80)
                return "the query has a byte outside ASCII: percent-encode it";
            if (c == '#')
                return "a # in the query must be written %23";
            continue;
        }
        byte = escaped_byte(text_make(query.data + i, query.len - i));
        if (byte < 0)
            return "a % in the query must be followed by two hex digits";
        if (byte == 0)
            return "the query has an escaped NUL";
    }
    return NULL;
}
