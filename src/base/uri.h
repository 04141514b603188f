/* SPDX-License-Identifier: Apache-2.0
 *
 * base/uri.h - RFC 3986, strictly.
 *
 * No normalisation and no repair: a reference either matches the grammar of
 * RFC 3986 appendix A to the letter or is STATUS_INVALID. Parts are spans
 * into the input; absent ones have data == NULL.
 */
#ifndef BASE_URI_H
#define BASE_URI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct uri {
    struct text scheme;   /* "https" */
    struct text userinfo; /* before '@' */
    struct text host;     /* reg-name, IPv4, or "[...]" with the brackets */
    struct text port;     /* digits, may be empty */
    struct text path;     /* never absent, may be empty */
    struct text query;    /* without '?' */
    struct text fragment; /* without '#' */
};

/* A URI (with a scheme): RFC 3986 section 3. */
enum status uri_parse(struct text t, struct uri *out) MUST_CHECK;
/* A URI reference: section 4.1. */
enum status uri_parse_reference(struct text t, struct uri *out) MUST_CHECK;

/* RFC 3986 section 3.2.2, dotted decimal without leading zeros. */
bool uri_is_ipv4(struct text t);
/* RFC 4291 section 2.2 text form, no zone, no brackets. */
bool uri_is_ipv6(struct text t);

/* Percent-decode into `out` (at least t.len bytes; t.data itself will do):
 * STATUS_INVALID for a bad escape, with some of `out` written over.
 * `plus_is_space`: as in application/x-www-form-urlencoded. The result may
 * hold any byte, NUL too, and need not be UTF-8. */
enum status uri_decode(struct text t, bool plus_is_space, char *out,
                       size_t *len) MUST_CHECK;

#endif
