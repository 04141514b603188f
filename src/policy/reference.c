/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/reference.c - where a contract points to, and whether that is there.
 *
 * Two kinds of pointing: "$ref" of OpenAPI's own objects, which leads to the
 * components of the same file and nowhere else; and the JSON Pointers of
 * "x-chatgate" into bodies, which are held against the body's schema, because
 * a pointer that no schema names would never find anything.
 *
 * A "$ref" inside a schema is another matter: the schema compiler follows it.
 *
 * OpenAPI 3.1 section 4.8.23, RFC 6901.
 */
#include "policy/contract.h"

#include "base/check.h"

#define REFERENCES_MAX 16   /* one after the other */
#define SCHEMA_DEPTH_MAX 32 /* while a name is looked for */

static bool check_reference(struct policy_document *d,
                            const struct json_value *v,
                            const struct json_value *ref, const char *kind,
                            struct text *name)
{
    struct text prefix = TEXT("#/components/");
    struct problems *problems = d->loader->problems;

    for (size_t i = 0; i < v->count; i++)
        if (v->members[i].value != ref &&
            !text_is(v->members[i].name, "summary") &&
            !text_is(v->members[i].name, "description"))
            json_problem_key(problems, d->doc, v, &v->members[i],
                             "stands beside \"$ref\" and would be ignored");
    if (ref->type != JSON_STRING) {
        json_problem(problems, d->doc, ref, "must be a string");
        return false;
    }
    *name = ref->text;
    if (text_starts_with(*name, prefix)) {
        *name = text_make(name->data + prefix.len, name->len - prefix.len);
        if (text_starts_with(*name, text_of(kind)) &&
            name->len > strlen(kind) + 1 && name->data[strlen(kind)] == '/')
            return true;
    }
    json_problem(problems, d->doc, ref,
                 "leads elsewhere: only references to #/components/%s/ of the "
                 "same file are followed here",
                 kind);
    return false;
}

const struct json_value *policy_resolve(struct policy_document *d,
                                        const struct json_value *v,
                                        const char *kind)
{
    const struct json_value *first = v;

    for (int i = 0; i < REFERENCES_MAX; i++) {
        const struct json_value *ref = json_get(v, "$ref");
        struct text name;

        if (!ref)
            return v;
        if (!check_reference(d, v, ref, kind, &name))
            return NULL;
        v = json_at(d->doc->root,
                    text_make(ref->text.data + 1, ref->text.len - 1));
        if (!v) {
            json_problem(d->loader->problems, d->doc, ref,
                         "there is nothing at %.*s", TEXT_ARG(ref->text));
            return NULL;
        }
    }
    json_problem(d->loader->problems, d->doc, first,
                 "the reference leads in a circle");
    return NULL;
}

bool policy_is_pointer(struct text t, bool stars)
{
    struct text rest, token;

    if (t.len == 0)
        return true;
    if (t.data[0] != '/')
        return false;
    rest = text_make(t.data + 1, t.len - 1);
    while (!text_is_absent(rest)) {
        rest = text_cut(rest, '/', &token);
        if (!stars && text_is(token, "*"))
            return false;
        for (size_t i = 0; i < token.len; i++)
            if (token.data[i] == '~' &&
                (i + 1 == token.len ||
                 (token.data[i + 1] != '0' && token.data[i + 1] != '1')))
                return false;
    }
    return true;
}

static bool names_below(const struct policy_document *d,
                        const struct json_value *v, struct text pointer,
                        int depth)
{
    static const char *const combined[] = {"allOf", "anyOf", "oneOf"};
    static const char *const applied[] = {"if", "then", "else"};
    const struct json_value *to = json_get(v, "$ref"), *list;
    struct text rest, token;

    if (pointer.len == 0)
        return true;
    if (!v || v->type != JSON_OBJECT || depth == 0)
        return false;
    if (to && to->type == JSON_STRING && to->text.len > 0 &&
        names_below(d,
                    json_at(d->doc->root,
                            text_make(to->text.data + 1, to->text.len - 1)),
                    pointer, depth - 1))
        return true;
    rest = text_cut(text_make(pointer.data + 1, pointer.len - 1), '/', &token);
    to = json_at(json_get(v, "properties"),
                 text_make(pointer.data, token.len + 1));
    if (to && names_below(d, to,
                          text_is_absent(rest)
                              ? rest
                              : text_make(rest.data - 1, rest.len + 1),
                          depth - 1))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(combined); i++) {
        list = json_get(v, combined[i]);
        for (size_t k = 0; list && list->type == JSON_ARRAY && k < list->count;
             k++)
            if (names_below(d, list->items[k], pointer, depth - 1))
                return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(applied); i++)
        if (names_below(d, json_get(v, applied[i]), pointer, depth - 1))
            return true;
    return false;
}

bool policy_schema_names(const struct policy_document *d,
                         const struct json_value *v, struct text pointer)
{
    return names_below(d, v, pointer, SCHEMA_DEPTH_MAX);
}
