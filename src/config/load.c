/* SPDX-License-Identifier: Apache-2.0
 *
 * config/load.c - four places to look for a value, in order.
 *
 * Defaults, file, environment, command line: each goes over the one before,
 * and each is checked in full, so that a wrong line in the file is reported
 * though a flag hides it today. What several keys must agree on is looked at
 * last, and only if every value by itself was right.
 *
 * A loaded configuration is one allocation with an arena for what it points
 * at; struct config is what others see of it.
 */
#define _GNU_SOURCE /* sched_getaffinity() */
#include "config/config.h"

#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/json.h"
#include "config/credentials.h"
#include "config/table.h"
#include "config/value.h"

#define LOADED_MAGIC 0xc0f16105u
#define MAX_BYTES ((size_t)16 << 20)
#define MAX_KEYS 64

struct loaded {
    uint32_t magic;
    struct arena arena;
    const char *origins[MAX_KEYS]; /* parallel to config_keys */
    struct config config;
};

struct loader {
    const struct config_source *source;
    struct loaded *loaded;
    struct config_reader reader;
    struct config_raw last[MAX_KEYS]; /* what set each key; in messages */
    size_t errors_before;
};

static bool is_clean(const struct loader *l)
{
    return l->reader.problems->errors == l->errors_before;
}

/* Set one key and remember who did. */
static void set(struct loader *l, const struct config_key *k,
                const struct config_raw *raw)
{
    size_t i = (size_t)(k - config_keys);
    const char *origin;

    if (k->type != CONFIG_AUTHORIZATION) /* see set_authorization() */
        config_value_set(&l->reader, k, raw);
    if (raw->json)
        origin =
            arena_printf(&l->loaded->arena, "%s:%d:%d", l->reader.doc->file,
                         raw->json->line, raw->json->column);
    else
        origin = arena_strdup(&l->loaded->arena, text_of(raw->label));
    if (!origin)
        l->reader.is_out_of_memory = true;
    l->loaded->origins[i] = origin;
    l->last[i] = *raw;
    l->last[i].label = origin;
}

static void set_defaults(struct loader *l)
{
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_raw raw = {.text = text_of(config_keys[i].initial),
                                       .label = "default"};

        set(l, &config_keys[i], &raw);
    }
    /* The table is ours: a default that breaks a rule is a broken program. */
    CHECK(is_clean(l));
}

/* The file. */

/* Which key or section was meant? False when none is near. `section` is ""
 * at the top. */
static bool nearest(struct text section, struct text name,
                    char out[CONFIG_NAME_SIZE])
{
    size_t best = name.len / 3 + 2;
    bool found = false;

    for (size_t i = 0; i < config_key_count; i++) {
        struct text full = text_of(config_keys[i].name), head, member;
        struct text meant = full;
        size_t distance;

        member = text_cut(full, '.', &head);
        if (text_is_absent(member)) {
            member = head;
            head = TEXT_LIT("");
        }
        if (text_equal(head, section)) {
            distance = config_name_distance(member, name);
        } else if (text_equal(member, name)) {
            distance = 1; /* the right word, elsewhere */
        } else if (section.len == 0) {
            distance = config_name_distance(head, name);
            meant = head;
        } else {
            continue;
        }
        if (distance >= best)
            continue;
        best = distance;
        found = true;
        snprintf(out, CONFIG_NAME_SIZE, "%.*s", TEXT_ARG(meant));
    }
    return found;
}

/* "certificate, key, client_ca" */
static void list_members(struct text section, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < config_key_count; i++) {
        struct text full = text_of(config_keys[i].name), head, member;

        member = text_cut(full, '.', &head);
        if (text_is_absent(member) || !text_equal(head, section))
            continue;
        len += (size_t)snprintf(out + len, size - len, "%s%.*s",
                                len > 0 ? ", " : "", TEXT_ARG(member));
        CHECK(len < size); /* the table is ours */
    }
}

