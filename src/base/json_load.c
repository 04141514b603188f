/* SPDX-License-Identifier: Apache-2.0
 *
 * base/json_load.c - from the bytes of a file to a tree with positions.
 *
 * yajl parses; this is ours:
 *
 * Positions: yajl tells a callback how many bytes it has consumed, but not
 * where the token began. A cursor of our own walks the same text: at each
 * callback it skips white space, comments, commas and colons, which yajl has
 * accepted by then, and stands at the token.
 *
 * Words: yajl's messages speak of tokens and have no place. When it refuses,
 * the cursor stands behind the last token that was right, and what may come
 * there follows from that token and the open container (see explain()).
 *
 * Memory that runs out: see json_memory.h.
 *
 * Values live in the document's arena. Elements of containers that are still
 * open are kept on one stack, `pending`, and move into the arena when their
 * container closes and their number is known.
 */
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <yajl/yajl_parse.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/json_memory.h"
#include "base/json_scan.h"

#define MAX_FILE_BYTES (16u << 20)
#define MAX_DEPTH 128
/* The densest text, "[0,0,0", makes about 60 bytes of each of its own; a file
 * that is written by hand makes less than 10. */
#define MAX_TREE_BYTES ((size_t)512 << 20)

#define PARSER_MAGIC 0x4a50a7e1u

/* What came last decides what may come next. */
enum last { LAST_NOTHING, LAST_OPEN, LAST_KEY, LAST_VALUE };

struct frame {
    struct json_value *container;
    size_t first; /* of its elements on the stack */
};

struct parser {
    uint32_t magic;
    struct json_document *doc;
    struct problems *problems;
    struct json_cursor cursor;
    enum last last;
    struct frame frames[MAX_DEPTH];
    size_t depth;
    struct json_member key;      /* waits for its value */
    struct json_member *pending; /* elements of the open containers */
    size_t pending_count, pending_size;
    enum status status;        /* why a callback said stop */
    bool is_invalid;           /* a problem that does not stop the parser */
    struct json_memory memory; /* yajl's */
};

/* The tree. */

static int stop(struct parser *p, enum status why)
{
    p->status = why;
    return 0;
}

/* From behind the last token to the beginning of this one. */
static void go_to_token(struct parser *p)
{
    struct json_cursor *c = &p->cursor;

    while (json_cursor_skip_space(c) && c->at < c->bytes.len &&
           (c->bytes.data[c->at] == ',' || c->bytes.data[c->at] == ':'))
        json_cursor_advance(c, 1);
}

/* Behind the string that begins here. */
static void go_past_string(struct parser *p)
{
    struct json_cursor *c = &p->cursor;
    size_t end = c->at + 1;

    while (c->bytes.data[end] != '"')
        end += c->bytes.data[end] == '\\' ? 2 : 1;
    json_cursor_advance(c, end + 1 - c->at);
}

static bool push_pending(struct parser *p, const struct json_member *m)
{
    if (p->pending_count == p->pending_size) {
        size_t size = p->pending_size > 0 ? p->pending_size * 2 : 64;
        struct json_member *grown = realloc(p->pending, size * sizeof(*grown));

        if (!grown)
            return false;
        p->pending = grown;
        p->pending_size = size;
    }
    p->pending[p->pending_count++] = *m;
    return true;
}

/* A value that begins at the cursor, put where it belongs. */
static struct json_value *add_value(struct parser *p, enum json_type type)
{
    struct json_value *v = arena_alloc(&p->doc->arena, sizeof(*v));

    if (!v)
        return NULL;
    v->type = type;
    v->line = p->cursor.line;
    v->column = json_cursor_column(&p->cursor);
    p->last = LAST_VALUE;
    if (p->depth == 0) {
        p->doc->root = v;
        return v;
    }
    v->parent = p->frames[p->depth - 1].container;
    p->key.value = v;
    if (!push_pending(p, &p->key))
        return NULL;
    p->key = (struct json_member){0};
    return v;
}

/* A value without parts that is `len` bytes long. */
static struct json_value *add_plain(struct parser *p, enum json_type type,
                                    size_t len)
{
    struct json_value *v;

    go_to_token(p);
    v = add_value(p, type);
    json_cursor_advance(&p->cursor, len);
    return v;
}

static int on_null(void *arg)
{
    struct parser *p;

    MAGIC_CAST(p, arg, PARSER_MAGIC);
    return add_plain(p, JSON_NULL, 4) ? 1 : stop(p, STATUS_NO_MEMORY);
}

