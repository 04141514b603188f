/* SPDX-License-Identifier: Apache-2.0
 *
 * What the README says of keys, refusals and metrics is what the tables say.
 *
 *   tests/unit/gateway/docs --print    the tables, to paste into the README
 */
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/check.h"
#include "config/config.h"
#include "gateway/metrics.h"
#include "http/refusal.h"
#include "unit.h"

static const char *const metrics[] = {
#define X(field, name, type, help) name,
    METRICS(X)
#undef X
};

static const char *const metric_helps[] = {
#define X(field, name, type, help) help,
    METRICS(X)
#undef X
};

static void print_refusals(FILE *to)
{
    fprintf(to, "| name | status | what it says |\n| --- | --- | --- |\n");
    for (int i = 1; i < HTTP_REFUSAL_COUNT; i++) {
        const struct http_refusal_row *row =
            http_refusal_row((enum http_refusal)i);
        fprintf(to, "| `%s` | %d | %s |\n", row->name, row->status, row->text);
    }
}

static void print_metrics(FILE *to)
{
    fprintf(to, "| metric | |\n| --- | --- |\n");
    for (size_t i = 0; i < ARRAY_LEN(metrics); i++)
        fprintf(to, "| `%s` | %s |\n", metrics[i], metric_helps[i]);
}

static char *read_whole(FILE *f)
{
    struct buffer b;
    char chunk[4096];
    size_t n;
    buffer_init(&b, 4 << 20);
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        ck_assert_int_eq(buffer_append(&b, chunk, n), STATUS_OK);
    return b.data;
}

static void expect_in_readme(void (*print)(FILE *to))
{
    FILE *readme = fopen(TOP_SRCDIR "/README.md", "r");
    FILE *table = tmpfile();
    ck_assert_ptr_nonnull(readme);
    ck_assert_ptr_nonnull(table);
    print(table);
    rewind(table);
    char *said = read_whole(readme), *wanted = read_whole(table);
    char *rest = wanted;
    for (char *line = strsep(&rest, "\n"); line != NULL;
         line = strsep(&rest, "\n"))
        ck_assert_msg(strstr(said, line) != NULL,
                      "README.md lacks this line; tests/unit/gateway/docs "
                      "--print prints the tables:\n%s",
                      line);
    free(said);
    free(wanted);
    fclose(readme);
    fclose(table);
}

START_TEST(every_key_of_the_configuration_is_explained)
{
    expect_in_readme(config_print_keys);
}
END_TEST

START_TEST(every_refusal_is_explained)
{
    expect_in_readme(print_refusals);
}
END_TEST

START_TEST(every_metric_is_explained)
{
    expect_in_readme(print_metrics);
}
END_TEST

int main(int argc, char **argv)
{
    const TTest *const tests[] = {
        every_key_of_the_configuration_is_explained,
        every_refusal_is_explained,
        every_metric_is_explained,
    };
    if (argc > 1 && strcmp(argv[1], "--print") == 0) {
        config_print_keys(stdout);
        printf("\n");
        print_refusals(stdout);
        printf("\n");
        print_metrics(stdout);
        return EXIT_SUCCESS;
    }
    return unit_run("docs", tests, sizeof(tests) / sizeof(tests[0]));
}
