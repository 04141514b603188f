/* SPDX-License-Identifier: Apache-2.0
 *
 * torture/interpose.h - what the wrappers of library calls share.
 *
 *   ssize_t send(int fd, const void *data, size_t len, int flags)
 *   {
 *       switch (torture_ask("send", TORTURE_SEND)) {
 *       case TORTURE_FAIL: return -1;          errno is set
 *       case TORTURE_CUT_SHORT: len = (len + 1) / 2; break;
 *       case TORTURE_GO_ON: break;
 *       }
 *       return REAL(send)(fd, data, len, flags);
 *   }
 */
#ifndef TORTURE_INTERPOSE_H
#define TORTURE_INTERPOSE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "torture/control.h"

/* Nothing of what is compiled with -fvisibility=hidden is seen but these. */
#define WRAPPER __attribute__((visibility("default")))

enum torture_verdict { TORTURE_GO_ON, TORTURE_FAIL, TORTURE_CUT_SHORT };

/* Count this call; errno is set on TORTURE_FAIL, untouched otherwise. */
enum torture_verdict torture_ask(const char *name, enum torture_kind kind);

/* The page; before it is mapped, and without TORTURE_CONTROL, a dummy. */
extern struct torture_control *torture_page;

/* Is this thread's work counted? */
bool torture_is_counted_thread(void);

/* Memory of the wrappers' own, neither counted nor failed. */
void *torture_malloc(size_t bytes);
void torture_free(void *p);

/* The function of that name in the libraries behind this one. */
void *torture_real(_Atomic(void *) *slot, const char *name);
#define REAL(function)                                                         \
    (__extension__({                                                           \
        static _Atomic(void *) slot;                                           \
        (__typeof__(&function))torture_real(&slot, #function);                 \
    }))

#endif
