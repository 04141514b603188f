/* SPDX-License-Identifier: Apache-2.0
 *
 * base/dial.c - resolve, then connect(2) one address after the other.
 *
 *   dial_start -> (name?) question -> on_answer -> try_next -> on_ready -> done
 *                                                     ^           |
 *                                                     +-- failed -+
 *
 * One event, `ready`, serves both for "the socket became writable", which
 * is how connect(2) tells that it has finished, and for failures known at
 * once, which must not be told before dial_start() has returned: it is then
 * made active by hand.
 *
 * A question is shared by the dial and its thread, which cannot be stopped:
 * getaddrinfo(3) returns when it likes. Whoever is the second to be through
 * with it frees it. Dials are rare (a connection lost, with backoff), so a
 * thread each costs nothing that matters.
 */
#include "base/dial.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"

#define DIAL_MAGIC 0x4449414cU     /* "DIAL" */
#define QUESTION_MAGIC 0x51554553U /* "QUES" */

struct question {
    uint32_t magic;
    pthread_mutex_t lock; /* guards the flags and the answer */
    bool is_abandoned;    /* the dial is gone */
    bool is_answered;     /* the thread is through */
    int error;
    struct addrinfo *addresses;
    int wake_fd;      /* eventfd: answered */
    char service[12]; /* the port in digits */
    char host[];
};

struct dial {
    uint32_t magic;
    struct event_base *base;
    dial_done_fn done;
    void *arg;
    struct event *ready;
    struct addrinfo *addresses, *next; /* NULL for a unix socket */
    struct question *question;         /* while a name is resolved */
    struct event *answer;              /* on its wake_fd */
    struct sockaddr_un unix_address;
    int fd;
    char why[128];
};

static const struct addrinfo tcp_hints = {
    .ai_family = AF_UNSPEC,
    .ai_socktype = SOCK_STREAM,
    .ai_protocol = IPPROTO_TCP,
    .ai_flags = AI_NUMERICSERV,
};

static void question_free(struct question *q)
{
    if (q->addresses != NULL)
        freeaddrinfo(q->addresses);
    if (q->wake_fd >= 0)
        close(q->wake_fd);
    pthread_mutex_destroy(&q->lock);
    MAGIC_CLEAR(q);
    free(q);
}

static void *question_ask(void *arg)
{
    struct question *q;
    struct addrinfo *addresses = NULL;
    bool is_abandoned;
    int error;

    MAGIC_CAST(q, arg, QUESTION_MAGIC);
    error = getaddrinfo(q->host, q->service, &tcp_hints, &addresses);
    pthread_mutex_lock(&q->lock);
    q->error = error;
    q->addresses = error == 0 ? addresses : NULL;
    q->is_answered = true;
    is_abandoned = q->is_abandoned;
    if (!is_abandoned)
        (void)eventfd_write(q->wake_fd, 1); /* of a fresh one: cannot fail */
    pthread_mutex_unlock(&q->lock);
    if (is_abandoned)
        question_free(q);
    return NULL;
}

/* The dial lets go of its question. */
static void question_drop(struct dial *d)
{
    struct question *q = d->question;
    bool is_answered;

    if (q == NULL)
        return;
    d->question = NULL;
    if (d->answer != NULL)
        event_free(d->answer);
    d->answer = NULL;
    pthread_mutex_lock(&q->lock);
    q->is_abandoned = true;
    is_answered = q->is_answered;
    pthread_mutex_unlock(&q->lock);
    if (is_answered)
        question_free(q);
}

/* A thread that no signal of the program's is delivered to. */
static bool spawn(void *(*run)(void *), void *arg)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    bool ok;

    if (pthread_attr_init(&attributes) != 0)
        return false;
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ok = pthread_create(&thread, &attributes, run, arg) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return ok;
}

static void note(struct dial *d, const char *what, const char *reason)
{
    snprintf(d->why, sizeof(d->why), "%s: %s", what, reason);
}

static void close_socket(struct dial *d)
{
    if (d->fd < 0)
        return;
    event_del(d->ready);
    close(d->fd);
    d->fd = -1;
}

static void dial_free(struct dial *d)
{
    close_socket(d);
    question_drop(d);
    if (d->addresses != NULL)
        freeaddrinfo(d->addresses);
    if (d->ready != NULL)
        event_free(d->ready);
    MAGIC_CLEAR(d);
    free(d);
}

static void finish(struct dial *d, int fd)
{
    dial_done_fn done = d->done;
    void *arg = d->arg;
    char why[sizeof(d->why)];

    memcpy(why, d->why, sizeof(why));
    d->fd = -1;
    dial_free(d);
    done(arg, fd, fd < 0 ? why : NULL);
}

static void on_ready(evutil_socket_t fd, short what, void *arg);

