/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/route.c - from a method and a target to an operation.
 *
 * Templates are kept as a tree of segments. A literal segment is tried before
 * a parameter; when the literal one leads nowhere, the parameter is tried, so
 * that /a/{x}/c still matches /a/b/c beside /a/b/d. The path is matched first
 * and the method at its node, as OpenAPI has it: where /a/b is known with GET
 * alone, POST /a/b is a 405, whatever /a/{x} takes.
 *
 * A request that no operation takes may still be forwarded unvalidated, under
 * one of the configured prefixes; operations always win over those.
 *
 * A walk visits each node once at most, so its cost is bounded by the
 * contracts, not by the request.
 *
 * OpenAPI 3.1 section 4.8.8 (templates), RFC 9110 sections 9.1, 10.2.1.
 */
#include "policy/route.h"

#include <stdio.h>

#include "base/buffer.h"
#include "base/check.h"
#include "policy/path.h"

/* ---- building ---- */

static bool is_parameter(struct text segment)
{
    return segment.len > 2 && segment.data[0] == '{' &&
           segment.data[segment.len - 1] == '}' &&
           !memchr(segment.data + 1, '{', segment.len - 1) &&
           memchr(segment.data, '}', segment.len) ==
               segment.data + segment.len - 1;
}

static bool has_brace(struct text segment)
{
    return segment.len > 0 && (memchr(segment.data, '{', segment.len) ||
                               memchr(segment.data, '}', segment.len));
}

static bool is_among(struct text name, const struct text *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(names[i], name))
            return true;
    return false;
}

/* A literal segment as a path of its own. */
static const char *literal_problem(struct text segment)
{
    char path[512];

    if (segment.len == 0)
        return NULL; /* whether it is the last is looked at elsewhere */
    if (segment.len >= sizeof(path))
        return "a segment of the path is too long";
    path[0] = '/';
    memcpy(path + 1, segment.data, segment.len);
    return policy_path_problem(text_make(path, segment.len + 1));
}

const char *policy_template_problem(struct text template,
                                    struct text names[POLICY_PARAMETERS_MAX],
                                    size_t *count)
{
    struct text rest = template, segment;
    const char *problem;

    *count = 0;
    if (template.len == 0 || template.data[0] != '/')
        return "a path must begin with a slash";
    while (policy_path_next(&rest, &segment)) {
        if (is_parameter(segment)) {
            struct text name = {segment.data + 1, segment.len - 2};

            if (is_among(name, names, *count))
                return "the path names one parameter twice";
            if (*count == POLICY_PARAMETERS_MAX)
                return "the path has too many parameters";
            names[(*count)++] = name;
            continue;
        }
        if (has_brace(segment))
            return "a parameter must be a whole segment of the path, as in "
                   "/chats/{chatId}";
        problem = literal_problem(segment);
        if (problem)
            return problem;
        if (segment.len == 0 && rest.len > 0)
            return "the path has an empty segment: write one slash, not two";
    }
    return NULL;
}

static struct policy_node *child(const struct policy_node *node,
                                 struct text literal)
{
    struct policy_node *c = node->children;

    while (c && !text_equal(c->literal, literal))
        c = c->next;
    return c;
}

static struct policy_node *step_into(struct policy_loader *l,
                                     struct policy_node *node,
                                     struct text segment)
{
    bool is_literal = !is_parameter(segment);
    struct policy_node *found =
        is_literal ? child(node, segment) : node->parameter;

    if (found)
        return found;
    found = policy_alloc(l, sizeof(*found));
    if (!found)
        return NULL;
    if (is_literal) {
        found->literal = text_of(policy_strdup(l, segment));
        found->next = node->children;
        node->children = found;
    } else {
        node->parameter = found;
    }
    return found;
}

struct policy_node *policy_routes_node(struct policy_loader *l,
                                       const char *template)
{
    struct policy_node *node = &l->snap->routes.root;
    struct text rest = text_of(template), segment;

    while (node && policy_path_next(&rest, &segment))
        node = step_into(l, node, segment);
    return node;
}

