/* SPDX-License-Identifier: Apache-2.0
 *
 * http/intake.c - what a client sends: heads, bodies, and what means nothing.
 *
 *   IDLE --first byte--> HEAD --complete, good--> BODY --complete--> COMPLETE
 *    ^                    |                        |                    |
 *    |                    | bad, late, cut off     | bad, late, cut off |
 *    |                    v                        v                    |
 *    |                  DRAIN <--------------------+                    |
 *    +------------------------- answered ------------------------------+
 *
 * Bytes are taken straight from the server's read buffer. Only what cannot be
 * used yet is copied to `held`: an unfinished head, what came while the
 * exchange had paused the body, what a client sent ahead of its answer. While
 * anything waits there (but an unfinished head) nothing is read, so the end of
 * input is only ever seen with nothing held before it.
 *
 * Each call of the exchange's handler may change the request's flags (discard,
 * pause, abort); they are looked at again after every one.
 */
#include <stdlib.h>
#include <string.h>

#include "http/gate.h"

/* ---- held bytes ---- */

static bool hold(struct gate *g, const char *data, size_t len)
{
    size_t need = g->held_len + len;
    if (len == 0)
        return true;
    if (need > g->held_size) {
        size_t size = g->held_size * 2 > need ? g->held_size * 2 : need;
        char *bigger = realloc(g->held, size);
        if (bigger == NULL)
            return false;
        g->held = bigger;
        g->held_size = size;
    }
    memcpy(g->held + g->held_len, data, len);
    g->held_len = need;
    g->server->counters.held_bytes += len;
    return true;
}

void intake_release(struct gate *g)
{
    intake_release_head(g);
    g->server->counters.held_bytes -= g->held_len;
    free(g->held);
    g->held = NULL;
    g->held_len = g->held_size = 0;
}

/* ---- the beginning of a request ---- */

void intake_release_head(struct gate *g)
{
    g->server->counters.held_bytes -= g->req.block_bytes;
    free(g->req.block);
    g->req.block = NULL;
    g->req.block_bytes = 0;
    g->req.head = (struct head){0};
}

/* A copy of the head with room for `lines` headers, in one allocation: the
 * array first, since it is what needs alignment. */
static char *copy_head(struct gate *g, const char *data, size_t len,
                       size_t lines)
{
    struct http_request *req = &g->req;
    size_t array = lines * sizeof(struct http_header);
    req->block = malloc(array + len + 1);
    if (req->block == NULL)
        return NULL;
    req->block_bytes = array + len + 1;
    g->server->counters.held_bytes += req->block_bytes;
    char *copy = req->block + array;
    memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}

/* The head is done with: g->req.head and .refusal say how. Tell the exchange.
 * On a refusal the rest of what the client sends means nothing. */
static void begin(struct gate *g)
{
    struct http_server *s = g->server;
    struct http_request *req = &g->req;
    g->in_deadline = NEVER;
    s->counters.requests++;
    if (req->refusal == HTTP_REFUSAL_NONE && g->is_turned_away)
        req->refusal = HTTP_REFUSAL_BUSY;
    if (req->refusal != HTTP_REFUSAL_NONE) {
        s->counters.malformed += req->refusal != HTTP_REFUSAL_BUSY;
        intake_drain(g);
    } else if (req->head.length == 0) {
        g->input = GATE_COMPLETE;
    } else {
        g->input = GATE_BODY;
        g->in_deadline = s->now + s->settings.body_timeout_us;
        req->body_left = req->head.length;
        req->is_body_chunked = req->head.length < 0;
        req->is_continue_due = req->head.expects_continue;
        if (req->is_body_chunked)
            chunked_init(&req->chunked, (uint64_t)s->settings.max_body_bytes);
    }
    g->exchange = s->handler->begin(s->arg, req);
    if (g->exchange == NULL)
        g->is_lost = true;
    else if (g->input == GATE_COMPLETE && !req->is_discarded &&
             !req->is_aborted)
        s->handler->body_end(g->exchange, HTTP_REFUSAL_NONE);
}

static void reset_request(struct gate *g)
{
    g->req = (struct http_request){
        .magic = REQUEST_MAGIC,
        .gate = g,
        .started = g->req.started,
        .reply_left = -1,
        .head = {.minor = 1},
    };
}

