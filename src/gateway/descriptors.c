/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/descriptors.c - the limit, and the arithmetic of sharing it.
 *
 * What is the process's own does not grow with its load:
 *
 *   a worker    epoll, three eventfds, its listeners, Redis and a second
 *               connection to it while it is found again (or a dozen masters
 *               of a cluster: for more of them the manual asks for a higher
 *               limit), a pair of sockets for the resolver's thread
 *   the rest    standard streams, signals, the main loop, the audit file and
 *               the one that takes its place, policies while they are loaded,
 *               the admin address and who asks there
 */
#include "gateway/descriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "http/server.h"

#define OWN_OF_WORKER 32
#define OWN_OF_PROCESS 128

static size_t at_least_one(size_t n)
{
    return n > 0 ? n : 1;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

void descriptors_deal(size_t limit, uint32_t workers, uint32_t connections,
                      uint32_t upstream_connections, struct descriptors *out)
{
    size_t own = OWN_OF_PROCESS + (size_t)workers * OWN_OF_WORKER;
    size_t upstream = (size_t)workers * upstream_connections;
    /* Each worker may accept one more before it sees that it was the last. */
    size_t clients = (size_t)connections + HTTP_TURNED_AWAY_MAX + workers;
    out->wanted = own + upstream + clients;
    out->clients = clients;
    out->upstream = upstream_connections;
    if (out->wanted <= limit)
        return;
    /* A request needs one of each at most: half and half is enough. What is
     * the process's own is less than a quarter, or a guess that is too high. */
    size_t left = limit - smaller(own, limit / 4);
    upstream = smaller(upstream, left / 2);
    out->upstream = (uint32_t)at_least_one(upstream / workers);
    left -= smaller(left, (size_t)workers * out->upstream + workers);
    out->clients = at_least_one(smaller(clients, left));
}

/* What the process may open; raised to `wanted` if that is allowed. */
static size_t raise_limit(size_t wanted)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0)
        return wanted;
    if (l.rlim_cur >= wanted)
        return (size_t)l.rlim_cur;
    struct rlimit raised = l;
    raised.rlim_cur = l.rlim_max < wanted ? l.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &raised) != 0) {
        log_event(LOG_WARNING, "descriptors.not_raised", "reason=\"%s\"",
                  strerror(errno));
        return (size_t)l.rlim_cur;
    }
    return (size_t)raised.rlim_cur;
}

void descriptors_prepare(uint32_t workers, uint32_t connections,
                         uint32_t upstream_connections, struct descriptors *out)
{
    descriptors_deal(0, workers, connections, upstream_connections, out);
    size_t limit = raise_limit(out->wanted);
    descriptors_deal(limit, workers, connections, upstream_connections, out);
    if (out->wanted <= limit)
        return;
    log_event(LOG_WARNING, "descriptors.few",
              "limit=%zu wanted=%zu effect=\"accepting pauses at %zu "
              "connections; each worker makes %u at most to the "
              "upstream\" advice=\"raise the limit (LimitNOFILE= of the "
              "service, ulimit -n of the shell) or lower "
              "limits.max_connections\"",
              limit, out->wanted, out->clients, out->upstream);
}
