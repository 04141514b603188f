/* SPDX-License-Identifier: Apache-2.0
 *
 * upstream/client.h - what a client and its calls know of each other.
 *
 * Private to the room. client.c owns the loop's side: when libcurl runs, who
 * waits for what, time-outs. call.c owns one request: how it is told to
 * libcurl, what comes back, and what its end is called.
 *
 *             start                add to libcurl            done, time-out
 *   IDLE ---------------> STARTING --------------> RUNNING ---------------.
 *    ^                       |                        |                    |
 *    |                       | cancel                 | cancel             v
 *    |                       v                        v                  ENDING
 *    |<------------------ (back)  <------------- CANCELLED                 |
 *    |<------------------------------------------------------- on_done ----'
 *
 * A call that is not IDLE sits in `live`; one that waits for something sits in
 * exactly one queue besides. IDLE calls keep their libcurl handle, set up, and
 * their memory.
 */
#ifndef UPSTREAM_CLIENT_H
#define UPSTREAM_CLIENT_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "upstream/head.h"
#include "upstream/sockets.h"
#include "upstream/upstream.h"

#define UPSTREAM_MAGIC 0x75707374u      /* "upst" */
#define UPSTREAM_CALL_MAGIC 0x7563616cu /* "ucal" */

#define NEVER INT64_MAX

TAILQ_HEAD(upstream_list, upstream_call);

enum upstream_call_state {
    CALL_IDLE,
    CALL_STARTING,
    CALL_RUNNING,
    CALL_CANCELLED, /* libcurl is on the stack: removed when it returns */
    CALL_ENDING,    /* in on_done */
};

struct upstream_call {
    uint32_t magic;
    struct upstream *upstream;
    enum upstream_call_state state;
    TAILQ_ENTRY(upstream_call) link;       /* in `live` or `idle` */
    TAILQ_ENTRY(upstream_call) queue_link; /* in *queue */
    struct upstream_list *queue;           /* NULL: in none */

    CURL *easy;
    CURLU *root;         /* owned; `easy` looks at it in each transfer */
    uint64_t generation; /* of the settings that `easy` was made with */
    bool is_https;

    struct buffer request_head; /* see upstream/request.h */
    struct text body;           /* borrowed */
    bool is_idempotent;

    struct upstream_events events;
    void *arg;

    int tries;         /* how often libcurl was given the request */
    int attempts;      /* how often it was sent */
    bool was_sent;     /* in a former try: bytes may have left */
    bool was_stopped;  /* libcurl wanted to send again, and was not let */
    bool has_head;     /* on_head was called */
    bool is_malformed; /* the answer is no HTTP that can be passed on */
    bool is_no_memory; /* keeping the head failed */
    bool is_paused;
    size_t untaken; /* bytes given to on_body and not yet taken */
    mono_us started_at, answer_due, due; /* `due`: NEVER while paused */

    struct upstream_head_reader head;
    char error[CURL_ERROR_SIZE];
};

struct upstream {
    uint32_t magic;
    struct event_base *base;
    const struct clock *clock;
    CURLM *multi; /* NULL: there was no memory for another (see client.c) */
    struct upstream_sockets sockets;

    struct upstream_settings settings; /* url and ca_file owned */
    CURLU *root;                       /* "https://host:port/", for libcurl */
    bool is_https;
    char *host;          /* "host:port", the port if it is not the usual */
    char *prefix;        /* the URL's path, without a trailing '/' */
    uint64_t generation; /* grows with each configure */

    struct upstream_list live, idle;
    size_t idle_count;
    struct upstream_list starting, resuming, cancelled, expired;

    struct event *kick;  /* activated when a queue has something to do */
    struct event *timer; /* libcurl's; may be set earlier than it asked for */
    mono_us timer_due;   /* NEVER: not set */
    bool is_due;         /* libcurl wants to run now */
    struct event *sweep; /* the earliest time-out of a call, or before it */
    mono_us sweep_due;   /* NEVER: not set */
    bool is_in_curl;     /* libcurl is on the stack */
    bool is_short;       /* libcurl has run out of memory in the middle */

    struct upstream_counters counters;
};

/* client.c: */
void upstream_queue(struct upstream_call *call, struct upstream_list *queue);
void upstream_unqueue(struct upstream_call *call);
void upstream_kick(struct upstream *u);
/* The sweep comes at `due` at the latest. */
void upstream_watch(struct upstream *u, mono_us due);
/* Take the handle out of libcurl, whatever it was doing. */
void upstream_remove(struct upstream *u, struct upstream_call *call);

/* call.c: */
struct upstream_call *upstream_call_new(struct upstream *u);
void upstream_call_free(struct upstream_call *call);
/* The call's try is over by itself: another one, or the end. */
void upstream_call_ended(struct upstream_call *call, CURLcode code);
/* Its time is over. */
void upstream_call_expired(struct upstream_call *call);
/* Back to IDLE, without on_done. */
void upstream_call_recycle(struct upstream_call *call);

#endif
