/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/spenders.c - forked clients, counting in shared memory.
 */
#include "integration/spenders.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration/rig.h"

/* A client that goes on asking, but not as fast as it can: refusals are many
 * times cheaper than what else goes on. */
#define AFTER_LIMITED_US 5000

#define ADD(counter) __atomic_add_fetch(&(counter), 1, __ATOMIC_RELAXED)
#define GET(counter) __atomic_load_n(&(counter), __ATOMIC_RELAXED)

static void run_client(struct spenders_shared *shared,
                       struct spenders_counts *counts, int port,
                       const char *from)
{
    char *body = rig_create_body(from, "load");
    struct wire_answer a;
    struct wire w;

    wire_open(&w, port);
    while (!GET(shared->is_over)) {
        wire_request(&w, "POST", "/v3/chats", NULL, body);
        if (!wire_try_read(&w, &a)) {
            ADD(counts->lost);
            wire_close(&w);
            wire_open(&w, port);
        } else if (a.status == 201) {
            ADD(counts->created);
        } else if (a.status == 429) {
            ADD(counts->limited);
            usleep(AFTER_LIMITED_US);
        } else {
            ADD(counts->other);
        }
        wire_answer_release(&a);
    }
    wire_close(&w);
    free(body);
}

void spenders_start(struct spenders *l, int port, const char *const *froms,
                    int clients)
{
    pid_t parent = getpid();

    ck_assert_int_le(clients, SPENDERS_MAX);
    memset(l, 0, sizeof *l);
    l->clients = clients;
    l->shared = mmap(NULL, sizeof *l->shared, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(l->shared != MAP_FAILED);
    for (int i = 0; i < clients; i++) {
        l->pids[i] = fork();
        ck_assert_int_ge(l->pids[i], 0);
        if (l->pids[i] > 0)
            continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            run_client(l->shared, &l->shared->counts[i], port, froms[i]);
        _exit(0);
    }
}

int spenders_answers(const struct spenders *l)
{
    int sum = 0;

    for (int i = 0; i < l->clients; i++) {
        struct spenders_counts *c = &l->shared->counts[i];

        sum += GET(c->created) + GET(c->limited) + GET(c->other);
    }
    return sum;
}

void spenders_wait(const struct spenders *l, int answers)
{
    int64_t until = process_now_ms() + process_stretch(PROCESS_DEADLINE_MS);
    int enough = spenders_answers(l) + answers;

    while (spenders_answers(l) < enough) {
        ck_assert_msg(process_now_ms() < until, "the clients have stopped");
        process_nap();
    }
}

void spenders_stop(struct spenders *l)
{
    int status;

    __atomic_store_n(&l->shared->is_over, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < l->clients; i++) {
        ck_assert_int_eq(waitpid(l->pids[i], &status, 0), l->pids[i]);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
                      "a client ended with %d", status);
    }
    memcpy(l->counts, l->shared->counts, sizeof l->counts);
    munmap(l->shared, sizeof *l->shared);
    l->shared = NULL;
    for (int i = 0; i < l->clients; i++) {
        ck_assert_int_eq(l->counts[i].lost, 0);
        ck_assert_int_eq(l->counts[i].other, 0);
    }
}

int spenders_created(const struct spenders *l, const char *const *froms,
                     const char *from)
{
    int sum = 0;

    for (int i = 0; i < l->clients; i++)
        if (strcmp(froms[i], from) == 0)
            sum += l->counts[i].created;
    return sum;
}