static void unknown_key(struct loader *l, const struct json_value *object,
                        const struct json_member *m, struct text section)
{
    char meant[CONFIG_NAME_SIZE], members[512];

    if (nearest(section, m->name, meant)) {
        json_problem_key(l->reader.problems, l->reader.doc, object, m,
                         "unknown key; did you mean %s?", meant);
        return;
    }
    list_members(section, members, sizeof(members));
    json_problem_key(l->reader.problems, l->reader.doc, object, m,
                     "unknown key%s%s", section.len > 0 ? "; there are " : "",
                     members);
}

static bool is_section(struct text name)
{
    for (size_t i = 0; i < config_key_count; i++) {
        struct text head,
            rest = text_cut(text_of(config_keys[i].name), '.', &head);
        if (!text_is_absent(rest) && text_equal(head, name))
            return true;
    }
    return false;
}

static void set_from_json(struct loader *l, const struct config_key *k,
                          const struct json_value *v)
{
    const struct config_raw raw = {.json = v, .text = v->text};

    set(l, k, &raw);
}

static void read_section(struct loader *l, const struct json_value *section,
                         struct text name)
{
    char full[2 * CONFIG_NAME_SIZE];

    if (section->type != JSON_OBJECT) {
        json_problem(l->reader.problems, l->reader.doc, section,
                     "must be an object, not %s",
                     json_type_phrase(section->type));
        return;
    }
    for (size_t i = 0; i < section->count; i++) {
        const struct json_member *m = &section->members[i];
        const struct config_key *k = NULL;

        if (m->name.len < CONFIG_NAME_SIZE) {
            int len = snprintf(full, sizeof(full), "%.*s.%.*s", TEXT_ARG(name),
                               TEXT_ARG(m->name));

            k = config_key_find(text_make(full, (size_t)len));
        }
        if (k)
            set_from_json(l, k, m->value);
        else
            unknown_key(l, section, m, name);
    }
}

static void read_root(struct loader *l, const struct json_value *root)
{
    if (root->type != JSON_OBJECT) {
        json_problem(l->reader.problems, l->reader.doc, root,
                     "the configuration must be an object, not %s",
                     json_type_phrase(root->type));
        return;
    }
    for (size_t i = 0; i < root->count; i++) {
        const struct json_member *m = &root->members[i];
        const struct config_key *k = NULL;

        if (is_section(m->name)) {
            read_section(l, m->value, m->name);
            continue;
        }
        /* "upstream.url" in one word is no key of the top. */
        if (m->name.len > 0 && !memchr(m->name.data, '.', m->name.len))
            k = config_key_find(m->name);
        if (k)
            set_from_json(l, k, m->value);
        else
            unknown_key(l, root, m, TEXT_LIT(""));
    }
}

/* The environment. */

static const struct config_key *find_by_environment(struct text name)
{
    char known[CONFIG_NAME_SIZE];

    for (size_t i = 0; i < config_key_count; i++) {
        config_key_environment(&config_keys[i], known);
        if (text_is(name, known))
            return &config_keys[i];
    }
    return NULL;
}

/* In the file alone, since it has no plain form. */
static bool refuse_unmatched(struct loader *l, const struct config_key *k,
                             const char *label)
{
    if (k->type != CONFIG_UNMATCHED)
        return false;
    problems_error(l->reader.problems, "", 0, 0,
                   "%s: a list of objects; set %s in the file", label, k->name);
    return true;
}

static void read_environment(struct loader *l)
{
    char *const *entry = l->reader.environment;

    for (; entry && *entry; entry++) {
        struct text name, value = text_cut(text_of(*entry), '=', &name);
        const struct config_key *k = NULL;
        char label[CONFIG_NAME_SIZE];

        if (!text_is_absent(value) && name.len < CONFIG_NAME_SIZE)
            k = find_by_environment(name);
        if (!k)
            continue;
        config_key_environment(k, label);
        if (!refuse_unmatched(l, k, label)) {
            const struct config_raw raw = {.text = value, .label = label};

            set(l, k, &raw);
        }
    }
}

/* Is it a ${NAME} of upstream.authorization? */
static bool is_referenced(const struct loader *l, struct text name)
{
    const struct config_key *k =
        config_key_find(TEXT_LIT("upstream.authorization"));
    struct text text = l->last[k - config_keys].text;

    for (size_t i = 0; i + name.len + 3 <= text.len; i++)
        if (memcmp(text.data + i, "${", 2) == 0 &&
            memcmp(text.data + i + 2, name.data, name.len) == 0 &&
            text.data[i + 2 + name.len] == '}')
            return true;
    return false;
}

