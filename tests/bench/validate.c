/* SPDX-License-Identifier: Apache-2.0
 *
 * What validation costs over parsing: the contract and the policies that
 * ship, over bodies of createChat, beside yajl with no callbacks over the
 * same bytes in the same process. The floor is what is left when nothing is
 * validated: the scan, and yajl calling back to functions that do nothing.
 * Times are CPU time; each figure is the median of rounds that take turns,
 * so that whatever else the machine does falls on all.
 *
 * What the ratio consists of, as instructions (callgrind, gcc 12 -O2, amd64)
 * for the small body, in thousands, and over yajl's:
 *
 *   yajl without callbacks, alloc and free                    13.6   1.00
 *   the floor: + 48 calls back, - its check of UTF-8,
 *     + the scan, once over every byte and token              16.8   1.24
 *   + a run: made, cleared, ended; yajl's memory              17.9   1.32
 *   + 18 keys: which member, not a second time, its step      19.4   1.43
 *   + 12 arrays and objects: begin, end, "required" and what
 *     x-parts and x-decorations keep of them                  22.9   1.69
 *   + 16 scalars: types, values, what taps keep               26.0   1.92
 *   + formats, patterns, lengths, overlaps: what the contract
 *     asks beyond that                                        27.7   2.04
 *
 * and for the long one, in millions, 12.8 for yajl, 15.7 for the floor, 24.4
 * in all (1.91): 6000 decorations of two containers, two keys and three
 * scalars each. But for the scan, none of our functions takes 4 % of either;
 * what is left to gain is in the number of events, which is yajl's.
 *
 *   tests/bench/validate [ROUNDS [POLICIES]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <yajl/yajl_parse.h>

#include "base/buffer.h"
#include "base/check.h"
#include "policy/policy.h"
#include "schema/run.h"
#include "schema/scan.h"

#define ROUNDS_MAX 1001
#define BIG (8 << 20)

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "validate: %s\n", what);
    exit(EXIT_FAILURE);
}

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* ---- the bodies ---- */

static const char small_body[] =
    "{\"from\":\"+12052535597\",\"to\":[\"+12052532136\"],\"message\":{"
    "\"parts\":[{\"type\":\"text\",\"value\":\"Hello! How can I help you "
    "today?\",\"text_decorations\":[{\"range\":[0,5],\"style\":\"bold\"},{"
    "\"range\":[6,11],\"animation\":\"shake\"}]},{\"type\":\"media\",\"url\":"
    "\"https://example.com/a.jpg\"}],\"effect\":{\"type\":\"screen\",\"name\":"
    "\"confetti\"},\"idempotency_key\":\"msg-abc123xyz\","
    "\"preferred_service\":\"iMessage\"}}";

#define HEAD "{\"from\":\"+12052535597\",\"to\":[\"+12052532136\"],"

static void add(struct buffer *b, const char *text)
{
    need(buffer_append_str(b, text) == STATUS_OK, "out of memory");
}

static void add_decorations(struct buffer *b, size_t count, size_t text_len)
{
    static const char *const styles[] = {"bold", "italic", "underline"};

    for (size_t i = 0; i < count; i++)
        need(buffer_printf(b, "%s{\"range\":[%zu,%zu],\"style\":\"%s\"}",
                           i ? "," : "", i % (text_len - 5),
                           i % (text_len - 5) + 1 + i % 5,
                           styles[i % ARRAY_LEN(styles)]) == STATUS_OK,
             "out of memory");
}

static void add_text_part(struct buffer *b, size_t text_len, size_t decorations)
{
    static const char words[] = "the quick brown fox jumps over the lazy dog ";

    add(b, "{\"type\":\"text\",\"value\":\"");
    for (size_t i = 0; i < text_len; i++)
        need(buffer_append_char(b, words[i % (sizeof(words) - 1)]) == STATUS_OK,
             "out of memory");
    add(b, "\",\"text_decorations\":[");
    add_decorations(b, decorations, text_len);
    add(b, "]}");
}

/* A message as long as they come: 100 parts, texts and media in turn. */
static void make_long(struct buffer *b)
{
    add(b, HEAD "\"message\":{\"parts\":[");
    for (int i = 0; i < 50; i++) {
        if (i > 0)
            add(b, ",");
        add_text_part(b, 6000, 120);
        add(b, ",{\"type\":\"media\",\"url\":\"https://cdn.linqapp.com/"
               "attachments/3f0c0f6e-5d5e-4c8b-9d65-2c9c6f6b7a10.jpg\"}");
    }
    add(b, "]}}");
}

