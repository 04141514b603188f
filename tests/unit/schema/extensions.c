/* SPDX-License-Identifier: Apache-2.0
 *
 * x-parts and x-decorations, by themselves: presigned URLs and look-alikes,
 * counts, overlaps against a slow check of every pair, and large lists.
 */
#include "tests/unit/schema/validate.h"
#include "tests/unit/unit.h"

static void expect(const struct schema_plan *plan, struct text body,
                   const char *found)
{
    struct verdict v = validate(plan, body);

    if (*found ? !strstr(v.text.data, found) : v.count != 0)
        ck_abort_msg("%.200s\n%s\n%s", body.data, found, v.text.data);
    verdict_release(&v);
}

/* ---- parts ---- */

START_TEST(presigned_urls_and_their_look_alikes)
{
    static const char schema[] =
        "{\"x-parts\":{\"max_public_urls\":0,\"url\":\"url\","
        "\"presigned_hosts\":[\"cdn.linqapp.com\"]}}";
    static const char *const exempt[] = {
        "https://cdn.linqapp.com/a?X-Amz-Signature=1",
        "https://CDN.LinqApp.com/",
        "HTTPS://cdn.linqapp.com",
        "https://cdn.linqapp.com:443/a",
        "https://cdn.linqapp.com:/a",
    };
    static const char *const counted[] = {
        "https://cdn.linqapp.com.evil.example/a",
        "https://cdn.linqapp.com@evil.example/a",
        "https://user@cdn.linqapp.com/a",
        "https://user:cdn.linqapp.com@evil.example/",
        "https://evil.example/cdn.linqapp.com",
        "https://evil.example/?https://cdn.linqapp.com/",
        "https://evil.example#@cdn.linqapp.com/",
        "https://cdn.linqapp.com:8443/a",
        "https://cdn.linqapp.com./a",
        "https://xcdn.linqapp.com/a",
        "https://x.cdn.linqapp.com/a",
        "http://cdn.linqapp.com/a",
        "//cdn.linqapp.com/a",
        "cdn.linqapp.com",
        "https:cdn.linqapp.com",
        "https:/cdn.linqapp.com/a",
        "https:///cdn.linqapp.com/a",
        "https://cdn.linqapp.com\\\\@evil.example/",
        "https://evil.example\\\\.cdn.linqapp.com/",
        "https://cdn.linqapp%2ecom/a",
        "https://cdn.linqapp.com%00.evil.example/",
        " https://cdn.linqapp.com/a",
        "https://cdn.linqapp.com /a",
        "https://[cdn.linqapp.com]/a",
        "https://evil.example/a?X-Amz-Signature=1",
        "",
    };
    struct fixture f;
    char body[256];
    size_t i;

    fixture_init(&f, schema);
    ck_assert_ptr_nonnull(f.plan);
    for (i = 0; i < ARRAY_LEN(exempt); i++) {
        snprintf(body, sizeof(body), "[{\"url\":\"%s\"}]", exempt[i]);
        expect(f.plan, text_of(body), "");
    }
    for (i = 0; i < ARRAY_LEN(counted); i++) {
        snprintf(body, sizeof(body), "[{\"url\":\"%s\"}]", counted[i]);
        expect(f.plan, text_of(body), "0 /0 parts.public_urls");
    }
    fixture_release(&f);
}
END_TEST

START_TEST(one_public_url_too_many_is_told)
{
    static const char schema[] =
        "{\"x-parts\":{\"max_public_urls\":40,\"url\":\"url\","
        "\"presigned_hosts\":[\"cdn.linqapp.com\"]}}";
    struct buffer body;
    struct fixture f;
    struct verdict v;
    int i;

    fixture_init(&f, schema);
    buffer_init(&body, 65536);
    for (i = 0; i < 50; i++) {
        CHECK(buffer_printf(
                  &body, "%c{\"url\":\"https://%s/%d\"}", i ? ',' : '[',
                  i % 10 ? "a.example" : "cdn.linqapp.com", i) == STATUS_OK);
        if (i == 44) { /* 40 public ones and 5 presigned */
            CHECK(buffer_append_str(&body, "]") == STATUS_OK);
            expect(f.plan, buffer_text(&body), "");
            buffer_truncate(&body, body.len - 1);
        }
    }
    CHECK(buffer_append_str(&body, ",{\"url\":7},7,[1],{\"x\":\"url\"}]") ==
          STATUS_OK);
    v = validate(f.plan, buffer_text(&body));
    ck_assert_uint_eq(v.count, 1);
    ck_assert_ptr_nonnull(strstr(v.text.data, "0 /45 parts.public_urls"));
    verdict_release(&v);
    buffer_release(&body);
    fixture_release(&f);
}
END_TEST

