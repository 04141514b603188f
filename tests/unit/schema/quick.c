/* SPDX-License-Identifier: Apache-2.0
 *
 * The quick way and what it hands over to the machine: whatever a frame has
 * seen when it wakes, what is told is what the machine alone would tell, to
 * the letter and in its order.
 */
#include "schema/compile.h"
#include "schema/stage.h"
#include "tests/unit/schema/validate.h"
#include "tests/unit/unit.h"

static const struct schema_tap taps[] = {
    {"/a", SCHEMA_TAP_TEXT},
    {"/l", SCHEMA_TAP_COUNT},
    {"/none/such", SCHEMA_TAP_TEXT},
};

static void fixture_stages(struct fixture *f, const char *schema,
                           size_t stages_max)
{
    struct schema_source source = {.dialect = SCHEMA_OPENAPI};
    struct schema_use use;

    *f = (struct fixture){0};
    problems_init(&f->problems);
    CHECK(json_parse(text_of(schema), "schema.json", 0, &f->problems,
                     &f->doc) == STATUS_OK);
    f->set = schema_set_new();
    CHECK(f->set);
    f->set->stages_max = stages_max;
    source.doc = f->doc;
    source.root = f->doc->root;
    if (schema_compile(f->set, &source, f->doc->root, &f->problems,
                       &use.schema) != STATUS_OK) {
        problems_print(&f->problems, stderr);
        ck_abort_msg("%s", schema);
    }
    f->plan = schema_plan_new(f->set, &use, 1, taps, ARRAY_LEN(taps));
    CHECK(f->plan);
}

static struct verdict told(const struct schema_plan *plan, struct text body)
{
    struct schema_limits limits;
    struct schema_run *run;
    enum status status;
    struct verdict v;
    struct text text;
    uint64_t n;
    size_t i;

    schema_limits_default(&limits);
    run = schema_run_new(plan, &limits);
    CHECK(run);
    status = schema_run_feed(run, body.data, body.len);
    if (status == STATUS_OK)
        status = schema_run_finish(run);
    v = verdict_of(run, status);
    for (i = 0; i < ARRAY_LEN(taps); i++) {
        if (schema_run_tap_text(run, i, &text))
            CHECK(buffer_printf(&v.text, "%zu %.*s\n", i, TEXT_ARG(text)) ==
                  STATUS_OK);
        if (schema_run_tap_count(run, i, &n))
            CHECK(buffer_printf(&v.text, "%zu %" PRIu64 "\n", i, n) ==
                  STATUS_OK);
    }
    schema_run_free(run);
    return v;
}

/* What an alternative finds counts only if the selector names it, or if
 * "then" holds: until then it is a note. */
#define NOTED                                                                  \
    "{\"type\":\"object\",\"if\":{\"properties\":{\"k\":{\"const\":\"x\"}},"   \
    "\"required\":[\"k\"]},\"then\":{\"properties\":{\"a\":{\"enum\":["        \
    "\"1\"]},\"b\":{\"const\":\"1\"},\"c\":{\"not\":{\"const\":\"0\"}},"       \
    "\"d\":{\"enum\":[\"1\"]},\"e\":{\"enum\":[\"1\"]},\"f\":{\"enum\":["      \
    "\"1\"]},\"g\":{\"enum\":[\"1\"]},\"h\":{\"enum\":[\"1\"]},\"i\":{"        \
    "\"enum\":[\"1\"]},\"j\":{\"enum\":[\"1\"]}}},\"properties\":{\"n\":{"     \
    "\"type\":\"integer\"}}}"

/* A selector may come first, last, not at all, with no known value, as no
 * string, or behind a child that was wrong. */
#define CHOSEN                                                                 \
    "{\"oneOf\":[{\"properties\":{\"t\":{\"const\":\"p\"},\"v\":{\"type\":"    \
    "\"integer\"},\"w\":{\"enum\":[\"q\"]},\"o\":{\"properties\":{\"x\":{"     \
    "\"type\":\"null\"}}}},\"required\":[\"t\",\"v\"]},{\"properties\":{"      \
    "\"t\":{\"enum\":[\"s\",\"r\"]},\"v\":{\"type\":\"string\",\"maxLength\":" \
    "2},\"o\":{\"required\":[\"y\"]}},\"required\":[\"t\"]}],\"properties\":{" \
    "\"z\":{\"type\":\"null\"}}}"

