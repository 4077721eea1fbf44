#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Where the cache is if no option says so, for those whose HOME or user ID says little about them.
. "$(dirname "$0")/lib.sh"
expect_errors
example=oci:$SOURCE_DIR/examples/multi-arch

# A user whom mount(8) leaves with HOME=/root, as a line of fstab with `noauto,user` does. The
# program once looked for its cache there. It looks in the home directory of the password database,
# which does not exist for `nobody`, and says so.
home=$(getent passwd nobody | cut -d : -f 6)
if ((EUID == 0)) && command -v setpriv >/dev/null && [[ -n $home && ! -e $home ]]; then
  chmod 755 "$work" "$mnt"
  cp "$DIGESTFS" "$work/digestfs"
  cp -R "$SOURCE_DIR/examples/multi-arch" "$work/example"
  expect_status 14 env -u XDG_CACHE_HOME HOME=/root setpriv --reuid nobody --clear-groups \
    "$work/digestfs" "oci:$work/example" "$mnt" 2>"$work/stderr"
  grep -qF "the cache $home/.cache/digestfs" "$work/stderr" || fail "it says: $(cat "$work/stderr")"
fi

# User 0 of a user namespace, such as that of `podman unshare`, is an ordinary user of the machine.
# The program once took /var/cache/digestfs and ended with exit status 14; XDG_CACHE_HOME did not
# count.
unshare --user --map-root-user --mount true 2>/dev/null || skip 'needs user namespaces'

# mount_with VARIABLE…: mounts with these variables, as user 0 of a new namespace.
mount_with() {
  # shellcheck disable=SC2016 # the inner shell's
  env -u XDG_CACHE_HOME "$@" unshare --user --map-root-user --mount sh -ec '
    "$DIGESTFS" "$2" "$1"
    sha256sum "$1"/tags/demo-x86_64/layers/*/blob >/dev/null
    umount "$1"' sh "$mnt" "$example"
}

export DIGESTFS
mkdir "$work/home" "$work/caches"
mount_with "HOME=$work/home"
[[ -d $work/home/.cache/digestfs/blobs ]] || fail "below HOME: $(find "$work/home")"
mount_with "HOME=$work/home" "XDG_CACHE_HOME=$work/caches"
[[ -d $work/caches/digestfs/blobs ]] || fail "below XDG_CACHE_HOME: $(find "$work/caches")"
