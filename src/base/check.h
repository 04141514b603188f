/* SPDX-License-Identifier: Apache-2.0
 *
 * base/check.h - assertions for invariants, on in release.
 *
 * CHECK() is for what cannot happen unless the program is wrong; input is
 * never checked with it. MAGIC guards whatever travels through a void *:
 * the first member of such a struct is `uint32_t magic`, set by MAGIC_SET,
 * verified at the top of each callback by MAGIC_CAST, cleared on free.
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <stdint.h>

#define CHECK(cond)                                                            \
    do {                                                                       \
        if (__builtin_expect(!(cond), 0))                                      \
            check_failed(#cond, __FILE__, __LINE__);                           \
    } while (0)

#define MAGIC_SET(object, value) ((object)->magic = (value))
#define MAGIC_CLEAR(object) ((object)->magic = 0)

/* struct thing *t; MAGIC_CAST(t, arg, THING_MAGIC); */
#define MAGIC_CAST(object, pointer, value)                                     \
    do {                                                                       \
        (object) = (pointer);                                                  \
        CHECK((object) != NULL && (object)->magic == (value));                 \
    } while (0)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The struct that contains `member`, from a pointer to the member. */
#define CONTAINER_OF(pointer, type, member)                                    \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* Print the broken invariant to standard error, then abort. */
_Noreturn void check_failed(const char *cond, const char *file, int line);

#endif
