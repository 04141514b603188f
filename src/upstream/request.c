/* SPDX-License-Identifier: Apache-2.0
 *
 * upstream/request.c - checking and laying out a request's head.
 *
 * RFC 9110 sections 5.1, 5.5 and 9.1; RFC 9112 section 3.
 */
#include "upstream/request.h"

#include "base/check.h"
#include "base/octets.h"
#include "upstream/field.h"

/* A line without a value is one that libcurl must not send. */
static struct curl_slist omitted[] = {
    {(char *)(uintptr_t) "Host:", &omitted[1]},
    {(char *)(uintptr_t) "Accept:", &omitted[2]},
    {(char *)(uintptr_t) "Content-Type:", &omitted[3]},
    {(char *)(uintptr_t) "Content-Length:", &omitted[4]},
    {(char *)(uintptr_t) "Expect:", NULL},
};
struct curl_slist *const upstream_request_omitted = omitted;

/* Visible ASCII. */
static bool is_target(struct text t)
{
    for (size_t i = 0; i < t.len; i++)
        if ((unsigned char)t.data[i] <= ' ' || (unsigned char)t.data[i] >= 0x7f)
            return false;
    return t.len > 0 && t.data[0] == '/';
}

bool upstream_request_is_post(const struct upstream_request *request)
{
    return request->has_body || text_is(request->method, "POST") ||
           text_is(request->method, "PUT") || text_is(request->method, "PATCH");
}

static bool is_sendable(const struct upstream_request *request)
{
    if (!octets_are_token(request->method) ||
        request->method.len > UPSTREAM_METHOD_MAX ||
        !is_target(request->target))
        return false;
    /* libcurl's HEAD has no body. */
    if (upstream_request_is_post(request) && text_is(request->method, "HEAD"))
        return false;
    for (size_t i = 0; i < request->header_count; i++) {
        const struct upstream_header *h = &request->headers[i];

        if (!octets_are_token(h->name) || !octets_are_value(h->value))
            return false;
    }
    return true;
}

static size_t length(const struct upstream_request *request)
{
    size_t n = request->target.len;

    for (size_t i = 0; i < request->header_count; i++)
        n += request->headers[i].name.len + request->headers[i].value.len + 4;
    return n;
}

static void put(struct buffer *out, const char *data, size_t len)
{
    if (len > 0)
        memcpy(out->data + out->len, data, len);
    out->len += len;
}

static void put_text(struct buffer *out, struct text t)
{
    put(out, t.data, t.len);
}

static void put_str(struct buffer *out, const char *cstr)
{
    put(out, cstr, strlen(cstr));
}

enum status upstream_request_compose(const struct upstream_request *request,
                                     const char *host, const char *prefix,
                                     struct buffer *out)
{
    char room[TEXT_DIGITS_MAX];
    enum status s;

    if (!is_sendable(request))
        return STATUS_INVALID;
    buffer_clear(out);
    /* 128 for a length and the literals below, which are counted by the check
     * at the end. */
    s = buffer_reserve(out,
                       length(request) + strlen(prefix) + strlen(host) + 128);
    if (s != STATUS_OK)
        return s;
    put_str(out, prefix);
    put_text(out, request->target);
    put_str(out, " HTTP/1.1\r\nHost: ");
    put_str(out, host);
    put_str(out, "\r\n");
    for (size_t i = 0; i < request->header_count; i++) {
        const struct upstream_header *h = &request->headers[i];

        if (upstream_field_is_hop_by_hop(h->name))
            continue; /* framing and the connection are this room's */
        put_text(out, h->name);
        put_str(out, ": ");
        put_text(out, h->value);
        put_str(out, "\r\n");
    }
    if (upstream_request_is_post(request)) {
        put_str(out, "Content-Length: ");
        put_text(out, text_from_u64(request->has_body ? request->body.len : 0,
                                    room));
        put_str(out, "\r\n");
    }
    put_str(out, "X-Chatgate-Protocol:");
    CHECK(out->len < out->size);
    buffer_truncate(out, out->len); /* and its NUL */
    return STATUS_OK;
}
