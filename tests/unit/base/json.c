/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/buffer.h"
#include "base/check.h"
#include "unit.h"

#include <stdio.h>
#include <unistd.h>

static struct json_document *parse(const char *text)
{
    struct json_document *doc = NULL;
    struct problems p;

    problems_init(&p);
    if (json_parse(text_of(text), "t.json", JSON_COMMENTS, &p, &doc) !=
        STATUS_OK)
        ck_abort_msg("%s: %s", text,
                     p.count > 0 ? p.list[0].message : "no message");
    ck_assert_uint_eq(p.count, 0);
    problems_release(&p);
    return doc;
}

/* What is printed for a text that is wrong; free() it. */
static char *refusal(struct text text, unsigned flags)
{
    struct json_document *doc = NULL;
    struct problems p;
    char *out = NULL;
    size_t size;
    FILE *f = open_memstream(&out, &size);

    problems_init(&p);
    ck_assert_msg(json_parse(text, "f", flags, &p, &doc) == STATUS_INVALID,
                  "accepted: %.*s", TEXT_ARG(text));
    ck_assert_ptr_null(doc);
    problems_print(&p, f);
    fclose(f);
    problems_release(&p);
    return out;
}

struct refused {
    struct text text;
    const char *message; /* begins with the place */
};

static void expect_refused(const struct refused *cases, size_t count,
                           unsigned flags)
{
    for (size_t i = 0; i < count; i++) {
        char *out = refusal(cases[i].text, flags);

        ck_assert_msg(
            strncmp(out, cases[i].message, strlen(cases[i].message)) == 0,
            "%.*s\n got: %s want: %s", TEXT_ARG(cases[i].text), out,
            cases[i].message);
        free(out);
    }
}

START_TEST(bytes_that_are_wrong_have_a_place)
{
    static const struct refused cases[] = {
        {TEXT("\xef\xbb\xbf{}"), "f:1:1: the file begins with a byte order"},
        {TEXT("\xff\xfe{\0"), "f:1:1: the file is UTF-16"},
        {TEXT("{\"a\":\n \"\xff\"}"), "f:2:3: invalid UTF-8"},
        {TEXT("[\"\xc0\x80\"]"), "f:1:3: invalid UTF-8"},
        {TEXT("[\"\xed\xa0\x80\"]"), "f:1:3: invalid UTF-8"},
        {TEXT("[\xff]"), "f:1:2: invalid UTF-8"},
        {TEXT("[1\0]"), "f:1:3: control character between"},
        {TEXT("[\v1]"), "f:1:2: control character between"},
        {TEXT("[1,\f2]"), "f:1:4: control character between"},
        {TEXT("[\"a\tb\"]"), "f:1:4: control character in a string"},
        {TEXT("[\"a\0b\"]"), "f:1:4: control character in a string"},
        {TEXT("[\"a\nb\"]"), "f:1:2: this string has no closing quote"},
        {TEXT("[\"ab"), "f:1:2: this string has no closing quote"},
        {TEXT("[\"ab\\\""), "f:1:2: this string has no closing quote"},
        {TEXT("[\"\\x\"]"), "f:1:3: malformed escape in a string: a back"},
        {TEXT("[\"\\\0\"]"), "f:1:3: malformed escape in a string: a back"},
        {TEXT("[\"\\"), "f:1:3: malformed escape in a string: a back"},
        {TEXT("[\"\\u12g4\"]"), "f:1:3: malformed escape in a string: \\u"},
        {TEXT("[\"\\u12\"]"), "f:1:3: malformed escape in a string: \\u"},
        {TEXT("[\"\\u123"), "f:1:3: malformed escape in a string: \\u"},
        {TEXT("[\"\\ud800\"]"), "f:1:3: lone surrogate: the first half"},
        {TEXT("[\"\\ud800\\u0041\"]"), "f:1:3: lone surrogate: the first"},
        {TEXT("[\"\\ud800\\ud800\"]"), "f:1:3: lone surrogate: the first"},
        {TEXT("[\"\\uDBFF\\n\"]"), "f:1:3: lone surrogate: the first half"},
        {TEXT("[\"\\udc00\"]"), "f:1:3: lone surrogate: the second half"},
        {TEXT("[1] /"), "f:1:5: unexpected '/'"},
        {TEXT("[1] //"), "f:1:5: comments are not allowed"},
        {TEXT("[1 /**/]"), "f:1:4: comments are not allowed"},
    };

    expect_refused(cases, ARRAY_LEN(cases), 0);
}
END_TEST

