/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of policy/contract.h: what is compiled, and above all what is not.
 */
#include "fixture.h"

#include "base/check.h"
#include "unit.h"

/* {"get": {"operationId": "a", ...}} at "/a". */
#define GET_A(more)                                                            \
    FIXTURE_CONTRACT("\"/a\": {\"get\": {\"operationId\": \"a\"" more "}}")
#define POST_A(more)                                                           \
    FIXTURE_CONTRACT("\"/a\": {\"post\": {\"operationId\": \"a\"" more "}}")
#define BODY_A(body) POST_A(", \"requestBody\": " body)
/* A document with other keys beside "paths". */
#define DOCUMENT(keys) "{\"openapi\": \"3.1.0\", \"paths\": {}, " keys "}"

START_TEST(documentation_is_let_through)
{
    static const char *const fine[] = {
        FIXTURE_CONTRACT(""),
        "{\"openapi\": \"3.1.1\", \"paths\": {}}",
        DOCUMENT("\"servers\": [{\"url\": \"https://x\"}], \"tags\": [1], "
                 "\"externalDocs\": {}, \"security\": [{\"k\": []}], "
                 "\"webhooks\": {\"w\": {}}, \"info\": {\"x-logo\": 1}"),
        DOCUMENT("\"jsonSchemaDialect\": "
                 "\"https://json-schema.org/draft/2020-12/schema\""),
        DOCUMENT("\"jsonSchemaDialect\": "
                 "\"https://spec.openapis.org/oas/3.1/dialect/base\""),
        DOCUMENT("\"components\": {\"schemas\": {\"S\": {\"typ\": 1}}, "
                 "\"securitySchemes\": {}, \"responses\": {\"x\": 1}}"),
        GET_A(", \"summary\": \"s\", \"description\": \"d\", \"tags\": [], "
              "\"externalDocs\": {}, \"responses\": {\"200\": {\"x\": 1}}, "
              "\"callbacks\": {}, \"deprecated\": true, \"security\": []"),
        FIXTURE_CONTRACT("\"/a\": {\"summary\": \"s\", \"description\": "
                         "\"d\"}"),
    };

    fixture_check_fine(fine, ARRAY_LEN(fine));
}
END_TEST

START_TEST(what_is_no_contract_is_said)
{
    static const struct fixture_bad bad[] = {
        {"{}", "api.json:1:1: is no contract: it needs \"openapi\""},
        {"[]", "api.json:1:1: a contract must be an object, not an array"},
        {"\"x\"", "must be an object, not a string"},
        {"", "api.json:"},
        {"{", "api.json:"},
        {"{\"openapi\": \"3.1.0\", \"openapi\": \"3.1.0\", \"paths\": {}}",
         "api.json:1:"},
        {"{\"openapi\": \"3.0.3\", \"paths\": {}}",
         "api.json:1:13: /openapi: OpenAPI 3.0 has another schema language"},
        {"{\"openapi\": \"3.2.0\", \"paths\": {}}",
         "api.json:1:13: /openapi: only OpenAPI 3.1 is understood, not 3.2.0"},
        {"{\"openapi\": \"3.1\", \"paths\": {}}", "/openapi: only OpenAPI 3.1"},
        {"{\"openapi\": 3.1, \"paths\": {}}",
         "/openapi: must be a string, not a number"},
        {"{\"swagger\": \"2.0\", \"paths\": {}}",
         "api.json:1:2: /swagger: Swagger 2.0 is another format"},
        {"{\"openapi\": \"3.1.0\"}", "a contract needs \"paths\""},
        {"{\"openapi\": \"3.1.0\", \"paths\": []}",
         "/paths: must be an object, not an array"},
        {DOCUMENT("\"path\": {}"), "/path: a contract has no such key, and "
                                   "chatgate could not enforce it; did you "
                                   "mean \"paths\"?"},
        {DOCUMENT("\"X-Internal\": 1"), "/X-Internal: a contract has no such"},
        {DOCUMENT("\"x-chatgat\": 1"), "did you mean \"x-chatgate\"?"},
        {DOCUMENT("\"definitions\": {}"),
         "/definitions: OpenAPI 3.1 has schemas at"},
        {DOCUMENT("\"jsonSchemaDialect\": \"https://x/y\""),
         "/jsonSchemaDialect: this schema dialect is not understood"},
        {DOCUMENT("\"components\": {\"schema\": {}}"),
         "/components/schema: components has no such key, and chatgate could "
         "not enforce it; did you mean \"schemas\"?"},
        {DOCUMENT("\"components\": []"),
         "/components: components must be an object"},
    };

    fixture_check_bad(bad, ARRAY_LEN(bad));
}
END_TEST

