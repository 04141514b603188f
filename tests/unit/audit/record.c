/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/record.h"

#include <stdio.h>

#include "base/check.h"
#include "base/json.h"
#include "unit.h"

static const struct audit_privacy full = {AUDIT_NUMBERS_FULL, {NULL, 0}};

/* The documented order; every name is there, always. */
static const char *const fields[] = {
    "time",         "request_id",      "trace_id",   "gateway_trace_id",
    "consumer",     "client",          "method",     "path",
    "operation",    "chat_id",         "from",       "from_source",
    "recipients",   "parts",           "effect",     "idempotency_key",
    "decision",     "error",           "delivery",   "client_gone",
    "status",       "upstream_status", "violations", "limits",
    "limit_source", "bytes_in",        "bytes_out",  "duration_us",
    "upstream_us",  "policy_version",  "run",        "worker",
    "seq",
};

static const struct audit_record empty = {
    .recipients = -1,
    .parts = -1,
    .bytes_in = -1,
    .bytes_out = -1,
    .duration_us = -1,
    .upstream_us = -1,
};

static struct buffer line;
static struct json_document *doc;

/* Write it, check what every line promises, and parse it into `doc`. */
static void record(const struct audit_record *r,
                   const struct audit_privacy *privacy)
{
    struct json_writer *w = json_writer_new();
    struct problems problems;

    buffer_init(&line, 64 * 1024);
    problems_init(&problems);
    ck_assert_int_eq(audit_record_write(w, r, privacy, &line), STATUS_OK);
    json_writer_free(w);
    ck_assert_uint_le(line.len, AUDIT_LINE_MAX);
    ck_assert_int_eq(line.data[line.len - 1], '\n');
    ck_assert_ptr_null(memchr(line.data, '\n', line.len - 1));
    ck_assert_int_eq(json_parse(buffer_text(&line), "line", 0, &problems, &doc),
                     STATUS_OK);
    ck_assert_uint_eq(doc->root->count, ARRAY_LEN(fields));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        ck_assert(text_is(doc->root->members[i].name, fields[i]));
    problems_release(&problems);
}

static void done(void)
{
    json_free(doc);
    buffer_release(&line);
}

static void expect(const char *field, const char *value)
{
    const struct json_value *v = json_get(doc->root, field);

    ck_assert_msg(v && v->type != JSON_NULL && text_is(v->text, value),
                  "%s is not %s in %s", field, value, line.data);
}

static void expect_null(const char *field)
{
    ck_assert_msg(json_get(doc->root, field)->type == JSON_NULL,
                  "%s is not null in %s", field, line.data);
}

START_TEST(an_empty_record_is_all_null)
{
    static const char *const known[] = {
        "time",       "decision", "delivery", "client_gone",
        "violations", "limits",   "worker",   "seq",
    };

    record(&empty, &full);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        bool is_known = false;

        for (size_t k = 0; k < ARRAY_LEN(known); k++)
            is_known = is_known || strcmp(fields[i], known[k]) == 0;
        if (!is_known)
            expect_null(fields[i]);
    }
    expect("time", "1970-01-01T00:00:00.000000Z");
    expect("decision", "forwarded");
    expect("delivery", "none");
    done();
}
END_TEST

