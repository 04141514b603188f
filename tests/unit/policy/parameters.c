/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of policy_check_parameters().
 */
#include "fixture.h"

#include <stdio.h>

#include "base/check.h"
#include "unit.h"

#define CHAT "550e8400-e29b-41d4-a716-446655440000"

/* Every kind of query parameter that is enforced. */
#define KINDS                                                                  \
    FIXTURE_CONTRACT(                                                          \
        "\"/k/{p}\": {\"get\": {\"operationId\": \"k\", \"parameters\": ["     \
        "{\"name\": \"p\", \"in\": \"path\", \"required\": true, "             \
        "\"schema\": {\"type\": \"string\", \"maxLength\": 5}},"               \
        "{\"name\": \"s\", \"in\": \"query\", \"schema\": {\"type\": "         \
        "\"string\", \"minLength\": 1}},"                                      \
        "{\"name\": \"must\", \"in\": \"query\", \"required\": true, "         \
        "\"schema\": {\"type\": \"boolean\"}},"                                \
        "{\"name\": \"list\", \"in\": \"query\", \"schema\": {\"type\": "      \
        "\"array\", \"items\": {\"type\": \"integer\"}, \"maxItems\": 3}},"    \
        "{\"name\": \"csv\", \"in\": \"query\", \"explode\": false, "          \
        "\"schema\": {\"type\": \"array\", \"items\": {\"type\": "             \
        "\"string\", \"maxLength\": 3}, \"minItems\": 1}},"                    \
        "{\"name\": \"n\", \"in\": \"query\", \"schema\": {\"type\": "         \
        "[\"number\", \"null\"], \"exclusiveMinimum\": 0}},"                   \
        "{\"name\": \"we ird&\", \"in\": \"query\", \"schema\": {\"type\": "   \
        "\"string\", \"enum\": [\"a b\", \"c+d\"]}}]}}")

static struct policy_snapshot *snap;
static struct schema_limits limits;
static struct arena arena;
static struct policy_parameters found;
static char said[4096];

static void open_kinds(void)
{
    fixture_open();
    fixture_write("api.json", KINDS);
    ck_assert_msg(fixture_load(&snap) == STATUS_OK, "%s", fixture_said());
    ck_assert_str_eq(fixture_said(), "");
    schema_limits_default(&limits);
    arena_init(&arena, 1 << 20);
}

static void open_chats(void)
{
    fixture_open();
    fixture_copy("chats-v3.json");
    ck_assert_int_eq(fixture_load(&snap), STATUS_OK);
    schema_limits_default(&limits);
    arena_init(&arena, 1 << 20);
}

static void close_all(void)
{
    arena_release(&arena);
    policy_snapshot_unref(snap);
    fixture_close();
}

/* What was found, as "pointer rule\n"... */
static const char *ask(const char *method, const char *target)
{
    struct policy_route route;
    size_t len = 0;

    policy_route(snap, text_of(method), text_of(target), &route);
    ck_assert_msg(route.match == POLICY_OPERATION, "%s: %d %s", target,
                  route.match, route.problem ? route.problem : "");
    ck_assert_int_eq(policy_check_parameters(&route, &limits, &arena, &found),
                     STATUS_OK);
    said[0] = '\0';
    for (size_t i = 0; i < found.finding_count; i++) {
        const struct policy_finding *f = &found.findings[i];

        ck_assert_str_eq(f->pointer, f->record_pointer);
        ck_assert_ptr_nonnull(f->message);
        ck_assert_str_eq(f->policy, policy_contract_at(snap, 0)->name);
        ck_assert(!f->is_shadow);
        len += (size_t)snprintf(said + len, sizeof(said) - len, "%s %s\n",
                                f->pointer, f->rule);
    }
    return said;
}

struct row {
    const char *query, *says;
};

static void check_rows(const char *path, const struct row *rows, size_t count)
{
    char target[1024];

    for (size_t i = 0; i < count; i++) {
        snprintf(target, sizeof(target), "%s%s", path, rows[i].query);
        ask("GET", target);
        ck_assert_msg(strcmp(said, rows[i].says) == 0, "%s: %s", target, said);
    }
}

