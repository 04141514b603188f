/* SPDX-License-Identifier: Apache-2.0
 *
 * stub/api.c - routes to answers.
 *
 * Bodies are parsed and used as far as they make sense; judging them is the
 * business of the proxy under test. What the API itself would say is said:
 * 401 without a credential, 404 for a chat it does not know, 400 for what is
 * no JSON.
 */
#include "stub/api.h"

#include <stdlib.h>
#include <strings.h>

#include "base/check.h"

struct call {
    struct stub_api *api;
    const struct stub_request *req;
    const struct json_value *body; /* NULL: none */
    struct stub_chat *chat;        /* of a path that names one */
    struct json_writer *w;         /* not begun */
    struct stub_answer *a;
};

enum status stub_api_init(struct stub_api *api)
{
    memset(api, 0, sizeof *api);
    id_source_init(&api->ids);
    api->chats = stub_chats_new();
    api->journal = stub_journal_new();
    return api->chats && api->journal ? STATUS_OK : STATUS_NO_MEMORY;
}

void stub_api_release(struct stub_api *api)
{
    stub_chats_free(api->chats);
    stub_journal_free(api->journal);
}

void stub_answer_init(struct stub_answer *a)
{
    memset(a, 0, sizeof *a);
    buffer_init(&a->body, STUB_ANSWER_MAX);
}

void stub_answer_release(struct stub_answer *a)
{
    buffer_release(&a->body);
}

bool stub_api_is_control(const struct stub_request *req)
{
    return text_starts_with(req->path, text_of("/_stub/"));
}

/* ---- answers ---- */

/* The API's envelope. */
static enum status refuse(struct call *c, int status, int code,
                          const char *message)
{
    c->a->status = status;
    json_writer_begin(c->w, &c->a->body);
    json_open_object(c->w);
    json_key(c->w, "success");
    json_bool(c->w, false);
    json_key(c->w, "error");
    json_open_object(c->w);
    json_key(c->w, "status");
    json_int(c->w, status);
    json_key(c->w, "code");
    json_int(c->w, code);
    json_key(c->w, "message");
    json_str(c->w, message);
    json_close_object(c->w);
    json_close_object(c->w);
    return json_writer_end(c->w);
}

static enum status accepted(struct call *c, const char *message)
{
    c->a->status = 202;
    json_writer_begin(c->w, &c->a->body);
    json_open_object(c->w);
    json_key(c->w, "status");
    json_str(c->w, "accepted");
    json_key(c->w, "message");
    json_str(c->w, message);
    json_close_object(c->w);
    return json_writer_end(c->w);
}

static void page_from_query(const struct call *c, struct stub_page *page,
                            char *from, char *to, size_t size)
{
    char text[32];
    uint64_t n;

    *page = (struct stub_page){.limit = 20};
    if (stub_request_query(c->req, "from", from, size))
        page->from = from;
    if (stub_request_query(c->req, "to", to, size))
        page->to = to;
    if (stub_request_query(c->req, "limit", text, sizeof text) &&
        text_to_u64(text_of(text), 100, &n) == STATUS_OK && n > 0)
        page->limit = n;
    if (stub_request_query(c->req, "cursor", text, sizeof text) &&
        text_to_u64(text_of(text), UINT64_MAX, &n) == STATUS_OK)
        page->before = n;
}

/* What was written so far must be a JSON object: put `more` members of the
 * text `json` behind the key `name` before its closing brace. */
static enum status splice(struct buffer *to, const char *name, struct text json)
{
    CHECK(to->len >= 2 && to->data[to->len - 1] == '}');
    buffer_truncate(to, to->len - 1);
    if (to->data[to->len - 1] != '{' &&
        buffer_append_char(to, ',') != STATUS_OK)
        return STATUS_NO_MEMORY;
    if (buffer_printf(to, "\"%s\":", name) != STATUS_OK)
        return STATUS_NO_MEMORY;
    if (buffer_append_text(to, json) != STATUS_OK)
        return STATUS_NO_MEMORY;
    return buffer_append_char(to, '}');
}

/* End the text under way and splice something in. */
static enum status end_and_splice(struct call *c, const char *name,
                                  struct text json)
{
    enum status status = json_writer_end(c->w);

    return status == STATUS_OK ? splice(&c->a->body, name, json) : status;
}

/* ---- operations ---- */

static enum status create_chat(struct call *c)
{
    struct text message;
    struct stub_chat *chat;
    enum status status;

