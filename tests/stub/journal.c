/* SPDX-License-Identifier: Apache-2.0
 *
 * stub/journal.c - a ring of what was delivered.
 *
 * Memory: JOURNAL_ENTRIES_MAX entries of a head (64 KiB at the very most, some
 * hundred bytes in practice) and JOURNAL_BODY_MAX of body; the bytes of all
 * entries together stay below JOURNAL_BYTES_MAX, the oldest go first.
 */
#include "stub/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/crypto.h"
#include "base/json_write.h"

#define JOURNAL_BYTES_MAX (64 * 1024 * 1024)

struct entry {
    TAILQ_ENTRY(entry) link;
    uint64_t number, connection;
    size_t bytes; /* of memory, about */
    char *text;   /* names, values, target: terminated strings in a row */
    size_t header_count;
    int64_t body_bytes;
    char *body; /* NULL: too long, or none */
    char sha256[2 * CRYPTO_SHA256_SIZE + 1];
    int status; /* 0: none was given */
    char trace_id[33];
};

struct stub_journal {
    TAILQ_HEAD(entry_list, entry) entries;
    size_t count, bytes;
    uint64_t connections, malformed, begun, delivered;
    int fd; /* for lines; -1: none */
};

struct stub_journal *stub_journal_new(void)
{
    struct stub_journal *j = calloc(1, sizeof *j);

    if (j) {
        TAILQ_INIT(&j->entries);
        j->fd = -1;
    }
    return j;
}

void stub_journal_write_to(struct stub_journal *j, int fd)
{
    j->fd = fd;
}

static void write_line(struct stub_journal *j, const struct stub_request *req)
{
    const char *id = stub_request_header(req, "x-request-id");

    if (j->fd >= 0 && dprintf(j->fd, "%s %s\n", req->method, id ? id : "-") < 0)
        perror("stub: deliveries");
}

static void drop(struct stub_journal *j, struct entry *e)
{
    TAILQ_REMOVE(&j->entries, e, link);
    j->count--;
    j->bytes -= e->bytes;
    free(e->text);
    free(e->body);
    free(e);
}

void stub_journal_clear(struct stub_journal *j)
{
    struct entry *e;

    while ((e = TAILQ_FIRST(&j->entries)))
        drop(j, e);
    j->connections = j->malformed = j->begun = j->delivered = 0;
}

void stub_journal_free(struct stub_journal *j)
{
    if (!j)
        return;
    stub_journal_clear(j);
    free(j);
}

void stub_journal_connected(struct stub_journal *j)
{
    j->connections++;
}

void stub_journal_malformed(struct stub_journal *j)
{
    j->malformed++;
}

void stub_journal_begun(struct stub_journal *j)
{
    j->begun++;
}

/* Method, target, then each header's name and value, terminated each. */
static char *pack(const struct stub_request *req, size_t *len)
{
    size_t size = strlen(req->method) + strlen(req->target) + 2;
    char *text, *p;

    for (size_t i = 0; i < req->header_count; i++)
        size +=
            strlen(req->headers[i].name) + strlen(req->headers[i].value) + 2;
    text = malloc(size);
    if (!text)
        return NULL;
    p = stpcpy(text, req->method) + 1;
    p = stpcpy(p, req->target) + 1;
    for (size_t i = 0; i < req->header_count; i++) {
        p = stpcpy(p, req->headers[i].name) + 1;
        p = stpcpy(p, req->headers[i].value) + 1;
    }
    *len = size;
    return text;
}

static struct entry *entry_new(const struct stub_request *req)
{
    struct entry *e = calloc(1, sizeof *e);
    uint8_t digest[CRYPTO_SHA256_SIZE];
    size_t text_bytes = 0;

    if (!e)
        return NULL;
    e->text = pack(req, &text_bytes);
    e->header_count = req->header_count;
    e->connection = req->connection;
    e->body_bytes = (int64_t)req->body.len;
    if (req->body.len > 0 && req->body.len <= JOURNAL_BODY_MAX)
        e->body = text_dup(buffer_text(&req->body));
    if (!e->text ||
        crypto_sha256(buffer_text(&req->body), digest) != STATUS_OK) {
        free(e->text);
        free(e->body);
        free(e);
        return NULL;
    }
    crypto_hex(digest, sizeof digest, e->sha256);
    e->bytes = sizeof *e + text_bytes + (e->body ? req->body.len : 0);
    return e;
}

uint64_t stub_journal_delivered(struct stub_journal *j,
                                const struct stub_request *req)
{
    struct entry *e = entry_new(req);

    j->delivered++;
    write_line(j, req);
    if (!e)
        return 0;
    e->number = j->delivered;
    TAILQ_INSERT_TAIL(&j->entries, e, link);
    j->count++;
    j->bytes += e->bytes;
    while (j->count > JOURNAL_ENTRIES_MAX || j->bytes > JOURNAL_BYTES_MAX)
        drop(j, TAILQ_FIRST(&j->entries));
    return e->number;
}

void stub_journal_answered(struct stub_journal *j, uint64_t number, int status,
                           const char *trace_id)
{
    struct entry *e;

    TAILQ_FOREACH_REVERSE(e, &j->entries, entry_list, link)
    if (e->number == number) {
        e->status = status;
        strncpy(e->trace_id, trace_id, sizeof e->trace_id - 1);
        return;
    }
}

static void write_entry(struct json_writer *w, const struct entry *e)
{
    const char *p = e->text;

    json_open_object(w);
    json_key(w, "number");
    json_int(w, (int64_t)e->number);
    json_key(w, "connection");
    json_int(w, (int64_t)e->connection);
    json_key(w, "method");
    json_str(w, p);
    p += strlen(p) + 1;
    json_key(w, "target");
    json_str(w, p);
    p += strlen(p) + 1;
    json_key(w, "headers");
    json_open_array(w);
    for (size_t i = 0; i < 2 * e->header_count; i++) {
        if (i % 2 == 0)
            json_open_array(w);
        json_str(w, p);
        p += strlen(p) + 1;
        if (i % 2 == 1)
            json_close_array(w);
    }
    json_close_array(w);
    json_key(w, "body_bytes");
    json_int(w, e->body_bytes);
    json_key(w, "body_sha256");
    json_str(w, e->sha256);
    json_key(w, "body");
    json_text(w, text_make(e->body, e->body ? (size_t)e->body_bytes : 0));
    json_key(w, "status");
    json_int(w, e->status);
    json_key(w, "trace_id");
    json_str(w, e->trace_id[0] ? e->trace_id : NULL);
    json_close_object(w);
}

enum status stub_journal_write(const struct stub_journal *j, uint64_t after,
                               struct buffer *to)
{
    struct json_writer *w = json_writer_new();
    const struct entry *e;
    enum status status;

    if (!w)
        return STATUS_NO_MEMORY;
    json_writer_begin(w, to);
    json_open_object(w);
    json_key(w, "connections");
    json_int(w, (int64_t)j->connections);
    json_key(w, "malformed");
    json_int(w, (int64_t)j->malformed);
    json_key(w, "begun");
    json_int(w, (int64_t)j->begun);
    json_key(w, "delivered");
    json_int(w, (int64_t)j->delivered);
    json_key(w, "entries");
    json_open_array(w);
    TAILQ_FOREACH(e, &j->entries, link)
    if (e->number > after)
        write_entry(w, e);
    json_close_array(w);
    json_close_object(w);
    status = json_writer_end(w);
    json_writer_free(w);
    return status;
}
