/* SPDX-License-Identifier: Apache-2.0
 *
 * upstream/head.c - the head of an answer, read line by line.
 *
 * The reader owns one buffer with every name and value, and spans into it by
 * offset, since the buffer moves as it grows. What is given out are pointers,
 * made once the head is complete. Bounds: UPSTREAM_HEAD_MAX bytes and
 * UPSTREAM_HEADERS_MAX headers, so that matching every header against every
 * name in Connection stays small.
 *
 * libcurl frames the body by its own reading of the same lines, and is more
 * lenient ("Content-Length: 5abc" is 5, the last of several counts). What the
 * two could read differently is refused here, so that an answer never has two
 * lengths.
 *
 * RFC 9110 sections 5.5, 6.4.1 and 7.6.1; RFC 9112 sections 4, 5 and 6.3.
 */
#include "upstream/head.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/octets.h"
#include "upstream/field.h"

#define FIRST_HEADERS 32

void upstream_head_reader_init(struct upstream_head_reader *r)
{
    *r = (struct upstream_head_reader){.content_length = -1};
    buffer_init(&r->bytes, UPSTREAM_HEAD_MAX);
}

void upstream_head_reader_release(struct upstream_head_reader *r)
{
    buffer_release(&r->bytes);
    free(r->spans);
    free(r->headers);
    upstream_head_reader_init(r);
}

void upstream_head_reader_clear(struct upstream_head_reader *r)
{
    buffer_clear(&r->bytes);
    r->count = 0;
    r->connection_count = 0;
    r->status = 0;
    r->content_length = -1;
    r->is_chunked = false;
    r->is_complete = false;
    r->problem = NULL;
}

