/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mailbox.h"

#include <pthread.h>
#include <stdbool.h>

#include "unit.h"

#define POSTERS 4
#define LETTERS 1000

struct counter {
    struct event_base *base;
    struct mailbox *mailbox;
    int sum, last[POSTERS];
    bool is_ordered;
};

struct letter {
    struct counter *counter;
    int poster, number;
};

static void count_letter(void *arg)
{
    struct letter *l = arg;
    struct counter *c = l->counter;
    c->is_ordered = c->is_ordered && c->last[l->poster] == l->number - 1;
    c->last[l->poster] = l->number;
    if (++c->sum == POSTERS * LETTERS)
        event_base_loopbreak(c->base);
}

struct poster {
    struct counter *counter;
    struct letter letters[LETTERS];
    int index;
};

static void *post_all(void *arg)
{
    struct poster *p = arg;
    for (int i = 0; i < LETTERS; i++) {
        p->letters[i] = (struct letter){p->counter, p->index, i + 1};
        if (mailbox_post(p->counter->mailbox, count_letter, &p->letters[i]) !=
            STATUS_OK)
            abort();
    }
    return NULL;
}

START_TEST(every_letter_arrives_once_and_in_its_senders_order)
{
    static struct poster posters[POSTERS];
    struct counter c = {.base = event_base_new(), .is_ordered = true};
    pthread_t threads[POSTERS];
    ck_assert_int_eq(mailbox_new(c.base, &c.mailbox), STATUS_OK);
    for (int i = 0; i < POSTERS; i++) {
        posters[i].counter = &c;
        posters[i].index = i;
        pthread_create(&threads[i], NULL, post_all, &posters[i]);
    }
    event_base_dispatch(c.base);
    for (int i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(c.sum, POSTERS * LETTERS);
    ck_assert(c.is_ordered);
    mailbox_free(c.mailbox);
    event_base_free(c.base);
}
END_TEST

static void must_not_run(void *arg)
{
    (void)arg;
    ck_abort_msg("a letter ran that the loop never got to");
}

START_TEST(letters_not_yet_read_are_dropped_with_the_box)
{
    struct event_base *base = event_base_new();
    struct mailbox *m;
    ck_assert_int_eq(mailbox_new(base, &m), STATUS_OK);
    ck_assert_int_eq(mailbox_post(m, must_not_run, NULL), STATUS_OK);
    mailbox_free(m);
    event_base_loop(base, EVLOOP_NONBLOCK);
    event_base_free(base);
}
END_TEST

UNIT_MAIN("mailbox", every_letter_arrives_once_and_in_its_senders_order,
          letters_not_yet_read_are_dropped_with_the_box)