START_TEST(grammar_that_is_wrong_has_a_place)
{
    static const struct refused cases[] = {
        {TEXT(""), "f:1:1: the file ends here, but a value was expected"},
        {TEXT(" \n "), "f:2:2: the file ends here, but a value"},
        {TEXT("{"), "f:1:2: the file ends here, but a key in double quotes or "
                    "'}' was expected: an object that begins on line 1"},
        {TEXT("{\n\"a\""), "f:2:4: the file ends here, but ':'"},
        {TEXT("{\"a\":"), "f:1:6: the file ends here, but a value"},
        {TEXT("{\"a\":1"), "f:1:7: the file ends here, but ',' or '}'"},
        {TEXT("{\"a\":1,"), "f:1:8: the file ends here, but a key"},
        {TEXT("["), "f:1:2: the file ends here, but a value or ']'"},
        {TEXT("[1"), "f:1:3: the file ends here, but ',' or ']'"},
        {TEXT("[1,"), "f:1:4: the file ends here, but a value"},
        {TEXT("]"), "f:1:1: expected a value, but found ']'"},
        {TEXT("{]"), "f:1:2: expected a key in double quotes or '}', but"},
        {TEXT("[}"), "f:1:2: expected a value or ']', but found '}'"},
        {TEXT("[1}"), "f:1:3: expected ',' or ']', but found '}'"},
        {TEXT("{\"a\":1]"), "f:1:7: expected ',' or '}', but found ']'"},
        {TEXT("[1,]"), "f:1:4: expected a value, but found ']' (JSON allows"},
        {TEXT("{\"a\":1,}"), "f:1:8: expected a key in double quotes, but "
                             "found '}' (JSON allows no comma before it)"},
        {TEXT("{,}"), "f:1:2: expected a key in double quotes or '}'"},
        {TEXT("[,1]"), "f:1:2: expected a value or ']', but found ','"},
        {TEXT("[1,,2]"), "f:1:4: expected a value, but found ','"},
        {TEXT("[1 2]"), "f:1:4: expected ',' or ']', but found '2'"},
        {TEXT("[1 \"a\"]"), "f:1:4: expected ',' or ']', but found a string"},
        {TEXT("[1:2]"), "f:1:3: expected ',' or ']', but found ':'"},
        {TEXT("{\"a\",1}"), "f:1:5: expected ':', but found ','"},
        {TEXT("{\"a\" 1}"), "f:1:6: expected ':', but found '1'"},
        {TEXT("{\"a\":1 \"b\":2}"), "f:1:8: expected ',' or '}', but found a"},
        {TEXT("{\"a\":}"), "f:1:6: expected a value, but found '}'"},
        {TEXT("{a:1}"), "f:1:2: expected a key in double quotes or '}'"},
        {TEXT("{1:1}"), "f:1:2: expected a key in double quotes or '}'"},
        {TEXT("{\"a\":1,null:1}"), "f:1:8: expected a key in double quotes"},
        {TEXT("['a']"), "f:1:2: expected a value or ']', but found ''' "
                        "(strings need double quotes)"},
        {TEXT("[tru]"), "f:1:2: expected a value or ']', but found 'tru'"},
        {TEXT("[True]"), "f:1:2: expected a value or ']', but found 'True'"},
        {TEXT("tru"), "f:1:1: expected a value, but found 'tru'"},
        {TEXT("[NaN]"), "f:1:2: expected a value or ']', but found 'NaN'"},
        {TEXT("[\xc3\xa9]"), "f:1:2: expected a value or ']', but found '\xc3"},
        {TEXT("[-]"), "f:1:2: expected a value or ']', but found '-' "
                      "(numbers look like"},
        {TEXT("-"), "f:1:1: expected a value, but found '-'"},
        {TEXT("[+1]"), "f:1:2: expected a value or ']', but found '+1'"},
        {TEXT("[.5]"), "f:1:2: expected a value or ']', but found '.5'"},
        {TEXT("[1.]"), "f:1:2: expected a value or ']', but found '1.'"},
        {TEXT("[1e]"), "f:1:2: expected a value or ']', but found '1e'"},
        {TEXT("[01]"), "f:1:3: expected ',' or ']', but found '1'"},
        {TEXT("[0x1]"), "f:1:3: expected ',' or ']', but found 'x1'"},
        {TEXT("1 2"), "f:1:3: expected nothing more after the end"},
        {TEXT("{} {}"), "f:1:4: expected nothing more after the end"},
        {TEXT("{},"), "f:1:3: expected nothing more after the end"},
        {TEXT("{} tru"), "f:1:4: expected nothing more after the end"},
        {TEXT("{}\n\"x\""), "f:2:1: expected nothing more after the end"},
    };

    expect_refused(cases, ARRAY_LEN(cases), 0);
}
END_TEST

