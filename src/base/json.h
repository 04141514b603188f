/* SPDX-License-Identifier: Apache-2.0
 *
 * base/json.h - a JSON file a person wrote, read whole, with positions.
 *
 * For configuration, contracts, policies and our own test data; bodies of
 * requests never come here (see schema/run.h). Parsed by yajl; duplicate keys,
 * invalid UTF-8, lone surrogates, trailing text and depth over 128 are errors
 * with line and column. Comments (C and C++ style) are allowed on request.
 *
 * A document owns its values in an arena; values point at each other and are
 * read-only.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/problems.h"
#include "base/text.h"

enum json_type {
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

struct json_value {
    enum json_type type;
    int line, column; /* where the value begins; from 1 */
    bool boolean;     /* JSON_BOOL */
    struct text text; /* JSON_STRING: decoded, NUL-terminated besides;
                       * JSON_NUMBER: as written, NUL-terminated besides */
    size_t count;     /* JSON_ARRAY, JSON_OBJECT: elements or members */
    struct json_value **items;       /* JSON_ARRAY */
    struct json_member *members;     /* JSON_OBJECT, in the file's order */
    const struct json_value *parent; /* NULL at the root */
    struct text key; /* the name under which an object holds it, else absent */
    size_t index;    /* the place in its array */
};

struct json_member {
    struct text name; /* decoded, NUL-terminated besides */
    int line, column; /* where the name begins */
    struct json_value *value;
};

struct json_document {
    struct arena arena;
    const char *file; /* as given; for messages */
    struct json_value *root;
};

#define JSON_COMMENTS 1u /* flag: allow comments */

/* Read and parse. STATUS_OK; else everything that was wrong is in `problems`
 * and *out is untouched: STATUS_IO (cannot be read), STATUS_INVALID,
 * STATUS_TOO_LARGE (over 16 MiB), STATUS_NO_MEMORY. */
enum status json_load(const char *file, unsigned flags,
                      struct problems *problems,
                      struct json_document **out) MUST_CHECK;
/* The same from memory; `file` is a name for messages. */
enum status json_parse(struct text bytes, const char *file, unsigned flags,
                       struct problems *problems,
                       struct json_document **out) MUST_CHECK;
void json_free(struct json_document *doc);

/* A member's value, or NULL; `object` may be NULL or of another type. */
const struct json_value *json_get(const struct json_value *object,
                                  const char *name);
const struct json_value *json_get_text(const struct json_value *object,
                                       struct text name);
/* RFC 6901; NULL when there is nothing at `pointer` or it is malformed. */
const struct json_value *json_at(const struct json_value *root,
                                 struct text pointer);
/* The JSON Pointer of `v` from the document's root, written into `out`
 * (cut, always terminated); returns `out`. */
const char *json_pointer(const struct json_value *v, char *out, size_t size);

/* "null", "a boolean", "a number", "a string", "an array", "an object". */
const char *json_type_phrase(enum json_type type);

/* A number without fraction or exponent, in range; else STATUS_INVALID /
 * STATUS_TOO_LARGE. */
enum status json_to_i64(const struct json_value *v, int64_t *out) MUST_CHECK;

/* Same JSON value (numbers compared by value, objects in any order). */
bool json_equal(const struct json_value *a, const struct json_value *b);

/* problems_error() at a value, with its pointer in front of the message. */
void json_problem(struct problems *problems, const struct json_document *doc,
                  const struct json_value *at, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void json_warning(struct problems *problems, const struct json_document *doc,
                  const struct json_value *at, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* The same at a member's name (an unknown key, say). */
void json_problem_key(struct problems *problems,
                      const struct json_document *doc,
                      const struct json_value *object,
                      const struct json_member *member, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
void json_warning_key(struct problems *problems,
                      const struct json_document *doc,
                      const struct json_value *object,
                      const struct json_member *member, const char *fmt, ...)
    PRINTF_LIKE(5, 6);

#endif
