#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# quickstart.sh [--keep] - see chatgate work, in one command, on Debian 12.
#
# Installs the packages that are missing, builds, starts a redis-server, a
# stand-in for the chat API (tests/stub) and chatgate on free ports of
# 127.0.0.1, sends a valid message, an invalid one and a burst that is
# limited, shows the answers and what was recorded of them, and stops
# everything it started. May be run again, as root or with sudo.
#
#   --keep   leave it running, and say how to use and to stop it
#
# BUILD is the build directory (build-quickstart in the checkout).
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${BUILD:-$top/build-quickstart}
keep=0
pids=()
dir=

case ${1:-} in
'') ;;
--keep) keep=1 ;;
-h | --help)
    sed -n '4,/^set /s/^# \{0,1\}//p' "$0" | sed '$d'
    exit 0
    ;;
*)
    echo "quickstart: what is $1? (--keep is all it takes)" >&2
    exit 2
    ;;
esac

fail() {
    echo "quickstart: $*" >&2
    exit 1
}

stop_all() {
    local pid
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in "${pids[@]}"; do
        wait "$pid" 2>/dev/null || true
    done
    if [ -n "$dir" ]; then
        rm -rf "$dir"
    fi
}
trap stop_all EXIT
trap 'exit 130' INT TERM

# ---- packages and program ----

install_missing() {
    local package missing=() sudo=()
    for package in gcc make autoconf automake pkg-config libc6-dev libevent-dev \
        libcurl4-openssl-dev libyajl-dev libhiredis-dev libpcre2-dev libssl-dev \
        libidn2-dev uthash-dev check redis-server curl; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            missing+=("$package")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    echo "Installing ${missing[*]}"
    [ "$(id -u)" -eq 0 ] || sudo=(sudo)
    # The package lists may be missing or old: then once more with new ones.
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null ||
        { "${sudo[@]}" apt-get -qq update &&
            "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
                apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null; } ||
        fail "some packages could not be installed"
}

# Quietly, unless it goes wrong.
quietly() {
    "$@" >"$build/quickstart.log" 2>&1 && return 0
    tail -n 40 "$build/quickstart.log" >&2
    fail "$* did not work"
}

build_all() {
    mkdir -p "$build"
    cd "$top"
    if ! [ -x configure ] || [ configure.ac -nt configure ]; then
        quietly autoreconf -fi
    fi
    cd "$build"
    if ! [ -e config.status ] || [ "$top/configure" -nt config.status ]; then
        quietly "$top/configure" -q
    fi
    quietly make -j"$(nproc)" chatgate tests/stub/stub
    cd "$top"
}

# ---- the three programs ----

# start NAME COMMAND...: in the background, in a session of its own, so that
# with --keep it outlives this terminal.
start() {
    local name=$1
    shift
    setsid "$@" >"$dir/$name.log" 2>&1 </dev/null &
    pids+=($!)
}

# said NAME TEXT: what stands behind TEXT in the log of the last one started,
# once it is there. Status 1: it ended without saying it, or took too long.
said() {
    local tries line
    for ((tries = 0; tries < 300; tries++)); do
        line=$(grep -m 1 -F "$2" "$dir/$1.log" 2>/dev/null || true)
        if [ -n "$line" ]; then
            echo "${line##*"$2"}"
            return 0
        fi
        kill -0 "${pids[-1]}" 2>/dev/null || return 1
        sleep 0.05
    done
    return 1
}

start_redis() {
    local tries
    for ((tries = 0; tries < 10; tries++)); do
        redis_port=$((20000 + RANDOM % 10000))
        start redis redis-server --port "$redis_port" --bind 127.0.0.1 \
            --save '' --appendonly no --dir "$dir"
        if said redis 'Ready to accept connections' >/dev/null; then
            return 0
        fi
        unset 'pids[-1]' # the port was taken
    done
    cat "$dir/redis.log" >&2
    fail "redis-server did not start"
}

write_policies() {
    mkdir "$dir/policies"
    cp "$top/policies/chats-v3.json" "$dir/policies/"
    cat >"$dir/policies/quickstart.policy.json" <<'POLICY'
{"name": "quickstart",
 "limits": [{"name": "burst", "per": ["sender"], "capacity": 5, "refill": "1/s"}]}
POLICY
}

