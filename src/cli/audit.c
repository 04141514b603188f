/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/audit.c - chatgate audit: records out of audit files.
 *
 * What is found goes to standard output, as lines of JSON as they stand in the
 * file, or as a table for people. The table's columns have fixed widths, since
 * it is written while the files are read; a longer value moves the rest of its
 * row. Values may have been chosen by a client, so control characters do not
 * reach the terminal.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit/reader.h"
#include "base/check.h"
#include "cli/cli.h"

static const char help[] =
    "Usage: chatgate audit [OPTION]... FILE...\n"
    "Print the records that fit all options; FILE may be \"-\" for standard\n"
    "input.\n"
    "\n"
    "      --trace-id T     the upstream's trace id, or the gateway's own\n"
    "      --request-id R   X-Request-Id\n"
    "      --from N         the sending number; in a file with masked numbers\n"
    "                       all that look alike, with hashed ones "
    "\"hmac:...\"\n"
    "      --consumer C     the internal service\n"
    "      --decision D     forwarded, rejected, limited, denied, unavailable\n"
    "                       or error\n"
    "      --since T        at T or later: 2026-01-31T12:00:00Z, 2026-01-31,\n"
    "                       or so long ago: 30m, 1h, 2d\n"
    "      --until T        before T\n"
    "      --format F       table (default) or json: the lines as they are\n"
    "      --help           this text\n"
    "\n"
    "Lines that are no records, such as a fragment that a killed process "
    "left,\n"
    "are skipped and counted on standard error. Exit status: 0 found, 1 "
    "nothing\n"
    "found, 2 wrong usage, 3 something could not be read or written.\n";

struct audit_options {
    struct audit_query query;
    bool is_json;
    bool is_help;
    char **files;
    int file_count;
};

static int usage(const char *option, const char *value, const char *wanted)
{
    fprintf(stderr, "chatgate audit: %s \"%s\" is not %s\n", option, value,
            wanted);
    return CLI_USAGE;
}

static int parse_time(const char *option, const char *value, bool *has,
                      wall_us *out)
{
    wall_us now = clock_wall(clock_system());

    if (audit_time_parse(text_of(value), now, out) != STATUS_OK)
        return usage(option, value,
                     "a time (2026-01-31T12:00:00Z, 2026-01-31, or 30m, 1h, 2d "
                     "for so long ago)");
    *has = true;
    return CLI_DONE;
}

enum {
    TRACE_ID = 256,
    REQUEST_ID,
    FROM,
    CONSUMER,
    DECISION,
    SINCE,
    UNTIL,
    FORMAT,
    HELP
};

static int take_option(int which, const char *value, struct audit_options *o)
{
    enum audit_decision decision;

    switch (which) {
    case TRACE_ID:
        o->query.trace_id = text_of(value);
        return CLI_DONE;
    case REQUEST_ID:
        o->query.request_id = text_of(value);
        return CLI_DONE;
    case FROM:
        o->query.from = text_of(value);
        return CLI_DONE;
    case CONSUMER:
        o->query.consumer = text_of(value);
        return CLI_DONE;
    case DECISION:
        if (audit_decision_parse(text_of(value), &decision) != STATUS_OK)
            return usage("--decision", value,
                         "forwarded, rejected, limited, denied, unavailable or "
                         "error");
        o->query.decision = text_of(value);
        return CLI_DONE;
    case SINCE:
        return parse_time("--since", value, &o->query.has_since,
                          &o->query.since);
    case UNTIL:
        return parse_time("--until", value, &o->query.has_until,
                          &o->query.until);
    case FORMAT:
        if (strcmp(value, "json") != 0 && strcmp(value, "table") != 0)
            return usage("--format", value, "table or json");
        o->is_json = strcmp(value, "json") == 0;
        return CLI_DONE;
    case HELP:
        o->is_help = true;
        return CLI_DONE;
    default: /* getopt has said what is wrong */
        return CLI_USAGE;
    }
}

static int parse(int argc, char **argv, struct audit_options *o)
{
    static const struct option longs[] = {
        {"trace-id", required_argument, NULL, TRACE_ID},
        {"request-id", required_argument, NULL, REQUEST_ID},
        {"from", required_argument, NULL, FROM},
        {"consumer", required_argument, NULL, CONSUMER},
        {"decision", required_argument, NULL, DECISION},
        {"since", required_argument, NULL, SINCE},
        {"until", required_argument, NULL, UNTIL},
        {"format", required_argument, NULL, FORMAT},
        {"help", no_argument, NULL, HELP},
        {NULL, 0, NULL, 0},
    };
    int c;

    optind = 0; /* begin anew, whoever has parsed before */
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        int status = take_option(c, optarg, o);

        if (status != CLI_DONE)
            return status;
    }
    o->files = argv + optind;
    o->file_count = argc - optind;
    if (o->file_count == 0 && !o->is_help) {
        fprintf(stderr, "chatgate audit: which FILE is to be read? \"-\" is "
                        "standard input\n");
        return CLI_USAGE;
    }
    return CLI_DONE;
}

