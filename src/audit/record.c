/* SPDX-License-Identifier: Apache-2.0
 *
 * audit/record.c - a record as one line of JSON.
 *
 * The fields are written in a fixed order, one function a group. A line stays
 * within AUDIT_LINE_MAX because it is tried: nearly always everything fits at
 * once; where it does not, it is written again with half the violations, then
 * half the limits, and at last with every text cut short. Texts that a client
 * can choose (and their escapes, six bytes for one) are why the size is not
 * known before.
 *
 * Every request writes a record of some 45 members, and a general writer took
 * half as long as everything that chatgate itself does for a request. So the
 * shape is copied from literals into room that was reserved once, and so are
 * texts that need no escape, as nearly all are; the others go through the JSON
 * writer.
 */
#include "audit/record.h"

#include "audit/numbers.h"
#include "base/check.h"

#define PATH_MAX_BYTES 1024
#define TEXT_MAX_BYTES 256 /* any other text */
#define TEXT_SHORT_BYTES 48

/* How much of a record is written. */
struct extent {
    size_t violations, limits; /* at most */
    size_t text_bytes, path_bytes;
};

const char *audit_decision_name(enum audit_decision d)
{
    static const char *const names[] = {
        [AUDIT_FORWARDED] = "forwarded",     [AUDIT_REJECTED] = "rejected",
        [AUDIT_LIMITED] = "limited",         [AUDIT_DENIED] = "denied",
        [AUDIT_UNAVAILABLE] = "unavailable", [AUDIT_ERROR] = "error",
    };

    _Static_assert(ARRAY_LEN(names) == AUDIT_ERROR + 1,
                   "a name for each decision");
    CHECK((size_t)d < ARRAY_LEN(names));
    return names[d];
}

enum status audit_decision_parse(struct text name, enum audit_decision *out)
{
    for (int d = AUDIT_FORWARDED; d <= AUDIT_ERROR; d++) {
        if (text_is(name, audit_decision_name((enum audit_decision)d))) {
            *out = (enum audit_decision)d;
            return STATUS_OK;
        }
    }
    return STATUS_NOT_FOUND;
}

static const char *delivery_name(enum audit_delivery d)
{
    static const char *const names[] = {
        [AUDIT_DELIVERY_NONE] = "none",
        [AUDIT_DELIVERY_ONCE] = "once",
        [AUDIT_DELIVERY_UNKNOWN] = "unknown",
    };

    CHECK((size_t)d < ARRAY_LEN(names));
    return names[d];
}

static const char *from_source_name(enum audit_from_source s)
{
    static const char *const names[] = {
        [AUDIT_FROM_NONE] = NULL,       [AUDIT_FROM_BODY] = "body",
        [AUDIT_FROM_QUERY] = "query",   [AUDIT_FROM_CHAT] = "chat",
        [AUDIT_FROM_LOOKUP] = "lookup", [AUDIT_FROM_UNKNOWN] = "unknown",
    };

    CHECK((size_t)s < ARRAY_LEN(names));
    return names[s];
}

/* The line under way: room of a fixed size at the end of a buffer. */
struct line {
    char *at, *end;
    bool is_full;             /* something did not fit, the rest is dropped */
    struct json_writer *json; /* for texts with escapes */
    enum status status;       /* of that */
};

static void put(struct line *l, const char *data, size_t len)
{
    if (len > (size_t)(l->end - l->at)) {
        l->is_full = true;
        l->at = l->end;
        return;
    }
    memcpy(l->at, data, len);
    l->at += len;
}

#define PUT(l, literal) put((l), (literal), sizeof(literal) - 1)

static void put_int(struct line *l, int64_t n)
{
    char room[TEXT_DIGITS_MAX];
    struct text digits =
        text_from_u64(n < 0 ? -(uint64_t)n : (uint64_t)n, room);

    if (n < 0)
        PUT(l, "-");
    put(l, digits.data, digits.len);
}

/* In eight bytes: one below the space, a quote, a backslash, or one beyond
 * ASCII. A borrow between bytes begins only where there is one. */
static bool has_special(uint64_t bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t hit = bytes | (bytes - ones * ' ') |
                   ((bytes ^ ones * '"') - ones) |
                   ((bytes ^ ones * '\\') - ones);

    return (hit & ones * 0x80) != 0;
}

/* JSON writes it as it is. */
static bool is_plain(struct text t)
{
    uint64_t bytes;
    size_t i = 0;

    for (; i + sizeof(bytes) <= t.len; i += sizeof(bytes)) {
        memcpy(&bytes, t.data + i, sizeof(bytes));
        if (has_special(bytes))
            return false;
    }
    memset(&bytes, ' ', sizeof(bytes));
    memcpy(&bytes, t.data + i, t.len - i);
    return !has_special(bytes);
}

