/* SPDX-License-Identifier: Apache-2.0
 *
 * upstream/request.h - the head of a request, as libcurl is to send it.
 *
 * libcurl formats every header line byte by byte through its own printf: for
 * ten headers that was 40 % of what it spent on a request (51,000 of 131,000
 * instructions). One option is copied as it is, CURLOPT_REQUEST_TARGET, and
 * its manual says so: "libcurl passes on the verbatim string in its request
 * without any filter or other safe guards." So the whole head goes there:
 *
 *   libcurl:  "POST "
 *   here:     "/v3/chats HTTP/1.1\r\nHost: api\r\n...Content-Length: 7\r\n"
 *             "X-Chatgate-Protocol:"
 *   libcurl:  " HTTP/1.1\r\n" "\r\n" and the body
 *
 * What libcurl puts behind the target becomes the value of a header of our
 * own, the price of it. The headers that libcurl would add are taken out by
 * upstream_request_omitted, a list that is the same for every request.
 *
 * Since there are no safe guards behind it, nothing passes here that could end
 * a line: the check of each name and value is the point of this file.
 */
#ifndef UPSTREAM_REQUEST_H
#define UPSTREAM_REQUEST_H

#include <curl/curl.h>

#include "base/buffer.h"
#include "upstream/upstream.h"

#define UPSTREAM_METHOD_MAX 31 /* bytes */

/* For CURLOPT_HTTPHEADER; static. */
extern struct curl_slist *const upstream_request_omitted;

/* A body is sent: it has one, or its method always has (POST, PUT, PATCH). */
bool upstream_request_is_post(const struct upstream_request *request);

/* What stands between method and version, NUL-terminated, into `out` (which is
 * cleared). `prefix` is put before the target. STATUS_INVALID: something in
 * `request` cannot be sent as it is; STATUS_TOO_LARGE, STATUS_NO_MEMORY. */
enum status upstream_request_compose(const struct upstream_request *request,
                                     const char *host, const char *prefix,
                                     struct buffer *out) MUST_CHECK;

#endif
