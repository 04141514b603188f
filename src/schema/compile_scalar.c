/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/compile_scalar.c - keywords about a value by itself.
 *
 * "type", "enum", "const", and what is said of strings and numbers. JSON
 * Schema 2020-12, validation, sections 6.1 to 6.3 and 7.
 */
#include "base/check.h"
#include "base/buffer.h"
#include "schema/canon.h"
#include "schema/compile.h"

/* A number in a schema with an exponent past this is a slip, not a bound. */
#define EXPONENT_MAX 100000
/* One array or object in "enum" or "const", in canonical form. */
#define COMPOSITE_MAX 65536
/* What a message shows of them: values, bytes of all, bytes of a string. */
#define EXPECTED_SHOWN 8
#define EXPECTED_MAX 200
#define SHOWN_MAX 80

/* ---- type ---- */

static unsigned type_bits(struct text name)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",     [JSON_BOOL] = "boolean",
        [JSON_NUMBER] = "number", [JSON_STRING] = "string",
        [JSON_ARRAY] = "array",   [JSON_OBJECT] = "object",
    };
    size_t i;

    for (i = 0; i < ARRAY_LEN(names); i++)
        if (text_is(name, names[i]))
            return NODE_TYPE(i);
    return text_is(name, "integer") ? NODE_INTEGER : 0;
}

static unsigned type_of(struct compiler *c, struct build *b,
                        const struct json_value *v)
{
    unsigned bits = v->type == JSON_STRING ? type_bits(v->text) : 0;

    if (bits == 0)
        compile_problem(c, b, v,
                        "a type is one of \"null\", \"boolean\", \"number\", "
                        "\"integer\", \"string\", \"array\", \"object\"");
    return bits;
}

void compile_types(struct compiler *c, struct build *b)
{
    const struct json_value *v = json_get(b->at, "type");
    unsigned types = 0;
    size_t i;

    if (!v)
        return;
    if (v->type != JSON_ARRAY)
        types = type_of(c, b, v);
    for (i = 0; v->type == JSON_ARRAY && i < v->count; i++)
        types |= type_of(c, b, v->items[i]);
    if (v->type == JSON_ARRAY && v->count == 0)
        compile_problem(c, b, v, "\"type\" must name at least one type");
    if (types & NODE_TYPE(JSON_NUMBER))
        types &= ~NODE_INTEGER; /* included */
    b->node.types = (uint8_t)types;
}

/* ---- numbers in a schema ---- */

/* Its text is copied: the document goes. */
static bool number_of(struct compiler *c, struct build *b,
                      const struct json_value *v, const char *keyword,
                      struct number *out, const char **text)
{
    if (v->type != JSON_NUMBER) {
        compile_problem(c, b, v, "\"%s\" must be a number, not %s", keyword,
                        json_type_phrase(v->type));
        return false;
    }
    *text = compile_strdup(c, v->text);
    if (!*text)
        return false;
    number_parse(text_make(*text, v->text.len), out);
    if (out->is_huge || out->magnitude > EXPONENT_MAX ||
        out->magnitude < -EXPONENT_MAX) {
        compile_problem(c, b, v, "\"%s\" has an exponent out of all bounds",
                        keyword);
        return false;
    }
    return true;
}

bool compile_count(struct compiler *c, struct build *b, const char *name,
                   uint64_t *out)
{
    const struct json_value *v = json_get(b->at, name);
    struct number n;
    const char *text;

    if (!v || !number_of(c, b, v, name, &n, &text))
        return false;
    if (number_to_u64(&n, out))
        return true;
    compile_problem(c, b, v, "\"%s\" must be a whole number, 0 or above", name);
    return false;
}

/* ---- enum, const ---- */

static enum status expect_string(struct buffer *to, struct text t)
{
    size_t len = t.len;

    if (len > SHOWN_MAX)
        for (len = SHOWN_MAX; len > 0 && ((uint8_t)t.data[len] & 0xC0) == 0x80;)
            len--;
    return buffer_printf(to, "\"%.*s%s\"", (int)len, t.data,
                         len < t.len ? "..." : "");
}

