/* SPDX-License-Identifier: Apache-2.0
 *
 * stub/chats.c - chats by id and in the order they were made.
 *
 * A message is kept as the JSON text of its SentMessage object; a listed
 * Message is that text with a few members put in front, so nothing has to be
 * built twice.
 */
#include "stub/chats.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <uthash.h>

#include "base/check.h"
#include "stub/message.h"

#define MESSAGE_MAX (64 * 1024 * 1024)

struct message {
    TAILQ_ENTRY(message) link;
    uint64_t number;
    char created_at[CLOCK_RFC3339_SIZE];
    struct buffer json;
};

struct stub_chat {
    UT_hash_handle hh; /* by id; the table keeps the order of insertion */
    char id[ID_UUID_SIZE];
    uint64_t number;
    char *display_name; /* owned */
    bool is_group;
    char created_at[CLOCK_RFC3339_SIZE], updated_at[CLOCK_RFC3339_SIZE];
    struct stub_handle *handles; /* owned */
    size_t handle_count;
    TAILQ_HEAD(message_list, message) messages; /* oldest first */
    size_t message_count;
    uint64_t message_numbers;
};

struct stub_chats {
    struct stub_chat *by_id;
    uint64_t numbers;
    size_t bytes; /* of messages */
    struct id_source ids;
};

static void now_text(char out[CLOCK_RFC3339_SIZE])
{
    clock_format_rfc3339(clock_wall(clock_system()), out);
}

struct stub_chats *stub_chats_new(void)
{
    struct stub_chats *c = calloc(1, sizeof *c);

    if (c)
        id_source_init(&c->ids);
    return c;
}

static void message_drop(struct stub_chats *c, struct stub_chat *chat,
                         struct message *m)
{
    TAILQ_REMOVE(&chat->messages, m, link);
    chat->message_count--;
    c->bytes -= m->json.len;
    buffer_release(&m->json);
    free(m);
}

static void chat_free(struct stub_chats *c, struct stub_chat *chat)
{
    while (!TAILQ_EMPTY(&chat->messages))
        message_drop(c, chat, TAILQ_FIRST(&chat->messages));
    for (size_t i = 0; i < chat->handle_count; i++)
        free(chat->handles[i].name);
    free(chat->handles);
    free(chat->display_name);
    free(chat);
}

static void chat_drop(struct stub_chats *c, struct stub_chat *chat)
{
    HASH_DEL(c->by_id, chat);
    chat_free(c, chat);
}

void stub_chats_clear(struct stub_chats *c)
{
    while (c->by_id)
        chat_drop(c, c->by_id);
}

void stub_chats_free(struct stub_chats *c)
{
    if (!c)
        return;
    stub_chats_clear(c);
    free(c);
}

static enum status add_handle(struct stub_chats *c, struct stub_chat *chat,
                              struct text name, bool is_me)
{
    wall_us now = clock_wall(clock_system());
    struct stub_handle *h;

    if (chat->handle_count == CHATS_HANDLES_MAX)
        return STATUS_TOO_LARGE;
    h = reallocarray(chat->handles, chat->handle_count + 1, sizeof *h);
    if (!h)
        return STATUS_NO_MEMORY;
    chat->handles = h;
    h += chat->handle_count;
    if (id_uuid7(&c->ids, now, h->id) != STATUS_OK)
        return STATUS_UNAVAILABLE;
    h->name = text_dup(name);
    if (!h->name)
        return STATUS_NO_MEMORY;
    clock_format_rfc3339(now, h->joined_at);
    h->left_at[0] = '\0';
    h->status = "active";
    h->is_me = is_me;
    chat->handle_count++;
    return STATUS_OK;
}

/* The recipients' handles, as a chat is called when nobody named it. */
static enum status name_after_recipients(struct stub_chat *chat)
{
    struct buffer name;
    enum status status = STATUS_OK;

    buffer_init(&name, 1024 * 1024);
    for (size_t i = 0; i < chat->handle_count && status == STATUS_OK; i++)
        if (!chat->handles[i].is_me)
            status = buffer_printf(&name, "%s%s", name.len ? ", " : "",
                                   chat->handles[i].name);
    chat->display_name = name.data; /* may be NULL: then there is none */
    return status;
}

static enum status fill_chat(struct stub_chats *c, struct stub_chat *chat,
                             const struct json_value *from,
                             const struct json_value *to)
{
    size_t count = to && to->type == JSON_ARRAY ? to->count : 0;
    enum status status;

    status = id_uuid7(&c->ids, clock_wall(clock_system()), chat->id);
    if (status == STATUS_OK && from && from->type == JSON_STRING)
        status = add_handle(c, chat, from->text, true);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        if (to->items[i]->type == JSON_STRING)
            status = add_handle(c, chat, to->items[i]->text, false);
    if (status != STATUS_OK && status != STATUS_TOO_LARGE)
        return status;
    chat->is_group = count > 1;
    now_text(chat->created_at);
    now_text(chat->updated_at);
    return name_after_recipients(chat);
}

