/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/run.c - the way of the bytes: scan, yajl, machine.
 *
 *     feed -> scan_feed -> run_parse (yajl) -> quick.c (-> machine.c)
 *
 * The scan hands on whole tokens only, so yajl never keeps a copy of half a
 * string; it has checked UTF-8 and escapes, so yajl need not. Whoever finds
 * that this is no JSON, or too much of it, calls refuse(): the first one
 * wins, and since the scan passes on what stands before an error, which one
 * is first does not depend on how the text was cut.
 *
 * RFC 8259; duplicate names are refused (section 4 only warns of them).
 */
#include "schema/run.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "schema/machine.h"

/* What captured values may take together; see capture.c. */
#define CAPTURE_MAX (256 * 1024)

void schema_limits_default(struct schema_limits *l)
{
    *l = (struct schema_limits){
        .max_depth = 64,
        .max_token_bytes = 128 * 1024,
        .max_number_bytes = 1024,
        .max_members = 1024,
        .pattern_steps = 10 * 1000 * 1000,
    };
}

static struct schema_run *run_of(void *arg)
{
    struct schema_run *run;

    MAGIC_CAST(run, arg, RUN_MAGIC);
    return run;
}

/* ---- what yajl says ---- */

static void refuse_syntax(struct schema_run *run, uint64_t at)
{
    static const char prefix[] = "parse error: ";
    const char *text;

    if (setjmp(run->yajl_failed)) {
        run->status = STATUS_NO_MEMORY;
        return;
    }
    text = (const char *)yajl_get_error(run->yajl, 0, NULL, 0);
    if (strncmp(text, prefix, sizeof(prefix) - 1) == 0)
        text += sizeof(prefix) - 1;
    refuse(run, 0, "json.syntax", "is no JSON: %.*s (at byte %llu)",
           (int)strcspn(text, "\n"), text, (unsigned long long)at);
}

/* yajl uses what it allocates unchecked; a failure comes back here. */
static yajl_status parse_guarded(struct schema_run *run, const char *data,
                                 size_t len)
{
    if (setjmp(run->yajl_failed)) {
        run->status = STATUS_NO_MEMORY;
        return yajl_status_client_canceled;
    }
    if (!data)
        return yajl_complete_parse(run->yajl);
    return yajl_parse(run->yajl, (const unsigned char *)data, len);
}

static enum status run_parse(void *arg, const char *data, size_t len)
{
    struct schema_run *run = run_of(arg);
    yajl_status status = parse_guarded(run, data, len);

    if (status == yajl_status_error)
        refuse_syntax(run, run->parsed + yajl_get_bytes_consumed(run->yajl));
    run->parsed += len;
    CHECK((status == yajl_status_ok) == (run->status == STATUS_OK));
    return run->status;
}

/* The scan stopped: for a reason of its own, or because run_parse() did. */
static enum status run_stop(struct schema_run *run, enum status status)
{
    if (status == STATUS_INVALID && run->status == STATUS_OK)
        refuse(run, 0, scan_rule(&run->scan), "%s (at byte %llu)",
               scan_message(&run->scan),
               (unsigned long long)scan_offset(&run->scan));
    else if (run->status == STATUS_OK)
        run->status = status;
    return run->status;
}

/* ---- the memory of runs ---- */

/* A run is large for malloc() and lives for one request, so each thread keeps
 * a few that ended for those to come. */
#define SPARES_MAX 4

static _Thread_local struct schema_run *spares[SPARES_MAX];
static _Thread_local unsigned spare_count;
static pthread_key_t spares_key; /* its destructor frees a thread's */
static bool has_spares_key;

static void spares_free(void *unused)
{
    (void)unused;
    while (spare_count > 0)
        free(spares[--spare_count]);
}

static void spares_init(void)
{
    has_spares_key = pthread_key_create(&spares_key, spares_free) == 0;
}

static struct schema_run *memory_take(void)
{
    struct schema_run *run;

    if (spare_count > 0)
        return spares[--spare_count];
    run = malloc(sizeof(*run));
    if (run)
        run->endings_of = 0;
    return run;
}

static void memory_give(struct schema_run *run)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    if (spare_count == 0) {
        pthread_once(&once, spares_init);
        if (!has_spares_key || pthread_setspecific(spares_key, run) != 0) {
            free(run);
            return;
        }
    }
    if (spare_count == SPARES_MAX)
        free(run);
    else
        spares[spare_count++] = run;
}

/* ---- life ---- */

