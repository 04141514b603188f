/* SPDX-License-Identifier: Apache-2.0
 *
 * torture/sweep.c - run, judge, tell, go on.
 *
 * A finding does not end the test: it is printed with the place of the failed
 * call, and the gateway is started anew, since nobody knows what state it is
 * in.
 */
#define _GNU_SOURCE
#include "torture/sweep.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Longer than any of the gateway's time-outs on these benches. */
#define ANSWER_MS 6000
#define RECOVERY_MS 4000
#define FINDINGS_MAX 12
/* Tables that grow by need (libcurl's, libevent's, a queue's) are not at their
 * final size after the warm-up. */
#define GROWTH_MAX 40

struct outcome {
    struct client_answer answer;
    int64_t deliveries;
    bool came_to_rest;
    char wrong[512]; /* "": nothing */
};

static void wrong(struct outcome *o, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The first thing that is wrong is the one to look at. */
static void wrong(struct outcome *o, const char *fmt, ...)
{
    va_list ap;

    if (o->wrong[0])
        return;
    va_start(ap, fmt);
    vsnprintf(o->wrong, sizeof(o->wrong), fmt, ap);
    va_end(ap);
}

/* ---- one run ---- */

static void run(struct sweep *s, const struct bench_order *order,
                struct outcome *o)
{
    struct bench *b = &s->bench;
    const struct scenario *c = s->scenario;
    struct buffer request;
    char number[16];
    int64_t before = 0;

    memset(o, 0, sizeof(*o));
    bench_new_number(b, number);
    if (c->before)
        c->before(b, number);
    c->make(b, number, &request);
    if (!c->is_stub_away)
        before = bench_delivered(b);
    if (!bench_settle(b)) {
        process_show(&b->rig.gateway);
        ck_abort_msg("the gateway does not come to rest before the run");
    }
    bench_arm(b, order);
    if (c->during)
        c->during(b);
    client_call(b->rig.port, buffer_text(&request), c->piece,
                process_stretch(ANSWER_MS), &o->answer);
    o->came_to_rest = bench_settle(b);
    (void)bench_disarm(b);
    if (!c->is_stub_away)
        o->deliveries = bench_delivered(b) - before;
    buffer_release(&request);
    s->runs++;
}

/* ---- judging ---- */

static bool is_possible(const struct scenario *c, int status)
{
    if (status == c->status || status == 500 || status == 502 ||
        status == 503 || status == 504)
        return true;
    for (size_t i = 0; i < SCENARIO_STATUSES_MAX && c->also[i]; i++)
        if (status == c->also[i])
            return true;
    return false;
}

/* The envelope of a refusal. */
static void judge_envelope(struct outcome *o)
{
    struct json_document *doc = NULL;
    const struct json_value *status;
    struct problems problems;
    int64_t n = 0;

    problems_init(&problems);
    if (json_parse(client_answer_body(&o->answer), "answer", 0, &problems,
                   &doc) != STATUS_OK) {
        wrong(o, "a refusal that is no JSON: %.200s", o->answer.bytes.data);
        goto out;
    }
    status = json_at(doc->root, TEXT_LIT("/error/status"));
    if (!status || json_to_i64(status, &n) != STATUS_OK ||
        n != o->answer.status ||
        !json_at(doc->root, TEXT_LIT("/error/message")) ||
        !json_at(doc->root, TEXT_LIT("/trace_id")))
        wrong(o, "a refusal without the envelope: %.300s",
              o->answer.bytes.data);
out:
    problems_release(&problems);
    json_free(doc);
}

static void judge_answer(struct sweep *s, struct outcome *o)
{
    const struct client_answer *a = &o->answer;

    switch (a->end) {
    case CLIENT_LATE:
        wrong(o, "the client hangs (%zu bytes came)", a->bytes.len);
        return;
    case CLIENT_GARBLED:
        wrong(o, "an answer that is no HTTP: %.200s", a->bytes.data);
        return;
    case CLIENT_CLOSED:
        return;
    case CLIENT_ANSWERED:
        break;
    }
    if (!is_possible(s->scenario, a->status))
        wrong(o, "status %d: %.300s", a->status, client_answer_body(a).data);
    else if (a->status >= 400)
        judge_envelope(o);
}

/* The one answer that may be without a line is the one that says so. */
static void judge_record(struct sweep *s, struct outcome *o)
{
    const struct client_answer *a = &o->answer;
    char problem[256];
    bool has =
        bench_audit_has(&s->bench, a->request_id, problem, sizeof(problem));

    if (problem[0])
        wrong(o, "%s", problem);
    if (a->end != CLIENT_ANSWERED || has)
        return;
    if (!strstr(a->bytes.data, "requests cannot be recorded now"))
        wrong(o, "a whole answer (%d) without an audit line", a->status);
}

static void judge_delivery(struct sweep *s, struct outcome *o)
{
    if (o->deliveries > s->scenario->deliveries + s->scenario->repeats)
        wrong(o, "delivered %lld times", (long long)o->deliveries);
    if (o->answer.end == CLIENT_ANSWERED && o->answer.status / 100 == 2 &&
        o->deliveries == 0)
        wrong(o, "status %d, and nothing was delivered", o->answer.status);
}

static void follow_up(struct sweep *s, struct outcome *o)
{
    int64_t until = process_now_ms() + process_stretch(RECOVERY_MS);
    int status = -1;

    while (status != s->scenario->follow_up && process_now_ms() < until) {
        struct client_answer a;
        struct buffer request;
        char number[16];

        bench_new_number(&s->bench, number);
        scenario_make_create(number, NULL, &request);
        client_call(s->bench.rig.port, buffer_text(&request), 0,
                    process_stretch(ANSWER_MS), &a);
        status = a.end == CLIENT_ANSWERED ? a.status : 0;
        client_answer_release(&a);
        buffer_release(&request);
        if (status != s->scenario->follow_up)
            process_nap();
    }
    if (status != s->scenario->follow_up)
        wrong(o, "an ordinary request then gets %d", status);
}

/* Nothing of it is left. */
static void judge_rest(struct sweep *s, struct outcome *o)
{
    static const char *const gauges[] = {
        "chatgate_connections",     "chatgate_requests_in_flight",
        "chatgate_buffered_bytes",  "chatgate_validation_bytes",
        "chatgate_gate_held_bytes",
    };

    for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++) {
        int64_t until = process_now_ms() + process_stretch(RECOVERY_MS);
        int64_t n;

        while ((n = bench_metric(&s->bench, gauges[i])) != 0 &&
               process_now_ms() < until)
            process_nap();
        if (n != 0)
            wrong(o, "%s stays at %lld", gauges[i], (long long)n);
    }
}

