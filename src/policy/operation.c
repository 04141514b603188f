/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/operation.c - one operation of a contract, compiled.
 *
 * What comes out is a policy_entry without its plan: which policies apply to
 * the operation is known only when all files are read (link.c).
 *
 * "x-chatgate" points into bodies, parameters and answers by name. A name
 * that nothing has would silence a limit or empty a column of the record, so
 * it is checked against the schema and is a problem, not a surprise.
 *
 * OpenAPI 3.1 sections 4.8.10 (operation object), 4.8.13 (request body).
 */
#include "policy/contract.h"

#include <stdio.h>

#include "base/check.h"

static const struct policy_key operation_keys[] = {
    {"operationId", NULL},
    {"summary", NULL},
    {"description", NULL},
    {"tags", NULL},
    {"externalDocs", NULL},
    {"parameters", NULL},
    {"requestBody", NULL},
    {"responses", NULL},
    {"callbacks", NULL},
    {"deprecated", NULL},
    {"security", NULL},
    {"x-chatgate", NULL},
    {"servers",
     "chatgate forwards every operation to upstream.url: take \"servers\" out "
     "of the operation"},
};

static const struct policy_key body_keys[] = {
    {"description", NULL},
    {"content", NULL},
    {"required", NULL},
};

static const struct policy_key media_keys[] = {
    {"schema", NULL},
    {"example", NULL},
    {"examples", NULL},
    {"encoding",
     "\"encoding\" is for forms, which are not enforced: bodies are JSON"},
};

static const struct policy_key chatgate_keys[] = {
    {"sender", NULL},
    {"record", NULL},
    {"learn", NULL},
};

static const struct policy_key record_keys[] = {
    {"recipients", NULL},
    {"parts", NULL},
    {"effect", NULL},
    {"idempotency_key", NULL},
};

/* An operation while it is compiled. */
struct draft {
    struct policy_document *d;
    struct policy_loader *l;
    const struct policy_path_item *item;
    const struct json_value *value;
    struct policy_entry *e;
    const struct json_value *body_schema; /* or NULL */
    bool is_broken;                       /* something of it cannot be used */
};

/* ---- parameters ---- */

struct parameter_list {
    const struct policy_parameter **list;
    size_t count;
};

static const struct policy_parameter *
find_parameter(const struct parameter_list *p, enum policy_place in,
               const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->list[i]->in == in && strcmp(p->list[i]->name, name) == 0)
            return p->list[i];
    return NULL;
}

/* Append what "parameters" at `values` says. `over`: the operation's own,
 * which replace those of the path. */
static void read_parameters(struct draft *f, const struct json_value *values,
                            const struct parameter_list *over,
                            struct parameter_list *to)
{
    for (size_t i = 0; values && i < values->count; i++) {
        bool is_ignored;
        const struct policy_parameter *p =
            policy_parameter_load(f->d, values->items[i], &is_ignored);

        if (!p) {
            f->is_broken = f->is_broken || !is_ignored;
            continue;
        }
        if (over && find_parameter(over, p->in, p->name))
            continue;
        if (find_parameter(to, p->in, p->name)) {
            json_problem(f->l->problems, f->d->doc, values->items[i],
                         "the parameter \"%s\" is described twice", p->name);
            f->is_broken = true;
            continue;
        }
        to->list[to->count++] = p;
    }
}

static bool is_in_template(const struct policy_path_item *item,
                           const char *name)
{
    for (size_t i = 0; i < item->name_count; i++)
        if (text_is(item->names[i], name))
            return true;
    return false;
}

