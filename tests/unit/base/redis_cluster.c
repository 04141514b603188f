/* SPDX-License-Identifier: Apache-2.0
 *
 * A cluster of servers that answer by tables: redirections, circles of them,
 * nodes that stall, vanish and move. A real cluster is in unit/limit/cluster.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/redis.h"
#include "redis_script.h"
#include "redis_server.h"
#include "unit.h"

#define WAIT_S 20.0
#define TIMEOUT_US (50 * US_PER_MS)
#define LONG_US (20 * US_PER_S) /* no test takes that long */
#define NODES 3

#define VALUE "$5\r\nvalue\r\n"
#define NO_CLUSTER "-ERR This instance has cluster support disabled\r\n"

static struct event_base *base;
static struct redis *redis;
static struct redis_script nodes[NODES];
static char slots[256], other_slots[256];

static struct {
    int done;
    enum status status;
    bool sent;
    char text[128];
} last;

static void on_done(void *arg, const struct redis_result *result)
{
    (void)arg;
    last.done++;
    last.status = result->status;
    last.sent = result->sent;
    last.text[0] = '\0';
    if (result->reply != NULL)
        snprintf(last.text, sizeof(last.text), "%.*s",
                 TEXT_ARG(redis_reply_text(result->reply)));
}

static void listen_all(void)
{
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < NODES; i++)
        redis_script_listen(&nodes[i]);
}

/* A reply to CLUSTER SLOTS: the first half is a's, the rest is b's. */
static void write_slots(char *out, size_t size, int a, int b)
{
    snprintf(out, size,
             "*2\r\n*3\r\n:0\r\n:8191\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n"
             "*3\r\n:8192\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n",
             nodes[a].port, nodes[b].port);
}

static void open_with(int64_t look_interval_us, int seed_count)
{
    struct redis_host seeds[NODES];
    struct redis_options o;

    base = event_base_new();
    for (int i = 0; i < NODES; i++)
        seeds[i] = (struct redis_host){"127.0.0.1", nodes[i].port};
    redis_options_default(&o);
    o.layout = REDIS_CLUSTER;
    o.seeds = seeds;
    o.seed_count = (size_t)seed_count;
    o.look_interval_us = look_interval_us;
    o.probe_interval_us = 20 * US_PER_MS;
    memset(&last, 0, sizeof(last));
    ck_assert_int_eq(redis_new(base, clock_system(), &o, &redis), STATUS_OK);
}

static void close_all(void)
{
    redis_free(redis);
    event_base_free(base);
    for (int i = 0; i < NODES; i++)
        redis_script_end(&nodes[i]);
}

/* "bar" is in the first half (5061), "foo" in the second (12182). */
static void ask_within(int64_t timeout_us, const char *word, const char *key)
{
    const struct text argv[] = {text_of(word), text_of(key)};
    int before = last.done;

    ck_assert_int_eq(redis_command(redis, redis_place_of(redis, argv[1]),
                                   timeout_us, 2, argv, on_done, NULL),
                     STATUS_OK);
    ck_assert_int_eq(last.done, before); /* never before it returns */
    ck_assert(run_until(base, &last.done, before + 1, WAIT_S));
}

static void ask(const char *word, const char *key)
{
    ask_within(LONG_US, word, key);
}

static void expect(const char *text)
{
    ck_assert_int_eq(last.status, STATUS_OK);
    ck_assert_str_eq(last.text, text);
}

static struct redis_counters counters(void)
{
    struct redis_counters c;

    redis_counters_get(redis, &c);
    return c;
}

START_TEST(each_slot_to_its_master)
{
    const struct redis_rule first[] = {
        {"CLUSTER SLOTS", 0, slots}, {"GET bar", 0, VALUE}, {NULL, 0, NULL}};
    const struct redis_rule second[] = {
        {"CLUSTER SLOTS", 0, slots}, {"GET foo", 0, VALUE}, {NULL, 0, NULL}};

    listen_all();
    write_slots(slots, sizeof(slots), 0, 1);
    redis_script_serve(&nodes[0], first);
    redis_script_serve(&nodes[1], second);
    open_with(US_PER_S, 1);
    ck_assert(redis_is_whole(redis)); /* nothing says otherwise yet */
    for (int i = 0; i < 10; i++) {
        ask("GET", "foo"); /* the first one waits for the map */
        expect("value");
        ask("GET", "bar");
        expect("value");
    }
    ck_assert_int_eq(nodes[0].used[1], 10);
    ck_assert_int_eq(nodes[1].used[1], 10);
    ck_assert_uint_eq(counters().redirects, 0);
    ck_assert_uint_eq(counters().looks, 1);
    ck_assert(redis_is_whole(redis));
    close_all();
}
END_TEST

