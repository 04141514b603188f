/* SPDX-License-Identifier: Apache-2.0
 *
 * config/value.c - every type of value: what it may look like, where it goes.
 *
 * One function a type, all with the same shape: look at the text, complain or
 * store. Lists are in list.c. Secrets are never part of a message.
 */
#include "config/value.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/crypto.h"
#include "base/uri.h"

#define MAX_AUTHORIZATION_BYTES 8192

void config_value_problem(struct config_reader *r, const struct config_raw *raw,
                          const char *fmt, ...)
{
    char message[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    if (raw->json)
        json_problem(r->problems, r->doc, raw->json, "%s", message);
    else
        problems_error(r->problems, "", 0, 0, "%s: %s", raw->label, message);
}

void config_value_failed(struct config_reader *r, const struct config_raw *raw,
                         enum status s, const char *why)
{
    if (s == STATUS_NO_MEMORY)
        r->is_out_of_memory = true;
    else
        config_value_problem(r, raw, "%s", why);
}

const char *config_environment_get(char *const *environment, struct text name)
{
    for (; environment && *environment; environment++) {
        struct text entry_name;
        struct text value = text_cut(text_of(*environment), '=', &entry_name);

        if (!text_is_absent(value) && text_equal(entry_name, name))
            return value.data;
    }
    return NULL;
}

const char *config_value_keep(struct config_reader *r, struct text t)
{
    const char *copy = arena_strdup(r->arena, t);

    if (!copy)
        r->is_out_of_memory = true;
    return copy;
}

static bool check_string(struct config_reader *r, const struct config_raw *raw)
{
    if (raw->text.len == 0) {
        config_value_problem(r, raw, "must not be empty");
        return false;
    }
    if (memchr(raw->text.data, '\0', raw->text.len)) {
        config_value_problem(r, raw, "must not hold a NUL");
        return false;
    }
    return true;
}

static void set_string(struct config_reader *r, const struct config_raw *raw,
                       const char **field)
{
    const char *copy;

    if (!check_string(r, raw))
        return;
    copy = config_value_keep(r, raw->text);
    if (copy)
        *field = copy;
}

static void set_secret(struct config_reader *r, const struct config_raw *raw,
                       struct secret *field)
{
    const char *copy = NULL;

    if (!check_string(r, raw))
        return;
    copy = config_value_keep(r, raw->text);
    if (copy)
        field->hidden = text_make(copy, raw->text.len);
}

static bool is_name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

static bool is_name(struct text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (!is_name_char(t.data[i], i == 0))
            return false;
    return t.len > 0;
}

/* Append what ${NAME} stands for. */
static enum status append_variable(struct config_reader *r,
                                   const struct config_raw *raw,
                                   struct text name, struct buffer *to)
{
    const char *value;

    if (!is_name(name)) {
        config_value_problem(r, raw,
                             "${ } must enclose the name of an environment "
                             "variable");
        return STATUS_INVALID;
    }
    value = config_environment_get(r->environment, name);
    if (!value || value[0] == '\0') {
        config_value_problem(r, raw,
                             "the environment variable %.*s is %s: set it, or "
                             "write the value in its place",
                             TEXT_ARG(name), value ? "empty" : "not set");
        return STATUS_INVALID;
    }
    return buffer_append_str(to, value);
}

static enum status expand(struct config_reader *r, const struct config_raw *raw,
                          struct buffer *to)
{
    struct text rest = raw->text;
    enum status s = STATUS_OK;

    while (s == STATUS_OK && rest.len > 0) {
        struct text name, behind;

        if (!text_starts_with(rest, TEXT_LIT("${"))) {
            s = buffer_append(to, rest.data, 1);
            rest = text_make(rest.data + 1, rest.len - 1);
            continue;
        }
        behind = text_cut(text_make(rest.data + 2, rest.len - 2), '}', &name);
        if (text_is_absent(behind)) {
            config_value_problem(r, raw, "${ without its }");
            return STATUS_INVALID;
        }
        s = append_variable(r, raw, name, to);
        rest = behind;
    }
    if (s == STATUS_TOO_LARGE)
        config_value_problem(r, raw, "longer than %d bytes",
                             MAX_AUTHORIZATION_BYTES);
    return s;
}

static void set_authorization(struct config_reader *r,
                              const struct config_raw *raw,
                              struct secret *field)
{
    struct buffer value;
    enum status s;

    if (!check_string(r, raw))
        return;
    buffer_init(&value, MAX_AUTHORIZATION_BYTES);
    s = expand(r, raw, &value);
    for (size_t i = 0; s == STATUS_OK && i < value.len; i++) {
        if ((unsigned char)value.data[i] >= 0x20 &&
            (unsigned char)value.data[i] < 0x7f)
            continue;
        config_value_problem(r, raw,
                             "holds a byte that a header cannot carry (a line "
                             "end, say)");
        s = STATUS_INVALID;
    }
    if (s == STATUS_OK && text_trim(buffer_text(&value)).len != value.len) {
        config_value_problem(r, raw, "begins or ends with a space");
        s = STATUS_INVALID;
    }
    if (s == STATUS_OK) {
        const char *copy = config_value_keep(r, buffer_text(&value));

        if (copy)
            field->hidden = text_make(copy, value.len);
    }
    if (s == STATUS_NO_MEMORY)
        r->is_out_of_memory = true;
    buffer_release(&value);
}

static void set_digest(struct config_reader *r, const struct config_raw *raw,
                       uint8_t *field, bool *is_set)
{
    if (crypto_unhex(raw->text, field, CRYPTO_SHA256_SIZE) == STATUS_OK)
        *is_set = true;
    else
        config_value_problem(r, raw,
                             "must be a SHA-256 digest, 64 hexadecimal digits "
                             "(printf %%s PASSWORD | sha256sum)");
}

static bool check_range(struct config_reader *r, const struct config_key *k,
                        const struct config_raw *raw, enum status s, int64_t n)
{
    char least[32], most[32];

    if (s == STATUS_OK && n >= k->least && n <= k->most)
        return true;
    config_value_problem(r, raw, "must be from %s to %s",
                         config_key_quantity(k, k->least, least),
                         config_key_quantity(k, k->most, most));
    return false;
}

static void set_quantity(struct config_reader *r, const struct config_key *k,
                         const struct config_raw *raw, int64_t *field)
{
    int64_t n = 0;
    enum status s = k->type == CONFIG_DURATION
                        ? text_to_duration_us(raw->text, &n)
                        : text_to_size(raw->text, &n);

    if (s == STATUS_INVALID)
        config_value_problem(
            r, raw, "%s",
            k->type == CONFIG_DURATION
                ? "must be a duration: a whole number and ms, s, m, h or d, "
                  "as in \"50ms\""
                : "must be a size: a whole number and KiB, MiB, GiB, kB, MB, "
                  "GB or nothing, as in \"8MiB\"");
    else if (check_range(r, k, raw, s, n))
        *field = n;
}

static void set_integer(struct config_reader *r, const struct config_key *k,
                        const struct config_raw *raw, uint32_t *field)
{
    uint64_t n = 0;
    enum status s = text_to_u64(raw->text, INT64_MAX, &n);

    if (check_range(r, k, raw, s, (int64_t)n))
        *field = (uint32_t)n;
}

static void set_share(struct config_reader *r, const struct config_raw *raw,
                      double *field)
{
    char copy[64] = "", *end = copy;
    double n = -1;

    /* strtod() would also take "inf", "nan" and hexadecimal. */
    if (raw->text.len > 0 && raw->text.len < sizeof(copy)) {
        memcpy(copy, raw->text.data, raw->text.len);
        copy[raw->text.len] = '\0';
        if (strspn(copy, "0123456789.eE+-") == raw->text.len)
            n = strtod(copy, &end);
    }
    if (end != copy && *end == '\0' && isfinite(n) && n >= 0 && n <= 1)
        *field = n;
    else
        config_value_problem(r, raw, "must be a number from 0 to 1");
}

static void set_word(struct config_reader *r, const struct config_key *k,
                     const struct config_raw *raw, int *field)
{
    char all[128] = "";

    for (size_t i = 0; i < ARRAY_LEN(k->words) && k->words[i]; i++) {
        size_t len = strlen(all);

        if (text_is(raw->text, k->words[i])) {
            *field = (int)i;
            return;
        }
        snprintf(all + len, sizeof(all) - len, "%s\"%s\"", i > 0 ? ", " : "",
                 k->words[i]);
    }
    config_value_problem(r, raw, "must be one of %s", all);
}

void config_value_set_address(struct config_reader *r,
                              const struct config_raw *raw,
                              struct config_address *field)
{
    const char *why = "";
    enum status s = config_address_parse(raw->text, r->arena, field, &why);

    if (s != STATUS_OK)
        config_value_failed(r, raw, s, why);
}

bool config_path_has_odd_segments(struct text path)
{
    struct text rest, segment;

    if (path.len == 0)
        return false;
    rest = text_make(path.data + 1, path.len - 1);
    while (!text_is_absent(rest)) {
        rest = text_cut(rest, '/', &segment);
        if (text_is(segment, ".") || text_is(segment, "..") ||
            (segment.len == 0 && !text_is_absent(rest)))
            return true;
    }
    return false;
}

/* Why `t` cannot be the base of upstream URLs, or NULL. */
static const char *url_problem(struct text t)
{
    struct uri uri;
    uint64_t port = 0;

    if (uri_parse(t, &uri) != STATUS_OK)
        return "must be a URL, as in \"https://api.example/api\"";
    if (!text_equal_nocase(uri.scheme, TEXT_LIT("http")) &&
        !text_equal_nocase(uri.scheme, TEXT_LIT("https")))
        return "must begin with http:// or https://";
    if (text_is_absent(uri.host) || uri.host.len == 0)
        return "has no host";
    if (!text_is_absent(uri.userinfo))
        return "must not hold a user or password; set upstream.authorization";
    if (!text_is_absent(uri.query) || !text_is_absent(uri.fragment))
        return "must not have a query or a fragment: paths are appended to it";
    if (uri.port.len > 0 &&
        (text_to_u64(uri.port, 65535, &port) != STATUS_OK || port == 0))
        return "the port must be a number from 1 to 65535";
    if (config_path_has_odd_segments(uri.path))
        return "its path must have no empty, '.' or '..' segments";
    return NULL;
}

static void set_url(struct config_reader *r, const struct config_raw *raw,
                    const char **field)
{
    struct text t = raw->text;
    const char *problem, *copy;

    if (!check_string(r, raw))
        return;
    problem = url_problem(t);
    if (problem) {
        config_value_problem(r, raw, "%s", problem);
        return;
    }
    if (text_ends_with(t, TEXT_LIT("/")))
        t.len--;
    copy = config_value_keep(r, t);
    if (copy)
        *field = copy;
}

static void set_redis(struct config_reader *r, const struct config_raw *raw,
                      const struct config_redis **field)
{
    struct config_redis *redis = arena_alloc(r->arena, sizeof(*redis));
    const char *why = "";
    enum status s = STATUS_NO_MEMORY;

    if (redis)
        s = config_redis_parse(raw->text, r->arena, redis, &why);
    if (s == STATUS_OK)
        *field = redis;
    else
        config_value_failed(r, raw, s, why);
}

/* All of them. */

static bool is_null(const struct config_raw *raw)
{
    if (raw->json)
        return raw->json->type == JSON_NULL;
    return raw->text.len == 0 || text_is(raw->text, "none");
}

static void set_null(struct config_reader *r, const struct config_key *k)
{
    void *field = config_key_field(k, r->cfg);

    switch (k->type) {
    case CONFIG_SECRET:
    case CONFIG_AUTHORIZATION:
        *(struct secret *)field = (struct secret){.hidden = {NULL, 0}};
        break;
    case CONFIG_DIGEST:
        memset(field, 0, CRYPTO_SHA256_SIZE);
        *((bool *)((char *)r->cfg + k->second)) = false;
        break;
    case CONFIG_INTEGER:
        *(uint32_t *)field = 0;
        break;
    case CONFIG_REDIS_URL:
        *(const struct config_redis **)field = NULL;
        break;
    default:
        CHECK(k->type == CONFIG_STRING || k->type == CONFIG_URL);
        *(const char **)field = NULL;
    }
}

/* Is the JSON of the type that the key wants? */
static bool check_type(struct config_reader *r, const struct config_key *k,
                       const struct config_raw *raw)
{
    enum json_type want = JSON_STRING;
    const char *phrase = "a string";

    if (!raw->json)
        return true;
    if (config_key_is_list(k)) {
        want = JSON_ARRAY;
        phrase = "an array";
    } else if (k->type == CONFIG_INTEGER || k->type == CONFIG_SHARE) {
        want = JSON_NUMBER;
        phrase = k->type == CONFIG_INTEGER ? "a whole number" : "a number";
    } else if (k->type == CONFIG_DURATION) {
        phrase = "a string with a unit, as in \"30s\"";
    } else if (k->type == CONFIG_SIZE) {
        phrase = "a string with a unit, as in \"8MiB\"";
    }
    if (raw->json->type == want)
        return true;
    config_value_problem(r, raw, "must be %s%s, not %s", phrase,
                         k->is_nullable ? " or null" : "",
                         json_type_phrase(raw->json->type));
    return false;
}

void config_value_set(struct config_reader *r, const struct config_key *k,
                      const struct config_raw *raw)
{
    void *field = config_key_field(k, r->cfg);

    if (k->is_nullable && is_null(raw)) {
        set_null(r, k);
        return;
    }
    if (!check_type(r, k, raw))
        return;
    switch (k->type) {
    case CONFIG_STRING:
        set_string(r, raw, field);
        break;
    case CONFIG_SECRET:
        set_secret(r, raw, field);
        break;
    case CONFIG_AUTHORIZATION:
        set_authorization(r, raw, field);
        break;
    case CONFIG_DIGEST:
        set_digest(r, raw, field, (bool *)((char *)r->cfg + k->second));
        break;
    case CONFIG_DURATION:
    case CONFIG_SIZE:
        set_quantity(r, k, raw, field);
        break;
    case CONFIG_INTEGER:
        set_integer(r, k, raw, field);
        break;
    case CONFIG_SHARE:
        set_share(r, raw, field);
        break;
    case CONFIG_WORD:
        set_word(r, k, raw, field);
        break;
    case CONFIG_ADDRESS:
        config_value_set_address(r, raw, field);
        break;
    case CONFIG_ADDRESSES:
    case CONFIG_CIDRS:
    case CONFIG_UNMATCHED:
        config_list_set(r, k, raw);
        break;
    case CONFIG_URL:
        set_url(r, raw, field);
        break;
    case CONFIG_REDIS_URL:
        set_redis(r, raw, field);
        break;
    }
}
