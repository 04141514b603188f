/* SPDX-License-Identifier: Apache-2.0
 *
 * fixture.c - see fixture.h.
 */
#include "fixture.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[512];
static char said[64 << 10];

struct policy_load fixture_options;

void fixture_open(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(dir, sizeof(dir), "%s/policy-test-XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    fixture_options = (struct policy_load){.dir = dir};
    said[0] = '\0';
}

static void path_of(const char *name, char out[1024])
{
    snprintf(out, 1024, "%s/%s", dir, name);
}

void fixture_close(void)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    char path[1024];

    ck_assert_ptr_nonnull(d);
    while ((e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        path_of(e->d_name, path);
        if (unlink(path) != 0)
            ck_assert_int_eq(rmdir(path), 0);
    }
    closedir(d);
    ck_assert_int_eq(rmdir(dir), 0);
}

const char *fixture_dir(void)
{
    return dir;
}

void fixture_write_bytes(const char *name, struct text content)
{
    char path[1024];
    FILE *f;

    path_of(name, path);
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(content.data, 1, content.len, f), content.len);
    ck_assert_int_eq(fclose(f), 0);
}

void fixture_write(const char *name, const char *content)
{
    fixture_write_bytes(name, text_of(content));
}

void fixture_remove(const char *name)
{
    char path[1024];

    path_of(name, path);
    ck_assert_int_eq(unlink(path), 0);
}

void fixture_copy(const char *name)
{
    char path[1024], *bytes = malloc(1 << 20);
    size_t len;
    FILE *f;

    snprintf(path, sizeof(path), "%s/policies/%s", TOP_SRCDIR, name);
    f = fopen(path, "r");
    ck_assert(f && bytes);
    len = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    fixture_write_bytes(name, text_make(bytes, len));
    free(bytes);
}

/* Without "DIR/" in front of each line. */
static void take_dir_away(void)
{
    char prefix[600], *from = said, *to = said;
    size_t len;

    snprintf(prefix, sizeof(prefix), "%s/", dir);
    len = strlen(prefix);
    while (*from) {
        if (strncmp(from, prefix, len) == 0)
            from += len;
        else
            *to++ = *from++;
    }
    *to = '\0';
}

enum status fixture_load(struct policy_snapshot **out)
{
    struct problems problems;
    enum status s;
    FILE *f;

    problems_init(&problems);
    s = policy_snapshot_load(&fixture_options, &problems, out);
    f = fmemopen(said, sizeof(said), "w");
    ck_assert_ptr_nonnull(f);
    problems_print(&problems, f);
    fputc('\0', f);
    fclose(f);
    take_dir_away();
    ck_assert_msg((s == STATUS_OK) == (problems.errors == 0), "%s: %s",
                  status_name(s), said);
    problems_release(&problems);
    return s;
}

const char *fixture_said(void)
{
    return said;
}

static enum status load_both(const char *contract, const char *policy)
{
    struct policy_snapshot *snap = NULL;
    enum status s;

    fixture_write("api.json", contract);
    if (policy)
        fixture_write("org.policy.json", policy);
    s = fixture_load(&snap);
    policy_snapshot_unref(snap);
    if (policy)
        fixture_remove("org.policy.json");
    return s;
}

void fixture_expect_fine(const char *contract, const char *policy)
{
    enum status s = load_both(contract, policy);

    ck_assert_msg(s == STATUS_OK && said[0] == '\0', "%s: %s\n%s\n%s",
                  status_name(s), said, contract, policy ? policy : "");
}

void fixture_expect_problem(const char *contract, const char *policy,
                            const char *says)
{
    enum status s = load_both(contract, policy);

    ck_assert_msg(s == STATUS_INVALID && strstr(said, says) != NULL,
                  "%s: %s\nwanted: %s\n%s\n%s", status_name(s), said, says,
                  contract, policy ? policy : "");
}

void fixture_expect_warning(const char *contract, const char *policy,
                            const char *says)
{
    enum status s = load_both(contract, policy);

    ck_assert_msg(s == STATUS_OK && strstr(said, "warning: ") != NULL &&
                      strstr(said, says) != NULL,
                  "%s: %s\nwanted: %s\n%s\n%s", status_name(s), said, says,
                  contract, policy ? policy : "");
}

void fixture_check_bad(const struct fixture_bad *rows, size_t count)
{
    fixture_open();
    for (size_t i = 0; i < count; i++)
        fixture_expect_problem(rows[i].contract, NULL, rows[i].says);
    fixture_close();
}

void fixture_check_fine(const char *const *contracts, size_t count)
{
    fixture_open();
    for (size_t i = 0; i < count; i++)
        fixture_expect_fine(contracts[i], NULL);
    fixture_close();
}
