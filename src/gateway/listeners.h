/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/listeners.h - the sockets that clients connect to.
 *
 * One socket a worker and address, bound with SO_REUSEPORT, so that the
 * kernel spreads connections; bound once without it first, so that a port
 * that somebody else uses is an error and not a silent share. A unix socket,
 * and a socket handed over by the service manager (LISTEN_FDS), is one that
 * all workers accept from.
 */
#ifndef GATEWAY_LISTENERS_H
#define GATEWAY_LISTENERS_H

#include <stddef.h>

#include "base/status.h"
#include "config/address.h"
#include "config/config.h"

struct listeners;

/* Bind everything that `config` names for `workers` workers, or take what the
 * service manager hands over. What is wrong is logged. STATUS_IO,
 * STATUS_NO_MEMORY. */
enum status listeners_open(const struct config *config, int workers,
                           struct listeners **out) MUST_CHECK;
/* Closes what was not taken; removes unix sockets that it made. */
void listeners_close(struct listeners *l);

size_t listeners_count(const struct listeners *l);
/* The descriptor of address i for a worker: from now on the caller's. */
int listeners_take(struct listeners *l, size_t i, int worker);
/* "127.0.0.1:8080", the port filled in. */
const char *listeners_name(const struct listeners *l, size_t i);

/* One socket, bound exclusively (the admin address). -1 after logging. */
int listeners_bind(const struct config_address *address, const char *what);

#endif
