/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_server.h - a real redis-server for one test, and one that misbehaves.
 *
 * Each server lives in a temporary directory of its own and listens on a unix
 * socket there, on a free TCP port if asked. It dies with the test's process.
 * Start-up and exit are waited for; any failure fails the test.
 */
#ifndef REDIS_SERVER_H
#define REDIS_SERVER_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct redis_server {
    pid_t pid;
    int port; /* 0: none */
    char dir[64];
    char path[96]; /* of the socket */
    const char *const *options;
};

/* `options`: more arguments for redis-server, up to a NULL; or NULL. */
void redis_server_start(struct redis_server *s, bool with_port,
                        const char *const *options);
/* The same; false, and nothing left behind, when it ends at once (a port was
 * taken in between). */
bool redis_server_try(struct redis_server *s, bool with_port,
                      const char *const *options);
/* A port of 127.0.0.1 that was free a moment ago. */
int redis_server_free_port(void);
/* SIGKILL, and wait. The directory goes with redis_server_remove(). */
void redis_server_kill(struct redis_server *s);
/* Once more, empty, at the same address. */
void redis_server_restart(struct redis_server *s);
void redis_server_stall(struct redis_server *s);    /* SIGSTOP */
void redis_server_continue(struct redis_server *s); /* SIGCONT */
void redis_server_remove(struct redis_server *s);   /* killed and cleaned up */

/* One command by a connection of its own; what came back up to its first
 * CRLF, bulk strings and arrays with what follows. */
void redis_server_ask(const struct redis_server *s, const char *line, char *out,
                      size_t size);
/* The same; false when no answer comes. */
bool redis_server_try_ask(const struct redis_server *s, const char *line,
                          char *out, size_t size);
/* The number that `line` is answered with. */
long redis_server_ask_number(const struct redis_server *s, const char *line);

/* A process of the test's that dies with it; 0 in the child. */
pid_t redis_server_fork(void);

/* A server that answers what it is asked with a script: the first piece of
 * bytes of a connection gets the first reply, and so on; the last one is
 * repeated. "" answers nothing; "<" closes. `us_a_byte` slows it down. */
void scripted_server_start(struct redis_server *s, const char *const *replies,
                           int64_t us_a_byte);

/* Run the loop until *flag is at least `count`; false after `seconds`. */
bool run_until(struct event_base *base, const int *flag, int count,
               double seconds);
/* Run it for a time. */
void run_for(struct event_base *base, double seconds);

#endif
