/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of attacks.h against a server, whole and in pieces, each with a
 * request behind it that must not be read where the first is refused.
 */
#include "http/attacks.h"

#include <stdlib.h>
#include <string.h>

#include "http/rig.h"

#define BEHIND "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"

static void setup(void)
{
    rig_open(&rig);
    rig_start(&rig);
}

static void teardown(void)
{
    rig_close(&rig);
}

static void assert_refused(const struct attack *a, const struct answer *got)
{
    bool is_head = strncmp(a->bytes, "HEAD", 4) == 0;
    ck_assert_msg(count_of(got->data, "HTTP/1.1 400 ") == 1 &&
                      count_of(got->data, "HTTP/1.1 ") == 1,
                  "%s: %s", a->name, got->data);
    ck_assert_msg(is_head || strstr(got->data, a->rule) != NULL,
                  "%s: not %s: %s", a->name, a->rule, got->data);
    ck_assert_msg(strstr(got->data, "Connection: close\r\n") != NULL ||
                      strstr(a->rule, "chunk") != NULL,
                  "%s: %s", a->name, got->data);
    ck_assert_msg(got->is_closed && !got->is_reset, "%s: not closed", a->name);
    ck_assert_msg(strstr(rig.log, "smuggled") == NULL &&
                      strstr(rig.log, "end none") == NULL,
                  "%s: %s", a->name, rig.log);
}

static void assert_passed(const struct attack *a, const struct answer *got)
{
    ck_assert_msg(count_of(got->data, "HTTP/1.1 200 ") == 2, "%s: %s", a->name,
                  got->data);
    ck_assert_msg(strstr(got->data, ATTACK_BODY) != NULL, "%s: %s", a->name,
                  got->data);
    ck_assert_msg(count_of(rig.log, "end none") == 2, "%s: %s", a->name,
                  rig.log);
}

static void send_in_pieces(int fd, const char *data, size_t len, size_t piece)
{
    for (size_t at = 0; at < len; at += piece) {
        client_send(&rig, fd, data + at, len - at < piece ? len - at : piece);
        rig_run(&rig, 0);
    }
}

static void try(const struct attack *a, size_t piece)
{
    int fd = client_open(&rig);
    rig_forget(&rig);
    send_in_pieces(fd, a->bytes, a->len, piece);
    client_send_str(&rig, fd, BEHIND);
    struct answer got = a->rule == NULL
                            ? client_read(&rig, fd, "HTTP/1.1 200 ", 2)
                            : client_read(&rig, fd, NULL, 0);
    if (a->rule == NULL)
        assert_passed(a, &got);
    else
        assert_refused(a, &got);
    free(got.data);
    client_close(fd);
    rig_run(&rig, 1);
}

START_TEST(each_is_refused_or_passed_as_a_whole)
{
    for (size_t i = 0; i < ATTACK_COUNT; i++)
        try(&attacks[i], attacks[i].len);
}
END_TEST

START_TEST(each_is_refused_or_passed_in_pieces)
{
    for (size_t i = 0; i < ATTACK_COUNT; i++)
        try(&attacks[i], 37);
}
END_TEST

START_TEST(nothing_stays_behind)
{
    struct http_counters c;
    for (size_t i = 0; i < ATTACK_COUNT; i++) {
        int fd = client_open(&rig);
        client_send(&rig, fd, attacks[i].bytes, attacks[i].len);
        client_reset(fd);
    }
    for (int i = 0; i < 50 && http_server_connections(rig.server) > 0; i++)
        rig_run(&rig, 2);
    ck_assert_uint_eq(http_server_connections(rig.server), 0);
    ck_assert_int_eq(rig.open_exchanges, 0);
    http_server_counters(rig.server, &c);
    ck_assert_uint_eq(c.held_bytes, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("attacks");
    TCase *t = tcase_create("attacks");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, each_is_refused_or_passed_as_a_whole);
    tcase_add_test(t, each_is_refused_or_passed_in_pieces);
    tcase_add_test(t, nothing_stays_behind);
    suite_add_tcase(s, t);
    return rig_main(s);
}
