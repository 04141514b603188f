/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine on the body that it was made for: creating a chat, as the
 * contract that ships describes it. Each row is a body and all that must be
 * found in it, pointers and rules, in order.
 */
#include "schema/compile.h"
#include "schema/stage.h"
#include "tests/unit/schema/validate.h"
#include "tests/unit/unit.h"

#define CONTRACT TOP_SRCDIR "/policies/chats-v3.json"
#define CREATE_CHAT "/components/schemas/CreateChat"

/* A body around a list of parts, and around other members of the message. */
#define PARTS(parts)                                                           \
    "{\"from\":\"+12052535597\",\"to\":[\"+12052532136\"],\"message\":{"       \
    "\"parts\":[" parts "]}}"
#define MESSAGE(members)                                                       \
    "{\"from\":\"+12052535597\",\"to\":[\"+12052532136\"],\"message\":{"       \
    "\"parts\":[{\"type\":\"text\",\"value\":\"hi\"}]," members "}}"
#define TEXT_PART(members)                                                     \
    "{\"type\":\"text\",\"value\":\"Hello \\ud83d\\ude00!\"," members "}"
#define DECORATED(list) PARTS(TEXT_PART("\"text_decorations\":[" list "]"))
#define P0 "/message/parts/0"
#define D0 P0 "/text_decorations/0"
#define D1 P0 "/text_decorations/1"

