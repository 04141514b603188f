/* SPDX-License-Identifier: Apache-2.0
 *
 * soak/trouble.h - what happens to the gateway's neighbours, and to itself.
 *
 * Every few seconds one of: Redis stopped for a while, killed and started
 * again, flushed; the upstream stopped, killed and started again; a reload; a
 * rotation of the audit file, which is then read.
 */
#ifndef SOAK_TROUBLE_H
#define SOAK_TROUBLE_H

#include <stdbool.h>

#include "integration/rig.h"
#include "soak/ledger.h"

struct trouble {
    struct rig *rig;
    struct ledger *ledger;
    const char *deliveries; /* the stub's file */
    unsigned seed;
    unsigned disturbances; /* of the upstream: see actor.h (atomic) */
    int rotations;
    int counts[8]; /* of each kind */
};

/* For so long, on the calling thread, which must be the one that started the
 * rig and lives as long: the kernel ends a process with the thread that made
 * it (process.h). All is well again when it returns. */
void trouble_run(struct trouble *t, int64_t ms);
/* Everything that was recorded so far goes to the ledger. */
void trouble_rotate(struct trouble *t);
void trouble_print(const struct trouble *t, FILE *to);

#endif
