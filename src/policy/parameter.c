/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/parameter.c - a parameter object, compiled.
 *
 * Enforced are path parameters that fill a segment (style "simple": one value,
 * or an array separated by commas) and query parameters in style "form": one
 * value, or an array as repeated names or separated by commas. Everything else
 * that OpenAPI knows is refused, with advice. Headers and cookies are: chatgate
 * forwards them as they are, so a contract that wants them checked would be a
 * promise not kept. Three header names are the exception, because OpenAPI
 * itself says that they are ignored.
 *
 * Whether text may become a number depends on the schema's type, so there has
 * to be one where the parameter's schema begins. References that stand alone
 * (beside annotations) are followed to find it.
 *
 * OpenAPI 3.1 sections 4.8.12 (parameter object), 4.8.12.2.1 (names ignored).
 */
#include "policy/contract.h"

#include "base/check.h"

#define REFERENCES_MAX 16 /* one after the other */

#define BIT(type) (1u << (type))

static const struct policy_key parameter_keys[] = {
    {"name", NULL},
    {"in", NULL},
    {"description", NULL},
    {"required", NULL},
    {"deprecated", NULL},
    {"schema", NULL},
    {"style", NULL},
    {"explode", NULL},
    {"example", NULL},
    {"examples", NULL},
    {"allowEmptyValue", NULL},
    {"allowReserved", NULL},
    {"content",
     "a parameter that is a document of its own cannot be enforced: describe "
     "it by \"schema\""},
};

