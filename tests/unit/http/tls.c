/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of TLS on a server: who may connect, what is spoken, reloads. Keys and
 * certificates are made here, for the length of the run.
 */
#include "http/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "http/rig.h"

static char dir[64];

static const char *path_of(const char *name)
{
    static char paths[4][160];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
    return path;
}

/* ---- certificates ---- */

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
};

static struct identity make_identity(const char *name,
                                     const struct identity *issuer)
{
    struct identity made = {EVP_EC_gen("P-256"), X509_new()};
    X509 *x = made.certificate;
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), (long)random());
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, made.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(
        x, X509_get_subject_name(issuer == NULL ? x : issuer->certificate));
    if (issuer == NULL) {
        X509_EXTENSION *ca = X509V3_EXT_conf_nid(
            NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
        X509_add_ext(x, ca, -1);
        X509_EXTENSION_free(ca);
    }
    ck_assert_int_gt(
        X509_sign(x, issuer == NULL ? made.key : issuer->key, EVP_sha256()), 0);
    return made;
}

static void save(const struct identity *i, const char *name)
{
    char file[80];
    snprintf(file, sizeof(file), "%s.pem", name);
    FILE *f = fopen(path_of(file), "w");
    PEM_write_X509(f, i->certificate);
    fclose(f);
    snprintf(file, sizeof(file), "%s.key", name);
    f = fopen(path_of(file), "w");
    PEM_write_PrivateKey(f, i->key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
}

static void drop_identity(struct identity *i)
{
    EVP_PKEY_free(i->key);
    X509_free(i->certificate);
}

static void make_files(void)
{
    struct identity ca = make_identity("ca", NULL),
                    one = make_identity("one", &ca),
                    two = make_identity("two", &ca),
                    stranger = make_identity("stranger", NULL);
    save(&ca, "ca");
    save(&one, "one");
    save(&two, "two");
    save(&stranger, "stranger");
    FILE *f = fopen(path_of("locked.key"), "w");
    PEM_write_PrivateKey(f, one.key, EVP_aes_128_cbc(), NULL, 0, NULL,
                         (void *)(uintptr_t) "secret");
    fclose(f);
    f = fopen(path_of("junk.pem"), "w");
    fputs("-----BEGIN CERTIFICATE-----\njunk\n", f);
    fclose(f);
    drop_identity(&ca);
    drop_identity(&one);
    drop_identity(&two);
    drop_identity(&stranger);
}

static void setup(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof(dir), "%s/tls-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    ck_assert_ptr_nonnull(mkdtemp(dir));
    make_files();
    signal(SIGPIPE, SIG_IGN);
    rig_open(&rig);
}

static void teardown(void)
{
    static const char *const names[] = {
        "ca.pem",  "ca.key",  "one.pem",      "one.key",      "locked.key",
        "two.pem", "two.key", "stranger.pem", "stranger.key", "junk.pem"};
    if (rig.base != NULL)
        rig_close(&rig);
    http_tls_unref(rig.settings.tls);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unlink(path_of(names[i]));
    rmdir(dir);
}

static struct http_tls *load(const char *name, const char *client_ca)
{
    char pem[80], key[80], why[HTTP_TLS_WHY_SIZE];
    struct http_tls *tls = NULL;
    snprintf(pem, sizeof(pem), "%s.pem", name);
    snprintf(key, sizeof(key), "%s.key", name);
    enum status s = http_tls_load(path_of(pem), path_of(key),
                                  client_ca == NULL ? NULL : path_of(client_ca),
                                  &tls, why, sizeof(why));
    ck_assert_msg(s == STATUS_OK, "%s", why);
    return tls;
}

static void start(const char *client_ca)
{
    rig.settings.tls = load("one", client_ca);
    rig_start(&rig);
}

/* ---- a client ---- */

struct client {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
};

static struct client tls_client(void)
{
    struct client c = {.fd = client_open(&rig)};
    c.ctx = SSL_CTX_new(TLS_client_method());
    return c;
}

static void start_session(struct client *c)
{
    c->ssl = SSL_new(c->ctx);
    SSL_set_fd(c->ssl, c->fd);
    SSL_set_connect_state(c->ssl);
}

static void client_drop(struct client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    client_close(c->fd);
    rig_run(&rig, 3);
}

static bool must_wait(struct client *c, int n)
{
    int error = SSL_get_error(c->ssl, n);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static bool handshake(struct client *c)
{
    start_session(c);
    for (int i = 0; i < 1000; i++) {
        ERR_clear_error();
        int n = SSL_do_handshake(c->ssl);
        if (n == 1)
            return true;
        if (!must_wait(c, n))
            return false;
        rig_run(&rig, 1);
    }
    return false;
}

static void say(struct client *c, const char *data, size_t len)
{
    for (int i = 0; i < 2000 && len > 0; i++) {
        ERR_clear_error();
        int n = SSL_write(c->ssl, data, (int)len);
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        } else {
            ck_assert(must_wait(c, n));
            rig_run(&rig, 1);
        }
    }
    ck_assert_uint_eq(len, 0);
}

/* What comes until it is quiet for a while, or closed; free() it. */
static char *hear(struct client *c, size_t *len, bool *is_closed)
{
    size_t got = 0;
    char *text = calloc(1, 1);
    *is_closed = false;
    for (int quiet = 0; quiet < 20;) {
        char piece[20000];
        ERR_clear_error();
        int n = SSL_read(c->ssl, piece, sizeof(piece));
        if (n > 0) {
            text = realloc(text, got + (size_t)n + 1);
            memcpy(text + got, piece, (size_t)n);
            got += (size_t)n;
            text[got] = '\0';
            quiet = 0;
            continue;
        }
        if (!must_wait(c, n)) {
            *is_closed = true;
            break;
        }
        rig_run(&rig, 1);
        quiet++;
    }
    *len = got;
    return text;
}

static char *ask(struct client *c, const char *request)
{
    size_t len;
    bool is_closed;
    say(c, request, strlen(request));
    return hear(c, &len, &is_closed);
}

#define GET "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n"

static bool is_served(struct client *c)
{
    char *text = ask(c, GET);
    bool is_good = strncmp(text, "HTTP/1.1 200 ", 13) == 0;
    free(text);
    return is_good;
}

/* ---- tests ---- */

START_TEST(requests_are_served_over_tls)
{
    start(NULL);
    struct client c = tls_client();
    ck_assert(handshake(&c));
    ck_assert_str_eq(SSL_get_version(c.ssl), "TLSv1.3");
    for (int i = 0; i < 3; i++)
        ck_assert(is_served(&c));
    char *text = ask(&c, "POST /echo HTTP/1.1\r\nHost: h\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n"
                         "5\r\nhello\r\n0\r\n\r\n" GET);
    ck_assert_ptr_nonnull(strstr(text, "hello"));
    ck_assert_uint_eq(count_of(text, "HTTP/1.1 200 "), 2);
    free(text);
    client_drop(&c);
    ck_assert_uint_eq(http_server_connections(rig.server), 0);
}
END_TEST

START_TEST(the_exchange_knows_that_it_is_tls)
{
    start(NULL);
    struct client c = tls_client();
    ck_assert(handshake(&c));
    say(&c, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n", 31);
    rig_run(&rig, 5);
    ck_assert_ptr_nonnull(rig.latest);
    ck_assert(http_request_is_tls(rig.latest->req));
    rig_answer(&rig, "x");
    client_drop(&c);
}
END_TEST

START_TEST(large_bodies_pass_both_ways)
{
    static char request[400000];
    size_t len;
    bool is_closed;
    start(NULL);
    struct client c = tls_client();
    ck_assert(handshake(&c));
    int head = snprintf(request, sizeof(request),
                        "POST /echo HTTP/1.1\r\nHost: h\r\n"
                        "Content-Length: 300000\r\n\r\n");
    memset(request + head, 'x', 300000);
    say(&c, request, (size_t)head + 300000);
    char *text = hear(&c, &len, &is_closed);
    ck_assert_uint_gt(len, 300000);
    ck_assert(!is_closed);
    free(text);
    say(&c, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n", 30);
    text = hear(&c, &len, &is_closed);
    ck_assert_uint_gt(len, 1024 * 1024);
    free(text);
    client_drop(&c);
    ck_assert_ptr_null(strstr(rig.log, "gone"));
}
END_TEST

START_TEST(requests_may_come_byte_by_byte)
{
    static const char request[] = "POST /echo HTTP/1.1\r\nHost: h\r\n"
                                  "Content-Length: 2\r\n\r\nhi";
    size_t len;
    bool is_closed;
    start(NULL);
    struct client c = tls_client();
    ck_assert(handshake(&c));
    for (size_t i = 0; i < sizeof(request) - 1; i++) {
        say(&c, request + i, 1);
        rig_run(&rig, 0);
    }
    char *text = hear(&c, &len, &is_closed);
    ck_assert_ptr_nonnull(strstr(text, "\r\n\r\nhi"));
    free(text);
    client_drop(&c);
}
END_TEST

START_TEST(a_refusal_ends_with_a_proper_close)
{
    size_t len;
    bool is_closed;
    start(NULL);
    struct client c = tls_client();
    ck_assert(handshake(&c));
    say(&c, "GET x HTTP/1.1\r\n\r\n", 18);
    char *text = hear(&c, &len, &is_closed);
    ck_assert_ptr_nonnull(strstr(text, "HTTP/1.1 400 "));
    ck_assert(is_closed);
    ck_assert_int_eq(SSL_get_shutdown(c.ssl) & SSL_RECEIVED_SHUTDOWN,
                     SSL_RECEIVED_SHUTDOWN);
    free(text);
    client_drop(&c);
}
END_TEST

/* With TLS's own word for it, and, as many clients do, without. */
START_TEST(a_client_that_shuts_its_side_gets_its_answer)
{
    start(NULL);
    for (int i = 0; i < 2; i++) {
        size_t len;
        bool is_closed;
        struct client c = tls_client();
        ck_assert(handshake(&c));
        say(&c, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n", 31);
        if (i == 0)
            SSL_shutdown(c.ssl);
        shutdown(c.fd, SHUT_WR);
        rig_run(&rig, 5);
        ck_assert_ptr_nonnull(rig.latest);
        rig_answer(&rig, "held");
        char *text = hear(&c, &len, &is_closed);
        ck_assert_ptr_nonnull(strstr(text, "held"));
        free(text);
        client_drop(&c);
    }
}
END_TEST

START_TEST(old_versions_are_refused)
{
    start(NULL);
    struct client c = tls_client();
    SSL_CTX_set_security_level(c.ctx, 0);
    SSL_CTX_set_cipher_list(c.ctx, "ALL:@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(c.ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(c.ctx, TLS1_1_VERSION);
    ck_assert(!handshake(&c));
    client_drop(&c);
    c = tls_client();
    SSL_CTX_set_max_proto_version(c.ctx, TLS1_2_VERSION);
    ck_assert(handshake(&c));
    ck_assert_str_eq(SSL_get_version(c.ssl), "TLSv1.2");
    ck_assert(is_served(&c));
    client_drop(&c);
    ck_assert_uint_eq(http_server_connections(rig.server), 0);
}
END_TEST

START_TEST(http_1_1_is_chosen_by_alpn_and_h2_alone_refused)
{
    const unsigned char *chosen;
    unsigned len;
    start(NULL);
    struct client c = tls_client();
    SSL_CTX_set_alpn_protos(c.ctx, (const unsigned char *)"\x02h2\x08http/1.1",
                            12);
    ck_assert(handshake(&c));
    SSL_get0_alpn_selected(c.ssl, &chosen, &len);
    ck_assert(
        text_equal(text_make((const char *)chosen, len), TEXT_LIT("http/1.1")));
    ck_assert(is_served(&c));
    client_drop(&c);
    c = tls_client();
    SSL_CTX_set_alpn_protos(c.ctx, (const unsigned char *)"\x02h2", 3);
    ck_assert(!handshake(&c));
    client_drop(&c);
}
END_TEST

static bool is_served_as(const char *identity, int max_version)
{
    char pem[80], key[80];
    struct client c = tls_client();
    SSL_CTX_set_max_proto_version(c.ctx, max_version);
    if (identity != NULL) {
        snprintf(pem, sizeof(pem), "%s.pem", identity);
        snprintf(key, sizeof(key), "%s.key", identity);
        SSL_CTX_use_certificate_chain_file(c.ctx, path_of(pem));
        SSL_CTX_use_PrivateKey_file(c.ctx, path_of(key), SSL_FILETYPE_PEM);
    }
    /* In 1.3 a client hears of the refusal only after its handshake. */
    bool is_good = handshake(&c);
    if (is_good) {
        size_t len;
        bool is_closed;
        ERR_clear_error();
        (void)SSL_write(c.ssl, GET, sizeof(GET) - 1);
        char *text = hear(&c, &len, &is_closed);
        is_good = strncmp(text, "HTTP/1.1 200 ", 13) == 0;
        free(text);
    }
    client_drop(&c);
    return is_good;
}

START_TEST(client_certificates_are_required_and_verified)
{
    start("ca.pem");
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        ck_assert(is_served_as("two", version));
        ck_assert(!is_served_as(NULL, version));
        ck_assert(!is_served_as("stranger", version));
    }
    ck_assert_uint_eq(count_of(rig.log, "begin"), 2);
}
END_TEST

static void assert_subject(struct client *c, const char *name)
{
    char found[64] = "";
    X509 *x = SSL_get1_peer_certificate(c->ssl);
    X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, found,
                              sizeof(found));
    X509_free(x);
    ck_assert_str_eq(found, name);
}

START_TEST(a_reload_counts_for_new_connections_only)
{
    start(NULL);
    struct client old = tls_client();
    ck_assert(handshake(&old));
    assert_subject(&old, "one");
    struct http_settings settings = rig.settings;
    settings.tls = load("two", NULL);
    http_server_configure(rig.server, &settings);
    http_tls_unref(settings.tls);
    struct client new = tls_client();
    ck_assert(handshake(&new));
    assert_subject(&new, "two");
    ck_assert(is_served(&old));
    ck_assert(is_served(&new));
    client_drop(&old);
    client_drop(&new);
}
END_TEST

START_TEST(what_is_no_handshake_is_closed)
{
    start(NULL);
    int fd = client_open(&rig);
    client_send_str(&rig, fd, GET);
    struct answer a = client_read(&rig, fd, NULL, 0);
    ck_assert(a.is_closed || a.is_reset);
    ck_assert_ptr_null(strstr(a.data, "HTTP/1.1 200"));
    free(a.data);
    client_close(fd);
    rig_run(&rig, 3);
    ck_assert_str_eq(rig.log, "");
    ck_assert_uint_eq(http_server_connections(rig.server), 0);
}
END_TEST

START_TEST(a_handshake_has_a_deadline)
{
    rig.settings.header_timeout_us = 50000;
    start(NULL);
    int fd = client_open(&rig);
    client_send(&rig, fd, "\x16\x03\x01", 3);
    struct answer a = client_read(&rig, fd, NULL, 0);
    ck_assert(a.is_closed);
    ck_assert_uint_eq(a.len, 0);
    free(a.data);
    client_close(fd);
}
END_TEST

/* Turned away before the handshake is done: it is finished all the same, and
 * the loop must not spin meanwhile. */
START_TEST(beyond_the_maximum_the_503_comes_over_tls)
{
    size_t len;
    bool is_closed;
    rig.settings.max_connections = 0;
    start(NULL);
    struct client c = tls_client();
    rig_run(&rig, 5);
    /* The listener, one for reading, one timer; none for writing. */
    ck_assert_int_eq(
        event_base_get_num_events(rig.base, EVENT_BASE_COUNT_ADDED), 3);
    ck_assert(handshake(&c));
    say(&c, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 31);
    char *text = hear(&c, &len, &is_closed);
    ck_assert_ptr_nonnull(strstr(text, "HTTP/1.1 503 "));
    ck_assert(is_closed);
    free(text);
    client_drop(&c);
}
END_TEST

START_TEST(what_cannot_be_loaded_says_why)
{
    static const struct {
        const char *certificate, *key, *client_ca, *part;
    } rows[] = {
        {"none.pem", "one.key", NULL, "tls.certificate"},
        {"junk.pem", "one.key", NULL, "tls.certificate"},
        {"one.key", "one.key", NULL, "tls.certificate"},
        {"one.pem", "none.key", NULL, "tls.key"},
        {"one.pem", "two.key", NULL, "mismatch"},
        {"one.pem", "one.pem", NULL, "tls.key"},
        {"one.pem", "locked.key", NULL, "tls.key"},
        {"one.pem", "one.key", "none.pem", "tls.client_ca"},
        {"one.pem", "one.key", "junk.pem", "tls.client_ca"},
        {"one.pem", "one.key", "one.key", "tls.client_ca"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char why[HTTP_TLS_WHY_SIZE] = "";
        struct http_tls *tls = NULL;
        const char *ca =
            rows[i].client_ca == NULL ? NULL : path_of(rows[i].client_ca);
        enum status s =
            http_tls_load(path_of(rows[i].certificate), path_of(rows[i].key),
                          ca, &tls, why, sizeof(why));
        ck_assert_int_eq(s, STATUS_INVALID);
        ck_assert_msg(strstr(why, rows[i].part) != NULL, "%zu: %s", i, why);
        ck_assert_ptr_null(strstr(why, "unknown reason"));
        ck_assert_ptr_null(tls);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls");
    TCase *t = tcase_create("tls");
    tcase_set_timeout(t, 20);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, requests_are_served_over_tls);
    tcase_add_test(t, the_exchange_knows_that_it_is_tls);
    tcase_add_test(t, large_bodies_pass_both_ways);
    tcase_add_test(t, requests_may_come_byte_by_byte);
    tcase_add_test(t, a_refusal_ends_with_a_proper_close);
    tcase_add_test(t, a_client_that_shuts_its_side_gets_its_answer);
    tcase_add_test(t, old_versions_are_refused);
    tcase_add_test(t, http_1_1_is_chosen_by_alpn_and_h2_alone_refused);
    tcase_add_test(t, client_certificates_are_required_and_verified);
    tcase_add_test(t, a_reload_counts_for_new_connections_only);
    tcase_add_test(t, what_is_no_handshake_is_closed);
    tcase_add_test(t, a_handshake_has_a_deadline);
    tcase_add_test(t, beyond_the_maximum_the_503_comes_over_tls);
    tcase_add_test(t, what_cannot_be_loaded_says_why);
    suite_add_tcase(s, t);
    return rig_main(s);
}
