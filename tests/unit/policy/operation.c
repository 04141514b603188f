/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of "x-chatgate": what a contract says beyond OpenAPI.
 */
#include "fixture.h"

#include "base/check.h"
#include "unit.h"

/* One chat operation by each way to a sender; `document` is more of the
 * document's own x-chatgate, `post`, `get` and `chat` those of operations. */
#define CHATS(document, post, get, chat)                                       \
    "{\"openapi\": \"3.1.0\", \"x-chatgate\": {" document "},\n"               \
    "\"paths\": {\n"                                                           \
    "\"/c\": {\"post\": {\"operationId\": \"create\", \"x-chatgate\": {" post  \
    "},\n"                                                                     \
    " \"requestBody\": {\"required\": true, \"content\": "                     \
    "{\"application/json\": {\"schema\": {\"$ref\": "                          \
    "\"#/components/schemas/New\"}}}}},\n"                                     \
    " \"get\": {\"operationId\": \"list\", \"x-chatgate\": {" get "},\n"       \
    "  \"parameters\": [{\"name\": \"from\", \"in\": \"query\", \"schema\": "  \
    "{\"type\": \"string\"}}, {\"name\": \"ids\", \"in\": \"query\", "         \
    "\"schema\": {\"type\": \"array\"}}]}},\n"                                 \
    "\"/c/{id}\": {\"get\": {\"operationId\": \"one\", \"x-chatgate\": {" chat \
    "},\n"                                                                     \
    "  \"parameters\": [{\"name\": \"id\", \"in\": \"path\", \"required\": "   \
    "true, \"schema\": {\"type\": \"string\"}}]}}},\n"                         \
    "\"components\": {\"schemas\": {\"New\": {\"allOf\": [{\"properties\": "   \
    "{\"from\": {\"type\": \"string\"}, \"to\": {\"type\": \"array\"}}}, "     \
    "{\"$ref\": \"#/components/schemas/More\"}]}, \"More\": {\"if\": "         \
    "{\"properties\": {\"a/b\": {\"type\": \"object\", \"properties\": "       \
    "{\"c\": {\"type\": \"string\"}, \"again\": {\"$ref\": "                   \
    "\"#/components/schemas/More\"}}}}}, \"oneOf\": [{\"properties\": "        \
    "{\"d\": {}}}, {\"type\": \"null\"}]}}}}"

#define CHAT_SHAPE                                                             \
    "\"chat\": {\"id\": \"id\", \"handles\": \"hs\", \"handle\": \"h\", "      \
    "\"mine\": \"me\"}"
#define BY_BODY "\"sender\": {\"in\": \"body\", \"at\": \"/from\"}"
#define BY_QUERY "\"sender\": {\"in\": \"query\", \"name\": \"from\"}"
#define BY_CHAT "\"sender\": {\"in\": \"chat\", \"param\": \"id\"}"
#define LOOKS_UP CHAT_SHAPE ", \"lookup\": \"one\""
#define TELLS BY_CHAT ", \"learn\": \"\""

START_TEST(senders_taps_and_chats_are_found)
{
    struct policy_snapshot *snap = NULL;
    const struct policy_operation *op;
    const struct policy_contract *c;

    fixture_open();
    fixture_write(
        "api.json",
        CHATS("\"errors\": {\"400\": 7, \"599\": 8}, \"trace_id\": {\"body\": "
              "\"/t/id\", \"header\": \"X-T\"}, " LOOKS_UP,
              BY_BODY ", \"learn\": \"/chat\", \"record\": {\"recipients\": "
                      "\"/to\", \"effect\": \"/a~1b/c\", "
                      "\"idempotency_key\": \"/d\"}",
              BY_QUERY ", \"learn\": \"/chats/*\"", TELLS));
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    ck_assert_str_eq(fixture_said(), "");
    c = policy_contract_at(snap, 0);
    ck_assert_str_eq(c->name, "api");
    ck_assert_int_eq(c->error_code[400], 7);
    ck_assert_int_eq(c->error_code[599], 8);
    ck_assert_int_eq(c->error_code[404], 0);
    ck_assert_str_eq(c->trace_body, "/t/id");
    ck_assert_str_eq(c->trace_header, "X-T");
    ck_assert_str_eq(c->chat_id, "id");
    ck_assert_str_eq(c->chat_handles, "hs");
    ck_assert_str_eq(c->chat_handle, "h");
    ck_assert_str_eq(c->chat_mine, "me");
    ck_assert_ptr_eq(c->lookup, policy_operation_find(snap, text_of("one")));
    op = policy_operation_find(snap, text_of("create"));
    ck_assert_int_eq(op->sender_in, POLICY_SENDER_BODY);
    ck_assert_int_ge(op->sender_tap, 0);
    ck_assert_int_ge(op->recipients_tap, 0);
    ck_assert_int_eq(op->parts_tap, POLICY_TAP_NONE);
    ck_assert_int_ge(op->effect_tap, 0);
    ck_assert_int_ge(op->idempotency_tap, 0);
    ck_assert_int_ne(op->sender_tap, op->idempotency_tap);
    ck_assert_str_eq(op->learn, "/chat");
    op = policy_operation_find(snap, text_of("list"));
    ck_assert_int_eq(op->sender_in, POLICY_SENDER_QUERY);
    ck_assert_int_eq(op->sender_parameter, 0);
    ck_assert_str_eq(op->learn, "/chats/*");
    op = policy_operation_find(snap, text_of("one"));
    ck_assert_int_eq(op->sender_in, POLICY_SENDER_CHAT);
    ck_assert_int_eq(op->chat_parameter, 0);
    ck_assert_int_eq(op->sender_parameter, -1);
    ck_assert_str_eq(op->learn, "");
    policy_snapshot_unref(snap);
    fixture_close();
}
END_TEST

