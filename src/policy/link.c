/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/link.c - which policies ask what of which operation.
 *
 * When all files are read, every operation gets one plan of all that is asked
 * of its body (the contract first, then the policies in name order), so that
 * a body is read once however many ask; and a list of the limits that may
 * apply, with the costs worked out.
 *
 * A policy for certain consumers or senders is in the plan of all: who it is
 * that sends may be known only when the body has been read. Whether its
 * verdict counts is asked then (policy_use_counts).
 */
#include "policy/link.h"

#include "base/check.h"
#include "policy/organisation.h"

/* ---- counting ---- */

static size_t count_uses(const struct policy_snapshot *s,
                         const struct policy_operation *op)
{
    size_t n = 1;

    for (size_t i = 0; i < s->policy_count; i++)
        n += s->policies[i]->body && op->body != POLICY_BODY_NONE &&
             policy_scope_covers(&s->policies[i]->scope, op);
    return n;
}

/* Limits without anything that only an operation has. `op` NULL: a request
 * that is forwarded unvalidated. */
static bool is_due(const struct policy_organisation *o,
                   const struct policy_limit *limit,
                   const struct policy_operation *op)
{
    const unsigned general = POLICY_PER_CONSUMER | POLICY_PER_CLIENT;

    if (op)
        return policy_scope_covers(&o->scope, op) &&
               policy_limit_cost(limit, op->id) > 0;
    return o->scope.operations.is_any && o->scope.senders.is_any &&
           (limit->per & ~general) == 0;
}

/* Those that one consumer's request may meet; absent: one whom no policy
 * names. A sender nobody knows meets the limits of all senders. */
static size_t count_for(const struct policy_snapshot *s,
                        const struct policy_operation *op, struct text consumer)
{
    size_t n = 0;

    for (size_t i = 0; i < s->policy_count; i++) {
        const struct policy_organisation *o = s->policies[i];

        if (!o->scope.consumers.is_any &&
            (text_is_absent(consumer) ||
             !policy_names_have(&o->scope.consumers, consumer)))
            continue;
        for (size_t k = 0; k < o->limit_count; k++)
            n += is_due(o, &o->limits[k], op);
    }
    return n;
}

static size_t count_charges(const struct policy_snapshot *s,
                            const struct policy_operation *op)
{
    size_t most = count_for(s, op, text_of(NULL));

    for (size_t i = 0; i < s->policy_count; i++) {
        const struct policy_names *names = &s->policies[i]->scope.consumers;

        for (size_t k = 0; !names->is_any && k < names->count; k++) {
            size_t n = count_for(s, op, text_of(names->names[k]));

            most = n > most ? n : most;
        }
    }
    return most;
}

void policy_link_check(struct policy_loader *l)
{
    const struct policy_snapshot *s = l->snap;

    for (size_t i = 0; i < s->entry_count; i++) {
        const struct policy_entry *e = s->entries[i];
        size_t uses = count_uses(s, &e->operation);
        size_t charges = count_charges(s, &e->operation);

        if (uses > SCHEMA_USES_MAX)
            json_problem(l->problems, e->doc, e->value,
                         "%zu schemas would be asked of one body; at most %d "
                         "can be",
                         uses, SCHEMA_USES_MAX);
        if (charges > POLICY_CHARGES_MAX)
            json_problem(l->problems, e->doc, e->value,
                         "one request could meet %zu limits; at most %d can "
                         "be decided at once",
                         charges, POLICY_CHARGES_MAX);
    }
    if (count_charges(s, NULL) > POLICY_CHARGES_MAX)
        problems_error(l->problems, l->load->dir, 0, 0,
                       "a request that matches no operation could meet %zu "
                       "limits; at most %d can be decided at once",
                       count_charges(s, NULL), POLICY_CHARGES_MAX);
}

/* ---- building ---- */

struct uses {
    struct policy_use *list;
    struct schema_use *schemas; /* the same place for the same use */
    size_t count;
};

static void add_use(struct uses *u, const char *policy,
                    const struct schema *schema,
                    const struct policy_organisation *o)
{
    u->schemas[u->count].schema = schema;
    u->list[u->count++] = (struct policy_use){
        .policy = policy,
        .is_shadow = o && o->is_shadow,
        .depends_on_sender = o && !o->scope.senders.is_any,
        .scope = o ? &o->scope : NULL,
    };
}