START_TEST(queries_are_read_as_forms)
{
    static const struct row rows[] = {
        {"?must=true", ""},
        {"?must=false", ""},
        {"?m%75st=true", ""},
        {"?must=%74rue", ""},
        {"?must=true&", ""},
        {"?&&must=true&&", ""},
        {"?must=true&s=x", ""},
        {"?must=true&s=x=y", ""},
        {"?must=true&we+ird%26=a+b", ""},
        {"?must=true&we%20ird%26=a%20b", ""},
        {"?must=true&we%20ird%26=c%2Bd", ""},
        {"?must=true&other=1&other=2", ""},
        {"?must=true&=x&=", ""},
        {"?must=true&s", "?s query.minLength\n"},
        {"?must=true&s=", "?s query.minLength\n"},
        {"", "?must query.required\n"},
        {"?", "?must query.required\n"},
        {"?Must=true", "?must query.required\n"},
        {"?must%20=true", "?must query.required\n"},
        {"?must", "?must query.type\n"},
        {"?must=", "?must query.type\n"},
        {"?must=1", "?must query.type\n"},
        {"?must=True", "?must query.type\n"},
        {"?must=true+", "?must query.type\n"},
        {"?must=%22true%22", "?must query.type\n"},
        {"?must=null", "?must query.type\n"},
        {"?must=true&must=true", "?must query.duplicate\n"},
        {"?must=true&m%75st=false", "?must query.duplicate\n"},
        {"?must=true&we+ird%26=c+d", "?we ird& query.enum\n"},
        {"?must=true&s=%ff", "?s query.utf8\n"},
        {"?must=true&s=%C0%AF", "?s query.utf8\n"},
        {"?must=true&s=%ED%A0%80", "?s query.utf8\n"},
        {"?must=true&s=%E2%82%AC", ""},
    };

    open_kinds();
    check_rows("/k/x", rows, ARRAY_LEN(rows));
    close_all();
}
END_TEST

START_TEST(numbers_are_json_literals)
{
    static const struct row rows[] = {
        {"?must=true&n=1", ""},
        {"?must=true&n=0.5", ""},
        {"?must=true&n=1e3", ""},
        {"?must=true&n=null", ""},
        {"?must=true&n=0", "?n query.exclusiveMinimum\n"},
        {"?must=true&n=-1", "?n query.exclusiveMinimum\n"},
        {"?must=true&n=", "?n query.type\n"},
        {"?must=true&n=01", "?n query.type\n"},
        {"?must=true&n=%2B1", "?n query.type\n"},
        {"?must=true&n=+1", "?n query.type\n"},
        {"?must=true&n=0x1", "?n query.type\n"},
        {"?must=true&n=1.", "?n query.type\n"},
        {"?must=true&n=.5", "?n query.type\n"},
        {"?must=true&n=Infinity", "?n query.type\n"},
        {"?must=true&n=NaN", "?n query.type\n"},
        {"?must=true&n=1,2", "?n query.type\n"},
        {"?must=true&n=[1]", "?n query.type\n"},
    };

    open_kinds();
    check_rows("/k/x", rows, ARRAY_LEN(rows));
    close_all();
}
END_TEST

START_TEST(arrays_repeat_or_have_commas)
{
    static const struct row rows[] = {
        {"?must=true&list=1", ""},
        {"?must=true&list=1&list=2&s=x&l%69st=3", ""},
        {"?must=true&list=1&list=2&list=3&list=4", "?list query.maxItems\n"},
        {"?must=true&list=1&list=x", "?list query.type\n"},
        {"?must=true&list=1,2", "?list query.type\n"},
        {"?must=true&list=1.5", "?list query.type\n"},
        {"?must=true&list=1.0", ""},
        {"?must=true&csv=a", ""},
        {"?must=true&csv=a,b,c", ""},
        {"?must=true&csv=a,,c", ""},
        {"?must=true&csv=a%2Cb,c", ""}, /* an escaped comma is text */
        {"?must=true&csv=abcd,e", "?csv query.maxLength\n"},
        {"?must=true&csv=", "?csv query.minItems\n"},
        {"?must=true&csv", "?csv query.minItems\n"},
        {"?must=true&csv=a&csv=b", "?csv query.duplicate\n"},
    };

    open_kinds();
    check_rows("/k/x", rows, ARRAY_LEN(rows));
    close_all();
}
END_TEST

/* A sender that chatgate does not see and the upstream does would be a way
 * around every limit and permission. */