void policy_routes_add(struct policy_node *node, struct policy_entry *e)
{
    struct policy_entry **end = &node->entries;

    while (*end)
        end = &(*end)->next;
    *end = e;
}

static void say_what_is_allowed(struct policy_loader *l,
                                struct policy_node *node)
{
    struct buffer b;
    enum status s = STATUS_OK;

    buffer_init(&b, 256); /* all methods there are take less */
    for (const struct policy_entry *e = node->entries; e; e = e->next)
        if (s == STATUS_OK)
            s = buffer_printf(&b, "%s%s", b.len > 0 ? ", " : "",
                              e->operation.method);
    node->allow = s == STATUS_OK ? policy_strdup(l, buffer_text(&b)) : NULL;
    if (!node->allow)
        l->no_memory = true;
    buffer_release(&b);
}

static void finish_node(struct policy_loader *l, struct policy_node *node)
{
    if (node->entries)
        say_what_is_allowed(l, node);
    for (struct policy_node *c = node->children; c; c = c->next)
        finish_node(l, c);
    if (node->parameter)
        finish_node(l, node->parameter);
}

void policy_routes_finish(struct policy_loader *l)
{
    finish_node(l, &l->snap->routes.root);
}

/* ---- matching ---- */

/* The node of a template that matches `rest`, with its parameters' segments
 * in `segments` from `n` on. */
static const struct policy_node *walk(const struct policy_node *node,
                                      struct text rest, struct text *segments,
                                      size_t n)
{
    const struct policy_node *found = NULL, *next;
    struct text segment;

    if (!policy_path_next(&rest, &segment))
        return node->entries ? node : NULL;
    next = child(node, segment);
    if (next)
        found = walk(next, rest, segments, n);
    if (!found && node->parameter && segment.len > 0) {
        CHECK(n < POLICY_PARAMETERS_MAX);
        found = walk(node->parameter, rest, segments, n + 1);
        if (found)
            segments[n] = segment;
    }
    return found;
}

static bool prefix_matches(const struct policy_prefix *p, struct text method,
                           struct text path)
{
    struct text prefix = text_of(p->prefix);

    if (strcmp(p->method, "*") != 0 && !text_is(method, p->method))
        return false;
    if (!text_starts_with(path, prefix))
        return false;
    return path.len == prefix.len || prefix.data[prefix.len - 1] == '/' ||
           path.data[prefix.len] == '/';
}

static bool is_unmatched(const struct policy_routes *r, struct text method,
                         struct text path)
{
    for (size_t i = 0; i < r->unmatched_count; i++)
        if (prefix_matches(&r->unmatched[i], method, path))
            return true;
    return false;
}

static const struct policy_operation *
operation_at(const struct policy_node *node, struct text method)
{
    for (const struct policy_entry *e = node->entries; e; e = e->next)
        if (text_is(method, e->operation.method))
            return &e->operation;
    return NULL;
}

void policy_route(const struct policy_snapshot *s, struct text method,
                  struct text target, struct policy_route *out)
{
    const struct policy_node *node;

    *out = (struct policy_route){.match = POLICY_BAD_PATH};
    out->query = text_cut(target, '?', &out->path);
    out->problem = policy_path_problem(out->path);
    if (out->problem)
        return;
    node = walk(&s->routes.root, out->path, out->segments, 0);
    if (node)
        out->operation = operation_at(node, method);
    if (out->operation) {
        out->match = POLICY_OPERATION;
    } else if (is_unmatched(&s->routes, method, out->path)) {
        out->match = POLICY_UNMATCHED;
    } else if (node) {
        out->match = POLICY_NO_METHOD;
        out->allow = node->allow;
        return;
    } else if (out->path.len > 1 && out->path.data[out->path.len - 1] == '/') {
        /* An empty segment at the end is canonical only where a contract
         * has it. */
        out->problem = "the path ends in an empty segment: leave out the "
                       "slash at its end";
        return;
    } else {
        out->match = POLICY_NO_ROUTE;
        return;
    }
    out->problem = policy_query_problem(out->query);
    if (out->problem)
        out->match = POLICY_BAD_QUERY;
}
