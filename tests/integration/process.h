/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/process.h - a program started by a test, and surely stopped.
 *
 * Its output goes to a file, which is how it is listened to. It is killed by
 * the kernel when the test dies, however it dies. Deadlines are generous and
 * can be stretched: TEST_SLOW=10 multiplies them (valgrind).
 */
#ifndef INTEGRATION_PROCESS_H
#define INTEGRATION_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
    pid_t pid; /* 0: none */
    const char *name;
    char log[4096]; /* standard output and error; appended by restarts */
    long log_begin; /* where this run's part of it begins */
    int handed_fd;  /* LISTEN_FDS, as a service manager would; 0: none */
};

#define PROCESS_DEADLINE_MS 20000

/* `ms` as this run's machine needs it. */
int64_t process_stretch(int64_t ms);
/* Milliseconds on a clock that never goes backwards. */
int64_t process_now_ms(void);
/* A moment between two looks at a condition. */
void process_nap(void);

/* Fails the test when it cannot be started. `env`: "NAME=value" lines put in
 * besides those of the test, NULL-terminated, or NULL; variables of the
 * test's own environment that begin with CHATGATE_ are left out. */
void process_start(struct process *p, const char *name, const char *log,
                   const char *const *argv, const char *const *env);
/* Still running? */
bool process_is_alive(struct process *p);
/* Wait until it has printed `needle`; what stands behind it in that line goes
 * to `rest` (may be NULL). False: it ended, or the deadline passed. */
bool process_wait_for(struct process *p, const char *needle, char *rest,
                      size_t size);
/* What it printed in this run, to free(). */
char *process_output(const struct process *p);
/* Wait for it to end by itself: its exit status, 128 + the signal that ended
 * it, or -1 when the deadline passed (it is killed then). */
int process_wait(struct process *p);
/* Send a signal, then wait as above. */
int process_stop(struct process *p, int signal);
/* SIGKILL, whatever comes of it; nothing when it does not run. */
void process_kill(struct process *p);
/* The last lines of its output, to standard error. */
void process_show(const struct process *p);

/* A port of 127.0.0.1 that was free a moment ago. */
int process_free_port(void);

#endif
