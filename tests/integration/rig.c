/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/rig.c - starting, configuring and stopping the parts.
 *
 * The programs under test come from the build tree. A failed test exits from
 * wherever it stands (Check forks for every test), so an exit handler shows
 * the gateway's log; the kernel ends the rig's processes with the test, and
 * rig_main() removes the directory.
 */
#define _GNU_SOURCE
#include "integration/rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define GATEWAY TOP_BUILDDIR "/chatgate"
#define STUB TOP_BUILDDIR "/tests/stub/stub"
#define CONTRACT TOP_SRCDIR "/policies/chats-v3.json"
#define ARGS_MAX 64

static char scratch[256];
static struct rig *running; /* of this test process, until rig_stop() */

/* ---- files ---- */

void rig_write_file(const char *path, const char *text)
{
    char fresh[1300];
    FILE *f;

    snprintf(fresh, sizeof fresh, "%s.new", path);
    f = fopen(fresh, "w");
    ck_assert_msg(f && fputs(text, f) >= 0 && fclose(f) == 0 &&
                      rename(fresh, path) == 0,
                  "%s: %s", path, strerror(errno));
}

static void copy_file(const char *from, const char *to)
{
    char buffer[65536];
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    size_t n;

    ck_assert_msg(in && out, "copy %s to %s: %s", from, to, strerror(errno));
    while ((n = fread(buffer, 1, sizeof buffer, in)) > 0)
        ck_assert_uint_eq(fwrite(buffer, 1, n, out), n);
    fclose(in);
    ck_assert_int_eq(fclose(out), 0);
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    struct stat st;
    char *text;

    if (!f)
        return NULL;
    ck_assert_int_eq(fstat(fileno(f), &st), 0);
    text = calloc(1, (size_t)st.st_size + 1);
    ck_assert_ptr_nonnull(text);
    if (fread(text, 1, (size_t)st.st_size, f) == 0)
        text[0] = '\0';
    fclose(f);
    return text;
}

static const char *or_empty(const char *members)
{
    return members ? members : "";
}

static const char *comma(const char *members)
{
    return members ? ", " : "";
}

void rig_write_config(struct rig *r, const char *text)
{
    const struct rig_options *o = &r->options;
    char redis[512] = "null", timeout[64] = "", *made = NULL;
    const char *url = o->redis_url ? o->redis_url : "redis://127.0.0.1:%d";
    const char *port = strstr(url, "%d");
    const char *limits = or_empty(o->limits_config);
    /* The default wants more descriptors than every machine gives. */
    const char *few =
        strstr(limits, "\"max_connections\"") ? "" : "\"max_connections\": 500";

    if (o->redis != RIG_NO_REDIS && port)
        snprintf(redis, sizeof redis, "\"%.*s%d%s\"", (int)(port - url), url,
                 r->redis_port, port + 2);
    else if (o->redis != RIG_NO_REDIS)
        snprintf(redis, sizeof redis, "\"%s\"", url);
    /* The default is for healthy machines; a test that is about the time-out
     * says its own. */
    if (!o->redis_config || !strstr(o->redis_config, "\"timeout\""))
        snprintf(timeout, sizeof timeout, ", \"timeout\": \"%dms\"",
                 (int)process_stretch(2000));
    if (!text) {
        ck_assert_int_gt(
            asprintf(&made,
                     "{\n"
                     "  \"listen\": [\"127.0.0.1:0\"],\n"
                     "  \"admin\": {\"listen\": \"127.0.0.1:0\"},\n"
                     "  \"policies\": \"%s\",\n"
                     "  \"upstream\": {\"url\": \"http://127.0.0.1:%d\"%s%s},\n"
                     "  \"redis\": {\"url\": %s%s%s%s},\n"
                     "  \"limits\": {%s%s%s},\n"
                     "  \"audit\": {\"file\": \"%s\"%s%s}%s\n"
                     "  %s\n}\n",
                     r->policies_dir, r->stub_port, comma(o->upstream_config),
                     or_empty(o->upstream_config), redis, timeout,
                     comma(o->redis_config), or_empty(o->redis_config), few,
                     *few && *limits ? ", " : "", limits, r->audit_file,
                     comma(o->audit_config), or_empty(o->audit_config),
                     comma(o->config), or_empty(o->config)),
            0);
        text = made;
    }
    rig_write_file(r->config_file, text);
    free(made);
}

