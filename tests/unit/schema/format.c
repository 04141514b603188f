/* SPDX-License-Identifier: Apache-2.0
 *
 * The formats beyond what the public suite asks (tests/conformance/formats.c
 * runs that): every limit from both sides, and what is nearly right.
 */
#include "schema/format.h"

#include <math.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/check.h"
#include "unit.h"

static bool matches(const char *format, struct text t)
{
    const struct schema_format *f = schema_format_find(text_of(format));
    /* On the heap, so that the sanitizer sees a byte read beside it. */
    char *copy = malloc(t.len + (t.len == 0));
    bool answer;

    ck_assert_msg(f != NULL, "no format %s", format);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, t.data, t.len);
    answer = f->matches(text_make(copy, t.len));
    free(copy);
    return answer;
}

static void expect(const char *format, bool valid, const struct text *list,
                   size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (matches(format, list[i]) != valid)
            ck_abort_msg("%s: '%.*s' should%s match", format, TEXT_ARG(list[i]),
                         valid ? "" : " not");
}

#define YES(format, ...)                                                       \
    do {                                                                       \
        static const struct text list[] = {__VA_ARGS__};                       \
        expect(format, true, list, ARRAY_LEN(list));                           \
    } while (0)
#define NO(format, ...)                                                        \
    do {                                                                       \
        static const struct text list[] = {__VA_ARGS__};                       \
        expect(format, false, list, ARRAY_LEN(list));                          \
    } while (0)

/* `count` times `c`, then `tail`. */
static struct text repeated(struct buffer *b, const char *head, char c,
                            size_t count, const char *tail)
{
    buffer_clear(b);
    ck_assert_int_eq(buffer_append_str(b, head), STATUS_OK);
    for (size_t i = 0; i < count; i++)
        if (buffer_append_char(b, c) != STATUS_OK)
            ck_abort();
    ck_assert_int_eq(buffer_append_str(b, tail), STATUS_OK);
    return buffer_text(b);
}

START_TEST(the_table)
{
    static const char *const names[] = {
        "date",  "date-time",     "double",   "e164",     "email",
        "float", "handle",        "hostname", "http-url", "https-url",
        "int32", "int64",         "ipv4",     "ipv6",     "time",
        "uri",   "uri-reference", "uuid"};
    size_t i = 0;

    for (; i < ARRAY_LEN(names); i++) {
        const struct schema_format *f = schema_format_at(i);

        ck_assert_ptr_nonnull(f);
        ck_assert_str_eq(f->name, names[i]);
        ck_assert_ptr_eq(schema_format_find(text_of(names[i])), f);
        ck_assert_int_gt((int)strlen(f->expected), 5);
    }
    ck_assert_ptr_null(schema_format_at(i));
    ck_assert_ptr_null(schema_format_at(SIZE_MAX));
}
END_TEST

START_TEST(unknown_names)
{
    static const struct text names[] = {
        TEXT(""),         TEXT("DATE"),        TEXT("date "),
        TEXT("dat"),      TEXT("date-time\0"), TEXT("regex"),
        TEXT("iri"),      TEXT("idn-email"),   TEXT("duration"),
        TEXT("password"), TEXT("byte"),        TEXT("int16")};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        ck_assert_ptr_null(schema_format_find(names[i]));
    ck_assert_ptr_null(schema_format_find(text_of(NULL)));
}
END_TEST

START_TEST(no_string_format_takes_nothing)
{
    const struct schema_format *f;

    for (size_t i = 0; (f = schema_format_at(i)); i++)
        if (!f->is_number && strcmp(f->name, "uri-reference") != 0)
            ck_assert_msg(!matches(f->name, TEXT_LIT("")), "%s", f->name);
    ck_assert(matches("uri-reference", TEXT_LIT("")));
}
END_TEST

START_TEST(e164)
{
    YES("e164", TEXT("+14155550100"), TEXT("+12"), TEXT("+123456789012345"),
        TEXT("+99"));
    NO("e164", TEXT("+"), TEXT("+1"), TEXT("+1234567890123456"), TEXT("+0123"),
       TEXT("+00"), TEXT("14155550100"), TEXT("0014155550100"),
       TEXT(" +14155550100"), TEXT("+14155550100 "), TEXT("+14155550100\n"),
       TEXT("+1 415 555 0100"), TEXT("+1-415-555-0100"), TEXT("+1(415)5550100"),
       TEXT("++14155550100"), TEXT("+1415555010a"), TEXT("+1.4155550100"),
       TEXT("+\xD9\xA1\xD9\xA2\xD9\xA3"),
       TEXT("\xEF\xBC\x8B"
            "14155550100"),
       TEXT("+1415555\0000100"), TEXT("tel:+14155550100"));
}
END_TEST

