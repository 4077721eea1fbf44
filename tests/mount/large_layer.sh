#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A layer of 400 MiB, 80 MiB compressed, passes through a daemon that takes less than 64 MiB
# (design 7): it comes from a registry, is unpacked, and is read as a diff and as files, in a first
# mount and in a later one. No part of the way may hold the layer, its blob, or a file as a whole.
. "$(dirname "$0")/lib.sh"

require skopeo python3
read -r tar zeros noise < <("$(dirname "$0")/make_large.py" "$work/layout")
start_registry
skopeo copy --quiet --dest-tls-verify=false "oci:$work/layout:large" "docker://$registry/test:large"
rm -r "$work/layout"

sum() { sha256sum <"$1" | cut -d ' ' -f 1; }

# expect_little_memory WHAT: what the daemon took at most since it began.
expect_little_memory() {
  local most
  most=$(awk '/^VmHWM/ { print $2 * 1024 }' "/proc/$(daemon_pid)/status")
  echo "$1: $most bytes of memory at most"
  # What a sanitizer adds is no matter, nor what a kernel adds that makes all pages large.
  if ! grep -qE '__(asan|tsan)_init' "$DIGESTFS" &&
    ! grep -qsF '[always]' /sys/kernel/mm/transparent_hugepage/enabled; then
    ((most < 64 << 20)) || fail "$1: $most bytes of memory at most"
  fi
}

layer=$mnt/tags/large/layers/00
mount_source "$registry/test"
expect_eq "$(basename "$(readlink "$layer/diff")")" "sha256:$tar"
expect_eq "$(sum "$layer/diff")" "$tar"
(($(stat -Lc %s "$layer/diff") > 6 * 64 << 20)) || fail 'that is no large layer'
expect_little_memory 'the diff'
expect_eq "$(sum "$layer/tree/zeros")" "$zeros"
expect_eq "$(sum "$layer/tree/noise")" "$noise"
expect_little_memory 'its files'
(($(stat -Lc %s "$layer/blob") > 64 << 20)) || fail 'its blob would fit'
unmount

mount_source "$registry/test"
expect_eq "$(sum "$layer/tree/zeros")" "$zeros"
expect_eq "$(sum "$layer/diff")" "$tar"
expect_little_memory 'a later mount'
unmount

# The blob is there, and the diff is made of it anew.
rm -r "$cache/diffs"
mount_source "$registry/test"
expect_eq "$(sum "$mnt/tags/large/rootfs/noise")" "$noise"
expect_little_memory 'the diff of the cached blob'
unmount
