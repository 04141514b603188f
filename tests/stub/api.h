/* SPDX-License-Identifier: Apache-2.0
 *
 * stub/api.h - the chat API's 14 operations, and the stub's own controls.
 *
 *   GET  /_stub/log[?after=N]   what was delivered (stub/journal.h)
 *   POST /_stub/fault           {"fault": "status=503", "times": 1,
 *                                "method": "POST", "path": "/v3/chats"}
 *                               (all but fault optional; times 0: for ever)
 *   POST /_stub/reset           forget chats, journal and rules
 */
#ifndef STUB_API_H
#define STUB_API_H

#include "base/buffer.h"
#include "base/id.h"
#include "stub/chats.h"
#include "stub/fault.h"
#include "stub/journal.h"
#include "stub/request.h"

#define STUB_ANSWER_MAX (192 * 1024 * 1024)

struct stub_api {
    struct stub_chats *chats;
    struct stub_journal *journal;
    struct stub_rules rules;
    struct id_source ids;
};

struct stub_answer {
    int status;
    struct buffer body; /* a JSON object; empty with a 204 */
    char trace_id[ID_TRACE_SIZE];
};

enum status stub_api_init(struct stub_api *api) MUST_CHECK;
void stub_api_release(struct stub_api *api);

/* A request to the stub itself, not to the API? */
bool stub_api_is_control(const struct stub_request *req);

void stub_answer_init(struct stub_answer *a);
void stub_answer_release(struct stub_answer *a);

/* Do what the request says and fill the answer; whatever goes wrong inside
 * becomes a 500. `fault->status` puts an error in the place of the doing. */
void stub_api_answer(struct stub_api *api, const struct stub_request *req,
                     const struct stub_fault *fault, struct stub_answer *a);

#endif
