/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/schema.h - JSON Schema 2020-12, compiled once, read by all threads.
 *
 * A schema is compiled from a document read by base/json.h into nodes that
 * the streaming machine (schema/run.h) works on. What the machine does not
 * enforce exactly is a problem at compile time, with file, line, column and
 * JSON Pointer, and never ignored. Annotations ("title", "description",
 * "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment",
 * "contentEncoding" ...) are known and skipped.
 *
 * Beside the standard keywords stand two for what JSON Schema cannot say:
 *
 *   "x-parts" (on an array of parts discriminated by "type"):
 *     {"alone": ["link"], "not_adjacent": ["text"], "max_public_urls": 40,
 *      "url": "url", "presigned_hosts": ["cdn.example"], "kind": "type"}
 *   "x-decorations" (on an object):
 *     {"text": "value", "list": "text_decorations", "range": "range",
 *      "exactly_one": ["style", "animation"], "exclusive": ["animation"]}
 *
 *   set = schema_set_new();
 *   schema_compile(set, &source, at, &problems, &schema);
 *   plan = schema_plan_new(set, uses, n, taps, m)   one per operation
 *   ... many schema_run (schema/run.h) on the plan ...
 *   schema_set_free(set);                           frees schemas and plans
 */
#ifndef SCHEMA_SCHEMA_H
#define SCHEMA_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/problems.h"
#include "base/status.h"
#include "base/text.h"

struct schema;     /* one compiled schema; owned by its set, immutable */
struct schema_set; /* owns schemas, plans, patterns; not shared until done */
struct schema_plan;

enum schema_dialect {
    SCHEMA_JSON,    /* JSON Schema 2020-12 */
    SCHEMA_OPENAPI, /* OpenAPI 3.1: also "discriminator", "example", "xml",
                     * "externalDocs"; "nullable" is refused with advice */
};

/* Where a schema stands. `doc` must outlive the compilation only. */
struct schema_source {
    const struct json_document *doc;
    const struct json_value *root; /* what "$ref": "#/..." starts from */
    enum schema_dialect dialect;
};

struct schema_set *schema_set_new(void); /* NULL: out of memory */
void schema_set_free(struct schema_set *set);

/* Compile the schema at `at` (inside source->root). The same value compiled
 * twice in one set gives the same schema. STATUS_OK; STATUS_INVALID with
 * every problem of it listed; STATUS_NO_MEMORY. */
enum status schema_compile(struct schema_set *set,
                           const struct schema_source *source,
                           const struct json_value *at,
                           struct problems *problems,
                           const struct schema **out) MUST_CHECK;

/* Is `member`, of an OpenAPI object that does not know it, an extension of
 * another tool ("x-...")? Then a warning says once a file that it asks nothing.
 * False for anything else, and for what looks like an extension of chatgate's
 * own: that is a problem of the caller's. */
bool schema_pass_foreign(struct problems *problems,
                         const struct json_document *doc,
                         const struct json_value *object,
                         const struct json_member *member);

/* The types that pass the schema's own "type" keyword, as bits
 * (1u << enum json_type; integers count as JSON_NUMBER). For parameters. */
unsigned schema_types(const struct schema *s);

/* ---- plans: everything that one operation asks of its body ---- */

#define SCHEMA_USES_MAX 64

/* A root that the body must satisfy. Its place in the array is its number in
 * violations and in the bits of schema_run_broken(). */
struct schema_use {
    const struct schema *schema;
};

/* A value that is wanted out of the body (who sends, how many parts). It is
 * given only when it passed its own schema in every use. */
enum schema_tap_kind {
    SCHEMA_TAP_TEXT,  /* a string, at most SCHEMA_TAP_TEXT_MAX bytes of UTF-8 */
    SCHEMA_TAP_COUNT, /* the number of items of an array */
};
#define SCHEMA_TAP_TEXT_MAX 1024
#define SCHEMA_TAPS_MAX 16

struct schema_tap {
    const char
        *pointer; /* RFC 6901; object members only, as "/message/parts" */
    enum schema_tap_kind kind;
};

/* Owned by the set. NULL when out of memory. At most SCHEMA_USES_MAX uses
 * and SCHEMA_TAPS_MAX taps (checked by the caller's loader). */
const struct schema_plan *schema_plan_new(struct schema_set *set,
                                          const struct schema_use *uses,
                                          size_t use_count,
                                          const struct schema_tap *taps,
                                          size_t tap_count);

#endif
