/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/explain.c - a question to the policies and a look at the buckets.
 */
#include "gateway/explain.h"

#include <stdlib.h>

#include "base/check.h"
#include "gateway/charges.h"

#define EXPLAIN_MAGIC 0x6578706cu
#define EXPLAIN_ARENA_MAX ((size_t)256 * 1024)
#define EXPLAIN_TEXT_MAX ((size_t)256 * 1024)

struct explain {
    uint32_t magic;
    struct worker *worker;
    struct runtime *runtime; /* one reference */
    struct arena arena;
    struct policy_route route;
    struct policy_facts facts;
    struct policy_charge charges[LIMIT_CHARGES_MAX];
    size_t count;
    struct limit_call *call;
    struct sender_search *search;
    explain_done_fn done;
    void *arg;
};

static void explain_free(struct explain *e)
{
    runtime_unref(e->runtime);
    arena_release(&e->arena);
    MAGIC_CLEAR(e);
    free(e);
}

static const char *mode_name(bool is_shadow)
{
    return is_shadow ? "shadow" : "enforce";
}

static void write_body_rules(const struct explain *e, struct json_writer *w)
{
    const struct policy_operation *op = e->route.operation;
    json_key(w, "body_rules");
    json_open_array(w);
    for (size_t i = 0; i < op->use_count; i++) {
        json_open_object(w);
        json_key(w, "policy");
        json_str(w, op->uses[i].policy);
        json_key(w, "mode");
        json_str(w, mode_name(op->uses[i].is_shadow));
        json_key(w, "applies");
        json_bool(w, policy_use_counts(&op->uses[i], &e->facts));
        json_close_object(w);
    }
    json_close_array(w);
}

static void write_limit(struct json_writer *w, const struct policy_charge *c,
                        const struct limit_verdict *v)
{
    json_open_object(w);
    json_key(w, "policy");
    json_str(w, c->policy);
    json_key(w, "limit");
    json_str(w, c->limit);
    json_key(w, "mode");
    json_str(w, mode_name(c->is_shadow));
    json_key(w, "bucket");
    json_text(w, c->key);
    json_key(w, "capacity");
    json_int(w, c->capacity);
    json_key(w, "refill");
    json_int(w, c->refill);
    json_key(w, "period_ms");
    json_int(w, c->period_us / US_PER_MS);
    json_key(w, "cost");
    json_int(w, c->cost);
    json_key(w, "remaining");
    if (v == NULL)
        json_null(w);
    else
        json_int(w, v->remaining_utok / LIMIT_UTOK);
    json_key(w, "allowed");
    if (v == NULL)
        json_null(w);
    else
        json_bool(w, v->allowed);
    json_close_object(w);
}

static enum status write_answer(const struct explain *e,
                                const struct limit_decision *d,
                                struct buffer *to)
{
    struct json_writer *w = e->worker->json;
    const struct policy_operation *op = e->route.operation;
    json_writer_begin(w, to);
    json_open_object(w);
    json_key(w, "operation");
    json_str(w, op->id);
    json_key(w, "contract");
    json_str(w, op->contract->name);
    json_key(w, "from");
    json_text(w, e->facts.sender);
    json_key(w, "consumer");
    json_text(w, e->facts.consumer);
    json_key(w, "client");
    json_text(w, e->facts.client);
    json_key(w, "chat");
    json_text(w, e->facts.chat);
    write_body_rules(e, w);
    json_key(w, "limit_source");
    json_str(w, d != NULL ? limit_source_name(d->source) : NULL);
    json_key(w, "limits");
    json_open_array(w);
    for (size_t i = 0; i < e->count; i++)
        write_limit(w, &e->charges[i],
                    d != NULL && i < d->count && d->verdicts[i].is_evaluated
                        ? &d->verdicts[i]
                        : NULL);
    json_close_array(w);
    json_close_object(w);
    return json_writer_end(w);
}

