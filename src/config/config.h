/* SPDX-License-Identifier: Apache-2.0
 *
 * config/config.h - what the operator wants.
 *
 * Every key stands in one table (config/table.c): its name, type, default,
 * range, whether a reload changes it, and a line of prose. Loading, the names
 * in the environment, the check at reload and the manual come from it.
 *
 * A value is looked for in four places, the last one wins:
 *
 *   the table's default
 *   the file             {"upstream": {"url": "https://api.example"}}
 *   the environment      CHATGATE_UPSTREAM_URL=https://api.example
 *   the command line     --upstream https://api.example
 *
 * In the environment and on the command line a list is written with commas,
 * and `none` (or nothing) stands for null. Each place is checked, also where
 * a later one overrides it (but for ${NAME} in upstream.authorization, which
 * is read in the value that counts). An unknown key in the file and an unknown
 * CHATGATE_ variable are errors. A path is taken as it is, relative to the
 * working directory.
 *
 * Secrets need not stand in the environment: with CREDENTIALS_DIRECTORY in it
 * (systemd's LoadCredential=), each file there whose name is in capitals is
 * such a variable too, CHATGATE_REDIS_URL or the NAME of a ${NAME}.
 *
 *   struct config *cfg;
 *   status = config_load(&source, &problems, &cfg);
 *   problems_print(&problems, stderr);
 *   ...
 *   config_free(cfg);
 *
 * A configuration does not change once loaded; a reload loads another one
 * and asks config_changed() what that cannot change. Read it from any thread.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/log.h"
#include "base/problems.h"
#include "base/text.h"
#include "config/address.h"
#include "config/redis_url.h"
#include "config/secret.h"

enum config_on_failure {
    CONFIG_FAIL_LOCAL,
    CONFIG_FAIL_ALLOW,
    CONFIG_FAIL_DENY,
};

enum config_numbers {
    CONFIG_NUMBERS_FULL,
    CONFIG_NUMBERS_MASKED,
    CONFIG_NUMBERS_HASHED, /* audit.key is set then */
};

enum config_fsync { CONFIG_FSYNC_NONE, CONFIG_FSYNC_DATA };

/* Forwarded unvalidated. */
struct config_unmatched {
    const char *method; /* "GET", or "*" for any */
    const char *prefix; /* begins with '/'; matches whole path segments */
};

/* Strings are NUL-terminated and live as long as the configuration; NULL
 * where the key is null. */
struct config {
    const struct config_address *listen; /* one at least */
    size_t listen_count;
    struct {
        const char *certificate, *key; /* both or neither */
        const char *client_ca;         /* only with them */
    } tls;
    struct config_cidrs trusted_proxies;
    struct {
        struct config_address listen;
        bool has_password; /* always, off loopback */
        uint8_t password_sha256[32];
    } admin;
    uint32_t workers;      /* 1 at least: null is resolved to the cores */
    const char *policies;  /* directory */
    const char *consumers; /* file or NULL; upstream.authorization is set
                            * if it is */
    struct {
        const char *url; /* http or https, no trailing '/'; NULL only if it
                          * was not asked for */
        struct secret authorization; /* ${NAME} replaced; safe as a header */
        const char *ca_file;
        int64_t connect_timeout_us, answer_timeout_us, idle_timeout_us;
        int64_t keep_idle_us;
        uint32_t connections; /* a worker */
    } upstream;
    struct {
        const struct config_redis *url; /* NULL: buckets in this process */
        int64_t timeout_us;
        enum config_on_failure on_failure;
        double local_share; /* 0 to 1 */
    } redis;
    struct {
        const char *file;
        enum config_numbers numbers;
        struct secret key;
        enum config_fsync fsync;
        const char *stream;
        int64_t patience_us;
    } audit;
    struct {
        int64_t max_body_bytes, max_head_bytes, max_token_bytes;
        uint32_t max_members;
        uint32_t max_connections;
        int64_t max_buffered_bytes;
        uint32_t max_buckets;
        int64_t header_timeout_us, body_timeout_us, keepalive_timeout_us,
            send_timeout_us;
    } limits;
    const struct config_unmatched *unmatched;
    size_t unmatched_count;
    int64_t drain_delay_us, drain_timeout_us;
    enum log_level log_level;
};

/* One option of the command line that sets a key. */
struct config_override {
    const char *key;    /* "upstream.url" */
    const char *value;  /* as in the environment */
    const char *option; /* "--upstream", for messages */
};

struct config_source {
    const char *file; /* NULL: none */
    /* Like environ: "NAME=value", NULL at the end. NULL: not looked at. */
    char *const *environment;
    const struct config_override *overrides;
    size_t override_count;
    bool needs_upstream; /* upstream.url must be set */
};

/* STATUS_OK; else everything that is wrong is in `problems` and *out is
 * untouched: STATUS_INVALID, STATUS_IO (the file cannot be read),
 * STATUS_TOO_LARGE, STATUS_NO_MEMORY. What the source points at is not needed
 * afterwards. */
enum status config_load(const struct config_source *source,
                        struct problems *problems,
                        struct config **out) MUST_CHECK;
void config_free(struct config *cfg);

/* Where the value of `key` comes from: "gate.json:12:5",
 * "CHATGATE_UPSTREAM_URL", "--upstream", "default". Lives as long as `cfg`;
 * NULL for an unknown key. */
const char *config_origin(const struct config *cfg, const char *key);

/* Calls back for each key whose values differ and that a reload does not
 * change, with its name; returns how many there were. */
typedef void (*config_changed_fn)(void *arg, const char *key);
size_t config_changed(const struct config *old, const struct config *fresh,
                      config_changed_fn changed, void *arg);

/* The table of keys in Markdown, for the manual. */
void config_print_keys(FILE *to);

#endif
