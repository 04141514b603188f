/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/spenders.h - clients that spend what a number has, while a test
 * does things to where it is kept.
 *
 *   spenders_start(&s, port, froms, 4);      four processes, a number each
 *   ... stall, move, kill ...
 *   spenders_wait(&s, 100);                  a hundred answers more
 *   spenders_stop(&s);
 *   ck_assert_int_eq(s.counts[0].created, capacity);
 *
 * Each is a process with one connection, which creates chats one after the
 * other. It ends with the test.
 */
#ifndef INTEGRATION_SPENDERS_H
#define INTEGRATION_SPENDERS_H

#include <sys/types.h>

#define SPENDERS_MAX 8

struct spenders_counts {
    int created, limited, other; /* answers: 201, 429, anything else */
    int lost;                    /* connections that ended early */
};

struct spenders_shared {
    int is_over;
    struct spenders_counts counts[SPENDERS_MAX];
};

struct spenders {
    int clients;
    pid_t pids[SPENDERS_MAX];
    struct spenders_shared *shared;              /* while it runs */
    struct spenders_counts counts[SPENDERS_MAX]; /* after spenders_stop() */
};

/* The i-th client's number is froms[i]. */
void spenders_start(struct spenders *l, int port, const char *const *froms,
                    int clients);
/* All answers so far. */
int spenders_answers(const struct spenders *l);
/* Wait for so many more; fails the test when they do not come. */
void spenders_wait(const struct spenders *l, int answers);
/* Each ends its request; nothing may have been lost, or answered otherwise. */
void spenders_stop(struct spenders *l);
/* Chats created by all clients whose number is this. */
int spenders_created(const struct spenders *l, const char *const *froms,
                     const char *from);

#endif
