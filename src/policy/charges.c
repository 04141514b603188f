/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/charges.c - which limits does this request meet, and by which keys?
 *
 * A bucket is named
 *
 *     <policy>:<limit>:<part>:<part>...
 *
 * with one part for each thing that the limit counts by, always in the order
 * sender, consumer, client, chat, operation. Names of policies and limits are
 * [a-z0-9_-]; a part is percent-encoded but for the characters of numbers,
 * UUIDs, addresses and identifiers, so that no text of a client's can hold a
 * separator and two different requests never share a bucket by accident. A
 * sender nobody knows is counted as its chat, marked "chat=", which no
 * encoded part can hold.
 *
 * The tag decides where a key lives in a cluster: keys that count by sender
 * share the sender's, so that one decision finds them in one place; a key that
 * does not count by sender must not carry one, or its budget would exist once
 * a sender.
 */
#include "policy/organisation.h"

#include "base/check.h"

struct who {
    const struct policy_facts *facts;
    const char *operation; /* or NULL */
};

static const bool is_plain[256] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true,
    ['+'] = true,         ['-'] = true,         ['.'] = true,
    ['_'] = true,         ['@'] = true,
};

/* Written twice: once to count, with `at` NULL, once into memory. */
struct writer {
    char *at;
    size_t len;
};

static void put(struct writer *w, const char *data, size_t len)
{
    if (w->at)
        memcpy(w->at + w->len, data, len);
    w->len += len;
}