/* Beside "$ref" these change nothing. */
static bool is_annotation(struct text key)
{
    static const char *const names[] = {
        "title",    "description", "default",  "example",   "examples",
        "$comment", "deprecated",  "readOnly", "writeOnly", "externalDocs",
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (text_is(key, names[i]))
            return true;
    return false;
}

/* The schema that a lone reference means; `v` when it is another schema. */
static const struct json_value *follow(const struct policy_document *d,
                                       const struct json_value *v)
{
    for (int i = 0; i < REFERENCES_MAX; i++) {
        const struct json_value *ref = json_get(v, "$ref"), *to;

        if (!ref || ref->type != JSON_STRING ||
            !text_starts_with(ref->text, TEXT_LIT("#/")))
            return v;
        for (size_t m = 0; m < v->count; m++)
            if (v->members[m].value != ref &&
                !is_annotation(v->members[m].name))
                return v;
        to = json_at(d->doc->root,
                     text_make(ref->text.data + 1, ref->text.len - 1));
        if (!to)
            return v; /* the schema compiler says why */
        v = to;
    }
    return v;
}

static bool check_style(struct policy_document *d,
                        const struct json_value *value,
                        const struct policy_parameter *p)
{
    const char *only = p->in == POLICY_IN_PATH ? "simple" : "form";
    struct text style = policy_member_text(d->loader, d->doc, value, "style");

    if (text_is_absent(style) || text_is(style, only))
        return true;
    json_problem(d->loader->problems, d->doc, json_get(value, "style"),
                 "the style %.*s is not enforced: a %s parameter is written "
                 "in style \"%s\"",
                 TEXT_ARG(style), p->in == POLICY_IN_PATH ? "path" : "query",
                 only);
    return false;
}

/* Keywords that would let more through than chatgate understands. */
static bool check_allowances(struct policy_document *d,
                             const struct json_value *value)
{
    static const char *const names[] = {"allowEmptyValue", "allowReserved"};
    bool fine = true;

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (policy_member_bool(d->loader, d->doc, value, names[i], false)) {
            json_problem(d->loader->problems, d->doc, json_get(value, names[i]),
                         "%s is not enforced: leave it out (an empty value is "
                         "checked against the schema, and reserved characters "
                         "may always be percent-encoded)",
                         names[i]);
            fine = false;
        }
    return fine;
}

static bool check_types(struct policy_document *d,
                        const struct json_value *schema_value, unsigned types,
                        struct policy_parameter *p)
{
    const unsigned scalars =
        BIT(JSON_BOOL) | BIT(JSON_NUMBER) | BIT(JSON_STRING);
    struct problems *problems = d->loader->problems;
    unsigned told = types & ~BIT(JSON_NULL);

    if (told == BIT(JSON_ARRAY)) {
        const struct json_value *type =
            json_get(follow(d, json_get(schema_value, "items")), "type");

        p->is_array = true;
        if (type && type->type == JSON_STRING &&
            (text_is(type->text, "array") || text_is(type->text, "object"))) {
            json_problem(problems, d->doc, type,
                         "an array in a parameter is one of single values");
            return false;
        }
        return true;
    }
    if (told != 0 && (told & ~scalars) == 0)
        return true;
    json_problem(problems, d->doc, schema_value,
                 "a parameter's schema needs a \"type\" that says how to read "
                 "the text: string, integer, number or boolean, or array");
    return false;
}

static bool compile_schema(struct policy_document *d,
                           const struct json_value *value,
                           struct policy_parameter *p)
{
    const struct json_value *at = json_get(value, "schema");
    const struct schema *schema = NULL;
    struct schema_use use;
    enum status s;

    if (!at) {
        json_problem(d->loader->problems, d->doc, value,
                     "a parameter needs a \"schema\"");
        return false;
    }
    at = follow(d, at);
    s = schema_compile(d->loader->snap->schemas, &d->source, at,
                       d->loader->problems, &schema);
    if (s == STATUS_NO_MEMORY)
        d->loader->no_memory = true;
    if (s != STATUS_OK || !check_types(d, at, schema_types(schema), p))
        return false;
    use.schema = schema;
    p->plan = schema_plan_new(d->loader->snap->schemas, &use, 1, NULL, 0);
    if (!p->plan)
        d->loader->no_memory = true;
    return p->plan != NULL;
}

/* Path or query; else the reason is reported, or it is one of the headers
 * that OpenAPI ignores. */
static bool find_place(struct policy_document *d,
                       const struct json_value *value, struct text name,
                       struct policy_parameter *p, bool *is_ignored)
{
    static const char *const ignored[] = {"accept", "content-type",
                                          "authorization"};
    const struct json_value *in =
        policy_member(d->loader, d->doc, value, "in", JSON_STRING);

    p->in = POLICY_IN_QUERY;
    if (in && text_is(in->text, "query"))
        return true;
    p->in = POLICY_IN_PATH;
    if (in && text_is(in->text, "path"))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        if (in && text_is(in->text, "header") &&
            text_equal_nocase(name, text_of(ignored[i])))
            *is_ignored = true;
    if (*is_ignored)
        return false;
    if (in && (text_is(in->text, "header") || text_is(in->text, "cookie")))
        json_problem(d->loader->problems, d->doc, in,
                     "a %.*s parameter is not enforced: chatgate checks path, "
                     "query and body and forwards headers as they are; take "
                     "it out of the contract",
                     TEXT_ARG(in->text));
    else if (in || !json_get(value, "in"))
        json_problem(d->loader->problems, d->doc, in ? in : value,
                     "a parameter needs \"in\": \"path\" or \"query\"");
    return false;
}

static bool check_required(struct policy_document *d,
                           const struct json_value *value,
                           struct policy_parameter *p)
{
    p->is_required =
        policy_member_bool(d->loader, d->doc, value, "required", false);
    if (p->in == POLICY_IN_QUERY || p->is_required)
        return true;
    json_problem(d->loader->problems, d->doc, value,
                 "a path parameter must be \"required\": true");
    return false;
}

static const struct policy_parameter *compile(struct policy_document *d,
                                              const struct json_value *value,
                                              bool *is_ignored)
{
    struct policy_loader *l = d->loader;
    struct policy_parameter *p;
    struct text name;
    bool fine;

    if (!POLICY_CHECK_OPENAPI(l, d->doc, value, "a parameter", parameter_keys))
        return NULL;
    name = policy_member_text(l, d->doc, value, "name");
    if (name.len == 0) {
        if (!json_get(value, "name") || !text_is_absent(name))
            json_problem(l->problems, d->doc, value,
                         "a parameter needs a \"name\"");
        return NULL;
    }
    p = policy_alloc(l, sizeof(*p));
    if (!p || !find_place(d, value, name, p, is_ignored))
        return NULL;
    p->name = policy_strdup(l, name);
    p->pointer = arena_printf(&l->snap->arena,
                              p->in == POLICY_IN_PATH ? "{%.*s}" : "?%.*s",
                              TEXT_ARG(name));
    if (!p->pointer)
        l->no_memory = true;
    p->is_explode = policy_member_bool(l, d->doc, value, "explode", true);
    fine = check_required(d, value, p);
    fine = check_style(d, value, p) && fine;
    fine = check_allowances(d, value) && fine;
    return compile_schema(d, value, p) && fine ? p : NULL;
}

const struct policy_parameter *
policy_parameter_load(struct policy_document *d, const struct json_value *value,
                      bool *is_ignored)
{
    struct policy_known *k = d->known;

    *is_ignored = false;
    value = policy_resolve(d, value, "parameters");
    if (!value)
        return NULL;
    while (k && k->value != value)
        k = k->next;
    if (!k) {
        k = policy_alloc(d->loader, sizeof(*k));
        if (!k)
            return NULL;
        k->parameter = compile(d, value, &k->is_ignored);
        k->value = value;
        k->next = d->known;
        d->known = k;
    }
    *is_ignored = k->is_ignored;
    return k->parameter;
}
