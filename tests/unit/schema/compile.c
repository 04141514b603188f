/* SPDX-License-Identifier: Apache-2.0
 *
 * What is not enforced is a problem, with its place and, where there is one,
 * the keyword that was probably meant.
 */
#include "tests/unit/schema/validate.h"
#include "tests/unit/unit.h"

static const struct {
    const char *schema;
    const char *problem; /* "line:column: part of the message" */
} rows[] = {
    /* unknown and misspelt keywords */
    {"{\"maxLenght\":1}",
     "1:2: /maxLenght: unknown keyword \"maxLenght\", did you mean "
     "\"maxLength\"?"},
    {"{\"Type\":1}", "did you mean \"type\"?"},
    {"{\"requierd\":[]}", "did you mean \"required\"?"},
    {"{\"x-part\":{}}", "did you mean \"x-parts\"?"},
    {"{\"x-decoration\":{}}", "did you mean \"x-decorations\"?"},
    {"{\"x-go-name\":\"a\"}", "unknown keyword \"x-go-name\""},
    {"{\"properties\":{\"a\":{\n  \"frobnicate\":1}}}",
     "2:3: /properties/a/frobnicate: unknown keyword \"frobnicate\""},
    {"{\"$defs\":{\"a\":{\"nope\":1}},\"$ref\":\"#/$defs/a\"}",
     "/$defs/a/nope: unknown keyword \"nope\""},
    {"{\"definitions\":{}}", "write \"$defs\""},
    {"{\"dependencies\":{}}", "dependentRequired"},
    {"{\"additionalItems\":false}", "prefixItems"},
    {"{\"id\":\"x\"}", "$id"},
    {"{\"nullable\":true}", "\"null\""},
    {"{\"$dynamicRef\":\"#a\"}", "$dynamicRef"},
    {"{\"$vocabulary\":{}}", "$vocabulary"},
    {"{\"discriminator\":{\"propertyName\":\"a\"}}", "unknown keyword"},
    {"{\"example\":1}", "unknown keyword"},
    {"{\"$schema\":\"http://json-schema.org/draft-07/schema#\"}", "2020-12"},
    /* values of the wrong kind */
    {"7", "a schema is an object, true or false, not a number"},
    {"{\"properties\":{\"a\":null}}", "a schema is an object"},
    {"{\"type\":\"str\"}", "a type is one of"},
    {"{\"type\":[]}", "at least one"},
    {"{\"type\":[\"string\",7]}", "a type is one of"},
    {"{\"enum\":7}", "\"enum\" must be an array"},
    {"{\"minLength\":-1}", "whole number"},
    {"{\"minLength\":1.5}", "whole number"},
    {"{\"minLength\":\"1\"}", "must be a number, not a string"},
    {"{\"minimum\":null}", "must be a number, not null"},
    {"{\"minimum\":1e999999999}", "exponent"},
    {"{\"multipleOf\":0}", "above 0"},
    {"{\"multipleOf\":-2}", "above 0"},
    {"{\"pattern\":7}", "must be a string"},
    {"{\"pattern\":\"(\"}", "the pattern cannot be enforced"},
    {"{\"pattern\":\"(a)\\\\1\"}", "back references"},
    {"{\"patternProperties\":{\"*\":true}}", "the pattern cannot be enforced"},
    {"{\"format\":\"color\"}", "the format \"color\" is not enforced"},
    {"{\"format\":7}", "must be a string"},
    {"{\"required\":\"a\"}", "must list member names"},
    {"{\"required\":[1]}", "must list member names"},
    {"{\"properties\":[]}", "must be an object, not an array"},
    {"{\"dependentRequired\":{\"a\":\"b\"}}", "must list member names"},
    {"{\"dependentSchemas\":[]}", "must be an object"},
    {"{\"items\":[]}", "\"prefixItems\""},
    {"{\"prefixItems\":{}}", "array of schemas"},
    {"{\"prefixItems\":[]}", "array of schemas"},
    {"{\"uniqueItems\":1}", "true or false"},
    {"{\"minContains\":-1}", "whole number"},
    {"{\"allOf\":{}}", "array of schemas"},
    {"{\"anyOf\":[]}", "array of schemas"},
    {"{\"oneOf\":[1]}", "a schema is an object"},
    /* references */
    {"{\"$ref\":\"#/$defs/a\"}", "leads to nothing"},
    {"{\"$ref\":\"#a\"}", "leads to nothing"},
    {"{\"$ref\":\"other.json\"}", "leads out of this document"},
    {"{\"$ref\":\"https://example.com/a#/b\"}", "nothing is fetched"},
    {"{\"$ref\":7}", "URI reference"},
    {"{\"$ref\":\"a b\"}", "URI reference"},
    {"{\"$ref\":\"#\"}", "without end"},
    {"{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},"
     "\"b\":{\"$ref\":\"#/$defs/a\"}}}",
     "without end"},
    {"{\"allOf\":[{\"$ref\":\"#\"}]}", "needs itself"},
    {"{\"anyOf\":[{\"type\":\"null\"},{\"not\":{\"$ref\":\"#\"}}]}",
     "needs itself"},
    {"{\"minLength\":1,\"$ref\":\"#\"}", "needs itself"},
    {"{\"$id\":\"a#b\",\"type\":\"null\"}", "without a fragment"},
    {"{\"$id\":7}", "URI reference"},
    {"{\"$anchor\":7}", "must be a name"},
    /* extensions */
    {"{\"x-parts\":7}", "must be an object"},
    {"{\"x-parts\":{\"alon\":[]}}", "\"alon\" is nothing that \"x-parts\""},
    {"{\"x-parts\":{\"alone\":\"link\"}}", "array of strings"},
    {"{\"x-parts\":{\"max_public_urls\":-1,\"url\":\"url\"}}", "whole number"},
    {"{\"x-parts\":{\"max_public_urls\":1}}", "\"url\" must be given"},
    {"{\"x-decorations\":{}}", "\"text\" must be given"},
    {"{\"x-decorations\":{\"text\":\"a\",\"list\":\"b\",\"range\":7}}",
     "\"range\" must be given"},
    {"{\"x-decorations\":{\"text\":\"a\",\"list\":\"b\",\"range\":\"c\","
     "\"exclusiv\":[]}}",
     "\"exclusiv\" is nothing"},
};

