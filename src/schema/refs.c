/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/refs.c - what a "$ref" leads to, within one document.
 *
 * A document is walked once along the keywords that hold schemas, so that a
 * "$id" in a "const" is none, and every "$id" and "$anchor" is noted. A
 * reference is resolved against the base of the schema it stands in (RFC 3986
 * section 5), looked up among the noted resources, and its fragment is a JSON
 * Pointer into that resource (RFC 6901) or an anchor of it. Nothing is ever
 * fetched.
 *
 * JSON Schema 2020-12, core, section 8.
 */
#define _GNU_SOURCE /* memrchr() */
#include "base/buffer.h"
#include "base/uri.h"
#include "schema/compile.h"

#define URI_MAX 4096

struct resource {
    struct resource *next;
    const struct json_value *at;
    struct text uri; /* absolute where it could be made so; "" at the root */
};

struct anchor {
    struct anchor *next;
    const struct json_value *at;
    const struct json_value *resource;
    struct text name;
};

struct refs {
    const struct json_value *root;
    struct resource *resources; /* newest first, the root last */
    struct anchor *anchors;
    bool is_broken; /* an identifier was none */
};

const struct json_value *refs_root(const struct refs *r)
{
    return r->root;
}

bool refs_are_broken(const struct refs *r)
{
    return r->is_broken;
}

/* ---- RFC 3986 section 5.2 ---- */

static void append(struct compiler *c, struct buffer *to, struct text t)
{
    if (buffer_append(to, t.data, t.len) != STATUS_OK)
        c->status = STATUS_NO_MEMORY;
}

/* Section 5.2.4, from `path` onto `to`. */
static void append_path(struct compiler *c, struct buffer *to, struct text path)
{
    size_t begin = to->len;

    while (path.len > 0 && c->status == STATUS_OK) {
        struct text rest, segment;

        if (path.data[0] != '/') { /* only a rootless path begins so */
            rest = text_cut(path, '/', &segment);
            append(c, to, segment);
            path = text_is_absent(rest)
                       ? rest
                       : text_make(rest.data - 1, rest.len + 1);
            continue;
        }
        rest = text_cut(text_make(path.data + 1, path.len - 1), '/', &segment);
        if (text_is(segment, ".") || text_is(segment, "..")) {
            while (segment.len == 2 && to->len > begin &&
                   to->data[to->len - 1] != '/')
                buffer_truncate(to, to->len - 1);
            if (segment.len == 2 && to->len > begin)
                buffer_truncate(to, to->len - 1);
            if (text_is_absent(rest))
                append(c, to, TEXT_LIT("/"));
        } else {
            append(c, to, TEXT_LIT("/"));
            append(c, to, segment);
        }
        path = text_is_absent(rest) ? rest
                                    : text_make(rest.data - 1, rest.len + 1);
    }
}

/* Section 5.2.3. */
static void append_merged(struct compiler *c, struct buffer *to,
                          const struct uri *base, struct text path)
{
    struct buffer merged;
    const char *slash = base->path.len > 0
                            ? memrchr(base->path.data, '/', base->path.len)
                            : NULL;

    buffer_init(&merged, URI_MAX);
    if (slash)
        append(
            c, &merged,
            text_make(base->path.data, (size_t)(slash - base->path.data) + 1));
    else if (!text_is_absent(base->host))
        append(c, &merged, TEXT_LIT("/"));
    append(c, &merged, path);
    append_path(c, to, buffer_text(&merged));
    buffer_release(&merged);
}

static void append_authority(struct compiler *c, struct buffer *to,
                             const struct uri *u)
{
    if (text_is_absent(u->host))
        return;
    append(c, to, TEXT_LIT("//"));
    if (!text_is_absent(u->userinfo)) {
        append(c, to, u->userinfo);
        append(c, to, TEXT_LIT("@"));
    }
    append(c, to, u->host);
    if (!text_is_absent(u->port)) {
        append(c, to, TEXT_LIT(":"));
        append(c, to, u->port);
    }
}

