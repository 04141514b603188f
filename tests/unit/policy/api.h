/* SPDX-License-Identifier: Apache-2.0
 *
 * api.h - a small contract that tests of organisation policies share.
 *
 * create has a sender in its body, list one in its query, say one by its
 * chat; ping has neither sender nor body.
 */
#ifndef API_H
#define API_H

#define API                                                                    \
    "{\"openapi\": \"3.1.0\",\n"                                               \
    " \"x-chatgate\": {\"lookup\": \"get\", \"chat\": {\"id\": \"id\", "       \
    "\"handles\": \"handles\", \"handle\": \"handle\", \"mine\": "             \
    "\"is_me\"}},\n"                                                           \
    " \"paths\": {\n"                                                          \
    "  \"/c\": {\n"                                                            \
    "   \"post\": {\"operationId\": \"create\", \"requestBody\": "             \
    "{\"required\": true, \"content\": {\"application/json\": {\"schema\": "   \
    "{\"type\": \"object\", \"required\": [\"from\"], \"properties\": "        \
    "{\"from\": {\"type\": \"string\"}}}}}}, \"x-chatgate\": {\"sender\": "    \
    "{\"in\": \"body\", \"at\": \"/from\"}, \"learn\": \"/chat\"}},\n"         \
    "   \"get\": {\"operationId\": \"list\", \"parameters\": [{\"name\": "     \
    "\"from\", \"in\": \"query\", \"schema\": {\"type\": \"string\", "         \
    "\"format\": \"e164\"}}, {\"name\": \"limit\", \"in\": \"query\", "        \
    "\"schema\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": "        \
    "100}}], \"x-chatgate\": {\"sender\": {\"in\": \"query\", \"name\": "      \
    "\"from\"}}}},\n"                                                          \
    "  \"/c/{id}\": {\"parameters\": [{\"name\": \"id\", \"in\": \"path\", "   \
    "\"required\": true, \"schema\": {\"type\": \"string\", \"format\": "      \
    "\"uuid\"}}],\n"                                                           \
    "   \"get\": {\"operationId\": \"get\", \"x-chatgate\": {\"sender\": "     \
    "{\"in\": \"chat\", \"param\": \"id\"}, \"learn\": \"\"}},\n"              \
    "   \"post\": {\"operationId\": \"say\", \"requestBody\": {\"content\": "  \
    "{\"application/json\": {\"schema\": {\"type\": \"object\"}}}}, "          \
    "\"x-chatgate\": {\"sender\": {\"in\": \"chat\", \"param\": "              \
    "\"id\"}}}},\n"                                                            \
    "  \"/ping\": {\"get\": {\"operationId\": \"ping\"}}}}"

#endif
