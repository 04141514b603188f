/* SPDX-License-Identifier: Apache-2.0
 *
 * admin/client.h - ask a running gateway's admin address.
 */
#ifndef ADMIN_CLIENT_H
#define ADMIN_CLIENT_H

#include <sys/socket.h>

#include "base/buffer.h"
#include "base/status.h"

struct admin_request {
    const struct sockaddr *address; /* an Internet address, or a unix socket */
    socklen_t address_len;
    const char *target;   /* "/explain?operation=..." */
    const char *password; /* NULL: none; of basic authentication */
    int timeout_s;
};

/* GET, wait for the answer. STATUS_OK with *http_status and the body (up to
 * the buffer's maximum); STATUS_UNAVAILABLE: nobody answers there;
 * STATUS_NO_MEMORY. */
enum status admin_get(const struct admin_request *request, int *http_status,
                      struct buffer *body) MUST_CHECK;

#endif
