#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Inside of a user namespace, such as that of `podman unshare`, user 0 is an ordinary user of the
# machine: without options the cache is in that user's home directory. The program once took
# /var/cache/digestfs and ended with exit status 14.
. "$(dirname "$0")/lib.sh"
unshare --user --map-root-user --mount true 2>/dev/null || skip 'needs user namespaces'

# mount_with VARIABLE…: mounts with these variables, as user 0 of a new namespace.
mount_with() {
  # shellcheck disable=SC2016 # the inner shell's
  env -u XDG_CACHE_HOME "$@" unshare --user --map-root-user --mount sh -ec '
    "$DIGESTFS" "oci:$SOURCE_DIR/examples/multi-arch" "$1"
    sha256sum "$1"/tags/demo-x86_64/layers/*/blob >/dev/null
    umount "$1"' sh "$mnt"
}

export DIGESTFS SOURCE_DIR
mkdir "$work/home" "$work/caches"
mount_with "HOME=$work/home"
[[ -d $work/home/.cache/digestfs/blobs ]] || fail "below HOME: $(find "$work/home")"
mount_with "HOME=$work/home" "XDG_CACHE_HOME=$work/caches"
[[ -d $work/caches/digestfs/blobs ]] || fail "below XDG_CACHE_HOME: $(find "$work/caches")"
