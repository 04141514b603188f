/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of http/head.c: a table of heads by name, each judged whole, cut in
 * two at every byte, and byte by byte.
 */
#include "http/head.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define NONE HTTP_REFUSAL_NONE
#define REQUEST_LINE HTTP_REFUSAL_REQUEST_LINE
#define VERSION HTTP_REFUSAL_VERSION
#define METHOD HTTP_REFUSAL_METHOD
#define TARGET HTTP_REFUSAL_TARGET
#define HEADER HTTP_REFUSAL_HEADER
#define HOST HTTP_REFUSAL_HOST
#define LENGTH HTTP_REFUSAL_CONTENT_LENGTH
#define ENCODING HTTP_REFUSAL_TRANSFER_ENCODING
#define BODY HTTP_REFUSAL_UNEXPECTED_BODY
#define EXPECTATION HTTP_REFUSAL_EXPECTATION

struct head_case {
    const char *name;
    const char *bytes;
    size_t len;
    enum http_refusal verdict;
};

/* A whole head. */
#define RAW(name, bytes, verdict)                                              \
    {                                                                          \
        (name), (bytes), sizeof(bytes) - 1, (verdict)                          \
    }
/* A request line; the rest is good. */
#define LINE(name, line, verdict) RAW(name, line "\r\nHost: h\r\n\r\n", verdict)
/* Header lines behind a good POST with a Host. */
#define POST(name, lines, verdict)                                             \
    RAW(name, "POST / HTTP/1.1\r\nHost: h\r\n" lines "\r\n\r\n", verdict)
/* The only header line of a GET. */
#define ALONE(name, line, verdict)                                             \
    RAW(name, "GET / HTTP/1.1\r\n" line "\r\n\r\n", verdict)
#define OLD(name, lines, verdict)                                              \
    RAW(name, "POST / HTTP/1.0\r\n" lines "\r\n", verdict)

