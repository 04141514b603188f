/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_cluster.c - start, introduce, hand out slots, wait.
 */
#include "redis_cluster.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLOTS 16384

static void nap(void)
{
    const struct timespec t = {0, 10000000};

    nanosleep(&t, NULL);
}

/* Both ports are only known to have been free: then others are tried. */
static void start_node(struct redis_cluster *c, int i, const char *const *extra)
{
    static const char *const common[] = {"--cluster-enabled",
                                         "yes",
                                         "--cluster-config-file",
                                         "nodes.conf",
                                         "--cluster-node-timeout",
                                         "1000",
                                         "--repl-diskless-sync-delay",
                                         "0",
                                         "--cluster-port"};
    const char **options = c->options[i];
    size_t n = sizeof(common) / sizeof(common[0]);

    memcpy(options, common, sizeof(common));
    options[n++] = c->bus[i];
    for (; extra != NULL && *extra != NULL; extra++)
        options[n++] = *extra;
    options[n] = NULL;
    for (int tries = 0; tries < 10; tries++) {
        snprintf(c->bus[i], sizeof(c->bus[i]), "%d", redis_server_free_port());
        if (redis_server_try(&c->nodes[i], true, options))
            return;
    }
    ck_abort_msg("redis-server did not start (apt-get install redis-server)");
}

void redis_cluster_tell(struct redis_cluster *c, int node, const char *format,
                        ...)
{
    char line[512], out[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    redis_server_ask(&c->nodes[node], line, out, sizeof(out));
    ck_assert_msg(out[0] != '-', "%s: %s", line, out);
}

void redis_cluster_wait(struct redis_cluster *c, int node, const char *command,
                        const char *piece)
{
    char out[8192] = "";

    for (int i = 0; i < 3000; i++) {
        redis_server_ask(&c->nodes[node], command, out, sizeof(out));
        if (strstr(out, piece) != NULL)
            return;
        nap();
    }
    ck_abort_msg("%s never said %s but %s", command, piece, out);
}

int redis_cluster_owner(const struct redis_cluster *c, int slot)
{
    return slot * c->masters / SLOTS;
}

static int first_slot(const struct redis_cluster *c, int master)
{
    return (master * SLOTS + c->masters - 1) / c->masters;
}

static void read_id(struct redis_cluster *c, int i)
{
    char out[256];

    redis_server_ask(&c->nodes[i], "CLUSTER MYID", out, sizeof(out));
    if (sscanf(out, "$40\r\n%40s", c->ids[i]) != 1)
        ck_abort_msg("CLUSTER MYID: %s", out);
}

static void make_url(struct redis_cluster *c)
{
    int at = snprintf(c->url, sizeof(c->url), "redis+cluster://");

    for (int i = 0; i < c->masters; i++)
        at += snprintf(c->url + at, sizeof(c->url) - (size_t)at,
                       "%s127.0.0.1:%d", i > 0 ? "," : "", c->nodes[i].port);
}

void redis_cluster_start(struct redis_cluster *c, int masters, int replicas,
                         const char *const *extra)
{
    int count = masters + replicas;
    char known[64];

    ck_assert_int_le(count, CLUSTER_NODES_MAX);
    memset(c, 0, sizeof(*c));
    c->masters = masters;
    c->replicas = replicas;
    for (int i = 0; i < count; i++) {
        start_node(c, i, extra);
        read_id(c, i);
    }
    for (int i = 0; i < masters; i++) {
        redis_cluster_tell(c, i, "CLUSTER SET-CONFIG-EPOCH %d", i + 1);
        redis_cluster_tell(c, i, "CLUSTER ADDSLOTSRANGE %d %d",
                           first_slot(c, i), first_slot(c, i + 1) - 1);
    }
    for (int i = 1; i < count; i++)
        redis_cluster_tell(c, 0, "CLUSTER MEET 127.0.0.1 %d %s",
                           c->nodes[i].port, c->bus[i]);
    snprintf(known, sizeof(known), "cluster_known_nodes:%d\r", count);
    for (int i = 0; i < count; i++)
        redis_cluster_wait(c, i, "CLUSTER INFO", known);
    for (int i = 0; i < replicas; i++)
        redis_cluster_tell(c, masters + i, "CLUSTER REPLICATE %s", c->ids[i]);
    for (int i = 0; i < count; i++)
        redis_cluster_wait(c, i, "CLUSTER INFO", "cluster_state:ok");
    for (int i = 0; i < replicas; i++)
        redis_cluster_wait(c, masters + i, "INFO replication",
                           "master_link_status:up");
    make_url(c);
}

void redis_cluster_remove(struct redis_cluster *c)
{
    for (int i = 0; i < c->masters + c->replicas; i++)
        redis_server_remove(&c->nodes[i]);
}

void redis_cluster_move_begin(struct redis_cluster *c, int slot, int from,
                              int to)
{
    redis_cluster_tell(c, to, "CLUSTER SETSLOT %d IMPORTING %s", slot,
                       c->ids[from]);
    redis_cluster_tell(c, from, "CLUSTER SETSLOT %d MIGRATING %s", slot,
                       c->ids[to]);
}

void redis_cluster_move_key(struct redis_cluster *c, const char *key, int from,
                            int to)
{
    redis_cluster_tell(c, from, "MIGRATE 127.0.0.1 %d %s 0 5000",
                       c->nodes[to].port, key);
}

/* The new owner first: the old one would send everybody to somebody who
 * refuses. */
void redis_cluster_move_end(struct redis_cluster *c, int slot, int to)
{
    redis_cluster_tell(c, to, "CLUSTER SETSLOT %d NODE %s", slot, c->ids[to]);
    for (int i = 0; i < c->masters; i++)
        if (i != to)
            redis_cluster_tell(c, i, "CLUSTER SETSLOT %d NODE %s", slot,
                               c->ids[to]);
}
