/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls over TLS: whom the client trusts, and what a failure says. Keys and
 * certificates are made for each run.
 */
#include <check.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "probe.h"

#define OK_2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static char directory[256], ca_file[300];
static EVP_PKEY *key;
static X509 *certificate;
static SSL_CTX *context;

/* Self-signed, for one name, valid from `from` to `to` seconds from now. */
static void make_certificate(const char *alt_name, long from, long to)
{
    X509_NAME *name;
    X509_EXTENSION *ext;
    FILE *f;

    key = EVP_EC_gen("P-256");
    certificate = X509_new();
    ck_assert_ptr_nonnull(key);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from);
    X509_gmtime_adj(X509_getm_notAfter(certificate), to);
    X509_set_pubkey(certificate, key);
    name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alt_name);
    X509_add_ext(certificate, ext, -1);
    X509_EXTENSION_free(ext);
    ck_assert_int_gt(X509_sign(certificate, key, EVP_sha256()), 0);
    f = fopen(ca_file, "w");
    PEM_write_X509(f, certificate);
    fclose(f);
    context = SSL_CTX_new(TLS_server_method());
    ck_assert_int_eq(SSL_CTX_use_certificate(context, certificate), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(context, key), 1);
}

static void setup(void)
{
    const char *tmp = getenv("TMPDIR");

    signal(SIGPIPE, SIG_IGN); /* the server's OpenSSL uses write(2) */
    client_defaults();
    snprintf(directory, sizeof(directory), "%s/tls-XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", directory);
}

static void teardown(void)
{
    X509_free(certificate);
    EVP_PKEY_free(key);
    SSL_CTX_free(context);
    unlink(ca_file);
    ck_assert_int_eq(rmdir(directory), 0);
}

static void open_https(const struct server *s)
{
    static char url[64];

    snprintf(url, sizeof(url), "https://127.0.0.1:%d/prefix", server_port(s));
    client_open_url(url);
}

static void close_all(struct server *s)
{
    client_close();
    server_stop(s);
}

static void answer_all(struct server_conn *c, void *arg)
{
    while (server_read(c))
        server_say(c, arg);
}

START_TEST(trusted_and_reused)
{
    struct server *s;
    struct probe p = {0};

    make_certificate("IP:127.0.0.1", -60, 3600);
    s = server_start_tls(answer_all, (void *)(uintptr_t)OK_2, context);
    settings.ca_file = ca_file;
    open_https(s);
    for (int i = 0; i < 5; i++) {
        probe_start(&p, "POST", "/x", "{}");
        probe_wait(&p);
        ck_assert_msg(p.result.outcome == UPSTREAM_ANSWERED, "%s", p.detail);
        ck_assert_str_eq(p.body, "ok");
        probe_release(&p);
    }
    ck_assert_int_eq(server_connections(s), 1);
    close_all(s);
}
END_TEST

/* Nothing is sent to whom is not trusted. */
static void expect_distrust(struct server *s)
{
    struct probe p = {0};

    open_https(s);
    probe_start(&p, "POST", "/", "{}");
    probe_wait(&p);
    ck_assert_int_eq(p.result.outcome, UPSTREAM_CONNECT);
    ck_assert(!p.result.may_be_delivered);
    ck_assert_int_eq(p.result.attempts, 0);
    ck_assert_str_ne(p.detail, "");
    ck_assert_int_eq(server_requests(s), 0);
    probe_release(&p);
    close_all(s);
}

START_TEST(distrusted)
{
    static const struct {
        const char *name;
        long from, to;
        bool is_known;
    } cases[] = {
        {"IP:127.0.0.1", -60, 3600, false},
        {"IP:127.0.0.2", -60, 3600, true},
        {"DNS:localhost", -60, 3600, true},
        {"IP:127.0.0.1", -7200, -3600, true},
        {"IP:127.0.0.1", 3600, 7200, true},
    };

    make_certificate(cases[_i].name, cases[_i].from, cases[_i].to);
    if (cases[_i].is_known)
        settings.ca_file = ca_file;
    expect_distrust(
        server_start_tls(answer_all, (void *)(uintptr_t)OK_2, context));
}
END_TEST

static void speak_plainly(struct server_conn *c, void *arg)
{
    server_say(c, arg);
    server_await_close(c);
}

START_TEST(no_tls_over_there)
{
    make_certificate("IP:127.0.0.1", -60, 3600);
    settings.ca_file = ca_file;
    settings.connect_timeout_us = 300 * US_PER_MS;
    expect_distrust(
        server_start(speak_plainly, (void *)(uintptr_t)(_i == 0 ? OK_2 : "")));
}
END_TEST

static void die_when_warm(struct server_conn *c, void *arg)
{
    (void)arg;
    if (!server_read(c))
        return;
    server_say(c, OK_2);
    if (server_read(c))
        server_reset(c);
}

START_TEST(warm_connection_dies_under_a_post)
{
    struct server *s;
    struct probe p = {0};

    make_certificate("IP:127.0.0.1", -60, 3600);
    s = server_start_tls(die_when_warm, NULL, context);
    settings.ca_file = ca_file;
    open_https(s);
    probe_start(&p, "GET", "/", NULL);
    probe_wait(&p);
    ck_assert_int_eq(p.result.outcome, UPSTREAM_ANSWERED);
    probe_release(&p);
    probe_start(&p, "POST", "/", "{}");
    probe_wait(&p);
    run_for_ms(50);
    ck_assert_int_eq(p.result.outcome, UPSTREAM_SEND);
    ck_assert(p.result.may_be_delivered);
    ck_assert_int_eq(server_requests(s), 2);
    probe_release(&p);
    close_all(s);
}
END_TEST

#define BIG (4 << 20)

static void echo(struct server_conn *c, void *arg)
{
    (void)arg;
    while (server_read(c)) {
        char head[128];

        snprintf(head, sizeof(head),
                 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", c->body_len);
        server_say(c, head);
        server_write(c, c->body, c->body_len);
    }
}

START_TEST(large_bodies_both_ways)
{
    struct upstream_request r = {
        .method = TEXT("POST"), .target = TEXT("/"), .has_body = true};
    struct server *s;
    struct probe p = {0};
    char *body = malloc(BIG);

    for (size_t i = 0; i < BIG; i++)
        body[i] = (char)(i * 7 + i / 1000);
    r.body = text_make(body, BIG);
    make_certificate("IP:127.0.0.1", -60, 3600);
    s = server_start_tls(echo, NULL, context);
    settings.ca_file = ca_file;
    open_https(s);
    for (int i = 0; i < 2; i++) {
        probe_request(&p, &r);
        probe_wait(&p);
        ck_assert_int_eq(p.result.outcome, UPSTREAM_ANSWERED);
        ck_assert_uint_eq(p.body_len, BIG);
        ck_assert_mem_eq(p.body, body, BIG);
        probe_release(&p);
    }
    free(body);
    close_all(s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("upstream/tls");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, trusted_and_reused);
    tcase_add_loop_test(t, distrusted, 0, 5);
    tcase_add_loop_test(t, no_tls_over_there, 0, 2);
    tcase_add_test(t, warm_connection_dies_under_a_post);
    tcase_add_test(t, large_bodies_both_ways);
    suite_add_tcase(suite, t);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
