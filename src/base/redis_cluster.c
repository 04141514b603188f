/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis_cluster.c - many masters, each with its slots and its circuit.
 *
 *   command -> owner[slot] -> its link -> reply -> told
 *                  ^                      MOVED: owner[slot] mended, again
 *                  |                      ASK: again over there, with ASKING
 *                  +--- scout: CLUSTER SLOTS, of whoever answers
 *
 * A node is a master that the last map listed or that a redirection named; it
 * has a link, and the link a circuit, so that a master that stalls costs its
 * own slots a few time-outs and the others nothing. The map is read when the
 * client is made, after MOVED and CLUSTERDOWN, when a link has trouble, as
 * long as something is missing, and now and then. What a master that is away
 * served goes to on_failure until the map names another.
 *
 * A redirection says that nothing was done, so the command may go elsewhere;
 * REDIRECTS_MAX ends a circle of nodes that send it on to each other. An
 * error that is none (TRYAGAIN, CLUSTERDOWN) is for who asked: it says for
 * certain that nothing was done, too.
 *
 * Nodes that the map no longer lists are freed when they have been idle for a
 * while; commands under way with them are answered first.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "base/redis_errand.h"
#include "base/redis_layout.h"
#include "base/redis_link.h"
#include "base/redis_map.h"
#include "base/redis_scout.h"

#define CLUSTER_MAGIC 0x52434c55U /* "RCLU" */
#define REDIRECTS_MAX 5
#define LOOK_NOW_AND_THEN_US (30 * US_PER_S)
#define UNUSED_US (10 * US_PER_S)
/* 16,384 ranges of one slot, each with a master and two replicas. */
#define MAP_REPLY_BYTES ((size_t)32 << 20)

struct node {
    struct redis_node_address address;
    struct redis_link *link;
    bool is_listed; /* by the last map */
    mono_us used_at;
};

struct cluster {
    struct redis head;
    uint32_t magic;
    struct event_base *base;
    const struct clock *clock;
    struct redis_options options; /* owned */
    struct redis_scout *scout;
    struct redis_errands errands;

    struct node *nodes[REDIS_NODES_MAX]; /* NULL: free */
    size_t node_end;                     /* above the last one in use */
    uint16_t owner[REDIS_SLOTS];         /* index into nodes, or NOBODY */
    size_t slots_served;
    bool has_map;
    bool is_lost; /* a look found nothing, and nothing has since */
    bool is_closing;
    size_t first_asked;   /* of the nodes, in this round: it goes round */
    struct redis_map map; /* that the scout is reading */

    struct redis_counters gone; /* of nodes that are no more */
    uint64_t redirects, switches;
};

static struct cluster *cluster_of(const struct redis *r)
{
    struct cluster *c;

    MAGIC_CAST(c, r->self, CLUSTER_MAGIC);
    return c;
}

/* ---- nodes ---- */

static void on_trouble(void *arg)
{
    struct cluster *c;

    MAGIC_CAST(c, arg, CLUSTER_MAGIC);
    redis_scout_hurry(c->scout);
}

static void node_free(struct cluster *c, size_t i)
{
    struct node *n = c->nodes[i];

    redis_link_count(n->link, &c->gone);
    redis_link_free(n->link);
    free(n);
    c->nodes[i] = NULL;
}

static struct node *node_new(struct cluster *c,
                             const struct redis_node_address *a)
{
    struct redis_options o = c->options;
    struct node *n = calloc(1, sizeof(*n));

    if (n == NULL)
        return NULL;
    n->address = *a;
    n->used_at = clock_mono(c->clock);
    o.host = (struct redis_host){n->address.host, n->address.port};
    if (redis_link_new(c->base, c->clock, &o, on_trouble, c, &n->link) ==
        STATUS_OK)
        return n;
    free(n);
    return NULL;
}

/* The index of the node at this address, made if there is none; NOBODY: out of
 * memory, or there are too many. */