/* ---- the parts ---- */

void rig_stub_start(struct rig *r)
{
    char listen[64], rest[64], log[600];
    const char *const argv[] = {STUB,
                                "--listen",
                                listen,
                                r->options.deliveries ? "--deliveries" : NULL,
                                r->options.deliveries,
                                NULL};

    snprintf(listen, sizeof listen, "127.0.0.1:%d", r->stub_port);
    snprintf(log, sizeof log, "%s/stub.log", r->dir);
    process_start(&r->stub, "stub", log, argv, NULL);
    if (!process_wait_for(&r->stub, "stub.bound address=127.0.0.1:", rest,
                          sizeof rest)) {
        process_show(&r->stub);
        ck_abort_msg("the stub did not start");
    }
    r->stub_port = atoi(rest);
}

/* redis-server cannot choose a port itself, and between choosing one and its
 * bind another program may take it: then another is tried. */
void rig_redis_start(struct rig *r)
{
    char port[16], log[600];
    const char *argv[ARGS_MAX] = {
        "redis-server",
        "--port",
        port,
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        r->dir,
        "--databases",
        "2",
    };
    const char *const *more = r->options.redis_args;

    for (size_t n = 13; more && *more && n < ARGS_MAX - 1; more++)
        argv[n++] = *more;
    snprintf(log, sizeof log, "%s/redis.log", r->dir);
    for (int tries = 0; tries < 5; tries++) {
        int chosen = r->redis_port ? r->redis_port : process_free_port();

        snprintf(port, sizeof port, "%d", chosen);
        process_start(&r->redis, "redis-server", log, argv, NULL);
        if (process_wait_for(&r->redis, "Ready to accept connections", NULL,
                             0)) {
            r->redis_port = chosen;
            return;
        }
        process_kill(&r->redis);
    }
    process_show(&r->redis);
    ck_abort_msg("redis-server did not start");
}

static void on_exit_show(void)
{
    if (!running)
        return;
    process_show(&running->gateway);
    process_kill(&running->gateway);
    process_kill(&running->stub);
    process_kill(&running->redis);
}

void rig_prepare(struct rig *r, const struct rig_options *options)
{
    char path[1200];

    memset(r, 0, sizeof *r);
    r->options = *options;
    snprintf(r->dir, sizeof r->dir, "%s/XXXXXX", scratch);
    ck_assert_msg(mkdtemp(r->dir) != NULL, "%s: %s", r->dir, strerror(errno));
    if (!running)
        atexit(on_exit_show);
    running = r;
    snprintf(r->config_file, sizeof r->config_file, "%s/chatgate.json", r->dir);
    snprintf(r->audit_file, sizeof r->audit_file, "%s/audit.jsonl", r->dir);
    snprintf(r->policies_dir, sizeof r->policies_dir, "%s/policies", r->dir);
    ck_assert_int_eq(mkdir(r->policies_dir, 0700), 0);
    snprintf(path, sizeof path, "%s/chats-v3.json", r->policies_dir);
    copy_file(options->contract ? options->contract : CONTRACT, path);
    if (options->policy) {
        snprintf(path, sizeof path, "%s/test.policy.json", r->policies_dir);
        rig_write_file(path, options->policy);
    }
    if (options->redis == RIG_REDIS)
        rig_redis_start(r);
    else if (options->redis == RIG_REDIS_AWAY)
        r->redis_port = process_free_port();
    rig_stub_start(r);
    rig_write_config(r, NULL);
}

/* argv of the gateway: the wrapper's words, the program, then `words`. */
static void make_argv(const char **argv, char *wrapper, size_t size,
                      const char *more, const char *const *words)
{
    const char *from = getenv("TEST_WRAPPER");
    size_t n = 0;
    char *save, *word;

    snprintf(wrapper, size, "%s %s", or_empty(more), or_empty(from));
    for (word = strtok_r(wrapper, " ", &save); word && n < ARGS_MAX - 2;
         word = strtok_r(NULL, " ", &save))
        argv[n++] = word;
    argv[n++] = GATEWAY;
    for (; *words; words++) {
        ck_assert_uint_lt(n, ARGS_MAX - 1);
        argv[n++] = *words;
    }
    argv[n] = NULL;
}

