/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/restart.c - reloads and restarts under full load: nobody
 * notices.
 *
 * The listening socket belongs to the test, as it would to a service manager.
 * A new process gets it, then the old one is told to stop: it finishes what
 * was begun, answers each idle connection once more, and ends.
 *
 * TEST_THOROUGH=1 takes 100 reloads and 5 restarts.
 */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "integration/expect.h"
#include "integration/load.h"

#define CLIENTS 16
#define BETWEEN 60 /* requests answered between two events */

static struct rig rig;

static bool is_thorough(void)
{
    const char *wish = getenv("TEST_THOROUGH");

    return wish && strcmp(wish, "1") == 0;
}

static void write_policy(int version)
{
    char path[700], text[512];

    snprintf(path, sizeof path, "%s/test.policy.json", rig.policies_dir);
    snprintf(text, sizeof text,
             "{\"name\":\"test\",\"limits\":[{\"name\":\"burst\",\"per\":"
             "[\"sender\"],\"capacity\":%d,\"refill\":\"900000/s\"}]}",
             900000 + version);
    rig_write_file(path, text);
}

/* How often the gateway has said so. */
static int said(const char *what)
{
    char *text = process_output(&rig.gateway);
    int count = 0;

    for (const char *p = text; (p = strstr(p, what)); p++)
        count++;
    free(text);
    return count;
}

static void expect_none_failed(const struct load *l, const char *what)
{
    fprintf(stderr, "%s: %llu requests answered, %llu not\n", what,
            (unsigned long long)l->answered, (unsigned long long)l->failed);
    ck_assert_msg(l->failed == 0, "%llu of %llu requests failed; the first: %s",
                  (unsigned long long)l->failed,
                  (unsigned long long)(l->failed + l->answered),
                  l->first_failure);
    ck_assert_uint_gt(l->answered, CLIENTS);
}

/* One line a request, and no request twice. */
static void expect_lines(const struct load *l)
{
    struct rig_audit lines;

    rig_audit(&rig, &lines);
    ck_assert_uint_eq(lines.count, l->answered);
    rig_audit_release(&lines);
}

START_TEST(reloads_lose_no_request)
{
    int reloads = is_thorough() ? 100 : 20;
    struct load load;

    rig_prepare(&rig, &(struct rig_options){0});
    write_policy(0);
    rig_gateway_start(&rig);
    load_start(&load, rig.port, CLIENTS);
    for (int i = 1; i <= reloads; i++) {
        load_wait(&load, BETWEEN);
        write_policy(i);
        kill(rig.gateway.pid, SIGHUP);
        while (said("reload.done") < i && process_is_alive(&rig.gateway))
            process_nap();
    }
    load_wait(&load, BETWEEN);
    load_stop(&load);
    expect_none_failed(&load, "reloads");
    ck_assert_int_eq(said("reload.done"), reloads);
    expect_lines(&load);
    rig_stop(&rig);
}
END_TEST

/* A listening socket of the test's own. */
static int listen_on_any(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert(fd >= 0 && bind(fd, (struct sockaddr *)&in, sizeof in) == 0 &&
              listen(fd, 512) == 0);
    return fd;
}

START_TEST(restarts_lose_no_request)
{
    int restarts = is_thorough() ? 5 : 2;
    struct load load;
    struct process old;

    rig_start(&rig, &(struct rig_options){
                        .redis = _i ? RIG_REDIS : RIG_NO_REDIS,
                        .listen_fd = listen_on_any(),
                    });
    load_start(&load, rig.port, CLIENTS);
    for (int i = 0; i < restarts; i++) {
        load_wait(&load, BETWEEN);
        old = rig.gateway;
        rig.gateway.pid = 0;
        rig_gateway_start(&rig);
        ck_assert(process_wait_for(&rig.gateway, "gateway.ready", NULL, 0));
        load_wait(&load, BETWEEN);
        ck_assert_int_eq(process_stop(&old, SIGTERM), 0);
    }
    load_wait(&load, BETWEEN);
    load_stop(&load);
    expect_none_failed(&load, "restarts");
    ck_assert_uint_ge(load.reopened, (uint64_t)restarts);
    expect_lines(&load);
    close(rig.options.listen_fd);
    rig_stop(&rig);
}
END_TEST

/* The kernel keeps who comes in between; nothing listens for a while. */
START_TEST(a_stop_and_a_start_lose_no_request)
{
    struct load load;

    rig_start(&rig, &(struct rig_options){
                        .redis = RIG_NO_REDIS,
                        .listen_fd = listen_on_any(),
                    });
    load_start(&load, rig.port, CLIENTS);
    load_wait(&load, BETWEEN);
    ck_assert_int_eq(process_stop(&rig.gateway, SIGTERM), 0);
    rig_gateway_start(&rig);
    load_wait(&load, BETWEEN);
    load_stop(&load);
    expect_none_failed(&load, "a stop and a start");
    expect_lines(&load);
    close(rig.options.listen_fd);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("restart");
    TCase *t = rig_tcase(s, "restart");

    tcase_add_test(t, reloads_lose_no_request);
    tcase_add_loop_test(t, restarts_lose_no_request, 0, 2);
    tcase_add_test(t, a_stop_and_a_start_lose_no_request);
    return rig_main(s);
}