static const struct head_case cases[] = {
    /* ---- good ---- */
    LINE("get", "GET / HTTP/1.1", NONE),
    LINE("long path", "DELETE /v3/chats/1/typing?a=b&c=%20 HTTP/1.1", NONE),
    LINE("own method", "PROPFIND /x HTTP/1.1", NONE),
    LINE("odd token method", "A!#$%&'*+-.^_`|~9 / HTTP/1.1", NONE),
    RAW("empty line before", "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", NONE),
    OLD("1.0 without host", "", NONE),
    OLD("1.0 with host", "Host: h\r\n", NONE),
    POST("length", "Content-Length: 5", NONE),
    POST("length without space", "Content-Length:5", NONE),
    POST("length zero", "Content-Length: 0", NONE),
    POST("length with zeros before", "Content-Length: 0005", NONE),
    POST("largest length", "Content-Length: 9223372036854775807", NONE),
    POST("chunked", "Transfer-Encoding: chunked", NONE),
    POST("name in any case", "tRANSFER-eNCODING: chunked", NONE),
    POST("space around a value", "X-A: \t b \t", NONE),
    POST("empty value", "X-A:", NONE),
    POST("tab inside a value", "X-A: b\tc", NONE),
    POST("obs-text in a value", "X-A: \xc3\xbc\xff", NONE),
    POST("colons in a value", "X-A: b:c", NONE),
    POST("expect", "Expect: 100-continue\r\nContent-Length: 1", NONE),
    POST("expect in capitals", "Expect: 100-Continue", NONE),
    POST("connection list", "Connection: close, X-A ,,keep-alive", NONE),
    ALONE("host and port", "Host: example.com:8080", NONE),
    ALONE("host and empty port", "Host: example.com:", NONE),
    ALONE("host an address", "Host: 127.0.0.1:1", NONE),
    ALONE("host IPv6", "Host: [::1]", NONE),
    ALONE("host IPv6 and port", "Host: [2001:db8::1]:443", NONE),

    /* ---- request line: RFC 9112 section 3 ---- */
    RAW("two empty lines before", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
        REQUEST_LINE),
    RAW("bare LF before", "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", REQUEST_LINE),
    RAW("HTTP/0.9", "GET /\r\n\r\n", REQUEST_LINE),
    RAW("bare LF ends the line", "GET / HTTP/1.1\nHost: h\r\n\r\n",
        REQUEST_LINE),
    RAW("bare LF everywhere", "GET / HTTP/1.1\nHost: h\n\n", REQUEST_LINE),
    LINE("bare CR in the target", "GET /a\rb HTTP/1.1", REQUEST_LINE),
    LINE("CR CR LF", "GET / HTTP/1.1\r", REQUEST_LINE),
    LINE("NUL in the target", "GET /a\0b HTTP/1.1", REQUEST_LINE),
    LINE("NUL in the method", "G\0T / HTTP/1.1", REQUEST_LINE),
    LINE("escape byte in the target", "GET /\x1b[0m HTTP/1.1", REQUEST_LINE),
    LINE("delete byte in the target", "GET /\x7f HTTP/1.1", REQUEST_LINE),
    LINE("tabs for spaces", "GET\t/\tHTTP/1.1", REQUEST_LINE),
    LINE("vertical tab", "GET /\x0bHTTP/1.1", REQUEST_LINE),
    LINE("two spaces before the target", "GET  / HTTP/1.1", REQUEST_LINE),
    LINE("two spaces before the version", "GET /  HTTP/1.1", REQUEST_LINE),
    LINE("space before the method", " GET / HTTP/1.1", REQUEST_LINE),
    LINE("space behind the version", "GET / HTTP/1.1 ", REQUEST_LINE),
    LINE("space in the target", "GET /a b HTTP/1.1", REQUEST_LINE),
    LINE("no version", "GET / ", REQUEST_LINE),
    LINE("no target", "GET HTTP/1.1", REQUEST_LINE),
    LINE("another protocol", "GET / SIP/2.0", REQUEST_LINE),
    LINE("protocol in small letters", "GET / http/1.1", REQUEST_LINE),
    LINE("TLS hello", "\x16\x03\x01\x02", REQUEST_LINE),
    LINE("HTTP/1.2", "GET / HTTP/1.2", VERSION),
    LINE("HTTP/1.10", "GET / HTTP/1.10", VERSION),
    LINE("HTTP/1.300", "GET / HTTP/1.300", VERSION),
    LINE("HTTP/01.1", "GET / HTTP/01.1", VERSION),
    LINE("HTTP/1.", "GET / HTTP/1.", VERSION),
    LINE("HTTP/1", "GET / HTTP/1", VERSION),
    LINE("HTTP/", "GET / HTTP/", VERSION),
    LINE("HTTP/+1.1", "GET / HTTP/+1.1", VERSION),
    LINE("HTTP/1.1x", "GET / HTTP/1.1x", VERSION),
    LINE("HTTP/1,1", "GET / HTTP/1,1", VERSION),
    LINE("version that overflows to 1.1", "GET / HTTP/4294967297.1", VERSION),
    LINE("version that wraps", "GET / HTTP/4294967295.255", VERSION),
    LINE("HTTP/2 preface", "PRI * HTTP/2.0", VERSION),
    LINE("method with a separator", "GE(T / HTTP/1.1", METHOD),
    LINE("method with a colon", "GET: / HTTP/1.1", METHOD),
    LINE("method with obs-text", "G\xc3\x89T / HTTP/1.1", METHOD),
    LINE("method with a quote", "\"GET\" / HTTP/1.1", METHOD),
    LINE("method without end", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1",
         METHOD),
    LINE("trace", "TRACE / HTTP/1.1", METHOD),
    LINE("connect", "CONNECT h:80 HTTP/1.1", METHOD),
    LINE("absolute target", "GET http://h/ HTTP/1.1", TARGET),
    LINE("absolute target, another host", "GET http://evil/ HTTP/1.1", TARGET),
    LINE("target with userinfo", "GET http://u:p@h/ HTTP/1.1", TARGET),
    LINE("options asterisk", "OPTIONS * HTTP/1.1", TARGET),
    LINE("relative target", "GET v3/chats HTTP/1.1", TARGET),
    LINE("query alone", "GET ?a=b HTTP/1.1", TARGET),
    LINE("fragment", "GET /#a HTTP/1.1", TARGET),
    LINE("obs-text in the target", "GET /\xc3\xbc HTTP/1.1", TARGET),
    LINE("backslash first", "GET \\a HTTP/1.1", TARGET),

    /* ---- header lines: RFC 9112 section 5 ---- */
    POST("space before the colon", "X-A : b", HEADER),
    POST("tab before the colon", "X-A\t: b", HEADER),
    POST("folded line", "X-A: b\r\n c", HEADER),
    POST("line folded with a tab", "X-A: b\r\n\tc", HEADER),
    RAW("first line folded", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", HEADER),
    POST("folded framing",
         "Transfer-Encoding:\r\n chunked\r\nContent-Length: 1", HEADER),
    POST("no colon", "X-A", HEADER),
    POST("empty name", ": b", HEADER),
    POST("space in a name", "X A: b", HEADER),
    POST("slash in a name", "X/A: b", HEADER),
    POST("brackets around a name", "(X): b", HEADER),
    POST("obs-text in a name", "X-\xc3\xbc: b", HEADER),
    POST("NUL in a name", "X\0A: b", HEADER),
    POST("NUL in a value", "X-A: b\0c", HEADER),
    POST("bell in a value", "X-A: \a", HEADER),
    POST("delete byte in a value", "X-A: \x7f", HEADER),
    POST("bare CR in a value", "X-A: b\rc", HEADER),
    POST("bare LF between lines", "X-A: b\nX-B: c", HEADER),
    POST("bare CR hides a line", "X-A: b\rContent-Length: 5", HEADER),
    POST("CR CR LF ends a line", "X-A: b\r\r\nX-B: c", HEADER),
    RAW("bare LF ends the head", "GET / HTTP/1.1\r\nHost: h\r\n\n", HEADER),
    RAW("CR LF LF", "GET / HTTP/1.1\r\nHost: h\n\r\n", HEADER),
    POST("connection no token", "Connection: cl ose", HEADER),
    POST("connection quoted", "Connection: \"close\"", HEADER),
    POST("underscore in the length's name", "Content_Length: 5", HEADER),
    POST("underscore in the encoding's name", "Transfer_Encoding: chunked",
         HEADER),

    /* ---- Content-Length: RFC 9112 section 6.3 ---- */
    POST("length twice", "Content-Length: 5\r\nContent-Length: 6", LENGTH),
    POST("length twice the same", "Content-Length: 5\r\nContent-Length: 5",
         LENGTH),
    POST("length twice in two cases", "Content-Length: 5\r\ncontent-length: 6",
         LENGTH),
    POST("length a list", "Content-Length: 5, 5", LENGTH),
    POST("length a list without space", "Content-Length: 5,6", LENGTH),
    POST("length empty", "Content-Length:", LENGTH),
    POST("length a space", "Content-Length: ", LENGTH),
    POST("length signed plus", "Content-Length: +5", LENGTH),
    POST("length signed minus", "Content-Length: -5", LENGTH),
    POST("length minus zero", "Content-Length: -0", LENGTH),
    POST("length hex", "Content-Length: 0x5", LENGTH),
    POST("length hex digits", "Content-Length: a", LENGTH),
    POST("length a fraction", "Content-Length: 5.0", LENGTH),
    POST("length an exponent", "Content-Length: 1e1", LENGTH),
    POST("length quoted", "Content-Length: \"5\"", LENGTH),
    POST("length with a space inside", "Content-Length: 5 5", LENGTH),
    POST("length with a tab before", "Content-Length:\t5", LENGTH),
    POST("length with two spaces before", "Content-Length:  5", LENGTH),
    POST("length with a space behind", "Content-Length: 5 ", LENGTH),
    POST("length with a tab behind", "Content-Length: 5\t", LENGTH),
    POST("length with a semicolon", "Content-Length: 5;", LENGTH),
    POST("length too large by one", "Content-Length: 9223372036854775808",
         LENGTH),
    POST("length that wraps 64 bits", "Content-Length: 18446744073709551621",
         LENGTH),
    POST("length of a thousand zeros",
         "Content-Length: 00000000000000000000000000000000000000000005",
         LENGTH),
    POST("length in other digits", "Content-Length: \xd9\xa5", LENGTH),

    /* ---- Transfer-Encoding: RFC 9112 section 6.1 ---- */
    POST("encoding and length",
         "Transfer-Encoding: chunked\r\nContent-Length: 5", ENCODING),
    POST("length and encoding",
         "Content-Length: 5\r\nTransfer-Encoding: chunked", ENCODING),
    POST("encoding and a bad length",
         "Content-Length: x\r\nTransfer-Encoding: chunked", ENCODING),
    POST("encoding twice",
         "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", ENCODING),
    POST("encoding and identity",
         "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", ENCODING),
    POST("encoding a list", "Transfer-Encoding: gzip, chunked", ENCODING),
    POST("encoding a list, chunked first", "Transfer-Encoding: chunked, gzip",
         ENCODING),
    POST("encoding chunked twice in a list",
         "Transfer-Encoding: chunked, chunked", ENCODING),
    POST("encoding an empty element", "Transfer-Encoding: ,chunked", ENCODING),
    POST("encoding identity", "Transfer-Encoding: identity", ENCODING),
    POST("encoding unknown", "Transfer-Encoding: cow", ENCODING),
    POST("encoding xchunked", "Transfer-Encoding: xchunked", ENCODING),
    POST("encoding chunkedx", "Transfer-Encoding: chunkedx", ENCODING),
    POST("encoding chunk", "Transfer-Encoding: chunk", ENCODING),
    POST("encoding in capitals", "Transfer-Encoding: Chunked", ENCODING),
    POST("encoding quoted", "Transfer-Encoding: \"chunked\"", ENCODING),
    POST("encoding empty", "Transfer-Encoding:", ENCODING),
    POST("encoding with a parameter", "Transfer-Encoding: chunked;q=1",
         ENCODING),
    POST("encoding with a tab before", "Transfer-Encoding:\tchunked", ENCODING),
    POST("encoding with two spaces before", "Transfer-Encoding:  chunked",
         ENCODING),
    POST("encoding with a space behind", "Transfer-Encoding: chunked ",
         ENCODING),
    POST("encoding with obs-text", "Transfer-Encoding: chunked\xa0", ENCODING),
    POST("encoding with a vertical tab",
         "Transfer-Encoding: \x0b"
         "chunked",
         HEADER),
    POST("encoding, space before the colon", "Transfer-Encoding : chunked",
         HEADER),
    POST("encoding hidden behind a bare LF", "X: x\nTransfer-Encoding: chunked",
         HEADER),
    OLD("encoding on 1.0", "Transfer-Encoding: chunked\r\n", ENCODING),

    /* ---- Host: RFC 9112 section 3.2 ---- */
    RAW("no host", "GET / HTTP/1.1\r\n\r\n", HOST),
    ALONE("host twice", "Host: h\r\nHost: h", HOST),
    ALONE("host twice in two cases", "Host: a\r\nhOST: b", HOST),
    OLD("host twice on 1.0", "Host: h\r\nHost: h\r\n", HOST),
    ALONE("host empty", "Host:", HOST),
    ALONE("host a list", "Host: a, b", HOST),
    ALONE("host a list without space", "Host: a,b", HOST),
    ALONE("host with a space", "Host: a b", HOST),
    ALONE("host with userinfo", "Host: u@h", HOST),
    ALONE("host with a path", "Host: h/x", HOST),
    ALONE("host a URL", "Host: http://h", HOST),
    ALONE("host a port alone", "Host: :80", HOST),
    ALONE("host with two ports", "Host: h:80:80", HOST),
    ALONE("host port no number", "Host: h:http", HOST),
    ALONE("host port too large", "Host: h:65536", HOST),
    ALONE("host port signed", "Host: h:+80", HOST),
    ALONE("host escaped", "Host: h%00", HOST),
    ALONE("host with obs-text", "Host: \xc3\xbc", HOST),
    ALONE("host IPv6 unclosed", "Host: [::1", HOST),
    ALONE("host IPv6 with a zone", "Host: [fe80::1%25eth0]", HOST),
    ALONE("host IPv6 with junk behind", "Host: [::1]x", HOST),
    ALONE("host IPv6 empty", "Host: []", HOST),
    ALONE("host IPv4 in brackets", "Host: [127.0.0.1]", HOST),
    ALONE("host of the future", "Host: [v1.x]", HOST),

    /* ---- the rest ---- */
    POST("expect unknown", "Expect: 200-ok", EXPECTATION),
    POST("expect twice", "Expect: 100-continue\r\nExpect: 100-continue",
         EXPECTATION),
    POST("expect a list", "Expect: 100-continue, x", EXPECTATION),
    POST("expect empty", "Expect:", EXPECTATION),
    RAW("HEAD with a length",
        "HEAD / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n", BODY),
    RAW("HEAD with chunks",
        "HEAD / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
        BODY),
    RAW("HEAD with a length of zero",
        "HEAD / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", NONE),
};

/* Judge as a reader of a socket would, the bytes coming up to `first`, then by
 * `step`. HTTP_REFUSAL_COUNT: no verdict, more is wanted. */
static enum http_refusal judge(const struct head_case *c, size_t first,
                               size_t step, struct head *head,
                               struct http_header headers[HEAD_MAX_HEADERS])
{
    struct head_scan scan;
    head_scan_init(&scan);
    for (size_t len = first; len <= c->len;
         len = len < c->len && len + step > c->len ? c->len : len + step) {
        /* A copy of just that size, for the sanitizer to watch. */
        char *bytes = malloc(len + (len == 0));
        memcpy(bytes, c->bytes, len);
        enum head_scan_result r = head_scan_feed(&scan, bytes, len);
        enum http_refusal verdict = HTTP_REFUSAL_COUNT;
        if (r == HEAD_SCAN_BAD) {
            verdict = scan.lines > 0 ? HEADER : REQUEST_LINE;
            const char *line = bytes + scan.skipped;
            const char *end = memchr(line, '\r', len - scan.skipped);
            enum http_refusal earlier =
                scan.lines == 0
                    ? NONE
                    : head_parse_request_line(
                          text_make(line, (size_t)(end - line)), head);
            if (earlier != NONE)
                verdict = earlier;
        } else if (r == HEAD_SCAN_END) {
            ck_assert_uint_eq(scan.pos, c->len);
            verdict = head_parse(
                text_make(c->bytes + scan.skipped, scan.pos - scan.skipped),
                headers, HEAD_MAX_HEADERS, head);
        }
        free(bytes);
        if (verdict != HTTP_REFUSAL_COUNT)
            return verdict;
    }
    return HTTP_REFUSAL_COUNT;
}

START_TEST(every_head_is_judged_as_the_table_says)
{
    const struct head_case *c = &cases[_i];
    struct head head;
    struct http_header headers[HEAD_MAX_HEADERS];
    enum http_refusal got = judge(c, c->len, 1, &head, headers);
    ck_assert_msg(got == c->verdict, "%s: %s, not %s", c->name,
                  got == HTTP_REFUSAL_COUNT ? "wants more"
                                            : http_refusal_row(got)->name,
                  http_refusal_row(c->verdict)->name);
}
END_TEST

START_TEST(no_cut_changes_a_verdict)
{
    const struct head_case *c = &cases[_i];
    struct head head;
    struct http_header headers[HEAD_MAX_HEADERS];
    for (size_t at = 0; at <= c->len; at++)
        ck_assert_msg(judge(c, at, c->len, &head, headers) == c->verdict,
                      "%s cut at %zu", c->name, at);
    ck_assert_msg(judge(c, 1, 1, &head, headers) == c->verdict,
                  "%s byte by byte", c->name);
}
END_TEST

START_TEST(a_good_head_wants_every_byte)
{
    const struct head_case *c = &cases[_i];
    struct head_scan scan;
    if (c->verdict != NONE)
        return;
    for (size_t len = 0; len < c->len; len++) {
        head_scan_init(&scan);
        ck_assert_msg(head_scan_feed(&scan, c->bytes, len) == HEAD_SCAN_MORE,
                      "%s is over at %zu", c->name, len);
    }
}
END_TEST

/* What can never become good is not waited for. */
START_TEST(a_bad_byte_is_refused_when_it_comes)
{
    static const char *const starts[] = {"\x16",
                                         "GET /\rx",
                                         "GET /\x01",
                                         "GET / HTTP/1.1\r\nA: b\rc",
                                         "GET / HTTP/1.1\r\nA: \x7f",
                                         "\n"};
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        size_t len = strlen(starts[i]);
        struct head_scan scan;
        head_scan_init(&scan);
        for (size_t at = 1; at < len; at++)
            ck_assert_int_eq(head_scan_feed(&scan, starts[i], at),
                             HEAD_SCAN_MORE);
        ck_assert_int_eq(head_scan_feed(&scan, starts[i], len), HEAD_SCAN_BAD);
    }
}
END_TEST