/* After all values are in: a variable that configures nothing is a typing
 * mistake, unless upstream.authorization reads it. */
static void refuse_unknown_variables(struct loader *l)
{
    char *const *entry = l->reader.environment;

    for (; entry && *entry; entry++) {
        char known[CONFIG_NAME_SIZE], best[CONFIG_NAME_SIZE] = "";
        struct text name;
        size_t best_distance;

        text_cut(text_of(*entry), '=', &name);
        if (!text_starts_with(name, TEXT_LIT(CONFIG_ENVIRONMENT_PREFIX)) ||
            find_by_environment(name) || is_referenced(l, name))
            continue;
        best_distance = name.len / 4 + 1;
        for (size_t i = 0; i < config_key_count; i++) {
            size_t distance;

            config_key_environment(&config_keys[i], known);
            distance = config_name_distance(text_of(known), name);
            if (distance < best_distance) {
                best_distance = distance;
                memcpy(best, known, sizeof(best));
            }
        }
        problems_error(l->reader.problems, "", 0, 0,
                       "%.*s: no such setting%s%s%s", TEXT_ARG(name),
                       best[0] ? "; did you mean " : "", best,
                       best[0] ? "?" : "");
    }
}

/* The command line. */

static void read_overrides(struct loader *l)
{
    for (size_t i = 0; i < l->source->override_count; i++) {
        const struct config_override *o = &l->source->overrides[i];
        const struct config_key *k = config_key_find(text_of(o->key));
        const struct config_raw raw = {.text = text_of(o->value),
                                       .label = o->option};

        CHECK(k != NULL); /* options are our own */
        if (!refuse_unmatched(l, k, o->option))
            set(l, k, &raw);
    }
}

/* Of upstream.authorization only the value that counts is looked at: a file
 * may say ${TOKEN} where TOKEN is not set, if something overrides it. */
static void set_authorization(struct loader *l)
{
    const struct config_key *k =
        config_key_find(TEXT_LIT("upstream.authorization"));

    config_value_set(&l->reader, k, &l->last[k - config_keys]);
}

/* Several keys together. */