/* Those of the path in the template's order, then those of the query. */
static void arrange_parameters(struct draft *f,
                               const struct parameter_list *all)
{
    const struct policy_path_item *item = f->item;
    struct policy_parameter *out = policy_array(f->l, all->count, sizeof(*out));
    size_t n = 0;

    if (!out)
        return;
    for (size_t i = 0; i < item->name_count; i++) {
        size_t k = 0;

        while (k < all->count && !(all->list[k]->in == POLICY_IN_PATH &&
                                   text_is(item->names[i], all->list[k]->name)))
            k++;
        if (k < all->count) {
            out[n++] = *all->list[k];
            continue;
        }
        f->is_broken = true;
        json_problem(f->l->problems, f->d->doc, f->value,
                     "the path's parameter {%.*s} is not described: add it to "
                     "\"parameters\"",
                     TEXT_ARG(item->names[i]));
    }
    for (size_t i = 0; i < all->count; i++) {
        const struct policy_parameter *p = all->list[i];

        if (p->in == POLICY_IN_QUERY) {
            out[n++] = *p;
        } else if (!is_in_template(item, p->name)) {
            f->is_broken = true;
            json_problem(f->l->problems, f->d->doc, f->value,
                         "the parameter {%s} is described, but the path %s "
                         "has no such place",
                         p->name, item->template);
        }
    }
    f->e->operation.parameters = out;
    f->e->operation.parameter_count = n;
}

static void compile_parameters(struct draft *f)
{
    const struct json_value *own =
        policy_member(f->l, f->d->doc, f->value, "parameters", JSON_ARRAY);
    const struct json_value *shared = f->item->parameters;
    size_t most = (own ? own->count : 0) + (shared ? shared->count : 0);
    struct parameter_list mine = {0}, all;

    mine.list = policy_array(f->l, most, sizeof(const void *));
    if (!mine.list)
        return;
    read_parameters(f, own, NULL, &mine);
    all = mine;
    read_parameters(f, shared, &mine, &all);
    arrange_parameters(f, &all);
}

/* ---- body ---- */

static void compile_body_schema(struct draft *f, const struct json_value *at)
{
    enum status s = schema_compile(f->l->snap->schemas, &f->d->source, at,
                                   f->l->problems, &f->e->body);

    if (s == STATUS_NO_MEMORY)
        f->l->no_memory = true;
    f->is_broken = f->is_broken || s != STATUS_OK;
    f->body_schema = at;
}

static void compile_content(struct draft *f, const struct json_value *content)
{
    const struct json_value *media = NULL, *schema;

    for (size_t i = 0; i < content->count; i++) {
        const struct json_member *m = &content->members[i];

        if (text_is(m->name, "application/json")) {
            media = m->value;
            continue;
        }
        json_problem_key(f->l->problems, f->d->doc, content, m,
                         "only application/json is enforced, written so and "
                         "without parameters: take this one out, and "
                         "such requests are answered 415");
        f->is_broken = true;
    }
    if (!media) {
        if (content->count == 0)
            json_problem(f->l->problems, f->d->doc, content,
                         "a request body needs \"application/json\"");
        f->is_broken = true;
        return;
    }
    if (!POLICY_CHECK_OPENAPI(f->l, f->d->doc, media, "a media type",
                              media_keys))
        return;
    schema = json_get(media, "schema");
    if (schema)
        compile_body_schema(f, schema);
}

static void compile_body(struct draft *f)
{
    struct policy_operation *op = &f->e->operation;
    const struct json_value *body = json_get(f->value, "requestBody");
    const struct json_value *content;

    op->body = POLICY_BODY_NONE;
    if (!body)
        return;
    if (strcmp(op->method, "GET") == 0 || strcmp(op->method, "HEAD") == 0) {
        json_problem(f->l->problems, f->d->doc, body,
                     "a %s request carries no body: take \"requestBody\" out",
                     op->method);
        f->is_broken = true;
        return;
    }
    body = policy_resolve(f->d, body, "requestBodies");
    if (!body || !POLICY_CHECK_OPENAPI(f->l, f->d->doc, body, "a request body",
                                       body_keys)) {
        f->is_broken = true;
        return;
    }
    op->body = policy_member_bool(f->l, f->d->doc, body, "required", false)
                   ? POLICY_BODY_REQUIRED
                   : POLICY_BODY_OPTIONAL;
    content = policy_member(f->l, f->d->doc, body, "content", JSON_OBJECT);
    if (content) {
        compile_content(f, content);
    } else if (!json_get(body, "content")) {
        json_problem(f->l->problems, f->d->doc, body,
                     "a request body needs \"content\"");
        f->is_broken = true;
    }
}

/* ---- x-chatgate ---- */

