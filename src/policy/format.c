/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/format.c - a policy's form, checked by the schema that ships.
 *
 * policies/policy.schema.json describes the format to editors. The same text
 * is built into the program and every *.policy.json is run through it as a
 * body would be, so that the two can never say different things.
 *
 * A violation carries a JSON Pointer; the parsed file says at which line that
 * is.
 */
#include "policy/organisation.h"

#include <stdlib.h>

#include "base/check.h"
#include "schema/run.h"

static const char format_text[] =
#include "src/policy/policy_schema.inc"
    ;

struct format {
    struct schema_set *set;
    struct json_document *doc;
    const struct schema_plan *plan;
    struct schema_limits limits;
    struct schema_run *run;
};

/* The schema is ours, so a problem in it is a defect of this build. */
static enum status open_format(struct policy_loader *l, struct format *f)
{
    struct schema_source source = {.dialect = SCHEMA_JSON};
    struct schema_use use;
    enum status s;

    s = json_parse(text_make(format_text, sizeof(format_text) - 1),
                   "policy.schema.json", 0, l->problems, &f->doc);
    if (s != STATUS_OK)
        return s;
    f->set = schema_set_new();
    if (!f->set)
        return STATUS_NO_MEMORY;
    source.doc = f->doc;
    source.root = f->doc->root;
    s = schema_compile(f->set, &source, f->doc->root, l->problems, &use.schema);
    if (s != STATUS_OK)
        return s;
    f->plan = schema_plan_new(f->set, &use, 1, NULL, 0);
    schema_limits_default(&f->limits);
    /* A policy's own body may be a long schema. */
    f->limits.max_depth = 128;
    f->limits.max_members = 100000;
    f->limits.max_token_bytes = 1u << 20;
    f->run = f->plan ? schema_run_new(f->plan, &f->limits) : NULL;
    return f->run ? STATUS_OK : STATUS_NO_MEMORY;
}

static void close_format(struct format *f)
{
    schema_run_free(f->run);
    schema_set_free(f->set);
    json_free(f->doc);
}

/* Left to the compilers, which say what would be right. */
static bool is_left(const struct schema_violation *v)
{
    static const char *const rules[] = {"additionalProperties", "pattern",
                                        "minimum", "maximum"};

    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (strcmp(v->rule, rules[i]) == 0)
            return true;
    return false;
}

static enum status report(struct policy_loader *l,
                          const struct policy_file *file,
                          const struct schema_run *run, size_t *left)
{
    const struct schema_violation *v;
    size_t count = schema_run_violations(run, &v);
    enum status s = STATUS_OK;

    for (size_t i = 0; i < count; i++) {
        const struct json_value *at =
            json_at(file->doc->root, text_of(v[i].pointer));

        if (is_left(&v[i])) {
            (*left)++;
            continue;
        }
        s = STATUS_INVALID;
        json_problem(l->problems, file->doc, at ? at : file->doc->root, "%s",
                     v[i].message);
    }
    return s;
}

enum status policy_format_check(struct policy_loader *l,
                                const struct policy_file *file, size_t *left)
{
    struct format f = {0};
    enum status s = open_format(l, &f);

    if (s == STATUS_OK)
        s = schema_run_feed(f.run, file->bytes.data, file->bytes.len);
    if (s == STATUS_OK)
        s = schema_run_finish(f.run);
    if (f.run && (s == STATUS_OK || s == STATUS_INVALID))
        s = report(l, file, f.run, left);
    close_format(&f);
    return s;
}
