/* SPDX-License-Identifier: Apache-2.0
 *
 * http/refusal.h - every way in which chatgate itself says no.
 *
 * One table: name, HTTP status, the sentence a person reads. Answers,
 * metrics, records and the README's table come from it. The public error code
 * is the contract's (400 -> 1002), found by the status.
 */
#ifndef HTTP_REFUSAL_H
#define HTTP_REFUSAL_H

#include <stddef.h>

/* X(symbol, name, status, text) */
#define HTTP_REFUSALS(X)                                                       \
    X(REQUEST_LINE, "http.request_line", 400, "the request line is malformed") \
    X(VERSION, "http.version", 400, "only HTTP/1.0 and HTTP/1.1 are spoken")   \
    X(METHOD, "http.method", 400,                                              \
      "the method is no token, or one that is never served")                   \
    X(TARGET, "http.target", 400,                                              \
      "the request target must be an absolute path, as in /v3/chats")          \
    X(HEADER, "http.header", 400, "a header line is malformed")                \
    X(HOST, "http.host", 400, "exactly one valid Host header is needed")       \
    X(CONTENT_LENGTH, "http.content_length", 400,                              \
      "Content-Length must be one decimal number")                             \
    X(TRANSFER_ENCODING, "http.transfer_encoding", 400,                        \
      "Transfer-Encoding must be exactly chunked, once, on HTTP/1.1, without " \
      "Content-Length")                                                        \
    X(CHUNK, "http.chunk", 400, "the chunked body is malformed")               \
    X(UNEXPECTED_BODY, "http.unexpected_body", 400,                            \
      "this method takes no body")                                             \
    X(TRUNCATED, "http.truncated", 400,                                        \
      "the connection ended before the request was complete")                  \
    X(HEAD_TIMEOUT, "http.header_timeout", 408,                                \
      "the request's head did not arrive in time")                             \
    X(BODY_TIMEOUT, "http.body_timeout", 408,                                  \
      "the request's body did not arrive in time")                             \
    X(LENGTH_REQUIRED, "http.length_required", 411,                            \
      "a body needs Content-Length or chunked framing")                        \
    X(BODY_TOO_LARGE, "http.body_too_large", 413, "the body is too large")     \
    X(CONTENT_TYPE, "http.content_type", 415,                                  \
      "the body must be sent as application/json")                             \
    X(CONTENT_ENCODING, "http.content_encoding", 415,                          \
      "the body must not be compressed: send it without Content-Encoding")     \
    X(EXPECTATION, "http.expectation", 400,                                    \
      "the only expectation that is met is 100-continue")                      \
    X(HEAD_TOO_LARGE, "http.head_too_large", 431,                              \
      "the request's head is too large")                                       \
    X(BUSY, "http.busy", 503, "too many requests are under way; try again")    \
    X(PATH, "http.path", 400, "the path is not in canonical form")             \
    X(QUERY, "http.query", 400, "the query is malformed")                      \
    X(NO_ROUTE, "http.no_route", 404, "no such route")                         \
    X(METHOD_NOT_ALLOWED, "http.method_not_allowed", 405,                      \
      "the route does not take this method")                                   \
    X(INVALID, "validation", 400, "the request breaks the contract")           \
    X(NOT_AUTHENTICATED, "consumer.unknown", 401,                              \
      "a consumer's key is needed: Authorization: Bearer KEY")                 \
    X(SENDER_FORBIDDEN, "sender.forbidden", 403,                               \
      "this consumer may not send from that number")                           \
    X(SENDER_NOT_ALLOWED, "sender.lookup_denied", 403,                         \
      "the upstream does not let this credential see the chat")                \
    X(SENDER_LOOKUP_LIMITED, "sender.lookup_limited", 429,                     \
      "the upstream has asked this credential to wait before it looks at "     \
      "chats")                                                                 \
    X(SENDER_UNAUTHENTICATED, "sender.unauthenticated", 401,                   \
      "the upstream does not accept this credential")                          \
    X(SENDER_NO_CHAT, "sender.no_chat", 404, "no such chat")                   \
    X(SENDER_UNKNOWN, "sender.unknown", 503,                                   \
      "the chat's sender could not be found out; try again")                   \
    X(LIMITED, "limit", 429, "the sender's budget is spent; try again later")  \
    X(LIMIT_UNAVAILABLE, "limit.unavailable", 503,                             \
      "the limiter's store is away; try again")                                \
    X(AUDIT_UNAVAILABLE, "audit.unavailable", 503,                             \
      "requests cannot be recorded now; try again")                            \
    X(NO_MEMORY, "internal.memory", 503, "out of memory; try again")           \
    X(INTERNAL, "internal", 500, "chatgate failed")                            \
    X(UPSTREAM_CONNECT, "upstream.connect", 503,                               \
      "the upstream cannot be reached; nothing was sent")                      \
    X(UPSTREAM_SEND, "upstream.send", 502,                                     \
      "the upstream closed the connection without an answer")                  \
    X(UPSTREAM_MALFORMED, "upstream.malformed", 502,                           \
      "the upstream's answer is no HTTP")                                      \
    X(UPSTREAM_TIMEOUT, "upstream.timeout", 504,                               \
      "the upstream did not answer in time")

enum http_refusal {
    HTTP_REFUSAL_NONE = 0,
#define X(symbol, name, status, text) HTTP_REFUSAL_##symbol,
    HTTP_REFUSALS(X)
#undef X
        HTTP_REFUSAL_COUNT
};

struct http_refusal_row {
    const char *name;
    int status;
    const char *text;
};

/* Never NULL for a row of the table. */
const struct http_refusal_row *http_refusal_row(enum http_refusal r);

#endif