static uint16_t node_at(struct cluster *c, const struct redis_node_address *a)
{
    size_t vacant = REDIS_NODES_MAX;

    for (size_t i = 0; i < c->node_end; i++) {
        const struct node *n = c->nodes[i];

        if (n == NULL && vacant == REDIS_NODES_MAX)
            vacant = i;
        if (n != NULL && n->address.port == a->port &&
            strcmp(n->address.host, a->host) == 0)
            return (uint16_t)i;
    }
    if (vacant == REDIS_NODES_MAX)
        vacant = c->node_end;
    if (vacant == REDIS_NODES_MAX)
        return REDIS_NOBODY;
    c->nodes[vacant] = node_new(c, a);
    if (c->nodes[vacant] == NULL)
        return REDIS_NOBODY;
    if (vacant == c->node_end)
        c->node_end++;
    return (uint16_t)vacant;
}

static void set_owner(struct cluster *c, size_t slot, uint16_t node)
{
    if (c->owner[slot] == REDIS_NOBODY)
        c->slots_served++;
    if (node == REDIS_NOBODY)
        c->slots_served--;
    c->owner[slot] = node;
}

/* ---- commands ---- */

static void on_reply(void *arg, const struct redis_result *result);

/* False: out of memory, or closing. */
static bool send_to(struct cluster *c, uint16_t node, bool asking,
                    struct redis_errand *e)
{
    mono_us now = clock_mono(c->clock);
    struct node *n = c->nodes[node];

    n->used_at = now;
    e->node = node;
    return redis_link_command(n->link, asking, e->deadline - now, e->argc,
                              e->argv, on_reply, e) == STATUS_OK;
}

/* To the slot's owner, or refuse it. False: out of memory. */
static bool dispatch(struct cluster *c, struct redis_errand *e)
{
    uint16_t owner = c->owner[e->at];

    if (owner != REDIS_NOBODY)
        return send_to(c, owner, false, e);
    redis_errands_refuse(&c->errands, e);
    redis_scout_hurry(c->scout);
    return true;
}

/* An empty host is that of the node that said it, which cannot have been freed:
 * it was not idle until now. */
static bool address_of(const struct cluster *c, const struct redis_errand *e,
                       const struct redis_redirect *r,
                       struct redis_node_address *out)
{
    struct text host = r->host;

    if (host.len == 0)
        host = text_of(c->nodes[e->node]->address.host);
    if (host.len >= sizeof(out->host))
        return false;
    memset(out->host, 0, sizeof(out->host));
    memcpy(out->host, host.data, host.len);
    out->port = r->port;
    return true;
}

/* True: the command is on its way to somebody else. */
static bool follow(struct cluster *c, struct redis_errand *e, struct text error)
{
    struct redis_node_address address;
    struct redis_redirect r;
    uint16_t node;

    if (!redis_redirect_parse(error, &r) || r.slot != e->at)
        return false;
    if (!r.is_ask)
        redis_scout_hurry(c->scout);
    if (e->redirects == REDIRECTS_MAX || e->deadline <= clock_mono(c->clock) ||
        !address_of(c, e, &r, &address))
        return false;
    node = node_at(c, &address);
    if (node == REDIS_NOBODY)
        return false;
    if (!r.is_ask)
        set_owner(c, r.slot, node);
    e->redirects++;
    if (!send_to(c, node, r.is_ask, e))
        return false;
    c->redirects++;
    return true;
}

static void on_reply(void *arg, const struct redis_result *result)
{
    struct redis_errand *e = redis_errand_cast(arg);
    struct cluster *c;

    MAGIC_CAST(c, e->owner, CLUSTER_MAGIC);
    if (result->status == STATUS_OK &&
        redis_reply_kind(result->reply) == REDIS_ERROR) {
        struct text error = redis_reply_text(result->reply);

        if (follow(c, e, error))
            return;
        if (text_starts_with(error, TEXT_LIT("CLUSTERDOWN")))
            redis_scout_hurry(c->scout);
    }
    redis_errands_tell(&c->errands, e, result);
}

/* Nobody to ask is known yet, and there is hope that somebody will be. */
static bool is_starting(const struct cluster *c)
{
    return !c->has_map && !c->is_lost && c->errands.timeouts == 0 &&
           c->errands.held_count < c->options.max_pending;
}