/* Findings end the program with statuses of their own, at once. */
static void make_env(const char **env, const char *const *more)
{
    size_t n = 0;

    env[n++] = "ASAN_OPTIONS=exitcode=99:detect_leaks=1:abort_on_error=0";
    env[n++] = "UBSAN_OPTIONS=print_stacktrace=1:exitcode=98";
    for (; more && *more; more++) {
        ck_assert_uint_lt(n, ARGS_MAX - 1);
        env[n++] = *more;
    }
    env[n] = NULL;
}

void rig_gateway_spawn(struct rig *r)
{
    const char *words[ARGS_MAX] = {"serve", "-c", r->config_file};
    const char *argv[ARGS_MAX], *env[ARGS_MAX];
    char wrapper[1024], log[600];
    const char *const *more = r->options.args;

    for (size_t n = 3; more && *more && n < ARGS_MAX - 1; more++)
        words[n++] = *more;
    make_argv(argv, wrapper, sizeof wrapper, r->options.wrapper, words);
    make_env(env, r->options.env);
    snprintf(log, sizeof log, "%s/gateway.log", r->dir);
    r->gateway.handed_fd = r->options.listen_fd;
    process_start(&r->gateway, "chatgate", log, argv, env);
}

void rig_gateway_start(struct rig *r)
{
    char address[128];

    rig_gateway_spawn(r);
    ck_assert_msg(process_wait_for(&r->gateway,
                                   "admin.bound address=127.0.0.1:", address,
                                   sizeof address),
                  "the gateway did not say its admin address");
    r->admin_port = atoi(address);
    ck_assert_msg(process_wait_for(&r->gateway,
                                   "listener.bound address=127.0.0.1:", address,
                                   sizeof address),
                  "the gateway did not say its address");
    r->port = atoi(address);
}

void rig_start(struct rig *r, const struct rig_options *options)
{
    rig_prepare(r, options);
    rig_gateway_start(r);
}

/* Lines at warning or above: "TIME level event ...". */
static void expect_quiet(const struct rig *r)
{
    char *text = process_output(&r->gateway), *save, *line;
    char level[16];

    for (line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save))
        if (sscanf(line, "%*s %15s", level) == 1 &&
            (strcmp(level, "warning") == 0 || strcmp(level, "error") == 0))
            ck_abort_msg("a healthy run said: %s", line);
    free(text);
}

void rig_gateway_stop(struct rig *r)
{
    int code = process_stop(&r->gateway, SIGTERM);

    ck_assert_msg(code == 0, "chatgate ended with status %d", code);
    if (!r->options.expects_warnings)
        expect_quiet(r);
}

void rig_stop(struct rig *r)
{
    if (r->gateway.pid)
        rig_gateway_stop(r);
    if (r->stub.pid) {
        int code = process_stop(&r->stub, SIGTERM);

        if (code != 0)
            process_show(&r->stub);
        ck_assert_int_eq(code, 0);
    }
    process_kill(&r->redis);
    running = NULL;
}

int rig_run(struct rig *r, const char *const *args, char **output)
{
    const char *argv[ARGS_MAX], *env[ARGS_MAX];
    char wrapper[1024], log[600];
    struct process p = {0};
    int code;

    make_argv(argv, wrapper, sizeof wrapper, NULL, args);
    make_env(env, NULL);
    snprintf(log, sizeof log, "%s/run.log", r->dir);
    process_start(&p, "chatgate", log, argv, env);
    code = process_wait(&p);
    *output = process_output(&p);
    return code;
}

/* ---- asking the parts ---- */

void rig_stub_fault(struct rig *r, const char *fault, int times)
{
    struct wire_answer a;
    char *body;

    ck_assert_int_gt(
        asprintf(&body, "{\"fault\": \"%s\", \"times\": %d}", fault, times), 0);
    wire_call(r->stub_port, "POST", "/_stub/fault", NULL, body, &a);
    ck_assert_msg(a.status == 204, "fault %s: %s", fault, a.body.data);
    wire_answer_release(&a);
    free(body);
}

struct json_document *rig_stub_log(struct rig *r)
{
    struct json_document *doc;
    struct wire_answer a;

    wire_call(r->stub_port, "GET", "/_stub/log", NULL, NULL, &a);
    ck_assert_int_eq(a.status, 200);
    wire_answer_json(&a);
    doc = a.json;
    a.json = NULL;
    wire_answer_release(&a);
    return doc;
}

