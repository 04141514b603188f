/* SPDX-License-Identifier: Apache-2.0 */
#include "config/consumers.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "unit.h"

static char path[64];

static const char *write_file(const char *content)
{
    snprintf(path, sizeof(path), "/tmp/chatgate-consumers-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, content, strlen(content)),
                     (ssize_t)strlen(content));
    close(fd);
    return path;
}

static const char *digest_of(const char *key)
{
    static char hex[2 * CRYPTO_SHA256_SIZE + 1];
    uint8_t digest[CRYPTO_SHA256_SIZE];
    ck_assert_int_eq(crypto_sha256(text_of(key), digest), STATUS_OK);
    crypto_hex(digest, sizeof(digest), hex);
    return hex;
}

static enum status load(const char *content, struct problems *problems,
                        struct config_consumers **out)
{
    problems_init(problems);
    enum status s = config_consumers_load(write_file(content), problems, out);
    unlink(path);
    return s;
}

START_TEST(a_key_finds_its_consumer_and_no_other)
{
    char file[1024], first[65], second[65];
    struct problems problems;
    struct config_consumers *c;
    snprintf(first, sizeof(first), "%s", digest_of("one"));
    snprintf(second, sizeof(second), "%s", digest_of("two"));
    snprintf(file, sizeof(file),
             "{\"consumers\": [{\"name\": \"a\", \"keys\": [\"%s\"], "
             "\"senders\": [\"+14155550100\"]}, {\"name\": \"b\", "
             "\"keys\": [\"%s\"], \"senders\": [\"*\"]}]}",
             first, second);
    ck_assert_int_eq(load(file, &problems, &c), STATUS_OK);
    const struct config_consumer *a = config_consumers_find(c, TEXT_LIT("one"));
    const struct config_consumer *b = config_consumers_find(c, TEXT_LIT("two"));
    ck_assert_str_eq(a->name, "a");
    ck_assert_str_eq(b->name, "b");
    ck_assert_ptr_null(config_consumers_find(c, TEXT_LIT("three")));
    ck_assert_ptr_null(config_consumers_find(c, TEXT_LIT("")));
    ck_assert(config_consumer_may_send(a, TEXT_LIT("+14155550100")));
    ck_assert(!config_consumer_may_send(a, TEXT_LIT("+1415555010")));
    ck_assert(!config_consumer_may_send(a, TEXT_LIT("")));
    ck_assert(config_consumer_may_send(b, TEXT_LIT("+4915112345678")));
    config_consumers_free(c);
    problems_release(&problems);
}
END_TEST

#define KEY "0000000000000000000000000000000000000000000000000000000000000000"
#define GOOD "\"keys\": [\"" KEY "\"], \"senders\": [\"*\"]"

static const struct {
    const char *content, *expected;
} bad[] = {
    {"[]", "expected {\"consumers\""},
    {"{\"consumers\": {}}", "expected {\"consumers\""},
    {"{\"consumers\": [1]}", "a consumer is an object"},
    {"{\"consumers\": [{" GOOD "}]}", "\"name\" must be"},
    {"{\"consumers\": [{\"name\": \"a b\", " GOOD "}]}", "\"name\" must be"},
    {"{\"consumers\": [{\"name\": \"\", " GOOD "}]}", "\"name\" must be"},
    {"{\"consumers\": [{\"name\": \"a\", \"keys\": [], "
     "\"senders\": [\"*\"]}]}",
     "at least one key"},
    {"{\"consumers\": [{\"name\": \"a\", \"keys\": [\"secret\"], "
     "\"senders\": [\"*\"]}]}",
     "SHA-256"},
    {"{\"consumers\": [{\"name\": \"a\", \"keys\": [\"" KEY "\", \"" KEY
     "\"], \"senders\": [\"*\"]}]}",
     "listed twice"},
    {"{\"consumers\": [{\"name\": \"a\", " GOOD "}, {\"name\": \"a\", "
     "\"keys\": [\"1"
     "000000000000000000000000000000000000000000000000000000"
     "000000000\"], \"senders\": [\"*\"]}]}",
     "another consumer"},
    {"{\"consumers\": [{\"name\": \"a\", \"keys\": [\"" KEY "\"]}]}",
     "\"senders\" must list"},
    {"{\"consumers\": [{\"name\": \"a\", \"keys\": [\"" KEY "\"], "
     "\"senders\": []}]}",
     "\"senders\" must list"},
    {"{\"consumers\": [{\"name\": \"a\", \"keys\": [\"" KEY "\"], "
     "\"senders\": [\"14155550100\"]}]}",
     "E.164"},
    {"{\"consumers\": [{\"name\": \"a\", \"kyes\": [], " GOOD "}]}",
     "unknown member \"kyes\""},
    {"{\"consumers\": [], \"x\": 1}", "unknown member \"x\""},
};

START_TEST(what_is_wrong_is_said)
{
    struct problems problems;
    struct config_consumers *c = NULL;
    bool is_said = false;
    ck_assert_int_eq(load(bad[_i].content, &problems, &c), STATUS_INVALID);
    ck_assert_ptr_null(c);
    for (size_t i = 0; i < problems.count; i++)
        is_said = is_said ||
                  strstr(problems.list[i].message, bad[_i].expected) != NULL;
    ck_assert_msg(is_said, "case %d: \"%s\" is not said", _i, bad[_i].expected);
    problems_release(&problems);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("consumers");
    TCase *all = tcase_create("consumers");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, all);
    tcase_add_test(all, a_key_finds_its_consumer_and_no_other);
    tcase_add_loop_test(all, what_is_wrong_is_said, 0,
                        sizeof(bad) / sizeof(bad[0]));
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
