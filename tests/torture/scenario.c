/* SPDX-License-Identifier: Apache-2.0
 *
 * torture/scenario.c - one row a scenario, and what their rows point at.
 */
#define _GNU_SOURCE
#include "torture/scenario.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEADLINE_MS 10000

/* A number may send once. Every request of these tests has its own. */
static const char once_each[] =
    "{\"name\":\"test\",\"limits\":[{\"name\":\"once\",\"per\":[\"sender\"],"
    "\"capacity\":1,\"refill\":\"1/d\"}]}";

static void must(enum status s)
{
    ck_assert_int_eq(s, STATUS_OK);
}

static void with_body(const char *target, const char *headers, const char *body,
                      struct buffer *request)
{
    wire_head(request, "POST", target, headers, (long)strlen(body));
    must(buffer_append_str(request, body));
}

void scenario_make_create(const char *number, const char *headers,
                          struct buffer *request)
{
    char *body = rig_create_body(number, "hello");

    with_body("/v3/chats", headers, body, request);
    free(body);
}

/* ---- requests ---- */

static void make_create(struct bench *b, const char *number,
                        struct buffer *request)
{
    (void)b;
    scenario_make_create(number, NULL, request);
}

static void make_invalid(struct bench *b, const char *number,
                         struct buffer *request)
{
    char body[512];

    (void)b;
    snprintf(body, sizeof(body),
             "{\"from\":\"%s\",\"to\":[\"+14155550199\",7],\"message\":"
             "{\"parts\":[{\"type\":\"text\",\"value\":\"a\"},"
             "{\"type\":\"text\",\"value\":\"b\",\"x\":{\"y\":[1,2,3]}}]}}",
             number);
    with_body("/v3/chats", NULL, body, request);
}

static void make_malformed(struct bench *b, const char *number,
                           struct buffer *request)
{
    (void)b;
    wire_head(request, "POST", "/v3/chats", "Content-Length: 5\r\n", -1);
    buffer_truncate(request, request->len - 2);
    must(buffer_printf(request, "Content-Length: 6\r\n\r\n{\"%s", number));
}

/* 100-continue, a body in chunks, an idempotency key. */
static void make_chunked(struct bench *b, const char *number,
                         struct buffer *request)
{
    char body[512];
    size_t half;

    (void)b;
    snprintf(body, sizeof(body),
             "{\"from\":\"%s\",\"to\":[\"+14155550199\"],\"message\":"
             "{\"idempotency_key\":\"%s\",\"parts\":[{\"type\":\"text\","
             "\"value\":\"chunks\"}]}}",
             number, number);
    half = strlen(body) / 2;
    wire_head(request, "POST", "/v3/chats",
              "Content-Type: application/json\r\n"
              "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n",
              -1);
    must(buffer_printf(request, "%zx\r\n%.*s\r\n%zx\r\n%s\r\n0\r\n\r\n", half,
                       (int)half, body, strlen(body) - half, body + half));
}

#define CREATE_WITH(name, headers)                                             \
    static void name(struct bench *b, const char *number,                      \
                     struct buffer *request)                                   \
    {                                                                          \
        (void)b;                                                               \
        scenario_make_create(number, headers, request);                        \
    }

CREATE_WITH(make_dropped, "X-Stub-Fault: drop_after_read\r\n")
CREATE_WITH(make_garbage, "X-Stub-Fault: garbage\r\n")
CREATE_WITH(make_half, "X-Stub-Fault: half\r\n")
CREATE_WITH(make_late, "X-Stub-Fault: silent\r\n")

static void make_large(struct bench *b, const char *number,
                       struct buffer *request)
{
    char target[64];

    (void)b;
    snprintf(target, sizeof(target), "/v3/chats?from=%%2B%s", number + 1);
    wire_head(request, "GET", target, "X-Stub-Fault: huge=700KiB\r\n", -1);
}

/* A message to a chat that the upstream knows and the gateway does not: it was
 * made behind its back. */
static void make_message(struct bench *b, const char *number,
                         struct buffer *request)
{
    struct wire_answer a;
    char target[128], *body = rig_create_body(number, "behind");

    wire_call(b->rig.stub_port, "POST", "/v3/chats", NULL, body, &a);
    ck_assert_int_eq(a.status, 201);
    snprintf(target, sizeof(target), "/v3/chats/%s/messages",
             wire_text(wire_answer_json(&a), "/chat/id"));
    with_body(target, NULL,
              "{\"message\":{\"parts\":[{\"type\":\"text\","
              "\"value\":\"hello\"}]}}",
              request);
    wire_answer_release(&a);
    free(body);
}

