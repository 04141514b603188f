/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/redis.c - Redis refuses, stalls, restarts, forgets, is read-only,
 * full, loading, or talks nonsense, and requests flow all the same: what
 * redis.on_failure says happens to them, none waits longer than
 * redis.timeout, and Redis decides again as soon as it can.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "integration/expect.h"
#include "redis_server.h"

#define FROM "+14155550100"
#define AT_ONCE 8

static struct rig rig;

static const char *const on_failure[] = {"local", "allow", "deny"};
enum { LOCAL, ALLOW, DENY };

/* Three in Redis, of which one is spent before it goes away: what is local
 * then can be told from what is not. */
#define THREE                                                                  \
    "{\"name\":\"test\",\"limits\":[{\"name\":\"burst\",\"per\":[\"sender\"]," \
    "\"capacity\":3,\"refill\":\"0/s\"}]}"
#define MANY                                                                   \
    "{\"name\":\"test\",\"limits\":[{\"name\":\"burst\",\"per\":[\"sender\"]," \
    "\"capacity\":1000000,\"refill\":\"0/s\"}]}"

/* redis.timeout of these tests: long enough that a busy machine is not
 * mistaken for a second wait. */
static int64_t timeout_ms(void)
{
    return process_stretch(800);
}

static void start(int how, const char *policy, const struct rig_options *more)
{
    static char redis_config[128];
    struct rig_options o = *more;

    snprintf(redis_config, sizeof redis_config,
             "\"timeout\": \"%dms\", \"on_failure\": \"%s\"", (int)timeout_ms(),
             on_failure[how]);
    o.policy = policy;
    o.redis_config = redis_config;
    o.expects_warnings = true;
    o.config = "\"workers\": 1"; /* one circuit */
    rig_start(&rig, &o);
}

/* ---- the rig's redis-server ---- */

/* One command in Redis' inline form; the first bytes of its answer. */
static void tell_redis(const char *line, const char *expected)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    char answer[256];
    ssize_t n;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    in.sin_port = htons((uint16_t)rig.redis_port);
    ck_assert(fd >= 0 && connect(fd, (struct sockaddr *)&in, sizeof in) == 0);
    ck_assert_int_gt(dprintf(fd, "%s\r\n", line), 0);
    n = recv(fd, answer, sizeof answer - 1, 0);
    ck_assert_int_gt(n, 0);
    answer[n] = '\0';
    close(fd);
    ck_assert_msg(strncmp(answer, expected, strlen(expected)) == 0, "%s: %s",
                  line, answer);
}

static void redis_refuses(void)
{
    process_kill(&rig.redis);
}

static void redis_starts(void)
{
    rig_redis_start(&rig);
}

static void redis_stalls(void)
{
    int status;

    kill(rig.redis.pid, SIGSTOP);
    waitpid(rig.redis.pid, &status, WUNTRACED); /* it has stopped */
}

static void redis_continues(void)
{
    kill(rig.redis.pid, SIGCONT);
}

static void redis_is_a_replica(void)
{
    tell_redis("REPLICAOF 127.0.0.1 1", "+OK");
}

static void redis_is_a_master(void)
{
    tell_redis("REPLICAOF NO ONE", "+OK");
}

static void redis_lacks_replicas(void)
{
    tell_redis("CONFIG SET min-replicas-to-write 1", "+OK");
}

static void redis_needs_no_replicas(void)
{
    tell_redis("CONFIG SET min-replicas-to-write 0", "+OK");
}

static void redis_is_full(void)
{
    tell_redis("CONFIG SET maxmemory 1", "+OK");
}

static void redis_has_room(void)
{
    tell_redis("CONFIG SET maxmemory 0", "+OK");
}

/* It reads its file a key every two milliseconds, and looks at its
 * connections after each few. */
