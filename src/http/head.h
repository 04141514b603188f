/* SPDX-License-Identifier: Apache-2.0
 *
 * http/head.h - the head of a request, to the letter.
 *
 * Pure: no socket, no clock, no allocation. First the end of the head is
 * looked for as bytes arrive (head_scan_*), then the whole is taken apart
 * (head_parse). Nothing is repaired and nothing is guessed: a head that two
 * programs could read in two ways is refused, also where RFC 9112 would let a
 * recipient be lenient. The verdict does not depend on how the bytes were
 * cut into pieces.
 */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "http/header.h"
#include "http/refusal.h"

/* More header lines than this are HTTP_REFUSAL_HEAD_TOO_LARGE. */
#define HEAD_MAX_HEADERS 100
/* A method longer than this is malformed. */
#define HEAD_MAX_METHOD 32

/* ---- where does it end ---- */

struct head_scan {
    size_t skipped; /* an empty line before the request line: 0 or 2 */
    size_t line;    /* where the line begins that is being looked at */
    size_t pos;     /* bytes looked at, from the first one on */
    size_t lines;   /* complete lines, the request line included */
};

enum head_scan_result {
    HEAD_SCAN_MORE, /* not complete; good so far */
    HEAD_SCAN_END,  /* complete: bytes [skipped, pos) */
    HEAD_SCAN_BAD   /* a control byte, a bare CR or LF: will never be good */
};

void head_scan_init(struct head_scan *s);
/* `data` is everything from the head's first byte on; bytes that an earlier
 * call has seen are not looked at again. */
enum head_scan_result head_scan_feed(struct head_scan *s, const char *data,
                                     size_t len);

/* ---- what does it say ---- */

struct head {
    struct text method, target; /* absent when they were malformed */
    int minor;                  /* HTTP/1.x */
    const struct http_header *headers;
    size_t header_count;
    int64_t length; /* of the body; -1: chunked; 0: none */
    bool is_head;   /* the method is HEAD */
    bool is_persistent;
    bool expects_continue;
};

/* The request line alone, without its CRLF; fills method, target, minor,
 * is_head as far as they are good. */
enum http_refusal head_parse_request_line(struct text line, struct head *out);

/* A complete head as head_scan found it, from the request line to the empty
 * line. `headers` has room for `max_headers` (lines - 1 is enough). Spans
 * point into `bytes`. On a refusal, `out` holds what was understood. */
enum http_refusal head_parse(struct text bytes, struct http_header *headers,
                             size_t max_headers, struct head *out);

#endif
