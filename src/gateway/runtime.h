/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/runtime.h - everything a reload swaps, as one immutable thing.
 *
 * Configuration, policy snapshot and consumers are loaded and checked
 * together and swapped together. Each worker holds a reference to the newest
 * runtime, each exchange one to that with which it began, so that a request
 * is judged by one version from its first byte to its last.
 */
#ifndef GATEWAY_RUNTIME_H
#define GATEWAY_RUNTIME_H

#include "base/problems.h"
#include "base/status.h"
#include "config/config.h"
#include "config/consumers.h"
#include "http/tls.h"
#include "policy/policy.h"
#include "schema/run.h"

struct runtime {
    struct config *config;              /* owned */
    struct policy_snapshot *policy;     /* one reference */
    struct config_consumers *consumers; /* owned; NULL: callers are trusted */
    struct http_tls *tls; /* one reference; NULL: plain listeners */
    struct schema_limits schema_limits;
    const char *upstream_authorization; /* NULL: the caller's passes */
    int references;                     /* atomic */
};

/* Load and check everything that `source` names. Every problem found is in
 * `problems`. The caller holds one reference. */
enum status runtime_load(const struct config_source *source,
                         struct problems *problems,
                         struct runtime **out) MUST_CHECK;
/* What this build cannot do is refused, not ignored; files that `c` names are
 * there. *tls is made where it asks for it, also beside problems. */
enum status runtime_check_config(const struct config *c,
                                 struct problems *problems,
                                 struct http_tls **tls) MUST_CHECK;
struct runtime *runtime_ref(struct runtime *r);
void runtime_unref(struct runtime *r); /* NULL is fine */

#endif
