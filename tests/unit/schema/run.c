/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs: uses, taps, limits, memory, and values that are no JSON.
 */
#include "tests/unit/schema/validate.h"
#include "tests/unit/unit.h"

static struct schema_limits limits_default(void)
{
    struct schema_limits limits;

    schema_limits_default(&limits);
    return limits;
}

/* ---- uses ---- */

static const char three[] =
    "{\"a\":{\"properties\":{\"x\":{\"type\":\"string\"}}},"
    "\"b\":{\"properties\":{\"x\":{\"maxLength\":1},\"y\":{\"type\":\"null\"}}}"
    ",\"c\":{\"anyOf\":[{\"required\":[\"x\"]},{\"required\":[\"z\"]}]}}";

static void fixture_uses(struct fixture *f, const char *const *at, size_t n)
{
    struct schema_source source = {.dialect = SCHEMA_JSON};
    struct schema_use uses[8];
    size_t i;

    *f = (struct fixture){0};
    problems_init(&f->problems);
    CHECK(json_parse(text_of(three), "three", 0, &f->problems, &f->doc) ==
          STATUS_OK);
    f->set = schema_set_new();
    CHECK(f->set);
    source.doc = f->doc;
    source.root = f->doc->root;
    for (i = 0; i < n; i++)
        CHECK(schema_compile(f->set, &source,
                             json_at(f->doc->root, text_of(at[i])),
                             &f->problems, &uses[i].schema) == STATUS_OK);
    f->plan = schema_plan_new(f->set, uses, n, NULL, 0);
    CHECK(f->plan);
}

START_TEST(each_use_has_its_own_violations)
{
    static const char *const at[] = {"/a", "/b", "/a", "/c"};
    struct fixture f;
    struct verdict v;

    fixture_uses(&f, at, 4);
    v = validate(f.plan, TEXT_LIT("{\"x\":7,\"y\":1}"));
    ck_assert_uint_eq(v.broken, 7);
    ck_assert_uint_eq(v.count, 3);
    ck_assert_str_eq(v.text.data,
                     "ok\n0 /x type must be a string, not a number\n"
                     "2 /x type must be a string, not a number\n"
                     "1 /y type must be null, not a number\n");
    verdict_release(&v);
    v = validate(f.plan, TEXT_LIT("{}"));
    ck_assert_uint_eq(v.broken, 8);
    verdict_release(&v);
    v = validate(f.plan, TEXT_LIT("{\"x\":\"a\"}"));
    ck_assert_uint_eq(v.broken, 0);
    verdict_release(&v);
    fixture_release(&f);
}
END_TEST

START_TEST(a_plan_without_uses_still_wants_json)
{
    struct fixture f;
    struct verdict v;

    fixture_uses(&f, NULL, 0);
    v = validate(f.plan, TEXT_LIT("[1,{\"a\":null}]"));
    ck_assert_int_eq(v.status, STATUS_OK);
    verdict_release(&v);
    v = validate(f.plan, TEXT_LIT("[1,{\"a\":nul}]"));
    ck_assert_int_eq(v.status, STATUS_INVALID);
    verdict_release(&v);
    fixture_release(&f);
}
END_TEST

START_TEST(sixteen_are_kept_and_all_counted)
{
    struct fixture f;
    struct verdict v;
    struct buffer body;
    int i;

    fixture_init(&f, "{\"items\":{\"type\":\"null\"}}");
    buffer_init(&body, 4096);
    CHECK(buffer_append_str(&body, "[0") == STATUS_OK);
    for (i = 0; i < 99; i++)
        CHECK(buffer_append_str(&body, ",1") == STATUS_OK);
    CHECK(buffer_append_str(&body, "]") == STATUS_OK);
    v = validate(f.plan, buffer_text(&body));
    ck_assert_uint_eq(v.count, 100);
    ck_assert_ptr_nonnull(strstr(v.text.data, "0 /15 type"));
    ck_assert_ptr_null(strstr(v.text.data, "0 /16 type"));
    verdict_release(&v);
    buffer_release(&body);
    fixture_release(&f);
}
END_TEST