static void put_encoded(struct writer *w, struct text t)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t i = 0;

    while (i < t.len) {
        size_t begin = i;
        unsigned char c;

        while (i < t.len && is_plain[(unsigned char)t.data[i]])
            i++;
        put(w, t.data + begin, i - begin);
        if (i == t.len)
            return;
        c = (unsigned char)t.data[i++];
        put(w, (const char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
    }
}

/* The sender, or the chat in its place. */
static struct text sender_part(const struct policy_facts *facts,
                               const char **mark)
{
    *mark = text_is_absent(facts->sender) ? "chat=" : "";
    return text_is_absent(facts->sender) ? facts->chat : facts->sender;
}

/* Is everything known that the limit counts by? */
static bool is_countable(const struct policy_limit *limit, const struct who *w)
{
    const struct policy_facts *facts = w->facts;

    if ((limit->per & POLICY_PER_SENDER) && text_is_absent(facts->sender) &&
        text_is_absent(facts->chat))
        return false;
    if ((limit->per & POLICY_PER_CONSUMER) && text_is_absent(facts->consumer))
        return false;
    if ((limit->per & POLICY_PER_CLIENT) && text_is_absent(facts->client))
        return false;
    if ((limit->per & POLICY_PER_CHAT) && text_is_absent(facts->chat))
        return false;
    return !(limit->per & POLICY_PER_OPERATION) || w->operation;
}

static void put_key(struct writer *to, const struct policy_due *due,
                    const struct who *w)
{
    const char *mark;
    struct text sender = sender_part(w->facts, &mark);
    const struct {
        unsigned bit;
        const char *mark;
        struct text t;
    } parts[] = {
        {POLICY_PER_SENDER, mark, sender},
        {POLICY_PER_CONSUMER, "", w->facts->consumer},
        {POLICY_PER_CLIENT, "", w->facts->client},
        {POLICY_PER_CHAT, "", w->facts->chat},
        {POLICY_PER_OPERATION, "", text_of(w->operation)},
    };

    put(to, due->policy->name, strlen(due->policy->name));
    put(to, ":", 1);
    put(to, due->limit->name, strlen(due->limit->name));
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (due->limit->per & parts[i].bit) {
            put(to, ":", 1);
            put(to, parts[i].mark, strlen(parts[i].mark));
            put_encoded(to, parts[i].t);
        }
}

/* What the key shares its place with: the widest thing that it counts by. */
static struct text tag_of(const struct policy_limit *limit, const struct who *w,
                          struct text key)
{
    const char *mark;

    if (limit->per & POLICY_PER_SENDER)
        return sender_part(w->facts, &mark);
    if (limit->per & POLICY_PER_CONSUMER)
        return w->facts->consumer;
    if (limit->per & POLICY_PER_CLIENT)
        return w->facts->client;
    if (limit->per & POLICY_PER_CHAT)
        return w->facts->chat;
    return key;
}

/* By the narrowest thing that it counts by; a sender has many chats, but its
 * own requests are the ones that its buckets should refuse first. */
static uint8_t breadth_of(const struct policy_limit *limit)
{
    static const unsigned order[] = {POLICY_PER_SENDER, POLICY_PER_CHAT,
                                     POLICY_PER_CLIENT, POLICY_PER_CONSUMER};
    uint8_t breadth = 0;

    while (breadth < ARRAY_LEN(order) && !(limit->per & order[breadth]))
        breadth++;
    return breadth;
}

static const struct policy_rate *rate_for(const struct policy_limit *limit,
                                          const struct policy_facts *facts)
{
    struct text key =
        limit->per & POLICY_PER_SENDER ? facts->sender : facts->consumer;
    size_t low = 0, high = limit->override_count;

    while (low < high && !text_is_absent(key)) {
        size_t middle = low + (high - low) / 2;
        struct text t = text_of(limit->overrides[middle].key);
        size_t shorter = t.len < key.len ? t.len : key.len;
        int order = memcmp(t.data, key.data, shorter);

        if (order == 0)
            order = (t.len > key.len) - (t.len < key.len);
        if (order == 0)
            return &limit->overrides[middle].rate;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return &limit->rate;
}

static struct text make_key(struct arena *arena, const struct policy_due *due,
                            const struct who *w)
{
    struct writer to = {NULL, 0};

    put_key(&to, due, w);
    to.at = arena_alloc(arena, to.len);
    to.len = 0;
    if (to.at)
        put_key(&to, due, w);
    return text_make(to.at, to.len);
}

static struct text make_tag(struct arena *arena, struct text t)
{
    struct writer to = {NULL, 0};

    put_encoded(&to, t);
    to.at = arena_alloc(arena, to.len);
    to.len = 0;
    if (to.at)
        put_encoded(&to, t);
    return text_make(to.at, to.len);
}

static enum status make_charge(const struct policy_due *due,
                               const struct who *w, struct arena *arena,
                               struct policy_charge *out)
{
    const struct policy_rate *rate = rate_for(due->limit, w->facts);

    *out = (struct policy_charge){
        .policy = due->policy->name,
        .limit = due->limit->name,
        .is_shadow = due->policy->is_shadow,
        .key = make_key(arena, due, w),
        .breadth = breadth_of(due->limit),
        .capacity = rate->capacity,
        .refill = rate->refill,
        .period_us = rate->period_us,
        .cost = due->cost,
    };
    if (text_is_absent(out->key))
        return STATUS_NO_MEMORY;
    out->tag = make_tag(arena, tag_of(due->limit, w, out->key));
    return text_is_absent(out->tag) ? STATUS_NO_MEMORY : STATUS_OK;
}

enum status policy_charges(const struct policy_snapshot *s,
                           const struct policy_route *route,
                           const struct policy_facts *facts,
                           struct arena *arena, struct policy_charge *out,
                           size_t max, size_t *count)
{
    const struct policy_dues *dues = &s->unmatched_dues;
    struct who w = {facts, NULL};
    enum status status = STATUS_OK;
    size_t n = 0;

    if (route->operation) {
        dues = &policy_entry_of(route->operation)->dues;
        w.operation = route->operation->id;
    }
    for (size_t i = 0; i < dues->count && n < max; i++) {
        const struct policy_due *due = &dues->list[i];

        if (!policy_scope_meets(&due->policy->scope, facts) ||
            !is_countable(due->limit, &w))
            continue;
        status = make_charge(due, &w, arena, &out[n]);
        if (status != STATUS_OK)
            return status;
        n++;
    }
    *count = n;
    return STATUS_OK;
}