struct schema_run *schema_run_new(const struct schema_plan *plan,
                                  const struct schema_limits *limits)
{
    struct schema_run *run = memory_take();
    struct scan_limits scan = {
        .max_depth = limits->max_depth,
        .max_token_bytes = limits->max_token_bytes,
        .max_number_bytes = limits->max_number_bytes,
    };
    size_t i;

    if (!run)
        return NULL;
    memset(run, 0, offsetof(struct schema_run, yajl_failed));
    MAGIC_SET(run, RUN_MAGIC);
    if (run->endings_of != plan->set_serial)
        memset(run->endings, 0, sizeof(run->endings));
    run->endings_of = plan->set_serial;
    run->plan = plan;
    run->limits = *limits;
    run->memory = sizeof(*run);
    memset(run->kept_by_use, 0, plan->use_count);
    for (i = 0; i < plan->tap_count; i++)
        run->tap_texts[i] = (struct text){0};
    run->frames = run->first_frames;
    run->frames_size = FIRST_FRAMES;
    run->duties = run->first_duties;
    run->duties_size = FIRST_DUTIES;
    run->selects = run->first_selects;
    run->selects_size = FIRST_SELECTS;
    run->prints = run->first_prints;
    run->prints_size = FIRST_PRINTS;
    stack_init(run);
    buffer_init(&run->capture, CAPTURE_MAX);
    pattern_budget_init(&run->budget, limits->pattern_steps);
    scan_init(&run->scan, &scan, run_parse, run);
    if (plan->root_count > 0) {
        run->root_askers =
            stack_alloc(run, plan->root_count * sizeof(*run->root_askers));
        if (!run->root_askers) {
            schema_run_free(run);
            return NULL;
        }
    }
    machine_start(run);
    return run;
}

void schema_run_free(struct schema_run *run)
{
    size_t i;

    if (!run)
        return;
    CHECK(run->magic == RUN_MAGIC);
    frames_release(run);
    violations_release(run);
    stack_release(run);
    memory_yajl_release(run);
    run_free_list(run, run->frames, run->frames_size, sizeof(*run->frames));
    run_free_list(run, run->duties, run->duties_size, sizeof(*run->duties));
    run_free_list(run, run->selects, run->selects_size, sizeof(*run->selects));
    run_free_list(run, run->prints, run->prints_size, sizeof(*run->prints));
    for (i = 0; i < run->plan->tap_count; i++)
        run_free(run, (void *)(uintptr_t)run->tap_texts[i].data,
                 run->tap_texts[i].len + 1);
    buffer_release(&run->capture);
    pattern_budget_release(&run->budget);
    scan_release(&run->scan);
    CHECK(run->memory == sizeof(*run));
    MAGIC_CLEAR(run);
    memory_give(run);
}

/* ---- feeding ---- */

static bool yajl_start(struct schema_run *run)
{
    yajl_alloc_funcs funcs = memory_yajl_funcs;

    if (run->yajl)
        return true;
    funcs.ctx = run;
    if (setjmp(run->yajl_failed)) {
        run->status = STATUS_NO_MEMORY;
        return false;
    }
    run->yajl = yajl_alloc(&quick_callbacks, &funcs, run);
    yajl_config(run->yajl, yajl_dont_validate_strings, 1);
    return true;
}

enum status schema_run_feed(struct schema_run *run, const char *data,
                            size_t len)
{
    enum status status;

    CHECK(run->magic == RUN_MAGIC && !run->is_finished);
    if (run->status != STATUS_OK || !yajl_start(run))
        return run->status;
    status = scan_feed(&run->scan, data, len);
    return status == STATUS_OK ? STATUS_OK : run_stop(run, status);
}

enum status schema_run_finish(struct schema_run *run)
{
    enum status status;

    CHECK(run->magic == RUN_MAGIC && !run->is_finished);
    run->is_finished = true;
    if (run->status != STATUS_OK || !yajl_start(run))
        return run->status;
    status = scan_finish(&run->scan);
    if (status != STATUS_OK)
        return run_stop(run, status);
    if (parse_guarded(run, NULL, 0) == yajl_status_error)
        refuse_syntax(run, run->parsed);
    return run->status;
}

/* ---- results ---- */

uint64_t schema_run_broken(const struct schema_run *run)
{
    return run->broken;
}

size_t schema_run_violations(const struct schema_run *run,
                             const struct schema_violation **out)
{
    *out = run->violations;
    return run->violation_count;
}

uint64_t schema_run_violation_count(const struct schema_run *run)
{
    return run->violations_total;
}

static bool tap_passed(const struct schema_run *run, size_t tap)
{
    return run->is_finished && run->status == STATUS_OK &&
           tap < run->plan->tap_count && (run->taps_seen >> tap & 1) &&
           !(run->taps_failed >> tap & 1);
}

bool schema_run_tap_text(const struct schema_run *run, size_t tap,
                         struct text *out)
{
    if (!tap_passed(run, tap) || !run->tap_texts[tap].data)
        return false;
    *out = run->tap_texts[tap];
    return true;
}

bool schema_run_tap_count(const struct schema_run *run, size_t tap,
                          uint64_t *out)
{
    if (!tap_passed(run, tap) || run->tap_texts[tap].data)
        return false;
    *out = run->tap_counts[tap];
    return true;
}

size_t schema_run_memory(const struct schema_run *run)
{
    return run->memory + run->capture.size + run->scan.held.size;
}
