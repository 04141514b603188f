/* SPDX-License-Identifier: Apache-2.0
 *
 * Replies to CLUSTER SLOTS: as servers send them, and as they should not.
 */
#include "base/redis_map.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/redis_reply.h"
#include "unit.h"

static struct redis_map map;

/* The reply in the protocol's own words; `asked` is whom it is from. */
static enum status read_map(const char *bytes, const char *asked)
{
    redisReader *reader = redisReaderCreate();
    struct redis_pool pool;
    void *reply = NULL;
    enum status s;

    ck_assert_ptr_nonnull(reader);
    redis_pool_init(&pool, (size_t)32 << 20);
    redis_pool_attach(&pool, reader);
    redisReaderFeed(reader, bytes, strlen(bytes));
    ck_assert_int_eq(redisReaderGetReply(reader, &reply), REDIS_OK);
    ck_assert_msg(reply != NULL, "a test's own mistake: %s", bytes);
    s = redis_map_read(reply, asked, &map);
    redisReaderFree(reader);
    redis_pool_release(&pool);
    return s;
}

#define ID "$40\r\n09dbe9720cda62f7865eabc5fd8857c5d2678366\r\n"
#define A "$9\r\n127.0.0.1\r\n:7000\r\n"
#define B "$9\r\n127.0.0.1\r\n:7001\r\n"

static void expect_owner(unsigned slot, const char *host, int port)
{
    uint16_t owner = map.owner[slot];

    ck_assert_msg(owner < map.master_count, "slot %u", slot);
    ck_assert_str_eq(map.masters[owner].host, host);
    ck_assert_int_eq(map.masters[owner].port, port);
}

START_TEST(masters_and_their_replicas)
{
    ck_assert_int_eq(read_map("*3\r\n"
                              "*4\r\n:0\r\n:5460\r\n"
                              "*4\r\n" A ID "*0\r\n*4\r\n" B ID "*0\r\n"
                              "*3\r\n:5461\r\n:10922\r\n"
                              "*3\r\n$3\r\n::1\r\n:7002\r\n" ID
                              "*3\r\n:10924\r\n:16383\r\n*4\r\n" A ID
                              "*2\r\n$8\r\nhostname\r\n$1\r\nx\r\n",
                              "seed"),
                     STATUS_OK);
    ck_assert_uint_eq(map.master_count, 2); /* not the replica */
    ck_assert_uint_eq(map.slots_served, 16383);
    expect_owner(0, "127.0.0.1", 7000);
    expect_owner(5460, "127.0.0.1", 7000);
    expect_owner(5461, "::1", 7002);
    expect_owner(10922, "::1", 7002);
    ck_assert_uint_eq(map.owner[10923], REDIS_NOBODY);
    expect_owner(10924, "127.0.0.1", 7000);
    expect_owner(16383, "127.0.0.1", 7000);
}
END_TEST

/* Redis before version 4 has no ids. */
START_TEST(an_old_server)
{
    ck_assert_int_eq(read_map("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n" A, "seed"),
                     STATUS_OK);
    expect_owner(77, "127.0.0.1", 7000);
}
END_TEST

START_TEST(an_address_that_is_where_you_asked)
{
    static const char *const hosts[] = {"$-1\r\n", "$0\r\n\r\n"};
    char bytes[256];

    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        snprintf(bytes, sizeof(bytes),
                 "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n%s:7005\r\n" ID, hosts[i]);
        ck_assert_int_eq(read_map(bytes, "cache.example"), STATUS_OK);
        expect_owner(5, "cache.example", 7005);
    }
}
END_TEST

START_TEST(a_name_that_the_node_does_not_know)
{
    /* Its address is told beside it. */
    ck_assert_int_eq(read_map("*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n$1\r\n?\r\n"
                              ":7005\r\n" ID
                              "*2\r\n$2\r\nip\r\n$9\r\n127.0.0.7\r\n",
                              "seed"),
                     STATUS_OK);
    expect_owner(5, "127.0.0.7", 7005);
    /* Or it is not: its slots are nobody's, the others' are theirs. */
    ck_assert_int_eq(read_map("*2\r\n*3\r\n:0\r\n:99\r\n*4\r\n$1\r\n?\r\n"
                              ":7005\r\n" ID "*0\r\n"
                              "*3\r\n:100\r\n:16383\r\n*3\r\n" A ID,
                              "seed"),
                     STATUS_OK);
    ck_assert_uint_eq(map.owner[5], REDIS_NOBODY);
    expect_owner(100, "127.0.0.1", 7000);
    ck_assert_uint_eq(map.slots_served, 16284);
}
END_TEST