/* The first byte after which bit 0 is set. */
static size_t broken_at(const struct schema_plan *plan, const char *body)
{
    struct schema_limits limits = limits_default();
    struct schema_run *run = schema_run_new(plan, &limits);
    size_t i, at = SIZE_MAX;

    CHECK(run);
    for (i = 0; body[i] && at == SIZE_MAX; i++) {
        CHECK(schema_run_feed(run, body + i, 1) == STATUS_OK);
        if (schema_run_broken(run))
            at = i;
    }
    schema_run_free(run);
    return at;
}

START_TEST(broken_is_known_as_soon_as_it_is_certain)
{
    static const char kinds[] =
        "{\"oneOf\":[{\"properties\":{\"k\":{\"const\":\"a\"},\"n\":{\"type\":"
        "\"null\"}}},{\"properties\":{\"k\":{\"const\":\"b\"},\"n\":{\"type\":"
        "\"string\"}}}]}";
    struct fixture f;

    fixture_init(&f, "{\"properties\":{\"a\":{\"type\":\"null\"}},"
                     "\"additionalProperties\":false,\"maxProperties\":2}");
    ck_assert_uint_eq(broken_at(f.plan, "{\"a\":\"x\",   }"), 7);
    ck_assert_uint_eq(broken_at(f.plan, "{\"b\":\"x\",   }"), 7);
    ck_assert_uint_eq(broken_at(f.plan, "{\"b\":{\"x\":1}}"), 5);
    fixture_release(&f);
    /* The branch is named, so what it finds is certain at once ... */
    fixture_init(&f, kinds);
    ck_assert_uint_eq(broken_at(f.plan, "{\"k\":\"a\",\"n\":\"x\",  "), 15);
    /* ... or certain as soon as it is named. */
    ck_assert_uint_eq(broken_at(f.plan, "{\"n\":\"x\",\"k\":\"a\",  "), 15);
    ck_assert_uint_eq(broken_at(f.plan, "{\"n\":\"x\",\"k\":\"b\",  "),
                      SIZE_MAX);
    fixture_release(&f);
    fixture_init(&f, "{\"maxItems\":1}");
    ck_assert_uint_eq(broken_at(f.plan, "[[],[], "), 4);
    fixture_release(&f);
}
END_TEST

/* ---- taps ---- */

static const char tapped[] =
    "{\"properties\":{\"from\":{\"type\":\"string\",\"maxLength\":1100},"
    "\"m\":{\"properties\":{\"parts\":{\"type\":\"array\",\"maxItems\":3,"
    "\"items\":{\"type\":\"integer\"}},\"a/b\":{\"oneOf\":[{\"minLength\":2},"
    "{\"minLength\":3}]}}}}}";
static const struct schema_tap taps[] = {
    {"/from", SCHEMA_TAP_TEXT},
    {"/m/parts", SCHEMA_TAP_COUNT},
    {"/m/a~1b", SCHEMA_TAP_TEXT},
    {"/none/at/all", SCHEMA_TAP_TEXT},
};

static void check_taps(const struct schema_plan *plan, const char *body,
                       const char *from, int64_t parts, const char *ab)
{
    struct schema_limits limits = limits_default();
    struct schema_run *run = schema_run_new(plan, &limits);
    struct text t;
    uint64_t n;

    CHECK(run);
    ck_assert_int_eq(schema_run_feed(run, body, strlen(body)), STATUS_OK);
    ck_assert(!schema_run_tap_text(run, 0, &t)); /* not before the end */
    ck_assert_int_eq(schema_run_finish(run), STATUS_OK);
    ck_assert_msg(schema_run_tap_text(run, 0, &t) == (from != NULL), "%s",
                  body);
    ck_assert_msg(!from || text_is(t, from), "%s", body);
    ck_assert_msg(schema_run_tap_count(run, 1, &n) == (parts >= 0), "%s", body);
    ck_assert_msg(parts < 0 || n == (uint64_t)parts, "%s", body);
    ck_assert_msg(schema_run_tap_text(run, 2, &t) == (ab != NULL), "%s", body);
    ck_assert_msg(!ab || text_is(t, ab), "%s", body);
    ck_assert(!schema_run_tap_text(run, 3, &t));
    ck_assert(!schema_run_tap_count(run, 0, &n));
    ck_assert(!schema_run_tap_text(run, 1, &t));
    schema_run_free(run);
}