START_TEST(comments_that_are_wrong_have_a_place)
{
    static const struct refused cases[] = {
        {TEXT("// only\n/* comments */"), "f:2:15: the file ends here"},
        {TEXT("[1] /* no end"), "f:1:5: this comment has no end"},
        {TEXT("/*/"), "f:1:1: this comment has no end"},
        {TEXT("[1 / 2]"), "f:1:4: unexpected '/'"},
        {TEXT("[1] /"), "f:1:5: unexpected '/'"},
        {TEXT("[1]# x"), "f:1:4: expected nothing more"},
        {TEXT("[1] // \xff"), "f:1:8: invalid UTF-8"},
        {TEXT("/* \n\n */ [1,]"), "f:3:8: expected a value"},
    };

    expect_refused(cases, ARRAY_LEN(cases), JSON_COMMENTS);
}
END_TEST

START_TEST(every_duplicate_key_is_reported)
{
    char *out = refusal(TEXT_LIT("{\"b\": 1, \"a\": {\"x\": 1,\n"
                                 " \"\\u0078\": 2}, \"b\": 2,\n"
                                 "\"c\": 3, \"b\": 4}"),
                        0);

    ck_assert_str_eq(
        out, "f:2:2: duplicate key \"x\": the object has it on line 1 already\n"
             "f:2:16: duplicate key \"b\": the object has it on line 1 "
             "already\n"
             "f:3:9: duplicate key \"b\": the object has it on line 2 "
             "already\n");
    free(out);
    json_free(parse("{\"a\": 1, \"A\": 2, \"\": 3, \"a\\u0000\": 4}"));
    json_free(parse("[{\"a\": 1}, {\"a\": 1}]"));
}
END_TEST

START_TEST(a_large_object_is_no_trap)
{
    struct buffer b;
    struct json_document *doc;

    buffer_init(&b, 8 << 20);
    ck_assert_int_eq(buffer_append_char(&b, '{'), STATUS_OK);
    for (int i = 0; i < 100000; i++)
        ck_assert_int_eq(
            buffer_printf(&b, "%s\"k%d\":%d", i > 0 ? "," : "", i, i),
            STATUS_OK);
    ck_assert_int_eq(buffer_append_char(&b, '}'), STATUS_OK);
    doc = parse(b.data);
    ck_assert_uint_eq(doc->root->count, 100000);
    ck_assert(text_is(json_get(doc->root, "k99999")->text, "99999"));
    json_free(doc);
    buffer_release(&b);
}
END_TEST

START_TEST(depth_is_bounded)
{
    char text[300];
    char *out;

    memset(text, '[', 129);
    memset(text + 129, ']', 129);
    text[258] = '\0';
    out = refusal(text_of(text), 0);
    ck_assert_str_eq(out, "f:1:129: nested deeper than 128 levels\n");
    free(out);
    memset(text, '[', 128);
    memset(text + 128, ']', 128);
    text[256] = '\0';
    json_free(parse(text));
}
END_TEST

