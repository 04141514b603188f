/* SPDX-License-Identifier: Apache-2.0
 *
 * upstream/call.c - one request, as libcurl is told it, and its answer.
 *
 * A call owns a libcurl handle and keeps both when it is done: what is the same
 * for every request is set once (pin(), apply_settings()), so that a request
 * costs five options. The URL given to libcurl never changes either, and is
 * given parsed (CURLOPT_CURLU): a URL as text is parsed and printed again by
 * libcurl for every transfer, a fifth of its instructions. Path, query and
 * headers go out by CURLOPT_REQUEST_TARGET, byte for byte (see
 * upstream/request.h); libcurl's URL parser, which would normalise and refuse
 * some, does not see them.
 *
 * Every body is a POST to libcurl, by whatever method (CURLOPT_CUSTOMREQUEST):
 * that is its one way that sends from memory, with a Content-Length, 0
 * included, headers and small bodies in one send.
 *
 * What may have reached the upstream is decided by two numbers of libcurl's:
 * CURLINFO_REQUEST_SIZE, the bytes that the socket took at once, and
 * CURLINFO_PRETRANSFER_TIME_T, which is set when the sending has not failed: a
 * socket that took nothing at first may take all of it later, and libcurl does
 * not count that. Over TLS a failed write may have left part of a record, so
 * there any attempt counts.
 */
#include "upstream/client.h"
#include "upstream/request.h"

#include <stdlib.h>

#include "base/check.h"

/* As many easy handles are kept for later as connections are, but not more
 * than this: one costs about 10 KB. */
#define IDLE_CALLS_MAX 256
/* What is read at once, and what libcurl may hold while paused. */
#define READ_BYTES (16L * 1024)
/* libcurl caches the parsed CA bundle; a replaced file is noticed after. */
#define CA_CACHE_S 600L

const char *upstream_outcome_name(enum upstream_outcome o)
{
    static const char *const names[] = {
        [UPSTREAM_ANSWERED] = "",
        [UPSTREAM_CONNECT] = "upstream.connect",
        [UPSTREAM_SEND] = "upstream.send",
        [UPSTREAM_TIMEOUT] = "upstream.timeout",
        [UPSTREAM_MALFORMED] = "upstream.malformed",
        [UPSTREAM_BROKEN] = "upstream.broken",
        [UPSTREAM_CANCELLED] = "upstream.cancelled",
    };

    _Static_assert(ARRAY_LEN(names) == UPSTREAM_CANCELLED + 1,
                   "a name for each outcome");
    CHECK((size_t)o < ARRAY_LEN(names));
    return names[o];
}

/* What libcurl calls while it runs. */

/* Bytes of the request may have left in this try. */
static bool has_sent(const struct upstream_call *call)
{
    long bytes = 0;
    curl_off_t begun = 0;

    if (call->attempts == 0)
        return false;
    if (call->is_https)
        return true;
    (void)curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &bytes);
    (void)curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &begun);
    return bytes > 0 || begun > 0;
}

static int before_sending(void *arg, char *remote_ip, char *local_ip,
                          int remote_port, int local_port)
{
    struct upstream_call *call;

    (void)remote_ip;
    (void)local_ip;
    (void)remote_port;
    (void)local_port;
    MAGIC_CAST(call, arg, UPSTREAM_CALL_MAGIC);
    if (call->attempts > 0) {
        bool may = call->was_sent || has_sent(call)
                       ? call->is_idempotent && call->attempts < 2
                       : call->attempts < 2;

        if (!may) {
            call->was_stopped = true;
            return CURL_PREREQFUNC_ABORT;
        }
        if (call->tries == 1)
            call->upstream->counters.retries++;
    }
    call->attempts++;
    return CURL_PREREQFUNC_OK;
}

static bool is_gone(const struct upstream_call *call)
{
    return call->state != CALL_RUNNING;
}

static void progress(struct upstream_call *call)
{
    struct upstream *u = call->upstream;

    call->due = clock_mono(u->clock) + u->settings.idle_timeout_us;
    upstream_watch(u, call->due);
}

