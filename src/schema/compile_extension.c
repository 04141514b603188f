/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/compile_extension.c - "x-parts" and "x-decorations" into probes.
 *
 * Both keywords look at values below their own. A probe is a node that goes
 * where a schema would go, matches everything, and reports to the inst of the
 * node that has the keyword (parts.c, decorations.c).
 */
#include "base/check.h"
#include "schema/compile.h"

/* Say which members are none of the keyword's. */
static void check_members(struct compiler *c, struct build *b,
                          const struct json_value *v, const char *keyword,
                          const char *const *known, size_t count)
{
    size_t i, k;

    for (i = 0; i < v->count; i++) {
        for (k = 0; k < count; k++)
            if (text_is(v->members[i].name, known[k]))
                break;
        if (k < count)
            continue;
        b->is_broken = true;
        json_problem_key(c->problems, c->source->doc, v, &v->members[i],
                         "\"%s\" is nothing that \"%s\" knows",
                         v->members[i].name.data, keyword);
    }
}

/* An object, or a problem. */
static const struct json_value *keyword_at(struct compiler *c, struct build *b,
                                           const char *keyword)
{
    const struct json_value *v = json_get(b->at, keyword);

    if (!v || v->type == JSON_OBJECT)
        return v;
    compile_problem(c, b, v, "\"%s\" must be an object", keyword);
    return NULL;
}

static bool string_at(struct compiler *c, struct build *b,
                      const struct json_value *v, const char *name,
                      const char *otherwise, struct text *out)
{
    const struct json_value *s = json_get(v, name);

    if (s && s->type == JSON_STRING && s->text.len > 0) {
        *out = s->text;
        return true;
    }
    if (!s && otherwise) {
        *out = text_of(otherwise);
        return true;
    }
    compile_problem(c, b, s ? s : v,
                    "\"%s\" must be given, as the name of a member", name);
    return false;
}

/* The strings of a list; an absent one is empty. NULL with a problem. */
static bool strings_at(struct compiler *c, struct build *b,
                       const struct json_value *v, const char *name,
                       const struct json_value **out)
{
    const struct json_value *list = json_get(v, name);
    size_t i;

    *out = NULL;
    if (!list)
        return true;
    for (i = 0; list->type == JSON_ARRAY && i < list->count; i++)
        if (list->items[i]->type != JSON_STRING)
            break;
    if (list->type != JSON_ARRAY || i < list->count) {
        compile_problem(c, b, list, "\"%s\" must be an array of strings", name);
        return false;
    }
    *out = list;
    return true;
}

/* ---- x-parts ---- */

static void names_into(struct compiler *c, struct name_table *to,
                       const struct json_value *list)
{
    size_t i;

    for (i = 0; list && i < list->count; i++) {
        struct name *n;

        if (name_table_find_text(to, list->items[i]->text))
            continue;
        n = compile_alloc(c, sizeof(*n));
        if (!n)
            return;
        if (!name_table_add(to, &c->set->arena, n, list->items[i]->text))
            c->status = STATUS_NO_MEMORY;
    }
}

static void hosts_into(struct compiler *c, struct node_parts *p,
                       const struct json_value *list)
{
    size_t i;

    if (!list)
        return;
    p->presigned_hosts =
        compile_alloc(c, list->count * sizeof(*p->presigned_hosts));
    for (i = 0; p->presigned_hosts && i < list->count; i++) {
        struct text copy = arena_text(&c->set->arena, list->items[i]->text);

        if (text_is_absent(copy))
            c->status = STATUS_NO_MEMORY;
        p->presigned_hosts[p->presigned_count++] = copy;
    }
}

static void part_member(struct compiler *c, struct build *part,
                        struct text name, enum node_kind kind)
{
    struct build *probe = compile_probe(c, part, kind);
    struct member *m = compile_member(c, part, name);

    if (!probe || !m)
        return;
    probe->node.parts = part->node.parts;
    m->probe = &probe->node;
}

static void compile_parts(struct compiler *c, struct build *b)
{
    static const char *const known[] = {
        "alone", "not_adjacent", "max_public_urls",
        "url",   "kind",         "presigned_hosts",
    };
    const struct json_value *v = keyword_at(c, b, "x-parts");
    const struct json_value *alone, *adjacent, *hosts, *most;
    struct node_parts *p;
    struct node_array *a;
    struct text kind, url;
    struct build *part;
    int64_t n = 0;

    if (!v)
        return;
    check_members(c, b, v, "x-parts", known, ARRAY_LEN(known));
    most = json_get(v, "max_public_urls");
    if (most && (json_to_i64(most, &n) != STATUS_OK || n < 0)) {
        compile_problem(c, b, most,
                        "\"max_public_urls\" must be a whole number, 0 or "
                        "above");
        return;
    }
    if (!strings_at(c, b, v, "alone", &alone) ||
        !strings_at(c, b, v, "not_adjacent", &adjacent) ||
        !strings_at(c, b, v, "presigned_hosts", &hosts) ||
        !string_at(c, b, v, "kind", "type", &kind) ||
        !string_at(c, b, v, "url", most ? NULL : "url", &url))
        return;
    p = compile_alloc(c, sizeof(*p));
    a = compile_array_of(c, b);
    part = compile_probe(c, b, NODE_PART);
    if (!p || !a || !part)
        return;
    p->has_max_public_urls = most != NULL;
    p->max_public_urls = (uint64_t)n;
    names_into(c, &p->alone, alone);
    names_into(c, &p->not_adjacent, adjacent);
    hosts_into(c, p, hosts);
    b->node.parts = part->node.parts = p;
    part_member(c, part, kind, NODE_PART_KIND);
    if (most)
        part_member(c, part, url, NODE_PART_URL);
    a->probe = &part->node;
}