START_TEST(taps_give_what_passed)
{
    struct fixture f;

    fixture_taps(&f, tapped, SCHEMA_JSON, "", taps, 4);
    ck_assert_ptr_nonnull(f.plan);
    check_taps(f.plan,
               "{\"from\":\"me\",\"m\":{\"parts\":[1,2],\"a/b\":"
               "\"xy\"}}",
               "me", 2, "xy");
    check_taps(f.plan, "{\"from\":\"\",\"m\":{\"parts\":[],\"from\":\"x\"}}",
               "", 0, NULL);
    /* of another type, or absent */
    check_taps(f.plan, "{\"from\":7,\"m\":{\"parts\":{}}}", NULL, -1, NULL);
    check_taps(f.plan, "{}", NULL, -1, NULL);
    check_taps(f.plan, "[{\"from\":\"me\"}]", NULL, -1, NULL);
    check_taps(f.plan, "{\"m\":[{\"parts\":[]}]}", NULL, -1, NULL);
    /* what did not pass, inside too; what fails beside it does not matter */
    check_taps(f.plan, "{\"from\":\"me\",\"m\":{\"parts\":[1,\"2\"]}}", "me",
               -1, NULL);
    check_taps(f.plan, "{\"from\":\"me\",\"m\":{\"parts\":[1,2,3,4]}}", "me",
               -1, NULL);
    check_taps(f.plan, "{\"m\":{\"a/b\":\"xyz\",\"parts\":[1]}}", NULL, 1,
               NULL);
    fixture_release(&f);
}
END_TEST

START_TEST(taps_have_bounds)
{
    struct schema_limits limits = limits_default();
    struct schema_run *run;
    struct fixture f;
    char body[1300];
    size_t len;
    struct text t;

    fixture_taps(&f, tapped, SCHEMA_JSON, "", taps, 4);
    for (len = SCHEMA_TAP_TEXT_MAX; len <= SCHEMA_TAP_TEXT_MAX + 1; len++) {
        int n =
            snprintf(body, sizeof(body), "{\"from\":\"%0*d\"}", (int)len, 0);

        run = schema_run_new(f.plan, &limits);
        CHECK(run);
        CHECK(schema_run_feed(run, body, (size_t)n) == STATUS_OK);
        CHECK(schema_run_finish(run) == STATUS_OK);
        ck_assert_uint_eq(schema_run_violation_count(run), 0);
        ck_assert_int_eq(schema_run_tap_text(run, 0, &t),
                         len == SCHEMA_TAP_TEXT_MAX);
        schema_run_free(run);
    }
    fixture_release(&f);
}
END_TEST

START_TEST(a_nul_in_an_identifier_is_refused)
{
    struct fixture f;
    struct verdict v;

    fixture_taps(&f, tapped, SCHEMA_JSON, "", taps, 4);
    v = validate(f.plan, TEXT_LIT("{\"from\":\"a\\u0000b\"}"));
    ck_assert_int_eq(v.status, STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(v.text.data, "-1 /from json.escape"));
    verdict_release(&v);
    v = validate(f.plan, TEXT_LIT("{\"other\":\"a\\u0000b\"}"));
    ck_assert_int_eq(v.status, STATUS_OK);
    verdict_release(&v);
    fixture_release(&f);
}
END_TEST