static const struct row {
    const char *body;
    const char *found; /* "pointer rule\n" each; "" is valid */
} rows[] = {
    /* valid ones */
    {PARTS("{\"type\":\"text\",\"value\":\"hi\"}"), ""},
    {PARTS("{\"value\":\"hi\",\"type\":\"text\"}"), ""},
    {PARTS("{\"type\":\"link\",\"value\":\"https://example.com/\"}"), ""},
    {PARTS("{\"type\":\"media\",\"url\":\"https://example.com/a.jpg\"}"), ""},
    {PARTS("{\"url\":\"https://example.com/a.jpg\",\"type\":\"media\"}"), ""},
    {PARTS("{\"type\":\"text\",\"value\":\"a\"},"
           "{\"type\":\"media\",\"url\":\"https://example.com/a.jpg\"},"
           "{\"type\":\"text\",\"value\":\"b\"}"),
     ""},
    {MESSAGE("\"effect\":{\"type\":\"screen\",\"name\":\"confetti\"}"), ""},
    {MESSAGE("\"effect\":{\"name\":\"slam\"}"), ""},
    {MESSAGE("\"unknown\":{\"anything\":[1,null]}"), ""},
    {MESSAGE("\"reply_to\":{\"message_id\":"
             "\"123e4567-e89b-12d3-a456-426614174000\",\"part_index\":1.0}"),
     ""},
    {DECORATED("{\"range\":[0,5],\"style\":\"bold\"},"
               "{\"range\":[5,9],\"animation\":\"shake\"}"),
     ""},
    {DECORATED("{\"range\":[0,5],\"style\":\"bold\"},"
               "{\"style\":\"italic\",\"range\":[2,9]}"),
     ""},
    /* the list before the text */
    {PARTS("{\"text_decorations\":[{\"range\":[0,2],\"style\":\"bold\"}],"
           "\"value\":\"ab\",\"type\":\"text\"}"),
     ""},
    /* the whole */
    {"[]", " type\n"},
    {"{}", " required\n required\n required\n"},
    {"{\"from\":1,\"to\":\"+12052532136\",\"message\":null}",
     "/from type\n/to type\n/message type\n"},
    {"{\"from\":\"+1 205\",\"to\":[],\"message\":{\"parts\":[]}}",
     "/from format\n/to minItems\n/message/parts minItems\n"},
    {"{\"from\":\"+12052535597\",\"to\":[\"a@b\",\"12\",7],\"message\":{}}",
     "/to/0 format\n/to/1 format\n/to/2 type\n/message required\n"},
    /* parts */
    {PARTS("{\"type\":\"video\",\"url\":\"https://example.com/a\"}"),
     P0 " oneOf\n"},
    {PARTS("{\"url\":\"https://example.com/a\"}"), P0 " oneOf\n"},
    {PARTS("{\"type\":[\"text\"],\"value\":\"a\"}"), P0 " oneOf\n"},
    {PARTS("\"text\""), P0 " oneOf\n"},
    {PARTS("{\"type\":\"text\"}"), P0 " required\n"},
    {PARTS("{\"type\":\"text\",\"value\":\"\"}"), P0 "/value minLength\n"},
    {PARTS("{\"value\":\"\",\"type\":\"text\"}"), P0 "/value minLength\n"},
    {PARTS("{\"value\":null,\"type\":\"text\"}"), P0 "/value type\n"},
    {PARTS("{\"type\":\"media\"}"), P0 " oneOf\n"},
    {PARTS("{\"type\":\"media\",\"url\":\"https://example.com/a\","
           "\"attachment_id\":\"123e4567-e89b-12d3-a456-426614174000\"}"),
     P0 " oneOf\n"},
    {PARTS("{\"type\":\"media\",\"url\":\"http://example.com/a\"}"),
     P0 "/url format\n"},
    {PARTS("{\"url\":\"http://example.com/a\",\"type\":\"media\"}"),
     P0 "/url format\n"},
    {PARTS("{\"type\":\"text\",\"value\":\"a\"},"
           "{\"type\":\"text\",\"value\":\"b\"}"),
     "/message/parts/1 parts.adjacent\n"},
    {PARTS("{\"type\":\"link\",\"value\":\"https://example.com/\"},"
           "{\"type\":\"text\",\"value\":\"b\"}"),
     "/message/parts parts.alone\n"},
    {PARTS("{\"type\":\"text\",\"value\":\"b\"},"
           "{\"value\":\"https://example.com/\",\"type\":\"link\"}"),
     "/message/parts parts.alone\n"},
    /* decorations: the text is 9 UTF-16 code units long */
    {DECORATED("{\"range\":[0,10],\"style\":\"bold\"}"),
     D0 "/range decorations.range\n"},
    {DECORATED("{\"range\":[3,3],\"style\":\"bold\"}"),
     D0 "/range decorations.range\n"},
    {DECORATED("{\"range\":[4,3],\"style\":\"bold\"}"),
     D0 "/range decorations.range\n"},
    {DECORATED("{\"range\":[-1,3],\"style\":\"bold\"}"),
     D0 "/range decorations.range\n"},
    {DECORATED("{\"range\":[1],\"style\":\"bold\"}"),
     D0 "/range decorations.range\n"},
    {DECORATED("{\"range\":[1,2,3],\"style\":\"bold\"}"),
     D0 "/range decorations.range\n"},
    {DECORATED("{\"range\":[0,1e400],\"style\":\"bold\"}"),
     D0 "/range decorations.range\n"},
    {DECORATED("{\"range\":[0,1.5],\"style\":\"bold\"}"),
     D0 "/range/1 type\n" D0 "/range decorations.range\n"},
    {DECORATED("{\"range\":[0,[1]],\"style\":\"bold\"}"),
     D0 "/range/1 type\n" D0 "/range decorations.range\n"},
    {DECORATED("{\"range\":null,\"style\":\"bold\"}"),
     D0 "/range type\n" D0 "/range decorations.range\n"},
    {DECORATED("{\"style\":\"bold\"}"), D0 " required\n"},
    {DECORATED("{\"range\":[0,1]}"), D0 " decorations.kind\n"},
    {DECORATED("{\"range\":[0,1],\"style\":\"bold\","
               "\"animation\":\"shake\"}"),
     D0 " decorations.kind\n"},
    {DECORATED("{\"range\":[0,1],\"style\":\"shake\"}"), D0 "/style enum\n"},
    {DECORATED("{\"range\":[0,5],\"animation\":\"shake\"},"
               "{\"range\":[4,6],\"style\":\"bold\"}"),
     D1 " decorations.overlap\n"},
    {DECORATED("{\"range\":[4,6],\"style\":\"bold\"},"
               "{\"range\":[0,5],\"animation\":\"shake\"}"),
     D1 " decorations.overlap\n"},
    {PARTS("{\"text_decorations\":[{\"range\":[0,3],\"style\":\"bold\"}],"
           "\"value\":\"ab\",\"type\":\"text\"}"),
     D0 "/range decorations.range\n"},
    {PARTS(TEXT_PART("\"text_decorations\":{}")),
     P0 "/text_decorations type\n"},
    {DECORATED("7"), D0 " type\n"},
    /* the rest of the message */
    {MESSAGE("\"effect\":{\"type\":\"screen\",\"name\":\"slam\"}"),
     "/message/effect/name enum\n"},
    {MESSAGE("\"effect\":{\"name\":\"nope\"}"), "/message/effect/name enum\n"},
    {MESSAGE("\"preferred_service\":\"Signal\""),
     "/message/preferred_service enum\n"},
    {MESSAGE("\"idempotency_key\":7"), "/message/idempotency_key type\n"},
    {MESSAGE("\"reply_to\":{\"message_id\":\"1\",\"part_index\":-1}"),
     "/message/reply_to/message_id format\n"
     "/message/reply_to/part_index minimum\n"},
    /* no JSON, or too much of it */
    {"", "* json.empty\n"},
    {"{\"from\":\"+1", "* json.syntax\n"},
    {"{\"from\":1,\"from\":1}", "*/from json.duplicate_key\n"},
    {"{\"a~/b\":{\"x\":1,\"x\":2}}", "*/a~0~1b/x json.duplicate_key\n"},
    {"{\"from\":\"\\ud800\"}", "* json.escape\n"},
    {"{\"from\":\"\xff\"}", "* json.utf8\n"},
    {"{\"from\":1,}", "* json.syntax\n"},
    {"{\"from\":1} x", "* json.syntax\n"},
};

