/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/lookup.c - asking the upstream whose chat this is.
 *
 * The contract names the operation to ask (getChat); it is called with the
 * credential with which the request itself would be forwarded. One call at a
 * time for a chat and credential (sender/lookup.h); the others wait for it.
 * A request for that very operation is its own lookup: it is forwarded
 * first and charged when its answer has told whom.
 */
#include <string.h>

#include "gateway/exchange_state.h"
#include "sender/lookup.h"

#define LOOKUP_HEADERS 6
#define RETRY_AFTER_MAX_S 86400

static struct text credential_of(const struct exchange *x)
{
    if (x->runtime->upstream_authorization != NULL)
        return text_of(x->runtime->upstream_authorization);
    return http_request_header(x->req, "authorization");
}

static struct text payer_of(const struct exchange *x)
{
    return x->consumer ? text_of(x->consumer->name) : x->client;
}

/* "/v3/chats/{chatId}" with the chat's id in its place; ids are UUIDs or
 * other values that passed their schema, and stand in a canonical path. */
static struct text lookup_target(struct exchange *x)
{
    const char *template = x->route.operation->contract->lookup->template;
    const char *open = strchr(template, '{');
    const char *close = open ? strchr(open, '}') : NULL;
    struct text raw = x->route.segments[x->route.operation->chat_parameter];
    if (close == NULL)
        return (struct text){NULL, 0};
    return text_of(arena_printf(&x->arena, "%.*s%.*s%s", (int)(open - template),
                                template, TEXT_ARG(raw), close + 1));
}

static void on_lookup_chat(void *arg, struct text chat, struct text number)
{
    struct exchange *x;
    MAGIC_CAST(x, arg, EXCHANGE_MAGIC);
    sender_learn(x->worker->sender, chat, number);
    lookup_note_chat(x, chat, number);
}

void lookup_note_chat(struct exchange *x, struct text chat, struct text number)
{
    if (text_equal_nocase(chat, x->parameters.chat) &&
        number.len < sizeof(x->told.number)) {
        memcpy(x->told.number, number.data, number.len);
        x->told.number[number.len] = '\0';
    }
}

/* RFC 9110 section 10.2.3, of its two forms the one in seconds. */
static int64_t retry_after_us(const struct upstream_head *head)
{
    uint64_t seconds = 1;
    for (size_t i = 0; i < head->header_count; i++)
        if (text_equal_nocase(head->headers[i].name, TEXT_LIT("retry-after")) &&
            text_to_u64(head->headers[i].value, RETRY_AFTER_MAX_S, &seconds) !=
                STATUS_OK)
            seconds = 1;
    return (int64_t)(seconds > 0 ? seconds : 1) * US_PER_S;
}

void lookup_note_status(struct exchange *x, const struct upstream_head *head)
{
    x->told.http_status = head->status;
    x->told.retry_after_us = head->status == 429 ? retry_after_us(head) : 0;
}

static void on_lookup_head(void *arg, const struct upstream_head *head)
{
    struct exchange *x;
    MAGIC_CAST(x, arg, EXCHANGE_MAGIC);
    const struct policy_operation *op = x->route.operation->contract->lookup;
    const struct policy_contract *c = op->contract;
    struct answer_spec spec = {
        .chat = op->learn,
        .id = c->chat_id,
        .handles = c->chat_handles,
        .handle = c->chat_handle,
        .mine = c->chat_mine,
    };
    lookup_note_status(x, head);
    if (head->status / 100 == 2 && spec.chat != NULL)
        x->lookup_scan = answer_scan_new(&spec, on_lookup_chat, x);
}

static void on_lookup_body(void *arg, const char *data, size_t len)
{
    struct exchange *x;
    MAGIC_CAST(x, arg, EXCHANGE_MAGIC);
    if (x->lookup_scan != NULL)
        answer_scan_feed(x->lookup_scan, data, len);
    upstream_call_taken(x->lookup_call, len);
}

void lookup_settle(struct exchange *x)
{
    if (x->lookup != NULL)
        sender_lookup_finish(x->lookup, &x->told);
    x->lookup = NULL;
}

static void on_lookup_done(void *arg, const struct upstream_result *result)
{
    struct exchange *x;
    MAGIC_CAST(x, arg, EXCHANGE_MAGIC);
    x->lookup_call = NULL;
    if (x->lookup_scan != NULL)
        answer_scan_finish(x->lookup_scan);
    answer_scan_free(x->lookup_scan);
    x->lookup_scan = NULL;
    if (result->outcome != UPSTREAM_ANSWERED)
        x->told = (struct sender_answer){0};
    lookup_settle(x);
    x->on_told(x);
}