START_TEST(each_mistake_is_told)
{
    size_t i, k;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f;
        bool is_told = false;

        fixture_init(&f, rows[i].schema);
        ck_assert_msg(!f.schema, "%s", rows[i].schema);
        for (k = 0; k < f.problems.count; k++) {
            const struct problem *p = &f.problems.list[k];
            char line[1024];

            ck_assert_str_eq(p->file, "schema.json");
            ck_assert_int_gt(p->line, 0);
            snprintf(line, sizeof(line), "%d:%d: %s", p->line, p->column,
                     p->message);
            is_told |= strstr(line, rows[i].problem) != NULL;
        }
        if (!is_told) {
            problems_print(&f.problems, stderr);
            ck_abort_msg("%s\n%s", rows[i].schema, rows[i].problem);
        }
        fixture_release(&f);
    }
}
END_TEST

START_TEST(all_mistakes_are_told_at_once)
{
    struct fixture f;

    fixture_init(&f, "{\"typ\":1,\"properties\":{\"a\":{\"minimum\":\"1\"},"
                     "\"b\":{\"pattern\":\"[\"}},\"items\":{\"foo\":1}}");
    ck_assert_ptr_null(f.schema);
    ck_assert_uint_eq(f.problems.count, 4);
    fixture_release(&f);
}
END_TEST

START_TEST(openapi_has_keywords_of_its_own)
{
    struct fixture f;

    fixture_taps(&f,
                 "{\"example\":1,\"xml\":{},\"externalDocs\":{},"
                 "\"discriminator\":{\"propertyName\":\"a\"}}",
                 SCHEMA_OPENAPI, "", NULL, 0);
    ck_assert_ptr_nonnull(f.schema);
    fixture_release(&f);
    fixture_taps(&f, "{\"nullable\":true}", SCHEMA_OPENAPI, "", NULL, 0);
    ck_assert_ptr_null(f.schema);
    fixture_release(&f);
    fixture_taps(&f, "{\"discriminator\":{}}", SCHEMA_OPENAPI, "", NULL, 0);
    ck_assert_ptr_null(f.schema);
    fixture_release(&f);
    fixture_taps(&f,
                 "{\"oneOf\":[{\"$ref\":\"#/$defs/a\"},true],\"$defs\":{\"a\":"
                 "{\"type\":\"null\"}},\"discriminator\":{\"propertyName\":"
                 "\"k\",\"mapping\":{\"x\":\"#/$defs/b\"}}}",
                 SCHEMA_OPENAPI, "", NULL, 0);
    ck_assert_ptr_null(f.schema);
    fixture_release(&f);
}
END_TEST

START_TEST(one_value_is_one_schema)
{
    struct fixture f;
    struct schema_source source = {.dialect = SCHEMA_JSON};
    const struct schema *again, *bad;

    fixture_init(&f, "{\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{"
                     "\"$ref\":\"#/properties/a\"},\"c\":{}},\"$defs\":{"
                     "\"d\":{\"nope\":1}}}");
    ck_assert_ptr_nonnull(f.schema);
    source.doc = f.doc;
    source.root = f.doc->root;
    ck_assert_int_eq(
        schema_compile(f.set, &source, f.doc->root, &f.problems, &again),
        STATUS_OK);
    ck_assert_ptr_eq(again, f.schema);
    /* A broken one stays broken, and is told once. */
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(
            schema_compile(f.set, &source,
                           json_at(f.doc->root, TEXT_LIT("/$defs/d")),
                           &f.problems, &bad),
            STATUS_INVALID);
    ck_assert_uint_eq(f.problems.count, 1);
    fixture_release(&f);
}
END_TEST

