/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/reader.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "unit.h"

/* A line as chatgate writes it, with what the queries look at. */
#define RECORD(second, request, trace, from, consumer, decision)               \
    "{\"time\":\"2026-01-31T12:00:" second                                     \
    ".000001Z\",\"request_id\":\"" request "\",\"trace_id\":\"" trace          \
    "\",\"gateway_trace_id\":\"g-" request "\",\"consumer\":\"" consumer       \
    "\",\"from\":\"" from "\",\"decision\":\"" decision "\",\"seq\":1" second  \
    "}\n"

static const char file[] =
    RECORD("00", "r0", "t0", "+14155550100", "billing", "forwarded") RECORD(
        "01", "r1", "t1", "+14155550101", "billing",
        "rejected") "{\"time\":\"2026-01-31T12:00:01.000001Z\",\"request_id\":"
                    "\"r0\"\n" RECORD(
                        "02", "r2", "t0", "+14155550100", "crm",
                        "forwarded") "\n"
                                     "not json\n" RECORD("03", "r3", "t3",
                                                         "+14*******00", "crm",
                                                         "limited")
                                         RECORD("04", "r4", "t4", "hmac:0123",
                                                "", "error");

static char found[4096]; /* request ids */
static int stop_after;

static bool note(void *arg, struct text line, const struct json_value *record)
{
    size_t len = strlen(found);
    const char *p, *end;

    ck_assert_ptr_eq(arg, found);
    ck_assert_int_eq(line.data[line.len - 1], '}');
    p = strstr(line.data, "\"request_id\":\"") + 14;
    end = strchr(p, '"');
    if (record)
        ck_assert(text_equal(json_get(record, "request_id")->text,
                             text_make(p, (size_t)(end - p))));
    snprintf(found + len, sizeof(found) - len, "%.*s ", (int)(end - p), p);
    return --stop_after != 0;
}

struct feeder {
    int fd;
    const char *data;
    size_t len, each;
};

static void *feed(void *arg)
{
    struct feeder *f = arg;

    for (size_t at = 0; at < f->len; at += f->each) {
        size_t n = f->each < f->len - at ? f->each : f->len - at;

        if (write(f->fd, f->data + at, n) != (ssize_t)n)
            break;
    }
    close(f->fd);
    return NULL;
}

/* Through a pipe, `each` bytes a write. */
static struct audit_read read_text(const char *data, size_t len, size_t each,
                                   const struct audit_query *q, bool record)
{
    struct audit_read out;
    struct feeder f = {.data = data, .len = len, .each = each};
    pthread_t thread;
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    f.fd = ends[1];
    found[0] = '\0';
    ck_assert_int_eq(pthread_create(&thread, NULL, feed, &f), 0);
    ck_assert_int_eq(audit_read(ends[0], q, record, note, found, &out),
                     STATUS_OK);
    pthread_join(thread, NULL);
    close(ends[0]);
    return out;
}

static void expect(const struct audit_query *q, const char *ids)
{
    static const size_t pieces[] = {1, 7, 100, sizeof(file)};

    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        for (int record = 0; record <= 1; record++) {
            struct audit_read r =
                read_text(file, strlen(file), pieces[i], q, record);

            ck_assert_str_eq(found, ids);
            ck_assert_uint_eq(r.skipped, 2);
            ck_assert_uint_eq(r.first_skipped, 3);
            ck_assert_uint_eq(r.lines, 8);
        }
    }
}

static wall_us at(const char *text)
{
    wall_us t;

    ck_assert_int_eq(audit_time_parse(text_of(text), 0, &t), STATUS_OK);
    return t;
}

START_TEST(everything)
{
    expect(&(struct audit_query){.has_since = false}, "r0 r1 r2 r3 r4 ");
}
END_TEST

START_TEST(by_each_member)
{
    expect(&(struct audit_query){.trace_id = TEXT("t0")}, "r0 r2 ");
    expect(&(struct audit_query){.trace_id = TEXT("g-r1")}, "r1 ");
    expect(&(struct audit_query){.request_id = TEXT("r2")}, "r2 ");
    expect(&(struct audit_query){.consumer = TEXT("crm")}, "r2 r3 ");
    expect(&(struct audit_query){.decision = TEXT("rejected")}, "r1 ");
    expect(&(struct audit_query){.consumer = TEXT("billing"),
                                 .decision = TEXT("forwarded")},
           "r0 ");
}
END_TEST

/* A value elsewhere in the line, or a part of one, is no match. */
START_TEST(what_only_looks_alike)
{
    expect(&(struct audit_query){.request_id = TEXT("t0")}, "");
    expect(&(struct audit_query){.request_id = TEXT("r")}, "");
    expect(&(struct audit_query){.trace_id = TEXT("r1")}, "");
    expect(&(struct audit_query){.consumer = TEXT("bill")}, "");
    expect(&(struct audit_query){.consumer = TEXT("forwarded")}, "");
    expect(&(struct audit_query){.decision = TEXT("forward")}, "");
    expect(&(struct audit_query){.decision = TEXT("a\"b")}, "");
    expect(&(struct audit_query){.from = TEXT("+1415555010")}, "");
    expect(&(struct audit_query){.request_id = TEXT("r0\"")}, "");
    expect(&(struct audit_query){.consumer = TEXT("")}, "r4 ");
}
END_TEST

