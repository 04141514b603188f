/* SPDX-License-Identifier: Apache-2.0
 *
 * limit/memory_store.h - the buckets of this process, shared by all workers.
 *
 * struct limit_shared (limit/limit.h has its life cycle) holds them. Every
 * call takes one lock, decides in a fraction of a microsecond and never
 * waits for anything else; it may be made from any thread.
 */
#ifndef LIMIT_MEMORY_STORE_H
#define LIMIT_MEMORY_STORE_H

#include "limit/limit.h"

enum limit_action {
    LIMIT_TAKE, /* decide, and charge */
    LIMIT_PEEK, /* decide as if, charge nothing */
};

/* All enforced charges or none; a shadow charge is taken when they are and
 * it fits. STATUS_OK or STATUS_LIMITED, `verdicts` one a charge. Keys must
 * differ from one another. */
enum status limit_shared_decide(struct limit_shared *s, enum limit_action act,
                                const struct limit_charge *charges,
                                size_t count,
                                struct limit_verdict *verdicts) MUST_CHECK;

/* Give back the charges that `verdicts` of a granted decision say were
 * taken. A bucket that is not there any more is full. */
void limit_shared_refund(struct limit_shared *s,
                         const struct limit_charge *charges, size_t count,
                         const struct limit_verdict *verdicts);

#endif
