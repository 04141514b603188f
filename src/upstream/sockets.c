/* SPDX-License-Identifier: Apache-2.0
 *
 * upstream/sockets.c - one entry for each descriptor, found by its number.
 *
 * An entry owns two events, one for reading and one for writing, so that
 * asking for one does not touch the other. `wants` is what libcurl asked for
 * last; what is registered with the loop may be more for reading (see the
 * header), never for writing, since a socket is nearly always writable.
 *
 * Entries of connections live from open to close; entries of libcurl's other
 * descriptors from its first wish to CURL_POLL_REMOVE.
 */
#include "upstream/sockets.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"

#define SOCKETS_MAGIC 0x75736b74u /* "uskt" */
#define SOCKET_MAGIC 0x75736f63u  /* "usoc" */

struct upstream_socket {
    uint32_t magic;
    curl_socket_t fd;
    struct upstream_sockets *owner;
    struct upstream_socket *next; /* in its bucket */
    struct event *read, *write;   /* owned */
    int wants;                    /* CURL_POLL_IN | CURL_POLL_OUT */
    bool is_read_added, is_write_added;
    bool is_connection; /* opened here, stays until it is closed here */
    bool is_idle;       /* no transfer has it */
};

void upstream_sockets_init(struct upstream_sockets *s, struct event_base *base,
                           upstream_ready_fn ready,
                           upstream_is_paused_fn is_paused, void *arg)
{
    *s = (struct upstream_sockets){
        .base = base, .ready = ready, .is_paused = is_paused, .arg = arg};
    MAGIC_SET(s, SOCKETS_MAGIC);
}

static struct upstream_socket **place(struct upstream_sockets *s,
                                      curl_socket_t fd)
{
    struct upstream_socket **p =
        &s->buckets[(unsigned)fd % UPSTREAM_SOCKETS_BUCKETS];

    while (*p && (*p)->fd != fd)
        p = &(*p)->next;
    return p;
}

static void entry_free(struct upstream_socket *e)
{
    if (e->read)
        event_free(e->read);
    if (e->write)
        event_free(e->write);
    MAGIC_CLEAR(e);
    free(e);
}

static void remove_at(struct upstream_socket **p)
{
    struct upstream_socket *e = *p;

    if (!e)
        return;
    *p = e->next;
    entry_free(e);
}

void upstream_sockets_clear(struct upstream_sockets *s)
{
    for (size_t i = 0; i < UPSTREAM_SOCKETS_BUCKETS; i++)
        while (s->buckets[i])
            remove_at(&s->buckets[i]);
}

void upstream_sockets_release(struct upstream_sockets *s)
{
    upstream_sockets_clear(s);
    MAGIC_CLEAR(s);
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
    struct upstream_socket *e;

    (void)what;
    MAGIC_CAST(e, arg, SOCKET_MAGIC);
    if (!(e->wants & CURL_POLL_IN)) {
        event_del(e->read);
        e->is_read_added = false;
        if (e->is_idle)
            (void)shutdown(fd, SHUT_RDWR);
        return;
    }
    e->owner->ready(e->owner->arg, fd, CURL_CSELECT_IN);
}

static void on_write(evutil_socket_t fd, short what, void *arg)
{
    struct upstream_socket *e;

    (void)what;
    MAGIC_CAST(e, arg, SOCKET_MAGIC);
    e->owner->ready(e->owner->arg, fd, CURL_CSELECT_OUT);
}

static struct upstream_socket *add(struct upstream_sockets *s, curl_socket_t fd)
{
    struct upstream_socket **p = place(s, fd), *e = *p;

    if (e)
        return e;
    e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    MAGIC_SET(e, SOCKET_MAGIC);
    e->fd = fd;
    e->owner = s;
    e->read = event_new(s->base, fd, EV_READ | EV_PERSIST, on_read, e);
    e->write = event_new(s->base, fd, EV_WRITE | EV_PERSIST, on_write, e);
    if (!e->read || !e->write) {
        entry_free(e);
        return NULL;
    }
    *p = e;
    return e;
}

curl_socket_t upstream_sockets_open(void *arg, curlsocktype purpose,
                                    struct curl_sockaddr *address)
{
    struct upstream_sockets *s;
    struct upstream_socket *e;
    curl_socket_t fd;

    (void)purpose;
    MAGIC_CAST(s, arg, SOCKETS_MAGIC);
    fd = socket(address->family, address->socktype | SOCK_CLOEXEC,
                address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    e = add(s, fd);
    if (!e) {
        (void)close(fd);
        return CURL_SOCKET_BAD;
    }
    e->is_connection = true;
    s->opened++;
    return fd;
}

int upstream_sockets_close(void *arg, curl_socket_t fd)
{
    struct upstream_sockets *s;

    MAGIC_CAST(s, arg, SOCKETS_MAGIC);
    remove_at(place(s, fd));
    return close(fd);
}

static int follow(struct upstream_socket *e)
{
    if ((e->wants & CURL_POLL_IN) && !e->is_read_added) {
        if (event_add(e->read, NULL) != 0)
            return -1;
        e->is_read_added = true;
    }
    if ((e->wants & CURL_POLL_OUT) && !e->is_write_added) {
        if (event_add(e->write, NULL) != 0)
            return -1;
        e->is_write_added = true;
    }
    if (!(e->wants & CURL_POLL_OUT) && e->is_write_added) {
        event_del(e->write);
        e->is_write_added = false;
    }
    return 0;
}

int upstream_sockets_want(CURL *easy, curl_socket_t fd, int what, void *arg,
                          void *socket_arg)
{
    struct upstream_sockets *s;
    struct upstream_socket *e;

    (void)socket_arg;
    MAGIC_CAST(s, arg, SOCKETS_MAGIC);
    if (what == CURL_POLL_REMOVE) {
        struct upstream_socket **p = place(s, fd);

        if (!*p)
            return 0;
        if (!(*p)->is_connection) {
            remove_at(p);
            return 0;
        }
        (*p)->wants = 0;
        (*p)->is_idle = !s->is_paused(easy);
        return follow(*p);
    }
    e = add(s, fd);
    if (!e)
        return -1;
    e->wants = what & (CURL_POLL_IN | CURL_POLL_OUT);
    e->is_idle = false;
    return follow(e);
}
