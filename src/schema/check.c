/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/check.c - what a node says about one value, taken by itself.
 *
 * Scalars when they come, arrays and objects when they end. A value of the
 * wrong type gets that said and nothing else: a "must be one of" beside it
 * would tell nobody more.
 *
 * A message tells what stands there by its type and length, never by its
 * text: messages end up in logs, and texts are people's letters.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "schema/machine.h"
#include "schema/utf8.h"

/* ---- types ---- */

static const char *const type_phrases[] = {
    [JSON_NULL] = "null",
    [JSON_BOOL] = "a boolean",
    [JSON_NUMBER] = "a number",
    [JSON_STRING] = "a string",
    [JSON_ARRAY] = "an array",
    [JSON_OBJECT] = "an object",
    [JSON_OBJECT + 1] = "an integer",
};
_Static_assert(NODE_INTEGER == NODE_TYPE(JSON_OBJECT + 1), "its phrase");

/* "a string, a number or null" */
static void types_describe(unsigned types, char *out, size_t size)
{
    size_t i, len = 0;

    out[0] = '\0';
    for (i = 0; i < ARRAY_LEN(type_phrases) && len < size; i++) {
        unsigned rest = types >> (i + 1) << (i + 1);

        if (!(types & NODE_TYPE(i)))
            continue;
        len += (size_t)snprintf(out + len, size - len, "%s%s", type_phrases[i],
                                !rest               ? ""
                                : rest & (rest - 1) ? ", "
                                                    : " or ");
    }
}

static void violate_phrase(struct schema_run *run, const struct node *node,
                           struct inst *to, const char *phrase, uint32_t depth)
{
    char expected[128] = "";

    if (violation_is_told(run, to))
        types_describe(node->types, expected, sizeof(expected));
    violate(run, to, depth, "type", "must be %s, not %s", expected, phrase);
}

void violate_type(struct schema_run *run, const struct node *node,
                  struct inst *to, enum json_type type, uint32_t depth)
{
    violate_phrase(run, node, to, type_phrases[type], depth);
}

/* `bits` of one value. */
static const char *bits_phrase(unsigned bits)
{
    if (bits == NODE_TYPE(JSON_NUMBER))
        return "a number that is no integer";
    return type_phrases[__builtin_ctz(bits)];
}

void violate_choice(struct schema_run *run, struct inst *to, const char *rule,
                    const struct choice *c, uint32_t depth)
{
    char expected[128];
    unsigned types = c->types;

    if (types & NODE_TYPE(JSON_NUMBER))
        types &= ~(unsigned)NODE_INTEGER; /* included */
    types_describe(types, expected, sizeof(expected));
    if (c->passed > 1)
        violate(run, to, depth, rule,
                "is %s that matches %u of the alternatives, of which exactly "
                "one is allowed",
                type_phrases[__builtin_ctz(c->bits)], (unsigned)c->passed);
    else if (c->types & c->bits)
        violate(run, to, depth, rule,
                "is %s that matches none of the alternatives",
                type_phrases[__builtin_ctz(c->bits)]);
    else if (c->types)
        violate(run, to, depth, rule, "must be %s, not %s", expected,
                bits_phrase(c->bits));
    else
        violate_text(run, to, depth, rule, "is not allowed here");
}

/* ---- scalars as values ---- */

/* Without point and exponent it is one, and most numbers are written so. */
static bool looks_integer(struct text t)
{
    size_t i;

    for (i = 0; i < t.len; i++)
        if ((t.data[i] < '0' || t.data[i] > '9') && t.data[i] != '-')
            return false;
    return true;
}

const struct number *scalar_number(struct scalar *s)
{
    if (!s->has_number) {
        number_parse(s->text, &s->number);
        s->has_number = true;
    }
    return &s->number;
}

