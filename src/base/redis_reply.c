/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis_reply.c - the objects that hiredis builds replies of.
 *
 * hiredis asks for an object as soon as it has read an element (an array's,
 * before its elements) and stores nothing itself: each one finds its place in
 * its parent by the task's index. A NULL from here ends the connection with
 * "out of memory", which is how the bound is enforced. Freeing is for the
 * whole pool only.
 */
#include "base/redis_reply.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define POOL_MAGIC 0x52504f4cU /* "RPOL" */
#define CHUNK_BYTES ((size_t)16 * 1024)

#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count;
#endif

struct redis_reply {
    enum redis_kind kind;
    int64_t integer;
    struct text text;
    size_t count;
    struct redis_reply **items;
};

struct redis_pool_chunk {
    struct redis_pool_chunk *next;
    _Alignas(16) char data[];
};

void redis_pool_init(struct redis_pool *p, size_t max_bytes)
{
    MAGIC_SET(p, POOL_MAGIC);
    p->max = max_bytes;
    p->chunks = NULL;
    redis_pool_reset(p);
}

void redis_pool_reset(struct redis_pool *p)
{
    while (p->chunks != NULL) {
        struct redis_pool_chunk *next = p->chunks->next;

        free(p->chunks);
        p->chunks = next;
    }
    p->data = p->first;
    p->size = sizeof(p->first);
    p->used = 0;
    p->total = 0;
}

void redis_pool_release(struct redis_pool *p)
{
    redis_pool_reset(p);
    MAGIC_CLEAR(p);
}

static void *pool_alloc(struct redis_pool *p, size_t bytes)
{
    void *out;

    bytes = (bytes + 15) & ~(size_t)15;
    if (bytes > p->max - p->total)
        return NULL;
    if (bytes > p->size - p->used) {
        size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
        struct redis_pool_chunk *c = malloc(sizeof(*c) + size);

        if (c == NULL)
            return NULL;
        c->next = p->chunks;
        p->chunks = c;
        p->data = c->data;
        p->size = size;
        p->used = 0;
    }
    out = p->data + p->used;
    p->used += bytes;
    p->total += bytes;
    return out;
}

static struct redis_reply *make(const redisReadTask *task, enum redis_kind kind)
{
    struct redis_pool *p;
    struct redis_reply *r;

    MAGIC_CAST(p, task->privdata, POOL_MAGIC);
    r = pool_alloc(p, sizeof(*r));
    if (r == NULL)
        return NULL;
    memset(r, 0, sizeof(*r));
    r->kind = kind;
    if (task->parent != NULL) {
        struct redis_reply *parent = task->parent->obj;

        CHECK((size_t)task->idx < parent->count);
        parent->items[task->idx] = r;
    }
    return r;
}

static void *make_string(const redisReadTask *task, char *data, size_t len)
{
    struct redis_pool *p;
    struct redis_reply *r =
        make(task, task->type == REDIS_REPLY_ERROR    ? REDIS_ERROR
                   : task->type == REDIS_REPLY_STATUS ? REDIS_STATUS
                                                      : REDIS_STRING);
    char *copy;

    MAGIC_CAST(p, task->privdata, POOL_MAGIC);
    if (r == NULL || len >= p->max)
        return NULL;
    copy = pool_alloc(p, len + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, data, len);
    copy[len] = '\0';
    r->text = text_make(copy, len);
    return r;
}

static void *make_array(const redisReadTask *task, element_count count)
{
    struct redis_pool *p;
    struct redis_reply *r = make(task, REDIS_ARRAY);
    size_t n = (size_t)count;

    MAGIC_CAST(p, task->privdata, POOL_MAGIC);
    if (r == NULL || n > p->max / sizeof(struct redis_reply))
        return NULL;
    if (n > 0) {
        r->items = pool_alloc(p, n * sizeof(struct redis_reply *));
        if (r->items == NULL)
            return NULL;
        memset(r->items, 0, n * sizeof(struct redis_reply *));
    }
    r->count = n;
    return r;
}

static void *make_integer(const redisReadTask *task, long long value)
{
    struct redis_reply *r = make(task, REDIS_INTEGER);

    if (r != NULL)
        r->integer = value;
    return r;
}

static void *make_nil(const redisReadTask *task)
{
    return make(task, REDIS_NIL);
}

static void forget(void *reply)
{
    (void)reply; /* the pool is reset as a whole */
}

#if HIREDIS_MAJOR >= 1
/* RESP3 is never sent to a client that did not ask for it. */
static void *refuse_double(const redisReadTask *task, double value, char *data,
                           size_t len)
{
    (void)task;
    (void)value;
    (void)data;
    (void)len;
    return NULL;
}

static void *refuse_bool(const redisReadTask *task, int value)
{
    (void)task;
    (void)value;
    return NULL;
}
#endif

static redisReplyObjectFunctions functions = {
    .createString = make_string,
    .createArray = make_array,
    .createInteger = make_integer,
    .createNil = make_nil,
    .freeObject = forget,
#if HIREDIS_MAJOR >= 1
    .createDouble = refuse_double,
    .createBool = refuse_bool,
#endif
};

void redis_pool_attach(struct redis_pool *p, redisReader *reader)
{
    reader->fn = &functions;
    reader->privdata = p;
}

enum redis_kind redis_reply_kind(const struct redis_reply *r)
{
    return r->kind;
}

int64_t redis_reply_integer(const struct redis_reply *r)
{
    return r->integer;
}

struct text redis_reply_text(const struct redis_reply *r)
{
    return r->text;
}

size_t redis_reply_count(const struct redis_reply *r)
{
    return r->count;
}

const struct redis_reply *redis_reply_at(const struct redis_reply *r, size_t i)
{
    return i < r->count ? r->items[i] : NULL;
}
