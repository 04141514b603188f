/* SPDX-License-Identifier: Apache-2.0 */
#include "config/address.h"
#include "base/check.h"
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

static struct arena arena;

static void expect_refused(enum status (*parse)(const char *, const char **),
                           const char *const *bad, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *why = NULL;

        ck_assert_msg(parse(bad[i], &why) == STATUS_INVALID, "'%s'", bad[i]);
        ck_assert_msg(why != NULL && strlen(why) > 10, "'%s'", bad[i]);
    }
}

static enum status parse_address(const char *text, const char **why)
{
    struct config_address a;

    return config_address_parse(text_of(text), &arena, &a, why);
}

static enum status parse_cidr(const char *text, const char **why)
{
    struct config_cidr c;

    return config_cidr_parse(text_of(text), &arena, &c, why);
}

START_TEST(addresses_that_are_none)
{
    static const char *const bad[] = {
        "",
        "8080",
        ":8080",
        "*:8080",
        "localhost:8080",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:+80",
        "127.0.0.1:80 ",
        " 127.0.0.1:80",
        "127.0.0.1:http",
        "127.0.0.1:80:80",
        "127.1:80",
        "127.0.0.01:80",
        "0x7f.0.0.1:80",
        "127.0.0.256:80",
        "[127.0.0.1]:80",
        "::1:8080",
        "[::1]",
        "[::1]8080",
        "[::1]:",
        "[::1:8080",
        "[]:80",
        "[fe80::1%eth0]:80",
        "[::1]]:80",
        "http://127.0.0.1:80",
        "unix:",
        "unix:relative",
        "Unix:/x",
    };
    char longest[200] = "unix:/";
    const char *why = NULL;

    arena_init(&arena, 1 << 20);
    expect_refused(parse_address, bad, ARRAY_LEN(bad));
    memset(longest + 6, 'x', 107);
    ck_assert_int_eq(parse_address(longest, &why), STATUS_INVALID);
    longest[5 + 107] = '\0';
    ck_assert_int_eq(parse_address(longest, &why), STATUS_OK);
    arena_release(&arena);
}
END_TEST

START_TEST(addresses_are_ready_for_bind)
{
    struct config_address a;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
    const char *why;

    arena_init(&arena, 1 << 20);
    ck_assert_int_eq(
        config_address_parse(TEXT_LIT("127.0.0.1:8080"), &arena, &a, &why),
        STATUS_OK);
    memcpy(&in4, &a.socket, sizeof(in4));
    ck_assert_int_eq(in4.sin_family, AF_INET);
    ck_assert_int_eq(ntohs(in4.sin_port), 8080);
    ck_assert_uint_eq(ntohl(in4.sin_addr.s_addr), 0x7f000001);
    ck_assert_uint_eq(a.socket_len, sizeof(in4));
    ck_assert_str_eq(a.text, "127.0.0.1:8080");
    ck_assert_ptr_null(a.path);

    ck_assert_int_eq(config_address_parse(TEXT_LIT("[::]:0"), &arena, &a, &why),
                     STATUS_OK);
    memcpy(&in6, &a.socket, sizeof(in6));
    ck_assert_int_eq(in6.sin6_family, AF_INET6);
    ck_assert_int_eq(in6.sin6_port, 0);
    ck_assert_uint_eq(a.socket_len, sizeof(in6));

    ck_assert_int_eq(
        config_address_parse(TEXT_LIT("unix:/run/x:1"), &arena, &a, &why),
        STATUS_OK);
    memcpy(&un, &a.socket, sizeof(un));
    ck_assert_int_eq(un.sun_family, AF_UNIX);
    ck_assert_str_eq(un.sun_path, "/run/x:1");
    ck_assert_str_eq(a.path, "/run/x:1");
    arena_release(&arena);
}
END_TEST

START_TEST(loopback_is_told_from_the_rest)
{
    static const struct {
        const char *text;
        bool is_loopback;
    } cases[] = {
        {"127.0.0.1:1", true},  {"127.255.0.9:1", true},
        {"[::1]:1", true},      {"[::ffff:127.0.0.1]:1", true},
        {"unix:/x", true},      {"0.0.0.0:1", false},
        {"128.0.0.1:1", false}, {"[::]:1", false},
        {"[::2]:1", false},     {"[::ffff:10.0.0.1]:1", false},
        {"[1::1]:1", false},    {"10.127.0.1:1", false},
    };
    struct config_address a;
    const char *why;

    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ck_assert_int_eq(
            config_address_parse(text_of(cases[i].text), &arena, &a, &why),
            STATUS_OK);
        ck_assert_msg(config_address_is_loopback(&a) == cases[i].is_loopback,
                      "%s", cases[i].text);
    }
    arena_release(&arena);
}
END_TEST

START_TEST(networks_that_are_none)
{
    static const char *const bad[] = {
        "",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/8 ",
        "10.0.0.0/8/8",
        "10.0.0/8",
        "10/8",
        "10.1.2.3/8",
        "10.0.0.1/31",
        "0.0.0.1/0",
        "::1/127",
        "2001:db8::/129",
        "2001:db8::1/32",
        "[::1]",
        "[::]/0",
        "/8",
        "example.com",
        "10.0.0.0:80",
        "unix:/x",
        "fe80::1%lo",
        "010.0.0.0/8",
        "*",
        "10.0.0.0/08x",
    };

    arena_init(&arena, 1 << 20);
    expect_refused(parse_cidr, bad, ARRAY_LEN(bad));
    arena_release(&arena);
}
END_TEST

static struct config_cidrs list_of(const char *const *texts, size_t count)
{
    struct config_cidr *items = arena_array(&arena, count, sizeof(*items));
    const char *why = "";