void scalar_type_number(struct scalar *s)
{
    if (s->bits & NODE_INTEGER)
        return;
    if (looks_integer(s->text) || number_is_integer(scalar_number(s)))
        s->bits |= NODE_INTEGER;
}

static bool values_have(const struct node_values *v, struct scalar *s)
{
    size_t i;

    switch (s->type) {
    case JSON_NULL:
        return v->has_null;
    case JSON_BOOL:
        return s->boolean ? v->has_true : v->has_false;
    case JSON_STRING:
        return scalar_find(&v->strings, s) != NULL;
    default:
        for (i = 0; i < v->number_count; i++)
            if (number_compare(scalar_number(s), &v->numbers[i]) == 0)
                return true;
        return false;
    }
}

/* ---- strings ---- */

int64_t scalar_points(struct scalar *s)
{
    if (s->points < 0)
        s->points = (int64_t)utf8_characters(s->text.data, s->text.len);
    return s->points;
}

bool check_length_passes(const struct node_string *c, struct scalar *s)
{
    return (s->text.len >= c->min * 4 ||
            (uint64_t)scalar_points(s) >= c->min) &&
           (s->text.len <= c->max || (uint64_t)scalar_points(s) <= c->max);
}

static void check_length(struct schema_run *run, const struct node_string *c,
                         struct inst *to, struct scalar *s, uint32_t depth)
{
    /* A character has 1 to 4 bytes, so most texts need no counting. */
    if (s->text.len < c->min * 4 && (uint64_t)scalar_points(s) < c->min)
        violate(run, to, depth, "minLength",
                "has %" PRId64 " character%s, fewer than %" PRIu64,
                scalar_points(s), scalar_points(s) == 1 ? "" : "s", c->min);
    if (s->text.len > c->max && (uint64_t)scalar_points(s) > c->max)
        violate(run, to, depth, "maxLength",
                "has %" PRId64 " character%s, more than %" PRIu64,
                scalar_points(s), scalar_points(s) == 1 ? "" : "s", c->max);
}

/* "a string of 3 characters", to follow on "must be ..., not ". */
#define OFFENDER_SIZE 64
static const char *offender(const struct schema_run *run, const struct inst *to,
                            struct scalar *s, char *out)
{
    int64_t points;

    if (!violation_is_told(run, to))
        return ""; /* a verdict is all, and many a right body needs it */
    if (s->type == JSON_BOOL)
        return s->boolean ? "true" : "false";
    if (s->type != JSON_STRING)
        return type_phrases[s->type];
    points = scalar_points(s);
    snprintf(out, OFFENDER_SIZE, "a string of %" PRId64 " character%s", points,
             points == 1 ? "" : "s");
    return out;
}

/* The value is none of `values`. */
static void violate_values(struct schema_run *run, struct inst *to,
                           struct scalar *s, uint32_t depth, const char *rule,
                           const struct node_values *values)
{
    char text[OFFENDER_SIZE];

    violate(run, to, depth, rule, "%s, not %s", values->must_be,
            s->type == JSON_NUMBER && values->number_count > 0
                ? "another number"
                : offender(run, to, s, text));
}

static void violate_excluded(struct schema_run *run, struct inst *to,
                             uint32_t depth)
{
    violate_text(run, to, depth, "not",
                 "is one of the values that are not allowed");
}

void check_tell(struct schema_run *run, const struct op *op, struct inst *to,
                int64_t points, uint32_t depth)
{
    const struct node *n = op->node;
    struct scalar s;

    scalar_init(&s, JSON_STRING, TEXT_LIT(""));
    s.points = points;
    if (op->kind == OP_ENUM)
        violate_values(run, to, &s, depth, "enum", n->enumerated);
    else if (op->kind == OP_CONST)
        violate_values(run, to, &s, depth, "const", n->constant);
    else
        violate_excluded(run, to, depth);
}

