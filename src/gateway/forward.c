/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/forward.c - the request as it goes upstream, the head that comes
 * back.
 *
 * End-to-end headers pass; those of one connection (RFC 9110 section 7.6.1,
 * the ones that Connection names included) do not. What a client says about
 * where a request comes from (X-Forwarded-*, X-Request-Id, traceparent) passes
 * only from a trusted proxy.
 */
#include <string.h>

#include "gateway/exchange_state.h"

#define OWN_HEADERS_MAX 10
#define JOINED_MAX (128 * 1024)

bool forward_is_hop_by_hop(struct text name)
{
    static const struct text names[] = {
        TEXT("connection"),
        TEXT("keep-alive"),
        TEXT("proxy-connection"),
        TEXT("proxy-authenticate"),
        TEXT("proxy-authorization"),
        TEXT("te"),
        TEXT("trailer"),
        TEXT("transfer-encoding"),
        TEXT("upgrade"),
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (text_equal_nocase(name, names[i]))
            return true;
    return false;
}

/* X-Forwarded-Port and the like. */
static bool is_forwarded(struct text name)
{
    static const struct text prefix = TEXT("x-forwarded-");
    return name.len > prefix.len &&
           text_equal_nocase(text_make(name.data, prefix.len), prefix);
}

/* Made anew for the upstream, whatever the client sent. */
static bool is_replaced(const struct exchange *x, struct text name)
{
    static const struct text names[] = {
        TEXT("host"),
        TEXT("content-length"),
        TEXT("expect"),
        TEXT("accept-encoding"),
        TEXT("via"),
        TEXT("x-request-id"),
        TEXT("traceparent"),
        TEXT("x-forwarded-for"),
        TEXT("x-forwarded-proto"),
        TEXT("x-forwarded-host"),
        TEXT("forwarded"),
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (text_equal_nocase(name, names[i]))
            return true;
    if (text_equal_nocase(name, TEXT_LIT("tracestate")) || is_forwarded(name))
        return !x->peer_is_trusted;
    if (text_equal_nocase(name, TEXT_LIT("authorization")))
        return x->runtime->upstream_authorization != NULL;
    return false;
}

/* Does a Connection header name this one? */
static bool is_named_by_connection(const struct exchange *x, struct text name)
{
    const struct http_header *headers;
    size_t count = http_request_headers(x->req, &headers);
    for (size_t i = 0; i < count; i++) {
        struct text option, rest = headers[i].value;
        if (!text_equal_nocase(headers[i].name, TEXT_LIT("connection")))
            continue;
        while (!text_is_absent(rest)) {
            rest = text_cut(rest, ',', &option);
            if (text_equal_nocase(text_trim(option), name))
                return true;
        }
    }
    return false;
}

struct head {
    struct upstream_header *list;
    size_t count;
    bool is_short; /* an allocation failed */
};

static void head_add(struct head *h, const char *name, struct text value)
{
    if (text_is_absent(value))
        h->is_short = true;
    else
        h->list[h->count++] = (struct upstream_header){text_of(name), value};
}

/* All values of a header, as one list with `last` at its end. */
static struct text joined(struct exchange *x, const char *name,
                          const char *last)
{
    const struct http_header *headers;
    size_t count = http_request_headers(x->req, &headers);
    struct text list = {NULL, 0};
    struct buffer all;
    enum status s = STATUS_OK;
    if (http_request_header_count(x->req, name) == 0)
        return text_of(last);
    buffer_init(&all, JOINED_MAX);
    for (size_t i = 0; i < count && s == STATUS_OK; i++)
        if (text_equal_nocase(headers[i].name, text_of(name)) &&
            headers[i].value.len > 0)
            s = buffer_printf(&all, "%.*s, ", TEXT_ARG(headers[i].value));
    if (s == STATUS_OK)
        s = buffer_append_text(&all, text_of(last));
    if (s == STATUS_OK)
        list = arena_text(&x->arena, buffer_text(&all));
    buffer_release(&all);
    return list;
}

static void add_forwarded(struct exchange *x, struct head *h)
{
    const char *peer = http_request_peer_text(x->req);
    struct text proto = http_request_header(x->req, "x-forwarded-proto");
    struct text host = http_request_header(x->req, "x-forwarded-host");
    if (!x->peer_is_trusted || text_is_absent(proto))
        proto =
            http_request_is_tls(x->req) ? TEXT_LIT("https") : TEXT_LIT("http");
    if (!x->peer_is_trusted || text_is_absent(host))
        host = http_request_header(x->req, "host");
    head_add(h, "X-Forwarded-For",
             x->peer_is_trusted ? joined(x, "x-forwarded-for", peer)
                                : text_of(peer));
    head_add(h, "X-Forwarded-Proto", proto);
    if (!text_is_absent(host))
        head_add(h, "X-Forwarded-Host", host);
}

/* W3C Trace Context: version, trace, our own span, sampled. */
static struct text traceparent(struct exchange *x)
{
    static const char shape[] = "00-TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT-"
                                "SSSSSSSSSSSSSSSS-01";
    char *out = arena_strdup(&x->arena, TEXT_LIT(shape));
    char span[ID_SPAN_SIZE];
    if (out == NULL || id_span(&x->worker->ids, span) != STATUS_OK)
        return (struct text){NULL, 0};
    memcpy(strchr(out, 'T'), x->trace, ID_TRACE_SIZE - 1);
    memcpy(strchr(out, 'S'), span, ID_SPAN_SIZE - 1);
    return text_make(out, sizeof(shape) - 1);
}

static void add_own(struct exchange *x, struct head *h)
{
    head_add(h, "traceparent", traceparent(x));
    head_add(h, "X-Request-Id", text_of(x->request_id));
    head_add(h, "Accept-Encoding", TEXT_LIT("identity"));
    head_add(h, "Via", joined(x, "via", "1.1 chatgate"));
    if (x->runtime->upstream_authorization != NULL)
        head_add(h, "Authorization",
                 text_of(x->runtime->upstream_authorization));
    add_forwarded(x, h);
}

/* May it be sent a second time after a failure that leaves open whether it
 * arrived? Only what is safe (RFC 9110 section 9.2.1) or carries a key. */
static bool is_idempotent(const struct exchange *x)
{
    struct text method = http_request_method(x->req);
    return text_is(method, "GET") || text_is(method, "HEAD") ||
           x->idempotency_key.len > 0;
}

enum status forward_make(struct exchange *x, struct upstream_request *out)
{
    const struct http_header *headers;
    size_t count = http_request_headers(x->req, &headers);
    struct head h = {
        .list =
            arena_array(&x->arena, count + OWN_HEADERS_MAX, sizeof(*h.list)),
    };
    if (h.list == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        struct text name = headers[i].name;
        if (!forward_is_hop_by_hop(name) && !is_replaced(x, name) &&
            !is_named_by_connection(x, name))
            h.list[h.count++] =
                (struct upstream_header){name, headers[i].value};
    }
    add_own(x, &h);
    if (h.is_short)
        return STATUS_NO_MEMORY;
    *out = (struct upstream_request){
        .method = http_request_method(x->req),
        .target = http_request_target(x->req),
        .headers = h.list,
        .header_count = h.count,
        .body = buffer_text(&x->body),
        .has_body = x->body.len > 0 ||
                    http_request_header_count(x->req, "content-length") > 0,
        .is_idempotent = is_idempotent(x),
    };
    return STATUS_OK;
}

/* ---- the way back ---- */

static bool is_json_answer(const struct upstream_head *head)
{
    bool is_json = false;
    for (size_t i = 0; i < head->header_count; i++) {
        const struct upstream_header *h = &head->headers[i];
        struct text type;
        if (text_equal_nocase(h->name, TEXT_LIT("content-encoding")) &&
            !text_equal_nocase(h->value, TEXT_LIT("identity")))
            return false;
        if (!text_equal_nocase(h->name, TEXT_LIT("content-type")))
            continue;
        text_cut(h->value, ';', &type);
        type = text_trim(type);
        is_json = text_equal_nocase(type, TEXT_LIT("application/json")) ||
                  text_ends_with(type, TEXT_LIT("+json"));
    }
    return is_json;
}

static void scan_answer(struct exchange *x, const struct upstream_head *head,
                        answer_chat_fn on_chat)
{
    const struct policy_operation *op = x->route.operation;
    if (op == NULL || !is_json_answer(head))
        return;
    const struct policy_contract *c = op->contract;
    struct answer_spec spec = {
        .trace_id = c->trace_body,
        .chat = head->status / 100 == 2 ? op->learn : NULL,
        .id = c->chat_id,
        .handles = c->chat_handles,
        .handle = c->chat_handle,
        .mine = c->chat_mine,
    };
    if (spec.trace_id != NULL || spec.chat != NULL)
        x->scan = answer_scan_new(&spec, on_chat, x);
}

/* Headers of the upstream's that chatgate answers for itself. */
static bool is_own_answer_header(struct text name)
{
    static const struct text names[] = {
        TEXT("ratelimit"),    TEXT("ratelimit-policy"),  TEXT("via"),
        TEXT("x-request-id"), TEXT("content-length"),    TEXT("date"),
        TEXT("connection"),   TEXT("transfer-encoding"),
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (text_equal_nocase(name, names[i]))
            return true;
    return false;
}

static bool is_printable_id(struct text t)
{
    if (t.len == 0 || t.len > 128)
        return false;
    for (size_t i = 0; i < t.len; i++)
        if (t.data[i] <= 0x20 || t.data[i] >= 0x7f)
            return false;
    return true;
}

enum status forward_take_head(struct exchange *x,
                              const struct upstream_head *head,
                              answer_chat_fn on_chat)
{
    const struct policy_operation *op = x->route.operation;
    const char *trace_header = op ? op->contract->trace_header : NULL;
    struct text via = TEXT("1.1 chatgate");
    struct http_header *list = arena_array(
        &x->arena, head->header_count + RESPOND_HEADERS_MAX, sizeof(*list));
    if (list == NULL)
        return STATUS_NO_MEMORY;
    size_t count = 0;
    for (size_t i = 0; i < head->header_count; i++) {
        struct text name = head->headers[i].name;
        struct text value = head->headers[i].value;
        if (trace_header != NULL && is_printable_id(value) &&
            text_equal_nocase(name, text_of(trace_header)))
            x->trace_id = arena_text(&x->arena, value);
        if (text_equal_nocase(name, TEXT_LIT("via")))
            via = text_of(
                arena_printf(&x->arena, "%.*s, 1.1 chatgate", TEXT_ARG(value)));
        if (is_own_answer_header(name))
            continue;
        list[count] = (struct http_header){arena_text(&x->arena, name),
                                           arena_text(&x->arena, value)};
        if (text_is_absent(list[count].name) ||
            text_is_absent(list[count].value))
            return STATUS_NO_MEMORY;
        count++;
    }
    if (text_is_absent(via))
        return STATUS_NO_MEMORY;
    list[count++] = (struct http_header){TEXT("Via"), via};
    x->status = head->status;
    x->reply_headers = list;
    x->reply_header_count = count;
    x->reply_length = head->content_length;
    scan_answer(x, head, on_chat);
    return STATUS_OK;
}
