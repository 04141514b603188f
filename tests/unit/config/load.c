/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "config/config.h"
#include "unit.h"

#include <sys/socket.h>
#include <unistd.h>

/* Entries like those of environ, whose strings are not const. */
static char *const *environment_of(const char *const *entries)
{
    static char *copies[16];
    size_t i;

    for (i = 0; entries[i]; i++) {
        ck_assert_uint_lt(i + 1, ARRAY_LEN(copies));
        free(copies[i]);
        copies[i] = strdup(entries[i]);
    }
    free(copies[i]);
    copies[i] = NULL;
    return copies;
}

/* A file with this content; each test is a process of its own. */
static char path[] = "/tmp/chatgate-config-XXXXXX";

static void write_file(const char *content)
{
    int fd = mkstemp(path);
    size_t len = strlen(content);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, content, len), (ssize_t)len);
    close(fd);
}

static void remove_file(void)
{
    unlink(path);
    strcpy(path + strlen(path) - 6, "XXXXXX");
}

/* Print the problems with "FILE" for the file's name; free() it. */
static char *printed(struct problems *p)
{
    char *out = NULL;
    size_t size;
    FILE *f = open_memstream(&out, &size);

    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->list[i].file, path) == 0)
            strcpy(p->list[i].file, "FILE");
    problems_print(p, f);
    fclose(f);
    return out;
}

/* What is printed about a source that is wrong; free() it. */
static char *refusal(const char *content, char *const *environment,
                     const struct config_override *overrides, size_t count)
{
    struct config_source source = {
        .environment = environment,
        .overrides = overrides,
        .override_count = count,
    };
    struct config *cfg = NULL;
    struct problems p;
    char *out;

    problems_init(&p);
    if (content) {
        write_file(content);
        source.file = path;
    }
    ck_assert_msg(config_load(&source, &p, &cfg) == STATUS_INVALID,
                  "accepted: %s", content ? content : "");
    ck_assert_ptr_null(cfg);
    out = printed(&p);
    problems_release(&p);
    if (content)
        remove_file();
    return out;
}

static struct config *load_all(const char *content, char *const *environment,
                               const struct config_override *overrides,
                               size_t count)
{
    struct config_source source = {
        .environment = environment,
        .overrides = overrides,
        .override_count = count,
    };
    struct config *cfg = NULL;
    struct problems p;

    problems_init(&p);
    if (content) {
        write_file(content);
        source.file = path;
    }
    if (config_load(&source, &p, &cfg) != STATUS_OK)
        ck_abort_msg("%s", printed(&p));
    ck_assert_uint_eq(p.count, 0);
    problems_release(&p);
    if (content)
        remove_file();
    return cfg;
}

static struct config *load(const char *content)
{
    return load_all(content, NULL, NULL, 0);
}