static void judge_memory(struct sweep *s, struct outcome *o)
{
    struct bench *b = &s->bench;
    int64_t live;

    if (!bench_settle(b)) {
        wrong(o, "the gateway does not come to rest");
        return;
    }
    if (bench_find_leaks(b) == 1)
        wrong(o, "memory that nothing points to (see the gateway's log)");
    live = atomic_load(&b->page->live);
    if (live > b->level + GROWTH_MAX + s->scenario->remembered)
        wrong(o, "%lld allocations more than before",
              (long long)(live - b->level));
}

static void judge(struct sweep *s, struct outcome *o)
{
    if (process_is_alive(&s->bench.rig.gateway)) {
        if (!o->came_to_rest)
            wrong(o, "the gateway does not come to rest");
        judge_answer(s, o);
        judge_record(s, o);
        judge_delivery(s, o);
        follow_up(s, o);
    }
    if (process_is_alive(&s->bench.rig.gateway))
        judge_rest(s, o);
    if (process_is_alive(&s->bench.rig.gateway))
        judge_memory(s, o);
    if (!process_is_alive(&s->bench.rig.gateway)) {
        int code = process_wait(&s->bench.rig.gateway);

        o->wrong[0] = '\0';
        wrong(o, "the gateway died (%d)", code);
    }
}

/* ---- telling ---- */

static const char *end_name(const struct client_answer *a, char out[12])
{
    if (a->end == CLIENT_ANSWERED)
        snprintf(out, 12, "%d", a->status);
    else
        snprintf(out, 12, "%s", a->end == CLIENT_CLOSED ? "closed" : "bad");
    return out;
}

