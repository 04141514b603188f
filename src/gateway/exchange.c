/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/exchange.c - the life of a request, in order.
 *
 *   begin ─ step_head ─ (body pieces) ─ step_judge ─ step_sender ─ step_limit
 *         ─ step_forward ─ (answer pieces) ─ step_record ─ step_release ─ over
 *
 * Each step ends by handing over to the next, or to exchange_refuse(), which
 * makes an answer of chatgate's own and goes on to step_record. Nothing else
 * in the program knows this order. Every answer passes step_record and
 * step_release: the end of it (all of it, when it is small) is kept back until
 * its line is in the audit file.
 *
 * Neighbours call back from the event loop, never from inside a call to them,
 * so a step may call the next one without looking over its shoulder. The
 * exchange is freed by exchange_try_free() alone.
 */
#include "gateway/exchange.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "gateway/charges.h"
#include "gateway/exchange_state.h"

/* What a client that went away leaves unread is still read from the upstream,
 * for its trace id, up to this much; then the call is cut. */
#define ABANDONED_ANSWER_MAX (1024 * 1024)

static void step_sender(struct exchange *x);
static void step_lookup(struct exchange *x);
static void step_limit(struct exchange *x);
static void step_forward(struct exchange *x);
static void step_record(struct exchange *x);
static void step_release(struct exchange *x);
static void exchange_refuse(struct exchange *x, enum http_refusal refusal,
                            const char *detail);

/* ---- begin and end ---- */

static void exchange_try_free(struct exchange *x)
{
    if (x->req != NULL || x->is_recording || x->call != NULL ||
        x->limit_call != NULL || x->search != NULL || x->lookup != NULL)
        return;
    CHECK(x->is_over);
    struct worker *w = x->worker;
    intake_drop_body(x);
    intake_drop_run(x);
    answer_scan_free(x->scan);
    buffer_release(&x->tail);
    runtime_unref(x->runtime);
    arena_release(&x->arena);
    MAGIC_CLEAR(x);
    free(x);
    worker_exchange_over(w);
}

static void on_done(void *arg)
{
    struct exchange *x;
    MAGIC_CAST(x, arg, EXCHANGE_MAGIC);
    /* The server went away under an exchange that was not over: nobody is
     * left to answer, and what neighbours still do is of no use. */
    if (!x->is_over) {
        if (x->call != NULL) {
            upstream_call_cancel(x->call);
            if (x->delivery == AUDIT_DELIVERY_NONE)
                x->delivery = AUDIT_DELIVERY_UNKNOWN;
        }
        if (x->limit_call != NULL)
            limit_call_cancel(x->limit_call);
        if (x->search != NULL)
            sender_search_cancel(x->search);
        lookup_cancel(x);
        x->call = NULL;
        x->limit_call = NULL;
        x->search = NULL;
        x->is_gone = true;
        if (!x->is_recording) {
            x->error = "client.gone";
            x->outcome = AUDIT_ERROR;
            step_record(x); /* while the request's texts are there */
        }
    }
    x->req = NULL;
    exchange_try_free(x);
}

static struct exchange *exchange_new(struct worker *w, struct http_request *req)
{
    struct exchange *x = calloc(1, sizeof(*x));
    if (x == NULL)
        return NULL;
    MAGIC_SET(x, EXCHANGE_MAGIC);
    x->worker = w;
    x->req = req;
    x->runtime = runtime_ref(w->runtime);
    x->started_at = http_request_started(req);
    x->time = clock_wall(w->shared->clock);
    x->reply_length = -1;
    x->recipients = x->parts = -1;
    arena_init(&x->arena, EXCHANGE_ARENA_MAX);
    buffer_init(&x->body, (size_t)x->runtime->config->limits.max_body_bytes);
    buffer_init(&x->tail, TAIL_MAX);
    w->metrics.requests++;
    worker_exchange_began(w);
    return x;
}

/* Answer with a refusal, from any step. `detail` takes the place of the
 * table's sentence; it must live as long as the exchange. */
