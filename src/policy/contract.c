/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/contract.c - an OpenAPI 3.1 document, compiled.
 *
 * The document is read from the top down: its own keys, its "x-chatgate",
 * then path by path. Components are looked at only where a request's side
 * refers to them: what describes answers is documentation.
 *
 * "security" is let through: it says what the upstream asks for, and the
 * upstream asks. "servers" of the document too: where requests go is the
 * configuration's upstream.url. Both are refused where they would single out
 * one path or operation, which chatgate could not do.
 *
 * OpenAPI 3.1 sections 4.8.1 (document), 4.8.8 and 4.8.9 (paths), 4.8.23
 * (references).
 */
#include "policy/contract.h"

#include <stdio.h>

#include "base/check.h"
#include "policy/route.h"

#define REFERENCES_MAX 16   /* one after the other */
#define SCHEMA_DEPTH_MAX 32 /* while a name is looked for */

static const struct policy_key document_keys[] = {
    {"openapi", NULL},
    {"info", NULL},
    {"jsonSchemaDialect", NULL},
    {"servers", NULL},
    {"paths", NULL},
    {"webhooks", NULL},
    {"components", NULL},
    {"security", NULL},
    {"tags", NULL},
    {"externalDocs", NULL},
    {"x-chatgate", NULL},
    {"swagger",
     "Swagger 2.0 is another format: convert the document to OpenAPI 3.1"},
    {"definitions", "OpenAPI 3.1 has schemas at \"components\"/\"schemas\""},
};

static const struct policy_key component_keys[] = {
    {"schemas", NULL},   {"responses", NULL},       {"parameters", NULL},
    {"examples", NULL},  {"requestBodies", NULL},   {"headers", NULL},
    {"links", NULL},     {"securitySchemes", NULL}, {"callbacks", NULL},
    {"pathItems", NULL},
};

static const struct policy_key path_keys[] = {
    {"summary", NULL},
    {"description", NULL},
    {"parameters", NULL},
    {"get", NULL},
    {"put", NULL},
    {"post", NULL},
    {"delete", NULL},
    {"options", NULL},
    {"head", NULL},
    {"patch", NULL},
    {"trace", "chatgate does not forward TRACE"},
    {"servers",
     "chatgate forwards every path to upstream.url: take \"servers\" out of "
     "the path"},
};

static const struct policy_key chatgate_keys[] = {
    {"errors", NULL},
    {"trace_id", NULL},
    {"chat", NULL},
    {"lookup", NULL},
};

static const struct {
    const char *key, *method;
} methods[] = {
    {"get", "GET"},         {"head", "HEAD"},   {"post", "POST"},
    {"put", "PUT"},         {"patch", "PATCH"}, {"delete", "DELETE"},
    {"options", "OPTIONS"},
};

/* ---- references ---- */

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

/* ---- x-chatgate of the document ---- */

static void compile_errors(struct policy_document *d,
                           const struct json_value *errors)
{
    for (size_t i = 0; errors && i < errors->count; i++) {
        const struct json_member *m = &errors->members[i];
        uint64_t status;
        int64_t code;

        if (m->name.len != 3 ||
            text_to_u64(m->name, 599, &status) != STATUS_OK || status < 400) {
            json_problem_key(d->loader->problems, d->doc, errors, m,
                             "an error's status is \"400\" to \"599\"");
            continue;
        }
        if (json_to_i64(m->value, &code) != STATUS_OK || code < 1 ||
            code > 1000000) {
            json_problem(d->loader->problems, d->doc, m->value,
                         "an error's code is a number from 1 to 1000000");
            continue;
        }
        d->contract->error_code[status] = (int)code;
    }
}

static void compile_trace_id(struct policy_document *d,
                             const struct json_value *value)
{
    static const struct policy_key keys[] = {{"body", NULL}, {"header", NULL}};
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    struct policy_loader *l = d->loader;
    struct text body, header;

    if (!POLICY_CHECK_KEYS(l, d->doc, value, "trace_id", keys))
        return;
    body = policy_member_text(l, d->doc, value, "body");
    header = policy_member_text(l, d->doc, value, "header");
    if (!text_is_absent(body) &&
        (body.len == 0 || !policy_is_pointer(body, false)))
        json_problem(l->problems, d->doc, json_get(value, "body"),
                     "must be a JSON Pointer into the answer, as in "
                     "\"/trace_id\"");
    else if (!text_is_absent(body))
        d->contract->trace_body = policy_strdup(l, body);
    if (text_is_absent(header))
        return;
    if (header.len == 0 || strspn(header.data, token) != header.len)
        json_problem(l->problems, d->doc, json_get(value, "header"),
                     "is no header's name");
    else
        d->contract->trace_header = policy_strdup(l, header);
}