/* True: `ready` will fire. */
static bool connect_to(struct dial *d, const struct sockaddr *address,
                       socklen_t len)
{
    int on = 1;

    d->fd = socket(address->sa_family,
                   SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (d->fd < 0) {
        note(d, "socket", strerror(errno));
        return false;
    }
    if (address->sa_family != AF_UNIX)
        (void)setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(d->fd, address, len) < 0 && errno != EINPROGRESS) {
        note(d, "connect", strerror(errno));
    } else if (event_assign(d->ready, d->base, d->fd, EV_WRITE, on_ready, d) <
                   0 ||
               event_add(d->ready, NULL) < 0) {
        note(d, "connect", "out of memory");
    } else {
        return true;
    }
    close(d->fd);
    d->fd = -1;
    return false;
}

/* Try what is left to try, or have on_ready() tell that nothing is. */
static void try_next(struct dial *d)
{
    while (d->next != NULL) {
        const struct addrinfo *a = d->next;

        d->next = a->ai_next;
        if (connect_to(d, a->ai_addr, a->ai_addrlen))
            return;
    }
    event_active(d->ready, EV_TIMEOUT, 0);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct dial *d;
    int error = 0;
    socklen_t len = sizeof(error);

    (void)fd;
    (void)what;
    MAGIC_CAST(d, arg, DIAL_MAGIC);
    if (d->fd < 0) {
        finish(d, -1);
        return;
    }
    if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error == 0) {
        finish(d, d->fd);
        return;
    }
    note(d, "connect", strerror(error));
    close_socket(d);
    try_next(d);
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
    struct dial *d;

    (void)fd;
    (void)what;
    MAGIC_CAST(d, arg, DIAL_MAGIC);
    pthread_mutex_lock(&d->question->lock);
    d->addresses = d->next = d->question->addresses;
    d->question->addresses = NULL;
    if (d->question->error != 0)
        note(d, "resolve", gai_strerror(d->question->error));
    pthread_mutex_unlock(&d->question->lock);
    question_drop(d);
    try_next(d);
}

static enum status resolve(struct dial *d, const char *host, int port)
{
    struct addrinfo numeric = tcp_hints;
    size_t host_len = strlen(host);
    struct question *q = calloc(1, sizeof(*q) + host_len + 1);

    if (q == NULL)
        return STATUS_NO_MEMORY;
    MAGIC_SET(q, QUESTION_MAGIC);
    pthread_mutex_init(&q->lock, NULL);
    memcpy(q->host, host, host_len + 1);
    snprintf(q->service, sizeof(q->service), "%d", port);
    q->wake_fd = -1;

    numeric.ai_flags |= AI_NUMERICHOST;
    if (getaddrinfo(host, q->service, &numeric, &d->addresses) == 0) {
        question_free(q);
        d->next = d->addresses;
        try_next(d);
        return STATUS_OK;
    }
    d->addresses = NULL;
    q->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (q->wake_fd >= 0)
        d->answer = event_new(d->base, q->wake_fd, EV_READ, on_answer, d);
    if (d->answer == NULL || event_add(d->answer, NULL) < 0 ||
        !spawn(question_ask, q)) {
        if (d->answer != NULL)
            event_free(d->answer);
        d->answer = NULL;
        question_free(q);
        return STATUS_NO_MEMORY;
    }
    d->question = q;
    return STATUS_OK;
}

enum status dial_start(struct event_base *base, const char *host, int port,
                       const char *path, dial_done_fn done, void *arg,
                       struct dial **out)
{
    struct dial *d = calloc(1, sizeof(*d));
    enum status status = STATUS_OK;

    if (d == NULL)
        return STATUS_NO_MEMORY;
    MAGIC_SET(d, DIAL_MAGIC);
    d->base = base;
    d->done = done;
    d->arg = arg;
    d->fd = -1;
    d->ready = event_new(base, -1, 0, on_ready, d);
    if (d->ready == NULL) {
        status = STATUS_NO_MEMORY;
    } else if (path == NULL) {
        status = resolve(d, host, port);
    } else if (strlen(path) >= sizeof(d->unix_address.sun_path)) {
        status = STATUS_TOO_LARGE;
    } else {
        d->unix_address.sun_family = AF_UNIX;
        memcpy(d->unix_address.sun_path, path, strlen(path) + 1);
        if (!connect_to(d, (const struct sockaddr *)&d->unix_address,
                        sizeof(d->unix_address)))
            event_active(d->ready, EV_TIMEOUT, 0);
    }
    if (status != STATUS_OK) {
        dial_free(d);
        return status;
    }
    *out = d;
    return STATUS_OK;
}

void dial_cancel(struct dial *d)
{
    if (d != NULL)
        dial_free(d);
}
