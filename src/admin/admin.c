/* SPDX-License-Identifier: Apache-2.0
 *
 * admin/admin.c - a table of paths over evhttp.
 *
 * A reply may outlive its connection, and the server: evhttp frees a request
 * whose connection closes, so the connection's close callback, and
 * admin_free(), clear the reply's pointer to it.
 */
#include "admin/admin.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "base/check.h"
#include "base/crypto.h"

#define ADMIN_MAGIC 0x61646d69u
#define REPLY_MAGIC 0x7265706cu
#define ADMIN_HEAD_MAX 8192
#define ADMIN_BODY_MAX 4096
#define ADMIN_TIMEOUT_S 10
#define ACCEPT_PAUSE_US (100 * 1000)
#define CREDENTIALS_MAX 512
#define ALL_METHODS 0x7fff /* 0x8000: unknown ones */

struct admin_reply {
    uint32_t magic;
    struct admin *admin;        /* NULL once the server is gone */
    struct evhttp_request *req; /* NULL once the connection is gone */
    LIST_ENTRY(admin_reply) entry;
};

struct admin {
    uint32_t magic;
    struct evhttp *http;
    struct admin_settings settings;
    const struct admin_source *source;
    void *arg;
    LIST_HEAD(admin_replies, admin_reply) replies;
};

/* ---- replies ---- */

static void reply_closed(struct evhttp_connection *connection, void *arg)
{
    struct admin_reply *reply;
    (void)connection;
    MAGIC_CAST(reply, arg, REPLY_MAGIC);
    reply->req = NULL;
}

static struct admin_reply *reply_new(struct admin *a,
                                     struct evhttp_request *req)
{
    struct admin_reply *reply = calloc(1, sizeof(*reply));
    if (reply == NULL)
        return NULL;
    MAGIC_SET(reply, REPLY_MAGIC);
    reply->admin = a;
    reply->req = req;
    LIST_INSERT_HEAD(&a->replies, reply, entry);
    evhttp_connection_set_closecb(evhttp_request_get_connection(req),
                                  reply_closed, reply);
    return reply;
}

static void add_header(struct evhttp_request *req, const char *name,
                       const char *value)
{
    evhttp_add_header(evhttp_request_get_output_headers(req), name, value);
}

static void send_text(struct evhttp_request *req, int status, const char *type,
                      struct text body)
{
    struct evbuffer *out = evbuffer_new();
    add_header(req, "Content-Type", type);
    add_header(req, "Cache-Control", "no-store");
    add_header(req, "X-Content-Type-Options", "nosniff");
    if (out != NULL && body.len > 0)
        evbuffer_add(out, body.data, body.len);
    evhttp_send_reply(req, status, NULL, out);
    if (out != NULL)
        evbuffer_free(out);
}

static void send_phrase(struct evhttp_request *req, int status,
                        const char *phrase)
{
    send_text(req, status, "text/plain; charset=utf-8", text_of(phrase));
}

void admin_reply_send(struct admin_reply *reply, int status, const char *type,
                      struct text body)
{
    CHECK(reply->magic == REPLY_MAGIC);
    if (reply->admin != NULL)
        LIST_REMOVE(reply, entry);
    if (reply->req != NULL) {
        evhttp_connection_set_closecb(evhttp_request_get_connection(reply->req),
                                      NULL, NULL);
        send_text(reply->req, status, type, body);
    }
    MAGIC_CLEAR(reply);
    free(reply);
}

/* ---- who may ask ---- */

/* A name that a browser could be led to by somebody else's DNS is no name of
 * ours: only literal addresses and localhost pass. */
static bool is_literal_host(const char *host)
{
    size_t len;
    if (host == NULL)
        return false;
    if (host[0] == '[') {
        len = strcspn(host, "]");
        return host[len] == ']' &&
               strspn(host + 1, "0123456789abcdefABCDEF:.") == len - 1;
    }
    len = strcspn(host, ":");
    return (len == 9 && strncasecmp(host, "localhost", 9) == 0) ||
           (len >= 7 && strspn(host, "0123456789.") == len);
}