static unsigned types(const char *schema)
{
    struct fixture f;
    unsigned t;

    fixture_init(&f, schema);
    ck_assert_msg(f.schema != NULL, "%s", schema);
    t = schema_types(f.schema);
    fixture_release(&f);
    return t;
}

START_TEST(types_that_can_pass)
{
    const unsigned any = (1u << (JSON_OBJECT + 1)) - 1;

    ck_assert_uint_eq(types("true"), any);
    ck_assert_uint_eq(types("{\"minLength\":1}"), any);
    ck_assert_uint_eq(types("{\"type\":\"integer\"}"), 1u << JSON_NUMBER);
    ck_assert_uint_eq(types("{\"type\":[\"array\",\"null\"]}"),
                      1u << JSON_ARRAY | 1u << JSON_NULL);
    ck_assert_uint_eq(types("{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{"
                            "\"type\":\"boolean\"}}}"),
                      1u << JSON_BOOL);
    ck_assert_uint_eq(types("{\"allOf\":[{\"type\":[\"number\",\"null\"]},{"
                            "\"type\":[\"integer\",\"string\"]}]}"),
                      1u << JSON_NUMBER);
    ck_assert_uint_eq(types("{\"enum\":[\"a\",null]}"),
                      1u << JSON_STRING | 1u << JSON_NULL);
    ck_assert_uint_eq(types("false"), 0);
}
END_TEST

START_TEST(references_find_their_way)
{
    /* Every one of them means a string. */
    static const char *const schemas[] = {
        "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"type\":\"string\"}}}",
        "{\"$ref\":\"#here\",\"$defs\":{\"a\":{\"$anchor\":\"here\",\"type\":"
        "\"string\"}}}",
        "{\"$id\":\"https://example.com/s/root\",\"$ref\":\"other#/$defs/b\","
        "\"$defs\":{\"a\":{\"$id\":\"other\",\"$defs\":{\"b\":{\"type\":"
        "\"string\"}}}}}",
        "{\"$id\":\"https://example.com/s/root\",\"$ref\":\"../t/./x\","
        "\"$defs\":{\"a\":{\"$id\":\"/t/x\",\"type\":\"string\"}}}",
        "{\"$id\":\"https://example.com/s/root\",\"$ref\":"
        "\"https://example.com/s/root#/$defs/a%25%7E1\",\"$defs\":{\"a%/\":{"
        "\"type\":\"string\"}}}",
        "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},"
        "\"b\":{\"$ref\":\"#/$defs/c\",\"description\":\"alias\"},\"c\":{"
        "\"type\":\"string\"}}}",
    };
    size_t i;

    for (i = 0; i < ARRAY_LEN(schemas); i++) {
        struct fixture f;

        fixture_init(&f, schemas[i]);
        if (!f.schema)
            problems_print(&f.problems, stderr);
        ck_assert_msg(f.schema != NULL, "%s", schemas[i]);
        ck_assert_uint_eq(schema_types(f.schema), 1u << JSON_STRING);
        fixture_release(&f);
    }
}
END_TEST

START_TEST(schemas_may_not_nest_without_end)
{
    struct buffer b;
    struct fixture f;
    int i;

    buffer_init(&b, 1024 * 1024);
    CHECK(buffer_append_str(&b, "{\"$ref\":\"#/$defs/0\",\"$defs\":{") ==
          STATUS_OK);
    for (i = 0; i < 1000; i++)
        CHECK(buffer_printf(&b,
                            "\"%d\":{\"minLength\":1,\"$ref\":\"#/$defs/%d\"},",
                            i, i + 1) == STATUS_OK);
    CHECK(buffer_append_str(&b, "\"1000\":{\"type\":\"null\"}}}") == STATUS_OK);
    fixture_init(&f, b.data);
    ck_assert_ptr_null(f.schema);
    ck_assert_ptr_nonnull(strstr(f.problems.list[0].message, "nest too deep"));
    fixture_release(&f);
    buffer_release(&b);
}
END_TEST

UNIT_MAIN("schema/compile", each_mistake_is_told, all_mistakes_are_told_at_once,
          openapi_has_keywords_of_its_own, one_value_is_one_schema,
          types_that_can_pass, references_find_their_way,
          schemas_may_not_nest_without_end)