START_TEST(values_of_the_file_that_are_wrong)
{
    static const struct {
        const char *content, *message;
    } cases[] = {
        {"[]", "FILE:1:1: the configuration must be an object, not an array"},
        {"{\"listen\": \"127.0.0.1:80\"}",
         "FILE:1:12: /listen: must be an array, not a string"},
        {"{\"listen\": []}", "FILE:1:12: /listen: needs at least one"},
        {"{\"listen\": [80]}", "FILE:1:13: /listen/0: must be a string, not"},
        {"{\"listen\": [\"127.0.0.1:80\",\n\"x:1\"]}",
         "FILE:2:1: /listen/1: not a literal address"},
        {"{\"listen\": [\"127.0.0.1:1\", \"127.0.0.1:1\"]}",
         "FILE:1:12: /listen: 127.0.0.1:1 is there twice"},
        {"{\"listen\": [\"127.0.0.1:8081\"]}",
         "admin.listen (default): 127.0.0.1:8081 is an address of `listen`"},
        {"{\"listen\": null}", "FILE:1:12: /listen: must be an array, not"},
        {"{\"tls\": null}", "FILE:1:9: /tls: must be an object, not null"},
        {"{\"tls\": {\"key\": \"k\"}}",
         "FILE:1:17: /tls/key: needs tls.certificate as well"},
        {"{\"tls\": {\"certificate\": \"c\"}}",
         "FILE:1:25: /tls/certificate: needs tls.key as well"},
        {"{\"tls\": {\"client_ca\": \"c\"}}",
         "FILE:1:23: /tls/client_ca: needs tls.certificate and tls.key"},
        {"{\"tls\": {\"key\": 1}}",
         "FILE:1:17: /tls/key: must be a string or null, not a number"},
        {"{\"tls\": {\"key\": \"\"}}",
         "FILE:1:17: /tls/key: must not be empty"},
        {"{\"trusted_proxies\": [\"10.0.0.1/8\"]}",
         "FILE:1:22: /trusted_proxies/0: the address has bits set"},
        {"{\"trusted_proxies\": [\"proxy.example\"]}",
         "FILE:1:22: /trusted_proxies/0: not a network"},
        {"{\"admin\": {\"listen\": \"0.0.0.0:8081\"}}",
         "FILE:1:22: /admin/listen: 0.0.0.0:8081 can be reached from other"},
        {"{\"admin\": {\"listen\": null}}",
         "FILE:1:22: /admin/listen: must be a string, not null"},
        {"{\"admin\": {\"password_sha256\": \"hunter2\"}}",
         "FILE:1:31: /admin/password_sha256: must be a SHA-256 digest"},
        {"{\"workers\": 0}", "FILE:1:13: /workers: must be from 1 to 1024"},
        {"{\"workers\": 1025}", "FILE:1:13: /workers: must be from 1 to 1024"},
        {"{\"workers\": -1}", "FILE:1:13: /workers: must be from 1 to 1024"},
        {"{\"workers\": 1.5}", "FILE:1:13: /workers: must be from 1 to 1024"},
        {"{\"workers\": 99999999999999999999}",
         "FILE:1:13: /workers: must be from 1 to 1024"},
        {"{\"workers\": \"2\"}",
         "FILE:1:13: /workers: must be a whole number or null, not a string"},
        {"{\"policies\": null}",
         "FILE:1:14: /policies: must be a string, not null"},
        {"{\"policies\": \"a\\u0000b\"}",
         "FILE:1:14: /policies: must not hold a NUL"},
        {"{\"consumers\": \"c.json\"}",
         "FILE:1:15: /consumers: needs upstream.authorization"},
        {"{\"upstream\": {\"connections\": true}}",
         "FILE:1:30: /upstream/connections: must be a whole number, not a "
         "boolean"},
        {"{\"upstream\": {\"keep_idle\": \"999ms\"}}",
         "FILE:1:28: /upstream/keep_idle: must be from 1s to 1d"},
        {"{\"upstream\": {\"idle_timeout\": 30}}",
         "FILE:1:31: /upstream/idle_timeout: must be a string with a unit, as "
         "in \"30s\", not a number"},
        {"{\"upstream\": {\"idle_timeout\": \"30\"}}",
         "FILE:1:31: /upstream/idle_timeout: must be a duration"},
        {"{\"upstream\": {\"idle_timeout\": \"0s\"}}",
         "FILE:1:31: /upstream/idle_timeout: must be from 1ms to 1d"},
        {"{\"upstream\": {\"idle_timeout\": \"99999999999999999d\"}}",
         "FILE:1:31: /upstream/idle_timeout: must be from 1ms to 1d"},
        {"{\"redis\": {\"url\": \"redis://u:hunter2@h:x\"}}",
         "FILE:1:19: /redis/url: a port must be a number"},
        {"{\"redis\": {\"on_failure\": \"Local\"}}",
         "FILE:1:26: /redis/on_failure: must be one of \"local\", \"allow\", "
         "\"deny\"\n"},
        {"{\"redis\": {\"local_share\": 1.01}}",
         "FILE:1:27: /redis/local_share: must be a number from 0 to 1"},
        {"{\"redis\": {\"local_share\": -0.1}}",
         "FILE:1:27: /redis/local_share: must be a number from 0 to 1"},
        {"{\"redis\": {\"local_share\": 1e999}}",
         "FILE:1:27: /redis/local_share: must be a number from 0 to 1"},
        {"{\"redis\": {\"local_share\": \"1\"}}",
         "FILE:1:27: /redis/local_share: must be a number, not a string"},
        {"{\"audit\": {\"numbers\": \"hashed\"}}",
         "FILE:1:23: /audit/numbers: \"hashed\" needs audit.key"},
        {"{\"audit\": {\"stream\": \"s\"}}",
         "FILE:1:22: /audit/stream: needs redis.url"},
        {"{\"audit\": {\"fsync\": null}}",
         "FILE:1:21: /audit/fsync: must be a string, not null"},
        {"{\"limits\": {\"max_body\": \"8 MiB\"}}",
         "FILE:1:25: /limits/max_body: must be a size"},
        {"{\"limits\": {\"max_body\": \"2GiB\"}}",
         "FILE:1:25: /limits/max_body: must be from 1 to 1GiB"},
        {"{\"limits\": {\"max_body\": \"0\"}}",
         "FILE:1:25: /limits/max_body: must be from 1 to 1GiB"},
        {"{\"limits\": {\"max_body\": 8}}",
         "FILE:1:25: /limits/max_body: must be a string with a unit"},
        {"{\"unmatched\": [\"/x\"]}",
         "FILE:1:16: /unmatched/0: must be an object"},
        {"{\"unmatched\": [{\"prefix\": \"/x\"}]}",
         "FILE:1:16: /unmatched/0: \"method\" is missing"},
        {"{\"unmatched\": [{\"method\": \"*\"}]}",
         "FILE:1:16: /unmatched/0: \"prefix\" is missing"},
        {"{\"unmatched\": [{\"method\": 1, \"prefix\": \"/x\"}]}",
         "FILE:1:27: /unmatched/0/method: must be a string, not a number"},
        {"{\"unmatched\": [{\"method\": \"get\", \"prefix\": \"/x\"}]}",
         "FILE:1:27: /unmatched/0/method: must be a method in capitals"},
        {"{\"unmatched\": [{\"method\": \"\", \"prefix\": \"/x\"}]}",
         "FILE:1:27: /unmatched/0/method: must be a method in capitals"},
        {"{\"unmatched\": [{\"method\": \"*\", \"prefix\": \"x\"}]}",
         "FILE:1:42: /unmatched/0/prefix: must begin with '/'"},
        {"{\"unmatched\": [{\"method\": \"*\", \"prefix\": \"/a/../b\"}]}",
         "FILE:1:42: /unmatched/0/prefix: must have no empty, '.' or '..'"},
        {"{\"unmatched\": [{\"method\": \"*\", \"prefix\": \"/a//b\"}]}",
         "FILE:1:42: /unmatched/0/prefix: must have no empty, '.' or '..'"},
        {"{\"unmatched\": [{\"method\": \"*\", \"prefix\": \"/a?b\"}]}",
         "FILE:1:42: /unmatched/0/prefix: must be a path"},
        {"{\"unmatched\": [{\"method\": \"*\", \"prefix\": \"/x\", \"to\": "
         "1}]}",
         "FILE:1:48: /unmatched/0/to: unknown key"},
        {"{\"log_level\": \"warn\"}", "FILE:1:15: /log_level: must be one of "
                                      "\"debug\", \"info\", \"warning\", "
                                      "\"error\"\n"},
        {"{\"log_level\": \"info\", \"log_level\": \"info\"}",
         "FILE:1:23: duplicate key \"log_level\""},
        {"{\"log_level\": \"info\",}", "FILE:1:22: expected a key"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *out = refusal(cases[i].content, NULL, NULL, 0);

        ck_assert_msg(
            strncmp(out, cases[i].message, strlen(cases[i].message)) == 0,
            "%s\n got: %s want: %s", cases[i].content, out, cases[i].message);
        ck_assert_ptr_null(strstr(out, "hunter2"));
        free(out);
    }
}
END_TEST

START_TEST(upstream_urls_that_are_wrong)
{
    static const char *const bad[] = {
        "",
        "api.example",
        "//api.example",
        "https:",
        "https://",
        "https:///v3",
        "https:api.example",
        "ftp://api.example",
        "unix:///x",
        "https://user@api.example",
        "https://user:hunter2@api.example",
        "https://api.example?x=1",
        "https://api.example/#x",
        "https://api.example:0",
        "https://api.example:65536",
        "https://api.example:https",
        "https://api.example/a b",
        "https://api.example/a/../b",
        "https://api.example/a//b",
        "https://api.example//",
        "https://api.example/%zz",
        "https://[::1/",
        " https://api.example",
        "https://api.ex\xc3\xa4mple",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char content[200];
        char *out;

        snprintf(content, sizeof(content), "{\"upstream\": {\"url\": \"%s\"}}",
                 bad[i]);
        out = refusal(content, NULL, NULL, 0);
        ck_assert_int_eq(strncmp(out, "FILE:1:22: /upstream/url: ", 26), 0);
        ck_assert_ptr_null(strstr(out, "hunter2"));
        free(out);
    }
}
END_TEST

START_TEST(a_base_url_loses_its_last_slash)
{
    static const char *const good[][2] = {
        {"https://api.example", "https://api.example"},
        {"https://api.example/", "https://api.example"},
        {"http://127.0.0.1:9000/api/v3/", "http://127.0.0.1:9000/api/v3"},
        {"HTTPS://[2001:db8::1]:8443/x", "HTTPS://[2001:db8::1]:8443/x"},
    };

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        char content[200];
        struct config *cfg;

        snprintf(content, sizeof(content), "{\"upstream\": {\"url\": \"%s\"}}",
                 good[i][0]);
        cfg = load(content);
        ck_assert_str_eq(cfg->upstream.url, good[i][1]);
        config_free(cfg);
    }
}
END_TEST

