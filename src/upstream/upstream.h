/* SPDX-License-Identifier: Apache-2.0
 *
 * upstream/upstream.h - one request to the upstream, and its answer, by
 * libcurl.
 *
 * A client is libcurl's multi interface on one event loop. A call sends a
 * request whose body is complete and in memory, and streams the answer back
 * with back-pressure: what on_body() was given is counted as taken only when
 * the caller says so, and the transfer is paused while too much is not.
 *
 *   call = upstream_call_start(client, &request, &events, arg)
 *     on_head(arg, &head)               once, the final status and its headers
 *     on_body(arg, data, len)           any number
 *     on_done(arg, &result)             exactly once, last; the call is gone
 *
 * At most once: a request is sent again only when it may be (`is_idempotent`:
 * twice in total, the second time also after a fresh connection broke), when
 * not one byte of it was sent, or when the connection could not be made at all
 * (once more; a connect time-out has had its time and is final). libcurl
 * re-sends by itself on a reused connection that died; that is stopped in
 * CURLOPT_PREREQFUNCTION. Pinned besides: HTTP/1.1, no "Expect:", the target as
 * it is, no proxy from the environment, http and https only, no redirects, no
 * signals, no cookies.
 *
 * Time: `connect_timeout` for name, connection and TLS; `answer_timeout` from
 * the start to the answer's head, a wait for a free connection and second
 * tries included; `idle_timeout` without a byte after it, not counted while
 * the caller has not taken what it was given.
 *
 * Callbacks never come before upstream_call_start() has returned, nor out of
 * upstream_call_taken() or upstream_call_cancel(). Any of the three may be
 * called inside any callback. Everything here belongs to the thread that runs
 * the event loop.
 */
#ifndef UPSTREAM_UPSTREAM_H
#define UPSTREAM_UPSTREAM_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"

struct upstream_settings {
    const char *url;     /* base URL, a path prefix allowed, no trailing '/' */
    const char *ca_file; /* or NULL */
    int64_t connect_timeout_us, answer_timeout_us, idle_timeout_us;
    int64_t keep_idle_us;
    uint32_t connections; /* at most, of this client */
};

struct upstream;

/* STATUS_INVALID: `url` is no http or https URL, or has a query, a fragment or
 * a password; STATUS_IO: `ca_file` cannot be read; STATUS_NO_MEMORY. */
enum status upstream_new(struct event_base *base, const struct clock *clock,
                         const struct upstream_settings *settings,
                         struct upstream **out) MUST_CHECK;
/* After a reload: later calls use these (copied). Errors as above, and then
 * everything stays as it was. */
enum status
upstream_configure(struct upstream *u,
                   const struct upstream_settings *settings) MUST_CHECK;
/* No call may be under way; not inside a callback. NULL is fine. */
void upstream_free(struct upstream *u);

struct upstream_header {
    struct text name, value;
};

struct upstream_request {
    struct text method; /* a token */
    struct text target; /* path and query as they are to be sent; begins
                         * with '/' and is appended to the base URL */
    const struct upstream_header *headers; /* end-to-end ones; Host, lengths
                                            * and hop-by-hop ones are left out
                                            * and made here */
    size_t header_count;
    struct text body;   /* borrowed until on_done */
    bool has_body;      /* send Content-Length even when it is 0 */
    bool is_idempotent; /* a second try may be made (GET, or a keyed send) */
};

struct upstream_head {
    int status;                            /* 200 to 599 */
    const struct upstream_header *headers; /* in order, without hop-by-hop ones
                                            * and Content-Length; valid during
                                            * on_head */
    size_t header_count;
    int64_t content_length; /* -1: not said. For HEAD and 304 what the body
                             * would be; for 204 always -1 */
};

enum upstream_outcome {
    UPSTREAM_ANSWERED,  /* a whole answer */
    UPSTREAM_CONNECT,   /* not reached: name, refused, TLS, connect time-out */
    UPSTREAM_SEND,      /* broke off while or after sending, no answer */
    UPSTREAM_TIMEOUT,   /* no answer's head in time */
    UPSTREAM_MALFORMED, /* what came is no HTTP answer */
    UPSTREAM_BROKEN,    /* the answer broke off after its head, or stalled */
    UPSTREAM_CANCELLED,
};
/* "upstream.connect" "upstream.timeout" ...; "" for ANSWERED. */
const char *upstream_outcome_name(enum upstream_outcome o);

struct upstream_result {
    enum upstream_outcome outcome;
    bool may_be_delivered; /* request bytes may have reached the upstream */
    int attempts;          /* how often it was sent */
    int64_t duration_us;   /* from start to the end */
    const char *detail;    /* libcurl's words, for the log; never NULL */
};

struct upstream_events {
    void (*on_head)(void *arg, const struct upstream_head *head);
    void (*on_body)(void *arg, const char *data, size_t len);
    void (*on_done)(void *arg, const struct upstream_result *result);
};

struct upstream_call;

/* STATUS_INVALID: a method, target or header that cannot be sent as it is
 * (control bytes, names that are no token); STATUS_TOO_LARGE: more than
 * UPSTREAM_REQUEST_HEAD_MAX of headers; STATUS_NO_MEMORY. `request` is copied,
 * all but the body. */
#define UPSTREAM_REQUEST_HEAD_MAX (256 * 1024)
enum status upstream_call_start(struct upstream *u,
                                const struct upstream_request *request,
                                const struct upstream_events *events, void *arg,
                                struct upstream_call **out) MUST_CHECK;
/* Bytes of on_body() that have left towards the client. More than
 * UPSTREAM_WINDOW not yet taken pauses the transfer; half of it resumes. */
#define UPSTREAM_WINDOW (64 * 1024)
void upstream_call_taken(struct upstream_call *call, size_t bytes);
/* Stop now. No further callback, on_done neither; nothing is read from the
 * request any more. */
void upstream_call_cancel(struct upstream_call *call);

struct upstream_counters {
    uint64_t calls;    /* started */
    uint64_t connects; /* connections tried */
    uint64_t retries;  /* second tries, of connecting or of sending */
    uint64_t failures; /* ended in anything but ANSWERED */
};
void upstream_counters_get(const struct upstream *u,
                           struct upstream_counters *out);

#endif
