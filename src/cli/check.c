/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/check.c - chatgate check: everything wrong with configuration and
 * policies, before a gateway is started or reloaded with them.
 *
 * All files are read as `serve` would read them and every problem is printed,
 * one a line, to standard output: the list is what was asked for. A last line
 * on standard error counts them, for people. What is only unwise is a warning
 * and changes nothing about the exit status.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "cli/cli.h"
#include "config/config.h"
#include "config/consumers.h"
#include "gateway/runtime.h"
#include "policy/policy.h"

extern char **environ;

static const char help[] =
    "Usage: chatgate check [-c FILE] [--policies DIR]\n"
    "Print every problem of the configuration and the policies.\n"
    "\n"
    "  -c, --config FILE    the configuration; without it, the defaults and\n"
    "                       the CHATGATE_ variables\n"
    "      --policies DIR   another directory of policies than configured\n"
    "      --help           this text\n"
    "\n"
    "A problem is a line \"file:line:column: message\". Exit status: 0 "
    "without\n"
    "errors (there may be warnings), 1 with errors, 2 for wrong usage.\n";

struct check_options {
    const char *config;   /* NULL: none */
    const char *policies; /* NULL: as configured */
};

/* CLI_DONE to go on; else the exit status, with *is_help for 0. */
static int parse(int argc, char **argv, struct check_options *out,
                 bool *is_help)
{
    enum { POLICIES = 256, HELP };
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"policies", required_argument, NULL, POLICIES},
        {"help", no_argument, NULL, HELP},
        {NULL, 0, NULL, 0},
    };
    int c;

    optind = 0; /* begin anew, whoever has parsed before */
    while ((c = getopt_long(argc, argv, "c:", longs, NULL)) != -1) {
        if (c == 'c')
            out->config = optarg;
        else if (c == POLICIES)
            out->policies = optarg;
        else if (c == HELP)
            *is_help = true;
        else
            return CLI_USAGE;
    }
    if (optind < argc) {
        fprintf(stderr, "chatgate check: unexpected argument \"%s\"\n",
                argv[optind]);
        return CLI_USAGE;
    }
    return CLI_DONE;
}

static enum status load_config(const struct check_options *o,
                               struct problems *problems, struct config **cfg)
{
    const struct config_override overrides[] = {
        {"policies", o->policies, "--policies"}};
    const struct config_source source = {
        .file = o->config,
        .environment = environ,
        .overrides = overrides,
        .override_count = o->policies ? ARRAY_LEN(overrides) : 0,
        .needs_upstream = o->config != NULL,
    };

    return config_load(&source, problems, cfg);
}

static bool has_senders(const struct policy_snapshot *snap)
{
    for (size_t i = 0; i < policy_operation_count(snap); i++)
        if (policy_operation_at(snap, i)->sender_in != POLICY_SENDER_NONE)
            return true;
    return false;
}

/* `cfg` NULL: it is broken, and the directory was given apart. */
static enum status check_policies(const struct config *cfg,
                                  const struct config_consumers *consumers,
                                  const struct check_options *o,
                                  struct problems *problems)
{
    struct policy_snapshot *snap = NULL;
    struct policy_load load = {
        .dir = cfg ? cfg->policies : o->policies,
        .unmatched_count = cfg ? cfg->unmatched_count : 0,
        .has_consumers = !cfg || cfg->consumers,
        .consumers = consumers,
    };
    struct policy_prefix *prefixes =
        calloc(load.unmatched_count + 1, sizeof(*prefixes));
    enum status s = STATUS_NO_MEMORY;

    for (size_t i = 0; prefixes && i < load.unmatched_count; i++)
        prefixes[i] = (struct policy_prefix){cfg->unmatched[i].method,
                                             cfg->unmatched[i].prefix};
    load.unmatched = prefixes;
    if (prefixes)
        s = policy_snapshot_load(&load, problems, &snap);
    free(prefixes);
    if (s == STATUS_OK && !load.has_consumers && has_senders(snap))
        problems_warning(problems, o->config ? o->config : "", 0, 0,
                         "\"consumers\" is null: anyone who can reach "
                         "chatgate can spend the bucket of any sender");
    policy_snapshot_unref(snap);
    return s;
}

static enum status check_all(const struct check_options *o,
                             struct problems *problems)
{
    struct config *cfg = NULL;
    struct config_consumers *consumers = NULL;
    struct http_tls *tls = NULL;
    enum status s = load_config(o, problems, &cfg), policies;

    if (!cfg && !o->policies)
        return s; /* nobody knows where they are */
    if (cfg)
        s = runtime_check_config(cfg, problems, &tls);
    http_tls_unref(tls);
    if (cfg && cfg->consumers && s != STATUS_NO_MEMORY)
        s = config_consumers_load(cfg->consumers, problems, &consumers);
    policies = check_policies(cfg, consumers, o, problems);
    config_consumers_free(consumers);
    config_free(cfg);
    return s == STATUS_OK ? policies : s;
}

int cli_check(int argc, char **argv)
{
    struct check_options options = {0};
    struct problems problems;
    bool is_help = false;
    int exit_status = parse(argc, argv, &options, &is_help);
    size_t warnings;
    enum status s;

    if (exit_status != CLI_DONE) {
        fputs("Try \"chatgate check --help\".\n", stderr);
        return exit_status;
    }
    if (is_help) {
        fputs(help, stdout);
        return CLI_DONE;
    }
    problems_init(&problems);
    s = check_all(&options, &problems);
    problems_print(&problems, stdout);
    warnings = problems.count + problems.dropped - problems.errors;
    if (s == STATUS_NO_MEMORY) {
        fputs("chatgate check: out of memory\n", stderr);
        exit_status = CLI_LOST;
    } else {
        fprintf(stderr, "%zu error%s, %zu warning%s\n", problems.errors,
                problems.errors == 1 ? "" : "s", warnings,
                warnings == 1 ? "" : "s");
        exit_status =
            s == STATUS_OK && problems.errors == 0 ? CLI_DONE : CLI_NO;
    }
    problems_release(&problems);
    return exit_status;
}
