/* SPDX-License-Identifier: Apache-2.0
 *
 * RFC 3986 to the letter: its own examples, and what other parsers let pass.
 */
#include "base/uri.h"

#include <check.h>
#include <stdlib.h>

#include "base/check.h"

/* Parts as strings, NULL where absent. */
struct good {
    const char *text, *scheme, *userinfo, *host, *port, *path, *query,
        *fragment;
};

static const struct good good[] = {
    /* RFC 3986 section 1.1.2 */
    {"ftp://ftp.is.co.za/rfc/rfc1808.txt", "ftp", NULL, "ftp.is.co.za", NULL,
     "/rfc/rfc1808.txt", NULL, NULL},
    {"ldap://[2001:db8::7]/c=GB?objectClass?one", "ldap", NULL, "[2001:db8::7]",
     NULL, "/c=GB", "objectClass?one", NULL},
    {"mailto:John.Doe@example.com", "mailto", NULL, NULL, NULL,
     "John.Doe@example.com", NULL, NULL},
    {"tel:+1-816-555-1212", "tel", NULL, NULL, NULL, "+1-816-555-1212", NULL,
     NULL},
    {"telnet://192.0.2.16:80/", "telnet", NULL, "192.0.2.16", "80", "/", NULL,
     NULL},
    {"urn:oasis:names:specification:docbook:dtd:xml:4.1.2", "urn", NULL, NULL,
     NULL, "oasis:names:specification:docbook:dtd:xml:4.1.2", NULL, NULL},
    /* section 3 */
    {"foo://example.com:8042/over/there?name=ferret#nose", "foo", NULL,
     "example.com", "8042", "/over/there", "name=ferret", "nose"},
    /* what may be empty, and is not absent */
    {"a:", "a", NULL, NULL, NULL, "", NULL, NULL},
    {"a:?", "a", NULL, NULL, NULL, "", "", NULL},
    {"a:#", "a", NULL, NULL, NULL, "", NULL, ""},
    {"a:?#", "a", NULL, NULL, NULL, "", "", ""},
    {"file:///etc/hosts", "file", NULL, "", NULL, "/etc/hosts", NULL, NULL},
    {"http://@:/", "http", "", "", "", "/", NULL, NULL},
    {"http://example.com:", "http", NULL, "example.com", "", "", NULL, NULL},
    {"http://example.com?a=/?&b#/?", "http", NULL, "example.com", NULL, "",
     "a=/?&b", "/?"},
    {"http://example.com#a?b", "http", NULL, "example.com", NULL, "", NULL,
     "a?b"},
    /* userinfo */
    {"http://-.~_!$&'()*+,;=:%40:80%2f::::::@example.com", "http",
     "-.~_!$&'()*+,;=:%40:80%2f::::::", "example.com", NULL, "", NULL, NULL},
    /* The host is what stands behind the @, whatever stands before it. */
    {"https://cdn.linqapp.com@evil.example/x", "https", "cdn.linqapp.com",
     "evil.example", NULL, "/x", NULL, NULL},
    {"https://cdn.linqapp.com:443@evil.example", "https", "cdn.linqapp.com:443",
     "evil.example", NULL, "", NULL, NULL},
    {"https://evil.example?@cdn.linqapp.com/", "https", NULL, "evil.example",
     NULL, "", "@cdn.linqapp.com/", NULL},
    {"https://evil.example#@cdn.linqapp.com/", "https", NULL, "evil.example",
     NULL, "", NULL, "@cdn.linqapp.com/"},
    {"https://evil.example/@cdn.linqapp.com/", "https", NULL, "evil.example",
     NULL, "/@cdn.linqapp.com/", NULL, NULL},
    {"https://cdn.linqapp.com.evil.example/", "https", NULL,
     "cdn.linqapp.com.evil.example", NULL, "/", NULL, NULL},
    {"https:/cdn.linqapp.com/", "https", NULL, NULL, NULL, "/cdn.linqapp.com/",
     NULL, NULL},
    {"https:cdn.linqapp.com", "https", NULL, NULL, NULL, "cdn.linqapp.com",
     NULL, NULL},
    {"https:////cdn.linqapp.com/", "https", NULL, "", NULL,
     "//cdn.linqapp.com/", NULL, NULL},
    /* hosts */
    {"x://[::1]", "x", NULL, "[::1]", NULL, "", NULL, NULL},
    {"x://u@[::ffff:1.2.3.4]:0?q", "x", "u", "[::ffff:1.2.3.4]", "0", "", "q",
     NULL},
    {"x://[v1.a:b]/", "x", NULL, "[v1.a:b]", NULL, "/", NULL, NULL},
    {"x://[VF.!]", "x", NULL, "[VF.!]", NULL, "", NULL, NULL},
    {"x://%65xample.com", "x", NULL, "%65xample.com", NULL, "", NULL, NULL},
    {"x://999.999.999.999", "x", NULL, "999.999.999.999", NULL, "", NULL, NULL},
    {"x://a_b.!$&'()*+,;=", "x", NULL, "a_b.!$&'()*+,;=", NULL, "", NULL, NULL},
    {"x://h:99999999999999999999", "x", NULL, "h", "99999999999999999999", "",
     NULL, NULL},
    /* schemes, paths */
    {"a1+-.:x", "a1+-.", NULL, NULL, NULL, "x", NULL, NULL},
    {"HTTP://h", "HTTP", NULL, "h", NULL, "", NULL, NULL},
    {"x:a:b@c/d:e", "x", NULL, NULL, NULL, "a:b@c/d:e", NULL, NULL},
    {"x:/.//../%00%fF;a,b=c", "x", NULL, NULL, NULL, "/.//../%00%fF;a,b=c",
     NULL, NULL},
};

