/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/snapshot.c - files of policies, compiled into one snapshot.
 *
 * Contracts are compiled first, because policies name their operations; then
 * the policies, then both are linked. Every problem of every file is listed
 * before anything is refused.
 *
 * A snapshot is made by one thread and never changes once it is handed out,
 * so that all threads may read it; the reference count alone is written. A
 * worker takes a reference for each request, and a reload lets the old
 * snapshot live until its last request is answered.
 *
 * The version is a digest of the names and bytes that were compiled: two
 * gateways with the same version decide alike.
 */
#include "policy/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/crypto.h"
#include "policy/contract.h"
#include "policy/link.h"
#include "policy/organisation.h"
#include "policy/path.h"
#include "policy/route.h"

/* The files while they are compiled. */
struct compilation {
    struct policy_loader *l;
    const struct policy_sources *sources;
    struct policy_file *files; /* the same place for the same source */
    size_t contracts;
};

static void parse_file(struct compilation *c, size_t i)
{
    struct policy_loader *l = c->l;
    const struct policy_source *source = &c->sources->list[i];
    struct policy_file *f = &c->files[i];

    f->name = policy_strdup(l, text_of(source->name));
    f->path = policy_strdup(l, text_of(source->path));
    f->bytes = source->bytes;
    f->is_contract =
        !text_ends_with(text_of(source->name), TEXT_LIT(".policy.json"));
    c->contracts += f->is_contract;
    if (f->name && f->path && !text_is_absent(f->bytes) &&
        json_parse(f->bytes, f->path, 0, l->problems, &f->doc) ==
            STATUS_NO_MEMORY)
        l->no_memory = true;
    if (f->is_contract && !f->doc)
        l->lacks_operations = true;
}

static enum status make_version(struct compilation *c)
{
    uint8_t digests[2][CRYPTO_SHA256_SIZE] = {{0}};
    uint8_t all[4 * CRYPTO_SHA256_SIZE];
    enum status s = STATUS_OK;

    /* A chain: the digest so far, then those of the name and the bytes. */
    for (size_t i = 0; i < c->sources->count && s == STATUS_OK; i++) {
        const struct policy_file *f = &c->files[i];

        memcpy(all, digests[0], CRYPTO_SHA256_SIZE);
        s = crypto_sha256(text_of(f->name), digests[1]);
        memcpy(all + CRYPTO_SHA256_SIZE, digests[1], CRYPTO_SHA256_SIZE);
        if (s == STATUS_OK)
            s = crypto_sha256(f->bytes, digests[1]);
        memcpy(all + 2 * CRYPTO_SHA256_SIZE, digests[1], CRYPTO_SHA256_SIZE);
        if (s == STATUS_OK)
            s = crypto_sha256(
                text_make((const char *)all, 3 * CRYPTO_SHA256_SIZE),
                digests[0]);
    }
    crypto_hex(digests[0], 8, c->l->snap->version);
    return s;
}

/* ---- what comes from the configuration ---- */

static void load_prefixes(struct policy_loader *l)
{
    struct policy_routes *r = &l->snap->routes;
    size_t count = l->load->unmatched_count;

    r->unmatched = policy_array(l, count, sizeof(*r->unmatched));
    for (size_t i = 0; r->unmatched && i < count; i++) {
        const struct policy_prefix *p = &l->load->unmatched[i];
        const char *problem = policy_path_problem(text_of(p->prefix));

        if (problem)
            problems_error(l->problems, "", 0, 0, "unmatched prefix \"%s\": %s",
                           p->prefix, problem);
        r->unmatched[i].method = policy_strdup(l, text_of(p->method));
        r->unmatched[i].prefix = policy_strdup(l, text_of(p->prefix));
        r->unmatched_count++;
    }
}

/* ---- the whole ---- */

static void compile_files(struct compilation *c)
{
    struct policy_snapshot *s = c->l->snap;
    size_t count = c->sources->count;

    s->contracts = policy_array(c->l, count, sizeof(*s->contracts));
    s->policies = policy_array(c->l, count, sizeof(*s->policies));
    if (!s->contracts || !s->policies)
        return;
    for (size_t i = 0; i < count; i++)
        if (c->files[i].doc && c->files[i].is_contract)
            policy_contract_load(c->l, &c->files[i]);
    for (size_t i = 0; i < count; i++)
        if (c->files[i].doc && !c->files[i].is_contract)
            policy_organisation_load(c->l, &c->files[i]);
}

static enum status compile(struct compilation *c, size_t errors)
{
    struct policy_loader *l = c->l;
    enum status s = STATUS_OK;

    for (size_t i = 0; i < c->sources->count; i++)
        parse_file(c, i);
    if (c->contracts == 0) {
        problems_error(l->problems, l->load->dir, 0, 0,
                       "has no contract: an OpenAPI 3.1 document in a file "
                       "NAME.json");
        return STATUS_NOT_FOUND;
    }
    compile_files(c);
    policy_link_check(l);
    load_prefixes(l);
    if (!l->no_memory && l->problems->errors == errors) {
        policy_routes_finish(l);
        policy_link(l);
        s = make_version(c);
    }
    if (l->no_memory)
        return STATUS_NO_MEMORY;
    return l->problems->errors > errors ? STATUS_INVALID : s;
}

