/* SPDX-License-Identifier: Apache-2.0
 *
 * What each keyword finds, and where. The conformance suite proves the
 * verdicts; here are pointers, rules and whose findings are told.
 */
#include "schema/compile.h"
#include "schema/stage.h"
#include "tests/unit/schema/validate.h"
#include "tests/unit/unit.h"

/* Two branches told apart by "k", one for arrays, and null. */
#define KINDS                                                                  \
    "{\"oneOf\":["                                                             \
    "{\"type\":\"object\",\"required\":[\"k\"],\"properties\":{\"k\":{"        \
    "\"const\":\"a\"},\"n\":{\"type\":\"integer\"}}},"                         \
    "{\"type\":\"object\",\"required\":[\"k\"],\"properties\":{\"k\":{"        \
    "\"enum\":[\"b\",\"c\"]},\"n\":{\"type\":\"string\"}}},"                   \
    "{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},{\"type\":"         \
    "\"null\"}]}"

static const struct row {
    const char *schema, *body;
    const char *found; /* "pointer rule\n" each; "" is valid */
} rows[] = {
    /* scalars */
    {"true", "1", ""},
    {"{}", "null", ""},
    {"false", "1", " not\n"},
    {"false", "{}", " not\n"},
    {"{\"type\":\"integer\"}", "1.0", ""},
    {"{\"type\":\"integer\"}", "1e2", ""},
    {"{\"type\":\"integer\"}", "1.5", " type\n"},
    {"{\"type\":[\"string\",\"null\"]}", "7", " type\n"},
    {"{\"type\":\"string\",\"enum\":[\"a\"]}", "7", " type\n"},
    {"{\"type\":\"string\",\"minLength\":3,\"pattern\":\"^x\"}", "\"a\"",
     " minLength\n pattern\n"},
    {"{\"maxLength\":2}", "\"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\"", ""},
    {"{\"maxLength\":1}", "\"\\ud83d\\ude00\\ud83d\\ude00\"", " maxLength\n"},
    {"{\"minimum\":0.1,\"maximum\":0.1}", "0.10", ""},
    {"{\"minimum\":1e3}", "999.9", " minimum\n"},
    {"{\"maximum\":1}", "1e99999999999999999999", " maximum\n"},
    {"{\"exclusiveMinimum\":1}", "1.0", " exclusiveMinimum\n"},
    {"{\"exclusiveMaximum\":1}", "10e-1", " exclusiveMaximum\n"},
    {"{\"multipleOf\":0.01}", "19.99", ""},
    {"{\"multipleOf\":0.01}", "19.999", " multipleOf\n"},
    {"{\"const\":1.0}", "1", ""},
    {"{\"const\":null}", "0", " const\n"},
    {"{\"enum\":[1,\"1\",true]}", "\"1\"", ""},
    {"{\"enum\":[1,\"1\",true]}", "false", " enum\n"},
    {"{\"enum\":[]}", "false", " enum\n"},
    {"{\"format\":\"uuid\"}", "\"x\"", " format\n"},
    {"{\"format\":\"uuid\"}", "1", ""},
    {"{\"format\":\"int32\"}", "2147483648", " format\n"},
    {"{\"format\":\"int32\"}", "\"x\"", ""},
    /* objects */
    {"{\"required\":[\"a\",\"b\"]}", "{\"b\":1}", " required\n"},
    {"{\"required\":[\"a\"]}", "[]", ""},
    {"{\"properties\":{\"a\":{\"required\":[\"b\"]}}}", "{\"a\":{}}",
     "/a required\n"},
    {"{\"properties\":{\"a\":false}}", "{\"a\":1}", "/a properties\n"},
    {"{\"properties\":{\"a\":false}}", "{\"a\":[1]}", "/a properties\n"},
    {"{\"properties\":{\"a\":{}},\"additionalProperties\":false}",
     "{\"a\":1,\"b\":2,\"c\":{\"d\":1}}",
     "/b additionalProperties\n/c additionalProperties\n"},
    {"{\"additionalProperties\":{\"type\":\"string\"}}", "{\"a\":1}",
     "/a type\n"},
    {"{\"patternProperties\":{\"^x\":{\"type\":\"string\"},\"y$\":{"
     "\"minLength\":2}},\"additionalProperties\":false}",
     "{\"xy\":\"a\",\"x\":1,\"z\":1}",
     "/xy minLength\n/x type\n/z additionalProperties\n"},
    {"{\"propertyNames\":{\"maxLength\":2}}", "{\"ab\":1,\"abc\":{}}",
     "/abc propertyNames\n"},
    {"{\"propertyNames\":{\"anyOf\":[{\"const\":\"a\"},{\"const\":\"b\"}]}}",
     "{\"a\":1,\"c\":1}", "/c propertyNames\n"},
    {"{\"propertyNames\":false}", "{}", ""},
    {"{\"minProperties\":2}", "{\"a\":1}", " minProperties\n"},
    {"{\"maxProperties\":1}", "{\"a\":1,\"b\":1,\"c\":1}", " maxProperties\n"},
    {"{\"dependentRequired\":{\"a\":[\"b\",\"c\"]}}", "{\"c\":1,\"a\":1}",
     " dependentRequired\n"},
    {"{\"dependentSchemas\":{\"a\":{\"properties\":{\"b\":{\"type\":"
     "\"null\"}}}}}",
     "{\"b\":1,\"a\":1}", "/b type\n"},
    {"{\"dependentSchemas\":{\"a\":{\"properties\":{\"b\":{\"type\":"
     "\"null\"}}}}}",
     "{\"b\":1}", ""},
    {"{\"dependentSchemas\":{\"a\":false}}", "{\"a\":1}",
     " dependentSchemas\n"},
    /* arrays */
    {"{\"items\":{\"type\":\"null\"}}", "[null,1,[2]]", "/1 type\n/2 type\n"},
    {"{\"prefixItems\":[{\"type\":\"null\"},true],\"items\":false}",
     "[1,2,3,{}]", "/0 type\n/2 items\n/3 items\n"},
    {"{\"minItems\":1}", "[]", " minItems\n"},
    {"{\"maxItems\":1}", "[1,2,3]", " maxItems\n"},
    {"{\"items\":{\"maxItems\":0}}", "[[],[1]]", "/1 maxItems\n"},
    {"{\"contains\":{\"type\":\"null\"}}", "[1]", " contains\n"},
    {"{\"contains\":{\"minProperties\":1}}", "[{},{\"a\":1}]", ""},
    {"{\"contains\":{\"const\":1},\"minContains\":2}", "[1,2]",
     " minContains\n"},
    {"{\"contains\":{\"const\":1},\"maxContains\":1}", "[1,1]",
     " maxContains\n"},
    {"{\"contains\":{\"const\":1},\"minContains\":0}", "[]", ""},
    {"{\"uniqueItems\":true}", "[1,1.0]", " uniqueItems\n"},
    {"{\"uniqueItems\":true}", "[1e999999999999999999999,1e9]", ""},
    {"{\"uniqueItems\":true}", "[{\"a\":1,\"b\":[]},{\"b\":[],\"a\":1.0}]",
     " uniqueItems\n"},
    {"{\"uniqueItems\":true}", "[[1],[true],\"1\",null,\"\",[],{}]", ""},
    {"{\"items\":{\"uniqueItems\":true},\"uniqueItems\":true}",
     "[[1,1],[1],[1]]", "/0 uniqueItems\n uniqueItems\n"},
    {"{\"const\":{\"a\":[1,{\"b\":null}]}}", "{\"a\":[1.0,{\"b\":null}]}", ""},
    {"{\"const\":{\"a\":1,\"b\":2}}", "{\"b\":2,\"a\":1}", ""},
    {"{\"const\":{\"a\":1}}", "{\"a\":1,\"b\":2}", " const\n"},
    {"{\"const\":[]}", "{}", " const\n"},
    {"{\"enum\":[1]}", "[1]", " enum\n"},
    {"{\"properties\":{\"a\":{\"enum\":[[1],{}]}}}", "{\"a\":[2]}",
     "/a enum\n"},
    /* places */
    {"{\"allOf\":[{\"type\":\"string\"},{\"minLength\":2}]}", "\"a\"",
     " minLength\n"},
    {"{\"allOf\":[{\"required\":[\"a\"]},{\"required\":[\"a\"]}]}", "{}",
     " required\n"}, /* told once */
    {"{\"allOf\":[false]}", "1", " allOf\n"},
    {"{\"$ref\":\"#/$defs/a\",\"minLength\":2,\"$defs\":{\"a\":{\"pattern\":"
     "\"^x\"}}}",
     "\"a\"", " minLength\n pattern\n"},
    {"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", "1",
     " anyOf\n"},
    {"{\"anyOf\":[{\"minLength\":3},{\"pattern\":\"^x\"}]}", "\"a\"",
     " anyOf\n"},
    {"{\"anyOf\":[{\"type\":\"string\",\"minLength\":3},{\"type\":\"null\"}]}",
     "\"a\"", " minLength\n"},
    {"{\"anyOf\":[{\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
     "\"null\"}}},{\"type\":\"null\"}]}",
     "{\"a\":1}", "/a type\n"},
    {"{\"anyOf\":[{\"required\":[\"a\"]}]}", "{}", " required\n"},
    {"{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "3", " oneOf\n"},
    {"{\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}",
     "{\"b\":1,\"a\":1}", " oneOf\n"},
    {"{\"not\":{\"type\":\"null\"}}", "null", " not\n"},
    {"{\"not\":{\"properties\":{\"a\":{\"type\":\"null\"}},\"required\":["
     "\"a\"]}}",
     "{\"a\":null}", " not\n"},
    {"{\"not\":{\"properties\":{\"a\":{\"type\":\"null\"}},\"required\":["
     "\"a\"]}}",
     "{\"a\":1}", ""},
    {"{\"if\":{\"minimum\":5},\"then\":{\"maximum\":8},\"else\":{\"maximum\":"
     "2}}",
     "9", " maximum\n"},
    {"{\"if\":{\"required\":[\"a\"]},\"then\":{\"properties\":{\"b\":{"
     "\"type\":\"null\"}}},\"else\":{\"properties\":{\"b\":{\"type\":"
     "\"string\"}}}}",
     "{\"b\":1,\"a\":1}", "/b type\n"},
    {"{\"if\":{\"required\":[\"a\"]},\"then\":{\"properties\":{\"b\":{"
     "\"type\":\"null\"}}}}",
     "{\"b\":1}", ""},
    /* whose findings are told */
    {KINDS, "null", ""},
    {KINDS, "[1,\"x\"]", "/1 type\n"},
    {KINDS, "7", " oneOf\n"},
    {KINDS, "{\"k\":\"a\",\"n\":\"x\"}", "/n type\n"},
    {KINDS, "{\"n\":\"x\",\"k\":\"a\"}", "/n type\n"},
    {KINDS, "{\"n\":7,\"k\":\"c\"}", "/n type\n"},
    {KINDS, "{\"n\":7,\"k\":\"d\"}", " oneOf\n"},
    {KINDS, "{\"n\":7}", " oneOf\n"},
    {KINDS, "{\"k\":7}", " oneOf\n"},
    {KINDS, "{\"k\":{\"k\":\"a\"}}", " oneOf\n"},
    {"{\"items\":" KINDS "}", "[{\"k\":\"a\",\"n\":{}},{\"k\":\"b\",\"n\":1}]",
     "/0/n type\n/1/n type\n"},
    /* a branch that is out must not look into what its members hold */
    {"{\"oneOf\":[{\"properties\":{\"k\":{\"const\":\"a\"},\"v\":{\"anyOf\":[{"
     "\"type\":\"array\"},{\"type\":\"null\"}]}}},{\"properties\":{\"k\":{"
     "\"const\":\"b\"},\"v\":{\"type\":\"object\"}}}]}",
     "{\"k\":\"b\",\"v\":{}}", ""},
    {"{\"oneOf\":[{\"properties\":{\"k\":{\"const\":\"a\"},\"v\":{\"allOf\":[{"
     "\"minItems\":1},{\"type\":\"array\"}]}}},{\"properties\":{\"k\":{"
     "\"const\":\"b\"},\"v\":{\"type\":\"object\"}}}]}",
     "{\"k\":\"b\",\"v\":{}}", ""},
    /* recursion */
    {"{\"properties\":{\"a\":{\"$ref\":\"#\"}},\"additionalProperties\":"
     "false}",
     "{\"a\":{\"a\":{\"b\":1}}}", "/a/a/b additionalProperties\n"},
    {"{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"array\",\"items\":{"
     "\"$ref\":\"#\"}}]}",
     "[1,[2,[3,[\"x\"]]]]", "/1/1/1/0 anyOf\n"},
    /* unevaluated */
    {"{\"allOf\":[{\"properties\":{\"a\":true}}],\"unevaluatedProperties\":"
     "false}",
     "{\"a\":1,\"b\":{}}", "/b unevaluatedProperties\n"},
    {"{\"anyOf\":[{\"properties\":{\"a\":{\"const\":1}}},{\"properties\":{"
     "\"b\":true}}],\"unevaluatedProperties\":{\"type\":\"null\"}}",
     "{\"a\":2,\"b\":3,\"c\":null}", "/a unevaluatedProperties\n"},
    {"{\"prefixItems\":[true],\"contains\":{\"const\":1},"
     "\"unevaluatedItems\":false}",
     "[0,1,2]", "/2 unevaluatedItems\n"},
    /* pointers */
    {"{\"properties\":{\"a~b/c\":{\"type\":\"null\"}}}", "{\"a~b/c\":1}",
     "/a~0b~1c type\n"},
    {"{\"properties\":{\"\":{\"type\":\"null\"}}}", "{\"\":1}", "/ type\n"},
};

static void fixture_layouts(struct fixture *f, const char *schema,
                            size_t layouts_max, size_t stages_max)
{
    struct schema_source source = {.dialect = SCHEMA_JSON};
    struct schema_use use;

    *f = (struct fixture){0};
    problems_init(&f->problems);
    CHECK(json_parse(text_of(schema), "schema.json", 0, &f->problems,
                     &f->doc) == STATUS_OK);
    f->set = schema_set_new();
    CHECK(f->set);
    f->set->layouts_max = layouts_max;
    f->set->stages_max = stages_max;
    source.doc = f->doc;
    source.root = f->doc->root;
    if (schema_compile(f->set, &source, f->doc->root, &f->problems,
                       &f->schema) != STATUS_OK)
        return;
    use.schema = f->schema;
    f->plan = schema_plan_new(f->set, &use, 1, NULL, 0);
    CHECK(f->plan);
}

static char *found_in(const struct schema_plan *plan, struct text body)
{
    const struct schema_violation *list;
    struct schema_limits limits;
    struct schema_run *run;
    struct buffer out;
    char *copy;
    size_t n, i;

    schema_limits_default(&limits);
    run = schema_run_new(plan, &limits);
    CHECK(run);
    ck_assert_int_eq(schema_run_feed(run, body.data, body.len), STATUS_OK);
    ck_assert_int_eq(schema_run_finish(run), STATUS_OK);
    n = schema_run_violations(run, &list);
    ck_assert_uint_eq(n, schema_run_violation_count(run));
    ck_assert_uint_eq(schema_run_broken(run), n > 0);
    buffer_init(&out, 65536);
    for (i = 0; i < n; i++)
        CHECK(buffer_printf(&out, "%s %s\n", list[i].pointer, list[i].rule) ==
              STATUS_OK);
    copy = text_dup(out.data ? buffer_text(&out) : TEXT_LIT(""));
    CHECK(copy);
    buffer_release(&out);
    schema_run_free(run);
    return copy;
}

static void check_rows(size_t layouts_max, size_t stages_max)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f;
        char *found;

        fixture_layouts(&f, rows[i].schema, layouts_max, stages_max);
        if (!f.plan) {
            problems_print(&f.problems, stderr);
            ck_abort_msg("%s", rows[i].schema);
        }
        found = found_in(f.plan, text_of(rows[i].body));
        if (strcmp(found, rows[i].found) != 0)
            ck_abort_msg("%s\n%s\nshould be\n%sis\n%s", rows[i].schema,
                         rows[i].body, rows[i].found, found);
        free(found);
        fixture_release(&f);
    }
}

