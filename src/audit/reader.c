/* SPDX-License-Identifier: Apache-2.0
 *
 * audit/reader.c - lines out of a buffer, and what rules them out.
 *
 * Three looks at a line, from cheap to dear. Is it whole? A record that
 * chatgate wrote begins with its time and ends with its seq; only what does
 * not look so is parsed to find out. May it match? Each wanted value must
 * stand in it as bytes, and its time is compared as text, since all times have
 * the same form. Does it match? It is parsed and its members are compared.
 *
 * A value that JSON would write with escapes is not looked for as bytes, it
 * is left to the parser.
 */
#define _GNU_SOURCE /* memmem */
#include "audit/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/numbers.h"
#include "base/check.h"
#include "schema/pick.h"

#define SEARCH_MAGIC 0x61756472u /* "audr" */
#define READ_BYTES ((size_t)256 * 1024)
/* Records are at most AUDIT_LINE_MAX; other versions may have had more. */
#define LINE_MAX_BYTES ((size_t)64 * 1024)
#define NEEDLES_MAX 5

/* What a record is picked for; PICK_TARGETS_MAX is just enough. */
enum member {
    MEMBER_RECORD, /* itself */
    MEMBER_TIME,
    MEMBER_TRACE_ID,
    MEMBER_GATEWAY_TRACE_ID,
    MEMBER_REQUEST_ID,
    MEMBER_CONSUMER,
    MEMBER_DECISION,
    MEMBER_FROM,
    MEMBERS,
};

/* One of the two must stand in a line. */
struct needle {
    struct text text, other; /* `other` may be absent */
};

struct search {
    uint32_t magic;
    const struct audit_query *query;
    bool wants_record;
    audit_found_fn found;
    void *arg;
    struct audit_read *out;
    bool is_enough;

    struct needle needles[NEEDLES_MAX];
    size_t needle_count;
    char decision[64]; /* "decision":"..." */
    char masked[AUDIT_NUMBER_HIDDEN_MAX];
    struct text masked_from;
    char since[CLOCK_RFC3339_SIZE], until[CLOCK_RFC3339_SIZE];

    struct pick_target targets[MEMBERS];
    unsigned says; /* of the record under way: which members fit, as bits */
};

static const struct scan_limits limits = {
    .max_depth = 64,
    .max_token_bytes = LINE_MAX_BYTES,
    .max_number_bytes = 64,
};

/* What every record begins with, up to the first digit of its time. */
static const struct text head = TEXT("{\"time\":\"");

/* Preparing. */

static bool is_written_as_is(struct text t)
{
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.data[i];

        if (c < ' ' || c >= 0x7f || c == '"' || c == '\\')
            return false;
    }
    return t.len > 0;
}

static void add_needle(struct search *s, struct text t, struct text other)
{
    if (text_is_absent(t) || !is_written_as_is(t) ||
        (!text_is_absent(other) && !is_written_as_is(other)))
        return;
    CHECK(s->needle_count < NEEDLES_MAX);
    s->needles[s->needle_count++] = (struct needle){t, other};
}

static void prepare_targets(struct search *s)
{
    static const char *const pointers[] = {
        [MEMBER_RECORD] = "",
        [MEMBER_TIME] = "/time",
        [MEMBER_TRACE_ID] = "/trace_id",
        [MEMBER_GATEWAY_TRACE_ID] = "/gateway_trace_id",
        [MEMBER_REQUEST_ID] = "/request_id",
        [MEMBER_CONSUMER] = "/consumer",
        [MEMBER_DECISION] = "/decision",
        [MEMBER_FROM] = "/from",
    };

    _Static_assert(MEMBERS <= PICK_TARGETS_MAX, "all can be picked at once");
    for (size_t i = 0; i < MEMBERS; i++)
        CHECK(pick_target_parse(text_of(pointers[i]), &s->targets[i]) ==
              STATUS_OK);
}

static void prepare(struct search *s)
{
    static const struct audit_privacy mask = {AUDIT_NUMBERS_MASKED, {NULL, 0}};
    static const struct text none = {NULL, 0};
    const struct audit_query *q = s->query;

    if (!text_is_absent(q->from) && q->from.len <= AUDIT_NUMBER_MAX)
        s->masked_from =
            text_make(s->masked, audit_number_hide(&mask, q->from, s->masked));
    add_needle(s, q->from, s->masked_from);
    add_needle(s, q->trace_id, none);
    add_needle(s, q->request_id, none);
    add_needle(s, q->consumer, none);
    if (is_written_as_is(q->decision) && q->decision.len < 32) {
        (void)snprintf(s->decision, sizeof(s->decision),
                       "\"decision\":\"%.*s\"", TEXT_ARG(q->decision));
        s->needles[s->needle_count++] =
            (struct needle){text_of(s->decision), none};
    }
    if (q->has_since)
        clock_format_rfc3339(q->since, s->since);
    if (q->has_until)
        clock_format_rfc3339(q->until, s->until);
    prepare_targets(s);
}

