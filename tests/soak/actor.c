/* SPDX-License-Identifier: Apache-2.0
 *
 * soak/actor.c - what to ask, how to ask it, and what may come of it.
 */
#define _GNU_SOURCE
#include "soak/actor.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/json.h"
#include "integration/rig.h"
#include "torture/client.h"

/* Longer than all time-outs of the gateway one after another, on a machine that
 * has other things to do: what hangs hangs for ever. */
#define DEADLINE_MS 60000
/* Less than the gateway's keepalive_timeout, by more than any machine's load.
 */
#define IDLE_MAX_MS 2000
#define SENDERS 20

static unsigned roll(struct actor *a, unsigned sides)
{
    return (unsigned)rand_r(&a->dice) % sides;
}

static void nap_ms(int ms)
{
    const struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

/* ---- what is asked ---- */

enum kind {
    CREATE,
    CREATE_WITH_KEY,
    MESSAGE,
    MESSAGE_TO_STRANGERS, /* a chat that the gateway has not seen */
    LIST,
    LARGE, /* an answer of 700 KiB */
    INVALID,
    NO_ROUTE,
    MALFORMED,
    KINDS
};

/* Statuses without any trouble; 429 where a limit applies. */
static const struct {
    unsigned weight;
    const char *method;
    bool is_limited;
    int status;
} kinds[KINDS] = {
    [CREATE] = {30, "POST", true, 201},
    [CREATE_WITH_KEY] = {10, "POST", true, 201},
    [MESSAGE] = {20, "POST", true, 202},
    [MESSAGE_TO_STRANGERS] = {5, "POST", true, 202},
    [LIST] = {10, "GET", true, 200},
    [LARGE] = {3, "GET", true, 200},
    [INVALID] = {10, "POST", false, 400},
    [NO_ROUTE] = {4, "POST", false, 404},
    [MALFORMED] = {8, "POST", false, 400},
};

/* What the upstream is asked to do wrong; `status`: what becomes of it (0: the
 * answer is cut off, or 502 where the cut fell into its head; 200: it passes
 * after all). */
static const struct {
    const char *fault;
    int status;
} faults[] = {
    {"drop_before_read", 502},
    {"drop_after_read", 502},
    {"reset", 502},
    {"silent", 504},
    {"delay=3s", 504},
    {"garbage", 502},
    {"half=20", 502},
    {"half", 0},
    {"half;chunked", 0},
    {"slow=200/5ms", 200},
    {"delay=50ms", 200},
    {"chunked", 200},
    {"hints", 200},
    {"close", 200},
    {"encoded", 200},
    {"status=500", 500},
    {"status=503", 503},
    {"status=429", 429},
    {"status=408", 408},
};

struct wish {
    enum kind kind;
    int fault; /* index; -1: none */
    size_t number;
    struct buffer text;
};

static void must(enum status s)
{
    ck_assert_int_eq(s, STATUS_OK);
}

static enum kind roll_kind(struct actor *a)
{
    int left = (int)roll(a, 100);

    for (enum kind k = 0; k < KINDS; k++) {
        left -= (int)kinds[k].weight;
        if (left < 0)
            return k;
    }
    return CREATE;
}

static void roll_sender(struct actor *a, char out[16])
{
    snprintf(out, 16, "+141555501%02u", roll(a, SENDERS));
}

static void make_create(struct actor *a, const char *number, const char *key,
                        char *body, size_t size)
{
    (void)a;
    snprintf(body, size,
             "{\"from\":\"%s\",\"to\":[\"+14155550199\"],\"message\":"
             "{\"parts\":[{\"type\":\"text\",\"value\":\"soak\"}]%s%s%s}}",
             number, key ? ",\"idempotency_key\":\"" : "", key ? key : "",
             key ? "\"" : "");
}

/* The id of a chat in a create's answer. */
static bool take_chat(const char *body, char out[64])
{
    const char *at = strstr(body, "\"chat\":{\"id\":\"");

    return at && sscanf(at, "\"chat\":{\"id\":\"%63[0-9a-f-]", out) == 1;
}

/* False: the upstream does not answer just now. */
static bool make_strangers_chat(struct actor *a, char out[64])
{
    struct client_answer answer;
    struct buffer text;
    char body[512], number[16];
    bool is_made;

    roll_sender(a, number);
    make_create(a, number, NULL, body, sizeof body);
    wire_head(&text, "POST", "/v3/chats", NULL, (long)strlen(body));
    must(buffer_append_str(&text, body));
    client_call(a->stub_port, buffer_text(&text), 0, 1000, &answer);
    is_made = answer.end == CLIENT_ANSWERED && answer.status == 201 &&
              take_chat(answer.bytes.data, out);
    client_answer_release(&answer);
    buffer_release(&text);
    return is_made;
}

static void write_malformed(struct actor *a, struct buffer *to)
{
    static const char *const heads[] = {
        "POST /v3/chats HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
        "Content-Length: 6\r\n\r\nhello!",
        "GET /v3/chats HTTP/1.1\r\nHost: h\r\nBad : x\r\n\r\n",
        "GET /v3/chats HTTP/1.1\nHost: h\n\n",
        "POST /v3/chats HTTP/1.1\r\nHost: h\r\n"
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        "GET /v3/chats HTTP/2.0\r\nHost: h\r\n\r\n",
        "GET http://other/v3/chats HTTP/1.1\r\nHost: h\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    };

    must(buffer_append_str(to, heads[roll(a, ARRAY_LEN(heads))]));
}

static const char *body_of(struct actor *a, const struct wish *w, char *out,
                           size_t size)
{
    char number[16], key[64];

    roll_sender(a, number);
    switch (w->kind) {
    case CREATE:
    case NO_ROUTE:
        make_create(a, number, NULL, out, size);
        return out;
    case CREATE_WITH_KEY:
        snprintf(key, sizeof key, "key-%zu", w->number);
        make_create(a, number, key, out, size);
        return out;
    case MESSAGE:
    case MESSAGE_TO_STRANGERS:
        return "{\"message\":{\"parts\":[{\"type\":\"text\",\"value\":\"m\"}]}"
               "}";
    case INVALID:
        make_create(a, "nobody", NULL, out, size);
        return out;
    default:
        return NULL;
    }
}

static void target_of(struct actor *a, struct wish *w, char *out, size_t size)
{
    char chat[64];

    snprintf(out, size, "/v3/chats");
    if (w->kind == MESSAGE_TO_STRANGERS && make_strangers_chat(a, chat))
        snprintf(out, size, "/v3/chats/%s/messages", chat);
    else if (w->kind == MESSAGE && a->chat[0])
        snprintf(out, size, "/v3/chats/%s/messages", a->chat);
    else if (w->kind == MESSAGE || w->kind == MESSAGE_TO_STRANGERS)
        w->kind = CREATE; /* no chat yet */
    else if (w->kind == LIST || w->kind == LARGE)
        snprintf(out, size, "/v3/chats?from=%%2B141555501%02u&limit=5",
                 roll(a, SENDERS));
    else if (w->kind == NO_ROUTE)
        snprintf(out, size, "/v3/nothing");
}

static void make_wish(struct actor *a, struct wish *w)
{
    char target[160], headers[256], body[1024];
    const char *text;

    w->kind = roll_kind(a);
    w->fault = roll(a, 100) < 20 ? (int)roll(a, ARRAY_LEN(faults)) : -1;
    buffer_init(&w->text, 64 * 1024);
    if (w->kind == MALFORMED) {
        write_malformed(a, &w->text);
        return;
    }
    if (w->kind == LARGE)
        w->fault = -1;
    target_of(a, w, target, sizeof target);
    w->number = ledger_open(
        a->ledger, &(struct ledger_row){
                       .is_write = strcmp(kinds[w->kind].method, "GET") != 0,
                       .has_key = w->kind == CREATE_WITH_KEY});
    /* Each is a client of its own to the gateway, which trusts us here. */
    snprintf(headers, sizeof headers,
             "X-Request-Id: soak-%zu\r\nX-Forwarded-For: 10.0.0.%u\r\n"
             "%s%s%s",
             w->number, a->seed % 250,
             w->fault >= 0 || w->kind == LARGE ? "X-Stub-Fault: " : "",
             w->fault >= 0      ? faults[w->fault].fault
             : w->kind == LARGE ? "huge=700KiB"
                                : "",
             w->fault >= 0 || w->kind == LARGE ? "\r\n" : "");
    text = body_of(a, w, body, sizeof body);
    wire_head(&w->text, kinds[w->kind].method, target, headers,
              text ? (long)strlen(text) : -1);
    if (text)
        must(buffer_append_str(&w->text, text));
}

/* ---- how it is asked ---- */

enum manner {
    ORDERLY,
    DRIPPING,
    HALF_AND_SILENT,
    HALF_AND_GONE,
    ALL_AND_GONE, /* with a reset */
    SHUT,         /* sends all, and says that no more comes */
    READS_SLOWLY,
    MANNERS
};

static enum manner roll_manner(struct actor *a)
{
    return roll(a, 100) < 65 ? ORDERLY
                             : (enum manner)(1 + roll(a, MANNERS - 1));
}

static void hang_up(struct actor *a, bool with_reset)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    if (with_reset)
        setsockopt(a->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(a->fd);
    a->fd = -1;
}

/* ---- what may come of it ---- */

/* Refusals of the gateway's own and what passes it, in the one envelope. */
static void check_envelope(struct actor *a, const struct wish *w,
                           const struct client_answer *answer)
{
    struct text body = client_answer_body(answer);
    struct problems problems;
    struct json_document *doc = NULL;

    if (answer->status < 400 || w->fault >= 0)
        return;
    problems_init(&problems);
    if (json_parse(body, "answer", 0, &problems, &doc) != STATUS_OK ||
        !json_at(doc->root, text_of("/error/code")))
        ledger_finding(a->ledger, "soak-%zu: %d without an envelope: %.*s",
                       w->number, answer->status, TEXT_ARG(body));
    json_free(doc);
    problems_release(&problems);
}

static bool is_expected(const struct wish *w, int status, bool was_disturbed)
{
    int wanted = kinds[w->kind].status, failed;

    if (status == wanted || (status == 429 && kinds[w->kind].is_limited))
        return true;
    if (!kinds[w->kind].is_limited) /* it never gets as far as the upstream */
        return false;
    if (was_disturbed) /* 404: a stub that was started anew knows no chats */
        return status == 502 || status == 503 || status == 504 ||
               status == 404 || status == 500 || status == 408;
    failed = w->fault >= 0 ? faults[w->fault].status : 200;
    return status == (failed ? failed : 502);
}

static bool may_be_cut(const struct wish *w, bool was_disturbed)
{
    return kinds[w->kind].is_limited &&
           (was_disturbed || (w->fault >= 0 && faults[w->fault].status == 0));
}

/* A time-out of the client's own making. */
static bool is_late_client(enum manner m, int status)
{
    return m == HALF_AND_SILENT && status == 408;
}

static bool has_own_id(const struct wish *w, const struct client_answer *answer)
{
    char own[64];

    snprintf(own, sizeof own, "soak-%zu", w->number);
    return w->kind != MALFORMED && strcmp(own, answer->request_id) == 0;
}

static void judge_answer(struct actor *a, struct wish *w, enum manner m,
                         const struct client_answer *answer, bool was_disturbed)
{
    static const enum ledger_end ends[] = {
        [CLIENT_ANSWERED] = LEDGER_ANSWERED,
        [CLIENT_CLOSED] = LEDGER_CLOSED,
        [CLIENT_LATE] = LEDGER_LATE,
        [CLIENT_GARBLED] = LEDGER_CLOSED,
    };
    bool is_whole = answer->end == CLIENT_ANSWERED;
    const char *fault = w->fault >= 0 ? faults[w->fault].fault : "none";

    if (answer->end == CLIENT_LATE)
        ledger_finding(a->ledger,
                       "soak-%zu: kind %d, manner %d, fault %s: no end after "
                       "%lld ms; so far: %.*s",
                       w->number, w->kind, m, fault, (long long)answer->took_ms,
                       (int)(answer->bytes.len < 300 ? answer->bytes.len : 300),
                       answer->bytes.data ? answer->bytes.data : "");
    if (answer->end == CLIENT_GARBLED)
        ledger_finding(a->ledger, "soak-%zu: bytes that are no answer",
                       w->number);
    if (is_whole && !is_late_client(m, answer->status) &&
        !is_expected(w, answer->status, was_disturbed))
        ledger_finding(a->ledger,
                       "soak-%zu: kind %d, manner %d, fault %s: status %d",
                       w->number, w->kind, m, fault, answer->status);
    if (answer->end == CLIENT_CLOSED && !may_be_cut(w, was_disturbed))
        ledger_finding(a->ledger,
                       "soak-%zu: kind %d, manner %d, fault %s: cut off with "
                       "status %d (%s)",
                       w->number, w->kind, m, fault, answer->status,
                       a->is_fresh ? "a new connection" : "a kept connection");
    if (is_whole)
        check_envelope(a, w, answer);
    if (is_whole && !has_own_id(w, answer)) {
        /* Its head was refused before it was read to the end. */
        ledger_stranger(a->ledger, answer->request_id, answer->status);
        if (w->kind != MALFORMED)
            ledger_close(a->ledger, w->number, LEDGER_ABANDONED, 0);
        return;
    }
    if (w->kind == MALFORMED)
        return;
    ledger_close(a->ledger, w->number, ends[answer->end], answer->status);
    if (is_whole && answer->status == 201)
        take_chat(answer->bytes.data, a->chat);
}

/* ---- one request ---- */

/* The upstream is disturbed while the number is odd. */
static unsigned disturbances(const struct actor *a)
{
    return __atomic_load_n(a->disturbances, __ATOMIC_SEQ_CST);
}

static void leave(struct actor *a, const struct wish *w)
{
    nap_ms((int)roll(a, 30));
    hang_up(a, roll(a, 2) == 0);
    if (w->kind != MALFORMED)
        ledger_close(a->ledger, w->number, LEDGER_ABANDONED, 0);
}

static bool stays_open(const struct client_answer *answer)
{
    const char *close = answer->body > 0 ? strcasestr(answer->bytes.data,
                                                      "\r\nConnection: close")
                                         : NULL;

    return answer->end == CLIENT_ANSWERED &&
           !(close && close < answer->bytes.data + answer->body);
}

static void ask(struct actor *a)
{
    unsigned before = disturbances(a);
    int64_t begin, until;
    enum manner m = roll_manner(a);
    struct client_answer answer;
    struct wish w = {0};
    struct text all;

    if (before != a->chat_made_at)
        a->chat[0] = '\0'; /* forgotten, perhaps */
    make_wish(a, &w);
    if (w.kind == MALFORMED)
        m = ORDERLY;
    all = buffer_text(&w.text);
    if (m == HALF_AND_SILENT || m == HALF_AND_GONE)
        all.len = 1 + roll(a, (unsigned)all.len - 1);
    begin = process_now_ms();
    until = begin + process_stretch(DEADLINE_MS);
    /* What has been idle for long may be closed just now. */
    if (a->fd >= 0 && begin > a->used_at + IDLE_MAX_MS)
        hang_up(a, false);
    a->is_fresh = a->fd < 0;
    if (a->fd < 0)
        a->fd = client_dial(a->port);
    if (a->fd < 0) {
        ledger_finding(a->ledger, "soak-%zu: the gateway cannot be reached",
                       w.number);
        if (w.kind != MALFORMED)
            ledger_close(a->ledger, w.number, LEDGER_ABANDONED, 0);
        buffer_release(&w.text);
        return;
    }
    (void)client_send(a->fd, all, m == DRIPPING ? 5 + roll(a, 60) : 0, until);
    if (m == SHUT)
        shutdown(a->fd, SHUT_WR);
    if (m == HALF_AND_GONE || m == ALL_AND_GONE) {
        leave(a, &w);
        buffer_release(&w.text);
        return;
    }
    client_read(a->fd, m == READS_SLOWLY ? 1 + roll(a, 20000) : 0, until,
                &answer);
    a->used_at = process_now_ms(); /* before anything that may wait */
    answer.took_ms = a->used_at - begin;
    judge_answer(a, &w, m, &answer, before % 2 || before != disturbances(a));
    a->chat_made_at = before;
    /* Who drips on after an early answer may be later than body_timeout. */
    if (!stays_open(&answer) || m == SHUT || m == HALF_AND_SILENT ||
        (m == DRIPPING && answer.status == 404) || w.kind == MALFORMED ||
        roll(a, 10) == 0)
        hang_up(a, false);
    client_answer_release(&answer);
    buffer_release(&w.text);
}

static void *run(void *arg)
{
    struct actor *a = arg;

    while (!__atomic_load_n(a->is_over, __ATOMIC_SEQ_CST)) {
        ask(a);
        if (roll(a, 3) == 0)
            nap_ms((int)roll(a, 40));
    }
    if (a->fd >= 0)
        close(a->fd);
    return NULL;
}

void actor_start(struct actor *a)
{
    a->dice = a->seed;
    a->fd = -1;
    ck_assert_int_eq(pthread_create(&a->thread, NULL, run, a), 0);
}

void actor_join(struct actor *a)
{
    pthread_join(a->thread, NULL);
}
