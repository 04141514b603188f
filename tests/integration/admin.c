/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/admin.c - the address of the operator: read only, by address,
 * with a password where one is set.
 */
#include <stdio.h>

#include "base/check.h"
#include "integration/expect.h"

static struct rig rig;

static void ask(const char *method, const char *target, const char *headers,
                struct wire_answer *a)
{
    struct wire w;
    char request[512];

    /* By hand: nothing but what is said here. */
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\n%s\r\n", method,
             target, headers);
    wire_open(&w, rig.admin_port);
    w.head_next = strcmp(method, "HEAD") == 0;
    wire_send_str(&w, request);
    wire_read(&w, a);
    wire_close(&w);
}

#define LOCAL "Host: 127.0.0.1\r\n"

static void expect_status(const char *method, const char *target,
                          const char *headers, int status)
{
    struct wire_answer a;

    ask(method, target, headers, &a);
    ck_assert_msg(a.status == status, "%s %s: %d, not %d", method, target,
                  a.status, status);
    wire_answer_release(&a);
}

START_TEST(pages_are_only_read)
{
    static const char *const others[] = {"POST", "PUT", "DELETE", "OPTIONS",
                                         "PATCH"};
    static const char *const pages[] = {"/", "/healthz", "/readyz", "/policies",
                                        "/metrics"};
    struct wire_answer a;

    rig_start(&rig, &(struct rig_options){.redis = RIG_NO_REDIS});
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        expect_status("GET", pages[i], LOCAL, 200);
        expect_status("HEAD", pages[i], LOCAL, 200);
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        ask(others[i], "/metrics", LOCAL "Content-Length: 0\r\n", &a);
        ck_assert_msg(a.status == 405, "%s: %d", others[i], a.status);
        ck_assert_str_eq(wire_answer_header(&a, "allow"), "GET, HEAD");
        wire_answer_release(&a);
    }
    /* RFC 9110 section 9.1: what nobody knows is another matter. */
    expect_status("BREW", "/metrics", LOCAL, 501);
    expect_status("GET", "/nothing", LOCAL, 404);
    expect_status("GET", "/explain", LOCAL, 400);
    expect_status("GET", "/metrics", "Host: gate.example\r\n", 421);
    rig_stop(&rig);
}
END_TEST

/* printf %s secret | sha256sum; base64 of ":secret" and of "me:secret". */
START_TEST(a_password_is_asked_for)
{
    static const char *const right[] = {"OnNlY3JldA==", "bWU6c2VjcmV0"};
    static const char *const wrong[] = {"OnNlY3JlVA==", "c2VjcmV0", "!", ""};
    char headers[256];
    struct wire_answer a;

    rig_start(&rig, &(struct rig_options){
                        .redis = RIG_NO_REDIS,
                        .env = (const char *const[]){
                            "CHATGATE_ADMIN_PASSWORD_SHA256="
                            "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6"
                            "a25fe97bf527a25b",
                            NULL}});
    /* An orchestrator's probes carry none. */
    expect_status("GET", "/healthz", LOCAL, 200);
    expect_status("GET", "/readyz", LOCAL, 200);
    ask("GET", "/metrics", LOCAL, &a);
    ck_assert_int_eq(a.status, 401);
    ck_assert_ptr_nonnull(wire_answer_header(&a, "www-authenticate"));
    wire_answer_release(&a);
    for (size_t i = 0; i < ARRAY_LEN(right); i++) {
        snprintf(headers, sizeof headers, LOCAL "Authorization: Basic %s\r\n",
                 right[i]);
        expect_status("GET", "/metrics", headers, 200);
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        snprintf(headers, sizeof headers, LOCAL "Authorization: Basic %s\r\n",
                 wrong[i]);
        expect_status("GET", "/metrics", headers, 401);
    }
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("admin");
    TCase *t = rig_tcase(s, "admin");

    tcase_add_test(t, pages_are_only_read);
    tcase_add_test(t, a_password_is_asked_for);
    return rig_main(s);
}