static void exchange_refuse(struct exchange *x, enum http_refusal refusal,
                            const char *detail)
{
    CHECK(x->refusal == HTTP_REFUSAL_NONE && !x->is_reply_begun);
    x->refusal = refusal;
    x->refusal_detail = detail;
    x->status = http_refusal_row(refusal)->status;
    x->outcome = transcript_outcome(refusal);
    x->error = http_refusal_row(refusal)->name;
    x->worker->metrics.refusals[refusal]++;
    intake_drop_body(x);
    intake_drop_run(x);
    buffer_clear(&x->tail);
    if (!x->is_body_over) {
        x->is_body_over = true;
        if (!x->is_gone)
            http_request_discard(x->req);
    }
    if (!respond_make(x))
        x->is_broken = true;
    step_record(x);
}

static void give_charge_back(struct exchange *x)
{
    if (x->is_decided && x->decision.status == STATUS_OK)
        limit_refund(x->worker->limiter, x->asked, &x->decision);
}

/* The client left before anything was sent upstream. */
static void exchange_abandon(struct exchange *x)
{
    give_charge_back(x);
    x->outcome = AUDIT_ERROR;
    x->error = "client.gone";
    intake_drop_body(x);
    step_record(x);
}

/* ---- head ---- */

/* An operation that needs no body may come without one. */
static bool needs_validation(const struct exchange *x)
{
    return x->route.operation != NULL &&
           (http_request_has_body(x->req) ||
            x->route.operation->body == POLICY_BODY_REQUIRED);
}

static void step_head(struct exchange *x)
{
    enum http_refusal denied = identify_consumer(x);
    policy_route(x->runtime->policy, http_request_method(x->req),
                 http_request_target(x->req), &x->route);
    enum http_refusal refusal = respond_to_match(x->route.match);
    if (refusal == HTTP_REFUSAL_NONE)
        refusal = denied;
    if (refusal == HTTP_REFUSAL_NONE)
        refusal = content_check(x);
    if (refusal != HTTP_REFUSAL_NONE) {
        exchange_refuse(x, refusal, x->route.problem);
        return;
    }
    x->is_body_kept = true;
    if (x->route.operation != NULL) {
        if (policy_check_parameters(&x->route, &x->runtime->schema_limits,
                                    &x->arena, &x->parameters) != STATUS_OK) {
            exchange_refuse(x, HTTP_REFUSAL_NO_MEMORY, NULL);
            return;
        }
        x->final_uses = judge_final_uses(x);
        x->is_body_kept = !judge_parameters_are_bad(&x->parameters);
    }
    if (needs_validation(x)) {
        x->run = schema_run_new(x->route.operation->plan,
                                &x->runtime->schema_limits);
        if (x->run == NULL) {
            exchange_refuse(x, HTTP_REFUSAL_NO_MEMORY, NULL);
            return;
        }
    }
    http_request_continue(x->req);
}

/* The answer that no line tells of: the file cannot be written. */
static void on_unrecorded(evutil_socket_t fd, short what, void *arg)
{
    struct exchange *x;
    (void)fd, (void)what;
    MAGIC_CAST(x, arg, EXCHANGE_MAGIC);
    x->is_recording = false;
    x->is_over = true;
    step_release(x);
}

static void release_without_record(struct exchange *x)
{
    x->worker->metrics.unrecorded++;
    x->is_recording = true;
    event_assign(&x->unrecorded, x->worker->base, -1, 0, on_unrecorded, x);
    event_active(&x->unrecorded, EV_TIMEOUT, 0);
}

static void *exchange_begin(void *server_arg, struct http_request *req)
{
    struct worker *w = server_arg;
    struct exchange *x = exchange_new(w, req);
    if (x == NULL)
        return NULL;
    enum http_refusal refusal = http_request_refusal(req);
    if (refusal != HTTP_REFUSAL_NONE) {
        w->metrics.malformed += refusal != HTTP_REFUSAL_BUSY;
        x->is_body_over = true;
    }
    if (identify_request(x) != STATUS_OK)
        exchange_refuse(x, HTTP_REFUSAL_INTERNAL, NULL);
    else if (!audit_file_is_healthy(w->shared->audit))
        exchange_refuse(x, HTTP_REFUSAL_AUDIT_UNAVAILABLE, NULL);
    else if (refusal != HTTP_REFUSAL_NONE)
        exchange_refuse(x, refusal, NULL);
    else
        step_head(x);
    return x;
}

/* ---- body ---- */

