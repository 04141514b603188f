/* SPDX-License-Identifier: Apache-2.0
 *
 * soak/ledger.c - taking down, and comparing.
 */
#define _GNU_SOURCE
#include "soak/ledger.h"

#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/json.h"

struct ledger_stranger {
    char id[64];
    int status, lines;
    UT_hash_handle hh;
};

struct ledger_worker {
    char key[64]; /* "run worker" */
    int64_t seq;
    UT_hash_handle hh;
};

void ledger_init(struct ledger *l)
{
    memset(l, 0, sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    l->rows = calloc(LEDGER_ROWS_MAX, sizeof *l->rows);
    ck_assert_ptr_nonnull(l->rows);
}

void ledger_release(struct ledger *l)
{
    struct ledger_stranger *s, *next_s;
    struct ledger_worker *w, *next_w;

    HASH_ITER(hh, l->strangers, s, next_s)
    {
        HASH_DEL(l->strangers, s);
        free(s);
    }
    HASH_ITER(hh, l->workers, w, next_w)
    {
        HASH_DEL(l->workers, w);
        free(w);
    }
    free(l->rows);
    pthread_mutex_destroy(&l->lock);
}

/* With the lock held. */
static void find_fault(struct ledger *l, const char *fmt, va_list args)
{
    if (l->findings++ >= LEDGER_FINDINGS_SHOWN)
        return;
    fputs("finding: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
}

__attribute__((format(printf, 2, 3))) static void fault(struct ledger *l,
                                                        const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    find_fault(l, fmt, args);
    va_end(args);
}

void ledger_finding(struct ledger *l, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    pthread_mutex_lock(&l->lock);
    find_fault(l, fmt, args);
    pthread_mutex_unlock(&l->lock);
    va_end(args);
}

size_t ledger_open(struct ledger *l, const struct ledger_row *row)
{
    size_t n;

    pthread_mutex_lock(&l->lock);
    n = l->count++;
    ck_assert_uint_lt(n, LEDGER_ROWS_MAX);
    l->rows[n] = *row;
    pthread_mutex_unlock(&l->lock);
    return n;
}

void ledger_close(struct ledger *l, size_t n, enum ledger_end end, int status)
{
    pthread_mutex_lock(&l->lock);
    l->rows[n].end = (uint8_t)end;
    l->rows[n].status = (uint16_t)status;
    pthread_mutex_unlock(&l->lock);
}

void ledger_stranger(struct ledger *l, const char *id, int status)
{
    struct ledger_stranger *s = calloc(1, sizeof *s);

    ck_assert_ptr_nonnull(s);
    snprintf(s->id, sizeof s->id, "%s", id);
    s->status = status;
    pthread_mutex_lock(&l->lock);
    HASH_ADD_STR(l->strangers, id, s);
    pthread_mutex_unlock(&l->lock);
}

/* NULL: not one of ours. */
static struct ledger_row *row_of(struct ledger *l, const char *id)
{
    size_t n;

    if (sscanf(id, "soak-%zu", &n) != 1 || n >= l->count)
        return NULL;
    return &l->rows[n];
}

/* ---- the upstream's word ---- */

static void take_delivery(struct ledger *l, const char *method, const char *id)
{
    struct ledger_row *row = row_of(l, id);
    bool is_write = strcmp(method, "GET") != 0;

    /* A lookup carries the id of the request that it is for. */
    if (row && row->is_write == is_write && row->deliveries < UINT8_MAX)
        row->deliveries++;
}

void ledger_take_deliveries(struct ledger *l, const char *file)
{
    FILE *f = fopen(file, "r");
    char line[256], method[32], id[128];

    if (!f)
        return; /* nothing yet */
    ck_assert_int_eq(fseek(f, l->deliveries_at, SEEK_SET), 0);
    while (fgets(line, sizeof line, f) && strchr(line, '\n')) {
        l->deliveries_at += (long)strlen(line);
        if (sscanf(line, "%31s %127s", method, id) != 2)
            continue;
        pthread_mutex_lock(&l->lock);
        take_delivery(l, method, id);
        pthread_mutex_unlock(&l->lock);
    }
    fclose(f);
}

/* ---- the record's word ---- */

static int64_t number_of(const struct json_value *line, const char *name)
{
    const struct json_value *v = json_get(line, name);
    int64_t n = 0;

    return v && v->type == JSON_NUMBER && json_to_i64(v, &n) == STATUS_OK ? n
                                                                          : 0;
}

static const char *text_at(const struct json_value *line, const char *name)
{
    const struct json_value *v = json_get(line, name);

    return v && v->type == JSON_STRING ? v->text.data : "";
}

static void take_seq(struct ledger *l, const struct json_value *line)
{
    struct ledger_worker *w;
    int64_t seq = number_of(line, "seq");
    char key[64];

    snprintf(key, sizeof key, "%s %d", text_at(line, "run"),
             (int)number_of(line, "worker"));
    HASH_FIND_STR(l->workers, key, w);
    if (!w) {
        w = calloc(1, sizeof *w);
        ck_assert_ptr_nonnull(w);
        snprintf(w->key, sizeof w->key, "%s", key);
        HASH_ADD_STR(l->workers, key, w);
    }
    if (seq != w->seq + 1)
        fault(l, "worker %s: line %lld follows line %lld", key, (long long)seq,
              (long long)w->seq);
    w->seq = seq;
}

static void take_line(struct ledger *l, const struct json_value *line)
{
    const char *id = text_at(line, "request_id");
    struct ledger_row *row = row_of(l, id);
    struct ledger_stranger *s;

    l->lines++;
    take_seq(l, line);
    if (row) {
        row->lines += row->lines < UINT8_MAX;
        row->said = text_at(line, "delivery")[0];
        row->line_status = (uint16_t)number_of(line, "status");
        return;
    }
    HASH_FIND_STR(l->strangers, id, s);
    if (s && ++s->lines && s->status != (int)number_of(line, "status"))
        fault(l, "%s: answered %d, recorded %d", id, s->status,
              (int)number_of(line, "status"));
}

void ledger_take_audit(struct ledger *l, const char *file)
{
    FILE *f = fopen(file, "r");
    struct problems problems;
    char *line = NULL;
    size_t size = 0;

    ck_assert_msg(f != NULL, "%s: %s", file, strerror(errno));
    problems_init(&problems);
    while (getline(&line, &size, f) > 0) {
        struct json_document *doc = NULL;
        /* The actors wait for the lock, and the gateway not for them. */
        bool is_line =
            json_parse(text_of(line), file, 0, &problems, &doc) == STATUS_OK &&
            doc->root->type == JSON_OBJECT;

        pthread_mutex_lock(&l->lock);
        if (is_line)
            take_line(l, doc->root);
        else
            fault(l, "no JSON object: %s", line);
        pthread_mutex_unlock(&l->lock);
        json_free(doc);
    }
    problems_release(&problems);
    free(line);
    fclose(f);
}

/* ---- the verdict ---- */

static void judge_row(struct ledger *l, size_t n, const struct ledger_row *r)
{
    int most = r->has_key ? 2 : 1;

    if (r->end == LEDGER_UNDER_WAY || r->end == LEDGER_LATE)
        fault(l,
              "soak-%zu: no end before the deadline; %d deliveries, %d lines, "
              "the last with status %d",
              n, r->deliveries, r->lines, r->line_status);
    if (r->end == LEDGER_ANSWERED && r->lines == 0)
        fault(l, "soak-%zu: answered %d, and no line", n, r->status);
    if (r->lines > 1)
        fault(l, "soak-%zu: %d lines", n, r->lines);
    if (r->end == LEDGER_ANSWERED && r->lines == 1 &&
        r->status != r->line_status)
        fault(l, "soak-%zu: answered %d, recorded %d", n, r->status,
              r->line_status);
    if (!r->is_write)
        return;
    if (r->deliveries > most)
        fault(l, "soak-%zu: delivered %d times%s", n, r->deliveries,
              r->has_key ? " with a key" : "");
    if (r->said == 'n' && r->deliveries > 0)
        fault(l, "soak-%zu: delivered, and its line says none", n);
    if (r->said == 'o' && r->deliveries == 0)
        fault(l, "soak-%zu: not delivered, and its line says once", n);
    if (r->lines == 0 && r->deliveries > 0)
        fault(l, "soak-%zu: delivered, and no line", n);
}

void ledger_judge(struct ledger *l)
{
    struct ledger_stranger *s, *next;

    pthread_mutex_lock(&l->lock);
    for (size_t n = 0; n < l->count; n++)
        judge_row(l, n, &l->rows[n]);
    HASH_ITER(hh, l->strangers, s, next)
    if (s->lines != 1)
        fault(l, "%s: answered %d, %d lines", s->id, s->status, s->lines);
    pthread_mutex_unlock(&l->lock);
}

void ledger_print(struct ledger *l, FILE *to)
{
    static const char *const ends[] = {"under way", "answered", "closed",
                                       "abandoned", "late"};
    uint64_t by_end[5] = {0}, by_status[600] = {0}, delivered = 0;

    pthread_mutex_lock(&l->lock);
    for (size_t n = 0; n < l->count; n++) {
        by_end[l->rows[n].end]++;
        delivered += l->rows[n].is_write ? l->rows[n].deliveries : 0;
        if (l->rows[n].end == LEDGER_ANSWERED && l->rows[n].status < 600)
            by_status[l->rows[n].status]++;
    }
    fprintf(to, "%zu requests and %u with refused heads:", l->count,
            HASH_COUNT(l->strangers));
    for (size_t i = 0; i < 5; i++)
        fprintf(to, " %llu %s", (unsigned long long)by_end[i], ends[i]);
    fprintf(to, "\nanswers:");
    for (int i = 0; i < 600; i++)
        if (by_status[i])
            fprintf(to, " %d: %llu", i, (unsigned long long)by_status[i]);
    fprintf(to, "\n%llu writes delivered, %llu lines, %llu findings\n",
            (unsigned long long)delivered, (unsigned long long)l->lines,
            (unsigned long long)l->findings);
    pthread_mutex_unlock(&l->lock);
}
