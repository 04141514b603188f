/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/descriptors.h - who may have how many of the process's descriptors.
 *
 * Clients could hold them all, and then their own requests would fail for want
 * of a socket to the upstream or to Redis, or of the reopened audit file. So
 * they are dealt out at the start:
 *
 *   limit = own + connections to the upstream + connections of clients
 *
 * The soft limit is raised as far as is needed and allowed. Where that is not
 * enough the shares shrink, and it is said.
 */
#ifndef GATEWAY_DESCRIPTORS_H
#define GATEWAY_DESCRIPTORS_H

#include <stddef.h>
#include <stdint.h>

struct descriptors {
    size_t wanted;     /* for all that is configured */
    size_t clients;    /* connections open before accepting pauses */
    uint32_t upstream; /* connections a worker */
};

/* The deal for this limit; arithmetic only. Every share is 1 at least. */
void descriptors_deal(size_t limit, uint32_t workers, uint32_t connections,
                      uint32_t upstream_connections, struct descriptors *out);

/* Raise the limit, deal, and say so when it is short. */
void descriptors_prepare(uint32_t workers, uint32_t connections,
                         uint32_t upstream_connections,
                         struct descriptors *out);

#endif
