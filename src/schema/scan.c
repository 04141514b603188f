/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/scan.c - one pass over JSON text, token by token.
 *
 * A state machine over bytes that can stop after any of them. Its whole
 * state is in struct scan; a struct piece lives for one call and knows which
 * bytes of this piece are not yet with the sink:
 *
 *   data          sent              token        at           end
 *    |--with sink--|--whole tokens--|--unfinished-|--to come----|
 *
 * Invariants: `token` means something only outside state BETWEEN; a token
 * that began in an earlier piece has its first bytes in `held`, and then
 * sent == token == data. At the end of a piece [sent, token) goes to the
 * sink and [token, end) to `held`.
 *
 * Speed: most of a body is plain ASCII in strings, which is skipped 16 bytes
 * at a time, and most strings are finished where they began, without touching
 * the state at all. The rest goes byte by byte through tables. A cap on a
 * token costs nothing a byte: it shortens the stretch that is looked at.
 *
 * A number that was held back is sent along with the byte behind it: yajl
 * knows that a number is over only by that byte, and would keep a copy.
 *
 * RFC 8259 sections 2, 6, 7, 8; RFC 3629 section 4.
 */
#include "schema/scan.h"

#include <string.h>

#include "base/check.h"
#include "schema/plain.h"

/* A larger buffer is given back once its token is with the sink. */
#define HELD_KEEP_BYTES 4096

enum scan_state {
    /* Numbers first: they index number_next[]. 0 is no successor. */
    NUMBER_NONE,
    NUMBER_MINUS,         /* "-" */
    NUMBER_ZERO,          /* "-0" */
    NUMBER_INTEGER,       /* "12" */
    NUMBER_POINT,         /* "12." */
    NUMBER_FRACTION,      /* "12.5" */
    NUMBER_EXPONENT,      /* "12e" */
    NUMBER_EXPONENT_SIGN, /* "12e+" */
    NUMBER_EXPONENT_DIGIT,
    NUMBER_STATES,
    BETWEEN,
    LITERAL,
    STRAY,           /* a character outside ASCII, outside a string */
    STRING,          /* from here on: inside a string */
    STRING_SEQUENCE, /* bytes of a UTF-8 sequence are due */
    STRING_ESCAPE,   /* behind a backslash */
    STRING_HEX,      /* behind \u */
    STRING_PAIR,     /* a low surrogate's backslash is due */
    STRING_PAIR_U,   /* and its u */
};

/* What a byte begins or is, between tokens. */
enum kind {
    KIND_STRAY, /* nothing that JSON knows */
    KIND_LITERAL,
    KIND_NUMBER,
    KIND_QUOTE,
    KIND_SPACE, /* from here on: a token by itself, or between tokens */
    KIND_MARK,  /* , : */
    KIND_OPEN,
    KIND_CLOSE,
};

static const uint8_t kind_of[256] = {
    ['t'] = KIND_LITERAL, ['f'] = KIND_LITERAL,        ['n'] = KIND_LITERAL,
    ['-'] = KIND_NUMBER,  ['0' ... '9'] = KIND_NUMBER, ['"'] = KIND_QUOTE,
    [' '] = KIND_SPACE,   ['\t'] = KIND_SPACE,         ['\n'] = KIND_SPACE,
    ['\r'] = KIND_SPACE,  [','] = KIND_MARK,           [':'] = KIND_MARK,
    ['['] = KIND_OPEN,    ['{'] = KIND_OPEN,           [']'] = KIND_CLOSE,
    ['}'] = KIND_CLOSE,
};

/* What a byte means in a number. */
enum digit {
    DIGIT_NONE,
    DIGIT_ZERO,
    DIGIT_OTHER, /* 1 to 9 */
    DIGIT_MINUS,
    DIGIT_PLUS,
    DIGIT_POINT,
    DIGIT_E,
    DIGIT_KINDS,
};