/* ---- pointers ---- */

START_TEST(pointers_are_cut_and_records_name_no_client_keys)
{
    struct schema_limits limits = limits_default();
    const struct schema_violation *list;
    struct schema_run *run;
    struct fixture f;
    struct buffer body;
    int i;

    /* "known/a*300-byte-name/0": the record shows one star for it. */
    fixture_init(&f, "{\"properties\":{\"known\":{\"additionalProperties\":{"
                     "\"items\":{\"type\":\"null\"}}}}}");
    buffer_init(&body, 4096);
    CHECK(buffer_append_str(&body, "{\"known\":{\"") == STATUS_OK);
    for (i = 0; i < 124; i++)
        CHECK(buffer_append_str(&body, "\xc3\xa9") == STATUS_OK);
    CHECK(buffer_append_str(&body, "x~") == STATUS_OK);
    for (i = 0; i < 25; i++)
        CHECK(buffer_append_str(&body, "\xc3\xa9") == STATUS_OK);
    CHECK(buffer_append_str(&body, "\":[1]}}") == STATUS_OK);
    run = schema_run_new(f.plan, &limits);
    CHECK(run);
    CHECK(schema_run_feed(run, body.data, body.len) == STATUS_OK);
    CHECK(schema_run_finish(run) == STATUS_OK);
    ck_assert_uint_eq(schema_run_violations(run, &list), 1);
    /* "/known/" and 248 bytes, "x"; "~0" would be half an escape at 256. */
    ck_assert_uint_eq(strlen(list[0].pointer), 256);
    ck_assert_str_eq(list[0].pointer + 255, "x");
    ck_assert_str_eq(list[0].record_pointer, "/known/*/0");
    schema_run_free(run);
    buffer_release(&body);
    fixture_release(&f);
}
END_TEST

/* ---- limits ---- */

static struct verdict repeated(const struct schema_plan *plan,
                               const struct schema_limits *limits,
                               const char *head, const char *unit, size_t n,
                               const char *tail)
{
    struct verdict v;
    struct buffer body;
    size_t i;

    buffer_init(&body, 64 * 1024 * 1024);
    CHECK(buffer_append_str(&body, head) == STATUS_OK);
    for (i = 0; i < n; i++)
        CHECK(buffer_append_str(&body, unit) == STATUS_OK);
    CHECK(buffer_append_str(&body, tail) == STATUS_OK);
    v = validate_cut(plan, limits, buffer_text(&body), 0, 16384);
    buffer_release(&body);
    return v;
}

START_TEST(depth_has_a_limit)
{
    struct schema_limits limits = limits_default();
    struct fixture f;
    struct verdict v;

    fixture_init(&f, "{\"items\":{\"$ref\":\"#\"},\"type\":\"array\"}");
    v = repeated(f.plan, &limits, "", "[", 64, "");
    ck_assert_ptr_nonnull(strstr(v.text.data, "json.syntax")); /* unfinished */
    verdict_release(&v);
    v = repeated(f.plan, &limits, "", "[", 65, "");
    ck_assert_ptr_nonnull(strstr(v.text.data, "json.depth"));
    verdict_release(&v);
    v = repeated(f.plan, &limits, "", "[", 10000, "");
    ck_assert_ptr_nonnull(strstr(v.text.data, "json.depth"));
    ck_assert_uint_lt(v.memory, 128 * 1024);
    verdict_release(&v);
    fixture_release(&f);
}
END_TEST

