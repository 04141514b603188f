/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/answer.h"

#include <stdio.h>

#include "base/check.h"
#include "unit.h"

static struct answer_spec spec = {
    .trace_id = "/trace_id",
    .chat = "/chat",
    .id = "id",
    .handles = "handles",
    .handle = "handle",
    .mine = "is_me",
};

static char chats[4096];
static char trace[200];

static void note(void *arg, struct text id, struct text number)
{
    size_t len = strlen(chats);

    ck_assert_ptr_eq(arg, chats);
    snprintf(chats + len, sizeof(chats) - len, "%.*s=%.*s ", TEXT_ARG(id),
             TEXT_ARG(number));
}

static void scan_cut(const char *json, size_t first, size_t each)
{
    struct answer_scan *s = answer_scan_new(&spec, note, chats);
    size_t len = strlen(json), at = 0;
    struct text t;

    chats[0] = '\0';
    while (at < len) {
        size_t n = at == 0 && first > 0 ? first : each;

        if (n > len - at)
            n = len - at;
        answer_scan_feed(s, json + at, n);
        at += n;
    }
    answer_scan_finish(s);
    t = answer_scan_trace_id(s);
    snprintf(trace, sizeof(trace), "%.*s", TEXT_ARG(t));
    ck_assert(text_is_absent(t) == (t.len == 0));
    answer_scan_free(s);
}

static void expect(const char *json, const char *trace_id, const char *found)
{
    size_t len = strlen(json);

    for (size_t cut = 0; cut <= len; cut++) {
        scan_cut(json, cut, cut == 0 ? 1 : len);
        ck_assert_msg(strcmp(trace, trace_id) == 0, "%s: trace %s", json,
                      trace);
        ck_assert_msg(strcmp(chats, found) == 0, "%s: chats %s", json, chats);
    }
}

#define ME "{\"handle\":\"+14155550100\",\"is_me\":true}"
#define YOU "{\"handle\":\"+4930123456\",\"is_me\":false}"

START_TEST(a_chat_and_a_trace)
{
    expect("{\"chat\":{\"id\":\"c1\",\"handles\":[" YOU "," ME
           "]},\"trace_id\":\"t-1\"}",
           "t-1", "c1=+14155550100 ");
}
END_TEST

START_TEST(members_in_any_order)
{
    expect("{\"trace_id\":\"t\",\"chat\":{\"handles\":[{\"is_me\":true,"
           "\"joined\":{\"handle\":\"+1\"},\"handle\":\"+14155550100\"}," YOU
           "],\"x\":[{\"id\":\"no\"}],\"id\":\"c1\"}}",
           "t", "c1=+14155550100 ");
}
END_TEST

START_TEST(chats_that_do_not_tell)
{
    static const char *const bodies[] = {
        "null",
        "[]",
        "\"x\"",
        "{}",
        "{\"id\":\"c1\"}",
        "{\"id\":\"c1\",\"handles\":[]}",
        "{\"id\":\"c1\",\"handles\":null}",
        "{\"id\":\"c1\",\"handles\":" ME "}",
        "{\"id\":\"c1\",\"handles\":[" YOU "]}",
        "{\"id\":\"c1\",\"handles\":[" ME "," ME "]}",
        "{\"id\":\"c1\",\"handles\":[[" ME "]]}",
        "{\"handles\":[" ME "]}",
        "{\"id\":null,\"handles\":[" ME "]}",
        "{\"id\":7,\"handles\":[" ME "]}",
        "{\"id\":\"\",\"handles\":[" ME "]}",
        "{\"id\":\"a b\",\"handles\":[" ME "]}",
        "{\"id\":\"a\\u0000\",\"handles\":[" ME "]}",
        "{\"id\":[\"c1\"],\"handles\":[" ME "]}",
        "{\"id\":\"c1\",\"handles\":[{\"handle\":\"+14155550100\","
        "\"is_me\":\"true\"}]}",
        "{\"id\":\"c1\",\"handles\":[{\"handle\":\"+14155550100\","
        "\"is_me\":1}]}",
        "{\"id\":\"c1\",\"handles\":[{\"handle\":\"+14155550100\","
        "\"is_me\":[true]}]}",
        "{\"id\":\"c1\",\"handles\":[{\"is_me\":true}]}",
        "{\"id\":\"c1\",\"handles\":[{\"handle\":\"me@example.com\","
        "\"is_me\":true}]}",
        "{\"id\":\"c1\",\"handles\":[{\"handle\":\"+04155550100\","
        "\"is_me\":true}]}",
        "{\"id\":\"c1\",\"handles\":[{\"handle\":\"+1\",\"is_me\":true}]}",
        "{\"id\":\"c1\",\"handles\":[{\"handle\":\"14155550100\","
        "\"is_me\":true}]}",
        "{\"id\":\"c1\",\"handles\":[{\"handle\":\"+1234567890123456\","
        "\"is_me\":true}]}",
        /* The same member twice. */
        "{\"id\":\"c1\",\"id\":\"c2\",\"handles\":[" ME "]}",
        "{\"id\":\"c1\",\"handles\":[],\"handles\":[" ME "]}",
        "{\"id\":\"c1\",\"handles\":[{\"handle\":\"+14155550100\","
        "\"is_me\":true,\"is_me\":false}]}",
        "{\"id\":\"c1\",\"handles\":[{\"handle\":\"+14155550100\","
        "\"is_me\":false,\"is_me\":true}]}",
        "{\"id\":\"c1\",\"handles\":[{\"handle\":\"+14155550100\","
        "\"handle\":\"+14155550101\",\"is_me\":true}]}",
    };

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        char json[512];

        snprintf(json, sizeof(json), "{\"chat\":%s,\"trace_id\":\"t\"}",
                 bodies[i]);
        expect(json, "t", "");
    }
}
END_TEST

