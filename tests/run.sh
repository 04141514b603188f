#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh [--all] - install what is missing, build with sanitizers, run the
# tests. May be run again and again, as root or with sudo, from anywhere.
#
#   --all   the long ones too: valgrind, every library call failed once,
#           100 reloads and 5 restarts under load, 10,000 idle connections, a
#           soak, fuzzing for a minute a target, make distcheck
#
# Environment:
#   BUILD         build directory (build-tests in the checkout)
#   JOBS          parallel compilations (the number of cores)
#   CHECK_JOBS    parallel tests (2)
#   FUZZ_SECONDS  a fuzz target (10; with --all 60)
#   SOAK_SECONDS  of the soak (60); by hand 600 or more
#   NO_INSTALL=1  never call apt-get; what is missing is an error
#
# The last line is "N passed, N failed": test programs, the client's checks,
# fuzz targets and the other steps. The logs stay in BUILD/logs.
# shellcheck disable=SC2317 # most functions are called through step
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${BUILD:-$top/build-tests}
jobs=${JOBS:-$(nproc)}
check_jobs=${CHECK_JOBS:-2}
all=0
passed=0
failed=0

for argument in "$@"; do
    case $argument in
    --all) all=1 ;;
    -h | --help)
        sed -n '4,/^set /s/^# \{0,1\}//p' "$0" | sed '$d'
        exit 0
        ;;
    *)
        echo "run.sh: what is $argument? (--all is all it takes)" >&2
        exit 2
        ;;
    esac
done
fuzz_seconds=${FUZZ_SECONDS:-$((all ? 60 : 10))}

# Debian package, and a command that makes it unnecessary ("-": none does).
packages() {
    cat <<'LIST'
gcc gcc
make make
autoconf autoreconf
automake automake
pkg-config pkg-config
libc6-dev -
libevent-dev -
libcurl4-openssl-dev -
libyajl-dev -
libhiredis-dev -
libpcre2-dev -
libssl-dev -
libidn2-dev -
uthash-dev -
check checkmk
redis-server redis-server
nodejs node
npm npm
ca-certificates -
clang clang
libclang-rt-14-dev -
LIST
    if [ "$all" -eq 1 ]; then
        echo "valgrind valgrind"
        echo "xz-utils xz"
    fi
}

