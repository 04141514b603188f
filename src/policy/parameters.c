/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/parameters.c - the parameters of one request, decoded and validated.
 *
 * A query is read as forms are (application/x-www-form-urlencoded): pairs
 * between "&", names and values percent-decoded, "+" a space. chatgate and the
 * upstream must not read one query in two ways, because a sender in it
 * decides what a caller may do. So a name counts as the parameter that it
 * decodes to; a second value of a parameter that takes one is refused, not
 * first or last taken; and what some servers would take for the parameter as
 * well ("from[]=", or "x=1;from=") is refused too. Names that the contract does
 * not know pass.
 *
 * Text is allocated in the caller's arena, one run of a plan each value.
 */
#include "base/check.h"
#include "base/uri.h"
#include "policy/model.h"
#include "schema/run.h"

/* One request while its parameters are read. */
struct reading {
    const struct policy_operation *op;
    const struct schema_limits *limits;
    struct arena *arena;
    struct policy_parameters *out;
    enum status status;
};

/* The values of one parameter, decoded. */
struct values {
    struct text *list;
    size_t count, size;
    bool is_query;
    bool has_plus; /* one of a query had a "+", which is a space */
};

static void add_finding(struct reading *r, const struct policy_parameter *p,
                        const char *rule, const char *message)
{
    struct policy_finding *f;

    if (r->status != STATUS_OK ||
        r->out->finding_count == SCHEMA_VIOLATIONS_MAX)
        return;
    if (!r->out->findings)
        r->out->findings =
            arena_array(r->arena, SCHEMA_VIOLATIONS_MAX, sizeof(*f));
    if (!r->out->findings || !rule || !message) {
        r->status = STATUS_NO_MEMORY;
        return;
    }
    f = &r->out->findings[r->out->finding_count++];
    *f = (struct policy_finding){
        .pointer = p->pointer,
        .record_pointer = p->pointer,
        .rule = rule,
        .message = message,
        .policy = r->op->contract->name,
    };
}

static const char *rule_prefix(const struct policy_parameter *p)
{
    return p->in == POLICY_IN_PATH ? "path." : "query.";
}

/* "query." or "path." before a keyword; rules of chatgate's own have a dot
 * already. */
static const char *rule_name(struct reading *r,
                             const struct policy_parameter *p, const char *rule)
{
    if (strchr(rule, '.'))
        return arena_strdup(r->arena, text_of(rule));
    return arena_printf(r->arena, "%s%s", rule_prefix(p), rule);
}

