/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/load.h - clients that never stop asking, while something else
 * happens.
 *
 *   load_start(&l, port, 16);
 *   ... reload, restart ...
 *   load_stop(&l);
 *   ck_assert_uint_eq(l.failed, 0);
 *
 * Each client keeps its connection as long as it may. Half of them ask again
 * at once, the others are idle for a moment in between, so that whatever
 * happens to the gateway happens to connections in every state. A request has
 * failed when no whole answer came, or another than there had to be.
 */
#ifndef INTEGRATION_LOAD_H
#define INTEGRATION_LOAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_CLIENTS_MAX 64

struct load {
    int port;
    bool is_over; /* atomic, as the counts */
    size_t count;
    pthread_t threads[LOAD_CLIENTS_MAX];
    uint64_t answered, failed;
    uint64_t reopened; /* because an answer said Connection: close */
    pthread_mutex_t lock;
    char first_failure[256];
};

void load_start(struct load *l, int port, size_t clients);
/* Every request that was begun is waited for. */
void load_stop(struct load *l);
/* Wait until so many more have been answered (or the deadline passes). */
void load_wait(struct load *l, uint64_t more);

#endif
