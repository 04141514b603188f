/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/canon.c - the encoding, and sorting members in place.
 *
 * Content lengths are four bytes in the machine's order: the bytes never
 * leave the process. An object's members lie one behind the other, so the
 * places where they begin are found again by walking over the lengths.
 */
#include "schema/canon.h"

#include <stdlib.h>

#include "base/check.h"
#include "schema/number.h"

#define HEAD (1 + sizeof(uint32_t))

struct record {
    const char *data; /* the key's encoding, then the value's */
    size_t len;
};

enum status canon_scalar(struct buffer *to, char tag, struct text content)
{
    uint32_t len = (uint32_t)content.len;
    enum status status = buffer_reserve(to, HEAD + content.len);

    if (status != STATUS_OK)
        return status;
    to->data[to->len] = tag;
    memcpy(to->data + to->len + 1, &len, sizeof(len));
    to->len += HEAD;
    return buffer_append(to, content.data, content.len);
}

static void length_set(struct buffer *to, size_t begin)
{
    uint32_t len = (uint32_t)(to->len - begin - HEAD);

    memcpy(to->data + begin + 1, &len, sizeof(len));
}

enum status canon_number(struct buffer *to, const struct number *n)
{
    size_t begin = to->len;
    enum status status = canon_scalar(to, CANON_NUMBER, TEXT_LIT(""));

    if (status == STATUS_OK)
        status = number_canonical(n, to);
    if (status == STATUS_OK)
        length_set(to, begin);
    return status;
}

enum status canon_open(struct buffer *to, char tag, size_t *begin)
{
    *begin = to->len;
    return canon_scalar(to, tag, TEXT_LIT(""));
}

static size_t encoding_length(const char *p)
{
    uint32_t len = 0;

    memcpy(&len, p + 1, sizeof(len));
    return HEAD + len;
}

static int record_compare(const void *a, const void *b)
{
    const struct record *x = a, *y = b;
    size_t n = encoding_length(x->data), m = encoding_length(y->data);
    int order = memcmp(x->data + HEAD, y->data + HEAD, (n < m ? n : m) - HEAD);

    if (order == 0 && n != m)
        order = n < m ? -1 : 1;
    return order;
}

/* Walk over the members; counts them, and fills `list` unless NULL. */
static size_t records_find(const char *p, const char *end, struct record *list)
{
    size_t n = 0, len;

    for (; p < end; p += len) {
        len = encoding_length(p);
        len += encoding_length(p + len);
        if (list)
            list[n] = (struct record){p, len};
        n++;
    }
    return n;
}

static enum status members_sort(char *content, size_t len)
{
    size_t n = records_find(content, content + len, NULL), i;
    struct record *list;
    char *sorted, *p;

    if (n < 2)
        return STATUS_OK;
    list = calloc(1, n * sizeof(*list) + len);
    if (!list)
        return STATUS_NO_MEMORY;
    records_find(content, content + len, list);
    for (i = 1; i < n && record_compare(&list[i - 1], &list[i]) < 0; i++)
        continue;
    if (i < n) {
        qsort(list, n, sizeof(*list), record_compare);
        sorted = p = (char *)(list + n);
        for (i = 0; i < n; i++) {
            memcpy(p, list[i].data, list[i].len);
            p += list[i].len;
        }
        memcpy(content, sorted, len);
    }
    free(list);
    return STATUS_OK;
}

enum status canon_close(struct buffer *to, size_t begin)
{
    char *content = to->data + begin + HEAD;

    length_set(to, begin);
    if (to->data[begin] != CANON_OBJECT)
        return STATUS_OK;
    return members_sort(content, to->len - begin - HEAD);
}

static enum status canon_container(struct buffer *to,
                                   const struct json_value *v)
{
    bool is_object = v->type == JSON_OBJECT;
    size_t begin, i;
    enum status status =
        canon_open(to, is_object ? CANON_OBJECT : CANON_ARRAY, &begin);

    for (i = 0; i < v->count && status == STATUS_OK; i++) {
        if (is_object)
            status = canon_scalar(to, CANON_STRING, v->members[i].name);
        if (status == STATUS_OK)
            status =
                canon_value(to, is_object ? v->members[i].value : v->items[i]);
    }
    return status == STATUS_OK ? canon_close(to, begin) : status;
}

/* Recursive: a document a person wrote is at most 128 deep. */
enum status canon_value(struct buffer *to, const struct json_value *v)
{
    struct number n;

    switch (v->type) {
    case JSON_NULL:
        return canon_scalar(to, CANON_NULL, TEXT_LIT(""));
    case JSON_BOOL:
        return canon_scalar(to, v->boolean ? CANON_TRUE : CANON_FALSE,
                            TEXT_LIT(""));
    case JSON_NUMBER:
        number_parse(v->text, &n);
        return canon_number(to, &n);
    case JSON_STRING:
        return canon_scalar(to, CANON_STRING, v->text);
    case JSON_ARRAY:
    case JSON_OBJECT:
        return canon_container(to, v);
    }
    return STATUS_INVALID;
}
