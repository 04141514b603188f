/* SPDX-License-Identifier: Apache-2.0
 *
 * upstream/head.h - the head of an answer, from lines to what may be passed on.
 *
 * libcurl hands over one header line after another; this reader keeps them,
 * refuses what a proxy must not pass on (RFC 9112: folded lines, spaces
 * before the colon, control bytes, contradicting lengths), forgets interim
 * answers (1xx), and drops the hop-by-hop headers (RFC 9110 section 7.6.1).
 *
 *   upstream_head_reader_line(r, line, len)   for each line, its end included
 *     -> UPSTREAM_HEAD_COMPLETE at the empty line after the final status
 *   upstream_head_reader_get(r, &head)
 */
#ifndef UPSTREAM_HEAD_H
#define UPSTREAM_HEAD_H

#include "base/buffer.h"
#include "upstream/upstream.h"

#define UPSTREAM_HEAD_MAX (64 * 1024) /* names and values, bytes */
#define UPSTREAM_HEADERS_MAX 256
#define UPSTREAM_CONNECTIONS_MAX 8 /* headers of that name */

struct upstream_head_reader {
    struct buffer bytes; /* names and values of this head, one behind another */
    struct upstream_head_span {
        uint32_t name, name_len, value, value_len; /* places in `bytes` */
    } * spans;
    struct upstream_header *headers; /* what get() gives out */
    size_t count, size;              /* of both arrays */
    struct upstream_head_place {
        uint32_t at, len;
    } connections[UPSTREAM_CONNECTIONS_MAX]; /* values of "Connection" */
    size_t connection_count;
    int status;             /* 0 before the status line */
    int64_t content_length; /* -1: not said */
    bool is_chunked;
    bool is_complete;
    const char *problem; /* after BAD: a sentence */
};

enum upstream_head_step {
    UPSTREAM_HEAD_MORE,
    UPSTREAM_HEAD_COMPLETE,
    UPSTREAM_HEAD_BAD, /* `problem` says why */
    UPSTREAM_HEAD_NO_MEMORY,
};

void upstream_head_reader_init(struct upstream_head_reader *r);
void upstream_head_reader_release(struct upstream_head_reader *r);
/* Ready for the next answer; memory is kept. */
void upstream_head_reader_clear(struct upstream_head_reader *r);

enum upstream_head_step
upstream_head_reader_line(struct upstream_head_reader *r, const char *line,
                          size_t len);

/* After COMPLETE, once. The texts live until the reader is cleared. */
void upstream_head_reader_get(struct upstream_head_reader *r,
                              struct upstream_head *out);

#endif
