/* SPDX-License-Identifier: Apache-2.0
 *
 * soak/soak.c - the gateway among clients, an upstream and a Redis that fail
 * at random, for a long time: nothing is lost, sent twice, unrecorded or
 * leaked.
 *
 *   SOAK_SECONDS=600 SOAK_SEED=1 tests/soak/soak
 *
 * (60 seconds and the time of day are the defaults.) What must hold is said in
 * soak/ledger.h and checked in soak/actor.c; and of the process itself:
 *
 *   - it never dies, and ends with status 0;
 *   - when all is quiet, nothing is under way, held or open;
 *   - resident memory is flat once it is warm: the last part of the run
 *     needs at most GROWTH_MAX times what the part after the warm-up did.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "integration/rig.h"
#include "soak/actor.h"
#include "soak/ledger.h"
#include "soak/trouble.h"

#define ACTORS 32
#define GROWTH_MAX 1.10
#define SAMPLES_MAX 100000
/* Idle connections to the upstream: libcurl closes one that is too old when it
 * looks for another. */
#define DESCRIPTORS_MORE 64

static struct rig rig;
static struct ledger ledger;
static struct trouble trouble;
static struct actor actors[ACTORS];
static bool is_over;
static long samples[SAMPLES_MAX]; /* KiB resident, one a second */
static size_t sample_count;
static char deliveries[600];

static long number_from(const char *name, long otherwise)
{
    const char *text = getenv(name);

    return text && *text ? strtol(text, NULL, 10) : otherwise;
}

static void start_rig(void)
{
    static const char *const env[] = {"MALLOC_ARENA_MAX=2", NULL};

    snprintf(deliveries, sizeof deliveries, "%s/soak-deliveries.%d",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (int)getpid());
    rig_start(
        &rig,
        &(struct rig_options){
            .policy =
                "{\"name\":\"test\",\"limits\":[{\"name\":\"burst\",\"per\":"
                "[\"sender\"],\"capacity\":100,\"refill\":\"20/s\"}]}",
            .env = env,
            .config = "\"workers\": 2, \"trusted_proxies\": [\"127.0.0.1\"]",
            .upstream_config =
                "\"connect_timeout\": \"500ms\", \"answer_timeout\": \"1s\","
                "\"idle_timeout\": \"1s\", \"keep_idle\": \"3s\"",
            .redis_config = "\"timeout\": \"50ms\"",
            /* Small tables, full before the first look at memory. */
            .limits_config =
                "\"header_timeout\": \"6s\", \"body_timeout\": \"6s\","
                "\"keepalive_timeout\": \"10s\", \"send_timeout\": \"5s\","
                "\"max_buckets\": 1000, \"max_connections\": 500",
            .deliveries = deliveries,
            .expects_warnings = true,
        });
}

static void start_actors(unsigned seed)
{
    ledger_init(&ledger);
    trouble = (struct trouble){
        .rig = &rig, .ledger = &ledger, .deliveries = deliveries, .seed = seed};
    for (size_t i = 0; i < ACTORS; i++) {
        actors[i] = (struct actor){
            .ledger = &ledger,
            .port = rig.port,
            .stub_port = rig.stub_port,
            .seed = seed + 1 + (unsigned)i,
            .is_over = &is_over,
            .disturbances = &trouble.disturbances,
        };
        actor_start(&actors[i]);
    }
}

/* ---- the process ---- */

static long resident_kib(void)
{
    char path[64], line[256];
    long kib = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/status", (int)rig.gateway.pid);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib;
}

static size_t open_descriptors(void)
{
    char path[64];
    size_t count = 0;
    DIR *dir;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)rig.gateway.pid);
    dir = opendir(path);
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

