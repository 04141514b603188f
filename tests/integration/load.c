/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/load.c - one thread a client, with blocking calls.
 */
#include "integration/load.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "integration/process.h"
#include "integration/rig.h"
#include "integration/wire.h"

struct client {
    struct load *load;
    size_t index;
    struct wire wire;
    bool is_open;
    unsigned asked;
};

static void add(uint64_t *count)
{
    __atomic_add_fetch(count, 1, __ATOMIC_RELAXED);
}

static void note_failure(struct client *c, const char *what, int status)
{
    struct load *l = c->load;

    pthread_mutex_lock(&l->lock);
    if (l->failed == 0)
        snprintf(l->first_failure, sizeof l->first_failure,
                 "%s (status %d, request %u of a connection, %s)", what, status,
                 c->asked, c->wire.was_reset ? "reset" : "not reset");
    pthread_mutex_unlock(&l->lock);
    add(&l->failed);
}

static const struct {
    const char *method, *target;
    int status;
    bool has_body;
} kinds[] = {
    {"POST", "/v3/chats", 201, true},
    {"POST", "/v3/chats", 400, true},
    {"GET", "/v3/chats?from=%2B14155550100", 200, false},
};

static char *make_body(size_t kind)
{
    return rig_create_body(
        kinds[kind].status == 400 ? "nobody" : "+14155550100", "load");
}

/* One request and its answer; the connection stays open if it may. */
static void ask(struct client *c, size_t kind)
{
    char *body = kinds[kind].has_body ? make_body(kind) : NULL;
    struct wire_answer a = {0};
    struct buffer text;
    const char *connection;

    wire_head(&text, kinds[kind].method, kinds[kind].target, NULL,
              body ? (long)strlen(body) : -1);
    if (body)
        ck_assert_int_eq(buffer_append_str(&text, body), STATUS_OK);
    c->asked++;
    if (!wire_try_send(&c->wire, text.data, text.len) ||
        !wire_try_read(&c->wire, &a))
        note_failure(c, "no whole answer", a.status);
    else if (a.status != kinds[kind].status)
        note_failure(c, "another answer", a.status);
    else
        add(&c->load->answered);
    connection = a.is_complete ? wire_answer_header(&a, "connection") : "close";
    if (connection && strcasecmp(connection, "close") == 0) {
        wire_close(&c->wire);
        c->is_open = false;
        add(&c->load->reopened);
    }
    wire_answer_release(&a);
    buffer_release(&text);
    free(body);
}

static void *run(void *arg)
{
    struct client *c = arg;
    unsigned dice = (unsigned)c->index;

    while (!__atomic_load_n(&c->load->is_over, __ATOMIC_RELAXED)) {
        if (!c->is_open) {
            wire_open(&c->wire, c->load->port);
            c->is_open = true;
            c->asked = 0;
        }
        ask(c, (size_t)rand_r(&dice) % (sizeof kinds / sizeof kinds[0]));
        if (c->index % 2)
            for (int naps = rand_r(&dice) % 12; naps > 0; naps--)
                process_nap();
    }
    if (c->is_open)
        wire_close(&c->wire);
    free(c);
    return NULL;
}

void load_start(struct load *l, int port, size_t clients)
{
    memset(l, 0, sizeof *l);
    ck_assert_uint_le(clients, LOAD_CLIENTS_MAX);
    l->port = port;
    pthread_mutex_init(&l->lock, NULL);
    for (size_t i = 0; i < clients; i++) {
        struct client *c = calloc(1, sizeof *c);

        ck_assert_ptr_nonnull(c);
        *c = (struct client){.load = l, .index = i};
        ck_assert_int_eq(pthread_create(&l->threads[i], NULL, run, c), 0);
        l->count++;
    }
}

void load_wait(struct load *l, uint64_t more)
{
    int64_t until = process_now_ms() + process_stretch(PROCESS_DEADLINE_MS);
    uint64_t begin = __atomic_load_n(&l->answered, __ATOMIC_RELAXED);

    while (__atomic_load_n(&l->answered, __ATOMIC_RELAXED) < begin + more &&
           process_now_ms() < until)
        process_nap();
}

void load_stop(struct load *l)
{
    __atomic_store_n(&l->is_over, true, __ATOMIC_RELAXED);
    for (size_t i = 0; i < l->count; i++)
        pthread_join(l->threads[i], NULL);
    pthread_mutex_destroy(&l->lock);
}
