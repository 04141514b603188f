/* SPDX-License-Identifier: Apache-2.0
 *
 * config/table.c - the one table of keys, and what follows from it.
 *
 * A row gives a key its name, type, default, range and words, its field in
 * struct config, whether a reload changes it, and a line for the manual. The
 * defaults are written as in the environment and go through the same checks
 * as everybody's values, so that a default cannot break a rule.
 */
#include "config/table.h"

#include <stdio.h>

#include "base/check.h"
#include "config/config.h"

#define MS INT64_C(1000)
#define SECOND (1000 * MS)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define AT(field) .offset = offsetof(struct config, field)
#define AND(field) .second = offsetof(struct config, field)

_Static_assert(sizeof(enum config_on_failure) == sizeof(int) &&
                   sizeof(enum config_numbers) == sizeof(int) &&
                   sizeof(enum config_fsync) == sizeof(int) &&
                   sizeof(enum log_level) == sizeof(int),
               "words are stored as int");
/* The order of the words is the order of the enum. */
_Static_assert(CONFIG_FAIL_LOCAL == 0 && CONFIG_FAIL_ALLOW == 1 &&
                   CONFIG_FAIL_DENY == 2,
               "redis.on_failure");
_Static_assert(CONFIG_NUMBERS_FULL == 0 && CONFIG_NUMBERS_MASKED == 1 &&
                   CONFIG_NUMBERS_HASHED == 2,
               "audit.numbers");
_Static_assert(CONFIG_FSYNC_NONE == 0 && CONFIG_FSYNC_DATA == 1, "audit.fsync");
_Static_assert(LOG_DEBUG == 0 && LOG_INFO == 1 && LOG_WARNING == 2 &&
                   LOG_ERROR == 3,
               "log_level");