int64_t rig_delivered(struct rig *r)
{
    struct json_document *log = rig_stub_log(r);
    int64_t n = wire_int(log->root, "/delivered");

    json_free(log);
    return n;
}

void rig_audit(struct rig *r, struct rig_audit *out)
{
    char *text = read_file(r->audit_file), *save, *line;
    struct problems problems;

    memset(out, 0, sizeof *out);
    ck_assert_msg(text != NULL, "%s: %s", r->audit_file, strerror(errno));
    problems_init(&problems);
    for (line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        out->docs = reallocarray(out->docs, out->count + 1, sizeof *out->docs);
        ck_assert_ptr_nonnull(out->docs);
        if (json_parse(text_of(line), "audit", 0, &problems,
                       &out->docs[out->count]) != STATUS_OK) {
            problems_print(&problems, stderr);
            ck_abort_msg("an audit line is no JSON: %s", line);
        }
        ck_assert_int_eq(out->docs[out->count++]->root->type, JSON_OBJECT);
    }
    problems_release(&problems);
    free(text);
}

void rig_audit_release(struct rig_audit *a)
{
    for (size_t i = 0; i < a->count; i++)
        json_free(a->docs[i]);
    free(a->docs);
    memset(a, 0, sizeof *a);
}

const struct json_value *rig_audit_find(const struct rig_audit *a,
                                        const char *pointer, const char *value)
{
    const struct json_value *found = NULL;

    for (size_t i = 0; i < a->count; i++) {
        const struct json_value *v =
            json_at(a->docs[i]->root, text_of(pointer));

        if (!v || v->type != JSON_STRING || !text_is(v->text, value))
            continue;
        ck_assert_msg(!found, "several audit lines have %s %s", pointer, value);
        found = a->docs[i]->root;
    }
    return found;
}

/* Sum of the samples of `name` in the text format; false: there is none. */
static bool sum_metric(const char *text, const char *name, double *sum)
{
    size_t len = strlen(name);
    bool found = false;

    *sum = 0;
    for (const char *line = text; line && *line;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        const char *value = line + len;

        if (strncmp(line, name, len) != 0 || (*value != ' ' && *value != '{'))
            continue;
        if (*value == '{')
            value = strstr(value, "} ") ? strstr(value, "} ") + 1 : "";
        *sum += strtod(value, NULL);
        found = true;
    }
    return found;
}

double rig_metric(struct rig *r, const char *name)
{
    struct wire_answer a;
    double sum;

    wire_call(r->admin_port, "GET", "/metrics", "Host: 127.0.0.1\r\n", NULL,
              &a);
    ck_assert_int_eq(a.status, 200);
    ck_assert_msg(sum_metric(a.body.data, name, &sum), "no metric %s", name);
    wire_answer_release(&a);
    return sum;
}

bool rig_metric_becomes(struct rig *r, const char *name, double value)
{
    int64_t until = process_now_ms() + process_stretch(PROCESS_DEADLINE_MS);

    while (rig_metric(r, name) != value) {
        if (process_now_ms() >= until)
            return false;
        process_nap();
    }
    return true;
}

/* ---- the frame ---- */

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

int rig_main(Suite *suite)
{
    const char *tmp = getenv("TMPDIR");
    SRunner *runner = srunner_create(suite);
    int failed;

    snprintf(scratch, sizeof scratch, "%s/chatgate-test.XXXXXX",
             tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(scratch)) {
        fprintf(stderr, "%s: %s\n", scratch, strerror(errno));
        return EXIT_FAILURE;
    }
    signal(SIGPIPE, SIG_IGN);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    nftw(scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

TCase *rig_tcase(Suite *s, const char *name)
{
    TCase *t = tcase_create(name);

    tcase_set_timeout(t, (double)process_stretch(120 * 1000) / 1000);
    suite_add_tcase(s, t);
    return t;
}

char *rig_create_body(const char *from, const char *text)
{
    char *body;

    ck_assert_int_gt(
        asprintf(&body,
                 "{\"from\":\"%s\",\"to\":[\"+14155550199\"],\"message\":"
                 "{\"parts\":[{\"type\":\"text\",\"value\":\"%s\"}]}}",
                 from, text),
        0);
    return body;
}
