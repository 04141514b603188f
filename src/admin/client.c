/* SPDX-License-Identifier: Apache-2.0
 *
 * admin/client.c - one GET on a loop of its own, by evhttp's client.
 */
#include "admin/client.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

#define CREDENTIALS_MAX 384

struct exchange_state {
    struct event_base *base;
    struct buffer *body;
    int http_status;
    enum status status;
};

static void on_answer(struct evhttp_request *req, void *arg)
{
    struct exchange_state *x = arg;
    x->status = STATUS_UNAVAILABLE;
    if (req != NULL && evhttp_request_get_response_code(req) != 0) {
        struct evbuffer *in = evhttp_request_get_input_buffer(req);
        size_t len = evbuffer_get_length(in);
        x->http_status = evhttp_request_get_response_code(req);
        x->status = buffer_append(x->body, evbuffer_pullup(in, -1), len);
    }
    event_base_loopbreak(x->base);
}

/* RFC 4648 section 4. */
static void base64(const char *in, size_t len, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        unsigned v = (unsigned)(unsigned char)in[i] << 16;
        v |= i + 1 < len ? (unsigned)(unsigned char)in[i + 1] << 8 : 0;
        v |= i + 2 < len ? (unsigned char)in[i + 2] : 0;
        *out++ = digits[v >> 18];
        *out++ = digits[v >> 12 & 63];
        *out++ = i + 1 < len ? digits[v >> 6 & 63] : '=';
        *out++ = i + 2 < len ? digits[v & 63] : '=';
    }
    *out = '\0';
}

static enum status add_password(struct evhttp_request *req,
                                const char *password)
{
    char plain[CREDENTIALS_MAX], value[6 + CREDENTIALS_MAX * 2];
    int len = snprintf(plain, sizeof(plain), "admin:%s", password);
    if (len < 0 || (size_t)len >= sizeof(plain))
        return STATUS_TOO_LARGE;
    memcpy(value, "Basic ", 6);
    base64(plain, (size_t)len, value + 6);
    evhttp_add_header(evhttp_request_get_output_headers(req), "Authorization",
                      value);
    return STATUS_OK;
}

/* evhttp's client connects by name and port; a bufferevent that is connected
 * already serves unix sockets as well. */
static enum status run(const struct admin_request *request,
                       struct exchange_state *x)
{
    struct bufferevent *bev =
        bufferevent_socket_new(x->base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (bev == NULL)
        return STATUS_NO_MEMORY;
    int fd = socket(request->address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, request->address, request->address_len) != 0) {
        if (fd >= 0)
            evutil_closesocket(fd);
        bufferevent_free(bev);
        return STATUS_UNAVAILABLE;
    }
    evutil_make_socket_nonblocking(fd);
    bufferevent_setfd(bev, fd);
    struct evhttp_connection *connection =
        evhttp_connection_base_bufferevent_new(x->base, NULL, bev, "127.0.0.1",
                                               80);
    if (connection == NULL) {
        bufferevent_free(bev);
        return STATUS_NO_MEMORY;
    }
    evhttp_connection_set_timeout(connection, request->timeout_s);
    struct evhttp_request *req = evhttp_request_new(on_answer, x);
    enum status s = req != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    if (s == STATUS_OK) {
        struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
        evhttp_add_header(headers, "Host", "localhost");
        evhttp_add_header(headers, "Connection", "close");
        if (request->password != NULL)
            s = add_password(req, request->password);
        if (s != STATUS_OK)
            evhttp_request_free(req);
        else if (evhttp_make_request(connection, req, EVHTTP_REQ_GET,
                                     request->target) != 0)
            s = STATUS_UNAVAILABLE;
        else
            event_base_dispatch(x->base);
    }
    evhttp_connection_free(connection);
    return s == STATUS_OK ? x->status : s;
}

enum status admin_get(const struct admin_request *request, int *http_status,
                      struct buffer *body)
{
    struct exchange_state x = {.body = body, .status = STATUS_UNAVAILABLE};
    x.base = event_base_new();
    if (x.base == NULL)
        return STATUS_NO_MEMORY;
    enum status s = run(request, &x);
    event_base_free(x.base);
    if (s == STATUS_OK)
        *http_status = x.http_status;
    return s;
}