static const uint8_t digit_of[256] = {
    ['0'] = DIGIT_ZERO, ['1' ... '9'] = DIGIT_OTHER, ['-'] = DIGIT_MINUS,
    ['+'] = DIGIT_PLUS, ['.'] = DIGIT_POINT,         ['e'] = DIGIT_E,
    ['E'] = DIGIT_E,
};

/* RFC 8259 section 6. */
static const uint8_t number_next[NUMBER_STATES][DIGIT_KINDS] = {
    [NUMBER_NONE] = {[DIGIT_ZERO] = NUMBER_ZERO,
                     [DIGIT_OTHER] = NUMBER_INTEGER,
                     [DIGIT_MINUS] = NUMBER_MINUS},
    [NUMBER_MINUS] =
        {[DIGIT_ZERO] = NUMBER_ZERO, [DIGIT_OTHER] = NUMBER_INTEGER},
    [NUMBER_ZERO] = {[DIGIT_POINT] = NUMBER_POINT, [DIGIT_E] = NUMBER_EXPONENT},
    [NUMBER_INTEGER] = {[DIGIT_ZERO] = NUMBER_INTEGER,
                        [DIGIT_OTHER] = NUMBER_INTEGER,
                        [DIGIT_POINT] = NUMBER_POINT,
                        [DIGIT_E] = NUMBER_EXPONENT},
    [NUMBER_POINT] =
        {[DIGIT_ZERO] = NUMBER_FRACTION, [DIGIT_OTHER] = NUMBER_FRACTION},
    [NUMBER_FRACTION] = {[DIGIT_ZERO] = NUMBER_FRACTION,
                         [DIGIT_OTHER] = NUMBER_FRACTION,
                         [DIGIT_E] = NUMBER_EXPONENT},
    [NUMBER_EXPONENT] = {[DIGIT_ZERO] = NUMBER_EXPONENT_DIGIT,
                         [DIGIT_OTHER] = NUMBER_EXPONENT_DIGIT,
                         [DIGIT_MINUS] = NUMBER_EXPONENT_SIGN,
                         [DIGIT_PLUS] = NUMBER_EXPONENT_SIGN},
    [NUMBER_EXPONENT_SIGN] = {[DIGIT_ZERO] = NUMBER_EXPONENT_DIGIT,
                              [DIGIT_OTHER] = NUMBER_EXPONENT_DIGIT},
    [NUMBER_EXPONENT_DIGIT] = {[DIGIT_ZERO] = NUMBER_EXPONENT_DIGIT,
                               [DIGIT_OTHER] = NUMBER_EXPONENT_DIGIT},
};

static const bool number_is_whole[NUMBER_STATES] = {
    [NUMBER_ZERO] = true,
    [NUMBER_INTEGER] = true,
    [NUMBER_FRACTION] = true,
    [NUMBER_EXPONENT_DIGIT] = true,
};

/* One call's view of its piece; see the picture at the top. */
struct piece {
    const uint8_t *data;
    const uint8_t *sent;
    const uint8_t *token;
    const uint8_t *at;
    const uint8_t *end;
    struct plain_block ahead;
};

void scan_init(struct scan *s, const struct scan_limits *limits,
               scan_sink_fn sink, void *arg)
{
    size_t most = limits->max_token_bytes;

    if (most < limits->max_number_bytes)
        most = limits->max_number_bytes;
    if (most < sizeof("false"))
        most = sizeof("false");
    *s = (struct scan){
        .limits = *limits,
        .sink = sink,
        .arg = arg,
        .state = BETWEEN,
    };
    buffer_init(&s->held, most + 2); /* both quotes */
}

void scan_release(struct scan *s)
{
    buffer_release(&s->held);
}

const char *scan_rule(const struct scan *s)
{
    return s->rule;
}

const char *scan_message(const struct scan *s)
{
    return s->message;
}

uint64_t scan_offset(const struct scan *s)
{
    return s->offset;
}