/* `ref` against `base`, without a fragment, onto `to`. */
static void resolve(struct compiler *c, const struct uri *base,
                    const struct uri *ref, struct buffer *to)
{
    const struct uri *scheme = text_is_absent(ref->scheme) ? base : ref;
    const struct uri *authority =
        scheme == ref || !text_is_absent(ref->host) ? ref : base;
    struct text query = ref->query;

    if (!text_is_absent(scheme->scheme)) {
        append(c, to, scheme->scheme);
        append(c, to, TEXT_LIT(":"));
    }
    append_authority(c, to, authority);
    if (authority == ref || (ref->path.len > 0 && ref->path.data[0] == '/')) {
        append_path(c, to, ref->path);
    } else if (ref->path.len > 0) {
        append_merged(c, to, base, ref->path);
    } else {
        append(c, to, base->path);
        if (text_is_absent(query))
            query = base->query;
    }
    if (!text_is_absent(query)) {
        append(c, to, TEXT_LIT("?"));
        append(c, to, query);
    }
}

/* The URI of `ref` as seen from `base`, in the arena; absent when one of
 * them is no URI reference. */
static struct text uri_from(struct compiler *c, struct text base,
                            const struct uri *ref)
{
    struct uri parsed = {0};
    struct buffer out;
    struct text copy;

    if (base.len > 0 && uri_parse_reference(base, &parsed) != STATUS_OK)
        return (struct text){0};
    if (base.len == 0)
        parsed.path = TEXT_LIT("");
    buffer_init(&out, URI_MAX);
    resolve(c, &parsed, ref, &out);
    copy =
        arena_text(&c->set->arena, out.data ? buffer_text(&out) : TEXT_LIT(""));
    if (text_is_absent(copy))
        c->status = STATUS_NO_MEMORY;
    buffer_release(&out);
    return copy;
}

/* ---- the walk ---- */

static const struct resource *resource_of(const struct refs *r,
                                          const struct json_value *at)
{
    const struct resource *s;

    for (; at; at = at->parent)
        for (s = r->resources; s; s = s->next)
            if (s->at == at)
                return s;
    return NULL;
}

static void resource_add(struct compiler *c, struct refs *r,
                         const struct json_value *at, struct text uri)
{
    struct resource *s = compile_alloc(c, sizeof(*s));

    if (!s)
        return;
    *s = (struct resource){r->resources, at, uri};
    r->resources = s;
}

static void note_id(struct compiler *c, struct refs *r,
                    const struct json_value *v)
{
    const struct json_value *id = json_get(v, "$id");
    const struct resource *base = resource_of(r, v->parent);
    struct uri ref;
    struct text uri;

    if (!id)
        return;
    if (id->type != JSON_STRING ||
        uri_parse_reference(id->text, &ref) != STATUS_OK ||
        ref.fragment.len > 0) {
        json_problem(c->problems, c->source->doc, id,
                     "\"$id\" must be a URI reference without a fragment");
        r->is_broken = true;
        return;
    }
    uri = uri_from(c, base ? base->uri : TEXT_LIT(""), &ref);
    if (!text_is_absent(uri))
        resource_add(c, r, v, uri);
}

static void note_anchor(struct compiler *c, struct refs *r,
                        const struct json_value *v, const char *keyword)
{
    const struct json_value *name = json_get(v, keyword);
    const struct resource *resource = resource_of(r, v);
    struct anchor *a;

    if (!name)
        return;
    if (name->type != JSON_STRING || name->text.len == 0) {
        json_problem(c->problems, c->source->doc, name, "\"%s\" must be a name",
                     keyword);
        r->is_broken = true;
        return;
    }
    a = compile_alloc(c, sizeof(*a));
    if (!a)
        return;
    *a = (struct anchor){r->anchors, v, resource ? resource->at : r->root,
                         arena_text(&c->set->arena, name->text)};
    r->anchors = a;
}

