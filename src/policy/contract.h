/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/contract.h - the compilers of an OpenAPI document.
 *
 *   contract.c    the document, its paths and components
 *   operation.c   one operation: parameters, body, x-chatgate
 *   parameter.c   one parameter
 *   reference.c   "$ref", and pointers into bodies
 *
 * What the document says and chatgate could not enforce is a problem with
 * advice. What describes (info, tags, responses, examples, callbacks ...) is
 * let through without a look, because it asks nothing of a request.
 */
#ifndef POLICY_CONTRACT_H
#define POLICY_CONTRACT_H

#include "policy/loader.h"

/* A parameter that was compiled: one that many refer to is compiled, and
 * complained about, once. */
struct policy_known {
    struct policy_known *next;
    const struct json_value *value;
    const struct policy_parameter *parameter; /* NULL: it was a problem, ... */
    bool is_ignored;                          /* or OpenAPI ignores it */
};

struct policy_document {
    struct policy_loader *loader;
    const struct json_document *doc;
    struct policy_contract *contract;
    struct schema_source source;
    struct policy_known *known;
    bool has_chat; /* x-chatgate says what a chat looks like */
};

/* One item of "paths" while its operations are compiled. */
struct policy_path_item {
    const char *template;
    struct text names[POLICY_PARAMETERS_MAX]; /* of its parameters */
    size_t name_count;
    const struct json_value *parameters; /* shared by all operations, or NULL */
};

/* The whole document: adds the contract, its operations and routes to the
 * snapshot. */
void policy_contract_load(struct policy_loader *l,
                          const struct policy_file *file);

/* NULL when it cannot be used; the reasons are reported. `item_value` is
 * the operation's object, `method` upper case and static. */
struct policy_entry *policy_operation_load(struct policy_document *d,
                                           const struct policy_path_item *item,
                                           const char *method,
                                           const struct json_value *value);

/* NULL when it cannot be used, or when OpenAPI says that it is none of a
 * contract's business (*is_ignored). */
const struct policy_parameter *
policy_parameter_load(struct policy_document *d, const struct json_value *value,
                      bool *is_ignored);

/* Follow "$ref" to where components of that kind stand; `v` itself when it is
 * none; NULL when it leads nowhere, which is reported. */
const struct json_value *policy_resolve(struct policy_document *d,
                                        const struct json_value *v,
                                        const char *kind);

/* RFC 6901 over object members; with `stars`, "*" is every element. */
bool policy_is_pointer(struct text t, bool stars);

/* Does the schema at `v` name what `pointer` points to? By "properties",
 * through references and the keywords that combine schemas. */
bool policy_schema_names(const struct policy_document *d,
                         const struct json_value *v, struct text pointer);

#endif
