/* SPDX-License-Identifier: Apache-2.0
 *
 * fixture.h - a directory of policies for one test.
 *
 *   fixture_open();
 *   fixture_write("api.json", "{...}");
 *   ck_assert_int_eq(fixture_load(&snap), STATUS_INVALID);
 *   ck_assert_str_eq(fixture_said(), "api.json:1:2: ...\n");
 *   fixture_close();
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "policy/policy.h"

/* A fresh directory under TMPDIR or /tmp. */
void fixture_open(void);
/* Removes it, with what it holds. */
void fixture_close(void);
const char *fixture_dir(void);

void fixture_write(const char *name, const char *content);
void fixture_write_bytes(const char *name, struct text content);
void fixture_remove(const char *name);
/* A copy of a file of the source's policies/. */
void fixture_copy(const char *name);

/* What the loads are told; all zero at first. */
extern struct policy_load fixture_options;

enum status fixture_load(struct policy_snapshot **out);
/* The problems of the last load, as `chatgate check` prints them, without the
 * directory in front of the file's name. */
const char *fixture_said(void);

/* A contract with these paths. */
#define FIXTURE_CONTRACT(paths)                                                \
    "{\"openapi\": \"3.1.0\", \"info\": {\"title\": \"t\", \"version\": "      \
    "\"1\"},\n\"paths\": {" paths "}}"

/* Load `contract` (and `policy`, unless NULL): STATUS_OK and no word, or
 * STATUS_INVALID and `says` in what was said. */
void fixture_expect_fine(const char *contract, const char *policy);
void fixture_expect_problem(const char *contract, const char *policy,
                            const char *says);
/* Rows of the above, in a fixture of their own. */
struct fixture_bad {
    const char *contract;
    const char *says; /* a piece of "api.json:line:column: pointer: message" */
};
void fixture_check_bad(const struct fixture_bad *rows, size_t count);
void fixture_check_fine(const char *const *contracts, size_t count);
/* STATUS_OK with a warning. */
void fixture_expect_warning(const char *contract, const char *policy,
                            const char *says);

#endif