static void exchange_body(void *arg, const char *data, size_t len)
{
    struct exchange *x;
    MAGIC_CAST(x, arg, EXCHANGE_MAGIC);
    if (x->is_body_over)
        return;
    x->bytes_in += (int64_t)len;
    x->worker->metrics.bytes_in += len;
    if (x->is_type_due) {
        exchange_refuse(x, HTTP_REFUSAL_CONTENT_TYPE, NULL);
        return;
    }
    if (x->run != NULL) {
        enum status s = schema_run_feed(x->run, data, len);
        intake_account_run(x);
        if (s == STATUS_INVALID) {
            judge_collect(x, false);
            exchange_refuse(x, HTTP_REFUSAL_INVALID, NULL);
            return;
        }
        if (s != STATUS_OK) {
            exchange_refuse(x, HTTP_REFUSAL_NO_MEMORY, NULL);
            return;
        }
        if (x->is_body_kept && (schema_run_broken(x->run) & x->final_uses) != 0)
            intake_drop_body(x);
    }
    if (!x->is_body_kept)
        return;
    enum status s = intake_keep(x, data, len);
    if (s != STATUS_OK)
        exchange_refuse(x,
                        s == STATUS_TOO_LARGE ? HTTP_REFUSAL_BUSY
                                              : HTTP_REFUSAL_NO_MEMORY,
                        NULL);
}

/* ---- judge: what of the violations counts ---- */

/* The number is known and there was no memory to keep it: without it the
 * request would meet other policies and limits than it should. */
static bool is_sender_lost(const struct exchange *x)
{
    return x->is_sender_known && text_is_absent(x->sender);
}

static void step_judge(struct exchange *x)
{
    /* Chunks that held nothing are no body. */
    if (x->run != NULL && x->bytes_in == 0 &&
        x->route.operation->body != POLICY_BODY_REQUIRED)
        intake_drop_run(x);
    enum status s = x->run ? schema_run_finish(x->run) : STATUS_OK;
    if (s != STATUS_OK && s != STATUS_INVALID) {
        exchange_refuse(x, HTTP_REFUSAL_NO_MEMORY, NULL);
        return;
    }
    judge_take_taps(x);
    bool is_known = lookup_now(x);
    if (is_sender_lost(x)) {
        exchange_refuse(x, HTTP_REFUSAL_NO_MEMORY, NULL);
        return;
    }
    if (judge_is_bad(x, is_known) || s == STATUS_INVALID) {
        exchange_refuse(x, HTTP_REFUSAL_INVALID, NULL);
        return;
    }
    if (is_known)
        step_limit(x);
    else
        step_sender(x);
}

static void exchange_body_end(void *arg, enum http_refusal refusal)
{
    struct exchange *x;
    MAGIC_CAST(x, arg, EXCHANGE_MAGIC);
    if (x->is_body_over)
        return;
    x->is_body_over = true;
    if (refusal != HTTP_REFUSAL_NONE)
        exchange_refuse(x, refusal, NULL);
    else
        step_judge(x);
}

/* ---- sender: a chat that this process has not seen ---- */

static void sender_settled(struct exchange *x)
{
    if (x->is_gone)
        exchange_abandon(x);
    else if (is_sender_lost(x))
        exchange_refuse(x, HTTP_REFUSAL_NO_MEMORY, NULL);
    else if (judge_is_bad(x, true))
        exchange_refuse(x, HTTP_REFUSAL_INVALID, NULL);
    else
        step_limit(x);
}

static void on_sender_found(void *arg, enum status status, const char *number)
{
    struct exchange *x;
    MAGIC_CAST(x, arg, EXCHANGE_MAGIC);
    x->search = NULL;
    x->redis_waited_us =
        status == STATUS_TIMEOUT
            ? INT64_MAX
            : clock_mono(x->worker->shared->clock) - x->search_started_at;
    if (status != STATUS_OK) {
        step_lookup(x);
        return;
    }
    lookup_take(x, text_of(number), AUDIT_FROM_CHAT);
    sender_settled(x);
}

