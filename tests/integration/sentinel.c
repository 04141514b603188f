/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/sentinel.c - the gateway behind a real sentinel: a master that
 * dies is replaced, and nothing waits until it is.
 *
 * A master, its replica and one sentinel that needs nobody else's opinion.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "integration/expect.h"
#include "integration/spenders.h"
#include "redis_server.h"

#define FROM "+14155550100"
#define CAPACITY 100000
#define TIMEOUT_MS 2000 /* the rig's */

#define LIMITS                                                                 \
    "{\"name\":\"test\",\"limits\":[{\"name\":\"burst\",\"per\":[\"sender\"]," \
    "\"capacity\":100000,\"refill\":\"0/s\"}]}"

static struct rig rig;
static struct redis_server master, replica;
static struct process sentinel;
static int sentinel_port;
static char sentinel_dir[128], url[128];

static void start_replica(void)
{
    static char of[64];
    static const char *const options[] = {
        "--replicaof", of, "--repl-diskless-sync-delay", "0", NULL};

    snprintf(of, sizeof of, "127.0.0.1 %d", master.port);
    redis_server_start(&replica, true, options);
}

/* A server whose role changes closes its connections, this one too. */
static bool says(const struct redis_server *s, const char *command,
                 const char *piece)
{
    char out[4096];

    return redis_server_try_ask(s, command, out, sizeof out) &&
           strstr(out, piece) != NULL;
}

static void wait_until(const struct redis_server *s, const char *command,
                       const char *piece)
{
    int64_t until = process_now_ms() + process_stretch(PROCESS_DEADLINE_MS);

    while (!says(s, command, piece)) {
        ck_assert_msg(process_now_ms() < until, "never: %s", piece);
        process_nap();
    }
}

/* It writes its configuration, so it has a directory of its own. */
static void start_sentinel(void)
{
    const char *tmp = getenv("TMPDIR");
    char file[256], log[256], text[512];
    const char *const argv[] = {"redis-server", file, "--sentinel", NULL};

    snprintf(sentinel_dir, sizeof sentinel_dir, "%s/sentinel-XXXXXX",
             tmp && strlen(tmp) < 64 ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(sentinel_dir));
    snprintf(file, sizeof file, "%s/sentinel.conf", sentinel_dir);
    snprintf(log, sizeof log, "%s/sentinel.log", sentinel_dir);
    for (int tries = 0; tries < 5; tries++) {
        sentinel_port = process_free_port();
        snprintf(text, sizeof text,
                 "port %d\nbind 127.0.0.1\ndir %s\n"
                 "sentinel monitor cache 127.0.0.1 %d 1\n"
                 "sentinel down-after-milliseconds cache 500\n"
                 "sentinel failover-timeout cache 3000\n",
                 sentinel_port, sentinel_dir, master.port);
        rig_write_file(file, text);
        process_start(&sentinel, "sentinel", log, argv, NULL);
        if (process_wait_for(&sentinel, "+monitor master cache", NULL, 0))
            return;
        process_kill(&sentinel);
    }
    process_show(&sentinel);
    ck_abort_msg("the sentinel did not start");
}

static void start(void)
{
    redis_server_start(&master, true, NULL);
    start_replica();
    wait_until(&replica, "INFO replication", "master_link_status:up");
    start_sentinel();
    ck_assert(process_wait_for(&sentinel, "+slave slave", NULL, 0));
    snprintf(url, sizeof url, "redis+sentinel://127.0.0.1:%d/cache",
             sentinel_port);
    rig_start(&rig, &(struct rig_options){
                        .redis = RIG_REDIS_AWAY, /* they are the test's */
                        .redis_url = url,
                        .policy = LIMITS,
                        .config = "\"workers\": 2",
                        .expects_warnings = true,
                    });
}

static void stop(void)
{
    char file[256];

    rig_stop(&rig);
    process_kill(&sentinel);
    for (int i = 0; i < 2; i++) {
        snprintf(file, sizeof file, "%s/sentinel.%s", sentinel_dir,
                 i ? "log" : "conf");
        remove(file);
    }
    remove(sentinel_dir);
    redis_server_remove(&replica);
    redis_server_remove(&master);
}