static int on_boolean(void *arg, int is_true)
{
    struct parser *p;
    struct json_value *v;

    MAGIC_CAST(p, arg, PARSER_MAGIC);
    v = add_plain(p, JSON_BOOL, is_true ? 4 : 5);
    if (!v)
        return stop(p, STATUS_NO_MEMORY);
    v->boolean = is_true != 0;
    return 1;
}

static int on_number(void *arg, const char *digits, size_t len)
{
    struct parser *p;
    struct json_value *v;

    MAGIC_CAST(p, arg, PARSER_MAGIC);
    v = add_plain(p, JSON_NUMBER, len);
    if (!v)
        return stop(p, STATUS_NO_MEMORY);
    v->text = arena_text(&p->doc->arena, text_make(digits, len));
    return v->text.data ? 1 : stop(p, STATUS_NO_MEMORY);
}

static int on_string(void *arg, const unsigned char *data, size_t len)
{
    struct parser *p;
    struct json_value *v;

    MAGIC_CAST(p, arg, PARSER_MAGIC);
    go_to_token(p);
    v = add_value(p, JSON_STRING);
    if (!v)
        return stop(p, STATUS_NO_MEMORY);
    v->text = arena_text(&p->doc->arena, text_make((const char *)data, len));
    go_past_string(p);
    return v->text.data ? 1 : stop(p, STATUS_NO_MEMORY);
}

static int on_key(void *arg, const unsigned char *data, size_t len)
{
    struct parser *p;

    MAGIC_CAST(p, arg, PARSER_MAGIC);
    go_to_token(p);
    p->key.line = p->cursor.line;
    p->key.column = json_cursor_column(&p->cursor);
    p->key.name =
        arena_text(&p->doc->arena, text_make((const char *)data, len));
    go_past_string(p);
    p->last = LAST_KEY;
    return p->key.name.data ? 1 : stop(p, STATUS_NO_MEMORY);
}

static int on_open(struct parser *p, enum json_type type)
{
    struct json_value *v;

    go_to_token(p);
    if (p->depth == MAX_DEPTH) {
        problems_error(p->problems, p->doc->file, p->cursor.line,
                       json_cursor_column(&p->cursor),
                       "nested deeper than %d levels", MAX_DEPTH);
        return stop(p, STATUS_INVALID);
    }
    v = add_value(p, type);
    if (!v)
        return stop(p, STATUS_NO_MEMORY);
    json_cursor_advance(&p->cursor, 1);
    p->frames[p->depth++] = (struct frame){v, p->pending_count};
    p->last = LAST_OPEN;
    return 1;
}

static int on_open_object(void *arg)
{
    struct parser *p;

    MAGIC_CAST(p, arg, PARSER_MAGIC);
    return on_open(p, JSON_OBJECT);
}

static int on_open_array(void *arg)
{
    struct parser *p;

    MAGIC_CAST(p, arg, PARSER_MAGIC);
    return on_open(p, JSON_ARRAY);
}

static int compare_names(const void *left, const void *right)
{
    const struct json_member *a = *(struct json_member *const *)left;
    const struct json_member *b = *(struct json_member *const *)right;
    size_t len = a->name.len < b->name.len ? a->name.len : b->name.len;
    int order = memcmp(a->name.data, b->name.data, len);

    if (order == 0)
        order = (a->name.len > b->name.len) - (a->name.len < b->name.len);
    if (order == 0)
        order = (a > b) - (a < b); /* the file's order */
    return order;
}

/* By sorting, so that an object of a hundred thousand members is no trap. */
static bool find_duplicates(struct parser *p, const struct json_value *object)
{
    struct json_member **sorted;

    if (object->count < 2)
        return true;
    sorted = malloc(object->count * sizeof(struct json_member *));
    if (!sorted)
        return false;
    for (size_t i = 0; i < object->count; i++)
        sorted[i] = &object->members[i];
    qsort(sorted, object->count, sizeof(struct json_member *), compare_names);
    for (size_t i = 1; i < object->count; i++) {
        const struct json_member *first = sorted[i - 1], *again = sorted[i];

        if (!text_equal(first->name, again->name))
            continue;
        problems_error(p->problems, p->doc->file, again->line, again->column,
                       "duplicate key \"%.*s\": the object has it on line %d "
                       "already",
                       TEXT_ARG(again->name), first->line);
        p->is_invalid = true;
    }
    free(sorted);
    return true;
}

static bool close_object(struct parser *p, struct json_value *v,
                         const struct json_member *elements)
{
    v->members = arena_array(&p->doc->arena, v->count, sizeof(*v->members));
    if (!v->members)
        return false;
    for (size_t i = 0; i < v->count; i++) {
        v->members[i] = elements[i];
        v->members[i].value->key = elements[i].name;
    }
    return find_duplicates(p, v);
}