/* A pointer into the body that the body's schema names, or NULL. */
static const char *body_pointer(struct draft *f, const struct json_value *in,
                                const char *key)
{
    struct text at = policy_member_text(f->l, f->d->doc, in, key);
    const struct json_value *value = json_get(in, key);

    if (text_is_absent(at))
        return NULL;
    if (at.len == 0 || !policy_is_pointer(at, false)) {
        json_problem(f->l->problems, f->d->doc, value,
                     "must be a JSON Pointer to a member of the body, as in "
                     "\"/from\"");
        return NULL;
    }
    if (f->is_broken)
        return NULL; /* its body may be what is wrong */
    if (!f->body_schema) {
        json_problem(f->l->problems, f->d->doc, value,
                     "points into the body, and the operation describes none");
        return NULL;
    }
    if (!policy_schema_names(f->d, f->body_schema, at)) {
        json_problem(f->l->problems, f->d->doc, value,
                     "the schema of the body names no %.*s", TEXT_ARG(at));
        return NULL;
    }
    return policy_strdup(f->l, at);
}

static int parameter_index(const struct draft *f, enum policy_place in,
                           struct text name)
{
    const struct policy_operation *op = &f->e->operation;

    for (size_t i = 0; i < op->parameter_count; i++)
        if (op->parameters[i].in == in && text_is(name, op->parameters[i].name))
            return (int)i;
    return -1;
}

/* The operation's parameter that "sender" names by `key`, or -1. */
static int sender_parameter(struct draft *f, const struct json_value *sender,
                            const char *key, enum policy_place in)
{
    struct text name = policy_member_text(f->l, f->d->doc, sender, key);
    const struct json_value *value = json_get(sender, key);
    int index;

    if (text_is_absent(name)) {
        if (!value)
            json_problem(f->l->problems, f->d->doc, sender,
                         "needs \"%s\": the parameter's name", key);
        return -1;
    }
    index = f->is_broken ? -1 : parameter_index(f, in, name);
    if (index < 0 && !f->is_broken)
        json_problem(f->l->problems, f->d->doc, value,
                     "the operation has no %s parameter \"%.*s\"",
                     in == POLICY_IN_PATH ? "path" : "query", TEXT_ARG(name));
    if (index >= 0 && f->e->operation.parameters[index].is_array) {
        json_problem(f->l->problems, f->d->doc, value,
                     "the sender must be one value, not an array");
        return -1;
    }
    return index;
}

static void compile_sender(struct draft *f, const struct json_value *sender)
{
    static const struct policy_key body[] = {{"in", NULL}, {"at", NULL}};
    static const struct policy_key query[] = {{"in", NULL}, {"name", NULL}};
    static const struct policy_key chat[] = {{"in", NULL}, {"param", NULL}};
    struct policy_operation *op = &f->e->operation;
    struct text in = policy_member_text(f->l, f->d->doc, sender, "in");

    if (text_is(in, "body")) {
        POLICY_CHECK_KEYS(f->l, f->d->doc, sender, "a sender in the body",
                          body);
        f->e->sender_at = body_pointer(f, sender, "at");
        if (!json_get(sender, "at"))
            json_problem(f->l->problems, f->d->doc, sender,
                         "needs \"at\": a JSON Pointer into the body");
        op->sender_in = POLICY_SENDER_BODY;
    } else if (text_is(in, "query")) {
        POLICY_CHECK_KEYS(f->l, f->d->doc, sender, "a sender in the query",
                          query);
        op->sender_parameter =
            sender_parameter(f, sender, "name", POLICY_IN_QUERY);
        op->sender_in = POLICY_SENDER_QUERY;
    } else if (text_is(in, "chat")) {
        POLICY_CHECK_KEYS(f->l, f->d->doc, sender, "a sender by chat", chat);
        op->chat_parameter =
            sender_parameter(f, sender, "param", POLICY_IN_PATH);
        op->sender_in = POLICY_SENDER_CHAT;
    } else if (!text_is_absent(in) || !json_get(sender, "in")) {
        json_problem(f->l->problems, f->d->doc, sender,
                     "needs \"in\": \"body\", \"query\" or \"chat\"");
    }
}

