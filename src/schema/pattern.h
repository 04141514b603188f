/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/pattern.h - "pattern" and "patternProperties", on a budget.
 *
 * A pattern is compiled once and shared by all threads. Matching spends
 * steps of a budget that belongs to the whole body; a body that makes a
 * pattern backtrack beyond it is refused, so none can make one slow.
 */
#ifndef SCHEMA_PATTERN_H
#define SCHEMA_PATTERN_H

#include <stdint.h>

#include "base/text.h"

struct pattern;

/* `source` in ECMA-262's syntax. STATUS_INVALID with a sentence in `error`
 * when PCRE2 cannot be made to mean the same; STATUS_NO_MEMORY. */
enum status pattern_new(struct text source, struct pattern **out, char *error,
                        size_t error_size) MUST_CHECK;
void pattern_free(struct pattern *p);
/* As it was written; lives as long as the pattern. */
struct text pattern_source(const struct pattern *p);

/* What one body needs for matching. */
struct pattern_budget {
    struct pattern_scratch *scratch; /* owned; made at the first match */
    uint64_t steps;                  /* left */
};
void pattern_budget_init(struct pattern_budget *b, uint64_t steps);
void pattern_budget_release(struct pattern_budget *b);

enum pattern_result {
    PATTERN_MATCH,
    PATTERN_NO_MATCH,
    PATTERN_LIMIT, /* the budget is spent: nobody knows */
    PATTERN_NO_MEMORY,
};

/* Anywhere in `t`, which is valid UTF-8. */
enum pattern_result pattern_match(const struct pattern *p,
                                  struct pattern_budget *b, struct text t);

#endif