bool pattern_holds(struct schema_run *run, const struct pattern *p,
                   struct text t, uint32_t depth)
{
    switch (pattern_match(p, &run->budget, t)) {
    case PATTERN_MATCH:
        return true;
    case PATTERN_NO_MATCH:
        return false;
    case PATTERN_LIMIT:
        refuse(run, depth, "pattern.limit",
               "takes too many steps to compare with a pattern");
        return false;
    case PATTERN_NO_MEMORY:
        run->status = STATUS_NO_MEMORY;
        return false;
    }
    return false;
}

static void check_string(struct schema_run *run, const struct node_string *c,
                         struct inst *to, struct scalar *s, uint32_t depth)
{
    char text[OFFENDER_SIZE];

    check_length(run, c, to, s, depth);
    if (c->pattern && !pattern_holds(run, c->pattern, s->text, depth) &&
        run->status == STATUS_OK)
        violate(run, to, depth, "pattern",
                "is %s that does not match the pattern %.*s",
                offender(run, to, s, text),
                TEXT_ARG(pattern_source(c->pattern)));
    if (c->format && !c->format->matches(s->text))
        violate(run, to, depth, "format", "must be %s, not %s",
                c->format->expected, offender(run, to, s, text));
}

/* ---- numbers ---- */

static const struct {
    const char *rule, *phrase;
    int sign;      /* of comparing the value with the bound, when wrong */
    bool or_equal; /* wrong as well when equal */
} limit_rules[LIMIT_COUNT] = {
    [LIMIT_MINIMUM] = {"minimum", "at least", -1, false},
    [LIMIT_MAXIMUM] = {"maximum", "at most", 1, false},
    [LIMIT_EXCLUSIVE_MINIMUM] = {"exclusiveMinimum", "above", -1, true},
    [LIMIT_EXCLUSIVE_MAXIMUM] = {"exclusiveMaximum", "below", 1, true},
};

static void check_number(struct schema_run *run, const struct node_number *c,
                         struct inst *to, struct scalar *s, uint32_t depth)
{
    size_t i;

    for (i = 0; i < LIMIT_COUNT; i++) {
        int order;

        if (!c->bounds[i].is_set)
            continue;
        order = number_compare(scalar_number(s), &c->bounds[i].number);
        if (order == 0 ? limit_rules[i].or_equal
                       : (order < 0) == (limit_rules[i].sign < 0))
            violate(run, to, depth, limit_rules[i].rule,
                    "must be a number %s %s", limit_rules[i].phrase,
                    c->bounds[i].text);
    }
    if (c->has_multiple && !number_is_multiple(scalar_number(s), &c->multiple))
        violate(run, to, depth, "multipleOf",
                "must be a number that is a multiple of %s", c->multiple_text);
    if (c->format && !c->format->matches(s->text))
        violate(run, to, depth, "format", "must be %s", c->format->expected);
}

void check_scalar(struct schema_run *run, const struct node *node,
                  struct inst *to, struct scalar *s, uint32_t depth)
{
    if (!(node->types & s->bits)) {
        violate_phrase(run, node, to,
                       s->type == JSON_NUMBER && !(s->bits & NODE_INTEGER)
                           ? "a number that is no integer"
                           : type_phrases[s->type],
                       depth);
        return;
    }
    if (node->enumerated && !values_have(node->enumerated, s))
        violate_values(run, to, s, depth, "enum", node->enumerated);
    if (node->constant && !values_have(node->constant, s))
        violate_values(run, to, s, depth, "const", node->constant);
    if (node->excluded && values_have(node->excluded, s))
        violate_excluded(run, to, depth);
    if (s->type == JSON_STRING && node->string)
        check_string(run, node->string, to, s, depth);
    else if (s->type == JSON_NUMBER && node->number)
        check_number(run, node->number, to, s, depth);
}

/* ---- arrays and objects ---- */

static bool composites_have(const struct node_values *v, struct text canonical)
{
    size_t i;

    for (i = 0; i < v->composite_count; i++)
        if (text_equal(v->composites[i], canonical))
            return true;
    return false;
}