static enum status cluster_command(struct redis *r, redis_place at,
                                   int64_t timeout_us, size_t argc,
                                   const struct text *argv, redis_done_fn done,
                                   void *arg)
{
    struct cluster *c = cluster_of(r);
    struct redis_errand *e;

    CHECK(at < REDIS_SLOTS && argc > 0 && done != NULL);
    if (c->is_closing)
        return STATUS_UNAVAILABLE;
    e = redis_errand_new(c, at, clock_mono(c->clock) + timeout_us, argc, argv,
                         done, arg);
    if (e == NULL)
        return STATUS_NO_MEMORY;
    if (is_starting(c)) {
        redis_errands_hold(&c->errands, e);
    } else if (!dispatch(c, e)) {
        redis_errand_drop(e);
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

static redis_place cluster_place_of(const struct redis *r, struct text key)
{
    (void)r;
    return redis_slot_of(key);
}

static bool cluster_is_up(const struct redis *r, redis_place at)
{
    const struct cluster *c = cluster_of(r);
    uint16_t owner = c->owner[at];

    if (c->is_closing)
        return false;
    if (owner == REDIS_NOBODY)
        return is_starting(c);
    return redis_link_is_up(c->nodes[owner]->link);
}

static bool cluster_is_whole(const struct redis *r)
{
    const struct cluster *c = cluster_of(r);

    for (size_t i = 0; i < c->node_end; i++)
        if (c->nodes[i] != NULL && c->nodes[i]->is_listed &&
            !redis_link_is_up(c->nodes[i]->link))
            return false;
    return c->slots_served == REDIS_SLOTS || is_starting(c);
}

/* ---- the map ---- */

/* True: the n-th node that is up, or that is not, beginning with
 * first_asked. Counts *n down otherwise. */
static bool nth_node(const struct cluster *c, bool is_up, size_t *n,
                     struct redis_host *out)
{
    for (size_t i = 0; i < c->node_end; i++) {
        const struct node *at = c->nodes[(c->first_asked + i) % c->node_end];

        if (at == NULL || !at->is_listed || redis_link_is_up(at->link) != is_up)
            continue;
        if ((*n)-- == 0) {
            *out = (struct redis_host){at->address.host, at->address.port};
            return true;
        }
    }
    return false;
}

/* Masters that answer, then the seeds, then the rest: a stalled one costs the
 * look its patience. */
static bool candidate(void *arg, size_t i, struct redis_host *out)
{
    struct cluster *c;

    MAGIC_CAST(c, arg, CLUSTER_MAGIC);
    if (nth_node(c, true, &i, out))
        return true;
    if (i < c->options.seed_count) {
        *out = c->options.seeds[i];
        return true;
    }
    i -= c->options.seed_count;
    return nth_node(c, false, &i, out);
}

static bool answer(void *arg, const struct redis_host *from,
                   const struct redis_reply *reply, const char **why)
{
    struct cluster *c;
    enum status s;

    MAGIC_CAST(c, arg, CLUSTER_MAGIC);
    s = redis_map_read(reply, from->name, &c->map);
    *why = s == STATUS_TOO_LARGE ? "more than 1000 masters"
                                 : "no master for any slot";
    return s == STATUS_OK;
}

static void sweep(struct cluster *c)
{
    mono_us now = clock_mono(c->clock);

    for (size_t i = 0; i < c->node_end; i++) {
        struct node *n = c->nodes[i];

        if (n != NULL && !n->is_listed && redis_link_is_idle(n->link) &&
            now - n->used_at >= UNUSED_US)
            node_free(c, i);
    }
    while (c->node_end > 0 && c->nodes[c->node_end - 1] == NULL)
        c->node_end--;
}

/* The map that was read is in force: true if it says anything new. */
static bool adopt(struct cluster *c)
{
    uint16_t nodes[REDIS_NODES_MAX] = {0};
    bool is_new = false;

    for (size_t i = 0; i < c->node_end; i++)
        if (c->nodes[i] != NULL)
            c->nodes[i]->is_listed = false;
    for (size_t i = 0; i < c->map.master_count; i++) {
        nodes[i] = node_at(c, &c->map.masters[i]);
        if (nodes[i] != REDIS_NOBODY)
            c->nodes[nodes[i]]->is_listed = true;
    }
    for (size_t slot = 0; slot < REDIS_SLOTS; slot++) {
        uint16_t master = c->map.owner[slot];
        uint16_t owner = master == REDIS_NOBODY ? REDIS_NOBODY : nodes[master];

        is_new = is_new || c->owner[slot] != owner;
        set_owner(c, slot, owner);
    }
    sweep(c);
    return is_new;
}

static void send_held(struct cluster *c)
{
    struct redis_errand *e;

    while ((e = redis_errands_take(&c->errands)) != NULL)
        if (!dispatch(c, e))
            redis_errands_refuse(&c->errands, e);
}

static int64_t over(void *arg, bool found)
{
    struct cluster *c;
    char why[512];

    MAGIC_CAST(c, arg, CLUSTER_MAGIC);
    c->first_asked++;
    if (found) {
        bool is_new = adopt(c);

        if (is_new || c->is_lost)
            log_event(c->slots_served == REDIS_SLOTS ? LOG_INFO : LOG_WARNING,
                      "redis.cluster", "masters=%zu slots=%zu",
                      c->map.master_count, c->slots_served);
        c->switches += is_new && c->has_map;
        c->has_map = true;
        c->is_lost = false;
        send_held(c);
    } else {
        if (!c->is_lost)
            log_event(LOG_WARNING, "redis.cluster_unknown", "reason=%s",
                      log_quote(text_of(redis_scout_why(c->scout)), why,
                                sizeof(why)));
        c->is_lost = true;
        redis_errands_refuse_held(&c->errands);
    }
    return c->is_lost || !cluster_is_whole(&c->head)
               ? c->options.look_interval_us
               : LOOK_NOW_AND_THEN_US;
}

/* ---- life cycle ---- */

static void cluster_count(const struct redis *r, struct redis_counters *sum)
{
    const struct cluster *c = cluster_of(r);

    *sum = c->gone;
    for (size_t i = 0; i < c->node_end; i++)
        if (c->nodes[i] != NULL)
            redis_link_count(c->nodes[i]->link, sum);
    sum->timeouts += c->errands.timeouts;
    sum->redirects = c->redirects;
    sum->looks = redis_scout_rounds(c->scout);
    sum->switches = c->switches;
}

static void cluster_free(struct redis *r)
{
    struct cluster *c = cluster_of(r);

    CHECK(c->errands.magic == 0 || c->errands.calling == 0);
    c->is_closing = true;
    for (size_t i = 0; i < c->node_end; i++)
        if (c->nodes[i] != NULL)
            node_free(c, i);
    redis_scout_free(c->scout);
    redis_errands_release(&c->errands);
    redis_options_release(&c->options);
    MAGIC_CLEAR(c);
    MAGIC_CLEAR(&c->head);
    free(c);
}

static const struct redis_layout_ops cluster_ops = {
    .place_of = cluster_place_of,
    .command = cluster_command,
    .is_up = cluster_is_up,
    .is_whole = cluster_is_whole,
    .count = cluster_count,
    .free = cluster_free,
};

enum status redis_cluster_new(struct event_base *base,
                              const struct clock *clock,
                              const struct redis_options *options,
                              struct redis **out)
{
    static const struct text question[] = {TEXT("CLUSTER"), TEXT("SLOTS")};
    const struct redis_scout_orders orders = {
        .argc = ARRAY_LEN(question),
        .argv = question,
        .candidate = candidate,
        .answer = answer,
        .over = over,
    };
    struct redis_options scouting = *options;
    struct cluster *c;

    if (options->database != 0)
        return STATUS_INVALID;
    c = calloc(1, sizeof(*c));
    if (c == NULL)
        return STATUS_NO_MEMORY;
    MAGIC_SET(c, CLUSTER_MAGIC);
    MAGIC_SET(&c->head, REDIS_MAGIC);
    c->head.ops = &cluster_ops;
    c->head.self = c;
    c->base = base;
    c->clock = clock;
    for (size_t i = 0; i < REDIS_SLOTS; i++)
        c->owner[i] = REDIS_NOBODY;
    scouting.max_reply_bytes = MAP_REPLY_BYTES;
    if (redis_options_copy(options, &c->options) != STATUS_OK ||
        redis_errands_init(&c->errands, base, clock) != STATUS_OK ||
        redis_scout_new(base, clock, &scouting, &orders, false, c, &c->scout) !=
            STATUS_OK) {
        cluster_free(&c->head);
        return STATUS_NO_MEMORY;
    }
    *out = &c->head;
    return STATUS_OK;
}
