/* SPDX-License-Identifier: Apache-2.0 */
#include "base/redis_slot.h"

#include <check.h>
#include <stdio.h>

#include "base/check.h"
#include "unit.h"

/* The vector of the cluster specification. */
START_TEST(crc16_is_xmodem)
{
    ck_assert_uint_eq(redis_slot_crc16(TEXT_LIT("123456789")), 0x31c3);
    ck_assert_uint_eq(redis_slot_crc16(TEXT_LIT("")), 0);
    ck_assert_uint_eq(redis_slot_crc16(text_make("\0", 1)), 0);
    ck_assert_uint_eq(redis_slot_crc16(TEXT_LIT("\xff")), 0x1ef0);
}
END_TEST

/* As redis-server's CLUSTER KEYSLOT has them. */
START_TEST(slots_of_keys)
{
    static const struct {
        const char *key;
        unsigned slot;
    } rows[] = {
        {"foo", 12182},
        {"bar", 5061},
        {"hello", 866},
        {"somekey", 11058},
        {"foo{hash_tag}", 2515},
        {"bar{hash_tag}", 2515},
        {"", 0},
        {"123456789", 12739},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ck_assert_msg(redis_slot_of(text_of(rows[i].key)) == rows[i].slot,
                      "%s: %u", rows[i].key,
                      redis_slot_of(text_of(rows[i].key)));
}
END_TEST

START_TEST(the_first_tag_counts_if_there_is_something_in_it)
{
    static const struct {
        const char *key, *hashed;
    } rows[] = {
        {"{user1000}.following", "user1000"},
        {"{user1000}.followers", "user1000"},
        {"foo{}{bar}", "foo{}{bar}"}, /* an empty one is none, and the first */
        {"foo{{bar}}zap", "{bar"},
        {"foo{bar}{zap}", "bar"},
        {"foo{bar", "foo{bar"},
        {"foo}bar{", "foo}bar{"},
        {"}{a}", "a"},
        {"{}", "{}"},
        {"{", "{"},
        {"{a}", "a"},
        {"chatgate:{+14155550100}:sender-limits:burst:", "+14155550100"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ck_assert_msg(redis_slot_of(text_of(rows[i].key)) ==
                          redis_slot_crc16(text_of(rows[i].hashed)) % 16384,
                      "%s", rows[i].key);
}
END_TEST

START_TEST(redirections)
{
    static const struct {
        const char *error;
        bool is_ask;
        unsigned slot;
        const char *host;
        int port;
    } rows[] = {
        {"MOVED 3999 127.0.0.1:6381", false, 3999, "127.0.0.1", 6381},
        {"ASK 3999 127.0.0.1:6381", true, 3999, "127.0.0.1", 6381},
        {"MOVED 0 ::1:1", false, 0, "::1", 1},
        {"MOVED 16383 2001:db8::7:65535", false, 16383, "2001:db8::7", 65535},
        {"ASK 1 node-3.cache.example:7000", true, 1, "node-3.cache.example",
         7000},
        {"MOVED 1 :7000", false, 1, "", 7000}, /* "where you are" */
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct redis_redirect r;

        ck_assert_msg(redis_redirect_parse(text_of(rows[i].error), &r), "%s",
                      rows[i].error);
        ck_assert_int_eq(r.is_ask, rows[i].is_ask);
        ck_assert_uint_eq(r.slot, rows[i].slot);
        ck_assert_msg(text_is(r.host, rows[i].host), "%s", rows[i].error);
        ck_assert_int_eq(r.port, rows[i].port);
    }
}
END_TEST

START_TEST(what_is_no_redirection)
{
    static const char *const rows[] = {
        "",
        "MOVED",
        "MOVED ",
        "MOVED 1",
        "MOVED 1 ",
        "MOVED 1 127.0.0.1",
        "MOVED 1 127.0.0.1:",
        "MOVED 1 127.0.0.1:0",
        "MOVED 1 127.0.0.1:65536",
        "MOVED 1 127.0.0.1:7000 more",
        "MOVED 1 127.0.0.1:-1",
        "MOVED 16384 127.0.0.1:7000",
        "MOVED -1 127.0.0.1:7000",
        "MOVED x 127.0.0.1:7000",
        "MOVED  1 127.0.0.1:7000",
        "MOVED 1 ?:7000", /* the node does not know the name itself */
        "moved 1 127.0.0.1:7000",
        "MOVEDX 1 127.0.0.1:7000",
        "ASKING 1 127.0.0.1:7000",
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "CLUSTERDOWN The cluster is down",
        "ERR MOVED 1 127.0.0.1:7000",
    };
    struct redis_redirect r = {.port = 77};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ck_assert_msg(!redis_redirect_parse(text_of(rows[i]), &r), "%s",
                      rows[i]);
    ck_assert_int_eq(r.port, 77);
}
END_TEST

UNIT_MAIN("base/redis_slot", crc16_is_xmodem, slots_of_keys,
          the_first_tag_counts_if_there_is_something_in_it, redirections,
          what_is_no_redirection)