static void compile_learn(struct draft *f, const struct json_value *x)
{
    struct text learn = policy_member_text(f->l, f->d->doc, x, "learn");

    if (text_is_absent(learn))
        return;
    if (!policy_is_pointer(learn, true))
        json_problem(f->l->problems, f->d->doc, json_get(x, "learn"),
                     "must be a JSON Pointer into the answer, as in \"/chat\" "
                     "or \"/chats/*\"; \"\" is the answer itself");
    else if (!f->d->has_chat)
        json_problem(f->l->problems, f->d->doc, json_get(x, "learn"),
                     "the document's own \"x-chatgate\" must say by \"chat\" "
                     "what a chat looks like");
    else
        f->e->operation.learn = policy_strdup(f->l, learn);
}

static void compile_x_chatgate(struct draft *f)
{
    const struct json_value *x = json_get(f->value, "x-chatgate"), *part;

    if (!x || !POLICY_CHECK_KEYS(f->l, f->d->doc, x,
                                 "an operation's x-chatgate", chatgate_keys))
        return;
    part = policy_member(f->l, f->d->doc, x, "sender", JSON_OBJECT);
    if (part)
        compile_sender(f, part);
    part = json_get(x, "record");
    if (part &&
        POLICY_CHECK_KEYS(f->l, f->d->doc, part, "record", record_keys)) {
        f->e->recipients_at = body_pointer(f, part, "recipients");
        f->e->parts_at = body_pointer(f, part, "parts");
        f->e->effect_at = body_pointer(f, part, "effect");
        f->e->idempotency_at = body_pointer(f, part, "idempotency_key");
    }
    compile_learn(f, x);
}

/* ---- the whole ---- */

/* By its operationId; one that has none is "GET /path". */
static bool compile_id(struct draft *f)
{
    struct text id =
        policy_member_text(f->l, f->d->doc, f->value, "operationId");
    const struct json_value *value = json_get(f->value, "operationId");
    const struct policy_snapshot *s = f->l->snap;

    if (!value) {
        f->e->operation.id =
            arena_printf(&f->l->snap->arena, "%s %s", f->e->operation.method,
                         f->item->template);
        if (!f->e->operation.id)
            f->l->no_memory = true;
        id = text_of(f->e->operation.id);
    }
    if (id.len == 0) {
        if (!text_is_absent(id))
            json_problem(f->l->problems, f->d->doc, value,
                         "must not be empty: records, limits and policies name "
                         "the operation by it");
        return false;
    }
    for (size_t i = 0; i < s->entry_count; i++)
        if (text_is(id, s->entries[i]->operation.id)) {
            json_problem(f->l->problems, f->d->doc, value ? value : f->value,
                         "\"%.*s\" is already the operation %s %s of %s",
                         TEXT_ARG(id), s->entries[i]->operation.method,
                         s->entries[i]->operation.template,
                         s->entries[i]->operation.contract->file);
            return false;
        }
    if (value)
        f->e->operation.id = policy_strdup(f->l, id);
    return true;
}

struct policy_entry *policy_operation_load(struct policy_document *d,
                                           const struct policy_path_item *item,
                                           const char *method,
                                           const struct json_value *value)
{
    struct draft f = {.d = d, .l = d->loader, .item = item, .value = value};
    struct policy_operation *op;
    bool is_named;

    if (!POLICY_CHECK_OPENAPI(f.l, d->doc, value, "an operation",
                              operation_keys))
        return NULL;
    f.e = policy_alloc(f.l, sizeof(*f.e));
    if (!f.e)
        return NULL;
    f.e->doc = d->doc;
    f.e->value = value;
    op = &f.e->operation;
    op->method = method;
    op->template = item->template;
    op->contract = d->contract;
    is_named = compile_id(&f);
    op->chat_parameter = op->sender_parameter = -1;
    op->sender_tap = op->recipients_tap = op->parts_tap = op->effect_tap =
        op->idempotency_tap = POLICY_TAP_NONE;
    compile_parameters(&f);
    compile_body(&f);
    compile_x_chatgate(&f);
    return is_named ? f.e : NULL;
}
