/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis_queue.c - commands on their way, each with its deadline.
 *
 * A request sits on at most one of `waiting` and `sent` by its `order` link,
 * and on at most one of `deadlines` and `finished` by its `due` link. It is
 * freed when it sits on none: by redis_queue_tell() or by whoever takes it
 * off `sent`, whichever comes second.
 */
#include "base/redis_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/* Bytes of "$18446744073709551615\r\n" and more. */
#define HEADER_MAX 24

void redis_queue_init(struct redis_queue *q)
{
    TAILQ_INIT(&q->waiting);
    TAILQ_INIT(&q->sent);
    TAILQ_INIT(&q->deadlines);
    TAILQ_INIT(&q->finished);
    q->pending = 0;
    q->calling = 0;
}

/* ---- making a request ---- */

static char *put_header(char *at, char type, size_t n)
{
    char room[TEXT_DIGITS_MAX];
    struct text digits = text_from_u64(n, room);

    *at++ = type;
    memcpy(at, digits.data, digits.len);
    at += digits.len;
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

/* An array of bulk strings: "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n". */
static struct redis_request *request_new(bool asking, size_t argc,
                                         const struct text *argv,
                                         redis_done_fn done, void *arg)
{
    static const struct text before = TEXT("*1\r\n$6\r\nASKING\r\n");
    size_t bytes = before.len + HEADER_MAX;
    struct redis_request *c;
    char *at;

    for (size_t i = 0; i < argc; i++)
        bytes += HEADER_MAX + argv[i].len + 2;
    c = malloc(sizeof(*c) + bytes);
    if (c == NULL)
        return NULL;
    memset(c, 0, sizeof(*c));
    c->done = done;
    c->arg = arg;
    c->replies = asking ? 2 : 1;
    at = c->bytes;
    if (asking) {
        memcpy(at, before.data, before.len);
        at += before.len;
    }
    at = put_header(at, '*', argc);
    for (size_t i = 0; i < argc; i++) {
        at = put_header(at, '$', argv[i].len);
        if (argv[i].len > 0)
            memcpy(at, argv[i].data, argv[i].len);
        at += argv[i].len;
        *at++ = '\r';
        *at++ = '\n';
    }
    c->len = (size_t)(at - c->bytes);
    return c;
}

/* Mostly the last: time-outs are alike. */
static void insert_by_deadline(struct redis_queue *q, struct redis_request *c)
{
    struct redis_request *before = TAILQ_LAST(&q->deadlines, redis_requests);

    while (before != NULL && before->deadline > c->deadline)
        before = TAILQ_PREV(before, redis_requests, due);
    if (before == NULL)
        TAILQ_INSERT_HEAD(&q->deadlines, c, due);
    else
        TAILQ_INSERT_AFTER(&q->deadlines, before, c, due);
}

enum status redis_queue_add(struct redis_queue *q, bool asking, size_t argc,
                            const struct text *argv, mono_us deadline,
                            redis_done_fn done, void *arg)
{
    struct redis_request *c = request_new(asking, argc, argv, done, arg);

    if (c == NULL)
        return STATUS_NO_MEMORY;
    c->deadline = deadline;
    insert_by_deadline(q, c);
    TAILQ_INSERT_TAIL(&q->waiting, c, order);
    c->is_ordered = true;
    q->pending++;
    return STATUS_OK;
}

enum status redis_queue_refuse(struct redis_queue *q, redis_done_fn done,
                               void *arg)
{
    struct redis_request *c = request_new(false, 0, NULL, done, arg);

    if (c == NULL)
        return STATUS_NO_MEMORY;
    c->status = STATUS_UNAVAILABLE;
    c->is_finished = true;
    TAILQ_INSERT_TAIL(&q->finished, c, due);
    return STATUS_OK;
}

/* ---- its way ---- */

/* No reply will be looked for. What has been told already goes. */
static void forget(struct redis_queue *q, struct redis_request *c)
{
    TAILQ_REMOVE(c->is_sent ? &q->sent : &q->waiting, c, order);
    c->is_ordered = false;
    q->pending--;
    if (c->is_finished && c->done == NULL)
        free(c);
}

static void finish(struct redis_queue *q, struct redis_request *c,
                   enum status status)
{
    TAILQ_REMOVE(&q->deadlines, c, due);
    TAILQ_INSERT_TAIL(&q->finished, c, due);
    c->status = status;
    c->is_finished = true;
}

static void call(struct redis_queue *q, redis_done_fn done, void *arg,
                 const struct redis_result *result)
{
    q->calling++;
    done(arg, result);
    q->calling--;
}

void redis_queue_mark_sent(struct redis_queue *q, struct redis_request *c)
{
    TAILQ_REMOVE(&q->waiting, c, order);
    c->is_sent = true;
    TAILQ_INSERT_TAIL(&q->sent, c, order);
}

bool redis_queue_is_stuck(const struct redis_queue *q)
{
    const struct redis_request *oldest = TAILQ_FIRST(&q->sent);

    return oldest != NULL && oldest->is_finished;
}

enum redis_queue_reply redis_queue_take_reply(struct redis_queue *q,
                                              const struct redis_reply *reply)
{
    struct redis_result result = {STATUS_OK, reply, true};
    struct redis_request *c = TAILQ_FIRST(&q->sent);
    redis_done_fn done;
    void *arg;

    if (c == NULL)
        return REDIS_QUEUE_NONE;
    if (--c->replies > 0)
        return REDIS_QUEUE_LATE;
    if (c->is_finished) {
        forget(q, c);
        return REDIS_QUEUE_LATE;
    }
    done = c->done;
    arg = c->arg;
    forget(q, c);
    TAILQ_REMOVE(&q->deadlines, c, due);
    free(c);
    call(q, done, arg, &result);
    return REDIS_QUEUE_TOLD;
}

bool redis_queue_earliest(const struct redis_queue *q, mono_us *deadline)
{
    const struct redis_request *first = TAILQ_FIRST(&q->deadlines);

    if (first == NULL)
        return false;
    *deadline = first->deadline;
    return true;
}

uint32_t redis_queue_expire(struct redis_queue *q, mono_us now)
{
    struct redis_request *c;
    uint32_t count = 0;

    while ((c = TAILQ_FIRST(&q->deadlines)) != NULL && c->deadline <= now) {
        finish(q, c, STATUS_TIMEOUT);
        if (!c->is_sent)
            forget(q, c); /* withdrawn: it is never sent */
        count++;
    }
    return count;
}

void redis_queue_fail_all(struct redis_queue *q)
{
    struct redis_request *c;

    while ((c = TAILQ_FIRST(&q->waiting)) != NULL) {
        finish(q, c, STATUS_UNAVAILABLE);
        forget(q, c);
    }
    while ((c = TAILQ_FIRST(&q->sent)) != NULL) {
        if (!c->is_finished)
            finish(q, c, STATUS_UNAVAILABLE);
        forget(q, c);
    }
}

void redis_queue_tell(struct redis_queue *q)
{
    struct redis_request *c;

    while ((c = TAILQ_FIRST(&q->finished)) != NULL) {
        struct redis_result result = {c->status, NULL, c->is_sent};
        redis_done_fn done = c->done;
        void *arg = c->arg;

        TAILQ_REMOVE(&q->finished, c, due);
        c->done = NULL;
        if (!c->is_ordered)
            free(c);
        call(q, done, arg, &result);
    }
}
