/* SPDX-License-Identifier: Apache-2.0
 *
 * base/json.c - reading from a parsed document, and complaining about it.
 *
 * Parsing is in json_load.c, comparison in json_equal.c.
 *
 * RFC 6901 (JSON Pointer).
 */
#include "base/json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"

/* Longer than the deepest level that json_load.c lets in. */
#define MAX_ANCESTORS 160
/* Of a pointer in a message. */
#define POINTER_SIZE 512

const struct json_value *json_get_text(const struct json_value *object,
                                       struct text name)
{
    if (!object || object->type != JSON_OBJECT)
        return NULL;
    for (size_t i = 0; i < object->count; i++)
        if (text_equal(object->members[i].name, name))
            return object->members[i].value;
    return NULL;
}

const struct json_value *json_get(const struct json_value *object,
                                  const char *name)
{
    return json_get_text(object, text_of(name));
}

/* Is `name` what `token` (with ~0 and ~1) says? */
static bool token_is(struct text token, struct text name)
{
    size_t n = 0;

    for (size_t i = 0; i < token.len; i++, n++) {
        char c = token.data[i];

        if (c == '~')
            c = token.data[++i] == '0' ? '~' : '/'; /* checked before */
        if (n >= name.len || name.data[n] != c)
            return false;
    }
    return n == name.len;
}

static bool token_is_valid(struct text token)
{
    for (size_t i = 0; i < token.len; i++)
        if (token.data[i] == '~' &&
            (i + 1 == token.len ||
             (token.data[i + 1] != '0' && token.data[i + 1] != '1')))
            return false;
    return true;
}

static const struct json_value *step(const struct json_value *v,
                                     struct text token)
{
    uint64_t index;

    if (v->type == JSON_OBJECT) {
        for (size_t i = 0; i < v->count; i++)
            if (token_is(token, v->members[i].name))
                return v->members[i].value;
        return NULL;
    }
    if (v->type != JSON_ARRAY || v->count == 0 ||
        (token.len > 1 && token.data[0] == '0') ||
        text_to_u64(token, v->count - 1, &index) != STATUS_OK)
        return NULL;
    return v->items[index];
}

const struct json_value *json_at(const struct json_value *root,
                                 struct text pointer)
{
    const struct json_value *v = root;
    struct text rest, token;

    if (!v || pointer.len == 0)
        return v;
    if (pointer.data[0] != '/')
        return NULL;
    rest = text_make(pointer.data + 1, pointer.len - 1);
    while (v && !text_is_absent(rest)) {
        rest = text_cut(rest, '/', &token);
        if (!token_is_valid(token))
            return NULL;
        v = step(v, token);
    }
    return v;
}

struct cut_text {
    char *out;
    size_t size, len;
};

static void put(struct cut_text *to, char c)
{
    if (to->len + 1 < to->size)
        to->out[to->len++] = c;
}

static void put_token(struct cut_text *to, struct text name)
{
    put(to, '/');
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];

        if (c == '~' || c == '/') {
            put(to, '~');
            put(to, c == '~' ? '0' : '1');
        } else {
            put(to, (unsigned char)c < 0x20 || c == 0x7f ? '?' : c);
        }
    }
}

static void put_pointer(struct cut_text *to, const struct json_value *v)
{
    const struct json_value *path[MAX_ANCESTORS];
    size_t count = 0;
    char index[24];

    for (; v && v->parent; v = v->parent) {
        CHECK(count < MAX_ANCESTORS);
        path[count++] = v;
    }
    while (count-- > 0) {
        if (path[count]->parent->type == JSON_OBJECT) {
            put_token(to, path[count]->key);
        } else {
            snprintf(index, sizeof(index), "%zu", path[count]->index);
            put_token(to, text_of(index));
        }
    }
}