static enum status expect_one(struct buffer *to, const struct json_value *v)
{
    switch (v->type) {
    case JSON_NULL:
        return buffer_append_str(to, "null");
    case JSON_BOOL:
        return buffer_append_str(to, v->boolean ? "true" : "false");
    case JSON_NUMBER:
        return buffer_append_text(to, v->text);
    case JSON_STRING:
        return expect_string(to, v->text);
    case JSON_ARRAY:
        return buffer_append_str(to, "a certain array");
    case JSON_OBJECT:
        return buffer_append_str(to, "a certain object");
    }
    return STATUS_INVALID;
}

char *compile_must_be(struct compiler *c, const struct json_value *const *v,
                      size_t count)
{
    struct buffer text;
    char *copy;
    size_t i, shown;
    enum status status;

    buffer_init(&text, 1024 * 1024);
    status = buffer_append_str(&text, "must be ");
    for (i = 0; i < count && status == STATUS_OK; i++) {
        if (i == EXPECTED_SHOWN || (i > 0 && text.len > EXPECTED_MAX))
            break;
        status = buffer_append_str(&text, i == 0          ? ""
                                          : i + 1 < count ? ", "
                                                          : " or ");
        if (status == STATUS_OK)
            status = expect_one(&text, v[i]);
    }
    shown = i;
    if (status == STATUS_OK && count == 0)
        status = buffer_append_str(&text, "absent: no value is allowed");
    if (status == STATUS_OK && shown < count)
        status = buffer_printf(&text, " or one of %zu more", count - shown);
    copy = status == STATUS_OK ? compile_strdup(c, buffer_text(&text)) : NULL;
    if (!copy)
        c->status = STATUS_NO_MEMORY;
    buffer_release(&text);
    return copy;
}

static bool value_string(struct compiler *c, struct node_values *set,
                         struct text t)
{
    struct name *n;

    if (name_table_find_text(&set->strings, t))
        return true; /* listed twice */
    n = compile_alloc(c, sizeof(*n));
    if (!n)
        return false;
    if (name_table_add(&set->strings, &c->set->arena, n, t))
        return true;
    c->status = STATUS_NO_MEMORY;
    return false;
}

static bool value_composite(struct compiler *c, struct build *b,
                            struct node_values *set, const struct json_value *v)
{
    struct buffer canonical;
    struct text copy = {0};
    enum status status;

    buffer_init(&canonical, COMPOSITE_MAX);
    status = canon_value(&canonical, v);
    if (status == STATUS_TOO_LARGE)
        compile_problem(c, b, v,
                        "the value is too large to be compared: at "
                        "most 64 KiB are");
    else if (status == STATUS_OK)
        copy = arena_text(&c->set->arena, buffer_text(&canonical));
    buffer_release(&canonical);
    if (status == STATUS_TOO_LARGE)
        return false;
    if (text_is_absent(copy)) {
        c->status = STATUS_NO_MEMORY;
        return false;
    }
    set->composites[set->composite_count++] = copy;
    return true;
}

static bool value_add(struct compiler *c, struct build *b,
                      struct node_values *set, const struct json_value *v)
{
    const char *text;

    switch (v->type) {
    case JSON_NULL:
        set->has_null = true;
        return true;
    case JSON_BOOL:
        *(v->boolean ? &set->has_true : &set->has_false) = true;
        return true;
    case JSON_NUMBER:
        if (!number_of(c, b, v, "enum", &set->numbers[set->number_count],
                       &text))
            return false;
        set->number_count++;
        return true;
    case JSON_STRING:
        return value_string(c, set, v->text);
    case JSON_ARRAY:
    case JSON_OBJECT:
        return value_composite(c, b, set, v);
    }
    return false;
}

const struct node_values *compile_value_set(struct compiler *c, struct build *b,
                                            const struct json_value *const *v,
                                            size_t count)
{
    struct node_values *set = compile_alloc(c, sizeof(*set));
    size_t i;

    if (!set)
        return NULL;
    set->numbers = compile_alloc(c, count * sizeof(*set->numbers));
    set->composites = compile_alloc(c, count * sizeof(*set->composites));
    set->must_be = compile_must_be(c, v, count);
    if (!set->numbers || !set->composites || !set->must_be)
        return NULL;
    for (i = 0; i < count; i++)
        if (!value_add(c, b, set, v[i]))
            return NULL;
    return set;
}

