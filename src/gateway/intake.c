/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/intake.c - the body while it comes in: kept, counted, dropped.
 *
 * Bytes kept are counted over all exchanges of all workers against
 * limits.max_buffered.
 */
#include "gateway/exchange_state.h"

void intake_drop_body(struct exchange *x)
{
    if (x->body.len > 0)
        __atomic_sub_fetch(&x->worker->shared->buffered_bytes,
                           (int64_t)x->body.len, __ATOMIC_RELAXED);
    x->worker->metrics.buffered_bytes -= x->body.len;
    buffer_release(&x->body);
    x->is_body_kept = false;
}

void intake_account_run(struct exchange *x)
{
    size_t now = x->run ? schema_run_memory(x->run) : 0;
    x->worker->metrics.validation_bytes += now - x->run_bytes;
    x->run_bytes = now;
}

void intake_drop_run(struct exchange *x)
{
    schema_run_free(x->run);
    x->run = NULL;
    intake_account_run(x);
}

enum status intake_keep(struct exchange *x, const char *data, size_t len)
{
    struct worker_shared *shared = x->worker->shared;
    struct metrics *m = &x->worker->metrics;
    int64_t all = __atomic_add_fetch(&shared->buffered_bytes, (int64_t)len,
                                     __ATOMIC_RELAXED);
    enum status s = all > shared->max_buffered_bytes
                        ? STATUS_TOO_LARGE
                        : buffer_append(&x->body, data, len);
    if (s != STATUS_OK) {
        __atomic_sub_fetch(&shared->buffered_bytes, (int64_t)len,
                           __ATOMIC_RELAXED);
        return s;
    }
    m->buffered_bytes += len;
    if (m->buffered_peak_bytes < x->body.len)
        m->buffered_peak_bytes = x->body.len;
    return STATUS_OK;
}
