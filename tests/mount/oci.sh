#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# oci/ is an OCI image layout: what other tools make of it is what they make of the registry itself.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/images.inc"

start_registry
push_images test/images
mount_source "$registry/test/images"
from=docker://$registry/test/images

# same WHAT COMMAND…: the command, given one source and then the other, makes the same folder. The
# source and the folder are its last arguments.
same_folder() {
  local what=$1
  shift
  rm -rf "$work/a" "$work/b"
  "$@" "$of_mount" "dir:$work/a" >/dev/null
  "$@" --src-tls-verify=false "$of_registry" "dir:$work/b" >/dev/null
  diff -r "$work/a" "$work/b" || fail "$what: the copies differ"
}

for tag in amd64 arm64 zstd plain docker multi docker-list; do
  layout=$mnt/tags/$tag/oci
  expect_eq "$(ls "$layout")" $'blobs\nindex.json\noci-layout' "$tag"
  expect_eq "$(jq -r .imageLayoutVersion "$layout/oci-layout")" 1.0.0
  digest=$(skopeo inspect --raw --tls-verify=false "$from:$tag" | sha256sum | cut -d ' ' -f 1)
  expect_eq "$(jq -r '.manifests[0].digest' "$layout/index.json")" "sha256:$digest" "$tag"
  expect_eq "$(jq -r '.manifests[0].size' "$layout/index.json")" \
    "$(stat -Lc %s "$mnt/tags/$tag/manifest.json")" "size of $tag"
  # It is complete, and nothing else is in it.
  expect_eq "$(find "$layout/blobs" -type f -printf '%f\n' | sort)" \
    "$(find -L "$mnt/tags/$tag/" -regex '.*/\(manifest.json\|platforms/[^/]*\(/manifest.json\|/config.json\|/layers/[0-9]*/blob\)\)' \
      -exec readlink -f {} + | sed 's/.*sha256://' | sort -u)" "blobs of $tag"
  (cd "$layout/blobs/sha256" && for blob in *; do echo "$blob  $blob"; done | sha256sum --check --quiet)
  of_mount=oci:$layout of_registry=$from:$tag
  same_folder "$tag" skopeo copy
  same_folder "all of $tag" skopeo copy --all
  for question in --raw '--config --raw'; do
    # shellcheck disable=SC2086
    cmp <(skopeo inspect $question --override-arch=arm64 "$of_mount") \
      <(skopeo inspect $question --override-arch=arm64 --tls-verify=false "$of_registry") ||
      fail "skopeo inspect $question of $tag"
  done
  # The same bytes are one inode, whatever their name.
  expect_eq "$(stat -c %i "$layout/blobs/sha256/$digest")" \
    "$(stat -Lc %i "$mnt/tags/$tag/manifest.json")" "inode of $tag"
done

# The repository's: every tag, by its name.
expect_eq "$(jq -r '.manifests[] | .annotations["org.opencontainers.image.ref.name"] + " " + .digest' \
  "$mnt/oci/index.json" | sort)" \
  "$(for tag in "$mnt"/tags/*; do
    echo "$(basename "$tag") $(basename "$(readlink "$tag/manifest.json")")"
  done | sort)" 'index of the repository'
expect_eq "$(stat -c %s "$mnt/oci/index.json")" "$(wc -c <"$mnt/oci/index.json")"
of_mount=oci:$mnt/oci:zstd of_registry=$from:zstd
same_folder 'zstd of the repository' skopeo copy
tar -C "$mnt/tags/multi/oci" -cf "$work/multi.tar" .
of_mount=oci-archive:$work/multi.tar of_registry=$from:multi
same_folder 'an archive of multi' skopeo copy --all

# umoci and podman read it as they read a copy of the image.
skopeo copy --quiet --src-tls-verify=false "$from:amd64" "oci:$work/copy:amd64"
umoci unpack --image "$work/copy:amd64" "$work/copied" >/dev/null 2>&1
umoci unpack --image "$mnt/tags/amd64/oci:amd64" "$work/mounted" >/dev/null 2>&1
diff -r "$work/copied/rootfs" "$work/mounted/rootfs"
# podman makes a name of the path, which must not have capitals then.
plain=$(mktemp --dry-run /tmp/digestfs-oci-XXXXXX | tr '[:upper:]' '[:lower:]')
ln -s "$mnt" "$plain"
id=$(podman --root "$work/podman" --runroot "$work/podman-run" --storage-driver vfs \
  pull --quiet "oci:$plain/tags/amd64/oci")
rm "$plain"
expect_eq "sha256:$id" "$(basename "$(readlink "$mnt/tags/amd64/config.json")")" 'what podman pulls'
unmount

# Nothing is asked for what nobody wants: no tag for the layout, no layer for its index.
rm -rf "$cache"
mount_source "$registry/test/images"
forget_requests
ls -l "$mnt/oci" "$mnt/oci/blobs" >/dev/null
expect_eq "$(requests '[A-Z]+ /v2/[^ ]*/manifests/')" 0 'requests of ls oci'
jq . "$mnt/oci/index.json" >/dev/null
expect_eq "$(requests 'HEAD /v2/[^ ]*/manifests/')" 7 'one HEAD a tag'
expect_eq "$(requests 'GET /v2/[^ ]*/(manifests|blobs)/')" 0 'nothing fetched for the index'
find "$mnt/tags/multi/oci" -ls >/dev/null
expect_eq "$(requests 'GET /v2/[^ ]*/manifests/')" 3 'an index and its two manifests'
expect_eq "$(requests 'GET /v2/[^ ]*/blobs/')" 0 'no layer'
unmount
