/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/metrics.c - sums, and the text that Prometheus reads.
 */
#include "gateway/metrics.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/check.h"

struct metric_row {
    const char *name, *type, *help;
    size_t offset;
};

static const struct metric_row rows[] = {
#define X(field, name, type, help)                                             \
    {name, type, help, offsetof(struct metrics, field)},
    METRICS(X)
#undef X
};

static bool row_is_max(const struct metric_row *row)
{
    return strcmp(row->type, "max") == 0;
}

static uint64_t *row_value(struct metrics *m, const struct metric_row *row)
{
    return (uint64_t *)(void *)((char *)m + row->offset);
}

void metrics_add(struct metrics *to, const struct metrics *from)
{
    struct metrics copy = *from;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t *sum = row_value(to, &rows[i]);
        uint64_t value = *row_value(&copy, &rows[i]);
        if (!row_is_max(&rows[i]))
            *sum += value;
        else if (*sum < value)
            *sum = value;
    }
    for (size_t i = 0; i < HTTP_REFUSAL_COUNT; i++)
        to->refusals[i] += from->refusals[i];
}

enum status metrics_write(const struct metrics *m, struct buffer *to)
{
    struct metrics copy = *m;
    enum status s = STATUS_OK;
    for (size_t i = 0; i < ARRAY_LEN(rows) && s == STATUS_OK; i++) {
        const struct metric_row *row = &rows[i];
        s = buffer_printf(to, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n",
                          row->name, row->help, row->name,
                          row_is_max(row) ? "gauge" : row->type, row->name,
                          *row_value(&copy, row));
    }
    if (s == STATUS_OK)
        s = buffer_append_str(
            to, "# HELP chatgate_refusals_total Answers made by chatgate "
                "itself, by reason.\n"
                "# TYPE chatgate_refusals_total counter\n");
    for (int i = 1; i < HTTP_REFUSAL_COUNT && s == STATUS_OK; i++) {
        const struct http_refusal_row *row =
            http_refusal_row((enum http_refusal)i);
        s = buffer_printf(to,
                          "chatgate_refusals_total{reason=\"%s\","
                          "status=\"%d\"} %" PRIu64 "\n",
                          row->name, row->status, m->refusals[i]);
    }
    return s;
}
