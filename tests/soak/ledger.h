/* SPDX-License-Identifier: Apache-2.0
 *
 * soak/ledger.h - one row a request: what was asked, what came of it, and
 * what three witnesses say: the client, the upstream, the audit file.
 *
 *   n = ledger_open(&l, &(struct ledger_row){...});      before it is sent
 *   ... the request carries X-Request-Id: soak-<n> ...
 *   ledger_close(&l, n, how it ended, status);
 *   ledger_take_deliveries(), ledger_take_audit()        as the files grow
 *   ledger_judge()                                       when all is quiet
 *
 * A request whose head was refused has no number of ours: the id that the
 * answer bears is remembered instead.
 *
 * What must hold:
 *   - an answer whose last byte came has its line, with the same status;
 *   - a request has one line at most, and lines have no gap in `seq`;
 *   - what is not idempotent reached the upstream once at most, with a key
 *     twice at most; never where the line says "none", and where it says
 *     "once" it did;
 *   - every request ended before its deadline.
 */
#ifndef SOAK_LEDGER_H
#define SOAK_LEDGER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum ledger_end {
    LEDGER_UNDER_WAY,
    LEDGER_ANSWERED,  /* whole */
    LEDGER_CLOSED,    /* the connection ended before that */
    LEDGER_ABANDONED, /* by the client itself */
    LEDGER_LATE,
};

struct ledger_row {
    bool is_write; /* POST and the like: not to be repeated */
    bool has_key;  /* unless it has one */
    uint8_t end;   /* enum ledger_end */
    uint8_t deliveries, lines;
    char said;            /* delivery of its line: 'n' 'o' 'u'; 0: no line */
    uint16_t status;      /* of the answer; 0: none */
    uint16_t line_status; /* of its line; 0: null */
};

#define LEDGER_ROWS_MAX (4u << 20)
#define LEDGER_FINDINGS_SHOWN 40

struct ledger_stranger;
struct ledger_worker;

struct ledger {
    pthread_mutex_t lock; /* all below */
    struct ledger_row *rows;
    size_t count;
    struct ledger_stranger *strangers; /* ids that were not ours, answered */
    struct ledger_worker *workers;     /* the last `seq` of each */
    long deliveries_at; /* how far that file was read; its reader's */
    uint64_t lines, findings;
};

void ledger_init(struct ledger *l);
void ledger_release(struct ledger *l);

/* The number to send as "soak-<n>". */
size_t ledger_open(struct ledger *l, const struct ledger_row *row);
void ledger_close(struct ledger *l, size_t n, enum ledger_end end, int status);
/* An answer with an id that the gateway made. */
void ledger_stranger(struct ledger *l, const char *id, int status);

/* Whole lines "METHOD ID" behind those that were read before. */
void ledger_take_deliveries(struct ledger *l, const char *file);
/* All lines of a file that nobody writes any more. */
void ledger_take_audit(struct ledger *l, const char *file);

/* Something that must not be. */
void ledger_finding(struct ledger *l, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* When all requests have ended and all files were taken. */
void ledger_judge(struct ledger *l);
/* How many requests ended how. */
void ledger_print(struct ledger *l, FILE *to);

#endif
