/* SPDX-License-Identifier: Apache-2.0
 *
 * http/tls.c - a certificate, a key, and who may connect.
 *
 * A struct http_tls is an SSL_CTX under another name: OpenSSL counts its
 * references, with atomics, and each connection holds one of its own.
 *
 * RFC 8446 (TLS 1.3), RFC 5246 (TLS 1.2, only with ECDHE and AEAD: RFC 9325
 * section 4.2), RFC 7301 (ALPN: a client that offers only what is not spoken
 * here is told so).
 */
#include "http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#define CIPHERS_OF_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"

static SSL_CTX *context_of(struct http_tls *tls)
{
    return (SSL_CTX *)tls;
}

/* ALPN, when the client offers any. */
static int choose_protocol(SSL *ssl, const unsigned char **out,
                           unsigned char *out_len, const unsigned char *in,
                           unsigned in_len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;
    (void)ssl, (void)arg;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in,
                              in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static enum status fail(char *why, size_t why_size, const char *what,
                        const char *file)
{
    char reason[256] = "unknown reason";
    /* The first error is the cause; those behind it are who passed it on. */
    unsigned long error = ERR_get_error();
    const char *text = ERR_reason_error_string(error);
    if (text != NULL)
        snprintf(reason, sizeof(reason), "%s", text);
    else if (ERR_SYSTEM_ERROR(error))
        snprintf(reason, sizeof(reason), "%s", strerror(ERR_GET_REASON(error)));
    ERR_clear_error();
    snprintf(why, why_size, "%s %s: %s", what, file, reason);
    return ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE ? STATUS_NO_MEMORY
                                                         : STATUS_INVALID;
}

static void set_options(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 /* A client that closes without saying so has
                                  * ended its input: the framing of HTTP tells
                                  * whether something is missing. */
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* The output may have moved in memory when a write is tried again. Idle
     * connections keep no buffers. */
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    /* Tickets do, and cost the server nothing. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
}

static enum status require_clients(SSL_CTX *ctx, const char *client_ca,
                                   char *why, size_t why_size)
{
    static const unsigned char id[] = "chatgate";
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(client_ca);
    if (names == NULL || SSL_CTX_load_verify_file(ctx, client_ca) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return fail(why, why_size, "tls.client_ca", client_ca);
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       NULL);
    /* Without it OpenSSL refuses to resume what it has verified. */
    SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1);
    return STATUS_OK;
}

/* There is nobody to ask: a key with a passphrase is an error. */
static int no_passphrase(char *out, int size, int is_writing, void *arg)
{
    (void)out, (void)size, (void)is_writing, (void)arg;
    return 0;
}

static enum status load(SSL_CTX *ctx, const char *certificate, const char *key,
                        const char *client_ca, char *why, size_t why_size)
{
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(ctx, CIPHERS_OF_1_2) != 1)
        return fail(why, why_size, "TLS", "1.2");
    set_options(ctx);
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
        return fail(why, why_size, "tls.certificate", certificate);
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1)
        return fail(why, why_size, "tls.key", key);
    return client_ca == NULL ? STATUS_OK
                             : require_clients(ctx, client_ca, why, why_size);
}

enum status http_tls_load(const char *certificate, const char *key,
                          const char *client_ca, struct http_tls **out,
                          char *why, size_t why_size)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL) {
        snprintf(why, why_size, "out of memory for TLS");
        ERR_clear_error();
        return STATUS_NO_MEMORY;
    }
    enum status s = load(ctx, certificate, key, client_ca, why, why_size);
    if (s != STATUS_OK) {
        SSL_CTX_free(ctx);
        return s;
    }
    *out = (struct http_tls *)ctx;
    return STATUS_OK;
}

struct http_tls *http_tls_ref(struct http_tls *tls)
{
    if (tls != NULL)
        SSL_CTX_up_ref(context_of(tls));
    return tls;
}

void http_tls_unref(struct http_tls *tls)
{
    SSL_CTX_free(context_of(tls));
}

struct ssl_st *http_tls_session_new(struct http_tls *tls, int fd)
{
    SSL *ssl = SSL_new(context_of(tls));
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_accept_state(ssl);
    return ssl;
}