static void PRINTF_LIKE(3, 4)
    disagree(struct loader *l, const char *name, const char *fmt, ...)
{
    const struct config_key *k = config_key_find(text_of(name));
    const struct config_raw *raw = &l->last[k - config_keys];
    char message[512], label[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    if (raw->json) {
        config_value_problem(&l->reader, raw, "%s", message);
    } else {
        /* "default" alone would not say which. */
        struct config_raw named = *raw;

        snprintf(label, sizeof(label), "%s (%s)", name, raw->label);
        named.label = label;
        config_value_problem(&l->reader, &named, "%s", message);
    }
}

static void check_listen(struct loader *l)
{
    const struct config *c = l->reader.cfg;

    for (size_t i = 0; i < c->listen_count; i++) {
        for (size_t k = 0; k < i; k++)
            if (strcmp(c->listen[i].text, c->listen[k].text) == 0)
                disagree(l, "listen", "%s is there twice", c->listen[i].text);
        if (strcmp(c->listen[i].text, c->admin.listen.text) == 0 &&
            !text_ends_with(text_of(c->listen[i].text), TEXT_LIT(":0")))
            disagree(l, "admin.listen", "%s is an address of `listen` too",
                     c->listen[i].text);
    }
    if (!c->admin.has_password && !config_address_is_loopback(&c->admin.listen))
        disagree(l, "admin.listen",
                 "%s can be reached from other machines: set "
                 "admin.password_sha256, or listen on 127.0.0.1",
                 c->admin.listen.text);
}

static void check_agreement(struct loader *l)
{
    const struct config *c = l->reader.cfg;

    check_listen(l);
    if (c->tls.certificate && !c->tls.key)
        disagree(l, "tls.certificate", "needs tls.key as well");
    if (c->tls.key && !c->tls.certificate)
        disagree(l, "tls.key", "needs tls.certificate as well");
    if (c->tls.client_ca && !c->tls.certificate)
        disagree(l, "tls.client_ca", "needs tls.certificate and tls.key");
    if (c->consumers && !secret_is_set(c->upstream.authorization))
        disagree(l, "consumers",
                 "needs upstream.authorization: a consumer's key never goes "
                 "upstream");
    if (c->audit.numbers == CONFIG_NUMBERS_HASHED &&
        !secret_is_set(c->audit.key))
        disagree(l, "audit.numbers", "\"hashed\" needs audit.key");
    if (c->audit.stream && !c->redis.url)
        disagree(l, "audit.stream", "needs redis.url");
    if (l->source->needs_upstream && !c->upstream.url)
        problems_error(l->reader.problems,
                       l->source->file ? l->source->file : "", 0, 0,
                       "upstream.url is not set: where do requests go? Set it "
                       "in the file, by CHATGATE_UPSTREAM_URL or by "
                       "--upstream");
}

static uint32_t core_count(void)
{
    cpu_set_t cores;
    int n = 0;

    if (sched_getaffinity(0, sizeof(cores), &cores) == 0)
        n = CPU_COUNT(&cores);
    return n > 0 ? (uint32_t)n : 1; /* at most 1024, the size of the set */
}

static enum status load_into(struct loader *l, struct json_document **doc)
{
    enum status s;

    set_defaults(l);
    s = config_credentials_add(l->source->environment, l->reader.arena,
                               l->reader.problems, &l->reader.environment);
    if (s != STATUS_OK)
        l->reader.is_out_of_memory = true;
    if (l->source->file) {
        s = json_load(l->source->file, JSON_COMMENTS, l->reader.problems, doc);
        if (s != STATUS_OK)
            return s;
        l->reader.doc = *doc;
        read_root(l, (*doc)->root);
    }
    read_environment(l);
    read_overrides(l);
    set_authorization(l);
    refuse_unknown_variables(l);
    if (is_clean(l) && !l->reader.is_out_of_memory)
        check_agreement(l);
    if (l->reader.is_out_of_memory) {
        problems_error(l->reader.problems, "", 0, 0,
                       "not enough memory for the configuration");
        return STATUS_NO_MEMORY;
    }
    if (!is_clean(l))
        return STATUS_INVALID;
    if (l->reader.cfg->workers == 0)
        l->reader.cfg->workers = core_count();
    return STATUS_OK;
}

enum status config_load(const struct config_source *source,
                        struct problems *problems, struct config **out)
{
    struct loaded *loaded = calloc(1, sizeof(*loaded));
    struct json_document *doc = NULL;
    struct loader l = {
        .source = source, .loaded = loaded, .errors_before = problems->errors};
    enum status s;

    CHECK(config_key_count <= MAX_KEYS);
    if (!loaded) {
        problems_error(problems, "", 0, 0,
                       "not enough memory for the configuration");
        return STATUS_NO_MEMORY;
    }
    MAGIC_SET(loaded, LOADED_MAGIC);
    arena_init(&loaded->arena, MAX_BYTES);
    l.reader = (struct config_reader){
        .cfg = &loaded->config,
        .arena = &loaded->arena,
        .problems = problems,
    };
    s = load_into(&l, &doc);
    json_free(doc);
    if (s == STATUS_OK)
        *out = &loaded->config;
    else
        config_free(&loaded->config);
    return s;
}

static struct loaded *loaded_of(const struct config *cfg)
{
    struct loaded *l;

    MAGIC_CAST(l, (void *)((uintptr_t)cfg - offsetof(struct loaded, config)),
               LOADED_MAGIC);
    return l;
}

void config_free(struct config *cfg)
{
    struct loaded *l;

    if (!cfg)
        return;
    l = loaded_of(cfg);
    arena_release(&l->arena);
    MAGIC_CLEAR(l);
    free(l);
}

const char *config_origin(const struct config *cfg, const char *key)
{
    const struct config_key *k = config_key_find(text_of(key));

    return k ? loaded_of(cfg)->origins[k - config_keys] : NULL;
}
