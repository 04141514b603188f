/* SPDX-License-Identifier: Apache-2.0
 *
 * admin/client.c - one GET over a blocking socket.
 *
 * HTTP/1.0, so that the end of the connection is the end of the answer: a
 * client of the gateway's own admin address needs no more. (evhttp's client
 * cannot speak over a unix socket.)
 */
#include "admin/client.h"

#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/crypto.h"

#define REQUEST_MAX 8192
#define HEAD_MAX 8192
#define CREDENTIALS_MAX 384

static enum status make_request(const struct admin_request *request,
                                struct buffer *to)
{
    char plain[CREDENTIALS_MAX], encoded[2 * CREDENTIALS_MAX];
    enum status s = buffer_printf(to, "GET %s HTTP/1.0\r\nHost: localhost\r\n",
                                  request->target);
    if (s == STATUS_OK && request->password != NULL) {
        int len = snprintf(plain, sizeof(plain), "admin:%s", request->password);
        if (len < 0 || (size_t)len >= sizeof(plain))
            return STATUS_TOO_LARGE;
        crypto_base64_encode(plain, (size_t)len, encoded);
        s = buffer_printf(to, "Authorization: Basic %s\r\n", encoded);
    }
    return s == STATUS_OK ? buffer_append_str(to, "\r\n") : s;
}

static int connect_to(const struct admin_request *request)
{
    const struct timeval timeout = {request->timeout_s, 0};
    int fd = socket(request->address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ==
            0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) ==
            0 &&
        connect(fd, request->address, request->address_len) == 0)
        return fd;
    close(fd);
    return -1;
}

static enum status send_all(int fd, struct text data)
{
    while (data.len > 0) {
        ssize_t n = send(fd, data.data, data.len, MSG_NOSIGNAL);
        if (n <= 0)
            return STATUS_UNAVAILABLE;
        data = text_make(data.data + n, data.len - (size_t)n);
    }
    return STATUS_OK;
}

static enum status receive_all(int fd, struct buffer *to)
{
    char piece[4096];
    for (;;) {
        ssize_t n = recv(fd, piece, sizeof(piece), 0);
        if (n < 0)
            return STATUS_UNAVAILABLE;
        if (n == 0)
            return STATUS_OK;
        enum status s = buffer_append(to, piece, (size_t)n);
        if (s != STATUS_OK)
            return s;
    }
}

/* "HTTP/1.x NNN ...", headers, an empty line, the body. */
static enum status take_answer(const struct buffer *answer, int *http_status,
                               struct buffer *body)
{
    const char *end = answer->data ? strstr(answer->data, "\r\n\r\n") : NULL;
    if (end == NULL ||
        sscanf(answer->data, "HTTP/1.%*1[01] %3d", http_status) != 1)
        return STATUS_UNAVAILABLE;
    end += 4;
    return buffer_append(body, end, answer->len - (size_t)(end - answer->data));
}

enum status admin_get(const struct admin_request *request, int *http_status,
                      struct buffer *body)
{
    struct buffer out, in;
    int fd = connect_to(request);
    if (fd < 0)
        return STATUS_UNAVAILABLE;
    buffer_init(&out, REQUEST_MAX);
    buffer_init(&in, body->max + HEAD_MAX);
    enum status s = make_request(request, &out);
    if (s == STATUS_OK)
        s = send_all(fd, buffer_text(&out));
    if (s == STATUS_OK)
        s = receive_all(fd, &in);
    if (s == STATUS_OK)
        s = take_answer(&in, http_status, body);
    buffer_release(&out);
    buffer_release(&in);
    close(fd);
    return s;
}
