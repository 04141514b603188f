/* SPDX-License-Identifier: Apache-2.0
 *
 * upstream/answer.c - trace id and senders, picked while an answer streams by.
 *
 * Targets (schema/pick.h): the trace id; and where a chat stands, the chat
 * itself, its id, its handles, and of each handle its number and whether it
 * is mine. What is known of the chat under way is dropped when its object
 * begins and told when it ends, so that the order of members does not matter;
 * the same for the handle under way. At most one chat and one handle are
 * held, each a few bounded texts.
 */
#include "upstream/answer.h"

#include <stdlib.h>

#include "base/check.h"
#include "schema/pick.h"

#define ANSWER_MAGIC 0x616e7377u /* "answ" */
#define ID_MAX 128               /* a chat's id, a trace id */
#define NUMBER_MAX 16            /* E.164: "+" and 15 digits */

static const struct scan_limits limits = {
    .max_depth = 64,
    .max_token_bytes = 128 * 1024,
    .max_number_bytes = 1024,
};

enum target {
    TARGET_TRACE,
    TARGET_CHAT,
    TARGET_ID,
    TARGET_HANDLES, /* the array */
    TARGET_HANDLE,  /* one of it */
    TARGET_NUMBER,
    TARGET_MINE,
    TARGETS,
};

/* A short text of its own. */
struct kept {
    char data[ID_MAX];
    size_t len;    /* 0: none */
    unsigned seen; /* how often the member stood there, or the array */
};

struct answer_scan {
    uint32_t magic;
    struct pick *pick;
    answer_chat_fn on_chat;
    void *arg;
    enum target meaning[TARGETS]; /* of pick's targets */
    size_t count;
    struct kept trace;
    struct kept id;    /* of the chat under way */
    struct kept mine;  /* the number of its handle that is mine */
    size_t mine_count; /* how many are */
    unsigned handles_seen;
    bool is_odd;        /* a handle has a member twice */
    struct kept number; /* of the handle under way */
    bool is_mine;
    unsigned mine_seen;
};

static bool is_visible(struct text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (t.data[i] <= ' ' || t.data[i] >= 0x7f)
            return false;
    return t.len > 0;
}

static bool is_e164(struct text t)
{
    if (t.len < 3 || t.len > NUMBER_MAX || t.data[0] != '+' || t.data[1] == '0')
        return false;
    for (size_t i = 1; i < t.len; i++)
        if (t.data[i] < '0' || t.data[i] > '9')
            return false;
    return true;
}

static void keep(struct kept *k, struct text t)
{
    memcpy(k->data, t.data, t.len);
    k->len = t.len;
}

static void drop(struct kept *k)
{
    k->len = 0;
    k->seen = 0;
}

static void chat_begins(struct answer_scan *s)
{
    drop(&s->id);
    drop(&s->mine);
    s->mine_count = 0;
    s->handles_seen = 0;
    s->is_odd = false;
}

static void chat_ends(struct answer_scan *s)
{
    if (s->id.len > 0 && s->id.seen == 1 && s->handles_seen == 1 &&
        s->mine_count == 1 && s->mine.len > 0 && !s->is_odd)
        s->on_chat(s->arg, text_make(s->id.data, s->id.len),
                   text_make(s->mine.data, s->mine.len));
    chat_begins(s);
}

static void handle_begins(struct answer_scan *s)
{
    drop(&s->number);
    s->is_mine = false;
    s->mine_seen = 0;
}

static void handle_ends(struct answer_scan *s)
{
    s->is_odd = s->is_odd || s->number.seen > 1 || s->mine_seen > 1;
    if (!s->is_mine)
        return;
    s->mine_count++;
    if (s->number.len > 0)
        keep(&s->mine, text_make(s->number.data, s->number.len));
}

static bool on_value(void *arg, size_t target, enum pick_kind kind,
                     struct text text)
{
    struct answer_scan *s;
    bool is_string =
        kind == PICK_STRING && text.len <= ID_MAX && is_visible(text);