START_TEST(each_keyword_says_what_and_where)
{
    check_rows(LAYOUTS_MAX, STAGES_MAX);
}
END_TEST

/* With one layout all but the body itself is laid out as it comes, and the
 * same is found in the same order. */
START_TEST(and_layouts_do_not_matter)
{
    check_rows(1, STAGES_MAX);
}
END_TEST

/* Without any stage the machine does all of the work, and without layouts too
 * it does so in the plainest way. */
START_TEST(and_stages_do_not_matter)
{
    check_rows(LAYOUTS_MAX, 0);
    check_rows(1, 0);
}
END_TEST

START_TEST(and_the_cut_does_not_matter)
{
    struct schema_limits limits;
    size_t i, cut;

    schema_limits_default(&limits);
    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct text body = text_of(rows[i].body);
        struct fixture f;
        struct verdict whole;

        fixture_init(&f, rows[i].schema);
        whole = validate(f.plan, body);
        for (cut = 0; cut < body.len; cut++) {
            struct verdict v = validate_cut(f.plan, &limits, body, cut,
                                            cut == 0 ? 1 : SIZE_MAX);

            if (strcmp(v.text.data, whole.text.data) != 0)
                ck_abort_msg("%s\n%s\nwhole\n%scut at %zu\n%s", rows[i].schema,
                             rows[i].body, whole.text.data, cut, v.text.data);
            verdict_release(&v);
        }
        verdict_release(&whole);
        fixture_release(&f);
    }
}
END_TEST

