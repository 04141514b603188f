/* SPDX-License-Identifier: Apache-2.0
 *
 * base/log.c - a line is put together on the stack and written at once.
 *
 * One write(2) a line and no lock: lines of several threads do not mix, and
 * a thread that logs never waits for another. What cannot be written is
 * lost; there is nowhere to say so. Control bytes that reach a line, out of
 * a name that a client chose say, become '?', so that nobody can forge one.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"

#define LINE_SIZE 4096

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARNING] = "warning",
    [LOG_ERROR] = "error",
};

static atomic_int least = LOG_INFO;

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&least, (int)level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
    return (enum log_level)atomic_load_explicit(&least, memory_order_relaxed);
}

enum status log_level_parse(struct text word, enum log_level *out)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (text_is(word, level_names[i])) {
            *out = (enum log_level)i;
            return STATUS_OK;
        }
    }
    return STATUS_INVALID;
}

static void write_line(const char *line, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, line, len);

        if (n >= 0) {
            line += n;
            len -= (size_t)n;
        } else if (errno != EINTR) {
            return;
        }
    }
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    char line[LINE_SIZE], now[CLOCK_RFC3339_SIZE];
    int saved = errno, n;
    size_t len;
    va_list ap;

    if (level < log_get_level())
        return;
    clock_format_rfc3339(clock_wall(clock_system()), now);
    n = snprintf(line, sizeof(line), "%s %-5s %s ", now, level_names[level],
                 event);
    CHECK(n > 0 && (size_t)n < sizeof(line)); /* event names are our own */
    len = (size_t)n;
    va_start(ap, fmt);
    n = vsnprintf(line + len, sizeof(line) - len, fmt, ap);
    va_end(ap);
    if (n > 0) {
        len += (size_t)n;
        /* The last byte of the array is for the line's end. */
        if (len > sizeof(line) - 1)
            len = sizeof(line) - 1;
    } else {
        len--; /* no pairs, so no space before them */
    }
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[len++] = '\n';
    write_line(line, len);
    errno = saved;
}

/* The characters that stand for `c` in a quoted value. */
static size_t escape(unsigned char c, char out[5])
{
    static const char hex[] = "0123456789abcdef";

    if (c == '"' || c == '\\') {
        memcpy(out, (char[]){'\\', (char)c}, 2);
        return 2;
    }
    if (c >= 0x20 && c != 0x7f) {
        out[0] = (char)c;
        return 1;
    }
    memcpy(out, (char[]){'\\', 'x', hex[c >> 4], hex[c & 15]}, 4);
    return 4;
}

/* How many bytes of `t` fit into `room` once escaped; *used is their size. */
static size_t fit(struct text t, size_t room, size_t *used)
{
    char one[5];
    size_t i;

    *used = 0;
    for (i = 0; i < t.len; i++) {
        size_t n = escape((unsigned char)t.data[i], one);

        if (*used + n > room)
            break;
        *used += n;
    }
    return i;
}

const char *log_quote(struct text t, char *out, size_t size)
{
    size_t used, taken, len = 0;
    char one[5];
    bool is_cut;

    if (size < sizeof("\"...\"")) { /* no room for anything */
        if (size > 0)
            out[0] = '\0';
        return out;
    }
    is_cut = fit(t, size - 3, &used) < t.len;
    taken = is_cut ? fit(t, size - 6, &used) : t.len;
    out[len++] = '"';
    for (size_t i = 0; i < taken; i++) {
        size_t n = escape((unsigned char)t.data[i], one);

        memcpy(out + len, one, n);
        len += n;
    }
    if (is_cut) {
        memcpy(out + len, "...", 3);
        len += 3;
    }
    out[len++] = '"';
    out[len] = '\0';
    return out;
}
