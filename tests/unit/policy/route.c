/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of policy/route.h and policy_route(), over a tree built by hand.
 */
#include "policy/route.h"

#include <stdio.h>

#include "base/check.h"
#include "unit.h"

static struct policy_snapshot snap;
static struct policy_load load;
static struct problems problems;
static struct policy_loader loader = {
    .load = &load, .problems = &problems, .snap = &snap};

static void setup(void)
{
    arena_init(&snap.arena, POLICY_ARENA_BYTES);
}

static void teardown(void)
{
    ck_assert(!loader.no_memory);
    arena_release(&snap.arena);
}

static void add(const char *method, const char *template)
{
    struct text names[POLICY_PARAMETERS_MAX];
    struct policy_node *node;
    struct policy_entry *e;
    size_t count;

    ck_assert_ptr_null(
        policy_template_problem(text_of(template), names, &count));
    node = policy_routes_node(&loader, template);
    e = policy_alloc(&loader, sizeof(*e));
    ck_assert(node && e);
    node->template = template;
    e->operation.method = method;
    e->operation.template = template;
    policy_routes_add(node, e);
}

static struct policy_route route(const char *method, const char *target)
{
    struct policy_route r;

    policy_route(&snap, text_of(method), text_of(target), &r);
    return r;
}

/* `template` NULL: no route. */
static void expect(const char *method, const char *target, const char *template)
{
    struct policy_route r = route(method, target);

    if (!template) {
        ck_assert_msg(r.match == POLICY_NO_ROUTE, "%s %s: %d", method, target,
                      r.match);
        ck_assert_ptr_null(r.operation);
        return;
    }
    ck_assert_msg(r.match == POLICY_OPERATION, "%s %s: %d", method, target,
                  r.match);
    ck_assert_str_eq(r.operation->template, template);
    ck_assert_str_eq(r.operation->method, method);
}

static void add_chats(void)
{
    setup();
    add("POST", "/v3/chats");
    add("GET", "/v3/chats");
    add("GET", "/v3/chats/{chatId}");
    add("PUT", "/v3/chats/{chatId}");
    add("POST", "/v3/chats/{chatId}/messages");
    policy_routes_finish(&loader);
}

/* An empty segment; where a contract has it, it is a path like another. */
START_TEST(a_slash_too_many_at_the_end_is_said)
{
    static const char *const targets[] = {"/v3/", "/v3/chats/", "/v3/chats/x/",
                                          "/nope/"};
    add_chats();
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        struct policy_route r = route("GET", targets[i]);
        ck_assert_int_eq(r.match, POLICY_BAD_PATH);
        ck_assert_ptr_nonnull(strstr(r.problem, "slash at its end"));
    }
    teardown();
}
END_TEST

START_TEST(templates_match_whole_paths)
{
    add_chats();
    expect("POST", "/v3/chats", "/v3/chats");
    expect("GET", "/v3/chats?limit=5", "/v3/chats");
    expect("PUT", "/v3/chats/x", "/v3/chats/{chatId}");
    expect("POST", "/v3/chats/x/messages", "/v3/chats/{chatId}/messages");
    expect("GET", "/", NULL);
    expect("GET", "/v3", NULL);
    expect("GET", "/v3/chats/x/y", NULL);
    expect("GET", "/v3/chatsx", NULL);
    expect("GET", "/v3/Chats", NULL);
    expect("GET", "/V3/chats", NULL);
    expect("POST", "/v3/chats/x/messages/y", NULL);
    teardown();
}
END_TEST

START_TEST(segments_of_parameters_are_handed_out_raw)
{
    struct policy_route r;

    setup();
    add("GET", "/a/{x}/b/{y}");
    policy_routes_finish(&loader);
    r = route("GET", "/a/one%20two/b/%C3%A9?q=%20&r");
    ck_assert_int_eq(r.match, POLICY_OPERATION);
    ck_assert(text_is(r.segments[0], "one%20two"));
    ck_assert(text_is(r.segments[1], "%C3%A9"));
    ck_assert(text_is(r.path, "/a/one%20two/b/%C3%A9"));
    ck_assert(text_is(r.query, "q=%20&r"));
    r = route("GET", "/a/1/b/2");
    ck_assert(text_is_absent(r.query));
    r = route("GET", "/a/1/b/2?");
    ck_assert(!text_is_absent(r.query));
    ck_assert_uint_eq(r.query.len, 0);
    teardown();
}
END_TEST

