/* SPDX-License-Identifier: Apache-2.0
 *
 * config/credentials.c - a directory of files, read as variables.
 *
 * Editors end a file with a newline that is no part of the secret: one is cut.
 */
#include "config/credentials.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/value.h"

#define CREDENTIAL_MAX_BYTES (16 * 1024)
#define CREDENTIALS_MAX 64

struct reading {
    const char *directory;
    char *const *environment;
    struct arena *arena;
    struct problems *problems;
    char *found[CREDENTIALS_MAX]; /* "NAME=value", in the arena */
    size_t count;
};

static bool is_variable_name(const char *name)
{
    static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    size_t first = strspn(name, capitals);

    return first > 0 &&
           name[first + strspn(name + first, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
                                             "0123456789")] == '\0';
}

static void refuse(struct reading *r, const char *name, const char *why)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", r->directory, name);
    problems_error(r->problems, path, 0, 0, "%s", why);
}

/* What is in the file, up to the maximum and one byte more; -1 and errno. */
static ssize_t read_file(int fd, char *to)
{
    size_t len = 0;
    ssize_t n;

    while ((n = read(fd, to + len, CREDENTIAL_MAX_BYTES + 1 - len)) != 0) {
        if (n < 0 && errno != EINTR)
            return -1;
        len += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)len;
}

/* Into `found`, as NAME=value. */
static enum status keep(struct reading *r, const char *name, const char *value,
                        size_t len)
{
    char *entry;

    if (len > 0 && value[len - 1] == '\n')
        len--;
    if (len > CREDENTIAL_MAX_BYTES) {
        refuse(r, name, "too long for a credential: 16 KiB at most");
        return STATUS_OK;
    }
    if (memchr(value, '\0', len)) {
        refuse(r, name, "must not hold a NUL");
        return STATUS_OK;
    }
    if (r->count == CREDENTIALS_MAX) {
        refuse(r, name, "more than 64 credentials");
        return STATUS_OK;
    }
    entry = arena_printf(r->arena, "%s=%.*s", name,
                         TEXT_ARG(text_make(value, len)));
    if (!entry)
        return STATUS_NO_MEMORY;
    r->found[r->count++] = entry;
    return STATUS_OK;
}

static enum status read_one(struct reading *r, int directory, const char *name)
{
    char value[CREDENTIAL_MAX_BYTES + 1];
    enum status s = STATUS_OK;
    ssize_t len;
    int fd;

    if (!is_variable_name(name) ||
        config_environment_get(r->environment, text_of(name)))
        return STATUS_OK;
    fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    len = fd < 0 ? -1 : read_file(fd, value);
    if (len < 0)
        refuse(r, name, strerror(errno));
    else
        s = keep(r, name, value, (size_t)len);
    explicit_bzero(value, sizeof(value));
    if (fd >= 0)
        (void)close(fd);
    return s;
}

static enum status read_all(struct reading *r, DIR *dir)
{
    const struct dirent *entry;
    enum status s = STATUS_OK;

    while (s == STATUS_OK && (entry = readdir(dir)) != NULL)
        s = read_one(r, dirfd(dir), entry->d_name);
    return s;
}

static enum status join(const struct reading *r, char *const **out)
{
    size_t before = 0;
    char **all;

    while (r->environment[before])
        before++;
    all = arena_array(r->arena, before + r->count + 1, sizeof(*all));
    if (!all)
        return STATUS_NO_MEMORY;
    memcpy(all, r->environment, before * sizeof(*all));
    memcpy(all + before, r->found, r->count * sizeof(*all));
    *out = all;
    return STATUS_OK;
}

enum status config_credentials_add(char *const *environment,
                                   struct arena *arena,
                                   struct problems *problems, char *const **out)
{
    struct reading r = {
        .directory = config_environment_get(environment,
                                            TEXT_LIT("CREDENTIALS_DIRECTORY")),
        .environment = environment,
        .arena = arena,
        .problems = problems,
    };
    enum status s;
    DIR *dir;

    *out = environment;
    if (!r.directory || r.directory[0] == '\0')
        return STATUS_OK;
    dir = opendir(r.directory);
    if (!dir) {
        problems_error(problems, r.directory, 0, 0, "%s", strerror(errno));
        return STATUS_OK;
    }
    s = read_all(&r, dir);
    (void)closedir(dir);
    return s == STATUS_OK && r.count > 0 ? join(&r, out) : s;
}
