/* SPDX-License-Identifier: Apache-2.0
 *
 * config/address.c - addresses and networks, from text and compared.
 *
 * inet_pton() does the reading: it takes the plain forms only (no octal, no
 * hexadecimal, no "127.1"), where getaddrinfo() would take those and ask the
 * resolver for the rest.
 */
#include "config/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/un.h>

#include "base/check.h"

static enum status fail(const char **why, const char *reason)
{
    *why = reason;
    return STATUS_INVALID;
}

/* `t` as a literal address; the family, or 0. `bytes` has room for 16. */
static int parse_ip(struct text t, uint8_t *bytes)
{
    char copy[INET6_ADDRSTRLEN];

    if (t.len == 0 || t.len >= sizeof(copy) || memchr(t.data, '\0', t.len))
        return 0;
    memcpy(copy, t.data, t.len);
    copy[t.len] = '\0';
    if (inet_pton(AF_INET, copy, bytes) == 1)
        return AF_INET;
    if (inet_pton(AF_INET6, copy, bytes) == 1)
        return AF_INET6;
    return 0;
}

static enum status parse_unix(struct text t, struct text path,
                              struct arena *arena, struct config_address *out,
                              const char **why)
{
    struct config_address a = {0};
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    if (path.len == 0 || path.data[0] != '/')
        return fail(why, "the path behind unix: must begin with '/'");
    if (path.len >= sizeof(un.sun_path))
        return fail(why, "the path of a unix socket has at most 107 bytes");
    if (memchr(path.data, '\0', path.len))
        return fail(why, "the path holds a NUL");
    memcpy(un.sun_path, path.data, path.len);
    memcpy(&a.socket, &un, sizeof(un));
    a.socket_len =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
    a.text = arena_strdup(arena, t);
    a.path = arena_strdup(arena, path);
    if (!a.text || !a.path)
        return STATUS_NO_MEMORY;
    *out = a;
    return STATUS_OK;
}

/* "HOST:PORT" or "[HOST]:PORT", taken apart. */
static enum status split_port(struct text t, struct text *host, bool *bracketed,
                              uint16_t *port, const char **why)
{
    const char *colon = NULL;
    uint64_t n;

    for (size_t i = 0; i < t.len; i++)
        if (t.data[i] == ':')
            colon = t.data + i;
    *bracketed = t.len > 0 && t.data[0] == '[';
    if (!colon || (*bracketed && colon[-1] != ']'))
        return fail(why, "a port is missing; write 127.0.0.1:8080, "
                         "[::1]:8080 or unix:/path");
    *host = text_make(t.data, (size_t)(colon - t.data));
    if (*bracketed)
        *host = text_make(host->data + 1, host->len - 2);
    if (text_to_u64(
            text_make(colon + 1, t.len - host->len - (*bracketed ? 3 : 1)),
            65535, &n) != STATUS_OK)
        return fail(why, "the port must be a number from 0 to 65535");
    *port = (uint16_t)n;
    return STATUS_OK;
}

enum status config_address_parse(struct text t, struct arena *arena,
                                 struct config_address *out, const char **why)
{
    struct config_address a = {0};
    struct sockaddr_in in4 = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    uint8_t bytes[16];
    struct text host;
    bool bracketed;
    uint16_t port;
    enum status s;
    int family;

    if (text_starts_with(t, TEXT_LIT("unix:")))
        return parse_unix(t, text_make(t.data + 5, t.len - 5), arena, out, why);
    s = split_port(t, &host, &bracketed, &port, why);
    if (s != STATUS_OK)
        return s;
    family = parse_ip(host, bytes);
    if (family == AF_INET6 && !bracketed)
        return fail(why, "an IPv6 address stands in brackets, as in "
                         "[::1]:8080");
    if (family == 0 || (family == AF_INET && bracketed))
        return fail(why, "not a literal address; write 127.0.0.1:8080, "
                         "[::1]:8080 or unix:/path (0.0.0.0 and [::] stand "
                         "for all addresses)");
    if (family == AF_INET) {
        memcpy(&in4.sin_addr, bytes, 4);
        in4.sin_port = htons(port);
        memcpy(&a.socket, &in4, sizeof(in4));
        a.socket_len = sizeof(in4);
    } else {
        memcpy(&in6.sin6_addr, bytes, 16);
        in6.sin6_port = htons(port);
        memcpy(&a.socket, &in6, sizeof(in6));
        a.socket_len = sizeof(in6);
    }
    a.text = arena_strdup(arena, t);
    if (!a.text)
        return STATUS_NO_MEMORY;
    *out = a;
    return STATUS_OK;
}