START_TEST(a_literal_segment_wins)
{
    setup();
    add("GET", "/a/{x}");
    add("GET", "/a/b");
    add("GET", "/a/{x}/c");
    add("GET", "/a/b/d");
    policy_routes_finish(&loader);
    expect("GET", "/a/b", "/a/b");
    expect("GET", "/a/bb", "/a/{x}");
    expect("GET", "/a/b/d", "/a/b/d");
    /* A walk that never came back from /a/b would lose this one. */
    expect("GET", "/a/b/c", "/a/{x}/c");
    expect("GET", "/a/b/e", NULL);
    teardown();
}
END_TEST

START_TEST(segments_are_right_after_a_way_back)
{
    struct policy_route r;

    setup();
    add("GET", "/{a}/x/{b}/end");
    add("GET", "/l/{c}/{d}/stop");
    policy_routes_finish(&loader);
    r = route("GET", "/l/x/2/end");
    ck_assert_int_eq(r.match, POLICY_OPERATION);
    ck_assert_str_eq(r.operation->template, "/{a}/x/{b}/end");
    ck_assert(text_is(r.segments[0], "l"));
    ck_assert(text_is(r.segments[1], "2"));
    teardown();
}
END_TEST

START_TEST(another_method_is_told_which_are_allowed)
{
    struct policy_route r;

    add_chats();
    r = route("DELETE", "/v3/chats");
    ck_assert_int_eq(r.match, POLICY_NO_METHOD);
    ck_assert_str_eq(r.allow, "POST, GET");
    ck_assert_ptr_null(r.operation);
    r = route("POST", "/v3/chats/x");
    ck_assert_int_eq(r.match, POLICY_NO_METHOD);
    ck_assert_str_eq(r.allow, "GET, PUT");
    r = route("get", "/v3/chats"); /* methods are case-sensitive */
    ck_assert_int_eq(r.match, POLICY_NO_METHOD);
    r = route("HEAD", "/v3/chats");
    ck_assert_int_eq(r.match, POLICY_NO_METHOD);
    r = route("", "/v3/chats");
    ck_assert_int_eq(r.match, POLICY_NO_METHOD);
    teardown();
}
END_TEST

START_TEST(a_path_is_matched_before_its_method)
{
    struct policy_route r;

    setup();
    add("GET", "/a/b");
    add("POST", "/a/{x}");
    policy_routes_finish(&loader);
    r = route("POST", "/a/b");
    ck_assert_int_eq(r.match, POLICY_NO_METHOD);
    ck_assert_str_eq(r.allow, "GET");
    teardown();
}
END_TEST

START_TEST(paths_that_are_not_canonical_match_nothing)
{
    static const char *const bad[] = {
        "",
        "v3/chats",
        "/v3//chats",
        "/v3/chats/..",
        "/v3/%63hats",
        "/v3/chats/a%2Fmessages",
        "/v3/chats/%c3%a9",
        "/v3/chats/\xc3\xa9",
        "/v3/chats/%",
        "/v3/chats/a b",
        "/v3/chats#x",
    };

    add_chats();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct policy_route r = route("GET", bad[i]);

        ck_assert_msg(r.match == POLICY_BAD_PATH, "%s: %d", bad[i], r.match);
        ck_assert_ptr_nonnull(r.problem);
        ck_assert_ptr_null(r.operation);
    }
    teardown();
}
END_TEST

START_TEST(a_malformed_query_is_refused)
{
    struct policy_route r;

    add_chats();
    r = route("GET", "/v3/chats?limit=%");
    ck_assert_int_eq(r.match, POLICY_BAD_QUERY);
    ck_assert_ptr_nonnull(r.problem);
    ck_assert_ptr_nonnull(r.operation);
    r = route("GET", "/v3/nowhere?limit=%");
    ck_assert_int_eq(r.match, POLICY_NO_ROUTE);
    teardown();
}
END_TEST

