/* SPDX-License-Identifier: Apache-2.0
 *
 * command.h - a subcommand run in a process of its own, with its output.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <stddef.h>

struct command {
    int status; /* exit status; -1: it ended otherwise */
    char out[32768], err[32768];
};

/* A fresh directory under TMPDIR or /tmp, and everything in it gone again. */
void command_open(void);
void command_close(void);
/* The path of a file in it (static memory, good until the next call). */
const char *command_path(const char *name);
/* ... which holds this text now. */
const char *command_write(const char *name, const char *text);

/* `argv` ends with NULL; `input` is what standard input has. */
void command_run(int (*command)(int, char **), const char *const *argv,
                 const char *input, size_t input_len, struct command *out);

#endif