    chat = stub_chats_create(c->api->chats, json_get(c->body, "from"),
                             json_get(c->body, "to"));
    if (!chat)
        return STATUS_NO_MEMORY;
    status = stub_chat_send(c->api->chats, chat, json_get(c->body, "message"),
                            &message);
    if (status != STATUS_OK)
        return status;
    c->a->status = 201;
    json_writer_begin(c->w, &c->a->body);
    stub_chat_write(c->w, chat, STUB_CHAT_CREATED);
    status = end_and_splice(c, "message", message);
    if (status != STATUS_OK)
        return status;
    /* The chat object becomes the member "chat". */
    status = buffer_append_char(&c->a->body, '}');
    if (status == STATUS_OK)
        status = buffer_reserve(&c->a->body, 8);
    if (status != STATUS_OK)
        return status;
    memmove(c->a->body.data + 8, c->a->body.data, c->a->body.len);
    memcpy(c->a->body.data, "{\"chat\":", 8);
    c->a->body.len += 8;
    c->a->body.data[c->a->body.len] = '\0';
    return STATUS_OK;
}

static enum status list_chats(struct call *c)
{
    char from[256], to[256];
    struct stub_page page;

    page_from_query(c, &page, from, to, sizeof from);
    json_writer_begin(c->w, &c->a->body);
    stub_chats_write_page(c->w, c->api->chats, &page);
    return json_writer_end(c->w);
}

static enum status get_chat(struct call *c)
{
    json_writer_begin(c->w, &c->a->body);
    stub_chat_write(c->w, c->chat, STUB_CHAT_FULL);
    return json_writer_end(c->w);
}

static enum status update_chat(struct call *c)
{
    const struct json_value *name = json_get(c->body, "display_name");

    if (name && name->type == JSON_STRING &&
        stub_chat_rename(c->chat, name->text) != STATUS_OK)
        return STATUS_NO_MEMORY;
    json_writer_begin(c->w, &c->a->body);
    json_open_object(c->w);
    json_key(c->w, "chat_id");
    json_str(c->w, stub_chat_id(c->chat));
    json_key(c->w, "status");
    json_str(c->w, "updated");
    json_close_object(c->w);
    return json_writer_end(c->w);
}

static enum status no_content(struct call *c)
{
    c->a->status = 204;
    return STATUS_OK;
}

static enum status leave_chat(struct call *c)
{
    stub_chat_leave(c->chat);
    return accepted(c, "Leaving the chat");
}

static enum status change_participant(struct call *c)
{
    const struct json_value *handle = json_get(c->body, "handle");
    bool add = strcmp(c->req->method, "POST") == 0;
    enum status status;

    if (!handle || handle->type != JSON_STRING)
        return refuse(c, 400, 1002, "handle is required");
    if (add)
        status = stub_chat_join(c->api->chats, c->chat, handle->text);
    else
        status = stub_chat_remove(c->chat, handle->text);
    if (status == STATUS_NOT_FOUND)
        return refuse(c, 404, 2001, "no such participant");
    if (status == STATUS_TOO_LARGE)
        return refuse(c, 400, 1002, "too many participants");
    if (status != STATUS_OK)
        return status;
    return accepted(c, add ? "Adding the participant"
                           : "Removing the participant");
}

static enum status send_message(struct call *c)
{
    struct text message;
    enum status status;

    status = stub_chat_send(c->api->chats, c->chat,
                            json_get(c->body, "message"), &message);
    if (status != STATUS_OK)
        return status;
    c->a->status = 202;
    json_writer_begin(c->w, &c->a->body);
    json_open_object(c->w);
    json_key(c->w, "chat_id");
    json_str(c->w, stub_chat_id(c->chat));
    json_close_object(c->w);
    return end_and_splice(c, "message", message);
}

static enum status get_messages(struct call *c)
{
    char from[256], to[256];
    struct stub_page page;

    page_from_query(c, &page, from, to, sizeof from);
    return stub_chat_write_messages(c->chat, &page, &c->a->body);
}

static void write_memo_file(struct call *c, const char *id)
{
    const struct json_value *url = json_get(c->body, "voice_memo_url");

    json_open_object(c->w);
    json_key(c->w, "id");
    json_str(c->w, id);
    json_key(c->w, "filename");
    json_str(c->w, "memo.m4a");
    json_key(c->w, "mime_type");
    json_str(c->w, "audio/x-m4a");
    json_key(c->w, "size_bytes");
    json_int(c->w, 2048);
    json_key(c->w, "url");
    json_str(c->w, url && url->type == JSON_STRING
                       ? url->text.data
                       : "https://cdn.linqapp.com/attachments/memo.m4a");
    json_key(c->w, "duration_ms");
    json_null(c->w);
    json_close_object(c->w);
}

