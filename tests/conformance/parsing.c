/* SPDX-License-Identifier: Apache-2.0
 *
 * JSONTestSuite's test_parsing (see json-parsing/LICENSE), through a run
 * with no schema and through the scan and yajl alone, whole, byte by byte,
 * and cut in odd places: what must be accepted is, what must be refused is,
 * and what the suite leaves open is decided here. Of what must be accepted
 * two files are refused by decision: they have a member twice, which two
 * parsers could understand in two ways.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <yajl/yajl_parse.h>

#include "base/check.h"
#include "schema/run.h"
#include "schema/scan.h"

#define SUITE TOP_SRCDIR "/tests/conformance/json-parsing"
#define SUITE_FILES 318
#define DUPLICATE "y_object_duplicated_key"

/* What the suite leaves open. NULL: accepted. */
static const struct decision {
    const char *file, *rule, *reason;
} decisions[] = {
    {"i_number_double_huge_neg_exp.json", NULL,
     "numbers are compared in decimal: no exponent is too small"},
    {"i_number_huge_exp.json", NULL, "nor too large"},
    {"i_number_neg_int_huge_exp.json", NULL, "nor too large"},
    {"i_number_pos_double_huge_exp.json", NULL, "nor too large"},
    {"i_number_real_neg_overflow.json", NULL, "nothing overflows"},
    {"i_number_real_pos_overflow.json", NULL, "nothing overflows"},
    {"i_number_real_underflow.json", NULL, "nothing underflows"},
    {"i_number_too_big_neg_int.json", NULL, "nothing overflows"},
    {"i_number_too_big_pos_int.json", NULL, "nothing overflows"},
    {"i_number_very_big_negative_int.json", NULL, "nothing overflows"},
    {"i_object_key_lone_2nd_surrogate.json", "json.escape",
     "half a character: parsers would make different keys of it"},
    {"i_string_1st_surrogate_but_2nd_missing.json", "json.escape",
     "half a character"},
    {"i_string_1st_valid_surrogate_2nd_invalid.json", "json.escape",
     "half a character"},
    {"i_string_UTF-16LE_with_BOM.json", "json.utf8",
     "JSON between systems is UTF-8 (RFC 8259 section 8.1)"},
    {"i_string_UTF-8_invalid_sequence.json", "json.utf8", "not UTF-8"},
    {"i_string_UTF8_surrogate_U+D800.json", "json.utf8",
     "surrogates have no UTF-8 form (RFC 3629 section 3)"},
    {"i_string_incomplete_surrogate_and_escape_valid.json", "json.escape",
     "half a character"},
    {"i_string_incomplete_surrogate_pair.json", "json.escape",
     "half a character"},
    {"i_string_incomplete_surrogates_escape_valid.json", "json.escape",
     "half a character"},
    {"i_string_invalid_lonely_surrogate.json", "json.escape",
     "half a character"},
    {"i_string_invalid_surrogate.json", "json.escape", "half a character"},
    {"i_string_invalid_utf-8.json", "json.utf8", "not UTF-8"},
    {"i_string_inverted_surrogates_U+1D11E.json", "json.escape",
     "two halves in the wrong order"},
    {"i_string_iso_latin_1.json", "json.utf8", "not UTF-8"},
    {"i_string_lone_second_surrogate.json", "json.escape", "half a character"},
    {"i_string_lone_utf8_continuation_byte.json", "json.utf8", "not UTF-8"},
    {"i_string_not_in_unicode_range.json", "json.utf8",
     "nothing is above U+10FFFF"},
    {"i_string_overlong_sequence_2_bytes.json", "json.utf8",
     "an overlong form hides a character from filters"},
    {"i_string_overlong_sequence_6_bytes.json", "json.utf8", "overlong"},
    {"i_string_overlong_sequence_6_bytes_null.json", "json.utf8", "overlong"},
    {"i_string_truncated-utf-8.json", "json.utf8", "not UTF-8"},
    {"i_string_utf16BE_no_BOM.json", "json.syntax", "NUL begins no token"},
    {"i_string_utf16LE_no_BOM.json", "json.syntax", "NUL begins no token"},
    {"i_structure_500_nested_arrays.json", "json.depth",
     "deeper than any body of the API; 64 is the limit"},
    {"i_structure_UTF-8_BOM_empty_object.json", "json.utf8",
     "no byte order mark may be sent (RFC 8259 section 8.1)"},
};

static const struct decision *decision_of(const char *file)
{
    for (size_t i = 0; i < ARRAY_LEN(decisions); i++)
        if (strcmp(decisions[i].file, file) == 0)
            return &decisions[i];
    return NULL;
}

static char *read_file(const char *name, size_t *len)
{
    char path[1024], *data = NULL;
    FILE *f;
    long size;

    snprintf(path, sizeof(path), "%s/%s", SUITE, name);
    f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 &&
        fseek(f, 0, SEEK_SET) == 0 && (data = malloc((size_t)size + 1)))
        *len = fread(data, 1, (size_t)size, f);
    if (!data || ferror(f)) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(EXIT_FAILURE);
    }
    fclose(f);
    return data;
}

