#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# limit.sh [SECONDS] - decisions a second through the limiter on one core,
# beside redis-benchmark running the same script on the same server; and
# what a bucket takes in Redis.
#
# Run it in the build directory after `make tests/bench/limit`. The server has
# the first core to itself where there are two, the clients the second.
set -eu

seconds=${1:-3}
bench=${TOP_BUILDDIR:-.}/tests/bench/limit
dir=$(mktemp -d "${TMPDIR:-/tmp}/bench-limit-XXXXXX")
socket=$dir/socket
on_first='' on_second=''
if [ "$(nproc)" -gt 1 ]; then
    on_first='taskset -c 0' on_second='taskset -c 1'
fi

$on_first redis-server --save '' --appendonly no --port 0 --dir "$dir" \
    --unixsocket "$socket" --logfile "$dir/log" &
server=$!
trap 'kill "$server"; wait "$server" || :; rm -r "$dir"' EXIT
while ! redis-cli -s "$socket" ping >"$dir/ping" 2>&1; do sleep 0.1; done

cli() { redis-cli -s "$socket" "$@"; }

echo 'decisions a second (CPU of the client, us each; decisions a write)'
for limits in 1 2; do
    for under_way in 1 32 256; do
        # shellcheck disable=SC2046 # three words
        set -- $($on_second "$bench" "$socket" "$seconds" $under_way $limits)
        printf '  limiter, %s limit(s), %3s under way      %8s  (%s; %s)\n' \
            $limits $under_way "$1" "$2" "$3"
    done
done

sha=$(cli -x script load <<SCRIPT
$("$bench" script)
SCRIPT
)
key='chatgate:{+1415__rand_int__}:sender-limits'
peer() { # LIMITS CLIENTS PIPELINE
    if [ "$1" = 1 ]; then
        set -- "$@" 1 "$key:burst:" take 30000000 1 1 1000000 0
    else
        set -- "$@" 2 "$key:burst:" "$key:day:" take \
            30000000 1 1 1000000 0 5000000000 5000 86400 1000000 0
    fi
    name="redis-benchmark, $1 limit(s), -c $2 -P $3"
    clients=$2 pipeline=$3
    shift 3
    rate=$($on_second redis-benchmark -s "$socket" -q -r 100000 \
        -n $((seconds * 30000)) -c "$clients" -P "$pipeline" \
        evalsha "$sha" "$@" | tr '\r' '\n' |
        sed -n 's/.*: \([0-9.]*\) requests per second.*/\1/p' | tail -n 1)
    printf '  %-40s %8.0f\n' "$name" "$rate"
}
for limits in 1 2; do
    peer $limits 1 1
    peer $limits 32 1
    peer $limits 1 32
    peer $limits 1 256
done

used() { cli info memory | tr -d '\r' | sed -n 's/^used_memory://p'; }
echo 'bytes of Redis memory a key (MEMORY USAGE; used_memory with its tables)'
for limit in burst day; do
    cli flushall >"$dir/ping"
    sleep 1 # tables shrink in the background
    before=$(used)
    "$bench" "$socket" fill 200000 $limit
    keys=$(cli dbsize)
    after=$(used)
    one=$(cli memory usage \
        "chatgate:{+14150199999}:sender-limits:$limit:")
    printf '  %-40s %8s  (%s)\n' "$limit, $keys keys" "$one" \
        $(((after - before) / keys))
done
