#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An archive of several repositories, as skopeo writes it, is a tree of directories.
. "$(dirname "$0")/lib.sh"

require skopeo getfattr jq

archive=$work/saved.tar
skopeo copy -q --additional-tag quay.io/deep/er/name:v2 --additional-tag quay.io/deep:v3 \
  "oci:$SOURCE_DIR/examples/multi-arch:demo-x86_64" "docker-archive:$archive:docker.io/library/one:v1"
mount_source "docker-archive:$archive"

expect_eq "$(ls -A "$mnt")" $'.digestfs\n_\ndocker.io\nquay.io' 'the root'
expect_eq "$(ls "$mnt/quay.io/deep")" $'_\ner' 'a repository above another'
expect_eq "$(ls "$mnt/docker.io/library/one/_/tags")" v1
expect_eq "$(readlink "$mnt/quay.io/deep/er/name:v2")" name/_/tags/v2
config=$(readlink "$mnt/docker.io/library/one:v1/config.json")
expect_eq "$(readlink "$mnt/quay.io/deep:v3/config.json")" "$config" 'the same image'
expect_eq "sha256:$(sha256sum <"$mnt/docker.io/library/one:v1/config.json" | cut -d ' ' -f 1)" \
  "${config##*/}" 'the config'
expect_eq "${config##*/}" "$(skopeo inspect --raw "docker-archive:$archive:one:v1" | jq -r .config.digest)"

# The archive keeps no manifests, so digestfs made them, and says so of each image, however it is found.
made_says() { getfattr --absolute-names --only-values -n user.digestfs.made "$1"; }
manifest=$(readlink "$mnt/quay.io/deep:v3/manifest.json")
for image in docker.io/library/one:v1 quay.io/deep/er/name:v2 "quay.io/deep/_/images/${manifest##*/}"; do
  expect_eq "$(made_says "$mnt/$image")" \
    'the archive keeps no manifest of this image; digestfs made this one as skopeo makes it' "$image"
done
mount_at "$work/layout" "oci:$SOURCE_DIR/examples/multi-arch"
for image in "$work/layout/tags"/*; do
  ! made_says "$image" 2>"$work/why" || fail "$image has its own manifest"
  grep -q 'No such attribute' "$work/why" || fail "$(<"$work/why")"
done
unmount "$work/layout"

# What nobody can have called a repository is absent.
for name in .git .Trash .hidden Upper quay.io/.git quay.io/deep:v4 quay.io/none; do
  [[ ! -e $mnt/$name ]] || fail "$name exists"
done

# A walk ends, follows no link in a circle, and unpacks no layer.
find -L "$mnt" >"$work/walk" 2>"$work/complaints" || fail "$(cat "$work/complaints")"
[[ ! -s $work/complaints ]] || fail "$(cat "$work/complaints")"
if grep -E '/(rootfs|tree|oci)$' "$work/walk"; then fail 'trees are listed'; fi
expect_eq "$(find "$cache/diffs" -type f | wc -l)" 0 'layers unpacked by a walk'
ls "$mnt/quay.io/deep:v3/rootfs" >/dev/null
unmount

# --list-trees decides for both kinds of mount.
mount_source "docker-archive:$archive" --list-trees
test -d "$mnt/quay.io/deep/_/tags/v3/rootfs"
test -d "$mnt/quay.io/deep/_/oci"
find "$mnt/quay.io/deep/_" -maxdepth 3 -name rootfs | grep -q . || fail 'rootfs is not listed'
unmount
mount_source "docker-archive:$archive:quay.io/deep" --list-trees=no
expect_eq "$(ls "$mnt/tags")" v3 'one repository of the archive'
if find "$mnt" -regex '.*/\(rootfs\|tree\|oci\)' | grep .; then fail 'trees are listed'; fi
ls "$mnt/tags/v3/rootfs" "$mnt/oci" >/dev/null
unmount
mount_source "docker-archive:$archive:quay.io/deep/er/name:v2"
expect_eq "$(ls "$mnt/tags")" v2
expect_eq "$(ls -d "$mnt/tags/v2/rootfs")" "$mnt/tags/v2/rootfs"
unmount

status=0
"$DIGESTFS" "docker-archive:$archive:no/such" "$mnt" 2>"$work/stderr" || status=$?
expect_eq "$status" 11 "$(cat "$work/stderr")"
grep -q 'has no repository docker.io/no/such' "$work/stderr" || fail "$(cat "$work/stderr")"
