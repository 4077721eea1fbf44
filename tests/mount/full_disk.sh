#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A cache on a disk that is full, of bytes and of files: what is cached is read, what does not fit
# fails as a full disk does and leaves nothing half done, and nothing but room is needed for it to
# work again (B10).
#
# The disk is a tmpfs, in a mount namespace of the test's own.
. "$(dirname "$0")/own_namespace.inc"
. "$(dirname "$0")/lib.sh"
require_own_namespace
expect_errors
require umoci skopeo

# two layers of NAME's own, of 6 MiB and of a few bytes
make_image() {
  local name=$1
  head -c 6M /dev/urandom >"$work/$name.large"
  echo "$name" >"$work/$name.small"
  umoci new --image "$work/layout:$name"
  umoci insert --image "$work/layout:$name" "$work/$name.large" /large
  umoci insert --image "$work/layout:$name" "$work/$name.small" /small
  skopeo copy -q "oci:$work/layout:$name" "docker://$registry/a/b:$name" --dest-tls-verify=false
}

# mount_disk OPTION…: with a cache on a disk of that kind.
mount_disk() {
  mkdir -p "$cache"
  mount -t tmpfs -o "$1" digestfs-test "$cache"
  shift
  mount_source "$registry/a/b" "$@"
}

unmount_disk() {
  unmount
  umount "$cache"
}

is_whole() { cmp "$work/$1.large" "$mnt/tags/$1/rootfs/large"; }

# fails_full FILE: reading it fails, and says that the disk is full.
fails_full() {
  local status=0
  cat "$1" >/dev/null 2>"$work/stderr" || status=$?
  expect_eq "$status" 1 "status of reading $1"
  grep -q 'No space left on device' "$work/stderr" || fail "no word of the disk: $(cat "$work/stderr")"
}

# Every file of the cache is what its name says, and none is half done.
cache_is_sound() {
  local file
  for file in "$cache"/blobs/sha256/*; do
    [[ ! -e $file ]] || expect_eq "$(sha256sum <"$file")" "${file##*/}  -" "$file"
  done
  for file in "$cache"/diffs/sha256/*; do
    [[ ! -e $file ]] || expect_eq "$(sha256sum <"$file")" "${file##*/}  -" "$file"
  done
}

umoci init --layout "$work/layout"
start_registry
make_image one
make_image two
make_image three
make_image four

# Bytes. What was used longest ago makes room.
mount_disk size=48m
for name in one two three four one; do is_whole "$name"; done # blob and diff: 12 MiB each
cache_is_sound

# What is open keeps its room: it is others that have to make it.
exec 5<"$mnt/tags/one/layers/00/blob" 6<"$mnt/tags/one/layers/00/diff"
for name in two three four two three four; do
  sha256sum "$mnt/tags/$name"/layers/00/{blob,diff} >"$work/sums"
done
one=$(basename "$(readlink "$mnt/tags/one/layers/00/blob")")
expect_eq "sha256:$(sha256sum <&5)" "$one  -" 'the layer that is open'
exec 5<&- 6<&-
cache_is_sound
unmount_disk

# Somebody else fills the disk, and throwing everything out would not help.
mount_disk size=48m
is_whole one
cat "$mnt"/tags/two/{manifest,config}.json >/dev/null
# What is under way gives room back when it ends: a tar, for one, that was begun in vain.
is_settled() {
  (($(wc -l <"$mnt/.digestfs/transfers") == 1)) && has_names "$cache" &&
    [[ -n $(find "$cache/diffs" -type f -size +5M) ]]
}
eventually 10 is_settled || fail "not settled: $(cat "$mnt/.digestfs/transfers")"
head -c 100M /dev/zero >"$cache/else" 2>/dev/null || true
sha256sum "$mnt/tags/two/layers/00/blob" >/dev/null # in the place of another
fails_full "$mnt/tags/two/layers/00/diff"
fails_full "$mnt/tags/two/rootfs/large"
cache_is_sound
await_names "$cache" # nothing is half done
sha256sum "$mnt/tags/two/layers/00/blob" >/dev/null
expect_eq "$(cat "$mnt/.digestfs/problems.jsonl")" '' 'what is said of the source'
rm "$cache/else"
# What failed is not tried again at once.
eventually 10 is_whole two 2>/dev/null
for name in one two three four; do is_whole "$name"; done
cache_is_sound
unmount_disk

# A diff is larger than its layer, and nobody says by how much. If it can never fit, the rest of the
# cache does not go for it first; if it fits, the rest makes room.
make_zeros() {
  head -c "$2" /dev/zero >"$work/$1.large"
  umoci new --image "$work/layout:$1"
  umoci insert --image "$work/layout:$1" "$work/$1.large" /large
  skopeo copy -q "oci:$work/layout:$1" "docker://$registry/a/b:$1" --dest-tls-verify=false
}
make_zeros fits 30M
make_zeros never 100M
mount_disk size=48m
for name in one two three; do is_whole "$name"; done
await_names "$cache"
find "$cache/blobs" "$cache/diffs" -type f | sort >"$work/before"
for name in never fits; do cat "$mnt/tags/$name/layers/00/blob" >/dev/null; done
fails_full "$mnt/tags/never/layers/00/diff"
fails_full "$mnt/tags/never/rootfs/large"
expect_eq "$(comm -23 "$work/before" <(find "$cache/blobs" "$cache/diffs" -type f | sort))" '' 'what went for it'
await_names "$cache" # nothing is half done
is_whole fits
cache_is_sound
unmount_disk

# Where a compressed archive is decompressed, another disk.
mkdir "$work/small"
mount -t tmpfs -o size=20m digestfs-test "$work/small"
skopeo copy -q "oci:$work/layout:one" "docker-archive:$work/saved.tar:one:v1"
gzip -1 -k "$work/saved.tar"
head -c 14M /dev/zero >"$work/small/else"
status=0
TMPDIR=$work/small "$DIGESTFS" "docker-archive:$work/saved.tar.gz" "$mnt" 2>"$work/stderr" || status=$?
expect_eq "$status" 1 'status of a mount that finds no room'
grep -q "decompress .*saved.tar.gz.* $work/small .*TMPDIR.*: No space left on device" "$work/stderr" ||
  fail "no word of the disk: $(<"$work/stderr")"
expect_eq "$(wc -l <"$work/stderr")" 1 'lines that say it'
expect_eq "$(find "$work/small" -type f)" "$work/small/else" 'what is left'
rm "$work/small/else"
TMPDIR=$work/small mount_source "docker-archive:$work/saved.tar.gz"
cmp "$work/one.small" "$mnt/docker.io/library/one:v1/rootfs/small"
unmount
umount "$work/small"

# Files: there is no end of bytes.
mount_disk size=64m,nr_inodes=40
for i in {1..60}; do : >"$cache/else$i" || break; done 2>/dev/null
fails_full "$mnt/tags/one/layers/00/blob"
fails_full "$mnt/tags/one/rootfs/large"
cache_is_sound
rm "$cache"/else*
eventually 10 is_whole one 2>/dev/null
cache_is_sound
unmount_disk