static enum upstream_head_step bad(struct upstream_head_reader *r,
                                   const char *problem)
{
    r->problem = problem;
    return UPSTREAM_HEAD_BAD;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK"; the reason may be missing. */
static enum upstream_head_step status_line(struct upstream_head_reader *r,
                                           struct text line)
{
    static const struct text http = TEXT("HTTP/1.");
    const char *p = line.data;

    if (line.len < 12 || !text_starts_with(line, http) || !is_digit(p[7]) ||
        p[8] != ' ' || !is_digit(p[9]) || !is_digit(p[10]) ||
        !is_digit(p[11]) || (line.len > 12 && p[12] != ' '))
        return bad(r, "the status line is no HTTP/1.x");
    r->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    if (r->status == 101)
        return bad(r, "it switches protocols, which was not asked for");
    if (r->status < 100 || r->status > 599)
        return bad(r, "its status is not between 100 and 599");
    return UPSTREAM_HEAD_MORE;
}

static enum upstream_head_step grow(struct upstream_head_reader *r)
{
    size_t size = r->size > 0 ? r->size * 2 : FIRST_HEADERS;
    void *p;

    p = realloc(r->spans, size * sizeof(*r->spans));
    if (!p)
        return UPSTREAM_HEAD_NO_MEMORY;
    r->spans = p;
    p = realloc(r->headers, size * sizeof(*r->headers));
    if (!p)
        return UPSTREAM_HEAD_NO_MEMORY;
    r->headers = p;
    r->size = size;
    return UPSTREAM_HEAD_MORE;
}

/* Both behind one another at the end of `bytes`. */
static enum upstream_head_step store(struct upstream_head_reader *r,
                                     struct text name, struct text value)
{
    enum status s = buffer_append_text(&r->bytes, name);

    if (s == STATUS_OK)
        s = buffer_append_text(&r->bytes, value);
    if (s == STATUS_TOO_LARGE)
        return bad(r, "its head is larger than 64 KiB");
    return s == STATUS_OK ? UPSTREAM_HEAD_MORE : UPSTREAM_HEAD_NO_MEMORY;
}

static enum upstream_head_step keep(struct upstream_head_reader *r,
                                    struct text name, struct text value)
{
    if (r->count == UPSTREAM_HEADERS_MAX)
        return bad(r, "it has more than 256 headers");
    if (r->count == r->size && grow(r) != UPSTREAM_HEAD_MORE)
        return UPSTREAM_HEAD_NO_MEMORY;
    r->spans[r->count++] = (struct upstream_head_span){
        .name = (uint32_t)r->bytes.len,
        .name_len = (uint32_t)name.len,
        .value = (uint32_t)(r->bytes.len + name.len),
        .value_len = (uint32_t)value.len,
    };
    return store(r, name, value);
}

static enum upstream_head_step keep_connection(struct upstream_head_reader *r,
                                               struct text value)
{
    if (r->connection_count == UPSTREAM_CONNECTIONS_MAX)
        return bad(r, "it has more than 8 Connection headers");
    r->connections[r->connection_count++] = (struct upstream_head_place){
        .at = (uint32_t)r->bytes.len, .len = (uint32_t)value.len};
    return store(r, TEXT_LIT(""), value);
}

static enum upstream_head_step content_length(struct upstream_head_reader *r,
                                              struct text value)
{
    uint64_t n;

    if (text_to_u64(value, INT64_MAX, &n) != STATUS_OK)
        return bad(r, "its Content-Length is no number");
    if (r->content_length >= 0 && r->content_length != (int64_t)n)
        return bad(r, "it has two Content-Length that differ");
    r->content_length = (int64_t)n;
    return UPSTREAM_HEAD_MORE;
}

static enum upstream_head_step field_line(struct upstream_head_reader *r,
                                          struct text line)
{
    static const struct text length = TEXT("content-length");
    static const struct text encoding = TEXT("transfer-encoding");
    static const struct text chunked = TEXT("chunked");
    static const struct text connection = TEXT("connection");
    struct text name, value = text_cut(line, ':', &name);

    if (text_is_absent(value) || !octets_are_token(name))
        return bad(r, "a header line has no proper name");
    value = text_trim(value);
    if (!octets_are_value(value))
        return bad(r, "a header holds control bytes");
    if (!upstream_field_is_hop_by_hop(name)) /* as most */
        return keep(r, name, value);
    if (text_equal_nocase(name, length))
        return content_length(r, value);
    if (text_equal_nocase(name, encoding)) {
        if (r->is_chunked || !text_equal_nocase(value, chunked))
            return bad(r, "its Transfer-Encoding is not just chunked");
        r->is_chunked = true;
        return UPSTREAM_HEAD_MORE;
    }
    if (text_equal_nocase(name, connection))
        return keep_connection(r, value);
    return UPSTREAM_HEAD_MORE; /* dropped */
}

enum upstream_head_step
upstream_head_reader_line(struct upstream_head_reader *r, const char *line,
                          size_t len)
{
    struct text t = {line, len};

    CHECK(!r->is_complete);
    if (t.len > 0 && t.data[t.len - 1] == '\n')
        t.len--;
    if (t.len > 0 && t.data[t.len - 1] == '\r')
        t.len--;
    if (r->status == 0)
        return status_line(r, t);
    if (t.len > 0)
        return field_line(r, t);
    if (r->status < 200) {
        upstream_head_reader_clear(r);
        return UPSTREAM_HEAD_MORE;
    }
    r->is_complete = true;
    return UPSTREAM_HEAD_COMPLETE;
}

/* Is `name` one of the comma-separated `list`? */
static bool lists(struct text list, struct text name)
{
    while (!text_is_absent(list)) {
        struct text item;

        list = text_cut(list, ',', &item);
        if (text_equal_nocase(text_trim(item), name))
            return true;
    }
    return false;
}

static struct text text_at(const struct upstream_head_reader *r, uint32_t at,
                           uint32_t len)
{
    return text_make(r->bytes.data + at, len);
}

/* A Connection header names it. */
static bool is_dropped(const struct upstream_head_reader *r, struct text name)
{
    for (size_t i = 0; i < r->connection_count; i++)
        if (lists(text_at(r, r->connections[i].at, r->connections[i].len),
                  name))
            return true;
    return false;
}

void upstream_head_reader_get(struct upstream_head_reader *r,
                              struct upstream_head *out)
{
    size_t kept = 0;

    CHECK(r->is_complete);
    for (size_t i = 0; i < r->count; i++) {
        const struct upstream_head_span *span = &r->spans[i];
        struct text name = text_at(r, span->name, span->name_len);

        if (!is_dropped(r, name))
            r->headers[kept++] = (struct upstream_header){
                name, text_at(r, span->value, span->value_len)};
    }
    *out = (struct upstream_head){
        .status = r->status,
        .headers = r->headers,
        .header_count = kept,
        .content_length = r->content_length,
    };
    if (r->is_chunked || r->status == 204)
        out->content_length = -1;
}