/* ---- x-decorations ---- */

/* As RFC 6901 writes it in a pointer. */
static char *name_escaped(struct compiler *c, struct text name)
{
    char *out = compile_alloc(c, 2 * name.len + 1), *p = out;
    size_t i;

    for (i = 0; out && i < name.len; i++) {
        if (name.data[i] == '~' || name.data[i] == '/') {
            *p++ = '~';
            *p++ = name.data[i] == '~' ? '0' : '1';
        } else {
            *p++ = name.data[i];
        }
    }
    return out;
}

/* `"style" and "animation"`, for messages. */
static char *names_joined(struct compiler *c, const struct json_value *list)
{
    char *out = compile_strdup(c, TEXT_LIT(""));
    size_t i;

    for (i = 0; out && list && i < list->count; i++)
        out = arena_printf(&c->set->arena, "%s%s\"%s\"", out,
                           i == 0                 ? ""
                           : i + 1 == list->count ? " and "
                                                  : ", ",
                           list->items[i]->text.data);
    if (!out)
        c->status = STATUS_NO_MEMORY;
    return out;
}

/* The names' bits in what a decoration has seen. */
static uint32_t bits_of(struct compiler *c, struct build *item,
                        const struct json_value *list)
{
    uint32_t bits = 0;
    size_t i;

    for (i = 0; list && i < list->count; i++) {
        struct member *m = compile_member(c, item, list->items[i]->text);

        if (!compile_member_bit(c, item, m))
            return bits;
        bits |= 1u << m->bit;
    }
    return bits;
}

static void decoration_member(struct compiler *c, struct build *owner,
                              struct text name, struct build *probe)
{
    struct member *m = compile_member(c, owner, name);

    if (m && probe)
        m->probe = &probe->node;
}

/* One probe for the items of another. */
static struct build *decoration_items(struct compiler *c, struct build *list,
                                      enum node_kind kind,
                                      const struct node_decorations *d)
{
    struct build *item = list ? compile_probe(c, list, kind) : NULL;
    struct node_array *a = list ? compile_array_of(c, list) : NULL;

    if (!item || !a)
        return NULL;
    item->node.decorations = d;
    a->probe = &item->node;
    return item;
}

static void compile_decorations(struct compiler *c, struct build *b)
{
    static const char *const known[] = {
        "text", "list", "range", "exactly_one", "exclusive",
    };
    const struct json_value *v = keyword_at(c, b, "x-decorations");
    const struct json_value *one, *exclusive;
    struct build *text, *list, *item, *range;
    struct text text_name, list_name, range_name;
    struct node_decorations *d;

    if (!v)
        return;
    check_members(c, b, v, "x-decorations", known, ARRAY_LEN(known));
    if (!string_at(c, b, v, "text", NULL, &text_name) ||
        !string_at(c, b, v, "list", NULL, &list_name) ||
        !string_at(c, b, v, "range", NULL, &range_name) ||
        !strings_at(c, b, v, "exactly_one", &one) ||
        !strings_at(c, b, v, "exclusive", &exclusive))
        return;
    if ((one ? one->count : 0) + (exclusive ? exclusive->count : 0) >
        DECORATION_KINDS_MAX) {
        compile_problem(c, b, v, "at most %d kinds can be told apart",
                        DECORATION_KINDS_MAX);
        return;
    }
    d = compile_alloc(c, sizeof(*d));
    text = compile_probe(c, b, NODE_DECORATED_TEXT);
    list = compile_probe(c, b, NODE_DECORATIONS);
    item = d ? decoration_items(c, list, NODE_DECORATION, d) : NULL;
    range = item ? compile_probe(c, item, NODE_DECORATION_RANGE) : NULL;
    if (!range || !decoration_items(c, range, NODE_DECORATION_BOUND, d))
        return;
    d->list_pointer = name_escaped(c, list_name);
    d->range_pointer = name_escaped(c, range_name);
    d->exactly_one = bits_of(c, item, one);
    d->exclusive = bits_of(c, item, exclusive);
    d->expected = names_joined(c, one);
    d->exclusive_names = names_joined(c, exclusive);
    decoration_member(c, b, text_name, text);
    decoration_member(c, b, list_name, list);
    decoration_member(c, item, range_name, range);
    b->node.decorations = d;
    text->node.decorations = list->node.decorations = d;
    range->node.decorations = d;
}

void compile_extensions(struct compiler *c, struct build *b)
{
    compile_parts(c, b);
    compile_decorations(c, b);
}
