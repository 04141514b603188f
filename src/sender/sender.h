/* SPDX-License-Identifier: Apache-2.0
 *
 * sender/sender.h - which number does this chat send from?
 *
 * Limits and permissions are per from-number, and most requests name only a
 * chat. What answers of the upstream have shown is kept in a bounded cache in
 * this process, shared by all workers, and in Redis for a day, so that
 * every gateway profits. A chat nobody has seen is looked up upstream by the
 * gateway (it has the credentials); this room tells it who else waits.
 *
 *   sender_find() -> found in the cache: done (from a loop event)
 *                 -> asks Redis       : found / not found
 *   not found -> the gateway asks the upstream, then sender_learn()
 *
 * Keys are lower-case UUIDs of chats together with a scope: the number that a
 * chat belongs to is a fact of the chat, not of the caller.
 */
#ifndef SENDER_SENDER_H
#define SENDER_SENDER_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"

#define SENDER_NUMBER_SIZE 17 /* "+" and 15 digits and a NUL */
#define SENDER_CHAT_MAX 128   /* bytes of a chat's id */

struct sender_shared; /* the cache, all workers' */
struct sender_shared *sender_shared_new(size_t max_chats,
                                        const struct clock *clock);
void sender_shared_free(struct sender_shared *s);
size_t sender_shared_count(struct sender_shared *s);

struct redis;
struct sender;

/* `redis` may be NULL. Borrows everything. One a worker. */
enum status sender_new(struct event_base *base, const struct clock *clock,
                       struct sender_shared *shared, struct redis *redis,
                       int64_t redis_timeout_us,
                       struct sender **out) MUST_CHECK;
/* After a reload: for commands from now on. */
void sender_configure(struct sender *s, int64_t redis_timeout_us);
/* Searches under way are cancelled. */
void sender_free(struct sender *s);

/* In this process only; true with the number in `out`. */
bool sender_cached(struct sender *s, struct text chat,
                   char out[SENDER_NUMBER_SIZE]);

/* STATUS_OK with `number`; STATUS_NOT_FOUND (or an error that Redis answers);
 * STATUS_UNAVAILABLE when it is known to be away, which on a cluster is said
 * of this chat's place alone; STATUS_TIMEOUT when it was waited for in vain:
 * whoever asks it for more on behalf of the same request would wait once
 * more. In any case but the first the upstream is asked. */
typedef void (*sender_found_fn)(void *arg, enum status status,
                                const char *number);
struct sender_search;
/* Ask Redis after a miss of sender_cached(). `done` once, never before this
 * returns, unless cancelled. STATUS_NOT_FOUND at once when there is no
 * Redis. */
enum status sender_find(struct sender *s, struct text chat,
                        sender_found_fn done, void *arg,
                        struct sender_search **out) MUST_CHECK;
void sender_search_cancel(struct sender_search *search);

/* An answer of the upstream has shown it. `number` is E.164 (checked: another
 * text is ignored). Written to Redis in the background. */
void sender_learn(struct sender *s, struct text chat, struct text number);

/* RFC-free and small: "+" then 2 to 15 digits, the first not 0. */
bool sender_is_number(struct text t);

#endif