START_TEST(operations_that_point_nowhere_are_refused)
{
    static const struct fixture_bad bad[] = {
        {CHATS("", "\"sendr\": 1", "", ""),
         "/paths/~1c/post/x-chatgate/sendr: an operation's x-chatgate has no "
         "such key, and chatgate could not enforce it; did you mean "
         "\"sender\"?"},
        {CHATS("", "\"sender\": 1", "", ""),
         "/x-chatgate/sender: must be an object"},
        {CHATS("", "\"sender\": {}", "", ""),
         "/x-chatgate/sender: needs \"in\": \"body\", \"query\" or \"chat\""},
        {CHATS("", "\"sender\": {\"in\": \"header\"}", "", ""), "needs \"in\""},
        {CHATS("", "\"sender\": {\"in\": 1}", "", ""),
         "/sender/in: must be a string"},
        {CHATS("", "\"sender\": {\"in\": \"body\"}", "", ""),
         "/sender: needs \"at\": a JSON Pointer into the body"},
        {CHATS("", "\"sender\": {\"in\": \"body\", \"at\": \"\"}", "", ""),
         "/sender/at: must be a JSON Pointer to a member"},
        {CHATS("", "\"sender\": {\"in\": \"body\", \"at\": \"from\"}", "", ""),
         "/sender/at: must be a JSON Pointer to a member"},
        {CHATS("", "\"sender\": {\"in\": \"body\", \"at\": \"/a~2\"}", "", ""),
         "/sender/at: must be a JSON Pointer to a member"},
        {CHATS("", "\"sender\": {\"in\": \"body\", \"at\": \"/to/*\"}", "", ""),
         "/sender/at: must be a JSON Pointer to a member"},
        {CHATS("", "\"sender\": {\"in\": \"body\", \"at\": \"/form\"}", "", ""),
         "/sender/at: the schema of the body names no /form"},
        {CHATS("", "\"sender\": {\"in\": \"body\", \"at\": \"/a~1b/x\"}", "",
               ""),
         "the schema of the body names no /a~1b/x"},
        {CHATS("", "", "\"sender\": {\"in\": \"body\", \"at\": \"/from\"}", ""),
         "/paths/~1c/get/x-chatgate/sender/at: points into the body, and the "
         "operation describes none"},
        {CHATS("",
               "\"sender\": {\"in\": \"body\", \"at\": \"/from\", "
               "\"name\": \"x\"}",
               "", ""),
         "/sender/name: a sender in the body has no such key"},
        {CHATS("", "", "\"sender\": {\"in\": \"query\"}", ""),
         "/sender: needs \"name\": the parameter's name"},
        {CHATS("", "", "\"sender\": {\"in\": \"query\", \"name\": \"form\"}",
               ""),
         "/sender/name: the operation has no query parameter \"form\""},
        {CHATS("", "", "\"sender\": {\"in\": \"query\", \"name\": \"ids\"}",
               ""),
         "/sender/name: the sender must be one value, not an array"},
        {CHATS("", "", "", "\"sender\": {\"in\": \"chat\"}"),
         "/sender: needs \"param\": the parameter's name"},
        {CHATS("", "", "", "\"sender\": {\"in\": \"chat\", \"param\": \"ID\"}"),
         "/sender/param: the operation has no path parameter \"ID\""},
        {CHATS("", "", "\"sender\": {\"in\": \"chat\", \"param\": \"from\"}",
               ""),
         "/sender/param: the operation has no path parameter \"from\""},
        {CHATS("", "\"record\": []", "", ""),
         "/x-chatgate/record: record must be an object"},
        {CHATS("", "\"record\": {\"recipient\": \"/to\"}", "", ""),
         "did you mean \"recipients\"?"},
        {CHATS("", "\"record\": {\"parts\": \"/message/parts\"}", "", ""),
         "/record/parts: the schema of the body names no /message/parts"},
        {CHATS("", "\"learn\": \"chat\"", "", ""),
         "/learn: must be a JSON Pointer into the answer"},
        {CHATS("", "\"learn\": \"/chat\"", "", ""),
         "/learn: the document's own \"x-chatgate\" must say by \"chat\""},
    };

    fixture_check_bad(bad, ARRAY_LEN(bad));
}
END_TEST

