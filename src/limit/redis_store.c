/* SPDX-License-Identifier: Apache-2.0
 *
 * limit/redis_store.c - make the EVALSHA, read the reply.
 *
 * A time-out, a lost connection and an error that is not NOSCRIPT all end the
 * question: whether the script ran is not known (or, for an error, nothing
 * can be done about it here), so it is never repeated. A script fails as a
 * whole before its first write, so an error reply charges nothing.
 */
#include "limit/redis_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/crypto.h"
#include "limit/script.h"

#define ASK_MAGIC 0x4c41534bU /* "LASK" */

#define PREFIX "chatgate:{"
#define ARGS_A_CHARGE 5
#define ARGC_MAX (4 + LIMIT_CHARGES_MAX * (1 + ARGS_A_CHARGE))
#define COMMAND_BYTES_MAX ((size_t)64 * 1024) /* of keys and numbers */

enum status limit_redis_store_init(struct limit_redis_store *store,
                                   struct redis *redis,
                                   const struct clock *clock)
{
    size_t head = strlen(limit_script_bucket);
    size_t tail = strlen(limit_script_decide);
    uint8_t digest[CRYPTO_SHA1_SIZE];

    *store = (struct limit_redis_store){.redis = redis, .clock = clock};
    buffer_init(&store->scratch, COMMAND_BYTES_MAX);
    store->script = malloc(head + tail + 1);
    if (store->script == NULL)
        return STATUS_NO_MEMORY;
    memcpy(store->script, limit_script_bucket, head);
    memcpy(store->script + head, limit_script_decide, tail + 1);
    store->script_len = head + tail;
    if (crypto_sha1(text_make(store->script, store->script_len), digest) !=
        STATUS_OK) {
        limit_redis_store_release(store);
        return STATUS_NO_MEMORY;
    }
    crypto_hex(digest, sizeof(digest), store->sha1);
    return STATUS_OK;
}

void limit_redis_store_release(struct limit_redis_store *store)
{
    free(store->script);
    store->script = NULL;
    buffer_release(&store->scratch);
}

/* The arguments of one command, and the bytes that they point into. Offsets
 * become spans at the end, because the buffer moves while it grows. */
struct arguments {
    struct buffer *bytes;
    size_t ends[ARGC_MAX];
    size_t count;
    enum status status; /* of the first append that failed */
};

static void add(struct arguments *a, struct text t)
{
    if (a->status == STATUS_OK)
        a->status = buffer_append_text(a->bytes, t);
}

static void end(struct arguments *a)
{
    CHECK(a->count < ARGC_MAX);
    a->ends[a->count++] = a->bytes->len;
}

static void add_argument(struct arguments *a, struct text t)
{
    add(a, t);
    end(a);
}

/* Of 0 or more. printf() would take a quarter of the time of a decision. */
static void add_number(struct arguments *a, int64_t n)
{
    char room[TEXT_DIGITS_MAX];

    add_argument(a, text_from_u64((uint64_t)n, room));
}

static void add_key(struct arguments *a, const struct limit_charge *c)
{
    struct text key = c->key;

    add(a, TEXT_LIT(PREFIX));
    add(a, c->tag);
    add(a, TEXT_LIT("}:"));
    if (text_ends_with(key, c->tag))
        key.len -= c->tag.len;
    add_argument(a, key);
}

static void add_all(struct arguments *a, const struct limit_ask *ask)
{
    static const char *const actions[] = {
        [LIMIT_ASK_TAKE] = "take",
        [LIMIT_ASK_PEEK] = "peek",
        [LIMIT_ASK_GIVE] = "give",
    };
    const struct limit_redis_store *store = ask->store;

    if (ask->is_loading) {
        add_argument(a, TEXT_LIT("EVAL"));
        add_argument(a, text_make(store->script, store->script_len));
    } else {
        add_argument(a, TEXT_LIT("EVALSHA"));
        add_argument(a, text_make(store->sha1, sizeof(store->sha1) - 1));
    }
    add_number(a, (int64_t)ask->count);
    for (size_t i = 0; i < ask->count; i++)
        add_key(a, &ask->charges[ask->which[i]]);
    add_argument(a, text_of(actions[ask->action]));
    for (size_t i = 0; i < ask->count; i++) {
        const struct limit_charge *c = &ask->charges[ask->which[i]];
        bool flag = ask->action != LIMIT_ASK_GIVE && c->is_shadow;

        add_number(a, c->rate.capacity_utok);
        add_number(a, c->rate.refill_tokens);
        add_number(a, c->rate.period_us / US_PER_S);
        add_number(a, c->cost_utok);
        add_number(a, flag);
    }
}

static void on_reply(void *arg, const struct redis_result *result);

static enum status send_command(struct limit_ask *ask, int64_t timeout_us)
{
    struct text argv[ARGC_MAX];
    struct arguments a;
    size_t from = 0;