/* The upstream has said whose chat it is, or that it will not say. */
static void on_sender_told(struct exchange *x)
{
    x->from_source = AUDIT_FROM_UNKNOWN;
    if (x->told.number[0] != '\0')
        lookup_take(x, text_of(x->told.number), AUDIT_FROM_LOOKUP);
    switch (x->told.http_status) {
    case 401:
        exchange_refuse(x, HTTP_REFUSAL_SENDER_UNAUTHENTICATED, NULL);
        break;
    case 403:
        exchange_refuse(x, HTTP_REFUSAL_SENDER_NOT_ALLOWED, NULL);
        break;
    case 404:
        exchange_refuse(x, HTTP_REFUSAL_SENDER_NO_CHAT, NULL);
        break;
    case 429:
        exchange_refuse(x, HTTP_REFUSAL_SENDER_LOOKUP_LIMITED, NULL);
        break;
    default:
        sender_settled(x);
    }
}

static void step_lookup(struct exchange *x)
{
    if (x->is_gone) {
        exchange_abandon(x);
        return;
    }
    switch (lookup_start(x, on_sender_told)) {
    case LOOKUP_UNDER_WAY:
        break;
    case LOOKUP_ITSELF:
        step_forward(x);
        break;
    case LOOKUP_KNOWN:
        on_sender_told(x);
        break;
    case LOOKUP_BUSY:
        exchange_refuse(x, HTTP_REFUSAL_SENDER_UNKNOWN,
                        "too many chats are being looked up; try again");
    }
}

static void step_sender(struct exchange *x)
{
    x->search_started_at = clock_mono(x->worker->shared->clock);
    enum status s = sender_find(x->worker->sender, x->parameters.chat,
                                on_sender_found, x, &x->search);
    if (s != STATUS_OK)
        step_lookup(x);
}

/* ---- limit ---- */

static enum status make_charges(struct exchange *x)
{
    struct policy_facts facts = judge_facts(x);
    x->charges = arena_array(&x->arena, LIMIT_CHARGES_MAX, sizeof(*x->charges));
    if (x->charges == NULL)
        return STATUS_NO_MEMORY;
    enum status s =
        policy_charges(x->runtime->policy, &x->route, &facts, &x->arena,
                       x->charges, LIMIT_CHARGES_MAX, &x->charge_count);
    if (s != STATUS_OK || x->charge_count == 0)
        return s;
    x->asked = arena_array(&x->arena, x->charge_count, sizeof(*x->asked));
    if (x->asked == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < x->charge_count; i++)
        x->asked[i] = charge_for_limiter(&x->charges[i]);
    return STATUS_OK;
}

static void on_decision(void *arg, const struct limit_decision *d)
{
    struct exchange *x;
    MAGIC_CAST(x, arg, EXCHANGE_MAGIC);
    x->limit_call = NULL;
    x->decision = *d;
    x->is_decided = true;
    for (size_t i = 0; i < d->count; i++)
        if (x->charges[i].is_shadow && !d->verdicts[i].allowed) {
            x->worker->metrics.shadow_limited++;
            break;
        }
    if (x->is_gone)
        exchange_abandon(x);
    else if (d->status == STATUS_OK)
        step_forward(x);
    else if (d->status == STATUS_LIMITED)
        exchange_refuse(x, HTTP_REFUSAL_LIMITED, NULL);
    else
        exchange_refuse(x, HTTP_REFUSAL_LIMIT_UNAVAILABLE, NULL);
}

static void step_limit(struct exchange *x)
{
    enum http_refusal denied =
        x->consumer ? identify_sender_right(x) : HTTP_REFUSAL_NONE;
    if (denied != HTTP_REFUSAL_NONE) {
        exchange_refuse(x, denied, NULL);
        return;
    }
    enum status s = make_charges(x);
    if (s == STATUS_OK && x->charge_count == 0) {
        step_forward(x);
        return;
    }
    if (s == STATUS_OK)
        s = limit_decide_after(x->worker->limiter, x->redis_waited_us, x->asked,
                               x->charge_count, on_decision, x, &x->limit_call);
    if (s != STATUS_OK)
        exchange_refuse(x, HTTP_REFUSAL_NO_MEMORY, NULL);
}

/* ---- forward ---- */

static void on_answer_head(void *arg, const struct upstream_head *head);
static void on_answer_body(void *arg, const char *data, size_t len);
static void on_answer_done(void *arg, const struct upstream_result *result);

static const struct upstream_events answer_events = {
    .on_head = on_answer_head,
    .on_body = on_answer_body,
    .on_done = on_answer_done,
};