static const struct {
    const char *schema, *body, *message;
} messages[] = {
    {"{\"type\":\"string\"}", "7", "must be a string, not a number"},
    {"{\"type\":[\"string\",\"null\",\"array\"]}", "{}",
     "must be null, a string or an array, not an object"},
    {"{\"type\":\"integer\"}", "1.5",
     "must be an integer, not a number that is no integer"},
    {"{\"maxLength\":2}", "\"secret\"", "has 6 characters, more than 2"},
    {"{\"minLength\":2}", "\"s\"", "has 1 character, fewer than 2"},
    {"{\"enum\":[\"a\",1,null]}", "\"secret\"",
     "must be \"a\", 1 or null, not a string of 6 characters"},
    {"{\"enum\":[\"a\",1,null]}", "7", "null, not another number"},
    {"{\"enum\":[\"a\",{}]}", "{\"secret\":1}", ", not another object"},
    {"{\"enum\":[\"a\"]}", "{}", "must be \"a\", not an object"},
    {"{\"enum\":[\"a\",true]}", "7", "true, not a number"},
    {"{\"const\":\"text\"}", "\"secret\"",
     "must be \"text\", not a string of 6 characters"},
    {"{\"const\":true}", "false", "must be true, not false"},
    {"{\"pattern\":\"^a\"}", "\"\\u00e9\"",
     "is a string of 1 character that does not match the pattern ^a"},
    {"{\"format\":\"e164\"}", "\"secret\"",
     "as +12223334444, not a string of 6 characters"},
    {"{\"maxItems\":0}", "[1]", "must be empty, without any item"},
    {"{\"maxProperties\":1}", "{\"a\":1,\"secret\":2}",
     "has more than 1 member\n"},
    {"{\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}", "{}",
     "must have exactly one of \"a\" and \"b\", and has none"},
    {"{\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}",
     "{\"a\":1,\"b\":1}", "must have exactly one of \"a\" and \"b\", not 2"},
    {"{\"anyOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]},"
     "{\"required\":[\"c\"],\"title\":\"t\"}]}",
     "{\"secret\":1}",
     "must have at least one of \"a\", \"b\" and \"c\", and has none"},
    /* "required" asks nothing of what is no object. */
    {"{\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}", "7",
     "is a number that matches 2 of the alternatives"},
    {"{\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"],"
     "\"minProperties\":2}]}",
     "{}", "is an object that matches none of the alternatives"},
    {"{\"oneOf\":[{\"type\":\"object\",\"required\":[\"k\"],\"properties\":"
     "{\"k\":{\"const\":\"a\"}}},{\"type\":\"object\",\"required\":[\"k\"],"
     "\"properties\":{\"k\":{\"enum\":[\"b\",\"c\"]}}}]}",
     "{\"k\":\"secret\"}", "its member \"k\" must be \"a\", "},
    {"{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"null\"}]}", "\"secret\"",
     "must be null or an integer, not a string"},
    {"{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"array\"}]}", "1.5",
     "must be an array or an integer, not a number that is no integer"},
    {"{\"enum\":[1,2,3,4,5,6,7,8,9,10]}", "0",
     "must be 1, 2, 3, 4, 5, 6, 7, 8 or one of 2 more"},
    {"{\"required\":[\"to\"]}", "{}", "lacks the member \"to\""},
    {"{\"minimum\":0}", "-1", "must be a number at least 0"},
    {"{\"minItems\":2}", "[1]", "has 1 item, fewer than 2"},
    {"{\"uniqueItems\":true}", "[1,2,1]", "has equal items, at 0 and 2"},
};

