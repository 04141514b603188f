/* SPDX-License-Identifier: Apache-2.0
 *
 * torture/client.c - poll, send, recv, and where an answer ends (RFC 9112
 * section 6.3).
 */
#define _GNU_SOURCE
#include "torture/client.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "integration/process.h"

#define ANSWER_MAX ((size_t)16 * 1024 * 1024)

int client_dial(int port)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    in.sin_port = htons((uint16_t)port);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Until `until`; false: too late. */
static bool wait_for(int fd, short events, int64_t until)
{
    struct pollfd p = {.fd = fd, .events = events};
    int64_t left = until - process_now_ms();

    return left > 0 && poll(&p, 1, (int)left) == 1;
}

/* False: the other side does not take it. That is no end yet: it may have
 * answered before. */
bool client_send(int fd, struct text t, size_t piece, int64_t until)
{
    size_t at = 0;

    while (at < t.len) {
        size_t len = t.len - at;
        ssize_t n;

        if (piece > 0 && len > piece)
            len = piece;
        n = send(fd, t.data + at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN)
            return false;
        if (n < 0 && !wait_for(fd, POLLOUT, until))
            return false;
        if (n > 0) {
            at += (size_t)n;
            if (piece > 0 && at < t.len)
                process_nap();
        }
    }
    return true;
}

/* What stands behind the first "\r\nName: " of the head; NULL: nothing. */
static const char *header(const struct client_answer *a, const char *name)
{
    const char *at = strcasestr(a->bytes.data, name);

    return at && at < a->bytes.data + a->body ? at + strlen(name) : NULL;
}

/* The head, once all of it is there; interim answers are dropped. */
static bool has_head(struct client_answer *a)
{
    while (a->body == 0) {
        const char *end = a->bytes.len > 0 ? memmem(a->bytes.data, a->bytes.len,
                                                    "\r\n\r\n", 4)
                                           : NULL;

        if (!end)
            return false;
        if (sscanf(a->bytes.data, "HTTP/1.1 %3d ", &a->status) != 1)
            a->end = CLIENT_GARBLED;
        a->body = (size_t)(end - a->bytes.data) + 4;
        if (a->end != CLIENT_GARBLED && a->status < 200) {
            buffer_consume(&a->bytes, a->body);
            a->body = 0;
            a->status = 0;
        }
    }
    return true;
}

/* Did the answer's last byte arrive? */
static bool is_complete(struct client_answer *a)
{
    static const char last_chunk[] = "0\r\n\r\n";
    static const size_t last = sizeof(last_chunk) - 1;
    const char *length;
    size_t len;

    if (!has_head(a))
        return false;
    if (a->end == CLIENT_GARBLED || a->status == 204)
        return true;
    len = a->bytes.len - a->body;
    length = header(a, "\r\nContent-Length: ");
    if (length)
        return len >= strtoul(length, NULL, 10);
    /* Without either it ends with the connection. */
    return header(a, "\r\nTransfer-Encoding: chunked") && len >= last &&
           memcmp(a->bytes.data + a->bytes.len - last, last_chunk, last) == 0;
}

static void read_answer(int fd, size_t piece, int64_t until,
                        struct client_answer *a)
{
    for (;;) {
        size_t most = piece > 0 ? piece : 65536;
        ssize_t n;

        ck_assert_int_eq(buffer_reserve(&a->bytes, most), STATUS_OK);
        if (!wait_for(fd, POLLIN, until)) {
            a->end = CLIENT_LATE;
            return;
        }
        n = recv(fd, a->bytes.data + a->bytes.len, most, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            continue;
        if (n <= 0) {
            a->end = CLIENT_CLOSED;
            return;
        }
        a->bytes.len += (size_t)n;
        a->bytes.data[a->bytes.len] = '\0';
        if (is_complete(a))
            return;
        if (piece > 0)
            process_nap();
    }
}

void client_read(int fd, size_t piece, int64_t until, struct client_answer *out)
{
    const char *id;

    memset(out, 0, sizeof(*out));
    buffer_init(&out->bytes, ANSWER_MAX);
    read_answer(fd, piece, until, out);
    id = out->body > 0 ? header(out, "\r\nX-Request-Id: ") : NULL;
    if (id)
        snprintf(out->request_id, sizeof(out->request_id), "%.*s",
                 (int)strcspn(id, "\r"), id);
}

void client_call(int port, struct text request, size_t piece,
                 int64_t deadline_ms, struct client_answer *out)
{
    int64_t begin = process_now_ms(), until = begin + deadline_ms;
    int fd = client_dial(port);

    if (fd < 0) {
        memset(out, 0, sizeof(*out));
        buffer_init(&out->bytes, ANSWER_MAX);
        out->end = CLIENT_CLOSED;
        return;
    }
    (void)client_send(fd, request, piece, until);
    client_read(fd, 0, until, out);
    close(fd);
    out->took_ms = process_now_ms() - begin;
}

void client_answer_release(struct client_answer *a)
{
    buffer_release(&a->bytes);
}

struct text client_answer_body(const struct client_answer *a)
{
    if (a->body == 0)
        return TEXT_LIT("");
    return text_make(a->bytes.data + a->body, a->bytes.len - a->body);
}
