/* SPDX-License-Identifier: Apache-2.0
 *
 * upstream/field.h - headers that are not passed on, either way.
 */
#ifndef UPSTREAM_FIELD_H
#define UPSTREAM_FIELD_H

#include "base/text.h"

/* Of the connection and not of the message: RFC 9110 section 7.6.1, those of
 * proxies, and what frames the message. */
bool upstream_field_is_hop_by_hop(struct text name);

#endif
