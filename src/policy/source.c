/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/source.c - what of a directory is read, and in which order.
 *
 * Every *.json but *.schema.json, which are for editors, in the order of names
 * (of their bytes, not the locale's). Files whose names begin with a dot and
 * directories are passed over. Links are followed: that is how Kubernetes
 * mounts a ConfigMap, as links into a directory whose name begins with a dot.
 */
#include "policy/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"

#define FILE_BYTES_MAX ((size_t)16 << 20) /* as base/json.h has it */
#define READ_BYTES 65536u
#define FILES_MAX 1000

static bool is_wanted(const char *name)
{
    struct text t = text_of(name);

    return name[0] != '.' && text_ends_with(t, TEXT_LIT(".json")) &&
           !text_ends_with(t, TEXT_LIT(".schema.json"));
}

/* OpenAPI is often written so, and would be passed over in silence. */
static bool is_yaml(const char *name)
{
    struct text t = text_of(name);

    return name[0] != '.' && (text_ends_with(t, TEXT_LIT(".yaml")) ||
                              text_ends_with(t, TEXT_LIT(".yml")));
}

static bool is_directory(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static char *join(const char *dir, const char *name)
{
    bool has_slash = text_ends_with(text_of(dir), TEXT_LIT("/"));
    struct buffer b;
    enum status s;

    buffer_init(&b, 64u << 10);
    s = buffer_printf(&b, "%s%s%s", dir, has_slash ? "" : "/", name);
    if (s != STATUS_OK)
        buffer_release(&b);
    return b.data; /* goes to the caller */
}

static enum status add_name(const char *dir, const char *name,
                            struct policy_sources *to)
{
    struct policy_source *s = &to->list[to->count];

    s->name = text_dup(text_of(name));
    s->path = join(dir, name);
    if (s->name && s->path && !is_directory(s->path)) {
        to->count++;
        return STATUS_OK;
    }
    free(s->name);
    free(s->path);
    if (!s->name || !s->path)
        return STATUS_NO_MEMORY;
    *s = (struct policy_source){0};
    return STATUS_OK;
}

static int compare_names(const void *left, const void *right)
{
    const struct policy_source *a = left, *b = right;

    return strcmp(a->name, b->name);
}

static enum status list_names(const char *path, struct problems *problems,
                              struct policy_sources *to)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    enum status s = STATUS_OK;

    if (!dir) {
        s = errno == ENOENT || errno == ENOTDIR ? STATUS_NOT_FOUND : STATUS_IO;
        problems_error(problems, path, 0, 0,
                       "cannot read the directory of policies: %s",
                       strerror(errno));
        return s;
    }
    while (s == STATUS_OK && (entry = readdir(dir)) != NULL) {
        if (is_yaml(entry->d_name))
            problems_warning(problems, path, 0, 0,
                             "%s is not read: contracts and policies are JSON",
                             entry->d_name);
        if (!is_wanted(entry->d_name))
            continue;
        if (to->count < FILES_MAX) {
            s = add_name(path, entry->d_name, to);
            continue;
        }
        problems_error(problems, path, 0, 0,
                       "has more than %d files of policies", FILES_MAX);
        s = STATUS_INVALID;
    }
    closedir(dir);
    if (to->count > 0)
        qsort(to->list, to->count, sizeof(*to->list), compare_names);
    return s;
}

static enum status read_all(int fd, struct buffer *to)
{
    for (;;) {
        enum status s = buffer_reserve(to, READ_BYTES);
        ssize_t n;

        if (s != STATUS_OK)
            return s;
        n = read(fd, to->data + to->len, READ_BYTES);
        if (n == 0)
            return STATUS_OK;
        if (n > 0)
            to->len += (size_t)n;
        else if (errno != EINTR)
            return STATUS_IO;
    }
}

static enum status read_bytes(const char *path, struct text *out)
{
    /* Not to wait for a writer, should it be a pipe. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct buffer b;
    enum status s;

    if (fd < 0)
        return STATUS_IO;
    buffer_init(&b, FILE_BYTES_MAX + READ_BYTES);
    s = read_all(fd, &b);
    close(fd);
    if (s == STATUS_OK)
        *out = buffer_text(&b); /* and the memory with it */
    else
        buffer_release(&b);
    return s;
}

static enum status read_source(struct policy_source *source,
                               struct problems *problems)
{
    enum status s = read_bytes(source->path, &source->bytes);

    if (s == STATUS_IO)
        problems_error(problems, source->path, 0, 0, "cannot be read: %s",
                       strerror(errno));
    if (s != STATUS_TOO_LARGE)
        return s;
    problems_error(problems, source->path, 0, 0, "is larger than 16 MiB");
    return STATUS_INVALID;
}

enum status policy_sources_read(const char *dir, struct problems *problems,
                                struct policy_sources *out)
{
    enum status s;

    *out =
        (struct policy_sources){.list = calloc(FILES_MAX, sizeof(*out->list))};
    s = out->list ? list_names(dir, problems, out) : STATUS_NO_MEMORY;
    for (size_t i = 0; i < out->count && s != STATUS_NO_MEMORY; i++) {
        enum status one = read_source(&out->list[i], problems);

        if (one != STATUS_OK)
            s = one;
    }
    return s;
}

void policy_sources_release(struct policy_sources *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->list[i].name);
        free(s->list[i].path);
        free((void *)(uintptr_t)s->list[i].bytes.data);
    }
    free(s->list);
    *s = (struct policy_sources){0};
}
