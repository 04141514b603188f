/* SPDX-License-Identifier: Apache-2.0
 *
 * soak/trouble.c - a table of bad ideas.
 */
#define _GNU_SOURCE
#include "soak/trouble.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

static void nap_ms(int ms)
{
    const struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

static void disturb(struct trouble *t)
{
    __atomic_add_fetch(&t->disturbances, 1, __ATOMIC_SEQ_CST);
}

static void stop_for_a_while(struct process *p, unsigned *dice)
{
    kill(p->pid, SIGSTOP);
    nap_ms(200 + rand_r(dice) % 2000);
    kill(p->pid, SIGCONT);
}

static void stop_redis(struct trouble *t, unsigned *dice)
{
    stop_for_a_while(&t->rig->redis, dice);
}

static void kill_redis(struct trouble *t, unsigned *dice)
{
    process_kill(&t->rig->redis);
    nap_ms(rand_r(dice) % 1500);
    rig_redis_start(t->rig);
}

static void stop_upstream(struct trouble *t, unsigned *dice)
{
    disturb(t);
    stop_for_a_while(&t->rig->stub, dice);
    nap_ms(300); /* for what it had not read yet */
    disturb(t);
}

static void kill_upstream(struct trouble *t, unsigned *dice)
{
    disturb(t);
    process_kill(&t->rig->stub);
    nap_ms(rand_r(dice) % 800);
    rig_stub_start(t->rig);
    nap_ms(300);
    disturb(t);
}

static void reload(struct trouble *t, unsigned *dice)
{
    char path[700], text[512];

    snprintf(path, sizeof path, "%s/test.policy.json", t->rig->policies_dir);
    snprintf(text, sizeof text,
             "{\"name\":\"test\",\"limits\":[{\"name\":\"burst\",\"per\":"
             "[\"sender\"],\"capacity\":%d,\"refill\":\"%d/s\"}]}",
             20 + rand_r(dice) % 100, 5 + rand_r(dice) % 20);
    rig_write_file(path, text);
    kill(t->rig->gateway.pid, SIGHUP);
}

static int times_said(const struct trouble *t, const char *what)
{
    char *text = process_output(&t->rig->gateway);
    int count = 0;

    for (const char *p = text; (p = strstr(p, what)); p++)
        count++;
    free(text);
    return count;
}

void trouble_rotate(struct trouble *t)
{
    char old[700];
    int before = times_said(t, "audit.reopened");
    int64_t until = process_now_ms() + process_stretch(PROCESS_DEADLINE_MS);

    snprintf(old, sizeof old, "%s.%d", t->rig->audit_file, ++t->rotations);
    ck_assert_msg(rename(t->rig->audit_file, old) == 0, "%s: %s", old,
                  strerror(errno));
    kill(t->rig->gateway.pid, SIGUSR1);
    while (times_said(t, "audit.reopened") == before) {
        ck_assert_msg(process_now_ms() < until, "the file was not reopened");
        nap_ms(10);
    }
    nap_ms(50); /* for a write that had begun */
    ledger_take_audit(t->ledger, old);
    ledger_take_deliveries(t->ledger, t->deliveries);
    unlink(old);
}

static void rotate(struct trouble *t, unsigned *dice)
{
    (void)dice;
    trouble_rotate(t);
}

static const struct {
    const char *name;
    void (*cause)(struct trouble *t, unsigned *dice);
} ideas[] = {
    {"Redis stopped", stop_redis},
    {"Redis killed", kill_redis},
    {"upstream stopped", stop_upstream},
    {"upstream killed", kill_upstream},
    {"reload", reload},
    {"rotation", rotate},
};

void trouble_run(struct trouble *t, int64_t ms)
{
    int64_t until = process_now_ms() + ms;
    unsigned dice = t->seed;

    while (process_now_ms() < until && process_is_alive(&t->rig->gateway)) {
        size_t i = (size_t)rand_r(&dice) % ARRAY_LEN(ideas);

        nap_ms(500 + rand_r(&dice) % 2500);
        ideas[i].cause(t, &dice);
        t->counts[i]++;
    }
}

void trouble_print(const struct trouble *t, FILE *to)
{
    fputs("troubles:", to);
    for (size_t i = 0; i < ARRAY_LEN(ideas); i++)
        fprintf(to, " %s %d%s", ideas[i].name, t->counts[i],
                i + 1 < ARRAY_LEN(ideas) ? "," : "\n");
}
