/* SPDX-License-Identifier: Apache-2.0
 *
 * Every allocation of a server's life fails once, ours and libevent's: a
 * request may get no answer then, but nothing crashes or leaks, every exchange
 * ends, and the server goes on.
 */
#include <check.h>
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/server.h"

/* ---- allocations that fail: --wrap for our objects, and libevent's hooks ----
 */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static bool is_wanted; /* one is to fail */
static bool is_armed;  /* and may now: not within libcheck's own calls */
static long countdown; /* which one */

static bool fails(void)
{
    return is_armed && countdown-- == 0;
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

static void quiet(int severity, const char *message)
{
    (void)severity, (void)message;
}

/* ---- the smallest exchange that does everything ---- */

struct exchange {
    struct http_request *req;
    size_t len;
    bool is_over;
};

static int under_way;

static void answer(struct exchange *x, int status)
{
    static const struct http_header header = {TEXT("X-Test"), TEXT("yes")};
    if (http_reply_begin(x->req, status, &header, 1, -1) != STATUS_OK ||
        http_reply_write(x->req, "hello", 5) != STATUS_OK)
        http_reply_abort(x->req);
    else
        http_reply_end(x->req);
    x->is_over = true;
}

static void *on_begin(void *arg, struct http_request *req)
{
    (void)arg;
    struct exchange *x = calloc(1, sizeof(*x));
    if (x == NULL)
        return NULL;
    x->req = req;
    under_way++;
    if (http_request_refusal(req) != HTTP_REFUSAL_NONE)
        answer(x, 400);
    else
        http_request_continue(req);
    return x;
}

static void on_body(void *arg, const char *data, size_t len)
{
    struct exchange *x = arg;
    (void)data;
    x->len += len;
}

static void on_body_end(void *arg, enum http_refusal refusal)
{
    answer(arg, refusal == HTTP_REFUSAL_NONE ? 200 : 400);
}

static void on_drained(void *arg)
{
    (void)arg;
}

static void on_gone(void *arg)
{
    struct exchange *x = arg;
    http_request_release(x->req);
}

static void on_done(void *arg)
{
    under_way--;
    free(arg);
}

static const struct http_handler handler = {on_begin,   on_body, on_body_end,
                                            on_drained, on_gone, on_done};

static const struct http_settings settings = {
    .max_body_bytes = 1024 * 1024,
    .max_head_bytes = 16 * 1024,
    .max_connections = 100,
    .header_timeout_us = US_PER_S,
    .body_timeout_us = US_PER_S,
    .keepalive_timeout_us = US_PER_S,
    .send_timeout_us = US_PER_S,
};

static struct event_base *base;
static struct http_server *server;
static struct sockaddr_in address;

static int listening(void)
{
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    address = (struct sockaddr_in){.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(fd, 16), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return fd;
}

static void turn(int times)
{
    is_armed = is_wanted;
    for (int i = 0; i < times; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
    is_armed = false;
}

static int open_client(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)),
                     0);
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
    turn(4);
}

/* Heads and bodies whole and in pieces, pipelined, refused, cut off. */
static void scenario(void)
{
    int a = open_client(), b = open_client();
    turn(3);
    say(a, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-con");
    say(a, "tinue\r\nTransfer-Encoding: chunked\r\n\r\n");
    say(a, "5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"
           "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    say(b, "GET / HTTP/1.0\r\n\r\n");
    int c = open_client();
    say(c, "GET / HTTP/1.1\r\nHost : h\r\n\r\n");
    int d = open_client();
    say(d, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx");
    shutdown(d, SHUT_WR);
    turn(4);
    close(a);
    close(b);
    close(c);
    close(d);
    turn(4);
}

static bool is_served(void)
{
    int fd = open_client();
    char data[256];
    ssize_t n = -1;
    (void)!send(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 27, MSG_NOSIGNAL);
    for (int i = 0; i < 500 && n < 0; i++) {
        turn(1);
        n = recv(fd, data, sizeof(data), 0);
        if (n < 0)
            usleep(1000);
    }
    close(fd);
    turn(3);
    return n > 12 && memcmp(data, "HTTP/1.1 200", 12) == 0;
}

START_TEST(the_server_survives_every_failed_allocation)
{
    long n;
    event_set_mem_functions(__wrap_malloc, __wrap_realloc, free);
    event_set_log_callback(quiet);
    log_set_level(LOG_ERROR);
    for (n = 0; n < 10000; n++) {
        base = event_base_new();
        int fd = listening();
        countdown = n;
        is_armed = true;
        enum status s = http_server_new(base, clock_system(), &settings,
                                        &handler, NULL, &server);
        if (s == STATUS_OK)
            s = http_server_accept(server, fd);
        is_armed = false;
        is_wanted = true;
        if (s == STATUS_OK)
            scenario();
        is_wanted = false;
        bool was_hit = countdown < 0;
        if (s == STATUS_OK) {
            ck_assert_msg(is_served(), "not served after failure %ld", n);
            struct http_counters c;
            http_server_counters(server, &c);
            ck_assert_int_eq(under_way, 0);
            ck_assert_msg(c.held_bytes == 0, "held after failure %ld", n);
        } else {
            ck_assert_int_eq(s, STATUS_NO_MEMORY);
            ck_assert(was_hit);
            if (server == NULL)
                close(fd);
        }
        if (server != NULL)
            http_server_free(server);
        server = NULL;
        event_base_free(base);
        ck_assert_int_eq(under_way, 0);
        if (!was_hit)
            break;
    }
    ck_assert_int_gt(n, 30);
    ck_assert_int_lt(n, 10000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("memory");
    TCase *t = tcase_create("memory");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_server_survives_every_failed_allocation);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