START_TEST(members_have_a_limit)
{
    struct schema_limits limits = limits_default();
    struct fixture f;
    struct verdict v;
    struct buffer body;
    size_t i;

    fixture_init(&f, "{\"additionalProperties\":{\"type\":\"integer\"}}");
    for (limits.max_members = 1; limits.max_members < 2000;
         limits.max_members += limits.max_members / 4 + 1) {
        buffer_init(&body, 1024 * 1024);
        CHECK(buffer_append_str(&body, "{") == STATUS_OK);
        for (i = 0; i < limits.max_members; i++)
            CHECK(buffer_printf(&body, "%s\"%s%zu\":1", i ? "," : "",
                                i % 3 ? "" : "a name longer than its print ",
                                i) == STATUS_OK);
        CHECK(buffer_append_str(&body, "}") == STATUS_OK);
        v = validate_cut(f.plan, &limits, buffer_text(&body), 0, 100);
        ck_assert_msg(v.status == STATUS_OK && v.count == 0, "%s", v.text.data);
        verdict_release(&v);
        /* One more, and one that was there. */
        buffer_truncate(&body, body.len - 1);
        CHECK(buffer_append_str(&body, ",\"more\":1}") == STATUS_OK);
        v = validate_cut(f.plan, &limits, buffer_text(&body), 0, 100);
        ck_assert_ptr_nonnull(strstr(v.text.data, "-1  json.too_many_members"));
        verdict_release(&v);
        limits.max_members++;
        buffer_truncate(&body, body.len - strlen("\"more\":1}"));
        CHECK(buffer_append_str(
                  &body, "\"a name longer than its print 0\":1}") == STATUS_OK);
        v = validate_cut(f.plan, &limits, buffer_text(&body), 0, 100);
        ck_assert_ptr_nonnull(strstr(v.text.data, "json.duplicate_key"));
        verdict_release(&v);
        buffer_release(&body);
    }
    fixture_release(&f);
}
END_TEST

START_TEST(a_million_keys_end_at_the_limit)
{
    struct schema_limits limits = limits_default();
    struct fixture f;
    struct verdict v;
    struct buffer body;
    size_t i;

    fixture_init(&f, "true");
    buffer_init(&body, 32 * 1024 * 1024);
    CHECK(buffer_append_str(&body, "{") == STATUS_OK);
    for (i = 0; i < 1000000; i++)
        CHECK(buffer_printf(&body, "\"%zx\":0,", i) == STATUS_OK);
    v = validate_cut(f.plan, &limits, buffer_text(&body), 0, 16384);
    ck_assert_ptr_nonnull(strstr(v.text.data, "json.too_many_members"));
    ck_assert_uint_lt(v.memory, 256 * 1024);
    verdict_release(&v);
    buffer_release(&body);
    fixture_release(&f);
}
END_TEST

/* The record shows names of the contract, and none that a client chose: that
 * of the member which is twice, not of the one before it. */
START_TEST(a_member_that_is_twice_is_recorded_by_its_own_name)
{
    static const struct {
        const char *body, *says;
    } rows[] = {
        {"{\"mine\":1,\"to\":[],\"mine\":2}",
         "-1 /mine json.duplicate_key the object has this member twice "
         "recorded as /*\n"},
        {"{\"from\":\"a\",\"zz\":1,\"from\":\"b\"}",
         "-1 /from json.duplicate_key the object has this member twice\n"},
        {"{\"to\":3,\"mine\":1,\"to\":[]}",
         "-1 /to json.duplicate_key the object has this member twice\n"},
        {"{\"to\":3,\"mine\":1,\"from\":\"a\",\"mine\":[]}",
         "-1 /mine json.duplicate_key the object has this member twice "
         "recorded as /*\n"},
    };
    struct fixture f;

    fixture_init(&f, "{\"properties\":{\"to\":{\"type\":\"array\"},"
                     "\"from\":{\"type\":\"string\"}}}");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct verdict v = validate(f.plan, text_of(rows[i].body));

        ck_assert_msg(strstr(v.text.data, rows[i].says) != NULL, "%s: %s",
                      rows[i].body, v.text.data);
        verdict_release(&v);
    }
    fixture_release(&f);
}
END_TEST