START_TEST(parts_that_stand_alone_or_apart)
{
    static const struct {
        const char *body, *found;
    } rows[] = {
        {"[]", ""},
        {"{}", ""},
        {"7", ""},
        {"[{\"kind\":\"link\"}]", ""},
        {"[{\"kind\":\"link\"},{\"kind\":\"link\"}]", "0  parts.alone"},
        {"[{\"kind\":\"a\"},{\"kind\":\"link\"}]", "0  parts.alone"},
        {"[{\"kind\":\"link\"},7]", "0  parts.alone"},
        {"[{\"kind\":\"text\"},{\"kind\":\"text\"}]", "0 /1 parts.adjacent"},
        {"[{\"kind\":\"text\"},{\"x\":[{\"kind\":\"a\"}],\"kind\":\"text\"}]",
         "0 /1 parts.adjacent"},
        {"[{\"kind\":\"text\"},{\"kind\":\"a\"},{\"kind\":\"text\"}]", ""},
        {"[{\"kind\":\"text\"},{\"kind\":\"note\"},{\"kind\":\"text\"}]", ""},
        {"[{\"kind\":\"text\"},{},{\"kind\":\"text\"}]", ""},
        {"[{\"kind\":\"text\"},7,{\"kind\":\"text\"}]", ""},
        {"[{\"kind\":\"text\"},[],{\"kind\":\"text\"}]", ""},
        {"[{\"kind\":\"text\"},{\"kind\":{\"kind\":\"text\"}}]", ""},
        {"[{\"type\":\"link\"},{\"type\":\"link\"}]", ""},
    };
    struct fixture f;
    size_t i;

    fixture_init(&f, "{\"x-parts\":{\"alone\":[\"link\"],\"not_adjacent\":["
                     "\"text\",\"note\"],\"kind\":\"kind\"}}");
    ck_assert_ptr_nonnull(f.plan);
    for (i = 0; i < ARRAY_LEN(rows); i++)
        expect(f.plan, text_of(rows[i].body), rows[i].found);
    fixture_release(&f);
}
END_TEST

/* Two schemas with the keyword on one value: each has a count of its own. */
START_TEST(extensions_do_not_share_their_state)
{
    struct fixture f;
    struct verdict v;

    fixture_init(&f, "{\"allOf\":[{\"x-parts\":{\"max_public_urls\":1,\"url\":"
                     "\"u\"}},{\"x-parts\":{\"max_public_urls\":2,\"url\":"
                     "\"u\"}}]}");
    v = validate(f.plan, TEXT_LIT("[{\"u\":\"a\"},{\"u\":\"b\"}]"));
    ck_assert_uint_eq(v.count, 1);
    verdict_release(&v);
    v = validate(f.plan, TEXT_LIT("[{\"u\":\"a\"},{\"u\":\"b\"},"
                                  "{\"u\":\"c\"}]"));
    ck_assert_uint_eq(v.count, 2);
    verdict_release(&v);
    fixture_release(&f);
}
END_TEST

/* ---- decorations ---- */

static const char decorated[] =
    "{\"x-decorations\":{\"text\":\"t\",\"list\":\"l~/\",\"range\":\"r\","
    "\"exactly_one\":[\"s\",\"a\"],\"exclusive\":[\"a\"]}}";

START_TEST(units_are_those_of_utf_16)
{
    static const struct {
        const char *text;
        int units;
    } rows[] = {
        {"", 0},
        {"a", 1},
        {"\xc3\xa9", 1},
        {"\xe2\x82\xac", 1},
        {"\xf0\x9f\x98\x80", 2},
        {"\\ud83d\\ude00", 2},
        {"\\n\\u0041", 2},
        {"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7", 5},
    };
    struct fixture f;
    char body[256];
    size_t i;

    fixture_init(&f, decorated);
    ck_assert_ptr_nonnull(f.plan);
    for (i = 0; i < ARRAY_LEN(rows); i++) {
        int end = rows[i].units;

        snprintf(body, sizeof(body),
                 "{\"l~/\":[{\"s\":1,\"r\":[0,%d]}],\"t\":\"%s\"}", end + 1,
                 rows[i].text);
        expect(f.plan, text_of(body), "0 /l~0~1/0/r decorations.range");
        if (end == 0)
            continue;
        snprintf(body, sizeof(body),
                 "{\"l~/\":[{\"s\":1,\"r\":[0,%d]}],\"t\":\"%s\"}", end,
                 rows[i].text);
        expect(f.plan, text_of(body), "");
    }
    fixture_release(&f);
}
END_TEST

