/* SPDX-License-Identifier: Apache-2.0
 *
 * http/header.h - one header line.
 */
#ifndef HTTP_HEADER_H
#define HTTP_HEADER_H

#include "base/text.h"

struct http_header {
    struct text name, value; /* value without white space around it */
};

#endif
