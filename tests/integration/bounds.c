/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/bounds.c - memory, connections and descriptors have bounds, and
 * what reaches them harms nobody but itself.
 *
 * TEST_THOROUGH=1 opens 10,000 idle connections instead of 1,000. Memory is
 * compared with what the same process held before. A sanitizer's own memory
 * is no concern of the gateway's; its bounds are looser.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "config.h"
#include "integration/expect.h"
#include "integration/load.h"

#define FROM "+14155550100"
#define KIB 1024

#ifdef WITH_SANITIZERS
#define LOOSE 4
#else
#define LOOSE 1
#endif

static struct rig rig;

/* What is freed is given back at once, or growth could not be told. */
static const char *const frugal[] = {
    "ASAN_OPTIONS=exitcode=99:detect_leaks=1:quarantine_size_mb=1",
    "MALLOC_ARENA_MAX=1", NULL};

static bool is_thorough(void)
{
    const char *wish = getenv("TEST_THOROUGH");

    return wish && strcmp(wish, "1") == 0;
}

/* Bytes resident. */
static long resident(void)
{
    char path[64], line[256];
    long kib = -1;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/status", (int)rig.gateway.pid);
    f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    fclose(f);
    ck_assert_int_gt(kib, 0);
    return kib * KIB;
}

/* ---- bodies ---- */

/* The head and the first `sent` bytes of a body of `length`. */
static void begin_body(struct wire *w, size_t length, size_t sent)
{
    struct buffer text;
    char *body = calloc(1, sent + 1);

    ck_assert_ptr_nonnull(body);
    memset(body, ' ', sent);
    wire_head(&text, "POST", "/v3/chats", NULL, (long)length);
    ck_assert_int_eq(buffer_append(&text, body, sent), STATUS_OK);
    wire_open(w, rig.port);
    wire_send(w, text.data, text.len);
    buffer_release(&text);
    free(body);
}

/* Over all exchanges of all workers, to the byte. */
START_TEST(bodies_beyond_the_maximum_of_all_are_refused)
{
    struct rig_audit lines;
    struct wire_answer a;
    struct wire held[4], late;

    rig_start(&rig, &(struct rig_options){
                        .redis = RIG_NO_REDIS,
                        .limits_config = "\"max_buffered\": \"400KiB\"",
                    });
    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        begin_body(&held[i], 200 * KIB, 100 * KIB);
        ck_assert(rig_metric_becomes(&rig, "chatgate_buffered_bytes",
                                     (double)(i + 1) * 100 * KIB));
    }
    begin_body(&late, 10, 1);
    wire_read(&late, &a);
    expect_refusal(&a, 503, 4004, "http.busy", "");
    ck_assert_ptr_nonnull(wire_answer_header(&a, "retry-after"));
    expect_member(expect_line(&rig, &lines, &a), "error", "http.busy");
    rig_audit_release(&lines);
    wire_answer_release(&a);
    wire_close(&late);
    /* Who needs no body is served; who leaves makes room. */
    wire_call(rig.port, "GET", "/v3/chats", NULL, NULL, &a);
    ck_assert_int_eq(a.status, 200);
    wire_answer_release(&a);
    wire_abort(&held[0]);
    ck_assert(rig_metric_becomes(&rig, "chatgate_buffered_bytes", 300 * KIB));
    ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    for (size_t i = 1; i < ARRAY_LEN(held); i++)
        wire_abort(&held[i]);
    ck_assert(rig_metric_becomes(&rig, "chatgate_buffered_bytes", 0));
    rig_stop(&rig);
}
END_TEST

/* ---- slow readers ---- */

#define SLOW 12

