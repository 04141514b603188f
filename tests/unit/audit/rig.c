/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[256];
char path[300];
struct event_base *base;
struct audit_file *file;
struct audit_writer *writer;

static void make_directory(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(directory, sizeof(directory), "%s/audit-XXXXXX",
             tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/audit.jsonl", directory);
}

static void remove_directory(void)
{
    char other[320];

    unlink(path);
    snprintf(other, sizeof(other), "%s.1", path);
    unlink(other);
    ck_assert_int_eq(rmdir(directory), 0);
}

int64_t skipped_us;

static mono_us skipping_mono(void *arg)
{
    (void)arg;
    return clock_mono(clock_system()) + skipped_us;
}

static wall_us skipping_wall(void *arg)
{
    (void)arg;
    return clock_wall(clock_system()) + skipped_us;
}

static const struct clock skipping = {skipping_mono, skipping_wall, NULL};

void open_with(const char *name, bool fsync_data, int64_t patience_us)
{
    struct audit_file_options o = {name, fsync_data, patience_us};

    ck_assert_int_eq(audit_file_open(&o, &file), STATUS_OK);
    ck_assert_int_eq(audit_writer_new(base, &skipping, file, &writer),
                     STATUS_OK);
}

void setup(void)
{
    make_directory();
    base = event_base_new();
    open_with(path, false, RIG_PATIENCE_US);
}

void teardown(void)
{
    audit_writer_free(writer);
    audit_file_close(file);
    event_base_free(base);
    remove_directory();
}

void turn(void)
{
    event_base_loop(base, EVLOOP_NONBLOCK);
}

void run_for_ms(int ms)
{
    struct timeval tv = {ms / 1000, (ms % 1000) * 1000};

    event_base_loopexit(base, &tv);
    event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
}

char content[64 << 20];

const char *read_file(const char *name)
{
    FILE *f = fopen(name, "r");
    size_t n;

    ck_assert_ptr_nonnull(f);
    n = fread(content, 1, sizeof(content) - 1, f);
    content[n] = '\0';
    fclose(f);
    return content;
}

/* What was told, in order: "a+" or "a-" for the line of that name. */
char told[4096];

void note(void *arg, enum status status)
{
    size_t len = strlen(told);

    ck_assert(status == STATUS_OK || status == STATUS_IO);
    snprintf(told + len, sizeof(told) - len, "%s%c", (const char *)arg,
             status == STATUS_OK ? '+' : '-');
}

void append(const char *name)
{
    char line[64];
    size_t before = strlen(told);

    snprintf(line, sizeof(line), "{\"line\":\"%s\"}\n", name);
    ck_assert_int_eq(audit_writer_append(writer, text_of(line), note,
                                         (void *)(uintptr_t)name),
                     STATUS_OK);
    ck_assert_uint_eq(strlen(told), before); /* not before it returns */
}