static bool close_array(struct parser *p, struct json_value *v,
                        const struct json_member *elements)
{
    v->items =
        arena_array(&p->doc->arena, v->count, sizeof(struct json_value *));
    if (!v->items)
        return false;
    for (size_t i = 0; i < v->count; i++) {
        v->items[i] = elements[i].value;
        v->items[i]->index = i;
    }
    return true;
}

static int on_close(void *arg)
{
    struct parser *p;
    struct frame *f;
    struct json_value *v;
    bool ok = true;

    MAGIC_CAST(p, arg, PARSER_MAGIC);
    CHECK(p->depth > 0);
    go_to_token(p);
    json_cursor_advance(&p->cursor, 1);
    f = &p->frames[--p->depth];
    v = f->container;
    v->count = p->pending_count - f->first;
    if (v->count > 0)
        ok = v->type == JSON_OBJECT ? close_object(p, v, p->pending + f->first)
                                    : close_array(p, v, p->pending + f->first);
    p->pending_count = f->first;
    p->last = LAST_VALUE;
    return ok ? 1 : stop(p, STATUS_NO_MEMORY);
}

/* Refusals. */

/* What may come here, having stepped over a comma or colon that is right.
 * *after_comma tells that there was one. */
static const char *expected(struct parser *p, bool *after_comma)
{
    struct json_cursor *c = &p->cursor;
    bool in_object =
        p->depth > 0 && p->frames[p->depth - 1].container->type == JSON_OBJECT;
    char mark = p->last == LAST_KEY ? ':' : ',';

    json_cursor_skip_space(c);
    if (p->last == LAST_NOTHING)
        return "a value";
    if (p->last == LAST_OPEN)
        return in_object ? "a key in double quotes or '}'" : "a value or ']'";
    if (p->last == LAST_VALUE && p->depth == 0)
        return "nothing more after the end of the JSON value";
    if (c->at == c->bytes.len || c->bytes.data[c->at] != mark) {
        if (p->last == LAST_KEY)
            return "':'";
        return in_object ? "',' or '}'" : "',' or ']'";
    }
    json_cursor_advance(c, 1);
    json_cursor_skip_space(c);
    *after_comma = p->last == LAST_VALUE;
    return *after_comma && in_object ? "a key in double quotes" : "a value";
}

/* The offending token, as long as it is one word. */
static struct text word_here(const struct json_cursor *c)
{
    const char *from = c->bytes.data + c->at;
    size_t left = c->bytes.len - c->at, len = 0;

    while (len < left && len < 32 &&
           ((from[len] >= '0' && from[len] <= '9') ||
            (from[len] >= 'a' && from[len] <= 'z') ||
            (from[len] >= 'A' && from[len] <= 'Z') ||
            (from[len] != '\0' && strchr("+-._", from[len]))))
        len++;
    return text_make(from, len > 0 ? len : text_utf8_sequence(from, left));
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static const char *advice(const char *wanted, struct text word,
                          bool after_comma)
{
    char first = word.data[0];
    bool want_value = strncmp(wanted, "a value", 7) == 0;
    bool want_key = strncmp(wanted, "a key", 5) == 0;

    if (after_comma && (first == '}' || first == ']'))
        return " (JSON allows no comma before it)";
    if ((want_value || want_key) && first == '\'')
        return " (strings need double quotes)";
    if (want_value && first != '\0' && strchr("0123456789+-.", first))
        return " (numbers look like 0, -1, 2.5 or 1e6)";
    if (want_value && is_letter(first))
        return " (the only words are true, false and null; strings need "
               "double quotes)";
    return "";
}

/* yajl refused what comes behind the last token. */
static void explain(struct parser *p)
{
    bool after_comma = false;
    const char *wanted = expected(p, &after_comma);
    const struct json_cursor *c = &p->cursor;
    const struct json_value *open =
        p->depth > 0 ? p->frames[p->depth - 1].container : NULL;
    struct text word;

    if (c->at == c->bytes.len) {
        if (open)
            problems_error(p->problems, p->doc->file, c->line,
                           json_cursor_column(c),
                           "the file ends here, but %s was expected: %s that "
                           "begins on line %d is not closed",
                           wanted, json_type_phrase(open->type), open->line);
        else
            problems_error(p->problems, p->doc->file, c->line,
                           json_cursor_column(c),
                           "the file ends here, but a value was expected");
        return;
    }
    word = word_here(c);
    if (word.data[0] == '"')
        problems_error(p->problems, p->doc->file, c->line,
                       json_cursor_column(c), "expected %s, but found a string",
                       wanted);
    else
        problems_error(p->problems, p->doc->file, c->line,
                       json_cursor_column(c), "expected %s, but found '%.*s'%s",
                       wanted, TEXT_ARG(word),
                       advice(wanted, word, after_comma));
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_open_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_close,
    .yajl_start_array = on_open_array,
    .yajl_end_array = on_close,
};

static enum status run_yajl(struct parser *p, struct text bytes, unsigned flags)
{
    yajl_alloc_funcs memory = json_memory_functions(&p->memory);
    yajl_handle handle;
    yajl_status s;

