/* SPDX-License-Identifier: Apache-2.0
 *
 * The rig of rig.h.
 */
#include "http/rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

struct rig rig;

#define BIG_BYTES (1024 * 1024)

static void note(struct rig *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void note(struct rig *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n =
        vsnprintf(r->log + r->log_len, sizeof(r->log) - r->log_len, fmt, ap);
    va_end(ap);
    if (n > 0 && r->log_len + (size_t)n < sizeof(r->log))
        r->log_len += (size_t)n;
}

void rig_forget(struct rig *r)
{
    r->log_len = 0;
    r->log[0] = '\0';
}

static bool is_path(const struct rig_exchange *x, const char *path)
{
    return strcmp(x->path, path) == 0;
}

static void begin_reply(struct rig_exchange *x, int status, int64_t length)
{
    static const struct http_header headers[] = {
        {TEXT("X-Test"), TEXT("yes")},
    };
    ck_assert_int_eq(http_reply_begin(x->req, status, headers, 1, length),
                     STATUS_OK);
    x->is_begun = true;
}

static void reply(struct rig_exchange *x, int status, const char *body,
                  size_t len)
{
    begin_reply(x, status, (int64_t)len);
    ck_assert_int_eq(http_reply_write(x->req, body, len), STATUS_OK);
    http_reply_end(x->req);
}

static void feed_big(struct rig_exchange *x)
{
    static const char piece[8192];
    while (x->big_left > 0 && http_reply_pending(x->req) < 64 * 1024) {
        size_t n = x->big_left < sizeof(piece) ? x->big_left : sizeof(piece);
        ck_assert_int_eq(http_reply_write(x->req, piece, n), STATUS_OK);
        x->big_left -= n;
    }
    if (x->big_left == 0)
        http_reply_end(x->req);
}

static void *on_begin(void *arg, struct http_request *req)
{
    struct rig *r = arg;
    struct text method = http_request_method(req);
    struct text target = http_request_target(req);
    enum http_refusal refusal = http_request_refusal(req);
    note(r, "begin %.*s %.*s|", TEXT_ARG(method), TEXT_ARG(target));
    if (text_equal(target, TEXT_LIT("/null")))
        return NULL;
    struct rig_exchange *x = calloc(1, sizeof(*x));
    x->rig = r;
    x->req = req;
    snprintf(x->path, sizeof(x->path), "%.*s", TEXT_ARG(target));
    r->latest = x;
    r->open_exchanges++;
    if (refusal != HTTP_REFUSAL_NONE) {
        const struct http_refusal_row *row = http_refusal_row(refusal);
        reply(x, row->status, row->name, strlen(row->name));
    } else if (is_path(x, "/refuse")) {
        http_request_discard(req);
        reply(x, 400, "refused", 7);
    } else if (is_path(x, "/continue")) {
        http_request_continue(req);
    }
    return x;
}

static void on_body(void *arg, const char *data, size_t len)
{
    struct rig_exchange *x = arg;
    if (x->rig->log_bodies)
        note(x->rig, "body %zu|", len);
    x->body = realloc(x->body, x->body_len + len);
    memcpy(x->body + x->body_len, data, len);
    x->body_len += len;
    x->pieces++;
    if (is_path(x, "/stream")) {
        if (!x->is_begun)
            begin_reply(x, 200, -1);
        ck_assert_int_eq(http_reply_write(x->req, data, len), STATUS_OK);
    } else if (is_path(x, "/early") && x->pieces == 1) {
        http_request_discard(x->req);
        reply(x, 400, "early", 5);
    } else if (is_path(x, "/pause") && x->pieces == 1) {
        http_request_pause(x->req, true);
    }
}

static void on_body_end(void *arg, enum http_refusal refusal)
{
    struct rig_exchange *x = arg;
    const struct http_refusal_row *row = http_refusal_row(refusal);
    note(x->rig, "end %s|", row->name);
    if (refusal != HTTP_REFUSAL_NONE) {
        if (x->is_begun)
            http_reply_abort(x->req);
        else
            reply(x, row->status, row->name, strlen(row->name));
    } else if (is_path(x, "/stream")) {
        if (!x->is_begun)
            begin_reply(x, 200, -1);
        http_reply_end(x->req);
    } else if (is_path(x, "/empty")) {
        begin_reply(x, 204, -1);
        http_reply_end(x->req);
    } else if (is_path(x, "/short")) {
        begin_reply(x, 200, 10);
        ck_assert_int_eq(http_reply_write(x->req, "four", 4), STATUS_OK);
        http_reply_end(x->req);
    } else if (is_path(x, "/abort")) {
        begin_reply(x, 200, -1);
        ck_assert_int_eq(http_reply_write(x->req, "four", 4), STATUS_OK);
        http_reply_abort(x->req);
    } else if (is_path(x, "/big")) {
        x->big_left = BIG_BYTES;
        begin_reply(x, 200, BIG_BYTES);
        feed_big(x);
    } else if (!is_path(x, "/hold")) {
        if (is_path(x, "/close"))
            http_request_close_after(x->req);
        reply(x, 200, x->body, x->body_len);
    }
}

static void on_drained(void *arg)
{
    struct rig_exchange *x = arg;
    if (x->big_left > 0)
        feed_big(x);
}

static void on_gone(void *arg)
{
    struct rig_exchange *x = arg;
    note(x->rig, "gone|");
    http_request_release(x->req);
}

static void on_done(void *arg)
{
    struct rig_exchange *x = arg;
    note(x->rig, "done|");
    x->rig->open_exchanges--;
    if (x->rig->latest == x)
        x->rig->latest = NULL;
    free(x->body);
    free(x);
}

static const struct http_handler handler = {on_begin,   on_body, on_body_end,
                                            on_drained, on_gone, on_done};

void rig_open(struct rig *r)
{
    memset(r, 0, sizeof(*r));
    r->settings = (struct http_settings){
        .max_body_bytes = 1024 * 1024,
        .max_head_bytes = 16 * 1024,
        .max_connections = 100,
        .header_timeout_us = 10 * US_PER_S,
        .body_timeout_us = 30 * US_PER_S,
        .keepalive_timeout_us = 75 * US_PER_S,
        .send_timeout_us = 60 * US_PER_S,
    };
}

void rig_start(struct rig *r)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(fd, 128), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    r->port = ntohs(address.sin_port);
    r->base = event_base_new();
    ck_assert_int_eq(http_server_new(r->base, clock_system(), &r->settings,
                                     &handler, r, &r->server),
                     STATUS_OK);
    ck_assert_int_eq(http_server_accept(r->server, fd), STATUS_OK);
}