/* A GET whose answer is 80 MB, on a connection whose kernel takes little. */
static void begin_slow_reader(struct wire *w)
{
    int small = 4096;

    wire_open(w, rig.port);
    setsockopt(w->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    wire_request(w, "GET", "/v3/chats", "X-Stub-Fault: huge=80MiB\r\n", NULL);
}

static void read_a_little(struct wire *wires, int64_t for_ms)
{
    int64_t until = process_now_ms() + for_ms;
    char piece[100];

    while (process_now_ms() < until) { /* 100 bytes in 100 ms: 1 kB/s */
        const struct timespec nap = {0, 100 * 1000 * 1000};

        for (size_t i = 0; i < SLOW; i++)
            ck_assert_int_ne(
                recv(wires[i].fd, piece, sizeof piece, MSG_DONTWAIT), 0);
        nanosleep(&nap, NULL);
    }
}

START_TEST(a_slow_reader_holds_little)
{
    struct wire wires[SLOW];
    struct wire_answer a;
    long before, most = 0;

    rig_start(&rig, &(struct rig_options){
                        .redis = RIG_NO_REDIS,
                        .env = frugal,
                        .config = "\"workers\": 1",
                    });
    for (int i = 0; i < 4; i++) { /* warm */
        wire_call(rig.port, "GET", "/v3/chats", "X-Stub-Fault: huge=4MiB\r\n",
                  NULL, &a);
        ck_assert_int_eq(a.status, 200);
        wire_answer_release(&a);
    }
    before = resident();
    for (size_t i = 0; i < SLOW; i++)
        begin_slow_reader(&wires[i]);
    for (int i = 0; i < 5; i++) {
        long now;

        read_a_little(wires, 500);
        now = resident() - before;
        most = now > most ? now : most;
        ck_assert_int_eq(expect_create_status(&rig, FROM), 201);
    }
    fprintf(stderr, "slow readers: %ld KiB an exchange\n", most / SLOW / KIB);
    ck_assert_msg(most / SLOW <= 256 * KIB * LOOSE, "%ld bytes an exchange",
                  most / SLOW);
    for (size_t i = 0; i < SLOW; i++)
        wire_abort(&wires[i]);
    ck_assert(rig_metric_becomes(&rig, "chatgate_requests_in_flight", 0));
    rig_stop(&rig);
}
END_TEST

START_TEST(who_never_reads_is_cut_off)
{
    struct rig_audit lines;
    struct wire w;

    rig_start(&rig, &(struct rig_options){
                        .redis = RIG_NO_REDIS,
                        .limits_config = "\"send_timeout\": \"300ms\"",
                    });
    begin_slow_reader(&w);
    ck_assert(rig_metric_becomes(&rig, "chatgate_requests_in_flight", 1));
    ck_assert(rig_metric_becomes(&rig, "chatgate_requests_in_flight", 0));
    ck_assert(rig_metric_becomes(&rig, "chatgate_connections", 0));
    rig_audit(&rig, &lines);
    ck_assert_uint_eq(lines.count, 1);
    expect_member(lines.docs[0]->root, "decision", "error");
    ck_assert(json_get(lines.docs[0]->root, "client_gone")->boolean);
    rig_audit_release(&lines);
    wire_close(&w);
    rig_stop(&rig);
}
END_TEST

/* ---- idle connections ---- */

/* 60 MB for 10,000 of them. */
#define IDLE_BYTES 6000

static void open_idle(int *fds, size_t count)
{
    struct sockaddr_in in = {.sin_family = AF_INET};

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    in.sin_port = htons((uint16_t)rig.port);
    for (size_t i = 0; i < count; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_msg(fds[i] >= 0 && connect(fds[i], (struct sockaddr *)&in,
                                             sizeof in) == 0,
                      "connection %zu: %m", i);
    }
}

/* One request on each, so that it is idle and not merely silent. */
static void use(int *fds, size_t count)
{
    static const char get[] = "GET /v3/nothing HTTP/1.1\r\nHost: h\r\n\r\n";
    char answer[4096];

    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(send(fds[i], get, sizeof get - 1, MSG_NOSIGNAL),
                         (ssize_t)sizeof get - 1);
    for (size_t i = 0; i < count; i++)
        ck_assert_int_gt(recv(fds[i], answer, sizeof answer, 0), 0);
}

START_TEST(idle_connections_cost_little_and_others_are_served)
{
    size_t count = is_thorough() ? 10000 : 1000;
    struct rlimit limit;
    struct load load;
    int *fds = calloc(count, sizeof *fds);
    long before, after;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < count + 1000) {
        fprintf(stderr, "idle connections: skipped, ulimit -Hn is %llu\n",
                (unsigned long long)limit.rlim_max);
        free(fds);
        return;
    }
    rig_start(&rig, &(struct rig_options){
                        .redis = RIG_NO_REDIS,
                        .env = frugal,
                        .limits_config = "\"max_connections\": 12000,"
                                         "\"keepalive_timeout\": \"10m\","
                                         "\"header_timeout\": \"10m\"",
                        /* Where the limit is only just enough. */
                        .expects_warnings = true,
                    });
    load_start(&load, rig.port, 4);
    load_wait(&load, 200);
    before = resident();
    for (size_t at = 0; at < count; at += 500) {
        open_idle(fds + at, 500);
        use(fds + at, 500);
    }
    ck_assert_int_ge((int)rig_metric(&rig, "chatgate_connections"), (int)count);
    load_wait(&load, 200);
    after = resident();
    load_stop(&load);
    ck_assert_msg(load.failed == 0, "%s", load.first_failure);
    fprintf(stderr, "%zu idle connections: %ld bytes resident each\n", count,
            (after - before) / (long)count);
    ck_assert_int_le((after - before) / (long)count, IDLE_BYTES * LOOSE);
    /* None of them was given up for the others. */
    use(fds, count);
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
    ck_assert(rig_metric_becomes(&rig, "chatgate_connections", 0));
    free(fds);
    rig_stop(&rig);
}
END_TEST