/* ---- what goes before ---- */

static void call_and_forget(struct bench *b, struct buffer *request)
{
    struct client_answer a;

    client_call(b->rig.port, buffer_text(request), 0,
                process_stretch(DEADLINE_MS), &a);
    client_answer_release(&a);
    buffer_release(request);
}

/* The number has sent its one message. */
static void spend(struct bench *b, const char *number)
{
    struct buffer request;

    scenario_make_create(number, NULL, &request);
    call_and_forget(b, &request);
}

/* The connection to the upstream is gone: the next request makes one. */
static void close_upstream(struct bench *b, const char *number)
{
    struct buffer request;
    char other[16];

    (void)number;
    bench_new_number(b, other);
    scenario_make_create(other, "X-Stub-Fault: close\r\n", &request);
    call_and_forget(b, &request);
}

/* All connections to Redis end; this one too, after its answer. */
static void close_redis(struct bench *b)
{
    static const char command[] = "CLIENT KILL TYPE normal SKIPME no\r\n";
    struct sockaddr_in in = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char answer[64];

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    in.sin_port = htons((uint16_t)b->rig.redis_port);
    ck_assert(fd >= 0 && connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0);
    ck_assert_int_eq(send(fd, command, strlen(command), MSG_NOSIGNAL),
                     (ssize_t)strlen(command));
    while (recv(fd, answer, sizeof(answer), 0) > 0)
        ;
    close(fd);
}

/* ---- the table ---- */

#define REDIS .rig = {.redis = RIG_REDIS, .policy = once_each}
#define NO_REDIS .rig = {.redis = RIG_NO_REDIS, .policy = once_each}

const struct scenario scenarios[] = {
    {.name = "create",
     REDIS,
     .status = 201,
     .follow_up = 201,
     .deliveries = 1,
     .make = make_create},
    {.name = "create-cold",
     REDIS,
     .status = 201,
     .follow_up = 201,
     .deliveries = 1,
     .before = close_upstream,
     .make = make_create},
    {.name = "chunked",
     NO_REDIS,
     .status = 201,
     .follow_up = 201,
     .deliveries = 1,
     .repeats = 1,
     .piece = 150,
     .make = make_chunked},
    {.name = "invalid",
     REDIS,
     .status = 400,
     .follow_up = 201,
     .piece = 300,
     .make = make_invalid},
    {.name = "malformed",
     NO_REDIS,
     .status = 400,
     .follow_up = 201,
     .make = make_malformed},
    /* While Redis is away this process has buckets of its own: full ones. */
    {.name = "limited",
     /* Not on Redis: who cannot ask it decides by itself. */
     NO_REDIS,
     .status = 429,
     .also = {201},
     .follow_up = 201,
     .before = spend,
     .make = make_create},
    {.name = "limited-local",
     NO_REDIS,
     .status = 429,
     .follow_up = 201,
     .before = spend,
     .make = make_create},
    {.name = "redis-lost",
     REDIS,
     .status = 201,
     .follow_up = 201,
     .deliveries = 1,
     .during = close_redis,
     .make = make_create},
    {.name = "upstream-drops",
     REDIS,
     .status = 502,
     .follow_up = 201,
     .deliveries = 1,
     .make = make_dropped},
    {.name = "upstream-garbage",
     NO_REDIS,
     .status = 502,
     .follow_up = 201,
     .deliveries = 1,
     .make = make_garbage},
    {.name = "upstream-half",
     NO_REDIS,
     .status = 0,
     .follow_up = 201,
     .deliveries = 1,
     .make = make_half},
    {.name = "upstream-silent",
     NO_REDIS,
     .status = 504,
     .follow_up = 201,
     .deliveries = 1,
     .make = make_late},
    {.name = "upstream-away",
     REDIS,
     .status = 503,
     .follow_up = 503,
     .is_stub_away = true,
     .make = make_create},
    {.name = "large-answer",
     NO_REDIS,
     .status = 200,
     .follow_up = 201,
     .deliveries = 1,
     .repeats = 1,
     .make = make_large},
    {.name = "message-to-unknown-chat",
     REDIS,
     .status = 202,
     .follow_up = 201,
     .deliveries = 2, /* the lookup too */
     .repeats = 1,
     .remembered = 100, /* the lookup's, for 3 seconds */
     .make = make_message},
};
const size_t scenario_count = sizeof(scenarios) / sizeof(scenarios[0]);
