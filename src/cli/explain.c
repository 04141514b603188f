/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/explain.c - chatgate explain: which policies and buckets would a request
 * meet, and how full are they?
 *
 * The running gateway is asked at its admin address, since buckets may live in
 * its process; nothing is charged.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/client.h"
#include "base/json.h"
#include "cli/cli.h"
#include "config/config.h"

#define TARGET_MAX 2048
#define ANSWER_MAX (1024 * 1024)
#define TIMEOUT_S 5

extern char **environ;

static void print_help(FILE *to)
{
    fprintf(to, "usage: chatgate explain --operation ID [--from N] "
                "[--consumer C] [--client A]\n"
                "                        [--chat ID] [--admin ADDRESS] "
                "[--format text|json] "
                "[-c FILE]\n\n"
                "Asks the gateway that runs with this configuration, at its "
                "admin address. Where that\nwants a password, put it into the "
                "environment as ADMIN_PASSWORD.\n");
}

/* Everything but RFC 3986's unreserved characters is escaped. */
static void append_parameter(struct buffer *target, const char *name,
                             const char *value, enum status *s)
{
    if (value == NULL)
        return;
    if (*s == STATUS_OK)
        *s = buffer_printf(
            target, "%c%s=", memchr(target->data, '?', target->len) ? '&' : '?',
            name);
    for (const char *c = value; *c != '\0' && *s == STATUS_OK; c++) {
        bool is_plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                        (*c >= '0' && *c <= '9') || strchr("-._~", *c);
        *s = is_plain ? buffer_append_char(target, *c)
                      : buffer_printf(target, "%%%02X", (unsigned char)*c);
    }
}

static const char *field(const struct json_value *v, const char *name)
{
    const struct json_value *f = json_get(v, name);
    if (f == NULL || f->type == JSON_NULL)
        return "-";
    if (f->type == JSON_BOOL)
        return f->boolean ? "yes" : "no";
    return f->text.data ? f->text.data : "-";
}

static void print_text(const struct json_value *root)
{
    const struct json_value *rules = json_get(root, "body_rules");
    const struct json_value *limits = json_get(root, "limits");
    printf("operation %s of %s\n\n%-24s %-8s %s\n", field(root, "operation"),
           field(root, "contract"), "BODY RULES OF", "MODE", "APPLIES");
    for (size_t i = 0; rules != NULL && i < rules->count; i++)
        printf("%-24s %-8s %s\n", field(rules->items[i], "policy"),
               field(rules->items[i], "mode"),
               field(rules->items[i], "applies"));
    printf("\n%-24s %-12s %-8s %9s %9s %5s %7s  %s\n", "LIMITS OF", "LIMIT",
           "MODE", "REMAINING", "CAPACITY", "COST", "ALLOWED", "BUCKET");
    for (size_t i = 0; limits != NULL && i < limits->count; i++) {
        const struct json_value *l = limits->items[i];
        printf("%-24s %-12s %-8s %9s %9s %5s %7s  %s\n", field(l, "policy"),
               field(l, "limit"), field(l, "mode"), field(l, "remaining"),
               field(l, "capacity"), field(l, "cost"), field(l, "allowed"),
               field(l, "bucket"));
    }
    if (limits == NULL || limits->count == 0)
        printf("(none applies with these facts)\n");
}

static int show(int http_status, const struct buffer *body, bool is_json)
{
    if (http_status != 200) {
        fprintf(stderr, "chatgate explain: %.*s", TEXT_ARG(buffer_text(body)));
        return http_status == 404   ? CLI_NO
               : http_status == 400 ? CLI_USAGE
                                    : CLI_LOST;
    }
    if (is_json) {
        printf("%.*s\n", TEXT_ARG(buffer_text(body)));
        return CLI_DONE;
    }
    struct problems problems;
    struct json_document *doc;
    problems_init(&problems);
    enum status s = json_parse(buffer_text(body), "answer", 0, &problems, &doc);
    if (s == STATUS_OK) {
        print_text(doc->root);
        json_free(doc);
    }
    problems_print(&problems, stderr);
    problems_release(&problems);
    return s == STATUS_OK ? CLI_DONE : CLI_LOST;
}