START_TEST(seeds_are_asked_in_turn_until_one_knows)
{
    const struct redis_rule garbage[] = {{"CLUSTER SLOTS", 0, "+nonsense\r\n"},
                                         {NULL, 0, NULL}};
    const struct redis_rule alone[] = {{"CLUSTER SLOTS", 0, NO_CLUSTER},
                                       {NULL, 0, NULL}};
    const struct redis_rule good[] = {
        {"CLUSTER SLOTS", 0, slots}, {"GET", 0, VALUE}, {NULL, 0, NULL}};

    listen_all();
    write_slots(slots, sizeof(slots), 2, 2);
    redis_script_serve(&nodes[0], garbage);
    redis_script_serve(&nodes[1], alone);
    redis_script_serve(&nodes[2], good);
    open_with(US_PER_S, 3);
    ask("GET", "foo");
    expect("value");
    close_all();
}
END_TEST

START_TEST(nobody_knows_and_later_somebody_does)
{
    const struct redis_rule rules[] = {{"CLUSTER SLOTS", 2, NO_CLUSTER},
                                       {"CLUSTER SLOTS", 0, slots},
                                       {"GET", 0, VALUE},
                                       {NULL, 0, NULL}};

    listen_all();
    write_slots(slots, sizeof(slots), 0, 0);
    redis_script_serve(&nodes[0], rules);
    open_with(100 * US_PER_MS, 1);
    ask("GET", "foo"); /* held, then the look is over */
    ck_assert_int_eq(last.status, STATUS_UNAVAILABLE);
    ck_assert(!last.sent);
    ck_assert(!redis_is_up(redis, 0));
    ck_assert(!redis_is_whole(redis));
    for (int i = 0; i < 1000 && !redis_is_up(redis, 0); i++)
        run_for(base, 0.01);
    ask("GET", "foo");
    expect("value");
    close_all();
}
END_TEST

/* A seed that stalls: what is held meets its own deadline, and after the first
 * one nothing is held. */
START_TEST(nothing_queues_while_a_seed_stalls)
{
    const struct redis_rule rules[] = {{"CLUSTER SLOTS", 0, ""},
                                       {NULL, 0, NULL}};

    listen_all();
    redis_script_serve(&nodes[0], rules);
    open_with(US_PER_S, 1);
    ask_within(TIMEOUT_US, "GET", "foo");
    ck_assert_int_eq(last.status, STATUS_TIMEOUT);
    ck_assert(!last.sent);
    ask("GET", "foo");
    ck_assert_int_eq(last.status, STATUS_UNAVAILABLE);
    ck_assert(!redis_is_up(redis, 12182));
    ck_assert_uint_eq(counters().timeouts, 1);
    close_all();
}
END_TEST

START_TEST(MOVED_is_followed_and_remembered)
{
    static const char *const hosts[] = {"127.0.0.1", ""}; /* "here" */
    char moved[64];

    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        const struct redis_rule first[] = {{"CLUSTER SLOTS", 0, slots},
                                           {"GET foo", 0, moved},
                                           {NULL, 0, NULL}};
        const struct redis_rule second[] = {{"GET foo", 0, VALUE},
                                            {NULL, 0, NULL}};

        listen_all();
        write_slots(slots, sizeof(slots), 0, 0);
        snprintf(moved, sizeof(moved), "-MOVED 12182 %s:%d\r\n", hosts[i],
                 nodes[1].port);
        redis_script_serve(&nodes[0], first);
        redis_script_serve(&nodes[1], second);
        open_with(60 * US_PER_S, 1); /* so that no look corrects it */
        for (int n = 0; n < 3; n++) {
            ask("GET", "foo");
            expect("value");
        }
        ck_assert_int_eq(nodes[0].used[1], 1);
        ck_assert_int_eq(nodes[1].used[0], 3);
        ck_assert_uint_eq(counters().redirects, 1);
        close_all();
    }
}
END_TEST

