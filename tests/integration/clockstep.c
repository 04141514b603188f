/* SPDX-License-Identifier: Apache-2.0
 *
 * integration/clockstep.c - a wall clock that a test can step, for one process.
 *
 * Preloaded (LD_PRELOAD), it adds the seconds that the file $CLOCKSTEP_FILE
 * holds to every reading of the wall clock. The monotonic clock is left alone,
 * as it is by whoever steps a machine's clock.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long offset(void)
{
    const char *path = getenv("CLOCKSTEP_FILE");
    char text[32] = "";
    ssize_t n;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof text - 1);
    close(fd);
    return n > 0 ? strtol(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t which, struct timespec *t)
{
    long result = syscall(SYS_clock_gettime, which, t);

    if (result == 0 &&
        (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
        t->tv_sec += offset();
    return (int)result;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
