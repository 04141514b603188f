/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls against scripted servers: what is sent, what comes back, and what
 * each way of failing is called.
 */
#define _GNU_SOURCE /* strcasestr, memmem */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "probe.h"

static void answer_all(struct server_conn *c, void *arg)
{
    while (server_read(c))
        server_say(c, arg);
}

#define OK_2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static struct server *serve_text(const char *text)
{
    struct server *s = server_start(answer_all, (void *)(uintptr_t)text);

    client_open(s);
    return s;
}

static void close_all(struct server *s)
{
    client_close();
    server_stop(s);
}

/* What is sent. */

static char seen[16 * 1024];
static char seen_body[1024];

static void note_request(struct server_conn *c, void *arg)
{
    (void)arg;
    while (server_read(c)) {
        memcpy(seen, c->head, sizeof(seen));
        snprintf(seen_body, sizeof(seen_body), "%s", c->body);
        server_say(c, OK_2);
    }
}

static void ask(const struct upstream_request *r)
{
    struct probe p = {0};

    seen[0] = '\0';
    probe_request(&p, r);
    probe_wait(&p);
    ck_assert_int_eq(p.result.outcome, UPSTREAM_ANSWERED);
    ck_assert_str_eq(p.detail, "");
    ck_assert_int_eq(p.result.attempts, 1);
    ck_assert(p.result.may_be_delivered);
    ck_assert_int_eq(p.status, 200);
    ck_assert_str_eq(p.body, "ok");
    probe_release(&p);
}

START_TEST(request_is_sent_as_given)
{
    struct upstream_header h[] = {
        {TEXT("Accept-Encoding"), TEXT("identity")},
        {TEXT("X-Empty"), TEXT("")},
        {TEXT("Content-Type"), TEXT("application/json")},
        {TEXT("accept"), TEXT("application/json")},
    };
    struct upstream_request r = {
        .method = TEXT("POST"),
        .target = TEXT("/v3/../a//b/%2f%7e?x=%2B1;y='&#"),
        .headers = h,
        .header_count = 4,
        .body = TEXT("{\"a\":1}"),
        .has_body = true,
    };
    struct server *s = server_start(note_request, NULL);
    char expected[512];

    client_open(s);
    ask(&r);
    snprintf(expected, sizeof(expected),
             "POST /v3/../a//b/%%2f%%7e?x=%%2B1;y='&# HTTP/1.1\r\n"
             "Host: 127.0.0.1:%d\r\n"
             "Accept-Encoding: identity\r\n"
             "X-Empty: \r\n"
             "Content-Type: application/json\r\n"
             "accept: application/json\r\n"
             "Content-Length: 7\r\n"
             "X-Chatgate-Protocol: HTTP/1.1\r\n\r\n",
             server_port(s));
    ck_assert_str_eq(seen, expected);
    ck_assert_str_eq(seen_body, "{\"a\":1}");
    close_all(s);
}
END_TEST

START_TEST(methods_and_lengths)
{
    static const struct {
        const char *method, *body, *length; /* NULL: none may be sent */
    } cases[] = {
        {"GET", NULL, NULL},
        {"POST", "", "0"},
        {"POST", NULL, "0"},
        {"PUT", "{}", "2"},
        {"PUT", NULL, "0"},
        {"PATCH", "[1]", "3"},
        {"DELETE", "{\"h\":1}", "7"},
        {"DELETE", NULL, NULL},
        {"DELETE", "", "0"},
        {"OPTIONS", NULL, NULL},
        {"GET", "x", "1"},
        {"GET", NULL, NULL},
    };
    struct server *s = server_start(note_request, NULL);

    client_open(s);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct upstream_request r = {
            .method = text_of(cases[i].method),
            .target = TEXT("/x"),
            .body = text_of(cases[i].body),
            .has_body = cases[i].body != NULL,
        };
        char expected[256], length[64] = "";

        if (cases[i].length)
            snprintf(length, sizeof(length), "Content-Length: %s\r\n",
                     cases[i].length);
        ask(&r);
        snprintf(expected, sizeof(expected),
                 "%s /x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s"
                 "X-Chatgate-Protocol: HTTP/1.1\r\n\r\n",
                 cases[i].method, server_port(s), length);
        ck_assert_str_eq(seen, expected);
        ck_assert_str_eq(seen_body, cases[i].body ? cases[i].body : "");
    }
    ck_assert_int_eq(server_connections(s), 1);
    close_all(s);
}
END_TEST