struct stub_chat *stub_chats_create(struct stub_chats *c,
                                    const struct json_value *from,
                                    const struct json_value *to)
{
    struct stub_chat *chat = calloc(1, sizeof *chat);

    if (!chat)
        return NULL;
    TAILQ_INIT(&chat->messages);
    if (fill_chat(c, chat, from, to) != STATUS_OK) {
        chat_free(c, chat);
        return NULL;
    }
    chat->number = ++c->numbers;
    if (HASH_COUNT(c->by_id) == CHATS_MAX)
        chat_drop(c, c->by_id);
    HASH_ADD_STR(c->by_id, id, chat);
    return chat;
}

struct stub_chat *stub_chats_find(struct stub_chats *c, struct text id)
{
    struct stub_chat *chat;
    char key[ID_UUID_SIZE];

    if (id.len != sizeof key - 1)
        return NULL;
    for (size_t i = 0; i < id.len; i++)
        key[i] = (char)tolower((unsigned char)id.data[i]);
    key[id.len] = '\0';
    HASH_FIND_STR(c->by_id, key, chat);
    return chat;
}

const char *stub_chat_id(const struct stub_chat *chat)
{
    return chat->id;
}

static const struct stub_handle *own_handle(const struct stub_chat *chat)
{
    for (size_t i = 0; i < chat->handle_count; i++)
        if (chat->handles[i].is_me)
            return &chat->handles[i];
    return NULL;
}

const char *stub_chat_from(const struct stub_chat *chat)
{
    const struct stub_handle *h = own_handle(chat);

    return h ? h->name : NULL;
}

enum status stub_chat_rename(struct stub_chat *chat, struct text name)
{
    char *copy = text_dup(name);

    if (!copy)
        return STATUS_NO_MEMORY;
    free(chat->display_name);
    chat->display_name = copy;
    now_text(chat->updated_at);
    return STATUS_OK;
}

enum status stub_chat_join(struct stub_chats *c, struct stub_chat *chat,
                           struct text name)
{
    now_text(chat->updated_at);
    return add_handle(c, chat, name, false);
}

static void handle_gone(struct stub_chat *chat, struct stub_handle *h,
                        const char *status)
{
    h->status = status;
    now_text(h->left_at);
    now_text(chat->updated_at);
}

enum status stub_chat_remove(struct stub_chat *chat, struct text name)
{
    for (size_t i = 0; i < chat->handle_count; i++) {
        struct stub_handle *h = &chat->handles[i];

        if (!h->left_at[0] && text_is(name, h->name)) {
            handle_gone(chat, h, "removed");
            return STATUS_OK;
        }
    }
    return STATUS_NOT_FOUND;
}

void stub_chat_leave(struct stub_chat *chat)
{
    for (size_t i = 0; i < chat->handle_count; i++)
        if (chat->handles[i].is_me && !chat->handles[i].left_at[0])
            handle_gone(chat, &chat->handles[i], "left");
}

static enum status render(struct stub_chats *c, const struct stub_chat *chat,
                          const struct json_value *content, struct message *m)
{
    struct json_writer *w = json_writer_new();
    char id[ID_UUID_SIZE];
    const struct stub_message_facts facts = {
        .id = id,
        .created_at = m->created_at,
        .from = own_handle(chat),
        .ids = &c->ids,
    };
    enum status status;

    if (!w)
        return STATUS_NO_MEMORY;
    status = id_uuid7(&c->ids, clock_wall(clock_system()), id);
    if (status == STATUS_OK) {
        json_writer_begin(w, &m->json);
        stub_message_write(w, content, &facts);
        status = json_writer_end(w);
    }
    json_writer_free(w);
    return status;
}

/* Forget the oldest, but never what was just added. */
static void trim(struct stub_chats *c, struct stub_chat *chat)
{
    while (chat->message_count > CHATS_MESSAGES_MAX)
        message_drop(c, chat, TAILQ_FIRST(&chat->messages));
    while (c->bytes > CHATS_BYTES_MAX && c->by_id != chat)
        chat_drop(c, c->by_id);
    while (c->bytes > CHATS_BYTES_MAX && chat->message_count > 1)
        message_drop(c, chat, TAILQ_FIRST(&chat->messages));
}

enum status stub_chat_send(struct stub_chats *c, struct stub_chat *chat,
                           const struct json_value *content, struct text *json)
{
    struct message *m = calloc(1, sizeof *m);
    enum status status;

    if (!m)
        return STATUS_NO_MEMORY;
    buffer_init(&m->json, MESSAGE_MAX);
    now_text(m->created_at);
    status = render(c, chat, content, m);
    if (status != STATUS_OK) {
        buffer_release(&m->json);
        free(m);
        return status;
    }
    m->number = ++chat->message_numbers;
    TAILQ_INSERT_TAIL(&chat->messages, m, link);
    chat->message_count++;
    c->bytes += m->json.len;
    now_text(chat->updated_at);
    trim(c, chat);
    *json = buffer_text(&m->json);
    return STATUS_OK;
}

