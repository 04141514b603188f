/* SPDX-License-Identifier: Apache-2.0
 *
 * stub/fault.h - how the stub is asked to misbehave.
 *
 * A fault is written as text, words separated by ';':
 *
 *   delay=500ms        wait before answering
 *   status=503         an error of that status in the API's envelope
 *   drop_before_read   close when the head has been read, before the body
 *   drop_after_read    read the whole request, then close
 *   reset              read the whole request, then send a TCP reset
 *   silent             read the whole request, then never answer
 *   early              answer when the head has been read
 *   garbage            answer with bytes that are no HTTP
 *   half[=N]           cut the answer (in the middle, or after N bytes)
 *   slow=N/50ms        at most N bytes of the answer an interval
 *   huge=80MiB         an answer of about that size; its trace_id comes last
 *   chunked            frame the answer in chunks of 7 bytes
 *   encoded            Content-Encoding: gzip
 *   hints              an interim 103 answer before the final one
 *   close              Connection: close
 *   trace=W            where trace_id stands: both (as ever), body, header,
 * none header=NAME: V     one more header in the answer
 *
 * It comes with a request (header X-Stub-Fault) or is laid out beforehand as a
 * rule (POST /_stub/fault) that applies to the next so many requests.
 */
#ifndef STUB_FAULT_H
#define STUB_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum stub_act {
    STUB_ANSWER,
    STUB_DROP_BEFORE,
    STUB_DROP_AFTER,
    STUB_RESET,
    STUB_SILENT,
    STUB_EARLY,
    STUB_GARBAGE,
};

enum stub_trace {
    STUB_TRACE_BOTH,
    STUB_TRACE_BODY,
    STUB_TRACE_HEADER,
    STUB_TRACE_NONE,
};

struct stub_fault {
    enum stub_act act;
    int64_t delay_us;
    int status;         /* 0: as the API says */
    int64_t slow_bytes; /* 0: as fast as it goes */
    int64_t slow_us;
    int64_t huge_bytes; /* 0: the answer itself */
    bool half;
    int64_t half_bytes; /* -1: the middle */
    bool chunked, encoded, hints, close;
    enum stub_trace trace;
    char header[256]; /* "" or a header line without its end */
};

/* No fault at all. */
void stub_fault_init(struct stub_fault *f);
/* STATUS_INVALID: *problem says what was not understood (a static text). */
enum status stub_fault_parse(struct text spec, struct stub_fault *out,
                             const char **problem) MUST_CHECK;

#define STUB_RULES_MAX 64

struct stub_rule {
    struct stub_fault fault;
    int64_t times;   /* still to apply to; below 0: for ever */
    char method[16]; /* "": any */
    char path[256];  /* prefix; "": any */
};

/* Rules apply in the order they were laid out, each until it is used up. */
struct stub_rules {
    struct stub_rule list[STUB_RULES_MAX];
    size_t count;
};

/* STATUS_TOO_LARGE when there are STUB_RULES_MAX already. */
enum status stub_rules_add(struct stub_rules *r,
                           const struct stub_rule *rule) MUST_CHECK;
/* The first rule that matches is used once; false: none does. */
bool stub_rules_take(struct stub_rules *r, const char *method, struct text path,
                     struct stub_fault *out);
void stub_rules_clear(struct stub_rules *r);

#endif