/* Bodies that ask for work; `len` bytes or a little more. */
static void make_arrays(struct buffer *b, size_t len)
{
    add(b, HEAD "\"x\":[0");
    while (b->len < len) {
        add(b, ",");
        for (int i = 0; i < 60; i++)
            add(b, "[");
        for (int i = 0; i < 60; i++)
            add(b, "]");
    }
    add(b, "]}");
}

static void make_keys(struct buffer *b, size_t len)
{
    add(b, HEAD "\"x\":[0");
    while (b->len < len) {
        add(b, ",{");
        for (char c = 'A'; c <= 'Z'; c++)
            need(buffer_printf(b, "%s\"%c\":0,\"%c\":0", c > 'A' ? "," : "", c,
                               c | 0x20) == STATUS_OK,
                 "out of memory");
        add(b, "}");
    }
    add(b, "]}");
}

static void make_decorations(struct buffer *b, size_t len)
{
    add(b, HEAD "\"message\":{\"parts\":[");
    add_text_part(b, 9000, len / 36);
    add(b, "]}}");
}

/* Violations everywhere: what is wrong must cost no more than what is right. */
static void make_wrong(struct buffer *b, size_t len)
{
    add(b, HEAD "\"message\":{\"parts\":[0");
    while (b->len < len)
        add(b, ",{\"type\":\"text\",\"value\":1,\"text_decorations\":[{}]}");
    add(b, "]}}");
}

/* ---- the contestants ---- */

struct subject {
    const struct schema_plan *plan;
    const struct schema_limits *limits;
    const char *data;
    size_t len, piece;
};

static void run_validation(const struct subject *s)
{
    struct schema_run *run = schema_run_new(s->plan, s->limits);
    enum status status = STATUS_OK;

    need(run != NULL, "out of memory");
    for (size_t at = 0; at < s->len && status == STATUS_OK; at += s->piece)
        status = schema_run_feed(
            run, s->data + at, s->piece < s->len - at ? s->piece : s->len - at);
    need(status == STATUS_OK, "a body was not read to its end");
    need(schema_run_finish(run) == STATUS_OK, "a body is no JSON");
    schema_run_free(run);
}

static void run_yajl(const struct subject *s)
{
    static const yajl_callbacks none = {0};
    yajl_handle y = yajl_alloc(&none, NULL, NULL);

    need(y != NULL, "out of memory");
    for (size_t at = 0; at < s->len; at += s->piece)
        need(yajl_parse(y, (const unsigned char *)s->data + at,
                        s->piece < s->len - at ? s->piece : s->len - at) ==
                 yajl_status_ok,
             "yajl refuses a body");
    need(yajl_complete_parse(y) == yajl_status_ok, "yajl refuses a body");
    yajl_free(y);
}

static int on_event(void *arg)
{
    ++*(size_t *)arg;
    return 1;
}

static int on_boolean(void *arg, int value)
{
    (void)value;
    return on_event(arg);
}

static int on_number(void *arg, const char *p, size_t len)
{
    (void)p;
    (void)len;
    return on_event(arg);
}

static int on_string(void *arg, const unsigned char *p, size_t len)
{
    (void)p;
    (void)len;
    return on_event(arg);
}

static const yajl_callbacks nothing = {
    .yajl_null = on_event,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_event,
    .yajl_map_key = on_string,
    .yajl_end_map = on_event,
    .yajl_start_array = on_event,
    .yajl_end_array = on_event,
};

static enum status feed_yajl(void *arg, const char *data, size_t len)
{
    return yajl_parse(arg, (const unsigned char *)data, len) == yajl_status_ok
               ? STATUS_OK
               : STATUS_INVALID;
}

static void run_floor(const struct subject *s)
{
    struct scan_limits limits = {s->limits->max_depth,
                                 s->limits->max_token_bytes,
                                 s->limits->max_number_bytes};
    size_t events = 0;
    yajl_handle y = yajl_alloc(&nothing, NULL, &events);
    struct scan scan;

    need(y != NULL, "out of memory");
    yajl_config(y, yajl_dont_validate_strings, 1);
    scan_init(&scan, &limits, feed_yajl, y);
    for (size_t at = 0; at < s->len; at += s->piece)
        need(scan_feed(&scan, s->data + at,
                       s->piece < s->len - at ? s->piece : s->len - at) ==
                 STATUS_OK,
             "the scan refuses a body");
    need(scan_finish(&scan) == STATUS_OK, "the scan refuses a body");
    scan_release(&scan);
    need(yajl_complete_parse(y) == yajl_status_ok && events > 0,
         "yajl refuses a body");
    yajl_free(y);
}

