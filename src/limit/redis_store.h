/* SPDX-License-Identifier: Apache-2.0
 *
 * limit/redis_store.h - one question about buckets in Redis.
 *
 * One EVALSHA a question, about buckets of one place (limit/tour.h asks as
 * many as a decision needs); the script and what it replies are described in
 * decide.lua. Keys are made from the charges: with the tag +14155550100,
 *
 *   sender-limits:burst:+14155550100
 *       chatgate:{+14155550100}:sender-limits:burst:
 *   chats:day:some-chat
 *       chatgate:{+14155550100}:chats:day:some-chat
 *
 * (the tag is not repeated at the end: 30 bytes a sender and limit less).
 * A server that does not have the script says NOSCRIPT and has done nothing;
 * then, and only then, the script's text is sent once, within the deadline
 * that was set for the whole.
 *
 * While the slot of a cluster moves, some of its keys are here and some are
 * there, and who is asked about several of them says TRYAGAIN and has done
 * nothing. (That includes every bucket that is full, since it is no key.)
 * Asked about one at a time the cluster always knows.
 */
#ifndef LIMIT_REDIS_STORE_H
#define LIMIT_REDIS_STORE_H

#include "base/buffer.h"
#include "base/redis.h"
#include "limit/limit.h"

enum limit_ask_action {
    LIMIT_ASK_TAKE,
    LIMIT_ASK_PEEK,
    LIMIT_ASK_GIVE, /* back what was taken */
};

struct limit_ask;
typedef void (*limit_ask_done_fn)(struct limit_ask *ask);

/* The script, and the name that Redis has for it. */
struct limit_redis_store {
    struct redis *redis;
    const struct clock *clock;
    char *script; /* owned */
    size_t script_len;
    char sha1[41];
    struct buffer scratch; /* the arguments of the command being made */
    uint64_t script_loads;
};

enum status limit_redis_store_init(struct limit_redis_store *store,
                                   struct redis *redis,
                                   const struct clock *clock) MUST_CHECK;
void limit_redis_store_release(struct limit_redis_store *store);

/* Where its bucket lives. */
redis_place limit_redis_store_place(struct limit_redis_store *store,
                                    const struct limit_charge *charge);

/* One question. Part of its owner's object, which lives, and keeps the
 * charges, until done(). */
struct limit_ask {
    uint32_t magic;
    struct limit_redis_store *store; /* NULL: its owner has gone; done() is
                                      * called, nothing is asked any more */
    enum limit_ask_action action;
    const struct limit_charge *charges;
    const uint8_t *which; /* of `charges` and `verdicts`: all of one place */
    size_t count;         /* of `which` */
    redis_place place;
    mono_us deadline;
    limit_ask_done_fn done;
    bool is_loading; /* the script has been sent along */

    /* STATUS_OK, STATUS_LIMITED: `verdicts` are filled in (TAKE, PEEK).
     * STATUS_UNAVAILABLE: it could not be decided, for the reason `why`. */
    enum status status;
    struct limit_verdict *verdicts; /* the owner's */
    bool is_unknown; /* UNAVAILABLE, but it may have been charged */
    bool is_moving;  /* UNAVAILABLE: some keys here, some there */
    char why[64];
};

/* The members up to `done`, and `verdicts` (TAKE, PEEK), are set. STATUS_OK:
 * done() is called once, never before this returns; else it is not:
 * STATUS_NO_MEMORY, STATUS_TOO_LARGE (keys beyond all reason),
 * STATUS_UNAVAILABLE (the connection is being freed). */
enum status limit_ask_start(struct limit_ask *ask) MUST_CHECK;

#endif
