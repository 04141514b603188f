/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/parts.c - "x-parts": rules between the items of one array.
 *
 * The array's inst has a probe on each item (NODE_PART), which has probes on
 * two members: the kind and the URL. They write into one struct parts_state,
 * and when an item ends it is compared with the one before. Kinds are names
 * in the keyword's two lists; one that is in neither is like any other.
 *
 * A URL counts as public unless it is presigned, and that is decided by a
 * strict parse (RFC 3986) and a list of hosts, nothing looser: https, no user
 * information, the default port, the whole host equal to one of the list.
 */
#include <inttypes.h>

#include "base/uri.h"
#include "schema/machine.h"

/* The host can only stand right behind "https://": anything in between would
 * be user information. So most URLs need no parsing. */
static bool begins_with_host(struct text url, struct text host)
{
    static const struct text scheme = TEXT("https://");

    return url.len >= scheme.len + host.len &&
           text_equal_nocase(text_make(url.data + scheme.len, host.len),
                             host) &&
           text_equal_nocase(text_make(url.data, scheme.len), scheme);
}

static bool is_presigned(const struct node_parts *parts, struct text url)
{
    bool may_be = false;
    struct uri u;
    size_t i;

    for (i = 0; i < parts->presigned_count; i++)
        may_be |= begins_with_host(url, parts->presigned_hosts[i]);
    if (!may_be || uri_parse(url, &u) != STATUS_OK ||
        !text_is_absent(u.userinfo) ||
        (u.port.len > 0 && !text_is(u.port, "443")))
        return false;
    for (i = 0; i < parts->presigned_count; i++)
        if (text_equal_nocase(u.host, parts->presigned_hosts[i]))
            return true;
    return false;
}

/* The rules that an item breaks by being where it is. */
void part_end(struct schema_run *run, struct inst *inst, uint32_t depth)
{
    const struct node_parts *p = inst->node->parts;
    const struct parts_state *s = inst->extra->parts;

    if (s->kind && s->kind == s->last_kind)
        violate(run, inst, depth, "parts.adjacent",
                "consecutive %s parts are not allowed", s->kind->text.data);
    part_pass(inst->extra);
    if (s->has_public_url && p->has_max_public_urls &&
        s->public_urls == p->max_public_urls + 1)
        violate(run, inst, depth, "parts.public_urls",
                "is one part with a public URL too many: at most %" PRIu64
                " are allowed, presigned ones not counted",
                p->max_public_urls);
}

void part_scalar(const struct node *node, struct extra *x, struct scalar *s)
{
    const struct node_parts *p = node->parts;
    struct parts_state *state = x->parts;
    const struct name *alone;

    if (node->kind == NODE_PART) {
        /* An item that is no object: other rules will say so. */
        state->last_kind = NULL;
        return;
    }
    if (s->type != JSON_STRING)
        return;
    if (node->kind == NODE_PART_URL) {
        state->has_public_url = !is_presigned(p, s->text);
        return;
    }
    state->kind = scalar_find(&p->not_adjacent, s);
    alone = scalar_find(&p->alone, s);
    if (alone) {
        state->is_alone = true;
        state->alone_kind = alone->text.data;
    }
}

void parts_end(struct schema_run *run, struct inst *inst, const struct frame *f,
               uint32_t depth)
{
    const struct parts_state *s = inst->extra->parts;

    if (!parts_pass(inst->extra, f->count))
        violate(run, inst, depth, "parts.alone",
                "a %s part must be the only one", s->alone_kind);
}