static void *watch(void *arg)
{
    (void)arg;
    while (!__atomic_load_n(&is_over, __ATOMIC_SEQ_CST)) {
        sleep(1);
        if (sample_count < SAMPLES_MAX)
            samples[sample_count++] = resident_kib();
        if (sample_count % 30 == 0) {
            fprintf(stderr, "%zu s, %ld KiB, ", sample_count,
                    samples[sample_count - 1]);
            ledger_print(&ledger, stderr);
        }
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    long x = *(const long *)a, y = *(const long *)b;

    return x < y ? -1 : x > y;
}

static long median(size_t from, size_t count)
{
    long part[SAMPLES_MAX / 100];

    if (count > ARRAY_LEN(part))
        count = ARRAY_LEN(part);
    memcpy(part, samples + from, count * sizeof *part);
    qsort(part, count, sizeof *part, compare);
    return part[count / 2];
}

/* The window after the first minute (or third, in a short run) and the last
 * one of that length. */
static void judge_memory(void)
{
    size_t warm = sample_count >= 180 ? 60 : sample_count / 3;
    size_t window = sample_count >= 180 ? 30 : sample_count / 4;
    long first, last;

    if (window == 0)
        return;
    first = median(warm, window);
    last = median(sample_count - window, window);
    fprintf(stderr,
            "resident: %ld KiB after %zu s, %ld KiB at the end (%.3f)\n", first,
            warm, last, (double)last / (double)first);
    if ((double)last > (double)first * GROWTH_MAX)
        ledger_finding(&ledger, "resident memory grew from %ld to %ld KiB",
                       first, last);
}

static void judge_rest(size_t descriptors)
{
    static const char *const gauges[] = {
        "chatgate_requests_in_flight", "chatgate_connections",
        "chatgate_buffered_bytes", "chatgate_gate_held_bytes",
        "chatgate_validation_bytes"};
    size_t now;

    for (size_t i = 0; i < ARRAY_LEN(gauges); i++)
        if (!rig_metric_becomes(&rig, gauges[i], 0))
            ledger_finding(&ledger, "%s is %.0f when all is quiet", gauges[i],
                           rig_metric(&rig, gauges[i]));
    now = open_descriptors();
    fprintf(stderr, "descriptors: %zu at the start, %zu at the end\n",
            descriptors, now);
    if (now > descriptors + DESCRIPTORS_MORE)
        ledger_finding(&ledger, "%zu descriptors are open, %zu were at first",
                       now, descriptors);
}

/* What the gateway said outlives a run that found something. */
static void keep_log(void)
{
    char kept[700];

    snprintf(kept, sizeof kept, "%s.log", deliveries);
    if (link(rig.gateway.log, kept) == 0)
        fprintf(stderr, "the gateway's log is kept: %s\n", kept);
}

START_TEST(soak)
{
    long seconds = number_from("SOAK_SECONDS", 60);
    unsigned seed = (unsigned)number_from("SOAK_SEED", (long)time(NULL));
    size_t descriptors;
    pthread_t watcher;

    fprintf(stderr, "SOAK_SECONDS=%ld SOAK_SEED=%u\n", seconds, seed);
    start_rig();
    descriptors = open_descriptors();
    start_actors(seed);
    ck_assert_int_eq(pthread_create(&watcher, NULL, watch, NULL), 0);
    trouble_run(&trouble, seconds * 1000);
    __atomic_store_n(&is_over, true, __ATOMIC_SEQ_CST);
    pthread_join(watcher, NULL);
    for (size_t i = 0; i < ACTORS; i++)
        actor_join(&actors[i]);
    if (!process_is_alive(&rig.gateway)) {
        ledger_finding(&ledger, "the gateway died");
    } else {
        judge_rest(descriptors);
        trouble_rotate(&trouble);
        ledger_judge(&ledger);
        judge_memory();
    }
    trouble_print(&trouble, stderr);
    ledger_print(&ledger, stderr);
    if (ledger.findings > 0)
        keep_log();
    ck_assert_msg(ledger.findings == 0, "%llu findings",
                  (unsigned long long)ledger.findings);
    ledger_release(&ledger);
    unlink(deliveries);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("soak");
    TCase *t = rig_tcase(s, "soak");

    tcase_set_timeout(t, 0);
    tcase_add_test(t, soak);
    return rig_main(s);
}
