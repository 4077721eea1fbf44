#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One image in every place that stores it: podman's store, a registry, the registry's own disk, and
# archives that podman and skopeo saved. Five mounts and more show the same image ID and the same
# diffs, whatever the manifests are, and digests that skopeo and podman give, too.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/stores.inc"

require skopeo buildah podman jq
start_registry
use_store vfs
make_base_files
pushed=docker://$registry/test/demo

# Two layers for two architectures; pushed, and joined by podman.
for arch in amd64 arm64; do
  build_image "$arch" "localhost/demo:demo-$arch"
  in_store buildah push --quiet --tls-verify=false "localhost/demo:demo-$arch" "$pushed:demo-$arch"
done
list_id=$(in_store podman manifest create localhost/demo:demo)
for arch in amd64 arm64; do
  in_store podman manifest add --tls-verify=false localhost/demo:demo "$pushed:demo-$arch"
done >"$work/added"
in_store podman manifest push --quiet --all --tls-verify=false localhost/demo:demo "$pushed:demo"

# Saved by both.
save() { in_store podman save --quiet "$@"; }
save --multi-image-archive --output "$work/podman-docker.tar" localhost/demo:demo-{amd64,arm64}
for arch in amd64 arm64; do
  save --format oci-archive --output "$work/podman-oci-$arch.tar" "localhost/demo:demo-$arch"
done
skopeo copy --quiet --all --src-tls-verify=false "$pushed:demo" "oci-archive:$work/skopeo-oci.tar:demo"
skopeo copy --quiet "$(in_store_name localhost/demo:demo-arm64)" \
  "docker-archive:$work/skopeo-docker.tar:localhost/demo:demo-arm64"

for arch in amd64 arm64; do mkdir -p "$mnt"/{store,registry,disk,podman-docker,podman-oci-$arch}; done
mount_at "$mnt/store" "$(in_store_name)"
mount_at "$mnt/registry" "$registry/test/demo"
mount_at "$mnt/disk" "registry-storage:$work/registry"
mount_at "$mnt/podman-docker" "docker-archive:$work/podman-docker.tar"
mount_at "$mnt/skopeo-docker" "docker-archive:$work/skopeo-docker.tar:localhost/demo"
mount_at "$mnt/skopeo-oci" "oci-archive:$work/skopeo-oci.tar"
for arch in amd64 arm64; do
  mount_at "$mnt/podman-oci-$arch" "oci-archive:$work/podman-oci-$arch.tar"
done
# images_of ARCH: the image directories of that architecture's image, the store's first.
images_of() {
  echo "$mnt/store/localhost/demo:demo-$1"
  echo "$mnt/registry/tags/demo-$1"
  echo "$mnt/registry/tags/demo/platforms/linux_$1"
  echo "$mnt/disk/test/demo:demo-$1"
  echo "$mnt/podman-docker/localhost/demo:demo-$1"
  echo "$mnt/podman-oci-$1/tags/demo-$1"
  echo "$mnt/skopeo-oci/tags/demo/platforms/linux_$1"
  if [[ $1 == arm64 ]]; then echo "$mnt/skopeo-docker/tags/demo-$1"; fi
}

digest() { echo "sha256:$(sha256sum | cut -d ' ' -f 1)"; }
linked() { basename "$(readlink "$1")"; }
# expect_manifest DIRECTORY NAME: the manifest has the digest that skopeo gives the image NAME.
expect_manifest() {
  skopeo inspect --raw --tls-verify=false "$2" >"$work/raw"
  expect_eq "$(linked "$1/manifest.json")" "$(digest <"$work/raw")" "the manifest digest of $2"
  cmp "$work/raw" "$1/manifest.json"
}

in_store podman images --digests --no-trunc --format '{{.Tag}} {{.Digest}} {{.ID}}' >"$work/podman"
# podman_says TAG FIELD: what `podman images` has for localhost/demo:TAG.
podman_says() { awk -v tag="$1" -v field="$2" '$1 == tag { print $field }' "$work/podman"; }

