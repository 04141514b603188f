/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/exchange.h - one request, from its head to its record.
 */
#ifndef GATEWAY_EXCHANGE_H
#define GATEWAY_EXCHANGE_H

#include "http/server.h"

/* What the worker's http_server calls; its server argument is the worker. */
const struct http_handler *exchange_handler(void);

#endif