START_TEST(a_full_record_says_all)
{
    struct audit_violation v[] = {
        {TEXT("/message/parts/1"), TEXT("parts.adjacent"), TEXT("chats-v3"),
         false},
        {TEXT(""), TEXT("required"), TEXT("house"), true},
    };
    struct audit_limit l[] = {
        {TEXT("sender-limits"), TEXT("burst"), false, true, 12},
        {TEXT("sender-limits"), TEXT("day"), true, false, 0},
    };
    struct audit_record r = {
        .time = 1767225600000001,
        .request_id = TEXT("r-1"),
        .trace_id = TEXT("t-1"),
        .gateway_trace_id = TEXT("g-1"),
        .consumer = TEXT("billing"),
        .client = TEXT("10.0.0.1"),
        .method = TEXT("POST"),
        .path = TEXT("/v3/chats?from=%2B14155550100"),
        .operation = TEXT("createChat"),
        .chat_id = TEXT("550e8400-e29b-41d4-a716-446655440000"),
        .from = TEXT("+14155550100"),
        .from_source = AUDIT_FROM_BODY,
        .recipients = 2,
        .parts = 3,
        .effect = TEXT("confetti"),
        .idempotency_key = TEXT("k-1 +14155550100"),
        .decision = AUDIT_ERROR,
        .error = TEXT("upstream.broken"),
        .delivery = AUDIT_DELIVERY_ONCE,
        .client_gone = true,
        .status = 201,
        .upstream_status = 202,
        .violations = v,
        .violation_count = 2,
        .limits = l,
        .limit_count = 2,
        .limit_source = TEXT("redis"),
        .bytes_in = 376,
        .bytes_out = 0,
        .duration_us = 1234,
        .upstream_us = 1000,
        .policy_version = TEXT("p-1"),
        .run = TEXT("run-1"),
        .worker = 3,
        .seq = 42,
    };
    static const char expected[] =
        "{\"time\":\"2026-01-01T00:00:00.000001Z\",\"request_id\":\"r-1\","
        "\"trace_id\":\"t-1\",\"gateway_trace_id\":\"g-1\","
        "\"consumer\":\"billing\",\"client\":\"10.0.0.1\",\"method\":\"POST\","
        "\"path\":\"/v3/chats?from=%2B14155550100\","
        "\"operation\":\"createChat\","
        "\"chat_id\":\"550e8400-e29b-41d4-a716-446655440000\","
        "\"from\":\"+14155550100\",\"from_source\":\"body\",\"recipients\":2,"
        "\"parts\":3,\"effect\":\"confetti\","
        "\"idempotency_key\":\"k-1 +14155550100\",\"decision\":\"error\","
        "\"error\":\"upstream.broken\",\"delivery\":\"once\","
        "\"client_gone\":true,\"status\":201,\"upstream_status\":202,"
        "\"violations\":[{\"pointer\":\"/message/parts/1\","
        "\"rule\":\"parts.adjacent\",\"policy\":\"chats-v3\","
        "\"mode\":\"enforce\"},{\"pointer\":\"\",\"rule\":\"required\","
        "\"policy\":\"house\",\"mode\":\"shadow\"}],"
        "\"limits\":[{\"policy\":\"sender-limits\",\"name\":\"burst\","
        "\"mode\":\"enforce\",\"allowed\":true,\"remaining\":12},"
        "{\"policy\":\"sender-limits\",\"name\":\"day\",\"mode\":\"shadow\","
        "\"allowed\":false,\"remaining\":0}],\"limit_source\":\"redis\","
        "\"bytes_in\":376,\"bytes_out\":0,\"duration_us\":1234,"
        "\"upstream_us\":1000,\"policy_version\":\"p-1\",\"run\":\"run-1\","
        "\"worker\":3,\"seq\":42}\n";

    record(&r, &full);
    ck_assert_str_eq(line.data, expected);
    done();
}
END_TEST

START_TEST(numbers_are_masked)
{
    struct audit_privacy masked = {AUDIT_NUMBERS_MASKED, {NULL, 0}};
    struct audit_record r = empty;

    r.path = TEXT_LIT("/v3/chats?from=%2B14155550100&limit=20");
    r.from = TEXT_LIT("+14155550100");
    r.idempotency_key = TEXT_LIT("+14155550100");
    record(&r, &masked);
    expect("path", "/v3/chats?from=+14*******00&limit=20");
    expect("from", "+14*******00");
    expect("idempotency_key", "+14155550100");
    done();
}
END_TEST

/* printf +14155550100 | openssl dgst -sha256 -hmac secret */
#define HASHED                                                                 \
    "hmac:"                                                                    \
    "82abc4398215c8ff4ccb4059611e112c17c29d12d5ee9fb6c1676e2a80d57c13"

START_TEST(numbers_are_hashed)
{
    struct audit_privacy hashed = {AUDIT_NUMBERS_HASHED, TEXT("secret")};
    struct audit_record r = empty;

    r.path = TEXT_LIT("/v3/chats?from=%2B14155550100&limit=20");
    r.from = TEXT_LIT("+14155550100");
    record(&r, &hashed);
    expect("path", "/v3/chats?from=" HASHED "&limit=20");
    expect("from", HASHED);
    done();
}
END_TEST

START_TEST(bytes_that_are_no_text_are_repaired)
{
    struct audit_record r = empty;

    r.path = TEXT_LIT("/a\xff\n\"\\\x01");
    r.client = TEXT_LIT("x\0y");
    record(&r, &full);
    expect("path", "/a\xef\xbf\xbd\n\"\\\x01");
    done();
}
END_TEST

