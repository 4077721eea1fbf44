#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A tar of every kind of file goes into podman's store and comes out bit for bit: from overlay and
# vfs, from the store of root and from that of an ordinary user, inside `podman unshare`. Root does
# both; the ordinary user is one that only a mount namespace of the test has.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/own_namespace.inc"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.inc"

require skopeo umoci python3 buildah podman
export XDG_RUNTIME_DIR=$work/run
mkdir -m 700 "$XDG_RUNTIME_DIR"

# put_into_store NAME TAR: an image whose only layer is that tar.
put_into_store() {
  local layout=$work/layout
  [[ -d $layout ]] || umoci init --layout "$layout"
  umoci new --image "$layout:$1"
  umoci raw add-layer --image "$layout:$1" "$2"
  skopeo copy --quiet "oci:$layout:$1" "$(in_store_name "localhost/kinds:$1")"
}

# Sparse files are stored as skopeo stores them, and GNU's formats are others than that of pax.
make_tars() {
  "$(dirname "$0")/make_kinds.py" "$work/pax.tar"
  mkdir "$work/files"
  truncate -s 3M "$work/files/hole"
  echo end >>"$work/files/hole"
  printf 'x%.0s' {1..150} | xargs -I{} touch "$work/files/{}"
  tar --format=gnu -C "$work/files" -cf "$work/gnu.tar" .
  tar --format=gnu -S -C "$work/files" -cf "$work/sparse.tar" hole
  tar --format=pax -S -C "$work/files" -cf "$work/sparse-pax.tar" hole
}

# check_driver DRIVER: what comes out of its store, if there can be one.
check_driver() {
  local name image
  if ! has_store "$1"; then
    echo "no store of the driver $1 here: $(<"$work/no-store")" >&2
    return
  fi
  rm -rf "$work/layout"
  checked+=" $1"
  for name in pax gnu; do put_into_store "$name" "$work/$name.tar"; done
  mount_source "$(in_store_name localhost/kinds)"
  for name in pax gnu; do
    image=$mnt/tags/$name
    cmp "$work/$name.tar" "$image/layers/00/diff"
    cmp "$work/$name.tar" "$image/layers/00/blob"
    expect_eq "$(basename "$(readlink "$image/layers/00/diff")")" \
      "sha256:$(sha256sum <"$work/$name.tar" | cut -d ' ' -f 1)"
  done
  expect_eq "$(stat -c %F "$mnt/tags/pax/layers/00/tree/character")" 'character special file'
  expect_eq "$(<"$mnt/tags/pax/rootfs/opaque/new")" new
  unmount
  # Where the store cannot give back a sparse file, the mount says so; where it can, it does.
  for name in sparse sparse-pax; do
    put_into_store "$name" "$work/$name.tar" 2>>"$work/refused" || continue
    mount_source "$(in_store_name localhost/kinds)"
    if skopeo copy --quiet "$(in_store_name "localhost/kinds:$name")" "dir:$work/$1-$name" \
      2>>"$work/refused"; then
      cmp "$work/$name.tar" "$mnt/tags/$name/layers/00/diff"
    else
      expect_errors
      ! cat "$mnt/tags/$name/layers/00/diff" >"$work/content" 2>"$work/why" || fail "$name is read"
      grep -q 'Input/output error' "$work/why" || fail "$name: $(<"$work/why")"
      [[ ! -s $work/content ]] || fail "bytes of $name that are not its own"
      [[ -s $mnt/.digestfs/problems.jsonl ]] || fail 'there is no problem'
    fi
    unmount
  done
}

check_stores() {
  make_tars >>"$log" 2>&1
  checked=
  check_driver overlay
  check_driver vfs
  [[ -n $checked ]] || skip 'there can be no store here'
}

# as_ordinary_user: the rest of the test by a user with subordinate IDs.
as_ordinary_user() {
  local user=digestfs-test id=64999 home=$work/home file
  require setpriv newuidmap
  chmod 755 "$work"
  mkdir "$home" "$work/tmp"
  chown $id:$id "$home" "$work/tmp"
  for file in passwd group subuid subgid; do
    cp "/etc/$file" "$work/$file" 2>/dev/null || : >"$work/$file"
  done
  echo "$user:x:$id:$id::$home:/bin/sh" >>"$work/passwd"
  echo "$user:x:$id:" >>"$work/group"
  echo "$user:1000000:65536" | tee -a "$work/subuid" >>"$work/subgid"
  for file in passwd group subuid subgid; do
    [[ -e /etc/$file ]] || skip "there is no /etc/$file"
    mount --bind "$work/$file" "/etc/$file"
  done
  mknod -m 666 "$work/fuse" c 10 229
  mount --bind "$work/fuse" /dev/fuse
  setpriv --reuid $id --regid $id --clear-groups --inh-caps=-all --bounding-set=+all \
    env -i PATH="$PATH" HOME="$home" USER=$user TMPDIR="$work/tmp" DIGESTFS="$DIGESTFS" \
    SOURCE_DIR="$SOURCE_DIR" "$0"
}

if ((EUID != 0)); then
  require newuidmap
  status=0
  KINDS_IN_USER_NAMESPACE=yes podman unshare "$0" || status=$?
  # podman leaves a process that keeps the namespace.
  pause=$(find "$XDG_RUNTIME_DIR" -name pause.pid -exec cat {} +)
  if [[ -n $pause ]]; then kill "$pause"; fi
  exit "$status"
fi
check_stores
if [[ -z ${KINDS_IN_USER_NAMESPACE:-} ]]; then
  require_own_namespace
  as_ordinary_user
fi
