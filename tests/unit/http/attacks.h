/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests by name as public research on HTTP/1.1 request smuggling sends them,
 * and their harmless neighbours. Each is otherwise a good createChat, so that
 * one that slipped through would reach the upstream.
 *
 * The unit tests send them to a server alone, the integration tests to the
 * whole program.
 */
#ifndef ATTACKS_H
#define ATTACKS_H

#include <stddef.h>

struct attack {
    const char *name;
    const char *bytes;
    size_t len;
    const char *rule; /* what it is refused with, status 400; NULL: it passes */
};

#define ATTACK_BODY                                                            \
    "{\"from\":\"+14155550100\",\"to\":[\"+14155550199\"],"                    \
    "\"message\":{\"parts\":[{\"type\":\"text\",\"value\":\"hi\"}]}}"
_Static_assert(sizeof(ATTACK_BODY) - 1 == 96, "the lengths below say 96");

#define ATTACK(name, bytes, rule)                                              \
    {                                                                          \
        (name), (bytes), sizeof(bytes) - 1, (rule)                             \
    }
#define COMMON                                                                 \
    "Host: h\r\nAuthorization: Bearer x\r\nContent-Type: application/json\r\n"
#define POST_LINE "POST /v3/chats HTTP/1.1\r\n"
/* Lines about the framing, then a body of 96 bytes. */
#define BY_LENGTH(name, lines, rule)                                           \
    ATTACK(name, POST_LINE COMMON lines "\r\n\r\n" ATTACK_BODY, rule)
/* The same, and a body in chunks. */
#define IN_CHUNKS "60\r\n" ATTACK_BODY "\r\n0\r\n\r\n"
#define BY_CHUNK(name, lines, rule)                                            \
    ATTACK(name, POST_LINE COMMON lines "\r\n\r\n" IN_CHUNKS, rule)
#define CHUNKED POST_LINE COMMON "Transfer-Encoding: chunked\r\n\r\n"
/* Bytes of a chunked body. */
#define CHUNKS(name, bytes, rule) ATTACK(name, CHUNKED bytes, rule)
/* A line for the size, then the rest of a good body. */
#define SIZE_LINE(name, line, rule)                                            \
    CHUNKS(name, line "\r\n" ATTACK_BODY "\r\n0\r\n\r\n", rule)
#define TRAILER(name, lines, rule)                                             \
    CHUNKS(name, "60\r\n" ATTACK_BODY "\r\n0\r\n" lines "\r\n\r\n", rule)
/* A request line before a good rest. */
#define REQUEST_LINE(name, line, rule)                                         \
    ATTACK(name, line "\r\n" COMMON "Content-Length: 96\r\n\r\n" ATTACK_BODY,  \
           rule)
/* Header lines, the Host among them. */
#define LINES(name, lines, rule)                                               \
    ATTACK(name,                                                               \
           POST_LINE "Authorization: Bearer x\r\n"                             \
                     "Content-Type: application/json\r\n"                      \
                     "Content-Length: 96\r\n" lines "\r\n\r\n" ATTACK_BODY,    \
           rule)

#define LENGTH "http.content_length"
#define ENCODING "http.transfer_encoding"
#define CHUNK "http.chunk"
#define HEADER "http.header"
#define HOST "http.host"
#define LINE "http.request_line"
#define VERSION "http.version"
#define METHOD "http.method"
#define TARGET "http.target"

