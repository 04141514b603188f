/* SPDX-License-Identifier: Apache-2.0
 *
 * config/address.h - addresses to listen on, networks to believe.
 *
 * Only literal addresses: a name that resolves to something else tomorrow
 * has no place in a listener or in a list of trusted proxies.
 */
#ifndef CONFIG_ADDRESS_H
#define CONFIG_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/text.h"

struct config_address {
    const char *text; /* as written: "127.0.0.1:8080", "unix:/run/cg.sock" */
    const char *path; /* of a unix socket, else NULL */
    struct sockaddr_storage socket; /* ready for bind() */
    socklen_t socket_len;
};

struct config_cidr {
    const char *text; /* as written */
    int family;       /* AF_INET, AF_INET6; AF_UNIX: every unix socket */
    uint8_t address[16];
    unsigned prefix_bits;
};

struct config_cidrs {
    const struct config_cidr *items;
    size_t count;
};

/* "A.B.C.D:PORT", "[IPv6]:PORT" or "unix:/PATH". STATUS_INVALID with *why a
 * phrase for people ("a port is missing; ..."); STATUS_NO_MEMORY. Texts go
 * into the arena. */
enum status config_address_parse(struct text t, struct arena *arena,
                                 struct config_address *out,
                                 const char **why) MUST_CHECK;
/* Nobody off this machine can reach it: 127.0.0.0/8, ::1, a unix socket. */
bool config_address_is_loopback(const struct config_address *a);

/* "A.B.C.D/N", "IPv6/N", a bare address (that one alone), or "unix:" for
 * whoever connects over a unix socket. Bits behind the prefix must be zero. */
enum status config_cidr_parse(struct text t, struct arena *arena,
                              struct config_cidr *out,
                              const char **why) MUST_CHECK;
/* An IPv4 address in IPv6 clothes (::ffff:a.b.c.d) counts as IPv4. */
bool config_cidr_contains(const struct config_cidrs *list,
                          const struct sockaddr *address);
/* The same for an address in text form (out of X-Forwarded-For, say); false
 * if it is none. */
bool config_cidr_contains_text(const struct config_cidrs *list,
                               struct text address);

#define CONFIG_IP_SIZE 46

/* The address in one element of X-Forwarded-For, in the one form that it has
 * in records and bucket keys: some proxies append the port ("192.0.2.1:4711",
 * "[2001:db8::1]:4711"), an IPv6 address can be written in many ways, and an
 * IPv4 address in IPv6 clothes counts as IPv4. False if there is none. */
bool config_ip_plain(struct text element, char to[CONFIG_IP_SIZE]) MUST_CHECK;

#endif
