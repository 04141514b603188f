/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/expect.c - assertions that many tests share.
 */
#include "integration/expect.h"

#include <stdlib.h>
#include <strings.h>

void expect_create(struct rig *r, const char *from, const char *headers,
                   struct wire_answer *a)
{
    char *body = rig_create_body(from, "hello");

    wire_call(r->port, "POST", "/v3/chats", headers, body, a);
    free(body);
}

int expect_create_status(struct rig *r, const char *from)
{
    struct wire_answer a;
    int status;

    expect_create(r, from, NULL, &a);
    status = a.status;
    wire_answer_release(&a);
    return status;
}

static void expect_hex(const char *text)
{
    ck_assert_uint_eq(strlen(text), 32);
    ck_assert_uint_eq(strspn(text, "0123456789abcdef"), 32);
}

void expect_refusal(struct wire_answer *a, int status, int code,
                    const char *rule, const char *pointer)
{
    const struct json_value *json;

    ck_assert_msg(a->status == status, "status %d instead of %d: %s", a->status,
                  status, a->body.data ? a->body.data : "");
    json = wire_answer_json(a);
    ck_assert_str_eq(wire_answer_header(a, "content-type"), "application/json");
    ck_assert_int_eq(wire_answer_header_count(a, "x-request-id"), 1);
    ck_assert_int_eq(wire_answer_header_count(a, "via"), 1);
    ck_assert(!json_get(json, "success")->boolean);
    ck_assert_int_eq(json_get(json, "success")->type, JSON_BOOL);
    ck_assert_int_eq(wire_int(json, "/error/status"), status);
    ck_assert_msg(wire_int(json, "/error/code") == code, "code: %s",
                  a->body.data);
    ck_assert_uint_gt(strlen(wire_text(json, "/error/message")), 0);
    expect_hex(wire_text(json, "/trace_id"));
    if (rule)
        ck_assert_msg(
            strcmp(wire_text(json, "/error/violations/0/rule"), rule) == 0,
            "not %s: %s", rule, a->body.data);
    if (pointer)
        ck_assert_str_eq(wire_text(json, "/error/violations/0/pointer"),
                         pointer);
}

const struct json_value *expect_line(struct rig *r, struct rig_audit *lines,
                                     const struct wire_answer *a)
{
    const char *id = wire_answer_header(a, "x-request-id");
    const struct json_value *line;

    ck_assert_ptr_nonnull(id);
    rig_audit(r, lines);
    line = rig_audit_find(lines, "/request_id", id);
    ck_assert_msg(line != NULL, "no audit line of request %s", id);
    return line;
}

void expect_member(const struct json_value *line, const char *name,
                   const char *value)
{
    const struct json_value *v = json_get(line, name);

    ck_assert_msg(v != NULL, "%s is not in the audit line", name);
    if (!*value)
        ck_assert_msg(v->type == JSON_NULL, "%s is %s, not null", name,
                      json_type_phrase(v->type));
    else
        ck_assert_msg(v->type == JSON_STRING && text_is(v->text, value),
                      "%s is %s, not %s", name,
                      v->type == JSON_STRING ? v->text.data
                                             : json_type_phrase(v->type),
                      value);
}

const char *expect_sent_header(const struct json_document *log, size_t entry,
                               const char *name, int *count)
{
    const struct json_value *entries = json_get(log->root, "entries");
    const struct json_value *headers;
    const char *found = NULL;
    int n = 0;

    ck_assert_uint_gt(entries->count, entry);
    headers = json_get(entries->items[entry], "headers");
    for (size_t i = 0; i < headers->count; i++) {
        const struct json_value *pair = headers->items[i];

        if (strcasecmp(pair->items[0]->text.data, name) != 0)
            continue;
        if (!found)
            found = pair->items[1]->text.data;
        n++;
    }
    if (count)
        *count = n;
    return found;
}
