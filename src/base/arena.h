/* SPDX-License-Identifier: Apache-2.0
 *
 * base/arena.h - memory that is given back all at once.
 *
 * A policy snapshot and an exchange each own one: what they hold is
 * allocated here and never freed singly. Not shared between threads while
 * it grows; read freely once it no longer does.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/text.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used_bytes;          /* handed out so far, for bounds and metrics */
    size_t max_bytes;           /* allocations past it return NULL */
};

void arena_init(struct arena *a, size_t max_bytes);
void arena_release(struct arena *a);

/* Zeroed, aligned for any type; NULL when out of memory or past the
 * maximum. */
void *arena_alloc(struct arena *a, size_t bytes);
void *arena_array(struct arena *a, size_t count, size_t bytes_each);
/* A terminated copy; NULL as above. */
char *arena_strdup(struct arena *a, struct text t);
struct text arena_text(struct arena *a, struct text t); /* absent on failure */
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