/* clang-format off: one row, one key */
const struct config_key config_keys[] = {
    {"listen", CONFIG_ADDRESSES, "127.0.0.1:8080", AT(listen),
     AND(listen_count),
     .prose = "addresses to listen on: `127.0.0.1:8080`, `[::1]:8080`, "
              "`unix:/path`"},
    {"tls.certificate", CONFIG_STRING, "none", AT(tls.certificate),
     .is_nullable = true, .reloads = true,
     .prose = "PEM file of the certificate chain for `listen`; needs "
              "`tls.key`"},
    {"tls.key", CONFIG_STRING, "none", AT(tls.key), .is_nullable = true,
     .reloads = true, .prose = "PEM file of its private key"},
    {"tls.client_ca", CONFIG_STRING, "none", AT(tls.client_ca),
     .is_nullable = true, .reloads = true,
     .prose = "PEM file of CAs; clients must then show a certificate of "
              "theirs"},
    {"trusted_proxies", CONFIG_CIDRS, "", AT(trusted_proxies), .reloads = true,
     .prose = "networks whose `X-Forwarded-For`, `X-Request-Id` and "
              "`traceparent` are believed; `unix:` for unix sockets"},
    {"admin.listen", CONFIG_ADDRESS, "127.0.0.1:8081", AT(admin.listen),
     .prose = "address of health, metrics and policies; off loopback only "
              "with a password"},
    {"admin.password_sha256", CONFIG_DIGEST, "none", AT(admin.password_sha256),
     AND(admin.has_password), .is_nullable = true, .reloads = true,
     .prose = "SHA-256 of the password for it, 64 hex digits"},
    {"workers", CONFIG_INTEGER, "none", 1, 1024, AT(workers),
     .is_nullable = true,
     .prose = "event loops; `null` is the number of cores"},
    {"policies", CONFIG_STRING, "policies", AT(policies), .reloads = true,
     .prose = "directory of contracts and policies"},
    {"consumers", CONFIG_STRING, "none", AT(consumers), .is_nullable = true,
     .reloads = true,
     .prose = "file of internal services; needs `upstream.authorization`; "
              "`null`: callers are trusted"},
    {"upstream.url", CONFIG_URL, "none", AT(upstream.url), .is_nullable = true,
     .reloads = true,
     .prose = "base URL of the API, required; a path prefix is allowed"},
    {"upstream.authorization", CONFIG_AUTHORIZATION, "none",
     AT(upstream.authorization), .is_nullable = true, .reloads = true,
     .prose = "replaces `Authorization` upstream; `${NAME}` reads the "
              "environment"},
    {"upstream.ca_file", CONFIG_STRING, "none", AT(upstream.ca_file),
     .is_nullable = true, .reloads = true,
     .prose = "PEM file of CAs to trust; `null`: the system's"},
    {"upstream.connect_timeout", CONFIG_DURATION, "2s", MS, HOUR,
     AT(upstream.connect_timeout_us), .reloads = true, .prose = "to connect"},
    {"upstream.answer_timeout", CONFIG_DURATION, "30s", MS, DAY,
     AT(upstream.answer_timeout_us), .reloads = true,
     .prose = "to the answer's head"},
    {"upstream.idle_timeout", CONFIG_DURATION, "30s", MS, DAY,
     AT(upstream.idle_timeout_us), .reloads = true,
     .prose = "without progress after it; pauses for a slow client do not "
              "count"},
    {"upstream.keep_idle", CONFIG_DURATION, "50s", SECOND, DAY,
     AT(upstream.keep_idle_us), .prose = "how long an idle connection is kept"},
    {"upstream.connections", CONFIG_INTEGER, "256", 1, 65535,
     AT(upstream.connections), .prose = "at most, a worker"},
    {"redis.url", CONFIG_REDIS_URL, "none", AT(redis.url), .is_nullable = true,
     .prose = "`redis://[user:pw@]host:port/db`, `unix:///path`, "
              "`redis+cluster://[user:pw@]host:port,…`, "
              "`redis+sentinel://[user:pw@]host:port,…/name[/db]`; `null`: "
              "buckets live in this process (`rediss://` is known, and "
              "refused by this version)"},
    {"redis.timeout", CONFIG_DURATION, "50ms", MS, 60 * SECOND,
     AT(redis.timeout_us), .reloads = true, .prose = "a decision"},
    {"redis.on_failure", CONFIG_WORD, "local",
     .words = {"local", "allow", "deny"}, AT(redis.on_failure), .reloads = true,
     .prose = "what decides while Redis is away"},
    {"redis.local_share", CONFIG_SHARE, "1.0", AT(redis.local_share),
     .reloads = true,
     .prose = "part of each limit that this gateway may spend alone then"},
    {"audit.file", CONFIG_STRING, "chatgate-audit.jsonl", AT(audit.file),
     .prose = "the audit file; `-` is standard output"},
    {"audit.numbers", CONFIG_WORD, "full",
     .words = {"full", "masked", "hashed"}, AT(audit.numbers),
     .prose = "how phone numbers are recorded; `hashed` needs `audit.key`"},
    {"audit.key", CONFIG_SECRET, "none", AT(audit.key), .is_nullable = true,
     .prose = "key of the hash"},
    {"audit.fsync", CONFIG_WORD, "none", .words = {"none", "data"},
     AT(audit.fsync), .prose = "`data`: on the disk before the answer ends"},
    {"audit.stream", CONFIG_STRING, "none", AT(audit.stream),
     .is_nullable = true,
     .prose = "Redis Stream that gets a copy; only `null` in this version"},
    {"audit.patience", CONFIG_DURATION, "5s", 0, HOUR, AT(audit.patience_us),
     .prose = "how long a finished answer waits for a file that cannot be "
              "written"},
    {"limits.max_body", CONFIG_SIZE, "8MiB", 1, GIB, AT(limits.max_body_bytes),
     .reloads = true, .prose = "bytes of a request's body"},
    {"limits.max_head", CONFIG_SIZE, "16KiB", 256, MIB,
     AT(limits.max_head_bytes), .reloads = true,
     .prose = "bytes of a request's head"},
    {"limits.max_token", CONFIG_SIZE, "128KiB", 16, GIB,
     AT(limits.max_token_bytes), .reloads = true,
     .prose = "bytes of one JSON string or key"},
    {"limits.max_members", CONFIG_INTEGER, "1024", 1, 1000000,
     AT(limits.max_members), .reloads = true,
     .prose = "members of one JSON object"},
    {"limits.max_connections", CONFIG_INTEGER, "10000", 1, 1000000,
     AT(limits.max_connections), .prose = "open at once; beyond: 503"},
    {"limits.max_buffered", CONFIG_SIZE, "256MiB", KIB, 1024 * GIB,
     AT(limits.max_buffered_bytes),
     .prose = "bytes of all bodies held at once; beyond: 503"},
    {"limits.max_buckets", CONFIG_INTEGER, "1000000", 1, 100000000,
     AT(limits.max_buckets), .prose = "token buckets in this process"},
    {"limits.header_timeout", CONFIG_DURATION, "10s", MS, DAY,
     AT(limits.header_timeout_us), .reloads = true,
     .prose = "for a whole head"},
    {"limits.body_timeout", CONFIG_DURATION, "30s", MS, DAY,
     AT(limits.body_timeout_us), .reloads = true, .prose = "for a whole body"},
    {"limits.keepalive_timeout", CONFIG_DURATION, "75s", MS, DAY,
     AT(limits.keepalive_timeout_us), .reloads = true,
     .prose = "idle between requests"},
    {"limits.send_timeout", CONFIG_DURATION, "60s", MS, DAY,
     AT(limits.send_timeout_us), .reloads = true,
     .prose = "without progress of a client that reads"},
    {"unmatched", CONFIG_UNMATCHED, "", AT(unmatched), AND(unmatched_count),
     .reloads = true,
     .prose = "`[{\"method\": \"*\", \"prefix\": \"/v3/attachments\"}]`: "
              "forwarded unvalidated, recorded; all else is 404"},
    {"drain_delay", CONFIG_DURATION, "0s", 0, HOUR, AT(drain_delay_us),
     .reloads = true,
     .prose = "from failing readiness to the end of accepting"},
    {"drain_timeout", CONFIG_DURATION, "30s", 0, DAY, AT(drain_timeout_us),
     .reloads = true, .prose = "for requests under way to finish"},
    {"log_level", CONFIG_WORD, "info",
     .words = {"debug", "info", "warning", "error"}, AT(log_level),
     .reloads = true, .prose = "`debug`, `info`, `warning`, `error`"},
};
/* clang-format on */