static const struct good relative[] = {
    {"", NULL, NULL, NULL, NULL, "", NULL, NULL},
    {"abc", NULL, NULL, NULL, NULL, "abc", NULL, NULL},
    {"/a/b", NULL, NULL, NULL, NULL, "/a/b", NULL, NULL},
    {"./a:b", NULL, NULL, NULL, NULL, "./a:b", NULL, NULL},
    {"a/b:c", NULL, NULL, NULL, NULL, "a/b:c", NULL, NULL},
    {"../..", NULL, NULL, NULL, NULL, "../..", NULL, NULL},
    {"//h", NULL, NULL, "h", NULL, "", NULL, NULL},
    {"//u:p@h:1/x?q#f", NULL, "u:p", "h", "1", "/x", "q", "f"},
    {"///x", NULL, NULL, "", NULL, "/x", NULL, NULL},
    {"?a:b", NULL, NULL, NULL, NULL, "", "a:b", NULL},
    {"#a:b", NULL, NULL, NULL, NULL, "", NULL, "a:b"},
    {"/:", NULL, NULL, NULL, NULL, "/:", NULL, NULL},
    {"@", NULL, NULL, NULL, NULL, "@", NULL, NULL},
};

/* No URI reference at all. */
static const struct text bad[] = {
    /* schemes */
    TEXT(":"),
    TEXT(":a"),
    TEXT("://example.com"),
    TEXT("1http://example.com"),
    TEXT("-a:b"),
    TEXT("+a:b"),
    TEXT(".a:b"),
    TEXT("ht_tp://example.com"),
    TEXT("ht~tp:x"),
    TEXT("bar,baz:foo"),
    TEXT("h%74tp://example.com"),
    TEXT(" http://example.com"),
    TEXT("http ://example.com"),
    TEXT("ht\ntp://example.com"),
    TEXT("h\xC3\xA9:x"),
    TEXT("\\\\WINDOWS\\fileshare"),
    /* spaces, controls, quotes, backslashes in every part */
    TEXT("http:// shouldfail.com"),
    TEXT("http://example.com "),
    TEXT("http://example.com\n"),
    TEXT("http://example.com\t"),
    TEXT("http://exa\tmple.com"),
    TEXT("http://exa\nmple.com"),
    TEXT("http://exa\rmple.com"),
    TEXT("http://example.com\0"),
    TEXT("http://example.com\0.evil.example"),
    TEXT("http://example.com/\0"),
    TEXT("\0"),
    TEXT("http:\\\\example.com"),
    TEXT("http:/\\example.com"),
    TEXT("https://cdn.linqapp.com\\@evil.example"),
    TEXT("https://evil.example\\.cdn.linqapp.com"),
    TEXT("http://example.com/a\\b"),
    TEXT("http://example.com/a b"),
    TEXT("http://example.com/\"a\""),
    TEXT("http://example.com/<a>"),
    TEXT("http://example.com/{a}"),
    TEXT("http://example.com/a^b"),
    TEXT("http://example.com/a`b"),
    TEXT("http://example.com/a|b"),
    TEXT("http://example.com/[a]"),
    TEXT("http://example.com/?[a]"),
    TEXT("http://example.com/?a b"),
    TEXT("http://example.com/?a\x7f"),
    TEXT("http://example.com/#a#b"),
    TEXT("http://example.com/#a b"),
    TEXT("##"),
    TEXT("http:/[::1]"),
    TEXT("<http://example.com>"),
    /* outside ASCII */
    TEXT("https://example.org/foobar\xC2\xAE.txt"),
    TEXT("https://ex\xC3\xA4mple.org/"),
    TEXT("https://example\xE3\x80\x82org/"),
    TEXT("https://example.org/?\xE2\x80\xAE"),
    TEXT("https://\xFF/"),
    /* percent */
    TEXT("http://example.com/%"),
    TEXT("http://example.com/%A"),
    TEXT("http://example.com/%6G"),
    TEXT("http://example.com/%G6"),
    TEXT("http://example.com/%%20"),
    TEXT("http://example.com/%2%30"),
    TEXT("http://example.com/?%"),
    TEXT("http://example.com/#%x"),
    TEXT("http://%zz/"),
    TEXT("http://a%@h/"),
    TEXT("%"),
    TEXT("http://h%2"),
    TEXT("http://h%2/0"),
    /* authority */
    TEXT("http://a@b@c/"),
    TEXT("http://cdn.linqapp.com@evil.example@cdn.linqapp.com/"),
    TEXT("https://[@example.org/test.txt"),
    TEXT("http://example.com:abc/path"),
    TEXT("http://example.com:80a"),
    TEXT("http://example.com:-1"),
    TEXT("http://example.com:+80"),
    TEXT("http://example.com: 80"),
    TEXT("http://example.com:80:80"),
    TEXT("http://example.com:%38"),
    TEXT("http://a:b:c"),
    TEXT("http://::1/"),
    TEXT("//a:b"),
    /* bracketed hosts */
    TEXT("http://["),
    TEXT("http://[]"),
    TEXT("http://[::1"),
    TEXT("http://::1]"),
    TEXT("http://[::1]]"),
    TEXT("http://[[::1]]"),
    TEXT("http://[::1]80"),
    TEXT("http://[::1].example.com"),
    TEXT("http://a[::1]"),
    TEXT("http://[::1]@h"),
    TEXT("http://[::1/]"),
    TEXT("http://[1.2.3.4]"),
    TEXT("http://[example.com]"),
    TEXT("http://[::ffff:01.2.3.4]"),
    TEXT("http://[fe80::1%25eth0]"),
    TEXT("http://[fe80::1%eth0]"),
    TEXT("http://[::%31]"),
    TEXT("http://[v.a]"),
    TEXT("http://[v1.]"),
    TEXT("http://[v1]"),
    TEXT("http://[v1a]"),
    TEXT("http://[vg.a]"),
    TEXT("http://[v1.a@b]"),
    TEXT("http://[v1.%61]"),
    TEXT("http://[x1.a]"),
    TEXT("http://[v]"),
};

