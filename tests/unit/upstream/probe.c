/* SPDX-License-Identifier: Apache-2.0 */
#include "probe.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

struct event_base *base;
struct upstream *client;
struct upstream_settings settings;

void client_defaults(void)
{
    settings = (struct upstream_settings){
        .connect_timeout_us = 2 * US_PER_S,
        .answer_timeout_us = 5 * US_PER_S,
        .idle_timeout_us = 5 * US_PER_S,
        .keep_idle_us = 50 * US_PER_S,
        .connections = 256,
    };
}

static struct event *tick;

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

void client_open_url(const char *url)
{
    struct timeval often = {0, 10000};

    settings.url = url;
    base = event_base_new();
    ck_assert_ptr_nonnull(base);
    tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
    event_add(tick, &often);
    ck_assert_int_eq(upstream_new(base, clock_system(), &settings, &client),
                     STATUS_OK);
}

void client_open(const struct server *s)
{
    static char url[64]; /* `settings` keeps pointing at it */

    snprintf(url, sizeof(url), "http://127.0.0.1:%d", server_port(s));
    client_open_url(url);
}

void client_close(void)
{
    upstream_free(client);
    event_free(tick);
    event_base_free(base);
}

static void on_head(void *arg, const struct upstream_head *head)
{
    struct probe *p = arg;

    ck_assert(p->is_started);
    ck_assert(!p->is_done);
    ck_assert_int_eq(p->status, 0);
    p->status = head->status;
    p->content_length = head->content_length;
    p->header_count = head->header_count;
    for (size_t i = 0; i < head->header_count; i++) {
        size_t len = strlen(p->headers);

        snprintf(p->headers + len, sizeof(p->headers) - len, "%.*s: %.*s\n",
                 TEXT_ARG(head->headers[i].name),
                 TEXT_ARG(head->headers[i].value));
    }
    if (p->then)
        p->then(p, 'h');
}

static void on_body(void *arg, const char *data, size_t len)
{
    struct probe *p = arg;

    ck_assert_int_ne(p->status, 0);
    ck_assert(!p->is_done);
    if (p->body_len + len >= p->body_size) {
        p->body_size = 2 * (p->body_len + len) + 64;
        p->body = realloc(p->body, p->body_size);
    }
    memcpy(p->body + p->body_len, data, len);
    p->body_len += len;
    p->body[p->body_len] = '\0';
    if (!p->does_not_take)
        upstream_call_taken(p->call, len);
    if (p->then)
        p->then(p, 'b');
}

static void on_done(void *arg, const struct upstream_result *result)
{
    struct probe *p = arg;

    ck_assert(p->is_started);
    ck_assert(!p->is_done);
    p->is_done = true;
    p->result = *result;
    ck_assert_ptr_nonnull(result->detail);
    snprintf(p->detail, sizeof(p->detail), "%s", result->detail);
    if (p->then)
        p->then(p, 'd');
}

const struct upstream_events probe_events = {on_head, on_body, on_done};

void probe_request(struct probe *p, const struct upstream_request *request)
{
    ck_assert_int_eq(
        upstream_call_start(client, request, &probe_events, p, &p->call),
        STATUS_OK);
    p->is_started = true;
}

void probe_start(struct probe *p, const char *method, const char *target,
                 const char *body)
{
    struct upstream_request r = {
        .method = text_of(method),
        .target = text_of(target),
        .body = text_of(body),
        .has_body = body != NULL,
        .is_idempotent = strcmp(method, "GET") == 0,
    };

    probe_request(p, &r);
}

int64_t now_ms(void)
{
    return clock_mono(clock_system()) / US_PER_MS;
}

/* The tick makes each round end in time. */
void run_for_ms(int ms)
{
    int64_t until = now_ms() + ms;

    while (now_ms() < until)
        event_base_loop(base, EVLOOP_ONCE);
}

void probe_wait(struct probe *p)
{
    int64_t give_up = now_ms() + 20000;

    while (!p->is_done) {
        ck_assert_msg(now_ms() < give_up, "the call does not end");
        event_base_loop(base, EVLOOP_ONCE);
    }
}

void probe_release(struct probe *p)
{
    free(p->body);
    *p = (struct probe){0};
}
