/* SPDX-License-Identifier: Apache-2.0
 *
 * config/credentials.h - secrets that a service manager hands over in files.
 *
 * Private to this room. systemd puts what LoadCredential= names into a
 * directory that the service alone can read, and says where in
 * CREDENTIALS_DIRECTORY; container managers mount secrets alike. A file whose
 * name could be a variable's, in capitals, is taken for one: UPSTREAM_TOKEN
 * for "Bearer ${UPSTREAM_TOKEN}", or CHATGATE_REDIS_URL. The environment wins.
 * Others (tls.key) are left to whoever knows their path.
 */
#ifndef CONFIG_CREDENTIALS_H
#define CONFIG_CREDENTIALS_H

#include "base/arena.h"
#include "base/problems.h"

/* *out is the environment and behind it a variable for each such file; it is
 * `environment` itself when there is none. What is added lives in the arena.
 * A file that cannot be used is an error in `problems`, and left out.
 * STATUS_OK or STATUS_NO_MEMORY. */
enum status config_credentials_add(char *const *environment,
                                   struct arena *arena,
                                   struct problems *problems,
                                   char *const **out) MUST_CHECK;

#endif
