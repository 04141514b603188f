/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/rig.h - a gateway between a real Redis and the stub upstream.
 *
 *   static struct rig rig;
 *   rig_start(&rig, &(struct rig_options){.policy = "{...}"});
 *   wire_call(rig.port, "POST", "/v3/chats", NULL, body, &a);
 *   ... rig_audit(&rig, &lines), rig_delivered(&rig), rig_metric(...)
 *   rig_stop(&rig);
 *
 * Everything runs on free ports of 127.0.0.1 in a directory of its own, so any
 * number of rigs may stand side by side. rig_stop() is itself a test: the
 * gateway must end with status 0 on SIGTERM (a leak or any other finding of
 * the sanitizers is another status) and must have logged nothing at warning
 * or above, unless the test expects that. A test that fails shows the end of
 * the gateway's log.
 *
 * TEST_WRAPPER="valgrind ..." is put before the gateway's command line.
 */
#ifndef INTEGRATION_RIG_H
#define INTEGRATION_RIG_H

#include <check.h>

#include "integration/process.h"
#include "integration/wire.h"

enum rig_redis {
    RIG_REDIS,      /* a redis-server of the rig's own */
    RIG_NO_REDIS,   /* redis.url is null: buckets in the process */
    RIG_REDIS_AWAY, /* redis.url names a port where nobody listens */
};

struct rig_options {
    enum rig_redis redis;
    /* redis.url in place of the rig's own, with its port for a %d; and more
     * arguments for the rig's redis-server, NULL-terminated. */
    const char *redis_url;
    const char *const *redis_args;
    const char *policy;   /* content of test.policy.json; NULL: none */
    const char *contract; /* file to use as chats-v3.json; NULL: the real one */
    /* Members put into the configuration, without braces; NULL: none. */
    const char *config, *upstream_config, *redis_config, *limits_config,
        *audit_config;
    const char *const *args; /* after `serve -c FILE`, NULL-terminated */
    const char *const *env;  /* "NAME=value", NULL-terminated */
    const char *deliveries;  /* the stub writes them to that file; NULL: not */
    int listen_fd;           /* handed over to listen on; 0: none */
    const char *wrapper;     /* put before the gateway's command line too */
    bool expects_warnings;
};

struct rig {
    struct rig_options options;
    char dir[512]; /* the rig's own */
    char config_file[600], policies_dir[600], audit_file[600];
    struct process redis, stub, gateway;
    int redis_port, stub_port;
    int port, admin_port; /* the gateway's */
};

/* Fails the test when something does not start. */
void rig_start(struct rig *r, const struct rig_options *options);
void rig_stop(struct rig *r);

/* The same in steps, for tests about starting. rig_prepare() starts Redis and
 * the stub and writes the files; rig_gateway_spawn() starts the gateway and
 * does not wait; rig_gateway_start() waits for its addresses. */
void rig_prepare(struct rig *r, const struct rig_options *options);
void rig_gateway_spawn(struct rig *r);
void rig_gateway_start(struct rig *r);
/* SIGTERM, exit status 0, nothing unexpected in the log. */
void rig_gateway_stop(struct rig *r);
/* Write the rig's configuration (again), or this text in its place. */
void rig_write_config(struct rig *r, const char *text);
/* At once: who reads the file sees the old text or the new one. */
void rig_write_file(const char *path, const char *text);
/* Run `chatgate ARGS...` to its end; its output to free() in *output. */
int rig_run(struct rig *r, const char *const *args, char **output);

/* The stub on its port again after process_stop(&r->stub, SIGTERM). */
void rig_stub_start(struct rig *r);
void rig_redis_start(struct rig *r);
/* A fault for the next `times` requests (0: for ever). */
void rig_stub_fault(struct rig *r, const char *fault, int times);
/* What the stub was sent, see stub/journal.h; to json_free(). */
struct json_document *rig_stub_log(struct rig *r);
/* Requests that arrived whole. */
int64_t rig_delivered(struct rig *r);

/* The lines of the audit file. */
struct rig_audit {
    struct json_document **docs;
    size_t count;
};
/* Fails the test when a line is no JSON object. */
void rig_audit(struct rig *r, struct rig_audit *out);
void rig_audit_release(struct rig_audit *a);
/* The one line with that member's value ("/request_id"); NULL: none. Fails
 * the test when there are several. */
const struct json_value *rig_audit_find(const struct rig_audit *a,
                                        const char *pointer, const char *value);

/* The sum of a metric over its labels at the admin address; fails the test
 * when it is not there. */
double rig_metric(struct rig *r, const char *name);
/* Wait until it is `value`; false when the deadline passes. */
bool rig_metric_becomes(struct rig *r, const char *name, double value);

/* ---- the frame of a test program ---- */

/* main() of a test program: a scratch directory around all its tests. */
int rig_main(Suite *suite);
/* A test case with a time-out that fits real processes; added to `s`. */
TCase *rig_tcase(Suite *s, const char *name);

/* A valid createChat body; texts from the caller. To free(). */
char *rig_create_body(const char *from, const char *text);

#endif