static void expect_part(struct text part, const char *want)
{
    if (!want) {
        ck_assert(text_is_absent(part));
        return;
    }
    ck_assert(!text_is_absent(part));
    if (!text_is(part, want))
        ck_abort_msg("got '%.*s', want '%s'", TEXT_ARG(part), want);
}

static void expect_parts(const struct uri *u, const struct good *g)
{
    expect_part(u->scheme, g->scheme);
    expect_part(u->userinfo, g->userinfo);
    expect_part(u->host, g->host);
    expect_part(u->port, g->port);
    expect_part(u->path, g->path);
    expect_part(u->query, g->query);
    expect_part(u->fragment, g->fragment);
}

/* Parsed from the heap, so that the sanitizer sees a byte read beside it. */
static enum status parse_copy(struct text t, bool is_reference, struct uri *out,
                              char **copy)
{
    *copy = malloc(t.len + (t.len == 0));
    ck_assert_ptr_nonnull(*copy);
    memcpy(*copy, t.data, t.len);
    t.data = *copy;
    return is_reference ? uri_parse_reference(t, out) : uri_parse(t, out);
}

START_TEST(test_good)
{
    const struct good *g = &good[_i];
    struct uri u;
    char *copy;

    ck_assert_int_eq(parse_copy(text_of(g->text), false, &u, &copy), STATUS_OK);
    expect_parts(&u, g);
    free(copy);
    ck_assert_int_eq(parse_copy(text_of(g->text), true, &u, &copy), STATUS_OK);
    expect_parts(&u, g);
    free(copy);
}
END_TEST

