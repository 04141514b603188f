/* SPDX-License-Identifier: Apache-2.0
 *
 * http/chunked.c - chunked framing taken off as bytes arrive.
 *
 * A machine over single bytes, but for the data, which is passed on in
 * whole runs. RFC 9112 section 7.1:
 *
 *   chunk     = 1*HEXDIG [ chunk-ext ] CRLF chunk-data CRLF
 *   last      = 1*"0" [ chunk-ext ] CRLF *( field-line CRLF ) CRLF
 *   chunk-ext = *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted ) ] )
 *
 * Exactly that: no sign, no "0x", no space before a size or between a size and
 * its line end, no bare CR or LF, and a size that cannot overflow. Extensions
 * and trailers are read, checked, counted and dropped. Trailers that would
 * frame or route a message (RFC 9110 section 6.5.1 forbids them) are refused.
 */
#include "http/chunked.h"

#include <stdbool.h>

#include "base/octets.h"

enum state {
    SIZE,      /* the first digit of a size, and those behind it */
    EXT_SPACE, /* BWS before ";" */
    EXT_START, /* behind ";" */
    EXT_NAME,
    EXT_EQUALS, /* BWS behind a name: "=" or ";" */
    EXT_VALUE,  /* behind "=" */
    EXT_TOKEN,
    EXT_QUOTED,
    EXT_ESCAPED,
    EXT_END, /* behind a quoted value */
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    LINE, /* the first byte of a trailer line, or the last CR */
    NAME,
    VALUE,
    VALUE_LF,
    LAST_LF,
    DONE,
    BAD,
    TOO_LARGE
};

void chunked_init(struct chunked *c, uint64_t max_body_bytes)
{
    *c = (struct chunked){.state = SIZE, .max_body_bytes = max_body_bytes};
}

static bool is_space(char b)
{
    return b == ' ' || b == '\t';
}

/* CRLF behind the size and its extensions. */
static enum state size_read(struct chunked *c)
{
    c->digits = 0;
    if (c->left == 0)
        return LINE;
    c->body_bytes += c->left;
    return DATA;
}

/* Behind a size or a complete extension. */
static enum state on_ext_end(char b)
{
    if (b == '\r')
        return SIZE_LF;
    if (b == ';')
        return EXT_START;
    return is_space(b) ? EXT_SPACE : BAD;
}

static enum state on_size(struct chunked *c, char b)
{
    if (octet_is(b, OCTET_HEX)) {
        unsigned digit =
            b <= '9' ? (unsigned)(b - '0') : (unsigned)((b | 0x20) - 'a' + 10);
        if (++c->digits > CHUNKED_MAX_DIGITS)
            return BAD;
        c->left = c->digits == 1 ? digit : c->left << 4 | digit;
        return SIZE;
    }
    if (c->digits == 0)
        return BAD;
    if (c->left > c->max_body_bytes - c->body_bytes)
        return TOO_LARGE;
    return on_ext_end(b);
}

static enum state on_ext(struct chunked *c, char b)
{
    if (++c->extension_bytes > CHUNKED_MAX_EXTENSIONS)
        return BAD;
    switch ((enum state)c->state) {
    case EXT_START:
        if (is_space(b))
            return EXT_START;
        return octet_is(b, OCTET_TOKEN) ? EXT_NAME : BAD;
    case EXT_NAME:
        if (octet_is(b, OCTET_TOKEN))
            return EXT_NAME;
        if (b == '=')
            return EXT_VALUE;
        return is_space(b) ? EXT_EQUALS : on_ext_end(b);
    case EXT_EQUALS:
        if (is_space(b))
            return EXT_EQUALS;
        if (b == '=')
            return EXT_VALUE;
        return b == ';' ? EXT_START : BAD;
    case EXT_VALUE:
        if (is_space(b))
            return EXT_VALUE;
        if (b == '"')
            return EXT_QUOTED;
        return octet_is(b, OCTET_TOKEN) ? EXT_TOKEN : BAD;
    case EXT_TOKEN:
        return octet_is(b, OCTET_TOKEN) ? EXT_TOKEN : on_ext_end(b);
    case EXT_QUOTED:
        if (b == '"')
            return EXT_END;
        if (b == '\\')
            return EXT_ESCAPED;
        return octet_is(b, OCTET_VALUE) ? EXT_QUOTED : BAD;
    case EXT_ESCAPED:
        return octet_is(b, OCTET_VALUE) ? EXT_QUOTED : BAD;
    case EXT_SPACE:
        if (is_space(b))
            return EXT_SPACE;
        return b == ';' ? EXT_START : BAD;
    default: /* EXT_END */
        return on_ext_end(b);
    }
}

/* Fields that a trailer section must not have. */
static bool is_forbidden(struct text name)
{
    static const char *const names[] = {
        "content-length",   "transfer-encoding", "host",
        "content_length",   "transfer_encoding", "authorization",
        "content-encoding", "content-type"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (text_equal_nocase(name, text_of(names[i])))
            return true;
    return false;
}

static enum state on_trailer(struct chunked *c, char b)
{
    if (++c->trailer_bytes > CHUNKED_MAX_TRAILERS)
        return BAD;
    switch ((enum state)c->state) {
    case LINE:
        if (b == '\r')
            return LAST_LF;
        c->name_len = 0;
        /* fall through */
    case NAME:
        if (b == ':')
            return c->name_len == 0 ||
                           is_forbidden(text_make(c->name, c->name_len))
                       ? BAD
                       : VALUE;
        if (!octet_is(b, OCTET_TOKEN))
            return BAD;
        /* A longer name than any that is forbidden keeps its last byte. */
        c->name[c->name_len] = b;
        if (c->name_len < sizeof(c->name) - 1)
            c->name_len++;
        return NAME;
    case VALUE:
        if (b == '\r')
            return VALUE_LF;
        return octet_is(b, OCTET_VALUE) ? VALUE : BAD;
    case VALUE_LF:
        return b == '\n' ? LINE : BAD;
    default: /* LAST_LF */
        return b == '\n' ? DONE : BAD;
    }
}

static enum state on_byte(struct chunked *c, char b)
{
    switch ((enum state)c->state) {
    case SIZE:
        return on_size(c, b);
    case SIZE_LF:
        return b == '\n' ? size_read(c) : BAD;
    case DATA_CR:
        return b == '\r' ? DATA_LF : BAD;
    case DATA_LF:
        return b == '\n' ? SIZE : BAD;
    case LINE:
    case NAME:
    case VALUE:
    case VALUE_LF:
    case LAST_LF:
        return on_trailer(c, b);
    default:
        return on_ext(c, b);
    }
}

static enum chunked_result result_of(const struct chunked *c)
{
    switch ((enum state)c->state) {
    case DONE:
        return CHUNKED_DONE;
    case BAD:
        return CHUNKED_BAD;
    case TOO_LARGE:
        return CHUNKED_TOO_LARGE;
    default:
        return CHUNKED_MORE;
    }
}

enum chunked_result chunked_feed(struct chunked *c, const char *data,
                                 size_t len, size_t *used, struct text *piece)
{
    size_t i = 0;
    *piece = text_make(data, 0);
    while (i < len && result_of(c) == CHUNKED_MORE) {
        if (c->state == DATA) {
            size_t n = len - i < c->left ? len - i : (size_t)c->left;
            *piece = text_make(data + i, n);
            c->left -= n;
            if (c->left == 0)
                c->state = DATA_CR;
            i += n;
            break;
        }
        c->state = on_byte(c, data[i]);
        i++;
    }
    *used = i;
    return result_of(c);
}