/* ---- descriptors ---- */

#define CROWD 400

/* Clients take all that they can get. Those who are in are served, with new
 * connections to the upstream and to Redis and a new audit file; the others
 * wait and are served when there is room. */
START_TEST(clients_cannot_take_the_last_descriptor)
{
    struct wire crowd[CROWD], *w;
    struct wire_answer a;
    size_t served = 0;
    char *body = rig_create_body(FROM, "crowd"), *said;
    char old[700];
    double in;

    rig_start(&rig,
              &(struct rig_options){
                  .wrapper = "prlimit --nofile=240:240",
                  .policy = "{\"name\":\"test\",\"limits\":[{\"name\":\"b\","
                            "\"per\":[\"sender\"],\"capacity\":100000,"
                            "\"refill\":\"1/s\"}]}",
                  .config = "\"workers\": 2",
                  .limits_config = "\"max_connections\": 10000",
                  .expects_warnings = true,
              });
    said = process_output(&rig.gateway);
    ck_assert_ptr_nonnull(strstr(said, "descriptors.few"));
    free(said);
    for (size_t i = 0; i < CROWD; i++)
        wire_open(&crowd[i], rig.port);
    ck_assert(process_wait_for(&rig.gateway, "listener.paused", NULL, 0));
    in = rig_metric(&rig, "chatgate_connections");
    ck_assert(in > 20 && in < 240);
    /* Nothing is warm: Redis comes back, the upstream is met anew. */
    process_stop(&rig.redis, SIGTERM);
    rig_redis_start(&rig);
    snprintf(old, sizeof old, "%s.old", rig.audit_file);
    ck_assert_int_eq(rename(rig.audit_file, old), 0);
    ck_assert_int_eq(kill(rig.gateway.pid, SIGUSR1), 0);
    ck_assert(process_wait_for(&rig.gateway, "audit.reopened", NULL, 0));
    /* All ask at once; nobody stays, or those in the queue of one worker could
     * wait for those that the other let in. */
    for (size_t i = 0; i < CROWD; i++)
        wire_request(&crowd[i], "POST", "/v3/chats",
                     "Connection: close\r\nX-Stub-Fault: delay=100ms\r\n",
                     body);
    for (w = crowd; w < crowd + CROWD; w++) {
        wire_read(w, &a);
        ck_assert_msg(a.status == 201, "connection %zu: %d",
                      (size_t)(w - crowd), a.status);
        served++;
        wire_answer_release(&a);
        wire_close(w);
    }
    ck_assert_uint_eq(served, CROWD);
    ck_assert(rig_metric_becomes(&rig, "chatgate_connections", 0));
    ck_assert(rig_metric(&rig, "chatgate_connections_refused_total") == 0);
    free(body);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("bounds");
    TCase *t = rig_tcase(s, "bounds");

    tcase_add_test(t, bodies_beyond_the_maximum_of_all_are_refused);
    tcase_add_test(t, a_slow_reader_holds_little);
    tcase_add_test(t, who_never_reads_is_cut_off);
    tcase_add_test(t, idle_connections_cost_little_and_others_are_served);
    tcase_add_test(t, clients_cannot_take_the_last_descriptor);
    return rig_main(s);
}