static enum status send_voice_memo(struct call *c)
{
    const struct json_value *attachment = json_get(c->body, "attachment_id");
    wall_us now = clock_wall(clock_system());
    char id[ID_UUID_SIZE], file[ID_UUID_SIZE], created[CLOCK_RFC3339_SIZE];

    if (id_uuid7(&c->api->ids, now, id) != STATUS_OK ||
        id_uuid7(&c->api->ids, now, file) != STATUS_OK)
        return STATUS_UNAVAILABLE;
    clock_format_rfc3339(now, created);
    c->a->status = 202;
    json_writer_begin(c->w, &c->a->body);
    json_open_object(c->w);
    json_key(c->w, "voice_memo");
    json_open_object(c->w);
    json_key(c->w, "id");
    json_str(c->w, id);
    json_key(c->w, "chat");
    stub_chat_write(c->w, c->chat, STUB_CHAT_MEMO);
    json_key(c->w, "created_at");
    json_str(c->w, created);
    json_key(c->w, "from");
    json_str(c->w, stub_chat_from(c->chat));
    json_key(c->w, "status");
    json_str(c->w, "queued");
    json_key(c->w, "to");
    stub_chat_write_recipients(c->w, c->chat);
    json_key(c->w, "voice_memo");
    write_memo_file(c, attachment && attachment->type == JSON_STRING
                           ? attachment->text.data
                           : file);
    json_key(c->w, "service");
    json_str(c->w, "iMessage");
    json_close_object(c->w);
    json_close_object(c->w);
    return json_writer_end(c->w);
}

/* ---- controls ---- */

static enum status control_log(struct call *c)
{
    char text[32];
    uint64_t after = 0;

    if (stub_request_query(c->req, "after", text, sizeof text) &&
        text_to_u64(text_of(text), UINT64_MAX, &after) != STATUS_OK)
        return refuse(c, 400, 1002, "after wants a number");
    return stub_journal_write(c->api->journal, after, &c->a->body);
}

static enum status rule_from_body(const struct json_value *body,
                                  struct stub_rule *rule, const char **problem)
{
    const struct json_value *fault = json_get(body, "fault");
    const struct json_value *times = json_get(body, "times");
    const struct json_value *method = json_get(body, "method");
    const struct json_value *path = json_get(body, "path");

    memset(rule, 0, sizeof *rule);
    rule->times = 1;
    *problem = "a text is wanted for fault, method and path";
    if (!fault || fault->type != JSON_STRING ||
        (method && (method->type != JSON_STRING ||
                    method->text.len >= sizeof rule->method)) ||
        (path &&
         (path->type != JSON_STRING || path->text.len >= sizeof rule->path)))
        return STATUS_INVALID;
    if (method)
        memcpy(rule->method, method->text.data, method->text.len);
    if (path)
        memcpy(rule->path, path->text.data, path->text.len);
    if (times &&
        (json_to_i64(times, &rule->times) != STATUS_OK || rule->times < 0)) {
        *problem = "times wants a number, 0 or more";
        return STATUS_INVALID;
    }
    if (rule->times == 0)
        rule->times = -1;
    return stub_fault_parse(fault->text, &rule->fault, problem);
}

static enum status control_fault(struct call *c)
{
    struct stub_rule rule;
    const char *problem;

    if (rule_from_body(c->body, &rule, &problem) != STATUS_OK)
        return refuse(c, 400, 1002, problem);
    if (stub_rules_add(&c->api->rules, &rule) != STATUS_OK)
        return refuse(c, 400, 1002, "too many rules");
    return no_content(c);
}

static enum status control_reset(struct call *c)
{
    stub_chats_clear(c->api->chats);
    stub_journal_clear(c->api->journal);
    stub_rules_clear(&c->api->rules);
    return no_content(c);
}

/* ---- routes ---- */

static const struct route {
    const char *method;
    const char *path; /* "*" stands for a chat's id */
    enum status (*run)(struct call *c);
} routes[] = {
    {"POST", "/v3/chats", create_chat},
    {"GET", "/v3/chats", list_chats},
    {"GET", "/v3/chats/*", get_chat},
    {"PUT", "/v3/chats/*", update_chat},
    {"POST", "/v3/chats/*/read", no_content},
    {"POST", "/v3/chats/*/leave", leave_chat},
    {"POST", "/v3/chats/*/share_contact_card", no_content},
    {"POST", "/v3/chats/*/voicememo", send_voice_memo},
    {"POST", "/v3/chats/*/participants", change_participant},
    {"DELETE", "/v3/chats/*/participants", change_participant},
    {"POST", "/v3/chats/*/typing", no_content},
    {"DELETE", "/v3/chats/*/typing", no_content},
    {"POST", "/v3/chats/*/messages", send_message},
    {"GET", "/v3/chats/*/messages", get_messages},
    {"GET", "/_stub/log", control_log},
    {"POST", "/_stub/fault", control_fault},
    {"POST", "/_stub/reset", control_reset},
};