START_TEST(uuid)
{
    YES("uuid", TEXT("00000000-0000-0000-0000-000000000000"),
        TEXT("FFFFFFFF-ffff-FFFF-ffff-FFFFFFFFFFFF"));
    NO("uuid", TEXT("{00000000-0000-0000-0000-000000000000}"),
       TEXT("00000000-0000-0000-0000-00000000000g"),
       TEXT("00000000_0000-0000-0000-000000000000"),
       TEXT("00000000-0000-0000-0000_000000000000"),
       TEXT("00000000-0000-0000-0000-0000000000000"),
       TEXT("0000000000000-0000-0000-000000000000"),
       TEXT("000000000000000000000000000000000000"),
       TEXT("------------------------------------"),
       TEXT("00000000-0000-0000-0000-00000000000\0"));
}
END_TEST

START_TEST(urls)
{
    YES("https-url", TEXT("https://example.com"), TEXT("HTTPS://a/b?c#d"),
        TEXT("https://u@[::1]:8443/"), TEXT("https://a."));
    NO("https-url", TEXT("http://example.com"), TEXT("https:"),
       TEXT("https://"), TEXT("https:///x"), TEXT("https://:443/"),
       TEXT("https://u@/"), TEXT("https:/example.com"),
       TEXT("https:example.com"), TEXT("//example.com"), TEXT("example.com"),
       TEXT("httpss://example.com"), TEXT("https://exa mple.com"),
       TEXT("https://example.com/\xC3\xA9"), TEXT(" https://example.com"),
       TEXT("https://example.com\n"), TEXT("https:\\\\example.com"),
       TEXT("javascript:https://a"), TEXT("https://example.com:x"));
    YES("http-url", TEXT("http://example.com"), TEXT("https://example.com"),
        TEXT("Http://a"));
    NO("http-url", TEXT("ftp://example.com"), TEXT("http:///"), TEXT("http:a"),
       TEXT("htt://a"), TEXT("http+x://a"), TEXT("//a"));
    YES("uri", TEXT("a:"), TEXT("urn:x:y"));
    NO("uri", TEXT("a"), TEXT("/a"), TEXT("//a"), TEXT("#a"), TEXT("a:#b#"));
    YES("uri-reference", TEXT("a"), TEXT("/a"), TEXT("#a"), TEXT("../?b"));
    NO("uri-reference", TEXT("a b"), TEXT("\\"), TEXT(":a"), TEXT("%"),
       TEXT("\xC3\xA9"));
}
END_TEST

START_TEST(dates)
{
    YES("date", TEXT("0000-02-29"), TEXT("9999-12-31"), TEXT("2000-02-29"));
    NO("date", TEXT("1900-02-29"), TEXT("2026-02-29"), TEXT("2026-1-31"),
       TEXT("2026-01-31\n"), TEXT("2026-01"), TEXT("2026-01-"),
       TEXT("2026-01-1"), TEXT("2026-13-01"), TEXT("-026-01-01"),
       TEXT("2026-01-31T"), TEXT("2026-01- 1"), TEXT("2026-+1-01"));
}
END_TEST

START_TEST(times)
{
    YES("time", TEXT("00:00:00Z"), TEXT("23:59:59z"), TEXT("12:00:00.5+23:59"),
        TEXT("12:00:00-00:00"), TEXT("23:59:60Z"), TEXT("23:59:60.999Z"),
        TEXT("01:29:60+01:30"), TEXT("23:29:60+23:30"), TEXT("15:59:60-08:00"),
        TEXT("00:29:60-23:30"));
    NO("time", TEXT("12:00:00"), TEXT("12:00Z"), TEXT("24:00:00Z"),
       TEXT("12:60:00Z"), TEXT("12:00:61Z"), TEXT("12:00:00+24:00"),
       TEXT("12:00:00+12:60"), TEXT("12:00:00+1:00"), TEXT("12:00:00+0100"),
       TEXT("12:00:00.Z"), TEXT("12:00:00,5Z"), TEXT("12:00:00 Z"),
       TEXT("12:00:00ZZ"), TEXT("12:00:00Z+00:00"), TEXT("T12:00:00Z"),
       TEXT("1:00:00Z"), TEXT("12:0:00Z"), TEXT("12:00:0Z"), TEXT("12-00-00Z"),
       TEXT("22:59:60Z"), TEXT("23:58:60Z"), TEXT("23:59:60+01:00"),
       TEXT("00:59:60-01:00"),
       TEXT("12:00:00\xE2\x88\x92"
            "01:00"));
}
END_TEST

