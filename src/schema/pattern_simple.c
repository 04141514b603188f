/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/pattern_simple.c - recognising simple patterns, and the loops.
 *
 * The parser gives up at whatever it does not know by name: a pattern it
 * does not take is only slower. ECMA-262, sections 22.2.1 and 22.2.2.
 */
#define _GNU_SOURCE /* memmem() */
#include "schema/pattern_simple.h"

#include <string.h>

#include "schema/utf8.h"

/* What is left of the source. */
struct source {
    const char *at, *end;
};

static bool take(struct source *s, char c)
{
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_hex(struct source *s, int digits, int *out)
{
    int value = 0;

    for (; digits > 0; digits--) {
        int digit = s->at < s->end ? hex_value(*s->at++) : -1;

        if (digit < 0)
            return false;
        value = value * 16 + digit;
    }
    *out = value;
    return value < 0x80;
}

/* The character of an escape, behind the backslash; classes are none. */
static bool take_escape(struct source *s, int *out)
{
    static const char letters[] = "tnvfr", values[] = "\t\n\v\f\r";
    const char *found;
    char c;

    if (s->at == s->end)
        return false;
    c = *s->at++;
    if (c == 'u')
        return take_hex(s, 4, out);
    if (c == 'x')
        return take_hex(s, 2, out);
    if (c == '\0')
        return false;
    found = strchr(letters, c);
    if (found) {
        *out = values[found - letters];
        return true;
    }
    *out = c;
    return strchr("^$\\.*+?()[]{}|/-", c) != NULL;
}

/* ---- literals ---- */

static bool is_syntax(char c)
{
    return c == '\0' || strchr("^$\\.*+?()[]{}|", c) != NULL;
}

static bool parse_literal(struct source s, struct pattern_simple *out)
{
    out->at_begin = take(&s, '^');
    while (s.at < s.end && *s.at != '$') {
        int c = *s.at++;

        if (c == '\\' ? !take_escape(&s, &c) : is_syntax((char)c))
            return false;
        if (out->literal_len == PATTERN_LITERAL_MAX)
            return false;
        out->literal[out->literal_len++] = (char)c;
    }
    out->at_end = take(&s, '$');
    return s.at == s.end;
}

/* ---- classes ---- */

static void class_add(struct pattern_simple *p, int from, int to)
{
    for (; from <= to; from++)
        p->ascii[from / 64] |= (uint64_t)1 << (from % 64);
}

/* \d and \w, behind the backslash. */
static bool take_shorthand(struct source *s, struct pattern_simple *p)
{
    if (s->at == s->end || (*s->at != 'd' && *s->at != 'w'))
        return false;
    class_add(p, '0', '9');
    if (*s->at++ == 'w') {
        class_add(p, 'a', 'z');
        class_add(p, 'A', 'Z');
        class_add(p, '_', '_');
    }
    return true;
}

static bool take_class_char(struct source *s, int *out)
{
    if (s->at == s->end || (uint8_t)*s->at >= 0x80)
        return false;
    *out = *s->at++;
    return *out != '\\' || take_escape(s, out);
}

/* Behind the opening bracket, up to the closing one. */
static bool take_members(struct source *s, struct pattern_simple *p)
{
    int from, to;

    while (!take(s, ']')) {
        struct source escape = *s;

        if (take(&escape, '\\') && take_shorthand(&escape, p)) {
            *s = escape;
            if (s->at < s->end && *s->at == '-')
                return false; /* a range of what? */
            continue;
        }
        if (!take_class_char(s, &from))
            return false;
        to = from;
        if (s->end - s->at > 1 && s->at[0] == '-' && s->at[1] != ']') {
            s->at++;
            if (!take_class_char(s, &to) || to < from)
                return false;
        }
        class_add(p, from, to);
    }
    return true;
}

static bool take_class(struct source *s, struct pattern_simple *p)
{
    struct source escape = *s;

    if (take(&escape, '\\') && take_shorthand(&escape, p)) {
        *s = escape;
        return true;
    }
    if (!take(s, '['))
        return false;
    p->has_others = take(s, '^');
    if (!take_members(s, p))
        return false;
    if (p->has_others) {
        p->ascii[0] = ~p->ascii[0];
        p->ascii[1] = ~p->ascii[1];
    }
    return true;
}

static bool take_count(struct source *s, uint64_t *out)
{
    uint64_t value = 0;
    size_t digits = 0;

    for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; digits++)
        value = value * 10 + (uint64_t)(*s->at++ - '0');
    *out = value;
    return digits > 0 && digits < 10;
}

static bool take_quantifier(struct source *s, struct pattern_simple *p)
{
    p->min = p->max = 1;
    if (take(s, '*')) {
        p->min = 0;
        p->max = UINT64_MAX;
    } else if (take(s, '+')) {
        p->max = UINT64_MAX;
    } else if (take(s, '?')) {
        p->min = 0;
    } else if (take(s, '{')) {
        if (!take_count(s, &p->min))
            return false;
        p->max = p->min;
        if (take(s, ',') && !take_count(s, &p->max)) {
            if (s->at < s->end && *s->at != '}')
                return false;
            p->max = UINT64_MAX;
        }
        return take(s, '}');
    }
    return true;
}

static bool parse_class(struct source s, struct pattern_simple *out)
{
    out->is_class = true;
    return take(&s, '^') && take_class(&s, out) && take_quantifier(&s, out) &&
           take(&s, '$') && s.at == s.end;
}

bool pattern_simple_parse(struct text source, struct pattern_simple *out)
{
    struct source s = {source.data, source.data + source.len};

    *out = (struct pattern_simple){.is_class = false};
    if (parse_literal(s, out))
        return true;
    *out = (struct pattern_simple){.is_class = false};
    return parse_class(s, out);
}

/* ---- the loops ---- */

static bool class_has(const struct pattern_simple *p, uint8_t c)
{
    return c < 0x80 ? p->ascii[c / 64] >> (c % 64) & 1 : p->has_others;
}

static bool match_class(const struct pattern_simple *p, struct text t)
{
    uint64_t count;

    for (size_t i = 0; i < t.len; i++)
        if (!class_has(p, (uint8_t)t.data[i]))
            return false;
    if (p->min == 0 && p->max == UINT64_MAX)
        return true;
    count = utf8_characters(t.data, t.len);
    return count >= p->min && count <= p->max;
}

static bool match_literal(const struct pattern_simple *p, struct text t)
{
    size_t len = p->literal_len;

    if (t.len < len || (p->at_begin && p->at_end && t.len != len))
        return false;
    if (len == 0)
        return true;
    if (p->at_begin)
        return memcmp(t.data, p->literal, len) == 0;
    if (p->at_end)
        return memcmp(t.data + t.len - len, p->literal, len) == 0;
    if (len == 1)
        return memchr(t.data, p->literal[0], t.len) != NULL;
    return memmem(t.data, t.len, p->literal, len) != NULL;
}

bool pattern_simple_match(const struct pattern_simple *p, struct text t)
{
    return p->is_class ? match_class(p, t) : match_literal(p, t);
}
