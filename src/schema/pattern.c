/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/pattern.c - PCRE2 behind a budget of steps.
 *
 * PCRE2 stops at a limit of steps but does not say how many it took. So a
 * match gets a small grant first, and when that is not enough it starts over
 * with four times as many, up to what the budget has left; every grant is
 * paid in full. A plain pattern costs about the length of its text, a nasty
 * one at most 4/3 of what it is charged, and the sum is bounded.
 *
 * That a step costs little is not PCRE2's way but must be arranged:
 *
 *   - It counts anew at each place where a match might begin. So none is left
 *     to it: a pattern that is not anchored is searched for by a lazy loop in
 *     front of it, each turn of which is a step of the one match. ".*" at the
 *     beginning of such a pattern means nothing then, and is left out.
 *   - A repetition that runs ahead over characters is one step, and going
 *     back over them is one each; unless it is made possessive, which
 *     PCRE2_NO_AUTO_POSSESS forbids, or ends a lookahead, which is not gone
 *     back into: a callout there charges the characters ahead.
 *   - "x{1000}" is one step as well, so steps of such a pattern are dearer.
 *
 * The just-in-time compiler is off: it counts steps another way, so a verdict
 * would depend on the machine, and a gateway should run where memory that is
 * both writable and executable is not to be had.
 *
 * Simple patterns (pattern_simple.h) are compiled for PCRE2 as well, so that
 * what is refused does not depend on being simple, but it is not asked.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "schema/pattern.h"

#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

#include "schema/ecma.h"
#include "schema/pattern_simple.h"

/* The first grant: this and one step a byte. */
#define FIRST_GRANT 32
#define GRANT_FACTOR 4
/* Characters that are run over in the time of a step or so. */
#define RUN_CHARACTERS 16
/* PCRE2's backtracking frames, in KiB: memory a body can make it take. */
#define HEAP_LIMIT_KIB 1024
/* A translated pattern; \x{...} and classes spelt out make it grow. */
#define TRANSLATION_MAX (1024 * 1024)

struct pattern {
    pcre2_code *code;
    uint64_t step_price; /* what a step of it is charged */
    bool is_simple;      /* then PCRE2 is not asked */
    struct pattern_simple simple;
    struct text source; /* behind the struct */
};

struct pattern_scratch {
    pcre2_match_context *context;
    pcre2_match_data *data;
};

static enum status code_new(const struct buffer *translated, uint32_t more,
                            pcre2_code **out, char *error, size_t error_size)
{
    uint32_t options = PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_DOLLAR_ENDONLY |
                       PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UCP |
                       PCRE2_NO_AUTO_POSSESS | more;
    PCRE2_SPTR text = (PCRE2_SPTR)(translated->data ? translated->data : "");
    PCRE2_UCHAR why[160];
    PCRE2_SIZE at;
    int code;

    *out = pcre2_compile(text, translated->len, options, &code, &at, NULL);
    if (*out)
        return STATUS_OK;
    if (code == PCRE2_ERROR_HEAP_FAILED)
        return STATUS_NO_MEMORY;
    if (pcre2_get_error_message(code, why, sizeof(why)) < 0)
        why[0] = '\0';
    snprintf(error, error_size, "%s", (const char *)why);
    return STATUS_INVALID;
}

static bool is_anchored(const pcre2_code *code)
{
    uint32_t options = 0;

    return pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &options) == 0 &&
           (options & PCRE2_ANCHORED) != 0;
}

/* `source` without the ".*" at its beginning: whatever matches from some
 * place on matches from a later one without them. */
static struct text searched_for(struct text source,
                                const struct ecma_shape *shape)
{
    while (!shape->has_choice && text_starts_with(source, TEXT_LIT(".*"))) {
        source = text_make(source.data + 2, source.len - 2);
        if (text_starts_with(source, TEXT_LIT("?"))) /* lazy */
            source = text_make(source.data + 1, source.len - 1);
    }
    return source;
}

/* The pattern behind the loop that searches for it. */
static enum status search_new(struct text source, const struct ecma_shape *had,
                              pcre2_code **out, char *error, size_t error_size)
{
    struct ecma_shape shape;
    struct buffer translated;
    const char *why;
    size_t at;
    enum status status;

    buffer_init(&translated, TRANSLATION_MAX);
    status = buffer_append_str(&translated, "(?s:.*?)(?:");
    if (status == STATUS_OK)
        status = ecma_translate(searched_for(source, had), &translated, &shape,
                                &why, &at);
    if (status == STATUS_OK)
        status = buffer_append_str(&translated, ")");
    if (status == STATUS_OK)
        status = code_new(&translated, PCRE2_ANCHORED, out, error, error_size);
    else if (status != STATUS_NO_MEMORY)
        snprintf(error, error_size, "it is too long");
    buffer_release(&translated);
    return status == STATUS_TOO_LARGE ? STATUS_INVALID : status;
}

