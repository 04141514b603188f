/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis_sentinel.c - one master, which sentinels name.
 *
 *   asker:    SENTINEL get-master-addr-by-name, of one sentinel after the other
 *   verifier: ROLE, of whom it named -> a master: commands go there
 *                                    -> none:     ask the next sentinel
 *
 * They are asked when the client is made, when the link to the master has
 * trouble, when it says READONLY (it was demoted), as long as there is no
 * master, and every other second: a master that was cut off from its
 * sentinels goes on answering, and what it is told then will be lost.
 *
 * The sentinel that told the truth last is asked first. One that is cut off
 * may name a master that is none any more; ROLE finds that out unless that
 * one is cut off too.
 *
 * Between a master that is away and the next one nothing waits: the link's
 * circuit refuses.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "base/redis_errand.h"
#include "base/redis_layout.h"
#include "base/redis_link.h"
#include "base/redis_scout.h"

#define SENTINEL_MAGIC 0x5253454eU /* "RSEN" */
#define LOOK_NOW_AND_THEN_US (2 * US_PER_S)
#define HOST_SIZE 256
#define QUESTION_WORDS 3

struct address {
    char host[HOST_SIZE];
    int port;
};

struct sentinel {
    struct redis head;
    uint32_t magic;
    struct event_base *base;
    const struct clock *clock;
    struct redis_options options; /* owned */
    struct text question[QUESTION_WORDS];
    struct redis_scout *asker, *verifier;
    struct redis_errands errands;
    size_t first, asked; /* of the sentinels: to ask first, asked last */

    struct address named;  /* by a sentinel */
    struct address judged; /* the one of them that is asked for its role */
    struct address master; /* of `link` */
    struct redis_link *link;
    struct redis_link *former; /* its last commands may be under way */
    bool is_demoted;           /* it said READONLY */
    bool is_lost; /* no master was found, and none has been since */
    bool is_closing;
    struct redis_counters gone; /* of links that are no more */
    uint64_t switches;
};

static struct sentinel *sentinel_of(const struct redis *r)
{
    struct sentinel *s;

    MAGIC_CAST(s, r->self, SENTINEL_MAGIC);
    return s;
}

/* ---- commands ---- */

static void on_reply(void *arg, const struct redis_result *result)
{
    struct redis_errand *e = redis_errand_cast(arg);
    struct sentinel *s;

    MAGIC_CAST(s, e->owner, SENTINEL_MAGIC);
    if (result->status == STATUS_OK &&
        redis_reply_kind(result->reply) == REDIS_ERROR &&
        text_starts_with(redis_reply_text(result->reply),
                         TEXT_LIT("READONLY"))) {
        s->is_demoted = true;
        redis_scout_hurry(s->asker);
    }
    redis_errands_tell(&s->errands, e, result);
}

static bool is_usable(const struct sentinel *s)
{
    return s->link != NULL && !s->is_demoted && !s->is_closing;
}

/* Nobody to ask is known yet, and there is hope that somebody will be. */
static bool is_starting(const struct sentinel *s)
{
    return s->link == NULL && !s->is_lost && s->errands.timeouts == 0 &&
           s->errands.held_count < s->options.max_pending;
}

static enum status sentinel_command(struct redis *r, redis_place at,
                                    int64_t timeout_us, size_t argc,
                                    const struct text *argv, redis_done_fn done,
                                    void *arg)
{
    struct sentinel *s = sentinel_of(r);
    bool is_held = is_starting(s);
    struct redis_errand *e;
    enum status status;

    CHECK(argc > 0 && done != NULL);
    if (s->is_closing)
        return STATUS_UNAVAILABLE;
    /* Only who waits needs arguments of its own. */
    e = redis_errand_new(s, at, clock_mono(s->clock) + timeout_us,
                         is_held ? argc : 0, argv, done, arg);
    if (e == NULL)
        return STATUS_NO_MEMORY;
    if (is_held) {
        redis_errands_hold(&s->errands, e);
        return STATUS_OK;
    }
    if (!is_usable(s)) {
        redis_errands_refuse(&s->errands, e);
        return STATUS_OK;
    }
    status =
        redis_link_command(s->link, false, timeout_us, argc, argv, on_reply, e);
    if (status != STATUS_OK)
        redis_errand_drop(e);
    return status;
}