static void redis_loads(void)
{
    struct process *p = &rig.redis;
    char port[16], log[600];
    const char *const argv[] = {"redis-server",
                                "--port",
                                port,
                                "--bind",
                                "127.0.0.1",
                                "--save",
                                "",
                                "--dir",
                                rig.dir,
                                "--key-load-delay",
                                "2000",
                                "--loading-process-events-interval-bytes",
                                "1024",
                                NULL};

    tell_redis("DEBUG POPULATE 100000 filler 64", "+OK");
    tell_redis("SAVE", "+OK");
    process_kill(p);
    snprintf(port, sizeof port, "%d", rig.redis_port);
    snprintf(log, sizeof log, "%s/redis.log", rig.dir);
    process_start(p, "redis-server", log, argv, NULL);
    ck_assert(process_wait_for(p, "RDB memory usage", NULL, 0));
}

static void redis_has_loaded(void)
{
    tell_redis("CONFIG SET key-load-delay 0", "+OK");
    ck_assert(
        process_wait_for(&rig.redis, "Ready to accept connections", NULL, 0));
}

static const struct fault {
    const char *name;
    void (*begin)(void), (*end)(void);
    bool stalls;  /* the first ones wait for their time-out */
    bool answers; /* with errors: the circuit stays closed */
    bool forgets; /* buckets are full when it is back */
} faults[] = {
    {"refused", redis_refuses, redis_starts, false, false, true},
    {"stalled", redis_stalls, redis_continues, true, false, false},
    {"read-only", redis_is_a_replica, redis_is_a_master, false, true, false},
    {"without replicas", redis_lacks_replicas, redis_needs_no_replicas, false,
     true, false},
    {"out of memory", redis_is_full, redis_has_room, false, true, false},
    {"loading", redis_loads, redis_has_loaded, false, false, false},
};

/* ---- requests ---- */

/* A request's audit line, in short. */
struct outcome {
    int status;
    char source[16]; /* "" for null */
    size_t limits;   /* in the record */
    int64_t duration_ms;
};

static void take_outcome(struct wire_answer *a, struct outcome *out)
{
    const struct json_value *line, *source;
    struct rig_audit lines;

    line = expect_line(&rig, &lines, a);
    source = json_get(line, "limit_source");
    out->status = a->status;
    snprintf(out->source, sizeof out->source, "%s",
             source->type == JSON_STRING ? source->text.data : "");
    out->limits = json_get(line, "limits")->count;
    out->duration_ms = wire_int(line, "/duration_us") / 1000;
    rig_audit_release(&lines);
    wire_answer_release(a);
}

static struct outcome create(const char *from)
{
    struct wire_answer a;
    struct outcome o;

    expect_create(&rig, from, NULL, &a);
    take_outcome(&a, &o);
    return o;
}

/* AT_ONCE requests under way at the same time. */
static void create_together(const char *from, struct outcome *out)
{
    char *body = rig_create_body(from, "hello");
    struct wire w[AT_ONCE];
    struct wire_answer a;

    for (int i = 0; i < AT_ONCE; i++) {
        wire_open(&w[i], rig.port);
        wire_request(&w[i], "POST", "/v3/chats", NULL, body);
    }
    for (int i = 0; i < AT_ONCE; i++) {
        wire_read(&w[i], &a);
        take_outcome(&a, &out[i]);
        wire_close(&w[i]);
    }
    free(body);
}

static void expect_no_long_wait(const struct outcome *o, const char *fault)
{
    ck_assert_msg(o->duration_ms < timeout_ms() * 9 / 5,
                  "%s: a request took %d ms with a time-out of %d", fault,
                  (int)o->duration_ms, (int)timeout_ms());
}

/* What on_failure says, for the nth request of a sender (from 0) that meets
 * three tokens in this process. */
static void expect_decided_here(int how, int nth, const struct outcome *o,
                                const char *fault)
{
    switch (how) {
    case LOCAL:
        ck_assert_msg(o->status == (nth < 3 ? 201 : 429), "%s: %d is %d", fault,
                      nth, o->status);
        ck_assert_str_eq(o->source, "local");
        ck_assert_uint_eq(o->limits, 1);
        break;
    case ALLOW:
        ck_assert_msg(o->status == 201, "%s: %d", fault, o->status);
        ck_assert_str_eq(o->source, "open");
        ck_assert_uint_eq(o->limits, 0);
        break;
    default:
        ck_assert_msg(o->status == 503, "%s: %d", fault, o->status);
        ck_assert_uint_eq(o->limits, 0);
    }
}

