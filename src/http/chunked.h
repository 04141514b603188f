/* SPDX-License-Identifier: Apache-2.0
 *
 * http/chunked.h - chunked framing taken off as bytes arrive.
 *
 * Pure and incremental: no allocation, no copy. Any cut into pieces gives the
 * same body and the same verdict.
 *
 *   struct chunked c;
 *   chunked_init(&c, max_body);
 *   while (len > 0 && result == CHUNKED_MORE) {
 *       result = chunked_feed(&c, data, len, &used, &piece);
 *       if (piece.len > 0) ... a piece of the body, inside `data` ...
 *       data += used, len -= used;
 *   }
 */
#ifndef HTTP_CHUNKED_H
#define HTTP_CHUNKED_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* Extensions of one body, and its trailer section, in bytes. Nobody needs
 * them; a few are allowed because the standard does. */
#define CHUNKED_MAX_EXTENSIONS (8 * 1024)
#define CHUNKED_MAX_TRAILERS (8 * 1024)
/* Digits of a size, leading zeros included. */
#define CHUNKED_MAX_DIGITS 16

enum chunked_result {
    CHUNKED_MORE, /* feed on */
    CHUNKED_DONE, /* the body is complete; what was not used follows it */
    CHUNKED_BAD,
    CHUNKED_TOO_LARGE /* a chunk's size would pass the maximum */
};

struct chunked {
    unsigned state;
    unsigned digits;     /* of the size that is being read */
    uint64_t left;       /* of the chunk; while digits come, its size */
    uint64_t body_bytes; /* chunk sizes so far */
    uint64_t max_body_bytes;
    size_t extension_bytes, trailer_bytes;
    char name[20]; /* of a trailer field, as far as it can matter */
    size_t name_len;
};

void chunked_init(struct chunked *c, uint64_t max_body_bytes);

/* Consume up to the end of one piece of body, of the body, or of `data`.
 * *used (at most len) is what was taken; *piece is body data or empty. A call
 * after anything but CHUNKED_MORE gives the same result and takes nothing. */
enum chunked_result chunked_feed(struct chunked *c, const char *data,
                                 size_t len, size_t *used, struct text *piece);

#endif
