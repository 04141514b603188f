/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/organisation.c - one *.policy.json, compiled.
 *
 * What can be read is compiled, whatever else is wrong with the file, so that
 * one run tells all of it; a member of the wrong type counts as not there.
 * Then the whole file is held against the schema that editors use too
 * (format.c), which tells the rest. The body's schema is plain JSON Schema:
 * "#" in it is the body's schema itself, not the file.
 */
#include "policy/organisation.h"

#include "base/check.h"

static bool is_taken(const struct policy_snapshot *s, struct text name,
                     const char **file)
{
    for (size_t i = 0; i < s->policy_count; i++)
        if (s->policies[i]->name && text_is(name, s->policies[i]->name)) {
            *file = s->policies[i]->file;
            return true;
        }
    for (size_t i = 0; i < s->contract_count; i++)
        if (text_is(name, s->contracts[i]->name)) {
            *file = s->contracts[i]->file;
            return true;
        }
    return false;
}

static void load_name(struct policy_loader *l, const struct json_document *doc,
                      struct policy_organisation *out)
{
    const struct json_value *value = json_get(doc->root, "name");
    struct text name = policy_member_text(l, doc, doc->root, "name");
    const char *file;

    if (text_is_absent(name))
        return;
    if (!policy_is_name(name))
        json_problem(l->problems, doc, value,
                     "a policy's name is 1 to %d of a-z, 0-9, _ and -",
                     POLICY_NAME_MAX);
    else if (is_taken(l->snap, name, &file))
        json_problem(l->problems, doc, value,
                     "the name \"%.*s\" is taken by %s", TEXT_ARG(name), file);
    out->name = policy_strdup(l, name);
}

static void load_body(struct policy_loader *l, const struct json_document *doc,
                      struct policy_organisation *out)
{
    const struct json_value *body = json_get(doc->root, "body");
    struct schema_source source = {doc, body, SCHEMA_JSON};

    if (body && schema_compile(l->snap->schemas, &source, body, l->problems,
                               &out->body) == STATUS_NO_MEMORY)
        l->no_memory = true;
}

/* Reasons for which the whole policy would never do anything. */
static void warn_never(struct policy_loader *l, const struct json_document *doc,
                       const struct policy_organisation *o)
{
    const struct json_value *body = json_get(doc->root, "body");
    size_t covered = 0, with_body = 0;

    for (size_t i = 0; i < l->snap->entry_count; i++) {
        const struct policy_operation *op = &l->snap->entries[i]->operation;

        if (!policy_scope_covers(&o->scope, op))
            continue;
        covered++;
        with_body += op->body != POLICY_BODY_NONE;
    }
    if (!body && o->limit_count == 0)
        json_warning(l->problems, doc, doc->root,
                     "has neither \"body\" nor \"limits\": the policy asks "
                     "for nothing");
    else if (covered == 0 && !o->scope.senders.is_any &&
             o->scope.senders.count > 0)
        json_warning(l->problems, doc, doc->root,
                     "is for certain senders, and no operation it is for has "
                     "a sender: the policy never applies");
    else if (body && with_body == 0)
        json_warning(l->problems, doc, body,
                     "no operation that the policy is for has a body: this "
                     "never applies");
}

/* ---- keys ---- */

static const struct policy_key policy_keys[] = {
    {"name", NULL},   {"mode", NULL},        {"applies", NULL}, {"body", NULL},
    {"limits", NULL}, {"description", NULL}, {"$schema", NULL},
};

static const struct policy_key scope_keys[] = {
    {"operations", NULL},
    {"consumers", NULL},
    {"senders", NULL},
};

static const struct policy_key limit_keys[] = {
    {"name", NULL},   {"per", NULL},  {"capacity", NULL},
    {"refill", NULL}, {"cost", NULL}, {"overrides", NULL},
};

static const struct policy_key override_keys[] = {
    {"capacity", NULL},
    {"refill", NULL},
};

static void check_limit_keys(struct policy_loader *l,
                             const struct json_document *doc,
                             const struct json_value *limit)
{
    const struct json_value *overrides = json_get(limit, "overrides");

    if (limit->type != JSON_OBJECT)
        return;
    POLICY_CHECK_KEYS(l, doc, limit, "a limit", limit_keys);
    if (!overrides || overrides->type != JSON_OBJECT)
        return;
    for (size_t i = 0; i < overrides->count; i++)
        if (overrides->members[i].value->type == JSON_OBJECT)
            POLICY_CHECK_KEYS(l, doc, overrides->members[i].value,
                              "an override", override_keys);
}

/* Is every key known? What has another type is the form's business. */
static void check_keys(struct policy_loader *l, const struct json_document *doc)
{
    const struct json_value *applies = json_get(doc->root, "applies");
    const struct json_value *limits = json_get(doc->root, "limits");

    if (doc->root->type == JSON_OBJECT)
        POLICY_CHECK_KEYS(l, doc, doc->root, "a policy", policy_keys);
    if (applies && applies->type == JSON_OBJECT)
        POLICY_CHECK_KEYS(l, doc, applies, "\"applies\"", scope_keys);
    if (limits && limits->type == JSON_ARRAY)
        for (size_t i = 0; i < limits->count; i++)
            check_limit_keys(l, doc, limits->items[i]);
}

static void compile(struct policy_loader *l, const struct json_document *doc,
                    struct policy_organisation *o)
{
    struct text mode = policy_member_text(l, doc, doc->root, "mode");

    o->is_shadow = text_is(mode, "shadow");
    load_name(l, doc, o);
    policy_scope_load(l, doc, doc->root, &o->scope);
    policy_limits_load(l, doc, doc->root, o);
    load_body(l, doc, o);
}

void policy_organisation_load(struct policy_loader *l,
                              const struct policy_file *file)
{
    struct policy_organisation *o = policy_alloc(l, sizeof(*o));
    size_t errors = l->problems->errors;

    if (!o)
        return;
    o->file = file->path;
    check_keys(l, file->doc);
    compile(l, file->doc, o);
    if (policy_format_check(l, file, errors) == STATUS_NO_MEMORY)
        l->no_memory = true;
    if (l->problems->errors == errors)
        warn_never(l, file->doc, o);
    l->snap->policies[l->snap->policy_count++] = o;
}