static void walk_children(struct compiler *c, struct refs *r,
                          const struct json_value *v, enum keyword_shape shape)
{
    size_t i;

    switch (shape) {
    case KEYWORD_PLAIN:
        break;
    case KEYWORD_SCHEMA:
        refs_walk(c, r, v);
        break;
    case KEYWORD_LIST:
        for (i = 0; v->type == JSON_ARRAY && i < v->count; i++)
            refs_walk(c, r, v->items[i]);
        break;
    case KEYWORD_MAP:
        for (i = 0; v->type == JSON_OBJECT && i < v->count; i++)
            refs_walk(c, r, v->members[i].value);
        break;
    }
}

static bool is_noted(const struct refs *r, const struct json_value *v)
{
    const struct anchor *a;
    const struct resource *s;

    for (s = r->resources; s; s = s->next)
        if (s->at == v && s->next)
            return true;
    for (a = r->anchors; a; a = a->next)
        if (a->at == v)
            return true;
    return false;
}

/* Recursive: a document is at most 128 deep. */
void refs_walk(struct compiler *c, struct refs *r, const struct json_value *v)
{
    size_t i;

    if (v->type != JSON_OBJECT)
        return;
    if (!is_noted(r, v)) {
        note_id(c, r, v);
        note_anchor(c, r, v, "$anchor");
        note_anchor(c, r, v, "$dynamicAnchor");
    }
    for (i = 0; i < v->count; i++) {
        const struct keyword *k =
            keyword_find(v->members[i].name, c->source->dialect);

        if (k)
            walk_children(c, r, v->members[i].value, k->shape);
    }
}

struct refs *refs_new(struct compiler *c)
{
    const struct json_value *root = c->source->root, *schemas;
    struct refs *r = compile_alloc(c, sizeof(*r));
    size_t i;

    if (!r)
        return NULL;
    r->root = root;
    resource_add(c, r, root, TEXT_LIT(""));
    if (c->source->dialect == SCHEMA_JSON) {
        refs_walk(c, r, root);
        return r;
    }
    schemas = json_get(json_get(root, "components"), "schemas");
    for (i = 0; schemas && schemas->type == JSON_OBJECT && i < schemas->count;
         i++)
        refs_walk(c, r, schemas->members[i].value);
    return r;
}

/* ---- looking up ---- */

static const struct json_value *resource_find(const struct refs *r,
                                              struct text uri)
{
    const struct resource *s;

    for (s = r->resources; s; s = s->next)
        if (text_equal(s->uri, uri))
            return s->at;
    return NULL;
}

/* `fragment` is percent-encoded. */
static const struct json_value *fragment_find(struct compiler *c,
                                              const struct refs *r,
                                              const struct json_value *at,
                                              struct text fragment)
{
    const struct anchor *a;
    char *decoded;
    size_t len;

    if (fragment.len == 0)
        return at;
    decoded = compile_alloc(c, fragment.len);
    if (!decoded || uri_decode(fragment, false, decoded, &len) != STATUS_OK)
        return NULL;
    if (decoded[0] == '/')
        return json_at(at, text_make(decoded, len));
    for (a = r->anchors; a; a = a->next)
        if (a->resource == at && text_equal(a->name, text_make(decoded, len)))
            return a->at;
    return NULL;
}

const struct json_value *refs_find(struct compiler *c, struct refs *r,
                                   struct build *b,
                                   const struct json_value *ref)
{
    const struct resource *base = resource_of(r, ref);
    const struct json_value *resource, *target;
    struct uri parsed;
    struct text uri;

    if (ref->type != JSON_STRING ||
        uri_parse_reference(ref->text, &parsed) != STATUS_OK) {
        compile_problem(c, b, ref, "\"$ref\" must be a URI reference");
        return NULL;
    }
    uri = uri_from(c, base ? base->uri : TEXT_LIT(""), &parsed);
    if (text_is_absent(uri))
        return NULL;
    resource = uri.len > 0 || !base ? resource_find(r, uri) : base->at;
    if (!resource) {
        compile_problem(c, b, ref,
                        "\"%s\" leads out of this document, and nothing is "
                        "fetched",
                        ref->text.data);
        return NULL;
    }
    target = fragment_find(c, r, resource, parsed.fragment);
    if (!target)
        compile_problem(c, b, ref, "\"%s\" leads to nothing", ref->text.data);
    return target;
}
