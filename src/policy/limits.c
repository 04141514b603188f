/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/limits.c - the limits of a policy, compiled.
 *
 * What the form's schema cannot say is checked here: names that differ, costs
 * that fit into the bucket (a request that costs more than the capacity would
 * be refused for ever), overrides keyed by what the limit counts, operations
 * that exist. Capacity and refill are bounded as the buckets are
 * (limit/bucket.h), because their arithmetic also runs in Redis in doubles.
 */
#include "policy/organisation.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"

static const struct {
    const char *name;
    unsigned bit;
} per_names[] = {
    {"sender", POLICY_PER_SENDER},       {"consumer", POLICY_PER_CONSUMER},
    {"client", POLICY_PER_CLIENT},       {"chat", POLICY_PER_CHAT},
    {"operation", POLICY_PER_OPERATION},
};

/* The file while its limits are read. */
struct reader {
    struct policy_loader *l;
    const struct json_document *doc;
    struct policy_organisation *policy;
};

static void load_capacity(struct reader *r, const struct json_value *v,
                          struct policy_rate *out)
{
    int64_t n;

    if (!v)
        return;
    if (json_to_i64(v, &n) != STATUS_OK || n < 1 || n > POLICY_CAPACITY_MAX)
        json_problem(r->l->problems, r->doc, v,
                     "a capacity is a whole number of tokens from 1 to "
                     "%" PRId64 ", without fraction or exponent",
                     POLICY_CAPACITY_MAX);
    else
        out->capacity = n;
}

/* The microseconds of "s", "m", "h" or "d"; 0 for anything else. */
static int64_t period(struct text unit)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};

    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (unit.len == 1 && unit.data[0] == units[i].unit)
            return units[i].seconds * US_PER_S;
    return 0;
}

static void load_refill(struct reader *r, const struct json_value *v,
                        struct policy_rate *out)
{
    struct text number, unit;
    uint64_t n = 0;
    enum status s;
    int64_t us;

    if (!v || v->type != JSON_STRING)
        return;
    unit = text_cut(v->text, '/', &number);
    us = period(unit);
    s = text_to_u64(number, (uint64_t)POLICY_REFILL_MAX, &n);
    if (us == 0 || s == STATUS_INVALID) {
        json_problem(r->l->problems, r->doc, v,
                     "a refill is a number of tokens a period: \"1/s\", "
                     "\"30/m\", \"500/h\", \"5000/d\"; \"0/s\" never refills");
        return;
    }
    if (s != STATUS_OK) {
        json_problem(r->l->problems, r->doc, v,
                     "a refill is at most %" PRId64 " tokens a period",
                     POLICY_REFILL_MAX);
        return;
    }
    out->refill = (int64_t)n;
    out->period_us = us;
}

static void load_per(struct reader *r, const struct json_value *per,
                     struct policy_limit *limit)
{
    for (size_t i = 0; per && per->type == JSON_ARRAY && i < per->count; i++)
        for (size_t k = 0; k < ARRAY_LEN(per_names); k++)
            if (per->items[i]->type == JSON_STRING &&
                text_is(per->items[i]->text, per_names[k].name)) {
                if (limit->per & per_names[k].bit)
                    json_problem(r->l->problems, r->doc, per->items[i],
                                 "counts \"%s\" twice", per_names[k].name);
                limit->per |= per_names[k].bit;
            }
}

static void load_cost(struct reader *r, const struct json_value *cost,
                      struct policy_limit *limit)
{
    char hint[POLICY_HINT_SIZE];

    if (!cost || cost->type != JSON_OBJECT)
        return;
    limit->costs = policy_array(r->l, cost->count, sizeof(*limit->costs));
    for (size_t i = 0; limit->costs && i < cost->count; i++) {
        const struct json_member *m = &cost->members[i];
        struct policy_cost *c = &limit->costs[limit->cost_count];
        size_t k = 0;

        while (k < r->l->snap->entry_count &&
               !text_is(m->name, r->l->snap->entries[k]->operation.id))
            k++;
        if (k == r->l->snap->entry_count && r->l->lacks_operations)
            continue; /* who knows */
        if (k == r->l->snap->entry_count) {
            json_problem_key(r->l->problems, r->doc, cost, m,
                             "no contract has an operation \"%.*s\"%s",
                             TEXT_ARG(m->name),
                             policy_hint_operation(r->l, m->name, hint));
            continue;
        }
        if (json_to_i64(m->value, &c->tokens) != STATUS_OK || c->tokens < 0) {
            json_problem(r->l->problems, r->doc, m->value,
                         "a cost is a whole number of tokens, without "
                         "fraction or exponent; 0 costs nothing");
            continue;
        }
        if (!policy_names_have(&r->policy->scope.operations, m->name))
            json_warning(r->l->problems, r->doc, m->value,
                         "the policy does not apply to this operation: its "
                         "cost is never charged");
        c->operation = r->l->snap->entries[k]->operation.id;
        limit->cost_count++;
    }
}

int64_t policy_limit_cost(const struct policy_limit *limit,
                          const char *operation)
{
    for (size_t i = 0; operation && i < limit->cost_count; i++)
        if (strcmp(limit->costs[i].operation, operation) == 0)
            return limit->costs[i].tokens;
    return 1;
}

static int compare_overrides(const void *left, const void *right)
{
    const struct policy_override *a = left, *b = right;

    return strcmp(a->key, b->key);
}

static void check_override_key(struct reader *r,
                               const struct json_value *overrides,
                               const struct json_member *m,
                               const struct policy_limit *limit)
{
    if (m->name.len == 0 || memchr(m->name.data, '\0', m->name.len))
        json_problem_key(r->l->problems, r->doc, overrides, m,
                         "an override needs a name");
    else if ((limit->per & POLICY_PER_SENDER) && !policy_is_e164(m->name))
        json_problem_key(r->l->problems, r->doc, overrides, m,
                         "the limit counts by sender, so an override is keyed "
                         "by a number like +14155550100");
    else if (!(limit->per & POLICY_PER_SENDER))
        policy_check_consumer(r->l, r->doc, m->value, m->name);
}