static redis_place sentinel_place_of(const struct redis *r, struct text key)
{
    (void)r;
    (void)key;
    return 0;
}

static bool sentinel_is_whole(const struct redis *r)
{
    const struct sentinel *s = sentinel_of(r);

    return is_usable(s) ? redis_link_is_up(s->link) : is_starting(s);
}

static bool sentinel_is_up(const struct redis *r, redis_place at)
{
    (void)at;
    return sentinel_is_whole(r);
}

/* ---- who is the master ---- */

static void on_trouble(void *arg)
{
    struct sentinel *s;

    MAGIC_CAST(s, arg, SENTINEL_MAGIC);
    redis_scout_hurry(s->asker);
}

static bool sentinel_at(void *arg, size_t i, struct redis_host *out)
{
    struct sentinel *s;

    MAGIC_CAST(s, arg, SENTINEL_MAGIC);
    if (i >= s->options.seed_count)
        return false;
    s->asked = (s->first + i) % s->options.seed_count;
    *out = s->options.seeds[s->asked];
    return true;
}

/* An array of an address and a port in digits; nil: it knows no such name. */
static bool take_name(void *arg, const struct redis_host *from,
                      const struct redis_reply *reply, const char **why)
{
    struct sentinel *s;
    struct text host, port;
    uint64_t n;

    (void)from;
    MAGIC_CAST(s, arg, SENTINEL_MAGIC);
    if (redis_reply_kind(reply) == REDIS_NIL) {
        *why = "knows no master of that name";
        return false;
    }
    if (redis_reply_count(reply) != 2)
        return false;
    host = redis_reply_text(redis_reply_at(reply, 0));
    port = redis_reply_text(redis_reply_at(reply, 1));
    if (host.len == 0 || host.len >= sizeof(s->named.host) ||
        text_to_u64(port, 65535, &n) != STATUS_OK || n == 0)
        return false;
    memset(s->named.host, 0, sizeof(s->named.host));
    memcpy(s->named.host, host.data, host.len);
    s->named.port = (int)n;
    return true;
}

/* No master for now; the old one's link knows by itself whether it is up. */
static void lose(struct sentinel *s, const struct redis_scout *by)
{
    char why[512];

    if (!s->is_lost)
        log_event(LOG_WARNING, "redis.master_unknown", "name=%s reason=%s",
                  s->options.master,
                  log_quote(text_of(redis_scout_why(by)), why, sizeof(why)));
    s->is_lost = true;
    redis_errands_refuse_held(&s->errands);
    redis_scout_wake(s->asker, s->options.look_interval_us);
}

static int64_t asked_all(void *arg, bool found)
{
    struct sentinel *s;

    MAGIC_CAST(s, arg, SENTINEL_MAGIC);
    if (found) {
        s->first = s->asked;
        redis_scout_hurry(s->verifier);
    } else {
        lose(s, s->asker);
    }
    return REDIS_SCOUT_IDLE;
}

static bool named_master(void *arg, size_t i, struct redis_host *out)
{
    struct sentinel *s;

    MAGIC_CAST(s, arg, SENTINEL_MAGIC);
    s->judged = s->named;
    *out = (struct redis_host){s->judged.host, s->judged.port};
    return i == 0;
}

static bool take_role(void *arg, const struct redis_host *from,
                      const struct redis_reply *reply, const char **why)
{
    (void)arg;
    (void)from;
    *why = "is not a master, or not yet";
    return redis_reply_count(reply) > 0 &&
           text_is(redis_reply_text(redis_reply_at(reply, 0)), "master");
}

static void drop_former(struct sentinel *s)
{
    if (s->former == NULL)
        return;
    redis_link_count(s->former, &s->gone);
    redis_link_free(s->former);
    s->former = NULL;
}

static enum status use_judged(struct sentinel *s)
{
    struct redis_options o = s->options;
    struct redis_link *link;
    enum status status;

    s->is_demoted = false;
    if (s->link != NULL && s->master.port == s->judged.port &&
        strcmp(s->master.host, s->judged.host) == 0)
        return STATUS_OK;
    o.host = (struct redis_host){s->judged.host, s->judged.port};
    status = redis_link_new(s->base, s->clock, &o, on_trouble, s, &link);
    if (status != STATUS_OK)
        return status;
    drop_former(s);
    s->former = s->link;
    s->switches += s->link != NULL;
    s->link = link;
    s->master = s->judged;
    log_event(LOG_INFO, "redis.master", "name=%s server=%s:%d",
              s->options.master, s->master.host, s->master.port);
    return STATUS_OK;
}