static void put_escaped(struct line *l, struct text t)
{
    struct buffer escaped;
    enum status s;

    buffer_init(&escaped, AUDIT_LINE_MAX);
    json_writer_begin(l->json, &escaped);
    json_text(l->json, t);
    s = json_writer_end(l->json);
    if (s == STATUS_OK)
        put(l, escaped.data, escaped.len);
    else if (s == STATUS_TOO_LARGE)
        l->is_full = true;
    else
        l->status = s;
    buffer_release(&escaped);
}

static void put_text(struct line *l, struct text t, size_t max)
{
    if (text_is_absent(t)) {
        PUT(l, "null");
        return;
    }
    if (t.len > max)
        t.len = max;
    if (!is_plain(t)) {
        put_escaped(l, t);
        return;
    }
    PUT(l, "\"");
    put(l, t.data, t.len);
    PUT(l, "\"");
}

/* NULL: null. */
static void put_name(struct line *l, const char *name)
{
    put_text(l, text_of(name), SIZE_MAX);
}

static void put_bool(struct line *l, bool b)
{
    if (b)
        PUT(l, "true");
    else
        PUT(l, "false");
}

/* Below 0: null. */
static void put_count(struct line *l, int64_t n)
{
    if (n < 0)
        PUT(l, "null");
    else
        put_int(l, n);
}

static void put_status(struct line *l, int status)
{
    put_count(l, status > 0 ? status : -1);
}

static void put_path(struct line *l, struct text path,
                     const struct audit_privacy *privacy, size_t max)
{
    char hidden[PATH_MAX_BYTES];

    if (privacy->numbers != AUDIT_NUMBERS_FULL && !text_is_absent(path))
        path = text_make(
            hidden, audit_path_hide(privacy, path, hidden, sizeof(hidden)));
    put_text(l, path, max);
}

static void put_from(struct line *l, struct text from,
                     const struct audit_privacy *privacy)
{
    char hidden[AUDIT_NUMBER_HIDDEN_MAX];

    if (!text_is_absent(from))
        from = text_make(hidden, audit_number_hide(privacy, from, hidden));
    put_text(l, from, sizeof(hidden));
}

static void put_mode(struct line *l, bool is_shadow)
{
    if (is_shadow)
        PUT(l, ",\"mode\":\"shadow\"");
    else
        PUT(l, ",\"mode\":\"enforce\"");
}

static void put_violation(struct line *l, const struct audit_violation *v,
                          size_t max)
{
    PUT(l, "{\"pointer\":");
    put_text(l, v->pointer, max);
    PUT(l, ",\"rule\":");
    put_text(l, v->rule, max);
    PUT(l, ",\"policy\":");
    put_text(l, v->policy, max);
    put_mode(l, v->is_shadow);
    PUT(l, "}");
}

static void put_violations(struct line *l, const struct audit_record *r,
                           const struct extent *e)
{
    static const struct audit_violation truncated = {
        .pointer = TEXT(""),
        .rule = TEXT("truncated"),
    };
    size_t count = r->violation_count;

    if (count > e->violations)
        count = e->violations;
    PUT(l, "[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            PUT(l, ",");
        put_violation(l, &r->violations[i], e->text_bytes);
    }
    if (count < r->violation_count || e->limits < r->limit_count) {
        if (count > 0)
            PUT(l, ",");
        put_violation(l, &truncated, e->text_bytes);
    }
    PUT(l, "]");
}

static void put_limits(struct line *l, const struct audit_record *r,
                       const struct extent *e)
{
    PUT(l, "[");
    for (size_t i = 0; i < r->limit_count && i < e->limits; i++) {
        const struct audit_limit *limit = &r->limits[i];

        if (i > 0)
            PUT(l, ",");
        PUT(l, "{\"policy\":");
        put_text(l, limit->policy, e->text_bytes);
        PUT(l, ",\"name\":");
        put_text(l, limit->name, e->text_bytes);
        put_mode(l, limit->is_shadow);
        PUT(l, ",\"allowed\":");
        put_bool(l, limit->allowed);
        PUT(l, ",\"remaining\":");
        put_int(l, limit->remaining);
        PUT(l, "}");
    }
    PUT(l, "]");
}

/* Groups, in the order of the line. */