static void compile_chat(struct policy_document *d,
                         const struct json_value *value)
{
    static const struct policy_key keys[] = {
        {"id", NULL}, {"handles", NULL}, {"handle", NULL}, {"mine", NULL}};
    struct policy_contract *c = d->contract;
    const char **const to[] = {&c->chat_id, &c->chat_handles, &c->chat_handle,
                               &c->chat_mine};

    if (!POLICY_CHECK_KEYS(d->loader, d->doc, value, "chat", keys))
        return;
    d->has_chat = true;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct text name =
            policy_member_text(d->loader, d->doc, value, keys[i].name);

        if (!text_is_absent(name))
            *to[i] = policy_strdup(d->loader, name);
        else if (!json_get(value, keys[i].name))
            json_problem(d->loader->problems, d->doc, value,
                         "needs \"%s\": the name of a member", keys[i].name);
    }
}

static void compile_x_chatgate(struct policy_document *d)
{
    const struct json_value *x = json_get(d->doc->root, "x-chatgate"), *part;

    if (!x || !POLICY_CHECK_KEYS(d->loader, d->doc, x,
                                 "the document's x-chatgate", chatgate_keys))
        return;
    compile_errors(d,
                   policy_member(d->loader, d->doc, x, "errors", JSON_OBJECT));
    part = json_get(x, "trace_id");
    if (part)
        compile_trace_id(d, part);
    part = json_get(x, "chat");
    if (part)
        compile_chat(d, part);
}

/* What keeps an operation from telling who sends in a chat, given nothing
 * but the chat's id; or NULL. */
static const char *lookup_problem(const struct policy_operation *op)
{
    if (strcmp(op->method, "GET") != 0)
        return "must be a GET: it is asked only to know";
    if (op->chat_parameter < 0)
        return "must have \"sender\": {\"in\": \"chat\", ...}";
    if (!op->learn)
        return "must have \"learn\"";
    for (size_t i = 0; i < op->parameter_count; i++)
        if ((int)i != op->chat_parameter && op->parameters[i].is_required)
            return "must need no parameter but the chat's id";
    return NULL;
}

static void compile_lookup(struct policy_document *d, size_t first)
{
    struct policy_loader *l = d->loader;
    const struct json_value *x = json_get(d->doc->root, "x-chatgate");
    const struct json_value *value = json_get(x, "lookup");
    struct text id = policy_member_text(l, d->doc, x, "lookup");
    char hint[POLICY_HINT_SIZE];
    const char *problem;

    if (text_is_absent(id))
        return;
    for (size_t i = first; i < l->snap->entry_count; i++) {
        const struct policy_operation *op = &l->snap->entries[i]->operation;

        if (!text_is(id, op->id))
            continue;
        problem = lookup_problem(op);
        if (problem)
            json_problem(l->problems, d->doc, value, "the operation %s %s",
                         op->id, problem);
        d->contract->lookup = op;
        return;
    }
    json_problem(l->problems, d->doc, value,
                 "there is no operation \"%.*s\" in this document%s",
                 TEXT_ARG(id), policy_hint_operation(l, id, hint));
}

/* Senders that only a chat tells, and nothing to ask: limits by sender would
 * fall back to the chat until an answer happens to show it. */
static void warn_without_lookup(struct policy_document *d, size_t first)
{
    const struct policy_snapshot *s = d->loader->snap;

    for (size_t i = first; !d->contract->lookup && i < s->entry_count; i++)
        if (s->entries[i]->operation.sender_in == POLICY_SENDER_CHAT) {
            json_warning(d->loader->problems, d->doc, s->entries[i]->value,
                         "the sender is found by the chat, and the document's "
                         "\"x-chatgate\" names no \"lookup\": in a chat that "
                         "no answer has shown, the sender stays unknown");
            return;
        }
}

/* ---- paths ---- */

static bool add_entry(struct policy_loader *l, struct policy_entry *e)
{
    struct policy_snapshot *s = l->snap;

    /* Doubling in the arena: what is left behind is no more than the list. */
    if ((s->entry_count & (s->entry_count - 1)) == 0) {
        size_t size = s->entry_count > 0 ? s->entry_count * 2 : 1;
        struct policy_entry **list = policy_array(l, size, sizeof(*list));

        if (!list)
            return false;
        if (s->entry_count > 0)
            memcpy(list, s->entries, s->entry_count * sizeof(*list));
        s->entries = list;
    }
    s->entries[s->entry_count++] = e;
    return true;
}

static void load_operations(struct policy_document *d,
                            const struct policy_path_item *item,
                            const struct json_value *value,
                            struct policy_node *node)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        const struct json_value *v = json_get(value, methods[i].key);
        struct policy_entry *e =
            v ? policy_operation_load(d, item, methods[i].method, v) : NULL;

        if (e && add_entry(d->loader, e))
            policy_routes_add(node, e);
    }
}

