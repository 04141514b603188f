/* SPDX-License-Identifier: Apache-2.0
 *
 * audit/writer.c - the lines of one loop turn, written together.
 *
 * A writer owns two queues that move together: the bytes that wait, and one
 * entry a line with its end in those bytes and whom to tell. The event
 * `flush` is activated by the first line of a turn; it runs after everything
 * the loop had to do before it, which is what gathers the lines of a turn. (A
 * lower priority would gather more, and starve under load: libevent runs low
 * priorities only in turns without high ones.)
 *
 * Entries are told in order. One that was told of a failure stays, without
 * anybody to tell, until its bytes are written. While the file fails there is
 * always an entry and `retry` is set, so that health returns by itself; the
 * exception, a failed fdatasync(2), is repeated by `retry` without bytes.
 */
#include "audit/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "audit/file.h"
#include "base/buffer.h"
#include "base/check.h"

#define WRITER_MAGIC 0x61756477u /* "audw" */
#define RETRY_US (20 * US_PER_MS)
/* Another process has the lock, or a pipe is full: that passes soon. */
#define RETRY_SOON_US (1 * US_PER_MS)
/* At the end of the program. */
#define LAST_PATIENCE_US US_PER_S
/* Memory kept from a bad time. */
#define KEEP_BYTES ((size_t)256 * 1024)

struct audit_entry {
    size_t len;         /* of the line */
    audit_done_fn done; /* NULL: nobody is to be told (any more) */
    void *arg;
    mono_us due; /* to be told of a failure */
};

struct audit_writer {
    uint32_t magic;
    struct audit_file *file;
    const struct clock *clock;
    struct event *flush;
    struct event *retry;
    struct buffer bytes;
    struct audit_entry *entries;
    size_t count, size;
    size_t partial;  /* bytes of the first line that are written already */
    bool is_waiting; /* for `retry` */
    bool must_sync;  /* the last sync failed */
    struct audit_counters counters;
};

static void on_flush(evutil_socket_t fd, short what, void *arg);

enum status audit_writer_new(struct event_base *base, const struct clock *clock,
                             struct audit_file *file, struct audit_writer **out)
{
    struct audit_writer *w = calloc(1, sizeof(*w));

    if (!w)
        return STATUS_NO_MEMORY;
    MAGIC_SET(w, WRITER_MAGIC);
    w->file = file;
    w->clock = clock;
    buffer_init(&w->bytes, AUDIT_WAITING_MAX);
    w->flush = event_new(base, -1, 0, on_flush, w);
    w->retry = evtimer_new(base, on_flush, w);
    if (!w->flush || !w->retry) {
        audit_writer_free(w);
        return STATUS_NO_MEMORY;
    }
    *out = w;
    return STATUS_OK;
}

static enum status grow(struct audit_writer *w)
{
    size_t size = w->size > 0 ? w->size * 2 : 64;
    struct audit_entry *p;

    if (w->count < w->size)
        return STATUS_OK;
    p = realloc(w->entries, size * sizeof(*p));
    if (!p)
        return STATUS_NO_MEMORY;
    w->entries = p;
    w->size = size;
    return STATUS_OK;
}

enum status audit_writer_append(struct audit_writer *w, struct text line,
                                audit_done_fn done, void *arg)
{
    enum status s;

    CHECK(w->magic == WRITER_MAGIC);
    CHECK(line.len > 0 && line.data[line.len - 1] == '\n');
    s = grow(w);
    if (s == STATUS_OK)
        s = buffer_append_text(&w->bytes, line);
    if (s != STATUS_OK)
        return s;
    w->entries[w->count++] = (struct audit_entry){
        .len = line.len,
        .done = done,
        .arg = arg,
        .due = clock_mono(w->clock) + audit_file_patience_us(w->file),
    };
    if (!w->is_waiting)
        event_active(w->flush, EV_TIMEOUT, 0);
    return STATUS_OK;
}

void audit_writer_forget(struct audit_writer *w, void *arg)
{
    CHECK(w->magic == WRITER_MAGIC);
    for (size_t i = 0; i < w->count; i++)
        if (w->entries[i].arg == arg)
            w->entries[i].done = NULL;
}