    MAGIC_CAST(s, arg, ANSWER_MAGIC);
    switch (s->meaning[target]) {
    case TARGET_TRACE:
        if (is_string && s->trace.len == 0)
            keep(&s->trace, text);
        return s->trace.len == 0 || s->count > 1; /* enough when that is all */
    case TARGET_CHAT:
        if (kind == PICK_OBJECT)
            chat_begins(s);
        else if (kind == PICK_END)
            chat_ends(s);
        break;
    case TARGET_ID:
        s->id.seen += kind != PICK_END;
        if (is_string)
            keep(&s->id, text);
        break;
    case TARGET_HANDLES:
        s->handles_seen += kind != PICK_END;
        break;
    case TARGET_HANDLE:
        if (kind == PICK_OBJECT)
            handle_begins(s);
        else if (kind == PICK_END)
            handle_ends(s);
        break;
    case TARGET_NUMBER:
        s->number.seen += kind != PICK_END;
        if (is_string && is_e164(text))
            keep(&s->number, text);
        break;
    case TARGET_MINE:
        s->mine_seen += kind != PICK_END;
        s->is_mine = s->is_mine || kind == PICK_TRUE;
        break;
    case TARGETS:
        break;
    }
    return true;
}

/* The chat's pointer, then `member` of it; of the items of that `items_of`;
 * either may be NULL. False: too deep, or no pointer. */
static bool add_target(struct answer_scan *s, struct pick_target *targets,
                       enum target meaning, const char *base,
                       const char *items_of, const char *member)
{
    struct pick_target *t = &targets[s->count];

    if (pick_target_parse(text_of(base), t) != STATUS_OK)
        return false;
    if (items_of && (pick_target_add(t, text_of(items_of)) != STATUS_OK ||
                     pick_target_add_items(t) != STATUS_OK))
        return false;
    if (member && pick_target_add(t, text_of(member)) != STATUS_OK)
        return false;
    s->meaning[s->count++] = meaning;
    return true;
}

static void add_chat_targets(struct answer_scan *s, struct pick_target *targets,
                             const struct answer_spec *spec)
{
    const char *chat = spec->chat, *handles = spec->handles;
    size_t before = s->count;

    if (!add_target(s, targets, TARGET_CHAT, chat, NULL, NULL) ||
        !add_target(s, targets, TARGET_ID, chat, NULL, spec->id) ||
        !add_target(s, targets, TARGET_HANDLES, chat, NULL, handles) ||
        !add_target(s, targets, TARGET_HANDLE, chat, handles, NULL) ||
        !add_target(s, targets, TARGET_NUMBER, chat, handles, spec->handle) ||
        !add_target(s, targets, TARGET_MINE, chat, handles, spec->mine))
        s->count = before;
}

struct answer_scan *answer_scan_new(const struct answer_spec *spec,
                                    answer_chat_fn on_chat, void *arg)
{
    struct answer_scan *s = malloc(sizeof(*s));
    struct pick_target targets[TARGETS];

    if (!s)
        return NULL;
    memset(s, 0, sizeof(*s));
    MAGIC_SET(s, ANSWER_MAGIC);
    s->on_chat = on_chat;
    s->arg = arg;
    if (spec->trace_id)
        (void)add_target(s, targets, TARGET_TRACE, spec->trace_id, NULL, NULL);
    if (spec->chat && on_chat)
        add_chat_targets(s, targets, spec);
    if (s->count == 0)
        return s; /* nothing to find: nothing is looked at */
    s->pick = pick_new(targets, s->count, &limits, on_value, s);
    if (!s->pick) {
        answer_scan_free(s);
        return NULL;
    }
    return s;
}

void answer_scan_free(struct answer_scan *s)
{
    if (!s)
        return;
    CHECK(s->magic == ANSWER_MAGIC);
    pick_free(s->pick);
    MAGIC_CLEAR(s);
    free(s);
}

/* That the answer is no JSON is nobody's concern here. */
static void ignore(enum status s)
{
    (void)s;
}

void answer_scan_feed(struct answer_scan *s, const char *data, size_t len)
{
    CHECK(s->magic == ANSWER_MAGIC);
    if (s->pick)
        ignore(pick_feed(s->pick, data, len));
}

void answer_scan_finish(struct answer_scan *s)
{
    CHECK(s->magic == ANSWER_MAGIC);
    if (s->pick)
        ignore(pick_finish(s->pick));
}

struct text answer_scan_trace_id(const struct answer_scan *s)
{
    if (s->trace.len == 0)
        return (struct text){NULL, 0};
    return text_make(s->trace.data, s->trace.len);
}
