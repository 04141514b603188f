/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/judge.c - which of the violations count, and what the
 * record tells of the body.
 */
#include "gateway/exchange_state.h"

struct policy_facts judge_facts(const struct exchange *x)
{
    struct policy_facts facts = {
        .sender = x->sender,
        .client = x->client,
        .chat = x->parameters.chat,
    };
    if (x->consumer != NULL)
        facts.consumer = text_of(x->consumer->name);
    return facts;
}

/* Enforced uses whose violation refuses the request: those that count
 * whoever sends it, and once that is known, those for this sender. */
static uint64_t enforced_uses(const struct exchange *x, bool is_sender_known)
{
    const struct policy_operation *op = x->route.operation;
    struct policy_facts facts = judge_facts(x);
    uint64_t bits = 0;
    for (size_t i = 0; i < op->use_count; i++) {
        const struct policy_use *use = &op->uses[i];
        if (!use->is_shadow && (is_sender_known || !use->depends_on_sender) &&
            policy_use_counts(use, &facts))
            bits |= UINT64_C(1) << i;
    }
    return bits;
}

uint64_t judge_final_uses(const struct exchange *x)
{
    return enforced_uses(x, false);
}

bool judge_parameters_are_bad(const struct policy_parameters *p)
{
    for (size_t i = 0; i < p->finding_count; i++)
        if (!p->findings[i].is_shadow)
            return true;
    return false;
}

static bool finding_add(struct exchange *x, const struct policy_finding *f)
{
    if (x->finding_count == SCHEMA_VIOLATIONS_MAX)
        return false;
    x->findings[x->finding_count++] = *f;
    if (!f->is_shadow)
        x->enforced_count++;
    return true;
}

static bool run_finding(const struct exchange *x,
                        const struct schema_violation *v, bool is_sender_known,
                        struct policy_finding *out)
{
    const struct policy_operation *op = x->route.operation;
    struct policy_facts facts = judge_facts(x);
    *out = (struct policy_finding){
        .pointer = v->pointer,
        .record_pointer = v->record_pointer,
        .rule = v->rule,
        .message = v->message,
        .policy = op->contract->name,
    };
    if (v->use == SCHEMA_USE_JSON)
        return true;
    const struct policy_use *use = &op->uses[v->use];
    out->policy = use->policy;
    out->is_shadow = use->is_shadow;
    if (use->depends_on_sender && !is_sender_known)
        return false;
    return policy_use_counts(use, &facts);
}

/* Everything that counts, enforced first; at most SCHEMA_VIOLATIONS_MAX.
 * Texts are copied, so that the run can go. */
void judge_collect(struct exchange *x, bool is_sender_known)
{
    const struct schema_violation *list = NULL;
    size_t count = x->run ? schema_run_violations(x->run, &list) : 0;
    x->finding_count = x->enforced_count = 0;
    if (x->findings == NULL)
        x->findings =
            arena_array(&x->arena, SCHEMA_VIOLATIONS_MAX, sizeof(*x->findings));
    if (x->findings == NULL)
        return;
    for (int shadow = 0; shadow <= 1; shadow++) {
        for (size_t i = 0; i < x->parameters.finding_count; i++)
            if (x->parameters.findings[i].is_shadow == shadow)
                finding_add(x, &x->parameters.findings[i]);
        for (size_t i = 0; i < count; i++) {
            struct policy_finding f;
            if (!run_finding(x, &list[i], is_sender_known, &f) ||
                f.is_shadow != shadow)
                continue;
            f.pointer = arena_strdup(&x->arena, text_of(f.pointer));
            f.record_pointer =
                arena_strdup(&x->arena, text_of(f.record_pointer));
            f.message = arena_strdup(&x->arena, text_of(f.message));
            if (f.pointer && f.record_pointer && f.message)
                finding_add(x, &f);
        }
    }
}

/* What the record tells of the body: only values that passed their schema. */
static struct text tapped_text(struct exchange *x, int tap)
{
    struct text found = {NULL, 0};
    if (tap != POLICY_TAP_NONE &&
        schema_run_tap_text(x->run, (size_t)tap, &found))
        found = arena_text(&x->arena, found);
    return found;
}

static int64_t tapped_count(struct exchange *x, int tap)
{
    uint64_t count;
    if (tap != POLICY_TAP_NONE &&
        schema_run_tap_count(x->run, (size_t)tap, &count))
        return (int64_t)count;
    return -1;
}

void judge_take_taps(struct exchange *x)
{
    const struct policy_operation *op = x->route.operation;
    if (x->run == NULL)
        return;
    x->recipients = tapped_count(x, op->recipients_tap);
    x->parts = tapped_count(x, op->parts_tap);
    x->effect = tapped_text(x, op->effect_tap);
    x->idempotency_key = tapped_text(x, op->idempotency_tap);
}

bool judge_is_bad(struct exchange *x, bool is_sender_known)
{
    judge_collect(x, is_sender_known);
    /* Whatever the list holds (it may have had no memory): what is broken is
     * never forwarded. */
    bool is_broken = x->run != NULL && (schema_run_broken(x->run) &
                                        enforced_uses(x, is_sender_known)) != 0;
    return x->enforced_count > 0 || is_broken ||
           judge_parameters_are_bad(&x->parameters);
}
