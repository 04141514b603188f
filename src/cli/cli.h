/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli.h - the subcommands, one file each.
 *
 * Each gets its own arguments, argv[0] being its name, and returns the exit
 * status: 0 done; 1 the answer is no; 2 usage or configuration; 3 could not
 * start or lost something it needs.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

int cli_serve(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_validate(int argc, char **argv);
int cli_audit(int argc, char **argv);
int cli_explain(int argc, char **argv);

#define CLI_DONE 0
#define CLI_NO 1
#define CLI_USAGE 2
#define CLI_LOST 3

#endif
