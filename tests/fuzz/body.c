/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz validation against itself: whatever the bytes, against the contract
 * that ships and against a schema with every keyword in it, the verdict and
 * all that is told are the same in one piece and in any others, on the quick
 * way and without it, and memory stays within its bound. The first two bytes
 * choose how to cut.
 */
#include "schema/compile.h"
#include "tests/unit/schema/everything.h"
#include "tests/unit/schema/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Depth, schema and caps bound it, and none of them is large here. */
#define MEMORY_MAX (1024 * 1024)

#define CONTRACT TOP_SRCDIR "/policies/chats-v3.json"

static const struct schema_tap taps[] = {
    {"/from", SCHEMA_TAP_TEXT},
    {"/s", SCHEMA_TAP_TEXT},
    {"/message/parts", SCHEMA_TAP_COUNT},
    {"/u", SCHEMA_TAP_COUNT},
};

/* Made once, and never freed: reachable, so no leak. */
static const struct schema_plan *plan_new(struct fixture *f, bool is_contract,
                                          bool is_quick)
{
    struct schema_source source = {.dialect = SCHEMA_OPENAPI};
    struct schema_use use;
    enum status status;

    problems_init(&f->problems);
    status = is_contract ? json_load(CONTRACT, 0, &f->problems, &f->doc)
                         : json_parse(text_of(everything_schema), "everything",
                                      0, &f->problems, &f->doc);
    CHECK(status == STATUS_OK);
    f->set = schema_set_new();
    CHECK(f->set != NULL);
    if (!is_quick)
        f->set->stages_max = 0;
    source.doc = f->doc;
    source.root = f->doc->root;
    status = schema_compile(
        f->set, &source,
        is_contract
            ? json_at(f->doc->root, TEXT_LIT("/components/schemas/CreateChat"))
            : f->doc->root,
        &f->problems, &use.schema);
    problems_print(&f->problems, stderr);
    CHECK(status == STATUS_OK);
    f->plan = schema_plan_new(f->set, &use, 1, taps, ARRAY_LEN(taps));
    CHECK(f->plan != NULL);
    return f->plan;
}

static size_t next_cut(uint32_t *seed, size_t rest)
{
    size_t n;

    if (*seed == 0)
        return rest;
    *seed = *seed * 1664525u + 1013904223u;
    n = 1 + (*seed >> 16) % ((*seed >> 8) % 4 == 0 ? 64 : 4);
    return n < rest ? n : rest;
}

static struct verdict run_cut(const struct schema_plan *plan,
                              const uint8_t *data, size_t len, uint32_t seed)
{
    struct schema_limits limits;
    struct schema_run *run;
    enum status status = STATUS_OK;
    struct verdict v;
    size_t at = 0, i;
    uint64_t n;

    schema_limits_default(&limits);
    limits.max_depth = 16;
    limits.max_token_bytes = 64;
    limits.max_members = 8;
    limits.pattern_steps = 2000;
    run = schema_run_new(plan, &limits);
    CHECK(run != NULL);
    while (at < len && status == STATUS_OK) {
        size_t piece = next_cut(&seed, len - at);
        char *copy = malloc(piece); /* its own, so that ASan sees its ends */

        CHECK(copy != NULL);
        memcpy(copy, data + at, piece);
        status = schema_run_feed(run, copy, piece);
        free(copy);
        at += piece;
        CHECK(schema_run_memory(run) < MEMORY_MAX);
    }
    if (status == STATUS_OK)
        status = schema_run_finish(run);
    v = verdict_of(run, status);
    for (i = 0; i < ARRAY_LEN(taps); i++) {
        struct text t;

        if (schema_run_tap_text(run, i, &t))
            CHECK(buffer_printf(&v.text, "%zu %.*s\n", i, TEXT_ARG(t)) ==
                  STATUS_OK);
        if (schema_run_tap_count(run, i, &n))
            CHECK(buffer_printf(&v.text, "%zu %" PRIu64 "\n", i, n) ==
                  STATUS_OK);
    }
    schema_run_free(run);
    return v;
}

static void compare(const struct verdict *a, const struct verdict *b)
{
    CHECK(a->status == b->status && a->broken == b->broken &&
          a->count == b->count);
    CHECK(text_equal(buffer_text(&a->text), buffer_text(&b->text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct fixture fixtures[4];
    static const struct schema_plan *plans[4];
    uint32_t seed;
    size_t i;

    if (!plans[0])
        for (i = 0; i < 4; i++)
            plans[i] = plan_new(&fixtures[i], i < 2, i % 2 == 0);
    if (len < 2)
        return 0;
    seed = 1u + data[0] + 256u * data[1];
    for (i = 0; i < 4; i += 2) {
        struct verdict whole = run_cut(plans[i], data + 2, len - 2, 0);
        struct verdict cut = run_cut(plans[i], data + 2, len - 2, seed);
        struct verdict slow = run_cut(plans[i + 1], data + 2, len - 2, 0);

        compare(&whole, &cut);
        compare(&whole, &slow);
        verdict_release(&whole);
        verdict_release(&cut);
        verdict_release(&slow);
    }
    return 0;
}
