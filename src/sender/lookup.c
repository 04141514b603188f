/* SPDX-License-Identifier: Apache-2.0
 *
 * sender/lookup.c - one lookup at a time, and who waits for it.
 *
 *   entry   a chat and credential: being looked up, or answered a moment ago
 *     ^ parts: the first one's and those that wait, of any worker
 *   worker  its parts; those whose answer has come are `ready`, and an
 *           eventfd wakes its loop for them
 *
 * One lock guards all of it; callbacks run without it. A part belongs to its
 * worker and is in one list besides: the entry's while it waits, the worker's
 * ready list when it is answered.
 *
 * Budgets are kept as the time at which a payer's would be whole again (a
 * generic cell rate algorithm), in a table of fixed size: eight places for
 * each hash, of which the one that is whole soonest makes room.
 */
#include "sender/lookup.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/check.h"
#include "base/fingerprint.h"

#define LOOKUPS_MAGIC 0x4c4b5550U
#define PAYER_SETS 2048
#define PAYER_WAYS 8

struct entry;

struct sender_lookup {
    struct sender_lookups *worker;
    struct entry *entry; /* NULL once answered */
    bool is_first;
    sender_lookup_done_fn done;
    void *arg;
    struct sender_answer answer;
    TAILQ_ENTRY(sender_lookup) of_worker;
    TAILQ_ENTRY(sender_lookup) in_list; /* of the entry, or ready */
};
TAILQ_HEAD(lookup_list, sender_lookup);

struct entry {
    struct fingerprint key;
    bool is_answered;
    struct sender_answer answer; /* is_answered */
    mono_us fresh_until;
    struct lookup_list waiters;
    uint32_t waiter_count;
    TAILQ_ENTRY(entry) by_age; /* is_answered */
    UT_hash_handle hh;
};

struct payer {
    struct fingerprint who;
    mono_us whole_at;
};

struct sender_lookup_shared {
    const struct clock *clock;
    struct sender_lookup_limits limits;
    struct fingerprint_key secret;
    pthread_mutex_t lock;  /* guards all below, and every list above */
    struct entry *entries; /* by key */
    TAILQ_HEAD(answered_list, entry) answered; /* oldest first */
    uint32_t under_way, answered_count;
    struct payer payers[PAYER_SETS][PAYER_WAYS];
};

struct sender_lookups {
    uint32_t magic;
    struct sender_lookup_shared *shared;
    int fd;
    struct event *wake;
    struct lookup_list parts, ready;
};

void sender_lookup_limits_default(struct sender_lookup_limits *l)
{
    *l = (struct sender_lookup_limits){
        .max_lookups = 1024,
        .max_waiters = 4096,
        .fresh_us = 3 * US_PER_S,
        .budget_burst = 100,
        .budget_interval_us = 50 * US_PER_MS,
    };
}

struct sender_lookup_shared *
sender_lookup_shared_new(const struct sender_lookup_limits *limits,
                         const struct clock *clock)
{
    struct sender_lookup_shared *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->clock = clock;
    s->limits = *limits;
    TAILQ_INIT(&s->answered);
    if (fingerprint_key_init(&s->secret) != STATUS_OK ||
        pthread_mutex_init(&s->lock, NULL) != 0) {
        free(s);
        return NULL;
    }
    return s;
}

static void entry_free(struct sender_lookup_shared *s, struct entry *e)
{
    if (e->is_answered) {
        TAILQ_REMOVE(&s->answered, e, by_age);
        s->answered_count--;
    } else {
        s->under_way--;
    }
    HASH_DEL(s->entries, e);
    free(e);
}

