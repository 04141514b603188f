/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/faults.c - an upstream that cannot be reached, in every way:
 * the client is told in the envelope, the record says which it was, and
 * nothing was sent, so nothing is paid. (What an upstream does once it is
 * reached: forward.c.)
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "integration/expect.h"

#define FROM "+14155550100"
#define ONE                                                                    \
    "{\"name\":\"test\",\"limits\":[{\"name\":\"burst\",\"per\":[\"sender\"]," \
    "\"capacity\":1,\"refill\":\"0/s\"}]}"

static struct rig rig;

/* At `url`; NULL: at the stub, by TLS. */
static void start_at(const char *url)
{
    static char variable[256];
    static const char *env[] = {variable, NULL};

    rig_prepare(&rig, &(struct rig_options){
                          .redis = RIG_NO_REDIS,
                          .policy = ONE,
                          .env = env,
                          .upstream_config = "\"connect_timeout\": \"500ms\", "
                                             "\"answer_timeout\": \"20s\"",
                      });
    if (url)
        snprintf(variable, sizeof variable, "CHATGATE_UPSTREAM_URL=%s", url);
    else
        snprintf(variable, sizeof variable,
                 "CHATGATE_UPSTREAM_URL=https://127.0.0.1:%d", rig.stub_port);
    rig_gateway_start(&rig);
}

/* Twice: what the first was charged was given back. */
static void expect_unreachable(void)
{
    const struct json_value *line;
    struct rig_audit lines;
    struct wire_answer a;

    for (int i = 0; i < 2; i++) {
        expect_create(&rig, FROM, NULL, &a);
        expect_refusal(&a, 503, 4004, NULL, NULL);
        ck_assert_ptr_nonnull(wire_answer_header(&a, "retry-after"));
        ck_assert_ptr_null(wire_answer_header(&a, "x-should-retry"));
        line = expect_line(&rig, &lines, &a);
        expect_member(line, "decision", "unavailable");
        expect_member(line, "error", "upstream.connect");
        expect_member(line, "delivery", "none");
        expect_member(line, "from", FROM);
        ck_assert_int_eq(json_get(line, "upstream_status")->type, JSON_NULL);
        rig_audit_release(&lines);
        wire_answer_release(&a);
    }
}

/* RFC 6761: ".invalid" never exists. */
START_TEST(a_name_that_is_gone)
{
    start_at("http://api.gone.invalid:8443");
    expect_unreachable();
    rig_stop(&rig);
}
END_TEST

START_TEST(a_port_that_is_closed)
{
    char url[64];

    snprintf(url, sizeof url, "http://127.0.0.1:%d", process_free_port());
    start_at(url);
    expect_unreachable();
    rig_stop(&rig);
}
END_TEST

/* Its queue is full and nobody accepts: the handshake is never answered. */
START_TEST(a_host_that_does_not_answer)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    socklen_t len = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), full[4];
    char url[64];

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert(fd >= 0 && bind(fd, (struct sockaddr *)&in, sizeof in) == 0 &&
              listen(fd, 0) == 0 &&
              getsockname(fd, (struct sockaddr *)&in, &len) == 0);
    for (size_t i = 0; i < ARRAY_LEN(full); i++) {
        full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(full[i], (struct sockaddr *)&in, sizeof in);
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%d", ntohs(in.sin_port));
    start_at(url);
    expect_unreachable();
    for (size_t i = 0; i < ARRAY_LEN(full); i++)
        close(full[i]);
    close(fd);
    rig_stop(&rig);
}
END_TEST

/* TLS is wanted, and the stub speaks none. */
START_TEST(a_server_without_tls)
{
    start_at(NULL);
    expect_unreachable();
    ck_assert_int_eq(rig_delivered(&rig), 0);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("faults");
    TCase *t = rig_tcase(s, "faults");

    tcase_add_test(t, a_name_that_is_gone);
    tcase_add_test(t, a_port_that_is_closed);
    tcase_add_test(t, a_host_that_does_not_answer);
    tcase_add_test(t, a_server_without_tls);
    return rig_main(s);
}