#define LISTS                                                                  \
    "{\"properties\":{\"l\":{\"maxItems\":2,\"items\":{\"type\":\"array\","    \
    "\"minItems\":1,\"prefixItems\":[{\"type\":\"string\"},{\"type\":"         \
    "\"number\"}],\"items\":false}},\"a\":{\"pattern\":\"^(x|y)+$\"},\"m\":{"  \
    "\"minProperties\":2,\"maxProperties\":3,\"additionalProperties\":{"       \
    "\"type\":\"boolean\"}}},\"dependentRequired\":{\"a\":[\"l\"]}}"

/* Only a verdict is wanted of what is under "not" and "if". */
#define VERDICTS                                                               \
    "{\"not\":{\"properties\":{\"a\":{\"type\":\"string\",\"minLength\":3},"   \
    "\"o\":{\"properties\":{\"x\":{\"const\":1}},\"required\":[\"x\"]}},"      \
    "\"required\":[\"a\",\"o\"]},\"anyOf\":[{\"required\":[\"a\"]},{"          \
    "\"required\":[\"b\"]}],\"properties\":{\"o\":{\"if\":{\"required\":["     \
    "\"x\"]},\"then\":{\"properties\":{\"y\":{\"type\":\"integer\"}}},"        \
    "\"else\":{\"maxProperties\":1}}}}"

static const struct {
    const char *schema, *body;
} rows[] = {
    {NOTED, "{\"k\":\"x\",\"a\":\"1\",\"b\":\"1\",\"c\":\"1\"}"},
    {NOTED, "{\"k\":\"y\",\"a\":\"2\",\"b\":\"22\",\"c\":\"0\"}"},
    {NOTED, "{\"k\":\"x\",\"a\":\"2\",\"b\":\"22\",\"c\":\"0\"}"},
    {NOTED, "{\"a\":\"2\",\"b\":\"22\",\"c\":\"0\",\"k\":\"x\"}"},
    {NOTED, "{\"a\":\"2\",\"n\":1.5,\"b\":\"\\u00e9\\u00e9\",\"k\":\"x\"}"},
    {NOTED, "{\"a\":\"2\",\"n\":[],\"b\":\"3\",\"k\":\"x\"}"},
    {NOTED, "{\"n\":\"1\",\"a\":\"2\",\"b\":3,\"c\":\"0\",\"k\":\"x\"}"},
    /* more than there is room for */
    {NOTED,
     "{\"a\":\"\",\"b\":\"\",\"c\":\"0\",\"d\":\"\",\"e\":\"\",\"f\":\"\","
     "\"g\":\"\",\"h\":\"\",\"i\":\"\",\"j\":\"\",\"k\":\"x\"}"},
    {NOTED,
     "{\"a\":\"\",\"b\":\"\",\"c\":\"0\",\"d\":\"\",\"e\":\"\",\"f\":\"\","
     "\"g\":\"\",\"h\":\"\",\"i\":\"\",\"j\":\"\",\"k\":\"y\"}"},
    {CHOSEN, "{\"t\":\"p\",\"v\":1}"},
    {CHOSEN, "{\"t\":\"s\",\"v\":\"ab\",\"o\":{\"y\":1}}"},
    {CHOSEN, "{\"t\":\"s\",\"v\":\"abc\",\"o\":{\"x\":1}}"},
    {CHOSEN, "{\"v\":1,\"t\":\"p\"}"},
    {CHOSEN, "{\"v\":\"abc\",\"t\":\"r\"}"},
    {CHOSEN, "{\"w\":\"no\",\"v\":1,\"t\":\"p\"}"},
    {CHOSEN, "{\"w\":\"no\",\"v\":\"ab\",\"t\":\"r\"}"},
    {CHOSEN, "{\"v\":1,\"t\":\"unknown\"}"},
    {CHOSEN, "{\"t\":\"unknown\",\"v\":1}"},
    {CHOSEN, "{\"t\":1,\"v\":1}"},
    {CHOSEN, "{\"t\":{},\"v\":[]}"},
    {CHOSEN, "{\"v\":1}"},
    {CHOSEN, "{\"o\":{\"x\":1},\"t\":\"p\",\"v\":1}"},
    {CHOSEN, "{\"o\":{\"x\":1},\"t\":\"r\"}"},
    {CHOSEN, "{\"z\":1,\"t\":\"p\",\"v\":1.0}"},
    {CHOSEN, "{\"z\":{},\"t\":\"p\",\"v\":\"\"}"},
    {CHOSEN, "{\"t\":\"p\",\"v\":1,\"t\":\"p\"}"},
    {CHOSEN, "{\"t\":\"p\",\"other\":1,\"other\":2}"},
    {CHOSEN, "[]"},
    {CHOSEN, "\"p\""},
    {LISTS, "{\"l\":[[\"a\",1],[\"b\"]],\"a\":\"xyx\"}"},
    {LISTS, "{\"l\":[[\"a\",\"b\"],[],[\"c\",1,2]],\"a\":\"xyz\"}"},
    {LISTS, "{\"a\":\"x\",\"m\":{\"p\":true,\"q\":1}}"},
    {LISTS, "{\"m\":{\"p\":true},\"l\":[1,2,3,[4]]}"},
    {LISTS, "{\"m\":{\"p\":true,\"q\":{},\"r\":false,\"s\":true}}"},
    {LISTS, "{\"l\":7,\"a\":[],\"m\":null}"},
    {LISTS, "{\"none\":{\"such\":\"here\"},\"a\":\"y\",\"l\":[]}"},
    {VERDICTS, "{\"a\":\"ab\",\"o\":{\"x\":1}}"},
    {VERDICTS, "{\"a\":\"abc\",\"o\":{\"x\":1}}"},
    {VERDICTS, "{\"a\":\"abc\",\"o\":{\"x\":2,\"y\":\"\"}}"},
    {VERDICTS, "{\"o\":{\"x\":1.0,\"y\":2},\"a\":\"abc\"}"},
    {VERDICTS, "{\"o\":{\"y\":2,\"z\":3},\"b\":1}"},
    {VERDICTS, "{\"o\":{\"y\":{\"x\":1},\"x\":1}}"},
};