static void expect_place(const struct json_document *doc, const char *pointer,
                         enum json_type type, int line, int column)
{
    const struct json_value *v = json_at(doc->root, text_of(pointer));
    char back[200];

    ck_assert_msg(v != NULL, "%s", pointer);
    ck_assert_int_eq(v->type, type);
    ck_assert_int_eq(v->line, line);
    ck_assert_int_eq(v->column, column);
    ck_assert_str_eq(json_pointer(v, back, sizeof(back)), pointer);
}

START_TEST(values_know_their_place)
{
    struct json_document *doc =
        parse("// a comment, \"with\" {quotes\n"
              "{ \"a\" : [ 1, -2.5e3,true ,\n"
              "\t\"\\\"x\xc3\xa9\", null],/* : , */ \"b\"/**/:// \n"
              "  { \"\": {}, \"a/b~c\": [[]],\r\n"
              "\"d\\n\":false} }");

    expect_place(doc, "", JSON_OBJECT, 2, 1);
    expect_place(doc, "/a", JSON_ARRAY, 2, 9);
    expect_place(doc, "/a/0", JSON_NUMBER, 2, 11);
    expect_place(doc, "/a/1", JSON_NUMBER, 2, 14);
    expect_place(doc, "/a/2", JSON_BOOL, 2, 21);
    expect_place(doc, "/a/3", JSON_STRING, 3, 2);
    expect_place(doc, "/a/4", JSON_NULL, 3, 11);
    expect_place(doc, "/b", JSON_OBJECT, 4, 3);
    expect_place(doc, "/b/", JSON_OBJECT, 4, 9);
    expect_place(doc, "/b/a~1b~0c", JSON_ARRAY, 4, 22);
    expect_place(doc, "/b/a~1b~0c/0", JSON_ARRAY, 4, 23);
    ck_assert_int_eq(doc->root->members[1].line, 3);
    ck_assert_int_eq(doc->root->members[1].column, 27);
    ck_assert_str_eq(json_get(doc->root, "a")->items[1]->text.data, "-2.5e3");
    ck_assert_str_eq(json_get(doc->root, "a")->items[3]->text.data,
                     "\"x\xc3\xa9");
    ck_assert(!json_get(json_get(doc->root, "b"), "d\n")->boolean);
    json_free(doc);
}
END_TEST

