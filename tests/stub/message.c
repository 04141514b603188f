/* SPDX-License-Identifier: Apache-2.0
 *
 * stub/message.c - requests' parts turned into the parts of answers.
 */
#include "stub/message.h"

#include <stdlib.h>

/* Levels that are copied: nothing in the API is deeper, the writer's own
 * bound is 128. */
#define COPY_LEVELS 16

static void copy_value(struct json_writer *w, const struct json_value *v,
                       int levels)
{
    switch (v && levels > 0 ? v->type : JSON_NULL) {
    case JSON_NULL:
        json_null(w);
        break;
    case JSON_BOOL:
        json_bool(w, v->boolean);
        break;
    case JSON_NUMBER:
        json_int(w, (int64_t)strtod(v->text.data, NULL));
        break;
    case JSON_STRING:
        json_text(w, v->text);
        break;
    case JSON_ARRAY:
        json_open_array(w);
        for (size_t i = 0; i < v->count; i++)
            copy_value(w, v->items[i], levels - 1);
        json_close_array(w);
        break;
    case JSON_OBJECT:
        json_open_object(w);
        for (size_t i = 0; i < v->count; i++) {
            json_key(w, v->members[i].name.data);
            copy_value(w, v->members[i].value, levels - 1);
        }
        json_close_object(w);
        break;
    }
}

static void write_copy(struct json_writer *w, const struct json_value *v)
{
    copy_value(w, v, COPY_LEVELS);
}

static void write_member(struct json_writer *w, const struct json_value *from,
                         const char *name)
{
    json_key(w, name);
    write_copy(w, json_get(from, name));
}

static void write_media(struct json_writer *w, const struct json_value *part,
                        struct id_source *ids)
{
    const struct json_value *attachment = json_get(part, "attachment_id");
    const struct json_value *url = json_get(part, "url");
    char id[ID_UUID_SIZE] = "";

    json_key(w, "id");
    if (attachment)
        write_copy(w, attachment);
    else if (id_uuid7(ids, clock_wall(clock_system()), id) == STATUS_OK)
        json_str(w, id);
    else
        json_null(w);
    json_key(w, "filename");
    json_str(w, "attachment");
    json_key(w, "mime_type");
    json_str(w, "application/octet-stream");
    json_key(w, "size_bytes");
    json_int(w, 1024);
    json_key(w, "url");
    if (url)
        write_copy(w, url);
    else
        json_str(w, "https://cdn.linqapp.com/attachments/attachment");
}

static void write_part(struct json_writer *w, const struct json_value *part,
                       struct id_source *ids)
{
    const struct json_value *type = json_get(part, "type");

    json_open_object(w);
    write_member(w, part, "type");
    if (type && text_is(type->text, "media")) {
        write_media(w, part, ids);
    } else {
        write_member(w, part, "value");
        if (json_get(part, "text_decorations"))
            write_member(w, part, "text_decorations");
    }
    json_key(w, "reactions");
    json_null(w);
    json_close_object(w);
}

void stub_handle_write(struct json_writer *w, const struct stub_handle *h)
{
    json_open_object(w);
    json_key(w, "id");
    json_str(w, h->id);
    json_key(w, "handle");
    json_str(w, h->name);
    json_key(w, "joined_at");
    json_str(w, h->joined_at);
    json_key(w, "service");
    json_str(w, "iMessage");
    json_key(w, "is_me");
    json_bool(w, h->is_me);
    json_key(w, "left_at");
    json_str(w, h->left_at[0] ? h->left_at : NULL);
    json_key(w, "status");
    json_str(w, h->status);
    json_close_object(w);
}

void stub_message_write(struct json_writer *w, const struct json_value *content,
                        const struct stub_message_facts *facts)
{
    const struct json_value *parts = json_get(content, "parts");

    json_open_object(w);
    json_key(w, "id");
    json_str(w, facts->id);
    json_key(w, "created_at");
    json_str(w, facts->created_at);
    json_key(w, "delivery_status");
    json_str(w, "queued");
    json_key(w, "is_read");
    json_bool(w, false);
    json_key(w, "parts");
    json_open_array(w);
    if (parts && parts->type == JSON_ARRAY)
        for (size_t i = 0; i < parts->count; i++)
            write_part(w, parts->items[i], facts->ids);
    json_close_array(w);
    json_key(w, "sent_at");
    json_null(w);
    json_key(w, "delivered_at");
    json_null(w);
    write_member(w, content, "effect");
    write_member(w, content, "preferred_service");
    write_member(w, content, "reply_to");
    json_key(w, "from_handle");
    if (facts->from)
        stub_handle_write(w, facts->from);
    else
        json_null(w);
    json_key(w, "service");
    json_str(w, "iMessage");
    json_close_object(w);
}
