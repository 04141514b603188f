/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_cluster.h - a real Redis Cluster for one test.
 *
 * Masters that share the 16,384 slots evenly, in order, and replicas: the i-th
 * replica follows the i-th master. Nobody needs redis-cli: nodes are
 * introduced and given slots by the commands that it would use.
 */
#ifndef REDIS_CLUSTER_TEST_H
#define REDIS_CLUSTER_TEST_H

#include "redis_server.h"

#define CLUSTER_NODES_MAX 8

struct redis_cluster {
    struct redis_server nodes[CLUSTER_NODES_MAX]; /* masters first */
    const char *options[CLUSTER_NODES_MAX][24];
    char bus[CLUSTER_NODES_MAX][8];
    char ids[CLUSTER_NODES_MAX][41];
    int masters, replicas;
    char url[512]; /* redis+cluster://127.0.0.1:port,... of the masters */
};

/* Returns when every node sees all of them and all slots served. `extra`: more
 * options for all, up to a NULL; or NULL. */
void redis_cluster_start(struct redis_cluster *c, int masters, int replicas,
                         const char *const *extra);
void redis_cluster_remove(struct redis_cluster *c);

/* What node i answers, as redis_server_ask(); fails the test when it is an
 * error. */
void redis_cluster_tell(struct redis_cluster *c, int node, const char *format,
                        ...) __attribute__((format(printf, 3, 4)));
/* The master that was given this slot at the start. */
int redis_cluster_owner(const struct redis_cluster *c, int slot);
/* Wait until node i says so (a piece of CLUSTER INFO or CLUSTER NODES). */
void redis_cluster_wait(struct redis_cluster *c, int node, const char *command,
                        const char *piece);

/* A slot moves in three steps: begin; keys (as many as there are, maybe some
 * more than once); end, which every master is told. */
void redis_cluster_move_begin(struct redis_cluster *c, int slot, int from,
                              int to);
void redis_cluster_move_key(struct redis_cluster *c, const char *key, int from,
                            int to);
void redis_cluster_move_end(struct redis_cluster *c, int slot, int to);

#endif
