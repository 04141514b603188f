/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/organisation.h - the compilers of a *.policy.json.
 *
 *   organisation.c   the file: keys, name, mode, body
 *   scope.c          "applies": operations, consumers, senders
 *   limits.c         "limits"
 *   format.c         the file against policy.schema.json, built in
 *
 * The compilers check what wants a better answer than "does not match", and
 * what a schema cannot say; they pass over a member of the wrong type. The form
 * (which member has which type) is the schema's business, and is checked last:
 * whatever has no problem yet and does not match gets one.
 */
#ifndef POLICY_ORGANISATION_H
#define POLICY_ORGANISATION_H

#include "policy/loader.h"

/* Adds the policy to the snapshot; the contracts are loaded by then. */
void policy_organisation_load(struct policy_loader *l,
                              const struct policy_file *file);

/* Does the file have the form of a policy? Reports where it has not, but for
 * places that the compilers have found something wrong with: those came after
 * the first `errors` errors and say more about it. STATUS_OK; STATUS_NO_MEMORY;
 * STATUS_INVALID when the form is not right. */
enum status policy_format_check(struct policy_loader *l,
                                const struct policy_file *file,
                                size_t errors) MUST_CHECK;

/* ---- scope.c ---- */

void policy_scope_load(struct policy_loader *l, const struct json_document *doc,
                       const struct json_value *policy,
                       struct policy_scope *out);
bool policy_names_have(const struct policy_names *n, struct text name);
/* At load: could a request to this operation be meant? One whose sender
 * nobody can tell is not meant by a policy for certain senders. */
bool policy_scope_covers(const struct policy_scope *s,
                         const struct policy_operation *op);
/* At a request: is this consumer meant, and this sender? A sender who is
 * unknown is. */
bool policy_scope_meets(const struct policy_scope *s,
                        const struct policy_facts *facts);

/* ---- limits.c ---- */

void policy_limits_load(struct policy_loader *l,
                        const struct json_document *doc,
                        const struct json_value *policy,
                        struct policy_organisation *out);
/* Tokens of one request to that operation; 0: the limit lets it be. */
int64_t policy_limit_cost(const struct policy_limit *limit,
                          const char *operation);

#endif