START_TEST(base_url_has_a_prefix)
{
    struct upstream_request r = {.method = TEXT("GET"), .target = TEXT("/a?b")};
    struct server *s = server_start(note_request, NULL);
    char url[64];

    snprintf(url, sizeof(url), "http://127.0.0.1:%d/api/partner",
             server_port(s));
    client_open_url(url);
    ask(&r);
    ck_assert_ptr_nonnull(strstr(seen, "GET /api/partner/a?b HTTP/1.1\r\n"));
    close_all(s);
}
END_TEST

static void big_body(struct server_conn *c, void *arg)
{
    (void)arg;
    while (server_read(c)) {
        char answer[128], text[32];
        unsigned sum = 0;

        for (size_t i = 0; i < c->body_len; i++)
            sum = sum * 31 + (unsigned char)c->body[i];
        snprintf(text, sizeof(text), "%zu %u %d", c->body_len, sum,
                 strcasestr(c->head, "Expect:") != NULL);
        snprintf(answer, sizeof(answer),
                 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                 strlen(text), text);
        server_say(c, answer);
    }
}

START_TEST(large_bodies_arrive_whole)
{
    static const size_t sizes[] = {65535, 65536, 65537, 1 << 20, 8 << 20};
    struct server *s = server_start(big_body, NULL);
    char *body = malloc(8 << 20), expected[64];

    client_open(s);
    for (size_t i = 0; i < 8 << 20; i++)
        body[i] = (char)(i * 7 + i / 1000);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct upstream_request r = {
            .method = TEXT("POST"),
            .target = TEXT("/"),
            .body = {body, sizes[i]},
            .has_body = true,
        };
        struct probe p = {0};
        unsigned sum = 0;

        for (size_t k = 0; k < sizes[i]; k++)
            sum = sum * 31 + (unsigned char)body[k];
        probe_request(&p, &r);
        probe_wait(&p);
        ck_assert_int_eq(p.result.outcome, UPSTREAM_ANSWERED);
        snprintf(expected, sizeof(expected), "%zu %u 0", sizes[i], sum);
        ck_assert_str_eq(p.body, expected);
        probe_release(&p);
    }
    free(body);
    close_all(s);
}
END_TEST