START_TEST(messages_are_for_people)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(messages); i++) {
        struct fixture f;
        struct verdict v;

        fixture_init(&f, messages[i].schema);
        v = validate(f.plan, text_of(messages[i].body));
        if (!strstr(v.text.data, messages[i].message))
            ck_abort_msg("%s\n%s", messages[i].message, v.text.data);
        ck_assert_ptr_null(strstr(v.text.data, "secret"));
        verdict_release(&v);
        fixture_release(&f);
    }
}
END_TEST

START_TEST(a_discriminator_tells_whose_findings_count)
{
    /* The branches do not demand their name themselves. */
    static const char schema[] =
        "{\"components\":{\"schemas\":{"
        "\"Pet\":{\"oneOf\":[{\"$ref\":\"#/components/schemas/Cat\"},"
        "{\"$ref\":\"#/components/schemas/Dog\"}],"
        "\"discriminator\":{\"propertyName\":\"kind\",\"mapping\":{"
        "\"puppy\":\"#/components/schemas/Dog\"}}},"
        "\"Cat\":{\"type\":\"object\",\"required\":[\"lives\"]},"
        "\"Dog\":{\"type\":\"object\",\"required\":[\"bark\"]}}}}";
    static const struct {
        const char *body, *found;
    } pets[] = {
        {"{\"kind\":\"Cat\",\"lives\":9}", ""},
        {"{\"kind\":\"Cat\"}", "lacks the member \"lives\""},
        {"{\"kind\":\"puppy\"}", "lacks the member \"bark\""},
        {"{\"kind\":\"Dog\"}", "lacks the member \"bark\""},
        {"{\"kind\":\"Cow\"}", "oneOf"},
        /* It changes no verdict: */
        {"{\"kind\":\"Cat\",\"lives\":9,\"bark\":1}", "oneOf"},
        {"{\"kind\":\"Cat\",\"bark\":1}", ""},
    };
    struct fixture f;
    size_t i;

    fixture_taps(&f, schema, SCHEMA_OPENAPI, "/components/schemas/Pet", NULL,
                 0);
    ck_assert_ptr_nonnull(f.plan);
    for (i = 0; i < ARRAY_LEN(pets); i++) {
        struct verdict v = validate(f.plan, text_of(pets[i].body));

        if (*pets[i].found ? !strstr(v.text.data, pets[i].found) : v.count != 0)
            ck_abort_msg("%s\n%s", pets[i].body, v.text.data);
        verdict_release(&v);
    }
    fixture_release(&f);
}
END_TEST

