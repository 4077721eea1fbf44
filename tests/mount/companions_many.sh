#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The companions on ten thousand tags: bounded memory, rows as they come, a reader that has seen enough,
# a mount that ends in the middle. And text of an image that would move the cursor.
. "$(dirname "$0")/lib.sh"
require jq python3 script
expect_errors

images=$(dirname "$DIGESTFS")/digestfs-images
compare=$(dirname "$DIGESTFS")/digestfs-compare
count=10000
layout=$work/layout
cp -r "$SOURCE_DIR/examples/multi-arch" "$layout"
chmod -R u+w "$layout"
jq -c --argjson count "$count" '.manifests |= (
    map(select(.annotations["org.opencontainers.image.ref.name"] == "demo-x86_64"))[0] as $image |
    [range($count) | $image * {annotations: {"org.opencontainers.image.ref.name": "t\(.)"}}])' \
  "$layout/index.json" >"$work/index.json"
cp "$work/index.json" "$layout/index.json"

# most_memory OUTPUT COMMAND…: the most KiB that the command had resident at a time. What a sanitizer
# keeps of freed memory does not count.
most_memory() {
  ASAN_OPTIONS="${ASAN_OPTIONS:-}:quarantine_size_mb=1" python3 - "$@" <<'PYTHON'
import os, sys
with open(sys.argv[1], "wb") as output:
    child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ,
                           file_actions=[(os.POSIX_SPAWN_DUP2, output.fileno(), 1)])
_, status, usage = os.wait4(child, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
PYTHON
}

# --- memory ---------------------------------------------------------------------------------------

mount_source "oci:$layout"
few=$(most_memory "$work/few" "$images" --stream --tag 't1?' "$mnt")
expect_eq "$(wc -l <"$work/few")" 11
many=$(most_memory "$work/many" "$images" --stream "$mnt")
expect_eq "$(wc -l <"$work/many")" $((count + 1)) 'a line for each tag, and one above them'
expect_eq "$(awk 'NR > 1 { print $2 }' "$work/many" | sort -u | wc -l)" "$count" 'each tag once'
((many - few < 32 << 10)) || fail "ten tags take $few KiB, and $count tags $many KiB"

# --- a mount that ends in the middle ----------------------------------------------------------------

mkfifo "$work/rows"
"$images" --stream "$mnt" >"$work/rows" 2>"$work/why" &
reader=$!
started "$reader"
exec 4<"$work/rows"
read -r _ <&4
read -r first <&4
[[ $first == *' linux/amd64 '* ]] || fail "the first row is $first"
kill -KILL "$(daemon_pid)"
wait "$(daemon_pid)" 2>/dev/null || true
cat <&4 >"$work/rest"
exec 4<&-
status=0
wait "$reader" || status=$?
((status == 1 || status == 2)) || fail "the mount ended, and the exit status is $status"
grep -qh 'the digestfs of this mount has ended' "$work/rest" "$work/why" ||
  fail "nothing says that the mount ended: $(tail -n 1 "$work/rest") $(<"$work/why")"
fusermount3 -u "$mnt"
unset "daemons[$mnt]"

# --- rows as they come ----------------------------------------------------------------------------

# Who has seen a row ends the program long before it has asked for all tags.
python3 "$SOURCE_DIR/tests/support/failing_registry.py" "$layout" "$work/port" 2>"$work/asked" &
started $!
eventually 30 test -s "$work/port" || fail 'the registry does not start'
mount_source "$(<"$work/port")/a"
expect_eq "$("$images" --stream --tag 't*' "$mnt" | head -n 2 | wc -l)" 2
asked=$(grep -c /manifests/t "$work/asked")
((asked > 0 && asked < count)) || fail "$asked tags were asked for"
unmount

# --- text that would move the cursor --------------------------------------------------------------

# add FILE NAME: puts a manifest or config into the layout; prints its digest and size as JSON.
add() {
  local hex
  hex=$(sha256sum <"$1" | cut -d ' ' -f 1)
  cp "$1" "$layout/blobs/sha256/$hex"
  jq -nc --arg digest "sha256:$hex" --argjson size "$(stat -c %s "$1")" '{$digest, $size}'
}
blob() { echo "$layout/blobs/${1/://}"; }
good=$(jq -r '.manifests[0].digest' "$layout/index.json")
config=$(jq -r .config.digest "$(blob "$good")")
jq -c '.config.Labels.evil = "\u001b[2J\u001b[H\u009b2J\r" | .history[0].created_by = "\u001b]0;evil\u0007"' \
  "$(blob "$config")" >"$work/config"
jq -c --argjson config "$(add "$work/config")" '.config += $config | .annotations.evil = "\u001b[31m"' \
  "$(blob "$good")" >"$work/manifest"
jq -c --argjson evil "$(add "$work/manifest")" '.manifests |= [.[0],
  (.[0] * $evil * {annotations: {"org.opencontainers.image.ref.name": "evil"}})]' \
  "$layout/index.json" >"$work/index.json"
cp "$work/index.json" "$layout/index.json"
mount_source "oci:$layout"
export NO_COLOR=1 SHELL=/bin/bash

# What is read of two images takes a while over a network, so it shows on a terminal, and is gone.
script --quiet --command "stty cols 80; '$compare' '$mnt/tags/t0' '$mnt/tags/t0'" /dev/null \
  </dev/null >"$work/shown"
grep -qF $'\rreading '"${mnt:0:20}" "$work/shown" || fail "no progress: $(cat -v "$work/shown")"
expect_eq "$(sed $'s/.*\r\x1b\\[K//' "$work/shown" | tr -d '\r' | grep -v '^Script ' | head -n 1)" \
  'A and B are the same manifest.' 'what is left of it'
"$compare" "$mnt/tags/t0" "$mnt/tags/t0" >"$work/shown" 2>&1
! grep -q reading "$work/shown" || fail 'progress where there is no terminal'

script --quiet --command "stty cols 80; '$compare' --quiet '$mnt/tags/t0' '$mnt/tags/evil'" /dev/null \
  </dev/null >"$work/shown" || true
grep -q evil "$work/shown" || fail "no word of the label: $(<"$work/shown")"
! LC_ALL=C grep -qP '\x1b|\x07|\xc2\x9b|\r(?!$)' "$work/shown" || fail 'an image moves the cursor'
unmount
