/* SPDX-License-Identifier: Apache-2.0
 *
 * torture/bench.c - starting under the interposer, and reading gauges.
 */
#define _GNU_SOURCE
#include "torture/bench.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define INTERPOSER TOP_BUILDDIR "/tests/torture/interpose.so"
#define SUPPRESSIONS TOP_SRCDIR "/tests/torture/leaks.supp"

/* Requests that fill every table whose size the configuration bounds. */
#define WARM_UP 60
#define DEADLINE_MS 10000
/* At rest: so long without a call. */
#define REST_MS 4
#define REST_TIMEOUT_MS 15000
#define LEAK_TIMEOUT_MS 60000

/* ---- the page ---- */

static char control_path[700], control_env[800];

static void make_page(struct bench *b)
{
    void *page;
    int fd;

    snprintf(control_path, sizeof(control_path), "%s/control", b->rig.dir);
    snprintf(control_env, sizeof(control_env), "TORTURE_CONTROL=%s",
             control_path);
    fd = open(control_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, sizeof(*b->page)), 0);
    page =
        mmap(NULL, sizeof(*b->page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert(page != MAP_FAILED);
    close(fd);
    b->page = page;
}

void bench_arm(struct bench *b, const struct bench_order *order)
{
    struct torture_control *c = b->page;

    atomic_store(&c->is_armed, 0);
    c->kinds = order->kinds;
    c->target = order->target;
    c->span = order->span;
    c->variant = order->variant;
    c->call[0] = '\0';
    c->frame_count = 0;
    atomic_store(&c->calls, 0);
    atomic_store(&c->fired, 0);
    atomic_store(&c->is_armed, 1);
}

uint64_t bench_disarm(struct bench *b)
{
    atomic_store(&b->page->is_armed, 0);
    return atomic_load(&b->page->calls);
}

bool bench_settle(struct bench *b)
{
    int64_t until = process_now_ms() + process_stretch(REST_TIMEOUT_MS);
    int64_t since = process_now_ms();
    uint64_t calls = UINT64_MAX;

    while (process_now_ms() < until) {
        uint64_t now = atomic_load(&b->page->calls);
        const struct timespec nap = {0, 500 * 1000};

        if (now != calls || !atomic_load(&b->page->is_waiting)) {
            calls = now;
            since = process_now_ms();
        } else if (process_now_ms() - since >= process_stretch(REST_MS)) {
            return true;
        }
        if (!process_is_alive(&b->rig.gateway))
            return false;
        nanosleep(&nap, NULL);
    }
    return false;
}

int bench_find_leaks(struct bench *b)
{
    struct torture_control *c = b->page;
    int64_t until = process_now_ms() + process_stretch(LEAK_TIMEOUT_MS);

    atomic_store(&c->command, TORTURE_FIND_LEAKS);
    syscall(SYS_futex, &c->command, FUTEX_WAKE, 1, NULL, NULL, 0);
    while (atomic_load(&c->command) != TORTURE_NOTHING) {
        const struct timespec nap = {0, 300 * 1000};

        if (process_now_ms() >= until || !process_is_alive(&b->rig.gateway))
            ck_abort_msg("the gateway did not look for leaks");
        nanosleep(&nap, NULL);
    }
    return c->result;
}

/* ---- starting ---- */

void bench_new_number(struct bench *b, char out[16])
{
    snprintf(out, 16, "+1415%07d", ++b->numbers % 10000000);
}

/* Two at once: a failed request may still be under way upstream when the one
 * behind it comes, and what each of them keeps for later is no leak. */
static void warm_up_twice(struct bench *b)
{
    int64_t until = process_now_ms() + process_stretch(DEADLINE_MS);
    struct client_answer a;
    int fds[2];

    for (size_t i = 0; i < 2; i++) {
        struct buffer request;
        char *body, number[16];

        bench_new_number(b, number);
        body = rig_create_body(number, "warm");
        wire_head(&request, "POST", "/v3/chats",
                  "X-Stub-Fault: delay=200ms\r\n", (long)strlen(body));
        ck_assert_int_eq(buffer_append_str(&request, body), STATUS_OK);
        fds[i] = client_dial(b->rig.port);
        ck_assert(client_send(fds[i], buffer_text(&request), 0, until));
        buffer_release(&request);
        free(body);
    }
    for (size_t i = 0; i < 2; i++) {
        client_read(fds[i], 0, until, &a);
        client_answer_release(&a);
        close(fds[i]);
    }
}

static void warm_up(struct bench *b)
{
    const struct bench_order nothing = {.kinds = ~UINT64_C(0)};
    char problem[256], number[16];

    ck_assert_msg(atomic_load(&b->page->is_loaded) == 1,
                  "the gateway runs without the interposer (a runtime that is "
                  "linked statically?)");
    for (int i = 0; i < WARM_UP; i++) {
        struct buffer request;
        struct client_answer a;
        char *body;

        bench_new_number(b, number);
        body = rig_create_body(number, "warm");
        wire_head(&request, "POST", "/v3/chats", NULL, (long)strlen(body));
        ck_assert_int_eq(buffer_append_str(&request, body), STATUS_OK);
        client_call(b->rig.port, buffer_text(&request), 0,
                    process_stretch(DEADLINE_MS), &a);
        client_answer_release(&a);
        buffer_release(&request);
        free(body);
    }
    warm_up_twice(b);
    bench_arm(b, &nothing);
    ck_assert(bench_settle(b));
    (void)bench_disarm(b);
    b->last_seq = -1;
    (void)bench_audit_has(b, "", problem, sizeof(problem));
    b->level = atomic_load(&b->page->live);
}

static void start_gateway(struct bench *b)
{
    atomic_store(&b->page->is_loaded, 0);
    atomic_store(&b->page->is_armed, 0);
    atomic_store(&b->page->live, 0);
    atomic_store(&b->page->live_bytes, 0);
    rig_gateway_start(&b->rig);
    warm_up(b);
}

void bench_start(struct bench *b, const struct rig_options *options)
{
    static const char *env[] = {
        "LD_PRELOAD=" INTERPOSER,
        control_env,
        "ASAN_OPTIONS=exitcode=99:detect_leaks=1:verify_asan_link_order=0:"
        "allocator_may_return_null=1",
        "LSAN_OPTIONS=print_suppressions=0:suppressions=" SUPPRESSIONS,
        NULL,
    };
    struct rig_options o = *options;

    memset(b, 0, sizeof(*b));
    o.env = env;
    o.expects_warnings = true; /* what fails is told */
    o.config = "\"workers\": 1, \"drain_timeout\": \"2s\"";
    o.upstream_config = "\"connect_timeout\": \"1s\", "
                        "\"answer_timeout\": \"1500ms\", "
                        "\"idle_timeout\": \"1500ms\"";
    o.limits_config = "\"max_buckets\": 16, \"header_timeout\": \"1500ms\", "
                      "\"body_timeout\": \"1500ms\", "
                      "\"keepalive_timeout\": \"2s\", "
                      "\"send_timeout\": \"1500ms\"";
    o.audit_config = "\"fsync\": \"data\", \"patience\": \"1s\"";
    rig_prepare(&b->rig, &o);
    make_page(b);
    start_gateway(b);
}

void bench_restart(struct bench *b)
{
    if (b->rig.gateway.pid)
        process_kill(&b->rig.gateway);
    start_gateway(b);
}

void bench_stop(struct bench *b)
{
    rig_stop(&b->rig);
    munmap(b->page, sizeof(*b->page));
    b->page = NULL;
}

/* ---- gauges ---- */

/* A GET of the stub or the admin address; to release by the caller. */
static bool get(int port, const char *path, struct client_answer *a)
{
    char request[256];

    snprintf(request, sizeof(request),
             "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path);
    client_call(port, text_of(request), 0, process_stretch(DEADLINE_MS), a);
    return a->end == CLIENT_ANSWERED && a->status == 200;
}

int64_t bench_delivered(struct bench *b)
{
    struct client_answer a;
    const char *at;
    int64_t n = -1;

    if (get(b->rig.stub_port, "/_stub/log?after=1000000000", &a) &&
        (at = strstr(a.bytes.data, "\"delivered\":")))
        n = strtoll(at + strlen("\"delivered\":"), NULL, 10);
    client_answer_release(&a);
    ck_assert_msg(n >= 0, "the stub does not tell what it was sent");
    return n;
}

int64_t bench_metric(struct bench *b, const char *name)
{
    struct client_answer a;
    char line[128];
    const char *at;
    int64_t n = -1;

    snprintf(line, sizeof(line), "\n%s ", name);
    if (get(b->rig.admin_port, "/metrics", &a) &&
        (at = strstr(a.bytes.data, line)))
        n = strtoll(at + strlen(line), NULL, 10);
    client_answer_release(&a);
    return n;
}

/* One line of the audit file: well-formed, in sequence? */
static bool check_line(struct bench *b, char *line, const char *request_id,
                       char *problem, size_t size)
{
    struct json_document *doc = NULL;
    const struct json_value *seq;
    struct problems problems;
    bool is_it = false;
    int64_t n;

    problems_init(&problems);
    if (json_parse(text_of(line), "audit", 0, &problems, &doc) != STATUS_OK ||
        doc->root->type != JSON_OBJECT) {
        snprintf(problem, size, "an audit line is no JSON: %.100s", line);
        goto out;
    }
    seq = json_at(doc->root, TEXT_LIT("/seq"));
    if (!seq || json_to_i64(seq, &n) != STATUS_OK) {
        snprintf(problem, size, "an audit line without seq: %.100s", line);
        goto out;
    }
    if (b->last_seq >= 0 && n != b->last_seq + 1)
        snprintf(problem, size, "seq %lld after %lld", (long long)n,
                 (long long)b->last_seq);
    b->last_seq = n;
    is_it = strcmp(wire_text(doc->root, "/request_id"), request_id) == 0;
out:
    problems_release(&problems);
    json_free(doc);
    return is_it;
}

bool bench_audit_has(struct bench *b, const char *request_id, char *problem,
                     size_t size)
{
    FILE *f = fopen(b->rig.audit_file, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    bool has = false;

    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fseek(f, b->audit_at, SEEK_SET), 0);
    problem[0] = '\0';
    while ((len = getline(&line, &room, f)) > 0 && line[len - 1] == '\n') {
        b->audit_at += len;
        line[len - 1] = '\0';
        if (check_line(b, line, request_id, problem, size))
            has = true;
    }
    free(line);
    fclose(f);
    return has;
}

/* ---- where a call stood ---- */

static void name_frame(FILE *out, const struct torture_frame *f)
{
    char command[512], function[256] = "??", line[512] = "??";
    const char *file = strrchr(f->module, '/');
    FILE *pipe;

    snprintf(command, sizeof(command), "addr2line -f -e '%s' %#llx 2>&1",
             f->module, (unsigned long long)f->offset - 1);
    pipe = popen(command, "r");
    if (pipe) {
        if (!fgets(function, sizeof(function), pipe) ||
            !fgets(line, sizeof(line), pipe))
            snprintf(line, sizeof(line), "??");
        pclose(pipe);
    }
    function[strcspn(function, "\n")] = '\0';
    line[strcspn(line, "\n")] = '\0';
    fprintf(out, "    %s+%#llx %s %s\n", file ? file + 1 : f->module,
            (unsigned long long)f->offset, function, line);
}

char *bench_where(struct bench *b)
{
    const struct torture_control *c = b->page;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    ck_assert_ptr_nonnull(out);
    fprintf(out, "  %s failed with %s\n", c->call,
            c->error == TORTURE_SHORT ? "a short count" : strerror(c->error));
    for (uint32_t i = 0; i < c->frame_count; i++)
        name_frame(out, &c->frames[i]);
    fclose(out);
    return text;
}