static bool path_matches(const char *pattern, struct text path,
                         struct text *chat)
{
    const char *star = strchr(pattern, '*');
    const char *slash;

    if (!star)
        return text_is(path, pattern);
    if (!text_starts_with(path, text_make(pattern, (size_t)(star - pattern))))
        return false;
    chat->data = path.data + (star - pattern);
    chat->len = path.len - (size_t)(star - pattern);
    slash = memchr(chat->data, '/', chat->len);
    if (slash)
        chat->len = (size_t)(slash - chat->data);
    return text_is(text_make(chat->data + chat->len,
                             path.len - (size_t)(star - pattern) - chat->len),
                   star + 1);
}

/* NULL when there is none; *other_method: the path is right at least. */
static const struct route *find_route(const struct stub_request *req,
                                      struct text *chat, bool *other_method)
{
    *other_method = false;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (!path_matches(routes[i].path, req->path, chat))
            continue;
        if (strcmp(routes[i].method, req->method) == 0)
            return &routes[i];
        *other_method = true;
    }
    return NULL;
}

static enum status run(struct call *c, const struct stub_fault *fault)
{
    struct text id = {NULL, 0};
    bool other_method;
    const struct route *route = find_route(c->req, &id, &other_method);
    const char *credential = stub_request_header(c->req, "authorization");

    if (!stub_api_is_control(c->req) && (!credential || !*credential))
        return refuse(c, 401, 2004, "Authorization is missing");
    if (fault->status)
        return refuse(c, fault->status, fault->status == 429 ? 4001 : 4004,
                      "a fault that was asked for");
    if (!route && other_method)
        return refuse(c, 405, 1002, "the route does not take this method");
    if (!route)
        return refuse(c, 404, 2001, "no such route");
    if (strchr(route->path, '*')) {
        c->chat = stub_chats_find(c->api->chats, id);
        if (!c->chat)
            return refuse(c, 404, 2001, "Chat not found");
    }
    return route->run(c);
}

static enum status add_trace(struct stub_answer *a, enum stub_trace where)
{
    struct buffer json;
    enum status status;

    if (a->status == 204 || where == STUB_TRACE_HEADER ||
        where == STUB_TRACE_NONE)
        return STATUS_OK;
    buffer_init(&json, 64);
    status = buffer_printf(&json, "\"%s\"", a->trace_id);
    if (status == STATUS_OK)
        status = splice(&a->body, "trace_id", buffer_text(&json));
    buffer_release(&json);
    return status;
}

static enum status answer(struct call *c, const struct stub_fault *fault)
{
    struct problems problems;
    struct json_document *doc = NULL;
    enum status status = STATUS_OK;

    problems_init(&problems);
    if (c->req->body.len > 0)
        status =
            json_parse(buffer_text(&c->req->body), "body", 0, &problems, &doc);
    c->body = doc ? doc->root : NULL;
    if (status == STATUS_INVALID || status == STATUS_TOO_LARGE) {
        status = refuse(c, 400, 1002,
                        problems.count ? problems.list[0].message
                                       : "the body is no JSON");
    } else if (status == STATUS_OK) {
        status = run(c, fault);
    }
    if (status == STATUS_OK && !stub_api_is_control(c->req))
        status = add_trace(c->a, fault->trace);
    json_free(doc);
    problems_release(&problems);
    return status;
}

void stub_api_answer(struct stub_api *api, const struct stub_request *req,
                     const struct stub_fault *fault, struct stub_answer *a)
{
    struct call c = {.api = api, .req = req, .a = a};

    a->status = 200;
    c.w = json_writer_new();
    if (c.w) {
        if (id_trace(&api->ids, a->trace_id) == STATUS_OK &&
            answer(&c, fault) == STATUS_OK) {
            json_writer_free(c.w);
            return;
        }
        json_writer_free(c.w);
    }
    a->status = 500;
    buffer_clear(&a->body);
    if (buffer_append_str(&a->body, "{\"success\":false}") != STATUS_OK)
        buffer_clear(&a->body);
}
