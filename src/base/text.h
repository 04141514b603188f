/* SPDX-License-Identifier: Apache-2.0
 *
 * base/text.h - a span of bytes that somebody else owns.
 *
 * Not terminated, may hold NUL bytes. {NULL, 0} is "absent", {ptr, 0} is
 * empty. A span lives as long as what it points into: the header that hands
 * one out says how long that is.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/status.h"

struct text {
    const char *data;
    size_t len;
};

/* A span over a string literal, also usable in static initialisers. */
#define TEXT(literal)                                                          \
    {                                                                          \
        (literal), sizeof(literal) - 1                                         \
    }
#define TEXT_LIT(literal) ((struct text)TEXT(literal))
/* For printf("%.*s"). */
#define TEXT_ARG(t) (int)(t).len, (t).data

static inline struct text text_make(const char *data, size_t len)
{
    return (struct text){data, len};
}

/* NULL gives the absent span. */
static inline struct text text_of(const char *cstr)
{
    return (struct text){cstr, cstr ? strlen(cstr) : 0};
}

static inline bool text_is_absent(struct text t)
{
    return t.data == NULL;
}

static inline bool text_equal(struct text a, struct text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool text_is(struct text a, const char *cstr)
{
    return text_equal(a, text_of(cstr));
}

/* ASCII only; never the locale's idea of a letter. Most that are compared
 * differ in length, which is told here. */
bool text_same_letters(const char *a, const char *b, size_t len);
static inline bool text_equal_nocase(struct text a, struct text b)
{
    return a.len == b.len && text_same_letters(a.data, b.data, a.len);
}
bool text_starts_with(struct text t, struct text prefix);
bool text_ends_with(struct text t, struct text suffix);

/* Without leading and trailing SP and HTAB (RFC 9110, OWS). */
struct text text_trim(struct text t);

/* Split at the first `sep`: *head before it, the rest behind it (absent
 * when there is no `sep`, and *head is all of `t`). */
struct text text_cut(struct text t, char sep, struct text *head);

/* Decimal digits only, no sign, no space; STATUS_INVALID otherwise,
 * STATUS_TOO_LARGE above `max`. */
enum status text_to_u64(struct text t, uint64_t max, uint64_t *out) MUST_CHECK;

/* The other way: a span in `room`. For lines that are written for every
 * request, where printf() takes more time than all else. */
#define TEXT_DIGITS_MAX 20
struct text text_from_u64(uint64_t n, char room[TEXT_DIGITS_MAX]);

/* A terminated copy to free(), or NULL when out of memory. */
char *text_dup(struct text t);

/* Durations "50ms" "30s" "5m" "1h" "2d" (a unit is required, digits only)
 * to microseconds; sizes "512" "16KiB" "8MiB" "1GiB" "10kB" "10MB" "1GB" to
 * bytes.
 * STATUS_INVALID for anything else, STATUS_TOO_LARGE past INT64_MAX. */
enum status text_to_duration_us(struct text t, int64_t *out) MUST_CHECK;
enum status text_to_size(struct text t, int64_t *out) MUST_CHECK;

/* The length (1 to 4) of the well-formed UTF-8 sequence that `data` begins
 * with, or 0: overlong forms, surrogates, code points above U+10FFFF and cut
 * sequences are not well-formed. */
size_t text_utf8_sequence(const char *data, size_t len);

#endif
