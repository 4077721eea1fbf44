#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# rootfs/ is what umoci makes of the image (as root, for owners), and other programs can use it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/images.inc"
. "$(dirname "$0")/rootfs.inc"

require rsync file
start_registry
push_images test/images
mount_source "$registry/test/images"
from=docker://$registry/test/images
tls=(--src-tls-verify=false)
for tag in amd64 arm64 plain docker; do same_rootfs "$tag"; done
# umoci knows no zstd; but the layers are the same.
diff <("${list[@]}" folder "$mnt/tags/amd64/rootfs") <("${list[@]}" folder "$mnt/tags/zstd/rootfs")
unmount

# An image of many layers, each of which changes what the ones below it left.
buildah=(buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs)
container=$("${buildah[@]}" from scratch)
root=$("${buildah[@]}" mount "$container")
# commit: the changes so far are a layer. Only the last one is pushed, with all below it.
commit() { "${buildah[@]}" commit --quiet --format oci "$container" "$1" >/dev/null; }
# again FROM: goes on from what was committed.
again() {
  "${buildah[@]}" rm "$container" >/dev/null
  container=$("${buildah[@]}" from --pull-never "localhost/$1")
  root=$("${buildah[@]}" mount "$container")
}
mkdir -p "$root"/{etc,usr/lib,usr/bin,var/lib/old,opaque/deep,replaced,data}
echo one >"$root/etc/one" && echo two >"$root/etc/two" && echo lib >"$root/usr/lib/lib"
echo x >"$root/opaque/deep/x" && echo y >"$root/opaque/y" && echo z >"$root/replaced/z"
echo shared >"$root/data/a" && ln "$root/data/a" "$root/data/b" && ln "$root/data/a" "$root/data/c"
ln -s usr/lib "$root/lib" && ln -s /etc/one "$root/absolute" && ln -s ../../etc/two "$root/usr/bin/two"
head -c 300000 /dev/urandom >"$root/usr/bin/program"
chmod 4755 "$root/usr/bin/program" && chown 7:8 "$root/etc/two" && chmod 1777 "$root/var/lib/old"
mkfifo "$root/var/fifo" && mknod "$root/var/null" c 1 3
setfattr -n user.comment -v 'from below' "$root/etc/one"
commit base && again base
rm "$root/etc/one" && rm -r "$root/replaced" && echo file >"$root/replaced"
rm -r "$root/opaque" && mkdir "$root/opaque" && echo new >"$root/opaque/new"
chmod 700 "$root/var/lib/old" && chown 9:9 "$root/data/a"
commit middle && again middle
rm "$root/replaced" && mkdir "$root/replaced" && echo folder >"$root/replaced/again"
rm "$root/lib" && mkdir "$root/lib" && echo here >"$root/lib/own" && rm "$root/data/b"
echo one again >"$root/etc/one" && ln "$root/usr/lib/lib" "$root/usr/lib/hard"
commit top
"${buildah[@]}" push --quiet top "oci:$work/layout:top"
"${buildah[@]}" rm "$container" >/dev/null
expect_eq "$(skopeo inspect "oci:$work/layout:top" | jq '.Layers | length')" 3 'layers'
mount_source "oci:$work/layout"
# Where nobody has looked into it before, GNU tar sees the placeholder of the root first, and says
# that the root changed if it goes by more than the ctime, as it does from 1.35 on. It says so of the
# root alone.
if ! tar -C "$mnt/tags/top/rootfs" -cf /dev/null . 2>"$work/tar.log"; then
  expect_eq "$(<"$work/tar.log")" 'tar: .: file changed as we read it' 'tar of a fresh mount'
  [[ $(tar --version | head -n 1) > 'tar (GNU tar) 1.34' ]] || fail 'tar 1.34 goes by the ctime'
fi
# Once somebody has looked into it, nothing changes any more.
tar -C "$mnt/tags/top/rootfs" -cf /dev/null . || fail 'tar of a root that was entered'
from=oci:$work/layout
tls=()
same_rootfs top
same_trees top

# Ordinary programs, on the mount and on the copy.
shown=$mnt/tags/top/rootfs copy=$work/bundle/rootfs
mkdir "$work/tar" "$work/rsync"
tar -C "$shown" --xattrs -cf - . | tar -C "$work/tar" --xattrs -xpf -
cp -a "$shown" "$work/cp"
rsync -aXH --checksum "$shown/" "$work/rsync"
for made in tar cp rsync; do
  diff <("${list[@]}" folder "$shown") <("${list[@]}" folder "$work/$made") ||
    fail "the copy of $made differs"
done
expect_eq "$(rsync -aH --checksum --dry-run --itemize-changes "$shown/" "$work/rsync" |
  grep -v '^\.d\.\.t')" '' 'rsync finds nothing to do'
# both COMMAND…: says the same in both.
both() { diff <(cd "$copy" && "$@" | sort) <(cd "$shown" && "$@" | sort) || fail "$*"; }
both grep -r --devices=skip one .
both find . ! -type d -printf '%y %m %U:%G %s %n %T@ %p %l\n'
both du --apparent-size --bytes usr/bin/program etc/one
both file usr/bin/program etc/one lib var/fifo var/null
diff -r --no-dereference --exclude=fifo --exclude=null "$copy" "$shown"
find "$shown" -ls >/dev/null
(($(du -s --block-size=1 "$shown" | cut -f 1) >= 300000)) || fail 'du'
! touch "$shown/etc/one" 2>/dev/null || fail 'somebody could write'

# Which layer it was.
layer_of() { getfattr --absolute-names --only-values -n user.digestfs.layer "$shown/$1"; }
expect_eq "$(for file in usr/bin/program opaque/new etc/one; do layer_of "$file"; done)" 000102
expect_eq "$(getfattr --absolute-names --only-values -n user.comment "$mnt/tags/top/layers/00/tree/etc/one")" \
  'from below'
! getfattr --absolute-names -n user.comment "$shown/etc/one" 2>/dev/null || fail 'an xattr of a lower layer'
expect_eq "$(readlink "$shown/absolute")" /etc/one
unmount

# Absolute links lead into the tree.
mount_source "oci:$work/layout" -o transform_symlinks
expect_eq "$(readlink "$mnt/tags/top/rootfs/absolute")" etc/one
expect_eq "$(cat "$mnt/tags/top/rootfs/absolute")" 'one again'
expect_eq "$(readlink "$mnt/tags/top/layers/00/tree/absolute")" /etc/one 'a layer stays as it is'
unmount
