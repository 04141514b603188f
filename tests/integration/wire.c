/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/wire.c - blocking sockets with a deadline, and a small reader
 * of answers (RFC 9112 section 6.3).
 */
#define _GNU_SOURCE
#include "integration/wire.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "integration/process.h"

#define WIRE_MAX ((size_t)256 * 1024 * 1024)

static int deadline_ms(void)
{
    return (int)process_stretch(PROCESS_DEADLINE_MS);
}

void wire_open(struct wire *w, int port)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    int one = 1;

    memset(w, 0, sizeof *w);
    buffer_init(&w->in, WIRE_MAX);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    in.sin_port = htons((uint16_t)port);
    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(w->fd, 0);
    ck_assert_msg(connect(w->fd, (struct sockaddr *)&in, sizeof in) == 0,
                  "connect to port %d: %s", port, strerror(errno));
    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

void wire_close(struct wire *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    buffer_release(&w->in);
}

void wire_abort(struct wire *w)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    wire_close(w);
}

static void wait_for(struct wire *w, short events)
{
    struct pollfd p = {.fd = w->fd, .events = events};

    ck_assert_msg(poll(&p, 1, deadline_ms()) == 1,
                  "nothing happened on the connection before the deadline");
}

bool wire_try_send(struct wire *w, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(w->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n > 0) {
            data += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) {
            wait_for(w, POLLOUT);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

void wire_send(struct wire *w, const char *data, size_t len)
{
    ck_assert_msg(wire_try_send(w, data, len), "send: %s", strerror(errno));
}

void wire_send_str(struct wire *w, const char *cstr)
{
    wire_send(w, cstr, strlen(cstr));
}

static void pause_us(int64_t us)
{
    const struct timespec t = {us / 1000000, us % 1000000 * 1000};

    if (us > 0)
        nanosleep(&t, NULL);
}

bool wire_drip(struct wire *w, const char *data, size_t len, size_t piece,
               int64_t pause)
{
    for (size_t at = 0; at < len; at += piece) {
        if (at > 0)
            pause_us(pause);
        if (!wire_try_send(w, data + at, len - at < piece ? len - at : piece))
            return false;
    }
    return true;
}

static void must(enum status status)
{
    ck_assert_msg(status == STATUS_OK, "buffer: %s", status_name(status));
}

/* Do the caller's header lines say this one? (Names in lower case.) */
static bool has_line(const char *headers, const char *name)
{
    const char *line = headers;

    while (line && *line) {
        if (strncasecmp(line, name, strlen(name)) == 0)
            return true;
        line = strstr(line, "\r\n");
        line = line ? line + 2 : NULL;
    }
    return false;
}

void wire_head(struct buffer *to, const char *method, const char *target,
               const char *headers, long length)
{
    buffer_init(to, WIRE_MAX);
    must(buffer_printf(to, "%s %s HTTP/1.1\r\n", method, target));
    if (!has_line(headers, "host:"))
        must(buffer_append_str(to, "Host: gate.test\r\n"));
    if (!has_line(headers, "authorization:"))
        must(buffer_append_str(to, "Authorization: Bearer token\r\n"));
    if (length > 0 && !has_line(headers, "content-type:"))
        must(buffer_append_str(to, "Content-Type: application/json\r\n"));
    if (headers)
        must(buffer_append_str(to, headers));
    if (length >= 0)
        must(buffer_printf(to, "Content-Length: %ld\r\n", length));
    must(buffer_append_str(to, "\r\n"));
}

void wire_request(struct wire *w, const char *method, const char *target,
                  const char *headers, const char *body)
{
    struct buffer text;

    wire_head(&text, method, target, headers, body ? (long)strlen(body) : -1);
    if (body)
        must(buffer_append_str(&text, body));
    w->head_next = strcmp(method, "HEAD") == 0;
    wire_send(w, text.data, text.len);
    buffer_release(&text);
}

/* Wait for some bytes; false at the connection's end. */
static bool receive(struct wire *w)
{
    ssize_t n;

    if (w->ended)
        return false;
    must(buffer_reserve(&w->in, 65536));
    wait_for(w, POLLIN);
    n = recv(w->fd, w->in.data + w->in.len, 65536, MSG_DONTWAIT);
    if (n > 0) {
        w->in.len += (size_t)n;
        w->in.data[w->in.len] = '\0';
        return true;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    w->ended = true;
    w->was_reset = n < 0;
    return false;
}

bool wire_has_input(struct wire *w, int ms)
{
    struct pollfd p = {.fd = w->fd, .events = POLLIN};

    return w->in.len > 0 || w->ended || poll(&p, 1, ms) == 1;
}

bool wire_wait_close(struct wire *w)
{
    int64_t until = process_now_ms() + deadline_ms();

    while (w->in.len == 0 && process_now_ms() < until)
        if (!receive(w))
            return true;
    return false;
}

/* A head, its empty line included, moved to the answer. */
static bool read_head(struct wire *w, struct wire_answer *a)
{
    const char *end;
    size_t len;

    while (!w->in.data || !(end = memmem(w->in.data, w->in.len, "\r\n\r\n", 4)))
        if (!receive(w))
            return false;
    len = (size_t)(end - w->in.data) + 4;
    buffer_clear(&a->head);
    must(buffer_append(&a->head, w->in.data, len));
    buffer_consume(&w->in, len);
    ck_assert_msg(sscanf(a->head.data, "HTTP/1.1 %3d", &a->status) == 1,
                  "no status line: %.80s", a->head.data);
    return true;
}

/* Move `len` bytes of body; what there is of them, at least. */
static bool read_bytes(struct wire *w, struct wire_answer *a, size_t len)
{
    while (w->in.len < len)
        if (!receive(w)) {
            must(buffer_append_text(&a->body, buffer_text(&w->in)));
            buffer_clear(&w->in);
            return false;
        }
    must(buffer_append(&a->body, w->in.data, len));
    buffer_consume(&w->in, len);
    return true;
}

/* A line of the chunked coding into `line`. */
static bool read_line(struct wire *w, char *line, size_t size)
{
    const char *end;
    size_t len;

    while (!w->in.data || !(end = memmem(w->in.data, w->in.len, "\r\n", 2)))
        if (!receive(w))
            return false;
    len = (size_t)(end - w->in.data);
    ck_assert_uint_lt(len, size);
    memcpy(line, w->in.data, len);
    line[len] = '\0';
    buffer_consume(&w->in, len + 2);
    return true;
}

static bool read_chunks(struct wire *w, struct wire_answer *a)
{
    char line[256], *end;
    unsigned long size;

    for (;;) {
        if (!read_line(w, line, sizeof line))
            return false;
        size = strtoul(line, &end, 16);
        ck_assert_msg(end != line && (*end == '\0' || *end == ';'),
                      "not a chunk's size: %s", line);
        if (size == 0)
            break;
        if (!read_bytes(w, a, size) || !read_line(w, line, sizeof line))
            return false;
        ck_assert_str_eq(line, "");
    }
    do {
        if (!read_line(w, line, sizeof line))
            return false;
    } while (line[0]);
    return true;
}

static bool read_body(struct wire *w, struct wire_answer *a)
{
    const char *coding = wire_answer_header(a, "transfer-encoding");
    const char *length = wire_answer_header(a, "content-length");

    if (w->head_next || a->status == 204 || a->status == 304)
        return true;
    if (coding) {
        ck_assert_str_eq(coding, "chunked");
        ck_assert_ptr_null(length);
        a->is_chunked = true;
        return read_chunks(w, a);
    }
    if (length)
        return read_bytes(w, a, strtoul(length, NULL, 10));
    while (receive(w)) /* until the end */
        ;
    must(buffer_append_text(&a->body, buffer_text(&w->in)));
    buffer_clear(&w->in);
    return !w->was_reset;
}

bool wire_try_read(struct wire *w, struct wire_answer *a)
{
    memset(a, 0, sizeof *a);
    buffer_init(&a->head, 1024 * 1024);
    buffer_init(&a->body, WIRE_MAX);
    if (!read_head(w, a))
        return false;
    while (a->status < 200) {
        a->interim++;
        if (!read_head(w, a))
            return false;
    }
    a->is_complete = read_body(w, a);
    w->head_next = false;
    return a->is_complete;
}

void wire_read(struct wire *w, struct wire_answer *a)
{
    ck_assert_msg(wire_try_read(w, a),
                  "the connection ended (%s) before an answer was complete",
                  w->was_reset ? "reset" : "closed");
}

void wire_answer_release(struct wire_answer *a)
{
    buffer_release(&a->head);
    buffer_release(&a->body);
    json_free(a->json);
    a->json = NULL;
}

/* The next header line of that name from `line` on; *value behind it. */
static const char *find_header(const char *line, const char *name,
                               const char **value)
{
    size_t len = strlen(name);

    for (; line && line[0] != '\r'; line = strstr(line, "\r\n") + 2)
        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            *value = line + len + 1 + strspn(line + len + 1, " \t");
            return strstr(line, "\r\n") + 2;
        }
    return NULL;
}

const char *wire_answer_header(const struct wire_answer *a, const char *name)
{
    /* A few at a time may be looked at. */
    static _Thread_local char values[8][8192];
    static _Thread_local size_t next;
    const char *value;
    char *out = values[next++ % 8];

    if (!a->head.data ||
        !find_header(strstr(a->head.data, "\r\n") + 2, name, &value))
        return NULL;
    snprintf(out, sizeof values[0], "%.*s", (int)strcspn(value, "\r"), value);
    return out;
}

int wire_answer_header_count(const struct wire_answer *a, const char *name)
{
    const char *line = strstr(a->head.data, "\r\n") + 2, *value;
    int count = 0;

    while ((line = find_header(line, name, &value)))
        count++;
    return count;
}

const struct json_value *wire_answer_json(struct wire_answer *a)
{
    struct problems problems;

    if (a->json)
        return a->json->root;
    problems_init(&problems);
    if (json_parse(buffer_text(&a->body), "answer", 0, &problems, &a->json) !=
        STATUS_OK) {
        problems_print(&problems, stderr);
        ck_abort_msg("status %d, and the body is no JSON: %.500s", a->status,
                     a->body.data ? a->body.data : "(none)");
    }
    problems_release(&problems);
    return a->json->root;
}

void wire_call(int port, const char *method, const char *target,
               const char *headers, const char *body, struct wire_answer *a)
{
    struct wire w;

    wire_open(&w, port);
    wire_request(&w, method, target, headers, body);
    wire_read(&w, a);
    wire_close(&w);
}

const char *wire_text(const struct json_value *root, const char *pointer)
{
    const struct json_value *v = json_at(root, text_of(pointer));

    ck_assert_msg(v && v->type == JSON_STRING, "%s is %s, not a string",
                  pointer, v ? json_type_phrase(v->type) : "not there");
    return v->text.data;
}

int64_t wire_int(const struct json_value *root, const char *pointer)
{
    const struct json_value *v = json_at(root, text_of(pointer));
    int64_t n;

    ck_assert_msg(v && v->type == JSON_NUMBER &&
                      json_to_i64(v, &n) == STATUS_OK,
                  "%s is %s, not an integer", pointer,
                  v ? json_type_phrase(v->type) : "not there");
    return n;
}