/* ---- rounds ---- */

enum contestant { VALIDATION, YAJL, FLOOR, CONTESTANTS };

static void (*const runs[CONTESTANTS])(const struct subject *) = {
    run_validation, run_yajl, run_floor};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double *list, size_t count)
{
    qsort(list, count, sizeof(*list), by_value);
    return count % 2 ? list[count / 2]
                     : (list[count / 2 - 1] + list[count / 2]) / 2;
}

struct result {
    double us[CONTESTANTS]; /* a body */
};

static void measure(const struct subject *s, size_t rounds, struct result *out)
{
    static double us[CONTESTANTS][ROUNDS_MAX];
    size_t times = s->len < 4096 ? 2000 : 1;

    for (size_t r = 0; r <= rounds; r++) /* the first one is to warm up */
        for (int c = 0; c < CONTESTANTS; c++) {
            double begin = now_us();

            for (size_t i = 0; i < times; i++)
                runs[c](s);
            if (r > 0)
                us[c][r - 1] = (now_us() - begin) / (double)times;
        }
    for (int c = 0; c < CONTESTANTS; c++)
        out->us[c] = median(us[c], rounds);
}

static void print(const char *name, const struct subject *s,
                  const struct result *r)
{
    printf("%-26s %9zu %11.2f %11.2f %7.2f %7.2f\n", name, s->len, r->us[YAJL],
           r->us[VALIDATION], r->us[VALIDATION] / r->us[YAJL],
           r->us[FLOOR] / r->us[YAJL]);
}

struct hostile {
    const char *name;
    void (*make)(struct buffer *b, size_t len);
};

static const struct hostile hostile[] = {
    {"nested arrays", make_arrays},
    {"one-character keys", make_keys},
    {"decorations", make_decorations},
    {"violations", make_wrong},
};

static void bench_hostile(struct subject s, const struct hostile *h,
                          size_t rounds)
{
    struct result eighth, whole;
    struct buffer b;
    char name[64];

    for (int i = 0; i < 2; i++) {
        buffer_init(&b, 2 * BIG);
        h->make(&b, i == 0 ? BIG / 8 : BIG);
        s.data = b.data;
        s.len = b.len;
        measure(&s, rounds / 10 + 1, i == 0 ? &eighth : &whole);
        snprintf(name, sizeof(name), "%s, %d MiB", h->name, i == 0 ? 1 : 8);
        print(name, &s, i == 0 ? &eighth : &whole);
        buffer_release(&b);
    }
    printf("%-26s eight times the bytes take %.1f times as long\n", "",
           whole.us[VALIDATION] / eighth.us[VALIDATION]);
}

static const struct policy_operation *load(const char *dir,
                                           struct policy_snapshot **snapshot)
{
    struct policy_load what = {.dir = dir};
    struct problems problems;
    const struct policy_operation *operation;

    problems_init(&problems);
    if (policy_snapshot_load(&what, &problems, snapshot) != STATUS_OK) {
        problems_print(&problems, stderr);
        exit(EXIT_FAILURE);
    }
    problems_release(&problems);
    operation = policy_operation_find(*snapshot, TEXT_LIT("createChat"));
    need(operation != NULL, "there is no operation createChat");
    return operation;
}

int main(int argc, char **argv)
{
    size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 101;
    struct policy_snapshot *snapshot;
    struct schema_limits limits;
    struct subject s = {.limits = &limits};
    struct result r;
    struct buffer b;

    need(rounds > 0 && rounds <= ROUNDS_MAX, "1 to 1001 rounds");
    schema_limits_default(&limits);
    s.plan = load(argc > 2 ? argv[2] : TOP_SRCDIR "/policies", &snapshot)->plan;
    printf("%-26s %9s %11s %11s %7s %7s\n", "body", "bytes", "yajl us",
           "valid. us", "ratio", "floor");

    s.data = small_body;
    s.len = s.piece = strlen(small_body);
    measure(&s, rounds, &r);
    print("small, in one piece", &s, &r);

    s.piece = 16 << 10;
    buffer_init(&b, 1 << 20);
    make_long(&b);
    s.data = b.data;
    s.len = b.len;
    measure(&s, rounds, &r);
    print("long, 16 KiB pieces", &s, &r);
    buffer_release(&b);

    for (size_t i = 0; i < ARRAY_LEN(hostile); i++)
        bench_hostile(s, &hostile[i], rounds);
    policy_snapshot_unref(snapshot);
    return EXIT_SUCCESS;
}