for arch in amd64 arm64; do
  tag=demo-$arch
  id=$(podman_says "$tag" 3)
  images_of "$arch" >"$work/images"
  while read -r image; do
    expect_eq "$(linked "$image/config.json")" "$id" "the image ID of $image"
    expect_eq "$(digest <"$image/config.json")" "$id" "the config of $image"
    jq -r '.rootfs.diff_ids[]' "$image/config.json" >"$work/diff_ids"
    expect_eq "$(wc -l <"$work/diff_ids")" 2
    for layer in "$image"/layers/*; do
      linked "$layer/diff"
      expect_eq "$(digest <"$layer/diff")" "$(linked "$layer/diff")" "$layer/diff"
      expect_eq "$(digest <"$layer/blob")" "$(linked "$layer/blob")" "$layer/blob"
    done >"$work/diffs"
    expect_eq "$(<"$work/diffs")" "$(<"$work/diff_ids")" "the diffs of $image"
    expect_eq "$(<"$image/rootfs/etc/os-release")" "ID=$arch" "a file of $image"
  done <"$work/images"

  expect_manifest "$mnt/store/localhost/demo:$tag" "$(in_store_name "localhost/demo:$tag")"
  expect_eq "$(linked "$mnt/store/localhost/demo:$tag/manifest.json")" "$(podman_says "$tag" 2)"
  expect_manifest "$mnt/registry/tags/$tag" "$pushed:$tag"
  expect_manifest "$mnt/disk/test/demo:$tag" "$pushed:$tag"
  expect_manifest "$mnt/podman-docker/localhost/demo:$tag" \
    "docker-archive:$work/podman-docker.tar:localhost/demo:$tag"
  expect_manifest "$mnt/podman-oci-$arch/tags/$tag" "oci-archive:$work/podman-oci-$arch.tar"

  # What pushing changed: the digests and sizes of layers, their types, and nothing else.
  diff <(jq . "$mnt/store/localhost/demo:$tag/manifest.json") \
    <(jq . "$mnt/registry/tags/$tag/manifest.json") >"$work/changed" && fail 'the manifests are equal'
  if grep -vE '^([0-9,]+c[0-9,]+|---)$|^[<>]       "(mediaType|digest|size)": ' "$work/changed"; then
    fail 'more than the layers has changed'
  fi
  cmp <(jq .config "$mnt/store/localhost/demo:$tag/manifest.json") \
    <(jq .config "$mnt/registry/tags/$tag/manifest.json")
  expect_eq "$(grep -c '^[<>].*"digest"' "$work/changed")" 4 'digests that differ: two layers, twice'
done
expect_manifest "$mnt/skopeo-docker/tags/demo-arm64" \
  "docker-archive:$work/skopeo-docker.tar:localhost/demo:demo-arm64"
expect_manifest "$mnt/skopeo-oci/tags/demo" "oci-archive:$work/skopeo-oci.tar"
expect_manifest "$mnt/store/localhost/demo:demo" "$(in_store_name localhost/demo:demo)"
expect_manifest "$mnt/registry/tags/demo" "$pushed:demo"
expect_manifest "$mnt/disk/test/demo:demo" "$pushed:demo"

# The companion says of the pushed copy what it is.
compared=0
"$(dirname "$DIGESTFS")/digestfs-compare" "$mnt/store/localhost/demo:demo-amd64" \
  "$mnt/disk/test/demo:demo-amd64" >"$work/compared" || compared=$?
grep -qi 'compressed' "$work/compared" || fail "status $compared: $(<"$work/compared")"

# sha256sum in the mount of the registry's disk: what is stored there is named by what it hashes to.
find "$work/registry/docker/registry/v2/blobs" -name data -exec sha256sum {} + |
  cut -d ' ' -f 1 | sort >"$work/on-disk"
(cd "$mnt/disk/_/blobs" && sed 's/^/sha256:/' "$work/on-disk" | xargs sha256sum --) >"$work/sums"
expect_eq "$(awk '"sha256:" $1 == $2 { print $1 }' "$work/sums" | sort)" "$(<"$work/on-disk")" \
  'the sums of all blobs'
for layer in "$mnt/disk/test/demo:demo-amd64"/layers/*; do
  expect_eq "$(sha256sum <"$layer/blob" | cut -d ' ' -f 1)" \
    "$(sha256sum <"$work/registry/docker/registry/v2/blobs/sha256/$(linked "$layer/blob" |
      sed 's/^sha256:\(..\)\(.*\)/\1\/\1\2/')/data" | cut -d ' ' -f 1)"
done

# A list has an ID that is the digest of nothing. It is found by it, and by its digest.
list=$(linked "$mnt/store/localhost/demo:demo/manifest.json")
[[ $list != "sha256:$list_id" ]] || fail 'the ID of the list is its digest'
expect_eq "$(podman_says demo 3)" "sha256:$list_id"
for path in "localhost/demo:$list_id" "localhost/demo/_/tags/$list_id" "_/tags/$list_id" \
  "localhost/demo@$list" "_/images/$list"; do
  expect_eq "$(linked "$mnt/store/$path/manifest.json")" "$list" "$path"
done
# The mount shows the one to who has the other.
find "$mnt/store/_/images" -name "$list" | grep -q . || fail 'the list is not listed'
for path in "localhost/demo/_/tags/demo" "_/images/$list"; do
  expect_eq "$(getfattr --absolute-names --only-values -n \
    user.oci.annotation.containers-storage.image.id "$mnt/store/$path")" "$list_id" "$path"
done

blob=$(linked "$mnt/disk/test/demo:demo-amd64/layers/00/blob")
for place in "$mnt"/*; do unmount "$place"; done

# S4: a blob was altered on the registry's disk. Not one byte of it is shown, and its problem is told.
expect_errors
rm -rf "$cache"
data=$work/registry/docker/registry/v2/blobs/sha256/${blob:7:2}/${blob#sha256:}/data
printf 'X' | dd of="$data" bs=1 seek=20 conv=notrunc status=none
mount_at "$mnt/disk" "registry-storage:$work/registry"
status=0
cat "$mnt/disk/test/demo/_/blobs/$blob" >"$work/shown" 2>"$work/words" || status=$?
expect_eq "$status $(wc -c <"$work/shown") $(grep -c 'Input/output error' "$work/words")" '1 0 1' \
  'what is shown of a damaged blob'
expect_eq "$(jq -r 'select(.kind == "digest-mismatch").object' "$mnt/disk/.digestfs/problems.jsonl")" \
  "$blob" 'what the problem is about'
unmount "$mnt/disk"
