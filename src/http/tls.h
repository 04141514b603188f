/* SPDX-License-Identifier: Apache-2.0
 *
 * http/tls.h - a certificate, a key, and who may connect.
 *
 *   struct http_tls *tls;
 *   char why[HTTP_TLS_WHY_SIZE];
 *   if (http_tls_load("cert.pem", "key.pem", NULL, &tls, why, sizeof(why)) !=
 *       STATUS_OK) ... `why` is a sentence for people ...
 *   settings.tls = tls;
 *   http_server_configure(server, &settings);   for every worker's server
 *   http_tls_unref(tls);
 *
 * TLS 1.2 and 1.3, HTTP/1.1 by ALPN. A reload loads a new one and configures
 * it: new connections use it, those that exist keep what they began with.
 * Immutable once loaded, so all workers share one. The process must ignore
 * SIGPIPE: OpenSSL writes to sockets without saying that it does not want it.
 */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include <stddef.h>

#include "base/status.h"

struct http_tls;

#define HTTP_TLS_WHY_SIZE 512

/* PEM files: the certificate with its chain, its key, and, unless NULL, the
 * authorities of which a client must show a certificate. STATUS_INVALID,
 * STATUS_NO_MEMORY. */
enum status http_tls_load(const char *certificate, const char *key,
                          const char *client_ca, struct http_tls **out,
                          char *why, size_t why_size) MUST_CHECK;
/* Both from any thread; NULL is fine. */
struct http_tls *http_tls_ref(struct http_tls *tls);
void http_tls_unref(struct http_tls *tls);

/* A server's side of one connection (an SSL); NULL: no memory. For wire.c. */
struct ssl_st *http_tls_session_new(struct http_tls *tls, int fd);

#endif