const size_t config_key_count = ARRAY_LEN(config_keys);

const struct config_key *config_key_find(struct text name)
{
    for (size_t i = 0; i < config_key_count; i++)
        if (text_is(name, config_keys[i].name))
            return &config_keys[i];
    return NULL;
}

bool config_key_is_list(const struct config_key *k)
{
    return k->type == CONFIG_ADDRESSES || k->type == CONFIG_CIDRS ||
           k->type == CONFIG_UNMATCHED;
}

void config_key_environment(const struct config_key *k,
                            char out[CONFIG_NAME_SIZE])
{
    size_t len = (size_t)snprintf(out, CONFIG_NAME_SIZE, "%s%s",
                                  CONFIG_ENVIRONMENT_PREFIX, k->name);

    CHECK(len < CONFIG_NAME_SIZE);
    for (size_t i = 0; i < len; i++) {
        if (out[i] >= 'a' && out[i] <= 'z')
            out[i] = (char)(out[i] - 'a' + 'A');
        else if (out[i] == '.')
            out[i] = '_';
    }
}

void *config_key_field(const struct config_key *k, struct config *cfg)
{
    return (char *)cfg + k->offset;
}

/* Comparison, for reloads and tests. */

static bool strings_equal(const char *a, const char *b)
{
    return text_is_absent(text_of(a)) == text_is_absent(text_of(b)) &&
           text_equal(text_of(a), text_of(b));
}

