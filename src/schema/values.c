/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/values.c - path and query parameters: values without JSON.
 *
 * The machine is given the events that the values would have as JSON: an
 * array around them when the schema allows one (and is not content with the
 * only one as a string), and each text as a string, unless the schema allows
 * none and the text is a literal of a type that it does allow.
 */
#include "schema/machine.h"
#include "schema/utf8.h"

/* Percent-decoding can make any bytes. */
static bool is_utf8(struct text t)
{
    struct utf8 u = {0};
    size_t i;

    for (i = 0; i < t.len; i++) {
        uint8_t byte = (uint8_t)t.data[i];

        if (u.left > 0 ? !utf8_continue(&u, byte)
                       : byte >= 0x80 && !utf8_begin(&u, byte))
            return false;
    }
    return u.left == 0;
}

static void scalar_from(const struct schema_run *run, unsigned types,
                        struct text t, struct scalar *out)
{
    enum json_type type = JSON_STRING;

    if (types & NODE_TYPE(JSON_STRING))
        type = JSON_STRING;
    else if ((types & NODE_TYPE(JSON_NUMBER)) &&
             t.len <= run->limits.max_number_bytes && number_is_json(t))
        type = JSON_NUMBER;
    else if ((types & NODE_TYPE(JSON_BOOL)) &&
             (text_is(t, "true") || text_is(t, "false")))
        type = JSON_BOOL;
    else if ((types & NODE_TYPE(JSON_NULL)) && text_is(t, "null"))
        type = JSON_NULL;
    scalar_init(out, type, t);
    out->boolean = type == JSON_BOOL && text_is(t, "true");
}

enum status schema_run_values(struct schema_run *run, const struct text *values,
                              size_t count)
{
    unsigned types = run->plan->types;
    /* One value for a schema that would take a string is a string. */
    bool is_array = (types & NODE_TYPE(JSON_ARRAY)) &&
                    !(count == 1 && (types & NODE_TYPE(JSON_STRING)));
    struct scalar s;
    size_t i;

    if (is_array)
        types = run->plan->item_types;
    run->is_finished = true;
    for (i = 0; i < count && run->status == STATUS_OK; i++) {
        if (!is_utf8(values[i]))
            refuse(run, 0, "json.utf8", "is no valid UTF-8");
        else if (values[i].len > run->limits.max_token_bytes)
            refuse(run, 0, "json.token_too_long", "is longer than %u bytes",
                   (unsigned)run->limits.max_token_bytes);
    }
    if (run->status == STATUS_OK && is_array)
        quick_begin_array(run);
    for (i = 0; i < count && run->status == STATUS_OK; i++) {
        scalar_from(run, types, values[i], &s);
        quick_scalar(run, &s);
        if (!is_array)
            break;
    }
    if (run->status == STATUS_OK && is_array)
        quick_end_array(run);
    return run->status;
}
