/* SPDX-License-Identifier: Apache-2.0 */
#include "config/redis_url.h"
#include "base/check.h"
#include "unit.h"

#include <stdio.h>

static struct arena arena;

static struct config_redis parse(const char *url)
{
    struct config_redis r;
    const char *why = "";

    if (config_redis_parse(text_of(url), &arena, &r, &why) != STATUS_OK)
        ck_abort_msg("%s: %s", url, why);
    return r;
}

START_TEST(urls_that_are_wrong)
{
    static const char *const bad[] = {
        "",
        "localhost:6379",
        "redis",
        "redis:",
        "redis:/host",
        "redis://",
        "redis:///0",
        "redis://:6379",
        "REDIS://host",
        "http://host",
        "redis://host:0",
        "redis://host:65536",
        "redis://host:",
        "redis://host:6379x",
        "redis://host:-1",
        "redis://host:1:2",
        "redis://host/x",
        "redis://host/-1",
        "redis://host/0/1",
        "redis://host/99999999999",
        "redis://ho st",
        "redis://ho\tst",
        "redis://host\n",
        "redis://h\xc3\xb6st",
        "redis://ho$t",
        "redis://::1:6379",
        "redis://[::1",
        "redis://[::1]6379",
        "redis://[localhost]:6379",
        "redis://[]:6379",
        "redis://user@host",
        "redis://user:@host",
        "redis://:@host",
        "redis://@host",
        "redis://u:%zz@host",
        "redis://u:%4@host",
        "redis://u:%00@host",
        "redis://u:p@",
        "redis://host?db=1",
        "redis://host#x",
        "redis://a:1,b:2",
        "rediss://a:1,b:2",
        "unix:/run/redis.sock",
        "unix://run/redis.sock",
        "unix://",
        "unix:///",
        "unix:///x?db=1",
        "redis+cluster://",
        "redis+cluster://a:1,",
        "redis+cluster://,a:1",
        "redis+cluster://a:1,,b:2",
        "redis+cluster://a:1/0",
        "redis+cluster://a:x,b:2",
        "redis+sentinel://a:1",
        "redis+sentinel://a:1/",
        "redis+sentinel:///name",
        "redis+sentinel://a:1//0",
        "redis+sentinel://a:1/na/me",
        "redis+sentinel://a:1/name/-1",
        "redis+sentinel://a:1/name/65536",
        "redis+sentinel://a:1/name/1/2",
        "redis+cluster://u@a:1",
        "redis+cluster://::1:7000",
        "redis+cluster://[::1:7000",
        "redis+sentinel://a:1,b:0/name",
        "redis+sentinel://a:1/n@me",
        "redis+other://a:1",
    };
    struct config_redis r = {.database = 77};

    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *why = NULL;

        ck_assert_msg(config_redis_parse(text_of(bad[i]), &arena, &r, &why) ==
                          STATUS_INVALID,
                      "'%s'", bad[i]);
        ck_assert_msg(why != NULL && strlen(why) > 10, "'%s'", bad[i]);
    }
    ck_assert_int_eq(r.database, 77);
    arena_release(&arena);
}
END_TEST

START_TEST(a_path_or_a_list_has_a_bound)
{
    char url[1000] = "unix:///";
    struct config_redis r;
    const char *why;

    arena_init(&arena, 1 << 20);
    memset(url + 8, 'x', 107);
    ck_assert_int_eq(config_redis_parse(text_of(url), &arena, &r, &why),
                     STATUS_INVALID);
    url[7 + 107] = '\0';
    ck_assert_int_eq(config_redis_parse(text_of(url), &arena, &r, &why),
                     STATUS_OK);
    strcpy(url, "redis+cluster://h");
    for (int i = 0; i < 63; i++)
        strcat(url, ",h");
    ck_assert_int_eq(config_redis_parse(text_of(url), &arena, &r, &why),
                     STATUS_OK);
    ck_assert_uint_eq(r.host_count, 64);
    strcat(url, ",h");
    ck_assert_int_eq(config_redis_parse(text_of(url), &arena, &r, &why),
                     STATUS_INVALID);
    arena_release(&arena);
}
END_TEST

