/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/tls.c - TLS towards clients and towards the upstream, by the
 * real binary. Keys and certificates are made for each test.
 *
 * An upstream that speaks TLS is another gateway.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "integration/expect.h"

#define FROM "+14155550100"
#define GET                                                                    \
    "GET /v3/chats HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer x\r\n\r\n"

static struct rig rig, front;

/* ---- certificates ---- */

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
};

static const char *path_of(const char *name)
{
    static char paths[8][800];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", rig.dir, name);
    return path;
}

static void extend(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    ck_assert_ptr_nonnull(e);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

/* For 127.0.0.1; without an issuer, one that issues. Saved as NAME.pem and
 * NAME.key. */
static struct identity make_identity(const char *name,
                                     const struct identity *issuer)
{
    struct identity made = {EVP_EC_gen("P-256"), X509_new()};
    X509 *x = made.certificate;
    char file[64];
    FILE *f;

    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), random());
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, made.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(
        x, X509_get_subject_name(issuer ? issuer->certificate : x));
    if (issuer)
        extend(x, NID_subject_alt_name, "IP:127.0.0.1");
    else
        extend(x, NID_basic_constraints, "critical,CA:TRUE");
    ck_assert_int_gt(
        X509_sign(x, issuer ? issuer->key : made.key, EVP_sha256()), 0);
    snprintf(file, sizeof file, "%s.pem", name);
    f = fopen(path_of(file), "w");
    ck_assert(f && PEM_write_X509(f, x) == 1 && fclose(f) == 0);
    snprintf(file, sizeof file, "%s.key", name);
    f = fopen(path_of(file), "w");
    ck_assert(f &&
              PEM_write_PrivateKey(f, made.key, NULL, NULL, 0, NULL, NULL) ==
                  1 &&
              fclose(f) == 0);
    return made;
}

static void make_identities(void)
{
    static const char *const names[] = {"one", "two", "client"};
    struct identity ca = make_identity("ca", NULL),
                    other = make_identity("other-ca", NULL), made;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        made = make_identity(names[i], &ca);
        EVP_PKEY_free(made.key);
        X509_free(made.certificate);
    }
    made = make_identity("stranger", &other);
    EVP_PKEY_free(made.key);
    X509_free(made.certificate);
    EVP_PKEY_free(ca.key);
    X509_free(ca.certificate);
    EVP_PKEY_free(other.key);
    X509_free(other.certificate);
}

/* What the gateway shows is current.pem and current.key. */
static void show_certificate(const char *name)
{
    static const char *const ends[] = {"pem", "key"};
    char file[64], current[64];

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(file, sizeof file, "%s.%s", name, ends[i]);
        snprintf(current, sizeof current, "current.%s", ends[i]);
        (void)unlink(path_of(current));
        ck_assert_int_eq(link(path_of(file), path_of(current)), 0);
    }
}

static char certificate_env[900], key_env[900], ca_env[900];

static void start(bool asks_clients)
{
    static const char *env[4];

    rig_prepare(&rig, &(struct rig_options){.redis = RIG_NO_REDIS,
                                            .env = env,
                                            .expects_warnings = true});
    make_identities();
    show_certificate("one");
    snprintf(certificate_env, sizeof certificate_env,
             "CHATGATE_TLS_CERTIFICATE=%s", path_of("current.pem"));
    snprintf(key_env, sizeof key_env, "CHATGATE_TLS_KEY=%s",
             path_of("current.key"));
    snprintf(ca_env, sizeof ca_env, "CHATGATE_TLS_CLIENT_CA=%s",
             path_of("ca.pem"));
    env[0] = certificate_env;
    env[1] = key_env;
    env[2] = asks_clients ? ca_env : NULL;
    rig_gateway_start(&rig);
}

/* ---- a client ---- */

struct client {
    struct wire wire;
    SSL_CTX *context;
    SSL *ssl;
};

/* `name`: the certificate to show; NULL: none. False: no handshake. */
static bool client_open(struct client *c, const char *name, int version)
{
    char file[64];

    c->context = SSL_CTX_new(TLS_client_method());
    ck_assert_int_eq(SSL_CTX_load_verify_file(c->context, path_of("ca.pem")),
                     1);
    SSL_CTX_set_verify(c->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_max_proto_version(c->context, version);
    if (name) {
        snprintf(file, sizeof file, "%s.pem", name);
        ck_assert_int_eq(SSL_CTX_use_certificate_file(c->context, path_of(file),
                                                      SSL_FILETYPE_PEM),
                         1);
        snprintf(file, sizeof file, "%s.key", name);
        ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(c->context, path_of(file),
                                                     SSL_FILETYPE_PEM),
                         1);
    }
    wire_open(&c->wire, rig.port);
    c->ssl = SSL_new(c->context);
    SSL_set_fd(c->ssl, c->wire.fd);
    return SSL_connect(c->ssl) == 1;
}

static void client_close(struct client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->context);
    wire_close(&c->wire);
}

/* The status of an answer to GET; 0: none. */
static int client_get(struct client *c)
{
    char answer[16384];
    int got = 0, n, status = 0;

    if (SSL_write(c->ssl, GET, sizeof GET - 1) <= 0)
        return 0;
    do { /* small: the stub knows no chats */
        n = SSL_read(c->ssl, answer + got, (int)sizeof answer - 1 - got);
        if (n <= 0)
            return 0;
        got += n;
        answer[got] = '\0';
    } while (!strstr(answer, "\r\n\r\n") || answer[got - 1] != '}');
    ck_assert_int_eq(sscanf(answer, "HTTP/1.1 %d", &status), 1);
    return status;
}