is_installed() { # PACKAGE COMMAND
    if [ "$2" != - ] && command -v "$2" >/dev/null 2>&1; then
        return 0
    fi
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

apt() {
    local sudo=()
    [ "$(id -u)" -eq 0 ] || sudo=(sudo)
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q "$@"
}

install_missing() {
    local missing=() package command
    while read -r package command; do
        is_installed "$package" "$command" || missing+=("$package")
    done < <(packages)
    [ "${#missing[@]}" -gt 0 ] || return 0
    echo "missing: ${missing[*]}"
    if [ "${NO_INSTALL:-0}" = 1 ]; then
        echo "run.sh: apt-get install ${missing[*]}" >&2
        return 1
    fi
    apt install -y --no-install-recommends "${missing[@]}" && return 0
    # The package lists may be missing or old.
    apt update && apt install -y --no-install-recommends "${missing[@]}"
}

# step NAME COMMAND...: run it quietly, in a subshell; show its log when it
# fails. (What runs in a condition is not ended by set -e: the commands of a
# step's function are joined with &&.)
step() {
    local name=$1 log=$build/logs/$1.log begin=$SECONDS
    shift
    if ("$@") >"$log" 2>&1; then
        printf '%-24s ok      %4d s\n' "$name" $((SECONDS - begin))
        return 0
    fi
    printf '%-24s FAILED  %4d s\n' "$name" $((SECONDS - begin))
    echo "---- $log"
    tail -n "${SHOW_LINES:-80}" "$log"
    echo "----"
    return 1
}

# A step that counts as one test.
counted() {
    if step "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}

finish() {
    echo
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] || exit 1
    exit 0
}

# A step without which nothing further makes sense.
needed() {
    step "$@" && return 0
    failed=$((failed + 1))
    finish
}

# configure_in DIRECTORY ARGUMENT...: once; again when configure has changed.
configure_in() {
    local dir=$1
    shift
    mkdir -p "$dir" && cd "$dir" || return
    if [ -e config.status ] && [ "$(cat configured-with 2>/dev/null)" = "$*" ] &&
        [ config.status -nt "$top/configure" ]; then
        return 0
    fi
    "$top/configure" -q "$@" && echo "$*" >configured-with
}

regenerate() {
    cd "$top" || return
    if [ -e configure ] && [ -e Makefile.in ] &&
        [ -z "$(find configure.ac Makefile.am src tests \( -name '*.am' -o -name '*.ac' \) -newer configure)" ]; then
        return 0
    fi
    autoreconf -fi
}

# make check of one directory; its test programs are counted one by one.
run_check() {
    local name=$1 dir=$2 log=$build/logs/$1.log begin=$SECONDS status=0 good bad
    shift 2
    make -C "$dir" -k -j"$check_jobs" "$@" check >"$log" 2>&1 || status=$?
    good=$(sed -n 's/^# PASS: *//p' "$log" | tail -n 1)
    bad=$(sed -n 's/^# \(FAIL\|ERROR\|XPASS\): *//p' "$log" | awk '{n += $1} END {print n + 0}')
    passed=$((passed + ${good:-0}))
    failed=$((failed + bad))
    if [ "$status" -eq 0 ]; then
        printf '%-24s ok      %4d s  (%s programs)\n' "$name" $((SECONDS - begin)) "${good:-0}"
        return 0
    fi
    printf '%-24s FAILED  %4d s\n' "$name" $((SECONDS - begin))
    if [ -z "$good" ]; then # it did not come to the tests
        failed=$((failed + 1))
        tail -n 80 "$log"
    fi
    show_failed_programs "$log" "$dir"
}

show_failed_programs() { # LOG DIRECTORY
    local program
    sed -n 's/^\(FAIL\|ERROR\|XPASS\): //p' "$1" | sort -u |
        while read -r program; do
            echo "---- $program"
            tail -n 200 "$2/$program.log" 2>/dev/null || true
            echo "----"
        done
}

# The published client, in a directory of its own: the checkout stays clean.
install_client() {
    mkdir -p "$build/client" && cd "$build/client" &&
        cp "$top/tests/client/package.json" "$top/tests/client/package-lock.json" \
            "$top/tests/client/.npmrc" "$top"/tests/client/*.mjs . || return
    if cmp -s package-lock.json installed-lock.json; then
        return 0
    fi
    npm ci --prefer-offline && cp package-lock.json installed-lock.json
}

run_client() {
    local log=$build/logs/client.log good bad begin=$SECONDS status=0
    (
        cd "$build/client"
        TOP_SRCDIR=$top TOP_BUILDDIR=$build/check node run.mjs
    ) >"$log" 2>&1 || status=$?
    good=$(grep -c '^ok ' "$log" || true)
    bad=$(grep -c '^not ok ' "$log" || true)
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1 # it broke off
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
    if [ "$bad" -eq 0 ]; then
        printf '%-24s ok      %4d s  (%s checks)\n' client $((SECONDS - begin)) "$good"
    else
        printf '%-24s FAILED  %4d s\n' client $((SECONDS - begin))
        cat "$log"
    fi
}

fuzz_targets() {
    find "$top/tests/fuzz" -maxdepth 1 -name '*.c' \
        -exec grep -q LLVMFuzzerTestOneInput {} \; -exec basename -s .c {} \; |
        LC_ALL=C sort
}

build_fuzz_targets() {
    # shellcheck disable=SC2046 # names without spaces
    make -C "$build/fuzz" -j"$jobs" $(fuzz_targets | sed 's|^|tests/fuzz/|')
}

# fuzz_one TARGET: from its corpus, new finds going to a directory beside it.
fuzz_one() {
    local target=$1 options=() corpora=()
    mkdir -p "$build/fuzz/found/$target" "$build/fuzz/crashes" || return
    corpora=("$build/fuzz/found/$target")
    if [ -d "$top/tests/fuzz/corpus/$target" ]; then
        corpora+=("$top/tests/fuzz/corpus/$target")
    fi
    if [ -f "$top/tests/fuzz/$target.dict" ]; then
        options+=("-dict=$top/tests/fuzz/$target.dict")
    fi
    cd "$build/fuzz" || return
    "tests/fuzz/$target" -max_total_time="$fuzz_seconds" -timeout=10 \
        -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="crashes/$target-" \
        "${options[@]}" "${corpora[@]}"
}

run_fuzzing() {
    local targets
    targets=$(fuzz_targets)
    if [ -z "$targets" ]; then
        echo "no fuzz targets"
        return 0
    fi
    if ! step fuzz-configure configure_in "$build/fuzz" CC=clang CFLAGS='-g -O1' \
        --enable-fuzzing --enable-sanitizers ||
        ! step fuzz-build build_fuzz_targets; then
        failed=$((failed + 1))
        return 0
    fi
    local running=() target
    for target in $targets; do
        step "fuzz-$target" fuzz_one "$target" &
        running+=($!)
        if [ "${#running[@]}" -ge 2 ]; then
            reap "${running[0]}"
            running=("${running[@]:1}")
        fi
    done
    for target in "${running[@]}"; do
        reap "$target"
    done
}

reap() { # PID of a fuzzing step
    if wait "$1"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}

# The scripts too are held to a linter, where there is one.
lint_scripts() {
    cd "$top" &&
        shellcheck tests/run.sh tests/rooms.sh tests/rooms-test.sh .ci/run deploy/*.sh
}

# Valgrind sees what ASan does not (uninitialised memory); it is slow.
run_valgrind() {
    cd "$build/valgrind" || return
    TEST_SLOW=10 CK_TIMEOUT_MULTIPLIER=10 \
        TEST_WRAPPER='valgrind -q --leak-check=full --errors-for-leak-kinds=definite --error-exitcode=97' \
        make check TESTS='tests/integration/create tests/integration/forward tests/integration/limits'
}

# Every library call of a request fails once, and nobody else notices.
run_torture() {
    cd "$build/valgrind" && make tests/torture/interpose.so tests/torture/torture &&
        TORTURE=all tests/torture/torture
}

run_thorough() {
    cd "$build/valgrind" &&
        TEST_THOROUGH=1 make check TESTS='tests/integration/restart tests/integration/bounds'
}

# Clients and neighbours that fail at random; its figures are in the log.
run_soak() {
    cd "$build/valgrind" && make tests/soak/soak &&
        SOAK_SECONDS=${SOAK_SECONDS:-60} tests/soak/soak
}

distcheck() {
    make -C "$build/check" -j"$jobs" distcheck
}

mkdir -p "$build/logs"
SECONDS=0
needed install install_missing
needed autoreconf regenerate
needed configure configure_in "$build/check" CFLAGS='-g -O1' --enable-sanitizers
needed build make -C "$build/check" -j"$jobs"
needed build-tests make -C "$build/check" -j"$jobs" check TESTS=
run_check check "$build/check"
if step client-install install_client; then
    run_client
else
    failed=$((failed + 1))
fi
run_fuzzing
if command -v shellcheck >/dev/null 2>&1; then
    counted shellcheck lint_scripts
fi
if [ "$all" -eq 1 ]; then
    needed valgrind-configure configure_in "$build/valgrind" CFLAGS='-g -O1'
    needed valgrind-build make -C "$build/valgrind" -j"$jobs" check TESTS=
    counted valgrind run_valgrind
    counted torture run_torture
    counted thorough run_thorough
    counted soak run_soak
    counted distcheck distcheck
fi
echo "after $SECONDS s"
finish