void compile_values(struct compiler *c, struct build *b)
{
    const struct json_value *v = json_get(b->at, "const");

    if (v)
        b->node.constant = compile_value_set(c, b, &v, 1);
    v = json_get(b->at, "enum");
    if (!v)
        return;
    if (v->type != JSON_ARRAY) {
        compile_problem(c, b, v,
                        "\"enum\" must be an array of the values allowed");
        return;
    }
    b->node.enumerated = compile_value_set(
        c, b, (const struct json_value *const *)v->items, v->count);
}

/* ---- strings ---- */

static const struct schema_format *format_of(struct compiler *c,
                                             struct build *b, bool for_number)
{
    const struct json_value *v = json_get(b->at, "format");
    const struct schema_format *f;

    if (!v)
        return NULL;
    f = v->type == JSON_STRING ? schema_format_find(v->text) : NULL;
    if (f)
        return f->is_number == for_number ? f : NULL;
    if (for_number)
        return NULL; /* said already */
    /* OpenAPI's hint to those who draw forms; it says nothing of the value. */
    if (c->source->dialect == SCHEMA_OPENAPI && v->type == JSON_STRING &&
        text_is(v->text, "password"))
        return NULL;
    if (v->type == JSON_STRING)
        compile_problem(c, b, v,
                        "the format \"%s\" is not enforced: take it out, or "
                        "say by \"pattern\" what is meant",
                        v->text.data);
    else
        compile_problem(c, b, v, "\"format\" must be a string");
    return NULL;
}

void compile_strings(struct compiler *c, struct build *b)
{
    const struct json_value *pattern = json_get(b->at, "pattern");
    struct node_string s = {.max = UINT64_MAX};
    struct node_string *copy;
    bool has_any = compile_count(c, b, "minLength", &s.min);

    has_any |= compile_count(c, b, "maxLength", &s.max);
    if (pattern && pattern->type != JSON_STRING)
        compile_problem(c, b, pattern, "\"pattern\" must be a string");
    else if (pattern)
        s.pattern = compile_pattern(c, b, pattern, pattern->text);
    s.format = format_of(c, b, false);
    if (!has_any && !s.pattern && !s.format)
        return;
    copy = compile_alloc(c, sizeof(*copy));
    if (!copy)
        return;
    *copy = s;
    b->node.string = copy;
}

/* ---- numbers ---- */

static bool compile_multiple(struct compiler *c, struct build *b,
                             struct node_number *n)
{
    const struct json_value *v = json_get(b->at, "multipleOf");
    struct number number;

    if (!v || !number_of(c, b, v, "multipleOf", &number, &n->multiple_text))
        return false;
    n->has_multiple = number_divisor(&number, &n->multiple);
    if (!n->has_multiple)
        compile_problem(c, b, v,
                        "\"multipleOf\" must be above 0, with at most 18 "
                        "significant digits");
    return true;
}

void compile_numbers(struct compiler *c, struct build *b)
{
    static const char *const names[LIMIT_COUNT] = {
        [LIMIT_MINIMUM] = "minimum",
        [LIMIT_MAXIMUM] = "maximum",
        [LIMIT_EXCLUSIVE_MINIMUM] = "exclusiveMinimum",
        [LIMIT_EXCLUSIVE_MAXIMUM] = "exclusiveMaximum",
    };
    struct node_number *n = compile_alloc(c, sizeof(*n));
    bool has_any = false;
    size_t i;

    if (!n)
        return;
    for (i = 0; i < LIMIT_COUNT; i++) {
        const struct json_value *v = json_get(b->at, names[i]);
        struct node_bound *bound = &n->bounds[i];

        if (!v)
            continue;
        bound->is_set =
            number_of(c, b, v, names[i], &bound->number, &bound->text);
        has_any = true;
    }
    has_any |= compile_multiple(c, b, n);
    n->format = format_of(c, b, true);
    if (has_any || n->format)
        b->node.number = n;
}