START_TEST(date_times)
{
    YES("date-time", TEXT("2026-01-31T12:00:00Z"), TEXT("2016-12-31T23:59:60Z"),
        TEXT("2015-06-30t23:59:60.5z"),
        /* The last second of a month in UTC, seen from elsewhere. */
        TEXT("2017-01-01T08:59:60+09:00"), TEXT("2016-12-31T18:59:60-05:00"),
        TEXT("2015-06-30T00:00:60-23:59"), TEXT("2015-07-01T23:58:60+23:59"));
    NO("date-time", TEXT("2026-01-31 12:00:00Z"), TEXT("2026-01-31"),
       TEXT("2026-01-31T"), TEXT("2026-01-31T12:00:00"),
       TEXT("2026-01-31TT12:00:00Z"), TEXT("2026-01-31T12:00:00Z "),
       TEXT("2026-02-30T12:00:00Z"), TEXT("12:00:00Z"),
       TEXT("2026-01-31_12:00:00Z"), TEXT("20260131T120000Z"),
       /* not at the end of a month */
       TEXT("2016-12-30T23:59:60Z"), TEXT("2016-12-31T08:59:60+09:00"),
       TEXT("2017-01-02T08:59:60+09:00"), TEXT("2016-12-30T18:59:60+05:00"),
       TEXT("2017-01-01T18:59:60-05:00"), TEXT("2016-02-28T23:59:60Z"),
       TEXT("2015-06-30T23:58:60-23:59"));
    YES("date-time", TEXT("2016-02-29T23:59:60Z"));
}
END_TEST

START_TEST(hostnames)
{
    struct buffer b;
    char long_name[260];

    YES("hostname", TEXT("a"), TEXT("1"), TEXT("1.2.3.4"), TEXT("a-b.C-d"),
        TEXT("localhost"), TEXT("ab--cd.x"), TEXT("XN--9N2BP8Q"),
        TEXT("xn--bcher-kva.example"), TEXT("XN--BCHER-KVA"));
    NO("hostname", TEXT("."), TEXT("a..b"), TEXT(".a"), TEXT("a."), TEXT("-a"),
       TEXT("a-"), TEXT("a.-b"), TEXT("a-.b"), TEXT("a b"), TEXT("a_b"),
       TEXT("a\0"), TEXT("a/b"), TEXT("a:80"), TEXT("[::1]"),
       TEXT("b\xC3\xBC"
            "cher"),
       TEXT("*.example.com"), TEXT("a%41"), TEXT("xn--"), TEXT("xn--a"),
       TEXT("xn--a-"), TEXT("a.xn--x.b"),
       /* ASCII only; then upper case, ligature, full width; then garbage */
       TEXT("xn--abc-"), TEXT("xn--tda-"), TEXT("xn--7ba"), TEXT("xn--jm6c"),
       TEXT("xn--mi7c"), TEXT("xn--999999999"), TEXT("xn--zzzzzzzzzzzzzz"));
    buffer_init(&b, 1024);
    ck_assert(matches("hostname", repeated(&b, "", 'a', 63, ".b")));
    ck_assert(!matches("hostname", repeated(&b, "", 'a', 64, ".b")));
    buffer_release(&b);
    for (size_t i = 0; i < sizeof(long_name); i++)
        long_name[i] = i % 2 ? '.' : 'a';
    ck_assert(matches("hostname", text_make(long_name, 253)));
    ck_assert(!matches("hostname", text_make(long_name, 255)));
}
END_TEST

START_TEST(addresses)
{
    YES("ipv4", TEXT("192.0.2.1"));
    NO("ipv4", TEXT("192.0.2.01"), TEXT("192.0.2"));
    YES("ipv6", TEXT("2001:db8::1"));
    NO("ipv6", TEXT("[::1]"), TEXT("::1%lo"), TEXT("1.2.3.4"));
}
END_TEST

