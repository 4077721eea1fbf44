#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The table at the end of design section 1, row by row: what one ordinary command says on the mount
# is what skopeo says of the same image in a real registry. For OCI and Docker images, manifest
# lists, and layers of gzip, zstd and plain tar.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/images.inc"

start_registry
push_images test/images
from=docker://$registry/test/images
mount_source "$registry/test/images"
tags=$mnt/tags
# Hundreds of manifests are read here.
raw() {
  local kept=$work/raw-$1
  [[ -e $kept ]] || skopeo inspect --raw --tls-verify=false "$from:$1" >"$kept"
  cat "$kept"
}
digest() { echo "sha256:$(sha256sum | cut -d ' ' -f 1)"; }
name_of_link() { basename "$(readlink "$1")"; }
images='amd64 arm64 docker plain zstd'
indexes='docker-list multi'

expect_eq "$(ls "$tags")" \
  "$(skopeo list-tags --tls-verify=false "$from" | jq -r '.Tags[]' | LC_ALL=C sort)" 'the tags'

# The digest of a manifest.
for tag in $images $indexes; do
  expect_eq "$(digest <"$tags/$tag/manifest.json")" "$(raw "$tag" | digest)" "manifest of $tag"
  expect_eq "$(name_of_link "$tags/$tag/manifest.json")" "$(raw "$tag" | digest)" "link of $tag"
  raw "$tag" | cmp - "$tags/$tag/manifest.json"
done

# The type is in the path.
for tag in $images; do
  expect_eq "$(dirname "$(readlink "$tags/$tag/manifest.json")")" ../../manifests
done
for tag in $indexes; do
  expect_eq "$(dirname "$(readlink "$tags/$tag/manifest.json")")" ../../indexes
  digest=$(name_of_link "$tags/$tag/manifest.json")
  [[ ! -e $mnt/manifests/$digest ]] || fail "an index is under manifests/"
  [[ -e $mnt/indexes/$digest ]] || fail "an index is not under indexes/"
done

# The image ID and the config.
for tag in $images; do
  expect_eq "$(name_of_link "$tags/$tag/config.json")" "$(raw "$tag" | jq -r .config.digest)"
  skopeo inspect --config --raw --tls-verify=false "$from:$tag" | cmp - "$tags/$tag/config.json"
  expect_eq "$(jq . "$tags/$tag/config.json")" \
    "$(skopeo inspect --config --raw --tls-verify=false "$from:$tag" | jq .)"
  # As in the README.
  cmp "$tags/$tag/config.json" \
    "$mnt/configs/$(jq -r .config.digest "$tags/$tag/manifest.json")"
done

# The platforms of a manifest list, and of an image that is in none.
for tag in $indexes; do
  expect_eq "$(ls "$tags/$tag/platforms")" \
    "$(raw "$tag" | jq -r '.manifests[].platform | "\(.os)_\(.architecture)"' | sort)"
  for arch in amd64 arm64; do
    expect_eq "$(name_of_link "$tags/$tag/platforms/linux_$arch")" "$(raw "$tag" |
      jq -r ".manifests[] | select(.platform.architecture == \"$arch\").digest")"
  done
done
for tag in amd64 docker zstd plain; do expect_eq "$(ls "$tags/$tag/platforms")" linux_amd64; done
expect_eq "$(ls "$tags/arm64/platforms")" linux_arm64

# The compressed and uncompressed digest of each layer; both are true.
for tag in $images; do
  layers=("$tags/$tag/layers"/*)
  expect_eq "$(for layer in "${layers[@]}"; do name_of_link "$layer/blob"; done)" \
    "$(raw "$tag" | jq -r '.layers[].digest')" "blobs of $tag"
  expect_eq "$(for layer in "${layers[@]}"; do name_of_link "$layer/diff"; done)" \
    "$(skopeo inspect --config --raw --tls-verify=false "$from:$tag" |
      jq -r '.rootfs.diff_ids[]')" "diffs of $tag"
  for layer in "${layers[@]}"; do
    for file in blob diff; do
      expect_eq "$(digest <"$layer/$file")" "$(name_of_link "$layer/$file")" "$layer/$file"
    done
    tar -tf "$layer/diff" >/dev/null
  done
  expect_eq "$(cat "${layers[0]}/created_by")" "$(skopeo inspect --config --raw \
    --tls-verify=false "$from:$tag" |
    jq -r '[.history[] | select(.empty_layer != true)][0].created_by')" "created_by of $tag"
done
(cd "$mnt/blobs" && sha256sum -- * | sed 's/\([0-9a-f]*\)  sha256:\1$/ok/' | sort -u) >"$work/sums"
expect_eq "$(cat "$work/sums")" ok 'sha256sum of blobs/'

# What differs between two images.
expect_eq "$(diff <(jq . "$tags/amd64/manifest.json") <(jq . "$tags/arm64/manifest.json"))" \
  "$(diff <(raw amd64 | jq .) <(raw arm64 | jq .))" 'the difference of two manifests'
# Why the digest changed on push: the manifests differ, the diff_ids do not.
expect_eq "$(jq -c .rootfs.diff_ids "$tags/zstd/config.json")" \
  "$(jq -c .rootfs.diff_ids "$tags/amd64/config.json")"

# The same image by way of an index, pinned, and by the digest alone.
cmp "$tags/multi/platforms/linux_arm64/manifest.json" "$tags/arm64/manifest.json"
expect_eq "$(stat -Lc %i "$tags/multi/platforms/linux_arm64/manifest.json")" \
  "$(stat -Lc %i "$tags/arm64/manifest.json")" 'inodes of one content'
expect_eq "$(readlink "$tags/arm64/image")" "../../images/$(raw arm64 | digest)"
cmp "$tags/arm64/image/config.json" "$tags/arm64/config.json"

# An image moves: the tag follows, the pinned one stays.
pinned=$(readlink "$tags/arm64/image")
skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "$from:zstd" "$from:arm64"
rm "$work/raw-arm64"
unmount
mount_source "$registry/test/images" --tag-ttl 0
expect_eq "$(digest <"$tags/arm64/manifest.json")" "$(raw zstd | digest)" 'the moved tag'
[[ -e $tags/arm64/$pinned/manifest.json ]] || fail 'the pinned image is gone'
skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "$from:plain" "$from:arm64"
expect_eq "$(digest <"$tags/arm64/manifest.json")" "$(raw plain | digest)" 'the tag under the mount'
skopeo delete --tls-verify=false "$from:docker"
! cat "$tags/docker/manifest.json" 2>/dev/null || fail 'a deleted tag is still there'
[[ ! -e $tags/docker ]] || fail 'a deleted tag can be looked up'
unmount
