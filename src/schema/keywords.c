/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/keywords.c - every keyword that is known, and help with the others.
 *
 * A keyword is asserted, or says nothing about a value, or is a problem:
 * there is no fourth kind. A misspelt one would otherwise be a rule that
 * nobody enforces.
 */
#include <limits.h>

#include "base/check.h"
#include "schema/compile.h"

#define ASSERTS(name, shape)                                                   \
    {                                                                          \
        (name), KEYWORD_ASSERTS, (shape), false, NULL                          \
    }
#define DEFINES(name, shape)                                                   \
    {                                                                          \
        (name), KEYWORD_DEFINES, (shape), false, NULL                          \
    }
#define ANNOTATES(name, only_openapi)                                          \
    {                                                                          \
        (name), KEYWORD_ANNOTATES, KEYWORD_PLAIN, (only_openapi), NULL         \
    }
#define REFUSED(name, advice)                                                  \
    {                                                                          \
        (name), KEYWORD_REFUSED, KEYWORD_PLAIN, false, (advice)                \
    }

static const struct keyword keywords[] = {
    ASSERTS("type", KEYWORD_PLAIN),
    ASSERTS("enum", KEYWORD_PLAIN),
    ASSERTS("const", KEYWORD_PLAIN),
    ASSERTS("minLength", KEYWORD_PLAIN),
    ASSERTS("maxLength", KEYWORD_PLAIN),
    ASSERTS("pattern", KEYWORD_PLAIN),
    ASSERTS("format", KEYWORD_PLAIN),
    ASSERTS("minimum", KEYWORD_PLAIN),
    ASSERTS("maximum", KEYWORD_PLAIN),
    ASSERTS("exclusiveMinimum", KEYWORD_PLAIN),
    ASSERTS("exclusiveMaximum", KEYWORD_PLAIN),
    ASSERTS("multipleOf", KEYWORD_PLAIN),
    ASSERTS("properties", KEYWORD_MAP),
    ASSERTS("required", KEYWORD_PLAIN),
    ASSERTS("additionalProperties", KEYWORD_SCHEMA),
    ASSERTS("patternProperties", KEYWORD_MAP),
    ASSERTS("propertyNames", KEYWORD_SCHEMA),
    ASSERTS("minProperties", KEYWORD_PLAIN),
    ASSERTS("maxProperties", KEYWORD_PLAIN),
    ASSERTS("dependentRequired", KEYWORD_PLAIN),
    ASSERTS("dependentSchemas", KEYWORD_MAP),
    ASSERTS("unevaluatedProperties", KEYWORD_SCHEMA),
    ASSERTS("items", KEYWORD_SCHEMA),
    ASSERTS("prefixItems", KEYWORD_LIST),
    ASSERTS("minItems", KEYWORD_PLAIN),
    ASSERTS("maxItems", KEYWORD_PLAIN),
    ASSERTS("contains", KEYWORD_SCHEMA),
    ASSERTS("minContains", KEYWORD_PLAIN),
    ASSERTS("maxContains", KEYWORD_PLAIN),
    ASSERTS("uniqueItems", KEYWORD_PLAIN),
    ASSERTS("unevaluatedItems", KEYWORD_SCHEMA),
    ASSERTS("$ref", KEYWORD_PLAIN),
    ASSERTS("allOf", KEYWORD_LIST),
    ASSERTS("anyOf", KEYWORD_LIST),
    ASSERTS("oneOf", KEYWORD_LIST),
    ASSERTS("not", KEYWORD_SCHEMA),
    ASSERTS("if", KEYWORD_SCHEMA),
    ASSERTS("then", KEYWORD_SCHEMA),
    ASSERTS("else", KEYWORD_SCHEMA),
    ASSERTS("x-parts", KEYWORD_PLAIN),
    ASSERTS("x-decorations", KEYWORD_PLAIN),
    {"discriminator", KEYWORD_ASSERTS, KEYWORD_PLAIN, true, NULL},

    DEFINES("$schema", KEYWORD_PLAIN),
    DEFINES("$id", KEYWORD_PLAIN),
    DEFINES("$anchor", KEYWORD_PLAIN),
    DEFINES("$dynamicAnchor", KEYWORD_PLAIN),
    DEFINES("$defs", KEYWORD_MAP),

    ANNOTATES("title", false),
    ANNOTATES("description", false),
    ANNOTATES("default", false),
    ANNOTATES("examples", false),
    ANNOTATES("deprecated", false),
    ANNOTATES("readOnly", false),
    ANNOTATES("writeOnly", false),
    ANNOTATES("$comment", false),
    ANNOTATES("contentEncoding", false),
    ANNOTATES("contentMediaType", false),
    ANNOTATES("contentSchema", false),
    ANNOTATES("example", true),
    ANNOTATES("xml", true),
    ANNOTATES("externalDocs", true),

    REFUSED("$dynamicRef", "is not enforced: what it means depends on the "
                           "way that led to it; use \"$ref\""),
    REFUSED("$vocabulary", "is not enforced: only the standard vocabularies "
                           "of 2020-12 are known"),
    REFUSED("nullable", "is OpenAPI 3.0; in 3.1 write \"type\": [..., "
                        "\"null\"]"),
    REFUSED("definitions", "is from an older draft; write \"$defs\""),
    REFUSED("dependencies", "is from an older draft; write "
                            "\"dependentRequired\" or \"dependentSchemas\""),
    REFUSED("additionalItems", "is from an older draft; write "
                               "\"prefixItems\" and \"items\""),
    REFUSED("$recursiveRef", "is from an older draft; use \"$ref\""),
    REFUSED("$recursiveAnchor", "is from an older draft; write \"$anchor\""),
    REFUSED("id", "is from an older draft; write \"$id\""),
};

