/* SPDX-License-Identifier: Apache-2.0
 *
 * base/log.h - what the operator reads on standard error.
 *
 * One line an event: time, level, event name, key=value pairs:
 *
 *   2026-01-31T12:00:00.000001Z info  listener.bound address=127.0.0.1:8080
 *
 * Event names are `noun.verb` in lower case. The format after the name makes
 * the pairs; LOG_TEXT/%s values with spaces, quotes or control bytes must be
 * quoted by the caller with log_quote(). A healthy run prints nothing at
 * warning or above. Secrets are never formatted. Thread-safe: one write(2) a
 * line, cut at 4 KiB.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "base/text.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

/* May be called at any time, from any thread; the default is LOG_INFO. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* "debug" "info" "warning" "error"; STATUS_INVALID for another word. */
enum status log_level_parse(struct text word, enum log_level *out) MUST_CHECK;

void log_event(enum log_level level, const char *event, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* `t` in double quotes with quotes, backslashes and control bytes escaped,
 * cut (with "...") to fit; returns `out`. */
const char *log_quote(struct text t, char *out, size_t size);

#endif