void rig_close(struct rig *r)
{
    if (r->server != NULL) {
        rig_run(r, 1);
        http_server_free(r->server);
        r->server = NULL;
    }
    ck_assert_int_eq(r->open_exchanges, 0);
    event_base_free(r->base);
}

static int64_t now_ms(void)
{
    return clock_mono(clock_system()) / US_PER_MS;
}

void rig_run(struct rig *r, int ms)
{
    int64_t end = now_ms() + ms;
    do {
        const struct timeval tick = {.tv_usec = 1000};
        event_base_loopexit(r->base, &tick);
        event_base_dispatch(r->base);
    } while (now_ms() < end);
}

static void turn(struct rig *r)
{
    event_base_loop(r->base, EVLOOP_NONBLOCK);
}

void rig_answer(struct rig *r, const char *body)
{
    ck_assert_ptr_nonnull(r->latest);
    reply(r->latest, 200, body, strlen(body));
}

int client_open(struct rig *r)
{
    return client_open_small(r, 0);
}

int client_open_small(struct rig *r, int receive_bytes)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)r->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (receive_bytes > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes,
                   sizeof(receive_bytes));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)),
                     0);
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    /* Each send is to arrive by itself. */
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

void client_close(int fd)
{
    close(fd);
}

void client_reset(int fd)
{
    const struct linger now = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
}

void client_send(struct rig *r, int fd, const char *data, size_t len)
{
    int64_t end = now_ms() + 2000;
    while (len > 0 && now_ms() < end) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return; /* refused and closed: the test looks at the answer */
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
        turn(r);
    }
    ck_assert_uint_eq(len, 0);
}

void client_send_str(struct rig *r, int fd, const char *text)
{
    client_send(r, fd, text, strlen(text));
}

size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

struct answer client_read(struct rig *r, int fd, const char *until, int times)
{
    struct answer a = {.data = calloc(1, 1)};
    int64_t end = now_ms() + 1000;
    while (now_ms() < end) {
        char piece[16384];
        turn(r);
        ssize_t n = recv(fd, piece, sizeof(piece), 0);
        if (n < 0 && errno == EAGAIN) {
            if (until != NULL && count_of(a.data, until) >= (size_t)times)
                break;
            rig_run(r, 1);
            continue;
        }
        if (n <= 0) {
            a.is_closed = n == 0;
            a.is_reset = n < 0;
            break;
        }
        a.data = realloc(a.data, a.len + (size_t)n + 1);
        memcpy(a.data + a.len, piece, (size_t)n);
        a.len += (size_t)n;
        a.data[a.len] = '\0';
    }
    return a;
}

char *client_all(struct rig *r, int fd)
{
    struct answer a = client_read(r, fd, NULL, 0);
    close(fd);
    return a.data;
}

struct answer talk(const char *request, const char *until, int times)
{
    int fd = client_open(&rig);
    client_send_str(&rig, fd, request);
    struct answer a = client_read(&rig, fd, until, times);
    client_close(fd);
    rig_run(&rig, 2);
    return a;
}

static void setup(void)
{
    rig_open(&rig);
}

static void teardown(void)
{
    if (rig.base != NULL)
        rig_close(&rig);
}

TCase *rig_tcase(Suite *s)
{
    TCase *t = tcase_create("loopback");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    suite_add_tcase(s, t);
    return t;
}

int rig_main(Suite *s)
{
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
