/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/sf.c - RFC 9651 sections 4.2.1 (lists), 4.2.3.2 (parameters),
 * 4.2.4 (integers), 4.2.5 (strings).
 */
#include "integration/sf.h"

#include <ctype.h>
#include <string.h>

/* A string in double quotes; NULL when it is none. */
static const char *parse_string(const char *p, char *out, size_t size)
{
    size_t n = 0;

    if (*p++ != '"')
        return NULL;
    for (; *p != '"'; p++) {
        if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
            p++;
        else if (*p < 0x20 || *p > 0x7e || *p == '\\')
            return NULL;
        if (n + 1 >= size)
            return NULL;
        out[n++] = *p;
    }
    out[n] = '\0';
    return p + 1;
}

static const char *parse_key(const char *p, char *out, size_t size)
{
    size_t n = 0;

    if (!islower((unsigned char)*p) && *p != '*')
        return NULL;
    while (islower((unsigned char)*p) || isdigit((unsigned char)*p) ||
           (*p && strchr("_-.*", *p))) {
        if (n + 1 >= size)
            return NULL;
        out[n++] = *p++;
    }
    out[n] = '\0';
    return p;
}

static const char *parse_integer(const char *p, int64_t *out)
{
    bool negative = *p == '-';
    int digits = 0;

    *out = 0;
    for (p += negative; isdigit((unsigned char)*p); p++) {
        if (++digits > 15)
            return NULL;
        *out = *out * 10 + (*p - '0');
    }
    if (negative)
        *out = -*out;
    return digits ? p : NULL;
}

static const char *parse_parameters(const char *p, struct sf_item *item)
{
    item->parameter_count = 0;
    while (*p == ';') {
        size_t i = item->parameter_count;

        if (i == SF_PARAMETERS_MAX)
            return NULL;
        p += 1 + strspn(p + 1, " ");
        p = parse_key(p, item->parameters[i].key,
                      sizeof item->parameters[i].key);
        if (!p || *p != '=')
            return NULL;
        p = parse_integer(p + 1, &item->parameters[i].value);
        if (!p)
            return NULL;
        item->parameter_count++;
    }
    return p;
}

int sf_parse(const char *field, struct sf_item *items, size_t max)
{
    const char *p = field + strspn(field, " ");
    size_t count = 0;

    while (*p) {
        if (count == max)
            return -1;
        p = parse_string(p, items[count].name, sizeof items[count].name);
        if (p)
            p = parse_parameters(p, &items[count]);
        if (!p)
            return -1;
        count++;
        p += strspn(p, " \t");
        if (!*p)
            break;
        if (*p++ != ',')
            return -1;
        p += strspn(p, " \t");
        if (!*p)
            return -1; /* a trailing comma */
    }
    return (int)count;
}

bool sf_get(const struct sf_item *item, const char *key, int64_t *value)
{
    bool found = false;

    for (size_t i = 0; i < item->parameter_count; i++)
        if (strcmp(item->parameters[i].key, key) == 0) {
            *value = item->parameters[i].value; /* the last one counts */
            found = true;
        }
    return found;
}
