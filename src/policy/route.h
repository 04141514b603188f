/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/route.h - the tree that policy_route() walks, while it is built.
 */
#ifndef POLICY_ROUTE_H
#define POLICY_ROUTE_H

#include "policy/loader.h"

/* Why no path could match a template, or NULL. The parameters' names, spans
 * of `template`, come in its order. Static text. */
const char *policy_template_problem(struct text template,
                                    struct text names[POLICY_PARAMETERS_MAX],
                                    size_t *count);

/* The node of a template without problems, made when it is not there; NULL
 * when out of memory. One whose `template` is set belongs to another path
 * of the same shape. */
struct policy_node *policy_routes_node(struct policy_loader *l,
                                       const char *template);
/* Operations of one template have different methods. */
void policy_routes_add(struct policy_node *node, struct policy_entry *e);
/* After the last one: what a 405 will say. */
void policy_routes_finish(struct policy_loader *l);

#endif
