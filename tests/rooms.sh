#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# rooms.sh [SRC] - every room of src/ includes only what lies below it, and
# third-party headers only where they are at home.
#
# The linker proves the order for calls; this proves it for headers. Prints one
# line a violation, as file:line: message, and ends with 1 if there is any.
set -eu

src=${1:-${TOP_SRCDIR:-$(dirname "$0")/..}/src}

# ROOM: the rooms it may include, besides itself. The six that policy opens
# never include one another; gateway introduces them.
rooms='
base
config    base
schema    base
policy    base config schema
audit     base config schema
sender    base config schema
limit     base config schema
upstream  base config schema
http      base config schema
admin     base config schema policy audit sender limit upstream http
gateway   base config schema policy audit sender limit upstream http admin
cli       base config schema policy audit sender limit upstream http admin gateway
main      base cli
'

# HEADER: where it is at home, as prefixes of file names below src/.
homes='
event2/http          admin/
event2/bufferevent   admin/
event2/listener      http/ admin/
event2/keyvalq       admin/
curl/                upstream/
hiredis/             base/redis
yajl/yajl_parse      schema/ base/json
yajl/yajl_tree       nowhere
yajl/yajl_gen        base/json_write
pcre2.h              schema/
idn2.h               schema/
openssl/             http/ base/crypto
systemd/             gateway/
'

if ! [ -d "$src" ]; then
    echo "rooms.sh: $src is no directory" >&2
    exit 2
fi
cd "$src"

# shellcheck disable=SC2016 # the dollars are awk's
find . -name '*.[ch]' | sed 's|^\./||' | LC_ALL=C sort |
xargs -r awk -v rooms="$rooms" -v homes="$homes" '
function complain(what) {
    printf "src/%s:%d: %s\n", FILENAME, FNR, what
    bad = 1
}
BEGIN {
    n = split(rooms, lines, "\n")
    for (i = 1; i <= n; i++) {
        m = split(lines[i], words, " ")
        if (m == 0)
            continue
        known[words[1]] = 1
        may[words[1], words[1]] = 1
        for (j = 2; j <= m; j++)
            may[words[1], words[j]] = 1
    }
    n = split(homes, lines, "\n")
    for (i = 1; i <= n; i++)
        if (split(lines[i], words, " ") > 0) {
            header[++headers] = words[1]
            m = split(lines[i], words, " ")
            home_count[headers] = m - 1
            for (j = 2; j <= m; j++)
                home[headers, j - 1] = words[j]
        }
}
FNR == 1 {
    room = FILENAME
    if (!sub("/.*", "", room))
        room = "main"
    if (!(room in known))
        complain("no room is called " room ": give it a place in tests/rooms.sh")
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, quoted, "\"")
    other = quoted[2]
    if (other == "config.h") # what configure found out
        next
    sub("^src/", "", other)  # something generated, found from the build tree
    if (!sub("/.*", "", other))
        complain("write the room of \"" quoted[2] "\" too")
    else if (!((room, other) in may))
        complain("the room " room " may not include " quoted[2])
    next
}
/^[ \t]*#[ \t]*include[ \t]*</ {
    split($0, quoted, "[<>]")
    for (i = 1; i <= headers; i++) {
        if (index(quoted[2], header[i]) != 1)
            continue
        found = 0
        for (j = 1; j <= home_count[i]; j++)
            if (index(FILENAME, home[i, j]) == 1)
                found = 1
        if (!found)
            complain("<" quoted[2] "> is not at home here")
    }
}
END {
    exit bad
}' || exit 1 # xargs has a status of its own for that
