#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A Debian as debootstrap makes it, pushed by buildah: thousands of files that nobody made for the
# test. Where Debian's archive cannot be reached the test is skipped.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/rootfs.inc"

require debootstrap
timeout 150 debootstrap --variant=minbase bookworm "$work/debian" >"$work/debootstrap" 2>&1 ||
  skip "debootstrap: $(tail -n 1 "$work/debootstrap")"
buildah=(buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs)
"${buildah[@]}" from --name debian scratch >/dev/null
"${buildah[@]}" copy --quiet debian "$work/debian" / >/dev/null
"${buildah[@]}" commit --quiet --format docker debian debian >/dev/null
"${buildah[@]}" push --quiet debian "oci:$work/layout:debian"
mount_source "oci:$work/layout"
from=oci:$work/layout
tls=()
same_rootfs debian
same_trees debian
(($(find "$mnt/tags/debian/rootfs/" | wc -l) > 5000)) || fail 'that is no Debian'
unmount