START_TEST(documents_that_make_no_sense_are_refused)
{
    static const struct fixture_bad bad[] = {
        {CHATS("\"error\": {}", "", "", ""),
         "/x-chatgate/error: the document's x-chatgate has no such key, and "
         "chatgate could not enforce it; did you mean \"errors\"?"},
        {CHATS("\"errors\": []", "", "", ""),
         "/x-chatgate/errors: must be an object"},
        {CHATS("\"errors\": {\"200\": 1}", "", "", ""),
         "/x-chatgate/errors/200: an error's status is \"400\" to \"599\""},
        {CHATS("\"errors\": {\"4xx\": 1}", "", "", ""), "an error's status"},
        {CHATS("\"errors\": {\"0400\": 1}", "", "", ""), "an error's status"},
        {CHATS("\"errors\": {\"600\": 1}", "", "", ""), "an error's status"},
        {CHATS("\"errors\": {\"400\": \"1002\"}", "", "", ""),
         "/x-chatgate/errors/400: an error's code is a number"},
        {CHATS("\"errors\": {\"400\": 1.5}", "", "", ""), "an error's code"},
        {CHATS("\"errors\": {\"400\": 0}", "", "", ""), "an error's code"},
        {CHATS("\"trace_id\": \"/x\"", "", "", ""),
         "/x-chatgate/trace_id: trace_id must be an object"},
        {CHATS("\"trace_id\": {\"body\": \"x\"}", "", "", ""),
         "/x-chatgate/trace_id/body: must be a JSON Pointer"},
        {CHATS("\"trace_id\": {\"body\": \"\"}", "", "", ""),
         "/x-chatgate/trace_id/body: must be a JSON Pointer"},
        {CHATS("\"trace_id\": {\"header\": \"a b\"}", "", "", ""),
         "/x-chatgate/trace_id/header: is no header's name"},
        {CHATS("\"trace_id\": {\"header\": \"\"}", "", "", ""),
         "is no header's name"},
        {CHATS("\"chat\": {\"id\": \"id\", \"handles\": \"h\", \"handle\": "
               "\"h\"}",
               "", "", ""),
         "/x-chatgate/chat: needs \"mine\""},
        {CHATS("\"chat\": {\"identifier\": 1}", "", "", ""),
         "/x-chatgate/chat/identifier: chat has no such key"},
        {CHATS(CHAT_SHAPE ", \"lookup\": \"oen\"", "", "", TELLS),
         "/x-chatgate/lookup: there is no operation \"oen\" in this document; "
         "did you mean \"one\"?"},
        {CHATS(CHAT_SHAPE ", \"lookup\": \"create\"", "", "", TELLS),
         "/x-chatgate/lookup: the operation create must be a GET"},
        {CHATS(CHAT_SHAPE ", \"lookup\": \"list\"", "", "", TELLS),
         "/x-chatgate/lookup: the operation list must have \"sender\""},
        {CHATS(LOOKS_UP, "", "", BY_CHAT),
         "/x-chatgate/lookup: the operation one must have \"learn\""},
    };

    fixture_check_bad(bad, ARRAY_LEN(bad));
}
END_TEST

START_TEST(a_lookup_that_is_missing_is_warned_of)
{
    fixture_open();
    fixture_expect_warning(CHATS(CHAT_SHAPE, "", "", TELLS), NULL,
                           "/paths/~1c~1{id}/get: the sender is found by the "
                           "chat, and the document's \"x-chatgate\" names no "
                           "\"lookup\"");
    fixture_close();
}
END_TEST

UNIT_MAIN("operation", senders_taps_and_chats_are_found,
          operations_that_point_nowhere_are_refused,
          documents_that_make_no_sense_are_refused,
          a_lookup_that_is_missing_is_warned_of)