START_TEST(unsendable_requests_are_refused)
{
    static const struct upstream_header bad_headers[] = {
        {TEXT("a:b"), TEXT("x")},       {TEXT("a;b"), TEXT("x")},
        {TEXT("a b"), TEXT("x")},       {TEXT(""), TEXT("x")},
        {TEXT("a"), TEXT("x\r\nb: c")}, {TEXT("a"), TEXT("x\0y")},
        {TEXT("a"), TEXT("x\ny")},
    };
    static const char *const bad_targets[] = {
        "", "v3", "*", "/a b", "/a\r\nX: y", "/\x7f", "/\xc3\xa4", "http://x/",
    };
    static const char *const bad_methods[] = {
        "",
        "GE T",
        "GET\r\n",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF",
    };
    struct server *s = serve_text(OK_2);
    struct upstream_request r = {.method = TEXT("GET"), .target = TEXT("/")};
    struct upstream_call *call;
    struct probe p = {0};
    char *huge = malloc(UPSTREAM_REQUEST_HEAD_MAX + 1);

    for (size_t i = 0; i < ARRAY_LEN(bad_headers); i++) {
        struct upstream_request bad = r;

        bad.headers = &bad_headers[i];
        bad.header_count = 1;
        ck_assert_int_eq(
            upstream_call_start(client, &bad, &probe_events, &p, &call),
            STATUS_INVALID);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad_targets); i++) {
        struct upstream_request bad = r;

        bad.target = text_of(bad_targets[i]);
        ck_assert_int_eq(
            upstream_call_start(client, &bad, &probe_events, &p, &call),
            STATUS_INVALID);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad_methods); i++) {
        struct upstream_request bad = r;

        bad.method = text_of(bad_methods[i]);
        ck_assert_int_eq(
            upstream_call_start(client, &bad, &probe_events, &p, &call),
            STATUS_INVALID);
    }
    memset(huge, 'x', UPSTREAM_REQUEST_HEAD_MAX + 1);
    {
        struct upstream_header h = {TEXT("x"),
                                    {huge, UPSTREAM_REQUEST_HEAD_MAX + 1}};
        struct upstream_request bad = r;

        bad.headers = &h;
        bad.header_count = 1;
        ck_assert_int_eq(
            upstream_call_start(client, &bad, &probe_events, &p, &call),
            STATUS_TOO_LARGE);
        bad = r;
        bad.method = TEXT_LIT("HEAD");
        bad.body = TEXT_LIT("x");
        bad.has_body = true;
        ck_assert_int_eq(
            upstream_call_start(client, &bad, &probe_events, &p, &call),
            STATUS_INVALID);
    }
    free(huge);
    probe_start(&p, "GET", "/", NULL); /* none of them harmed the client */
    probe_wait(&p);
    ck_assert_int_eq(p.result.outcome, UPSTREAM_ANSWERED);
    ck_assert_int_eq(server_requests(s), 1);
    probe_release(&p);
    close_all(s);
}
END_TEST

/* What comes back. */

static const struct {
    const char *method, *answer;
    int status;
    int64_t length;
    const char *headers, *body;
} answers[] = {
    {"GET",
     "HTTP/1.1 200 OK\r\ncOnTeNt-lEnGtH: 3\r\nX-OdD:\t a b \r\n"
     "content-TYPE:x\r\n\r\nabc",
     200, 3, "X-OdD: a b\ncontent-TYPE: x\n", "abc"},
    {"GET",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
     "1\r\na\r\n2;ext=1\r\nbc\r\n0\r\nX-T: 1\r\n\r\n",
     200, -1, "", "abc"},
    {"GET",
     "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n"
     "\r\n1\r\na\r\n0\r\n\r\n",
     200, -1, "", "a"},
    {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 77\r\nETag: x\r\n\r\n", 200,
     77, "ETag: x\n", ""},
    {"HEAD", "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n",
     404, -1, "", ""},
    {"DELETE", "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", 204, -1, "X: y\n",
     ""},
    {"DELETE", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 204, -1,
     "", ""},
    {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n", 304,
     500, "", ""},
    {"POST",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: y\r\n\r\n"
     "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
     "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
     202, 0, "", ""},
    {"GET",
     "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\n"
     "Content-Length: 0\r\n\r\n",
     301, 0, "Location: http://127.0.0.1:1/\n", ""},
    {"GET",
     "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\n"
     "Content-Length: 1\r\n\r\nx",
     401, 1, "WWW-Authenticate: Basic realm=x\n", "x"},
    {"GET",
     "HTTP/1.1 200 OK\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\n"
     "Keep-Alive: timeout=5\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nTE: x\r\n"
     "Proxy-Authenticate: x\r\nX-Stay: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"
     "Content-Length: 0\r\n\r\n",
     200, 0, "X-Stay: 2\nSet-Cookie: a\nSet-Cookie: b\n", ""},
    {"GET",
     "HTTP/1.1 200\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 200,
     5, "", "hello"},
    {"GET",
     "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nzz",
     200, 2, "Content-Encoding: gzip\n", "zz"},
    {"POST", "HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n{}", 500, 2, "",
     "{}"},
};

