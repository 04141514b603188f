/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/path.h - is a request target written the one way that it may be?
 *
 * A path that two servers could read differently is refused here, before it
 * is matched, so that what chatgate matched is what the upstream matches.
 */
#ifndef POLICY_PATH_H
#define POLICY_PATH_H

#include "base/text.h"

/* NULL, or a static sentence that says what would be right. A slash at the
 * end is fine (and another path than the one without it). */
const char *policy_path_problem(struct text path);

/* The same for what stands behind '?': bytes and escapes only, names and
 * values are not looked at. */
const char *policy_query_problem(struct text query);

/* The next segment of a path: *rest begins with '/' and is moved behind the
 * segment; false at the end. */
bool policy_path_next(struct text *rest, struct text *segment);

#endif