size_t scan_held(const struct scan *s)
{
    return s->held.len;
}

/* ---- the ways out ---- */

static enum status scan_stop(struct scan *s, enum status status)
{
    s->stopped = status;
    buffer_release(&s->held);
    return status;
}

static enum status scan_send(struct scan *s, const uint8_t *data, size_t len)
{
    if (len == 0)
        return STATUS_OK;
    return s->sink(s->arg, (const char *)data, len);
}

/* The byte at `p->at` offends. The tokens before it go to the sink first: had
 * the piece been cut there, the sink would have seen them too, and what it
 * says about them comes first. */
static enum status scan_fail(struct scan *s, struct piece *p, const char *rule,
                             const char *message)
{
    const uint8_t *to = s->state == BETWEEN ? p->at : p->token;
    enum status status = scan_send(s, p->sent, (size_t)(to - p->sent));

    s->offset += (uint64_t)(p->at - p->data);
    if (status != STATUS_OK)
        return scan_stop(s, status);
    s->rule = rule;
    s->message = message;
    return scan_stop(s, STATUS_INVALID);
}

static enum status fail_syntax(struct scan *s, struct piece *p,
                               const char *message)
{
    return scan_fail(s, p, "json.syntax", message);
}

static enum status fail_utf8(struct scan *s, struct piece *p)
{
    return scan_fail(s, p, "json.utf8", "the text is not valid UTF-8");
}

static enum status fail_escape(struct scan *s, struct piece *p,
                               const char *message)
{
    return scan_fail(s, p, "json.escape", message);
}

/* The token is whole and ends before `p->at`. */
static enum status token_end(struct scan *s, struct piece *p)
{
    enum status status;

    s->state = BETWEEN;
    if (s->held.len == 0)
        return STATUS_OK; /* it began in this piece and goes with the run */
    status = buffer_append(&s->held, p->token, (size_t)(p->at - p->token));
    if (status == STATUS_OK)
        status = s->sink(s->arg, s->held.data, s->held.len);
    if (status != STATUS_OK)
        return scan_stop(s, status);
    if (s->held.size > HELD_KEEP_BYTES)
        buffer_release(&s->held);
    else
        buffer_clear(&s->held);
    p->sent = p->at;
    return STATUS_OK;
}

/* ---- outside strings ---- */

/* A character that stands outside strings: an error in any case, but which
 * one shows only when it is whole. */
static enum status scan_stray(struct scan *s, struct piece *p)
{
    for (; p->at < p->end; p->at++) {
        if (!(s->utf8.left == 0 ? utf8_begin(&s->utf8, *p->at)
                                : utf8_continue(&s->utf8, *p->at)))
            return fail_utf8(s, p);
        if (s->utf8.left > 0)
            continue;
        if (s->utf8.code_point == 0xFEFF)
            return scan_fail(s, p, "json.utf8",
                             "a byte order mark is not allowed");
        return fail_syntax(s, p,
                           "a character outside ASCII stands outside a string");
    }
    return STATUS_OK;
}

/* A byte that cannot stand at p->at, outside a string. A token before it
 * that it does not end is lost with it. */
static enum status scan_misfit(struct scan *s, struct piece *p,
                               const char *message)
{
    if (*p->at < 0x80)
        return fail_syntax(s, p, message);
    if (s->state == BETWEEN)
        p->token = p->at;
    s->state = STRAY;
    s->utf8.left = 0;
    return scan_stray(s, p);
}

/* ---- strings ---- */

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits of a \u escape are there: RFC 8259 section 7 with the
 * pairs of section 8.2, of which neither half may stand alone. */
static enum status escape_end(struct scan *s, struct piece *p)
{
    bool is_high = s->code_point >= 0xD800 && s->code_point <= 0xDBFF;
    bool is_low = s->code_point >= 0xDC00 && s->code_point <= 0xDFFF;