    a.bytes = &ask->store->scratch;
    a.count = 0;
    a.status = STATUS_OK;
    buffer_clear(a.bytes);
    add_all(&a, ask);
    if (a.status != STATUS_OK)
        return a.status;
    for (size_t i = 0; i < a.count; i++) {
        argv[i] = text_make(a.bytes->data + from, a.ends[i] - from);
        from = a.ends[i];
    }
    return redis_command(ask->store->redis, ask->place, timeout_us, a.count,
                         argv, on_reply, ask);
}

/* A tag is what Redis hashes; but an empty one is none to it, and one with a
 * brace would end too early: then it is the key as it is sent that counts. */
redis_place limit_redis_store_place(struct limit_redis_store *store,
                                    const struct limit_charge *charge)
{
    struct text tag = charge->tag;
    struct arguments a = {.bytes = &store->scratch, .status = STATUS_OK};

    if (tag.len > 0 && memchr(tag.data, '}', tag.len) == NULL &&
        memchr(tag.data, '{', tag.len) == NULL)
        return redis_place_of(store->redis, tag);
    buffer_clear(a.bytes);
    add_key(&a, charge);
    return redis_place_of(store->redis, buffer_text(a.bytes));
}

static void fail(struct limit_ask *ask, struct text why)
{
    ask->status = STATUS_UNAVAILABLE;
    snprintf(ask->why, sizeof(ask->why), "%.*s",
             (int)(why.len < sizeof(ask->why) ? why.len : sizeof(ask->why) - 1),
             why.data);
}

/* {granted, (allowed, level, wait) a charge}. False: not what we asked for. */
static bool read_verdicts(struct limit_ask *ask, const struct redis_reply *r)
{
    if (ask->action == LIMIT_ASK_GIVE) {
        ask->status = STATUS_OK;
        return redis_reply_kind(r) == REDIS_INTEGER;
    }
    if (redis_reply_count(r) != 1 + 3 * ask->count)
        return false;
    for (size_t i = 0; i < redis_reply_count(r); i++)
        if (redis_reply_kind(redis_reply_at(r, i)) != REDIS_INTEGER)
            return false;
    for (size_t i = 0; i < ask->count; i++) {
        int64_t allowed = redis_reply_integer(redis_reply_at(r, 3 * i + 1));
        int64_t level = redis_reply_integer(redis_reply_at(r, 3 * i + 2));
        int64_t wait = redis_reply_integer(redis_reply_at(r, 3 * i + 3));

        ask->verdicts[ask->which[i]] = (struct limit_verdict){
            .allowed = allowed == 1,
            .is_evaluated = true,
            .remaining_utok = level > 0 ? level : 0,
            .wait_us = wait >= 0 ? wait : LIMIT_WAIT_NEVER,
        };
    }
    ask->status = redis_reply_integer(redis_reply_at(r, 0)) == 1
                      ? STATUS_OK
                      : STATUS_LIMITED;
    return true;
}

/* True: asked once more, with the script's text. */
static bool load_script(struct limit_ask *ask)
{
    int64_t left;

    if (ask->store == NULL || ask->is_loading)
        return false;
    left = ask->deadline - clock_mono(ask->store->clock);
    ask->is_loading = true;
    if (left <= 0 || send_command(ask, left) != STATUS_OK)
        return false;
    ask->store->script_loads++;
    return true;
}

static void on_reply(void *arg, const struct redis_result *result)
{
    struct limit_ask *ask;

    MAGIC_CAST(ask, arg, ASK_MAGIC);
    if (result->status != STATUS_OK) {
        ask->is_unknown = result->sent;
        fail(ask, result->status == STATUS_TIMEOUT ? TEXT_LIT("time-out")
                                                   : TEXT_LIT("no connection"));
    } else if (redis_reply_kind(result->reply) == REDIS_ERROR) {
        struct text error = redis_reply_text(result->reply);

        if (text_starts_with(error, TEXT_LIT("NOSCRIPT")) && load_script(ask))
            return;
        ask->is_moving = text_starts_with(error, TEXT_LIT("TRYAGAIN"));
        fail(ask, error);
    } else if (!read_verdicts(ask, result->reply)) {
        /* Something answered that is not our script. */
        ask->is_unknown = true;
        fail(ask, TEXT_LIT("a reply that makes no sense"));
    }
    MAGIC_CLEAR(ask);
    ask->done(ask);
}

enum status limit_ask_start(struct limit_ask *ask)
{
    enum status s;

    MAGIC_SET(ask, ASK_MAGIC);
    ask->is_loading = false;
    ask->is_unknown = false;
    ask->is_moving = false;
    ask->why[0] = '\0';
    s = send_command(ask, ask->deadline - clock_mono(ask->store->clock));
    if (s != STATUS_OK)
        MAGIC_CLEAR(ask);
    return s;
}
