/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/serve.c - chatgate serve: run the gateway.
 */
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "cli/cli.h"
#include "gateway/server.h"

extern char **environ;

/* An option that sets a key of the configuration. */
struct serve_option {
    const char *option, *key, *argument, *help;
};

static const struct serve_option serve_options[] = {
    {"listen", "listen", "ADDRESS", "where clients connect, 127.0.0.1:8080"},
    {"upstream", "upstream.url", "URL", "base URL of the chat API"},
    {"redis", "redis.url", "URL|none", "where the buckets live"},
    {"policies", "policies", "DIR", "contracts and policies"},
    {"audit", "audit.file", "FILE", "where records go"},
    {"admin", "admin.listen", "ADDRESS", "health and metrics"},
    {"workers", "workers", "N", "event loops, one a core"},
    {"log-level", "log_level", "LEVEL", "debug, info, warning or error"},
};

static void print_help(FILE *to)
{
    fprintf(to, "usage: chatgate serve [-c FILE] [OPTION...]\n\n"
                "  -c, --config FILE         the configuration\n");
    for (size_t i = 0; i < ARRAY_LEN(serve_options); i++) {
        char left[64];
        snprintf(left, sizeof(left), "--%s %s", serve_options[i].option,
                 serve_options[i].argument);
        fprintf(to, "      %-22s%s\n", left, serve_options[i].help);
    }
    fprintf(to,
            "  -h, --help                this text\n\n"
            "Every key of the configuration can also be set by "
            "CHATGATE_<SECTION>_<KEY> in\nthe environment. Signals: SIGHUP "
            "reloads, SIGUSR1 opens the audit file again,\nSIGTERM drains.\n");
}

int cli_serve(int argc, char **argv)
{
    enum { OPTION_COUNT = ARRAY_LEN(serve_options) };
    struct option options[OPTION_COUNT + 3] = {0};
    struct config_override overrides[OPTION_COUNT];
    char names[OPTION_COUNT][32];
    struct config_source source = {
        .environment = environ,
        .overrides = overrides,
        .needs_upstream = true,
    };
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        snprintf(names[i], sizeof(names[i]), "--%s", serve_options[i].option);
        options[i] = (struct option){serve_options[i].option, required_argument,
                                     NULL, 256 + (int)i};
    }
    options[OPTION_COUNT] =
        (struct option){"config", required_argument, NULL, 'c'};
    options[OPTION_COUNT + 1] = (struct option){"help", no_argument, NULL, 'h'};
    int c;
    while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        if (c == 'c') {
            source.file = optarg;
        } else if (c == 'h') {
            print_help(stdout);
            return CLI_DONE;
        } else if (c >= 256) {
            /* The last one of a name wins; earlier ones are checked too. */
            if (source.override_count == OPTION_COUNT) {
                fprintf(stderr, "chatgate serve: an option is given twice\n");
                return CLI_USAGE;
            }
            overrides[source.override_count++] = (struct config_override){
                serve_options[c - 256].key, optarg, names[c - 256]};
        } else {
            print_help(stderr);
            return CLI_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "chatgate serve: unexpected argument \"%s\"\n",
                argv[optind]);
        print_help(stderr);
        return CLI_USAGE;
    }
    return server_run(&source);
}
