/* SPDX-License-Identifier: Apache-2.0
 *
 * config/table.h - the keys of the configuration, one row each.
 *
 * Private to this room and its tests; everybody else reads struct config.
 */
#ifndef CONFIG_TABLE_H
#define CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct config;

enum config_type {
    CONFIG_STRING,        /* const char * */
    CONFIG_SECRET,        /* struct secret */
    CONFIG_AUTHORIZATION, /* struct secret; ${NAME} is replaced */
    CONFIG_DIGEST,        /* 32 bytes; bool at `second`: there is one */
    CONFIG_DURATION,      /* int64_t, microseconds */
    CONFIG_SIZE,          /* int64_t, bytes */
    CONFIG_INTEGER,       /* uint32_t; 0 for null */
    CONFIG_SHARE,         /* double, 0 to 1 */
    CONFIG_WORD,          /* an enum: the index in `words` */
    CONFIG_ADDRESS,       /* struct config_address */
    CONFIG_ADDRESSES,     /* const struct config_address *; count at `second` */
    CONFIG_CIDRS,         /* struct config_cidrs */
    CONFIG_UNMATCHED,     /* const struct config_unmatched *; `second` */
    CONFIG_URL,           /* const char *; http or https */
    CONFIG_REDIS_URL,     /* const struct config_redis * */
};

struct config_key {
    const char *name; /* "upstream.url" */
    enum config_type type;
    const char *initial;  /* as in the environment; "none" for null */
    int64_t least, most;  /* CONFIG_DURATION, _SIZE, _INTEGER */
    const char *words[4]; /* CONFIG_WORD; NULL behind the last */
    size_t offset, second;
    bool is_nullable;
    bool reloads; /* SIGHUP changes it */
    const char *prose;
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

#define CONFIG_NAME_SIZE 64 /* of a key's name or its environment variable */

/* NULL for an unknown name. */
const struct config_key *config_key_find(struct text name);
bool config_key_is_list(const struct config_key *k);

/* "upstream.url" becomes "CHATGATE_UPSTREAM_URL". */
#define CONFIG_ENVIRONMENT_PREFIX "CHATGATE_"
void config_key_environment(const struct config_key *k,
                            char out[CONFIG_NAME_SIZE]);

/* The field of this key in `cfg`. */
void *config_key_field(const struct config_key *k, struct config *cfg);
bool config_key_equal(const struct config_key *k, const struct config *a,
                      const struct config *b);

/* "50ms", "8MiB", "1024", by the key's type. */
const char *config_key_quantity(const struct config_key *k, int64_t n,
                                char out[32]);

/* How many letters apart two names are (Damerau-Levenshtein, adjacent), for
 * "did you mean"; large when they are longer than CONFIG_NAME_SIZE. */
size_t config_name_distance(struct text a, struct text b);

#endif