START_TEST(long_texts_are_cut)
{
    struct audit_record r = empty;
    char text[4096], expected[4096];

    memset(text, 'x', sizeof(text));
    r.path = text_make(text, sizeof(text));
    r.idempotency_key = r.path;
    record(&r, &full);
    snprintf(expected, sizeof(expected), "%.1024s", text);
    expect("path", expected);
    snprintf(expected, sizeof(expected), "%.256s", text);
    expect("idempotency_key", expected);
    done();
}
END_TEST

/* Every text at its longest and each byte six in JSON: the line still holds,
 * violations go first, then limits, and the reader is told. */
START_TEST(the_longest_line_fits)
{
    struct audit_violation v[16];
    struct audit_limit l[16];
    struct audit_record r = empty;
    const struct json_value *shown;
    char text[4096];

    memset(text, '\x01', sizeof(text));
    for (size_t i = 0; i < 16; i++) {
        v[i] = (struct audit_violation){.pointer = {text, 256},
                                        .rule = TEXT("required"),
                                        .policy = TEXT("p")};
        l[i] = (struct audit_limit){.policy = TEXT("p"), .name = TEXT("n")};
    }
    r.violations = v;
    r.violation_count = 16;
    r.limits = l;
    r.limit_count = 16;
    record(&r, &full);
    shown = json_get(doc->root, "violations");
    ck_assert_uint_gt(shown->count, 4);
    ck_assert_uint_lt(shown->count, 16);
    ck_assert(text_is(json_get(shown->items[0], "rule")->text, "required"));
    ck_assert(text_is(json_get(shown->items[shown->count - 1], "rule")->text,
                      "truncated"));
    ck_assert_uint_eq(json_get(doc->root, "limits")->count, 16);
    done();

    for (size_t i = 0; i < 16; i++) {
        v[i].rule = v[i].policy = v[i].pointer;
        l[i].policy = l[i].name = v[i].pointer;
    }
    r.request_id = r.trace_id = r.gateway_trace_id = r.consumer = r.client =
        r.method = r.path = r.operation = r.chat_id = r.from = r.effect =
            r.idempotency_key = r.error = r.limit_source = r.policy_version =
                r.run = text_make(text, sizeof(text));
    record(&r, &full);
    shown = json_get(doc->root, "violations");
    ck_assert_uint_eq(shown->count, 1);
    ck_assert(text_is(json_get(shown->items[0], "rule")->text, "truncated"));
    ck_assert_uint_eq(json_get(doc->root, "limits")->count, 0);
    done();
}
END_TEST

START_TEST(a_full_buffer_stays_as_it_was)
{
    struct json_writer *w = json_writer_new();
    struct buffer small;

    buffer_init(&small, 500);
    ck_assert_int_eq(buffer_append_str(&small, "before"), STATUS_OK);
    ck_assert_int_eq(audit_record_write(w, &empty, &full, &small),
                     STATUS_TOO_LARGE);
    ck_assert_str_eq(small.data, "before");
    buffer_release(&small);
    json_writer_free(w);
}
END_TEST

/* A buffer of just AUDIT_LINE_MAX takes any record: a first attempt that is
 * too long is no failure. */
START_TEST(a_buffer_for_one_line_is_enough)
{
    struct json_writer *w = json_writer_new();
    struct audit_violation v[16];
    struct audit_record r = empty;
    struct buffer one;
    char text[256];

    memset(text, '\x01', sizeof(text));
    for (size_t i = 0; i < 16; i++)
        v[i] = (struct audit_violation){.pointer = {text, sizeof(text)}};
    r.violations = v;
    r.violation_count = 16;
    buffer_init(&one, AUDIT_LINE_MAX);
    ck_assert_int_eq(audit_record_write(w, &r, &full, &one), STATUS_OK);
    ck_assert_uint_gt(one.len, AUDIT_LINE_MAX / 2);
    buffer_release(&one);
    json_writer_free(w);
}
END_TEST

START_TEST(decisions_have_names)
{
    static const char *const names[] = {"forwarded", "rejected",    "limited",
                                        "denied",    "unavailable", "error"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        ck_assert_str_eq(audit_decision_name((enum audit_decision)i), names[i]);
}
END_TEST

UNIT_MAIN("record", an_empty_record_is_all_null, a_full_record_says_all,
          numbers_are_masked, numbers_are_hashed,
          bytes_that_are_no_text_are_repaired, long_texts_are_cut,
          the_longest_line_fits, a_full_buffer_stays_as_it_was,
          a_buffer_for_one_line_is_enough, decisions_have_names)