static enum http_refusal parse(const char *bytes, struct head *head)
{
    static struct http_header headers[HEAD_MAX_HEADERS];
    return head_parse(text_of(bytes), headers, HEAD_MAX_HEADERS, head);
}

START_TEST(what_was_said_is_there)
{
    struct head h;
    ck_assert_int_eq(parse("POST /v3/chats?x=1 HTTP/1.1\r\nHost: h\r\n"
                           "Content-Length: 42\r\nX-Empty:\r\n"
                           "X-Space: \t a b \t\r\n\r\n",
                           &h),
                     NONE);
    ck_assert(text_is(h.method, "POST"));
    ck_assert(text_is(h.target, "/v3/chats?x=1"));
    ck_assert_int_eq(h.minor, 1);
    ck_assert_int_eq(h.length, 42);
    ck_assert(h.is_persistent && !h.is_head && !h.expects_continue);
    ck_assert_uint_eq(h.header_count, 4);
    ck_assert(text_is(h.headers[1].name, "Content-Length"));
    ck_assert(text_is(h.headers[1].value, "42"));
    ck_assert(text_is(h.headers[2].value, ""));
    ck_assert(text_is(h.headers[3].value, "a b"));
}
END_TEST

START_TEST(persistence_follows_version_and_connection)
{
    static const struct {
        const char *version, *line;
        bool is_persistent;
    } rows[] = {
        {"1.1", "", true},
        {"1.1", "Connection: close\r\n", false},
        {"1.1", "Connection: Close\r\n", false},
        {"1.1", "Connection: x, close\r\n", false},
        {"1.1", "Connection: keep-alive\r\n", true},
        {"1.1", "Connection: keep-alive\r\nConnection: close\r\n", false},
        {"1.1", "Connection: closed\r\n", true},
        {"1.0", "", false},
        {"1.0", "Connection: keep-alive\r\n", true},
        {"1.0", "Connection: Keep-Alive\r\n", true},
        {"1.0", "Connection: keep-alive, close\r\n", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char bytes[256];
        struct head h;
        snprintf(bytes, sizeof(bytes), "GET / HTTP/%s\r\nHost: h\r\n%s\r\n",
                 rows[i].version, rows[i].line);
        ck_assert_int_eq(parse(bytes, &h), NONE);
        ck_assert_msg(h.is_persistent == rows[i].is_persistent, "%s", bytes);
    }
}
END_TEST

START_TEST(continue_is_expected_only_where_it_makes_sense)
{
    struct head h;
    ck_assert_int_eq(parse("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n"
                           "Expect: 100-continue\r\n\r\n",
                           &h),
                     NONE);
    ck_assert(h.expects_continue);
    ck_assert_int_eq(parse("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n"
                           "Expect: 100-continue\r\n\r\n",
                           &h),
                     NONE);
    ck_assert(!h.expects_continue);
    ck_assert_int_eq(parse("POST / HTTP/1.0\r\nContent-Length: 1\r\n"
                           "Expect: 100-continue\r\n\r\n",
                           &h),
                     NONE);
    ck_assert(!h.expects_continue);
}
END_TEST

START_TEST(a_refusal_keeps_what_was_good)
{
    struct head h;
    ck_assert_int_eq(parse("PUT /x HTTP/1.1\r\nBad : y\r\n\r\n", &h), HEADER);
    ck_assert(text_is(h.method, "PUT") && text_is(h.target, "/x"));
    ck_assert_int_eq(parse("GET x HTTP/1.1\r\nHost: h\r\n\r\n", &h), TARGET);
    ck_assert(text_is(h.method, "GET") && text_is_absent(h.target));
    ck_assert_int_eq(parse("GET x\r\nHost: h\r\n\r\n", &h), REQUEST_LINE);
    ck_assert(text_is_absent(h.method));
}
END_TEST

START_TEST(a_hundred_headers_pass_and_no_more)
{
    char bytes[4096];
    struct head h;
    for (size_t count = 99; count <= 102; count++) {
        size_t len = (size_t)snprintf(bytes, sizeof(bytes),
                                      "GET / HTTP/1.1\r\nHost: h\r\n");
        for (size_t i = 1; i < count; i++)
            len += (size_t)snprintf(bytes + len, sizeof(bytes) - len,
                                    "X-%zu: y\r\n", i);
        snprintf(bytes + len, sizeof(bytes) - len, "\r\n");
        enum http_refusal wanted =
            count <= 100 ? NONE : HTTP_REFUSAL_HEAD_TOO_LARGE;
        ck_assert_int_eq(parse(bytes, &h), wanted);
    }
}
END_TEST

/* Every single byte where it may not stand. */
START_TEST(every_control_byte_is_refused_everywhere)
{
    static const char good[] = "GET /abc HTTP/1.1\r\nHost: host\r\nX-A: b\r\n"
                               "\r\n";
    for (int byte = 0; byte < 256; byte++) {
        bool is_control = byte < 0x20 || byte == 0x7f;
        if (!is_control)
            continue;
        for (size_t at = 0; at < sizeof(good) - 1; at++) {
            char bytes[sizeof(good)];
            struct head head;
            struct http_header headers[HEAD_MAX_HEADERS];
            memcpy(bytes, good, sizeof(good));
            if (bytes[at] == '\r' || bytes[at] == '\n' ||
                (byte == '\t' && at > 23))
                continue;
            bytes[at] = (char)byte;
            const struct head_case c = {"", bytes, sizeof(good) - 1, NONE};
            enum http_refusal got = judge(&c, c.len, 1, &head, headers);
            ck_assert_msg(got == REQUEST_LINE || got == HEADER,
                          "byte %#x at %zu: %d", (unsigned)byte, at, got);
        }
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("head");
    TCase *t = tcase_create("head");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, every_head_is_judged_as_the_table_says, 0,
                        ARRAY_LEN(cases));
    tcase_add_loop_test(t, no_cut_changes_a_verdict, 0, ARRAY_LEN(cases));
    tcase_add_loop_test(t, a_good_head_wants_every_byte, 0, ARRAY_LEN(cases));
    tcase_add_test(t, a_bad_byte_is_refused_when_it_comes);
    tcase_add_test(t, what_was_said_is_there);
    tcase_add_test(t, persistence_follows_version_and_connection);
    tcase_add_test(t, continue_is_expected_only_where_it_makes_sense);
    tcase_add_test(t, a_refusal_keeps_what_was_good);
    tcase_add_test(t, a_hundred_headers_pass_and_no_more);
    tcase_add_test(t, every_control_byte_is_refused_everywhere);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
