#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A later mount enters a cached rootfs and reads a file of it without reading its layers: the daemon
# checks the blocks that it reads, and nothing else (promise 2). Damage is noticed all the same.
. "$(dirname "$0")/lib.sh"

require umoci skopeo python3
folder=$work/bundle/rootfs
umoci init --layout "$work/layout" && umoci new --image "$work/layout:big"
umoci unpack --rootless --image "$work/layout:big" "$work/bundle" 2>>"$log"
mkdir -p "$folder"/{a,z}
head -c 30M /dev/urandom >"$folder/m"
echo first >"$folder/a/file" && echo last >"$folder/z/file"
umoci repack --image "$work/layout:big" "$work/bundle" 2>>"$log"
layout=oci:$work/layout

mount_source "$layout"
rootfs=$mnt/tags/big/rootfs
diff=$(readlink "$mnt/tags/big/layers/00/diff")
diff=$(basename "$diff")
hex=${diff#sha256:}
expect_eq "$(cat "$rootfs/a/file" "$rootfs/z/file")" $'first\nlast'
cmp "$rootfs/m" "$folder/m"
unmount
[[ -s $cache/sums/sha256/$hex && -s $cache/trees/sha256/$hex ]] || fail 'no sums, or no tree'

# bytes_read: how many bytes the daemon has read so far, from the page cache or not.
bytes_read() { awk '/^rchar/ { print $2 }' "/proc/$(daemon_pid)/io"; }
state() { getfattr --absolute-names --only-values -n user.digestfs.state "$mnt/diffs/$diff"; }

mount_source "$layout"
expect_eq "$(cat "$rootfs/z/file")" last
find "$rootfs" -ls >/dev/null
read_by_then=$(bytes_read)
echo "a tar of $(stat -c %s "$cache/diffs/sha256/$hex") bytes: the daemon read $read_by_then bytes in all"
((read_by_then < 3 << 20)) || fail "the daemon read $read_by_then bytes to show a small file"
expect_eq "$(state)" cached 'what was hashed'
cmp "$rootfs/m" "$folder/m"
# Who wants the whole has the whole hashed.
expect_eq "sha256:$(sha256sum <"$mnt/diffs/$diff" | cut -d ' ' -f 1)" "$diff"
# The daemon may not have heard of the close yet.
[[ $(state) == verified* ]] || fail "what was hashed is $(state)"
expect_eq "$(<"$mnt/.digestfs/problems.jsonl")" ''
unmount

# damage FOLDER OFFSET: another byte there.
damage() {
  chmod u+w "$cache/$1/sha256/$hex"
  python3 - "$cache/$1/sha256/$hex" "$2" <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(int(sys.argv[2]))
    byte = file.read(1)[0]
    file.seek(int(sys.argv[2]))
    file.write(bytes([byte ^ 1]))
PYTHON
}

# A damaged byte of the tar: other files are read, this one is not, until it was fetched anew.
damage diffs $((15 << 20))
expect_errors
mount_source "$layout"
expect_eq "$(cat "$rootfs/a/file" "$rootfs/z/file")" $'first\nlast'
expect_eq "$(<"$mnt/.digestfs/problems.jsonl")" ''
! cat "$rootfs/m" >"$work/read" 2>/dev/null || fail 'damaged bytes were read without an error'
cmp -n "$(stat -c %s "$work/read")" "$work/read" "$folder/m" || fail 'wrong bytes were read'
cmp "$rootfs/m" "$folder/m"
expect_eq "$(jq -r '.kind + " " + .object' "$mnt/.digestfs/problems.jsonl")" "cache-damaged $diff"
unmount

# Damaged hints are made anew, and that is said.
for hint in sums trees; do
  before=$(sha256sum <"$cache/$hint/sha256/$hex")
  damage "$hint" 100
  mount_source "$layout"
  expect_eq "$(cat "$rootfs/a/file" "$rootfs/z/file")" $'first\nlast'
  cmp "$rootfs/m" "$folder/m"
  expect_eq "$(jq -r '.kind + " " + .object' "$mnt/.digestfs/problems.jsonl")" "cache-damaged $diff"
  jq -r .detail "$mnt/.digestfs/problems.jsonl" | grep -q 'in the cache was damaged, and was made anew'
  expect_eq "$(sha256sum <"$cache/$hint/sha256/$hex")" "$before" "$hint/ made anew"
  unmount
done

# A daemon that is killed at any moment leaves hints that are whole, or that nobody takes.
seed=$RANDOM
echo "the seed of the kills is $seed"
RANDOM=$seed
has_no_drafts() { [[ -z $(find "$cache"/{sums,trees} -name '*.new') ]]; }
for round in {1..6}; do
  rm -rf "$cache"/{sums,trees,diffs}
  mount_source "$layout"
  cat "$rootfs/z/file" >/dev/null 2>&1 &
  reader=$!
  sleep "0.$(printf %03d $((RANDOM % 400)))"
  kill -KILL "$(daemon_pid)"
  wait "$(daemon_pid)" "$reader" 2>/dev/null || true
  fusermount3 -uz "$mnt"
  mount_source "$layout"
  expect_eq "$(cat "$rootfs/a/file" "$rootfs/z/file")" $'first\nlast' "round $round"
  cmp "$rootfs/m" "$folder/m"
  expect_eq "$(<"$mnt/.digestfs/problems.jsonl")" ''
  eventually 10 has_no_drafts || fail "drafts were left in round $round"
  unmount
done

# They go with the object.
"$(dirname "$DIGESTFS")/digestfs-cache" --cache-dir "$cache" prune --keep-size 0 >/dev/null
expect_eq "$(find "$cache"/{sums,trees,used,diffs} -type f)" '' 'what is left'

# A later mount reads no more of a layer that is stored as it is: that is its own diff, and nothing unpacks it.
skopeo copy -q --dest-decompress "$layout:big" "dir:$work/plain"
rm -rf "$cache"
image=sha256:$(sha256sum <"$work/plain/manifest.json" | cut -d ' ' -f 1)
rootfs=$mnt/images/$image/rootfs
for mount in first later; do
  mount_source "dir:$work/plain"
  expect_eq "$(cat "$rootfs/z/file")" last "$mount"
  read_by_then=$(bytes_read)
  if [[ $mount == later ]]; then
    ((read_by_then < 3 << 20)) || fail "the daemon read $read_by_then bytes to show a small file"
    expect_eq "$(state)" cached 'what was hashed'
  fi
  cmp "$rootfs/m" "$folder/m"
  expect_eq "$(<"$mnt/.digestfs/problems.jsonl")" ''
  unmount
  [[ ! -e $cache/diffs/sha256/$hex && -s $cache/sums/sha256/$hex ]] || fail 'unpacked, or no sums'
done
