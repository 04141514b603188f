/* SPDX-License-Identifier: Apache-2.0
 *
 * base/id.h - identifiers for requests, traces and runs.
 *
 * Made from a generator that a thread owns: it draws strong random bytes in
 * blocks, so that an identifier costs no system call of its own.
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdint.h>

#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"

#define ID_UUID_SIZE 37  /* 36 characters and a NUL */
#define ID_TRACE_SIZE 33 /* 32 lower-case hex digits and a NUL */
#define ID_SPAN_SIZE 17  /* 16 lower-case hex digits and a NUL */

struct id_source {
    uint8_t pool[512];
    size_t left; /* unused bytes at the end of `pool` */
};

/* Embed one a thread; owns nothing. */
void id_source_init(struct id_source *s);

/* RFC 9562 version 7, from `now` and 74 random bits. STATUS_UNAVAILABLE when
 * the machine has no random bytes to give (the caller refuses the request). */
enum status id_uuid7(struct id_source *s, wall_us now,
                     char out[ID_UUID_SIZE]) MUST_CHECK;
/* W3C Trace Context: never all zero. */
enum status id_trace(struct id_source *s, char out[ID_TRACE_SIZE]) MUST_CHECK;
enum status id_span(struct id_source *s, char out[ID_SPAN_SIZE]) MUST_CHECK;

/* Any version, either case, 8-4-4-4-12. */
bool id_is_uuid(struct text t);

#endif
