/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/validate.c - chatgate validate: what would the gateway say to this body?
 *
 * The bytes go through the same run as those of a request, in pieces, and are
 * never held: a body of any size takes the memory that a request would.
 * Against an operation, the policies for it are asked too; a policy for
 * certain senders counts by the from-number in the body, one for certain
 * consumers always, since nobody says here who would send it.
 *
 * With --ndjson each line is a body and gets an answer of its own, a line
 * too, so that line n of the output is about line n of the input.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/json.h"
#include "base/json_write.h"
#include "cli/cli.h"
#include "policy/policy.h"
#include "schema/run.h"

#define PIECE_BYTES 65536u
/* Of one answer: at most SCHEMA_VIOLATIONS_MAX violations. */
#define ANSWER_BYTES ((size_t)4 << 20)

static const char help[] =
    "Usage: chatgate validate --operation ID [--policies DIR] [FILE|-]\n"
    "       chatgate validate --schema FILE [FILE|-]\n"
    "Say whether a body satisfies the contract and policies of an operation,\n"
    "or a JSON Schema (draft 2020-12).\n"
    "\n"
    "      --operation ID   the operation, by its operationId\n"
    "      --policies DIR   the directory of policies (default: the variable\n"
    "                       CHATGATE_POLICIES, or \"policies\")\n"
    "      --schema FILE    a schema instead of an operation\n"
    "      --format FORMAT  text (the default) or json\n"
    "      --ndjson         every line is a body, with an answer of its own\n"
    "      --help           this text\n"
    "\n"
    "Without FILE, or with -, standard input is read. Exit status: 0 valid,\n"
    "1 not valid (one line of several is enough), 2 it could not be told.\n";

struct validate_options {
    const char *operation, *policies, *schema;
    const char *file; /* NULL: standard input */
    bool is_json, is_ndjson, is_help;
};

/* What bodies are held against. */
struct target {
    struct policy_snapshot *snap; /* or NULL with a schema */
    const struct policy_operation *operation;
    struct schema_set *set; /* of --schema */
    const struct schema_plan *plan;
    struct schema_limits limits;
};

/* One body under way. */
struct verdict {
    const struct validate_options *options;
    const struct target *target;
    struct json_writer *writer;
    struct buffer answer;
    struct schema_run *run;
    enum status status; /* of the run */
    uint64_t bytes;     /* of the body, so far */
    uint64_t line;      /* from 1, with --ndjson */
    bool any_invalid;
};

/* ---- options ---- */

static bool take_option(int c, struct validate_options *o)
{
    if (c == 'o')
        o->operation = optarg;
    else if (c == 'p')
        o->policies = optarg;
    else if (c == 's')
        o->schema = optarg;
    else if (c == 'n')
        o->is_ndjson = true;
    else if (c == 'h')
        o->is_help = true;
    else if (c == 'f' && strcmp(optarg, "json") == 0)
        o->is_json = true;
    else if (c == 'f' && strcmp(optarg, "text") == 0)
        o->is_json = false;
    else if (c == 'f')
        fprintf(stderr,
                "chatgate validate: the format is text or json, not \"%s\"\n",
                optarg);
    if (c == 'f')
        return strcmp(optarg, "json") == 0 || strcmp(optarg, "text") == 0;
    return c != '?';
}

static const char *usage_problem(int argc, const struct validate_options *o)
{
    if (o->is_help)
        return NULL;
    if (!o->operation == !o->schema)
        return "exactly one of --operation and --schema is needed";
    if (o->schema && o->policies)
        return "--policies goes with --operation";
    return argc - optind > 1 ? "at most one FILE can be given" : NULL;
}

