/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/pick.c - the scan, yajl's events, and a set of targets a level.
 *
 * Each open container has a level: the set of targets, as bits, whose first
 * tokens led to it. A member's name or an item's index narrows the set for
 * its value. A target whose tokens are used up is at that value; the others
 * go on into it, if it is a container. Under an empty set nothing is compared.
 *
 * yajl's memory is json_memory's, so running out of it ends the picking and
 * not the program: every entry into yajl is in enter_yajl().
 */
#include "schema/pick.h"

#include <stdlib.h>
#include <yajl/yajl_parse.h>

#include "base/check.h"
#include "base/json_memory.h"

#define PICK_MAGIC 0x7069636bu /* "pick" */

struct pick_level {
    uint32_t index; /* of the item to come */
    uint8_t set;    /* targets that lead here or deeper */
    uint8_t next;   /* those that lead to the member to come */
    bool is_array;
};

struct pick {
    uint32_t magic;
    struct pick_target targets[PICK_TARGETS_MAX];
    uint8_t all;
    pick_fn fn;
    void *arg;
    struct scan scan;
    struct json_memory memory;
    yajl_handle yajl;
    bool is_enough;
    enum status stopped; /* STATUS_OK while it runs */
    size_t depth;        /* open containers: levels[1..depth] are theirs */
    struct pick_level levels[PICK_DEPTH_MAX + 1];
};

_Static_assert(PICK_TARGETS_MAX <= 8, "a set is one byte");

/* Targets. */

static bool is_pointer_token(struct text t, bool *is_plain)
{
    *is_plain = true;
    for (size_t i = 0; i < t.len; i++) {
        if (t.data[i] != '~')
            continue;
        *is_plain = false;
        if (++i == t.len || (t.data[i] != '0' && t.data[i] != '1'))
            return false;
    }
    return true;
}

enum status pick_target_parse(struct text pointer, struct pick_target *out)
{
    struct pick_target t = {.count = 0};

    if (pointer.len > 0 && pointer.data[0] != '/')
        return STATUS_INVALID;
    while (pointer.len > 0) {
        struct pick_token *token = &t.tokens[t.count];
        const char *end;

        if (t.count == PICK_TOKENS_MAX)
            return STATUS_TOO_LARGE;
        pointer.data++; /* the slash */
        pointer.len--;
        end = memchr(pointer.data, '/', pointer.len);
        token->text = text_make(pointer.data, end ? (size_t)(end - pointer.data)
                                                  : pointer.len);
        if (!is_pointer_token(token->text, &token->is_plain))
            return STATUS_INVALID;
        token->is_any = text_is(token->text, "*");
        pointer.data += token->text.len;
        pointer.len -= token->text.len;
        t.count++;
    }
    *out = t;
    return STATUS_OK;
}

static enum status add(struct pick_target *t, struct pick_token token)
{
    if (t->count == PICK_TOKENS_MAX)
        return STATUS_TOO_LARGE;
    t->tokens[t->count++] = token;
    return STATUS_OK;
}

enum status pick_target_add(struct pick_target *t, struct text name)
{
    return add(t, (struct pick_token){.text = name, .is_plain = true});
}

enum status pick_target_add_items(struct pick_target *t)
{
    return add(t, (struct pick_token){
                      .text = TEXT("*"), .is_plain = true, .is_any = true});
}

/* Does the token, with its escapes undone, say `name`? */
static bool token_is(const struct pick_token *token, struct text name)
{
    size_t at = 0;

    if (token->is_plain)
        return text_equal(token->text, name);
    for (size_t i = 0; i < token->text.len; i++, at++) {
        char c = token->text.data[i];

        if (c == '~')
            c = token->text.data[++i] == '0' ? '~' : '/';
        if (at == name.len || name.data[at] != c)
            return false;
    }
    return at == name.len;
}

static bool token_is_index(const struct pick_token *token, uint32_t index)
{
    uint64_t n;

    if (token->is_any)
        return true;
    if (token->text.len > 1 && token->text.data[0] == '0')
        return false; /* RFC 6901 section 4: no leading zeros */
    return text_to_u64(token->text, UINT32_MAX, &n) == STATUS_OK && n == index;
}

/* Walking. */

/* The token that decides about what stands in the innermost container, for one
 * target of its set; NULL for a target that is that container. */
static const struct pick_token *token_of(const struct pick *p, size_t target)
{
    const struct pick_target *t = &p->targets[target];

    return t->count >= p->depth ? &t->tokens[p->depth - 1] : NULL;
}

/* The targets at or under the value to come. */
static uint8_t value_set(struct pick *p)
{
    struct pick_level *level = &p->levels[p->depth];
    uint8_t set = 0;

    if (p->depth == 0)
        return p->all;
    if (!level->is_array)
        return level->next;
    for (size_t i = 0; level->set >> i; i++) {
        const struct pick_token *token =
            level->set >> i & 1 ? token_of(p, i) : NULL;

        if (token && token_is_index(token, level->index))
            set |= (uint8_t)(1u << i);
    }
    level->index += level->index < UINT32_MAX;
    return set;
}

/* Tell the targets in `set` that end here; returns the others. */
static uint8_t tell(struct pick *p, uint8_t set, enum pick_kind kind,
                    struct text text)
{
    uint8_t rest = set;

    for (size_t i = 0; set >> i && !p->is_enough; i++) {
        if (!(set >> i & 1) || p->targets[i].count != p->depth)
            continue;
        rest &= (uint8_t) ~(1u << i);
        p->is_enough = !p->fn(p->arg, i, kind, text);
    }
    return rest;
}