static bool is_utf8(struct text t)
{
    for (size_t i = 0; i < t.len;) {
        size_t n = text_utf8_sequence(t.data + i, t.len - i);

        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

/* Escapes were checked by policy_route(). Absent when out of memory. */
static struct text decode(struct reading *r, struct text raw,
                          bool plus_is_space)
{
    char *out = arena_alloc(r->arena, raw.len + 1);
    size_t len;

    if (!out) {
        r->status = STATUS_NO_MEMORY;
        return text_of(NULL);
    }
    if (uri_decode(raw, plus_is_space, out, &len) != STATUS_OK) {
        r->status = STATUS_INVALID;
        return text_of(NULL);
    }
    return text_make(out, len);
}

/* ---- values ---- */

static const char *message_of(struct reading *r, const struct values *v,
                              const struct schema_violation *found)
{
    if (v->has_plus)
        return arena_printf(r->arena,
                            "%s (a + in a query is a space: write %%2B for a "
                            "plus)",
                            found->message);
    return arena_strdup(r->arena, text_of(found->message));
}

/* Is it what the schema says? */
static bool is_valid(struct reading *r, const struct policy_parameter *p,
                     const struct values *v)
{
    struct schema_run *run;
    const struct schema_violation *found;
    size_t count = 0;

    for (size_t i = 0; i < v->count; i++)
        if (!is_utf8(v->list[i])) {
            add_finding(r, p, rule_name(r, p, "utf8"),
                        "the value is not UTF-8");
            return false;
        }
    run = schema_run_new(p->plan, r->limits);
    if (!run) {
        r->status = STATUS_NO_MEMORY;
        return false;
    }
    if (schema_run_values(run, v->list, v->count) == STATUS_NO_MEMORY)
        r->status = STATUS_NO_MEMORY;
    count = schema_run_violations(run, &found);
    for (size_t i = 0; i < count; i++)
        add_finding(r, p, rule_name(r, p, found[i].rule),
                    message_of(r, v, &found[i]));
    schema_run_free(run);
    return count == 0 && r->status == STATUS_OK;
}

static void add_value(struct reading *r, struct values *v, struct text raw)
{
    struct text *list;

    if (v->count == v->size) {
        size_t size = v->size > 0 ? v->size * 2 : 1;

        list = arena_array(r->arena, size, sizeof(*list));
        if (!list) {
            r->status = STATUS_NO_MEMORY;
            return;
        }
        if (v->count > 0)
            memcpy(list, v->list, v->count * sizeof(*list));
        v->list = list;
        v->size = size;
    }
    v->has_plus = v->has_plus || (v->is_query && raw.len > 0 &&
                                  memchr(raw.data, '+', raw.len));
    v->list[v->count] = decode(r, raw, v->is_query);
    v->count += r->status == STATUS_OK;
}

/* A list with commas; an empty value is an empty list. */
static void add_list(struct reading *r, struct values *v, struct text raw)
{
    struct text rest = raw, item;

    if (raw.len == 0)
        return;
    while (!text_is_absent(rest) && r->status == STATUS_OK) {
        rest = text_cut(rest, ',', &item);
        add_value(r, v, item);
    }
}

/* ---- the path ---- */

static void to_lower(struct text t)
{
    char *data = (char *)(uintptr_t)t.data; /* ours: decode() made it */

    for (size_t i = 0; i < t.len; i++)
        if (data[i] >= 'A' && data[i] <= 'Z')
            data[i] = (char)(data[i] | 0x20);
}

static void check_segment(struct reading *r, const struct policy_parameter *p,
                          int index, struct text segment)
{
    struct values v = {0};

    if (p->is_array)
        add_list(r, &v, segment);
    else
        add_value(r, &v, segment);
    if (r->status != STATUS_OK || !is_valid(r, p, &v))
        return;
    if (index == r->op->chat_parameter && v.count > 0) {
        to_lower(v.list[0]);
        r->out->chat = v.list[0];
    }
}

/* ---- the query ---- */

/* The next pair between "&"; empty ones are passed over. */
static bool next_pair(struct text *rest, struct text *name, struct text *value)
{
    struct text pair = {NULL, 0};

    while (pair.len == 0) {
        if (text_is_absent(*rest))
            return false;
        *rest = text_cut(*rest, '&', &pair);
    }
    *value = text_cut(pair, '=', name);
    if (text_is_absent(*value))
        *value = text_make(pair.data + pair.len, 0);
    return true;
}

/* Does an escaped name decode to this one? No memory for the many that are
 * written plainly. */
static bool is_name(struct reading *r, struct text raw, const char *name)
{
    struct text decoded = raw;

    if (raw.len > 0 &&
        (memchr(raw.data, '%', raw.len) || memchr(raw.data, '+', raw.len)))
        decoded = decode(r, raw, true);
    return r->status == STATUS_OK && text_is(decoded, name);
}

/* "from[]", "from[0]": some servers read them as "from". */
static bool is_bracketed(struct reading *r, struct text raw, const char *name)
{
    struct text decoded = decode(r, raw, true), head;

    if (r->status != STATUS_OK)
        return false;
    return !text_is_absent(text_cut(decoded, '[', &head)) &&
           text_is(head, name);
}

/* "x=1;from=2": some servers take ";" for "&". */
static bool is_behind_semicolon(struct reading *r, struct text raw,
                                const char *name)
{
    struct text rest = raw, pair, key;

    rest = text_cut(rest, ';', &pair);
    while (!text_is_absent(rest)) {
        rest = text_cut(rest, ';', &pair);
        text_cut(pair, '=', &key);
        if (is_name(r, key, name))
            return true;
    }
    return false;
}

static bool is_ambiguous(struct reading *r, const struct policy_parameter *p,
                         struct text name, struct text value)
{
    struct text pair = {name.data,
                        (size_t)(value.data + value.len - name.data)};
    bool brackets =
        memchr(name.data, '[', name.len) || memchr(name.data, '%', name.len);

    if (!p->is_array && brackets && is_bracketed(r, name, p->name))
        return true;
    return memchr(pair.data, ';', pair.len) &&
           is_behind_semicolon(r, pair, p->name);
}

static void check_query(struct reading *r, const struct policy_parameter *p,
                        int index, struct text query)
{
    struct values v = {.is_query = true};
    struct text rest = query, name, value;
    size_t times = 0;

    while (r->status == STATUS_OK && next_pair(&rest, &name, &value)) {
        if (is_name(r, name, p->name)) {
            times++;
            if (p->is_array && !p->is_explode)
                add_list(r, &v, value);
            else if (p->is_array || times == 1)
                add_value(r, &v, value);
        } else if (name.len > 0 && is_ambiguous(r, p, name, value)) {
            add_finding(r, p, "query.ambiguous",
                        "another parameter could be read as this one: write "
                        "%5B for [ and %3B for ; where they are meant as text, "
                        "and the parameter by its own name");
            return;
        }
    }
    if (r->status != STATUS_OK)
        return;
    if (times > 1 && !(p->is_array && p->is_explode)) {
        add_finding(r, p, "query.duplicate",
                    "the parameter is given more than once");
    } else if (times == 0) {
        if (p->is_required)
            add_finding(r, p, "query.required", "the parameter is required");
    } else if (is_valid(r, p, &v) && index == r->op->sender_parameter &&
               v.count > 0) {
        r->out->sender = v.list[0];
    }
}

enum status policy_check_parameters(const struct policy_route *route,
                                    const struct schema_limits *limits,
                                    struct arena *arena,
                                    struct policy_parameters *out)
{
    struct reading r = {route->operation, limits, arena, out, STATUS_OK};

    *out = (struct policy_parameters){0};
    for (size_t i = 0; r.op && i < r.op->parameter_count; i++) {
        const struct policy_parameter *p = &r.op->parameters[i];

        if (p->in == POLICY_IN_PATH)
            check_segment(&r, p, (int)i, route->segments[i]);
        else
            check_query(&r, p, (int)i, route->query);
    }
    return r.status;
}
