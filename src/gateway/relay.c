/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/relay.c - the upstream's answer, on its way to the client.
 *
 * Back-pressure: what has not left for the client is not counted as taken,
 * and libcurl pauses. The piece that would complete the answer is held in
 * `tail` until the record stands.
 */
#include "gateway/exchange_state.h"

static bool relay_begin(struct exchange *x)
{
    if (x->is_reply_begun)
        return true;
    x->is_reply_begun = true;
    respond_add_common_headers(x);
    return http_reply_begin(x->req, x->status, x->reply_headers,
                            x->reply_header_count,
                            x->reply_length) == STATUS_OK;
}

static void relay_send(struct exchange *x, const char *data, size_t len)
{
    if (x->is_broken || x->is_gone || len == 0)
        return;
    if (!relay_begin(x) || http_reply_write(x->req, data, len) != STATUS_OK) {
        x->is_broken = true;
        return;
    }
    x->written += (int64_t)len;
    x->bytes_out += (int64_t)len;
    x->worker->metrics.bytes_out += len;
}

/* Tell the transfer how much has left for the client, so that it goes on. */
void relay_account(struct exchange *x)
{
    if (x->call == NULL)
        return;
    int64_t left = x->answer_bytes;
    if (!x->is_gone && !x->is_broken) {
        int64_t pending = (int64_t)http_reply_pending(x->req);
        left = x->written > pending ? x->written - pending : 0;
    }
    if (left > x->taken) {
        upstream_call_taken(x->call, (size_t)(left - x->taken));
        x->taken = left;
    }
}

static void relay_hold(struct exchange *x, const char *data, size_t len)
{
    if (buffer_append(&x->tail, data, len) != STATUS_OK)
        x->is_broken = true;
}

void relay_piece(struct exchange *x, const char *data, size_t len)
{
    if (x->is_its_own_lookup) {
        /* Not yet charged: nothing of it may leave. */
        relay_hold(x, data, len);
        upstream_call_taken(x->call, len);
        x->taken += (int64_t)len;
        return;
    }
    if (x->reply_length >= 0) {
        /* Only the piece that completes the answer is kept back. */
        if (x->answer_bytes >= x->reply_length)
            relay_hold(x, data, len);
        else
            relay_send(x, data, len);
    } else if (http_request_minor(x->req) >= 1) {
        relay_send(x, data, len); /* the last chunk is the end */
    } else {
        relay_send(x, x->tail.data, x->tail.len);
        buffer_clear(&x->tail);
        relay_hold(x, data, len);
    }
    relay_account(x);
}

void relay_end(struct exchange *x)
{
    if (!x->is_broken && x->tail.len > 0)
        relay_send(x, x->tail.data, x->tail.len);
    if (!x->is_broken && !relay_begin(x))
        x->is_broken = true;
    if (x->is_broken)
        http_reply_abort(x->req);
    else
        http_reply_end(x->req);
}
