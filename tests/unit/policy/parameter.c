/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of policy_parameter_load(): which parameters are compiled.
 */
#include "fixture.h"

#include "base/check.h"
#include "unit.h"

#define GET_A_BY(parameters)                                                   \
    FIXTURE_CONTRACT("\"/a\": {\"get\": {\"operationId\": \"a\", "             \
                     "\"parameters\": [" parameters "]}}")

START_TEST(parameters_that_cannot_be_enforced_are_refused)
{
    static const struct fixture_bad bad[] = {
        {GET_A_BY("1"), "/parameters/0: a parameter must be an object"},
        {GET_A_BY("{}"), "/parameters/0: a parameter needs a \"name\""},
        {GET_A_BY("{\"name\": \"\", \"in\": \"query\", \"schema\": {}}"),
         "a parameter needs a \"name\""},
        {GET_A_BY("{\"name\": \"x\", \"schema\": {\"type\": \"string\"}}"),
         "/parameters/0: a parameter needs \"in\""},
        {GET_A_BY("{\"name\": \"x\", \"in\": \"body\", \"schema\": {}}"),
         "/parameters/0/in: a parameter needs \"in\""},
        {GET_A_BY("{\"name\": \"X-Y\", \"in\": \"header\", \"schema\": {}}"),
         "/parameters/0/in: a header parameter is not enforced"},
        {GET_A_BY("{\"name\": \"x\", \"in\": \"cookie\", \"schema\": {}}"),
         "/parameters/0/in: a cookie parameter is not enforced"},
        {GET_A_BY("{\"name\": \"x\", \"in\": \"query\"}"),
         "/parameters/0: a parameter needs a \"schema\""},
        {GET_A_BY("{\"name\": \"x\", \"in\": \"query\", \"content\": {}}"),
         "/parameters/0/content: a parameter that is a document"},
        {GET_A_BY("{\"name\": \"x\", \"in\": \"query\", \"schema\": {}}"),
         "/parameters/0/schema: a parameter's schema needs a \"type\""},
        {GET_A_BY("{\"name\": \"x\", \"in\": \"query\", \"schema\": "
                  "{\"type\": \"object\"}}"),
         "needs a \"type\" that says how to read"},
        {GET_A_BY("{\"name\": \"x\", \"in\": \"query\", \"schema\": "
                  "{\"type\": [\"string\", \"array\"]}}"),
         "needs a \"type\" that says how to read"},
        {GET_A_BY("{\"name\": \"x\", \"in\": \"query\", \"schema\": "
                  "{\"type\": \"array\", \"items\": {\"type\": \"array\"}}}"),
         "/schema/items/type: an array in a parameter is one of single values"},
        {GET_A_BY("{\"name\": \"x\", \"in\": \"query\", \"style\": "
                  "\"deepObject\", \"schema\": {\"type\": \"string\"}}"),
         "/style: the style deepObject is not enforced"},
        {GET_A_BY("{\"name\": \"x\", \"in\": \"query\", \"style\": "
                  "\"pipeDelimited\", \"schema\": {\"type\": \"string\"}}"),
         "/style: the style pipeDelimited is not enforced"},
        {GET_A_BY("{\"name\": \"x\", \"in\": \"query\", \"allowReserved\": "
                  "true, \"schema\": {\"type\": \"string\"}}"),
         "/allowReserved: allowReserved is not enforced"},
        {GET_A_BY("{\"name\": \"x\", \"in\": \"query\", \"allowEmptyValue\": "
                  "true, \"schema\": {\"type\": \"string\"}}"),
         "/allowEmptyValue: allowEmptyValue is not enforced"},
        {GET_A_BY("{\"name\": \"x\", \"in\": \"query\", \"explode\": 1, "
                  "\"schema\": {\"type\": \"string\"}}"),
         "/explode: must be a boolean"},
        {GET_A_BY("{\"name\": \"x\", \"in\": \"query\", \"nullable\": true, "
                  "\"schema\": {\"type\": \"string\"}}"),
         "/nullable: a parameter has no such key"},
        {GET_A_BY("{\"name\": \"x\", \"in\": \"query\", \"schema\": "
                  "{\"type\": \"string\"}}, {\"name\": \"x\", \"in\": "
                  "\"query\", \"schema\": {\"type\": \"string\"}}"),
         "/parameters/1: the parameter \"x\" is described twice"},
        {GET_A_BY("{\"$ref\": \"#/components/parameters/x\"}"),
         "/parameters/0/$ref: there is nothing at"},
        {GET_A_BY("{\"name\": \"x\", \"in\": \"path\", \"required\": true, "
                  "\"schema\": {\"type\": \"string\"}}"),
         "/paths/~1a/get: the parameter {x} is described, but the path /a"},
        {FIXTURE_CONTRACT("\"/a/{x}\": {\"get\": {\"operationId\": \"a\"}}"),
         "/paths/~1a~1{x}/get: the path's parameter {x} is not described"},
        {FIXTURE_CONTRACT("\"/a/{x}\": {\"get\": {\"operationId\": \"a\", "
                          "\"parameters\": [{\"name\": \"x\", \"in\": "
                          "\"path\", \"schema\": {\"type\": \"string\"}}]}}"),
         "/parameters/0: a path parameter must be \"required\": true"},
        {FIXTURE_CONTRACT("\"/a/{x}\": {\"get\": {\"operationId\": \"a\", "
                          "\"parameters\": [{\"name\": \"x\", \"in\": "
                          "\"path\", \"required\": true, \"style\": "
                          "\"matrix\", \"schema\": {\"type\": \"string\"}}]}}"),
         "/style: the style matrix is not enforced"},
    };

    fixture_check_bad(bad, ARRAY_LEN(bad));
}
END_TEST

/* One problem of a component is one problem, however many refer to it. */
START_TEST(a_shared_parameter_is_complained_about_once)
{
    struct policy_snapshot *snap;

    fixture_open();
    fixture_write("api.json",
                  "{\"openapi\": \"3.1.0\", \"paths\": {\n"
                  "\"/a\": {\"get\": {\"operationId\": \"a\", \"parameters\": "
                  "[{\"$ref\": "
                  "\"#/components/parameters/x\"}]}},\n"
                  "\"/b\": {\"get\": {\"operationId\": \"b\", \"parameters\": "
                  "[{\"$ref\": "
                  "\"#/components/parameters/x\"}]}}},\n"
                  "\"components\": {\"parameters\": {\n"
                  "  \"x\": {\"name\": \"X\", \"in\": \"header\"}}}}");
    ck_assert_int_eq(fixture_load(&snap), STATUS_INVALID);
    ck_assert_str_eq(
        fixture_said(),
        "api.json:5:28: /components/parameters/x/in: a header parameter is not "
        "enforced: chatgate checks path, query and body and forwards headers "
        "as they are; take it out of the contract\n");
    fixture_close();
}
END_TEST

START_TEST(headers_that_openapi_ignores_are_ignored)
{
    static const char *const fine[] = {
        GET_A_BY("{\"name\": \"Accept\", \"in\": \"header\", \"schema\": {}}"),
        GET_A_BY("{\"name\": \"content-type\", \"in\": \"header\"}"),
        GET_A_BY("{\"name\": \"Authorization\", \"in\": \"header\"}"),
    };

    fixture_check_fine(fine, ARRAY_LEN(fine));
}
END_TEST

UNIT_MAIN("parameter", parameters_that_cannot_be_enforced_are_refused,
          a_shared_parameter_is_complained_about_once,
          headers_that_openapi_ignores_are_ignored)