START_TEST(garbage)
{
    static const char *const rows[] = {
        "+OK\r\n",
        ":1\r\n",
        "$-1\r\n",
        "*0\r\n", /* a node that has left */
        "*1\r\n:0\r\n",
        "*1\r\n*0\r\n",
        "*1\r\n*2\r\n:0\r\n:16383\r\n",
        "*1\r\n*3\r\n:0\r\n:16383\r\n:7000\r\n",
        "*1\r\n*3\r\n:0\r\n:16383\r\n*0\r\n",
        "*1\r\n*3\r\n:0\r\n:16383\r\n*1\r\n$9\r\n127.0.0.1\r\n",
        "*1\r\n*3\r\n:0\r\n:16384\r\n*3\r\n" A ID,
        "*1\r\n*3\r\n:-1\r\n:5\r\n*3\r\n" A ID,
        "*1\r\n*3\r\n:6\r\n:5\r\n*3\r\n" A ID,
        "*1\r\n*3\r\n:99999999999999\r\n:5\r\n*3\r\n" A ID,
        "*1\r\n*3\r\n$1\r\n0\r\n:5\r\n*3\r\n" A ID,
        "*1\r\n*3\r\n:0\r\n:5\r\n*3\r\n$1\r\na\r\n:65536\r\n" ID,
        "*1\r\n*3\r\n:0\r\n:5\r\n*3\r\n$1\r\na\r\n:-7\r\n" ID,
        "*1\r\n*3\r\n:0\r\n:5\r\n*3\r\n$1\r\na\r\n$4\r\n7000\r\n" ID,
        "*1\r\n*3\r\n:0\r\n:5\r\n*3\r\n:5\r\n:7000\r\n" ID,
        /* A port of 0 (TLS only) and "?" without an address: nobody. */
        "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$1\r\na\r\n:0\r\n" ID,
        "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$1\r\n?\r\n:7000\r\n" ID,
        /* One bad range spoils the reply. */
        "*2\r\n*3\r\n:0\r\n:5\r\n*3\r\n" A ID "*1\r\n:7\r\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ck_assert_msg(read_map(rows[i], "seed") == STATUS_INVALID, "row %zu",
                      i);
}
END_TEST

START_TEST(a_host_has_a_bound)
{
    char bytes[1024], host[300];

    for (int len = 255; len <= 256; len++) {
        memset(host, 'x', sizeof(host));
        host[len] = '\0';
        snprintf(bytes, sizeof(bytes),
                 "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$%d\r\n%s\r\n:7000\r\n" ID,
                 len, host);
        ck_assert_int_eq(read_map(bytes, "seed"),
                         len == 255 ? STATUS_OK : STATUS_INVALID);
    }
}
END_TEST

/* Every slot another range, masters in turn. */
static enum status read_many(int masters)
{
    char *bytes = malloc((size_t)4 << 20);
    int at = sprintf(bytes, "*16384\r\n");
    enum status s;

    for (int i = 0; i < 16384; i++)
        at += sprintf(bytes + at,
                      "*3\r\n:%d\r\n:%d\r\n*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n" ID,
                      i, i, 7000 + i % masters);
    s = read_map(bytes, "seed");
    free(bytes);
    return s;
}

START_TEST(many_ranges_and_many_masters)
{
    ck_assert_int_eq(read_many(REDIS_NODES_MAX), STATUS_OK);
    ck_assert_uint_eq(map.master_count, REDIS_NODES_MAX);
    ck_assert_uint_eq(map.slots_served, REDIS_SLOTS);
    expect_owner(1001, "127.0.0.1", 7001);
    ck_assert_int_eq(read_many(REDIS_NODES_MAX + 1), STATUS_TOO_LARGE);
}
END_TEST

UNIT_MAIN("base/redis_map", masters_and_their_replicas, an_old_server,
          an_address_that_is_where_you_asked,
          a_name_that_the_node_does_not_know, garbage, a_host_has_a_bound,
          many_ranges_and_many_masters)
