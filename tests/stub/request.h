/* SPDX-License-Identifier: Apache-2.0
 *
 * stub/request.h - a request as the stub has read it.
 */
#ifndef STUB_REQUEST_H
#define STUB_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"

#define STUB_HEADERS_MAX 128
#define STUB_HEAD_MAX (64 * 1024)
#define STUB_BODY_MAX (32 * 1024 * 1024)

struct stub_header {
    const char *name, *value; /* terminated, into `head` */
};

struct stub_request {
    struct buffer head; /* owns the bytes that the texts below point into */
    const char *method, *target;
    struct text path, query; /* spans of target; query absent without '?' */
    struct stub_header headers[STUB_HEADERS_MAX];
    size_t header_count;
    bool is_chunked;
    bool wants_close; /* Connection: close, or HTTP/1.0 */
    bool wants_continue;
    int64_t length; /* Content-Length; 0 when there is none */
    struct buffer body;
    uint64_t connection; /* which one it came on, from 1 */
};

void stub_request_init(struct stub_request *req);
void stub_request_release(struct stub_request *req);

/* Read a head that ends in an empty line. STATUS_INVALID: malformed, or
 * ambiguous in its framing; STATUS_NO_MEMORY. */
enum status stub_request_parse(struct stub_request *req, const char *head,
                               size_t len) MUST_CHECK;

/* The first of that name (any case), or NULL. */
const char *stub_request_header(const struct stub_request *req,
                                const char *name);
/* A parameter of the query, percent-decoded into `out`; false: not there, or
 * longer than `size` - 1. */
bool stub_request_query(const struct stub_request *req, const char *name,
                        char *out, size_t size);

#endif