static void step_forward(struct exchange *x)
{
    struct upstream_request request;
    if (x->upstream_status != 0) {
        step_record(x); /* its own lookup: the answer is here already */
        return;
    }
    intake_drop_run(x);
    enum status s = forward_make(x, &request);
    if (s == STATUS_OK)
        s = upstream_call_start(x->worker->upstream, &request, &answer_events,
                                x, &x->call);
    if (s == STATUS_OK) {
        x->call_started_at = clock_mono(x->worker->shared->clock);
        return;
    }
    give_charge_back(x);
    lookup_cancel(x);
    exchange_refuse(x,
                    s == STATUS_TOO_LARGE ? HTTP_REFUSAL_HEAD_TOO_LARGE
                    : s == STATUS_INVALID ? HTTP_REFUSAL_HEADER
                                          : HTTP_REFUSAL_NO_MEMORY,
                    NULL);
}

/* ---- answer ---- */

static void on_chat_seen(void *arg, struct text chat, struct text number)
{
    struct exchange *x;
    MAGIC_CAST(x, arg, EXCHANGE_MAGIC);
    sender_learn(x->worker->sender, chat, number);
    if (x->is_its_own_lookup)
        lookup_note_chat(x, chat, number);
}

static void on_answer_head(void *arg, const struct upstream_head *head)
{
    struct exchange *x;
    MAGIC_CAST(x, arg, EXCHANGE_MAGIC);
    x->upstream_status = head->status;
    x->delivery = AUDIT_DELIVERY_ONCE;
    if (x->is_its_own_lookup)
        lookup_note_status(x, head);
    if (forward_take_head(x, head, on_chat_seen) != STATUS_OK)
        x->is_broken = true;
}

static void take_trace_id(struct exchange *x)
{
    if (x->scan == NULL)
        return;
    answer_scan_finish(x->scan);
    struct text found = answer_scan_trace_id(x->scan);
    if (!text_is_absent(found))
        x->trace_id = found;
}

/* Read on for the trace id, but not for ever. */
static void answer_to_nobody(struct exchange *x)
{
    if (x->answer_bytes <= x->bytes_out + ABANDONED_ANSWER_MAX) {
        relay_account(x);
        return;
    }
    upstream_call_cancel(x->call);
    x->call = NULL;
    lookup_cancel(x);
    x->upstream_us = clock_mono(x->worker->shared->clock) - x->call_started_at;
    intake_drop_body(x);
    take_trace_id(x);
    x->outcome = AUDIT_ERROR;
    x->error = x->is_gone ? "client.gone" : "internal.memory";
    step_record(x);
}

/* Before it is charged nothing of its own lookup's answer may leave, and this
 * one is larger than may be held. What it has told so far counts; then it is
 * asked for again: a read, and from then on an answer like any other. */
static void own_lookup_again(struct exchange *x)
{
    upstream_call_cancel(x->call);
    x->call = NULL;
    answer_scan_free(x->scan);
    x->scan = NULL;
    buffer_clear(&x->tail);
    x->upstream_status = 0;
    x->delivery = AUDIT_DELIVERY_NONE;
    x->trace_id = (struct text){NULL, 0};
    x->answer_bytes = x->taken = 0;
    lookup_settle(x);
    x->is_its_own_lookup = false;
    on_sender_told(x);
}

static void on_answer_body(void *arg, const char *data, size_t len)
{
    struct exchange *x;
    MAGIC_CAST(x, arg, EXCHANGE_MAGIC);
    x->answer_bytes += (int64_t)len;
    if (x->scan != NULL)
        answer_scan_feed(x->scan, data, len);
    if (x->is_gone || x->is_broken) {
        answer_to_nobody(x);
        return;
    }
    if (x->is_its_own_lookup && x->tail.len + len > TAIL_MAX) {
        own_lookup_again(x);
        return;
    }
    relay_piece(x, data, len);
}

static void answer_failed(struct exchange *x,
                          const struct upstream_result *result)
{
    char quoted[256];
    lookup_cancel(x);
    log_event(LOG_INFO, "upstream.failed", "request_id=%s outcome=%s detail=%s",
              x->request_id, upstream_outcome_name(result->outcome),
              log_quote(text_of(result->detail), quoted, sizeof(quoted)));
    if (x->delivery == AUDIT_DELIVERY_NONE && result->may_be_delivered)
        x->delivery = AUDIT_DELIVERY_UNKNOWN;
    if (!result->may_be_delivered)
        give_charge_back(x);
    if (!x->is_reply_begun) {
        exchange_refuse(x, respond_to_outcome(result->outcome), NULL);
        return;
    }
    x->is_broken = true;
    x->outcome = AUDIT_ERROR;
    x->error = upstream_outcome_name(result->outcome);
    step_record(x);
}