bool config_address_is_loopback(const struct config_address *a)
{
    static const uint8_t v6[16] = {[15] = 1};
    static const uint8_t mapped[13] = {[10] = 0xff, [11] = 0xff, [12] = 127};
    struct sockaddr_in6 in6;
    struct sockaddr_in in4;

    switch (a->socket.ss_family) {
    case AF_UNIX:
        return true;
    case AF_INET:
        memcpy(&in4, &a->socket, sizeof(in4));
        return ntohl(in4.sin_addr.s_addr) >> 24 == 127;
    case AF_INET6:
        memcpy(&in6, &a->socket, sizeof(in6));
        return memcmp(&in6.sin6_addr, v6, 16) == 0 ||
               memcmp(&in6.sin6_addr, mapped, sizeof(mapped)) == 0;
    default:
        return false;
    }
}

/* Networks. */

static bool bit(const uint8_t *bytes, unsigned i)
{
    return (bytes[i / 8] >> (7 - i % 8) & 1) != 0;
}

enum status config_cidr_parse(struct text t, struct arena *arena,
                              struct config_cidr *out, const char **why)
{
    struct config_cidr c = {0};
    struct text host, rest = text_cut(t, '/', &host);
    unsigned bits;
    uint64_t n;

    if (text_is(t, "unix:")) {
        c.family = AF_UNIX;
    } else {
        c.family = parse_ip(host, c.address);
        if (c.family == 0)
            return fail(why, "not a network; write 10.0.0.0/8, 2001:db8::/32, "
                             "a literal address, or unix: for unix sockets");
        bits = c.family == AF_INET ? 32 : 128;
        n = bits;
        if (!text_is_absent(rest) && text_to_u64(rest, bits, &n) != STATUS_OK)
            return fail(why, c.family == AF_INET
                                 ? "the prefix must be a number from 0 to 32"
                                 : "the prefix must be a number from 0 to 128");
        c.prefix_bits = (unsigned)n;
        for (unsigned i = c.prefix_bits; i < bits; i++)
            if (bit(c.address, i))
                return fail(why, "the address has bits set behind its prefix; "
                                 "write 10.0.0.0/8, not 10.1.2.3/8");
    }
    c.text = arena_strdup(arena, t);
    if (!c.text)
        return STATUS_NO_MEMORY;
    *out = c;
    return STATUS_OK;
}

static bool matches(const struct config_cidr *c, int family,
                    const uint8_t *bytes)
{
    unsigned whole = c->prefix_bits / 8;

    if (c->family != family)
        return false;
    if (family == AF_UNIX)
        return true;
    if (memcmp(c->address, bytes, whole) != 0)
        return false;
    for (unsigned i = whole * 8; i < c->prefix_bits; i++)
        if (bit(c->address, i) != bit(bytes, i))
            return false;
    return true;
}

static bool contains(const struct config_cidrs *list, int family,
                     const uint8_t *bytes)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (family == AF_INET6 && memcmp(bytes, mapped, sizeof(mapped)) == 0) {
        family = AF_INET;
        bytes += sizeof(mapped);
    }
    for (size_t i = 0; i < list->count; i++)
        if (matches(&list->items[i], family, bytes))
            return true;
    return false;
}

bool config_cidr_contains(const struct config_cidrs *list,
                          const struct sockaddr *address)
{
    struct sockaddr_in6 in6;
    struct sockaddr_in in4;

    switch (address->sa_family) {
    case AF_UNIX:
        return contains(list, AF_UNIX, (const uint8_t *)"");
    case AF_INET:
        memcpy(&in4, address, sizeof(in4));
        return contains(list, AF_INET, (const uint8_t *)&in4.sin_addr);
    case AF_INET6:
        memcpy(&in6, address, sizeof(in6));
        return contains(list, AF_INET6, in6.sin6_addr.s6_addr);
    default:
        return false;
    }
}

bool config_cidr_contains_text(const struct config_cidrs *list,
                               struct text address)
{
    uint8_t bytes[16];
    int family = parse_ip(address, bytes);

    return family != 0 && contains(list, family, bytes);
}

/* Without its port, if it has one, and without brackets. */
static struct text host_of(struct text element)
{
    struct text host;
    uint16_t port;
    bool bracketed;
    const char *why;
    size_t colons = 0;

    for (size_t i = 0; i < element.len; i++)
        colons += element.data[i] == ':';
    bracketed = element.len > 0 && element.data[0] == '[';
    if (bracketed && element.data[element.len - 1] == ']')
        return text_make(element.data + 1, element.len - 2);
    if (!bracketed && colons != 1)
        return element;
    if (split_port(element, &host, &bracketed, &port, &why) != STATUS_OK)
        return (struct text){NULL, 0};
    return host;
}

bool config_ip_plain(struct text element, char to[CONFIG_IP_SIZE])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct text host = host_of(element);
    uint8_t bytes[16];
    int family = parse_ip(host, bytes);
    const uint8_t *from = bytes;

    _Static_assert(CONFIG_IP_SIZE >= INET6_ADDRSTRLEN, "room for any address");
    if (family == 0 || (family == AF_INET && element.data[0] == '['))
        return false;
    if (family == AF_INET6 && memcmp(bytes, mapped, sizeof(mapped)) == 0) {
        family = AF_INET;
        from += sizeof(mapped);
    }
    return inet_ntop(family, from, to, CONFIG_IP_SIZE) != NULL;
}