START_TEST(answer_is_told_right)
{
    struct server *s = serve_text(answers[_i].answer);
    struct probe p = {0};

    for (int i = 0; i < 3; i++) { /* on a warm connection as well */
        probe_start(&p, answers[_i].method, "/",
                    strcmp(answers[_i].method, "POST") == 0 ? "{}" : NULL);
        probe_wait(&p);
        ck_assert_int_eq(p.result.outcome, UPSTREAM_ANSWERED);
        ck_assert_int_eq(p.result.attempts, 1);
        ck_assert_int_eq(p.status, answers[_i].status);
        ck_assert_int_eq(p.content_length, answers[_i].length);
        ck_assert_str_eq(p.headers, answers[_i].headers);
        ck_assert_str_eq(p.body ? p.body : "", answers[_i].body);
        probe_release(&p);
    }
    ck_assert_int_eq(server_requests(s), 3);
    ck_assert_int_eq(server_connections(s), 1);
    close_all(s);
}
END_TEST

static void answer_until_close(struct server_conn *c, void *arg)
{
    (void)arg;
    if (server_read(c))
        server_say(c, "HTTP/1.0 200 OK\r\n\r\nto the end");
}

START_TEST(body_may_end_with_the_connection)
{
    struct server *s = server_start(answer_until_close, NULL);
    struct probe p = {0};

    client_open(s);
    for (int i = 0; i < 2; i++) {
        probe_start(&p, "GET", "/", NULL);
        probe_wait(&p);
        ck_assert_int_eq(p.result.outcome, UPSTREAM_ANSWERED);
        ck_assert_int_eq(p.content_length, -1);
        ck_assert_str_eq(p.body, "to the end");
        probe_release(&p);
    }
    ck_assert_int_eq(server_connections(s), 2);
    close_all(s);
}
END_TEST

static const char answer_in_pieces[] =
    "HTTP/1.1 100 Continue\r\n\r\n"
    "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";

static void answer_slowly(struct server_conn *c, void *arg)
{
    (void)arg;
    while (server_read(c))
        for (size_t i = 0; i + 1 < sizeof(answer_in_pieces); i++) {
            server_write(c, answer_in_pieces + i, 1);
            usleep(200);
        }
}

START_TEST(answer_in_single_bytes)
{
    struct server *s = server_start(answer_slowly, NULL);
    struct probe p = {0};

    client_open(s);
    probe_start(&p, "POST", "/", "{}");
    probe_wait(&p);
    ck_assert_int_eq(p.result.outcome, UPSTREAM_ANSWERED);
    ck_assert_str_eq(p.headers, "A: b\n");
    ck_assert_str_eq(p.body, "abcde");
    probe_release(&p);
    close_all(s);
}
END_TEST

/* An early refusal of a body that is still being sent is an answer. */
static void refuse_early(struct server_conn *c, void *arg)
{
    char some[16];

    (void)arg;
    if (recv(c->fd, some, sizeof(some), 0) > 0)
        server_say(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    server_await_close(c);
}

START_TEST(early_answer_to_a_large_body)
{
    struct server *s;
    struct probe p = {0};
    char *body = calloc(1, (8 << 20) + 1);

    memset(body, 'x', 8 << 20);
    s = server_start(refuse_early, NULL);
    client_open(s);
    probe_start(&p, "POST", "/", body);
    probe_wait(&p);
    ck_assert_int_eq(p.result.outcome, UPSTREAM_ANSWERED);
    ck_assert_int_eq(p.status, 413);
    ck_assert_str_eq(p.body, "no");
    probe_release(&p);
    free(body);
    close_all(s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("upstream/call");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, client_defaults, NULL);
    tcase_add_test(t, request_is_sent_as_given);
    tcase_add_test(t, methods_and_lengths);
    tcase_add_test(t, base_url_has_a_prefix);
    tcase_add_test(t, large_bodies_arrive_whole);
    tcase_add_test(t, unsendable_requests_are_refused);
    tcase_add_loop_test(t, answer_is_told_right, 0, ARRAY_LEN(answers));
    tcase_add_test(t, body_may_end_with_the_connection);
    tcase_add_test(t, answer_in_single_bytes);
    tcase_add_test(t, early_answer_to_a_large_body);
    suite_add_tcase(suite, t);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