/* Who would decide now, and what is left, as the gateway explains it. */
static bool is_from(const char *source, int64_t *left)
{
    struct wire_answer a;
    bool result;

    wire_call(rig.admin_port, "GET",
              "/explain?operation=createChat&from=%2B14155550100",
              "Host: 127.0.0.1\r\n", NULL, &a);
    ck_assert_int_eq(a.status, 200);
    result =
        text_is(json_get(wire_answer_json(&a), "limit_source")->text, source);
    *left = wire_int(a.json->root, "/limits/0/remaining");
    wire_answer_release(&a);
    return result;
}

static int64_t wait_for_redis(void)
{
    int64_t until = process_now_ms() + process_stretch(PROCESS_DEADLINE_MS);
    int64_t left;

    while (!is_from("redis", &left)) {
        ck_assert_msg(process_now_ms() < until, "Redis never came back");
        process_nap();
    }
    return left;
}

static int count_lines(const char *source, int64_t least_us)
{
    struct rig_audit lines;
    int count = 0;

    rig_audit(&rig, &lines);
    for (size_t i = 0; i < lines.count; i++)
        count += text_is(json_get(lines.docs[i]->root, "limit_source")->text,
                         source) &&
                 wire_int(lines.docs[i]->root, "/duration_us") >= least_us;
    rig_audit_release(&lines);
    return count;
}

static void order_failover(void)
{
    char port[16], log[600];
    const char *const argv[] = {"redis-cli", "-p",    port, "SENTINEL",
                                "FAILOVER",  "cache", NULL};
    struct process cli = {0};

    snprintf(port, sizeof port, "%d", sentinel_port);
    snprintf(log, sizeof log, "%s/cli.log", rig.dir);
    process_start(&cli, "redis-cli", log, argv, NULL);
    ck_assert_int_eq(process_wait(&cli), 0);
}

START_TEST(a_dead_master_is_replaced)
{
    const char *const froms[3] = {FROM, FROM, FROM};
    struct spenders load;
    int64_t left;

    start();
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    ck_assert_int_eq(wait_for_redis(), CAPACITY - 3);
    spenders_start(&load, rig.port, froms, 3);
    spenders_wait(&load, 30);
    redis_server_kill(&master);
    wait_until(&replica, "ROLE", "master");
    left = wait_for_redis();
    ck_assert_int_lt(left, CAPACITY - 3); /* the replica has the bucket */
    spenders_wait(&load, 30);
    spenders_stop(&load);
    ck_assert_int_lt(wait_for_redis(), left);
    ck_assert_int_ge(count_lines("local", 0), 1);
    ck_assert_int_le(
        count_lines("local", process_stretch(TIMEOUT_MS) * INT64_C(1000)), 12);
    ck_assert(rig_metric_becomes(&rig, "chatgate_redis_up", 2));
    ck_assert(rig_metric(&rig, "chatgate_redis_switches_total") >= 1);
    stop();
}
END_TEST

/* The old master goes on answering, and is none any more. */
START_TEST(a_master_that_is_demoted_is_left)
{
    char line[64], out[256];

    start();
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    ck_assert_int_eq(wait_for_redis(), CAPACITY - 1);
    snprintf(line, sizeof line, "WAIT 1 %d", PROCESS_DEADLINE_MS);
    redis_server_ask(&master, line, out, sizeof out);
    order_failover();
    wait_until(&replica, "ROLE", "master");
    wait_until(&master, "ROLE", "slave");
    ck_assert(rig_metric_becomes(&rig, "chatgate_redis_switches_total", 2));
    ck_assert_int_eq(wait_for_redis(), CAPACITY - 1);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    ck_assert_int_eq(wait_for_redis(), CAPACITY - 5);
    stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sentinel");
    TCase *t = rig_tcase(s, "sentinel");

    tcase_add_test(t, a_dead_master_is_replaced);
    tcase_add_test(t, a_master_that_is_demoted_is_left);
    return rig_main(s);
}