struct explain_options {
    const char *operation, *from, *consumer, *client, *chat, *file;
    struct config_override admin;
    bool has_admin, is_json;
};

static int ask(const struct explain_options *o, const struct config *config)
{
    struct buffer target, body;
    int http_status = 0;
    enum status s;
    buffer_init(&target, TARGET_MAX);
    buffer_init(&body, ANSWER_MAX);
    s = buffer_append_str(&target, "/explain");
    append_parameter(&target, "operation", o->operation, &s);
    append_parameter(&target, "from", o->from, &s);
    append_parameter(&target, "consumer", o->consumer, &s);
    append_parameter(&target, "client", o->client, &s);
    append_parameter(&target, "chat", o->chat, &s);
    struct admin_request request = {
        .address = (const struct sockaddr *)&config->admin.listen.socket,
        .address_len = config->admin.listen.socket_len,
        .target = target.data,
        .password = getenv("ADMIN_PASSWORD"),
        .timeout_s = TIMEOUT_S,
    };
    if (s == STATUS_OK)
        s = admin_get(&request, &http_status, &body);
    int result = CLI_LOST;
    if (s == STATUS_OK)
        result = show(http_status, &body, o->is_json);
    else if (s == STATUS_TOO_LARGE)
        fprintf(stderr, "chatgate explain: the arguments are too long\n");
    else
        fprintf(stderr,
                "chatgate explain: no gateway answers at %s; is it running "
                "with this configuration?\n",
                config->admin.listen.text);
    buffer_release(&target);
    buffer_release(&body);
    return result;
}

static bool parse_options(int argc, char **argv, struct explain_options *o,
                          int *exit_status)
{
    static const struct option options[] = {
        {"operation", required_argument, NULL, 'o'},
        {"from", required_argument, NULL, 'f'},
        {"consumer", required_argument, NULL, 'u'},
        {"client", required_argument, NULL, 'l'},
        {"chat", required_argument, NULL, 't'},
        {"admin", required_argument, NULL, 'a'},
        {"format", required_argument, NULL, 'm'},
        {"config", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c;
    *exit_status = CLI_USAGE;
    while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        switch (c) {
        case 'o':
            o->operation = optarg;
            break;
        case 'f':
            o->from = optarg;
            break;
        case 'u':
            o->consumer = optarg;
            break;
        case 'l':
            o->client = optarg;
            break;
        case 't':
            o->chat = optarg;
            break;
        case 'a':
            o->admin =
                (struct config_override){"admin.listen", optarg, "--admin"};
            o->has_admin = true;
            break;
        case 'c':
            o->file = optarg;
            break;
        case 'm':
            o->is_json = strcmp(optarg, "json") == 0;
            if (o->is_json || strcmp(optarg, "text") == 0)
                break;
            fprintf(stderr, "chatgate explain: --format is text or json\n");
            return false;
        case 'h':
            print_help(stdout);
            *exit_status = CLI_DONE;
            return false;
        default:
            print_help(stderr);
            return false;
        }
    }
    if (o->operation != NULL && optind == argc)
        return true;
    fprintf(stderr, "chatgate explain: say which operation, and nothing "
                    "else\n");
    print_help(stderr);
    return false;
}

int cli_explain(int argc, char **argv)
{
    struct explain_options o = {0};
    struct problems problems;
    struct config *config;
    int result;
    if (!parse_options(argc, argv, &o, &result))
        return result;
    struct config_source source = {
        .file = o.file,
        .environment = environ,
        .overrides = &o.admin,
        .override_count = o.has_admin ? 1 : 0,
    };
    problems_init(&problems);
    enum status s = config_load(&source, &problems, &config);
    problems_print(&problems, stderr);
    problems_release(&problems);
    if (s != STATUS_OK)
        return CLI_USAGE;
    result = ask(&o, config);
    config_free(config);
    return result;
}
