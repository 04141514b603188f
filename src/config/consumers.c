/* SPDX-License-Identifier: Apache-2.0
 *
 * config/consumers.c - the file of consumers, and who a key belongs to.
 */
#include "config/consumers.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/crypto.h"
#include "base/json.h"

#define CONSUMERS_MEMORY_MAX (16u << 20)
#define CONSUMER_NAME_MAX 64

struct consumer_key {
    uint8_t digest[CRYPTO_SHA256_SIZE];
    const struct config_consumer *owner;
};

struct config_consumers {
    struct arena arena;
    struct config_consumer *list;
    size_t count;
    struct consumer_key *keys;
    size_t key_count;
};

struct loading {
    struct config_consumers *c;
    struct json_document *doc;
    struct problems *problems;
};

static bool is_consumer_name(struct text t)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return t.len > 0 && t.len <= CONSUMER_NAME_MAX &&
           strspn(t.data, allowed) == t.len;
}

/* E.164: "+", then 2 to 15 digits, the first not 0. */
static bool is_number(struct text t)
{
    return t.len >= 3 && t.len <= 16 && t.data[0] == '+' && t.data[1] != '0' &&
           strspn(t.data + 1, "0123456789") == t.len - 1;
}

static void check_members(struct loading *l, const struct json_value *object,
                          const char *const *known, const char *list)
{
    for (size_t i = 0; i < object->count; i++) {
        const struct json_member *m = &object->members[i];
        bool is_known = false;
        for (size_t k = 0; known[k] != NULL; k++)
            is_known = is_known || text_is(m->name, known[k]);
        if (!is_known)
            json_problem_key(l->problems, l->doc, object, m,
                             "unknown member \"%.*s\"; known are %s",
                             TEXT_ARG(m->name), list);
    }
}

static void load_name(struct loading *l, const struct json_value *v,
                      struct config_consumer *out)
{
    const struct json_value *name = json_get(v, "name");
    if (name == NULL || name->type != JSON_STRING ||
        !is_consumer_name(name->text)) {
        json_problem(l->problems, l->doc, name ? name : v,
                     "\"name\" must be 1 to 64 of letters, digits, \".\", "
                     "\"_\" and \"-\"");
        return;
    }
    for (const struct config_consumer *c = l->c->list; c < out; c++)
        if (c->name != NULL && text_is(name->text, c->name))
            json_problem(l->problems, l->doc, name,
                         "another consumer has the name \"%s\"", c->name);
    out->name = arena_strdup(&l->c->arena, name->text);
}

static void load_senders(struct loading *l, const struct json_value *v,
                         struct config_consumer *out)
{
    const struct json_value *list = json_get(v, "senders");
    if (list == NULL || list->type != JSON_ARRAY || list->count == 0) {
        json_problem(l->problems, l->doc, list ? list : v,
                     "\"senders\" must list the E.164 numbers that this "
                     "consumer may send from, or [\"*\"] for any");
        return;
    }
    const char **numbers =
        arena_array(&l->c->arena, list->count, sizeof(*numbers));
    if (numbers == NULL)
        return;
    for (size_t i = 0; i < list->count; i++) {
        const struct json_value *n = list->items[i];
        if (n->type == JSON_STRING && text_is(n->text, "*")) {
            out->may_use_any_sender = true;
            continue;
        }
        if (n->type != JSON_STRING || !is_number(n->text)) {
            json_problem(l->problems, l->doc, n,
                         "a sender must be an E.164 number, as "
                         "\"+14155550100\", or \"*\"");
            continue;
        }
        numbers[out->sender_count] = arena_strdup(&l->c->arena, n->text);
        if (numbers[out->sender_count] != NULL)
            out->sender_count++;
    }
    out->senders = numbers;
}

static void load_key(struct loading *l, const struct json_value *v,
                     const struct config_consumer *owner)
{
    struct consumer_key *key = &l->c->keys[l->c->key_count];
    if (v->type != JSON_STRING ||
        crypto_unhex(v->text, key->digest, sizeof(key->digest)) != STATUS_OK) {
        json_problem(l->problems, l->doc, v,
                     "a key is given by its SHA-256, 64 hex digits: printf "
                     "%%s \"$KEY\" | sha256sum");
        return;
    }
    for (size_t i = 0; i < l->c->key_count; i++)
        if (memcmp(l->c->keys[i].digest, key->digest, sizeof(key->digest)) ==
            0) {
            json_problem(l->problems, l->doc, v,
                         "this key is listed twice; a key belongs to one "
                         "consumer");
            return;
        }
    key->owner = owner;
    l->c->key_count++;
}

