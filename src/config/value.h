/* SPDX-License-Identifier: Apache-2.0
 *
 * config/value.h - one value, from text or JSON into its field.
 *
 * Private to this room. A value comes from the file (then `json` is set) or
 * from elsewhere, as text with the label that a message begins with.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "base/json.h"
#include "config/config.h"
#include "config/table.h"

struct config_raw {
    const struct json_value *json; /* or NULL */
    struct text text;
    const char *label; /* "CHATGATE_UPSTREAM_URL", "--upstream" */
};

struct config_reader {
    struct config *cfg;
    struct arena *arena;
    struct problems *problems;
    const struct json_document *doc; /* that of raw.json */
    char *const *environment;        /* credentials included; may be NULL */
    bool is_out_of_memory;
};

/* Check and store; what is wrong goes to the problems. */
void config_value_set(struct config_reader *r, const struct config_key *k,
                      const struct config_raw *raw);

/* The same for the lists. */
void config_list_set(struct config_reader *r, const struct config_key *k,
                     const struct config_raw *raw);

void config_value_set_address(struct config_reader *r,
                              const struct config_raw *raw,
                              struct config_address *field);
/* A terminated copy, or NULL with the flag set. */
const char *config_value_keep(struct config_reader *r, struct text t);
/* What a parser that says `why` came back with. */
void config_value_failed(struct config_reader *r, const struct config_raw *raw,
                         enum status s, const char *why);
/* Has an empty, "." or ".." segment? `path` is empty or begins with '/'; that
 * it ends with one is not odd. */
bool config_path_has_odd_segments(struct text path);

/* A problem with this value. */
void config_value_problem(struct config_reader *r, const struct config_raw *raw,
                          const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The value of an environment variable, or NULL. */
const char *config_environment_get(char *const *environment, struct text name);

#endif