static bool addresses_equal(const struct config *a, const struct config *b)
{
    if (a->listen_count != b->listen_count)
        return false;
    for (size_t i = 0; i < a->listen_count; i++)
        if (strcmp(a->listen[i].text, b->listen[i].text) != 0)
            return false;
    return true;
}

static bool cidrs_equal(const struct config_cidrs *a,
                        const struct config_cidrs *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i].text, b->items[i].text) != 0)
            return false;
    return true;
}

static bool unmatched_equal(const struct config *a, const struct config *b)
{
    if (a->unmatched_count != b->unmatched_count)
        return false;
    for (size_t i = 0; i < a->unmatched_count; i++)
        if (strcmp(a->unmatched[i].method, b->unmatched[i].method) != 0 ||
            strcmp(a->unmatched[i].prefix, b->unmatched[i].prefix) != 0)
            return false;
    return true;
}

static bool hosts_equal(const struct config_redis *a,
                        const struct config_redis *b)
{
    if (a->host_count != b->host_count)
        return false;
    for (size_t i = 0; i < a->host_count; i++)
        if (strcmp(a->hosts[i].host, b->hosts[i].host) != 0 ||
            a->hosts[i].port != b->hosts[i].port)
            return false;
    return true;
}

static bool secrets_equal(struct secret a, struct secret b)
{
    return secret_is_set(a) == secret_is_set(b) &&
           text_equal(secret_reveal(a), secret_reveal(b));
}

static bool redis_equal(const struct config_redis *a,
                        const struct config_redis *b)
{
    if (!a || !b)
        return a == b;
    return a->kind == b->kind && a->is_tls == b->is_tls && hosts_equal(a, b) &&
           strings_equal(a->user, b->user) &&
           secrets_equal(a->password, b->password) &&
           a->database == b->database && strings_equal(a->path, b->path) &&
           strings_equal(a->sentinel_name, b->sentinel_name);
}

bool config_key_equal(const struct config_key *k, const struct config *a,
                      const struct config *b)
{
    const void *x = (const char *)a + k->offset;
    const void *y = (const char *)b + k->offset;

    switch (k->type) {
    case CONFIG_STRING:
    case CONFIG_URL:
        return strings_equal(*(const char *const *)x, *(const char *const *)y);
    case CONFIG_SECRET:
    case CONFIG_AUTHORIZATION:
        return secrets_equal(*(const struct secret *)x,
                             *(const struct secret *)y);
    case CONFIG_DIGEST:
        return memcmp(x, y, 32) == 0 &&
               a->admin.has_password == b->admin.has_password;
    case CONFIG_DURATION:
    case CONFIG_SIZE:
        return *(const int64_t *)x == *(const int64_t *)y;
    case CONFIG_INTEGER:
        return *(const uint32_t *)x == *(const uint32_t *)y;
    case CONFIG_SHARE:
        return memcmp(x, y, sizeof(double)) == 0;
    case CONFIG_WORD:
        return *(const int *)x == *(const int *)y;
    case CONFIG_ADDRESS:
        return strcmp(((const struct config_address *)x)->text,
                      ((const struct config_address *)y)->text) == 0;
    case CONFIG_ADDRESSES:
        return addresses_equal(a, b);
    case CONFIG_CIDRS:
        return cidrs_equal(x, y);
    case CONFIG_UNMATCHED:
        return unmatched_equal(a, b);
    case CONFIG_REDIS_URL:
        return redis_equal(*(const struct config_redis *const *)x,
                           *(const struct config_redis *const *)y);
    }
    CHECK(!"a type without comparison");
    return false;
}

