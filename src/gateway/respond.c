/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/respond.c - the answers that chatgate gives itself.
 *
 * The upstream's own error envelope, so that a client library needs no
 * second way of reading errors:
 *
 *   {"success":false,
 *    "error":{"status":400,"code":1002,"message":"...","violations":[...]},
 *    "trace_id":"<32 hex digits>"}
 */
#include <inttypes.h>
#include <stdio.h>

#include "gateway/exchange_state.h"

#define ENVELOPE_MAX (64 * 1024)

static int error_code(const struct exchange *x, int status)
{
    const struct policy_contract *c =
        x->route.operation ? x->route.operation->contract
                           : policy_contract_at(x->runtime->policy, 0);
    int code = c->error_code[status];
    return code != 0 ? code : status;
}

static bool is_refusing(const struct exchange *x, size_t i)
{
    return !x->charges[i].is_shadow && !x->decision.verdicts[i].allowed;
}

/* The sentence of a 429: which limit, how large, and when to come back. */
static const char *limited_message(struct exchange *x, size_t i)
{
    const struct policy_charge *c = &x->charges[i];
    const struct limit_verdict *v = &x->decision.verdicts[i];
    if (v->wait_us == LIMIT_WAIT_NEVER)
        return arena_printf(&x->arena,
                            "the limit %s.%s of %" PRId64 " tokens is spent "
                            "and never refills; this request costs %" PRId64,
                            c->policy, c->limit, c->capacity, c->cost);
    return arena_printf(&x->arena,
                        "the limit %s.%s of %" PRId64
                        " tokens is spent; this request "
                        "costs %" PRId64 "; try again in %" PRId64 " ms",
                        c->policy, c->limit, c->capacity, c->cost,
                        (ratelimit_wait_us(v) + US_PER_MS - 1) / US_PER_MS);
}

static const char *message_of(struct exchange *x)
{
    const struct http_refusal_row *row = http_refusal_row(x->refusal);
    const char *message = x->refusal_detail;
    if (x->refusal == HTTP_REFUSAL_INVALID && x->enforced_count > 0)
        message = arena_printf(&x->arena, "%s%s%s", x->findings[0].pointer,
                               x->findings[0].pointer[0] ? ": " : "",
                               x->findings[0].message);
    else if (x->refusal == HTTP_REFUSAL_LIMITED)
        message = limited_message(x, ratelimit_closest(x));
    return message ? message : row->text;
}

static void write_violation(struct json_writer *w, const char *pointer,
                            const char *rule, const char *message,
                            const char *policy)
{
    json_open_object(w);
    json_key(w, "pointer");
    json_str(w, pointer);
    json_key(w, "rule");
    json_str(w, rule);
    json_key(w, "message");
    json_str(w, message);
    json_key(w, "policy");
    json_str(w, policy);
    json_close_object(w);
}

/* Framing, head and sender: rules that no policy file holds. */
static bool is_rule_of_ours(const char *name)
{
    return text_starts_with(text_of(name), TEXT_LIT("http.")) ||
           text_starts_with(text_of(name), TEXT_LIT("sender."));
}

static void write_limit_violation(struct exchange *x, struct json_writer *w,
                                  size_t i)
{
    const struct policy_charge *c = &x->charges[i];
    const char *message = limited_message(x, i);
    char rule[256];
    snprintf(rule, sizeof(rule), "limit.%s.%s", c->policy, c->limit);
    write_violation(w, "", rule,
                    message ? message : http_refusal_row(x->refusal)->text,
                    c->policy);
}

static void write_violations(struct exchange *x, struct json_writer *w,
                             const char *message)
{
    for (size_t i = 0; i < x->finding_count; i++) {
        const struct policy_finding *f = &x->findings[i];
        if (!f->is_shadow)
            write_violation(w, f->pointer, f->rule, f->message, f->policy);
    }
    if (is_rule_of_ours(http_refusal_row(x->refusal)->name))
        write_violation(w, "", http_refusal_row(x->refusal)->name, message,
                        "chatgate");
    if (x->refusal != HTTP_REFUSAL_LIMITED)
        return;
    /* The one to wait for comes first. */
    size_t closest = ratelimit_closest(x);
    write_limit_violation(x, w, closest);
    for (size_t i = 0; i < x->decision.count; i++)
        if (i != closest && is_refusing(x, i))
            write_limit_violation(x, w, i);
}