START_TEST(unknown_keys_bring_a_suggestion)
{
    static const struct {
        const char *content, *message;
    } cases[] = {
        {"{\"listn\": 1}",
         "FILE:1:2: /listn: unknown key; did you mean listen?\n"},
        {"{\"upstrem\": {}}",
         "FILE:1:2: /upstrem: unknown key; did you mean upstream?\n"},
        {"{\"url\": 1}", "FILE:1:2: /url: unknown key; did you mean "
                         "upstream.url?\n"},
        {"{\"limits\": {\n \"max_bdoy\": 1}}",
         "FILE:2:2: /limits/max_bdoy: unknown key; did you mean "
         "limits.max_body?\n"},
        {"{\"tls\": {\"connect_timeout\": 1}}",
         "FILE:1:10: /tls/connect_timeout: unknown key; did you mean "
         "upstream.connect_timeout?\n"},
        {"{\"tls\": {\"zzzzzzzz\": 1}}",
         "FILE:1:10: /tls/zzzzzzzz: unknown key; there are certificate, key, "
         "client_ca\n"},
        {"{\"zzzzzzzz\": 1}", "FILE:1:2: /zzzzzzzz: unknown key\n"},
        {"{\"\": 1}", "FILE:1:2: /: unknown key\n"},
        {"{\"upstream.url\": \"http://x\"}",
         "FILE:1:2: /upstream.url: unknown key"},
        {"{\"tls\": {\"tls.key\": \"http://x\"}}",
         "FILE:1:10: /tls/tls.key: unknown key"},
    };
    char content[1000] = "{\"tls\": {\"";
    char *out;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        out = refusal(cases[i].content, NULL, NULL, 0);
        ck_assert_msg(
            strncmp(out, cases[i].message, strlen(cases[i].message)) == 0,
            "%s\n got: %s want: %s", cases[i].content, out, cases[i].message);
        free(out);
    }
    memset(content + strlen(content), 'k', 700);
    strcat(content, "\": 1}}");
    out = refusal(content, NULL, NULL, 0);
    ck_assert_ptr_nonnull(strstr(out, "unknown key; there are"));
    free(out);
}
END_TEST