START_TEST(numbers_as_recorded_or_masked)
{
    expect(&(struct audit_query){.from = TEXT("+14155550100")}, "r0 r2 r3 ");
    expect(&(struct audit_query){.from = TEXT("+14155550101")}, "r1 ");
    expect(&(struct audit_query){.from = TEXT("+14*******00")}, "r3 ");
    expect(&(struct audit_query){.from = TEXT("hmac:0123")}, "r4 ");
    expect(
        &(struct audit_query){
            .from = TEXT("01234567890123456789012345678901234567890123456789"
                         "01234567890123456789012345678901234567890123456789")},
        "");
}
END_TEST

START_TEST(by_time)
{
    struct audit_query q = {.has_since = true,
                            .since = at("2026-01-31T12:00:02.000001Z")};

    expect(&q, "r2 r3 r4 ");
    q.since++;
    expect(&q, "r3 r4 ");
    q = (struct audit_query){.has_until = true,
                             .until = at("2026-01-31T13:00:02.000001+01:00")};
    expect(&q, "r0 r1 ");
    q.until++;
    expect(&q, "r0 r1 r2 ");
    q.has_since = true;
    q.since = q.until - 1;
    expect(&q, "r2 ");
    q.since = q.until;
    expect(&q, "");
}
END_TEST

/* The same record written by another program: other order, spaces, escapes. */
START_TEST(records_of_another_shape)
{
    static const char other[] =
        "{ \"seq\": 7, \"request_id\":\"r7\", \"consumer\": \"\\u0063rm\","
        " \"time\": \"2026-01-31T13:00:05+01:00\", \"from\": null }\r\n"
        "{\"request_id\":\"r8\",\"consumer\":\"crm\",\"time\":7}\n";
    struct audit_query q = {.consumer = TEXT("crm")};

    (void)read_text(other, strlen(other), 1000, &q, true);
    ck_assert_str_eq(found, "r7 r8 ");
    q.has_since = true;
    q.since = at("2026-01-31T12:00:05Z");
    (void)read_text(other, strlen(other), 1000, &q, true);
    ck_assert_str_eq(found, "r7 ");
    q.since++;
    (void)read_text(other, strlen(other), 1000, &q, true);
    ck_assert_str_eq(found, "");
}
END_TEST

START_TEST(the_last_line_may_lack_its_newline)
{
    static const char whole[] =
        RECORD("00", "r0", "t0", "+14155550100", "billing", "forwarded");
    struct audit_query q = {.request_id = TEXT("r0")};

    for (size_t cut = 0; cut < strlen(whole); cut++) {
        struct audit_read r = read_text(whole, cut, 10000, &q, false);
        bool is_whole = cut == strlen(whole) - 1;

        ck_assert_uint_eq(r.skipped, cut > 0 && !is_whole);
        ck_assert_uint_eq(r.found, is_whole);
    }
}
END_TEST

START_TEST(huge_lines_are_skipped)
{
    static const size_t sizes[] = {60000,  65535,  65536,  65537,
                                   262143, 262144, 262145, 3000000};
    static const char after[] =
        "\n" RECORD("01", "r1", "t1", "+14155550101", "billing", "rejected");
    struct audit_query q = {.has_since = false};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char *text = malloc(sizes[i] + sizeof(after));
        struct audit_read r;

        memset(text, 'x', sizes[i]);
        memcpy(text + sizes[i], after, sizeof(after));
        r = read_text(text, sizes[i] + strlen(after), 50000, &q, true);
        ck_assert_str_eq(found, "r1 ");
        ck_assert_uint_eq(r.skipped, 1);
        ck_assert_uint_eq(r.first_skipped, 1);
        ck_assert_uint_eq(r.lines, 2);
        /* and as the last thing in the file */
        r = read_text(text, sizes[i], 50000, &q, true);
        ck_assert_uint_eq(r.skipped, 1);
        ck_assert_uint_eq(r.lines, 1);
        free(text);
    }
}
END_TEST

START_TEST(bytes_that_are_no_text)
{
    static const char bad[] = "\0\0\0\n\xff\xfe\n[1]\n7\n\"x\"\n{}x\n{\n}\n";
    struct audit_query q = {.has_since = false};
    struct audit_read r = read_text(bad, sizeof(bad) - 1, 3, &q, true);

    ck_assert_uint_eq(r.skipped, 8);
    ck_assert_uint_eq(r.found, 0);
}
END_TEST

START_TEST(enough_ends_the_reading)
{
    struct audit_query q = {.has_since = false};
    struct audit_read r;

    stop_after = 2;
    r = read_text(file, strlen(file), sizeof(file), &q, false);
    ck_assert_str_eq(found, "r0 r1 ");
    ck_assert_uint_eq(r.found, 2);
}
END_TEST

START_TEST(what_cannot_be_read)
{
    struct audit_query q = {.has_since = false};
    struct audit_read r;

    errno = 0;
    ck_assert_int_eq(audit_read(-1, &q, false, note, found, &r), STATUS_IO);
    ck_assert_int_eq(errno, EBADF);
    ck_assert_uint_eq(r.lines, 0);
}
END_TEST

UNIT_MAIN("reader", everything, by_each_member, what_only_looks_alike,
          numbers_as_recorded_or_masked, by_time, records_of_another_shape,
          the_last_line_may_lack_its_newline, huge_lines_are_skipped,
          bytes_that_are_no_text, enough_ends_the_reading, what_cannot_be_read)
