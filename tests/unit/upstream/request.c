/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memmem */
#include "upstream/request.h"

#include <stdio.h>

#include "base/check.h"
#include "unit.h"

static struct buffer out;

static enum status compose(const struct upstream_request *r)
{
    if (out.max == 0)
        buffer_init(&out, 4096);
    return upstream_request_compose(r, "api.example:8443", "/base", &out);
}

START_TEST(a_head_is_laid_out)
{
    struct upstream_header h[] = {{TEXT("A"), TEXT("b: \"c\"\t\xc3\xa4")},
                                  {TEXT("Empty"), {NULL, 0}}};
    struct upstream_request r = {.method = TEXT("GET"),
                                 .target = TEXT("/x?y=%20"),
                                 .headers = h,
                                 .header_count = 2};

    for (int i = 0; i < 2; i++) { /* into the same buffer again */
        ck_assert_int_eq(compose(&r), STATUS_OK);
        ck_assert_str_eq(out.data, "/base/x?y=%20 HTTP/1.1\r\n"
                                   "Host: api.example:8443\r\n"
                                   "A: b: \"c\"\t\xc3\xa4\r\n"
                                   "Empty: \r\n"
                                   "X-Chatgate-Protocol:");
        ck_assert_uint_eq(strlen(out.data), out.len);
    }
    r.headers = NULL;
    r.header_count = 0;
    r.method = TEXT_LIT("PUT");
    ck_assert_int_eq(compose(&r), STATUS_OK);
    ck_assert_ptr_nonnull(strstr(out.data, "\r\nContent-Length: 0\r\n"));
    r.has_body = true;
    r.body = TEXT_LIT("12345");
    ck_assert_int_eq(compose(&r), STATUS_OK);
    ck_assert_ptr_nonnull(strstr(out.data, "\r\nContent-Length: 5\r\n"));
    buffer_release(&out);
}
END_TEST

/* Nothing behind this checks any more: every byte, in every place. */
START_TEST(every_byte_in_every_place)
{
    static const char token[] =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    for (int c = 0; c < 256; c++) {
        char one[3] = {'x', (char)c, 'x'}, target[3] = {'/', (char)c, 'x'};
        bool is_token = c != 0 && strchr(token, c) != NULL;
        bool is_visible = c > ' ' && c < 0x7f;
        bool is_value = (c >= ' ' && c != 0x7f) || c == '\t';
        struct upstream_header h = {TEXT("a"), TEXT("b")};
        struct upstream_request r = {.method = TEXT("GET"),
                                     .target = TEXT("/"),
                                     .headers = &h,
                                     .header_count = 1};

        r.method = text_make(one, 3);
        ck_assert_int_eq(compose(&r) == STATUS_OK, is_token);
        r.method = TEXT_LIT("GET");
        r.target = text_make(target, 3);
        ck_assert_int_eq(compose(&r) == STATUS_OK, is_visible);
        r.target = TEXT_LIT("/");
        h.name = text_make(one, 3);
        ck_assert_int_eq(compose(&r) == STATUS_OK, is_token);
        h.name = TEXT_LIT("a");
        h.value = text_make(one, 3);
        ck_assert_int_eq(compose(&r) == STATUS_OK, is_value);
        if (is_value)
            ck_assert_ptr_nonnull(memmem(out.data, out.len, one, 3));
    }
    buffer_release(&out);
}
END_TEST

START_TEST(framing_is_not_the_caller_s)
{
    static const char *const names[] = {
        "connection",
        "Content-Length",
        "EXPECT",
        "host",
        "Keep-Alive",
        "Proxy-Authorization",
        "Proxy-Authenticate",
        "proxy-authentication-info",
        "Proxy-Connection",
        "TE",
        "Transfer-Encoding",
        "upgrade",
        "Trailer",
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct upstream_header h = {text_of(names[i]), TEXT("x")};
        struct upstream_request r = {.method = TEXT("GET"),
                                     .target = TEXT("/"),
                                     .headers = &h,
                                     .header_count = 1};

        ck_assert_int_eq(compose(&r), STATUS_OK);
        ck_assert_str_eq(out.data, "/base/ HTTP/1.1\r\nHost: api.example:8443"
                                   "\r\nX-Chatgate-Protocol:");
        h.name = TEXT_LIT("");
        ck_assert_int_eq(compose(&r), STATUS_INVALID);
    }
    buffer_release(&out);
}
END_TEST

/* At every length around the buffer's sizes; the sanitizer sees the ends. */
START_TEST(lengths)
{
    char text[4200];

    memset(text, 'x', sizeof(text));
    text[0] = '/';
    for (size_t n = 1; n < sizeof(text); n++) {
        struct upstream_request r = {.method = TEXT("GET"),
                                     .target = {text, n}};
        enum status s;

        if (n % 64 == 0)
            buffer_release(&out);
        s = compose(&r);
        ck_assert(s == STATUS_OK || (s == STATUS_TOO_LARGE && n > 3900));
        if (s == STATUS_OK)
            ck_assert_uint_eq(strlen(out.data), out.len);
    }
    buffer_release(&out);
}
END_TEST

UNIT_MAIN("request", a_head_is_laid_out, every_byte_in_every_place,
          framing_is_not_the_caller_s, lengths)
