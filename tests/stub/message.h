/* SPDX-License-Identifier: Apache-2.0
 *
 * stub/message.h - a SentMessage made from the message of a request.
 */
#ifndef STUB_MESSAGE_H
#define STUB_MESSAGE_H

#include "base/json.h"
#include "base/json_write.h"
#include "stub/chats.h"

struct stub_message_facts {
    const char *id;
    const char *created_at;
    const struct stub_handle *from; /* NULL: unknown */
    struct id_source *ids;          /* for attachments */
};

/* One SentMessage object. `content` may be NULL or of any type. */
void stub_message_write(struct json_writer *w, const struct json_value *content,
                        const struct stub_message_facts *facts);
void stub_handle_write(struct json_writer *w, const struct stub_handle *h);

#endif
