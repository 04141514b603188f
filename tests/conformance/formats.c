/* SPDX-License-Identifier: Apache-2.0
 *
 * The optional/format part of the JSON Schema test suite, draft 2020-12 (see
 * json-schema-format/LICENSE): every verdict about a string.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/json.h"
#include "schema/format.h"

#define SUITE TOP_SRCDIR "/tests/conformance/json-schema-format/"

static const char *const files[] = {"date-time", "date", "email", "hostname",
                                    "ipv4",      "ipv6", "uri",   "uuid"};
#define SUITE_TESTS 362

struct count {
    int tests, right;
};

static void run_group(const struct json_value *group, struct count *n)
{
    const struct json_value *tests = json_get(group, "tests");
    struct text name = json_get(json_get(group, "schema"), "format")->text;
    const struct schema_format *f = schema_format_find(name);

    for (size_t i = 0; i < tests->count; i++) {
        const struct json_value *data = json_get(tests->items[i], "data");
        bool want = json_get(tests->items[i], "valid")->boolean;
        /* A format of strings says yes to everything else. */
        bool got = f && (data->type != JSON_STRING || f->matches(data->text));

        n->tests++;
        n->right += got == want;
        if (got != want)
            printf("%.*s: %.*s: should%s match: %s\n", TEXT_ARG(name),
                   TEXT_ARG(data->text), want ? "" : " not",
                   json_get(tests->items[i], "description")->text.data);
    }
}

int main(void)
{
    struct count n = {0, 0};

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct problems problems;
        struct json_document *doc;
        char path[1024];

        problems_init(&problems);
        snprintf(path, sizeof(path), "%s%s.json", SUITE, files[i]);
        if (json_load(path, 0, &problems, &doc) != STATUS_OK) {
            problems_print(&problems, stderr);
            return EXIT_FAILURE;
        }
        for (size_t k = 0; k < doc->root->count; k++)
            run_group(doc->root->items[k], &n);
        json_free(doc);
        problems_release(&problems);
    }
    printf("formats: %d tests, %d right\n", n.tests, n.right);
    return n.right == n.tests && n.tests == SUITE_TESTS ? EXIT_SUCCESS
                                                        : EXIT_FAILURE;
}
