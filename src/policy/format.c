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

/* Is there an error at the place among the first `count` problems? */
static bool is_told(const struct policy_loader *l, size_t count,
                    const struct policy_file *file, const struct json_value *at)
{
    for (size_t i = 0; i < count; i++) {
        const struct problem *p = &l->problems->list[i];

        if (!p->is_warning && p->line == at->line && p->column == at->column &&
            strcmp(p->file, file->path) == 0)
            return true;
    }
    return false;
}

/* Unknown keys and bad patterns and bounds: check_keys() and the compilers
 * tell those, at the key or in other words. */
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
                          const struct schema_run *run, size_t errors)
{
    const struct json_value *root = file->doc->root;
    const struct schema_violation *v;
    size_t count = schema_run_violations(run, &v);
    size_t before = l->problems->count;

    for (size_t i = 0; i < count; i++) {
        const struct json_value *at = json_at(root, text_of(v[i].pointer));

        if (!at)
            at = root;
        if (!is_left(&v[i]) && !is_told(l, before, file, at))
            json_problem(l->problems, file->doc, at, "%s", v[i].message);
    }
    if (schema_run_violation_count(run) > count)
        json_problem(l->problems, file->doc, root,
                     "has more places where the form is wrong: mend these, "
                     "and check again");
    else if (count > 0 && l->problems->errors == errors)
        json_problem(l->problems, file->doc, root,
                     "does not have the form that policy.schema.json "
                     "describes");
    return count > 0 ? STATUS_INVALID : STATUS_OK;
}

enum status policy_format_check(struct policy_loader *l,
                                const struct policy_file *file, size_t errors)
{
    struct format f = {0};
    enum status s = open_format(l, &f);

    if (s == STATUS_OK)
        s = schema_run_feed(f.run, file->bytes.data, file->bytes.len);
    if (s == STATUS_OK)
        s = schema_run_finish(f.run);
    if (f.run && (s == STATUS_OK || s == STATUS_INVALID))
        s = report(l, file, f.run, errors);
    close_format(&f);
    return s;
}