static void add_tap(struct schema_tap *taps, size_t *count, const char *pointer,
                    enum schema_tap_kind kind, int *index)
{
    *index = POLICY_TAP_NONE;
    if (!pointer)
        return;
    CHECK(*count < SCHEMA_TAPS_MAX);
    *index = (int)*count;
    taps[(*count)++] = (struct schema_tap){pointer, kind};
}

static void link_plan(struct policy_loader *l, struct policy_entry *e,
                      const struct schema *no_body)
{
    const struct policy_snapshot *s = l->snap;
    struct policy_operation *op = &e->operation;
    size_t most = count_uses(s, op), taps_count = 0;
    struct uses u = {policy_array(l, most, sizeof(*u.list)),
                     policy_array(l, most, sizeof(*u.schemas)), 0};
    struct schema_tap taps[SCHEMA_TAPS_MAX];

    if (!u.list || !u.schemas)
        return;
    if (op->body == POLICY_BODY_NONE)
        add_use(&u, op->contract->name, no_body, NULL);
    else if (e->body)
        add_use(&u, op->contract->name, e->body, NULL);
    for (size_t i = 0; op->body != POLICY_BODY_NONE && i < s->policy_count; i++)
        if (s->policies[i]->body &&
            policy_scope_covers(&s->policies[i]->scope, op))
            add_use(&u, s->policies[i]->name, s->policies[i]->body,
                    s->policies[i]);
    add_tap(taps, &taps_count, e->sender_at, SCHEMA_TAP_TEXT, &op->sender_tap);
    add_tap(taps, &taps_count, e->recipients_at, SCHEMA_TAP_COUNT,
            &op->recipients_tap);
    add_tap(taps, &taps_count, e->parts_at, SCHEMA_TAP_COUNT, &op->parts_tap);
    add_tap(taps, &taps_count, e->effect_at, SCHEMA_TAP_TEXT, &op->effect_tap);
    add_tap(taps, &taps_count, e->idempotency_at, SCHEMA_TAP_TEXT,
            &op->idempotency_tap);
    op->uses = u.list;
    op->use_count = u.count;
    op->plan =
        schema_plan_new(s->schemas, u.schemas, u.count, taps, taps_count);
    if (!op->plan)
        l->no_memory = true;
}

static void add_dues(const struct policy_organisation *o,
                     const struct policy_operation *op, struct policy_dues *to)
{
    for (size_t k = 0; k < o->limit_count; k++)
        if (is_due(o, &o->limits[k], op))
            to->list[to->count++] = (struct policy_due){
                .policy = o,
                .limit = &o->limits[k],
                .cost = policy_limit_cost(&o->limits[k], op ? op->id : NULL),
            };
}

static void link_dues(struct policy_loader *l,
                      const struct policy_operation *op,
                      struct policy_dues *out)
{
    const struct policy_snapshot *s = l->snap;
    size_t most = 0;

    for (size_t i = 0; i < s->policy_count; i++)
        most += s->policies[i]->limit_count;
    out->list = policy_array(l, most, sizeof(*out->list));
    if (!out->list)
        return;
    for (size_t i = 0; i < s->policy_count; i++)
        if (!s->policies[i]->is_shadow)
            add_dues(s->policies[i], op, out);
    for (size_t i = 0; i < s->policy_count; i++)
        if (s->policies[i]->is_shadow)
            add_dues(s->policies[i], op, out);
}

/* What a body may be where the contract defines none. */
static const struct schema *compile_no_body(struct policy_loader *l)
{
    struct json_document *doc = NULL;
    struct schema_source source = {.dialect = SCHEMA_JSON};
    const struct schema *out = NULL;
    enum status s;

    s = json_parse(TEXT_LIT("{\"type\": \"object\", \"maxProperties\": 0}"),
                   "no body", 0, l->problems, &doc);
    if (s == STATUS_OK) {
        source.doc = doc;
        source.root = doc->root;
        s = schema_compile(l->snap->schemas, &source, doc->root, l->problems,
                           &out);
    }
    json_free(doc);
    if (s != STATUS_OK)
        l->no_memory = true; /* nothing else can be wrong with it */
    return out;
}

void policy_link(struct policy_loader *l)
{
    const struct policy_snapshot *s = l->snap;
    const struct schema *no_body = compile_no_body(l);

    for (size_t i = 0; no_body && i < s->entry_count; i++) {
        link_plan(l, s->entries[i], no_body);
        link_dues(l, &s->entries[i]->operation, &s->entries[i]->dues);
    }
    link_dues(l, NULL, &l->snap->unmatched_dues);
}
