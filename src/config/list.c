/* SPDX-License-Identifier: Apache-2.0
 *
 * config/list.c - lists: `listen`, `trusted_proxies`, `unmatched`.
 *
 * A JSON array or text with commas is taken apart, and each element becomes
 * one of an array in the configuration's arena. A problem names the element.
 */
#include "config/value.h"

#include "base/check.h"

#define MAX_LIST 1024

static bool is_token(struct text t)
{
    for (size_t i = 0; i < t.len; i++) {
        char c = t.data[i];

        if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return t.len > 0;
}

static const char *prefix_problem(struct text t)
{
    if (t.len == 0 || t.data[0] != '/')
        return "must begin with '/'";
    for (size_t i = 0; i < t.len; i++)
        if ((unsigned char)t.data[i] <= 0x20 ||
            (unsigned char)t.data[i] >= 0x7f || t.data[i] == '?' ||
            t.data[i] == '#')
            return "must be a path: no spaces, '?', '#' or bytes outside "
                   "ASCII";
    if (config_path_has_odd_segments(t))
        return "must have no empty, '.' or '..' segments";
    return NULL;
}

/* A member of an element of `unmatched`: a string, or NULL after complaint. */
static const struct json_value *string_member(struct config_reader *r,
                                              const struct config_raw *raw,
                                              const char *name)
{
    const struct json_value *v = json_get(raw->json, name);

    if (!v)
        config_value_problem(r, raw, "\"%s\" is missing", name);
    else if (v->type != JSON_STRING)
        json_problem(r->problems, r->doc, v, "must be a string, not %s",
                     json_type_phrase(v->type));
    return v && v->type == JSON_STRING ? v : NULL;
}

static void set_unmatched(struct config_reader *r, const struct config_raw *raw,
                          struct config_unmatched *field)
{
    const struct json_value *object = raw->json, *method, *prefix;
    const char *problem;

    if (object->type != JSON_OBJECT) {
        config_value_problem(r, raw,
                             "must be an object, as in {\"method\": "
                             "\"*\", \"prefix\": \"/v3/files\"}");
        return;
    }
    for (size_t i = 0; i < object->count; i++)
        if (!text_is(object->members[i].name, "method") &&
            !text_is(object->members[i].name, "prefix"))
            json_problem_key(r->problems, r->doc, object, &object->members[i],
                             "unknown key; \"method\" and \"prefix\" are all");
    method = string_member(r, raw, "method");
    prefix = string_member(r, raw, "prefix");
    if (method && !is_token(method->text))
        json_problem(r->problems, r->doc, method,
                     "must be a method in capitals, or \"*\" for any");
    if (prefix) {
        problem = prefix_problem(prefix->text);
        if (problem)
            json_problem(r->problems, r->doc, prefix, "%s", problem);
    }
    if (!method || !prefix)
        return;
    field->method = config_value_keep(r, method->text);
    field->prefix = config_value_keep(r, prefix->text);
}

static void set_cidr(struct config_reader *r, const struct config_raw *raw,
                     struct config_cidr *field)
{
    const char *why = "";
    enum status s = config_cidr_parse(raw->text, r->arena, field, &why);

    if (s != STATUS_OK)
        config_value_failed(r, raw, s, why);
}

static size_t list_length(const struct config_raw *raw)
{
    size_t count = 1;

    if (raw->json)
        return raw->json->count;
    if (text_trim(raw->text).len == 0)
        return 0;
    for (size_t i = 0; i < raw->text.len; i++)
        count += raw->text.data[i] == ',';
    return count;
}

static size_t element_size(const struct config_key *k)
{
    switch (k->type) {
    case CONFIG_ADDRESSES:
        return sizeof(struct config_address);
    case CONFIG_CIDRS:
        return sizeof(struct config_cidr);
    default:
        return sizeof(struct config_unmatched);
    }
}

static void set_element(struct config_reader *r, const struct config_key *k,
                        const struct config_raw *raw, void *element)
{
    if (k->type == CONFIG_UNMATCHED)
        set_unmatched(r, raw, element);
    else if (raw->json && raw->json->type != JSON_STRING)
        config_value_problem(r, raw, "must be a string, not %s",
                             json_type_phrase(raw->json->type));
    else if (k->type == CONFIG_ADDRESSES)
        config_value_set_address(r, raw, element);
    else
        set_cidr(r, raw, element);
}

static void set_elements(struct config_reader *r, const struct config_key *k,
                         const struct config_raw *raw, char *elements,
                         size_t count)
{
    struct text rest = raw->text;

    for (size_t i = 0; i < count; i++) {
        struct config_raw one = {.label = raw->label};

        if (raw->json) {
            one.json = raw->json->items[i];
            one.text = one.json->text;
        } else {
            rest = text_cut(rest, ',', &one.text);
            one.text = text_trim(one.text);
        }
        set_element(r, k, &one, elements + i * element_size(k));
    }
}

void config_list_set(struct config_reader *r, const struct config_key *k,
                     const struct config_raw *raw)
{
    size_t count = list_length(raw);
    void *elements;

    if (count > MAX_LIST) {
        config_value_problem(r, raw, "at most %d elements", MAX_LIST);
        return;
    }
    if (count == 0 && k->type == CONFIG_ADDRESSES) {
        config_value_problem(r, raw, "needs at least one address");
        return;
    }
    elements = arena_array(r->arena, count, element_size(k));
    if (!elements) {
        r->is_out_of_memory = true;
        return;
    }
    set_elements(r, k, raw, elements, count);
    if (k->type == CONFIG_ADDRESSES) {
        r->cfg->listen = elements;
        r->cfg->listen_count = count;
    } else if (k->type == CONFIG_CIDRS) {
        *(struct config_cidrs *)config_key_field(k, r->cfg) =
            (struct config_cidrs){elements, count};
    } else {
        r->cfg->unmatched = elements;
        r->cfg->unmatched_count = count;
    }
}
