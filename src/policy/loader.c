/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/loader.c - memory, keys and types for those who read policies.
 *
 * A key that nobody knows is most often a known one misspelt, so the message
 * names the nearest: by the edit distance that counts a swap of neighbours as
 * one step (optimal string alignment), at most a third of the word.
 */
#include "policy/loader.h"

#include <stdio.h>

#include "base/check.h"

#define HINT_WORD_MAX 48

static void *remember(struct policy_loader *l, void *p)
{
    if (!p)
        l->no_memory = true;
    return p;
}

void *policy_alloc(struct policy_loader *l, size_t bytes)
{
    return remember(l, arena_alloc(&l->snap->arena, bytes));
}

void *policy_array(struct policy_loader *l, size_t count, size_t bytes_each)
{
    return remember(l, arena_array(&l->snap->arena, count, bytes_each));
}

const char *policy_strdup(struct policy_loader *l, struct text t)
{
    return remember(l, arena_strdup(&l->snap->arena, t));
}

const char *policy_file_stem(struct policy_loader *l, const char *name)
{
    struct text stem = text_of(name);

    if (text_ends_with(stem, TEXT_LIT(".policy.json")))
        stem.len -= strlen(".policy.json");
    else if (text_ends_with(stem, TEXT_LIT(".json")))
        stem.len -= strlen(".json");
    return policy_strdup(l, stem);
}

/* ---- hints ---- */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Steps from one word to the other; words over HINT_WORD_MAX are far. */
static unsigned distance(struct text a, struct text b)
{
    unsigned rows[3][HINT_WORD_MAX + 1];

    if (a.len > HINT_WORD_MAX || b.len > HINT_WORD_MAX)
        return HINT_WORD_MAX;
    for (unsigned j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned *row = rows[i % 3], *last = rows[(i + 2) % 3],
                 *before = rows[(i + 1) % 3];

        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            bool same = (a.data[i - 1] | 0x20) == (b.data[j - 1] | 0x20);

            row[j] =
                least(least(last[j] + 1, row[j - 1] + 1), last[j - 1] + !same);
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
                a.data[i - 2] == b.data[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

struct nearest {
    struct text written;
    const char *name;
    unsigned steps;
};

static void consider(struct nearest *n, const char *name)
{
    struct text t = text_of(name);
    size_t longer = t.len > n->written.len ? t.len : n->written.len;
    unsigned steps = distance(n->written, t);

    if (steps <= (longer + 2) / 3 && steps < n->steps) {
        n->steps = steps;
        n->name = name;
    }
}

static const char *phrase(const struct nearest *n, char *out)
{
    if (n->name)
        snprintf(out, POLICY_HINT_SIZE, "; did you mean \"%s\"?", n->name);
    else
        out[0] = '\0';
    return out;
}

const char *policy_hint(struct text written, const char *const *names,
                        size_t count, char out[POLICY_HINT_SIZE])
{
    struct nearest n = {written, NULL, HINT_WORD_MAX};

    for (size_t i = 0; i < count; i++)
        consider(&n, names[i]);
    return phrase(&n, out);
}

const char *policy_hint_operation(const struct policy_loader *l,
                                  struct text written,
                                  char out[POLICY_HINT_SIZE])
{
    struct nearest n = {written, NULL, HINT_WORD_MAX};

    for (size_t i = 0; i < l->snap->entry_count; i++)
        consider(&n, l->snap->entries[i]->operation.id);
    return phrase(&n, out);
}

void policy_check_consumer(struct policy_loader *l,
                           const struct json_document *doc,
                           const struct json_value *at, struct text name)
{
    const struct config_consumers *c = l->load->consumers;
    struct nearest n = {name, NULL, HINT_WORD_MAX};
    char hint[POLICY_HINT_SIZE];

    if (!c)
        return;
    for (size_t i = 0; i < config_consumers_count(c); i++) {
        if (text_is(name, config_consumers_at(c, i)->name))
            return;
        consider(&n, config_consumers_at(c, i)->name);
    }
    json_warning(l->problems, doc, at,
                 "the configuration has no consumer \"%.*s\", so this never "
                 "applies%s",
                 TEXT_ARG(name), phrase(&n, hint));
}

/* ---- keys and types ---- */

static void report_unknown(struct policy_loader *l,
                           const struct json_document *doc,
                           const struct json_value *object, const char *what,
                           const struct json_member *m,
                           const struct policy_key *keys, size_t count)
{
    struct nearest n = {m->name, NULL, HINT_WORD_MAX};
    char hint[POLICY_HINT_SIZE];

    for (size_t i = 0; i < count; i++)
        if (!keys[i].advice)
            consider(&n, keys[i].name);
    json_problem_key(l->problems, doc, object, m,
                     "%s has no such key, and chatgate could not enforce it%s",
                     what, phrase(&n, hint));
}

bool policy_check_keys(struct policy_loader *l, const struct json_document *doc,
                       const struct json_value *object, const char *what,
                       const struct policy_key *keys, size_t count,
                       bool is_openapi)
{
    if (object->type != JSON_OBJECT) {
        json_problem(l->problems, doc, object, "%s must be an object, not %s",
                     what, json_type_phrase(object->type));
        return false;
    }
    for (size_t i = 0; i < object->count; i++) {
        const struct json_member *m = &object->members[i];
        size_t k = 0;

        while (k < count && !text_is(m->name, keys[k].name))
            k++;
        if (k == count && is_openapi &&
            schema_pass_foreign(l->problems, doc, object, m))
            continue;
        if (k == count)
            report_unknown(l, doc, object, what, m, keys, count);
        else if (keys[k].advice)
            json_problem_key(l->problems, doc, object, m, "%s", keys[k].advice);
    }
    return true;
}

const struct json_value *policy_member(struct policy_loader *l,
                                       const struct json_document *doc,
                                       const struct json_value *object,
                                       const char *name, enum json_type type)
{
    const struct json_value *v = json_get(object, name);

    if (v && v->type != type) {
        json_problem(l->problems, doc, v, "must be %s, not %s",
                     json_type_phrase(type), json_type_phrase(v->type));
        return NULL;
    }
    return v;
}

struct text policy_member_text(struct policy_loader *l,
                               const struct json_document *doc,
                               const struct json_value *object,
                               const char *name)
{
    const struct json_value *v =
        policy_member(l, doc, object, name, JSON_STRING);

    if (v && memchr(v->text.data, '\0', v->text.len)) {
        json_problem(l->problems, doc, v, "must not hold a NUL");
        return text_of(NULL);
    }
    return v ? v->text : text_of(NULL);
}

bool policy_member_bool(struct policy_loader *l,
                        const struct json_document *doc,
                        const struct json_value *object, const char *name,
                        bool otherwise)
{
    const struct json_value *v = policy_member(l, doc, object, name, JSON_BOOL);

    return v ? v->boolean : otherwise;
}

/* ---- names ---- */

bool policy_is_name(struct text t)
{
    if (t.len == 0 || t.len > POLICY_NAME_MAX)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        char c = t.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' &&
            c != '-')
            return false;
    }
    return true;
}

bool policy_is_e164(struct text t)
{
    if (t.len < 3 || t.len > 16 || t.data[0] != '+' || t.data[1] == '0')
        return false;
    for (size_t i = 1; i < t.len; i++)
        if (t.data[i] < '0' || t.data[i] > '9')
            return false;
    return true;
}
