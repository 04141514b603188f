/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz the readers of heads and chunks against themselves: however the bytes
 * are cut, the verdict, its place and the body are the same. What passes is
 * looked at once more: no control byte is in it, and it is framed one way.
 *
 * The input: four bytes that choose the cuts, then a head, then a body in
 * chunks.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "http/chunked.h"
#include "http/head.h"
#include "base/octets.h"

#define MAX_HEAD 4096
#define MAX_BODY 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A step of 1 to 64 bytes, or all of them with `seed` 0. */
static size_t next_cut(uint32_t *seed, size_t rest)
{
    if (*seed == 0)
        return rest;
    *seed = *seed * 1664525u + 1013904223u;
    size_t n = 1 + (*seed >> 16) % ((*seed >> 8) % 4 == 0 ? 64 : 4);
    return n < rest ? n : rest;
}

/* Its own memory, so that ASan sees its ends. */
static char *copy_of(const char *data, size_t len)
{
    char *copy = malloc(len + (len == 0));
    CHECK(copy != NULL);
    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

/* ---- heads ---- */

struct head_outcome {
    enum head_scan_result result;
    struct head_scan scan;
};

static void scan_head(struct head_outcome *o, const char *data, size_t len,
                      uint32_t seed)
{
    head_scan_init(&o->scan);
    o->result = HEAD_SCAN_MORE;
    for (size_t at = 0; at < len && o->result == HEAD_SCAN_MORE;) {
        at += next_cut(&seed, len - at);
        char *copy = copy_of(data, at);
        o->result = head_scan_feed(&o->scan, copy, at);
        free(copy);
    }
}

static void check_head(const struct head *h)
{
    CHECK(octets_are_token(h->method));
    CHECK(h->target.len > 0 && h->target.data[0] == '/');
    CHECK(octets_are(h->target, OCTET_TARGET));
    size_t lengths = 0, encodings = 0, hosts = 0;
    for (size_t i = 0; i < h->header_count; i++) {
        const struct http_header *line = &h->headers[i];
        CHECK(octets_are_token(line->name));
        CHECK(octets_are(line->value, OCTET_VALUE));
        lengths += text_equal_nocase(line->name, TEXT_LIT("content-length"));
        encodings +=
            text_equal_nocase(line->name, TEXT_LIT("transfer-encoding"));
        hosts += text_equal_nocase(line->name, TEXT_LIT("host"));
    }
    CHECK(lengths + encodings <= 1);
    CHECK(hosts <= 1 && (hosts == 1 || h->minor == 0));
    CHECK((h->length == -1) == (encodings == 1));
    CHECK(lengths == 1 || h->length <= 0);
}

/* Returns how long the head was; 0: there is none to go on behind. */
static size_t fuzz_head(const char *data, size_t len, uint32_t seed)
{
    struct head_outcome whole, cut;
    struct http_header headers[HEAD_MAX_HEADERS];
    struct head head;
    size_t reach = len < MAX_HEAD ? len : MAX_HEAD;
    scan_head(&whole, data, reach, 0);
    scan_head(&cut, data, reach, seed);
    if (whole.result == HEAD_SCAN_END) {
        char *copy = copy_of(data, whole.scan.pos);
        enum http_refusal refusal =
            head_parse(text_make(copy + whole.scan.skipped,
                                 whole.scan.pos - whole.scan.skipped),
                       headers, HEAD_MAX_HEADERS, &head);
        if (refusal == HTTP_REFUSAL_NONE) {
            CHECK(cut.result == HEAD_SCAN_END);
            CHECK(cut.scan.pos == whole.scan.pos);
            CHECK(cut.scan.skipped == whole.scan.skipped);
            check_head(&head);
        }
        free(copy);
        return whole.scan.pos;
    }
    /* Cut, a bad byte may be seen before the rest of its line is; never the
     * other way about. */
    CHECK(cut.result == whole.result || cut.result == HEAD_SCAN_BAD);
    return 0;
}

/* ---- chunks ---- */

struct body_outcome {
    enum chunked_result result;
    size_t used, len;
    uint32_t sum; /* of the body's bytes and their order */
};

static void read_body(struct body_outcome *o, const char *data, size_t len,
                      uint32_t seed)
{
    struct chunked c;
    chunked_init(&c, MAX_BODY);
    *o = (struct body_outcome){.result = CHUNKED_MORE};
    while (o->used < len && o->result == CHUNKED_MORE) {
        size_t n = next_cut(&seed, len - o->used), used;
        char *copy = copy_of(data + o->used, n);
        struct text piece;
        o->result = chunked_feed(&c, copy, n, &used, &piece);
        CHECK(used > 0 && used <= n && piece.len <= used);
        for (size_t i = 0; i < piece.len; i++)
            o->sum = o->sum * 31 + (unsigned char)piece.data[i];
        o->len += piece.len;
        o->used += used;
        free(copy);
    }
    CHECK(o->len <= MAX_BODY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint32_t seed;
    struct body_outcome whole, cut;
    if (len < sizeof(seed))
        return 0;
    memcpy(&seed, data, sizeof(seed));
    const char *bytes = (const char *)data + sizeof(seed);
    len -= sizeof(seed);
    size_t head = fuzz_head(bytes, len, seed | 1);
    read_body(&whole, bytes + head, len - head, 0);
    read_body(&cut, bytes + head, len - head, seed | 1);
    CHECK(whole.result == cut.result);
    CHECK(whole.used == cut.used);
    CHECK(whole.len == cut.len && whole.sum == cut.sum);
    return 0;
}
