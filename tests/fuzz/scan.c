/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz the scan against itself: whatever the bytes, in one piece or cut in
 * any way, the verdict, its place and what reaches the sink are the same, and
 * yajl, fed what the scan lets through, agrees with itself too.
 */
#include <stdlib.h>
#include <yajl/yajl_parse.h>

#include "base/check.h"
#include "schema/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct outcome {
    enum status status;
    const char *rule;
    uint64_t offset;
    struct buffer out;
    yajl_handle yajl;
};

static enum status feed_yajl(void *arg, const char *data, size_t len)
{
    struct outcome *o = arg;

    CHECK(len > 0);
    CHECK(buffer_append(&o->out, data, len) == STATUS_OK);
    if (yajl_parse(o->yajl, (const unsigned char *)data, len) != yajl_status_ok)
        return STATUS_DENIED;
    return STATUS_OK;
}

/* A cut after 1 to 64 bytes, or after all of them with `seed` 0. */
static size_t next_cut(uint32_t *seed, size_t rest)
{
    size_t n;

    if (*seed == 0)
        return rest;
    *seed = *seed * 1664525u + 1013904223u;
    n = 1 + (*seed >> 16) % ((*seed >> 8) % 4 == 0 ? 64 : 4);
    return n < rest ? n : rest;
}

static void run(struct outcome *o, const struct scan_limits *limits,
                const uint8_t *data, size_t len, uint32_t seed)
{
    struct scan s;
    enum status status = STATUS_OK;
    size_t at = 0;

    *o = (struct outcome){.yajl = yajl_alloc(NULL, NULL, NULL)};
    CHECK(o->yajl != NULL);
    buffer_init(&o->out, len);
    scan_init(&s, limits, feed_yajl, o);
    while (at < len && status == STATUS_OK) {
        size_t n = next_cut(&seed, len - at);
        char *piece = malloc(n); /* its own, so that ASan sees its ends */

        CHECK(piece != NULL);
        memcpy(piece, data + at, n);
        status = scan_feed(&s, piece, n);
        free(piece);
        at += n;
        CHECK(scan_held(&s) <= (size_t)limits->max_token_bytes + 1 ||
              scan_held(&s) <= limits->max_number_bytes ||
              scan_held(&s) <= strlen("false"));
    }
    if (status == STATUS_OK)
        status = scan_finish(&s);
    if (status == STATUS_OK && yajl_complete_parse(o->yajl) != yajl_status_ok)
        status = STATUS_DENIED;
    CHECK((status == STATUS_INVALID) == (scan_rule(&s) != NULL));
    o->status = status;
    o->rule = scan_rule(&s);
    o->offset = scan_rule(&s) ? scan_offset(&s) : 0;
    scan_release(&s);
    yajl_free(o->yajl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct scan_limits limits[] = {{64, 128 << 10, 1 << 10},
                                                {3, 9, 5}};
    uint32_t seed = 1;

    for (size_t i = 0; i < len; i++) /* the cuts depend on the text alone */
        seed = (seed ^ data[i]) * 16777619u;
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct outcome whole, cut;

        run(&whole, &limits[i], data, len, 0);
        for (uint32_t k = 0; k < 3; k++) {
            run(&cut, &limits[i], data, len, (seed + k) | 1);
            CHECK(cut.status == whole.status);
            CHECK(cut.rule == whole.rule);
            CHECK(cut.offset == whole.offset);
            /* When yajl objects, how much it was shown depends on the cuts. */
            if (whole.status != STATUS_DENIED)
                CHECK(
                    text_equal(buffer_text(&cut.out), buffer_text(&whole.out)));
            buffer_release(&cut.out);
        }
        if (whole.status == STATUS_OK)
            CHECK(text_equal(buffer_text(&whole.out),
                             text_make((const char *)data, len)));
        buffer_release(&whole.out);
    }
    return 0;
}