static bool parse(int argc, char **argv, struct validate_options *o)
{
    static const struct option longs[] = {
        {"operation", required_argument, NULL, 'o'},
        {"policies", required_argument, NULL, 'p'},
        {"schema", required_argument, NULL, 's'},
        {"format", required_argument, NULL, 'f'},
        {"ndjson", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *problem;
    int c;

    optind = 0; /* begin anew, whoever has parsed before */
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
        if (!take_option(c, o))
            return false;
    problem = usage_problem(argc, o);
    if (problem) {
        fprintf(stderr, "chatgate validate: %s\n", problem);
        return false;
    }
    if (optind < argc && strcmp(argv[optind], "-") != 0)
        o->file = argv[optind];
    return true;
}

/* ---- what to hold bodies against ---- */

static bool open_operation(const struct validate_options *o,
                           struct problems *problems, struct target *t)
{
    const char *configured = getenv("CHATGATE_POLICIES");
    const struct policy_load load = {
        .dir = o->policies                 ? o->policies
               : configured && *configured ? configured
                                           : "policies",
        .has_consumers = true, /* not known here, so no reason to warn */
    };

    if (policy_snapshot_load(&load, problems, &t->snap) != STATUS_OK)
        return false;
    t->operation = policy_operation_find(t->snap, text_of(o->operation));
    if (t->operation) {
        t->plan = t->operation->plan;
        return true;
    }
    fprintf(stderr,
            "chatgate validate: there is no operation \"%s\"; there "
            "are:",
            o->operation);
    for (size_t i = 0; i < policy_operation_count(t->snap); i++)
        fprintf(stderr, " %s", policy_operation_at(t->snap, i)->id);
    fputc('\n', stderr);
    return false;
}

static bool open_schema(const char *file, struct problems *problems,
                        struct target *t)
{
    struct json_document *doc = NULL;
    struct schema_source source = {.dialect = SCHEMA_JSON};
    struct schema_use use = {0};
    enum status s = json_load(file, 0, problems, &doc);

    if (s != STATUS_OK)
        return false;
    t->set = schema_set_new();
    source.doc = doc;
    source.root = doc->root;
    s = t->set
            ? schema_compile(t->set, &source, doc->root, problems, &use.schema)
            : STATUS_NO_MEMORY;
    json_free(doc);
    if (s == STATUS_OK)
        t->plan = schema_plan_new(t->set, &use, 1, NULL, 0);
    return t->plan != NULL;
}

static bool open_target(const struct validate_options *o, struct target *t)
{
    struct problems problems;
    bool fine;

    schema_limits_default(&t->limits);
    problems_init(&problems);
    fine = o->schema ? open_schema(o->schema, &problems, t)
                     : open_operation(o, &problems, t);
    if (!fine && problems.count == 0 && !t->snap)
        fputs("chatgate validate: out of memory\n", stderr);
    if (!fine)
        problems_print(&problems, stderr);
    problems_release(&problems);
    return fine;
}

static void close_target(struct target *t)
{
    policy_snapshot_unref(t->snap);
    schema_set_free(t->set);
}

/* ---- one body ---- */

static bool begin(struct verdict *v)
{
    v->run = schema_run_new(v->target->plan, &v->target->limits);
    v->status = STATUS_OK;
    v->bytes = 0;
    v->line++;
    return v->run != NULL;
}

static void feed(struct verdict *v, const char *data, size_t len)
{
    v->bytes += len;
    if (v->status == STATUS_OK)
        v->status = schema_run_feed(v->run, data, len);
}

/* Who sends, by the body itself; absent when it does not say. */
static struct policy_facts facts_of(const struct verdict *v)
{
    const struct policy_operation *op = v->target->operation;
    struct policy_facts facts = {.any_consumer = true};

    if (op && v->status == STATUS_OK && op->sender_tap != POLICY_TAP_NONE &&
        !schema_run_tap_text(v->run, (size_t)op->sender_tap, &facts.sender))
        facts.sender = text_of(NULL);
    return facts;
}

/* One that counts, with whose it is. */
struct found {
    const struct schema_violation *violation;
    const char *policy; /* NULL: the schema's */
    bool is_shadow;
};

static bool judge(const struct verdict *v, const struct policy_facts *facts,
                  const struct schema_violation *violation, struct found *out)
{
    const struct policy_operation *op = v->target->operation;
    const struct policy_use *use;

    *out = (struct found){violation, op ? op->contract->name : NULL, false};
    if (!op || violation->use == SCHEMA_USE_JSON)
        return true;
    use = &op->uses[violation->use];
    out->policy = use->policy;
    out->is_shadow = use->is_shadow;
    return policy_use_counts(use, facts);
}

static void write_json(struct json_writer *w, const struct found *f)
{
    json_open_object(w);
    json_key(w, "pointer");
    json_str(w, f->violation->pointer);
    json_key(w, "rule");
    json_str(w, f->violation->rule);
    json_key(w, "message");
    json_str(w, f->violation->message);
    json_key(w, "policy");
    json_str(w, f->policy);
    json_key(w, "mode");
    json_str(w, f->is_shadow ? "shadow" : "enforce");
    json_close_object(w);
}

static enum status write_text(struct verdict *v, const struct found *f)
{
    const struct schema_violation *violation = f->violation;
    enum status s = STATUS_OK;

    if (v->options->is_ndjson)
        s = buffer_printf(&v->answer, "%llu: ", (unsigned long long)v->line);
    if (s == STATUS_OK)
        s = buffer_printf(&v->answer, "%s%s%s [%s%s%s%s]\n", violation->pointer,
                          violation->pointer[0] != '\0' ? ": " : "",
                          violation->message, violation->rule,
                          f->policy ? ", " : "", f->policy ? f->policy : "",
                          f->is_shadow ? ", shadow" : "");
    return s;
}

static enum status write_one(struct verdict *v, const struct found *f)
{
    if (!v->options->is_json)
        return write_text(v, f);
    write_json(v->writer, f);
    return STATUS_OK;
}

/* The violations that count, as the gateway tells them: enforced ones first,
 * at most SCHEMA_VIOLATIONS_MAX in all. `valid` is set by the enforced ones. */
static enum status write_all(struct verdict *v, bool *valid, bool is_dry)
{
    const struct schema_violation *list = NULL;
    size_t count = schema_run_violations(v->run, &list), told = 0;
    struct policy_facts facts = facts_of(v);
    enum status s = STATUS_OK;

    for (int shadow = 0; shadow <= 1; shadow++)
        for (size_t i = 0; i < count && s == STATUS_OK; i++) {
            struct found f;

            if (!judge(v, &facts, &list[i], &f) || f.is_shadow != shadow)
                continue;
            *valid = *valid && f.is_shadow;
            if (!is_dry && told++ < SCHEMA_VIOLATIONS_MAX)
                s = write_one(v, &f);
        }
    return s;
}

static enum status write_answer(struct verdict *v, bool valid)
{
    struct json_writer *w = v->writer;
    bool ignored = true;
    enum status s;

    buffer_clear(&v->answer);
    if (!v->options->is_json) {
        s = write_all(v, &ignored, false);
        if (s == STATUS_OK && valid && v->options->is_ndjson)
            s = buffer_printf(&v->answer, "%llu: valid\n",
                              (unsigned long long)v->line);
        else if (s == STATUS_OK && valid)
            s = buffer_append_str(&v->answer, "valid\n");
        return s;
    }
    json_writer_begin(w, &v->answer);
    json_open_object(w);
    json_key(w, "valid");
    json_bool(w, valid);
    json_key(w, "violations");
    json_open_array(w);
    if (write_all(v, &ignored, false) != STATUS_OK)
        return STATUS_NO_MEMORY;
    json_close_array(w);
    json_close_object(w);
    s = json_writer_end(w);
    return s == STATUS_OK ? buffer_append_char(&v->answer, '\n') : s;
}

/* Nothing at all is a body only where one is required. */
static bool may_be_empty(const struct verdict *v)
{
    const struct policy_operation *op = v->target->operation;

    return op && op->body != POLICY_BODY_REQUIRED;
}

static bool finish(struct verdict *v)
{
    bool valid = true;
    enum status s;

    if (v->status == STATUS_OK && !(v->bytes == 0 && may_be_empty(v)))
        v->status = schema_run_finish(v->run);
    s = v->status == STATUS_NO_MEMORY ? v->status : STATUS_OK;
    if (s == STATUS_OK)
        s = write_all(v, &valid, true);
    if (s == STATUS_OK)
        s = write_answer(v, valid);
    if (s == STATUS_OK &&
        fwrite(v->answer.data, 1, v->answer.len, stdout) != v->answer.len)
        s = STATUS_IO;
    v->any_invalid = v->any_invalid || !valid;
    schema_run_free(v->run);
    v->run = NULL;
    if (s != STATUS_OK)
        fprintf(stderr, "chatgate validate: %s\n",
                s == STATUS_IO ? "the answer cannot be written"
                               : "out of memory");
    return s == STATUS_OK;
}

/* ---- the input ---- */

/* A piece of one body, or of several lines. */
static bool take_piece(struct verdict *v, const char *data, size_t len)
{
    const char *end;

    if (!v->options->is_ndjson) {
        feed(v, data, len);
        return true;
    }
    while (len > 0) {
        size_t part;

        if (!v->run && !begin(v))
            return false;
        end = memchr(data, '\n', len);
        part = end ? (size_t)(end - data) : len;
        feed(v, data, part);
        if (!end)
            return true;
        if (!finish(v))
            return false;
        data += part + 1;
        len -= part + 1;
    }
    return true;
}

static bool read_input(struct verdict *v, int fd, const char *name)
{
    static char piece[PIECE_BYTES];

    for (;;) {
        ssize_t n = read(fd, piece, sizeof(piece));

        if (n == 0)
            return true;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            fprintf(stderr, "chatgate validate: %s: %s\n", name,
                    strerror(errno));
            return false;
        }
        if (!take_piece(v, piece, (size_t)n))
            return false;
    }
}

static int validate(struct verdict *v)
{
    const char *name = v->options->file ? v->options->file : "standard input";
    int fd = STDIN_FILENO;
    bool fine = true;

    if (v->options->file)
        fd = open(v->options->file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "chatgate validate: %s: %s\n", name, strerror(errno));
        return CLI_USAGE;
    }
    if (!v->options->is_ndjson)
        fine = begin(v);
    fine = fine && read_input(v, fd, name);
    if (fd != STDIN_FILENO)
        close(fd);
    if (fine && v->run) /* of --ndjson: a last line without its end */
        fine = finish(v);
    schema_run_free(v->run);
    if (fine && fflush(stdout) != 0) {
        fputs("chatgate validate: the answer cannot be written\n", stderr);
        fine = false;
    }
    if (!fine)
        return CLI_USAGE;
    return v->any_invalid ? CLI_NO : CLI_DONE;
}

int cli_validate(int argc, char **argv)
{
    struct validate_options options = {0};
    struct target target = {0};
    struct verdict v = {.options = &options, .target = &target};
    int exit_status = CLI_USAGE;

    if (!parse(argc, argv, &options)) {
        fputs("Try \"chatgate validate --help\".\n", stderr);
        return CLI_USAGE;
    }
    if (options.is_help) {
        fputs(help, stdout);
        return CLI_DONE;
    }
    buffer_init(&v.answer, ANSWER_BYTES);
    v.writer = json_writer_new();
    if (!v.writer)
        fputs("chatgate validate: out of memory\n", stderr);
    else if (open_target(&options, &target))
        exit_status = validate(&v);
    json_writer_free(v.writer);
    buffer_release(&v.answer);
    close_target(&target);
    return exit_status;
}
