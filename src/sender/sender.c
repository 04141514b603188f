/* SPDX-License-Identifier: Apache-2.0
 *
 * sender/sender.c - the chats that were seen, in this process and in Redis.
 *
 *     heads[] --> slots[] chained by `next`     which slot is this chat's?
 *     newest <--> slots[] <--> oldest           which one was used longest ago?
 *
 * Slots are named by a keyed fingerprint, so that nobody can choose chats
 * that collide. Both arrays have their final size from the start (pages exist
 * once they are touched), so that learning never fails for want of memory; a
 * full cache forgets the chat that was used longest ago, which Redis or the
 * upstream still knows. One lock: it is held for a few loads and stores.
 *
 * In Redis a chat is "chatgate:chat:{<id>}:from", a string with an expiry of a
 * day. It is written when something is learned, at most once an hour for each
 * chat and process, and nobody waits for it.
 */
#include "sender/sender.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fingerprint.h"
#include "base/redis.h"

#define NO_SLOT UINT32_MAX
#define CHATS_MAX (UINT32_C(1) << 28)
#define SEARCH_MAGIC 0x53524348U
#define REDIS_EXPIRY_S "86400"
#define AT_ONCE_PART 8 /* of the time-out: less is no wait to speak of */
#define REDIS_WRITE_INTERVAL_US (INT64_C(3600) * US_PER_S)

struct slot {
    struct fingerprint chat;
    mono_us written_at; /* to Redis */
    uint32_t next;      /* in its chain */
    uint32_t newer, older;
    char number[SENDER_NUMBER_SIZE];
};

struct sender_shared {
    const struct clock *clock;
    struct fingerprint_key secret;
    pthread_mutex_t lock; /* guards all below */
    uint32_t max_chats, count, head_mask;
    uint32_t newest, oldest;
    uint32_t *heads;
    struct slot *slots;
};

struct sender_search {
    uint32_t magic;
    struct sender *sender; /* NULL: the sender is gone */
    struct sender_search *next, **link;
    sender_found_fn done; /* NULL: cancelled */
    void *arg;
    mono_us asked_at;
    char chat[SENDER_CHAT_MAX + 1];
    size_t chat_len;
};

struct sender {
    const struct clock *clock;
    struct sender_shared *shared;
    struct redis *redis;
    int64_t redis_timeout_us;
    struct sender_search *searches;
};

bool sender_is_number(struct text t)
{
    if (t.len < 3 || t.len > 16 || t.data[0] != '+' || t.data[1] == '0')
        return false;
    for (size_t i = 1; i < t.len; i++)
        if (t.data[i] < '0' || t.data[i] > '9')
            return false;
    return true;
}

/* ---- the cache ---- */

struct sender_shared *sender_shared_new(size_t max_chats,
                                        const struct clock *clock)
{
    struct sender_shared *s = calloc(1, sizeof(*s));
    size_t heads = 1;
    if (s == NULL)
        return NULL;
    max_chats = max_chats < 1           ? 1
                : max_chats > CHATS_MAX ? CHATS_MAX
                                        : max_chats;
    while (heads < max_chats)
        heads *= 2;
    s->clock = clock;
    s->max_chats = (uint32_t)max_chats;
    s->head_mask = (uint32_t)(heads - 1);
    s->newest = s->oldest = NO_SLOT;
    s->heads = calloc(heads, sizeof(*s->heads));
    s->slots = calloc(max_chats, sizeof(*s->slots));
    if (s->heads == NULL || s->slots == NULL ||
        fingerprint_key_init(&s->secret) != STATUS_OK ||
        pthread_mutex_init(&s->lock, NULL) != 0) {
        free(s->heads);
        free(s->slots);
        free(s);
        return NULL;
    }
    return s;
}

void sender_shared_free(struct sender_shared *s)
{
    if (s == NULL)
        return;
    pthread_mutex_destroy(&s->lock);
    free(s->heads);
    free(s->slots);
    free(s);
}

size_t sender_shared_count(struct sender_shared *s)
{
    pthread_mutex_lock(&s->lock);
    size_t count = s->count;
    pthread_mutex_unlock(&s->lock);
    return count;
}

/* heads[] holds slot numbers from 1, so that zeroed memory is an empty table.
 * The link that points at the chat's slot, or the chain's end. */
static uint32_t *find_link(struct sender_shared *s, struct fingerprint chat)
{
    uint32_t *link = &s->heads[chat.a & s->head_mask];
    while (*link != 0 && !fingerprint_equal(s->slots[*link - 1].chat, chat))
        link = &s->slots[*link - 1].next;
    return link;
}