START_TEST(arrays_in_the_path_have_commas)
{
    static const struct row rows[] = {
        {"1", ""},
        {"1,2,3", ""},
        {"1,2,3,4", "{ids} path.maxItems\n"},
        {"1,1", "{ids} path.uniqueItems\n"},
        {"1,x", "{ids} path.type\n"},
        {"1,", "{ids} path.type\n"},
        {"1,,1", "{ids} path.type\n{ids} path.uniqueItems\n"},
        {"1%2C2", "{ids} path.type\n"}, /* one value with a comma in it */
        {"1+2", "{ids} path.type\n"},
    };

    fixture_open();
    fixture_write(
        "api.json",
        FIXTURE_CONTRACT(
            "\"/a/{ids}\": {\"get\": {\"operationId\": \"a\", "
            "\"parameters\": [{\"name\": \"ids\", \"in\": \"path\", "
            "\"required\": true, \"style\": \"simple\", \"schema\": "
            "{\"type\": \"array\", \"maxItems\": 3, \"uniqueItems\": true, "
            "\"items\": {\"type\": \"integer\"}}}]}}"));
    ck_assert_msg(fixture_load(&snap) == STATUS_OK, "%s", fixture_said());
    schema_limits_default(&limits);
    arena_init(&arena, 1 << 20);
    check_rows("/a/", rows, ARRAY_LEN(rows));
    close_all();
}
END_TEST

START_TEST(what_could_be_read_otherwise_is_refused)
{
    static const struct row rows[] = {
        {"?must=true&s[]=x", "?s query.ambiguous\n"},
        {"?must=true&s[0]=x", "?s query.ambiguous\n"},
        {"?must=true&s%5B%5D=x", "?s query.ambiguous\n"},
        {"?must=true&%73[=x", "?s query.ambiguous\n"},
        {"?must=true&x=1;s=2", "?s query.ambiguous\n"},
        {"?must=true&x;s", "?s query.ambiguous\n"},
        {"?must=true&x=1;%73=2", "?s query.ambiguous\n"},
        {"?must=true&s=1;n=2", "?n query.ambiguous\n"},
        {"?must=true;s=1", "?s query.ambiguous\n?must query.type\n"},
        {"?must=true&x=1;y=2", ""},
        {"?must=true&x=1%3Bs=2", ""},
        {"?must=true&x[s]=1", ""},
        {"?must=true&list[]=1", ""}, /* an array anyway; this one is unknown */
        {"?must=true&s.x=1", ""},
    };

    open_kinds();
    check_rows("/k/x", rows, ARRAY_LEN(rows));
    close_all();
}
END_TEST

START_TEST(segments_of_the_path_are_decoded)
{
    open_kinds();
    ck_assert_str_eq(ask("GET", "/k/abcde?must=true"), "");
    ck_assert_str_eq(ask("GET", "/k/%20%20%20%20%20?must=true"), "");
    ck_assert_str_eq(ask("GET", "/k/+++++?must=true"), "");
    ck_assert_str_eq(ask("GET", "/k/%E2%82%AC%E2%82%AC?must=true"), "");
    ck_assert_str_eq(ask("GET", "/k/abcdef?must=true"), "{p} path.maxLength\n");
    ck_assert_str_eq(ask("GET", "/k/%FF?must=true"), "{p} path.utf8\n");
    ck_assert_str_eq(ask("GET", "/k/abcdef?must=1"),
                     "{p} path.maxLength\n?must query.type\n");
    ck_assert(text_is_absent(found.chat));
    ck_assert(text_is_absent(found.sender));
    close_all();
}
END_TEST

START_TEST(the_sender_comes_from_the_query)
{
    open_chats();
    ck_assert_str_eq(ask("GET", "/v3/chats"), "");
    ck_assert(text_is_absent(found.sender));
    ck_assert_str_eq(ask("GET", "/v3/chats?from=%2B14155550100"), "");
    ck_assert(text_is(found.sender, "+14155550100"));
    ck_assert_str_eq(ask("GET", "/v3/chats?fr%6Fm=%2b1415555%30100"), "");
    ck_assert(text_is(found.sender, "+14155550100"));
    /* The commonest mistake gets the advice. */
    ck_assert_str_eq(ask("GET", "/v3/chats?from=+14155550100"),
                     "?from query.format\n");
    ck_assert_ptr_nonnull(strstr(found.findings[0].message, "write %2B"));
    ck_assert(text_is_absent(found.sender));
    ck_assert_str_eq(ask("GET", "/v3/chats?from=14155550100"),
                     "?from query.format\n");
    ck_assert_ptr_null(strstr(found.findings[0].message, "write %2B"));
    ck_assert_str_eq(ask("GET", "/v3/chats?from="), "?from query.format\n");
    ck_assert_str_eq(
        ask("GET", "/v3/chats?from=%2B14155550100&from=%2B14155550100"),
        "?from query.duplicate\n");
    ck_assert(text_is_absent(found.sender));
    ck_assert_str_eq(
        ask("GET", "/v3/chats?from=%2B14155550100&x=1;from=%2B14155550199"),
        "?from query.ambiguous\n");
    ck_assert(text_is_absent(found.sender));
    close_all();
}
END_TEST