    for (size_t i = 0; i < count; i++)
        if (config_cidr_parse(text_of(texts[i]), &arena, &items[i], &why) !=
            STATUS_OK)
            ck_abort_msg("%s: %s", texts[i], why);
    return (struct config_cidrs){items, count};
}

START_TEST(a_list_contains_what_it_should)
{
    static const char *const texts[] = {"10.0.0.0/8",   "192.0.2.128/25",
                                        "198.51.100.7", "2001:db8::/33",
                                        "::1",          "172.16.0.0/12"};
    static const struct {
        const char *address;
        bool contained;
    } cases[] = {
        {"10.0.0.0", true},
        {"10.255.255.255", true},
        {"11.0.0.0", false},
        {"9.255.255.255", false},
        {"192.0.2.128", true},
        {"192.0.2.127", false},
        {"198.51.100.7", true},
        {"198.51.100.6", false},
        {"172.31.255.255", true},
        {"172.32.0.0", false},
        {"2001:db8:7fff::1", true},
        {"2001:db8:8000::1", false},
        {"::1", true},
        {"::2", false},
        {"::ffff:10.1.2.3", true},
        {"::ffff:11.1.2.3", false},
        {"::10.1.2.3", false}, /* IPv4-compatible is not IPv4-mapped */
        {"", false},
        {"10.0.0.1:80", false},
        {"[::1]", false},
        {"10.0.0", false},
        {"unknown", false},
        {"10.0.0.1 ", false},
    };
    struct config_cidrs list;

    arena_init(&arena, 1 << 20);
    list = list_of(texts, ARRAY_LEN(texts));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        ck_assert_msg(
            config_cidr_contains_text(&list, text_of(cases[i].address)) ==
                cases[i].contained,
            "%s", cases[i].address);
    ck_assert(!config_cidr_contains_text(&list, text_of(NULL)));
    /* a NUL must not hide what follows it */
    ck_assert(!config_cidr_contains_text(&list, TEXT_LIT("10.0.0.1\0x")));
    arena_release(&arena);
}
END_TEST

START_TEST(everything_and_nothing)
{
    static const char *const v4[] = {"0.0.0.0/0"}, *const v6[] = {"::/0"};
    struct config_cidrs all4, all6, none = {NULL, 0};

    arena_init(&arena, 1 << 20);
    all4 = list_of(v4, 1);
    all6 = list_of(v6, 1);
    ck_assert(config_cidr_contains_text(&all4, TEXT_LIT("255.255.255.255")));
    ck_assert(!config_cidr_contains_text(&all4, TEXT_LIT("::1")));
    ck_assert(config_cidr_contains_text(&all6, TEXT_LIT("ffff::")));
    ck_assert(!config_cidr_contains_text(&all6, TEXT_LIT("1.2.3.4")));
    ck_assert(!config_cidr_contains_text(&none, TEXT_LIT("127.0.0.1")));
    arena_release(&arena);
}
END_TEST

START_TEST(socket_addresses_are_matched_by_family)
{
    static const char *const ip[] = {"127.0.0.1"}, *const local[] = {"unix:"};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct config_cidrs by_ip, by_unix;
    struct sockaddr_in in4 = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr other = {.sa_family = AF_UNSPEC};

    arena_init(&arena, 1 << 20);
    by_ip = list_of(ip, 1);
    by_unix = list_of(local, 1);
    in4.sin_addr.s_addr = htonl(0x7f000001);
    ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:127.0.0.1", &in6.sin6_addr),
                     1);
    ck_assert(config_cidr_contains(&by_ip, (struct sockaddr *)&in4));
    ck_assert(config_cidr_contains(&by_ip, (struct sockaddr *)&in6));
    ck_assert(!config_cidr_contains(&by_ip, (struct sockaddr *)&un));
    ck_assert(config_cidr_contains(&by_unix, (struct sockaddr *)&un));
    ck_assert(!config_cidr_contains(&by_unix, (struct sockaddr *)&in4));
    ck_assert(!config_cidr_contains(&by_unix, &other));
    ck_assert(!config_cidr_contains_text(&by_unix, TEXT_LIT("unix:")));
    arena_release(&arena);
}
END_TEST

/* "192.0.2.1:4711" was taken as a client of its own for every connection, and
 * "10.0.0.1:80" not as the trusted proxy that it is. */
START_TEST(a_forwarded_address_has_one_form)
{
    static const char *const same[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"192.0.2.1:4711", "192.0.2.1"},
        {"2001:DB8:0::1", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"[2001:db8::1]:4711", "2001:db8::1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
    };
    static const char *const none[] = {
        "",           "unknown",      "_hidden",  "....",      "beef",
        "1.2.3",      "999.1.1.1",    "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:65536",
        "1.2.3.4:1:", "[1.2.3.4]:80", "[::1",     "[",         "[]",
        "[]:80",      "::1]",         ":80",      ":",         "[::1]80",
        "[::1]:",     "1.2.3.4 ",     "::1%lo",   "\"::1\"",
    };
    char to[CONFIG_IP_SIZE];

    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        ck_assert_msg(config_ip_plain(text_of(same[i][0]), to), "%s",
                      same[i][0]);
        ck_assert_str_eq(to, same[i][1]);
    }
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        ck_assert_msg(!config_ip_plain(text_of(none[i]), to), "%s", none[i]);
    ck_assert(!config_ip_plain(text_make("1.2.3.4\0:80", 11), to));
}
END_TEST

UNIT_MAIN("address", addresses_that_are_none, addresses_are_ready_for_bind,
          loopback_is_told_from_the_rest, networks_that_are_none,
          a_list_contains_what_it_should, everything_and_nothing,
          socket_addresses_are_matched_by_family,
          a_forwarded_address_has_one_form)
