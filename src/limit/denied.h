/* SPDX-License-Identifier: Apache-2.0
 *
 * limit/denied.h - what Redis has denied, and until when that is certain.
 *
 * A bucket that denied a cost of c, to be there at T, denies every cost of c
 * or more until T: tokens only go away in between. So a client that keeps
 * knocking costs no call to Redis until its time comes. The cache belongs to
 * one worker, has a fixed size and forgets what is least worth keeping.
 *
 * That holds for a bucket of the same capacity and refill. A request that
 * began before a reload may still be refused by what was the limit then, and
 * must not close the larger bucket that others meet now.
 *
 * T is believed for LIMIT_DENIED_MAX_US at most: a bucket that an operator
 * deleted, or that another gateway gave back to, is found out about within
 * that time.
 */
#ifndef LIMIT_DENIED_H
#define LIMIT_DENIED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"
#include "limit/limit.h"

#define LIMIT_DENIED_MAX_US (60 * US_PER_S)

struct limit_denied;

enum status limit_denied_new(struct limit_denied **out) MUST_CHECK;
void limit_denied_free(struct limit_denied *d);
/* Forget all. */
void limit_denied_clear(struct limit_denied *d);

/* The charge was denied with `remaining_utok` there, and will be until
 * now + wait_us (LIMIT_WAIT_NEVER too). */
void limit_denied_add(struct limit_denied *d, const struct limit_charge *c,
                      int64_t remaining_utok, int64_t wait_us, mono_us now);
/* Something was given back. */
void limit_denied_forget(struct limit_denied *d, struct text key);

/* True: denied for certain, for another *wait_us (LIMIT_WAIT_NEVER too),
 * with *remaining_utok at the time of the denial. */
bool limit_denied_find(const struct limit_denied *d,
                       const struct limit_charge *c, mono_us now,
                       int64_t *wait_us, int64_t *remaining_utok);

#endif