start_all() {
    dir=$(mktemp -d "${TMPDIR:-/tmp}/chatgate-quickstart.XXXXXX")
    audit=$dir/audit.jsonl
    write_policies
    start_redis
    start stub "$build/tests/stub/stub"
    stub=$(said stub 'stub.bound address=') || {
        cat "$dir/stub.log" >&2
        fail "the stub upstream did not start"
    }
    unset "${!CHATGATE_@}" # a configuration of yours would override this one
    start chatgate "$build/chatgate" serve \
        --listen 127.0.0.1:0 --admin 127.0.0.1:0 --upstream "http://$stub" \
        --redis "redis://127.0.0.1:$redis_port" --policies "$dir/policies" \
        --audit "$audit"
    if ! gate=$(said chatgate 'listener.bound address=') ||
        ! admin=$(said chatgate 'admin.bound address='); then
        cat "$dir/chatgate.log" >&2
        fail "chatgate did not start"
    fi
    cat <<WHERE
redis-server      127.0.0.1:$redis_port
stub upstream     http://$stub
chatgate          http://$gate   (admin: http://$admin)
audit file        $audit
WHERE
}

# ---- the tour ----

from=+14155550100

# post PARTS: createChat with these parts; head and body go to files.
post() {
    status=$(curl -sS -o "$dir/body" -D "$dir/head" -w '%{http_code}' \
        -H 'Authorization: Bearer quickstart' -H 'Content-Type: application/json' \
        -d "{\"from\": \"$from\", \"to\": [\"+14155550199\"], \"message\": {\"parts\": $1}}" \
        "http://$gate/v3/chats") || fail "chatgate does not answer"
}

expect() {
    [ "$status" = "$1" ] && return 0
    cat "$dir/head" "$dir/body" >&2
    fail "the answer was $status instead of $1"
}

show_answer() {
    tr -d '\r' <"$dir/head" | grep -iE '^(HTTP/|retry-after|ratelimit|x-request-id|x-trace-id)' |
        sed 's/^/  < /'
    printf '\n  %s\n' "$(cat "$dir/body")"
}

tour() {
    local text='[{"type": "text", "value": "Hello"}]' parts limited=0 sent trace

    printf '\n1. A valid message\n'
    post "$text"
    expect 201
    show_answer
    trace=$(sed -n 's/.*"trace_id": *"\([0-9a-f]*\)"}$/\1/p' "$dir/body")

    printf '\n2. Two text parts in a row, which the API forbids\n'
    parts='[{"type": "text", "value": "one"}, {"type": "text", "value": "two"}]'
    post "$parts"
    expect 400
    show_answer

    printf '\n3. A burst of ten from one number, whose bucket holds five and gets one a second\n'
    for ((sent = 0; sent < 10; sent++)); do
        post "$text"
        printf '  < %s\n' "$(head -n 1 "$dir/head" | tr -d '\r')"
        case $status in
        201) ;;
        429)
            limited=$((limited + 1))
            cp "$dir/head" "$dir/head429"
            cp "$dir/body" "$dir/body429"
            ;;
        *) expect 201 ;;
        esac
    done
    [ "$limited" -gt 0 ] || fail "the burst was not limited"
    printf '\n  one of the refused:\n'
    cp "$dir/head429" "$dir/head"
    cp "$dir/body429" "$dir/body"
    show_answer

    printf '\n4. What the audit file says of the first, the invalid and a limited one\n'
    { sed -n -e '1p' -e '2p' "$audit" && grep -m 1 '"decision":"limited"' "$audit"; } |
        sed 's/^/\n  /'
    grep -q "\"trace_id\":\"$trace\"" "$audit" ||
        fail "the upstream's trace_id $trace is not in the audit file"
    printf '\nThe trace_id that the upstream gave to the first, %s, leads to its line:\n\n' "$trace"
    "$build/chatgate" audit --trace-id "$trace" "$audit"
}

install_missing
echo "Building in $build"
build_all
start_all
tour
if [ "$keep" -eq 1 ]; then
    trap - EXIT
    cat <<KEPT

It keeps running. Try it:

  curl -i -H 'Authorization: Bearer me' -H 'Content-Type: application/json' \\
    -d '{"from": "+14155550123", "to": ["+14155550199"],
         "message": {"parts": [{"type": "text", "value": "Hi"}]}}' \\
    http://$gate/v3/chats
  curl http://$admin/metrics
  tail -f $audit

Stop it, and remove its files:

  kill ${pids[*]} && rm -rf $dir

quickstart: done, and left running
KEPT
    exit 0
fi
stop_all
trap - EXIT
printf '\nquickstart: done, and everything it started is stopped\n'