START_TEST(MOVED_has_the_map_read_again)
{
    char moved[64];
    const struct redis_rule first[] = {{"CLUSTER SLOTS", 1, slots},
                                       {"CLUSTER SLOTS", 0, other_slots},
                                       {"GET foo", 0, moved},
                                       {"GET bar", 0, moved},
                                       {NULL, 0, NULL}};
    const struct redis_rule second[] = {
        {"CLUSTER SLOTS", 0, other_slots}, {"GET", 0, VALUE}, {NULL, 0, NULL}};

    listen_all();
    write_slots(slots, sizeof(slots), 0, 0);
    write_slots(other_slots, sizeof(other_slots), 1, 1);
    snprintf(moved, sizeof(moved), "-MOVED 12182 127.0.0.1:%d\r\n",
             nodes[1].port);
    redis_script_serve(&nodes[0], first);
    redis_script_serve(&nodes[1], second);
    open_with(20 * US_PER_MS, 1);
    ask("GET", "foo");
    expect("value");
    for (int i = 0; i < 1000 && counters().switches == 0; i++)
        run_for(base, 0.01);
    ask("GET", "bar"); /* nobody said anything about its slot but the map */
    expect("value");
    ck_assert_int_eq(nodes[0].used[3], 0);
    close_all();
}
END_TEST

START_TEST(a_circle_of_MOVED_ends)
{
    char to_second[64], to_first[64];
    const struct redis_rule first[] = {
        {"CLUSTER SLOTS", 0, slots}, {"GET", 0, to_second}, {NULL, 0, NULL}};
    const struct redis_rule second[] = {{"GET", 0, to_first}, {NULL, 0, NULL}};

    listen_all();
    write_slots(slots, sizeof(slots), 0, 0);
    snprintf(to_second, sizeof(to_second), "-MOVED 12182 127.0.0.1:%d\r\n",
             nodes[1].port);
    snprintf(to_first, sizeof(to_first), "-MOVED 12182 127.0.0.1:%d\r\n",
             nodes[0].port);
    redis_script_serve(&nodes[0], first);
    redis_script_serve(&nodes[1], second);
    open_with(60 * US_PER_S, 1);
    ask("GET", "foo");
    ck_assert_int_eq(last.status, STATUS_OK); /* with an error for a reply */
    ck_assert(strncmp(last.text, "MOVED", 5) == 0);
    ck_assert_int_eq(nodes[0].used[1] + nodes[1].used[0], 6);
    close_all();
}
END_TEST

START_TEST(MOVED_to_nowhere_is_the_answer)
{
    static const char *const rows[] = {
        "-MOVED 12182 ?:7000\r\n", "-MOVED 12182\r\n",
        "-MOVED 1 127.0.0.1:7000\r\n", /* that is not what was asked about */
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct redis_rule rules[] = {
            {"CLUSTER SLOTS", 0, slots}, {"GET", 0, rows[i]}, {NULL, 0, NULL}};

        listen_all();
        write_slots(slots, sizeof(slots), 0, 0);
        redis_script_serve(&nodes[0], rules);
        open_with(60 * US_PER_S, 1);
        ask("GET", "foo");
        ck_assert_int_eq(last.status, STATUS_OK);
        ck_assert(strncmp(last.text, "MOVED", 5) == 0);
        ck_assert_int_eq(nodes[0].used[1], 1);
        close_all();
    }
}
END_TEST

START_TEST(ASK_is_followed_with_ASKING_and_forgotten)
{
    char ask_there[64];
    const struct redis_rule first[] = {{"CLUSTER SLOTS", 0, slots},
                                       {"GET foo", 0, ask_there},
                                       {"GET bar", 0, VALUE},
                                       {NULL, 0, NULL}};
    const struct redis_rule second[] = {
        {"ASKING", 0, "+OK\r\n"}, {"GET foo", 0, VALUE}, {NULL, 0, NULL}};

    listen_all();
    write_slots(slots, sizeof(slots), 0, 0);
    snprintf(ask_there, sizeof(ask_there), "-ASK 12182 127.0.0.1:%d\r\n",
             nodes[1].port);
    redis_script_serve(&nodes[0], first);
    redis_script_serve(&nodes[1], second);
    open_with(60 * US_PER_S, 1);
    for (int i = 0; i < 5; i++) {
        ask("GET", "foo");
        expect("value");
        ask("GET", "bar");
        expect("value");
    }
    ck_assert_int_eq(nodes[0].used[1], 5); /* asked first each time */
    ck_assert_int_eq(nodes[1].used[0], 5);
    ck_assert_int_eq(nodes[1].used[1], 5);
    ck_assert_uint_eq(counters().redirects, 5);
    close_all();
}
END_TEST

