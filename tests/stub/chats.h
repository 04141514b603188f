/* SPDX-License-Identifier: Apache-2.0
 *
 * stub/chats.h - the chats the stub remembers, in the API's shapes.
 *
 * Bounded: beyond CHATS_MAX chats, or CHATS_BYTES_MAX of messages, the oldest
 * chat goes; of a chat the newest CHATS_MESSAGES_MAX messages stay. Bodies are
 * taken as they come: what is missing or of a wrong type is left out, because
 * it is for the proxy in front to refuse it.
 */
#ifndef STUB_CHATS_H
#define STUB_CHATS_H

#include "base/buffer.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/json_write.h"

#define CHATS_MAX 10000
#define CHATS_BYTES_MAX (64 * 1024 * 1024)
#define CHATS_MESSAGES_MAX 256
#define CHATS_HANDLES_MAX 256

struct stub_handle {
    char id[ID_UUID_SIZE];
    char *name; /* owned: the number or address */
    char joined_at[CLOCK_RFC3339_SIZE];
    char left_at[CLOCK_RFC3339_SIZE]; /* "": has not left */
    const char *status;               /* "active" "left" "removed" */
    bool is_me;
};

struct stub_chat;
struct stub_chats;

struct stub_chats *stub_chats_new(void); /* NULL: out of memory */
void stub_chats_free(struct stub_chats *c);
void stub_chats_clear(struct stub_chats *c);

/* NULL: out of memory. `from` and `to` as in the body, either may be NULL. */
struct stub_chat *stub_chats_create(struct stub_chats *c,
                                    const struct json_value *from,
                                    const struct json_value *to);
/* By id, any case; NULL when there is none. */
struct stub_chat *stub_chats_find(struct stub_chats *c, struct text id);
const char *stub_chat_id(const struct stub_chat *chat);
/* The chat's own number; NULL when the body that made it named none. */
const char *stub_chat_from(const struct stub_chat *chat);

enum status stub_chat_rename(struct stub_chat *chat,
                             struct text name) MUST_CHECK;
/* STATUS_TOO_LARGE with CHATS_HANDLES_MAX handles. */
enum status stub_chat_join(struct stub_chats *c, struct stub_chat *chat,
                           struct text name) MUST_CHECK;
/* STATUS_NOT_FOUND when nobody of that name is active. */
enum status stub_chat_remove(struct stub_chat *chat,
                             struct text name) MUST_CHECK;
void stub_chat_leave(struct stub_chat *chat);

/* Keep a message (the body's "message"). *json is its SentMessage object and
 * lives until the next call that adds a message. */
enum status stub_chat_send(struct stub_chats *c, struct stub_chat *chat,
                           const struct json_value *content,
                           struct text *json) MUST_CHECK;

/* ---- shapes; each writes one JSON value ---- */

enum stub_chat_shape {
    STUB_CHAT_FULL,    /* Chat, as listed and retrieved */
    STUB_CHAT_CREATED, /* ChatCreateResponse.chat, without its message */
    STUB_CHAT_MEMO,    /* the chat inside a voice memo */
};
void stub_chat_write(struct json_writer *w, const struct stub_chat *chat,
                     enum stub_chat_shape shape);
void stub_chat_write_recipients(struct json_writer *w,
                                const struct stub_chat *chat);

struct stub_page {
    const char *from, *to; /* of chats: only these; NULL: any */
    uint64_t before;       /* numbers below it; 0: from the newest */
    size_t limit;
};
/* {"chats": [...], "next_cursor": "..." or null}, newest first. */
void stub_chats_write_page(struct json_writer *w, const struct stub_chats *c,
                           const struct stub_page *page);
/* {"messages": [...], "next_cursor": ...}, newest first, appended to `to`. */
enum status stub_chat_write_messages(const struct stub_chat *chat,
                                     const struct stub_page *page,
                                     struct buffer *to) MUST_CHECK;

#endif
