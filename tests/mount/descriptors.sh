#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The program starts with any of descriptors 0, 1 and 2 closed, as cron jobs and service managers
# start programs. A file of its own that got one of these numbers once was closed when the program
# became a daemon: rootfs/ then answered ENOTDIR, or the command never returned.
. "$(dirname "$0")/lib.sh"
require jq

example=oci:$SOURCE_DIR/examples/multi-arch
daemon_of() { pgrep -f -- "$mnt\$" || true; }
no_daemon() { [[ -z $(daemon_of) ]]; }
expected=$(cd "$SOURCE_DIR/examples/multi-arch" && jq -r '.manifests | length' index.json)

# The streams that are not closed are files, so that no terminal has a part in this.
for closed in '' 0 1 2 01 02 12 012; do
  in=$work/empty out=$work/out err=$work/err
  : >"$in"
  (
    exec <"$in" >"$out" 2>"$err"
    if [[ $closed == *0* ]]; then exec <&-; fi
    if [[ $closed == *1* ]]; then exec >&-; fi
    if [[ $closed == *2* ]]; then exec 2>&-; fi
    exec timeout --kill-after=5 60 "$DIGESTFS" --cache-dir "$cache$closed" "$example" "$mnt"
  ) || fail "with ${closed:-nothing} closed it ends with $?: $(cat "$err")"
  pid=$(daemon_of)
  [[ -n $pid ]] || fail "with ${closed:-nothing} closed there is no daemon"
  started "$pid"
  for number in 0 1 2; do
    expect_eq "$(readlink "/proc/$pid/fd/$number")" /dev/null "descriptor $number, $closed closed"
  done
  expect_eq "$(find "$mnt/tags" -mindepth 1 -maxdepth 1 | wc -l)" "$expected" "tags, $closed closed"
  ls "$mnt/tags/demo-x86_64/rootfs/" >/dev/null || fail "with ${closed:-nothing} closed"
  sha256sum "$mnt"/tags/demo-x86_64/layers/*/diff >/dev/null || fail "with ${closed:-nothing} closed"
  expect_eq "$(cat "$in" "$out" "$err")" '' "what the streams got, $closed closed"
  fusermount3 -u "$mnt"
  eventually 10 no_daemon || fail "with ${closed:-nothing} closed the daemon does not end"
done

# Each file that somebody has open in the mount takes a descriptor: as many as the process may have.
require prlimit
prlimit --nofile=64:1024 "$DIGESTFS" --cache-dir "$cache" "$example" "$mnt"
pid=$(daemon_of)
started "$pid"
expect_eq "$(awk '/^Max open files/ { print $4 }' "/proc/$pid/limits")" 1024 'the limit of open files'
fusermount3 -u "$mnt"
eventually 10 no_daemon || fail 'the daemon does not end'