START_TEST(the_same_key_in_another_object_is_another)
{
    struct fixture f;
    struct verdict v;

    fixture_init(&f, "true");
    v = validate(f.plan, TEXT_LIT("{\"a\":{\"a\":1,\"b\":[{\"a\":2},{\"a\":3}"
                                  "]},\"b\":{\"\":0,\"b\":1},\"\":{}}"));
    ck_assert_int_eq(v.status, STATUS_OK);
    verdict_release(&v);
    v = validate(f.plan, TEXT_LIT("{\"a\":{\"a\":1},\"\\u0061\":1}"));
    ck_assert_ptr_nonnull(strstr(v.text.data, "-1 /a json.duplicate_key"));
    verdict_release(&v);
    v = validate(f.plan, TEXT_LIT("{\"\":1,\"\":2}"));
    ck_assert_ptr_nonnull(strstr(v.text.data, "-1 / json.duplicate_key"));
    verdict_release(&v);
    fixture_release(&f);
}
END_TEST

START_TEST(long_items_are_too_large_to_compare)
{
    struct schema_limits limits = limits_default();
    struct fixture f;
    struct verdict v;

    fixture_init(&f, "{\"uniqueItems\":true}");
    v = repeated(f.plan, &limits, "[0", ",[1]", 1023, "]");
    ck_assert_ptr_nonnull(strstr(v.text.data, "equal items, at 1 and 2"));
    verdict_release(&v);
    fixture_release(&f);
    fixture_init(&f, "{\"uniqueItems\":true,\"items\":{\"const\":{\"a\":[]}}}");
    v = repeated(f.plan, &limits, "[{\"a\":[0", ",\"0123456789abcdef\"", 30000,
                 "]}]");
    ck_assert_ptr_nonnull(strstr(v.text.data, "too large"));
    ck_assert_uint_lt(v.memory, 1024 * 1024);
    verdict_release(&v);
    fixture_release(&f);
}
END_TEST

START_TEST(unique_items_are_compared_up_to_a_number)
{
    struct schema_limits limits = limits_default();
    struct fixture f;
    struct verdict v;
    struct buffer body;
    int i, n;

    fixture_init(&f, "{\"uniqueItems\":true}");
    for (n = 1024; n <= 1025; n++) {
        buffer_init(&body, 65536);
        for (i = 0; i < n; i++)
            CHECK(buffer_printf(&body, "%c%d", i ? ',' : '[', i) == STATUS_OK);
        CHECK(buffer_append_str(&body, "]") == STATUS_OK);
        v = validate_cut(f.plan, &limits, buffer_text(&body), 0, 1000);
        ck_assert_uint_eq(v.count, n == 1025);
        if (n == 1025)
            ck_assert_ptr_nonnull(strstr(v.text.data, "too many"));
        verdict_release(&v);
        buffer_release(&body);
    }
    fixture_release(&f);
}
END_TEST

START_TEST(patterns_have_a_budget_for_the_whole_body)
{
    struct schema_limits limits = limits_default();
    struct fixture f;
    struct verdict v;

    limits.pattern_steps = 100000;
    fixture_init(&f, "{\"items\":{\"pattern\":\"^(a|a|b?)*c$\"}}");
    v = repeated(f.plan, &limits, "[\"c\"", ",\"aaaaac\"", 10, "]");
    ck_assert_uint_eq(v.count, 0);
    verdict_release(&v);
    v = repeated(f.plan, &limits, "[\"c\"", ",\"aaaaaaaaaaaaaaaaaaaaaa!c\"", 1,
                 "]");
    ck_assert_int_eq(v.status, STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(v.text.data, "-1 /1 pattern.limit"));
    verdict_release(&v);
    fixture_release(&f);
}
END_TEST

/* Every level in two branches that refer to the whole again: without sharing
 * that would be 2^64 insts. */