START_TEST(paths_that_cannot_be_matched_are_said)
{
    static const struct fixture_bad bad[] = {
        {FIXTURE_CONTRACT("\"a\": {}"),
         "api.json:2:11: /paths/a: a path must begin with a slash"},
        {FIXTURE_CONTRACT("\"/a//b\": {}"), "/paths/~1a~1~1b: the path has an "
                                            "empty segment"},
        {FIXTURE_CONTRACT("\"/a/../b\": {}"), "dot segment"},
        {FIXTURE_CONTRACT("\"/a/x{id}\": {}"), "must be a whole segment"},
        {FIXTURE_CONTRACT("\"/{a}/{a}\": {}"), "names one parameter twice"},
        {FIXTURE_CONTRACT("\"/a?b\": {}"), "must be percent-encoded"},
        {FIXTURE_CONTRACT("\"/%41\": {}"), "needs none"},
        {FIXTURE_CONTRACT("\"/a/{x}\": {}, \"/a/{y}\": {}"),
         "/paths/~1a~1{y}: has the same shape as /a/{x} of "},
        {FIXTURE_CONTRACT("\"/a\": []"), "/paths/~1a: a path must be an "
                                         "object"},
        {FIXTURE_CONTRACT("\"/a\": {\"gett\": {}}"),
         "/paths/~1a/gett: a path has no such key, and chatgate could not "
         "enforce it; did you mean \"get\"?"},
        {FIXTURE_CONTRACT("\"/a\": {\"GET\": {}}"), "did you mean \"get\"?"},
        {FIXTURE_CONTRACT("\"/a\": {\"trace\": {}}"),
         "/paths/~1a/trace: chatgate does not forward TRACE"},
        {FIXTURE_CONTRACT("\"/a\": {\"servers\": []}"),
         "/paths/~1a/servers: chatgate forwards every path to upstream.url"},
        {FIXTURE_CONTRACT("\"/a\": {\"parameters\": {}}"),
         "/paths/~1a/parameters: must be an array"},
        {FIXTURE_CONTRACT("\"/a\": {\"$ref\": \"other.json\"}"),
         "/paths/~1a/$ref: leads elsewhere: only references to "
         "#/components/pathItems/"},
        {FIXTURE_CONTRACT("\"/a\": {\"$ref\": \"#/components/pathItems/x\"}"),
         "/paths/~1a/$ref: there is nothing at"},
    };

    fixture_check_bad(bad, ARRAY_LEN(bad));
}
END_TEST

START_TEST(operations_say_what_they_lack)
{
    static const struct fixture_bad bad[] = {
        {FIXTURE_CONTRACT("\"/a\": {\"get\": {\"operationId\": \"\"}}"),
         "/paths/~1a/get/operationId: must not be empty"},
        {FIXTURE_CONTRACT("\"/a\": {\"get\": {}}, \"/b\": {\"get\": "
                          "{\"operationId\": \"GET /a\"}}"),
         "/paths/~1b/get/operationId: \"GET /a\" is already the operation GET "
         "/a of "},
        {FIXTURE_CONTRACT("\"/a\": {\"get\": {\"operationId\": 5}}"),
         "/operationId: must be a string"},
        {FIXTURE_CONTRACT("\"/a\": {\"get\": {\"operationId\": \"a\\u0000\"}}"),
         "/operationId: must not hold a NUL"},
        {FIXTURE_CONTRACT("\"/a\": {\"get\": []}"),
         "/paths/~1a/get: an operation must be an object"},
        {FIXTURE_CONTRACT("\"/a\": {\"get\": {\"operationId\": \"a\"}, "
                          "\"post\": {\"operationId\": \"a\"}}"),
         "/paths/~1a/post/operationId: \"a\" is already the operation GET /a "
         "of "},
        {GET_A(", \"operationid\": 1"), "did you mean \"operationId\"?"},
        {GET_A(", \"x-parts\": {}"),
         "/paths/~1a/get/x-parts: an operation has no such key"},
        {GET_A(", \"servers\": []"), "take \"servers\" out of the operation"},
        {GET_A(", \"requestBody\": {}"),
         "/paths/~1a/get/requestBody: a GET request carries no body"},
        {FIXTURE_CONTRACT("\"/a\": {\"head\": {\"operationId\": \"a\", "
                          "\"requestBody\": {}}}"),
         "a HEAD request carries no body"},
        {GET_A(", \"parameters\": {}"),
         "/paths/~1a/get/parameters: must be an array"},
    };

    fixture_check_bad(bad, ARRAY_LEN(bad));
}
END_TEST

