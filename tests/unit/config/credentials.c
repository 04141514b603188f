/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "config/config.h"
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory of credentials; each test is a process of its own. */
static char directory[] = "/tmp/chatgate-credentials-XXXXXX";
static char variable[128];
static const char *const names[] = {
    "CHATGATE_REDIS_URL",
    "CHATGATE_WORKERS",
    "CHATGATE_REDDIS_URL",
    "UPSTREAM_TOKEN",
    "tls.key",
    "2ND",
    "Mixed",
};

static void make_directory(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(variable, sizeof(variable), "CREDENTIALS_DIRECTORY=%s", directory);
}

static const char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static void write_bytes(const char *name, const void *bytes, size_t len)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

static void write_text(const char *name, const char *text)
{
    write_bytes(name, text, strlen(text));
}

static void remove_directory(void)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlink(path_of(names[i]));
    ck_assert_int_eq(rmdir(directory), 0);
}

/* Load with the directory and up to two more variables. */
static enum status load(const char *first, const char *second,
                        struct problems *p, struct config **cfg)
{
    static char copies[3][256];
    static char *environment[4];
    const char *const entries[] = {variable, first, second};
    struct config_source source = {.environment = environment};
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(entries); i++)
        if (entries[i]) {
            snprintf(copies[n], sizeof(copies[n]), "%s", entries[i]);
            environment[n] = copies[n];
            n++;
        }
    environment[n] = NULL;
    problems_init(p);
    *cfg = NULL;
    return config_load(&source, p, cfg);
}

static void expect_refused(const char *first, const char *message)
{
    struct problems p;
    struct config *cfg;

    ck_assert_int_eq(load(first, NULL, &p, &cfg), STATUS_INVALID);
    ck_assert_uint_eq(p.errors, 1);
    ck_assert_msg(strstr(p.list[0].message, message) != NULL, "%s",
                  p.list[0].message);
    problems_release(&p);
}

START_TEST(a_file_is_a_variable)
{
    struct problems p;
    struct config *cfg;

    make_directory();
    write_text("UPSTREAM_TOKEN", "s3cret\n");
    write_text("CHATGATE_REDIS_URL", "redis://:pw@h:6379/0");
    ck_assert_int_eq(
        load("CHATGATE_UPSTREAM_AUTHORIZATION=Bearer ${UPSTREAM_TOKEN}", NULL,
             &p, &cfg),
        STATUS_OK);
    ck_assert(
        text_is(secret_reveal(cfg->upstream.authorization), "Bearer s3cret"));
    ck_assert(text_is(secret_reveal(cfg->redis.url->password), "pw"));
    ck_assert_str_eq(config_origin(cfg, "redis.url"), "CHATGATE_REDIS_URL");
    config_free(cfg);
    problems_release(&p);
    remove_directory();
}
END_TEST

START_TEST(the_environment_wins)
{
    struct problems p;
    struct config *cfg;

    make_directory();
    write_text("CHATGATE_WORKERS", "3");
    ck_assert_int_eq(load("CHATGATE_WORKERS=5", NULL, &p, &cfg), STATUS_OK);
    ck_assert_uint_eq(cfg->workers, 5);
    config_free(cfg);
    problems_release(&p);
    remove_directory();
}
END_TEST

START_TEST(other_files_are_left_alone)
{
    struct problems p;
    struct config *cfg;

    make_directory();
    write_text("tls.key", "-----BEGIN");
    write_text("2ND", "no variable begins with a digit");
    write_text("Mixed", "nor is in small letters here");
    ck_assert_int_eq(load(NULL, NULL, &p, &cfg), STATUS_OK);
    ck_assert_uint_eq(p.count, 0);
    config_free(cfg);
    problems_release(&p);
    remove_directory();
}
END_TEST

START_TEST(files_that_cannot_be_used)
{
    static const char authorization[] =
        "CHATGATE_UPSTREAM_AUTHORIZATION=Bearer ${UPSTREAM_TOKEN}";
    static char long_one[16 * 1024 + 2];

    make_directory();
    write_text("CHATGATE_REDDIS_URL", "redis://h:1/0");
    expect_refused(NULL, "CHATGATE_REDDIS_URL: no such setting; did you mean");
    unlink(path_of("CHATGATE_REDDIS_URL"));
    write_text("CHATGATE_WORKERS", "many\n");
    expect_refused(NULL, "CHATGATE_WORKERS: ");
    unlink(path_of("CHATGATE_WORKERS"));
    write_bytes("CHATGATE_REDIS_URL", "redis://h\0:1/0", 14);
    expect_refused(NULL, "must not hold a NUL");
    memset(long_one, 'x', sizeof(long_one));
    write_bytes("CHATGATE_REDIS_URL", long_one, sizeof(long_one));
    expect_refused(NULL, "too long");
    unlink(path_of("CHATGATE_REDIS_URL"));
    expect_refused(authorization, "UPSTREAM_TOKEN is not set");
    write_text("UPSTREAM_TOKEN", "\n");
    expect_refused(authorization, "UPSTREAM_TOKEN is empty");
    write_text("UPSTREAM_TOKEN", "two\nlines\n");
    expect_refused(authorization, "");
    remove_directory();
}
END_TEST

START_TEST(a_directory_in_the_place_of_a_file)
{
    make_directory();
    ck_assert_int_eq(mkdir(path_of("UPSTREAM_TOKEN"), 0700), 0);
    expect_refused(NULL, "Is a directory");
    ck_assert_int_eq(rmdir(path_of("UPSTREAM_TOKEN")), 0);
    remove_directory();
}
END_TEST

START_TEST(a_directory_that_is_not_there)
{
    snprintf(variable, sizeof(variable),
             "CREDENTIALS_DIRECTORY=/nonexistent/credentials");
    expect_refused(NULL, "No such file or directory");
}
END_TEST

UNIT_MAIN("credentials", a_file_is_a_variable, the_environment_wins,
          other_files_are_left_alone, files_that_cannot_be_used,
          a_directory_in_the_place_of_a_file, a_directory_that_is_not_there)
