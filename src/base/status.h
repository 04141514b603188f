/* SPDX-License-Identifier: Apache-2.0
 *
 * base/status.h - how a call went.
 *
 * One small list for the whole program. A function that returns a status
 * leaves its outputs untouched unless it returns STATUS_OK, or its header
 * says otherwise. Loaders also fill a struct problems (base/problems.h) with
 * file, line and advice. What a client is told is another matter: that is
 * http/refusal.h.
 */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

enum status {
    STATUS_OK = 0,
    STATUS_NO_MEMORY,   /* an allocation failed */
    STATUS_INVALID,     /* the input breaks a rule */
    STATUS_NOT_FOUND,   /* no such thing */
    STATUS_LIMITED,     /* a budget says: later */
    STATUS_TOO_LARGE,   /* a stated maximum would be passed */
    STATUS_TIMEOUT,     /* a deadline passed; the outcome may be unknown */
    STATUS_UNAVAILABLE, /* a neighbour is away */
    STATUS_DENIED,      /* not allowed */
    STATUS_IO,          /* a system call failed; errno says which way */
};

/* A short lower-case name ("ok", "no_memory", ...), never NULL. */
const char *status_name(enum status s);

#endif