/* done() may append and forget: the entry is read and emptied before. */
static void tell(struct audit_writer *w, size_t i, enum status status)
{
    audit_done_fn done = w->entries[i].done;

    w->entries[i].done = NULL;
    if (done)
        done(w->entries[i].arg, status);
}

static void drop_entries(struct audit_writer *w, size_t n)
{
    w->count -= n;
    memmove(w->entries, w->entries + n, w->count * sizeof(*w->entries));
}

/* The first `taken` bytes are in the file. */
static void complete(struct audit_writer *w, size_t taken, enum status status)
{
    size_t n = 0, at = w->partial + taken;

    if (taken == 0)
        return;
    while (n < w->count && w->entries[n].len <= at)
        at -= w->entries[n++].len;
    w->partial = at;
    buffer_consume(&w->bytes, taken);
    if (w->bytes.len == 0 && w->bytes.size > KEEP_BYTES)
        buffer_release(&w->bytes);
    w->counters.writes++;
    w->counters.bytes += taken;
    w->counters.lines += n;
    for (size_t i = 0; i < n; i++)
        tell(w, i, status);
    drop_entries(w, n);
}

/* Those who have waited long enough hear that it failed; the lines stay. */
static bool tell_late(struct audit_writer *w)
{
    mono_us now = clock_mono(w->clock);
    size_t i;

    for (i = 0; i < w->count && w->entries[i].due <= now; i++)
        tell(w, i, STATUS_IO);
    return i > 0;
}

static void wait_for_retry(struct audit_writer *w, int64_t us)
{
    struct timeval tv = {.tv_usec = (suseconds_t)us};

    w->is_waiting = evtimer_add(w->retry, &tv) == 0;
}

static enum status write_out(struct audit_writer *w)
{
    enum status s = STATUS_OK, synced = STATUS_OK;
    size_t taken = 0;

    if (w->bytes.len > 0)
        s = audit_file_append(w->file, buffer_text(&w->bytes), &taken);
    if (taken > 0 || w->must_sync) {
        synced = audit_file_sync(w->file);
        w->must_sync = synced != STATUS_OK;
    }
    complete(w, taken, synced);
    return s == STATUS_OK ? synced : s;
}

static void flush(struct audit_writer *w)
{
    enum status s;

    w->is_waiting = false; /* before done() can append */
    s = write_out(w);
    if (s == STATUS_OK) {
        audit_file_set_healthy(w->file, true);
        return;
    }
    if (tell_late(w) || s == STATUS_IO) {
        w->counters.failures++;
        audit_file_set_healthy(w->file, false);
    }
    if (w->count > 0 || w->must_sync)
        wait_for_retry(w, s == STATUS_IO ? RETRY_US : RETRY_SOON_US);
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    struct audit_writer *w;

    (void)fd;
    (void)what;
    MAGIC_CAST(w, arg, WRITER_MAGIC);
    flush(w);
}

/* No loop will run again, so here it is waited for a lock or a pipe. */
static void write_last(struct audit_writer *w)
{
    static const struct timespec pause = {.tv_nsec = RETRY_SOON_US * 1000};
    mono_us until = clock_mono(w->clock) + LAST_PATIENCE_US;

    while (w->count > 0 && write_out(w) == STATUS_UNAVAILABLE &&
           clock_mono(w->clock) < until)
        (void)nanosleep(&pause, NULL);
}

void audit_writer_free(struct audit_writer *w)
{
    if (!w)
        return;
    CHECK(w->magic == WRITER_MAGIC);
    write_last(w);
    for (size_t i = 0; i < w->count; i++)
        tell(w, i, STATUS_IO);
    if (w->flush)
        event_free(w->flush);
    if (w->retry)
        event_free(w->retry);
    buffer_release(&w->bytes);
    free(w->entries);
    MAGIC_CLEAR(w);
    free(w);
}

void audit_writer_counters(const struct audit_writer *w,
                           struct audit_counters *out)
{
    *out = w->counters;
}