enum status pattern_new(struct text source, struct pattern **out, char *error,
                        size_t error_size)
{
    struct ecma_shape shape = {0};
    struct buffer translated;
    struct pattern *p = NULL;
    const char *why;
    size_t at;
    enum status status;

    buffer_init(&translated, TRANSLATION_MAX);
    status = ecma_translate(source, &translated, &shape, &why, &at);
    if (status == STATUS_INVALID)
        snprintf(error, error_size, "%s (at byte %zu)", why, at);
    if (status == STATUS_TOO_LARGE) {
        snprintf(error, error_size, "it is too long");
        status = STATUS_INVALID;
    }
    if (status != STATUS_OK)
        goto out;
    status = STATUS_NO_MEMORY;
    p = calloc(1, sizeof(*p) + source.len + 1);
    if (!p)
        goto out;
    if (source.len > 0)
        memcpy(p + 1, source.data, source.len);
    p->source = text_make((const char *)(p + 1), source.len);
    p->step_price = 1 + shape.repeats / RUN_CHARACTERS;
    status = code_new(&translated, 0, &p->code, error, error_size);
    if (status == STATUS_OK && !is_anchored(p->code)) {
        pcre2_code_free(p->code);
        p->code = NULL;
        status = search_new(source, &shape, &p->code, error, error_size);
    }
    if (status == STATUS_OK) {
        p->is_simple = pattern_simple_parse(p->source, &p->simple);
        *out = p;
        p = NULL;
    }
out:
    pattern_free(p);
    buffer_release(&translated);
    return status;
}

void pattern_free(struct pattern *p)
{
    if (!p)
        return;
    pcre2_code_free(p->code);
    free(p);
}

struct text pattern_source(const struct pattern *p)
{
    return p->source;
}

void pattern_budget_init(struct pattern_budget *b, uint64_t steps)
{
    *b = (struct pattern_budget){.steps = steps};
}

void pattern_budget_release(struct pattern_budget *b)
{
    if (!b->scratch)
        return;
    pcre2_match_data_free(b->scratch->data);
    pcre2_match_context_free(b->scratch->context);
    free(b->scratch);
    b->scratch = NULL;
}

static struct pattern_scratch *scratch_new(void)
{
    struct pattern_scratch *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->context = pcre2_match_context_create(NULL);
    s->data = pcre2_match_data_create(1, NULL);
    if (s->context && s->data &&
        pcre2_set_heap_limit(s->context, HEAP_LIMIT_KIB) == 0)
        return s;
    pcre2_match_data_free(s->data);
    pcre2_match_context_free(s->context);
    free(s);
    return NULL;
}

/* A lookahead is begun: what it may run over is paid for. */
static int on_lookahead(pcre2_callout_block *block, void *arg)
{
    struct pattern_budget *b = arg;
    uint64_t price =
        1 + (block->subject_length - block->current_position) / RUN_CHARACTERS;

    if (price > b->steps)
        return PCRE2_ERROR_CALLOUT;
    b->steps -= price;
    return 0;
}

enum pattern_result pattern_match(const struct pattern *p,
                                  struct pattern_budget *b, struct text t)
{
    PCRE2_SPTR subject = (PCRE2_SPTR)(t.data ? t.data : "");
    uint64_t grant = FIRST_GRANT + t.len;
    int code;

    if (p->is_simple)
        return pattern_simple_match(&p->simple, t) ? PATTERN_MATCH
                                                   : PATTERN_NO_MATCH;
    if (!b->scratch)
        b->scratch = scratch_new();
    if (!b->scratch)
        return PATTERN_NO_MEMORY;
    pcre2_set_callout(b->scratch->context, on_lookahead, b);
    for (;;) {
        if (grant > b->steps / p->step_price)
            grant = b->steps / p->step_price;
        if (grant > UINT32_MAX)
            grant = UINT32_MAX;
        if (grant == 0)
            return PATTERN_LIMIT;
        b->steps -= grant * p->step_price;
        pcre2_set_match_limit(b->scratch->context, (uint32_t)grant);
        code = pcre2_match(p->code, subject, t.len, 0, PCRE2_NO_UTF_CHECK,
                           b->scratch->data, b->scratch->context);
        if (code >= 0)
            return PATTERN_MATCH;
        if (code == PCRE2_ERROR_NOMATCH)
            return PATTERN_NO_MATCH;
        if (code == PCRE2_ERROR_NOMEMORY)
            return PATTERN_NO_MEMORY;
        if (code != PCRE2_ERROR_MATCHLIMIT)
            return PATTERN_LIMIT; /* frames past the heap limit, say */
        grant *= GRANT_FACTOR;
    }
}
