/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis_scout.c - rounds of one question.
 *
 * A link may not be freed from its own callback, so an answer only sets what
 * comes next and makes `step` active, which frees the link and goes on. The
 * same event is the timer between two rounds.
 */
#include "base/redis_scout.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/redis_layout.h"
#include "base/redis_link.h"

#define SCOUT_MAGIC 0x5343544fU /* "SCTO" */
#define HOST_SIZE 256

enum phase { RESTING, ASKING, FOUND };

struct redis_scout {
    uint32_t magic;
    struct event_base *base;
    const struct clock *clock;
    struct redis_options options; /* owned */
    struct redis_scout_orders orders;
    void *arg;

    enum phase phase;
    struct event *step;
    mono_us due; /* RESTING: when `step` fires; INT64_MAX: never */
    mono_us began_at;
    uint64_t rounds;
    bool again; /* hurry came during the round */
    bool is_closing;

    size_t at; /* of the candidate being asked */
    char name[HOST_SIZE];
    struct redis_host host; /* its name is `name` */
    struct redis_link *link;
    bool use_password;
    char why[400];
};

static void note(struct redis_scout *s, const char *why)
{
    snprintf(s->why, sizeof(s->why), "%s:%d: %s", s->host.name, s->host.port,
             why);
}

static void rest(struct redis_scout *s, int64_t delay_us)
{
    mono_us now = clock_mono(s->clock);
    mono_us due = now + delay_us;
    struct timeval tv;

    if (due < s->began_at + s->options.look_interval_us && s->rounds > 0)
        due = s->began_at + s->options.look_interval_us;
    if (due >= s->due)
        return;
    s->due = due;
    due = due > now ? due - now : 0;
    tv.tv_sec = (time_t)(due / US_PER_S);
    tv.tv_usec = (suseconds_t)(due % US_PER_S);
    (void)evtimer_add(s->step, &tv); /* room was made by redis_scout_new() */
}

static void end_round(struct redis_scout *s, bool found)
{
    int64_t delay;

    s->phase = RESTING;
    s->due = INT64_MAX;
    delay = s->orders.over(s->arg, found);
    if (s->again)
        delay = 0;
    s->again = false;
    if (delay >= 0)
        rest(s, delay);
}

/* A refused greeting ("NOAUTH ...") is the link's last failure. */
static bool wants_password(const struct redis_scout *s,
                           const struct redis_result *result)
{
    struct text error = result->status == STATUS_OK
                            ? redis_reply_text(result->reply)
                            : text_of(redis_link_why(s->link));

    return !s->use_password && s->options.password != NULL &&
           text_starts_with(error, TEXT_LIT("NOAUTH"));
}

static void on_done(void *arg, const struct redis_result *result)
{
    struct redis_scout *s;
    bool is_error = result->status != STATUS_OK ||
                    redis_reply_kind(result->reply) == REDIS_ERROR;
    const char *why = "an answer that makes no sense";

    MAGIC_CAST(s, arg, SCOUT_MAGIC);
    if (s->is_closing)
        return;
    event_active(s->step, EV_TIMEOUT, 0);
    if (is_error && wants_password(s, result)) {
        s->use_password = true;
        s->at--; /* the same one again */
        return;
    }
    s->use_password = false;
    if (result->status == STATUS_TIMEOUT)
        note(s, "no answer in time");
    else if (result->status != STATUS_OK)
        note(s, redis_link_why(s->link));
    else if (is_error)
        note(s, redis_reply_text(result->reply).data); /* terminated */
    else if (s->orders.answer(s->arg, &s->host, result->reply, &why))
        s->phase = FOUND;
    else
        note(s, why);
}

/* True: on_done() will be called. */
static bool ask(struct redis_scout *s)
{
    struct redis_options o = s->options;

    o.host = s->host;
    o.path = NULL;
    o.circuit_failures = UINT32_MAX; /* one failure ends it; no word of it */
    if (s->orders.auth_if_asked) {
        o.database = 0;
        if (!s->use_password)
            o.user = o.password = NULL;
    }
    if (redis_link_new(s->base, s->clock, &o, NULL, NULL, &s->link) !=
        STATUS_OK)
        s->link = NULL;
    return s->link != NULL &&
           redis_link_command(s->link, false, o.connect_timeout_us,
                              s->orders.argc, s->orders.argv, on_done,
                              s) == STATUS_OK;
}

static void ask_next(struct redis_scout *s)
{
    struct redis_host host;

    while (s->orders.candidate(s->arg, s->at, &host)) {
        s->at++;
        snprintf(s->name, sizeof(s->name), "%s", host.name);
        s->host = (struct redis_host){s->name, host.port};
        if (ask(s))
            return;
        note(s, "out of memory");
        redis_link_free(s->link);
        s->link = NULL;
    }
    end_round(s, false);
}

static void on_step(evutil_socket_t fd, short what, void *arg)
{
    struct redis_scout *s;

    (void)fd;
    (void)what;
    MAGIC_CAST(s, arg, SCOUT_MAGIC);
    redis_link_free(s->link);
    s->link = NULL;
    switch (s->phase) {
    case RESTING:
        s->phase = ASKING;
        s->at = 0;
        s->use_password = false;
        s->began_at = clock_mono(s->clock);
        s->rounds++;
        ask_next(s);
        break;
    case ASKING:
        ask_next(s);
        break;
    case FOUND:
        end_round(s, true);
        break;
    }
}

void redis_scout_wake(struct redis_scout *s, int64_t delay_us)
{
    if (s->phase == RESTING)
        rest(s, delay_us);
    else
        s->again = true;
}

const char *redis_scout_why(const struct redis_scout *s)
{
    return s->why;
}

uint64_t redis_scout_rounds(const struct redis_scout *s)
{
    return s->rounds;
}

enum status redis_scout_new(struct event_base *base, const struct clock *clock,
                            const struct redis_options *options,
                            const struct redis_scout_orders *orders,
                            bool is_waiting, void *arg,
                            struct redis_scout **out)
{
    const struct timeval now = {0, 0};
    struct redis_scout *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return STATUS_NO_MEMORY;
    MAGIC_SET(s, SCOUT_MAGIC);
    s->base = base;
    s->clock = clock;
    s->orders = *orders;
    s->arg = arg;
    s->due = INT64_MAX;
    s->step = evtimer_new(base, on_step, s);
    if (s->step == NULL ||
        redis_options_copy(options, &s->options) != STATUS_OK ||
        evtimer_add(s->step, &now) < 0) {
        redis_scout_free(s);
        return STATUS_NO_MEMORY;
    }
    if (is_waiting)
        (void)evtimer_del(s->step);
    *out = s;
    return STATUS_OK;
}

void redis_scout_free(struct redis_scout *s)
{
    if (s == NULL)
        return;
    CHECK(s->magic == SCOUT_MAGIC);
    s->is_closing = true;
    redis_link_free(s->link);
    if (s->step != NULL)
        event_free(s->step);
    redis_options_release(&s->options);
    MAGIC_CLEAR(s);
    free(s);
}
