/* SPDX-License-Identifier: Apache-2.0
 *
 * soak/actor.h - a client with bad days.
 *
 * A thread that asks and asks: creates, messages, lists, invalid bodies and
 * malformed heads; at once, in drips, half of it and then nothing, or leaving
 * in the middle; reading slowly or not at all. Some of its requests ask the
 * upstream to fail in one of its ways. What was asked and what came of it is
 * in the ledger; what comes out of a request that nobody disturbed must be
 * exactly what it should be.
 */
#ifndef SOAK_ACTOR_H
#define SOAK_ACTOR_H

#include <pthread.h>
#include <stdbool.h>

#include "soak/ledger.h"

struct actor {
    struct ledger *ledger;
    int port;      /* of the gateway */
    int stub_port; /* for chats made behind its back */
    unsigned seed;
    const bool *is_over; /* atomic */
    /* Grows when the upstream is disturbed by somebody else and when it is left
     * alone again: odd in between (atomic). */
    const unsigned *disturbances;
    pthread_t thread;
    unsigned dice;
    int fd; /* kept; -1: none */
    int64_t used_at;
    bool is_fresh;
    char chat[64];         /* that it made; "" none */
    unsigned chat_made_at; /* disturbances then */
};

void actor_start(struct actor *a);
void actor_join(struct actor *a);

#endif