START_TEST(prefixes_take_what_no_operation_does)
{
    struct policy_prefix prefixes[] = {
        {"*", "/v3/attachments"}, {"GET", "/v3/numbers/"}, {"PATCH", "/v3"}};
    struct policy_route r;

    add_chats();
    snap.routes.unmatched = prefixes;
    snap.routes.unmatched_count = 3;
    ck_assert_int_eq(route("PUT", "/v3/attachments").match, POLICY_UNMATCHED);
    ck_assert_int_eq(route("GET", "/v3/attachments/a/b").match,
                     POLICY_UNMATCHED);
    ck_assert_int_eq(route("GET", "/v3/attachments/").match, POLICY_UNMATCHED);
    ck_assert_int_eq(route("GET", "/v3/attachmentsx").match, POLICY_NO_ROUTE);
    ck_assert_int_eq(route("GET", "/v3/attachment").match, POLICY_NO_ROUTE);
    ck_assert_int_eq(route("GET", "/v3/numbers/1").match, POLICY_UNMATCHED);
    ck_assert_int_eq(route("GET", "/v3/numbers").match, POLICY_NO_ROUTE);
    ck_assert_int_eq(route("POST", "/v3/numbers/1").match, POLICY_NO_ROUTE);
    ck_assert_int_eq(route("GET", "/v3/attachments/../chats").match,
                     POLICY_BAD_PATH);
    ck_assert_int_eq(route("GET", "/v3/attachments/..;/chats").match,
                     POLICY_BAD_PATH);
    ck_assert_int_eq(route("GET", "/v3/attachments?a=%").match,
                     POLICY_BAD_QUERY);
    /* Operations win; where the path is known and the method is not, a prefix
     * that was configured for it takes it. */
    expect("GET", "/v3/chats", "/v3/chats");
    ck_assert_int_eq(route("PATCH", "/v3/chats").match, POLICY_UNMATCHED);
    ck_assert_int_eq(route("DELETE", "/v3/chats").match, POLICY_NO_METHOD);
    r = route("PUT", "/v3/attachments");
    ck_assert_ptr_null(r.operation);
    teardown();
}
END_TEST

START_TEST(a_slash_at_the_end_is_a_template_of_its_own)
{
    setup();
    add("GET", "/");
    add("GET", "/a/");
    policy_routes_finish(&loader);
    expect("GET", "/", "/");
    expect("GET", "/a/", "/a/");
    expect("GET", "/a", NULL);
    teardown();
}
END_TEST

START_TEST(templates_that_nothing_could_match_are_refused)
{
    static const struct {
        const char *template, *says;
    } bad[] = {
        {"", "begin with a slash"},       {"v3", "begin with a slash"},
        {"/a//b", "empty segment"},       {"/a/../b", "dot segment"},
        {"/a/./b", "dot segment"},        {"/a/%41", "needs none"},
        {"/a/%2F", "escaped slash"},      {"/caf\xc3\xa9", "outside ASCII"},
        {"/a b", "percent-encoded"},      {"/a?b=1", "percent-encoded"},
        {"/a#b", "percent-encoded"},      {"/a/{}", "whole segment"},
        {"/a/{x", "whole segment"},       {"/a/x}", "whole segment"},
        {"/a/{x}.json", "whole segment"}, {"/a/v{x}", "whole segment"},
        {"/a/{x}{y}", "whole segment"},   {"/a/{{x}}", "whole segment"},
        {"/a/{x}/{x}", "twice"},
    };
    struct text names[POLICY_PARAMETERS_MAX];
    size_t count;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *said =
            policy_template_problem(text_of(bad[i].template), names, &count);

        ck_assert_msg(said && strstr(said, bad[i].says), "%s: %s",
                      bad[i].template, said ? said : "let through");
    }
}
END_TEST

START_TEST(the_number_of_parameters_is_bounded)
{
    struct text names[POLICY_PARAMETERS_MAX];
    char template[512] = "";
    size_t len = 0, count;

    for (int i = 0; i < POLICY_PARAMETERS_MAX; i++)
        len += (size_t)snprintf(template + len, sizeof(template) - len,
                                "/{p%d}", i);
    ck_assert_ptr_null(
        policy_template_problem(text_of(template), names, &count));
    ck_assert_uint_eq(count, POLICY_PARAMETERS_MAX);
    snprintf(template + len, sizeof(template) - len, "/{q}");
    ck_assert_ptr_nonnull(
        policy_template_problem(text_of(template), names, &count));
}
END_TEST

START_TEST(templates_of_one_shape_share_a_node)
{
    struct policy_node *node;

    setup();
    add("GET", "/a/{x}/b");
    node = policy_routes_node(&loader, "/a/{y}/b");
    ck_assert_ptr_nonnull(node);
    ck_assert_str_eq(node->template, "/a/{x}/b");
    node = policy_routes_node(&loader, "/a/{y}/c");
    ck_assert_ptr_nonnull(node);
    ck_assert_ptr_null(node->template);
    teardown();
}
END_TEST

UNIT_MAIN("route", templates_match_whole_paths,
          a_slash_too_many_at_the_end_is_said,
          segments_of_parameters_are_handed_out_raw, a_literal_segment_wins,
          segments_are_right_after_a_way_back,
          another_method_is_told_which_are_allowed,
          a_path_is_matched_before_its_method,
          paths_that_are_not_canonical_match_nothing,
          a_malformed_query_is_refused, prefixes_take_what_no_operation_does,
          a_slash_at_the_end_is_a_template_of_its_own,
          templates_that_nothing_could_match_are_refused,
          the_number_of_parameters_is_bounded,
          templates_of_one_shape_share_a_node)