/* The head that has come so far, `len` bytes of it, is refused. */
static void refuse_head(struct gate *g, const char *data, size_t len,
                        enum http_refusal refusal)
{
    const struct head_scan *scan = &g->scan;
    reset_request(g);
    if (scan->lines > 0) {
        /* The request line is there: for the record, and because its own
         * error is the first one. */
        const char *line = data + scan->skipped;
        const char *end = memchr(line, '\r', len - scan->skipped);
        size_t line_len = end == NULL ? 0 : (size_t)(end - line);
        char *copy = copy_head(g, line, line_len, 0);
        if (copy == NULL) {
            g->is_lost = true;
            return;
        }
        enum http_refusal first =
            head_parse_request_line(text_make(copy, line_len), &g->req.head);
        if (first != HTTP_REFUSAL_NONE && refusal == HTTP_REFUSAL_HEADER)
            refusal = first;
    }
    g->req.refusal = refusal;
    begin(g);
}

static void accept_head(struct gate *g, const char *data)
{
    const struct head_scan *scan = &g->scan;
    struct http_request *req = &g->req;
    size_t len = scan->pos - scan->skipped, lines = scan->lines - 1;
    if (lines > HEAD_MAX_HEADERS)
        lines = HEAD_MAX_HEADERS;
    reset_request(g);
    char *copy = copy_head(g, data + scan->skipped, len, lines);
    if (copy == NULL) {
        g->is_lost = true;
        return;
    }
    req->refusal =
        head_parse(text_make(copy, len),
                   (struct http_header *)(void *)req->block, lines, &req->head);
    if (req->refusal == HTTP_REFUSAL_NONE &&
        req->head.length > g->server->settings.max_body_bytes)
        req->refusal = HTTP_REFUSAL_BODY_TOO_LARGE;
    begin(g);
}

/* `data` is the head from its first byte on. Returns what is done with. */
static size_t take_head(struct gate *g, const char *data, size_t len)
{
    struct http_server *s = g->server;
    size_t max = s->settings.max_head_bytes;
    if (g->input == GATE_IDLE) {
        g->input = GATE_HEAD;
        g->req.started = s->now;
        /* That of the first head runs since the connection was accepted. */
        if (g->is_served)
            g->in_deadline = s->now + s->settings.header_timeout_us;
        head_scan_init(&g->scan);
    }
    /* Never looks further than a head may reach, so that the verdict is the
     * same however much came at once. */
    size_t reach = max + 2 < len ? max + 2 : len;
    enum head_scan_result result = head_scan_feed(&g->scan, data, reach);
    if (result == HEAD_SCAN_END && g->scan.pos - g->scan.skipped <= max) {
        accept_head(g, data);
        return g->scan.pos;
    }
    if (result == HEAD_SCAN_BAD)
        refuse_head(g, data, len,
                    g->scan.lines > 0 ? HTTP_REFUSAL_HEADER
                                      : HTTP_REFUSAL_REQUEST_LINE);
    else if (result == HEAD_SCAN_END || reach == max + 2)
        refuse_head(g, data, len, HTTP_REFUSAL_HEAD_TOO_LARGE);
    else
        return 0;
    return len;
}

/* ---- body ---- */

static void body_over(struct gate *g, enum http_refusal refusal)
{
    if (refusal == HTTP_REFUSAL_NONE) {
        g->input = GATE_COMPLETE;
        g->in_deadline = NEVER;
    } else {
        intake_drain(g);
    }
    if (g->exchange == NULL) { /* answered already, the rest was thrown away */
        if (refusal == HTTP_REFUSAL_NONE)
            intake_next(g);
        return;
    }
    if (!g->req.is_discarded)
        g->server->handler->body_end(g->exchange, refusal);
}

static void give_piece(struct gate *g, const char *data, size_t len)
{
    struct http_request *req = &g->req;
    req->is_continue_due = false;
    if (!req->is_discarded) {
        g->server->handler->body(g->exchange, data, len);
        return;
    }
    req->discarded_bytes += len;
    if (req->discarded_bytes > GATE_KEEP_BYTES)
        intake_drain(g);
}

static size_t take_body_by_length(struct gate *g, const char *data, size_t len)
{
    struct http_request *req = &g->req;
    size_t n = (int64_t)len < req->body_left ? len : (size_t)req->body_left;
    req->body_left -= (int64_t)n;
    give_piece(g, data, n);
    if (req->body_left == 0 && g->input == GATE_BODY)
        body_over(g, HTTP_REFUSAL_NONE);
    return n;
}

