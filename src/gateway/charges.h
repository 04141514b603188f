/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/charges.h - a limit as policies say it, as the limiter takes it.
 */
#ifndef GATEWAY_CHARGES_H
#define GATEWAY_CHARGES_H

#include "limit/limit.h"
#include "policy/policy.h"

_Static_assert(POLICY_CAPACITY_MAX == LIMIT_CAPACITY_MAX &&
                   POLICY_REFILL_MAX == LIMIT_REFILL_MAX &&
                   POLICY_CHARGES_MAX == LIMIT_CHARGES_MAX,
               "what policies let through, the limiter can take");

/* Tokens become micro-tokens; texts are borrowed from `c`. */
static inline struct limit_charge
charge_for_limiter(const struct policy_charge *c)
{
    return (struct limit_charge){
        .key = c->key,
        .tag = c->tag,
        .rate = {.capacity_utok = c->capacity * LIMIT_UTOK,
                 .refill_tokens = c->refill,
                 .period_us = c->period_us},
        .cost_utok = c->cost * LIMIT_UTOK,
        .is_shadow = c->is_shadow,
        .breadth = c->breadth,
    };
}

#endif