START_TEST(all_mistakes_are_reported_at_once)
{
    static const char *const entries[] = {"CHATGATE_REDIS_TIMEOUT=1",
                                          "CHATGATE_WORKER=2", NULL};
    static const struct config_override overrides[] = {
        {"workers", "many", "--workers"},
    };
    char *out = refusal("{\"workers\": 0,\n\"lisen\": 1,\n"
                        "\"redis\": {\"timeout\": \"1y\"}}",
                        environment_of(entries), overrides, 1);

    ck_assert_str_eq(
        out, "--workers: must be from 1 to 1024\n"
             "CHATGATE_REDIS_TIMEOUT: must be a duration: a whole number and "
             "ms, s, m, h or d, as in \"50ms\"\n"
             "CHATGATE_WORKER: no such setting; did you mean "
             "CHATGATE_WORKERS?\n"
             "FILE:1:13: /workers: must be from 1 to 1024\n"
             "FILE:2:1: /lisen: unknown key; did you mean listen?\n"
             "FILE:3:22: /redis/timeout: must be a duration: a whole number "
             "and ms, s, m, h or d, as in \"50ms\"\n");
    free(out);
}
END_TEST

START_TEST(variables_that_are_wrong)
{
    static const struct {
        const char *entry, *message;
    } cases[] = {
        {"CHATGATE_LISTEN=", "CHATGATE_LISTEN: needs at least one address\n"},
        {"CHATGATE_LISTEN=127.0.0.1:1,,127.0.0.1:2",
         "CHATGATE_LISTEN: a port is missing"},
        {"CHATGATE_LISTEN=127.0.0.1:1,", "CHATGATE_LISTEN: a port is missing"},
        {"CHATGATE_TRUSTED_PROXIES=10.0.0.0/8;10.0.0.0/9",
         "CHATGATE_TRUSTED_PROXIES: the prefix must be a number"},
        {"CHATGATE_UNMATCHED=/v3/x",
         "CHATGATE_UNMATCHED: a list of objects; set unmatched in the file\n"},
        {"CHATGATE_WORKERS=1.5", "CHATGATE_WORKERS: must be from 1 to 1024\n"},
        {"CHATGATE_WORKERS=-1", "CHATGATE_WORKERS: must be from 1 to 1024\n"},
        {"CHATGATE_REDIS_LOCAL_SHARE=nan",
         "CHATGATE_REDIS_LOCAL_SHARE: must be a number from 0 to 1\n"},
        {"CHATGATE_REDIS_LOCAL_SHARE=0x1p-1",
         "CHATGATE_REDIS_LOCAL_SHARE: must be a number from 0 to 1\n"},
        {"CHATGATE_REDIS_LOCAL_SHARE=",
         "CHATGATE_REDIS_LOCAL_SHARE: must be a number from 0 to 1\n"},
        {"CHATGATE_REDIS_LOCAL_SHARE=0.5.5",
         "CHATGATE_REDIS_LOCAL_SHARE: must be a number from 0 to 1\n"},
        {"CHATGATE_POLICIES=", "CHATGATE_POLICIES: must not be empty\n"},
        {"CHATGATE_REDIS=redis://x", "CHATGATE_REDIS: no such setting"},
        {"CHATGATE_=1", "CHATGATE_: no such setting\n"},
        {"CHATGATE_NOTHING_LIKE_ANY=1",
         "CHATGATE_NOTHING_LIKE_ANY: no such setting\n"},
        {"CHATGATE_upstream_url=http://x",
         "CHATGATE_upstream_url: no such setting"},
        {"CHATGATE_ADMIN_LISTEN=0.0.0.0:1",
         "admin.listen (CHATGATE_ADMIN_LISTEN): 0.0.0.0:1 can be reached"},
        {"CHATGATE_TLS_KEY=k",
         "tls.key (CHATGATE_TLS_KEY): needs tls.certificate as well\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *const entries[] = {"PATH=/bin", cases[i].entry, NULL};
        char *out = refusal(NULL, environment_of(entries), NULL, 0);

        ck_assert_msg(
            strncmp(out, cases[i].message, strlen(cases[i].message)) == 0,
            "%s\n got: %s want: %s", cases[i].entry, out, cases[i].message);
        free(out);
    }
}
END_TEST

START_TEST(other_variables_are_left_alone)
{
    static const char *const entries[] = {
        "PATH=/bin",  "chatgate_listen=1", "XCHATGATE_LISTEN=1",
        "CHATGATE=1", "no equals sign",    "",
        NULL};

    config_free(load_all(NULL, environment_of(entries), NULL, 0));
}
END_TEST

START_TEST(the_last_place_wins_and_is_remembered)
{
    static const char *const entries[] = {
        "CHATGATE_UPSTREAM_URL=http://environment",
        "CHATGATE_POLICIES=from-environment",
        "CHATGATE_LISTEN= 127.0.0.1:1 , [::1]:2",
        "CHATGATE_TRUSTED_PROXIES=10.0.0.0/8,unix:",
        NULL,
    };
    static const struct config_override overrides[] = {
        {"upstream.url", "http://flag", "--upstream"},
        {"redis.url", "none", "--redis"},
    };
    struct config_source source = {
        .environment = environment_of(entries),
        .overrides = overrides,
        .override_count = 2,
        .needs_upstream = true,
    };
    struct config *cfg = NULL;
    struct problems p;
    char expected[100];

    write_file("{\"upstream\": {\"url\": \"http://file\"},\n"
               "\"policies\": \"from-file\", \"redis\": {\n"
               "  \"url\": \"redis://file\", \"timeout\": \"7ms\"}}");
    source.file = path;
    problems_init(&p);
    ck_assert_int_eq(config_load(&source, &p, &cfg), STATUS_OK);
    problems_release(&p);
    ck_assert_str_eq(cfg->upstream.url, "http://flag");
    ck_assert_str_eq(config_origin(cfg, "upstream.url"), "--upstream");
    ck_assert_str_eq(cfg->policies, "from-environment");
    ck_assert_str_eq(config_origin(cfg, "policies"), "CHATGATE_POLICIES");
    ck_assert_ptr_null(cfg->redis.url);
    ck_assert_int_eq(cfg->redis.timeout_us, 7000);
    snprintf(expected, sizeof(expected), "%s:3:37", path);
    ck_assert_str_eq(config_origin(cfg, "redis.timeout"), expected);
    ck_assert_str_eq(config_origin(cfg, "audit.file"), "default");
    ck_assert_ptr_null(config_origin(cfg, "audit"));
    ck_assert_uint_eq(cfg->listen_count, 2);
    ck_assert_str_eq(cfg->listen[1].text, "[::1]:2");
    ck_assert_uint_eq(cfg->trusted_proxies.count, 2);
    remove_file();
    config_free(cfg);
    config_free(NULL);
}
END_TEST

START_TEST(upstream_is_required_only_where_it_is_needed)
{
    struct config_source source = {.needs_upstream = true};
    struct config *cfg = NULL;
    struct problems p;

    problems_init(&p);
    ck_assert_int_eq(config_load(&source, &p, &cfg), STATUS_INVALID);
    ck_assert_uint_eq(p.count, 1);
    ck_assert_ptr_nonnull(strstr(p.list[0].message, "upstream.url is not set"));
    problems_release(&p);
    cfg = load(NULL);
    ck_assert_ptr_null(cfg->upstream.url);
    config_free(cfg);
}
END_TEST

START_TEST(the_authorization_reads_the_environment)
{
    static const struct {
        const char *written, *value; /* NULL: refused */
    } cases[] = {
        {"Bearer abc", "Bearer abc"},
        {"Bearer ${TOKEN}", "Bearer t0ken"},
        {"${TOKEN}", "t0ken"},
        {"${TOKEN}${CHATGATE_SECRET}", "t0kens3cret"},
        {"$TOKEN {x} $", "$TOKEN {x} $"},
        {"${TWICE}", "${TOKEN}"}, /* what is read is not read again */
        {"Bearer ${UNSET}", NULL},
        {"Bearer ${EMPTY}", NULL},
        {"Bearer ${token}", NULL},
        {"Bearer ${TOKEN", NULL},
        {"Bearer ${}", NULL},
        {"Bearer ${1A}", NULL},
        {"Bearer ${TOKEN:-x}", NULL},
        {"Bearer ${LINES}", NULL},
        {"Bearer ${LATIN}", NULL},
        {"Bearer ", NULL},
        {" Bearer x", NULL},
    };
    static const char *const entries[] = {
        "CHATGATE_SECRET=s3cret",
        "TOKEN=t0ken",
        "TWICE=${TOKEN}",
        "EMPTY=",
        "LINES=s3cret\n",
        "LATIN=s3cret\xe4",
        NULL,
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        /* CHATGATE_SECRET is no setting: allowed where it is read only */
        bool reads_it = strstr(cases[i].written, "CHATGATE") != NULL;
        char *const *used = environment_of(entries + (reads_it ? 0 : 1));
        char content[200];

        snprintf(content, sizeof(content),
                 "{\"upstream\": {\"authorization\": \"%s\"}}",
                 cases[i].written);
        if (cases[i].value) {
            struct config *cfg = load_all(content, used, NULL, 0);

            ck_assert_str_eq(secret_reveal(cfg->upstream.authorization).data,
                             cases[i].value);
            config_free(cfg);
        } else {
            char *out = refusal(content, used, NULL, 0);

            ck_assert_int_eq(
                strncmp(out, "FILE:1:32: /upstream/authorization: ", 36), 0);
            ck_assert_ptr_null(strstr(out, "s3cret"));
            free(out);
        }
    }
}
END_TEST

START_TEST(a_variable_nobody_reads_is_a_mistake)
{
    static const char *const entries[] = {"CHATGATE_SECRET=x", NULL};
    char *out = refusal("{\"upstream\": {\"authorization\": "
                        "\"Bearer ${CHATGATE_SECRETS\"}}",
                        environment_of(entries), NULL, 0);

    ck_assert_ptr_nonnull(strstr(out, "CHATGATE_SECRET: no such setting"));
    free(out);
}
END_TEST

/* An unset ${TOKEN} in the sample must not stop somebody who brings the
 * value along. */
START_TEST(an_overridden_authorization_needs_no_variable)
{
    static const char *const entries[] = {
        "CHATGATE_UPSTREAM_AUTHORIZATION=Bearer x", NULL};
    struct config *cfg =
        load_all("{\"upstream\": {\"authorization\": \"Bearer ${UNSET}\"}}",
                 environment_of(entries), NULL, 0);

    ck_assert_str_eq(secret_reveal(cfg->upstream.authorization).data,
                     "Bearer x");
    config_free(cfg);
}
END_TEST

START_TEST(every_kind_of_value_arrives)
{
    struct config *cfg = load(
        "{\"listen\": [\"unix:/x\"], // one\n"
        " \"tls\": {\"certificate\": \"c\", \"key\": \"k\", \"client_ca\": "
        "\"a\"},\n"
        " \"admin\": {\"listen\": \"0.0.0.0:9\", \"password_sha256\": "
        "\"BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD\"},"
        "\n \"workers\": 3, \"consumers\": \"who.json\",\n"
        " \"upstream\": {\"authorization\": \"Bearer x\", \"connections\": 7},"
        "\n \"redis\": {\"url\": \"redis://h/3\", \"on_failure\": \"deny\","
        " \"local_share\": 5e-1},\n"
        " \"audit\": {\"numbers\": \"hashed\", \"key\": \"pepper\", \"fsync\": "
        "\"data\", \"stream\": \"s\", \"patience\": \"0s\"},\n"
        " \"limits\": {\"max_body\": \"10MB\", \"max_members\": 5},\n"
        " \"unmatched\": [{\"prefix\": \"/\", \"method\": \"*\"},\n"
        "  {\"method\": \"M-SEARCH\", \"prefix\": \"/a/b/\"}],\n"
        " \"drain_timeout\": \"2m\", \"log_level\": \"error\"}");

    ck_assert_str_eq(cfg->listen[0].path, "/x");
    ck_assert_str_eq(cfg->tls.client_ca, "a");
    ck_assert(cfg->admin.has_password);
    ck_assert_uint_eq(cfg->admin.password_sha256[0], 0xba);
    ck_assert_uint_eq(cfg->admin.password_sha256[31], 0xad);
    ck_assert_uint_eq(cfg->workers, 3);
    ck_assert_str_eq(cfg->consumers, "who.json");
    ck_assert_uint_eq(cfg->upstream.connections, 7);
    ck_assert_int_eq(cfg->redis.url->database, 3);
    ck_assert_int_eq(cfg->redis.on_failure, CONFIG_FAIL_DENY);
    ck_assert(cfg->redis.local_share > 0.49 && cfg->redis.local_share < 0.51);
    ck_assert_int_eq(cfg->audit.numbers, CONFIG_NUMBERS_HASHED);
    ck_assert_str_eq(secret_reveal(cfg->audit.key).data, "pepper");
    ck_assert_int_eq(cfg->audit.fsync, CONFIG_FSYNC_DATA);
    ck_assert_str_eq(cfg->audit.stream, "s");
    ck_assert_int_eq(cfg->audit.patience_us, 0);
    ck_assert_int_eq(cfg->limits.max_body_bytes, 10000000);
    ck_assert_uint_eq(cfg->limits.max_members, 5);
    ck_assert_uint_eq(cfg->unmatched_count, 2);
    ck_assert_str_eq(cfg->unmatched[1].method, "M-SEARCH");
    ck_assert_str_eq(cfg->unmatched[0].prefix, "/");
    ck_assert_int_eq(cfg->drain_timeout_us, 120000000);
    ck_assert_int_eq(cfg->log_level, LOG_ERROR);
    config_free(cfg);
}
END_TEST

START_TEST(defaults_are_those_of_the_manual)
{
    struct config *cfg = load("{}");

    ck_assert_uint_eq(cfg->listen_count, 1);
    ck_assert_str_eq(cfg->listen[0].text, "127.0.0.1:8080");
    ck_assert_str_eq(cfg->admin.listen.text, "127.0.0.1:8081");
    ck_assert(!cfg->admin.has_password);
    ck_assert_uint_ge(cfg->workers, 1);
    ck_assert_ptr_null(cfg->tls.certificate);
    ck_assert_uint_eq(cfg->trusted_proxies.count, 0);
    ck_assert_ptr_null(cfg->consumers);
    ck_assert(!secret_is_set(cfg->upstream.authorization));
    ck_assert_int_eq(cfg->upstream.connect_timeout_us, 2000000);
    ck_assert_ptr_null(cfg->redis.url);
    ck_assert_int_eq(cfg->redis.on_failure, CONFIG_FAIL_LOCAL);
    ck_assert(cfg->redis.local_share > 0.999);
    ck_assert_str_eq(cfg->audit.file, "chatgate-audit.jsonl");
    ck_assert_int_eq(cfg->limits.max_body_bytes, 8 << 20);
    ck_assert_uint_eq(cfg->unmatched_count, 0);
    ck_assert_int_eq(cfg->drain_delay_us, 0);
    ck_assert_int_eq(cfg->log_level, LOG_INFO);
    config_free(cfg);
}
END_TEST

static void collect(void *arg, const char *key)
{
    char *out = arg;

    strcat(out, key);
    strcat(out, " ");
}

START_TEST(a_reload_tells_what_it_cannot_change)
{
    struct config *old = load("{\"audit\": {\"key\": \"a\"}}");
    struct config *same = load("{\"audit\": {\"key\": \"a\"}}");
    struct config *fresh =
        load("{\"audit\": {\"key\": \"b\", \"patience\": \"6s\"},"
             " \"listen\": [\"127.0.0.1:8080\", \"[::1]:8080\"],"
             " \"admin\": {\"listen\": \"127.0.0.1:1\"},"
             " \"workers\": 77, \"redis\": {\"url\": \"redis://h\","
             " \"timeout\": \"1s\"}, \"log_level\": \"debug\","
             " \"upstream\": {\"url\": \"http://x\", \"keep_idle\": \"1m\"}}");
    char out[1000] = "";

    ck_assert_uint_eq(config_changed(old, same, collect, out), 0);
    ck_assert_str_eq(out, "");
    ck_assert_uint_eq(config_changed(old, fresh, collect, out), 7);
    ck_assert_str_eq(out, "listen admin.listen workers upstream.keep_idle "
                          "redis.url audit.key audit.patience ");
    config_free(old);
    config_free(same);
    config_free(fresh);
}
END_TEST

START_TEST(only_the_parts_of_a_redis_url_count)
{
    static const char *const urls[] = {
        "redis://h",
        "redis://i",
        "redis://h:1",
        "redis://h/1",
        "rediss://h",
        "redis://:p@h",
        "redis://:q@h",
        "redis://u:p@h",
        "unix:///h",
        "redis+cluster://h",
        "redis+sentinel://h/a",
        "redis+sentinel://h/b",
        "redis+cluster://h,i",
    };
    struct config *all[ARRAY_LEN(urls)], *same;
    char out[100] = "";

    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        char content[100];

        snprintf(content, sizeof(content), "{\"redis\": {\"url\": \"%s\"}}",
                 urls[i]);
        all[i] = load(content);
    }
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        for (size_t k = 0; k < ARRAY_LEN(urls); k++) {
            out[0] = '\0';
            ck_assert_uint_eq(config_changed(all[i], all[k], collect, out),
                              i == k ? 0 : 1);
        }
    }
    same = load("{\"redis\": {\"url\": \"redis://h:6379/0\"}}");
    ck_assert_uint_eq(config_changed(all[0], same, collect, out), 0);
    config_free(same);
    for (size_t i = 0; i < ARRAY_LEN(urls); i++)
        config_free(all[i]);
}
END_TEST

