/* SPDX-License-Identifier: Apache-2.0
 *
 * gateway/metrics.h - what is counted, one row each.
 *
 * Every worker counts for itself, on its own thread, in plain integers; a
 * scrape asks each worker for a copy (server.h) and adds them up. Names and
 * help texts stand here once: the exposition and the manual come from them.
 */
#ifndef GATEWAY_METRICS_H
#define GATEWAY_METRICS_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/status.h"
#include "http/refusal.h"

/* X(field, "name", "type", "help"): one number, no labels. Gauges are sums of
 * the workers' present values. */
#define METRICS(X)                                                             \
    X(connections, "chatgate_connections", "gauge",                            \
      "Client connections open now.")                                          \
    X(connections_total, "chatgate_connections_total", "counter",              \
      "Client connections accepted.")                                          \
    X(connections_refused, "chatgate_connections_refused_total", "counter",    \
      "Client connections refused because max_connections was reached.")       \
    X(exchanges, "chatgate_requests_in_flight", "gauge",                       \
      "Requests that have begun and are not recorded yet.")                    \
    X(requests, "chatgate_requests_total", "counter",                          \
      "Requests whose head arrived, malformed ones included.")                 \
    X(malformed, "chatgate_malformed_total", "counter",                        \
      "Requests refused for malformed HTTP.")                                  \
    X(forwarded, "chatgate_forwarded_total", "counter",                        \
      "Requests answered by the upstream.")                                    \
    X(rejected, "chatgate_rejected_total", "counter",                          \
      "Requests that broke HTTP, the contract or a policy.")                   \
    X(limited, "chatgate_limited_total", "counter",                            \
      "Requests refused by a limit.")                                          \
    X(denied, "chatgate_denied_total", "counter",                              \
      "Requests refused for who sent them.")                                   \
    X(unavailable, "chatgate_unavailable_total", "counter",                    \
      "Requests that a neighbour's or the gateway's own trouble refused.")     \
    X(errors, "chatgate_errors_total", "counter", "Answers that broke off.")   \
    X(shadow_violations, "chatgate_shadow_violations_total", "counter",        \
      "Requests that broke a policy in shadow mode.")                          \
    X(shadow_limited, "chatgate_shadow_limited_total", "counter",              \
      "Requests that a limit in shadow mode would have refused.")              \
    X(unrecorded, "chatgate_unrecorded_total", "counter",                      \
      "Requests answered without an audit line, because none could be "        \
      "written.")                                                              \
    X(bytes_in, "chatgate_body_bytes_in_total", "counter",                     \
      "Bytes of request bodies read.")                                         \
    X(bytes_out, "chatgate_body_bytes_out_total", "counter",                   \
      "Bytes of answers' bodies sent.")                                        \
    X(buffered_bytes, "chatgate_buffered_bytes", "gauge",                      \
      "Bytes of request bodies kept for forwarding now.")                      \
    X(validation_bytes, "chatgate_validation_bytes", "gauge",                  \
      "Bytes of memory that validations under way hold now.")                  \
    X(gate_held_bytes, "chatgate_gate_held_bytes", "gauge",                    \
      "Bytes read from clients and not yet handed on now.")                    \
    X(buffered_peak_bytes, "chatgate_exchange_buffered_peak_bytes", "max",     \
      "Most bytes of a body that one request has kept so far.")                \
    X(duration_us, "chatgate_request_microseconds_total", "counter",           \
      "Time from the head to the record, summed.")                             \
    X(upstream_us, "chatgate_upstream_microseconds_total", "counter",          \
      "Time spent in calls to the upstream, summed.")                          \
    X(upstream_calls, "chatgate_upstream_calls_total", "counter",              \
      "Calls to the upstream, lookups included.")                              \
    X(upstream_connects, "chatgate_upstream_connects_total", "counter",        \
      "Connections made to the upstream.")                                     \
    X(upstream_retries, "chatgate_upstream_retries_total", "counter",          \
      "Calls to the upstream that were tried a second time.")                  \
    X(upstream_failures, "chatgate_upstream_failures_total", "counter",        \
      "Calls to the upstream without a whole answer.")                         \
    X(limit_redis, "chatgate_limit_redis_total", "counter",                    \
      "Limit decisions made by Redis.")                                        \
    X(limit_local, "chatgate_limit_local_total", "counter",                    \
      "Limit decisions made in this process.")                                 \
    X(limit_open, "chatgate_limit_open_total", "counter",                      \
      "Requests let through undecided while Redis was away.")                  \
    X(limit_cache, "chatgate_limit_cache_total", "counter",                    \
      "Refusals known from the last one, without asking Redis.")               \
    X(limit_unknown, "chatgate_limit_unknown_total", "counter",                \
      "Charges and their returns whose outcome is unknown.")                   \
    X(limit_refunds, "chatgate_limit_refunds_total", "counter",                \
      "Charges given back because nothing was sent.")                          \
    X(limit_refunds_failed, "chatgate_limit_refunds_failed_total", "counter",  \
      "Charges that could not be given back.")                                 \
    X(redis_up, "chatgate_redis_up", "gauge",                                  \
      "Workers that have all of Redis: every master of a cluster.")            \
    X(redis_commands, "chatgate_redis_commands_total", "counter",              \
      "Commands for Redis, those refused while it was away included.")         \
    X(redis_writes, "chatgate_redis_writes_total", "counter",                  \
      "Writes to Redis: the commands of one loop turn go in one.")             \
    X(redis_timeouts, "chatgate_redis_timeouts_total", "counter",              \
      "Redis commands that passed their deadline.")                            \
    X(redis_circuit_opened, "chatgate_redis_circuit_opened_total", "counter",  \
      "Times that a Redis server was given up for a while.")                   \
    X(redis_redirects, "chatgate_redis_redirects_total", "counter",            \
      "MOVED and ASK answers of a Redis Cluster that were followed.")          \
    X(redis_switches, "chatgate_redis_switches_total", "counter",              \
      "Times that a cluster's map or the sentinels' master had changed.")      \
    X(sender_lookups, "chatgate_sender_lookups_total", "counter",              \
      "Chats whose sender was asked of the upstream.")                         \
    X(audit_lines, "chatgate_audit_lines_total", "counter",                    \
      "Audit lines written.")                                                  \
    X(audit_writes, "chatgate_audit_writes_total", "counter",                  \
      "Writes to the audit file.")                                             \
    X(audit_failures, "chatgate_audit_failures_total", "counter",              \
      "Writes to the audit file that failed.")

struct metrics {
#define X(field, name, type, help) uint64_t field;
    METRICS(X)
#undef X
    uint64_t refusals[HTTP_REFUSAL_COUNT];
};

/* Add `from` to `to`; "max" rows keep the greater. */
void metrics_add(struct metrics *to, const struct metrics *from);

/* Prometheus text exposition format 0.0.4. */
enum status metrics_write(const struct metrics *m,
                          struct buffer *to) MUST_CHECK;

#endif