static void load_path(struct policy_document *d, const struct json_value *paths,
                      const struct json_member *m)
{
    struct policy_loader *l = d->loader;
    const struct json_value *value = policy_resolve(d, m->value, "pathItems");
    struct policy_path_item item = {0};
    struct policy_node *node;
    const char *problem =
        policy_template_problem(m->name, item.names, &item.name_count);

    if (problem)
        json_problem_key(l->problems, d->doc, paths, m, "%s", problem);
    if (!value || problem ||
        !POLICY_CHECK_KEYS(l, d->doc, value, "a path", path_keys))
        return;
    item.template = policy_strdup(l, m->name);
    if (!item.template)
        return;
    node = policy_routes_node(l, item.template);
    if (!node)
        return;
    if (node->template) {
        json_problem_key(l->problems, d->doc, paths, m,
                         "has the same shape as %s of %s: requests could mean "
                         "either",
                         node->template, node->file);
        return;
    }
    node->template = item.template;
    node->file = d->contract->file;
    item.parameters = policy_member(l, d->doc, value, "parameters", JSON_ARRAY);
    load_operations(d, &item, value, node);
}

static void load_paths(struct policy_document *d)
{
    struct policy_loader *l = d->loader;
    const struct json_value *root = d->doc->root;
    const struct json_value *paths =
        policy_member(l, d->doc, root, "paths", JSON_OBJECT);

    if (!paths) {
        if (!json_get(root, "paths"))
            json_problem(l->problems, d->doc, root,
                         "a contract needs \"paths\": without them it has no "
                         "operations");
        return;
    }
    for (size_t i = 0; i < paths->count; i++)
        load_path(d, paths, &paths->members[i]);
}

/* ---- the document ---- */

static void check_version(struct policy_document *d)
{
    const struct json_value *root = d->doc->root;
    struct text version =
        policy_member_text(d->loader, d->doc, root, "openapi");

    if (text_is_absent(version)) {
        if (!json_get(root, "openapi") && !json_get(root, "swagger"))
            json_problem(d->loader->problems, d->doc, root,
                         "is no contract: it needs \"openapi\": \"3.1.0\" (an "
                         "organisation's policy is named *.policy.json)");
    } else if (text_starts_with(version, TEXT_LIT("3.0"))) {
        json_problem(d->loader->problems, d->doc, json_get(root, "openapi"),
                     "OpenAPI 3.0 has another schema language: convert the "
                     "document to 3.1 (\"nullable\" becomes \"type\": "
                     "[..., \"null\"], boolean exclusiveMinimum a number)");
    } else if (!text_starts_with(version, TEXT_LIT("3.1."))) {
        json_problem(d->loader->problems, d->doc, json_get(root, "openapi"),
                     "only OpenAPI 3.1 is understood, not %.*s",
                     TEXT_ARG(version));
    }
}

static void check_dialect(struct policy_document *d)
{
    static const char *const known[] = {
        "https://json-schema.org/draft/2020-12/schema",
        "https://spec.openapis.org/oas/3.1/dialect/base",
    };
    struct text dialect = policy_member_text(d->loader, d->doc, d->doc->root,
                                             "jsonSchemaDialect");

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (text_is_absent(dialect) || text_is(dialect, known[i]))
            return;
    json_problem(d->loader->problems, d->doc,
                 json_get(d->doc->root, "jsonSchemaDialect"),
                 "this schema dialect is not understood: leave it out, or "
                 "write \"%s\"",
                 known[0]);
}

static bool add_contract(struct policy_document *d,
                         const struct policy_file *file)
{
    struct policy_snapshot *s = d->loader->snap;

    d->contract = policy_alloc(d->loader, sizeof(*d->contract));
    if (!d->contract)
        return false;
    d->contract->name = policy_file_stem(d->loader, file->name);
    d->contract->file = file->path;
    s->contracts[s->contract_count++] = d->contract;
    return true;
}

void policy_contract_load(struct policy_loader *l,
                          const struct policy_file *file)
{
    struct policy_document d = {
        .loader = l,
        .doc = file->doc,
        .source = {file->doc, file->doc->root, SCHEMA_OPENAPI},
    };
    size_t first = l->snap->entry_count;
    const struct json_value *components;

    if (!add_contract(&d, file) ||
        !POLICY_CHECK_KEYS(l, d.doc, d.doc->root, "a contract", document_keys))
        return;
    check_version(&d);
    check_dialect(&d);
    components = json_get(d.doc->root, "components");
    if (components)
        POLICY_CHECK_KEYS(l, d.doc, components, "components", component_keys);
    compile_x_chatgate(&d);
    load_paths(&d);
    compile_lookup(&d, first);
    warn_without_lookup(&d, first);
}
