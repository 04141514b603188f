/* SPDX-License-Identifier: Apache-2.0
 *
 * http/gate.h - one connection; private to this room.
 *
 * gate.c says how the pieces hang together and who owns what.
 */
#ifndef HTTP_GATE_H
#define HTTP_GATE_H

#include <event2/event_struct.h>
#include <netinet/in.h>
#include <sys/queue.h>

#include "base/check.h"
#include "http/chunked.h"
#include "http/head.h"
#include "http/listener.h"
#include "http/server.h"
#include "http/wire.h"

#define GATE_MAGIC 0x47415445u    /* "GATE" */
#define REQUEST_MAGIC 0x48524551u /* "HREQ" */

#define NEVER INT64_MAX

/* A discarded body is read to its end, and the connection kept, if no more
 * than this is left of it. */
#define GATE_KEEP_BYTES (64 * 1024)
/* How long, and for how many bytes beyond what a body may have, the client's
 * bytes are thrown away after the last answer: closing earlier would reset
 * the connection, and the answer with it. */
#define GATE_LINGER_US (2 * US_PER_S)
#define GATE_LINGER_BYTES (1024 * 1024)

/* What the client's bytes are, now. */
enum gate_input {
    GATE_IDLE,     /* the next head has not begun */
    GATE_HEAD,     /* it has; all of it so far is in `held` */
    GATE_BODY,     /* of the request at hand, wanted or not */
    GATE_COMPLETE, /* the next request: it waits until this one is answered */
    GATE_DRAIN     /* nothing: thrown away until the connection closes */
};

enum reply_state { REPLY_NONE, REPLY_BEGUN, REPLY_ENDED };

struct http_request {
    uint32_t magic;
    struct gate *gate; /* that it is part of */
    enum http_refusal refusal;
    struct head head;
    char *block; /* owns the head's bytes and its array of headers */
    size_t block_bytes;
    mono_us started;
    int64_t body_left;      /* by length: what has not come */
    struct chunked chunked; /* by chunk */
    mono_us pause_left;     /* of the body's deadline, while paused */
    size_t discarded_bytes;
    bool is_body_chunked;
    bool is_discarded, is_paused;
    bool is_continue_due; /* the client waits for 100 */
    /* the answer */
    enum reply_state reply;
    int64_t reply_left; /* promised by Content-Length; -1: no promise */
    bool is_reply_chunked, is_reply_bodiless, is_reply_until_close;
    bool is_gone, is_released, is_aborted;
};

union gate_peer {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

struct gate {
    uint32_t magic;
    enum gate_input input;
    struct http_server *server;
    LIST_ENTRY(gate) link; /* server->gates */
    struct wire wire;
    struct event readable, writable, timer, work;
    bool is_reading, is_writing; /* the event is registered */
    mono_us timer_at;            /* NEVER: not running */
    mono_us in_deadline;         /* of what `input` waits for */
    mono_us out_deadline;        /* for progress in sending */
    size_t unacknowledged;       /* at the last look */
    void *exchange;              /* NULL: none is under way */
    struct http_request req;
    struct head_scan scan;
    char *held; /* input that waits */
    size_t held_len, held_size;
    struct evbuffer *out; /* made at the first answer */
    int64_t drain_left;
    bool is_served; /* the first request has been answered */
    bool is_turned_away;
    bool must_close; /* after the answer at hand */
    bool is_shut;    /* we have said that nothing more comes */
    bool is_eof;     /* the client will send no more */
    bool is_lost;    /* neither will it read */
    bool is_over;    /* to be freed */
    union gate_peer peer;
    char peer_text[INET6_ADDRSTRLEN];
};

static inline struct gate *gate_of(const struct http_request *req)
{
    CHECK(req != NULL && req->magic == REQUEST_MAGIC);
    return req->gate;
}

/* ---- gate.c: life ---- */

/* For a connection that was accepted: takes the socket over. NULL: no memory,
 * the socket is closed. */
struct gate *gate_new(struct http_server *s, int fd,
                      const struct sockaddr *peer);
/* One connection too many: its first request is refused, and it has little
 * time to send it. */
void gate_turn_away(struct gate *g);
/* Whatever is under way is told and ends here. */
void gate_free(struct gate *g);
/* Have the gate settle soon, from the loop. The way in which calls of
 * the exchange take effect: they never run anything themselves. */
void gate_wake(struct gate *g);
/* The outbound buffer; NULL: no memory. */
struct evbuffer *gate_out(struct gate *g);

/* ---- intake.c: what comes in ---- */

/* Bytes came: take what the state allows, hold the rest. */
void intake_arrived(struct gate *g, const char *data, size_t len);
/* The state has changed: take of what is held. */
void intake_resume(struct gate *g);
/* There is something held that the state allows to be taken. */
bool intake_can_resume(const struct gate *g);
/* The client has sent all it will. */
void intake_eof(struct gate *g);
/* in_deadline has passed. */
void intake_timeout(struct gate *g);
/* Ready for the next head. */
void intake_next(struct gate *g);
/* Nothing that comes from now on means anything. */
void intake_drain(struct gate *g);
/* Give the head's memory back. */
void intake_release_head(struct gate *g);
/* And what is held. */
void intake_release(struct gate *g);

#endif