START_TEST(emails)
{
    YES("email", TEXT("a@b"), TEXT("!#$%&'*+-/=?^_`{|}~@example.com"),
        TEXT("\"\"@b"), TEXT("\"a\\\"b\"@c"), TEXT("\"a\\\\\"@c"),
        TEXT("\" @ \"@c"), TEXT("a@[1.2.3.4]"), TEXT("a@[001.02.3.255]"),
        TEXT("a@[ipv6:::]"), TEXT("a@[IPv6:1:2:3:4:5:6:7:8]"),
        TEXT("a@[IPv6:1:2:3:4:5:6::]"), TEXT("a@[IPv6:1:2:3:4::1.2.3.4]"),
        TEXT("a@[IPv6:::ffff:1.2.3.004]"));
    NO("email", TEXT("@"), TEXT("a"), TEXT("a@"), TEXT("@b"), TEXT("a@@b"),
       TEXT("a@b@c"), TEXT(".a@b"), TEXT("a.@b"), TEXT("a..b@c"), TEXT("a b@c"),
       TEXT("a@b c"), TEXT("a@b."), TEXT("a@.b"), TEXT("a@-b"), TEXT("a@b_c"),
       TEXT("a@b\n"), TEXT("a\0@b"), TEXT("a@b\0"), TEXT("<a@b>"),
       TEXT("a(x)@b"), TEXT("a,b@c"), TEXT("a;b@c"), TEXT("a\\b@c"),
       TEXT("\"a@b"), TEXT("\"a\"b@c"), TEXT("a\"b\"@c"), TEXT("\"a\".b@c"),
       TEXT("\"a\\\"@c"), TEXT("\"a\n\"@c"), TEXT("\"\\\n\"@c"),
       TEXT("\"a\x7f\"@c"), TEXT("\"\"\"@c"), TEXT("\"\""), TEXT("\"\"@"),
       TEXT("\""), TEXT("\"\\"), TEXT("\xC3\xA9@b"), TEXT("a@\xC3\xA9"),
       TEXT("\"\xC3\xA9\"@b"), TEXT("a@[]"), TEXT("a@["), TEXT("a@]"),
       TEXT("a@[1.2.3]"), TEXT("a@[1.2.3.4"), TEXT("a@1.2.3.4]"),
       TEXT("a@[1.2.3.256]"), TEXT("a@[1.2.3.0004]"), TEXT("a@[1.2.3.]"),
       TEXT("a@[::1]"), TEXT("a@[IPv6:]"), TEXT("a@[IPv6:1.2.3.4]"),
       TEXT("a@[IPv6:1:2:3:4:5:6:7::]"), TEXT("a@[IPv6:::2:3:4:5:6:7:8]"),
       TEXT("a@[IPv6:1:2:3:4:5::1.2.3.4]"), TEXT("a@[IPv6:1::2::3]"),
       TEXT("a@[IPv6:::1%lo]"), TEXT("a@[tag:x]"), TEXT("a@[IPv6:::1]x"),
       TEXT("a@[IPv7:::1]"),
       TEXT("a@[IPv6:00000000000000000000000000000000000000000000000000000000"
            "00000000000000:1.2.3.4]"));
}
END_TEST

START_TEST(handles)
{
    struct buffer b;

    buffer_init(&b, 1024);
    YES("handle", TEXT("name@example.com"), TEXT("a.b+c@d.e"),
        TEXT("~!#$%&'*/=?^_`{|}@a-b.c1"));
    NO("handle", TEXT("a@localhost"), TEXT("a@b."), TEXT("a@.b"), TEXT("@b.c"),
       TEXT("a@"), TEXT("a.@b.c"), TEXT(".a@b.c"), TEXT("a..b@c.d"),
       TEXT("a@b@c.d"), TEXT("a b@c.d"), TEXT("\"a\"@b.c"), TEXT("a@[1.2.3.4]"),
       TEXT("a@b..c"), TEXT("a@-b.c"), TEXT("a@b-.c"), TEXT("a@b_c.d"),
       TEXT("a@b.c\n"), TEXT(" a@b.c"), TEXT("\xC3\xA9@b.c"),
       TEXT("a@b.\xC3\xA9"), TEXT("mailto:a@b.c"), TEXT("A <a@b.c>"),
       TEXT("a@b.c\0"), TEXT("+14155550100"), TEXT("a\0@b.c"));
    ck_assert(matches("handle", repeated(&b, "", 'a', 64, "@b.c")));
    ck_assert(!matches("handle", repeated(&b, "", 'a', 65, "@b.c")));
    ck_assert(matches("handle", repeated(&b, "a@", 'b', 63, ".c")));
    ck_assert(!matches("handle", repeated(&b, "a@", 'b', 64, ".c")));
    /* 254 octets in all: a@ and 250 in labels of one, and one of 3. */
    repeated(&b, "a@", 'b', 0, "");
    while (b.len < 251)
        ck_assert_int_eq(buffer_append_str(&b, "b."), STATUS_OK);
    ck_assert_int_eq(buffer_append_str(&b, "cc"), STATUS_OK);
    ck_assert_uint_eq(b.len, 254);
    ck_assert(matches("handle", buffer_text(&b)));
    ck_assert_int_eq(buffer_append_str(&b, "c"), STATUS_OK);
    ck_assert(!matches("handle", buffer_text(&b)));
    buffer_release(&b);
}
END_TEST

