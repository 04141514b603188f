/* SPDX-License-Identifier: Apache-2.0
 *
 * base/json_write.c - yajl_gen, printing onto a struct buffer.
 *
 * yajl_gen is made once and reset for each text. Its memory comes from a
 * space inside the writer: it is small and of known size, yajl 2.1.0 does not
 * check what malloc returns, and its releases that free nothing keep no more
 * than one generator's worth. Numbers are turned into digits here, since
 * yajl_gen would use sprintf(); text is made well-formed UTF-8 before yajl_gen
 * sees it, because it writes bytes as they are.
 *
 * A call that JSON's grammar forbids (a value where a key must stand, say) is
 * a mistake of ours, hence a broken invariant and no status.
 */
#include "base/json_write.h"

#include <stdlib.h>
#include <yajl/yajl_gen.h>

#include "base/check.h"

#define WRITER_MAGIC 0x4a77a17eu

/* A generator takes 576 bytes with yajl 2.1.0, its unused buffer 40. */
#define GEN_BYTES 2048

struct json_writer {
    uint32_t magic;
    yajl_gen gen;
    struct buffer *to;
    size_t began_at; /* to->len at begin */
    size_t depth;
    enum status status; /* the first failure */
    size_t used;        /* of `space` */
    _Alignas(max_align_t) unsigned char space[GEN_BYTES];
};

static void *gen_malloc(void *arg, size_t size)
{
    struct json_writer *w;
    void *p;

    MAGIC_CAST(w, arg, WRITER_MAGIC);
    size = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
    CHECK(size <= sizeof(w->space) - w->used);
    p = w->space + w->used;
    w->used += size;
    return p;
}

static void *gen_realloc(void *arg, void *ptr, size_t size)
{
    (void)arg;
    (void)ptr;
    (void)size;
    /* Only the buffer would grow, and a print callback replaces it. */
    CHECK(!"yajl_gen grows nothing");
    return NULL;
}

static void gen_free(void *arg, void *ptr)
{
    (void)arg;
    (void)ptr; /* goes with the writer */
}

static void print(void *arg, const char *data, size_t len)
{
    struct json_writer *w;

    MAGIC_CAST(w, arg, WRITER_MAGIC);
    if (w->status == STATUS_OK && len > 0)
        w->status = buffer_append(w->to, data, len);
}

struct json_writer *json_writer_new(void)
{
    struct json_writer *w = calloc(1, sizeof(*w));
    yajl_alloc_funcs memory = {gen_malloc, gen_realloc, gen_free, w};

    if (!w)
        return NULL;
    MAGIC_SET(w, WRITER_MAGIC);
    w->gen = yajl_gen_alloc(&memory);
    yajl_gen_config(w->gen, yajl_gen_print_callback, print, w);
    return w;
}

void json_writer_free(struct json_writer *w)
{
    if (!w)
        return;
    yajl_gen_free(w->gen);
    MAGIC_CLEAR(w);
    free(w);
}

void json_writer_begin(struct json_writer *w, struct buffer *to)
{
    CHECK(w->to == NULL); /* the text before was ended */
    yajl_gen_reset(w->gen, NULL);
    w->to = to;
    w->began_at = to->len;
    w->depth = 0;
    w->status = STATUS_OK;
}

enum status json_writer_end(struct json_writer *w)
{
    CHECK(w->to != NULL && w->depth == 0);
    if (w->status != STATUS_OK)
        buffer_truncate(w->to, w->began_at);
    w->to = NULL;
    return w->status;
}

static void must(yajl_gen_status s)
{
    CHECK(s == yajl_gen_status_ok);
}

void json_open_object(struct json_writer *w)
{
    w->depth++;
    must(yajl_gen_map_open(w->gen));
}

void json_close_object(struct json_writer *w)
{
    CHECK(w->depth > 0);
    w->depth--;
    must(yajl_gen_map_close(w->gen));
}

void json_open_array(struct json_writer *w)
{
    w->depth++;
    must(yajl_gen_array_open(w->gen));
}

void json_close_array(struct json_writer *w)
{
    CHECK(w->depth > 0);
    w->depth--;
    must(yajl_gen_array_close(w->gen));
}

/* The length of the well-formed UTF-8 that `t` begins with. */
static size_t valid_prefix(struct text t)
{
    size_t i = 0;

    while (i < t.len) {
        size_t n = (unsigned char)t.data[i] < 0x80
                       ? 1
                       : text_utf8_sequence(t.data + i, t.len - i);
        if (n == 0)
            break;
        i += n;
    }
    return i;
}

static void put_string(struct json_writer *w, const char *data, size_t len)
{
    must(yajl_gen_string(w->gen, (const unsigned char *)data, len));
}

/* `t` with U+FFFD for each byte from `bad` on that is not part of UTF-8. */
static void put_repaired(struct json_writer *w, struct text t, size_t bad)
{
    static const char replacement[] = "\xef\xbf\xbd";
    struct buffer repaired;
    enum status s;

    buffer_init(&repaired, w->to->max);
    s = buffer_append(&repaired, t.data, bad);
    while (s == STATUS_OK && bad < t.len) {
        struct text rest;
        size_t good;

        s = buffer_append_str(&repaired, replacement);
        bad++;
        rest = text_make(t.data + bad, t.len - bad);
        good = valid_prefix(rest);
        if (s == STATUS_OK)
            s = buffer_append(&repaired, rest.data, good);
        bad += good;
    }
    if (s != STATUS_OK && w->status == STATUS_OK)
        w->status = s;
    put_string(w, repaired.data ? repaired.data : "", repaired.len);
    buffer_release(&repaired);
}

void json_text(struct json_writer *w, struct text t)
{
    size_t valid;

    if (text_is_absent(t)) {
        json_null(w);
        return;
    }
    valid = valid_prefix(t);
    if (valid == t.len)
        put_string(w, t.data, t.len);
    else
        put_repaired(w, t, valid);
}

void json_str(struct json_writer *w, const char *cstr)
{
    json_text(w, text_of(cstr));
}

void json_key(struct json_writer *w, const char *name)
{
    CHECK(name != NULL);
    json_text(w, text_of(name));
}

void json_int(struct json_writer *w, int64_t n)
{
    char digits[24], *p = digits + sizeof(digits);
    uint64_t magnitude = n < 0 ? -(uint64_t)n : (uint64_t)n;

    do {
        *--p = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (n < 0)
        *--p = '-';
    must(yajl_gen_number(w->gen, p, (size_t)(digits + sizeof(digits) - p)));
}

void json_bool(struct json_writer *w, bool b)
{
    must(yajl_gen_bool(w->gen, b));
}

void json_null(struct json_writer *w)
{
    must(yajl_gen_null(w->gen));
}