/* Looking. */

static bool has_standard_time(struct text line)
{
    return line.len > head.len + CLOCK_RFC3339_SIZE &&
           text_starts_with(line, head) &&
           line.data[head.len + CLOCK_RFC3339_SIZE - 2] == 'Z' &&
           line.data[head.len + CLOCK_RFC3339_SIZE - 1] == '"';
}

/* ...,"seq":42} */
static bool ends_with_seq(struct text line)
{
    static const struct text seq = TEXT(",\"seq\":");
    size_t at = line.len - 1; /* of the brace */

    if (line.data[at] != '}')
        return false;
    while (at > 0 && line.data[at - 1] >= '0' && line.data[at - 1] <= '9')
        at--;
    return at < line.len - 1 && text_ends_with(text_make(line.data, at), seq);
}

static bool contains(struct text line, struct text t)
{
    return memmem(line.data, line.len, t.data, t.len) != NULL;
}

static bool may_match(const struct search *s, struct text line)
{
    for (size_t i = 0; i < s->needle_count; i++) {
        const struct needle *n = &s->needles[i];

        if (!contains(line, n->text) &&
            (text_is_absent(n->other) || !contains(line, n->other)))
            return false;
    }
    return true;
}

static bool is_in_time(const struct search *s, struct text line)
{
    const char *time = line.data + head.len;

    return (!s->query->has_since ||
            memcmp(time, s->since, CLOCK_RFC3339_SIZE - 1) >= 0) &&
           (!s->query->has_until ||
            memcmp(time, s->until, CLOCK_RFC3339_SIZE - 1) < 0);
}

static bool is_time_wanted(const struct audit_query *q, struct text time)
{
    wall_us t;

    return audit_time_parse(time, 0, &t) == STATUS_OK &&
           (!q->has_since || t >= q->since) && (!q->has_until || t < q->until);
}

static bool is_wanted(const struct search *s, enum member member,
                      struct text value)
{
    const struct audit_query *q = s->query;

    switch (member) {
    case MEMBER_TIME:
        return is_time_wanted(q, value);
    case MEMBER_TRACE_ID:
    case MEMBER_GATEWAY_TRACE_ID:
        return text_equal(value, q->trace_id);
    case MEMBER_REQUEST_ID:
        return text_equal(value, q->request_id);
    case MEMBER_CONSUMER:
        return text_equal(value, q->consumer);
    case MEMBER_DECISION:
        return text_equal(value, q->decision);
    case MEMBER_FROM:
        return text_equal(value, q->from) ||
               (!text_is_absent(s->masked_from) &&
                text_equal(value, s->masked_from));
    case MEMBER_RECORD:
    case MEMBERS:
        break;
    }
    return false;
}

static bool on_member(void *arg, size_t target, enum pick_kind kind,
                      struct text value)
{
    struct search *s;

    MAGIC_CAST(s, arg, SEARCH_MAGIC);
    if (target == MEMBER_RECORD
            ? kind == PICK_OBJECT
            : kind == PICK_STRING && is_wanted(s, (enum member)target, value))
        s->says |= 1u << target;
    return true;
}

static bool says(const struct search *s, enum member member)
{
    return s->says >> member & 1;
}

/* What members must fit, do. */
static bool matches(const struct search *s)
{
    const struct audit_query *q = s->query;

    return (text_is_absent(q->trace_id) || says(s, MEMBER_TRACE_ID) ||
            says(s, MEMBER_GATEWAY_TRACE_ID)) &&
           (text_is_absent(q->request_id) || says(s, MEMBER_REQUEST_ID)) &&
           (text_is_absent(q->consumer) || says(s, MEMBER_CONSUMER)) &&
           (text_is_absent(q->decision) || says(s, MEMBER_DECISION)) &&
           (text_is_absent(q->from) || says(s, MEMBER_FROM)) &&
           ((!q->has_since && !q->has_until) || says(s, MEMBER_TIME));
}

static bool has_filter(const struct audit_query *q)
{
    return !text_is_absent(q->trace_id) || !text_is_absent(q->request_id) ||
           !text_is_absent(q->from) || !text_is_absent(q->consumer) ||
           !text_is_absent(q->decision);
}

static void skip(struct search *s)
{
    if (s->out->skipped++ == 0)
        s->out->first_skipped = s->out->lines;
}