START_TEST(odd_shapes_are_nobodys_crash)
{
    static const struct {
        const char *body, *found;
    } rows[] = {
        {"[]", ""},
        {"{\"l~/\":7}", ""},
        {"{\"l~/\":{\"r\":[0,1]}}", ""},
        {"{\"l~/\":[7,[],[{\"r\":7}],null]}", ""},
        {"{\"t\":7,\"l~/\":[{\"s\":1,\"r\":[0,100]}]}", ""},
        {"{\"l~/\":[{\"s\":1,\"r\":[0,100]}]}", ""},
        {"{\"l~/\":[{\"s\":1,\"r\":{\"0\":1}}]}", "/0/r decorations.range"},
        {"{\"l~/\":[{\"s\":1,\"r\":[[0],1]}]}", "/0/r decorations.range"},
        {"{\"l~/\":[{\"s\":1,\"r\":[]}]}", "/0/r decorations.range"},
        {"{\"l~/\":[{\"s\":1,\"r\":[0,99999999999999999999]}],\"t\":\"a\"}",
         "/0/r decorations.range"},
        {"{\"l~/\":[{\"r\":[0,1]}]}", "0 /l~0~1/0 decorations.kind"},
        {"{\"l~/\":[{\"a\":1,\"s\":1}]}", "0 /l~0~1/0 decorations.kind"},
    };
    struct fixture f;
    size_t i;

    fixture_init(&f, decorated);
    for (i = 0; i < ARRAY_LEN(rows); i++)
        expect(f.plan, text_of(rows[i].body), rows[i].found);
    fixture_release(&f);
}
END_TEST

static uint32_t seed = 1;

static uint32_t some(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

START_TEST(overlaps_are_those_of_every_pair)
{
    struct fixture f;
    struct buffer body;
    int round, i, k;

    fixture_init(&f, decorated);
    buffer_init(&body, 65536);
    for (round = 0; round < 500; round++) {
        struct {
            uint32_t start, end;
            bool exclusive;
        } r[8];
        int n = 1 + (int)some(8);
        bool overlap = false;
        struct verdict v;

        buffer_clear(&body);
        CHECK(buffer_append_str(&body, "{\"l~/\":[") == STATUS_OK);
        for (i = 0; i < n; i++) {
            r[i].start = some(20);
            r[i].end = r[i].start + 1 + some(4);
            r[i].exclusive = some(3) == 0;
            CHECK(buffer_printf(&body, "%s{\"r\":[%u,%u],\"%s\":1}",
                                i ? "," : "", r[i].start, r[i].end,
                                r[i].exclusive ? "a" : "s") == STATUS_OK);
            for (k = 0; k < i; k++)
                overlap |= (r[i].exclusive || r[k].exclusive) &&
                           r[i].start < r[k].end && r[k].start < r[i].end;
        }
        CHECK(buffer_append_str(&body, "]}") == STATUS_OK);
        v = validate(f.plan, buffer_text(&body));
        if ((v.count > 0) != overlap ||
            (overlap && !strstr(v.text.data, "decorations.overlap")))
            ck_abort_msg("%s\n%s", body.data, v.text.data);
        verdict_release(&v);
    }
    buffer_release(&body);
    fixture_release(&f);
}
END_TEST

START_TEST(ten_thousand_are_compared_and_no_more)
{
    struct fixture f;
    struct buffer body;
    struct schema_limits limits;
    struct verdict v;
    int i, n;

    schema_limits_default(&limits);
    fixture_init(&f, decorated);
    for (n = 10000; n <= 10001; n++) {
        buffer_init(&body, 1024 * 1024);
        CHECK(buffer_append_str(&body, "{\"l~/\":[") == STATUS_OK);
        for (i = 0; i < n; i++)
            CHECK(buffer_printf(&body, "%s{\"r\":[%d,%d],\"a\":1}",
                                i ? "," : "", i, i + 1) == STATUS_OK);
        CHECK(buffer_append_str(&body, "]}") == STATUS_OK);
        v = validate_cut(f.plan, &limits, buffer_text(&body), 0, 16384);
        ck_assert_uint_eq(v.count, n == 10001);
        ck_assert_uint_lt(v.memory, 512 * 1024);
        if (n == 10001)
            ck_assert_ptr_nonnull(
                strstr(v.text.data, "/l~0~1/10000 decorations.range"));
        verdict_release(&v);
        buffer_release(&body);
    }
    fixture_release(&f);
}
END_TEST

UNIT_MAIN("schema/extensions", presigned_urls_and_their_look_alikes,
          one_public_url_too_many_is_told, parts_that_stand_alone_or_apart,
          extensions_do_not_share_their_state, units_are_those_of_utf_16,
          odd_shapes_are_nobodys_crash, overlaps_are_those_of_every_pair,
          ten_thousand_are_compared_and_no_more)