/* Few documents in the field are without; all of them were refused. */
START_TEST(extensions_of_other_tools_are_told_and_let_through)
{
    static const struct fixture_bad told[] = {
        {DOCUMENT("\"x-tagGroups\": []"),
         "api.json:1:35: warning: /x-tagGroups: \"x-tagGroups\" is another "
         "tool's extension: it asks nothing of requests"},
        {DOCUMENT("\"components\": {\"x-any\": 1}"), "/components/x-any: "},
        {FIXTURE_CONTRACT("\"x-extension\": {}"), "/paths/x-extension: "},
        {FIXTURE_CONTRACT("\"/a\": {\"x-group\": 1}"), "/paths/~1a/x-group: "},
        {GET_A(", \"x-codeSamples\": []"), "/get/x-codeSamples: "},
        {GET_A(", \"parameters\": [{\"name\": \"q\", \"in\": \"query\", "
               "\"x-example\": 1, \"schema\": {\"type\": \"string\", "
               "\"x-go-name\": \"Q\"}}]"),
         "/parameters/0/schema/x-go-name: "},
        {BODY_A("{\"x-name\": 1, \"content\": {\"application/json\": "
                "{\"x-hint\": 1, \"schema\": {\"x-enum-varnames\": []}}}}"),
         "/schema/x-enum-varnames: "},
    };

    fixture_open();
    for (size_t i = 0; i < ARRAY_LEN(told); i++)
        fixture_expect_warning(told[i].contract, NULL, told[i].says);
    /* Once a file: a generator writes them everywhere. */
    fixture_expect_warning(FIXTURE_CONTRACT("\"/a\": {\"x-n\": 1}, \"/b\": "
                                            "{\"x-n\": 1}"),
                           NULL, "/paths/~1a/x-n: ");
    ck_assert_ptr_null(strstr(fixture_said(), "/paths/~1b/x-n: "));
    fixture_close();
}
END_TEST

START_TEST(own_extensions_misspelt_are_refused)
{
    static const struct fixture_bad bad[] = {
        {DOCUMENT("\"x-parts\": {}"), "/x-parts: a contract has no such key"},
        {GET_A(", \"x-chat-gate\": {}"), "did you mean \"x-chatgate\"?"},
        {GET_A(", \"x-chatgate\": {\"x-more\": 1}"), "/x-more: "},
        {BODY_A("{\"content\": {\"application/json\": {\"schema\": "
                "{\"x-part\": {}}}}}"),
         "/x-part: unknown keyword \"x-part\", did you mean \"x-parts\"?"},
        {BODY_A("{\"content\": {\"application/json\": {\"schema\": "
                "{\"x-decoratoins\": {}}}}}"),
         "did you mean \"x-decorations\"?"},
        {BODY_A("{\"content\": {\"application/json\": {\"schema\": "
                "{\"x-chatgate\": {}}}}}"),
         "/schema/x-chatgate: unknown keyword"},
    };

    fixture_check_bad(bad, ARRAY_LEN(bad));
}
END_TEST

