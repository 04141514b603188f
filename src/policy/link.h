/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/link.h - operations and policies brought together.
 */
#ifndef POLICY_LINK_H
#define POLICY_LINK_H

#include "policy/loader.h"

/* Too many policies or limits for one operation are problems. Called
 * whatever was wrong before. */
void policy_link_check(struct policy_loader *l);

/* Uses, plans, taps and dues of all operations. Called only when nothing was
 * wrong. */
void policy_link(struct policy_loader *l);

#endif