START_TEST(integers)
{
    struct buffer b;

    buffer_init(&b, 4096);
    YES("int32", TEXT("0"), TEXT("-0"), TEXT("0.0"), TEXT("0e999999999999"),
        TEXT("1.0"), TEXT("1e2"), TEXT("1.50e1"), TEXT("10e-1"),
        TEXT("2147483647"), TEXT("-2147483648"), TEXT("2147483647.000"),
        TEXT("2.147483647e9"), TEXT("-2147483648e0"), TEXT("21474836470e-1"),
        TEXT("0.000002147483647E+15"));
    NO("int32", TEXT("2147483648"), TEXT("-2147483649"), TEXT("0.5"),
       TEXT("1e-1"), TEXT("2147483646.5"), TEXT("1.05e1"), TEXT("1e10"),
       TEXT("1e999999999999999999999"), TEXT("1e-999999999999999999999"),
       TEXT("-1e10"), TEXT("2147483647.0000000000000000000000000000000001"));
    YES("int64", TEXT("9223372036854775807"), TEXT("-9223372036854775808"),
        TEXT("9223372036854775807.0"), TEXT("9.223372036854775807e18"),
        TEXT("-922337203685477580800e-2"), TEXT("1e18"));
    NO("int64", TEXT("9223372036854775808"), TEXT("-9223372036854775809"),
       TEXT("9223372036854775806.5"), TEXT("1e19"), TEXT("0.1"),
       TEXT("9.2233720368547758070000000000000000000000000000001e18"));
    /* a one, a thousand zeros, and the exponent that takes them back */
    ck_assert(matches("int32", repeated(&b, "1", '0', 1000, "e-1000")));
    ck_assert(!matches("int32", repeated(&b, "1", '0', 1000, "e-1001")));
    ck_assert(matches("int32", repeated(&b, "0.", '0', 1000, "1e1001")));
    ck_assert(!matches("int32", repeated(&b, "0.", '0', 1000, "1e1000")));
    ck_assert(matches("int64", repeated(&b, "7.", '0', 1000, "")));
    ck_assert(!matches("int64", repeated(&b, "7.", '0', 1000, "1")));
    buffer_release(&b);
}
END_TEST

START_TEST(floats)
{
    YES("double", TEXT("0"), TEXT("-1.5"), TEXT("1e-999999999999999999999"),
        TEXT("1.7976931348623157e308"), TEXT("-1.7976931348623157e308"),
        TEXT("1.7976931348623158e308"), TEXT("0e99999"));
    NO("double", TEXT("1.7976931348623159e308"), TEXT("1e309"), TEXT("-1e309"),
       TEXT("1e999999999999999999999"));
    YES("float", TEXT("3.4028234663852886e38"), TEXT("-3.4028235e38"),
        TEXT("340282356779733661637539395458142568447.9"));
    NO("float", TEXT("340282356779733661637539395458142568448"),
       TEXT("-340282356779733661637539395458142568448"), TEXT("3.4028236e38"),
       TEXT("1e39"));
}
END_TEST

/* strtod() rounds correctly in glibc: it must find the same limit. */
START_TEST(double_agrees_with_strtod)
{
    static const char *const digits[] = {"17976931348623157",
                                         "17976931348623158",
                                         "179769313486231580793728971405303",
                                         "179769313486231580793728971405304",
                                         "17976931348623159",
                                         "18",
                                         "2",
                                         "1"};
    char text[80];

    for (size_t i = 0; i < ARRAY_LEN(digits); i++)
        for (int e = 305; e < 312; e++) {
            snprintf(text, sizeof(text), "-0.%se%d", digits[i], e);
            ck_assert_int_eq(matches("double", text_of(text)),
                             isfinite(strtod(text, NULL)));
        }
}
END_TEST

UNIT_MAIN("schema/format", the_table, unknown_names,
          no_string_format_takes_nothing, e164, uuid, urls, dates, times,
          date_times, hostnames, addresses, emails, handles, integers, floats,
          double_agrees_with_strtod)