const struct keyword *keyword_find(struct text name,
                                   enum schema_dialect dialect)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(keywords); i++)
        if (text_is(name, keywords[i].name) &&
            (!keywords[i].only_openapi || dialect == SCHEMA_OPENAPI))
            return &keywords[i];
    return NULL;
}

/* ---- suggestions ---- */

#define SUGGEST_MAX 32 /* no keyword is longer */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned keyword_distance(struct text a, struct text b)
{
    unsigned d[SUGGEST_MAX + 1][SUGGEST_MAX + 1];
    size_t i, k;

    if (a.len > SUGGEST_MAX || b.len > SUGGEST_MAX)
        return UINT_MAX;
    for (i = 0; i <= a.len; i++)
        d[i][0] = (unsigned)i;
    for (k = 0; k <= b.len; k++)
        d[0][k] = (unsigned)k;
    for (i = 1; i <= a.len; i++) {
        for (k = 1; k <= b.len; k++) {
            char x = lower(a.data[i - 1]), y = lower(b.data[k - 1]);

            d[i][k] = least(d[i - 1][k], d[i][k - 1]) + 1;
            d[i][k] = least(d[i][k], d[i - 1][k - 1] + (x != y));
            if (i > 1 && k > 1 && x == lower(b.data[k - 2]) &&
                y == lower(a.data[i - 2]))
                d[i][k] = least(d[i][k], d[i - 2][k - 2] + 1);
        }
    }
    return d[a.len][b.len];
}

/* The keyword that `name` was probably meant to be, or NULL. */
static const char *keyword_near(struct text name, enum schema_dialect dialect)
{
    unsigned best = name.len < 6 ? 2 : 4; /* below this is near */
    const char *found = NULL;
    size_t i;

    for (i = 0; i < ARRAY_LEN(keywords); i++) {
        unsigned d;

        if (keywords[i].use == KEYWORD_REFUSED ||
            (keywords[i].only_openapi && dialect != SCHEMA_OPENAPI))
            continue;
        d = keyword_distance(name, text_of(keywords[i].name));
        if (d < best) {
            best = d;
            found = keywords[i].name;
        }
    }
    return found;
}

void keywords_check(struct compiler *c, struct build *b)
{
    enum schema_dialect dialect = c->source->dialect;
    size_t i;

    for (i = 0; i < b->at->count; i++) {
        const struct json_member *m = &b->at->members[i];
        const struct keyword *k = keyword_find(m->name, dialect);
        const char *near;

        if (k && k->use != KEYWORD_REFUSED)
            continue;
        if (!k && dialect == SCHEMA_OPENAPI &&
            schema_pass_foreign(c->problems, c->source->doc, b->at, m))
            continue;
        b->is_broken = true;
        near = k ? NULL : keyword_near(m->name, dialect);
        if (k)
            json_problem_key(c->problems, c->source->doc, b->at, m, "\"%s\" %s",
                             k->name, k->advice);
        else if (near)
            json_problem_key(c->problems, c->source->doc, b->at, m,
                             "unknown keyword \"%s\", did you mean \"%s\"?",
                             m->name.data, near);
        else
            json_problem_key(c->problems, c->source->doc, b->at, m,
                             "unknown keyword \"%s\": it would not be "
                             "enforced",
                             m->name.data);
    }
}
