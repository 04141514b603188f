/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/foreign.c - keys that other tools put into an OpenAPI document.
 *
 * OpenAPI 3.1 section 4.9 lets anybody extend its objects by keys that begin
 * with "x-", and few documents in the field are without. What they mean is
 * between their author and another tool, so they ask nothing of a request
 * here; a warning says so, once a file and key. Only what may be meant for
 * chatgate, one of its own extensions misspelt or where it does not belong,
 * stays a problem: it would be a rule that nobody enforces.
 */
#include <stdio.h>

#include "base/check.h"
#include "schema/compile.h"

#define SAYS "\"%s\" is another tool's extension: it asks nothing of requests"

static bool is_said(const struct problems *p, const char *file,
                    const char *says)
{
    struct text end = text_of(says);

    for (size_t i = 0; i < p->count; i++)
        if (p->list[i].is_warning && strcmp(p->list[i].file, file) == 0 &&
            text_ends_with(text_of(p->list[i].message), end))
            return true;
    return false;
}

bool schema_pass_foreign(struct problems *problems,
                         const struct json_document *doc,
                         const struct json_value *object,
                         const struct json_member *member)
{
    static const char *const own[] = {"x-parts", "x-decorations", "x-chatgate"};
    char says[256];

    if (!text_starts_with(member->name, TEXT_LIT("x-")))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (keyword_distance(member->name, text_of(own[i])) <=
            strlen(own[i]) / 4)
            return false;
    snprintf(says, sizeof(says), SAYS, member->name.data);
    if (!is_said(problems, doc->file, says))
        json_warning_key(problems, doc, object, member, "%s", says);
    return true;
}