START_TEST(recursion_in_branches_does_not_grow)
{
    static const char schema[] =
        "{\"anyOf\":[{\"properties\":{\"a\":{\"$ref\":\"#\"}}},{\"properties\":"
        "{\"a\":{\"allOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"}]}},\"required\":["
        "\"b\"]}]}";
    struct schema_limits limits = limits_default();
    struct fixture f;
    struct verdict v;

    fixture_init(&f, schema);
    v = repeated(f.plan, &limits, "", "{\"a\":", 63, "7");
    ck_assert_uint_lt(v.memory, 256 * 1024);
    verdict_release(&v);
    fixture_release(&f);
}
END_TEST

/* ---- parameters ---- */

static struct verdict values(const char *schema, const char *const *list,
                             size_t n)
{
    struct schema_limits limits = limits_default();
    struct schema_run *run;
    struct text texts[8];
    struct fixture f;
    struct verdict v;
    enum status status;
    size_t i;

    fixture_init(&f, schema);
    ck_assert_msg(f.plan != NULL, "%s", schema);
    for (i = 0; i < n; i++)
        texts[i] = text_of(list[i]);
    run = schema_run_new(f.plan, &limits);
    CHECK(run);
    status = schema_run_values(run, texts, n);
    v = verdict_of(run, status);
    schema_run_free(run);
    fixture_release(&f);
    return v;
}

static void check_value(const char *schema, const char *value,
                        const char *found)
{
    struct verdict v = values(schema, &value, 1);

    if (*found ? !strstr(v.text.data, found) : v.count != 0)
        ck_abort_msg("%s %s: %s", schema, value, v.text.data);
    verdict_release(&v);
}

START_TEST(parameters_have_types)
{
    static const char *const two[] = {"1", "x"};
    struct verdict v;

    check_value("{\"type\":\"integer\",\"maximum\":100}", "7", "");
    check_value("{\"type\":\"integer\",\"maximum\":100}", "101", "maximum");
    check_value("{\"type\":\"integer\"}", "07", "type");
    check_value("{\"type\":\"integer\"}", "", "type");
    check_value("{\"type\":\"integer\"}", "1.5", "type");
    check_value("{\"type\":\"boolean\"}", "true", "");
    check_value("{\"type\":\"boolean\"}", "True", "type");
    check_value("{\"type\":[\"boolean\",\"null\"]}", "null", "");
    check_value("{\"type\":\"string\"}", "true", "");
    check_value("{\"type\":[\"string\",\"integer\"],\"minLength\":2}", "7",
                "minLength");
    check_value("{\"maxLength\":2}", "777", "maxLength");
    check_value("{\"type\":\"string\"}", "\xff", "json.utf8");
    check_value("{\"type\":\"string\"}", "\xc3", "json.utf8");
    check_value("{\"type\":\"string\"}", "\xed\xa0\x80", "json.utf8");
    v = values("{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}", two, 2);
    ck_assert_str_eq(v.text.data,
                     "ok\n0 /1 type must be an integer, not a string\n");
    verdict_release(&v);
    v = values("{\"type\":\"array\",\"minItems\":1}", NULL, 0);
    ck_assert_uint_eq(v.count, 1);
    verdict_release(&v);
}
END_TEST

UNIT_MAIN("schema/run", each_use_has_its_own_violations,
          a_plan_without_uses_still_wants_json,
          sixteen_are_kept_and_all_counted,
          broken_is_known_as_soon_as_it_is_certain, taps_give_what_passed,
          taps_have_bounds, a_nul_in_an_identifier_is_refused,
          pointers_are_cut_and_records_name_no_client_keys, depth_has_a_limit,
          members_have_a_limit, a_million_keys_end_at_the_limit,
          a_member_that_is_twice_is_recorded_by_its_own_name,
          the_same_key_in_another_object_is_another,
          long_items_are_too_large_to_compare,
          unique_items_are_compared_up_to_a_number,
          patterns_have_a_budget_for_the_whole_body,
          recursion_in_branches_does_not_grow, parameters_have_types)