static struct schema_limits limits;
static const struct schema_plan *plan; /* that asks for nothing but JSON */

static enum status feed_yajl(void *arg, const char *data, size_t len)
{
    return yajl_parse(arg, (const unsigned char *)data, len) == yajl_status_ok
               ? STATUS_OK
               : STATUS_INVALID;
}

/* NULL when accepted, else the rule. */
static const char *parse(const char *data, size_t len, size_t step)
{
    struct scan_limits scan_limits = {limits.max_depth, limits.max_token_bytes,
                                      limits.max_number_bytes};
    yajl_handle yajl = yajl_alloc(NULL, NULL, NULL);
    struct scan s;
    enum status status = STATUS_OK;
    const char *rule = NULL;

    if (!yajl)
        exit(EXIT_FAILURE);
    scan_init(&s, &scan_limits, feed_yajl, yajl);
    for (size_t at = 0; at < len && status == STATUS_OK; at += step)
        status = scan_feed(&s, data + at, step < len - at ? step : len - at);
    if (status == STATUS_OK)
        status = scan_finish(&s);
    if (status != STATUS_OK)
        rule = scan_rule(&s) ? scan_rule(&s) : "json.syntax";
    else if (yajl_complete_parse(yajl) != yajl_status_ok)
        rule = "json.syntax";
    scan_release(&s);
    yajl_free(yajl);
    return rule;
}

/* A text that outlives the run. */
static const char *known_rule(const char *rule)
{
    static const char *const rules[] = {
        "json.depth",  "json.duplicate_key",  "json.empty", "json.escape",
        "json.syntax", "json.token_too_long", "json.utf8"};

    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (strcmp(rules[i], rule) == 0)
            return rules[i];
    return "a rule that nobody knows";
}

/* The same by a run. */
static const char *validate(const char *data, size_t len, size_t step)
{
    struct schema_run *run = schema_run_new(plan, &limits);
    const struct schema_violation *v;
    enum status status = STATUS_OK;
    const char *rule = NULL;

    if (!run)
        exit(EXIT_FAILURE);
    for (size_t at = 0; at < len && status == STATUS_OK; at += step)
        status =
            schema_run_feed(run, data + at, step < len - at ? step : len - at);
    if (status == STATUS_OK)
        status = schema_run_finish(run);
    if (status != STATUS_OK)
        rule = status == STATUS_INVALID && schema_run_violations(run, &v) == 1
                   ? known_rule(v->rule)
                   : "no violation that says why";
    schema_run_free(run);
    return rule;
}

static bool is_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_right(const char *file)
{
    static const size_t steps[] = {1, 2, 3, 7, 64, 1000};
    const struct decision *d = decision_of(file);
    size_t len = 0;
    char *data = read_file(file, &len);
    const char *rule = validate(data, len, len + 1), *wrong = NULL;
    const char *parsed = parse(data, len, len + 1);
    bool is_duplicate = strncmp(file, DUPLICATE, strlen(DUPLICATE)) == 0;

    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        if (!is_same(rule, validate(data, len, steps[i])) ||
            !is_same(parsed, parse(data, len, steps[i])))
            wrong = "the verdict depends on how the text is cut";
    free(data);
    if (!is_same(rule, parsed) && !is_duplicate)
        wrong = "a run says something else than its scan and yajl";
    else if (is_duplicate && (parsed || !is_same(rule, "json.duplicate_key")))
        wrong = "a member is there twice, and only a run may say so";
    else if (file[0] == 'y' && rule && !is_duplicate)
        wrong = "refused, and must be accepted";
    else if (file[0] == 'n' && !rule)
        wrong = "accepted, and must be refused";
    else if (file[0] == 'i' && !d)
        wrong = "nothing is decided about it";
    else if (file[0] == 'i' && !is_same(rule, d->rule))
        wrong = d->reason;
    if (wrong)
        printf("%s: %s (%s)\n", file, wrong, rule ? rule : "accepted");
    return !wrong;
}

static int is_test(const struct dirent *entry)
{
    return strchr("yni", entry->d_name[0]) && entry->d_name[1] == '_';
}

int main(void)
{
    struct dirent **files;
    int count = scandir(SUITE, &files, is_test, alphasort), right = 0;
    struct schema_set *set = schema_set_new();

    if (count < 0) {
        perror(SUITE);
        return EXIT_FAILURE;
    }
    schema_limits_default(&limits);
    plan = set ? schema_plan_new(set, NULL, 0, NULL, 0) : NULL;
    if (!plan)
        return EXIT_FAILURE;
    for (int i = 0; i < count; i++) {
        right += is_right(files[i]->d_name);
        free(files[i]);
    }
    free(files);
    schema_set_free(set);
    printf("parsing: %d files, %d right\n", count, right);
    return right == count && count == SUITE_FILES ? EXIT_SUCCESS : EXIT_FAILURE;
}