static void expect_shown(struct client *c, const char *name)
{
    X509 *x = SSL_get1_peer_certificate(c->ssl);
    char text[64] = "";

    ck_assert_ptr_nonnull(x);
    X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, text,
                              sizeof text);
    ck_assert_str_eq(text, name);
    X509_free(x);
}

/* ---- clients ---- */

START_TEST(requests_are_served_by_tls_only)
{
    struct json_document *log;
    struct client c;
    struct wire w;

    start(false);
    ck_assert(client_open(&c, NULL, TLS1_3_VERSION));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(client_get(&c), 200);
    client_close(&c);
    ck_assert(client_open(&c, NULL, TLS1_2_VERSION));
    ck_assert_int_eq(client_get(&c), 200);
    client_close(&c);
    ck_assert(!client_open(&c, NULL, TLS1_1_VERSION));
    client_close(&c);
    log = rig_stub_log(&rig);
    ck_assert_str_eq(expect_sent_header(log, 0, "x-forwarded-proto", NULL),
                     "https");
    json_free(log);
    wire_open(&w, rig.port);
    wire_send_str(&w, GET);
    /* No answer that could be taken for one: at most an alert. */
    while (wire_has_input(&w, 20000) && !w.ended) {
        ck_assert(wire_wait_close(&w) || memcmp(w.in.data, "HTTP", 4) != 0);
        break;
    }
    wire_close(&w);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_reload_takes_the_new_certificate)
{
    struct client before, after;

    start(false);
    ck_assert(client_open(&before, NULL, 0));
    expect_shown(&before, "one");
    ck_assert_int_eq(client_get(&before), 200);
    show_certificate("two");
    ck_assert_int_eq(kill(rig.gateway.pid, SIGHUP), 0);
    ck_assert(process_wait_for(&rig.gateway, "reload.done", NULL, 0));
    /* The workers hear of it a moment later. */
    for (bool is_new = false; !is_new;) {
        X509 *x;
        char text[64] = "";

        ck_assert(client_open(&after, NULL, 0));
        x = SSL_get1_peer_certificate(after.ssl);
        X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName,
                                  text, sizeof text);
        X509_free(x);
        is_new = strcmp(text, "two") == 0;
        ck_assert_int_eq(client_get(&after), 200);
        client_close(&after);
    }
    ck_assert_int_eq(client_get(&before), 200);
    client_close(&before);
    rig_stop(&rig);
}
END_TEST

/* A certificate and another's key: nothing changes, and it is said. */
START_TEST(a_certificate_that_does_not_fit_changes_nothing)
{
    struct client c;

    start(false);
    (void)unlink(path_of("current.key"));
    ck_assert_int_eq(link(path_of("two.key"), path_of("current.key")), 0);
    ck_assert_int_eq(kill(rig.gateway.pid, SIGHUP), 0);
    ck_assert(process_wait_for(&rig.gateway, "reload.refused", NULL, 0));
    ck_assert(client_open(&c, NULL, 0));
    expect_shown(&c, "one");
    ck_assert_int_eq(client_get(&c), 200);
    client_close(&c);
    rig_stop(&rig);
}
END_TEST

/* TLS 1.3 tells of a refused certificate only after the handshake. */
static int get_as(const char *name, int version)
{
    struct client c;
    int status = client_open(&c, name, version) ? client_get(&c) : 0;

    client_close(&c);
    return status;
}

START_TEST(clients_show_a_certificate_where_it_is_asked_for)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    start(true);
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        ck_assert_int_eq(get_as("client", versions[i]), 200);
        ck_assert_int_eq(get_as(NULL, versions[i]), 0);
        ck_assert_int_eq(get_as("stranger", versions[i]), 0);
    }
    ck_assert_int_eq(rig_delivered(&rig), 2);
    rig_stop(&rig);
}
END_TEST

/* ---- upstream ---- */

static char url_env[128], ca_file_env[900];

/* A gateway whose upstream is the first one, trusting that CA (NULL: the
 * system's). */
static void start_front(const char *ca)
{
    static const char *env[3];

    rig_prepare(&front, &(struct rig_options){.redis = RIG_NO_REDIS,
                                              .env = env,
                                              .expects_warnings = true});
    snprintf(url_env, sizeof url_env,
             "CHATGATE_UPSTREAM_URL=https://127.0.0.1:%d", rig.port);
    env[0] = url_env;
    env[1] = NULL;
    if (ca) {
        snprintf(ca_file_env, sizeof ca_file_env,
                 "CHATGATE_UPSTREAM_CA_FILE=%s", path_of(ca));
        env[1] = ca_file_env;
    }
    rig_gateway_start(&front);
}

START_TEST(the_upstream_is_verified)
{
    static const char *const cas[] = {"ca.pem", "other-ca.pem", NULL};
    struct rig_audit lines;
    struct wire_answer a;

    start(false);
    for (size_t i = 0; i < ARRAY_LEN(cas); i++) {
        start_front(cas[i]);
        for (int n = 0; n < 3; n++) {
            expect_create(&front, FROM, NULL, &a);
            ck_assert_int_eq(a.status, i == 0 ? 201 : 503);
            expect_member(expect_line(&front, &lines, &a), "error",
                          i == 0 ? "" : "upstream.connect");
            rig_audit_release(&lines);
            wire_answer_release(&a);
        }
        rig_stop(&front);
    }
    ck_assert_int_eq(rig_delivered(&rig), 3);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls");
    TCase *t = rig_tcase(s, "tls");

    tcase_add_test(t, requests_are_served_by_tls_only);
    tcase_add_test(t, a_reload_takes_the_new_certificate);
    tcase_add_test(t, a_certificate_that_does_not_fit_changes_nothing);
    tcase_add_test(t, clients_show_a_certificate_where_it_is_asked_for);
    tcase_add_test(t, the_upstream_is_verified);
    return rig_main(s);
}