void sender_lookup_shared_free(struct sender_lookup_shared *s)
{
    struct entry *next;
    if (s == NULL)
        return;
    for (struct entry *e = s->entries; e != NULL; e = next) {
        next = e->hh.next;
        entry_free(s, e);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

size_t sender_lookup_shared_count(struct sender_lookup_shared *s)
{
    pthread_mutex_lock(&s->lock);
    size_t count = s->under_way;
    pthread_mutex_unlock(&s->lock);
    return count;
}

/* ---- answers on their way to a worker's loop ---- */

static void wake_worker(struct sender_lookups *l)
{
    uint64_t one = 1;
    /* A full counter means that the loop is being woken already. */
    ssize_t n = write(l->fd, &one, sizeof(one));
    (void)n;
}

static void part_answer(struct sender_lookup *part,
                        const struct sender_answer *answer)
{
    part->answer = *answer;
    part->entry = NULL;
    TAILQ_INSERT_TAIL(&part->worker->ready, part, in_list);
    wake_worker(part->worker);
}

static struct sender_lookup *take_ready(struct sender_lookups *l)
{
    pthread_mutex_lock(&l->shared->lock);
    struct sender_lookup *part = TAILQ_FIRST(&l->ready);
    if (part != NULL) {
        TAILQ_REMOVE(&l->ready, part, in_list);
        TAILQ_REMOVE(&l->parts, part, of_worker);
    }
    pthread_mutex_unlock(&l->shared->lock);
    return part;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct sender_lookups *l;
    struct sender_lookup *part;
    uint64_t count;
    (void)what;
    MAGIC_CAST(l, arg, LOOKUPS_MAGIC);
    if (read(fd, &count, sizeof(count)) < 0)
        return;
    while ((part = take_ready(l)) != NULL) {
        part->done(part->arg, &part->answer);
        free(part);
    }
}

enum status sender_lookups_new(struct event_base *base,
                               struct sender_lookup_shared *shared,
                               struct sender_lookups **out)
{
    struct sender_lookups *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return STATUS_NO_MEMORY;
    MAGIC_SET(l, LOOKUPS_MAGIC);
    l->shared = shared;
    TAILQ_INIT(&l->parts);
    TAILQ_INIT(&l->ready);
    l->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (l->fd >= 0)
        l->wake = event_new(base, l->fd, EV_READ | EV_PERSIST, on_wake, l);
    if (l->wake == NULL || event_add(l->wake, NULL) != 0) {
        sender_lookups_free(l);
        return STATUS_NO_MEMORY;
    }
    *out = l;
    return STATUS_OK;
}

void sender_lookups_free(struct sender_lookups *l)
{
    const struct sender_answer unknown = {0};
    struct sender_lookup *part;
    if (l == NULL)
        return;
    for (;;) {
        pthread_mutex_lock(&l->shared->lock);
        part = TAILQ_FIRST(&l->parts);
        pthread_mutex_unlock(&l->shared->lock);
        if (part == NULL)
            break;
        if (part->is_first)
            sender_lookup_finish(part, &unknown);
        else
            sender_lookup_cancel(part);
    }
    if (l->wake != NULL)
        event_free(l->wake);
    if (l->fd >= 0)
        close(l->fd);
    MAGIC_CLEAR(l);
    free(l);
}

/* ---- joining ---- */

static struct fingerprint key_of(const struct sender_lookup_shared *s,
                                 struct text chat, struct text credential)
{
    /* Two fingerprints side by side: no text can be mistaken for another. */
    struct fingerprint both[2] = {fingerprint_of(&s->secret, chat),
                                  fingerprint_of(&s->secret, credential)};
    return fingerprint_of(&s->secret,
                          text_make((const char *)both, sizeof(both)));
}

/* One more lookup of this payer's: is it within the budget? */
static bool budget_take(struct sender_lookup_shared *s, struct text who,
                        mono_us now)
{
    struct fingerprint print = fingerprint_of(&s->secret, who);
    struct payer *set = s->payers[print.a % PAYER_SETS];
    struct payer *payer = &set[0];
    int64_t interval = s->limits.budget_interval_us;
    for (size_t i = 0; i < PAYER_WAYS; i++) {
        if (fingerprint_equal(set[i].who, print)) {
            payer = &set[i];
            break;
        }
        if (set[i].whole_at < payer->whole_at)
            payer = &set[i];
    }
    if (!fingerprint_equal(payer->who, print))
        *payer = (struct payer){print, now};
    mono_us whole_at =
        (payer->whole_at > now ? payer->whole_at : now) + interval;
    if (whole_at - now > interval * (int64_t)s->limits.budget_burst)
        return false;
    payer->whole_at = whole_at;
    return true;
}

static struct entry *find_entry(struct sender_lookup_shared *s,
                                struct fingerprint key, mono_us now)
{
    struct entry *e;
    HASH_FIND(hh, s->entries, &key, sizeof(key), e);
    if (e != NULL && e->is_answered && e->fresh_until <= now) {
        entry_free(s, e);
        return NULL;
    }
    return e;
}

static struct entry *add_entry(struct sender_lookup_shared *s,
                               struct fingerprint key)
{
    struct entry *e = calloc(1, sizeof(*e));
    if (e == NULL)
        return NULL;
    e->key = key;
    TAILQ_INIT(&e->waiters);
    HASH_ADD(hh, s->entries, key, sizeof(key), e);
    if (e->hh.tbl == NULL) { /* uthash had no memory */
        free(e);
        return NULL;
    }
    s->under_way++;
    return e;
}

static enum sender_lookup_turn join_entry(struct sender_lookups *l,
                                          struct entry *e,
                                          struct sender_lookup *part)
{
    struct sender_lookup_shared *s = l->shared;
    if (!part->is_first) {
        if (e->waiter_count == s->limits.max_waiters)
            return SENDER_LOOKUP_BUSY;
        e->waiter_count++;
        TAILQ_INSERT_TAIL(&e->waiters, part, in_list);
    }
    part->worker = l;
    part->entry = e;
    TAILQ_INSERT_TAIL(&l->parts, part, of_worker);
    return part->is_first ? SENDER_LOOKUP_FIRST : SENDER_LOOKUP_WAIT;
}

enum sender_lookup_turn
sender_lookup_join(struct sender_lookups *l, struct text chat,
                   struct text credential, struct text payer,
                   sender_lookup_done_fn done, void *arg,
                   struct sender_lookup **out, struct sender_answer *answer)
{
    struct sender_lookup_shared *s = l->shared;
    struct fingerprint key = key_of(s, chat, credential);
    mono_us now = clock_mono(s->clock);
    struct sender_lookup *part = calloc(1, sizeof(*part));
    enum sender_lookup_turn turn = SENDER_LOOKUP_BUSY;
    if (part == NULL)
        return SENDER_LOOKUP_BUSY;
    part->done = done;
    part->arg = arg;
    pthread_mutex_lock(&s->lock);
    struct entry *e = find_entry(s, key, now);
    if (e != NULL && e->is_answered) {
        *answer = e->answer;
        turn = SENDER_LOOKUP_KNOWN;
    } else if (e != NULL) {
        turn = join_entry(l, e, part);
    } else if (s->under_way < s->limits.max_lookups &&
               budget_take(s, payer, now) && (e = add_entry(s, key)) != NULL) {
        part->is_first = true;
        turn = join_entry(l, e, part);
    }
    pthread_mutex_unlock(&s->lock);
    if (turn == SENDER_LOOKUP_FIRST || turn == SENDER_LOOKUP_WAIT)
        *out = part;
    else
        free(part);
    return turn;
}

/* ---- the end of a lookup ---- */

/* What the next one to ask would hear too. */
static bool is_worth_keeping(const struct sender_answer *a)
{
    return a->http_status >= 100 && a->http_status < 500 &&
           a->http_status != 408;
}

static int64_t fresh_time(const struct sender_lookup_shared *s,
                          const struct sender_answer *a)
{
    bool is_short =
        a->http_status == 429 && a->retry_after_us < s->limits.fresh_us;
    return is_short ? a->retry_after_us : s->limits.fresh_us;
}

static void keep_answer(struct sender_lookup_shared *s, struct entry *e,
                        const struct sender_answer *answer)
{
    mono_us now = clock_mono(s->clock);
    struct entry *oldest;
    while ((oldest = TAILQ_FIRST(&s->answered)) != NULL &&
           oldest->fresh_until <= now)
        entry_free(s, oldest);
    e->is_answered = true;
    e->answer = *answer;
    e->fresh_until = now + fresh_time(s, answer);
    TAILQ_INSERT_TAIL(&s->answered, e, by_age);
    s->under_way--;
    if (++s->answered_count > s->limits.max_lookups)
        entry_free(s, TAILQ_FIRST(&s->answered));
}

void sender_lookup_finish(struct sender_lookup *lookup,
                          const struct sender_answer *answer)
{
    struct sender_lookup_shared *s = lookup->worker->shared;
    struct sender_lookup *waiter;
    CHECK(lookup->is_first);
    pthread_mutex_lock(&s->lock);
    struct entry *e = lookup->entry;
    while ((waiter = TAILQ_FIRST(&e->waiters)) != NULL) {
        TAILQ_REMOVE(&e->waiters, waiter, in_list);
        part_answer(waiter, answer);
    }
    if (is_worth_keeping(answer))
        keep_answer(s, e, answer);
    else
        entry_free(s, e);
    TAILQ_REMOVE(&lookup->worker->parts, lookup, of_worker);
    pthread_mutex_unlock(&s->lock);
    free(lookup);
}

void sender_lookup_cancel(struct sender_lookup *lookup)
{
    struct sender_lookup_shared *s = lookup->worker->shared;
    CHECK(!lookup->is_first);
    pthread_mutex_lock(&s->lock);
    if (lookup->entry != NULL) {
        TAILQ_REMOVE(&lookup->entry->waiters, lookup, in_list);
        lookup->entry->waiter_count--;
    } else {
        TAILQ_REMOVE(&lookup->worker->ready, lookup, in_list);
    }
    TAILQ_REMOVE(&lookup->worker->parts, lookup, of_worker);
    pthread_mutex_unlock(&s->lock);
    free(lookup);
}
