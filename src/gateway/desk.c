/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/desk.c - answers for the admin address.
 *
 * What only a worker knows goes round: the main thread posts a question to
 * its mailbox, the worker posts a copy of what it knows back, and the last
 * answer to come in completes the reply.
 */
#include <stdlib.h>

#include "base/log.h"
#include "gateway/explain.h"
#include "gateway/server_state.h"

#define METRICS_TEXT_MAX ((size_t)1024 * 1024)
#define EXPLAIN_QUESTION_MAX ((size_t)64 * 1024)

/* ---- questions to the workers ---- */

struct gathering {
    struct server *server;
    struct admin_reply *reply;
    struct metrics sum;
    int missing;
};

struct question {
    struct gathering *gathering;
    struct worker *worker;
    struct metrics copy;
};

static void gathering_answer(struct gathering *g)
{
    struct buffer text;
    buffer_init(&text, METRICS_TEXT_MAX);
    enum status s = metrics_write(&g->sum, &text);
    if (s == STATUS_OK)
        s = buffer_printf(&text,
                          "# HELP chatgate_ready Whether /readyz says 200.\n"
                          "# TYPE chatgate_ready gauge\nchatgate_ready %d\n"
                          "# HELP chatgate_policy_info The policies loaded.\n"
                          "# TYPE chatgate_policy_info gauge\n"
                          "chatgate_policy_info{version=\"%s\"} 1\n",
                          !g->server->is_draining &&
                              audit_file_is_healthy(g->server->shared.audit),
                          policy_snapshot_version(g->server->runtime->policy));
    if (s == STATUS_OK)
        admin_reply_send(g->reply, 200, "text/plain; version=0.0.4",
                         buffer_text(&text));
    else
        admin_reply_send(g->reply, 503, "text/plain",
                         TEXT_LIT("out of memory\n"));
    buffer_release(&text);
    free(g);
}

static void question_answered(void *arg)
{
    struct question *q = arg;
    struct gathering *g = q->gathering;
    metrics_add(&g->sum, &q->copy);
    free(q);
    if (--g->missing == 0)
        gathering_answer(g);
}

static void question_asked(void *arg)
{
    struct question *q = arg;
    worker_collect(q->worker, &q->copy);
    if (mailbox_post(q->gathering->server->mailbox, question_answered, q) !=
        STATUS_OK)
        log_event(LOG_ERROR, "metrics.failed", "reason=out-of-memory");
}

static void admin_metrics(void *arg, struct admin_reply *reply)
{
    struct server *s = arg;
    struct gathering *g = calloc(1, sizeof(*g));
    if (g == NULL) {
        admin_reply_send(reply, 503, "text/plain", TEXT_LIT("out of memory\n"));
        return;
    }
    *g = (struct gathering){.server = s, .reply = reply, .missing = 1};
    for (int i = 0; i < s->worker_count; i++) {
        struct question *q = calloc(1, sizeof(*q));
        if (q == NULL)
            break;
        q->gathering = g;
        q->worker = s->workers[i];
        if (mailbox_post(s->workers[i]->mailbox, question_asked, q) !=
            STATUS_OK) {
            free(q);
            break;
        }
        g->missing++;
    }
    if (--g->missing == 0)
        gathering_answer(g);
}

/* ---- the admin address ---- */

static bool admin_is_ready(void *arg, const char **why)
{
    struct server *s = arg;
    if (s->is_draining)
        *why = "draining";
    else if (!audit_file_is_healthy(s->shared.audit))
        *why = "the audit file cannot be written";
    else
        return true;
    return false;
}

static void write_policies(struct server *s, struct json_writer *w)
{
    const struct policy_snapshot *policy = s->runtime->policy;
    json_open_object(w);
    json_key(w, "version");
    json_str(w, policy_snapshot_version(policy));
    json_key(w, "reload_problem");
    json_str(w, s->reload_problem[0] ? s->reload_problem : NULL);
    json_key(w, "policies");
    json_open_array(w);
    for (size_t i = 0; i < policy_summary_count(policy); i++) {
        struct policy_summary p;
        policy_summary_at(policy, i, &p);
        json_open_object(w);
        json_key(w, "name");
        json_str(w, p.name);
        json_key(w, "file");
        json_str(w, p.file);
        json_key(w, "kind");
        json_str(w, p.is_contract ? "contract" : "policy");
        json_key(w, "mode");
        json_str(w, p.is_shadow ? "shadow" : "enforce");
        json_key(w, "operations");
        json_int(w, (int64_t)p.operation_count);
        json_key(w, "limits");
        json_int(w, (int64_t)p.limit_count);
        json_key(w, "body");
        json_bool(w, p.has_body);
        json_close_object(w);
    }
    json_close_array(w);
    json_close_object(w);
}