static size_t on_header_line(char *line, size_t size, size_t count, void *arg)
{
    struct upstream_call *call;
    struct upstream_head head;
    size_t len = size * count;

    MAGIC_CAST(call, arg, UPSTREAM_CALL_MAGIC);
    if (is_gone(call))
        return 0;
    if (call->has_head) /* trailers: not passed on */
        return len;
    switch (upstream_head_reader_line(&call->head, line, len)) {
    case UPSTREAM_HEAD_MORE:
        return len;
    case UPSTREAM_HEAD_BAD:
        call->is_malformed = true;
        return 0;
    case UPSTREAM_HEAD_NO_MEMORY:
        call->is_no_memory = true;
        return 0;
    case UPSTREAM_HEAD_COMPLETE:
        break;
    }
    call->has_head = true;
    progress(call);
    upstream_head_reader_get(&call->head, &head);
    call->events.on_head(call->arg, &head);
    return is_gone(call) ? 0 : len;
}

static size_t on_body_piece(char *data, size_t size, size_t count, void *arg)
{
    struct upstream_call *call;
    size_t len = size * count;

    MAGIC_CAST(call, arg, UPSTREAM_CALL_MAGIC);
    if (is_gone(call))
        return 0;
    if (!call->has_head) {
        call->is_malformed = true;
        return 0;
    }
    if (call->untaken >= UPSTREAM_WINDOW) {
        call->is_paused = true;
        call->due = NEVER;
        return CURL_WRITEFUNC_PAUSE;
    }
    call->untaken += len;
    progress(call);
    call->events.on_body(call->arg, data, len);
    return is_gone(call) ? 0 : len;
}

/* Making handles. */

#define SET(option, value)                                                     \
    if (curl_easy_setopt(easy, option, value) != CURLE_OK)                     \
    return false

/* What never changes. */
static bool pin(struct upstream_call *call)
{
    CURL *easy = call->easy;

    SET(CURLOPT_PRIVATE, call);
    SET(CURLOPT_ERRORBUFFER, call->error);
    SET(CURLOPT_WRITEFUNCTION, on_body_piece);
    SET(CURLOPT_WRITEDATA, call);
    SET(CURLOPT_HEADERFUNCTION, on_header_line);
    SET(CURLOPT_HEADERDATA, call);
    SET(CURLOPT_PREREQFUNCTION, before_sending);
    SET(CURLOPT_PREREQDATA, call);
    SET(CURLOPT_OPENSOCKETFUNCTION, upstream_sockets_open);
    SET(CURLOPT_OPENSOCKETDATA, &call->upstream->sockets);
    SET(CURLOPT_CLOSESOCKETFUNCTION, upstream_sockets_close);
    SET(CURLOPT_CLOSESOCKETDATA, &call->upstream->sockets);
    SET(CURLOPT_BUFFERSIZE, READ_BYTES);
    SET(CURLOPT_HTTPHEADER, upstream_request_omitted);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_NOSIGNAL, 1L);
    /* A cancelled call does not wait for a name server. */
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_CA_CACHE_TIMEOUT, CA_CACHE_S);
    return true;
}

static long at_least_one(int64_t n)
{
    return n < 1 ? 1 : n > INT32_MAX ? INT32_MAX : (long)n;
}

/* What the settings say. A handle never sees others: after a reload the kept
 * ones are given up, since "the system's CA file" cannot be set again. */
static bool apply_settings(struct upstream_call *call)
{
    const struct upstream *u = call->upstream;
    const struct upstream_settings *s = &u->settings;
    CURL *easy = call->easy;

    call->root = curl_url_dup(u->root);
    if (!call->root)
        return false;
    SET(CURLOPT_CURLU, call->root);
    if (s->ca_file) {
        SET(CURLOPT_CAINFO, s->ca_file);
        SET(CURLOPT_CAPATH, NULL);
    }
    SET(CURLOPT_CONNECTTIMEOUT_MS,
        at_least_one(s->connect_timeout_us / US_PER_MS));
    SET(CURLOPT_MAXAGE_CONN, at_least_one(s->keep_idle_us / US_PER_S));
    call->is_https = u->is_https;
    call->generation = u->generation;
    return true;
}

struct upstream_call *upstream_call_new(struct upstream *u)
{
    struct upstream_call *call = calloc(1, sizeof(*call));

    if (!call)
        return NULL;
    MAGIC_SET(call, UPSTREAM_CALL_MAGIC);
    call->upstream = u;
    buffer_init(&call->request_head, UPSTREAM_REQUEST_HEAD_MAX);
    upstream_head_reader_init(&call->head);
    call->easy = curl_easy_init();
    if (!call->easy || !pin(call) || !apply_settings(call)) {
        upstream_call_free(call);
        return NULL;
    }
    return call;
}

void upstream_call_free(struct upstream_call *call)
{
    if (call->easy)
        curl_easy_cleanup(call->easy);
    curl_url_cleanup(call->root);
    buffer_release(&call->request_head);
    upstream_head_reader_release(&call->head);
    MAGIC_CLEAR(call);
    free(call);
}