    if (s->is_pair && !is_low)
        return fail_escape(
            s, p, "an escaped high surrogate is not followed by a low one");
    if (!s->is_pair && is_low)
        return fail_escape(
            s, p, "an escaped low surrogate does not follow a high one");
    s->is_pair = is_high;
    s->state = is_high ? STRING_PAIR : STRING;
    return STATUS_OK;
}

/* One byte of an escape, at p->at. */
static enum status scan_escape(struct scan *s, struct piece *p)
{
    uint8_t c = *p->at;
    int digit;

    if (s->state == STRING_PAIR || s->state == STRING_PAIR_U) {
        if (c != (s->state == STRING_PAIR ? '\\' : 'u'))
            return fail_escape(
                s, p, "an escaped high surrogate is not followed by a low one");
        s->state = s->state == STRING_PAIR ? STRING_PAIR_U : STRING_HEX;
        s->escape_left = 4;
        s->code_point = 0;
        return STATUS_OK;
    }
    if (s->state == STRING_HEX) {
        digit = hex_value(c);
        if (digit < 0)
            return fail_escape(s, p, "\\u is not followed by 4 hex digits");
        s->code_point = s->code_point << 4 | (uint32_t)digit;
        if (--s->escape_left == 0)
            return escape_end(s, p);
        return STATUS_OK;
    }
    if (c == 'u') {
        s->state = STRING_HEX;
        s->escape_left = 4;
        s->code_point = 0;
        return STATUS_OK;
    }
    if (c == '\0' || !strchr("\"\\/bfnrt", c))
        return fail_escape(s, p,
                           "a backslash is followed by none of \"\\/bfnrtu");
    s->state = STRING;
    return STATUS_OK;
}

/* The byte at p->at is none that plain_end() passes over. */
static enum status scan_special(struct scan *s, struct piece *p,
                                const uint8_t *stop)
{
    if (*p->at == '\\') {
        s->state = STRING_ESCAPE;
        p->at++;
        return STATUS_OK;
    }
    if (*p->at < ' ')
        return fail_syntax(s, p,
                           "a control character in a string is not escaped");
    p->at = utf8_skip(p->at, stop);
    if (p->at == stop || *p->at < 0x80)
        return STATUS_OK;
    if (!utf8_begin(&s->utf8, *p->at))
        return fail_utf8(s, p);
    s->state = STRING_SEQUENCE;
    p->at++;
    return STATUS_OK;
}

/* Inside a string, up to its closing quote or the end of the piece. */
static enum status scan_string(struct scan *s, struct piece *p)
{
    const uint8_t *begin = p->at, *stop = p->end;
    uint32_t budget = s->limits.max_token_bytes - s->token_bytes;
    enum status status = STATUS_OK;

    if (stop - p->at > (ptrdiff_t)budget)
        stop = p->at + budget;
    while (p->at < stop && status == STATUS_OK) {
        if (s->state == STRING) {
            p->at = plain_end(p->at, stop);
            if (p->at == stop || *p->at == '"')
                break;
            status = scan_special(s, p, stop);
        } else if (s->state == STRING_SEQUENCE) {
            if (!utf8_continue(&s->utf8, *p->at))
                return fail_utf8(s, p);
            if (s->utf8.left == 0)
                s->state = STRING;
            p->at++;
        } else {
            status = scan_escape(s, p);
            p->at += status == STATUS_OK;
        }
    }
    if (status != STATUS_OK)
        return status;
    s->token_bytes += (uint32_t)(p->at - begin);
    if (p->at == p->end)
        return STATUS_OK;
    if (s->state != STRING || *p->at != '"')
        return scan_fail(s, p, "json.token_too_long",
                         "a string is longer than allowed");
    p->at++;
    return token_end(s, p);
}

/* ---- numbers and literals ---- */