static bool is_password_right(const struct admin *a, struct evhttp_request *req)
{
    char decoded[CREDENTIALS_MAX];
    uint8_t digest[CRYPTO_SHA256_SIZE];
    size_t len = 0;
    const char *value = evhttp_find_header(
        evhttp_request_get_input_headers(req), "Authorization");
    if (!a->settings.has_password)
        return true;
    if (value == NULL || strncasecmp(value, "Basic ", 6) != 0 ||
        crypto_base64_decode(text_of(value + 6), decoded, sizeof(decoded),
                             &len) != STATUS_OK)
        return false;
    struct text user;
    struct text password = text_cut(text_make(decoded, len), ':', &user);
    return !text_is_absent(password) &&
           crypto_sha256(password, digest) == STATUS_OK &&
           crypto_equal(digest, a->settings.password_sha256, sizeof(digest));
}

/* ---- paths ---- */

static void get_healthz(struct admin *a, struct evhttp_request *req)
{
    (void)a;
    send_phrase(req, 200, "ok\n");
}

static void get_readyz(struct admin *a, struct evhttp_request *req)
{
    const char *why = "not ready";
    if (a->source->is_ready(a->arg, &why)) {
        send_phrase(req, 200, "ready\n");
        return;
    }
    char phrase[256];
    snprintf(phrase, sizeof(phrase), "%s\n", why);
    send_phrase(req, 503, phrase);
}

static void get_later(struct admin *a, struct evhttp_request *req,
                      void (*fill)(void *arg, struct admin_reply *reply))
{
    struct admin_reply *reply = reply_new(a, req);
    if (reply == NULL)
        send_phrase(req, 503, "out of memory\n");
    else
        fill(a->arg, reply);
}

static void get_metrics(struct admin *a, struct evhttp_request *req)
{
    get_later(a, req, a->source->metrics);
}

static void get_policies(struct admin *a, struct evhttp_request *req)
{
    get_later(a, req, a->source->policies);
}

static void get_explain(struct admin *a, struct evhttp_request *req)
{
    struct evkeyvalq values;
    const char *query =
        evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req));
    if (evhttp_parse_query_str(query != NULL ? query : "", &values) != 0) {
        send_phrase(req, 400, "the query is malformed\n");
        return;
    }
    struct admin_question question = {
        .operation = text_of(evhttp_find_header(&values, "operation")),
        .from = text_of(evhttp_find_header(&values, "from")),
        .consumer = text_of(evhttp_find_header(&values, "consumer")),
        .client = text_of(evhttp_find_header(&values, "client")),
        .chat = text_of(evhttp_find_header(&values, "chat")),
    };
    struct admin_reply *reply = NULL;
    if (text_is_absent(question.operation))
        send_phrase(req, 400,
                    "say which operation: /explain?operation=createChat\n");
    else if ((reply = reply_new(a, req)) == NULL)
        send_phrase(req, 503, "out of memory\n");
    else
        a->source->explain(a->arg, &question, reply);
    evhttp_clear_headers(&values);
}

static void get_index(struct admin *a, struct evhttp_request *req)
{
    (void)a;
    send_phrase(req, 200,
                "chatgate\n\n"
                "/healthz   the process is alive\n"
                "/readyz    it should get traffic\n"
                "/metrics   Prometheus text\n"
                "/policies  what is loaded\n"
                "/explain?operation=ID[&from=N][&consumer=C]\n"
                "           which policies and buckets a request meets\n");
}

static const struct {
    const char *path;
    void (*get)(struct admin *a, struct evhttp_request *req);
    bool is_open; /* probes of an orchestrator carry no password */
} paths[] = {
    {"/healthz", get_healthz, true},  {"/readyz", get_readyz, true},
    {"/metrics", get_metrics, false}, {"/policies", get_policies, false},
    {"/explain", get_explain, false}, {"/", get_index, false},
};