START_TEST(test_relative)
{
    const struct good *g = &relative[_i];
    struct uri u;
    char *copy;

    ck_assert_int_eq(parse_copy(text_of(g->text), false, &u, &copy),
                     STATUS_INVALID);
    free(copy);
    ck_assert_int_eq(parse_copy(text_of(g->text), true, &u, &copy), STATUS_OK);
    expect_parts(&u, g);
    free(copy);
}
END_TEST

START_TEST(test_bad)
{
    struct uri u = {.host = TEXT("untouched")};
    char *copy;

    ck_assert_int_eq(parse_copy(bad[_i], true, &u, &copy), STATUS_INVALID);
    free(copy);
    ck_assert_int_eq(parse_copy(bad[_i], false, &u, &copy), STATUS_INVALID);
    free(copy);
    ck_assert(text_is(u.host, "untouched"));
}
END_TEST

START_TEST(test_absent)
{
    struct uri u;

    ck_assert_int_eq(uri_parse(text_of(NULL), &u), STATUS_INVALID);
    ck_assert_int_eq(uri_parse_reference(text_of(NULL), &u), STATUS_OK);
    expect_parts(&u, &relative[0]);
}
END_TEST

/* Every byte in every part, against the grammar written out once more. */
START_TEST(test_every_byte)
{
    static const struct {
        const char *head, *tail, *also;
    } parts[] = {
        {"x:a", "b", "!$&'()*+,;=:@/?#"},  {"x://a", "b@h", "!$&'()*+,;=:/?#"},
        {"x://a", "b", "!$&'()*+,;=/?#@"}, {"x:?a", "b", "!$&'()*+,;=:@/?#"},
        {"x:#a", "b", "!$&'()*+,;=:@/?"},
    };
    char text[32];

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        for (int c = 0; c < 256; c++) {
            size_t head = strlen(parts[i].head), tail = strlen(parts[i].tail);
            struct text t = {text, head + 1 + tail};
            struct uri u;
            bool is_ok;

            memcpy(text, parts[i].head, head);
            text[head] = (char)c;
            memcpy(text + head + 1, parts[i].tail, tail);
            is_ok = c && (strchr("0123456789-._~abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                                 c) ||
                          strchr(parts[i].also, c));
            if ((uri_parse(t, &u) == STATUS_OK) != is_ok)
                ck_abort_msg("part %zu, byte 0x%02x", i, (unsigned)c);
        }
}
END_TEST

START_TEST(test_ipv4)
{
    static const char *const yes[] = {"0.0.0.0", "255.255.255.255",
                                      "1.20.199.249", "192.168.0.1"};
    static const char *const no[] = {
        "",          "1",         "1.2",        "1.2.3",     "1.2.3.",
        "1.2.3.4.",  ".1.2.3.4",  "1.2.3.4.5",  "1..2.3",    "256.1.1.1",
        "1.1.1.256", "1.2.3.999", "1.2.3.0004", "01.2.3.4",  "1.2.3.04",
        "00.0.0.0",  "1.2.3.4 ",  " 1.2.3.4",   "1.2.3.4\n", "+1.2.3.4",
        "-1.2.3.4",  "0x1.2.3.4", "1e1.2.3.4",  "1.2.3.a",   "1,2,3,4",
        "1.2.3.4/8", "1.2.3.4:1", "2130706433"};

    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        ck_assert_msg(uri_is_ipv4(text_of(yes[i])), "%s", yes[i]);
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        ck_assert_msg(!uri_is_ipv4(text_of(no[i])), "%s", no[i]);
    ck_assert(!uri_is_ipv4(TEXT_LIT("1.2.3.4\0")));
    ck_assert(!uri_is_ipv4(TEXT_LIT("1.2.3.\xD9\xA4")));
}
END_TEST

START_TEST(test_ipv6)
{
    static const char *const yes[] = {
        "::",
        "::1",
        "1::",
        "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7::",
        "::2:3:4:5:6:7:8",
        "1::3:4:5:6:7:8",
        "1:2:3:4:5:6:1.2.3.4",
        "::1.2.3.4",
        "1:2:3:4:5::1.2.3.4",
        "::2:3:4:5:6:1.2.3.4",
        "ffff:FFFF:0000:0:00:000:abcd:EF01",
    };
    static const char *const no[] = {
        "",
        ":",
        ":::",
        "::::",
        "1",
        "1:",
        ":1",
        "1:2",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:",
        ":2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8:",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "::1:2:3:4:5:6:7:8",
        "1:2:3:4::5:6:7:8",
        "1::2::3",
        "::1::",
        "1:::2",
        ":::1",
        "12345::",
        "::12345",
        "::g",
        "::1.2.3",
        "::1.2.3.4.5",
        "::1.2.3.256",
        "::1.2.3.04",
        "1.2.3.4::",
        "::1.2.3.4:5",
        "1.2.3.4",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1:2:3:4:5:1.2.3.4",
        "1::2:3:4:5:6:1.2.3.4",
        "[::1]",
        "::1%eth0",
        "::1/64",
        " ::1",
        "::1 ",
        "::1\n",
        "0x1::",
        "-1::",
    };

    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        ck_assert_msg(uri_is_ipv6(text_of(yes[i])), "%s", yes[i]);
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        ck_assert_msg(!uri_is_ipv6(text_of(no[i])), "%s", no[i]);
    ck_assert(!uri_is_ipv6(TEXT_LIT("::1\0")));
}
END_TEST

START_TEST(test_decode)
{
    static const struct {
        struct text in, plain, form; /* absent: invalid */
    } cases[] = {
        {TEXT(""), TEXT(""), TEXT("")},
        {TEXT("abc"), TEXT("abc"), TEXT("abc")},
        {TEXT("a+b"), TEXT("a+b"), TEXT("a b")},
        {TEXT("%2B+"), TEXT("++"), TEXT("+ ")},
        {TEXT("%25"), TEXT("%"), TEXT("%")},
        {TEXT("%252B"), TEXT("%2B"), TEXT("%2B")},
        {TEXT("%00%ff%Fe"), TEXT("\0\xff\xfe"), TEXT("\0\xff\xfe")},
        {TEXT("%c3%A9!"), TEXT("\xc3\xa9!"), TEXT("\xc3\xa9!")},
        {TEXT("\xc3\xa9"), TEXT("\xc3\xa9"), TEXT("\xc3\xa9")},
        {TEXT("%"), {NULL, 0}, {NULL, 0}},
        {TEXT("a%"), {NULL, 0}, {NULL, 0}},
        {TEXT("a%2"), {NULL, 0}, {NULL, 0}},
        {TEXT("%2g"), {NULL, 0}, {NULL, 0}},
        {TEXT("%g2"), {NULL, 0}, {NULL, 0}},
        {TEXT("%%41"), {NULL, 0}, {NULL, 0}},
        {TEXT("% 1"), {NULL, 0}, {NULL, 0}},
        {TEXT("%+1"), {NULL, 0}, {NULL, 0}},
        {TEXT("%u0041"), {NULL, 0}, {NULL, 0}},
        {TEXT("%-1"), {NULL, 0}, {NULL, 0}},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int form = 0; form < 2; form++) {
            struct text want = form ? cases[i].form : cases[i].plain;
            size_t len = 77, room = cases[i].in.len;
            char *out = malloc(room + (room == 0));

            ck_assert_ptr_nonnull(out);
            if (text_is_absent(want)) {
                ck_assert_int_eq(uri_decode(cases[i].in, form, out, &len),
                                 STATUS_INVALID);
                ck_assert_uint_eq(len, 77);
            } else {
                ck_assert_int_eq(uri_decode(cases[i].in, form, out, &len),
                                 STATUS_OK);
                ck_assert(text_equal(text_make(out, len), want));
            }
            free(out);
        }
}
END_TEST

START_TEST(test_decode_in_place)
{
    char text[] = "%41b%43+";
    size_t len;

    ck_assert_int_eq(
        uri_decode(text_make(text, strlen(text)), true, text, &len), STATUS_OK);
    ck_assert(text_is(text_make(text, len), "AbC "));
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("base/uri");
    TCase *t = tcase_create("uri");

    tcase_add_loop_test(t, test_good, 0, ARRAY_LEN(good));
    tcase_add_loop_test(t, test_relative, 0, ARRAY_LEN(relative));
    tcase_add_loop_test(t, test_bad, 0, ARRAY_LEN(bad));
    tcase_add_test(t, test_absent);
    tcase_add_test(t, test_every_byte);
    tcase_add_test(t, test_ipv4);
    tcase_add_test(t, test_ipv6);
    tcase_add_test(t, test_decode);
    tcase_add_test(t, test_decode_in_place);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(suite());
    int failed;

    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