START_TEST(the_machine_alone_tells_the_same)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct text body = text_of(rows[i].body);
        struct verdict quick, slow;
        struct fixture f, g;

        fixture_stages(&f, rows[i].schema, STAGES_MAX);
        fixture_stages(&g, rows[i].schema, 0);
        ck_assert_ptr_nonnull(f.plan->stage);
        ck_assert_ptr_null(g.plan->stage);
        quick = told(f.plan, body);
        slow = told(g.plan, body);
        if (!text_equal(buffer_text(&quick.text), buffer_text(&slow.text)) ||
            quick.broken != slow.broken || quick.count != slow.count)
            ck_abort_msg("%s\n%s\nquick\n%.*salone\n%.*s", rows[i].schema,
                         rows[i].body, TEXT_ARG(buffer_text(&quick.text)),
                         TEXT_ARG(buffer_text(&slow.text)));
        verdict_release(&quick);
        verdict_release(&slow);
        fixture_release(&f);
        fixture_release(&g);
    }
}
END_TEST

/* The next run in the same memory, of another set of schemas: what is known
 * of ends is not believed. */
START_TEST(ends_are_known_of_one_set_only)
{
    static const char one[] = "{\"oneOf\":[{\"required\":[\"a\"]},{"
                              "\"required\":[\"b\"]}],\"properties\":{\"a\":"
                              "true,\"b\":true,\"c\":true}}";
    static const char two[] = "{\"oneOf\":[{\"required\":[\"a\"]},{"
                              "\"required\":[\"c\"]}],\"properties\":{\"a\":"
                              "true,\"b\":true,\"c\":true}}";
    struct text body = TEXT_LIT("{\"b\":1}");
    struct verdict v;
    struct fixture f;
    int i;

    for (i = 0; i < 20; i++) {
        fixture_stages(&f, i % 2 == 0 ? one : two, STAGES_MAX);
        v = told(f.plan, body);
        ck_assert_uint_eq(v.broken, i % 2 == 0 ? 0 : 1);
        verdict_release(&v);
        v = told(f.plan, body);
        ck_assert_uint_eq(v.broken, i % 2 == 0 ? 0 : 1);
        verdict_release(&v);
        fixture_release(&f);
    }
}
END_TEST

/* Too many of them for a set: the machine does the rest. */
START_TEST(stages_may_run_out)
{
    struct verdict few, none;
    struct fixture f, g;
    size_t i, max;

    for (i = 0; i < ARRAY_LEN(rows); i += 7)
        for (max = 1; max < 8; max++) {
            fixture_stages(&f, rows[i].schema, max);
            fixture_stages(&g, rows[i].schema, 0);
            few = told(f.plan, text_of(rows[i].body));
            none = told(g.plan, text_of(rows[i].body));
            ck_assert(
                text_equal(buffer_text(&few.text), buffer_text(&none.text)));
            verdict_release(&few);
            verdict_release(&none);
            fixture_release(&f);
            fixture_release(&g);
        }
}
END_TEST

UNIT_MAIN("schema/quick", the_machine_alone_tells_the_same,
          ends_are_known_of_one_set_only, stages_may_run_out)