START_TEST(other_errors_are_answers)
{
    static const char *const rows[] = {
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "CLUSTERDOWN The cluster is down",
        "CROSSSLOT Keys in request don't hash to the same slot",
        "NOSCRIPT No matching script",
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char reply[128];
        const struct redis_rule rules[] = {
            {"CLUSTER SLOTS", 0, slots}, {"GET", 0, reply}, {NULL, 0, NULL}};

        snprintf(reply, sizeof(reply), "-%s\r\n", rows[i]);
        listen_all();
        write_slots(slots, sizeof(slots), 0, 0);
        redis_script_serve(&nodes[0], rules);
        open_with(60 * US_PER_S, 1);
        ask("GET", "foo");
        expect(rows[i]);
        ck_assert_int_eq(nodes[0].used[1], 1);
        ck_assert(redis_is_whole(redis)); /* it answers */
        close_all();
    }
}
END_TEST

START_TEST(CLUSTERDOWN_has_the_map_read_again)
{
    const struct redis_rule rules[] = {
        {"CLUSTER SLOTS", 0, slots},
        {"GET", 0, "-CLUSTERDOWN Hash slot not served\r\n"},
        {NULL, 0, NULL}};

    listen_all();
    write_slots(slots, sizeof(slots), 0, 0);
    redis_script_serve(&nodes[0], rules);
    open_with(20 * US_PER_MS, 1);
    ask("GET", "foo");
    for (int i = 0; i < 1000 && counters().looks < 2; i++)
        run_for(base, 0.01);
    ck_assert_uint_ge(counters().looks, 2);
    close_all();
}
END_TEST

START_TEST(a_stalled_master_takes_away_its_slots_and_no_others)
{
    const struct redis_rule first[] = {
        {"CLUSTER SLOTS", 0, slots}, {"GET bar", 0, VALUE}, {NULL, 0, NULL}};
    const struct redis_rule second[] = {{"GET foo", 0, ""}, {NULL, 0, NULL}};

    listen_all();
    write_slots(slots, sizeof(slots), 0, 1);
    redis_script_serve(&nodes[0], first);
    redis_script_serve(&nodes[1], second);
    open_with(US_PER_S, 1);
    ask("GET", "bar");
    for (int i = 0; i < 3; i++) {
        ck_assert(redis_is_up(redis, 12182));
        ask_within(TIMEOUT_US, "GET", "foo");
        ck_assert_int_eq(last.status, STATUS_TIMEOUT);
    }
    ck_assert(!redis_is_whole(redis));
    ask("GET", "foo"); /* now at once */
    ck_assert_int_eq(last.status, STATUS_UNAVAILABLE);
    ck_assert(!last.sent);
    ck_assert(redis_is_up(redis, 5061));
    ask("GET", "bar");
    expect("value");
    ck_assert_int_eq(nodes[1].used[0], 3);
    close_all();
}
END_TEST

/* Sent and not answered: it may have been done, so nobody else is asked. */
START_TEST(what_may_have_been_done_is_not_sent_again)
{
    const struct redis_rule first[] = {{"CLUSTER SLOTS", 1, slots},
                                       {"CLUSTER SLOTS", 0, other_slots},
                                       {"INCR", 0, ":1\r\n"},
                                       {NULL, 0, NULL}};
    const struct redis_rule second[] = {{"INCR", 0, "<"}, {NULL, 0, NULL}};

    listen_all();
    write_slots(slots, sizeof(slots), 0, 1);
    write_slots(other_slots, sizeof(other_slots), 0, 0);
    redis_script_serve(&nodes[0], first);
    redis_script_serve(&nodes[1], second);
    open_with(20 * US_PER_MS, 1);
    ask("INCR", "foo");
    ck_assert_int_eq(last.status, STATUS_UNAVAILABLE);
    ck_assert(last.sent);
    run_for(base, 0.2);
    ck_assert_int_eq(nodes[1].used[0], 1);
    ck_assert_int_eq(nodes[0].used[2], 0);
    /* The loss had the map read again: the next one goes elsewhere. */
    ask("INCR", "foo");
    ck_assert_int_eq(last.status, STATUS_OK);
    close_all();
}
END_TEST

