/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/content.c - type and length of a body, before a byte of it.
 */
#include "gateway/exchange_state.h"

/* RFC 9110 section 8.3: application/json, a charset of UTF-8 at most. */
static bool is_json_type(struct text value)
{
    struct text type, rest = text_cut(value, ';', &type);
    if (!text_equal_nocase(text_trim(type), TEXT_LIT("application/json")))
        return false;
    while (!text_is_absent(rest)) {
        struct text parameter, name;
        rest = text_cut(rest, ';', &parameter);
        parameter = text_trim(parameter);
        if (parameter.len == 0)
            continue;
        struct text charset = text_cut(parameter, '=', &name);
        if (!text_equal_nocase(name, TEXT_LIT("charset")))
            continue;
        if (charset.len >= 2 && charset.data[0] == '"' &&
            charset.data[charset.len - 1] == '"')
            charset = text_make(charset.data + 1, charset.len - 2);
        if (!text_equal_nocase(charset, TEXT_LIT("utf-8")))
            return false;
    }
    return true;
}

/* Any coding but "identity", in any of the headers. */
static bool is_encoded(const struct exchange *x)
{
    const struct http_header *headers;
    size_t count = http_request_headers(x->req, &headers);
    for (size_t i = 0; i < count; i++)
        if (text_equal_nocase(headers[i].name, TEXT_LIT("content-encoding")) &&
            !text_equal_nocase(headers[i].value, TEXT_LIT("identity")))
            return true;
    return false;
}

/* Type and length, before one byte of the body is read. */
enum http_refusal content_check(struct exchange *x)
{
    const struct policy_operation *op = x->route.operation;
    if (op == NULL)
        return HTTP_REFUSAL_NONE;
    if (is_encoded(x))
        return HTTP_REFUSAL_CONTENT_ENCODING;
    if (!http_request_has_body(x->req)) {
        bool is_framed =
            http_request_header_count(x->req, "content-length") > 0;
        return op->body == POLICY_BODY_REQUIRED && !is_framed
                   ? HTTP_REFUSAL_LENGTH_REQUIRED
                   : HTTP_REFUSAL_NONE;
    }
    size_t types = http_request_header_count(x->req, "content-type");
    /* Chunks may hold nothing, and nothing needs no type. */
    x->is_type_due = types == 0 && http_request_length(x->req) < 0 &&
                     op->body != POLICY_BODY_REQUIRED;
    if (x->is_type_due)
        return HTTP_REFUSAL_NONE;
    if (types != 1 ||
        !is_json_type(http_request_header(x->req, "content-type")))
        return HTTP_REFUSAL_CONTENT_TYPE;
    return HTTP_REFUSAL_NONE;
}