static enum status write_envelope(struct exchange *x)
{
    struct json_writer *w = x->worker->json;
    const char *message = message_of(x);
    json_writer_begin(w, &x->tail);
    json_open_object(w);
    json_key(w, "success");
    json_bool(w, false);
    json_key(w, "error");
    json_open_object(w);
    json_key(w, "status");
    json_int(w, x->status);
    json_key(w, "code");
    json_int(w, error_code(x, x->status));
    json_key(w, "message");
    json_str(w, message);
    json_key(w, "violations");
    json_open_array(w);
    write_violations(x, w, message);
    json_close_array(w);
    json_close_object(w);
    json_key(w, "trace_id");
    json_str(w, x->trace);
    json_close_object(w);
    return json_writer_end(w);
}

static void add_header(struct http_header *headers, size_t *count,
                       const char *name, struct text value)
{
    if (!text_is_absent(value))
        headers[(*count)++] = (struct http_header){text_of(name), value};
}

static void add_retry_headers(struct exchange *x, int64_t retry_after_us,
                              struct http_header *headers, size_t *count)
{
    int64_t seconds = (retry_after_us + US_PER_S - 1) / US_PER_S;
    int64_t ms = (retry_after_us + US_PER_MS - 1) / US_PER_MS;
    add_header(headers, count, "Retry-After",
               text_of(arena_printf(&x->arena, "%" PRId64,
                                    seconds < 1 ? 1 : seconds)));
    add_header(headers, count, "retry-after-ms",
               text_of(arena_printf(&x->arena, "%" PRId64, ms < 1 ? 1 : ms)));
}

void respond_add_common_headers(struct exchange *x)
{
    struct ratelimit_fields fields;
    struct http_header *headers = x->reply_headers;
    size_t *count = &x->reply_header_count;
    ratelimit_format(x, &fields);
    add_header(headers, count, "X-Request-Id", text_of(x->request_id));
    add_header(headers, count, "RateLimit-Policy", fields.policy);
    add_header(headers, count, "RateLimit", fields.limit);
    if (x->refusal == HTTP_REFUSAL_LIMITED)
        add_retry_headers(x, fields.retry_after_us, headers, count);
    if (x->refusal == HTTP_REFUSAL_SENDER_LOOKUP_LIMITED)
        add_retry_headers(x, x->told.retry_after_us, headers, count);
}

/* Headers that belong to one kind of refusal. */
static void add_refusal_headers(struct exchange *x, struct http_header *headers,
                                size_t *count)
{
    add_header(headers, count, "Content-Type", TEXT_LIT("application/json"));
    add_header(headers, count, "Via", TEXT_LIT("1.1 chatgate"));
    if (x->status == 405)
        add_header(headers, count, "Allow", text_of(x->route.allow));
    if (x->status == 401)
        add_header(headers, count, "WWW-Authenticate",
                   TEXT_LIT("Bearer realm=\"chatgate\""));
    if (x->status == 503)
        add_header(headers, count, "Retry-After", TEXT_LIT("1"));
    /* The published client tries again unless it is told not to; what may
     * have been delivered must not be sent twice. */
    if ((x->status == 502 || x->status == 504) &&
        x->delivery != AUDIT_DELIVERY_NONE)
        add_header(headers, count, "x-should-retry", TEXT_LIT("false"));
}

bool respond_make(struct exchange *x)
{
    struct http_header *headers =
        arena_array(&x->arena, 2 * RESPOND_HEADERS_MAX, sizeof(*headers));
    if (headers == NULL || write_envelope(x) != STATUS_OK)
        return false;
    x->reply_header_count = 0;
    add_refusal_headers(x, headers, &x->reply_header_count);
    x->reply_headers = headers;
    x->reply_length = (int64_t)x->tail.len;
    return x->tail.len <= ENVELOPE_MAX;
}

enum http_refusal respond_to_match(enum policy_match match)
{
    switch (match) {
    case POLICY_BAD_PATH:
        return HTTP_REFUSAL_PATH;
    case POLICY_BAD_QUERY:
        return HTTP_REFUSAL_QUERY;
    case POLICY_NO_ROUTE:
        return HTTP_REFUSAL_NO_ROUTE;
    case POLICY_NO_METHOD:
        return HTTP_REFUSAL_METHOD_NOT_ALLOWED;
    case POLICY_OPERATION:
    case POLICY_UNMATCHED:
        break;
    }
    return HTTP_REFUSAL_NONE;
}

enum http_refusal respond_to_outcome(enum upstream_outcome o)
{
    switch (o) {
    case UPSTREAM_CONNECT:
        return HTTP_REFUSAL_UPSTREAM_CONNECT;
    case UPSTREAM_TIMEOUT:
        return HTTP_REFUSAL_UPSTREAM_TIMEOUT;
    case UPSTREAM_MALFORMED:
        return HTTP_REFUSAL_UPSTREAM_MALFORMED;
    default:
        return HTTP_REFUSAL_UPSTREAM_SEND;
    }
}