/* Nothing of one chat or handle is taken for the next one's. */
START_TEST(a_list_of_chats)
{
    spec.chat = "/chats/*";
    expect("{\"chats\":[{\"id\":\"c1\",\"handles\":[" ME "]},"
           "{\"handles\":[" ME "]},{\"id\":\"c3\",\"handles\":[" YOU "]},"
           "{\"id\":\"c4\"},null,"
           "{\"id\":\"c5\",\"handles\":[{\"is_me\":true},"
           "{\"handle\":\"+14155550100\"}]},"
           "{\"id\":\"c6\",\"handles\":[{\"handle\":\"+14155550100\"},"
           "{\"is_me\":true}]},"
           "{\"handles\":[" YOU ",{\"handle\":\"+14155550199\","
           "\"is_me\":true}],\"id\":\"c7\"}],\"trace_id\":\"t\"}",
           "t", "c1=+14155550100 c7=+14155550199 ");
}
END_TEST

START_TEST(the_answer_is_the_chat)
{
    spec.chat = "";
    expect("{\"id\":\"c1\",\"handles\":[" ME "],\"trace_id\":\"t\"}", "t",
           "c1=+14155550100 ");
}
END_TEST

START_TEST(trace_ids)
{
    char json[512];

    expect("{\"trace_id\":\"a\",\"trace_id\":\"b\"}", "a", "");
    expect("{\"trace_id\":null,\"trace_id\":\"b\"}", "b", "");
    expect("{\"x\":{\"trace_id\":\"a\"}}", "", "");
    expect("[{\"trace_id\":\"a\"}]", "", "");
    expect("{\"trace_id\":7}", "", "");
    expect("{\"trace_id\":\"\"}", "", "");
    expect("{\"trace_id\":\"a b\"}", "", "");
    expect("{\"trace_id\":\"a\\nb\"}", "", "");
    expect("{\"trace_id\":\"\xc3\xa4\"}", "", "");
    expect("{\"trace_id\":\"\\u0041~\"}", "A~", "");
    snprintf(json, sizeof(json), "{\"trace_id\":\"%0128d\"}", 0);
    scan_cut(json, 0, 1);
    ck_assert_uint_eq(strlen(trace), 128);
    snprintf(json, sizeof(json), "{\"trace_id\":\"%0129d\"}", 0);
    expect(json, "", "");
}
END_TEST

/* What was found stays found. */
START_TEST(no_json)
{
    expect("", "", "");
    expect("<html><body>trace_id</body></html>", "", "");
    expect("\x1f\x8b\x08", "", "");
    expect("{\"trace_id\":\"t\",}", "t", "");
    expect("{\"trace_id\":\"t\"", "t", "");
    expect("{\"trace_id\":\"t\",\"x\":\"\xff\",\"chat\":{\"id\":\"c\","
           "\"handles\":[" ME "]}}",
           "t", "");
    expect("{\"chat\":{\"id\":\"c\",\"handles\":[" ME "]", "", "");
}
END_TEST

/* A string past the limit ends the search, and the memory stays bounded. */
START_TEST(a_long_string)
{
    struct answer_scan *s = answer_scan_new(&spec, note, chats);
    char piece[4096];

    memset(piece, 'x', sizeof(piece));
    answer_scan_feed(s, "{\"trace_id\":\"t\",\"m\":\"", 21);
    for (int i = 0; i < 4096; i++) /* 16 MiB; the sanitizer caps a leak */
        answer_scan_feed(s, piece, sizeof(piece));
    answer_scan_feed(s, "\"}", 2);
    answer_scan_finish(s);
    ck_assert(text_is(answer_scan_trace_id(s), "t"));
    answer_scan_free(s);
}
END_TEST

START_TEST(nothing_to_find)
{
    spec.chat = NULL;
    expect("{\"chat\":{\"id\":\"c\",\"handles\":[" ME "]},\"trace_id\":\"t\"}",
           "t", "");
    spec.trace_id = NULL;
    expect("{\"trace_id\":\"t\"}", "", "");
    spec.chat = "no pointer";
    expect("{\"trace_id\":\"t\"}", "", "");
    spec.chat = "/1/2/3/4/5/6/7/8";
    expect("{\"trace_id\":\"t\"}", "", "");
    answer_scan_free(NULL);
}
END_TEST

UNIT_MAIN("answer", a_chat_and_a_trace, members_in_any_order,
          chats_that_do_not_tell, a_list_of_chats, the_answer_is_the_chat,
          trace_ids, no_json, a_long_string, nothing_to_find)
