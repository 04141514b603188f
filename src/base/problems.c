/* SPDX-License-Identifier: Apache-2.0
 *
 * base/problems.c - the list of problems, and how they are printed.
 *
 * Out of memory never hides that something is wrong: what cannot be kept is
 * counted in `dropped`, errors in `errors` as well.
 */
#include "base/problems.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/check.h"

void problems_init(struct problems *p)
{
    *p = (struct problems){0};
}

void problems_release(struct problems *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->list[i].file);
        free(p->list[i].message);
    }
    free(p->list);
    problems_init(p);
}

static bool make_room(struct problems *p)
{
    size_t size = p->size > 0 ? p->size * 2 : 16;
    struct problem *list;

    if (p->count < p->size)
        return true;
    list = realloc(p->list, size * sizeof(*list));
    if (!list)
        return false;
    p->list = list;
    p->size = size;
    return true;
}

static char *PRINTF_LIKE(1, 0) format(const char *fmt, va_list ap)
{
    va_list again;
    char *out;
    int n;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    CHECK(n >= 0);
    out = malloc((size_t)n + 1);
    if (out)
        vsnprintf(out, (size_t)n + 1, fmt, ap);
    return out;
}

static void PRINTF_LIKE(4, 0) add(struct problems *p, struct problem what,
                                  const char *file, const char *fmt, va_list ap)
{
    if (!what.is_warning)
        p->errors++;
    if (p->count >= PROBLEMS_MAX || !make_room(p)) {
        p->dropped++;
        return;
    }
    what.file = text_dup(text_of(file));
    what.message = format(fmt, ap);
    if (!what.file || !what.message) {
        free(what.file);
        free(what.message);
        p->dropped++;
        return;
    }
    p->list[p->count++] = what;
}

void problems_error(struct problems *p, const char *file, int line, int column,
                    const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(p, (struct problem){.line = line, .column = column}, file, fmt, ap);
    va_end(ap);
}

void problems_warning(struct problems *p, const char *file, int line,
                      int column, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(p, (struct problem){.line = line, .column = column, .is_warning = true},
        file, fmt, ap);
    va_end(ap);
}

/* The message comes last, so that the order does not depend on qsort(). */
static int compare(const void *left, const void *right)
{
    const struct problem *a = left, *b = right;
    int order = strcmp(a->file, b->file);

    if (order == 0)
        order = (a->line > b->line) - (a->line < b->line);
    if (order == 0)
        order = (a->column > b->column) - (a->column < b->column);
    if (order == 0)
        order = strcmp(a->message, b->message);
    return order;
}

void problems_print(struct problems *p, FILE *to)
{
    if (p->count > 0)
        qsort(p->list, p->count, sizeof(p->list[0]), compare);
    for (size_t i = 0; i < p->count; i++) {
        const struct problem *one = &p->list[i];

        if (one->file[0] != '\0') {
            fprintf(to, "%s:", one->file);
            if (one->line > 0)
                fprintf(to, "%d:", one->line);
            if (one->line > 0 && one->column > 0)
                fprintf(to, "%d:", one->column);
            fputc(' ', to);
        }
        fprintf(to, "%s%s\n", one->is_warning ? "warning: " : "", one->message);
    }
    if (p->dropped > 0)
        fprintf(to, "%zu more problems are not shown\n", p->dropped);
}
