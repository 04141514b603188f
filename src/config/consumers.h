/* SPDX-License-Identifier: Apache-2.0
 *
 * config/consumers.h - the internal services that may call, and as whom.
 *
 *   {"consumers": [{"name": "billing",
 *                   "keys": ["<SHA-256 of a key, 64 hex digits>"],
 *                   "senders": ["+14155550100"]}]}
 *
 * The file holds digests only: whoever reads it cannot call. Several keys
 * let one be rotated; "senders": ["*"] is any number.
 */
#ifndef CONFIG_CONSUMERS_H
#define CONFIG_CONSUMERS_H

#include <stdbool.h>

#include "base/problems.h"
#include "base/text.h"

struct config_consumers;

struct config_consumer {
    const char *name; /* [A-Za-z0-9._-], 1 to 64 characters */
    bool may_use_any_sender;
    const char *const *senders; /* E.164; empty with may_use_any_sender */
    size_t sender_count;
};

/* STATUS_OK; else what is wrong is in `problems`: a key or a name that two
 * consumers share, a malformed digest or number, an unknown member. */
enum status config_consumers_load(const char *file, struct problems *problems,
                                  struct config_consumers **out) MUST_CHECK;
void config_consumers_free(struct config_consumers *c); /* NULL is fine */

size_t config_consumers_count(const struct config_consumers *c);
/* In the file's order. */
const struct config_consumer *
config_consumers_at(const struct config_consumers *c, size_t i);

/* The consumer whose key this is, or NULL. Every key of the file is compared,
 * in constant time: how long it takes tells nothing about a near miss. */
const struct config_consumer *
config_consumers_find(const struct config_consumers *c, struct text key);

bool config_consumer_may_send(const struct config_consumer *c,
                              struct text sender);

#endif
