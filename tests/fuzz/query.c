/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz targets of requests: whatever the bytes, a target is matched or
 * refused with a sentence; what is matched is canonical; and what is handed
 * out of path and query has been checked.
 *
 * The first byte chooses the method, the rest is the target.
 */
#include <stdlib.h>

#include "base/check.h"
#include "policy/path.h"
#include "policy/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char contract[] =
    "{\"openapi\": \"3.1.0\", \"x-chatgate\": {\"lookup\": \"get\", \"chat\": "
    "{\"id\": \"i\", \"handles\": \"h\", \"handle\": \"n\", \"mine\": \"m\"}},"
    "\"paths\": {"
    "\"/c\": {\"get\": {\"operationId\": \"list\", \"parameters\": ["
    "{\"name\": \"from\", \"in\": \"query\", \"schema\": {\"type\": "
    "\"string\", \"format\": \"e164\"}},"
    "{\"name\": \"n\", \"in\": \"query\", \"schema\": {\"type\": \"array\", "
    "\"items\": {\"type\": \"integer\"}}},"
    "{\"name\": \"l\", \"in\": \"query\", \"explode\": false, \"schema\": "
    "{\"type\": \"array\", \"items\": {\"type\": \"string\"}}}],"
    "\"x-chatgate\": {\"sender\": {\"in\": \"query\", \"name\": \"from\"}}}},"
    "\"/c/{id}\": {\"get\": {\"operationId\": \"get\", \"parameters\": ["
    "{\"name\": \"id\", \"in\": \"path\", \"required\": true, \"schema\": "
    "{\"type\": \"string\", \"format\": \"uuid\"}}],"
    "\"x-chatgate\": {\"sender\": {\"in\": \"chat\", \"param\": \"id\"}, "
    "\"learn\": \"\"}}},"
    "\"/c/{id}/x/{y}\": {\"post\": {\"operationId\": \"x\", \"parameters\": ["
    "{\"name\": \"id\", \"in\": \"path\", \"required\": true, \"schema\": "
    "{\"type\": \"string\"}}, {\"name\": \"y\", \"in\": \"path\", "
    "\"required\": true, \"schema\": {\"type\": \"number\"}}]}},"
    "\"/c/z/x/z\": {\"post\": {\"operationId\": \"z\"}}}}";

static struct policy_snapshot *load(void)
{
    char name[] = "api.json";
    struct policy_source source = {name, name, TEXT(contract)};
    const struct policy_sources sources = {&source, 1};
    const struct policy_prefix prefixes[] = {{"*", "/free"}};
    const struct policy_load options = {
        .dir = "fuzz", .unmatched = prefixes, .unmatched_count = 1};
    struct policy_snapshot *snap = NULL;
    struct problems problems;

    problems_init(&problems);
    CHECK(policy_snapshot_compile(&options, &sources, &problems, &snap) ==
          STATUS_OK);
    problems_release(&problems);
    return snap;
}

static void check_parameters(const struct policy_route *route)
{
    struct schema_limits limits;
    struct policy_parameters found;
    struct arena arena;

    schema_limits_default(&limits);
    arena_init(&arena, (size_t)64 << 20);
    CHECK(policy_check_parameters(route, &limits, &arena, &found) == STATUS_OK);
    CHECK(found.finding_count <= SCHEMA_VIOLATIONS_MAX);
    if (!text_is_absent(found.sender)) {
        CHECK(found.sender.len >= 3 && found.sender.len <= 16);
        CHECK(found.sender.data[0] == '+');
    }
    if (!text_is_absent(found.chat)) {
        CHECK(found.chat.len == 36);
        for (size_t i = 0; i < found.chat.len; i++)
            CHECK(found.chat.data[i] < 'A' || found.chat.data[i] > 'Z');
    }
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "x"};
    static struct policy_snapshot *snap; /* for as long as the process lives */
    struct policy_route route;
    char *target;

    if (len == 0)
        return 0;
    if (!snap)
        snap = load();
    target = malloc(len); /* its own, so that ASan sees its end */
    CHECK(target != NULL);
    memcpy(target, data + 1, len - 1);
    policy_route(snap, text_of(methods[data[0] % ARRAY_LEN(methods)]),
                 text_make(target, len - 1), &route);
    if (route.match == POLICY_BAD_PATH || route.match == POLICY_BAD_QUERY)
        CHECK(route.problem != NULL);
    else
        CHECK(policy_path_problem(route.path) == NULL);
    if (route.match == POLICY_NO_METHOD)
        CHECK(route.allow != NULL);
    if (route.match == POLICY_OPERATION)
        check_parameters(&route);
    free(target);
    return 0;
}