size_t config_changed(const struct config *old, const struct config *fresh,
                      config_changed_fn changed, void *arg)
{
    size_t count = 0;

    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *k = &config_keys[i];

        if (k->reloads || config_key_equal(k, old, fresh))
            continue;
        count++;
        changed(arg, k->name);
    }
    return count;
}

/* Prose. */

const char *config_key_quantity(const struct config_key *k, int64_t n,
                                char out[32])
{
    static const struct {
        int64_t size;
        const char *name;
    } times[] = {{DAY, "d"},
                 {HOUR, "h"},
                 {60 * SECOND, "m"},
                 {SECOND, "s"},
                 {MS, "ms"}},
      sizes[] = {{GIB, "GiB"}, {MIB, "MiB"}, {KIB, "KiB"}};

    if (k->type == CONFIG_DURATION) {
        for (size_t i = 0; i < ARRAY_LEN(times); i++) {
            if (n >= times[i].size && n % times[i].size == 0) {
                snprintf(out, 32, "%lld%s", (long long)(n / times[i].size),
                         times[i].name);
                return out;
            }
        }
        snprintf(out, 32, "0s");
        return out;
    }
    for (size_t i = 0; k->type == CONFIG_SIZE && i < ARRAY_LEN(sizes); i++) {
        if (n >= sizes[i].size && n % sizes[i].size == 0) {
            snprintf(out, 32, "%lld%s", (long long)(n / sizes[i].size),
                     sizes[i].name);
            return out;
        }
    }
    snprintf(out, 32, "%lld", (long long)n);
    return out;
}

static bool is_written_bare(const struct config_key *k)
{
    return k->type == CONFIG_INTEGER || k->type == CONFIG_SHARE ||
           (k->is_nullable && strcmp(k->initial, "none") == 0);
}

void config_print_keys(FILE *to)
{
    char name[CONFIG_NAME_SIZE];

    fputs("| key | default | reload | in the environment | |\n"
          "| --- | --- | --- | --- | --- |\n",
          to);
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *k = &config_keys[i];
        bool is_empty_list = config_key_is_list(k) && k->initial[0] == '\0';
        const char *quote = is_written_bare(k) || is_empty_list ? "" : "\"";
        const char *value = k->initial;

        if (k->is_nullable && strcmp(value, "none") == 0)
            value = "null";
        config_key_environment(k, name);
        fprintf(to, "| `%s` | `%s%s%s%s%s` | %s | %s%s%s | %s |\n", k->name,
                config_key_is_list(k) ? "[" : "", quote, value, quote,
                config_key_is_list(k) ? "]" : "", k->reloads ? "yes" : "",
                k->type == CONFIG_UNMATCHED ? "" : "`",
                k->type == CONFIG_UNMATCHED ? "" : name,
                k->type == CONFIG_UNMATCHED ? "" : "`", k->prose);
    }
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

size_t config_name_distance(struct text a, struct text b)
{
    /* Three rows of the usual matrix: before the last, last, this. */
    size_t rows[3][CONFIG_NAME_SIZE + 1];

    if (a.len > CONFIG_NAME_SIZE || b.len > CONFIG_NAME_SIZE)
        return SIZE_MAX;
    for (size_t k = 0; k <= b.len; k++)
        rows[0][k] = k;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *this = rows[i % 3], *last = rows[(i + 2) % 3];

        this[0] = i;
        for (size_t k = 1; k <= b.len; k++) {
            bool same = a.data[i - 1] == b.data[k - 1];

            this[k] = min3(last[k] + 1, this[k - 1] + 1,
                           last[k - 1] + (same ? 0 : 1));
            if (i > 1 && k > 1 && a.data[i - 1] == b.data[k - 2] &&
                a.data[i - 2] == b.data[k - 1])
                this[k] = min3(this[k], rows[(i + 1) % 3][k - 2] + 1, SIZE_MAX);
        }
    }
    return rows[a.len % 3][b.len];
}
