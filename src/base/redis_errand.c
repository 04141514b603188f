/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis_errand.c - commands that wait for somebody to ask.
 */
#include "base/redis_errand.h"

#include <stdlib.h>

#include "base/check.h"

#define ERRAND_MAGIC 0x45525244U  /* "ERRD" */
#define ERRANDS_MAGIC 0x45525253U /* "ERRS" */

struct redis_errand *redis_errand_new(void *owner, redis_place at,
                                      mono_us deadline, size_t argc,
                                      const struct text *argv,
                                      redis_done_fn done, void *arg)
{
    size_t bytes = argc * sizeof(*argv);
    struct redis_errand *e;
    char *to;

    for (size_t i = 0; i < argc; i++)
        bytes += argv[i].len;
    e = malloc(sizeof(*e) + bytes);
    if (e == NULL)
        return NULL;
    memset(e, 0, sizeof(*e));
    MAGIC_SET(e, ERRAND_MAGIC);
    e->owner = owner;
    e->at = at;
    e->deadline = deadline;
    e->done = done;
    e->arg = arg;
    e->argc = argc;
    to = (char *)(e->argv + argc);
    for (size_t i = 0; i < argc; i++) {
        if (argv[i].len > 0)
            memcpy(to, argv[i].data, argv[i].len);
        e->argv[i] = text_make(to, argv[i].len);
        to += argv[i].len;
    }
    return e;
}

void redis_errand_drop(struct redis_errand *e)
{
    MAGIC_CLEAR(e);
    free(e);
}

struct redis_errand *redis_errand_cast(void *arg)
{
    struct redis_errand *e;

    MAGIC_CAST(e, arg, ERRAND_MAGIC);
    return e;
}

void redis_errands_tell(struct redis_errands *list, struct redis_errand *e,
                        const struct redis_result *result)
{
    redis_done_fn done = e->done;
    void *arg = e->arg;

    redis_errand_drop(e);
    list->calling++;
    done(arg, result);
    list->calling--;
}

static void end_later(struct redis_errands *list, struct redis_errand *e,
                      enum status status)
{
    e->status = status;
    TAILQ_INSERT_TAIL(&list->over, e, order);
    event_active(list->turn, EV_TIMEOUT, 0);
}

void redis_errands_refuse(struct redis_errands *list, struct redis_errand *e)
{
    end_later(list, e, STATUS_UNAVAILABLE);
}

static void tell_over(struct redis_errands *list)
{
    struct redis_errand *e;

    while ((e = TAILQ_FIRST(&list->over)) != NULL) {
        const struct redis_result result = {e->status, NULL, false};

        TAILQ_REMOVE(&list->over, e, order);
        redis_errands_tell(list, e, &result);
    }
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct redis_errands *list;

    (void)fd;
    (void)what;
    MAGIC_CAST(list, arg, ERRANDS_MAGIC);
    tell_over(list);
}

static void set_timer(struct redis_errands *list, mono_us now)
{
    const struct redis_errand *e;
    mono_us earliest = INT64_MAX;
    struct timeval tv;

    TAILQ_FOREACH(e, &list->held, order)
    if (e->deadline < earliest)
        earliest = e->deadline;
    if (earliest == INT64_MAX)
        return;
    earliest = earliest > now ? earliest - now : 0;
    tv.tv_sec = (time_t)(earliest / US_PER_S);
    tv.tv_usec = (suseconds_t)(earliest % US_PER_S);
    (void)evtimer_add(list->timer, &tv); /* room was made by the init */
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct redis_errands *list;
    struct redis_errand *e, *next;
    mono_us now;

    (void)fd;
    (void)what;
    MAGIC_CAST(list, arg, ERRANDS_MAGIC);
    now = clock_mono(list->clock);
    for (e = TAILQ_FIRST(&list->held); e != NULL; e = next) {
        next = TAILQ_NEXT(e, order);
        if (e->deadline > now)
            continue;
        TAILQ_REMOVE(&list->held, e, order);
        list->held_count--;
        list->timeouts++;
        end_later(list, e, STATUS_TIMEOUT);
    }
    set_timer(list, now);
}

void redis_errands_hold(struct redis_errands *list, struct redis_errand *e)
{
    bool is_set = evtimer_pending(list->timer, NULL) != 0;

    TAILQ_INSERT_TAIL(&list->held, e, order);
    list->held_count++;
    /* They come in the order of their deadlines, or nearly so. */
    if (!is_set || TAILQ_FIRST(&list->held)->deadline > e->deadline)
        set_timer(list, clock_mono(list->clock));
}

struct redis_errand *redis_errands_take(struct redis_errands *list)
{
    struct redis_errand *e = TAILQ_FIRST(&list->held);

    if (e == NULL)
        return NULL;
    TAILQ_REMOVE(&list->held, e, order);
    list->held_count--;
    return e;
}

void redis_errands_refuse_held(struct redis_errands *list)
{
    struct redis_errand *e;

    while ((e = redis_errands_take(list)) != NULL)
        redis_errands_refuse(list, e);
}

enum status redis_errands_init(struct redis_errands *list,
                               struct event_base *base,
                               const struct clock *clock)
{
    const struct timeval far = {3600, 0};

    MAGIC_SET(list, ERRANDS_MAGIC);
    list->clock = clock;
    list->calling = 0;
    list->held_count = 0;
    list->timeouts = 0;
    TAILQ_INIT(&list->held);
    TAILQ_INIT(&list->over);
    list->turn = event_new(base, -1, 0, on_turn, list);
    list->timer = evtimer_new(base, on_timer, list);
    if (list->turn == NULL || list->timer == NULL ||
        evtimer_add(list->timer, &far) < 0)
        return STATUS_NO_MEMORY;
    (void)evtimer_del(list->timer);
    return STATUS_OK;
}

void redis_errands_release(struct redis_errands *list)
{
    if (list->magic != ERRANDS_MAGIC)
        return;
    if (list->turn != NULL) {
        redis_errands_refuse_held(list);
        tell_over(list);
        event_free(list->turn);
    }
    if (list->timer != NULL)
        event_free(list->timer);
    MAGIC_CLEAR(list);
}