static void send_held(struct sentinel *s)
{
    struct redis_errand *e;

    while ((e = redis_errands_take(&s->errands)) != NULL)
        if (redis_link_command(s->link, false,
                               e->deadline - clock_mono(s->clock), e->argc,
                               e->argv, on_reply, e) != STATUS_OK)
            redis_errands_refuse(&s->errands, e);
}

static int64_t verified(void *arg, bool found)
{
    struct sentinel *s;

    MAGIC_CAST(s, arg, SENTINEL_MAGIC);
    if (s->former != NULL && redis_link_is_idle(s->former))
        drop_former(s);
    if (found && use_judged(s) == STATUS_OK) {
        s->is_lost = false;
        send_held(s);
        redis_scout_wake(s->asker, redis_link_is_up(s->link)
                                       ? LOOK_NOW_AND_THEN_US
                                       : s->options.look_interval_us);
    } else {
        s->first++; /* perhaps the next one knows better */
        lose(s, s->verifier);
    }
    return REDIS_SCOUT_IDLE;
}

/* ---- life cycle ---- */

static void sentinel_count(const struct redis *r, struct redis_counters *sum)
{
    const struct sentinel *s = sentinel_of(r);

    *sum = s->gone;
    if (s->link != NULL)
        redis_link_count(s->link, sum);
    if (s->former != NULL)
        redis_link_count(s->former, sum);
    sum->timeouts += s->errands.timeouts;
    sum->looks = redis_scout_rounds(s->asker);
    sum->switches = s->switches;
}

static void sentinel_free(struct redis *r)
{
    struct sentinel *s = sentinel_of(r);

    CHECK(s->errands.magic == 0 || s->errands.calling == 0);
    s->is_closing = true;
    drop_former(s);
    redis_link_free(s->link);
    redis_scout_free(s->asker);
    redis_scout_free(s->verifier);
    redis_errands_release(&s->errands);
    redis_options_release(&s->options);
    MAGIC_CLEAR(s);
    MAGIC_CLEAR(&s->head);
    free(s);
}

static const struct redis_layout_ops sentinel_ops = {
    .place_of = sentinel_place_of,
    .command = sentinel_command,
    .is_up = sentinel_is_up,
    .is_whole = sentinel_is_whole,
    .count = sentinel_count,
    .free = sentinel_free,
};

static enum status make_scouts(struct sentinel *s)
{
    static const struct text role[] = {TEXT("ROLE")};
    const struct redis_scout_orders asking = {
        .argc = QUESTION_WORDS,
        .argv = s->question,
        .auth_if_asked = true,
        .candidate = sentinel_at,
        .answer = take_name,
        .over = asked_all,
    };
    const struct redis_scout_orders verifying = {
        .argc = ARRAY_LEN(role),
        .argv = role,
        .candidate = named_master,
        .answer = take_role,
        .over = verified,
    };
    enum status status = redis_scout_new(s->base, s->clock, &s->options,
                                         &verifying, true, s, &s->verifier);

    s->question[0] = TEXT_LIT("SENTINEL");
    s->question[1] = TEXT_LIT("get-master-addr-by-name");
    s->question[2] = text_of(s->options.master);
    if (status != STATUS_OK)
        return status;
    return redis_scout_new(s->base, s->clock, &s->options, &asking, false, s,
                           &s->asker);
}

enum status redis_sentinel_new(struct event_base *base,
                               const struct clock *clock,
                               const struct redis_options *options,
                               struct redis **out)
{
    struct sentinel *s;

    if (options->master == NULL)
        return STATUS_INVALID;
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        return STATUS_NO_MEMORY;
    MAGIC_SET(s, SENTINEL_MAGIC);
    MAGIC_SET(&s->head, REDIS_MAGIC);
    s->head.ops = &sentinel_ops;
    s->head.self = s;
    s->base = base;
    s->clock = clock;
    if (redis_options_copy(options, &s->options) != STATUS_OK ||
        redis_errands_init(&s->errands, base, clock) != STATUS_OK ||
        make_scouts(s) != STATUS_OK) {
        sentinel_free(&s->head);
        return STATUS_NO_MEMORY;
    }
    *out = &s->head;
    return STATUS_OK;
}