static void admin_policies(void *arg, struct admin_reply *reply)
{
    struct server *s = arg;
    struct buffer text;
    struct json_writer *w = json_writer_new();
    buffer_init(&text, METRICS_TEXT_MAX);
    enum status status = STATUS_NO_MEMORY;
    if (w != NULL) {
        json_writer_begin(w, &text);
        write_policies(s, w);
        status = json_writer_end(w);
    }
    if (status == STATUS_OK)
        admin_reply_send(reply, 200, "application/json", buffer_text(&text));
    else
        admin_reply_send(reply, 503, "text/plain", TEXT_LIT("out of memory\n"));
    json_writer_free(w);
    buffer_release(&text);
}

/* ---- explain: a question to one worker, the answer posted back ---- */

struct explaining {
    struct server *server;
    struct admin_reply *reply;
    struct worker *worker;
    struct arena arena; /* of the question's texts */
    struct explain_question question;
    enum status status;
    struct buffer answer;
};

static void explaining_free(struct explaining *e)
{
    buffer_release(&e->answer);
    arena_release(&e->arena);
    free(e);
}

static void explaining_answer(void *arg)
{
    struct explaining *e = arg;
    if (e->status == STATUS_OK)
        admin_reply_send(e->reply, 200, "application/json",
                         buffer_text(&e->answer));
    else if (e->status == STATUS_INVALID)
        admin_reply_send(e->reply, 400, "text/plain",
                         TEXT_LIT("from is no number like +14155550100; in a "
                                  "URL, + is written %2B\n"));
    else if (e->status == STATUS_NOT_FOUND)
        admin_reply_send(e->reply, 404, "text/plain",
                         TEXT_LIT("no such operation; /policies shows the "
                                  "contracts\n"));
    else
        admin_reply_send(e->reply, 503, "text/plain",
                         TEXT_LIT("it cannot be told now; try again\n"));
    explaining_free(e);
}

static void explaining_done(void *arg, enum status status,
                            const struct buffer *answer)
{
    struct explaining *e = arg;
    e->status = status;
    if (status == STATUS_OK)
        e->status = buffer_append_text(&e->answer, buffer_text(answer));
    if (mailbox_post(e->server->mailbox, explaining_answer, e) != STATUS_OK)
        log_event(LOG_ERROR, "explain.failed", "reason=out-of-memory");
}

static void explaining_ask(void *arg)
{
    struct explaining *e = arg;
    explain_ask(e->worker, &e->question, explaining_done, e);
}

static struct text keep_text(struct explaining *e, struct text t)
{
    return text_is_absent(t) ? t : arena_text(&e->arena, t);
}

static void admin_explain(void *arg, const struct admin_question *q,
                          struct admin_reply *reply)
{
    struct server *s = arg;
    struct explaining *e = calloc(1, sizeof(*e));
    if (e == NULL) {
        admin_reply_send(reply, 503, "text/plain", TEXT_LIT("out of memory\n"));
        return;
    }
    e->server = s;
    e->reply = reply;
    e->worker = s->workers[0];
    arena_init(&e->arena, EXPLAIN_QUESTION_MAX);
    buffer_init(&e->answer, METRICS_TEXT_MAX);
    e->question = (struct explain_question){
        .operation = keep_text(e, q->operation),
        .from = keep_text(e, q->from),
        .consumer = keep_text(e, q->consumer),
        .client = keep_text(e, q->client),
        .chat = keep_text(e, q->chat),
    };
    if (mailbox_post(e->worker->mailbox, explaining_ask, e) != STATUS_OK) {
        e->status = STATUS_NO_MEMORY;
        explaining_answer(e);
    }
}

const struct admin_source *admin_desk(void)
{
    static const struct admin_source source = {
        .is_ready = admin_is_ready,
        .metrics = admin_metrics,
        .policies = admin_policies,
        .explain = admin_explain,
    };
    return &source;
}