static void tell(struct search *s, struct text line,
                 const struct json_value *record)
{
    s->out->found++;
    s->is_enough = !s->found(s->arg, line, record);
}

static enum status tell_parsed(struct search *s, struct text line)
{
    struct json_document *doc = NULL;
    struct problems problems;
    enum status status;

    problems_init(&problems);
    status = json_parse(line, "", 0, &problems, &doc);
    problems_release(&problems);
    if (status == STATUS_NO_MEMORY)
        return status;
    if (status == STATUS_OK)
        tell(s, line, doc->root);
    else /* a member twice, say, which picking does not mind */
        skip(s);
    json_free(doc);
    return STATUS_OK;
}

static enum status parse_and_match(struct search *s, struct text line)
{
    struct pick *pick = pick_new(s->targets, MEMBERS, &limits, on_member, s);
    enum status status = STATUS_NO_MEMORY;

    s->says = 0;
    if (pick) {
        status = pick_feed(pick, line.data, line.len);
        if (status == STATUS_OK)
            status = pick_finish(pick);
    }
    pick_free(pick);
    if (status == STATUS_NO_MEMORY)
        return status;
    if (status != STATUS_OK || !says(s, MEMBER_RECORD)) {
        skip(s);
        return STATUS_OK;
    }
    if (!matches(s))
        return STATUS_OK;
    if (s->wants_record)
        return tell_parsed(s, line);
    tell(s, line, NULL);
    return STATUS_OK;
}

static enum status look_at(struct search *s, struct text line)
{
    bool is_ours;

    s->out->lines++;
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    if (line.len == 0)
        return STATUS_OK;
    if (line.len > LINE_MAX_BYTES) {
        skip(s);
        return STATUS_OK;
    }
    is_ours = has_standard_time(line) && ends_with_seq(line);
    if (is_ours && (!may_match(s, line) || !is_in_time(s, line)))
        return STATUS_OK;
    if (is_ours && !s->wants_record && !has_filter(s->query)) {
        tell(s, line, NULL);
        return STATUS_OK;
    }
    return parse_and_match(s, line);
}

/* Reading. */

static ssize_t read_some(int fd, char *to, size_t size)
{
    ssize_t n;

    do {
        n = read(fd, to, size);
    } while (n < 0 && errno == EINTR);
    return n;
}

/* Look at the lines that are whole in the first `len` bytes; returns how many
 * bytes they were. */
static size_t look_at_lines(struct search *s, const char *data, size_t len,
                            enum status *status)
{
    size_t at = 0;

    while (*status == STATUS_OK && !s->is_enough) {
        const char *end = memchr(data + at, '\n', len - at);

        if (!end)
            break;
        *status = look_at(s, text_make(data + at, (size_t)(end - data) - at));
        at = (size_t)(end - data) + 1;
    }
    return at;
}

static enum status read_all(struct search *s, int fd, char *buffer)
{
    enum status status = STATUS_OK;
    size_t have = 0;
    bool is_too_long = false; /* the line under way: its begin is dropped */

    for (;;) {
        ssize_t n = read_some(fd, buffer + have, READ_BYTES - have);
        size_t used = 0;

        if (n < 0)
            return STATUS_IO;
        if (n == 0)
            break;
        have += (size_t)n;
        if (is_too_long) {
            const char *end = memchr(buffer, '\n', have);

            used = end ? (size_t)(end - buffer) + 1 : have;
            is_too_long = !end;
        }
        used += look_at_lines(s, buffer + used, have - used, &status);
        if (status != STATUS_OK || s->is_enough)
            return status;
        have -= used;
        memmove(buffer, buffer + used, have);
        if (have > LINE_MAX_BYTES) {
            s->out->lines++;
            skip(s);
            is_too_long = true;
            have = 0;
        }
    }
    if (have > 0) /* the last line has no newline: whole or not, we shall see */
        status = look_at(s, text_make(buffer, have));
    return status;
}

enum status audit_read(int fd, const struct audit_query *query,
                       bool wants_record, audit_found_fn found, void *arg,
                       struct audit_read *out)
{
    struct search s = {
        .magic = SEARCH_MAGIC,
        .query = query,
        .wants_record = wants_record,
        .found = found,
        .arg = arg,
        .out = out,
    };
    char *buffer = malloc(READ_BYTES);
    enum status status;
    int saved;

    *out = (struct audit_read){0};
    if (!buffer)
        return STATUS_NO_MEMORY;
    prepare(&s);
    status = read_all(&s, fd, buffer);
    saved = errno;
    free(buffer);
    errno = saved;
    return status;
}