static void fixture_contract(struct fixture *f, size_t layouts_max,
                             size_t stages_max)
{
    struct schema_source source = {.dialect = SCHEMA_OPENAPI};
    struct schema_use use;

    *f = (struct fixture){0};
    problems_init(&f->problems);
    CHECK(json_load(CONTRACT, 0, &f->problems, &f->doc) == STATUS_OK);
    f->set = schema_set_new();
    CHECK(f->set);
    f->set->layouts_max = layouts_max;
    f->set->stages_max = stages_max;
    source.doc = f->doc;
    source.root = f->doc->root;
    if (schema_compile(f->set, &source,
                       json_at(f->doc->root, text_of(CREATE_CHAT)),
                       &f->problems, &f->schema) != STATUS_OK)
        problems_print(&f->problems, stderr);
    ck_assert(f->schema != NULL);
    use.schema = f->schema;
    f->plan = schema_plan_new(f->set, &use, 1, NULL, 0);
    CHECK(f->plan);
}

/* "pointer rule\n" of each violation; "*" before those of the JSON itself. */
static char *found_in(const struct schema_plan *plan, struct text body)
{
    const struct schema_violation *list;
    struct schema_limits limits;
    struct schema_run *run;
    enum status status;
    struct buffer out;
    char *copy;
    size_t n, i;

    schema_limits_default(&limits);
    run = schema_run_new(plan, &limits);
    CHECK(run);
    status = schema_run_feed(run, body.data, body.len);
    if (status == STATUS_OK)
        status = schema_run_finish(run);
    n = schema_run_violations(run, &list);
    ck_assert_int_eq(status == STATUS_INVALID,
                     n > 0 && list[0].use == SCHEMA_USE_JSON);
    buffer_init(&out, 65536);
    for (i = 0; i < n; i++)
        CHECK(buffer_printf(&out, "%s%s %s\n",
                            list[i].use == SCHEMA_USE_JSON ? "*" : "",
                            list[i].pointer, list[i].rule) == STATUS_OK);
    copy = text_dup(out.data ? buffer_text(&out) : TEXT_LIT(""));
    CHECK(copy);
    buffer_release(&out);
    schema_run_free(run);
    return copy;
}

static void check_rows(size_t layouts_max, size_t stages_max)
{
    struct fixture f;
    size_t i;

    fixture_contract(&f, layouts_max, stages_max);
    for (i = 0; i < ARRAY_LEN(rows); i++) {
        char *found = found_in(f.plan, text_of(rows[i].body));

        if (strcmp(found, rows[i].found) != 0)
            ck_abort_msg("%s\nshould be\n%sis\n%s", rows[i].body, rows[i].found,
                         found);
        free(found);
    }
    fixture_release(&f);
}

START_TEST(each_body_has_exactly_its_violations)
{
    check_rows(LAYOUTS_MAX, STAGES_MAX);
}
END_TEST

/* With one layout only, all but the body itself is laid out as it comes. */
START_TEST(layouts_do_not_matter)
{
    check_rows(1, STAGES_MAX);
}
END_TEST

/* Without any stage the machine does all of the work, and without layouts too
 * it does so in the plainest way. */
START_TEST(stages_do_not_matter)
{
    check_rows(LAYOUTS_MAX, 0);
    check_rows(1, 0);
}
END_TEST

START_TEST(the_verdict_does_not_depend_on_the_cut)
{
    struct schema_limits limits;
    struct fixture f;
    size_t i, cut;

    schema_limits_default(&limits);
    fixture_contract(&f, LAYOUTS_MAX, STAGES_MAX);
    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct text body = text_of(rows[i].body);
        struct verdict whole = validate(f.plan, body);

        for (cut = 0; cut <= body.len; cut++) {
            /* cut 0: byte by byte */
            struct verdict v = validate_cut(f.plan, &limits, body, cut,
                                            cut == 0 ? 1 : SIZE_MAX);

            if (strcmp(v.text.data, whole.text.data) != 0 ||
                v.broken != whole.broken || v.count != whole.count)
                ck_abort_msg("%s\nwhole\n%scut at %zu\n%s", rows[i].body,
                             whole.text.data, cut, v.text.data);
            verdict_release(&v);
        }
        verdict_release(&whole);
    }
    fixture_release(&f);
}
END_TEST

UNIT_MAIN("schema/machine", each_body_has_exactly_its_violations,
          layouts_do_not_matter, stages_do_not_matter,
          the_verdict_does_not_depend_on_the_cut)