static void order_remove(struct sender_shared *s, uint32_t at)
{
    struct slot *slot = &s->slots[at];
    if (slot->newer != NO_SLOT)
        s->slots[slot->newer].older = slot->older;
    else
        s->newest = slot->older;
    if (slot->older != NO_SLOT)
        s->slots[slot->older].newer = slot->newer;
    else
        s->oldest = slot->newer;
}

static void order_add_newest(struct sender_shared *s, uint32_t at)
{
    struct slot *slot = &s->slots[at];
    slot->newer = NO_SLOT;
    slot->older = s->newest;
    if (s->newest != NO_SLOT)
        s->slots[s->newest].newer = at;
    else
        s->oldest = at;
    s->newest = at;
}

/* A slot for a chat that has none: a fresh one, or the oldest one's. */
static struct slot *take_slot(struct sender_shared *s, struct fingerprint chat)
{
    uint32_t at = s->count;
    if (s->count < s->max_chats) {
        s->count++;
    } else {
        at = s->oldest;
        uint32_t *link = find_link(s, s->slots[at].chat);
        *link = s->slots[at].next;
        order_remove(s, at);
    }
    struct slot *slot = &s->slots[at];
    uint32_t *link = find_link(s, chat);
    *slot = (struct slot){.chat = chat, .written_at = INT64_MIN};
    *link = at + 1;
    order_add_newest(s, at);
    return slot;
}

static bool cache_find(struct sender_shared *s, struct text chat,
                       char out[SENDER_NUMBER_SIZE])
{
    struct fingerprint print = fingerprint_of(&s->secret, chat);
    pthread_mutex_lock(&s->lock);
    uint32_t found = *find_link(s, print);
    if (found != 0) {
        memcpy(out, s->slots[found - 1].number, SENDER_NUMBER_SIZE);
        order_remove(s, found - 1);
        order_add_newest(s, found - 1);
    }
    pthread_mutex_unlock(&s->lock);
    return found != 0;
}

enum origin { FROM_REDIS, FROM_UPSTREAM, FROM_UPSTREAM_REDIS_AWAY };

/* true: Redis should be told as well. */
static bool cache_keep(struct sender_shared *s, struct text chat,
                       struct text number, enum origin origin)
{
    struct fingerprint print = fingerprint_of(&s->secret, chat);
    mono_us now = clock_mono(s->clock);
    pthread_mutex_lock(&s->lock);
    uint32_t found = *find_link(s, print);
    struct slot *slot = found != 0 ? &s->slots[found - 1] : take_slot(s, print);
    bool is_new = !text_is(number, slot->number);
    bool is_due = is_new || slot->written_at < now - REDIS_WRITE_INTERVAL_US;
    memset(slot->number, 0, sizeof(slot->number));
    memcpy(slot->number, number.data, number.len);
    if (origin == FROM_UPSTREAM_REDIS_AWAY && is_new)
        slot->written_at = INT64_MIN; /* due when it is back */
    else if (origin == FROM_REDIS || (origin == FROM_UPSTREAM && is_due))
        slot->written_at = now;
    pthread_mutex_unlock(&s->lock);
    return is_due && origin == FROM_UPSTREAM;
}

/* Ids are compared in lower case; false: nothing that could be an id. */
static bool lower(struct text chat, char out[SENDER_CHAT_MAX + 1])
{
    if (chat.len == 0 || chat.len > SENDER_CHAT_MAX)
        return false;
    for (size_t i = 0; i < chat.len; i++) {
        out[i] = chat.data[i];
        if (out[i] >= 'A' && out[i] <= 'Z')
            out[i] = (char)(out[i] + 32);
    }
    out[chat.len] = '\0';
    return true;
}

/* ---- one worker's part ---- */

enum status sender_new(struct event_base *base, const struct clock *clock,
                       struct sender_shared *shared, struct redis *redis,
                       int64_t redis_timeout_us, struct sender **out)
{
    struct sender *s = calloc(1, sizeof(*s));
    (void)base; /* Redis calls back on the loop; nothing else waits */
    if (s == NULL)
        return STATUS_NO_MEMORY;
    s->clock = clock;
    s->shared = shared;
    s->redis = redis;
    s->redis_timeout_us = redis_timeout_us;
    *out = s;
    return STATUS_OK;
}

static void search_unlink(struct sender_search *search)
{
    if (search->sender == NULL)
        return;
    *search->link = search->next;
    if (search->next != NULL)
        search->next->link = search->link;
    search->sender = NULL;
}

void sender_configure(struct sender *s, int64_t redis_timeout_us)
{
    s->redis_timeout_us = redis_timeout_us;
}

void sender_free(struct sender *s)
{
    if (s == NULL)
        return;
    /* The searches themselves go when Redis calls back. */
    while (s->searches != NULL) {
        s->searches->done = NULL;
        search_unlink(s->searches);
    }
    free(s);
}

