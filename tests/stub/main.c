/* SPDX-License-Identifier: Apache-2.0
 *
 * stub/main.c - the stub upstream: a chat API to test a gateway against.
 *
 *   stub [--listen 127.0.0.1:0] [--port-file FILE] [--deliveries FILE]
 *
 * Prints "stub.bound address=ADDRESS:PORT" on standard output when it listens
 * (and writes the port alone to FILE, complete at once), then serves until
 * SIGTERM or SIGINT. What it can do: stub/api.h, stub/fault.h.
 */
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stub/server.h"

static const char usage[] =
    "usage: stub [--listen ADDRESS:PORT] [--port-file FILE] "
    "[--deliveries FILE]\n"
    "A stand-in for the chat API, for tests. Port 0 (the default, on\n"
    "127.0.0.1) is any free one; standard output says which.\n";

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "stub: %s: %s\n", what, why);
    return 3;
}

/* Under another name first: whoever waits for the file reads all of it. */
static int write_port(const char *file, int port)
{
    char temporary[4096];
    FILE *f;
    int n;

    if (snprintf(temporary, sizeof temporary, "%s.new", file) >=
        (int)sizeof temporary)
        return fail(file, "the name is too long");
    f = fopen(temporary, "w");
    if (!f)
        return fail(temporary, strerror(errno));
    n = fprintf(f, "%d\n", port);
    if (fclose(f) != 0 || n < 0 || rename(temporary, file) != 0)
        return fail(file, strerror(errno));
    return 0;
}

static int announce(int fd, const char *port_file)
{
    struct sockaddr_storage bound;
    socklen_t length = sizeof bound;
    char text[64];
    int port;

    if (getsockname(fd, (struct sockaddr *)&bound, &length) != 0)
        return fail("getsockname", strerror(errno));
    if (bound.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)&bound;

        evutil_inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
        port = ntohs(in6->sin6_port);
        printf("stub.bound address=[%s]:%d\n", text, port);
    } else {
        const struct sockaddr_in *in = (const void *)&bound;

        evutil_inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
        port = ntohs(in->sin_port);
        printf("stub.bound address=%s:%d\n", text, port);
    }
    fflush(stdout);
    return port_file ? write_port(port_file, port) : 0;
}

/* "127.0.0.1:0" or "[::1]:0"; false unless it is one. */
static bool parse_address(const char *text, struct sockaddr_storage *out,
                          int *length)
{
    const struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
        .ai_socktype = SOCK_STREAM,
    };
    const char *colon = strrchr(text, ':');
    struct addrinfo *found;
    size_t len = colon ? (size_t)(colon - text) : 0;
    char host[64];

    if (len == 0 || len >= sizeof host)
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    if (host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        memmove(host, host + 1, len - 1);
    }
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        return false;
    memcpy(out, found->ai_addr, found->ai_addrlen);
    *length = (int)found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static void on_signal(evutil_socket_t signal, short what, void *arg)
{
    (void)signal;
    (void)what;
    event_base_loopbreak(arg);
}

static int serve(struct event_base *base, const char *listen,
                 const char *port_file, int deliveries)
{
    struct sockaddr_storage address;
    int length, exit_status;
    struct event *term = evsignal_new(base, SIGTERM, on_signal, base);
    struct event *intr = evsignal_new(base, SIGINT, on_signal, base);
    struct stub_server *server = NULL;
    struct stub_api api;

    if (stub_api_init(&api) != STATUS_OK || !term || !intr)
        exit_status = fail("start", "out of memory");
    else if (!parse_address(listen, &address, &length))
        exit_status = fail(listen, "not an address, as in 127.0.0.1:8090");
    else if (stub_server_new(base, &api, (struct sockaddr *)&address, length,
                             &server) != STATUS_OK)
        exit_status = fail(listen, strerror(errno));
    else
        exit_status = announce(stub_server_fd(server), port_file);
    if (exit_status == 0) {
        stub_journal_write_to(api.journal, deliveries);
        evsignal_add(term, NULL);
        evsignal_add(intr, NULL);
        event_base_dispatch(base);
    }
    stub_server_free(server);
    stub_api_release(&api);
    if (term)
        event_free(term);
    if (intr)
        event_free(intr);
    return exit_status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"listen", required_argument, NULL, 'l'},
        {"port-file", required_argument, NULL, 'p'},
        {"deliveries", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *listen = "127.0.0.1:0", *port_file = NULL;
    struct event_base *base;
    int option, exit_status, deliveries = -1;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'l') {
            listen = optarg;
        } else if (option == 'p') {
            port_file = optarg;
        } else if (option == 'd') {
            deliveries =
                open(optarg, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
            if (deliveries < 0)
                return fail(optarg, strerror(errno));
        } else {
            fputs(usage, option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
    }
    if (optind != argc) {
        fputs(usage, stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    base = event_base_new();
    if (!base)
        return fail("start", "no event loop");
    exit_status = serve(base, listen, port_file, deliveries);
    event_base_free(base);
    return exit_status;
}
