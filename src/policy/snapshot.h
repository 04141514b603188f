/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/snapshot.h - a snapshot from bytes, wherever they come from.
 */
#ifndef POLICY_SNAPSHOT_H
#define POLICY_SNAPSHOT_H

#include "policy/policy.h"
#include "policy/source.h"

/* As policy_snapshot_load(), which reads the directory first. `load->dir` is
 * for messages only. */
enum status policy_snapshot_compile(const struct policy_load *load,
                                    const struct policy_sources *sources,
                                    struct problems *problems,
                                    struct policy_snapshot **out) MUST_CHECK;

#endif