static void close_compilation(struct compilation *c)
{
    struct policy_snapshot *s = c->l->snap;

    for (size_t i = 0; c->files && i < c->sources->count; i++)
        json_free(c->files[i].doc);
    free(c->files);
    for (size_t i = 0; i < s->entry_count; i++) {
        s->entries[i]->doc = NULL;
        s->entries[i]->value = NULL;
    }
}

static struct policy_snapshot *snapshot_new(void)
{
    struct policy_snapshot *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    atomic_init(&s->references, 1);
    arena_init(&s->arena, POLICY_ARENA_BYTES);
    s->schemas = schema_set_new();
    if (s->schemas)
        return s;
    free(s);
    return NULL;
}

enum status policy_snapshot_compile(const struct policy_load *load,
                                    const struct policy_sources *sources,
                                    struct problems *problems,
                                    struct policy_snapshot **out)
{
    struct policy_loader l = {
        .load = load, .problems = problems, .snap = snapshot_new()};
    struct compilation c = {.l = &l, .sources = sources};
    size_t errors = problems->errors;
    enum status s = STATUS_NO_MEMORY;

    if (!l.snap)
        return STATUS_NO_MEMORY;
    c.files = calloc(sources->count + 1, sizeof(*c.files));
    if (c.files)
        s = compile(&c, errors);
    close_compilation(&c);
    if (s == STATUS_OK)
        *out = l.snap;
    else
        policy_snapshot_unref(l.snap);
    return s;
}

enum status policy_snapshot_load(const struct policy_load *load,
                                 struct problems *problems,
                                 struct policy_snapshot **out)
{
    struct policy_snapshot *snap = NULL;
    struct policy_sources sources;
    enum status read = policy_sources_read(load->dir, problems, &sources);
    enum status s = read;

    /* What could be read is checked all the same. */
    if (read == STATUS_OK || sources.count > 0)
        s = policy_snapshot_compile(load, &sources, problems, &snap);
    policy_sources_release(&sources);
    if (s == STATUS_OK && read == STATUS_OK) {
        *out = snap;
        return STATUS_OK;
    }
    policy_snapshot_unref(snap);
    return s == STATUS_NO_MEMORY || read == STATUS_OK ? s : read;
}

struct policy_snapshot *policy_snapshot_ref(struct policy_snapshot *s)
{
    unsigned before =
        atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);

    CHECK(before > 0);
    return s;
}

void policy_snapshot_unref(struct policy_snapshot *s)
{
    unsigned before;

    if (!s)
        return;
    before = atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before > 1)
        return;
    schema_set_free(s->schemas);
    arena_release(&s->arena);
    free(s);
}

/* ---- reading ---- */

const char *policy_snapshot_version(const struct policy_snapshot *s)
{
    return s->version;
}

size_t policy_contract_count(const struct policy_snapshot *s)
{
    return s->contract_count;
}

const struct policy_contract *
policy_contract_at(const struct policy_snapshot *s, size_t i)
{
    CHECK(i < s->contract_count);
    return s->contracts[i];
}

size_t policy_operation_count(const struct policy_snapshot *s)
{
    return s->entry_count;
}

const struct policy_operation *
policy_operation_at(const struct policy_snapshot *s, size_t i)
{
    CHECK(i < s->entry_count);
    return &s->entries[i]->operation;
}

const struct policy_operation *
policy_operation_find(const struct policy_snapshot *s, struct text id)
{
    for (size_t i = 0; i < s->entry_count; i++)
        if (text_is(id, s->entries[i]->operation.id))
            return &s->entries[i]->operation;
    return NULL;
}

size_t policy_summary_count(const struct policy_snapshot *s)
{
    return s->contract_count + s->policy_count;
}

static size_t count_operations(const struct policy_snapshot *s,
                               const struct policy_contract *contract,
                               const struct policy_scope *scope)
{
    size_t n = 0;

    for (size_t i = 0; i < s->entry_count; i++) {
        const struct policy_operation *op = &s->entries[i]->operation;

        n += contract ? op->contract == contract
                      : policy_scope_covers(scope, op);
    }
    return n;
}

void policy_summary_at(const struct policy_snapshot *s, size_t i,
                       struct policy_summary *out)
{
    const struct policy_organisation *o;

    CHECK(i < policy_summary_count(s));
    if (i < s->contract_count) {
        *out = (struct policy_summary){
            .name = s->contracts[i]->name,
            .file = s->contracts[i]->file,
            .is_contract = true,
            .operation_count = count_operations(s, s->contracts[i], NULL),
        };
        return;
    }
    o = s->policies[i - s->contract_count];
    *out = (struct policy_summary){
        .name = o->name,
        .file = o->file,
        .is_shadow = o->is_shadow,
        .has_body = o->body != NULL,
        .limit_count = o->limit_count,
        .operation_count = count_operations(s, NULL, &o->scope),
    };
}