START_TEST(the_deadline_is_for_all_the_way)
{
    char moved[64];
    const struct redis_rule first[] = {
        {"CLUSTER SLOTS", 0, slots}, {"GET", 0, moved}, {NULL, 0, NULL}};
    const struct redis_rule second[] = {{"GET", 0, ""}, {NULL, 0, NULL}};

    listen_all();
    write_slots(slots, sizeof(slots), 0, 0);
    snprintf(moved, sizeof(moved), "-MOVED 12182 127.0.0.1:%d\r\n",
             nodes[1].port);
    redis_script_serve(&nodes[0], first);
    redis_script_serve(&nodes[1], second);
    open_with(60 * US_PER_S, 1);
    ask("GET",
        "foo2"); /* another slot: MOVED is about one that was not asked */
    ask_within(TIMEOUT_US, "GET", "foo");
    ck_assert_int_eq(last.status, STATUS_TIMEOUT);
    ck_assert(last.sent);
    close_all();
}
END_TEST

START_TEST(every_node_is_shown_the_password)
{
    const struct redis_rule first[] = {{"AUTH me secret", 0, "+OK\r\n"},
                                       {"CLUSTER SLOTS", 0, slots},
                                       {NULL, 0, NULL}};
    const struct redis_rule second[] = {
        {"AUTH me secret", 0, "+OK\r\n"}, {"GET", 0, VALUE}, {NULL, 0, NULL}};
    struct redis_options o;
    struct redis_host seed;

    listen_all();
    write_slots(slots, sizeof(slots), 0, 1);
    redis_script_serve(&nodes[0], first);
    redis_script_serve(&nodes[1], second);
    base = event_base_new();
    seed = (struct redis_host){"127.0.0.1", nodes[0].port};
    redis_options_default(&o);
    o.layout = REDIS_CLUSTER;
    o.seeds = &seed;
    o.seed_count = 1;
    o.user = "me";
    o.password = "secret";
    ck_assert_int_eq(redis_new(base, clock_system(), &o, &redis), STATUS_OK);
    ask("GET", "foo");
    expect("value");
    ck_assert_int_eq(nodes[1].used[0], 1);
    close_all();
}
END_TEST

START_TEST(options_that_cannot_work)
{
    const struct redis_host seed = {"127.0.0.1", 1};
    struct redis_options o;

    base = event_base_new();
    redis_options_default(&o);
    o.layout = REDIS_CLUSTER;
    ck_assert_int_eq(redis_new(base, clock_system(), &o, &redis),
                     STATUS_INVALID);
    o.seeds = &seed;
    o.seed_count = 1;
    o.database = 1;
    ck_assert_int_eq(redis_new(base, clock_system(), &o, &redis),
                     STATUS_INVALID);
    event_base_free(base);
}
END_TEST

START_TEST(freeing_completes_what_is_held_and_what_is_under_way)
{
    const struct redis_rule rules[] = {
        {"CLUSTER SLOTS", 0, slots}, {"GET", 0, ""}, {NULL, 0, NULL}};
    const struct text argv[] = {TEXT("GET"), TEXT("foo")};

    for (int is_held = 0; is_held < 2; is_held++) {
        listen_all();
        write_slots(slots, sizeof(slots), 0, 0);
        redis_script_serve(&nodes[0], rules);
        open_with(US_PER_S, 1);
        ck_assert_int_eq(
            redis_command(redis, 12182, LONG_US, 2, argv, on_done, NULL),
            STATUS_OK);
        if (!is_held)
            for (int i = 0; i < 1000 && nodes[0].used[1] == 0; i++)
                run_for(base, 0.01);
        close_all();
        ck_assert_int_eq(last.done, 1);
        ck_assert_int_eq(last.status, STATUS_UNAVAILABLE);
        ck_assert_int_eq(last.sent, !is_held);
    }
}
END_TEST

UNIT_MAIN("base/redis_cluster", each_slot_to_its_master,
          seeds_are_asked_in_turn_until_one_knows,
          nobody_knows_and_later_somebody_does,
          nothing_queues_while_a_seed_stalls, MOVED_is_followed_and_remembered,
          MOVED_has_the_map_read_again, a_circle_of_MOVED_ends,
          MOVED_to_nowhere_is_the_answer,
          ASK_is_followed_with_ASKING_and_forgotten, other_errors_are_answers,
          CLUSTERDOWN_has_the_map_read_again,
          a_stalled_master_takes_away_its_slots_and_no_others,
          what_may_have_been_done_is_not_sent_again,
          the_deadline_is_for_all_the_way, every_node_is_shown_the_password,
          options_that_cannot_work,
          freeing_completes_what_is_held_and_what_is_under_way)