static const struct attack attacks[] = {
    /* ---- Content-Length ---- */
    BY_LENGTH("CL twice", "Content-Length: 96\r\nContent-Length: 0", LENGTH),
    BY_LENGTH("CL twice the same", "Content-Length: 96\r\nContent-Length: 96",
              LENGTH),
    BY_LENGTH("CL twice, zero first", "Content-Length: 0\r\ncontent-length: 96",
              LENGTH),
    BY_LENGTH("CL listed", "Content-Length: 96, 96", LENGTH),
    BY_LENGTH("CL listed, different", "Content-Length: 96,0", LENGTH),
    BY_LENGTH("CL signed plus", "Content-Length: +96", LENGTH),
    BY_LENGTH("CL signed minus", "Content-Length: -96", LENGTH),
    BY_LENGTH("CL minus zero", "Content-Length: -0", LENGTH),
    BY_LENGTH("CL empty", "Content-Length:", LENGTH),
    BY_LENGTH("CL blank", "Content-Length: ", LENGTH),
    BY_LENGTH("CL hex", "Content-Length: 0x60", LENGTH),
    BY_LENGTH("CL fraction", "Content-Length: 96.0", LENGTH),
    BY_LENGTH("CL exponent", "Content-Length: 96e0", LENGTH),
    BY_LENGTH("CL quoted", "Content-Length: \"96\"", LENGTH),
    BY_LENGTH("CL spaced inside", "Content-Length: 9 6", LENGTH),
    BY_LENGTH("CL padded before", "Content-Length:  96", LENGTH),
    BY_LENGTH("CL padded behind", "Content-Length: 96 ", LENGTH),
    BY_LENGTH("CL with a tab", "Content-Length:\t96", LENGTH),
    BY_LENGTH("CL with a comma behind", "Content-Length: 96,", LENGTH),
    BY_LENGTH("CL with a semicolon", "Content-Length: 96;x", LENGTH),
    BY_LENGTH("CL huge", "Content-Length: 99999999999999999999999999", LENGTH),
    BY_LENGTH("CL that wraps 64 bits", "Content-Length: 18446744073709551712",
              LENGTH),
    BY_LENGTH("CL 2^63", "Content-Length: 9223372036854775808", LENGTH),
    BY_LENGTH("CL in letters", "Content-Length: ninety-six", LENGTH),
    BY_LENGTH("CL with a vertical tab",
              "Content-Length: \x0b"
              "96",
              HEADER),
    BY_LENGTH("CL with a NUL behind", "Content-Length: 96\0", HEADER),
    BY_LENGTH("CL, space before the colon", "Content-Length : 96", HEADER),
    BY_LENGTH("CL with an underscore", "Content_Length: 96", HEADER),
    BY_LENGTH("CL folded", "Content-Length:\r\n 96", HEADER),

    /* ---- Transfer-Encoding ---- */
    BY_CHUNK("TE and CL", "Transfer-Encoding: chunked\r\nContent-Length: 96",
             ENCODING),
    BY_CHUNK("CL and TE", "Content-Length: 4\r\nTransfer-Encoding: chunked",
             ENCODING),
    BY_CHUNK("CL zero and TE",
             "Content-Length: 0\r\nTransfer-Encoding: chunked", ENCODING),
    BY_CHUNK("TE twice",
             "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
             ENCODING),
    BY_CHUNK("TE twice, identity last",
             "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
             ENCODING),
    BY_CHUNK("TE twice, identity first",
             "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
             ENCODING),
    BY_CHUNK("TE listed", "Transfer-Encoding: gzip, chunked", ENCODING),
    BY_CHUNK("TE listed, chunked not last", "Transfer-Encoding: chunked, gzip",
             ENCODING),
    BY_CHUNK("TE listed, chunked twice", "Transfer-Encoding: chunked, chunked",
             ENCODING),
    BY_CHUNK("TE listed, empty first", "Transfer-Encoding: ,chunked", ENCODING),
    BY_CHUNK("TE listed, empty last", "Transfer-Encoding: chunked,", ENCODING),
    BY_LENGTH("TE identity and CL",
              "Transfer-Encoding: identity\r\nContent-Length: 96", ENCODING),
    BY_CHUNK("TE identity", "Transfer-Encoding: identity", ENCODING),
    BY_CHUNK("TE xchunked", "Transfer-Encoding: xchunked", ENCODING),
    BY_CHUNK("TE chunkedx", "Transfer-Encoding: chunkedx", ENCODING),
    BY_CHUNK("TE quoted", "Transfer-Encoding: \"chunked\"", ENCODING),
    BY_CHUNK("TE single quoted", "Transfer-Encoding: 'chunked'", ENCODING),
    BY_CHUNK("TE in brackets", "Transfer-Encoding: [chunked]", ENCODING),
    BY_CHUNK("TE in capitals", "Transfer-Encoding: CHUNKED", ENCODING),
    BY_CHUNK("TE empty", "Transfer-Encoding:", ENCODING),
    BY_CHUNK("TE with a parameter", "Transfer-Encoding: chunked;a=b", ENCODING),
    BY_CHUNK("TE padded before", "Transfer-Encoding:  chunked", ENCODING),
    BY_CHUNK("TE padded behind", "Transfer-Encoding: chunked ", ENCODING),
    BY_CHUNK("TE with a tab", "Transfer-Encoding:\tchunked", ENCODING),
    BY_CHUNK("TE with a no-break space", "Transfer-Encoding: chunked\xa0",
             ENCODING),
    BY_CHUNK("TE with a vertical tab",
             "Transfer-Encoding:\x0b"
             "chunked",
             HEADER),
    BY_CHUNK("TE with a form feed",
             "Transfer-Encoding:\x0c"
             "chunked",
             HEADER),
    BY_CHUNK("TE with a NUL", "Transfer-Encoding: chun\0ked", HEADER),
    BY_CHUNK("TE with a backspace", "Transfer-Encoding: chunked\x08", HEADER),
    BY_CHUNK("TE with a bare CR before", "Transfer-Encoding:\rchunked", HEADER),
    BY_CHUNK("TE with a bare CR behind", "Transfer-Encoding: chunked\r",
             HEADER),
    BY_CHUNK("TE, space before the colon", "Transfer-Encoding : chunked",
             HEADER),
    BY_CHUNK("TE, tab before the colon", "Transfer-Encoding\t: chunked",
             HEADER),
    BY_CHUNK("TE, space before the name", " Transfer-Encoding: chunked",
             HEADER),
    BY_CHUNK("TE with an underscore", "Transfer_Encoding: chunked", HEADER),
    BY_CHUNK("TE folded", "Transfer-Encoding:\r\n chunked", HEADER),
    BY_CHUNK("TE folded with a tab", "Transfer-Encoding: chun\r\n\tked",
             HEADER),
    BY_CHUNK("TE behind a bare LF", "X-A: b\nTransfer-Encoding: chunked",
             HEADER),
    BY_CHUNK("TE behind a bare CR", "X-A: b\rTransfer-Encoding: chunked",
             HEADER),
    BY_CHUNK("TE behind LF CR", "X-A: b\n\rTransfer-Encoding: chunked", HEADER),
    BY_CHUNK("TE behind CR CR LF", "X-A: b\r\r\nTransfer-Encoding: chunked",
             HEADER),
    BY_CHUNK("TE with a colon in the name", ":Transfer-Encoding: chunked",
             HEADER),
    ATTACK("TE on 1.0",
           "POST /v3/chats HTTP/1.0\r\n" COMMON
           "Transfer-Encoding: chunked\r\n\r\n" IN_CHUNKS,
           ENCODING),

    /* ---- header lines ---- */
    LINES("no host", "X-A: b", HOST),
    LINES("host twice", "Host: h\r\nHost: h", HOST),
    LINES("host twice, different", "Host: h\r\nHost: evil", HOST),
    LINES("host empty", "Host:", HOST),
    LINES("host listed", "Host: h, evil", HOST),
    LINES("host with a path", "Host: h/v3", HOST),
    LINES("host with userinfo", "Host: h@evil", HOST),
    LINES("host with a bad port", "Host: h:80x", HOST),
    LINES("host folded", "Host: h\r\n evil", HEADER),
    LINES("space before the colon", "Host: h\r\nX-A : b", HEADER),
    LINES("name empty", "Host: h\r\n: b", HEADER),
    LINES("name with a space", "Host: h\r\nX A: b", HEADER),
    LINES("name with a NUL", "Host: h\r\nX\0A: b", HEADER),
    LINES("name with a bracket", "Host: h\r\nX[A]: b", HEADER),
    LINES("name with obs-text", "Host: h\r\nX-\xc3\xbc: b", HEADER),
    LINES("no colon", "Host: h\r\nX-A", HEADER),
    LINES("value with a NUL", "Host: h\r\nX-A: b\0c", HEADER),
    LINES("value with an escape byte", "Host: h\r\nX-A: \x1b[2J", HEADER),
    LINES("bare LF", "Host: h\nX-A: b", HEADER),
    LINES("bare CR", "Host: h\rX-A: b", HEADER),
    ATTACK("bare LF ends the head",
           POST_LINE COMMON "Content-Length: 96\n\n" ATTACK_BODY, HEADER),
    ATTACK(
        "bare LF everywhere",
        "POST /v3/chats HTTP/1.1\nHost: h\nContent-Length: 96\n\n" ATTACK_BODY,
        LINE),
    ATTACK("first line folded",
           POST_LINE " Host: h\r\n" COMMON
                     "Content-Length: 96\r\n\r\n" ATTACK_BODY,
           HEADER),
    LINES("connection no list of tokens", "Host: h\r\nConnection: a b", HEADER),

    /* ---- request lines ---- */
    REQUEST_LINE("no version", "POST /v3/chats", LINE),
    REQUEST_LINE("HTTP/1.2", "POST /v3/chats HTTP/1.2", VERSION),
    REQUEST_LINE("HTTP/2.0", "POST /v3/chats HTTP/2.0", VERSION),
    REQUEST_LINE("HTTP/1.300", "POST /v3/chats HTTP/1.300", VERSION),
    REQUEST_LINE("version that wraps", "POST /v3/chats HTTP/4294967295.255",
                 VERSION),
    REQUEST_LINE("version with a space", "POST /v3/chats HTTP/1.1 ", LINE),
    REQUEST_LINE("version in small letters", "POST /v3/chats http/1.1", LINE),
    REQUEST_LINE("HTTP/1.1 twice", "POST /v3/chats HTTP/1.1 HTTP/1.1", LINE),
    REQUEST_LINE("two spaces", "POST  /v3/chats HTTP/1.1", LINE),
    REQUEST_LINE("tab for a space", "POST\t/v3/chats HTTP/1.1", LINE),
    REQUEST_LINE("space in the target", "POST /v3/ chats HTTP/1.1", LINE),
    REQUEST_LINE("space before the method", " POST /v3/chats HTTP/1.1", LINE),
    REQUEST_LINE("NUL in the target", "POST /v3/\0chats HTTP/1.1", LINE),
    REQUEST_LINE("bare CR in the target", "POST /v3/\rchats HTTP/1.1", LINE),
    REQUEST_LINE("bare LF in the line", "POST /v3/chats\n HTTP/1.1", LINE),
    REQUEST_LINE("two empty lines before", "\r\n\r\nPOST /v3/chats HTTP/1.1",
                 LINE),
    REQUEST_LINE("obs-text in the target", "POST /v3/chats\xff HTTP/1.1",
                 TARGET),
    REQUEST_LINE("absolute target", "POST http://h/v3/chats HTTP/1.1", TARGET),
    REQUEST_LINE("absolute target, another host",
                 "POST http://evil/v3/chats HTTP/1.1", TARGET),
    REQUEST_LINE("fragment", "POST /v3/chats#x HTTP/1.1", TARGET),
    REQUEST_LINE("asterisk", "OPTIONS * HTTP/1.1", TARGET),
    REQUEST_LINE("connect", "CONNECT evil:443 HTTP/1.1", METHOD),
    REQUEST_LINE("trace", "TRACE /v3/chats HTTP/1.1", METHOD),
    REQUEST_LINE("method with a colon", "POST: /v3/chats HTTP/1.1", METHOD),

    /* ---- chunks ---- */
    SIZE_LINE("chunk 0x60", "0x60", CHUNK),
    SIZE_LINE("chunk +60", "+60", CHUNK),
    SIZE_LINE("chunk -60", "-60", CHUNK),
    SIZE_LINE("chunk, space before", " 60", CHUNK),
    SIZE_LINE("chunk, space behind", "60 ", CHUNK),
    SIZE_LINE("chunk, tab behind", "60\t", CHUNK),
    SIZE_LINE("chunk, NUL behind", "60\0", CHUNK),
    SIZE_LINE("chunk of no size", "", CHUNK),
    SIZE_LINE("chunk, size no hex", "6g", CHUNK),
    SIZE_LINE("chunk, size with an underscore", "6_0", CHUNK),
    SIZE_LINE("chunk, size in decimals", "96.0", CHUNK),
    SIZE_LINE("chunk, size that wraps 64 bits", "10000000000000060", CHUNK),
    SIZE_LINE("chunk, size of many zeros", "0000000000000000000060", CHUNK),
    SIZE_LINE("chunk, extension without a name", "60;", CHUNK),
    SIZE_LINE("chunk, extension with a bare LF", "60;a\nb", CHUNK),
    SIZE_LINE("chunk, extension with a bare CR", "60;a\rb", CHUNK),
    SIZE_LINE("chunk, extension with a NUL", "60;a\0", CHUNK),
    SIZE_LINE("chunk, extension unquoted", "60;a=\"b", CHUNK),
    CHUNKS("chunk, bare LF behind the size", "60\n" ATTACK_BODY "\r\n0\r\n\r\n",
           CHUNK),
    CHUNKS("chunk, bare CR behind the size", "60\r" ATTACK_BODY "\r\n0\r\n\r\n",
           CHUNK),
    CHUNKS("chunk, bare LF behind the data", "60\r\n" ATTACK_BODY "\n0\r\n\r\n",
           CHUNK),
    CHUNKS("chunk, nothing behind the data", "60\r\n" ATTACK_BODY "0\r\n\r\n",
           CHUNK),
    CHUNKS("chunk, data too long", "60\r\n" ATTACK_BODY " \r\n0\r\n\r\n",
           CHUNK),
    CHUNKS("chunk, data too short", "61\r\n" ATTACK_BODY "\r\n0\r\n\r\n",
           CHUNK),
    CHUNKS("chunk, bare LF at the end", "60\r\n" ATTACK_BODY "\r\n0\r\n\n",
           CHUNK),
    CHUNKS("chunk, bare LF behind the last size",
           "60\r\n" ATTACK_BODY "\r\n0\n\r\n", CHUNK),
    TRAILER("trailer that frames", "Content-Length: 5", CHUNK),
    TRAILER("trailer that frames by chunk", "Transfer-Encoding: chunked",
            CHUNK),
    TRAILER("trailer that routes", "Host: evil", CHUNK),
    TRAILER("trailer, space before the colon", "X-A : b", CHUNK),
    TRAILER("trailer folded", "X-A: b\r\n c", CHUNK),
    TRAILER("trailer with a bare LF", "X-A: b\nX-B: c", CHUNK),
    TRAILER("trailer that is a request", "GET /v3/chats HTTP/1.1", CHUNK),

    /* ---- Expect, HEAD ---- */
    LINES("expect unknown", "Host: h\r\nExpect: x", "http.expectation"),
    LINES("expect listed", "Host: h\r\nExpect: 100-continue, x",
          "http.expectation"),
    LINES("expect twice",
          "Host: h\r\nExpect: 100-continue\r\nExpect: 100-continue",
          "http.expectation"),
    REQUEST_LINE("HEAD with a length", "HEAD /v3/chats HTTP/1.1",
                 "http.unexpected_body"),
    ATTACK("HEAD with chunks",
           "HEAD /v3/chats HTTP/1.1\r\n" COMMON
           "Transfer-Encoding: chunked\r\n\r\n" IN_CHUNKS,
           "http.unexpected_body"),

    /* ---- what the standard allows ---- */
    BY_LENGTH("a length", "Content-Length: 96", NULL),
    BY_LENGTH("a length without space", "Content-Length:96", NULL),
    BY_LENGTH("a length in small letters", "content-length: 96", NULL),
    BY_LENGTH("a length with zeros before", "Content-Length: 0096", NULL),
    BY_CHUNK("chunks", "Transfer-Encoding: chunked", NULL),
    BY_CHUNK("chunks in small letters", "transfer-encoding: chunked", NULL),
    BY_CHUNK("chunks and TE: trailers",
             "TE: trailers\r\nTransfer-Encoding: chunked", NULL),
    REQUEST_LINE("an empty line before", "\r\nPOST /v3/chats HTTP/1.1", NULL),
    LINES("a value with obs-text", "Host: h\r\nX-A: caf\xc3\xa9", NULL),
    LINES("a value with tabs", "Host: h\r\nX-A:\tb\tc\t", NULL),
    LINES("an empty value", "Host: h\r\nX-A:", NULL),
    LINES("a host with a port", "Host: example.com:8080", NULL),
    LINES("a host in brackets", "Host: [::1]:8080", NULL),
    SIZE_LINE("zeros before a size", "0060", NULL),
    SIZE_LINE("an extension", "60;a", NULL),
    SIZE_LINE("an extension with a value", "60;a=b;c=d", NULL),
    SIZE_LINE("an extension with a quoted value", "60 ; a = \"b;\\\"c\"", NULL),
    CHUNKS("many chunks",
           "5f\r\n{\"from\":\"+14155550100\",\"to\":[\"+14155550199\"],"
           "\"message\":{\"parts\":[{\"type\":\"text\",\"value\":\"hi\"}]}"
           "\r\n1\r\n}\r\n00;x\r\n\r\n",
           NULL),
    TRAILER("a trailer", "X-Checksum: abc", NULL),
    TRAILER("two trailers", "X-A: b\r\nX-C:", NULL),
};

#undef ATTACK
#undef COMMON
#undef POST_LINE
#undef BY_LENGTH
#undef IN_CHUNKS
#undef BY_CHUNK
#undef CHUNKED
#undef CHUNKS
#undef SIZE_LINE
#undef TRAILER
#undef REQUEST_LINE
#undef LINES
#undef LENGTH
#undef ENCODING
#undef CHUNK
#undef HEADER
#undef HOST
#undef LINE
#undef VERSION
#undef METHOD
#undef TARGET

#define ATTACK_COUNT (sizeof(attacks) / sizeof(attacks[0]))

#endif
