/* SPDX-License-Identifier: Apache-2.0
 *
 * upstream/field.h - what a header may be called and say, both ways.
 */
#ifndef UPSTREAM_FIELD_H
#define UPSTREAM_FIELD_H

#include "base/text.h"

/* A token: RFC 9110 section 5.6.2. */
bool upstream_field_is_token(struct text t);
/* No control byte but tabs: RFC 9110 section 5.5. */
bool upstream_field_is_value(struct text t);
/* Of the connection and not of the message: RFC 9110 section 7.6.1, those of
 * proxies, and what frames the message. */
bool upstream_field_is_hop_by_hop(struct text name);

#endif