/* getChat of a chat nobody had seen: its answer is here, and it tells who is
 * to be charged. What the upstream refused is passed on as it is. */
static void own_lookup_answered(struct exchange *x)
{
    lookup_settle(x);
    x->from_source = AUDIT_FROM_UNKNOWN;
    if (x->told.number[0] != '\0')
        lookup_take(x, text_of(x->told.number), AUDIT_FROM_LOOKUP);
    if (is_sender_lost(x))
        exchange_refuse(x, HTTP_REFUSAL_NO_MEMORY, NULL);
    else if (x->upstream_status / 100 == 2 && !x->is_gone && !x->is_broken)
        step_limit(x);
    else
        step_record(x);
}

static void on_answer_done(void *arg, const struct upstream_result *result)
{
    struct exchange *x;
    MAGIC_CAST(x, arg, EXCHANGE_MAGIC);
    x->call = NULL;
    x->upstream_us = result->duration_us;
    x->worker->metrics.upstream_us += (uint64_t)result->duration_us;
    intake_drop_body(x);
    take_trace_id(x);
    if (result->outcome != UPSTREAM_ANSWERED) {
        answer_failed(x, result);
        return;
    }
    x->delivery = AUDIT_DELIVERY_ONCE;
    x->outcome = x->is_broken ? AUDIT_ERROR : AUDIT_FORWARDED;
    if (x->is_broken)
        x->error = http_refusal_row(HTTP_REFUSAL_NO_MEMORY)->name;
    if (x->is_its_own_lookup)
        own_lookup_answered(x);
    else
        step_record(x);
}

static void exchange_drained(void *arg)
{
    struct exchange *x;
    MAGIC_CAST(x, arg, EXCHANGE_MAGIC);
    relay_account(x);
}

/* The client is away. What has been sent upstream is seen to its end; what has
 * not is dropped by the step that is waiting. */
static void exchange_gone(void *arg)
{
    struct exchange *x;
    MAGIC_CAST(x, arg, EXCHANGE_MAGIC);
    x->is_gone = true;
    if (x->is_over) {
        http_request_release(x->req);
        return;
    }
    if (!x->is_body_over) {
        x->is_body_over = true;
        x->outcome = AUDIT_REJECTED;
        x->error = http_refusal_row(HTTP_REFUSAL_TRUNCATED)->name;
        intake_drop_body(x);
        step_record(x);
        return;
    }
    relay_account(x);
}

/* ---- record ---- */

static void on_recorded(void *arg, enum status status)
{
    struct exchange *x;
    MAGIC_CAST(x, arg, EXCHANGE_MAGIC);
    x->is_recording = false;
    x->is_over = true;
    if (status != STATUS_OK) {
        /* No line, no end of the answer. */
        x->worker->metrics.unrecorded++;
        x->is_broken = true;
    }
    step_release(x);
}

static void step_record(struct exchange *x)
{
    struct worker *w = x->worker;
    transcript_count(x);
    if (x->refusal == HTTP_REFUSAL_AUDIT_UNAVAILABLE) {
        release_without_record(x);
        return;
    }
    x->is_recording = true;
    buffer_clear(&w->scratch);
    enum status s = transcript_write(x, &w->scratch);
    if (s == STATUS_OK)
        s = audit_writer_append(w->audit, buffer_text(&w->scratch), on_recorded,
                                x);
    if (s == STATUS_OK) {
        w->seq++;
        return;
    }
    x->is_broken = true;
    release_without_record(x);
}

/* ---- release: the end of the answer ---- */

static void step_release(struct exchange *x)
{
    if (x->req == NULL) {
        exchange_try_free(x);
        return;
    }
    if (x->is_gone) {
        http_request_release(x->req);
        return;
    }
    relay_end(x);
}

const struct http_handler *exchange_handler(void)
{
    static const struct http_handler handler = {
        .begin = exchange_begin,
        .body = exchange_body,
        .body_end = exchange_body_end,
        .drained = exchange_drained,
        .gone = exchange_gone,
        .done = on_done,
    };
    return &handler;
}