/* Telling libcurl of a request. */

/* GET, HEAD and POST by their libcurl names; `custom` for any other. */
static bool set_method(struct upstream_call *call, struct text method,
                       bool is_post)
{
    CURL *easy = call->easy;
    char custom[UPSTREAM_METHOD_MAX + 1] = "";
    bool is_custom = true;

    if (is_post) {
        is_custom = !text_is(method, "POST");
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        SET(CURLOPT_POSTFIELDS, call->body.len > 0 ? call->body.data : "");
    } else if (text_is(method, "HEAD")) {
        is_custom = false;
        SET(CURLOPT_NOBODY, 1L);
    } else {
        is_custom = !text_is(method, "GET");
        SET(CURLOPT_HTTPGET, 1L);
    }
    if (is_custom)
        memcpy(custom, method.data, method.len);
    SET(CURLOPT_CUSTOMREQUEST, is_custom ? custom : NULL);
    return true;
}

static bool set_head(struct upstream_call *call)
{
    CURL *easy = call->easy;

    SET(CURLOPT_REQUEST_TARGET, call->request_head.data);
    return true;
}

static enum status prepare(struct upstream_call *call,
                           const struct upstream_request *request)
{
    const struct upstream *u = call->upstream;
    enum status s = upstream_request_compose(request, u->host, u->prefix,
                                             &call->request_head);

    if (s != STATUS_OK)
        return s;
    call->body = request->has_body ? request->body : TEXT_LIT("");
    call->is_idempotent = request->is_idempotent;
    if (!set_method(call, request->method, upstream_request_is_post(request)) ||
        !set_head(call))
        return STATUS_NO_MEMORY;
    return STATUS_OK;
}

/* Start, end. */

/* A kept handle with today's settings, or a new one. */
static struct upstream_call *take_idle(struct upstream *u)
{
    struct upstream_call *call;

    while ((call = TAILQ_FIRST(&u->idle)) != NULL) {
        TAILQ_REMOVE(&u->idle, call, link);
        u->idle_count--;
        if (call->generation == u->generation)
            return call;
        upstream_call_free(call);
    }
    return upstream_call_new(u);
}

static void put_idle(struct upstream_call *call)
{
    struct upstream *u = call->upstream;

    upstream_head_reader_clear(&call->head);
    if (u->idle_count == IDLE_CALLS_MAX) {
        upstream_call_free(call);
        return;
    }
    call->state = CALL_IDLE;
    /* The one used last is the one whose memory is warm. */
    TAILQ_INSERT_HEAD(&u->idle, call, link);
    u->idle_count++;
}

void upstream_call_recycle(struct upstream_call *call)
{
    upstream_unqueue(call);
    TAILQ_REMOVE(&call->upstream->live, call, link);
    put_idle(call);
}

/* Ready to be given to libcurl, for the first or the second time. */
static void begin_try(struct upstream_call *call)
{
    call->tries++;
    call->was_stopped = false;
    call->error[0] = '\0';
    upstream_head_reader_clear(&call->head);
    call->due = call->answer_due;
    call->state = CALL_STARTING;
    upstream_queue(call, &call->upstream->starting);
    upstream_kick(call->upstream);
}

enum status upstream_call_start(struct upstream *u,
                                const struct upstream_request *request,
                                const struct upstream_events *events, void *arg,
                                struct upstream_call **out)
{
    struct upstream_call *call;
    enum status s;

    CHECK(u->magic == UPSTREAM_MAGIC);
    call = take_idle(u);
    if (!call)
        return STATUS_NO_MEMORY;
    s = prepare(call, request);
    if (s != STATUS_OK) {
        put_idle(call);
        return s;
    }
    call->events = *events;
    call->arg = arg;
    call->tries = 0;
    call->attempts = 0;
    call->was_sent = false;
    call->has_head = false;
    call->is_malformed = false;
    call->is_no_memory = false;
    call->is_paused = false;
    call->untaken = 0;
    call->started_at = clock_mono(u->clock);
    call->answer_due = call->started_at + u->settings.answer_timeout_us;
    TAILQ_INSERT_TAIL(&u->live, call, link);
    u->counters.calls++;
    begin_try(call);
    upstream_watch(u, call->due);
    *out = call;
    return STATUS_OK;
}