static void put_request(struct line *l, const struct audit_record *r,
                        const struct audit_privacy *privacy,
                        const struct extent *e)
{
    char time[CLOCK_RFC3339_SIZE];

    clock_format_rfc3339(r->time, time);
    PUT(l, "{\"time\":\"");
    put(l, time, sizeof(time) - 1);
    PUT(l, "\",\"request_id\":");
    put_text(l, r->request_id, e->text_bytes);
    PUT(l, ",\"trace_id\":");
    put_text(l, r->trace_id, e->text_bytes);
    PUT(l, ",\"gateway_trace_id\":");
    put_text(l, r->gateway_trace_id, e->text_bytes);
    PUT(l, ",\"consumer\":");
    put_text(l, r->consumer, e->text_bytes);
    PUT(l, ",\"client\":");
    put_text(l, r->client, e->text_bytes);
    PUT(l, ",\"method\":");
    put_text(l, r->method, e->text_bytes);
    PUT(l, ",\"path\":");
    put_path(l, r->path, privacy, e->path_bytes);
    PUT(l, ",\"operation\":");
    put_text(l, r->operation, e->text_bytes);
    PUT(l, ",\"chat_id\":");
    put_text(l, r->chat_id, e->text_bytes);
    PUT(l, ",\"from\":");
    put_from(l, r->from, privacy);
    PUT(l, ",\"from_source\":");
    put_name(l, from_source_name(r->from_source));
    PUT(l, ",\"recipients\":");
    put_count(l, r->recipients);
    PUT(l, ",\"parts\":");
    put_count(l, r->parts);
    PUT(l, ",\"effect\":");
    put_text(l, r->effect, e->text_bytes);
    PUT(l, ",\"idempotency_key\":");
    put_text(l, r->idempotency_key, e->text_bytes);
}

static void put_outcome(struct line *l, const struct audit_record *r,
                        const struct extent *e)
{
    PUT(l, ",\"decision\":");
    put_name(l, audit_decision_name(r->decision));
    PUT(l, ",\"error\":");
    put_text(l, r->error, e->text_bytes);
    PUT(l, ",\"delivery\":");
    put_name(l, delivery_name(r->delivery));
    PUT(l, ",\"client_gone\":");
    put_bool(l, r->client_gone);
    PUT(l, ",\"status\":");
    put_status(l, r->status);
    PUT(l, ",\"upstream_status\":");
    put_status(l, r->upstream_status);
    PUT(l, ",\"violations\":");
    put_violations(l, r, e);
    PUT(l, ",\"limits\":");
    put_limits(l, r, e);
    PUT(l, ",\"limit_source\":");
    put_text(l, r->limit_source, e->text_bytes);
}

static void put_measures(struct line *l, const struct audit_record *r,
                         const struct extent *e)
{
    PUT(l, ",\"bytes_in\":");
    put_count(l, r->bytes_in);
    PUT(l, ",\"bytes_out\":");
    put_count(l, r->bytes_out);
    PUT(l, ",\"duration_us\":");
    put_count(l, r->duration_us);
    PUT(l, ",\"upstream_us\":");
    put_count(l, r->upstream_us);
    PUT(l, ",\"policy_version\":");
    put_text(l, r->policy_version, e->text_bytes);
    PUT(l, ",\"run\":");
    put_text(l, r->run, e->text_bytes);
    PUT(l, ",\"worker\":");
    put_int(l, r->worker);
    PUT(l, ",\"seq\":");
    put_int(l, (int64_t)r->seq);
    PUT(l, "}\n");
}

/* Less of the record next time; false when there is no less. */
static bool shorten(struct extent *e)
{
    if (e->violations > 0)
        e->violations /= 2;
    else if (e->limits > 0)
        e->limits /= 2;
    else if (e->text_bytes > TEXT_SHORT_BYTES)
        e->text_bytes = e->path_bytes = TEXT_SHORT_BYTES;
    else
        return false;
    return true;
}

enum status audit_record_write(struct json_writer *w,
                               const struct audit_record *r,
                               const struct audit_privacy *privacy,
                               struct buffer *to)
{
    struct extent e = {.violations = r->violation_count,
                       .limits = r->limit_count,
                       .text_bytes = TEXT_MAX_BYTES,
                       .path_bytes = PATH_MAX_BYTES};
    size_t room = to->max - to->len;
    struct line l = {.json = w};
    enum status s;

    if (room > AUDIT_LINE_MAX)
        room = AUDIT_LINE_MAX;
    s = buffer_reserve(to, room);
    if (s != STATUS_OK)
        return s;
    l.end = to->data + to->len + room;
    do {
        l.at = to->data + to->len;
        l.is_full = false;
        put_request(&l, r, privacy, &e);
        put_outcome(&l, r, &e);
        put_measures(&l, r, &e);
    } while (l.is_full && l.status == STATUS_OK && shorten(&e));
    if (l.is_full || l.status != STATUS_OK) {
        buffer_truncate(to, to->len);
        return l.is_full ? STATUS_TOO_LARGE : l.status;
    }
    to->len = (size_t)(l.at - to->data);
    buffer_truncate(to, to->len); /* and its NUL */
    return STATUS_OK;
}
