/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c - the table of subcommands.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

#include "base/check.h"
#include "cli/cli.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"serve", cli_serve, "run the gateway"},
    {"check", cli_check, "find every problem of configuration and policies"},
    {"validate", cli_validate, "hold a body to a contract or a schema"},
    {"audit", cli_audit, "find records"},
    {"explain", cli_explain, "which policies and buckets a request meets"},
};

static void print_help(FILE *to)
{
    fprintf(to, "usage: chatgate COMMAND [OPTION...]\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
    fprintf(to, "\n  --version  print the version\n"
                "  --help     print this text\n\n"
                "chatgate COMMAND --help tells more of a command.\n");
}

/* A parent may have closed 0, 1 or 2. The next descriptor opened would take
 * that number, and what is printed would go into a client's connection or the
 * audit file. */
static bool keep_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) != fd)
            return false;
    return true;
}

int main(int argc, char **argv)
{
    if (!keep_standard_descriptors())
        return CLI_LOST;
    const char *name = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (strcmp(name, "--version") == 0) {
        printf("chatgate %s\n", PACKAGE_VERSION);
        return CLI_DONE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_help(stdout);
        return CLI_DONE;
    }
    if (argc > 1)
        fprintf(stderr, "chatgate: unknown command \"%s\"\n", name);
    print_help(stderr);
    return CLI_USAGE;
}