void upstream_call_taken(struct upstream_call *call, size_t bytes)
{
    CHECK(call->magic == UPSTREAM_CALL_MAGIC);
    CHECK(bytes <= call->untaken);
    call->untaken -= bytes;
    if (call->is_paused && call->untaken <= UPSTREAM_WINDOW / 2 &&
        call->state == CALL_RUNNING && !call->queue) {
        upstream_queue(call, &call->upstream->resuming);
        upstream_kick(call->upstream);
    }
}

void upstream_call_cancel(struct upstream_call *call)
{
    struct upstream *u;

    CHECK(call->magic == UPSTREAM_CALL_MAGIC);
    CHECK(call->state != CALL_IDLE);
    u = call->upstream;
    if (call->state == CALL_ENDING || call->state == CALL_CANCELLED)
        return;
    if (u->is_in_curl) {
        call->state = CALL_CANCELLED;
        upstream_queue(call, &u->cancelled);
        return;
    }
    upstream_remove(u, call);
    upstream_call_recycle(call);
}

static void finish(struct upstream_call *call, enum upstream_outcome outcome,
                   const char *detail)
{
    struct upstream *u = call->upstream;
    struct upstream_result result = {
        .outcome = outcome,
        .may_be_delivered = call->was_sent || has_sent(call) || call->has_head,
        .attempts = call->attempts,
        .duration_us = clock_mono(u->clock) - call->started_at,
        .detail = detail,
    };

    if (outcome != UPSTREAM_ANSWERED)
        u->counters.failures++;
    upstream_unqueue(call);
    TAILQ_REMOVE(&u->live, call, link);
    call->state = CALL_ENDING;
    call->events.on_done(call->arg, &result);
    put_idle(call);
}

static enum upstream_outcome outcome_of(const struct upstream_call *call,
                                        CURLcode code)
{
    if (call->has_head)
        return code == CURLE_OK ? UPSTREAM_ANSWERED : UPSTREAM_BROKEN;
    if (call->attempts == 0)
        return UPSTREAM_CONNECT;
    if (call->is_malformed)
        return UPSTREAM_MALFORMED;
    switch (code) {
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9, HTTP/3.5 */
    case CURLE_FILESIZE_EXCEEDED:    /* a Content-Length past 63 bits */
    case CURLE_BAD_CONTENT_ENCODING:
        return UPSTREAM_MALFORMED;
    case CURLE_OUT_OF_MEMORY:
        /* Also what libcurl says of a header line over 100 KB. */
        return call->head.status != 0 && !call->is_no_memory
                   ? UPSTREAM_MALFORMED
                   : UPSTREAM_SEND;
    default:
        return UPSTREAM_SEND;
    }
}

static const char *detail_of(const struct upstream_call *call, CURLcode code)
{
    if (code == CURLE_OK && call->has_head)
        return "";
    if (call->is_malformed && call->head.problem)
        return call->head.problem;
    if (call->is_no_memory)
        return "out of memory";
    if (call->was_stopped)
        return "the connection broke before an answer; not sent again";
    if (code == CURLE_OK)
        return "the connection was closed in the middle of the answer's head";
    return call->error[0] != '\0' ? call->error : curl_easy_strerror(code);
}

/* A second try would not send twice what may be sent once only. */
static bool may_try_again(const struct upstream_call *call,
                          enum upstream_outcome outcome, CURLcode code)
{
    if (call->tries > 1 ||
        clock_mono(call->upstream->clock) >= call->answer_due)
        return false;
    if (outcome == UPSTREAM_CONNECT)
        return code == CURLE_COULDNT_CONNECT ||
               code == CURLE_COULDNT_RESOLVE_HOST ||
               code == CURLE_SSL_CONNECT_ERROR;
    return outcome == UPSTREAM_SEND && !call->was_stopped &&
           call->is_idempotent && call->attempts < 2 &&
           code != CURLE_OUT_OF_MEMORY && !call->is_no_memory;
}

void upstream_call_ended(struct upstream_call *call, CURLcode code)
{
    enum upstream_outcome outcome = outcome_of(call, code);

    CHECK(call->state == CALL_RUNNING);
    if (may_try_again(call, outcome, code)) {
        call->was_sent = call->was_sent || has_sent(call);
        call->upstream->counters.retries++;
        begin_try(call);
        return;
    }
    finish(call, outcome, detail_of(call, code));
}

void upstream_call_expired(struct upstream_call *call)
{
    upstream_remove(call->upstream, call);
    if (call->has_head)
        finish(call, UPSTREAM_BROKEN, "no further byte of the answer in time");
    else if (call->attempts == 0)
        finish(call, UPSTREAM_CONNECT, "no connection in time");
    else
        finish(call, UPSTREAM_TIMEOUT, "no answer in time");
}