START_TEST(scalars_stand_alone)
{
    static const char *const texts[] = {"0",    "-0.0e-0", "12345", "true",
                                        "null", "\"x\"",   " 1 ",   "1//"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        json_free(parse(texts[i]));
}
END_TEST

START_TEST(escapes_are_decoded)
{
    struct json_document *doc =
        parse("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\uDE00\\u0000z\"");

    ck_assert(text_equal(doc->root->text,
                         TEXT_LIT("\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80"
                                  "\0z")));
    json_free(doc);
}
END_TEST

START_TEST(pointers_that_lead_nowhere)
{
    static const char *const bad[] = {
        "a",     "/b",     "/a/3",  "/a/-", "/a/01",
        "/a/+1", "/a/0/x", "/a/ 0", "/~",   "/~2",
        "/x~",   "/a//0",  "/a/0/", "/",    "/a/18446744073709551616",
    };
    struct json_document *doc = parse("{\"a\":[1,2,3],\"x~\":1,\"~\":1}");

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(json_at(doc->root, text_of(bad[i])) == NULL, "%s",
                      bad[i]);
    ck_assert_ptr_nonnull(json_at(doc->root, TEXT_LIT("/x~0")));
    ck_assert_ptr_null(json_at(NULL, TEXT_LIT("")));
    ck_assert_ptr_null(json_get(NULL, "a"));
    ck_assert_ptr_null(json_get(json_get(doc->root, "a"), "a"));
    json_free(doc);
}
END_TEST

START_TEST(a_pointer_is_cut_at_a_character)
{
    struct json_document *doc = parse("{\"\xc3\xa9\xc3\xa9\": 1}");
    const struct json_value *v = doc->root->members[0].value;
    char out[16];

    ck_assert_str_eq(json_pointer(v, out, 6), "/\xc3\xa9\xc3\xa9");
    ck_assert_str_eq(json_pointer(v, out, 5), "/\xc3\xa9");
    ck_assert_str_eq(json_pointer(v, out, 4), "/\xc3\xa9");
    ck_assert_str_eq(json_pointer(v, out, 3), "/");
    ck_assert_str_eq(json_pointer(v, out, 1), "");
    json_free(doc);
}
END_TEST

START_TEST(integers_are_exact)
{
    static const struct {
        const char *text;
        enum status status;
        int64_t value;
    } cases[] = {
        {"9223372036854775807", STATUS_OK, INT64_MAX},
        {"-9223372036854775808", STATUS_OK, INT64_MIN},
        {"-0", STATUS_OK, 0},
        {"9223372036854775808", STATUS_TOO_LARGE, 0},
        {"-9223372036854775809", STATUS_TOO_LARGE, 0},
        {"1.0", STATUS_INVALID, 0},
        {"1e3", STATUS_INVALID, 0},
        {"\"1\"", STATUS_INVALID, 0},
        {"null", STATUS_INVALID, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json_document *doc = parse(cases[i].text);
        int64_t n = 77;

        ck_assert_int_eq(json_to_i64(doc->root, &n), cases[i].status);
        ck_assert_int_eq(n, cases[i].status == STATUS_OK ? cases[i].value : 77);
        json_free(doc);
    }
}
END_TEST

/* All pairs of a line are equal; nothing is equal to another line's. */
START_TEST(values_are_compared_exactly)
{
    static const char *const lines[][5] = {
        {"1", "1.0", "10e-1", "0.1E+1", "100000e-00005"},
        {"-1", "-1.00", "-0.01e2", "-1e0", "-10e-1"},
        {"0", "-0", "0.000", "0e99999999999999999999", "-0.0E-5"},
        {"100", "1e2", "1.00e+02", "0.0001e6", "1000e-1"},
        {"1e400", "10e399", "0.1e401", "1.0e400", "1E+400"},
        {"1e401", NULL},
        {"1e-400", "0.1e-399", NULL},
        {"0.1", "1e-1", "0.10", NULL},
        {"0.1000000000000000055511151231257827", NULL},
        {"9007199254740993", "9007199254740993.0", NULL},
        {"9007199254740992", NULL},
        {"1e99999999999999999999", "10e99999999999999999998",
         "0.01e100000000000000000001", NULL},
        {"1e100000000000000000000", "10e99999999999999999999", NULL},
        {"1e-99999999999999999999", "0.1e-99999999999999999998", NULL},
        {"\"1\"", "\"\\u0031\"", NULL},
        {"\"\"", NULL},
        {"true", NULL},
        {"false", NULL},
        {"null", NULL},
        {"[]", NULL},
        {"{}", NULL},
        {"[1,2]", "[1.0,2e0]", NULL},
        {"[2,1]", NULL},
        {"[1,2,3]", NULL},
        {"{\"a\":1,\"b\":[]}", "{\"b\":[],\"a\":1}", NULL},
        {"{\"a\":1}", NULL},
        {"{\"b\":1}", NULL},
        {"{\"a\":1,\"c\":[]}", NULL},
        {"1000000", "1e6", NULL},
        {"1010000", "1.01e6", "101e4", NULL},
        {"10100000", NULL},
        {"11", NULL},
        {"1.1", "11e-1", NULL},
    };
    struct json_document *docs[ARRAY_LEN(lines)][5] = {{NULL}};

    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        for (size_t k = 0; k < 5 && lines[i][k]; k++)
            docs[i][k] = parse(lines[i][k]);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        for (size_t k = 0; k < 5 && docs[i][k]; k++)
            for (size_t m = 0; m < ARRAY_LEN(lines); m++)
                for (size_t n = 0; n < 5 && docs[m][n]; n++)
                    ck_assert_msg(json_equal(docs[i][k]->root,
                                             docs[m][n]->root) == (i == m),
                                  "%s and %s", lines[i][k], lines[m][n]);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        for (size_t k = 0; k < 5; k++)
            json_free(docs[i][k]);
}
END_TEST

START_TEST(problems_begin_with_the_pointer)
{
    struct json_document *doc = parse("{\"a\": [true],\n \"b/c\": 1}");
    struct problems p;

    problems_init(&p);
    json_problem(&p, doc, doc->root, "root %d", 1);
    json_problem(&p, doc, json_at(doc->root, TEXT_LIT("/a/0")), "item");
    json_warning(&p, doc, json_get(doc->root, "b/c"), "member");
    json_problem_key(&p, doc, doc->root, &doc->root->members[1], "unknown");
    ck_assert_uint_eq(p.count, 4);
    ck_assert_uint_eq(p.errors, 3);
    ck_assert_str_eq(p.list[0].message, "root 1");
    ck_assert_str_eq(p.list[1].message, "/a/0: item");
    ck_assert_int_eq(p.list[1].column, 8);
    ck_assert_str_eq(p.list[2].message, "/b~1c: member");
    ck_assert_int_eq(p.list[2].column, 9);
    ck_assert(p.list[2].is_warning);
    ck_assert_str_eq(p.list[3].message, "/b~1c: unknown");
    ck_assert_int_eq(p.list[3].line, 2);
    ck_assert_int_eq(p.list[3].column, 2);
    ck_assert_str_eq(p.list[3].file, "t.json");
    problems_release(&p);
    json_free(doc);
}
END_TEST

START_TEST(files_that_cannot_be_read)
{
    struct json_document *doc = NULL;
    struct problems p;

    problems_init(&p);
    ck_assert_int_eq(json_load("/nonexistent/x.json", 0, &p, &doc), STATUS_IO);
    ck_assert_int_eq(json_load("/", 0, &p, &doc), STATUS_IO);
    ck_assert_int_eq(json_load("/dev/zero", 0, &p, &doc), STATUS_TOO_LARGE);
    ck_assert_int_eq(json_load("/dev/null", 0, &p, &doc), STATUS_INVALID);
    ck_assert_ptr_null(doc);
    ck_assert_uint_eq(p.errors, 4);
    ck_assert_str_eq(p.list[0].message,
                     "cannot be opened: No such file or directory");
    ck_assert_str_eq(p.list[1].message, "cannot be read: Is a directory");
    ck_assert_str_eq(p.list[2].message, "larger than 16 MiB");
    problems_release(&p);
}
END_TEST

START_TEST(a_file_is_read_whole)
{
    char path[] = "/tmp/chatgate-json-XXXXXX";
    int fd = mkstemp(path);
    FILE *f;
    struct json_document *doc = NULL;
    struct problems p;

    ck_assert_int_ge(fd, 0);
    f = fdopen(fd, "w");
    fputs("[", f);
    for (int i = 0; i < 50000; i++)
        fprintf(f, "%d,\n", i);
    fputs("\"end\"]", f);
    fclose(f);
    problems_init(&p);
    ck_assert_int_eq(json_load(path, 0, &p, &doc), STATUS_OK);
    unlink(path);
    ck_assert_uint_eq(doc->root->count, 50001);
    ck_assert_int_eq(doc->root->items[50000]->line, 50001);
    ck_assert_str_eq(doc->file, path);
    json_free(doc);
    json_free(NULL);
    problems_release(&p);
}
END_TEST

UNIT_MAIN("json", bytes_that_are_wrong_have_a_place,
          grammar_that_is_wrong_has_a_place,
          comments_that_are_wrong_have_a_place, every_duplicate_key_is_reported,
          a_large_object_is_no_trap, depth_is_bounded, values_know_their_place,
          scalars_stand_alone, escapes_are_decoded, pointers_that_lead_nowhere,
          a_pointer_is_cut_at_a_character, integers_are_exact,
          values_are_compared_exactly, problems_begin_with_the_pointer,
          files_that_cannot_be_read, a_file_is_read_whole)
