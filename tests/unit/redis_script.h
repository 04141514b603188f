/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_script.h - servers that answer by a table, over TCP.
 *
 *   struct redis_script a = {0}, b = {0};
 *   redis_script_listen(&a), redis_script_listen(&b);   their ports are known
 *   snprintf(moved, ..., "-MOVED 1 127.0.0.1:%d\r\n", b.port);
 *   const struct redis_rule rules[] = {{"GET", 0, moved}, {NULL, 0, NULL}};
 *   redis_script_serve(&a, rules);
 *
 * Each is one process that takes any number of connections. A command is
 * answered by the first rule whose words it begins with and which has not been
 * used up; PING is answered by PONG when no rule is about it, anything else by
 * an error.
 */
#ifndef REDIS_SCRIPT_H
#define REDIS_SCRIPT_H

#include <sys/types.h>

#define SCRIPT_RULES_MAX 16

struct redis_rule {
    const char *words; /* "CLUSTER SLOTS"; NULL ends the table */
    int times;         /* how often; 0: without end */
    const char *reply; /* "" answers nothing, "<" closes */
};

struct redis_script {
    pid_t pid;
    int port;
    int listener;
    int *used; /* shared: how often each rule was used, and at
                * SCRIPT_RULES_MAX how many commands matched none */
};

void redis_script_listen(struct redis_script *s);
void redis_script_serve(struct redis_script *s, const struct redis_rule *rules);
/* SIGKILL; its port refuses from then on. */
void redis_script_end(struct redis_script *s);

#endif