/* Redis decides again, by itself. Another number is asked about. */
static void wait_until_redis_decides(void)
{
    ck_assert(rig_metric_becomes(&rig, "chatgate_redis_up", 1));
    int64_t until = process_now_ms() + process_stretch(PROCESS_DEADLINE_MS);
    struct outcome o = create("+14155550111");

    while (strcmp(o.source, "redis") != 0) {
        ck_assert_msg(process_now_ms() < until, "Redis does not decide again");
        process_nap();
        o = create("+14155550111");
    }
}

static int by_status(const void *a, const void *b)
{
    const struct outcome *x = a, *y = b;

    return x->status - y->status;
}

static const char *const debug_args[] = {"--enable-debug-command", "yes", NULL};

static void meet_fault(const struct fault *fault, int how)
{
    struct outcome together[AT_ONCE], o;
    double timeouts;

    fault->begin();
    create_together(FROM, together);
    qsort(together, AT_ONCE, sizeof together[0], by_status);
    for (int i = 0; i < AT_ONCE; i++) {
        expect_no_long_wait(&together[i], fault->name);
        expect_decided_here(how, i, &together[i], fault->name);
    }
    if (!fault->answers)
        ck_assert(rig_metric_becomes(&rig, "chatgate_redis_up", 0));
    timeouts = rig_metric(&rig, "chatgate_redis_timeouts_total");
    ck_assert(fault->stalls ? timeouts > 0 : timeouts == 0);
    /* From here on nobody waits at all. */
    for (int i = 0; i < 5; i++) {
        o = create(FROM);
        expect_decided_here(how, AT_ONCE, &o, fault->name);
        ck_assert_int_lt(o.duration_ms, timeout_ms() / 2);
    }
    ck_assert(rig_metric(&rig, "chatgate_redis_timeouts_total") == timeouts);
    fault->end();
}

START_TEST(a_redis_that_fails_is_done_without)
{
    const struct fault *fault = &faults[_i / 3];
    const int how = _i % 3;
    struct outcome o;

    start(how, THREE, &(struct rig_options){.redis_args = debug_args});
    o = create(FROM);
    ck_assert_int_eq(o.status, 201);
    ck_assert_str_eq(o.source, "redis");
    meet_fault(fault, how);
    wait_until_redis_decides();
    /* What was sent to a stalled server may have been charged. */
    for (int i = 0; i < 3 && !fault->stalls; i++) {
        o = create(FROM);
        ck_assert_str_eq(o.source, "redis");
        ck_assert_msg(o.status == (i < (fault->forgets ? 3 : 2) ? 201 : 429),
                      "%s: %d is %d", fault->name, i, o.status);
    }
    if (fault->stalls)
        ck_assert(rig_metric(&rig, "chatgate_limit_unknown_total") > 0);
    rig_stop(&rig);
}
END_TEST

/* SCRIPT FLUSH takes the script, FLUSHALL the buckets: neither is noticed. */
START_TEST(a_flushed_redis_goes_on_deciding)
{
    static const char *const flushes[] = {"SCRIPT FLUSH", "FLUSHALL"};
    struct outcome o;

    start(DENY, THREE, &(struct rig_options){0});
    for (int i = 0; i < 6; i++) {
        o = create(FROM);
        ck_assert_int_eq(o.status, i < 3 ? 201 : 429);
        ck_assert_str_eq(o.source, "redis");
        tell_redis(flushes[0], "+OK");
    }
    tell_redis(flushes[1], "+OK");
    o = create("+14155550111");
    ck_assert_int_eq(o.status, 201);
    ck_assert_str_eq(o.source, "redis");
    rig_stop(&rig);
}
END_TEST

/* A request about a chat asks Redis twice, whose chat it is and for the
 * decision, and still waits for a stalled server once. */