/* Output. */

struct column {
    const char *title;
    int width;              /* 0: the last one */
    const char *members[2]; /* the first that is not null is shown */
};

static const struct column columns[] = {
    {"TIME", 27, {"time", NULL}},
    {"DECISION", 11, {"decision", NULL}},
    {"STATUS", 6, {"status", NULL}},
    {"OPERATION", 19, {"operation", NULL}},
    {"FROM", 16, {"from", NULL}},
    {"CONSUMER", 12, {"consumer", NULL}},
    {"TRACE ID", 36, {"trace_id", "gateway_trace_id"}},
    {"REQUEST ID", 36, {"request_id", NULL}},
    {"ERROR", 0, {"error", NULL}},
};

/* With control characters (C0, DEL, and C1 as UTF-8 writes it) as "?". Returns
 * how many columns of a terminal it takes, taking a character for one. */
static int put_safe(struct text t)
{
    int shown = 0;

    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.data[i];

        if (c == 0xc2 && i + 1 < t.len && (unsigned char)t.data[i + 1] < 0xa0) {
            i++;
            c = '?';
        } else if (c < 0x20 || c == 0x7f) {
            c = '?';
        }
        putchar(c);
        shown += (c & 0xc0) != 0x80;
    }
    return shown;
}

static void pad(const struct column *column, int shown)
{
    if (column->width == 0)
        return;
    for (; shown < column->width; shown++)
        putchar(' ');
    putchar(' ');
    putchar(' ');
}

static struct text shown_value(const struct column *column,
                               const struct json_value *record)
{
    for (size_t i = 0; i < ARRAY_LEN(column->members); i++) {
        const struct json_value *v =
            column->members[i] ? json_get(record, column->members[i]) : NULL;

        if (v && (v->type == JSON_STRING || v->type == JSON_NUMBER) &&
            v->text.len > 0)
            return v->text;
    }
    return TEXT_LIT("-");
}

struct output {
    bool is_json, has_title;
};

static void put_title(void)
{
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        pad(&columns[i], put_safe(text_of(columns[i].title)));
    putchar('\n');
}

/* False: nobody takes the output any more. */
static bool put_record(void *arg, struct text line,
                       const struct json_value *record)
{
    struct output *out = arg;

    if (out->is_json) {
        (void)fwrite(line.data, 1, line.len, stdout);
        putchar('\n');
        return !ferror(stdout);
    }
    if (!out->has_title)
        put_title();
    out->has_title = true;
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        pad(&columns[i], put_safe(shown_value(&columns[i], record)));
    putchar('\n');
    return !ferror(stdout);
}

/* Files. */

static enum status read_file(const char *name, const struct audit_options *o,
                             struct output *out, struct audit_read *read)
{
    bool is_stdin = strcmp(name, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    enum status s;

    *read = (struct audit_read){0};
    if (fd < 0)
        return STATUS_IO;
    s = audit_read(fd, &o->query, !o->is_json, put_record, out, read);
    if (!is_stdin) {
        int saved = errno;

        (void)close(fd);
        errno = saved;
    }
    return s;
}

static int search(const struct audit_options *o)
{
    struct output out = {.is_json = o->is_json};
    uint64_t found = 0;
    int status = CLI_DONE;

    for (int i = 0; i < o->file_count && !ferror(stdout); i++) {
        const char *name = o->files[i];
        struct audit_read read;
        enum status s = read_file(name, o, &out, &read);

        found += read.found;
        if (s != STATUS_OK) {
            fprintf(stderr, "chatgate audit: %s cannot be read: %s\n", name,
                    s == STATUS_IO ? strerror(errno) : "out of memory");
            status = CLI_LOST;
        }
        if (read.skipped > 0)
            fprintf(stderr,
                    "chatgate audit: %s: %" PRIu64 " line%s skipped: no "
                    "record (the first is line %" PRIu64 ")\n",
                    name, read.skipped, read.skipped == 1 ? "" : "s",
                    read.first_skipped);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr,
                "chatgate audit: standard output cannot be written: "
                "%s\n",
                strerror(errno));
        return CLI_LOST;
    }
    if (status == CLI_DONE && found == 0)
        return CLI_NO;
    return status;
}

int cli_audit(int argc, char **argv)
{
    struct audit_options o = {.is_json = false};
    int status = parse(argc, argv, &o);

    if (status != CLI_DONE) {
        fprintf(stderr, "Try \"chatgate audit --help\".\n");
        return status;
    }
    if (o.is_help) {
        (void)fputs(help, stdout);
        return CLI_DONE;
    }
    return search(&o);
}
