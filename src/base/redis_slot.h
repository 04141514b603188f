/* SPDX-License-Identifier: Apache-2.0
 *
 * base/redis_slot.h - the arithmetic of Redis Cluster, and its redirections.
 *
 * Pure. A key's slot is CRC16 (XMODEM) of the key modulo 16384; of its hash
 * tag alone when it has one: what stands between the first '{' and the first
 * '}' behind that, if there is anything in between. ("{}" and "{a" are no
 * tags, "{{a}}" has the tag "{a", "{a}{b}" the tag "a".)
 *
 * A node that does not serve a slot says who does:
 *
 *   MOVED 3999 127.0.0.1:6381   from now on, and for this command
 *   ASK 3999 127.0.0.1:6381     for this command only, after ASKING
 *
 * Both mean that nothing was done. The address may be a name, an IPv6 address
 * without brackets, or unknown to the node.
 */
#ifndef BASE_REDIS_SLOT_H
#define BASE_REDIS_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define REDIS_SLOTS 16384

uint16_t redis_slot_crc16(struct text t);
uint16_t redis_slot_of(struct text key);

struct redis_redirect {
    bool is_ask; /* else MOVED */
    uint16_t slot;
    struct text host; /* into the error; empty: that of the node that said it */
    int port;
};

/* False: the error is none, or makes no sense ("MOVED 99999 ...", a host
 * that the node does not know either: "?"). */
bool redis_redirect_parse(struct text error, struct redis_redirect *out);

#endif
