#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A layer of 300 MiB comes out of podman's store through a daemon that takes less than 64 MiB: neither
# the layer nor a file of it is ever in memory as a whole (LOC-5).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.inc"

require podman
use_store overlay vfs
mkdir "$work/files"
for size in 160M 80M 40M 20M; do head -c "$size" /dev/urandom >"$work/files/$size"; done
tar -C "$work/files" -cf "$work/big.tar" .
rm -r "$work/files"
diff=sha256:$(sha256sum <"$work/big.tar" | cut -d ' ' -f 1)
in_store podman import --quiet "$work/big.tar" localhost/big:v1 >>"$log" 2>&1
rm "$work/big.tar"

mount_source "$(in_store_name localhost/big)"
layer=$mnt/tags/v1/layers/00
expect_eq "$(basename "$(readlink "$layer/diff")")" "$diff"
expect_eq "sha256:$(sha256sum <"$layer/diff" | cut -d ' ' -f 1)" "$diff"
most=$(awk '/^VmHWM/ { print $2 * 1024 }' "/proc/$(daemon_pid)/status")
echo "a layer of $(stat -Lc %s "$layer/diff") bytes: $most bytes of memory at most"
(($(stat -Lc %s "$layer/diff") > 300 << 20)) || fail 'that is no big layer'
# What a sanitizer adds to memory is no matter.
if ! grep -qE '__(asan|tsan)_init' "$DIGESTFS"; then
  ((most < 64 << 20)) || fail "$most bytes of memory at most"
fi
unmount
