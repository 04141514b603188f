/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis_link.h - one asynchronous connection to one Redis server.
 *
 * For base/redis_*.c alone; what it promises is what base/redis.h says of one
 * server. It connects when it is first used. A command that passes its
 * deadline completes with STATUS_TIMEOUT; its late reply is dropped when it
 * comes.
 *
 * The circuit: time-outs, lost connections and attempts to connect that
 * failed count as failures. One new connection that is greeted with a PONG
 * closes it; the next failure opens it again unless a command has succeeded
 * in between.
 *
 * A link is used for commands only once AUTH, SELECT and PING have been
 * answered well: what is asked never runs in the wrong database.
 */
#ifndef BASE_REDIS_LINK_H
#define BASE_REDIS_LINK_H

#include "base/redis.h"

struct redis_link;

/* Something failed that counts for the circuit, or a connection was lost. The
 * link may not be freed from here. */
typedef void (*redis_trouble_fn)(void *arg);

/* To options->host or options->path, whatever the layout; options are copied.
 * `trouble` may be NULL. As redis_new(). */
enum status redis_link_new(struct event_base *base, const struct clock *clock,
                           const struct redis_options *options,
                           redis_trouble_fn trouble, void *arg,
                           struct redis_link **out) MUST_CHECK;
/* As redis_free(). */
void redis_link_free(struct redis_link *l);

/* As redis_command(). `asking`: ASKING goes before it, in one piece, so that
 * neither is ever sent without the other. */
enum status redis_link_command(struct redis_link *l, bool asking,
                               int64_t timeout_us, size_t argc,
                               const struct text *argv, redis_done_fn done,
                               void *arg) MUST_CHECK;

bool redis_link_is_up(const struct redis_link *l);
/* Nothing is under way: freeing it now fails no command. */
bool redis_link_is_idle(const struct redis_link *l);
/* Why it failed last, in a few words; "" when it never did. */
const char *redis_link_why(const struct redis_link *l);
/* Added to what stands in *sum. */
void redis_link_count(const struct redis_link *l, struct redis_counters *sum);

#endif