void check_composite(struct schema_run *run, struct inst *inst,
                     enum json_type type, struct text canonical, uint32_t depth)
{
    const struct node_values *sets[] = {inst->node->enumerated,
                                        inst->node->constant};
    static const char *const rules[] = {"enum", "const"};
    size_t i;

    for (i = 0; i < ARRAY_LEN(sets); i++) {
        if (!sets[i])
            continue;
        if (text_is_absent(canonical) && sets[i]->composite_count > 0)
            violate(run, inst, depth, rules[i],
                    "is too large to be compared; it %s", sets[i]->must_be);
        else if (!composites_have(sets[i], canonical))
            violate(run, inst, depth, rules[i], "%s, not %s", sets[i]->must_be,
                    sets[i]->composite_count == 0 ? type_phrases[type]
                    : type == JSON_OBJECT         ? "another object"
                                                  : "another array");
    }
}

static void check_required(struct schema_run *run, struct inst *inst,
                           uint32_t depth)
{
    const struct node_object *o = inst->node->object;
    uint32_t i;

    for (i = 0; i * 64 < o->bits; i++) {
        uint64_t seen = i == 0 ? inst->seen : inst->seen_more[i - 1];
        uint64_t missing = o->required[i] & ~seen;

        for (; missing != 0; missing &= missing - 1) {
            uint32_t bit = i * 64 + (uint32_t)__builtin_ctzll(missing);

            violate(run, inst, depth, "required", "lacks the member \"%s\"",
                    o->by_bit[bit]->name.text.data);
        }
    }
}

static void check_dependents(struct schema_run *run, struct inst *inst,
                             uint32_t depth)
{
    const struct node_object *o = inst->node->object;
    size_t i, k;

    for (i = 0; i < o->dependent_count; i++) {
        const struct dependent *d = &o->dependents[i];

        if (!inst_has_seen(inst, d->bit))
            continue;
        for (k = 0; k < d->count; k++)
            if (!inst_has_seen(inst, d->needs[k]))
                violate(run, inst, depth, "dependentRequired",
                        "lacks the member \"%s\", which goes with \"%s\"",
                        o->by_bit[d->needs[k]]->name.text.data,
                        o->by_bit[d->bit]->name.text.data);
    }
}

void check_object_end(struct schema_run *run, struct inst *inst,
                      const struct frame *f, uint32_t depth)
{
    const struct node_object *o = inst->node->object;

    if (o->required)
        check_required(run, inst, depth);
    if (o->dependent_count > 0)
        check_dependents(run, inst, depth);
    if (f->count < o->min)
        violate(run, inst, depth, "minProperties",
                "has %" PRIu64 " member%s, fewer than %" PRIu64, f->count,
                f->count == 1 ? "" : "s", o->min);
}

void check_array_end(struct schema_run *run, struct inst *inst,
                     const struct frame *f, uint32_t depth)
{
    const struct node_array *a = inst->node->array;

    if (f->count < a->min)
        violate(run, inst, depth, "minItems",
                "has %" PRIu64 " item%s, fewer than %" PRIu64, f->count,
                f->count == 1 ? "" : "s", a->min);
    if (!a->has_contains)
        return;
    if (inst->contains < a->min_contains)
        violate(
            run, inst, depth, a->min_contains == 1 ? "contains" : "minContains",
            "has %" PRIu64 " item%s of the kind that it must contain, "
            "fewer than %" PRIu64,
            inst->contains, inst->contains == 1 ? "" : "s", a->min_contains);
    else if (inst->contains > a->max_contains)
        violate(run, inst, depth, "maxContains",
                "has %" PRIu64 " item%s of the kind that it must contain, "
                "more than %" PRIu64,
                inst->contains, inst->contains == 1 ? "" : "s",
                a->max_contains);
}