static void explain_finish(struct explain *e, const struct limit_decision *d)
{
    struct buffer text;
    buffer_init(&text, EXPLAIN_TEXT_MAX);
    e->done(e->arg, write_answer(e, d, &text), &text);
    buffer_release(&text);
    explain_free(e);
}

static void on_peeked(void *arg, const struct limit_decision *d)
{
    struct explain *e;
    MAGIC_CAST(e, arg, EXPLAIN_MAGIC);
    explain_finish(e, d);
}

static enum status peek(struct explain *e)
{
    struct limit_charge asked[LIMIT_CHARGES_MAX];
    for (size_t i = 0; i < e->count; i++)
        asked[i] = charge_for_limiter(&e->charges[i]);
    return limit_peek(e->worker->limiter, asked, e->count, on_peeked, e,
                      &e->call);
}

/* All is known that will be. */
static enum status look(struct explain *e)
{
    enum status s =
        policy_charges(e->runtime->policy, &e->route, &e->facts, &e->arena,
                       e->charges, LIMIT_CHARGES_MAX, &e->count);
    if (s == STATUS_OK && e->count > 0)
        return peek(e);
    if (s == STATUS_OK)
        explain_finish(e, NULL);
    return s;
}

static void give_up(struct explain *e, enum status s)
{
    e->done(e->arg, s, NULL);
    explain_free(e);
}

static void on_sender_found(void *arg, enum status status, const char *number)
{
    struct explain *e;
    MAGIC_CAST(e, arg, EXPLAIN_MAGIC);
    if (status == STATUS_OK)
        e->facts.sender = arena_text(&e->arena, text_of(number));
    enum status s = look(e);
    if (s != STATUS_OK)
        give_up(e, s);
}

/* Whose chat is it? True: Redis is asked, and on_sender_found() goes on. */
static bool find_sender(struct explain *e)
{
    struct sender *sender = e->worker->sender;
    char number[SENDER_NUMBER_SIZE];
    if (e->route.operation->sender_in != POLICY_SENDER_CHAT ||
        text_is_absent(e->facts.chat) || !text_is_absent(e->facts.sender))
        return false;
    if (!sender_cached(sender, e->facts.chat, number))
        return sender_find(sender, e->facts.chat, on_sender_found, e,
                           &e->search) == STATUS_OK;
    e->facts.sender = arena_text(&e->arena, text_of(number));
    return false;
}

static struct text copy_of(struct explain *e, struct text t)
{
    return text_is_absent(t) ? t : arena_text(&e->arena, t);
}

static struct text lower_copy_of(struct explain *e, struct text t)
{
    char *copy = text_is_absent(t) ? NULL : arena_strdup(&e->arena, t);
    for (char *c = copy; c != NULL && *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    return text_of(copy);
}

static enum status ask(struct explain *e, const struct explain_question *q)
{
    e->route.operation =
        policy_operation_find(e->runtime->policy, q->operation);
    if (e->route.operation == NULL)
        return STATUS_NOT_FOUND;
    if (!text_is_absent(q->from) && !sender_is_number(q->from))
        return STATUS_INVALID;
    e->facts = (struct policy_facts){
        .sender = copy_of(e, q->from),
        .consumer = copy_of(e, q->consumer),
        .client = copy_of(e, q->client),
        .chat = lower_copy_of(e, q->chat),
    };
    return find_sender(e) ? STATUS_OK : look(e);
}

void explain_ask(struct worker *w, const struct explain_question *q,
                 explain_done_fn done, void *arg)
{
    struct explain *e = calloc(1, sizeof(*e));
    if (e == NULL) {
        done(arg, STATUS_NO_MEMORY, NULL);
        return;
    }
    MAGIC_SET(e, EXPLAIN_MAGIC);
    e->worker = w;
    e->runtime = runtime_ref(w->runtime);
    e->done = done;
    e->arg = arg;
    arena_init(&e->arena, EXPLAIN_ARENA_MAX);
    enum status s = ask(e, q);
    if (s != STATUS_OK)
        give_up(e, s);
}