static void write_handles(struct json_writer *w, const struct stub_chat *chat)
{
    json_key(w, "handles");
    json_open_array(w);
    for (size_t i = 0; i < chat->handle_count; i++)
        stub_handle_write(w, &chat->handles[i]);
    json_close_array(w);
}

void stub_chat_write(struct json_writer *w, const struct stub_chat *chat,
                     enum stub_chat_shape shape)
{
    json_open_object(w);
    json_key(w, "id");
    json_str(w, chat->id);
    if (shape != STUB_CHAT_MEMO) {
        json_key(w, "display_name");
        json_str(w, chat->display_name);
    }
    write_handles(w, chat);
    json_key(w, "is_group");
    json_bool(w, chat->is_group);
    json_key(w, "service");
    json_str(w, "iMessage");
    if (shape == STUB_CHAT_MEMO) {
        json_key(w, "is_active");
        json_bool(w, true);
    } else {
        json_key(w, "health_score");
        json_null(w);
    }
    if (shape == STUB_CHAT_FULL) {
        json_key(w, "created_at");
        json_str(w, chat->created_at);
        json_key(w, "updated_at");
        json_str(w, chat->updated_at);
        json_key(w, "is_archived");
        json_bool(w, false);
    }
    json_close_object(w);
}

void stub_chat_write_recipients(struct json_writer *w,
                                const struct stub_chat *chat)
{
    json_open_array(w);
    for (size_t i = 0; i < chat->handle_count; i++)
        if (!chat->handles[i].is_me)
            json_str(w, chat->handles[i].name);
    json_close_array(w);
}

static bool has_handle(const struct stub_chat *chat, const char *name,
                       bool is_me)
{
    if (!name)
        return true;
    for (size_t i = 0; i < chat->handle_count; i++)
        if (chat->handles[i].is_me == is_me &&
            strcmp(chat->handles[i].name, name) == 0)
            return true;
    return false;
}

static void write_cursor(struct json_writer *w, bool more, uint64_t last)
{
    char cursor[32];

    snprintf(cursor, sizeof cursor, "%" PRIu64, last);
    json_key(w, "next_cursor");
    json_str(w, more ? cursor : NULL);
}

void stub_chats_write_page(struct json_writer *w, const struct stub_chats *c,
                           const struct stub_page *page)
{
    const struct stub_chat *chat = c->by_id;
    uint64_t last = 0;
    size_t count = 0;
    bool more = false;

    if (chat) /* the newest: the table's last in order of insertion */
        chat = ELMT_FROM_HH(chat->hh.tbl, chat->hh.tbl->tail);
    json_open_object(w);
    json_key(w, "chats");
    json_open_array(w);
    for (; chat && !more; chat = chat->hh.prev) {
        if ((page->before && chat->number >= page->before) ||
            !has_handle(chat, page->from, true) ||
            !has_handle(chat, page->to, false))
            continue;
        if (count++ == page->limit) {
            more = true;
            break;
        }
        stub_chat_write(w, chat, STUB_CHAT_FULL);
        last = chat->number;
    }
    json_close_array(w);
    write_cursor(w, more, last);
    json_close_object(w);
}

/* A Message: what a SentMessage lacks, then the SentMessage's own members. */
static enum status append_message(const struct stub_chat *chat,
                                  const struct message *m, struct buffer *to)
{
    const char *from = stub_chat_from(chat);
    enum status status;

    /* A number needs no escapes; for nonsense, from_handle has them. */
    if (from && from[strspn(from, "+0123456789")])
        from = NULL;
    status = buffer_printf(
        to,
        "{\"chat_id\":\"%s\",\"is_delivered\":false,\"is_from_me\":true,"
        "\"from\":%s%s%s,\"updated_at\":\"%s\",\"read_at\":null,",
        chat->id, from ? "\"" : "", from ? from : "null", from ? "\"" : "",
        m->created_at);
    if (status != STATUS_OK)
        return status;
    CHECK(m->json.len > 2 && m->json.data[0] == '{');
    return buffer_append(to, m->json.data + 1, m->json.len - 1);
}

enum status stub_chat_write_messages(const struct stub_chat *chat,
                                     const struct stub_page *page,
                                     struct buffer *to)
{
    const struct message *m = NULL;
    uint64_t last = 0;
    size_t count = 0;
    bool more = false;
    enum status status = buffer_append_str(to, "{\"messages\":[");

    TAILQ_FOREACH_REVERSE(m, &chat->messages, message_list, link)
    {
        if (page->before && m->number >= page->before)
            continue;
        if (count == page->limit) {
            more = true;
            break;
        }
        if (status == STATUS_OK && count++)
            status = buffer_append_char(to, ',');
        if (status == STATUS_OK)
            status = append_message(chat, m, to);
        last = m->number;
    }
    if (status == STATUS_OK && more)
        status = buffer_printf(to, "],\"next_cursor\":\"%" PRIu64 "\"}", last);
    else if (status == STATUS_OK)
        status = buffer_append_str(to, "],\"next_cursor\":null}");
    return status;
}
