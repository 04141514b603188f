/* SPDX-License-Identifier: Apache-2.0
 *
 * stub/gzip.h - an encoded answer that a client can decode.
 */
#ifndef STUB_GZIP_H
#define STUB_GZIP_H

#include "base/buffer.h"

/* RFC 1952, made of stored blocks: nothing gets smaller, everything is
 * hidden from whoever reads along. */
enum status stub_gzip(struct text in, struct buffer *out) MUST_CHECK;

#endif