/* The two members where `shape` says %s. */
static void fill_shape(char *out, size_t size, const char *shape,
                       const char *first, const char *second)
{
    const char *one = strstr(shape, "%s"), *two = strstr(one + 2, "%s");

    snprintf(out, size, "%.*s%s%.*s%s%s", (int)(one - shape), shape, first,
             (int)(two - one - 2), one + 2, second, two + 2);
}

/* A maximum beside a keyword of which only a body tells more was once not
 * looked at: beside, before and behind it, and where only a verdict is
 * asked. */
START_TEST(a_maximum_holds_beside_any_keyword)
{
    static const char *const of_arrays[] = {
        "\"contains\":{\"type\":\"integer\"}",
        "\"contains\":true,\"minContains\":0",
        "\"unevaluatedItems\":true",
        "\"prefixItems\":[true]",
        "\"uniqueItems\":true",
    };
    static const char *const of_objects[] = {
        "\"patternProperties\":{\"^t\":true}",
        "\"propertyNames\":{\"maxLength\":3}",
        "\"unevaluatedProperties\":true",
        "\"additionalProperties\":{}",
        "\"dependentSchemas\":{\"a\":{}}",
    };
    static const char *const shapes[] = {
        "{%s,%s}",
        "{\"allOf\":[{%s},{%s}]}",
        "{\"not\":{\"not\":{%s,%s}}}",
        "{\"oneOf\":[{%s,%s},{\"type\":\"string\"}]}",
        "{\"anyOf\":[{\"type\":\"null\"},{\"allOf\":[{%s},{%s}]}]}",
        "{\"if\":{%s,%s},\"else\":false}",
    };

    for (size_t i = 0; i < ARRAY_LEN(of_arrays) + ARRAY_LEN(of_objects); i++) {
        bool is_array = i < ARRAY_LEN(of_arrays);
        const char *beside =
            is_array ? of_arrays[i] : of_objects[i - ARRAY_LEN(of_arrays)];
        const char *max = is_array ? "\"maxItems\":1" : "\"maxProperties\":1";
        struct text good = is_array ? TEXT_LIT("[1]") : TEXT_LIT("{\"a\":1}");
        struct text bad =
            is_array ? TEXT_LIT("[1,2]") : TEXT_LIT("{\"a\":1,\"b\":2}");

        for (size_t at = 0; at < 2 * ARRAY_LEN(shapes); at++) {
            struct fixture f;
            struct verdict v;
            char schema[512];

            fill_shape(schema, sizeof(schema), shapes[at / 2],
                       at % 2 ? beside : max, at % 2 ? max : beside);
            fixture_init(&f, schema);
            v = validate(f.plan, good);
            ck_assert_msg(v.count == 0, "%s %s", schema, v.text.data);
            verdict_release(&v);
            v = validate(f.plan, bad);
            ck_assert_msg(v.count > 0, "%s is not enforced", schema);
            verdict_release(&v);
            fixture_release(&f);
        }
    }
}
END_TEST

UNIT_MAIN("schema/keywords", a_maximum_holds_beside_any_keyword,
          each_keyword_says_what_and_where, and_layouts_do_not_matter,
          and_stages_do_not_matter, and_the_cut_does_not_matter,
          messages_are_for_people, a_discriminator_tells_whose_findings_count)