static enum status start_call(struct exchange *x)
{
    static const struct upstream_events events = {
        .on_head = on_lookup_head,
        .on_body = on_lookup_body,
        .on_done = on_lookup_done,
    };
    struct upstream_header headers[LOOKUP_HEADERS];
    struct text credential = credential_of(x);
    size_t count = 0;
    headers[count++] =
        (struct upstream_header){TEXT("X-Request-Id"), text_of(x->request_id)};
    headers[count++] =
        (struct upstream_header){TEXT("Accept-Encoding"), TEXT("identity")};
    headers[count++] =
        (struct upstream_header){TEXT("Accept"), TEXT("application/json")};
    headers[count++] =
        (struct upstream_header){TEXT("Via"), TEXT("1.1 chatgate")};
    if (!text_is_absent(credential))
        headers[count++] =
            (struct upstream_header){TEXT("Authorization"), credential};
    struct upstream_request request = {
        .method = TEXT("GET"),
        .target = lookup_target(x),
        .headers = headers,
        .header_count = count,
        .is_idempotent = true,
    };
    if (text_is_absent(request.target))
        return STATUS_NO_MEMORY;
    x->worker->metrics.sender_lookups++;
    return upstream_call_start(x->worker->upstream, &request, &events, x,
                               &x->lookup_call);
}

/* Another request's lookup has been answered. */
static void on_waited(void *arg, const struct sender_answer *answer)
{
    struct exchange *x;
    MAGIC_CAST(x, arg, EXCHANGE_MAGIC);
    x->lookup = NULL;
    x->told = *answer;
    x->on_told(x);
}

enum lookup_turn lookup_start(struct exchange *x, lookup_told_fn on_told)
{
    const struct policy_operation *op = x->route.operation;
    if (op->contract->lookup == NULL || op->chat_parameter < 0)
        return LOOKUP_KNOWN;
    x->on_told = on_told;
    switch (sender_lookup_join(x->worker->lookups, x->parameters.chat,
                               credential_of(x), payer_of(x), on_waited, x,
                               &x->lookup, &x->told)) {
    case SENDER_LOOKUP_KNOWN:
        return LOOKUP_KNOWN;
    case SENDER_LOOKUP_BUSY:
        return LOOKUP_BUSY;
    case SENDER_LOOKUP_WAIT:
        return LOOKUP_UNDER_WAY;
    case SENDER_LOOKUP_FIRST:
        break;
    }
    if (op == op->contract->lookup) {
        x->is_its_own_lookup = true;
        return LOOKUP_ITSELF;
    }
    if (start_call(x) == STATUS_OK)
        return LOOKUP_UNDER_WAY;
    lookup_settle(x);
    return LOOKUP_KNOWN;
}

void lookup_cancel(struct exchange *x)
{
    bool is_first = x->lookup_call != NULL || x->is_its_own_lookup;
    if (x->lookup_call != NULL)
        upstream_call_cancel(x->lookup_call);
    x->lookup_call = NULL;
    answer_scan_free(x->lookup_scan);
    x->lookup_scan = NULL;
    x->told = (struct sender_answer){0};
    if (is_first)
        lookup_settle(x);
    else if (x->lookup != NULL)
        sender_lookup_cancel(x->lookup);
    x->lookup = NULL;
}

void lookup_take(struct exchange *x, struct text number,
                 enum audit_from_source source)
{
    x->is_sender_known = true;
    x->sender = arena_text(&x->arena, number);
    x->from_source = source;
}

/* The sender as far as it can be told without asking anybody. */
bool lookup_now(struct exchange *x)
{
    const struct policy_operation *op = x->route.operation;
    char number[SENDER_NUMBER_SIZE];
    struct text found = {NULL, 0};
    if (op == NULL)
        return true;
    switch (op->sender_in) {
    case POLICY_SENDER_NONE:
        return true;
    case POLICY_SENDER_BODY:
        x->from_source = AUDIT_FROM_BODY;
        if (x->run == NULL || op->sender_tap == POLICY_TAP_NONE ||
            !schema_run_tap_text(x->run, (size_t)op->sender_tap, &found))
            x->from_source = AUDIT_FROM_UNKNOWN;
        break;
    case POLICY_SENDER_QUERY:
        found = x->parameters.sender;
        x->from_source =
            text_is_absent(found) ? AUDIT_FROM_UNKNOWN : AUDIT_FROM_QUERY;
        break;
    case POLICY_SENDER_CHAT:
        if (text_is_absent(x->parameters.chat) ||
            !sender_cached(x->worker->sender, x->parameters.chat, number))
            return false;
        found = text_of(number);
        x->from_source = AUDIT_FROM_CHAT;
        break;
    }
    if (!text_is_absent(found))
        lookup_take(x, found, x->from_source);
    return true;
}
