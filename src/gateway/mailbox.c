/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/mailbox.c - a queue under a mutex, an eventfd that wakes the loop.
 *
 * An eventfd of our own instead of libevent's thread support: event bases stay
 * without locks, which every request would pay for.
 */
#include "gateway/mailbox.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"

#define MAILBOX_MAGIC 0x6d61696cu

struct letter {
    struct letter *next;
    mailbox_fn fn;
    void *arg;
};

struct mailbox {
    uint32_t magic;
    int fd;
    struct event *wake;
    pthread_mutex_t lock;
    struct letter *first, **last;
};

static struct letter *mailbox_take_all(struct mailbox *m)
{
    pthread_mutex_lock(&m->lock);
    struct letter *all = m->first;
    m->first = NULL;
    m->last = &m->first;
    pthread_mutex_unlock(&m->lock);
    return all;
}

static void mailbox_wake(evutil_socket_t fd, short what, void *arg)
{
    struct mailbox *m;
    uint64_t count;
    (void)what;
    MAGIC_CAST(m, arg, MAILBOX_MAGIC);
    if (read(fd, &count, sizeof(count)) < 0)
        return; /* woken for nothing */
    struct letter *next;
    for (struct letter *l = mailbox_take_all(m); l != NULL; l = next) {
        next = l->next;
        l->fn(l->arg);
        free(l);
    }
}

enum status mailbox_new(struct event_base *base, struct mailbox **out)
{
    struct mailbox *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return STATUS_NO_MEMORY;
    m->last = &m->first;
    pthread_mutex_init(&m->lock, NULL);
    m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (m->fd >= 0)
        m->wake = event_new(base, m->fd, EV_READ | EV_PERSIST, mailbox_wake, m);
    MAGIC_SET(m, MAILBOX_MAGIC);
    if (m->wake == NULL || event_add(m->wake, NULL) != 0) {
        mailbox_free(m);
        return STATUS_NO_MEMORY;
    }
    *out = m;
    return STATUS_OK;
}

void mailbox_free(struct mailbox *m)
{
    if (m == NULL)
        return;
    struct letter *next;
    for (struct letter *l = mailbox_take_all(m); l != NULL; l = next) {
        next = l->next;
        free(l);
    }
    if (m->wake != NULL)
        event_free(m->wake);
    if (m->fd >= 0)
        close(m->fd);
    pthread_mutex_destroy(&m->lock);
    MAGIC_CLEAR(m);
    free(m);
}

enum status mailbox_post(struct mailbox *m, mailbox_fn fn, void *arg)
{
    struct letter *l = malloc(sizeof(*l));
    if (l == NULL)
        return STATUS_NO_MEMORY;
    *l = (struct letter){NULL, fn, arg};
    pthread_mutex_lock(&m->lock);
    *m->last = l;
    m->last = &l->next;
    pthread_mutex_unlock(&m->lock);
    uint64_t one = 1;
    /* A full counter (EAGAIN) means that the loop is being woken already. */
    ssize_t n = write(m->fd, &one, sizeof(one));
    (void)n;
    return STATUS_OK;
}