START_TEST(one_server)
{
    struct config_redis r;

    arena_init(&arena, 1 << 20);
    r = parse("redis://cache-1.example_x");
    ck_assert_int_eq(r.kind, CONFIG_REDIS_SERVER);
    ck_assert(!r.is_tls);
    ck_assert_uint_eq(r.host_count, 1);
    ck_assert_str_eq(r.hosts[0].host, "cache-1.example_x");
    ck_assert_uint_eq(r.hosts[0].port, 6379);
    ck_assert_int_eq(r.database, 0);
    ck_assert_ptr_null(r.user);
    ck_assert(!secret_is_set(r.password));
    ck_assert_str_eq(r.shown, "redis://cache-1.example_x");

    r = parse("rediss://us%65r:p%40ss%2Fw:rd@[2001:db8::1]:7000/15");
    ck_assert(r.is_tls);
    ck_assert_str_eq(r.hosts[0].host, "2001:db8::1");
    ck_assert_uint_eq(r.hosts[0].port, 7000);
    ck_assert_int_eq(r.database, 15);
    ck_assert_str_eq(r.user, "user");
    ck_assert_str_eq(secret_reveal(r.password).data, "p@ss/w:rd");
    ck_assert_str_eq(r.shown, "rediss://user:***@[2001:db8::1]:7000/15");
    ck_assert_str_eq(secret_shown(r.password), "***");

    r = parse("redis://:pw@127.0.0.1:1/");
    ck_assert_ptr_null(r.user);
    ck_assert_str_eq(secret_reveal(r.password).data, "pw");
    ck_assert_str_eq(r.shown, "redis://:***@127.0.0.1:1");
    r = parse("redis://[::1]");
    ck_assert_str_eq(r.hosts[0].host, "::1");
    ck_assert_uint_eq(r.hosts[0].port, 6379);
    arena_release(&arena);
}
END_TEST

START_TEST(a_socket_a_cluster_and_sentinels)
{
    struct config_redis r;

    arena_init(&arena, 1 << 20);
    r = parse("unix:///run/redis/redis.sock");
    ck_assert_int_eq(r.kind, CONFIG_REDIS_UNIX);
    ck_assert_str_eq(r.path, "/run/redis/redis.sock");
    ck_assert_uint_eq(r.host_count, 0);
    ck_assert_str_eq(r.shown, "unix:///run/redis/redis.sock");

    r = parse("redis+cluster://:pw@a:7000,b,[::1]:7002");
    ck_assert_int_eq(r.kind, CONFIG_REDIS_CLUSTER);
    ck_assert_uint_eq(r.host_count, 3);
    ck_assert_str_eq(r.hosts[1].host, "b");
    ck_assert_uint_eq(r.hosts[1].port, 6379);
    ck_assert_str_eq(r.hosts[2].host, "::1");
    ck_assert_uint_eq(r.hosts[2].port, 7002);
    ck_assert_str_eq(r.shown, "redis+cluster://:***@a:7000,b,[::1]:7002");

    r = parse("redis+sentinel://a,b:26380/my-master.1");
    ck_assert_int_eq(r.kind, CONFIG_REDIS_SENTINEL);
    ck_assert_uint_eq(r.hosts[0].port, 26379);
    ck_assert_uint_eq(r.hosts[1].port, 26380);
    ck_assert_str_eq(r.sentinel_name, "my-master.1");
    ck_assert_int_eq(r.database, 0);
    ck_assert_str_eq(r.shown, "redis+sentinel://a,b:26380/my-master.1");

    r = parse("redis+sentinel://u:pw@[2001:db8::1]:26380,b/cache/7");
    ck_assert_str_eq(r.hosts[0].host, "2001:db8::1");
    ck_assert_str_eq(r.sentinel_name, "cache");
    ck_assert_int_eq(r.database, 7);
    ck_assert_str_eq(r.user, "u");
    ck_assert_str_eq(secret_reveal(r.password).data, "pw");
    ck_assert_str_eq(r.shown,
                     "redis+sentinel://u:***@[2001:db8::1]:26380,b/cache/7");
    r = parse("redis+sentinel://a/cache/");
    ck_assert_int_eq(r.database, 0);
    arena_release(&arena);
}
END_TEST

START_TEST(no_message_quotes_the_password)
{
    static const char *const bad[] = {
        "redis://u:hunter2@host:x",   "redis://u:hunter2%@host",
        "redis://u:hunter2@ho st",    "redis:/u:hunter2@host",
        "redis://u:hunter2?@host",    "redis+cluster://u:hunter2@,",
        "redis://u:hunter2/@host:80",
    };
    struct config_redis r;

    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *why = "";

        ck_assert_int_eq(config_redis_parse(text_of(bad[i]), &arena, &r, &why),
                         STATUS_INVALID);
        ck_assert_ptr_null(strstr(why, "hunter2"));
    }
    arena_release(&arena);
}
END_TEST

START_TEST(memory_that_runs_out_is_no_mistake_of_the_url)
{
    struct config_redis r;
    const char *why;
    enum status s = STATUS_NO_MEMORY;

    for (size_t bytes = 0; s != STATUS_OK; bytes += 16) {
        arena_init(&arena, bytes);
        s = config_redis_parse(TEXT_LIT("redis+sentinel://u:p@a:1,b:2/name"),
                               &arena, &r, &why);
        ck_assert(s == STATUS_OK || s == STATUS_NO_MEMORY);
        ck_assert_uint_lt(bytes, 10000);
        arena_release(&arena);
    }
}
END_TEST

UNIT_MAIN("redis_url", urls_that_are_wrong, a_path_or_a_list_has_a_bound,
          one_server, a_socket_a_cluster_and_sentinels,
          no_message_quotes_the_password,
          memory_that_runs_out_is_no_mistake_of_the_url)
