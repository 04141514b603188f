/* SPDX-License-Identifier: Apache-2.0
 *
 * validate.h - a body through a plan in one call, for tests of the machine.
 *
 * A verdict is text, so that two of them compare with strcmp() and a failing
 * test shows what was found:
 *
 *   "ok\n"  or  "invalid\n0 /to type must be an array, not a string\n"
 *
 * and " recorded as POINTER" where the record is told less.
 */
#ifndef SCHEMA_VALIDATE_H
#define SCHEMA_VALIDATE_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/json.h"
#include "schema/run.h"
#include "schema/schema.h"

struct verdict {
    enum status status;
    uint64_t broken;
    uint64_t count;
    size_t memory;      /* the most that the run held */
    struct buffer text; /* status and violations, a line each */
};

static inline void verdict_release(struct verdict *v)
{
    buffer_release(&v->text);
}

static inline bool is_record_other(const struct schema_violation *v)
{
    return strcmp(v->pointer, v->record_pointer) != 0;
}

static inline struct verdict verdict_of(struct schema_run *run,
                                        enum status status)
{
    const struct schema_violation *list;
    size_t n = schema_run_violations(run, &list), i;
    struct verdict v = {.status = status};

    v.broken = schema_run_broken(run);
    v.count = schema_run_violation_count(run);
    buffer_init(&v.text, 1024 * 1024);
    CHECK(buffer_printf(&v.text, "%s\n", status_name(status)) == STATUS_OK);
    for (i = 0; i < n; i++)
        CHECK(buffer_printf(&v.text, "%d %s %s %s%s%s\n", list[i].use,
                            list[i].pointer, list[i].rule, list[i].message,
                            is_record_other(&list[i]) ? " recorded as " : "",
                            is_record_other(&list[i]) ? list[i].record_pointer
                                                      : "") == STATUS_OK);
    return v;
}

/* The body in two pieces, cut at `cut`, each fed `piece` bytes at a time. */
static inline struct verdict validate_cut(const struct schema_plan *plan,
                                          const struct schema_limits *limits,
                                          struct text body, size_t cut,
                                          size_t piece)
{
    struct schema_run *run = schema_run_new(plan, limits);
    enum status status = STATUS_OK;
    size_t at = 0, most = 0, n;
    struct verdict v;

    CHECK(run);
    while (at < body.len && status == STATUS_OK) {
        n = body.len - at < piece ? body.len - at : piece;
        if (at < cut && at + n > cut)
            n = cut - at;
        status = schema_run_feed(run, body.data + at, n);
        if (schema_run_memory(run) > most)
            most = schema_run_memory(run);
        at += n;
    }
    if (status == STATUS_OK)
        status = schema_run_finish(run);
    v = verdict_of(run, status);
    v.memory = most;
    schema_run_free(run);
    return v;
}

static inline struct verdict validate(const struct schema_plan *plan,
                                      struct text body)
{
    struct schema_limits limits;

    schema_limits_default(&limits);
    return validate_cut(plan, &limits, body, 0, SIZE_MAX);
}

/* ---- a schema from text, with all that it needs ---- */

struct fixture {
    struct problems problems;
    struct json_document *doc;
    struct schema_set *set;
    const struct schema *schema; /* NULL: refused, see problems */
    const struct schema_plan *plan;
};

static inline void fixture_taps(struct fixture *f, const char *schema,
                                enum schema_dialect dialect, const char *at,
                                const struct schema_tap *taps, size_t n)
{
    struct schema_source source = {.dialect = dialect};
    struct schema_use use;

    *f = (struct fixture){0};
    problems_init(&f->problems);
    if (json_parse(text_of(schema), "schema.json", 0, &f->problems, &f->doc) !=
        STATUS_OK) {
        problems_print(&f->problems, stderr);
        abort();
    }
    f->set = schema_set_new();
    CHECK(f->set);
    source.doc = f->doc;
    source.root = f->doc->root;
    if (schema_compile(f->set, &source, json_at(f->doc->root, text_of(at)),
                       &f->problems, &f->schema) != STATUS_OK)
        return;
    use.schema = f->schema;
    f->plan = schema_plan_new(f->set, &use, 1, taps, n);
    CHECK(f->plan);
}

static inline void fixture_init(struct fixture *f, const char *schema)
{
    fixture_taps(f, schema, SCHEMA_JSON, "", NULL, 0);
}

static inline void fixture_release(struct fixture *f)
{
    schema_set_free(f->set);
    json_free(f->doc);
    problems_release(&f->problems);
}

#endif
