/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/scope.c - to whom a policy applies.
 *
 * Three lists, each of names or "*"; one that is left out is "*". A request
 * is meant when all three say so. The lists are sorted when loaded and
 * searched by halves: an organisation may well list a thousand numbers.
 *
 * A sender who is not known (not yet, or the upstream could not tell) is
 * meant by every list of senders: what is uncertain is held to more rules,
 * not to fewer.
 */
#include "policy/organisation.h"

#include <stdlib.h>

#include "base/check.h"

static int compare_names(const void *left, const void *right)
{
    const char *const *a = left, *const *b = right;

    return strcmp(*a, *b);
}

bool policy_names_have(const struct policy_names *n, struct text name)
{
    size_t low = 0, high = n->count;

    if (n->is_any)
        return true;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct text t = text_of(n->names[middle]);
        size_t shorter = t.len < name.len ? t.len : name.len;
        int order = memcmp(t.data, name.data, shorter);

        if (order == 0)
            order = (t.len > name.len) - (t.len < name.len);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* A sorted copy of the names in `list` (an array of strings, or NULL). */
static void load_names(struct policy_loader *l, const struct json_document *doc,
                       const struct json_value *list, struct policy_names *out)
{
    *out = (struct policy_names){.is_any = !list};
    if (!list)
        return;
    out->names = policy_array(l, list->count, sizeof(*out->names));
    for (size_t i = 0; out->names && i < list->count; i++) {
        const struct json_value *v = list->items[i];

        if (v->type != JSON_STRING || v->text.len == 0 ||
            memchr(v->text.data, '\0', v->text.len)) {
            json_problem(l->problems, doc, v, "must be a name, or \"*\"");
            continue;
        }
        if (text_is(v->text, "*"))
            out->is_any = true;
        out->names[out->count] = policy_strdup(l, v->text);
        if (out->names[out->count])
            out->count++;
    }
    if (out->count > 0)
        qsort(out->names, out->count, sizeof(*out->names), compare_names);
    for (size_t i = 1; i < out->count; i++)
        if (strcmp(out->names[i - 1], out->names[i]) == 0)
            json_problem(l->problems, doc, list, "names \"%s\" twice",
                         out->names[i]);
    if (list->count == 0)
        json_warning(l->problems, doc, list,
                     "is empty, so that the policy never applies; leave it "
                     "out, or write [\"*\"], to mean all");
}

/* Where a contract could not be read, any name may be one of its. */
static bool is_operation(const struct policy_loader *l, struct text id)
{
    for (size_t i = 0; i < l->snap->entry_count; i++)
        if (text_is(id, l->snap->entries[i]->operation.id))
            return true;
    return l->lacks_operations;
}

static void check_operations(struct policy_loader *l,
                             const struct json_document *doc,
                             const struct json_value *list)
{
    char hint[POLICY_HINT_SIZE];

    for (size_t i = 0; list && i < list->count; i++) {
        const struct json_value *v = list->items[i];

        if (v->type == JSON_STRING && v->text.len > 0 &&
            !text_is(v->text, "*") && !is_operation(l, v->text))
            json_problem(
                l->problems, doc, v, "no contract has an operation \"%.*s\"%s",
                TEXT_ARG(v->text), policy_hint_operation(l, v->text, hint));
    }
}

static void check_consumers(struct policy_loader *l,
                            const struct json_document *doc,
                            const struct json_value *list)
{
    for (size_t i = 0; list && i < list->count; i++) {
        const struct json_value *v = list->items[i];

        if (v->type == JSON_STRING && v->text.len > 0 && !text_is(v->text, "*"))
            policy_check_consumer(l, doc, v, v->text);
    }
}

static void check_senders(struct policy_loader *l,
                          const struct json_document *doc,
                          const struct json_value *list)
{
    for (size_t i = 0; list && i < list->count; i++) {
        const struct json_value *v = list->items[i];

        if (v->type == JSON_STRING && v->text.len > 0 &&
            !text_is(v->text, "*") && !policy_is_e164(v->text))
            json_problem(l->problems, doc, v,
                         "a sender is a number like +14155550100, or \"*\"");
    }
}

void policy_scope_load(struct policy_loader *l, const struct json_document *doc,
                       const struct json_value *policy,
                       struct policy_scope *out)
{
    const struct json_value *applies = json_get(policy, "applies"), *list;

    out->operations.is_any = out->consumers.is_any = out->senders.is_any = true;
    if (!applies)
        return;
    list = policy_member(l, doc, applies, "operations", JSON_ARRAY);
    load_names(l, doc, list, &out->operations);
    check_operations(l, doc, list);
    list = policy_member(l, doc, applies, "consumers", JSON_ARRAY);
    load_names(l, doc, list, &out->consumers);
    if (!out->consumers.is_any && out->consumers.count > 0 &&
        !l->load->has_consumers)
        json_warning(l->problems, doc, list,
                     "names consumers, and the configuration has none: the "
                     "policy never applies");
    check_consumers(l, doc, list);
    list = policy_member(l, doc, applies, "senders", JSON_ARRAY);
    load_names(l, doc, list, &out->senders);
    check_senders(l, doc, list);
}

bool policy_scope_covers(const struct policy_scope *s,
                         const struct policy_operation *op)
{
    if (!policy_names_have(&s->operations, text_of(op->id)))
        return false;
    return s->senders.is_any || op->sender_in != POLICY_SENDER_NONE;
}

bool policy_scope_meets(const struct policy_scope *s,
                        const struct policy_facts *facts)
{
    if (!s->consumers.is_any && !facts->any_consumer &&
        (text_is_absent(facts->consumer) ||
         !policy_names_have(&s->consumers, facts->consumer)))
        return false;
    return text_is_absent(facts->sender) ||
           policy_names_have(&s->senders, facts->sender);
}

bool policy_use_counts(const struct policy_use *use,
                       const struct policy_facts *facts)
{
    return !use->scope || policy_scope_meets(use->scope, facts);
}