static bool is_read(struct evhttp_request *req)
{
    enum evhttp_cmd_type method = evhttp_request_get_command(req);
    return method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD;
}

static void answer(struct evhttp_request *req, void *arg)
{
    struct admin *a;
    MAGIC_CAST(a, arg, ADMIN_MAGIC);
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req));
    size_t i = 0;
    while (i < ARRAY_LEN(paths) &&
           (path == NULL || strcmp(path, paths[i].path) != 0))
        i++;
    if (!is_literal_host(evhttp_find_header(
            evhttp_request_get_input_headers(req), "Host"))) {
        send_phrase(req, 421,
                    "ask by address or as localhost: this Host is not "
                    "served\n");
    } else if (i == ARRAY_LEN(paths)) {
        send_phrase(req, 404, "no such page; / lists them\n");
    } else if (!is_read(req)) {
        add_header(req, "Allow", "GET, HEAD");
        send_phrase(req, 405, "pages are only read here: GET or HEAD\n");
    } else if (!paths[i].is_open && !is_password_right(a, req)) {
        add_header(req, "WWW-Authenticate", "Basic realm=\"chatgate\"");
        send_phrase(req, 401, "a password is needed\n");
    } else {
        paths[i].get(a, req);
    }
}

/* ---- life ---- */

static void on_resume(evutil_socket_t fd, short what, void *listener)
{
    (void)fd, (void)what;
    evconnlistener_enable(listener);
}

/* No descriptor or no memory for one more connection: without a pause the loop
 * would spin, for the socket stays readable. (`arg` is evhttp's own.) */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    static const struct timeval pause = {.tv_usec = ACCEPT_PAUSE_US};
    (void)arg;
    evconnlistener_disable(listener);
    if (event_base_once(evconnlistener_get_base(listener), -1, EV_TIMEOUT,
                        on_resume, listener, &pause) != 0)
        evconnlistener_enable(listener);
}

enum status admin_new(struct event_base *base, int fd,
                      const struct admin_settings *settings,
                      const struct admin_source *source, void *arg,
                      struct admin **out)
{
    struct admin *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return STATUS_NO_MEMORY;
    MAGIC_SET(a, ADMIN_MAGIC);
    a->settings = *settings;
    a->source = source;
    a->arg = arg;
    LIST_INIT(&a->replies);
    a->http = evhttp_new(base);
    struct evhttp_bound_socket *bound =
        a->http ? evhttp_accept_socket_with_handle(a->http, fd) : NULL;
    if (bound == NULL) {
        if (a->http != NULL)
            evhttp_free(a->http);
        free(a);
        return STATUS_NO_MEMORY;
    }
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(bound),
                                on_accept_error);
    /* All that evhttp knows; to others it says 501 itself. */
    evhttp_set_allowed_methods(a->http, ALL_METHODS);
    evhttp_set_max_headers_size(a->http, ADMIN_HEAD_MAX);
    evhttp_set_max_body_size(a->http, ADMIN_BODY_MAX);
    evhttp_set_timeout(a->http, ADMIN_TIMEOUT_S);
    evhttp_set_default_content_type(a->http, NULL);
    evhttp_set_gencb(a->http, answer, a);
    *out = a;
    return STATUS_OK;
}

void admin_configure(struct admin *a, const struct admin_settings *settings)
{
    a->settings = *settings;
}

void admin_free(struct admin *a)
{
    if (a == NULL)
        return;
    struct admin_reply *reply;
    while ((reply = LIST_FIRST(&a->replies)) != NULL) {
        LIST_REMOVE(reply, entry);
        reply->admin = NULL;
    }
    /* Closes the connections, whose callbacks clear reply->req. */
    evhttp_free(a->http);
    MAGIC_CLEAR(a);
    free(a);
}