static void load_keys(struct loading *l, const struct json_value *v,
                      const struct config_consumer *owner)
{
    const struct json_value *list = json_get(v, "keys");
    if (list == NULL || list->type != JSON_ARRAY || list->count == 0) {
        json_problem(l->problems, l->doc, list ? list : v,
                     "\"keys\" must list at least one key by its SHA-256");
        return;
    }
    for (size_t i = 0; i < list->count; i++)
        load_key(l, list->items[i], owner);
}

static size_t count_keys(const struct json_value *list)
{
    size_t n = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct json_value *keys = json_get(list->items[i], "keys");
        n += keys != NULL && keys->type == JSON_ARRAY ? keys->count : 0;
    }
    return n;
}

static enum status load_list(struct loading *l)
{
    static const char *const top[] = {"consumers", NULL};
    static const char *const members[] = {"name", "keys", "senders", NULL};
    const struct json_value *list = json_get(l->doc->root, "consumers");
    if (list == NULL || list->type != JSON_ARRAY) {
        json_problem(l->problems, l->doc, l->doc->root,
                     "expected {\"consumers\": [...]}");
        return STATUS_INVALID;
    }
    check_members(l, l->doc->root, top, "\"consumers\"");
    struct config_consumers *c = l->c;
    c->list = arena_array(&c->arena, list->count + 1, sizeof(*c->list));
    c->keys = arena_array(&c->arena, count_keys(list) + 1, sizeof(*c->keys));
    if (c->list == NULL || c->keys == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < list->count; i++) {
        const struct json_value *v = list->items[i];
        if (v->type != JSON_OBJECT) {
            json_problem(l->problems, l->doc, v,
                         "a consumer is an object with \"name\", \"keys\" "
                         "and \"senders\"");
            continue;
        }
        struct config_consumer *out = &c->list[c->count];
        check_members(l, v, members, "\"name\", \"keys\", \"senders\"");
        load_name(l, v, out);
        load_senders(l, v, out);
        load_keys(l, v, out);
        c->count++;
    }
    return STATUS_OK;
}

enum status config_consumers_load(const char *file, struct problems *problems,
                                  struct config_consumers **out)
{
    size_t errors = problems->errors;
    struct loading l = {.problems = problems};
    enum status s = json_load(file, JSON_COMMENTS, problems, &l.doc);
    if (s != STATUS_OK)
        return s;
    l.c = calloc(1, sizeof(*l.c));
    if (l.c == NULL) {
        json_free(l.doc);
        return STATUS_NO_MEMORY;
    }
    arena_init(&l.c->arena, CONSUMERS_MEMORY_MAX);
    s = load_list(&l);
    if (s == STATUS_OK && problems->errors > errors)
        s = STATUS_INVALID;
    json_free(l.doc);
    if (s != STATUS_OK) {
        config_consumers_free(l.c);
        return s;
    }
    *out = l.c;
    return STATUS_OK;
}

void config_consumers_free(struct config_consumers *c)
{
    if (c == NULL)
        return;
    arena_release(&c->arena);
    free(c);
}

size_t config_consumers_count(const struct config_consumers *c)
{
    return c->count;
}

const struct config_consumer *
config_consumers_at(const struct config_consumers *c, size_t i)
{
    CHECK(i < c->count);
    return &c->list[i];
}

const struct config_consumer *
config_consumers_find(const struct config_consumers *c, struct text key)
{
    uint8_t digest[CRYPTO_SHA256_SIZE];
    const struct config_consumer *found = NULL;
    if (crypto_sha256(key, digest) != STATUS_OK)
        return NULL;
    for (size_t i = 0; i < c->key_count; i++)
        if (crypto_equal(c->keys[i].digest, digest, sizeof(digest)))
            found = c->keys[i].owner;
    return found;
}

bool config_consumer_may_send(const struct config_consumer *c,
                              struct text sender)
{
    if (c->may_use_any_sender)
        return true;
    for (size_t i = 0; i < c->sender_count; i++)
        if (text_is(sender, c->senders[i]))
            return true;
    return false;
}
