/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/sf.h - structured fields, as a client would read them (RFC 9651).
 *
 * Lists of strings with parameters that are integers: all that RateLimit
 * fields are made of. Strict: what the grammar does not allow is refused.
 */
#ifndef INTEGRATION_SF_H
#define INTEGRATION_SF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SF_PARAMETERS_MAX 8

struct sf_item {
    char name[128];
    struct {
        char key[32];
        int64_t value;
    } parameters[SF_PARAMETERS_MAX];
    size_t parameter_count;
};

/* The number of items; -1: malformed, or too much for the caller's array. */
int sf_parse(const char *field, struct sf_item *items, size_t max);
/* A parameter of that key; false: there is none. */
bool sf_get(const struct sf_item *item, const char *key, int64_t *value);

#endif