static void load_overrides(struct reader *r, const struct json_value *overrides,
                           struct policy_limit *limit)
{
    if (!overrides || overrides->type != JSON_OBJECT)
        return;
    if (!(limit->per & (POLICY_PER_SENDER | POLICY_PER_CONSUMER))) {
        json_problem(r->l->problems, r->doc, overrides,
                     "overrides are keyed by sender or consumer, and \"per\" "
                     "has neither");
        return;
    }
    limit->overrides =
        policy_array(r->l, overrides->count, sizeof(*limit->overrides));
    for (size_t i = 0; limit->overrides && i < overrides->count; i++) {
        const struct json_member *m = &overrides->members[i];
        struct policy_override *o = &limit->overrides[limit->override_count];

        check_override_key(r, overrides, m, limit);
        o->rate = limit->rate;
        load_capacity(r, json_get(m->value, "capacity"), &o->rate);
        load_refill(r, json_get(m->value, "refill"), &o->rate);
        o->key = policy_strdup(r->l, m->name);
        if (o->key)
            limit->override_count++;
    }
    if (limit->overrides && limit->override_count > 1)
        qsort(limit->overrides, limit->override_count,
              sizeof(*limit->overrides), compare_overrides);
}

/* A cost that no bucket could ever pay. */
static void check_costs(struct reader *r, const struct json_value *value,
                        const struct policy_limit *limit)
{
    const struct json_value *cost = json_get(value, "cost");
    int64_t least = limit->rate.capacity;
    const char *whose = NULL;

    for (size_t i = 0; i < limit->override_count; i++)
        if (limit->overrides[i].rate.capacity < least) {
            least = limit->overrides[i].rate.capacity;
            whose = limit->overrides[i].key;
        }
    for (size_t i = 0; i < limit->cost_count; i++)
        if (limit->costs[i].tokens > least)
            json_problem(r->l->problems, r->doc,
                         json_get(cost, limit->costs[i].operation),
                         "costs %" PRId64 " tokens, and the capacity%s%s is "
                         "%" PRId64 ": such a request would never be let "
                         "through",
                         limit->costs[i].tokens, whose ? " of " : "",
                         whose ? whose : "", least);
}

static void load_name(struct reader *r, const struct json_value *value,
                      struct policy_limit *limit)
{
    struct text name = policy_member_text(r->l, r->doc, value, "name");

    if (text_is_absent(name))
        return;
    if (!policy_is_name(name))
        json_problem(r->l->problems, r->doc, json_get(value, "name"),
                     "a limit's name is 1 to %d of a-z, 0-9, _ and -",
                     POLICY_NAME_MAX);
    for (size_t i = 0; i < r->policy->limit_count; i++)
        if (r->policy->limits[i].name &&
            text_is(name, r->policy->limits[i].name))
            json_problem(r->l->problems, r->doc, json_get(value, "name"),
                         "the policy has two limits named \"%.*s\"",
                         TEXT_ARG(name));
    limit->name = policy_strdup(r->l, name);
}

/* Something that is counted and never known. */
static void warn_never(struct reader *r, const struct json_value *value,
                       const struct policy_limit *limit)
{
    const struct policy_snapshot *s = r->l->snap;
    bool has_sender = false, has_chat = false;

    for (size_t i = 0; i < s->entry_count; i++) {
        const struct policy_operation *op = &s->entries[i]->operation;

        if (!policy_names_have(&r->policy->scope.operations, text_of(op->id)))
            continue;
        has_sender = has_sender || op->sender_in != POLICY_SENDER_NONE;
        has_chat = has_chat || op->chat_parameter >= 0;
    }
    if ((limit->per & POLICY_PER_CONSUMER) && !r->l->load->has_consumers)
        json_warning(r->l->problems, r->doc, value,
                     "counts by consumer, and the configuration has none: the "
                     "limit never applies");
    if ((limit->per & POLICY_PER_SENDER) && !has_sender)
        json_warning(r->l->problems, r->doc, value,
                     "counts by sender, and no operation it is for has one: "
                     "the limit never applies");
    if ((limit->per & POLICY_PER_CHAT) && !has_chat)
        json_warning(r->l->problems, r->doc, value,
                     "counts by chat, and no operation it is for has one: the "
                     "limit never applies");
}

static void load_limit(struct reader *r, const struct json_value *value)
{
    struct policy_limit *limit = &r->policy->limits[r->policy->limit_count];

    load_name(r, value, limit);
    load_capacity(r, json_get(value, "capacity"), &limit->rate);
    load_refill(r, json_get(value, "refill"), &limit->rate);
    load_per(r, json_get(value, "per"), limit);
    load_cost(r, json_get(value, "cost"), limit);
    load_overrides(r, json_get(value, "overrides"), limit);
    if (limit->rate.capacity > 0)
        check_costs(r, value, limit);
    warn_never(r, value, limit);
    r->policy->limit_count++;
}

void policy_limits_load(struct policy_loader *l,
                        const struct json_document *doc,
                        const struct json_value *policy,
                        struct policy_organisation *out)
{
    struct reader r = {l, doc, out};
    const struct json_value *limits =
        policy_member(l, doc, policy, "limits", JSON_ARRAY);

    if (!limits)
        return;
    out->limits = policy_array(l, limits->count, sizeof(*out->limits));
    for (size_t i = 0; out->limits && i < limits->count; i++)
        load_limit(&r, limits->items[i]);
}
