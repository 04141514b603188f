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
 * OpenAPI 3.1 sections 4.8.1 (document), 4.8.8 and 4.8.9 (paths).
 */
#include "policy/contract.h"

#include <stdio.h>

#include "base/check.h"
#include "policy/route.h"

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
        else if (v)
            d->loader->lacks_operations = true;
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
        !POLICY_CHECK_OPENAPI(l, d->doc, value, "a path", path_keys)) {
        l->lacks_operations = true;
        return;
    }
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
        l->lacks_operations = true;
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
        if (!schema_pass_foreign(l->problems, d->doc, paths,
                                 &paths->members[i]))
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
        !POLICY_CHECK_OPENAPI(l, d.doc, d.doc->root, "a contract",
                              document_keys))
        return;
    check_version(&d);
    check_dialect(&d);
    components = json_get(d.doc->root, "components");
    if (components)
        POLICY_CHECK_OPENAPI(l, d.doc, components, "components",
                             component_keys);
    compile_x_chatgate(&d);
    load_paths(&d);
    compile_lookup(&d, first);
    warn_without_lookup(&d, first);
}