bool sender_cached(struct sender *s, struct text chat,
                   char out[SENDER_NUMBER_SIZE])
{
    char id[SENDER_CHAT_MAX + 1];
    return lower(chat, id) &&
           cache_find(s->shared, text_make(id, chat.len), out);
}

/* Refused at the door: nobody has waited. */
static bool is_at_once(const struct sender_search *search)
{
    const struct sender *s = search->sender;
    return s != NULL && clock_mono(s->clock) - search->asked_at <
                            s->redis_timeout_us / AT_ONCE_PART;
}

static void on_found(void *arg, const struct redis_result *result)
{
    struct sender_search *search;
    struct text number = {NULL, 0};
    enum status status = STATUS_UNAVAILABLE;
    MAGIC_CAST(search, arg, SEARCH_MAGIC);
    if (result->status == STATUS_OK &&
        redis_reply_kind(result->reply) == REDIS_STRING)
        number = redis_reply_text(result->reply);
    if (result->status == STATUS_OK)
        status = sender_is_number(number) ? STATUS_OK : STATUS_NOT_FOUND;
    else if (result->status == STATUS_TIMEOUT || !is_at_once(search))
        status = STATUS_TIMEOUT;
    char text[SENDER_NUMBER_SIZE] = "";
    if (status == STATUS_OK) {
        memcpy(text, number.data, number.len);
        if (search->sender != NULL)
            cache_keep(search->sender->shared,
                       text_make(search->chat, search->chat_len), number,
                       FROM_REDIS);
    }
    sender_found_fn done = search->done;
    void *done_arg = search->arg;
    search_unlink(search);
    MAGIC_CLEAR(search);
    free(search);
    if (done != NULL)
        done(done_arg, status, status == STATUS_OK ? text : NULL);
}

static struct text redis_key(struct text chat, char *out, size_t size)
{
    int len = snprintf(out, size, "chatgate:chat:{%.*s}:from", TEXT_ARG(chat));
    return text_make(out, (size_t)len);
}
#define REDIS_KEY_SIZE (SENDER_CHAT_MAX + 32)

enum status sender_find(struct sender *s, struct text chat,
                        sender_found_fn done, void *arg,
                        struct sender_search **out)
{
    char key[REDIS_KEY_SIZE];
    if (s->redis == NULL)
        return STATUS_NOT_FOUND;
    struct sender_search *search = calloc(1, sizeof(*search));
    if (search == NULL)
        return STATUS_NO_MEMORY;
    if (!lower(chat, search->chat)) {
        free(search);
        return STATUS_NOT_FOUND;
    }
    MAGIC_SET(search, SEARCH_MAGIC);
    search->asked_at = clock_mono(s->clock);
    search->chat_len = chat.len;
    search->done = done;
    search->arg = arg;
    const struct text argv[] = {
        TEXT("GET"),
        redis_key(text_make(search->chat, chat.len), key, sizeof(key))};
    enum status status = redis_command(
        s->redis, redis_place_of(s->redis, argv[1]), s->redis_timeout_us,
        ARRAY_LEN(argv), argv, on_found, search);
    if (status != STATUS_OK) {
        free(search);
        return status;
    }
    search->sender = s;
    search->next = s->searches;
    search->link = &s->searches;
    if (s->searches != NULL)
        s->searches->link = &search->next;
    s->searches = search;
    *out = search;
    return STATUS_OK;
}

void sender_search_cancel(struct sender_search *search)
{
    search->done = NULL;
}

static void on_written(void *arg, const struct redis_result *result)
{
    (void)arg, (void)result; /* a cache: the next answer tells it again */
}

void sender_learn(struct sender *s, struct text chat, struct text number)
{
    char id[SENDER_CHAT_MAX + 1], key[REDIS_KEY_SIZE];
    if (!lower(chat, id) || !sender_is_number(number))
        return;
    struct text lowered = text_make(id, chat.len);
    const struct text argv[] = {TEXT("SET"),
                                redis_key(lowered, key, sizeof(key)), number,
                                TEXT("EX"), TEXT(REDIS_EXPIRY_S)};
    redis_place at = 0;
    bool can_write = false;
    if (s->redis != NULL) {
        at = redis_place_of(s->redis, argv[1]);
        can_write = redis_is_up(s->redis, at);
    }
    if (!cache_keep(s->shared, lowered, number,
                    can_write ? FROM_UPSTREAM : FROM_UPSTREAM_REDIS_AWAY))
        return;
    /* Out of memory: it is learned again from the next answer. */
    enum status status = redis_command(s->redis, at, s->redis_timeout_us,
                                       ARRAY_LEN(argv), argv, on_written, NULL);
    (void)status;
}