static void tally(struct sweep *s, const struct outcome *o)
{
    struct sweep_tally *t = s->tallies;
    char end[12];
    size_t i = 0;

    end_name(&o->answer, end);
    while (t < s->tallies + s->tally_count &&
           strcmp(t->call, s->bench.page->call) != 0)
        t++;
    if (t == s->tallies + SWEEP_NAMES_MAX)
        return;
    if (t == s->tallies + s->tally_count) {
        s->tally_count++;
        snprintf(t->call, sizeof(t->call), "%s", s->bench.page->call);
    }
    while (i < SWEEP_ENDS_MAX - 1 && t->ends[i][0] &&
           strcmp(t->ends[i], end) != 0)
        i++;
    snprintf(t->ends[i], sizeof(t->ends[i]), "%s", end);
    t->counts[i]++;
}

static void tell_finding(struct sweep *s, const struct bench_order *order,
                         const struct outcome *o)
{
    char *where = bench_where(&s->bench);

    s->findings++;
    printf("%s: call %llu (span %llu, variant %u): %s\n%s", s->scenario->name,
           (unsigned long long)order->target, (unsigned long long)order->span,
           order->variant, o->wrong, where);
    fflush(stdout);
    process_show(&s->bench.rig.gateway);
    free(where);
}

bool sweep_once(struct sweep *s, const struct bench_order *order)
{
    struct outcome o;
    bool is_fired;

    run(s, order, &o);
    is_fired = atomic_load(&s->bench.page->fired) > 0;
    judge(s, &o);
    if (is_fired) {
        s->fired++;
        tally(s, &o);
    }
    if (o.wrong[0]) {
        tell_finding(s, order, &o);
        client_answer_release(&o.answer);
        ck_assert_msg(s->findings < FINDINGS_MAX, "too many findings");
        s->restarts++;
        bench_restart(&s->bench);
        return is_fired;
    }
    client_answer_release(&o.answer);
    return is_fired;
}

/* ---- a whole sweep ---- */

/* Without a failure everything must be as the scenario says. */
static uint64_t count(struct sweep *s, uint64_t kinds)
{
    const struct bench_order order = {.kinds = kinds};
    uint64_t most = 0;

    for (int i = 0; i < 3; i++) {
        struct outcome o;
        uint64_t calls;

        run(s, &order, &o);
        calls = atomic_load(&s->bench.page->calls);
        most = calls > most ? calls : most;
        judge(s, &o);
        ck_assert_msg(!o.wrong[0], "%s without any failure: %s",
                      s->scenario->name, o.wrong);
        if (s->scenario->status == 0)
            ck_assert_int_eq(o.answer.end, CLIENT_CLOSED);
        else
            ck_assert_msg(o.answer.status == s->scenario->status, "%s gives %d",
                          s->scenario->name, o.answer.status);
        client_answer_release(&o.answer);
    }
    return most;
}

void sweep_start(struct sweep *s, const struct scenario *scenario)
{
    memset(s, 0, sizeof(*s));
    s->scenario = scenario;
    bench_start(&s->bench, &scenario->rig);
    if (scenario->is_stub_away) {
        (void)process_stop(&s->bench.rig.stub, SIGTERM);
        s->bench.rig.stub.pid = 0;
    }
    (void)count(s, 0); /* once more of a warm-up, for this request */
    s->bench.level = atomic_load(&s->bench.page->live);
    s->calls = count(s, ~UINT64_C(0));
    s->memory_calls = count(s, TORTURE_KIND_BIT(TORTURE_ALLOCATE));
    ck_assert_uint_gt(s->memory_calls, 0);
    ck_assert_uint_gt(s->calls, s->memory_calls);
    s->runs = 0;
}

void sweep_run(struct sweep *s, const struct bench_order *order, uint64_t calls,
               uint64_t step)
{
    struct bench_order next = *order;

    for (next.target = 1; next.target <= calls; next.target += step)
        (void)sweep_once(s, &next);
}

void sweep_finish(struct sweep *s)
{
    printf("%s: %llu calls (%llu allocations); %d runs, %d with a failure, "
           "%d findings\n",
           s->scenario->name, (unsigned long long)s->calls,
           (unsigned long long)s->memory_calls, s->runs, s->fired, s->findings);
    for (size_t i = 0; i < s->tally_count; i++) {
        const struct sweep_tally *t = &s->tallies[i];

        printf("  %-16s", t->call);
        for (size_t k = 0; k < SWEEP_ENDS_MAX && t->ends[k][0]; k++)
            printf(" %s x%d", t->ends[k], t->counts[k]);
        printf("\n");
    }
    fflush(stdout);
    bench_stop(&s->bench);
    ck_assert_int_gt(s->fired, 0);
    ck_assert_int_eq(s->findings, 0);
}