/* The scalar ends before p->at, if a byte stands there that may follow one. */
static enum status scalar_end(struct scan *s, struct piece *p,
                              const char *message)
{
    uint8_t kind = kind_of[*p->at];

    if (kind < KIND_SPACE || kind == KIND_OPEN)
        return scan_misfit(s, p, message);
    if (s->held.len == 0) {
        s->state = BETWEEN;
        return STATUS_OK;
    }
    if (kind == KIND_CLOSE && s->depth > 0)
        s->depth--;
    p->at++;
    return token_end(s, p);
}

static enum status scan_number(struct scan *s, struct piece *p)
{
    const uint8_t *begin = p->at, *stop = p->end;
    uint32_t budget = s->limits.max_number_bytes - s->token_bytes;
    uint8_t state = s->state, next;

    if (stop - p->at > (ptrdiff_t)budget)
        stop = p->at + budget;
    while (p->at < stop) {
        next = number_next[state][digit_of[*p->at]];
        if (next == NUMBER_NONE)
            break;
        state = next;
        p->at++;
    }
    s->state = state;
    s->token_bytes += (uint32_t)(p->at - begin);
    if (p->at == p->end)
        return STATUS_OK;
    if (p->at == stop && number_next[s->state][digit_of[*p->at]] != NUMBER_NONE)
        return scan_fail(s, p, "json.token_too_long",
                         "a number is longer than allowed");
    if (!number_is_whole[s->state])
        return scan_misfit(s, p, "a number is not written as JSON asks");
    return scalar_end(s, p, "a number is not written as JSON asks");
}

static enum status scan_literal(struct scan *s, struct piece *p)
{
    const char *message = "a word is none of true, false and null";

    while (p->at < p->end && s->literal[s->token_bytes] != '\0') {
        if (*p->at != (uint8_t)s->literal[s->token_bytes])
            return scan_misfit(s, p, message);
        s->token_bytes++;
        p->at++;
    }
    if (p->at == p->end)
        return STATUS_OK;
    return scalar_end(s, p, message);
}

/* ---- between tokens ---- */

/* A string's opening quote is at p->at. */
static enum status begin_string(struct scan *s, struct piece *p)
{
    p->token = p->at++;
    s->state = STRING;
    s->token_bytes = 0;
    return scan_string(s, p);
}

static enum status begin_scalar(struct scan *s, struct piece *p)
{
    p->token = p->at;
    s->token_bytes = 0;
    if (kind_of[*p->at] == KIND_NUMBER) {
        s->state = NUMBER_NONE;
        return scan_number(s, p);
    }
    s->literal = *p->at == 't' ? "true" : *p->at == 'f' ? "false" : "null";
    s->state = LITERAL;
    return scan_literal(s, p);
}

/* The end of a whole number without sign, fraction and exponent that begins
 * at `at` and is followed by a comma or a bracket; or NULL. */
static inline const uint8_t *short_number_end(const uint8_t *at,
                                              const uint8_t *end)
{
    const uint8_t *digit = at;

    while (digit < end && digit_of[*digit] != 0 &&
           digit_of[*digit] <= DIGIT_OTHER)
        digit++;
    if (digit == end || digit == at || (*at == '0' && digit - at > 1) ||
        kind_of[*digit] < KIND_MARK || kind_of[*digit] == KIND_OPEN)
        return NULL;
    return digit;
}

/* Pass over what needs no state: punctuation, and tokens that are plain and
 * whole in this piece, as most are. */
static void scan_easy(struct scan *s, struct piece *p)
{
    const uint8_t *at = p->at, *end = p->end, *next;
    struct plain_block ahead = p->ahead; /* in registers */
    const size_t max_string = s->limits.max_token_bytes;
    uint32_t depth = s->depth;
    uint8_t kind;

    while (at < end) {
        kind = kind_of[*at];
        if (kind == KIND_QUOTE) {
            next = plain_block_end(&ahead, at + 1);
            if (next == end || *next != '"' || (size_t)(next - at) > max_string)
                break;
            at = next + 1;
            if (at < end && (*at == ',' || *at == ':'))
                at++;
        } else if (kind == KIND_OPEN) {
            if (depth >= s->limits.max_depth)
                break;
            depth++;
            at++;
        } else if (kind == KIND_CLOSE) {
            depth -= depth > 0;
            at++;
        } else if (kind >= KIND_SPACE) {
            at++;
        } else {
            next = kind == KIND_NUMBER ? short_number_end(at, end) : NULL;
            if (!next || (size_t)(next - at) > s->limits.max_number_bytes)
                break;
            at = next;
        }
    }
    p->at = at;
    p->ahead = ahead;
    s->depth = depth;
}

