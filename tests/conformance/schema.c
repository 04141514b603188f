/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON Schema test suite, draft 2020-12 without its optional part (see
 * json-schema/LICENSE). A group is enforced, and then every verdict must be
 * the suite's, however the text is cut; or it is refused when its schema is
 * compiled, and printed with the reason. Which groups may be refused is
 * decided here: by file, or by a keyword or reference that the reason names.
 */
#include "tests/unit/schema/validate.h"

#define SUITE TOP_SRCDIR "/tests/conformance/json-schema/"
#define SUITE_GROUPS 383

static const char *const files[] = {
    "additionalProperties",
    "allOf",
    "anchor",
    "anyOf",
    "boolean_schema",
    "const",
    "contains",
    "content",
    "default",
    "defs",
    "dependentRequired",
    "dependentSchemas",
    "dynamicRef",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "if-then-else",
    "infinite-loop-detection",
    "items",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "oneOf",
    "pattern",
    "patternProperties",
    "prefixItems",
    "properties",
    "propertyNames",
    "ref",
    "refRemote",
    "required",
    "type",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
    "vocabulary",
};

/* Why a group may be refused: a part of the problem's text. */
static const char *const reasons[] = {
    "$dynamicRef",
    "leads out of this document",
    "only \"https://json-schema.org/draft/2020-12/schema\" is enforced",
};

struct count {
    int groups, enforced, refused, tests, right;
    int refused_for[ARRAY_LEN(reasons)];
    int unexpected;
};

/* ---- values as text again ---- */

static void write_string(struct buffer *to, struct text t)
{
    size_t i;

    CHECK(buffer_append_char(to, '"') == STATUS_OK);
    for (i = 0; i < t.len; i++) {
        uint8_t c = (uint8_t)t.data[i];

        if (c == '"' || c == '\\' || c < ' ')
            CHECK(buffer_printf(to, "\\u%04x", c) == STATUS_OK);
        else
            CHECK(buffer_append_char(to, t.data[i]) == STATUS_OK);
    }
    CHECK(buffer_append_char(to, '"') == STATUS_OK);
}

static void write_value(struct buffer *to, const struct json_value *v)
{
    size_t i;

    switch (v->type) {
    case JSON_NULL:
        CHECK(buffer_append_str(to, "null") == STATUS_OK);
        break;
    case JSON_BOOL:
        CHECK(buffer_append_str(to, v->boolean ? "true" : "false") ==
              STATUS_OK);
        break;
    case JSON_NUMBER:
        CHECK(buffer_append_text(to, v->text) == STATUS_OK);
        break;
    case JSON_STRING:
        write_string(to, v->text);
        break;
    case JSON_ARRAY:
        CHECK(buffer_append_char(to, '[') == STATUS_OK);
        for (i = 0; i < v->count; i++) {
            if (i > 0)
                CHECK(buffer_append_char(to, ',') == STATUS_OK);
            write_value(to, v->items[i]);
        }
        CHECK(buffer_append_char(to, ']') == STATUS_OK);
        break;
    case JSON_OBJECT:
        CHECK(buffer_append_char(to, '{') == STATUS_OK);
        for (i = 0; i < v->count; i++) {
            if (i > 0)
                CHECK(buffer_append_char(to, ',') == STATUS_OK);
            write_string(to, v->members[i].name);
            CHECK(buffer_append_char(to, ':') == STATUS_OK);
            write_value(to, v->members[i].value);
        }
        CHECK(buffer_append_char(to, '}') == STATUS_OK);
        break;
    }
}

/* ---- groups ---- */

static void run_test(const char *file, const struct json_value *group,
                     const struct json_value *test,
                     const struct schema_plan *plan, struct count *n)
{
    bool want = json_get(test, "valid")->boolean, got, same;
    struct schema_limits limits;
    struct verdict whole, bytes;
    struct buffer body;

    schema_limits_default(&limits);
    buffer_init(&body, 1024 * 1024);
    write_value(&body, json_get(test, "data"));
    whole = validate(plan, buffer_text(&body));
    bytes = validate_cut(plan, &limits, buffer_text(&body), 0, 1);
    got = whole.status == STATUS_OK && whole.broken == 0;
    same = strcmp(whole.text.data, bytes.text.data) == 0;
    n->tests++;
    n->right += got == want && same;
    if (got != want || !same)
        printf("WRONG %s: %s: %s: should be %s\n%s%s", file,
               json_get(group, "description")->text.data,
               json_get(test, "description")->text.data,
               want ? "valid" : "invalid", whole.text.data,
               same ? "" : bytes.text.data);
    verdict_release(&whole);
    verdict_release(&bytes);
    buffer_release(&body);
}

static void count_refused(const char *file, const struct json_value *group,
                          const struct problems *problems, struct count *n)
{
    bool is_expected = false;
    size_t i, k;

    n->refused++;
    printf("refused %s: %s\n", file, json_get(group, "description")->text.data);
    for (i = 0; i < problems->count; i++) {
        printf("    %s\n", problems->list[i].message);
        for (k = 0; k < ARRAY_LEN(reasons) && !is_expected; k++) {
            is_expected = strstr(problems->list[i].message, reasons[k]);
            n->refused_for[k] += is_expected;
        }
    }
    n->unexpected += !is_expected;
}

static void run_group(const char *file, const struct json_document *doc,
                      const struct json_value *group, struct count *n)
{
    const struct json_value *schema = json_get(group, "schema");
    const struct json_value *tests = json_get(group, "tests");
    struct schema_source source = {doc, schema, SCHEMA_JSON};
    struct schema_set *set = schema_set_new();
    struct problems problems;
    struct schema_use use;
    size_t i;

    n->groups++;
    problems_init(&problems);
    CHECK(set);
    if (schema_compile(set, &source, schema, &problems, &use.schema) ==
        STATUS_OK) {
        const struct schema_plan *plan = schema_plan_new(set, &use, 1, NULL, 0);

        CHECK(plan);
        n->enforced++;
        for (i = 0; i < tests->count; i++)
            run_test(file, group, tests->items[i], plan, n);
    } else {
        count_refused(file, group, &problems, n);
    }
    problems_release(&problems);
    schema_set_free(set);
}

static void run_file(const char *file, struct count *n)
{
    struct problems problems;
    struct json_document *doc;
    char path[1024];
    size_t i;

    problems_init(&problems);
    snprintf(path, sizeof(path), "%s%s.json", SUITE, file);
    if (json_load(path, 0, &problems, &doc) != STATUS_OK) {
        problems_print(&problems, stderr);
        exit(EXIT_FAILURE);
    }
    for (i = 0; i < doc->root->count; i++) {
        if (strcmp(file, "format") == 0)
            n->groups++; /* wants formats that assert nothing */
        else
            run_group(file, doc, doc->root->items[i], n);
    }
    json_free(doc);
    problems_release(&problems);
}

int main(void)
{
    struct count n = {0};
    size_t i;

    for (i = 0; i < ARRAY_LEN(files); i++)
        run_file(files[i], &n);
    printf("schema: %d groups, %d enforced, %d refused", n.groups, n.enforced,
           n.refused);
    for (i = 0; i < ARRAY_LEN(reasons); i++)
        printf("%s%d: %s", i == 0 ? " (" : "; ", n.refused_for[i], reasons[i]);
    printf("), %d of format.json left out: formats assert here; "
           "%d tests right, %d wrong\n",
           n.groups - n.enforced - n.refused, n.right, n.tests - n.right);
    return n.right == n.tests && n.unexpected == 0 && n.groups == SUITE_GROUPS
               ? EXIT_SUCCESS
               : EXIT_FAILURE;
}
