/* SPDX-License-Identifier: Apache-2.0
 *
 * torture/memory.c - malloc and its family, counted.
 *
 * While dlsym() looks for the real malloc, a small pool serves, whose blocks
 * are never returned.
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "torture/interpose.h"

#define POOL_BYTES 16384

static alignas(16) char pool[POOL_BYTES];
static size_t pool_used;
static __thread int depth; /* looking for the real functions */

static bool is_pooled(const void *p)
{
    return (const char *)p >= pool && (const char *)p < pool + POOL_BYTES;
}

/* Zeroed, as static storage is. */
static void *from_pool(size_t bytes)
{
    void *p = pool + pool_used;

    bytes = (bytes + 15) & ~(size_t)15;
    if (bytes > POOL_BYTES - pool_used)
        abort();
    pool_used += bytes;
    return p;
}

/* Only once the program is under way: a sanitizer's runtime has no word to say
 * about blocks that it handed out while it began. */
static bool is_counting(const void *p)
{
    return p && atomic_load_explicit(&torture_page->is_loaded,
                                     memory_order_relaxed) != 0;
}

static void add_to_count(void *p, int sign)
{
    int64_t bytes = (int64_t)malloc_usable_size(p);

    atomic_fetch_add_explicit(&torture_page->live, sign, memory_order_relaxed);
    atomic_fetch_add_explicit(&torture_page->live_bytes, sign * bytes,
                              memory_order_relaxed);
}

static void *keep_count(void *p)
{
    if (is_counting(p))
        add_to_count(p, 1);
    return p;
}

static void drop_count(void *p)
{
    if (is_counting(p))
        add_to_count(p, -1);
}

/* The functions behind these, all found at the first use of any: dlsym() may
 * allocate, and frees what an earlier failure of it has left. */
static struct {
    __typeof__(&malloc) malloc;
    __typeof__(&free) free;
    __typeof__(&calloc) calloc;
    __typeof__(&realloc) realloc;
    __typeof__(&posix_memalign) posix_memalign;
    __typeof__(&aligned_alloc) aligned_alloc;
    __typeof__(&memalign) memalign;
} behind;
static atomic_bool is_found;

static void find_all(void)
{
    if (atomic_load_explicit(&is_found, memory_order_acquire))
        return;
    depth++;
    behind.malloc = REAL(malloc);
    behind.free = REAL(free);
    behind.calloc = REAL(calloc);
    behind.realloc = REAL(realloc);
    behind.posix_memalign = REAL(posix_memalign);
    behind.aligned_alloc = REAL(aligned_alloc);
    behind.memalign = REAL(memalign);
    depth--;
    atomic_store_explicit(&is_found, true, memory_order_release);
}

#define BEHIND(function) (find_all(), behind.function)

void *torture_malloc(size_t bytes)
{
    return BEHIND(malloc)(bytes);
}

void torture_free(void *p)
{
    BEHIND(free)(p);
}

WRAPPER void *malloc(size_t size)
{
    if (depth > 0)
        return from_pool(size);
    if (torture_ask("malloc", TORTURE_ALLOCATE) != TORTURE_GO_ON)
        return NULL;
    return keep_count(BEHIND(malloc)(size));
}

WRAPPER void free(void *p)
{
    int saved = errno;

    if (!p || is_pooled(p) || depth > 0)
        return;
    drop_count(p);
    BEHIND(free)(p);
    errno = saved;
}

WRAPPER void *calloc(size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    if (depth > 0)
        return from_pool(bytes);
    if (torture_ask("calloc", TORTURE_ALLOCATE) != TORTURE_GO_ON)
        return NULL;
    return keep_count(BEHIND(calloc)(count, size));
}

static void *grow(void *p, size_t size)
{
    void *moved;

    if (is_pooled(p)) {
        size_t most = (size_t)(pool + POOL_BYTES - (char *)p);

        moved = malloc(size);
        return moved ? memcpy(moved, p, size < most ? size : most) : NULL;
    }
    if (!p)
        return keep_count(BEHIND(realloc)(p, size));
    drop_count(p);
    moved = BEHIND(realloc)(p, size);
    if (moved)
        return keep_count(moved);
    if (size > 0) /* else it was freed */
        keep_count(p);
    return NULL;
}

WRAPPER void *realloc(void *p, size_t size)
{
    if (depth > 0 && !p)
        return from_pool(size);
    if (torture_ask("realloc", TORTURE_ALLOCATE) != TORTURE_GO_ON)
        return NULL;
    return grow(p, size);
}

WRAPPER void *reallocarray(void *p, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    if (torture_ask("reallocarray", TORTURE_ALLOCATE) != TORTURE_GO_ON)
        return NULL;
    return grow(p, bytes);
}

WRAPPER int posix_memalign(void **out, size_t alignment, size_t size)
{
    int error;

    if (torture_ask("posix_memalign", TORTURE_ALLOCATE) != TORTURE_GO_ON)
        return ENOMEM;
    error = BEHIND(posix_memalign)(out, alignment, size);
    if (error == 0)
        keep_count(*out);
    return error;
}

WRAPPER void *aligned_alloc(size_t alignment, size_t size)
{
    if (torture_ask("aligned_alloc", TORTURE_ALLOCATE) != TORTURE_GO_ON)
        return NULL;
    return keep_count(BEHIND(aligned_alloc)(alignment, size));
}

WRAPPER void *memalign(size_t alignment, size_t size)
{
    if (torture_ask("memalign", TORTURE_ALLOCATE) != TORTURE_GO_ON)
        return NULL;
    return keep_count(BEHIND(memalign)(alignment, size));
}

/* The sanitizer's runtime has its own that does not pass through malloc. */
static char *copy(const char *text, size_t len)
{
    char *p = keep_count(BEHIND(malloc)(len + 1));

    if (!p)
        return NULL;
    memcpy(p, text, len);
    p[len] = '\0';
    return p;
}

WRAPPER char *strdup(const char *text)
{
    if (torture_ask("strdup", TORTURE_ALLOCATE) != TORTURE_GO_ON)
        return NULL;
    return copy(text, strlen(text));
}

WRAPPER char *__strdup(const char *text);
WRAPPER char *__strdup(const char *text)
{
    return strdup(text);
}

WRAPPER char *strndup(const char *text, size_t most)
{
    if (torture_ask("strndup", TORTURE_ALLOCATE) != TORTURE_GO_ON)
        return NULL;
    return copy(text, strnlen(text, most));
}
