/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/snapshot.c - a directory of policies, read whole.
 *
 * Every *.json in the directory is read in the order of names (bytes, not the
 * locale's), but for *.schema.json, which are for editors. Files whose names
 * begin with a dot and directories are passed over; links are followed, which
 * is how Kubernetes mounts a ConfigMap. Contracts are compiled first,
 * because policies name their operations.
 *
 * A snapshot is made by one thread and never changes once it is handed out,
 * so that all threads may read it; the reference count alone is written. A
 * worker takes a reference for each request, and a reload lets the old
 * snapshot live until its last request is answered.
 *
 * The version is a digest of the names and bytes that were compiled: two
 * gateways with the same version decide alike.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/crypto.h"
#include "policy/contract.h"
#include "policy/link.h"
#include "policy/organisation.h"
#include "policy/path.h"
#include "policy/route.h"

#define FILE_BYTES_MAX ((size_t)16 << 20) /* as base/json.h has it */
#define FILES_MAX 1000

/* The directory while it is read. */
struct directory {
    struct policy_loader *l;
    struct policy_file *files;
    size_t count, contracts;
    bool failed_io;
};

/* ---- names ---- */

static bool is_wanted(const char *name)
{
    struct text t = text_of(name);

    return t.len > 0 && name[0] != '.' &&
           text_ends_with(t, TEXT_LIT(".json")) &&
           !text_ends_with(t, TEXT_LIT(".schema.json"));
}

static bool is_directory(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void add_file(struct directory *d, const char *name)
{
    struct policy_loader *l = d->l;
    struct policy_file *f = &d->files[d->count];
    const char *slash =
        text_ends_with(text_of(l->load->dir), TEXT_LIT("/")) ? "" : "/";

    f->path =
        arena_printf(&l->snap->arena, "%s%s%s", l->load->dir, slash, name);
    f->name = policy_strdup(l, text_of(name));
    if (!f->path || !f->name) {
        l->no_memory = true;
        return;
    }
    if (is_directory(f->path))
        return;
    f->is_contract = !text_ends_with(text_of(name), TEXT_LIT(".policy.json"));
    d->contracts += f->is_contract;
    d->count++;
}

static int compare_files(const void *left, const void *right)
{
    const struct policy_file *a = left, *b = right;

    return strcmp(a->name, b->name);
}

static enum status list_files(struct directory *d)
{
    struct policy_loader *l = d->l;
    DIR *dir = opendir(l->load->dir);
    const struct dirent *entry;
    bool is_away = errno == ENOENT || errno == ENOTDIR;

    if (!dir) {
        problems_error(l->problems, l->load->dir, 0, 0,
                       "cannot read the directory of policies: %s",
                       strerror(errno));
        return is_away ? STATUS_NOT_FOUND : STATUS_IO;
    }
    while ((entry = readdir(dir)) != NULL && !l->no_memory) {
        if (!is_wanted(entry->d_name))
            continue;
        if (d->count == FILES_MAX) {
            problems_error(l->problems, l->load->dir, 0, 0,
                           "has more than %d files of policies", FILES_MAX);
            break;
        }
        add_file(d, entry->d_name);
    }
    closedir(dir);
    if (d->count > 0)
        qsort(d->files, d->count, sizeof(*d->files), compare_files);
    return l->no_memory ? STATUS_NO_MEMORY : STATUS_OK;
}

/* ---- bytes ---- */

static enum status read_all(int fd, struct buffer *to)
{
    for (;;) {
        ssize_t n;
        enum status s = buffer_reserve(to, 65536);

        if (s != STATUS_OK)
            return s;
        n = read(fd, to->data + to->len, 65536);
        if (n == 0)
            return STATUS_OK;
        if (n > 0)
            to->len += (size_t)n;
        else if (errno != EINTR)
            return STATUS_IO;
    }
}

/* The file's bytes, to free(). */
static enum status read_file(const char *path, struct text *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct buffer b;
    enum status s;

    if (fd < 0)
        return STATUS_IO;
    buffer_init(&b, FILE_BYTES_MAX + 65536);
    s = read_all(fd, &b);
    close(fd);
    if (s != STATUS_OK) {
        buffer_release(&b);
        return s;
    }
    *out = buffer_text(&b); /* the buffer's memory goes with it */
    return STATUS_OK;
}

static void load_file(struct directory *d, struct policy_file *f)
{
    struct policy_loader *l = d->l;
    enum status s = read_file(f->path, &f->bytes);

    if (s == STATUS_IO) {
        problems_error(l->problems, f->path, 0, 0, "cannot be read: %s",
                       strerror(errno));
        d->failed_io = true;
        return;
    }
    if (s == STATUS_TOO_LARGE)
        problems_error(l->problems, f->path, 0, 0, "is larger than 16 MiB");
    if (s == STATUS_OK)
        s = json_parse(f->bytes, f->path, 0, l->problems, &f->doc);
    if (s == STATUS_NO_MEMORY)
        l->no_memory = true;
}

static enum status make_version(struct directory *d)
{
    uint8_t digests[2][CRYPTO_SHA256_SIZE] = {{0}};
    uint8_t all[4 * CRYPTO_SHA256_SIZE];
    enum status s = STATUS_OK;

    /* A chain: the digest so far, then those of the name and the bytes. */
    for (size_t i = 0; i < d->count && s == STATUS_OK; i++) {
        const struct policy_file *f = &d->files[i];

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
    crypto_hex(digests[0], 8, d->l->snap->version);
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

static void compile_files(struct directory *d)
{
    struct policy_snapshot *s = d->l->snap;

    s->contracts = policy_array(d->l, d->count, sizeof(*s->contracts));
    s->policies = policy_array(d->l, d->count, sizeof(*s->policies));
    if (!s->contracts || !s->policies)
        return;
    for (size_t i = 0; i < d->count; i++)
        if (d->files[i].doc && d->files[i].is_contract)
            policy_contract_load(d->l, &d->files[i]);
    for (size_t i = 0; i < d->count; i++)
        if (d->files[i].doc && !d->files[i].is_contract)
            policy_organisation_load(d->l, &d->files[i]);
}

static enum status load_directory(struct directory *d)
{
    struct policy_loader *l = d->l;
    size_t errors = l->problems->errors;
    enum status s = list_files(d);

    if (s != STATUS_OK)
        return s;
    for (size_t i = 0; i < d->count; i++)
        load_file(d, &d->files[i]);
    if (d->contracts == 0) {
        problems_error(l->problems, l->load->dir, 0, 0,
                       "has no contract: an OpenAPI 3.1 document in a file "
                       "NAME.json");
        return STATUS_NOT_FOUND;
    }
    compile_files(d);
    policy_link_check(l);
    load_prefixes(l);
    if (!l->no_memory && l->problems->errors == errors) {
        policy_routes_finish(l);
        policy_link(l);
        s = make_version(d);
    }
    if (l->no_memory)
        return STATUS_NO_MEMORY;
    if (d->failed_io)
        return STATUS_IO;
    return l->problems->errors > errors ? STATUS_INVALID : s;
}

static void close_directory(struct directory *d)
{
    for (size_t i = 0; d->files && i < d->count; i++) {
        json_free(d->files[i].doc);
        free((void *)(uintptr_t)d->files[i].bytes.data);
    }
    free(d->files);
    for (size_t i = 0; i < d->l->snap->entry_count; i++) {
        d->l->snap->entries[i]->doc = NULL;
        d->l->snap->entries[i]->value = NULL;
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

enum status policy_snapshot_load(const struct policy_load *load,
                                 struct problems *problems,
                                 struct policy_snapshot **out)
{
    struct policy_loader l = {load, problems, snapshot_new(), false};
    struct directory d = {.l = &l};
    enum status s = STATUS_NO_MEMORY;

    if (!l.snap)
        return STATUS_NO_MEMORY;
    d.files = calloc(FILES_MAX, sizeof(*d.files));
    if (d.files)
        s = load_directory(&d);
    close_directory(&d);
    if (s == STATUS_OK)
        *out = l.snap;
    else
        policy_snapshot_unref(l.snap);
    return s;
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