static size_t take_body_by_chunk(struct gate *g, const char *data, size_t len)
{
    size_t used;
    struct text piece;
    enum chunked_result result =
        chunked_feed(&g->req.chunked, data, len, &used, &piece);
    if (piece.len > 0)
        give_piece(g, piece.data, piece.len);
    if (g->input != GATE_BODY)
        return used;
    if (result == CHUNKED_DONE)
        body_over(g, HTTP_REFUSAL_NONE);
    else if (result == CHUNKED_BAD)
        body_over(g, HTTP_REFUSAL_CHUNK);
    else if (result == CHUNKED_TOO_LARGE)
        body_over(g, HTTP_REFUSAL_BODY_TOO_LARGE);
    return used;
}

/* ---- all together ---- */

static bool can_take(const struct gate *g)
{
    if (g->is_lost || g->is_over || g->req.is_aborted)
        return false;
    return g->input == GATE_BODY ? !g->req.is_paused
                                 : g->input != GATE_COMPLETE;
}

static size_t take_some(struct gate *g, const char *data, size_t len)
{
    switch (g->input) {
    case GATE_IDLE:
    case GATE_HEAD:
        return take_head(g, data, len);
    case GATE_BODY:
        return g->req.is_body_chunked ? take_body_by_chunk(g, data, len)
                                      : take_body_by_length(g, data, len);
    case GATE_DRAIN:
        g->drain_left -= (int64_t)len;
        return len;
    case GATE_COMPLETE:
        break;
    }
    return 0;
}

static size_t take(struct gate *g, const char *data, size_t len)
{
    size_t used = 0;
    while (used < len && can_take(g)) {
        size_t n = take_some(g, data + used, len - used);
        if (n == 0)
            break;
        used += n;
    }
    return used;
}

bool intake_can_resume(const struct gate *g)
{
    return g->held_len > 0 && g->input != GATE_HEAD && can_take(g);
}

static void take_held(struct gate *g)
{
    size_t used = take(g, g->held, g->held_len);
    g->server->counters.held_bytes -= used;
    g->held_len -= used;
    if (g->held_len > 0) {
        if (used > 0)
            memmove(g->held, g->held + used, g->held_len);
        return;
    }
    free(g->held);
    g->held = NULL;
    g->held_size = 0;
}

void intake_resume(struct gate *g)
{
    if (intake_can_resume(g))
        take_held(g);
}

void intake_arrived(struct gate *g, const char *data, size_t len)
{
    if (g->held_len > 0) {
        if (!hold(g, data, len))
            g->is_lost = true;
        else
            take_held(g);
        return;
    }
    size_t used = take(g, data, len);
    if (!hold(g, data + used, len - used))
        g->is_lost = true;
}

void intake_next(struct gate *g)
{
    g->input = GATE_IDLE;
    g->is_served = true;
    g->in_deadline = g->server->now + g->server->settings.keepalive_timeout_us;
    if (g->is_eof)
        g->is_over = true;
}

void intake_drain(struct gate *g)
{
    g->must_close = true;
    g->input = GATE_DRAIN;
    g->in_deadline = NEVER;
    g->drain_left = g->server->settings.max_body_bytes + GATE_LINGER_BYTES;
}

/* No more than the empty line that may stand before a request. */
static bool is_blank(const struct gate *g)
{
    return g->scan.lines == 0 && g->held_len <= 2 &&
           (g->held_len == 0 || g->held[0] == '\r');
}

static void head_broken_off(struct gate *g, enum http_refusal refusal)
{
    if (is_blank(g))
        g->is_over = true;
    else
        refuse_head(g, g->held, g->held_len, refusal);
}

void intake_eof(struct gate *g)
{
    g->is_eof = true;
    switch (g->input) {
    case GATE_IDLE:
        g->is_over = true;
        break;
    case GATE_HEAD:
        head_broken_off(g, HTTP_REFUSAL_TRUNCATED);
        break;
    case GATE_BODY:
        body_over(g, HTTP_REFUSAL_TRUNCATED);
        break;
    case GATE_COMPLETE: /* a client may shut its side and still read */
        break;
    case GATE_DRAIN:
        g->is_over = g->exchange == NULL;
        break;
    }
}

void intake_timeout(struct gate *g)
{
    struct http_counters *counters = &g->server->counters;
    g->in_deadline = NEVER;
    switch (g->input) {
    case GATE_HEAD:
        counters->timeouts++;
        head_broken_off(g, HTTP_REFUSAL_HEAD_TIMEOUT);
        break;
    case GATE_BODY:
        counters->timeouts++;
        if (g->exchange == NULL)
            g->is_over = true;
        else
            body_over(g, HTTP_REFUSAL_BODY_TIMEOUT);
        break;
    case GATE_IDLE:
    case GATE_DRAIN:
        g->is_over = true;
        break;
    case GATE_COMPLETE:
        break;
    }
}
