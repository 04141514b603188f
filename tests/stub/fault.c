/* SPDX-License-Identifier: Apache-2.0
 *
 * stub/fault.c - reading a fault's text, and the rules laid out beforehand.
 */
#include "stub/fault.h"

#include <string.h>

#include "base/check.h"

void stub_fault_init(struct stub_fault *f)
{
    memset(f, 0, sizeof *f);
    f->half_bytes = -1;
}

/* A word that is an act by itself. */
static bool take_act(struct text name, struct stub_fault *f)
{
    static const struct {
        const char *name;
        enum stub_act act;
    } acts[] = {
        {"drop_before_read", STUB_DROP_BEFORE},
        {"drop_after_read", STUB_DROP_AFTER},
        {"reset", STUB_RESET},
        {"silent", STUB_SILENT},
        {"early", STUB_EARLY},
        {"garbage", STUB_GARBAGE},
    };

    for (size_t i = 0; i < ARRAY_LEN(acts); i++)
        if (text_is(name, acts[i].name)) {
            f->act = acts[i].act;
            return true;
        }
    return false;
}

/* A word that switches something on. */
static bool take_switch(struct text name, struct stub_fault *f)
{
    if (text_is(name, "half"))
        f->half = true;
    else if (text_is(name, "chunked"))
        f->chunked = true;
    else if (text_is(name, "encoded"))
        f->encoded = true;
    else if (text_is(name, "hints"))
        f->hints = true;
    else if (text_is(name, "close"))
        f->close = true;
    else
        return false;
    return true;
}

static enum status take_slow(struct text value, struct stub_fault *f)
{
    struct text bytes;
    struct text interval = text_cut(value, '/', &bytes);

    if (text_is_absent(interval) ||
        text_to_size(bytes, &f->slow_bytes) != STATUS_OK ||
        text_to_duration_us(interval, &f->slow_us) != STATUS_OK ||
        f->slow_bytes == 0 || f->slow_us == 0)
        return STATUS_INVALID;
    return STATUS_OK;
}

static enum status take_trace(struct text value, struct stub_fault *f)
{
    static const char *const names[] = {
        [STUB_TRACE_BOTH] = "both",
        [STUB_TRACE_BODY] = "body",
        [STUB_TRACE_HEADER] = "header",
        [STUB_TRACE_NONE] = "none",
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (text_is(value, names[i])) {
            f->trace = (enum stub_trace)i;
            return STATUS_OK;
        }
    return STATUS_INVALID;
}

static enum status take_header(struct text value, struct stub_fault *f)
{
    if (value.len >= sizeof f->header || !memchr(value.data, ':', value.len) ||
        memchr(value.data, '\r', value.len) ||
        memchr(value.data, '\n', value.len))
        return STATUS_INVALID;
    memcpy(f->header, value.data, value.len);
    f->header[value.len] = '\0';
    return STATUS_OK;
}

static enum status take_value(struct text name, struct text value,
                              struct stub_fault *f, const char **problem)
{
    uint64_t status;

    if (text_is(name, "delay")) {
        *problem = "delay wants a duration, as in delay=500ms";
        return text_to_duration_us(value, &f->delay_us);
    }
    if (text_is(name, "status")) {
        *problem = "status wants 200 to 599";
        if (text_to_u64(value, 599, &status) != STATUS_OK || status < 200)
            return STATUS_INVALID;
        f->status = (int)status;
        return STATUS_OK;
    }
    if (text_is(name, "half")) {
        *problem = "half wants a number of bytes";
        f->half = true;
        return text_to_size(value, &f->half_bytes);
    }
    if (text_is(name, "slow")) {
        *problem = "slow wants bytes and an interval, as in slow=16/50ms";
        return take_slow(value, f);
    }
    if (text_is(name, "huge")) {
        *problem = "huge wants a size, as in huge=80MiB";
        return text_to_size(value, &f->huge_bytes);
    }
    if (text_is(name, "trace")) {
        *problem = "trace wants both, body, header or none";
        return take_trace(value, f);
    }
    if (text_is(name, "header")) {
        *problem = "header wants a header line of at most 255 bytes";
        return take_header(value, f);
    }
    *problem = "no such fault";
    return STATUS_INVALID;
}

enum status stub_fault_parse(struct text spec, struct stub_fault *out,
                             const char **problem)
{
    struct stub_fault f;
    struct text rest = spec, word, name, value;
    bool known;

    stub_fault_init(&f);
    while (!text_is_absent(rest)) {
        rest = text_cut(rest, ';', &word);
        word = text_trim(word);
        if (word.len == 0)
            continue;
        value = text_cut(word, '=', &name);
        *problem = "no such fault";
        if (text_is_absent(value))
            known = take_act(name, &f) || take_switch(name, &f);
        else
            known = take_value(name, value, &f, problem) == STATUS_OK;
        if (!known)
            return STATUS_INVALID;
    }
    if (f.huge_bytes && (f.chunked || f.encoded || f.status)) {
        *problem = "huge goes with neither chunked, encoded nor status";
        return STATUS_INVALID;
    }
    *out = f;
    return STATUS_OK;
}

enum status stub_rules_add(struct stub_rules *r, const struct stub_rule *rule)
{
    if (r->count == STUB_RULES_MAX)
        return STATUS_TOO_LARGE;
    r->list[r->count++] = *rule;
    return STATUS_OK;
}

bool stub_rules_take(struct stub_rules *r, const char *method, struct text path,
                     struct stub_fault *out)
{
    for (size_t i = 0; i < r->count; i++) {
        struct stub_rule *rule = &r->list[i];

        if ((rule->method[0] && strcmp(rule->method, method) != 0) ||
            !text_starts_with(path, text_of(rule->path)))
            continue;
        *out = rule->fault;
        if (rule->times > 0 && --rule->times == 0) {
            r->count--;
            memmove(rule, rule + 1, (r->count - i) * sizeof *rule);
        }
        return true;
    }
    return false;
}

void stub_rules_clear(struct stub_rules *r)
{
    r->count = 0;
}
