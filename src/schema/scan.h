/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/scan.h - the look at every byte before yajl sees it.
 *
 * yajl 2.1 lets through what RFC 8259 forbids (lone surrogates, overlong
 * UTF-8) and lexes a token that straddles two pieces again from its start at
 * each piece. So every piece of JSON, of a body or of an answer, passes here
 * first, once: UTF-8 (RFC 3629), escapes and surrogate pairs, control bytes,
 * nesting depth, the length of strings and numbers. What reaches the sink
 * are runs of bytes that begin and end between tokens; an unfinished token
 * is held back, at most `max_token_bytes` of it and the quote before them.
 *
 * The scan knows strings, numbers and literals, not the grammar between
 * them: commas and colons in the wrong place are yajl's to find. Time is
 * linear in the bytes however they are cut, and so is the outcome the same:
 * every whole token before an offending byte reaches the sink, which may
 * object to something earlier, before the scan says what it found.
 *
 *   scan_init(&s, &limits, feed_yajl, handle);
 *   for each piece: status = scan_feed(&s, piece, len);
 *   status = scan_finish(&s);        (then yajl_complete_parse)
 *   scan_release(&s);
 */
#ifndef SCHEMA_SCAN_H
#define SCHEMA_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"
#include "schema/utf8.h"

struct scan_limits {
    uint32_t max_depth;        /* open arrays and objects */
    uint32_t max_token_bytes;  /* a string or key, as written, quotes off */
    uint32_t max_number_bytes; /* a number, as written */
};

/* Whole tokens, never zero bytes. They are valid in the call only: part of
 * the piece being fed, or what was held back. Anything but STATUS_OK stops
 * the scan with that status; the sink has recorded why. It must not call
 * the scan. */
typedef enum status (*scan_sink_fn)(void *arg, const char *data, size_t len);

struct scan; /* see the end of this file: embedded, but nobody's to read */

void scan_init(struct scan *s, const struct scan_limits *limits,
               scan_sink_fn sink, void *arg);
void scan_release(struct scan *s);

/* STATUS_OK; STATUS_INVALID with scan_rule() set; STATUS_NO_MEMORY; or what
 * the sink said (scan_rule() is NULL then). After anything but STATUS_OK the
 * scan stays stopped and says the same again. */
enum status scan_feed(struct scan *s, const char *data, size_t len) MUST_CHECK;
/* No more bytes will come: gives the last token to the sink. */
enum status scan_finish(struct scan *s) MUST_CHECK;

/* After STATUS_INVALID: "json.utf8" "json.escape" "json.depth"
 * "json.token_too_long" "json.syntax" "json.empty", and a sentence for a
 * person. Static texts; NULL when it was not the scan that objected. */
const char *scan_rule(const struct scan *s);
const char *scan_message(const struct scan *s);
/* Bytes of the text before the offending one; else the bytes fed. */
uint64_t scan_offset(const struct scan *s);
/* Bytes held back at this moment. */
size_t scan_held(const struct scan *s);

/* Embedded only so that it needs no allocation of its own. */
struct scan {
    struct scan_limits limits;
    scan_sink_fn sink;
    void *arg;
    struct buffer held; /* the unfinished token */
    uint64_t offset;    /* of the piece's first byte; then as scan_offset() */
    uint32_t depth;
    uint32_t token_bytes; /* of the token under way, in earlier pieces */
    uint32_t code_point;  /* of the \u escape under way */
    struct utf8 utf8;     /* the character under way */
    uint8_t state;
    uint8_t escape_left; /* hex digits due */
    bool is_pair;        /* a high surrogate stands before the escape */
    bool has_token;      /* anything but white space was seen */
    const char *literal; /* the one under way */
    const char *rule, *message;
    enum status stopped; /* STATUS_OK while it runs */
};

#endif
