/* SPDX-License-Identifier: Apache-2.0
 *
 * base/json_write.h - JSON onto a struct buffer, by yajl_gen.
 *
 * All JSON that chatgate writes comes from here. A writer is made once a
 * worker and used for one text after another; the first failure sticks and
 * json_writer_end() reports it, so that calls between need no checks.
 * Strings must be UTF-8: a byte that is not becomes U+FFFD.
 *
 *   json_writer_begin(w, &buffer);
 *   json_open_object(w);
 *   json_key(w, "status"); json_int(w, 400);
 *   json_close_object(w);
 *   status = json_writer_end(w);
 */
#ifndef BASE_JSON_WRITE_H
#define BASE_JSON_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct json_writer;

/* NULL when out of memory. */
struct json_writer *json_writer_new(void);
void json_writer_free(struct json_writer *w);

/* Start a text that is appended to `to`, which must outlive it. */
void json_writer_begin(struct json_writer *w, struct buffer *to);
/* STATUS_OK; STATUS_TOO_LARGE or STATUS_NO_MEMORY when `to` did not take it
 * all (its content is then cut back to what it was at begin). */
enum status json_writer_end(struct json_writer *w) MUST_CHECK;

void json_open_object(struct json_writer *w);
void json_close_object(struct json_writer *w);
void json_open_array(struct json_writer *w);
void json_close_array(struct json_writer *w);
void json_key(struct json_writer *w, const char *name);
void json_str(struct json_writer *w, const char *cstr); /* NULL: null */
void json_text(struct json_writer *w, struct text t);   /* absent: null */
void json_int(struct json_writer *w, int64_t n);
void json_bool(struct json_writer *w, bool b);
void json_null(struct json_writer *w);

#endif