START_TEST(the_chat_is_in_lower_case)
{
    open_chats();
    ck_assert_str_eq(ask("GET", "/v3/chats/" CHAT), "");
    ck_assert(text_is(found.chat, CHAT));
    ck_assert_str_eq(
        ask("POST", "/v3/chats/550E8400-E29B-41D4-A716-446655440000/typing"),
        "");
    ck_assert(text_is(found.chat, CHAT));
    ck_assert_str_eq(ask("DELETE", "/v3/chats/chat-1/typing"),
                     "{chatId} path.format\n");
    ck_assert(text_is_absent(found.chat));
    ck_assert_str_eq(ask("GET", "/v3/chats/" CHAT "%20"),
                     "{chatId} path.format\n");
    close_all();
}
END_TEST

START_TEST(pages_are_bounded)
{
    static const struct row rows[] = {
        {"", ""},
        {"?limit=1", ""},
        {"?limit=100&cursor=abc", ""},
        {"?limit=1.0", ""},
        {"?cursor=", ""},
        {"?limit=0", "?limit query.minimum\n"},
        {"?limit=101", "?limit query.maximum\n"},
        {"?limit=-1", "?limit query.minimum\n"},
        {"?limit=1.5", "?limit query.type\n"},
        {"?limit=ten", "?limit query.type\n"},
        {"?limit=", "?limit query.type\n"},
        {"?limit=99999999999999999999", "?limit query.maximum\n"},
        {"?limit=5&limit=5", "?limit query.duplicate\n"},
        {"?limit=ten&cursor=a&cursor=b",
         "?cursor query.duplicate\n?limit query.type\n"},
    };

    open_chats();
    check_rows("/v3/chats/" CHAT "/messages", rows, ARRAY_LEN(rows));
    check_rows("/v3/chats", rows, ARRAY_LEN(rows));
    ck_assert_str_eq(ask("GET", "/v3/chats?to=ada@example.com"), "");
    ck_assert_str_eq(ask("GET", "/v3/chats?to=%2B442071234567"), "");
    ck_assert_str_eq(ask("GET", "/v3/chats?to=ada"), "?to query.format\n");
    close_all();
}
END_TEST

START_TEST(the_end_of_memory_is_told)
{
    struct policy_route route;
    struct arena tiny;

    open_chats();
    arena_init(&tiny, 16);
    policy_route(snap, text_of("GET"),
                 text_of("/v3/chats/" CHAT "/messages?limit=0"), &route);
    ck_assert_int_eq(policy_check_parameters(&route, &limits, &tiny, &found),
                     STATUS_NO_MEMORY);
    arena_release(&tiny);
    close_all();
}
END_TEST

START_TEST(findings_are_bounded)
{
    char target[4096] = "/k/x?must=true";
    size_t len = strlen(target);

    open_kinds();
    for (int i = 0; i < 100; i++)
        len += (size_t)snprintf(target + len, sizeof(target) - len, "&list=x");
    ask("GET", target);
    ck_assert_uint_le(found.finding_count, SCHEMA_VIOLATIONS_MAX);
    ck_assert_uint_gt(found.finding_count, 0);
    close_all();
}
END_TEST

UNIT_MAIN("parameters", queries_are_read_as_forms, numbers_are_json_literals,
          arrays_repeat_or_have_commas, arrays_in_the_path_have_commas,
          what_could_be_read_otherwise_is_refused,
          segments_of_the_path_are_decoded, the_sender_comes_from_the_query,
          the_chat_is_in_lower_case, pages_are_bounded,
          the_end_of_memory_is_told, findings_are_bounded)
