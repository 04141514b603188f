/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of calls share: a loop, a client of one server, and probes
 * that note what a call tells and check the order it tells it in.
 */
#ifndef TESTS_UPSTREAM_PROBE_H
#define TESTS_UPSTREAM_PROBE_H

#include "server.h"
#include "upstream/upstream.h"

extern struct event_base *base;
extern struct upstream *client;
extern struct upstream_settings settings;

/* A client of `s` with the present `settings`, which client_defaults() sets. */
void client_defaults(void);
void client_open(const struct server *s);
void client_open_url(const char *url);
void client_close(void);

struct probe {
    struct upstream_call *call;
    bool is_started, is_done;
    int status;
    int64_t content_length;
    size_t header_count;
    char headers[8192]; /* "name: value\n" for each */
    char *body;
    size_t body_len, body_size;
    bool does_not_take; /* taken() is left to the test */
    struct upstream_result result;
    char detail[256];
    /* Called at the end of on_head, on_body (with 'b') and on_done. */
    void (*then)(struct probe *p, char event);
    void *arg;
};

extern const struct upstream_events probe_events;

void probe_start(struct probe *p, const char *method, const char *target,
                 const char *body);
void probe_request(struct probe *p, const struct upstream_request *request);
/* Run the loop until it is done; fails the test after 20 seconds. */
void probe_wait(struct probe *p);
void probe_release(struct probe *p);
void run_for_ms(int ms);
int64_t now_ms(void);

#endif
