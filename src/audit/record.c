/* SPDX-License-Identifier: Apache-2.0
 *
 * audit/record.c - a record as one line of JSON.
 *
 * The fields are written in a fixed order, one function a group. A line stays
 * below AUDIT_LINE_MAX because it is tried: nearly always everything fits at
 * once; where it does not, it is written again with half the violations, then
 * half the limits, and at last with every text cut short. Texts that a client
 * can choose (and their escapes, six bytes for one) are why the size is not
 * known before.
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

/* Members of one kind each. */

static void put(struct json_writer *w, const char *key, struct text value,
                size_t max)
{
    json_key(w, key);
    if (value.len > max)
        value.len = max;
    json_text(w, value);
}

static void put_count(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    if (n < 0)
        json_null(w);
    else
        json_int(w, n);
}

static void put_status(struct json_writer *w, const char *key, int status)
{
    put_count(w, key, status > 0 ? status : -1);
}

static void put_path(struct json_writer *w, struct text path,
                     const struct audit_privacy *privacy, size_t max)
{
    char hidden[PATH_MAX_BYTES];

    if (privacy->numbers != AUDIT_NUMBERS_FULL && !text_is_absent(path))
        path = text_make(
            hidden, audit_path_hide(privacy, path, hidden, sizeof(hidden)));
    put(w, "path", path, max);
}

static void put_from(struct json_writer *w, struct text from,
                     const struct audit_privacy *privacy)
{
    char hidden[AUDIT_NUMBER_HIDDEN_MAX];

    if (!text_is_absent(from))
        from = text_make(hidden, audit_number_hide(privacy, from, hidden));
    put(w, "from", from, sizeof(hidden));
}

static const char *mode_name(bool is_shadow)
{
    return is_shadow ? "shadow" : "enforce";
}

static void put_violation(struct json_writer *w,
                          const struct audit_violation *v, size_t max)
{
    json_open_object(w);
    put(w, "pointer", v->pointer, max);
    put(w, "rule", v->rule, max);
    put(w, "policy", v->policy, max);
    json_key(w, "mode");
    json_str(w, mode_name(v->is_shadow));
    json_close_object(w);
}

static void put_violations(struct json_writer *w, const struct audit_record *r,
                           const struct extent *e)
{
    static const struct audit_violation truncated = {
        .pointer = TEXT(""),
        .rule = TEXT("truncated"),
    };
    size_t count = r->violation_count;

    if (count > e->violations)
        count = e->violations;
    json_key(w, "violations");
    json_open_array(w);
    for (size_t i = 0; i < count; i++)
        put_violation(w, &r->violations[i], e->text_bytes);
    if (count < r->violation_count || e->limits < r->limit_count)
        put_violation(w, &truncated, e->text_bytes);
    json_close_array(w);
}

static void put_limits(struct json_writer *w, const struct audit_record *r,
                       const struct extent *e)
{
    json_key(w, "limits");
    json_open_array(w);
    for (size_t i = 0; i < r->limit_count && i < e->limits; i++) {
        const struct audit_limit *l = &r->limits[i];

        json_open_object(w);
        put(w, "policy", l->policy, e->text_bytes);
        put(w, "name", l->name, e->text_bytes);
        json_key(w, "mode");
        json_str(w, mode_name(l->is_shadow));
        json_key(w, "allowed");
        json_bool(w, l->allowed);
        json_key(w, "remaining");
        json_int(w, l->remaining);
        json_close_object(w);
    }
    json_close_array(w);
}

/* Groups, in the order of the line. */

static void put_request(struct json_writer *w, const struct audit_record *r,
                        const struct audit_privacy *privacy,
                        const struct extent *e)
{
    char time[CLOCK_RFC3339_SIZE];

    clock_format_rfc3339(r->time, time);
    json_key(w, "time");
    json_str(w, time);
    put(w, "request_id", r->request_id, e->text_bytes);
    put(w, "trace_id", r->trace_id, e->text_bytes);
    put(w, "gateway_trace_id", r->gateway_trace_id, e->text_bytes);
    put(w, "consumer", r->consumer, e->text_bytes);
    put(w, "client", r->client, e->text_bytes);
    put(w, "method", r->method, e->text_bytes);
    put_path(w, r->path, privacy, e->path_bytes);
    put(w, "operation", r->operation, e->text_bytes);
    put(w, "chat_id", r->chat_id, e->text_bytes);
    put_from(w, r->from, privacy);
    json_key(w, "from_source");
    json_str(w, from_source_name(r->from_source));
    put_count(w, "recipients", r->recipients);
    put_count(w, "parts", r->parts);
    put(w, "effect", r->effect, e->text_bytes);
    put(w, "idempotency_key", r->idempotency_key, e->text_bytes);
}

static void put_outcome(struct json_writer *w, const struct audit_record *r,
                        const struct extent *e)
{
    json_key(w, "decision");
    json_str(w, audit_decision_name(r->decision));
    put(w, "error", r->error, e->text_bytes);
    json_key(w, "delivery");
    json_str(w, delivery_name(r->delivery));
    json_key(w, "client_gone");
    json_bool(w, r->client_gone);
    put_status(w, "status", r->status);
    put_status(w, "upstream_status", r->upstream_status);
    put_violations(w, r, e);
    put_limits(w, r, e);
    put(w, "limit_source", r->limit_source, e->text_bytes);
    put_count(w, "bytes_in", r->bytes_in);
    put_count(w, "bytes_out", r->bytes_out);
    put_count(w, "duration_us", r->duration_us);
    put_count(w, "upstream_us", r->upstream_us);
    put(w, "policy_version", r->policy_version, e->text_bytes);
    put(w, "run", r->run, e->text_bytes);
    json_key(w, "worker");
    json_int(w, r->worker);
    json_key(w, "seq");
    json_int(w, (int64_t)r->seq);
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
    size_t begin = to->len;
    enum status s;

    for (;;) {
        json_writer_begin(w, to);
        json_open_object(w);
        put_request(w, r, privacy, &e);
        put_outcome(w, r, &e);
        json_close_object(w);
        s = json_writer_end(w);
        if (s == STATUS_OK && to->len - begin < AUDIT_LINE_MAX)
            break;
        buffer_truncate(to, begin);
        if (s == STATUS_NO_MEMORY || !shorten(&e))
            break;
    }
    /* 22 texts of 48 bytes, each byte six, and names are below 10 KiB. */
    CHECK(s != STATUS_OK || to->len > begin);
    if (s != STATUS_OK)
        return s;
    s = buffer_append_char(to, '\n');
    if (s != STATUS_OK)
        buffer_truncate(to, begin);
    return s;
}