START_TEST(the_format_of_passwords_is_a_hint)
{
    fixture_open();
    fixture_expect_fine(BODY_A("{\"content\": {\"application/json\": "
                               "{\"schema\": {\"format\": \"password\"}}}}"),
                        NULL);
    fixture_expect_problem(BODY_A("{\"content\": {\"application/json\": "
                                  "{\"schema\": {\"format\": \"byte\"}}}}"),
                           NULL,
                           "/format: the format \"byte\" is not enforced");
    fixture_close();
}
END_TEST

START_TEST(bodies_that_are_no_json_are_refused)
{
    static const struct fixture_bad bad[] = {
        {POST_A(", \"requestBody\": []"),
         "/requestBody: a request body must be an object"},
        {POST_A(", \"requestBody\": {}"),
         "/requestBody: a request body needs \"content\""},
        {POST_A(", \"requestBody\": {\"content\": {}}"),
         "/requestBody/content: a request body needs \"application/json\""},
        {POST_A(", \"requestBody\": {\"content\": []}"),
         "/requestBody/content: must be an object"},
        {POST_A(", \"requestBody\": {\"content\": {\"text/plain\": {}}}"),
         "/requestBody/content/text~1plain: only application/json is "
         "enforced"},
        {POST_A(", \"requestBody\": {\"content\": {\"application/json\": {}, "
                "\"application/xml\": {}}}"),
         "/requestBody/content/application~1xml: only application/json"},
        {POST_A(", \"requestBody\": {\"content\": "
                "{\"application/json; charset=utf-8\": {}}}"),
         "only application/json is enforced"},
        {POST_A(", \"requestBody\": {\"content\": {\"*/*\": {}}}"),
         "only application/json is enforced"},
        {POST_A(", \"requestBody\": {\"content\": {\"application/json\": []}}"),
         "a media type must be an object"},
        {POST_A(", \"requestBody\": {\"content\": {\"application/json\": "
                "{\"encoding\": {}}}}"),
         "/encoding: \"encoding\" is for forms"},
        {POST_A(", \"requestBody\": {\"content\": {\"application/json\": "
                "{\"shema\": {}}}}"),
         "did you mean \"schema\"?"},
        {POST_A(", \"requestBody\": {\"content\": {\"application/json\": {}}, "
                "\"requird\": true}"),
         "did you mean \"required\"?"},
        {POST_A(", \"requestBody\": {\"content\": {\"application/json\": {}}, "
                "\"required\": 1}"),
         "/required: must be a boolean"},
        {POST_A(", \"requestBody\": {\"$ref\": \"#/components/schemas/x\"}"),
         "/requestBody/$ref: leads elsewhere"},
        {POST_A(", \"requestBody\": {\"$ref\": 1}"),
         "/requestBody/$ref: must be a string"},
        {POST_A(", \"requestBody\": {\"$ref\": "
                "\"#/components/requestBodies/x\", \"required\": true}"),
         "/requestBody/required: stands beside \"$ref\""},
        {"{\"openapi\": \"3.1.0\", \"paths\": {\"/a\": {\"post\": "
         "{\"operationId\": \"a\", \"requestBody\": {\"$ref\": "
         "\"#/components/requestBodies/x\"}}}}, \"components\": "
         "{\"requestBodies\": {\"x\": {\"$ref\": "
         "\"#/components/requestBodies/x\"}}}}",
         "/requestBody: the reference leads in a circle"},
    };

    fixture_check_bad(bad, ARRAY_LEN(bad));
}
END_TEST

