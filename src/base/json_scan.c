/* SPDX-License-Identifier: Apache-2.0
 *
 * base/json_scan.c - the checks that yajl 2.1.0 leaves out.
 *
 * yajl takes a lone surrogate for '?', passes overlong UTF-8, counts VT and
 * FF as white space, and ignores a comment or a word that the end of the
 * text cuts off. Since the whole text is at hand, one pass over it before
 * yajl settles all of that, and has the exact place of each mistake. The
 * grammar between the tokens stays yajl's business.
 */
#include "base/json_scan.h"

void json_cursor_init(struct json_cursor *c, struct text bytes)
{
    *c = (struct json_cursor){.bytes = bytes, .line = 1};
}

int json_cursor_column(const struct json_cursor *c)
{
    return (int)(c->at - c->line_start) + 1;
}

void json_cursor_advance(struct json_cursor *c, size_t len)
{
    for (size_t end = c->at + len; c->at < end;) {
        if (c->bytes.data[c->at++] == '\n') {
            c->line++;
            c->line_start = c->at;
        }
    }
}

static bool looking_at(const struct json_cursor *c, const char *what)
{
    return text_starts_with(
        text_make(c->bytes.data + c->at, c->bytes.len - c->at), text_of(what));
}

/* At "//" or at a C comment's opening. */
static bool skip_comment(struct json_cursor *c)
{
    bool to_line_end = looking_at(c, "//");
    struct json_cursor end = *c;

    json_cursor_advance(&end, 2);
    while (end.at < end.bytes.len) {
        if (to_line_end && end.bytes.data[end.at] == '\n')
            break;
        if (!to_line_end && looking_at(&end, "*/"))
            break;
        json_cursor_advance(&end, 1);
    }
    if (!to_line_end) {
        if (end.at == end.bytes.len)
            return false;
        json_cursor_advance(&end, 2);
    }
    *c = end;
    return true;
}

bool json_cursor_skip_space(struct json_cursor *c)
{
    while (c->at < c->bytes.len) {
        char byte = c->bytes.data[c->at];

        if (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r')
            json_cursor_advance(c, 1);
        else if (!looking_at(c, "//") && !looking_at(c, "/*"))
            break;
        else if (!skip_comment(c))
            return false;
    }
    return true;
}

struct scan {
    struct json_cursor cursor;
    const char *file;
    bool comments;
    struct problems *problems;
};

/* The scan ends with the first problem, so that every one is worth reading. */
static enum status fail(struct scan *s, const char *message)
{
    problems_error(s->problems, s->file, s->cursor.line,
                   json_cursor_column(&s->cursor), "%s", message);
    return STATUS_INVALID;
}

static unsigned char byte_at(const struct scan *s, size_t ahead)
{
    size_t at = s->cursor.at + ahead;

    return at < s->cursor.bytes.len ? (unsigned char)s->cursor.bytes.data[at]
                                    : '\0';
}

/* The four digits at cursor + `ahead`, or -1. */
static int hex4(const struct scan *s, size_t ahead)
{
    int value = 0;

    for (size_t i = 0; i < 4; i++) {
        unsigned char c = byte_at(s, ahead + i);

        if (c >= '0' && c <= '9')
            value = value * 16 + (c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value * 16 + (c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            value = value * 16 + (c - 'A' + 10);
        else
            return -1;
    }
    return value;
}

static bool is_surrogate(int unit, int first)
{
    return unit >= first && unit < first + 0x400;
}

/* At a backslash in a string. */
static enum status scan_escape(struct scan *s)
{
    unsigned char c = byte_at(s, 1);
    int unit;

    if (c != 'u') {
        if (c == '\0' || !strchr("\"\\/bfnrt", c))
            return fail(s, "malformed escape in a string: a backslash is "
                           "followed by one of \" \\ / b f n r t u");
        json_cursor_advance(&s->cursor, 2);
        return STATUS_OK;
    }
    unit = hex4(s, 2);
    if (unit < 0)
        return fail(s, "malformed escape in a string: \\u is followed by "
                       "four hexadecimal digits");
    if (is_surrogate(unit, 0xdc00))
        return fail(s, "lone surrogate: the second half of a pair without "
                       "its first");
    if (is_surrogate(unit, 0xd800)) {
        if (byte_at(s, 6) != '\\' || byte_at(s, 7) != 'u' ||
            !is_surrogate(hex4(s, 8), 0xdc00))
            return fail(s, "lone surrogate: the first half of a pair without "
                           "its second");
        json_cursor_advance(&s->cursor, 6);
    }
    json_cursor_advance(&s->cursor, 6);
    return STATUS_OK;
}

/* One code point that is neither a quote nor a backslash. */
static enum status scan_character(struct scan *s)
{
    const struct json_cursor *c = &s->cursor;
    size_t len =
        text_utf8_sequence(c->bytes.data + c->at, c->bytes.len - c->at);

    if (len == 0)
        return fail(s, "invalid UTF-8: save the file as UTF-8");
    json_cursor_advance(&s->cursor, len);
    return STATUS_OK;
}

/* At the opening quote. */
static enum status scan_string(struct scan *s)
{
    struct scan opening = *s;
    enum status status = STATUS_OK;

    json_cursor_advance(&s->cursor, 1);
    while (status == STATUS_OK) {
        unsigned char c = byte_at(s, 0);

        if (s->cursor.at == s->cursor.bytes.len || c == '\n')
            return fail(&opening, "this string has no closing quote on its "
                                  "line");
        if (c == '"') {
            json_cursor_advance(&s->cursor, 1);
            break;
        }
        if (c < 0x20)
            return fail(s, "control character in a string: write it as an "
                           "escape, \\t or \\u0000 for example");
        status = c == '\\' ? scan_escape(s) : scan_character(s);
    }
    return status;
}

/* At a slash outside of strings. */
static enum status scan_comment(struct scan *s)
{
    struct json_cursor from = s->cursor;

    if (!looking_at(&s->cursor, "//") && !looking_at(&s->cursor, "/*"))
        return fail(s, "unexpected '/'");
    if (!s->comments)
        return fail(s, "comments are not allowed in this file");
    if (!skip_comment(&s->cursor))
        return fail(s, "this comment has no end");
    /* Once more for the bytes in it: they are UTF-8 like the rest. */
    for (size_t end = s->cursor.at; from.at < end;) {
        size_t len =
            text_utf8_sequence(from.bytes.data + from.at, end - from.at);
        if (len == 0) {
            s->cursor = from;
            return fail(s, "invalid UTF-8: save the file as UTF-8");
        }
        json_cursor_advance(&from, len);
    }
    return STATUS_OK;
}

enum status json_scan(struct text bytes, const char *file, bool comments,
                      struct problems *problems)
{
    struct scan s = {.file = file, .comments = comments, .problems = problems};
    enum status status = STATUS_OK;

    json_cursor_init(&s.cursor, bytes);
    if (text_starts_with(bytes, TEXT_LIT("\xef\xbb\xbf")))
        return fail(&s, "the file begins with a byte order mark: save it as "
                        "UTF-8 without one");
    if (text_starts_with(bytes, TEXT_LIT("\xff\xfe")) ||
        text_starts_with(bytes, TEXT_LIT("\xfe\xff")))
        return fail(&s, "the file is UTF-16: save it as UTF-8");
    while (status == STATUS_OK && s.cursor.at < bytes.len) {
        unsigned char c = byte_at(&s, 0);

        if (c == '"')
            status = scan_string(&s);
        else if (c == '/')
            status = scan_comment(&s);
        else if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
            status = fail(&s, "control character between values");
        else
            status = scan_character(&s);
    }
    return status;
}