static enum status scan_between(struct scan *s, struct piece *p)
{
    scan_easy(s, p);
    if (p->at == p->end)
        return STATUS_OK;
    switch (kind_of[*p->at]) {
    case KIND_OPEN:
        return scan_fail(s, p, "json.depth",
                         "arrays and objects are nested too deep");
    case KIND_QUOTE:
        return begin_string(s, p);
    case KIND_NUMBER:
    case KIND_LITERAL:
        return begin_scalar(s, p);
    default:
        return scan_misfit(s, p,
                           "nothing in JSON begins with the byte that "
                           "stands here");
    }
}

/* ---- the calls ---- */

static enum status scan_piece(struct scan *s, struct piece *p)
{
    enum status status = STATUS_OK;

    while (!s->has_token && p->at < p->end) {
        s->has_token = kind_of[*p->at] != KIND_SPACE;
        p->at += !s->has_token;
    }
    while (p->at < p->end && status == STATUS_OK) {
        if (s->state == BETWEEN)
            status = scan_between(s, p);
        else if (s->state >= STRING)
            status = scan_string(s, p);
        else if (s->state == STRAY)
            status = scan_stray(s, p);
        else if (s->state == LITERAL)
            status = scan_literal(s, p);
        else
            status = scan_number(s, p);
    }
    return status;
}

enum status scan_feed(struct scan *s, const char *data, size_t len)
{
    const uint8_t *begin = (const uint8_t *)data;
    struct piece p = {
        .data = begin,
        .sent = begin,
        .token = begin,
        .at = begin,
        .end = begin + len,
    };
    const uint8_t *whole;
    enum status status;

    if (s->stopped != STATUS_OK || len == 0)
        return s->stopped;
    plain_block_init(&p.ahead, p.at, p.end);
    status = scan_piece(s, &p);
    if (status != STATUS_OK)
        return status;
    s->offset += len;
    whole = s->state == BETWEEN ? p.end : p.token;
    status = scan_send(s, p.sent, (size_t)(whole - p.sent));
    if (status == STATUS_OK && s->state != STRAY && whole < p.end)
        status = buffer_append(&s->held, whole, (size_t)(p.end - whole));
    return status == STATUS_OK ? status : scan_stop(s, status);
}

/* Whether what is held back is all of a token, now that nothing follows. */
static bool is_whole(const struct scan *s)
{
    if (s->state < NUMBER_STATES)
        return number_is_whole[s->state];
    return s->state == LITERAL && s->literal[s->token_bytes] == '\0';
}

enum status scan_finish(struct scan *s)
{
    static const uint8_t none;
    struct piece p = {.data = &none,
                      .sent = &none,
                      .token = &none,
                      .at = &none,
                      .end = &none};

    if (s->stopped != STATUS_OK)
        return s->stopped;
    if (!s->has_token)
        return scan_fail(s, &p, "json.empty",
                         "a JSON value is expected, and there is none");
    if (s->state == BETWEEN)
        return STATUS_OK;
    if (is_whole(s))
        return token_end(s, &p);
    if (s->state == STRAY || s->state == STRING_SEQUENCE)
        return fail_utf8(s, &p);
    return fail_syntax(s, &p,
                       s->state >= STRING
                           ? "the text ends inside a string"
                           : "the text ends inside a number or a word");
}