static const char shapes[] =
    "{\"openapi\": \"3.1.0\", \"paths\": {"
    "\"/a/{y}/{x}\": {\"parameters\": ["
    " {\"$ref\": \"#/components/parameters/x\"},"
    " {\"name\": \"q\", \"in\": \"query\", \"schema\": {\"type\": "
    "\"integer\"}},"
    " {\"name\": \"y\", \"in\": \"path\", \"required\": true, \"schema\": "
    "{\"$ref\": \"#/components/schemas/Id\", \"description\": \"d\"}}],"
    "\"put\": {\"operationId\": \"put\", \"parameters\": ["
    " {\"name\": \"q\", \"in\": \"query\", \"required\": true, \"schema\": "
    "{\"type\": \"array\", \"items\": {\"type\": \"string\"}}}],"
    " \"requestBody\": {\"$ref\": \"#/components/requestBodies/any\"}},"
    "\"delete\": {\"operationId\": \"del\"},"
    "\"patch\": {\"operationId\": \"patch\", \"requestBody\": {\"required\": "
    "true, \"content\": {\"application/json\": {\"schema\": true}}}}},"
    "\"/b\": {\"$ref\": \"#/components/pathItems/b\"}},"
    "\"components\": {\"parameters\": {\"x\": {\"name\": \"x\", \"in\": "
    "\"path\", \"required\": true, \"schema\": {\"type\": \"string\"}}},"
    "\"schemas\": {\"Id\": {\"$ref\": \"#/components/schemas/Uuid\"},"
    "\"Uuid\": {\"type\": \"string\", \"format\": \"uuid\"}},"
    "\"requestBodies\": {\"any\": {\"content\": {\"application/json\": {}}}},"
    "\"pathItems\": {\"b\": {\"options\": {\"operationId\": \"b\"}}}}}";

START_TEST(operations_come_in_the_order_of_the_document)
{
    struct policy_snapshot *snap = NULL;
    const struct policy_operation *op;

    fixture_open();
    fixture_write("api.json", shapes);
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    ck_assert_str_eq(fixture_said(), "");
    ck_assert_uint_eq(policy_operation_count(snap), 4);
    ck_assert_uint_eq(policy_contract_count(snap), 1);
    op = policy_operation_find(snap, text_of("put"));
    ck_assert_ptr_nonnull(op);
    ck_assert_str_eq(op->method, "PUT");
    ck_assert_str_eq(op->template, "/a/{y}/{x}");
    ck_assert_int_eq(op->body, POLICY_BODY_OPTIONAL);
    ck_assert_uint_eq(op->parameter_count, 3);
    ck_assert_int_eq(op->sender_in, POLICY_SENDER_NONE);
    ck_assert_int_eq(op->chat_parameter, -1);
    ck_assert_int_eq(op->sender_tap, POLICY_TAP_NONE);
    ck_assert_ptr_null(op->learn);
    ck_assert_ptr_nonnull(op->plan);
    ck_assert_uint_eq(op->use_count, 0); /* any JSON will do */
    op = policy_operation_find(snap, text_of("del"));
    ck_assert_int_eq(op->body, POLICY_BODY_NONE);
    ck_assert_uint_eq(op->use_count, 1);
    ck_assert_str_eq(op->uses[0].policy, "api");
    op = policy_operation_find(snap, text_of("patch"));
    ck_assert_int_eq(op->body, POLICY_BODY_REQUIRED);
    ck_assert_ptr_null(policy_operation_find(snap, text_of("putt")));
    ck_assert_str_eq(policy_operation_at(snap, 3)->method, "OPTIONS");
    policy_snapshot_unref(snap);
    fixture_close();
}
END_TEST

START_TEST(an_operation_without_an_id_is_named_by_its_path)
{
    struct policy_snapshot *snap = NULL;
    const struct policy_operation *op;

    fixture_open();
    fixture_write("api.json", FIXTURE_CONTRACT("\"/a/b\": {\"delete\": {}}"));
    fixture_write("p.policy.json",
                  "{\"name\": \"p\", \"applies\": {\"operations\": [\"DELETE "
                  "/a/b\"]}, \"limits\": [{\"name\": \"l\", \"capacity\": 1, "
                  "\"refill\": \"1/s\"}]}");
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    ck_assert_str_eq(fixture_said(), "");
    op = policy_operation_find(snap, text_of("DELETE /a/b"));
    ck_assert_ptr_nonnull(op);
    ck_assert_str_eq(op->id, "DELETE /a/b");
    policy_snapshot_unref(snap);
    fixture_close();
}
END_TEST

UNIT_MAIN("contract", an_operation_without_an_id_is_named_by_its_path,
          documentation_is_let_through, what_is_no_contract_is_said,
          paths_that_cannot_be_matched_are_said, operations_say_what_they_lack,
          bodies_that_are_no_json_are_refused,
          extensions_of_other_tools_are_told_and_let_through,
          own_extensions_misspelt_are_refused,
          the_format_of_passwords_is_a_hint,
          operations_come_in_the_order_of_the_document)