/* A cut must not leave half a UTF-8 sequence. */
static void end_text(struct cut_text *to)
{
    size_t back = 0;

    if (to->size == 0)
        return;
    while (back < to->len && back < 3 &&
           ((unsigned char)to->out[to->len - 1 - back] & 0xc0) == 0x80)
        back++;
    if (back < to->len) {
        const char *lead = to->out + (to->len - 1 - back);

        if ((unsigned char)*lead >= 0x80 &&
            text_utf8_sequence(lead, back + 1) == 0)
            to->len -= back + 1;
    }
    to->out[to->len] = '\0';
}

const char *json_pointer(const struct json_value *v, char *out, size_t size)
{
    struct cut_text to = {out, size, 0};

    put_pointer(&to, v);
    end_text(&to);
    return out;
}

const char *json_type_phrase(enum json_type type)
{
    static const char *const phrases[] = {
        [JSON_NULL] = "null",       [JSON_BOOL] = "a boolean",
        [JSON_NUMBER] = "a number", [JSON_STRING] = "a string",
        [JSON_ARRAY] = "an array",  [JSON_OBJECT] = "an object",
    };

    CHECK((size_t)type < ARRAY_LEN(phrases));
    return phrases[type];
}

enum status json_to_i64(const struct json_value *v, int64_t *out)
{
    struct text digits;
    bool negative;
    uint64_t magnitude;
    enum status s;

    if (v->type != JSON_NUMBER)
        return STATUS_INVALID;
    digits = v->text;
    negative = digits.data[0] == '-';
    if (negative)
        digits = text_make(digits.data + 1, digits.len - 1);
    s = text_to_u64(digits, (uint64_t)INT64_MAX + negative, &magnitude);
    if (s != STATUS_OK)
        return s;
    if (!negative)
        *out = (int64_t)magnitude;
    else if (magnitude > INT64_MAX)
        *out = INT64_MIN;
    else
        *out = -(int64_t)magnitude;
    return STATUS_OK;
}

/* With the pointer in front, except for the root's, which is empty. */
static void PRINTF_LIKE(7, 0)
    report(struct problems *problems, const struct json_document *doc, int line,
           int column, bool is_warning, const char *pointer, const char *fmt,
           va_list ap)
{
    char message[1024];
    const char *colon = pointer[0] != '\0' ? ": " : "";

    vsnprintf(message, sizeof(message), fmt, ap);
    if (is_warning)
        problems_warning(problems, doc->file, line, column, "%s%s%s", pointer,
                         colon, message);
    else
        problems_error(problems, doc->file, line, column, "%s%s%s", pointer,
                       colon, message);
}

void json_problem(struct problems *problems, const struct json_document *doc,
                  const struct json_value *at, const char *fmt, ...)
{
    char pointer[POINTER_SIZE];
    va_list ap;

    va_start(ap, fmt);
    report(problems, doc, at->line, at->column, false,
           json_pointer(at, pointer, sizeof(pointer)), fmt, ap);
    va_end(ap);
}

void json_warning(struct problems *problems, const struct json_document *doc,
                  const struct json_value *at, const char *fmt, ...)
{
    char pointer[POINTER_SIZE];
    va_list ap;

    va_start(ap, fmt);
    report(problems, doc, at->line, at->column, true,
           json_pointer(at, pointer, sizeof(pointer)), fmt, ap);
    va_end(ap);
}

static void PRINTF_LIKE(6, 0)
    report_key(struct problems *problems, const struct json_document *doc,
               const struct json_value *object,
               const struct json_member *member, bool is_warning,
               const char *fmt, va_list ap)
{
    char pointer[POINTER_SIZE];
    struct cut_text to = {pointer, sizeof(pointer), 0};

    put_pointer(&to, object);
    put_token(&to, member->name);
    end_text(&to);
    report(problems, doc, member->line, member->column, is_warning, pointer,
           fmt, ap);
}

void json_problem_key(struct problems *problems,
                      const struct json_document *doc,
                      const struct json_value *object,
                      const struct json_member *member, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    report_key(problems, doc, object, member, false, fmt, ap);
    va_end(ap);
}

void json_warning_key(struct problems *problems,
                      const struct json_document *doc,
                      const struct json_value *object,
                      const struct json_member *member, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    report_key(problems, doc, object, member, true, fmt, ap);
    va_end(ap);
}