static int on_scalar(void *arg, enum pick_kind kind, struct text text)
{
    struct pick *p;
    uint8_t set;

    MAGIC_CAST(p, arg, PICK_MAGIC);
    set = value_set(p);
    if (set)
        (void)tell(p, set, kind, text);
    return !p->is_enough;
}

static int on_begin(void *arg, enum pick_kind kind)
{
    struct pick *p;
    uint8_t set;

    MAGIC_CAST(p, arg, PICK_MAGIC);
    set = value_set(p);
    if (set)
        (void)tell(p, set, kind, (struct text){NULL, 0});
    CHECK(p->depth < PICK_DEPTH_MAX); /* the scan's limit */
    p->levels[++p->depth] =
        (struct pick_level){.set = set, .is_array = kind == PICK_ARRAY};
    return !p->is_enough;
}

static int on_end(void *arg)
{
    struct pick *p;
    uint8_t set;

    MAGIC_CAST(p, arg, PICK_MAGIC);
    CHECK(p->depth > 0);
    set = p->levels[p->depth--].set;
    if (set)
        (void)tell(p, set, PICK_END, (struct text){NULL, 0});
    return !p->is_enough;
}

static int on_key(void *arg, const unsigned char *key, size_t len)
{
    struct text name = text_make((const char *)key, len);
    struct pick_level *level;
    struct pick *p;

    MAGIC_CAST(p, arg, PICK_MAGIC);
    level = &p->levels[p->depth];
    level->next = 0;
    for (size_t i = 0; level->set >> i; i++) {
        const struct pick_token *token =
            level->set >> i & 1 ? token_of(p, i) : NULL;

        if (token && token_is(token, name))
            level->next |= (uint8_t)(1u << i);
    }
    return 1;
}

static int on_null(void *arg)
{
    return on_scalar(arg, PICK_NULL, (struct text){NULL, 0});
}

static int on_boolean(void *arg, int value)
{
    return on_scalar(arg, value ? PICK_TRUE : PICK_FALSE,
                     (struct text){NULL, 0});
}

static int on_number(void *arg, const char *text, size_t len)
{
    return on_scalar(arg, PICK_NUMBER, text_make(text, len));
}

static int on_string(void *arg, const unsigned char *text, size_t len)
{
    return on_scalar(arg, PICK_STRING, text_make((const char *)text, len));
}

static int on_begin_object(void *arg)
{
    return on_begin(arg, PICK_OBJECT);
}

static int on_begin_array(void *arg)
{
    return on_begin(arg, PICK_ARRAY);
}

/* Feeding. */

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_begin_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_begin_array,
    .yajl_end_array = on_end,
};

/* yajl_alloc() without a handle, yajl_parse() with data, else
 * yajl_complete_parse(). */
static enum status enter_yajl(struct pick *p, const char *data, size_t len)
{
    yajl_alloc_funcs functions = json_memory_functions(&p->memory);

    if (setjmp(p->memory.none_left) != 0)
        return STATUS_NO_MEMORY;
    if (!p->yajl) {
        p->yajl = yajl_alloc(&callbacks, &functions, p);
        /* The scan has seen to it. */
        yajl_config(p->yajl, yajl_dont_validate_strings, 1);
        return STATUS_OK;
    }
    if ((data ? yajl_parse(p->yajl, (const unsigned char *)data, len)
              : yajl_complete_parse(p->yajl)) != yajl_status_ok)
        return STATUS_INVALID;
    return STATUS_OK;
}

static enum status on_tokens(void *arg, const char *data, size_t len)
{
    struct pick *p;

    MAGIC_CAST(p, arg, PICK_MAGIC);
    return enter_yajl(p, data, len);
}

struct pick *pick_new(const struct pick_target *targets, size_t count,
                      const struct scan_limits *limits, pick_fn fn, void *arg)
{
    struct pick *p = malloc(sizeof(*p));

    CHECK(count <= PICK_TARGETS_MAX && limits->max_depth <= PICK_DEPTH_MAX);
    if (!p)
        return NULL;
    /* Member by member: the levels and most targets need no zeros. */
    MAGIC_SET(p, PICK_MAGIC);
    memcpy(p->targets, targets, count * sizeof(*targets));
    p->all = (uint8_t)((1u << count) - 1);
    p->fn = fn;
    p->arg = arg;
    p->yajl = NULL;
    p->is_enough = false;
    p->stopped = STATUS_OK;
    p->depth = 0;
    scan_init(&p->scan, limits, on_tokens, p);
    json_memory_init(&p->memory);
    if (enter_yajl(p, NULL, 0) != STATUS_OK) {
        pick_free(p);
        return NULL;
    }
    return p;
}

void pick_free(struct pick *p)
{
    if (!p)
        return;
    CHECK(p->magic == PICK_MAGIC);
    scan_release(&p->scan);
    json_memory_release(&p->memory);
    MAGIC_CLEAR(p);
    free(p);
}

static enum status settle(struct pick *p, enum status s)
{
    p->stopped = p->is_enough ? STATUS_OK : s;
    return p->stopped;
}

enum status pick_feed(struct pick *p, const char *data, size_t len)
{
    CHECK(p->magic == PICK_MAGIC);
    if (p->stopped != STATUS_OK || p->is_enough)
        return p->stopped;
    return settle(p, scan_feed(&p->scan, data, len));
}

enum status pick_finish(struct pick *p)
{
    enum status s;

    CHECK(p->magic == PICK_MAGIC);
    if (p->stopped != STATUS_OK || p->is_enough)
        return p->stopped;
    s = scan_finish(&p->scan);
    if (s == STATUS_OK)
        s = enter_yajl(p, NULL, 0);
    return settle(p, s);
}
