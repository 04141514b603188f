/* SPDX-License-Identifier: Apache-2.0
 *
 * base/clock.h - what time it is.
 *
 * mono_us never goes backwards and is what durations and deadlines are
 * computed with; wall_us is what people read. Code that decides by time
 * takes a struct clock (or `now` itself), so that a test can live through a
 * day in a microsecond.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

typedef int64_t mono_us; /* microseconds since an arbitrary start */
typedef int64_t wall_us; /* microseconds since 1970-01-01T00:00:00Z */

#define US_PER_MS INT64_C(1000)
#define US_PER_S INT64_C(1000000)

struct clock {
    mono_us (*mono)(void *arg);
    wall_us (*wall)(void *arg);
    void *arg;
};

/* The machine's clocks; never NULL, never freed. */
const struct clock *clock_system(void);

static inline mono_us clock_mono(const struct clock *c)
{
    return c->mono(c->arg);
}

static inline wall_us clock_wall(const struct clock *c)
{
    return c->wall(c->arg);
}

/* "2026-01-31T12:00:00.000001Z" (RFC 3339, UTC): 27 characters and a NUL. */
#define CLOCK_RFC3339_SIZE 28
void clock_format_rfc3339(wall_us t, char out[CLOCK_RFC3339_SIZE]);

#endif
