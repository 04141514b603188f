/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/server.h - the whole gateway in one call.
 *
 * Start-up in plain sight: load and check everything, open the audit file,
 * bind, make the workers, open the admin address, run. Signals:
 *
 *   SIGHUP            load configuration and policies anew; a bad file changes
 *                     nothing and is named in the log
 *   SIGUSR1           open the audit file again (after a rotation)
 *   SIGTERM, SIGINT   drain: not ready, then no new connections, requests
 *                     under way finish; a second one stops at once
 */
#ifndef GATEWAY_SERVER_H
#define GATEWAY_SERVER_H

#include "config/config.h"

/* Returns the exit status: 0 after a drain, 2 when configuration or policies
 * are wrong (every problem printed to standard error), 3 when it could not
 * start or lost something it needs. `source` must last as long: a reload
 * reads it again. */
int server_run(const struct config_source *source);

#endif