START_TEST(a_request_waits_for_a_stalled_redis_once)
{
    char target[128], *body = rig_create_body(FROM, "hello");
    struct wire_answer a;
    struct outcome o;

    start(LOCAL, MANY, &(struct rig_options){0});
    wire_call(rig.stub_port, "POST", "/v3/chats", NULL, body, &a);
    ck_assert_int_eq(a.status, 201);
    snprintf(target, sizeof target, "/v3/chats/%s/typing",
             wire_text(wire_answer_json(&a), "/chat/id"));
    wire_answer_release(&a);
    free(body);
    ck_assert_str_eq(create(FROM).source, "redis");
    redis_stalls();
    wire_call(rig.port, "POST", target, NULL, "", &a);
    take_outcome(&a, &o);
    ck_assert_int_eq(o.status, 204);
    ck_assert_str_eq(o.source, "local");
    expect_no_long_wait(&o, "stalled");
    redis_continues();
    rig_stop(&rig);
}
END_TEST

/* ---- servers that are no Redis ---- */

static const struct {
    const char *name;
    const char *replies[4];
    int64_t us_a_byte;
} scripts[] = {
    {"another protocol", {"HTTP/1.1 400 Bad Request\r\n\r\n", NULL}, 0},
    {"silence", {"", NULL}, 0},
    {"a greeting, then silence", {"+PONG\r\n", "", NULL}, 0},
    {"a greeting, then garbage", {"+PONG\r\n", "\x01\x02garbage\r\n", NULL}, 0},
    {"another answer", {"+PONG\r\n", "+OK\r\n", NULL}, 0},
    {"too few numbers", {"+PONG\r\n", "*1\r\n:1\r\n", NULL}, 0},
    {"numbers that are texts",
     {"+PONG\r\n", "*4\r\n:1\r\n$1\r\n1\r\n:1\r\n:1\r\n", NULL},
     0},
    {"an endless array", {"+PONG\r\n", "*1000000000\r\n:1\r\n", NULL}, 0},
    {"a string without an end", {"+PONG\r\n", "$500000000\r\nxxxx", NULL}, 0},
    {"a closed connection", {"+PONG\r\n", "<", NULL}, 0},
    {"an error of another kind", {"+PONG\r\n", "-ERR NOSCRIPT\r\n", NULL}, 0},
    {"NOSCRIPT for ever", {"+PONG\r\n", "-NOSCRIPT no\r\n", NULL}, 0},
    {"one byte a second", {"+PONG\r\n", NULL}, US_PER_S},
    {"drops of an answer",
     {"+PONG\r\n", "*4\r\n:1\r\n:1\r\n:99999999999999999\r\n:0\r\n", NULL},
     0 /* see below */},
};

START_TEST(a_server_that_talks_nonsense_is_done_without)
{
    struct redis_server server;
    struct outcome together[AT_ONCE];
    char url[160];
    const int how = _i % 3;
    int64_t pace = scripts[_i].us_a_byte;

    if (strcmp(scripts[_i].name, "drops of an answer") == 0)
        pace = timeout_ms() * US_PER_MS / 20;
    scripted_server_start(&server, scripts[_i].replies, pace);
    snprintf(url, sizeof url, "unix://%s", server.path);
    start(how, THREE,
          &(struct rig_options){.redis = RIG_REDIS_AWAY, .redis_url = url});
    for (int round = 0; round < 2; round++) {
        create_together(FROM, together);
        qsort(together, AT_ONCE, sizeof together[0], by_status);
        for (int i = 0; i < AT_ONCE; i++) {
            expect_no_long_wait(&together[i], scripts[_i].name);
            expect_decided_here(how, round > 0 ? AT_ONCE : i, &together[i],
                                scripts[_i].name);
        }
    }
    rig_stop(&rig);
    redis_server_remove(&server);
}
END_TEST

/* ---- the way in ---- */

