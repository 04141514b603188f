#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# request.sh [ROUNDS [SECONDS]] - what a request costs: chatgate doing the
# whole job (strict framing, the contract and its policies, one script call
# to Redis, forwarding, the record before the end of the answer) beside
# nginx with Lua doing as much of it as a few rules allow, and nginx as a
# plain proxy that does nothing of it.
#
# CPU of the contestant's own process a request, user and system, from
# /proc/PID/schedstat; latency as wrk sees it. The contestants take turns of
# SECONDS each, ROUNDS times, so that whatever else the machine does falls on
# all of them; the table has the median of the rounds, and the lowest and
# highest ratio of one round's.
#
# Run it in the build directory. It needs nginx, libnginx-mod-http-lua,
# lua-cjson, wrk and redis-server (Debian packages), and starts its own of
# each on loopback.
#
# Environment: CONNECTIONS (32), CHATGATE (./chatgate), ONLY (names of
# contestants: chatgate lua plain).
set -euo pipefail

rounds=${1:-5}
seconds=${2:-5}
connections=${CONNECTIONS:-32}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
chatgate=${CHATGATE:-./chatgate}
read -r -a names <<<"${ONLY:-chatgate lua plain}"
dir=$(mktemp -d "${TMPDIR:-/tmp}/bench-request.XXXXXX")
pids=()
as_root= # nginx's worker must reach a directory that is ours alone
[ "$(id -u)" -ne 0 ] || as_root=' user root;'

for program in nginx wrk redis-server redis-cli; do
    if ! command -v "$program" >/dev/null; then
        echo "request.sh: $program is missing: apt-get install nginx libnginx-mod-http-lua lua-cjson wrk redis-server" >&2
        exit 1
    fi
done

stop_all() {
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait
    rm -rf "$dir"
}
trap stop_all EXIT

declare -A port pid_of
free_port() { # NAME
    local p
    while :; do
        p=$((20000 + RANDOM % 12000))
        if ! (: >"/dev/tcp/127.0.0.1/$p") 2>/dev/null; then
            port[$1]=$p
            return
        fi
    done
}

configure() { # FILE
    sed -e "s|@DIR@|$dir|g" -e "s|@UPSTREAM@|${port[upstream]}|g" \
        -e "s|@PLAIN@|${port[plain]}|g" -e "s|@LUA@|${port[lua]}|g" \
        "$here/request/$1" >"$dir/$1"
}

# The pid whose CPU counts: nginx's only worker, chatgate itself.
start() { # NAME COMMAND...
    local name=$1 tries
    shift
    "$@" >"$dir/$name.out" 2>&1 </dev/null &
    pids+=($!)
    pid_of[$name]=$!
    for ((tries = 0; tries < 200; tries++)); do
        if (: >"/dev/tcp/127.0.0.1/${port[$name]}") 2>/dev/null; then
            return 0
        fi
        kill -0 "$!" 2>/dev/null || break
        sleep 0.05
    done
    cat "$dir/$name.out" "$dir/$name.err" >&2 2>/dev/null || true
    echo "request.sh: $name did not start" >&2
    exit 1
}

start_nginx() { # NAME FILE
    configure "$2"
    start "$1" nginx -p "$dir" -c "$dir/$2" -g "daemon off;$as_root"
    pid_of[$1]=$(pgrep -P "${pid_of[$1]}")
}

for name in upstream plain lua chatgate redis; do free_port "$name"; done
cp "$here/request/gate.lua" "$dir/"
start redis redis-server --port "${port[redis]}" --bind 127.0.0.1 --save '' \
    --appendonly no --dir "$dir" --unixsocket "$dir/redis.sock"
start_nginx upstream upstream.conf
for name in "${names[@]}"; do
    case $name in
    chatgate)
        mkdir "$dir/policies"
        cp "$top/policies/"*.json "$dir/policies/"
        # The shipped limit, with room for the bench's one sender.
        sed -e 's/"capacity": *[0-9]*/"capacity": 1000000/' \
            -e 's|"refill": *"[^"]*"|"refill": "1000000/s"|' \
            "$top/policies/sender-limits.policy.json" >"$dir/policies/sender-limits.policy.json"
        start chatgate "$chatgate" serve --workers 1 \
            --listen "127.0.0.1:${port[chatgate]}" --admin 127.0.0.1:0 \
            --upstream "http://127.0.0.1:${port[upstream]}" \
            --redis "unix://$dir/redis.sock" --policies "$dir/policies" \
            --audit "$dir/audit.jsonl"
        ;;
    *) start_nginx "$name" "nginx-$name.conf" ;;
    esac
done

cpu_ns() { # NAME
    awk '{n += $1} END {printf "%.0f\n", n}' "/proc/${pid_of[$1]}"/task/*/schedstat
}

declare -A results
run_once() { # NAME: adds "cpu_us p50_us p99_us requests" to its results
    local name=$1 before after line
    before=$(cpu_ns "$name")
    line=$(wrk -t1 -c"$connections" -d"$seconds" -s "$here/request/post.lua" \
        "http://127.0.0.1:${port[$name]}/v3/chats" | sed -n 's/^RESULT //p')
    after=$(cpu_ns "$name")
    # shellcheck disable=SC2086 # five numbers
    set -- $line
    if [ "${1:-0}" -eq 0 ] || [ "$4" -ne 0 ] || [ "$5" -ne 0 ]; then
        echo "request.sh: $name: requests, p50, p99, refused, failed: $line" >&2
        exit 1
    fi
    results[$name]+="$(awk "BEGIN {print ($after - $before) / 1000 / $1, $2, $3, $1}")"$'\n'
    : >"$dir/audit.jsonl"
}

for name in "${names[@]}"; do # warm, and not counted
    wrk -t1 -c"$connections" -d1 -s "$here/request/post.lua" \
        "http://127.0.0.1:${port[$name]}/v3/chats" >/dev/null
done
for ((round = 0; round < rounds; round++)); do
    for name in "${names[@]}"; do run_once "$name"; done
done

column() { # NAME COLUMN
    printf '%s' "${results[$1]}" | awk -v c="$2" '{print $c}'
}
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

printf '%d connections, one worker each, %d rounds of %d s\n\n' "$connections" "$rounds" "$seconds"
printf '%-10s %14s %12s %12s %12s\n' '' 'CPU us/request' 'p50 us' 'p99 us' 'requests/s'
for name in "${names[@]}"; do
    printf '%-10s %14.1f %12.0f %12.0f %12.0f\n' "$name" "$(column "$name" 1 | median)" \
        "$(column "$name" 2 | median)" "$(column "$name" 3 | median)" \
        "$(column "$name" 4 | awk -v s="$seconds" '{print $1 / s}' | median)"
done
echo
for name in "${names[@]}"; do
    if [ "$name" = chatgate ] || [ -z "${results[chatgate]:-}" ]; then
        continue
    fi
    printf 'chatgate / %-6s CPU %s   p99 %s\n' "$name" \
        "$(paste -d' ' <(column chatgate 1) <(column "$name" 1) | awk '{print $1 / $2}' | sort -n |
            awk '{v[NR] = $1} END {printf "%.2f (%.2f to %.2f)", v[int((NR + 1) / 2)], v[1], v[NR]}')" \
        "$(paste -d' ' <(column chatgate 3) <(column "$name" 3) | awk '{print $1 / $2}' | sort -n |
            awk '{v[NR] = $1} END {printf "%.2f (%.2f to %.2f)", v[int((NR + 1) / 2)], v[1], v[NR]}')"
done
