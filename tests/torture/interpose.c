/* SPDX-License-Identifier: Apache-2.0
 *
 * torture/interpose.c - makes the n-th call fail, and says where it stood.
 *
 * Preloaded in front of everything, the sanitizer's runtime included, so that
 * the calls of libevent, libcurl, yajl, hiredis, OpenSSL and libc itself pass
 * by as well as the program's own, and what the runtime finds is found in all
 * of them. (-Wl,--wrap would see the program's own calls only, and the
 * libraries' allocator hooks nothing but memory, on other paths than those
 * that are shipped.)
 *
 * Nothing here may allocate: it runs inside malloc. Three things do, once,
 * before main(): the unwinder (backtrace(3) loads it), and the thread that
 * takes commands. A wrapper that is entered while another one works (dladdr,
 * the unwinder) counts nothing.
 */
#define _GNU_SOURCE
#include "torture/interpose.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct torture_control dummy;
struct torture_control *torture_page = &dummy;

struct kind_row {
    int errors[TORTURE_VARIANTS];
};

static const struct kind_row rows[] = {
#define X(kind, class, e0, e1, e2) {{e0, e1, e2}},
    TORTURE_KINDS(X)
#undef X
};

static __thread bool is_inside;
static __thread bool is_counted;

bool torture_is_counted_thread(void)
{
    return is_counted;
}

void *torture_real(_Atomic(void *) *slot, const char *name)
{
    void *found = atomic_load_explicit(slot, memory_order_acquire);

    if (!found) {
        bool was_inside = is_inside;

        is_inside = true;
        found = dlsym(RTLD_NEXT, name);
        is_inside = was_inside;
        if (!found)
            abort();
        atomic_store_explicit(slot, found, memory_order_release);
    }
    return found;
}

/* ---- failing ---- */

static void describe_frame(struct torture_frame *f, void *address)
{
    Dl_info info;

    memset(f, 0, sizeof(*f));
    if (dladdr(address, &info) == 0)
        return;
    strncpy(f->module, info.dli_fname, sizeof(f->module) - 1);
    f->offset = (uint64_t)((char *)address - (char *)info.dli_fbase);
}

static void describe(const char *name, int error)
{
    struct torture_control *c = torture_page;
    void *frames[TORTURE_FRAMES + 2];
    int n = backtrace(frames, TORTURE_FRAMES + 2);

    strncpy(c->call, name, sizeof(c->call) - 1);
    c->call[sizeof(c->call) - 1] = '\0';
    c->error = error;
    c->frame_count = 0;
    for (int i = 2; i < n; i++) /* not this one, not torture_ask() */
        describe_frame(&c->frames[c->frame_count++], frames[i]);
}

/* Is it this one's turn? */
static bool is_hit(enum torture_kind kind)
{
    struct torture_control *c = torture_page;
    uint64_t n;

    if (!(c->kinds & TORTURE_KIND_BIT(kind)) || !is_counted)
        return false;
    n = atomic_fetch_add(&c->calls, 1) + 1;
    if (c->target == 0 || n < c->target)
        return false;
    return c->span == 0 || n < c->target + c->span;
}

enum torture_verdict torture_ask(const char *name, enum torture_kind kind)
{
    struct torture_control *c = torture_page;
    enum torture_verdict verdict = TORTURE_GO_ON;
    int saved = errno, error;

    if (is_inside || !atomic_load_explicit(&c->is_armed, memory_order_acquire))
        return TORTURE_GO_ON;
    is_inside = true;
    if (is_hit(kind)) {
        error = rows[kind].errors[c->variant % TORTURE_VARIANTS];
        if (atomic_fetch_add(&c->fired, 1) == 0)
            describe(name, error);
        verdict = error == TORTURE_SHORT ? TORTURE_CUT_SHORT : TORTURE_FAIL;
        if (error != TORTURE_SHORT)
            saved = error;
    }
    is_inside = false;
    errno = saved;
    return verdict;
}

/* ---- threads ---- */

struct beginning {
    void *(*start)(void *);
    void *arg;
};

static void *run_counted(void *arg)
{
    struct beginning b = *(struct beginning *)arg;
    void *result;

    torture_free(arg);
    is_counted = true;
    result = b.start(b.arg);
    is_counted = false;
    return result;
}

static int create_thread(pthread_t *out, const pthread_attr_t *attributes,
                         void *(*start)(void *), void *arg)
{
    return REAL(pthread_create)(out, attributes, start, arg);
}

/* A thread counts from where its own function begins: what a sanitizer's
 * runtime does before, in the same thread, may not fail. */
WRAPPER int pthread_create(pthread_t *out, const pthread_attr_t *attributes,
                           void *(*start)(void *), void *arg)
{
    struct beginning *b;
    int error;

    if (torture_ask("pthread_create", TORTURE_THREAD) != TORTURE_GO_ON)
        return EAGAIN;
    b = torture_malloc(sizeof(*b));
    if (!b)
        return EAGAIN;
    *b = (struct beginning){start, arg};
    is_inside = true; /* what it takes to make one is not the caller's */
    error = create_thread(out, attributes, run_counted, b);
    is_inside = false;
    if (error != 0)
        torture_free(b);
    return error;
}

/* ---- commands ---- */

static int find_leaks(void)
{
    void *found = dlsym(RTLD_DEFAULT, "__lsan_do_recoverable_leak_check");
    int (*check)(void);

    if (!found)
        return -1;
    memcpy(&check, &found, sizeof(check));
    return check() != 0;
}

static void *serve(void *arg)
{
    struct torture_control *c = arg;

    for (;;) {
        if (atomic_load(&c->command) == TORTURE_NOTHING) {
            syscall(SYS_futex, &c->command, FUTEX_WAIT, TORTURE_NOTHING, NULL,
                    NULL, 0);
            continue;
        }
        c->result = find_leaks();
        atomic_store(&c->command, TORTURE_NOTHING);
        syscall(SYS_futex, &c->command, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
    return NULL;
}

static void start_servant(void)
{
    sigset_t all, before;
    pthread_t thread;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (create_thread(&thread, NULL, serve, torture_page) != 0)
        abort();
    pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("TORTURE_CONTROL");
    void *frames[4], *page;
    int fd;

    /* A sanitizer's runtime that lies behind this one has not begun yet, and
     * begins with the first allocation. */
    free(malloc(1));
    (void)backtrace(frames, 4); /* loads the unwinder */
    if (!path)
        return;
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        abort();
    page = mmap(NULL, sizeof(*torture_page), PROT_READ | PROT_WRITE, MAP_SHARED,
                fd, 0);
    if (page == MAP_FAILED)
        abort();
    close(fd);
    torture_page = page;
    start_servant();
    atomic_store(&torture_page->is_loaded, 1);
}
