/* SPDX-License-Identifier: Apache-2.0
 *
 * config/secret.h - a value that must not be printed.
 *
 * A struct, so that handing one to a printf-like function does not compile
 * cleanly; who really needs the value asks for it by name, which is easy to
 * look for in a review. What is shown to people is secret_shown().
 */
#ifndef CONFIG_SECRET_H
#define CONFIG_SECRET_H

#include "base/text.h"

struct secret {
    struct text hidden; /* NUL-terminated besides; absent: none */
};

static inline bool secret_is_set(struct secret s)
{
    return !text_is_absent(s.hidden);
}

/* The value itself: for the wire or a digest, never for a message. */
static inline struct text secret_reveal(struct secret s)
{
    return s.hidden;
}

/* "***", or "none". */
static inline const char *secret_shown(struct secret s)
{
    return secret_is_set(s) ? "***" : "none";
}

#endif