START_TEST(a_file_that_cannot_be_read)
{
    struct config_source source = {.file = "/nonexistent/chatgate.json"};
    struct config *cfg = NULL;
    struct problems p;

    problems_init(&p);
    ck_assert_int_eq(config_load(&source, &p, &cfg), STATUS_IO);
    ck_assert_uint_eq(p.errors, 1);
    ck_assert_str_eq(p.list[0].file, "/nonexistent/chatgate.json");
    ck_assert_ptr_null(cfg);
    problems_release(&p);
}
END_TEST

START_TEST(earlier_problems_do_not_matter)
{
    struct config_source source = {.file = NULL};
    struct config *cfg = NULL;
    struct problems p;

    problems_init(&p);
    problems_error(&p, "other", 1, 1, "of somebody else's");
    ck_assert_int_eq(config_load(&source, &p, &cfg), STATUS_OK);
    config_free(cfg);
    problems_release(&p);
}
END_TEST

UNIT_MAIN("load", values_of_the_file_that_are_wrong,
          upstream_urls_that_are_wrong, a_base_url_loses_its_last_slash,
          unknown_keys_bring_a_suggestion, all_mistakes_are_reported_at_once,
          variables_that_are_wrong, other_variables_are_left_alone,
          the_last_place_wins_and_is_remembered,
          upstream_is_required_only_where_it_is_needed,
          the_authorization_reads_the_environment,
          a_variable_nobody_reads_is_a_mistake,
          an_overridden_authorization_needs_no_variable,
          every_kind_of_value_arrives, defaults_are_those_of_the_manual,
          a_reload_tells_what_it_cannot_change,
          only_the_parts_of_a_redis_url_count, a_file_that_cannot_be_read,
          earlier_problems_do_not_matter)
