/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/identify.c - which request this is, and who sends it.
 *
 * X-Request-Id, traceparent (W3C Trace Context) and X-Forwarded-For are
 * believed from trusted proxies only; from anybody else they are replaced.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/exchange_state.h"

/* Something that may stand in a header, a log line and a record. */
static bool is_request_id(struct text t)
{
    if (t.len == 0 || t.len > REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.data[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\')
            return false;
    }
    return true;
}

static bool is_lower_hex(struct text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (strchr("0123456789abcdef", t.data[i]) == NULL || t.data[i] == '\0')
            return false;
    return true;
}

/* "00-<32 hex>-<16 hex>-<2 hex>", trace id not all zero; else absent. */
static struct text trace_of_parent(struct text t)
{
    static const char zero[] = "00000000000000000000000000000000";
    const struct text none = {NULL, 0};
    if (t.len != 55 || memcmp(t.data, "00-", 3) != 0 || t.data[35] != '-' ||
        t.data[52] != '-')
        return none;
    struct text trace = text_make(t.data + 3, 32);
    if (!is_lower_hex(trace) || memcmp(trace.data, zero, 32) == 0)
        return none;
    return trace;
}

/* The right-most address of X-Forwarded-For that no trusted proxy is; absent
 * where there is none, or where something else stands before it. */
static struct text forwarded_client(struct exchange *x)
{
    const struct config *c = x->runtime->config;
    const struct http_header *headers;
    size_t count = http_request_headers(x->req, &headers);
    char address[CONFIG_IP_SIZE] = "";
    bool is_found = false;
    for (size_t i = count; i-- > 0 && !is_found;) {
        if (!text_equal_nocase(headers[i].name, TEXT_LIT("x-forwarded-for")))
            continue;
        struct text left = headers[i].value;
        while (left.len > 0 && !is_found) {
            size_t at = left.len;
            while (at > 0 && left.data[at - 1] != ',')
                at--;
            struct text element =
                text_trim(text_make(left.data + at, left.len - at));
            if (!config_ip_plain(element, address))
                return (struct text){NULL, 0};
            is_found = !config_cidr_contains_text(&c->trusted_proxies,
                                                  text_of(address));
            left.len = at > 0 ? at - 1 : 0;
        }
    }
    return arena_text(&x->arena, text_of(address));
}

static enum status make_ids(struct exchange *x)
{
    struct worker *w = x->worker;
    char id[ID_UUID_SIZE];
    enum status s = id_uuid7(&w->ids, x->time, id);
    if (s != STATUS_OK)
        return s;
    memcpy(x->request_id, id, sizeof(id));
    return id_trace(&w->ids, x->trace);
}

enum status identify_request(struct exchange *x)
{
    const struct config *c = x->runtime->config;
    enum status s = make_ids(x);
    x->client = text_of(http_request_peer_text(x->req));
    x->peer_is_trusted =
        config_cidr_contains(&c->trusted_proxies, http_request_peer(x->req));
    if (s != STATUS_OK || !x->peer_is_trusted ||
        http_request_refusal(x->req) != HTTP_REFUSAL_NONE)
        return s;
    struct text id = http_request_header(x->req, "x-request-id");
    if (is_request_id(id)) {
        memcpy(x->request_id, id.data, id.len);
        x->request_id[id.len] = '\0';
    }
    struct text trace =
        trace_of_parent(http_request_header(x->req, "traceparent"));
    if (!text_is_absent(trace))
        memcpy(x->trace, trace.data, trace.len);
    struct text client = forwarded_client(x);
    if (client.len > 0)
        x->client = client;
    return STATUS_OK;
}

/* RFC 6750: "Bearer" in any case, one space, the key. */
static struct text bearer_key(struct text value)
{
    struct text scheme, key = text_cut(value, ' ', &scheme);
    if (!text_equal_nocase(scheme, TEXT_LIT("bearer")))
        return (struct text){NULL, 0};
    return text_trim(key);
}

enum http_refusal identify_consumer(struct exchange *x)
{
    if (x->runtime->consumers == NULL)
        return HTTP_REFUSAL_NONE;
    if (http_request_header_count(x->req, "authorization") != 1)
        return HTTP_REFUSAL_NOT_AUTHENTICATED;
    struct text key = bearer_key(http_request_header(x->req, "authorization"));
    if (key.len == 0)
        return HTTP_REFUSAL_NOT_AUTHENTICATED;
    x->consumer = config_consumers_find(x->runtime->consumers, key);
    return x->consumer ? HTTP_REFUSAL_NONE : HTTP_REFUSAL_NOT_AUTHENTICATED;
}

enum http_refusal identify_sender_right(const struct exchange *x)
{
    const struct policy_operation *op = x->route.operation;
    if (op == NULL || op->sender_in == POLICY_SENDER_NONE ||
        x->consumer->may_use_any_sender)
        return HTTP_REFUSAL_NONE;
    if (text_is_absent(x->sender))
        return op->sender_in == POLICY_SENDER_CHAT
                   ? HTTP_REFUSAL_SENDER_UNKNOWN
                   : HTTP_REFUSAL_SENDER_FORBIDDEN;
    return config_consumer_may_send(x->consumer, x->sender)
               ? HTTP_REFUSAL_NONE
               : HTTP_REFUSAL_SENDER_FORBIDDEN;
}
