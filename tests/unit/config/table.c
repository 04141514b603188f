/* SPDX-License-Identifier: Apache-2.0 */
#include "config/table.h"
#include "base/check.h"
#include "base/json.h"
#include "config/config.h"
#include "unit.h"

#define SAMPLE TOP_SRCDIR "/deploy/chatgate.json"

static struct config *load(const char *file)
{
    const struct config_source source = {.file = file};
    struct config *cfg = NULL;
    struct problems p;

    problems_init(&p);
    if (config_load(&source, &p, &cfg) != STATUS_OK)
        ck_abort_msg("%s:%d: %s", p.list[0].file, p.list[0].line,
                     p.list[0].message);
    problems_release(&p);
    return cfg;
}

/* "upstream.url" in a document. */
static const struct json_value *lookup(const struct json_value *root,
                                       const char *name)
{
    struct text head, member = text_cut(text_of(name), '.', &head);

    if (text_is_absent(member))
        return json_get_text(root, head);
    return json_get_text(json_get_text(root, head), member);
}

START_TEST(the_sample_has_every_key_and_only_defaults)
{
    struct config *sample = load(SAMPLE), *defaults = load(NULL);
    struct json_document *doc = NULL;
    struct problems p;

    problems_init(&p);
    ck_assert_int_eq(json_load(SAMPLE, JSON_COMMENTS, &p, &doc), STATUS_OK);
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *k = &config_keys[i];

        ck_assert_msg(lookup(doc->root, k->name) != NULL,
                      "%s is not in the sample", k->name);
        ck_assert_msg(config_key_equal(k, sample, defaults),
                      "%s differs from its default", k->name);
    }
    json_free(doc);
    problems_release(&p);
    config_free(sample);
    config_free(defaults);
}
END_TEST

START_TEST(rows_are_complete)
{
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *k = &config_keys[i];

        ck_assert_ptr_nonnull(k->initial);
        ck_assert_ptr_nonnull(k->prose);
        ck_assert_ptr_eq(config_key_find(text_of(k->name)), k);
        ck_assert_uint_lt(k->offset, sizeof(struct config));
        if (k->type == CONFIG_WORD)
            ck_assert_ptr_nonnull(k->words[0]);
        if (k->type == CONFIG_INTEGER || k->type == CONFIG_SIZE ||
            k->type == CONFIG_DURATION)
            ck_assert_int_lt(k->least, k->most);
        for (size_t other = 0; other < i; other++) {
            ck_assert_uint_ne(config_keys[other].offset, k->offset);
            ck_assert_str_ne(config_keys[other].name, k->name);
        }
    }
    ck_assert_ptr_null(config_key_find(TEXT_LIT("upstream")));
    ck_assert_ptr_null(config_key_find(TEXT_LIT("")));
}
END_TEST

START_TEST(variables_are_named_after_keys)
{
    char name[CONFIG_NAME_SIZE], other[CONFIG_NAME_SIZE];

    config_key_environment(config_key_find(TEXT_LIT("upstream.keep_idle")),
                           name);
    ck_assert_str_eq(name, "CHATGATE_UPSTREAM_KEEP_IDLE");
    config_key_environment(config_key_find(TEXT_LIT("log_level")), name);
    ck_assert_str_eq(name, "CHATGATE_LOG_LEVEL");
    for (size_t i = 0; i < config_key_count; i++) {
        config_key_environment(&config_keys[i], name);
        for (size_t k = 0; k < i; k++) {
            config_key_environment(&config_keys[k], other);
            ck_assert_str_ne(name, other);
        }
    }
}
END_TEST

START_TEST(the_manual_has_a_row_for_each_key)
{
    char *out = NULL, wanted[128];
    size_t size, lines = 0;
    FILE *f = open_memstream(&out, &size);

    config_print_keys(f);
    fclose(f);
    for (size_t i = 0; i < size; i++)
        lines += out[i] == '\n';
    ck_assert_uint_eq(lines, config_key_count + 2);
    for (size_t i = 0; i < config_key_count; i++) {
        snprintf(wanted, sizeof(wanted), "\n| `%s` | `", config_keys[i].name);
        ck_assert_ptr_nonnull(strstr(out, wanted));
    }
    ck_assert_ptr_nonnull(strstr(out,
                                 "| `limits.max_body` | `\"8MiB\"` | yes | "
                                 "`CHATGATE_LIMITS_MAX_BODY` |"));
    ck_assert_ptr_nonnull(strstr(out, "| `listen` | `[\"127.0.0.1:8080\"]` |"));
    ck_assert_ptr_nonnull(strstr(out, "| `trusted_proxies` | `[]` |"));
    ck_assert_ptr_nonnull(strstr(out, "| `redis.url` | `null` |  |"));
    ck_assert_ptr_nonnull(strstr(out, "| `audit.fsync` | `\"none\"` |"));
    free(out);
}
END_TEST

START_TEST(quantities_are_written_as_people_do)
{
    const struct config_key *time = config_key_find(TEXT_LIT("redis.timeout"));
    const struct config_key *size =
        config_key_find(TEXT_LIT("limits.max_body"));
    const struct config_key *count = config_key_find(TEXT_LIT("workers"));
    char out[32];

    ck_assert_str_eq(config_key_quantity(time, 0, out), "0s");
    ck_assert_str_eq(config_key_quantity(time, 50000, out), "50ms");
    ck_assert_str_eq(config_key_quantity(time, 90000000, out), "90s");
    ck_assert_str_eq(config_key_quantity(time, INT64_C(86400000000), out),
                     "1d");
    ck_assert_str_eq(config_key_quantity(size, 1, out), "1");
    ck_assert_str_eq(config_key_quantity(size, 1536, out), "1536");
    ck_assert_str_eq(config_key_quantity(size, 8 << 20, out), "8MiB");
    ck_assert_str_eq(config_key_quantity(count, 1024, out), "1024");
}
END_TEST

START_TEST(distances_count_mistakes)
{
    static const struct {
        const char *a, *b;
        size_t distance;
    } cases[] = {
        {"", "", 0},
        {"", "abc", 3},
        {"abc", "", 3},
        {"url", "url", 0},
        {"url", "urll", 1},
        {"url", "ur", 1},
        {"url", "irl", 1},
        {"url", "rul", 1}, /* two letters swapped */
        {"timeout", "tmieuot", 2},
        {"abc", "xyz", 3},
        {"ca", "abc", 3},
    };
    char longest[100];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ck_assert_uint_eq(
            config_name_distance(text_of(cases[i].a), text_of(cases[i].b)),
            cases[i].distance);
        ck_assert_uint_eq(
            config_name_distance(text_of(cases[i].b), text_of(cases[i].a)),
            cases[i].distance);
    }
    memset(longest, 'x', sizeof(longest));
    ck_assert_uint_eq(
        config_name_distance(text_make(longest, 65), TEXT_LIT("url")),
        SIZE_MAX);
    ck_assert_uint_eq(
        config_name_distance(text_make(longest, 64), text_make(longest, 64)),
        0);
}
END_TEST

UNIT_MAIN("table", the_sample_has_every_key_and_only_defaults,
          rows_are_complete, variables_are_named_after_keys,
          the_manual_has_a_row_for_each_key,
          quantities_are_written_as_people_do, distances_count_mistakes)