    if (setjmp(p->memory.none_left) != 0)
        return STATUS_NO_MEMORY;
    handle = yajl_alloc(&callbacks, &memory, p);
    yajl_config(handle, yajl_allow_comments, (flags & JSON_COMMENTS) != 0);
    s = yajl_parse(handle, (const unsigned char *)bytes.data, bytes.len);
    if (s == yajl_status_ok)
        s = yajl_complete_parse(handle);
    if (s == yajl_status_client_canceled)
        return p->status;
    if (s != yajl_status_ok) {
        explain(p);
        return STATUS_INVALID;
    }
    return p->is_invalid ? STATUS_INVALID : STATUS_OK;
}

static enum status parse_into(struct json_document *doc, struct text bytes,
                              unsigned flags, struct problems *problems)
{
    struct parser *p = calloc(1, sizeof(*p));
    enum status s;

    if (!p)
        return STATUS_NO_MEMORY;
    MAGIC_SET(p, PARSER_MAGIC);
    p->doc = doc;
    p->problems = problems;
    json_memory_init(&p->memory);
    json_cursor_init(&p->cursor, bytes);
    s = run_yajl(p, bytes, flags);
    json_memory_release(&p->memory);
    free(p->pending);
    MAGIC_CLEAR(p);
    free(p);
    return s;
}

static enum status too_large(const char *file, struct problems *problems)
{
    problems_error(problems, file, 0, 0, "larger than %u MiB",
                   MAX_FILE_BYTES >> 20);
    return STATUS_TOO_LARGE;
}

enum status json_parse(struct text bytes, const char *file, unsigned flags,
                       struct problems *problems, struct json_document **out)
{
    struct json_document *doc;
    enum status s;

    if (bytes.len > MAX_FILE_BYTES)
        return too_large(file, problems);
    s = json_scan(bytes, file, (flags & JSON_COMMENTS) != 0, problems);
    if (s != STATUS_OK)
        return s;
    s = STATUS_NO_MEMORY;
    doc = calloc(1, sizeof(*doc));
    if (doc) {
        arena_init(&doc->arena, MAX_TREE_BYTES);
        doc->file = arena_strdup(&doc->arena, text_of(file));
        if (doc->file)
            s = parse_into(doc, bytes, flags, problems);
    }
    if (s == STATUS_OK) {
        *out = doc;
        return STATUS_OK;
    }
    if (s == STATUS_NO_MEMORY)
        problems_error(problems, file, 0, 0, "not enough memory to read it");
    json_free(doc);
    return s;
}

void json_free(struct json_document *doc)
{
    if (!doc)
        return;
    arena_release(&doc->arena);
    free(doc);
}

#define READ_BYTES ((size_t)16 * 1024) /* the first read; then it doubles */

static enum status read_all(int fd, struct buffer *into)
{
    enum status s = buffer_reserve(into, READ_BYTES);

    while (s == STATUS_OK) {
        ssize_t n =
            read(fd, into->data + into->len, into->size - into->len - 1);

        if (n == 0)
            break;
        if (n > 0)
            into->len += (size_t)n;
        else if (errno != EINTR)
            return STATUS_IO;
        s = buffer_reserve(into, 1);
    }
    return s;
}

enum status json_load(const char *file, unsigned flags,
                      struct problems *problems, struct json_document **out)
{
    struct buffer bytes;
    enum status s;
    int fd = open(file, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        problems_error(problems, file, 0, 0, "cannot be opened: %s",
                       strerror(errno));
        return STATUS_IO;
    }
    /* One more than allowed, so that too many are told from just enough. */
    buffer_init(&bytes, MAX_FILE_BYTES + 1);
    s = read_all(fd, &bytes);
    if (s == STATUS_IO)
        problems_error(problems, file, 0, 0, "cannot be read: %s",
                       strerror(errno));
    else if (s == STATUS_NO_MEMORY)
        problems_error(problems, file, 0, 0, "not enough memory to read it");
    else if (s == STATUS_TOO_LARGE)
        s = too_large(file, problems);
    else
        s = json_parse(buffer_text(&bytes), file, flags, problems, out);
    close(fd);
    buffer_release(&bytes);
    return s;
}
