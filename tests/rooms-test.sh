#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# rooms-test.sh - rooms.sh finds what it is for: it is run over small trees
# with one mistake each.
set -eu

top=${TOP_SRCDIR:-$(cd "$(dirname "$0")/.." && pwd)}
dir=$(mktemp -d "${TMPDIR:-/tmp}/rooms-test.XXXXXX")
trap 'rm -rf "$dir"' EXIT
failed=0

# try WANTED_STATUS WANTED_TEXT FILE LINE: a tree whose FILE has LINE.
try() {
    rm -rf "$dir/src"
    mkdir -p "$dir/src/base" "$(dirname "$dir/src/$3")"
    echo '#include <stdint.h>' >"$dir/src/base/ok.h"
    printf '/* first */\n%s\n' "$4" >"$dir/src/$3"
    status=0
    said=$("$top/tests/rooms.sh" "$dir/src" 2>&1) || status=$?
    if [ "$status" -ne "$1" ]; then
        echo "$3 with $4: status $status instead of $1: $said"
        failed=1
    elif [ -n "$2" ] && [ "$said" != "src/$3:2: $2" ]; then
        echo "$3 with $4 said: $said"
        failed=1
    fi
}

try 0 '' http/gate.c '#include "base/text.h"'
try 0 '' http/gate.c '#include "config.h"'
try 0 '' admin/admin.c '#include <event2/bufferevent.h>'
try 0 '' limit/a.c '#include <event2/event.h>'
try 0 '' base/redis.c '#include <hiredis/async.h>'
try 0 '' base/json_load.c '#include <yajl/yajl_parse.h>'
try 0 '' main.c '#include "cli/cli.h"'
try 0 '' policy/format.c '#include "src/policy/policy_schema.inc"'
try 0 '' gateway/exchange.c '#include "http/server.h"'

try 1 'the room base may not include schema/scan.h' \
    base/a.c '#include "schema/scan.h"'
try 1 'the room limit may not include sender/sender.h' \
    limit/a.c '  #  include "sender/sender.h"'
try 1 'the room http may not include gateway/worker.h' \
    http/a.h '#include "gateway/worker.h"'
try 1 'the room admin may not include gateway/server.h' \
    admin/a.c '#include "gateway/server.h"'
try 1 'the room main may not include gateway/server.h' \
    main.c '#include "gateway/server.h"'
try 1 'the room limit may not include src/policy/policy_schema.inc' \
    limit/a.c '#include "src/policy/policy_schema.inc"'
try 1 'write the room of "text.h" too' base/a.c '#include "text.h"'
try 1 '<curl/curl.h> is not at home here' gateway/a.c '#include <curl/curl.h>'
try 1 '<hiredis/hiredis.h> is not at home here' \
    limit/a.c '#include <hiredis/hiredis.h>'
try 1 '<yajl/yajl_parse.h> is not at home here' \
    upstream/answer.c '#include <yajl/yajl_parse.h>'
try 1 '<event2/http.h> is not at home here' gateway/a.c '#include <event2/http.h>'
try 1 '<openssl/ssl.h> is not at home here' base/id.c '#include <openssl/ssl.h>'
try 1 '' cellar/a.c '#include <stdint.h>'

if "$top/tests/rooms.sh" "$dir/nowhere" 2>/dev/null; then
    echo "a source directory that is not there passed"
    failed=1
fi

exit "$failed"