static const struct {
    const char *name, *url;
    const char *args[8];
    bool is_let_in;
} doors[] = {
    {"a password",
     "redis://:secret@127.0.0.1:%d",
     {"--requirepass", "secret", NULL},
     true},
    {"a wrong password",
     "redis://:guess@127.0.0.1:%d",
     {"--requirepass", "secret", NULL},
     false},
    {"no password",
     "redis://127.0.0.1:%d",
     {"--requirepass", "secret", NULL},
     false},
    {"a user",
     "redis://gate:secret@127.0.0.1:%d",
     {"--user", "gate", "on", ">secret", "~chatgate:*", "+@all", NULL},
     true},
    {"a password with escapes",
     "redis://:p%40ss%2Fword@127.0.0.1:%d",
     {"--requirepass", "p@ss/word", NULL},
     true},
    {"another database", "redis://127.0.0.1:%d/1", {NULL}, true},
    {"a database that is not there", "redis://127.0.0.1:%d/7", {NULL}, false},
};

START_TEST(passwords_users_and_databases)
{
    struct outcome o;

    start(DENY, THREE,
          &(struct rig_options){.redis_url = doors[_i].url,
                                .redis_args = doors[_i].args});
    if (!doors[_i].is_let_in) {
        o = create(FROM);
        ck_assert_msg(o.status == 503, "%s: %d", doors[_i].name, o.status);
        expect_no_long_wait(&o, doors[_i].name);
    } else {
        wait_until_redis_decides();
        o = create(FROM);
        ck_assert_msg(o.status == 201, "%s: %d", doors[_i].name, o.status);
        ck_assert_str_eq(o.source, "redis");
    }
    rig_stop(&rig);
}
END_TEST

START_TEST(a_database_is_the_one_that_was_asked_for)
{
    start(DENY, THREE,
          &(struct rig_options){.redis_url = "redis://127.0.0.1:%d/1"});
    ck_assert_str_eq(create(FROM).source, "redis");
    tell_redis("DBSIZE", ":0");
    rig_stop(&rig);
}
END_TEST

START_TEST(a_unix_socket)
{
    struct redis_server server;
    char url[160];

    redis_server_start(&server, false, NULL);
    snprintf(url, sizeof url, "unix://%s", server.path);
    start(DENY, THREE,
          &(struct rig_options){.redis = RIG_REDIS_AWAY, .redis_url = url});
    for (int i = 0; i < 4; i++) {
        struct outcome o = create(FROM);

        ck_assert_int_eq(o.status, i < 3 ? 201 : 429);
        ck_assert_str_eq(o.source, "redis");
    }
    rig_stop(&rig);
    redis_server_remove(&server);
}
END_TEST

/* TLS to Redis needs a hiredis that has it: no start without it, and no
 * connection in the clear. */
START_TEST(what_cannot_be_spoken_is_said_at_start)
{
    static const char *const urls[] = {"rediss://127.0.0.1:%d"};
    char *said;

    rig_prepare(&rig, &(struct rig_options){.redis_url = urls[_i],
                                            .expects_warnings = true});
    rig_gateway_spawn(&rig);
    ck_assert_int_ne(process_wait(&rig.gateway), 0);
    said = process_output(&rig.gateway);
    ck_assert_msg(strstr(said, "redis.url: ") && strstr(said, "TLS"), "%s",
                  said);
    free(said);
    rig_stop(&rig);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("redis");
    TCase *t = rig_tcase(s, "redis");

    tcase_add_loop_test(t, a_redis_that_fails_is_done_without, 0,
                        3 * (int)ARRAY_LEN(faults));
    tcase_add_test(t, a_flushed_redis_goes_on_deciding);
    tcase_add_test(t, a_request_waits_for_a_stalled_redis_once);
    tcase_add_loop_test(t, a_server_that_talks_nonsense_is_done_without, 0,
                        (int)ARRAY_LEN(scripts));
    tcase_add_loop_test(t, passwords_users_and_databases, 0,
                        (int)ARRAY_LEN(doors));
    tcase_add_test(t, a_database_is_the_one_that_was_asked_for);
    tcase_add_test(t, a_unix_socket);
    tcase_add_loop_test(t, what_cannot_be_spoken_is_said_at_start, 0, 1);
    return s;
}

int main(void)
{
    return rig_main(suite());
}
